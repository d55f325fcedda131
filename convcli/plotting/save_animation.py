"""Write what moves to a file: an animation, a folder of frames, or a PDF with a page for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from convcli.atomic import atomic_write
from convcli.errors import prefix_errors, shown
from convcli.images.animation import PDF, AnimationTarget, write_animation
from convcli.images.palette import Palette
from convcli.plotting.blit import BlitCanvas

# Given the steps of a task and a label, it passes the steps on and shows how many are done.
Progress = Callable[[Iterable[Any], str], AbstractContextManager[Iterable[Any]]]


def save_animation(
    frames: BlitCanvas,
    target: AnimationTarget,
    fps: float,
    progress: Progress = lambda steps, _label: nullcontext(steps),
) -> Iterator[Path]:
    """Write an animation, and yield the name of each file once it is written.

    Args:
        frames: what moves.
        target: from :func:`convcli.images.animation.check_animation_target`.
        fps: frames per second.
        progress: shows how many frames are done; by default, nothing does.

    Raises:
        ImageError: a file cannot be written.
    """
    if target.suffix == PDF:
        with (
            prefix_errors(shown(target.path)),
            atomic_write(target.path, overwrite=target.overwrite) as file,
            progress(frames.write_pages(file), "pages") as pages,
        ):
            for _ in pages:
                pass
        yield target.path
        return
    with progress(frames, "frames") as steps:
        yield from write_animation(
            steps,
            len(frames),
            target,
            fps,
            lambda: Palette(frames.backgrounds(), frames.colors()),
        )
