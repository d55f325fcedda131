"""A filter: kernels, how they are applied, and how values become pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convcli.choices import PERCENTILES
from convcli.core.combine import gradient_axes
from convcli.errors import UsageError
from convcli.geometry import ConvOptions, Geometry, Pair
from convcli.images.image import ImageData, level_of, max_value_of
from convcli.images.value_range import ValueRange, check_direction
from convcli.kernels.kernel import Kernel
from convcli.signals import OutputAxes, output_axes

if TYPE_CHECKING:  # most filters need all pixels
    from convcli.core.missing import Missing


class Filter(NamedTuple):
    """What to do to an image.

    Attributes:
        label: what texts and figures call the kernels.
        kernels: one, or several whose feature maps ``combine`` makes into one.
        combine: one of :data:`convcli.choices.COMBINATIONS`, or None for one kernel.
        conv: operation, padding, border, stride and dilation.
        range: how values become pixels; one of :data:`convcli.choices.RANGES`.
        alpha: ``keep`` copies it from each window's anchor, ``premultiply`` weights the colors with
            it and filters both, ``drop`` removes it.
        bias: added to every value, in the image's units; None for the kernels' own, which are in
            8-bit levels.
        method: how to sum; one of :data:`convcli.choices.METHODS`.
        threads: use at most this many; None for one per processor.
        counted: whether to find the minimum and maximum and to count clipped values, a third of
            the time.
        percentile: the percentiles, 0 to 100, that range ``percentile`` maps to black and white.
        mark: whether to find where the greatest value is.
        slug: name of the kernels in file names.
        missing: which pixels are missing; None for none. A value without enough valid pixels is
            NaN, whose pixel is ``missing.nodata`` where the result can hold it, else black.
        linear_light: whether sRGB pixels are turned into light, filtered, and turned back, before
            the bias is added.
        divided: how the kernels were divided or ordered in another way than their own, in words.
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
    percentile: tuple[float, float] = PERCENTILES
    mark: bool = False
    slug: str = "custom"
    missing: Missing | None = None
    linear_light: bool = False
    divided: str = ""


def value_range_of(
    image_filter: Filter, depth: int | None, extremes: tuple[float, float] | None
) -> ValueRange:
    """Return the rule of a filter's range for pixels of a depth."""
    nodata = None if image_filter.missing is None else image_filter.missing.nodata
    low, high = extremes or (0, 0)
    return ValueRange(image_filter.range, max_value_of(depth), low, high, nodata)


def map_shape(image: ImageData, image_filter: Filter) -> Pair:
    """Return the rows and columns of the feature map.

    Raises:
        GeometryError: the kernel exceeds the padded image.
    """
    conv = image_filter.conv
    return conv.geometry(image.pixels.shape, image_filter.kernels[0].shape).output_shape


def result_axes(image: ImageData, image_filter: Filter, geometry: Geometry) -> OutputAxes:
    """Return where the values of a signal's feature map lie; nowhere for other images."""
    kernel = image_filter.kernels[0]
    return output_axes(image.axis, geometry, image_filter.conv.operation, kernel.axis)


def hue_axes(image_filter: Filter, channels: int = 1) -> tuple[complex, complex]:
    """Return the unit vectors that the two derivatives of a direction image point to.

    Raises:
        UsageError: the kernels are not two derivatives at a right angle, their maps have several
            channels, the range gives no colors, or there is a bias.
    """
    kernels = image_filter.kernels
    check_direction(len(kernels), image_filter.range, channels)
    if image_filter.bias or any(kernel.bias for kernel in kernels):
        raise UsageError("--combine direction takes no bias: it would change the directions")
    first, second = (kernel.weights.reshape(-1, *kernel.shape).sum(axis=0) for kernel in kernels)
    one, two = gradient_axes(first, second)
    return (-one, -two) if image_filter.conv.operation == "convolve" else (one, two)


def kernel_bias(image: ImageData, image_filter: Filter, kernel: Kernel) -> float:
    """Return the filter's bias, or else the kernel's, scaled to the image's depth."""
    if image_filter.bias is not None:
        return image_filter.bias
    return kernel.bias * level_of(image.depth)
