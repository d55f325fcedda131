"""Images to files."""

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
from convcli.images.image import ImageData
from convcli.images.matrices import aligned_lines, comma_lines
from convcli.images.metadata import matching_profile
from convcli.images.npy import write_npy
from convcli.images.pillow_errors import DECODER_ERRORS
from convcli.images.png import write_png
from convcli.images.value_range import to_eight_bits

DEFAULT_QUALITY = 95
_EXIF_LIMIT = 65_527
_PAGE_DURATION = 100  # milliseconds, of a frame that comes without
_BUFFERED = ("JPEG2000",)  # its encoder never returns when the disk is full


def write_image(
    image: ImageData,
    file: BinaryIO,
    format: Format,  # noqa: A002  -- as in Pillow's save
    *,
    quality: int | None = None,
    compress_level: int | None = None,
) -> tuple[str, ...]:
    """Encode an image into an open file.

    16-bit pixels are scaled to 8 bits where the format holds no more, alpha is left out where it
    holds none, and both are noted; so is whatever else is lost.

    Args:
        image: what to write.
        file: binary, open for writing; a pipe will do.
        format: from :func:`convcli.images.formats.choose_format`.
        quality: of JPEG, WebP and AVIF, 0 to 100; None for 95.
        compress_level: of PNG, 0 to 9; None for level 1, by runs alone where that does not take
            more bytes, which is fast.

    Returns:
        Notes for the user.

    Raises:
        ConvcliError: the encoder refuses the image.
        OSError: the file cannot be written.
        UsageError: the format cannot hold the image.
    """
    return write_frames([image], file, format, quality=quality, compress_level=compress_level)


def write_frames(
    images: Iterable[ImageData],
    file: BinaryIO,
    format: Format,  # noqa: A002
    *,
    quality: int | None = None,
    compress_level: int | None = None,
) -> tuple[str, ...]:
    """Encode images into one animation or multi-page file; see :func:`write_image`.

    They are taken one at a time. Durations are theirs; loop count, EXIF, profile and resolution
    are those of the first.

    Raises:
        ConvcliError: as :func:`write_image`; also where the format holds one image, and
            several are given.
    """
    encoding = _Encoding(format, quality, compress_level)
    rest = iter(images)
    first, second = next(rest, None), next(rest, None)
    if first is None:
        raise UsageError("there are no images to write")
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

    def one(self, image: ImageData, file: BinaryIO) -> None:
        """Write a single image."""
        if self.format.is_matrix:
            self._matrix(image, file)
            return
        if self.format.name == "PNG":
            pixels, alpha = self._samples(image)
            level = self._options.get("compress_level")
            with self._sink(file) as sink:
                write_png(sink, pixels, alpha, compress_level=level, **self._carried(image))
            return
        pil_image = self._image(image)
        with self._sink(file) as sink:
            pil_image.save(sink, self.format.name, **self._options, **self._carried(image))

    def pages(self, images: Iterable[ImageData], file: BinaryIO) -> None:
        """Write a TIFF of several pages, of any sizes."""
        with (
            self._sink(file, reads=True) as sink,
            TiffImagePlugin.AppendingTiffWriter(sink) as writer,
        ):
            for image in images:
                pil_image = self._image(image)
                pil_image.save(writer, "TIFF", **self._options, **self._carried(image))
                writer.newFrame()

    def animation(self, first: ImageData, rest: Iterable[ImageData], file: BinaryIO) -> None:
        """Write frames of one size; the list of durations grows as the encoder takes frames."""
        durations = [_duration(first)]

        def images() -> Iterator[Image.Image]:
            for image in rest:
                if image.shape != first.shape:
                    raise UsageError(
                        f"frames differ in size, which {self.format.suffix} cannot hold; .tif can"
                    )
                durations.append(_duration(image))
                yield self._image(image)

        pil_image = self._image(first)
        loop = first.metadata.loop
        options = self._options
        if self.format.name == "PNG" and not options:
            options = {"compress_level": 1, "compress_type": zlib.Z_RLE}
        with self._sink(file) as sink:
            pil_image.save(
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
        except DECODER_ERRORS as fault:
            if isinstance(fault, OSError) and fault.errno is not None:
                raise
            raise ConvcliError(f"cannot be encoded as {self.format.name}: {fault}") from fault
        if isinstance(sink, io.BytesIO) and sink is not file:
            file.write(sink.getbuffer())

    def _carried(self, image: ImageData) -> dict[str, Any]:
        """Return the metadata that the format holds."""
        known, form = image.metadata, self.format
        carried: dict[str, Any] = {}
        icc = matching_profile(known.icc, color=image.channels == 3)
        if form.icc and icc and image.depth is not None:
            carried["icc_profile"] = icc
        if form.dpi and known.dpi:
            carried["dpi"] = known.dpi
        if form.exif and known.exif:
            if form.name == "JPEG" and len(known.exif) > _EXIF_LIMIT:
                self.notes.append("EXIF left out: .jpg holds no more than 64 KiB")
            else:
                carried["exif"] = known.exif
        return carried

    def _matrix(self, image: ImageData, file: BinaryIO) -> None:
        self._check(image)
        self._alpha_of(image)
        if self.format.name == "npy":
            write_npy(file, image.pixels)
            return
        matrix = image.pixels.reshape(image.shape)
        lines = comma_lines(matrix) if self.format.name == "csv" else aligned_lines(matrix)
        for line in lines:
            file.write(line.encode())

    def _image(self, image: ImageData) -> Image.Image:
        """Return an image in the nearest form that the format holds."""
        pixels, alpha = self._samples(image)
        if image.depth is None:
            return Image.fromarray(self._plain(pixels))
        pil_image = Image.fromarray(pixels)
        if alpha is not None:
            pil_image.putalpha(Image.fromarray(alpha))
        return self._for_palette(pil_image) if self.format.name == "GIF" else pil_image

    def _samples(self, image: ImageData) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return pixels, (H, W) if gray, and alpha, in a depth that the format holds."""
        self._check(image)
        alpha = self._alpha_of(image)
        pixels = image.pixels
        if image.channels == 1:
            pixels = pixels.reshape(image.shape)
        whole = self.format.holds_whole(image.channels, image.depth)
        if image.depth == 16 and (alpha is not None or not whole):
            self.notes.append(f"scaled to 8 bits: {self.format.suffix} holds no more of this kind")
            pixels = to_eight_bits(pixels)
            alpha = None if alpha is None else to_eight_bits(alpha)
        return pixels, alpha

    def _check(self, image: ImageData) -> None:
        if not self.format.holds(image.channels, image.depth):
            raise UsageError(refusal(self.format, image.channels, image.depth))

    def _alpha_of(self, image: ImageData) -> NDArray[Any] | None:
        """Return alpha where the format holds it; no background is invented where not."""
        if image.alpha is None or self.format.alpha:
            return image.alpha
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
            self.notes.append("colors reduced to a palette of 256: .gif holds no more")
        if image.mode in ("LA", "RGBA"):
            self.notes.append("alpha reduced to on and off: .gif holds no more")
        return image.convert("RGBA") if image.mode == "LA" else image


def _duration(image: ImageData) -> int:
    known = image.metadata.duration
    return _PAGE_DURATION if known is None else round(known)
