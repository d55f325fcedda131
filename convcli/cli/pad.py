"""``convcli pad``: the padded image that a kernel's window slides over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.command import Command
from convcli.cli.files import check_outputs, one_input, read_one, write_figure
from convcli.cli.options import (
    BORDER,
    FILL,
    MATRIX,
    MAX_MEMORY,
    SHOW,
    OptionDecl,
    check_figure_options,
    check_titles,
    conv_option,
    output_file_option,
    output_option,
    panel_options,
    plot_option,
    read_one_options,
    report_option,
    write_one_options,
)
from convcli.cli.types import FolderType, InputType, PaddingType, PairType
from convcli.errors import UsageError, prefix_errors
from convcli.figure_options import FigureOptions
from convcli.geometry import Padding, Pair, conv_geometry, fill_value, pads_of
from convcli.images.options import ReadOptions, WriteOptions
from convcli.signals import OutputAxes

if TYPE_CHECKING:
    from convcli.batch.outputs import Target
    from convcli.images.image import ImageData


@click.command(
    cls=Command,
    examples="""
    convcli pad --padding 2 --border reflect photo.png
    convcli pad --padding 1 --border zero matrix.csv -o -
    convcli pad --padding same --k 7 photo.png --plot padding.png
    """,
)
@conv_option(
    "--padding",
    "--p",
    "padding",
    type=PaddingType(),
    required=True,
    help="Pixels to add, or a rule with --k.",
)
@BORDER
@OptionDecl(FILL.names, FILL.attributes | {"rare": False})
@conv_option(
    "--k",
    "--kernel",
    "kernel",
    type=PairType("N|WxH|R,C"),
    help="Size of the kernel that same and full pad for.",
)
@read_one_options
@MATRIX
@output_file_option(
    metavar="FILE|-",
    show_default="{stem}_padded{suffix} beside INPUT",
    help="File for the padded image, or -.",
)
@output_option("--out-dir", type=FolderType(), metavar="DIR", help="Folder for the padded image.")
@write_one_options
@plot_option(help="Draw the image and its padding. With -o or --out-dir, also write the image.")
@SHOW
@panel_options("input", "padded")
@report_option("--json", is_flag=True, help="Print the file's name and the sizes as JSON.")
@MAX_MEMORY
@click.argument("source", metavar="INPUT", type=InputType(), required=False)
def pad(
    source: str | None,
    matrix: str | None,
    padding: Padding,
    border: str,
    fill: float | None,
    kernel: Pair | None,
    reading: ReadOptions,
    output: str | None,
    out_dir: str | None,
    writing: WriteOptions,
    plot: str | None,
    show: bool,
    figure: FigureOptions,
    json: bool,
    max_memory: int | float,
) -> None:
    """Add pixels around an image, and write the padded image.

    It is the image that the window of apply slides over, and has the type of its input. INPUT is an
    image, a .npy, .csv or .txt matrix, a signal, or -. Alpha is padded as the colors are: zero is
    transparent, but constant is opaque.
    """
    from convcli.batch.memory import memory_check
    from convcli.batch.outputs import write_result
    from convcli.cli.report import finite
    from convcli.core.memory import padded_bytes
    from convcli.images.notes import visible
    from convcli.images.padding import pad_image
    from convcli.images.writing import write_image

    source = one_input(source, matrix)
    value = fill_value(fill, border)
    # This raises, before an INPUT is opened, on a mistake.
    pads_of(kernel or (1, 1), padding, kernel, "--k")
    is_drawn = bool(plot or show)
    check_figure_options(figure, is_drawn=is_drawn, advice="--plot FILE", show=show)
    _check_panels(figure, border)
    unnamed = output is None and out_dir is None
    if not (unnamed and is_drawn):
        output = _output_path(source, output, out_dir, writing.format, prints=matrix is not None)
    if json and output == "-":
        raise UsageError("--json prints, and so does -o -; name a file with -o")
    check_outputs(output, plot, overwrite=writing.overwrite)
    check_memory = memory_check(max_memory)
    image, name = read_one(source, reading, check_memory, matrix)
    record: dict[str, Any] = {"input": source, "output": output}
    record |= {} if plot is None else {"figure": plot}
    data: bytes | None = None
    notes: tuple[str, ...] = ()
    with prefix_errors(name):
        pads = pads_of(image.shape, padding, kernel)
        target = None if output is None else _choose_target(output, image, writing.format)
        geometry = conv_geometry(image.shape, (1, 1), pads)
        planes = image.channels + (image.alpha is not None)
        size = padded_bytes(geometry, planes, image.pixels.dtype, value)
        check_memory(image.pixels.nbytes + size)
        padded = pad_image(image, pads, border, value)
        drawn: Any = None
        if is_drawn:
            from convcli.batch.outputs import base_name
            from convcli.teaching.pad.figure import draw_padding

            title = base_name(name)
            figure = figure._replace(digits=writing.digits, reading=reading.facts)
            drawn = draw_padding(image, padded, pads, border, value, title=title, options=figure)
        if target is not None:
            data, notes = write_result(target, partial(write_image, padded), writing)
            notes = (*target.notes, *notes)
    for note in visible(notes):
        click.echo(f"{name}: {note}", err=True)
    if plot:
        write_figure(drawn, plot, overwrite=writing.overwrite, quiet=True)
    record |= {"padding": list(pads), "border": border}
    record |= {"fill": finite(value) if border == "constant" else None}
    _print(data, record, image, padded, json=json, unnamed=unnamed)
    if show:
        from convcli.plotting.save import show_figure

        show_figure([drawn])


def _check_panels(figure: FigureOptions, border: str) -> None:
    """Check the panels and the number of titles before the input is read."""
    for panel in figure.panels or ():
        if panel not in ("input", "padded"):
            raise click.UsageError(f"--panels: pad draws no {panel}; its panels are input, padded")
    if figure.titles is not None:
        from convcli.teaching.pad.figure import title_counts

        check_titles(figure, *title_counts(figure.panels, border))


def _output_path(
    source: str, output: str | None, out_dir: str | None, requested: str | None, *, prints: bool
) -> str:
    """Return the file of the result, or ``-``, where a typed matrix goes by default."""
    from convcli.batch.outputs import path_beside, plan_output

    if output is not None and out_dir is not None:
        raise UsageError("-o names the file, and --out-dir its folder; choose one")
    if output is None and out_dir is None and prints:
        output = "-"
    if output is None:
        output = path_beside(source, "padded", requested, folder=out_dir)
    plan_output(output, requested)  # raises if no format has this name
    return output


def _choose_target(output: str, image: ImageData, requested: str | None) -> Target:
    """Choose the format of the result, which has the type of the image.

    Raises:
        UsageError: the format cannot hold the image.
    """
    from convcli.batch.outputs import choose_target, plan_output

    numbers = image.depth is None
    return choose_target(
        plan_output(output, requested, raw=numbers),
        image.format,
        channels=image.channels,
        depth=image.depth,
        range="raw" if numbers else "clip",
    )


def _print(
    data: bytes | None,
    record: dict[str, Any],
    image: ImageData,
    padded: ImageData,
    *,
    json: bool,
    unnamed: bool,
) -> None:
    """Print the result itself, or the record, or the name of the file."""
    from convcli.cli.report import (
        axes_record,
        check_terminal,
        hint_at_numbers,
        print_json,
        print_name,
        write_stdout,
    )

    if data is not None:
        check_terminal(data)
        write_stdout(data)
        return
    if json:
        for prefix, (rows, columns) in (("input_", image.shape), ("", padded.shape)):
            record |= {f"{prefix}rows": rows, f"{prefix}columns": columns}
        axes = OutputAxes(padded.axis)
        print_json(record | {"type": padded.pixel_type} | axes_record(axes, max(padded.shape)))
        return
    for kind in ("output", "figure"):
        if record.get(kind) is not None:
            print_name(record[kind])
    if unnamed and record["output"] is not None:
        hint_at_numbers(record["output"])
