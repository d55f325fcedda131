"""``convcli size``: the size of a feature map, from numbers alone."""

from collections.abc import Iterator
from json import dumps
from typing import Any, NamedTuple

import click

from convcli.cli.stack import Layer, LayerValue, numbers, stacked, table
from convcli.cli.types import PaddingValue, PairValue
from convcli.geometry import Geometry, Pair, conv_geometry


class InputSize(NamedTuple):
    """An input's (rows, columns), and how they were written: ``N``, ``WxH`` or ``R,C``."""

    pair: Pair
    form: str

    def write(self, pair: Pair) -> str:
        """Write another size in the same form, or as rows,columns where one number cannot."""
        if self.form == "WxH":
            return f"{pair[1]}x{pair[0]}"
        return str(pair[0]) if self.form == "N" and pair[0] == pair[1] else f"{pair[0]},{pair[1]}"


class InputSizeValue(PairValue):
    """As :class:`PairValue`, remembering the form."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text as an :class:`InputSize`."""
        form = "R,C" if "," in value else "N" if value.strip().isdigit() else "WxH"
        return InputSize(super().convert(value, param, ctx), form)


@click.command(
    short_help="Compute the size of a feature map.",
    epilog="""\b
    Examples:
      convcli size --n 5 --k 3 --p 0 --s 1          3
      convcli size --n 448x224 --k 3                446x222  (width x height)
      convcli size --n 224,448 --k 3                222,446  (rows,columns)
      convcli size --n 224 --k 7 --p 3 --s 2 --explain
      convcli size --n 224 --layer k=7,s=2,p=3 --layer k=3,s=2,p=1
    """,
)
@click.option(
    "--n", "--size", "size", type=InputSizeValue("N|WxH|R,C"), required=True, help="Input size."
)
@click.option(
    "--k", "--kernel", "kernel", type=PairValue("N|WxH|R,C"), help="Kernel size; or use --layer."
)
@click.option(
    "--p",
    "--padding",
    "padding",
    type=PaddingValue(),
    default="0",
    show_default=True,
    help="Pixels added around the input, or the rule that gives them.",
)
@click.option(
    "--s",
    "--stride",
    "stride",
    type=PairValue(),
    default="1",
    show_default=True,
    help="Window step.",
)
@click.option(
    "--d",
    "--dilation",
    "dilation",
    type=PairValue(),
    default="1",
    show_default=True,
    help="Tap distance.",
)
@click.option(
    "--layer",
    "layer",
    type=LayerValue(),
    multiple=True,
    help="A layer of a stack, the first first, as k=7,s=2,p=3: sizes, and the receptive field.",
)
@click.option("--explain", is_flag=True, help="Substitute the numbers into the formula.")
@click.option("--json", is_flag=True, help="Print every number as JSON.")
def size(
    size: InputSize,
    kernel: Pair | None,
    padding: str | tuple[int, ...],
    stride: Pair,
    dilation: Pair,
    layer: tuple[Layer, ...],
    explain: bool,
    json: bool,
) -> None:
    """Print the size of a feature map: floor((n + 2p - d(k-1) - 1)/s) + 1 on each axis.

    The answer has the form of --n: one number, WIDTHxHEIGHT, or ROWS,COLUMNS. With --layer it is a
    table: what each layer's outputs see of the input (field), how far apart (jump), and where the
    first begins (start, negative in the padding).
    """
    if explain and json:
        raise click.UsageError("--explain is text and --json is data; choose one")
    if layer:
        _check_alone()
        steps = list(stacked(size.pair, layer))
        click.echo(dumps([numbers(step) for step in steps]) if json else "\n".join(table(steps)))
        return
    if kernel is None:
        raise click.UsageError("Missing option '--k' / '--kernel', or '--layer' for a stack.")
    geometry = conv_geometry(size.pair, kernel, padding, stride, dilation)
    if json:
        click.echo(dumps(_numbers(geometry)))
        return
    if explain:
        click.echo("\n".join(_explanation(geometry)))
    click.echo(size.write(geometry.output_shape))


def _check_alone() -> None:
    """Refuse what --layer says for each layer."""
    context = click.get_current_context()
    for name in ("kernel", "padding", "stride", "dilation", "explain"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--layer has its own numbers; leave out --{name}")


def _numbers(geometry: Geometry) -> dict[str, Any]:
    """Return every number of a geometry under its name; pairs are rows and columns."""
    pairs = {
        "size": geometry.input_shape,
        "kernel": geometry.kernel,
        "stride": geometry.stride,
        "dilation": geometry.dilation,
        "extent": geometry.extent,
        "padded": geometry.padded_shape,
        "output": geometry.output_shape,
        "unused": geometry.unused,
    }
    numbers: dict[str, Any] = {
        name: {"rows": rows, "columns": columns} for name, (rows, columns) in pairs.items()
    }
    return numbers | {"pads": geometry.pads._asdict()}


def _explanation(geometry: Geometry) -> Iterator[str]:
    """Yield the lines of the worked formula: once where both axes are alike."""
    pads = geometry.pads
    axes = [
        ("columns", 1, pads.left, pads.right),
        ("rows", 0, pads.top, pads.bottom),
    ]
    worked = [list(_worked_axis(geometry, axis, before, after)) for _, axis, before, after in axes]
    yield "size = floor((n + p - d*(k - 1) - 1) / s) + 1, where p is the padding before and after"
    if worked[0] == worked[1]:
        yield from worked[0]
        return
    for (name, *_), lines in zip(axes, worked, strict=True):
        yield f"{name}:"
        yield from lines


def _worked_axis(geometry: Geometry, axis: int, before: int, after: int) -> Iterator[str]:
    n, k = geometry.input_shape[axis], geometry.kernel[axis]
    s, d = geometry.stride[axis], geometry.dilation[axis]
    padded, unused, result = (
        geometry.padded_shape[axis],
        geometry.unused[axis],
        geometry.output_shape[axis],
    )
    span = padded - geometry.extent[axis]
    yield f"     = floor(({n} + {before}+{after} - {d}*({k} - 1) - 1) / {s}) + 1"
    yield f"     = floor({span} / {s}) + 1"
    yield f"     = {result - 1} + 1"
    yield f"     = {result}"
    if unused:
        pixels = "pixel is" if unused == 1 else f"{unused} pixels are"
        yield f"floor drops {unused}/{s}: of {padded} padded pixels the last {pixels} in no window"
    else:
        yield f"floor drops nothing: the last window ends on the last of {padded} padded pixels"
