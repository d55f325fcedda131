"""The figure of an explanation: legible, honest colors, hatched padding, the same bytes."""

from functools import cache

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from convcli import explain
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData, depth_of
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.plotting.save import save_figure
from convcli.teaching.explain.arithmetic import explain_image, explained_map
from convcli.teaching.explain.figure import draw_explanation
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.steps import result_lines, sum_lines

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(8)
GRAY = np.random.default_rng(1).integers(0, 256, (40, 45), np.uint8)
COLOR = RNG.integers(0, 256, (30, 30, 3), np.uint8)
SIGNAL = np.array([[0, 1, 2, 3, 2, 1, 0, 0]])
LONG = "a-name-without-an-end_" * 6
CASES = {
    "3x3": (GRAY, "sobel-x", (0, 0), {}),
    "15x15": (GRAY, RNG.integers(-9, 9, (15, 15)), (0, 44), {"operation": "convolve"}),
    "7x7": (GRAY, "gaussian:7", (0, 44), {"operation": "convolve", "range": "offset"}),
    "box-30x30": (GRAY, "box:30", (20, 3), {}),
    "rgb": (COLOR, "blur", (0, 3), {"bias": 3}),
    "rgb-30x30": (COLOR, RNG.normal(size=(30, 30)), (20, 3), {}),
    "channels": (COLOR, RNG.normal(size=(3, 5, 5)), (0, 3), {"stride": 2, "dilation": 3}),
    "pair": (GRAY, "sobel", (0, 3), {"range": "rescale"}),
    "compass-rgb": (COLOR, "kirsch", (9, 3), {}),
    "row": (SIGNAL, [[1, 2, 1]], (0, 0), {"divisor": 4, "border": "zero"}),
    "long-row": (np.tile(SIGNAL, 9), [[1] * 31], (0, 0), {"border": "zero"}),
    "column": (SIGNAL.T, [[1], [2], [1]], (0, 0), {"divisor": 4, "border": "zero"}),
    "one": ([[5]], [[3]], (0, 0), {}),
    "floats": (GRAY / 7, "gaussian:7", (0, 0), {"range": "rescale"}),
    "nan": (np.array([[np.nan, np.inf], [-1, 1e9]]), [[1, 1], [1, 1]], (0, 0), {}),
    "far": (np.zeros((1, 20000), np.uint8), [[1] * 9], (0, 19999), {}),
    "long-name": (GRAY, Kernel([[1, 0], [0, -1]], name=LONG), (0, 0), {}),
    "large": (np.full((3, 3), 10**15), [[10**3] * 3] * 3, (0, 0), {}),
}


def draw(name):
    image, kernel, at, options = CASES[name]
    explained = explain(image, kernel, at, **options)
    return explained, draw_explanation(explained)


@pytest.fixture(scope="module")
def drawn():
    """An explanation and its figure, which several tests look at."""
    return cache(draw)


def cells(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_cut_or_overlaps(drawn, name, legible):
    legible(drawn(name)[1])


@pytest.mark.parametrize("fill", [-1, 0.5, np.nan])
def test_padding_may_hold_what_the_type_of_the_image_does_not(fill):
    figure = draw_explanation(explain(GRAY, "blur", (0, 0), border="constant", fill=fill))
    assert any(cells(axes).count(str(fill)) == 5 for axes in figure.axes)


def test_window_kernel_and_products_have_their_numbers(drawn):
    explained, figure = drawn("3x3")
    part = explained.outputs[0].responses[0].sums[0]
    for axes, grid in zip(figure.axes, (part.window, part.weights, part.products), strict=True):
        assert cells(axes) == [str(n) for row in grid for n in row]


def test_signed_grids_are_white_at_zero_and_the_window_gray(drawn):
    _, figure = drawn("3x3")
    window, *signed = figure.axes
    assert window.images[0].get_clim() == (0, 255)
    assert window.images[0].get_cmap().name == "gray"
    for axes in signed:
        low, high = axes.images[0].get_clim()
        assert low == -high
        assert axes.images[0].get_cmap().name == "RdBu_r"


def texts_of(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("name", ["3x3", "box-30x30", "row", "rgb"])
def test_padding_is_hatched_and_nothing_else(drawn, name):
    explained, figure = drawn(name)
    padding = explained.outputs[0].responses[0].padding
    hatched = np.zeros(np.shape(padding), int)
    for patch in figure.axes[0].patches:
        if isinstance(patch, Rectangle) and patch.get_hatch():
            (left, top), (right, bottom) = patch.get_bbox().get_points() + 0.5
            hatched[int(top) : int(bottom), int(left) : int(right)] += 1
    np.testing.assert_array_equal(hatched, padding)
    assert not figure.axes[1].patches


def test_the_labels_of_padding_name_the_row_and_column_that_it_copies():
    image = np.arange(30).reshape(5, 6)
    [axes, *_] = draw_explanation(explain(image, "box:5", (0, 5), border="reflect")).axes
    rows, columns = ([tick.get_text() for tick in labels]
                     for labels in (axes.get_yticklabels(), axes.get_xticklabels()))  # fmt: skip
    assert rows == ["-2 (2)", "-1 (1)", "0", "1", "2"]
    assert columns == ["3", "4", "5", "6\n(4)", "7\n(3)"]


def test_a_border_of_one_value_copies_nothing(drawn):
    _, figure = drawn("row")
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["-1", "0", "1"]
    assert "hatched: padding (zero)" in texts_of(figure)


def test_a_dilated_kernel_has_its_gaps():
    explained = explain(GRAY, [[1, 2], [3, 4]], (10, 10), dilation=(3, 2))
    figure = draw_explanation(explained)
    part = explained.outputs[0].responses[0].sums[0]
    for axes, grid in zip(figure.axes, (part.window, part.weights, part.products), strict=True):
        shown = np.array(cells(axes)).reshape(4, 3)
        assert shown[::3, ::2].tolist() == [[str(n) for n in row] for row in grid]
        assert "".join(shown[1:3].ravel()) == "".join(shown[:, 1]) == ""
        cover = axes.images[1].get_array()[..., 3]
        assert cover.tolist() == [[0, 1, 0], [1, 1, 1], [1, 1, 1], [0, 1, 0]]


def test_a_row_of_grids_for_each_channel_with_one_color_scale(drawn):
    for name, added in (("rgb", 0), ("channels", 2)):  # the sums of channels are added
        _, figure = drawn(name)
        assert len(figure.axes) == 9
        texts = texts_of(figure)
        titles = [text.partition(": sum ")[0] for text in texts if ": sum " in text]
        assert titles == ["red", "green", "blue"]
        assert [texts.count(sign) for sign in "+×="] == [added, 3, 3]
        for column in range(3):
            limits = {axes.images[0].get_clim() for axes in figure.axes[column::3]}
            assert len(limits) == 1


def test_small_weights_of_a_kernel_are_not_as_bright_as_its_large_ones():
    luma = np.array([0.299, 0.587, 0.114]).reshape(3, 1, 1)
    figure = draw_explanation(explain(COLOR, luma, (4, 4)))
    colors = [axes.images[0].to_rgba(axes.images[0].get_array())[0, 0] for axes in figure.axes]
    luminances = [color[:3].sum() for color in colors[1::3]]
    assert luminances[2] < luminances[0] < luminances[1]


def test_labels_of_a_small_magnifier_do_not_touch(legible):
    figure, _ = whole(PHOTO, "outline", (100, 120), FigureOptions(width=2.2))
    legible(figure)
    assert "magnified" in texts_of(figure)


@pytest.mark.parametrize("size", ["1 2 1; 2 4 2; 1 2 1", "gaussian:3"])
def test_digits_round_the_numbers_and_not_the_colors(size):
    weights = read_spec(size).kernels[0].weights / 16
    plain, rounded = (
        draw_explanation(explain(GRAY / 7, weights, (9, 9)), options=FigureOptions(digits=digits))
        for digits in (None, 0)
    )
    for one, two in zip(plain.axes, rounded.axes, strict=True):
        np.testing.assert_array_equal(one.images[0].get_array(), two.images[0].get_array())
        assert one.images[0].get_clim() == two.images[0].get_clim()
    assert {*cells(rounded.axes[1])} == {"0"}  # at most a quarter of 1/16
    assert "0.25" not in " ".join(texts_of(rounded))


def test_several_kernels_share_one_window(drawn):
    explained, figure = drawn("pair")
    assert len(figure.axes) == 1 + 2 * 2
    texts = texts_of(figure)
    assert texts.count("window") == 1
    for response in explained.outputs[0].responses:
        assert response.kernel in texts
        assert f"sum {response.sum}" in texts


def test_many_kernels_and_channels_are_a_table(drawn):
    explained, figure = drawn("compass-rgb")
    assert len(figure.axes) == 8 + 3 * (1 + 8)
    texts = texts_of(figure)
    for response in explained.outputs[0].responses:
        assert texts.count(response.kernel) == 1
    sums = [f"sum {each.sum}" for output in explained.outputs for each in output.responses]
    assert all(texts.count(text) == sums.count(text) for text in sums)


def test_at_most_24_sums_are_drawn(legible):
    kernels = tuple(f"box:{n}" for n in range(2, 32))
    figure = draw_explanation(explain(GRAY, kernels, (9, 3), combine="sum"))
    legible(figure)
    assert any("left out: " in text and "6 of 30 sums" in text for text in texts_of(figure))


def test_a_convolution_is_said_to_be_flipped(drawn):
    _, figure = drawn("15x15")
    assert "kernel, flipped" in texts_of(figure)
    assert "convolve, kernel flipped" in texts_of(figure)


def test_the_caption_has_every_option_that_is_not_the_default():
    explained = explain(
        GRAY, "sobel", (2, 2), padding=5, border="wrap", stride=2, dilation=(3, 1), range="abs",
        bias=10, activation="relu", divisor=3,
    )  # fmt: skip
    text = " ".join(" ".join(texts_of(draw_explanation(explained))).split())
    for fact in ("padding 5", "border wrap", "stride 2", "dilation 3,1", "bias 10", "relu",
                 "magnitude of 2 kernels", "range abs", "sobel-x, × 1/3"):  # fmt: skip
        assert fact in text


@pytest.mark.parametrize("name", ["3x3", "rgb", "channels", "pair"])
def test_the_steps_to_the_pixel_are_below_the_grids(drawn, name):
    explained, figure = drawn(name)
    [below] = [text.get_text() for text in figure.texts if "monospace" in text.get_family()]
    shown = as_shown(explained, significant=6)
    for output in shown.outputs:
        for line in result_lines(shown, output):
            assert line in below.splitlines()


def test_the_terms_of_the_sum_are_below_the_grids(drawn):
    explained, figure = drawn("3x3")
    [part] = explained.outputs[0].responses[0].sums
    text = "\n".join(texts_of(figure))
    for line in sum_lines(part):
        assert line in text


def test_nan_is_magenta_in_the_products_too(drawn):
    _, figure = drawn("nan")
    for axes in (figure.axes[0], figure.axes[2]):
        image = axes.images[0]
        assert image.to_rgba(image.get_array())[0, 0].tolist() == [1, 0, 1, 1]
        assert cells(axes)[0] == "nan"
    assert "sum nan" in texts_of(figure)


def test_rounding_errors_are_0_in_the_map_too():
    figure, _ = whole(np.array([[3.14159]]), "outline", (0, 0))
    assert ["0"] in [cells(axes) for axes in figure.axes]


def test_products_beside_nan_keep_decimals_and_signs():
    figure = draw_explanation(explain([[0.3, np.nan, 0.2]], [[1, 1, -1]], (0, 1)))
    assert cells(figure.axes[2]) == ["0.3", "nan", "-0.2"]


def whole(pixels, kernel, at, options=None, *, activation="none", **conv):
    """The figure that the command draws, with input and output."""
    image = ImageData(pixels, depth_of(pixels.dtype))
    members = read_spec(kernel) if isinstance(kernel, str) else KernelSet("k", (Kernel(kernel),))
    image_filter = Filter(members.label, members.kernels, members.combine, ConvOptions(**conv))
    explained = explain_image(image, image_filter, at, activation)
    feature_map = explained_map(image, image_filter, activation)
    return draw_explanation(explained, pixels, feature_map, options), feature_map


PHOTO = RNG.integers(0, 256, (300, 400), np.uint8)
COLOR_PHOTO = RNG.integers(0, 256, (200, 150, 3), np.uint8)
SMALL = np.arange(36).reshape(6, 6) - 9
WHOLE = {
    "photo": (PHOTO, "outline", (0, 399), {}),
    "compass": (PHOTO, "kirsch", (100, 120), {}),
    "color": (COLOR_PHOTO, "sobel", (100, 120), {}),
    "luma": (COLOR_PHOTO, np.array([0.299, 0.587, 0.114]).reshape(3, 1, 1), (9, 9), {}),
    "dilated": (PHOTO, "blur", (1, 100), {"dilation": 3, "border": "reflect"}),
    "large": (PHOTO, "gaussian:9", (0, 0), {}),
    "small": (SMALL, "prewitt-x", (0, 0), {"border": "zero"}),
}


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("name", WHOLE)
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    pixels, kernel, at, conv = WHOLE[name]
    figure, _ = whole(pixels, kernel, at, FigureOptions(theme=theme), **conv)
    fits_page(figure, theme)
    assert {"input", "output"} <= set(texts_of(figure))


@pytest.mark.parametrize(
    ("pixels", "kernel", "few"), [(PHOTO, "log:5", True), (SMALL, "outline", False)]
)
def test_a_slide_leaves_out_digits_before_numbers(pixels, kernel, few):
    figure, _ = whole(pixels, kernel, (2, 2), FigureOptions(theme="slide"))
    numbers = [cells(axes) for axes in images(figure)]
    assert sum(map(bool, numbers)) == (3 if few else 5)  # a small input and output have some too
    text = " ".join(" ".join(texts_of(figure)).split())
    assert ("further digits" in text) == few
    assert "do not fit" not in text
    [weights] = [grid for grid in numbers if len(grid) == (25 if few else 9) and grid[0] != "0"
                 and grid == grid[::-1]]  # fmt: skip
    assert weights[0] == ("0.022" if few else "-1")


def test_a_slide_has_the_sums_of_three_channels_below_each_other(legible, fits_page):
    kernel = Kernel(RNG.integers(-3, 4, (3, 3, 3)))
    figure, _ = whole(COLOR[:6, :6], kernel, (2, 2), FigureOptions(theme="slide"))
    legible(figure)
    fits_page(figure, "slide")
    text = " ".join(texts_of(figure))
    assert [f"{name}: sum" in text for name in ("red", "green", "blue")] == [True] * 3
    assert "left out: terms of the sum · window × kernel = products" in text


@pytest.mark.parametrize(
    ("kernel", "lack", "counts"),
    [
        ("box:5", "", [25, 25, 25]),
        ("gaussian:7", "numbers and color bars of window and kernel", [49]),
        ("kirsch", "of 8 sums", [9] * 9),
    ],
)
def test_a_slide_of_many_terms_keeps_some_numbers(kernel, lack, counts, fits_page):
    figure, _ = whole(PHOTO, kernel, (2, 2), FigureOptions(theme="slide"))
    assert [len(cells(axes)) for axes in images(figure) if cells(axes)] == counts
    text = " ".join(" ".join(texts_of(figure)).split())
    assert lack in text
    assert "do not fit" not in text
    fits_page(figure, "slide")


@pytest.mark.parametrize("at", [(2, 2), (0, 0)])  # in a second line; each grid as narrow as may be
def test_a_slide_of_long_numbers_keeps_them(at, fits_page):
    rising = [1, 2, 3, 2, 1]
    pixels = RNG.integers(1000, 9999, (5, 5))
    figure, _ = whole(pixels, np.outer(rising, rising), at, FigureOptions(theme="slide"))
    assert [len(cells(axes)) for axes in images(figure) if cells(axes)] == [25, 25, 25]
    fits_page(figure, "slide")


@pytest.mark.parametrize(
    ("kernel", "at", "conv", "grids"),
    [
        ("outline", (0, 0), {}, 3),
        ("outline", (0, 0), {"border": "reflect", "dilation": 3, "stride": 2}, 3),
        ("sobel", (9, 9), {}, 5),
    ],
)
def test_a_slide_works_out_one_channel_of_a_color_image(kernel, at, conv, grids):
    photo = COLOR_PHOTO.swapaxes(0, 1)
    figure, feature_map = whole(photo, kernel, at, FigureOptions(theme="slide"), **conv)
    numbers = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert sum(map(bool, numbers)) == grids
    red = explain(photo[..., 0], kernel, at, **conv).outputs[0].responses[0].sums[0]
    assert [str(number) for row in red.window for number in row] in numbers
    text = " ".join(" ".join(texts_of(figure)).split())
    assert f"{kernel}: the value at row {at[0]}, column {at[1]}, red" in text
    assert "left out: green, blue" in text
    assert "do not fit" not in text
    assert "steps" not in text
    assert "channel red" in text
    assert "channel green" not in text
    pixels = ", ".join(map(str, feature_map.pixels[at]))
    assert f"pixel {pixels}" in text  # of all channels of the map


def outlined(axes):
    """Left, top, right and bottom of the last outline in axes."""
    x, y = axes.lines[-1].get_data()
    return np.nanmin(x), np.nanmin(y), np.nanmax(x), np.nanmax(y)


def images(figure):
    return [axes for axes in figure.axes if axes.images]


def test_the_window_is_outlined_in_the_input_and_magnified_where_it_is_small():
    figure, feature_map = whole(PHOTO, "outline", (100, 120))
    pictures = images(figure)
    source, magnified, output = pictures[:3]
    left, top, right, bottom = outlined(source)
    assert (left + right) / 2 == pytest.approx(120)
    assert (top + bottom) / 2 == pytest.approx(100)
    left, top, right, bottom = outlined(magnified)
    box = magnified.images[0].get_array()
    np.testing.assert_array_equal(
        box[round(top + 0.5) : round(bottom + 0.5), round(left + 0.5) : round(right + 0.5)],
        PHOTO[99:102, 119:122],
    )
    np.testing.assert_array_equal(output.images[0].get_array(), feature_map.pixels)
    left, top, right, bottom = outlined(output)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((120, 100))


def test_a_small_input_is_not_magnified_and_has_the_padding_of_the_window():
    figure, _ = whole(SMALL, "prewitt-x", (0, 5), border="zero")
    assert "magnified" not in texts_of(figure)
    source = images(figure)[0]
    padded = np.pad(SMALL, ((1, 0), (0, 1)))
    assert cells(source) == [str(n) for n in padded.ravel()]
    assert outlined(source) == pytest.approx((3.5, -0.5, 6.5, 2.5), abs=0.01)


def test_what_would_be_no_larger_is_not_magnified():
    letter = np.zeros((16, 16), np.uint8)
    figure, _ = whole(letter, "kirsch", (3, 3))
    assert "magnified" not in texts_of(figure)
    figure, _ = whole(letter, "outline", (0, 0), FigureOptions(width=2))
    assert "magnified" not in texts_of(figure)


def test_zero_is_white_in_the_products_of_signed_weights():
    figure, _ = whole(np.zeros((5, 5), np.uint8), "outline", (2, 2))
    pictures = images(figure)
    [at] = [number for number, axes in enumerate(pictures) if "8" in cells(axes)]
    kernel, products = pictures[at : at + 2]
    assert products.images[0].get_cmap().name == kernel.images[0].get_cmap().name
    low, high = products.images[0].get_clim()
    assert low == -high


def test_long_numbers_are_short_in_captions_and_never_broken():
    column = np.arange(1, 6).reshape(5, 1) ** 2 / 7
    figure, feature_map = whole(column, "outline", (2, 0))
    [caption] = [text for text in texts_of(figure) if text.startswith("1x5,")]
    assert caption.split("\n")[-1] == f"value {feature_map.pixels[2, 0]:.4f}"


@pytest.mark.parametrize("activation", ["none", "relu", "sigmoid"])
@pytest.mark.parametrize("name", ["clip", "abs", "raw", "rescale"])
def test_the_output_has_the_explained_pixel(activation, name):
    image = ImageData(GRAY, 8)
    members = read_spec("sobel-x")
    image_filter = Filter(members.label, members.kernels, range=name)
    feature_map = explained_map(image, image_filter, activation)
    for at in ((3, 4), (17, 30)):
        [output] = explain_image(image, image_filter, at, activation).outputs
        assert feature_map.pixels[at] == pytest.approx(output.pixel, abs=1e-6)


def test_a_channel_stands_for_an_image_of_many():
    pixels = RNG.integers(0, 9, (20, 20, 5))
    figure, _ = whole(pixels, np.ones((5, 3, 3)), (2, 2))
    assert "20x20, channel 1 of 5" in texts_of(figure)


def test_the_user_sets_title_colors_and_digits():
    options = FigureOptions(title="One value", cmap="magma", digits=1)
    figure, _ = whole(GRAY / 7, "sobel-x", (3, 3), options)
    assert texts_of(figure)[0] == "One value"
    assert {axes.images[0].get_cmap().name for axes in images(figure)} == {"magma"}
    numbers = cells(images(figure)[-1])
    assert all(len(number.partition(".")[2]) == 1 for number in numbers if number != "0")


def test_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        save_figure(draw("3x3")[1], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("name", ["3x3", "7x7", "box-30x30", "pair", "column"])
def test_the_figure_is_laid_out_as_it_was(drawn, name, laid_out):
    laid_out(drawn(name)[1], f"explain-{name}")
