"""A window sliding over its input while the feature map fills in, frame by frame."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import DIVERGING, style_context

# isort: split
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from convcli.geometry import Pair
from convcli.plotting.blit import BlitCanvas, Pixels
from convcli.plotting.window_marks import PAD_COLOR, WINDOW_COLOR
from convcli.teaching.animate.image_scene import ImageScene
from convcli.teaching.animate.page import EMPTY_COLOR
from convcli.teaching.animate.signal_scene import SignalScene, slides_along
from convcli.teaching.animate.sliding import SlidingWindow

_SHADES = 33  # of the diverging colors that are kept exactly


class Scene(Protocol):
    """A figure in which a window can be moved."""

    film: BlitCanvas

    def move(self, stop: int) -> None:
        """Lay the window at one of the stops, and let the results up to it appear."""


class Animation:
    """The frames of a window's way; see :func:`animate_filtering`. They can be taken once."""

    def __init__(self, slide: SlidingWindow, stops: Sequence[Pair], title: str = "") -> None:
        self._count = len(stops)
        with style_context():
            make = SignalScene if slides_along(slide) else ImageScene
            self._scene: Scene = make(slide, stops, title)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Pixels]:
        for stop in range(self._count):
            self._scene.move(stop)
            yield self._scene.film.frame()

    def samples(self) -> list[Pixels]:
        """Return two frames that have, together, the colors of all but the marks."""
        return self._scene.film.samples()


def kept_colors() -> Pixels:
    """Return the colors (n, 3) that a palette of few is to have: the marks', and blue to red."""
    marks = [to_rgb(name) for name in (WINDOW_COLOR, PAD_COLOR, EMPTY_COLOR)]
    shades = colormaps[DIVERGING](np.linspace(0, 1, _SHADES))[:, :3]
    return np.round(255 * np.array([*marks, *shades])).astype(np.uint8)


def animate_filtering(
    slide: SlidingWindow, stops: Sequence[Pair], *, title: str = ""
) -> Iterator[Pixels]:
    """Yield a frame for each stop of the window: (H, W, 3) uint8, both sides even.

    The input with its padding hatched, the kernel as it is applied, and the feature map, which
    fills in row by row up to the window's place. An image or a matrix is drawn as cells, with
    their numbers where they fit; a signal of one row or one column as a line.

    Args:
        slide: from :func:`convcli.teaching.animate.sliding.slide_over`.
        stops: positions in the feature map, in reading order; the results begin at the first.
        title: a heading, such as the image's name.

    Raises:
        UsageError: the image has neither 1 nor 3 channels.

    >>> import numpy as np
    >>> from convcli.filtering import Filter
    >>> from convcli.images.image import ImageData
    >>> from convcli.kernels.kernel import Kernel
    >>> from convcli.teaching.animate.sliding import slide_over
    >>> layer = Filter("blur", (Kernel(np.ones((3, 3))),))
    >>> slide = slide_over(ImageData(np.eye(4), None), layer)
    >>> len(list(animate_filtering(slide, [(0, 0), (0, 1)])))
    2
    """
    yield from Animation(slide, stops, title)
