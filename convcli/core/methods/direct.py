"""Shift and accumulate: one pass over a strip for each tap.

A strip is flat: its rows follow each other in memory. The pixels that a tap reads are therefore
contiguous, from the tap's offset on, and a pass is one call of numpy. Each row of sums ends with a
few sums of windows that straddle two rows; they are ignored. A stride is removed first by
:mod:`convcli.core.methods.polyphase`.

Integers are summed modulo ``2**bits`` of their type. Since the final sum fits, it is exact even if
partial sums overflow. Sums in float32 are used only if :class:`convcli.core.precision.Precision`
finds them accurate. The cost is one pass a tap and one for each magnitude other than 1; see
:mod:`convcli.core.methods.taps`.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.polyphase import Polyphase
from convcli.core.methods.taps import Tap, TapGroup, TapSchedule
from convcli.core.precision import Partials, Precision
from convcli.core.threads import MIN_THREADED_SIZE
from convcli.errors import count_text
from convcli.geometry import Geometry

# Every pass synchronizes the threads, so strips are larger than the cache alone would suggest, yet
# there are at least MIN_STRIPS of them, so that no thread idles.
STRIP_BYTES = 1 << 21
MIN_STRIPS = 4
ROUNDINGS = 2  # of a term's products, beside one for each tap that is added

Flat = NDArray[Any]
View = Callable[[Tap], Flat]


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
        cost = sum(schedule.cost for schedule in schedules)
        method = "direct" if schedules[0].column is None else "separable"
        return (
            f"{method}: {count_text(taps, 'tap')} in {count_text(cost, 'pass')} over {self.dtype}"
        )

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
        maps = []
        for schedule, precision in zip(self.schedules(), self.precisions, strict=True):
            flat = self._one_map(phases, schedule, rows, workspace)
            sums = flat.reshape(rows, -1, phases.interleaved)[:, :columns]
            if self.dtype == np.float32 and not precision.is_accurate(strip, sums):
                return None
            maps.append(sums if len(self.precisions) == 1 else sums.copy())
        return maps[0] if len(maps) == 1 else np.concatenate(maps, axis=2)

    def _one_map(
        self, phases: Polyphase, schedule: TapSchedule, rows: int, workspace: Workspace
    ) -> Flat:
        """Return the flat sums of one kernel, (rows * pitch,)."""
        pitch, geometry = phases.pitch, self.geometry
        size = (rows - 1) * pitch + geometry.output_shape[1] * phases.interleaved
        sums = workspace.take("sums", (rows * pitch,), phases.planes.dtype)
        used, scratch = sums[:size], workspace.take("scratch", sums.shape, sums.dtype)
        fresh = True
        rest, column, row = schedule.groups
        if column:
            # The column is applied to each column phase, then the row to the results. A column's
            # taps are in column 0 and a row's are in row 0, so both read their first phase.
            count = len(phases.column_index)
            halves = workspace.take("halves", (1, 1, count, sums.size), sums.dtype)
            for phase in range(count):
                one = phases._replace(planes=phases.planes[:, :, phase : phase + 1])
                out = halves[0, 0, phase]
                if schedule.doubles[0]:
                    _sum_neighbors(
                        column[0], one.planes, pitch * geometry.dilation[0], out, workspace
                    )
                else:
                    _sum_groups(column, _views(one, geometry, out.size), out, scratch, fresh=True)
            if schedule.doubles[1]:
                step = phases.interleaved * geometry.dilation[1]
                _sum_neighbors(row[0], halves, step, used, workspace)
            else:
                view = _views(phases._replace(planes=halves), geometry, size)
                _sum_groups(row, view, used, scratch[:size], fresh=True)
            fresh = False
        view = _views(phases, geometry, size)
        if _sum_groups(rest, view, used, scratch[:size], fresh=fresh):
            sums[...] = 0
        return sums


def rows_per_strip(geometry: Geometry, channels: int, dtype: np.dtype[Any]) -> int:
    """Return the number of output rows in a strip whose pixels have type ``dtype``."""
    row = geometry.padded_shape[1] * channels * dtype.itemsize
    whole = row * geometry.input_shape[0]
    most = STRIP_BYTES
    if channels * geometry.input_shape[0] * geometry.input_shape[1] >= MIN_THREADED_SIZE:
        most = min(most, max(whole // MIN_STRIPS, STRIP_BYTES // 2))
    # Rows that two strips share are copied twice, so a tall kernel needs tall strips.
    return max(most // row // geometry.stride[0], geometry.extent[0] // geometry.stride[0], 1)


def _views(phases: Polyphase, geometry: Geometry, size: int) -> View:
    """Return a function that gives the ``size`` values that a tap reads."""
    (down, across), (dilate_down, dilate_across) = geometry.stride, geometry.dilation

    def view(tap: Tap) -> Flat:
        row, i = divmod(tap.row * dilate_down, down)
        column, j = divmod(tap.column * dilate_across, across)
        start = row * phases.pitch + column * phases.interleaved
        place = tap.channel, phases.row_index[i], phases.column_index[j]
        plane: Flat = phases.planes[place]
        return plane[start : start + size]

    return view


def _sum_neighbors(
    group: TapGroup, planes: Flat, step: int, out: Flat, workspace: Workspace
) -> None:
    """Store the sum of a column or row of equal taps in ``out``, by doubling.

    ``2m`` neighbors are ``m``, and the next ``m``; one more is added where the length is odd.

    Args:
        group: the only one of its column or row.
        planes: one flat plane; the first tap reads its first value.
        step: from the value that one tap reads to that of the next.
        out: as many sums as are wanted.
        workspace: holds the sums of fewer neighbors.
    """
    taps = group.plus or group.minus
    values = planes.reshape(-1)[: out.size + (len(taps) - 1) * step]
    buffers = workspace.take("neighbors", (2, values.size), values.dtype)
    sums, length = values, 1
    for place, bit in enumerate(f"{len(taps):b}"[1:]):
        odd = bit == "1"
        size = values.size - (2 * length + odd - 1) * step
        doubled = buffers[place % 2, :size] if 2 * length + odd < len(taps) else out
        np.add(sums[:size], sums[length * step : length * step + size], out=doubled)
        length *= 2
        if odd:
            np.add(doubled, values[length * step : length * step + size], out=doubled)
            length += 1
        sums = doubled
    factor = np.asarray(group.magnitude if group.plus else -group.magnitude).astype(out.dtype)
    if factor != 1:
        np.multiply(out, factor, out=out)


def _sum_groups(
    groups: tuple[TapGroup, ...], view: View, sums: Flat, scratch: Flat, *, fresh: bool
) -> bool:
    """Add groups to ``sums``, or store the first if it is ``fresh``; return whether still fresh."""
    for group in groups:
        if fresh:
            _store(group, view, sums)
        elif group.magnitude == 1:
            for tap in group.plus:
                np.add(sums, view(tap), out=sums)
            for tap in group.minus:
                np.subtract(sums, view(tap), out=sums)
        else:
            _store(group, view, scratch)
            np.add(sums, scratch, out=sums)
        fresh = False
    return fresh


def _store(group: TapGroup, view: View, out: Flat) -> None:
    """Store a group's sum in ``out``, starting from a positive tap if there is one."""
    negate = not group.plus
    plus, minus = (group.minus, group.plus) if negate else (group.plus, group.minus)
    # The factor is taken modulo the type: the sum of all groups fits, so it comes out right.
    factor = np.asarray(-group.magnitude if negate else group.magnitude).astype(out.dtype)
    first, *others = plus
    total = view(first)
    if not others and not minus:
        np.multiply(total, factor, out=out)
        return
    for operation, taps in ((np.add, others), (np.subtract, minus)):
        for tap in taps:
            operation(total, view(tap), out=out)
            total = out
    if factor != 1:
        np.multiply(out, factor, out=out)
