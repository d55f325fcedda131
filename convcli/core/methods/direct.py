"""Shift and accumulate: one pass over a strip for each tap.

Integers are summed modulo ``2**bits`` of their type. Since the final sum fits, it is exact even if
partial sums overflow. Sums in float32 are used only if :class:`convcli.core.precision.Precision`
finds them accurate. The cost is one pass a tap and one for each magnitude other than 1, or less:
see :mod:`convcli.core.methods.taps` and :mod:`convcli.core.methods.passes`. A stride is removed
first by :mod:`convcli.core.methods.polyphase`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SINGLE, SumTypes
from convcli.core.methods.base import SumMethod, Workspace, run_calls
from convcli.core.methods.passes import Passes
from convcli.core.methods.polyphase import Polyphase
from convcli.core.methods.taps import TapSchedule
from convcli.core.precision import Partials, Precision
from convcli.core.threads import MIN_THREADED_SIZE
from convcli.errors import count_text
from convcli.geometry import Geometry

# Every pass synchronizes the threads, so strips are larger than the cache alone would suggest, yet
# there are at least MIN_STRIPS of them, so that no thread idles.
STRIP_BYTES = 1 << 21
MIN_STRIPS = 4
LARGEST_EXPONENT = 1023  # of float64: all numbers below 2.0**1023 are finite
ROUNDINGS = 2  # of a term's products, beside one for each tap that is added


class DirectMethod(SumMethod):
    """Sum the windows tap by tap.

    Args:
        schedules: returns one for each map of a kernel that sums over channels, else one.
        types: weights and bias.
        geometry: stride, dilation and sizes.
        dtype: type of the sums.
        narrow: type of the strips, if that holds the sums of a column; None for ``dtype``.
    """

    dtype: np.dtype[Any]
    is_bound = can_move = True

    def __init__(
        self,
        schedules: Callable[[], list[TapSchedule]],
        types: SumTypes,
        geometry: Geometry,
        dtype: np.dtype[Any],
        narrow: np.dtype[Any] | None = None,
    ) -> None:
        self.schedules, self.types, self.geometry = schedules, types, geometry
        self.summed_in, self.dtype = dtype, narrow or dtype
        self._passes: dict[tuple[int, ...], list[Passes]] = {}  # of each shape of a strip

    @property
    def name(self) -> str:
        """The way that the taps are summed: all of them, or a column and then a row."""
        return "direct" if self.schedules()[0].column is None else "separable"

    @property
    def sums_all(self) -> bool:
        """Whether the sums of every strip are accurate: but for float32, they are."""
        return self.dtype != SINGLE

    @cached_property
    def precision(self) -> Precision | None:
        """The bound on the error of sums in float32."""
        if self.sums_all:
            return None
        schedules = self.schedules()
        taps, norms = zip(*((each.taps, each.l1_norm) for each in schedules), strict=True)
        partials = Partials.any_order(max(taps) + ROUNDINGS, max(norms))
        total = None
        if not self.types.summed:
            # Of opposite weights that is 0, in any order, as their sum over an even image is.
            total = math.fsum(self.types.weights.ravel().tolist())
        # Outline takes a third of the time on a float32 image of six levels near white.
        return Precision(partials, self.types.bias, self.types.spread, total)

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        return rows_per_strip(self.geometry, channels, self.summed_in)

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        schedules = self.schedules()
        taps = sum(schedule.taps for schedule in schedules)
        cost = count_text(sum(schedule.cost for schedule in schedules), "pass")
        is_split = schedules[0].column is not None and schedules[0].rest.any()
        how = "a box and a rest, " if is_split else ""
        return f"{how}{count_text(taps, 'tap')} in at most {cost} over {self.summed_in}"

    def bind(
        self, strip: NDArray[Any], rows: int, workspace: Workspace
    ) -> Callable[[], NDArray[Any]]:
        """Return what sums the windows tap by tap."""
        sum_taps = self._bind_passes(strip, rows, workspace)
        if self.dtype != DOUBLE:
            return sum_taps

        def sum_doubles() -> NDArray[Any]:
            sums = sum_taps()
            if math.isfinite(float(np.einsum("ijk->", sums))):
                return sums
            return self._without_overflow(strip, sums, rows, workspace)

        return sum_doubles

    def _bind_passes(
        self, strip: NDArray[Any], rows: int, workspace: Workspace
    ) -> Callable[[], NDArray[Any]]:
        phases = Polyphase.of(strip, self.geometry, workspace, summed=self.types.summed)
        columns = self.geometry.output_shape[1]
        passes = self._passes.get(strip.shape)
        if passes is None:
            passes = self._passes[strip.shape] = [
                Passes(schedule, phases, self.geometry, rows, self.summed_in)
                for schedule in self.schedules()
            ]
        bound = []
        for one in passes:
            calls, flat = one.bind(phases.planes, workspace)
            bound.append((calls, flat.reshape(rows, -1, phases.interleaved)[:, :columns]))

        def sum_taps() -> NDArray[Any]:
            phases.fill()
            if len(bound) == 1:
                [(calls, sums)] = bound
                run_calls(calls)
                return sums
            maps = []
            for calls, sums in bound:
                run_calls(calls)
                maps.append(sums.copy())
            return np.concatenate(maps, axis=2)

        return sum_taps

    def _without_overflow(
        self, strip: NDArray[Any], sums: NDArray[Any], rows: int, workspace: Workspace
    ) -> NDArray[Any]:
        """Sum values divided by a power of 2 where partial sums may have overflowed."""
        flat = strip.reshape(-1)
        # These leave NaN out, and take a fiftieth of the time of a copy with 0 in its place.
        ends = np.fmin.reduce(flat), np.fmax.reduce(flat)
        if np.isinf(ends).any():
            finite = np.isfinite(flat)
            ends = tuple(end.reduce(flat, where=finite, initial=0) for end in (np.fmin, np.fmax))
        highest = max(abs(float(end)) for end in np.nan_to_num(ends))
        # Equal weights are multiplied after their values are added.
        weights = self.types.weights
        weight = max(float(weights.max()), -float(weights.min()), 1.0)
        bits = math.frexp(highest)[1] + math.frexp(weight)[1] + weights.size.bit_length()
        excess = bits - LARGEST_EXPONENT
        if excess <= 0:
            return sums
        sums = sums.copy()
        divided = self._bind_passes(np.ldexp(strip, -excess), rows, workspace)()
        np.ldexp(divided, excess, out=sums, where=~np.isfinite(sums))
        return sums


def rows_per_strip(geometry: Geometry, channels: int, dtype: np.dtype[Any]) -> int:
    """Return the number of output rows in a strip whose pixels have type ``dtype``."""
    row = geometry.padded_shape[1] * channels * dtype.itemsize
    whole = row * geometry.input_shape[0]
    most = STRIP_BYTES
    if channels * geometry.input_shape[0] * geometry.input_shape[1] >= MIN_THREADED_SIZE:
        most = min(most, max(whole // MIN_STRIPS, STRIP_BYTES // 2))
    # Rows that two strips share are copied twice, so a tall kernel needs tall strips.
    least = max(geometry.extent[0] // geometry.stride[0], 1)
    height = geometry.output_shape[0]
    strips = -(-height // max(most // row // geometry.stride[0], least))
    # An even number of equal strips, so that two threads end at the same time.
    return max(-(-height // (strips + strips % 2 * (strips > 1))), least)
