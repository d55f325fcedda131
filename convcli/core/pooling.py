"""Pooling: the maximum or the mean of each window, strip by strip.

A window's maximum is the maximum over its columns of the maxima over its rows, and sums work the
same way. That is ``kh + kw`` passes over a strip that fits the cache instead of ``kh * kw``, and no
window is ever copied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.choices import POOLINGS
from convcli.core.dtypes import DOUBLE, as_numbers, check_image, float_type, with_channels
from convcli.core.threads import MIN_THREADED_SIZE, for_each, thread_count
from convcli.errors import GeometryError, UsageError
from convcli.geometry import Geometry, IntOrPair, Pair, as_pair, conv_geometry, pair_text, size_text

STRIP_BYTES = 1 << 18  # of a strip's rows after they are pooled along the columns


@np.errstate(all="ignore")
def pool_windows(
    image: ArrayLike,
    size: IntOrPair,
    kind: str = "max",
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    count_padding: bool = True,
    ceil: bool = False,
    threads: int | None = None,
) -> NDArray[Any]:
    """Pool an image; :func:`convcli.pool` explains arguments, result and errors."""
    pixels = as_numbers(image, "image")
    check_image(pixels)
    if kind not in POOLINGS:
        raise UsageError(f"kind must be {' or '.join(POOLINGS)}, not {kind!r}")
    planes = with_channels(pixels)
    height, width, channels = planes.shape
    geometry = pool_geometry((height, width), size, stride, padding, ceil=ceil)
    down, across = (_Axis.of(geometry, axis) for axis in (0, 1))
    mean = kind == "avg"
    dtype = float_type(planes.dtype) if mean else planes.dtype
    out = np.empty((down.windows, across.windows, channels), dtype)
    combine: np.ufunc = np.add if mean else np.maximum
    columns = across.inside()
    widths = across.counts(padded=count_padding)[:, np.newaxis] if mean else None

    def work(windows: slice) -> None:
        """Pool some rows of windows, vertically first and then horizontally."""
        rows = down.part(windows)
        # A maximum starts from any pixel of its window, a sum from 0.
        tall = (
            np.zeros((rows.windows, *planes.shape[1:]), DOUBLE) if mean else planes[rows.inside()]
        )
        for place in range(down.length):
            target, source = rows.tap(place)
            part = tall[target]
            combine(part, planes[source][: len(part)], out=part)
        if mean:
            wide = np.zeros((rows.windows, *out.shape[1:]), DOUBLE)
        else:
            wide = out[windows]
            wide[...] = tall[:, columns]
        for place in range(across.length):
            target, source = across.tap(place)
            part = wide[:, target]
            combine(part, tall[:, source][:, : part.shape[1]], out=part)
        if widths is not None:
            wide /= rows.counts(padded=count_padding)[:, np.newaxis, np.newaxis] * widths
            out[windows] = wide

    row = planes[0].size * DOUBLE.itemsize
    step = max(1, STRIP_BYTES // row)
    strips = [
        slice(first, min(first + step, down.windows)) for first in range(0, down.windows, step)
    ]
    count = thread_count(threads)
    for_each(work, strips, min(count if planes.size >= MIN_THREADED_SIZE else 1, len(strips)))
    return out.reshape(out.shape[: pixels.ndim])


def pool_geometry(
    shape: Pair,
    size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    *,
    ceil: bool = False,
) -> Geometry:
    """Return the geometry of pooling; arguments as for :func:`convcli.pool`.

    Args:
        shape: rows and columns of the image.
        size: of the window.
        stride: step between windows; None for ``size``.
        padding: pixels around the image.
        ceil: whether to keep a last window that is partly outside. The bottom and right pads then
            end with it.

    Raises:
        GeometryError: no window fits, or the padding exceeds half the window.

    >>> pool_geometry((5, 5), 2).output_shape, pool_geometry((5, 5), 2, ceil=True).output_shape
    ((2, 2), (3, 3))
    """
    window = as_pair(size, "window size", least=1)
    step = as_pair(window if stride is None else stride, "stride", least=1)
    margin = as_pair(padding, "padding", least=0)
    if margin[0] * 2 > window[0] or margin[1] * 2 > window[1]:
        raise GeometryError(
            f"padding {pair_text(margin)} is more than half of the {size_text(window)} window"
        )
    after = [
        pad + (_overhang(n, k, s, pad) if ceil else 0)
        for n, k, s, pad in zip(shape, window, step, margin, strict=True)
    ]
    pads = margin[0], after[0], margin[1], after[1]
    return conv_geometry(shape, window, pads, step, name="window")


def _overhang(size: int, window: int, stride: int, pad: int) -> int:
    """Return how far the last window extends beyond the padding if the count is rounded up.

    A window that starts after the image does not count.
    """
    padded = size + 2 * pad
    last = -((window - padded) // stride)  # ceil((n + 2p - k) / s), the last window's number
    if last * stride >= size + pad:
        last -= 1
    return max(0, last * stride + window - padded) if last >= 0 else 0


class _Axis(NamedTuple):
    """The windows along one axis."""

    windows: int
    length: int
    step: int
    start: int  # of the first window; negative in the padding
    size: int  # of the image
    end: int  # of the padding that a mean may count

    @classmethod
    def of(cls, geometry: Geometry, axis: int) -> _Axis:
        length, step, before, _ = geometry.along(axis)
        size = geometry.input_shape[axis]
        return cls(geometry.output_shape[axis], length, step, -before, size, size + before)

    def part(self, windows: slice) -> _Axis:
        """Return some of the windows."""
        start = self.start + windows.start * self.step
        return self._replace(windows=windows.stop - windows.start, start=start)

    def tap(self, place: int) -> tuple[slice, slice]:
        """Return which windows have an image pixel at ``place``, and which pixels these are."""
        first = self.start + place
        low = max(0, -(first // self.step)) if first < 0 else 0
        high = min(self.windows, -((first - self.size) // self.step))
        begin = first + low * self.step
        return slice(low, max(high, low)), slice(begin, max(self.size, begin), self.step)

    def inside(self) -> NDArray[np.intp]:
        """Return the first image pixel of each window."""
        return (self.start + np.arange(self.windows) * self.step).clip(0, self.size - 1)

    def counts(self, *, padded: bool) -> NDArray[np.float64]:
        """Return how many places of each window a mean divides by."""
        starts = self.start + np.arange(self.windows) * self.step
        ends = np.minimum(starts + self.length, self.end if padded else self.size)
        return (ends - (starts if padded else np.maximum(starts, 0))).astype(np.float64)
