"""Shift and accumulate: one pass over a strip for each tap.

Integers are summed modulo ``2**bits`` of their type. Since the final sum fits, it is exact even if
partial sums overflow. Sums in float32 are used only if :class:`convcli.core.precision.Precision`
finds them accurate. The cost is one pass a tap and one for each magnitude other than 1, or less:
see :mod:`convcli.core.methods.taps` and :mod:`convcli.core.methods.passes`. A stride is removed
first by :mod:`convcli.core.methods.polyphase`.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import SumTypes
from convcli.core.methods.base import SumMethod, Workspace
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
ROUNDINGS = 2  # of a term's products, beside one for each tap that is added


class DirectMethod(SumMethod):
    """Sum the windows tap by tap.

    Args:
        schedules: returns one for each map of a kernel that sums over channels, else one.
        types: weights and bias.
        geometry: stride, dilation and sizes.
        dtype: type of the strips and of the sums.
    """

    dtype: np.dtype[Any]

    def __init__(
        self,
        schedules: Callable[[], list[TapSchedule]],
        types: SumTypes,
        geometry: Geometry,
        dtype: np.dtype[Any],
    ) -> None:
        self.schedules, self.types, self.geometry, self.dtype = schedules, types, geometry, dtype
        self._passes: dict[tuple[int, ...], list[Passes]] = {}  # of each shape of a strip

    @cached_property
    def precisions(self) -> list[Precision]:
        """Those of the schedules."""
        bias, schedules = self.types.bias, self.schedules()
        biases = bias if isinstance(bias, tuple) else [bias] * len(schedules)
        return [
            Precision(
                Partials.any_order(schedule.taps + ROUNDINGS, schedule.l1_norm),
                bias,
                self.types.spread,
            )
            for schedule, bias in zip(schedules, biases, strict=True)
        ]

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        return rows_per_strip(self.geometry, channels, self.dtype)

    def describe(self) -> str:
        """Return the method's name and its cost."""
        schedules = self.schedules()
        taps = sum(schedule.taps for schedule in schedules)
        cost = count_text(sum(schedule.cost for schedule in schedules), "pass")
        method = "direct" if schedules[0].column is None else "separable"
        return f"{method}: {count_text(taps, 'tap')} in at most {cost} over {self.dtype}"

    def is_accurate(self, strip: NDArray[Any], sums: NDArray[Any]) -> bool:
        """Tell whether the sums of each schedule are accurate enough, if they are in float32."""
        if self.dtype != np.float32:
            return True
        parts = np.split(sums, len(self.precisions), axis=2) if self.types.summed else [sums]
        return all(
            precision.is_accurate(strip, part)
            for precision, part in zip(self.precisions, parts, strict=True)
        )

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any] | None:
        """Sum the windows tap by tap; None if float32 is too inaccurate."""
        phases = Polyphase.of(strip, self.geometry, workspace, summed=self.types.summed)
        columns = self.geometry.output_shape[1]
        passes = self._passes.get(strip.shape)
        if passes is None:
            passes = self._passes[strip.shape] = [
                Passes(schedule, phases, self.geometry, rows) for schedule in self.schedules()
            ]
        maps = []
        for one, precision in zip(passes, self.precisions, strict=True):
            flat = one.sum(phases.planes, workspace)
            sums = flat.reshape(rows, -1, phases.interleaved)[:, :columns]
            if self.dtype == np.float32 and not precision.is_accurate(strip, sums):
                return None
            maps.append(sums if len(passes) == 1 else sums.copy())
        return maps[0] if len(maps) == 1 else np.concatenate(maps, axis=2)


def rows_per_strip(geometry: Geometry, channels: int, dtype: np.dtype[Any]) -> int:
    """Return the number of output rows in a strip whose pixels have type ``dtype``."""
    row = geometry.padded_shape[1] * channels * dtype.itemsize
    whole = row * geometry.input_shape[0]
    most = STRIP_BYTES
    if channels * geometry.input_shape[0] * geometry.input_shape[1] >= MIN_THREADED_SIZE:
        most = min(most, max(whole // MIN_STRIPS, STRIP_BYTES // 2))
    # Rows that two strips share are copied twice, so a tall kernel needs tall strips.
    return max(most // row // geometry.stride[0], geometry.extent[0] // geometry.stride[0], 1)
