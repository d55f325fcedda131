"""The data of an explanation: every number from the window to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.geometry import Pads, Pair
from convcli.signals import SampleAxis
from convcli.teaching.decimals import Number

if TYPE_CHECKING:
    from numpy.typing import NDArray

Grid = tuple[tuple[Number, ...], ...]  # rows of numbers


@dataclass(frozen=True)
class Sum:
    """The weighted sum of one input channel.

    Attributes:
        channel: the channel's name; empty if the kernel sees only one channel.
        window: the input values under the kernel, padding included.
        weights: the kernel as it is applied, i.e. flipped for a convolution.
        products: window times weights; 0 where the weight is 0.
        sum: the sum of the products.
    """

    channel: str
    window: Grid
    weights: Grid
    products: Grid
    sum: Number


@dataclass(frozen=True)
class Response:
    """The value of one kernel: ``sum / divisor + bias``.

    Attributes:
        kernel: the kernel's name.
        rows: the input row under each row of the kernel; rows outside the input are padding.
        columns: the input column under each column of the kernel.
        padding: which weights lie on padding, as rows of booleans.
        sums: one sum for each channel that the kernel sums over.
        sum: the sum over all channels.
        divisor: divides the sum.
        bias: added after the division, in the units of the image.
        value: the result, rounded as in the feature map.
        x: the positions under the kernel, along the row or column of a signal; None without them.
    """

    kernel: str
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    padding: tuple[tuple[bool, ...], ...]
    sums: tuple[Sum, ...]
    sum: Number
    divisor: Number
    bias: Number
    value: Number
    x: tuple[float, ...] | None = None


@dataclass(frozen=True)
class OutputValue:
    """One channel of the feature map at the explained position.

    Attributes:
        channel: the channel's name; empty if there is only one.
        responses: one response for each kernel.
        value: the response, or what several responses are combined to.
        activated: the value after the activation.
        pixel: the activated value after the range mapping.
    """

    channel: str
    responses: tuple[Response, ...]
    value: Number
    activated: Number
    pixel: Number

    @property
    def heading(self) -> str:
        """The channel's name with the word channel, such as ``channel red``."""
        named = self.channel.startswith("channel ")
        return self.channel if named else f"channel {self.channel}"


@dataclass(frozen=True)
class Computation:
    """How one value of a feature map is computed. Shapes and positions are (rows, columns).

    Attributes:
        kernel: the name of the kernel or of the kernel family.
        at: the position in the feature map.
        input_shape: the shape of the image without padding.
        output_shape: the shape of the feature map.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        pads: the padding; with several kernels, that of the first.
        border: what the padding holds.
        fill: the value of a ``constant`` or ``zero`` border.
        stride: the step between windows.
        dilation: the distance between the pixels of a window.
        anchor: the place in the window, from its first pixel, that the value stands for; with
            several kernels, that of the first.
        combine: how the values of several kernels become one; None for one kernel.
        activation: the function applied to the value before it becomes a pixel.
        range: how a value becomes a pixel; see :class:`convcli.images.value_range.ValueRange`.
        max_value: the image's greatest possible value: 255, 65535, or None for plain numbers.
        extremes: the values that ``rescale`` makes black and white; None for other ranges.
        outputs: one output for each channel of the feature map.
        dtype: the type of the activated values, such as ``float32``.
        x: where the value lies, if the input is a signal with positions; see
            :class:`convcli.signals.OutputAxes`.
        lag: the lag of the correlation, likewise.
    """

    kernel: str
    at: Pair
    input_shape: Pair
    output_shape: Pair
    operation: str
    pads: Pads
    border: str
    fill: Number
    stride: Pair
    dilation: Pair
    anchor: Pair
    combine: str | None
    activation: str
    range: str
    max_value: int | None
    extremes: tuple[Number, Number] | None
    outputs: tuple[OutputValue, ...]
    dtype: str
    x: float | None = None
    lag: float | None = None


class FeatureMap(NamedTuple):
    """The whole map that an explained value belongs to.

    Attributes:
        pixels: (H, W) or (H, W, C).
        max_value: the pixel that is white; None for plain numbers.
        ends: the values that became pixel 0 and white; None where values are pixels.
        axis: where the samples of the input lie, if it is a signal with positions.
        kernel_axis: where those of the kernel lie, if it is a sampled signal.
    """

    pixels: NDArray[Any]
    max_value: int | None
    ends: tuple[Number, Number] | None = None
    axis: SampleAxis | None = None
    kernel_axis: SampleAxis | None = None


class ExplainedImage(NamedTuple):
    """What a figure shows around an explained value.

    Attributes:
        pixels: the input, (H, W) or (H, W, C).
        feature_map: computes the map of the value.
    """

    pixels: NDArray[Any]
    feature_map: Callable[[], FeatureMap]
