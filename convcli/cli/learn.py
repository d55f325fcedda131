"""``convcli learn``: the kernel that turns one image into another."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from convcli.choices import BORDER_SYNONYMS, BORDERS
from convcli.cli.command import Command
from convcli.cli.files import (
    check_outputs,
    mark_input_opened,
    read_one,
    write_figure,
    write_frames,
)
from convcli.cli.kernel_args import check_stdin, sample_range
from convcli.cli.options import (
    DIGITS,
    DILATION,
    FILL,
    MAX_MEMORY,
    OPERATION,
    OVERWRITE,
    SHOW,
    STRIDE,
    check_figure_options,
    conv_option,
    descent_option,
    figure_option,
    figure_options,
    message_option,
    model_option,
    option_group,
    output_file_option,
    plot_option,
    read_as_stored_options,
)
from convcli.cli.types import (
    InputType,
    KernelSpecType,
    PaddingType,
    PairType,
    PathType,
    WordType,
)
from convcli.errors import GeometryError, UsageError, prefix_errors, shown
from convcli.figure_options import FigureOptions
from convcli.geometry import fill_value
from convcli.images.options import ReadOptions

if TYPE_CHECKING:
    from convcli.images.animation import AnimationTarget
    from convcli.images.image import ImageData
    from convcli.kernels.kernel import Kernel
    from convcli.plotting.save import NotebookFigure
    from convcli.signals import SampleRange
    from convcli.teaching.learn.pairs import FilePair
    from convcli.teaching.learn.result import LearnResult
    from convcli.teaching.learn.text import Truth
    from convcli.teaching.learn.windows import Example

_ROUNDING = 0.35  # pixel values: rounding alone leaves a residual of 0.29

model_options = option_group(
    "model",
    dict,
    model_option("--size", type=PairType("N|WxH|R,C"), default="3", help="Size of the kernel."),
    OPERATION,
    conv_option(
        "--padding",
        type=PaddingType(),
        show_default="from the sizes",
        help="Pixels added around BEFORE.",
    ),
    conv_option(
        "--border",
        type=WordType(BORDERS, BORDER_SYNONYMS),
        show_default="unknown",
        help="What the padding held.",
    ),
    FILL,
    STRIDE,
    DILATION,
    model_option("--no-bias", is_flag=True, help="Fit no bias."),
    model_option(
        "--ignore-clipped",
        is_flag=True,
        help="Ignore black and white pixels of AFTER, which may have been clipped.",
    ),
)
descent_options = option_group(
    "descent",
    dict,
    descent_option(
        "--descent", is_flag=True, help="Learn by gradient descent from random weights."
    ),
    descent_option(
        "--rate",
        type=float,
        metavar="R",
        show_default="1 / the largest curvature",
        help="Learning rate for pixels scaled to variance 1.",
    ),
    descent_option("--epochs", type=int, metavar="N", show_default="200", help="Number of steps."),
    descent_option(
        "--momentum",
        type=float,
        metavar="M",
        show_default="0",
        help="Share of each step that is added to the next, e.g. 0.9.",
    ),
    descent_option(
        "--seed", type=int, metavar="N", show_default="0", help="Seed of the random weights."
    ),
)


@click.command(
    cls=Command,
    examples="""
    convcli learn photo.png filtered.png
    convcli learn photo.png filtered.png --size 5x3 -o kernel.npy
    convcli learn originals/ results/ --descent --plot learning.png
    """,
)
@model_options
@descent_options
@model_option(
    "--truth",
    type=KernelSpecType(),
    metavar="SPEC",
    help="Compare the result with this kernel, given as for apply -k.",
)
@read_as_stored_options
@output_file_option(
    help="Write the kernel for apply -k: .npy, .csv, .txt, or .json, which also holds the bias."
)
@plot_option(help="Draw the images, the kernel, the one of --truth, and the loss of a descent.")
@figure_option(
    "--animate",
    type=PathType(),
    metavar="FILE|DIR/",
    help="Animate a descent: the kernel as it learns, .gif, .webp, .mp4, .pdf or frames.",
)
@SHOW
@figure_options
@OVERWRITE
@DIGITS
@MAX_MEMORY
@message_option("--json", is_flag=True, help="Print every number as JSON.")
@click.argument("before", metavar="BEFORE", type=InputType())
@click.argument("after", metavar="AFTER", type=InputType())
def learn(
    before: str,
    after: str,
    model: dict[str, Any],
    descent: dict[str, Any],
    truth: str | None,
    reading: ReadOptions,
    output: str | None,
    plot: str | None,
    animate: str | None,
    show: bool,
    figure: FigureOptions,
    overwrite: bool,
    digits: int | None,
    json: bool,
    max_memory: int | float,
) -> None:
    """Learn the kernel, and the bias, that turn BEFORE into AFTER.

    Prints the kernel and how well it fits: the typical error in pixel values (residual), R squared
    (1 is perfect), and the condition number (large: a little noise changes the kernel much). Names
    the kernel if it is a known one.

    BEFORE and AFTER are two images, two matrices, or two folders; one may be -. In folders, files
    with the same name form a pair: photo.png with photo.png or photo_blur.png. All pairs are used
    for one kernel. One folder with both files works too.
    """
    _limit_blas()
    from convcli.batch.inputs import check_name
    from convcli.batch.memory import memory_check
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.fit import learn_from
    from convcli.teaching.learn.pairs import Examples, few, find_pairs
    from convcli.teaching.learn.text import Truth
    from convcli.teaching.learn.windows import Model, windows_bytes

    shape, with_bias = model.pop("size"), not model.pop("no_bias")
    model["fill"] = fill_value(model["fill"], model["border"])
    fit = Model(kernel_shape=shape, with_bias=with_bias, **model)
    steps = {name: value for name, value in descent.items() if value is not None}
    if not steps.pop("descent") and steps:
        raise click.UsageError(f"--{next(iter(steps))} needs --descent; give both")
    is_drawn = show or plot is not None
    options = figure._replace(digits=digits)
    check_figure_options(
        figure, is_drawn=is_drawn or animate is not None, advice="--plot FILE", show=show
    )
    _check_outputs(output, plot, overwrite=overwrite)
    target = _animation_target(animate, plot, overwrite, is_descent=descent["descent"])
    for name in (before, after):
        check_name(name)  # before an INPUT is opened
    specs = () if truth is None else (truth,)
    reading = reading._replace(x=sample_range(reading.x, specs, (before, after)))
    pairs, left = find_pairs(before, after)
    if left:
        click.echo(f"{len(left)} without a pair ignored: {few(left)}", err=True)
    context = click.get_current_context()
    check_memory = memory_check(max_memory)

    def read(path: str) -> tuple[ImageData, str]:
        mark_input_opened(context)  # a thread may read
        return read_one(path, reading, check_memory, quiet=True)

    def check(name: str, example: Example) -> None:
        with prefix_errors(name), suppress(GeometryError):  # learn_from names the pair
            check_memory(windows_bytes(example, fit))

    examples = Examples(pairs, read, partial(click.echo, err=True), check)
    true = None if truth is None else _read_truth(truth, before, after, reading.x)
    learned = learn_from(examples, fit, Descent(**steps) if descent["descent"] else None)
    compared = None
    if true is not None:
        compared = Truth.of(true, learned.weights.shape, None if truth == "-" else truth)
    if output is not None:
        _write_kernel(learned, output, overwrite=overwrite)
    if is_drawn:
        drawn = _draw(learned, compared, pairs, options)
        write_figure(drawn, plot, overwrite=overwrite, quiet=True)
    _animate(learned, compared, pairs, options, target)
    _warn_clipped(learned)
    data = {"pairs": [pair._asdict() for pair in pairs]}
    files = {"output": output, "figure": plot, "animation": animate}
    _print(learned, compared, data, files, digits, json=json)
    if show:
        from convcli.plotting.save import show_figure

        show_figure([drawn])


def _limit_blas() -> None:
    """Let BLAS use one thread; this has an effect only before numpy loads it.

    The fit runs its own threads on parts of the windows. Threads of BLAS would also wait for each
    other at every step, which takes seconds if other programs use the processor.
    """
    from convcli.batch.executors.start_method import BLAS_THREAD_VARIABLES

    if "numpy" not in sys.modules:
        for name in BLAS_THREAD_VARIABLES:
            os.environ.setdefault(name, "1")


def _check_outputs(output: str | None, plot: str | None, *, overwrite: bool) -> None:
    """Check the names of the files that are written."""
    from convcli.kernels.files import KERNEL_SUFFIXES

    if output is not None and not output.lower().endswith(KERNEL_SUFFIXES):
        raise UsageError(f"{shown(output)}: a kernel file is .npy, .csv, .txt or .json")
    check_outputs(output, plot, overwrite=overwrite)


def _read_truth(truth: str, before: str, after: str, x: SampleRange | None) -> Kernel:
    """Read the kernel of --truth."""
    from convcli.kernels.spec import only_kernel, read_spec

    check_stdin([truth], before, after)
    return only_kernel(read_spec(truth, getattr(sys.stdin, "buffer", None), x))


def _write_kernel(learned: LearnResult, output: str, *, overwrite: bool) -> None:
    """Write the kernel; say so if the file cannot hold its bias."""
    from convcli.kernels.files import save_kernel

    holds_bias = output.lower().endswith(".json")
    bias = learned.bias / learned.level if holds_bias else 0
    save_kernel(learned.kernel.with_bias(bias), Path(output), overwrite=overwrite)
    if learned.has_bias and not holds_bias:
        note = f"{shown(output)} holds no bias; apply it with --bias {learned.bias:.6g}"
        click.echo(note, err=True)


def _draw(
    learned: LearnResult,
    truth: Truth | None,
    pairs: Sequence[FilePair],
    options: FigureOptions,
) -> NotebookFigure:
    """Return the figure, with the images of the first pair."""
    from convcli.teaching.learn.figure import draw_learned
    from convcli.teaching.learn.images import images_of

    title = _title(pairs)
    if pairs[1:]:
        title += f", the first of {len(pairs)} pairs"
    images = images_of(learned, *learned.source)
    return draw_learned(learned, truth, images, title=title, options=options)


def _title(pairs: Sequence[FilePair]) -> str:
    """Return the names of the first pair."""
    from convcli.batch.outputs import base_name

    return " → ".join(map(base_name, pairs[0]))


def _animation_target(
    animate: str | None, plot: str | None, overwrite: bool, *, is_descent: bool
) -> AnimationTarget | None:
    """Check where --animate writes; None without it."""
    if animate is None:
        return None
    from convcli.images.animation import check_animation_target

    if not is_descent:
        raise click.UsageError("--animate shows the steps of a descent; add --descent")
    if plot is not None and os.path.realpath(animate) == os.path.realpath(plot):
        raise click.UsageError("--plot and --animate name the same file; give each its own")
    return check_animation_target(animate, overwrite=overwrite)


def _animate(
    learned: LearnResult,
    truth: Truth | None,
    pairs: Sequence[FilePair],
    options: FigureOptions,
    target: AnimationTarget | None,
) -> None:
    """Write the animation of a descent, if there is a target."""
    if target is None:
        return
    from convcli.teaching.learn.scene import DPI, FPS, LearningScene

    if click.get_current_context().get_parameter_source("dpi") is not ParameterSource.COMMANDLINE:
        options = options._replace(dpi=DPI)
    scene = LearningScene(learned, truth, title=_title(pairs), options=options)
    for _ in write_frames(scene, target, FPS):
        pass


def _warn_clipped(learned: LearnResult) -> None:
    """Warn on stderr if clipped pixels may have changed the kernel."""
    share = learned.clipped / learned.windows
    if share > 0.001 and learned.residual >= _ROUNDING:
        click.echo(
            f"{100 * share:.1f} % of AFTER's pixels are black or white; if they were clipped, "
            "--ignore-clipped leaves them out",
            err=True,
        )


def _print(
    learned: LearnResult,
    truth: Truth | None,
    pairs: dict[str, Any],
    files: dict[str, str | None],
    digits: int | None,
    *,
    json: bool,
) -> None:
    """Print the report and the names of the written files."""
    from convcli.cli.report import print_json, print_name
    from convcli.teaching.learn.text import learned_data, learned_text

    if json:
        print_json(pairs | learned_data(learned, truth) | files)
        return
    click.echo(learned_text(learned, truth, digits))
    for name in files.values():
        if name is not None:
            print_name(f"written    {name}")
