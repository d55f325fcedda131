"""Quotients of exact sums, rounded to integers once.

``sum / divisor + bias`` is a fraction of integers, since every float is one, and integers are
divided faster than floats: a box filter of bytes takes half of the time. In int64 that is exact
while numerator and denominator fit; otherwise float64 comes near enough for most values, and those
too near a half, or beyond 2**53, are computed again in Python's integers.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import Bias, Bounds, SumTypes, saturate, with_gaps

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


def fits(types: SumTypes) -> bool:
    """Tell whether numerator and denominator of all quotients fit in the type of the sums."""
    if isinstance(types.bias, tuple):
        return all(fits(types._replace(bias=bias)) for bias in types.bias)
    return _fits(types.bounds, types.divisor, types.bias, types.accumulator)


def divide_exactly(sums: NDArray[Any], types: SumTypes, out: NDArray[Any]) -> None:
    """Store ``sums / divisor + bias`` in an integer array, rounded half to even, and saturated.

    Args:
        sums: exact sums, which may be overwritten; with a bias for each filter, filters are on the
            last axis.
        types: divisor, bias and the sums' bounds.
        out: an integer array of the same shape.
    """
    if isinstance(types.bias, tuple):
        for place, bias in enumerate(types.bias):
            one = types._replace(bias=bias)
            divide_exactly(sums[..., place].copy(), one, out[..., place])
        return
    factor, added, denominator = _fraction(types.divisor, types.bias)
    held = np.iinfo(out.dtype)
    for kind in (types.accumulator, np.dtype(np.int64)):
        if _fits(types.bounds, types.divisor, types.bias, kind):
            sums = sums.astype(kind, copy=False)
            numerators = with_gaps(sums)
            if factor != 1:
                numerators *= factor
            if added:
                numerators += added
            _round(numerators, denominator)
            least, greatest = sorted(end * factor + added for end in types.bounds)
            if held.min <= least // denominator and -(-greatest // denominator) <= held.max:
                out[...] = sums
            else:
                saturate(sums, out, overwrite=True)
            return
    values = sums / float(types.divisor) + float(types.bias)
    error = (np.abs(values) + 2 * abs(float(types.bias))) * FLOAT_ERROR
    doubtful = np.abs(values - np.floor(values) - 0.5) <= error
    doubtful |= ~(np.abs(values) < 2.0**51)
    near = np.where(doubtful, 0, values)
    out[...] = np.rint(near).clip(max(held.min, -(2.0**52)), min(held.max, 2.0**52))
    if doubtful.any():
        numbers = _round(sums[doubtful].astype(object) * factor + added, denominator)
        out[doubtful] = np.clip(numbers, held.min, held.max)


def _largest(bounds: Bounds) -> int:
    return max(-bounds[0], bounds[1])


@lru_cache(maxsize=64)
def _fraction(divisor: float, bias: float) -> tuple[int, int, int]:
    """Return f, a, d > 0 with ``sum / divisor + bias == (sum * f + a) / d``."""
    scale, added = 1 / Fraction(divisor), Fraction(bias)
    denominator = math.lcm(scale.denominator, added.denominator)
    return int(scale * denominator), int(added * denominator), denominator


def _fits(bounds: Bounds, divisor: float, bias: float, kind: np.dtype[Any]) -> bool:
    """Tell whether a type of integers holds all numerators, and the denominator beside them."""
    factor, added, denominator = _fraction(divisor, bias)
    limits, ends = np.iinfo(kind), [end * factor + added for end in (*bounds, 0)]
    least, greatest = min(*ends, factor, added), max(*ends, factor, added)
    return limits.min <= least and greatest + denominator <= limits.max


def _round(numerators: NDArray[Any], denominator: int) -> NDArray[Any]:
    """Divide integers in place, round half to even, and return them."""
    if denominator == 1:
        return numerators
    half = denominator // 2
    if denominator % 2 == 0:  # a half above an even number is rounded down
        numerators += (numerators // denominator) & 1
        half -= 1
    numerators += half
    numerators //= denominator
    return numerators
