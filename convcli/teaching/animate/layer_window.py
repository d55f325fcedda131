"""The last layer of a chain as a window that slides over the maps of the layer before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.plan import as_applied
from convcli.errors import UsageError, prefix_errors
from convcli.geometry import Geometry, Pads, Pair, conv_geometry
from convcli.images.image import ImageData
from convcli.layers.activations import Softmax
from convcli.layers.base import Layer, Maps
from convcli.layers.conv import Conv, ProbedMap
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import Stage
from convcli.layers.pooling import ChannelPool, Pool
from convcli.layers.upsample import Upsample
from convcli.plotting.axes import MAX_TICKED
from convcli.teaching.animate.padded_input import PaddedInput
from convcli.teaching.animate.sums import ChannelSum, products_of
from convcli.teaching.explain.chain.arithmetic import explain_step, map_index
from convcli.teaching.explain.chain.computation import LayerStep
from convcli.teaching.explain.chain.trace import (
    Region,
    Tracer,
    border_text,
    chain_bytes,
    run_chain,
)

MAX_SUMS_DRAWN = 3  # channels; of more, the one with the largest sums is drawn
_SAMPLED = 16  # positions by which that is chosen
_ITEM = 8  # bytes of a number


@dataclass(frozen=True, eq=False)
class LayerWindow:
    """The last layer of a chain, and which of its maps fills in.

    Attributes:
        tracer: the image, the layers and their maps, and where each value comes from.
        channel: the map, counted from 0.
        probed: how a convolution computes it; None for other layers.
        names: of the layers, as they were typed.
    """

    tracer: Tracer
    channel: int
    probed: ProbedMap | None
    names: Sequence[str]

    @property
    def image(self) -> ImageData:
        """The input of the chain."""
        return self.tracer.image

    @property
    def stage(self) -> Stage:
        """The layer with its plan."""
        return self.tracer.stages[-1]

    @property
    def layer(self) -> Layer:
        """The layer."""
        return self.stage.layer

    @property
    def source(self) -> Maps:
        """The maps that the layer reads, (H, W, C)."""
        return self.tracer.maps[-2]

    @property
    def values(self) -> NDArray[Any]:
        """The map that fills in, (H', W')."""
        plane: NDArray[Any] = self.tracer.maps[-1][..., self.channel]
        return plane

    @property
    def output_shape(self) -> Pair:
        """Rows and columns of the map."""
        rows, columns, _ = self.stage.plan.shape
        return rows, columns

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of the source that the map is computed from, counted from 0."""
        return self.tracer.channels_of(self.stage.number, self._region((0, 0)))

    @property
    def shows_colors(self) -> bool:
        """Whether the source is a color photo."""
        is_first = self.stage.number == 1
        return is_first and self.image.max_value is not None and self.source.shape[2] == 3

    @property
    def enlarges(self) -> bool:
        """Whether a layer makes maps larger: what it reads is no window of one size."""
        return isinstance(self.layer, Upsample)

    @property
    def spreads(self) -> bool:
        """Whether the frames go through what the layer reads: each value is spread over the map."""
        return isinstance(self.layer, ConvTranspose)

    @property
    def geometries(self) -> list[Geometry]:
        """The windows of each kernel, or the only ones; of a layer that enlarges, large ones.

        Those of a layer that spreads are single values.
        """
        geometry = self.stage.plan.geometry
        if self.spreads:
            return [conv_geometry(geometry.input_shape, (1, 1))]
        if self.enlarges:
            shape, reaches = geometry.input_shape, [geometry.reach(axis) for axis in (0, 1)]
            sides = [(each.before + each.after) // each.parts + 1 for each in reaches]
            return [conv_geometry(shape, (min(shape[0], sides[0]), min(shape[1], sides[1])))]
        if self.probed is not None:
            return [plan.geometry for plan in self.probed.plans]
        return [geometry]

    @property
    def operation(self) -> str:
        """``correlate`` or ``convolve``, of a convolution."""
        return self.layer.options.operation if isinstance(self.layer, Conv) else "correlate"

    @property
    def border(self) -> str:
        """What the padding holds."""
        return border_text(self.layer)

    def shows_window(self, geometry: Geometry) -> bool:
        """Return whether the window is drawn by itself: it is neither a map nor too large."""
        if isinstance(self.layer, ChannelPool | Softmax):
            return 1 < len(self.channels) <= MAX_TICKED
        size = geometry.kernel
        return size not in ((1, 1), geometry.input_shape) and max(size) <= MAX_TICKED

    @property
    def pads(self) -> Pads:
        """The cells around the source that windows read, on each side."""
        pads = [geometry.pads for geometry in self.geometries]
        return Pads(*map(max, zip(*pads, strict=True)))

    def padded(self, channels: Sequence[int]) -> PaddedInput:
        """Return some channels of the source with its padding; that of a pool holds 0."""
        source = self.source
        planes = source if len(channels) == source.shape[2] else source[..., list(channels)]
        pixels = planes if planes.shape[2] > 1 else planes[..., 0]
        if self.probed is None:
            return PaddedInput.of(pixels, self.pads, "constant", 0)
        plan = self.probed.plans[0]
        return PaddedInput.of(pixels, self.pads, plan.border, plan.fill)

    def holds_nothing(self) -> NDArray[np.bool_]:
        """Return which cells of the padded source a pool leaves out, (H, W)."""
        (rows, columns), pads = self.source.shape[:2], self.pads
        nothing = np.ones((rows + pads.top + pads.bottom, columns + pads.left + pads.right), bool)
        counted = Pads(0, 0, 0, 0)
        if isinstance(self.layer, Pool) and self.layer.kind == "avg" and self.layer.count_padding:
            _, asked = self.layer.windows((rows, columns, 1))
            counted = Pads(*map(min, asked, pads))
        top, left = pads.top - counted.top, pads.left - counted.left
        bottom, right = pads.top + rows + counted.bottom, pads.left + columns + counted.right
        nothing[top:bottom, left:right] = False
        return nothing

    def sums(self, channels: Sequence[int], positions: Sequence[Pair]) -> list[ChannelSum]:
        """Return the sums of a convolution that are drawn, for `padded` with these channels.

        If it sums over more than a few channels, they are those of one: the channel with the
        largest sums at some of the positions.
        """
        if self.probed is None:
            return []
        operation, number = self.operation, self.stage.number
        kernels = [as_applied(kernel.matrix, operation) for kernel in self.probed.group.kernels]
        read = self.channels
        pairs = product(range(len(kernels)), range(len(read)))
        sums = [
            ChannelSum(
                kernel=kernel,
                channel=channels.index(read[place]) if len(channels) > 1 else 0,
                name=self.tracer.name_of(number, read[place]),
                weights=kernels[kernel] if kernels[kernel].ndim == 2 else kernels[kernel][place],
            )
            for kernel, place in pairs
        ]
        if len(read) <= MAX_SUMS_DRAWN:
            return sums
        padded = self.padded(channels)
        sampled = positions[:: max(1, len(positions) // _SAMPLED)]

        def strength(part: ChannelSum) -> float:
            windows = (padded.window(self.geometries[part.kernel], at, part.channel).values
                       for at in sampled)  # fmt: skip
            totals = (float(products_of(values, part.weights).sum()) for values in windows)
            return sum(abs(total) for total in totals if math.isfinite(total))

        largest = max(sums, key=strength).channel
        return [part for part in sums if part.channel == largest]

    @np.errstate(all="ignore")
    def explain(self, at: Pair) -> LayerStep:
        """Explain one value of the map."""
        place = (*at, self.channel)
        return explain_step(self.tracer, self.stage.number, place, self._region(at), self.probed)

    def places(self, at: Pair) -> tuple[Sequence[int], Sequence[int]]:
        """Return the rows and columns of the source that a value is computed from."""
        rows, columns = self.tracer.places(self.stage.number, self._region(at))
        return rows.tolist(), columns.tolist()

    def field(self, at: Pair) -> tuple[Sequence[int], Sequence[int]]:
        """Return the rows and columns of the image that a value depends on, without padding.

        The value is one of the map, or of the source where it is spread.
        """
        if self.spreads and self.stage.number == 1:
            return (at[0],), (at[1],)
        own, number = self._region(at), self.stage.number
        if self.spreads:
            own, number = own._replace(channels=self.channels), number - 1
        region = self.tracer.regions(own, number)[1]
        rows, columns = self.tracer.places(1, region)
        shape = self.image.shape
        return (
            [row for row in rows.tolist() if 0 <= row < shape[0]],
            [column for column in columns.tolist() if 0 <= column < shape[1]],
        )

    def drawn_channels(self, source: int) -> list[int]:
        """Return which channel of the image and of each layer's maps is drawn.

        ``source`` is that of the layer's source.
        """
        count = len(self.tracer.stages)
        if count == 1:
            return [source, self.channel]
        regions = self.tracer.regions(self._region((0, 0)))
        first = self.tracer.channels_of(1, regions[1])[0]
        between = [regions[number].channels[0] for number in range(1, count - 1)]
        return [first, *between, source, self.channel]

    def _region(self, at: Pair) -> Region:
        return Region((at[0],), (at[1],), (self.channel,))


def slide_layer(
    image: ImageData,
    stages: Sequence[Stage],
    number: Any = 1,
    *,
    texts: Sequence[str] | None = None,
) -> LayerWindow:
    """Run a chain and return its last layer as a window that slides.

    Args:
        image: the input; its alpha is ignored.
        stages: the layers, from :func:`convcli.teaching.chain.maps.plan_chain` for this image.
        number: which of the last layer's maps fills in, counted from 1.
        texts: of the layers, as they were typed; None for their labels.

    Raises:
        UsageError: there is no such map, the image is a signal, or the last layer is flatten.
    """
    if min(image.shape) == 1 < max(image.shape):
        raise UsageError(
            "a chain of layers is animated on images and matrices, and this is a signal: animate "
            "one kernel (-k), or draw one value of the chain with explain --layer"
        )
    last = stages[-1]
    if isinstance(last.layer, Flatten):
        raise UsageError(
            f"layer {last.number} (flatten) computes nothing that can be shown: it puts all values "
            "into one row; animate the layer before it, or a convolution after it"
        )
    channel = map_index(number, last.plan.shape[2])
    tracer = Tracer(image, stages, run_chain(image, stages))
    probed = None
    if isinstance(last.layer, Conv):
        with prefix_errors(f"layer {last.number} ({last.layer.label})"):
            probed = last.layer.probe(tracer.maps[-2], channel)
    return LayerWindow(
        tracer, channel, probed, list(texts or [stage.layer.label for stage in stages])
    )


def layer_bytes(image: ImageData, stages: Sequence[Stage]) -> int:
    """Bound the bytes that the maps of a chain and its animated last layer take."""
    shape = (*image.shape, image.channels)
    last, before = stages[-1], stages[-2].plan.shape if len(stages) > 1 else shape
    kernels = len(last.layer.kernels) if isinstance(last.layer, Conv) else 0
    rows, columns = last.plan.geometry.padded_shape
    # The maps that the layer reads are padded, copied and drawn; of kernels that are combined, each
    # has a map.
    own = 3 * rows * columns * before[2] + kernels * math.prod(last.plan.shape[:2])
    if isinstance(last.layer, ConvTranspose):  # the sums, with what is cut off, and copies of them
        cut = last.plan.geometry.pads
        height, width, _ = last.plan.shape
        own += 4 * (height + cut.top + cut.bottom) * (width + cut.left + cut.right)
    return chain_bytes(stages, shape, image.pixels.dtype) + _ITEM * own
