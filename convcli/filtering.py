"""One image through one layer: a :class:`Filter` and an image in, an image out."""

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
from convcli.core.options import ConvOptions, border_name
from convcli.core.plan import Plan, make_plan
from convcli.core.strips import sample_at_anchors
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.geometry import Pair
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
    """What is done to an image.

    Attributes:
        label: the kernels' name in file names and figures.
        kernels: one, or several whose feature maps ``combine`` makes one.
        combine: one of :data:`convcli.choices.COMBINATIONS`, or None for one kernel.
        conv: operation, padding, border, stride and dilation.
        range: how values become pixels; one of :data:`convcli.choices.RANGES`.
        alpha: ``keep`` carries it from under each window's anchor, ``premultiply`` weights the
            colors with it and filters both, ``drop`` leaves it out.
        method: how the sums are computed; one of :data:`convcli.choices.METHODS`.
        threads: how many at most; None for one a processor.
        bias: added to every value, in the image's own units; None for the kernels' own, which
            are in 8-bit levels.
        counted: whether least, greatest and clipped values are asked for; to count takes a third
            of the time.
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
    """A filtered image, the count of its values, and how they were computed."""

    image: ImageData
    stats: ValueStats
    method: str


def filter_image(
    image: ImageData,
    spec: Filter,
    depth: int | None,
    extremes: tuple[float, float] | None = None,
) -> Filtered:
    """Filter one image, strip by strip from its pixels to the result's.

    Args:
        image: (H, W) or (H, W, C); never modified.
        spec: what to do.
        depth: bits of the result's pixels, 8 or 16; None for plain numbers. Directions have 8.
        extremes: the values that ``rescale`` makes black and white; None for the least and the
            greatest of this feature map.

    Raises:
        GeometryError: the kernel exceeds the padded image.
        KernelError: a kernel does not suit the image's channels.
        UsageError: the kernels' maps cannot be combined so, alpha cannot be premultiplied with
            these kernels, or the range needs a depth.
    """
    layer = _Layer.of(image, spec)
    if spec.range == "rescale" and extremes is None:
        extremes = layer.extremes()
    tone: ValueRange | DirectionColors
    if spec.combine == "direction":
        tone, depth = DirectionColors(spec.range, image.max_value, *(extremes or ())), 8
    else:
        tone = ValueRange(spec.range, None if depth is None else 2**depth - 1, *(extremes or ()))
    pixels = np.empty(layer.shape, tone.dtype_for(layer.result))

    def finish(rows: slice, values: NDArray[Any]) -> None:
        tone.apply(values, pixels[rows])

    tally = layer.run(tone, finish, counted=spec.counted)
    raw = spec.range == "raw"
    result = replace(
        image, pixels=pixels, depth=None if raw else depth, alpha=layer.alpha, notes=()
    )
    return Filtered(result, tally, layer.describe())


def measure(image: ImageData, spec: Filter) -> tuple[float, float]:
    """Return the least and the greatest finite value of an image's feature map.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    return _Layer.of(image, spec).extremes()


class Probed(NamedTuple):
    """One position of a feature map; each array has a number for every channel of the map.

    Attributes:
        plans: how each kernel meets the image.
        maps: each kernel's value, divided and with its bias.
        values: the feature map's value: the one map's, or what several are combined to.
        kind: type of the values where the range maps them to no other.
    """

    plans: list[Plan]
    maps: list[NDArray[Any]]
    values: NDArray[Any]
    kind: np.dtype[Any]


def probe_image(image: ImageData, spec: Filter, at: Pair) -> Probed:
    """Return the values that :func:`filter_image` computes at one position, to the last digit.

    Raises:
        GeometryError: the position is outside the feature map.
        ConvcliError: as :func:`filter_image`.
    """
    layer = _Layer.of(image, spec)
    rows, columns = layer.shape[:2]
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise GeometryError(
            f"position {at[0]},{at[1]} is outside the {columns}x{rows} feature map: "
            f"rows are 0 to {rows - 1}, columns 0 to {columns - 1}"
        )
    return layer.probe(at)


@dataclass(frozen=True)
class _Layer:
    """A spec laid over one image.

    ``alpha`` is the result's. ``weight`` is the filtered alpha by which premultiplied colors are
    divided, with ``bias`` still to be added; None where nothing was premultiplied. ``axes`` are
    those of an image of directions.
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
    def of(cls, image: ImageData, spec: Filter) -> "_Layer":
        if image.alpha is not None and spec.alpha == "premultiply":
            return _premultiplied(image, image.alpha, spec)
        plans = [plan_kernel(image, spec, kernel) for kernel in spec.kernels]
        if len({plan.shape for plan in plans}) > 1:
            sizes = ", ".join(dict.fromkeys(_size_text(plan.shape) for plan in plans))
            raise UsageError(
                f"the kernels' maps differ in size ({sizes}) and cannot be combined; "
                "--padding same keeps the image's"
            )
        alpha = None
        if image.alpha is not None and spec.alpha == "keep":
            alpha = sample_at_anchors(image.alpha, plans[0].geometry, border_name(spec.conv.border))
        axes = None
        if spec.combine == "direction":
            check_direction(len(plans), spec.range, math.prod(plans[0].shape[2:]))
            axes = hue_axes(spec)
            alpha = None if alpha is None else to_eight_bits(alpha)
        return cls(image.pixels, plans, spec.combine, alpha, spec.threads, axes=axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result: a bank of one map is a gray image."""
        shape = self.plans[0].shape
        return (*shape[:2], 3) if self.combine == "direction" else shape

    @property
    def result(self) -> np.dtype[Any]:
        """Type of the values where the range maps them to no other."""
        kind = combined_type([plan.result for plan in self.plans], self.combine)
        return kind if self.weight is None else np.result_type(kind, self.weight.dtype)

    def describe(self) -> str:
        """Say in a line how the values are computed."""
        maps = f"{self.combine} of {len(self.plans)} maps, each " if self.combine else ""
        return maps + self.plans[0].describe()

    def run(
        self,
        tone: ValueRange | DirectionColors,
        sink: Callable[[slice, NDArray[Any]], None],
        *,
        counted: bool,
    ) -> ValueStats:
        """Hand on the finished values of each strip, on several threads, and count them."""
        tally, lock = ValueStats(tone), Lock()

        def finish(rows: slice, blocks: list[NDArray[Any]]) -> None:
            values = self._values(rows, blocks)
            if counted or values.dtype.kind in "fc":  # NaN is always told of
                part = ValueStats(tone)
                part.add(np.abs(values) if values.dtype.kind == "c" else values)
                with lock:
                    tally.merge(part)
            sink(rows, values)

        run(self.plans, self.planes, finish, self.threads)
        return tally

    def extremes(self) -> tuple[float, float]:
        """Return the least and the greatest finite value."""
        tally = self.run(ValueRange("raw", None), lambda _rows, _values: None, counted=True)
        return tally.minimum, tally.maximum

    def probe(self, at: Pair) -> Probed:
        """Keep the values of one position; its strip is summed as it is in a whole run."""
        kept: list[NDArray[Any]] = []

        def keep(rows: slice, blocks: list[NDArray[Any]]) -> None:
            if rows.start <= at[0] < rows.stop:
                place = at[0] - rows.start, at[1]
                values = self._values(rows, blocks)
                kept.extend(np.atleast_1d(block[place]).copy() for block in (values, *blocks))

        run(self.plans, self.planes, keep, self.threads)
        values, *maps = kept
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


def hue_axes(spec: Filter) -> tuple[complex, complex]:
    """Return where the two derivatives of an image of directions point, as they are applied.

    Raises:
        UsageError: there are others than two derivatives at a right angle, or a bias.
    """
    check_direction(len(spec.kernels), spec.range)
    if spec.bias or any(kernel.bias for kernel in spec.kernels):
        raise UsageError("--combine direction takes no bias: it would turn the directions")
    planes = (kernel.weights.reshape(-1, *kernel.shape).sum(axis=0) for kernel in spec.kernels)
    first, second = planes
    one, two = gradient_axes(first, second)
    flipped = spec.conv.operation == "convolve"
    return (-one, -two) if flipped else (one, two)


def plan_kernel(image: ImageData, spec: Filter, kernel: Kernel) -> Plan:
    """Plan how one of a spec's kernels meets an image.

    Raises:
        ConvcliError: as :func:`filter_image`.
    """
    bias = _bias(image, spec, kernel)
    try:
        return make_plan(image.pixels, kernel.matrix, spec.conv, kernel.divisor, bias, spec.method)
    except KernelError as error:
        raise KernelError(f"{kernel.name}: {error}") from error


def _premultiplied(image: ImageData, visible: NDArray[Any], spec: Filter) -> _Layer:
    """Weight the colors with alpha, so that what cannot be seen does not bleed into what can.

    A value is ``sum(k*c*a) / (sum(k*a) / sum(k))``, and the new alpha ``sum(k*a) / sum(k)``: the
    weighted mean for a blur, and the plain sum where alpha is opaque.
    """
    kernel = spec.kernels[0]
    if len(spec.kernels) > 1 or kernel.matrix.ndim > 2 or kernel.sum == 0:
        raise UsageError(
            "--alpha premultiply takes one 2-D kernel whose weights do not sum to 0; "
            "--alpha keep works with any"
        )
    wide = np.uint32 if visible.dtype.itemsize > 1 else np.uint16
    alpha = visible if image.pixels.ndim == 2 else visible[..., np.newaxis]
    planes = np.multiply(image.pixels, alpha, dtype=wide)
    plan = make_plan(planes, kernel.matrix, spec.conv, kernel.divisor, method=spec.method)
    weight = feature_map(visible, kernel.matrix, spec.conv, float(kernel.matrix.sum()))
    carried = np.empty(weight.shape, visible.dtype)
    saturate(weight, carried)
    bias = _bias(image, spec, kernel)
    return _Layer(planes, [plan], None, carried, spec.threads, weight, bias)


def _size_text(shape: tuple[int, ...]) -> str:
    """Write a map's size as width x height, and its channels if there are several."""
    channels = f" in {shape[2]} channels" if len(shape) == 3 else ""
    return f"{shape[1]}x{shape[0]}{channels}"


def _bias(image: ImageData, spec: Filter, kernel: Kernel) -> float:
    """Return what is added: the user's own number, or the kernel's at the image's depth."""
    if spec.bias is not None:
        return spec.bias
    return kernel.bias * (image.max_value // 255 if image.max_value else 1)
