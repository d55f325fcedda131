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
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.toeplitz import SINGLE_THREAD_GEMM
from convcli.core.precision import Partials, Precision
from convcli.core.threads import MIN_THREADED_SIZE
from convcli.errors import count_text
from convcli.geometry import Geometry

BLOCK = 64  # taps and filters of one product, about; sums of more taps lose digits to rounding
RUN = 16  # taps of a block whose partial sums are bounded one by one
# Multiplications of a matrix and a vector in one product; BLAS uses more threads beyond 9,216.
SINGLE_THREAD_GEMV = 1 << 13
MIN_STRIPS, MIN_POSITIONS = 4, 24  # so many strips, unless they would have so few windows
MANY_WINDOWS = 500  # for so many, filters are put into Fortran's order
STRIP_BYTES = 1 << 22  # windows and sums of one strip
TURNED_VALUES = 1 << 13  # of pixels whose channels are set apart at a time
CACHED_VALUES = 1 << 16  # of filters whose partial sums are bounded at a time
LEAST_ENERGY = 1e-28  # of a filter; float32 has no digits left for squares of smaller numbers


class Im2colMethod(SumMethod):
    """Sum the windows of a filter bank by one matrix product per strip.

    Args:
        types: weights (N, C, kh, kw), accumulator and bias.
        geometry: pads, stride, dilation and sizes.
        dtype: the type to multiply in, float32 or float64.
    """

    def __init__(self, types: SumTypes, geometry: Geometry, dtype: np.dtype[Any]) -> None:
        self.types, self.geometry, self.kind = types, geometry, dtype
        self.taps: int = types.weights[0].size
        products = max(round(self.taps / BLOCK), 1)
        self.block: int = RUN * math.ceil(self.taps / products / RUN)  # taps of one product
        self.depth = (-(-self.taps // self.block)).bit_length()

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
        strips = min(MIN_STRIPS, max(height * width // MIN_POSITIONS, 1))
        return min(rows, -(-height // strips))

    def describe(self) -> str:
        """Return the method's name and its cost."""
        filters = count_text(len(self.types.weights), "filter")
        size = f"windows of {count_text(self.taps, 'tap')} times {filters}"
        return f"matrix: {size}, over {self.kind}"

    def magnitude(self, strip: NDArray[Any], rows: int, highest: float) -> float:
        """Return the root mean square of the values in the window where it is largest."""
        energies = np.einsum("hwc,hwc->hw", strip, strip, dtype=np.float64)
        for axis, count in enumerate((rows, self.geometry.output_shape[1])):
            taps, stride, _, dilation = self.geometry.along(axis)
            last = (count - 1) * stride + 1
            starts = range(0, taps * dilation, dilation)
            energies = sum(energies[start : start + last : stride] for start in starts).T
        return math.sqrt(float(energies.max()) / self.taps)

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any]:
        """Sum the windows over the channels, for every filter."""
        columns, filters = self.geometry.output_shape[1], len(self.filters)
        shape = rows, columns, filters
        sums = workspace.take_sums(shape, self.kind)
        scratch = workspace.take("scratch", (self.depth - 1, *shape), self.kind)
        planes = workspace.take("planes", (strip.shape[2], *strip.shape[:2]), self.kind)
        # Some pixels at a time stay in the cache: of 512 channels, that takes a sixth.
        pixels, flat_planes = strip.reshape(-1, len(planes)), planes.reshape(len(planes), -1)
        step = max(TURNED_VALUES // len(planes), 1)
        for first in range(0, len(pixels), step):
            flat_planes[:, first : first + step] = pixels[first : first + step].T
        # A strip of several rows is small enough to be copied in one go.
        step = columns if rows > 1 else max(STRIP_BYTES // self.filters[0].nbytes, 1)
        for left in range(0, columns, step):
            part = slice(left, min(left + step, columns))
            windows = self._windows(planes, rows, part, workspace)
            flat = [each[:, part].reshape(-1, filters) for each in (sums, *scratch)]
            self._multiply(windows, flat)
        return sums.astype(self.types.accumulator) if self.types.is_exact else sums

    def _windows(
        self, planes: NDArray[Any], rows: int, part: slice, workspace: Workspace
    ) -> NDArray[Any]:
        """Copy the pixels that each tap reads, (taps, rows * columns of the part)."""
        (down, across), dilation = self.geometry.stride, self.geometry.dilation
        shape = len(planes), *self.geometry.kernel, rows, part.stop - part.start
        channel, row, column = planes.strides
        steps = channel, row * dilation[0], column * dilation[1], row * down, column * across
        start = part.start * across * column
        windows = workspace.take("windows", shape, self.kind)
        windows[...] = np.ndarray(shape, self.kind, planes, start, steps)
        return windows.reshape(self.taps, -1)

    def _multiply(self, windows: NDArray[Any], sums: list[NDArray[Any]]) -> None:
        """Store the product of the transposed windows and the transposed filters in ``sums[0]``.

        Products of a few taps each are added in pairs, and these sums in pairs: so each term takes
        part in few additions, and sums of thousands of taps hold in float32. The others of
        ``sums``, (positions, filters), are for those that wait for their partner.

        The blocks of positions and filters are so small that BLAS stays on one thread; with several
        threads it rounds differently. Blocks of 64 in each direction need no copy inside BLAS and
        are as fast as one large product.
        """
        tiles = []
        for rows, height in cut(windows.shape[1], self._block_positions()):
            left = windows[:, rows].reshape(self.taps, -1, 1, height).transpose(1, 2, 3, 0)
            for maps, width in cut(len(self.filters), BLOCK):
                right = self.filters[maps].reshape(-1, width, self.taps).swapaxes(1, 2)
                shape = len(left), height, len(right), width
                blocks = [each[rows, maps].reshape(shape).swapaxes(1, 2) for each in sums]
                tiles.append((left, right, blocks))
        waiting = 0
        for count, start in enumerate(range(0, self.taps, self.block), 1):
            taps = slice(start, start + self.block)
            for left, right, blocks in tiles:
                np.matmul(left[..., taps], right[:, taps], out=blocks[waiting])
            waiting += 1
            # Two sums of as many products are added; in the end, all that are left.
            while waiting > 1 and (taps.stop >= self.taps or not count % 2):
                waiting, count = waiting - 1, count // 2
                np.add(sums[waiting - 1], sums[waiting], out=sums[waiting - 1])

    def _block_positions(self) -> int:
        """Return how many positions to multiply at a time."""
        filters = min(len(self.filters), BLOCK)
        return min(SINGLE_THREAD_GEMM // (self.block * filters), SINGLE_THREAD_GEMV // self.block)


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

    The partial sums of each ``RUN`` taps come from a product with a triangle of ones, which takes a
    tenth of the time of numpy's cumsum; some filters at a time stay in the cache.

    Args:
        filters: (N, taps).
        block: taps that are added in order, a multiple of ``RUN``. Sums of blocks are added in
            pairs, these sums in pairs, and so on.
    """
    (count, taps), products = filters.shape, -(-filters.shape[1] // block)
    step = min(max(CACHED_VALUES // (products * block), 1), count)
    triangle, ones = np.tri(RUN, dtype=filters.dtype).T.copy(), np.ones(RUN, filters.dtype)
    padded, partials = np.zeros((2, step, products * block // RUN, RUN), filters.dtype)
    totals, drifts, energies = np.empty((3, count, *padded.shape[1:-1]), filters.dtype)
    for first in range(0, count, step):
        part = slice(first, min(first + step, count))
        values, sums = padded[: part.stop - first], partials[: part.stop - first]
        values.reshape(len(values), -1)[:, :taps] = filters[part]
        totals[part] = np.matmul(values, triangle, out=sums)[..., -1]
        np.matmul(np.abs(sums, out=sums), ones, out=drifts[part])
        np.matmul(np.square(values, out=sums), ones, out=energies[part])
    # In a run, partial sums are at most those of the run itself and the sum of the runs before it.
    totals, drifts, energies = (
        np.moveaxis(each.reshape(count, products, -1), 2, 0) for each in (totals, drifts, energies)
    )
    total, drift, energy = sum(totals), sum(drifts), sum(energies)
    for run in range(1, len(totals)):
        drift += RUN * np.abs(sum(totals[:run]))
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


def _add_pairs(values: NDArray[Any]) -> NDArray[Any]:
    """Add pairs of neighbors along the last axis; the last one may be alone."""
    sums = values[..., ::2].copy()
    sums[..., : values.shape[-1] // 2] += values[..., 1::2]
    return sums


def _root_mean(sums: NDArray[Any], sizes: NDArray[Any]) -> NDArray[Any]:
    """Return the root of the (N, blocks) sums' squares, each divided by its number of taps."""
    means: NDArray[Any] = np.sqrt((np.square(sums) / sizes).sum(axis=1))
    return means
