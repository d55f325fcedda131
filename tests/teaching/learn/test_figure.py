"""The figure of a learned kernel: legible, and on one scale with the truth."""

from dataclasses import replace

import numpy as np
import pytest

from convcli.kernels.kernel import Kernel
from convcli.teaching.learn.estimate import History
from convcli.teaching.learn.figure import draw_learned
from convcli.teaching.learn.lookup import recognize
from convcli.teaching.learn.result import LearnResult
from convcli.teaching.learn.text import Truth

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(8)
KERNELS = {
    "3x3": np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "15x15": RNG.normal(size=(15, 15)),
    "30x30": RNG.normal(size=(30, 30)),
    "row": np.array([[1.0, 2, 3, 4, 5, 4, 3, 2, 1]]),
    "column": np.ones((9, 1)),
    "long": RNG.normal(size=(1, 40)),
    "one": np.array([[3.0]]),
    "color": RNG.normal(size=(3, 3, 3)),
    "channels": RNG.normal(size=(12, 2, 2)),
    "tiny": RNG.normal(0, 1e-8, (3, 3)),
    "huge": RNG.normal(0, 1e8, (3, 3)),
}
LONG = "a-name-without-an-end_" * 3


def history_to(weights, epochs, least):
    shown = tuple(sorted({epoch for epoch in (0, 1, 5, 20, 100) if epoch < epochs} | {epochs}))
    losses = 900 * 0.93 ** np.arange(epochs + 1.0) + least
    kernels = tuple(weights * (1 - 0.9 ** (epoch + 1)) for epoch in shown)
    return History(losses, shown, kernels, 0.057, 0.218, 0.9, least, weights)


def drawn(name, *, truth=None, noise=1e-3, descent=False, epochs=200, least=1.0):
    """What might have been learned, and its figure."""
    kernel = KERNELS[name]
    error = noise * np.abs(kernel).max()
    weights = kernel + RNG.normal(0, error, kernel.shape)
    learned = LearnResult(
        weights=weights,
        bias=3.0,
        errors=np.full(kernel.shape, error),
        bias_error=0.1,
        windows=10**6,
        clipped=0,
        residual=0.2887,
        r_squared=0.99,
        condition=40.0,
        match=recognize(weights, 3.0, error) if kernel.ndim == 2 else None,
        rational=None,
        history=history_to(weights, epochs, least) if descent else None,
        depth=8,
    )
    channels = kernel.shape[0] if kernel.ndim == 3 else None
    true = truth and Truth.of(Kernel(kernel, name=truth), kernel.shape[-2:], channels)
    return learned, draw_learned(learned, true)


@pytest.mark.parametrize("descent", [False, True], ids=["squares", "descent"])
@pytest.mark.parametrize("name", KERNELS)
def test_nothing_is_cut_or_overlaps(name, descent, legible):
    """Each kernel with and without a descent, with and without a truth, and each pair of those."""
    with_truth = descent == (list(KERNELS).index(name) % 2 == 0)
    legible(drawn(name, truth=LONG if with_truth else None, descent=descent)[1])


@pytest.mark.parametrize("epochs", [1, 3, 1000])
def test_any_number_of_epochs(epochs, legible):
    _, figure = drawn("3x3", descent=True, epochs=epochs)
    legible(figure)
    titles = [axes.get_title() for axes in figure.axes]
    assert f"epoch {epochs}" in titles


def test_the_truth_is_on_the_scale_of_what_was_learned():
    _, figure = drawn("3x3", truth="sobel")
    learned, truth, difference = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["learned", "sobel", "difference"]
    assert learned.images[0].get_clim() == truth.images[0].get_clim()
    low, high = difference.images[0].get_clim()
    assert low == -high
    assert high < 0.1
    for axes in figure.axes:
        assert axes.images[0].get_cmap().name == "RdBu_r"
        assert axes.child_axes  # a bar of its own
    assert [text.get_text() for text in learned.texts] == [
        "-1",
        "0",
        "1",
        "-2",
        "0",
        "2",
        "-1",
        "0",
        "1",
    ]


def test_a_row_for_each_channel():
    _, figure = drawn("color", truth="truth")
    assert [axes.get_title() for axes in figure.axes[:3]] == [
        "learned, red",
        "truth, red",
        "difference, red",
    ]
    assert len(figure.axes) == 9
    learned, _ = drawn("color")
    plain = draw_learned(replace(learned, depth=None))
    assert plain.axes[0].get_title() == "learned, channel 0"
    assert "the first 8 of 12 channels" in drawn("channels")[1].get_suptitle()


def test_a_descent_shows_its_losses_and_kernels_on_one_scale():
    learned, figure = drawn("3x3", truth="truth", descent=True)
    loss, *maps = figure.axes
    line, floor = loss.lines
    np.testing.assert_array_equal(line.get_ydata(), learned.history.losses)
    np.testing.assert_array_equal(floor.get_ydata(), learned.history.least)
    assert loss.get_yscale() == "log"
    assert loss.get_xlabel() == "epoch"
    assert "mean squared" in loss.get_ylabel()
    titles = [axes.get_title() for axes in maps if axes.images]
    assert titles == [*(f"epoch {n}" for n in (0, 1, 5, 20, 100, 200)), "truth"]
    assert len({axes.images[0].get_clim() for axes in maps if axes.images}) == 1


def test_a_floor_far_below_is_in_the_title_and_not_drawn():
    learned, figure = drawn("3x3", least=1e-9, descent=True)
    assert len(figure.axes[0].lines) == 1
    assert "least squares has a loss of" in figure.axes[0].get_title()
    assert figure.axes[0].get_ylim()[0] > 1e-3 * learned.history.losses.min()


@pytest.mark.parametrize(
    ("name", "descent"), [("3x3", False), ("3x3", True), ("column", False), ("color", True)]
)
def test_the_figure_is_laid_out_as_it_was(name, descent, laid_out):
    _, figure = drawn(name, truth="sobel", noise=0, descent=descent)
    laid_out(figure, f"learn-{name}" + "-descent" * descent)
