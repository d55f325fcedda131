"""Frames to MP4 video, by ffmpeg where it is installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ConvcliError, UsageError

# H.264 as every player has it; one thread and no version strings, for the same bytes every time.
_CODEC = ("-c:v", "libx264", "-preset", "fast", "-crf", "18", "-pix_fmt", "yuv420p")
_SAME_BYTES = ("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact")
_EVEN = ("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white")
_WHOLE = ("-movflags", "+faststart", "-map_metadata", "-1")


def find_ffmpeg() -> str:
    """Return the path of the ffmpeg program.

    Raises:
        UsageError: it is not installed.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise UsageError(
            ".mp4 needs the program ffmpeg, which is not installed; .gif and .webp do without"
        )
    return program


def write_video(frames: Iterable[NDArray[np.uint8]], file: BinaryIO, fps: float) -> None:
    """Encode frames as H.264 in MP4 into an open file.

    Args:
        frames: (H, W, 3), all of one size, at least one; an odd side gets a white line more.
        file: binary, open for writing.
        fps: frames per second.

    Raises:
        ConvcliError: ffmpeg fails, or is not there (a UsageError).
        OSError: the file cannot be written.
    """
    program = find_ffmpeg()
    rest = iter(frames)
    first = next(rest)
    height, width = first.shape[:2]
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}")
    with tempfile.TemporaryDirectory(prefix="convcli-") as folder:
        video = Path(folder, "video.mp4")  # the encoder goes back in its file at the end
        encoding = (*_EVEN, *_CODEC, *_SAME_BYTES, *_WHOLE)
        command = [program, "-v", "error", "-nostdin", *source, "-i", "-", *encoding, str(video)]
        _feed(command, first, rest)
        with video.open("rb") as finished:
            shutil.copyfileobj(finished, file)


def _feed(command: list[str], first: NDArray[np.uint8], rest: Iterable[NDArray[np.uint8]]) -> None:
    """Run ffmpeg on frames through its standard input."""
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said) as encoder,  # noqa: S603
    ):
        pipe = encoder.stdin
        assert pipe is not None  # noqa: S101 - asked for above
        try:
            pipe.write(first.tobytes())
            for frame in rest:
                pipe.write(frame.tobytes())
            pipe.close()
        except BrokenPipeError:  # it ended early, and says why
            with suppress(BrokenPipeError):
                pipe.close()
        except BaseException:
            encoder.kill()
            raise
        if encoder.wait() != 0:
            said.seek(0)
            reason = " ".join(said.read().decode(errors="replace").split())
            raise ConvcliError(f"ffmpeg cannot encode the video: {reason or 'it says nothing'}")
