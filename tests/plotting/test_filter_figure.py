from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import correlate

from convcli import cross_correlate, plot
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.filtering.run import Filtered, filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.images.value_range import ValueRange, ValueStats
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import read_spec
from convcli.plotting.filter_figure import draw_filtering

pytestmark = pytest.mark.slow

OUTLINE = Kernel([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], name="outline")
BLUR = Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16, name="blur")
SOBEL = tuple(
    Kernel(matrix, name=f"sobel-{axis}")
    for axis, matrix in (
        ("x", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        ("y", [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    )
)
KIRSCH = tuple(
    Kernel([[5, 5, 5], [-3, 0, -3], [-3, -3, -3]], name=f"kirsch-{point}")
    for point in ("n", "north-west", "w", "south-west", "s", "south-east", "e", "north-east")
)
CHANNELS = Kernel(np.random.default_rng(5).normal(size=(3, 5, 5)), name="conv1-1")


def image(*shape, dtype=np.uint8):
    most = np.iinfo(dtype).max
    return np.random.default_rng(3).integers(0, most, shape, dtype=dtype, endpoint=True)


DEPTHS = {"uint8": 8, "uint16": 16}


def as_image(pixels):
    return ImageData(pixels, DEPTHS.get(pixels.dtype.name))


def result_of(image, kernels, label, extremes, clipped, **more):
    stats = SimpleNamespace(shown=lambda: extremes, clipped=clipped, ends=None, peak=None)
    return Filter(label, kernels, **more), Filtered(image, stats, "")


def plain_row(pixels, kernel=OUTLINE, label="outline"):
    """A row of plain numbers."""
    weights = kernel.weights.reshape(kernel.weights.shape[-2:])
    values = correlate(pixels.astype(float), weights, mode="nearest")
    extremes = float(np.nanmin(values)), float(np.nanmax(values))
    return result_of(ImageData(values, None), (kernel,), label, extremes, 0.0)


def row(pixels, kernels=(OUTLINE,), label="outline", **more):
    """A row of an 8- or 16-bit result."""
    result = 255 - pixels if pixels.dtype == np.uint8 else pixels
    return result_of(as_image(result), kernels, label, (-765.0, 1020.25), 0.413, **more)


def plain(pixels):
    """A row that shows these plain numbers."""
    return result_of(ImageData(pixels, None), (OUTLINE,), "outline", (-1.0, 1.0), 0.0)


def draw(pixels, rows, title=""):
    return draw_filtering(as_image(pixels), rows, title=title)


GRAY, COLOR = image(120, 160), image(90, 80, 3)
STEP = np.array([[10, 10, 10, 0, 0, 0]] * 6)
SIGNAL = np.array([[0, 0, 0, 1, 2, 3, 2, 1, 0, 0]])
LONG = "a-name-without-an-end_" * 9
FIGURES = {
    "gray": (GRAY, [row(GRAY)]),
    "color": (COLOR, [row(COLOR)]),
    "16-bit": (image(50, 40, dtype=np.uint16), [row(image(50, 40, dtype=np.uint16))]),
    "16-bit-color": (image(9, 9, 3, dtype=np.uint16), [row(image(9, 9, 3, dtype=np.uint16))]),
    "step": (STEP, [plain_row(STEP, SOBEL[0], "sobel-x")]),
    "letters": (image(16, 16), [plain_row(image(16, 16))]),
    "fractions": (image(16, 16) / 7, [plain_row(image(16, 16) / 7)]),
    "signal": (SIGNAL, [plain_row(SIGNAL, Kernel([[1, 2, 3, 2, 1]]))]),
    "column": (SIGNAL.T, [plain_row(SIGNAL.T, Kernel([[1], [2], [1]]))]),
    "long-signal": (image(1, 300), [plain_row(image(1, 300))]),
    "wide": (image(20, 300), [row(image(20, 300))]),
    "tall": (image(300, 20), [row(image(300, 20))]),
    "one-pixel": (image(1, 1), [row(image(1, 1))]),
    "pair": (GRAY, [row(GRAY, SOBEL, "sobel", combine="magnitude")]),
    "compass": (GRAY, [row(GRAY, KIRSCH, "kirsch", combine="max")]),
    "channels": (COLOR, [row(GRAY, (CHANNELS,), "conv1-1")]),
    "large-kernel": (GRAY, [row(GRAY, (Kernel(np.outer(*[np.hanning(63)] * 2)),))]),
    "long-names": (GRAY, [row(GRAY, (Kernel([[1]], name=LONG),), LONG, combine="direction")]),
    "different-sizes": (GRAY, [row(GRAY[:60, :20]), row(GRAY[::4]), row(GRAY, (BLUR,))]),
    "mixed-rows": (GRAY, [row(GRAY, KIRSCH, combine="max"), row(GRAY), plain_row(GRAY)]),
    "four-rows": (GRAY, [row(GRAY, label=f"row-{n}") for n in range(4)]),
    "five-rows": (GRAY, [row(GRAY, label=f"row-{n}") for n in range(5)]),
}  # fmt: skip
LAID_OUT = ("color", "step", "pair", "mixed-rows", "wide")


@pytest.fixture(scope="module")
def drawn():
    """A figure of ``FIGURES``, which several tests look at; those laid out have a short title."""

    @cache
    def figure_of(name):
        image, rows = FIGURES[name]
        return draw(image, rows, "t" if name in LAID_OUT else "/a/folder/of images/" * 12 + "$a$_b")

    return figure_of


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_or_overlaps(drawn, name, fits_page):
    fits_page(drawn(name), "screen")


def shown(figure):
    """The axes that hold an image, in the order of the page."""
    return [axes for axes in figure.axes if axes.images]


def title_of(axes):
    """The title and the caption above a part of the page."""
    box, figure = axes.get_position(), axes.figure
    above = [
        text
        for text in figure.texts
        if text.get_va() == "bottom"
        and abs(text.get_position()[0] - (box.x0 + box.x1) / 2) < 1e-6
        and text.get_position()[1] >= box.y1
    ]
    nearest = sorted(above, key=lambda text: text.get_position()[1])[:2]
    return "\n".join(text.get_text() for text in reversed(nearest))


def bars(figure):
    """The color bars, in the order of the page."""
    return [axes for axes in figure.axes if not axes.images]


def cells(axes):
    return [text.get_text() for text in axes.texts]


def test_rounding_errors_are_0_in_cells_and_captions():
    image_filter = Filter("outline", (OUTLINE,))
    pixels = ImageData(np.full((2, 2), 3.14159), None)
    figure = draw_filtering(pixels, [(image_filter, filter_image(pixels, image_filter, None))])
    *_, result = shown(figure)
    assert cells(result) == ["0"] * 4
    assert title_of(result).endswith("min 0, max 0")


def test_a_convolved_kernel_is_shown_flipped_as_it_is_applied():
    conv = ConvOptions(operation="convolve")
    _, kernel, _ = shown(draw(GRAY, [row(GRAY, SOBEL[:1], conv=conv)]))
    assert cells(kernel) == [str(n) for n in SOBEL[0].matrix[::-1, ::-1].ravel()]
    assert "flipped by convolve" in title_of(kernel)


def test_a_row_is_original_kernel_and_feature_map(drawn):
    original, kernel, result = shown(drawn("gray"))
    assert title_of(original) == "input\n160x120"
    assert title_of(kernel) == "outline, 3x3"
    assert cells(kernel) == [str(n) for n in OUTLINE.matrix.ravel()]
    assert (
        " ".join(title_of(result).split())
        == "result of outline 160x120, min -765, max 1020.2, 41.3 % clipped"
    )
    assert original.get_position().x1 < kernel.get_position().x0 < result.get_position().x0


def test_dollars_in_a_name_are_not_parsed_as_math():
    figure = draw(GRAY, [row(GRAY, label="$a_b$")], title="$a_b$.png")
    assert not any(text.get_parse_math() for text in figure.texts)


def test_every_one_of_few_results_is_a_row_below_the_last():
    axes = shown(page_of("four-rows"))
    assert len(axes) == 12
    tops = [each.get_position().y1 for each in axes[2::3]]
    assert tops == sorted(tops, reverse=True)
    titles = [title_of(each).split("\n")[0] for each in axes[2::3]]
    assert titles == [f"result of row-{n}" for n in range(4)]


def test_many_results_share_one_input(drawn):
    axes = shown(drawn("five-rows"))
    titles = [title_of(each).split("\n")[0] for each in axes]
    assert titles[0] == "input"
    assert titles[2::2] == [f"result of row-{n}" for n in range(5)]
    assert {"outline" in title for title in titles[1::2]} == {True}
    kernels = [each.get_position() for each in axes[1::2]]
    results = [each.get_position() for each in axes[2::2]]
    for kernel, result in zip(kernels, results, strict=True):
        assert kernel.x1 < result.x0
        assert kernel.y0 < (result.y0 + result.y1) / 2 < kernel.y1
    # The input is above results, in one of their columns.
    centers = {round((each.x0 + each.x1) / 2, 6) for each in results}
    first = axes[0].get_position()
    assert round((first.x0 + first.x1) / 2, 6) in centers
    assert len(shown(page_of("five-rows", panels=["input"]))) == 1


def test_the_bank_of_all_filters_is_named_once():
    rows = [row(GRAY, label=f"filter {n} of banks/b.npy") for n in (1, 2)]
    texts = [text.get_text() for text in draw(GRAY, rows).texts]
    assert [text for text in texts if "b.npy" in text] == ["b.npy"]
    assert {"result of filter 1", "result of filter 2"} <= set(texts)


def test_a_slide_shows_and_names_the_results_of_eight_kernels_on_a_matrix(fits_page):
    letter = image(16, 16)
    rows = [plain_row(letter, label=f"kernel-{n}") for n in range(8)]
    figure = draw_filtering(as_image(letter), rows, options=FigureOptions(theme="slide"))
    fits_page(figure, "slide")
    words = [text.get_text() for text in figure.texts]
    assert {"input", *(f"kernel-{n}" for n in range(8))} <= {*words}


@pytest.mark.parametrize("padding", [2, "valid"])
@pytest.mark.parametrize("theme", ["screen", "slide"])
def test_cells_of_input_padded_input_and_result_are_alike(padding, theme):
    pixels = image(16, 16)
    conv = ConvOptions(padding=padding)
    image_filter = Filter("box:3", read_spec("box:3").kernels, conv=conv, range="raw")
    source = as_image(pixels)
    options = FigureOptions(theme=theme, panels=("input", "padded", "result"))
    filtered = filter_image(source, image_filter, None)
    figure = draw_filtering(source, [(image_filter, filtered)], options=options)
    sides = [axes.bbox.width / axes.images[0].get_array().shape[1] for axes in shown(figure)]
    assert len(sides) == 3
    assert sides == pytest.approx([sides[0]] * 3, rel=1e-3)


@pytest.mark.parametrize(("name", "max_value"), [("gray", 255), ("16-bit", 65535)])
def test_gray_runs_from_0_to_white(drawn, name, max_value):
    for axes in shown(drawn(name))[::2]:
        assert axes.images[0].get_clim() == (0, max_value)
        assert axes.images[0].get_cmap().name == "gray"
    for bar in bars(drawn(name))[::2]:
        assert [tick.get_text() for tick in bar.get_yticklabels()][-1] == str(max_value)
        assert bar.get_ylabel() == "pixel"


def test_plain_numbers_of_a_pixel_type_are_not_drawn_as_gray():
    plain_image = ImageData(np.array([[0, 1], [1, 0]], np.uint8), None)
    original = shown(draw_filtering(plain_image, [row(GRAY)]))[0]
    assert original.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize("name", ["color", "16-bit-color"])
def test_colors_are_shown_as_they_are(drawn, name):
    original, *_ = shown(drawn(name))
    pixels, _ = FIGURES[name]
    np.testing.assert_allclose(
        original.images[0].get_array(), pixels / np.iinfo(pixels.dtype).max, atol=1e-12
    )
    assert len(bars(drawn(name))) == 1  # the kernel's: nobody can read off colors


def test_negative_numbers_have_colors_centered_on_zero(drawn):
    _, _, result = shown(drawn("step"))
    low, high = result.images[0].get_clim()
    assert (low, high) == (-40, 40)
    assert result.images[0].get_cmap().name == "RdBu_r"
    assert "clipped" not in title_of(result)


def test_a_small_matrix_has_its_numbers_and_ticks(drawn):
    _, [(_, filtered)] = FIGURES["step"]
    original, _, result = shown(drawn("step"))
    assert cells(original) == [str(n) for n in STEP.ravel()]
    assert [float(text) for text in cells(result)] == filtered.image.pixels.ravel().tolist()
    assert original.get_xticks().tolist() == original.get_yticks().tolist() == list(range(6))


def test_a_16x16_grid_has_its_numbers_and_a_17x17_has_none():
    axes = shown(draw(image(16, 16), [row(image(17, 17))]))
    assert len(cells(axes[0])) == 256
    assert cells(axes[2]) == []


def test_a_signal_has_its_numbers():
    original, *_ = draw(SIGNAL, [plain_row(SIGNAL, Kernel([[1]]))]).axes
    assert cells(original) == [str(n) for n in SIGNAL.ravel()]


def test_nan_is_magenta_and_counted_and_infinity_ends_the_scale():
    values = np.array([[0.0, 1.0, np.nan], [np.inf, -2.0, 0.5]])
    axes = shown(draw(values, [plain(values)]))[2]
    image = axes.images[0]
    colors = image.to_rgba(image.get_array())
    assert colors[0, 2].tolist() == [1, 0, 1, 1]
    assert image.get_array()[1, 0] == image.get_clim()[1] == 2
    assert "1 NaN in magenta" in " ".join(title_of(axes).split())
    assert cells(axes)[2:4] == ["nan", "inf"]


def test_nan_in_colors_is_magenta_after_thinning_too():
    values = np.zeros((3000, 30, 3))
    values[1500, 3, 1] = np.nan
    axes = shown(draw(values, [plain(values)]))[2]
    samples = axes.images[0].get_array()
    assert len(samples) < 3000
    assert (samples == [1, 0, 1]).all(axis=2).any()
    assert "1 NaN in magenta" in " ".join(title_of(axes).split())


def test_a_large_image_is_thinned_to_the_means_of_its_blocks():
    artist = image(4000, 3001)
    axes = shown(draw(artist, [row(artist)]))[0]
    samples = axes.images[0].get_array()
    down, across = (-(-n // m) for n, m in zip(artist.shape, samples.shape, strict=True))
    assert down > 1
    assert across > 1
    assert samples[2, 1] == pytest.approx(
        artist[2 * down : 3 * down, across : 2 * across].mean(dtype=float)
    )
    last = artist[-(4000 % down or down) :, -(3001 % across or across) :]
    assert samples[-1, -1] == pytest.approx(last.mean(dtype=float))
    assert axes.images[0].get_extent() == [-0.5, 3000.5, 3999.5, -0.5]


def test_magnified_pixels_are_never_blended():
    axes = shown(draw(image(40, 40), [row(image(2000, 2000))]))
    assert axes[0].images[0].get_interpolation() == "nearest"


def test_the_caption_of_a_stretched_strip_says_so():
    strip = np.tile(SIGNAL, (2, 90))
    original, _, _ = shown(draw(strip, [plain_row(strip)]))
    assert "pixels stretched" in title_of(original)


def test_a_family_has_a_heat_map_per_kernel_and_names_its_combination(drawn):
    axes = shown(drawn("compass"))
    assert [each.get_title().replace("\n", "") for each in axes[1:-1]] == [k.name for k in KIRSCH]
    assert title_of(axes[-1]).startswith("result of kirsch: max of 8 kernels")


def test_the_title_of_a_kernel_over_channels_names_the_sum(drawn):
    axes = shown(drawn("channels"))
    assert len(axes) == 5
    assert title_of(axes[-1]).startswith("result of conv1-1: sum over 3 channels")


def test_one_channel_is_no_sum():
    kernel = Kernel([[[1, 2], [3, 4]]], name="plane")
    result = shown(draw(GRAY, [plain_row(GRAY, kernel, "plane")]))[-1]
    assert title_of(result).split("\n")[0] == "result of plane"


def test_members_of_different_divisors_show_their_weights():
    kernels = Kernel([[1, 1]], divisor=2), Kernel([[1, 0, 1]], divisor=4)
    axes = shown(draw(GRAY, [row(GRAY, kernels, combine="sum")]))
    assert [cells(each) for each in axes[1:-1]] == [["0.50", "0.50"], ["0.25", "0", "0.25"]]


def test_inputs_are_not_modified():
    artist = image(60, 60, 3) / 255
    artist[3, 3] = np.nan
    before = artist.copy()
    draw(artist, [plain(artist)])
    np.testing.assert_array_equal(artist, before)


def test_one_channel_with_an_axis_of_its_own_is_gray():
    original = shown(draw(GRAY[..., None], [row(GRAY)]))[0]
    assert original.images[0].get_array().ndim == 2


def test_no_rows_are_refused():
    with pytest.raises(UsageError, match="at least one result"):
        draw(GRAY, [])


@pytest.mark.parametrize("shape", [(4, 4, 2), (4, 4, 5)])
def test_other_channels_are_refused(shape):
    with pytest.raises(UsageError, match="1 or 3 channels"):
        draw(np.zeros(shape), [row(GRAY)])


def page_of(name, **options):
    image, rows = FIGURES[name]
    return draw_filtering(as_image(image), rows, title="t.png", options=FigureOptions(**options))


THEMED = ("gray", "color", "step", "letters", "compass", "channels", "five-rows", "wide")


@pytest.mark.parametrize("theme", ["slide", "paper"])  # those on screen are tested above
@pytest.mark.parametrize("name", THEMED)
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    fits_page(page_of(name, theme=theme), theme)


def longest_sides(figure):
    """In inches, of the images of a figure."""
    boxes = [axes.get_position() for axes in shown(figure)]
    width, height = figure.get_size_inches()
    return [max(box.width * width, box.height * height) for box in boxes]


def test_a_slide_shows_all_results_beside_one_input():
    figure = page_of("five-rows", theme="slide")
    assert len(shown(figure)) == 6
    assert min(longest_sides(figure)) >= 1.6
    assert "left out: kernels" in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("count", [12, 70])
def test_a_slide_of_more_results_leaves_out_texts_then_images_and_says_so(count):
    image, [each, *_] = FIGURES["five-rows"]
    options = FigureOptions(theme="slide")
    figure = draw_filtering(as_image(image), [each] * count, options=options)
    texts = "".join(text.get_text() for text in figure.texts)
    assert min(longest_sides(figure)) >= 1.1
    left_out = count + 1 - len(shown(figure))
    captions = "sizes and extremes, " * (count == 70)
    assert f"left out: kernels, tick labels, {captions}color bars" in texts
    assert (f"{left_out} of {count + 1} images" in texts) is (left_out > 0)
    assert (left_out > 0) is (count == 70)


def test_numbers_that_do_not_fit_are_left_out_and_the_caption_says_so():
    figure = page_of("letters", theme="paper")
    assert cells(shown(figure)[0]) == []
    assert any("numbers that do not fit" in text.get_text() for text in figure.texts)


def test_the_caption_has_every_option_that_is_not_the_default():
    conv = ConvOptions(operation="convolve", padding=5, border="wrap", stride=2, dilation=(3, 1))
    rows = [row(GRAY, conv=conv, bias=10.0, range="abs")]
    texts = [text.get_text() for text in draw(GRAY, rows).texts]
    assert (
        "convolve, kernel flipped, padding 5, border wrap, stride 2, dilation 3,1, bias 10, "
        "range abs" in " ".join(" ".join(texts).split())
    )


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("offset", ["0 = -128", "128 = 0", "255 = 127"]),
        ("rescale", ["0 = -50", "128 = 0.3918", "255 = 50.39"]),
    ],
)
def test_the_bar_of_a_mapped_result_gives_pixels_and_values(name, labels):
    values = GRAY.astype(np.int64) - 50
    stats = ValueStats(ValueRange(name, 255, -50, 50.39))
    stats.add(values)
    result = Filtered(as_image(GRAY), stats, "")
    figure = draw(GRAY, [(Filter("outline", (OUTLINE,), range=name), result)])
    bar = bars(figure)[-1]
    assert bar.get_ylabel() == "pixel = value"
    assert [tick.get_text() for tick in bar.get_yticklabels()] == labels


def test_the_colors_of_a_kernel_without_negative_weights_begin_at_zero():
    kernel = shown(draw(GRAY, [row(GRAY, (BLUR,))]))[1]
    assert kernel.images[0].get_clim() == (0, 4)
    assert kernel.images[0].get_cmap().name == "viridis"


def test_limits_are_told_below_the_heading():
    for pixels, kernel in ((GRAY, "outline"), (SIGNAL, "1 2 1")):
        figure = plot(pixels, kernel, limits=(-1, 5.5))
        assert "limits -1 to 5.5" in [text.get_text() for text in figure.texts]
    assert not any("limits" in text.get_text() for text in plot(GRAY, "outline").texts)


@pytest.mark.parametrize("titles", [None, ("Edges",)])
def test_a_color_result_says_which_values_are_black_and_white(titles):
    figure = plot(COLOR, "outline", range="rescale", panels=["result"], titles=titles)
    values = cross_correlate(COLOR, "outline")
    said = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert f"each channel: black {values.min()}, white {values.max()}" in said
    assert ("min" in said) == (titles is None)
    limited = plot(COLOR, "outline", range="offset", panels=["result"], limits=(51, 102))
    assert any("black -77, white -26" in text.get_text() for text in limited.texts)
    photo = plot(COLOR, "outline", panels=["input", "result"])
    assert not any("each channel" in text.get_text() for text in photo.texts)


def test_titles_keep_the_lines_on_what_colors_mean():
    figure = plot(np.array([[1.0, np.nan], [2, 3]]), "identity", panels=["input"], titles=["One"])
    assert title_of(shown(figure)[0]) == "One\n1 NaN in magenta"


def test_divisors_and_anchors_are_told():
    figure = plot(GRAY, "1 2; 3 4", divisor=3, anchor=(0, 0), panels=["input", "result"])
    assert "anchor 0,0, divisor 3" in [text.get_text() for text in figure.texts]


def test_panels_titles_and_no_axes():
    options = {"panels": ("input", "result"), "titles": ("Original", "Transformed"), "axes": False}
    figure = page_of("color", title="", bars=False, **options)
    original, result = figure.axes
    assert [title_of(axes) for axes in figure.axes] == ["Original", "Transformed"]
    assert list(original.get_xticks()) == list(result.get_xticks()) == []
    assert [text.get_text() for text in figure.texts] == ["Original", "Transformed"]


def test_a_column_stands_upright():
    first, second = page_of("color", panels=("input", "result"), layout="column").axes
    assert first.get_position().y0 > second.get_position().y1
    assert first.get_position().x0 == pytest.approx(second.get_position().x0)


@pytest.mark.parametrize("width", [2.5, 3])
def test_a_narrow_page_has_its_parts_one_below_the_other(width, legible):
    figure = page_of("color", width=width)
    legible(figure)
    assert figure.get_figwidth() == width
    assert len({round(axes.get_position().y0, 3) for axes in shown(figure)}) == 3


def test_a_grid_shows_the_input_once():
    figure = page_of("five-rows", panels=("input", "result"), layout="grid")
    titles = [title_of(axes).split("\n")[0] for axes in shown(figure)]
    assert titles == ["input", *(f"result of row-{n}" for n in range(5))]


def test_the_padded_input_is_hatched_and_numbered_as_the_input():
    conv = ConvOptions(padding=(1, 2), border="reflect")
    ramp = np.arange(16).reshape(4, 4)
    result = result_of(ImageData(ramp, None), (OUTLINE,), "o", (0, 1), 0.0, conv=conv)
    [axes] = shown(
        draw_filtering(ImageData(ramp, None), [result], options=FigureOptions(panels=("padded",)))
    )
    padded = np.pad(ramp, ((1, 1), (2, 2)), mode="reflect")
    assert cells(axes) == [str(n) for n in padded.ravel()]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(n) for n in range(-2, 6)]
    assert "hatched: padding 1,2 (reflect)" in title_of(axes)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"panels": ("products",)}, r"explain\(image, kernel, at\)"),
        ({"titles": ("one",)}, "titles: 3 needed"),
        ({"cmap": "grey-ish"}, "no colormap 'grey-ish'"),
    ],
)
def test_options_without_meaning_are_refused(options, problem):
    with pytest.raises(UsageError, match=problem):
        page_of("gray", **options)


def test_the_user_sets_colors_digits_limits_and_the_width():
    figure = page_of("fractions", cmap="magma", digits=0, limits=(0, 10), width=24)
    original, _, result = shown(figure)
    assert original.images[0].get_cmap().name == "magma"
    assert original.images[0].get_clim() == result.images[0].get_clim() == (0, 10)
    assert not any("." in text for text in cells(original))
    assert figure.get_figwidth() == 24


@pytest.mark.parametrize("name", LAID_OUT)
def test_the_figure_is_laid_out_as_it_was(drawn, name, laid_out):
    laid_out(drawn(name), f"filter-{name}")


def test_titles_name_kernels_as_typed_and_shorten_long_matrices():
    image = as_image(GRAY)

    def titles(spec):
        group = read_spec(spec)
        image_filter = Filter(group.label, group.kernels, group.combine)
        figure = draw_filtering(image, [(image_filter, filter_image(image, image_filter, 8))])
        return " ".join(" ".join(text.get_text().split()) for text in figure.texts)

    for spec in ("1 2 1", "gaussian:3,sigma=1.2", "sobel-x@45"):
        assert titles(spec).count(spec) == 2
        assert "custom" not in titles(spec)
    text = titles("1 4 6 4 1; 4 16 24 16 4; 6 24 36 24 6; 4 16 24 16 4; 1 4 6 4 1")
    assert text.count("1 4 6 4 1; 4 16 24 16 4; 6 ...") == 2
    assert "6 24 36" not in text


@pytest.mark.parametrize("options", [{"theme": "paper"}, {"width": 7.1}])
def test_numbers_shrink_with_their_images_to_the_least_legible_size(options):
    figure = plot(STEP, "outline", **options)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert (texts.count("30"), texts.count("-1"), texts.count("8")) == (6, 8, 1)
    assert not any("left out" in text.get_text() for text in figure.texts)


def test_only_numbers_that_are_missing_are_called_left_out():
    figure = plot(GRAY, "outline", width=5)
    assert [text.get_text() for text in figure.axes[2].texts].count("-1") == 8
    assert not any("left out" in text.get_text() for text in figure.texts)


def test_the_greatest_value_is_ringed_and_a_heading_says_how_an_image_was_read():
    image_filter = Filter("outline", (OUTLINE,), range="raw", mark=True)
    pixels = np.zeros((9, 7), np.uint8)
    pixels[4, 2] = 9
    read = ImageData(pixels, 8, alpha=np.full((9, 7), 255, np.uint8))
    filtered = filter_image(read, image_filter, None)
    options = FigureOptions(reading=("channel r",))
    figure = draw_filtering(read, [(image_filter, filtered)], options=options)
    texts = [text.get_text() for text in figure.texts]
    assert any("marked: 72 at row 4, column 2" in text for text in texts)
    assert "channel r · range raw, alpha is not drawn" in texts
    rings = [line.get_xydata().tolist() for axes in figure.axes for line in axes.lines]
    assert [ring for ring in rings if len(ring) == 1] == [[[2, 4]]]


def test_maps_without_bars_on_a_slide_say_that_each_has_its_own_scale():
    rows = [plain(np.outer(GRAY[:, 0] * 1.0, GRAY[0] * scale)) for scale in (1.0, -9.0) * 5]
    figure = draw_filtering(as_image(GRAY), rows, options=FigureOptions(theme="slide"))
    assert any("color bars · each result on a scale of its own" in t.get_text().replace("\n", " ")
               for t in figure.texts)  # fmt: skip


def test_strips_stand_below_each_other_and_are_longer_than_their_kernel():
    strip = image(30, 240)
    figure = draw(strip, [row(strip)])
    original, kernel, result = shown(figure)
    assert original.get_position().y0 > result.get_position().y1
    assert original.get_position().width == pytest.approx(result.get_position().width)
    assert kernel.get_position().x1 < result.get_position().x0
    assert kernel.get_position().height < 1.2 * result.get_position().height
