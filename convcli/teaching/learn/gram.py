"""Sums over windows by one matrix product a tile: for any stride, dilation and choice of windows.

A tile's windows are copied tap by tap, (taps, positions), with a row of ones and one of the values
that they became; the product of that with itself holds every sum. Pixels of 8 and 16 bits make it
exact: they are whole numbers, and so are their sums, below 2**53 for any image.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.teaching.learn.bands import in_bands
from convcli.teaching.learn.normal_equations import Floats, Moments, Origin, Residuals, added
from convcli.teaching.learn.windows import Windows

_ALONE = 1 << 18  # multiplications of a product, for which BLAS takes no further threads
_LEAST, _MOST = 1 << 11, 1 << 17  # positions, and numbers, of a tile
_NARROW = 12  # rows of a matrix, up to which a product is of no more


def window_moments(windows: Windows, origin: Origin, threads: int) -> Moments:
    """Return the sums of least squares over all windows."""
    bands = in_bands(lambda band: products_of(band, origin), windows, threads)
    return Moments.of_products(added(bands))


def window_residuals(
    windows: Windows, origin: Origin, weights: Floats, bias: float, threads: int
) -> Residuals:
    """Return the sums of what a kernel leaves unexplained."""
    factors = np.append(-weights, [-bias, 1.0])
    return added(in_bands(lambda band: _left_over(band, origin, factors), windows, threads))


def products_of(windows: Windows, origin: Origin) -> Floats:
    """Return the sums of the products, each with each, of the pixels, 1 and the value."""
    rows = windows.count + 2
    products = np.zeros((rows, rows))
    for matrix in _tiles(windows, origin):
        products += matrix @ matrix.T
    return products


def _left_over(windows: Windows, origin: Origin, factors: Floats) -> Residuals:
    sums = np.zeros(len(factors) - 1)
    squares = 0.0
    for matrix in _tiles(windows, origin):
        left = factors @ matrix
        sums += matrix[:-1] @ left
        squares += float(left @ left)
    return Residuals(sums[:-1], float(sums[-1]), squares)


def _tiles(windows: Windows, origin: Origin) -> Iterator[Floats]:
    """Yield tiles as (taps + 2, positions): pixels, ones, values; 0 where a window does not count.

    Each is in the memory of the one before.
    """
    count = windows.count + 2
    most = max(_ALONE // count**2 if count <= _NARROW else _MOST // count, _LEAST)
    height, width = windows.target.shape
    across = min(width, most)
    down = max(most // across, 1)
    space = np.empty(count * down * across)
    for top in range(0, height, down):
        for left in range(0, width, across):
            rows = slice(top, min(top + down, height))
            columns = slice(left, min(left + across, width))
            part = windows.part(rows, columns)
            yield _filled(part, origin, space[: count * part.target.size].reshape(count, -1))


def _filled(windows: Windows, origin: Origin, matrix: Floats) -> Floats:
    """Copy windows and values into a matrix."""
    planes = np.subtract(windows.planes, origin.before, dtype=np.float64)
    shape = windows.target.shape
    matrix[:-2].reshape(len(planes), *windows.taps, *shape)[...] = _taps(planes, windows)
    matrix[-2] = 1.0
    values = matrix[-1].reshape(shape)
    np.subtract(windows.target, origin.after, out=values, dtype=np.float64)
    if windows.kept is not None:
        matrix *= windows.kept.ravel()
    return matrix


def _taps(planes: Floats, windows: Windows) -> NDArray[Any]:
    """View what each tap sees, (C, kh, kw, H', W')."""
    channel, row, column = planes.strides
    (down, across), (below, beside) = windows.stride, windows.dilation
    return as_strided(
        planes,
        (len(planes), *windows.taps, *windows.target.shape),
        (channel, row * below, column * beside, row * down, column * across),
        writeable=False,
    )
