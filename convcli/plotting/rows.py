"""Rows of parts: how many parts a page has room for side by side, and how rows are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from matplotlib.figure import Figure

from convcli.plotting.axes import DrawnImage
from convcli.plotting.labels import line_count, wrap
from convcli.plotting.part import GAP, SLACK, Part, blank
from convcli.plotting.style import theme

EDGE = 0.15  # inches around a page
_LINE = 1.35  # height of a line of text, in font sizes
_ALIKE = 2.0  # times the narrowest titled box is the widest one at most that stands below it

Rows = Sequence[Sequence[Part]]
RowsOf = Callable[[float], Rows]  # the parts of a page for a scale of their boxes


def in_lines(parts: Sequence[Part]) -> list[list[Part]]:
    """Return parts in lines that fit the page, each with about as many parts where this fits."""
    lines: list[list[Part]] = [[]]
    for part in parts:
        if lines[-1] and not fits_line([*lines[-1], part]):
            lines.append([])
        lines[-1].append(part)
    each = math.ceil(len(parts) / len(lines))
    even = [list(parts[start : start + each]) for start in range(0, len(parts), each)]
    return even if all(map(fits_line, even)) else lines


def fits_line(parts: Sequence[Part]) -> bool:
    """Return whether parts fit the page side by side."""
    width = sum(part.width for part in parts) + GAP * (len(parts) - 1)
    return width <= theme().width - 2 * EDGE + 1e-9


def flow(parts: Sequence[Part], *, most: int, width: float = 0.0, together: int = 1) -> Rows:
    """Return parts in rows of equal length, as many in each as the page has room for.

    Empty parts fill the last row, so that all columns stand below each other.

    Args:
        parts: at least one.
        most: in a row.
        width: in inches, of what else stands in each row.
        together: how many neighbors stay in one row.
    """
    most = max(min(most, len(parts)) // together * together, together)
    for across in range(most, 0, -together):
        if fit_columns([parts[first::across] for first in range(across)], width):
            break
    if theme().is_fixed:  # rows of about equal length
        even = math.ceil(len(parts) / math.ceil(len(parts) / across))
        across = math.ceil(even / together) * together
    rows = [list(parts[start : start + across]) for start in range(0, len(parts), across)]
    rows[-1] += [blank(parts[0].box)] * (across - len(rows[-1]))
    return rows


def fit_columns(columns: Sequence[Sequence[Part]], width: float) -> bool:
    """Return whether columns of parts fit the page beside what is this many inches wide."""
    room = theme().width - 2 * EDGE - width + GAP
    for column in columns:  # most are not measured where there are far too many
        room -= sum(_column_sides([part.sides for part in column])) + GAP
        if room < -1e-9:
            return False
    return True


def fit_width(rows: Rows) -> bool:
    """Return whether no row is wider than the theme's page."""
    return RowLayout.of(rows).width + 2 * EDGE <= theme().width + 1e-9


def beside(parts: Sequence[Part], title: str, caption: str = "", titled: int | None = None) -> Part:
    """Return several parts side by side as one, with their boxes at one height.

    Their own titles are not shown; the title stands above one of them (``titled``), or above all.
    """
    height = max(part.box[1] for part in parts)
    starts = [0.0]
    for one, two in pairwise(parts):
        starts.append(starts[-1] + one.box[0] + one.right + 0.5 * GAP + two.left)

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        drawn: list[DrawnImage] = []
        for part, start in zip(parts, starts, strict=True):
            drawn += part.draw(figure, left + start, top + (height - part.box[1]) / 2)
        return drawn

    return Part(
        draw,
        (starts[-1] + parts[-1].box[0], height),
        title,
        caption,
        left=parts[0].left,
        right=parts[-1].right,
        below=max(part.below - (height - part.box[1]) / 2 for part in parts),
        numbers_fit=all(part.numbers_fit for part in parts),
        titled=None if titled is None else (starts[titled], parts[titled].box[0]),
    )


def stacked(rows: Rows) -> Part:
    """Return rows of parts one below the other, with their titles, as one part.

    Where all rows have as many parts, these stand in columns.
    """
    layout = RowLayout.of(rows)
    numbers_fit = all(part.numbers_fit for row in rows for part in row)
    return Part(layout.draw, (layout.width, layout.height), letters=0, numbers_fit=numbers_fit)


class _Text(NamedTuple):
    """Wrapped lines above a box, and their height."""

    title: str
    caption: str
    title_points: float

    @property
    def height(self) -> float:
        height = 0.0
        if self.title:
            height += text_height(self.title, self.title_points)
        if self.caption:
            height += text_height(self.caption, theme().text)
        return height + 0.5 * GAP * bool(height)


class _Line(NamedTuple):
    """A row of parts with wrapped titles; lengths are in inches."""

    parts: Sequence[Part]
    texts: Sequence[_Text]

    @property
    def above(self) -> float:
        """Height of the titles above the row's highest box, which others are centered on."""
        highest = max(part.box[1] for part in self.parts)
        return max(
            max(text.height - (highest - part.box[1]) / 2, 0.0)
            for part, text in zip(self.parts, self.texts, strict=True)
        )

    @property
    def below(self) -> float:
        """Height of ticks and bars below the row's highest box."""
        highest = max(part.box[1] for part in self.parts)
        return max(max(part.below - (highest - part.box[1]) / 2, 0.0) for part in self.parts)

    @property
    def height(self) -> float:
        return self.above + max(part.box[1] for part in self.parts) + self.below


class RowLayout(NamedTuple):
    """Rows of parts with wrapped titles.

    Attributes:
        lines: the rows.
        columns: the widths at the left of the centers of a column's boxes, and at their right,
            where all rows have as many parts, of like widths.
    """

    lines: Sequence[_Line]
    columns: Sequence[tuple[float, float]] | None

    @classmethod
    def of(cls, rows: Rows) -> RowLayout:
        """Wrap the titles of parts to the widths that these have."""
        columns = None
        if len({len(row) for row in rows}) == 1:
            parts = list(zip(*rows, strict=True))
            if all(map(_are_alike, parts)):
                columns = [_column_sides([part.sides for part in column]) for column in parts]
        lines = []
        for row in rows:
            texts = []
            for number, part in enumerate(row):
                room = part.text_room
                if columns:
                    left, right = columns[number]
                    room = max(room, 2 * min(left + part.off_center, right - part.off_center))
                room /= SLACK
                texts.append(
                    _Text(
                        wrap(part.title, room, part.title_points) if part.title else "",
                        wrap(part.caption, room, theme().text) if part.caption else "",
                        part.title_points,
                    )
                )
            lines.append(_Line(row, texts))
        return cls(lines, columns)

    @property
    def width(self) -> float:
        """The width of the widest row in inches."""
        return max(map(self._line_width, self.lines))

    @property
    def height(self) -> float:
        """The height of all rows, and of what is between them."""
        return sum(line.height for line in self.lines) + GAP * (len(self.lines) - 1)

    def draw(self, figure: Figure, left: float | None, top: float) -> list[DrawnImage]:
        """Draw the rows at inches from the page's upper edge, and return their images.

        They begin at inches from its left edge; without these, each row is centered on the page.
        """
        drawn: list[DrawnImage] = []
        for line in self.lines:
            centered = (figure.get_figwidth() - self._line_width(line)) / 2
            drawn += self._draw_line(figure, line, centered if left is None else left, top)
            top += line.height + GAP
        return drawn

    def _line_width(self, line: _Line) -> float:
        columns = self.columns
        widths = [sum(column) for column in columns] if columns else [p.width for p in line.parts]
        return sum(widths) + GAP * (len(widths) - 1)

    def _draw_line(self, figure: Figure, line: _Line, left: float, top: float) -> list[DrawnImage]:
        drawn: list[DrawnImage] = []
        highest = max(part.box[1] for part in line.parts)
        width, height = figure.get_size_inches()
        if self.columns:
            widths = [sum(column) for column in self.columns]
            middles = [column[0] for column in self.columns]
        else:
            widths = [part.width for part in line.parts]
            middles = [part.box_left + part.box[0] / 2 for part in line.parts]
        starts = accumulate([left, *(each + GAP for each in widths[:-1])])
        for part, text, start, middle in zip(line.parts, line.texts, starts, middles, strict=True):
            center = start + middle
            box_top = top + line.above + (highest - part.box[1]) / 2
            drawn += part.draw(figure, center - part.box[0] / 2, box_top)
            bottom = box_top - 0.5 * GAP
            for lines, points, color in (
                (text.caption, theme().text, theme().faint),
                (text.title, text.title_points, theme().ink),
            ):
                if lines:
                    place = (center + part.off_center) / width, 1 - bottom / height
                    figure.text(*place, lines, size=points, color=color, ha="center", va="bottom")
                    bottom -= text_height(lines, points)
        return drawn


def _are_alike(parts: Sequence[Part]) -> bool:
    """Return whether what has titles can stand below each other without much room beside it."""
    widths = [part.titled[1] if part.titled else part.box[0] for part in parts if part.letters]
    return not widths or max(widths) <= _ALIKE * min(widths)


def _column_sides(sides: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the widths at both sides of the centers of boxes that stand in one column."""
    lefts, rights = zip(*sides, strict=True)
    return max(lefts), max(rights)


def text_height(text: str, points: float) -> float:
    """Return the height of wrapped lines in inches."""
    return line_count(text) * points * _LINE / 72
