"""The summary of a chain: each layer's output shape and costs, as a table and as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from convcli.errors import UsageError
from convcli.geometry import Pair, jump_text, size_text
from convcli.kernels.matrix_text import short_name
from convcli.layers.base import Layer, Shape
from convcli.layers.batchnorm import BatchNorm
from convcli.layers.conv import Conv
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import Stage, plan_network
from convcli.layers.network_input import NetworkInput
from convcli.teaching.text_table import table_lines

HEADINGS = ("", "layer", "output", "channels", "parameters", "field", "jump", "mult-adds")
T = TypeVar("T")
ANY_SIZE = 2**40  # rows and columns of an input whose size is not given; every window fits


class LayerSummary(NamedTuple):
    """One layer of a summary. Pairs are (rows, columns).

    Attributes:
        number: counted from 1.
        name: the layer's name, such as ``conv``.
        label: the name with the arguments that matter, such as ``conv sobel-x``.
        output_shape: rows and columns of its maps; None if the input's are not given.
        channels: the number of its maps.
        parameters: the number of weights and biases.
        receptive_field: how many input pixels one value sees; None if that is the whole input,
            whose size is not given.
        jump: the distance between the fields of two neighbors; a fraction where maps are enlarged.
        start: the first pixel of the first field; negative in the padding.
        multiply_adds: products of a value and a weight; None if the input's size is not given.
    """

    number: int
    name: str
    label: str
    output_shape: Pair | None
    channels: int
    parameters: int
    receptive_field: Pair | None
    jump: tuple[float, float]
    start: Pair
    multiply_adds: int | None


@dataclass(frozen=True, repr=False)
class ChainSummary:
    """The layers of a chain, with sizes and costs; ``print`` shows the table.

    Attributes:
        input_shape: rows and columns of the input; None if it may have any size.
        channels: of the input.
        layers: the layers in order.

    >>> from convcli import Chain
    >>> summary = Chain(["conv -k sobel-x", "maxpool 2"]).summary((6, 8))
    >>> print(summary)
       layer         output  channels  parameters  field  jump  mult-adds
       input            8x6         1
    1  conv sobel-x     8x6         1           9    3x3     1        432
    2  maxpool 2x2      4x3         1           0    4x4     2          0
       total                                    9                     432
    >>> summary.layers[1].output_shape, summary.parameters
    ((3, 4), 9)
    """

    input_shape: Pair | None
    channels: int
    layers: tuple[LayerSummary, ...]

    @classmethod
    def of(cls, shape: Shape, stages: Iterable[Stage], *, any_size: bool = False) -> ChainSummary:
        """Summarize the stages of a network for an input of this shape.

        ``any_size`` leaves out what depends on its rows and columns, which are ``ANY_SIZE``.
        """
        rows = []
        for number, layer, plan, row_field, column_field in stages:
            field = row_field.size, column_field.size
            whole = any_size and max(field) >= ANY_SIZE
            rows.append(
                LayerSummary(
                    number,
                    layer.name,
                    layer.label,
                    None if any_size else plan.shape[:2],
                    plan.shape[2],
                    plan.parameters,
                    None if whole else field,
                    (row_field.jump, column_field.jump),
                    (row_field.start, column_field.start),
                    None if any_size else plan.multiply_adds,
                )
            )
        return cls(None if any_size else shape[:2], shape[2], tuple(rows))

    @property
    def parameters(self) -> int:
        """The parameters of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int | None:
        """The multiply-adds of all layers; None if the input's size is not given."""
        if self.input_shape is None:
            return None
        return sum(layer.multiply_adds or 0 for layer in self.layers)

    def __repr__(self) -> str:
        return (
            f"ChainSummary(layers={len(self.layers)}, input_shape={self.input_shape}, "
            f"channels={self.channels}, parameters={self.parameters})"
        )

    def __str__(self) -> str:
        return "\n".join(table_lines(self.cells(), left=[1], shrink=1))

    def _repr_html_(self) -> str:
        from convcli.html import html_table

        return html_table(self.cells(), left=[1])

    def as_record(self) -> dict[str, Any]:
        """Return the numbers by their names in the JSON of ``convcli chain --summary``."""
        return {
            "size": _by_axis(self.input_shape),
            "channels": self.channels,
            "layers": [
                {
                    "number": layer.number,
                    "layer": layer.name,
                    "label": layer.label,
                    "size": _by_axis(layer.output_shape),
                    "channels": layer.channels,
                    "parameters": layer.parameters,
                    "receptive_field": _by_axis(layer.receptive_field),
                    "jump": _by_axis(layer.jump),
                    "start": _by_axis(layer.start),
                    "multiply_adds": layer.multiply_adds,
                }
                for layer in self.layers
            ],
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
        }

    def cells(self) -> list[tuple[str, ...]]:
        """Return the table as texts: headings, the input, the layers and their totals."""
        rows: list[tuple[str, ...]] = [
            HEADINGS,
            ("", "input", _size(self.input_shape), str(self.channels), "", "", "", ""),
        ]
        for layer in self.layers:
            cells = (
                layer.number,
                short_name(layer.label),
                _size(layer.output_shape),
                f"{layer.channels:,}",
                f"{layer.parameters:,}",
                _size(layer.receptive_field, "all"),
                jump_text(layer.jump),
                _count(layer.multiply_adds),
            )
            rows.append(tuple(map(str, cells)))
        total = f"{self.parameters:,}", "", "", _count(self.multiply_adds)
        rows.append(("", "total", "", "", *total))
        if self.input_shape is None:  # without the columns of outputs and multiply-adds
            rows = [(*row[:2], *row[3:-1]) for row in rows]
        return rows


def summarize_any_size(layers: Sequence[Layer]) -> ChainSummary:
    """Summarize layers without an input: for one channel, or as many as the layers need.

    A network whose input has a fixed shape is summarized for that.

    Raises:
        UsageError: the layers fit no input, or the number of maps depends on its size.
    """
    first = layers[0] if layers else None
    if isinstance(first, NetworkInput) and first.rows and first.columns and first.channels:
        fixed = first.rows, first.columns, first.channels
        return ChainSummary.of(fixed, plan_network(layers, fixed))
    for number, layer in enumerate(layers, 1):
        if isinstance(layer, Flatten):
            raise UsageError(
                f"layer {number} (flatten) makes as many maps as its input has values; "
                "give the shape of the input"
            )

    def summarize(channels: int) -> ChainSummary:
        shape = ANY_SIZE, ANY_SIZE, channels
        return ChainSummary.of(shape, plan_network(layers, shape), any_size=True)

    return for_any_channels(layers, summarize)


def for_any_channels(layers: Iterable[object], plan: Callable[[int], T]) -> T:
    """Return ``plan(channels)`` for one channel, or for as many as the layers need.

    Raises:
        UsageError: ``plan`` raises it for every number of channels.
    """
    counts = {1, 3}
    for layer in layers:
        if isinstance(layer, ConvTranspose) and layer.bank.matrix.ndim > 2:
            counts.add(len(layer.kernels))
        if isinstance(layer, NetworkInput) and layer.channels is not None:
            counts.add(layer.channels)
        if isinstance(layer, BatchNorm):
            numbers = layer.mean, layer.var, layer.weight, layer.bias
            counts |= {len(each) for each in numbers if isinstance(each, tuple)}
        if isinstance(layer, Conv):
            counts |= {layer.groups * len(k.matrix) for k in layer.kernels if k.matrix.ndim == 3}
            counts |= {len(layer.bias)} if isinstance(layer.bias, tuple) else set()
    *fewer, most = sorted(counts)
    for channels in fewer:
        with suppress(UsageError):
            return plan(channels)
    return plan(most)


def _by_axis(pair: tuple[float, float] | None) -> dict[str, float] | None:
    return None if pair is None else {"rows": pair[0], "columns": pair[1]}


def _size(pair: Pair | None, unknown: str = "") -> str:
    return unknown if pair is None else size_text(pair)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
