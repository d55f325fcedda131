"""The data of an explanation: every number from the window to the pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from convcli.geometry import Pads, Pair
from convcli.signals import SampleAxis
from convcli.teaching.decimals import Number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.filtering.filter import Filter
    from convcli.images.image import ImageData

Grid = tuple[tuple[Number, ...], ...]  # rows of numbers
Flags = tuple[tuple[bool, ...], ...]


@dataclass(frozen=True)
class Sum:
    """The weighted sum of one input channel.

    Attributes:
        channel: the channel's name; empty if the kernel sees only one channel.
        window: the input values under the kernel, padding included. NaN where one is missing, or
            the value at the anchor that it takes.
        weights: the kernel as it is applied, i.e. flipped for a convolution.
        products: window times weights; 0 where the weight is 0, or the value is missing.
        sum: the sum of the products.
        missing: which values are missing, as rows of booleans; None if none is.
    """

    channel: str
    window: Grid
    weights: Grid
    products: Grid
    sum: Number
    missing: Flags | None = None

    @property
    def left_out(self) -> Flags:
        """Which values are missing, and take no other value."""
        return self._missing_where(is_nan=True)

    @property
    def filled(self) -> Flags:
        """Which values are missing, and take the value at the anchor."""
        return self._missing_where(is_nan=False)

    def _missing_where(self, *, is_nan: bool) -> Flags:
        missing = self.missing or tuple((False,) * len(row) for row in self.window)
        return tuple(
            tuple(lost and math.isnan(value) == is_nan for value, lost in zip(*row, strict=True))
            for row in zip(self.window, missing, strict=True)
        )

    @property
    def counted(self) -> list[tuple[Number, Number]]:
        """The values that are summed, each with its weight."""
        grids = map(chain.from_iterable, (self.window, self.weights, self.left_out))
        return [(value, weight) for value, weight, lost in zip(*grids, strict=True) if not lost]


@dataclass(frozen=True)
class Validity:
    """What missing pixels make of a kernel's sum.

    Attributes:
        rule: ``scale``: the sum over valid pixels is multiplied by ``weight / valid``; ``anchor``:
            missing pixels take the value at the anchor.
        weight: the sum of the magnitudes of the weights.
        valid: likewise, of those on valid pixels.
        min_valid: the least share of the weight that must be valid.
        is_anchor_valid: whether the pixels at the anchor are.
        scaled: the sum after this.
    """

    rule: Literal["scale", "anchor"]
    weight: Number
    valid: Number
    min_valid: Number
    is_anchor_valid: bool
    scaled: Number

    @property
    def is_enough(self) -> bool:
        """Whether enough of the weight is on valid pixels; weights of 0 need none."""
        least = self.min_valid * (1 - 1e-9) * self.weight
        return self.weight == 0 or (self.valid > 0 and self.valid >= least)

    @property
    def is_valid(self) -> bool:
        """Whether there is a value."""
        return self.is_enough and (self.rule == "scale" or self.is_anchor_valid)


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
        validity: what missing pixels make of the sum; None if the window has none.
    """

    kernel: str
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    padding: Flags
    sums: tuple[Sum, ...]
    sum: Number
    divisor: Number
    bias: Number
    value: Number
    x: tuple[float, ...] | None = None
    validity: Validity | None = None


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
    """How one value of a feature map is computed.

    The attributes are explained at :class:`convcli.Explanation`, which adds text and figure.
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

    @property
    def unit(self) -> str:
        """What the result is: a pixel of an image, or a value where numbers are plain."""
        return "value" if self.max_value is None or self.range == "raw" else "pixel"


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
        image: the input, NaN where pixels are missing.
        filter: what is done to it.
        feature_map: computes the map of the value.
    """

    image: ImageData
    filter: Filter
    feature_map: Callable[[], FeatureMap]


@dataclass(frozen=True, repr=False)
class DrawnComputation(Computation):
    """The computation of a value, with what a figure shows around it.

    ``source`` has the image, the filter and its feature map.
    """

    source: ExplainedImage = field(kw_only=True, compare=False)
