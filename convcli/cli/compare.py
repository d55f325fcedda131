"""``convcli compare``: one image filtered in several ways, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from convcli.cli.files import check_figure, read_one, write_figure
from convcli.cli.kernel_options import BORDER_DIAGRAMS, compared_options
from convcli.cli.options import layout_values, one_image_options, overwrite_option
from convcli.cli.varying import VARIED, read_variation

if TYPE_CHECKING:
    from convcli.cli.kernel_args import KernelArgs
    from convcli.filtering import Filter
    from convcli.images.image import ImageData
    from convcli.images.options import ReadOptions
    from convcli.teaching.compare.comparison import Choice, Compared


@click.command(
    short_help="Filter one image in several ways, as one sheet.",
    epilog=BORDER_DIAGRAMS
    + """
\b
Examples:
  convcli compare -k outline --vary border photo.png
  convcli compare -k outline -k sharpen -k sobel --vary kernel photo.png -o kernels.png
  convcli compare -k gaussian:15 --vary padding --values "same valid 2,4" --diff photo.png
  convcli compare -k sobel-x --vary stride --values "1 2 4" --border zero photo.png
  convcli compare -k sobel-x --vary range --scale own photo.png
  convcli compare -k blur --vary dilation --json photo.png
""",
)
@click.option(
    "--vary",
    type=click.Choice(["kernel", *VARIED]),
    required=True,
    help="What differs from tile to tile; every other option holds for all.",
)
@click.option(
    "--values",
    metavar='"V V ..."',
    help="The values to try, parted by blanks, the first being the one that others are compared "
    "with; for --vary kernel, give -k for each.  [default: all borders, operations and ranges; "
    "padding same, valid, full; stride and dilation 1, 2, 3]",
)
@compared_options
@layout_values
@one_image_options
@click.option(
    "--diff",
    is_flag=True,
    help="Draw beside each result its difference to the first, where both have a value for a "
    "position, and beside the first the image itself.",
)
@click.option(
    "--scale",
    type=click.Choice(["common", "own"]),
    default="common",
    show_default=True,
    help="Colors from one least to one greatest value of all results, black to white where they "
    "are pixels, or from each result's own.",
)
@click.option(
    "--json",
    is_flag=True,
    help="Print a JSON line for each choice: size, min, max, share clipped, and mean magnitude of "
    "its difference to the first; draw only where -o is given.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="The figure's file (.png, .pdf, .svg, ...).  [default: {stem}_compare-{vary}.png beside "
    "the input]",
)
@overwrite_option
@click.argument("source", metavar="INPUT", type=click.Path())
def compare(
    source: str,
    vary: str,
    values: str | None,
    choice: "KernelArgs",
    layout: dict[str, Any],
    reading: "ReadOptions",
    diff: bool,
    scale: Literal["common", "own"],
    json: bool,
    output: str | None,
    overwrite: bool,
) -> None:
    """Filter one image in several ways, and draw the results as one labeled sheet.

    --vary says what differs: the kernel, the border, the padding, the stride, the dilation, the
    operation or the range. Each tile has its result's size, the extremes of its feature map, and
    the share of it that was clipped. The name of the figure is printed. INPUT is an image, a
    .npy, .csv or .txt matrix, or -.
    """
    choice.check_stdin(source)
    file = output if json else output or _beside(source, vary)
    if file is not None:
        check_figure(file, overwrite=overwrite)
    variation = read_variation(vary, values, layout)
    specs = variation.specs(choice)
    image, name = read_one(source, reading)
    compared = _compared(image, variation.choices(specs, image), name)
    if file is not None:
        title = _title(name, vary, specs)
        figure = _drawn(compared, title, scale, image if diff else None)
        write_figure(figure, file, overwrite=overwrite, quiet=json)
    if json:
        _print_json(compared, source, vary, file)


def _beside(source: str, vary: str) -> str:
    """Return the figure's name beside the input."""
    if source == "-":
        raise click.UsageError("name the figure of standard input: -o FILE")
    path = Path(source)
    return str(path.parent / f"{path.stem}_compare-{vary}.png")


def _title(name: str, vary: str, specs: tuple["Filter", ...]) -> str:
    from convcli.batch.outputs import base_name

    base = base_name(name)
    return base if vary == "kernel" else f"{base}: {specs[0].label}"


def _compared(image: "ImageData", choices: list["Choice"], name: str) -> list["Compared"]:
    """Compare; a fault is told with the input's name."""
    from convcli.errors import prefix_errors
    from convcli.teaching.compare.comparison import compare_choices

    with prefix_errors(name):
        return compare_choices(image, choices)


def _drawn(
    compared: list["Compared"],
    title: str,
    scale: Literal["common", "own"],
    original: "ImageData | None",
) -> Any:
    from convcli.teaching.compare.figure import draw_comparison

    return draw_comparison(compared, title=title, scale=scale, original=original)


def _print_json(compared: list["Compared"], source: str, vary: str, file: str | None) -> None:
    """Print a line for each choice; sizes are rows and columns, NaN and infinity null."""
    from json import dumps

    from convcli.cli.report import finite

    for each in compared:
        tally, (rows, columns) = each.filtered.stats, each.filtered.image.shape
        record = {
            "input": source,
            "vary": vary,
            "value": each.choice.value,
            "kernel": each.choice.filter.label,
            "rows": rows,
            "columns": columns,
            "min": finite(tally.minimum),
            "max": finite(tally.maximum),
            "clipped": round(tally.clipped, 6),
            "mean_difference": finite(each.mean_difference),
        }
        click.echo(dumps(record | ({"figure": file} if file is not None else {})))
