"""The metadata of an open image, as far as a result may carry them."""

import math
import re
import struct
from collections.abc import Iterator
from functools import lru_cache

from PIL import ExifTags, Image

from convcli.errors import quoted
from convcli.images.image import Metadata, PngText
from convcli.images.notes import Damage, Detail
from convcli.images.pillow_errors import DECODER_ERRORS

# Tags that describe the image; all others in the first directory describe how it is stored.
_DESCRIPTIVE = [
    ExifTags.Base[name]
    for name in (
        *("ImageDescription", "Make", "Model", "Software", "DateTime", "Artist", "HostComputer"),
        *("Rating", "Copyright", "XPTitle", "XPComment", "XPAuthor", "XPKeywords", "XPSubject"),
    )
]
# A result has a size of its own, and offsets into the source are meaningless in it.
_NOT_CARRIED = (
    ExifTags.Base.ExifImageWidth,
    ExifTags.Base.ExifImageHeight,
    ExifTags.Base.ExifInteroperabilityOffset,
)
XMP_KEYWORD = "XML:com.adobe.xmp"  # of the PNG text that holds XMP
_ORIENTATION = rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)\d+"""
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/"
_PHOTOSHOP_TAGS = (33723, 34377)  # of a TIFF: IPTC, and Photoshop's image resources
# Texts that are never carried: data in the form of text, times of the input's file, and facts about
# its thumbnail.
_STALE_KEYWORDS = ("Raw profile type ", "date:", "Thumb::")
_READ_ELSEWHERE = (XMP_KEYWORD, "exif", "Raw profile type exif")
_MOST_NAMED = 5
_MAYBE_EXIF = ("exif", "Raw profile type exif", "xmp", XMP_KEYWORD)


def read_metadata(
    im: Image.Image, *, color: bool, is_transposed: bool
) -> tuple[Metadata, int, tuple[str, ...]]:
    """Return what a result may carry, the orientation left to apply (1..8), and notes for the user.

    Pixels must be loaded first: an error in EXIF can make a later ``load`` give black pixels.
    ``color`` means that the result is RGB, and ``is_transposed`` that the decoder has exchanged
    rows and columns.
    """
    exif, orientation, notes = _read_exif(im)
    icc, xmp = im.info.get("icc_profile"), im.info.get("xmp")
    if xmp is None and XMP_KEYWORD in im.info:  # a text in Latin-1, to Pillow
        xmp = str(im.info[XMP_KEYWORD]).encode("latin-1", "replace")
    if icc and not matching_profile(icc, color=color):
        pixels = "RGB" if color else "gray"
        notes += (Detail(f"ICC profile left out: it does not describe {pixels} pixels"),)
        icc = None
    if xmp:
        xmp = _upright(xmp)
        notes += () if xmp else (Damage("its XMP is not UTF-8 text and was left out"),)
    texts, comment, stale = _read_texts(im)
    stale += _never_carried(im)
    if stale:
        more = f" and {len(stale) - _MOST_NAMED} more" if len(stale) > _MOST_NAMED else ""
        notes += (Detail(f"left out: {', '.join(stale[:_MOST_NAMED])}{more}"),)
    try:
        across, down = map(float, im.info["dpi"])
    except DECODER_ERRORS:
        across = down = 0
    dpi = (down, across) if is_transposed or orientation >= 5 else (across, down)
    duration, loop = im.info.get("duration"), im.info.get("loop")
    if im.format == "GIF":  # it counts repeats, and plays once if it says nothing
        loop = 1 if loop is None else loop and loop + 1
    metadata = Metadata(
        icc=icc,
        exif=exif,
        dpi=dpi if all(0 < value < math.inf for value in dpi) else None,
        duration=float(duration) if isinstance(duration, int | float) else None,
        loop=loop if isinstance(loop, int) else None,
        xmp=xmp or None,
        comment=comment or None,
        texts=texts,
        color_chunks=tuple(_color_chunks(im)),
    )
    return metadata, orientation, notes


def matching_profile(icc: bytes | None, *, color: bool) -> bytes | None:
    """Return a profile if its color space (bytes 16..19) is that of the pixels."""
    return icc if icc and icc[16:20] == (b"RGB " if color else b"GRAY") else None


@lru_cache(maxsize=1)  # the frames of an animation share one
def _upright(xmp: object) -> bytes | None:
    """Return XMP with the orientation of an upright image; None unless it is UTF-8."""
    if not isinstance(xmp, bytes):
        return None
    packet = xmp.rstrip(b"\0")
    try:
        packet.decode()
    except UnicodeDecodeError:
        return None
    return None if b"\0" in packet else re.sub(_ORIENTATION, rb"\g<1>1", packet)


def _read_texts(im: Image.Image) -> tuple[tuple[PngText, ...], bytes | None, list[str]]:
    """Return a PNG's texts, the comment of any format, and what is not carried."""
    if im.format != "PNG":
        comments = [data for name, data in getattr(im, "applist", ()) if name == "COM"]
        comment = b"\n".join(comments) if comments else im.info.get("comment")
        return (), comment if isinstance(comment, bytes) else None, []
    texts, comment, stale = [], None, []
    for keyword, value in getattr(im, "text", {}).items():
        language, translated = getattr(value, "lang", None), getattr(value, "tkey", None)
        text = PngText(keyword, str(value), str(language or ""), str(translated or ""))
        if keyword in _READ_ELSEWHERE:
            continue
        if keyword.startswith(_STALE_KEYWORDS) or not 1 <= len(keyword) <= 79:
            stale.append(f"PNG text {quoted(keyword)}")
        elif keyword == "Comment" and not language and not translated:
            comment = text.text.encode()
        else:
            texts.append(text)
    return tuple(texts), comment, stale


def _never_carried(im: Image.Image) -> list[str]:
    """Name what an image holds besides, which no result carries."""
    found = []
    segments = getattr(im, "applist", ())
    if any(data.startswith(_EXTENDED_XMP) for _, data in segments):
        found.append("extended XMP")
    tags = getattr(im, "tag_v2", ())
    if "photoshop" in im.info or any(tag in tags for tag in _PHOTOSHOP_TAGS):
        found.append("IPTC and Photoshop's data")
    return found


def _color_chunks(im: Image.Image) -> Iterator[tuple[bytes, bytes]]:
    """Yield PNG's chunks on color, which Pillow decodes, as they are stored."""
    if im.format != "PNG":
        return
    gamma, intent = im.info.get("gamma"), im.info.get("srgb")
    chromaticity = im.info.get("chromaticity")
    if isinstance(gamma, float) and gamma > 0:
        yield b"gAMA", struct.pack(">I", round(gamma * 100_000))
    if isinstance(chromaticity, tuple):
        yield b"cHRM", struct.pack(">8I", *(round(part * 100_000) for part in chromaticity))
    if isinstance(intent, int) and intent <= 3:
        yield b"sRGB", bytes([intent])


def _read_exif(im: Image.Image) -> tuple[bytes | None, int, tuple[str, ...]]:
    """Return the descriptive tags, the orientation, and notes."""
    if not hasattr(im, "tag_v2") and not any(key in im.info for key in _MAYBE_EXIF):
        return None, 1, ()
    carried = Image.Exif()
    try:
        exif = im.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        for tag in _DESCRIPTIVE:
            if tag in exif:
                carried[tag] = exif[tag]
        for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            values = exif.get_ifd(directory)
            values = {tag: value for tag, value in values.items() if tag not in _NOT_CARRIED}
            if values:
                carried[directory] = values
        tags = carried.tobytes() if len(carried) else None
    except DECODER_ERRORS:
        return None, 1, (Damage("its EXIF data are damaged and were left out"),)
    return tags, orientation if orientation in range(1, 9) else 1, ()
