"""Decimal arithmetic as on paper: exact sums and products of the numbers as they are written.

0.1 times 3 is 0.3 here, not the 0.30000000000000004 of binary fractions. Every number counts as its
shortest decimal; sums and products of decimals are exact, and only the result is rounded, once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any, cast

import numpy as np

from convcli.core.digits import shortest

Number = int | float

# Products of doubles span 10**617 to 10**-648 (subnormal ones), so a sum of them has fewer digits.
_EXACT = Context(prec=1500, Emax=MAX_EMAX, Emin=MIN_EMIN)


def to_python(value: np.generic, precision: np.dtype[Any] | None = None) -> Number:
    """Return a number of an array as a Python number: the shortest decimal that gives it back.

    Args:
        value: the number. A whole one below 2**53 keeps all its digits.
        precision: the type in which to tell it from its neighbors, if that is wider than its own.

    >>> to_python(np.float32(0.1)), to_python(np.uint8(7)), to_python(np.float32(123456792))
    (0.1, 7, 123456792.0)
    >>> to_python(np.float16(0.1), np.dtype(np.float32))
    0.099975586
    """
    if value.dtype.kind != "f":
        return int(value.item())
    if precision is not None and precision.itemsize > value.dtype.itemsize:
        value = value.astype(precision)
    return shortest(cast("np.floating[Any]", value))


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


def as_decimal(number: Number) -> Decimal:
    """Return the shortest decimal of a finite number."""
    return Decimal(number if isinstance(number, int) else repr(number))


def as_fraction(number: Number) -> Fraction:
    """Return the shortest decimal of a finite number as a fraction."""
    return Fraction(as_decimal(number))


def to_number(exact: Decimal | float) -> Number:
    """Return a whole number below 2**64 as an int, any other as the nearest float.

    >>> to_number(Decimal("3.0")), to_number(Decimal("0.3")), to_number(Decimal("1e400"))
    (3, 0.3, inf)
    """
    if isinstance(exact, Decimal) and abs(exact) < 2**64 and exact == exact.to_integral_value():
        return int(exact)
    return float(exact)


def exact_product(pixel: Number, weight: Number) -> Decimal | float:
    """Multiply a pixel by a weight; a weight of 0 gives 0 even for NaN and infinity.

    >>> exact_product(0.1, 3), exact_product(2.0, math.inf), exact_product(math.nan, 0)
    (Decimal('0.3'), inf, Decimal('0'))
    """
    if weight == 0:
        return Decimal()
    if not (math.isfinite(pixel) and math.isfinite(weight)):
        return pixel * weight
    return _EXACT.multiply(as_decimal(pixel), as_decimal(weight))


def exact_sum(terms: Iterable[Decimal | float]) -> Decimal | float:
    """Add up decimals exactly; the sum is a float if a term is NaN or infinite.

    >>> exact_sum([Decimal("0.1"), Decimal("0.2")]), exact_sum([Decimal(1), -math.inf])
    (Decimal('0.3'), -inf)
    """
    total, unbounded = Decimal(), []
    for term in terms:
        if isinstance(term, Decimal):
            total = _EXACT.add(total, term)
        else:
            unbounded.append(term)
    return sum(unbounded) if unbounded else total


def exact_total(numbers: Iterable[Number]) -> Decimal | float:
    """Add up numbers exactly; the sum is a float if one is NaN or infinite.

    >>> exact_total([0.1, 0.2])
    Decimal('0.3')
    """
    return exact_sum(as_decimal(n) if math.isfinite(n) else n for n in numbers)
