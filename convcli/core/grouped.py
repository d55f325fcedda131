"""Grouped convolution: every run of channels has kernels of its own.

Filtering group by group pays for a plan each time, which takes longer than the sums of small
groups: 32 groups of 16 channels and 16 filters 3x3 on a map of 14x14 take 19 ms, and 2 ms in this
way. Here the windows of several groups are copied at once, as in the method ``matrix``, and NumPy
multiplies all of them by their filters in one call. Sums of float32 are in float32 where these are
accurate enough, strip by strip, and in float64 otherwise; those of integers are exact.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.core.depthwise import sum_types
from convcli.core.dtypes import DOUBLE, SINGLE
from convcli.core.methods.base import Workspace, borrow, give_back
from convcli.core.methods.im2col import (
    BLOCK,
    RUN,
    SINGLE_THREAD_GEMV,
    TURNED_VALUES,
    bound_partials,
    largest_root_mean,
)
from convcli.core.methods.toeplitz import SINGLE_THREAD_GEMM
from convcli.core.padding import pad_array
from convcli.core.precision import Precision, has_outliers
from convcli.core.threads import MIN_THREADED_SIZE, for_each, thread_count
from convcli.geometry import Geometry

_MOST_PADDED = 2  # times the maps, with their padding
_MOST_TAPS = 512  # of a filter; more are summed in blocks, for which the method matrix is
_MOST_PRODUCTS = 1 << 22  # of a group; a plan for each group is worth its time for more
_STRIP_BYTES = 1 << 20  # of the windows of a strip


def grouped(
    maps: NDArray[Any],
    weights: NDArray[Any],
    geometry: Geometry,
    border: str,
    fill: float = 0,
    threads: int | None = None,
) -> NDArray[Any] | None:
    """Filter each run of channels with its own kernels.

    Args:
        maps: (H, W, G * C), integers or floats.
        weights: (G, N, C, kh, kw) as they are applied, integers or floats.
        geometry: of a kernel over one of the channels.
        border: numpy's name of what the padding holds.
        fill: the value of a ``constant`` border.
        threads: the largest number of threads; None for one per processor.

    Returns:
        (H', W', G * N), the N maps of a group side by side: int32 for integers, otherwise float32
        or float64. None for what is better summed group by group: large groups, floats that are
        not finite, integers whose sums exceed 32 bits, padding much larger than the maps.

    >>> from convcli.geometry import ConvOptions
    >>> image, weights = np.array([[[0, 1, 2, 3]]]), np.array([1, 2, 3, 4]).reshape(2, 1, 2, 1, 1)
    >>> grouped(image, weights, ConvOptions().geometry((1, 1), (1, 1)), "edge").tolist()
    [[[2, 18]]]
    """
    groups, count, channels, kh, kw = weights.shape
    taps, positions = channels * kh * kw, math.prod(geometry.output_shape)
    padded_size = math.prod(geometry.padded_shape) * maps.shape[2]
    is_large = taps > _MOST_TAPS or positions * count * taps > _MOST_PRODUCTS
    if is_large or padded_size > _MOST_PADDED * maps.size + _MOST_PRODUCTS // taps:
        return None
    types = sum_types(maps, weights.reshape(-1, 1, channels * kh, kw), fill)
    if types is None or types[1] == np.int64:
        return None
    strips = _Strips(weights, geometry, types[1], can_cast=np.can_cast(maps.dtype, SINGLE))
    workspace, all_channels = borrow(), maps.shape[2]
    padded = workspace.take("padded", (*geometry.padded_shape, all_channels), maps.dtype)
    pad_array(maps, geometry.pads, border, fill, padded)
    planes = workspace.take("planes", (all_channels, *geometry.padded_shape), strips.kind)
    _transpose(padded.reshape(-1, all_channels), planes.reshape(all_channels, -1).T)
    values = workspace.take("values", (groups * count, *geometry.output_shape), types[1])
    many = thread_count(threads) if maps.size * count >= MIN_THREADED_SIZE else 1
    for_each(
        lambda place: strips.work(planes, values, *place),
        places := strips.places(),
        min(many, len(places)),
    )
    out = np.empty((*geometry.output_shape, len(values)), types[1])
    _transpose(values.reshape(len(values), -1).T, out.reshape(-1, len(values)))
    give_back(workspace)
    return out


class _Strips:
    """How some groups, on some rows of the output, are summed at a time.

    Args:
        weights: (G, N, C, kh, kw).
        geometry: of a kernel.
        result: the type of the output.
        can_cast: whether float32 holds the input.
    """

    def __init__(
        self, weights: NDArray[Any], geometry: Geometry, result: np.dtype[Any], *, can_cast: bool
    ) -> None:
        self.geometry, (_, _, self.channels, *_) = geometry, weights.shape
        self.filters = weights.reshape(*weights.shape[:2], -1)
        taps = self.filters.shape[2]
        self.block = RUN * math.ceil(taps / max(round(taps / BLOCK), 1) / RUN)  # taps of a product
        self.precision = None
        if result == SINGLE and can_cast:
            with np.errstate(all="ignore"):  # infinite where a weight exceeds float32
                filters = self.filters.reshape(-1, taps).astype(SINGLE)
                precision = Precision(bound_partials(filters, self.block), 0)
            self.precision = precision if precision.is_possible else None
        self.kind = DOUBLE if self.precision is None else SINGLE
        rows, columns = geometry.output_shape
        line = taps * columns * self.kind.itemsize
        self.groups = max(1, _STRIP_BYTES // (line * rows))
        self.rows = rows if self.groups > 1 else max(1, _STRIP_BYTES // line)

    def places(self) -> list[tuple[int, int]]:
        """Return the first group and the first row of each strip."""
        rows = self.geometry.output_shape[0]
        return list(product(range(0, len(self.filters), self.groups), range(0, rows, self.rows)))

    def work(self, planes: NDArray[Any], values: NDArray[Any], group: int, top: int) -> None:
        """Store the sums of a strip of (channels, rows, columns) in (maps, rows, columns)."""
        filters = self.filters[group : group + self.groups]
        lines = min(self.rows, self.geometry.output_shape[0] - top)
        down, first = self.geometry.stride[0], group * self.channels
        read = planes[
            first : first + len(filters) * self.channels,
            top * down : (top + lines - 1) * down + self.geometry.extent[0],
        ]
        found, workspace = None, borrow()
        if self.precision is not None:
            highest = float(max(read.max(), -read.min()))
            if not has_outliers(read, highest):
                found = self.sums(filters.astype(SINGLE), read, lines, workspace)
                if not self._are_accurate(found, read, lines, highest, self.precision):
                    found = None
        if found is None:
            found = self.sums(filters.astype(DOUBLE), read.astype(DOUBLE), lines, workspace)
        first = group * filters.shape[1]
        place = slice(first, first + filters.shape[0] * filters.shape[1])
        values[place, top : top + lines] = found.reshape(-1, lines, values.shape[2])
        give_back(workspace)

    def _are_accurate(
        self,
        sums: NDArray[Any],
        read: NDArray[Any],
        lines: int,
        highest: float,
        precision: Precision,
    ) -> bool:
        """Tell whether sums in float32 are accurate.

        Where their bound by the largest magnitude is too coarse, that by the root mean square of
        the window where it is largest decides: of random numbers, it is a third.
        """
        if precision.is_accurate(sums, highest):
            return True
        planes = read.reshape(-1, self.channels, *read.shape[1:])
        energies = np.einsum("gchw,gchw->ghw", planes, planes, dtype=DOUBLE).transpose(1, 2, 0)
        taps = self.filters.shape[2]
        magnitude = largest_root_mean(energies, self.geometry, lines, taps)
        return precision.is_accurate(sums, magnitude)

    def sums(
        self, filters: NDArray[Any], read: NDArray[Any], lines: int, workspace: Workspace
    ) -> NDArray[Any]:
        """Return the sums of filters (G, N, taps), (G, N, rows * columns)."""
        groups, count, taps = filters.shape
        (down, across), dilation = self.geometry.stride, self.geometry.dilation
        plane, row, column = read.strides
        shape = self.channels, *self.geometry.kernel, lines, self.geometry.output_shape[1]
        steps = plane, row * dilation[0], column * dilation[1], row * down, column * across
        shown = as_strided(read, (groups, *shape), (self.channels * plane, *steps))
        windows = workspace.take("windows", (groups, taps, lines * shape[-1]), read.dtype)
        windows.reshape(shown.shape)[...] = shown
        products = -(-taps // self.block), groups, count, windows.shape[2]
        parts = workspace.take("parts", products, read.dtype)
        # Products so small that BLAS stays on one thread: with several it rounds differently.
        most = SINGLE_THREAD_GEMM // count if count > 1 else SINGLE_THREAD_GEMV
        width = max(1, most // self.block)
        for number, part in enumerate(parts):
            some = slice(number * self.block, (number + 1) * self.block)
            for first in range(0, windows.shape[2], width):
                place = slice(first, first + width)
                np.matmul(filters[..., some], windows[:, some, place], out=part[..., place])
        while len(parts) > 1:  # add in pairs, and these in pairs
            half = len(parts) // 2
            parts[:half] += parts[half : 2 * half]
            if len(parts) % 2:
                parts[half] = parts[-1]
            parts = parts[: len(parts) - half]
        return np.asarray(parts[0])


def _transpose(source: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy (pixels, channels) into another order, some pixels at a time, as the cache likes it."""
    step = max(1, TURNED_VALUES // source.shape[1])
    for first in range(0, len(source), step):
        out[first : first + step] = source[first : first + step]
