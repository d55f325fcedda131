"""Grids of numbers as text: aligned, side by side where they fit, broken where too wide."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

WIDTH = 80  # columns of a terminal
GAP = "   "

Paint = Callable[[str, str], str]


def unpainted(_role: str, text: str) -> str:
    """Leave a text as it is."""
    return text


class Cell(NamedTuple):
    """A text, and the role by which it is painted; empty for none."""

    text: str
    role: str = ""


class TextTable(NamedTuple):
    """A grid of cells under a heading, with what stands above its columns and before its rows."""

    heading: str
    cells: Sequence[Sequence[Cell]]
    columns: Sequence[str] = ()
    rows: Sequence[str] = ()

    @property
    def width(self) -> int:
        """How many letters its widest line has."""
        numbers = sum(self._widths()) + max(len(self._widths()) - 1, 0)
        return max(len(self.heading), self._margin + numbers)

    @property
    def _margin(self) -> int:
        return max(map(len, self.rows), default=-2) + 2

    def _widths(self) -> list[int]:
        heads = self.columns or [""] * len(self.cells[0])
        return [
            max(len(head), *(len(row[place].text) for row in self.cells))
            for place, head in enumerate(heads)
        ]

    def lines(self, paint: Paint) -> list[str]:
        """Return its lines, all of one width on a page without paint."""
        widths, margin = self._widths(), self._margin
        lines = [paint("heading", self.heading) + " " * (self.width - len(self.heading))]
        rest = " " * (self.width - margin - sum(widths) - len(widths) + 1)
        if self.columns:
            heads = " ".join(map(str.rjust, self.columns, widths))
            lines.append(" " * margin + paint("place", heads) + rest)
        labels = self.rows or [""] * len(self.cells)
        for label, row in zip(labels, self.cells, strict=True):
            cells = (
                paint(cell.role, cell.text.rjust(width))
                for cell, width in zip(row, widths, strict=True)
            )
            start = paint("place", label.rjust(margin - 2)) + "  " if margin else ""
            lines.append(start + " ".join(cells) + rest)
        return lines

    def parts(self) -> list["TextTable"]:
        """Break a table too wide for the page between its columns."""
        parts, left = [], self
        while left.width > WIDTH and len(left.cells[0]) > 1:
            count = next(
                (n for n in range(len(left.cells[0]) - 1, 0, -1) if left.part(0, n).width <= WIDTH),
                1,
            )
            parts.append(left.part(0, count))
            left = left.part(count, None)._replace(heading=f"{self.heading}, continued")
        return [*parts, left]

    def part(self, first: int, last: int | None) -> "TextTable":
        """Return some of its columns."""
        chosen = slice(first, last)
        return self._replace(
            cells=[row[chosen] for row in self.cells], columns=self.columns[chosen]
        )


def side_by_side(tables: Sequence[TextTable], paint: Paint) -> list[str]:
    """Return the lines of tables beside each other, or below each other where they do not fit.

    Tables of one shape share their places: beside each other, only the first shows them.
    """
    beside = [tables[0], *(table._replace(columns=(), rows=()) for table in tables[1:])]
    if sum(table.width for table in beside) + len(GAP) * (len(beside) - 1) > WIDTH:
        blocks = [part.lines(paint) for table in tables for part in table.parts()]
        return [line.rstrip() for block in blocks for line in ("", *block)][1:]
    blocks = [table.lines(paint) for table in beside]
    height = max(map(len, blocks))
    level = [
        [block[0], *[" " * table.width] * (height - len(block)), *block[1:]]
        for table, block in zip(beside, blocks, strict=True)
    ]
    return [GAP.join(line).rstrip() for line in zip(*level, strict=True)]
