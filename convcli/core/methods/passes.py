"""A schedule of taps as passes over flat strips, written out once for each shape of a strip.

A strip is flat: its rows follow each other in memory. The pixels that a tap reads are therefore
contiguous, from the tap's offset on, and a pass is one call of numpy. Each row of sums ends with a
few sums of windows that straddle two rows; they are ignored.

What each pass reads and writes depends on the shape of the strip alone. Working it out again for
every strip took 60 us, in which other threads waited: with two threads, 3x3 kernels took up to
twice as long.

Three ideas save passes beside those of :mod:`convcli.core.methods.taps`:

- *Signs.* A negative sign is applied by the next subtraction: to take a box from ``9 * center``,
  the box is not negated first.
- *Pairs.* Where several pairs of equal taps lie equally far apart, the sums of two are computed
  once: the four neighbors of a pixel take two additions, not three.
- *Factors of two.* A column or row ``1 2 1`` is ``1 1`` applied twice: two additions, instead of
  two and a multiplication.

And two ideas make passes shorter, for kernels that are a column times a row, in integers:

- *Narrow columns.* The sums of a column often fit in 16 bits where those of the kernel do not.
- *Running sums.* A row of equal weights is the difference of two running sums of the flat strip,
  which may wrap: 0.55 ns a value for any length. A box of 127x127 bytes takes half of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.methods.base import Call, Workspace, store
from convcli.core.methods.polyphase import Polyphase
from convcli.core.methods.taps import (
    Tap,
    TapGroup,
    TapGroups,
    TapSchedule,
    count_passes,
    group_taps,
)
from convcli.geometry import Geometry

Flat = NDArray[Any]

PLANES, SUMS, SCRATCH, PAIRS, COLUMN_SUMS = "planes", "sums", "scratch", "pairs", "column sums"
NEIGHBORS, DOWN = ("neighbors", "more neighbors"), ("neighbors below", "more neighbors below")
WIDE = "wide"  # column sums in the type of the sums, or their running sums
FIRST = Tap(0, 0, 0)
FEWEST_RUNNING = 8  # equal taps of a row; fewer, and sums in 16 bits, are faster by doubling
FEWEST_PAIRED, MOST_PAIRED = 4, 12  # taps of one weight in which pairs are looked for


class Run(NamedTuple):
    """Values that follow each other in a buffer."""

    buffer: str
    values: slice

    @classmethod
    def of(cls, buffer: str, start: int, size: int) -> Run:
        """Return ``size`` values from ``start`` on."""
        return cls(buffer, slice(start, start + size))

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.values.stop - self.values.start)


class Pass(NamedTuple):
    """One call of numpy, with places in buffers; see :data:`convcli.core.methods.base.Call`."""

    function: Callable[..., Any]
    left: Run
    right: Run | Flat
    out: Run


class Source(NamedTuple):
    """A buffer that taps read, and the offset at which each of them begins."""

    buffer: str
    place: Callable[[Tap], int]


class Passes:
    """The passes that sum the windows of a strip with one kernel.

    Args:
        schedule: of the kernel.
        phases: of a strip of the shape that the passes are for.
        geometry: stride, dilation and sizes.
        rows: number of output rows.
        dtype: type of the sums. Only the sums of a column may have a narrower one, that of the
            strip.
    """

    def __init__(
        self,
        schedule: TapSchedule,
        phases: Polyphase,
        geometry: Geometry,
        rows: int,
        dtype: np.dtype[Any],
    ) -> None:
        # The shape and the type of the planes are needed, and not their memory.
        one, shape = np.zeros((), phases.planes.dtype), phases.planes.shape
        planes: Flat = np.ndarray(shape, one.dtype, one, strides=(0,) * len(shape))
        self.phases, self.geometry, self.dtype = phases._replace(planes=planes), geometry, dtype
        self.passes: list[Pass] = []
        self.flat_size = rows * phases.pitch
        self.sizes = {SUMS: self.flat_size}
        size = (rows - 1) * phases.pitch + geometry.output_shape[1] * phases.interleaved
        total = _Total(self, Run.of(SUMS, 0, size))
        if schedule.column is not None and schedule.row is not None:
            self._add_separable(
                total, schedule.column.ravel(), schedule.row.ravel(), schedule.doubles
            )
        dilation = geometry.dilation
        source = Source(
            PLANES,
            lambda tap: self._offset(tap.channel, tap.row * dilation[0], tap.column * dilation[1]),
        )
        paired = phases.planes.shape[:3] == (1, 1, 1)  # otherwise some taps read other planes
        self._add_groups(total, group_taps(schedule.rest), source, paired=paired)
        total.multiply(1)

    def bind(self, planes: Flat, workspace: Workspace) -> tuple[list[Call], Flat]:
        """Return the calls that sum planes, and the flat sums, (rows * pitch,)."""
        buffers = {
            name: workspace.take(name, (size,), self.dtype_of(name))
            for name, size in self.sizes.items()
        }
        buffers[PLANES] = planes.reshape(-1)
        calls: list[Call] = []
        for function, left, right, out in self.passes:
            other = buffers[right.buffer][right.values] if isinstance(right, Run) else right
            results = buffers[out.buffer][out.values]
            calls.append((function, buffers[left.buffer][left.values], other, results))
        sums = buffers[SUMS]
        zero = np.zeros((), sums.dtype)
        return calls or [(store, zero, zero, sums)], sums

    def dtype_of(self, buffer: str) -> np.dtype[Any]:
        """Return the type of a buffer."""
        return self.phases.planes.dtype if buffer in (PLANES, COLUMN_SUMS, *DOWN) else self.dtype

    def append(self, function: Callable[..., Any], left: Run, right: Run | Flat, out: Run) -> None:
        """Add a pass, and room for its results."""
        self.passes.append(Pass(function, left, right, out))
        self.sizes[out.buffer] = max(self.sizes.get(out.buffer, 0), out.values.stop)

    def _offset(self, channel: int, row: int, column: int) -> int:
        """Return where the value this far from a window's first one is in the planes."""
        (down, across), phases = self.geometry.stride, self.phases
        (row, i), (column, j) = divmod(row, down), divmod(column, across)
        _, rows, columns, size = phases.planes.shape
        plane = (channel * rows + phases.row_index[i]) * columns + phases.column_index[j]
        return int(plane * size) + row * phases.pitch + column * phases.interleaved

    def _add_separable(
        self, total: _Total, column: Flat, row: Flat, doubles: tuple[bool, bool]
    ) -> None:
        """Sum each column phase with the column, then the results with the row."""
        phases, sign = self.phases, 1
        (down, across), (rows_apart, columns_apart) = self.geometry.stride, self.geometry.dilation

        def along_column(phase: int, tap: Tap) -> int:
            return self._offset(0, tap.column * rows_apart, phase)

        def along_row(tap: Tap) -> int:
            position, phase = divmod(tap.column * columns_apart, across)
            return phases.column_index[phase] * self.flat_size + position * phases.interleaved

        step = phases.pitch * rows_apart if down == 1 else 0
        for phase, number in phases.column_index.items():
            column_sums = _Total(self, Run.of(COLUMN_SUMS, number * self.flat_size, self.flat_size))
            source = Source(PLANES, partial(along_column, phase))
            self._add_line(column_sums, column, source, step, DOWN, doubled=doubles[0])
            sign, column_sums.sign = column_sums.sign, 1  # the same for all phases
            column_sums.multiply(1)
        step, read = phases.interleaved * columns_apart if across == 1 else 0, COLUMN_SUMS
        running = doubles[1] and step == 1 and len(row) >= FEWEST_RUNNING
        if running and self.dtype.kind != "f" and self.dtype.itemsize > 2:
            self._run(total, row)
        else:
            if self.dtype_of(COLUMN_SUMS) != self.dtype:
                whole = Run.of(COLUMN_SUMS, 0, self.sizes[COLUMN_SUMS])
                self.append(store, whole, whole, whole._replace(buffer=WIDE))
                read = WIDE
            self._add_line(total, row, Source(read, along_row), step, doubled=doubles[1])
        total.sign *= sign

    def _run(self, total: _Total, weights: Flat) -> None:
        """Add a row of equal taps; each reads the value after that of the one before."""
        values = Run.of(COLUMN_SUMS, 0, total.size + len(weights) - 1)
        self.append(_add_up, values, values, Run.of(WIDE, 0, values.size + 1))
        first, last = (Run.of(WIDE, start, total.size) for start in (0, len(weights)))
        total.add(last, 1)
        total.add(first, -1)
        total.multiply(weights[0])

    def _add_line(
        self,
        total: _Total,
        weights: Flat,
        source: Source,
        step: int,
        buffers: tuple[str, str] = NEIGHBORS,
        *,
        doubled: bool,
    ) -> None:
        """Add a column or a row, whose taps are numbered by ``Tap.column``.

        Args:
            total: which has no terms yet.
            weights: of the taps.
            source: what the taps read.
            step: from the value that one tap reads to that of the next; 0 if they read several
                planes.
            buffers: for sums of neighbors.
            doubled: whether the weights are equal and summed by doubling.
        """
        if doubled:
            self._double(total, weights, source, step, buffers)
            return
        pairs, weights = _factor_pairs(weights) if step else (0, weights)
        for left in reversed(range(pairs)):
            size = total.size + (len(weights) - 1 + left) * step
            sums, start = Run.of(buffers[left % 2], 0, size), source.place(FIRST)
            one, other = (Run.of(source.buffer, at, size) for at in (start, start + step))
            self.append(np.add, one, other, sums)
            source = Source(sums.buffer, lambda tap: tap.column * step)
        self._add_groups(total, group_taps(weights.reshape(1, 1, -1)), source, paired=False)

    def _double(
        self, total: _Total, weights: Flat, source: Source, step: int, buffers: tuple[str, str]
    ) -> None:
        """Add equal taps: ``2m`` neighbors are ``m``, and the next ``m``, and one more if odd."""
        first = Run.of(source.buffer, source.place(FIRST), 0)
        sums, length = first, 1
        for place, bit in enumerate(f"{len(weights):b}"[1:]):
            taps = 2 * length + int(bit)
            size = total.size + (len(weights) - taps) * step
            out = total.out if taps == len(weights) else Run.of(buffers[place % 2], 0, size)
            one, other = (
                Run.of(sums.buffer, sums.values.start + skipped * step, size)
                for skipped in (0, length)
            )
            self.append(np.add, one, other, out)
            if taps > 2 * length:
                last = first.values.start + 2 * length * step
                self.append(np.add, out, Run.of(first.buffer, last, size), out)
            sums, length = out, taps
        total.add(sums, 1)
        total.multiply(weights[0])

    def _add_groups(
        self, total: _Total, groups: TapGroups, source: Source, *, paired: bool
    ) -> None:
        """Add groups of taps; ``paired`` tells whether all taps read one plane."""
        for group in groups:
            inner = total
            if group.magnitude != 1:
                free = total.value != total.out
                inner = _Total(self, total.out if free else Run.of(SCRATCH, 0, total.size))
            for term, sign in self._terms(group, source, total.size, paired=paired):
                inner.add(term, sign)
            if inner is not total:
                total.add(inner.multiply(group.magnitude), 1)

    def _terms(
        self, group: TapGroup, source: Source, size: int, *, paired: bool
    ) -> Iterator[tuple[Run, int]]:
        """Yield what a group adds and subtracts, with the signs; sums of pairs come first."""
        signs = dict.fromkeys(group.plus, 1) | dict.fromkeys(group.minus, -1)
        if paired and FEWEST_PAIRED <= len(signs) <= MOST_PAIRED and (pairs := _equal_pairs(group)):
            starts = [source.place(one) for one, _ in pairs]
            first, apart = min(starts), source.place(pairs[0][1]) - starts[0]
            sums = Run.of(PAIRS, 0, max(starts) - first + size)
            left, right = (Run.of(source.buffer, at, sums.size) for at in (first, first + apart))
            self.append(np.add, left, right, sums)
            for (one, other), start in zip(pairs, starts, strict=True):
                yield Run.of(PAIRS, start - first, size), signs.pop(one)
                del signs[other]
        for tap, sign in signs.items():
            yield Run.of(source.buffer, source.place(tap), size), sign


class _Total:
    """A sum that grows pass by pass: ``sign * value``.

    The first term is not copied: ``value`` is where it is read, until a pass stores it in ``out``.
    """

    def __init__(self, passes: Passes, out: Run) -> None:
        self.passes, self.out, self.size = passes, out, out.size
        self.value: Run | None = None
        self.sign = 1

    def add(self, term: Run, sign: int) -> None:
        """Add ``sign * term``."""
        if self.value is None:
            self.value, self.sign = term, sign
            return
        if sign == self.sign:
            self.passes.append(np.add, self.value, term, self.out)
        else:
            plus, minus = (self.value, term) if sign < 0 else (term, self.value)
            self.passes.append(np.subtract, plus, minus, self.out)
            self.sign = 1
        self.value = self.out

    def multiply(self, factor: Any) -> Run:
        """Multiply by a factor and the sign, and return where the product is."""
        factor *= self.sign
        if self.value is not None and (factor != 1 or self.value != self.out):
            # Taken modulo the type: the sum of all groups fits, so it comes out right.
            number = np.asarray(factor).astype(self.passes.dtype_of(self.out.buffer))
            self.passes.append(np.multiply, self.value, number, self.out)
        self.value, self.sign = self.out, 1
        return self.out


def _add_up(values: Flat, _: Flat, out: Flat) -> None:
    """Store the running sums of values after a 0."""
    out[0] = 0
    np.cumsum(values, dtype=out.dtype, out=out[1:])


def _factor_pairs(weights: Flat) -> tuple[int, Flat]:
    """Return how often neighbors are added first, and the weights of those sums.

    To add neighbors is the polynomial ``1 + z``, which may divide that of the weights.

    >>> _factor_pairs(np.array([1, 2, 1])), _factor_pairs(np.array([3, 10, 3]))
    ((1, array([1, 1])), (0, array([ 3, 10,  3])))
    """
    divisions = [(0, weights)]
    while weights.dtype.kind == "i" and len(weights) > 1:
        signs = (-1) ** np.arange(len(weights))
        quotient = signs * np.cumsum(signs * weights)
        if quotient[-1]:
            break
        weights = quotient[:-1]
        divisions.append((len(divisions), weights))
    return min(divisions, key=lambda division: division[0] + count_passes(division[1]))


def _equal_pairs(group: TapGroup) -> list[tuple[Tap, Tap]]:
    """Return pairs of taps of one sign that lie equally far apart; none if there is only one.

    >>> four = Tap(0, 0, 1), Tap(0, 1, 0), Tap(0, 1, 2), Tap(0, 2, 1)
    >>> [(one[1:], other[1:]) for one, other in _equal_pairs(TapGroup(1, four, ()))]
    [((0, 1), (1, 0)), ((1, 2), (2, 1))]
    """
    found: dict[tuple[int, int], list[tuple[Tap, Tap]]] = {}
    for taps in (group.plus, group.minus):
        for one, other in combinations(taps, 2):
            pairs = found.setdefault((other.row - one.row, other.column - one.column), [])
            if not any(tap in pair for pair in pairs for tap in (one, other)):
                pairs.append((one, other))
    most = max(found.values(), key=len, default=[])
    return most if len(most) > 1 else []
