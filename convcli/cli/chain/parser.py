"""The words of ``convcli chain INPUT LAYER...``: whose each option is, wherever it stands.

Click's own chaining wants each command's options before its arguments, and the group's before
INPUT. Here they may follow, ``maxpool 2 --stride 1`` and ``relu -o out.png``: the words are put
into click's order before it reads them. An option is that of the layer before it, or else the
chain's.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from convcli.errors import prefix_errors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Options = Mapping[str, click.Parameter]


class LayerCommand(click.Command):
    """One layer; its callback returns what :class:`convcli.layers.base.Layer` describes."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the layer's words; a fault is told with its number and name."""
        meta = {} if parent is None else parent.meta
        number = meta["convcli.layers"] = meta.get("convcli.layers", 0) + 1
        try:
            ctx = super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            problem = f"layer {number} ({info_name}): {error.format_message()}"
            raise click.UsageError(problem, error.ctx) from error
        ctx.obj = number
        return ctx

    def invoke(self, ctx: click.Context) -> Any:
        """Make the layer; a fault is told with its number and name."""
        with prefix_errors(f"layer {ctx.obj} ({self.name})"):
            return super().invoke(ctx)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """List the options; where they are completed, with those of the chain."""
        params = super().get_params(ctx)
        if ctx.resilient_parsing and ctx.parent is not None:
            more = ctx.parent.command.params
            params += [each for each in more if isinstance(each, click.Option)]
        return params

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem"]:
        """Offer options, and every layer: one may follow another of its kind."""
        from click.shell_completion import CompletionItem

        found = super().shell_complete(ctx, incomplete)
        if ctx.parent is None or not isinstance(ctx.parent.command, click.Group):
            return found
        offered = {item.value for item in found}
        names = ctx.parent.command.list_commands(ctx.parent)
        more = (name for name in names if name.startswith(incomplete) and name not in offered)
        return [*found, *map(CompletionItem, more)]


class ChainGroup(click.Group):
    """A chain of layers, whose options may stand anywhere."""

    command_class = LayerCommand

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words, put into click's order."""
        asked = set(self.get_help_option_names(ctx))
        layer = self.get_command(ctx, args[0]) if len(args) == 2 and args[1] in asked else None
        if layer is not None:  # `chain conv --help` is no image named conv
            layer.make_context(args[0], args[1:], parent=ctx)
        return super().parse_args(ctx, list(_Order(self, ctx, args).words()))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the layers in the order in which they were declared."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the layers with their arguments, a line each."""
        rows = [
            (" ".join((name, *_arguments(command, ctx))), command.get_short_help_str(80))
            for name, command in self.commands.items()
        ]
        with formatter.section("Layers"):
            formatter.write_dl(rows)


class _Order:
    """One command line, word by word."""

    def __init__(self, chain: ChainGroup, ctx: click.Context, args: list[str]) -> None:
        self._chain = chain
        self._ctx = ctx
        self._left = list(args)
        self._own: list[str] = []
        self._source: list[str] = []
        self._layers: list[list[str]] = []  # of each the name, its options, then its arguments
        self._arguments: list[str] = []
        self._wanted = 0  # arguments that the last layer still takes
        self._options = self._chain_options = _options(chain, ctx)
        self._given: set[str] = set()

    def words(self) -> Iterator[str]:
        """Yield them in click's order."""
        while self._left:
            word = self._left.pop(0)
            if word == "--" and self._left and not self._source:
                self._source = [word, self._left.pop(0)]
            elif len(word) > 1 and word.startswith("-"):
                self._take_option(word)
            elif not self._source:
                self._source = [word]
            elif self._wanted:
                self._wanted -= 1
                self._arguments.append(word)
            elif not self._begin_layer(word):
                self._arguments += [word, *self._left]  # is being completed
                break
        self._end_layer()
        yield from self._own
        yield from self._source
        for layer in self._layers:
            yield from layer
        helped = set(self._own) & set(self._chain.get_help_option_names(self._ctx))
        if self._source and not (self._layers or helped or self._ctx.resilient_parsing):
            raise click.UsageError(f"Missing layer: {_known(self._chain)}", self._ctx)

    def _take_option(self, word: str) -> None:
        """Take an option with its value, for the layer before it or for the chain."""
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        param = self._options.get(name)
        layers_own = bool(self._layers) and param is not None
        param = param or self._chain_options.get(name)
        taken = [word]
        if _takes_next(param, word, name):
            if self._left:
                taken.append(self._left.pop(0))
            elif self._ctx.resilient_parsing:  # its value is being completed
                return
            else:
                raise click.UsageError(f"Option {name!r} requires an argument.", self._ctx)
        if not self._ctx.resilient_parsing:
            self._check_option(param, name, layers_own=layers_own)
        if layers_own:
            self._layers[-1] += taken
        else:
            self._own += taken

    def _check_option(self, param: click.Parameter | None, name: str, *, layers_own: bool) -> None:
        """Refuse an unknown option, and one of the chain that is given twice."""
        if param is None:
            raise click.UsageError(f"No such option {name!r}{self._hint()}", self._ctx)
        single = isinstance(param, click.Option) and not (param.is_flag or layers_own)
        if single and param.name:
            if param.name in self._given:
                raise click.UsageError(f"{'/'.join(param.opts)} is given twice", self._ctx)
            self._given.add(param.name)

    def _hint(self) -> str:
        """Say what is likely amiss where an option is unknown."""
        if self._layers:
            return f" of {self._layers[-1][0]}; --help after it lists them"
        first = self._source[0] if self._source else ""
        if first in self._chain.commands:
            return f": INPUT comes first, then the layers, as in convcli chain INPUT {first} ..."
        return ": those of a layer come after its name"

    def _begin_layer(self, name: str) -> bool:
        """Begin a layer; an unknown one is refused, unless the line is being completed."""
        self._end_layer()
        command = self._chain.get_command(self._ctx, name)
        if command is None:
            if self._ctx.resilient_parsing:
                return False
            raise click.UsageError(_no_such(name, self._chain), self._ctx)
        self._layers.append([name])
        self._options = _options(command, self._ctx)
        self._wanted = sum(isinstance(param, click.Argument) for param in command.params)
        return True

    def _end_layer(self) -> None:
        if self._layers:
            self._layers[-1] += self._arguments
            self._arguments = []


def _options(command: click.Command, ctx: click.Context) -> Options:
    """Return a command's options by their names, that of help among them."""
    named = {
        name: param
        for param in command.params
        if isinstance(param, click.Option)
        for name in (*param.opts, *param.secondary_opts)
    }
    helping = command.get_help_option(ctx)
    return named | (dict.fromkeys(helping.opts, helping) if helping is not None else {})


def _takes_next(param: click.Parameter | None, word: str, name: str) -> bool:
    """Tell whether an option's value is the next word."""
    return isinstance(param, click.Option) and not param.is_flag and word == name


def _arguments(command: click.Command, ctx: click.Context) -> list[str]:
    return [each.make_metavar(ctx) for each in command.params if isinstance(each, click.Argument)]


def _known(chain: ChainGroup) -> str:
    return ", ".join(chain.commands)


def _no_such(name: str, chain: ChainGroup) -> str:
    close = get_close_matches(name, chain.commands, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the layers are {_known(chain)}"
    return f"No such layer {name!r}: {hint}"
