"""An explanation with the digits that are shown: the reliable ones, or as many as are asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np

from convcli.core.digits import (
    largest_magnitude,
    quotient_decimals,
    reliable_decimals,
    round_number,
)
from convcli.teaching.decimals import Number, exact_total, to_number
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
    significant: int | None = None,
    scale: float | None = None,
    window_decimals: int | None = None,
    window_dtype: str = "float64",
) -> C:
    """Round the results of an explanation to their reliable decimals.

    The window stays as it was read, and integers stay exact. A value that would be rounded to
    another pixel than the map's keeps its digits. A sum that differs from the map's value only by
    what the map's number type rounds is that value, so that no number is written in two ways.

    Args:
        explanation: the explanation.
        digits: decimals of every number, also in window and weights; None for the reliable ones.
        significant: at most so many digits of the largest number, where ``digits`` is None.
        scale: the magnitude that sets them, if it is that of a whole map; None for that of the
            explained sums.
        window_decimals: of the window, if it is a layer's map; None for all.
        window_dtype: the type of that map.
    """
    bound = _bound(explanation) if scale is None else scale
    dtype, extremes = explanation.dtype, explanation.extremes
    decimals = digits
    if digits is None:
        exact = None if scale is not None else _own_decimals(explanation)
        decimals = reliable_decimals(dtype, bound, exact)
        if exact is None or decimals != exact:
            decimals = _at_most(significant, decimals, bound)
    pixel_decimals = decimals
    if extremes is not None and digits is None:
        pixel_dtype = "float64" if dtype == "float64" else "float32"
        scaled = bound / ((extremes[1] - extremes[0]) or 1)
        pixel_decimals = reliable_decimals(pixel_dtype, max(scaled, 1))
        pixel_decimals = _at_most(significant, pixel_decimals, 1)
    rounding = _Rounding(
        dtype, bound, decimals, pixel_decimals, digits, significant, window_decimals, window_dtype
    )
    return replace(
        explanation,
        extremes=extremes
        and (round_number(extremes[0], decimals), round_number(extremes[1], decimals)),
        outputs=tuple(rounding.output(output, explanation) for output in explanation.outputs),
    )


class _Rounding(NamedTuple):
    """How the numbers of an explanation are rounded.

    Attributes:
        dtype: the explanation's.
        bound: the largest magnitude that a value could have had.
        decimals: of sums, products and values; None for all.
        pixel_decimals: of pixels.
        digits, significant, window_decimals, window_dtype: as for :func:`as_shown`.
    """

    dtype: str
    bound: float
    decimals: int | None
    pixel_decimals: int | None
    digits: int | None
    significant: int | None
    window_decimals: int | None
    window_dtype: str

    def output(self, output: OutputValue, explanation: Computation) -> OutputValue:
        """Round one channel's value, its pixel, and what leads to them."""
        places = self.decimals
        own = self.dtype if self.dtype.startswith("float") else "float64"  # sums are decimals
        kind, value, responses = own, output.value, output.responses
        activated = round_number(output.activated, places, own)
        if math.isfinite(activated) and round(activated) != round(output.activated):
            places, kind = reliable_decimals("float64", self.bound), "float64"
            activated = round_number(output.activated, places)
            if explanation.activation == "none" or (explanation.activation == "relu" and value > 0):
                value = activated  # with the digits that lead to the pixel
                if len(responses) == 1:
                    responses = (replace(responses[0], value=value),)
        return OutputValue(
            channel=output.channel,
            responses=tuple(self._response(response, places, kind) for response in responses),
            value=round_number(value, places, kind),
            activated=activated,
            pixel=round_number(output.pixel, self.pixel_decimals, own),
        )

    def _response(self, response: Response, places: int | None, kind: str) -> Response:
        shown = replace(
            response,
            sums=tuple(self._sum(part, places) for part in response.sums),
            sum=round_number(response.sum, places),
            value=round_number(response.value, places, kind),
            validity=response.validity and self._validity(response.validity, places),
        )
        is_scaled = response.validity is not None and response.validity.scaled != response.sum
        return _in_one_way(shown, places, self.decimals, is_scaled=is_scaled)

    def _sum(self, part: Sum, places: int | None) -> Sum:
        window, weights, digits = part.window, part.weights, self.digits
        if digits is not None:
            window, weights = rounded(window, digits, self.window_dtype), rounded(weights, digits)
        else:
            window = rounded(window, self.window_decimals, self.window_dtype)
            figures = _WEIGHT_DIGITS.get(self.dtype)
            if self.significant is not None:
                window, figures = _significant(window, self.significant), self.significant
            if figures is not None:
                weights = _significant(weights, figures)
        decimals = _decimals_of_products(part, self.dtype, self.decimals, digits)
        products = rounded(part.products, decimals)
        total = round_number(part.sum, places)
        return Sum(part.channel, window, weights, products, total, part.missing)

    def _validity(self, validity: Validity, places: int | None) -> Validity:
        figures = self.significant or _WEIGHT_DIGITS.get(self.dtype, 15)
        ((weight, valid),) = _significant(((validity.weight, validity.valid),), figures)
        if self.digits is not None:
            weight, valid = round_number(weight, self.digits), round_number(valid, self.digits)
        scaled = round_number(validity.scaled, places)
        return replace(validity, weight=weight, valid=valid, scaled=scaled)


def _at_most(significant: int | None, decimals: int | None, largest: float) -> int | None:
    """Return fewer decimals where the largest number would have more digits than these."""
    if significant is None or decimals is None or not 0 < largest < math.inf:
        return decimals
    return min(decimals, max(0, significant - 1 - math.floor(math.log10(largest))))


def _in_one_way(
    response: Response, places: int | None, decimals: int | None, *, is_scaled: bool
) -> Response:
    """Write a sum as the map's value where they are one but for the last reliable decimal.

    Args:
        response: with the decimals that are shown.
        places: these.
        decimals: the reliable ones.
        is_scaled: whether missing pixels change the sum.
    """
    if response.divisor != 1 or decimals is None:
        return response
    start = round_number(to_number(exact_total([response.value, -response.bias])), places)

    def settled(number: Number) -> Number:
        is_close = not isinstance(number, int) and abs(number - start) < 1.5 * 10.0**-decimals
        return start if is_close else number

    if response.validity is not None:
        scaled = settled(response.validity.scaled)
        response = replace(response, validity=replace(response.validity, scaled=scaled))
    if is_scaled:
        return response
    total, sums = settled(response.sum), response.sums
    if len(sums) == 1:
        sums = (replace(sums[0], sum=total),)
    return replace(response, sum=total, sums=sums)


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
