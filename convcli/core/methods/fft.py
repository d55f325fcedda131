"""Overlap-save: large kernels as products of spectra, a tile at a time.

A correlation is a product in the frequency domain: ``F(out) = F(tile) * conj(F(kernel))``. A tile's
product is right wherever the window does not leave the tile, so tiles overlap by the kernel's
span and their right parts are put side by side. A stride's phases each have a part of the kernel;
their products are added before the one inverse transform, so nothing is computed that the stride
skips. The cost, some 13 ns a sample in float64, hardly depends on the kernel's size.

Rounding spreads over a whole tile: it is relative to the tile's largest value, in float64. Sums of
integers are rounded to the nearest, which is exact while that error is far below a half; NaN and
infinity would spread, so strips that hold them are left to the direct method.
"""

from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.methods.polyphase import Polyphase
from convcli.core.strips import Workspace
from convcli.geometry import Geometry, Pair

TILE = (256, 512)  # rows and columns of a tile, for kernels that are small beside it
# The error of a transform of n samples is near 1e-16 * log2(n) of their root sum of squares.
ROUNDING = 1e-14
LARGEST = 1e100


def integers_are_exact(kernel: NDArray[Any], largest: float) -> bool:
    """Tell whether sums of integers up to ``largest`` come out within a quarter of the truth."""
    rows, columns = _tile_for(kernel.shape[0], kernel.shape[1])
    energy = float(np.sqrt(np.square(kernel, dtype=np.float64).sum()))
    return bool(ROUNDING * largest * energy * (rows * columns) ** 0.5 < 0.25)


class FftMethod:
    """The transforms of a (kh, kw) kernel, made once for each size of tile.

    ``tile`` is chosen so that an even number of like tiles covers the feature map; ``right`` is
    how many rows and columns of a tile's product are right. Sums of integers become
    ``accumulator``.
    """

    dtype = None  # strips in the image's own type

    def __init__(
        self, kernel: NDArray[Any], geometry: Geometry, accumulator: np.dtype[Any]
    ) -> None:
        self.kernel = kernel
        self.geometry = geometry
        self.accumulator = accumulator
        rows, columns = (
            (extent - 1) // stride
            for extent, stride in zip(geometry.extent, geometry.stride, strict=True)
        )
        self.span = rows, columns
        most = _tile_for(rows + 1, columns + 1)
        self.right = (
            _even(geometry.output_shape[0], most[0] - rows),
            _even(geometry.output_shape[1], most[1] - columns),
        )
        self.tile = fast_length(self.right[0] + rows), fast_length(self.right[1] + columns)
        self.of = cache(self._transformed)

    def _transformed(self, tile: Pair) -> dict[Pair, NDArray[Any]]:
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
        return self.right[0]

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows some output rows see."""
        return self.geometry.rows_needed(rows)

    def describe(self) -> str:
        """Name the method and its cost."""
        return f"fft: tiles of {self.tile[1]}x{self.tile[0]} over float64"

    def sums(self, strip: NDArray[Any], rows: int, space: Workspace) -> NDArray[Any] | None:
        """Sum the windows of one strip, channel by channel.

        Args:
            strip: (rows, padded width, C), beginning with the first window's first row.
            rows: number of output rows, at most ``right[0]``.
            space: where the sums are kept until they are asked for again.

        Returns:
            (rows, W', C), of the accumulator's type where that is an integer, else float64; None
            where the strip holds something that is not finite.
        """
        if not is_transformable(strip):
            return None
        phases = Polyphase.of(strip, self.geometry, space, summed=True)
        channels, down, across = phases.planes.shape[:3]
        planes = phases.planes.reshape(channels, down, across, -1, phases.pitch)
        places = phases.row_places, phases.column_places
        width, step = self.geometry.output_shape[1], self.right[1]
        tile = fast_length(rows + self.span[0]), self.tile[1]
        sums = space.take("sums", (rows, width, channels), np.float64)
        for channel, left in product(range(channels), range(0, width, step)):
            seen = planes[channel, ..., : tile[0], left : left + tile[1]]
            parts = self.of(tile).items()
            found = _product(
                ((seen[places[0][i], places[1][j]], part) for (i, j), part in parts), tile
            )
            right = min(left + step, width)
            sums[:, left:right, channel] = found[:rows, : right - left]
        if self.accumulator.kind == "i":
            np.rint(sums, out=sums)
            sums = sums.astype(self.accumulator)
        return sums


def _product(pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]], tile: Pair) -> NDArray[np.float64]:
    """Return the circular correlation of a tile's phases with the kernel's parts, added up."""
    total: NDArray[Any] | None = None
    for seen, part in pairs:
        spectrum = np.fft.rfft2(seen.astype(np.float64), s=tile)
        spectrum *= part
        total = spectrum if total is None else np.add(total, spectrum, out=total)
    return np.zeros(tile) if total is None else np.fft.irfft2(total, s=tile)


def is_transformable(strip: NDArray[Any]) -> bool:
    """Tell whether a strip holds nothing that would spread: neither NaN nor infinity."""
    return strip.dtype.kind != "f" or bool(strip.min() > -LARGEST and strip.max() < LARGEST)


def fast_length(least: int) -> int:
    """Return the smallest product of 2, 3 and 5 that is at least ``least``.

    >>> fast_length(257), fast_length(512)
    (270, 512)
    """
    best = 1 << (least - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            two = three << max((-(-least // three) - 1).bit_length(), 0)
            best = min(best, two) if two >= least else best
            three *= 3
        five *= 5
    return best


def _even(size: int, most: int) -> int:
    """Return the step of the fewest like steps, of at most ``most``, that cover ``size``."""
    return -(-size // -(-size // most))


def _tile_for(rows: int, columns: int) -> Pair:
    """Return a tile of which a kernel's span leaves at least three quarters."""
    return max(TILE[0], fast_length(4 * rows)), max(TILE[1], fast_length(4 * columns))
