"""An explanation as text for a terminal of 80 columns, and as data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from itertools import chain, groupby, pairwise, product
from typing import Any

from convcli.geometry import size_text
from convcli.kernels.matrix_text import short_name
from convcli.teaching.decimals import (
    Number,
    exact_total,
    format_number,
    format_operand,
    to_number,
)
from convcli.teaching.explain.computation import Computation, Flags, Grid, Response, Sum
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

MAX_TAPS, MAX_HTML_TAPS = 31 * 31, 15 * 15  # of a kernel whose products are all shown
_LARGEST = 20  # products that are shown of a larger one
# Names of attributes in JSON, where they differ.
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
    lines += parts_lines(_parts(explanation, paint, MAX_TAPS), paint)
    return "\n".join(lines)


def explanation_html(explanation: Computation) -> str:
    """Return the same for a notebook; of a large kernel, the largest products.

    Kernels that share a window show it once.
    """
    from convcli.html import html_block, html_line

    explanation = as_shown(explanation)
    title = html_line(heading(explanation), bold=True)
    parts = _parts(explanation, unpainted, MAX_HTML_TAPS, repeats_windows=False)
    return html_block([title, *parts_html(parts)])


def parts_html(parts: Iterable[str | list[TextTable]]) -> Iterator[str]:
    """Yield the HTML of lines, and of tables that are side by side."""
    from convcli.html import html_lines

    for is_line, group in groupby(parts, lambda part: isinstance(part, str)):
        if is_line:
            yield html_lines(map(str, group))
        else:
            yield from (tables_html(part) for part in group if not isinstance(part, str))


def parts_lines(parts: Iterable[str | list[TextTable]], paint: Paint) -> Iterator[str]:
    """Yield the lines of lines, and of tables that are side by side."""
    for part in parts:
        yield from [part] if isinstance(part, str) else side_by_side(part, paint)


def _parts(
    explanation: Computation, paint: Paint, max_taps: int, *, repeats_windows: bool = True
) -> Iterator[str | list[TextTable]]:
    """Yield the lines of an explanation but for its heading, and tables that are side by side.

    Of kernels with more than ``max_taps`` weights, only the largest products are shown. A window
    stands beside every kernel, or only beside the first one if it is not repeated.
    """
    shown_places: set[str] = set()
    for output in explanation.outputs:
        shown: set[Any] | None = None if repeats_windows else set()
        if output.channel:
            yield from ("", paint("heading", output.heading))
        for response in output.responses:
            place = window_place(explanation, response)
            new = place not in shown_places
            shown_places.add(place)
            yield from response_parts(
                explanation, response, place if new else "", paint, max_taps, shown=shown
            )
        if explanation.combine is not None:
            yield ""
        yield from result_lines(explanation, output, paint)
    if len(explanation.outputs) > 1:
        pixels = ", ".join(format_number(output.pixel) for output in explanation.outputs)
        yield from ("", *step_lines(explanation.unit, [paint("result", pixels)]))


def explanation_data(explanation: Computation, digits: int | None = None) -> dict[str, Any]:
    """Return an explanation as dictionaries and lists; NaN and infinity become None."""
    shown = as_shown(explanation, digits)
    numbers = Computation(
        **{field.name: getattr(shown, field.name) for field in fields(Computation)}
    )
    data: dict[str, Any] = without_nan(asdict(numbers))
    data = {_JSON_NAMES.get(key, key): value for key, value in data.items()}
    if explanation.x is None:  # not about a signal with positions
        del data["x"]
        for output in data["outputs"]:
            for response in output["responses"]:
                del response["x"]
    if explanation.lag is None:
        del data["lag"]
    for response in chain.from_iterable(output["responses"] for output in data["outputs"]):
        if response["validity"] is None:  # no pixel of the window is missing
            del response["validity"]
            for part in response["sums"]:
                del part["missing"]
    return data | {"pads": explanation.pads._asdict()}


def without_nan(data: Any) -> Any:
    """Return data with None in place of NaN and infinity, and lists in place of tuples."""
    if isinstance(data, dict):
        return {key: without_nan(value) for key, value in data.items()}
    if isinstance(data, tuple | list):
        return [without_nan(value) for value in data]
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
        f"{short_name(explanation.kernel)} at row {row}, column {column}{place} "
        f"of the {size} feature map ({operation}: {flip})"
    )


def window_place(explanation: Computation, response: Response, source: str = "") -> str:
    """Say where the window is, and which part of it is padding.

    ``source`` is what the kernel slides over, ``the 6x6 input`` unless it is given.
    """
    source = source or f"the {size_text(explanation.input_shape)} input"
    text = f"window: {places_text(response.rows, response.columns, response.x)} of {source}"
    if any(map(any, response.padding)):
        border = explanation.border
        fill = f" {format_number(explanation.fill)}" if border == "constant" else ""
        text += f"; in brackets: padding ({border}{fill})"
    if any(any(map(any, part.left_out)) for part in response.sums):
        text += "; -: missing"
    if any(any(map(any, part.filled)) for part in response.sums):
        text += "; in braces: missing, with the value at the anchor"
    return text


def places_text(
    rows: Sequence[int], columns: Sequence[int], x: Sequence[float] | None = None
) -> str:
    """Write some rows and columns, and the positions of a signal that has them.

    >>> places_text([3], [0, 1, 2]), places_text([0, 2, 4], [0, 1, 7])
    ('row 3, columns 0 to 2', 'rows 0 to 4 in steps of 2, columns 0 to 1 and 7')
    """
    text = f"{_axis_text('row', rows)}, {_axis_text('column', columns)}"
    if x is not None:
        ends = map(format_number, dict.fromkeys((x[0], x[-1])))
        text += f" (x {' to '.join(ends)})"
    return text


def _axis_text(name: str, places: Sequence[int]) -> str:
    if len(places) == 1:
        return f"{name} {places[0]}"
    steps = {after - before for before, after in pairwise(places)}
    if len(steps) == 1 and len(places) > 2:
        [step] = steps
        return f"{name}s {places[0]} to {places[-1]}" + f" in steps of {step}" * (step > 1)
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"{name}s {' and '.join(texts)}"


def response_parts(
    explanation: Computation,
    response: Response,
    place: str,
    paint: Paint,
    max_taps: int,
    product: str = "pixel*weight",
    *,
    shown: set[Any] | None = None,
) -> Iterator[str | list[TextTable]]:
    """Yield the computation of one kernel's value: lines, and tables that are side by side.

    Args:
        explanation: the whole computation.
        response: of the kernel.
        place: says where the window is; empty if that was said before.
        paint: as for :func:`explanation_text`.
        max_taps: of a larger kernel, only the largest products are shown.
        product: the heading of the products.
        shown: windows that stand above and are left out here; grows by those of this kernel.
            None if all windows are shown.
    """
    if len(explanation.outputs[0].responses) > 1:
        yield ""
        yield paint("heading", response.kernel)
    if place:
        yield from wrapped(place.split(" "))
    kernel = "flipped kernel" if explanation.operation == "convolve" else "kernel"
    for part in response.sums:
        window = part.channel, response.rows, response.columns, part.window, part.missing
        is_shown = shown is not None and window in shown
        headings = "window", kernel, product
        yield from sum_parts(response, part, paint, max_taps, headings, with_window=not is_shown)
        if shown is not None:
            shown.add(window)
    if len(response.sums) > 1:
        yield ""
    yield from value_lines(response)


def sum_parts(
    response: Response,
    part: Sum,
    paint: Paint,
    max_taps: int,
    headings: tuple[str, str, str],
    *,
    with_window: bool = True,
) -> Iterator[str | list[TextTable]]:
    """Yield one sum of a value: its tables, or the largest products, and the addition.

    Args:
        response: what the sum is part of.
        part: the sum.
        paint: as for :func:`explanation_text`.
        max_taps: of a larger sum, only the largest products are shown.
        headings: what is multiplied, by what, and the products.
        with_window: whether there is a table of what is multiplied.
    """
    yield ""
    if part.channel:
        yield paint("heading", part.channel)
    if len(part.weights) * len(part.weights[0]) > max_taps:
        yield from _largest_lines(response, part, headings)
    else:
        tables = _tables(response, part, headings)
        if not with_window:  # whose rows and columns the labels count
            tables = [table._replace(rows=(), columns=()) for table in tables[1:]]
        yield tables
        yield ""
        yield from sum_lines(part)


def _largest_lines(response: Response, part: Sum, headings: tuple[str, str, str]) -> Iterator[str]:
    """Yield a table of the largest products of a sum, and the sum of the others."""
    window = window_cells(part.window, response.padding, part.missing)
    grids = window, part.weights, part.products
    numbers = zip(*map(chain.from_iterable, grids), strict=True)
    labels = place_labels(response.rows, response.columns, response.x)
    terms = [(*place, *rest) for place, rest in zip(product(*labels), numbers, strict=True)]
    terms.sort(key=lambda term: (math.isfinite(term[4]), -abs(term[4])))
    largest = terms[:_LARGEST]
    yield f"the {_LARGEST} largest of {len(terms):,} products"
    names = ("row", "column")
    if response.x is not None:
        names = ("row", "x") if len(response.rows) == 1 else ("x", "column")
    window_name, kernel, heading = headings
    rows = [(*names, window_name, kernel.removeprefix("flipped "), heading)]
    for row, column, pixel, weight, term in largest:
        rows.append((row, column, pixel.text, format_number(weight), format_number(term)))
    yield from table_lines(rows)
    yield ""
    products = [term[4] for term in largest]
    rest = to_number(exact_total([part.sum, *(-number for number in products)]))
    first, *others = map(format_operand, products)
    words = [first, *(f"+ {term}" for term in others)]
    words.append(f"+ {format_operand(rest)} (the other {len(terms) - _LARGEST:,})")
    yield from step_lines("sum", [*words, f"= {format_number(part.sum)}"])


def place_labels(
    rows: Sequence[int], columns: Sequence[int], x: Sequence[float] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the rows and of the columns: positions along a signal that has them."""
    row_names, column_names = (tuple(map(str, places)) for places in (rows, columns))
    if x is None:
        return row_names, column_names
    names = tuple(map(format_number, x))
    on_columns = len(names) == len(columns) and len(rows) == 1
    return (row_names, names) if on_columns else (names, column_names)


def _tables(response: Response, part: Sum, headings: tuple[str, str, str]) -> list[TextTable]:
    """Return window, kernel and products; padding is in brackets."""
    window = window_cells(part.window, response.padding, part.missing)
    weights = [[Cell(format_number(value)) for value in row] for row in part.weights]
    products = [
        [Cell("-" if lost else format_number(value)) for value, lost in zip(*rows, strict=True)]
        for rows in zip(part.products, part.left_out, strict=True)
    ]
    rows, columns = place_labels(response.rows, response.columns, response.x)
    return [
        TextTable(heading, cells, columns, rows)
        for heading, cells in zip(headings, (window, weights, products), strict=True)
    ]


def window_cells(
    values: Grid, padding: Sequence[Sequence[bool]], missing: Flags | None = None
) -> list[list[Cell]]:
    """Return the cells of a table of values; padding is in brackets.

    A missing value is ``-``, or in braces where it takes another one.
    """
    grids = values, padding, missing or [[False] * len(row) for row in values]
    return [
        [_window_cell(*cell) for cell in zip(*rows, strict=True)]
        for rows in zip(*grids, strict=True)
    ]


def _window_cell(value: Number, outside: bool, lost: bool) -> Cell:
    text = format_number(value)
    if lost:
        text = "-" if math.isnan(value) else f"{{{text}}}"
    return Cell(f"[{text}]", "padding") if outside else Cell(text)
