"""Work out one value of a chain of layers, from the last layer back to the image.

Values come from the layers' maps, so they equal those of ``convcli chain`` to the last digit. Each
layer is explained at one position: that of the value that counts most in the layer after it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain, pairwise
from typing import Any, NamedTuple, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from convcli.core.combine import COMBINERS
from convcli.core.dtypes import check_image, with_channels
from convcli.core.padding import OUTSIDE, border_at
from convcli.core.plan import as_applied
from convcli.errors import GeometryError, UsageError, count_text, prefix_errors, short_repr
from convcli.geometry import Geometry, border_name, size_text
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.layers.activations import LeakyRelu, Softmax
from convcli.layers.add import Add
from convcli.layers.base import Layer, Maps, Shape, as_working_type
from convcli.layers.batchnorm import BatchNorm
from convcli.layers.conv import Conv, ProbedMap
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import Stage, network_bytes, run_network
from convcli.layers.network_input import NetworkInput
from convcli.layers.pooling import ChannelPool, GlobalPool, Normalize, Pool
from convcli.layers.upsample import Upsample
from convcli.teaching.chain.maps import chain_axis, error_scale
from convcli.teaching.decimals import Number, exact_total, format_number, to_number, to_python
from convcli.teaching.explain.arithmetic import (
    MAX_PRODUCTS,
    as_position,
    read_window,
    response_of,
    window_of,
)
from convcli.teaching.explain.chain_computation import (
    ActivationStep,
    AddStep,
    BatchNormStep,
    ConvStep,
    ExplainedChain,
    FlattenStep,
    InputWindow,
    LayerStep,
    NormalizeStep,
    PoolStep,
    PreprocessStep,
    SoftmaxStep,
    SpreadStep,
)
from convcli.teaching.explain.chain_explanation import ChainExplanation
from convcli.teaching.explain.computation import Computation, Grid, OutputValue, Response

MAX_LISTED = 31 * 31  # values of a window that are listed
_EXTREMES = {"max": 1, "min": -1}  # the signs of the values that a pool takes the largest of
Place = tuple[int, int, int]  # row, column, channel, counted from 0


def chain_bytes(stages: Sequence[Stage], shape: Shape, dtype: np.dtype[Any]) -> int:
    """Bound the bytes that :func:`explain_chain` takes: it keeps the maps of every layer."""
    kept = sum(math.prod(stage.plan.shape) for stage in stages)
    return network_bytes(stages, shape, dtype) + 8 * kept


@np.errstate(all="ignore")
def run_chain(image: ImageData, stages: Sequence[Stage]) -> list[Maps]:
    """Return the input as the first layer takes it, (H, W, C), and the maps of every layer."""
    check_image(image.pixels)
    pixels = as_working_type(with_channels(image.pixels))
    return [pixels, *run_network(stages, pixels)]


@np.errstate(all="ignore")
def explain_chain(
    image: ImageData,
    stages: Sequence[Stage],
    at: Sequence[int],
    number: SupportsIndex = 1,
    *,
    maps: Sequence[Maps] | None = None,
    texts: Sequence[str] | None = None,
) -> ChainExplanation:
    """Explain one value of a chain.

    Args:
        image: the input; its alpha is ignored.
        stages: the layers, from :func:`convcli.teaching.chain.maps.plan_chain` for this image.
        at: row and column in the maps of the last layer.
        number: which of these maps, counted from 1.
        maps: from :func:`run_chain`, if they are there already.
        texts: of the layers, as they were typed; None for their labels.

    Raises:
        GeometryError: the position is outside the map.
        UsageError: there is no such map, or a kernel has too many weights to be explained.
    """
    rows, columns, count = stages[-1].plan.shape
    row, column = as_position(at)
    if not (0 <= row < rows and 0 <= column < columns):
        raise GeometryError(
            f"position {row},{column} is outside the {size_text((rows, columns))} map of the last "
            f"layer: rows are 0 to {rows - 1}, columns 0 to {columns - 1}"
        )
    channel = map_index(number, count)
    maps = maps or run_chain(image, stages)
    tracer = Tracer(image, stages, maps)
    regions = tracer.regions(Region((row,), (column,), (channel,)))
    place: Place | None = (row, column, channel)
    steps = []
    for stage in reversed(stages):
        if place is None:
            break
        with prefix_errors(f"layer {stage.number} ({stage.layer.label})"):
            steps.append(tracer.step(stage.number, place, regions[stage.number]))
        following = steps[-1].next
        place = following and (following[0], following[1], following[2] - 1)
    places = tracer.places(1, regions[1])
    field = tuple(map(_as_tuple, places))
    return ChainExplanation(
        input_shape=image.shape,
        channels=image.channels,
        at=(row, column),
        map=channel + 1,
        value=steps[0].value,
        steps=tuple(steps),
        field=(field[0], field[1]) if all(field) else ((), ()),
        x=tracer.positions(1, places) if all(field) else None,
        source=ExplainedChain(image, stages, partial(run_chain, image, stages), texts),
    )


def map_index(number: Any, count: int) -> int:
    """Return the place of a map that is counted from 1."""
    maps = count_text(count, "map")
    try:
        index = operator.index(number) - 1
    except TypeError:
        index = -1
    if not 0 <= index < count or isinstance(number, bool):
        raise UsageError(
            f"there is no map {short_repr(number)}: the last layer has {maps}, counted from 1"
        )
    return index


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

    def regions(self, last: Region) -> dict[int, Region]:
        """Return which values of each layer the output depends on, by the layer's number."""
        regions = {len(self.stages): last}
        for number in range(len(self.stages), 1, -1):
            region = regions[number]
            border = _border(self.stages[number - 1].layer)
            shape = self.maps[number - 1].shape
            rows, columns = (
                _as_tuple(np.unique(sources[sources != OUTSIDE]))
                for axis, places in enumerate(self.places(number, region))
                for sources in [border_at(places, shape[axis], border)]
            )
            regions[number - 1] = Region(rows, columns, self.channels_of(number, region))
        return regions

    def places(self, number: int, region: Region) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows and the columns of a layer's input that a region reads, with padding."""
        layer, shape = self.stages[number - 1].layer, _shape_of(self.maps[number - 1])
        if isinstance(layer, Flatten):
            rows, columns, _ = _unflattened(region.channels, shape)
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

    def step(
        self, number: int, place: Place, region: Region, probed: ProbedMap | None = None
    ) -> LayerStep:
        """Explain the value of a layer at a place; the output depends on the layer's region.

        ``probed`` is the whole map of a convolution, if it is computed already.
        """
        stage = self.stages[number - 1]
        layer, before = stage.layer, self.maps[number - 1]
        row, column, channel = place
        value, axis = self.maps[number][place], self.axes[number]
        previous = self.stages[number - 2].layer.label if number > 1 else ""
        common: dict[str, Any] = {
            "number": number,
            "layer": layer.name,
            "label": layer.label,
            "source": f"layer {number - 1} ({previous})" if previous else "input",
            "input_shape": (before.shape[0], before.shape[1]),
            "output_shape": stage.plan.shape[:2],
            "maps": stage.plan.shape[2],
            "map": channel + 1,
            "at": (row, column),
            "value": to_python(value),
            "depends": self._listed(number, self.places(number, region), region),
            "border": border_text(layer),
            "dtype": self.maps[number].dtype.name,
            "scale": self.scales[number],
            "input_dtype": before.dtype.name,
            "input_scale": self.scales[number - 1] if number > 1 else None,
            "x": axis and axis.at(max(row, column)),
        }
        match layer:
            case Conv():
                return self._conv_step(layer, place, common, probed)
            case ConvTranspose() | Upsample():
                return self._spread_step(layer, place, common)
            case Pool() | GlobalPool() | ChannelPool():
                return self._pool_step(layer, place, common)
        return self._value_step(layer, place, common)

    def _value_step(self, layer: Layer, place: Place, common: dict[str, Any]) -> LayerStep:
        """Explain a value that is made of one value."""
        number, (row, column, channel) = common["number"], place
        before = self.maps[number - 1]
        if isinstance(layer, Flatten):
            row, column, channel = (int(each[0]) for each in _unflattened([channel], before.shape))
        if isinstance(layer, NetworkInput):
            channel = layer.source(channel)
        common |= {"next": (row, column, channel + 1), "channel": self.name_of(number, channel)}
        if isinstance(layer, Flatten):
            return FlattenStep(**common)
        common["input"] = to_python(before[row, column, channel])
        match layer:
            case Add():
                return AddStep(**common, addend=to_python(layer.number(*place)))
            case NetworkInput():
                mean, std = layer.numbers(channel)
                return PreprocessStep(**common, factor=layer.scale, mean=mean, std=std)
            case Softmax():
                return self._softmax_step(place, common)
            case BatchNorm():
                mean, variance, weight, bias = layer.numbers(channel)
                common |= {"mean": mean, "variance": variance, "weight": weight, "bias": bias}
                return BatchNormStep(**common, eps=layer.eps)
            case Normalize():
                values = before[..., channel].astype(np.float64)
                mean, variance = values.mean().item(), values.var().item()
                return NormalizeStep(**common, mean=mean, variance=variance, eps=layer.eps)
        slope = layer.slope if isinstance(layer, LeakyRelu) else None
        return ActivationStep(**common, slope=slope)

    def _conv_step(
        self, layer: Conv, place: Place, common: dict[str, Any], probed: ProbedMap | None
    ) -> ConvStep:
        """Explain a value of a convolution, with the products and sums of each kernel."""
        number, (row, column, channel) = common["number"], place
        before = self.maps[number - 1]
        group = layer.kernels_of(channel, before.shape[2])[0]
        weights = sum(kernel.matrix.size for kernel in group.kernels)
        if weights > MAX_PRODUCTS:
            raise UsageError(f"has {weights:,} weights; at most {MAX_PRODUCTS:,} are explained")
        at = row, column
        probed = layer.probe(before, channel, at) if probed is None else probed.at(at)
        value, combine = common["value"], group.combine
        read = probed.channels
        responses = []
        for index, (kernel, plan) in enumerate(zip(group.kernels, probed.plans, strict=True)):
            own = value
            if combine:
                own = to_python(probed.maps[index][0, 0].astype(plan.types.result))
            response = response_of(
                kernel,
                window_of(before, plan, (row, column), self.axes[number - 1]),
                plan.types.result,
                cast("float", plan.types.bias),
                as_applied(kernel.matrix, layer.options.operation),
                [(each, self.name_of(number, each) if len(read) > 1 else "") for each in read],
                own,
            )
            responses.append(
                response if combine or not probed.bias else replace(response, bias=probed.bias)
            )
        bias, combined = probed.bias if combine else 0, value
        if bias:
            combined = to_python(COMBINERS[combine or ""](probed.maps)[0, 0])
        plan = probed.plans[0]
        computation = Computation(
            kernel=group.label,
            at=(row, column),
            input_shape=plan.geometry.input_shape,
            output_shape=plan.geometry.output_shape,
            operation=layer.options.operation,
            pads=plan.geometry.pads,
            border=plan.border,
            fill=plan.fill,
            stride=plan.geometry.stride,
            dilation=plan.geometry.dilation,
            anchor=plan.geometry.anchor,
            combine=combine,
            activation="none",
            range="raw",
            max_value=None,
            extremes=None,
            outputs=(OutputValue("", tuple(responses), combined, combined, combined),),
            dtype=common["dtype"],
        )
        strengths = (
            strength
            for response in responses
            for each, part in zip(read, response.sums, strict=True)
            for strength in _strengths(
                part.products, response.rows, response.columns, each, divisor=response.divisor
            )
        )
        following = self._strongest(number, strengths)
        name = self.name_of(number, read[0]) if len(read) == 1 else ""
        return ConvStep(**common, next=following, channel=name, computation=computation, bias=bias)

    def _spread_step(
        self, layer: ConvTranspose | Upsample, place: Place, common: dict[str, Any]
    ) -> SpreadStep:
        """Explain a value to which values of a smaller map add."""
        number, (row, column, channel) = common["number"], place
        before, geometry = self.maps[number - 1], self.stages[number - 1].plan.geometry
        shape, value = _shape_of(before), common["value"]
        added = layer.added(shape, channel, (row, column))
        if added.weights.size > MAX_PRODUCTS:
            raise UsageError(
                f"has {added.weights.size:,} weights; at most {MAX_PRODUCTS:,} are explained"
            )
        kernel, bias = Kernel(np.ones((1, 1)), name=layer.label), 0.0
        if isinstance(layer, ConvTranspose):
            kernel = Kernel(layer.bank.matrix, layer.bank.divisor, name=layer.kernel_set.label)
            bias = layer.bias[channel] if isinstance(layer.bias, tuple) else layer.own_bias
        read = added.channels
        response = Response(kernel.name, added.rows, added.columns, (), (), 0, 1, bias, value)
        if added.weights.size:
            part = before[..., read.start : read.stop]
            places = np.array(added.rows), np.array(added.columns)
            labels = [self.name_of(number, each) if len(read) > 1 else "" for each in read]
            response = response_of(
                kernel,
                read_window(part, places, "zero", 0, self.axes[number - 1]),
                self.maps[number].dtype,
                bias,
                added.weights,
                list(enumerate(labels)),
                value,
            )
        strengths = (
            strength
            for each, part in zip(read, response.sums, strict=False)
            for strength in _strengths(
                part.products, response.rows, response.columns, each, divisor=response.divisor
            )
        )
        following = self._strongest(number, strengths)
        spread: list[tuple[int, ...]] = [(), ()]
        if following is not None:
            spread = [self._readers(number, axis, following[axis]) for axis in (0, 1)]
        gaps = [
            places[1] - places[0] if len(places) > 1 else 1
            for places in (added.rows, added.columns)
        ]
        computation = Computation(
            kernel=kernel.name,
            at=(row, column),
            input_shape=geometry.input_shape,
            output_shape=geometry.output_shape,
            operation="correlate",
            pads=geometry.pads,
            border="zero",
            fill=0,
            stride=geometry.stride,
            dilation=(gaps[0], gaps[1]),
            anchor=(0, 0),
            combine=None,
            activation="none",
            range="raw",
            max_value=None,
            extremes=None,
            outputs=(OutputValue("", (response,), value, value, value),),
            dtype=common["dtype"],
        )
        return SpreadStep(
            **common,
            next=following,
            channel=self.name_of(number, read[0]) if len(read) == 1 else "",
            computation=computation,
            bias=0,
            taps=added.taps,
            dilation=geometry.dilation,
            spread=(spread[0], spread[1]),
        )

    def _readers(self, number: int, axis: int, place: int) -> tuple[int, ...]:
        """Return the outputs along an axis that read a place of the input of an enlarging layer."""
        stage, shape = self.stages[number - 1], _shape_of(self.maps[number - 1])
        layer, geometry = stage.layer, stage.plan.geometry
        assert isinstance(layer, ConvTranspose | Upsample)  # noqa: S101 - the caller has checked
        may_read = geometry.reach(axis).outputs(place, geometry.output_shape[axis])
        return tuple(one for one in may_read if place in layer.places(shape, axis, [one]))

    def _pool_step(
        self, layer: Pool | GlobalPool | ChannelPool, place: Place, common: dict[str, Any]
    ) -> PoolStep:
        """Explain a maximum, a minimum or a mean."""
        number, (row, column, channel) = common["number"], place
        before, kind = self.maps[number - 1], layer.kind
        own = Region((row,), (column,), (channel,))
        own = own._replace(channels=self.channels_of(number, own))
        places = self.places(number, own)
        inside = [
            axis_places[(axis_places >= 0) & (axis_places < size)]
            for axis_places, size in zip(places, before.shape[:2], strict=True)
        ]
        values = before[np.ix_(*inside, own.channels)]
        counted = isinstance(layer, Pool) and layer.count_padding
        sides = places if counted else inside
        window = self._listed(number, places, own)
        following: Place | None
        if window.values is None:
            find = np.argmin if kind == "min" else np.argmax
            i, j, k = np.unravel_index(
                find(np.abs(values) if kind == "avg" else values), values.shape
            )
            following = int(inside[0][i]), int(inside[1][j]), own.channels[k] + 1
        else:
            strengths = (
                strength
                for each, grid in zip(own.channels, window.values, strict=True)
                for strength in _strengths(
                    grid, window.rows, window.columns, each, sign=_EXTREMES.get(kind)
                )
            )
            following = self._strongest(number, strengths)
        return PoolStep(
            **common,
            next=following,
            kind=kind,
            window=window,
            dilation=layer.dilation if isinstance(layer, Pool) else (1, 1),
            count=sides[0].size * sides[1].size * len(own.channels),
            sum=_exact_sum(values) if kind == "avg" else None,
        )

    def _softmax_step(self, place: Place, common: dict[str, Any]) -> SoftmaxStep:
        """Explain a share."""
        number, (row, column, channel) = common["number"], place
        own = Region((row,), (column,), (channel,))
        before = self.maps[number - 1][row, column]
        values = before.astype(np.float64)
        return SoftmaxStep(
            **common,
            window=self._listed(number, self.places(number, own), own),
            largest=to_python(before.max()),
            sum=np.exp(values - values.max()).sum().item(),
        )

    def _strongest(
        self, number: int, strengths: Iterable[tuple[tuple[float, float], Place]]
    ) -> Place | None:
        """Return where the strongest of a layer's input values comes from, its map counted from 1.

        None if all are padding that shows no pixel.
        """
        border = _border(self.stages[number - 1].layer)
        sizes = self.maps[number - 1].shape[:2]

        @cache
        def source(place: int, axis: int) -> int:
            return int(border_at(np.array(place), sizes[axis], border))

        places = (
            (strength, (source(row, 0), source(column, 1), channel + 1))
            for strength, (row, column, channel) in strengths
        )
        used = (item for item in places if OUTSIDE not in item[1])
        strongest = max(used, key=lambda item: item[0], default=None)
        return strongest and strongest[1]

    def _listed(
        self, number: int, places: tuple[NDArray[np.intp], NDArray[np.intp]], region: Region
    ) -> InputWindow:
        """Return the values at places of a layer's input, unless they are too many."""
        layer, before = self.stages[number - 1].layer, self.maps[number - 1]
        rows, columns = map(_as_tuple, places)
        channels = self.channels_of(number, region)
        shown: tuple[str, ...] = ()
        if before.shape[2] > 1:
            shown = tuple(self.name_of(number, channel) for channel in channels)
        if len(rows) * len(columns) * len(channels) > MAX_LISTED:
            return InputWindow(rows, columns, shown, None, None, self.positions(number, places))
        fill = layer.options.fill if isinstance(layer, Conv) else 0.0
        if isinstance(layer, Pool):
            fill = -math.inf * _EXTREMES[layer.kind] if layer.kind in _EXTREMES else 0.0
        first = channels[0]
        part = before[..., first : channels[-1] + 1]
        window = read_window(part, places, _border(layer), fill, self.axes[number - 1])
        grids = tuple(window.channels[channel - first] for channel in channels)
        return InputWindow(rows, columns, shown, window.padding, grids, window.x)

    def channels_of(self, number: int, region: Region) -> tuple[int, ...]:
        """Return the channels of a layer's input that a region of its maps reads."""
        layer, channels = self.stages[number - 1].layer, self.maps[number - 1].shape[2]
        if isinstance(layer, ChannelPool | Softmax):
            return tuple(range(channels))
        if isinstance(layer, Flatten):
            return _as_tuple(
                np.unique(_unflattened(region.channels, self.maps[number - 1].shape)[2])
            )
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
            return channel_names(count, self.image.depth)[channel]
        return f"map {channel + 1}"

    def _geometries(self, number: int, region: Region) -> Iterator[Geometry]:
        """Yield the geometries of the windows that a region of a layer's maps reads."""
        stage, before = self.stages[number - 1], self.maps[number - 1]
        layer, shape = stage.layer, _shape_of(before)
        if not isinstance(layer, Conv):
            yield stage.plan.geometry
            return
        groups = {id(g): g for g in (layer.kernels_of(c, shape[2])[0] for c in region.channels)}
        for group in groups.values():
            for kernel in group.kernels:
                yield layer.kernel_geometry(kernel, shape)


def _shape_of(maps: Maps) -> Shape:
    return maps.shape[0], maps.shape[1], maps.shape[2]


def _axis_places(geometry: Geometry, axis: int, outputs: Sequence[int]) -> NDArray[np.intp]:
    """Return the places along an axis that some outputs read, a row for each."""
    taps, stride, before, dilation = geometry.along(axis)
    starts = np.array(outputs, np.intp) * stride - before
    return starts[:, np.newaxis] + np.arange(taps) * dilation


def _unflattened(values: Sequence[int], shape: Sequence[int]) -> tuple[NDArray[np.intp], ...]:
    """Return the rows, columns and channels of some maps of a flatten layer in its input."""
    rows, columns, channels = shape
    channel, row, column = np.unravel_index(np.array(values, np.intp), (channels, rows, columns))
    return row, column, channel


def _border(layer: Layer) -> str:
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


def _strengths(
    grid: Grid,
    rows: Sequence[int],
    columns: Sequence[int],
    channel: int,
    *,
    sign: int | None = None,
    divisor: Number = 1,
) -> Iterator[tuple[tuple[float, float], Place]]:
    """Yield how much each number of a window counts, and its place.

    That is its magnitude, divided by ``divisor``, or ``sign`` times the number; NaN is the largest.
    Of equal ones the nearest to the center of the window counts more.
    """
    middle = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    for row, line in zip(rows, grid, strict=True):
        for column, number in zip(columns, line, strict=True):
            size = abs(number / divisor) if sign is None else sign * number
            distance = max(abs(row - middle[0]), abs(column - middle[1]))
            yield (math.inf if math.isnan(size) else size, -distance), (row, column, channel)


def _exact_sum(values: NDArray[Any]) -> Number:
    """Return the sum of some values, as exact as a Python number is."""
    if values.dtype.kind != "f":
        return int(values.sum(dtype=np.int64))
    if values.size <= MAX_LISTED:
        return to_number(exact_total(map(to_python, values.ravel())))
    finite = np.isfinite(values).all()
    return math.fsum(values.ravel().tolist()) if finite else float(values.sum())


def _as_tuple(places: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(places.tolist())
