"""Layers one after the other: what each makes of a size, and of maps."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from convcli.errors import prefix_errors
from convcli.geometry import ReceptiveField
from convcli.layers.base import Layer, LayerPlan, Maps, Shape, settled


class Stage(NamedTuple):
    """A layer in its place.

    Attributes:
        number: from 1 on.
        layer: the layer.
        plan: its sizes and counts on the shape that comes in.
        rows: what one of its outputs sees of the chain's input, downwards.
        columns: the same across.
    """

    number: int
    layer: Layer
    plan: LayerPlan
    rows: ReceptiveField
    columns: ReceptiveField


def plan_network(layers: Sequence[Layer], shape: Shape) -> list[Stage]:
    """Lay each layer over what comes out of the one before it.

    Args:
        layers: the first first.
        shape: rows, columns and channels of the input.

    Raises:
        UsageError: a layer leaves nothing, or does not suit its input's channels; the message
            names it by its number and says what it was given.

    >>> from convcli.layers.pooling import Pool
    >>> [stage.plan.shape for stage in plan_network([Pool("max", (2, 2))] * 2, (9, 8, 3))]
    [(4, 4, 3), (2, 2, 3)]
    """
    stages: list[Stage] = []
    rows, columns = ReceptiveField(), ReceptiveField()
    for number, layer in enumerate(layers, 1):
        with prefix_errors(f"layer {number} ({layer.label})"):
            plan = layer.plan(shape)
        rows, columns = rows.then(*plan.rows), columns.then(*plan.columns)
        stages.append(Stage(number, layer, plan, rows, columns))
        shape = plan.shape
    return stages


def run_network(stages: Sequence[Stage], maps: Maps) -> Iterator[Maps]:
    """Yield what comes out of each layer, (H', W', C'), made when it is asked for.

    Nothing is rounded or cut between layers. Integers stay exact until a layer makes fractions
    of them: float32, or float64 of 32-bit integers and of float64.

    Args:
        stages: from :func:`plan_network`.
        maps: (H, W, C), of the shape that the chain was laid over.

    Raises:
        UsageError: a layer cannot be applied to these numbers; the message names it.
    """
    maps = settled(maps)
    for stage in stages:
        with prefix_errors(f"layer {stage.number} ({stage.layer.label})"):
            maps = settled(stage.layer.apply(maps))
        yield maps
