"""Look up which known kernel a learned one is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convcli.errors import KernelError
from convcli.geometry import Pair, size_text
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.entries import FixedKernel
from convcli.kernels.spec import get_kernel
from convcli.teaching.learn.estimate import Floats, Match, Rational

# All as shares of the largest weight:
_MIN_TOLERANCE, _MAX_TOLERANCE = 1e-4, 0.02  # differences up to here may be noise
_NEAR = 0.1  # beyond this difference no kernel is worth naming
_MAX_COMPUTED = 31  # rows or columns of a computed kernel that is tried
_MAX_DIVISOR = 1024
_BIAS_TOLERANCE = 2.0  # 8-bit levels
_UNFIT = 100  # the rank of a way that does not fit, after all that do
_SIZED = ("box", "binomial", "gaussian", "unsharp", "log", "dog", "motion")
_ANGLES = (45, 90, 135, 225, 270, 315)


class _Known(NamedTuple):
    """A known kernel in the middle of the learned kernel's shape."""

    spec: str
    weights: Floats
    bias: float
    rotated: bool


class _Candidate(NamedTuple):
    """One way to read a known kernel from the learned one; the lowest rank is the best."""

    rank: tuple[int, bool, float]
    known: _Known
    flipped: bool
    scale: float
    difference: float


def recognize(weights: Floats, bias: float, error: float) -> Match | None:
    """Return the known kernel nearest to some weights; None if none is near.

    A kernel that fits unchanged comes before those that fit flipped, rotated or scaled.

    Args:
        weights: (kh, kw), the learned weights.
        bias: the learned bias in 8-bit levels; it tells kernels with the same weights apart.
        error: the standard error of a weight.

    >>> found = recognize(2 * get_kernel("sobel-x").weights, 0.0, 0.0)
    >>> found.spec, found.scale, found.certain
    ('sobel-x', 2.0, True)
    """
    largest = float(np.abs(weights).max())
    if largest == 0:
        return None
    tolerance = max(_MIN_TOLERANCE * largest, 6 * error)
    tolerance = min(tolerance, _MAX_TOLERANCE * largest)
    candidates = [
        candidate
        for known in _known_kernels(weights)
        for candidate in _candidates(weights, known, bias, tolerance)
        if candidate.difference <= _NEAR * largest
    ]
    if not candidates:
        return None
    best = min(candidates, key=lambda candidate: candidate.rank)
    also = (
        candidate.known.spec
        for candidate in candidates
        if candidate.known.spec != best.known.spec
        and not candidate.known.rotated
        and candidate[2:4] == best[2:4]  # flipped and scaled likewise
        and candidate.known.bias == best.known.bias
        and np.abs(candidate.known.weights - best.known.weights).max() <= 1e-12 * largest
    )
    return Match(
        best.known.spec,
        tuple(dict.fromkeys(also)),
        best.flipped,
        best.scale,
        best.difference,
        certain=best.difference <= tolerance,
    )


def centered(weights: Floats, shape: Pair) -> Floats:
    """Pad weights, (..., rows, columns), with zeros to a larger shape, the kernel in the middle."""
    pads = []
    for own, room in zip(weights.shape[-2:], shape, strict=True):
        before = (room - 1) // 2 - (own - 1) // 2
        pads.append((before, room - own - before))
    return np.pad(weights, [(0, 0)] * (weights.ndim - 2) + pads)


def rational(weights: Floats, error: float) -> Rational | None:
    """Return the least divisor that makes weights whole numbers; None if none up to 1024 does.

    Args:
        weights: of any shape.
        error: the standard error of a weight.

    >>> rational(np.array([[0.25, 0.5, 0.25]]), 0.0)
    Rational(matrix=array([[1, 2, 1]]), divisor=4)
    """
    largest = float(np.abs(weights).max())
    tolerance = max(6 * error, 1e-9 * largest)
    for divisor in range(1, _MAX_DIVISOR + 1):
        if tolerance * divisor > 0.1:  # from here on, any weights would fit
            return None
        scaled = weights * divisor
        whole = np.rint(scaled)
        if np.abs(scaled - whole).max() <= tolerance * divisor and whole.any():
            return Rational(whole.astype(np.int64), divisor)
    return None


def _candidates(
    weights: Floats, known: _Known, bias: float, tolerance: float
) -> Iterator[_Candidate]:
    """Yield a known kernel unchanged, flipped, negated, and scaled to fit best."""
    other_bias = abs(bias - known.bias) > _BIAS_TOLERANCE
    for flipped in (False, True):
        base = known.weights[::-1, ::-1] if flipped else known.weights
        best = float(np.vdot(weights, base) / np.vdot(base, base))
        for scale in dict.fromkeys((1.0, -1.0, _shortest_scale(best, weights, base, tolerance))):
            difference = float(np.abs(weights - scale * base).max())
            kind = 1 + flipped + 2 * known.rotated + 4 * (scale == -1) + 8 * (abs(scale) != 1)
            fits = difference <= tolerance
            rank = (kind, other_bias, 0.0) if fits else (_UNFIT, False, difference)
            yield _Candidate(rank, known, flipped, scale, difference)


def _shortest_scale(scale: float, weights: Floats, base: Floats, tolerance: float) -> float:
    """Return the scale with the fewest digits that fits."""
    for digits in range(1, 6):
        rounded = float(f"{scale:.{digits}g}")
        if np.abs(weights - rounded * base).max() <= tolerance:
            return rounded
    return scale


def _known_kernels(weights: Floats) -> Iterator[_Known]:
    """Yield the known kernels of at most this shape, rotated ones last, then matching Gaussians."""
    shape = weights.shape[0], weights.shape[1]
    yield from _catalogue(shape)
    sigma = _gaussian_sigma(weights)
    for text in _computed_sizes(shape) if sigma else ():
        known = _known(f"gaussian:{text},sigma={sigma:.3g}", shape)
        if known is not None:
            yield known


@lru_cache(maxsize=4)
def _catalogue(shape: Pair) -> tuple[_Known, ...]:
    fixed = (entry.name for entry in CATALOGUE.values() if isinstance(entry, FixedKernel))
    names = ["identity", *fixed]
    computed = [f"{name}:{text}" for text in _computed_sizes(shape) for name in _SIZED]
    largest = min(max(shape), _MAX_COMPUTED) // 2
    disks = [f"disk:radius={radius}" for radius in range(1, largest + 1)]
    kernels = [_known(spec, shape) for spec in (*names, *computed, *disks)]
    kernels += [
        _known(f"{name}@{angle}", shape, rotated=True) for name in names for angle in _ANGLES
    ]
    return tuple(known for known in kernels if known is not None)


def _computed_sizes(shape: Pair) -> list[str]:
    """Return the sizes of computed kernels to try: squares, and the learned kernel's own."""
    squares = [str(side) for side in range(2, min(*shape, _MAX_COMPUTED) + 1)]
    return squares if shape[0] == shape[1] else [*squares, size_text(shape)]


def _known(spec: str, shape: Pair, *, rotated: bool = False) -> _Known | None:
    """Fit a kernel into a shape; None if it does not fit, or if the SPEC has no kernel."""
    try:
        kernel = get_kernel(spec)
    except KernelError:
        return None
    if kernel.matrix.ndim > 2:
        return None
    cut = []
    for own, room in zip(kernel.weights.shape, shape, strict=True):
        before = max((own - 1) // 2 - (room - 1) // 2, 0)
        cut.append(slice(before, before + room))
    weights = kernel.weights[tuple(cut)]
    if not weights.any() or np.count_nonzero(weights) < np.count_nonzero(kernel.weights):
        return None
    return _Known(spec, centered(weights, shape), float(kernel.bias), rotated)


def _gaussian_sigma(weights: Floats) -> float | None:
    """Return the sigma of a Gaussian with this center and this neighbor of it; None if none has.

    Neighbors of a Gaussian differ by ``exp(-1 / (2 sigma**2))``.
    """
    rows, columns = weights.shape
    if columns < 3 or rows % 2 == 0 or columns % 2 == 0:
        return None
    center, neighbor = weights[rows // 2, columns // 2 : columns // 2 + 2].tolist()
    if not 1e-6 * abs(center) < neighbor * math.copysign(1, center) < (1 - 1e-6) * abs(center):
        return None
    return math.sqrt(-0.5 / math.log(neighbor / center))
