"""A network of layers in sequence: the shapes after each layer, and the maps."""

import math
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from convcli.errors import UsageError, prefix_errors
from convcli.geometry import LayerField, Pair, layer_fields, size_text
from convcli.layers.base import Layer, LayerPlan, Maps, Shape, as_working_type
from convcli.layers.conv import Conv
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.network_input import NetworkInput

_MOST_TRIES = 4  # of a size; most layers need two
MAP_COPIES = 3  # copies of a layer's output at a time: computed, joined, converted


class Stage(NamedTuple):
    """A layer at its place in a network.

    Attributes:
        number: counted from 1.
        layer: the layer.
        plan: its output shape and costs.
        row_field: the receptive field of its outputs in the network's input, along the rows.
        column_field: the same along the columns.
    """

    number: int
    layer: Layer
    plan: LayerPlan
    row_field: LayerField
    column_field: LayerField


def plan_network(layers: Sequence[Layer], shape: Shape) -> list[Stage]:
    """Compute each layer's output shape, costs and receptive field, without any pixels.

    The input of a network that changes no values is checked, and is no stage.

    Args:
        layers: the layers in order.
        shape: rows, columns and channels of the input.

    Raises:
        UsageError: a layer's output would be empty, or it needs other channels; the message
            names the layer by its number.

    >>> from convcli.layers.pooling import Pool
    >>> [stage.plan.shape for stage in plan_network([Pool("max", (2, 2))] * 2, (9, 8, 3))]
    [(4, 4, 3), (2, 2, 3)]
    """
    plans: list[LayerPlan] = []
    staged: list[Layer] = []
    for layer in layers:
        is_shown = not isinstance(layer, NetworkInput) or layer.changes_values
        name = f"layer {len(plans) + 1} ({layer.label})" if is_shown else ""
        with prefix_errors(name):
            given = plans[-1].shape if plans else shape
            if isinstance(layer, NetworkInput) and staged:
                _check_size(layer, staged, shape, given)
            plan = layer.plan(given)
        if is_shown:
            plans.append(plan)
            staged.append(layer)
    rows = layer_fields(plan.geometry.reach(0) for plan in plans)
    columns = layer_fields(plan.geometry.reach(1) for plan in plans)
    return list(map(Stage, count(1), staged, plans, rows, columns))


def _check_size(network: NetworkInput, before: Sequence[Layer], shape: Shape, given: Shape) -> None:
    """Raise UsageError where the layers before a network give maps of a size it does not take."""
    wanted = network.size_for(given[:2])
    if wanted == given[:2]:
        return
    size = _input_size(before, shape, wanted)
    raise UsageError(
        f"{network.model} takes inputs of {size_text(wanted)}, and the layers before it give "
        f"{size_text(given[:2])}" + (f"; use --resize {size_text(size)}" if size else "")
    )


def _input_size(layers: Sequence[Layer], shape: Shape, wanted: Pair) -> Pair | None:
    """Return a size of inputs near that of ``shape`` from which layers make the wanted size."""
    sides = list(shape[:2])
    for _ in range(_MOST_TRIES):
        plans: list[LayerPlan] = []
        for layer in layers:
            try:
                plans.append(
                    layer.plan(plans[-1].shape if plans else (sides[0], sides[1], shape[2]))
                )
            except UsageError:
                return None
        made = plans[-1].shape[:2]
        if made == wanted:
            return sides[0], sides[1]
        for axis in (0, 1):
            *_, field = layer_fields(plan.geometry.reach(axis) for plan in plans)
            more = (wanted[axis] - made[axis]) * field.step / field.parts
            sides[axis] = max(sides[axis] + round(more), 1)
    return None


def network_bytes(stages: Sequence[Stage], shape: Shape, dtype: DTypeLike) -> int:
    """Bound the bytes that running a network takes, beyond its input.

    Args:
        stages: from :func:`plan_network`.
        shape: rows, columns and channels of the input.
        dtype: of the input.

    >>> from convcli.layers.pooling import Pool
    >>> shape = (100, 200, 3)
    >>> network_bytes(plan_network([Pool("max", (2, 2))], shape), shape, "float32")
    420000
    """
    kind = np.dtype(dtype)
    item = 4 if kind.kind == "f" and kind.itemsize <= 4 else 8
    most = 0
    for stage in stages:
        layer, strips = stage.layer, 0
        if isinstance(layer, Conv | ConvTranspose):
            strips = layer.strip_bytes(shape)
        values = math.prod(shape) + MAP_COPIES * math.prod(stage.plan.shape)
        most = max(most, values * item + strips)
        shape = stage.plan.shape
    return most


def run_network(stages: Sequence[Stage], maps: Maps) -> Iterator[Maps]:
    """Yield each layer's output maps (H', W', C'); a layer is computed when it is asked for.

    Values are not rounded or clipped between layers. Integers stay exact up to 2**53 until a
    layer makes fractions of them: float32, or float64 for 32-bit integers and float64.

    Args:
        stages: from :func:`plan_network`.
        maps: the input, (H, W, C), in the shape that was planned.

    Raises:
        UsageError: a layer's sums exceed 64-bit integers; the message names the layer.
    """
    maps = as_working_type(maps)
    for stage in stages:
        with prefix_errors(f"layer {stage.number} ({stage.layer.label})"):
            maps = as_working_type(stage.layer.apply(maps))
        yield maps
