"""The steps from products to pixel, a line each; ``~`` for ``=`` where a number was rounded."""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain

from convcli.teaching.decimals import Number, exact, written
from convcli.teaching.explain.explanation import Explanation, Output, Response, Sum
from convcli.teaching.explain.range_text import tone_line
from convcli.teaching.text_table import Paint, unpainted, wrapped

LABEL = 10  # letters of a step's name and the space after it


def sum_lines(part: Sum) -> list[str]:
    """Return the lines that add the products of one channel up."""
    pairs = list(
        zip(chain.from_iterable(part.window), chain.from_iterable(part.weights), strict=True)
    )
    terms = (f"({written(pixel)}*{written(weight)})" for pixel, weight in pairs)
    products = [(pixel, weight) for pixel, weight in pairs if weight != 0]
    if math.isfinite(part.sum):
        right = sum(exact(p) * exact(w) for p, w in products) == exact(part.sum)
    else:
        right = True
    return _added("sum", terms, part.sum, right=right)


def value_lines(response: Response) -> list[str]:
    """Return the lines from the channels' sums to the value; none where one sum is all there is."""
    lines = []
    if len(response.sums) > 1:
        lines += _addition("total", [part.sum for part in response.sums], response.sum)
    if response.divisor == 1 and not response.bias and response.value == response.sum:
        return lines
    text = written(response.sum)
    if response.divisor != 1:
        text += f" / {_signed(response.divisor)}"
    if response.bias:
        text += f" {'+' if response.bias > 0 else '-'} {written(abs(response.bias))}"
    right = True
    if math.isfinite(response.sum) and math.isfinite(response.value):
        quotient = exact(response.sum) / exact(response.divisor)
        right = quotient + exact(response.bias) == exact(response.value)
    return [*lines, *step("value", f"{text} {_equal(response.value, right=right)}".split(" "))]


def result_lines(
    explanation: Explanation, output: Output, paint: Paint = unpainted
) -> Iterator[str]:
    """Yield what becomes of the value: combination, activation, range, pixel."""
    if explanation.combine is not None:
        values = [response.value for response in output.responses]
        yield from _combined(explanation.combine, values, output.value)
    if explanation.activation != "none":
        yield _activated(explanation.activation, output.value, output.activated)
    yield from step(explanation.range, tone_line(explanation, output).split(" "))
    yield f"{'pixel':<{LABEL}}" + paint("result", written(output.pixel))


def step(name: str, words: Iterable[str]) -> list[str]:
    """Return the lines of a step: its name, and words beside it."""
    lines = wrapped(words, " " * LABEL)
    lines[0] = name.ljust(LABEL) + lines[0][LABEL:]
    return lines


def _activated(activation: str, value: Number, activated: Number) -> str:
    """Return the line of an activation."""
    name, text = activation, f"max(0, {written(value)})"
    right = activation == "relu" or value == 0
    if activation == "leaky-relu":
        name, text = "leaky", f"max(0.01*{_signed(value)}, {written(value)})"
        right = value >= 0
    elif activation == "sigmoid":
        text = f"1 / (1 + exp({written(-value)}))"
    elif activation == "tanh":
        text = f"tanh({written(value)})"
    return f"{name:<{LABEL}}{text} {_equal(activated, right=right)}"


def _combined(combine: str, values: list[Number], value: Number) -> list[str]:
    """Return the lines that make several kernels' values one."""
    if combine == "sum":
        return _addition("sum", values, value)
    if combine == "max":
        inner = ", ".join(map(written, values))
        return step("max", f"max({inner}) = {written(value)}".split(" "))
    finite = all(map(math.isfinite, (*values, value)))
    if combine == "mean":
        text = f"({' + '.join(map(_signed, values))}) / {len(values)}"
        right = not finite or _total(values) == exact(value) * len(values)
    else:
        text = f"sqrt({' + '.join(f'{_signed(each)}^2' for each in values)})"
        right = not finite or sum(exact(each) ** 2 for each in values) == exact(value) ** 2
    return step(combine, f"{text} {_equal(value, right=right)}".split(" "))


def _addition(name: str, numbers: list[Number], total: Number) -> list[str]:
    """Return the lines that add numbers up."""
    finite = all(map(math.isfinite, (*numbers, total)))
    right = not finite or _total(numbers) == exact(total)
    return _added(name, map(_signed, numbers), total, right=right)


def _added(name: str, terms: Iterable[str], total: Number, *, right: bool) -> list[str]:
    """Return the lines of an addition; a line breaks before a plus."""
    first, *others = terms
    return step(name, [first, *(f"+ {term}" for term in others), _equal(total, right=right)])


def _total(numbers: Iterable[Number]) -> Fraction:
    return sum(map(exact, numbers), Fraction())


def _equal(number: Number, *, right: bool) -> str:
    return f"{'=' if right else '~'} {written(number)}"


def _signed(number: Number) -> str:
    """Write a number, in brackets where it is negative."""
    text = written(number)
    return f"({text})" if text.startswith("-") else text
