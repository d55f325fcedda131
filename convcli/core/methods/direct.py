"""Shift and accumulate: one pass over a strip for each tap.

A strip is flat: one row follows the next, so that a tap's view of it is the same numbers read
from a later place, and every pass runs over one unbroken stretch of memory. The sums of a row are
followed by some that straddle two rows and mean nothing; they are never looked at. A stride
splits the strip into *phases* first (every s-th row and column, from each start), within which
neighboring windows are neighbors again, so that nothing is computed that the stride skips.

Integers are summed modulo two to the bits of their type. Since the final sum fits, it is exact,
whatever the passes overflow in between. Sums in float32 are trusted where they are known to be
near enough. The cost is a pass for each tap and one for each magnitude other than 1; see
:mod:`convcli.core.methods.taps`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import Precision
from convcli.core.methods.polyphase import Polyphase
from convcli.core.methods.taps import Group, Tap, TapSchedule
from convcli.core.strips import Workspace
from convcli.geometry import Geometry

# Threads meet at every pass, and pay for it: strips are larger than the cache would ask for, but
# enough of them that no thread is left without work.
STRIP_BYTES = 1 << 21
LEAST_STRIPS = 4
WORTH_THREADS = 1 << 19  # samples; fewer are done before a second thread has begun

Flat = NDArray[Any]
View = Callable[[Tap], Flat]


class DirectMethod:
    """The passes of a kernel over strips of one number type.

    ``passes`` has one entry for each map where the kernel sums over channels, else one; ``dtype``
    is that of the strips and the sums. ``summed`` is whether the kernel sums over the channels;
    ``bias`` is what will be added.
    """

    def __init__(
        self,
        passes: list[TapSchedule],
        geometry: Geometry,
        dtype: np.dtype[Any],
        *,
        summed: bool,
        bias: float,
    ) -> None:
        self.passes, self.geometry, self.dtype = passes, geometry, dtype
        self.summed, self.bias = summed, bias

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        return rows_at_a_time(self.geometry, channels, self.dtype)

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows some output rows see."""
        return self.geometry.rows_needed(rows)

    def describe(self) -> str:
        """Name the method and its cost."""
        taps, cost = (sum(getattr(each, name) for each in self.passes) for name in ("taps", "cost"))
        return f"{self.passes[0].method}: {taps} taps in {cost} passes over {self.dtype}"

    def sums(self, strip: NDArray[Any], rows: int, space: Workspace) -> NDArray[Any] | None:
        """Sum the windows of one strip.

        Args:
            strip: (rows, padded width, C) of type ``dtype``, beginning with the first window's
                first row.
            rows: number of output rows.
            space: where the sums are kept until they are asked for again.

        Returns:
            (rows, W', C), or (rows, W', N) where channels are summed; None where float32 is not
            near enough.
        """
        phases = Polyphase.of(strip, self.geometry, space, summed=self.summed)
        columns = self.geometry.output_shape[1]
        maps = []
        for passes in self.passes:
            flat = _one_map(phases, passes, self.geometry, rows, space)
            sums = flat.reshape(rows, -1, phases.samples)[:, :columns]
            precision = Precision(passes.cost, passes.l1_norm, self.bias)
            if self.dtype == np.float32 and not precision.is_accurate(strip, sums):
                return None
            maps.append(sums if len(self.passes) == 1 else sums.copy())
        return maps[0] if len(maps) == 1 else np.concatenate(maps, axis=2)


def rows_at_a_time(geometry: Geometry, channels: int, dtype: np.dtype[Any]) -> int:
    """Return of how many output rows a strip is made, for passes over samples of one type."""
    row = geometry.padded_shape[1] * channels * dtype.itemsize
    whole = row * geometry.input_shape[0]
    most = STRIP_BYTES
    if channels * geometry.input_shape[0] * geometry.input_shape[1] >= WORTH_THREADS:
        most = min(most, max(whole // LEAST_STRIPS, STRIP_BYTES // 2))
    # Rows that two strips share are copied twice: a tall kernel asks for tall strips.
    return max(most // row // geometry.stride[0], geometry.extent[0] // geometry.stride[0], 1)


def _one_map(
    phases: Polyphase, passes: TapSchedule, geometry: Geometry, rows: int, space: Workspace
) -> Flat:
    """Return the flat sums of one kernel, (rows * pitch,)."""
    pitch = phases.pitch
    size = (rows - 1) * pitch + geometry.output_shape[1] * phases.samples
    sums = space.take("sums", (rows * pitch,), phases.planes.dtype)
    used, scratch = sums[:size], space.take("scratch", sums.shape, sums.dtype)
    fresh = True
    if passes.column:
        count = len(phases.column_places)
        halves = space.take("halves", (1, 1, count, sums.size), sums.dtype)
        _sum_columns(phases, passes.column, geometry, halves, scratch)
        view = _views(phases._replace(planes=halves), geometry, size)
        fresh = _sum_groups(passes.row, view, used, scratch[:size], fresh=True)
    view = _views(phases, geometry, size)
    if _sum_groups(passes.rest, view, used, scratch[:size], fresh=fresh):
        sums[...] = 0
    return sums


def _sum_columns(
    phases: Polyphase,
    column: tuple[Group, ...],
    geometry: Geometry,
    halves: NDArray[Any],
    scratch: Flat,
) -> None:
    """Sum down the columns of each column phase; what is left to do is a kernel of one row.

    A column's taps stand in column 0 and a row's in row 0, so each finds its phase first.
    """
    for phase in range(len(phases.column_places)):
        one = phases._replace(planes=phases.planes[:, :, phase : phase + 1])
        view = _views(one, geometry, scratch.size)
        _sum_groups(column, view, halves[0, 0, phase], scratch, fresh=True)


def _views(phases: Polyphase, geometry: Geometry, size: int) -> View:
    """Return what shows a tap the ``size`` samples that it meets."""
    (down, across), (dilate_down, dilate_across) = geometry.stride, geometry.dilation

    def view(tap: Tap) -> Flat:
        row, i = divmod(tap.row * dilate_down, down)
        column, j = divmod(tap.column * dilate_across, across)
        start = row * phases.pitch + column * phases.samples
        place = tap.channel, phases.row_places[i], phases.column_places[j]
        plane: Flat = phases.planes[place]
        return plane[start : start + size]

    return view


def _sum_groups(
    groups: tuple[Group, ...], view: View, sums: Flat, scratch: Flat, *, fresh: bool
) -> bool:
    """Add groups to ``sums``, or store them where it is ``fresh``; return whether it still is."""
    for group in groups:
        if fresh:
            _store(group, view, sums)
        elif group.magnitude == 1:
            _add(group, view, sums)
        else:
            _store(group, view, scratch)
            np.add(sums, scratch, out=sums)
        fresh = False
    return fresh


def _add(group: Group, view: View, sums: Flat) -> None:
    for tap in group.plus:
        np.add(sums, view(tap), out=sums)
    for tap in group.minus:
        np.subtract(sums, view(tap), out=sums)


def _store(group: Group, view: View, out: Flat) -> None:
    """Store a group's sum in ``out``; it begins with a positive tap if there is one."""
    negate = not group.plus
    plus, minus = (group.minus, group.plus) if negate else (group.plus, group.minus)
    # Taken modulo the type: as the sum of all groups fits, so it comes out right.
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
