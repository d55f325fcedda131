"""Decimal arithmetic as on paper: exact sums and products of the numbers as they are written.

0.1 times 3 is 0.3 here, not the 0.30000000000000004 of binary fractions. Every number counts as its
shortest decimal; sums and products of decimals are exact, and only the result is rounded, once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

Number = int | float


def to_python(value: np.generic) -> Number:
    """Return a number of an array as a Python number: the shortest decimal that gives it back.

    >>> to_python(np.float32(0.1)), to_python(np.uint8(7))
    (0.1, 7)
    """
    return float(str(value)) if value.dtype.kind == "f" else int(value.item())


def format_number(number: Number) -> str:
    """Write a number exactly, in as few digits as possible.

    >>> format_number(3.0), format_number(-0.25), format_number(1e-7)
    ('3', '-0.25', '1e-7')
    """
    mantissa, _, exponent = repr(number).partition("e")
    mantissa = mantissa.removesuffix(".0") if mantissa != "-0.0" else "0"
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def format_operand(number: Number) -> str:
    """Write a number as part of a formula: in parentheses if it is negative.

    >>> f"3 + {format_operand(-4)}"
    '3 + (-4)'
    """
    text = format_number(number)
    return f"({text})" if text.startswith("-") else text


def as_fraction(number: Number) -> Fraction:
    """Return the shortest decimal of a finite number as a fraction."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def from_fraction(fraction: Fraction) -> Number:
    """Return a whole number below 2**64 as an int, any other fraction as the nearest float."""
    if fraction.denominator == 1 and abs(fraction) < 2**64:
        return int(fraction)
    try:
        return float(fraction)
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf


def product(pixel: Number, weight: Number) -> Number:
    """Multiply a pixel by a weight; a weight of 0 gives 0 even for NaN and infinity.

    >>> product(0.1, 3), product(math.nan, 0)
    (0.3, 0)
    """
    return sum_of_products([(pixel, weight)])


def sum_of_products(pairs: Iterable[tuple[Number, Number]]) -> Number:
    """Add up pixel times weight over all pairs and round the sum once.

    >>> sum_of_products([(0.1, 1), (0.2, 1)])
    0.3
    """
    exact = exact_sum(pairs)
    return from_fraction(exact) if isinstance(exact, Fraction) else exact


def exact_sum(pairs: Iterable[tuple[Number, Number]]) -> Fraction | float:
    """Add up pixel times weight over all pairs; the sum is a float if a pixel is not finite."""
    parts = [(pixel, weight) for pixel, weight in pairs if weight != 0]
    unbounded = [pixel * weight for pixel, weight in parts if not math.isfinite(pixel)]
    if unbounded:
        return sum(unbounded)
    return sum((as_fraction(pixel) * as_fraction(weight) for pixel, weight in parts), Fraction())
