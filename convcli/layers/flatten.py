"""Flattening: all values of the maps become maps of one value each."""

from dataclasses import dataclass

import numpy as np

from convcli.geometry import conv_geometry
from convcli.layers.base import LayerPlan, Maps, Shape


@dataclass(frozen=True)
class Flatten:
    """Turn maps (H, W, C) into C * H * W maps of one value: map by map, row by row.

    This is the order of torch and ONNX, which store maps as (C, H, W). A dense layer after it is a
    convolution with a bank (N, C * H * W, 1, 1).
    """

    name = "flatten"
    label = "flatten"

    def plan(self, shape: Shape) -> LayerPlan:
        """Count the values. The receptive field is that of all values together, the whole maps."""
        rows, columns, channels = shape
        return LayerPlan((1, 1, rows * columns * channels), conv_geometry(shape[:2], shape[:2]))

    def apply(self, maps: Maps) -> Maps:
        """Put all values into one row."""
        return np.ascontiguousarray(np.moveaxis(maps, 2, 0)).reshape(1, 1, -1)
