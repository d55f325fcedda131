"""Where the frames of an animation go: a GIF, a WebP, an MP4, or a folder of PNGs."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from convcli.atomic import atomic_write, refuse_existing
from convcli.errors import ImageError, UsageError, shown
from convcli.images.animation import Frame, write_animation
from convcli.images.formats import PNG
from convcli.images.image import ImageData
from convcli.images.palette import Palette
from convcli.images.video import find_ffmpeg, write_video
from convcli.images.writing import write_image

FOLDER = ""
SUFFIXES = (".gif", ".webp", ".mp4")
_HOLD = 2.0  # seconds that the last frame stays, and no less than any other
_NAME = re.compile(r"frame-\d{4,}\.png")


class Target(NamedTuple):
    """A file of one of ``SUFFIXES``, or a folder, whose ``suffix`` is ``FOLDER``."""

    path: Path
    suffix: str
    overwrite: bool


def choose_target(output: str, *, overwrite: bool) -> Target:
    """Tell from its name what is to be written, and see that it can be.

    A folder is there already, ends in ``/``, or has no suffix.

    Raises:
        UsageError: the suffix is none of ``SUFFIXES``, or ffmpeg is needed and not there.
        ImageError: the file, or frames in the folder, are there and not to be replaced.

    >>> choose_target("steps/", overwrite=False).suffix == FOLDER
    True
    """
    path = Path(output)
    suffix = path.suffix.lower()
    if output == "-":
        raise UsageError("an animation goes to a file or a folder, not to standard output")
    if path.is_dir() or output.endswith(("/", os.sep)) or not suffix:
        suffix = FOLDER
        if not overwrite and any(_frames_in(path)):
            raise ImageError(path, "has frames already; --overwrite replaces them")
    elif suffix not in SUFFIXES:
        raise UsageError(
            f"{shown(output)}: an animation's name must end with one of {', '.join(SUFFIXES)}, "
            "or with / for a folder of frames"
        )
    elif path.is_file() and not overwrite:
        raise refuse_existing(path)
    if suffix == ".mp4":
        find_ffmpeg()
    return Target(path, suffix, overwrite)


def write_reel(
    frames: Iterable[Frame],
    count: int,
    target: Target,
    fps: float,
    palette: Callable[[], Palette],
) -> Iterator[Path]:
    """Write frames, and yield the names of the files as they are done.

    Args:
        frames: (H, W, 3), all of one size; taken one at a time.
        count: how many they are, at least one.
        target: where they go.
        fps: frames a second; the last stays for two seconds, or as long as the others.
        palette: makes the colors of a GIF.

    Raises:
        ImageError: a file cannot be written.
        ConvcliError: the encoder refuses the frames.
    """
    if target.suffix == FOLDER:
        yield from _write_folder(frames, count, target)
        return
    hold = max(_HOLD, 1 / fps)
    with atomic_write(target.path, overwrite=target.overwrite) as file:
        if target.suffix == ".mp4":
            write_video(_held(frames, round(fps * hold)), file, fps)
        else:
            durations = [round(1000 / fps)] * (count - 1) + [round(1000 * hold)]
            colors = palette() if target.suffix == ".gif" else None
            write_animation(frames, file, durations, colors)
    yield target.path


def _held(frames: Iterable[Frame], times: int) -> Iterator[Frame]:
    """Yield the frames, the last one so many times."""
    for frame in frames:
        yield frame
        last = frame
    for _ in range(times - 1):
        yield last


def _write_folder(frames: Iterable[Frame], count: int, target: Target) -> Iterator[Path]:
    digits = max(4, len(str(count)))
    left = set(_frames_in(target.path))
    for number, frame in enumerate(frames, 1):
        path = target.path / f"frame-{number:0{digits}}.png"
        with atomic_write(path, overwrite=target.overwrite) as file:
            write_image(ImageData(frame, 8, format="PNG"), file, PNG)
        left.discard(path)
        yield path
    for path in left:  # of a longer run before
        path.unlink(missing_ok=True)


def _frames_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
