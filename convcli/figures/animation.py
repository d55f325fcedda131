"""A window sliding over its input while the feature map fills in, frame by frame."""

# Before matplotlib, whose start it makes quiet:
from convcli.figures.style import house_style

# isort: split
from collections.abc import Iterator, Sequence
from typing import Protocol

from convcli.figures.film import Pixels
from convcli.figures.picture_scene import PictureScene
from convcli.geometry import Pair
from convcli.lessons.sliding import Slide


class Scene(Protocol):
    """A figure in which a window can be moved."""

    def move(self, stop: int) -> None:
        """Lay the window at one of the stops, and let the results up to it appear."""

    def frame(self) -> Pixels:
        """Return the figure as it is now."""


def animate_filtering(
    slide: Slide, stops: Sequence[Pair], *, title: str = ""
) -> Iterator[Pixels]:
    """Yield a frame for each stop of the window: (H, W, 3) uint8, both sides even.

    The input with its padding hatched, the kernel as it is applied, and the feature map, which
    fills in row by row up to the window's place. A picture or a matrix is drawn as cells, with
    their numbers where they fit; a signal of one row or one column as a line.

    Args:
        slide: from :func:`convcli.lessons.sliding.slide_over`.
        stops: positions in the feature map, in reading order; the results begin at the first.
        title: a heading, such as the picture's name.

    Raises:
        UsageError: the picture has neither 1 nor 3 channels.

    >>> import numpy as np
    >>> from convcli.filtering import FilterSpec
    >>> from convcli.images.picture import Picture
    >>> from convcli.kernels.kernel import Kernel
    >>> from convcli.lessons.sliding import slide_over
    >>> layer = FilterSpec("blur", (Kernel(np.ones((3, 3))),))
    >>> slide = slide_over(Picture(np.eye(4), None), layer)
    >>> len(list(animate_filtering(slide, [(0, 0), (0, 1)])))
    2
    """
    with house_style():
        scene: Scene = PictureScene(slide, stops, title)
    for stop in range(len(stops)):
        scene.move(stop)
        yield scene.frame()
