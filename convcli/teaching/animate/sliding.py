"""A window on its way over an image: every value of the feature map, and the stops on the way."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.plan import Plan, as_applied
from convcli.core.strips import PaddedView
from convcli.errors import UsageError
from convcli.filtering import Filter, Probed, filter_image, measure, plan_kernel
from convcli.geometry import Geometry, Pads, Pair
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.teaching.explain.arithmetic import explain_probed
from convcli.teaching.explain.explanation import Explanation

MOST_STOPS = 200  # where no step is asked for
MOST_FRAMES = 2000  # at all: encoders keep every frame in memory


@dataclass(frozen=True, eq=False)
class SlidingWindow:
    """A layer laid over an image, with all its values.

    Attributes:
        image: the input.
        spec: the layer; its alpha is dropped.
        plans: how each kernel meets the image.
        maps: each kernel's values, (H', W', C).
        values: what they are combined to, (H', W', C).
        pixels: the values after the range mapping, as ``apply`` writes them, (H', W', C).
        white: of the pixels: 255, 65535, or None for plain numbers.
        extremes: the values that ``rescale`` makes black and white; None for other ranges.
    """

    image: ImageData
    spec: Filter
    plans: tuple[Plan, ...]
    maps: tuple[NDArray[Any], ...]
    values: NDArray[Any]
    pixels: NDArray[Any]
    max_value: int | None
    extremes: tuple[float, float] | None

    @property
    def geometry(self) -> Geometry:
        """How the first kernel is laid over the image."""
        return self.plans[0].geometry

    @property
    def output(self) -> Pair:
        """Rows and columns of the feature map."""
        return self.geometry.output_shape

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the feature map's channels; an empty one where there is but one."""
        several = self.values.shape[2] > 1
        names = channel_names(self.image.channels, self.image.depth)
        return tuple(names) if several else ("",)

    @property
    def pads(self) -> Pads:
        """The padding that the kernels see, on each side the widest."""
        every = [plan.geometry.pads for plan in self.plans]
        return Pads(*map(max, zip(*every, strict=True)))

    @property
    def weights(self) -> tuple[NDArray[Any], ...]:
        """The kernels as they are applied, flipped only where they are convolved."""
        operation = self.spec.conv.operation
        return tuple(as_applied(kernel.matrix, operation) for kernel in self.spec.kernels)

    def padded(self) -> NDArray[Any]:
        """Return the image with its widest padding, (H, W) or (H, W, C)."""
        plan, pads = self.plans[0], self.pads
        pixels = self.image.pixels
        planes = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
        bare = Geometry(self.image.shape, (1, 1), pads, (1, 1), (1, 1), (0, 0))
        view = PaddedView.of(planes, bare, plan.border, plan.fill)
        out = np.empty((*bare.padded_shape, planes.shape[2]), view.own_dtype)
        view.copy_rows(0, out)
        return out if pixels.ndim == 3 else out[..., 0]

    def explain(self, at: Pair) -> Explanation:
        """Explain one value, number by number."""
        maps = [values[at] for values in self.maps]
        probed = Probed(list(self.plans), maps, self.values[at], self.values.dtype)
        return explain_probed(self.image, self.spec, at, probed, extremes=self.extremes)


def slide_over(image: ImageData, spec: Filter) -> SlidingWindow:
    """Filter an image for a window to be followed on its way.

    Raises:
        ConvcliError: as :func:`convcli.filtering.filter_image`; also where several kernels
            are not combined.

    >>> from convcli.kernels.kernel import Kernel
    >>> layer = Filter("step", (Kernel([[-1, 1]]),))
    >>> slide_over(ImageData(np.array([[1, 3, 4]]), None), layer).values[..., 0].tolist()
    [[2, 1, 0]]
    """
    if len(spec.kernels) > 1 and spec.combine is None:
        raise UsageError(f"{spec.label} is a bank of {len(spec.kernels)} kernels: combine them")
    spec = spec._replace(alpha="drop", counted=False)
    depth = None if spec.range == "raw" else image.depth
    extremes = measure(image, spec) if spec.range == "rescale" else None
    raw = spec._replace(range="raw")
    values = _filtered(image, raw)
    maps: tuple[NDArray[Any], ...] = (values,)
    if spec.combine is not None:
        single = (raw._replace(kernels=(kernel,), combine=None) for kernel in spec.kernels)
        maps = tuple(_filtered(image, each) for each in single)
    return SlidingWindow(
        image=image,
        spec=spec,
        plans=tuple(plan_kernel(image, spec, kernel) for kernel in spec.kernels),
        maps=maps,
        values=values,
        pixels=_with_channels(filter_image(image, spec, depth, extremes).image.pixels),
        max_value=None if depth is None else image.max_value,
        extremes=extremes,
    )


def _filtered(image: ImageData, raw: Filter) -> NDArray[Any]:
    return _with_channels(filter_image(image, raw, None).image.pixels)


def _with_channels(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


class Positions(NamedTuple):
    """The positions at which a window is shown, of so many that it passes."""

    shown: tuple[Pair, ...]
    passed: int


def choose_stops(
    output: Pair, first: Pair | None = None, last: Pair | None = None, step: int | None = None
) -> Positions:
    """Choose positions of a feature map in reading order, row by row from ``first`` to ``last``.

    With a ``step``, each step-th and the last; without, all of up to 200, and of more 200 that
    are evenly spaced, first and last among them.

    Raises:
        UsageError: a position is outside the feature map, the last comes before the first, or
            there would be more than 2000 frames.

    >>> choose_stops((2, 3), first=(0, 2), step=2)
    Positions(shown=((0, 2), (1, 1), (1, 2)), passed=4)
    """
    rows, columns = output
    start = 0 if first is None else _place("--from", first, output)
    end = rows * columns - 1 if last is None else _place("--to", last, output)
    if end < start:
        raise UsageError(
            f"--to {_text(divmod(end, columns))} comes before --from "
            f"{_text(divmod(start, columns))}: positions go row by row"
        )
    passed = end - start + 1
    if step is None:
        count = min(passed, MOST_STOPS)
        places = np.round(np.linspace(start, end, count)).astype(int).tolist()
    else:
        count = -(-(passed - 1) // step) + 1  # the last is shown, too
        if count > MOST_FRAMES:
            raise UsageError(
                f"--step {step} makes {count} frames, and {MOST_FRAMES} are most: "
                f"--step {-(-(passed - 1) // (MOST_FRAMES - 1))} shows fewer, or --from and --to"
            )
        places = [*range(start, end, step), end]
    return Positions(tuple(divmod(place, columns) for place in places), passed)


def _place(option: str, at: Pair, output: Pair) -> int:
    """Return a position as its number in reading order."""
    rows, columns = output
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise UsageError(
            f"{option} {_text(at)} is outside the {columns}x{rows} feature map: "
            f"rows are 0 to {rows - 1}, columns 0 to {columns - 1}"
        )
    return at[0] * columns + at[1]


def _text(at: Pair) -> str:
    return f"{at[0]},{at[1]}"
