"""Write images to files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import UsageError
from convcli.images.captured_stderr import captured_stderr
from convcli.images.carried_metadata import encoder_metadata
from convcli.images.formats import Format
from convcli.images.image import ImageData, rgbx_of
from convcli.images.notes import Detail, Notes
from convcli.images.options import WriteOptions
from convcli.images.pillow_errors import encoding
from convcli.images.pillow_memory import rgb_image
from convcli.images.png import write_png
from convcli.images.storage import jpeg_options, tiff_compression, tiff_options, webp_options
from convcli.images.value_range import to_eight_bits

_DEFAULTS = WriteOptions()
_ENCODER_OPTIONS = ("quality", "compress_level", "subsampling", "compression", "lossless")
_SMALL_PAGE = 1 << 16  # bytes
_AVIF_TICKS = 2**32 - 1  # milliseconds that a frame of an AVIF can have
_GREATEST = {"quality": 100, "compress_level": 9}


def write_image(
    image: ImageData,
    file: BinaryIO,
    format: Format,  # noqa: A002  -- as in Pillow's save
    options: WriteOptions = _DEFAULTS,
    *,
    threads: int | None = None,
) -> tuple[str, ...]:
    """Encode an image into an open file.

    16-bit pixels are scaled to 8 bits if the format holds no more, and alpha is left out if it
    holds none; notes say so.

    Args:
        image: what to write.
        file: binary, open for writing; it may be a pipe.
        format: from :func:`convcli.images.formats.choose_format`.
        options: how to encode; ``format``, ``overwrite`` and ``skip_existing`` are ignored.
        threads: at most this many; None as :func:`convcli.core.threads.thread_count` says.

    Returns:
        Notes for the user.

    Raises:
        ConvcliError: the encoder refuses the image.
        OSError: the file cannot be written.
        UsageError: the format cannot hold the image, or an option is out of range.
    """
    return write_frames([image], file, format, options, threads=threads)


def write_frames(
    images: Iterable[ImageData],
    file: BinaryIO,
    format: Format,  # noqa: A002
    options: WriteOptions = _DEFAULTS,
    *,
    threads: int | None = None,
) -> tuple[str, ...]:
    """Encode images into one animation or multi-page file; see :func:`write_image`.

    The images are taken one at a time. Every image keeps its own duration. A TIFF keeps the other
    metadata of every page; an animation has the loop count and the metadata of the first image.

    Raises:
        ConvcliError: as :func:`write_image`.
        UsageError: also if several images are given and the format holds one.
    """
    encoder = _Encoder(format, options, threads)
    rest = iter(images)
    first, second = next(rest, None), next(rest, None)
    if first is None:
        raise UsageError("there are no images to write")
    if second is None:
        encoder.write_one(first, file)
    else:
        format.check_frames(first.channels, first.depth)
        write = encoder.write_pages if format.name == "TIFF" else encoder.write_animation
        write(chain([first, second], rest), file)
    return tuple(encoder.notes)


def ignored_options(form: Format, options: WriteOptions) -> list[str]:
    """Return a note for each given option of encoders that a format's has not."""
    return [
        f"{_option(name)} was ignored: {form.suffix} has no such option"
        for name in _ENCODER_OPTIONS
        if getattr(options, name) is not None and name not in form.options
    ]


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


class _NamedFile:
    """A file whose name tells Pillow the format.

    Where ``save(format=...)`` names it, Pillow first loads five plugins, which takes 4 ms.
    """

    def __init__(self, file: BinaryIO, suffix: str) -> None:
        self.name = f"image{suffix}"
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Encoder:
    """Encodes images in one format, and collects notes for the user."""

    def __init__(self, form: Format, options: WriteOptions, threads: int | None) -> None:
        self.format, self._threads = form, threads
        self.notes = Notes()
        self.notes.add(*ignored_options(form, options))
        self._wanted = options
        self._options: dict[str, Any] = {"quality": 95} if "quality" in form.options else {}
        for name in _ENCODER_OPTIONS:
            value, greatest = getattr(options, name), _GREATEST.get(name)
            if value is None or greatest is None:
                continue
            if not 0 <= value <= greatest:
                raise UsageError(f"{_option(name)} {value} is not within 0..{greatest}")
            if name in form.options:
                self._options[name] = value

    def write_one(self, image: ImageData, file: BinaryIO) -> None:
        """Write a single image."""
        if self.format.is_matrix:
            self._write_matrix(image, file)
            return
        if self.format.name == "PNG":
            pixels, alpha = self._samples(image)
            level, carried = self._options.get("compress_level"), self._metadata(image)
            with self._sink(file) as sink:
                write_png(
                    sink, pixels, alpha, compress_level=level, threads=self._threads, **carried
                )
            return
        if self.format.name == "GIF":
            still = image._replace(metadata=image.metadata._replace(duration=0))
            with self._sink(file) as sink:
                self._write_gif(image, [still], sink, plays=1)
            return
        pil_image = self._pil_image(image)
        if self.format.name == "TIFF":
            self._write_tiff(pil_image, image, file)
            return
        options = self._options | self._like_input(image)
        with self._sink(file) as sink:
            named = cast(BinaryIO, _NamedFile(sink, self.format.suffix))
            pil_image.save(named, **options, **self._metadata(image))

    def _like_input(self, image: ImageData) -> dict[str, Any]:
        """Return the encoder's options that follow the input's."""
        if self.format.name == "JPEG":
            return jpeg_options(image, self._wanted)
        return webp_options(image, self._wanted) if self.format.name == "WEBP" else {}

    def _write_tiff(self, pil_image: Image.Image, image: ImageData, file: BinaryIO) -> None:
        compression = tiff_compression(image, self._wanted, self.notes)
        options = tiff_options(compression, integers=pil_image.mode != "F")
        is_unsigned = pil_image.mode == "I" and int(image.pixels.max()) >= 2**31
        if compression == "raw" and not is_unsigned:
            with self._sink(file) as sink:
                pil_image.save(sink, "TIFF", **self._metadata(image))
            return
        from convcli.images.tiff_pages import as_unsigned, with_tags

        printed: list[str] = []  # by libtiff; errors are raised, too
        # In memory first: libtiff does not say that the disk is full.
        compressed, tags = io.BytesIO(), io.BytesIO()
        with encoding("TIFF"):
            carried = self._metadata(image)
            exif = carried.pop("exif", None)  # libtiff writes none
            with captured_stderr(printed):
                pil_image.save(compressed, "TIFF", **options, **carried)
            data: bytes | bytearray = compressed.getvalue()
            if exif is not None:
                Image.new("L", (1, 1)).save(tags, "TIFF", exif=exif)
                data = with_tags(data, tags.getvalue())
            file.write(as_unsigned(data) if is_unsigned else data)

    def write_pages(self, images: Iterable[ImageData], file: BinaryIO) -> None:
        """Write a TIFF of several pages, which may differ in size."""
        from convcli.images.tiff_pages import write_pages

        with self._sink(file) as sink:
            write_pages(sink, self._pages(images))

    def _pages(self, images: Iterable[ImageData]) -> Iterator[bytes]:
        """Encode pages of a TIFF.

        Small uncompressed pages of one kind differ in their samples alone, which come last. Putting
        these behind the bytes of an earlier page saves a third of the time of writing.
        """
        kind: tuple[Any, ...] = ()  # of the pages that begin with ``head``
        head = b""
        for image in images:
            if image.metadata.duration is not None:
                self.notes.add(Detail(f"times of frames left out: {self.format.suffix} holds none"))
            pil_image = self._pil_image(image)
            own = pil_image.mode, pil_image.size, self._metadata(image)
            is_raw = tiff_compression(image, self._wanted, self.notes) == "raw"
            if not is_raw or pil_image.mode == "I" or image.pixels.nbytes > _SMALL_PAGE:
                yield self._encoded(image)
                continue
            samples = pil_image.tobytes()
            if own == kind:
                yield head + samples
                continue
            page = self._encoded(image)
            if page.endswith(samples):
                kind, head = own, page.removesuffix(samples)
            yield page

    def write_animation(self, images: Iterable[ImageData], file: BinaryIO) -> None:
        """Write an animation of frames of one size, one frame at a time."""
        images = iter(images)
        first = next(images)
        plays = first.metadata.loop or 0
        frames = self._alike(chain([first], images))
        with self._sink(file) as sink:
            if self.format.name == "GIF":
                self._write_gif(first, frames, sink, plays)
            elif self.format.name == "PNG":
                from convcli.images.apng import write_apng

                self.notes.add(*write_apng(sink, frames, plays, self._encoded))
            elif self.format.name == "WEBP":
                from convcli.images.animated_webp import write_animated_webp

                self.notes.add(*write_animated_webp(sink, frames, plays, self._encoded))
            else:
                self._write_spooled(first, frames, sink)

    def _encoded(self, image: ImageData) -> bytes:
        """Return a file of a single image."""
        memory = io.BytesIO()
        self.write_one(image, memory)
        return memory.getvalue()

    def _write_gif(
        self, first: ImageData, frames: Iterable[ImageData], file: BinaryIO, plays: int
    ) -> None:
        from convcli.images.gif import write_gif

        def eight_bits() -> Iterator[ImageData]:
            for frame in frames:
                pixels, alpha = self._samples(frame)
                yield ImageData(pixels, 8, alpha, metadata=frame.metadata)

        self.notes.add(*write_gif(file, eight_bits(), plays, **self._metadata(first)))

    def _write_spooled(self, first: ImageData, frames: Iterable[ImageData], file: BinaryIO) -> None:
        """Write an animation with an encoder of Pillow's that takes all frames at once."""
        from convcli.images.frame_changes import FrameClock, duration_of
        from convcli.images.frame_spool import spooled

        durations: list[int] = []
        clock = FrameClock(most=_AVIF_TICKS)

        def images() -> Iterator[Image.Image]:
            for frame in frames:
                durations.append(clock.ticks(duration_of(frame)))
                yield self._pil_image(frame)

        with spooled(images()) as all_frames:
            all_frames.save(
                file,
                self.format.name,
                save_all=True,
                duration=durations,
                **self._options,
                **self._metadata(first),
            )
        self.notes.add(*clock.notes(self.format.suffix))

    def _alike(self, images: Iterable[ImageData]) -> Iterator[ImageData]:
        """Yield frames of one size and, unless each frame of the format has its own, one kind."""
        first: ImageData | None = None
        for number, image in enumerate(images, 1):
            first = first or image
            if image.shape != first.shape:
                raise UsageError(
                    f"frames differ in size, which {self.format.suffix} cannot hold; use .tif"
                )
            if self.format.name == "WEBP":
                yield image
                continue
            widened = _widened(image, first)
            if _kind(widened) != _kind(first):
                raise UsageError(
                    f"frame {number} has colors, alpha or a depth that the first frame lacks, "
                    f"which {self.format.suffix} cannot hold; use .tif or .webp"
                )
            yield widened

    @contextmanager
    def _sink(self, file: BinaryIO) -> Iterator[BinaryIO]:
        """Give the encoder a file in which it can seek; translate its exceptions.

        When the disk is full, JPEG 2000's encoder never returns.
        """
        in_memory = self.format.name == "JPEG2000"
        sink = io.BytesIO() if in_memory or not file.seekable() else file
        with encoding(self.format.name):
            yield sink
        if isinstance(sink, io.BytesIO) and sink is not file:
            file.write(sink.getbuffer())

    def _metadata(self, image: ImageData) -> dict[str, Any]:
        """Return the metadata that the format holds, as its encoder takes them."""
        return encoder_metadata(image, self.format, self.notes)

    def _write_matrix(self, image: ImageData, file: BinaryIO) -> None:
        from convcli.images.arrays import aligned_lines, comma_lines, pixel_lines, write_npy

        self.format.check(image.channels, image.depth)
        self._alpha(image)
        if self.format.name == "npy":
            write_npy(file, image.pixels)
            return
        decimals = image.decimals if self._wanted.digits is None else self._wanted.digits
        pixels = image.pixels
        if image.channels > 1:
            lines = pixel_lines(pixels, decimals)
        else:
            matrix = pixels.reshape(image.shape)
            write = comma_lines if self.format.name == "csv" else aligned_lines
            lines = write(matrix, decimals)
        file.writelines(line.encode() for line in lines)

    def _pil_image(self, image: ImageData) -> Image.Image:
        """Return an image in the nearest mode that the format holds."""
        pixels, alpha = self._samples(image)
        if image.depth is None:
            plain = self._plain(pixels)
            return Image.fromarray(plain.view(np.int32) if plain.dtype == np.uint32 else plain)
        if (rgbx := rgbx_of(pixels)) is not None and alpha is None:
            return rgb_image(rgbx, self.format.name)
        pil_image = Image.fromarray(pixels)
        if alpha is not None:
            pil_image.putalpha(Image.fromarray(alpha))
        return pil_image

    def _samples(self, image: ImageData) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return pixels, (H, W) if gray, and alpha, in a depth that the format holds."""
        self.format.check(image.channels, image.depth)
        most = self.format.max_side
        if most is not None and max(image.shape) > most:
            raise UsageError(
                f"{self.format.suffix} holds at most {most:,} rows and columns; use .png"
            )
        alpha = self._alpha(image)
        pixels = image.pixels
        if image.channels == 1:
            pixels = pixels.reshape(image.shape)
        exact = self.format.holds(image.channels, image.depth, exact=True)
        if image.depth == 16 and not (exact and (alpha is None or self.format.deep_alpha)):
            self.notes.add(f"scaled to 8 bits, the limit of {self.format.depth_limit}")
            pixels = to_eight_bits(pixels)
            alpha = None if alpha is None else to_eight_bits(alpha)
        return pixels, alpha

    def _alpha(self, image: ImageData) -> NDArray[Any] | None:
        """Return alpha if the format holds it; the colors do not change without it."""
        if image.alpha is None:
            return None
        if not self.format.alpha:
            self.notes.add(f"alpha left out: {self.format.suffix} holds none")
        elif image.depth is None:
            self.notes.add("alpha left out: Pillow writes none with plain numbers")
        else:
            return image.alpha
        return None

    def _plain(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return plain numbers as float32, or as int32 or uint32 if only that is exact."""
        if pixels.dtype == np.float32:
            return pixels
        if pixels.dtype.kind in "iu":
            least, most = int(pixels.min()), int(pixels.max())
            if max(-least, most) <= 2**24:  # float32 holds every integer up to here
                return pixels.astype(np.float32)
            for dtype in (np.int32, np.uint32) if self.format.name == "TIFF" else ():
                if np.iinfo(dtype).min <= least and most <= np.iinfo(dtype).max:
                    return pixels.astype(dtype)
        with np.errstate(over="ignore"):
            floats = pixels.astype(np.float32)
        if not np.array_equal(floats, pixels, equal_nan=pixels.dtype.kind == "f"):
            limit = "Pillow" if self.format.name == "TIFF" else self.format.suffix
            self.notes.add(f"rounded to 32-bit floats, the limit of {limit}")
        return floats


def _kind(image: ImageData) -> tuple[int, int | None, bool]:
    return image.channels, image.depth, image.alpha is not None


def _widened(image: ImageData, first: ImageData) -> ImageData:
    """Return a frame with colors and opaque alpha if the first frame has them."""
    if image.channels == 1 < first.channels:
        gray = image.pixels.reshape(*image.shape, 1)
        image = image._replace(pixels=np.repeat(gray, first.channels, axis=2))
    if image.alpha is None and first.alpha is not None and image.max_value is not None:
        alpha = np.full(image.shape, image.max_value, image.pixels.dtype)
        image = image._replace(alpha=alpha)
    return image
