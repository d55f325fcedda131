"""The sums of least squares over all windows: by matrix products, or by FFT at stride 1.

Both ways give the same sums; :func:`uses_fft` picks the faster one. A pair of 24 megapixels and a
kernel of 15x15 take a bit more than 1 s by FFT and over 60 s by matrix products.

*Matrix products.* The windows of a tile are copied into a matrix (im2col), with a row of ones and a
row of target values; its product with its own transpose holds every sum. This works for any stride,
dilation and mask. Sums of 8-bit and 16-bit pixels are exact, since they are whole numbers below
2**53.

*FFT.* At stride 1 the sum of ``x x'`` over all windows, for two pixels of the window, is the
correlation of the image with itself at their distance, over the rectangle that the first pixel
sees. Fourier transforms of tiles give all distances at once, whatever the size of the kernel.
Moving both pixels by one row or column moves that rectangle, so the sum loses the windows of one
edge and gains those of the opposite edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.core.threads import MIN_THREADED_SIZE, for_each
from convcli.geometry import Pair
from convcli.teaching.learn.estimate import Floats
from convcli.teaching.learn.normal_equations import Origin
from convcli.teaching.learn.windows import Windows

_MAX_BANDS = 16
_FEW_WEIGHTS, _MAX_PLANES = 10, 4  # above the one and up to the other, FFT is faster
_SINGLE_THREAD_GEMM = 1 << 18  # multiplications up to which BLAS uses one thread
_MIN_POSITIONS, _MAX_NUMBERS = 1 << 11, 1 << 17  # of a tile's matrix
_NARROW = 12  # rows of a matrix up to which a product stays on one thread
_FFT_SIDE = 256  # of a tile, unless the image is smaller or the kernel large
_MAX_EXACT_SUM = 2.0**43  # correlations of integers up to here are exact after rounding


def uses_fft(windows: Windows) -> bool:
    """Return whether FFT is possible and faster for these windows."""
    dense = windows.stride == windows.dilation == (1, 1) and windows.mask is None
    return dense and windows.weights > _FEW_WEIGHTS and len(windows.planes) <= _MAX_PLANES


def sum_products(windows: Windows, origin: Origin, threads: int) -> Floats:
    """Sum the products of every two of x, 1 and y over all windows, (n + 2, n + 2)."""
    method = products_by_fft if uses_fft(windows) else products_by_matrix
    return method(windows, origin, threads)


def sum_residuals(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Floats:
    """Sum the residual ``r`` of a kernel times each of x, 1 and r over all windows, (n + 2,)."""
    method = residuals_by_fft if uses_fft(windows) else residuals_by_matrix
    return method(windows, origin, weights, bias, threads)


def _sum_bands(
    work: Callable[[Windows], Floats], windows: Windows, threads: int, step: int = 1
) -> Floats:
    """Add up ``work`` over bands of a multiple of ``step`` rows, which run on threads.

    Neither the bands nor the order of the additions depends on the number of threads.
    """
    tall = -(-len(windows.target) // (step * _MAX_BANDS)) * step
    starts = range(0, len(windows.target), tall)
    results: dict[int, Floats] = {}

    def add_band(start: int) -> None:
        results[start] = work(windows.part(slice(start, start + tall), slice(None)))

    worth = threads if windows.target.size * windows.weights >= MIN_THREADED_SIZE else 1
    for_each(add_band, starts, min(worth, len(starts)))
    return sum((results[start] for start in starts[1:]), results[0])


def products_by_matrix(windows: Windows, origin: Origin, threads: int) -> Floats:
    """Compute :func:`sum_products` by matrix products of tiles."""
    return _sum_bands(lambda band: _products(band, origin), windows, threads)


def residuals_by_matrix(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Floats:
    """Compute :func:`sum_residuals` by matrix products of tiles."""
    factors = np.append(-weights, [-bias, 1.0])

    def work(band: Windows) -> Floats:
        sums = np.zeros(len(factors))
        for matrix in matrices(band, origin):
            residuals = factors @ matrix
            sums[:-1] += matrix[:-1] @ residuals
            sums[-1] += residuals @ residuals
        return sums

    return _sum_bands(work, windows, threads)


def _products(windows: Windows, origin: Origin) -> Floats:
    rows = windows.weights + 2
    products = np.zeros((rows, rows))
    for matrix in matrices(windows, origin):
        products += matrix @ matrix.T
    return products


def matrices(windows: Windows, origin: Origin) -> Iterator[Floats]:
    """Yield tiles as (weights + 2, positions): pixels, ones, values; 0 outside the mask.

    All tiles share the same memory.
    """
    count = windows.weights + 2
    limit = _SINGLE_THREAD_GEMM // count**2 if count <= _NARROW else _MAX_NUMBERS // count
    most = max(limit, _MIN_POSITIONS)
    height, width = windows.target.shape
    across = min(width, most)
    down = max(most // across, 1)
    space = np.empty(count * down * across)
    step, gap, taps = windows.stride, windows.dilation, windows.kernel_shape
    for top, left in product(range(0, height, down), range(0, width, across)):
        part = windows.part(slice(top, top + down), slice(left, left + across))
        matrix = space[: count * part.target.size].reshape(count, -1)
        planes = np.subtract(part.planes, origin.before, dtype=np.float64)
        shape, (channel, *pitch) = (len(planes), *taps, *part.target.shape), planes.strides
        strides = (channel, *np.multiply(pitch, gap).tolist(), *np.multiply(pitch, step).tolist())
        matrix[:-2].reshape(shape)[...] = as_strided(planes, shape, strides, writeable=False)
        matrix[-2] = 1.0
        np.subtract(
            part.target, origin.after, out=matrix[-1].reshape(part.target.shape), dtype=np.float64
        )
        if part.mask is not None:
            matrix *= part.mask.ravel()
        yield matrix


def products_by_fft(windows: Windows, origin: Origin, threads: int) -> Floats:
    """Compute :func:`sum_products` by FFT; stride and dilation are 1."""
    channels, (rows, columns) = len(windows.planes), windows.kernel_shape
    sides = _fft_sides(windows)
    summed = _sum_bands(
        lambda band: _correlate(band, origin, sides), windows, threads, sides[0] - rows + 1
    )
    lags, sums = np.split(summed, [-channels - 2])
    lags = lags.reshape(channels + 1, channels, rows, 2 * columns - 1)
    are_integers = windows.planes.dtype.kind in "biu" and windows.target.dtype.kind in "biu"
    if are_integers and np.abs(lags).max() < _MAX_EXACT_SUM:
        lags = np.rint(lags)  # removes the error of the FFT
    gram, pixels = _shift_pixels(windows, origin, lags[:-1], sums[:-2])
    products = np.empty((windows.weights + 2, windows.weights + 2))
    products[:-2, :-2] = gram.reshape(windows.weights, windows.weights)
    products[-2, :-2] = products[:-2, -2] = pixels.ravel()
    products[-1, :-2] = products[:-2, -1] = lags[-1, ..., columns - 1 :].ravel()
    products[-2, -2], products[-1, -1] = windows.target.size, sums[-1]
    products[-2, -1] = products[-1, -2] = sums[-2]
    return products


def residuals_by_fft(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Floats:
    """Compute :func:`sum_residuals` by FFT; stride and dilation are 1.

    Each tile is filtered, and its residuals are correlated with its pixels.
    """
    sides = _fft_sides(windows)
    rows, columns = windows.kernel_shape
    factors = np.fft.rfft2(weights.reshape(-1, rows, columns), sides).conj()

    def work(band: Windows) -> Floats:
        crossed, sums = np.zeros_like(factors), np.zeros(2)
        for pixels, values, valid in _tiles(band, origin, sides):
            spectrum = np.fft.rfft2(pixels)
            filtered = np.fft.irfft2((factors * spectrum).sum(axis=0), sides)
            residuals = np.zeros(sides)
            residuals[valid] = values[valid] - filtered[valid] - bias
            crossed += np.fft.rfft2(residuals).conj() * spectrum
            sums += residuals.sum(), np.vdot(residuals, residuals)
        return np.append(np.fft.irfft2(crossed, sides)[:, :rows, :columns], sums)

    return _sum_bands(work, windows, threads, sides[0] - rows + 1)


def _correlate(windows: Windows, origin: Origin, sides: Pair) -> Floats:
    """Correlate the window's first pixel, in any column, and the value with all pixels.

    Returns (C + 1, C, kh, 2 kw - 1) correlations at all distances down and across, flat, and after
    them the sums of the first pixels (C,), of the values and of their squares.
    """
    channels, (rows, columns) = len(windows.planes), windows.kernel_shape
    left = np.zeros((channels + 1, *sides))
    total = np.zeros((channels + 1, channels, sides[0], sides[1] // 2 + 1), complex)
    sums = np.zeros(channels + 2)
    for pixels, values, (valid, _) in _tiles(windows, origin, sides):
        middle = slice(columns - 1, sides[1] - columns + 1)
        left[:-1] = 0
        left[:-1, valid, middle] = pixels[:, valid, middle]
        left[-1] = values
        spectrum = np.fft.rfft2(pixels)
        total += np.fft.rfft2(left)[:, np.newaxis] * np.conjugate(spectrum, out=spectrum)
        sums[:-1] += left.sum(axis=(1, 2))
        sums[-1] += np.vdot(values, values)
    # The spectra of all tiles are transformed back together.
    lags = np.fft.irfft2(np.conjugate(total, out=total), sides)
    return np.append(lags[..., :rows, np.arange(1 - columns, columns)], sums)


def _fft_sides(windows: Windows) -> Pair:
    """Return the shape of a tile: powers of 2, four times its overlap or the whole image."""
    (height, width), (rows, columns) = windows.planes.shape[1:], windows.kernel_shape
    overlaps = (rows - 1, 2 * (columns - 1))
    down, across = (
        1 << max((min(max(_FFT_SIDE, 4 * overlap), side) - 1).bit_length(), 1)
        for overlap, side in zip(overlaps, (height, width + overlaps[1]), strict=True)
    )
    return down, across


def _tiles(
    windows: Windows, origin: Origin, sides: Pair
) -> Iterator[tuple[Floats, Floats, tuple[slice, slice]]]:
    """Yield tiles: pixels (C, F, F), values (F, F), and where in the tile the values are.

    Tiles cover all columns of the image; those at its sides see zeros beyond it.
    """
    rows, columns = windows.kernel_shape
    down, across = sides[0] - rows + 1, sides[1] - 2 * (columns - 1)
    for top in range(0, len(windows.target), down):
        for left in range(0, windows.planes.shape[2], across):
            target = windows.target[top : top + down, left : left + across]
            first, last = left - columns + 1, left + across + columns - 1
            source = windows.planes[:, top : top + len(target) + rows - 1, max(first, 0) : last]
            pixels, values = np.zeros((len(source), *sides)), np.zeros(sides)
            shown = pixels[:, : source.shape[1], max(-first, 0) :][..., : source.shape[2]]
            np.subtract(source, origin.before, out=shown, dtype=np.float64)
            valid = slice(len(target)), slice(columns - 1, columns - 1 + target.shape[1])
            np.subtract(target, origin.after, out=values[valid], dtype=np.float64)
            yield pixels, values, valid


def _shift_pixels(
    windows: Windows, origin: Origin, lags: Floats, pixels: Floats
) -> tuple[Floats, Floats]:
    """Derive the sums of every pixel of the window from those of its first pixel.

    The correlations (C, C, kh, 2 kw - 1) and sums (C,) of the first pixel, in any column, give the
    sums of products, (C, kh, kw, C, kh, kw), and of pixels, (C, kh, kw).
    """
    rows, columns = windows.kernel_shape
    shape = (len(windows.planes), rows, columns)

    def edge(down: slice, across: slice) -> tuple[Floats, Floats]:
        products = _products(windows.part(down, across), origin)
        return products[:-2, :-2].reshape(shape * 2), products[-2, :-2].reshape(shape)

    left, left_pixels = edge(np.s_[:], np.s_[:1])
    right, right_pixels = edge(np.s_[:], np.s_[-1:])
    top, top_pixels = edge(np.s_[:1], np.s_[:])
    bottom, bottom_pixels = edge(np.s_[-1:], np.s_[:])
    gram, sums = np.empty(shape * 2), np.empty(shape)
    spans = [slice(start, start + columns) for start in range(columns - 1, -1, -1)]
    for j in range(columns):  # leave no column on the right of the last window's first pixel
        lags[..., spans[j]] -= right[:, 0, j]
        pixels = pixels - right_pixels[:, 0, j]
    for j in range(columns):
        lags[..., spans[j]] += right[:, 0, j]
        pixels = pixels + right_pixels[:, 0, j]
        gram[:, 0, j], sums[:, 0, j] = lags[..., spans[j]], pixels
        lags[..., spans[j]] -= left[:, 0, j]
        pixels = pixels - left_pixels[:, 0, j]
    for i in range(1, rows):
        lost = gram[:, i - 1, ..., i - 1 : -1, :] - top[:, i - 1, ..., i - 1 : -1, :]
        gram[:, i, ..., i:, :] = lost + bottom[:, i, ..., i:, :]
        sums[:, i] = sums[:, i - 1] - top_pixels[:, i - 1] + bottom_pixels[:, i]
    mirrored = gram.transpose(3, 4, 5, 0, 1, 2)
    for i in range(1, rows):
        gram[:, i, ..., :i, :] = mirrored[:, i, ..., :i, :]
    return gram, sums
