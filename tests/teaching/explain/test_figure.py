"""The figure of an explanation: legible, honest colors, hatched padding, the same bytes."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from convcli import explain
from convcli.kernels.kernel import Kernel
from convcli.plotting.save import save_figure
from convcli.teaching.explain.figure import draw_explanation
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.steps import result_lines

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(8)
GRAY = RNG.integers(0, 256, (40, 45), np.uint8)
COLOR = RNG.integers(0, 256, (30, 30, 3), np.uint8)
SIGNAL = np.array([[0, 1, 2, 3, 2, 1, 0, 0]])
LONG = "a-name-without-an-end_" * 6
CASES = {
    "3x3": (GRAY, "sobel-x", (0, 0), {}),
    "15x15": (GRAY, RNG.integers(-9, 9, (15, 15)), (0, 44), {"operation": "convolve"}),
    "30x30": (GRAY, RNG.normal(size=(30, 30)), (20, 3), {"range": "offset"}),
    "rgb": (COLOR, "blur", (0, 3), {"bias": 3}),
    "rgb-30x30": (COLOR, RNG.normal(size=(30, 30)), (20, 3), {}),
    "channels": (COLOR, RNG.normal(size=(3, 5, 5)), (0, 3), {"stride": 2, "dilation": 3}),
    "pair": (GRAY, "sobel", (0, 3), {"range": "rescale"}),
    "compass": (GRAY, "kirsch", (9, 3), {}),
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


def drawn(name):
    image, kernel, at, options = CASES[name]
    explained = explain(image, kernel, at, **options)
    return explained, draw_explanation(explained)


def cells(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("name", [name for name in CASES if name != "compass-rgb"])
def test_nothing_is_cut_or_overlaps(name, legible):
    legible(drawn(name)[1])


def test_window_kernel_and_products_have_their_numbers():
    explained, figure = drawn("3x3")
    part = explained.outputs[0].responses[0].sums[0]
    for axes, grid in zip(figure.axes, (part.window, part.weights, part.products), strict=True):
        assert cells(axes) == [str(n) for row in grid for n in row]


def test_signed_grids_are_white_at_zero_and_the_window_gray():
    _, figure = drawn("3x3")
    window, *signed = figure.axes
    assert window.images[0].get_clim() == (0, 255)
    assert window.images[0].get_cmap().name == "gray"
    for axes in signed:
        low, high = axes.images[0].get_clim()
        assert low == -high
        assert axes.images[0].get_cmap().name == "RdBu_r"


@pytest.mark.parametrize("name", ["3x3", "30x30", "row", "rgb"])
def test_padding_is_hatched_and_nothing_else(name):
    explained, figure = drawn(name)
    padding = explained.outputs[0].responses[0].padding
    hatched = np.zeros(np.shape(padding), int)
    for patch in figure.axes[0].patches:
        if isinstance(patch, Rectangle) and patch.get_hatch():
            (left, top), (right, bottom) = patch.get_bbox().get_points() + 0.5
            hatched[int(top) : int(bottom), int(left) : int(right)] += 1
    np.testing.assert_array_equal(hatched, padding)
    assert "hatched: padding" in " ".join(figure.get_suptitle().split())
    assert not figure.axes[1].patches


def test_ticks_are_the_places_in_the_input():
    explained, figure = drawn("channels")
    response = explained.outputs[0].responses[0]
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(map(str, response.columns))
    assert [t.get_text() for t in axes.get_yticklabels()] == list(map(str, response.rows))


def test_a_row_for_each_sum_at_most_12(legible):
    assert len(drawn("rgb")[1].axes) == 9
    assert len(drawn("channels")[1].axes) == 9
    _, figure = drawn("compass-rgb")
    legible(figure)
    assert len(figure.axes) == 36
    assert "12 of 24 sums" in figure.get_suptitle()


def test_a_convolution_is_said_to_be_flipped():
    _, figure = drawn("15x15")
    assert figure.axes[1].get_title() == "custom, flipped"
    assert "convolve: flipped" in figure.get_suptitle()


@pytest.mark.parametrize("name", ["3x3", "rgb", "channels", "pair"])
def test_the_steps_to_the_pixel_are_below_the_grids(name):
    explained, figure = drawn(name)
    below = figure.get_supxlabel().splitlines()
    shown = as_shown(explained)
    for output in shown.outputs:
        for line in result_lines(shown, output):
            assert line in below


def test_nan_is_magenta_in_the_products_too():
    _, figure = drawn("nan")
    for axes in (figure.axes[0], figure.axes[2]):
        image = axes.images[0]
        assert image.to_rgba(image.get_array())[0, 0].tolist() == [1, 0, 1, 1]
        assert cells(axes)[0] == "nan"
    assert figure.axes[2].get_title() == "products, sum nan"


def test_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        save_figure(drawn("rgb")[1], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


PHOTO = np.random.default_rng(1).integers(0, 256, (40, 45), np.uint8)
LAYOUTS = {
    "3x3": (PHOTO, "sobel-x", (0, 0), {}),
    "7x7": (PHOTO, "gaussian:7", (0, 44), {"operation": "convolve", "range": "offset"}),
    "30x30": (PHOTO, "box:30", (20, 3), {}),
    "pair": (PHOTO, "sobel", (0, 3), {"range": "rescale"}),
    "column": (SIGNAL.T, [[1], [2], [1]], (0, 0), {"divisor": 4, "border": "zero"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_figure_is_laid_out_as_it_was(name, laid_out):
    image, kernel, at, options = LAYOUTS[name]
    laid_out(draw_explanation(explain(image, kernel, at, **options)), f"explain-{name}")
