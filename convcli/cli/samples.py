"""``convcli samples``: list the sample images, or write copies of some."""

from __future__ import annotations

from pathlib import Path

import click

from convcli.cli.command import Command
from convcli.cli.options import OVERWRITE, output_file_option, output_option, report_option
from convcli.cli.types import FolderType, ParsedType
from convcli.errors import UsageError
from convcli.geometry import size_text
from convcli.samples import SAMPLES, file_of, local_name


@click.command(
    cls=Command,
    examples="""
    convcli samples
    convcli samples camera letter-h --out-dir images
    convcli apply -k outline @camera
    """,
)
@report_option("--json", is_flag=True, help="Print a JSON array, one object per sample.")
@output_file_option(metavar="FILE|-", help="File for the copy of one sample; - prints it.")
@output_option(
    "--out-dir",
    type=FolderType(),
    metavar="DIR",
    show_default="the current folder",
    help="Folder for the copies.",
)
@OVERWRITE
@click.argument("names", nargs=-1, type=ParsedType("NAME", str, tuple(SAMPLES)))
def samples(
    names: tuple[str, ...], json: bool, output: str | None, out_dir: str | None, overwrite: bool
) -> None:
    """List the images and matrices that come with convcli, or write copies of some.

    Each line of the list is a name, a size (width x height) and what the sample shows. @NAME
    stands for the sample wherever a command takes an INPUT or the file of a kernel. A file whose
    own name begins with @ is given as ./@NAME.
    """
    names = tuple(dict.fromkeys(f"@{name.removeprefix('@')}" for name in names))
    if not names:
        if output is not None or out_dir is not None:
            raise UsageError("-o and --out-dir take copies; name the samples to copy")
        click.echo(_list_json() if json else _list_text())
        return
    if json:
        raise UsageError("--json lists all samples; leave out their names")
    if output is not None and (out_dir is not None or len(names) > 1):
        raise UsageError("-o names a single copy; use --out-dir alone for several")
    _write(names, output, out_dir, overwrite=overwrite)


def _list_text() -> str:
    """Return the samples, one per line."""
    return "\n".join(
        f"{name:<9}  {size_text((sample.rows, sample.columns)):<7}  "
        f"{sample.summary} ({sample.source})"
        for name, sample in SAMPLES.items()
    )


def _list_json() -> str:
    import json

    return json.dumps([sample._asdict() for sample in SAMPLES.values()], indent=1)


def _write(
    names: tuple[str, ...], output: str | None, out_dir: str | None, *, overwrite: bool
) -> None:
    """Write a copy of each sample and print its file's name, or print the one sample for ``-``.

    Raises:
        ImageError: a file exists and may not be replaced, or cannot be written.
    """
    from convcli.atomic import atomic_write, check_target
    from convcli.cli.report import check_terminal, print_name, write_stdout

    if output == "-":
        content = Path(file_of(names[0])).read_bytes()
        check_terminal(content)
        write_stdout(content)
        return
    copies = [(name, Path(output or Path(out_dir or "", local_name(name)))) for name in names]
    for _, target in copies:
        check_target(target, overwrite=overwrite)
    for name, target in copies:
        with atomic_write(target, overwrite=overwrite) as file:
            file.write(Path(file_of(name)).read_bytes())
        print_name(target)
