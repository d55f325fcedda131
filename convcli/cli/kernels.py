"""The commands ``kernels list`` and ``kernels show``."""

import sys
from typing import TYPE_CHECKING

import click

from convcli.cli.files import check_figure, check_outputs, read_one, write_figure
from convcli.cli.options import KernelSpecValue, overwrite_option

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel


@click.group(
    epilog="""\b
    Examples:
      convcli kernels list
      convcli kernels show sobel-x
    """
)
def kernels() -> None:
    """List the kernels that have names, or show one."""


@kernels.command(
    "list",
    epilog="""\b
    Examples:
      convcli kernels list
      convcli kernels list --json
      convcli kernels list --plot kernels.png
      convcli kernels list --plot kernels.png --on photo.jpg
    """,
)
@click.option("--json", is_flag=True, help="Print a JSON array, one object a kernel.")
@click.option(
    "--plot",
    type=click.Path(),
    metavar="FILE",
    help="Draw what each kernel makes of one image into FILE (.png, .pdf, .svg, ...), and "
    "print its name.",
)
@click.option(
    "--on",
    type=click.Path(),
    metavar="IMAGE",
    help="The image for --plot, made gray, and small by block means; - is standard input.  "
    "[default: one made for the purpose]",
)
@overwrite_option
def list_kernels(json: bool, plot: str | None, on: str | None, overwrite: bool) -> None:
    """List the kernels that have names, by group.

    With --plot, draw them all at work: recipes with their defaults, families combined.
    """
    if plot is not None:
        if json:
            raise click.UsageError("--json prints, and --plot draws; choose one")
        _draw_catalogue(plot, on, overwrite)
        return
    if on is not None:
        raise click.UsageError("--on is the image of --plot; name its FILE as well")
    from convcli.kernels.catalogue import list_json, list_text

    click.echo(list_json() if json else list_text())


def _draw_catalogue(plot: str, source: str | None, overwrite: bool) -> None:
    """Draw what each kernel of the catalogue makes of one image."""
    from convcli.images.options import ReadOptions
    from convcli.teaching.kernels.catalogue_sheet import demo_image, draw_catalogue, reduce_image

    check_figure(plot, overwrite=overwrite)
    image = demo_image() if source is None else reduce_image(*read_one(source, ReadOptions()))
    write_figure(draw_catalogue(image), plot, overwrite=overwrite)


@kernels.command(
    "show",
    context_settings={"ignore_unknown_options": True},  # a matrix may begin with a minus
    epilog="""\b
    Examples:
      convcli kernels show outline
      convcli kernels show gaussian:5,sigma=1.2
      convcli kernels show sobel-x@45
      convcli kernels show "0 -1 0; -1 5 -1; 0 -1 0" --json
      convcli kernels show blur -o blur.png
      convcli kernels show gaussian:15 --plot gaussian.png
    """,
)
@click.argument("spec", type=KernelSpecValue())
@click.option("--json", is_flag=True, help="Print JSON, which -k can read again.")
@click.option(
    "-o",
    "--output",
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Write the kernel to FILE (.npy, .csv, .txt, .json; .png draws it); - prints the matrix.",
)
@click.option(
    "--plot",
    type=click.Path(),
    metavar="FILE",
    help="Draw weights, contours, impulse and frequency response into FILE (.png, .pdf, .svg, "
    "...) in place of the text.",
)
@overwrite_option
def show_kernel(
    spec: str, json: bool, output: str | None, plot: str | None, overwrite: bool
) -> None:
    """Show a kernel's weights and what follows from them.

    SPEC is a name, a name with arguments, a matrix, a file (.txt, .csv, .npy, .json), or - for
    standard input; @ANGLE turns it counter-clockwise. With -o, --plot or both, the files are
    written and their names printed.
    """
    from convcli.kernels.spec import find_computed, only_kernel, read_spec
    from convcli.teaching.kernels.text import set_json, set_text

    _check_printing(json, output, plot)
    check_outputs(output, plot, overwrite=overwrite)
    found = read_spec(spec, getattr(sys.stdin, "buffer", None))
    if output is not None:
        _write(only_kernel(found), output, overwrite)
    if plot is not None:
        from convcli.teaching.kernels.kernel_sheet import draw_kernel_sheet

        write_figure(draw_kernel_sheet(found), plot, overwrite=overwrite)
    if output is not None or plot is not None:
        return
    if json:
        click.echo(set_json(found))
    else:
        click.echo(set_text(found, find_computed(spec)))


def _check_printing(json: bool, output: str | None, plot: str | None) -> None:
    """See that what is to be printed goes with the files, before anything is read or written."""
    from convcli.errors import UsageError

    if json and output is not None:
        raise UsageError("--json prints; for a file, leave it out and use -o with a .json name")
    if plot is not None and (json or output == "-"):
        asked = "--json" if json else "-o -"
        raise UsageError(f"{asked} prints, and --plot draws; choose one")


def _write(kernel: "Kernel", output: str, overwrite: bool) -> None:
    """Write one kernel and print the file's name, or print its matrix for ``-``."""
    from pathlib import Path

    from convcli.cli.report import print_name
    from convcli.kernels.files import matrix_text, save_kernel

    if output == "-":
        click.echo(matrix_text(kernel), nl=False)
        return
    target = Path(output)
    if target.suffix.lower() == ".png":
        from convcli.plotting.heatmap import draw_kernel

        write_figure(draw_kernel(kernel), output, overwrite=overwrite)
        return
    save_kernel(kernel, target, overwrite=overwrite)
    print_name(target)
