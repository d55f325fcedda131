"""Filter one image: apply a :class:`~convcli.filtering.filter.Filter`, giving an image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.choices import SCALED_RANGES
from convcli.core.correlate import run
from convcli.core.digits import largest_magnitude, reliable_decimals, sum_bound
from convcli.core.plan import Plan
from convcli.errors import GeometryError
from convcli.filtering.filter import Filter, kernel_bias, result_axes, value_range_of
from convcli.filtering.planned_filter import plan_filter, plan_filter_rgbx, plan_kernel
from convcli.geometry import Pair, size_text
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.images.linear_light import STEEPEST
from convcli.images.value_range import DirectionColors, ValueRange, ValueStats, percentiles
from convcli.signals import OutputAxes


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
    planned = plan_filter_rgbx(image, image_filter)
    name, combine = image_filter.range, planned.filter.combine
    if name in SCALED_RANGES and extremes is None:
        extremes = planned.extremes()
    value_range: ValueRange
    shape = planned.plans[0].shape
    if combine == "direction":
        value_range = DirectionColors(name, image.max_value, *(extremes or ()))
        shape, depth = (*shape[:2], 3), 8
    else:
        value_range = value_range_of(image_filter, depth, extremes)
    depth = None if name == "raw" else depth
    dtype = value_range.dtype_for(planned.value_type)
    value_type = np.empty(0, planned.value_type).real.dtype
    shows_decimals = value_type.kind == "f" and (image_filter.counted or depth is None)
    counted = image._replace(pixels=planned.planes) if planned.parts else image
    bound = value_bound(counted, image_filter, value_type) if shows_decimals else 0
    in_place = overwrite and planned.can_overwrite(shape, dtype)
    pixels = planned.planes if in_place else np.empty(shape, dtype)
    stats = planned.run(
        value_range,
        lambda rows, values: value_range.apply(values, pixels[rows]),
        counted=image_filter.counted,
        in_place=in_place,
    )
    pixels = pixels[..., :3] if planned.is_rgbx else pixels
    axes = OutputAxes()
    if image.axis is not None or image_filter.mark:
        axes = result_axes(image, image_filter, planned.plans[0].geometry)
    result = image._replace(
        pixels=pixels, depth=depth, alpha=planned.alpha, notes=(), axis=axes.positions
    )
    if stats.peak is not None and result.channels > 1:
        names = channel_names(result.channels)
        stats.peak = stats.peak._replace(channel=names[stats.peak.place[2]])
    if shows_decimals:
        stats.dtype = value_type
        copies = planned.weight is None and copies_pixels(image_filter)
        if not copies:
            stats.decimals = reliable_decimals(stats.dtype, bound, planned.own_decimals)
        if not copies or extremes:
            own = None if extremes else planned.own_decimals
            if extremes and extremes[1] > extremes[0]:
                bound = max(bound / (extremes[1] - extremes[0]), 1)
            result = result._replace(decimals=reliable_decimals(pixels.dtype, bound, own))
    maps = f"{combine} of {len(planned.plans)} maps, each " if combine else ""
    missing = 0
    if planned.missing is not None:
        from convcli.core.missing import count_missing

        missing = count_missing(planned.missing)
    light = "in linear light, " if image_filter.linear_light else ""
    return Filtered(result, stats, light + maps + planned.plans[0].describe(), axes, missing)


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


def measure(image: ImageData, image_filter: Filter) -> tuple[float, float]:
    """Return the values of an image's feature map that a scaled range maps to black and white.

    They are the filter's percentiles for range ``percentile``, and the minimum and the maximum of
    the finite values for any other.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    return plan_filter(image, image_filter).extremes()


def probe_image(image: ImageData, image_filter: Filter, at: Pair) -> Probed:
    """Return the values that :func:`filter_image` computes at one position, to the last digit.

    Raises:
        GeometryError: the position is outside the feature map.
        ConvcliError: as :func:`filter_image`.
    """
    planned = plan_filter(image, image_filter)
    height, width = planned.plans[0].shape[:2]
    if not (0 <= at[0] < height and 0 <= at[1] < width):
        raise GeometryError(
            f"position {at[0]},{at[1]} is outside the {size_text((height, width))} feature map: "
            f"rows are 0 to {height - 1}, columns 0 to {width - 1}"
        )
    probed: list[NDArray[Any]] = []

    def keep(rows: slice, blocks: list[NDArray[Any]]) -> None:
        if rows.start <= at[0] < rows.stop:
            place = at[0] - rows.start, at[1]
            blocks = planned.maps(rows, blocks)
            values = planned.values(rows, blocks)
            probed.extend(np.atleast_1d(block[place]).copy() for block in (values, *blocks))

    run(planned.plans, planned.planes, keep, image_filter.threads)
    values, *maps = probed
    plans = planned.plans
    if planned.missing is not None:  # those of the sums have neither divisor nor bias
        valid = image._replace(pixels=planned.planes)
        plans = [plan_kernel(valid, image_filter, kernel) for kernel in image_filter.kernels]
    return Probed(plans, maps, values, planned.value_type, planned.missing)


def with_holes(image: ImageData, image_filter: Filter) -> ImageData:
    """Return an image as figures draw it: missing plain numbers are NaN, and off the scale."""
    if image.depth is not None or image_filter.missing is None:
        return image
    from convcli.core.missing import with_nan

    return image._replace(pixels=with_nan(image.pixels, image_filter.missing.of(image.pixels)))


def copies_pixels(image_filter: Filter) -> bool:
    """Tell whether the values are those of the image, to the last digit."""
    kernel = image_filter.kernels[0]
    bias = kernel.bias if image_filter.bias is None else image_filter.bias
    weights = kernel.weights[kernel.weights != 0]
    plain = image_filter.combine is None and not image_filter.linear_light
    return plain and not bias and weights.tolist() in ([1], [-1])


def value_bound(image: ImageData, image_filter: Filter, dtype: np.dtype[Any]) -> float:
    """Return the largest sum of magnitudes that a window of the image can have.

    Args:
        image: the input.
        image_filter: what is done to it.
        dtype: of the sums, as for :func:`convcli.core.digits.largest_magnitude`.
    """
    border = abs(image_filter.conv.fill) if image_filter.conv.border == "constant" else 0
    largest = max(largest_magnitude(image.pixels, dtype), border)
    bounds = [
        sum_bound(kernel.weights, largest, kernel_bias(image, image_filter, kernel))
        for kernel in image_filter.kernels
    ]
    bound = sum(bounds) if image_filter.combine == "sum" else max(bounds)
    return STEEPEST * bound if image_filter.linear_light else bound
