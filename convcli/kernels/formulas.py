"""The functions that compute kernels; ``convcli.kernels.data.computed`` declares their parameters.

x points right and y down, in pixels, from the center of the kernel; angles are counter-clockwise as
seen on the screen. Equal weights that sum to 1 are integers with a divisor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError
from convcli.geometry import size_text
from convcli.kernels.kernel import Kernel

Samples = NDArray[np.float64]
Size = tuple[int, int]

MAX_SIDE = 2047
MAX_INTEGER_BITS = 46  # larger weights could overflow int64 sums of a 16-bit image


def identity(size: Size) -> Kernel:
    """Return zeros with a 1 at the anchor, (n - 1) // 2."""
    weights = np.zeros(size, dtype=np.int64)
    weights[(size[0] - 1) // 2, (size[1] - 1) // 2] = 1
    return Kernel(weights)


def random(size: Size, seed: int) -> Kernel:
    """Return weights from -1 (included) to 1 (excluded), the same under every version of numpy.

    The top 53 bits of each raw number of PCG64 are a fraction of 1. numpy keeps the raw numbers
    of a seed, but not what the methods of its Generator make of them.
    """
    bits = np.random.PCG64(seed).random_raw(size[0] * size[1]) >> np.uint64(11)
    return Kernel(bits.reshape(size) / 2**52 - 1)


def uniform(size: Size) -> Kernel:
    """Return a :func:`box`."""
    return box(size)


def box(size: Size) -> Kernel:
    """Return ones, divided by their number."""
    return _mean(np.ones(size, dtype=np.int64))


def binomial(size: Size) -> Kernel:
    """Return the outer product of two rows of Pascal's triangle, divided by its sum, a power of 2.

    Its float weights are rounded once each, where integers would be too large.
    """
    down, across = ([math.comb(n - 1, k) for k in range(n)] for n in size)
    if sum(size) - 2 <= MAX_INTEGER_BITS:
        return _mean(np.outer(down, across))
    return Kernel(np.outer(*(np.array([c / 2 ** (len(p) - 1) for c in p]) for p in (down, across))))


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
    """Sample the bivariate normal density with correlation ``rho``, rotated by ``angle``.

    Sample i lies at ``start + i * step``; without ``start`` the samples are centered. The density
    is divided by the sum of the samples if ``normalize`` is true.
    """
    rows, columns = size or (None, None)
    across = sigma_x or sigma or _default_sigma(columns, step)
    down = sigma_y or sigma or _default_sigma(rows, step)
    size = size or _square(3 * max(across, down) / step)
    x, y = _rotated(*_grid(size, step, start), angle)
    x, y = x / across, y / down
    room = 1 - rho * rho
    density = np.exp(-(x * x - 2 * rho * x * y + y * y) / (2 * room))
    density /= 2 * math.pi * across * down * math.sqrt(room)
    return Kernel(_normalized(density) if normalize else density)


def disk(radius: float) -> Kernel:
    """Return ones where a pixel's center lies within the radius, divided by their number."""
    x, y = _grid(_square(math.floor(radius)), 1, None)
    return _mean((x * x + y * y <= radius * radius).astype(np.int64))


def motion(length: float, angle: float) -> Kernel:
    """Return a line through the center: 1 - distance from the line, at least 0, scaled to sum 1."""
    half = max(length - 1, 0) / 2
    weights, _ = _line(-half, half, angle)
    return _mean(weights)


def comet(length: float, sigma: float | None, angle: float) -> Kernel:
    """Return a line from the center whose weights fall as half a Gaussian.

    The line points away from ``angle``: under cross-correlation the tail of a bright dot then
    points toward ``angle``.
    """
    weights, along = _line(-max(length - 1, 0), 0, angle)
    fading = np.exp(-0.5 * (along / (sigma or length / 3)) ** 2)
    return Kernel(_normalized(weights * fading))


def unsharp(size: Size | None, sigma: float, amount: float) -> Kernel:
    """Return identity + amount * (identity - Gaussian)."""
    rows, columns = size = size or _square(3 * sigma)
    if rows % 2 == 0 or columns % 2 == 0:
        raise KernelError(f"unsharp: size must be odd by odd, not {size_text(size)}")
    weights = -amount * _round_gaussian(size, sigma)
    weights[rows // 2, columns // 2] += 1 + amount
    return Kernel(weights)


def log(size: Size | None, sigma: float) -> Kernel:
    """Return the Laplacian of the Gaussian density, minus its mean: a constant image gives 0."""
    x, y = _grid(size or _square(4 * sigma), 1, None)
    square = (x * x + y * y) / (2 * sigma * sigma)
    weights = (square - 1) * np.exp(-square) / (math.pi * sigma**4)
    return Kernel(weights - weights.mean())


def dog(size: Size | None, sigma: float, ratio: float) -> Kernel:
    """Return a Gaussian minus one that is ``ratio`` times as wide; both sum to 1."""
    wider = sigma * ratio
    size = size or _square(3 * max(sigma, wider))
    return Kernel(_round_gaussian(size, sigma) - _round_gaussian(size, wider))


def gabor(
    size: Size | None, sigma: float, wavelength: float, angle: float, aspect: float, phase: float
) -> Kernel:
    """Return a cosine wave along ``angle`` under a Gaussian, ``sigma / aspect`` wide across."""
    x, y = _rotated(*_grid(size or _square(3 * sigma / min(aspect, 1)), 1, None), angle)
    envelope = np.exp(-(x * x + (aspect * y) ** 2) / (2 * sigma * sigma))
    return Kernel(envelope * np.cos(2 * math.pi * x / wavelength + math.radians(phase)))


def _mean(weights: NDArray[Any]) -> Kernel:
    """Scale weights to sum 1; whole numbers become integers with a divisor."""
    if np.array_equal(weights, np.rint(weights)):
        integers = weights.astype(np.int64)
        return Kernel(integers, divisor=int(integers.sum()))
    return Kernel(_normalized(weights))


def _normalized(weights: Samples) -> Samples:
    total = weights.sum()
    if total == 0:
        raise KernelError("all weights are 0; give a larger sigma, or a start nearer to 0")
    normalized: Samples = weights / total
    return normalized


def _default_sigma(extent: int | None, step: float) -> float:
    """Return the sigma that OpenCV's getGaussianKernel derives from a size; 1 without a size."""
    return 1.0 if extent is None else step * (0.3 * ((extent - 1) / 2 - 1) + 0.8)


def _square(radius: float) -> Size:
    """Return the smallest odd square that extends ``radius`` pixels from its center.

    Raises:
        KernelError: its side is over the limit.
    """
    side = 2 * math.ceil(radius) + 1
    if side > MAX_SIDE:
        raise KernelError(
            f"the kernel would have {side:,} pixels a side; the limit is {MAX_SIDE:,}"
        )
    return side, side


def _grid(size: Size, step: float, start: float | None) -> tuple[Samples, Samples]:
    """Return the x and the y of all samples, (rows, columns) each."""
    down, across = (
        (np.arange(n) - (n - 1) / 2) * step if start is None else start + np.arange(n) * step
        for n in size
    )
    x, y = np.meshgrid(across, down)
    return x, y


def _rotated(x: Samples, y: Samples, angle: float) -> tuple[Samples, Samples]:
    """Return the coordinates along ``angle`` and across it, exact at right angles."""
    quarters, rest = divmod(angle, 90)
    cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(int(quarters) % 4):
        cosine, sine = -sine, cosine
    return cosine * x - sine * y, sine * x + cosine * y


def _round_gaussian(size: Size, sigma: float) -> Samples:
    return np.asarray(gaussian(size, sigma, None, None, 0, 0, None, 1, True).matrix)


def _line(begin: float, end: float, angle: float) -> tuple[Samples, Samples]:
    """Return the weights of a line along ``angle``, and each pixel's position along the line.

    The line runs from ``begin`` to ``end``. Weights fall from 1 on the line to 0 at a distance of
    one pixel. Margins of zeros are cut equally on both sides, which keeps the center.
    """
    grid = _grid(_square(max(-begin, end) + 1), 1, None)
    along, across = _rotated(*grid, angle)
    along_line = np.clip(along, begin, end)
    weights = np.maximum(1 - np.hypot(along - along_line, across), 0)
    weights[weights < 1e-9] = 0
    center = weights.shape[0] // 2
    tall, wide = (int(np.abs(indices - center).max()) for indices in np.nonzero(weights))
    used = np.s_[center - tall : center + tall + 1, center - wide : center + wide + 1]
    return weights[used], along_line[used]


BUILDERS: dict[str, Callable[..., Kernel]] = {
    builder.__name__: builder
    for builder in (
        *(identity, random, uniform, box, binomial, gaussian, disk, motion, comet),
        *(unsharp, log, dog, gabor),
    )
}
