"""What all animations of a sliding window share: the page, its input, and what moves on it."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.image_panel import (
    Bar,
    ImagePanel,
    boxed_image,
    common_range,
    image_part,
    panel_box,
)
from convcli.plotting.part import Part, PartOf
from convcli.plotting.rows import Rows, fits_line, in_lines, stacked
from convcli.plotting.style import figure_options, style_context, theme

# isort: split
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.figure_options import FigureOptions
from convcli.geometry import Geometry, Pair
from convcli.plotting.axes import DrawnImage, number_points, widest_text
from convcli.plotting.blit import BlitCanvas, Moving
from convcli.plotting.moving import DrawnParts, MovingText
from convcli.teaching.animate.captions import WINDOW_BEFORE
from convcli.teaching.animate.padded_input import PaddedInput

Mover = tuple[Moving, Callable[[int], None]]  # what moves, and what moves it to a frame

_IMAGE, _SLIDE_IMAGE = 3.2, 2.6  # inches; longer side of the input and of a single map
_MAGNIFIED = 0.72  # of the input's side
_SMALL = 0.2  # inches; a smaller window is magnified
_MAGNIFIED_WINDOWS, _LEAST = 4, 17  # a magnifier shows so many windows, and at least so many pixels
_SIZES = 1.0, 0.9, 0.8, 0.7  # of images; the first that fits all in one line counts
_ENLARGED = 3.0, 2.5, 2.0, 1.5  # scales of grids beside images
_MIN_ENLARGEMENT = 1.3
_LONGEST_TITLE = 60  # letters of a kernel's name
LINES, _SLIDE_LINES = 14, 5  # of a caption at most
LEAST_SCALE = 0.5  # before anything is left out


class Placed(Protocol):
    """Artists that follow a position in the feature map."""

    @property
    def artists(self) -> Sequence[Artist]:
        """In the order of drawing."""

    def move(self, at: Pair) -> None:
        """Move them to a position."""


class SlidingScene(BlitCanvas):
    """The frames of a window that slides. Subclasses draw the page and say what moves on it.

    Args:
        positions: in the feature map, in reading order, one for each frame.
        options: how the frames look.
    """

    def __init__(self, positions: Sequence[Pair], options: FigureOptions) -> None:
        self._positions, self._parts = positions, DrawnParts()
        self._texts: dict[str, list[str]] = {}
        with style_context(options):
            figure = self._draw()
            movers = [
                mover
                for name, drawn in self._parts.by_name.items()
                for mover in self._movers(name, drawn)
            ]
            self._moves = [move for _, move in movers]
            self.move(0)
        super().__init__(figure, [moving for moving, _ in movers], len(positions), options)

    def move(self, number: int) -> None:
        """Move the window to one position, with everything that depends on it."""
        for move in self._moves:
            move(number)

    def _draw(self) -> Figure:
        """Draw the page as it is at the first position, with its parts and texts kept by name."""
        raise NotImplementedError

    def _captions(self, written: Callable[[int], list[str]]) -> list[PartOf]:
        """Return the caption, and on a slide also one of a line, which leaves out the steps.

        Args:
            written: returns each position's text of at most so many lines.
        """
        if not theme().is_fixed:
            self._texts["caption"] = written(LINES)
            return [self._parts.caption("caption", self._texts["caption"])]
        short, texts = written(1), written(_SLIDE_LINES)
        self._texts["caption"] = texts
        names = ["caption"]
        if texts != short:
            self._texts["line"] = [f"{text}; left out: steps" for text in short]
            names.append("line")
        return [self._parts.caption(name, self._texts[name]) for name in names]

    def _movers(self, name: str, drawn: Any) -> list[Mover]:
        """Return what moves in the part of this name; here in one of text."""
        text = MovingText(drawn, self._texts[name])
        return [(text, text.move)]

    def _placed(self, mover: Placed) -> list[Mover]:
        """Return what follows the position."""
        moving = mover if isinstance(mover, Moving) else Moving(mover.artists)
        return [(moving, lambda number: mover.move(self._positions[number]))]


def input_parts(
    parts: DrawnParts,
    padded: PaddedInput,
    panel: ImagePanel,
    geometry: Geometry,
    *,
    ends: tuple[float, float],
    bar: Bar | None,
    title: str,
    caption: str,
    empty: NDArray[np.bool_] | None = None,
    numbers: bool = True,
) -> list[PartOf]:
    """Return an input and, where the window is small in it, a magnifier.

    They are kept under the names ``input`` and ``magnifier``.

    Args:
        parts: collects the drawn parts, which move later.
        padded: the input.
        panel: the same, as it is drawn.
        geometry: of the window.
        ends: the values at the ends of its colors.
        bar: its color bar; None for none.
        title: above it.
        caption: more lines below the title.
        empty: cells of the padding that have no numbers; None for none.
        numbers: whether a small input has numbers where these fit.
    """
    pads, longest = padded.pads, image_side()
    if geometry.stride != (1, 1):
        caption += f"\n{WINDOW_BEFORE}"
    whole = image_part(
        panel, longest, title=title, caption=caption, ends=ends, bar=bar,
        pads=pads if any(pads) else None, numbers=numbers,
    )  # fmt: skip
    if empty is not None:
        whole = without_numbers(whole, empty)
    made = [parts.keep("input", whole)]
    cell = panel_box(panel, longest)[0] / panel.shape[1]
    if cell * min(geometry.extent) < _SMALL:
        side = max(_LEAST, *(_MAGNIFIED_WINDOWS * extent for extent in geometry.extent))
        near = ImagePanel(panel.pixels[:side, :side], panel.max_value)

        def magnified(scale: float) -> Part:
            box = panel_box(near, _MAGNIFIED * longest, scale)
            return boxed_image(near, box, ends, title="magnified", ticks=False, numbers=False)

        made.append(parts.keep("magnifier", magnified))
    return made


def without_numbers(make: PartOf, cells: NDArray[np.bool_]) -> PartOf:
    """Return the same part without the numbers of some of its image's cells.

    Where these are hatched, they are hatched whole.
    """

    def part(scale: float) -> Part:
        plain = make(scale)

        def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
            [drawn] = plain.draw(figure, left, top)
            texts = np.where(cells.ravel(), "", drawn.texts).tolist() if drawn.texts else ()
            hatched = None if drawn.hatched is None else drawn.hatched & ~cells
            return [replace(drawn, texts=tuple(texts), hatched=hatched)]

        return plain._replace(draw=draw)

    return part


def rows_of_parts(
    images: Sequence[PartOf],
    equation: Sequence[PartOf],
    maps: Sequence[PartOf],
    caption: PartOf,
    scale: float,
    *,
    least: float = 0.0,
) -> Rows:
    """Return the parts in lines that fit the page; grids stay as large as their numbers need.

    Images become a little smaller where all of them fit one line then, unless they are numbered:
    their scale is at least ``least``, at which numbers fit, if this is more than 0.
    """
    middle = [make(max(scale, 1.0)) for make in equation]
    sizes = (1.0,) if least or theme().is_fixed else _SIZES
    scale = max(scale, least)
    for size in sizes:
        first, last = ([make(size * scale) for make in parts] for parts in (images, maps))
        whole = [*first, *middle, *last]
        if fits_line(whole):
            return [whole, [caption(scale)]]
    if len(middle) == 1:  # beside a map it leaves less of the page white than alone
        first, last = ([make(scale) for make in parts] for parts in (images, maps))
        if fits_line(first) and fits_line([*middle, *last]):
            return [first, [*middle, *last], [caption(scale)]]
    for size in sizes:
        line = [make(size * scale) for make in (*images, *maps)]
        if fits_line(line):
            return [line, *(in_lines(middle) if middle else ()), [caption(scale)]]
    first, last = ([make(scale) for make in parts] for parts in (images, maps))
    lines = [line for parts in (first, middle, last) if parts for line in in_lines(parts)]
    return [*lines, [caption(scale)]]


def rows_with_large_grids(
    images: Sequence[PartOf],
    equation: Sequence[PartOf],
    maps: Sequence[PartOf],
    caption: PartOf,
    scale: float,
) -> Rows:
    """Return images and maps above each other, beside grids that are larger than elsewhere.

    Where there is no room for these, the rows are too wide for the page.
    """
    place = stacked([[make(scale)] for make in (*images, *maps)])
    for factor in _ENLARGED:
        line = [place, *(make(max(scale * factor, _MIN_ENLARGEMENT)) for make in equation)]
        if fits_line(line):
            break
    return [line, [caption(scale)]]


def least_scale(panels: Sequence[ImagePanel]) -> float:
    """Return the smallest scale of images at which the numbers of small ones still fit."""
    scales = [0.0]
    for panel in panels:
        box, widest = panel_box(panel, image_side()), widest_text(panel.texts)
        if widest and (points := number_points(box, panel.shape, widest)) >= theme().number:
            scales.append(theme().number / points)
    return max(scales)


def image_side() -> float:
    """Return the longer side of the input and of a single map in inches."""
    return _SLIDE_IMAGE if theme().is_fixed else _IMAGE


def shortened(name: str) -> str:
    """Return a name, or its beginning."""
    return name if len(name) <= _LONGEST_TITLE else f"{name[: _LONGEST_TITLE - 3]}..."


def value_range(*panels: ImagePanel) -> tuple[float, float]:
    """Return the ends of the colors: as in other figures, but from 0 on where none is negative."""
    low, high = common_range(panels)
    return (0.0, high) if low > 0 and figure_options().limits is None else (low, high)
