"""A bound on the error of float32 sums: whether a strip's sums are accurate enough."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, OUTLIER, SINGLE, Bias

SINGLE_EPSILON = 2.0**-24  # largest relative error of rounding to float32
SINGLE_TINY = 2.0**-126  # below this, float32 loses digits
TOLERANCE = 0.9e-5  # of the largest sum; convcli promises 1e-5
CANCELS = 0.1  # a sum of weights below this share of their magnitudes
LARGEST_SHIFT = 100  # float32 holds 2**100 and its reciprocal
SAFE = 2.0**127  # sums below it are finite in float32
ROW_STEP = 8  # every eighth row of a strip is looked at first
SAMPLES = 4096  # values of a strip in which outliers are looked for


class Partials(NamedTuple):
    """The partial sums that a method passes through, for pixels up to magnitude 1.

    Those of im2col are for windows whose root mean square is 1. That is no greater than the largest
    magnitude, so the same numbers bound sums of pixels up to 1.

    Attributes:
        roundings: additions that a term takes part in at most.
        l1_norm: the sum of the weights' magnitudes, or another bound on the magnitude of a sum.
        walk: the root of the sum of squares of bounds on the magnitudes of all partial sums.
        signed: the sum of the magnitudes of all partial sums of equal pixels.
    """

    roundings: int
    l1_norm: float
    walk: float
    signed: float

    @classmethod
    def any_order(cls, roundings: int, l1_norm: float) -> Partials:
        """Bound the partial sums of so many terms by their whole sum, in whatever order."""
        return cls(roundings, l1_norm, math.sqrt(roundings) * l1_norm, roundings * l1_norm / 2)

    @classmethod
    def nested(cls, weights: NDArray[Any]) -> Partials:
        """Add up the last axis in order, then these sums along the axis before it, and so on.

        >>> partials = Partials.nested(np.array([[1.0, -1.0], [2.0, 3.0]]))
        >>> partials.roundings, partials.l1_norm, partials.signed
        (4, 7.0, 13.0)
        """
        sums = np.array([np.abs(weights), weights])
        squares = drift = 0.0
        for _ in weights.shape:
            partial_sums = sums.cumsum(-1)
            bounds, signed = partial_sums.reshape(2, -1)
            squares += float(np.einsum("i,i->", bounds, bounds))
            drift += float(np.abs(signed).sum())
            sums = partial_sums[..., -1]
        return cls(sum(weights.shape), float(sums[0]), math.sqrt(squares), drift)


class Precision(NamedTuple):
    """A bound on the rounding error of float32 sums.

    Each rounding moves a partial sum by up to ``u = 2**-24`` of itself, by 0.4 u in the root mean
    square, and no partial sum exceeds the sum of its weights' magnitudes times ``max|pixel|``. The
    errors of independent roundings add up to 0.4 u times the root of the sum of their squares, and
    five standard deviations are twice the root. On a constant image, errors go one way while a sum
    grows or falls, and add up to two thirds of the partial sums, with their signs. The greater of
    the two is compared with the strip's largest sum. Where weights cancel, as a Laplacian's do on
    a bright, even sky, it is too large, and the strip is summed again in float64.

    Small terms may all be absorbed by one large term: that loses up to ``n * u`` of the sum
    however it is compared, so longer sums than ``TOLERANCE / u`` roundings are never in float32.

    Sources: Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, chapter 4;
    Higham and Mary, *A New Approach to Probabilistic Rounding Error Analysis*, 2019.

    Attributes:
        partials: the partial sums, without the roundings of pixel, weight and bias.
        bias: added to the sums later; it may cancel most of them.
        total: the sum of the weights, for methods that center strips, else None.
        spread: whether the strip may hold outliers, as ``SumTypes.spread``. They make the largest
            sum large, and other windows must not be measured by it.
    """

    partials: Partials
    bias: Bias
    spread: bool = False
    total: float | None = None

    @property
    def is_possible(self) -> bool:
        """Tell whether float32 can be accurate enough at all, and holds the weights."""
        is_short = (self.partials.roundings + 3) * SINGLE_EPSILON <= TOLERANCE
        return is_short and self.partials.l1_norm < SAFE

    def _is_faint(self, highest: float) -> bool:
        """Tell whether sums are so small that float32 loses their digits."""
        largest = self.partials.l1_norm * highest + max(map(abs, self._biases))
        is_zero = not highest or not self.partials.l1_norm
        return not is_zero and self._lost(highest) > TOLERANCE * largest

    @property
    def _biases(self) -> tuple[float, ...]:
        return self.bias if isinstance(self.bias, tuple) else (self.bias,)

    @property
    def unseen(self) -> NDArray[Any]:
        """The sums whose outputs are 0, so that they never are the largest."""
        return -np.array(self.bias, SINGLE)

    @property
    def may_center(self) -> bool:
        """Tell whether the middle of a strip may be subtracted from it."""
        return self.total is not None and abs(self.total) <= CANCELS * self.partials.l1_norm

    def middle(self, low: float, high: float) -> float:
        """Return what to subtract from a strip with these extremes, because it saves digits, or 0.

        A kernel whose weights cancel finds little in an even strip, such as 200 to 205, but
        rounding errors in proportion to 205. Those in proportion to 2.5 are harmless. The
        differences are exact, because they are less than half of the values (Sterbenz). Strips
        with zeros are left as they are, so that black stays black. A 7x7 kernel of sum 0 on such
        an image takes 4 ns a value in place of 10, in float64.
        """
        if not self.may_center:
            return 0.0
        if low * high > 0 and 2 * (high - low) <= max(abs(low), abs(high)):
            return float(np.float32((low + high) / 2))
        return 0.0

    def scale(self, highest: float) -> float:
        """Return what to multiply values up to ``highest`` with before they are summed.

        That is 1; a power of 2 for faint values, so that their sums lose no digits; or 0 if they
        would lose digits all the same. A 2x2 kernel takes half as long this way as in float64.
        """
        if not self.is_possible:
            return 0.0
        if not self._is_faint(highest):
            return 1.0
        largest = self.partials.l1_norm * highest
        if any(self._biases) or not largest:
            return 0.0
        bits = min(-math.frexp(largest)[1], LARGEST_SHIFT, LARGEST_SHIFT - math.frexp(highest)[1])
        lifted = math.ldexp(1.0, max(bits, 0))
        return 0.0 if self._is_faint(highest * lifted) else lifted

    def is_accurate(
        self,
        sums: NDArray[Any],
        highest: float,
        middle: float = 0,
        without: NDArray[np.bool] | None = None,
    ) -> bool:
        """Tell whether a strip's sums are finite and accurate enough.

        Args:
            sums: (rows, W', C) or (rows, W', N), without the bias.
            highest: the largest magnitude of the strip's values.
            middle: was subtracted from them before, and its share added to the sums.
            without: windows that are not measured.

        >>> precision = Precision(Partials.any_order(9, 9.0), bias=0)
        >>> precision.is_accurate(np.float32([[[81]]]), highest=9)
        True
        >>> precision.is_accurate(np.float32([[[1e-3]]]), highest=9)
        False
        """
        error = self.error(highest, middle)
        # A few rows tell as much, if it is plain that all sums are finite, and cost less.
        if self.partials.l1_norm * highest < SAFE:
            few = without if without is None else without[::ROW_STEP]
            if self.is_small_error(error, sums[::ROW_STEP], few, are_finite=True):
                return True
        return self.is_small_error(error, sums, without)

    def is_small_error(
        self,
        error: float,
        sums: NDArray[Any],
        without: NDArray[np.bool] | None = None,
        *,
        are_finite: bool = False,
    ) -> bool:
        """Tell whether sums are finite, which may be known, and so large that an error is harmless.

        A product leaves windows out: NumPy takes ten times as long to choose scattered values.
        """
        bias = self.bias
        if without is not None:
            outputs = sums - self.unseen if any(self._biases) else sums
            sums, bias = outputs * ~without, 0.0
        if isinstance(bias, tuple):
            ends = np.stack([sums.max(axis=(0, 1)), sums.min(axis=(0, 1))])
            largest = float(np.abs(ends + np.array(bias, DOUBLE)).max())
        else:
            largest = abs(float(sums.max()) + bias)
            if are_finite and error <= TOLERANCE * largest:
                return True
            largest = max(largest, abs(float(sums.min()) + bias))
        return math.isfinite(largest) and error <= TOLERANCE * largest

    def error(self, highest: float, middle: float = 0) -> float:
        """Bound the error of sums of values up to ``highest``; 0 and weights of 0 have none."""
        _, l1_norm, walk, signed = self.partials
        if not highest or not l1_norm:
            return 0.0
        steps = max(2 * math.hypot(walk, math.sqrt(3) * l1_norm), 2 / 3 * signed + l1_norm)
        steps = steps * highest + abs((self.total or 0) * middle)
        return SINGLE_EPSILON * steps + self._lost(highest)

    def error_of_few(self, magnitudes: float, highest: float) -> float:
        """Bound the error of sums that hardly weigh more than a few outliers.

        However the roundings fall, each moves a sum by no more than ``u`` times the sum of
        ``magnitudes``.
        """
        return (self.partials.roundings + 3) * SINGLE_EPSILON * magnitudes + self._lost(highest)

    def _lost(self, highest: float) -> float:
        """Return a bound on what is lost where terms are too small for float32."""
        roundings, l1_norm, _, _ = self.partials
        return (roundings + 3) * SINGLE_TINY * (1 + l1_norm + highest)


def has_outliers(strip: NDArray[Any], highest: float) -> bool:
    """Tell whether some values are so much smaller than the highest that it is an outlier."""
    step, row = max(strip.size // SAMPLES, 1), strip[0].size
    while math.gcd(step, row) > 1:  # otherwise some columns would never be looked at
        step += 1
    values = np.abs(strip.reshape(-1)[::step])
    small = values < OUTLIER * highest
    return bool(np.count_nonzero(small)) and bool(values[small].any())
