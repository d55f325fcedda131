"""Sums over windows at stride 1 by correlations: what two taps see depends on their distance.

The sum of ``x x'`` over all windows, for two taps, is the image's correlation with itself at
their distance, over the rectangle that the first tap sees. One correlation by Fourier transforms
of tiles gives every distance at once, whatever the size of the kernel. Moving both taps by one
row shifts that rectangle by a row: it loses the first row of windows and gains the last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from convcli.geometry import Pair
from convcli.teaching.learn.bands import in_bands
from convcli.teaching.learn.gram import products_of
from convcli.teaching.learn.normal_equations import Floats, Moments, Origin, Residuals, added
from convcli.teaching.learn.windows import Windows

_SIDE = 256  # of a tile, at least
_EXACT = 2.0**43  # correlations of integers up to here round to what they are


@dataclass(frozen=True, eq=False)
class _Correlations:
    """Correlations at distances (F, F) down and across, those to the left wrapped around.

    Attributes:
        ahead: (C, C, F, F), of what the windows' first taps see with all.
        behind: the same for the last tap of the first row.
        crossed: (C, F, F), of the values with all pixels.
        sums: (C + 2,), the sums of what the first taps see, of the values and of their squares.
    """

    ahead: Floats
    behind: Floats
    crossed: Floats
    sums: Floats

    def __add__(self, other: "_Correlations") -> "_Correlations":
        return _Correlations(
            self.ahead + other.ahead,
            self.behind + other.behind,
            self.crossed + other.crossed,
            self.sums + other.sums,
        )


class _Tile(NamedTuple):
    """Pixels and values of some windows, each in the upper left of a rectangle of zeros."""

    pixels: Floats  # (C, F, F)
    values: Floats  # (F, F)
    size: Pair  # of the values


def lag_moments(windows: Windows, origin: Origin, threads: int) -> Moments:
    """Return the sums of least squares over all windows; stride and dilation are 1."""
    sides = _sides(windows)
    step = sides[0] - windows.taps[0] + 1
    found = added(in_bands(lambda band: _correlated(band, origin, sides), windows, threads, step))
    if windows.planes.dtype.kind in "biu" and windows.target.dtype.kind in "biu":
        found = _Correlations(
            _rounded(found.ahead), _rounded(found.behind), _rounded(found.crossed), found.sums
        )
    rows, columns = windows.taps
    edges = _Edges.of(windows, origin)
    *first, total, squares = found.sums.tolist()
    return Moments(
        _gram(found, edges, windows.taps).reshape(windows.count, windows.count),
        found.crossed[:, :rows, :columns].ravel(),
        _sums(np.array(first), edges, windows.taps).ravel(),
        total,
        squares,
        float(windows.target.size),
    )


def lag_residuals(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Residuals:
    """Return the sums of what a kernel leaves unexplained; stride and dilation are 1."""
    sides = _sides(windows)
    step = sides[0] - windows.taps[0] + 1
    kernel = weights.reshape(-1, *windows.taps)

    def work(band: Windows) -> Residuals:
        return _left_over(band, origin, sides, kernel, bias)

    return added(in_bands(work, windows, threads, step))


def _correlated(windows: Windows, origin: Origin, sides: Pair) -> _Correlations:
    """Correlate tile by tile; the spectra add up, and are turned back once."""
    channels, columns = len(windows.planes), windows.taps[1]
    spectrum = (sides[0], sides[1] // 2 + 1)
    ahead, behind = (np.zeros((channels, channels, *spectrum), complex) for _ in range(2))
    crossed = np.zeros((channels, *spectrum), complex)
    first, last = np.zeros((channels, *sides)), np.zeros((channels, *sides))
    sums = np.zeros(channels + 2)
    for tile in _tiles(windows, origin, sides):
        height, width = tile.size
        right = slice(columns - 1, columns - 1 + width)
        first[...], last[...] = 0, 0
        first[:, :height, :width] = tile.pixels[:, :height, :width]
        last[:, :height, right] = tile.pixels[:, :height, right]
        seen = np.fft.rfft2(tile.pixels)
        np.conjugate(seen, out=seen)
        ahead += np.fft.rfft2(first)[:, np.newaxis] * seen
        behind += np.fft.rfft2(last)[:, np.newaxis] * seen
        crossed += np.fft.rfft2(tile.values) * seen
        sums[:-2] += first.sum(axis=(1, 2))
        sums[-2:] += tile.values.sum(), np.vdot(tile.values, tile.values)
    lags = [np.fft.irfft2(each.conj(), sides) for each in (ahead, behind, crossed)]
    return _Correlations(lags[0], lags[1], lags[2], sums)


def _left_over(
    windows: Windows, origin: Origin, sides: Pair, kernel: Floats, bias: float
) -> Residuals:
    """Filter tile by tile, and correlate what differs from the values with the pixels."""
    rows, columns = windows.taps
    factors = np.fft.rfft2(kernel, sides).conj()
    crossed = np.zeros_like(factors)
    total, squares = 0.0, 0.0
    for tile in _tiles(windows, origin, sides):
        height, width = tile.size
        seen = np.fft.rfft2(tile.pixels)
        made = np.fft.irfft2((factors * seen).sum(axis=0), sides)[:height, :width]
        left = np.zeros(sides)
        left[:height, :width] = tile.values[:height, :width] - made - bias
        crossed += np.fft.rfft2(left).conj() * seen
        total += float(left.sum())
        squares += float(np.vdot(left, left))
    return Residuals(np.fft.irfft2(crossed, sides)[:, :rows, :columns].ravel(), total, squares)


def _sides(windows: Windows) -> Pair:
    """Return the rows and columns of a tile: powers of 2, of four kernels or the whole image."""
    down, across = (
        1 << (min(max(_SIDE, 4 * taps), seen) - 1).bit_length()
        for taps, seen in zip(windows.taps, windows.planes.shape[1:], strict=True)
    )
    return down, max(across, 2)


def _tiles(windows: Windows, origin: Origin, sides: Pair) -> Iterator[_Tile]:
    rows, columns = (side - taps + 1 for side, taps in zip(sides, windows.taps, strict=True))
    height, width = windows.target.shape
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            down = slice(top, min(top + rows, height))
            across = slice(left, min(left + columns, width))
            part = windows.part(down, across)
            pixels, values = np.zeros((len(part.planes), *sides)), np.zeros(sides)
            (high, wide), size = part.planes.shape[1:], (len(part.target), part.target.shape[1])
            inside, made = pixels[:, :high, :wide], values[: size[0], : size[1]]
            np.subtract(part.planes, origin.before, out=inside, dtype=np.float64)
            np.subtract(part.target, origin.after, out=made, dtype=np.float64)
            yield _Tile(pixels, values, size)


def _rounded(lags: Floats) -> Floats:
    """Make correlations of integers the integers that they are."""
    return np.rint(lags) if np.abs(lags).max() < _EXACT else lags


class _Edges(NamedTuple):
    """Sums over the outermost windows: products (C, kh, kw, C, kh, kw) and pixels (C, kh, kw)."""

    top: tuple[Floats, Floats]
    bottom: tuple[Floats, Floats]
    left: tuple[Floats, Floats]
    right: tuple[Floats, Floats]

    @classmethod
    def of(cls, windows: Windows, origin: Origin) -> "_Edges":
        height, width = windows.target.shape
        shape = (len(windows.planes), *windows.taps)
        found = []
        for rows, columns in (
            (slice(0, 1), slice(0, width)),
            (slice(height - 1, height), slice(0, width)),
            (slice(0, height), slice(0, 1)),
            (slice(0, height), slice(width - 1, width)),
        ):
            products = products_of(windows.part(rows, columns), origin)
            pixels = products[:-2, :-2].reshape(shape + shape)
            found.append((pixels, products[-2, :-2].reshape(shape)))
        return cls(*found)


def _gram(found: _Correlations, edges: _Edges, taps: Pair) -> Floats:
    """Fill (C, kh, kw, C, kh, kw), each shift of both taps from the one before."""
    rows, columns = taps
    channels = len(found.ahead)
    gram = np.zeros((channels, rows, columns) * 2)
    top, bottom, left, right = (products for products, _ in edges)
    gram[:, 0, 0] = found.ahead[..., :rows, :columns]
    gram[:, 0, -1] = np.roll(found.behind, columns - 1, -1)[..., :rows, :columns]
    for j in range(1, columns - 1):
        lost = gram[:, 0, j - 1, ..., j - 1 : -1] - left[:, 0, j - 1, ..., j - 1 : -1]
        gram[:, 0, j, ..., j:] = lost + right[:, 0, j, ..., j:]
    for j in range(columns - 2, 0, -1):
        lost = gram[:, 0, j + 1, ..., 1 : j + 1] - right[:, 0, j + 1, ..., 1 : j + 1]
        gram[:, 0, j, ..., :j] = lost + left[:, 0, j, ..., :j]
    for i in range(1, rows):
        kept = gram[:, i - 1, ..., i - 1 : -1, :] - top[:, i - 1, ..., i - 1 : -1, :]
        gram[:, i, ..., i:, :] = kept + bottom[:, i, ..., i:, :]
    mirrored = gram.transpose(3, 4, 5, 0, 1, 2)
    for i in range(1, rows):
        gram[:, i, ..., :i, :] = mirrored[:, i, ..., :i, :]
    return gram


def _sums(first: Floats, edges: _Edges, taps: Pair) -> Floats:
    """Return the sums of what each tap sees, (C, kh, kw), from those of the first taps."""
    rows, columns = taps
    sums = np.empty((len(first), rows, columns))
    top, bottom, left, right = (pixels for _, pixels in edges)
    sums[:, 0, 0] = first
    for j in range(1, columns):
        sums[:, 0, j] = sums[:, 0, j - 1] - left[:, 0, j - 1] + right[:, 0, j]
    for i in range(1, rows):
        sums[:, i] = sums[:, i - 1] - top[:, i - 1] + bottom[:, i]
    return sums
