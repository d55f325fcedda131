"""The options of a run, as records that the command line fills in.

They are built at start-up, so this module imports neither numpy nor Pillow.
"""

from typing import NamedTuple

from convcli.choices import NAME_TEMPLATE, Scale


class InputOptions(NamedTuple):
    """Which files to filter.

    Attributes:
        names: files, folders, patterns, or ``-`` for standard input.
        files_from: a file that lists names, or ``-`` for standard input; None for no list.
        null: names in the list end in NUL instead of a newline.
        recursive: search the folders inside a folder.
        include: patterns; a file that is found must match one of them. Without patterns, it must
            have an image's suffix.
        exclude: patterns; a file or folder that matches one is skipped.
        out_dir: a folder that is not searched, since it holds results.
    """

    names: tuple[str, ...] = ()
    files_from: str | None = None
    null: bool = False
    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    out_dir: str | None = None


class OutputOptions(NamedTuple):
    """Where results are written.

    Attributes:
        output: the file of a single result, or ``-`` for standard output.
        out_dir: a folder for the results; it mirrors the inputs' folders.
        name: template of a result's name, with {stem}, {kernel}, {suffix} and {index}.
        plot: the figure's file; a folder if there are several inputs.
        grid: the contact sheet's file or folder.
        stack: the array's file or folder.
        scale: color scale of the contact sheet, for all tiles or for each; None for ``common``.
        show: show the figures in a window.
    """

    output: str | None = None
    out_dir: str | None = None
    name: str = NAME_TEMPLATE
    plot: str | None = None
    grid: str | None = None
    stack: str | None = None
    scale: Scale | None = None
    show: bool = False


class ExecutionOptions(NamedTuple):
    """Which processes run the jobs, and what they may use.

    Attributes:
        jobs: number of images filtered at a time; None for one per processor.
        timeout: seconds that an image may take; None for no limit.
        max_memory: bytes that the images being filtered may take together (an int), or a share of
            the memory that is available (a float from 0 to 1).
        fail_fast: start no image after the first error.
        scheduler: address of a Dask scheduler; None for processes on this machine.
    """

    jobs: int | None = None
    timeout: float | None = None
    max_memory: int | float = 0.8
    fail_fast: bool = False
    scheduler: str | None = None
