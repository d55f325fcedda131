"""What moves in an animation: a grid with changing numbers, a magnifier, a map that fills in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text
from numpy.typing import NDArray

from convcli.geometry import Geometry, Pads, Pair
from convcli.plotting.axes import MAX_TICKED, DrawnImage, contrasting_colors
from convcli.plotting.blit import Moving
from convcli.plotting.labels import line_count, text_width
from convcli.plotting.letters import Pixels, letters_of
from convcli.plotting.part import Part, PartOf
from convcli.plotting.style import NAN_COLOR, figure_options, theme
from convcli.plotting.window_marks import (
    CELL_PIXELS,
    PAD_COLOR,
    PAD_HATCH,
    BoxMarks,
    Corners,
    WindowMarks,
)

_CLEAR = 0.43  # half of a hatched cell's side that is not hatched, under its number
_OUTLINED = 0.84  # of a cell's side, of an outline within it


class CellPixels:
    """The cells of a grid in the pixels of a frame.

    Args:
        axes: of the grid, with its place on the page.
        shape: rows and columns.
    """

    def __init__(self, axes: Axes, shape: Pair) -> None:
        box, height = axes.bbox, axes.figure.bbox.height
        edges = (height - box.y1, height - box.y0), (box.x0, box.x1)
        self._box = tuple(slice(round(start), round(end)) for start, end in edges)
        self._cells = [
            ((np.arange(part.start, part.stop) + 0.5 - start) / (end - start) * count)
            .clip(0, count - 1)
            .astype(np.intp)
            for part, (start, end), count in zip(self._box, edges, shape, strict=True)
        ]
        rows, columns = (
            start + (np.arange(count) + 0.5) * (end - start) / count
            for (start, end), count in zip(edges, shape, strict=True)
        )
        self.centers = [(x, y) for y in rows.tolist() for x in columns.tolist()]

    def fill(self, pixels: Pixels, colors: Pixels) -> None:
        """Give each cell its color, of (rows, columns, 4)."""
        packed = np.ascontiguousarray(colors).view(np.uint32)[..., 0]
        rows, columns = self._cells
        target = pixels.view(np.uint32)[..., 0]
        target[self._box] = packed.take(columns, axis=1).take(rows, axis=0)


class MovingGrid(Moving):
    """A grid whose numbers change from frame to frame: a window, or its products.

    Args:
        drawn: the grid; its cells between the numbers, as a dilation has them, stay empty.
        steps: rows and columns from one number to the next.
    """

    def __init__(self, drawn: DrawnImage, steps: Pair = (1, 1)) -> None:
        axes, shape = drawn.axes, drawn.shape
        self._image, self._steps, self._shape = drawn.image, steps, shape
        self._gaps = np.ones(shape, bool)
        self._gaps[:: steps[0], :: steps[1]] = False
        self._texts = [text for text in axes.texts if text.get_text()]
        self._cells = CellPixels(axes, shape)
        style: dict[str, Any] = {"hatch": PAD_HATCH, "edgecolor": PAD_COLOR, "linewidth": 0}
        self._hatch = PathPatch(Path(np.zeros((1, 2))), fill=False, zorder=1.2, **style)
        axes.add_patch(self._hatch)
        outline: dict[str, Any] = {"fill": False, "edgecolor": NAN_COLOR, "linewidth": 2}
        self._outlines = PathPatch(Path(np.zeros((1, 2))), zorder=1.6, **outline)
        axes.add_patch(self._outlines)
        covers = axes.images[1:]
        self._lines = [*_cell_lines(axes, shape), _frame(axes, shape)]
        above = self._hatch, *self._lines, self._outlines
        super().__init__([self._image, *covers, *above, *self._texts])
        self._above = above

    def move(
        self,
        values: NDArray[Any],
        texts: Sequence[str],
        padding: NDArray[np.bool_] | None = None,
        filled: NDArray[np.bool_] | None = None,
    ) -> None:
        """Show other numbers.

        Args:
            values: (rows, columns), without gaps.
            texts: as they are written, row by row.
            padding: which of them are padding, which is hatched.
            filled: which of them stand for missing ones, which are outlined.
        """
        low, high = self._image.get_clim()
        wide = np.zeros(self._shape)
        wide[:: self._steps[0], :: self._steps[1]] = np.clip(values, low, high)
        self._image.set_data(wide)
        self._colors = self._image.to_rgba(wide, bytes=True)
        self._colors[self._gaps] = np.round(255 * np.array(to_rgba(theme().page)))
        if self._texts:
            colors = contrasting_colors(self._colors[~self._gaps])
            for text, number, color in zip(self._texts, texts, colors, strict=True):
                text.set_text(number)
                text.set_color(color)
        rings = (1.0, *[2 * _CLEAR] * bool(self._texts))
        for patch, flags, sides in (
            (self._hatch, padding, rings),
            (self._outlines, filled, (_OUTLINED,)),
        ):
            cells = np.empty((0, 2), int) if flags is None else np.argwhere(flags) * self._steps
            patch.set_visible(len(cells) > 0)
            patch.set_path(_cells_path(cells, sides))

    def paint(self, renderer: Any, pixels: Pixels) -> None:
        """Draw it; the numbers are put together from letters that are rendered once."""
        self._cells.fill(pixels, self._colors)
        for artist in self._above:
            artist.draw(renderer)
        places = (self._cells.centers[cell] for cell in np.flatnonzero(~self._gaps).tolist())
        for text, place in zip(self._texts, places, strict=False):
            write(pixels, text, place, align="middle")


class MovingPart(Moving):
    """A part of a padded image that moves over it. Subclasses mark something in it.

    Args:
        drawn: the part at the upper left.
        padded: the padded image, (H, W) or (H, W, C), as it is drawn.
        pads: its padding.
        marks: makes what is drawn above it.
    """

    def __init__(
        self,
        drawn: DrawnImage,
        padded: NDArray[Any],
        pads: Pads,
        marks: Callable[[Axes], Sequence[Artist]],
    ) -> None:
        self._image, self._padded, self._pads = drawn.image, padded, pads
        self._shape, axes = drawn.shape, drawn.axes
        style: dict[str, Any] = {"fill": False, "edgecolor": PAD_COLOR}
        strips = [Rectangle((0, 0), 0, 0, hatch=PAD_HATCH, linewidth=0, **style) for _ in range(4)]
        self._strips = strips
        for strip in strips:
            axes.add_patch(strip)
            strip.set_clip_path(axes.patch)
        above = marks(axes)
        self._cells = CellPixels(axes, drawn.shape)
        self._above = [*strips, _frame(axes, drawn.shape), *above]
        super().__init__([self._image, *self._above])

    def _show(self, top: int, left: int) -> None:
        """Show the part of the image that begins in this row and column."""
        rows, columns = self._shape
        low, high = self._image.get_clim()
        part = self._padded[top : top + rows, left : left + columns].astype(np.float64)
        part = np.clip(part, low, high)
        if part.ndim == 3:
            part = (part - low) / (high - low)
        self._image.set_data(part)
        self._colors = self._image.to_rgba(part, bytes=True)
        pads, (height, width) = self._pads, self._padded.shape[:2]
        boxes = (
            (0, 0, width, pads.top),
            (0, height - pads.bottom, width, pads.bottom),
            (0, pads.top, pads.left, height - pads.top - pads.bottom),
            (width - pads.right, pads.top, pads.right, height - pads.top - pads.bottom),
        )
        for strip, (x, y, across, down) in zip(self._strips, boxes, strict=True):
            strip.set_bounds(x - left - 0.5, y - top - 0.5, across, down)
            visible = across and -across < x - left < columns
            strip.set_visible(bool(visible and down and -down < y - top < rows))

    def paint(self, renderer: Any, pixels: Pixels) -> None:
        """Draw it, its cells by copying their colors."""
        self._cells.fill(pixels, self._colors)
        for artist in self._above:
            artist.draw(renderer)


class Magnifier(MovingPart):
    """The surroundings of the window, which lie within the padded image.

    Args:
        drawn, padded, pads: as for :class:`MovingPart`.
        geometry: of the kernel.
    """

    def __init__(
        self, drawn: DrawnImage, padded: NDArray[Any], pads: Pads, geometry: Geometry
    ) -> None:
        self._geometry = geometry
        super().__init__(drawn, padded, pads, self._mark)

    def _mark(self, axes: Axes) -> Sequence[Artist]:
        self._marks = WindowMarks(axes, self._geometry, self._pads)
        return self._marks.artists[1:]  # without the previous window

    def move(self, at: Pair) -> None:
        """Show the surroundings of one output's window."""
        corner = region_of(self._geometry, self._pads, at, self._shape, self._padded.shape[:2])
        self._show(*corner)
        self._marks.move(at, origin=corner)


class FieldMagnifier(MovingPart):
    """The surroundings of a box in an image without padding.

    Args:
        drawn: the part at the upper left.
        pixels: the image, (H, W) or (H, W, C).
    """

    def __init__(self, drawn: DrawnImage, pixels: NDArray[Any]) -> None:
        super().__init__(drawn, pixels, Pads(0, 0, 0, 0), self._mark)

    def _mark(self, axes: Axes) -> Sequence[Artist]:
        self._box = BoxMarks(axes)
        return self._box.artists

    def move(self, boxes: Sequence[Corners]) -> None:
        """Show the surroundings of a box of cells, left, top, right and bottom; or of none."""
        left, top, right, bottom = boxes[0] if boxes else (0, 0, 0, 0)
        (rows, columns), (height, width) = self._shape, self._padded.shape[:2]
        x = min(max(int(left + right - columns) // 2, 0), width - columns)
        y = min(max(int(top + bottom - rows) // 2, 0), height - rows)
        self._show(y, x)
        self._box.move([(left - x, top - y, right - x, bottom - y)] * bool(boxes))


def region_of(geometry: Geometry, pads: Pads, at: Pair, shape: Pair, padded: Pair) -> Pair:
    """Return the upper left corner of the part of a padded image around the window of an output."""
    first = [
        place * step + around - own
        for place, step, around, own in zip(
            at, geometry.stride, (pads.top, pads.left), (geometry.pads.top, geometry.pads.left),
            strict=True,
        )
    ]  # fmt: skip
    top, left = (
        min(max(start + (extent - side) // 2, 0), size - side)
        for start, extent, side, size in zip(first, geometry.extent, shape, padded, strict=True)
    )
    return top, left


class FillingMap(Moving):
    """A feature map that shows the values up to the position, with the newest outlined.

    Args:
        drawn: the whole map.
        first: the first position that is shown.
    """

    def __init__(self, drawn: DrawnImage, first: Pair) -> None:
        axes, shape = drawn.axes, drawn.shape
        self._shape = shape
        self._cover = [_cover(axes) for _ in range(2)]
        columns = shape[1]
        before, part = _cover(axes), _cover(axes)  # of what comes before the first position
        before.set_bounds(-0.5, -0.5, columns, first[0])
        part.set_bounds(-0.5, first[0] - 0.5, first[1], 1)
        cell = Geometry(shape, (1, 1), Pads(0, 0, 0, 0), (1, 1), (1, 1), (0, 0))
        self._marks = WindowMarks(axes, cell, cell.pads, pixels=CELL_PIXELS)
        lines = [*_cell_lines(axes, shape), _frame(axes, shape)]
        for artist in (*lines, *self._marks.artists):
            artist.set_zorder(5)
        super().__init__([*self._cover, *lines, *self._marks.artists])

    def move(self, at: Pair) -> None:
        """Show the values up to a position."""
        (row, column), (rows, columns) = at, self._shape
        rest, below = self._cover
        rest.set_bounds(column + 0.5, row - 0.5, columns - column - 1, 1)
        below.set_bounds(-0.5, row + 0.5, columns, rows - row - 1)
        self._marks.move(at)


class GrowingMap(Moving):
    """A map whose numbers change from frame to frame; it is yellow where there is none yet.

    Args:
        drawn: the map, with cells around it that do not belong to it and stay hatched.
        cut: which cells these are.
    """

    def __init__(self, drawn: DrawnImage, cut: NDArray[np.bool_]) -> None:
        axes, shape = drawn.axes, drawn.shape
        self._image, self._cut, self._texts = drawn.image, cut, list(axes.texts)
        self._cells = CellPixels(axes, shape)
        self._above = [*axes.patches, *_cell_lines(axes, shape), _frame(axes, shape)]
        super().__init__([self._image, *self._above, *self._texts])

    def move(self, values: NDArray[Any], texts: Sequence[str], reached: NDArray[np.bool_]) -> None:
        """Show other numbers.

        Args:
            values: (rows, columns).
            texts: as they are written, row by row.
            reached: where there are any.
        """
        low, high = self._image.get_clim()
        colors = self._image.to_rgba(np.clip(values.astype(np.float64), low, high), bytes=True)
        empty, page = (np.round(255 * np.array(to_rgba(c))) for c in (theme().empty, theme().page))
        colors[~reached], colors[self._cut] = empty, page
        self._image.set_data(colors)
        self._colors = colors
        if self._texts:
            is_written = (reached & ~self._cut).ravel()
            inks = contrasting_colors(colors.reshape(-1, 4))
            for text, number, ink, shown in zip(self._texts, texts, inks, is_written, strict=True):
                text.set_text(number if shown else "")
                text.set_color(ink)

    def paint(self, renderer: Any, pixels: Pixels) -> None:
        """Draw it; the numbers are put together from letters that are rendered once."""
        self._cells.fill(pixels, self._colors)
        for artist in self._above:
            artist.draw(renderer)
        for text, place in zip(self._texts, self._cells.centers, strict=False):
            write(pixels, text, place, align="middle")


class MovingText(Moving):
    """A text that changes from frame to frame."""

    def __init__(self, text: Text, texts: Sequence[str]) -> None:
        self._text, self._texts = text, texts
        x, y = text.get_transform().transform(text.get_position())
        page: Any = text.get_figure()  # it has one
        self._place = x, page.bbox.height - y
        super().__init__([text])

    def move(self, number: int) -> None:
        """Show the text of one frame."""
        self._text.set_text(self._texts[number])

    def paint(self, _renderer: Any, pixels: Pixels) -> None:
        """Write it, letter by letter."""
        write(pixels, self._text, self._place, align=self._text.get_horizontalalignment())


def write(pixels: Pixels, text: Text, at: tuple[float, float], *, align: str) -> None:
    """Write a text into a frame; see `Letters.write`."""
    page: Any = text.get_figure()
    letters = letters_of(text.get_fontsize(), page.dpi, text.get_fontfamily()[0])
    letters.write(pixels, text.get_text(), at, text.get_color(), align=align)


def _cover(axes: Axes) -> Rectangle:
    cover = Rectangle((0, 0), 0, 0, facecolor=theme().empty, linewidth=0, zorder=4)
    axes.add_patch(cover)
    return cover


def _cell_lines(axes: Axes, shape: Pair) -> list[Line2D]:
    """Return the lines between the cells of a small grid, which stay above what moves."""
    rows, columns = shape
    if max(shape) > MAX_TICKED:
        return []
    ends = [
        *((x - 0.5, x - 0.5, -0.5, rows - 0.5) for x in range(1, columns)),
        *((-0.5, columns - 0.5, y - 0.5, y - 0.5) for y in range(1, rows)),
    ]
    xs = [x for left, right, _, _ in ends for x in (left, right, np.nan)]
    ys = [y for _, _, top, bottom in ends for y in (top, bottom, np.nan)]
    line = Line2D(xs, ys, color="0.6", linewidth=0.4, zorder=1.5)
    axes.add_artist(line)
    return [line]


def _frame(axes: Axes, shape: Pair) -> Line2D:
    """Return the outline of a grid, which stays above what moves."""
    right, bottom = shape[1] - 0.5, shape[0] - 0.5
    width = max(theme().text / 15, 0.6) if figure_options().axes else 0.0
    style: dict[str, Any] = {"color": theme().ink, "linewidth": width, "clip_on": False}
    line = Line2D([-0.5, right, right, -0.5, -0.5], [-0.5, -0.5, bottom, bottom, -0.5], **style)
    axes.add_artist(line)
    return line


def _cells_path(cells: NDArray[np.intp], sides: Sequence[float]) -> Path:
    """Return squares of these sides in each cell; every second one is a hole in the one before."""
    if not len(cells):
        return Path(np.zeros((1, 2)))
    square = 0.5 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
    rings = [side * square[:: (1, -1)[number % 2]] for number, side in enumerate(sides)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    corners = [ring + np.array((column, row)) for row, column in cells.tolist() for ring in rings]
    return Path(np.concatenate(corners), codes * len(corners))


class DrawnParts:
    """What the parts of a page drew, for it to be moved afterwards.

    Attributes:
        by_name: a list of images, axes or a text of each part that was kept.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}

    def keep(self, name: str, make: PartOf) -> PartOf:
        """Return the same part, whose images are kept."""

        def part(scale: float) -> Part:
            plain = make(scale)

            def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
                drawn = list(plain.draw(figure, left, top))
                self.by_name[name] = drawn
                return drawn

            return plain._replace(draw=draw)

        return part

    def keep_axes(self, name: str, draw: Callable[[Axes], None]) -> Callable[[Axes], None]:
        """Return the same function, whose axes are kept."""

        def kept(axes: Axes) -> None:
            draw(axes)
            self.by_name[name] = axes

        return kept

    def text_below(self, name: str, make: PartOf, texts: Sequence[str]) -> PartOf:
        """Return the same part with room below it for any of these texts."""
        if not any(texts):
            return make
        points = theme().text
        widest = max(text_width(text, points) for text in set(texts))

        def part(scale: float) -> Part:
            plain = make(scale)
            width, height = plain.box
            beside = max((widest - width) / 2, 0.0)

            def draw(figure: Figure, left: float, top: float) -> Iterable[DrawnImage]:
                across, down = figure.get_size_inches()
                place = (left + width / 2) / across, 1 - (top + height + plain.below + 0.05) / down
                text = figure.text(*place, texts[0], size=points, ha="center", va="top")
                self.by_name[name] = text
                return plain.draw(figure, left, top)

            return plain._replace(
                draw=draw,
                left=max(plain.left, beside),
                right=max(plain.right, beside),
                below=plain.below + theme().line + 0.05,
            )

        return part

    def caption(self, name: str, texts: Sequence[str]) -> PartOf:
        """Return a part with one of these texts of several monospaced lines."""
        points = theme().text
        lines = [line for text in texts for line in text.split("\n")]
        width = max(map(len, lines)) * 0.66 * points / 72
        height = max(map(line_count, texts)) * theme().line

        def draw(figure: Figure, left: float, top: float) -> Iterable[DrawnImage]:
            across, down = figure.get_size_inches()
            style: dict[str, Any] = {"family": "monospace"}
            text = figure.text(
                left / across, 1 - top / down, texts[0], size=points, va="top", **style
            )
            self.by_name[name] = text
            return ()

        return lambda _scale: Part(draw, (width, height), letters=0)
