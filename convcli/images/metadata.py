"""The ICC profile, EXIF and resolution of an open image, as far as a result may carry them."""

import math

from PIL import ExifTags, Image

from convcli.images.image import Metadata
from convcli.images.notes import Damage
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
_MAYBE_EXIF = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")


def read_metadata(
    im: Image.Image, *, color: bool, is_transposed: bool
) -> tuple[Metadata, int, tuple[str, ...]]:
    """Return what a result may carry, the orientation left to apply (1..8), and notes for the user.

    Pixels must be loaded first: an error in EXIF can make a later ``load`` give black pixels.
    ``color`` means that the result is RGB, and ``is_transposed`` that the decoder has exchanged
    rows and columns.
    """
    exif, orientation, notes = _read_exif(im)
    try:
        across, down = map(float, im.info["dpi"])
    except DECODER_ERRORS:
        across = down = 0
    dpi = (down, across) if is_transposed or orientation >= 5 else (across, down)
    duration, loop = im.info.get("duration"), im.info.get("loop")
    if im.format == "GIF":  # it counts repeats, and plays once if it says nothing
        loop = 1 if loop is None else loop and loop + 1
    metadata = Metadata(
        icc=matching_profile(im.info.get("icc_profile"), color=color),
        exif=exif,
        dpi=dpi if all(0 < value < math.inf for value in dpi) else None,
        duration=float(duration) if isinstance(duration, int | float) else None,
        loop=loop if isinstance(loop, int) else None,
    )
    return metadata, orientation, notes


def matching_profile(icc: bytes | None, *, color: bool) -> bytes | None:
    """Return a profile if its color space (bytes 16..19) is that of the pixels."""
    return icc if icc and icc[16:20] == (b"RGB " if color else b"GRAY") else None


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
