"""Which values of each layer, and which pixels, a value of a chain of layers depends on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import check_image, with_channels
from convcli.core.padding import OUTSIDE, border_at
from convcli.geometry import Geometry, border_name
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.layers.activations import Softmax
from convcli.layers.base import Layer, Maps, Shape, as_working_type
from convcli.layers.conv import Conv
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import Stage, network_bytes, run_network
from convcli.layers.network_input import NetworkInput
from convcli.layers.pooling import ChannelPool, Pool
from convcli.layers.upsample import Upsample
from convcli.teaching.chain.maps import chain_axis, error_scale
from convcli.teaching.decimals import format_number


def chain_bytes(stages: Sequence[Stage], shape: Shape, dtype: np.dtype[Any]) -> int:
    """Bound the bytes of a run that keeps the maps of every layer, as :func:`run_chain` does."""
    kept = sum(math.prod(stage.plan.shape) for stage in stages)
    return network_bytes(stages, shape, dtype) + 8 * kept


@np.errstate(all="ignore")
def run_chain(image: ImageData, stages: Sequence[Stage]) -> list[Maps]:
    """Return the input as the first layer takes it, (H, W, C), and the maps of every layer."""
    check_image(image.pixels)
    pixels = as_working_type(with_channels(image.pixels))
    return [pixels, *run_network(stages, pixels)]


class Region(NamedTuple):
    """Values of a layer's maps: at every pair of the rows and columns of these channels."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    channels: tuple[int, ...]


class Tracer:
    """The maps of a network, and where each value comes from.

    Args:
        image: the input; its alpha is ignored.
        stages: the layers, planned for this image.
        maps: from :func:`run_chain`.

    ``maps``, ``scales`` and ``axes``, where samples of a signal lie, begin with those of the input,
    so that those of layer n are ``maps[n]``.
    """

    def __init__(
        self,
        image: ImageData,
        stages: Sequence[Stage],
        maps: Sequence[Maps],
    ) -> None:
        self.image = image
        self.stages = stages
        self.maps = maps
        self.scales = _scales(stages, maps)
        self.axes = [chain_axis(stages[:number], image) for number in range(len(maps))]

    def regions(self, last: Region, end: int | None = None) -> dict[int, Region]:
        """Return which values of each layer the output depends on, by the layer's number.

        ``last`` is of the layer with the number ``end``, or of the last layer.
        """
        end = end or len(self.stages)
        regions = {end: last}
        for number in range(end, 1, -1):
            region = regions[number]
            border = layer_border(self.stages[number - 1].layer)
            shape = self.maps[number - 1].shape
            rows, columns = (
                as_tuple(np.unique(sources[sources != OUTSIDE]))
                for axis, places in enumerate(self.places(number, region))
                for sources in [border_at(places, shape[axis], border)]
            )
            regions[number - 1] = Region(rows, columns, self.channels_of(number, region))
        return regions

    def places(self, number: int, region: Region) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows and the columns of a layer's input that a region reads, with padding."""
        layer, shape = self.stages[number - 1].layer, shape_of(self.maps[number - 1])
        if isinstance(layer, Flatten):
            rows, columns, _ = unflattened(region.channels, shape)
            return np.unique(rows), np.unique(columns)
        if isinstance(layer, ConvTranspose | Upsample):
            down, across = (
                layer.places(shape, axis, outputs)
                for axis, outputs in enumerate((region.rows, region.columns))
            )
            return np.array(down, np.intp), np.array(across, np.intp)
        geometries = list(self._geometries(number, region))
        rows, columns = (
            np.unique(
                np.concatenate(
                    [_axis_places(geometry, axis, outputs).ravel() for geometry in geometries]
                )
            )
            for axis, outputs in enumerate((region.rows, region.columns))
        )
        if isinstance(layer, Pool):  # of a window beyond the padding, the rest holds nothing
            pads = layer.windows(shape)[1]
            return rows[rows < shape[0] + pads.bottom], columns[columns < shape[1] + pads.right]
        return rows, columns

    def positions(
        self, number: int, places: tuple[NDArray[np.intp], NDArray[np.intp]]
    ) -> tuple[float, ...] | None:
        """Return where places of a layer's input lie; None if it is no signal with positions."""
        axis = self.axes[number - 1]
        along = places[1 if self.maps[number - 1].shape[0] == 1 else 0]
        return axis and tuple(map(axis.at, along.tolist()))

    def channels_of(self, number: int, region: Region) -> tuple[int, ...]:
        """Return the channels of a layer's input that a region of its maps reads."""
        layer, channels = self.stages[number - 1].layer, self.maps[number - 1].shape[2]
        if isinstance(layer, ChannelPool | Softmax):
            return tuple(range(channels))
        if isinstance(layer, Flatten):
            return as_tuple(np.unique(unflattened(region.channels, self.maps[number - 1].shape)[2]))
        if isinstance(layer, NetworkInput):
            return tuple(sorted(map(layer.source, region.channels)))
        if isinstance(layer, ConvTranspose):
            found = (layer.map_weights(channel, channels)[1] for channel in region.channels)
            return tuple(sorted(set(chain.from_iterable(found))))
        if not isinstance(layer, Conv):
            return region.channels
        read = (layer.kernels_of(channel, channels)[1] for channel in region.channels)
        return tuple(sorted(set(chain.from_iterable(read))))

    def name_of(self, number: int, channel: int) -> str:
        """Return the name of a channel of a layer's input; an empty one if it is the only one."""
        count = self.maps[number - 1].shape[2]
        if count == 1:
            return ""
        if number == 1:
            return channel_names(count)[channel]
        return f"map {channel + 1}"

    def _geometries(self, number: int, region: Region) -> Iterator[Geometry]:
        """Yield the geometries of the windows that a region of a layer's maps reads."""
        stage, before = self.stages[number - 1], self.maps[number - 1]
        layer, shape = stage.layer, shape_of(before)
        if not isinstance(layer, Conv):
            yield stage.plan.geometry
            return
        groups = {id(g): g for g in (layer.kernels_of(c, shape[2])[0] for c in region.channels)}
        for group in groups.values():
            for kernel in group.kernels:
                yield layer.kernel_geometry(kernel, shape)


def _scales(stages: Sequence[Stage], maps: Sequence[Maps]) -> list[float]:
    """Return the magnitudes that set the reliable decimals of the input and of each layer's maps.

    They are those by which ``convcli chain`` prints numbers.
    """
    scales = [0.0]
    for stage, (before, after) in zip(stages, pairwise(maps), strict=True):
        scale = scales[-1]
        if after.dtype.kind == "f":
            scale = error_scale(stage.layer, before, after, scale)
        scales.append(scale)
    return scales


def shape_of(maps: Maps) -> Shape:
    """Return the shape of maps as the three numbers that layers take."""
    return maps.shape[0], maps.shape[1], maps.shape[2]


def _axis_places(geometry: Geometry, axis: int, outputs: Sequence[int]) -> NDArray[np.intp]:
    """Return the places along an axis that some outputs read, a row for each."""
    taps, stride, before, dilation = geometry.along(axis)
    starts = np.array(outputs, np.intp) * stride - before
    return starts[:, np.newaxis] + np.arange(taps) * dilation


def unflattened(values: Sequence[int], shape: Sequence[int]) -> tuple[NDArray[np.intp], ...]:
    """Return the rows, columns and channels of some maps of a flatten layer in its input."""
    rows, columns, channels = shape
    channel, row, column = np.unravel_index(np.array(values, np.intp), (channels, rows, columns))
    return row, column, channel


def layer_border(layer: Layer) -> str:
    """Return the border mode by which a layer's padding shows pixels."""
    return border_name(layer.options.border) if isinstance(layer, Conv) else "zero"


def border_text(layer: Layer) -> str:
    """Describe what a layer's padding holds."""
    if isinstance(layer, Conv):
        fill = f" {format_number(layer.options.fill)}" if layer.options.border == "constant" else ""
        return border_name(layer.options.border) + fill
    if isinstance(layer, Pool) and layer.kind != "avg":
        return f"never the {layer.kind}imum"
    return "zero" if isinstance(layer, Pool) and layer.count_padding else "zero, not counted"


def as_tuple(places: NDArray[np.intp]) -> tuple[int, ...]:
    """Return places as a tuple of Python's integers."""
    return tuple(places.tolist())
