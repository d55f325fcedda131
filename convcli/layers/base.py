"""What every layer provides: its output shape and costs from numbers alone, and its maps."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Geometry, conv_geometry

Shape = tuple[int, int, int]  # rows, columns, channels
Maps = NDArray[Any]  # (H, W, C)

MAX_INT = 2**31 - 1


class LayerPlan(NamedTuple):
    """What a layer gives for an input shape.

    Attributes:
        shape: rows, columns and channels of the output.
        geometry: the windows that outputs read; of several kernels, the largest ones.
        parameters: the number of weights and biases that training would find.
        multiply_adds: the number of products of a value and a weight.
    """

    shape: Shape
    geometry: Geometry
    parameters: int = 0
    multiply_adds: int = 0


def pointwise(shape: Shape) -> LayerPlan:
    """Plan a layer that computes each value from one value, and keeps the shape."""
    return LayerPlan(shape, conv_geometry(shape[:2], (1, 1)))


class AddedValues(NamedTuple):
    """The values of its input that add to one output of a layer that enlarges maps.

    Attributes:
        rows, columns: their places; empty if there is none.
        channels: the maps.
        weights: (maps, rows, columns), by which they are multiplied.
        taps: the rows and the columns of the kernel that these weights are; empty if every place
            has weights of its own.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    channels: range
    weights: NDArray[Any]
    taps: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())


class Layer(Protocol):
    """One layer of a network."""

    @property
    def name(self) -> str:
        """The layer's name on the command line."""

    @property
    def label(self) -> str:
        """The name with the arguments that matter: ``conv sobel-x``, ``maxpool 2x2``."""

    def plan(self, shape: Shape) -> LayerPlan:
        """Compute the output shape and the costs for an input shape.

        Raises:
            UsageError: the output would be empty, or the layer needs other channels.
        """

    def apply(self, maps: Maps) -> Maps:
        """Compute the output maps (H', W', C') of (H, W, C); the input is not modified.

        Integers come with at most 32 bits, and above their type's minimum, so that magnitudes
        do not overflow: see :func:`as_working_type`.

        Raises:
            UsageError: as :meth:`plan`, or sums exceed 64-bit integers.
        """


def as_working_type(maps: Maps) -> Maps:
    """Convert maps to a type that layers compute with.

    Integers stay integers if 32 bits hold them, and become float64 otherwise; floats are float32
    or float64. No value below 2**53 changes.

    >>> as_working_type(np.array([[[-128]]], np.int8)).dtype
    dtype('int32')
    >>> as_working_type(np.array([[[1 << 40]]])).dtype
    dtype('float64')
    """
    dtype = maps.dtype
    if dtype.kind == "f":
        return maps if dtype.itemsize >= 4 else maps.astype(np.float32)
    if dtype.kind != "i" and dtype.itemsize <= 2:
        return maps.astype(np.uint8) if dtype.kind == "b" else maps
    fits = int(maps.min()) >= -MAX_INT and int(maps.max()) <= MAX_INT
    return maps.astype(np.int32 if fits else np.float64, copy=False)
