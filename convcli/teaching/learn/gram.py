"""The sums of least squares over all windows: as a matrix product, or by FFT at stride 1.

Both ways give the same sums; :func:`uses_fft` picks the faster one. A pair of 24 megapixels and a
kernel of 15x15 take about 2 s by FFT and over 30 s as a matrix product.

*Matrix product.* The windows of a tile are copied into a matrix (im2col), with a row of ones and a
row of target values; its product with its own transpose holds every sum. It works for any stride,
dilation and mask. Sums of 8-bit and 16-bit pixels are exact, since they are whole numbers below
2**53.

*FFT.* At stride 1 the sum of ``x x'`` over all windows, for two pixels of the window, is the
correlation of the image with itself at their distance, over the rectangle that the first one sees.
Fourier transforms of tiles give all distances at once, whatever the size of the kernel. Moving both
pixels down by one row moves that rectangle by one row, so its sum loses the first row of windows
and gains a row at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.core.threads import MIN_THREADED_SIZE, for_each
from convcli.geometry import Pair
from convcli.teaching.learn.normal_equations import Floats, Moments, Origin, Residuals, Sums
from convcli.teaching.learn.windows import Windows

_MOST_BANDS = 16
_FEW_WEIGHTS, _MOST_PLANES = 10, 4  # above the one and up to the other, FFT is faster
_SINGLE_THREAD_GEMM = 1 << 18  # multiplications up to which BLAS uses one thread
_LEAST_POSITIONS, _MOST_NUMBERS = 1 << 11, 1 << 17  # of a tile's matrix
_NARROW = 12  # rows of a matrix up to which a product stays on one thread
_FFT_SIDE = 256  # the least side of a tile
_EXACT = 2.0**43  # correlations of integers up to here are exact after rounding

_Sums = TypeVar("_Sums", bound=Sums)


def uses_fft(windows: Windows) -> bool:
    """Return whether FFT is possible and faster for these windows."""
    dense = windows.stride == windows.dilation == (1, 1) and windows.mask is None
    return dense and windows.weights > _FEW_WEIGHTS and len(windows.planes) <= _MOST_PLANES


def sum_moments(windows: Windows, origin: Origin, threads: int) -> Moments:
    """Return the sums of the normal equations over all windows."""
    method = moments_by_fft if uses_fft(windows) else moments_by_matrix
    return method(windows, origin, threads)


def sum_residuals(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Residuals:
    """Return the sums of what a kernel leaves unexplained."""
    method = residuals_by_fft if uses_fft(windows) else residuals_by_matrix
    return method(windows, origin, weights, bias, threads)


def _sum_bands(
    work: Callable[[Windows], _Sums], windows: Windows, threads: int, step: int = 1
) -> _Sums:
    """Add up ``work`` over bands of a multiple of ``step`` rows, which run on threads.

    Neither the bands nor the order of the additions depends on the number of threads.
    """
    height, width = windows.target.shape
    tall = -(-height // (step * _MOST_BANDS)) * step
    starts = range(0, height, tall)
    results: dict[int, _Sums] = {}

    def add_band(start: int) -> None:
        rows = slice(start, min(start + tall, height))
        results[start] = work(windows.part(rows, slice(0, width)))

    worth = threads if windows.target.size * windows.weights >= MIN_THREADED_SIZE else 1
    for_each(add_band, starts, min(worth, len(starts)))
    return sum((results[start] for start in starts[1:]), results[0])


def moments_by_matrix(windows: Windows, origin: Origin, threads: int) -> Moments:
    """Return the sums of the normal equations, by matrix products of tiles."""
    return _sum_bands(lambda band: Moments.of_products(_products(band, origin)), windows, threads)


def residuals_by_matrix(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Residuals:
    """Return the sums of what a kernel leaves unexplained, by matrix products of tiles."""
    factors = np.append(-weights, [-bias, 1.0])

    def work(band: Windows) -> Residuals:
        sums, squares = np.zeros(len(factors) - 1), 0.0
        for matrix in _matrices(band, origin):
            left = factors @ matrix
            sums += matrix[:-1] @ left
            squares += float(left @ left)
        return Residuals(sums[:-1], float(sums[-1]), squares)

    return _sum_bands(work, windows, threads)


def _products(windows: Windows, origin: Origin) -> Floats:
    """Return the sums of the products of every two of the pixels, 1 and the value."""
    rows = windows.weights + 2
    products = np.zeros((rows, rows))
    for matrix in _matrices(windows, origin):
        products += matrix @ matrix.T
    return products


def _matrices(windows: Windows, origin: Origin) -> Iterator[Floats]:
    """Yield tiles as (weights + 2, positions): pixels, ones, values; 0 outside the mask.

    All tiles share the same memory.
    """
    count = windows.weights + 2
    limit = _SINGLE_THREAD_GEMM // count**2 if count <= _NARROW else _MOST_NUMBERS // count
    most = max(limit, _LEAST_POSITIONS)
    across = min(windows.target.shape[1], most)
    down = max(most // across, 1)
    space = np.empty(count * down * across)
    for part in _parts(windows, (down, across)):
        matrix = space[: count * part.target.size].reshape(count, -1)
        planes = np.subtract(part.planes, origin.before, dtype=np.float64)
        shape = part.target.shape
        matrix[:-2].reshape(len(planes), *part.kernel_shape, *shape)[...] = _taps(planes, part)
        matrix[-2] = 1.0
        values = matrix[-1].reshape(shape)
        np.subtract(part.target, origin.after, out=values, dtype=np.float64)
        if part.mask is not None:
            matrix *= part.mask.ravel()
        yield matrix


def _parts(windows: Windows, shape: Pair) -> Iterator[Windows]:
    """Cut windows into tiles of at most this shape, row by row."""
    (down, across), (height, width) = shape, windows.target.shape
    for top in range(0, height, down):
        for left in range(0, width, across):
            rows, columns = (top, min(top + down, height)), (left, min(left + across, width))
            yield windows.part(slice(*rows), slice(*columns))


def _taps(planes: Floats, windows: Windows) -> NDArray[Any]:
    """View what each pixel of the window sees, (C, kh, kw, H', W')."""
    channel, row, column = planes.strides
    (down, across), (below, beside) = windows.stride, windows.dilation
    return as_strided(
        planes,
        (len(planes), *windows.kernel_shape, *windows.target.shape),
        (channel, row * below, column * beside, row * down, column * across),
        writeable=False,
    )


@dataclass(frozen=True, eq=False)
class _Correlations(Sums):
    """Correlations at all distances (F, F) down and across; distances to the left wrap around.

    Attributes:
        ahead: (C, C, F, F), of what the windows' first pixels see with the image.
        behind: the same for the last pixel of the first row.
        crossed: (C, F, F), of the target with the image.
        sums: (C + 2,), the sums of what the first pixels see, of the target and of its squares.
    """

    ahead: Floats
    behind: Floats
    crossed: Floats
    sums: Floats


class _Tile(NamedTuple):
    """Pixels and values of some windows, each at the upper left of a rectangle of zeros."""

    pixels: Floats  # (C, F, F)
    values: Floats  # (F, F)
    shape: Pair  # of the values


def moments_by_fft(windows: Windows, origin: Origin, threads: int) -> Moments:
    """Return the sums of the normal equations, by FFT; stride and dilation are 1."""
    sides = _fft_sides(windows)
    rows, columns = windows.kernel_shape
    found = _sum_bands(
        lambda band: _correlate(band, origin, sides), windows, threads, sides[0] - rows + 1
    )
    ahead, behind, crossed = found.ahead, found.behind, found.crossed
    if windows.planes.dtype.kind in "biu" and windows.target.dtype.kind in "biu":
        ahead, behind, crossed = map(_rounded, (ahead, behind, crossed))
    edges = _Edges.of(windows, origin)
    *first, total, squares = found.sums.tolist()
    gram = _gram(ahead, behind, edges, windows.kernel_shape)
    return Moments(
        gram.reshape(windows.weights, windows.weights),
        crossed[:, :rows, :columns].ravel(),
        _pixel_sums(np.array(first), edges, windows.kernel_shape).ravel(),
        total,
        squares,
        float(windows.target.size),
    )


def residuals_by_fft(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Residuals:
    """Return the sums of what a kernel leaves unexplained, by FFT; stride and dilation are 1.

    Each tile is filtered, and its residuals are correlated with its pixels.
    """
    sides = _fft_sides(windows)
    rows, columns = windows.kernel_shape
    factors = np.fft.rfft2(weights.reshape(-1, rows, columns), sides).conj()

    def work(band: Windows) -> Residuals:
        crossed, total, squares = np.zeros_like(factors), 0.0, 0.0
        for tile in _tiles(band, origin, sides):
            inside = slice(tile.shape[0]), slice(tile.shape[1])
            spectrum = np.fft.rfft2(tile.pixels)
            made = np.fft.irfft2((factors * spectrum).sum(axis=0), sides)[inside]
            left = np.zeros(sides)
            left[inside] = tile.values[inside] - made - bias
            crossed += np.fft.rfft2(left).conj() * spectrum
            total += float(left.sum())
            squares += float(np.vdot(left, left))
        cross = np.fft.irfft2(crossed, sides)[:, :rows, :columns]
        return Residuals(cross.ravel(), total, squares)

    return _sum_bands(work, windows, threads, sides[0] - rows + 1)


def _correlate(windows: Windows, origin: Origin, sides: Pair) -> _Correlations:
    """Correlate tile by tile; the spectra are added up and transformed back once."""
    channels, columns = len(windows.planes), windows.kernel_shape[1]
    half = (sides[0], sides[1] // 2 + 1)
    ahead, behind = (np.zeros((channels, channels, *half), complex) for _ in range(2))
    crossed = np.zeros((channels, *half), complex)
    first, last = np.zeros((channels, *sides)), np.zeros((channels, *sides))
    sums = np.zeros(channels + 2)
    for tile in _tiles(windows, origin, sides):
        height, width = tile.shape
        right = slice(columns - 1, columns - 1 + width)
        first[...], last[...] = 0, 0
        first[:, :height, :width] = tile.pixels[:, :height, :width]
        last[:, :height, right] = tile.pixels[:, :height, right]
        spectrum = np.fft.rfft2(tile.pixels)
        np.conjugate(spectrum, out=spectrum)
        ahead += np.fft.rfft2(first)[:, np.newaxis] * spectrum
        behind += np.fft.rfft2(last)[:, np.newaxis] * spectrum
        crossed += np.fft.rfft2(tile.values) * spectrum
        sums[:-2] += first.sum(axis=(1, 2))
        sums[-2:] += tile.values.sum(), np.vdot(tile.values, tile.values)
    lags = [np.fft.irfft2(total.conj(), sides) for total in (ahead, behind, crossed)]
    return _Correlations(lags[0], lags[1], lags[2], sums)


def _fft_sides(windows: Windows) -> Pair:
    """Return the shape of a tile: powers of 2, at least four kernels or the whole image."""
    down, across = (
        1 << (min(max(_FFT_SIDE, 4 * taps), seen) - 1).bit_length()
        for taps, seen in zip(windows.kernel_shape, windows.planes.shape[1:], strict=True)
    )
    return down, max(across, 2)


def _tiles(windows: Windows, origin: Origin, sides: Pair) -> Iterator[_Tile]:
    rows, columns = windows.kernel_shape
    for part in _parts(windows, (sides[0] - rows + 1, sides[1] - columns + 1)):
        pixels, values = np.zeros((len(part.planes), *sides)), np.zeros(sides)
        (high, wide), shape = part.planes.shape[1:], (len(part.target), part.target.shape[1])
        inside, made = pixels[:, :high, :wide], values[: shape[0], : shape[1]]
        np.subtract(part.planes, origin.before, out=inside, dtype=np.float64)
        np.subtract(part.target, origin.after, out=made, dtype=np.float64)
        yield _Tile(pixels, values, shape)


def _rounded(lags: Floats) -> Floats:
    """Round the correlations of integers, which removes the error of the FFT."""
    return np.rint(lags) if np.abs(lags).max() < _EXACT else lags


class _Edges(NamedTuple):
    """Sums over the outermost windows: products (C, kh, kw, C, kh, kw) and pixels (C, kh, kw)."""

    top: tuple[Floats, Floats]
    bottom: tuple[Floats, Floats]
    left: tuple[Floats, Floats]
    right: tuple[Floats, Floats]

    @classmethod
    def of(cls, windows: Windows, origin: Origin) -> _Edges:
        height, width = windows.target.shape
        shape = (len(windows.planes), *windows.kernel_shape)
        found = []
        for rows, columns in (
            (slice(0, 1), slice(0, width)),
            (slice(height - 1, height), slice(0, width)),
            (slice(0, height), slice(0, 1)),
            (slice(0, height), slice(width - 1, width)),
        ):
            products = _products(windows.part(rows, columns), origin)
            pixels = products[:-2, :-2].reshape(shape + shape)
            found.append((pixels, products[-2, :-2].reshape(shape)))
        return cls(*found)


def _gram(ahead: Floats, behind: Floats, edges: _Edges, kernel_shape: Pair) -> Floats:
    """Fill (C, kh, kw, C, kh, kw): each shift of two pixels follows from the shift before."""
    rows, columns = kernel_shape
    channels = len(ahead)
    gram = np.zeros((channels, rows, columns) * 2)
    top, bottom, left, right = (products for products, _ in edges)
    gram[:, 0, 0] = ahead[..., :rows, :columns]
    gram[:, 0, -1] = np.roll(behind, columns - 1, -1)[..., :rows, :columns]
    for j in range(1, columns - 1):
        lost = gram[:, 0, j - 1, ..., j - 1 : -1] - left[:, 0, j - 1, ..., j - 1 : -1]
        gram[:, 0, j, ..., j:] = lost + right[:, 0, j, ..., j:]
    for j in range(columns - 2, 0, -1):
        lost = gram[:, 0, j + 1, ..., 1 : j + 1] - right[:, 0, j + 1, ..., 1 : j + 1]
        gram[:, 0, j, ..., :j] = lost + left[:, 0, j, ..., :j]
    for i in range(1, rows):
        lost = gram[:, i - 1, ..., i - 1 : -1, :] - top[:, i - 1, ..., i - 1 : -1, :]
        gram[:, i, ..., i:, :] = lost + bottom[:, i, ..., i:, :]
    mirrored = gram.transpose(3, 4, 5, 0, 1, 2)
    for i in range(1, rows):
        gram[:, i, ..., :i, :] = mirrored[:, i, ..., :i, :]
    return gram


def _pixel_sums(first: Floats, edges: _Edges, kernel_shape: Pair) -> Floats:
    """Return the sums of what each pixel of the window sees, (C, kh, kw), from the first one's."""
    rows, columns = kernel_shape
    sums = np.empty((len(first), rows, columns))
    top, bottom, left, right = (pixels for _, pixels in edges)
    sums[:, 0, 0] = first
    for j in range(1, columns):
        sums[:, 0, j] = sums[:, 0, j - 1] - left[:, 0, j - 1] + right[:, 0, j]
    for i in range(1, rows):
        sums[:, i] = sums[:, i - 1] - top[:, i - 1] + bottom[:, i]
    return sums
