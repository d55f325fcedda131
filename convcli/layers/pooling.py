"""Layers that make one value of several: windows, whole maps, channels; and the normalization."""

from dataclasses import dataclass

import numpy as np

from convcli.core.dtypes import DOUBLE, float_type
from convcli.core.pooling import pool_geometry, pool_windows
from convcli.geometry import Pair, pair_text, size_text
from convcli.layers.base import LayerPlan, Maps, Shape

_SQUARED = 1e100  # greater numbers may overflow when they are squared


@dataclass(frozen=True)
class Pool:
    """The maximum or the mean of each window; see :func:`convcli.pool`."""

    kind: str
    size: Pair
    stride: Pair | None = None
    padding: Pair = (0, 0)
    count_padding: bool = True
    ceil: bool = False

    @property
    def name(self) -> str:
        """``maxpool`` or ``avgpool``."""
        return f"{self.kind}pool"

    @property
    def label(self) -> str:
        """Its name, the window's width x height, and the stride where it is another."""
        stride = self.stride or self.size
        step = "" if stride == self.size else f" stride {pair_text(stride)}"
        return f"{self.name} {size_text(self.size)}{step}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Lay the windows over each channel."""
        plan = pool_geometry(shape[:2], self.size, self.stride, self.padding, ceil=self.ceil)
        return LayerPlan((*plan.output_shape, shape[2]), plan.along(0), plan.along(1))

    def apply(self, maps: Maps) -> Maps:
        """Pool each channel."""
        return pool_windows(
            maps,
            self.size,
            self.kind,
            self.stride,
            self.padding,
            count_padding=self.count_padding,
            ceil=self.ceil,
        )


@dataclass(frozen=True)
class GlobalPool:
    """The maximum or the mean over all positions of each map."""

    kind: str
    name = "globalpool"

    @property
    def label(self) -> str:
        """Its name and kind."""
        return f"{self.name} {self.kind}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Leave one position, which sees all of them."""
        return LayerPlan((1, 1, shape[2]), (shape[0],), (shape[1],))

    def apply(self, maps: Maps) -> Maps:
        """Return (1, 1, C)."""
        return _reduced(maps, self.kind, (0, 1))


@dataclass(frozen=True)
class ChannelPool:
    """The maximum or the mean over the channels at each position."""

    kind: str
    name = "channelpool"

    @property
    def label(self) -> str:
        """Its name and kind."""
        return f"{self.name} {self.kind}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Leave one channel."""
        return LayerPlan((*shape[:2], 1))

    def apply(self, maps: Maps) -> Maps:
        """Return (H, W, 1)."""
        return _reduced(maps, self.kind, (2,))


@dataclass(frozen=True)
class Normalize:
    """``(x - mean) / sqrt(variance + eps)`` of each map over all its positions.

    The variance is the mean square distance from the mean (divided by n, not n - 1), as in the
    instance normalization of networks. A constant map becomes 0.
    """

    eps: float = 1e-5

    name = "normalize"
    label = "normalize"

    def plan(self, shape: Shape) -> LayerPlan:
        """Return what is as it was; that a map's mean sees all of it is left out of account."""
        return LayerPlan(shape)

    def apply(self, maps: Maps) -> Maps:
        """Return floats; the sums are in float64, map by map."""
        out = np.empty(maps.shape, float_type(maps.dtype))
        with np.errstate(invalid="ignore", over="ignore"):  # of infinities come NaN
            for channel in range(maps.shape[2]):
                # Away from the first value: of a constant map nothing at all is left.
                values = maps[..., channel] - DOUBLE.type(maps[0, 0, channel])
                values -= values.mean()
                greatest = np.abs(values).max()
                if greatest > _SQUARED:  # eps is nothing beside such numbers
                    values /= greatest
                values /= np.sqrt(np.square(values).mean() + self.eps * (greatest <= _SQUARED))
                out[..., channel] = values
        return out


def _reduced(maps: Maps, kind: str, axes: tuple[int, ...]) -> Maps:
    if kind == "max":
        return np.asarray(maps.max(axis=axes, keepdims=True))
    with np.errstate(invalid="ignore", over="ignore"):
        means = maps.mean(axis=axes, keepdims=True, dtype=np.float64)
        return np.asarray(means, float_type(maps.dtype))
