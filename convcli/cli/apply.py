"""``convcli apply``: filter images."""

from __future__ import annotations

import os.path
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from convcli.atomic import check_target
from convcli.batch.options import ExecutionOptions, InputOptions, OutputOptions
from convcli.choices import NAME_TEMPLATE
from convcli.cli.command import Command
from convcli.cli.files import mark_input_opened
from convcli.cli.kernel_args import KernelArgs, apply_kernel_options
from convcli.cli.missing_args import MissingArgs, missing_options
from convcli.cli.options import (
    MATRIX,
    MAX_MEMORY,
    OVERLAY,
    SCALE,
    SHOW,
    ReportOptions,
    check_figure_options,
    check_sheet_panels,
    check_titles,
    conv_options,
    figure_option,
    input_option,
    option_group,
    option_text,
    output_file_option,
    output_option,
    panel_options,
    plot_option,
    read_options,
    report_option,
    speed_option,
    write_options,
)
from convcli.cli.types import FolderType, InputType, IntegerType, NumberType, PathType
from convcli.conventions import CONVENTIONS
from convcli.errors import ExitCode, UsageError, shown
from convcli.figure_options import FigureOptions
from convcli.geometry import OWN_ANCHORS, ConvOptions
from convcli.images.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from convcli.batch.executors.ordered import JobResults
    from convcli.batch.joblist import JobList

input_options = option_group(
    "search",
    InputOptions,
    input_option("-r", "--recursive", is_flag=True, help="Search the folders inside a folder too."),
    MATRIX,
    input_option(
        "--files-from",
        type=PathType(),
        metavar="FILE|-",
        help="Read more input names from a file or standard input, one per line.",
    ),
    input_option(
        "--include",
        multiple=True,
        metavar="PATTERN",
        rare=True,
        help="Only files of this name, e.g. '*.jpg', or path, e.g. 'sub/*.jpg'. Repeatable.",
    ),
    input_option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        rare=True,
        help="Skip files and folders whose name matches. Repeatable.",
    ),
)

output_options = option_group(
    "outputs",
    OutputOptions,
    output_file_option(
        metavar="FILE|-",
        help="File for the result of one input; - is standard output, .xlsx a live spreadsheet.",
    ),
    output_option(
        "--out-dir",
        type=FolderType(),
        metavar="DIR",
        help="Folder for the results; it mirrors the folders of the inputs.",
    ),
    output_option(
        "--name",
        default=NAME_TEMPLATE,
        metavar="TEMPLATE",
        help="File names; {index} counts the inputs, / makes folders.",
    ),
    plot_option(help="Draw input, kernel and map. With -o or --out-dir, also write the image."),
    figure_option(
        "--grid",
        type=PathType(),
        metavar="FILE",
        rare=True,
        help="Draw all results of an input as one contact sheet.",
    ),
    SCALE,
    output_option(
        "--stack",
        type=PathType(),
        metavar="FILE.npy",
        rare=True,
        help="Write all maps of an input as one (H, W, N) array instead of images.",
    ),
    SHOW,
)

execution_options = option_group(
    "execution",
    ExecutionOptions,
    speed_option(
        "-j",
        "--jobs",
        type=IntegerType(min=1),
        metavar="N",
        show_default="one per processor",
        help="Number of images at a time, each in its own process.",
    ),
    speed_option(
        "--timeout",
        type=NumberType(min=0, min_open=True),
        metavar="SECONDS",
        rare=True,
        help="Give up on an image after SECONDS.",
    ),
    MAX_MEMORY,
    speed_option(
        "--fail-fast",
        is_flag=True,
        rare=True,
        help="Stop after the first failure; images already started are finished.",
    ),
    speed_option(
        "--scheduler",
        metavar="ADDRESS",
        rare=True,
        help="Use a Dask cluster, e.g. tcp://HOST:8786; see convcli manual cluster.",
    ),
)


def _as_report_options(**values: Any) -> ReportOptions:
    if values["verbose"] and values["quiet"]:
        raise click.UsageError("-v and -q contradict each other")
    return ReportOptions(**values)


report_options = option_group(
    "messages",
    _as_report_options,
    report_option(
        "-0",
        "--null",
        is_flag=True,
        rare=True,
        help="End names with NUL, in --files-from and on stdout.",
    ),
    report_option("--json", is_flag=True, help="Print a JSON line for each result."),
    report_option(
        "-v", "--verbose", is_flag=True, help="Print size, min, max, clipped share and method."
    ),
    report_option("-q", "--quiet", is_flag=True, help="Print errors only."),
)


def _prepare_workers(
    context: click.Context, _param: click.Parameter, inputs: tuple[str, ...]
) -> tuple[str, ...]:
    """Start the forkserver early if there is probably more than one image."""
    if context.params.get("matrix") is not None:
        return inputs
    one = len(inputs) == 1 and not os.path.isdir(inputs[0]) and not set(inputs[0]) & set("*?[")
    if not (one or context.resilient_parsing):
        from convcli.batch.executors.start_method import warm_up

        warm_up()
    return inputs


@click.command(
    cls=Command,
    examples="""
    convcli apply --kernel outline photo.png
    convcli apply -k gaussian:9,sigma=2 photo.jpg -o soft.jpg
    convcli apply -k sobel photos --recursive --out-dir edges -j 4
    """,
)
@apply_kernel_options
@conv_options
@read_options
@missing_options
@input_options
@output_options
@panel_options("input", "kernel", "result", others=("padded",), more=(OVERLAY,))
@write_options
@output_option("--dry-run", is_flag=True, help="Print what would be written; write nothing.")
@execution_options
@report_options
@click.argument(
    "inputs",
    nargs=-1,
    metavar="INPUT...",
    type=InputType(readable=False),
    is_eager=True,
    callback=_prepare_workers,
)
def apply(
    inputs: tuple[str, ...],
    kernel_args: KernelArgs,
    conv: ConvOptions,
    reading: ReadOptions,
    missing_args: MissingArgs,
    search: InputOptions,
    outputs: OutputOptions,
    figure: FigureOptions,
    writing: WriteOptions,
    execution: ExecutionOptions,
    messages: ReportOptions,
    dry_run: bool,
) -> int:
    """Filter images with kernels, and print the names of the files written.

    INPUT is an image, a .npy, .csv or .txt matrix, a folder, a pattern, a signal such as
    signal:normal, or - for standard input.
    Each result is {stem}_{kernel}{suffix} beside its input, unless -o or --out-dir is given.
    A result that exists already is an error unless --overwrite or --skip-existing is given. The
    kernel is not flipped unless --operation convolve is given.
    """
    from convcli.batch.inputs import check_inputs
    from convcli.batch.job import JobOptions
    from convcli.batch.job import dry_run as dry_run_job
    from convcli.batch.joblist import JobList
    from convcli.batch.run import check_execution_options, run_jobs

    search = search._replace(names=inputs, null=messages.null, out_dir=outputs.out_dir)
    check_inputs(search, kernel_from_stdin=kernel_args.reads_stdin)
    check_execution_options(execution)
    kernel_args, reading = kernel_args.sampled(reading, inputs)
    draws = bool(outputs.plot or outputs.grid or outputs.show)
    check_figure_options(figure, is_drawn=draws, advice="--plot FILE")
    if outputs.grid and not (outputs.plot or outputs.show):
        check_sheet_panels(figure.panels)
        if figure.overlay:
            raise click.UsageError("--overlay is for --plot; --grid draws a tile for each result")
    counted = messages.verbose or messages.json or draws
    missing = missing_args.missing(reading)
    sets = kernel_args.sets()
    filters = kernel_args.filters(conv, counted=counted, missing=missing, sets=sets)
    _check_panels(figure, outputs, len(filters))
    if search.matrix is not None:
        outputs = _matrix_outputs(outputs, several=len(filters) > 1 or messages.json)
    figure = figure._replace(digits=writing.digits, reading=reading.facts)
    options = JobOptions(filters, reading, writing, outputs, figure)
    jobs = JobList(search, options)
    _check_outputs(jobs, outputs, writing, messages)
    if not messages.quiet:
        _note_idle_options(search, conv, verbose=messages.verbose)
        if messages.verbose:
            _note_convention(conv)
            for kernels in sets:
                if kernels.note:
                    click.echo(f"{shown(kernels.label)}: {kernels.note}", err=True)
    if dry_run:
        messages = messages._replace(verbose=False)
        planned = (dry_run_job(job, options) for job in jobs.jobs())
        return _report(planned, jobs, messages, progress=False)
    quiet = messages.quiet or messages.verbose or not sys.stderr.isatty()
    progress = not quiet and jobs.count != 1
    unnamed = jobs.count == 1 and not (outputs.output or outputs.out_dir)
    results = run_jobs(jobs, options, execution)
    return _report(results, jobs, messages, progress=progress, unnamed=unnamed)


def _check_panels(figure: FigureOptions, outputs: OutputOptions, results: int) -> None:
    """Check the panels and titles of figures before anything is filtered.

    Raises:
        UsageError: a panel is that of another command, or titles are missing or too many.
    """
    if outputs.plot or outputs.show:
        panels = figure.panels or ("input", "kernel", "result")
        if "products" in panels:
            raise click.UsageError(
                "--panels: products are those of one window; convcli explain --at draws them"
            )
        curves = {"input" if each == "padded" else each for each in panels}
        check_titles(figure, len(panels), len(panels) * results, len(curves))
    elif outputs.grid:
        tiles = results + ("input" in (figure.panels or ()))
        check_titles(figure, tiles, one="each tile")


def _matrix_outputs(outputs: OutputOptions, *, several: bool) -> OutputOptions:
    """Print the result of a typed matrix, which has no folder, unless the user names a place.

    Raises:
        UsageError: there are several results, or JSON lines are printed.
    """
    from convcli.batch.outputs import writes_images

    if outputs.output or outputs.out_dir or not writes_images(outputs):
        return outputs
    if several:
        raise UsageError(
            "--matrix prints one result, and neither several nor --json; "
            "name a file with -o, or a folder with --out-dir"
        )
    return outputs._replace(output="-")


def _check_outputs(
    jobs: JobList, outputs: OutputOptions, writing: WriteOptions, messages: ReportOptions
) -> None:
    """Check, before any image is read, that the files that options name can be written."""
    if messages.json and outputs.output == "-":
        raise UsageError("--json and -o - both write to standard output; choose one")
    figures = [summary.path for summary in jobs.summaries if summary.kind != "stack"]
    named = [outputs.output, *(summary.path for summary in jobs.summaries)]
    for path in named:
        if path not in (None, "-") and not writing.skip_existing:
            check_target(str(path), overwrite=writing.overwrite)
    for summary in jobs.summaries:
        if summary.kind == "stack" and not summary.path.lower().endswith(".npy"):
            raise UsageError(f"{shown(summary.path)}: the file name of --stack must end with .npy")
    if outputs.show or figures:
        from pathlib import Path

        from convcli.plotting.save import check_display, check_suffix

        if outputs.show:
            check_display()
        for figure in figures:
            check_suffix(Path(figure))


def _note_idle_options(search: InputOptions, conv: ConvOptions, *, verbose: bool) -> None:
    """Say on stderr which options have no effect, and with -v what --border constant holds."""
    source = click.get_current_context().get_parameter_source
    if not any(os.path.isdir(name) or set(name) & set("*?[") for name in search.names):
        for option in ("recursive", "include", "exclude"):
            if getattr(search, option):
                click.echo(f"--{option} has no effect: no INPUT is a folder or pattern", err=True)
    if verbose and conv.border == "constant" and source("fill") is ParameterSource.DEFAULT:
        click.echo("--border constant holds 0; --fill sets another value", err=True)


def _note_convention(conv: ConvOptions) -> None:
    """Say on stderr what ``--like`` has set, and what it has not."""
    like = click.get_current_context().params["like"]
    if like is None:
        return
    convention = CONVENTIONS[like]
    names = ["operation", "padding", "border", "anchor"]
    if conv.padding in OWN_ANCHORS:
        names.remove("anchor")
    usual = convention._asdict() | {"stride": 1, "dilation": 1}
    given = {
        name: option_text(name, getattr(conv, name)) for name in (*names, "stride", "dilation")
    }
    words = ", ".join(f"{name} {given[name]}" for name in names)
    others = [f"{name} {text}" for name, text in given.items() if text != str(usual[name])]
    exception = f", but with {', '.join(others)}" if others else ""
    click.echo(
        f"--like {like}: {words}, as {convention.function}{exception}; {convention.differs}",
        err=True,
    )


def _report(
    results: JobResults,
    jobs: JobList,
    messages: ReportOptions,
    *,
    progress: bool,
    unnamed: bool = False,
) -> ExitCode:
    """Print each result as it comes, then show the figures that wait for a window."""
    from convcli.cli.report import Progress, Reporter

    reporter = Reporter(messages, Progress(jobs.count) if progress else None, unnamed=unnamed)
    figures = []
    with closing(results):
        for result in results:
            reporter.report(result)
            mark_input_opened()  # an error from now on is no fault of the command line
            figures += [result.figure] if result.figure is not None else []
    code = reporter.finish(jobs.ignored)
    if figures:
        from convcli.plotting.save import show_figure

        show_figure(figures)
    return code
