from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import correlate

from convcli.errors import UsageError
from convcli.filtering import Filter, Filtered
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
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
    low, high = extremes
    stats = SimpleNamespace(minimum=low, maximum=high, clipped=clipped)
    return Filter(label, kernels, **more), Filtered(image, stats, "")


def plain_row(pixels, kernel=OUTLINE, label="outline"):
    """A row of plain numbers."""
    values = correlate(pixels.astype(float), kernel.weights, mode="nearest")
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
def test_nothing_is_cut_or_overlaps(drawn, name, legible):
    legible(drawn(name))


def shown(figure):
    """The axes that hold an image, in the order of the page."""
    return [axes for axes in figure.axes if axes.images]


def cells(axes):
    return [text.get_text() for text in axes.texts]


def test_a_row_is_original_kernel_and_feature_map(drawn):
    original, kernel, result = shown(drawn("gray"))
    assert original.get_title() == "original\n160x120"
    assert kernel.get_title() == "outline, 3x3"
    assert cells(kernel) == [str(n) for n in OUTLINE.matrix.ravel()]
    assert (
        " ".join(result.get_title().split())
        == "outline 160x120, min -765, max 1020.2, 41.3 % clipped"
    )
    assert original.get_position().x1 < kernel.get_position().x0 < result.get_position().x0


def test_dollars_in_a_name_are_not_parsed_as_math():
    figure = draw(GRAY, [row(GRAY, label="$a_b$")], title="$a_b$.png")
    assert not figure.texts[0].get_parse_math()
    assert not shown(figure)[2].title.get_parse_math()


def test_every_result_is_a_row_below_the_last(drawn):
    axes = shown(drawn("five-rows"))
    assert len(axes) == 15
    tops = [each.get_position().y1 for each in axes[2::3]]
    assert tops == sorted(tops, reverse=True)
    assert [each.get_title().split("\n")[0] for each in axes[2::3]] == [
        f"row-{n}" for n in range(5)
    ]


@pytest.mark.parametrize(("name", "max_value"), [("gray", 255), ("16-bit", 65535)])
def test_gray_runs_from_0_to_white(drawn, name, max_value):
    for axes in shown(drawn(name))[::2]:
        assert axes.images[0].get_clim() == (0, max_value)
        assert axes.images[0].get_cmap().name == "gray"
        [bar] = axes.child_axes
        assert [tick.get_text() for tick in bar.get_yticklabels()][-1] == str(max_value)
        assert bar.get_ylabel() == "value"


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
    [bar] = original.child_axes
    assert bar.get_ylabel() == "value in each channel"


def test_negative_numbers_have_colors_centered_on_zero(drawn):
    _, _, result = shown(drawn("step"))
    low, high = result.images[0].get_clim()
    assert (low, high) == (-40, 40)
    assert result.images[0].get_cmap().name == "RdBu_r"
    assert "clipped" not in result.get_title()


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
    assert "1 NaN in magenta" in axes.get_title()
    assert cells(axes)[2:4] == ["nan", "inf"]


def test_nan_in_colors_is_magenta_after_thinning_too():
    values = np.zeros((3000, 30, 3))
    values[1500, 3, 1] = np.nan
    axes = shown(draw(values, [plain(values)]))[2]
    samples = axes.images[0].get_array()
    assert len(samples) < 3000
    assert (samples == [1, 0, 1]).all(axis=2).any()
    assert "1 NaN in magenta" in axes.get_title()


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
    assert "pixels stretched" in original.get_title()


def test_a_family_has_a_heat_map_per_kernel_and_names_its_combination(drawn):
    axes = shown(drawn("compass"))
    assert [each.get_title().replace("\n", "") for each in axes[1:-1]] == [k.name for k in KIRSCH]
    assert axes[-1].get_title().startswith("kirsch: max of 8 kernels")


def test_the_title_of_a_kernel_over_channels_names_the_sum(drawn):
    axes = shown(drawn("channels"))
    assert len(axes) == 5
    assert axes[-1].get_title().startswith("conv1-1: sum over 3 channels")


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


@pytest.mark.parametrize("name", LAID_OUT)
def test_the_figure_is_laid_out_as_it_was(drawn, name, laid_out):
    laid_out(drawn(name), f"filter-{name}")
