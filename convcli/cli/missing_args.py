"""The options of missing pixels, and what their values say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import click

from convcli.choices import NAN_RULES, NanRule
from convcli.cli.options import Callback, Decorator, input_option, option_group
from convcli.cli.types import NumberType, ParsedType, PathType, WordType
from convcli.errors import UsageError
from convcli.images.options import ReadOptions
from convcli.samples import file_of

if TYPE_CHECKING:
    from convcli.core.missing import Missing


class MissingArgs(NamedTuple):
    """The values of the options of missing pixels."""

    nan: NanRule = "propagate"
    mask: str | None = None
    nodata: float | None = None
    min_valid: float | None = None

    def missing(self, reading: ReadOptions) -> Missing | None:
        """Read the mask, and return which pixels of an image are missing; None if none can be.

        Args:
            reading: how the image is read.

        Raises:
            UsageError: the options contradict each other.
            ImageError: the mask cannot be read, is damaged or has transparent pixels.
        """
        if self.nan == "propagate" and self.mask is None and self.nodata is None:
            if self.min_valid is not None:
                raise UsageError("--min-valid needs --nan ignore, --mask or --nodata")
            return None
        if reading.resize is not None:
            raise UsageError(
                "--resize would mix missing pixels with valid ones; resize the image beforehand"
            )
        from convcli.core.missing import Missing

        mask = None
        if self.mask is not None:
            from convcli.images.mask import read_mask

            if self.mask == "-":
                raise UsageError("--mask reads a file, not standard input; name one")
            mask = read_mask(file_of(self.mask), reading.max_pixels)
        return Missing(self.nan == "ignore", mask, self.min_valid or 0, self.nodata)


def _number(text: str) -> float:
    """Return a number; a whole one is exact."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if math.isinf(number) and any(letter.isdigit() for letter in text):
        raise ValueError(f"{text!r} is larger than any pixel; 'inf' is infinity")
    try:
        return int(text)
    except ValueError:
        return number


missing_options = option_group(
    "missing_args",
    MissingArgs,
    input_option(
        "--nan",
        type=WordType(NAN_RULES),
        default="propagate",
        rare=True,
        help="ignore takes NaN as a missing pixel; see convcli manual missing.",
    ),
    input_option(
        "--mask",
        type=PathType(),
        metavar="FILE",
        rare=True,
        help="Pixels that are not 0 in FILE are missing (OpenCV, GDAL: those that are 0).",
    ),
    input_option(
        "--nodata",
        type=ParsedType("V", _number),
        rare=True,
        help="Pixels of value V are missing. Results without valid pixels become V.",
    ),
    input_option(
        "--min-valid",
        type=NumberType(0, 1),
        metavar="0-1",
        rare=True,
        show_default="more than 0",
        help="Share of the weights that must lie on valid pixels, or the value is invalid.",
    ),
)


def refuse_missing(reason: str) -> Decorator:
    """Return a decorator that refuses the options of missing pixels, each with this reason."""

    def refuse(ctx: click.Context, param: click.Parameter, value: object) -> None:
        if value is not None and not ctx.resilient_parsing:
            raise click.UsageError(f"{param.opts[0]}: {reason}", ctx)

    def decorate(callback: Callback) -> Callback:
        for flag in ("--nan", "--mask", "--nodata", "--min-valid"):
            declare = input_option(
                flag, hidden=True, expose_value=False, callback=refuse, help=f"Refused: {reason}."
            )
            callback = declare(callback)
        return callback

    return decorate
