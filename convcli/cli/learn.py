"""``convcli learn``: the kernel that turns one image into another."""

from typing import TYPE_CHECKING, Any

import click

from convcli.cli.files import check_outputs
from convcli.cli.kernel_options import BORDER_DIAGRAMS
from convcli.cli.learning_options import descent_options, model_options
from convcli.cli.options import KernelSpecValue, as_stored_options, overwrite_option

if TYPE_CHECKING:
    from convcli.images.options import ReadOptions
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.pairs import Examples
    from convcli.teaching.learn.result import LearnResult
    from convcli.teaching.learn.text import Truth
    from convcli.teaching.learn.windows import Model

_ROUNDING = 0.35  # levels; rounding leaves a residual of 0.29


@click.command(
    short_help="Learn the kernel that turns one image into another.",
    epilog=BORDER_DIAGRAMS
    + """
\b
Examples:
  convcli learn photo.png filtered.png
  convcli learn photo.png filtered.png --size 5x3 -o kernel.npy
  convcli learn photo.png filtered.png --ignore-clipped --truth sobel-x
  convcli learn photo.png filtered.png --descent --plot learning.png
  convcli learn originals/ results/ --size 7 --json
""",
)
@model_options
@descent_options
@click.option(
    "--truth",
    type=KernelSpecValue(),
    metavar="SPEC",
    help="Compare with this kernel: a name, a matrix or a file, as for apply -k.",
)
@as_stored_options
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write the kernel to FILE (.npy, .csv, .txt, .json), which apply -k reads; only .json "
    "holds the bias.",
)
@click.option(
    "--plot",
    type=click.Path(),
    metavar="FILE",
    help="Draw the kernel, the true one beside it, and a descent's course (.png, .pdf, .svg, ...).",
)
@overwrite_option
@click.option("--json", is_flag=True, help="Print every number as JSON.")
@click.argument("before", metavar="BEFORE", type=click.Path())
@click.argument("after", metavar="AFTER", type=click.Path())
def learn(
    before: str,
    after: str,
    model: "Model",
    descent: "Descent | None",
    truth: str | None,
    reading: "ReadOptions",
    output: str | None,
    plot: str | None,
    overwrite: bool,
    json: bool,
) -> None:
    """Learn the kernel, and the bias, that turn BEFORE into AFTER.

    Least squares over all windows: the kernel whose result differs least from AFTER. Prints it,
    with the residual, the share of AFTER's variance that it explains (R squared), the condition
    number, by which noise may be magnified, and the name if it is a known kernel. Where BEFORE
    has colors and AFTER is gray, the kernel has a channel for each color.

    BEFORE and AFTER are images, .npy, .csv or .txt matrices, one of them perhaps -; or two
    folders, whose images pair up by name (photo.png with photo.png or photo_KERNEL.png) and are
    learned from together. They may be the same folder, where photo.png pairs with
    photo_KERNEL.png alone.
    """
    from convcli.teaching.learn.fit import learn_from

    _check_suffix(output)
    check_outputs(output, plot, overwrite=overwrite)
    examples = _examples(before, after, reading)
    true = _truth_kernel(truth, before, after)
    learned = learn_from(examples, model, descent)
    compared = _compared(true, learned)
    _write(learned, compared, output, plot, overwrite)
    _tell(learned)
    files = {"output": output, "figure": plot}
    _print(learned, compared, examples, files, json=json)


def _check_suffix(output: str | None) -> None:
    """See that a kernel can have this name, before anything is read."""
    from convcli.errors import UsageError, shown
    from convcli.kernels.files import KERNEL_SUFFIXES

    if output is not None and not output.lower().endswith(KERNEL_SUFFIXES):
        raise UsageError(f"{shown(output)}: a kernel is written as .npy, .csv, .txt or .json")


def _examples(before: str, after: str, reading: "ReadOptions") -> "Examples":
    """Find the pairs; what is to be known of them is said on stderr."""
    from functools import partial

    from convcli.cli.files import read_quietly
    from convcli.teaching.learn.pairs import Examples, few, find_pairs

    pairs, left = find_pairs(before, after)
    if left:
        click.echo(f"{len(left)} without a partner left out: {few(left)}", err=True)
    return Examples(pairs, partial(read_quietly, reading=reading), partial(click.echo, err=True))


def _truth_kernel(truth: str | None, *sources: str) -> Any:
    import sys

    from convcli.cli.kernel_args import check_stdin
    from convcli.kernels.spec import only_kernel, read_spec

    if truth is None:
        return None
    check_stdin([truth], *sources)
    return only_kernel(read_spec(truth, getattr(sys.stdin, "buffer", None)))


def _compared(true: Any, learned: "LearnResult") -> "Truth | None":
    from convcli.teaching.learn.text import Truth

    if true is None:
        return None
    *channels, rows, columns = learned.weights.shape
    return Truth.of(true, (rows, columns), channels[0] if channels else None)


def _write(
    learned: "LearnResult",
    truth: "Truth | None",
    output: str | None,
    plot: str | None,
    overwrite: bool,
) -> None:
    """Write the kernel and the figure that are asked for."""
    from pathlib import Path

    if output is not None:
        from convcli.errors import shown
        from convcli.kernels.files import save_kernel

        biased = output.lower().endswith(".json")
        bias = learned.bias / learned.level if biased else 0
        kernel = learned.kernel.with_bias(bias)
        save_kernel(kernel, Path(output), overwrite=overwrite)
        if learned.has_bias and not biased:
            note = f"{shown(output)} holds no bias; apply it with --bias {learned.bias:.6g}"
            click.echo(note, err=True)
    if plot is not None:
        from convcli.plotting.save import save_figure
        from convcli.teaching.learn.figure import draw_learned

        save_figure(draw_learned(learned, truth), Path(plot), overwrite=overwrite)


def _tell(learned: "LearnResult") -> None:
    """Say on stderr what may have spoilt the kernel."""
    rounded = learned.residual < _ROUNDING  # which is all that was done to the values
    if learned.clipped > 0.001 * learned.windows and not rounded:
        share = learned.clipped / learned.windows
        click.echo(
            f"{100 * share:.1f} % of AFTER's pixels are black or white; if they were cut, "
            "--ignore-clipped leaves them out",
            err=True,
        )


def _print(
    learned: "LearnResult",
    truth: "Truth | None",
    examples: "Examples",
    files: dict[str, str | None],
    *,
    json: bool,
) -> None:
    """Print the report, and the names of the files written."""
    from convcli.cli.report import print_name
    from convcli.teaching.learn.text import learned_data, learned_text

    if json:
        from json import dumps

        pairs = [pair._asdict() for pair in examples.pairs]
        data = learned_data(learned, truth)
        click.echo(dumps({"pairs": pairs} | data | files))
        return
    click.echo(learned_text(learned, truth))
    for name in files.values():
        if name is not None:
            print_name(f"written    {name}")
