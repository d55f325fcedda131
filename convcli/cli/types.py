"""What an option's text may say: sizes, pairs and padding, each read in one place.

Everywhere ``AxB`` is width x height and ``A,B`` is rows,columns.
"""

import re
from typing import TYPE_CHECKING, Any

import click

from convcli.choices import PADDINGS
from convcli.geometry import Pair, parse_padding, parse_pair, parse_position, parse_size

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class PairValue(click.ParamType[Pair]):
    """A whole number for both axes, ``rows,columns``, or ``WIDTHxHEIGHT``."""

    name = "pair"

    def __init__(self, metavar: str = "N|V,H", *, least: int = 1) -> None:
        self.metavar = metavar
        self.least = least

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the forms in the help."""
        return self.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pair:
        """Read the text as (rows, columns)."""
        try:
            return value if isinstance(value, tuple) else parse_pair(value, least=self.least)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SizeValue(PairValue):
    """``WIDTHxHEIGHT`` or ``rows,columns``: a size, for which one number says too little."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pair:
        """Read the text as (rows, columns)."""
        try:
            return value if isinstance(value, tuple) else parse_size(value, least=self.least)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PositionValue(click.ParamType[Pair]):
    """``ROW,COL``, each from 0 on."""

    name = "position"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the form in the help."""
        return "ROW,COL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pair:
        """Read the text as (row, column)."""
        try:
            return value if isinstance(value, tuple) else parse_position(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PaddingValue(click.ParamType[str | tuple[int, ...]]):
    """``same``, ``valid``, ``full``, ``N``, ``V,H`` or ``T,B,L,R``."""

    name = "padding"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the forms in the help."""
        return "same|valid|full|N|V,H|T,B,L,R"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | tuple[int, ...]:
        """Read the text as a rule's name or as 1, 2 or 4 numbers of pixels."""
        try:
            return value if isinstance(value, tuple) else parse_padding(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list["CompletionItem"]:
        """Offer the rules' names."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in PADDINGS if name.startswith(incomplete)]


class MemoryValue(click.ParamType[int | float]):
    """Bytes, with k, M, G or T for powers of 1024, or a share in percent."""

    name = "size"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the forms in the help."""
        return "SIZE|P%"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float:
        """Read the text as bytes, an int, or as a share, a float."""
        if isinstance(value, int | float):
            return value
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kKmMgGtT])?(?:i?[bB])?|(%))\s*", value)
        number = float(found[1]) if found else 0
        if not number or (found and found[3] and number > 100):
            self.fail(
                f"{value!r} is no size such as 500M or 2G, and no share such as 80%", param, ctx
            )
        if found and found[3]:
            return number / 100
        power = "kmgt".index(found[2].lower()) + 1 if found and found[2] else 0
        return int(number * 1024**power)
