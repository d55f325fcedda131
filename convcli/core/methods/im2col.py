"""A bank of filters as one matrix product: every tap a row of what it sees, every filter a column.

What each tap sees at all positions of a few output rows is copied, tap after tap, (C * kh * kw,
positions): long runs, since the channels are separated first. Transposed, that is every window as
a row; times the bank, (C * kh * kw, N), it gives the sums. The copy costs about a tenth of a
nanosecond a tap whatever the number of filters, and the product runs at the speed of BLAS.

Integers whose sums the floating-point type holds come out exactly. NaN would spread under weights
of 0, and float32 may not be near enough: such strips are left to another method.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import Precision, SumTypes
from convcli.core.methods.polyphase import Polyphase
from convcli.core.strips import Workspace
from convcli.geometry import Geometry

SINGLE_THREAD_GEMM = (
    1 << 18
)  # multiplications of a product, for which BLAS takes no further threads
CHAIN = 32  # taps added one after the other: the more of them, the more is lost to rounding
STRIP_BYTES = 1 << 22  # windows and sums of a strip


class Im2colMethod:
    """A bank of filters laid over an image.

    Attributes:
        columns: (C * kh * kw, N): the filters.
        precision: what the sums can be off by.
        geometry: pads, stride, dilation and sizes.
        accumulator: what sums of integers become.
    """

    dtype = None  # strips in the image's own type

    def __init__(self, types: SumTypes, geometry: Geometry, floats: np.dtype[Any]) -> None:
        """Take a (N, C, kh, kw) kernel's numbers and the type to multiply in."""
        kernel, self.accumulator = types.weights, types.accumulator
        self.columns = np.ascontiguousarray(kernel.reshape(len(kernel), -1).T, floats)
        l1_norm = float(np.abs(kernel.astype(np.float64)).sum(axis=(1, 2, 3)).max())
        roundings = CHAIN + len(self.columns) // CHAIN
        self.precision = Precision(roundings, l1_norm, types.bias)
        self.geometry = geometry

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        row = self.geometry.output_shape[1] * sum(self.columns.shape) * self.columns.itemsize
        return max(STRIP_BYTES // row, 1)

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows some output rows see."""
        return self.geometry.rows_needed(rows)

    def describe(self) -> str:
        """Name the method and its cost."""
        taps, filters = self.columns.shape
        return f"matrix: windows of {taps} taps times {filters} filters, over {self.columns.dtype}"

    def sums(self, strip: NDArray[Any], rows: int, space: Workspace) -> NDArray[Any] | None:
        """Sum the windows of one strip over the channels, for every filter.

        Args:
            strip: (rows, padded width, C), beginning with the first window's first row.
            rows: number of output rows.
            space: where the sums are kept until they are asked for again.

        Returns:
            (rows, W', N), of the accumulator's type where that is an integer, else of the bank's;
            None where they are not finite or not near enough.
        """
        kind, columns = self.columns.dtype, self.geometry.output_shape[1]
        sums = space.take("sums", (rows, columns, self.columns.shape[1]), kind)
        phases = Polyphase.of(strip, self.geometry, space, summed=True)
        # A strip of several rows is small enough to be copied at once.
        step = columns if rows > 1 else max(STRIP_BYTES // self.columns[:, :1].nbytes, 1)
        for left in range(0, columns, step):
            part = slice(left, min(left + step, columns))
            windows = self._windows(phases, rows, part, space)
            self._multiply(windows, sums[:, part].reshape(-1, sums.shape[2]), space)
        if self.accumulator.kind == "i":
            return sums.astype(self.accumulator)
        return sums if self.precision.is_accurate(strip, sums) else None

    def _multiply(self, windows: NDArray[Any], out: NDArray[Any], space: Workspace) -> None:
        """Store the product of the transposed windows and the filters in ``out``.

        It is made in blocks of positions, so small that BLAS keeps to one thread: with several it
        would round otherwise.
        """
        positions, filters = out.shape
        block = max(SINGLE_THREAD_GEMM // (CHAIN * filters), 1)
        whole = positions - positions % block
        for part in (slice(0, whole), slice(whole, positions)):
            size = min(block, part.stop - part.start)
            if size:
                seen = windows[:, part].reshape(len(windows), -1, size).transpose(1, 2, 0)
                self._multiply_blocks(seen, out[part].reshape(-1, size, filters), space)

    def _multiply_blocks(self, seen: NDArray[Any], out: NDArray[Any], space: Workspace) -> None:
        """Multiply (blocks, positions, taps) by the filters, a chain of taps at a time."""
        np.matmul(seen[..., :CHAIN], self.columns[:CHAIN], out=out)
        for first in range(CHAIN, len(self.columns), CHAIN):
            chain = slice(first, first + CHAIN)
            scratch = space.take("scratch", out.shape, out.dtype)
            np.matmul(seen[..., chain], self.columns[chain], out=scratch)
            np.add(out, scratch, out=out)

    def _windows(self, phases: Polyphase, rows: int, part: slice, space: Workspace) -> NDArray[Any]:
        """Copy what each tap sees, (taps, rows * columns of the part)."""
        stride, dilation = self.geometry.stride, self.geometry.dilation
        width = part.stop - part.start
        windows = space.take("windows", (len(self.columns), rows, width), self.columns.dtype)
        channels = len(phases.planes)
        planes = phases.planes.reshape(*phases.planes.shape[:3], -1, phases.pitch)
        places = np.ndindex(channels, *self.geometry.kernel)
        for window, (channel, row, column) in zip(windows, places, strict=True):
            y, i = divmod(row * dilation[0], stride[0])
            x, j = divmod(column * dilation[1], stride[1])
            plane = planes[channel, phases.row_places[i], phases.column_places[j]]
            window[...] = plane[y : y + rows, x + part.start : x + part.stop]
        return windows.reshape(len(windows), -1)
