"""Small images by one copy and one product, in float64, without a choice among methods.

The windows are copied next to each other, a row of the matrix (C * kh * kw, positions) for each
tap, and multiplied with the kernel. That takes longer for each value than any other method, and
less than to choose one, to bound the errors of its sums in float32 and to prepare its passes: a new
bank of 7 filters 42x3x3 on a map of 2x2 takes 86 us in place of 349, a new 3x3 kernel on 64x64
pixels 99 in place of 235.

Each window is summed on its own, so NaN, infinities and outliers reach no other one. Sums that are
not finite are right as they are, unless a weight is 0, which weighs nothing, or unless they
overflowed. Integers come out exactly if float64 holds their sums.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, FINITE_SUM, SumTypes, have_finite_squares
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.im2col import SINGLE_THREAD_GEMV
from convcli.core.methods.toeplitz import SINGLE_THREAD_GEMM
from convcli.errors import count_text
from convcli.geometry import Geometry

# Nanoseconds of the calls, to copy a value of a window, and to multiply it for a filter;
# tests/benchmarks/crossovers.py measures them. And to store a filter's sum: 511 filters of one tap
# on 41x41 take a third of the time by another method. And to copy a value of the padded image.
CALL_COST, WINDOW_COST, PRODUCT_COST, SUM_COST, STRIP_COST = 2500, 0.5, 0.05, 2, 1
MOST_TAPS = 1 << 12  # of a window: in float64, more roundings may cost more than 1e-12 of a sum


class SmallMethod(SumMethod):
    """Sum the windows in float64, by one copy and one product.

    Args:
        types: weights, (kh, kw) or (N, C, kh, kw), and accumulator.
        geometry: pads, stride, dilation and sizes.
    """

    dtype = DOUBLE
    sums_all = True

    def __init__(self, types: SumTypes, geometry: Geometry) -> None:
        self.types, self.geometry = types, geometry

    @property
    def name(self) -> str:
        """Tap by tap, or for a bank as a matrix."""
        return "matrix" if self.types.summed else "direct"

    @cached_property
    def filters(self) -> NDArray[Any]:
        """The weights, (N, taps); a kernel for each channel on its own is one filter."""
        weights = self.types.weights
        filters = len(weights) if self.types.summed else 1
        return weights.reshape(filters, -1).astype(DOUBLE, copy=False)

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time: all, since there are few."""
        return self.geometry.output_shape[0]

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        if self.types.summed:
            filters, taps = self.filters.shape
            times = f"times {count_text(filters, 'filter')}"
            return f"windows of {count_text(taps, 'tap')} {times} in one product over {self.dtype}"
        taps = int(np.count_nonzero(self.types.weights))
        return f"{count_text(taps, 'tap')} in one product over {self.dtype}"

    def sums(
        self, strip: NDArray[Any], rows: int, workspace: Workspace | None = None
    ) -> NDArray[Any] | None:
        """Sum the windows of a strip, in new memory; None where the sums might overflow."""
        (down, across), (below, right) = self.geometry.stride, self.geometry.dilation
        kernel, columns = self.geometry.kernel, self.geometry.output_shape[1]
        line, pixel, item = strip.strides
        steps: tuple[int, ...] = below * line, right * pixel, down * line, across * pixel
        channels, filters = strip.shape[2], self.filters
        shape: tuple[int, ...] = (*kernel, rows, columns)
        if self.types.summed:
            shape, steps, maps = (channels, *shape), (item, *steps), len(filters)
        else:
            shape, steps, maps = (*shape, channels), (*steps, item), channels
        shown: NDArray[Any] = np.ndarray(shape, strip.dtype, strip, 0, steps)
        copied = np.empty(shape, self.dtype)
        # Long runs: with a stride, a channel at a time takes a third of the time in color.
        if across > 1 and not self.types.summed and 1 < channels < columns:
            for channel in range(channels):
                copied[..., channel] = shown[..., channel]
        else:
            copied[...] = shown
        windows = copied.reshape(filters.shape[1], -1)
        products = self._products(windows)
        sums = products.reshape(rows, columns, maps)
        if self.types.is_exact:
            return sums.astype(self.types.accumulator)
        if have_finite_squares(sums) or np.isfinite(sums).all():
            return sums
        return sums if self._add_infinities(windows, products) else None

    def _products(self, windows: NDArray[Any]) -> NDArray[Any]:
        """Multiply (taps, positions) with the filters; return (positions, N).

        The products are so small that BLAS stays on one thread; with several it rounds differently.
        """
        filters, positions = self.filters, windows.shape[1]
        out = np.empty((positions, len(filters)))
        if filters.size == 1:  # which is no product for BLAS: NumPy's own takes eight times as long
            np.multiply(windows.T, filters, out=out)
            return out
        if len(filters) == 1:
            most = max(SINGLE_THREAD_GEMV // filters.size, 1)
        else:
            most = SINGLE_THREAD_GEMM // filters.size
            if min(most, positions) < 3:  # each window by itself is that of a vector
                np.vecdot(windows.T[:, np.newaxis], filters, out=out)
                return out
        if positions <= most:
            np.matmul(windows.T, filters.T, out=out)
            return out
        # Blocks of two sizes that differ by one, so that none is of a single window.
        size, larger = divmod(positions, -(-positions // most))
        middle = larger * (size + 1)
        for part, width in ((slice(middle), size + 1), (slice(middle, None), size)):
            left = windows[:, part].reshape(len(windows), -1, width).transpose(1, 2, 0)
            np.matmul(left, filters.T, out=out[part].reshape(-1, width, len(filters)))
        return out

    def _add_infinities(self, windows: NDArray[Any], sums: NDArray[Any]) -> bool:
        """Correct the sums of windows that hold NaN or infinities; False if finite ones overflow.

        They are right as they are, unless a weight of 0 was multiplied with such a value.
        """
        some = ~np.isfinite(sums).all(axis=1)
        values = windows[:, some]
        finite = np.where(np.isfinite(values), values, 0)
        highest = float(np.abs(finite).max())
        if not highest * float(np.abs(self.filters).max()) * len(values) < FINITE_SUM:
            return False
        if self.filters.all():
            return True
        results = self._products(finite)
        # How many NaN a window weighs, and how many infinities of each sign with each sign.
        lost = self._counts(np.isnan(values), self.filters != 0) > 0
        if not np.isinf(values).any():
            results[lost] = np.nan
        else:
            ends = values == np.inf, values == -np.inf
            signs = self.filters > 0, self.filters < 0
            (up, minus_up), (down, minus_down) = (
                [self._counts(end, sign) for sign in signs] for end in ends
            )
            high, low = (up + minus_down) > 0, (down + minus_up) > 0
            results[high], results[low] = np.inf, -np.inf
            results[high & low | lost] = np.nan
        sums[some] = results
        return True

    def _counts(self, places: NDArray[np.bool], weights: NDArray[np.bool]) -> NDArray[Any]:
        """Return how many of (taps, positions) some of the weights, (N, taps), meet."""
        return places.T.astype(DOUBLE) @ weights.T.astype(DOUBLE)


def cost(geometry: Geometry, channels: int, filters: int = 1) -> float:
    """Return the nanoseconds that all sums take."""
    positions = math.prod(geometry.output_shape)
    windows = positions * math.prod(geometry.kernel) * channels
    others = (
        SUM_COST * positions * filters + STRIP_COST * math.prod(geometry.padded_shape) * channels
    )
    return CALL_COST + windows * (WINDOW_COST + PRODUCT_COST * filters) + others
