"""An animated filtering: a window slides over the input while the feature map appears."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.plotting.blit import EMPTY_COLOR, BlitCanvas
from convcli.plotting.style import DIVERGING, style_context
from convcli.plotting.window_marks import PAD_COLOR, WINDOW_COLOR
from convcli.teaching.animate.image_scene import ImageScene
from convcli.teaching.animate.signal_scene import SignalScene, slides_along
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
        The frames, which can be taken once. ``len()`` counts them, and ``backgrounds()`` gives two
        images with all colors of the frames but those of the marks.

    Raises:
        UsageError: the image has neither 1 nor 3 channels.

    >>> from convcli.filtering import Filter
    >>> from convcli.images.image import ImageData
    >>> from convcli.kernels.kernel import Kernel
    >>> from convcli.teaching.animate.sliding import slide_over
    >>> blur = Filter("blur", (Kernel(np.ones((3, 3))),))
    >>> window = slide_over(ImageData(np.eye(4), None), blur)
    >>> len(list(animate_window(window, [(0, 0), (0, 1)])))
    2
    """
    with style_context():
        if slides_along(window):
            return SignalScene(window, positions, title)
        return ImageScene(window, positions, title)


def palette_colors() -> NDArray[np.uint8]:
    """Return the colors, (n, 3), that a small palette keeps exactly: the marks', blue to red."""
    marks = [to_rgb(name) for name in (WINDOW_COLOR, PAD_COLOR, EMPTY_COLOR)]
    shades = colormaps[DIVERGING](np.linspace(0, 1, _EXACT_SHADES))[:, :3]
    return np.round(255 * np.array([*marks, *shades])).astype(np.uint8)
