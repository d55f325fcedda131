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

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.direct import rows_per_strip
from convcli.core.methods.polyphase import Polyphase
from convcli.core.precision import Partials, Precision
from convcli.geometry import Geometry, Pair, size_text

TILE_COLUMNS = 1024  # columns of one product, few enough for its rows to stay in the cache
# Multiplications in one product. From 2**19 on, BLAS uses more threads and rounds differently.
SINGLE_THREAD_GEMM = 1 << 18


class ToeplitzMethod(SumMethod):
    """Sum the windows by products with the banded matrices of a (kh, kw) kernel.

    Args:
        types: weights, accumulator and bias.
        geometry: pads, stride, dilation and sizes.
        dtype: the type to multiply in, float32 or float64.
    """

    dtype: np.dtype[Any]

    def __init__(self, types: SumTypes, geometry: Geometry, dtype: np.dtype[Any]) -> None:
        self.types, self.geometry, self.dtype = types, geometry, dtype
        self.rows, self.apart = band_rows(geometry), rows_apart(geometry)
        self.group = self.rows * self.apart  # rows of the products from all starts

    @cached_property
    def bands(self) -> dict[Pair, NDArray[Any]]:
        """The matrix, (R, K), of each row phase and kernel column that has weights."""
        kernel = self.types.weights.astype(self.dtype)
        stride = self.geometry.stride[0]
        steps = np.arange(len(kernel)) * (self.geometry.dilation[0] // self.apart)
        places, phases = np.divmod(steps, stride)
        lines = np.arange(self.rows)[:, np.newaxis]
        width = self.rows + int(places[-1])
        bands: dict[Pair, NDArray[Any]] = {}
        for phase in sorted(set(phases.tolist())):
            taps = kernel[phases == phase]
            matrices = np.zeros((kernel.shape[1], self.rows, width), self.dtype)
            matrices[:, lines, lines + places[phases == phase]] = taps.T[:, np.newaxis]
            for column in np.flatnonzero(taps.any(axis=0)).tolist():
                bands[phase, column] = matrices[column]
        return bands

    @cached_property
    def precision(self) -> Precision | None:
        """The bound on the error of sums in float32, unless they are exact."""
        if self.dtype == DOUBLE or self.types.is_exact:
            return None
        # A tap is added up in its product, and the product to all others; a stride makes more.
        products = [band[0][band[0] != 0] for band in self.bands.values()] or [np.zeros(1)]
        taps = np.zeros((len(products), max(map(len, products)), 1))
        for product, weights in zip(taps, products, strict=True):
            product[-len(weights) :, 0] = weights  # zeros come first, where they have no sums
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

    def describe(self) -> str:
        """Return the method's name and its cost."""
        size = size_text(next(iter(self.bands.values()), np.zeros((self.rows, 0))).shape)
        return f"toeplitz: {len(self.bands)} products with bands of {size} over {self.dtype}"

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any]:
        """Sum the windows."""
        phases = Polyphase.of(strip, self.geometry, workspace, summed=False)
        columns = self.geometry.output_shape[1]
        flat = self._multiply(phases, -(-rows // self.group), workspace)[:rows]
        sums = flat.reshape(rows, columns, phases.interleaved)
        return sums.astype(self.types.accumulator) if self.types.is_exact else sums

    def _multiply(self, phases: Polyphase, count: int, workspace: Workspace) -> NDArray[Any]:
        """Return the sum of all bands' products, (count * d * R, W' * C)."""
        width = self.geometry.output_shape[1] * phases.interleaved
        largest = max((band.size for band in self.bands.values()), default=1)
        tiles = -(-width // min(TILE_COLUMNS, max(SINGLE_THREAD_GEMM // largest, 1)))
        across = -(-width // tiles)
        sums = workspace.take_sums((count, self.rows, self.apart, width), self.dtype)
        if not self.bands:
            sums[...] = 0
        # A last tile ends with the row, and sums again some of what the one before has summed.
        tiles = width // across
        for start, number in [(0, tiles), (width - across, 1)][: 1 + (width % across > 0)]:
            part = sums[..., start : start + number * across]
            self._multiply_tiles(
                phases, start, part.reshape(*part.shape[:3], number, across), workspace
            )
        return sums.reshape(-1, width)

    def _multiply_tiles(
        self, phases: Polyphase, start: int, sums: NDArray[Any], workspace: Workspace
    ) -> None:
        """Store the sum of all bands' products for tiles, (count, R, d, tiles, columns of a tile).

        They are side by side, the first at column ``start`` of the sums.
        """
        scratch = workspace.take("scratch", sums.shape, self.dtype)
        stride, dilation = self.geometry.stride[1], self.geometry.dilation[1]
        count, _, apart, tiles, across = sums.shape
        out, item = sums, self.dtype.itemsize
        pitch = phases.pitch * item
        for (row_phase, column), band in self.bands.items():
            offset, column_phase = divmod(column * dilation, stride)
            plane = phases.row_index[row_phase], phases.column_index[column_phase]
            windows = np.ndarray(
                (count, apart, tiles, band.shape[1], across),
                self.dtype,
                phases.planes[0][plane],
                (offset * phases.interleaved + start) * item,
                (self.group * pitch, pitch, across * item, apart * pitch, item),
            )
            np.matmul(band, windows, out=out.transpose(0, 2, 3, 1, 4))
            if out is scratch:
                np.add(sums, scratch, out=sums)
            out = scratch


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
