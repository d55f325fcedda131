"""``convcli learn``: the kernel that turns one image into another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from convcli.choices import BORDER_SYNONYMS, BORDERS, THROUGH
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
    figure_options_at,
    model_option,
    option_group,
    output_file_option,
    plot_option,
    read_as_stored_options,
    report_option,
)
from convcli.cli.types import (
    FloatType,
    InputType,
    KernelSpecType,
    PaddingType,
    PairType,
    PathType,
    WordType,
)
from convcli.errors import GeometryError, UsageError, percent_text, prefix_errors, shown
from convcli.figure_options import FigureOptions
from convcli.geometry import fill_value
from convcli.images.options import ReadOptions

if TYPE_CHECKING:
    from convcli.images.animation import AnimationTarget
    from convcli.images.image import ImageData
    from convcli.kernels.spec import KernelSet
    from convcli.plotting.save import NotebookFigure
    from convcli.signals import SampleRange
    from convcli.teaching.learn.bank import BankResult
    from convcli.teaching.learn.pairs import Examples, FilePair
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
        type=FloatType(),
        metavar="R",
        show_default="1 / the largest curvature",
        help="Learning rate for pixels scaled to variance 1.",
    ),
    descent_option("--epochs", type=int, metavar="N", show_default="200", help="Number of steps."),
    descent_option(
        "--momentum",
        type=FloatType(),
        metavar="M",
        show_default="0",
        help="Share of each step that is added to the next, e.g. 0.9.",
    ),
    descent_option(
        "--through",
        type=WordType(THROUGH),
        help="Take the loss after this function: AFTER is what ReLU leaves of the map.",
    ),
    descent_option(
        "--seed", type=int, metavar="N", show_default="0", help="Seed of the random weights."
    ),
)


@click.command(
    cls=Command,
    examples="""
    convcli learn photo.png filtered.png
    convcli learn photo.png maps.npy -o bank.npy
    convcli learn originals/ results/ --descent --plot learning.png
    """,
)
@model_options
@model_option(
    "--bank", is_flag=True, rare=True, help="Learn a filter for each channel of AFTER, as for maps."
)
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
@figure_options_at(150.0, "150; of --animate 100")
@OVERWRITE
@DIGITS
@MAX_MEMORY
@report_option("--json", is_flag=True, help="Print every number as JSON.")
@click.argument("before", metavar="BEFORE", type=InputType())
@click.argument("after", metavar="AFTER...", type=InputType(), nargs=-1, required=True)
def learn(
    before: str,
    after: tuple[str, ...],
    bank: bool,
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

    AFTER with other channels than BEFORE, such as an .npy (H, W, N) of maps, and several AFTER make
    a bank: a filter for each map, or for each AFTER.
    """
    _limit_blas()
    from convcli.batch.inputs import check_name
    from convcli.batch.memory import memory_check
    from convcli.teaching.learn.bank import learn_each
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.fit import check_settings, learn_from
    from convcli.teaching.learn.pairs import Examples, few, find_pairs
    from convcli.teaching.learn.windows import Model, windows_bytes

    shape, with_bias = model.pop("size"), not model.pop("no_bias")
    model["fill"] = fill_value(model["fill"], model["border"])
    fit = Model(kernel_shape=shape, with_bias=with_bias, **model)
    steps = {name: value for name, value in descent.items() if value is not None}
    if not steps.pop("descent") and steps:
        raise click.UsageError(f"--{next(iter(steps))} needs --descent; give both")
    is_drawn = show or plot is not None
    options = figure._replace(digits=digits, reading=reading.facts)
    check_figure_options(
        figure, is_drawn=is_drawn or animate is not None, advice="--plot FILE", show=show
    )
    _check_outputs(output, plot, overwrite=overwrite)
    target = _animation_target(animate, plot, overwrite, is_descent=descent["descent"])
    names = (before, *after)
    for name in names:
        check_name(name)  # before an INPUT is opened
    if names.count("-") > 1:
        raise UsageError("standard input ('-') can be used once only: as one image")
    specs = () if truth is None else (truth,)
    reading = reading._replace(x=sample_range(reading.x, specs, names))
    context = click.get_current_context()
    check_memory = memory_check(max_memory)

    def read(path: str) -> tuple[ImageData, str]:
        mark_input_opened(context)  # a thread may read
        return read_one(path, reading, check_memory, quiet=True)

    def check(name: str, example: Example) -> None:
        with prefix_errors(name), suppress(GeometryError):  # learn_from names the pair
            check_memory(windows_bytes(example, fit))

    groups = []
    for each in after:
        pairs, left = find_pairs(before, each)
        if left:
            click.echo(f"{len(left)} without a pair ignored: {few(left)}", err=True)
        groups.append(Examples(pairs, read, partial(click.echo, err=True), check))
    true = None if truth is None else _read_truth(truth, names, reading.x)
    settings = Descent(**steps) if descent["descent"] else None
    check_settings(fit, settings)
    files = {"output": output, "figure": plot, "animation": animate}
    pairs = [pair for group in groups for pair in group.pairs]
    report = _Report(pairs, files, options, show, overwrite, json)
    filters, filter_names = _filters(groups, after, bank=bank)
    if filters is None:
        learned = learn_from(groups[0], fit, settings)
        report.kernel(learned, true, None if truth == "-" else truth, target)
        return
    if target is not None:
        raise UsageError("--animate shows one kernel that learns; give one AFTER of one map")
    report.bank(learn_each(filters, fit, settings, names=filter_names), true)


class _Report(NamedTuple):
    """What is written and printed of what was learned.

    Attributes:
        pairs: the files that were learned from.
        files: the names of the output, the figure and the animation; None for none.
        options: of the figure.
        show: whether the figure is shown in a window.
        overwrite: whether files may be replaced.
        json: whether every number is printed.
    """

    pairs: Sequence[FilePair]
    files: dict[str, str | None]
    options: FigureOptions
    show: bool
    overwrite: bool
    json: bool

    def kernel(
        self,
        learned: LearnResult,
        true: KernelSet | None,
        true_name: str | None,
        target: AnimationTarget | None,
    ) -> None:
        """Report a kernel."""
        from convcli.kernels.spec import only_kernel
        from convcli.teaching.learn.text import Truth, learned_data, learned_text

        truth = None
        if true is not None:
            truth = Truth.of(only_kernel(true), learned.weights.shape, true_name)
        output = self.files["output"]
        if output is not None:
            _write_kernel(learned, output, overwrite=self.overwrite)
        figure = None
        if self.is_drawn:
            figure = _draw(learned, truth, self.pairs, self.options)
        _animate(learned, truth, self.pairs, self.options, target)
        _warn_clipped(learned)
        text = partial(learned_text, learned, truth, self.options.digits)
        self._print(figure, text, partial(learned_data, learned, truth))

    def bank(self, learned: BankResult, true: KernelSet | None) -> None:
        """Report a bank."""
        from convcli.teaching.learn.bank_text import bank_data, bank_text

        truths = None if true is None else learned.truths(true)
        output = self.files["output"]
        if output is not None:
            _write_bank(learned, output, overwrite=self.overwrite)
        figure = None
        if self.is_drawn:
            from convcli.teaching.learn.bank_figure import draw_bank

            title = _title(self.pairs[:1])
            parts = learned.filters, learned.names, truths
            figure = draw_bank(*parts, title=title, options=self.options)
        for each in learned:
            _warn_clipped(each)
        parts = learned.filters, learned.names, truths
        self._print(
            figure, partial(bank_text, *parts, self.options.digits), partial(bank_data, *parts)
        )

    @property
    def is_drawn(self) -> bool:
        """Whether a figure is drawn."""
        return self.show or self.files["figure"] is not None

    def _print(
        self,
        figure: NotebookFigure | None,
        text: Callable[[], str],
        data: Callable[[], dict[str, Any]],
    ) -> None:
        """Write the figure, print the text or the data with the names of files, and show it."""
        from convcli.cli.report import print_json, print_name

        if figure is not None:
            write_figure(figure, self.files["figure"], overwrite=self.overwrite, quiet=True)
        if self.json:
            pairs = {"pairs": [pair._asdict() for pair in self.pairs]}
            print_json(pairs | data() | self.files)
        else:
            click.echo(text())
            for name in self.files.values():
                if name is not None:
                    print_name(f"written    {name}")
        if self.show and figure is not None:
            from convcli.plotting.save import show_figure

            show_figure([figure])


def _filters(
    groups: Sequence[Examples], after: Sequence[str], *, bank: bool
) -> tuple[list[Iterable[Example]] | None, list[str]]:
    """Return the pairs of each filter of a bank, and its name; None for one kernel."""
    from convcli.batch.outputs import base_name
    from convcli.teaching.learn.bank import makes_bank, split_maps

    filters: list[Iterable[Example]] = []
    names = []
    for group, path in zip(groups, after, strict=True):
        name = base_name(path) if len(after) > 1 else "filter"
        if bank or makes_bank(group):
            maps = split_maps(group)
            filters += maps
            names += [f"{name} {number}" for number in range(1, len(maps) + 1)]
        else:
            filters.append(group)
            names.append(name)
    is_bank = bank or len(groups) > 1 or filters != [*groups]
    return (filters if is_bank else None), names


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


def _read_truth(truth: str, names: Sequence[str], x: SampleRange | None) -> KernelSet:
    """Read the kernels of --truth."""
    from convcli.kernels.spec import read_spec

    check_stdin([truth], *names)
    return read_spec(truth, getattr(sys.stdin, "buffer", None), x)


def _write_bank(learned: BankResult, output: str, *, overwrite: bool) -> None:
    """Write a bank; say what it does not hold, and how a bank without channels is applied."""
    from convcli.kernels.files import save_kernel

    if not output.lower().endswith(".npy"):
        raise UsageError(f"{shown(output)}: a bank of filters is written as .npy")
    save_kernel(learned.kernel, Path(output), overwrite=overwrite)
    if any(each.has_bias for each in learned):
        click.echo(f"{shown(output)} holds no biases; --json prints them", err=True)
    if learned[0].source[0].before.ndim > 2 and learned.weights.shape[1] == 1:
        note = "its filters are for one channel; apply it with --channels gray"
        click.echo(f"{shown(output)}: {note}", err=True)


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

    if click.get_current_context().get_parameter_source("dpi") is ParameterSource.DEFAULT:
        options = options._replace(dpi=DPI)
    scene = LearningScene(learned, truth, title=_title(pairs), options=options)
    for _ in write_frames(scene, target, FPS):
        pass


def _warn_clipped(learned: LearnResult) -> None:
    """Warn on stderr if clipped pixels may have changed the kernel."""
    share = learned.clipped / learned.windows if learned.through is None else 0  # ReLU made them
    if share > 0.001 and learned.residual >= _ROUNDING:
        click.echo(
            f"{percent_text(share)} of AFTER's pixels are black or white; if they were clipped, "
            "--ignore-clipped leaves them out",
            err=True,
        )
