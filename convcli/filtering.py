"""Filter one image: apply a :class:`Filter` to an image, giving an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.choices import PERCENTILES, SCALED_RANGES
from convcli.core.combine import COMBINERS, combined_type, direction, gradient_axes
from convcli.core.correlate import KernelNumbers, feature_map, fits_in_place, run
from convcli.core.digits import largest_magnitude, reliable_decimals, sum_bound
from convcli.core.dtypes import saturate
from convcli.core.memory import MASKED, estimated_bytes
from convcli.core.padding import sample_at_anchors
from convcli.core.plan import Plan, make_plan
from convcli.core.threads import thread_count
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.geometry import ConvOptions, Geometry, Pair, size_text
from convcli.images.channels import channel_names
from convcli.images.image import ImageData, level_of, max_value_of, packed, rgbx_of
from convcli.images.linear_light import STEEPEST, from_light, light_of, to_light
from convcli.images.value_range import (
    DirectionColors,
    ValueRange,
    ValueStats,
    check_direction,
    to_eight_bits,
)
from convcli.kernels.kernel import Kernel
from convcli.signals import OutputAxes, output_axes

if TYPE_CHECKING:  # most filters need all pixels
    from convcli.core.missing import Missing, PartialSums

PERCENTILE_BYTES = 4 * 8 + 1  # per value: the map, its strips, and the copies that sorting makes
PLAIN_BYTES = 8  # of a plain number, at most
LARGE = 1 << 18  # bytes of an image that its result may overwrite
SAMPLED_ROWS = 64  # rows from which the share of clipped values is estimated
_estimated_bytes = lru_cache(maxsize=256)(estimated_bytes)  # images of a folder are often alike


class Filter(NamedTuple):
    """What to do to an image.

    Attributes:
        label: what texts and figures call the kernels.
        kernels: one, or several whose feature maps ``combine`` makes into one.
        combine: one of :data:`convcli.choices.COMBINATIONS`, or None for one kernel.
        conv: operation, padding, border, stride and dilation.
        range: how values become pixels; one of :data:`convcli.choices.RANGES`.
        alpha: ``keep`` copies it from each window's anchor, ``premultiply`` weights the colors with
            it and filters both, ``drop`` removes it.
        bias: added to every value, in the image's units; None for the kernels' own, which are in
            8-bit levels.
        method: how to sum; one of :data:`convcli.choices.METHODS`.
        threads: use at most this many; None for one per processor.
        counted: whether to find the minimum and maximum and to count clipped values, a third of
            the time.
        percentile: the percentiles, 0 to 100, that range ``percentile`` maps to black and white.
        mark: whether to find where the greatest value is.
        slug: name of the kernels in file names.
        missing: which pixels are missing; None for none. A value without enough valid pixels is
            NaN, whose pixel is ``missing.nodata`` where the result can hold it, else black.
        linear_light: whether sRGB pixels are turned into light, filtered, and turned back, before
            the bias is added.
        divided: how the kernels were divided in another way than their own, in words.
    """

    label: str
    kernels: tuple[Kernel, ...]
    combine: str | None = None
    conv: ConvOptions = ConvOptions()
    range: str = "clip"
    alpha: str = "keep"
    bias: float | None = None
    method: str = "auto"
    threads: int | None = None
    counted: bool = True
    percentile: tuple[float, float] = PERCENTILES
    mark: bool = False
    slug: str = "custom"
    missing: Missing | None = None
    linear_light: bool = False
    divided: str = ""


class Filtered(NamedTuple):
    """A filtered image, the statistics of its values, and how they were computed.

    ``method`` is text: a plan would keep the spectra of a large kernel while a result is encoded.
    ``axes`` are found if the image has an axis, or the filter marks a value. ``missing`` counts the
    pixels of the image that are missing.
    """

    image: ImageData
    stats: ValueStats
    method: str
    axes: OutputAxes = OutputAxes()
    missing: int = 0


class Probed(NamedTuple):
    """One position of a feature map; each array has one value per channel.

    Attributes:
        plans: the plan of each kernel.
        maps: the value of each kernel's map, divided and with its bias.
        values: the value of the feature map: of the one map, or of the combination.
        kind: type of the values unless the range converts them.
        missing: which pixels of the image are missing, (H, W) or (H, W, C); None if none is.
    """

    plans: list[Plan]
    maps: list[NDArray[Any]]
    values: NDArray[Any]
    kind: np.dtype[Any]
    missing: NDArray[np.bool] | None = None


def filter_image(
    image: ImageData,
    image_filter: Filter,
    depth: int | None,
    extremes: tuple[float, float] | None = None,
    *,
    overwrite: bool = False,
) -> Filtered:
    """Filter one image, strip by strip from its pixels to the result's pixels.

    Args:
        image: (H, W) or (H, W, C); not modified unless ``overwrite`` says so.
        image_filter: what to do.
        depth: bits of the pixels, 8 or 16; None for plain numbers. Direction colors always have 8.
        extremes: the values that ``rescale`` and ``percentile`` map to black and white; None for
            those of this feature map.
        overwrite: the image is not needed any more, and the result may take its memory.

    Raises:
        GeometryError: the kernel exceeds the padded image.
        KernelError: a kernel does not fit the image's channels.
        UsageError: the kernels' maps cannot be combined, alpha cannot be premultiplied with these
            kernels, or the range needs a depth.
    """
    task = _Task.of_any(image, image_filter)
    name, combine = image_filter.range, task.filter.combine
    if name in SCALED_RANGES and extremes is None:
        extremes = task.extremes()
    value_range: ValueRange
    shape = task.plans[0].shape
    if combine == "direction":
        value_range = DirectionColors(name, image.max_value, *(extremes or ()))
        shape, depth = (*shape[:2], 3), 8
    else:
        value_range = value_range_of(image_filter, depth, extremes)
    depth = None if name == "raw" else depth
    dtype = value_range.dtype_for(task.value_type)
    value_type = np.empty(0, task.value_type).real.dtype
    shows_decimals = value_type.kind == "f" and (image_filter.counted or depth is None)
    counted = image._replace(pixels=task.planes) if task.parts else image
    bound = _bound(counted, image_filter, value_type) if shows_decimals else 0
    in_place = overwrite and task.can_overwrite(shape, dtype)
    pixels = task.planes if in_place else np.empty(shape, dtype)
    stats = task.run(
        value_range,
        lambda rows, values: value_range.apply(values, pixels[rows]),
        counted=image_filter.counted,
        in_place=in_place,
    )
    pixels = pixels[..., :3] if task.is_rgbx else pixels
    axes = OutputAxes()
    if image.axis is not None or image_filter.mark:
        axes = result_axes(image, image_filter, task.plans[0].geometry)
    result = image._replace(
        pixels=pixels, depth=depth, alpha=task.alpha, notes=(), axis=axes.positions
    )
    if stats.peak is not None and result.channels > 1:
        names = channel_names(result.channels, result.depth)
        stats.peak = stats.peak._replace(channel=names[stats.peak.place[2]])
    if shows_decimals:
        stats.dtype = value_type
        copies = task.weight is None and _copies(image_filter)
        if not copies:
            stats.decimals = reliable_decimals(stats.dtype, bound)
        if not copies or extremes:
            if extremes and extremes[1] > extremes[0]:
                bound = max(bound / (extremes[1] - extremes[0]), 1)
            result = result._replace(decimals=reliable_decimals(pixels.dtype, bound))
    maps = f"{combine} of {len(task.plans)} maps, each " if combine else ""
    missing = 0
    if task.where is not None:
        from convcli.core.missing import count_missing

        missing = count_missing(task.where)
    light = "in linear light, " if image_filter.linear_light else ""
    return Filtered(result, stats, light + maps + task.plans[0].describe(), axes, missing)


def apply_range(raw: Filtered, image_filter: Filter, depth: int | None) -> Filtered:
    """Map a result of range ``raw`` to pixels, as :func:`filter_image` does while it filters.

    Args:
        raw: a result whose values were counted.
        image_filter: the filter, with the range.
        depth: bits per pixel, 8 or 16; None for plain numbers.

    Raises:
        UsageError: the range needs a depth.
    """
    values = raw.image.pixels
    extremes: tuple[float, float] | None = None
    if image_filter.range == "rescale":
        extremes = raw.stats.minimum, raw.stats.maximum
    elif image_filter.range == "percentile":
        extremes = percentiles(values, image_filter.percentile)
    value_range = value_range_of(image_filter, depth, extremes)
    pixels = np.empty(values.shape, value_range.dtype_for(values.dtype))
    value_range.apply(values, pixels)
    stats = ValueStats(value_range)
    stats.add(values)
    stats.decimals, stats.dtype = raw.stats.decimals, raw.stats.dtype
    stats.peak = raw.stats.peak
    return raw._replace(image=raw.image._replace(pixels=pixels, depth=depth), stats=stats)


def value_range_of(
    image_filter: Filter, depth: int | None, extremes: tuple[float, float] | None
) -> ValueRange:
    """Return the rule of a filter's range for pixels of a depth."""
    nodata = None if image_filter.missing is None else image_filter.missing.nodata
    low, high = extremes or (0, 0)
    return ValueRange(image_filter.range, max_value_of(depth), low, high, nodata)


def filter_bytes(image: ImageData, image_filter: Filter, depth: int | None) -> int:
    """Bound the bytes that :func:`filter_image` takes beyond the image, from sizes alone.

    Raises:
        GeometryError: the kernel exceeds the padded image.
    """
    kernels = tuple([kernel.matrix.shape for kernel in image_filter.kernels])
    result = None if depth is None or image_filter.range == "raw" else f"u{depth // 8}"
    conv, pixels = image_filter.conv, image.pixels
    threads, method = image_filter.threads, image_filter.method
    kind = np.dtype(np.float32) if image_filter.linear_light else pixels.dtype
    sizes = pixels.shape, kind, kernels, conv, result
    need = _estimated_bytes(*sizes, thread_count(threads), method)
    if image_filter.range == "percentile":
        need += PERCENTILE_BYTES * math.prod(map_shape(image, image_filter)) * image.channels
    if image_filter.missing is not None:
        need *= MASKED
        need += 2 * (pixels.nbytes + pixels.size) + PLAIN_BYTES * pixels.size * bool(conv.fill)
    need += 4 * pixels.size * image_filter.linear_light
    return need + 4 * pixels.size * (image_filter.alpha == "premultiply")


def result_bytes(image: ImageData, image_filter: Filter, depth: int | None) -> int:
    """Bound the bytes of the result of :func:`filter_image`, from sizes alone.

    Raises:
        GeometryError: the kernel exceeds the padded image.
    """
    channels = 3 if image_filter.combine == "direction" else image.channels
    planes = channels + (image.alpha is not None)
    size = PLAIN_BYTES if depth is None or image_filter.range == "raw" else depth // 8
    return math.prod(map_shape(image, image_filter)) * planes * size


def map_shape(image: ImageData, image_filter: Filter) -> Pair:
    """Return the rows and columns of the feature map.

    Raises:
        GeometryError: the kernel exceeds the padded image.
    """
    conv = image_filter.conv
    return conv.geometry(image.pixels.shape, image_filter.kernels[0].shape).output_shape


def result_axes(image: ImageData, image_filter: Filter, geometry: Geometry) -> OutputAxes:
    """Return where the values of a signal's feature map lie; nowhere for other images."""
    kernel = image_filter.kernels[0]
    return output_axes(image.axis, geometry, image_filter.conv.operation, kernel.axis)


def measure(image: ImageData, image_filter: Filter) -> tuple[float, float]:
    """Return the values of an image's feature map that a scaled range maps to black and white.

    They are the filter's percentiles for range ``percentile``, and the minimum and the maximum of
    the finite values for any other.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    return _Task.of(image, image_filter).extremes()


def percentiles(values: NDArray[Any], ends: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles, 0 to 100, of all finite values, as ``numpy.percentile`` has them.

    Without finite values both are NaN.

    >>> percentiles(np.array([[0.0, 1, 2], [3, 4, np.inf]]), (25, 100))
    (1.0, 4.0)
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return math.nan, math.nan
    low, high = np.percentile(finite.astype(np.float64, copy=False), ends).tolist()
    return low, high


def probe_image(image: ImageData, image_filter: Filter, at: Pair) -> Probed:
    """Return the values that :func:`filter_image` computes at one position, to the last digit.

    Raises:
        GeometryError: the position is outside the feature map.
        ConvcliError: as :func:`filter_image`.
    """
    task = _Task.of(image, image_filter)
    height, width = task.plans[0].shape[:2]
    if not (0 <= at[0] < height and 0 <= at[1] < width):
        raise GeometryError(
            f"position {at[0]},{at[1]} is outside the {size_text((height, width))} feature map: "
            f"rows are 0 to {height - 1}, columns 0 to {width - 1}"
        )
    probed: list[NDArray[Any]] = []

    def keep(rows: slice, blocks: list[NDArray[Any]]) -> None:
        if rows.start <= at[0] < rows.stop:
            place = at[0] - rows.start, at[1]
            blocks = task.maps(rows, blocks)
            values = task.values(rows, blocks)
            probed.extend(np.atleast_1d(block[place]).copy() for block in (values, *blocks))

    run(task.plans, task.planes, keep, image_filter.threads)
    values, *maps = probed
    plans = task.plans
    if task.where is not None:  # those of the sums have neither divisor nor bias
        valid = image._replace(pixels=task.planes)
        plans = [plan_kernel(valid, image_filter, kernel) for kernel in image_filter.kernels]
    return Probed(plans, maps, values, task.value_type, task.where)


def plan_kernel(image: ImageData, image_filter: Filter, kernel: Kernel) -> Plan:
    """Plan how to apply one of a filter's kernels to an image.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    conv, method = image_filter.conv, image_filter.method
    bias = _bias(image, image_filter, kernel)
    with _name_in_errors(kernel):
        return make_plan(image.pixels, kernel.matrix, conv, kernel.divisor, bias, method)


@contextmanager
def _name_in_errors(kernel: Kernel) -> Iterator[None]:
    """Put a kernel's name before what does not fit about it."""
    try:
        yield
    except KernelError as error:
        raise KernelError(f"{kernel.name}: {error}") from error


def _partial_sums(
    image: ImageData, image_filter: Filter, missing: NDArray[np.bool]
) -> list[PartialSums]:
    """Plan to apply each of a filter's kernels to an image with missing pixels.

    Args:
        image: with 0 where pixels are missing.
        image_filter: the filter.
        missing: as :meth:`convcli.core.missing.Missing.of` returns it.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    from convcli.core.missing import PartialSums

    conv, method = image_filter.conv, image_filter.method
    least = 0 if image_filter.missing is None else image_filter.missing.min_valid
    parts = []
    for kernel in image_filter.kernels:
        numbers = KernelNumbers(kernel.matrix, kernel.divisor, _bias(image, image_filter, kernel))
        with _name_in_errors(kernel):
            parts.append(PartialSums(image.pixels, missing, numbers, conv, least, method))
    return parts


def with_holes(image: ImageData, image_filter: Filter) -> ImageData:
    """Return an image as figures draw it: missing plain numbers are NaN, and off the scale."""
    if image.depth is not None or image_filter.missing is None:
        return image
    from convcli.core.missing import with_nan

    return image._replace(pixels=with_nan(image.pixels, image_filter.missing.of(image.pixels)))


def check_method(image_filter: Filter) -> None:
    """Raise KernelError if the filter's method cannot sum its kernels, whatever the image."""
    for kernel in image_filter.kernels:
        pixels = np.zeros((*kernel.shape, *kernel.matrix.shape[-3:-2]), np.uint8)
        plan_kernel(ImageData(pixels, 8), image_filter._replace(conv=ConvOptions()), kernel)


def hue_axes(image_filter: Filter, channels: int = 1) -> tuple[complex, complex]:
    """Return the unit vectors that the two derivatives of a direction image point to.

    Raises:
        UsageError: the kernels are not two derivatives at a right angle, their maps have several
            channels, the range gives no colors, or there is a bias.
    """
    kernels = image_filter.kernels
    check_direction(len(kernels), image_filter.range, channels)
    if image_filter.bias or any(kernel.bias for kernel in kernels):
        raise UsageError("--combine direction takes no bias: it would change the directions")
    first, second = (kernel.weights.reshape(-1, *kernel.shape).sum(axis=0) for kernel in kernels)
    one, two = gradient_axes(first, second)
    return (-one, -two) if image_filter.conv.operation == "convolve" else (one, two)


class _Task:
    """One filter planned for one image.

    ``alpha`` is the result's; ``weight`` is the filtered alpha that divides premultiplied colors
    before ``bias`` is added; ``axes`` are the directions of a direction image's derivatives.
    ``is_rgbx`` means that the planes have a fourth channel, which is filtered but not counted.
    If pixels are missing, ``where`` tells which, the planes have 0 in their place, and ``parts``
    has the sums of each kernel. ``biases`` are added to the maps of planes that are light, which
    are turned into levels of pixels with this ``white`` first.
    """

    def __init__(
        self,
        planes: NDArray[Any],
        plans: list[Plan],
        image_filter: Filter,
        alpha: NDArray[Any] | None,
        weight: NDArray[Any] | None = None,
        bias: float = 0,
        axes: tuple[complex, complex] | None = None,
    ) -> None:
        self.planes = planes
        self.plans = plans
        self.filter = image_filter
        self.alpha = alpha
        self.weight = weight
        self.bias = bias
        self.axes = axes
        self.is_rgbx = False
        self.parts: list[PartialSums] = []
        self.where: NDArray[np.bool] | None = None
        self.biases: list[float] = []
        self.white = 0

    @classmethod
    def of_any(cls, image: ImageData, image_filter: Filter) -> _Task:
        """Plan for an image that may be in RGBX memory.

        Filtering X as well costs a third more, which is less than packing RGB and unpacking the
        result. It must change no other channel, as it cannot if all sums are exact.
        """
        rgbx = rgbx_of(image.pixels)
        if rgbx is None:
            return cls.of(image, image_filter)
        planar = all(kernel.matrix.ndim == 2 for kernel in image_filter.kernels)
        counted = image_filter.counted or image_filter.range in (*SCALED_RANGES, "raw")
        special = image_filter.missing is not None or image_filter.linear_light
        plain = image_filter.combine != "direction" and not special
        if planar and not counted and plain and image.alpha is None:
            task = cls.of(image._replace(pixels=rgbx), image_filter)
            if all(plan.types.is_exact for plan in task.plans):
                task.is_rgbx = True
                return task
        return cls.of(image._replace(pixels=packed(image.pixels)), image_filter)

    @classmethod
    def of(cls, image: ImageData, image_filter: Filter) -> _Task:
        if image.alpha is not None and image_filter.alpha == "premultiply":
            return _premultiplied(image, image.alpha, image_filter)
        parts: list[PartialSums] = []
        where = None if image_filter.missing is None else image_filter.missing.of(image.pixels)
        sums = image_filter
        if image_filter.linear_light:
            image, sums = _in_light(image, image_filter)
        if where is not None and where.any():
            from convcli.core.missing import without

            image = image._replace(pixels=without(image.pixels, where))
            parts = _partial_sums(image, sums, where)
            plans = [part.plan for part in parts]
        else:
            where = None
            plans = [plan_kernel(image, sums, kernel) for kernel in image_filter.kernels]
        if len({plan.shape for plan in plans}) > 1:
            sizes = ", ".join(dict.fromkeys(_shape_text(plan.shape) for plan in plans))
            raise UsageError(
                f"the kernels' maps have different sizes ({sizes}) and cannot be combined; "
                "use --padding same"
            )
        alpha, axes = None, None
        if image.alpha is not None and image_filter.alpha == "keep":
            alpha = sample_at_anchors(image.alpha, plans[0].geometry, plans[0].border)
        if image_filter.combine == "direction":
            axes = hue_axes(image_filter, math.prod(plans[0].shape[2:]))
            alpha = None if alpha is None else to_eight_bits(alpha)
        task = cls(image.pixels, plans, image_filter, alpha, axes=axes)
        task.where, task.parts = where, parts
        if image_filter.linear_light:
            task.white = image.max_value or 0
            task.biases = [_bias(image, image_filter, kernel) for kernel in image_filter.kernels]
        return task

    @property
    def value_type(self) -> np.dtype[Any]:
        """Type of the values unless the range converts them."""
        if self.parts:
            return np.result_type(*(part.result for part in self.parts))
        kind = combined_type([plan.types for plan in self.plans], self.filter.combine)
        return kind if self.weight is None else np.result_type(kind, self.weight.dtype)

    def can_overwrite(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
        """Return whether a result of this shape and type takes the memory of the planes.

        That saves memory of large images, and takes a little longer for small ones.
        """
        planes = self.planes
        if planes.nbytes < LARGE or self.parts:  # values at anchors are read again
            return False
        alike = (shape, dtype) == (planes.shape, planes.dtype) and planes.flags.c_contiguous
        return alike and planes.flags.writeable and fits_in_place(self.plans, planes)

    def run(
        self,
        value_range: ValueRange,
        sink: Callable[[slice, NDArray[Any]], None],
        *,
        counted: bool,
        in_place: bool = False,
    ) -> ValueStats:
        """Pass on the finished values of each strip, on several threads, and count them.

        Without ``counted``, the share of clipped values is estimated if none can be NaN.
        """
        stats, lock = ValueStats(value_range), Lock()
        limited = value_range.limits() is not None
        spread = -(-self.plans[0].shape[0] // SAMPLED_ROWS)
        exact = not self.parts and all(plan.types.is_exact for plan in self.plans)

        def finish(rows: slice, blocks: list[NDArray[Any]]) -> None:
            values = self.values(rows, self.maps(rows, blocks))
            # All values that may be NaN are looked at, since NaN is always reported. Others are,
            # if they are counted; if not, some rows are enough to estimate how many are clipped.
            step = 1 if counted or not exact else spread
            if step == 1 or limited:
                part = ValueStats(value_range)
                seen = values[-rows.start % step :: step]
                seen = packed(seen[..., :3]) if self.is_rgbx else seen
                part.add(np.abs(seen) if seen.dtype.kind == "c" else seen)
                if self.filter.mark:
                    part.find_peak(np.abs(values) if values.dtype.kind == "c" else values, rows)
                with lock:
                    stats.merge(part)
            sink(rows, values)

        run(self.plans, self.planes, finish, self.filter.threads, in_place=in_place)
        return stats

    def extremes(self) -> tuple[float, float]:
        """Return the filter's percentiles, or else the minimum and the maximum, of the values."""
        if self.filter.range == "percentile":
            return self._percentiles()
        stats = self.run(ValueRange("raw", None), lambda _rows, _values: None, counted=True)
        return stats.minimum, stats.maximum

    def _percentiles(self) -> tuple[float, float]:
        """Return the percentiles of the map, which must be held as a whole for them."""
        strips: dict[int, NDArray[Any]] = {}

        def keep(rows: slice, values: NDArray[Any]) -> None:
            strips[rows.start] = np.abs(values) if values.dtype.kind == "c" else values.copy()

        self.run(ValueRange("raw", None), keep, counted=False)
        return percentiles(np.concatenate([*strips.values()]), self.filter.percentile)

    def maps(self, rows: slice, blocks: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the values of each kernel in a strip, from its sums if pixels are missing."""
        if self.parts:
            blocks = [
                part.values(block, rows) for part, block in zip(self.parts, blocks, strict=True)
            ]
        if self.biases:
            blocks = [
                from_light(block, self.white) + bias
                for block, bias in zip(blocks, self.biases, strict=True)
            ]
        return blocks

    def values(self, rows: slice, blocks: list[NDArray[Any]]) -> NDArray[Any]:
        """Return a strip's values from those of each kernel."""
        if self.axes is not None:
            return direction(blocks, self.axes)
        combine = self.filter.combine
        values = COMBINERS[combine](blocks) if combine else blocks[0]
        if self.weight is None:
            return values
        weight = self.weight[rows]
        weight = weight if values.ndim == weight.ndim else weight[..., np.newaxis]
        colors = np.zeros(values.shape, np.float64)
        np.divide(values, weight, out=colors, where=weight > 0)
        if self.filter.linear_light:
            colors = from_light(colors, self.white)
        colors += self.bias
        return colors


def _in_light(image: ImageData, image_filter: Filter) -> tuple[ImageData, Filter]:
    """Return an image as light, and the filter that sums it: without bias, its fill as light.

    Raises:
        UsageError: the image has no pixels, but plain numbers.
    """
    white = image.max_value
    if white is None:
        raise UsageError(
            "--linear-light is for pixels of 8 or 16 bits, and these are plain numbers"
        )
    fill = float(light_of(np.array(image_filter.conv.fill), white))
    conv = image_filter.conv._replace(fill=fill)
    light = image._replace(pixels=to_light(image.pixels, white))
    return light, image_filter._replace(conv=conv, bias=0)


def _premultiplied(image: ImageData, visible: NDArray[Any], image_filter: Filter) -> _Task:
    """Weight the colors with alpha, so that invisible pixels do not bleed into visible ones.

    A value is ``sum(k*c*a) / (sum(k*a) / sum(k))``, and the new alpha ``sum(k*a) / sum(k)``: the
    weighted mean for a blur, and the plain sum where alpha is opaque.
    """
    kernel, conv = image_filter.kernels[0], image_filter.conv
    if len(image_filter.kernels) > 1 or kernel.matrix.ndim > 2 or kernel.sum == 0:
        raise UsageError(
            "--alpha premultiply needs one 2-D kernel whose weights do not sum to 0; "
            "use --alpha keep"
        )
    wide: type[np.generic] = np.uint32 if visible.dtype.itemsize > 1 else np.uint16
    colors, white = image.pixels, 0
    if image_filter.linear_light:
        wide, white = np.float32, image.max_value or 0
        light, sums = _in_light(image, image_filter)
        colors, conv = light.pixels, sums.conv
    alpha = visible if image.pixels.ndim == 2 else visible[..., np.newaxis]
    planes = np.multiply(colors, alpha, dtype=wide)
    plan = make_plan(planes, kernel.matrix, conv, kernel.divisor, method=image_filter.method)
    # Alpha is no light: the fill of its border stays as it is.
    weight = feature_map(visible, kernel.matrix, image_filter.conv, float(kernel.matrix.sum()))
    carried = np.empty(weight.shape, visible.dtype)
    saturate(weight, carried)
    bias = _bias(image, image_filter, kernel)
    task = _Task(planes, [plan], image_filter._replace(combine=None), carried, weight, bias)
    task.white = white
    return task


def _copies(image_filter: Filter) -> bool:
    """Tell whether the values are those of the image, to the last digit."""
    kernel = image_filter.kernels[0]
    bias = kernel.bias if image_filter.bias is None else image_filter.bias
    weights = kernel.weights[kernel.weights != 0]
    plain = image_filter.combine is None and not image_filter.linear_light
    return plain and not bias and weights.tolist() in ([1], [-1])


def _bound(image: ImageData, image_filter: Filter, dtype: np.dtype[Any]) -> float:
    """Return the largest sum of magnitudes that a window of the image can have.

    Args:
        image: the input.
        image_filter: what is done to it.
        dtype: of the sums, as for :func:`convcli.core.digits.largest_magnitude`.
    """
    border = abs(image_filter.conv.fill) if image_filter.conv.border == "constant" else 0
    largest = max(largest_magnitude(image.pixels, dtype), border)
    bounds = [
        sum_bound(kernel.weights, largest, _bias(image, image_filter, kernel))
        for kernel in image_filter.kernels
    ]
    bound = sum(bounds) if image_filter.combine == "sum" else max(bounds)
    return STEEPEST * bound if image_filter.linear_light else bound


def _shape_text(shape: tuple[int, ...]) -> str:
    channels = f" in {shape[2]} channels" if len(shape) == 3 else ""
    return f"{size_text(shape)}{channels}"


def _bias(image: ImageData, image_filter: Filter, kernel: Kernel) -> float:
    """Return the filter's bias, or else the kernel's, scaled to the image's depth."""
    if image_filter.bias is not None:
        return image_filter.bias
    return kernel.bias * level_of(image.depth)
