"""Pillow's modes to arrays: an open, loaded image to upright pixels and alpha."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.images.channels import select_channels

# The mode that each mode is converted to before its samples are taken. The palette of a P may be
# of grays alone; it becomes RGB all the same, so that an image's channels do not depend on it.
_TARGETS = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
    "I": "I",
    "I;16": "I;16",
    "I;16L": "I;16L",
    "I;16B": "I;16B",
    "I;16N": "I;16N",
    "F": "F",
}
_BAND_BYTES = 2**18
_SMALL_GRAYS = {"L;2": 85, "L;4": 17}  # rawmode: white is 3 or 15, and Pillow makes it 255
NARROWED = "16-bit color was read as 8-bit: Pillow holds no more"


@dataclass(frozen=True)
class Stored:
    """What the file holds and the loaded image no longer tells; to be asked before loading."""

    rawmodes: tuple[str, ...]
    narrowed: bool

    @classmethod
    def of(cls, im: Image.Image) -> "Stored":
        """Look at the tiles that the decoder is about to read."""
        words: list[Any] = []
        for tile in getattr(im, "tile", ()):
            args = tile[3]
            words += [tile[0], *(args if isinstance(args, tuple) else (args,))]
        rawmodes = tuple(word for word in words if isinstance(word, str))
        deep = any(";16" in word or word == "SGI16" for word in rawmodes)
        if im.format == "PPM":  # the decoder's other argument is the greatest sample
            deep = deep or any(isinstance(word, int) and word > 255 for word in words)
        return cls(rawmodes, deep and im.mode not in ("I", "F") and ";16" not in im.mode)


@dataclass(frozen=True)
class SampleLayout:
    """How an image's samples are laid out as arrays.

    Attributes:
        target: the mode that bands are converted to.
        dtype: of the pixels.
        depth: 8, 16 or None.
        key: the pixel value that stands for full transparency, or None.
    """

    target: str
    dtype: np.dtype[Any]
    depth: int | None
    key: tuple[int, ...] | None = None

    @property
    def color(self) -> bool:
        """Whether pixels are RGB, not gray."""
        return self.target.startswith("RGB")

    @property
    def has_alpha(self) -> bool:
        """Whether there is transparency of any kind."""
        return self.target.endswith("A") or self.key is not None


def layout_of(im: Image.Image, stored: Stored) -> SampleLayout:
    """Return the layout of a loaded image.

    Raises:
        ValueError: the mode is none that convcli knows.
    """
    if im.mode not in _TARGETS:
        raise ValueError(f"mode {im.mode} is unknown")
    target = _TARGETS[im.mode]
    if im.mode == "P" and im.has_transparency_data:
        target = "RGBA"
    if any(rawmode.startswith("LA;16") for rawmode in stored.rawmodes):
        target = "LA"  # Pillow reads it as RGBA
    if target.startswith("I;16") or (target == "I" and im.format == "PPM"):
        return SampleLayout(target, np.dtype(np.uint16), 16, _key(im, stored))
    if target in ("I", "F"):
        return SampleLayout(target, np.dtype(np.int32 if target == "I" else np.float32), None)
    key = _key(im, stored) if target in ("L", "RGB") and im.mode != "P" else None
    return SampleLayout(target, np.dtype(np.uint8), 8, key)


def apply_orientation(
    im: Image.Image, layout: SampleLayout, channels: str, orientation: int
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the chosen channels of a loaded image, and its alpha, turned upright.

    They are copied in bands of rows: converting the whole image at once would need it twice.

    Args:
        im: the image.
        layout: its own.
        channels: a name in :data:`convcli.images.channels.CHANNELS` that suits the layout.
        orientation: EXIF's 1..8.
    """
    width, height = im.size
    shape = (width, height) if orientation >= 5 else (height, width)
    three = channels == "rgb" or (layout.color and channels == "auto")
    pixels = np.empty((*shape, 3) if three else shape, layout.dtype)
    alpha = np.empty(shape, layout.dtype) if layout.has_alpha else None
    lying_pixels = _file_order_view(pixels, orientation)
    lying_alpha = None if alpha is None else _file_order_view(alpha, orientation)
    rows = max(1, _BAND_BYTES // (4 * width))
    for top in range(0, height, rows):
        band = slice(top, min(height, top + rows))
        colors, opacity = _samples(im.crop((0, band.start, width, band.stop)), layout)
        lying_pixels[band] = select_channels(colors, channels)
        if lying_alpha is not None:
            lying_alpha[band] = opacity
    return pixels, alpha


def _samples(band: Image.Image, layout: SampleLayout) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the colors and the alpha of some rows."""
    if band.mode != layout.target:
        band = band.convert(layout.target)
    samples = np.asarray(band)
    if layout.target == "LA":
        return samples[..., 0], samples[..., 1]
    if layout.target == "RGBA":
        return samples[..., :3], samples[..., 3]
    if layout.key is None:
        return samples, None
    differs = samples != (layout.key if layout.color else layout.key[0])
    opaque = differs.any(axis=-1) if layout.color else differs
    return samples, opaque * layout.dtype.type(np.iinfo(layout.dtype).max)


def _key(im: Image.Image, stored: Stored) -> tuple[int, ...] | None:
    """Return the transparent pixel value, in the samples' own scale."""
    value = im.info.get("transparency")
    if isinstance(value, tuple):
        return tuple(part >> 8 for part in value) if stored.narrowed else value
    if not isinstance(value, int):
        return None
    return (value * next((_SMALL_GRAYS[raw] for raw in stored.rawmodes if raw in _SMALL_GRAYS), 1),)


def _file_order_view(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a view of upright pixels in which they lie as the file stores them."""
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    bottom_up, right_to_left = orientation in (3, 4, 6, 7), orientation in (2, 3, 7, 8)
    return turned[:: -1 if bottom_up else 1, :: -1 if right_to_left else 1]
