"""How many decimals of a result are reliable; further ones would be rounding errors.

A sum of terms whose magnitudes add up to B is off by a few units of ``e * B``, where e is the
spacing of its number type at 1. So 5.199999999999999 is written 5.2.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_MOST_EXACT = 10_000  # numbers that are rounded one by one
_MOST_DECIMALS = 30


def reliable_decimals(
    dtype: DTypeLike, bound: float, own_decimals: int | None = None
) -> int | None:
    """Return how many decimals of a result to write, ``floor(-log10(8 e B))``.

    Args:
        dtype: type of the result.
        bound: B, the largest sum of magnitudes, ``sum|w| * max|input| / |divisor| + |bias|``; for a
            layer without weights, the largest magnitude of its input or output.
        own_decimals: from :func:`quotient_decimals`, of results that are rounded only once. All of
            them are reliable where the type tells such numbers apart.

    Returns:
        A number of decimals, the same for a whole map; None for integers, which are exact.

    >>> reliable_decimals("float32", 200.0), reliable_decimals("float64", 20.0)
    (3, 13)
    >>> reliable_decimals("float32", 200.0, own_decimals=4)  # 3193 / 16 is 199.5625
    4
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        return None
    epsilon = float(np.finfo(np.result_type(dtype, np.float32)).eps)  # sums are never in float16
    if own_decimals is not None and epsilon * bound <= 10.0**-own_decimals:
        return own_decimals
    error = 8 * epsilon * bound
    return max(math.floor(-math.log10(error)), 0) if 0 < error < math.inf else 0


def quotient_decimals(divisor: float, bias: float) -> int | None:
    """Return how many decimals ``sum / divisor + bias`` has for whole sums; None if they never end.

    >>> quotient_decimals(16, 0), quotient_decimals(0.5, -2.5), quotient_decimals(9, 0)
    (4, 1, None)
    """
    parts = 1 / Fraction(str(divisor)), Fraction(str(bias))
    for decimals in range(_MOST_DECIMALS):
        if all(10**decimals % part.denominator == 0 for part in parts):
            return decimals
    return None


def round_number(number: float, decimals: int | None, dtype: DTypeLike = np.float64) -> float:
    """Round a finite float to this many decimals, None for all; the result is never -0.

    Args:
        number: an integer, which stays as it is, or a float.
        decimals: of the result.
        dtype: the float's own type: float32 has fewer digits than a Python float shows.

    >>> round_number(5.199999999999999, 13), round_number(-0.0001, 3), round_number(7, 3)
    (5.2, 0.0, 7)
    >>> round_number(0.10000000149011612, None, "float32"), round_number(1e300, 2, "float32")
    (0.1, inf)
    """
    if isinstance(number, int) or not math.isfinite(number):
        return number
    own: Any = np.dtype(dtype).type
    with np.errstate(over="ignore"):  # beyond float32 it is infinite there, too
        if decimals is not None:
            number = round(own(number).item(), decimals) + 0.0
        return shortest(own(number))


def shortest(value: np.floating[Any]) -> float:
    """Return the shortest decimal that gives a float of its type back.

    A whole number below 2**53 keeps all its digits.

    >>> shortest(np.float32(0.1)), shortest(np.float32(123456792))
    (0.1, 123456792.0)
    """
    number = float(value)
    return number if number.is_integer() and abs(number) < 2**53 else float(str(value))


def round_values(values: NDArray[Any], decimals: int | None) -> NDArray[Any]:
    """Round an array's floats to this many decimals, None for all; integers stay as they are.

    >>> round_values(np.array([5.199999999999999, -1e-15]), 13).tolist()
    [5.2, 0.0]
    """
    if decimals is None or values.dtype.kind != "f":
        return values
    # Python rounds decimals correctly, which np.round does not for every number of them.
    rounded = [round(number, decimals) for number in values.ravel().tolist()]
    return np.array(rounded, values.dtype).reshape(values.shape) + 0.0  # no -0


def reliable_values(values: NDArray[Any], decimals: int | None) -> NDArray[Any]:
    """Round an array's floats as `round_values` does, but a large array by faster means.

    The last digit of a number of a large array may be wrong by one, which no figure shows.

    >>> reliable_values(np.array([5.199999999999999, -1e-15]), 13).tolist()
    [5.2, 0.0]
    """
    if decimals is None or values.dtype.kind != "f" or values.size <= _MOST_EXACT:
        return round_values(values, decimals)
    if decimals > _MOST_DECIMALS:  # numpy multiplies by a power of ten, which would overflow
        return values
    rounded = np.round(values, decimals)
    rounded += 0.0
    return rounded


def sum_bound(weights: NDArray[Any], largest: float, bias: float = 0) -> float:
    """Return the largest sum of magnitudes of a window, where no value exceeds ``largest``.

    >>> sum_bound(np.array([[1, -2, 1]]), 255, bias=-5)
    1025.0
    """
    with np.errstate(all="ignore"):
        return float(np.abs(weights).sum()) * largest + abs(bias)


def largest_magnitude(values: NDArray[Any], dtype: DTypeLike | None = None) -> float:
    """Return the largest magnitude of the finite numbers of an array, 0 if there are none.

    Args:
        values: the array.
        dtype: of the sums; None to count every number. Otherwise numbers of ``1 / (8 e)`` and more
            are ignored, unless there are no smaller ones: a sum with such a number has no reliable
            decimals, but one nodata value must not take the decimals of the other sums.

    >>> largest_magnitude(np.array([2, -3.5, np.inf])), largest_magnitude(np.array([-128], np.int8))
    (3.5, 128)
    """
    if not values.size:
        return 0
    ends: tuple[float, float] = values.min().item(), values.max().item()
    if not all(map(math.isfinite, ends)):
        return largest_magnitude(values[np.isfinite(values)], dtype)
    largest = max(map(abs, ends))
    if dtype is not None and reliable_decimals(dtype, largest) == 0:
        limit = 1 / (8 * float(np.finfo(dtype).eps))
        return largest_magnitude(values[(values < limit) & (values > -limit)]) or largest
    return largest
