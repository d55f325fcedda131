"""Activation layers: functions of single values, and softmax."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convcli.core.dtypes import float_type
from convcli.layers.base import LayerPlan, Maps, Shape, pointwise


def relu(maps: Maps) -> Maps:
    """Replace negative values by 0; NaN stays NaN."""
    return np.asarray(np.maximum(maps, maps.dtype.type(0)))


def sigmoid(maps: Maps) -> Maps:
    """Compute ``1 / (1 + exp(-x))`` without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    values = maps.astype(float_type(maps.dtype))
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values < 0, small, values.dtype.type(1)) / (1 + small))


def tanh(maps: Maps) -> Maps:
    """Compute the hyperbolic tangent."""
    return np.asarray(np.tanh(maps, dtype=float_type(maps.dtype)))


def magnitude(maps: Maps) -> Maps:
    """Compute absolute values."""
    return np.asarray(np.abs(maps))


ACTIVATIONS: dict[str, Callable[[Maps], Maps]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "abs": magnitude,
}


@dataclass(frozen=True)
class Activation:
    """A function from :data:`ACTIVATIONS`, applied to each value."""

    name: str

    @property
    def label(self) -> str:
        """The function's name."""
        return self.name

    def plan(self, shape: Shape) -> LayerPlan:
        """Keep the shape."""
        return pointwise(shape)

    def apply(self, maps: Maps) -> Maps:
        """Compute the function of every value."""
        with np.errstate(all="ignore"):
            return ACTIVATIONS[self.name](maps)


@dataclass(frozen=True)
class LeakyRelu:
    """Multiply negative values by ``slope``; the result is floating point."""

    slope: float = 0.01

    name = "leaky-relu"

    @property
    def label(self) -> str:
        """The name and the slope."""
        return f"{self.name} {self.slope:g}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Keep the shape."""
        return pointwise(shape)

    def apply(self, maps: Maps) -> Maps:
        """Compute the function of every value."""
        values = maps.astype(float_type(maps.dtype))
        with np.errstate(all="ignore"):
            return np.where(values < 0, values * values.dtype.type(self.slope), values)


@dataclass(frozen=True)
class Softmax:
    """``exp(x) / sum(exp(x))`` over the maps, at each position: shares that add up to 1."""

    name = "softmax"
    label = "softmax"

    def plan(self, shape: Shape) -> LayerPlan:
        """Keep the shape."""
        return pointwise(shape)

    def apply(self, maps: Maps) -> Maps:
        """Compute the shares, without overflow."""
        values = maps.astype(float_type(maps.dtype))
        with np.errstate(all="ignore"):  # infinities give NaN
            values -= values.max(axis=2, keepdims=True)
            np.exp(values, out=values)
            return np.asarray(values / values.sum(axis=2, keepdims=True))
