"""A filter planned for one image: the plans of its kernels, and the values of each strip."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from convcli.choices import SCALED_RANGES
from convcli.core.combine import COMBINERS, combined_type, direction
from convcli.core.correlate import (
    KernelNumbers,
    check_equal_shapes,
    feature_map,
    fits_in_place,
    run,
)
from convcli.core.digits import quotient_decimals
from convcli.core.dtypes import saturate
from convcli.core.padding import sample_at_anchors
from convcli.core.plan import Plan, check_channels, make_plan
from convcli.errors import KernelError, UsageError
from convcli.filtering.filter import Filter, hue_axes, kernel_bias
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData, packed, rgbx_of
from convcli.images.linear_light import from_light, light_of, to_light
from convcli.images.value_range import ValueRange, ValueStats, percentiles, to_eight_bits
from convcli.kernels.kernel import Kernel

if TYPE_CHECKING:  # most filters need all pixels
    from convcli.core.missing import PartialSums

MIN_OVERWRITTEN_BYTES = 1 << 18  # bytes of an image that its result may overwrite
SAMPLED_ROWS = 64  # rows from which the share of clipped values is estimated


class PlannedFilter(NamedTuple):
    """A filter planned for one image.

    Attributes:
        filter: the filter.
        planes: what the kernels sum: the pixels, with 0 where they are missing; their light; or
            colors multiplied by alpha.
        plans: the plan of each kernel.
        alpha: the result's.
        weight: the filtered alpha, which divides the maps of colors multiplied by alpha.
        axes: the directions of a direction image's derivatives.
        missing: which pixels of the image are missing; None if none is.
        parts: the sums of each kernel around missing pixels; empty if none is missing.
        max_value: of the pixels that sums of light become again; None for sums of pixels.
        biases: of each kernel, added to divided colors, or to pixels made of light; empty where
            the plans add them.
        is_rgbx: whether the planes have a fourth channel, which is filtered but not counted.
    """

    filter: Filter
    planes: NDArray[Any]
    plans: list[Plan]
    alpha: NDArray[Any] | None = None
    weight: NDArray[Any] | None = None
    axes: tuple[complex, complex] | None = None
    missing: NDArray[np.bool] | None = None
    parts: tuple[PartialSums, ...] = ()
    max_value: int | None = None
    biases: tuple[float, ...] = ()
    is_rgbx: bool = False

    @property
    def value_type(self) -> np.dtype[Any]:
        """Type of the values unless the range converts them."""
        if self.parts:
            return np.result_type(*(part.result for part in self.parts))
        kind = combined_type([plan.types for plan in self.plans], self.filter.combine)
        return kind if self.weight is None else np.result_type(kind, self.weight.dtype)

    @property
    def own_decimals(self) -> int | None:
        """How many decimals the values have, if they are exact sums, divided; None otherwise."""
        types = self.plans[0].types
        is_plain = self.filter.combine is None and self.weight is None and self.max_value is None
        if self.parts or not (is_plain and types.is_exact):
            return None
        return quotient_decimals(types.divisor, cast("float", types.bias))  # of one filter

    def can_overwrite(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
        """Return whether a result of this shape and type takes the memory of the planes.

        That saves memory of large images, and takes a little longer for small ones.
        """
        planes = self.planes
        if planes.nbytes < MIN_OVERWRITTEN_BYTES or self.parts:  # values at anchors are read again
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
        if self.weight is None and self.max_value is not None:
            blocks = [
                from_light(block, self.max_value) + bias
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
        if self.max_value is not None:
            colors = from_light(colors, self.max_value)
        colors += self.biases[0]
        return colors


def plan_filter(image: ImageData, image_filter: Filter) -> PlannedFilter:
    """Plan to apply a filter to an image, all of whose channels count.

    Raises:
        ConvcliError: as :func:`convcli.filtering.run.filter_image`.
    """
    if image.alpha is not None and image_filter.alpha == "premultiply":
        return _plan_premultiplied(image, image.alpha, image_filter)
    pixels, sums, missing = image.pixels, image_filter, image_filter.missing
    max_value: int | None = None
    biases: tuple[float, ...] = ()
    if image_filter.linear_light:
        max_value, biases = image.max_value, _biases(image, image_filter)
        image, sums = _in_light(image, image_filter)
    where: NDArray[np.bool] | None = None
    parts: tuple[PartialSums, ...] = ()
    if missing is not None and (holes := missing.of(pixels)).any():
        from convcli.core.missing import without

        where, image = holes, image._replace(pixels=without(image.pixels, holes))
        parts = _partial_sums(image, sums, holes, missing.min_valid)
        plans = [part.plan for part in parts]
    else:
        plans = [plan_kernel(image, sums, kernel) for kernel in image_filter.kernels]
    check_equal_shapes(plan.shape for plan in plans)
    alpha, axes = None, None
    if image.alpha is not None and image_filter.alpha == "keep":
        alpha = sample_at_anchors(image.alpha, plans[0].geometry, plans[0].border)
    if image_filter.combine == "direction":
        axes = hue_axes(image_filter, math.prod(plans[0].shape[2:]))
        alpha = None if alpha is None else to_eight_bits(alpha)
    return PlannedFilter(
        image_filter,
        image.pixels,
        plans,
        alpha,
        axes=axes,
        missing=where,
        parts=parts,
        max_value=max_value,
        biases=biases,
    )


def plan_filter_rgbx(image: ImageData, image_filter: Filter) -> PlannedFilter:
    """Plan to apply a filter to an image that may be in RGBX memory.

    Filtering X as well costs a third more, which is less than packing RGB and unpacking the
    result. It must change no other channel, as it cannot if all sums are exact.
    """
    rgbx = rgbx_of(image.pixels)
    if rgbx is None:
        return plan_filter(image, image_filter)
    planar = all(kernel.matrix.ndim == 2 for kernel in image_filter.kernels)
    counted = image_filter.counted or image_filter.range in (*SCALED_RANGES, "raw")
    special = image_filter.missing is not None or image_filter.linear_light
    plain = image_filter.combine != "direction" and not special
    if planar and not counted and plain and image.alpha is None:
        planned = plan_filter(image._replace(pixels=rgbx), image_filter)
        if all(plan.types.is_exact for plan in planned.plans):
            return planned._replace(is_rgbx=True)
    return plan_filter(image._replace(pixels=packed(image.pixels)), image_filter)


def _plan_premultiplied(
    image: ImageData, visible: NDArray[Any], image_filter: Filter
) -> PlannedFilter:
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
    colors, max_value = image.pixels, None
    if image_filter.linear_light:
        wide, max_value = np.float32, image.max_value
        light, sums = _in_light(image, image_filter)
        colors, conv = light.pixels, sums.conv
    alpha = visible if image.pixels.ndim == 2 else visible[..., np.newaxis]
    planes = np.multiply(colors, alpha, dtype=wide)
    plan = make_plan(planes, kernel.matrix, conv, kernel.divisor, method=image_filter.method)
    # Alpha is no light: the fill of its border stays as it is.
    weight = feature_map(visible, kernel.matrix, image_filter.conv, float(kernel.matrix.sum()))
    carried = np.empty(weight.shape, visible.dtype)
    saturate(weight, carried)
    return PlannedFilter(
        image_filter._replace(combine=None),
        planes,
        [plan],
        carried,
        weight,
        max_value=max_value,
        biases=_biases(image, image_filter),
    )


def _in_light(image: ImageData, image_filter: Filter) -> tuple[ImageData, Filter]:
    """Return an image as light, and the filter that sums it: without bias, its fill as light.

    Raises:
        UsageError: the image has no pixels, but plain numbers.
    """
    max_value = image.max_value
    if max_value is None:
        raise UsageError(
            "--linear-light is for pixels of 8 or 16 bits, and these are plain numbers"
        )
    fill = float(light_of(np.array(image_filter.conv.fill), max_value))
    conv = image_filter.conv._replace(fill=fill)
    light = image._replace(pixels=to_light(image.pixels, max_value))
    return light, image_filter._replace(conv=conv, bias=0)


def _biases(image: ImageData, image_filter: Filter) -> tuple[float, ...]:
    """Return the bias of each of a filter's kernels in the units of an image."""
    return tuple([kernel_bias(image, image_filter, kernel) for kernel in image_filter.kernels])


def plan_kernel(image: ImageData, image_filter: Filter, kernel: Kernel) -> Plan:
    """Plan how to apply one of a filter's kernels to an image.

    Raises:
        ConvcliError: as :func:`convcli.filtering.run.filter_image`.
    """
    conv, method = image_filter.conv, image_filter.method
    bias = kernel_bias(image, image_filter, kernel)
    with _name_in_errors(kernel):
        return make_plan(image.pixels, kernel.matrix, conv, kernel.divisor, bias, method)


def check_filters(image: ImageData, filters: Sequence[Filter]) -> None:
    """Check that several filters suit the channels and the size of an image, before one is applied.

    Raises:
        GeometryError: no window of a kernel fits.
        KernelError: a kernel sums over other channels. Where it is a filter of a grouped bank, the
            message has the command that applies this.
    """
    shape = image.pixels.shape
    shapes = [kernel.matrix.shape for each in filters for kernel in each.kernels]
    for each in filters:
        for kernel in each.kernels:
            with _name_in_errors(kernel):
                try:
                    check_channels(shape, kernel.matrix.shape)
                except KernelError as error:
                    advice = _groups_advice(
                        image.channels, kernel, shapes.count(kernel.matrix.shape)
                    )
                    raise KernelError(f"{error}{advice}") from error
                each.conv.geometry(shape[:2], kernel.shape)


def _groups_advice(channels: int, kernel: Kernel, count: int) -> str:
    """Return the command that applies a bank of this many filters in groups, if one does."""
    groups, rest = divmod(channels, len(kernel.matrix))
    if count == 1 or groups < 2 or rest or count % groups:
        return ""
    return (
        "; a grouped bank (N, C/groups, kh, kw) is for a chain: convcli chain IMAGE conv -k BANK "
        f"--groups {groups}"
    )


def _partial_sums(
    image: ImageData, image_filter: Filter, missing: NDArray[np.bool], min_valid: float
) -> tuple[PartialSums, ...]:
    """Plan to apply each of a filter's kernels to an image with missing pixels.

    Args:
        image: with 0 where pixels are missing.
        image_filter: the filter.
        missing: as :meth:`convcli.core.missing.Missing.of` returns it.
        min_valid: as for :class:`convcli.core.missing.Missing`.

    Raises:
        ConvcliError: as :func:`convcli.filtering.run.filter_image`.
    """
    from convcli.core.missing import PartialSums

    conv, method = image_filter.conv, image_filter.method
    parts = []
    for kernel in image_filter.kernels:
        bias = kernel_bias(image, image_filter, kernel)
        numbers = KernelNumbers(kernel.matrix, kernel.divisor, bias)
        with _name_in_errors(kernel):
            parts.append(PartialSums(image.pixels, missing, numbers, conv, min_valid, method))
    return tuple(parts)


@contextmanager
def _name_in_errors(kernel: Kernel) -> Iterator[None]:
    """Put a kernel's name before what does not fit about it."""
    try:
        yield
    except KernelError as error:
        raise KernelError(f"{kernel.name}: {error}") from error


def check_method(image_filter: Filter) -> None:
    """Raise KernelError if the filter's method cannot sum its kernels, whatever the image."""
    for kernel in image_filter.kernels:
        pixels = np.zeros((*kernel.shape, *kernel.matrix.shape[-3:-2]), np.uint8)
        plan_kernel(ImageData(pixels, 8), image_filter._replace(conv=ConvOptions()), kernel)
