"""The files of commands that work on single images: read one, write a figure or an animation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from convcli.errors import UsageError, prefix_errors, shown
from convcli.images.notes import visible
from convcli.images.options import ReadOptions
from convcli.samples import is_sample
from convcli.signals import is_signal

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.batch.memory import MemoryCheck
    from convcli.images.animation import AnimationTarget
    from convcli.images.image import ImageData
    from convcli.plotting.blit import BlitCanvas


def mark_input_opened(context: click.Context | None = None) -> None:
    """Remember that a command opens an INPUT: from now on, errors exit with 1 in place of 2."""
    context = context or click.get_current_context(silent=True)  # other threads have none
    if context is not None:
        context.meta[__name__] = True


def input_was_opened(context: click.Context) -> bool:
    """Tell whether :func:`mark_input_opened` was called."""
    return bool(context.meta.get(__name__))


def no_input() -> UsageError:
    """Return the error of a command without INPUT."""
    return UsageError("no INPUT: name a file, or give numbers with --matrix")


def one_input(source: str | None, matrix: str | None) -> str:
    """Return the name of the only input: INPUT, or the name of the matrix that --matrix gives.

    Raises:
        UsageError: neither or both are given.
    """
    from convcli.batch.inputs import MATRIX, check_matrix

    if matrix is None and source is None:
        raise no_input()
    if matrix is not None:
        check_matrix(source)
    return source or MATRIX


def read_one(
    source: str,
    options: ReadOptions,
    check_memory: MemoryCheck,
    matrix: str | None = None,
    *,
    quiet: bool = False,
) -> tuple[ImageData, str]:
    """Read one image, and print its notes on stderr unless ``quiet``.

    Args:
        source: a file name, ``@NAME`` of a sample, a signal, or ``-`` for standard input.
        options: how to read it.
        check_memory: raises an error if so many bytes are too many.
        matrix: the text of a matrix that is read instead; the source is only its name then.
        quiet: leave the notes to the caller.

    Returns:
        The image, and its name in messages.

    Raises:
        UsageError: there is no such sample or signal.
        ImageError: it cannot be read as an image.
    """
    from convcli.batch.inputs import STDIN, Source, check_name, open_source
    from convcli.images.reading import read_image

    if matrix is not None:
        opened = Source(source, text=matrix)
    elif is_sample(source) or is_signal(source):
        check_name(source)  # raises, before an INPUT is opened, if there is none of this name
        sample = is_sample(source)
        opened = Source(source, sample=source) if sample else Source(source, signal=source)
    else:
        opened = Source(source, is_stdin=source == STDIN)
    mark_input_opened()
    name = shown(opened.name)
    with prefix_errors(name):
        image = read_image(
            open_source(opened), name=opened.name, options=options, reserve_memory=check_memory
        )
    for note in visible(image.notes, quiet=quiet):
        click.echo(f"{name}: {note}", err=True)
    return image, name


def check_outputs(output: str | None, plot: str | None, *, overwrite: bool) -> None:
    """Check, before anything is read, that the files of -o and of a figure can be written.

    Raises:
        UsageError: both are one file, or no format of figures has the suffix of ``plot``.
        ImageError: a file exists and may not be replaced.
    """
    from convcli.atomic import check_target

    if output == "-":
        output = None
    if output and plot and os.path.realpath(output) == os.path.realpath(plot):
        raise UsageError("-o and --plot name the same file; give each its own")
    if plot is not None:
        from pathlib import Path

        from convcli.plotting.save import check_suffix

        check_suffix(Path(plot))
        check_target(plot, overwrite=overwrite)
    if output is not None:
        check_target(output, overwrite=overwrite)


def write_figure(
    figure: Any,
    output: str | None,
    *,
    overwrite: bool,
    quiet: bool = False,
    show: bool = False,
    advice: str = "--plot FILE",
) -> None:
    """Write a figure, print the file's name, and show the figure in a window.

    Args:
        figure: the figure.
        output: the name of the file; None to write none.
        overwrite: whether the file may be replaced.
        quiet: whether its name is not printed.
        show: whether to show the figure, until its window is closed.
        advice: the option that writes a figure, for errors of ``show``.

    Raises:
        ImageError: the file exists and may not be replaced, or cannot be written.
        UsageError: no window opens.
    """
    from pathlib import Path

    from convcli.cli.report import print_name
    from convcli.plotting.save import save_figure, show_figure

    if output is not None:
        notes = save_figure(figure, Path(output), overwrite=overwrite)
        if not quiet:
            print_name(output)
        for note in notes:
            click.echo(f"{shown(output)}: {note}", err=True)
    if show:
        show_figure([figure], advice)


def write_frames(frames: BlitCanvas, target: AnimationTarget, fps: float) -> Iterator[Path]:
    """Write an animation with a progress bar, and yield the name of each file once it is written.

    Args:
        frames: what moves.
        target: from :func:`convcli.images.animation.check_animation_target`.
        fps: frames per second.

    Raises:
        ImageError: a file cannot be written.
    """
    from convcli.plotting.save_animation import save_animation

    def progress(steps: Iterable[Any], label: str) -> Any:
        hidden = not sys.stderr.isatty()
        return click.progressbar(steps, len(frames), label=label, file=sys.stderr, hidden=hidden)

    return save_animation(frames, target, fps, progress)
