"""The frames of a sliding window: positions, padding, results, products and layout."""

import itertools
import math
import re
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from convcli.core.missing import Missing
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.geometry import ConvOptions, Pads, conv_geometry
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import read_spec
from convcli.plotting.moving import region_of
from convcli.plotting.style import theme
from convcli.plotting.window_marks import WINDOW_COLOR, WindowMarks
from convcli.teaching.animate.scene import DPI, animate_window
from convcli.teaching.animate.sliding import choose_positions, slide_over

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(6)
TOY = np.array([[10, 10, 10, 0, 0, 0]] * 6)
GRAY = RNG.integers(0, 256, (40, 50), np.uint8)
COLOR = RNG.integers(0, 256, (6, 6, 3), np.uint8)
SIGNAL = np.array([[0, 0, 1, 3, 5, 5, -2, 0, 0, 4]])
LONG = "a-name-without-an-end_" * 9
EMPTY_COLOR = theme().empty


def slide_over_image(pixels, kernel="outline", *conv, **more):
    if isinstance(pixels, np.ma.MaskedArray):
        more["missing"] = Missing(mask=np.ma.getmaskarray(pixels))
        pixels = pixels.data
    depth = {"uint8": 8, "uint16": 16}.get(pixels.dtype.name)
    if isinstance(kernel, str):
        group = read_spec(kernel)
        image_filter = Filter(group.label, group.kernels, group.combine, ConvOptions(*conv), **more)
    else:
        image_filter = Filter(kernel.name, (kernel,), None, ConvOptions(*conv), **more)
    return slide_over(ImageData(pixels, depth), image_filter)


def frames_of(window, **asked):
    return list(
        animate_window(window, choose_positions(window.output_shape, **asked).shown, title="t")
    )


def scene_of(name, at=(0, 0), **options):
    look = FigureOptions(dpi=DPI, **options)
    return animate_window(slide_over_image(*WINDOWS[name]), [at], title="t", options=look)


def grids(figure):
    """The numbers in the cells of each grid or image, as text."""
    cells = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    return [texts for texts in cells if texts]


def words(figure):
    return [text.get_text() for text in figure.texts]


def written(values):
    return [str(number) for number in np.ravel(values).tolist()]


def share(frame, color):
    """Which part of a frame has exactly one color."""
    return found(frame[::2, ::2], color).mean()


def found(frame, color):
    """Where a frame has exactly one color."""
    wanted = np.round(255 * np.array(to_rgb(color))).astype(int)
    red, green, blue = (frame[..., channel] == wanted[channel] for channel in range(3))
    return red & green & blue


WINDOWS = {
    "3x3": (TOY, "prewitt-x"),
    "15x15": (GRAY, "gaussian:15"),
    "30x30": (GRAY, Kernel(RNG.normal(size=(30, 30)))),
    "16x16": (RNG.integers(0, 256, (16, 16), np.uint8), "blur"),
    "deep": (RNG.integers(0, 65536, (5, 4), np.uint16), "outline", "correlate", "full"),
    "rgb": (COLOR, "outline"),
    "rgb-30x30": (RNG.integers(0, 256, (50, 40, 3), np.uint8), Kernel(np.ones((30, 30)))),
    "channels": (COLOR, Kernel(RNG.normal(size=(3, 5, 5)))),
    "compass": (GRAY, "kirsch"),
    "pair": (RNG.normal(size=(5, 7)), "sobel", "convolve"),
    "holes": (TOY, "outline", "correlate", "same", "zero", 0, 2, 2),
    "tall": (GRAY[:, :3], "outline", "correlate", "full", "constant", 99, 1, 3),
    "strip": (GRAY[:4], "outline"),
    "one": (np.array([[5]]), "3"),
    "nan": (np.array([[np.nan, 1e9, 3], [0, -1, np.inf], [2, 3, 4]]), "-1 0 1"),
    "missing": (np.ma.array(TOY, mask=TOY[::-1].T == 10), "prewitt-x"),
    "missing-row": (np.ma.masked_equal(SIGNAL, 5), "-1 2 1"),
    "row-2-d": (SIGNAL, "outline"),
    "long-name": (TOY, Kernel([[1, 0], [0, -1]], name=LONG[:200])),
    "row": (SIGNAL, "1 2 1"),
    "column": (SIGNAL.T, "1; 0; -2", "convolve", "full", "zero", 0, 2, 2),
    "rgb-row": (COLOR[:1], "1 1"),
    "long-row": (np.sin(np.arange(4000) / 90)[np.newaxis], "gaussian:31x1"),
}


@pytest.fixture(scope="module")
def scene():
    """A scene at the last of three positions, which several tests look at."""

    @cache
    def at_the_end(name):
        window = slide_over_image(*WINDOWS[name])
        positions = choose_positions(window.output_shape).shown[-3:]
        scene = animate_window(window, positions, title=LONG if name == "long-name" else name)
        scene.move(len(positions) - 1)
        return scene

    return at_the_end


FRAMED = ("rgb", "nan", "holes", "row", "column")


@pytest.mark.parametrize("name", [name for name in WINDOWS if name not in (*FRAMED, "pair")])
def test_nothing_is_cut_or_overlaps(scene, name, legible):
    legible(scene(name).figure)


# Other pages on screen are tested above; dark ones are laid out as they are.
@pytest.mark.parametrize(
    ("name", "theme_name"),
    [
        *((name, "slide") for name in WINDOWS),
        *((name, "paper") for name in [*WINDOWS][::2]),
        *((name, "screen") for name in FRAMED),
    ],
)
def test_pages_are_those_of_the_theme(name, theme_name, fits_page):
    fits_page(scene_of(name, theme=theme_name).figure, theme_name)


@pytest.mark.parametrize("name", FRAMED)
def test_each_position_has_a_frame_of_one_even_size_and_the_last_is_complete(name, legible):
    window = slide_over_image(*WINDOWS[name])
    positions = choose_positions(
        window.output_shape, step=max(1, math.prod(window.output_shape) // 4)
    ).shown
    scene = animate_window(window, positions, title="t")
    frames = list(scene)
    legible(scene.figure)
    assert len(frames) == len(positions) > 2
    assert {frame.shape for frame in frames} == {frames[0].shape}
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}
    height, width, channels = frames[0].shape
    assert (height % 2, width % 2, channels) == (0, 0, 3)
    empty = [share(frame, EMPTY_COLOR) for frame in frames]
    assert empty[0] > 0.02
    assert (np.diff(empty) < 0).all()
    assert empty[-1] == 0


def test_cells_before_the_first_position_stay_empty():
    [whole] = frames_of(slide_over_image(TOY), last=(0, 0))
    part = frames_of(slide_over_image(TOY), first=(1, 4), last=(3, 1), step=4)
    assert len(part) == 4
    left = share(part[-1], EMPTY_COLOR) / share(whole, EMPTY_COLOR)
    assert left == pytest.approx(26 / 35, abs=0.03)


def test_large_steps_fill_every_cell_between():
    for pixels, step in ((TOY, 35), (GRAY, 999)):
        assert share(frames_of(slide_over_image(pixels), step=step)[-1], EMPTY_COLOR) == 0


def test_the_numbers_are_those_of_input_window_kernel_products_and_map():
    figure = scene_of("3x3", (2, 2)).figure
    window = TOY[1:4, 1:4]
    kernel = np.array([[-1, 0, 1]] * 3)
    found_grids = sorted(grids(figure))
    expected = [np.pad(TOY, 1, "edge"), window, kernel, window * kernel]
    expected.append(np.array([[0, 0, -30, -30, 0, 0]] * 6))
    assert found_grids == sorted(map(written, expected))
    assert "sum -30" in words(figure)


def test_window_products_and_sum_move_with_the_position():
    window = slide_over_image(TOY, "prewitt-x")
    scene = animate_window(window, [(0, 0), (0, 3)])
    for number, total in ((0, 0), (1, -30)):
        scene.move(number)
        part = np.pad(TOY, 1, "edge")[:3, 3 * number : 3 * number + 3]
        shown = grids(scene.figure)
        assert written(part) in shown
        assert written(part * [-1, 0, 1]) in shown
        assert f"sum {total}" in words(scene.figure)
        assert any(f"row 0, column {3 * number}" in text for text in words(scene.figure))


@pytest.mark.parametrize(("operation", "shown"), [("correlate", "1234"), ("convolve", "4321")])
def test_the_kernel_is_shown_as_it_is_applied(operation, shown):
    window = slide_over_image(TOY, "1 2; 3 4", operation)
    figure = animate_window(window, [(0, 0)], title="t").figure
    assert list(shown) in grids(figure)
    assert any("kernel flipped" in text for text in words(figure)) == (operation == "convolve")


def test_a_dilated_kernel_has_its_holes_and_products_stay_apart():
    figure = scene_of("holes", (1, 1)).figure
    shapes = [axes.images[0].get_array().shape for axes in figure.axes if axes.images]
    assert shapes.count((5, 5)) == 3
    numbers = [[cell for cell in cells if cell] for cells in grids(figure)]
    assert [len(cells) for cells in numbers] == [100, 9, 9, 9, 9]  # the last is the map


def test_eight_kernels_share_one_window():
    figure = scene_of("compass", (3, 4)).figure
    names = [f"kirsch-{way}" for way in ("n", "ne", "e", "se", "s", "sw", "w", "nw")]
    assert [name for name in words(figure) if name.startswith("kirsch-")] == names
    assert [name for name in words(figure) if name.startswith("window")] == ["window"]
    assert sum(text.startswith("sum ") for text in words(figure)) == 8


def test_a_large_kernel_has_no_numbers_and_says_so(scene):
    figure = scene("15x15").figure
    assert figure.get_figheight() < 10
    assert grids(figure) == []
    assert "left out: numbers that do not fit" in words(figure)


def test_windows_of_a_color_image_have_the_colors_of_their_channels():
    pages = [axes for axes in scene_of("rgb", (1, 2)).figure.axes if axes.images]
    windows = [axes.images[0] for axes in pages if axes.images[0].get_array().shape == (3, 3)]
    for channel, image in enumerate(windows[::3]):
        black, bright = image.to_rgba(np.array([[0.0, 255.0]]), bytes=True)[0, :, :3].tolist()
        assert black == [0, 0, 0]
        assert bright == [255 * (place == channel) for place in range(3)]


def test_the_three_maps_of_a_color_image_stand_side_by_side():
    photo = RNG.integers(0, 256, (90, 100, 3), np.uint8)
    figure = animate_window(slide_over_image(photo), [(5, 5)]).figure
    tops = {
        round(text.get_window_extent().y0)
        for text in figure.texts
        if text.get_text().startswith("feature map")
    }
    assert len(tops) == 1


def test_a_small_window_is_magnified_and_a_large_one_is_not():
    assert "magnified" in words(animate_window(slide_over_image(GRAY), [(5, 5)]).figure)
    assert "magnified" not in words(scene_of("3x3").figure)


@settings(max_examples=100)
@given(data=st.data())
def test_the_magnifier_holds_the_window_and_stays_within_the_padded_image(data):
    size = data.draw(st.integers(3, 90))
    kernel, stride, dilation = (data.draw(st.integers(1, 3)) for _ in range(3))
    geometry = conv_geometry((size, size), (kernel,) * 2, "same", (stride,) * 2, (dilation,) * 2)
    padded, pads = geometry.padded_shape, geometry.pads
    side = data.draw(st.integers(max(geometry.extent), min(padded)))
    at = tuple(data.draw(st.integers(0, count - 1)) for count in geometry.output_shape)
    corner = region_of(geometry, pads, at, (side, side), padded)
    for start, place, extent, whole in zip(corner, at, geometry.extent, padded, strict=True):
        assert 0 <= start <= place * stride
        assert place * stride + extent <= start + side <= whole


@pytest.mark.parametrize(
    ("operation", "weights"), [("correlate", [1, 0, -2]), ("convolve", [-2, 0, 1])]
)
def test_a_kernel_moves_over_its_signal_with_the_products_shaded(operation, weights):
    window = slide_over_image(SIGNAL, "1 0 -2", operation, "valid")
    scene = animate_window(window, [(0, 0), (0, 2)])
    for number, start in ((0, 0), (1, 2)):
        scene.move(number)
        middle = scene.figure.axes[1]
        kernel = next(axes for axes in scene.figure.axes if axes.get_ylabel() == "weight")
        dots = kernel.lines[0]
        assert dots.get_xdata().tolist() == [start, start + 1, start + 2]
        assert dots.get_ydata().tolist() == weights
        [shaded] = [patch for patch in middle.patches if len(patch.get_path().vertices) == 15]
        corners = shaded.get_path().vertices.reshape(3, 5, 2)
        assert corners[:, 1, 1].tolist() == (SIGNAL[0, start : start + 3] * weights).tolist()
        assert [round(x) for x in corners[:, :, 0].mean(axis=1)] == [start, start + 1, start + 2]
        low, high = middle.get_ylim()
        assert low < corners[..., 1].min() <= corners[..., 1].max() < high
    assert any("kernel flipped" in text for text in words(scene.figure)) == (
        operation == "convolve"
    )
    assert any(text.startswith("sample 2\n") for text in words(scene.figure))
    for number in (0, 1):
        scene.move(number)
        patches = [patch for axes in scene.figure.axes for patch in axes.patches]
        covers = [each for each in patches if isinstance(each, Rectangle) and each.zorder == 4]
        assert all(cover.get_width() for cover in covers if cover.get_visible())  # a PDF shows 0


def test_a_signal_on_a_page_without_room_for_captions_moves():
    look = FigureOptions(dpi=DPI, width=2.0)
    scene = animate_window(slide_over_image(*WINDOWS["row"]), [(0, 0), (0, 1)], options=look)
    first, second = (frame.copy() for frame in scene)
    assert not np.array_equal(first, second)


def test_dense_kernels_of_signals_are_lines(scene):
    assert any("thick line: kernel" in text for text in words(scene("long-row").figure))
    assert any("diamonds: kernel" in text for text in words(scene("row").figure))


def test_options_replace_title_and_digits():
    figure = scene_of("pair", title="Lesson 2", digits=1).figure
    assert figure.get_suptitle() == "Lesson 2"
    cells = [cell for cells in grids(figure) for cell in cells]
    assert cells
    assert all(len(cell.partition(".")[2]) <= 1 or abs(float(cell)) < 0.05 for cell in cells)


def test_rounding_errors_are_0():
    figure = animate_window(slide_over_image(np.full((3, 3), 3.14159)), [(1, 1)]).figure
    assert {"0"} in [set(cells) for cells in grids(figure)]
    assert "= 0\nvalue     0" in " ".join(text.get_text() for text in figure.texts)


WEIGHTS = RNG.normal(size=(3, 3)).round(3)


@pytest.mark.parametrize(("digits", "written"), [(3, True), (1, False)])
def test_products_are_written_out_only_where_they_give_the_sum(digits, written):
    window = slide_over_image(GRAY, Kernel(WEIGHTS, name="k"))
    look = FigureOptions(dpi=DPI, digits=digits)
    figure = animate_window(window, [(7, 9)], title="t", options=look).figure
    said = " ".join(text.get_text() for text in figure.texts)
    assert f"sum {window.values[7, 9, 0]:.{digits}f}" in said
    terms = re.findall(r"\((\S+)\*(\S+)\)", said)
    assert len(terms) == 9 * written
    if written:
        total = sum(float(a) * float(b) for a, b in terms)
        assert total == pytest.approx(window.values[7, 9, 0], abs=0.0005)


@pytest.mark.parametrize("name", ["3x3", "holes", "rgb", "strip", "missing"])
@pytest.mark.parametrize("theme_name", ["dark", "screen"])
def test_frames_look_like_the_pages_that_matplotlib_draws(name, theme_name):
    scene = scene_of(name, (1, 2), theme=theme_name)
    [frame] = scene
    file = BytesIO()
    scene.figure.savefig(file, format="png")
    with Image.open(file) as image:
        page = np.asarray(image.convert("RGB")).astype(int)
    difference = np.abs(frame - page)
    assert difference.mean() < 2
    assert (difference.max(axis=2) > 100).mean() < 0.015


def test_a_slide_has_room_for_the_arithmetic_and_names_what_it_lacks():
    options = FigureOptions("slide", dpi=DPI)
    letter = np.eye(16, dtype=int)
    figure = animate_window(slide_over_image(letter), [(3, 3)], options=options).figure
    width = figure.get_figwidth()
    boxes = [axes.get_position() for axes in figure.axes if len(axes.texts) == 9]
    assert len(boxes) == 3  # window, kernel and products have numbers, the image has none
    assert min(box.width * width for box in boxes) > 2.4
    assert "yellow: not computed yet" in " ".join(" ".join(words(figure)).split())
    several = animate_window(slide_over_image(letter, "kirsch"), [(3, 3)], options=options).figure
    assert re.search(r"left out: .*products", " ".join(words(several)))


def test_a_pdf_has_a_page_for_each_position():
    window = slide_over_image(TOY, "prewitt-x")
    scene = animate_window(
        window, [(0, 0), (0, 1), (0, 2)], options=FigureOptions("slide", dpi=DPI)
    )
    file = BytesIO()
    assert list(scene.write_pages(file)) == [0, 1, 2]
    pdf = file.getvalue()
    assert pdf.startswith(b"%PDF")
    assert b"/Count 3" in pdf
    assert re.search(rb"/MediaBox \[ 0 0 960\S* 540 \]", pdf)


@pytest.mark.parametrize(
    ("pixels", "padding", "hatched"),
    [(TOY, "valid", False), (TOY, "same", True), (SIGNAL, "valid", False), (SIGNAL, "full", True)],
    ids=["toy-valid", "toy-same", "signal-valid", "signal-full"],
)
def test_padding_is_hatched(pixels, padding, hatched):
    [frame] = frames_of(slide_over_image(pixels, "1 1 1", "correlate", padding), last=(0, 0))
    red, green, blue = np.moveaxis(frame.astype(int), 2, 0)
    orange = ((red - blue > 80) & (red - green > 60) & (green - blue > 20)).mean()
    assert (orange > 0.002) == hatched


def test_the_window_and_its_taps_are_where_the_geometry_has_them():
    figure = Figure()
    axes = figure.subplots()
    axes.imshow(np.zeros((12, 14)))
    geometry = conv_geometry((6, 8), (2, 3), (3, 2, 3, 1), (2, 1), (3, 2))
    marks = WindowMarks(axes, geometry, Pads(4, 2, 3, 3))
    before, window, taps = marks.artists
    marks.move((1, 2))
    xs, ys = window.get_data()
    assert (np.nanmin(xs), np.nanmax(xs)) == (1.5, 6.5)
    assert (np.nanmin(ys), np.nanmax(ys)) == (2.5, 6.5)
    corners = np.array(taps.get_data()).T.reshape(-1, 6, 2)[:, :4]
    middles = {tuple(np.round(corner.mean(axis=0)).astype(int)) for corner in corners}
    assert middles == {(x, y) for x in (2, 4, 6) for y in (3, 6)}
    assert len(before.get_xdata()) == 0
    marks.move((2, 2))
    xs, ys = before.get_data()
    assert (np.nanmin(ys), np.nanmax(ys)) == (2.5, 6.5)


def test_a_run_that_begins_anew_has_no_previous_window():
    """As the first frame after one from the middle, of which a palette is made."""
    window = slide_over_image(TOY, "outline", "correlate", "valid", "edge", 0, 2)
    scene = animate_window(window, [(0, 0), (0, 1), (1, 0)], title="t")
    first = next(iter(scene))
    scene.backgrounds()
    assert np.array_equal(next(iter(scene)), first)


def test_previous_window_needs_a_stride_and_taps_need_a_dilation():
    axes = Figure().subplots()
    axes.imshow(np.zeros((8, 8)))
    marks = WindowMarks(axes, conv_geometry((6, 6), (3, 3), "same"), Pads(1, 1, 1, 1))
    for at in ((0, 0), (0, 1)):
        marks.move(at)
    before, _, taps = marks.artists
    assert len(before.get_xdata()) == len(taps.get_xdata()) == 0


@pytest.mark.parametrize("shape", [(40, 50), (700, 900)])
def test_the_window_can_be_seen_however_small(shape):
    window = slide_over_image(np.full(shape, 90, np.uint8), "1")
    frame = frames_of(window, first=(20, 20), last=(20, 20))[0]
    rows, columns = np.nonzero(found(frame, WINDOW_COLOR))
    left = columns < frame.shape[1] / 2
    assert np.ptp(rows[left]) >= 6
    assert np.ptp(columns[left]) >= 6


def test_frames_do_not_share_memory_and_differ_where_artists_move():
    window = slide_over_image(TOY)
    scene = animate_window(window, choose_positions(window.output_shape, last=(0, 3)).shown)
    backgrounds = scene.backgrounds()
    first, second, *others = frames = list(scene)
    assert len(others) == 2
    assert not np.shares_memory(first, second)
    changed = (np.array(frames) != first).any(axis=(0, 3)).mean()
    assert 0.005 < changed < 0.2
    assert {background.shape for background in backgrounds} == {first.shape}
    assert len(scene.colors()) <= 160
    kept = scene.colors().tolist()
    for color in (WINDOW_COLOR, EMPTY_COLOR, "white", "black"):
        assert np.round(255 * np.array(to_rgb(color))).tolist() in kept


def test_other_channels_are_an_error():
    window = slide_over_image(np.zeros((4, 4, 5)))
    with pytest.raises(UsageError, match="1 or 3 channels, not of 5"):
        animate_window(window, [(0, 0)])


@pytest.mark.parametrize("name", ["3x3", "holes", "rgb", "row", "column"])
def test_frames_look_as_they_did(name, golden):
    window = slide_over_image(*WINDOWS[name])
    positions = choose_positions(window.output_shape, step=2).shown[:3]
    *_, frame = animate_window(window, positions, title="t")
    height, width, _ = frame.shape
    halved = frame.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    golden(halved.astype(np.uint8), f"frame-{name}")


def test_cells_of_a_large_input_are_numbered_from_0_at_round_distances():
    window = slide_over_image(GRAY, "box:7", "correlate", 3)
    figure = animate_window(window, [(0, 0)], title="t").figure
    [page, *_] = [axes for axes in figure.axes if axes.images]
    for axis, size in ((page.xaxis, 50), (page.yaxis, 40)):
        numbers = [int(label.get_text()) for label in axis.get_ticklabels()]
        assert numbers[0] == 0
        assert 3 <= len(numbers) <= 7
        assert numbers[-1] < size <= numbers[-1] + 2 * numbers[1]
        assert {b - a for a, b in itertools.pairwise(numbers)} == {numbers[1]}
        np.testing.assert_allclose(axis.get_ticklocs(), np.array(numbers) + 3)


def test_the_newest_result_is_marked_in_the_map():
    window = slide_over_image(TOY, "outline", "correlate", "valid")
    scene = animate_window(window, [(0, 0), (3, 2)], title="t")
    scene.move(1)
    [the_map] = [
        axes
        for axes in scene.figure.axes
        if axes.images and axes.images[0].get_array().shape == (4, 4)
    ]
    marks = [
        line
        for line in the_map.lines
        if np.size(line.get_xdata()) and to_rgb(line.get_color()) == to_rgb(WINDOW_COLOR)
    ]
    xs, ys = marks[-1].get_data()
    assert (np.nanmin(xs), np.nanmax(xs)) == (1.5, 2.5)
    assert (np.nanmin(ys), np.nanmax(ys)) == (2.5, 3.5)


def test_a_kernel_keeps_its_numbers_where_those_of_windows_have_no_room():
    image = RNG.integers(-9999, 9999, (8, 8))
    window = slide_over_image(image, "outline", "correlate", 2, "edge", 0, 1, 2)
    figure = animate_window(window, [(3, 3)], options=FigureOptions("slide")).figure
    [kernel] = grids(figure)
    assert [text for text in kernel if text] == [*["-1"] * 4, "8", *["-1"] * 4]
    assert "numbers that do not fit" in words(figure)[1]


def test_digits_are_left_out_before_numbers():
    figure = animate_window(
        slide_over_image(TOY, "gaussian:5"), [(2, 2)], options=FigureOptions("slide")
    ).figure
    assert [len(numbers) for numbers in grids(figure)] == [25, 25, 25]
    assert "further digits" in words(figure)[1]


@pytest.mark.parametrize(
    ("image", "kernel", "windows", "signs"),
    [
        (TOY, "prewitt", 1, "×=×="),
        (RNG.integers(0, 9, (5, 5, 3)), Kernel(RNG.integers(-1, 2, (3, 3, 3))), 3, "×=+×=+×="),
    ],
)
def test_sums_stand_below_each_other_beside_windows_that_are_drawn_once(
    image, kernel, windows, signs
):
    figure = animate_window(slide_over_image(image, kernel), [(1, 1)]).figure
    shapes = [axes.images[0].get_array().shape for axes in figure.axes if axes.images]
    assert shapes.count((3, 3)) == windows + 2 * signs.count("×")
    written = [text for text in figure.texts if text.get_text() in ("×", "=", "+")]
    assert "".join(text.get_text() for text in written) == signs
    below = [text for text in figure.texts if text.get_text().startswith("sum ")]
    equals = [text.get_position()[0] for text in written if text.get_text() == "="]
    assert all(text.get_position()[0] > max(equals) for text in below)


@pytest.mark.parametrize(
    ("kernel", "line"),
    [
        ("outline", "+ (9*-1) = 0\nvalue     0"),
        ("sobel", "magnitude sqrt(8^2 + 24^2) ~ 25.3\nvalue     25.3"),
    ],
)
def test_a_slide_has_the_terms_of_the_sum_or_says_that_it_has_not(kernel, line):
    window = slide_over_image(np.arange(1, 10).reshape(3, 3), kernel, "correlate", "valid")
    figure = animate_window(window, [(0, 0)], options=FigureOptions("slide")).figure
    [below] = [text.get_text() for text in figure.texts if "monospace" in text.get_fontfamily()]
    assert line in below
