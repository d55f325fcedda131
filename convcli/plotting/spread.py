"""How far values spread: the scale of a large map ends before a few values that are far out.

xarray and seaborn call such a scale robust; matplotlib draws the ends of its bar as points.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.plotting.axes import finite_extremes

_PERCENTILE, _OUTLIER = 99.5, 1.5  # the scale ends at the percentile if the maximum is 1.5 x that
_SAMPLES = 1 << 20  # values that the percentile is estimated from


class Spread(NamedTuple):
    """The least and the greatest value, and the magnitude that few values exceed."""

    least: float
    greatest: float
    usual: float

    @classmethod
    def of(cls, maps: NDArray[Any]) -> Spread:
        """Measure maps; NaN and infinity do not count."""
        sample = maps.reshape(-1)[:: -(-maps.size // _SAMPLES)]
        magnitudes = np.abs(sample[np.isfinite(sample)].astype(np.float64))
        usual = float(np.percentile(magnitudes, _PERCENTILE)) if magnitudes.size else 0.0
        return cls(*finite_extremes(maps), usual)

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max(-self.least, self.greatest)

    @property
    def has_outliers(self) -> bool:
        """Whether the largest magnitude is far from those of nearly all values."""
        return 0 < self.usual * _OUTLIER < self.largest

    def with_others(self, others: list[Spread]) -> Spread:
        """Return the spread of several maps; values that are usual in one of them are usual."""
        least, greatest, usual = zip(self, *others, strict=True)
        return Spread(min(least), max(greatest), max(usual))
