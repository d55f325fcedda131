"""Image files that Pillow decodes, a frame at a time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import BinaryIO

from PIL import ExifTags, Image

from convcli.errors import UsageError
from convcli.images.channels import check_choice, resized
from convcli.images.image import ImageData
from convcli.images.metadata import exif_of, metadata_of
from convcli.images.pillow_errors import pillow, too_large
from convcli.images.pillow_modes import NARROWED, Stored, apply_orientation, layout_of

# The common ones first: they are tried without loading the plugins of all others. Left out are
# formats that are programs or hold other files (EPS starts Ghostscript; IPTC opens anything), and
# those that Pillow knows by name only. The last have the weakest marks to tell them by.
# fmt: off
RASTER_FORMATS = (
    "PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "ICO", "CUR", "ICNS",
    "PSD", "DDS", "QOI", "SGI", "SUN", "FITS", "DIB", "PCX", "DCX", "FLI", "FTEX", "GBR", "BLP",
    "PIXAR", "MSP", "XBM", "XPM", "XVTHUMB", "IM", "IMT", "MCIDAS", "PCD", "SPIDER", "TGA",
)
# fmt: on
_LAYERED = ("PSD",)  # what Pillow counts as frames are layers
BASE_BYTES = 32 << 20  # strips and buffers, whatever the image's size

ReserveMemory = Callable[[int], object]


def admit_all(_size: int) -> None:
    """Let every image in at once."""


@dataclass(frozen=True)
class ReadRequest:
    """How an image is to be read; see :func:`convcli.images.reading.read_image`."""

    name: str
    max_pixels: int
    channels: str
    resize: tuple[int, int] | None
    admit: ReserveMemory

    def take_memory(self, size: int) -> None:
        """Ask for the memory of an image and its result, in bytes; ``admit`` waits or raises."""
        self.admit(BASE_BYTES + size)

    def check(self) -> None:
        """Refuse what no image can satisfy.

        Raises:
            ImageError: the new size is over the limit.
            UsageError: the new size is none, or the channels are unknown.
        """
        check_choice(self.name, self.channels, 3)
        if self.resize is None:
            return
        width, height = self.resize
        if width < 1 or height < 1:
            raise UsageError(f"resize {width}x{height}: width and height are 1 or more")
        if width * height > self.max_pixels:
            raise UsageError(
                f"resize {width}x{height} is over the limit of {self.max_pixels} pixels; "
                "--max-pixels N raises it"
            )


class ImageFile:
    """An open image file; a context manager that frees the decoded image."""

    def __init__(self, file: BinaryIO, request: ReadRequest) -> None:
        """Read the header.

        Raises:
            ImageError: it is no image, damaged, or over the limit.
        """
        self._request = request
        self._notes: list[str] = []
        with self._pillow():
            self._im = Image.open(file, formats=RASTER_FORMATS)
        self._frame = 0

    def _pillow(self) -> AbstractContextManager[None]:
        return pillow(self._request.name, self._request.max_pixels, self._notes)

    def __enter__(self) -> "ImageFile":
        return self

    def __exit__(self, *_: object) -> None:
        Image.Image.close(self._im)  # not ImageFile's, which closes the caller's file as well

    def frames(self) -> tuple[int, int]:
        """Return the first and the end of the frames, as ``range`` takes them.

        To be asked after the first frame was read: counting moves some decoders.

        Raises:
            ImageError: what follows the first frame is damaged.
        """
        with self._pillow():
            count = 1 if self._im.format in _LAYERED else int(getattr(self._im, "n_frames", 1))
        # An animated PNG may begin with an image for viewers that do not know animation.
        return (1 if count > 1 and getattr(self._im, "default_image", False) else 0), count

    def image(self, frame: int = 0) -> ImageData:
        """Decode a frame; frames are asked for in order.

        Raises:
            ImageError: it is damaged, over the limit, or lacks the requested channels.
        """
        with self._pillow():
            if frame != self._frame:
                self._im.seek(frame)
                self._frame = frame
            image = self._decoded()
        notes = tuple(dict.fromkeys((*image.notes, *self._notes)))
        self._notes.clear()
        return replace(image, notes=notes)

    def _memory(self) -> int:
        """Return what the decoded image, its array, the result and its encoder's copy take."""
        width, height = self._im.size
        bands = 4 if self._im.mode == "P" else len(self._im.getbands())
        each = 2 if "16" in self._im.mode else 4 if self._im.mode in ("I", "F") else 1
        return width * height * (8 + 2 * bands * each)

    def _check_size(self) -> None:
        (width, height), limit = self._im.size, self._request.max_pixels
        if width * height > limit:
            raise too_large(self._request.name, width, height, limit)

    def _decoded(self) -> ImageData:
        request, im = self._request, self._im
        self._check_size()
        request.take_memory(self._memory())
        stored = Stored.of(im)
        # The TIFF decoder sets its images upright itself.
        turned = getattr(im, "tag_v2", {}).get(ExifTags.Base.Orientation, 1)
        im.load()
        self._check_size()  # an icon's header may say less
        exif = exif_of(im)
        layout = layout_of(im, stored)
        check_choice(request.name, request.channels, 3 if layout.color else 1)
        pixels, alpha = apply_orientation(im, layout, request.channels, exif.orientation)
        metadata = metadata_of(
            im,
            exif.tags,
            color=pixels.ndim == 3,
            turned=turned in range(5, 9) or exif.orientation >= 5,
        )
        if request.resize is not None:
            pixels, alpha = resized(pixels, alpha, request.resize)
        notes = ((NARROWED,) if stored.narrowed else ()) + exif.notes
        return ImageData(pixels, layout.depth, alpha, str(im.format), metadata, notes)
