"""Depthwise convolution: every channel has kernels of its own.

Filtering channel by channel pays for a plan each time, which takes longer than the sums of a small
map: 512 maps of 14x14 take 900 ms, and 2 ms in this way. Here all channels lie side by side, as
they do in memory, and a tap is one product of a strip with a row that repeats the tap's weights,
one for each channel. Sums are in float64, or in integers that hold them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, float_type
from convcli.core.padding import pad_array
from convcli.core.threads import MIN_THREADED_SIZE, for_each, thread_count
from convcli.geometry import Geometry

_MOST_PADDED = 2  # times the maps, with their padding
_LARGEST = 1 << 16  # outputs of a map; for more of them a plan for each channel is worth its time
_STRIP_VALUES = 1 << 15  # of the sums of a strip; as float64 they share the cache with their input


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
    padded = pad_array(maps, geometry.pads, border, fill)
    channels, count, kh, kw = weights.shape
    rows, columns = geometry.output_shape
    (down, across), (apart_down, apart_across) = geometry.stride, geometry.dilation
    # One row of weights for each tap and each of the M kernels.
    tiled = np.tile(weights.astype(kind), (columns, 1, 1, 1)).transpose(1, 2, 3, 0).copy()
    used = np.any(weights, axis=0, keepdims=False).reshape(count, kh, kw)
    out = np.empty((rows, columns, channels, count), result)

    @np.errstate(all="ignore")  # infinite where float32 overflows
    def work(strip: slice) -> None:
        """Sum some rows."""
        height = strip.stop - strip.start
        first = strip.start * down
        block = padded[first : first + (height - 1) * down + geometry.extent[0]].astype(kind)
        sums = np.zeros((count, height, columns * channels), kind)
        product = np.empty(sums.shape[1:], kind)
        for row in range(kh):
            begin = row * apart_down
            lines = block[begin : begin + (height - 1) * down + 1 : down]
            for column in range(kw):
                place = column * apart_across
                part = lines[:, place : place + (columns - 1) * across + 1 : across]
                flat = part.reshape(height, -1)
                for number in np.flatnonzero(used[:, row, column]).tolist():
                    np.multiply(flat, tiled[number, row, column], out=product)
                    sums[number] += product
        for number in range(count):
            out[strip, ..., number] = sums[number].reshape(height, columns, channels)

    step = max(1, _STRIP_VALUES // max(1, columns * channels))
    strips = [slice(first, min(first + step, rows)) for first in range(0, rows, step)]
    many = thread_count(threads) if maps.size >= MIN_THREADED_SIZE else 1
    for_each(work, strips, min(many, len(strips)))
    return out.reshape(rows, columns, channels * count)


def sum_types(
    maps: NDArray[Any], weights: NDArray[Any], fill: float
) -> tuple[np.dtype[Any], np.dtype[Any]] | None:
    """Return the types of the sums and of the result, or None if these do not hold the sums."""
    if maps.dtype.kind == "f":
        is_finite = np.isfinite(maps).all() and math.isfinite(fill)
        return (DOUBLE, float_type(maps.dtype)) if is_finite else None
    limits = np.iinfo(maps.dtype)
    if not limits.min <= fill <= limits.max:
        return None
    if not float(fill).is_integer():
        return None
    if weights.dtype.kind == "f":
        return DOUBLE, float_type(maps.dtype)
    largest = max(abs(int(maps.min())), abs(int(maps.max())), abs(int(fill)))
    bound = largest * max(int(sum(map(abs, each.ravel().tolist()))) for each in weights)
    if bound >= 2**63:
        return None
    kind = np.dtype(np.int32 if bound < 2**31 else np.int64)
    return kind, kind
