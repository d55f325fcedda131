"""Overlap-save: large kernels as products of spectra, tile by tile.

A correlation is a product in the frequency domain: ``F(out) = F(tile) * conj(F(kernel))``. A tile's
product is valid wherever the window stays inside the tile, so tiles overlap by the kernel's extent
and their valid parts are put side by side. Each phase of a stride (see
:mod:`convcli.core.methods.polyphase`) has its own part of the kernel; the products of all phases
are added before the one inverse transform. The cost, some 13 ns a pixel in float64, hardly depends
on the kernel's size.

The rounding error spreads over a whole tile: it is relative to the tile's largest value, in
float64. Integer sums are rounded to the nearest integer, which is exact while the error is well
below a half. NaN and infinity would spread, so strips that hold them go to the direct method.

Source: Oppenheim and Schafer, *Discrete-Time Signal Processing*, section 8.7.
"""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.polyphase import Polyphase
from convcli.geometry import Geometry, Pair, size_text

TILE = (256, 512)  # rows and columns of a tile, unless the kernel is large
# The error of a transform of n samples is near 1e-16 * log2(n) of their root sum of squares.
ROUNDING = 1e-14
LARGEST = 1e100  # products of larger values could overflow


def integers_are_exact(kernel: NDArray[Any], largest: float) -> bool:
    """Tell whether sums of integers up to ``largest`` have errors below a quarter."""
    rows, columns = _tile_for(kernel.shape[0], kernel.shape[1])
    energy = float(np.sqrt(np.square(kernel, dtype=np.float64).sum()))
    return bool(ROUNDING * largest * energy * (rows * columns) ** 0.5 < 0.25)


class FftMethod(SumMethod):
    """Overlap-save with a (kh, kw) kernel; its spectra are computed once for each tile size.

    Args:
        types: weights, and the accumulator, to which sums of integers are rounded.
        geometry: pads, stride, dilation and sizes.

    Attributes:
        tile: rows and columns of a tile, chosen so that equal tiles cover the feature map.
        valid: rows and columns of a tile's product that are valid.
    """

    def __init__(self, types: SumTypes, geometry: Geometry) -> None:
        self.kernel, self.accumulator, self.geometry = types.weights, types.accumulator, geometry
        rows, columns = (
            (extent - 1) // stride
            for extent, stride in zip(geometry.extent, geometry.stride, strict=True)
        )
        self.span = rows, columns
        most = _tile_for(rows + 1, columns + 1)
        self.valid = (
            _equal_steps(geometry.output_shape[0], most[0] - rows),
            _equal_steps(geometry.output_shape[1], most[1] - columns),
        )
        self.tile = fast_length(self.valid[0] + rows), fast_length(self.valid[1] + columns)
        self.spectra = cache(self._spectra)

    def _spectra(self, tile: Pair) -> dict[Pair, NDArray[Any]]:
        """Return the conjugate spectrum of each phase's part of the kernel."""
        (down, across), (dilate_down, dilate_across) = self.geometry.stride, self.geometry.dilation
        parts: dict[Pair, NDArray[Any]] = {}
        for row, column in np.argwhere(self.kernel).tolist():
            y, i = divmod(row * dilate_down, down)
            x, j = divmod(column * dilate_across, across)
            if (i, j) not in parts:
                parts[i, j] = np.zeros(tile)
            parts[i, j][y, x] = self.kernel[row, column]
        return {phase: np.conj(np.fft.rfft2(part)) for phase, part in parts.items()}

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        return self.valid[0]

    def describe(self) -> str:
        """Return the method's name and its cost."""
        return f"fft: tiles of {size_text(self.tile)} over float64"

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any] | None:
        """Sum the windows channel by channel; None unless all values are finite."""
        if strip.dtype.kind == "f" and not (strip.min() > -LARGEST and strip.max() < LARGEST):
            return None
        phases = Polyphase.of(strip, self.geometry, workspace, summed=True)
        channels, down, across = phases.planes.shape[:3]
        planes = phases.planes.reshape(channels, down, across, -1, phases.pitch)
        index = phases.row_index, phases.column_index
        width, step = self.geometry.output_shape[1], self.valid[1]
        tile = fast_length(rows + self.span[0]), self.tile[1]
        sums = workspace.take("sums", (rows, width, channels), np.float64)
        for channel, left in product(range(channels), range(0, width, step)):
            window = planes[channel, ..., : tile[0], left : left + tile[1]]
            total: NDArray[Any] | None = None
            for (i, j), part in self.spectra(tile).items():
                phase = window[index[0][i], index[1][j]]
                spectrum = np.fft.rfft2(phase.astype(np.float64), s=tile)
                spectrum *= part
                total = spectrum if total is None else np.add(total, spectrum, out=total)
            tile_sums = np.zeros(tile) if total is None else np.fft.irfft2(total, s=tile)
            right = min(left + step, width)
            sums[:, left:right, channel] = tile_sums[:rows, : right - left]
        if self.accumulator.kind == "i":
            np.rint(sums, out=sums)
            sums = sums.astype(self.accumulator)
        return sums


@cache
def fast_length(least: int) -> int:
    """Return the smallest product of 2, 3 and 5 that is at least ``least``.

    >>> fast_length(257), fast_length(512)
    (270, 512)
    """
    length = least
    while pow(30, 31, length):  # up to 2**31, these products are the divisors of 30**31
        length += 1
    return length


def _equal_steps(size: int, most: int) -> int:
    """Return the step with which the fewest steps of at most ``most`` cover ``size``."""
    return -(-size // -(-size // most))


def _tile_for(rows: int, columns: int) -> Pair:
    """Return a tile at least four times as long as the kernel on each axis."""
    return max(TILE[0], fast_length(4 * rows)), max(TILE[1], fast_length(4 * columns))
