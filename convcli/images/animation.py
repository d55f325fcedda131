"""Frames of one size to an animation: GIF with one palette throughout, or lossless WebP.

What stands still keeps its colors to the bit from frame to frame, so nothing flickers.
"""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ConvcliError
from convcli.images.palette import MOST_COLORS, Palette
from convcli.images.pillow_errors import DECODER_ERRORS

Frame = NDArray[np.uint8]

_FINEST = 10  # milliseconds, the unit of a GIF's durations
# Of the frames after the first only what has changed is kept, which is small and fast.
_WEBP: dict[str, Any] = {"lossless": True, "quality": 0, "method": 1, "kmin": 9999, "kmax": 10000}


def write_animation(
    frames: Iterable[Frame],
    file: BinaryIO,
    durations: list[int],
    palette: Palette | None = None,
) -> None:
    """Encode frames into an open file; the animation runs for ever.

    Args:
        frames: (H, W, 3), at least one, all of one size; taken one at a time.
        file: binary, open for writing, seekable.
        durations: how long each frame is shown, in milliseconds; a GIF's are rounded to 10.
        palette: the colors of a GIF; None for a WebP, which has all.

    Raises:
        ConvcliError: the encoder refuses the frames.
        OSError: the file cannot be written.

    >>> from io import BytesIO
    >>> frame, file = np.zeros((2, 4, 3), np.uint8), BytesIO()
    >>> palette = Palette([frame, frame + 9])
    >>> write_animation([frame, frame + 9], file, [200, 1000], palette)
    >>> Image.open(file).n_frames
    2
    """
    try:
        if palette is not None:
            _save_gif(frames, file, durations, palette)
        else:
            reel = _Reel(map(Image.fromarray, frames), len(durations))
            reel.save(file, "WEBP", save_all=True, duration=durations, loop=0, **_WEBP)
    except (ConvcliError, MemoryError):
        raise
    except DECODER_ERRORS as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise ConvcliError(f"the frames cannot be encoded: {fault}") from fault


def _save_gif(
    frames: Iterable[Frame], file: BinaryIO, durations: list[int], palette: Palette
) -> None:
    """Write each frame as what has changed; the rest is transparent."""
    table = palette.colors.tobytes().ljust(3 * 256, b"\0")
    images = (_in_colors(palette.mapped(frame), table) for frame in frames)
    next(images).save(
        file,
        "GIF",
        save_all=True,
        append_images=images,
        duration=[max(2, round(each / _FINEST)) * _FINEST for each in durations],
        loop=0,
        palette=table,
        transparency=MOST_COLORS,
        optimize=True,
        disposal=1,
    )


def _in_colors(indices: NDArray[np.uint8], table: bytes) -> Image.Image:
    image = Image.fromarray(indices, "P")
    image.putpalette(table)
    return image


class _Reel(Image.Image):
    """Frames that Pillow's WebP encoder takes one after the other, none kept."""

    def __init__(self, images: Iterator[Image.Image], count: int) -> None:
        super().__init__()
        self.n_frames = count
        first = next(images)
        self.im, self._size, self._mode = first.im, first.size, first.mode
        self._images, self._at = images, 0

    def seek(self, frame: int) -> None:
        """Go on to the next frame; there is no way back."""
        if frame > self._at:
            self.im = next(self._images).im
            self._at = frame

    def tell(self) -> int:
        return self._at
