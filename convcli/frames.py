"""Filter the frames of a sequence, and collect what is reported of all of them.

Small frames that are alike are filtered side by side: around the sums of an image lies a fixed
cost, about 0.3 ms. For 48x32 pixels it is ten times that of the sums of a 3x3 kernel. Small frames
of one shape and type therefore become the channels of one image, since a 2-D kernel filters every
channel on its own. Only frames with exact sums are joined: the error of floating-point sums is
relative to the largest sum of their image, which must not be that of another frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from convcli.choices import SCALED_RANGES
from convcli.core.dtypes import with_channels
from convcli.filtering.filter import Filter, map_shape
from convcli.filtering.memory import filter_bytes, result_bytes
from convcli.filtering.planned_filter import plan_kernel
from convcli.filtering.run import Filtered, filter_image, measure
from convcli.geometry import Pair
from convcli.images.image import ImageData
from convcli.images.value_range import ValueRange, ValueStats
from convcli.signals import OutputAxes

STACKED_VALUES = 1 << 17  # most values of frames, or of their maps, that are filtered together
MOST_LISTED = 100  # distinct sizes, types or methods of frames that are kept


class FilteredFrames(NamedTuple):
    """Filtered frames, the statistics of all of their values, and how they were computed."""

    images: list[ImageData]
    stats: ValueStats
    method: str
    missing: int = 0


class FrameTotals:
    """What is reported of all frames of an input; it does not grow with their number.

    Attributes:
        frames: how many there are.
        stats: of all values of their feature maps.
        black: how many NaN values became black pixels; in plain numbers they stay NaN.
        missing: how many pixels of the frames are missing.
        sizes: distinct shapes of a frame and of its result, in order. At most ``MOST_LISTED`` are
            kept, as of types and methods.
        types: distinct types of their pixels, such as ``8-bit gray``.
        methods: distinct lines that say how a feature map was computed.
        has_others: whether more sizes, types or methods than these were seen.
        axes: where the values of a single signal's map lie.
    """

    def __init__(self) -> None:
        self.frames = self.black = self.missing = 0
        self.stats = ValueStats(ValueRange("raw", None))  # those of any range can be added
        self.sizes: dict[tuple[Pair, Pair], None] = {}
        self.types: dict[str, None] = {}
        self.methods: dict[str, None] = {}
        self.has_others = False
        self.axes = OutputAxes()

    @classmethod
    def of(cls, image: ImageData, filtered: Filtered) -> FrameTotals:
        """Return the totals of a single image."""
        totals = cls()
        totals.axes = filtered.axes
        stats, method, missing = filtered.stats, filtered.method, filtered.missing
        totals.add([image], FilteredFrames([filtered.image], stats, method, missing))
        return totals

    def add(self, frames: list[ImageData], filtered: FilteredFrames) -> None:
        """Add frames that are alike, and their results."""
        self.frames += len(frames)
        self.stats.merge(filtered.stats)
        self.missing += filtered.missing
        if filtered.images[0].depth is not None and filtered.stats.nodata is None:
            self.black += filtered.stats.nans
        self._list(self.sizes, (frames[0].shape, filtered.images[0].shape))
        self._list(self.types, frames[0].pixel_type)
        self._list(self.methods, filtered.method)

    def _list(self, known: dict[Any, None], value: Any) -> None:
        if value in known or len(known) < MOST_LISTED:
            known[value] = None
        else:
            self.has_others = True


def runs_of_alike(frames: Iterable[ImageData], image_filter: Filter) -> Iterator[list[ImageData]]:
    """Yield each run of frames of one shape, type and format.

    Neither the frames of a run nor their feature maps have more than ``STACKED_VALUES`` values in
    all. A larger frame is a run of its own, and the next frame is not asked for before it has been
    used.

    Raises:
        GeometryError: the kernel exceeds a padded frame.
    """
    run: list[ImageData] = []
    most = 1  # frames in this run
    for frame in frames:
        if run and _kind(frame) != _kind(run[0]):
            yield run
            run = []
        if not run:
            size = max(
                frame.pixels.size, frame.channels * math.prod(map_shape(frame, image_filter))
            )
            most = max(STACKED_VALUES // size, 1)
        run.append(frame)
        if len(run) == most:
            yield run
            run = []
    if run:
        yield run


def run_bytes(run: list[ImageData], image_filter: Filter, depth: int | None) -> int:
    """Bound the bytes that a run of frames and :func:`filter_frames` take, from sizes alone."""
    frame, count = run[0], len(run)
    if count == 1:
        return frame.pixels.nbytes + filter_bytes(frame, image_filter, depth)
    shape = (*frame.shape, count * frame.channels)
    stacked = frame._replace(pixels=np.broadcast_to(np.zeros((), frame.pixels.dtype), shape))
    results = count * result_bytes(frame, image_filter, depth)
    return 2 * stacked.pixels.nbytes + filter_bytes(stacked, image_filter, depth) + results


def filter_frames(
    frames: list[ImageData],
    image_filter: Filter,
    depth: int | None,
    extremes: tuple[float, float] | None = None,
) -> FilteredFrames:
    """Filter a run of frames that are alike.

    Args:
        frames: at least one, from :func:`runs_of_alike`.
        image_filter: what to do.
        depth: as for :func:`convcli.filtering.run.filter_image`.
        extremes: the same; with None, ``rescale`` and ``percentile`` scale each frame on its own.

    Raises:
        ConvcliError: as :func:`convcli.filtering.run.filter_image`.
    """
    scales_each = image_filter.range in SCALED_RANGES and extremes is None
    if len(frames) == 1 or scales_each or not _are_independent(frames[0], image_filter):
        results = [filter_image(frame, image_filter, depth, extremes) for frame in frames]
        for result in results[1:]:
            results[0].stats.merge(result.stats)
        return FilteredFrames(
            [result.image for result in results],
            results[0].stats,
            results[0].method,
            sum(result.missing for result in results),
        )
    filtered = filter_image(_stacked(frames), image_filter, depth, extremes)
    planes, alpha = filtered.image.pixels, filtered.image.alpha
    planes = planes.reshape(*planes.shape[:2], len(frames), -1)
    shape = (*planes.shape[:2], *frames[0].pixels.shape[2:])
    images = [
        frame._replace(
            pixels=np.ascontiguousarray(planes[:, :, place]).reshape(shape),
            depth=filtered.image.depth,
            alpha=None if alpha is None else np.ascontiguousarray(alpha[..., place]),
            notes=(),
            decimals=filtered.image.decimals,
            axis=filtered.image.axis,
        )
        for place, frame in enumerate(frames)
    ]
    return FilteredFrames(images, filtered.stats, filtered.method)


def measure_frames(runs: Iterable[list[ImageData]], image_filter: Filter) -> tuple[float, float]:
    """Return the black and the white value of all frames for a scaled range.

    These are the smallest black value and the largest white value that
    :func:`convcli.filtering.run.measure` returns for a frame. Frames without finite values are
    ignored; if no frame has any, both are NaN.

    Raises:
        ConvcliError: as :func:`convcli.filtering.run.filter_image`.
    """
    low = high = math.nan
    for run in runs:
        if image_filter.range != "percentile" and _are_independent(run[0], image_filter):
            run = [_stacked(run)]
        for frame in run:
            least, greatest = measure(frame, image_filter)
            low, high = float(np.fmin(low, least)), float(np.fmax(high, greatest))
    return low, high


def _kind(frame: ImageData) -> tuple[Any, ...]:
    pixels = frame.pixels
    return pixels.shape, pixels.dtype, frame.depth, frame.alpha is None, frame.format


def _are_independent(frame: ImageData, image_filter: Filter) -> bool:
    """Tell whether a filter does to each of several channels what it does to it alone."""
    if image_filter.combine == "direction" or frame.depth is None:
        return False
    if image_filter.missing is not None or image_filter.linear_light:
        return False
    if frame.alpha is not None and image_filter.alpha == "premultiply":
        return False
    kernels = image_filter.kernels
    return all(
        kernel.matrix.ndim == 2 and plan_kernel(frame, image_filter, kernel).types.is_exact
        for kernel in kernels
    )


def _stacked(frames: list[ImageData]) -> ImageData:
    """Return one image with the channels of all frames, and as many planes of alpha."""
    pixels = np.concatenate([with_channels(frame.pixels) for frame in frames], axis=2)
    alphas = [frame.alpha for frame in frames if frame.alpha is not None]
    return frames[0]._replace(pixels=pixels, alpha=np.stack(alphas, axis=2) if alphas else None)
