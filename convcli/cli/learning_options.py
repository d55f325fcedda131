"""The options of ``convcli learn``: how the images were made, and how to descend."""

from typing import TYPE_CHECKING, Any

import click

from convcli.cli.options import (
    DILATION,
    FILL,
    OPERATION,
    STRIDE,
    BorderValue,
    filled,
    option,
    option_group,
)
from convcli.cli.types import PaddingValue, PairValue

if TYPE_CHECKING:
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.windows import Model


def _model(no_bias: bool, size: Any, **values: Any) -> "Model":
    _calm_blas()
    from convcli.teaching.learn.windows import Model

    return Model(kernel_shape=size, with_bias=not no_bias, **filled(values))


def _calm_blas() -> None:
    """Let BLAS compute on one thread, before numpy loads it.

    The threads are ours, a part of the windows each. BLAS's own would wait for each other at every
    step, for seconds where other programs are at work.
    """
    import os
    import sys

    from convcli.batch.executors.forkserver import BLAS_THREAD_VARIABLES

    if "numpy" not in sys.modules:
        for name in BLAS_THREAD_VARIABLES:
            os.environ.setdefault(name, "1")


def _descent(descent: bool, **values: Any) -> "Descent | None":
    from convcli.teaching.learn.descent import Descent

    given = {name: value for name, value in values.items() if value is not None}
    if given and not descent:
        raise click.UsageError(f"--{next(iter(given))} is for --descent; name both")
    return Descent(**given) if descent else None


model_options = option_group(
    "model",
    _model,
    option(
        "--size",
        type=PairValue("N|WxH|R,C"),
        default="3",
        show_default=True,
        help="Size of the kernel.",
    ),
    OPERATION,
    option(
        "--padding",
        type=PaddingValue(),
        help="Pixels that were added around BEFORE.  [default: same, valid or full, by the sizes]",
    ),
    option(
        "--border",
        type=BorderValue(),
        help="What the padding held, so that all windows can be used.  [default: unknown; only "
        "windows that touch no padding are used]",
    ),
    FILL,
    STRIDE,
    DILATION,
    option("--no-bias", is_flag=True, help="Nothing was added to the sums."),
    option(
        "--ignore-clipped",
        is_flag=True,
        help="Leave out AFTER's pixels that are black or white (0, and 255 or 65535): they were "
        "perhaps cut.",
    ),
)
descent_options = option_group(
    "descent",
    _descent,
    option(
        "--descent",
        is_flag=True,
        help="Learn step by step, from random weights down the gradient of the loss.",
    ),
    option(
        "--rate",
        type=float,
        metavar="R",
        help="Of descent: the step along the gradient, for pixels scaled to variance 1.  "
        "[default: the inverse of the steepest curvature]",
    ),
    option("--epochs", type=int, metavar="N", help="Of descent: how many steps.  [default: 200]"),
    option(
        "--momentum",
        type=float,
        metavar="M",
        help="Of descent: the share of a step that is kept for the next.  [default: 0.9]",
    ),
    option("--seed", type=int, metavar="N", help="Of descent's random start.  [default: 0]"),
)
