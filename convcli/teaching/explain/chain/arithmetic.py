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
from typing import Any, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from convcli.core.combine import COMBINERS
from convcli.core.padding import OUTSIDE, border_at
from convcli.core.plan import as_applied
from convcli.errors import GeometryError, UsageError, count_text, prefix_errors, short_repr
from convcli.geometry import size_text
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.layers.activations import LeakyRelu, Softmax
from convcli.layers.add import Add
from convcli.layers.base import Layer, Maps
from convcli.layers.batchnorm import BatchNorm
from convcli.layers.conv import Conv, ProbedMap
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import Stage
from convcli.layers.network_input import NetworkInput
from convcli.layers.pooling import ChannelPool, GlobalPool, Normalize, Pool
from convcli.layers.upsample import Upsample
from convcli.teaching.decimals import Number, exact_total, to_number, to_python
from convcli.teaching.explain.arithmetic import (
    MAX_PRODUCTS,
    as_position,
    read_window,
    response_of,
    window_of,
)
from convcli.teaching.explain.chain.computation import (
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
from convcli.teaching.explain.chain.explanation import ChainExplanation
from convcli.teaching.explain.chain.trace import (
    Region,
    Tracer,
    as_tuple,
    border_text,
    layer_border,
    run_chain,
    shape_of,
    unflattened,
)
from convcli.teaching.explain.computation import Computation, Grid, OutputValue, Response

MAX_LISTED = 31 * 31  # values of a window that are listed
_EXTREMES = {"max": 1, "min": -1}  # the signs of the values that a pool takes the largest of
Place = tuple[int, int, int]  # row, column, channel, counted from 0


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
            steps.append(explain_step(tracer, stage.number, place, regions[stage.number]))
        following = steps[-1].next
        place = following and (following[0], following[1], following[2] - 1)
    places = tracer.places(1, regions[1])
    field = tuple(map(as_tuple, places))
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


def explain_step(
    tracer: Tracer, number: int, place: Place, region: Region, probed: ProbedMap | None = None
) -> LayerStep:
    """Explain the value of a layer at a place; the output depends on the layer's region.

    ``probed`` is the whole map of a convolution, if it is computed already.
    """
    stage = tracer.stages[number - 1]
    layer, before = stage.layer, tracer.maps[number - 1]
    row, column, channel = place
    value, axis = tracer.maps[number][place], tracer.axes[number]
    previous = tracer.stages[number - 2].layer.label if number > 1 else ""
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
        "depends": _listed(tracer, number, tracer.places(number, region), region),
        "border": border_text(layer),
        "dtype": tracer.maps[number].dtype.name,
        "scale": tracer.scales[number],
        "input_dtype": before.dtype.name,
        "input_scale": tracer.scales[number - 1] if number > 1 else None,
        "x": axis and axis.at(max(row, column)),
    }
    match layer:
        case Conv():
            return _conv_step(tracer, layer, place, common, probed)
        case ConvTranspose() | Upsample():
            return _spread_step(tracer, layer, place, common)
        case Pool() | GlobalPool() | ChannelPool():
            return _pool_step(tracer, layer, place, common)
    return _value_step(tracer, layer, place, common)


def _value_step(tracer: Tracer, layer: Layer, place: Place, common: dict[str, Any]) -> LayerStep:
    """Explain a value that is made of one value."""
    number, (row, column, channel) = common["number"], place
    before = tracer.maps[number - 1]
    if isinstance(layer, Flatten):
        row, column, channel = (int(each[0]) for each in unflattened([channel], before.shape))
    if isinstance(layer, NetworkInput):
        channel = layer.source(channel)
    common |= {"next": (row, column, channel + 1), "channel": tracer.name_of(number, channel)}
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
            return _softmax_step(tracer, place, common)
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
    tracer: Tracer, layer: Conv, place: Place, common: dict[str, Any], probed: ProbedMap | None
) -> ConvStep:
    """Explain a value of a convolution, with the products and sums of each kernel."""
    number, (row, column, channel) = common["number"], place
    before = tracer.maps[number - 1]
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
            window_of(before, plan, (row, column), tracer.axes[number - 1]),
            plan.types.result,
            cast("float", plan.types.bias),
            as_applied(kernel.matrix, layer.options.operation),
            [(each, tracer.name_of(number, each) if len(read) > 1 else "") for each in read],
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
    following = _strongest(tracer, number, strengths)
    name = tracer.name_of(number, read[0]) if len(read) == 1 else ""
    return ConvStep(**common, next=following, channel=name, computation=computation, bias=bias)


def _spread_step(
    tracer: Tracer, layer: ConvTranspose | Upsample, place: Place, common: dict[str, Any]
) -> SpreadStep:
    """Explain a value to which values of a smaller map add."""
    number, (row, column, channel) = common["number"], place
    before, geometry = tracer.maps[number - 1], tracer.stages[number - 1].plan.geometry
    shape, value = shape_of(before), common["value"]
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
        labels = [tracer.name_of(number, each) if len(read) > 1 else "" for each in read]
        response = response_of(
            kernel,
            read_window(part, places, "zero", 0, tracer.axes[number - 1]),
            tracer.maps[number].dtype,
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
    following = _strongest(tracer, number, strengths)
    spread: list[tuple[int, ...]] = [(), ()]
    if following is not None:
        spread = [_readers(tracer, number, axis, following[axis]) for axis in (0, 1)]
    gaps = [
        places[1] - places[0] if len(places) > 1 else 1 for places in (added.rows, added.columns)
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
        channel=tracer.name_of(number, read[0]) if len(read) == 1 else "",
        computation=computation,
        bias=0,
        taps=added.taps,
        dilation=geometry.dilation,
        spread=(spread[0], spread[1]),
    )


def _readers(tracer: Tracer, number: int, axis: int, place: int) -> tuple[int, ...]:
    """Return the outputs along an axis that read a place of the input of an enlarging layer."""
    stage, shape = tracer.stages[number - 1], shape_of(tracer.maps[number - 1])
    layer, geometry = stage.layer, stage.plan.geometry
    assert isinstance(layer, ConvTranspose | Upsample)  # noqa: S101 - the caller has checked
    may_read = geometry.reach(axis).outputs(place, geometry.output_shape[axis])
    return tuple(one for one in may_read if place in layer.places(shape, axis, [one]))


def _pool_step(
    tracer: Tracer, layer: Pool | GlobalPool | ChannelPool, place: Place, common: dict[str, Any]
) -> PoolStep:
    """Explain a maximum, a minimum or a mean."""
    number, (row, column, channel) = common["number"], place
    before, kind = tracer.maps[number - 1], layer.kind
    own = Region((row,), (column,), (channel,))
    own = own._replace(channels=tracer.channels_of(number, own))
    places = tracer.places(number, own)
    inside = [
        axis_places[(axis_places >= 0) & (axis_places < size)]
        for axis_places, size in zip(places, before.shape[:2], strict=True)
    ]
    values = before[np.ix_(*inside, own.channels)]
    counted = isinstance(layer, Pool) and layer.count_padding
    sides = places if counted else inside
    window = _listed(tracer, number, places, own)
    following: Place | None
    if window.values is None:
        find = np.argmin if kind == "min" else np.argmax
        i, j, k = np.unravel_index(find(np.abs(values) if kind == "avg" else values), values.shape)
        following = int(inside[0][i]), int(inside[1][j]), own.channels[k] + 1
    else:
        strengths = (
            strength
            for each, grid in zip(own.channels, window.values, strict=True)
            for strength in _strengths(
                grid, window.rows, window.columns, each, sign=_EXTREMES.get(kind)
            )
        )
        following = _strongest(tracer, number, strengths)
    return PoolStep(
        **common,
        next=following,
        kind=kind,
        window=window,
        dilation=layer.dilation if isinstance(layer, Pool) else (1, 1),
        count=sides[0].size * sides[1].size * len(own.channels),
        sum=_exact_sum(values) if kind == "avg" else None,
    )


def _softmax_step(tracer: Tracer, place: Place, common: dict[str, Any]) -> SoftmaxStep:
    """Explain a share."""
    number, (row, column, channel) = common["number"], place
    own = Region((row,), (column,), (channel,))
    before = tracer.maps[number - 1][row, column]
    values = before.astype(np.float64)
    return SoftmaxStep(
        **common,
        window=_listed(tracer, number, tracer.places(number, own), own),
        largest=to_python(before.max()),
        sum=np.exp(values - values.max()).sum().item(),
    )


def _strongest(
    tracer: Tracer, number: int, strengths: Iterable[tuple[tuple[float, float], Place]]
) -> Place | None:
    """Return where the strongest of a layer's input values comes from, its map counted from 1.

    None if all are padding that shows no pixel.
    """
    border = layer_border(tracer.stages[number - 1].layer)
    sizes = tracer.maps[number - 1].shape[:2]

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
    tracer: Tracer, number: int, places: tuple[NDArray[np.intp], NDArray[np.intp]], region: Region
) -> InputWindow:
    """Return the values at places of a layer's input, unless they are too many."""
    layer, before = tracer.stages[number - 1].layer, tracer.maps[number - 1]
    rows, columns = map(as_tuple, places)
    channels = tracer.channels_of(number, region)
    shown: tuple[str, ...] = ()
    if before.shape[2] > 1:
        shown = tuple(tracer.name_of(number, channel) for channel in channels)
    if len(rows) * len(columns) * len(channels) > MAX_LISTED:
        return InputWindow(rows, columns, shown, None, None, tracer.positions(number, places))
    fill = layer.options.fill if isinstance(layer, Conv) else 0.0
    if isinstance(layer, Pool):
        fill = -math.inf * _EXTREMES[layer.kind] if layer.kind in _EXTREMES else 0.0
    first = channels[0]
    part = before[..., first : channels[-1] + 1]
    window = read_window(part, places, layer_border(layer), fill, tracer.axes[number - 1])
    grids = tuple(window.channels[channel - first] for channel in channels)
    return InputWindow(rows, columns, shown, window.padding, grids, window.x)


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
