"""The scene of an image or a matrix: its window on the way, and the maps that fill in."""

from collections.abc import Iterator, Sequence
from itertools import chain

from convcli.geometry import Pair
from convcli.plotting.blit import BlitCanvas
from convcli.plotting.window_marks import CellMark, WindowMarks
from convcli.teaching.animate.captions import captions, line_count
from convcli.teaching.animate.image_page import ImagePage
from convcli.teaching.animate.sliding import SlidingWindow


class ImageScene:
    """A figure, drawn once, and what moves in it.

    Attributes:
        film: takes the frames.
    """

    def __init__(self, slide: SlidingWindow, stops: Sequence[Pair], title: str) -> None:
        page = ImagePage(slide, title)
        self._stops = stops
        self._columns = slide.output[1]
        self._done = self._place(stops[0])
        self._captions = captions(slide, stops, page.text_inches)
        figure, caption = page.draw(max(map(line_count, self._captions)))
        self._maps = page.maps
        distinct = dict.fromkeys(plan.geometry for plan in slide.plans)
        windows = [WindowMarks(page.input, each, slide.pads) for each in distinct]
        self._marks: list[WindowMarks | CellMark] = [*windows, *map(CellMark, self._maps)]
        self._caption = caption
        results = [artist for axes in self._maps for artist in (*axes.images, *axes.texts)]
        moving = chain.from_iterable(mark.artists for mark in self._marks)
        self.film = BlitCanvas(figure, results, [*moving, caption])

    def move(self, stop: int) -> None:
        """Lay the window at one of the stops, and let the results up to it appear."""
        at = self._stops[stop]
        for mark in self._marks:
            mark.move(at)
        self._caption.set_text(self._captions[stop])
        after = self._place(at) + 1
        for top, left, bottom, right in _runs(self._done, after, self._columns):
            for axes in self._maps:
                self.film.reveal(axes, (left - 0.5, top - 0.5, right - 0.5, bottom - 0.5))
        self._done = after

    def _place(self, at: Pair) -> int:
        """Return a position as its number in reading order."""
        return at[0] * self._columns + at[1]


def _runs(start: int, stop: int, columns: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the rectangles of cells (top, left, bottom, right) from one place to another.

    >>> list(_runs(1, 8, 3))
    [(0, 1, 1, 3), (1, 0, 2, 3), (2, 0, 3, 2)]
    """
    while start < stop:
        row, left = divmod(start, columns)
        rows = (stop - start) // columns if left == 0 else 0
        if rows:
            yield row, 0, row + rows, columns
            start += rows * columns
        else:
            right = min(columns, left + stop - start)
            yield row, left, row + 1, right
            start += right - left
