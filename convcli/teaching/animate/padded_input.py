"""An input with its padding, which windows slide over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.padding import can_hold, pad_array
from convcli.geometry import Geometry, Pads, Pair


class PaddedInput(NamedTuple):
    """An input with its padding.

    Attributes:
        pixels: (H, W) or (H, W, C), padding included.
        pads: the padding on each side.
    """

    pixels: NDArray[Any]
    pads: Pads

    @classmethod
    def of(cls, pixels: NDArray[Any], pads: Pads, border: str, fill: float) -> PaddedInput:
        """Pad an image, (H, W) or (H, W, C); ``border`` is numpy's name of the mode."""
        held = pixels if can_hold(pixels.dtype, fill) else pixels.astype(np.float64)
        return cls(pad_array(held, pads, border, fill), pads)

    @property
    def shape(self) -> Pair:
        """Rows and columns without the padding."""
        pads, (rows, columns) = self.pads, self.pixels.shape[:2]
        return rows - pads.top - pads.bottom, columns - pads.left - pads.right

    def window(
        self, geometry: Geometry, at: Pair, channel: int = 0
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the values of one channel under the window of an output, and which are padding.

        The padding of ``geometry`` is at most that of the input.
        """
        places, outside = [], []
        for axis, before in enumerate((self.pads.top, self.pads.left)):
            taps, stride, own, step = geometry.along(axis)
            place = at[axis] * stride - own + np.arange(taps) * step
            places.append(place + before)
            outside.append((place < 0) | (place >= self.shape[axis]))
        plane = self.pixels if self.pixels.ndim == 2 else self.pixels[..., channel]
        return plane[np.ix_(*places)], np.logical_or.outer(*outside)
