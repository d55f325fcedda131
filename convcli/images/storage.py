"""How a file's encoder stored its pixels, and how a result is stored like them."""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO

from PIL import Image

from convcli.images.image import ImageData, Storage
from convcli.images.notes import Detail, Notes
from convcli.images.options import WriteOptions

_FULL_COLOR_QUALITY = 90  # from here on, full color resolution costs few bytes more
_DEFAULT_QUALITY = 95
_SUBSAMPLINGS = ("444", "422", "420")  # in the order of Pillow's numbers
_COMPRESSIONS = {
    "none": "raw",
    "lzw": "tiff_lzw",
    "deflate": "tiff_adobe_deflate",
    "packbits": "packbits",
    "zstd": "zstd",
    "lzma": "lzma",
}
_PREDICTED = ("tiff_lzw", "tiff_adobe_deflate", "zstd", "lzma")
_PREDICTOR_TAG, _DIFFERENCES = 317, 2
_CHUNK_HEAD, _FRAME_HEAD = 8, 16  # bytes


def read_storage(im: Image.Image) -> Storage:
    """Return how an open image, or the page that was sought, is stored."""
    if im.format == "TIFF":
        return Storage(compression=im.info.get("compression"))
    if im.format in ("JPEG", "MPO"):
        from PIL.JpegImagePlugin import get_sampling

        sampling = get_sampling(im)
        return Storage(subsampling=sampling if sampling in (0, 1, 2) else None)
    return Storage()


def is_lossless_webp(file: BinaryIO) -> bool:
    """Return whether every image of a WebP file is lossless; keep the file's position.

    Source: WebP Container Specification (RFC 9649, section 2). The image of a frame lies in a
    chunk of its own inside the frame's.
    """
    place, end = 12, file.seek(0, io.SEEK_END)
    found = False
    while place + _CHUNK_HEAD <= end:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(_CHUNK_HEAD))
        if name == b"VP8 ":
            return False
        found |= bool(name == b"VP8L")
        place += _CHUNK_HEAD + (_FRAME_HEAD if name == b"ANMF" else length + length % 2)
    return found


def jpeg_options(image: ImageData, options: WriteOptions) -> dict[str, Any]:
    """Return the subsampling of colors: as asked for, else the input's, else by quality."""
    if options.subsampling is not None:
        return {"subsampling": _SUBSAMPLINGS.index(options.subsampling)}
    sampling = image.storage.subsampling
    if sampling is None or image.channels == 1:
        quality = _DEFAULT_QUALITY if options.quality is None else options.quality
        sampling = 0 if quality >= _FULL_COLOR_QUALITY else 2
    return {"subsampling": sampling}


def webp_options(image: ImageData, options: WriteOptions) -> dict[str, Any]:
    """Return how to lose nothing, where the input lost nothing and no quality is asked for."""
    kept = image.storage.lossless and options.quality is None
    if not (kept if options.lossless is None else options.lossless):
        return {}
    return {"lossless": True, "exact": True, "quality": 80}  # exact: also where alpha is 0


def tiff_compression(image: ImageData, options: WriteOptions, notes: Notes) -> str:
    """Return the compression as Pillow calls it: as asked for, else the input's, else none."""
    if options.compression is not None:
        return _COMPRESSIONS[options.compression]
    own = image.storage.compression or "raw"
    if own == "tiff_deflate":  # the same data under an obsolete number
        own = "tiff_adobe_deflate"
    if own not in _COMPRESSIONS.values():
        own = "raw" if own == "tiff_raw_16" else "tiff_adobe_deflate"
        notes.add(
            Detail(f"compressed by deflate: {image.storage.compression} is not kept in a result")
        )
    return own


def tiff_options(compression: str, *, integers: bool) -> dict[str, Any]:
    """Return what Pillow's TIFF encoder gets; differences compress integers better."""
    if compression == "raw":
        return {}
    predicted = integers and compression in _PREDICTED
    return {
        "compression": compression,
        "tiffinfo": {_PREDICTOR_TAG: _DIFFERENCES} if predicted else {},
    }
