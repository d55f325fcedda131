"""An explanation with the digits that are shown: the reliable ones, or as many as are asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import numpy as np

from convcli.core.digits import (
    largest_magnitude,
    quotient_decimals,
    reliable_decimals,
    round_number,
)
from convcli.teaching.explain.computation import (
    Computation,
    Grid,
    OutputValue,
    Response,
    Sum,
    Validity,
)

C = TypeVar("C", bound=Computation)

# The last digits of computed weights are rounding errors, which would hide the others.
_WEIGHT_DIGITS = {"float32": 8, "float64": 15}


def as_shown(
    explanation: C,
    digits: int | None = None,
    *,
    scale: float | None = None,
    window_decimals: int | None = None,
    window_dtype: str = "float64",
) -> C:
    """Round the results of an explanation to their reliable decimals.

    The window stays as it was read, and integers stay exact. A value that would be rounded to
    another pixel than the map's keeps its digits.

    Args:
        explanation: the explanation.
        digits: decimals of every number, also in window and weights; None for the reliable ones.
        scale: the magnitude that sets them, if it is that of a whole map; None for that of the
            explained sums.
        window_decimals: of the window, if it is a layer's map; None for all.
        window_dtype: the type of that map.
    """
    bound = _bound(explanation) if scale is None else scale
    dtype, extremes = explanation.dtype, explanation.extremes
    exact = None if scale is not None else _own_decimals(explanation)
    decimals = reliable_decimals(dtype, bound, exact) if digits is None else digits
    own = dtype if dtype.startswith("float") else "float64"  # of values; sums are decimals
    pixel_decimals = decimals
    if extremes is not None and digits is None:
        pixel_dtype = "float64" if dtype == "float64" else "float32"
        scaled = bound / ((extremes[1] - extremes[0]) or 1)
        pixel_decimals = reliable_decimals(pixel_dtype, max(scaled, 1))

    def shown_sum(part: Sum) -> Sum:
        window, weights = part.window, part.weights
        if digits is not None:
            window, weights = rounded(window, digits, window_dtype), rounded(weights, digits)
        else:
            window = rounded(window, window_decimals, window_dtype)
            if dtype in _WEIGHT_DIGITS:
                weights = _significant(weights, _WEIGHT_DIGITS[dtype])
        total = round_number(part.sum, decimals)
        products = rounded(part.products, _decimals_of_products(part, dtype, decimals, digits))
        return Sum(part.channel, window, weights, products, total, part.missing)

    def shown_response(response: Response) -> Response:
        return replace(
            response,
            sums=tuple(map(shown_sum, response.sums)),
            sum=round_number(response.sum, decimals),
            value=round_number(response.value, decimals, own),
            validity=response.validity and shown_validity(response.validity),
        )

    def shown_validity(validity: Validity) -> Validity:
        figures = _WEIGHT_DIGITS.get(dtype, 15)
        ((weight, valid),) = _significant(((validity.weight, validity.valid),), figures)
        if digits is not None:
            weight, valid = round_number(weight, digits), round_number(valid, digits)
        scaled = round_number(validity.scaled, decimals)
        return replace(validity, weight=weight, valid=valid, scaled=scaled)

    def shown_output(output: OutputValue) -> OutputValue:
        activated = round_number(output.activated, decimals, own)
        if math.isfinite(activated) and round(activated) != round(output.activated):
            activated = round_number(output.activated, reliable_decimals("float64", bound))
        return OutputValue(
            channel=output.channel,
            responses=tuple(map(shown_response, output.responses)),
            value=round_number(output.value, decimals, own),
            activated=activated,
            pixel=round_number(output.pixel, pixel_decimals, own),
        )

    return replace(
        explanation,
        extremes=extremes
        and (round_number(extremes[0], decimals), round_number(extremes[1], decimals)),
        outputs=tuple(map(shown_output, explanation.outputs)),
    )


def _decimals_of_products(
    part: Sum, dtype: str, decimals: int | None, digits: int | None
) -> int | None:
    """Return the decimals of the sum; a huge product, which has none, leaves the others theirs."""
    if digits is not None or decimals != 0:
        return decimals
    return reliable_decimals(dtype, largest_magnitude(np.array(part.products), dtype))


def _own_decimals(explanation: Computation) -> int | None:
    """Return how many decimals the value has, if it is an exact sum of integers, divided."""
    responses = [response for output in explanation.outputs for response in output.responses]
    numbers = (
        number
        for response in responses
        for part in response.sums
        for row in (*part.window, *part.weights)
        for number in row
    )
    is_plain = explanation.combine is None and explanation.activation in ("none", "relu")
    if is_plain and all(isinstance(number, int) for number in numbers):
        return quotient_decimals(responses[0].divisor, responses[0].bias)
    return None


def _bound(explanation: Computation) -> float:
    """Return the largest magnitude that a value could have had."""
    bounds = [abs(output.activated) for output in explanation.outputs]
    for response in chain.from_iterable(output.responses for output in explanation.outputs):
        rows = chain.from_iterable(part.products for part in response.sums)
        # NaN and infinity have no digits, and those of the other products stay what they are.
        total = sum(abs(p) for p in chain.from_iterable(rows) if math.isfinite(p))
        bounds.append(total / abs(response.divisor) + abs(response.bias))
    return max(filter(math.isfinite, bounds), default=0.0)


def rounded(grid: Grid, decimals: int | None, dtype: str = "float64") -> Grid:
    """Round every number of a grid, of this type, to this many decimals, None for all."""
    return tuple(tuple(round_number(number, decimals, dtype) for number in row) for row in grid)


def _significant(grid: Grid, digits: int) -> Grid:
    """Write fractions with this many significant digits; whole numbers keep theirs."""
    return tuple(
        tuple(n if float(n).is_integer() else float(f"{n:.{digits}g}") for n in row) for row in grid
    )
