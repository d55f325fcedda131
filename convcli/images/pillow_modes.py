"""Between Pillow's images and arrays: modes, orientation and resizing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.core.dtypes import saturate, with_channels
from convcli.images.channels import select_channels
from convcli.images.image import packed

# The mode that each mode is converted to before its samples are read. A palette becomes RGB even
# if it holds grays alone: the number of channels must not depend on the colors.
_TARGETS = {
    **{mode: mode for mode in ("L", "LA", "RGB", "RGBA", "I", "F")},
    **{mode: mode for mode in ("I;16", "I;16L", "I;16B", "I;16N")},
    **dict.fromkeys(("P", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"), "RGB"),
    "1": "L",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
}
_BITS_TAG, _SAMPLE_FORMAT_TAG = 258, 339  # of a TIFF
_UNSIGNED, _SIGNED = 1, 2
_BAND_BYTES = 2**18
_SMALL_GRAYS = {"L;2": 85, "L;4": 17}  # rawmode: white is 3 or 15, and Pillow scales it to 255


class StoredSamples(NamedTuple):
    """How a file stores its samples, which a loaded image no longer knows.

    Attributes:
        rawmodes: Pillow's names of the layouts that its decoder reads.
        narrowed: 16-bit samples become 8-bit ones.
        dtype: what a TIFF's samples are where Pillow takes them for another type, or None.
    """

    rawmodes: tuple[str, ...]
    narrowed: bool
    dtype: np.dtype[Any] | None = None

    @classmethod
    def of(cls, im: Image.Image) -> StoredSamples:
        """Return what an image that is not loaded yet says about its samples."""
        words: list[Any] = []
        for codec, _, _, args in getattr(im, "tile", ()):
            words += [codec, *(args if isinstance(args, tuple) else (args,))]
        rawmodes = tuple(word for word in words if isinstance(word, str))
        deep = any(";16" in word or word == "SGI16" for word in rawmodes)
        if im.format == "PPM":  # the decoder's other argument is the greatest sample
            deep = deep or any(isinstance(word, int) and word > 255 for word in words)
        narrowed = deep and im.mode not in ("I", "F") and ";16" not in im.mode
        return cls(rawmodes, narrowed, _misread_type(im))


def _misread_type(im: Image.Image) -> np.dtype[Any] | None:
    """Return the type of a TIFF's gray samples that Pillow reads as signed, or as unsigned."""
    tags = getattr(im, "tag_v2", {})
    sample_format = tags.get(_SAMPLE_FORMAT_TAG, (_UNSIGNED,))[0]
    if im.mode == "L" and sample_format == _SIGNED:
        return np.dtype(np.int8)
    bits = tags.get(_BITS_TAG, (1,))[0]
    if im.mode == "I" and sample_format == _UNSIGNED and bits == 32:
        return np.dtype(np.uint32)
    return None


class SampleFormat(NamedTuple):
    """How an image's samples become arrays.

    Attributes:
        target: the mode that the image is converted to.
        dtype: of the pixels.
        depth: 8, 16 or None.
        key: the pixel value that is fully transparent, or None.
    """

    target: str
    dtype: np.dtype[Any]
    depth: int | None
    key: tuple[int, ...] | None = None

    @property
    def color(self) -> bool:
        """Whether the image is RGB, not gray."""
        return self.target.startswith("RGB")

    def selects_rgb(self, channels: str) -> bool:
        """Return whether these channels of the image are RGB."""
        return channels == "rgb" or (channels == "auto" and self.color)

    @property
    def has_alpha(self) -> bool:
        """Whether there is transparency of any kind."""
        return self.target.endswith("A") or self.key is not None


def sample_format_of(im: Image.Image, stored: StoredSamples) -> SampleFormat:
    """Return the sample format of a loaded image; raise ValueError if its mode is unknown."""
    if im.mode not in _TARGETS:
        raise ValueError(f"unknown mode {im.mode}")
    target = _TARGETS[im.mode]
    if im.mode == "P" and im.has_transparency_data:
        target = "RGBA"
    if any(rawmode.startswith("LA;16") for rawmode in stored.rawmodes):
        target = "LA"  # Pillow reads it as RGBA
    if stored.dtype is not None:  # copying to this type undoes the wrapping
        return SampleFormat(target, stored.dtype, None)
    if target.startswith("I;16") or (target == "I" and im.format == "PPM"):
        return SampleFormat(target, np.dtype(np.uint16), 16, _transparent_value(im, stored))
    if target in ("I", "F"):
        return SampleFormat(target, np.dtype(np.int32 if target == "I" else np.float32), None)
    key = _transparent_value(im, stored) if target in ("L", "RGB") and im.mode != "P" else None
    return SampleFormat(target, np.dtype(np.uint8), 8, key)


def apply_orientation(
    source: Image.Image | NDArray[np.uint8],
    sample_format: SampleFormat,
    channels: str,
    orientation: int,
    *,
    rgbx: bool = False,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Copy the selected channels and the alpha of an image into upright arrays.

    They are copied in bands of rows: converting the whole image at once would need it twice. An
    array that holds the result already is not copied.

    Args:
        source: a loaded image, or an array that it was decoded into, (H, W) or (H, W, 4).
        sample_format: of the image.
        channels: one of :data:`convcli.choices.CHANNELS`.
        orientation: EXIF's, 1..8.
        rgbx: pixels may be the first three channels of the array.

    Returns:
        Pixels, (H, W) or (H, W, 3), and alpha, (H, W) or None.
    """
    height, width = source.shape[:2] if isinstance(source, np.ndarray) else source.size[::-1]
    if isinstance(source, np.ndarray) and orientation == 1 and not sample_format.has_alpha:
        if (
            source.ndim == 2
            and channels in ("auto", "gray")
            and source.dtype == sample_format.dtype
        ):
            return source, None
        if source.ndim == 3 and channels in ("auto", "rgb") and rgbx:
            return source[..., :3], None
    shape = (width, height) if orientation >= 5 else (height, width)
    pixels = np.empty(
        (*shape, 3) if sample_format.selects_rgb(channels) else shape, sample_format.dtype
    )
    alpha = np.empty(shape, sample_format.dtype) if sample_format.has_alpha else None
    stored_pixels = _file_order_view(pixels, orientation)
    stored_alpha = None if alpha is None else _file_order_view(alpha, orientation)
    rows = max(1, _BAND_BYTES // (4 * width))
    for top in range(0, height, rows):
        band = slice(top, min(height, top + rows))
        colors, opacity = _samples(source, band, sample_format)
        stored_pixels[band] = select_channels(colors, channels)
        if stored_alpha is not None:
            stored_alpha[band] = opacity
    return pixels, alpha


def _samples(
    source: Image.Image | NDArray[np.uint8], rows: slice, sample_format: SampleFormat
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the colors and the alpha of some rows."""
    samples: NDArray[Any]
    if isinstance(source, np.ndarray):
        samples = source[rows] if source.ndim == 2 else packed(source[rows, :, :3])
    else:
        band = source.crop((0, rows.start, source.width, rows.stop))
        if band.mode != sample_format.target:
            band = band.convert(sample_format.target)
        samples = np.asarray(band)
    if sample_format.target == "LA":
        return samples[..., 0], samples[..., 1]
    if sample_format.target == "RGBA":
        return samples[..., :3], samples[..., 3]
    if sample_format.key is None:
        return samples, None
    differs = samples != (sample_format.key if sample_format.color else sample_format.key[0])
    opaque = differs.any(axis=-1) if sample_format.color else differs
    return samples, opaque * sample_format.dtype.type(np.iinfo(sample_format.dtype).max)


def _transparent_value(im: Image.Image, stored: StoredSamples) -> tuple[int, ...] | None:
    """Return the transparent pixel value in the scale of the samples."""
    value = im.info.get("transparency")
    if isinstance(value, tuple):
        return tuple(part >> 8 for part in value) if stored.narrowed else value
    if not isinstance(value, int):
        return None
    return (value * max((_SMALL_GRAYS.get(raw, 1) for raw in stored.rawmodes), default=1),)


def _file_order_view(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a view of upright pixels in the order in which the file stores them."""
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    bottom_up, right_to_left = orientation in (3, 4, 6, 7), orientation in (2, 3, 7, 8)
    return turned[:: -1 if bottom_up else 1, :: -1 if right_to_left else 1]


def resize(
    pixels: NDArray[Any], alpha: NDArray[Any] | None, shape: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Resize pixels and alpha by Pillow's bicubic filter.

    Each pixel is weighted by its alpha. 8-bit pixels are computed by Pillow itself; others in
    float32, then rounded and saturated to their dtype.

    Raises:
        FloatingPointError: a number is too large for float32.
    """
    if shape == pixels.shape[:2]:
        return pixels, alpha
    new_shape = (*shape, *pixels.shape[2:])
    if pixels.dtype == np.uint8 and pixels.shape[2:] in ((), (3,)):
        im = Image.fromarray(pixels)
        if alpha is None:
            return np.asarray(im.resize(shape[::-1], Image.Resampling.BICUBIC)), None
        im.putalpha(Image.fromarray(alpha))
        samples = np.asarray(im.resize(shape[::-1], Image.Resampling.BICUBIC))
        colors = np.ascontiguousarray(samples[..., :-1].reshape(new_shape))
        return colors, np.ascontiguousarray(samples[..., -1])
    planes = with_channels(pixels)
    if alpha is None:
        return _rounded(_resize_planes(planes, shape).reshape(new_shape), pixels.dtype), None
    max_value = np.iinfo(alpha.dtype).max
    opacity = with_channels(alpha / np.float32(max_value))
    colors = _resize_planes(planes * opacity, shape)
    opacity = _resize_planes(opacity, shape)
    np.divide(colors, opacity, out=colors, where=opacity > 0)
    opacity *= max_value
    return _rounded(colors.reshape(new_shape), pixels.dtype), _rounded(opacity[..., 0], alpha.dtype)


def _resize_planes(planes: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Resize each channel of (H, W, C) in float32."""
    result = np.empty((*shape, planes.shape[2]), np.float32)
    for channel in range(planes.shape[2]):
        with np.errstate(over="raise", invalid="ignore"):  # NaN stays NaN
            plane = Image.fromarray(np.ascontiguousarray(planes[..., channel], np.float32))
        result[..., channel] = np.asarray(plane.resize(shape[::-1], Image.Resampling.BICUBIC))
    return result


def _rounded(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    out = np.empty(values.shape, dtype)
    saturate(values, out)
    return out
