"""Blitting: render a figure once, then redraw only the moving artists in each frame."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.figure_options import FigureOptions
from convcli.plotting.letters import Pixels
from convcli.plotting.save import METADATA
from convcli.plotting.style import (
    gray_colormap,
    signed_colormap,
    style_context,
    theme,
    unsigned_colormap,
)
from convcli.plotting.window_marks import PAD_COLOR, WINDOW_COLOR

Frame = NDArray[np.uint8]  # (H, W, 3)

_BATCH = 8  # frames drawn at once: to change matplotlib's settings takes as long as a frame
_SHADES = 48  # of a colormap; steps between so many are not seen in a bar


class Moving:
    """Artists that change from frame to frame.

    Attributes:
        artists: in the order of drawing.
    """

    def __init__(self, artists: Sequence[Artist]) -> None:
        self.artists = list(artists)

    def paint(self, renderer: Any, _pixels: Pixels) -> None:
        """Draw them into a frame. Subclasses draw faster, into its pixels."""
        for artist in self.artists:
            artist.draw(renderer)


class BlitCanvas:
    """The frames of one figure. Subclasses move the artists.

    The figure is rendered once, without the moving artists. In each frame these are drawn over a
    copy of that background.

    Args:
        figure: with its layout computed and everything in it.
        moving: what changes from frame to frame, in the order of drawing.
        count: the number of frames.
        options: how the figure looks.
    """

    def __init__(
        self,
        figure: Figure,
        moving: Sequence[Moving],
        count: int,
        options: FigureOptions | None,
    ) -> None:
        self._canvas: Any = FigureCanvasAgg(figure)  # matplotlib types little of it
        self._moving, self._count, self._options = tuple(moving), count, options
        self.figure = figure
        self._background: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        for start in range(0, len(self), _BATCH):
            with style_context(self._options):
                frames = [self._frame(n) for n in range(start, min(start + _BATCH, len(self)))]
            yield from frames

    def move(self, number: int) -> None:
        """Move the artists to their places in one frame."""
        raise NotImplementedError

    def backgrounds(self) -> list[Frame]:
        """Return images with the colors of all frames, but for those of `colors`."""
        with style_context(self._options):
            return [self._rendered()[..., :3], self._frame(len(self) // 2)]

    def colors(self) -> NDArray[np.uint8]:
        """Return the colors, (n, 3), that a small palette keeps exactly: of marks and bars."""
        with style_context(self._options):
            look = theme()
            named = [to_rgb(c) for c in (WINDOW_COLOR, PAD_COLOR, look.empty, look.page, look.ink)]
            maps = {cmap.name: cmap for cmap in self.colormaps()}
            shades = [cmap(np.linspace(0, 1, _SHADES))[:, :3] for cmap in maps.values()]
        return np.round(255 * np.concatenate([named, *shades])).astype(np.uint8)

    def colormaps(self) -> Sequence[Any]:
        """Return the colormaps of the figure's bars."""
        return gray_colormap(), signed_colormap(), unsigned_colormap()

    def write_pages(self, file: BinaryIO) -> Iterator[int]:
        """Write a PDF with a page for each frame, and yield the number of each."""
        with style_context(self._options), PdfPages(file, metadata=METADATA["pdf"]) as pages:
            for number in range(len(self)):
                self.move(number)
                pages.savefig(self.figure)
                yield number

    def _frame(self, number: int) -> Frame:
        background = self._rendered()
        pixels = np.asarray(self._canvas.buffer_rgba())
        pixels[...] = background
        self.move(number)
        for moving in self._moving:
            moving.paint(self._canvas.get_renderer(), pixels)
        frame = np.empty((*pixels.shape[:2], 3), np.uint8)
        for channel in range(3):  # much faster than all at once
            frame[..., channel] = pixels[..., channel]
        return frame

    def _rendered(self) -> NDArray[np.uint8]:
        """Return the figure without the moving artists, (H, W, 4)."""
        if self._background is None:
            artists = [artist for moving in self._moving for artist in moving.artists]
            for artist in artists:
                artist.set_visible(False)
            with style_context(self._options):
                self._canvas.draw()
            for artist in artists:
                artist.set_visible(True)
            self._background = np.array(self._canvas.buffer_rgba())
        return self._background
