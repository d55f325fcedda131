"""Bands: a dense kernel as products with banded (Toeplitz) matrices.

Of one kernel column, R output rows are a product of a matrix (R, K) that repeats the column's
weights along its diagonal, and K = R + kh - 1 rows of the strip, (K, width), seen as they lie in
memory from the kernel column's place on:

    | a b c . . |
    | . a b c . |   times rows r to r + 4 gives rows r to r + 2 of the column (a, b, c)'s share
    | . . a b c |

The shares of all kernel columns are added. That is (R + kh - 1) multiplications a sample and
column instead of kh, zeros among them, but they run at the speed of BLAS: a few hundredths of a
nanosecond each. A stride splits the strip into phases first, as for the direct method; a row phase
has matrices of its own.

Integers whose sums the floating-point type holds come out exactly. NaN would spread under the
zeros, and float32 may not be near enough: such strips are left to another method.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import Precision, SumTypes
from convcli.core.methods.direct import rows_at_a_time
from convcli.core.methods.polyphase import Polyphase
from convcli.core.strips import Workspace
from convcli.geometry import Geometry, Pair

ACROSS = 1024  # columns of a product: its rows stay in the cache
# Multiplications of a product: BLAS takes further threads to one of 2**19, and rounds otherwise.
SINGLE_THREAD_GEMM = 1 << 18


class ToeplitzMethod:
    """The banded matrices of a (kh, kw) kernel.

    Attributes:
        bands: for each row phase and kernel column that has weights, its matrix, (R, K).
        precision: what the sums can be off by.
        geometry: pads, stride, dilation and sizes.
        accumulator: what sums of integers become.
    """

    def __init__(self, types: SumTypes, geometry: Geometry, floats: np.dtype[Any]) -> None:
        """Take a (kh, kw) kernel's numbers and the type to multiply in, float32 or float64."""
        kernel, self.accumulator = types.weights, types.accumulator
        self.dtype, self.geometry = floats, geometry
        self.rows = band_rows(geometry)
        self.bands = _bands(kernel.astype(floats), geometry, self.rows)
        l1_norm = float(np.abs(kernel.astype(np.float64)).sum())
        self.precision = Precision(sum(geometry.kernel), l1_norm, types.bias)

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        rows = rows_at_a_time(self.geometry, channels, self.dtype)
        return max(rows // self.rows, 1) * self.rows

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows all bands of some output rows see, and a spare one."""
        spare = int(self.geometry.stride == (1, 1))  # else it comes with the phases
        return self.geometry.rows_needed(_count(rows, self.rows) * self.rows) + spare

    def describe(self) -> str:
        """Name the method and its cost."""
        height, width = next(iter(self.bands.values()), np.zeros((self.rows, 0))).shape
        return (
            f"toeplitz: {len(self.bands)} products with bands of {width}x{height} over {self.dtype}"
        )

    def sums(self, strip: NDArray[Any], rows: int, space: Workspace) -> NDArray[Any] | None:
        """Sum the windows of one strip.

        Args:
            strip: (``rows_needed(rows)``, padded width, C) of type ``dtype``, beginning with the
                first window's first row; rows beyond the padded image hold anything finite.
            rows: number of output rows.
            space: where the sums are kept until they are asked for again.

        Returns:
            (rows, W', C), of the accumulator's type where that is an integer; None where they are
            not finite or not near enough.
        """
        phases = Polyphase.of(strip, self.geometry, space, summed=False)
        columns = self.geometry.output_shape[1]
        wide = self._shares(phases, _count(rows, self.rows), space)
        flat = wide[:rows, : columns * phases.samples]
        sums = flat.reshape(rows, columns, phases.samples)
        if self.accumulator.kind == "i":
            return sums.astype(self.accumulator)
        return sums if self.precision.is_accurate(strip, sums) else None

    def _shares(self, phases: Polyphase, count: int, space: Workspace) -> NDArray[Any]:
        """Return the added shares of all bands, (count * R, at least W' * C)."""
        width = self.geometry.output_shape[1] * phases.samples
        deepest = max((band.size for band in self.bands.values()), default=1)
        tiles = _count(width, min(ACROSS, max(SINGLE_THREAD_GEMM // deepest, 1)))
        across = _count(width, tiles)
        shape = (count, self.rows, tiles, across)
        sums, scratch = (space.take(name, shape, self.dtype) for name in ("sums", "scratch"))
        out, size = sums, self.dtype.itemsize
        for (row_phase, column), band in self.bands.items():
            place, column_phase = divmod(
                column * self.geometry.dilation[1], self.geometry.stride[1]
            )
            places = phases.row_places[row_phase], phases.column_places[column_phase]
            seen = np.ndarray(
                (count, tiles, band.shape[1], across),
                self.dtype,
                phases.planes[0][places],
                place * phases.samples * size,
                (self.rows * phases.pitch * size, across * size, phases.pitch * size, size),
            )
            np.matmul(band, seen, out=out.transpose(0, 2, 1, 3))
            if out is scratch:
                np.add(sums, scratch, out=sums)
            out = scratch
        if not self.bands:
            sums[...] = 0
        return sums.reshape(count * self.rows, -1)


def band_rows(geometry: Geometry) -> int:
    """Return R, the rows of a band: few for a kernel of few rows, lest most products be by 0."""
    most = 4 if geometry.extent[0] <= 5 * geometry.stride[0] else 8
    return min(most, geometry.output_shape[0])


def products(geometry: Geometry) -> tuple[int, int]:
    """Return how many products a kernel without zeros takes, and their multiplications a sample."""
    stride, dilation = geometry.stride[0], geometry.dilation[0]
    lasts: dict[int, int] = {}
    for row in range(geometry.kernel[0]):
        place, phase = divmod(row * dilation, stride)
        lasts[phase] = place
    rows = band_rows(geometry)
    wide = sum(rows + last for last in lasts.values())
    return len(lasts) * geometry.kernel[1], wide * geometry.kernel[1]


def _bands(kernel: NDArray[Any], geometry: Geometry, rows: int) -> dict[Pair, NDArray[Any]]:
    """Return the matrices by row phase and kernel column."""
    stride, dilation = geometry.stride[0], geometry.dilation[0]
    width = rows + (geometry.extent[0] - 1) // stride
    bands: dict[Pair, NDArray[Any]] = {}
    for row, column in np.argwhere(kernel).tolist():
        place, phase = divmod(row * dilation, stride)
        band = bands.setdefault((phase, column), np.zeros((rows, width), kernel.dtype))
        np.fill_diagonal(band[:, place : place + rows], kernel[row, column])
    return bands


def _count(size: int, each: int) -> int:
    return -(-size // each)
