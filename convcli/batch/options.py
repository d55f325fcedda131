"""The options of a run, as records that the command line fills in.

They are built at start-up, so this module imports neither numpy nor Pillow.
"""

from typing import NamedTuple

from convcli.choices import NAME_TEMPLATE, Scale

DEFAULT_MEMORY = 0.8  # a share of what is available


class InputOptions(NamedTuple):
    """Which files to filter."""

    names: tuple[str, ...] = ()  # files, folders, patterns, or ``-`` for standard input
    matrix: str | None = None  # the one input, typed in place of a name
    files_from: str | None = None  # a file that lists names, or ``-`` for standard input
    null: bool = False  # names in the list end in NUL instead of a newline
    recursive: bool = False  # search the folders inside a folder
    # A file that is found must match one of these patterns, or else have an image's suffix.
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()  # a file or folder that matches one of these is skipped
    out_dir: str | None = None  # a folder that is not searched, since it holds results


class OutputOptions(NamedTuple):
    """Where results are written. ``plot``, ``grid`` and ``stack`` of several inputs are folders."""

    output: str | None = None  # the file of a single result, or ``-`` for standard output
    out_dir: str | None = None  # a folder for the results; it mirrors the inputs' folders
    name: str = NAME_TEMPLATE  # of a result, with {stem}, {kernel}, {suffix} and {index}
    plot: str | None = None  # the figure's file or folder
    grid: str | None = None  # the contact sheet's file or folder
    stack: str | None = None  # the array's file or folder
    scale: Scale | None = None  # color scale of the contact sheet; None for ``common``
    show: bool = False  # show the figures in a window


class ExecutionOptions(NamedTuple):
    """Which processes run the jobs, and what they may use."""

    jobs: int | None = None  # number of images filtered at a time; None for one per processor
    timeout: float | None = None  # seconds that an image may take; None for no limit
    # Bytes for all images being filtered (int), or a share of the available memory (float, 0 to 1).
    max_memory: int | float = DEFAULT_MEMORY
    fail_fast: bool = False  # start no image after the first error
    scheduler: str | None = None  # address of a Dask scheduler; None for this machine
