"""Pooling: the greatest value or the mean of each window, strip by strip.

A window's maximum is the maximum over its columns of the maxima over its rows, and so it is with
sums: ``kh + kw`` passes over a strip that fits the cache, never ``kh * kw``, and no window is
ever copied.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.choices import POOLINGS
from convcli.core.dtypes import DOUBLE, float_type
from convcli.core.methods.direct import WORTH_THREADS
from convcli.core.threads import for_each, thread_count
from convcli.errors import GeometryError, UsageError
from convcli.geometry import Geometry, Pads, Pair, as_pair, conv_geometry, pair_text, size_text

STRIP_BYTES = 1 << 18  # of a strip's rows once they are pooled downwards


def pool(
    image: ArrayLike,
    size: int | Pair,
    kind: str = "max",
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    count_padding: bool = True,
    ceil: bool = False,
) -> NDArray[Any]:
    """Pool an image: the maximum or the mean of each window, as ``torch.nn.functional`` has them.

    Args:
        image: (H, W) or (H, W, C), each channel on its own; never modified.
        size: of the window, one number or (rows, columns).
        kind: ``max``, or ``avg`` for the mean.
        stride: step between windows, one number or (rows, columns); None for ``size``.
        padding: on every side, or (vertical, horizontal); at most half the window. It never is
            the maximum, and in a mean it is zeros.
        count_padding: whether a mean divides by all of the window, or by what is image alone.
        ceil: whether a last window that reaches beyond the padding counts, as long as it begins
            within the image or before it; what lies beyond is never counted in a mean.

    Returns:
        (H', W') or (H', W', C), with ``floor((n + 2p - k)/s) + 1`` on each axis (``ceil``
        rounds up). A maximum has the image's type. A mean is summed in float64, and is float32
        for images of up to 16 bits and float32 ones, else float64. NaN reaches the windows that
        hold it.

    Raises:
        GeometryError: no window fits, or the padding exceeds half of it.
        UsageError: the image is none, or ``kind`` is unknown.

    >>> pool([[1, 2, 5, 6], [3, 4, 7, 8]], 2)
    array([[4, 8]])
    >>> pool([[1, 2], [3, 4]], 2, "avg", stride=1, padding=1, count_padding=False).tolist()
    [[1.0, 1.5, 2.0], [2.0, 2.5, 3.0], [3.0, 3.5, 4.0]]
    """
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3) or pixels.dtype.kind not in "buif" or 0 in pixels.shape:
        raise UsageError(
            f"image must be (H, W) or (H, W, C) real numbers, not {pixels.shape} {pixels.dtype}"
        )
    if kind not in POOLINGS:
        raise UsageError(f"kind must be max or avg, not {kind!r}")
    rows, columns = pixels.shape[:2]
    geometry = pool_geometry((rows, columns), size, stride, padding, ceil=ceil)
    planes = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    down, across = (_Axis.of(geometry, axis) for axis in (0, 1))
    maps = (
        _greatest(planes, down, across)
        if kind == "max"
        else (_means(planes, down, across, padded=count_padding))
    )
    return maps.reshape(maps.shape[: pixels.ndim])


def pool_geometry(
    image: Pair,
    size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    *,
    ceil: bool = False,
) -> Geometry:
    """Lay pooling windows over an image of (rows, columns); arguments as those of :func:`pool`.

    Where ``ceil`` adds a window, the pads at the bottom and the right reach to its end.

    Raises:
        GeometryError: no window fits, or the padding exceeds half of it.

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
        pad + (_beyond(n, k, s, pad) if ceil else 0)
        for n, k, s, pad in zip(image, window, step, margin, strict=True)
    ]
    pads = Pads(margin[0], after[0], margin[1], after[1])
    padded = image[0] + margin[0] + after[0], image[1] + margin[1] + after[1]
    if window[0] > padded[0] or window[1] > padded[1]:
        beside = "padded " if any(pads) else ""
        raise GeometryError(
            f"window {size_text(window)} exceeds the {beside}{size_text(padded)} input"
        )
    return conv_geometry(image, window, pads, step)


def _beyond(size: int, window: int, stride: int, pad: int) -> int:
    """Return how far the windows reach beyond the padding on one axis, if their count is ceiled.

    A window that would begin after the image is none.
    """
    padded = size + 2 * pad
    last = -((window - padded) // stride)  # ceil((n + 2p - k) / s), the last window's number
    if last * stride >= size + pad:
        last -= 1
    return max(0, last * stride + window - padded) if last >= 0 else 0


class _Axis(NamedTuple):
    """Windows along one axis: how many, how long, how far apart, and where the first begins."""

    windows: int
    length: int
    step: int
    start: int
    size: int
    end: int  # of the padding that may be counted

    @classmethod
    def of(cls, geometry: Geometry, axis: int) -> "_Axis":
        before = (geometry.pads.top, geometry.pads.left)[axis]
        size = geometry.input_shape[axis]
        return cls(
            geometry.output_shape[axis],
            geometry.kernel[axis],
            geometry.stride[axis],
            -before,
            size,
            size + before,
        )

    def part(self, windows: slice) -> "_Axis":
        """Return some of the windows."""
        start = self.start + windows.start * self.step
        return self._replace(windows=windows.stop - windows.start, start=start)

    def tap(self, place: int) -> tuple[slice, slice]:
        """Return which windows have a pixel at their ``place``, and which pixels those are."""
        first = self.start + place
        low = max(0, -(first // self.step)) if first < 0 else 0
        high = min(self.windows, -((first - self.size) // self.step))
        begin = first + low * self.step
        return slice(low, max(high, low)), slice(begin, max(self.size, begin), self.step)

    def inside(self) -> NDArray[np.intp]:
        """Return a pixel that lies in each window: the first, as long as the padding allows."""
        return (self.start + np.arange(self.windows) * self.step).clip(0, self.size - 1)

    def counts(self, *, padded: bool) -> NDArray[np.float64]:
        """Return how many places of each window are counted in a mean."""
        starts = self.start + np.arange(self.windows) * self.step
        ends = np.minimum(starts + self.length, self.end if padded else self.size)
        return (ends - (starts if padded else np.maximum(starts, 0))).astype(np.float64)


def _greatest(planes: NDArray[Any], down: _Axis, across: _Axis) -> NDArray[Any]:
    out = np.empty((down.windows, across.windows, planes.shape[2]), planes.dtype)
    columns = across.inside()

    def work(windows: slice) -> None:
        rows = down.part(windows)
        tall = planes[rows.inside()]
        for place in range(down.length):
            to, taken = rows.tap(place)
            kept = tall[to]
            np.maximum(kept, planes[taken][: len(kept)], out=kept)
        wide = out[windows]
        wide[...] = tall[:, columns]
        for place in range(across.length):
            to, taken = across.tap(place)
            kept = wide[:, to]
            np.maximum(kept, tall[:, taken][:, : kept.shape[1]], out=kept)

    _in_strips(work, planes, down)
    return out


def _means(planes: NDArray[Any], down: _Axis, across: _Axis, *, padded: bool) -> NDArray[Any]:
    out = np.empty((down.windows, across.windows, planes.shape[2]), float_type(planes.dtype))
    widths = across.counts(padded=padded)[:, np.newaxis]

    def work(windows: slice) -> None:
        rows = down.part(windows)
        tall = np.zeros((rows.windows, *planes.shape[1:]), DOUBLE)
        wide = np.zeros((rows.windows, *out.shape[1:]), DOUBLE)
        with np.errstate(invalid="ignore", over="ignore"):  # infinity minus infinity is NaN
            for place in range(down.length):
                to, taken = rows.tap(place)
                kept = tall[to]
                kept += planes[taken][: len(kept)]
            for place in range(across.length):
                to, taken = across.tap(place)
                kept = wide[:, to]
                kept += tall[:, taken][:, : kept.shape[1]]
            wide /= rows.counts(padded=padded)[:, np.newaxis, np.newaxis] * widths
            out[windows] = wide

    _in_strips(work, planes, down)
    return out


def _in_strips(work: Any, planes: NDArray[Any], down: _Axis) -> None:
    """Do the work on strips of windows, on several threads where there is enough of it."""
    row = planes[0].size * DOUBLE.itemsize
    step = max(1, STRIP_BYTES // row)
    strips = [
        slice(first, min(first + step, down.windows)) for first in range(0, down.windows, step)
    ]
    for_each(work, strips, min(thread_count() if planes.size >= WORTH_THREADS else 1, len(strips)))
