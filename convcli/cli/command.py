"""The form of every help page: summary, examples, details, then options in titled groups."""

from __future__ import annotations

import inspect
import os
from typing import Any

import click
from click.core import ParameterSource

# The groups in the order of the page, each with its topic of `convcli manual`.
GROUPS = {
    "Value": "{command}",
    "Comparison": "{command}",
    "Model": "{command}",
    "Descent": "{command}",
    "Layer": "layers",
    "Size": "sizes",
    "Program": "code",
    "Kernel": "kernels",
    "Convolution": "borders",
    "Range and color": "ranges",
    "Frames": "{command}",
    "Input": "images",
    "Output": "folders",
    "Figures": "figures",
    "Speed": "speed",
    "Report": "report",
    "Help": "",
}
COLUMN = 22  # characters for an option and its value; the help of a longer one starts below it
_NO_BREAK = "\u00a0"  # a space at which no line is broken
HELP_ALL = "--help-all"
MANY = 30  # a command with more options than this shows the rare ones in --help-all only


class Option(click.Option):
    """An option with its group on the help page; a rare one is hidden where a page is long."""

    def __init__(self, *args: Any, group: str = "Help", rare: bool = False, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.group = group
        self.rare = rare

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the first variable that is set; see :meth:`variables`."""
        set_ones = (os.environ.get(variable) for variable in self.variables(ctx))
        return next(filter(None, set_ones), None)

    def variables(self, ctx: click.Context) -> list[str]:
        """Return the names of the option's environment variables, one for each long name."""
        own = [self.envvar] if isinstance(self.envvar, str) else list(self.envvar or ())
        if not self.allow_from_autoenv or ctx.auto_envvar_prefix is None:
            return own
        names = [name[2:] for name in self.opts if name.startswith("--")]
        return [
            *(f"{ctx.auto_envvar_prefix}_{name}".upper().replace("-", "_") for name in names),
            *own,
        ]

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Return the value; a repeatable option takes one from each line."""
        text = self.resolve_envvar_value(ctx)
        if not self.multiple or text is None:
            return super().value_from_envvar(ctx)
        return tuple(line for line in text.splitlines() if line.strip())

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Convert the value; an error names the variable that the value comes from."""
        try:
            return super().process_value(ctx, value)
        except click.BadParameter as error:
            if ctx.get_parameter_source(str(self.name)) is ParameterSource.ENVIRONMENT:
                variables = filter(os.environ.get, self.variables(ctx))
                error.param_hint = f"environment variable {next(variables)}"
            raise


class Command(click.Command):
    """A command with examples, and options in groups; ``--help-all`` shows the hidden ones, too."""

    def __init__(self, *args: Any, examples: str = "", **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.examples = inspect.cleandoc(examples).splitlines()
        options = [param for param in self.params if isinstance(param, Option)]
        self.hides = len(options) > MANY and any(option.rare for option in options)
        self.params.append(_help_all_option(is_listed=self.hides))

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option ``--help``, which no environment variable sets."""
        help_option = super().get_help_option(ctx)
        if help_option is not None:
            help_option.allow_from_autoenv = False
        return help_option

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the page."""
        self.format_usage(ctx, formatter)
        summary, _, details = inspect.cleandoc(self.help or "").partition("\n\n")
        _write_text(formatter, summary)
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in self.examples))
        _write_text(formatter, details)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        self.format_options(ctx, formatter)
        self.format_epilog(ctx, formatter)
        if self.hides and not ctx.meta.get(__name__):
            _write_text(formatter, f"All options: {ctx.command_path} {HELP_ALL}")

    def get_help(self, ctx: click.Context) -> str:
        """Return the page."""
        return super().get_help(ctx).replace(_NO_BREAK, " ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by groups, each with a pointer to the manual."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in GROUPS}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            rare = self.hides and getattr(param, "rare", False) and not ctx.meta.get(__name__)
            if isinstance(param, click.Option) and record is not None and not rare:
                spec = record[0].ljust(COLUMN)
                sections[getattr(param, "group", "Help")].append((spec, _text(param, ctx)))
        for title, rows in sections.items():
            topic = GROUPS[title].format(command=ctx.info_name)
            pointer = f" (convcli manual {topic})" if topic else ""
            if rows:
                with formatter.section(title + pointer):
                    formatter.write_dl(rows, col_max=COLUMN)


class Group(Command, click.Group):
    """A group of commands with the same page."""

    command_class = Command


def _text(param: click.Option, ctx: click.Context) -> str:
    """Return the help text of an option; the limits of its value appear in errors only."""
    default = param.get_help_extra(ctx).get("default", "")
    if isinstance(param.show_default, str):
        default = param.show_default
    notes = ["[required]"] * param.required + [f"[default: {default}]"] * bool(default)
    return "  ".join((param.help or "", *(note.replace(" ", _NO_BREAK) for note in notes)))


def _write_text(formatter: click.HelpFormatter, text: str) -> None:
    if text:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)


def _help_all_option(*, is_listed: bool) -> click.Option:
    """Return the option, which every command takes; pages that are whole do not list it."""
    return Option(
        [HELP_ALL],
        hidden=not is_listed,
        is_flag=True,
        is_eager=True,
        expose_value=False,
        allow_from_autoenv=False,
        callback=_print_whole_page,
        help="Show this page with all options.",
    )


def _print_whole_page(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[__name__] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()
