"""How images are read and written: the options that travel from the command line to the decoder.

The command line builds these records at start-up, so neither Pillow nor numpy is imported.
"""

from typing import NamedTuple

from convcli.choices import MAX_PIXELS, Channels, Compression, Frames, Subsampling
from convcli.errors import UsageError
from convcli.geometry import size_text
from convcli.signals import SampleRange


class ReadOptions(NamedTuple):
    """How an input is read.

    Attributes:
        channels: ``auto`` keeps gray as gray and turns any color into RGB; ``gray`` and ``rgb``
            convert; ``r``, ``g`` and ``b`` select one channel of RGB.
        resize: the new (rows, columns); None to keep the image's own.
        frames: ``first`` or ``all``: whether the caller reads with ``read_image`` or
            ``read_frames``.
        max_pixels: larger images are refused before they are decoded.
        strict: a damaged image is an error although it can be decoded.
        x: where the samples of a signal lie; None for no positions.
    """

    channels: Channels = "auto"
    resize: tuple[int, int] | None = None
    frames: Frames = "first"
    max_pixels: int = MAX_PIXELS
    strict: bool = False
    x: SampleRange | None = None

    @property
    def facts(self) -> tuple[str, ...]:
        """How an input is read, if not as it is, in words.

        >>> ReadOptions(channels="r", resize=(80, 100)).facts
        ('channel r', 'resized to 100x80')
        """
        word = "channels" if self.channels in ("gray", "rgb") else "channel"
        facts = [f"{word} {self.channels}"] * (self.channels != "auto")
        if self.resize is not None:
            facts.append(f"resized to {size_text(self.resize)}")
        return tuple(facts)


class WriteOptions(NamedTuple):
    """How results are written.

    Attributes:
        format: a format's name or suffix, such as ``png`` or ``.tif``; None to choose by the
            output's suffix.
        quality: of JPEG, WebP and AVIF, 0 to 100; None for 95.
        compress_level: of PNG, 0 to 9; None for fast compression.
        subsampling: of JPEG's colors; None for the input's, else 444 from quality 90 and 420 below.
        compression: of TIFF; None for the input's, else none.
        lossless: write WebP without loss; None if the input is.
        overwrite: replace files that exist.
        skip_existing: keep files that exist and go on with the next.
        digits: decimals of numbers that are written as text; None for those that hold.
    """

    format: str | None = None
    quality: int | None = None
    compress_level: int | None = None
    subsampling: Subsampling | None = None
    compression: Compression | None = None
    lossless: bool | None = None
    overwrite: bool = False
    skip_existing: bool = False
    digits: int | None = None


def check_read_options(options: ReadOptions) -> None:
    """Raise UsageError for options that no image can satisfy."""
    if options.resize is None:
        return
    if options.x is not None:
        raise UsageError(
            "--x and --resize contradict each other: COUNT is the number of samples of a signal"
        )
    rows, columns = options.resize
    option = f"--resize {size_text(options.resize)}"
    if rows < 1 or columns < 1:
        raise UsageError(f"{option}: width and height must be 1 or more")
    if rows * columns > options.max_pixels:
        raise UsageError(
            f"{option} is above the limit of {options.max_pixels:,} pixels; "
            "raise it with --max-pixels"
        )


def over_limit(pixels: str, max_pixels: int) -> str:
    """Return the message for an image above the limit; ``pixels`` is text, such as ``100x100``."""
    return (
        f"image has {pixels} pixels, above the limit of {max_pixels:,}; raise it with --max-pixels"
    )
