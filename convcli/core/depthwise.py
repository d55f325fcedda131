"""Depthwise convolution: every channel has kernels of its own.

Filtering channel by channel pays for a plan each time, which takes longer than the sums of a small
map: 512 maps of 14x14 take 900 ms, and 2 ms in this way. Here all channels lie side by side, as
they do in memory, and a tap is one product of a strip with a row that repeats the tap's weights,
one for each channel. Sums are in integers that hold them, or in float32 where that is accurate
enough, strip by strip, and in float64 otherwise: 128 maps of 56x56 take half to two thirds of the
time.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, FINITE_SUM, SINGLE, float_type
from convcli.core.methods.base import borrow, give_back
from convcli.core.methods.direct import ROUNDINGS
from convcli.core.padding import pad_array
from convcli.core.precision import Partials, Precision, has_outliers
from convcli.core.threads import MIN_THREADED_SIZE, for_each, thread_count
from convcli.geometry import Geometry

_MOST_PADDED = 2  # times the maps, with their padding
_LARGEST = 1 << 16  # outputs of a map; for more of them a plan for each channel is worth its time
_MOST_WEIGHTS = 2.0**60  # whose squares are added in float32
_STRIP_VALUES = 1 << 16  # of the sums of a strip, which share the cache with their input


def depthwise(
    maps: NDArray[Any],
    weights: NDArray[Any],
    geometry: Geometry,
    border: str,
    fill: float = 0,
    threads: int | None = None,
) -> NDArray[Any] | None:
    """Filter each channel with its own kernels.

    Args:
        maps: (H, W, C), integers or floats.
        weights: (C, M, kh, kw) as they are applied, integers or floats.
        geometry: of a kernel over one of the channels.
        border: numpy's name of what the padding holds.
        fill: the value of a ``constant`` border.
        threads: the largest number of threads; None for one per processor.

    Returns:
        (H', W', C * M), the M maps of a channel side by side: integers for integers, otherwise
        float32 or float64. None for what is better summed channel by channel: large maps, floats
        that are not finite, integers whose sums exceed 64 bits, padding much larger than the maps.

    >>> from convcli.geometry import ConvOptions
    >>> image, weights = np.arange(4).reshape(1, 2, 2), np.array([[[[2]]], [[[3]]]])
    >>> depthwise(image, weights, ConvOptions().geometry((1, 2), (1, 1)), "edge").tolist()
    [[[0, 3], [4, 9]]]
    """
    types = sum_types(maps, weights, fill)
    padded_size = math.prod(geometry.padded_shape) * maps.shape[2]
    is_large = math.prod(geometry.output_shape) > _LARGEST
    if types is None or is_large or padded_size > _MOST_PADDED * maps.size + _STRIP_VALUES:
        return None
    kind, result = types
    workspace = borrow()
    padded = workspace.take("padded", (*geometry.padded_shape, maps.shape[2]), maps.dtype)
    pad_array(maps, geometry.pads, border, fill, padded)
    channels, count = weights.shape[:2]
    rows, columns = geometry.output_shape
    out = np.empty((rows, columns, channels, count), result)
    can_cast = result == SINGLE and np.can_cast(maps.dtype, SINGLE)
    taps = _Taps(weights, geometry, kind, in_single=can_cast and kind == DOUBLE)

    @np.errstate(all="ignore")  # infinite where float32 overflows
    def work(strip: slice) -> None:
        """Sum some rows."""
        height, first = strip.stop - strip.start, strip.start * geometry.stride[0]
        last = (height - 1) * geometry.stride[0]
        sums = taps.sums(padded[first : first + last + geometry.extent[0]], height)
        for number in range(count):
            out[strip, ..., number] = sums[number].reshape(height, columns, channels)

    step = max(1, _STRIP_VALUES // max(1, columns * channels))
    strips = [slice(first, min(first + step, rows)) for first in range(0, rows, step)]
    many = thread_count(threads) if maps.size >= MIN_THREADED_SIZE else 1
    for_each(work, strips, min(many, len(strips)))
    give_back(workspace)
    return out.reshape(rows, columns, channels * count)


class _Taps:
    """The weights of all channels, tap by tap.

    Args:
        weights: (C, M, kh, kw).
        geometry: of a kernel over one of the channels.
        kind: type of sums that are always accurate.
        in_single: whether sums in float32 are tried first.
    """

    def __init__(
        self, weights: NDArray[Any], geometry: Geometry, kind: np.dtype[Any], *, in_single: bool
    ) -> None:
        self.weights, self.geometry, self.kind = weights, geometry, kind
        self.taps = np.argwhere(np.any(weights, axis=0)).tolist()  # those of some channel
        self.tiled = cache(self._tiled)
        norm = float(np.abs(weights).sum(axis=(2, 3), dtype=np.float64).max())
        partials = Partials.any_order(weights[0, 0].size + ROUNDINGS, norm)
        self.precision = Precision(partials, 0) if in_single else None

    def _tiled(self, kind: np.dtype[Any]) -> NDArray[Any]:
        """Return a row of weights for each tap and each of the M kernels."""
        columns = self.geometry.output_shape[1]
        tiled = np.tile(self.weights.astype(kind), (columns, 1, 1, 1))
        return tiled.transpose(1, 2, 3, 0).copy()

    def sums(self, block: NDArray[Any], height: int) -> NDArray[Any]:
        """Return the sums of so many rows, (M, rows, W' * C), from all that their windows read."""
        if self.precision is not None and self.precision.is_possible:
            single = block.astype(SINGLE, copy=False)
            highest = max(float(single.max()), -float(single.min()))
            if not has_outliers(single, highest):
                sums = self._add_up(single, height)
                if self.precision.is_accurate(sums.swapaxes(0, 1), highest):
                    return sums
        return self._add_up(block.astype(self.kind, copy=False), height)

    def _add_up(self, block: NDArray[Any], height: int) -> NDArray[Any]:
        """Return the sums in the type of what the windows read."""
        filters, columns = self.tiled(block.dtype), self.geometry.output_shape[1]
        (down, across), dilation = self.geometry.stride, self.geometry.dilation
        sums = np.zeros((len(filters), height, filters.shape[3]), block.dtype)
        product = np.empty(sums.shape[1:], block.dtype)
        for number, row, column in self.taps:
            begin, place = row * dilation[0], column * dilation[1]
            part = block[
                begin : begin + (height - 1) * down + 1 : down,
                place : place + (columns - 1) * across + 1 : across,
            ]
            np.multiply(part.reshape(height, -1), filters[number, row, column], out=product)
            np.add(sums[number], product, out=sums[number])
        return sums


def sum_types(
    maps: NDArray[Any], weights: NDArray[Any], fill: float
) -> tuple[np.dtype[Any], np.dtype[Any]] | None:
    """Return the types of the sums and of the result, or None if these do not hold the sums."""
    if maps.dtype.kind == "f":
        result = float_type(maps.dtype)
        highest = max(float(maps.max()), -float(maps.min()), abs(fill))  # NaN, too
        is_held = math.isfinite(highest) and _holds(maps.dtype, fill)
        return (DOUBLE, result) if is_held and _are_held(weights, highest, result) else None
    limits = np.iinfo(maps.dtype)
    if not limits.min <= fill <= limits.max:
        return None
    if not float(fill).is_integer():
        return None
    if weights.dtype.kind == "f":
        result = float_type(maps.dtype)
        return (DOUBLE, result) if _are_held(weights, float(limits.max), result) else None
    largest = max(abs(int(maps.min())), abs(int(maps.max())), abs(int(fill)))
    bound = largest * max(int(sum(map(abs, each.ravel().tolist()))) for each in weights)
    if bound >= 2**63:
        return None
    kind = np.dtype(np.int32 if bound < 2**31 else np.int64)
    return kind, kind


def _holds(kind: np.dtype[Any], fill: float) -> bool:
    """Tell whether a type of floats holds a fill value, up to the rounding of float32."""
    with np.errstate(over="ignore"):
        held = float(kind.type(fill))
    return math.isfinite(held) and abs(held - fill) <= float(np.finfo(SINGLE).eps) * abs(fill)


def _are_held(weights: NDArray[Any], highest: float, result: np.dtype[Any]) -> bool:
    """Tell whether partial sums stay finite in float64, and squares of weights in the result."""
    norm = float(np.abs(weights.astype(DOUBLE)).sum(axis=(2, 3)).max())
    return highest * norm < FINITE_SUM and (result != SINGLE or norm < _MOST_WEIGHTS)
