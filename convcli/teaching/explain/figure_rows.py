"""What there is to draw of an explanation: its sums row by row, their titles, the steps below."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.plotting.text import format_short
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.steps import result_lines, value_lines
from convcli.teaching.explain.text import heading, window_place

if TYPE_CHECKING:
    from convcli.teaching.explain.explanation import Explanation, Grid, Response

MOST_ROWS = 12


class SumRow(NamedTuple):
    """One channel under one kernel."""

    response: "Response"
    window: NDArray[Any]
    weights: NDArray[Any]
    products: NDArray[Any]
    titles: tuple[str, str, str]


def explanation_title(explanation: "Explanation", drawn: int, count: int) -> str:
    """Say which value it is, where its window lies, and how many of the sums are drawn."""
    responses = explanation.outputs[0].responses
    lines = [heading(explanation)]
    places = [
        window_place(explanation, each).replace("in brackets", "hatched") for each in responses
    ]
    if len(set(places)) == 1:
        lines.append(places[0])
    else:
        lines += [f"{each.kernel}, {place}" for each, place in zip(responses, places, strict=True)]
    if drawn < count:
        lines.append(f"{drawn} of {count} sums")
    return "\n".join(lines)


def sum_rows(explanation: "Explanation") -> Iterator[SumRow]:
    """Yield a row for each sum, channel by channel and kernel by kernel."""
    for output in explanation.outputs:
        for response in output.responses:
            for part in response.sums:
                window, weights, products = map(_array, (part.window, part.weights, part.products))
                name = output.channel or part.channel
                flipped = ", flipped" if explanation.operation == "convolve" else ""
                titles = (
                    name or "window",
                    f"{response.kernel}{flipped}",
                    f"products, sum {_sum_text(part.sum)}",
                )
                yield SumRow(response, window, weights, products, titles)


def _sum_text(total: float) -> str:
    """Write a sum, after ~ where digits are left out."""
    text = format_short(total, 10)
    return f"~ {text}" if math.isfinite(total) and float(text) != total else text


def _array(grid: "Grid") -> NDArray[Any]:
    """Return a grid as int64 where it holds whole numbers that fit, else as float64."""
    fits = all(isinstance(n, int) and abs(n) < 2**62 for n in chain.from_iterable(grid))
    return np.array(grid, np.int64 if fits else np.float64)


def result_text_lines(explanation: "Explanation", rows: Sequence[SumRow]) -> list[str]:
    """Return the lines from the sums to the pixels, of the outputs that are drawn."""
    shown = {id(row.response) for row in rows}
    lines: list[str] = []
    for output in explanation.outputs:
        if not any(id(response) in shown for response in output.responses):
            continue
        if output.channel:
            lines += [""] * bool(lines) + [output.heading]
        for response in output.responses:
            worked = value_lines(response)
            if len(output.responses) > 1:
                lines += [f"{response.kernel}:", *worked] if worked else []
            else:
                lines += worked or [f"{'sum':<10}{format_number(response.sum)}"]
        lines += result_lines(explanation, output)
    return lines
