"""``convcli explain``: the arithmetic of one output value."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.files import check_figure, read_one, write_figure
from convcli.cli.kernel_options import BORDER_DIAGRAMS, filter_option, one_value_options
from convcli.cli.options import layout_options, one_image_options, overwrite_option
from convcli.cli.types import PositionValue

if TYPE_CHECKING:
    from convcli.cli.kernel_args import KernelArgs
    from convcli.core.options import ConvOptions
    from convcli.filtering import Filter
    from convcli.geometry import Pair
    from convcli.images.options import ReadOptions
    from convcli.teaching.explain.explanation import Explanation

PAINTS: dict[str, dict[str, Any]] = {
    "heading": {"bold": True},
    "place": {"dim": True},
    "padding": {"fg": "yellow"},
    "result": {"fg": "green", "bold": True},
}


@click.command(
    short_help="Explain one value of a feature map, number by number.",
    epilog=BORDER_DIAGRAMS
    + """
\b
Examples:
  convcli explain -k outline --at 10,20 photo.png
  convcli explain -k "0.4 0.2; 1 0.3" --at 0,0 --padding valid matrix.csv
  convcli explain -k sobel --at 0,3 --channels gray --range abs photo.png
  convcli explain -k blur --at 4,4 --stride 2 --json photo.png
  convcli explain -k gaussian:5 --at 10,20 photo.png -o explained.png
""",
)
@click.option(
    "--at",
    type=PositionValue(),
    required=True,
    help="Which value: row and column in the feature map, from 0 on.",
)
@one_value_options
@filter_option("explain")
@click.option(
    "--activation",
    type=click.Choice(["none", "relu", "leaky-relu", "sigmoid", "tanh"]),
    default="none",
    show_default=True,
    help="What happens to the value before it becomes a pixel: relu makes negative ones 0, "
    "leaky-relu a hundredth; sigmoid squashes to 0..1, tanh to -1..1.",
)
@layout_options
@one_image_options
@click.option("--json", is_flag=True, help="Print every number as JSON.")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Draw window, kernel and products into FILE (.png, .pdf, .svg, ...), and print its name.",
)
@overwrite_option
@click.argument("source", metavar="INPUT", type=click.Path())
def explain(
    source: str,
    at: "Pair",
    choice: "KernelArgs",
    number: int | None,
    activation: str,
    layout: "ConvOptions",
    reading: "ReadOptions",
    json: bool,
    output: str | None,
    overwrite: bool,
) -> None:
    """Explain one value of a feature map, number by number.

    Shows the window of the input under the kernel, padding in brackets; the kernel as it is
    applied, flipped only by --operation convolve; every product, pixel*weight; their sum; divisor,
    bias and activation; and the pixel that apply writes there, to the last digit. A number after
    ~ in place of = was rounded. INPUT is an image, a .npy, .csv or .txt matrix, or -.
    """
    if json and output is not None:
        raise click.UsageError("--json prints, and -o draws; choose one")
    if output is not None:
        check_figure(output, overwrite=overwrite)
    choice.check_stdin(source)
    spec = choice.only_filter(layout, number)
    explanation, pixels = _explained(source, reading, spec, at, activation)
    if output is not None:
        from convcli.teaching.explain.figure import draw_explanation

        write_figure(draw_explanation(explanation, pixels), output, overwrite=overwrite)
    elif json:
        _print_json(explanation, source)
    else:
        _print_text(explanation)


def _explained(
    source: str, reading: "ReadOptions", spec: "Filter", at: "Pair", activation: str
) -> tuple["Explanation", Any]:
    """Read the input, explain its value, return both; a fault is told with the input's name."""
    from convcli.errors import prefix_errors
    from convcli.teaching.explain.arithmetic import explain_image

    image, name = read_one(source, reading)
    with prefix_errors(name):
        return explain_image(image, spec, at, activation), image.pixels


def _print_json(explanation: "Explanation", source: str) -> None:
    from json import dumps

    from convcli.teaching.explain.text import explanation_data

    click.echo(dumps({"input": source} | explanation_data(explanation)))


def _print_text(explanation: "Explanation") -> None:
    """Print the lines, in colors on a terminal that is to have them."""
    from convcli.teaching.explain.text import explanation_text
    from convcli.teaching.text_table import unpainted

    colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(explanation_text(explanation, _painted if colored else unpainted))


def _painted(role: str, text: str) -> str:
    return click.style(text, **PAINTS[role]) if role and text else text
