"""Blitting: render a figure once, then redraw only the moving artists in each frame."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from convcli.plotting.style import (
    FOOTER_POINTS,
    HEADING_POINTS,
    PAGE_PAD,
    TITLE_MARGIN,
    page,
    style_context,
)
from convcli.plotting.text import wrap

Frame = NDArray[np.uint8]  # (H, W, 3)

CAPTION_LINE = FOOTER_POINTS * 1.45 / 72  # inches
CAPTION_LETTER = 0.61 * FOOTER_POINTS / 72  # inches; width of a letter of the monospaced font
TEXT_SHARE = 0.88  # of a width that text may take: at this resolution letters become wider
EMPTY_COLOR = "#fbf5d3"  # of values that are not computed yet: neither gray, nor blue or red
_FRAME_DPI = 100  # most screens show such a frame whole


def frame_page(width: float, height: float, title: str, lines: int) -> tuple[Figure, Text]:
    """Return an empty frame with an even number of pixels on each side, and its caption.

    Args:
        width: in inches.
        height: in inches, of everything between title and caption.
        title: wrapped to the width; the frame becomes higher by its lines.
        lines: lines of the caption, below everything else.
    """
    title = wrap(title, TEXT_SHARE * width - TITLE_MARGIN, HEADING_POINTS)
    figure = page(width, height, title)
    caption_height = lines * CAPTION_LINE + 2 * PAGE_PAD
    inches = width, figure.get_figheight() + caption_height
    across, down = (2 * round(length * _FRAME_DPI / 2) / _FRAME_DPI for length in inches)
    figure.set_dpi(_FRAME_DPI)
    figure.set_size_inches(across, down)
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0, caption_height / down, 1, 1 - caption_height / down))
    caption = figure.text(
        2 * PAGE_PAD / across,
        (caption_height - PAGE_PAD) / down,
        "",
        size=FOOTER_POINTS,
        family="monospace",
        va="top",
        linespacing=1.3,
    )
    return figure, caption


class BlitCanvas:
    """The frames of one figure, to be taken once. Subclasses move the artists.

    The figure is rendered twice at the start: without its results, as the background, and with
    them. Results appear by copying pixels from the second rendering to the background; the moving
    artists are drawn over a copy of the background, frame by frame.

    Args:
        figure: with its layout computed and everything in it.
        results: the artists that appear bit by bit.
        moving: the artists that change from frame to frame, in the order of drawing.
        count: the number of frames.
    """

    def __init__(
        self, figure: Figure, results: Sequence[Artist], moving: Sequence[Artist], count: int
    ) -> None:
        self._canvas: Any = FigureCanvasAgg(figure)  # matplotlib types little of it
        self.figure, self._moving, self._count = figure, moving, count
        for artist in (*results, *moving):
            artist.set_visible(False)
        self._background = self._rendered()
        for artist in results:
            artist.set_visible(True)
        self._complete = self._rendered()
        for artist in moving:
            artist.set_visible(True)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._count):
            self.move(number)
            yield self.frame()

    def move(self, number: int) -> None:
        """Move the artists to their places in one frame, and reveal the results up to it."""
        raise NotImplementedError

    def reveal(self, axes: Axes, corners: tuple[float, float, float, float]) -> None:
        """Show the results in a rectangle of some axes: left, top, right, bottom."""
        left, top, right, bottom = corners
        pixels = axes.transData.transform([(left, top), (right, bottom)])
        columns = _pixels_between(pixels[:, 0])
        rows = _pixels_between(len(self._background) - pixels[:, 1])
        self._background[rows, columns] = self._complete[rows, columns]

    def backgrounds(self) -> list[Frame]:
        """Return the background as it is now, and with all results."""
        return [self._background[..., :3], self._complete[..., :3]]

    def frame(self) -> Frame:
        """Return the figure as it is now."""
        buffer = self._buffer()
        buffer[...] = self._background
        renderer = self._canvas.get_renderer()
        with style_context():
            for artist in self._moving:
                artist.draw(renderer)
        return buffer[..., :3].copy()

    def _rendered(self) -> NDArray[np.uint8]:
        with style_context():
            self._canvas.draw()
        return self._buffer().copy()

    def _buffer(self) -> NDArray[np.uint8]:
        """Return the canvas's own pixels, (H, W, 4)."""
        buffer: NDArray[np.uint8] = np.asarray(self._canvas.buffer_rgba())
        return buffer


def _pixels_between(ends: NDArray[np.float64]) -> slice:
    """Return the rows or columns of pixels between two coordinates."""
    low, high = np.sort(np.round(ends).astype(int))
    return slice(max(int(low), 0), max(int(high), 0))
