"""``convcli explain``: the arithmetic of one output value."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal

import click

from convcli.choices import ACTIVATION_NAMES
from convcli.cli.command import Command
from convcli.cli.files import check_outputs, one_input, read_one, write_figure
from convcli.cli.gradient_args import GradientArgs, gradient_options
from convcli.cli.kernel_args import (
    KernelArgs,
    check_stdin,
    filter_option,
    optional_kernel_options,
)
from convcli.cli.layer_args import (
    LayerArgs,
    check_layers_alone,
    layer_options,
    read_chain,
)
from convcli.cli.missing_args import MissingArgs, missing_options
from convcli.cli.options import (
    DIGITS,
    MATRIX,
    MAX_MEMORY,
    OVERWRITE,
    SHOW,
    check_figure_options,
    conv_options,
    figure_options,
    output_file_option,
    read_one_options,
    report_option,
    value_option,
)
from convcli.cli.types import InputType, WordType
from convcli.errors import prefix_errors
from convcli.figure_options import FigureOptions
from convcli.geometry import ConvOptions, Pair
from convcli.images.formats import SPREADSHEET
from convcli.images.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from convcli.filtering.filter import Filter
    from convcli.plotting.save import NotebookFigure
    from convcli.plotting.spreadsheet import Spreadsheet
    from convcli.teaching.text_table import Paint

Form = Literal["text", "json", "figure"]

_FIGURE = "-o FILE.png"  # how the user gets a figure
STYLES: dict[str, dict[str, Any]] = {
    "heading": {"bold": True},
    "place": {"dim": True},
    "padding": {"fg": "yellow"},
    "result": {"fg": "green", "bold": True},
}


@click.command(
    cls=Command,
    examples="""
    convcli explain -k outline --at 10,20 photo.png -o explained.png
    convcli explain --layer "conv -k blur" --layer "maxpool 2" --at 9,9 photo.png
    convcli explain --gradient -k outline --target wanted.csv small.csv
    """,
)
@gradient_options
@layer_options("Explain")
@value_option(
    "--activation",
    type=WordType(ACTIVATION_NAMES),
    default="none",
    help="Function applied before the range.",
)
@optional_kernel_options
@filter_option("explain")
@conv_options
@read_one_options
@missing_options
@DIGITS
@report_option("--json", is_flag=True, help="Print every number as JSON.")
@SHOW
@figure_options
@output_file_option(
    help="Draw the computation into FILE (.png, .pdf, .svg, ...), or write .xlsx with live "
    "formulas."
)
@OVERWRITE
@MATRIX
@MAX_MEMORY
@click.argument("source", metavar="INPUT", type=InputType(), required=False)
def explain(
    source: str | None,
    matrix: str | None,
    gradient_args: GradientArgs,
    layer_args: LayerArgs,
    kernel_args: KernelArgs,
    number: int | None,
    activation: str,
    conv: ConvOptions,
    reading: ReadOptions,
    missing_args: MissingArgs,
    digits: int | None,
    json: bool,
    show: bool,
    figure: FigureOptions,
    output: str | None,
    overwrite: bool,
    max_memory: int | float,
) -> None:
    """Explain one value of a feature map, number by number.

    Prints the window of the input, with padding in brackets; the kernel as it is applied; every
    product, pixel*weight; their sum; divisor, bias and activation; and the pixel that apply
    writes there. A number after ~ instead of = is rounded. INPUT is an image, a .npy, .csv or
    .txt matrix, a signal, or -. A family of kernels, or several -k with --combine, makes one value.

    With --layer, explains a value of the last of these layers, and then of each layer before it
    the value that counts most, down to the pixels of INPUT that the value depends on.

    With --gradient, explains what training computes: a loss L of the map y, its gradients dL/dw by
    the weights, dL/dx by INPUT and dL/db by the bias, and the sum that makes one number of each.
    L is the sum of y, or with --target the mean of (y - FILE)**2. A bank is one convolution.
    """
    source = one_input(source, matrix)
    if json and (show or output is not None):
        raise click.UsageError(f"--json prints, and {'--show' if show else '-o'} draws; choose one")
    is_spreadsheet = output is not None and output.lower().endswith(SPREADSHEET.suffix)
    spreadsheet, file = (output, None) if is_spreadsheet else (None, output)
    is_drawn = show or file is not None
    check_figure_options(figure, is_drawn=is_drawn, advice=_FIGURE, show=show)
    if is_spreadsheet and (gradient_args.gradient or layer_args.texts):
        option = "--gradient" if gradient_args.gradient else "--layer"
        raise click.UsageError(
            f"{output}: a spreadsheet shows one kernel; with {option}, -o draws a figure, a .png "
            "for example"
        )
    form: Form = "json" if json else "figure" if is_drawn else "text"
    options = figure._replace(digits=digits, reading=reading.facts)
    if gradient_args.gradient:
        check_outputs(None, file, overwrite=overwrite)
        gradient_args.check(layer_args)
        layer_args.check(kernel_args.kernel)
        check_stdin(kernel_args.kernel, source, gradient_args.target or "")
        kernel_args, reading = kernel_args.sampled(reading, [source])
        image_filter = _joined_filter(kernel_args, conv, number)
        drawn = _explain_gradient(
            source, matrix, gradient_args, image_filter, activation, reading, options, max_memory,
            form=form,
        )  # fmt: skip
    elif layer_args.texts:
        check_outputs(None, file, overwrite=overwrite)
        check_layers_alone("explains")
        drawn = _explain_layers(
            source, matrix, layer_args, gradient_args.place(), reading, options, max_memory,
            density=kernel_args.density, form=form,
        )  # fmt: skip
    else:
        at = gradient_args.place()
        layer_args.check(kernel_args.kernel)
        check_outputs(spreadsheet, file, overwrite=overwrite)
        check_stdin(kernel_args.kernel, source)
        kernel_args, reading = kernel_args.sampled(reading, [source])
        image_filter = kernel_args.only_filter(conv, number, missing_args.missing(reading))
        drawn = _explain_filter(
            source, matrix, image_filter, at, activation, reading, options, max_memory, form=form,
            spreadsheet=spreadsheet, overwrite=overwrite,
        )  # fmt: skip
    if drawn is not None:
        write_figure(drawn, file, overwrite=overwrite, show=show, advice=_FIGURE)


def _explain_filter(
    source: str,
    matrix: str | None,
    image_filter: Filter,
    at: Pair,
    activation: str,
    reading: ReadOptions,
    figure: FigureOptions,
    max_memory: int | float,
    *,
    form: Form,
    spreadsheet: str | None,
    overwrite: bool,
) -> NotebookFigure | None:
    """Print the explanation of a filtered value or write its spreadsheet, or return its figure."""
    from convcli.batch.memory import memory_check
    from convcli.filtering.memory import filter_bytes
    from convcli.teaching.explain.arithmetic import ACTIVATIONS, explain_image

    if spreadsheet is not None:
        from convcli.plotting.spreadsheet import Spreadsheet, check_filter

        check_filter(image_filter)
    check_memory = memory_check(max_memory)
    image, name = read_one(source, reading, check_memory, matrix)
    with prefix_errors(name):
        check_memory(image.pixels.nbytes + filter_bytes(image, image_filter, None))
        explanation = explain_image(image, image_filter, at, activation)
    if spreadsheet is not None:
        with prefix_errors(name):
            sheets = Spreadsheet(image, image_filter, at, activation, ACTIVATIONS[activation])
        options = WriteOptions(overwrite=overwrite, digits=figure.digits)
        _write_spreadsheet(sheets, spreadsheet, options)
    if form == "figure":
        from convcli.teaching.explain.figure import draw_explanation

        drawn = explanation.source
        return draw_explanation(explanation, drawn.image.pixels, drawn.feature_map(), figure)
    if spreadsheet is None:
        from convcli.teaching.explain.text import explanation_data, explanation_text

        if form == "json":
            from convcli.cli.report import print_json

            print_json({"input": source} | explanation_data(explanation, figure.digits))
        else:
            click.echo(explanation_text(explanation, _paint(), digits=figure.digits))
    return None


def _joined_filter(kernel_args: KernelArgs, conv: ConvOptions, number: int | None) -> Filter:
    """Return the filter of all kernels as one bank, or of the N-th kernel."""
    filters = kernel_args.filters(conv)
    if number is not None or len(filters) == 1:
        return kernel_args.only_filter(conv, number)
    for image_filter in filters:
        if image_filter.combine is not None:
            return image_filter  # which is refused by its name
    kernels = tuple(kernel for each in filters for kernel in each.kernels)
    return filters[0]._replace(label=", ".join(kernel_args.kernel), kernels=kernels)


def _explain_gradient(
    source: str,
    matrix: str | None,
    args: GradientArgs,
    image_filter: Filter,
    activation: str,
    reading: ReadOptions,
    figure: FigureOptions,
    max_memory: int | float,
    *,
    form: Form,
) -> NotebookFigure | None:
    """Print the gradients of a convolution, or return their figure."""
    from convcli.batch.memory import memory_check
    from convcli.teaching.explain.gradient.arithmetic import explain_gradient, gradient_bytes
    from convcli.teaching.explain.gradient.text import gradient_data, gradient_text

    check_memory = memory_check(max_memory)
    image, name = read_one(source, reading, check_memory, matrix)
    target = None
    if args.target is not None:
        options = ReadOptions(max_pixels=reading.max_pixels)
        target = read_one(args.target, options, check_memory)[0].pixels
    with prefix_errors(name):
        check_memory(image.pixels.nbytes + gradient_bytes(image, image_filter))
        gradient = explain_gradient(image, image_filter, args.at, target, activation)
    if form == "figure":
        from convcli.teaching.explain.gradient.figure import draw_gradient

        return draw_gradient(gradient, figure)
    if form == "json":
        from convcli.cli.report import print_json

        print_json({"input": source} | gradient_data(gradient, figure.digits))
    else:
        click.echo(gradient_text(gradient, _paint(), digits=figure.digits))
    return None


def _explain_layers(
    source: str,
    matrix: str | None,
    args: LayerArgs,
    at: Pair,
    reading: ReadOptions,
    figure: FigureOptions,
    max_memory: int | float,
    *,
    density: bool,
    form: Form,
) -> NotebookFigure | None:
    """Print the explanation of a value of the last of these layers, or return its figure."""
    from convcli.batch.memory import memory_check
    from convcli.teaching.explain.chain.arithmetic import explain_chain
    from convcli.teaching.explain.chain.text import chain_data, chain_text
    from convcli.teaching.explain.chain.trace import chain_bytes, run_chain

    check_memory = memory_check(max_memory)
    image, name, stages, texts = read_chain(
        args, source, matrix, reading, check_memory, density=density
    )
    with prefix_errors(name):
        shape = (*image.shape, image.channels)
        check_memory(image.pixels.nbytes + chain_bytes(stages, shape, image.pixels.dtype))
        maps = run_chain(image, stages)
        number = args.map_number or 1
        explanation = explain_chain(image, stages, at, number, maps=maps, texts=texts)
    if form == "figure":
        from convcli.teaching.explain.chain.figure import draw_chain_explanation

        return draw_chain_explanation(explanation, image, stages, maps, texts=texts, options=figure)
    if form == "json":
        from convcli.cli.report import print_json

        print_json({"input": source} | chain_data(explanation, figure.digits))
    else:
        click.echo(chain_text(explanation, _paint(), digits=figure.digits))
    return None


def _paint() -> Paint:
    """Return how the roles of a text are colored: on a terminal, unless NO_COLOR is set."""
    from convcli.teaching.text_table import unpainted

    return _painted if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else unpainted


def _write_spreadsheet(sheets: Spreadsheet, output: str, options: WriteOptions) -> None:
    from convcli.atomic import atomic_write
    from convcli.cli.report import print_name

    with atomic_write(output, overwrite=options.overwrite) as file:
        sheets.write(file, options=options)
    print_name(output)


def _painted(role: str, text: str) -> str:
    return click.style(text, **STYLES[role]) if role and text else text
