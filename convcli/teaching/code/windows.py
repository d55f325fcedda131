"""The weights of a filter's kernels as they are applied, and how their windows lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.plan import as_applied
from convcli.filtering import Filter
from convcli.geometry import Geometry, Pair, as_pair


class Windows(NamedTuple):
    """The weights of each kernel as they are applied, all of one size, and how windows lie.

    Attributes:
        weights: (kh, kw) or (C, kh, kw) of each kernel.
        geometry: for an image of one window.
        flipped: whether ``convolve`` has turned the weights.
    """

    weights: list[NDArray[Any]]
    geometry: Geometry
    flipped: bool

    @classmethod
    def of(cls, image_filter: Filter) -> Windows:
        """Give kernels of different sizes the size of the largest, around the same anchor."""
        conv, kernels = image_filter.conv, image_filter.kernels
        matrices = [as_applied(kernel.matrix, conv.operation) for kernel in kernels]
        dilation = as_pair(conv.dilation, "dilation", least=1)
        if len({matrix.shape for matrix in matrices}) > 1:  # then their taps are set apart first
            matrices = [spread(matrix, dilation) for matrix in matrices]
            dilation = (1, 1)
        rows, columns = (max(matrix.shape[axis] for matrix in matrices) for axis in (-2, -1))
        extent = dilation[0] * (rows - 1) + 1, dilation[1] * (columns - 1) + 1
        geometry = conv._replace(dilation=dilation).geometry(extent, (rows, columns))
        flipped = conv.operation == "convolve"
        weights = [embedded(matrix, (rows, columns), flipped) for matrix in matrices]
        return cls(weights, geometry, flipped)


def spread(matrix: NDArray[Any], dilation: Pair) -> NDArray[Any]:
    """Return a kernel with zeros between its taps."""
    rows, columns = (
        d * (side - 1) + 1 for d, side in zip(dilation, matrix.shape[-2:], strict=True)
    )
    spread = np.zeros((*matrix.shape[:-2], rows, columns), matrix.dtype)
    spread[..., :: dilation[0], :: dilation[1]] = matrix
    return spread


def embedded(matrix: NDArray[Any], shape: Pair, flipped: bool) -> NDArray[Any]:
    """Return a kernel with zeros around it, whose anchor is that of the larger size."""
    before = [
        (side + flipped - 1) // 2 - (own + flipped - 1) // 2
        for side, own in zip(shape, matrix.shape[-2:], strict=True)
    ]
    after = [
        side - own - first
        for side, own, first in zip(shape, matrix.shape[-2:], before, strict=True)
    ]
    outside = [(0, 0)] * (matrix.ndim - 2)
    return np.pad(matrix, [*outside, *zip(before, after, strict=True)])
