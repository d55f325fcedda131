"""The sheet of the catalogue: every kernel with a name, and its result on the same image."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from convcli.errors import ImageError
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import size_text
from convcli.images.channels import select_channels
from convcli.images.image import ImageData
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.spec import KernelSet, read_spec
from convcli.plotting.contact_sheet import draw_sheet
from convcli.plotting.heatmap import kernel_heatmaps
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.style import style_context

_SIDE = 64  # of the demo image
_MAX_SIDE = 128  # the effect of a 3x3 kernel is invisible in a larger image
_BARS = ((36, 4), (44, 3), (50, 2), (54, 1), (56, 1), (58, 1))  # first column, width
_LETTER = ("11110", "10001", "10001", "11110", "10100", "10010", "10001")
_MAX_HEATMAPS = 9  # of a family that is drawn beside its result


def draw_catalogue(
    image: ImageData, group: str | None = None, options: FigureOptions | None = None
) -> Figure:
    """Draw an image, and each kernel of the catalogue with its weights and its result.

    Args:
        image: (H, W) gray.
        group: one group of the catalogue; None for all.
        options: how the figure looks.

    Returns:
        A figure that pyplot does not manage; ``convcli.plotting.save.save_figure`` writes it.
    """
    options = options or FigureOptions()
    with style_context(options):
        tiles = list(catalogue_tiles(image, group))
    name = f" of the group {group}" if group else ""
    facts = "signed results are blue, white at 0, and red, each on a scale of its own"
    if image.max_value:
        facts += "; those that look like the image are pixels"
    original = SheetTile("input", image.pixels, image.max_value, size_text(image.shape))
    return draw_sheet(
        [original, *tiles],
        title=f"{len(tiles)} kernels{name} applied to one image, the first tile",
        facts=facts,
        unit="tiles" if group else "tiles; --group NAME draws one group",
        is_compact=True,
        options=options,
    )


def catalogue_tiles(image: ImageData, group: str | None = None) -> Iterator[SheetTile]:
    """Apply each 2-D kernel of the catalogue to an image, computed kernels with their defaults.

    A result is pixels, as ``apply`` writes them, if it looks like the image: the weights sum to 1,
    none is negative, or a bias is added. Otherwise it is the feature map itself. Kernels over
    channels are left out.

    Args:
        image: (H, W) gray.
        group: one group of the catalogue; None for all.

    >>> tile = next(catalogue_tiles(demo_image()))
    >>> tile.title, tile.caption, tile.max_value
    ('identity', 'simple, 3x3', 255)
    """
    for entry in CATALOGUE.values():
        if group not in (None, entry.group):
            continue
        kernels = read_spec(entry.name)
        if kernels.kernels[0].matrix.ndim > 2:  # the image has one channel
            continue
        as_pixels = _gives_image(kernels)
        depth = image.depth if as_pixels else None
        image_filter = Filter(
            kernels.label,
            kernels.kernels,
            kernels.combine,
            range="raw" if depth is None else "clip",
        )
        result = filter_image(image, image_filter, depth).image
        kind = (
            f"{kernels.combine} of {len(kernels.kernels)}"
            if kernels.combine
            else size_text(kernels.kernels[0].shape)
        )
        yield SheetTile(
            entry.name,
            result.pixels,
            result.max_value,
            kind if group else f"{entry.group}, {kind}",
            centered=kernels.combine is None and not as_pixels,
            kernels=kernel_heatmaps(kernels.kernels, most=_MAX_HEATMAPS),
        )


def _gives_image(kernels: KernelSet) -> bool:
    kernel = kernels.kernels[0]
    keeps_brightness = math.isclose(kernel.sum, 1, rel_tol=1e-9)
    nonnegative = bool((kernel.weights >= 0).all())
    return kernels.combine is None and (keeps_brightness or nonnegative or kernel.bias != 0)


def demo_image() -> ImageData:
    """Return a gray image of 64x64 pixels on which each kernel has a visible effect.

    It shows a disk with edges in all directions, bars of decreasing width, a checkerboard, a ramp,
    a letter, a slanted line and two dots.

    >>> demo_image().pixels.shape
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


def reduce_image(image: ImageData, name: str) -> ImageData:
    """Return an image in gray, without alpha, of at most 128x128 pixels: means of equal blocks.

    Rows and columns at the bottom and the right that fill no block are left out.

    Raises:
        ImageError: the image is neither gray nor RGB; the message begins with ``name``.
    """
    if image.pixels.ndim == 3 and image.pixels.shape[2] != 3:
        count = image.pixels.shape[2]
        raise ImageError(name, f"has {count} channels; kernels are shown on gray or RGB images")
    pixels = select_channels(image.pixels, "gray")
    step = math.ceil(max(pixels.shape) / _MAX_SIDE)
    if step > 1:
        down, across = (min(step, extent) for extent in pixels.shape)
        rows, columns = pixels.shape[0] // down, pixels.shape[1] // across
        blocks = pixels[: rows * down, : columns * across].reshape(rows, down, columns, across)
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, and shown as NaN
            means = blocks.mean(axis=(1, 3))
        integers = image.depth is not None
        pixels = np.rint(means).astype(pixels.dtype) if integers else means
    return image._replace(pixels=pixels, alpha=None)
