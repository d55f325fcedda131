"""Run a chain of layers on an image: the image's maps in, an image of the last maps out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convcli.choices import PERCENTILES, Range
from convcli.core.digits import largest_magnitude, reliable_decimals, sum_bound
from convcli.core.dtypes import with_channels
from convcli.images.channels import select_channels
from convcli.images.image import ImageData, level_of, max_value_of
from convcli.images.value_range import ValueRange, ValueStats, percentiles
from convcli.layers.base import Layer, Maps
from convcli.layers.conv import Conv
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.network import Stage, plan_network
from convcli.layers.network_input import NetworkInput
from convcli.signals import SampleAxis, output_axes

if TYPE_CHECKING:
    from fractions import Fraction

    from convcli.core.missing import Missing

_CHANNELS = {1: "gray", 3: "rgb"}
STRIP_VALUES = 1 << 20  # values that become pixels at a time


def plan_chain(
    layers: Sequence[Layer], image: ImageData, missing: Missing | None = None
) -> list[Stage]:
    """Compute each layer's output shape and costs for an image.

    The kernels' own biases, which are stated for 8-bit pixels, are scaled to the image's depth.
    If pixels may be ``missing``, convolutions leave NaN out.

    Raises:
        UsageError: as :func:`convcli.layers.network.plan_network`.
    """
    scale = level_of(image.depth)
    rule = missing and missing._replace(nan=True, mask=None, nodata=None)

    def planned(layer: Layer) -> Layer:
        if isinstance(layer, Conv):
            return replace(layer, bias_scale=scale, missing=rule)
        if isinstance(layer, ConvTranspose):
            return replace(layer, bias_scale=scale)
        return layer

    return plan_network([*map(planned, layers)], (*image.shape, image.channels))


def input_maps(image: ImageData, missing: Missing | None = None) -> Maps:
    """Return the pixels that the first layer reads, (H, W, C): NaN where they are missing."""
    if missing is None or not (where := missing.of(image.pixels)).any():
        return with_channels(image.pixels)
    from convcli.core.missing import with_nan

    kind = np.result_type(image.pixels, np.float32)
    return with_channels(with_nan(image.pixels.astype(kind, copy=False), where))


def as_network_takes(image: ImageData, layers: Sequence[Layer]) -> ImageData:
    """Return an image in the channels that a network takes: gray for one, RGB for three.

    Other images, and those before layers that are no network, are returned as they are.
    """
    first = layers[0] if layers else None
    wanted = first.channels if isinstance(first, NetworkInput) else None
    if wanted == image.channels or wanted not in _CHANNELS or image.channels not in _CHANNELS:
        return image
    pixels = image.pixels[..., 0] if image.channels == 1 < image.pixels.ndim - 1 else image.pixels
    return image._replace(pixels=select_channels(pixels, _CHANNELS[wanted]))


def integrate(layers: Sequence[Layer], image: ImageData, step: Fraction) -> list[Layer]:
    """Return the layers with the sums of each convolution multiplied by the step of its input.

    Args:
        layers: the layers in order.
        image: the input of the first.
        step: of the input; a stride of n makes it n times as long.

    Raises:
        UsageError: as :func:`plan_chain`.
    """
    from fractions import Fraction

    integrated: list[Layer] = []
    jump = Fraction(1)
    for stage in plan_chain(layers, image):
        layer, factor = stage.layer, jump * step
        if isinstance(layer, Conv):
            sets = tuple(group.times(factor) for group in layer.sets)
            layer = replace(layer, sets=sets)
        elif isinstance(layer, ConvTranspose):
            layer = replace(layer, kernel_set=layer.kernel_set.times(factor))
        integrated.append(layer)
        field = stage.column_field if image.shape[0] == 1 else stage.row_field
        jump = Fraction(field.step, field.parts)
    return integrated


def chain_axis(stages: Sequence[Stage], image: ImageData) -> SampleAxis | None:
    """Return where the values of the last layer's maps lie, if the input is a signal with an axis.

    A pooled value lies in the middle of its window; one of a convolution as
    :func:`convcli.signals.output_axes` says.
    """
    axis = image.axis
    if axis is None:
        return None
    from fractions import Fraction

    for stage in stages:
        geometry = stage.plan.geometry
        if axis is None or min(stage.plan.shape[:2]) > 1:
            return None
        if isinstance(stage.layer, Conv):
            kernel, operation = stage.layer.kernels[0], stage.layer.options.operation
            axis = output_axes(axis, geometry, operation, kernel.axis).positions
        else:
            reach = geometry.reach(1 if geometry.input_shape[0] == 1 else 0)
            start = axis.start + Fraction(reach.after - reach.before, 2 * reach.parts) * axis.step
            axis = SampleAxis(start, Fraction(reach.step, reach.parts) * axis.step)
    return axis


def error_scale(layer: Layer, before: Maps, after: Maps, scale: float = 0) -> float:
    """Return the magnitudes that set how many decimals of a layer's maps are reliable.

    They are the largest sum of magnitudes of a layer with weights, and the largest input or output
    of any other; what earlier layers rounded remains.

    Args:
        layer: the layer.
        before: its input.
        after: its output.
        scale: of the layer before, 0 if its maps are exact.
    """
    largest = largest_magnitude(before, after.dtype)
    if isinstance(layer, ConvTranspose):
        numbers = range(after.shape[2] if layer.bank.matrix.ndim > 2 else 1)
        weights = (layer.map_weights(n, before.shape[2])[0] / layer.bank.divisor for n in numbers)
        own = [sum_bound(each, largest, layer.own_bias) for each in weights]
        return max(*own, scale) + largest_magnitude(np.array(layer.bias or 0))
    if isinstance(layer, NetworkInput):  # computes in float64
        return max(largest_magnitude(after, after.dtype), scale * layer.gain)
    if not isinstance(layer, Conv):
        return max(largest, largest_magnitude(after, after.dtype), scale)
    own = [sum_bound(k.weights, largest, k.bias * layer.bias_scale) for k in layer.kernels]
    if layer.bias is None:
        return max(*own, scale)
    return max(*own, scale) + largest_magnitude(np.array(layer.bias))


def squeeze_maps(maps: Maps) -> Maps:
    """Return maps as files hold them: (H, W) for one map, otherwise (H, W, C)."""
    return maps[..., 0] if maps.shape[2] == 1 else maps


def maps_to_image(
    maps: Maps,
    range: Range,  # noqa: A002 - the option's name
    depth: int | None,
    like: ImageData,
    percentile: tuple[float, float] = PERCENTILES,
    scale: float | None = None,
    nodata: float | None = None,
) -> tuple[ImageData, ValueStats]:
    """Turn maps into pixels.

    Args:
        maps: (H, W, C).
        range: how values become pixels.
        depth: bits of the pixels, 8 or 16; None for plain numbers.
        like: an image whose metadata and format are carried over.
        percentile: the percentiles, 0 to 100, that range ``percentile`` maps to black and white.
        scale: from :func:`error_scale`; None if no digits are written.
        nodata: the pixel that NaN becomes; None for black.

    Returns:
        The image, and the statistics of the maps' values.

    Raises:
        UsageError: the range needs a depth.
    """
    value_range = ValueRange(range, max_value_of(depth), nodata=nodata)
    if range == "percentile":
        low, high = percentiles(maps, percentile)
        value_range = ValueRange(range, max_value_of(depth), low, high, nodata)
    stats = ValueStats(value_range)
    stats.add(maps)
    if range == "rescale":
        value_range = ValueRange(range, max_value_of(depth), stats.minimum, stats.maximum, nodata)
    pixels = np.empty(maps.shape, value_range.dtype_for(maps.dtype))
    strips = min(-(-maps.size // STRIP_VALUES), len(maps))
    for values, out in zip(
        np.array_split(maps, strips), np.array_split(pixels, strips), strict=True
    ):
        value_range.apply(values, out)
    bits = None if range == "raw" else depth
    image = like._replace(pixels=squeeze_maps(pixels), depth=bits, alpha=None, notes=())
    if scale is not None and maps.dtype.kind == "f":
        stats.dtype, stats.decimals = maps.dtype, reliable_decimals(maps.dtype, scale)
        if value_range.high > value_range.low:
            scale = max(scale / (value_range.high - value_range.low), 1)
        image = image._replace(decimals=reliable_decimals(pixels.dtype, scale))
    return image, stats
