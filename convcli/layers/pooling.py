"""Layers that reduce windows, whole maps or channels to one value, and instance normalization."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from convcli.choices import Pooling
from convcli.core.dtypes import DOUBLE, float_type
from convcli.core.pooling import pool_geometry, pool_windows
from convcli.geometry import (
    Geometry,
    Padding,
    Pads,
    Pair,
    conv_geometry,
    pads_text,
    pair_text,
    size_text,
)
from convcli.layers.base import LayerPlan, Maps, Shape, pointwise

_MAX_SQUARED = 1e100  # squares of larger values may overflow


@dataclass(frozen=True)
class Pool:
    """The maximum, minimum or mean of each window of each map.

    The fields are the arguments of :func:`convcli.pool`; ``window`` is its ``size``.
    """

    kind: Pooling
    window: Pair
    stride: Pair | None = None
    padding: Padding = 0
    count_padding: bool = True
    ceil: bool = False
    dilation: Pair = (1, 1)

    @property
    def name(self) -> str:
        """``maxpool``, ``minpool`` or ``avgpool``."""
        return f"{self.kind}pool"

    @property
    def label(self) -> str:
        """The name, the window's width x height, and what is not the default."""
        stride = self.stride or self.window
        apart = "" if self.dilation == (1, 1) else f" dilation {pair_text(self.dilation)}"
        step = "" if stride == self.window else f" stride {pair_text(stride)}"
        if isinstance(self.padding, str):
            pads = "" if self.padding == "valid" else self.padding
        else:
            sides = np.asarray(self.padding).ravel().tolist()
            pads = pads_text(sides) if any(sides) else ""
        padded = f" padding {pads}" if pads else ""
        if pads and self.kind == "avg" and not self.count_padding:
            padded += " no-count-padding"
        ceiled = " ceil" if self.ceil else ""
        return f"{self.name} {size_text(self.window)}{apart}{step}{padded}{ceiled}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Count the windows of each map."""
        geometry, _ = self.windows(shape)
        return LayerPlan((*geometry.output_shape, shape[2]), geometry)

    def windows(self, shape: Shape) -> tuple[Geometry, Pads]:
        """Return the windows of each map, and the padding that was asked for.

        With ``ceil``, windows may reach beyond that padding.
        """
        return pool_geometry(
            shape[:2], self.window, self.stride, self.padding, ceil=self.ceil,
            dilation=self.dilation,
        )  # fmt: skip

    def apply(self, maps: Maps) -> Maps:
        """Pool each map."""
        return pool_windows(
            maps,
            self.window,
            self.kind,
            self.stride,
            self.padding,
            count_padding=self.count_padding,
            ceil=self.ceil,
            dilation=self.dilation,
        )


@dataclass(frozen=True)
class _Reduction:
    """The maximum, minimum or mean over some axes of the maps, which keep the length 1."""

    kind: Pooling

    name: ClassVar[str]
    axes: ClassVar[tuple[int, ...]]

    @property
    def label(self) -> str:
        """The name and the kind."""
        return f"{self.name} {self.kind}"

    def apply(self, maps: Maps) -> Maps:
        """Reduce the maps; sums are in float64."""
        if self.kind != "avg":
            reduction = np.maximum if self.kind == "max" else np.minimum
            return np.asarray(reduction.reduce(maps, axis=self.axes, keepdims=True))
        with np.errstate(all="ignore"):
            means = maps.mean(axis=self.axes, keepdims=True, dtype=np.float64)
            return np.asarray(means, float_type(maps.dtype))


class GlobalPool(_Reduction):
    """The maximum, minimum or mean of each whole map."""

    name = "globalpool"
    axes = (0, 1)

    def plan(self, shape: Shape) -> LayerPlan:
        """Reduce each map to one value, whose receptive field is the whole map."""
        return LayerPlan((1, 1, shape[2]), conv_geometry(shape[:2], shape[:2]))


class ChannelPool(_Reduction):
    """The maximum, minimum or mean over the channels, at each position."""

    name = "channelpool"
    axes = (2,)

    def plan(self, shape: Shape) -> LayerPlan:
        """Reduce the channels to one."""
        return pointwise(shape)._replace(shape=(*shape[:2], 1))


@dataclass(frozen=True)
class Normalize:
    """Instance normalization: ``(x - mean) / sqrt(variance + eps)`` of each map.

    The variance is the biased one (divided by n, not n - 1). A constant map becomes 0. Ulyanov,
    Vedaldi and Lempitsky, "Instance normalization" (2016).
    """

    eps: float = 1e-5

    name = "normalize"
    label = "normalize"

    def plan(self, shape: Shape) -> LayerPlan:
        """Keep the shape. The receptive field ignores that the mean depends on the whole map."""
        return pointwise(shape)

    def apply(self, maps: Maps) -> Maps:
        """Normalize each map; sums are in float64."""
        out = np.empty(maps.shape, float_type(maps.dtype))
        with np.errstate(all="ignore"):  # infinities give NaN
            for channel in range(maps.shape[2]):
                # Subtracting the first value makes a constant map exactly 0.
                values = maps[..., channel] - DOUBLE.type(maps[0, 0, channel])
                values -= values.mean()
                largest = np.abs(values).max()
                if largest > _MAX_SQUARED:  # eps is negligible beside such values
                    values /= largest
                values /= np.sqrt(np.square(values).mean() + self.eps * (largest <= _MAX_SQUARED))
                out[..., channel] = values
        return out
