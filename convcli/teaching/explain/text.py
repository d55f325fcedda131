"""An explanation as text for a terminal of 80 columns, and as data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, groupby, product
from typing import Any

from convcli.geometry import size_text
from convcli.html import html_block, html_line, html_lines
from convcli.teaching.decimals import (
    exact_total,
    format_number,
    format_operand,
    to_number,
)
from convcli.teaching.explain.computation import Computation, Response, Sum
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.steps import result_lines, step_lines, sum_lines, value_lines
from convcli.teaching.text_table import (
    Cell,
    Paint,
    TextTable,
    side_by_side,
    table_lines,
    tables_html,
    unpainted,
    wrapped,
)

_MAX_TAPS, _MAX_HTML_TAPS = 31 * 31, 15 * 15  # of a kernel whose products are all shown
_LARGEST = 20  # products that are shown of a larger one
# JSON keeps the names of the first version.
_JSON_NAMES = {
    "max_value": "white", "input_shape": "input_size", "output_shape": "output_size",
}  # fmt: skip


def explanation_text(
    explanation: Computation, paint: Paint = unpainted, *, digits: int | None = None
) -> str:
    """Return the whole computation, from the window to the pixel.

    Args:
        explanation: the explanation.
        paint: called with a role (``heading``, ``place``, ``padding`` or ``result``) and a text;
            returns the text in the role's color.
        digits: decimals of every number; None for the reliable ones.
    """
    explanation = as_shown(explanation, digits)
    lines = wrapped(heading(explanation).split(" "))
    for part in _parts(explanation, paint, _MAX_TAPS):
        lines += [part] if isinstance(part, str) else side_by_side(part, paint)
    return "\n".join(lines)


def explanation_html(explanation: Computation) -> str:
    """Return the same for a notebook; of a large kernel, the largest products."""
    explanation = as_shown(explanation)
    parts = [html_line(heading(explanation), bold=True)]
    for is_line, group in groupby(
        _parts(explanation, unpainted, _MAX_HTML_TAPS), lambda part: isinstance(part, str)
    ):
        if is_line:
            parts.append(html_lines(map(str, group)))
        else:
            parts += [tables_html(part) for part in group if not isinstance(part, str)]
    return html_block(parts)


def _parts(
    explanation: Computation, paint: Paint, max_taps: int
) -> Iterator[str | list[TextTable]]:
    """Yield the lines of an explanation but for its heading, and tables that are side by side.

    Of kernels with more than ``max_taps`` weights, only the largest products are shown.
    """
    shown_places: set[str] = set()
    for output in explanation.outputs:
        if output.channel:
            yield from ("", paint("heading", output.heading))
        for response in output.responses:
            place = window_place(explanation, response)
            new = place not in shown_places
            shown_places.add(place)
            yield from _response_parts(explanation, response, place if new else "", paint, max_taps)
        if explanation.combine is not None:
            yield ""
        yield from result_lines(explanation, output, paint)
    if len(explanation.outputs) > 1:
        pixels = ", ".join(format_number(output.pixel) for output in explanation.outputs)
        yield from ("", *step_lines("pixel", [paint("result", pixels)]))


def explanation_data(explanation: Computation, digits: int | None = None) -> dict[str, Any]:
    """Return an explanation as dictionaries and lists; NaN and infinity become None."""
    data: dict[str, Any] = _finite(asdict(as_shown(explanation, digits)))
    data = {_JSON_NAMES.get(key, key): value for key, value in data.items()}
    if explanation.x is None:  # not about a signal with positions
        del data["x"]
        for output in data["outputs"]:
            for response in output["responses"]:
                del response["x"]
    if explanation.lag is None:
        del data["lag"]
    return data | {"pads": explanation.pads._asdict()}


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, tuple | list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def heading(explanation: Computation) -> str:
    """Say which value is explained, and whether the kernel is flipped."""
    (row, column), operation = explanation.at, explanation.operation
    flip = "flipped" if operation == "convolve" else "not flipped"
    size = size_text(explanation.output_shape)
    named = {"x": explanation.x, "lag": explanation.lag}
    places = [f"{name} {format_number(n)}" for name, n in named.items() if n is not None]
    place = f" ({', '.join(places)})" if places else ""
    return (
        f"{explanation.kernel} at row {row}, column {column}{place} of the {size} feature map "
        f"({operation}: {flip})"
    )


def window_place(explanation: Computation, response: Response) -> str:
    """Say where the window is, and which part of it is padding."""
    rows = _range_text("row", response.rows, explanation.dilation[0])
    columns = _range_text("column", response.columns, explanation.dilation[1])
    if response.x is not None:
        ends = (f"{format_number(end)}" for end in dict.fromkeys((response.x[0], response.x[-1])))
        columns += f" (x {' to '.join(ends)})"
    text = f"window: {rows}, {columns} of the {size_text(explanation.input_shape)} input"
    if any(map(any, response.padding)):
        border = explanation.border
        fill = f" {format_number(explanation.fill)}" if border == "constant" else ""
        text += f"; in brackets: padding ({border}{fill})"
    return text


def _range_text(name: str, places: tuple[int, ...], step: int) -> str:
    if len(places) == 1:
        return f"{name} {places[0]}"
    steps = f" in steps of {step}" if step > 1 else ""
    return f"{name}s {places[0]} to {places[-1]}{steps}"


def _response_parts(
    explanation: Computation, response: Response, place: str, paint: Paint, max_taps: int
) -> Iterator[str | list[TextTable]]:
    """Yield the computation of one kernel's value."""
    if len(explanation.outputs[0].responses) > 1:
        yield ""
        yield paint("heading", response.kernel)
    if place:
        yield from wrapped(place.split(" "))
    kernel = "flipped kernel" if explanation.operation == "convolve" else "kernel"
    for part in response.sums:
        yield ""
        if part.channel:
            yield paint("heading", part.channel)
        if len(part.weights) * len(part.weights[0]) > max_taps:
            yield from _largest_lines(response, part)
        else:
            yield _tables(response, part, kernel)
            yield ""
            yield from sum_lines(part)
    if len(response.sums) > 1:
        yield ""
    yield from value_lines(response)


def _largest_lines(response: Response, part: Sum) -> Iterator[str]:
    """Yield a table of the largest products of a kernel, and the sum of the others."""
    grids = part.window, part.weights, part.products, response.padding
    numbers = zip(*map(chain.from_iterable, grids), strict=True)
    terms = [
        (*place, *rest) for place, rest in zip(product(*_places(response)), numbers, strict=True)
    ]
    terms.sort(key=lambda term: (math.isfinite(term[4]), -abs(term[4])))
    largest = terms[:_LARGEST]
    yield f"the {_LARGEST} largest of {len(terms):,} products"
    names = ("row", "column")
    if response.x is not None:
        names = ("row", "x") if len(response.rows) == 1 else ("x", "column")
    rows = [(*names, "window", "kernel", "pixel*weight")]
    for row, column, pixel, weight, term, outside in largest:
        pixel_text = f"[{format_number(pixel)}]" if outside else format_number(pixel)
        cells = row, column, pixel_text, format_number(weight), format_number(term)
        rows.append(cells)
    yield from table_lines(rows)
    yield ""
    products = [term[4] for term in largest]
    rest = to_number(exact_total([part.sum, *(-number for number in products)]))
    first, *others = map(format_operand, products)
    words = [first, *(f"+ {term}" for term in others)]
    words.append(f"+ {format_operand(rest)} (the other {len(terms) - _LARGEST:,})")
    yield from step_lines("sum", [*words, f"= {format_number(part.sum)}"])


def _places(response: Response) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the rows and of the columns: positions along a signal that has them."""
    rows, columns = (tuple(map(str, places)) for places in (response.rows, response.columns))
    if response.x is None:
        return rows, columns
    x = tuple(map(format_number, response.x))
    return (rows, x) if len(x) == len(columns) and len(rows) == 1 else (x, columns)


def _tables(response: Response, part: Sum, kernel: str) -> list[TextTable]:
    """Return window, kernel and products; padding is in brackets."""
    window = [
        [
            Cell(f"[{format_number(value)}]", "padding") if outside else Cell(format_number(value))
            for value, outside in zip(*row, strict=True)
        ]
        for row in zip(part.window, response.padding, strict=True)
    ]
    weights, products = (
        [[Cell(format_number(value)) for value in row] for row in grid]
        for grid in (part.weights, part.products)
    )
    rows, columns = _places(response)
    return [
        TextTable("window", window, columns, rows),
        TextTable(kernel, weights, columns, rows),
        TextTable("pixel*weight", products, columns, rows),
    ]
