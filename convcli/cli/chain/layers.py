"""The layers of ``convcli chain``: a command for each, which returns the layer that it builds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from convcli.choices import POOLINGS
from convcli.cli.command import Command
from convcli.cli.kernel_args import (
    METHOD,
    KernelArgs,
    check_stdin,
    layer_kernel_options,
    threads_option,
)
from convcli.cli.options import conv_options, kernel_option, layer_option
from convcli.cli.types import PairType, ParsedType, WordType
from convcli.errors import UsageError, prefix_errors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from convcli.geometry import ConvOptions
    from convcli.layers.base import Layer

STDIN = "convcli.stdin"  # key of Context.meta: "-" once INPUT or a layer reads standard input
_NUMBER = "convcli.layer-number"  # key of Context.meta: the layers so far


class LayerCommand(Command):
    """The command of a layer, which returns the layer; an error names the layer by its number."""

    def __init__(self, name: str, *, examples: Iterable[str], **attrs: Any) -> None:
        lines = [f"convcli chain photo.png {example} -o out.npy" for example in examples]
        super().__init__(name, examples="\n".join(lines), **attrs)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the layer's words."""
        meta = {} if parent is None else parent.meta
        number = meta[_NUMBER] = meta.get(_NUMBER, 0) + 1
        try:
            ctx = super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            problem = f"layer {number} ({info_name}): {error.format_message()}"
            raise click.UsageError(problem, error.ctx) from error
        ctx.obj = number
        return ctx

    def invoke(self, ctx: click.Context) -> Any:
        """Build the layer."""
        with prefix_errors(f"layer {ctx.obj} ({self.name})"):
            return super().invoke(ctx)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """List the options; for completion, also those of the chain."""
        params = super().get_params(ctx)
        if ctx.resilient_parsing and ctx.parent is not None:
            chain = ctx.parent.command.params
            params += [param for param in chain if isinstance(param, click.Option)]
        return params

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer options, and every layer, since a layer may follow another of its kind."""
        from click.shell_completion import CompletionItem

        items = super().shell_complete(ctx, incomplete)
        offered = {item.value for item in items}
        names = [layer.name or "" for layer in LAYERS]
        new = [name for name in names if name.startswith(incomplete) and name not in offered]
        return [*items, *map(CompletionItem, new)]


class FiniteType(click.FloatRange):
    """A number in a range; infinity and NaN are refused."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse a text."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


def parse_bias(text: str) -> float | str:
    """Return a number, or the name of a file of numbers.

    Raises:
        UsageError: the text is empty, infinity or NaN.
    """
    if not text.strip():
        raise UsageError("it is empty: give a number, or a file of numbers")
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        raise UsageError(f"{text!r} is not a finite number")
    return number


@click.command(
    "conv",
    cls=LayerCommand,
    examples=(
        "conv -k sobel-x relu",
        "conv -k bank.npy --bias b.npy --border zero",
        "conv -k sobel-x -k sobel-y --combine max",
    ),
)
@layer_kernel_options
@kernel_option(
    "--bias",
    type=ParsedType("B|FILE", parse_bias),
    show_default="the kernel's own",
    help="Add B to every map, or one number to each map from a .npy or text file.",
)
@conv_options
@METHOD
@threads_option("chain_conv")
def _conv(
    kernel_args: KernelArgs,
    bias: float | str | None,
    conv: ConvOptions,
    method: str,
    threads: int | None,
) -> Layer:
    """Filter with kernels: one for every map, or a bank.

    A 2-D kernel filters every map on its own. A 3-D kernel (C, kh, kw) sums over C maps to one
    map. A bank (N, C, kh, kw), the layout of torch and ONNX, makes N maps; it is a .npy file.
    Values are not rounded or clipped. By default the border repeats the edge and the size stays,
    as with apply; for a torch layer with padding=1, write --padding 1 --border zero.
    """
    from convcli.kernels.files import read_biases
    from convcli.kernels.spec import group_kernels
    from convcli.layers.conv import Conv

    meta = click.get_current_context().meta
    check_stdin(kernel_args.kernel, meta[STDIN])
    if kernel_args.reads_stdin:
        meta[STDIN] = "-"
    sets = kernel_args.sets()
    return Conv(
        tuple(group_kernels(sets, kernel_args.combine)),
        "+".join(found.label for found in sets),
        conv,
        read_biases(bias) if isinstance(bias, str) else bias,
        method=method,
        threads=threads,
    )


def _activation(name: str, summary: str) -> LayerCommand:
    """Return the command of an activation without options."""

    def build() -> Layer:
        from convcli.layers.activations import Activation

        return Activation(name)

    examples = (f"conv -k sobel-x {name}", f"conv -k outline {name} maxpool 2")
    return LayerCommand(name, callback=build, help=summary, examples=examples)


@click.command(
    "leaky-relu",
    cls=LayerCommand,
    examples=("conv -k outline leaky-relu", "conv -k outline leaky-relu --slope 0.2"),
)
@layer_option(
    "--slope", type=FiniteType(), metavar="S", default=0.01, help="Factor of negative values."
)
def _leaky_relu(slope: float) -> Layer:
    """Multiply negative values by a small slope."""
    from convcli.layers.activations import LeakyRelu

    return LeakyRelu(slope)


_size = click.argument("size", metavar="SIZE", type=PairType())
_pool_stride = layer_option(
    "--stride",
    type=PairType(),
    show_default="SIZE",
    help="Step between windows: N, or rows,columns.",
)
_pool_padding = layer_option(
    "--padding",
    type=PairType(least=0),
    default="0",
    help="Values around each map, at most half of SIZE: never the maximum, 0 in a mean.",
)
_ceil = layer_option(
    "--ceil", is_flag=True, help="Keep the last window even if part of it lies outside the map."
)


@click.command(
    "maxpool", cls=LayerCommand, examples=("maxpool 2", "maxpool 3 --stride 2 --padding 1")
)
@_size
@_pool_stride
@_pool_padding
@_ceil
def _maxpool(**values: Any) -> Layer:
    """Take the maximum of each window.

    SIZE is N, rows,columns, or WIDTHxHEIGHT.
    """
    from convcli.layers.pooling import Pool

    return Pool("max", **values)


@click.command(
    "avgpool", cls=LayerCommand, examples=("avgpool 2", "avgpool 3 --padding 1 --no-count-padding")
)
@_size
@_pool_stride
@_pool_padding
@layer_option(
    "--count-padding/--no-count-padding",
    default=True,
    show_default=False,
    help="Count the padding in a mean's divisor, or not.",
)
@_ceil
def _avgpool(**values: Any) -> Layer:
    """Take the mean of each window.

    SIZE is N, rows,columns, or WIDTHxHEIGHT.
    """
    from convcli.layers.pooling import Pool

    return Pool("avg", **values)


_kind = click.argument("kind", type=WordType(POOLINGS))


@click.command(
    "globalpool",
    cls=LayerCommand,
    examples=("globalpool max", "conv -k bank.npy relu globalpool avg"),
)
@_kind
def _globalpool(kind: Any) -> Layer:
    """Take the maximum or the mean of each map."""
    from convcli.layers.pooling import GlobalPool

    return GlobalPool(kind)


@click.command(
    "channelpool",
    cls=LayerCommand,
    examples=("channelpool avg", "conv -k bank.npy relu channelpool max"),
)
@_kind
def _channelpool(kind: Any) -> Layer:
    """Take the maximum or the mean across the maps."""
    from convcli.layers.pooling import ChannelPool

    return ChannelPool(kind)


@click.command(
    "normalize",
    cls=LayerCommand,
    examples=("conv -k outline normalize", "conv -k outline normalize --eps 0.001"),
)
@layer_option(
    "--eps",
    type=FiniteType(min=0, min_open=True),
    metavar="E",
    default="1e-5",
    help="Added to the variance, which turns a constant map into 0.",
)
def _normalize(eps: float) -> Layer:
    """Subtract each map's mean and divide by its deviation.

    Each value becomes (x - mean) / sqrt(variance + eps), as in instance normalization. The mean
    and the variance are those of all positions of a map.
    """
    from convcli.layers.pooling import Normalize

    return Normalize(eps)


LAYERS: Sequence[LayerCommand] = (
    _conv,
    _activation("relu", "Replace negative values by 0."),
    _leaky_relu,
    _activation("sigmoid", "Squash values to between 0 and 1: 1 / (1 + exp(-x))."),
    _activation("tanh", "Squash values to between -1 and 1."),
    _activation("abs", "Take absolute values."),
    _maxpool,
    _avgpool,
    _globalpool,
    _channelpool,
    _normalize,
)
