"""How far values spread: the scale of a large map ends before a few values that are far out.

xarray and seaborn call such a scale robust; matplotlib draws the ends of its bar as points.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.plotting.axes import finite_extremes

_TAIL = 2.0  # percent of values at either end that may lie beyond the scale, as in xarray
_OUTLIER = 1.5  # they do if the largest magnitude is more than this times that at the scale's end
_MIN_TRIMMED_VALUES = 50 * 50  # values from which on a few may lie beyond the scale
_SAMPLES = 1 << 20  # values that the percentiles are estimated from
_SEED = 1  # of the places where they lie: a step could meet the same columns of all rows


class Spread(NamedTuple):
    """The least and the greatest of ``size`` values, and the magnitude that few of them exceed."""

    least: float
    greatest: float
    usual: float
    size: int

    @classmethod
    def of(cls, maps: NDArray[Any]) -> Spread:
        """Measure maps (rows, columns[, maps]); NaN and infinity do not count.

        A value that is usual in one map is usual, however many maps there are.
        """
        pixels = maps.reshape(-1, maps.shape[2] if maps.ndim == 3 else 1)
        count = max(1, _SAMPLES // pixels.shape[1])
        if len(pixels) > count:
            pixels = pixels[np.random.default_rng(_SEED).integers(len(pixels), size=count)]
        finite = (values[np.isfinite(values)].astype(np.float64) for values in pixels.T)
        tails = [np.percentile(values, [_TAIL, 100 - _TAIL]) for values in finite if values.size]
        usual = float(np.abs(tails).max()) if tails else 0.0
        return cls(*finite_extremes(maps), _round_up(usual), maps.size)

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max(-self.least, self.greatest)

    @property
    def has_outliers(self) -> bool:
        """Whether there are many values, and the largest is far from nearly all of them."""
        return self.size >= _MIN_TRIMMED_VALUES and 0 < self.usual * _OUTLIER < self.largest

    def with_others(self, others: list[Spread]) -> Spread:
        """Return the spread of several maps; values that are usual in one of them are usual."""
        least, greatest, usual, size = zip(self, *others, strict=True)
        return Spread(min(least), max(greatest), max(usual), sum(size))


def _round_up(number: float) -> float:
    """Round a number from 0 on up to two digits, which a color bar's end is labeled with.

    >>> _round_up(171.2), _round_up(0.0561)
    (180.0, 0.057)
    """
    if number == 0 or not math.isfinite(number):
        return number
    decimals = 1 - math.floor(math.log10(number))
    step = 10.0**-decimals
    return round(math.ceil(number / step - 1e-9) * step, decimals)
