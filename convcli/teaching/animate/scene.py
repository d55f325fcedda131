"""An animated filtering: a window slides over the input while the feature map appears."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.plotting.blit import EMPTY_COLOR, BlitCanvas
from convcli.plotting.signal_plot import are_signals, signal_axis, signal_taps
from convcli.plotting.style import DIVERGING, style_context
from convcli.plotting.window_marks import PAD_COLOR, WINDOW_COLOR
from convcli.teaching.animate.image_scene import ImageScene
from convcli.teaching.animate.signal_scene import SignalScene
from convcli.teaching.animate.sliding import SlidingWindow

_EXACT_SHADES = 33  # of the colors from blue to red


def animate_window(
    window: SlidingWindow, positions: Sequence[Pair], *, title: str = ""
) -> BlitCanvas:
    """Return the frames of a sliding window, (H, W, 3) uint8 with even H and W.

    A frame shows the input with its padding hatched, the kernel as it is applied, and the feature
    map up to the window's position. An image or matrix is drawn as cells, with their numbers
    where these fit; a signal of one row or one column as stems or a line.

    Args:
        window: from :func:`convcli.teaching.animate.sliding.slide_over`.
        positions: in the feature map, in reading order; results appear from the first on.
        title: a heading, such as the image's name.

    Returns:
        The frames, to be iterated once. ``len()`` counts them, and ``backgrounds()`` gives two
        images with all colors of the frames but those of the marks.

    Raises:
        UsageError: the image has neither 1 nor 3 channels.
    """
    with style_context():
        axis = _signal_axis(window)
        if axis is None:
            return ImageScene(window, positions, title)
        return SignalScene(window, positions, title, axis)


def palette_colors() -> NDArray[np.uint8]:
    """Return the colors, (n, 3), that a small palette keeps exactly: the marks', blue to red."""
    marks = [to_rgb(name) for name in (WINDOW_COLOR, PAD_COLOR, EMPTY_COLOR)]
    shades = colormaps[DIVERGING](np.linspace(0, 1, _EXACT_SHADES))[:, :3]
    return np.round(255 * np.array([*marks, *shades])).astype(np.uint8)


def _signal_axis(window: SlidingWindow) -> int | None:
    """Return the axis of a signal if the kernels run along it and the result is one, else None."""
    axis = signal_axis(window.image.pixels)
    if axis is None or not are_signals([window.image.pixels, window.pixels]):
        return None
    operation = window.filter.conv.operation
    matrices = (kernel.matrix for kernel in window.filter.kernels)
    along = all(signal_taps(matrix, axis, operation) is not None for matrix in matrices)
    return axis if along else None
