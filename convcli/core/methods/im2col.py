"""im2col + GEMM: a filter bank as one matrix product (the method ``matrix``).

im2col copies the pixels that a tap reads, at all positions of a few output rows, into one row of a
matrix, (C * kh * kw, positions). These are long runs, because the channels are separated first.
Each column is a window; the transposed matrix times the bank, (C * kh * kw, N), gives the sums. The
copy costs about a tenth of a nanosecond a tap, whatever the number of filters; the product runs at
the speed of BLAS.

Source: Chellapilla, Puri and Simard, *High Performance Convolutional Neural Networks for Document
Processing*, 2006.

Integers come out exactly if the floating-point type holds their sums. NaN would spread to weights
of 0.
"""

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.polyphase import Polyphase
from convcli.core.methods.toeplitz import SINGLE_THREAD_GEMM
from convcli.core.precision import Partials, Precision
from convcli.errors import count_text
from convcli.geometry import Geometry

BLOCK_TAPS = 32  # taps summed in one product; more lose digits to rounding
STRIP_BYTES = 1 << 22  # windows and sums of one strip


class Im2colMethod(SumMethod):
    """Sum the windows of a filter bank by one matrix product per strip.

    Args:
        types: weights (N, C, kh, kw), accumulator and bias.
        geometry: pads, stride, dilation and sizes.
        dtype: the type to multiply in, float32 or float64.
    """

    def __init__(self, types: SumTypes, geometry: Geometry, dtype: np.dtype[Any]) -> None:
        self.types, self.geometry, self.kind = types, geometry, dtype

    @cached_property
    def columns(self) -> NDArray[Any]:
        """The filters, (C * kh * kw, N)."""
        weights = self.types.weights
        return weights.reshape(len(weights), -1).astype(self.kind, copy=False).T

    @cached_property
    def precision(self) -> Precision | None:
        """The bound on the error of sums in float32, unless they are exact."""
        if self.kind == DOUBLE or self.types.is_exact:
            return None
        taps, filters = self.columns.shape
        shape = -(-taps // (self.group * BLOCK_TAPS)), self.group, BLOCK_TAPS, filters
        weights = self.columns
        if math.prod(shape[:3]) != taps:
            weights = np.zeros((math.prod(shape[:3]), filters), self.kind)
            weights[:taps] = self.columns
        return Precision(
            Partials.nested(weights.reshape(shape)), self.types.bias, self.types.spread
        )

    @property
    def group(self) -> int:
        """How many products are added to each other before they are added to the sums."""
        return math.ceil(math.sqrt(-(-len(self.columns) // BLOCK_TAPS)))

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        row = self.geometry.output_shape[1] * sum(self.columns.shape) * self.columns.itemsize
        return max(STRIP_BYTES // row, 1)

    def describe(self) -> str:
        """Return the method's name and its cost."""
        taps, filters = self.columns.shape
        size = f"windows of {count_text(taps, 'tap')} times {count_text(filters, 'filter')}"
        return f"matrix: {size}, over {self.columns.dtype}"

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any]:
        """Sum the windows over the channels, for every filter."""
        kind, columns = self.columns.dtype, self.geometry.output_shape[1]
        sums = workspace.take("sums", (rows, columns, self.columns.shape[1]), kind)
        phases = Polyphase.of(strip, self.geometry, workspace, summed=True)
        # A strip of several rows is small enough to be copied in one go.
        step = columns if rows > 1 else max(STRIP_BYTES // self.columns[:, :1].nbytes, 1)
        for left in range(0, columns, step):
            part = slice(left, min(left + step, columns))
            windows = self._windows(phases, rows, part, workspace)
            self._multiply(windows, sums[:, part].reshape(-1, sums.shape[2]), workspace)
        return sums.astype(self.types.accumulator) if self.types.is_exact else sums

    def _windows(
        self, phases: Polyphase, rows: int, part: slice, workspace: Workspace
    ) -> NDArray[Any]:
        """Copy the pixels that each tap reads, (taps, rows * columns of the part)."""
        stride, dilation = self.geometry.stride, self.geometry.dilation
        width = part.stop - part.start
        windows = workspace.take("windows", (len(self.columns), rows, width), self.columns.dtype)
        channels = len(phases.planes)
        planes = phases.planes.reshape(*phases.planes.shape[:3], -1, phases.pitch)
        places = np.ndindex(channels, *self.geometry.kernel)
        for window, (channel, row, column) in zip(windows, places, strict=True):
            y, i = divmod(row * dilation[0], stride[0])
            x, j = divmod(column * dilation[1], stride[1])
            plane = planes[channel, phases.row_index[i], phases.column_index[j]]
            window[...] = plane[y : y + rows, x + part.start : x + part.stop]
        return windows.reshape(len(windows), -1)

    def _multiply(self, windows: NDArray[Any], out: NDArray[Any], workspace: Workspace) -> None:
        """Store the product of the transposed windows and the filters in ``out``.

        Products of a few taps each are added up in groups, and the groups to each other: so each
        term takes part in few additions, and sums of thousands of taps hold in float32.

        The blocks of positions are so small that BLAS stays on one thread; with several threads it
        rounds differently.
        """
        positions, filters = out.shape
        taps, step = len(self.columns), self.group * BLOCK_TAPS
        block = max(SINGLE_THREAD_GEMM // (BLOCK_TAPS * filters), 1)
        whole = positions - positions % block
        for part in (slice(0, whole), slice(whole, positions)):
            size = min(block, part.stop - part.start)
            if not size:
                continue
            blocks = windows[:, part].reshape(len(windows), -1, size).transpose(1, 2, 0)
            sums = out[part].reshape(-1, size, filters)
            scratch, group = workspace.take("scratch", (2, *sums.shape), sums.dtype)
            for first in range(0, taps, step):
                total = group if first else sums
                for start in range(first, min(first + step, taps), BLOCK_TAPS):
                    chain = slice(start, start + BLOCK_TAPS)
                    product = scratch if start > first else total
                    np.matmul(blocks[..., chain], self.columns[chain], out=product)
                    if product is scratch:
                        np.add(total, product, out=total)
                if total is group:
                    np.add(sums, total, out=sums)
