"""The color channels of an image: their names, which of them are read, and how maps are stacked."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.choices import CHANNELS
from convcli.core.dtypes import saturate
from convcli.errors import ImageError, UsageError
from convcli.geometry import size_text
from convcli.images.image import ImageData

# ITU-R BT.601 luma, and in 16-bit fixed point as in Pillow's Convert.c.
_LUMA = (0.299, 0.587, 0.114)
_LUMA_FIXED = (19595, 38470, 7471)


def channel_names(count: int) -> list[str]:
    """Return the names of an image's channels: colors if there are three, else numbers from 1.

    >>> channel_names(3), channel_names(2)
    (['red', 'green', 'blue'], ['channel 1', 'channel 2'])
    """
    if count == 3:
        return ["red", "green", "blue"]
    return [f"channel {number}" for number in range(1, count + 1)]


def check_channels(name: str, channels: str, count: int) -> None:
    """Raise ImageError unless an image of ``count`` channels has those that the user wants.

    The message begins with ``name``. UsageError means that there are no such ``channels``.
    """
    if channels not in CHANNELS:
        raise UsageError(f"unknown channels {channels!r}; use one of {', '.join(CHANNELS)}")
    if count not in (1, 3) and channels != "auto":
        raise ImageError(
            name, f"has {count} channels and is neither gray nor RGB; use --channels auto"
        )
    if count == 1 and channels in ("r", "g", "b"):
        raise ImageError(name, f"is gray and has no channel {channels}; use --channels gray")


def select_channels(pixels: NDArray[Any], channels: str) -> NDArray[Any]:
    """Select or convert the channels of gray (H, W) or RGB (H, W, 3) pixels.

    ``gray`` of integers is Pillow's ``(19595 R + 38470 G + 7471 B + 32768) >> 16``, of floats
    ``0.299 R + 0.587 G + 0.114 B``. ``rgb`` repeats a gray channel three times.

    >>> select_channels(np.array([[[255, 0, 0]]], np.uint8), "gray").tolist()
    [[76]]
    """
    if channels == "auto" or (channels == "gray" and pixels.ndim == 2):
        return pixels
    if channels == "rgb":
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
    if channels == "gray":
        return _luma(pixels)
    return np.ascontiguousarray(pixels[..., "rgb".index(channels)])


def stack_channels(images: Sequence[ImageData]) -> ImageData:
    """Stack the channels of images of one shape into one (H, W, N) image.

    Metadata, depth and alpha are those of the first.

    Raises:
        UsageError: the images differ in shape.

    >>> gray, color = ImageData(np.zeros((2, 3)), None), ImageData(np.ones((2, 3, 3)), None)
    >>> stack_channels([gray, color]).pixels.shape
    (2, 3, 4)
    """
    sizes = dict.fromkeys(size_text(image.shape) for image in images)
    if len(sizes) > 1:
        raise UsageError(
            f"maps of different sizes ({', '.join(sizes)}) cannot be stacked; "
            "--padding same gives all of them the image's size"
        )
    return images[0]._replace(pixels=np.dstack([image.pixels for image in images]))


def _luma(pixels: NDArray[Any]) -> NDArray[Any]:
    red, green, blue = np.moveaxis(pixels, -1, 0)
    if pixels.dtype.kind == "f" or pixels.dtype.itemsize > 4:
        with np.errstate(invalid="ignore"):  # inf - inf is NaN
            luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
        out = np.empty(luma.shape, pixels.dtype)
        saturate(luma, out)
        return out
    # The weights sum to 2**16: sums need 16 bits more than the pixels.
    wide = np.uint32 if pixels.dtype in (np.uint8, np.uint16) else np.int64
    total: NDArray[Any] = np.full(red.shape, 1 << 15, wide)  # rounds halves up
    for channel, weight in zip((red, green, blue), _LUMA_FIXED, strict=True):
        total += np.multiply(channel, weight, dtype=wide)
    total >>= 16
    return total.astype(pixels.dtype)
