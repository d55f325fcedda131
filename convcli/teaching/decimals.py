"""Arithmetic as it is done on paper: every number is the decimal that it is written as.

0.1 times 3 is 0.3 here, not the 0.30000000000000004 of binary fractions: what is multiplied and
added is the shortest decimal of each number, exactly, and only a result is rounded, once.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

Number = int | float


def plain(value: np.generic) -> Number:
    """Return a Python number with the fewest digits that give an array's number back in its type.

    >>> plain(np.float32(0.1)), plain(np.uint8(7))
    (0.1, 7)
    """
    return float(str(value)) if value.dtype.kind == "f" else int(value.item())


def written(number: Number) -> str:
    """Write a number with the fewest digits that are exact.

    >>> written(3.0), written(-0.25), written(1e-7)
    ('3', '-0.25', '1e-7')
    """
    mantissa, _, exponent = repr(number).partition("e")
    mantissa = mantissa.removesuffix(".0") if mantissa != "-0.0" else "0"
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def exact(number: Number) -> Fraction:
    """Return a finite number as the decimal that it is written as."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def nearest(fraction: Fraction) -> Number:
    """Return a fraction as an int where it is whole and fits 64 bits, else as the nearest float."""
    if fraction.denominator == 1 and abs(fraction) < 2**64:
        return int(fraction)
    try:
        return float(fraction)
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf


def product(pixel: Number, weight: Number) -> Number:
    """Multiply; a weight of 0 takes no part, whatever it meets.

    >>> product(0.1, 3), product(math.nan, 0)
    (0.3, 0)
    """
    if weight == 0:
        return 0
    if math.isfinite(pixel):
        return nearest(exact(pixel) * exact(weight))
    return pixel * weight


def sum_of_products(pairs: Iterable[tuple[Number, Number]]) -> Number:
    """Add up pixel times weight, rounding only the sum.

    >>> sum_of_products([(0.1, 1), (0.2, 1)])
    0.3
    """
    parts = [(pixel, weight) for pixel, weight in pairs if weight != 0]
    unbounded = [pixel * weight for pixel, weight in parts if not math.isfinite(pixel)]
    if unbounded:
        return sum(unbounded)
    return nearest(sum((exact(pixel) * exact(weight) for pixel, weight in parts), Fraction()))
