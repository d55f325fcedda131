import re
from fractions import Fraction

import numpy as np
import pytest

from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import read_spec
from convcli.plotting.contact_sheet import draw_sheet
from convcli.plotting.filter_figure import draw_filtering
from convcli.plotting.heatmap import kernel_heatmaps
from convcli.plotting.result_tiles import draw_results, input_tile, result_tile
from convcli.plotting.sample_scale import SAMPLE_NUMBERS
from convcli.plotting.sheet_tile import Corner, SheetTile
from convcli.plotting.style import THEMES
from convcli.signals import SampleAxis

RNG = np.random.default_rng(8)
GRAY = RNG.integers(0, 256, (60, 80), np.uint8)
COLOR = RNG.integers(0, 256, (50, 40, 3), np.uint8)
SIGNED = RNG.normal(size=(40, 50))
LONG = "a-name-without-an-end_" * 9


def tiles(pixels, count=1, max_value=None, **more):
    return [SheetTile(f"map-{n + 1}", pixels, max_value, **more) for n in range(count)]


SHEETS = {
    "one": tiles(GRAY, 1, 255, caption="80x60, min -3, max 900"),
    "gray": tiles(GRAY, 7, 255),
    "color": tiles(COLOR, 6, 255),
    "16-bit": tiles(GRAY.astype(np.uint16) * 257, 2, 65535),
    "kernels-3x3": tiles(RNG.integers(-9, 10, (3, 3)), 9),
    "kernels-15x15": tiles(RNG.normal(size=(15, 15)), 3),
    "kernels-30x30": tiles(RNG.normal(size=(30, 30)), 5),
    "tiny-values": tiles(RNG.normal(size=(5, 5)) * 1e-9, 5),
    "huge-values": tiles(RNG.normal(size=(50, 5)) * 1e300, 5),
    "signals": tiles(RNG.integers(-5, 9, (1, 12)), 4),
    "long-signals": tiles(RNG.normal(size=(1, 300)), 7),
    "many-signals": tiles(RNG.normal(size=(2, 90)), 20),
    "columns": tiles(RNG.integers(-5, 9, (12, 1)), 5),
    "one-value": tiles(np.zeros((1, 1)), 2),
    "constant": tiles(np.full((4, 4), -7), 2),
    "64-maps": tiles(SIGNED * 1e4, 64),
    "64-images": tiles(GRAY, 64, 255),
    "25-cells": tiles(RNG.integers(0, 9, (2, 2)), 25),
    "long-names": [SheetTile(LONG, GRAY, 255, "so long " * 9)] * 5,
    "36-long-names": [SheetTile(LONG, SIGNED, None)] * 36,
    "every-kind": [
        *tiles(GRAY, 2, 255), *tiles(COLOR, 1, 255), *tiles(SIGNED), *tiles(GRAY[:5], 1, 255),
        *tiles(GRAY[:, :4], 1, 255), *tiles(SIGNED, 1, unit="difference"), *tiles(SIGNED > 0),
        *tiles(COLOR / 7.0),
    ],
}  # fmt: skip


COMMON = ("16-bit", "25-cells", "64-images", "huge-values", "kernels-3x3", "one", "every-kind")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale"),
    [(name, "own") for name in SHEETS if name != "64-images"]
    + [(name, "common") for name in COMMON],
)
def test_nothing_is_cut_or_overlaps(name, scale, fits_page):
    figure = draw_sheet(SHEETS[name], title="/a/folder/of images/$a$_b.png", scale=scale)
    fits_page(figure, "screen")


THEMED = ("one", "gray", "kernels-3x3", "kernels-15x15", "signals", "64-maps", "every-kind")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["slide", "paper"])  # those on screen are tested above
@pytest.mark.parametrize("name", THEMED)
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    fits_page(draw_sheet(SHEETS[name], title="t.png", options=FigureOptions(theme=theme)), theme)


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "across"), [("column", 1), ("row", 5), ("grid", 3)])
def test_the_layout_sets_the_number_of_tiles_side_by_side(layout, across, legible):
    figure = draw_sheet(tiles(GRAY, 5, 255), options=FigureOptions(layout=layout))
    legible(figure)
    places = {round(axes.get_position().x0, 6) for axes in shown(figure)}
    assert len(places) == across


def shown(figure):
    """The axes of the tiles, in their order; a bar is no image."""
    return [axes for axes in figure.axes if axes.images]


def bars(figure):
    return [axes for axes in figure.axes if not axes.images]


def said(figure):
    """All words of the page."""
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def limits(figure):
    return [axes.images[0].get_clim() for axes in shown(figure)]


@pytest.mark.slow
def test_tiles_go_row_by_row_under_their_titles():
    figure = draw_sheet(tiles(GRAY, 8, 255, caption="two\nlines"))
    places = [(-round(each.get_position().y0, 6), each.get_position().x0) for each in shown(figure)]
    assert places == sorted(places)
    titles = [text for text in figure.texts if text.get_text().startswith("map-")]
    assert [text.get_text() for text in titles] == [f"map-{n}" for n in range(1, 9)]
    for title, axes in zip(titles, shown(figure), strict=True):
        box = axes.get_position()
        assert title.get_position()[0] == pytest.approx((box.x0 + box.x1) / 2)
        assert title.get_position()[1] > box.y1
    lefts = [round(axes.get_position().x0, 6) for axes in shown(figure)]
    assert lefts[6:] == lefts[:2]  # the last row is no centered one


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(60, 80), (200, 60), (3, 5), (40, 41)])
def test_pixels_are_square_and_boxes_equal(shape):
    figure = draw_sheet(tiles(RNG.normal(size=shape), 6))
    boxes = np.array([axes.bbox.size for axes in shown(figure)])
    np.testing.assert_allclose(boxes, boxes[:1].repeat(6, axis=0), rtol=1e-6)
    np.testing.assert_allclose(boxes[0, 1] / boxes[0, 0], shape[0] / shape[1], rtol=1e-6)


@pytest.mark.slow
def test_more_tiles_are_smaller():
    boxes = [shown(draw_sheet(tiles(GRAY, n, 255)))[0].bbox.width for n in (1, 9, 64)]
    assert boxes == sorted(boxes, reverse=True)
    assert boxes[-1] > 100


def test_own_scales_run_from_least_to_greatest():
    values = [
        SheetTile("a", np.array([[1.0, 4], [2, 2]]), None),
        SheetTile("b", np.array([[-3.0, 9], [2, 2]]), None),
    ]
    figure = draw_sheet(values)
    assert limits(figure) == [(1, 4), (-9, 9)]
    assert [axes.images[0].get_cmap().name for axes in shown(figure)] == ["gray", "RdBu_r"]
    assert len(bars(figure)) == 2


def test_a_common_scale_holds_all_plain_numbers_and_has_one_bar():
    values = [
        SheetTile("a", np.array([[1.0, 4]]), None),
        SheetTile("b", np.array([[-3.0, 2]]), None),
        SheetTile("zero", np.zeros((2, 2)), None),
    ]
    figure = draw_sheet(values, scale="common")
    assert limits(figure) == [(-4, 4)] * 3
    assert {axes.images[0].get_cmap().name for axes in shown(figure)} == {"RdBu_r"}
    [bar] = bars(figure)
    assert bar.get_ylabel() == "value"
    assert bar.get_ylim() == (-4, 4)
    assert bar.bbox.height == pytest.approx(max(axes.bbox.height for axes in shown(figure)))


def test_a_flat_map_does_not_widen_the_common_scale():
    values = [
        SheetTile("zero", np.zeros((2, 2)), None),
        SheetTile("b", np.full((2, 2), 1e-3), None),
    ]
    assert limits(draw_sheet(values, scale="common")) == [(0, 1e-3)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["own", "common"])
def test_images_run_from_0_to_white_with_one_bar(scale):
    figure = draw_sheet([*tiles(GRAY // 2, 3, 255), *tiles(COLOR, 2, 255)], scale=scale)
    assert limits(figure)[:3] == [(0, 255)] * 3
    [bar] = bars(figure)
    assert bar.get_ylim() == (0, 255)
    np.testing.assert_allclose(shown(figure)[4].images[0].get_array(), COLOR / 255)


def test_color_images_have_no_bar():
    figure = draw_sheet(tiles(COLOR, 3, 255))
    assert not bars(figure)


def test_units_do_not_share_a_scale():
    figure = draw_sheet([*tiles(SIGNED), *tiles(SIGNED * 9, unit="difference")], scale="common")
    first, second = limits(figure)
    assert second[1] == pytest.approx(9 * first[1])
    assert [bar.get_ylabel() for bar in bars(figure)] == ["value", "difference"]


def test_dark_pages_are_laid_out_as_on_screen():
    dark, screen = (THEMES[name]._asdict() for name in ("dark", "screen"))
    sizes = {name for name, value in screen.items() if not isinstance(value, str)}
    assert {name: dark[name] for name in sizes} == {name: screen[name] for name in sizes}


@pytest.mark.slow
@pytest.mark.parametrize("shapes", [[(15, 15)] * 3, [(3, 3), (16, 16)], [(3, 3), (17, 17)]])
def test_all_tiles_have_numbers_or_none_has(shapes):
    grids = [RNG.normal(size=shape) * 10.0**n for n, shape in enumerate(shapes)]
    for theme in THEMES:
        options = FigureOptions(theme=theme)
        figure = draw_sheet([SheetTile("", grid, None) for grid in grids], options=options)
        assert len({bool(axes.texts) for axes in shown(figure)}) == 1
        is_left_out = max(max(shapes)) <= 16 and not shown(figure)[0].texts
        assert ("numbers that do not fit" in said(figure)) == is_left_out


@pytest.mark.slow
def test_a_full_slide_leaves_out_tiles_and_says_how_many(legible):
    figure = draw_sheet(tiles(SIGNED, 200), options=FigureOptions(theme="slide"))
    legible(figure)
    count = len(shown(figure))
    assert 10 < count < 200
    assert f"{200 - count} of 200 results" in said(figure)


@pytest.mark.slow
def test_a_full_slide_leaves_out_captions_before_tiles():
    options = FigureOptions(theme="slide")
    named = tiles(GRAY, 15, 255, caption="a long caption of many words " * 3)
    figure = draw_sheet(named, options=options)
    assert len(shown(figure)) == 15
    assert "a long caption" not in said(figure)
    assert "left out: tick labels, sizes and extremes" in said(figure)
    assert not any(len(axes.get_xticks()) for axes in shown(figure))


@pytest.mark.slow
def test_many_matrices_lose_their_numbers_before_the_page_becomes_a_tower():
    """With numbers of six letters, no two tiles of 16x16 stand side by side."""
    figure = draw_sheet(tiles(RNG.normal(size=(16, 16)).round(2) - 10, 40))
    width, height = figure.get_size_inches()
    assert height < 1.5 * width
    assert len(shown(figure)) == 40
    assert not any(axes.texts for axes in shown(figure))
    assert "left out: numbers that do not fit" in said(figure)


@pytest.mark.slow
def test_a_page_has_an_end_and_says_what_lies_beyond_it():
    filters = [Filter("k", read_spec("outline").kernels)]
    image = ImageData(GRAY, 8)
    results = [(each, filter_image(image, each, 8)) for each in filters] * 200
    figure = draw_filtering(image, results)
    assert figure.get_figheight() <= 56
    drawn = sum(len(axes.images) for axes in figure.axes)
    [missing, count] = re.search(r"(\d+) of (\d+) panels", said(figure)).groups()
    assert int(missing) == int(count) - drawn == 401 - drawn > 0


def test_a_page_of_too_many_pixels_is_refused_before_it_is_drawn():
    options = FigureOptions(width=60, dpi=1200)
    with pytest.raises(UsageError, match=r"^the figure would have 72,000x\d\d,\d{3} pixels, above"):
        draw_sheet(tiles(GRAY, 4, 255), options=options)


def test_a_small_grid_has_its_numbers():
    matrix = np.array([[1, -2], [3, 40]])
    [axes] = shown(draw_sheet([SheetTile("k", matrix, None)]))
    assert [text.get_text() for text in axes.texts] == ["1", "-2", "3", "40"]
    assert axes.images[0].get_interpolation() == "nearest"


def test_nan_is_counted_in_the_caption():
    values = np.array([[1.0, np.nan], [np.inf, -1]])
    figure = draw_sheet([SheetTile("k", values, None)])
    [axes] = shown(figure)
    assert "1 NaN in magenta 1 infinite, in the color of the bar's end" in said(figure)
    assert axes.images[0].get_clim() == (-1, 1)


def test_dollars_in_the_heading_are_not_parsed_as_math():
    figure = draw_sheet(tiles(GRAY, 1, 255), title="$a_b$")
    assert figure.texts[0].get_text() == "$a_b$"
    assert not figure.texts[0].get_parse_math()


def test_inputs_are_not_modified():
    before = SIGNED.copy(), COLOR.copy()
    draw_sheet([*tiles(SIGNED), *tiles(COLOR, 1, 255)])
    np.testing.assert_array_equal(before[0], SIGNED)
    np.testing.assert_array_equal(before[1], COLOR)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tiles": []}, "at least one tile"),
        ({"tiles": tiles(np.zeros((4, 4, 2)))}, "1 or 3 channels"),
        (
            {"tiles": tiles(GRAY, 3), "options": FigureOptions(titles=("a", "b"))},
            "titles: 3 needed, one for each tile, and 2 given",
        ),
    ],
)
def test_no_tiles_and_other_channels_are_errors(arguments, message):
    with pytest.raises(UsageError, match=message):
        draw_sheet(**arguments)


def test_the_user_names_tiles_and_sets_colors():
    options = FigureOptions(
        titles=("A", "B"), cmap="magma", limits=(0, 9), axes=False, bars=False, title=""
    )
    figure = draw_sheet(tiles(SIGNED, 2, caption="40x50"), title="t.png", options=options)
    assert [text.get_text() for text in figure.texts] == ["limits 0 to 9", "A", "B"]
    assert limits(figure) == [(0, 9)] * 2
    assert {axes.images[0].get_cmap().name for axes in shown(figure)} == {"magma"}
    assert not bars(figure)
    assert not any(len(axes.get_xticks()) for axes in shown(figure))


@pytest.mark.parametrize("scale", ["own", "common"])
def test_a_mapped_tile_has_a_bar_of_its_own_with_both_units(scale):
    both = [*tiles(GRAY, 2, 255), SheetTile("offset", GRAY, 255, mapped=(-128.0, 127.0))]
    figure = draw_sheet(both, scale=scale)
    mapped, *_ = sorted(bars(figure), key=lambda bar: bar.get_ylabel() == "pixel")
    assert {bar.get_ylabel() for bar in bars(figure)} == {"pixel", "pixel = value"}
    labels = [tick.get_text() for tick in mapped.get_yticklabels()]
    assert labels == ["0 = -128", "128 = 0", "255 = 127"]


def test_a_kernel_stands_small_at_the_left_of_its_tile(legible):
    kernels = kernel_heatmaps((Kernel([[1, 0, -1]], name="d"),), most=4)
    figure = draw_sheet([SheetTile("d", GRAY, 255, kernels=kernels)])
    legible(figure)
    kernel, tile = shown(figure)
    assert [text.get_text() for text in kernel.texts] == ["1", "0", "-1"]
    assert kernel.get_position().x1 < tile.get_position().x0
    assert kernel.bbox.width < tile.bbox.width / 2


def test_a_corner_is_framed_and_drawn_magnified_at_the_right(legible):
    fine = np.zeros(GRAY.shape, np.uint8)
    fine[48, 68] = 200
    tile = SheetTile("c", GRAY, 255, corner=Corner(48, 68, 12))
    for given, expected in ((None, GRAY), (fine, fine)):
        figure = draw_sheet([tile._replace(fine=given)])
        legible(figure)
        whole, corner = shown(figure)
        np.testing.assert_array_equal(corner.images[0].get_array(), expected[48:, 68:])
        assert corner.images[0].get_clim() == whole.images[0].get_clim() == (0, 255)
        assert whole.get_position().x1 < corner.get_position().x0
        [frame] = whole.patches
        assert frame.get_bbox().bounds == (67.5, 47.5, 12, 12)
        assert [label.get_text() for label in corner.get_xticklabels()] == ["68", "79"]
        assert [label.get_text() for label in corner.get_yticklabels()] == ["48", "59"]
        assert not any(line.get_visible() for line in corner.xaxis.get_gridlines())
        assert not any(tick.gridline.get_visible() for tick in corner.xaxis.get_minor_ticks())


def stems(axes):
    """The places and heights of the samples of a signal."""
    [dots] = [line for line in axes.lines if line.get_marker() == "o"]
    return dots.get_xdata().tolist(), dots.get_ydata().tolist()


@pytest.mark.parametrize("low", [-50, 0])
def test_the_axes_of_signals_on_a_slide_end_near_their_values(low):
    signals = tiles(RNG.integers(low, 50, (1, 40)), 6)
    figure = draw_sheet(signals, scale="own", options=FigureOptions(theme="slide"))
    for axes in figure.axes:
        bottom, top = axes.get_ylim()
        _, heights = axes.lines[1].get_data()
        assert -60 < bottom <= heights.min()
        assert heights.max() <= top < 60
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("sample", "value")


@pytest.mark.parametrize("scale", ["own", "common"])
def test_signals_are_stems_along_one_axis(scale, legible):
    drawn = [
        SheetTile("same", np.array([[1, 2, 3]]), None),
        SheetTile("valid", np.array([[8]]), None, places=SAMPLE_NUMBERS.after(1)),
        SheetTile(
            "stride 2", np.array([[4, 5]]), None, places=SampleAxis(Fraction(0), Fraction(2))
        ),
    ]
    figure = draw_sheet(drawn, scale=scale)
    legible(figure)
    assert [stems(axes) for axes in figure.axes] == [
        ([0, 1, 2], [1, 2, 3]),
        ([1], [8]),
        ([0, 2], [4, 5]),
    ]
    assert {axes.get_xlim() for axes in figure.axes} == {(-0.5, 2.5)}
    assert len({axes.get_ylim() for axes in figure.axes}) == (1 if scale == "common" else 3)
    lefts = {round(axes.get_position().x0, 6) for axes in figure.axes}
    assert len(lefts) == 1


def test_samples_with_positions_have_them_as_labels():
    axis = SampleAxis(Fraction(-1), Fraction(1, 2))
    image = ImageData(np.array([[1, 2, 3, 4]]), None, axis=axis)
    image_filter = Filter("k", (Kernel([[1, 1, 1]]),), conv=ConvOptions(padding="valid"))
    filtered = filter_image(image, image_filter, None)
    options = FigureOptions(panels=("input", "result"))
    tile = result_tile("k", image_filter, filtered, "common", image, options)
    source, result = draw_sheet([*input_tile(image, options), tile]).axes
    assert stems(source) == ([-1, -0.5, 0, 0.5], [1, 2, 3, 4])
    assert stems(result) == ([-0.5, 0], [6, 9])
    for axes in (source, result):
        labels = [label.get_text() for label in axes.get_xticklabels()]
        assert (axes.get_xlabel(), labels) == ("x", ["-1", "-0.5", "0", "0.5"])


def test_a_color_map_of_plain_numbers_says_which_gray_is_0():
    pixels = np.array([[[-9, 0, 3], [0, 0, 0]]] * 2)
    figure = draw_sheet([SheetTile("raw", pixels, None), SheetTile("photo", pixels + 9, 255)])
    captions = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert captions.count("each channel: black -9, mid-gray 0, white 9") == 1
    [image] = figure.axes[0].images
    np.testing.assert_allclose(image.get_array()[0, 1], 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale"), [("one", "own"), ("kernels-3x3", "common"), ("signals", "own")]
)
def test_the_sheet_is_laid_out_as_it_was(name, scale, laid_out):
    laid_out(draw_sheet(SHEETS[name], title="t", scale=scale), f"sheet-{name}")


def test_the_filters_of_a_bank_are_numbered_below_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", np.ones((2, 1, 3, 3)))
    image = ImageData(np.zeros((8, 8), np.uint8), 8)
    filters = [Filter(kernel.name, (kernel,)) for kernel in read_spec("bank.npy").kernels]
    figure = draw_results(image, [(each, filter_image(image, each, 8)) for each in filters])
    texts = [text.get_text() for text in figure.texts]
    assert [text for text in texts if text.startswith(("bank", "filter"))] == [
        "bank.npy",
        "filter 1",
        "filter 2",
    ]
    for rule, count in (("rescale", 1), ("percentile", 1), ("offset", 0)):
        ranged = [each._replace(range=rule) for each in filters]
        figure = draw_results(image, [(each, filter_image(image, each, 8)) for each in ranged])
        assert said(figure).count("each tile stretched on its own") == count


def test_many_results_of_color_filters_have_kernels_in_colors_and_the_ends_of_their_scales(legible):
    image = ImageData(COLOR, 8)
    weights = RNG.normal(size=(17, 3, 3, 3))
    weights[0] = 0
    weights[0, 0, 1, 1] = 2  # twice the red pixel
    filters = [Filter(f"f{n}", (Kernel(each),), range="raw") for n, each in enumerate(weights)]
    results = [(each, filter_image(image, each, None)) for each in filters]
    options = FigureOptions(panels=("kernel", "result"))
    figure = draw_results(image, results, scale="own", options=options)
    legible(figure)
    assert len(figure.axes) == 2 * 17
    kernel, result = figure.axes[0].images[0], figure.axes[1].images[0]
    colors = np.full((3, 3, 3), 0.5)
    colors[1, 1, 0] = 1
    np.testing.assert_allclose(kernel.get_array(), colors)
    texts = [text.get_text() for text in figure.texts]
    least, greatest = result.get_clim()
    assert texts[texts.index("f0") - 1] == f"{least:g} to {greatest:g}"
    assert texts[texts.index("f1") - 1] == f"±{figure.axes[3].images[0].get_clim()[1]:.5g}"
    facts = " ".join(" ".join(texts).split())
    assert "each result has its own scale, the ends of the colors above each tile" in facts
    assert "kernels: red, green and blue are weights, gray is 0" in facts
    assert "left out: tick labels, sizes and extremes" in facts


def test_a_slide_holds_64_results():
    figure = draw_sheet(SHEETS["64-images"], options=FigureOptions(theme="slide"))
    assert sum(bool(axes.images) for axes in figure.axes) >= 64
    assert "64" not in said(figure).partition("left out")[2]


def test_a_title_stands_over_the_middle_of_its_image_beside_the_kernel():
    group = kernel_heatmaps([Kernel(np.ones((3, 3)))], most=1)
    figure = draw_sheet(tiles(GRAY, 2, 255, kernels=group))
    middles = [axes.get_position() for axes in figure.axes if axes.images][1::2]
    titles = [text.get_position()[0] for text in figure.texts if text.get_text()[:3] == "map"]
    np.testing.assert_allclose(titles, [(box.x0 + box.x1) / 2 for box in middles[:2]], rtol=1e-6)
