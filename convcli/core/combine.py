"""Combine the feature maps of several kernels into one.

Each function takes the same strip of every map, as arrays of one shape, and returns a new array.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import SumTypes, float_type, smallest_integer, value_bounds
from convcli.errors import UsageError

Block = NDArray[Any]
_TOLERANCE = 1e-6  # relative; of the lengths of two derivatives and of the right angle between them


def magnitude(blocks: list[Block]) -> Block:
    """Return the Euclidean length, in float64.

    >>> magnitude([np.array([3]), np.array([-4])]).tolist()
    [5.0]
    """
    squares = np.square(blocks[0], dtype=np.float64)
    for block in blocks[1:]:
        squares += np.square(block, dtype=np.float64)
    return np.sqrt(squares, out=squares)


def maximum(blocks: list[Block]) -> Block:
    """Return the maximum, in the type that :func:`combined_type` tells."""
    kind = _common_type([block.dtype for block in blocks])
    if kind == np.uint64:  # one map is never negative, nor is then the maximum
        blocks = [np.maximum(block, 0).astype(kind) for block in blocks]
    most = blocks[0].astype(kind)
    for block in blocks[1:]:
        np.maximum(most, block, out=most)
    return most


def _common_type(kinds: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Return numpy's common type, but uint64 for int64 and uint64, whose maximum it holds."""
    if np.dtype(np.uint64) in kinds and all(kind.kind in "iu" for kind in kinds):
        return np.dtype(np.uint64)
    return np.result_type(*kinds)


def total(blocks: list[Block]) -> Block:
    """Return the sum: of integers in int64, of floats in float64."""
    kind = np.float64 if any(block.dtype.kind == "f" for block in blocks) else np.int64
    added = blocks[0].astype(kind)
    for block in blocks[1:]:
        added += block
    return added


def mean(blocks: list[Block]) -> Block:
    """Return the mean, in float64."""
    return total([block.astype(np.float64) for block in blocks]) / len(blocks)


def direction(blocks: list[Block], axes: tuple[complex, complex] = (1, -1j)) -> Block:
    """Return the gradient as complex numbers, from two derivatives.

    The angle is counter-clockwise as seen in the image, and 0 where values grow to the right.

    Args:
        blocks: the two derivatives.
        axes: the unit vector each derivative points to; by default to the right and down.

    >>> direction([np.array([1]), np.array([-2])]).tolist()
    [(1+2j)]
    """
    first, second = blocks
    gradient = first * np.complex128(axes[0])
    gradient += second * np.complex128(axes[1])
    return gradient


def gradient_axes(first: Block, second: Block) -> tuple[complex, complex]:
    """Return the unit vectors that two derivative kernels point to; 1 is to the right, 1j is up.

    On a ramp that grows by one a pixel, a kernel of sum 0 gives its first moment, the sum of
    weights times positions. The moment is the direction of the derivative.

    Args:
        first: weights as they are applied to windows, (kh, kw).
        second: those of the other kernel.

    Raises:
        UsageError: the kernels are not two derivatives of equal strength at a right angle.

    >>> gradient_axes(np.array([[-1, 1]]), np.array([[-1], [1]]))
    ((1+0j), -1j)
    """
    one, two = _moment(first), _moment(second)
    length = abs(one)
    equal = length > 0 and abs(length - abs(two)) < _TOLERANCE * length
    if not equal or abs((one * two.conjugate()).real) > _TOLERANCE * length**2:
        raise UsageError(
            "--combine direction needs two derivatives of equal strength at a right angle, "
            "such as sobel"
        )
    return one / length, two / length


def _moment(weights: Block) -> complex:
    """Return a kernel's first moment, with rows as -1j; 0 for a kernel that is no derivative."""
    rows, columns = np.indices(weights.shape)
    if abs(weights.sum()) > _TOLERANCE * np.abs(weights).sum():
        return 0j
    return complex((weights * columns).sum(), -(weights * rows).sum())


def combined_type(maps: Sequence[SumTypes], combine: str | None) -> np.dtype[Any]:
    """Return the type that holds the combination of maps.

    Args:
        maps: the types of each map, and the bounds of its sums.
        combine: one of :data:`convcli.choices.COMBINATIONS`; None for a single map.

    Raises:
        UsageError: the sum of integer maps may exceed int64.
    """
    kind = _common_type([types.result for types in maps])
    if combine in ("magnitude", "mean"):
        return float_type(kind)
    if combine == "sum" and all(types.result.kind != "f" for types in maps):
        bounds = [value_bounds(types) for types in maps]
        low, high = sum(least for least, _ in bounds), sum(greatest for _, greatest in bounds)
        smallest_integer((min(low, -1), high))  # raises an error; -1 leaves out uint64
        return np.dtype(np.int64)  # the maps' type may be too narrow for their sum
    return kind


COMBINERS: dict[str, Callable[[list[Block]], Block]] = {
    "magnitude": magnitude,
    "max": maximum,
    "sum": total,
    "mean": mean,
    "direction": direction,
}
