"""Which kernel with a name a learned one is."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convcli.errors import KernelError
from convcli.geometry import Pair
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.entries import FixedKernel
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import get_kernel
from convcli.teaching.learn.result import Floats, Match, Rational

_CERTAIN = (1e-4, 0.02)  # shares of the largest weight: the least and the most that noise explains
_NEAR = 0.1  # the same, beyond which no kernel is worth a word
_MOST_RECIPE = 31  # rows or columns of a computed kernel that is tried
_MOST_DIVISOR = 1024
_FAR = 2.0  # levels: biases further apart are not the same
_UNFIT = 100  # after every way that fits
_SIZED = ("box", "binomial", "gaussian", "unsharp", "log", "dog", "motion")
_TURNS = (45, 90, 135, 225, 270, 315)


class _Known(NamedTuple):
    """A kernel with a name, in the middle of as many taps as the learned one has."""

    spec: str
    weights: Floats
    bias: float
    turned: bool


class _Found(NamedTuple):
    """One way to see a known kernel in the learned one; the least is the best."""

    rank: tuple[int, bool, float]
    known: _Known
    flipped: bool
    scale: float
    difference: float


def recognize(weights: Floats, bias: float, error: float) -> Match | None:
    """Return the known kernel nearest to some weights, (kh, kw); None where none is near.

    What fits as it stands goes before what is flipped, turned or scaled.

    Args:
        weights: what was learned.
        bias: in 8-bit levels; kernels of the same weights are told apart by it.
        error: the standard error of a weight.

    >>> found = recognize(2 * get_kernel("sobel-x").weights, 0.0, 0.0)
    >>> found.spec, found.scale, found.certain
    ('sobel-x', 2.0, True)
    """
    largest = float(np.abs(weights).max())
    if largest == 0:
        return None
    least, most = (share * largest for share in _CERTAIN)
    tolerance = min(max(least, 6 * error), most)
    every = [
        found
        for known in _candidates(weights)
        for found in _ways(weights, known, bias, tolerance)
        if found.difference <= _NEAR * largest
    ]
    if not every:
        return None
    best = min(every, key=lambda found: found.rank)
    also = (found.known.spec for found in every if _same(found, best, 1e-12 * largest))
    certain = best.difference <= tolerance
    return Match(
        best.known.spec,
        tuple(dict.fromkeys(also)),
        best.flipped,
        best.scale,
        best.difference,
        certain=certain,
    )


def framed(weights: Floats, size: Pair) -> Floats:
    """Put weights, (..., rows, columns), in the middle of so many taps, zeros around them."""
    around = []
    for own, room in zip(weights.shape[-2:], size, strict=True):
        before = (room - 1) // 2 - (own - 1) // 2
        around.append((before, room - own - before))
    return np.pad(weights, [(0, 0)] * (weights.ndim - 2) + around)


def rational(weights: Floats, error: float) -> Rational | None:
    """Return the least divisor that makes whole numbers of weights, None where none does.

    >>> rational(np.array([[0.25, 0.5, 0.25]]), 0.0)
    Rational(matrix=array([[1, 2, 1]]), divisor=4)
    """
    largest = float(np.abs(weights).max())
    tolerance = max(6 * error, 1e-9 * largest)
    for divisor in range(1, _MOST_DIVISOR + 1):
        if tolerance * divisor > 0.1:  # any number would do
            return None
        scaled = weights * divisor
        whole = np.rint(scaled)
        if np.abs(scaled - whole).max() <= tolerance * divisor and whole.any():
            return Rational(whole.astype(np.int64), divisor)
    return None


def _same(found: _Found, best: _Found, tolerance: float) -> bool:
    """Tell whether another kernel, seen in the same way, has the very weights of the best."""
    if found.known.spec == best.known.spec or found.known.turned:
        return False
    if found.known.bias != best.known.bias:
        return False
    if (found.flipped, found.scale) != (best.flipped, best.scale):
        return False
    return bool(np.abs(found.known.weights - best.known.weights).max() <= tolerance)


def _ways(weights: Floats, known: _Known, bias: float, tolerance: float) -> Iterator[_Found]:
    """Yield a known kernel as it stands, flipped, and both scaled to fit best."""
    far = abs(bias - known.bias) > _FAR
    for flipped in (False, True):
        shape = known.weights[::-1, ::-1] if flipped else known.weights
        best = float(np.vdot(weights, shape) / np.vdot(shape, shape))
        for scale in dict.fromkeys((1.0, -1.0, _plain(best, weights, shape, tolerance))):
            difference = float(np.abs(weights - scale * shape).max())
            kind = 1 + flipped + 2 * known.turned + 4 * (scale == -1) + 8 * (abs(scale) != 1)
            rank = (kind, far, 0.0) if difference <= tolerance else (_UNFIT, False, difference)
            yield _Found(rank, known, flipped, scale, difference)


def _plain(scale: float, weights: Floats, shape: Floats, tolerance: float) -> float:
    """Return a factor with the fewest digits that fits as well."""
    for digits in range(1, 6):
        format_short = float(f"{scale:.{digits}g}")
        if np.abs(weights - format_short * shape).max() <= tolerance:
            return format_short
    return scale


def _candidates(weights: Floats) -> Iterator[_Known]:
    """Yield the known kernels that are no larger, once each; those turned come last."""
    size = (weights.shape[0], weights.shape[1])
    yield from _catalogue(size)
    for spec in _bells(weights):
        known = _placed(spec, size)
        if known is not None:
            yield known


@lru_cache(maxsize=4)
def _catalogue(size: Pair) -> tuple[_Known, ...]:
    tables = [entry.name for entry in CATALOGUE.values() if isinstance(entry, FixedKernel)]
    recipes = [f"{name}:{text}" for text in _recipe_sizes(size) for name in _SIZED]
    disks = [f"disk:radius={radius}" for radius in range(1, min(max(size), _MOST_RECIPE) // 2 + 1)]
    plain = [_placed(spec, size) for spec in (*tables, *recipes, *disks)]
    turned = [_placed(f"{name}@{angle}", size, turned=True) for name in tables for angle in _TURNS]
    return tuple(known for known in (*plain, *turned) if known is not None)


def _recipe_sizes(size: Pair) -> list[str]:
    """Return the sizes of computed kernels: squares, and the learned kernel's own."""
    least, most = min(size), min(max(size), _MOST_RECIPE)
    squares = [str(side) for side in range(2, most + 1) if side <= least]
    return squares if size[0] == size[1] else [*squares, f"{size[1]}x{size[0]}"]


def _placed(spec: str, size: Pair, *, turned: bool = False) -> _Known | None:
    """Put a kernel in the middle of so many taps; None where it does not fit, or is no kernel."""
    try:
        kernel: Kernel = get_kernel(spec)
    except KernelError:
        return None
    weights = _cut(kernel.weights, size)
    if not weights.any() or np.count_nonzero(weights) < np.count_nonzero(kernel.weights):
        return None
    return _Known(spec, framed(weights, size), float(kernel.bias), turned)


def _cut(weights: Floats, size: Pair) -> Floats:
    """Return the middle of a kernel, of so many taps at most."""
    inside = []
    for own, room in zip(weights.shape, size, strict=True):
        before = max((own - 1) // 2 - (room - 1) // 2, 0)
        inside.append(slice(before, before + room))
    return weights[tuple(inside)]


def _bells(weights: Floats) -> Iterator[str]:
    """Yield the Gaussians, by size, that the middle weights tell of."""
    rows, columns = size = weights.shape[0], weights.shape[1]
    if columns < 3 or rows % 2 == 0 or columns % 2 == 0:
        return
    center, beside = weights[rows // 2, columns // 2 : columns // 2 + 2].tolist()
    if not 1e-6 * abs(center) < beside * math.copysign(1, center) < (1 - 1e-6) * abs(center):
        return
    sigma = math.sqrt(-0.5 / math.log(beside / center))
    for text in _recipe_sizes(size):
        yield f"gaussian:{text},sigma={sigma:.3g}"
