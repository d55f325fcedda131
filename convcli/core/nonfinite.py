"""NaN, infinities and outliers: find the windows that weigh one.

Most methods would spread NaN over a whole tile or product. So a strip that holds one is summed with
0 in its place. How many of them each window weighs is a correlation too: of a map of 0 and 1 with
the places of the weights, in exact integers, by whatever method is cheapest. A window that weighs
NaN is NaN. An infinity has the sign of its product; where the products of a window have both signs,
the sum is NaN. A second correlation, of the signs of the infinities with the signs of the weights,
tells: its magnitude is the number of values only if no sign differs and none is NaN.

On a float32 image of 512x512 with scattered NaN, a 63x63 kernel took 1,090 ms where all passes were
direct, and takes 7 ms this way; a 3x3 kernel takes twice as long as without NaN.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import ImageInfo, SumTypes, smallest_integer
from convcli.core.methods.base import borrow, give_back
from convcli.core.methods.choose import Problem, choose_methods
from convcli.geometry import Geometry

# Nanoseconds to add a value to the windows around it, and for each weight of a window.
SCATTER_COST, SCATTER_WEIGHT_COST = 3e3, 0.3
MOST_IN_8_BITS = 127  # counts in 8 bits take 40 % less time than in 16


class LeftOut(NamedTuple):
    """Values that are not finite, and the windows that weigh them.

    Attributes:
        places: of these values, (padded rows, padded width, C).
        windows: that weigh one, (rows, W', C) or (rows, W', N).
        high: windows among them whose sum is infinity; None if there are none.
        low: those whose sum is minus infinity.
    """

    places: NDArray[np.bool]
    windows: NDArray[np.bool]
    high: NDArray[np.bool] | None = None
    low: NDArray[np.bool] | None = None

    def store(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Store the sums of these windows among others, and return all."""
        for value, windows in ((np.nan, self.windows), (np.inf, self.high), (-np.inf, self.low)):
            if windows is not None:
                np.copyto(sums, value, where=windows)
        return sums


class Counts:
    """Sums of small integers over the windows of a strip.

    A few values are scattered: each adds the weights around its place to the sums, turned by half a
    turn. A 31x31 kernel on an image with scattered infinities takes a quarter less time.

    Args:
        weights: of -1, 0 and 1, (kh, kw) or (N, C, kh, kw).
        geometry: pads, stride, dilation and sizes.
        channels: of the image.
    """

    dtype = np.dtype(np.int8)

    def __init__(self, weights: NDArray[Any], geometry: Geometry, channels: int) -> None:
        support = np.abs(weights)
        most = int(support.sum(axis=(-3, -2, -1) if support.ndim == 4 else None).max())
        kind = self.dtype if most <= MOST_IN_8_BITS else smallest_integer((-most, most))
        types = SumTypes(weights.astype(np.int64), kind, kind, kind, 1, 0, (-most, most))
        image = ImageInfo(self.dtype, (-1, 1))
        self.geometry, self.kind, self.is_bank = geometry, kind, weights.ndim == 4
        # One for each channel of a bank, or for all channels, (kh, kw, maps).
        flipped = np.flip(weights, (-2, -1)).astype(kind)
        self.flipped = np.moveaxis(flipped if self.is_bank else flipped[None, None], 0, -1)
        self.methods, costs = choose_methods(Problem(image, types, geometry, 0, channels), "auto")
        self.cost = min(costs.values())

    def of(self, values: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return the sums of some output rows.

        Args:
            values: -1, 0 and 1, (padded rows, padded width, C).
            rows: number of output rows.

        Returns:
            (rows, W', C), or (rows, W', N) for a kernel that sums over channels.
        """
        maps = self.flipped.shape[-1] if self.is_bank else values.shape[2]
        each = SCATTER_COST + SCATTER_WEIGHT_COST * self.flipped[0].size
        correlation = self.cost * rows * self.geometry.output_shape[1] * maps
        if np.count_nonzero(values) * each < correlation:
            return self._scatter(values, rows, maps)
        return self._correlate(values, rows)

    def _scatter(self, values: NDArray[Any], rows: int, maps: int) -> NDArray[Any]:
        """Add each value that is not 0 to the windows that weigh it."""
        (down, along), (height, width) = self.geometry.dilation, self.geometry.extent
        padded, across, channels = values.shape
        sums = np.zeros((padded + height - 1, across + width - 1, maps), self.kind)
        flat = values.reshape(-1)
        # As integers of 8 bits, because numpy compares booleans with 0 in 64 bits.
        for place in np.flatnonzero(flat.view(self.dtype) != 0).tolist():
            pixel, channel = divmod(place, channels)
            row, column = divmod(pixel, across)
            around = sums[row : row + height : down, column : column + width : along]
            if self.is_bank:
                around += flat[place] * self.flipped[channel]
            else:
                around[..., channel] += flat[place] * self.flipped[0, ..., 0]
        first = sums[height - 1 :: self.geometry.stride[0], width - 1 :: self.geometry.stride[1]]
        return first[:rows, : self.geometry.output_shape[1]]

    def _correlate(self, values: NDArray[Any], rows: int) -> NDArray[Any]:
        """Sum by the cheapest method."""
        method, workspace = self.methods[0], borrow()
        shape = method.rows_needed(rows), *values.shape[1:]
        strip = workspace.take("strip", shape, method.dtype or self.dtype)
        strip[: len(values)], strip[len(values) :] = values, 0
        sums = method.sums(strip, rows, workspace)
        if sums is None:
            raise AssertionError("every method sums small integers")
        counts = sums.copy()
        give_back(workspace)
        return counts


class NonFinite:
    """The windows that weigh some values of a strip, for one kernel.

    Args:
        types: the weights, divided by the divisor.
        geometry: of the strips.
        channels: of the image.
    """

    def __init__(self, types: SumTypes, geometry: Geometry, channels: int) -> None:
        self.weights, self.geometry, self.channels = types.weights, geometry, channels

    @cached_property
    def _support(self) -> Counts:
        return Counts((self.weights != 0).astype(np.int8), self.geometry, self.channels)

    @cached_property
    def _signs(self) -> Counts:
        return Counts(np.sign(self.weights).astype(np.int8), self.geometry, self.channels)

    def counts(self, places: NDArray[np.bool], rows: int) -> NDArray[Any]:
        """Return how many of some places each window of some output rows weighs."""
        return self._support.of(places, rows)

    def largest_weights(self, count: int) -> float:
        """Return the greatest sum of magnitudes of so many weights of a window."""
        weights = np.abs(self.weights)
        each = weights.reshape(len(weights) if weights.ndim == 4 else 1, -1)
        return float(np.sort(each)[:, -count:].sum(axis=1).max())

    def left_out(self, values: NDArray[Any], rows: int) -> LeftOut:
        """Find the values of a strip that are not finite, and their windows.

        Args:
            values: all that the windows read, (padded rows, padded width, C).
            rows: number of output rows.
        """
        places = np.logical_not(finite := np.isfinite(values), out=finite)
        counts = self._support.of(places, rows)
        windows = counts > 0
        high, low = (values == infinity for infinity in (np.inf, -np.inf))
        if not (high.any() or low.any()):
            return LeftOut(places, windows)
        signs = self._signs.of(np.subtract(high, low, dtype=np.int8), rows)
        return LeftOut(places, windows, windows & (signs == counts), windows & (signs == -counts))
