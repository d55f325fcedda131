"""What every layer is: its sizes from numbers alone, and its maps."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]  # rows, columns, channels
Maps = NDArray[Any]

LARGEST = 2**31 - 1


class LayerPlan(NamedTuple):
    """A layer laid over an input.

    Attributes:
        shape: of what comes out: rows, columns, channels.
        rows: (kernel, stride, padding before, dilation) downwards, for the receptive field;
            leading ones alone may be given.
        columns: the same across.
        parameters: how many numbers training would find: weights, and biases where it has them.
        multiply_adds: products of a pixel and a weight, to be added up.
    """

    shape: Shape
    rows: tuple[int, ...] = (1,)
    columns: tuple[int, ...] = (1,)
    parameters: int = 0
    multiply_adds: int = 0


class Layer(Protocol):
    """One step of a chain."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""

    @property
    def label(self) -> str:
        """Its name and what tells it from others of its kind: ``conv sobel-x``, ``maxpool 2x2``."""

    def plan(self, shape: Shape) -> LayerPlan:
        """Lay it over an input of this shape.

        Raises:
            UsageError: nothing would come out, or the channels do not suit it.
        """

    def apply(self, maps: Maps) -> Maps:
        """Return (H', W', C') of (H, W, C), which stays as it is.

        Integers are of at most 32 bits, and larger than their type's least: see :func:`settled`.

        Raises:
            UsageError: as :meth:`conv_geometry`.
        """


def settled(maps: Maps) -> Maps:
    """Return maps in the numbers that layers work on.

    Integers stay integers as long as 32 bits hold them, and become float64 beyond; floats stay
    float32 or float64. No number changes below 2**53.

    >>> settled(np.array([[[-128]]], np.int8)).dtype, settled(np.array([[[1 << 40]]])).dtype
    (dtype('int32'), dtype('float64'))
    """
    kind = maps.dtype
    if kind.kind == "f":
        return maps if kind.itemsize >= 4 else maps.astype(np.float32)
    if kind.kind != "i" and kind.itemsize <= 2:
        return maps.astype(np.uint8) if kind.kind == "b" else maps
    small = int(maps.min()) >= -LARGEST and int(maps.max()) <= LARGEST
    return maps.astype(np.int32 if small else np.float64, copy=False)
