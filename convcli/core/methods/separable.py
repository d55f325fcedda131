"""Separable kernels as two banded products: a column down, then a row along.

As in :mod:`convcli.core.methods.toeplitz`, R rows are the product of a banded matrix and the rows
below. The first product gives them in blocks of B columns and those that the row reads beyond; the
second multiplies each block with a banded matrix from the right, straight into the sums:

    (R, K) @ (K, B + reach) -> (R, B + reach);    (R, B + reach) @ (B + reach, B) -> (R, B)

Blocks overlap, so a product reads the strip in place and nothing is copied. A Gaussian of 15x15
takes about 70 multiplications a value, at the speed of BLAS, in place of 46 passes, and a third of
the time.
"""

import math
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SumTypes
from convcli.core.factors import FACTOR_TOLERANCE
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.direct import rows_per_strip
from convcli.core.methods.polyphase import Polyphase
from convcli.core.precision import SINGLE_EPSILON, Partials, Precision
from convcli.geometry import Geometry, size_text

Factors = tuple[NDArray[Any], NDArray[Any]]

BAND_ROWS = 8
# A column times a row may differ from each weight by four roundings of float32, as a kernel does
# that was multiplied in float32.
SINGLE_FACTORS = 4 * SINGLE_EPSILON
TOLERANCES = {4: SINGLE_FACTORS, 8: FACTOR_TOLERANCE}  # by the bytes of the sums


class SeparableMethod(SumMethod):
    """Sum the windows of a (kh, kw) kernel of rank 1, at stride 1, by two products.

    Args:
        factors: the column (kh,) and the row (kw,).
        types: bias and whether some values may be outliers.
        geometry: pads, dilation and sizes.
        dtype: the type to multiply in, float32 or float64.
    """

    name = "separable"
    dtype: np.dtype[Any]

    def __init__(
        self, factors: Factors, types: SumTypes, geometry: Geometry, dtype: np.dtype[Any]
    ) -> None:
        self.factors, self.types, self.geometry, self.dtype = factors, types, geometry, dtype
        self.rows, self.columns = block_shape(geometry)

    @cached_property
    def bands(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The banded matrices of the column, (R, R + reach), and of the row, (B + reach, B)."""
        column, row = self.factors
        down, along = self.geometry.dilation
        return (
            _band(column, down, self.rows).astype(self.dtype),
            np.ascontiguousarray(_band(row, along, self.columns).T, self.dtype),
        )

    @cached_property
    def precision(self) -> Precision | None:
        """The bound on the error of sums in float32: that of both products, and of the factors."""
        if self.dtype == DOUBLE:
            return None
        column, row = map(Partials.nested, self.factors)
        l1_norm = column.l1_norm * row.l1_norm
        walk = math.hypot(column.walk * row.l1_norm, column.l1_norm * row.walk)
        signed = column.signed * row.l1_norm + column.l1_norm * row.signed
        signed += 1.5 * SINGLE_FACTORS / SINGLE_EPSILON * l1_norm
        partials = Partials(column.roundings + row.roundings, l1_norm, walk, signed)
        return Precision(partials, self.types.bias, self.types.spread)

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        rows = rows_per_strip(self.geometry, channels, self.dtype)
        return -(-rows // self.rows) * self.rows

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows the bands of some output rows cover, with a spare one."""
        return self.geometry.rows_needed(-(-rows // self.rows) * self.rows) + 1

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        column, row = (size_text(band.shape) for band in self.bands)
        return f"products with bands of {column} and {row} over {self.dtype}"

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any]:
        """Sum the windows channel by channel."""
        channels, width = strip.shape[2], self.geometry.output_shape[1]
        phases = Polyphase.of(strip, self.geometry, workspace, summed=channels > 1)
        phases.fill()
        column, row = self.bands
        bands, blocks, item = -(-rows // self.rows), width // self.columns, self.dtype.itemsize
        halves = workspace.take("halves", (bands, blocks, self.rows, len(row)), self.dtype)
        shape = channels, bands, self.rows, width
        if channels == 1:
            sums = workspace.take_sums(shape, self.dtype)
        else:  # not in the order of the result
            sums = workspace.take("sums", shape, self.dtype)
        # A last block ends with the row, and repeats some of what the one before has summed.
        parts = [(0, blocks), (width - self.columns, 1)][: 1 + (width % self.columns > 0)]
        for (plane, out), (start, count) in product(zip(phases.planes, sums, strict=True), parts):
            windows = np.ndarray(
                (bands, count, column.shape[1], len(row)),
                self.dtype,
                plane,
                start * item,
                (self.rows * phases.pitch * item, self.columns * item, phases.pitch * item, item),
            )
            part = out[..., start : start + count * self.columns]
            np.matmul(column, windows, out=halves[:, :count])
            np.matmul(
                halves[:, :count],
                row,
                out=part.reshape(bands, self.rows, count, -1).transpose(0, 2, 1, 3),
            )
        whole = sums.reshape(channels, bands * self.rows, width)[:, :rows]
        return np.moveaxis(whole, 0, 2)


def block_shape(geometry: Geometry) -> tuple[int, int]:
    """Return R, the rows of a band, and B, the columns of a block."""
    columns = 32 if geometry.extent[1] <= 48 else 64
    return min(BAND_ROWS, geometry.output_shape[0]), min(columns, geometry.output_shape[1])


def count_multiplications(geometry: Geometry) -> float:
    """Return the multiplications a value of both products."""
    rows, columns = block_shape(geometry)
    down, along = geometry.extent[0] - 1 + rows, geometry.extent[1] - 1 + columns
    return along * (1 + down / columns)


def largest_product(geometry: Geometry) -> int:
    """Return the multiplications of the larger of the two products of one block."""
    rows, columns = block_shape(geometry)
    down, along = geometry.extent[0] - 1 + rows, geometry.extent[1] - 1 + columns
    return rows * along * max(down, columns)


def _band(weights: NDArray[Any], dilation: int, count: int) -> NDArray[Any]:
    """Return a matrix that repeats weights along its diagonal, (count, count + reach)."""
    lines = np.arange(count)[:, np.newaxis]
    band = np.zeros((count, count + (len(weights) - 1) * dilation))
    band[lines, lines + np.arange(len(weights)) * dilation] = weights
    return band
