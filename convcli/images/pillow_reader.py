"""Read image files that Pillow decodes, one frame at a time."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from itertools import count
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image

from convcli.errors import ImageError
from convcli.images.captured_stderr import captured_stderr
from convcli.images.channels import check_channels
from convcli.images.image import ImageData, Storage
from convcli.images.metadata import read_metadata
from convcli.images.notes import Damage, notes_on_messages
from convcli.images.options import ReadOptions, check_read_options, over_limit
from convcli.images.pillow_errors import decoding
from convcli.images.pillow_memory import load_into_array
from convcli.images.pillow_modes import StoredSamples, apply_orientation, resize, sample_format_of
from convcli.images.storage import is_lossless_webp, read_storage

# Common formats come first: Pillow tries them without loading the plugins of all others. Formats
# with weak signatures come last. Left out are formats that run programs or hold other files (EPS
# starts Ghostscript; IPTC opens anything), and those that Pillow knows by name only.
# fmt: off
PILLOW_FORMATS = (
    "PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "ICO", "CUR", "ICNS",
    "PSD", "DDS", "QOI", "SGI", "SUN", "FITS", "DIB", "PCX", "DCX", "FLI", "FTEX", "GBR", "BLP",
    "PIXAR", "MSP", "XBM", "XPM", "XVTHUMB", "IM", "IMT", "MCIDAS", "PCD", "SPIDER", "TGA",
)
# fmt: on
# Signatures of the commonest formats: module and function that open them.
_OPENERS = {
    b"\x89PNG\r\n\x1a\n": ("PIL.PngImagePlugin", "PngImageFile"),
    b"\xff\xd8\xff": ("PIL.JpegImagePlugin", "jpeg_factory"),
    b"II*\0": ("PIL.TiffImagePlugin", "TiffImageFile"),
    b"MM\0*": ("PIL.TiffImagePlugin", "TiffImageFile"),
}
BASE_BYTES = 32 << 20  # memory for strips and buffers, whatever the image's size

ReserveMemory = Callable[[int], object]


def unlimited_memory(_bytes: int) -> None:
    """Grant any amount of memory at once."""


class ReadRequest(NamedTuple):
    """One image to read; see :func:`convcli.images.reading.read_image`."""

    name: str
    options: ReadOptions
    reserve_memory: ReserveMemory

    def reserve(self, size: int) -> None:
        """Reserve ``size`` bytes for an image and its result."""
        self.reserve_memory(BASE_BYTES + size)

    def check(self) -> None:
        """Raise UsageError for options that no image can satisfy."""
        check_channels(self.name, self.options.channels, 3)
        check_read_options(self.options)


class ImageFile:
    """An open image file; a context manager that frees the decoded image.

    Its methods raise ImageError if the file is not an image, is damaged or above the limit, or
    lacks the requested channels.
    """

    def __init__(self, file: BinaryIO, request: ReadRequest) -> None:
        self._request = request
        self._notes: list[str] = []
        with self._decoding():
            self._im = _open(file)
            # These decoders take the file whole, and copy it.
            is_whole = self._im.format in ("WEBP", "AVIF")
            self._file_bytes = 2 * file.seek(0, io.SEEK_END) if is_whole else 0
            is_lossless = self._im.format == "WEBP" and is_lossless_webp(file)
        self._storage = Storage(lossless=True) if is_lossless else None
        if hasattr(self._im, "_frame_pos"):  # Pillow asks at each page whether it came before
            self._im._frame_pos = _PageOffsets(self._im._frame_pos)

    def _decoding(self) -> AbstractContextManager[None]:
        return decoding(self._request.name, self._request.options.max_pixels, self._notes)

    def __enter__(self) -> ImageFile:
        return self

    def __exit__(self, *_: object) -> None:
        Image.Image.close(self._im)  # Pillow's ImageFile.close would close the caller's file, too

    def has_further_frames(self) -> bool:
        """Return whether there are frames after the first, which must be read; count none."""
        if self._im.format == "PSD":  # Pillow counts its layers as frames
            return False
        with self._decoding():
            return bool(getattr(self._im, "is_animated", False))

    def has_hidden_image(self) -> bool:
        """Return whether the first image is for viewers that do not know animated PNGs."""
        return self.has_further_frames() and bool(getattr(self._im, "default_image", False))

    def further_frames(self) -> Iterator[ImageData]:
        """Decode the frames after the first, which must be read, one at a time."""
        if not self.has_further_frames():
            return
        for frame in count(1):
            with self._decoding():
                try:
                    self._im.seek(frame)
                except EOFError:
                    if frame < getattr(self._im, "n_frames", frame):  # the header promises it
                        raise
                    return
                image = self._decoded()
            yield image

    def image(self, *, is_only: bool = False, rgbx: bool = False) -> ImageData:
        """Decode the first image.

        Args:
            is_only: no further frame will be decoded.
            rgbx: RGB pixels may be in RGBX memory; see :class:`convcli.images.image.ImageData`.
        """
        with self._decoding():
            return self._decoded(is_only=is_only, rgbx=rgbx)

    def _decoded(self, *, is_only: bool = False, rgbx: bool = False) -> ImageData:
        """Decode the first image, or the frame that was sought, inside :meth:`_decoding`."""
        options, im = self._request.options, self._im
        self._check_size()
        self._request.reserve(self._file_bytes + _decoded_bytes(im, options.frames == "all"))
        stored = StoredSamples.of(im)
        storage = self._storage or read_storage(im)
        # The TIFF decoder applies the orientation itself.
        applied = getattr(im, "tag_v2", {}).get(ExifTags.Base.Orientation, 1)
        with self._captured():
            array = load_into_array(im) if is_only else None
            im.load()
        self._check_size()  # an icon's header may claim a smaller size
        sample_format = sample_format_of(im, stored)
        check_channels(self._request.name, options.channels, 3 if sample_format.color else 1)
        metadata, orientation, notes = read_metadata(
            im,
            color=sample_format.selects_rgb(options.channels),
            is_transposed=applied in range(5, 9),
        )
        source = im if array is None else array
        rgbx = rgbx and options.resize is None
        pixels, alpha = apply_orientation(
            source, sample_format, options.channels, orientation, rgbx=rgbx
        )
        if options.resize is not None:
            pixels, alpha = resize(pixels, alpha, options.resize)
        if stored.narrowed:
            kind = "color" if sample_format.color else "gray"
            notes = (f"16-bit {kind} was read as 8-bit, the limit of Pillow", *notes)
        notes = tuple(dict.fromkeys((*notes, *notes_on_messages(self._notes))))
        self._notes.clear()
        self.check_damage(notes)
        return ImageData(
            pixels, sample_format.depth, alpha, str(im.format), metadata, storage, notes
        )

    def _captured(self) -> AbstractContextManager[None]:
        """Catch what the decoder prints, if it is one that does."""
        tiles = getattr(self._im, "tile", ())
        by_libtiff = any(codec == "libtiff" for codec, *_ in tiles)
        return captured_stderr(self._notes) if by_libtiff else nullcontext()

    def check_damage(self, notes: Iterable[str]) -> None:
        """With ``strict``, raise ImageError if there is a note on damage."""
        for note in notes:
            if isinstance(note, Damage) and self._request.options.strict:
                raise ImageError(self._request.name, note)

    def _check_size(self) -> None:
        (width, height), limit = self._im.size, self._request.options.max_pixels
        if width * height > limit:
            raise ImageError(self._request.name, over_limit(f"{width}x{height}", limit))


def _open(file: BinaryIO) -> Image.Image:
    """Open an image by the plugin of its signature, or else by whichever can.

    ``Image.open`` begins by loading those of five formats, which takes 4 ms.
    """
    head = file.read(max(map(len, _OPENERS)))
    file.seek(0)
    for signature, (module, opener) in _OPENERS.items():
        if head.startswith(signature):
            # What Pillow takes for a sign that another plugin may know the file.
            with suppress(SyntaxError, IndexError, TypeError, struct.error):
                im: Image.Image = getattr(import_module(module), opener)(file)
                return im
    return Image.open(file, formats=PILLOW_FORMATS)


class _PageOffsets(list[int]):
    """The offsets of a TIFF's pages; whether one is among them takes the same time at any page."""

    def __init__(self, offsets: list[int]) -> None:
        super().__init__(offsets)
        self._known = set(offsets)

    def append(self, offset: int) -> None:
        super().append(offset)
        self._known.add(offset)

    def __contains__(self, offset: object) -> bool:
        return offset in self._known


def _decoded_bytes(im: Image.Image, in_sequence: bool) -> int:
    """Return the bytes of a decoded image, its array, the result and its encoder's copy.

    In a sequence of frames, decoder and encoder each keep the frame before.
    """
    width, height = im.size
    bands = 4 if im.mode == "P" else len(im.getbands())
    itemsize = 2 if "16" in im.mode else 4 if im.mode in ("I", "F") else 1
    return width * height * (8 + 2 * bands * itemsize * (2 if in_sequence else 1))
