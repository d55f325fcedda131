"""A window that slides over an image: the values at all positions, and the positions to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.choices import SCALED_RANGES
from convcli.core.dtypes import with_channels
from convcli.core.memory import padded_bytes
from convcli.core.plan import Plan
from convcli.errors import UsageError
from convcli.filtering.filter import Filter
from convcli.filtering.memory import filter_bytes
from convcli.filtering.planned_filter import plan_kernel
from convcli.filtering.run import Filtered, Probed, filter_image, measure, with_holes
from convcli.geometry import Geometry, Pads, Pair, size_text
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.teaching.animate.padded_input import PaddedInput
from convcli.teaching.decimals import Number
from convcli.teaching.explain.arithmetic import explain_probed
from convcli.teaching.explain.explanation import Explanation

MAX_POSITIONS = 200  # unless a step is given
MAX_FRAMES = 2000  # encoders keep every frame in memory


@dataclass(frozen=True, eq=False)
class SlidingWindow:
    """A filter applied to an image, with the values of all its windows.

    Attributes:
        image: the input.
        filter: the filter; alpha is dropped.
        plans: the plan of each kernel.
        maps: each kernel's values, (H', W', C).
        values: the combined values, (H', W', C).
        decimals: how many decimals of them are reliable; None for integers.
        pixels: the values after the range mapping, as ``apply`` writes them, (H', W', C).
        max_value: the pixel value that is white, or None for plain numbers.
        extremes: the values that ``rescale`` and ``percentile`` map to black and white; None for
            other ranges.
        ends: the values that became pixel 0 and white; None where values are pixels.
        missing: which pixels of the image are missing, (H, W) or (H, W, C); None if none is.
    """

    image: ImageData
    filter: Filter
    plans: tuple[Plan, ...]
    maps: tuple[NDArray[Any], ...]
    values: NDArray[Any]
    decimals: int | None
    pixels: NDArray[Any]
    max_value: int | None
    extremes: tuple[float, float] | None
    ends: tuple[Number, Number] | None = None
    missing: NDArray[np.bool] | None = None

    @property
    def geometry(self) -> Geometry:
        """The geometry of the first kernel."""
        return self.plans[0].geometry

    @property
    def output_shape(self) -> Pair:
        """Rows and columns of the feature map."""
        return self.geometry.output_shape

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the feature map's channels, or one empty name for a single channel."""
        if self.values.shape[2] == 1:
            return ("",)
        return tuple(channel_names(self.image.channels))

    @property
    def pads(self) -> Pads:
        """The widest padding of all kernels, on each side."""
        pads = [plan.geometry.pads for plan in self.plans]
        return Pads(*map(max, zip(*pads, strict=True)))

    def padded(self) -> PaddedInput:
        """Return the image with its widest padding."""
        plan, pixels = self.plans[0], self.drawn.pixels
        return PaddedInput.of(pixels, self.pads, plan.border, plan.fill, self.missing)

    @property
    def drawn(self) -> ImageData:
        """The image as figures draw it."""
        return with_holes(self.image, self.filter)

    def explain(self, at: Pair) -> Explanation:
        """Explain one value, number by number."""
        maps = [values[at] for values in self.maps]
        plans, values = list(self.plans), self.values[at]
        probed = Probed(plans, maps, values, self.values.dtype, self.missing)
        return explain_probed(self.image, self.filter, at, probed, extremes=self.extremes)


def slide_over(image: ImageData, image_filter: Filter) -> SlidingWindow:
    """Filter an image and keep all values.

    Raises:
        ConvcliError: as :func:`convcli.filtering.run.filter_image`.

    >>> from convcli.kernels.kernel import Kernel
    >>> step = Filter("step", (Kernel([[-1, 1]]),))
    >>> slide_over(ImageData(np.array([[1, 3, 4]]), None), step).values[..., 0].tolist()
    [[2, 1, 0]]
    """
    kernels, combine = image_filter.kernels, image_filter.combine
    if combine == "direction":
        raise UsageError(
            "--combine direction gives a color, and animations show numbers; combine by magnitude, "
            "or animate one of the kernels"
        )
    image_filter = image_filter._replace(alpha="drop", counted=False)
    raw = image_filter._replace(range="raw")
    depth = None if image_filter.range == "raw" else image.depth
    extremes = measure(image, image_filter) if image_filter.range in SCALED_RANGES else None

    def filtered(image_filter: Filter, depth: int | None) -> Filtered:
        return filter_image(image, image_filter, depth, extremes)

    values, pixels = filtered(raw, None), filtered(image_filter, depth)
    maps = [values]
    if combine is not None:
        maps = [filtered(raw._replace(kernels=(kernel,), combine=None), None) for kernel in kernels]
    missing, valid = None, image
    if image_filter.missing is not None and values.missing:
        from convcli.core.missing import without

        missing = image_filter.missing.of(image.pixels)
        valid = image._replace(pixels=without(image.pixels, missing))
    return SlidingWindow(
        image=image,
        filter=image_filter,
        plans=tuple(plan_kernel(valid, image_filter, kernel) for kernel in kernels),
        maps=tuple(with_channels(kernel_map.image.pixels) for kernel_map in maps),
        values=with_channels(values.image.pixels),
        pixels=with_channels(pixels.image.reliable_pixels),
        decimals=values.image.decimals,
        max_value=None if depth is None else image.max_value,
        extremes=extremes,
        ends=pixels.stats.ends,
        missing=missing,
    )


def animation_bytes(image: ImageData, image_filter: Filter) -> int:
    """Bound the bytes that a window's values and its padded image take, from sizes alone.

    Raises:
        GeometryError: a kernel exceeds the padded image.
    """
    kernels, conv = image_filter.kernels, image_filter.conv
    results = 2 + len(kernels) * (image_filter.combine is not None)  # values, pixels and maps
    padded = max(
        padded_bytes(
            conv.geometry(image.shape, kernel.shape),
            2 * image.channels,  # it is drawn from a copy
            image.pixels.dtype,
            conv.fill,
        )
        for kernel in kernels
    )
    return results * filter_bytes(image, image_filter, None) + padded


def frame_rate(count: int) -> float:
    """Return the frames per second of an animation of this many frames, unless they are given.

    >>> frame_rate(36)
    5.0
    """
    return 5.0 if count <= 40 else 10.0 if count <= 100 else 20.0


class Positions(NamedTuple):
    """The positions to show, and the number of all positions from the first to the last."""

    shown: tuple[Pair, ...]
    total: int


class RangeNames(NamedTuple):
    """What messages call the first and the last position, the step, and what they lie in."""

    first: str = "first"
    last: str = "last"
    step: str = "step"
    place: str = "feature map"


def choose_positions(
    output_shape: Pair,
    first: Pair | None = None,
    last: Pair | None = None,
    step: int | None = None,
    names: RangeNames = RangeNames(),  # noqa: B008 - it never changes
) -> Positions:
    """Choose positions of a feature map row by row, from ``first`` to ``last``.

    With a ``step``, these are every ``step``-th position and the last. Without, they are all
    positions, or 200 evenly spaced ones if there are more.

    Raises:
        UsageError: a position is outside the feature map, the last comes before the first, or
            there would be more than 2000 frames.

    >>> choose_positions((2, 3), first=(0, 2), step=2)
    Positions(shown=((0, 2), (1, 1), (1, 2)), total=4)
    """
    rows, columns = output_shape
    start = 0 if first is None else _number_of(names.first, first, output_shape, names.place)
    end = rows * columns - 1
    if last is not None:
        end = _number_of(names.last, last, output_shape, names.place)
    if end < start:
        raise UsageError(
            f"{names.last} {end // columns},{end % columns} comes before {names.first} "
            f"{start // columns},{start % columns}: positions go row by row"
        )
    total = end - start + 1
    if step is None:
        count = min(total, MAX_POSITIONS)
        numbers = np.round(np.linspace(start, end, count)).astype(int).tolist()
    else:
        count = -(-(total - 1) // step) + 1  # with the last
        if count > MAX_FRAMES:
            raise UsageError(
                f"{names.step} {step} makes {count:,} frames, above the limit of {MAX_FRAMES:,}; "
                f"use {names.step} {-(-(total - 1) // (MAX_FRAMES - 1))}, or a shorter range with "
                f"{names.first} and {names.last}"
            )
        numbers = [*range(start, end, step), end]
    return Positions(tuple(divmod(number, columns) for number in numbers), total)


def _number_of(name: str, at: Pair, output_shape: Pair, place: str) -> int:
    """Return a position's number in reading order."""
    rows, columns = output_shape
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise UsageError(
            f"{name} {at[0]},{at[1]} is outside the {size_text(output_shape)} {place}: "
            f"rows are 0 to {rows - 1}, columns 0 to {columns - 1}"
        )
    return at[0] * columns + at[1]
