"""The metadata of an input that a result carries, as the encoder of its format takes them."""

from __future__ import annotations

import math
import zlib
from typing import Any

from PIL import Image

from convcli.images.formats import Format
from convcli.images.image import ImageData, Metadata, PngText
from convcli.images.metadata import XMP_KEYWORD, matching_profile
from convcli.images.notes import Detail, Notes

_WORDS = {
    "icc": "ICC profile",
    "exif": "EXIF",
    "dpi": "resolution",
    "xmp": "XMP",
    "comment": "comment",
    "texts": "PNG text",
    "color_chunks": "",  # named one by one
}
_MOST_BYTES = {  # of a segment, less the name that stands before the data
    ("JPEG", "exif"): 65_527,
    ("JPEG", "xmp"): 65_504,
    ("JPEG", "comment"): 65_533,
    ("JPEG2000", "comment"): 65_531,
}
_DPI = {"JPEG": (1, 65_535), "PNG": (0, 50_000_000), "BMP": (0, 50_000_000)}
_XMP_TAG = 700  # of a TIFF
# The PNG specification advises to compress texts from about 1 KiB on; Pillow reads compressed texts
# of up to 1 MiB.
_COMPRESSED = range(1024, 2**20)


def encoder_metadata(image: ImageData, form: Format, notes: Notes) -> dict[str, Any]:
    """Return what a format holds of an image's metadata, as arguments of its encoder.

    The encoders are Pillow's, and our own for PNG and GIF. ``notes`` gets what is left out.
    """
    carried = _held(image.metadata, form, notes)
    if icc := carried.pop("icc", None):
        if image.depth is not None and matching_profile(icc, color=image.channels == 3):
            carried["icc_profile"] = icc
        else:
            notes.add(Detail("ICC profile left out: it does not describe the result's pixels"))
    if form.name == "PNG":
        return _with_chunks(carried, notes)
    if form.name == "TIFF" and "xmp" in carried:
        exif = Image.Exif()
        exif.load(carried.get("exif", b""))
        exif[_XMP_TAG] = carried.pop("xmp")
        carried["exif"] = exif
    return carried


def _held(metadata: Metadata, form: Format, notes: Notes) -> dict[str, Any]:
    """Return the metadata that a format holds, by their names in :class:`Metadata`."""
    carried: dict[str, Any] = {}
    lacking = []
    for name, words in _WORDS.items():
        value = getattr(metadata, name)
        if not value:
            continue
        if name not in form.metadata:
            lacking += [chunk.decode() for chunk, _ in value] if name == "color_chunks" else [words]
        elif limit := _broken_limit(form.name, name, value):
            notes.add(f"{words} left out: {form.suffix} holds {limit}")
        else:
            carried[name] = value
    if lacking:
        notes.add(Detail(f"{', '.join(lacking)} left out: {form.suffix} holds none"))
    return carried


def _broken_limit(format_name: str, name: str, value: Any) -> str:
    """Return the limit of a format that metadata break, or nothing."""
    if name == "dpi":
        least, most = _DPI.get(format_name, (0, math.inf))
        # They are rounded.
        fits = all(least - 0.5 <= number < most + 0.5 for number in value)
        return "" if fits else f"{least} to {most:,} dpi"
    most_bytes = _MOST_BYTES.get((format_name, name))
    return "" if most_bytes is None or len(value) <= most_bytes else "at most 64 KiB"


def _with_chunks(carried: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Return the arguments of our PNG encoder, which takes all texts as chunks."""
    chunks = [
        (name, data)
        for name, data in carried.pop("color_chunks", ())
        if name != b"sRGB" or "icc_profile" not in carried  # not both (section 11.3.2.5)
    ]
    if xmp := carried.pop("xmp", None):
        chunks.append((b"iTXt", XMP_KEYWORD.encode() + bytes(5) + xmp))
    texts = list(carried.pop("texts", ()))
    if comment := carried.pop("comment", None):
        texts.append(PngText("Comment", _decoded(comment.rstrip(b"\0"))))
    for text in texts:
        if "\0" in text.text:
            notes.add(Detail(f"PNG text {text.keyword!r} left out: it holds zero bytes"))
        else:
            chunks.append(_text_chunk(text))
    return {**carried, "chunks": chunks}


def _decoded(comment: bytes) -> str:
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")


def _text_chunk(text: PngText) -> tuple[bytes, bytes]:
    """Return the name and the contents of a chunk tEXt, zTXt or iTXt (section 11.3.3)."""
    keyword = text.keyword.encode("latin-1") + b"\0"
    is_latin = not (text.language or text.translated)
    try:
        data = text.text.encode("latin-1" if is_latin else "utf-8")
    except UnicodeEncodeError:
        is_latin, data = False, text.text.encode()
    is_compressed = len(data) in _COMPRESSED
    if is_compressed:
        data = zlib.compress(data)
    if is_latin:
        return (b"zTXt", keyword + b"\0" + data) if is_compressed else (b"tEXt", keyword + data)
    languages = f"{text.language}\0{text.translated}\0".encode()
    return b"iTXt", keyword + bytes([is_compressed, 0]) + languages + data
