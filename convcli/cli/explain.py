"""``convcli explain``: the arithmetic of one output value."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from convcli.choices import ACTIVATION_NAMES
from convcli.cli.command import Command
from convcli.cli.files import check_outputs, one_input, read_one, write_figure
from convcli.cli.kernel_args import KernelArgs, check_stdin, filter_option, kernel_options
from convcli.cli.options import (
    DIGITS,
    MATRIX,
    MAX_MEMORY,
    OVERWRITE,
    conv_options,
    message_option,
    output_file_option,
    read_one_options,
    value_option,
)
from convcli.cli.types import POSITION, InputType, WordType
from convcli.errors import prefix_errors
from convcli.geometry import ConvOptions, Pair
from convcli.images.formats import SPREADSHEET
from convcli.images.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from convcli.plotting.spreadsheet import Spreadsheet

STYLES: dict[str, dict[str, Any]] = {
    "heading": {"bold": True},
    "place": {"dim": True},
    "padding": {"fg": "yellow"},
    "result": {"fg": "green", "bold": True},
}


@click.command(
    cls=Command,
    examples="""
    convcli explain -k outline --at 10,20 photo.png
    convcli explain -k "0.4 0.2; 1 0.3" --at 0,0 --padding valid matrix.csv
    convcli explain -k gaussian:5 --at 10,20 photo.png -o explained.png
    """,
)
@value_option(
    "--at", type=POSITION, required=True, help="Row and column in the feature map, counted from 0."
)
@value_option(
    "--activation",
    type=WordType(ACTIVATION_NAMES),
    default="none",
    help="Function applied before the range.",
)
@kernel_options
@filter_option("explain")
@conv_options
@read_one_options
@DIGITS
@message_option("--json", is_flag=True, help="Print every number as JSON.")
@output_file_option(
    help="Draw window, kernel and products into FILE (.png, .pdf, .svg, ...), or write .xlsx with "
    "live formulas."
)
@OVERWRITE
@MATRIX
@MAX_MEMORY
@click.argument("source", metavar="INPUT", type=InputType(), required=False)
def explain(
    source: str | None,
    matrix: str | None,
    at: Pair,
    kernel_args: KernelArgs,
    number: int | None,
    activation: str,
    conv: ConvOptions,
    reading: ReadOptions,
    digits: int | None,
    json: bool,
    output: str | None,
    overwrite: bool,
    max_memory: int | float,
) -> None:
    """Explain one value of a feature map, number by number.

    Prints the window of the input, with padding in brackets; the kernel as it is applied; every
    product, pixel*weight; their sum; divisor, bias and activation; and the pixel that apply
    writes there. A number after ~ instead of = is rounded. INPUT is an image, a .npy, .csv or
    .txt matrix, a signal, or -. A family of kernels, or several -k with --combine, makes one value.
    """
    from convcli.batch.memory import memory_check
    from convcli.filtering import filter_bytes
    from convcli.teaching.explain.arithmetic import explain_image

    source = one_input(source, matrix)
    if json and output is not None:
        raise click.UsageError("--json prints, and -o draws; choose one")
    is_spreadsheet = output is not None and output.lower().endswith(SPREADSHEET.suffix)
    check_outputs(*((output, None) if is_spreadsheet else (None, output)), overwrite=overwrite)
    check_stdin(kernel_args.kernel, source)
    kernel_args, reading = kernel_args.sampled(reading, [source])
    image_filter = kernel_args.only_filter(conv, number)
    if is_spreadsheet:
        from convcli.plotting.spreadsheet import check_filter

        check_filter(image_filter)
    check_memory = memory_check(max_memory)
    image, name = read_one(source, reading, check_memory, matrix)
    with prefix_errors(name):
        check_memory(image.pixels.nbytes + filter_bytes(image, image_filter, None))
        explanation = explain_image(image, image_filter, at, activation)
    if output is not None and is_spreadsheet:
        from convcli.plotting.spreadsheet import Spreadsheet
        from convcli.teaching.explain.arithmetic import ACTIVATIONS

        with prefix_errors(name):
            sheets = Spreadsheet(image, image_filter, at, activation, ACTIVATIONS[activation])
        _write_spreadsheet(sheets, output, WriteOptions(overwrite=overwrite, digits=digits))
    elif output is not None:
        from convcli.teaching.explain.figure import draw_explanation

        figure = draw_explanation(explanation, image.pixels, digits=digits)
        write_figure(figure, output, overwrite=overwrite)
    elif json:
        from convcli.cli.report import print_json
        from convcli.teaching.explain.text import explanation_data

        print_json({"input": source} | explanation_data(explanation, digits))
    else:
        from convcli.teaching.explain.text import explanation_text
        from convcli.teaching.text_table import unpainted

        colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        click.echo(explanation_text(explanation, _painted if colored else unpainted, digits=digits))


def _write_spreadsheet(sheets: Spreadsheet, output: str, options: WriteOptions) -> None:
    from convcli.atomic import atomic_write
    from convcli.cli.report import print_name

    with atomic_write(output, overwrite=options.overwrite) as file:
        sheets.write(file, options=options)
    print_name(output)


def _painted(role: str, text: str) -> str:
    return click.style(text, **STYLES[role]) if role and text else text
