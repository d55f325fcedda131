"""NaN, infinities and outliers: find the windows that weigh one.

Most methods would spread NaN over a whole tile or product. So a strip that holds one is summed with
another value in its place, and the windows that weigh it are found on maps of 0 and 1:

- For a kernel without holes, the places of NaN are spread down and then along, by doubling.
- For a few weights, the places that each of them reads are joined.
- For other kernels and for banks, how many NaN a window weighs is a correlation with the places of
  the weights, in exact integers, by whatever method is cheapest.

An infinity has the sign of its product; where the products of a window have both signs, the sum is
NaN. So windows are found for each sign, or a second correlation, of the signs of the infinities
with the signs of the weights, tells: its magnitude is the number of values only if no sign differs.

On a float32 image of 512x512 with scattered NaN, a 63x63 kernel took 1,090 ms where all passes were
direct, and takes 7 ms this way. A 3x3 kernel takes half as long again as without NaN, and took
three quarters more where windows were counted: 0.57 ms, and 0.79 with infinities, in place of 0.69
and 0.97.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import ImageInfo, SumTypes, smallest_integer
from convcli.core.folding import Signs
from convcli.core.methods.base import borrow, give_back
from convcli.core.methods.choose import Problem, choose_methods
from convcli.geometry import Geometry

# Nanoseconds to add a value to the windows around it, and for each weight of a window.
SCATTER_COST, SCATTER_WEIGHT_COST = 3e3, 0.3
MOST_TAPS = 16  # whose places are looked at one by one, in half of the time that it takes to count
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


def put_others(values: NDArray[Any], places: NDArray[np.bool]) -> None:
    """Put the first of the other values in some places, or 0 if it is not finite.

    So an even strip stays even: with 0 in a bright sky, outline would be summed in float64.
    """
    first = values.reshape(-1)[places.argmin()]
    np.copyto(values, first if np.isfinite(first) else 0, where=places)


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
        signs: where the weights stand for one above 0, and for one below; None if they tell that.
    """

    def __init__(
        self, types: SumTypes, geometry: Geometry, channels: int, signs: Signs | None = None
    ) -> None:
        self.weights, self.geometry, self.channels = types.weights, geometry, channels
        self._given_signs = signs

    @cached_property
    def _above_and_below(self) -> Signs:
        return self._given_signs or (np.greater(self.weights, 0), np.less(self.weights, 0))

    @cached_property
    def _weighs(self) -> NDArray[np.bool]:
        above, below = self._above_and_below
        return above | below

    @cached_property
    def _support(self) -> Counts:
        return Counts(self._weighs.astype(np.int8), self.geometry, self.channels)

    @cached_property
    def _signs(self) -> Counts:
        above, below = self._above_and_below
        signs = np.subtract(above, below, dtype=np.int8)
        return Counts(signs, self.geometry, self.channels)

    @cached_property
    def _offsets(self) -> tuple[list[int], list[int]] | None:
        """How many pixels a positive weight is from its window's first one, and a negative one.

        None for many weights, and for a bank.
        """
        if self.weights.ndim == 4 or np.count_nonzero(self._weighs) > MOST_TAPS:
            return None
        width, (down, along) = self.geometry.padded_shape[1], self.geometry.dilation
        positive, negative = (
            [row * down * width + column * along for row, column in np.argwhere(signs).tolist()]
            for signs in self._above_and_below
        )
        return positive, negative

    def counts(self, places: NDArray[np.bool], rows: int) -> NDArray[Any]:
        """Return how many of some places each window of some output rows weighs."""
        return self._support.of(places, rows)

    def windows(self, places: NDArray[np.bool], rows: int) -> NDArray[np.bool]:
        """Return the windows of some output rows that weigh one of some places."""
        if self._weighs.all():
            return self._dense_windows(places, rows)
        if self._offsets is not None:
            found = self._flat_windows([(places, self._offsets[0] + self._offsets[1])], rows)
            return self._picked(found, rows, places.shape)
        return np.asarray(self.counts(places, rows) > 0)

    def largest_weights(self, count: int) -> float:
        """Return the greatest sum of magnitudes of so many weights of a window."""
        weights = np.abs(self.weights)
        each = weights.reshape(len(weights) if weights.ndim == 4 else 1, -1)
        return float(np.sort(each)[:, -count:].sum(axis=1).max())

    def left_out(
        self, values: NDArray[Any], rows: int, *, has_nan: bool
    ) -> tuple[LeftOut, tuple[float, float]]:
        """Put another value in place of those of a strip that are not finite; find their windows.

        Args:
            values: all that the windows read, (padded rows, padded width, C).
            rows: number of output rows.
            has_nan: whether there is NaN among them; otherwise there are infinities.

        Returns:
            What is left out, and the least and the greatest of the values then.
        """
        if not has_nan:
            return self._without_infinities(values, rows)
        places = np.isnan(values)
        put_others(values, places)
        windows = self.windows(places, rows)
        ends = float(values.min()), float(values.max())
        if all(map(math.isfinite, ends)):
            return LeftOut(places, windows), ends
        found, ends = self._without_infinities(values, rows)
        return LeftOut(
            places | found.places,
            windows | found.windows,
            None if found.high is None else found.high > windows,
            None if found.low is None else found.low > windows,
        ), ends

    def _without_infinities(
        self, values: NDArray[Any], rows: int
    ) -> tuple[LeftOut, tuple[float, float]]:
        """Put another value in place of infinities, and find their windows, as :meth:`left_out`."""
        plus, minus = (values == infinity for infinity in (np.inf, -np.inf))
        places = plus | minus
        put_others(values, places)
        ends = float(values.min()), float(values.max())
        if self._offsets is None:
            counts = self.counts(places, rows)
            signs = self._signs.of(np.subtract(plus, minus, dtype=np.int8), rows)
            windows = counts > 0
            high, low = windows & (signs == counts), windows & (signs == -counts)
            return LeftOut(places, windows, high, low), ends
        positive, negative = self._offsets
        up = self._flat_windows([(plus, positive), (minus, negative)], rows)
        down = self._flat_windows([(minus, positive), (plus, negative)], rows)
        flat = up | down, up > down, down > up
        windows, high, low = (self._picked(each, rows, values.shape) for each in flat)
        return LeftOut(places, windows, high, low), ends

    def _dense_windows(self, places: NDArray[np.bool], rows: int) -> NDArray[np.bool]:
        """Spread places over windows without holes, down and then along, by doubling.

        One is among 2 m neighbors if it is among the first m of them, or the others.
        """
        maps = len(self.weights) if self.weights.ndim == 4 else places.shape[2]
        if self.weights.ndim == 4:
            places = np.any(places, axis=2, keepdims=True)
        (_, width, channels), flat = places.shape, places.view(np.uint8).reshape(-1)
        for axis, step in ((0, width * channels), (1, channels)):
            taps, step, done = self.geometry.kernel[axis], step * self.geometry.dilation[axis], 1
            while done < taps:
                more = min(done, taps - done)
                flat = flat[: -more * step] | flat[more * step :]
                done += more
        found = self._picked(flat, rows, places.shape)
        return np.broadcast_to(found, (*found.shape[:2], maps))

    def _flat_windows(
        self, sources: list[tuple[NDArray[np.bool], list[int]]], rows: int
    ) -> NDArray[np.uint8]:
        """Tell for each pixel of a flat strip whether a window from there has one of some places.

        Args:
            sources: places, (padded rows, padded width, C), and how many pixels after its first one
                the window weighs them.
            rows: number of output rows.
        """
        _, width, channels = sources[0][0].shape
        (_, columns), (down, across) = self.geometry.output_shape, self.geometry.stride
        last = (rows - 1) * down * width + (columns - 1) * across
        found = np.zeros((last + 1) * channels, np.uint8)
        for places, offsets in sources:
            if not places.any():
                continue
            flat = places.view(np.uint8).reshape(-1)
            for offset in offsets:
                found |= flat[offset * channels :][: len(found)]
        return found

    def _picked(self, flat: NDArray[Any], rows: int, shape: tuple[int, ...]) -> NDArray[np.bool]:
        """Return the values at the windows' first pixels, (rows, W', C)."""
        (_, width, channels), (down, across) = shape, self.geometry.stride
        strides = down * width * channels, across * channels, 1
        columns = self.geometry.output_shape[1]
        return np.ndarray((rows, columns, channels), np.bool, flat, 0, strides)
