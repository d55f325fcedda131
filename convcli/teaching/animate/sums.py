"""The sums at one position of a sliding window: which there are, and their numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.plan import as_applied
from convcli.images.channels import channel_names
from convcli.teaching.animate.padded_input import SeenWindow
from convcli.teaching.animate.sliding import SlidingWindow
from convcli.teaching.explain.missing_window import needs_anchor


class ChannelSum(NamedTuple):
    """A sum over one channel: the kernel by its number, the channel, its name, and the weights.

    The weights are those of the kernel as it is applied. ``takes_anchor`` tells whether missing
    pixels take the value at the anchor.
    """

    kernel: int
    channel: int
    name: str
    weights: NDArray[Any]
    takes_anchor: bool = False


def sums_of(window: SlidingWindow) -> list[ChannelSum]:
    """Return the sums in the order of an explanation's."""
    kernels, operation = window.filter.kernels, window.filter.conv.operation
    applied = [as_applied(kernel.matrix, operation) for kernel in kernels]
    names = channel_names(window.image.channels)
    if len(names) == 1:
        names = [""]
    pairs = [(kernel, channel) for kernel in range(len(kernels)) for channel in range(len(names))]
    if applied[0].ndim == 2:
        pairs.sort(key=lambda pair: pair[::-1])
    return [
        ChannelSum(
            k,
            c,
            names[c],
            applied[k] if applied[k].ndim == 2 else applied[k][c],
            needs_anchor(applied[k]),
        )
        for k, c in pairs
    ]


def products_in(seen: SeenWindow, weights: NDArray[Any]) -> NDArray[Any]:
    """Return the products of a window; those of values that are left out are 0."""
    return np.where(seen.left_out, 0, products_of(seen.values, weights))


def products_of(values: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Return values times weights, exact for integers; a weight of 0 weighs nothing.

    Integers whose products 64 bits do not hold become floats.

    >>> products_of(np.array([2**63 - 1, 3]), np.array([2, 1])).tolist()
    [1.8446744073709552e+19, 3.0]
    """
    are_integers = values.dtype.kind in "biu" and weights.dtype.kind in "biu"
    if are_integers and _largest(values) * _largest(weights) < 2**63:
        return values.astype(np.int64) * weights.astype(np.int64)
    with np.errstate(invalid="ignore", over="ignore"):
        products = values.astype(np.float64) * weights.astype(np.float64)
    return np.where(weights == 0, 0.0, products)


def _largest(numbers: NDArray[Any]) -> int:
    """Return the largest magnitude of integers."""
    return max(abs(int(numbers.min())), abs(int(numbers.max()))) if numbers.size else 0
