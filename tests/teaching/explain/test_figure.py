"""The figure of an explanation: legible, honest colors, hatched padding, the same bytes."""

from functools import cache

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


@pytest.mark.parametrize("name", [name for name in CASES if name != "compass-rgb"])
def test_nothing_is_cut_or_overlaps(drawn, name, legible):
    legible(drawn(name)[1])


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
    assert "hatched: padding" in " ".join(figure.get_suptitle().split())
    assert not figure.axes[1].patches


def test_ticks_are_the_places_in_the_input(drawn):
    explained, figure = drawn("channels")
    response = explained.outputs[0].responses[0]
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(map(str, response.columns))
    assert [t.get_text() for t in axes.get_yticklabels()] == list(map(str, response.rows))


def test_a_row_for_each_sum_at_most_12(drawn, legible):
    assert len(drawn("rgb")[1].axes) == 9
    assert len(drawn("channels")[1].axes) == 9
    _, figure = drawn("compass-rgb")
    legible(figure)
    assert len(figure.axes) == 36
    assert "12 of 24 sums" in figure.get_suptitle()


def test_a_convolution_is_said_to_be_flipped(drawn):
    _, figure = drawn("15x15")
    assert figure.axes[1].get_title() == "custom, flipped"
    assert "convolve: flipped" in figure.get_suptitle()


@pytest.mark.parametrize("name", ["3x3", "rgb", "channels", "pair"])
def test_the_steps_to_the_pixel_are_below_the_grids(drawn, name):
    explained, figure = drawn(name)
    below = figure.get_supxlabel().splitlines()
    shown = as_shown(explained)
    for output in shown.outputs:
        for line in result_lines(shown, output):
            assert line in below


def test_nan_is_magenta_in_the_products_too(drawn):
    _, figure = drawn("nan")
    for axes in (figure.axes[0], figure.axes[2]):
        image = axes.images[0]
        assert image.to_rgba(image.get_array())[0, 0].tolist() == [1, 0, 1, 1]
        assert cells(axes)[0] == "nan"
    assert figure.axes[2].get_title() == "products, sum nan"


def test_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        save_figure(draw("3x3")[1], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("name", ["3x3", "7x7", "box-30x30", "pair", "column"])
def test_the_figure_is_laid_out_as_it_was(drawn, name, laid_out):
    laid_out(drawn(name)[1], f"explain-{name}")
