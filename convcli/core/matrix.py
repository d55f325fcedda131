"""A bank of filters as one matrix product: every window a row, every filter a column.

The windows of a few output rows are copied side by side, each with all its channels, (positions,
kh * kw * C), and multiplied by the bank, (kh * kw * C, N). The copy costs about a nanosecond a tap
whatever the number of filters, and the product runs at the speed of BLAS, on its own threads. In
float64 it is exact for integers whose sums stay below 2**53. NaN would spread under weights of 0,
so strips that hold NaN or infinity are left to the direct method.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.core.workspace import Workspace
from convcli.geometry import Geometry

EXACT = 2**53
WINDOWS_BYTES = 1 << 22  # copied at a time


class Bank:
    """A bank of filters laid over an image.

    Attributes:
        columns: (kh * kw * C, N), float64: the filters, in the order of a window's samples.
        geometry: pads, stride, dilation and sizes.
    """

    def __init__(self, kernel: NDArray[Any], geometry: Geometry) -> None:
        """Take a (N, C, kh, kw) kernel."""
        columns = np.moveaxis(kernel, (2, 3, 1, 0), (0, 1, 2, 3))
        self.columns = np.ascontiguousarray(columns.reshape(-1, len(kernel)), np.float64)
        self.geometry = geometry

    @property
    def strip_rows(self) -> int:
        """How many output rows to compute at a time."""
        row = self.geometry.output[1] * len(self.columns) * self.columns.itemsize
        return max(WINDOWS_BYTES // row, 1)


def multiply_windows(
    strip: NDArray[Any], bank: Bank, rows: int, space: Workspace
) -> NDArray[np.float64]:
    """Sum the windows of one strip over the channels, for every filter.

    Args:
        strip: (rows, padded width, C) of finite numbers, beginning with the first window's first
            row.
        bank: the filters.
        rows: number of output rows.
        space: where the sums are kept until they are asked for again.

    Returns:
        (rows, W', N), float64.
    """
    geometry, (taps, filters) = bank.geometry, bank.columns.shape
    shape = (rows, geometry.output[1], *geometry.kernel, strip.shape[2])
    down, across, sample = strip.strides
    seen = as_strided(
        strip,
        shape,
        (
            down * geometry.stride[0],
            across * geometry.stride[1],
            down * geometry.dilation[0],
            across * geometry.dilation[1],
            sample,
        ),
        writeable=False,
    )
    sums = space.take("sums", (*shape[:2], filters), np.float64)
    step = max(WINDOWS_BYTES // (rows * taps * sums.itemsize), 1)
    for left in range(0, shape[1], step):
        part = seen[:, left : left + step]
        windows = space.take("windows", part.shape, np.float64)
        windows[...] = part
        product = windows.reshape(-1, taps) @ bank.columns
        sums[:, left : left + step] = product.reshape(rows, -1, filters)
    return sums
