"""The whole catalogue at work: every kernel that has a name, applied to the same image."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.filtering import Filter, filter_image
from convcli.images.channels import select_channels
from convcli.images.image import ImageData
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.spec import KernelSet, read_spec

_SIDE = 64  # of the built-in image
_MOST = 128  # rows and columns: in a larger image a kernel 3x3 does nothing that could be seen
_BARS = ((36, 4), (44, 3), (50, 2), (54, 1), (56, 1), (58, 1))  # first column, width
_LETTER = ("11110", "10001", "10001", "11110", "10100", "10010", "10001")


class CatalogueMap(NamedTuple):
    """What one entry of the catalogue makes of the image.

    Attributes:
        name: the entry's.
        group: the entry's.
        about: the kernel's size as width x height, or how a family's maps were combined.
        values: (H, W), pixels where there is a ``max_value``, else the feature map itself.
        max_value: 255 or 65535, or None for plain numbers.
        signed: whether the values lie to both sides of zero, on most images.
    """

    name: str
    group: str
    about: str
    values: NDArray[np.generic]
    max_value: int | None
    signed: bool


def built_in_image() -> ImageData:
    """Return a gray image of 64x64 pixels, in which each kernel has something to do.

    A disk has edges of all directions; beside it are bars that grow narrow, and a checkerboard;
    below them a ramp, a letter, a slanted line and two dots.

    >>> built_in_image().pixels.shape
    (64, 64)
    """
    pixels = np.full((_SIDE, _SIDE), 70, np.uint8)
    down, across = np.mgrid[:_SIDE, :_SIDE]
    pixels[np.hypot(across - 17, down - 17) < 12.5] = 200
    for first, width in _BARS:
        pixels[5:17, first : first + width] = 180
    pixels[21:29, 36:60] = np.where((down // 2 + across // 2) % 2, 140, 50)[21:29, 36:60]
    pixels[35:44, 4:60] = np.linspace(0, 255, 56)
    pixels[49:56, 6:11][np.array([list(row) for row in _LETTER]) == "1"] = 160
    line = np.arange(12)
    pixels[48 + line, 22 + line] = 160
    pixels[52, 42], pixels[52, 52] = 160, 10
    return ImageData(pixels, 8, format="PNG")


def reduced(image: ImageData, name: str) -> ImageData:
    """Return an image in gray, of at most 128x128 pixels: means of equal blocks, without alpha.

    Rows and columns that fill no block, at the bottom and the right, are left out.

    Raises:
        ImageError: it is neither gray nor RGB; ``name`` is what the message calls it.
    """
    if image.pixels.ndim == 3 and image.pixels.shape[2] != 3:
        count = image.pixels.shape[2]
        raise ImageError(name, f"has {count} channels; kernels are shown on gray or RGB")
    pixels = select_channels(image.pixels, "gray")
    step = math.ceil(max(pixels.shape) / _MOST)
    if step > 1:
        down, across = (min(step, extent) for extent in pixels.shape)
        rows, columns = pixels.shape[0] // down, pixels.shape[1] // across
        blocks = pixels[: rows * down, : columns * across].reshape(rows, down, columns, across)
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, and shown as such
            means = blocks.mean(axis=(1, 3))
        whole = image.depth is not None
        pixels = np.rint(means).astype(pixels.dtype) if whole else means
    return replace(image, pixels=pixels, alpha=None)


def catalogue_maps(image: ImageData) -> Iterator[CatalogueMap]:
    """Apply each entry of the catalogue to an image, recipes with their defaults.

    What looks like an image is one, as ``apply`` writes it: the weights sum to 1, or none is
    negative, or a bias lifts the values. All else is the feature map itself.

    Args:
        image: (H, W) gray.

    >>> first = next(catalogue_maps(built_in_image()))
    >>> first.name, first.group, first.about, first.max_value
    ('identity', 'simple', '3x3', 255)
    """
    for entry in CATALOGUE.values():
        found = read_spec(entry.name)
        is_image = _gives_image(found)
        depth = image.depth if is_image else None
        spec = Filter(
            found.label, found.kernels, found.combine, range="raw" if depth is None else "clip"
        )
        result = filter_image(image, spec, depth).image
        signed = found.combine is None and not is_image
        yield CatalogueMap(
            entry.name, entry.group, _about(found), result.pixels, result.max_value, signed
        )


def _gives_image(found: KernelSet) -> bool:
    kernel = found.kernels[0]
    keeps_brightness = math.isclose(kernel.sum, 1, rel_tol=1e-9)
    positive = bool((kernel.weights >= 0).all())
    return found.combine is None and (keeps_brightness or positive or kernel.bias != 0)


def _about(found: KernelSet) -> str:
    if found.combine is not None:
        return f"{found.combine} of {len(found.kernels)}"
    rows, columns = found.kernels[0].shape
    return f"{columns}x{rows}"
