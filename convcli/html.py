"""HTML for notebooks: tables, grids of numbers and lines of text.

No color is set, so that everything has those of the notebook, whether it is light or dark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

Place = tuple[int, int]  # (row, column)

# The standard module html takes 2 ms to import. What is escaped here is never in an attribute.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_FAINT = "opacity: 0.5"
_BESIDE = "display: flex; flex-wrap: wrap; gap: 0.5em 2em; align-items: flex-end"


def html_table(
    rows: Sequence[Sequence[str]], *, left: Collection[int] = (), headings: bool = True
) -> str:
    """Return a table.

    Args:
        rows: the cells; with ``headings`` the first row is one of headings.
        left: the columns that are aligned on the left; the others are aligned on the right.
        headings: whether there is a row of headings.

    >>> html_table([["<b>"]], headings=False)
    '<table><tbody><tr><td style="text-align: right">&lt;b&gt;</td></tr></tbody></table>'
    """

    def row(cells: Sequence[str], tag: str) -> str:
        return "".join(
            _cell(tag, cell, "left" if column in left else "right")
            for column, cell in enumerate(cells)
        )

    head = f"<thead><tr>{row(rows[0], 'th')}</tr></thead>" if headings else ""
    lines = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows[headings:])
    return f"<table>{head}<tbody>{lines}</tbody></table>"


def html_grid(
    heading: str,
    cells: Sequence[Sequence[str]],
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
    faint: Collection[Place] = (),
) -> str:
    """Return a grid of numbers under a heading.

    Args:
        heading: what the numbers are.
        cells: the numbers, row by row.
        columns: the label of each column.
        rows: the label of each row.
        faint: places whose numbers are drawn faint.
    """
    lines = []
    if columns:
        corner = _cell("th", "", "right") if rows else ""
        lines.append(corner + "".join(_cell("th", label, "right", _FAINT) for label in columns))
    for number, row in enumerate(cells):
        label = _cell("th", rows[number], "right", _FAINT) if rows else ""
        lines.append(
            label
            + "".join(
                _cell("td", cell, "right", _FAINT if (number, column) in faint else "")
                for column, cell in enumerate(row)
            )
        )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    caption = html_line(heading, bold=True) if heading else ""
    return f"<div>{caption}<table>{body}</table></div>"


def html_line(text: str, *, bold: bool = False) -> str:
    """Return a line of text."""
    return f"<div>{f'<b>{_escaped(text)}</b>' if bold else _escaped(text)}</div>"


def html_lines(lines: Iterable[str]) -> str:
    """Return lines of text whose letters are all of one width."""
    text = "\n".join(lines).strip("\n")
    return f'<pre style="margin: 0; font-family: monospace">{_escaped(text)}</pre>'


def html_beside(parts: Iterable[str]) -> str:
    """Return parts side by side, or below each other where the page is too narrow."""
    return f'<div style="{_BESIDE}">{"".join(parts)}</div>'


def html_block(parts: Iterable[str]) -> str:
    """Return parts below each other."""
    return f"<div>{''.join(parts)}</div>"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _cell(tag: str, text: str, side: str, style: str = "") -> str:
    style = f"text-align: {side}{'; ' if style else ''}{style}"
    return f'<{tag} style="{style}">{_escaped(text)}</{tag}>'
