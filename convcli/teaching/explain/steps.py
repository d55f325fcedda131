"""The steps from products to pixel, one line each; ``~`` replaces ``=`` after rounding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

from convcli.kernels.matrix_text import short_name
from convcli.teaching.decimals import (
    Number,
    as_fraction,
    exact_product,
    exact_sum,
    exact_total,
    format_number,
    format_operand,
)
from convcli.teaching.explain.computation import (
    Computation,
    OutputValue,
    Response,
    Sum,
    Validity,
)
from convcli.teaching.text_table import Paint, unpainted, wrapped

MAX_TERMS = 49  # of a sum that is written out
LABEL = 10  # width of a step's name and the space after it


def sum_lines(part: Sum) -> list[str]:
    """Return the lines that add up the products of one channel."""
    pairs = part.counted
    if not pairs:
        return step_lines("sum", "0: no pixel is valid")
    terms = (f"({format_number(pixel)}*{format_number(weight)})" for pixel, weight in pairs)
    exact = exact_sum(exact_product(*pair) for pair in pairs)
    return addition_lines("sum", terms, part.sum, exact)


def value_lines(response: Response) -> list[str]:
    """Return the lines from the channels' sums to the value; none if the sum is the value."""
    lines = []
    if len(response.sums) > 1:
        lines += total_lines("total", [part.sum for part in response.sums], response.sum)
    start = response.sum
    if response.validity is not None:
        lines += _validity_lines(response.sum, response.validity)
        if not response.validity.is_valid:
            return lines
        start = response.validity.scaled
    is_same = response.value == start or (math.isnan(start) and math.isnan(response.value))
    if response.divisor == 1 and not response.bias and is_same:
        return lines
    text = format_number(start)
    if response.divisor != 1:
        text += f" / {format_operand(response.divisor)}"
    if response.bias:
        text += f" {'+' if response.bias > 0 else '-'} {format_number(abs(response.bias))}"
    exact: Fraction | float = response.value
    if math.isfinite(start):
        quotient = as_fraction(start) / as_fraction(response.divisor)
        exact = quotient + as_fraction(response.bias)
    return [*lines, *step_lines("value", f"{text} {equals_text(response.value, exact)}")]


def _validity_lines(total: Number, validity: Validity) -> list[str]:
    """Return the line that says what missing pixels make of a sum; none if nothing."""
    weight, valid = map(format_number, (validity.weight, validity.valid))
    if not validity.is_enough:
        least = f", less than {format_number(validity.min_valid)} of it" * (validity.valid > 0)
        text = f"{valid} of a weight of {weight} is on valid pixels{least}: no value"
        return step_lines("invalid", text)
    if not validity.is_valid:
        return step_lines("invalid", "the anchor is missing: no value")
    if validity.rule == "anchor" or validity.valid == validity.weight:
        return []
    exact = as_fraction(total) * as_fraction(validity.weight) / as_fraction(validity.valid)
    text = f"{format_operand(total)} * {weight} / {valid} {equals_text(validity.scaled, exact)}"
    return step_lines("scaled", f"{text} (the weight: all / on valid pixels)")


def combination_lines(explanation: Computation, output: OutputValue) -> list[str]:
    """Return the lines that combine the values of several kernels; none for one kernel."""
    combine, value = explanation.combine, output.value
    if combine is None:
        return []
    values = [response.value for response in output.responses]
    if combine == "sum":
        return total_lines("sum", values, value)
    if combine == "max":
        text = ", ".join(map(format_number, values))
        return step_lines("max", f"max({text}) = {format_number(value)}")
    if combine == "mean":
        text = f"({' + '.join(map(format_operand, values))}) / {len(values)}"
        total = exact_total(values)
        exact = Fraction(total) / len(values) if isinstance(total, Decimal) else total
        return step_lines("mean", f"{text} {equals_text(value, exact)}")
    text = f"sqrt({' + '.join(f'{format_operand(number)}^2' for number in values)})"
    finite = all(map(math.isfinite, (*values, value)))
    rounded = finite and sum(as_fraction(n) ** 2 for n in values) != as_fraction(value) ** 2
    return step_lines(combine, f"{text} {'~' if rounded else '='} {format_number(value)}")


def result_lines(
    explanation: Computation, output: OutputValue, paint: Paint = unpainted
) -> Iterator[str]:
    """Yield the lines of combination, activation, range, and the pixel, or plain value."""
    yield from combination_lines(explanation, output)
    if explanation.activation != "none":
        yield from activation_lines(explanation.activation, output.value, output.activated)
    text = _range_text(explanation, output)
    if text:
        yield from step_lines(explanation.range, text)
    yield f"{explanation.unit:<{LABEL}}" + paint("result", format_number(output.pixel))


def computation_lines(explanation: Computation, *, with_terms: bool) -> list[str]:
    """Return the lines from the products to the pixels; ``with_terms`` writes each product out."""
    lines: list[str] = []
    for output in explanation.outputs:
        if output.channel:
            lines += [""] * bool(lines) + [output.heading]
        lines += response_lines(output, with_terms=with_terms)
        lines += result_lines(explanation, output)
    return lines


def response_lines(output: OutputValue, *, with_terms: bool) -> list[str]:
    """Return the lines from the products to the values of the kernels."""
    lines: list[str] = []
    for response in output.responses:
        steps = value_lines(response)
        count = len(response.rows) * len(response.columns)
        if with_terms and len(output.responses) == 1 and count <= MAX_TERMS:
            for part in response.sums:
                lines += [f"{part.channel}:"] * bool(part.channel) + sum_lines(part)
        elif len(output.responses) == 1 and len(response.sums) == 1:
            total = format_number(response.sum)
            lines += step_lines("sum", f"of {count} products: {total}")
        if steps and len(output.responses) > 1:
            lines.append(f"{short_name(response.kernel)}:")
        lines += steps
    return lines


def step_lines(name: str, text: str | Iterable[str]) -> list[str]:
    """Return the lines of a step: its name, and beside it a text, or words with spaces."""
    lines = wrapped(text.split(" ") if isinstance(text, str) else text, " " * LABEL)
    lines[0] = f"{name:<{LABEL - 1}} {lines[0][LABEL:]}"  # percentile is one letter wider
    return lines


def activation_lines(
    activation: str, value: Number, activated: Number, slope: Number = 0.01
) -> list[str]:
    """Return the lines of an activation; ``slope`` is that of leaky-relu."""
    name, text = activation, f"max(0, {format_number(value)})"
    unchanged = activated in (value, 0) or not math.isfinite(value)  # not even rounded
    exact = value == 0 or (activation == "relu" and unchanged)
    if activation == "leaky-relu":
        rule = "max" if slope <= 1 else "min"
        factors = f"{format_operand(slope)}*{format_operand(value)}"
        name, text = "leaky", f"{rule}({factors}, {format_number(value)})"
        exact = value >= 0 and unchanged
    elif activation == "sigmoid":
        text = f"1 / (1 + exp({format_number(-value)}))"
    elif activation == "tanh":
        text = f"tanh({format_number(value)})"
    elif activation == "abs":
        text, exact = f"|{format_number(value)}|", abs(value) == activated or math.isnan(value)
    return step_lines(name, f"{text} {'=' if exact else '~'} {format_number(activated)}")


def _range_text(explanation: Computation, output: OutputValue) -> str:
    """Describe the range mapping of one value; empty where clip leaves plain numbers alone."""
    value, pixel, max_value = output.activated, output.pixel, explanation.max_value
    if explanation.range == "raw":
        return "the value itself"
    if explanation.extremes is not None:
        return _rescale_text(value, pixel, explanation.extremes, max_value)
    number = format_number(value)
    if max_value is None:
        return f"|{number}| = {format_number(pixel)}" if explanation.range == "abs" else ""
    mid = max_value // 2 + 1
    start, shifted = number, value
    if explanation.range == "abs":
        start, shifted = f"|{number}| = {format_number(abs(value))}", abs(value)
    elif explanation.range == "offset":
        start, shifted = f"{number} + {mid}", value + mid
    return f"{start} -> {format_number(pixel)}{_change(shifted, pixel, max_value)}"


def _change(value: Number, pixel: Number, max_value: int) -> str:
    """Say how a value was changed to make it a pixel; nothing for a whole number in range."""
    if math.isnan(value):
        return " (not a number: black)" if not pixel else " (not a number: nodata)"
    if math.isinf(value) or not 0 <= round(value) <= max_value:
        return f" (clipped to 0..{max_value})"
    return "" if float(value).is_integer() else " (rounded, halves to even)"


def _rescale_text(
    value: Number, pixel: Number, extremes: tuple[Number, Number], max_value: int | None
) -> str:
    low, high = extremes
    if not high > low:
        return f"a constant map becomes black -> {format_number(pixel)}"
    least = format_operand(low)
    text = f"({format_number(value)} - {least}) / ({format_number(high)} - {least})"
    if max_value is None:
        return f"{text} -> {format_number(pixel)}"
    outside = not low <= value <= high  # by percentile only, or not a number
    beyond = value if math.isnan(value) else math.inf
    change = _change(beyond, pixel, max_value) if outside else ""
    return f"{text} * {max_value} -> {format_number(pixel)}{change}"


def total_lines(name: str, numbers: list[Number], total: Number) -> list[str]:
    """Return the lines that add up numbers."""
    return addition_lines(name, map(format_operand, numbers), total, exact_total(numbers))


def addition_lines(
    name: str, terms: Iterable[str], total: Number, exact: Decimal | float
) -> list[str]:
    """Return the lines of an addition; lines break before a plus."""
    first, *others = terms
    return step_lines(name, [first, *(f"+ {term}" for term in others), equals_text(total, exact)])


def equals_text(number: Number, exact: Fraction | Decimal | float) -> str:
    """Write a result after ``=``, or after ``~`` if the exact fraction was rounded."""
    finite = not isinstance(exact, float) and math.isfinite(number)
    rounded = finite and Fraction(exact) != as_fraction(number)
    return f"{'~' if rounded else '='} {format_number(number)}"
