"""An explanation as lines for a terminal of 80 columns, and as data for JSON."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from convcli.geometry import size_text
from convcli.teaching.decimals import written
from convcli.teaching.explain.explanation import Explanation, Response, Sum
from convcli.teaching.explain.steps import result_lines, step, sum_lines, value_lines
from convcli.teaching.text_table import Cell, Paint, TextTable, side_by_side, unpainted, wrapped

_JSON_NAMES = {"max_value": "white"}  # what JSON has called it from the first version


def explanation_text(explanation: Explanation, paint: Paint = unpainted) -> str:
    """Return the whole arithmetic, from the window to the pixel.

    Args:
        explanation: what to write.
        paint: given a role (``heading``, ``place``, ``padding`` or ``result``) and a text, returns
            the text in the role's color.

    >>> from convcli import explain
    >>> print(explanation_text(explain([[3, 4]], [[1, 2]], (0, 1), border="zero")))
    custom at row 0, column 1 of the 2x1 feature map (correlate: not flipped)
    window: row 0, columns 1 to 2 of the 2x1 input; in brackets: padding (zero)
    <BLANKLINE>
    window     kernel   pixel*weight
       1   2
    0  4 [0]   1 2      4 0
    <BLANKLINE>
    sum       (4*1) + (0*2) = 4
    clip      plain numbers have no white to be cut at
    pixel     4
    """
    lines = wrapped(heading(explanation).split(" "))
    told: set[str] = set()
    for output in explanation.outputs:
        if output.channel:
            lines += ["", paint("heading", output.heading)]
        for response in output.responses:
            lines += _response_lines(explanation, response, paint, told)
        lines += [""] * (explanation.combine is not None)
        lines += result_lines(explanation, output, paint)
    if len(explanation.outputs) > 1:
        pixels = ", ".join(written(output.pixel) for output in explanation.outputs)
        lines += ["", *step("pixel", [paint("result", pixels)])]
    return "\n".join(lines)


def explanation_data(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as dictionaries and lists; what is not finite is None."""
    data: dict[str, Any] = _finite(asdict(explanation))
    data = {_JSON_NAMES.get(key, key): value for key, value in data.items()}
    return data | {"pads": explanation.pads._asdict()}


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, tuple | list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def heading(explanation: Explanation) -> str:
    """Say which value is explained, and whether the kernel is flipped."""
    (row, column), operation = explanation.at, explanation.operation
    flip = "flipped" if operation == "convolve" else "not flipped"
    size = size_text(explanation.output_size)
    return (
        f"{explanation.kernel} at row {row}, column {column} of the {size} feature map "
        f"({operation}: {flip})"
    )


def _response_lines(
    explanation: Explanation, response: Response, paint: Paint, told: set[str]
) -> Iterator[str]:
    """Yield the work of one kernel; a place that has been told of is not told again."""
    kernel = "flipped kernel" if explanation.operation == "convolve" else "kernel"
    if len(explanation.outputs[0].responses) > 1:
        yield ""
        yield paint("heading", response.kernel)
    place = placement(explanation, response)
    if place not in told:
        told.add(place)
        yield from wrapped(place.split(" "))
    for part in response.sums:
        yield ""
        if part.channel:
            yield paint("heading", part.channel)
        yield from side_by_side(_tables(response, part, kernel), paint)
        yield ""
        yield from sum_lines(part)
    if len(response.sums) > 1:
        yield ""
    yield from value_lines(response)


def placement(explanation: Explanation, response: Response) -> str:
    """Say where the window lies, and which of it is padding."""
    rows = _range_text("row", response.rows, explanation.dilation[0])
    columns = _range_text("column", response.columns, explanation.dilation[1])
    text = f"window: {rows}, {columns} of the {size_text(explanation.input_size)} input"
    if any(map(any, response.padding)):
        border = explanation.border
        fill = f" {written(explanation.fill)}" if border == "constant" else ""
        text += f"; in brackets: padding ({border}{fill})"
    return text


def _range_text(name: str, places: tuple[int, ...], step: int) -> str:
    if len(places) == 1:
        return f"{name} {places[0]}"
    steps = f" in steps of {step}" if step > 1 else ""
    return f"{name}s {places[0]} to {places[-1]}{steps}"


def _tables(response: Response, part: Sum, kernel: str) -> list[TextTable]:
    """Return window, kernel and products; padding is in brackets."""
    window = [
        [
            Cell(f"[{written(value)}]", "padding") if outside else Cell(f"{written(value)}")
            for value, outside in zip(values, outsides, strict=True)
        ]
        for values, outsides in zip(part.window, response.padding, strict=True)
    ]
    weights, products = (
        [[Cell(written(value)) for value in row] for row in grid]
        for grid in (part.weights, part.products)
    )
    rows, columns = (tuple(map(str, each)) for each in (response.rows, response.columns))
    return [
        TextTable("window", window, columns, rows),
        TextTable(kernel, weights, columns, rows),
        TextTable("pixel*weight", products, columns, rows),
    ]
