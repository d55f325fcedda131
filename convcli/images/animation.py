"""Write frames as an animation: a GIF, a WebP, an MP4, or a folder of PNGs.

A GIF has one palette for all frames, and a WebP is lossless: what does not move keeps its exact
colors from frame to frame, so nothing flickers.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from convcli.atomic import atomic_write, refuse_existing
from convcli.errors import ConvcliError, ExistingError, UsageError, prefix_errors, shown
from convcli.images.formats import PNG
from convcli.images.frame_changes import Box, FrameClock, box_of
from convcli.images.gif import GifFile, Indexed
from convcli.images.image import ImageData
from convcli.images.palette import MAX_COLORS, Frame, Palette
from convcli.images.pillow_errors import encoding
from convcli.images.writing import write_image

FOLDER = ""
PDF = ".pdf"  # a page for each frame, which `convcli.plotting` writes
SUFFIXES = (".gif", ".webp", ".mp4", PDF)
_LAST_FRAME_SECONDS = 2.0  # the shortest time that the last frame stays
_LEAST_DURATION = 20  # milliseconds; browsers slow shorter frames of a GIF down
_FRAME_NAME = re.compile(r"frame-\d{4,}\.png")
# After the first frame only the changes are stored, which is small and fast.
_WEBP: dict[str, Any] = {"lossless": True, "quality": 0, "method": 1, "kmin": 9999, "kmax": 10000}
# H.264 as every player knows it; one thread and no version strings give the same bytes every time.
_H264 = (
    *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-c:v", "libx264", "-preset", "fast"),
    *("-crf", "18", "-pix_fmt", "yuv420p", "-threads", "1", "-fflags", "+bitexact"),
    *("-flags:v", "+bitexact", "-movflags", "+faststart", "-map_metadata", "-1"),
)


class AnimationTarget(NamedTuple):
    """A file with one of ``SUFFIXES``, or a folder, whose ``suffix`` is ``FOLDER``."""

    path: Path
    suffix: str
    overwrite: bool


def check_animation_target(output: str, *, overwrite: bool) -> AnimationTarget:
    """Choose the kind of animation by its name, and check that it can be written.

    A name means a folder if the folder exists, if it ends with ``/``, or if it has no suffix.

    Raises:
        UsageError: the suffix is unknown, or ffmpeg is needed and not installed.
        ImageError: the file, or frames in the folder, exist and may not be replaced.

    >>> check_animation_target("steps/", overwrite=False).suffix == FOLDER
    True
    """
    path = Path(output)
    suffix = path.suffix.lower()
    if output == "-":
        raise UsageError("an animation cannot be written to standard output; name a file or folder")
    if path.is_dir() or output.endswith(("/", os.sep)) or not suffix:
        suffix = FOLDER
        if not overwrite and any(_frames_in(path)):
            raise ExistingError(path, "has frames already; --overwrite replaces them")
    elif suffix not in SUFFIXES:
        raise UsageError(
            f"{shown(output)}: an animation's name must end with one of {', '.join(SUFFIXES)}, "
            "or with / for a folder of frames"
        )
    elif path.is_file() and not overwrite:
        raise refuse_existing(path)
    if suffix == ".mp4":
        _find_ffmpeg()
    return AnimationTarget(path, suffix, overwrite)


def write_animation(
    frames: Iterable[Frame],
    count: int,
    target: AnimationTarget,
    fps: float,
    palette: Callable[[], Palette],
) -> Iterator[Path]:
    """Write frames, and yield the name of each file once it is written.

    Args:
        frames: (H, W, 3) uint8, all of one shape; taken one at a time.
        count: the number of frames, at least one.
        target: from :func:`check_animation_target`, but no PDF.
        fps: frames per second. The last frame stays for two seconds, or as long as the others.
        palette: returns the colors of a GIF.

    Raises:
        ImageError: a file cannot be written.
        ConvcliError: the encoder refuses the frames.
    """
    if target.suffix == FOLDER:
        yield from _write_folder(frames, count, target)
        return
    last = max(_LAST_FRAME_SECONDS, 1 / fps)
    durations = [1000 / fps] * (count - 1) + [1000 * last]
    with (
        prefix_errors(shown(target.path)),
        atomic_write(target.path, overwrite=target.overwrite) as file,
    ):
        if target.suffix == ".mp4":
            write_mp4(frames, file, fps, round(fps * last))
        elif target.suffix == ".gif":
            write_gif(frames, file, durations, palette())
        else:
            write_webp(frames, file, durations)
    yield target.path


def write_gif(
    frames: Iterable[Frame], file: BinaryIO, durations: list[float], palette: Palette
) -> None:
    """Encode frames as a GIF that runs forever. Unchanged pixels are stored as transparent.

    ``durations`` are milliseconds; the frames' times are rounded to 10.

    >>> from io import BytesIO
    >>> import numpy as np
    >>> frame, file = np.zeros((2, 4, 3), np.uint8), BytesIO()
    >>> write_gif([frame, frame + 9], file, [200, 1000], Palette([frame, frame + 9]))
    >>> Image.open(file).n_frames
    2
    """
    colors = np.zeros((MAX_COLORS + 1, 3), np.uint8)
    colors[: len(palette.colors)] = palette.colors
    every = map(palette.indices, frames)
    before = next(every)
    with encoding("GIF"):
        gif = GifFile(file, before.shape, colors, plays=0)
        gif.add(
            Box(0, 0, *before.shape),
            Indexed(before, colors, None),
            max(durations[0], _LEAST_DURATION),
        )
        for indices, duration in zip(every, durations[1:], strict=True):
            differs = indices != before
            box = box_of(differs)
            changes = np.where(box.of(differs), box.of(indices), np.uint8(MAX_COLORS))
            gif.add(box, Indexed(changes, colors, MAX_COLORS), max(duration, _LEAST_DURATION))
            before = indices
        gif.close()


def write_webp(frames: Iterable[Frame], file: BinaryIO, durations: list[float]) -> None:
    """Encode frames as a lossless WebP that runs forever; see :func:`write_gif`."""
    with encoding("WEBP"):
        images = _LazyFrames(map(Image.fromarray, frames), len(durations))
        clock = FrameClock()
        ticks = [clock.ticks(duration) for duration in durations]
        images.save(file, "WEBP", save_all=True, duration=ticks, loop=0, **_WEBP)


class _LazyFrames(Image.Image):
    """Frames that Pillow's WebP encoder takes one after the other, none kept in memory."""

    def __init__(self, images: Iterator[Image.Image], count: int) -> None:
        super().__init__()
        self.n_frames = count
        first = next(images)
        self.im, self._size, self._mode = first.im, first.size, first.mode
        self._images, self._frame = images, 0

    def seek(self, frame: int) -> None:
        """Go to the next frame; an earlier one cannot be reached."""
        if frame > self._frame:
            self.im = next(self._images).im
            self._frame = frame

    def tell(self) -> int:
        return self._frame


def write_mp4(frames: Iterable[Frame], file: BinaryIO, fps: float, last: int) -> None:
    """Encode frames as H.264 in MP4 with the program ffmpeg, the last one ``last`` times.

    A white row or column is added where their number is odd.
    """
    frames = iter(frames)
    first = next(frames)
    height, width = first.shape[:2]
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}")
    command = [_find_ffmpeg(), "-v", "error", "-nostdin", *source, "-i", "-", *_H264]
    with (
        tempfile.TemporaryDirectory(prefix="convcli-") as folder,
        tempfile.TemporaryFile() as messages,
    ):
        video = Path(folder, "video.mp4")  # the encoder seeks back in its file at the end
        with (
            suppress(BrokenPipeError),  # ffmpeg ended early; its message says why
            subprocess.Popen([*command, video], stdin=subprocess.PIPE, stderr=messages) as encoder,  # noqa: S603
        ):
            assert encoder.stdin is not None  # noqa: S101 - it is subprocess.PIPE
            try:
                for frame in chain([first], frames):
                    encoder.stdin.write(frame.tobytes())
                for _ in range(last - 1):
                    encoder.stdin.write(frame.tobytes())
            except BaseException as error:
                if not isinstance(error, BrokenPipeError):
                    encoder.kill()
                with suppress(BrokenPipeError):
                    encoder.stdin.close()
                raise
        if encoder.returncode != 0:
            messages.seek(0)
            reason = " ".join(messages.read().decode(errors="replace").split())
            raise ConvcliError(f"ffmpeg cannot encode the video: {reason or 'it gives no reason'}")
        with video.open("rb") as finished:
            shutil.copyfileobj(finished, file)


def _find_ffmpeg() -> str:
    program = shutil.which("ffmpeg")
    if program is None:
        raise UsageError(".mp4 needs the program ffmpeg, which is not installed; use .gif or .webp")
    return program


def _write_folder(frames: Iterable[Frame], count: int, target: AnimationTarget) -> Iterator[Path]:
    digits = max(4, len(str(count)))
    old = set(_frames_in(target.path))
    for number, frame in enumerate(frames, 1):
        path = target.path / f"frame-{number:0{digits}}.png"
        with atomic_write(path, overwrite=target.overwrite) as file:
            write_image(ImageData(frame, 8, format="PNG"), file, PNG)
        old.discard(path)
        yield path
    for path in old:  # of an earlier, longer animation
        path.unlink(missing_ok=True)


def _frames_in(folder: Path) -> list[Path]:
    return [path for path in folder.glob("frame-*.png") if _FRAME_NAME.fullmatch(path.name)]
