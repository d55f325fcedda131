"""A figure that is drawn once, of which then only what moves is drawn anew."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.plotting.style import style_context

Pixels = NDArray[np.uint8]


class BlitCanvas:
    """The frames of one figure.

    It is drawn twice at the start: without its results, which is the page, and with them. Results
    appear on the page by copying pixels from the second drawing; what moves is drawn over a copy
    of the page, frame by frame.

    Args:
        figure: laid out, with everything in it.
        results: the artists that appear bit by bit.
        moving: the artists that change from frame to frame, in the order of drawing.

    Attributes:
        figure: the figure.
    """

    def __init__(self, figure: Figure, results: Sequence[Artist], moving: Sequence[Artist]) -> None:
        self._canvas: Any = FigureCanvasAgg(figure)  # matplotlib types little of it
        self.figure, self._moving = figure, moving
        for artist in (*results, *moving):
            artist.set_visible(False)
        self._page = self._drawn()
        for artist in results:
            artist.set_visible(True)
        self._whole = self._drawn()
        for artist in moving:
            artist.set_visible(True)

    def reveal(self, axes: Axes, corners: tuple[float, float, float, float]) -> None:
        """Let the results appear in a rectangle of some axes: left, top, right, bottom."""
        left, top, right, bottom = corners
        ends = axes.transData.transform([(left, top), (right, bottom)])
        columns = _span(ends[:, 0])
        rows = _span(len(self._page) - ends[:, 1])
        self._page[rows, columns] = self._whole[rows, columns]

    def samples(self) -> list[Pixels]:
        """Return the page as it is, and with all results, each (H, W, 3)."""
        return [self._page[..., :3], self._whole[..., :3]]

    def frame(self) -> Pixels:
        """Return the figure as it is now, (H, W, 3)."""
        buffer = self._buffer()
        buffer[...] = self._page
        renderer = self._canvas.get_renderer()
        with style_context():
            for artist in self._moving:
                artist.draw(renderer)
        return buffer[..., :3].copy()

    def _drawn(self) -> Pixels:
        with style_context():
            self._canvas.draw()
        return self._buffer().copy()

    def _buffer(self) -> Pixels:
        """Return the canvas's own pixels, (H, W, 4)."""
        buffer: Pixels = np.asarray(self._canvas.buffer_rgba())
        return buffer


def _span(ends: NDArray[np.float64]) -> slice:
    """Return the pixels between two places on an axis of the page."""
    low, high = np.sort(np.round(ends).astype(int))
    return slice(max(int(low), 0), max(int(high), 0))
