"""An image in memory: pixels, alpha and metadata. Pillow is not imported."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.digits import reliable_values
from convcli.signals import SampleAxis


class PngText(NamedTuple):
    """A text of a PNG.

    Attributes:
        keyword: its name, 1 to 79 characters of Latin-1.
        text: any characters but zero.
        language: a language tag such as ``de``, or nothing.
        translated: the keyword in that language, or nothing.
    """

    keyword: str
    text: str
    language: str = ""
    translated: str = ""


class Metadata(NamedTuple):
    r"""Metadata of a file that is still valid for the decoded pixels.

    Attributes:
        icc: a color profile whose color space is that of the pixels.
        exif: the descriptive EXIF tags in Pillow's form (``Exif\0\0`` and a TIFF header), without
            the orientation, which has been applied, and without the tags about storage.
        dpi: pixels per inch, horizontally and vertically.
        xmp: a packet in UTF-8 whose orientation, if it has one, is 1.
        comment: of a JPEG, GIF or JPEG 2000, or a PNG's text of that name; UTF-8 or Latin-1.
        texts: all other texts of a PNG.
        color_chunks: a PNG's gAMA, cHRM and sRGB, by name and contents.
        duration: how long a frame is shown, in milliseconds.
        loop: how many times an animation plays; 0 forever.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    texts: tuple[PngText, ...] = ()
    color_chunks: tuple[tuple[bytes, bytes], ...] = ()
    duration: float | None = None
    loop: int | None = None


class Storage(NamedTuple):
    """How the encoder of a file stored its pixels, which a result of the same format keeps.

    Attributes:
        compression: of a TIFF, as Pillow calls it, such as ``tiff_lzw``.
        subsampling: of a JPEG's colors: 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0.
        lossless: a WebP lost nothing.
    """

    compression: str | None = None
    subsampling: int | None = None
    lossless: bool = False


class ImageData:
    """An image with its EXIF orientation applied, and its metadata.

    Attributes:
        pixels: (H, W) gray, (H, W, 3) RGB, or (H, W, C) from an ``.npy`` file; C-contiguous, in
            native byte order; or 8-bit RGB in RGBX memory, see :func:`rgbx_of`.
        depth: bits per sample: 8 (uint8 pixels), 16 (uint16), or None for plain numbers, which
            have no greatest value.
        alpha: (H, W) of the pixels' dtype, or None.
        format: Pillow's name of the file's format, or ``npy``, ``csv``, ``txt``.
        metadata: copied to a result, as far as its format holds it.
        storage: how the file's encoder stored the pixels.
        notes: sentences for the user.
        decimals: how many decimals of the pixels hold, which text shows; None for all.
        axis: where the samples of a signal, one row or one column, lie; None for no positions.
    """

    def __init__(
        self,
        pixels: NDArray[Any],
        depth: int | None,
        alpha: NDArray[Any] | None = None,
        format: str = "npy",  # noqa: A002
        metadata: Metadata = Metadata(),  # noqa: B008 - neither it nor the storage can change
        storage: Storage = Storage(),  # noqa: B008
        notes: tuple[str, ...] = (),
        decimals: int | None = None,
        axis: SampleAxis | None = None,
    ) -> None:
        self.pixels = pixels
        self.depth = depth
        self.alpha = alpha
        self.format = format
        self.metadata = metadata
        self.storage = storage
        self.notes = notes
        self.decimals = decimals
        self.axis = axis

    def _replace(self, **changes: Any) -> ImageData:
        """Return an image with some attributes changed."""
        return ImageData(**(vars(self) | changes))

    @property
    def max_value(self) -> int | None:
        """The greatest pixel value: 255, 65535, or None for plain numbers."""
        return max_value_of(self.depth)

    @property
    def reliable_pixels(self) -> NDArray[Any]:
        """The pixels without the digits that are rounding errors, which no figure may show."""
        return reliable_values(self.pixels, self.decimals)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.pixels.shape[:2]
        return rows, columns

    @property
    def pixel_type(self) -> str:
        """What its pixels are, such as ``8-bit RGB with alpha`` or ``float32 gray``."""
        bits = str(self.pixels.dtype) if self.depth is None else f"{self.depth}-bit"
        color = {1: "gray", 3: "RGB"}.get(self.channels, f"with {self.channels} channels")
        return f"{bits} {color}{' with alpha' * (self.alpha is not None)}"

    @property
    def channels(self) -> int:
        """The number of color channels, without alpha."""
        return 1 if self.pixels.ndim == 2 else self.pixels.shape[2]


def max_value_of(depth: int | None) -> int | None:
    """Return the greatest pixel value of a depth; None for plain numbers, which have none."""
    return None if depth is None else 2**depth - 1


def image_of(pixels: NDArray[Any]) -> ImageData:
    """Return an array as an image: uint8 and uint16 are pixels, other types plain numbers."""
    if pixels.dtype.kind == "b":
        return ImageData(pixels.astype(np.uint8), None)
    return ImageData(pixels, depth_of(pixels.dtype))


def level_of(depth: int | None) -> int:
    """Return the size of an 8-bit level, the unit of a kernel's bias, in pixels of a depth.

    >>> level_of(8), level_of(16), level_of(None)
    (1, 257, 1)
    """
    return 257 if depth == 16 else 1


def depth_of(dtype: np.dtype[Any]) -> int | None:
    """Return the depth of an image of this dtype: 8, 16, or None for plain numbers.

    >>> depth_of(np.dtype(np.uint16)), depth_of(np.dtype(np.float32))
    (16, None)
    """
    return 8 * dtype.itemsize if dtype.kind == "u" and dtype.itemsize <= 2 else None


def rgbx_of(pixels: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return the (H, W, 4) memory whose first three channels 8-bit RGB pixels are, or None.

    Pillow keeps RGB in this form. Its fourth channel, which it calls X, means nothing.
    """
    memory = pixels.base
    if not isinstance(memory, np.ndarray) or memory.dtype != np.uint8 or pixels.ndim != 3:
        return None
    shares = memory.ctypes.data == pixels.ctypes.data and memory.strides == pixels.strides
    if shares and memory.shape == (*pixels.shape[:2], 4) and memory.flags.c_contiguous:
        return memory
    return None


def packed(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return C-contiguous pixels; copy them, if they are not, channel by channel.

    numpy takes four times as long to copy pixel by pixel.
    """
    if pixels.flags.c_contiguous or pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    out = np.empty(pixels.shape, pixels.dtype)
    for channel in range(pixels.shape[2]):
        out[..., channel] = pixels[..., channel]
    return out
