"""The animation of a descent: each frame shows the kernel after an epoch, and the losses to it."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from convcli import cross_correlate, get_kernel, learn_kernel
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.plotting.style import THEMES
from convcli.teaching.learn.scene import LearningScene
from convcli.teaching.learn.text import Truth

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)
COLOR = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
BLUR = Truth("blur", get_kernel("blur").weights)
TASKS = {
    "3x3": (IMAGE, cross_correlate(IMAGE, "blur"), 3),
    "9x9": (IMAGE, cross_correlate(IMAGE, "gaussian:9"), 9),
    "over channels": (COLOR, COLOR[..., 1], 1),
    "one row": (IMAGE, cross_correlate(IMAGE, [[1, 2, 3, 4, 3, 2, 1]]), (1, 7)),
}


@cache
def learned(name, epochs=150):
    before, after, size = TASKS[name]
    return learn_kernel(before, after, size, descent=True, epochs=epochs)


def scene_of(name, truth=None, **options):
    options = {"dpi": 50.0} | options
    return LearningScene(learned(name), truth, title="a → b", options=FigureOptions(**options))


def grids(figure):
    return [axes for axes in figure.axes if axes.images]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", TASKS)
def test_first_and_last_frame_keep_the_page_of_the_theme(name, theme, fits_page):
    scene = scene_of(name, BLUR if name == "3x3" else None, theme=theme, dpi=100.0)
    for number in (0, len(scene) - 1):
        scene.move(number)
        fits_page(scene.figure, theme)


@pytest.mark.parametrize("width", [3, 4])
def test_a_narrow_page_keeps_the_kernel_first(width, legible):
    scene = scene_of("3x3", width=width)
    legible(scene.figure)
    own = grids(scene.figure)[0].images[0].get_array()
    assert np.array_equal(own, learned("3x3").history.path[0][1])


def test_a_frame_shows_the_kernel_the_epoch_and_the_losses_so_far():
    scene, history = scene_of("3x3", BLUR, digits=3), learned("3x3").history
    assert len(scene) == len(history.path)
    for number in (0, 7, len(scene) - 1):
        scene.move(number)
        epoch, kernel = history.path[number]
        own, true = grids(scene.figure)
        np.testing.assert_allclose(own.images[0].get_array(), kernel)
        shown = [float(text.get_text()) for text in own.texts]
        np.testing.assert_allclose(shown, kernel.ravel(), atol=5.01e-4)
        assert [text.get_text() for text in true.texts[:2]] == ["0.062", "0.125"]
        said = [text.get_text() for text in scene.figure.texts]
        assert f"epoch {epoch}, loss {history.losses[epoch]:.4g}" in said
        [curves] = [axes for axes in scene.figure.axes if axes.lines and not axes.images]
        assert any(
            np.array_equal(line.get_ydata(), history.losses[: epoch + 1]) for line in curves.lines
        )


def test_the_kernels_of_the_frames_are_those_of_shorter_descents():
    path = dict(learned("3x3").history.path)
    assert min(path) == 0
    assert max(path) == 150
    for epoch in (1, 2, 10, 150):
        np.testing.assert_array_equal(path[epoch], learned("3x3", epoch).weights)
    epochs = np.array(sorted(path))
    assert (np.diff(np.diff(epochs)) >= -1).all()  # close together at first
    assert len(learned("3x3", 5).history.path) == 6


def test_the_frames_differ_where_something_moves_and_are_the_same_each_time():
    scene = scene_of("3x3", BLUR)
    frames = list(scene)
    assert {frame.shape for frame in frames} == {frames[0].shape}
    assert all((one != two).any() for one, two in pairwise(frames))
    height = frames[0].shape[0]
    assert (frames[0][: height // 6] == frames[-1][: height // 6]).all()  # the heading
    for one, two in zip(frames, scene_of("3x3", BLUR), strict=True):
        np.testing.assert_array_equal(one, two)


def test_least_squares_has_no_steps():
    with pytest.raises(UsageError, match="only a gradient descent learns step by step"):
        LearningScene(learn_kernel(*TASKS["3x3"]))
