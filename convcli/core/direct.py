"""Shift and accumulate: one pass over a strip for each weight of the kernel.

For a weight at (i, j) the strip is seen shifted by (i, j), multiplied, and added to the sums of
all windows at once. Integers stay integers, so the result is exact; the cost is one multiply and
one add per weight and sample (an add or a subtract alone where the weight is 1 or -1), all of it
on data that stays in the cache. A zero weight takes no part: NaN under it does not spread.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from convcli.core.windows import tap_view
from convcli.geometry import Geometry, Pair

Channel = int | slice


def accumulate(
    strip: NDArray[np.generic],
    kernel: NDArray[np.generic],
    geometry: Geometry,
    out: NDArray[np.generic],
) -> None:
    """Sum the windows of one strip into ``out``; all arrays have the accumulator's type.

    Args:
        strip: (rows, padded width, C), beginning with the first window's first row.
        kernel: (kh, kw) for every channel on its own, with ``out`` (R, W', C); or
            (N, C, kh, kw) summed over the channels, with ``out`` (R, W', N).
        geometry: gives stride and dilation.
        out: the sums, overwritten.
    """
    scratch = np.empty_like(out[..., 0] if kernel.ndim == 4 else out)
    for number in range(len(kernel) if kernel.ndim == 4 else 1):
        sums = out[..., number] if kernel.ndim == 4 else out
        bank = kernel[number] if kernel.ndim == 4 else kernel
        _sum_taps(strip, bank, geometry, sums, scratch)


def _sum_taps(
    strip: NDArray[np.generic],
    kernel: NDArray[np.generic],
    geometry: Geometry,
    sums: NDArray[np.generic],
    scratch: NDArray[np.generic],
) -> None:
    empty = True
    for channel, at, weight in _taps(kernel):
        seen = tap_view(strip[..., channel], at, sums.shape[:2], geometry)
        if empty:
            np.multiply(seen, weight, out=sums)
            empty = False
        elif weight == 1:
            np.add(sums, seen, out=sums)
        elif weight == -1:
            np.subtract(sums, seen, out=sums)
        else:
            np.multiply(seen, weight, out=scratch)
            np.add(sums, scratch, out=sums)
    if empty:
        sums[...] = 0


def _taps(kernel: NDArray[np.generic]) -> Iterator[tuple[Channel, Pair, np.generic]]:
    """Yield channel, position and weight of each tap; 2-D kernels see all channels at once."""
    for place in np.argwhere(kernel):
        *channel, row, column = (int(index) for index in place)
        yield (channel[0] if channel else slice(None)), (row, column), kernel[tuple(place)]
