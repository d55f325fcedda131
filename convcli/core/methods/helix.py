"""Small images by one call: a window is a run of the strip, from its first tap to its last.

Rows of a strip follow each other in memory, as on a string wound around a cylinder. So a window is
a run of it with gaps, and a kernel with zeros in these gaps is one row of weights. One call of
numpy multiplies all runs with it where they lie: 64 windows of 15x15 take 4 us, zeros included. To
choose among methods and to prepare the products of any other one takes 100 us.

Source: Claerbout, *Multidimensional recursive filters via a helix*, Geophysics 63, 1998.

Integers come out exactly if float64 holds their sums. NaN would spread to the zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.errors import count_text
from convcli.geometry import Geometry

# Nanoseconds of the call, of each value, and of each weight of a value, zeros included;
# tests/benchmarks/crossovers.py measures them.
CALL_COST, VALUE_COST, WEIGHT_COST = 1000, 7, 0.1


class HelixMethod(SumMethod):
    """Sum the windows of a (kh, kw) kernel in float64, by one call.

    Args:
        types: weights and accumulator.
        geometry: pads, stride, dilation and sizes.
    """

    name = "direct"
    dtype = DOUBLE
    is_bound = True

    def __init__(self, types: SumTypes, geometry: Geometry) -> None:
        self.types, self.geometry = types, geometry

    @cached_property
    def weights(self) -> NDArray[Any]:
        """The weights of a run, with zeros between the taps."""
        (rows, columns), (down, across) = self.geometry.kernel, self.geometry.dilation
        pitch = self.geometry.padded_shape[1]
        spread = np.zeros((rows, down * pitch))
        spread[:, : columns * across : across] = self.types.weights
        return spread.reshape(-1)[: length(self.geometry)]

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time: all, since there are few."""
        return self.geometry.output_shape[0]

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        taps = count_text(int(np.count_nonzero(self.types.weights)), "tap")
        return f"{taps} in one call over {self.dtype}"

    def bind(
        self, strip: NDArray[Any], rows: int, workspace: Workspace
    ) -> Callable[[], NDArray[Any]]:
        """Return what sums the windows."""
        weights, (_, width, channels) = self.weights, strip.shape
        shape = rows, self.geometry.output_shape[1], channels
        item = strip.itemsize
        down, across = self.geometry.stride
        windows: NDArray[Any] = np.ndarray(
            (*shape, len(weights)),
            strip.dtype,
            strip,
            0,
            (down * width * channels * item, across * channels * item, item, channels * item),
        )
        sums = workspace.take_sums(shape, self.dtype)

        def multiply() -> NDArray[Any]:
            np.vecdot(windows, weights, out=sums)
            return sums.astype(self.types.accumulator) if self.types.is_exact else sums

        return multiply


def length(geometry: Geometry) -> int:
    """Return the values of a run."""
    rows, columns = geometry.extent
    return (rows - 1) * geometry.padded_shape[1] + columns


def cost(geometry: Geometry, channels: int) -> float:
    """Return the nanoseconds that all sums take."""
    values = geometry.output_shape[0] * geometry.output_shape[1] * channels
    return CALL_COST + values * (VALUE_COST + WEIGHT_COST * length(geometry))
