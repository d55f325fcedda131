"""Files to images: images that Pillow knows, ``.npy`` arrays, and matrices as text."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from convcli.errors import ImageError
from convcli.images.channels import check_choice, resized, select_channels
from convcli.images.image import ImageData
from convcli.images.matrices import MatrixError, parse_matrix
from convcli.images.npy import read_npy
from convcli.images.pillow_errors import translate_errors
from convcli.images.pillow_reader import ImageFile, ReadRequest, ReserveMemory, admit_all
from convcli.kernels.npy import MAGIC, ArrayError

DEFAULT_MAX_PIXELS = 89_478_485  # Pillow's own
_TEXT = {".csv": "csv", ".txt": "txt"}
_HEAD = 4096


def read_image(
    source: Path | BinaryIO,
    *,
    name: str,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    channels: str = "auto",
    resize: tuple[int, int] | None = None,
    admit: ReserveMemory = admit_all,
) -> ImageData:
    r"""Read an image; of several frames the first, with a note that counts the others.

    What a file is shows in its content: a PNG may be called ``.jpg``. A matrix as text is known
    by its suffix, ``.csv`` or ``.txt``; a stream is one if it is text and no image.

    The image is set upright (EXIF orientation), then channels are chosen, then it is resized.

    Args:
        source: a file, or a binary stream that can seek; the stream stays open.
        name: what messages call it.
        max_pixels: an image of more (width times height) is refused before it is decoded.
        channels: ``auto`` keeps gray as gray and makes RGB of all color; ``gray``, ``rgb``; or
            one of ``r``, ``g``, ``b``.
        resize: width and height, by Pillow's bicubic filter; None for the image's own.
        admit: called, before anything is decoded, with the bytes that the image and a result
            of its size take; it may wait, or raise.

    Raises:
        ImageError: the file cannot be read as an image, for whatever reason.
        UsageError: ``channels`` or ``resize`` make no sense.

    >>> matrix = read_image(io.BytesIO(b"1 2\n3 4"), name="stdin")
    >>> matrix.pixels.tolist(), matrix.depth, matrix.format
    ([[1, 2], [3, 4]], None, 'txt')
    """
    request = ReadRequest(name, max_pixels, channels, resize, admit)
    with _opened(source, request) as opened:
        if isinstance(opened, ImageData):
            return opened
        image = opened.image()
        return _with_notes(image, _frames_left_out(opened))


def read_frames(
    source: Path | BinaryIO,
    *,
    name: str,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    channels: str = "auto",
    resize: tuple[int, int] | None = None,
    admit: ReserveMemory = admit_all,
) -> Iterator[ImageData]:
    """Yield every frame of an image as it is shown, one at a time; see :func:`read_image`.

    Frames of an animation are whole images, with their duration in the metadata. Pages of a
    TIFF may differ in size and kind. A file of one image yields one.

    Raises:
        ConvcliError: as :func:`read_image`; also after some frames, at one that is damaged.
    """
    request = ReadRequest(name, max_pixels, channels, resize, admit)
    with _opened(source, request) as opened:
        if isinstance(opened, ImageData):
            yield opened
            return
        image = opened.image()
        begin, end = opened.frames()
        if begin == 0:
            yield image
        del image
        for frame in range(max(begin, 1), end):
            yield opened.image(frame)


@contextmanager
def _opened(source: Path | BinaryIO, request: ReadRequest) -> Iterator[ImageData | ImageFile]:
    """Open a source: a matrix is read at once, the frames of a raster when they are asked for."""
    request.check()
    with _file(source, request) as file:
        with translate_errors(request.name, request.max_pixels):
            head = file.read(_HEAD)
            file.seek(0)
        if not head:
            raise ImageError(request.name, "is empty")
        kind = _TEXT.get(source.suffix.lower()) if isinstance(source, Path) else None
        if head.startswith(MAGIC):
            yield _array_image(file, request)
        elif kind is not None and _is_text(head):
            yield _text_image(file, request, kind)
        else:
            raster = _raster(file, request, head if not isinstance(source, Path) else b"")
            if isinstance(raster, ImageData):
                yield raster
                return
            with raster:
                yield raster


@contextmanager
def _file(source: Path | BinaryIO, request: ReadRequest) -> Iterator[BinaryIO]:
    """Open a path; a pipe is read whole, since decoders seek."""
    if not isinstance(source, Path):
        source.seek(0)
        yield source
        return
    with translate_errors(request.name, request.max_pixels):
        file = source.open("rb")
    with file:
        yield file if file.seekable() else io.BytesIO(file.read())


def _raster(file: BinaryIO, request: ReadRequest, text_head: bytes) -> ImageFile | ImageData:
    """Open an image; a stream that begins with ``text_head`` may be a matrix instead."""
    try:
        return ImageFile(file, request)
    except ImageError as error:
        unknown = isinstance(error.__cause__, UnidentifiedImageError)
        if not (unknown and text_head and _is_text(text_head)):
            raise
    file.seek(0)
    return _text_image(file, request, "txt")


def _is_text(head: bytes) -> bool:
    """Tell whether bytes look like UTF-8, the last character perhaps cut in two."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True


def _size(file: BinaryIO) -> int:
    """Return the length of a file that is at its beginning."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


def _text_image(file: BinaryIO, request: ReadRequest, kind: str) -> ImageData:
    with translate_errors(request.name, request.max_pixels):
        request.take_memory(16 * _size(file))  # a number takes two characters at least
        try:
            text = file.read().decode("utf-8-sig")
            matrix, notes = parse_matrix(text, request.max_pixels)
        except MatrixError as error:
            raise ImageError(request.name, str(error)) from error
        except UnicodeDecodeError as error:
            raise ImageError(request.name, "is neither an image nor UTF-8 text") from error
        return _with_notes(_matrix_image(matrix, None, kind, request), notes)


def _array_image(file: BinaryIO, request: ReadRequest) -> ImageData:
    with translate_errors(request.name, request.max_pixels):
        request.take_memory(4 * _size(file))
        try:
            array, depth = read_npy(file, request.max_pixels)
        except ArrayError as error:
            raise ImageError(request.name, str(error)) from error
        return _matrix_image(array, depth, "npy", request)


def _matrix_image(
    pixels: NDArray[Any], depth: int | None, kind: str, request: ReadRequest
) -> ImageData:
    count = 1 if pixels.ndim == 2 else pixels.shape[2]
    check_choice(request.name, request.channels, count)
    notes: tuple[str, ...] = ()
    pixels = select_channels(pixels, request.channels)
    if request.resize is not None:
        if pixels.dtype.itemsize >= 4 and pixels.dtype != "f4":
            notes = ("was resized in single precision",)
        try:
            pixels, _ = resized(pixels, None, request.resize)
        except FloatingPointError as error:
            raise ImageError(
                request.name,
                "holds numbers beyond ±3.4e38, too large to resize; scale them down first",
            ) from error
    return ImageData(pixels, depth, format=kind, notes=notes)


def _frames_left_out(raster: ImageFile) -> tuple[str, ...]:
    try:
        begin, end = raster.frames()
    except ImageError:
        return ("what follows the first frame is damaged and was left out",)
    further = end - max(begin, 1)
    if further <= 0:
        return ()
    plural = "" if further == 1 else "s"
    return (f"{further} further frame{plural} left out; apply --frames all filters every one",)


def _with_notes(image: ImageData, notes: tuple[str, ...]) -> ImageData:
    return replace(image, notes=image.notes + notes) if notes else image
