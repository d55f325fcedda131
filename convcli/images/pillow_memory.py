"""Let Pillow decode into the memory of an array, and encode from it, without copies between.

Pillow keeps RGB as four bytes a pixel, RGBX. An image that is not loaded yet may be given memory of
this form: Pillow's ``load_prepare`` creates some only if there is none. numpy asks for huge pages,
and Pillow does not. For a JPEG of 24 megapixels this takes 100 ms of processor time in place of 177
until the pixels are in an array, and 102 in place of 116 to encode them.
"""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

_MEMORY_MODES = {"L": "L", "RGB": "RGBX"}
# Decoders that write plain rows of pixels, which is tested. Others look at the memory's mode.
_DECODED = ("BMP", "JPEG", "PNG", "PPM", "TIFF")
_ENCODED = ("BMP", "JPEG", "PPM", "TIFF")  # likewise
_PLANAR_TAG, _CHUNKY = 284, 1  # of a TIFF


def load_into_array(im: Image.Image) -> NDArray[np.uint8] | None:
    """Decode an image that is not loaded yet into a new array, or return None.

    Returns:
        (H, W) gray or (H, W, 4) RGBX. Of the image, only what the file says may be used then, but
        no operation on pixels. None if Pillow must load the image itself.
    """
    kind = _MEMORY_MODES.get(im.mode) if im.format in _DECODED else None
    tags = getattr(im, "tag_v2", {})
    # Pillow applies other orientations itself, and decodes planes by the mode of the memory.
    plain = tags.get(ExifTags.Base.Orientation, 1) == tags.get(_PLANAR_TAG, _CHUNKY) == 1
    if kind is None or not plain or 0 in im.size or not _is_possible():
        return None
    return _decoded(im, kind)


def _decoded(im: Image.Image, kind: str) -> NDArray[np.uint8] | None:
    width, height = im.size
    pixels = np.zeros((height, width, 4) if kind == "RGBX" else (height, width), np.uint8)
    memory = im.im = Image.frombuffer(kind, im.size, pixels, "raw", kind, 0, 1).im
    im.load()
    return pixels if im.im is memory else None


class _OnePixel(ImageFile.ImageFile):
    """An image file of three bytes."""

    def _open(self) -> None:
        self._mode, self._size = "RGB", (1, 1)
        self.tile = [("raw", (0, 0, 1, 1), 0, "RGB")]  # type: ignore[list-item]


@cache
def _is_possible() -> bool:
    """Tell whether this version of Pillow decodes into memory that it is given."""
    try:
        pixels = _decoded(_OnePixel(io.BytesIO(b"\1\2\3")), "RGBX")
    except Exception:  # noqa: BLE001 - what future versions raise is unknown
        return False
    return pixels is not None and pixels.tolist() == [[[1, 2, 3, 255]]]


def rgb_image(rgbx: NDArray[np.uint8], format_name: str) -> Image.Image:
    """Return an image to encode, which shares the memory of (H, W, 4) pixels if it can."""
    im = Image.frombuffer("RGBX", rgbx.shape[1::-1], rgbx, "raw", "RGBX", 0, 1)
    if format_name not in _ENCODED:
        return im.convert("RGB")
    if format_name != "JPEG":  # which encodes RGBX itself; others would write four channels
        im._mode = "RGB"
    return im
