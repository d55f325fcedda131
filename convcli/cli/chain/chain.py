"""``convcli chain INPUT LAYER...``: the command, whose options may stand anywhere.

Click wants the options of a group before INPUT, and those of a layer before its arguments.
:class:`_WordOrder` puts the words into click's order. An option belongs to the layer before it if
that layer has it, otherwise to the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from convcli.choices import RANGES
from convcli.cli.chain.layers import LAYERS, STDIN
from convcli.cli.command import Group
from convcli.cli.options import (
    figure_option,
    message_option,
    option_group,
    output_option,
    range_option,
    read_one_options,
    write_one_options,
)
from convcli.cli.types import WordType

if TYPE_CHECKING:
    from convcli.images.options import ReadOptions, WriteOptions
    from convcli.layers.base import Layer


class ChainGroup(Group):
    """The chain: INPUT, then layers; options may stand anywhere."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words in click's order."""
        if len(args) == 2 and args[0] in self.commands and args[1] in ctx.help_option_names:
            # `chain conv --help` asks for the help of conv, not for an image named conv.
            self.commands[args[0]].make_context(args[0], args[1:], parent=ctx)
        return super().parse_args(ctx, list(_WordOrder(self, ctx, args).words()))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the layers in the order of the help page."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the layers with their arguments, one per line."""
        rows = []
        for layer in LAYERS:
            arguments = [param for param in layer.params if isinstance(param, click.Argument)]
            words = [layer.name or "", *(argument.make_metavar(ctx) for argument in arguments)]
            rows.append((" ".join(words), layer.get_short_help_str(80)))
        with formatter.section("Layers"):
            formatter.write_dl(rows)


class _WordOrder:
    """The words of one command line, put into click's order."""

    def __init__(self, chain: ChainGroup, ctx: click.Context, args: list[str]) -> None:
        self._ctx = ctx
        self._commands = chain.commands
        self._left = list(args)
        self._own: list[str] = []  # the chain's options
        self._source: list[str] = []
        self._layers: list[tuple[str, list[str], list[str]]] = []  # name, options, arguments
        self._options = self._chain_options = _options_by_flag(chain, ctx)
        self._given: set[str] = set()
        self._missing = 0  # arguments of the last layer

    def words(self) -> Iterator[str]:
        """Yield the words in click's order."""
        while self._left:
            word = self._left.pop(0)
            if word == "--" and self._left and not self._source:
                self._source = [word, self._left.pop(0)]
            elif len(word) > 1 and word.startswith("-"):
                self._take_option(word)
            elif not self._source:
                self._source = [word]
            elif self._missing:
                self._missing -= 1
                self._layers[-1][2].append(word)
            else:
                self._begin_layer(word)
        yield from self._own
        yield from self._source
        for name, options, arguments in self._layers:
            yield from (name, *options, *arguments)
        asks_help = set(self._own) & set(self._ctx.help_option_names)
        if self._source and not (self._layers or asks_help or self._ctx.resilient_parsing):
            raise click.UsageError(f"Missing layer: {', '.join(self._commands)}", self._ctx)

    def _begin_layer(self, name: str) -> None:
        """Begin a layer; later options may belong to it."""
        command = self._commands.get(name)
        if command is None and not self._ctx.resilient_parsing:
            close = get_close_matches(name, self._commands, n=1)
            known = ", ".join(self._commands)
            hint = f"did you mean {close[0]}?" if close else f"the layers are {known}"
            raise click.UsageError(f"No such layer {name!r}: {hint}", self._ctx)
        self._layers.append((name, [], []))
        self._options = _options_by_flag(command, self._ctx) if command else {}
        params = command.params if command else []
        self._missing = sum(isinstance(param, click.Argument) for param in params)

    def _take_option(self, word: str) -> None:
        """Take an option with its value, for the layer before it or for the chain."""
        flag = word.partition("=")[0] if word.startswith("--") else word[:2]
        of_layer = bool(self._layers) and flag in self._options
        param = self._options.get(flag) or self._chain_options.get(flag)
        taken = [word]
        if param is not None and not param.is_flag and word == flag:  # its value is the next word
            if self._left:
                taken.append(self._left.pop(0))
            elif self._ctx.resilient_parsing:  # the value is being completed
                return
            else:
                raise click.UsageError(f"Option {flag!r} requires an argument.", self._ctx)
        if not self._ctx.resilient_parsing:
            self._check_option(param, flag, of_layer=of_layer)
        (self._layers[-1][1] if of_layer else self._own).extend(taken)

    def _check_option(self, param: click.Option | None, flag: str, *, of_layer: bool) -> None:
        """Refuse an unknown option, and an option of the chain that is given twice."""
        if param is None:
            raise click.UsageError(f"No such option {flag!r}{self._hint()}", self._ctx)
        if of_layer or param.is_flag or not param.name:
            return
        if param.name in self._given:
            raise click.UsageError(f"{'/'.join(param.opts)} is given twice", self._ctx)
        self._given.add(param.name)

    def _hint(self) -> str:
        """Say what is probably wrong with an unknown option."""
        if self._layers:
            return f" of {self._layers[-1][0]}; --help after it lists them"
        first = self._source[0] if self._source else ""
        if first in self._commands:
            return f": INPUT comes first, then the layers, as in convcli chain INPUT {first} ..."
        return ": options of a layer come after its name"


def _options_by_flag(command: click.Command, ctx: click.Context) -> dict[str, click.Option]:
    options = [param for param in command.params if isinstance(param, click.Option)]
    help_option = command.get_help_option(ctx)
    if help_option is not None:
        options.append(help_option)
    return {flag: option for option in options for flag in (*option.opts, *option.secondary_opts)}


output_options = option_group(
    "outputs",
    dict,
    output_option(
        "-o",
        "--output",
        type=click.Path(),
        metavar="FILE|-",
        show_default="{stem}_chain{suffix} beside INPUT",
        help="File for the maps of the last layer, or -.",
    ),
    range_option(
        "--range",
        type=WordType(RANGES),
        show_default="clip; raw for matrices",
        help="Values to pixels.",
    ),
    message_option(
        "--summary",
        is_flag=True,
        help="Print each layer's output size, parameters, receptive field and multiply-adds.",
    ),
    message_option("--json", is_flag=True, help="Print the summary and the written files as JSON."),
    figure_option(
        "--plot",
        type=click.Path(),
        metavar="FILE",
        help="Draw each layer's maps (.png, .pdf, .svg, ...).",
    ),
    output_option(
        "--each-dir",
        type=click.Path(),
        metavar="DIR",
        help="Save every layer's maps to DIR: NN_layer.npy, and NN_layer.png for 1 or 3 maps.",
    ),
)


@click.group(
    cls=ChainGroup,
    chain=True,
    no_args_is_help=False,
    commands=LAYERS,
    subcommand_metavar="LAYER [ARGS]... [LAYER [ARGS]...]...",
    examples="""
    convcli chain photo.png conv -k sobel-x relu maxpool 2 -o out.png
    convcli chain photo.png conv -k bank.npy relu globalpool max -o features.npy
    convcli chain photo.png conv -k bank.npy maxpool 3 --stride 2 --summary
    """,
    epilog="""
    Options of a layer stand after its name; `convcli chain conv --help` lists them. The options
    above may stand anywhere.
    """,
)
@output_options
@read_one_options
@write_one_options
@click.argument("source", metavar="INPUT", type=click.Path())
@click.pass_context
def chain(
    ctx: click.Context,
    source: str,
    outputs: dict[str, Any],
    reading: ReadOptions,
    writing: WriteOptions,
) -> None:
    """Send an image through a sequence of layers, as a network does.

    Values are not rounded or clipped between layers: integers stay exact until a layer makes
    fractions of them, which are float32 (float64 for float64). A color image is three maps, with
    values from 0 to 255 or 65535. At the end, --range turns values into pixels: one map is a gray
    image, three maps are red, green and blue; .npy holds any number of maps. Alpha is dropped.
    """
    ctx.obj = source, outputs, reading, writing
    ctx.meta[STDIN] = source


@chain.result_callback()
@click.pass_obj
def _run(
    values: tuple[str, dict[str, Any], ReadOptions, WriteOptions],
    layers: list[Layer],
    /,
    **_: object,
) -> None:
    """Run the layers that the commands returned."""
    from convcli.cli.chain.results import ChainOutputs, run

    source, outputs, reading, writing = values
    run(source, ChainOutputs(**outputs), reading, writing, layers)
