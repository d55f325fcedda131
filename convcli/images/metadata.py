"""ICC profile, EXIF and resolution of an open image, as far as a result may carry them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

from convcli.images.image import Metadata
from convcli.images.pillow_errors import DECODER_FAULTS

# Tags that describe the image; all others in the first directory say how the file is stored.
_DESCRIPTIVE = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
)
# A result's size is its own, and an offset into the source leads nowhere.
_NOT_CARRIED = (
    ExifTags.Base.ExifImageWidth,
    ExifTags.Base.ExifImageHeight,
    ExifTags.Base.ExifInteroperabilityOffset,
)
_MAYBE_EXIF = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")


@dataclass(frozen=True)
class Exif:
    """What EXIF says.

    Attributes:
        tags: the descriptive ones, as bytes; None where there are none.
        orientation: 1..8, as EXIF numbers them.
        notes: for the user.
    """

    tags: bytes | None = None
    orientation: int = 1
    notes: tuple[str, ...] = ()


def exif_of(im: Image.Image) -> Exif:
    """Return the EXIF of an image whose pixels are loaded.

    Loaded before, because a fault in EXIF can make a later ``load`` give black pixels.
    """
    if not hasattr(im, "tag_v2") and not any(key in im.info for key in _MAYBE_EXIF):
        return Exif()
    try:
        exif = im.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        tags = _descriptive(exif)
    except DECODER_FAULTS:
        return Exif(notes=("its EXIF data are damaged and were left out",))
    return Exif(tags, orientation if orientation in range(1, 9) else 1)


def metadata_of(im: Image.Image, exif: bytes | None, *, color: bool, turned: bool) -> Metadata:
    """Return what may be carried over from a loaded image.

    Args:
        im: the image.
        exif: its descriptive tags.
        color: the pixels are RGB, not gray.
        turned: width and height changed places when the image was set upright.
    """
    dpi = _dpi(im.info)
    duration, loop = im.info.get("duration"), im.info.get("loop")
    return Metadata(
        icc=matching_profile(im.info.get("icc_profile"), color=color),
        exif=exif,
        dpi=dpi[::-1] if dpi is not None and turned else dpi,
        duration=float(duration) if isinstance(duration, int | float) else None,
        loop=loop if isinstance(loop, int) else None,
    )


def matching_profile(icc: bytes | None, *, color: bool) -> bytes | None:
    """Return a profile if its color space (bytes 16..19) is that of the pixels."""
    return icc if icc and icc[16:20] == (b"RGB " if color else b"GRAY") else None


def _descriptive(exif: Image.Exif) -> bytes | None:
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        values = exif.get_ifd(directory)
        values = {tag: value for tag, value in values.items() if tag not in _NOT_CARRIED}
        if values:
            kept[directory] = values
    return kept.tobytes() if len(kept) else None


def _dpi(info: Mapping[Any, Any]) -> tuple[float, float] | None:
    """Return the resolution, if it is two positive numbers."""
    try:
        across, down = (float(value) for value in info["dpi"])
    except DECODER_FAULTS:
        return None
    if not all(math.isfinite(value) and value > 0 for value in (across, down)):
        return None
    return across, down
