"""``convcli apply``: filter images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.kernel_options import BORDER_DIAGRAMS, kernel_options
from convcli.cli.options import (
    layout_options,
    lazily,
    option,
    option_group,
    reading_options,
    writing_options,
)
from convcli.cli.types import MemoryValue

if TYPE_CHECKING:
    from convcli.batch.options import ExecutionOptions, InputOptions, OutputOptions
    from convcli.cli.kernel_args import KernelArgs
    from convcli.cli.report import MessageOptions
    from convcli.core.options import ConvOptions
    from convcli.images.options import ReadOptions, WriteOptions

search_options = option_group(
    "search",
    lazily("convcli.batch.options", "InputOptions"),
    option("-r", "--recursive", is_flag=True, help="Descend into the folders inside a folder."),
    option(
        "--files-from",
        type=click.Path(),
        metavar="FILE|-",
        help="Read more inputs from a file or standard input, one a line.",
    ),
    option(
        "--include",
        multiple=True,
        metavar="PATTERN",
        help="Of the files found in folders and by patterns, take those whose names match, as "
        "'*.jpg'; a pattern with a / is for the path below the folder.  [default: by suffix, "
        "what can be read]",
    ),
    option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        help="Of the files and folders found, pass over those that match.",
    ),
)


effort_options = option_group(
    "effort",
    lazily("convcli.batch.options", "ExecutionOptions"),
    option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Images at a time, each in a process of its own.  [default: one a processor]",
    ),
    option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Give an image up that takes longer.",
    ),
    option(
        "--max-memory",
        type=MemoryValue(),
        default="80%",
        show_default=True,
        help="Bytes that the images under way may take together, as 500M or 2G, or a share of "
        "what is available; workers wait, and an image that alone takes more is refused.",
    ),
    option(
        "--fail-fast",
        is_flag=True,
        help="Begin no image after one that failed; those under way are finished.",
    ),
    option(
        "--scheduler",
        metavar="ADDRESS",
        help="Work on a Dask cluster, as tcp://HOST:8786; its workers share the files "
        "(needs the extra: pip install 'convcli[dask]').",
    ),
)


naming_options = option_group(
    "naming",
    lazily("convcli.batch.options", "OutputOptions"),
    option(
        "-o",
        "--output",
        type=click.Path(),
        metavar="FILE|-",
        help="The result of one input; - is standard output.",
    ),
    option(
        "--out-dir",
        type=click.Path(),
        metavar="DIR",
        help="A folder for the results, in which the inputs' tree is repeated.",
    ),
    option(
        "--name",
        default="{stem}_{kernel}{suffix}",
        show_default=True,
        metavar="TEMPLATE",
        help="Names of results, also with {index}; a / in it makes folders.",
    ),
    option(
        "--plot",
        type=click.Path(),
        metavar="FILE",
        help="Draw original, kernel and feature map in place of the image, or beside it where "
        "-o or --out-dir is given; for several inputs FILE is a folder.",
    ),
    option(
        "--grid",
        type=click.Path(),
        metavar="FILE",
        help="Draw all results of an input as one contact sheet, in place of the images as "
        "--plot does.",
    ),
    option(
        "--scale",
        type=click.Choice(["common", "own"]),
        help="Of --grid: colors from one least to one greatest value of all maps, black to white "
        "where they are pixels, or from each map's own.  [default: common]",
    ),
    option(
        "--stack",
        type=click.Path(),
        metavar="FILE.npy",
        help="Write all results of an input as one array, rows x columns x maps, in place of the "
        "images as --plot does; a color map takes three places. --range raw stores the "
        "values themselves.",
    ),
    option("--show", is_flag=True, help="The same figure in a window."),
)


def _voice(**values: Any) -> Any:
    from convcli.cli.report import MessageOptions

    if values["verbose"] and values["quiet"]:
        raise click.UsageError("-v and -q contradict each other")
    return MessageOptions(**values)


voice_options = option_group(
    "voice",
    _voice,
    option(
        "-0", "--null", is_flag=True, help="NUL instead of newline, in --files-from and on stdout."
    ),
    option("--json", is_flag=True, help="A JSON line for each result on stdout."),
    option("-v", "--verbose", is_flag=True, help="Sizes, min, max, share clipped and method."),
    option("-q", "--quiet", is_flag=True, help="Neither names nor notes: errors only."),
)


def _foresee(
    context: click.Context, _param: click.Parameter, inputs: tuple[str, ...]
) -> tuple[str, ...]:
    """Have worker processes get ready, where there is likely more than one image."""
    one = len(inputs) == 1 and not Path(inputs[0]).is_dir() and not set(inputs[0]) & set("*?[")
    if not (one or context.resilient_parsing):
        from convcli.batch.executors.forkserver import warm_up

        warm_up()
    return inputs


@click.command(
    short_help="Filter images with kernels.",
    epilog=BORDER_DIAGRAMS
    + """
\b
Examples:
  convcli apply --kernel outline photo.png
  convcli apply -k gaussian:9,sigma=2 photo.jpg -o soft.jpg
  convcli apply -k sobel photos --recursive --out-dir edges -j 4
  convcli apply -k bank.npy photo.png --range raw --grid maps.png --scale own
  convcli apply -k "1 2 1" --normalize --border reflect signal.csv -o -
  cat a.png | convcli apply -k outline - -o - --format png > b.png
  find . -name '*.jpg' -print0 | convcli apply -k sharpen --files-from - -0 --out-dir out
""",
)
@kernel_options
@layout_options
@reading_options
@search_options
@naming_options
@writing_options
@effort_options
@voice_options
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@click.argument(
    "inputs",
    nargs=-1,
    metavar="INPUT...",
    type=click.Path(readable=False),
    is_eager=True,
    callback=_foresee,
)
def apply(
    inputs: tuple[str, ...],
    choice: "KernelArgs",
    layout: "ConvOptions",
    reading: "ReadOptions",
    search: "InputOptions",
    naming: "OutputOptions",
    writing: "WriteOptions",
    effort: "ExecutionOptions",
    voice: "MessageOptions",
    dry_run: bool,
) -> int:
    """Filter images with kernels, and print the names of the files written.

    INPUT is a file, a folder, a pattern or - for standard input: whatever Pillow reads, and
    .npy, .csv and .txt matrices. Each result is {stem}_{kernel}{suffix} beside its input, unless
    -o or --out-dir says otherwise; nothing is overwritten unasked. The kernel is not flipped
    unless --operation convolve asks for it.
    """
    from convcli.batch.inputs import check_inputs
    from convcli.batch.job import JobOptions
    from convcli.batch.joblist import JobList
    from convcli.batch.run import check_execution_options
    from convcli.cli.running import check_output, dry_report, run

    search = search._replace(names=inputs, null=voice.null, out_dir=naming.out_dir)
    check_inputs(search, kernel_from_stdin=choice.reads_stdin)
    check_execution_options(effort)
    counted = voice.verbose or voice.json or bool(naming.plot or naming.grid) or naming.show
    options = JobOptions(choice.filters(layout, counted=counted), reading, writing, naming)
    jobs = JobList(search, options)
    check_output(jobs, options, voice)
    return dry_report(jobs, options, voice) if dry_run else run(jobs, options, effort, voice)
