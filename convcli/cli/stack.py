"""``convcli size --layer ...``: a stack of layers from numbers alone, with what an output sees."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click

from convcli.cli.types import PaddingValue, PairValue
from convcli.errors import GeometryError
from convcli.geometry import Geometry, Padding, Pair, ReceptiveField, conv_geometry

HEADINGS = ("layer", "kernel", "stride", "padding", "dilation", "output", "field", "jump", "start")


class Layer(NamedTuple):
    """One layer as it was given; ``text`` is for messages."""

    text: str
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = 0
    dilation: Pair = (1, 1)


class LayerValue(click.ParamType[Layer]):
    """``k=7,s=2,p=3,d=1``, in any order; pairs are WIDTHxHEIGHT."""

    name = "layer"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the form in the help."""
        return "k=K[,s=S][,p=P][,d=D]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Layer:
        """Read the text as a :class:`Layer`."""
        if isinstance(value, Layer):
            return value
        names = {"k": "kernel", "s": "stride", "p": "padding", "d": "dilation"}
        given: dict[str, Any] = {}
        for part in value.split(","):
            key, equals, text = (piece.strip() for piece in part.partition("="))
            if not equals or key not in names or names[key] in given:
                self.fail(f"{value!r}: a layer is k=K,s=S,p=P,d=D, each once", param, ctx)
            read = PaddingValue() if key == "p" else PairValue()
            given[names[key]] = read.convert(text, param, ctx)
        if "kernel" not in given:
            self.fail(f"{value!r} has no k=K, the kernel's size", param, ctx)
        return Layer(value, **given)


class Step(NamedTuple):
    """A layer laid over the output of the one before, and what an output of it sees."""

    geometry: Geometry
    rows: ReceptiveField
    columns: ReceptiveField


def stacked(size: Pair, layers: Sequence[Layer]) -> Iterator[Step]:
    """Lay each layer over the output of the one before it.

    Raises:
        GeometryError: a layer leaves nothing; the message names it and the size it was given.
    """
    rows, columns = ReceptiveField(), ReceptiveField()
    for number, layer in enumerate(layers, 1):
        try:
            geometry = conv_geometry(
                size, layer.kernel, layer.padding, layer.stride, layer.dilation
            )
        except GeometryError as error:
            raise GeometryError(f"layer {number} ({layer.text}): {error}") from error
        rows, columns = rows.then(*geometry.along(0)), columns.then(*geometry.along(1))
        yield Step(geometry, rows, columns)
        size = geometry.output_shape


def table(steps: Sequence[Step]) -> Iterator[str]:
    """Yield the lines of an aligned table, one for each layer."""
    rows = [HEADINGS, *(_cells(number, step) for number, step in enumerate(steps, 1))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(cell.rjust(width) for cell, width in cells)


def _cells(number: int, step: Step) -> tuple[str, ...]:
    geometry, fields = step.geometry, (step.rows, step.columns)
    pads = [str(pad) for pad in geometry.pads]
    padding = pads[0] if len(set(pads)) == 1 else ",".join(pads)
    pairs = (geometry.kernel, geometry.stride, geometry.dilation, geometry.output_shape)
    kernel, stride, dilation, output = (_text(pair) for pair in pairs)
    seen = (_text((fields[0][place], fields[1][place])) for place in range(3))
    return str(number), kernel, stride, padding, dilation, output, *seen


def _text(pair: Pair) -> str:
    """Write one number for both axes, or width x height."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[1]}x{pair[0]}"


def numbers(step: Step) -> dict[str, Any]:
    """Return a layer's numbers under their names; pairs are rows and columns."""
    geometry = step.geometry
    pairs: dict[str, Sequence[int]] = {
        "size": geometry.input_shape, "kernel": geometry.kernel, "stride": geometry.stride,
        "dilation": geometry.dilation, "output": geometry.output_shape,
        "receptive_field": (step.rows.size, step.columns.size),
        "jump": (step.rows.jump, step.columns.jump),
        "start": (step.rows.start, step.columns.start),
    }  # fmt: skip
    named = {name: {"rows": pair[0], "columns": pair[1]} for name, pair in pairs.items()}
    return {**named, "pads": geometry.pads._asdict()}
