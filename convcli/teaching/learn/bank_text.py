"""A bank of learned filters as text for a terminal of 80 columns, and as data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcli.errors import count_text
from convcli.geometry import size_text
from convcli.teaching.learn.estimate import Estimate
from convcli.teaching.learn.text import (
    Truth,
    bias_text,
    kernel_tables,
    learned_data,
    share_text,
    verdict_text,
)
from convcli.teaching.text_table import side_by_side, table_lines, tables_html, unpainted

_MAX_SHOWN = 8  # filters whose weights are shown


def bank_text(
    filters: Sequence[Estimate],
    names: Sequence[str],
    truths: Sequence[Truth] | None = None,
    digits: int | None = None,
) -> str:
    """Return how well each filter fits, and the weights of the first of them.

    Args:
        filters: what was learned.
        names: of the filters.
        truths: the true kernel of each; None without them.
        digits: decimals of the weights; None for those worth showing.
    """
    lines = [
        _heading(filters),
        "",
        *table_lines(_rows(filters, names, truths), left=[0, 5], shrink=5),
    ]
    for number, (learned, name) in enumerate(zip(filters[:_MAX_SHOWN], names, strict=False)):
        truth = None if truths is None else truths[number]
        tables = kernel_tables(learned, truth, digits)
        lines += ["", name, *side_by_side(tables, unpainted)]
    if len(filters) > _MAX_SHOWN:
        lines += ["", f"(the weights of {_MAX_SHOWN} of {len(filters)} filters; --json prints all)"]
    return "\n".join(lines)


def bank_html(filters: Sequence[Estimate], names: Sequence[str]) -> str:
    """Return the same for a notebook."""
    from convcli.html import html_block, html_line, html_table

    parts = [html_line(_heading(filters), bold=True)]
    parts.append(html_table(_rows(filters, names, None), left=[0, 5]))
    for learned, name in zip(filters[:_MAX_SHOWN], names, strict=False):
        parts += [html_line(name), tables_html(kernel_tables(learned, None, None))]
    return html_block(parts)


def bank_data(
    filters: Sequence[Estimate], names: Sequence[str], truths: Sequence[Truth] | None = None
) -> dict[str, Any]:
    """Return every number as dictionaries and lists, filter by filter."""
    true: Sequence[Truth | None] = truths or [None] * len(filters)
    return {
        "filters": [
            {"name": name} | learned_data(learned, truth)
            for name, learned, truth in zip(names, filters, true, strict=True)
        ]
    }


def _heading(filters: Sequence[Estimate]) -> str:
    """Say how many filters there are, and what their shape is."""
    *channels, rows, columns = filters[0].weights.shape
    over = f" over {count_text(channels[0], 'channel')}" if channels else ""
    size = size_text((rows, columns))
    return f"{count_text(len(filters), 'filter')} {size}{over}, {filters[0].windows:,} windows"


def _rows(
    filters: Sequence[Estimate], names: Sequence[str], truths: Sequence[Truth] | None
) -> list[tuple[str, ...]]:
    """Return the cells of a table with a row for each filter."""
    rows: list[tuple[str, ...]] = [("", "bias", "residual", "R squared", "condition", "what it is")]
    for number, (learned, name) in enumerate(zip(filters, names, strict=True)):
        verdict = verdict_text(learned, None if truths is None else truths[number])
        verdict = verdict.removeprefix("this is ")
        share = learned.r_squared
        fit = "none" if share is None else share_text(share)
        bias, residual = bias_text(learned.bias, learned.bias_error), f"{learned.residual:.3g}"
        rows.append((name, bias, residual, fit, f"{learned.condition:.4g}", verdict))
    return rows
