"""Pooling: the maximum, minimum or mean of each window, strip by strip.

A window's maximum is the maximum over its columns of the maxima over its rows, and minima and sums
work the same way: a strip is pooled down and then along (``pool_axis.py`` says how), and no window
is ever copied. Sums of integers are exact, in the smallest type that holds them, which is twice as
fast as float64.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.choices import POOLINGS
from convcli.core.dtypes import (
    DOUBLE,
    MAX_EXACT_INT,
    SINGLE,
    Bounds,
    ImageInfo,
    as_numbers,
    check_image,
    float_type,
    with_channels,
)
from convcli.core.methods.base import Workspace, borrow, give_back
from convcli.core.pool_axis import LONG_RUN, Axis, Pooler
from convcli.core.threads import MIN_THREADED_SIZE, for_each, thread_count
from convcli.errors import GeometryError, UsageError
from convcli.geometry import (
    Geometry,
    IntOrPair,
    Padding,
    Pads,
    Pair,
    as_pair,
    conv_geometry,
    pads_of,
    pads_text,
    size_text,
)

Array = NDArray[Any]

STRIP_BYTES = 1 << 20  # of one of the buffers that a strip is pooled in


@np.errstate(all="ignore")
def pool_windows(
    image: ArrayLike,
    size: IntOrPair,
    kind: str = "max",
    stride: IntOrPair | None = None,
    padding: Padding = 0,
    count_padding: bool = True,
    ceil: bool = False,
    threads: int | None = None,
    dilation: IntOrPair = 1,
) -> Array:
    """Pool an image; :func:`convcli.pool` explains arguments, result and errors."""
    pixels = as_numbers(image, "image")
    check_image(pixels)
    if kind not in POOLINGS:
        raise UsageError(f"kind must be one of {', '.join(POOLINGS)}, not {kind!r}")
    planes = with_channels(pixels)
    height, width, channels = planes.shape
    geometry, pads = pool_geometry(
        (height, width), size, stride, padding, ceil=ceil, dilation=dilation
    )
    (down, across), whole = _axes(geometry, pads)
    mean = kind == "avg"
    if mean:
        rule = _mean_rule(planes.dtype, ImageInfo.of(planes).bounds, geometry.kernel)
        dtype = float_type(planes.dtype)
        rows, columns = _window_sizes(whole, channels, padded=count_padding, single=rule.single)
    else:
        rule, dtype = _extreme_rule(kind, planes.dtype), planes.dtype
    out = np.empty((down.windows, across.windows, channels), dtype)

    def work(windows: slice) -> None:
        """Pool some rows of windows, down first and then along."""
        workspace = borrow()
        pooler = Pooler(rule.combine, workspace)
        tall = _pool_down(planes, down.part(windows), across, rule, workspace)
        step = max(1, STRIP_BYTES // (tall[0].size * rule.along.itemsize))
        for first in range(0, len(tall), step):
            part, target = (array[first : first + step] for array in (tall, out[windows]))
            if part.dtype != rule.along:
                wide = workspace.take("wide", part.shape, rule.along)
                wide[...] = part
                part = wide
            direct = target.dtype == rule.along and not mean
            if mean and across.step == 1:
                pooled = pooler.pool_flat(part, across, across.windows)
            else:
                pooled = target if direct else workspace.take("pooled", target.shape, rule.along)
                pooler.pool(part, across, pooled)
            if mean:
                some = rows[windows][first : first + step] if len(rows) > 1 else rows
                _divide(pooled, np.multiply.outer(some, columns), target)
            elif not direct:
                target[...] = pooled
        give_back(workspace)

    strips = down.strips(STRIP_BYTES // (planes[0].size * rule.down.itemsize))
    is_large = planes.size >= MIN_THREADED_SIZE
    count = thread_count(threads) if is_large or threads is not None else 1
    for_each(work, strips, min(count if is_large else 1, len(strips)))
    return out.reshape(out.shape[: pixels.ndim])


# To work out what follows from sizes alone takes a quarter of the time of a mean of a few pixels.
@lru_cache(64)
def _axes(geometry: Geometry, pads: Pads) -> tuple[list[Axis], tuple[Axis, Axis]]:
    """Return the axes as they are pooled, and as they are."""
    down, across = (Axis.of(geometry, pads, axis) for axis in (0, 1))
    return [down.narrowed(), across.narrowed()], (down, across)


@lru_cache(8)
def _window_sizes(
    axes: tuple[Axis, Axis], channels: int, *, padded: bool, single: bool
) -> tuple[Array, Array]:
    """Return the sizes that means divide by, for each row of windows and each value in a row."""
    kind = SINGLE if single else DOUBLE
    rows, columns = (axis.counts(padded=padded).astype(kind) for axis in axes)
    return rows, columns.repeat(channels) if len(columns) > 1 else columns


class _Rule(NamedTuple):
    """How values are combined, and in which types.

    Attributes:
        combine: ``np.maximum``, ``np.minimum`` or ``np.add``.
        down, along: the types of what is pooled along the first axis, and along both.
        padding: the value that changes no result.
        single: whether sums are integers that float32 holds, and so the mean is float32.
    """

    combine: np.ufunc
    down: np.dtype[Any]
    along: np.dtype[Any]
    padding: Any
    single: bool = False


@cache
def _extreme_rule(kind: str, dtype: np.dtype[Any]) -> _Rule:
    """Return the rule of maxima or minima, in the image's type.

    float16 is slow and becomes float32.
    """
    work = SINGLE if dtype.itemsize == 2 and dtype.kind == "f" else dtype.newbyteorder("=")
    least, most = {"f": (-np.inf, np.inf), "b": (False, True)}.get(work.kind, (None, None))
    if least is None:
        least, most = np.iinfo(work).min, np.iinfo(work).max
    return (
        _Rule(np.maximum, work, work, least)
        if kind == "max"
        else _Rule(np.minimum, work, work, most)
    )


@lru_cache(64)
def _mean_rule(dtype: np.dtype[Any], bounds: Bounds | None, window: Pair) -> _Rule:
    """Return the rule of sums: in the smallest integers that hold them, else in float64.

    Args:
        dtype: of the image.
        bounds: of its integers.
        window: rows and columns.
    """
    down = along = DOUBLE
    if bounds is not None:
        taps = window[0] * window[1]
        down, along = (_sum_type(bounds, count) for count in (window[0], taps))
    if bounds is None or DOUBLE in (down, along):
        return _Rule(np.add, DOUBLE, DOUBLE, 0)
    largest = taps * max(1, *map(abs, bounds))
    single = float_type(dtype) == SINGLE and largest <= MAX_EXACT_INT[SINGLE]
    return _Rule(np.add, down, along, 0, single)


def _sum_type(bounds: Bounds, count: int) -> np.dtype[Any]:
    """Return the smallest integer type that holds a sum of integers, else float64."""
    low, high = (bound * count for bound in bounds)
    for kind in ("u2", "u4", "i8") if low >= 0 else ("i2", "i4", "i8"):
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return np.dtype(kind)
    return DOUBLE


def _divide(sums: Array, sizes: Array, out: Array) -> None:
    """Divide sums by the sizes of their windows, one size or one for each value, in its type.

    A quotient of integers that float32 holds is the same whether it is rounded to float32 at once
    or from a float64 quotient (Figueroa, "When is double rounding innocuous?", 1995), and takes a
    third of the time.
    """
    flat, quotients = (array.reshape(len(array), -1) for array in (sums, out))
    if sizes.dtype == SINGLE:
        quotients[...] = flat
        np.divide(quotients, sizes, out=quotients)
    else:
        np.divide(flat, sizes, out=quotients, dtype=DOUBLE, casting="same_kind")


def _pool_down(planes: Array, rows: Axis, across: Axis, rule: _Rule, workspace: Workspace) -> Array:
    """Pool the columns of an image; padding beside it becomes columns of the result.

    Args:
        planes: (H, W, C).
        rows: the windows along the first axis.
        across: the windows along the second axis, which say what padding they need.
        rule: how to pool.
        workspace: buffers of this thread.

    Returns:
        (windows, width, C) in the type ``rule.down``.
    """
    channels, height, first = planes.shape[2], rows.needed, rows.start
    pooler = Pooler(rule.combine, workspace)
    inside = first >= 0 and first + height <= rows.size
    inside = inside and across.start == 0 and across.needed <= across.size
    # Blocks are summed in the type of the sums whatever the image's is.
    ready = rows.step > 1 or planes.dtype == rule.down
    if inside and ready and planes.flags.c_contiguous:
        tall = workspace.take("tall", (rows.windows, *planes.shape[1:]), rule.down)
        source = planes[first : first + height].reshape(1, height, -1)
        pooler.pool(source, rows, tall.reshape(1, rows.windows, -1))
        return tall
    tall = workspace.take("tall", (rows.windows, across.needed, channels), rule.down)
    step = max(1, STRIP_BYTES // (height * channels * rule.down.itemsize), LONG_RUN // channels)
    step = -(-across.needed // max(round(across.needed / step), 1))
    low, high = rows.inside(0, height)
    for left in range(0, across.needed, step):
        width = min(step, across.needed - left)
        begin, end = across.inside(left, width)
        strip = workspace.take("strip", (height, width, channels), rule.down)
        strip[:low] = strip[high:] = rule.padding
        strip[low:high, :begin] = strip[low:high, end:] = rule.padding
        strip[low:high, begin:end] = planes[
            first + low : first + high,
            across.start + left + begin : across.start + left + end,
        ]
        whole = width == across.needed
        shape = rows.windows, width, channels
        pooled = tall if whole else workspace.take("columns", shape, rule.down)
        pooler.pool(strip.reshape(1, height, -1), rows, pooled.reshape(1, rows.windows, -1))
        if not whole:
            tall[:, left : left + width] = pooled
    return tall


def pool_geometry(
    shape: Pair,
    size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: Padding = 0,
    *,
    ceil: bool = False,
    dilation: IntOrPair = 1,
) -> tuple[Geometry, Pads]:
    """Return the windows of pooling, and the padding that was asked for.

    Args:
        shape: rows and columns of the image.
        size: of the window.
        stride: step between windows; None for ``size``.
        padding: as for :func:`convcli.geometry.conv_geometry`.
        ceil: whether to keep a last window that is partly outside. The bottom and right pads of
            the geometry then end with it.
        dilation: distance between the pixels of a window.

    Raises:
        GeometryError: no window fits, or one holds nothing but padding.

    >>> [pool_geometry((5, 5), 2, ceil=up)[0].output_shape for up in (False, True)]
    [(2, 2), (3, 3)]
    """
    window = as_pair(size, "window size", least=1)
    step = as_pair(window if stride is None else stride, "stride", least=1)
    apart = as_pair(dilation, "dilation", least=1)
    if isinstance(padding, str) and padding != "valid":  # the only rule whose windows may not fit
        pads = conv_geometry(shape, window, padding, step, apart, name="window").pads
    else:
        none = type(padding) is int and padding == 0  # the common case
        pads = Pads(0, 0, 0, 0) if none else pads_of(shape, padding)
    return _pool_geometry(shape, window, step, pads, ceil, apart), pads


@lru_cache(64)
def _pool_geometry(
    shape: Pair, window: Pair, step: Pair, pads: Pads, ceil: bool, dilation: Pair
) -> Geometry:
    sides = [pads[:2], pads[2:]]
    if ceil:
        axes = zip(shape, window, step, sides, dilation, strict=True)
        sides = [(p[0], _ceiled_pad(n, d * (k - 1) + 1, s, p)) for n, k, s, p, d in axes]
    geometry = conv_geometry(shape, window, (*sides[0], *sides[1]), step, dilation, name="window")
    for axis, noun in enumerate(("row", "column")):
        empty = _empty_window(geometry, axis)
        if empty is not None:
            raise GeometryError(
                f"the {size_text(window)} window of {noun} {empty} holds padding alone; pad less "
                f"than {pads_text(pads)}"
            )
    return geometry


def _ceiled_pad(size: int, extent: int, stride: int, pads: Pair) -> int:
    """Return the padding after the pixels of an axis by which the count of windows is rounded up.

    A last window that starts after the image does not count, as in torch.
    """
    reach = size + pads[0]
    last = -((extent - reach - pads[1]) // stride)  # ceil((n + p - extent) / s), its number
    if last * stride >= reach:
        last -= 1
    end = last * stride + extent - reach
    return min(max(end, pads[1]), end + stride - 1) if last >= 0 else pads[1]


def _empty_window(geometry: Geometry, axis: int) -> int | None:
    """Return the number of a window without a pixel of the image; None if there is none."""
    size, (taps, stride, before, dilation) = geometry.input_shape[axis], geometry.along(axis)
    last = geometry.output_shape[axis] - 1
    # Between the first window and the last, only a dilation may skip an image smaller than it.
    numbers = range(last + 1) if size < dilation else (0, last)
    for number in numbers:
        start = number * stride - before
        tap = max(-(start // dilation), 0)  # the first that is not before the image
        if tap >= taps or start + tap * dilation >= size:
            return number
    return None
