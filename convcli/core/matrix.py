"""A bank of filters as one matrix product: every window a row, every filter a column.

The windows of a few output rows are copied side by side, each with all its channels, (positions,
kh * kw * C), and multiplied by the bank, (kh * kw * C, N). The copy costs about half a nanosecond a
tap whatever the number of filters, and the product runs at the speed of BLAS, on its own threads.

Integers whose sums the floating-point type holds come out exactly. NaN would spread under weights
of 0, and float32 may not be near enough: such strips are left to another method.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.core.arithmetic import Numbers
from convcli.core.precision import Precision
from convcli.core.workspace import Workspace
from convcli.geometry import Geometry

WINDOWS_BYTES = 1 << 22  # copied at a time


class Bank:
    """A bank of filters laid over an image.

    Attributes:
        columns: (kh * kw * C, N): the filters, in the order of a window's samples.
        precision: what the sums can be off by.
        geometry: pads, stride, dilation and sizes.
        accumulator: what sums of integers become.
    """

    dtype = None  # strips in the image's own type

    def __init__(self, numbers: Numbers, geometry: Geometry, floats: np.dtype[Any]) -> None:
        """Take a (N, C, kh, kw) kernel's numbers and the type to multiply in."""
        kernel, self.accumulator = numbers.weights, numbers.accumulator
        columns = np.moveaxis(kernel, (2, 3, 1, 0), (0, 1, 2, 3))
        self.columns = np.ascontiguousarray(columns.reshape(-1, len(kernel)), floats)
        reach = float(np.abs(kernel.astype(np.float64)).sum(axis=(1, 2, 3)).max())
        self.precision = Precision(len(self.columns), reach, numbers.bias)
        self.geometry = geometry

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        row: int = self.geometry.output[1] * self.columns.shape[0] * self.columns.itemsize
        return max(WINDOWS_BYTES // row, 1)

    def rows_seen(self, rows: int) -> int:
        """Return how many padded rows some output rows see."""
        return self.geometry.rows_seen(rows)

    def why(self) -> str:
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
        (taps, filters), kind = self.columns.shape, self.columns.dtype
        seen = self._windows(strip, rows)
        sums = space.take("sums", (*seen.shape[:2], filters), kind)
        step = max(WINDOWS_BYTES // (rows * taps * kind.itemsize), 1)
        for left in range(0, seen.shape[1], step):
            part = seen[:, left : left + step]
            windows = space.take("windows", part.shape, kind)
            windows[...] = part
            product = windows.reshape(-1, taps) @ self.columns
            sums[:, left : left + step] = product.reshape(rows, -1, filters)
        if self.accumulator.kind == "i":
            return sums.astype(self.accumulator)
        return sums if self.precision.suffices(strip, sums) else None

    def _windows(self, strip: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return a view of the windows, (rows, W', kh, kw, C)."""
        geometry = self.geometry
        down, across, sample = strip.strides
        return as_strided(
            strip,
            (rows, geometry.output[1], *geometry.kernel, strip.shape[2]),
            (
                down * geometry.stride[0],
                across * geometry.stride[1],
                down * geometry.dilation[0],
                across * geometry.dilation[1],
                sample,
            ),
            writeable=False,
        )
