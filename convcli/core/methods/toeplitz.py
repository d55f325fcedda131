"""Toeplitz matrices: a dense kernel as matrix products with banded matrices.

For one column of the kernel, R output rows are the product of a banded matrix (R, K), which repeats
the column's weights along its diagonal, and K = R + kh - 1 rows of the strip, (K, width), read in
place from the kernel column's offset on:

    | a b c . . |
    | . a b c . |   times rows r to r + 4: what column (a, b, c) adds to output rows r to r + 2
    | . . a b c |

The products of all kernel columns are added. This takes (R + kh - 1) multiplications a pixel and
kernel column instead of kh, but they run at the speed of BLAS, a few hundredths of a nanosecond
each. A stride is removed first by :mod:`convcli.core.methods.polyphase`; each row phase has its own
matrices.

With a dilation of d, and without a stride, a product takes every d-th row, from each of d starts.
So a band has no zeros between its taps: a row of 63 weights, 2 apart, takes two thirds of the time.

Integers come out exactly if the floating-point type holds their sums. NaN would spread to the zeros
of a band.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SumTypes
from convcli.core.methods.base import Call, SumMethod, Workspace, run_calls, store
from convcli.core.methods.direct import rows_per_strip
from convcli.core.methods.polyphase import Polyphase
from convcli.core.precision import Partials, Precision
from convcli.geometry import Geometry, Pair, size_text

TILE_COLUMNS = 1024  # columns of one product, few enough for its rows to stay in the cache
# Multiplications in one product. From 2**19 on, BLAS uses more threads and rounds differently.
SINGLE_THREAD_GEMM = 1 << 18
# Bytes of the products of all kernel columns, up to which one call of numpy makes them: those of a
# new 15x15 kernel on an 8x8 image take 40 us less (of 300).
AT_ONCE = 1 << 18


class ToeplitzMethod(SumMethod):
    """Sum the windows by products with the banded matrices of a (kh, kw) kernel.

    Args:
        types: weights, accumulator and bias.
        geometry: pads, stride, dilation and sizes.
        dtype: the type to multiply in, float32 or float64.
    """

    name = "toeplitz"
    dtype: np.dtype[Any]
    is_bound = can_move = True

    def __init__(self, types: SumTypes, geometry: Geometry, dtype: np.dtype[Any]) -> None:
        self.types, self.geometry, self.dtype = types, geometry, dtype
        self.rows, self.apart = band_rows(geometry), rows_apart(geometry)
        self.group = self.rows * self.apart  # rows of the products from all starts

    @cached_property
    def bands(self) -> dict[Pair, NDArray[Any]]:
        """The matrix, (R, K), of each row phase and kernel column that has weights."""
        kernel = self.types.weights.astype(self.dtype)
        rows, columns = kernel.shape
        stride, step = self.geometry.stride[0], self.geometry.dilation[0] // self.apart
        width = self.rows + (rows - 1) * step // stride
        period = stride // math.gcd(stride, step)  # from one tap of a phase to the next
        bands: dict[Pair, NDArray[Any]] = {}
        for phase, first in sorted((tap * step % stride, tap) for tap in range(min(period, rows))):
            taps = kernel[first::period]
            matrices = np.zeros((columns, self.rows, width), self.dtype)
            item = matrices.itemsize
            diagonals = np.ndarray(
                (columns, self.rows, len(taps)),
                self.dtype,
                matrices,
                first * step // stride * item,
                (self.rows * width * item, (width + 1) * item, period * step // stride * item),
            )
            diagonals[...] = taps.T[:, np.newaxis]
            for column in np.flatnonzero(taps.any(axis=0)).tolist():
                bands[phase, column] = matrices[column]
        return bands

    @cached_property
    def tile_columns(self) -> int:
        """The most columns of one product."""
        largest = max((band.size for band in self.bands.values()), default=1)
        return min(TILE_COLUMNS, max(SINGLE_THREAD_GEMM // largest, 1))

    @cached_property
    def precision(self) -> Precision | None:
        """The bound on the error of sums in float32, unless they are exact."""
        if self.dtype == DOUBLE or self.types.is_exact:
            return None
        # A tap is added up in its product, and the product to all others; a stride makes more.
        taps = self.types.weights.astype(self.dtype).T.astype(np.float64)
        if self.geometry.stride[0] > 1 or not taps.all():
            products = [band[0][band[0] != 0] for band in self.bands.values()] or [np.zeros(1)]
            taps = np.zeros((len(products), max(map(len, products))))
            for product, weights in zip(taps, products, strict=True):
                product[-len(weights) :] = weights  # zeros come first, where they have no sums
        total = float(self.types.weights.sum())
        return Precision(Partials.nested(taps), self.types.bias, self.types.spread, total)

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        rows = rows_per_strip(self.geometry, channels, self.dtype)
        return -(-rows // self.group) * self.group

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows the bands of some output rows cover, with a spare one."""
        spare = int(self.geometry.stride == (1, 1))  # otherwise each phase has one
        return self.geometry.rows_needed(-(-rows // self.group) * self.group) + spare

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        size = size_text(next(iter(self.bands.values()), np.zeros((self.rows, 0))).shape)
        return f"{len(self.bands)} products with bands of {size} over {self.dtype}"

    def bind(
        self, strip: NDArray[Any], rows: int, workspace: Workspace
    ) -> Callable[[], NDArray[Any]]:
        """Return what sums the windows."""
        phases = Polyphase.of(strip, self.geometry, workspace, summed=False)
        shape = -1, self.geometry.output_shape[1], phases.interleaved
        calls, own, last_calls = self._multiply(phases, -(-rows // self.group), workspace)

        def multiply() -> NDArray[Any]:
            phases.fill()
            run_calls(calls)
            place = workspace.place_of(own)
            run_calls(last_calls(place))
            sums = place.reshape(shape)[:rows]
            return sums.astype(self.types.accumulator) if self.types.is_exact else sums

        return multiply

    def _multiply(
        self, phases: Polyphase, count: int, workspace: Workspace
    ) -> tuple[list[Call], NDArray[Any], Callable[[NDArray[Any]], Iterable[Call]]]:
        """Return the calls that sum all bands' products.

        Returns:
            All calls but the last ones; memory for the sums, (count, R, d, W' * C); and a function
            that returns the last calls, which store the sums in an array of this shape.
        """
        width = self.geometry.output_shape[1] * phases.interleaved
        sums = workspace.take("sums", (count, self.rows, self.apart, width), self.dtype)
        if not self.bands:
            zero = np.zeros((), self.dtype)
            return [], sums, lambda place: [(store, zero, zero, place)]
        columns = [column for _, column in self.bands]
        neighbors = columns[-1] - columns[0] == len(columns) - 1 > 0
        # A single value would be added in another order than the values of a row.
        at_once = neighbors and sums.size > 1 and len(columns) * sums.nbytes <= AT_ONCE
        if at_once and self.geometry.stride == (1, 1):
            products = workspace.take("scratch", (len(columns), *sums.shape), self.dtype)
            bands = np.array(list(self.bands.values()))
            calls = list(self._multiply_tiles(next(iter(self.bands)), bands, phases, products))
            return calls, sums, lambda place: [(_add_all, products, products, place)]
        *others, last = self.bands.items()
        if not others:
            return [], sums, partial(self._multiply_tiles, *last, phases)
        out, scratch, calls = sums, workspace.take("scratch", sums.shape, self.dtype), []
        for column, band in others:
            calls += self._multiply_tiles(column, band, phases, out)
            if out is scratch:
                calls.append((np.add, sums, scratch, sums))
            out = scratch
        calls += self._multiply_tiles(*last, phases, scratch)
        return calls, sums, lambda place: [(np.add, sums, scratch, place)]

    def _multiply_tiles(
        self, place: Pair, bands: NDArray[Any], phases: Polyphase, out: NDArray[Any]
    ) -> Iterator[Call]:
        """Yield the calls that multiply one band, or the bands of neighboring kernel columns.

        Args:
            place: row phase and kernel column of the band, or of the first one.
            bands: (R, K), or (bands, R, K).
            phases: of the strip.
            out: (count, R, d, W' * C), or (bands, count, R, d, W' * C).
        """
        stride, dilation = self.geometry.stride[1], self.geometry.dilation[1]
        offset, column_phase = divmod(place[1] * dilation, stride)
        plane = phases.planes[0, phases.row_index[place[0]], phases.column_index[column_phase]]
        (*several, count, rows, apart, width), item = out.shape, self.dtype.itemsize
        across = -(-width // -(-width // self.tile_columns))
        pitch, step = phases.pitch * item, dilation * phases.interleaved * item
        strides = *[step] * len(several), self.group * pitch, pitch, across * item, apart * pitch
        one = len(several) + 1
        axes = *range(one), one + 1, one + 2, one, one + 3
        # A last tile ends with the row, and multiplies again what the one before has multiplied.
        # Products are added in whole rows: numpy's functions are slow on rows with gaps.
        for start, tiles in [(0, width // across), (width - across, 1)][: 1 + (width % across > 0)]:
            windows: NDArray[Any] = np.ndarray(
                (*several, count, apart, tiles, bands.shape[-1], across),
                self.dtype,
                plane,
                (offset * phases.interleaved + start) * item,
                (*strides, item),
            )
            part = out[..., start : start + tiles * across]
            part = part.reshape(*several, count, rows, apart, tiles, across)
            matrices = bands[:, None, None, None] if several else bands
            yield np.matmul, matrices, windows, part.transpose(axes)


def _add_all(products: NDArray[Any], _: NDArray[Any], out: NDArray[Any]) -> None:
    """Add the products of all kernel columns, one after the other."""
    np.add.reduce(products, axis=0, out=out)


def rows_apart(geometry: Geometry) -> int:
    """Return d, how far apart the rows of a band are: the dilation, unless there are few rows."""
    dilation, rows = geometry.dilation[0], geometry.output_shape[0]
    dense = geometry.stride[0] > 1 or geometry.kernel[0] == 1 or rows < 2 * dilation
    return 1 if dense else dilation


def band_rows(geometry: Geometry) -> int:
    """Return R, the rows of a band; short kernels get few, or most weights would be 0.

    With 4 rows in place of 8, kernels of 7 to 15 rows take a tenth to a sixth less.
    """
    apart = rows_apart(geometry)
    most = 4 if geometry.extent[0] <= 15 * geometry.stride[0] * apart else 8
    rows = -(-geometry.output_shape[0] // apart)
    return -(-rows // -(-rows // most))  # as few products as with the most, of equal size


def count_products(geometry: Geometry) -> tuple[int, int]:
    """Return the products that a kernel without zeros takes, and their multiplications a pixel."""
    stride, dilation = geometry.stride[0], geometry.dilation[0] // rows_apart(geometry)
    lasts: dict[int, int] = {}
    for row in range(geometry.kernel[0]):
        place, phase = divmod(row * dilation, stride)
        lasts[phase] = place
    rows = band_rows(geometry)
    wide = sum(rows + last for last in lasts.values())
    return len(lasts) * geometry.kernel[1], wide * geometry.kernel[1]
