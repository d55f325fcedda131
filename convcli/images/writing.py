"""Pictures to files."""

import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from convcli.errors import ConvcliError, UsageError
from convcli.images.formats import Format, refusal
from convcli.images.image import Picture
from convcli.images.matrices import aligned_lines, comma_lines
from convcli.images.metadata import matching_profile
from convcli.images.npy import write_npy
from convcli.images.pillow_errors import DECODER_FAULTS
from convcli.images.png import write_png

DEFAULT_QUALITY = 95
_EXIF_LIMIT = 65_527
_PAGE_DURATION = 100  # milliseconds, of a frame that comes without
_BUFFERED = ("JPEG2000",)  # its encoder never returns when the disk is full


def write_picture(
    picture: Picture,
    file: BinaryIO,
    format: Format,  # noqa: A002  -- as in Pillow's save
    *,
    quality: int | None = None,
    compress_level: int | None = None,
) -> tuple[str, ...]:
    """Encode a picture into an open file.

    16-bit pixels are scaled to 8 bits where the format holds no more, alpha is left out where it
    holds none, and both are noted; so is whatever else is lost.

    Args:
        picture: what to write.
        file: binary, open for writing; a pipe will do.
        format: from :func:`convcli.images.formats.choose_format`.
        quality: of JPEG, WebP and AVIF, 0 to 100; None for 95.
        compress_level: of PNG, 0 to 9; None for level 1, by runs alone where that does not take
            more bytes, which is fast.

    Returns:
        Notes for the user.

    Raises:
        ConvcliError: the encoder refuses the picture.
        OSError: the file cannot be written.
        UsageError: the format cannot hold the picture.
    """
    return write_frames([picture], file, format, quality=quality, compress_level=compress_level)


def write_frames(
    pictures: Iterable[Picture],
    file: BinaryIO,
    format: Format,  # noqa: A002
    *,
    quality: int | None = None,
    compress_level: int | None = None,
) -> tuple[str, ...]:
    """Encode pictures into one animation or multi-page file; see :func:`write_picture`.

    They are taken one at a time. Durations are theirs; loop count, EXIF, profile and resolution
    are those of the first.

    Raises:
        ConvcliError: as :func:`write_picture`; also where the format holds one picture, and
            several are given.
    """
    encoding = _Encoding(format, quality, compress_level)
    rest = iter(pictures)
    first, second = next(rest, None), next(rest, None)
    if first is None:
        raise UsageError("there are no pictures to write")
    if second is None:
        encoding.one(first, file)
    elif not format.frames:
        raise UsageError(f"{format.suffix} holds one frame; .gif, .png, .webp and .tif hold more")
    elif format.name == "TIFF":
        encoding.pages(chain([first, second], rest), file)
    else:
        encoding.animation(first, chain([second], rest), file)
    return tuple(dict.fromkeys(encoding.notes))


class _Encoding:
    """One file in the making: its format, the user's options, and what there is to tell."""

    def __init__(self, form: Format, quality: int | None, compress_level: int | None) -> None:
        self.format = form
        self.notes: list[str] = []
        self._options = self._checked("quality", quality, 100)
        self._options |= self._checked("compress_level", compress_level, 9)
        if "quality" in form.options:
            self._options.setdefault("quality", DEFAULT_QUALITY)

    def one(self, picture: Picture, file: BinaryIO) -> None:
        """Write a single picture."""
        if self.format.is_matrix:
            self._matrix(picture, file)
            return
        if self.format.name == "PNG":
            pixels, alpha = self._samples(picture)
            level = self._options.get("compress_level")
            with self._sink(file) as sink:
                write_png(sink, pixels, alpha, compress_level=level, **self._carried(picture))
            return
        image = self._image(picture)
        with self._sink(file) as sink:
            image.save(sink, self.format.name, **self._options, **self._carried(picture))

    def pages(self, pictures: Iterable[Picture], file: BinaryIO) -> None:
        """Write a TIFF of several pages, of any sizes."""
        with (
            self._sink(file, reads=True) as sink,
            TiffImagePlugin.AppendingTiffWriter(sink) as writer,
        ):
            for picture in pictures:
                image = self._image(picture)
                image.save(writer, "TIFF", **self._options, **self._carried(picture))
                writer.newFrame()

    def animation(self, first: Picture, rest: Iterable[Picture], file: BinaryIO) -> None:
        """Write frames of one size; the list of durations grows as the encoder takes frames."""
        durations = [_duration(first)]

        def images() -> Iterator[Image.Image]:
            for picture in rest:
                if picture.size != first.size:
                    raise UsageError(
                        f"frames differ in size, which {self.format.suffix} cannot hold; .tif can"
                    )
                durations.append(_duration(picture))
                yield self._image(picture)

        image = self._image(first)
        loop = first.metadata.loop
        options = self._options
        if self.format.name == "PNG" and not options:
            options = {"compress_level": 1, "compress_type": zlib.Z_RLE}
        with self._sink(file) as sink:
            image.save(
                sink,
                self.format.name,
                save_all=True,
                # Pillow's GIF encoder alone takes frames as they come.
                append_images=images() if self.format.name == "GIF" else list(images()),
                duration=durations,
                **({} if loop is None else {"loop": loop}),
                **options,
                **self._carried(first),
            )

    def _checked(self, name: str, value: int | None, greatest: int) -> dict[str, int]:
        if value is None:
            return {}
        option = "--" + name.replace("_", "-")
        if not 0 <= value <= greatest:
            raise UsageError(f"{option} {value} is not within 0..{greatest}")
        if name in self.format.options:
            return {name: value}
        self.notes.append(f"{option} left aside: it means nothing to {self.format.suffix}")
        return {}

    @contextmanager
    def _sink(self, file: BinaryIO, *, reads: bool = False) -> Iterator[BinaryIO]:
        """Give the encoder a file that it can seek in, and translate its faults."""
        buffered = reads or self.format.name in _BUFFERED or not file.seekable()
        sink: BinaryIO = io.BytesIO() if buffered else file
        try:
            yield sink
        except (ConvcliError, MemoryError):
            raise
        except DECODER_FAULTS as fault:
            if isinstance(fault, OSError) and fault.errno is not None:
                raise
            raise ConvcliError(f"cannot be encoded as {self.format.name}: {fault}") from fault
        if isinstance(sink, io.BytesIO) and sink is not file:
            file.write(sink.getbuffer())

    def _carried(self, picture: Picture) -> dict[str, Any]:
        """Return the metadata that the format holds."""
        known, form = picture.metadata, self.format
        carried: dict[str, Any] = {}
        icc = matching_profile(known.icc, colour=picture.channels == 3)
        if form.icc and icc and picture.depth is not None:
            carried["icc_profile"] = icc
        if form.dpi and known.dpi:
            carried["dpi"] = known.dpi
        if form.exif and known.exif:
            if form.name == "JPEG" and len(known.exif) > _EXIF_LIMIT:
                self.notes.append("EXIF left out: .jpg holds no more than 64 KiB")
            else:
                carried["exif"] = known.exif
        return carried

    def _matrix(self, picture: Picture, file: BinaryIO) -> None:
        self._check(picture)
        self._alpha_of(picture)
        if self.format.name == "npy":
            write_npy(file, picture.pixels)
            return
        matrix = picture.pixels.reshape(picture.size)
        lines = comma_lines(matrix) if self.format.name == "csv" else aligned_lines(matrix)
        for line in lines:
            file.write(line.encode())

    def _image(self, picture: Picture) -> Image.Image:
        """Return a picture in the nearest form that the format holds."""
        pixels, alpha = self._samples(picture)
        if picture.depth is None:
            return Image.fromarray(self._plain(pixels))
        image = Image.fromarray(pixels)
        if alpha is not None:
            image.putalpha(Image.fromarray(alpha))
        return self._for_palette(image) if self.format.name == "GIF" else image

    def _samples(self, picture: Picture) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return pixels, (H, W) if grey, and alpha, in a depth that the format holds."""
        self._check(picture)
        alpha = self._alpha_of(picture)
        pixels = picture.pixels
        if picture.channels == 1:
            pixels = pixels.reshape(picture.size)
        whole = self.format.holds_whole(picture.channels, picture.depth)
        if picture.depth == 16 and (alpha is not None or not whole):
            self.notes.append(f"scaled to 8 bits: {self.format.suffix} holds no more of this kind")
            pixels = _narrowed(pixels)
            alpha = None if alpha is None else _narrowed(alpha)
        return pixels, alpha

    def _check(self, picture: Picture) -> None:
        if not self.format.holds(picture.channels, picture.depth):
            raise UsageError(refusal(self.format, picture.channels, picture.depth))

    def _alpha_of(self, picture: Picture) -> NDArray[Any] | None:
        """Return alpha where the format holds it; no background is invented where not."""
        if picture.alpha is None or self.format.alpha:
            return picture.alpha
        self.notes.append(f"alpha left out: {self.format.suffix} holds none")
        return None

    def _plain(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return plain numbers as float32, or as int32 where that alone holds them."""
        if pixels.dtype == np.float32:
            return pixels
        if pixels.dtype.kind in "iu":
            greatest = max(-int(pixels.min()), int(pixels.max()))
            if greatest <= 2**24:  # float32 holds every integer up to here
                return pixels.astype(np.float32)
            if greatest < 2**31 and self.format.name == "TIFF":
                return pixels.astype(np.int32)
        with np.errstate(over="ignore"):
            floats = pixels.astype(np.float32)
        if not np.array_equal(floats, pixels, equal_nan=pixels.dtype.kind == "f"):
            self.notes.append(f"rounded to 32-bit floats: {self.format.suffix} holds no more")
        return floats

    def _for_palette(self, image: Image.Image) -> Image.Image:
        if image.mode != "L":
            self.notes.append("colours reduced to a palette of 256: .gif holds no more")
        if image.mode in ("LA", "RGBA"):
            self.notes.append("alpha reduced to on and off: .gif holds no more")
        return image.convert("RGBA") if image.mode == "LA" else image


def _duration(picture: Picture) -> int:
    known = picture.metadata.duration
    return _PAGE_DURATION if known is None else round(known)


def _narrowed(samples: NDArray[Any]) -> NDArray[Any]:
    """Return uint16 samples divided by 257 and rounded, as uint8; 32895 is 2**15 + 127."""
    wide: NDArray[Any] = np.multiply(samples, 255, dtype=np.uint32)
    wide += 32895
    wide >>= 16
    return wide.astype(np.uint8)
