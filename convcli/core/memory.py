"""How much memory a convolution takes, from sizes and types alone.

The numbers are upper bounds for any method that ``auto`` may choose, not measurements; they take
microseconds, so that a job can be refused before it starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from convcli.core.dtypes import DOUBLE
from convcli.core.methods import kn2row
from convcli.core.methods.choose import CALLS, PASS_COST, TRANSFORM_COST
from convcli.core.methods.direct import rows_per_strip
from convcli.core.methods.fft import tile_overlap, tiles_of
from convcli.core.methods.im2col import BLOCK, SCRATCH_BYTES
from convcli.core.methods.im2col import STRIP_BYTES as WINDOWS_BYTES
from convcli.core.methods.taps import FEWEST_DOUBLED
from convcli.core.methods.toeplitz import AT_ONCE, band_rows, rows_apart
from convcli.core.methods.turned import Layout, possible_axes
from convcli.core.padding import MAX_GATHERED_VALUES
from convcli.core.strips import without_gaps
from convcli.core.threads import MIN_THREADED_SIZE, thread_count
from convcli.geometry import ConvOptions, Geometry, Pair

ITEM = DOUBLE.itemsize  # no number in a strip is wider
TAP_BYTES, PLAN_BYTES = 512, 1 << 16  # of the schedule, and of the rest of a plan
MASKED_FACTOR = 3  # as many strips as for all pixels: of the mask, and of what anchors add
TILE_COPIES = 6  # of a tile in float64: pixels, spectra and their products


def estimated_bytes(
    shape: tuple[int, ...],
    kernels: Sequence[tuple[int, ...]],
    options: ConvOptions,
    result: DTypeLike | None = None,
    threads: int | None = None,
    method: str = "auto",
) -> int:
    """Bound the bytes that filtering an image takes, beyond the image itself.

    Args:
        shape: of the image, (H, W) or (H, W, C).
        kernels: shapes of the kernels that run side by side; their maps give one result.
        options: operation, padding, border, stride and dilation.
        result: type of the result's values; None for the widest that the sums can have.
        threads: at most this many; None as :func:`convcli.core.threads.thread_count` says.
        method: one of :data:`convcli.choices.METHODS`.

    Raises:
        GeometryError: no window fits.

    >>> mib = estimated_bytes((6000, 8000), [(3, 3)], ConvOptions(), "uint8", 2) / 2**20
    >>> 45 < mib < 100  # the result has 46
    True
    """
    channels = shape[2] if len(shape) == 3 else 1
    geometries = [_geometry(shape, kernel, options) for kernel in kernels]
    size = np.dtype(result).itemsize if result is not None else ITEM
    maps = channels if len(kernels[0]) == 2 else math.prod(kernels[0][:-3])
    height, width = geometries[0].output_shape
    strips = sum(
        strip_bytes(geometry, kernel, channels, threads, method)
        for geometry, kernel in zip(geometries, kernels, strict=True)
    )
    # A strip whose type is the image's, and combinations in float64.
    return height * width * maps * size + strips * (1 if len(kernels) == 1 else 2)


def strip_bytes(
    geometry: Geometry,
    kernel: tuple[int, ...],
    channels: int,
    threads: int | None = None,
    method: str = "auto",
) -> int:
    """Bound the bytes of all strips that are filtered at the same time, and of what they share.

    Args:
        geometry: of the image and the kernel.
        kernel: shape of the kernel, (kh, kw), (C, kh, kw) or (N, C, kh, kw).
        channels: of the image.
        threads: as for :func:`estimated_bytes`.
        method: as for :func:`estimated_bytes`.
    """
    windows = without_gaps(geometry, channels)
    height, width = windows.output_shape
    pitch = -(-windows.padded_shape[1] // windows.stride[1])
    summed, taps = len(kernel) > 2, math.prod(kernel[-3:])
    maps = math.prod(kernel[:-3]) if summed else channels
    phases = math.prod(map(min, windows.kernel, windows.stride))
    copies = 1 + (summed or phases > 1 or windows.stride != (1, 1))  # of the strip, in phases

    rows = min(rows_per_strip(windows, channels, DOUBLE), height)
    # Strips, then sums, scratch and the column phases' sums, then the finished values.
    sums = (
        rows * pitch * (1 if summed else channels) * (2 + min(windows.kernel[1], windows.stride[1]))
    )
    values = rows * width * maps * (3 if summed else 1)
    each = copies * _strip(windows, rows, channels) + sums + values
    if not summed and 1 in windows.stride and max(windows.kernel) >= FEWEST_DOUBLED:
        each += 2 * _strip(windows, rows, channels)  # the sums of neighbors, if weights are equal
    shared = 2 * math.prod(kernel) if summed else 0  # the filters, in two types
    if not summed:
        turned = [
            Layout.of(windows, axis, rows, channels).geometry for axis in possible_axes(windows)
        ]
        each += sum(copies * _turned(lying, channels) + values for lying in turned)
        shared += 2 * sum(map(_bands, turned))
    if not summed and method in ("auto", "toeplitz"):
        band = band_rows(windows) * rows_apart(windows)
        shared += 2 * _bands(windows)
        each += min(AT_ONCE // ITEM, max(windows.kernel) * (values + band * width * maps))
        each += copies * (_strip(windows, band, channels) - _strip(windows, 1, channels))
    if summed and method in ("auto", "matrix"):
        rows = min(max(WINDOWS_BYTES // (width * (taps + maps) * ITEM), 1), height)
        windows_size = min(WINDOWS_BYTES // ITEM, rows * width * taps) + taps
        sums, products = rows * width * maps, 2 + taps // BLOCK
        scratch = min(products * sums, SCRATCH_BYTES // ITEM)
        sums = sums * (2 + products.bit_length()) + scratch
        product = copies * _strip(windows, rows, channels) + windows_size + sums
        each = max(each, product)
        # kn2row: the strip twice, the products of its pixels, and sums that are as wide as it is.
        rows = min(kn2row.strip_rows(windows, channels), height)
        sums = rows * windows.stride[0] * windows.padded_shape[1] * maps * 2
        products = max(kn2row.PRODUCT_BYTES // ITEM, maps * math.prod(kernel[-2:]))
        each = max(each, 2 * _strip(windows, rows, channels) + products + sums)
    if not summed and method in ("auto", "fft"):
        cost = TRANSFORM_COST * (1 + phases) * tile_overlap(windows)
        passes = 2 * taps * (PASS_COST[ITEM] * pitch + CALLS["pass"] / height) / width
        if method == "fft" or cost < passes:
            _, valid, tile = tiles_of(windows)
            transforms = TILE_COPIES * math.prod(tile) + 5 * valid[0] * width * maps
            each = max(each, transforms + 2 * _strip(windows, valid[0], channels))
            shared += (phases + 2) * math.prod(tile)
    if math.prod(windows.padded_shape) <= MAX_GATHERED_VALUES:
        shared += 3 * math.prod(windows.padded_shape)  # indices of pixels
    large = (
        channels * math.prod(geometry.input_shape) * (maps if summed else 1) >= MIN_THREADED_SIZE
    )
    count = thread_count(threads) if large else 1
    numbers = each * min(count, height) + shared + 2 * windows.padded_shape[1]
    return ITEM * numbers + TAP_BYTES * math.prod(kernel) + PLAN_BYTES


def padded_bytes(geometry: Geometry, channels: int, dtype: DTypeLike, fill: float = 0) -> int:
    """Bound the bytes of a padded image that is held as a whole, and of its columns' indices.

    >>> geometry = ConvOptions(dilation=10).geometry((3, 3), (3, 3))
    >>> padded_bytes(geometry, 1, "uint8")  # 23x23, and 23 indices
    713
    """
    rows, columns = geometry.padded_shape
    size = ITEM if fill else np.dtype(dtype).itemsize  # the type may not hold the fill value
    return rows * columns * channels * size + ITEM * columns


def _strip(windows: Geometry, rows: int, channels: int) -> int:
    """Return how many values a strip for some output rows has."""
    return (windows.rows_needed(rows) + 1) * windows.padded_shape[1] * channels


def _turned(lying: Geometry, channels: int) -> int:
    """Return how many values a turned strip has, with its sums."""
    rows = lying.output_shape[0] + band_rows(lying) * rows_apart(lying)
    sums = rows * lying.padded_shape[1] * (2 + min(lying.kernel[1], lying.stride[1]))
    strip = (lying.rows_needed(rows) + 1) * lying.padded_shape[1]
    return (3 * strip + sums) * channels  # the sums of neighbors, if weights are equal


def _bands(windows: Geometry) -> int:
    """Return how many values the banded matrices of a kernel have."""
    band = band_rows(windows)
    reach = band + (windows.extent[0] - 1) // windows.stride[0]
    return band * reach * windows.kernel[1] * min(windows.kernel[0], windows.stride[0])


def _geometry(shape: tuple[int, ...], kernel: tuple[int, ...], options: ConvOptions) -> Geometry:
    size: Pair = (kernel[-2], kernel[-1])
    return options.geometry(shape, size)


def memory_text(size: int) -> str:
    """Write a number of bytes in the smallest unit that takes at most four digits.

    >>> memory_text(100_000), memory_text(3 * 2**30), memory_text(2**48)
    ('97 KiB', '3,072 MiB', '256 TiB')
    """
    units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while (size := size >> 10) >= 10_000 and len(units) > 1:
        del units[0]
    return f"{size:,} {units[0]}"
