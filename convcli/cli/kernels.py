"""``convcli kernels list`` and ``convcli kernels show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convcli.choices import ChannelOrder, Scale
from convcli.cli.command import Group
from convcli.cli.files import check_outputs, read_one, write_figure
from convcli.cli.options import (
    CHANNEL_ORDER,
    DIGITS,
    MAX_MEMORY,
    OVERWRITE,
    SCALE,
    SHOW,
    X,
    check_figure_options,
    figure_option,
    figure_options,
    kernel_option,
    output_file_option,
    plot_option,
    report_option,
)
from convcli.cli.types import InputType, KernelSpecType
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.images.options import ReadOptions

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel
    from convcli.signals import SampleRange


@click.group(
    cls=Group,
    examples="""
    convcli kernels list
    convcli kernels show sobel-x
    """,
)
def kernels() -> None:
    """List the named kernels or the layers of a network, or show one."""


def _groups() -> list[str]:
    """Return the groups of kernels that are drawn; those over channels are not."""
    from convcli.kernels.catalogue import groups

    return [name for name in groups() if name != "color"]


def _complete_group(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _groups() if name.startswith(incomplete)]


def _check_group(group: str) -> None:
    """Raise UsageError, with all names, where the catalogue has no such group."""
    if group not in _groups():
        raise click.UsageError(
            f"--group: {group!r} is no group; the groups are {', '.join(_groups())}"
        )


@kernels.command(
    "list",
    examples="""
    convcli kernels list
    convcli kernels list net.safetensors
    convcli kernels list --plot gradient.png --group gradient --on photo.jpg
    """,
)
@click.argument("model", required=False)
@report_option("--json", is_flag=True, help="Print JSON: the kernels, or MODEL's layers.")
@plot_option(help="Draw the result of each kernel on one image into FILE (.png, .pdf, .svg, ...).")
@figure_option(
    "--on",
    type=InputType(),
    metavar="IMAGE",
    show_default="a built-in one",
    help="The image for --plot, made gray and small; - is standard input.",
)
@figure_option(
    "--group",
    metavar="NAME",
    shell_complete=_complete_group,
    help="The group that --plot draws, such as gradient.",
)
@SHOW
@figure_options
@OVERWRITE
@MAX_MEMORY
def list_kernels(
    model: str | None,
    json: bool,
    plot: str | None,
    on: str | None,
    group: str | None,
    show: bool,
    figure: FigureOptions,
    overwrite: bool,
    max_memory: int | float,
) -> None:
    """List the named kernels by group, or the convolutions in MODEL, the file of a network.

    With --plot or --show, draw each kernel's weights and result. A kernel with arguments uses its
    defaults; the kernels of a family are combined into one result.
    """
    is_drawn = show or plot is not None
    if model is not None:
        if is_drawn or group is not None or on is not None:
            raise click.UsageError(
                "figures of a list are of the named kernels; draw the filters of a layer with "
                "convcli kernels show MODEL:LAYER --plot FILE"
            )
        check_figure_options(figure, is_drawn=False, advice="convcli kernels show --plot FILE")
        from convcli.teaching.kernels.model_text import list_model

        click.echo(list_model(model, as_json=json))
        return
    check_figure_options(figure, is_drawn=is_drawn and not json, advice="--plot FILE", show=show)
    if not is_drawn:
        if group is not None:
            raise click.UsageError("--group is the part of the catalogue that --plot draws")
        if on is not None:
            raise click.UsageError("--on is the image of --plot; give both")
        from convcli.kernels.catalogue import list_json, list_text

        click.echo(list_json() if json else list_text())
        return
    if json:
        drawing = "--plot" if plot else "--show"
        raise click.UsageError(f"--json prints, and {drawing} draws; choose one")
    check_outputs(None, plot, overwrite=overwrite)
    if group is not None:
        _check_group(group)
    from convcli.batch.memory import memory_check
    from convcli.teaching.kernels.catalogue_sheet import demo_image, draw_catalogue, reduce_image

    if on is None:
        image = demo_image()
    else:
        image = reduce_image(*read_one(on, ReadOptions(), memory_check(max_memory)))
    sheet = draw_catalogue(image, group, figure)
    write_figure(sheet, plot, overwrite=overwrite, show=show)


@kernels.command(
    "show",
    context_settings={"ignore_unknown_options": True},  # a matrix may begin with a minus
    examples="""
    convcli kernels show gaussian:5,sigma=1.2
    convcli kernels show "0 -1 0; -1 5 -1; 0 -1 0" --json
    convcli kernels show sobel-x@45 --plot sobel.png
    """,
)
@click.argument("spec", type=KernelSpecType())
@kernel_option("--weights", is_flag=True, help="Divide: 0.0625 in place of 1 and the divisor 16.")
@CHANNEL_ORDER
@report_option("--json", is_flag=True, help="Print JSON, which -k can read.")
@output_file_option(
    metavar="FILE|-",
    help="Write a .npy, .csv, .txt or .json file, or draw a .png; - prints the matrix.",
)
@plot_option(help="Draw weights, response to one pixel and profile (.png, .pdf, .svg, ...).")
@figure_option("--frequency", is_flag=True, help="Add the frequency response to --plot.")
@SCALE
@SHOW
@figure_options
@OVERWRITE
@DIGITS
@X
def show_kernel(
    spec: str,
    x: SampleRange | None,
    weights: bool,
    channel_order: ChannelOrder,
    json: bool,
    output: str | None,
    plot: str | None,
    frequency: bool,
    scale: Scale | None,
    show: bool,
    figure: FigureOptions,
    overwrite: bool,
    digits: int | None,
) -> None:
    """Show the weights of a kernel and its properties.

    SPEC is a name, a name with arguments, a matrix, a file (.txt, .csv, .npy, .json), MODEL[:LAYER]
    for the weights of a layer, a signal, or - for standard input; @ANGLE rotates it
    counter-clockwise. With -o or --plot, write the files
    and print their names instead; with --show, open a window instead.
    """
    from convcli.kernels.spec import find_computed, only_kernel, read_specs, stacked
    from convcli.teaching.kernels.text import set_json, set_text

    if json and output is not None:
        raise UsageError("--json prints; to write a file, use -o with a .json name instead")
    has_sheet = show or plot is not None
    is_drawn = has_sheet or (output or "").lower().endswith(".png")
    check_figure_options(figure, is_drawn=is_drawn, advice="--plot FILE", show=show)
    figure_only = ["--frequency"] * frequency + ["--scale"] * (scale is not None)
    if figure_only and not has_sheet:
        raise UsageError(f"{figure_only[0]} is for figures; draw one with --plot FILE")
    if digits is not None and not is_drawn and (json or output is not None):
        raise UsageError("--digits is for the page that is shown; --json and -o hold all digits")
    if has_sheet and (json or output == "-"):
        printing, drawing = "--json" if json else "-o -", "--plot" if plot else "--show"
        raise UsageError(f"{printing} prints, and {drawing} draws; choose one")
    check_outputs(output, plot, overwrite=overwrite)
    stdin = getattr(sys.stdin, "buffer", None)
    [kernel_set] = read_specs([spec], stdin, x=x, channel_order=channel_order)
    if x is not None and kernel_set.kernels[0].axis is None:
        raise UsageError("--x is for signals, such as signal:normal")
    if weights:
        divided = tuple(kernel.divided() for kernel in kernel_set.kernels)
        kernel_set = kernel_set._replace(kernels=divided)
    figure = figure._replace(digits=digits)
    if output is not None:
        is_array = output.lower().endswith(".npy")
        kernel = stacked(kernel_set) if is_array else only_kernel(kernel_set)
        _write(kernel, output, overwrite, figure)
    if has_sheet:
        from convcli.teaching.kernels.kernel_sheet import draw_kernel_sheet

        sheet = draw_kernel_sheet(
            kernel_set, frequency=frequency, scale=scale or "common", options=figure
        )
        write_figure(sheet, plot, overwrite=overwrite, show=show)
    elif output is None:
        text = set_text(kernel_set, find_computed(spec), digits)
        click.echo(set_json(kernel_set) if json else text)


def _write(kernel: Kernel, output: str, overwrite: bool, figure: FigureOptions) -> None:
    """Write a kernel and print the file's name, or print its matrix for ``-``."""
    from convcli.cli.report import print_name
    from convcli.kernels.files import matrix_text, save_kernel

    if output == "-":
        click.echo(matrix_text(kernel), nl=False)
    elif Path(output).suffix.lower() == ".png":
        from convcli.plotting.heatmap import draw_kernel

        write_figure(draw_kernel(kernel, figure), output, overwrite=overwrite)
    else:
        save_kernel(kernel, Path(output), overwrite=overwrite)
        print_name(Path(output))
