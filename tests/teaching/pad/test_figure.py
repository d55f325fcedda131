"""The figure of padding: legible, on one scale, with the pixel that each cell copies."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import Pads
from convcli.images.image import ImageData
from convcli.images.padding import pad_image
from convcli.signals import SampleAxis
from convcli.teaching.pad.figure import draw_padding

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
STEP = np.array([[10, 10, 0], [20, 20, 0], [30, 30, 0]])
COLOR = RNG.integers(0, 256, (60, 90, 3), np.uint8)
FIGURES = {
    "matrix": (STEP, (1, 2, 2, 1), "reflect"),
    "fill": (STEP, (1, 1, 1, 1), "constant"),
    "floats": (RNG.normal(size=(6, 6)), (2, 2, 2, 2), "wrap"),
    "none": (STEP, (0, 0, 0, 0), "edge"),
    "gray": (RNG.integers(0, 256, (100, 150), np.uint8), (0, 9, 50, 0), "symmetric"),
    "color": (COLOR, (5, 5, 5, 5), "edge"),
    "signal": (np.array([[1, 2, 3, 2, 1]]), (0, 0, 2, 3), "reflect"),
    "column": (np.array([[1], [2], [3]]), (2, 1, 0, 0), "zero"),
    "column among columns": (np.arange(30).reshape(-1, 1), (2, 2, 2, 2), "edge"),
    "row among rows": (np.array([[1, 2, 3, 2, 1]]), (1, 1, 1, 1), "reflect"),
}


def draw(name, **options):
    pixels, sides, border = FIGURES[name]
    image = ImageData(pixels, 8 if pixels.dtype == np.uint8 else None)
    pads, fill = Pads(*sides), 9 if border == "constant" else 0
    padded = pad_image(image, pads, border, fill)
    return draw_padding(
        image, padded, pads, border, fill, title="t", options=FigureOptions(**options)
    )


@pytest.fixture(scope="module")
def drawn():
    return cache(draw)


def images(figure):
    return [axes for axes in figure.axes if axes.images]


def cells(axes):
    return [text.get_text() for text in axes.texts]


def words(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("name", FIGURES)
def test_every_theme_keeps_its_page_and_its_text(drawn, name, theme, fits_page):
    fits_page(drawn(name, theme=theme), theme)


@pytest.mark.parametrize("theme", ["screen", "slide"])
@pytest.mark.parametrize("name", ["matrix", "floats", "gray", "color"])
def test_cells_of_the_image_and_the_padded_image_are_alike(drawn, name, theme):
    shown = images(drawn(name, theme=theme))
    sides = [axes.bbox.width / np.ptp(axes.images[0].get_extent()[:2]) for axes in shown]
    assert len(sides) >= 2
    assert sides[:2] == pytest.approx([sides[0]] * 2, rel=1e-3)


def test_a_matrix_is_drawn_with_and_without_padding(drawn):
    original, padded, copied = images(drawn("matrix"))
    assert cells(original) == [str(number) for number in STEP.ravel()]
    expected = np.pad(STEP, ((1, 2), (2, 1)), mode="reflect")
    assert cells(padded) == [str(number) for number in expected.ravel()]
    rows, columns = (np.pad(grid, ((1, 2), (2, 1)), mode="reflect") for grid in np.indices((3, 3)))
    places = zip(rows.ravel(), columns.ravel(), strict=True)
    assert cells(copied) == [f"{row},{column}" for row, column in places]
    assert "border reflect" in words(drawn("matrix"))
    assert "6x6, hatched: padding 1,2,2,1 (reflect)" in words(drawn("matrix"))


@pytest.mark.parametrize("name", ["fill", "none", "gray", "color"])
def test_no_places_where_nothing_is_copied_or_cells_are_too_small(drawn, name):
    assert len(images(drawn(name))) == 2


@pytest.mark.parametrize("sides", [(1, 1, 1, 1), (2, 2, 2, 2), (5, 5, 5, 5)])
@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])
def test_no_grid_is_without_numbers_where_a_page_has_room_for_fewer_grids(theme, sides):
    image, pads = ImageData(RNG.integers(0, 99, (6, 6)), None), Pads(*sides)
    padded = pad_image(image, pads, "reflect")
    figure = draw_padding(
        image, padded, pads, "reflect", title="t", options=FigureOptions(theme=theme)
    )
    grids = images(figure)
    assert len(grids) > 1
    assert all(map(cells, grids))
    names = ["input", "padded", "copied from"]
    [missing] = {name for name in names if name not in words(figure)} or {""}
    assert (f"left out: {missing}" in "".join(words(figure))) == bool(missing)


def test_a_padded_matrix_whose_copies_have_no_room_for_numbers_shows_no_copies():
    image, pads = ImageData(np.arange(144).reshape(12, 12), None), Pads(2, 2, 2, 2)
    figure = draw_padding(image, pad_image(image, pads, "edge"), pads, "edge")
    assert len(images(figure)) == 2
    assert all(map(cells, images(figure)))


@pytest.mark.parametrize(
    ("side", "left_out"), [(12, "copied from"), (16, "numbers that do not fit, copied from")]
)
def test_a_small_matrix_without_room_for_its_copies_says_so(side, left_out):
    image, pads = ImageData(np.arange(side * side).reshape(side, side) % 10, None), Pads(2, 2, 2, 2)
    figure = draw_padding(image, pad_image(image, pads, "wrap", 0), pads, "wrap")
    assert f"border wrap · left out: {left_out}" in words(figure)


def test_the_copies_of_colors_are_named(fits_page):
    image, pads = ImageData(COLOR[:3, :3], 8), Pads(1, 1, 1, 1)
    figure = draw_padding(image, pad_image(image, pads, "wrap", 0), pads, "wrap")
    fits_page(figure, "screen")
    assert cells(images(figure)[2])[:5] == ["2,2", "2,0", "2,1", "2,2", "2,0"]


def test_both_images_have_one_scale(drawn):
    for name in ("fill", "floats", "gray"):
        scales = [axes.images[0].get_clim() for axes in images(drawn(name))]
        assert len(set(scales)) == 1
    assert "border constant 9" in words(drawn("fill"))


def test_a_signal_has_the_x_axis_of_the_padded_one_and_names_what_padding_copies(drawn):
    source, padded = drawn("signal").axes
    assert source.get_xlim() == padded.get_xlim() == (-2.5, 7.5)
    assert cells(source) == ["1", "2", "3", "2", "1"]
    assert cells(padded) == ["3", "2", "1", "2", "3", "2", "1", "2", "3", "2"]
    labels = [label.get_text() for label in padded.get_xticklabels()]
    assert labels == ["-2\n(2)", "-1\n(1)", *"01234", "5\n(3)", "6\n(2)", "7\n(1)"]
    assert not any("(" in label.get_text() for label in drawn("column").axes[1].get_xticklabels())
    assert "10 samples; hatched: padding 2,3 (reflect); below it in brackets: what it copies" in (
        words(drawn("signal"))
    )
    assert len(images(drawn("row among rows"))) == 3


def test_a_long_signal_names_the_copies_of_its_outermost_samples():
    pixels, pads = np.arange(100.0).reshape(1, -1), Pads(0, 0, 7, 9)
    image = ImageData(pixels, None, axis=SampleAxis(Fraction(0), Fraction(1, 2)))
    padded = pad_image(image, pads, "wrap")
    axes = draw_padding(image, padded, pads, "wrap").axes[1]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert (labels[0], labels[-1]) == ("-3.5\n(46.5)", "54\n(4)")
    assert labels[1:-1] == ["0", "10", "20", "30", "40", "50\n(0)"]


def test_a_signal_has_the_options_of_figures():
    [axes] = draw("signal", panels=("padded",), limits=(-5, 5), axes=False).axes
    assert axes.get_ylim() == (-5, 5)
    assert list(axes.get_xticks()) == []
    assert {"A", "B"} <= set(words(draw("signal", titles=("A", "B"))))
    with pytest.raises(UsageError, match="signal stand in one column"):
        draw("signal", layout="row")


def test_panels_titles_and_layout():
    [axes] = images(draw("matrix", panels=("padded",), titles=("Padded",)))
    assert len(cells(axes)) == 36
    figure = draw("matrix", panels=("padded", "input"), titles=("One", "Two"), layout="column")
    first, second = (axes.get_position() for axes in images(figure))
    assert first.y0 > second.y1
    assert {"One", "Two"} <= set(words(figure))
    assert len(images(draw("matrix", titles=("One", "Two")))) == 2  # without copied places
    with pytest.raises(UsageError, match="titles: 3 needed, one for each panel, and 1 given"):
        draw("matrix", titles=("One",))
