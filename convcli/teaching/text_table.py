"""Tables and paragraphs as text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

WIDTH = 80  # columns of a terminal
GAP = "   "  # between tables side by side
_GAP = "  "  # between columns
_MIN_SHRUNK = 8  # letters that such a column keeps

Paint = Callable[[str, str], str]  # (role, text) -> the text in the color of its role


def unpainted(_role: str, text: str) -> str:
    """Return the text without color."""
    return text


def wrapped(words: Iterable[str], indent: str = "", width: int = WIDTH) -> list[str]:
    """Fill lines of at most 80 columns with words, each line after the same indent."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return lines


def table_lines(
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[int] = (),
    shrink: int | None = None,
) -> list[str]:
    """Return the lines of a table with aligned columns, without spaces at their ends.

    Args:
        rows: the cells, with the headings as the first row; all rows have the same length.
        left: the columns to align on the left; the others are aligned on the right.
        shrink: the column whose cells continue on more lines where the table is wider than 80
            columns; a word that is too long is shortened ("convolutio...").

    >>> table_lines([("layer", "output"), ("conv", "30x30"), ("relu", "8x8")], left=[0])
    ['layer  output', 'conv    30x30', 'relu      8x8']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if shrink is not None:
        excess = sum(widths) + len(_GAP) * (len(widths) - 1) - WIDTH
        widths[shrink] = min(widths[shrink], max(_MIN_SHRUNK, widths[shrink] - excess))
        rows = [line for row in rows for line in _wrapped_row(row, shrink, widths[shrink])]
    lines = []
    for row in rows:
        aligned = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append(_GAP.join(aligned).rstrip())
    return lines


def _wrapped_row(row: Sequence[str], column: int, width: int) -> Iterator[list[str]]:
    """Yield a row of a table, and rows that continue the text of one of its cells."""
    words = [
        word if len(word) <= width else word[: width - 3] + "..." for word in row[column].split(" ")
    ]
    first, *more = wrapped(words, width=width)
    yield [*row[:column], first, *row[column + 1 :]]
    for text in more:
        yield [text if place == column else "" for place in range(len(row))]


class Cell(NamedTuple):
    """A text and its role, by which it is colored; an empty role has no color."""

    text: str
    role: str = ""


class TextTable(NamedTuple):
    """A grid of right-aligned cells under a heading, with optional labels of columns and rows."""

    heading: str
    cells: Sequence[Sequence[Cell]]
    columns: Sequence[str] = ()
    rows: Sequence[str] = ()

    @property
    def width(self) -> int:
        """The length of its lines."""
        return len(self.lines(unpainted)[0])

    def lines(self, paint: Paint) -> list[str]:
        """Return the lines, all of the same length before they are colored."""
        labels = self.columns or [""] * len(self.cells[0])
        widths = [
            max(len(label), *(len(row[column].text) for row in self.cells))
            for column, label in enumerate(labels)
        ]
        margin = max(map(len, self.rows), default=-2) + 2
        length = margin + sum(widths) + len(widths) - 1
        lines = [paint("heading", self.heading) + " " * (length - len(self.heading))]
        rest = " " * (len(self.heading) - length)
        if self.columns:
            texts = " ".join(map(str.rjust, labels, widths))
            lines.append(" " * margin + paint("place", texts) + rest)
        for label, row in zip(self.rows or [""] * len(self.cells), self.cells, strict=True):
            cells = (
                paint(cell.role, cell.text.rjust(width))
                for cell, width in zip(row, widths, strict=True)
            )
            start = paint("place", label.rjust(margin - 2)) + "  " if margin else ""
            lines.append(start + " ".join(cells) + rest)
        return lines

    def parts(self) -> list[TextTable]:
        """Split a table that is wider than 80 columns into tables of fewer columns."""
        parts, left = [], self
        while left.width > WIDTH and len(left.cells[0]) > 1:
            count = 1
            while left._part(0, count + 1).width <= WIDTH:
                count += 1
            parts.append(left._part(0, count))
            left = left._part(count, None)._replace(heading=f"{self.heading}, continued")
        return [*parts, left]

    def _part(self, first: int, last: int | None) -> TextTable:
        columns = slice(first, last)
        return self._replace(
            cells=[row[columns] for row in self.cells], columns=self.columns[columns]
        )


def tables_html(tables: Sequence[TextTable]) -> str:
    """Return tables as HTML side by side; padding is faint, and only the first one has labels."""
    from convcli.html import html_beside, html_grid

    grids = []
    for number, table in enumerate(tables):
        texts = [[cell.text for cell in row] for row in table.cells]
        padding = {
            (row, column)
            for row, cells in enumerate(table.cells)
            for column, cell in enumerate(cells)
            if cell.role == "padding"
        }
        labels = ((), ()) if number else (table.columns, table.rows)
        grids.append(html_grid(table.heading, texts, *labels, padding))
    return html_beside(grids)


def side_by_side(tables: Sequence[TextTable], paint: Paint) -> list[str]:
    """Return the lines of tables side by side, or one below the other where they do not fit.

    All tables have the same labels; side by side, only the first one shows them.
    """
    shown = [tables[0], *(table._replace(columns=(), rows=()) for table in tables[1:])]
    if sum(table.width for table in shown) + len(GAP) * (len(shown) - 1) > WIDTH:
        blocks = [part.lines(paint) for table in tables for part in table.parts()]
        return [line.rstrip() for block in blocks for line in ("", *block)][1:]
    blocks = [table.lines(paint) for table in shown]
    height = max(map(len, blocks))
    level = [
        [block[0], *[" " * table.width] * (height - len(block)), *block[1:]]
        for table, block in zip(shown, blocks, strict=True)
    ]
    return [GAP.join(line).rstrip() for line in zip(*level, strict=True)]
