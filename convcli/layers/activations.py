"""Layers that take one value at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convcli.core.dtypes import float_type
from convcli.layers.base import LayerPlan, Maps, Shape


def relu(maps: Maps) -> Maps:
    """Return 0 in place of what is negative; NaN stays."""
    return np.asarray(np.maximum(maps, maps.dtype.type(0)))


def sigmoid(maps: Maps) -> Maps:
    """Return ``1 / (1 + exp(-x))``, without overflow at either end.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    values = maps.astype(float_type(maps.dtype))
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values < 0, small, values.dtype.type(1)) / (1 + small))


def tanh(maps: Maps) -> Maps:
    """Return the hyperbolic tangent."""
    return np.asarray(np.tanh(maps, dtype=float_type(maps.dtype)))


def magnitude(maps: Maps) -> Maps:
    """Return how far from 0 each value is."""
    return np.asarray(np.abs(maps))


ACTIVATIONS: dict[str, Callable[[Maps], Maps]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "abs": magnitude,
}


@dataclass(frozen=True)
class Activation:
    """A function of each value; ``name`` is in :data:`ACTIVATIONS`."""

    name: str

    @property
    def label(self) -> str:
        """Its name."""
        return self.name

    def plan(self, shape: Shape) -> LayerPlan:
        """Return what is as it was."""
        return LayerPlan(shape)

    def apply(self, maps: Maps) -> Maps:
        """Return the function's values."""
        with np.errstate(under="ignore"):
            return ACTIVATIONS[self.name](maps)


@dataclass(frozen=True)
class LeakyRelu:
    """``slope * x`` in place of what is negative."""

    slope: float = 0.01

    name = "leaky-relu"

    @property
    def label(self) -> str:
        """Its name and slope."""
        return f"{self.name} {self.slope:g}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Return what is as it was."""
        return LayerPlan(shape)

    def apply(self, maps: Maps) -> Maps:
        """Return floats, as a slope makes them."""
        values = maps.astype(float_type(maps.dtype))
        return np.where(values < 0, values * values.dtype.type(self.slope), values)
