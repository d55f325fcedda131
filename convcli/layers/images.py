"""From an image to maps, and from the last maps to an image."""

from dataclasses import replace

import numpy as np

from convcli.images.image import ImageData
from convcli.images.value_range import ValueRange, ValueStats
from convcli.layers.base import Maps

STRIP = 1 << 20  # values that become pixels at a time


def maps_of(image: ImageData) -> Maps:
    """Return an image's colors as maps, (H, W, C); alpha is left out."""
    pixels = image.pixels
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def plane(maps: Maps) -> Maps:
    """Return maps as files hold them: (H, W) where there is one."""
    return maps[..., 0] if maps.shape[2] == 1 else maps


def image_of(
    maps: Maps,
    range: str,  # noqa: A002 - the option's name
    depth: int | None,
    like: ImageData,
) -> tuple[ImageData, ValueStats]:
    """Make pixels of maps, and count their values.

    Args:
        maps: (H, W, C).
        range: how values become pixels; one of :data:`convcli.images.value_range.RANGES`.
        depth: bits of the pixels, 8 or 16; None for plain numbers.
        like: its metadata and format are carried over.

    Raises:
        UsageError: the range needs a depth.
    """
    tone = ValueRange(range, None if depth is None else 2**depth - 1)
    tally = ValueStats(tone)
    tally.add(maps)
    if range == "rescale":
        tone = replace(tone, low=tally.minimum, high=tally.maximum)
    pixels = np.empty(maps.shape, tone.dtype_for(maps.dtype))
    strips = min(-(-maps.size // STRIP), len(maps))
    for values, out in zip(
        np.array_split(maps, strips), np.array_split(pixels, strips), strict=True
    ):
        tone.apply(values, out)
    kept = None if range == "raw" else depth
    return replace(like, pixels=plane(pixels), depth=kept, alpha=None, notes=()), tally
