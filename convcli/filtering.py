"""Filter one image: a :class:`Filter` and an image in, an image out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.combine import COMBINERS, combined_type, direction, gradient_axes
from convcli.core.correlate import feature_map, run
from convcli.core.dtypes import saturate
from convcli.core.plan import Plan, make_plan
from convcli.core.strips import sample_at_anchors
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.geometry import ConvOptions, Pair
from convcli.images.image import ImageData
from convcli.images.value_range import (
    DirectionColors,
    ValueRange,
    ValueStats,
    check_direction,
    to_eight_bits,
)
from convcli.kernels.kernel import Kernel


class Filter(NamedTuple):
    """What to do to an image.

    Attributes:
        label: name of the kernels in file names and figures.
        kernels: one, or several whose feature maps ``combine`` makes into one.
        combine: one of :data:`convcli.choices.COMBINATIONS`, or None for one kernel.
        conv: operation, padding, border, stride and dilation.
        range: how values become pixels; one of :data:`convcli.choices.RANGES`.
        alpha: ``keep`` copies it from each window's anchor, ``premultiply`` weights the colors with
            it and filters both, ``drop`` leaves it out.
        bias: added to every value, in the image's units; None for the kernels' own, which are in
            8-bit levels.
        method: how to sum; one of :data:`convcli.choices.METHODS`.
        threads: use at most this many; None for one a processor.
        counted: whether to count minimum, maximum and clipped values, which takes a third of the
            time.
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


class Filtered(NamedTuple):
    """A filtered image, the statistics of its values, and how they were computed."""

    image: ImageData
    stats: ValueStats
    method: str


class Probed(NamedTuple):
    """One position of a feature map; each array has one value a channel.

    Attributes:
        plans: the plan of each kernel.
        maps: the value of each kernel's map, divided and with its bias.
        values: the value of the feature map: of the one map, or of the combination.
        kind: type of the values unless the range converts them.
    """

    plans: list[Plan]
    maps: list[NDArray[Any]]
    values: NDArray[Any]
    kind: np.dtype[Any]


def filter_image(
    image: ImageData,
    spec: Filter,
    depth: int | None,
    extremes: tuple[float, float] | None = None,
) -> Filtered:
    """Filter one image, strip by strip from its pixels to the result's pixels.

    Args:
        image: (H, W) or (H, W, C); never modified.
        spec: what to do.
        depth: bits of the pixels, 8 or 16; None for plain numbers. Direction colors always have 8.
        extremes: the values that ``rescale`` maps to black and white; None for the minimum and
            maximum of this feature map.

    Raises:
        GeometryError: the kernel exceeds the padded image.
        KernelError: a kernel does not fit the image's channels.
        UsageError: the kernels' maps cannot be combined, alpha cannot be premultiplied with these
            kernels, or the range needs a depth.
    """
    task = _Task.of(image, spec)
    if spec.range == "rescale" and extremes is None:
        extremes = task.extremes()
    mapping: ValueRange
    if spec.combine == "direction":
        mapping, depth = DirectionColors(spec.range, image.max_value, *(extremes or ())), 8
    else:
        max_value = None if depth is None else 2**depth - 1
        mapping = ValueRange(spec.range, max_value, *(extremes or ()))
    pixels = np.empty(task.shape, mapping.dtype_for(task.result))

    def finish(rows: slice, values: NDArray[Any]) -> None:
        mapping.apply(values, pixels[rows])

    stats = task.run(mapping, finish, counted=spec.counted)
    raw = spec.range == "raw"
    result = replace(image, pixels=pixels, depth=None if raw else depth, alpha=task.alpha, notes=())
    return Filtered(result, stats, task.describe())


def apply_range(raw: Filtered, range: str, depth: int | None) -> Filtered:  # noqa: A002
    """Map a result of range ``raw`` to pixels, as :func:`filter_image` does while it filters.

    Args:
        raw: a result whose values were counted.
        range: one of :data:`convcli.choices.RANGES`.
        depth: bits per pixel, 8 or 16; None for plain numbers.

    Raises:
        UsageError: the range needs a depth.
    """
    values = raw.image.pixels
    extremes = (raw.stats.minimum, raw.stats.maximum) if range == "rescale" else ()
    value_range = ValueRange(range, None if depth is None else 2**depth - 1, *extremes)
    pixels = np.empty(values.shape, value_range.dtype_for(values.dtype))
    value_range.apply(values, pixels)
    stats = ValueStats(value_range)
    stats.add(values)
    return Filtered(replace(raw.image, pixels=pixels, depth=depth), stats, raw.method)


def measure(image: ImageData, spec: Filter) -> tuple[float, float]:
    """Return the minimum and the maximum of the finite values of an image's feature map.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    return _Task.of(image, spec).extremes()


def probe_image(image: ImageData, spec: Filter, at: Pair) -> Probed:
    """Return the values that :func:`filter_image` computes at one position, to the last digit.

    Raises:
        GeometryError: the position is outside the feature map.
        ConvcliError: as :func:`filter_image`.
    """
    task = _Task.of(image, spec)
    rows, columns = task.shape[:2]
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise GeometryError(
            f"position {at[0]},{at[1]} is outside the {columns}x{rows} feature map: "
            f"rows are 0 to {rows - 1}, columns 0 to {columns - 1}"
        )
    return task.probe(at)


def plan_kernel(image: ImageData, spec: Filter, kernel: Kernel) -> Plan:
    """Plan how to apply one of a filter's kernels to an image.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    bias = _bias(image, spec, kernel)
    try:
        return make_plan(image.pixels, kernel.matrix, spec.conv, kernel.divisor, bias, spec.method)
    except KernelError as error:
        raise KernelError(f"{kernel.name}: {error}") from error


def hue_axes(spec: Filter) -> tuple[complex, complex]:
    """Return the unit vectors that the two derivatives of a direction image point to.

    Raises:
        UsageError: the kernels are not two derivatives at a right angle, or there is a bias.
    """
    check_direction(len(spec.kernels), spec.range)
    if spec.bias or any(kernel.bias for kernel in spec.kernels):
        raise UsageError("--combine direction takes no bias: it would change the directions")
    first, second = (
        kernel.weights.reshape(-1, *kernel.shape).sum(axis=0) for kernel in spec.kernels
    )
    one, two = gradient_axes(first, second)
    return (-one, -two) if spec.conv.operation == "convolve" else (one, two)


@dataclass(frozen=True)
class _Task:
    """One filter planned for one image.

    ``weight`` is the filtered alpha, by which premultiplied colors are divided before ``bias`` is
    added; ``axes`` are the directions of the derivatives of a direction image.
    """

    planes: NDArray[Any]
    plans: list[Plan]
    combine: str | None
    alpha: NDArray[Any] | None
    threads: int | None
    weight: NDArray[Any] | None = None
    bias: float = 0
    axes: tuple[complex, complex] | None = None

    @classmethod
    def of(cls, image: ImageData, spec: Filter) -> _Task:
        if image.alpha is not None and spec.alpha == "premultiply":
            return _premultiplied(image, image.alpha, spec)
        plans = [plan_kernel(image, spec, kernel) for kernel in spec.kernels]
        if len({plan.shape for plan in plans}) > 1:
            sizes = ", ".join(dict.fromkeys(_shape_text(plan.shape) for plan in plans))
            raise UsageError(
                f"the kernels' maps have different sizes ({sizes}) and cannot be combined; "
                "use --padding same"
            )
        alpha = None
        if image.alpha is not None and spec.alpha == "keep":
            alpha = sample_at_anchors(image.alpha, plans[0].geometry, plans[0].border)
        axes = None
        if spec.combine == "direction":
            check_direction(len(plans), spec.range, math.prod(plans[0].shape[2:]))
            axes = hue_axes(spec)
            alpha = None if alpha is None else to_eight_bits(alpha)
        return cls(image.pixels, plans, spec.combine, alpha, spec.threads, axes=axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result: a bank of one filter gives a gray image."""
        shape = self.plans[0].shape
        return (*shape[:2], 3) if self.combine == "direction" else shape

    @property
    def result(self) -> np.dtype[Any]:
        """Type of the values unless the range converts them."""
        kind = combined_type([plan.result for plan in self.plans], self.combine)
        return kind if self.weight is None else np.result_type(kind, self.weight.dtype)

    def describe(self) -> str:
        """Return one line on how the values are computed."""
        maps = f"{self.combine} of {len(self.plans)} maps, each " if self.combine else ""
        return maps + self.plans[0].describe()

    def run(
        self,
        mapping: ValueRange,
        sink: Callable[[slice, NDArray[Any]], None],
        *,
        counted: bool,
    ) -> ValueStats:
        """Pass on the finished values of each strip, on several threads, and count them."""
        stats, lock = ValueStats(mapping), Lock()

        def finish(rows: slice, blocks: list[NDArray[Any]]) -> None:
            values = self._values(rows, blocks)
            if counted or values.dtype.kind in "fc":  # NaN is always reported
                part = ValueStats(mapping)
                part.add(np.abs(values) if values.dtype.kind == "c" else values)
                with lock:
                    stats.merge(part)
            sink(rows, values)

        run(self.plans, self.planes, finish, self.threads)
        return stats

    def extremes(self) -> tuple[float, float]:
        """Return the minimum and the maximum of the finite values."""
        stats = self.run(ValueRange("raw", None), lambda _rows, _values: None, counted=True)
        return stats.minimum, stats.maximum

    def probe(self, at: Pair) -> Probed:
        """Return the values of one position, whose strip is summed as in :func:`filter_image`."""
        found: list[NDArray[Any]] = []

        def keep(rows: slice, blocks: list[NDArray[Any]]) -> None:
            if rows.start <= at[0] < rows.stop:
                place = at[0] - rows.start, at[1]
                values = self._values(rows, blocks)
                found.extend(np.atleast_1d(block[place]).copy() for block in (values, *blocks))

        run(self.plans, self.planes, keep, self.threads)
        values, *maps = found
        return Probed(self.plans, maps, values, self.result)

    def _values(self, rows: slice, blocks: list[NDArray[Any]]) -> NDArray[Any]:
        if self.axes is not None:
            return direction(blocks, self.axes)
        values = COMBINERS[self.combine](blocks) if self.combine else blocks[0]
        if self.weight is None:
            return values
        weight = self.weight[rows]
        weight = weight if values.ndim == weight.ndim else weight[..., np.newaxis]
        colors = np.zeros(values.shape, np.float64)
        np.divide(values, weight, out=colors, where=weight > 0)
        colors += self.bias
        return colors


def _premultiplied(image: ImageData, visible: NDArray[Any], spec: Filter) -> _Task:
    """Weight the colors with alpha, so that invisible pixels do not bleed into visible ones.

    A value is ``sum(k*c*a) / (sum(k*a) / sum(k))``, and the new alpha ``sum(k*a) / sum(k)``: the
    weighted mean for a blur, and the plain sum where alpha is opaque.
    """
    kernel = spec.kernels[0]
    if len(spec.kernels) > 1 or kernel.matrix.ndim > 2 or kernel.sum == 0:
        raise UsageError(
            "--alpha premultiply needs one 2-D kernel whose weights do not sum to 0; "
            "use --alpha keep"
        )
    wide = np.uint32 if visible.dtype.itemsize > 1 else np.uint16
    alpha = visible if image.pixels.ndim == 2 else visible[..., np.newaxis]
    planes = np.multiply(image.pixels, alpha, dtype=wide)
    plan = make_plan(planes, kernel.matrix, spec.conv, kernel.divisor, method=spec.method)
    weight = feature_map(visible, kernel.matrix, spec.conv, float(kernel.matrix.sum()))
    carried = np.empty(weight.shape, visible.dtype)
    saturate(weight, carried)
    bias = _bias(image, spec, kernel)
    return _Task(planes, [plan], None, carried, spec.threads, weight, bias)


def _shape_text(shape: tuple[int, ...]) -> str:
    channels = f" in {shape[2]} channels" if len(shape) == 3 else ""
    return f"{shape[1]}x{shape[0]}{channels}"


def _bias(image: ImageData, spec: Filter, kernel: Kernel) -> float:
    """Return the filter's bias, or else the kernel's, scaled to the image's depth."""
    if spec.bias is not None:
        return spec.bias
    return kernel.bias * (image.max_value // 255 if image.max_value else 1)
