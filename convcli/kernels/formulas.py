"""The computed kernels. Their arguments are declared in ``convcli.kernels.data.computed``.

x runs to the right and y downward, in pixels, from the middle of the kernel; angles run
counter-clockwise as seen on the screen. A mean of equal weights stays integers with a divisor.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel

Grid = NDArray[np.float64]
Size = tuple[int, int]

MOST_WEIGHTS_A_SIDE = 2047
MOST_INTEGER_BITS = 46  # so that the sums of a 16-bit image stay within int64


def box(size: Size) -> Kernel:
    """Ones, divided by their number."""
    return _mean(np.ones(size, dtype=np.int64))


def binomial(size: Size) -> Kernel:
    """Pascal's triangle down by Pascal's triangle across, divided by the sum, a power of 2."""
    rows, columns = size
    if rows + columns - 2 <= MOST_INTEGER_BITS:
        down, across = (np.array(_pascal(n), dtype=np.int64) for n in size)
        return _mean(np.outer(down, across))
    down, across = (np.array([c / 2 ** (n - 1) for c in _pascal(n)]) for n in size)
    return Kernel(np.outer(down, across))


def gaussian(
    size: Size | None,
    sigma: float | None,
    sigma_x: float | None,
    sigma_y: float | None,
    rho: float,
    angle: float,
    start: float | None,
    step: float,
    normalize: bool,
) -> Kernel:
    """Samples of the bivariate normal density, with correlation ``rho`` and turned by ``angle``.

    Sample i lies at ``start + i * step``; without ``start`` the samples are centered.
    """
    rows, columns = size or (None, None)
    across = sigma_x or sigma or _default_sigma(columns, step)
    down = sigma_y or sigma or _default_sigma(rows, step)
    size = size or _square(3 * max(across, down) / step)
    x, y = _turned(*_grid(size, step, start), angle)
    x, y = x / across, y / down
    room = 1 - rho * rho
    density = np.exp(-(x * x - 2 * rho * x * y + y * y) / (2 * room))
    density /= 2 * math.pi * across * down * math.sqrt(room)
    return Kernel(_normalized(density) if normalize else density)


def disk(radius: float) -> Kernel:
    """Ones where a pixel's center lies within the radius, divided by their number."""
    x, y = _grid(_square(math.floor(radius)), 1, None)
    return _mean((x * x + y * y <= radius * radius).astype(np.int64))


def motion(length: float, angle: float) -> Kernel:
    """A line through the middle; a pixel weighs 1 less its distance from the line, at least 0."""
    half = max(length - 1, 0) / 2
    weights, _ = _streak(-half, half, angle)
    return _mean(weights)


def comet(length: float, sigma: float | None, angle: float) -> Kernel:
    """A line from the middle whose weights fall as half a Gaussian.

    The kernel lies opposite to ``angle``, so that under cross-correlation a bright dot grows
    its tail toward ``angle``.
    """
    weights, along = _streak(-max(length - 1, 0), 0, angle)
    fading = np.exp(-0.5 * (along / (sigma or length / 3)) ** 2)
    return Kernel(_normalized(weights * fading))


def unsharp(size: Size | None, sigma: float, amount: float) -> Kernel:
    """Return identity + amount * (identity - Gaussian)."""
    rows, columns = size = size or _square(3 * sigma)
    if rows % 2 == 0 or columns % 2 == 0:
        raise KernelError(f"unsharp needs a middle pixel: {columns}x{rows} is not odd by odd")
    weights = -amount * _bell(size, sigma)
    weights[rows // 2, columns // 2] += 1 + amount
    return Kernel(weights)


def log(size: Size | None, sigma: float) -> Kernel:
    """The Laplacian of the Gaussian density, less its mean, so that a flat image gives 0."""
    x, y = _grid(size or _square(4 * sigma), 1, None)
    square = (x * x + y * y) / (2 * sigma * sigma)
    weights = (square - 1) * np.exp(-square) / (math.pi * sigma**4)
    return Kernel(weights - weights.mean())


def dog(size: Size | None, sigma: float, ratio: float) -> Kernel:
    """A Gaussian less one that is ``ratio`` times as wide, both summing to 1."""
    wider = sigma * ratio
    size = size or _square(3 * max(sigma, wider))
    return Kernel(_bell(size, sigma) - _bell(size, wider))


def gabor(
    size: Size | None, sigma: float, wavelength: float, angle: float, aspect: float, phase: float
) -> Kernel:
    """A cosine wave that runs toward ``angle``, under a Gaussian ``1 / aspect`` times as wide."""
    x, y = _turned(*_grid(size or _square(3 * sigma / min(aspect, 1)), 1, None), angle)
    bell = np.exp(-(x * x + (aspect * y) ** 2) / (2 * sigma * sigma))
    return Kernel(bell * np.cos(2 * math.pi * x / wavelength + math.radians(phase)))


def _mean(weights: NDArray[Any]) -> Kernel:
    """Return the kernel that sums to 1, in integers with a divisor where the weights are whole."""
    if np.array_equal(weights, np.rint(weights)):
        whole = weights.astype(np.int64)
        return Kernel(whole, divisor=int(whole.sum()))
    return Kernel(_normalized(weights))


def _normalized(weights: Grid) -> Grid:
    total = weights.sum()
    if total == 0:
        raise KernelError("every weight is 0 here; give a larger sigma or a start nearer to 0")
    normalized: Grid = weights / total
    return normalized


def _pascal(n: int) -> list[int]:
    return [math.comb(n - 1, k) for k in range(n)]


def _default_sigma(extent: int | None, step: float) -> float:
    """Return the sigma that suits an extent, as OpenCV's getGaussianKernel has it; else 1."""
    return 1.0 if extent is None else step * (0.3 * ((extent - 1) / 2 - 1) + 0.8)


def _square(radius: float) -> Size:
    """Return the odd square that reaches at least ``radius`` to each side of its middle."""
    extent = 2 * math.ceil(radius) + 1
    check_extent(extent)
    return extent, extent


def check_extent(extent: int) -> None:
    """Refuse a side that no kernel needs.

    Raises:
        KernelError: the extent is not from 1 to 2047.
    """
    if not 1 <= extent <= MOST_WEIGHTS_A_SIDE:
        raise KernelError(
            f"a kernel's sides are 1 to {MOST_WEIGHTS_A_SIDE} pixels long, not {extent}"
        )


def _grid(size: Size, step: float, start: float | None) -> tuple[Grid, Grid]:
    """Return x and y of every sample, each (rows, columns)."""
    down, across = (
        (np.arange(n) - (n - 1) / 2) * step if start is None else start + np.arange(n) * step
        for n in size
    )
    x, y = np.meshgrid(across, down)
    return x, y


def _turned(x: Grid, y: Grid, angle: float) -> tuple[Grid, Grid]:
    """Return the coordinates along ``angle`` and across it."""
    cosine, sine = _direction(angle)
    return cosine * x - sine * y, sine * x + cosine * y


def _direction(angle: float) -> tuple[float, float]:
    """Return cosine and sine of degrees, exact at right angles."""
    quarter, rest = divmod(angle, 90)
    cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(int(quarter) % 4):
        cosine, sine = -sine, cosine
    return cosine, sine


def _bell(size: Size, sigma: float) -> Grid:
    """Return a round Gaussian that sums to 1."""
    return np.asarray(gaussian(size, sigma, None, None, 0, 0, None, 1, True).matrix)


def _streak(begin: float, end: float, angle: float) -> tuple[Grid, Grid]:
    """Return the weights of a line along ``angle``, and where along it each pixel lies.

    The line runs from ``begin`` to ``end``. Weights fall from 1 on it to 0 at a distance of one
    pixel. Margins of zeros are cut, as many on both sides, so that the middle stays the middle.
    """
    grid = _grid(_square(max(-begin, end) + 1), 1, None)
    along, across = _turned(*grid, angle)
    along_line = np.clip(along, begin, end)
    weights = np.maximum(1 - np.hypot(along - along_line, across), 0)
    weights[weights < 1e-9] = 0
    marked_rows, marked_columns = np.nonzero(weights)
    middle = weights.shape[0] // 2
    tall, wide = (int(np.abs(m - middle).max()) for m in (marked_rows, marked_columns))
    kept = np.s_[middle - tall : middle + tall + 1, middle - wide : middle + wide + 1]
    return weights[kept], along_line[kept]


BUILDERS: dict[str, Callable[..., Kernel]] = {
    builder.__name__: builder
    for builder in (box, binomial, gaussian, disk, motion, comet, unsharp, log, dog, gabor)
}
