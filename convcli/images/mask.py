"""Read masks, which mark the missing pixels of images."""

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.images.options import ReadOptions
from convcli.images.reading import read_image


def read_mask(path: str, max_pixels: int) -> NDArray[np.bool]:
    """Return where an image or matrix is not 0: (H, W), or (H, W, C) if its channels differ.

    Args:
        path: of the file; of several frames the first is read.
        max_pixels: a larger mask is refused.

    Raises:
        ImageError: the file cannot be read, is damaged or has transparent pixels.
    """
    image = read_image(path, name=path, options=ReadOptions(max_pixels=max_pixels, strict=True))
    if image.alpha is not None and (image.alpha != image.max_value).any():
        raise ImageError(path, "has transparent pixels; a mask marks missing pixels by color alone")
    mask: NDArray[np.bool] = image.pixels != 0
    if mask.ndim == 3 and (mask == mask[..., :1]).all():  # gray, stored as RGB
        mask = mask[..., 0].copy()
    return mask
