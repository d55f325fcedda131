"""What there is to say about one output value, as plain data."""

from dataclasses import dataclass

from convcli.geometry import Pads, Pair
from convcli.teaching.decimals import Number

Grid = tuple[tuple[Number, ...], ...]


@dataclass(frozen=True)
class Sum:
    """One channel of the input under one kernel; each grid is a tuple of rows.

    Attributes:
        channel: its name; empty where there is but one.
        window: the numbers under the taps, padding included.
        weights: the kernel as it is applied, which is flipped where it is convolved.
        products: window times weights; 0 where the weight is 0.
        sum: of the products.
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
        kernel: its name.
        rows: which row of the input each row of taps lies on; outside the input it is padding.
        columns: which column each column of taps lies on.
        padding: which taps lie on padding, as a grid.
        sums: one for each channel that the kernel sums over.
        sum: of them all.
        divisor: the sum is divided by it.
        bias: added after the division.
        value: what comes out, in the number type of the feature map.
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


@dataclass(frozen=True)
class Output:
    """One channel of the feature map at the position.

    Attributes:
        channel: its name; empty where there is but one.
        responses: one for each kernel.
        value: the one response's, or what several are combined to.
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
        """The channel's name as that of a channel: red is channel red."""
        named = self.channel.startswith("channel ")
        return self.channel if named else f"channel {self.channel}"


@dataclass(frozen=True)
class Explanation:
    """How one output value comes about. Sizes and positions are rows and columns.

    Attributes:
        kernel: the name of what was asked for: of the kernel, or of several together.
        at: the position in the feature map.
        input_size: of the image, without padding.
        output_size: of the feature map.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        pads: the padding, of the first kernel where there are several.
        border: what the padding holds.
        fill: the value of a ``constant`` or ``zero`` border.
        stride: step between windows.
        dilation: distance between taps.
        combine: how several kernels' values become one.
        activation: what happens to the value before it becomes a pixel.
        range: how it becomes a pixel; see :class:`convcli.images.value_range.ValueRange`.
        white: of the image: 255, 65535, or None for plain numbers.
        extremes: the values that ``rescale`` makes black and white; None for other ranges.
        outputs: one for each channel of the feature map.
    """

    kernel: str
    at: Pair
    input_size: Pair
    output_size: Pair
    operation: str
    pads: Pads
    border: str
    fill: Number
    stride: Pair
    dilation: Pair
    combine: str | None
    activation: str
    range: str
    max_value: int | None
    extremes: tuple[Number, Number] | None
    outputs: tuple[Output, ...]
