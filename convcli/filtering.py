"""One picture through one layer: a :class:`FilterSpec` and a picture in, a picture out."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.combine import COMBINATIONS, combined_type, direction, gradient_axes
from convcli.core.correlate import feature_map, prepare, run
from convcli.core.plan import Layout, Plan
from convcli.core.saturate import saturate
from convcli.core.strips import border_name, under_anchors
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.geometry import Pair
from convcli.images.direction_colors import HueTone, check_hues, eight_bits
from convcli.images.image import Picture
from convcli.images.value_range import Tally, Tone
from convcli.kernels.kernel import Kernel

ALPHAS = ("keep", "premultiply", "drop")


class FilterSpec(NamedTuple):
    """What is done to a picture.

    Attributes:
        label: the kernels' name in file names and figures.
        kernels: one, or several whose feature maps ``combine`` makes one.
        combine: a name in :data:`convcli.core.combine.COMBINATIONS`, or None for one kernel.
        layout: operation, padding, border, stride and dilation.
        range: how values become pixels; one of :data:`convcli.images.value_range.RANGES`.
        alpha: ``keep`` carries it from under each window's anchor, ``premultiply`` weights the
            colours with it and filters both, ``drop`` leaves it out.
        method: how the sums are computed; one of :data:`convcli.core.methods.choose.METHODS`.
        threads: how many at most; None for one a processor.
        bias: added to every value, in the picture's own units; None for the kernels' own, which
            are in 8-bit levels.
        counted: whether least, greatest and clipped values are asked for; to count takes a third
            of the time.
    """

    label: str
    kernels: tuple[Kernel, ...]
    combine: str | None = None
    layout: Layout = Layout()
    range: str = "clip"
    alpha: str = "keep"
    bias: float | None = None
    method: str = "auto"
    threads: int | None = None
    counted: bool = True


class Filtered(NamedTuple):
    """A filtered picture, the count of its values, and how they were computed."""

    picture: Picture
    tally: Tally
    method: str


def filter_picture(
    picture: Picture,
    spec: FilterSpec,
    depth: int | None,
    extremes: tuple[float, float] | None = None,
) -> Filtered:
    """Filter one picture, strip by strip from its pixels to the result's.

    Args:
        picture: (H, W) or (H, W, C); never modified.
        spec: what to do.
        depth: bits of the result's pixels, 8 or 16; None for plain numbers. Directions have 8.
        extremes: the values that ``rescale`` makes black and white; None for the least and the
            greatest of this feature map.

    Raises:
        GeometryError: the kernel exceeds the padded picture.
        KernelError: a kernel does not suit the picture's channels.
        UsageError: the kernels' maps cannot be combined so, alpha cannot be premultiplied with
            these kernels, or the range needs a depth.
    """
    layer = _Layer.of(picture, spec)
    if spec.range == "rescale" and extremes is None:
        extremes = layer.extremes()
    tone: Tone | HueTone
    if spec.combine == "direction":
        tone, depth = HueTone(spec.range, picture.white, *(extremes or ())), 8
    else:
        tone = Tone(spec.range, None if depth is None else 2**depth - 1, *(extremes or ()))
    pixels = np.empty(layer.shape, tone.dtype_for(layer.result))

    def finish(rows: slice, values: NDArray[Any]) -> None:
        tone.apply(values, pixels[rows])

    tally = layer.run(tone, finish, counted=spec.counted)
    raw = spec.range == "raw"
    result = replace(
        picture, pixels=pixels, depth=None if raw else depth, alpha=layer.alpha, notes=()
    )
    return Filtered(result, tally, layer.why())


def measure(picture: Picture, spec: FilterSpec) -> tuple[float, float]:
    """Return the least and the greatest finite value of a picture's feature map.

    Raises:
        ConvcliError: as :func:`filter_picture`.
    """
    return _Layer.of(picture, spec).extremes()


class Probed(NamedTuple):
    """One position of a feature map; each array has a number for every channel of the map.

    Attributes:
        plans: how each kernel meets the picture.
        maps: each kernel's value, divided and with its bias.
        values: the feature map's value: the one map's, or what several are combined to.
        kind: type of the values where the range maps them to no other.
    """

    plans: list[Plan]
    maps: list[NDArray[Any]]
    values: NDArray[Any]
    kind: np.dtype[Any]


def probe_picture(picture: Picture, spec: FilterSpec, at: Pair) -> Probed:
    """Return the values that :func:`filter_picture` computes at one position, to the last digit.

    Raises:
        GeometryError: the position is outside the feature map.
        ConvcliError: as :func:`filter_picture`.
    """
    layer = _Layer.of(picture, spec)
    rows, columns = layer.shape[:2]
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise GeometryError(
            f"position {at[0]},{at[1]} is outside the {columns}x{rows} feature map: "
            f"rows are 0 to {rows - 1}, columns 0 to {columns - 1}"
        )
    return layer.probe(at)


@dataclass(frozen=True)
class _Layer:
    """A spec laid over one picture.

    ``alpha`` is the result's. ``weight`` is the filtered alpha by which premultiplied colours are
    divided, with ``bias`` still to be added; None where nothing was premultiplied. ``axes`` are
    those of a picture of directions.
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
    def of(cls, picture: Picture, spec: FilterSpec) -> "_Layer":
        if picture.alpha is not None and spec.alpha == "premultiply":
            return _premultiplied(picture, picture.alpha, spec)
        plans = [plan_kernel(picture, spec, kernel) for kernel in spec.kernels]
        if len({plan.shape for plan in plans}) > 1:
            sizes = ", ".join(dict.fromkeys(_size_text(plan.shape) for plan in plans))
            raise UsageError(
                f"the kernels' maps differ in size ({sizes}) and cannot be combined; "
                "--padding same keeps the picture's"
            )
        alpha = None
        if picture.alpha is not None and spec.alpha == "keep":
            alpha = under_anchors(picture.alpha, plans[0].geometry, border_name(spec.layout.border))
        axes = None
        if spec.combine == "direction":
            check_hues(len(plans), spec.range, math.prod(plans[0].shape[2:]))
            axes = hue_axes(spec)
            alpha = None if alpha is None else eight_bits(alpha)
        return cls(picture.pixels, plans, spec.combine, alpha, spec.threads, axes=axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result: a bank of one map is a grey picture."""
        shape = self.plans[0].shape
        return (*shape[:2], 3) if self.combine == "direction" else shape

    @property
    def result(self) -> np.dtype[Any]:
        """Type of the values where the range maps them to no other."""
        kind = combined_type([plan.result for plan in self.plans], self.combine)
        return kind if self.weight is None else np.result_type(kind, self.weight.dtype)

    def why(self) -> str:
        """Say in a line how the values are computed."""
        maps = f"{self.combine} of {len(self.plans)} maps, each " if self.combine else ""
        return maps + self.plans[0].why()

    def run(
        self, tone: Tone | HueTone, sink: Callable[[slice, NDArray[Any]], None], *, counted: bool
    ) -> Tally:
        """Hand on the finished values of each strip, on several threads, and count them."""
        tally, lock = Tally(tone), Lock()

        def finish(rows: slice, blocks: list[NDArray[Any]]) -> None:
            values = self._values(rows, blocks)
            if counted or values.dtype.kind in "fc":  # NaN is always told of
                part = Tally(tone)
                part.add(np.abs(values) if values.dtype.kind == "c" else values)
                with lock:
                    tally.merge(part)
            sink(rows, values)

        run(self.plans, self.planes, finish, self.threads)
        return tally

    def extremes(self) -> tuple[float, float]:
        """Return the least and the greatest finite value."""
        tally = self.run(Tone("raw", None), lambda _rows, _values: None, counted=True)
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
        values = COMBINATIONS[self.combine](blocks) if self.combine else blocks[0]
        if self.weight is None:
            return values
        weight = self.weight[rows]
        weight = weight if values.ndim == weight.ndim else weight[..., np.newaxis]
        colours = np.zeros(values.shape, np.float64)
        np.divide(values, weight, out=colours, where=weight > 0)
        colours += self.bias
        return colours


def hue_axes(spec: FilterSpec) -> tuple[complex, complex]:
    """Return where the two derivatives of a picture of directions point, as they are applied.

    Raises:
        UsageError: there are others than two derivatives at a right angle, or a bias.
    """
    check_hues(len(spec.kernels), spec.range)
    if spec.bias or any(kernel.bias for kernel in spec.kernels):
        raise UsageError("--combine direction takes no bias: it would turn the directions")
    planes = (kernel.weights.reshape(-1, *kernel.size).sum(axis=0) for kernel in spec.kernels)
    first, second = planes
    one, two = gradient_axes(first, second)
    flipped = spec.layout.operation == "convolve"
    return (-one, -two) if flipped else (one, two)


def plan_kernel(picture: Picture, spec: FilterSpec, kernel: Kernel) -> Plan:
    """Plan how one of a spec's kernels meets a picture.

    Raises:
        ConvcliError: as :func:`filter_picture`.
    """
    bias = _bias(picture, spec, kernel)
    try:
        return prepare(
            picture.pixels, kernel.matrix, spec.layout, kernel.divisor, bias, spec.method
        )
    except KernelError as error:
        raise KernelError(f"{kernel.name}: {error}") from error


def _premultiplied(picture: Picture, visible: NDArray[Any], spec: FilterSpec) -> _Layer:
    """Weight the colours with alpha, so that what cannot be seen does not bleed into what can.

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
    alpha = visible if picture.pixels.ndim == 2 else visible[..., np.newaxis]
    planes = np.multiply(picture.pixels, alpha, dtype=wide)
    plan = prepare(planes, kernel.matrix, spec.layout, kernel.divisor, method=spec.method)
    weight = feature_map(visible, kernel.matrix, spec.layout, float(kernel.matrix.sum()))
    carried = np.empty(weight.shape, visible.dtype)
    saturate(weight, carried)
    bias = _bias(picture, spec, kernel)
    return _Layer(planes, [plan], None, carried, spec.threads, weight, bias)


def _size_text(shape: tuple[int, ...]) -> str:
    """Write a map's size as width x height, and its channels if there are several."""
    channels = f" in {shape[2]} channels" if len(shape) == 3 else ""
    return f"{shape[1]}x{shape[0]}{channels}"


def _bias(picture: Picture, spec: FilterSpec, kernel: Kernel) -> float:
    """Return what is added: the user's own number, or the kernel's at the picture's depth."""
    if spec.bias is not None:
        return spec.bias
    return kernel.bias * (picture.white // 255 if picture.white else 1)
