"""The sheet of a kernel: its panels, and its layout."""

from functools import cache

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba

from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.teaching.kernels.filter_sheet import filter_tiles
from convcli.teaching.kernels.kernel_sheet import draw_kernel_sheet, has_contours


def random(*shape):
    return np.random.default_rng(7).normal(size=shape)


def one(matrix, **fields):
    return KernelSet("k", (Kernel(matrix, **fields),))


def bell(rows, columns):
    down, across = (np.hanning(n + 2)[1:-1] for n in (rows, columns))
    return np.outer(down, across)


SETS = {
    "3x3": read_spec("outline"),
    "divisor and bias": one([[1, 2], [3, 4]], divisor=7, bias=128),
    "2x2": read_spec("box:2"),
    "pair": read_spec("sobel"),
    "15x15": read_spec("gaussian:15"),
    "gabor": read_spec("gabor"),
    "30x30": one(random(30, 30)),
    "31x9": one(bell(31, 9)),
    "9x31": one(bell(31, 9).T),
    "1x1": one([[2]]),
    "3x1": read_spec("1 2 1"),
    "1x5": one([[1], [4], [6], [4], [1]]),
    "63x1": one(bell(1, 63)),
    "1x63": one(bell(63, 1)),
    "zeros": one(np.zeros((2, 3), int)),
    "tiny": one(random(3, 3) * 1e-9),
    "huge with a long name": one(random(2, 2) * 1e12, name="a-name-without-an-end_" * 9),
    "channels": one(np.arange(50).reshape(2, 5, 5) - 25),
    "many channels": one(random(12, 2, 2)),
    "bank": KernelSet(
        "b", tuple(Kernel(m, name=f"b-{n}") for n, m in enumerate(random(2, 2, 3, 3)))
    ),
}


@cache
def drawn(name, theme="screen", frequency=False):
    return draw_kernel_sheet(SETS[name], frequency=frequency, options=FigureOptions(theme=theme))


FAST = {"3x3", "pair", "1x5", "channels"}
CASES = [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in SETS]


@pytest.mark.parametrize("name", CASES)
def test_legible_and_signed_maps_centered_on_zero(name, legible):
    figure = drawn(name)
    legible(figure)
    for axes in images(figure):
        [image] = axes.images
        assert image.get_interpolation() == "nearest"
        if image.get_array().ndim == 2:
            low, high = image.get_clim()
            assert low in (-high, 0)
            assert high > 0


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("name", ["3x3", "pair", "gabor", "1x63", "channels", "many channels"])
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    fits_page(drawn(name, theme), theme)


def test_a_slide_has_as_many_parts_as_fit_and_names_the_others(legible):
    figure = drawn("3x3", "slide", frequency=True)
    titles = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert titles.count("one bright pixel") == 1
    assert "left out: profile" in titles
    legible(figure)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["screen", "slide"])
@pytest.mark.parametrize("name", ["3x3", "gabor", "1x63", "divisor and bias"])
def test_frequencies_are_legible(name, theme, legible):
    legible(drawn(name, theme, frequency=True))


def test_gains_on_a_narrow_page_have_room_for_their_frequencies(legible):
    options = FigureOptions(theme="screen", width=2.6)
    figure = draw_kernel_sheet(SETS["3x3"], frequency=True, options=options)
    legible(figure)
    assert any(axes.get_ylabel() == "gain" for axes in figure.axes)


def images(figure):
    return [axes for axes in figure.axes if axes.images]


def pixels(axes):
    return np.asarray(axes.images[0].get_array())


def cells(axes):
    return [text.get_text() for text in axes.texts]


def words(figure):
    return [" ".join(text.get_text().split()) for text in figure.texts]


def curves(figure, label):
    """The axes whose y axis has a label."""
    [axes] = [axes for axes in figure.axes if axes.get_ylabel() == label and axes.lines]
    return axes


def test_one_bright_pixel_shows_the_flip():
    figure = draw_kernel_sheet(read_spec("emboss"))
    weights, correlated, convolved = images(figure)
    matrix = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    assert np.array_equal(pixels(weights), matrix)
    assert np.array_equal(pixels(correlated)[1:4, 1:4], matrix[::-1, ::-1])
    assert np.array_equal(pixels(convolved)[1:4, 1:4], matrix)
    assert "one bright pixel, correlate" in words(figure)
    assert "the kernel flipped" in words(figure)
    assert "the kernel as it is" in words(figure)
    assert cells(correlated)[6:9] == ["2", "1", "0"]
    [frame] = correlated.patches
    assert (frame.get_xy(), frame.get_edgecolor()) == ((1.5, 1.5), to_rgba("tab:orange"))


def test_a_symmetric_kernel_has_one_bright_pixel():
    figure = drawn("3x3")
    assert len(images(figure)) == 2
    assert "flipped or not, the same" in words(figure)
    assert "the kernel flipped, which changes its sign" in words(
        draw_kernel_sheet(read_spec("sobel-x"))
    )


def test_numbers_of_responses_are_written_as_in_the_kernel():
    weights, correlated, _ = images(draw_kernel_sheet(one([[0.5, 0.25], [1 / 3, 0]])))
    assert cells(weights) == ["0.500", "0.250", "0.333", "0"]
    assert sorted(set(cells(correlated))) == sorted(set(cells(weights)))


def test_the_profile_is_the_middle_row_and_column():
    axes = curves(draw_kernel_sheet(read_spec("blur")), "weight × 16")
    lines = {line.get_label(): line.get_ydata().tolist() for line in axes.lines[1:]}
    assert lines == {"row 1": [2, 4, 2], "column 1": [2, 4, 2]}


def test_few_weights_are_stems_with_nothing_between_them():
    axes = curves(drawn("3x3"), "weight")
    assert {line.get_linestyle() for line in axes.lines[1:]} == {"None"}
    row, column = axes.collections
    assert [path.vertices.tolist() for path in row.get_paths()] == [
        [[-1, 0], [-1, -1]], [[0, 0], [0, 8]], [[1, 0], [1, -1]]
    ]  # fmt: skip
    assert len(column.get_paths()) == 3


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("gaussian:51", FigureOptions(theme="slide")),
        ("sobel-x", FigureOptions(width=2)),
        ("sobel-x", FigureOptions()),
    ],
)
def test_legends_cover_neither_axes_nor_labels(spec, options):
    figure = draw_kernel_sheet(read_spec(spec), frequency=options.width is None, options=options)
    renderer = FigureCanvasAgg(figure).get_renderer()
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    assert legends
    page = figure.bbox
    for legend in legends:
        box = legend.get_window_extent(renderer)
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
        for axes in figure.axes:
            labels = [axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels()]
            boxes = [axes.bbox, *(text.get_window_extent(renderer) for text in labels)]
            assert not any(box.overlaps(each) for each in boxes if each.width * each.height)


def test_a_long_row_is_a_curve_and_no_stripe():
    figure = drawn("63x1")
    assert images(figure) == []
    [line] = [line for line in curves(figure, "weight").lines if len(line.get_ydata()) == 63]
    assert line.get_ydata().tolist() == bell(1, 63)[0].tolist()


@pytest.mark.slow
def test_the_gain_is_of_the_weights_with_their_divisor():
    figure = draw_kernel_sheet(read_spec("blur"), frequency=True)
    response = images(figure)[1]
    assert any(text.endswith("1 in the middle") for text in words(figure))
    assert pixels(response).max() == pytest.approx(1)
    assert response.images[0].get_extent() == [-0.5, 0.5, 0.5, -0.5]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "caption"),
    [("sobel-x", "gain 0 (dark) to 8; 0 in the middle"), ("0", "gain 0 at every frequency")],
)
def test_the_greatest_gain_is_told(spec, caption):
    assert caption in " ".join(words(draw_kernel_sheet(read_spec(spec), frequency=True)))


def test_the_only_place_of_a_profile_is_whole():
    axes = curves(draw_kernel_sheet(one([[3]])), "weight")
    assert axes.get_xticks().tolist() == [0]


def test_gains_run_along_four_directions():
    axes = curves(draw_kernel_sheet(one([[1, 0], [0, -1]]), frequency=True), "gain")
    found = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert list(found) == ["right", "down", "down right", "up right"]
    for factor, name in ((2, "down right"), (1, "right"), (1, "down"), (0, "up right")):
        frequency, gain = found[name].T
        expected = np.abs(1 - np.exp(-2j * np.pi * factor * frequency))
        np.testing.assert_allclose(gain, expected, atol=1e-12)


def test_frequencies_of_several_kernels_are_refused():
    with pytest.raises(UsageError, match="--frequency takes one kernel; sobel has 2 kernels"):
        draw_kernel_sheet(SETS["pair"], frequency=True)
    with pytest.raises(UsageError, match="k has 3 kernels over 2 channels"):
        draw_kernel_sheet(one(random(3, 2, 3, 3)), frequency=True)


@pytest.mark.parametrize("spec", ["gaussian:15", "log", "dog", "gabor", "disk:5"])
def test_large_smooth_kernels_have_contours(spec):
    assert has_contours(read_spec(spec).kernels[0].matrix)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["15x15", "gabor"])
def test_contours_have_no_line_at_zero(name):
    figure = drawn(name)
    assert "contours" in words(figure)
    levels = [
        contours.levels
        for axes in figure.axes
        for contours in axes.collections
        if hasattr(contours, "levels")
    ]
    assert len(levels) == 2
    assert not any(0 in each for each in levels)


@pytest.mark.parametrize("matrix", [random(15, 15), bell(8, 40), np.ones((20, 20)), bell(1, 99)])
def test_rough_thin_and_constant_kernels_have_none(matrix):
    assert not has_contours(matrix)


@pytest.mark.slow
def test_the_title_names_the_kernels_and_how_they_are_combined():
    assert drawn("pair").get_suptitle() == "sobel: 2 kernels 3x3, combined by magnitude"
    assert drawn("divisor and bias").get_suptitle() == "1 2; 3 4, 2x2, × 1/7, bias 128"
    assert drawn("channels").get_suptitle() == "kernel, 5x5, sum over 2 channels"


def test_channels_and_members_have_names():
    titles = [axes.get_title() for axes in images(drawn("channels"))]
    assert titles == ["channel 1", "channel 2"]
    figure = drawn("bank")
    assert figure.get_suptitle() == "b: 2 kernels 3x3, each sums the products of 2 channels"
    names = [" ".join(axes.get_title().split()) for axes in images(figure)]
    assert names == ["b-0, channel 1", "b-0, channel 2", "b-1, channel 1", "b-1, channel 2"]


@pytest.mark.parametrize("channels", [1, 2])
def test_a_slide_of_a_bank_names_its_filters_and_writes_their_weights(channels, fits_page):
    weights = np.random.default_rng(4).integers(-9, 10, (8, channels, 3, 3))
    name = "a bank with a long name.npy"
    kernels = (Kernel(each, name=f"filter {n} of {name}") for n, each in enumerate(weights, 1))
    figure = draw_kernel_sheet(
        KernelSet(name, tuple(kernels)), options=FigureOptions(theme="slide")
    )
    fits_page(figure, "slide")
    names = [" ".join(axes.get_title().split()) for axes in images(figure)]
    planes = range(1, channels + 1)
    expected = [f"filter {n}, channel {plane}" for n in range(1, 9) for plane in planes]
    assert names == (expected if channels > 1 else [f"filter {n}" for n in range(1, 9)])
    written = [text.get_text() for axes in images(figure) for text in axes.texts]
    assert written == [str(weight) for weight in weights.ravel()]


@pytest.mark.parametrize(
    ("spec", "label", "low", "high", "count"),
    [
        ("gaussian:5", "offset", -2, 2, 5),
        ("box:4", "offset", -1, 2, 4),
        ("gaussian:30,sigma=1,rho=0.5,start=-3,step=0.2,normalize=no", "x or y", -3, 2.8, 30),
        ("gaussian:9,sigma=1,step=0.5", "x or y", -2, 2, 9),
        ("gaussian:9,sigma=1,step=0.5@90", "offset", -4, 4, 9),
        ("signal:normal,mean=0,sd=1", "x", -10, 10, 1001),
    ],
)
def test_the_profile_says_where_the_weights_lie(spec, label, low, high, count):
    figure = draw_kernel_sheet(read_spec(spec))
    [axes] = [axes for axes in figure.axes if axes.get_xlabel() == label]
    lines = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == count]
    assert lines
    for places in lines:
        np.testing.assert_allclose(places, np.linspace(low, high, count), atol=1e-12)
    anchors = ["offset 0 is the anchor" in text for text in words(figure)]
    assert any(anchors) == (label == "offset")


def test_contours_of_a_sampled_gaussian_are_drawn_over_x_and_y():
    spec = "gaussian:30x20,sigma=1,start=-3,step=0.2"
    figure = draw_kernel_sheet(read_spec(spec))
    [axes] = [axes for axes in figure.axes if axes.get_ylabel() == "y"]
    assert axes.get_xlabel() == "x"
    assert axes.get_xlim() == pytest.approx((-3, 2.8))
    assert axes.get_ylim() == pytest.approx((0.8, -3))  # y grows downward, as rows do


def test_a_slide_of_a_sampled_gaussian_has_contours_over_x_and_y(legible):
    options = FigureOptions(theme="slide")
    kernels = read_spec("gaussian:61,sigma=1,rho=0.5,start=-3,step=0.1,normalize=no")
    figure = draw_kernel_sheet(kernels, options=options)
    legible(figure)
    assert {"weights", "contours"} <= {text.get_text() for text in figure.texts}
    weights = figure.axes[0]
    marks = dict(zip(weights.get_xticks(), weights.get_xticklabels(), strict=True))
    assert {float(mark.get_text()): place for place, mark in marks.items()} == pytest.approx(
        {-2: 10, 0: 30, 2: 50}
    )


def test_the_heading_names_a_file_without_its_folders():
    kernel = Kernel([[1, 2]], name="a/long folder/k.json", bias=3)
    figure = draw_kernel_sheet(KernelSet(kernel.name, (kernel,)))
    assert figure.get_suptitle() == "k.json, 2x1, bias 3"


def test_filters_over_three_channels_are_color_tiles():
    weights = random(20, 3, 4, 5)
    bank = KernelSet("b", tuple(Kernel(m, name=f"b-{n}") for n, m in enumerate(weights)))
    figure = draw_kernel_sheet(bank)
    [axes] = images(figure)
    picture = pixels(axes)
    assert "filters counted row by row" in words(figure)
    assert " ".join(words(figure)).count("20") == 1  # in the title
    across = round(axes.get_xlim()[1])
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    firsts = range(1, 21, across)
    assert labels == [f"{first}-{min(first + across - 1, 20)}" for first in firsts]
    limit = np.abs(weights).max()
    assert f"dark -{limit:.5g}, gray 0, bright {limit:.5g}" in " ".join(words(figure))
    down, right = divmod(13, across)
    high, wide = picture.shape[0] / len(labels), picture.shape[1] / across
    middle = picture[int((down + 0.5) * high), int((right + 0.5) * wide)]
    np.testing.assert_allclose(middle, 0.5 + weights[13, :, 2, 2] / (2 * limit))


@pytest.mark.parametrize(
    ("shape", "facts", "labels"),
    [
        ((64, 64), "the first 8 of 64 filters", ["filter 1", "channel 33", "filter 2"]),
        ((40, 5), "3 filters in a row, channel by channel", ["filter 1", "filter 4"]),
        ((2, 600), "the first 512 of 600 channels", ["filter 1", "channel 30"]),
    ],
)
def test_each_row_of_filters_over_channels_names_its_first_tile(shape, facts, labels):
    weights = random(*shape, 3, 3)
    bank = KernelSet("b", tuple(Kernel(m, name=f"b-{n}") for n, m in enumerate(weights)))
    figure = draw_kernel_sheet(bank)
    said = " ".join(words(figure))
    assert facts in said
    assert f"one tile for each of {shape[1]} channels" in said
    [axes] = images(figure)
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names[: len(labels)] == labels
    limit = np.abs(weights[: max(512 // shape[1], 1), :512]).max()
    high, wide = pixels(axes).shape[0] / len(names), pixels(axes).shape[1] / axes.get_xlim()[1]
    at: dict[str, int] = {}
    for row, name in enumerate(names):
        kind, number = name.split()
        at = {**(at if kind == "channel" else {}), kind: int(number)}
        weight = weights[at["filter"] - 1, at.get("channel", 1) - 1, 1, 1]
        middle = pixels(axes)[int((row + 0.5) * high), int(0.5 * wide)]
        color = colormaps["RdBu_r"](0.5 + weight / (2 * limit))
        np.testing.assert_allclose(middle, color[:3])


def test_one_filter_over_three_channels_shows_its_weights(fits_page):
    kernels, options = one(np.arange(27).reshape(3, 3, 3) - 9), FigureOptions(theme="screen")
    figure = draw_kernel_sheet(kernels, options=options)
    fits_page(figure, "screen")
    assert [axes.get_title() for axes in images(figure)] == ["red", "green", "blue"]
    assert [cells(axes)[0] for axes in images(figure)] == ["-9", "0", "9"]


@pytest.mark.slow
def test_a_sheet_holds_512_filters_and_counts_the_others():
    bank = KernelSet("b", tuple(Kernel(m, name=f"b-{n}") for n, m in enumerate(random(600, 3, 3))))
    assert "the first 512 of 600 filters" in words(draw_kernel_sheet(bank))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["identity", "comet"])
def test_kernels_of_the_catalogue_are_drawn_without_a_warning(name):
    assert curves(draw_kernel_sheet(read_spec(name)), "weight").lines


@pytest.mark.slow
@pytest.mark.parametrize("name", ["divisor and bias", "pair", "gabor", "63x1", "channels"])
def test_the_sheet_is_laid_out_as_it_was(name, laid_out):
    laid_out(drawn(name), f"kernel-sheet-{name.replace(' ', '-')}")


def test_kernels_of_a_transposed_layer_are_named_by_what_they_read_and_make():
    kernels = tuple(Kernel(each) for each in np.arange(24.0).reshape(2, 3, 2, 2))
    shown = KernelSet("net.onnx:up", kernels, transposed="convtranspose -k net.onnx:up")
    figure = draw_kernel_sheet(shown)
    title = " ".join(figure.texts[0].get_text().split())
    assert title == "net.onnx:up: 2 kernels 2x2, to 3 maps, one for each input map"
    said = " ".join(" ".join(words(figure)).split())
    assert "input maps counted row by row" in said
    assert "red, green and blue: the weights to the output maps 1, 2 and 3" in said
    assert not {"filters", "channels"} & set(said.split())


@pytest.mark.parametrize(("maps", "names"), [
    (2, ["k-0, output map 1", "k-0, output map 2", "k-1, output map 1", "k-1, output map 2"]),
    (40, ["input map 1", "input map 2"]),
])  # fmt: skip
def test_planes_of_a_transposed_layer_are_output_maps(maps, names):
    kernels = tuple(Kernel(each, name=f"k-{n}") for n, each in enumerate(random(2, maps, 2, 2)))
    [axes, *more] = images(
        draw_kernel_sheet(KernelSet("n:up", kernels, transposed="convtranspose -k n:up"))
    )
    titles = [" ".join(each.get_title().split()) for each in (axes, *more)]
    rows = [tick.get_text() for tick in axes.get_yticklabels()]
    assert (titles if maps == 2 else [row for row in rows if "input" in row]) == names


@pytest.mark.parametrize("channels", [(), (3,), (16,)])
def test_filters_have_scales_of_their_own_and_dead_ones_are_crossed_out(channels):
    weights = random(20, *channels, 3, 3)
    weights[2], weights[7], weights[9] = 0, weights[7] * 1e-5, weights[9] * 1e-2
    bank = KernelSet("b", tuple(Kernel(m, name=f"b-{n}") for n, m in enumerate(weights)))
    common, own = (filter_tiles(bank.kernels, scale=scale) for scale in ("common", "own"))
    assert common.dead == own.dead == [2, 7]
    assert len(own.crosses()) == 2 * 2 * own.drawn
    figures = [draw_kernel_sheet(bank, scale=scale) for scale in ("common", "own")]
    words = [" ".join(text.get_text() for text in figure.texts) for figure in figures]
    assert all("crossed out: filters 3, 8" in " ".join(text.split()) for text in words)
    assert ["has its own scale" in text for text in words] == [False, True]
    rows, columns = np.array(own.image.shape[:2]) // own.shape
    row, column = divmod(int(own.places[9, 0]), own.shape[1])
    tile = np.s_[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
    faint, clear = (np.ptp(each.image[tile][3:-3, 3:-3], (0, 1)).max() for each in (common, own))
    assert clear > 5 * faint > 0


def test_kernels_with_numbers_have_scales_of_their_own():
    bank = KernelSet("b", (Kernel([[1, -1]], name="a"), Kernel([[100, 2]], name="b")))
    limits = [axes.images[0].get_clim() for axes in images(draw_kernel_sheet(bank, scale="own"))]
    assert limits == [(-1, 1), (-100, 100)]
