"""How images are read and written: the options that travel from the command line to the decoder.

The command line builds these records at start-up, so neither Pillow nor numpy is imported.
"""

from typing import NamedTuple

from convcli.choices import MAX_PIXELS, Channels, Frames


class ReadOptions(NamedTuple):
    """How an input is read.

    Attributes:
        channels: ``auto`` keeps gray as gray and turns any color into RGB; ``gray`` and ``rgb``
            convert; ``r``, ``g`` and ``b`` select one channel of RGB.
        resize: (rows, columns) that the image is resized to; None for its own.
        frames: ``first`` or ``all``, for those who choose between ``read_image`` and
            ``read_frames``.
        max_pixels: an image of more pixels is refused before it is decoded.
    """

    channels: Channels = "auto"
    resize: tuple[int, int] | None = None
    frames: Frames = "first"
    max_pixels: int = MAX_PIXELS


class WriteOptions(NamedTuple):
    """How results are written.

    Attributes:
        format: a format's name or suffix, such as ``png`` or ``.tif``; None for the one that the
            output's suffix names.
        quality: of JPEG, WebP and AVIF, 0 to 100; None for 95.
        compress_level: of PNG, 0 to 9; None for fast compression.
        overwrite: replace files that exist.
        skip_existing: keep files that exist and go on with the next.
    """

    format: str | None = None
    quality: int | None = None
    compress_level: int | None = None
    overwrite: bool = False
    skip_existing: bool = False


def over_limit(pixels: str, max_pixels: int) -> str:
    """Return the message about an image of so many ``pixels``, such as ``100x100``."""
    return (
        f"image has {pixels} pixels, above the limit of {max_pixels:,}; raise it with --max-pixels"
    )
