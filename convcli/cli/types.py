"""The types of option values, each read from text in one place.

Everywhere ``AxB`` is width x height, and ``A,B`` is rows,columns.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import click

from convcli.choices import ANCHORS, PADDING_FORMS, PADDINGS, PANELS, Panel
from convcli.geometry import parse_anchor, parse_padding, parse_pair, parse_position, parse_size
from convcli.samples import complete_sample, is_sample
from convcli.signals import PREFIX

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    TextType = click.ParamType[Any]
else:
    TextType = click.ParamType  # which is generic from click 8.4 on


STDOUT_NAMES = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


class ParsedType(TextType):
    """Text that a function reads; its ValueError becomes a usage error.

    ``words`` are texts that completion offers.
    """

    name = "text"

    def __init__(
        self, metavar: str, parse: Callable[[str], Any], words: tuple[str, ...] = ()
    ) -> None:
        self.metavar = metavar
        self.parse = parse
        self.words = words

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the forms in the help."""
        return self.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse a text; another value was parsed before."""
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the words that the text may be."""
        return completion_items(word for word in self.words if word.startswith(incomplete))


class FloatType(click.types.FloatParamType):
    """Any number; a message calls it that, where Click says "float"."""

    name = "number"


class IntegerType(click.IntRange):
    """An integer; a message calls it that, where Click says "integer range"."""

    name = "integer"


class NumberType(click.FloatRange):
    """A number, and not NaN; a message calls it that, where Click says "float range"."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; NaN is in every range for Click."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class InputType(click.Path):
    """A file name, ``@NAME`` of a sample, or ``signal:NAME``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name; a matrix in its place is refused with the option that takes it."""
        if ctx is not None and any(each.name == "matrix" for each in ctx.command.params):
            is_matrix = re.fullmatch(r"[-+.\d/]+([\s,;]+[-+.\d/]+)+[\s;]*", str(value))
            if is_matrix and not os.path.lexists(value):
                self.fail(f"no such file; a matrix is given as --matrix '{value}'", param, ctx)
        return super().convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer samples after an @, signals after their prefix, else files."""
        if incomplete.startswith(PREFIX):
            from convcli.kernels.catalogue import complete_signal

            return completion_items(complete_signal(incomplete))
        if is_sample(incomplete):
            return completion_items(complete_sample(incomplete))
        return super().shell_complete(ctx, param, incomplete)


class PathType(click.Path):
    """The name of a file or a folder, which must not be empty."""

    advice = "name a file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name."""
        if value == "":
            self.fail(f"is empty; {self.advice}", param, ctx)
        return super().convert(value, param, ctx)


class OutputType(PathType):
    """A file name; every name of standard output becomes ``-``."""

    advice = "name a file, or - for standard output"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name."""
        return "-" if value in STDOUT_NAMES else super().convert(value, param, ctx)


class FolderType(PathType):
    """The name of a folder."""

    advice = "name a folder, or . for the current one"


class PairType(ParsedType):
    """A whole number for both axes, ``rows,columns``, or ``WIDTHxHEIGHT``; (rows, columns)."""

    def __init__(self, metavar: str = "N|V,H", *, least: int = 1) -> None:
        super().__init__(metavar, partial(parse_pair, least=least))


class PaddingType(ParsedType):
    """A padding, as :data:`convcli.choices.PADDING_FORMS` has it."""

    def __init__(self) -> None:
        super().__init__("|".join(PADDING_FORMS), parse_padding, PADDINGS)


class WordType(click.Choice[str]):
    """One of several words; a synonym stands for one of them and is not shown in the help."""

    def __init__(
        self, words: Iterable[str], synonyms: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.words = tuple(words)
        self.synonyms = synonyms
        super().__init__([*self.words, *synonyms])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        name, colon, numbers = value.partition(":")
        if colon and name in self.words and ctx is not None:
            flags = [flag for each in ctx.command.params for flag in each.opts]
            if f"--{name}" in flags:
                self.fail(
                    f"{name} has an option of its own for that: --{name} {numbers}", param, ctx
                )
        word = super().convert(value, param, ctx)
        return self.synonyms.get(word, word)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the words in the help."""
        return "|".join(self.words)


class KernelSpecType(TextType):
    """A kernel SPEC, completed with the names of the catalogue."""

    name = "spec"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the names of kernels, or else files."""
        from convcli.kernels.catalogue import complete_kernel

        return completion_items(complete_kernel(incomplete)) or completion_items(
            [incomplete], type="file"
        )


class LayerTextType(ParsedType):
    """The text of a layer, completed with the names of layers."""

    def __init__(self, metavar: str = "TEXT", parse: Callable[[str], Any] = str) -> None:
        super().__init__(metavar, parse)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the names of layers."""
        from convcli.teaching.chain.grammar import LAYERS

        return completion_items(name for name in LAYERS if name.startswith(incomplete))


def parse_memory(text: str) -> int | float:
    """Read a size in bytes as an int, or a share in percent as a float.

    The letters k, M, G and T stand for powers of 1024.

    Raises:
        ValueError: the text has another form, the size is 0, or the share exceeds 100 %.

    >>> parse_memory("1.5k"), parse_memory("80%")
    (1536, 0.8)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kKmMgGtT])?(?:i?[bB])?|(%))\s*", text)
    number = float(match[1]) if match else 0
    if not match or not number or (match[3] and number > 100):
        raise ValueError(f"{text!r} is not a size such as 500M or 2G, or a share such as 80%")
    if match[3]:
        return number / 100
    power = "kmgt".index(match[2].lower()) + 1 if match[2] else 0
    return int(number * 1024**power)


def parse_percentiles(text: str) -> tuple[float, float]:
    """Read ``LOW,HIGH``, two percentiles from 0 to 100.

    Raises:
        ValueError: the text has another form, or LOW is not less than HIGH.

    >>> parse_percentiles("0.5,99.5")
    (0.5, 99.5)
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = 0
    if not 0 <= low < high <= 100:
        raise ValueError(f"{text!r} is not two percentiles from 0 to 100 such as 1,99")
    return low, high


def parse_panels(known: Sequence[str], text: str) -> tuple[Panel, ...]:
    """Read names of panels, separated by commas.

    Args:
        known: those of the command. Its own messages say where other panels are drawn.
        text: the names.

    Raises:
        ValueError: no panel has such a name, or a name occurs twice.

    >>> parse_panels(["input", "result"], "input, result")
    ('input', 'result')
    """
    names = tuple(name.strip() for name in text.split(","))
    for number, name in enumerate(names):
        if name not in PANELS:
            raise ValueError(f"{name!r} is no panel; the panels are {', '.join(known)}")
        if name in names[:number]:
            raise ValueError(f"{name!r} is named twice")
    return cast("tuple[Panel, ...]", names)


def parse_titles(text: str) -> tuple[str, ...]:
    """Read titles, separated by commas; quotes keep a comma in a title.

    >>> parse_titles('Original, "Edges, thin"')
    ('Original', 'Edges, thin')
    """
    import csv

    return tuple(next(csv.reader([text], skipinitialspace=True), [""]))


def parse_limits(text: str) -> tuple[float, float]:
    """Read ``LOW,HIGH``, the values at the ends of color scales.

    Raises:
        ValueError: the text has another form, or LOW is not less than HIGH.

    >>> parse_limits("-1,1")
    (-1.0, 1.0)
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = 0.0
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{text!r} is not two numbers in rising order such as -1,1")
    return low, high


SIZE = ParsedType("WxH", parse_size)
TITLE_LIST = ParsedType("LIST", parse_titles)
LIMITS = ParsedType("LOW,HIGH", parse_limits)
ANCHOR_PLACE = ParsedType("before|after|ROW,COL", parse_anchor, ANCHORS)
POSITION = ParsedType("ROW,COL", parse_position)
PERCENTILE_PAIR = ParsedType("LOW,HIGH", parse_percentiles)
MEMORY = ParsedType("SIZE|P%", parse_memory)


def completion_items(values: Iterable[str], **attributes: Any) -> list[CompletionItem]:
    """Return values as click's completion takes them."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(value, **attributes) for value in values]
