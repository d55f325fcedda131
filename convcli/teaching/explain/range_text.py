"""How a value becomes a pixel, said in a line."""

import math

from convcli.teaching.decimals import Number, written
from convcli.teaching.explain.explanation import Explanation, Output


def tone_line(explanation: Explanation, output: Output) -> str:
    """Return the range mapping of one value with its numbers, and what was done to it."""
    value, pixel, max_value = output.activated, output.pixel, explanation.max_value
    if explanation.range == "raw":
        return "the value itself"
    if explanation.extremes is not None:
        return _rescaled(value, pixel, explanation.extremes, max_value)
    if max_value is None:
        magnitude = f"|{written(value)}| = {written(pixel)}; " if explanation.range == "abs" else ""
        return f"{magnitude}plain numbers have no white to be cut at"
    mid = max_value // 2 + 1
    match explanation.range:
        case "abs":
            start, shifted = f"|{written(value)}| = {written(abs(value))}", abs(value)
        case "offset":
            start, shifted = f"{written(value)} + {mid}", value + mid
        case _:
            start, shifted = written(value), value
    return f"{start} -> {written(pixel)}{_why(shifted, max_value)}"


def _why(value: Number, max_value: int) -> str:
    """Say what was done to a value to make it a pixel; nothing to a whole one within range."""
    if math.isnan(value):
        return " (not a number: black)"
    if math.isinf(value) or not 0 <= round(value) <= max_value:
        return f" (cut to 0..{max_value})"
    return "" if float(value).is_integer() else " (rounded, halves to even)"


def _rescaled(
    value: Number, pixel: Number, extremes: tuple[Number, Number], max_value: int | None
) -> str:
    low, high = extremes
    if not high > low:
        return f"a constant map becomes black -> {written(pixel)}"
    text = f"({written(value)} - {_signed(low)}) / ({written(high)} - {_signed(low)})"
    if max_value is None:
        return f"{text} -> {written(pixel)}"
    why = _why(value, max_value) if math.isnan(value) else ""
    return f"{text} * {max_value} -> {written(pixel)}{why}"


def _signed(number: Number) -> str:
    text = written(number)
    return f"({text})" if text.startswith("-") else text
