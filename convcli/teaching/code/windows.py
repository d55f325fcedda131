"""The weights of a filter's kernels as they are applied, and how their windows lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.plan import as_applied
from convcli.filtering.filter import Filter
from convcli.geometry import ConvOptions, Geometry, Pair, as_pair, conv_geometry

_LARGE_SHAPE = (1 << 20, 1 << 20)  # an image that every kernel fits


class Windows(NamedTuple):
    """The weights of each kernel as they are applied, all of one size, and how windows lie.

    Attributes:
        weights: (kh, kw) or (C, kh, kw) of each kernel.
        geometry: for an image of one window.
        flipped: whether ``convolve`` has turned the weights.
        moves: the size of each kernel that lies in the corner of its matrix, for a program to move
            it, where sizes differ and pads depend on the image; else none.
    """

    weights: list[NDArray[Any]]
    geometry: Geometry
    flipped: bool
    moves: tuple[Pair, ...] = ()

    @classmethod
    def of(cls, image_filter: Filter) -> Windows:
        """Give kernels of different sizes the size of the largest, around the same anchor.

        Where the pads of each depend on the image, they lie in the corner instead.
        """
        conv, kernels = image_filter.conv, image_filter.kernels
        matrices = [as_applied(kernel.matrix, conv.operation) for kernel in kernels]
        extents = [conv.geometry(_LARGE_SHAPE, kernel.shape) for kernel in kernels]
        flipped = conv.operation == "convolve"
        if len({kernel.shape for kernel in kernels}) == 1:
            geometry = conv.geometry(extents[0].extent, kernels[0].shape)
            return cls(matrices, geometry, flipped)
        # Zeros around them bring the anchors together. Their taps are set apart first.
        dilation = extents[0].dilation
        moves = tuple(each.extent for each in extents) if depends_on_size(conv) else ()
        anchors = [(0, 0) if moves else each.anchor for each in extents]
        ends = [
            (anchor[axis], each.extent[axis] - 1 - anchor[axis])
            for axis in (0, 1)
            for each, anchor in zip(extents, anchors, strict=True)
        ]
        count = len(kernels)
        (top, bottom), (left, right) = (
            tuple(map(max, zip(*part, strict=True))) for part in (ends[:count], ends[count:])
        )
        weights = [
            np.pad(
                spread(matrix, dilation),
                [(0, 0)] * (matrix.ndim - 2)
                + [(top - up, bottom - down), (left - before, right - after)],
            )
            for matrix, (up, down), (before, after) in zip(
                matrices, ends[:count], ends[count:], strict=True
            )
        ]
        size = top + bottom + 1, left + right + 1
        geometry = conv_geometry(
            size, size, (top, bottom, left, right), conv.stride, anchor=(top, left)
        )
        return cls(weights, geometry, flipped, moves)


def depends_on_size(conv: ConvOptions) -> bool:
    """Return whether the pads are not the same for every image."""
    stride = as_pair(conv.stride, "stride", least=1)
    return conv.padding in ("same-upper", "same-lower") and stride != (1, 1)


def spread(matrix: NDArray[Any], dilation: Pair) -> NDArray[Any]:
    """Return a kernel with zeros between its taps."""
    rows, columns = (
        d * (side - 1) + 1 for d, side in zip(dilation, matrix.shape[-2:], strict=True)
    )
    spread = np.zeros((*matrix.shape[:-2], rows, columns), matrix.dtype)
    spread[..., :: dilation[0], :: dilation[1]] = matrix
    return spread
