"""Work out the gradients of one convolution with respect to its weights, bias and input.

Window r reads ``x[r*s + i*d - p]`` with weight i, at stride s, dilation d and padding p. With
``g = dL/dy / divisor``:

- ``dL/dw[i] = sum over r of g[r] * x[r*s + i*d - p]``: the padded input is cross-correlated with g;
- ``dL/dx[q] = sum of g[r] * w[i] over all r and i with r*s + i*d - p = q``: the full convolution of
  g with the kernel. What reaches a place of the padding goes back to the pixel that it copies.

Goodfellow, Bengio and Courville, *Deep Learning* (2016), section 9.5, have both formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.correlate import feature_map
from convcli.core.dtypes import with_channels
from convcli.core.padding import OUTSIDE, border_at, border_index, pad_array
from convcli.core.plan import Plan, as_applied
from convcli.errors import KernelError, UsageError, count_text, short_repr
from convcli.filtering.filter import Filter
from convcli.filtering.planned_filter import plan_kernel
from convcli.geometry import Geometry, Pair, size_text
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.layers.activations import LeakyRelu
from convcli.teaching.decimals import (
    Number,
    exact_product,
    exact_sum,
    exact_total,
    to_number,
    to_python,
)
from convcli.teaching.explain.arithmetic import (
    ACTIVATIONS,
    as_position,
    explain_image,
    read_window,
)
from convcli.teaching.explain.computation import Flags, Grid, Response, Sum
from convcli.teaching.explain.gradient.computation import Floats, PixelGradient
from convcli.teaching.explain.gradient.explanation import GradientExplanation

MOST_WORKED = 100 * 100  # values of a map whose products are worked out
_COPIES = 8  # of the float64 image and of the maps, which are taken together


class _Conv(NamedTuple):
    """A convolution as arrays.

    Attributes:
        plan: of the first kernel.
        padded: the input with its padding, (Hp, Wp, C).
        applied: the weights as they are applied, (N, C, kh, kw); (N, 1, kh, kw) where each channel
            is filtered on its own.
        divisor: divides the sums.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        alone: whether each channel is filtered on its own.
    """

    plan: Plan
    padded: Floats
    applied: Floats
    divisor: float
    operation: str
    alone: bool

    @property
    def geometry(self) -> Geometry:
        """The windows."""
        return self.plan.geometry

    def taps(self) -> Iterator[tuple[Pair, tuple[slice, slice]]]:
        """Yield each tap, and the padded pixels that it reads, one for each window."""
        geometry = self.geometry
        rows, columns = geometry.kernel
        for tap in product(range(rows), range(columns)):
            yield tap, _places(tap, geometry)

    def weight_gradient(self, slopes: Floats) -> Floats:
        """Return dL/dw as the weights are applied, from dL/dy over the divisor, (H', W', N, M)."""
        gradient = np.empty(self.applied.shape)
        sums = "rcm,rcnm->n" if self.alone else "rcm,rcno->nm"
        for (row, column), places in self.taps():
            tap = np.einsum(sums, self.padded[places], slopes, optimize=True)
            gradient[:, :, row, column] = tap[:, np.newaxis] if self.alone else tap
        return gradient

    def input_gradient(self, slopes: Floats) -> Floats:
        """Return dL/dx, (H, W, C), likewise."""
        padded = np.zeros(self.padded.shape)
        sums = "rcnm,nk->rcm" if self.alone else "rcno,nm->rcm"
        for (row, column), places in self.taps():
            weights = self.applied[:, :, row, column]
            padded[places] += np.einsum(sums, slopes, weights, optimize=True)
        pads, shape = self.geometry.pads, self.geometry.input_shape
        rows = border_index(shape[0], pads.top, pads.bottom, self.plan.border)
        columns = border_index(shape[1], pads.left, pads.right, self.plan.border)
        return np.moveaxis(_fold(np.moveaxis(_fold(padded, rows), 1, 0), columns), 1, 0)


def _places(tap: Pair, geometry: Geometry) -> tuple[slice, slice]:
    """Return which rows and columns of the padded input a tap reads, one for each window."""
    rows, columns = (
        slice(place * gap, place * gap + (count - 1) * step + 1, step)
        for place, gap, step, count in zip(
            tap, geometry.dilation, geometry.stride, geometry.output_shape, strict=True
        )
    )
    return rows, columns


def _fold(gradient: Floats, index: NDArray[np.intp]) -> Floats:
    """Add each row of a padded gradient to the row that it copies; a fill copies none."""
    inside = index != OUTSIDE
    folded = np.zeros((index.max() + 1, *gradient.shape[1:]))
    np.add.at(folded, index[inside], gradient[inside])
    return folded


@np.errstate(all="ignore")
def explain_gradient(
    image: ImageData,
    image_filter: Filter,
    at: Sequence[int] | None = None,
    target: NDArray[Any] | None = None,
    activation: str = "none",
    *,
    is_bank: bool = False,
) -> GradientExplanation:
    """Explain the gradients of one convolution.

    Args:
        image: the input; its alpha is ignored.
        image_filter: one kernel, or several of one shape, which are the filters of a bank.
        at: row and column of the forward value that is worked out; None for the middle of the map.
        target: the output that is wanted, in its shape; None where L is the sum of the output.
        activation: a key of ``ACTIVATIONS``.
        is_bank: whether the weights keep the axis of the filters where there is just one.

    Raises:
        ConvcliError: as :func:`convcli.explain_gradient`.
    """
    kernels = image_filter.kernels
    _check(image_filter, image, activation)
    numbers = image._replace(pixels=image.pixels.astype(np.float64), alpha=None)
    # The values are those before any range, and the forward value has as many digits as the others.
    image_filter = image_filter._replace(range="raw", alpha="drop", method="auto")
    plans = [plan_kernel(numbers, image_filter, kernel) for kernel in kernels]
    matrices, divisor = _over_one_divisor(kernels)
    planes = with_channels(numbers.pixels)
    biases = [plan.types.bias for plan in plans]
    values = np.stack(
        [
            np.atleast_3d(feature_map(planes, matrix, image_filter.conv, divisor, bias, np.float64))
            for matrix, bias in zip(matrices, biases, strict=True)
        ],
        axis=2,
    )
    geometry = plans[0].geometry
    padded = pad_array(planes, geometry.pads, plans[0].border, plans[0].fill)
    operation = image_filter.conv.operation
    weights = np.stack(matrices).astype(np.float64)
    stacked = weights if weights.ndim == 4 else weights[:, np.newaxis]
    alone = weights.ndim == 3
    conv = _Conv(plans[0], padded, as_applied(stacked, operation), divisor, operation, alone)

    output = ACTIVATIONS[activation](values)
    count = math.prod(values.shape[2:])
    shape = (*geometry.output_shape, count) if count > 1 else geometry.output_shape
    wanted = None if target is None else _as_target(target, shape)
    if wanted is None:
        loss, grad_output = float(output.sum()), np.ones(output.shape)
    else:
        error = output - wanted.reshape(output.shape)
        loss, grad_output = float((error**2).mean()), 2 * error / error.size
    grad_values = grad_output * _slope(activation, values, output)
    slopes = grad_values / divisor
    grad_weights = np.array(as_applied(conv.weight_gradient(slopes), operation))
    keeps_filters = is_bank or len(kernels) > 1
    weights_shape = stacked.shape if keeps_filters else matrices[0].shape
    at = _middle(geometry.output_shape) if at is None else as_position(at)
    # explain_image raises where the position is outside the map.
    forward = explain_image(numbers, image_filter._replace(kernels=kernels[:1]), at, activation)
    maps, channels = _names(image, kernels)
    tap, pixel = _explained_places(conv, at)
    grad_input = conv.input_gradient(slopes)
    return GradientExplanation(
        kernel=image_filter.label,
        conv=image_filter.conv,
        forward=forward,
        input=numbers.pixels,
        weights=stacked.reshape(weights_shape),
        divisor=divisor,
        target=wanted,
        values=values.reshape(shape),
        output=output.reshape(shape),
        loss=loss,
        grad_output=grad_output.reshape(shape),
        grad_values=grad_values.reshape(shape),
        grad_weights=grad_weights.reshape(weights_shape),
        grad_bias=grad_values.sum(axis=(0, 1, 3)),
        grad_input=grad_input.reshape(numbers.pixels.shape),
        maps=maps,
        channels=channels,
        weight_place=tap,
        weight=_weight_sum(conv, numbers, tap, grad_values, channels),
        pixel_place=pixel,
        pixel=_pixel_sum(conv, pixel, grad_values),
        activation=activation,
    )


def gradient_bytes(image: ImageData, image_filter: Filter) -> int:
    """Bound the bytes that :func:`explain_gradient` takes beyond the image, from sizes alone.

    Raises:
        GeometryError: the kernel exceeds the padded image.
    """
    geometry = image_filter.conv.geometry(image.shape, image_filter.kernels[0].shape)
    maps = len(image_filter.kernels) * image.channels
    pixels = math.prod(geometry.padded_shape) * image.channels
    return 8 * _COPIES * (pixels + math.prod(geometry.output_shape) * maps)


def _check(image_filter: Filter, image: ImageData, activation: str) -> None:
    """Raise an error for what has no gradient, or is not one convolution."""
    if activation not in ACTIVATIONS:
        raise UsageError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, not {short_repr(activation)}"
        )
    if image_filter.combine is not None:
        raise UsageError(
            f"{image_filter.label} combines {len(image_filter.kernels)} maps, and a gradient is "
            f"that of one convolution; give one of its kernels, {image_filter.kernels[0].name}"
        )
    if image_filter.missing is not None:
        raise UsageError("gradients take all pixels; leave out --mask, --nan and --nodata")
    if image.pixels.dtype.kind == "f" and not np.isfinite(image.pixels).all():
        raise UsageError("the input holds NaN or infinity, which its gradients would be, too")
    shapes = dict.fromkeys(kernel.matrix.shape for kernel in image_filter.kernels)
    if len(shapes) > 1:
        listed = ", ".join(map(str, shapes))
        raise KernelError(f"the kernels of a bank must have one shape, not {listed}")


def _over_one_divisor(kernels: Sequence[Kernel]) -> tuple[list[NDArray[Any]], float]:
    """Return the matrices and their divisor, or the weights where divisors differ."""
    divisors = {kernel.divisor for kernel in kernels}
    if len(divisors) > 1:
        return [kernel.weights for kernel in kernels], 1
    return [kernel.matrix for kernel in kernels], divisors.pop()


def _as_target(target: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    """Return the target in the shape of the output."""
    count = math.prod(shape[2:])
    planes = with_channels(target) if target.ndim == 2 else target
    if planes.shape != (*shape[:2], count):
        found = f"the shape {target.shape}"
        if planes.ndim == 3:
            found = f"{count_text(planes.shape[2], 'map')} of {size_text(planes.shape)}"
        raise UsageError(
            f"target has {found}, but the output has {count_text(count, 'map')} of "
            f"{size_text(shape)}"
        )
    if planes.dtype.kind == "f" and not np.isfinite(planes).all():
        raise UsageError("target holds NaN or infinity; no error can be taken from it")
    return planes.reshape(shape).astype(np.float64)


def _slope(activation: str, values: Floats, output: Floats) -> Floats | float:
    """Return the derivative of an activation at each value; that of relu at 0 is 0, as in torch."""
    match activation:
        case "relu":
            return np.where(values > 0, 1.0, 0.0)
        case "leaky-relu":
            return np.where(values > 0, 1.0, LeakyRelu().slope)
        case "sigmoid":
            return output * (1 - output)
        case "tanh":
            return 1 - output**2
    return 1.0


def _middle(shape: Pair) -> Pair:
    return (shape[0] - 1) // 2, (shape[1] - 1) // 2


def _names(image: ImageData, kernels: Sequence[Kernel]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the output's maps and of the input's channels."""
    channels = channel_names(image.channels) if image.channels > 1 else [""]
    filters = [f"filter {number}" for number in range(1, len(kernels) + 1)]
    filters = filters if len(filters) > 1 else [""]
    alone = channels if kernels[0].matrix.ndim == 2 else [""]
    maps = (", ".join(filter(None, names)) for names in product(filters, alone))
    return tuple(maps), tuple(channels)


def _explained_places(conv: _Conv, at: Pair) -> tuple[Pair, Pair]:
    """Return the middle weight, and the pixel under it in the window of an output."""
    places = []
    for axis in (0, 1):
        taps, stride, before, dilation = conv.geometry.along(axis)
        size = conv.geometry.input_shape[axis]
        place = at[axis] * stride - before + (taps - 1) // 2 * dilation
        index = int(border_at(np.array(place), size, conv.plan.border))
        places.append(index if index != OUTSIDE else min(max(place, 0), size - 1))
    return _middle(conv.geometry.kernel), (places[0], places[1])


def _weight_sum(
    conv: _Conv, image: ImageData, place: Pair, slopes: Floats, channels: Sequence[str]
) -> Response | None:
    """Work out the gradient of one weight of the first filter and channel."""
    geometry = conv.geometry
    if math.prod(geometry.output_shape) > MOST_WORKED:
        return None
    tap = place
    if conv.operation == "convolve":  # a window meets the kernel flipped
        tap = geometry.kernel[0] - 1 - place[0], geometry.kernel[1] - 1 - place[1]
    places = [
        np.arange(geometry.output_shape[axis]) * stride - before + tap[axis] * dilation
        for axis in (0, 1)
        for _, stride, before, dilation in [geometry.along(axis)]
    ]
    window = read_window(image.pixels, places, conv.plan.border, conv.plan.fill, None)
    names = channels if slopes.shape[3] > 1 else [""]
    sums = tuple(
        _sum(name, values, _grid(slopes[..., 0, channel]))
        for channel, (name, values) in enumerate(zip(names, window.channels, strict=False))
    )
    return _response(sums, window.rows, window.columns, window.padding, conv.divisor)


def _pixel_sum(conv: _Conv, pixel: Pair, slopes: Floats) -> PixelGradient:
    """Work out the gradient of one pixel of the first channel."""
    own = _place_sum(conv, pixel, slopes)
    copies = []
    for place in _copies(conv, pixel):
        response = _place_sum(conv, place, slopes)
        if response.rows and response.columns:  # else no window reads it
            copies.append((place, response.sum))
    total = to_number(exact_total([own.sum, *(number for _, number in copies)]))
    return PixelGradient(own, tuple(copies), _over(total, conv.divisor))


def _copies(conv: _Conv, pixel: Pair) -> Iterator[Pair]:
    """Yield the places of the padding that copy a pixel."""
    geometry, places = conv.geometry, []
    for axis in (0, 1):
        before, after = geometry.pads[2 * axis : 2 * axis + 2]
        index = border_index(geometry.input_shape[axis], before, after, conv.plan.border)
        places.append((np.flatnonzero(index == pixel[axis]) - before).tolist())
    rows, columns = places
    yield from (place for place in product(rows, columns) if place != pixel)


def _place_sum(conv: _Conv, place: Pair, slopes: Floats) -> Response:
    """Sum over the windows that read a place of the padded input, in the order of windows."""
    geometry = conv.geometry
    windows: list[list[int]] = []
    taps: list[list[int]] = []
    for axis in (0, 1):
        count, stride, before, dilation = geometry.along(axis)
        found = [
            (first // stride, tap)
            for tap in reversed(range(count))
            for first in [place[axis] + before - tap * dilation]
            if first % stride == 0 and 0 <= first // stride < geometry.output_shape[axis]
        ]
        windows.append([window for window, _ in found])
        taps.append([tap for _, tap in found])
    names = [""]
    if len(conv.applied) > 1:
        names = [f"filter {number}" for number in range(1, len(conv.applied) + 1)]
    sums = tuple(
        _sum(name, _grid(slope[np.ix_(*windows)]), _grid(weights[np.ix_(*taps)]))
        for name, slope, weights in zip(
            names, np.moveaxis(slopes[..., 0], 2, 0), conv.applied[:, 0], strict=True
        )
    )
    padding = ((False,) * len(windows[1]),) * len(windows[0])
    return _response(sums, tuple(windows[0]), tuple(windows[1]), padding, conv.divisor)


def _response(
    sums: tuple[Sum, ...],
    rows: tuple[int, ...],
    columns: tuple[int, ...],
    padding: Flags,
    divisor: float,
) -> Response:
    """Return sums as those of one value, ``sum / divisor``."""
    total = to_number(exact_total(part.sum for part in sums))
    value = _over(total, divisor)
    return Response("", rows, columns, padding, sums, total, divisor, 0, value)


def _sum(name: str, values: Grid, factors: Grid) -> Sum:
    """Multiply two grids, and add up the products as on paper."""
    exact = [list(map(exact_product, *rows)) for rows in zip(values, factors, strict=True)]
    products = tuple(tuple(map(to_number, row)) for row in exact)
    total = to_number(exact_sum(chain.from_iterable(exact)))
    return Sum(name, values, factors, products, total)


def _grid(values: NDArray[Any]) -> Grid:
    return tuple(tuple(map(to_python, row)) for row in values)


def _over(total: Number, divisor: float) -> Number:
    return total if divisor == 1 else total / divisor
