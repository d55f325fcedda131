"""How far sums in float32 can be from the truth, and whether that is near enough.

Each rounding moves a partial sum by up to ``u = 2**-24`` of itself, by 0.4 u in the root mean
square, and no partial sum exceeds ``sum(|weight|) * max|pixel|``. The errors of ``n`` roundings
that have nothing to do with each other add up to ``0.4 * sqrt(n)`` of that, and five standard
deviations are ``2 * sqrt(n)``; those of an even image under even weights go one way while the sum
grows, and come to ``n / 4`` (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition,
chapter 4; Higham and Mary, *A New Approach to Probabilistic Rounding Error Analysis*, 2019). The
greater of the two, set against the strip's largest sum, decides. Where weights cancel, as a
Laplacian's on a bright, even sky, it is too much, and the strip is summed again in float64.
"""

import math
from typing import Any, NamedTuple

from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SINGLE

UNIT = 2.0**-24  # what rounding to float32 is off by at most, relatively
SMALLEST = 2.0**-126  # below it float32 loses digits
NEAR = 0.9e-5  # of the largest sum; results are promised to 1e-5
MAX_EXACT_INT = {SINGLE: 2**24, DOUBLE: 2**53}  # whole numbers up to it


class Precision(NamedTuple):
    """What sums can be off by.

    Attributes:
        roundings: how many a term takes part in at most, those of weight and bias not counted.
        l1_norm: the sum of the weights' magnitudes.
        bias: what is added to the sums afterwards; it may cancel most of them.
    """

    roundings: int
    l1_norm: float
    bias: float

    def is_accurate(self, strip: NDArray[Any], sums: NDArray[Any]) -> bool:
        """Tell whether a strip's sums are finite and, if in float32, near enough to the truth.

        >>> import numpy as np
        >>> precision = Precision(roundings=9, l1_norm=9.0, bias=0)
        >>> precision.is_accurate(np.float32([9, 9]), np.float32([81]))
        True
        >>> precision.is_accurate(np.float32([9, 9]), np.float32([1e-3]))
        False
        """
        greatest, least = float(sums.max()), float(sums.min())
        if not math.isfinite(greatest - least):
            return False
        if sums.dtype != SINGLE:
            return True
        highest = max(float(strip.max()), -float(strip.min()))
        steps = self.roundings + 3
        error = max(2 * math.sqrt(steps), steps / 4) * (
            UNIT * self.l1_norm * highest + SMALLEST * (1 + self.l1_norm + highest)
        )
        largest = max(abs(greatest + self.bias), abs(least + self.bias))
        return error <= NEAR * largest or highest == 0
