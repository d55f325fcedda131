"""The files of commands that work on single images: reading one, writing a figure."""

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from convcli.images.image import ImageData
    from convcli.images.options import ReadOptions


def read_one(source: str, reading: "ReadOptions") -> tuple["ImageData", str]:
    """Read one input, ``-`` being standard input; return also the name that messages call it.

    What is to be known of it is said on stderr.

    Raises:
        ImageError: it cannot be read as an image.
    """
    image, name = read_quietly(source, reading)
    for note in image.notes:
        click.echo(f"{name}: {note}", err=True)
    return image, name


def read_quietly(source: str, reading: "ReadOptions") -> tuple["ImageData", str]:
    """Read one input as :func:`read_one` does, and leave it to the caller to tell its notes.

    Raises:
        ImageError: it cannot be read as an image.
    """
    import io
    from pathlib import Path

    from convcli.errors import shown
    from convcli.images.reading import read_image

    stdin = source == "-"
    name = "standard input" if stdin else shown(source)
    image = read_image(
        io.BytesIO(sys.stdin.buffer.read()) if stdin else Path(source),
        name=name if stdin else source,
        options=reading,
    )
    return image, name


def check_figure(output: str, *, overwrite: bool) -> None:
    """See that a figure can be written under this name, before anything is read.

    Raises:
        UsageError: its suffix names no format of figures.
        ImageError: the file exists and is not to be replaced.
    """
    from pathlib import Path

    from convcli.atomic import check_target
    from convcli.plotting.save import check_suffix

    check_suffix(Path(output))
    check_target(Path(output), overwrite=overwrite)


def check_outputs(output: str | None, plot: str | None, *, overwrite: bool) -> None:
    """See that the files of -o and --plot can be written, before anything is read.

    Raises:
        UsageError: both are one file, or no figure can have the name of --plot.
        ImageError: a file exists and is not to be replaced.
    """
    import os
    from pathlib import Path

    from convcli.atomic import check_target
    from convcli.errors import UsageError

    if output == "-":
        output = None
    if output and plot and os.path.realpath(output) == os.path.realpath(plot):
        raise UsageError("-o and --plot name the same file; give each its own")
    if plot is not None:
        check_figure(plot, overwrite=overwrite)
    if output is not None:
        check_target(Path(output), overwrite=overwrite)


def write_figure(figure: Any, output: str, *, overwrite: bool, quiet: bool = False) -> None:
    """Write a figure, and print its name unless ``quiet``.

    Raises:
        ImageError: the file exists and is not to be replaced, or cannot be written.
    """
    from pathlib import Path

    from convcli.cli.report import print_name
    from convcli.plotting.save import save_figure

    save_figure(figure, Path(output), overwrite=overwrite)
    if not quiet:
        print_name(output)
