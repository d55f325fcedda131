"""The data of an explanation of a chain: how each layer computes one value.

Pairs are (rows, columns), and positions count from 0; maps and layers count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from convcli.geometry import Pair
from convcli.images.image import ImageData
from convcli.layers.base import Maps
from convcli.layers.network import Stage
from convcli.teaching.decimals import Number
from convcli.teaching.explain.computation import Computation, Grid


@dataclass(frozen=True)
class InputWindow:
    """Values of a layer's input: those at every pair of some rows and columns.

    Attributes:
        rows: positions; outside the input they are padding.
        columns: positions.
        channels: the names of the input's channels; empty if it has one.
        padding: which values are padding, as rows of booleans; None if the values are.
        values: a grid of numbers for each channel; None if there are more than are listed.
        x: the positions along a signal; None without them.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    channels: tuple[str, ...]
    padding: tuple[tuple[bool, ...], ...] | None
    values: tuple[Grid, ...] | None
    x: tuple[float, ...] | None


@dataclass(frozen=True)
class LayerStep:
    """How a layer computes one value.

    Attributes:
        number: of the layer.
        layer: its name, such as ``maxpool``.
        label: the name with the arguments that matter, such as ``maxpool 2x2``.
        source: what the layer reads, ``input`` or the layer before.
        input_shape: of a map of the source.
        output_shape: of a map of the layer.
        maps: how many maps the layer has.
        map: the number of the value's map.
        at: the value's position.
        value: the result, as in the map.
        depends: what the chain's output depends on in the source.
        border: what padding holds: a border mode, or how pooling takes it.
        next: (row, column, map) in the source of the value that counts most, which the next step
            explains; None if no value of the source is used.
        dtype: the type of the layer's maps.
        scale: the magnitude of the maps, which sets how many decimals are reliable.
        input_dtype: the type of the source.
        input_scale: its magnitude; None for the image, whose numbers are exact.
        x: where the value lies, if the image is a signal with positions.
    """

    number: int
    layer: str
    label: str
    source: str
    input_shape: Pair
    output_shape: Pair
    maps: int
    map: int
    at: Pair
    value: Number
    depends: InputWindow
    border: str
    next: tuple[int, int, int] | None
    dtype: str
    scale: float
    input_dtype: str
    input_scale: float | None
    x: float | None


@dataclass(frozen=True)
class ConvStep(LayerStep):
    """A convolution.

    Attributes:
        channel: the name of the channel that 2-D kernels read; empty if there is one.
        computation: products and sums of each kernel, and how they are combined.
        bias: added to the combined value; 0 if each kernel has its own.
    """

    channel: str
    computation: Computation
    bias: Number


@dataclass(frozen=True)
class SpreadStep(ConvStep):
    """A value to which values of a smaller map add: of a transposed convolution, or upsampled.

    Attributes:
        taps: the rows and the columns of the kernel by which the window's rows and columns are
            multiplied; empty for upsampling, whose kernels differ from place to place.
        dilation: distance between the kernel's taps.
        spread: the rows and the columns of the map that read the value that counts most; empty if
            no value is read.
    """

    taps: tuple[tuple[int, ...], tuple[int, ...]]
    dilation: Pair
    spread: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class PoolStep(LayerStep):
    """The maximum, minimum or mean of a window, of a whole map or of all channels.

    Attributes:
        kind: ``max``, ``min`` or ``avg``.
        window: the values. Padding is minus infinity for a maximum, infinity for a minimum, and 0
            for a mean.
        dilation: distance between the rows and the columns of the window.
        count: how many values there are; a mean divides by it.
        sum: of the values; None unless the kind is a mean.
    """

    kind: str
    window: InputWindow
    dilation: Pair
    count: int
    sum: Number | None


@dataclass(frozen=True)
class ActivationStep(LayerStep):
    """A function of one value.

    Attributes:
        channel: the name of the value's channel; empty if there is one.
        input: the value.
        slope: of leaky-relu; None for other functions.
    """

    channel: str
    input: Number
    slope: Number | None


@dataclass(frozen=True)
class SoftmaxStep(LayerStep):
    """The share of one value among those of all maps at its position.

    Attributes:
        channel: the name of the value's channel; empty if there is one.
        input: the value.
        window: the values of all maps.
        largest: of these; it is subtracted before the exponential.
        sum: of ``exp(x - largest)``.
    """

    channel: str
    input: Number
    window: InputWindow
    largest: Number
    sum: Number


@dataclass(frozen=True)
class FlattenStep(LayerStep):
    """One value that becomes a map of its own.

    Attributes:
        channel: the name of the value's channel; empty if there is one.
    """

    channel: str


@dataclass(frozen=True)
class NormalizeStep(LayerStep):
    """The normalization of one value.

    Attributes:
        channel: the name of the value's channel; empty if there is one.
        input: the value.
        mean: of the value's map.
        variance: of the value's map.
        eps: added to the variance.
    """

    channel: str
    input: Number
    mean: Number
    variance: Number
    eps: Number


@dataclass(frozen=True)
class BatchNormStep(NormalizeStep):
    """The normalization of one value by the numbers of a trained network.

    Attributes:
        weight: what the normalized value is multiplied by.
        bias: what is added then.
    """

    weight: Number
    bias: Number


@dataclass(frozen=True)
class AddStep(LayerStep):
    """A value to which a stored number is added.

    Attributes:
        channel: the name of the value's channel; empty if there is one.
        input: the value.
        addend: the number.
    """

    channel: str
    input: Number
    addend: Number


@dataclass(frozen=True)
class PreprocessStep(LayerStep):
    """A pixel that becomes a number as a network takes it.

    Attributes:
        channel: the name of the pixel's channel; empty if there is one.
        input: the pixel.
        factor: it is multiplied by this.
        mean: that is subtracted then.
        std: that divides the difference.
    """

    channel: str
    input: Number
    factor: Number
    mean: Number
    std: Number


@dataclass(frozen=True)
class ChainComputation:
    """How a chain of layers computes one value, from its last layer back to the image.

    The attributes are explained at :class:`convcli.ChainExplanation`, which adds text and figure.
    """

    input_shape: Pair
    channels: int
    at: Pair
    map: int
    value: Number
    steps: tuple[LayerStep, ...]
    field: tuple[tuple[int, ...], tuple[int, ...]]
    x: tuple[float, ...] | None


class ExplainedChain(NamedTuple):
    """What a figure shows around an explained value of a chain.

    Attributes:
        image: the input.
        stages: the layers, planned for this image.
        maps: computes the input as the first layer takes it, and the maps of every layer.
        texts: of the layers, as they were typed; None for their labels.
    """

    image: ImageData
    stages: Sequence[Stage]
    maps: Callable[[], Sequence[Maps]]
    texts: Sequence[str] | None
