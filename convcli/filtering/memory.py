"""The bytes that filtering an image takes, from sizes alone."""

from __future__ import annotations

import math
from functools import lru_cache

from convcli.core.memory import MASKED_FACTOR, estimated_bytes
from convcli.core.threads import thread_count
from convcli.filtering.filter import Filter, map_shape
from convcli.images.image import ImageData

PERCENTILE_BYTES = 4 * 8 + 1  # per value: the map, its strips, and the copies that sorting makes
PLAIN_BYTES = 8  # of a plain number, at most
_estimated_bytes = lru_cache(maxsize=256)(estimated_bytes)  # images of a folder are often alike


def filter_bytes(image: ImageData, image_filter: Filter, depth: int | None) -> int:
    """Bound the bytes that filtering an image takes beyond the image itself.

    Raises:
        GeometryError: the kernel exceeds the padded image.
    """
    kernels = tuple([kernel.matrix.shape for kernel in image_filter.kernels])
    result = None if depth is None or image_filter.range == "raw" else f"u{depth // 8}"
    conv, pixels = image_filter.conv, image.pixels
    threads, method = image_filter.threads, image_filter.method
    sizes = pixels.shape, kernels, conv, result
    need = _estimated_bytes(*sizes, thread_count(threads), method)
    if image_filter.range == "percentile":
        need += PERCENTILE_BYTES * math.prod(map_shape(image, image_filter)) * image.channels
    if image_filter.missing is not None:
        need *= MASKED_FACTOR
        need += 2 * (pixels.nbytes + pixels.size) + PLAIN_BYTES * pixels.size * bool(conv.fill)
    need += 4 * pixels.size * image_filter.linear_light
    return need + 4 * pixels.size * (image_filter.alpha == "premultiply")


def result_bytes(image: ImageData, image_filter: Filter, depth: int | None) -> int:
    """Bound the bytes of a filtered image.

    Raises:
        GeometryError: the kernel exceeds the padded image.
    """
    channels = 3 if image_filter.combine == "direction" else image.channels
    planes = channels + (image.alpha is not None)
    size = PLAIN_BYTES if depth is None or image_filter.range == "raw" else depth // 8
    return math.prod(map_shape(image, image_filter)) * planes * size
