"""Pad an image file's pixels and alpha."""

from __future__ import annotations

from convcli.core.padding import pad_array, promoted
from convcli.geometry import Pads
from convcli.images.image import ImageData


def pad_image(image: ImageData, pads: Pads, border: str, fill: float = 0) -> ImageData:
    """Return a padded image of the same type, with the image's metadata.

    Alpha is padded as the colors are, but a ``constant`` border is opaque, or its color would not
    be seen. A ``zero`` border is transparent.

    Args:
        image: the image, which is not modified.
        pads: pixels to add on each side.
        border: numpy's name of the border mode.
        fill: the value of a ``constant`` border. A text matrix of integers becomes one of floats
            if the value is no integer.

    Raises:
        GeometryError: a side of the result is too long.
        UsageError: the image's type does not hold the fill value.
    """
    pixels, alpha = image.pixels, image.alpha
    if image.format in ("csv", "txt"):
        pixels = promoted(pixels, fill)
    pixels = pad_array(pixels, pads, border, fill)
    if alpha is not None:
        opaque = image.max_value if border == "constant" else 0
        alpha = pad_array(alpha, pads, border, opaque or 0)
    axis = None
    if image.axis is not None and min(pixels.shape[:2]) == 1:
        axis = image.axis.after(-(pads.left if image.shape[0] == 1 else pads.top))
    return image._replace(pixels=pixels, alpha=alpha, notes=(), axis=axis)
