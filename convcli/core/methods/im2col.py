"""im2col + GEMM: a filter bank as one matrix product (the method ``matrix``).

im2col copies the pixels that a tap reads, at all positions of a few output rows, into one row of a
matrix, (C * kh * kw, positions). These are long runs, because the channels are separated first, and
one call of numpy copies them all: a tenth to a sixth of a nanosecond a tap, whatever the number of
filters. Each column is a window; the transposed matrix times the transposed bank, (C * kh * kw, N),
gives the sums at the speed of BLAS. The bank is read where it lies: for 512x512x3x3 filters on a
7x7 map, a copy of the weights in another order takes as long as the product.

Source: Chellapilla, Puri and Simard, *High Performance Convolutional Neural Networks for Document
Processing*, 2006.

Integers come out exactly if the floating-point type holds their sums. NaN would spread to weights
of 0.
"""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SumTypes
from convcli.core.methods.base import Call, SumMethod, Workspace, run_calls, store
from convcli.core.methods.toeplitz import SINGLE_THREAD_GEMM
from convcli.core.precision import Partials, Precision
from convcli.core.threads import MIN_THREADED_SIZE
from convcli.errors import count_text
from convcli.geometry import Geometry

BLOCK = 64  # taps and filters of one product, about; sums of more taps lose digits to rounding
RUN = 8  # taps of a block whose partial sums are bounded together
# Multiplications of a matrix and a vector in one product; BLAS uses more threads beyond 9,216.
SINGLE_THREAD_GEMV = 1 << 13
MIN_STRIPS, MIN_POSITIONS = 4, 24  # so many strips, unless they would have so few windows
MANY_WINDOWS = 500  # for so many, filters are put into Fortran's order
STRIP_BYTES = 1 << 22  # windows and sums of one strip
BOUND_BYTES = 1 << 19  # windows and products of a strip that is kept
SCRATCH_BYTES = 1 << 21  # products of blocks of taps that are then added
TURNED_VALUES = 1 << 13  # of pixels whose channels are set apart at a time
LEAST_ENERGY = 1e-28  # of a filter; float32 has no digits left for squares of smaller numbers


class Im2colMethod(SumMethod):
    """Sum the windows of a filter bank by one matrix product per strip.

    Args:
        types: weights (N, C, kh, kw), accumulator and bias.
        geometry: pads, stride, dilation and sizes.
        dtype: the type to multiply in, float32 or float64.
    """

    name = "matrix"

    def __init__(self, types: SumTypes, geometry: Geometry, dtype: np.dtype[Any]) -> None:
        self.types, self.geometry, self.kind = types, geometry, dtype
        self.taps: int = types.weights[0].size
        products = max(round(self.taps / BLOCK), 1)
        self.block: int = RUN * math.ceil(self.taps / products / RUN)  # taps of one product
        # 64 filters of 64x3x3 take 150 us on a map of 8x8, in place of 200, where all calls of a
        # strip are worked out once.
        values = self.taps + 2 * products * len(types.weights)
        size = math.prod(geometry.output_shape) * values * dtype.itemsize
        self.is_bound = size <= BOUND_BYTES

    @cached_property
    def filters(self) -> NDArray[Any]:
        """The filters, (N, C * kh * kw).

        Products of many windows take 4 to 25 % less where the filters are in Fortran's order; for
        few windows, the copy takes longer than that saves.
        """
        filters = self.types.weights.reshape(len(self.types.weights), -1)
        many = math.prod(self.geometry.output_shape) >= MANY_WINDOWS
        return filters.astype(self.kind, order="F" if many else "K", copy=False)

    @cached_property
    def precision(self) -> Precision | None:
        """The bound on the error of sums in float32, unless they are exact."""
        if self.kind == DOUBLE or self.types.is_exact:
            return None
        partials = bound_partials(self.filters, self.block)
        return Precision(partials, self.types.bias, self.types.spread)

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        (height, width), filters = self.geometry.output_shape, len(self.types.weights)
        rows = max(STRIP_BYTES // (width * (self.taps + filters) * self.kind.itemsize), 1)
        if math.prod(self.geometry.input_shape) * channels * filters < MIN_THREADED_SIZE:
            return rows
        # An even number of equal strips, so that two threads end at the same time.
        positions = height * width
        strips = MIN_STRIPS if positions >= MANY_WINDOWS else 1 + (positions >= 2 * MIN_POSITIONS)
        return min(rows, -(-height // strips))

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        filters = count_text(len(self.types.weights), "filter")
        size = f"windows of {count_text(self.taps, 'tap')} times {filters}"
        return f"{size}, over {self.kind}"

    def magnitude(self, strip: NDArray[Any], rows: int, highest: float) -> float:
        """Return the root mean square of the values in the window where it is largest."""
        energies = np.einsum("hwc,hwc->hw", strip, strip, dtype=np.float64)
        return largest_root_mean(energies, self.geometry, rows, self.taps)

    def bind(
        self, strip: NDArray[Any], rows: int, workspace: Workspace
    ) -> Callable[[], NDArray[Any]]:
        """Return what sums the windows over the channels, for every filter."""
        columns, filters = self.geometry.output_shape[1], len(self.filters)
        sums = workspace.take_sums((rows, columns, filters), self.kind)
        calls = list(self._calls(strip, sums, workspace))

        def multiply() -> NDArray[Any]:
            run_calls(calls)
            return sums.astype(self.types.accumulator) if self.types.is_exact else sums

        return multiply

    def _calls(
        self, strip: NDArray[Any], sums: NDArray[Any], workspace: Workspace
    ) -> Iterator[Call]:
        """Yield the calls that store the sums, (rows, W', N)."""
        rows, columns, filters = sums.shape
        pixels = strip.reshape(-1, strip.shape[2])
        is_pixel = self.taps == strip.shape[2] and len(pixels) == rows * columns  # each window
        if is_pixel and strip.dtype == self.kind and self.filters.flags.f_contiguous:
            # BLAS is as fast on pixels where they lie, if the filters are in Fortran's order: 1x1
            # filters on a map of 28x28x256 take an eighth less.
            yield from self._multiply(pixels.T, sums.reshape(-1, filters), workspace)
            return
        planes = workspace.take("planes", (strip.shape[2], *strip.shape[:2]), self.kind)
        # Some pixels at a time stay in the cache: of 512 channels, that takes a sixth.
        flat_planes = planes.reshape(len(planes), -1)
        step = max(TURNED_VALUES // len(planes), 1)
        for first in range(0, len(pixels), step):
            some = pixels[first : first + step].T
            yield store, some, some, flat_planes[:, first : first + step]
        # A strip of several rows is small enough to be copied in one go.
        step = columns if rows > 1 else max(STRIP_BYTES // self.filters[0].nbytes, 1)
        for left in range(0, columns, step):
            part = slice(left, min(left + step, columns))
            if is_pixel and rows * (part.stop - part.start) == len(pixels):
                windows = planes.reshape(self.taps, -1)
            else:
                windows = workspace.take(
                    "windows", (self.taps, rows * (part.stop - part.start)), self.kind
                )
                yield self._copy(planes, rows, part, windows)
            yield from self._multiply(windows, sums[:, part].reshape(-1, filters), workspace)

    def _copy(self, planes: NDArray[Any], rows: int, part: slice, windows: NDArray[Any]) -> Call:
        """Return the call that copies what each tap reads, (taps, rows * columns of the part)."""
        (down, across), dilation = self.geometry.stride, self.geometry.dilation
        shape = len(planes), *self.geometry.kernel, rows, part.stop - part.start
        channel, row, column = planes.strides
        steps = channel, row * dilation[0], column * dilation[1], row * down, column * across
        start = part.start * across * column
        shown: NDArray[Any] = np.ndarray(shape, self.kind, planes, start, steps)
        return store, shown, shown, windows.reshape(shape)

    def _multiply(
        self, windows: NDArray[Any], sums: NDArray[Any], workspace: Workspace
    ) -> Iterator[Call]:
        """Yield the calls that multiply the transposed windows and the transposed filters.

        Products of a few taps each are added in pairs, and these sums in pairs: so each term takes
        part in few additions, and sums of thousands of taps hold in float32.

        The blocks of positions and filters are so small that BLAS stays on one thread; with several
        threads it rounds differently. Blocks of 64 in each direction need no copy inside BLAS and
        are as fast as one large product. One call of numpy makes several, because threads wait for
        the interpreter after each call: 128 filters of 128x3x3 on a map of 28x28 take 2.3 ms in
        place of 3.2 on two threads.

        Args:
            windows: (taps, positions).
            sums: (positions, filters).
            workspace: holds other sums.
        """
        tiles = []
        for rows, height in cut(len(sums), self._block_positions()):
            left = windows[:, rows].reshape(self.taps, -1, 1, height).transpose(1, 2, 3, 0)
            for maps, width in cut(len(self.filters), BLOCK):
                right = self.filters[maps].reshape(-1, width, self.taps).swapaxes(1, 2)
                tiles.append((rows, maps, left, right))
        products = -(-self.taps // self.block)
        most = max(SCRATCH_BYTES // sums.nbytes, 1)
        together = 1 << min(most.bit_length() - 1, (products - 1).bit_length())
        depth = (-(-products // together)).bit_length() - 1
        others = depth + together * (together > 1)
        scratch = workspace.take("scratch", (others, *sums.shape), sums.dtype)
        totals, waiting = [sums, *scratch[:depth]], 0
        for count, first in enumerate(range(0, products, together), 1):
            last = min(first + together, products)
            total = totals[waiting]
            several = scratch[depth : depth + last - first] if last - first > 1 else total[None]
            for part, taps, size in self._blocks(first, last):
                for rows, maps, left, right in tiles:
                    some = left[..., taps].reshape(*left.shape[:3], -1, size)
                    weights = right[:, taps].reshape(len(right), -1, size, right.shape[2])
                    out = several[part, rows, maps]
                    out = out.reshape(len(out), len(left), -1, len(right), right.shape[2])
                    yield (
                        np.matmul,
                        some.transpose(3, 0, 1, 2, 4),
                        weights.swapaxes(0, 1)[:, np.newaxis],
                        out.swapaxes(2, 3),
                    )
            yield from _add_up_pairs(several, total)
            waiting += 1
            # Two sums of as many products are added; in the end, all that are left.
            while waiting > 1 and (last == products or not count % 2):
                waiting, count = waiting - 1, count // 2
                yield np.add, totals[waiting - 1], totals[waiting], totals[waiting - 1]

    def _blocks(self, first: int, last: int) -> Iterator[tuple[slice, slice, int]]:
        """Yield which of some products have equally many taps: which, their taps, and how many."""
        whole = min(last, self.taps // self.block)
        if whole > first:
            yield slice(whole - first), slice(first * self.block, whole * self.block), self.block
        if whole < last:
            rest = whole * self.block
            yield slice(whole - first, None), slice(rest, None), self.taps - rest

    def _block_positions(self) -> int:
        """Return how many positions to multiply at a time."""
        filters = min(len(self.filters), BLOCK)
        return min(SINGLE_THREAD_GEMM // (self.block * filters), SINGLE_THREAD_GEMV // self.block)


def largest_root_mean(energies: NDArray[Any], geometry: Geometry, rows: int, taps: int) -> float:
    """Return the greatest root mean square of the values in a window.

    Args:
        energies: of the pixels of a strip, summed over the channels of a filter: (padded rows,
            padded width), or for several filters (padded rows, padded width, groups).
        geometry: stride, dilation and sizes.
        rows: number of output rows.
        taps: of a window, all channels counted.
    """
    for axis, count in enumerate((rows, geometry.output_shape[1])):
        size, stride, _, dilation = geometry.along(axis)
        last = (count - 1) * stride + 1
        starts = range(0, size * dilation, dilation)
        lines = sum(energies[start : start + last : stride] for start in starts)
        energies = np.swapaxes(lines, 0, 1)
    return math.sqrt(float(energies.max()) / taps)


def cut(length: int, most: int) -> Iterator[tuple[slice, int]]:
    """Cut a length into equal blocks, and a rest: where all of them are, and the size of each."""
    size = math.ceil(length / math.ceil(length / most))
    whole = length - length % size
    yield slice(0, whole), size
    if whole < length:
        yield slice(whole, length), length - whole


def bound_partials(filters: NDArray[Any], block: int) -> Partials:
    """Bound the partial sums of windows whose root mean square is 1.

    By the inequality of Cauchy and Schwarz, a partial sum is at most the norm of its weights times
    that of its pixels, and the norms of all blocks make up that of the window. With magnitudes in
    place of norms, sums of thousands of taps would seem too inaccurate in float32: of random
    numbers, the bound would be three times as much.

    The partial sums at the end of each ``RUN`` taps come from a product with ones, which takes a
    tenth of the time of numpy's cumsum. Those between are that of the nearer end and a few weights
    more, whose sums the norm of the run bounds.

    Args:
        filters: (N, taps).
        block: taps that are added in order, a multiple of ``RUN``. Sums of blocks are added in
            pairs, these sums in pairs, and so on.
    """
    (count, taps), products = filters.shape, -(-filters.shape[1] // block)
    padded = filters
    if taps < products * block:
        padded = np.zeros((count, products * block), filters.dtype)
        padded[:, :taps] = filters
    lines, runs = padded.reshape(-1, block), block // RUN
    of_run = np.eye(runs, dtype=filters.dtype).repeat(RUN, axis=0)
    until_end = np.tri(runs, dtype=filters.dtype).T.repeat(RUN, axis=0)
    # From the start of a run on, and then back from its end: how often each weight is in a sum.
    half = np.arange(RUN // 2 + 1)
    between = math.sqrt(float(np.square(half).sum() + np.square(half[:-1]).sum()))
    total, drift, energy = np.empty((3, len(lines)), filters.dtype)
    ones = np.ones(runs, filters.dtype)
    step = SINGLE_THREAD_GEMM // of_run.size
    for first in range(0, len(lines), step):
        part = slice(first, first + step)
        values = lines[part]
        sums = values @ until_end
        energies = np.square(values) @ of_run
        total[part], energy[part] = sums[:, -1], energies @ ones
        drift[part] = RUN * (np.abs(sums, out=sums) @ ones) - RUN / 2 * sums[:, -1]
        drift[part] += between * (np.sqrt(energies, out=energies) @ ones)
    total, drift, energy = (each.reshape(count, products) for each in (total, drift, energy))
    sizes = np.clip(taps - block * np.arange(products), 0, block)
    walk, drift = block * energy.max(axis=1), _root_mean(drift, sizes)
    while len(sizes) > 1:
        total, energy, sizes = map(_add_pairs, (total, energy, sizes))
        walk += energy.max(axis=1)
        drift += _root_mean(total, sizes)
    if not LEAST_ENERGY < energy.max() < 1 / LEAST_ENERGY:
        return Partials(block, math.inf, math.inf, math.inf)
    norm, walk, drift = (
        math.sqrt(taps) * float(each.max()) for each in (np.sqrt(energy), np.sqrt(walk), drift)
    )
    return Partials(block + products.bit_length(), norm, walk, drift)


def _add_up_pairs(products: NDArray[Any], out: NDArray[Any]) -> Iterator[Call]:
    """Yield the calls that add pairs along the first axis, then pairs of these sums, and so on."""
    apart, count = 1, len(products)
    while apart < count:
        first, second = products[: count - apart : 2 * apart], products[apart :: 2 * apart]
        yield np.add, first, second, first if 2 * apart < count else out[np.newaxis]
        apart *= 2


def _add_pairs(values: NDArray[Any]) -> NDArray[Any]:
    """Add pairs of neighbors along the last axis; the last one may be alone."""
    sums = values[..., ::2].copy()
    sums[..., : values.shape[-1] // 2] += values[..., 1::2]
    return sums


def _root_mean(sums: NDArray[Any], sizes: NDArray[Any]) -> NDArray[Any]:
    """Return the root of the (N, blocks) sums' squares, each divided by its number of taps."""
    means: NDArray[Any] = np.sqrt((np.square(sums) / sizes).sum(axis=1))
    return means
