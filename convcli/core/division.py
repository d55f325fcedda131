"""Quotients of exact sums, rounded to integers once.

``sum / divisor + bias`` is a fraction of integers, since every float is one. Its floor and its
remainder tell how to round, half to even. In int64 that is exact while numerator and denominator
fit; otherwise float64 comes near enough for most values, and those too near a half, or beyond
2**53, are computed again in Python's integers.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import Bias, Bounds, SumTypes

INT64 = np.iinfo(np.int64)
FLOAT_ERROR = 2.0**-50  # more than four roundings to float64: of sum, quotient, bias and result


@lru_cache(maxsize=64)
def floats_round_right(bounds: Bounds, divisor: float, bias: Bias) -> bool:
    """Tell whether quotients in float64 round to the same integers as the exact ones.

    A quotient is a half or at least ``1 / (2 * denominator)`` away from one.
    """
    if isinstance(bias, tuple):
        return all(floats_round_right(bounds, divisor, each) for each in bias)
    _, _, denominator = _fraction(divisor, bias)
    largest = Fraction(_largest(bounds)) / abs(Fraction(divisor)) + abs(Fraction(bias))
    return 2 * largest * denominator < 1 / Fraction(FLOAT_ERROR)


def divide_exactly(sums: NDArray[Any], types: SumTypes, out: NDArray[Any]) -> None:
    """Store ``sums / divisor + bias`` in an integer array, rounded half to even, and saturated.

    Args:
        sums: exact sums; with a bias for each filter, filters are on the last axis.
        types: divisor, bias and the sums' bounds.
        out: an integer array of the same shape.
    """
    if isinstance(types.bias, tuple):
        for place, bias in enumerate(types.bias):
            one = types._replace(bias=bias)
            divide_exactly(sums[..., place], one, out[..., place])
        return
    factor, added, denominator = _fraction(types.divisor, types.bias)
    if _largest(types.bounds) * abs(factor) + abs(added) + denominator <= INT64.max:
        out[...] = _round(sums.astype(np.int64) * factor + added, denominator, np.iinfo(out.dtype))
        return
    values = sums / float(types.divisor) + float(types.bias)
    error = (np.abs(values) + 2 * abs(float(types.bias))) * FLOAT_ERROR
    doubtful = np.abs(values - np.floor(values) - 0.5) <= error
    doubtful |= ~(np.abs(values) < 2.0**51)
    bounds = np.iinfo(out.dtype)
    near = np.where(doubtful, 0, values)
    out[...] = np.rint(near).clip(max(bounds.min, -(2.0**52)), min(bounds.max, 2.0**52))
    if doubtful.any():
        numbers = sums[doubtful].astype(object) * factor + added
        out[doubtful] = _round(numbers, denominator, bounds)


def _largest(bounds: Bounds) -> int:
    return max(-bounds[0], bounds[1])


def _fraction(divisor: float, bias: float) -> tuple[int, int, int]:
    """Return f, a, d > 0 with ``sum / divisor + bias == (sum * f + a) / d``."""
    scale, added = 1 / Fraction(divisor), Fraction(bias)
    denominator = math.lcm(scale.denominator, added.denominator)
    return int(scale * denominator), int(added * denominator), denominator


def _round(numerators: NDArray[Any], denominator: int, bounds: Any) -> NDArray[Any]:
    """Return quotients of integers, rounded half to even, and clipped to an integer type."""
    floor = numerators // denominator
    remainder = numerators - floor * denominator
    above = denominator - remainder
    up = (remainder > above) | ((remainder == above) & (floor % 2 == 1))
    low, high = bounds.min, bounds.max
    if numerators.dtype.kind == "i":
        low, high = max(low, INT64.min), min(high, INT64.max)
    return np.asarray(np.clip(floor + up, low, high))
