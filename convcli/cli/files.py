"""The files of commands that work on single pictures: reading one, writing a figure."""

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from convcli.batch.settings import Reading
    from convcli.images.picture import Picture


def read_one(source: str, reading: "Reading") -> tuple["Picture", str]:
    """Read one input, ``-`` being standard input; return also the name that messages call it.

    What is to be known of it is said on stderr.

    Raises:
        PictureError: it cannot be read as a picture.
    """
    picture, name = read_quietly(source, reading)
    for note in picture.notes:
        click.echo(f"{name}: {note}", err=True)
    return picture, name


def read_quietly(source: str, reading: "Reading") -> tuple["Picture", str]:
    """Read one input as :func:`read_one` does, and leave it to the caller to tell its notes.

    Raises:
        PictureError: it cannot be read as a picture.
    """
    import io
    from pathlib import Path

    from convcli.errors import shown
    from convcli.images.reading import read_picture

    stdin = source == "-"
    name = "standard input" if stdin else shown(source)
    size = reading.resize
    picture = read_picture(
        io.BytesIO(sys.stdin.buffer.read()) if stdin else Path(source),
        name=name if stdin else source,
        max_pixels=reading.max_pixels,
        channels=reading.channels,
        resize=None if size is None else (size[1], size[0]),
    )
    return picture, name


def check_figure(output: str) -> None:
    """See that a figure can have this name, before anything is read.

    Raises:
        UsageError: its suffix names no format of figures.
    """
    from pathlib import Path

    from convcli.figures.saving import check_suffix

    check_suffix(Path(output))


def write_figure(figure: Any, output: str, *, overwrite: bool, quiet: bool = False) -> None:
    """Write a figure, and print its name unless ``quiet``.

    Raises:
        PictureError: the file exists and is not to be replaced, or cannot be written.
    """
    from pathlib import Path

    from convcli.errors import shown
    from convcli.figures.saving import save_figure

    save_figure(figure, Path(output), overwrite=overwrite)
    if not quiet:
        click.echo(shown(output))
