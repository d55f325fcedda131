"""Pool along one axis: the maximum, minimum or sum of each window, in few passes by numpy.

- At every place, by doubling: windows of 2 make windows of 4, these windows of 8, and so on, each
  by one pass over the strip and its own shifted copy. That is log2(k) passes instead of k, by which
  a mean of 101x101 pixels takes 1/25 of the time, a maximum of 15x15 1/13 and one of 3x3 1/10.
  Nothing is ever taken away from a sum, so that float sums lose no digits and NaN and infinity stay
  in their windows.
- With a stride, by blocks: first the pixels from window to window, then the blocks of a window by
  doubling. Each pixel is read about once: a maximum of 2x2 with stride 2 takes a quarter of the
  time on uint8 and two thirds on float32, the maximum of a whole image a tenth.
- With a stride and a dilation, at every place; the results of the windows are picked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.core.methods.base import Workspace
from convcli.geometry import Geometry, Pads, Pair

Array = NDArray[Any]

LONG_RUN = 16  # values side by side; numpy is slow at walking through shorter ones
FEW_RUNS = 40  # short runs; to walk through them takes as long as one more call of numpy
LONG_STEP = 64  # pixels; windows so far apart are not worth pooling at every place
# Values in a row of an array with gaps, up to which numpy's functions copy its rows into a buffer:
# three fit. That takes 1.6 times as long as a pass without gaps and a copy of its result.
SHORT_ROW = 8192 // 3
MANY_PASSES = 64  # over the pixels of a block; more are not made


class Axis(NamedTuple):
    """The windows along one axis."""

    windows: int
    length: int  # places that a window reads
    step: int
    dilation: int
    start: int  # of the first window; negative in the padding
    size: int  # of the image
    end: int  # of the padding that a mean may count

    @classmethod
    def of(cls, geometry: Geometry, pads: Pads, axis: int) -> Axis:
        """Return the windows along one of the image's axes; ``pads`` is what a mean may count."""
        length, step, before, dilation = geometry.along(axis)
        size = geometry.input_shape[axis]
        end = size + (pads.right if axis else pads.bottom)
        return cls(geometry.output_shape[axis], length, step, dilation, -before, size, end)

    @property
    def extent(self) -> int:
        """How many places a window covers."""
        return (self.length - 1) * self.dilation + 1

    @property
    def needed(self) -> int:
        """How many places the windows reach over, padding included."""
        return (self.windows - 1) * self.step + self.extent

    def narrowed(self) -> Axis:
        """Return a single window as its pixels alone and as one block; others as they are."""
        if self.windows > 1 or self.dilation > 1:
            return self
        start = max(0, self.start)
        length = min(self.start + self.length, self.size) - start
        return self._replace(start=start, length=length, step=length)

    def part(self, windows: slice) -> Axis:
        """Return some of the windows."""
        start = self.start + windows.start * self.step
        return self._replace(windows=windows.stop - windows.start, start=start)

    def strips(self, held: int) -> list[slice]:
        """Divide the windows into strips that hold about ``held`` rows, and share few of them."""
        # With a stride, blocks of pixels are read where they lie, and only their results are held.
        held //= self.step if self.dilation > 1 else min(self.step, 2)
        shared = max(self.extent - self.step, 0)
        step = max(held, 2 * shared // self.step, 1)
        starts = range(0, self.windows, step)
        return [slice(first, min(first + step, self.windows)) for first in starts]

    def inside(self, first: int, count: int) -> Pair:
        """Return which of the places from ``first`` on are pixels of the image."""
        place = self.start + first
        begin = min(max(-place, 0), count)
        return begin, max(min(self.size - place, count), begin)

    def counts(self, *, padded: bool) -> NDArray[np.float64]:
        """Return how many places of each window a mean divides by; one number if all are equal."""
        end = self.end if padded else self.size
        if (padded or self.start >= 0) and self.start + self.needed <= end:
            return np.array([self.length], np.float64)
        starts = self.start + np.arange(self.windows) * self.step
        # The first place that counts and the end of them, as numbers of the window's places.
        first = 0 if padded else np.maximum(-(starts // self.dilation), 0)
        ends = np.minimum(-((starts - end) // self.dilation), self.length)
        return (ends - first).astype(np.float64)


class Pooler(NamedTuple):
    """Pools along the second of three axes; the values along the third lie side by side.

    Attributes:
        combine: ``np.maximum``, ``np.minimum`` or ``np.add``.
        workspace: buffers of this thread.
    """

    combine: np.ufunc
    workspace: Workspace

    def pool(self, values: Array, axis: Axis, out: Array) -> None:
        """Pool windows of ``values``, which are contiguous and begin with the first window.

        Args:
            values: (n, places, m), in the type of ``out`` if the windows' step is 1.
            axis: the windows.
            out: (n, windows, m).
        """
        length, step = axis.length, axis.step
        count, windows, run = out.shape
        if step == 1:
            self._pool_places(values, axis, out)
            return
        is_short = self._is_exact(out) and run < LONG_RUN and step < LONG_STEP
        if is_short or axis.dilation > 1:
            # Pooling at every place and picking is faster than walking through short runs.
            if values.dtype != out.dtype:
                converted = self.workspace.take("values", values.shape, out.dtype)
                converted[...] = values
                values = converted
            places = self.pool_flat(values, axis, axis.needed - axis.extent + 1)
            for each in _runs(out.shape):
                out[..., each] = places[:, ::step, each]
            return
        blocks, rest = divmod(length, step)
        if blocks == 0:
            self._pool_pixels(values, length, step, out)
            return
        # The first pixels of the next block complete a window.
        shape = count, windows + blocks - 1, run
        pooled = out if blocks == 1 else self.workspace.take("blocks", shape, out.dtype)
        self._pool_pixels(values, step, step, pooled)
        if blocks > 1:
            self._pool_places(pooled, axis._replace(length=blocks), out)
        if rest:
            last = self.workspace.take("rest", out.shape, out.dtype)
            self._pool_pixels(values[:, blocks * step :], rest, step, last)
            self.combine(out, last, out=out)

    def _is_exact(self, out: Array) -> bool:
        """Whether values may be combined in any order: all but float sums."""
        return self.combine is not np.add or out.dtype.kind != "f"

    def pool_flat(self, values: Array, axis: Axis, places: int) -> Array:
        """Return pooled windows of so many places, with gaps between rows, (n, places, m)."""
        if axis.length == 1:
            return values[:, :places]
        pooled, added, shift = self._double(values, axis)
        pooled, added = pooled.reshape(-1), added.reshape(-1)[shift * values.shape[2] :]
        out = self.workspace.take("places", values.shape, values.dtype)
        self.combine(pooled[: added.size], added, out=out.reshape(-1)[: added.size])
        return out[:, :places]

    def _pool_places(self, values: Array, axis: Axis, out: Array) -> None:
        """Pool the windows at every place; the last pass goes to the result."""
        count, places, run = out.shape
        if count > 1 and places * run <= SHORT_ROW:
            out[...] = self.pool_flat(values, axis, places)
        elif axis.length == 1:
            out[...] = values[:, :places]
        else:
            pooled, added, shift = self._double(values, axis)
            self.combine(pooled[:, :places], added[:, shift : shift + places], out=out)

    def _double(self, values: Array, axis: Axis) -> tuple[Array, Array, int]:
        """Pool windows of an axis's length and dilation by doubling, but for the last pass.

        Passes run over the strip as one row of numbers. What they compute at the ends of rows is
        not used.

        Returns:
            What the last pass combines, as ``values``, and from which place on the second.
        """
        pitch, overlap = values.shape[2] * axis.dilation, self.combine is not np.add
        *passes, (last, doubled) = doubling_passes(axis.length, overlap=overlap)
        flat: Array = values.reshape(-1)
        pooled, width, turn = flat, 1, 0
        buffers = self.workspace.take("passes", (min(len(passes), 2), flat.size), flat.dtype)
        for shift, doubling in passes:
            added = pooled if doubling else flat
            width = shift + (width if doubling else 1)
            start, size = shift * pitch, flat.size - (width - 1) * pitch
            if doubling:
                target, turn = buffers[turn], 1 - turn
            self.combine(pooled[:size], added[start : start + size], out=target[:size])
            pooled = target
        pooled = pooled.reshape(values.shape)
        return pooled, pooled if doubled else values, last * axis.dilation

    def _pool_pixels(self, values: Array, length: int, step: int, out: Array) -> None:
        """Pool some pixels of each step, one after the other."""
        outer, pitch, inner = values.strides
        span = (out.shape[1] - 1) * step + 1
        for some in _runs(out.shape):
            pixels, target = values[..., some], out[..., some]
            if length <= MANY_PASSES:
                target[...] = pixels[:, :span:step]
                for place in range(1, length):
                    added = pixels[:, place : place + span : step]
                    self.combine(target, added, out=target, dtype=out.dtype, casting="unsafe")
                continue
            shape = *out.shape[:2], length, target.shape[2]
            blocks = as_strided(pixels, shape, (outer, step * pitch, pitch, inner))
            if self._is_exact(out):
                self.combine.reduce(blocks, axis=2, dtype=out.dtype, out=target)
            else:
                self._pool_block(blocks, target)

    def _pool_block(self, pixels: Array, out: Array) -> None:
        """Pool the third of four axes in passes of some places each.

        The order of summation, and so the digits of a float sum, depend on the length alone;
        numpy's own reductions choose it by the shape of the whole array.
        """
        length = pixels.shape[2]
        some = -(-length // MANY_PASSES)
        shape = *out.shape[:2], some, out.shape[2]
        pooled = out[:, :, np.newaxis] if some == 1 else np.empty(shape, out.dtype)
        pooled[...] = pixels[:, :, :some]
        for first in range(some, length, some):
            added = pixels[:, :, first : first + some]
            target = pooled[:, :, : added.shape[2]]
            self.combine(target, added, out=target, dtype=out.dtype, casting="unsafe")
        if some > 1:
            self._pool_block(pooled, out)


def _runs(shape: tuple[int, ...]) -> list[slice]:
    """Return the values side by side as one run if it is long, or if there are few runs.

    Otherwise they are pooled one by one.
    """
    count, windows, run = shape
    if run >= LONG_RUN or count * windows <= FEW_RUNS * run:
        return [slice(run)]
    return [slice(one, one + 1) for one in range(run)]


def doubling_passes(length: int, *, overlap: bool) -> list[tuple[int, bool]]:
    """Plan the doubling of windows until they have a length.

    Args:
        length: at least 2.
        overlap: whether a pixel may be combined with itself, as in a maximum.

    Returns:
        For each pass, how far what is added is shifted, and whether it is the windows themselves;
        else it is the single pixels.

    >>> doubling_passes(11, overlap=True)  # windows of 2, 4, 8, 11
    [(1, True), (2, True), (4, True), (3, True)]
    >>> doubling_passes(11, overlap=False)  # windows of 2, 4, 5, 10, 11
    [(1, True), (2, True), (4, False), (5, True), (10, False)]
    """
    passes, width = [], 1
    for bit in f"{length:b}"[1:]:
        passes.append((width, True))
        width *= 2
        if bit == "1" and not overlap:
            passes.append((width, False))
            width += 1
    if width < length:
        passes.append((length - width, True))
    return passes
