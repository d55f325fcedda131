"""Read files as images: image files, ``.npy`` arrays, and matrices as text."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import numpy as np
from PIL import UnidentifiedImageError

from convcli.choices import MOST_COLORS
from convcli.errors import ImageError, StrPath, UsageError, count_text
from convcli.geometry import size_text
from convcli.images.channels import check_channels, select_channels
from convcli.images.formats import suffix_of
from convcli.images.image import ImageData
from convcli.images.notes import Damage, Detail
from convcli.images.options import ReadOptions, over_limit
from convcli.images.pillow_errors import translate_errors
from convcli.images.pillow_modes import resize
from convcli.images.pillow_reader import ImageFile, ReadRequest, ReserveMemory, unlimited_memory
from convcli.npy import MAGIC, ArrayError
from convcli.signals import DEFAULT_COUNT, SampleRange, SignalSource

FRAMES_ADVICE = "; apply --frames all filters every frame"  # the end of a note

_DEFAULTS = ReadOptions()

Source = StrPath | BinaryIO | SignalSource


def read_image(
    source: Source,
    *,
    name: str,
    options: ReadOptions = _DEFAULTS,
    reserve_memory: ReserveMemory = unlimited_memory,
    rgbx: bool = False,
) -> ImageData:
    r"""Read an image, or the first frame of an animation; a note says that there are more.

    The content decides how a file is read: a PNG may be called ``.jpg``. A text matrix is
    recognized by its suffix, ``.csv`` or ``.txt``; a stream is one if it is text and not an image.

    EXIF orientation is applied first, then channels are selected, then the image is resized.

    Args:
        source: a file; a seekable binary stream, which stays open; or a signal.
        name: the image's name in messages.
        options: channels, size and limit; ``frames`` is ignored.
        reserve_memory: called before decoding with the bytes that the image and a result of its
            size take; it may wait, or raise.
        rgbx: RGB pixels may be in RGBX memory, which saves a copy; see
            :class:`convcli.images.image.ImageData`.

    Raises:
        ImageError: the file cannot be read as an image, for whatever reason.
        UsageError: the options are wrong for any image.

    >>> matrix = read_image(io.BytesIO(b"1 2\n3 4"), name="stdin")
    >>> matrix.pixels.tolist(), matrix.depth, matrix.format
    ([[1, 2], [3, 4]], None, 'txt')
    """
    with _open(source, ReadRequest(name, options, reserve_memory)) as opened:
        if isinstance(opened, ImageData):
            return opened
        image = _labeled(opened.image(is_only=True, rgbx=rgbx), name, options)
        try:
            if not opened.has_further_frames():
                return image
            note = f"only the first frame was read{FRAMES_ADVICE}"
        except ImageError:
            note = Damage("frames after the first are damaged and were left out")
            opened.check_damage([note])
        return image._replace(notes=(*image.notes, note))


def read_frames(
    source: Source,
    *,
    name: str,
    options: ReadOptions = _DEFAULTS,
    reserve_memory: ReserveMemory = unlimited_memory,
) -> Iterator[ImageData]:
    """Yield every frame of an image, one at a time; see :func:`read_image`.

    Frames of an animation are whole images, with their durations in the metadata. Pages of a
    TIFF may differ in size and kind. A file with one image yields one.

    Raises:
        ConvcliError: as :func:`read_image`; also after some frames, at a damaged one.
    """
    with _open(source, ReadRequest(name, options, reserve_memory)) as opened:
        if isinstance(opened, ImageData):
            yield opened
            return
        image = _labeled(opened.image(), name, options)
        if not opened.has_hidden_image():
            yield image
        del image
        for frame in opened.further_frames():
            yield _labeled(frame, name, options)


@contextmanager
def _open(source: Source, request: ReadRequest) -> Iterator[ImageData | ImageFile]:
    """Open a source. An array or a matrix is read at once; frames of an image file on demand."""
    request.check()
    if isinstance(source, SignalSource):
        yield _sample(source, request)
        return
    with ExitStack() as stack:
        with translate_errors(request.name, request.options.max_pixels):
            file: BinaryIO
            if isinstance(source, str | os.PathLike):
                file, suffix = stack.enter_context(open(source, "rb")), suffix_of(source).lower()
            else:
                file, suffix = source, None
            if not file.seekable():  # decoders seek, which a pipe cannot
                file = io.BytesIO(file.read())
            file.seek(0)
            head = file.read(4096)
            file.seek(0)
        if not head:
            raise ImageError(request.name, "is empty")
        opened: ImageData | ImageFile
        if head.startswith(MAGIC):
            opened = _read_numbers(file, request, "npy")
        elif suffix in (".csv", ".txt") and _is_text(head):
            opened = _read_numbers(file, request, suffix[1:])
        else:
            try:
                opened = stack.enter_context(ImageFile(file, request))
            except ImageError as error:
                unknown = isinstance(error.__cause__, UnidentifiedImageError)
                if suffix is not None or not (unknown and _is_text(head)):
                    raise
                opened = _read_numbers(file, request, "txt")
        yield opened


def _is_text(head: bytes) -> bool:
    """Return whether bytes look like UTF-8. The last character may be incomplete."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _read_numbers(file: BinaryIO, request: ReadRequest, format_name: str) -> ImageData:
    """Read an ``npy`` array, or a matrix from ``csv`` or ``txt``."""
    from convcli.images.arrays import parse_matrix, read_npy

    name, options = request.name, request.options
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    depth: int | None = None
    notes: tuple[str, ...] = ()
    with translate_errors(name, options.max_pixels):
        request.reserve(size * (4 if format_name == "npy" else 16))  # numbers may be 2 characters
        try:
            if format_name == "npy":
                pixels, depth = read_npy(file, options.max_pixels)
            else:
                pixels, notes = parse_matrix(file.read().decode("utf-8-sig"), options.max_pixels)
                if pixels.ndim == 3:
                    format_name = "csv"  # the format of the table, which no suffix may tell
        except ArrayError as error:
            raise ImageError(name, str(error)) from error
        except UnicodeDecodeError as error:
            raise ImageError(name, "is neither an image nor UTF-8 text") from error
        check_channels(name, options.channels, 1 if pixels.ndim == 2 else pixels.shape[2])
        pixels = select_channels(pixels, options.channels)
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        if channels > MOST_COLORS:  # perhaps a volume, which looks the same
            notes = (*notes, Detail(f"read as {channels} channels, the last axis of the array"))
        if options.resize is not None:
            if pixels.dtype.itemsize >= 4 and pixels.dtype != "f4":
                notes = ("was resized in single precision", *notes)
            try:
                pixels, _ = resize(pixels, None, options.resize)
            except FloatingPointError as error:
                raise ImageError(
                    name, "holds numbers beyond ±3.4e38, too large to resize; scale them down first"
                ) from error
    image = ImageData(pixels, depth, format=format_name, notes=notes)
    return _labeled(image, name, options)


def _sample(source: SignalSource, request: ReadRequest) -> ImageData:
    """Sample a signal, as an image of one row."""
    from convcli.kernels.signals import sample_signal

    name, options = request.name, request.options
    if options.resize is not None:
        raise UsageError(f"--resize is for pixels; --x START:STOP:COUNT samples {name} anew")
    request.reserve(16 * (options.x.samples if options.x else DEFAULT_COUNT))
    values, axis, notes = sample_signal(source.spec, options.x)
    if len(values) > options.max_pixels:
        raise ImageError(name, over_limit(f"{len(values):,}", options.max_pixels))
    check_channels(name, options.channels, 1)
    pixels = select_channels(values[np.newaxis], options.channels)
    return ImageData(pixels, None, format="csv", notes=notes, axis=axis)


def _labeled(image: ImageData, name: str, options: ReadOptions) -> ImageData:
    """Give the samples of a signal their positions, if there are any.

    Raises:
        ImageError: the image is no signal, or has another number of samples.
    """
    given = options.x
    if given is None:
        return image
    count = max(image.shape)
    if min(image.shape) > 1 or count == 1:
        if given.kernel:
            return image
        raise ImageError(
            name, f"is {size_text(image.shape)}; --x is for signals, of one row or one column"
        )
    if given.length not in (None, count):
        raise ImageError(name, f"has {count_text(count, 'sample')}, {_mismatch(given, count)}")
    return image._replace(axis=given.axis(count))


def _mismatch(given: SampleRange, count: int) -> str:
    """Say what has another number of samples than an image, and what to do."""
    others = f"{given.kernel or '--x'} has {given.samples:,}"
    if not given.given:
        return f"and {others}; give both one range: --x START:STOP:{count}"
    return f"and {others}; write --x {given.text}:{count}"
