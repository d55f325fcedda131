"""``convcli size``: the size of a feature map, or of each layer of a stack, from numbers alone."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from json import dumps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from convcli.choices import SIZE_FORMS
from convcli.cli.command import Command
from convcli.cli.options import report_option, size_option
from convcli.cli.types import (
    ANCHOR_PLACE,
    LayerTextType,
    PaddingType,
    PairType,
    ParsedType,
    WordType,
)
from convcli.errors import GeometryError, UsageError, prefix_errors
from convcli.geometry import (
    Anchor,
    Geometry,
    LayerField,
    Padding,
    Pair,
    conv_geometry,
    jump_text,
    layer_fields,
    pads_text,
    parse_padding,
    parse_pair,
    size_text,
)

if TYPE_CHECKING:
    from convcli.layers.base import Layer

SIZES = "N|WxH|R,C"
HEADINGS = ("layer", "kernel", "stride", "padding", "dilation", "output", "field", "jump", "start")


class InputSize(NamedTuple):
    """The (rows, columns) of an input, and how they were written: ``N``, ``WxH`` or ``R,C``."""

    shape: Pair
    form: str

    def write(self, shape: Pair) -> str:
        """Write another size in the same form, or as rows,columns where one number cannot."""
        if self.form == "WxH":
            return size_text(shape)
        square = self.form == "N" and shape[0] == shape[1]
        return str(shape[0]) if square else f"{shape[0]},{shape[1]}"


def parse_input_size(text: str) -> InputSize:
    """Read a size, and remember its form.

    Raises:
        GeometryError: the text has another form.

    >>> parse_input_size("448x224")
    InputSize(shape=(224, 448), form='WxH')
    """
    form = "R,C" if "," in text else "N" if text.strip().isdigit() else "WxH"
    return InputSize(parse_pair(text), form)


class StackLayer(NamedTuple):
    """One value of --layer; ``text`` is for messages."""

    text: str
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = 0
    dilation: Pair = (1, 1)


class StackStage(NamedTuple):
    """A layer of a stack, its windows, and its fields in the input along rows and columns."""

    label: str
    geometry: Geometry
    rows: LayerField
    columns: LayerField


def parse_layer(text: str) -> StackLayer | str:
    """Read ``k=7,s=2,p=3,d=1``, in any order; pairs are WIDTHxHEIGHT.

    A text that begins with a word, as a layer of ``convcli chain`` does, or with the file of a
    network, is returned as it is.

    Raises:
        GeometryError: the text has another form.
    """
    if re.match(r"\s*[a-zA-Z-]{2,}(\s|$)", text) or _names_network(text):
        return text
    names = {"k": "kernel", "s": "stride", "p": "padding", "d": "dilation"}
    values: dict[str, Any] = {}
    for part in text.split(","):
        key, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals or key not in names or names[key] in values:
            raise GeometryError(f"{text!r}: a layer is k=K,s=S,p=P,d=D, each once")
        values[names[key]] = parse_padding(number) if key == "p" else parse_pair(number)
    if "kernel" not in values:
        raise GeometryError(f"{text!r} has no k=K, the size of the kernel")
    return StackLayer(text, **values)


def _names_network(text: str) -> bool:
    """Tell whether a text begins with the file of a network; a quoted name may have blanks."""
    from convcli.kernels.models.spec import parse_model

    try:
        words = shlex.split(text)
    except ValueError:
        return False
    return bool(words) and parse_model(words[0]) is not None


@click.command(
    cls=Command,
    examples="""
    convcli size --n 5 --k 3                 3
    convcli size --n 448x224 --k 3 --s 2     223x111
    convcli size --n 224 --layer k=7,s=2,p=3 --layer k=3,s=2,p=1
    """,
)
@size_option(
    "--n",
    "--size",
    "size",
    type=ParsedType(SIZES, parse_input_size),
    required=True,
    help="Size of the input.",
)
@size_option(
    "--k", "--kernel", "kernel", type=PairType(SIZES), help="Size of the kernel; or use --layer."
)
@size_option(
    "--p",
    "--padding",
    "padding",
    type=PaddingType(),
    default="0",
    help="Pixels added around the input.",
)
@size_option(
    "--s", "--stride", "stride", type=PairType(), default="1", help="Step between windows."
)
@size_option(
    "--d",
    "--dilation",
    "dilation",
    type=PairType(),
    default="1",
    help="Distance between the kernel's taps.",
)
@size_option(
    "--a",
    "--anchor",
    "anchor",
    type=ANCHOR_PLACE,
    default="before",
    help="Tap that the output aligns with.",
)
@size_option(
    "--layer",
    "layers",
    type=LayerTextType("k=K[,s=S][,p=P][,d=D]|TEXT", parse_layer),
    multiple=True,
    help='A layer, e.g. k=7,s=2 or "maxpool 2". Repeatable.',
)
@report_option("--explain", is_flag=True, help="Also print the formula with the numbers put in.")
@report_option(
    "--form",
    type=WordType(SIZE_FORMS),
    default="torch",
    help="Formula of --explain; textbook: (N - K + 2P)/S + 1.",
)
@report_option("--json", is_flag=True, help="Print every number as JSON.")
def size(
    size: InputSize,
    kernel: Pair | None,
    padding: Padding,
    stride: Pair,
    dilation: Pair,
    anchor: Anchor,
    layers: tuple[StackLayer | str, ...],
    explain: bool,
    form: str,
    json: bool,
) -> None:
    """Print the size of a feature map: floor((n + 2p - d(k-1) - 1)/s) + 1 on each axis.

    The answer has the form of --n: one number, WIDTHxHEIGHT, or ROWS,COLUMNS.

    With --layer, print a table. field: how many input pixels one output value sees (its receptive
    field). jump: the distance between the fields of two neighbors. start: the first pixel of the
    first field; negative means inside the padding.
    """
    if explain and json:
        raise click.UsageError("--explain is text and --json is data; choose one")
    if form != "torch" and not (explain or layers):
        raise click.UsageError("--form is the formula of --explain; give both")
    if layers:
        _check_layers_alone()
        windows = [layer for layer in layers if isinstance(layer, StackLayer)]
        named = len(windows) < len(layers)
        stages = _stack_of_texts(size.shape, layers) if named else stack(size.shape, windows)
        if json:
            click.echo(dumps([_stage_data(stage, named=named) for stage in stages]))
        else:
            click.echo(_table(stages, named=named))
        return
    if kernel is None:
        raise click.UsageError("Missing option '--k' / '--kernel', or '--layer' for a stack.")
    geometry = conv_geometry(size.shape, kernel, padding, stride, dilation, anchor=anchor)
    if json:
        padded = {"extent": geometry.extent, "padded": geometry.padded_shape}
        result = {"output": geometry.output_shape, "unused": geometry.unused}
        click.echo(dumps(_data(geometry, **padded, **result)))
        return
    if explain:
        click.echo("\n".join(_worked_formula(geometry, form)))
    click.echo(size.write(geometry.output_shape))


def stack(shape: Pair, layers: Sequence[StackLayer | Layer], channels: int = 1) -> list[StackStage]:
    """Return each layer of a stack, and its receptive field along rows and columns.

    Raises:
        GeometryError: a layer leaves no output; the message names it and the size of its input.
        UsageError: a layer needs another number of channels, or a network another size.
    """
    labels: list[str] = []
    geometries: list[Geometry] = []
    for layer in layers:
        if not isinstance(layer, StackLayer) and _is_plain_input(layer, shape, channels):
            continue
        number = len(labels) + 1
        labels.append(layer.text if isinstance(layer, StackLayer) else layer.label)
        with prefix_errors(f"layer {number} ({labels[-1]})"):
            if isinstance(layer, StackLayer):
                sliding = layer.kernel, layer.padding, layer.stride, layer.dilation
                geometries.append(conv_geometry(shape, *sliding))
            else:
                plan = layer.plan((*shape, channels))
                geometries.append(plan.geometry)
                channels = plan.shape[2]
        shape = geometries[-1].output_shape
    rows = layer_fields(geometry.reach(0) for geometry in geometries)
    columns = layer_fields(geometry.reach(1) for geometry in geometries)
    return list(map(StackStage, labels, geometries, rows, columns))


def _is_plain_input(layer: Layer, shape: Pair, channels: int) -> bool:
    """Check the input of a network; tell whether it changes no values, and so is no layer."""
    from convcli.layers.network_input import NetworkInput

    if not isinstance(layer, NetworkInput):
        return False
    taken = layer.rows or shape[0], layer.columns or shape[1]
    if taken != shape:
        raise UsageError(
            f"{layer.model} takes inputs of {size_text(taken)}, and this one is {size_text(shape)}"
        )
    layer.plan((*shape, channels))
    return not layer.changes_values


def _stack_of_texts(shape: Pair, layers: Sequence[StackLayer | str]) -> list[StackStage]:
    """Return a stack some of whose layers are texts as on the command line of chain."""
    from convcli.teaching.chain.parser import build_each, parse_layer_texts
    from convcli.teaching.chain.summary import for_any_channels

    texts = {number: text for number, text in enumerate(layers, 1) if isinstance(text, str)}
    parsed = parse_layer_texts(texts.values(), texts)
    each_built = build_each(parsed, sys.stdin.buffer)
    whole: list[StackLayer | Layer] = []
    for layer in layers:
        if isinstance(layer, StackLayer):
            whole.append(layer)
        else:
            whole += [each for built in next(each_built) for each in built.layers]
    return for_any_channels(whole, lambda channels: stack(shape, whole, channels))


def _check_layers_alone() -> None:
    """Refuse options that --layer gives for each layer."""
    context = click.get_current_context()
    for name in ("kernel", "padding", "stride", "dilation", "anchor", "explain", "form"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--layer has its own numbers; leave out --{name}")


def _table(stages: Sequence[StackStage], *, named: bool) -> str:
    """Return the table; with names if some layers have one."""
    from convcli.teaching.text_table import table_lines

    lines: list[tuple[str, ...]] = [("", *HEADINGS) if named else HEADINGS]
    for number, (label, geometry, rows, columns) in enumerate(stages, 1):
        padding = pads_text(geometry.pads)
        pairs = (geometry.kernel, geometry.stride, geometry.dilation, geometry.output_shape)
        kernel, stride, dilation, output = map(_size_text, pairs)
        field, start = (
            _size_text((rows.size, columns.size)),
            _size_text((rows.start, columns.start)),
        )
        names = (str(number), label) if named else (str(number),)
        fields = field, jump_text((rows.jump, columns.jump)), start
        lines.append((*names, kernel, stride, padding, dilation, output, *fields))
    return "\n".join(table_lines(lines, left=[1], shrink=1) if named else table_lines(lines))


def _size_text(pair: Pair) -> str:
    """Write one number for both axes, or width x height."""
    return str(pair[0]) if pair[0] == pair[1] else size_text(pair)


def _data(geometry: Geometry, **pairs: tuple[float, float]) -> dict[str, Any]:
    """Return the numbers of a geometry under their names, with those of ``pairs``."""
    pairs = {
        "size": geometry.input_shape,
        "kernel": geometry.kernel,
        "stride": geometry.stride,
        "dilation": geometry.dilation,
        **pairs,
    }
    numbers = {name: {"rows": rows, "columns": columns} for name, (rows, columns) in pairs.items()}
    return {**numbers, "pads": geometry.pads._asdict()}


def _stage_data(stage: StackStage, *, named: bool) -> dict[str, Any]:
    label, geometry, rows, columns = stage
    data = _data(
        geometry,
        output=geometry.output_shape,
        receptive_field=(rows.size, columns.size),
        jump=(rows.jump, columns.jump),
        start=(rows.start, columns.start),
    )
    return {"label": label} | data if named else data


def _worked_formula(geometry: Geometry, form: str) -> Iterator[str]:
    """Yield the lines of the formula with the numbers put in, once where both axes are alike."""
    work = _textbook_lines if form == "textbook" else _torch_lines
    heading, columns = work(geometry, 1)
    other, rows = work(geometry, 0)
    if (heading, columns) == (other, rows):
        yield from (heading, *columns)
    elif heading == other:
        yield from (heading, "columns:", *columns, "rows:", *rows)
    else:
        yield from ("columns:", heading, *columns, "rows:", other, *rows)


def _torch_lines(geometry: Geometry, axis: int) -> tuple[str, list[str]]:
    """Return the formula of torch, and its lines with the numbers of an axis."""
    before, after = _pads(geometry, axis)
    n, k = geometry.input_shape[axis], geometry.kernel[axis]
    s, d = geometry.stride[axis], geometry.dilation[axis]
    heading = (
        "size = floor((n + p - d*(k - 1) - 1) / s) + 1, where p is the padding before and after"
    )
    first = f"     = floor(({n} + {before}+{after} - {d}*({k} - 1) - 1) / {s}) + 1"
    return heading, [first, *_last_lines(geometry, axis)]


def _textbook_lines(geometry: Geometry, axis: int) -> tuple[str, list[str]]:
    """Return the formula of textbooks, which know no dilation and one padding for both ends."""
    before, after = _pads(geometry, axis)
    n, extent, s = geometry.input_shape[axis], geometry.extent[axis], geometry.stride[axis]
    k, d = geometry.kernel[axis], geometry.dilation[axis]
    symbols, numbers = "2P", f"2*{before}"
    if before != after:
        symbols, numbers = "P1 + P2", f"{before} + {after}"
    heading = f"size = floor((N - K + {symbols}) / S) + 1"
    lines = (
        [] if d == 1 else [f"K    = {d}*({k} - 1) + 1 = {extent}, the extent of the dilated kernel"]
    )
    lines.append(f"     = floor(({n} - {extent} + {numbers}) / {s}) + 1")
    return heading, [*lines, *_last_lines(geometry, axis)]


def _pads(geometry: Geometry, axis: int) -> Pair:
    """Return the padding before and after the pixels of an axis."""
    pads = geometry.pads
    return (pads.left, pads.right) if axis else (pads.top, pads.bottom)


def _last_lines(geometry: Geometry, axis: int) -> Iterator[str]:
    """Yield the lines after the one with the numbers; the last says which pixels are left out."""
    padded, unused = geometry.padded_shape[axis], geometry.unused[axis]
    result, s = geometry.output_shape[axis], geometry.stride[axis]
    yield f"     = floor({padded - geometry.extent[axis]} / {s}) + 1"
    yield f"     = {result - 1} + 1"
    yield f"     = {result}"
    if unused:
        pixels = "pixel is" if unused == 1 else f"{unused} pixels are"
        yield f"floor drops {unused}/{s}: of {padded} padded pixels the last {pixels} in no window"
    else:
        yield "nothing is lost: the last window ends at the last pixel"
