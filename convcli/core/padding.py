"""Borders and padding: which pixel lies at each place of the padded image.

The padded image never exists as a whole. A *strip* is a band of its rows, copied into a small
buffer; the copy converts the number type and adds the border.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Geometry

OUTSIDE = -1  # the index of a place that holds the fill value


@lru_cache(maxsize=16)
def border_index(size: int, before: int, after: int, border: str) -> NDArray[np.intp]:
    """Return, for each place of a padded axis, the index of the pixel that it shows.

    Args:
        size: pixels along the axis.
        before: places of padding before the first pixel; may exceed ``size``, as in ``numpy.pad``.
        after: places of padding after the last pixel.
        border: numpy's name of the border mode.

    Returns:
        (before + size + after,), read-only; ``OUTSIDE`` where the border holds a fill value.

    >>> border_index(3, 2, 2, "reflect").tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    index = np.arange(-before, size + after, dtype=np.intp)
    match border:
        case "edge":
            index = index.clip(0, size - 1)
        case "wrap":
            index %= size
        case "symmetric":
            index %= 2 * size
            index = np.minimum(index, 2 * size - 1 - index)
        case "reflect" if size > 1:
            index %= 2 * size - 2
            index = np.minimum(index, 2 * size - 2 - index)
        case "reflect":
            index[...] = 0
        case _:
            index[(index < 0) | (index >= size)] = OUTSIDE
    index.flags.writeable = False
    return index


class PaddedView:
    """A padded image whose rows can be copied out a band at a time.

    Args:
        image: (H, W, C).
        geometry: pads and sizes.
        border: numpy's name of the border mode.
        fill: the value of ``constant`` and ``zero`` borders.
    """

    def __init__(
        self, image: NDArray[np.generic], geometry: Geometry, border: str, fill: float
    ) -> None:
        (height, width), pads = geometry.input_shape, geometry.pads
        self.image, self.geometry, self.fill = image, geometry, fill
        self.rows = border_index(height, pads.top, pads.bottom, border)
        self.columns = border_index(width, pads.left, pads.right, border)
        self.has_fill = border in ("zero", "constant")

    @property
    def own_dtype(self) -> np.dtype[Any]:
        """The image's type, or float64 if that type cannot hold the fill value."""
        dtype = self.image.dtype
        try:
            with np.errstate(over="ignore"):
                holds_fill = float(dtype.type(self.fill)) == self.fill
        except OverflowError:
            holds_fill = False
        return dtype if holds_fill else np.dtype(np.float64)

    def copy_rows(self, first: int, out: NDArray[np.generic]) -> None:
        """Copy padded rows, from row ``first`` on, into ``out``, (rows, padded width, C)."""
        rows = self.rows[first : first + len(out)]
        width = self.geometry.input_shape[1]
        left = self.geometry.pads.left
        # Neighboring indices never rise by more than 1, so this holds only for unbroken runs.
        unbroken = rows[0] >= 0 and rows[-1] - rows[0] == len(rows) - 1
        source = self.image[rows[0] : rows[-1] + 1] if unbroken else self.image[rows]
        inside = out[:, left : left + width]
        inside[...] = source
        for border in (slice(0, left), slice(left + width, None)):
            columns = self.columns[border]
            if len(columns):
                out[:, border] = inside[:, columns]
                if self.has_fill:
                    out[:, border][:, columns == OUTSIDE] = self.fill
        if self.has_fill and not unbroken:
            out[rows == OUTSIDE] = self.fill


def sample_at_anchors(plane: NDArray[Any], geometry: Geometry, border: str) -> NDArray[Any]:
    """Sample a (H, W) plane at every window's anchor, giving (H', W').

    Anchors in the padding read the border; borders with a fill value read 0.

    >>> from convcli.geometry import conv_geometry
    >>> geometry = conv_geometry((3, 3), (2, 2), padding="valid", stride=1)
    >>> sample_at_anchors(np.arange(9).reshape(3, 3), geometry, "edge").tolist()
    [[0, 1], [3, 4]]
    """
    pads, shapes = geometry.pads, (geometry.input_shape, geometry.output_shape)
    rows, columns = (
        border_index(size, before, after, border)[anchor::step][:count]
        for size, count, before, after, anchor, step in zip(
            *shapes, pads[::2], pads[1::2], geometry.anchor, geometry.stride, strict=True
        )
    )
    samples = plane[np.ix_(rows, columns)]
    samples[rows == OUTSIDE] = 0
    samples[:, columns == OUTSIDE] = 0
    return samples
