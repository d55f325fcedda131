"""``convcli chain INPUT LAYER...``: the command, and a command for each layer of the grammar.

Click wants the options of a group before INPUT, and those of a layer before its arguments. Here
an option may stand anywhere: :class:`_WordOrder` puts the words into click's order. An option
belongs to the layer before it if that layer has it, otherwise to the chain.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from convcli.batch.inputs import check_matrix
from convcli.choices import RANGES, SCALES, Scale
from convcli.cli.command import HELP_ALL, Command, Group, Option
from convcli.cli.files import no_input
from convcli.cli.kernel_args import check_stdin, sample_range
from convcli.cli.missing_args import MissingArgs, missing_options
from convcli.cli.options import (
    DENSITY,
    MARK,
    MATRIX,
    MAX_MEMORY,
    PERCENTILE,
    SHOW,
    check_figure_options,
    figure_option,
    option_group,
    output_file_option,
    output_option,
    panel_options,
    plot_option,
    range_option,
    read_one_options,
    report_option,
    write_one_options,
)
from convcli.cli.types import (
    FolderType,
    InputType,
    KernelSpecType,
    ParsedType,
    WordType,
    completion_items,
)
from convcli.errors import UsageError, prefix_errors, shown
from convcli.kernels.models.spec import parse_model
from convcli.teaching.chain.builders import BuiltLayer, as_built
from convcli.teaching.chain.grammar import LAYERS, NETWORK, SPEC, find_layer, layer_name
from convcli.teaching.chain.syntax import LayerSyntax, OptionSyntax

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from convcli.figure_options import FigureOptions
    from convcli.images.options import ReadOptions, WriteOptions

# Of Context.meta:
_NUMBER, _STDIN, _X, _TEXTS = (
    "convcli.layer-number", "convcli.stdin", "convcli.x", "convcli.layer-texts"
)  # fmt: skip


class LayerCommand(Command):
    """The command of a layer, which returns the layer."""

    def __init__(self, syntax: LayerSyntax) -> None:
        arguments = [
            click.Argument([argument.name], type=ParsedType(*argument.value))
            for argument in syntax.arguments
        ]
        examples = [f"convcli chain photo.png {example} -o out.npy" for example in syntax.examples]
        super().__init__(
            syntax.name,
            params=[*arguments, *(_click_option(option) for option in syntax.options)],
            help=f"{syntax.summary}\n\n{syntax.details}",
            examples="\n".join(examples),
        )
        self.syntax = syntax

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the layer's words; an error names the layer by its number."""
        meta = {} if parent is None else parent.meta
        number = meta[_NUMBER] = meta.get(_NUMBER, 0) + 1
        # The arguments of a network end with its file.
        name = shown(args[-1]) if self.syntax is NETWORK and args else info_name
        try:
            ctx = super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            problem = f"layer {number} ({name}): {error.format_message()}"
            raise click.UsageError(problem, error.ctx) from error
        ctx.obj = number
        return ctx

    def invoke(self, ctx: click.Context) -> list[BuiltLayer]:
        """Build the layer, or those of a network; an error names the layer by its number."""
        values = dict(ctx.params)
        with prefix_errors(f"layer {ctx.obj} ({layer_name(self.syntax, values)})"):
            if any(spec.strip() == "-" for spec in values.get("kernel", ())):
                chain = ctx.parent.params if ctx.parent else {}
                check_stdin("-", chain.get("source", ""), ctx.meta.get(_STDIN, ""))
                ctx.meta[_STDIN] = "-"
                values["stdin"] = sys.stdin.buffer
            if "kernel" in values and ctx.parent is not None:
                chain = ctx.parent.params
                x = sample_range(chain["x"], values["kernel"], [chain["source"]])
                values["x"] = x
                if x is not None and x.kernel:  # it holds for INPUT, too
                    ctx.meta[_X] = x
            return as_built(ctx.meta[_TEXTS][ctx.obj - 1], self.syntax.build(**values))

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage; a network has the name of its file in place of a layer's name."""
        if self.syntax is not NETWORK:
            super().format_usage(ctx, formatter)
            return
        chain = ctx.command_path.removesuffix(ctx.info_name or "")
        formatter.write_usage(f"{chain}{NETWORK.arguments[0].value.metavar}", "[OPTIONS]")

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the words of the usage after the name."""
        return [*super().collect_usage_pieces(ctx)[:1], *self.syntax.metavars]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """List the options; for completion, also those of the chain."""
        params = super().get_params(ctx)
        if ctx.resilient_parsing and ctx.parent is not None:
            chain = ctx.parent.command.params
            params += [param for param in chain if isinstance(param, click.Option)]
        return params

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer options, and every layer, since a layer may follow another of its kind."""
        items = super().shell_complete(ctx, incomplete)
        offered = {item.value for item in items}
        names = (name for name in LAYERS if name.startswith(incomplete) and name not in offered)
        return [*items, *completion_items(names)]


def _click_option(syntax: OptionSyntax) -> click.Option:
    flags = [syntax.short, f"{syntax.flag}/{syntax.off}" if syntax.off else syntax.flag]
    attributes: dict[str, Any] = {"help": syntax.help}
    if not syntax.required:  # to click, None is a default as well
        attributes["default"] = syntax.default
    attributes["show_default"] = syntax.shown_default or syntax.default not in (None, False, True)
    if syntax.value is None:
        attributes["is_flag"] = True
    else:
        value_type = KernelSpecType() if syntax.value is SPEC else ParsedType(*syntax.value)
        attributes |= {"type": value_type, "metavar": syntax.value.metavar}
        attributes |= {"multiple": syntax.multiple, "required": syntax.required}
    if syntax.name == "threads":  # one variable sets the threads of every command
        attributes["envvar"] = "CONVCLI_THREADS"
    return Option([*filter(None, flags), syntax.name], group=syntax.group, **attributes)


class ChainGroup(Group):
    """The chain: INPUT, then layers; options may stand anywhere."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words in click's order."""
        helps = {HELP_ALL, *self.get_help_option_names(ctx)}
        if len(args) == 2 and args[1] in helps and (syntax := _find_syntax(args[0])):
            # `chain conv --help` asks for the help of conv, not for an image named conv.
            self.commands[syntax.name].make_context(args[0], args[1:], parent=ctx)
        order = _WordOrder(self, ctx, args)
        words = list(order.words())
        ctx.meta[_TEXTS] = order.layer_texts
        return super().parse_args(ctx, words)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the layers in the order of the grammar."""
        return list(LAYERS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the layers with their arguments, one per line."""
        rows = [
            (" ".join((layer.name, *layer.metavars)), layer.summary) for layer in LAYERS.values()
        ]
        rows.append((NETWORK.arguments[0].value.metavar, NETWORK.summary))
        with formatter.section("Layers"):
            formatter.write_dl(rows)


class _WordOrder:
    """The words of one command line, put into click's order."""

    def __init__(self, chain: ChainGroup, ctx: click.Context, args: list[str]) -> None:
        self._chain = chain
        self._ctx = ctx
        self._left = list(args)
        self._own: list[str] = []  # the chain's options
        self._has_matrix = _has_matrix(chain, ctx, args)  # INPUT is left out then
        self._source = ["matrix"] if self._has_matrix else []
        self._layers: list[tuple[str, list[str], list[str]]] = []  # name, options, arguments
        self._typed: list[list[str]] = []  # the words of each layer in their own order
        self._options = self._chain_options = _options_by_flag(chain, ctx)
        self._given: set[str] = set()
        self._syntax: LayerSyntax | None = None  # of the last layer

    @property
    def layer_texts(self) -> list[str]:
        """The layers as they were typed."""
        return [shlex.join(words) for words in self._typed]

    def words(self) -> Iterator[str]:
        """Yield the words in click's order."""
        completing = self._ctx.resilient_parsing
        while self._left:
            typed = self._left.pop(0)
            word = self._syntax.with_flag(typed) if self._syntax else typed
            if word == "--" and self._left and not self._source:
                self._source = [word, self._left.pop(0)]
            elif len(word) > 1 and word.startswith("-"):
                self._take_option(word)
                if word != typed:
                    self._typed[-1][-1] = typed
            elif not self._source:
                self._source = [word]
            elif self._takes_argument():
                self._layers[-1][2].append(word)
                self._typed[-1].append(word)
            elif (syntax := _find_syntax(word)) or completing:
                is_network = syntax is NETWORK
                name = syntax.name if syntax else word
                self._layers.append((name, [], [word] if is_network else []))
                self._typed.append([word])
                self._syntax = syntax
                command = self._chain.commands.get(name)
                self._options = _options_by_flag(command, self._ctx) if command else {}
            else:
                check_matrix(self._has_matrix and not self._layers)
                find_layer(word)  # raises
        yield from self._own
        yield from self._source
        for name, options, arguments in self._layers:
            yield from (name, *options, *arguments)
        helps = {HELP_ALL, *self._chain.get_help_option_names(self._ctx)}
        if not (completing or set(self._own) & helps):
            self._check_complete()

    def _check_complete(self) -> None:
        """Raise UsageError if INPUT or the layers are missing."""
        if not self._source:
            raise no_input()
        if not self._layers:
            raise click.UsageError(f"Missing layer: {', '.join(LAYERS)}", self._ctx)

    def _takes_argument(self) -> bool:
        """Whether the last layer still takes an argument."""
        name, _, arguments = self._layers[-1] if self._layers else ("", [], [])
        return name in LAYERS and len(arguments) < len(LAYERS[name].arguments)

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
        if of_layer:
            self._typed[-1].extend(taken)
        (self._layers[-1][1] if of_layer else self._own).extend(taken)

    def _check_option(self, param: click.Option | None, flag: str, *, of_layer: bool) -> None:
        """Refuse an unknown option, and an option of the chain that is given twice."""
        if param is None:
            raise click.UsageError(f"No such option {flag!r}{self._hint()}", self._ctx)
        if of_layer:
            self._check_bare(flag)
            return
        if param.is_flag or not param.name:
            return
        if param.name in self._given:
            raise click.UsageError(f"{'/'.join(param.opts)} is given twice", self._ctx)
        self._given.add(param.name)

    def _check_bare(self, flag: str) -> None:
        """Refuse a second value of a layer's option whose flag can be left out."""
        option = self._syntax.bare_option if self._syntax else None
        name, words, _ = self._layers[-1]
        if option and flag == option.flag and any(word.startswith(flag) for word in words):
            raise click.UsageError(
                f"layer {len(self._layers)} ({name}): {option.given_twice}", self._ctx
            )

    def _hint(self) -> str:
        """Say what is probably wrong with an unknown option."""
        if self._layers:
            return f" of {shown(self._typed[-1][0])}; --help after it lists them"
        first = self._source[0] if self._source else ""
        if first in LAYERS:
            return f": INPUT comes first, then the layers, as in convcli chain INPUT {first} ..."
        return ": options of a layer come after its name"


def _find_syntax(word: str) -> LayerSyntax | None:
    """Return the kind of layer that a word begins, or None."""
    if word in LAYERS:
        return LAYERS[word]
    return NETWORK if parse_model(word) else None


def _has_matrix(chain: ChainGroup, ctx: click.Context, args: list[str]) -> bool:
    """Tell whether --matrix is among the words, which it may follow, or its variable is set."""
    in_words = any(word.partition("=")[0] == "--matrix" for word in args)
    option = _options_by_flag(chain, ctx)["--matrix"]
    return in_words or option.resolve_envvar_value(ctx) is not None


def _options_by_flag(command: click.Command, ctx: click.Context) -> dict[str, click.Option]:
    options = [param for param in command.params if isinstance(param, click.Option)]
    help_option = command.get_help_option(ctx)
    if help_option is not None:
        options.append(help_option)
    return {flag: option for option in options for flag in (*option.opts, *option.secondary_opts)}


output_options = option_group(
    "outputs",
    dict,
    output_file_option(
        metavar="FILE|-",
        show_default="{stem}_chain{suffix} beside INPUT",
        help="File for the maps of the last layer, or -.",
    ),
    range_option(
        "--range",
        type=WordType(RANGES),
        show_default="clip; raw for matrices",
        help="Convert to pixels.",
    ),
    PERCENTILE,
    DENSITY,
    MARK,
    report_option(
        "--summary",
        is_flag=True,
        help="Print each layer's output size, parameters, receptive field and multiply-adds.",
    ),
    report_option("--json", is_flag=True, help="Print the summary and the written files as JSON."),
    plot_option(help="Draw each layer's maps (.png, .pdf, .svg, ...)."),
    SHOW,
    output_option(
        "--each-dir",
        type=FolderType(),
        metavar="DIR",
        help="Save every layer's maps to DIR: NN_layer.npy, and NN_layer.png for 1 or 3 maps.",
    ),
)


@click.group(
    cls=ChainGroup,
    chain=True,
    no_args_is_help=False,
    commands={syntax.name: LayerCommand(syntax) for syntax in (*LAYERS.values(), NETWORK)},
    subcommand_metavar="LAYER [ARGS]... [LAYER [ARGS]...]...",
    examples="""
    convcli chain photo.png conv -k sobel-x relu maxpool 2 -o out.png
    convcli chain photo.png conv -k bank.npy relu globalpool max --summary
    convcli chain photo.png net.onnx:relu1 --plot maps.png
    """,
    epilog="""
    Options of a layer stand after its name; `convcli chain conv --help` lists them. The options
    above may stand anywhere.
    """,
)
@output_options
@figure_option(
    "--scale",
    type=WordType(SCALES),
    rare=True,
    show_default="common",
    help="Color scale: one for layers that keep units (common) or one per map (own).",
)
@panel_options("input", "kernel", "result")
@read_one_options
@missing_options
@write_one_options
@MATRIX
@MAX_MEMORY
@click.argument("source", metavar="INPUT", type=InputType())
@click.pass_context
def chain(
    ctx: click.Context,
    source: str,
    matrix: str | None,
    outputs: dict[str, Any],
    scale: Scale | None,
    figure: FigureOptions,
    reading: ReadOptions,
    missing_args: MissingArgs,
    writing: WriteOptions,
    max_memory: int | float,
) -> None:
    """Send an image through a sequence of layers, as a network does.

    Values are not rounded or clipped between layers. Integers stay exact up to 2**53 until a
    layer makes fractions; fractions are float32, or float64 if the input is float64. A color
    image is three maps, with values from 0 to 255 or 65535. At the end, --range turns values into
    pixels: one map is a gray image, three maps are red, green and blue; .npy holds any number of
    maps. Alpha is dropped.
    """
    if (model := parse_model(source)) is not None and model.format == "onnx":
        raise UsageError(
            f"{shown(source)} is a network: INPUT comes first, as in convcli chain INPUT "
            f"{shown(source)}"
        )
    show = outputs["show"]
    draws = show or outputs["plot"] is not None
    check_figure_options(figure, is_drawn=draws, advice="--plot FILE", show=show)
    if scale is not None and not draws:
        raise click.UsageError("--scale is for figures; draw one with --plot FILE")
    figure = figure._replace(digits=writing.digits, reading=reading.facts)
    outputs |= {"figure": figure, "scale": scale or "common"}
    missing = missing_args.missing(reading)
    ctx.obj = source, matrix, outputs, reading, missing, writing, max_memory


@chain.result_callback()
@click.pass_context
def _run(ctx: click.Context, results: list[list[BuiltLayer]], /, **_: object) -> None:
    """Run the layers that the commands returned."""
    from convcli.cli.chain.results import ChainOutputs, run

    source, matrix, outputs, reading, missing, writing, max_memory = ctx.obj
    x = ctx.meta.get(_X) or sample_range(reading.x, (), [source], density=outputs["density"])
    reading = reading._replace(x=x)
    built = [layer for result in results for layer in result]
    outputs["texts"] = [each.text for each in built]
    layers = [layer for each in built for layer in each.layers]
    chosen = ChainOutputs(**outputs)
    run(source, chosen, reading, writing, layers, max_memory, matrix, missing)
