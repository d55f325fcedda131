"""Batch normalization with the numbers that a trained network holds."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from convcli.core.dtypes import float_type
from convcli.errors import UsageError, count_text
from convcli.layers.base import LayerPlan, Maps, Shape, pointwise

Numbers = float | tuple[float, ...]  # for all maps, or one for each


class MapNumbers(NamedTuple):
    """By which one map is normalized: ``(x - mean) / sqrt(var + eps) * weight + bias``."""

    mean: float
    var: float
    weight: float
    bias: float


@dataclass(frozen=True)
class BatchNorm:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` of each map, as torch and ONNX infer.

    Ioffe and Szegedy, "Batch normalization" (2015).

    Attributes:
        mean, var: of the values that a map had in training.
        weight, bias: learned; None for 1 and 0.
        eps: added to the variance.
    """

    mean: Numbers
    var: Numbers
    weight: Numbers | None = None
    bias: Numbers | None = None
    eps: float = 1e-5

    name = "batchnorm"
    label = "batchnorm"

    def __post_init__(self) -> None:
        if np.min(self.var) < 0:
            raise UsageError(f"--var must not be negative, and {np.min(self.var):g} is")

    def plan(self, shape: Shape) -> LayerPlan:
        """Keep the shape; the weights and biases are parameters.

        Raises:
            UsageError: there are more or fewer numbers than maps.
        """
        for name in ("mean", "var", "weight", "bias"):
            numbers = getattr(self, name)
            if isinstance(numbers, tuple) and len(numbers) != shape[2]:
                counted = count_text(len(numbers), "number")
                raise UsageError(f"--{name} has {counted} for {count_text(shape[2], 'map')}")
        learned = (self.weight is not None) + (self.bias is not None)
        return pointwise(shape)._replace(parameters=learned * shape[2])

    def numbers(self, channel: int) -> MapNumbers:
        """Return the numbers of one map."""
        given = self.mean, self.var, self.weight, self.bias
        own = (each[channel] if isinstance(each, tuple) else each for each in given)
        mean, var, weight, bias = own
        return MapNumbers(mean or 0, var or 0, 1 if weight is None else weight, bias or 0)

    def apply(self, maps: Maps) -> Maps:
        """Normalize each map, in float64 before the result is rounded."""
        out = np.empty(maps.shape, float_type(maps.dtype))
        with np.errstate(all="ignore"):  # infinite where float32 overflows
            for channel in range(maps.shape[2]):
                mean, var, weight, bias = self.numbers(channel)
                factor = weight / np.sqrt(var + self.eps)
                out[..., channel] = (maps[..., channel] - np.float64(mean)) * factor + bias
        return out
