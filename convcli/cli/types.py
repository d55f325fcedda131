"""What an option's text may say: sizes, pairs and padding, each read in one place.

Everywhere ``AxB`` is width x height and ``A,B`` is rows,columns.
"""

import re
from typing import TYPE_CHECKING, Any

import click

from convcli.choices import PADDINGS
from convcli.geometry import Pair

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
        if isinstance(value, tuple):
            return value
        numbers = [int(number) for number in re.findall(r"\d+", value)]
        if re.fullmatch(r"\s*\d+\s*", value):
            pair = (numbers[0], numbers[0])
        elif re.fullmatch(r"\s*\d+\s*,\s*\d+\s*", value):
            pair = (numbers[0], numbers[1])
        elif re.fullmatch(r"\s*\d+\s*[xX×]\s*\d+\s*", value):
            pair = (numbers[1], numbers[0])
        else:
            self.fail(
                f"{value!r} is not a number N, rows,columns such as 3,5, "
                "or widthxheight such as 5x3",
                param,
                ctx,
            )
        if min(pair) < self.least:
            self.fail(f"{value!r}: numbers must be at least {self.least}", param, ctx)
        return pair


class SizeValue(PairValue):
    """``WIDTHxHEIGHT`` or ``rows,columns``: a size, for which one number says too little."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pair:
        """Read the text as (rows, columns)."""
        if isinstance(value, str) and value.strip().isdigit():
            self.fail(f"{value!r} has one side; write {value}x{value} for a square", param, ctx)
        return super().convert(value, param, ctx)


class PositionValue(click.ParamType[Pair]):
    """``ROW,COL``, each from 0 on."""

    name = "position"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the form in the help."""
        return "ROW,COL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pair:
        """Read the text as (row, column)."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"\s*(\d{1,10})\s*,\s*(\d{1,10})\s*", value)
        if found is None:
            self.fail(f"{value!r} is not ROW,COL, two whole numbers from 0 on", param, ctx)
        return int(found[1]), int(found[2])


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
        if isinstance(value, tuple):
            return value
        if value in PADDINGS:
            return str(value)
        if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*){0,3}", value) or value.count(",") == 2:
            self.fail(f"{value!r} is not one of same, valid, full, N, V,H and T,B,L,R", param, ctx)
        return tuple(int(number) for number in value.split(","))

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
