"""Overlap-save: large kernels as products of spectra, tile by tile.

A correlation is a product in the frequency domain: ``F(out) = F(tile) * conj(F(kernel))``. A tile's
product is valid wherever the window stays inside the tile, so tiles overlap by the kernel's extent
and their valid parts are put side by side. Each phase of a stride (see
:mod:`convcli.core.methods.polyphase`) has its own part of the kernel; the products of all phases
are added before the one inverse transform. The cost, some 13 ns a pixel in float64, hardly depends
on the kernel's size.

The rounding error spreads over a whole tile: it is relative to the tile's largest value, in
float64. Integer sums are rounded to the nearest integer, which is exact while the error is well
below a half. Results in float64 are kept if the error is bounded by what convcli promises and no
value stands out from the rest; otherwise another method sums the strip. Outliers, such as the
nodata value -3.4e38, would drown all other values: windows that weigh none are summed again without
them, and which these are is a correlation too, of the outliers' places.

Source: Oppenheim and Schafer, *Discrete-Time Signal Processing*, section 8.7.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, OUTLIER, SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.polyphase import Polyphase
from convcli.geometry import Geometry, Pair, size_text

TILE = (256, 512)  # rows and columns of a tile, unless the kernel is large
# The error of a transform of n samples is near 1e-16 * log2(n) of their root sum of squares.
ROUNDING = 1e-14
LARGEST, LARGEST_SUM = 1e100, 1e280  # products of larger values could overflow
# For results in float64: the error as a share of both root sums of squares, what is promised of the
# largest sum, and by how much a value may exceed the root mean square.
DOUBLE_ROUNDING, DOUBLE_TOLERANCE, DOUBLE_PEAK = 2e-15, 1e-12, 16


def integers_are_exact(kernel: NDArray[Any], geometry: Geometry, largest: float) -> bool:
    """Tell whether sums of integers up to ``largest`` have errors below a quarter."""
    _, _, (rows, columns) = tiles_of(geometry)
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

    name = "fft"

    def __init__(self, types: SumTypes, geometry: Geometry) -> None:
        self.kernel, self.accumulator, self.geometry = types.weights, types.accumulator, geometry
        self.result = types.result
        self.span, self.valid, self.tile = tiles_of(geometry)
        self.spread, self.l1_norm = types.spread, float(np.abs(self.kernel).sum())
        self.spectra = cache(partial(self._spectra, self.kernel))
        self.places = cache(partial(self._spectra, self.kernel != 0))

    def _spectra(self, kernel: NDArray[Any], tile: Pair) -> dict[Pair, NDArray[Any]]:
        """Return the conjugate spectrum of each phase's part of a kernel."""
        (y, i), (x, j) = (
            np.divmod(np.arange(size) * dilation, stride)
            for size, dilation, stride in zip(
                kernel.shape, self.geometry.dilation, self.geometry.stride, strict=True
            )
        )
        spectra: dict[Pair, NDArray[Any]] = {}
        for phase in product(sorted(set(i.tolist())), sorted(set(j.tolist()))):
            rows, columns = i == phase[0], j == phase[1]
            taps = kernel[np.ix_(rows, columns)]
            if taps.any():
                part = np.zeros(tile)
                part[np.ix_(y[rows], x[columns])] = taps
                spectra[phase] = np.conj(np.fft.rfft2(part))
        return spectra

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        return self.valid[0]

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        return f"tiles of {size_text(self.tile)} over float64"

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any] | None:
        """Sum the windows channel by channel; None unless all values are finite."""
        highest = max(float(strip.max()), -float(strip.min()))
        if not (highest < LARGEST and highest * self.l1_norm < LARGEST_SUM):
            return None
        sums = workspace.take("sums", (rows, self.geometry.output_shape[1], strip.shape[2]), "f8")
        self._correlate(strip, sums, self.spectra, workspace)
        if self.accumulator.kind != "f":
            np.rint(sums, out=sums)
            return sums.astype(self.accumulator)
        if self.spread:
            self._sum_beside_outliers(strip, sums, highest, workspace)
        return sums

    def is_accurate(self, strip: NDArray[Any], sums: NDArray[Any]) -> bool:
        """Tell whether results in float64 are as accurate as those of other methods.

        What is promised is a share of the largest sum of magnitudes. The window in the middle
        stands for it, or the largest sum, which is no greater; that of a kernel whose weights
        cancel is far smaller. No value may stand out among the others but for zeros, which have no
        digits to lose: a 600x600 kernel on one pixel with full padding takes 0.2 s in place of 20.
        """
        if self.result != DOUBLE:
            return True
        values = strip.astype(np.float64, copy=False).reshape(-1)
        norm = math.sqrt(float(np.einsum("i,i", values, values)))  # BLAS would start threads
        error = DOUBLE_ROUNDING * norm * float(np.linalg.norm(self.kernel))
        rows, columns = (
            slice(size // 2 * stride, size // 2 * stride + extent, dilation)
            for size, stride, extent, dilation in zip(
                sums.shape[:2], self.geometry.stride, self.geometry.extent, self.geometry.dilation,
                strict=True,
            )
        )  # fmt: skip
        magnitudes = np.abs(strip[rows, columns] * self.kernel[..., np.newaxis])
        largest = float(magnitudes.sum(axis=(0, 1)).max())
        if error > DOUBLE_TOLERANCE * largest:
            largest = max(float(sums.max()), -float(sums.min()))
        peak = max(float(strip.max()), -float(strip.min())) / DOUBLE_PEAK
        even = peak * math.sqrt(strip.size) <= norm or (
            peak * math.sqrt(np.count_nonzero(strip)) <= norm
        )
        return even and error <= DOUBLE_TOLERANCE * largest

    def _sum_beside_outliers(
        self, strip: NDArray[Any], sums: NDArray[Any], highest: float, workspace: Workspace
    ) -> None:
        """Sum the windows again that weigh only values far below the highest.

        Their sums are small, so that most strips need one look at the sums.
        """
        while highest and np.abs(sums).min() <= 2 * OUTLIER * highest * self.l1_norm:
            magnitudes = np.abs(strip, dtype=np.float64)  # integers have no -min
            small = magnitudes < OUTLIER * highest
            if not small.any():
                return
            weighed = np.empty(sums.shape)  # how many outliers each window weighs
            self._correlate(~small, weighed, self.places, workspace)
            without_outliers = weighed < 0.5
            if not without_outliers.any():
                return
            highest = float(magnitudes.max(where=small, initial=0))
            again = np.zeros(sums.shape)
            if highest:
                self._correlate(np.where(small, strip, 0), again, self.spectra, workspace)
            sums[without_outliers] = again[without_outliers]

    def _correlate(
        self,
        strip: NDArray[Any],
        out: NDArray[np.float64],
        spectra: Callable[[Pair], dict[Pair, NDArray[Any]]],
        workspace: Workspace,
    ) -> None:
        """Store a strip's correlation, (rows, W', C), with the kernel of some spectra."""
        phases = Polyphase.of(strip, self.geometry, workspace, summed=True)
        phases.fill()
        channels, down, across = phases.planes.shape[:3]
        planes = phases.planes.reshape(channels, down, across, -1, phases.pitch)
        index = phases.row_index, phases.column_index
        rows, width, step = len(out), self.geometry.output_shape[1], self.valid[1]
        tile = fast_length(rows + self.span[0]), self.tile[1]
        spectrum, total = workspace.take("spectra", (2, tile[0], tile[1] // 2 + 1), np.complex128)
        for channel, left in product(range(channels), range(0, width, step)):
            seen = planes[channel, ..., : tile[0], left : left + tile[1]]
            total[...] = 0
            for (i, j), part in spectra(tile).items():
                self._transform(seen[index[0][i], index[1][j]], spectrum, tile, workspace)
                spectrum *= part
                total += spectrum
            right = min(left + step, width)
            np.fft.ifft(total, axis=0, out=total)
            tile_sums = workspace.take("tile", (rows, tile[1]), np.float64)
            np.fft.irfft(total[:rows], tile[1], out=tile_sums)
            out[:, left:right, channel] = tile_sums[:, : right - left]

    def _transform(
        self, phase: NDArray[Any], out: NDArray[Any], tile: Pair, workspace: Workspace
    ) -> None:
        """Store the spectrum of a part of a phase, with zeros after it, in ``out``.

        Axis by axis into the same memory: fresh pages for each tile took as long again as the
        transforms, or thrice as long.
        """
        values = workspace.take("tile", phase.shape, np.float64)
        values[...] = phase
        np.fft.rfft(values, tile[1], out=out[: len(values)])
        out[len(values) :] = 0
        np.fft.fft(out, axis=0, out=out)


@cache
def fast_length(least: int) -> int:
    """Return the smallest product of 2, 3 and 5 that is at least ``least``.

    >>> fast_length(257), fast_length(512)
    (270, 512)
    """
    best = 1 << (least - 1).bit_length()
    fives = 1
    while fives < best:
        odd = fives
        while odd < best:
            best = min(best, odd << (-(-least // odd) - 1).bit_length())
            odd *= 3
        fives *= 5
    return best


def tile_overlap(geometry: Geometry) -> float:
    """Return how many values of a tile are transformed for each valid one.

    >>> from convcli.geometry import conv_geometry
    >>> round(tile_overlap(conv_geometry((1000, 1000), (31, 31))), 2)
    1.29
    """
    _, valid, tile = tiles_of(geometry)
    return tile[0] * tile[1] / (valid[0] * valid[1])


def tiles_of(geometry: Geometry) -> tuple[Pair, Pair, Pair]:
    """Return how far the kernel reaches beyond a window's first value, valid part, and tile."""
    rows, columns = (
        (extent - 1) // stride
        for extent, stride in zip(geometry.extent, geometry.stride, strict=True)
    )
    most = _tile_for(rows + 1, columns + 1)
    height, width = geometry.output_shape
    valid = _equal_steps(height, most[0] - rows), _equal_steps(width, most[1] - columns)
    return (rows, columns), valid, (fast_length(valid[0] + rows), fast_length(valid[1] + columns))


def _equal_steps(size: int, most: int) -> int:
    """Return the step with which the fewest steps of at most ``most`` cover ``size``."""
    return -(-size // -(-size // most))


def _tile_for(rows: int, columns: int) -> Pair:
    """Return a tile at least four times as long as the kernel on each axis."""
    return max(TILE[0], fast_length(4 * rows)), max(TILE[1], fast_length(4 * columns))
