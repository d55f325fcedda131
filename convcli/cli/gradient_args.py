"""The options of ``explain --gradient``, and what they do not go together with."""

from __future__ import annotations

from typing import NamedTuple

import click

from convcli.cli.layer_args import LayerArgs, given_options
from convcli.cli.missing_args import MissingArgs
from convcli.cli.options import option_group, value_option
from convcli.cli.types import POSITION, InputType
from convcli.geometry import Pair


class GradientArgs(NamedTuple):
    """Whether gradients are explained, the target of the loss, and a place in the feature map."""

    gradient: bool
    target: str | None
    at: Pair | None

    def place(self) -> Pair:
        """Return the position of a value that is explained alone.

        Raises:
            click.UsageError: there is none, or a target without a loss.
        """
        if self.target is not None:
            raise click.UsageError("--target needs --gradient; give both")
        if self.at is None:
            raise click.UsageError("Missing option '--at'.")
        return self.at

    def check(self, layers: LayerArgs) -> None:
        """Refuse the options that have no meaning for the gradients of one convolution.

        Raises:
            click.UsageError: one of them is given.
        """
        if layers.texts or layers.map_number is not None:
            raise click.UsageError(
                "--gradient is that of one convolution, given by -k; leave out --layer and --map"
            )
        for name, flag, group in given_options():
            if name in MissingArgs._fields:
                raise click.UsageError(f"--gradient takes all pixels; leave out {flag}")
            if name == "combine":
                raise click.UsageError(
                    "--gradient is that of one convolution; leave out --combine: several kernels "
                    "of one shape are a bank, whose gradients are explained together"
                )
            is_raw = name == "range" and click.get_current_context().params[name] == "raw"
            of_values = name in ("bias", "density") or is_raw
            if group == "Range and color" and not of_values:
                raise click.UsageError(
                    f"--gradient is that of values before they become pixels; leave out {flag}"
                )


gradient_options = option_group(
    "gradient_args",
    GradientArgs,
    value_option(
        "--at",
        type=POSITION,
        help="Row and column in the feature map, counted from 0. Required without --gradient.",
    ),
    value_option(
        "--gradient",
        is_flag=True,
        help="Explain the gradients of a loss by weights, bias and input.",
    ),
    value_option(
        "--target",
        type=InputType(),
        metavar="FILE",
        help="With --gradient, take the mean of (y - FILE)**2 for the loss, not the sum of y.",
    ),
)
