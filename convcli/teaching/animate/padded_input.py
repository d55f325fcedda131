"""An input with its padding, which windows slide over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.padding import pad_array, promoted
from convcli.geometry import Geometry, Pads, Pair


class SeenWindow(NamedTuple):
    """What lies under a window in one channel; arrays of the kernel's rows and columns.

    Attributes:
        values: the numbers; where one is missing, NaN or the value at the anchor.
        padding: which are padding.
        left_out: which are missing, and take no other value.
        filled: which are missing, and take the value at the anchor.
    """

    values: NDArray[Any]
    padding: NDArray[np.bool]
    left_out: NDArray[np.bool]
    filled: NDArray[np.bool]


class PaddedInput(NamedTuple):
    """An input with its padding.

    Attributes:
        pixels: (H, W) or (H, W, C), padding included.
        pads: the padding on each side.
        missing: which pixels are missing, (H, W) or (H, W, C), padding included; None for none.
    """

    pixels: NDArray[Any]
    pads: Pads
    missing: NDArray[np.bool] | None = None

    @classmethod
    def of(
        cls,
        pixels: NDArray[Any],
        pads: Pads,
        border: str,
        fill: float,
        missing: NDArray[np.bool] | None = None,
    ) -> PaddedInput:
        """Pad an image, (H, W) or (H, W, C), and which of its pixels are missing.

        ``border`` is numpy's name of the mode. Padding of a fixed value is not missing.
        """
        if missing is not None:
            missing = pad_array(missing, pads, border, False)
        return cls(pad_array(promoted(pixels, fill), pads, border, fill), pads, missing)

    @property
    def shape(self) -> Pair:
        """Rows and columns without the padding."""
        pads, (rows, columns) = self.pads, self.pixels.shape[:2]
        return rows - pads.top - pads.bottom, columns - pads.left - pads.right

    def window(
        self, geometry: Geometry, at: Pair, channel: int = 0, *, takes_anchor: bool = False
    ) -> SeenWindow:
        """Return what lies under the window of an output in one channel.

        The padding of ``geometry`` is at most that of the input.

        Args:
            geometry: of the kernel.
            at: the position in the feature map.
            channel: of the input.
            takes_anchor: whether missing values take the one at the anchor.
        """
        places, outside, anchor = [], [], []
        for axis, before in enumerate((self.pads.top, self.pads.left)):
            taps, stride, own, step = geometry.along(axis)
            first = at[axis] * stride - own
            place = first + np.arange(taps) * step
            places.append(place + before)
            outside.append((place < 0) | (place >= self.shape[axis]))
            anchor.append(first + geometry.anchor[axis] + before)
        window, under_anchor = np.ix_(*places), tuple(anchor)
        plane = self.pixels if self.pixels.ndim == 2 else self.pixels[..., channel]
        values, padding = plane[window], np.logical_or.outer(*outside)
        none = np.zeros(values.shape, np.bool)
        if self.missing is None:
            return SeenWindow(values, padding, none, none)
        lost = self.missing if self.missing.ndim == 2 else self.missing[..., channel]
        missing = lost[window]
        if takes_anchor and not lost[under_anchor]:
            return SeenWindow(
                np.where(missing, plane[under_anchor], values), padding, none, missing
            )
        values = np.where(missing, np.nan, values) if missing.any() else values
        return SeenWindow(values, padding, missing, none)
