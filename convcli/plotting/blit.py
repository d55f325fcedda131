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

from convcli.plotting.labels import line_count, wrap
from convcli.plotting.style import (
    FOOTER_POINTS,
    HEADING_POINTS,
    PAGE_PAD,
    TITLE_MARGIN,
    page,
    style_context,
)
from convcli.plotting.window_marks import Corners

Frame = NDArray[np.uint8]  # (H, W, 3)

CAPTION_LINE = FOOTER_POINTS * 1.45 / 72  # inches
CAPTION_LETTER = 0.61 * FOOTER_POINTS / 72  # inches; width of a letter of the monospaced font
TEXT_SHARE = 0.88  # of a width that text may take: at this resolution letters become wider
EMPTY_COLOR = "#fbf5d3"  # of values that are not computed yet: neither gray, nor blue or red
_FRAME_DPI = 100  # most screens show such a frame whole


def frame_page(
    width: float, height: float, title: str, captions: Sequence[str]
) -> tuple[Figure, Text]:
    """Return an empty frame with an even number of pixels on each side, and its caption.

    Args:
        width: in inches.
        height: in inches, of everything between title and caption.
        title: wrapped to the width; the frame becomes higher by its lines.
        captions: texts that the caption, below everything else, has room for.
    """
    figure = page(width, height, wrap(title, TEXT_SHARE * width - TITLE_MARGIN, HEADING_POINTS))
    caption_height = max(map(line_count, captions)) * CAPTION_LINE + 2 * PAGE_PAD
    inches = width, figure.get_figheight() + caption_height
    across, down = (2 * round(length * _FRAME_DPI / 2) / _FRAME_DPI for length in inches)
    figure.set_dpi(_FRAME_DPI)
    figure.set_size_inches(across, down)
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0, caption_height / down, 1, 1 - caption_height / down))
    place = 2 * PAGE_PAD / across, (caption_height - PAGE_PAD) / down
    style: dict[str, Any] = {"size": FOOTER_POINTS, "family": "monospace", "linespacing": 1.3}
    return figure, figure.text(*place, "", va="top", **style)


class BlitCanvas:
    """The frames of one figure, to be iterated once. Subclasses move the artists.

    The figure is rendered twice at the start: without its results, as the background, and with
    them. Results appear by copying pixels from the second rendering to the background; the moving
    artists and the caption are drawn over a copy of the background, frame by frame.

    Args:
        figure: with its layout computed and everything in it.
        results: the artists that appear bit by bit.
        moving: the artists that change from frame to frame, in the order of drawing.
        caption: the text below the figure.
        captions: what it says in each frame.
    """

    def __init__(
        self,
        figure: Figure,
        results: Sequence[Artist],
        moving: Sequence[Artist],
        caption: Text,
        captions: Sequence[str],
    ) -> None:
        self._canvas: Any = FigureCanvasAgg(figure)  # matplotlib types little of it
        self._moving, self._caption, self._captions = (*moving, caption), caption, captions
        self.figure = figure
        for artist in (*results, *self._moving):
            artist.set_visible(False)
        self._background = self._render()
        for artist in results:
            artist.set_visible(True)
        self._complete = self._render()
        for artist in self._moving:
            artist.set_visible(True)

    def __len__(self) -> int:
        return len(self._captions)

    def __iter__(self) -> Iterator[Frame]:
        for number in range(len(self)):
            self.move(number)
            buffer = np.asarray(self._canvas.buffer_rgba())
            buffer[...] = self._background
            with style_context():
                for artist in self._moving:
                    artist.draw(self._canvas.get_renderer())
            yield buffer[..., :3].copy()

    def move(self, number: int) -> None:
        """Move the artists to their places in one frame, and reveal the results up to it."""
        self._caption.set_text(self._captions[number])

    def reveal(self, axes: Axes, corners: Corners) -> None:
        """Show the results in a rectangle of some axes."""
        left, top, right, bottom = corners
        pixels = axes.transData.transform([(left, top), (right, bottom)])
        pixels[:, 1] = len(self._background) - pixels[:, 1]
        x, y = np.maximum(np.sort(np.round(pixels).astype(int), axis=0), 0).T.tolist()
        area = slice(*y), slice(*x)
        self._background[area] = self._complete[area]

    def backgrounds(self) -> list[Frame]:
        """Return the background as it is now, and with all results."""
        return [self._background[..., :3], self._complete[..., :3]]

    def _render(self) -> NDArray[np.uint8]:
        """Return the whole figure, (H, W, 4)."""
        with style_context():
            self._canvas.draw()
        return np.array(self._canvas.buffer_rgba())
