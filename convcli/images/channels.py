"""Which channels of an image are read, its size, and channels put together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.core.saturate import saturate
from convcli.errors import ImageError, UsageError
from convcli.images.image import ImageData

CHANNELS = ("auto", "gray", "rgb", "r", "g", "b")

# ITU-R BT.601 luma in 16-bit fixed point, as in Pillow's Convert.c.
_LUMA_FIXED = (19595, 38470, 7471)
_LUMA = (0.299, 0.587, 0.114)


def check_choice(name: str, channels: str, count: int) -> None:
    """Refuse channels that an image of ``count`` channels does not have.

    Raises:
        ImageError: the image has no such channel.
        UsageError: ``channels`` is none of :data:`CHANNELS`.
    """
    if channels not in CHANNELS:
        raise UsageError(f"channels {channels!r} are none of {', '.join(CHANNELS)}")
    if count not in (1, 3) and channels != "auto":
        raise ImageError(
            name, f"has {count} channels, which are neither gray nor RGB; use --channels auto"
        )
    if count == 1 and channels in ("r", "g", "b"):
        raise ImageError(name, f"is gray and has no channel {channels}; use --channels gray")


def select_channels(pixels: NDArray[Any], channels: str) -> NDArray[Any]:
    """Return the chosen channels of gray (H, W) or RGB (H, W, 3) pixels.

    ``gray`` of integers is Pillow's ``(19595 R + 38470 G + 7471 B + 32768) >> 16``, and of other
    numbers ``0.299 R + 0.587 G + 0.114 B``; ``rgb`` of gray repeats it.

    >>> chosen(np.array([[[255, 0, 0]]], np.uint8), "gray").tolist()
    [[76]]
    """
    if channels == "auto" or (channels == "gray" and pixels.ndim == 2):
        return pixels
    if channels == "rgb":
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
    if channels == "gray":
        return _luma(pixels)
    return np.ascontiguousarray(pixels[..., "rgb".index(channels)])


def resized(
    pixels: NDArray[Any], alpha: NDArray[Any] | None, size: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return pixels and alpha at another size, by Pillow's bicubic filter (its default).

    Pixels count by their alpha. 8-bit pixels are computed as Pillow does; others in float32, then
    rounded and saturated to their type.

    Args:
        pixels: (H, W) or (H, W, C).
        alpha: (H, W) of the same type, or None.
        size: width and height.

    Raises:
        FloatingPointError: a number is too large for float32.
    """
    if size == pixels.shape[1::-1]:
        return pixels, alpha
    if pixels.dtype == np.uint8 and (pixels.ndim == 2 or pixels.shape[2] == 3):
        return _resized_bytes(pixels, alpha, size)
    if alpha is None:
        return _stored(_resized_planes(pixels, size), pixels.dtype), None
    max_value = np.iinfo(alpha.dtype).max
    opacity = alpha / np.float32(max_value)
    weights = opacity if pixels.ndim == 2 else opacity[..., np.newaxis]
    colors = _resized_planes(pixels * weights, size)
    opacity = _resized_planes(opacity, size)
    weights = opacity if pixels.ndim == 2 else opacity[..., np.newaxis]
    np.divide(colors, weights, out=colors, where=weights > 0)
    opacity *= max_value
    return _stored(colors, pixels.dtype), _stored(opacity, alpha.dtype)


def _luma(pixels: NDArray[Any]) -> NDArray[Any]:
    red, green, blue = (pixels[..., channel] for channel in range(3))
    if pixels.dtype.kind == "f" or pixels.dtype.itemsize > 4:
        with np.errstate(invalid="ignore"):  # infinities that cancel are NaN, and that is right
            luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
        return _stored(luma, pixels.dtype)
    # The weights sum to 2**16, so that 16 more bits than the pixels' are enough.
    wide = np.uint32 if pixels.dtype in (np.uint8, np.uint16) else np.int64
    total: NDArray[Any] = np.multiply(red, _LUMA_FIXED[0], dtype=wide)
    for channel, weight in zip((green, blue), _LUMA_FIXED[1:], strict=True):
        total += np.multiply(channel, weight, dtype=wide)
    total += wide(0x8000)
    total >>= wide(16)
    return total.astype(pixels.dtype)


def _resized_bytes(
    pixels: NDArray[Any], alpha: NDArray[Any] | None, size: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    im = Image.fromarray(pixels)
    if alpha is not None:
        im.putalpha(Image.fromarray(alpha))
    result = np.asarray(im.resize(size, Image.Resampling.BICUBIC))
    if alpha is None:
        return result, None
    colors = result[..., 0] if pixels.ndim == 2 else result[..., :3]
    return np.ascontiguousarray(colors), np.ascontiguousarray(result[..., -1])


def _resized_planes(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Resize each channel in float32."""
    planes = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    result = np.empty((size[1], size[0], planes.shape[2]), np.float32)
    for channel in range(planes.shape[2]):
        with np.errstate(over="raise", invalid="ignore"):  # of NaN, which stays NaN
            plane = Image.fromarray(np.ascontiguousarray(planes[..., channel], np.float32))
        result[..., channel] = np.asarray(plane.resize(size, Image.Resampling.BICUBIC))
    return result[..., 0] if pixels.ndim == 2 else result


def _stored(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    out = np.empty(values.shape, dtype)
    saturate(values, out)
    return out


def stack_channels(images: Sequence[ImageData]) -> ImageData:
    """Return images of one size as one, (H, W, N), their channels one after another.

    What else there is to it is the first one's.

    Raises:
        UsageError: they differ in size.

    >>> gray, color = Image(np.zeros((2, 3)), None), Image(np.ones((2, 3, 3)), None)
    >>> stack_channels([gray, color]).pixels.shape
    (2, 3, 4)
    """
    sizes = dict.fromkeys(f"{each.shape[1]}x{each.shape[0]}" for each in images)
    if len(sizes) > 1:
        raise UsageError(
            f"maps that differ in size ({', '.join(sizes)}) cannot be stacked; "
            "--padding same keeps the image's"
        )
    return replace(images[0], pixels=np.dstack([each.pixels for each in images]))
