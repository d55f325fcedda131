"""Pairs of images as windows of BEFORE and the values of AFTER that they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.choices import SIZED_PADDINGS
from convcli.core.dtypes import check_image, with_channels
from convcli.core.memory import padded_bytes
from convcli.core.padding import PaddedRows
from convcli.errors import GeometryError, UsageError, count_text
from convcli.geometry import (
    Geometry,
    IntOrPair,
    Padding,
    Pair,
    as_pair,
    border_name,
    conv_geometry,
    pair_text,
    size_text,
)
from convcli.images.image import ImageData, depth_of

_MAX_STRIDE = 16  # the largest stride that an error message suggests


class Model(NamedTuple):
    """How one image was made from the other: arguments of :func:`convcli.learn_kernel`."""

    kernel_shape: Pair = (3, 3)
    operation: str = "correlate"
    padding: Padding | None = None
    border: str | None = None
    fill: float = 0
    stride: IntOrPair = 1
    dilation: IntOrPair = 1
    with_bias: bool = True
    ignore_clipped: bool = False


class Example(NamedTuple):
    """A pair of images to learn from.

    Attributes:
        before, after: (H, W) or (H, W, C).
        max_value: the greatest pixel value of ``after``; None for plain numbers.
        depth: bits per sample of ``before``; None for plain numbers.
        name: begins error messages where there are several pairs; else empty.
    """

    before: NDArray[Any]
    after: NDArray[Any]
    max_value: int | None
    depth: int | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of some channels, and the value that each of them gave.

    Attributes:
        planes: (C, H, W), the channels; each pixel lies in at least one window.
        target: (H', W'), the values.
        mask: (H', W'), which values count; None for all.
        kernel_shape: rows and columns of a window.
        stride, dilation: (rows, columns).
    """

    planes: NDArray[Any]
    target: NDArray[Any]
    mask: NDArray[np.bool_] | None
    kernel_shape: Pair
    stride: Pair
    dilation: Pair

    @property
    def weights(self) -> int:
        """The number of pixels of a window, i.e. of the weights to learn."""
        return len(self.planes) * self.kernel_shape[0] * self.kernel_shape[1]

    def part(self, rows: slice, columns: slice) -> Windows:
        """Return the windows of some rows and columns of the target, at least one."""
        places = (range(len(self.target))[rows], range(self.target.shape[1])[columns])
        row_span, column_span = (
            slice(place[0] * step, place[-1] * step + distance * (taps - 1) + 1)
            for place, step, distance, taps in zip(
                places, self.stride, self.dilation, self.kernel_shape, strict=True
            )
        )
        mask = None if self.mask is None else self.mask[rows, columns]
        planes, target = self.planes[:, row_span, column_span], self.target[rows, columns]
        return Windows(planes, target, mask, self.kernel_shape, self.stride, self.dilation)


def pair_arrays(before: Sequence[NDArray[Any]], after: Sequence[NDArray[Any]]) -> list[Example]:
    """Pair the images of two lists.

    Raises:
        UsageError: the lists differ in length, or an array is not an image.
    """
    if len(before) != len(after):
        raise UsageError(f"{count_text(len(before), 'image')} before, but {len(after):,} after")
    for image in (*before, *after):
        check_image(image)
    return [
        Example(one, two, ImageData(two, depth_of(two.dtype)).max_value, depth_of(one.dtype))
        for one, two in zip(before, after, strict=True)
    ]


def windows_of(example: Example, model: Model) -> list[Windows]:
    """Return the windows of a pair: one entry for each channel, or one for all channels together.

    Raises:
        GeometryError: no padding relates the two sizes, or no window is left.
        UsageError: the numbers of channels do not match, or nothing can be clipped.
    """
    before, after = (with_channels(image) for image in example[:2])
    before_shape, after_shape = ((image.shape[0], image.shape[1]) for image in (before, after))
    geometry = _geometry(before_shape, after_shape, model)
    if model.border is None:
        before, after = _without_padding(before, after, geometry)
    else:
        before = _padded(before, geometry, border_name(model.border), model.fill)
    mask = _unclipped(after, example.max_value) if model.ignore_clipped else None
    channels, results = before.shape[2], after.shape[2]
    if results not in (1, channels):
        raise UsageError(
            f"BEFORE has {count_text(channels, 'channel')} and AFTER has {results}; AFTER "
            "must have as many as BEFORE, or one; convert both to gray, or learn a bank"
        )
    groups = [slice(None)] if results == 1 else [slice(n, n + 1) for n in range(channels)]
    return [
        Windows(
            np.moveaxis(before[..., group], -1, 0),
            after[..., number],
            None if mask is None else mask[..., number],
            geometry.kernel,
            geometry.stride,
            geometry.dilation,
        )
        for number, group in enumerate(groups)
    ]


def padding_of(example: Example, model: Model) -> Padding:
    """Return the padding that the model names or, if it names none, that the sizes tell."""
    if model.padding is not None:
        return model.padding
    before, after = ((image.shape[0], image.shape[1]) for image in example[:2])
    stride = as_pair(model.stride, "stride", least=1)
    shapes = {
        name: each.output_shape
        for name, each in _geometries(before, model, SIZED_PADDINGS, stride).items()
    }
    return next(name for name in SIZED_PADDINGS if shapes.get(name) == after)


def windows_bytes(example: Example, model: Model) -> int:
    """Bound the bytes that :func:`windows_of` takes, from sizes alone.

    Raises:
        GeometryError: no padding relates the two sizes.
    """
    if model.border is None:  # parts of the images
        return 0
    before, after = (with_channels(image) for image in example[:2])
    before_shape, after_shape = ((image.shape[0], image.shape[1]) for image in (before, after))
    geometry = _geometry(before_shape, after_shape, model)
    return padded_bytes(geometry, before.shape[2], before.dtype, model.fill)


def _geometry(before: Pair, after: Pair, model: Model) -> Geometry:
    """Return the geometry that gives AFTER's size."""
    stride = as_pair(model.stride, "stride", least=1)
    paddings: tuple[Padding, ...] = SIZED_PADDINGS if model.padding is None else (model.padding,)
    geometries = _geometries(before, model, paddings, stride)
    for geometry in geometries.values():
        if geometry.output_shape == after:
            return geometry
    if not geometries:  # conv_geometry says why
        conv_geometry(
            before, model.kernel_shape, paddings[-1], stride, model.dilation, model.operation
        )
    sizes = [f"{size_text(each.output_shape)} ({name})" for name, each in geometries.items()]
    listed = " or ".join([", ".join(sizes[:-1]), sizes[-1]] if sizes[1:] else sizes)

    def fitting(steps: Pair) -> list[str]:
        others = _geometries(before, model, SIZED_PADDINGS, steps)
        return [name for name, each in others.items() if each.output_shape == after]

    strides = range(1, _MAX_STRIDE + 1)
    hints = chain(
        (f"; padding {name} would fit" for name in fitting(stride)),
        (f"; stride {n} would fit" for n in strides if fitting((n, n))),
    )
    raise GeometryError(
        f"sizes do not match: BEFORE is {size_text(before)}, AFTER is {size_text(after)}; "
        f"a {size_text(model.kernel_shape)} kernel at stride {pair_text(stride)} gives "
        f"{listed}{next(hints, '')}"
    )


def _geometries(
    before: Pair, model: Model, paddings: Sequence[Padding], stride: Pair
) -> dict[str, Geometry]:
    """Return the geometry of each padding that has one."""
    geometries: dict[str, Geometry] = {}
    for padding in paddings:
        name = padding if isinstance(padding, str) else "with this padding"
        with suppress(GeometryError):
            geometries[name] = conv_geometry(
                before, model.kernel_shape, padding, stride, model.dilation, model.operation
            )
    return geometries


def _without_padding(
    before: NDArray[Any], after: NDArray[Any], geometry: Geometry
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Leave out the windows that touch padding, and the pixels that no other window sees."""
    pixels, values = [], []
    for axis, pad in enumerate((geometry.pads.top, geometry.pads.left)):
        step, extent = geometry.stride[axis], geometry.extent[axis]
        first = math.ceil(pad / step)
        last = min(
            (geometry.input_shape[axis] + pad - extent) // step, geometry.output_shape[axis] - 1
        )
        if last < first:
            raise GeometryError(
                f"every window of a {size_text(geometry.kernel)} kernel on a "
                f"{size_text(geometry.input_shape)} image touches the padding; name the border "
                "to use these windows"
            )
        values.append(slice(first, last + 1))
        pixels.append(slice(first * step - pad, last * step - pad + extent))
    return before[tuple(pixels)], after[tuple(values)]


def _padded(image: NDArray[Any], geometry: Geometry, border: str, fill: float) -> NDArray[Any]:
    padded_rows = PaddedRows(geometry, border, fill if border == "constant" else 0)
    padded = np.empty((*geometry.padded_shape, image.shape[2]), padded_rows.dtype_of(image.dtype))
    padded_rows.copy(image, 0, padded)
    rows, columns = geometry.output_shape
    width = (columns - 1) * geometry.stride[1] + geometry.extent[1]
    return padded[: geometry.rows_needed(rows), :width]


def _unclipped(after: NDArray[Any], max_value: int | None) -> NDArray[np.bool_]:
    if max_value is None:
        raise UsageError(
            "clipped pixels can be ignored only where AFTER is an 8-bit or 16-bit image; plain "
            "numbers are not clipped"
        )
    mask = (after > 0) & (after < max_value)
    if not mask.any():
        raise UsageError(
            "every pixel of AFTER is black or white; no pixel is left if clipped ones are ignored"
        )
    return mask
