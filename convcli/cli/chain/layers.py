"""The layers of ``convcli chain``: each command returns one layer."""

import sys
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.chain.parser import LayerCommand
from convcli.cli.kernel_options import BORDER_DIAGRAMS, layer_kernel_options
from convcli.cli.options import layout_options
from convcli.cli.types import PairValue
from convcli.errors import UsageError

if TYPE_CHECKING:
    from convcli.choices import Pooling
    from convcli.cli.kernel_args import KernelArgs
    from convcli.core.options import ConvOptions
    from convcli.geometry import Pair
    from convcli.layers.base import Layer

Bias = float | str
KINDS = click.Choice(["max", "avg"])


class BiasValue(click.ParamType[Bias]):
    """A number, or the name of a file of numbers."""

    name = "bias"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the forms in the help."""
        return "B|FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Bias:
        """Read the text as a number, if it is one."""
        if isinstance(value, str) and not value.strip():
            self.fail("it is empty: give a number, or a file of numbers", param, ctx)
        try:
            return float(value)
        except ValueError:
            return str(value)


@click.command(
    cls=LayerCommand,
    epilog=BORDER_DIAGRAMS
    + """
\b
Examples:
  convcli chain photo.png conv -k sobel-x relu
  convcli chain photo.png conv -k weights.npy --bias biases.npy --padding 1 --border zero
  convcli chain photo.png conv -k "-1 0 1" -k "-1; 0; 1" --stride 2 -o maps.npy
""",
)
@layer_kernel_options
@click.option(
    "--bias",
    type=BiasValue(),
    help="Add B to every map, or from a .npy or text file a number to each.  "
    "[default: the kernel's own]",
)
@layout_options
@click.pass_context
def conv(
    ctx: click.Context, choice: "KernelArgs", layout: "ConvOptions", bias: Bias | None
) -> "Layer":
    """Filter with kernels: one for every map, or a bank.

    A 2-D kernel filters every map on its own, a 3-D kernel (C, kh, kw) sums over the C maps to
    one, and a bank (N, C, kh, kw), the layout of torch and ONNX, makes N. Nothing is rounded or
    cut. The border repeats the edge and keeps the size, as with apply: for a torch layer of
    padding=1, write --padding 1 --border zero.
    """
    from convcli.kernels.biases import read_biases
    from convcli.kernels.spec import group_kernels, read_specs
    from convcli.layers.conv import Conv

    chain = ctx.parent.params if ctx.parent else {}
    choice.check_stdin(chain.get("source", ""), ctx.meta.get("convcli.stdin", ""))
    if choice.reads_stdin:
        ctx.meta["convcli.stdin"] = "-"
    sets = read_specs(
        choice.kernel, sys.stdin.buffer, normalize=choice.normalize, divisor=choice.divisor
    )
    numbers = read_biases(bias) if isinstance(bias, str) else _finite("--bias", bias)
    return Conv(
        tuple(group_kernels(sets, choice.combine)),
        "+".join(each.label for each in sets),
        layout,
        numbers,
        method=choice.method,
        threads=choice.threads,
    )


def _finite(name: str, number: float | None) -> float | None:
    if number is not None and not abs(number) < float("inf"):
        raise UsageError(f"{name} must be a finite number, not {number:g}")
    return number


def _activation(name: str, what: str) -> click.Command:
    """Return the command of a layer that has no options."""

    def make() -> "Layer":
        from convcli.layers.activations import Activation

        return Activation(name)

    return LayerCommand(
        name,
        callback=make,
        help=what,
        epilog=f"\b\nExamples:\n  convcli chain photo.png conv -k sobel-x {name} -o out.png",
    )


@click.command(
    "leaky-relu",
    cls=LayerCommand,
    epilog="""\b
    Examples:
      convcli chain photo.png conv -k outline leaky-relu --slope 0.2 -o out.npy
    """,
)
@click.option(
    "--slope", type=float, default=0.01, show_default=True, help="What negative values are times."
)
def leaky_relu(slope: float) -> "Layer":
    """Multiply what is negative by a small slope."""
    from convcli.layers.activations import LeakyRelu

    return LeakyRelu(_finite("--slope", slope) or 0.0)


_SIZE = click.argument("size", type=PairValue("SIZE"))
_STRIDE = click.option("--stride", type=PairValue(), help="Step between windows.  [default: SIZE]")
_PADDING = click.option(
    "--padding",
    type=PairValue(least=0),
    default="0",
    show_default=True,
    help="Pixels added around each map, at most half of SIZE: never the greatest, 0 in a mean.",
)
_CEIL = click.option(
    "--ceil",
    is_flag=True,
    help="Count a last window that reaches beyond the padding, as long as it begins before.",
)


@click.command(
    cls=LayerCommand,
    epilog="""\b
    Examples:
      convcli chain photo.png maxpool 2 -o half.png
      convcli chain photo.png maxpool 3 --stride 2 --padding 1 -o half.png
    """,
)
@_STRIDE
@_PADDING
@_CEIL
@_SIZE
def maxpool(size: "Pair", stride: "Pair | None", padding: "Pair", ceil: bool) -> "Layer":
    """Take the maximum of each window.

    SIZE is N, rows,columns, or WIDTHxHEIGHT.
    """
    from convcli.layers.pooling import Pool

    return Pool("max", size, stride, padding, ceil=ceil)


@click.command(
    cls=LayerCommand,
    epilog="""\b
    Examples:
      convcli chain photo.png avgpool 2 -o half.png
      convcli chain photo.png avgpool 3 --stride 1 --padding 1 --no-count-padding -o soft.png
    """,
)
@_STRIDE
@_PADDING
@click.option(
    "--count-padding/--no-count-padding",
    default=True,
    show_default=True,
    help="Divide by all of the window, padding and all, or by the pixels in it.",
)
@_CEIL
@_SIZE
def avgpool(
    size: "Pair", stride: "Pair | None", padding: "Pair", count_padding: bool, ceil: bool
) -> "Layer":
    """Take the mean of each window.

    SIZE is N, rows,columns, or WIDTHxHEIGHT.
    """
    from convcli.layers.pooling import Pool

    return Pool("avg", size, stride, padding, count_padding, ceil)


@click.command(
    cls=LayerCommand,
    epilog="""\b
    Examples:
      convcli chain photo.png conv -k bank.npy relu globalpool avg -o features.npy
    """,
)
@click.argument("kind", type=KINDS)
def globalpool(kind: "Pooling") -> "Layer":
    """Take the maximum or the mean of each map."""
    from convcli.layers.pooling import GlobalPool

    return GlobalPool(kind)


@click.command(
    cls=LayerCommand,
    epilog="""\b
    Examples:
      convcli chain photo.png conv -k bank.npy relu channelpool max --range rescale -o out.png
    """,
)
@click.argument("kind", type=KINDS)
def channelpool(kind: "Pooling") -> "Layer":
    """Take the maximum or the mean across the maps."""
    from convcli.layers.pooling import ChannelPool

    return ChannelPool(kind)


@click.command(
    cls=LayerCommand,
    epilog="""\b
    Examples:
      convcli chain photo.png conv -k outline normalize --range rescale -o out.png
    """,
)
@click.option(
    "--eps",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-5,
    show_default=True,
    help="Added to the variance, so that a constant map becomes 0.",
)
def normalize(eps: float) -> "Layer":
    """Subtract each map's mean and divide by its deviation.

    (x - mean) / sqrt(variance + eps), over all positions of a map, as instance normalization does.
    """
    from convcli.layers.pooling import Normalize

    return Normalize(_finite("--eps", eps) or eps)


def layer_commands() -> list[click.Command]:
    """Return the layers in the order of the help page."""
    return [
        conv,
        _activation("relu", "Make what is negative 0."),
        leaky_relu,
        _activation("sigmoid", "Squash values to between 0 and 1: 1 / (1 + exp(-x))."),
        _activation("tanh", "Squash values to between -1 and 1."),
        _activation("abs", "Take magnitudes."),
        maxpool,
        avgpool,
        globalpool,
        channelpool,
        normalize,
    ]
