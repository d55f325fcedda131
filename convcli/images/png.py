"""Write a still image as a PNG file, fast.

The file is a signature and the chunks IHDR, iCCP, pHYs, eXIf, others that the caller gives, IDAT
(several), IEND. Source: PNG specification, third edition (W3C Recommendation, 2025), cited by
section.

Most encoders try five filters on every row, which takes longer than compressing the result. Here
one filter serves the whole image: None, Sub or Up, each a subtraction of whole rows. A sample of
rows, at most one in 16, is compressed with each, and the smallest result decides; zlib's strategy
is chosen in the same way. The image is filtered once, band by band, and never copied. Compared with
Pillow, photographs take half the time and 0 to 8 % more bytes, smooth ones up to 17 % more, since
the Paeth filter is not among the three.

Bands of rows are compressed side by side. Each is a part of one deflate stream that ends at a byte
and refers to no earlier part, so the file does not depend on the number of threads. The processor
time stays the same; 0.04 % more bytes come of it by default, and 0.2 % at level 9.
"""

import math
import struct
import zlib
from collections import deque
from collections.abc import Iterable
from functools import cache
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import with_channels
from convcli.core.threads import for_each, thread_count
from convcli.images.image import packed

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the samples of a pixel, with alpha
_NONE, _SUB, _UP = range(3)  # filters
_BAND = 2**20  # bytes that are compressed on their own
_SMALL_BAND, _FEW_BANDS = 2**18, 4  # the same, where there are no more bands than these
_BLOCK = 2**17  # bytes that are filtered at a time: they fit in the processor's cache
_TRIAL_ROWS = 12  # or one in 16 of a small image
# Below, one row would be tried, which chooses no better than what is best on average.
# Without the trial an image of 16x16 is written in half the time.
_TINY = 2**11  # bytes
_ADLER = 65521  # modulus of Adler-32


def write_png(
    file: BinaryIO,
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None = None,
    *,
    compress_level: int | None = None,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    chunks: Iterable[tuple[bytes, bytes]] = (),
    threads: int | None = None,
) -> None:
    r"""Encode an image into an open file, which need not be seekable.

    Args:
        file: binary, open for writing.
        pixels: (H, W) or (H, W, 1) gray, or (H, W, 3) RGB; uint8 or uint16.
        alpha: (H, W) of the same type, or None.
        compress_level: of zlib, 0 to 9; None for 1, with run lengths only if that takes no more
            bytes.
        icc_profile: a profile of the pixels' color space.
        dpi: pixels per inch, horizontally and vertically; stored as whole pixels per meter.
        exif: a TIFF structure; ``Exif\0\0`` before it is removed.
        chunks: names and contents of others, which stand before the pixels.
        threads: at most this many; None as :func:`convcli.core.threads.thread_count` says.
    """
    scanlines = _Scanlines(pixels, alpha)
    file.write(SIGNATURE)
    height, width = pixels.shape[:2]
    sizes = width, height, 8 * pixels.itemsize
    color_type = _COLOR_TYPES[scanlines.samples]
    write_chunk(file, b"IHDR", struct.pack(">2I5B", *sizes, color_type, 0, 0, 0))
    if icc_profile:
        write_chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile))
    if dpi:
        across, down = (int(value / 0.0254 + 0.5) for value in dpi)
        write_chunk(file, b"pHYs", struct.pack(">2IB", across, down, 1))
    if exif:
        write_chunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    for name, data in chunks:
        write_chunk(file, name, data)
    _write_pixels(file, scanlines, compress_level, threads)
    write_chunk(file, b"IEND", b"")


class _Scanlines:
    """An image as rows of bytes: interleaved samples, the high byte first (section 7.2)."""

    def __init__(self, pixels: NDArray[Any], alpha: NDArray[Any] | None) -> None:
        self.pixels, self.alpha = pixels, alpha
        if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[2:] not in ((), (1,), (3,)):
            raise ValueError(f"{pixels.dtype} of shape {pixels.shape} is not an image")
        if pixels.size == 0:
            raise ValueError("the image is empty")
        if alpha is not None and (alpha.shape, alpha.dtype) != (pixels.shape[:2], pixels.dtype):
            raise ValueError("alpha does not match the pixels")

    @property
    def samples(self) -> int:
        """The number of samples of a pixel, with alpha."""
        return math.prod(self.pixels.shape[2:]) + (self.alpha is not None)

    @property
    def step(self) -> int:
        """The distance from one pixel to the next, in bytes."""
        return self.samples * self.pixels.itemsize

    def lines(self, top: int, bottom: int) -> NDArray[np.uint8]:
        """Return the row above some rows, then those rows, as (1 + rows, bytes).

        The row above the first one is zeros.
        """
        if top > 0:
            return self._bytes(slice(top - 1, bottom))
        rows = self._bytes(slice(bottom))
        return np.concatenate([np.zeros((1, rows.shape[1]), np.uint8), rows])

    def _bytes(self, rows: slice) -> NDArray[np.uint8]:
        samples = packed(self.pixels[rows])
        if self.alpha is not None:
            planes = np.moveaxis(with_channels(samples), 2, 0)
            samples = np.stack([*planes, self.alpha[rows]], axis=2)  # faster than np.dstack
        if samples.itemsize > 1:
            samples = samples.astype(">u2", order="C")
        return samples.reshape(len(samples), -1).view(np.uint8)


def _write_pixels(
    file: BinaryIO, scanlines: _Scanlines, level: int | None, threads: int | None
) -> None:
    """Write filtered rows as one zlib stream, each band in an IDAT (sections 9 and 10).

    zlib writes the head of the stream before the first band. If that is not the last one, too,
    Adler-32 of the whole stream is put together here from those of the bands.
    """
    kind, level, strategy = _choose_filter(scanlines, level)
    height, row_bytes = len(scanlines.pixels), 1 + scanlines.pixels.shape[1] * scanlines.step
    total = height * row_bytes
    bands = max(total // _BAND, min(total // _SMALL_BAND, _FEW_BANDS), 1)
    rows, block = -(-height // bands), max(1, _BLOCK // row_bytes)
    tops = range(0, height, rows)
    done: dict[int, tuple[bytes, int, int]] = {}  # data, Adler-32 and length of a band, by its top
    waiting, lock, check = deque(tops), Lock(), 1

    def compress(top: int) -> None:
        nonlocal check
        end = min(top + rows, height)
        compressor = _compressor(level, strategy, total, raw=top > 0)
        parts, own = [], 1
        for first in range(top, end, block):
            lines = scanlines.lines(first, min(first + block, end))
            data = _filtered(kind, lines, scanlines.step)
            own = zlib.adler32(data, own)
            parts.append(compressor.compress(data))
        parts.append(compressor.flush(zlib.Z_FINISH if end == height else zlib.Z_SYNC_FLUSH))
        with lock:
            done[top] = b"".join(parts), own, (end - top) * row_bytes
            while waiting and waiting[0] in done:
                ready = waiting.popleft()
                content, own, length = done.pop(ready)
                check = _joined_adler32(check, own, length)
                if ready > 0 and not waiting:
                    content += check.to_bytes(4)
                write_chunk(file, b"IDAT", content)

    for_each(compress, tops, min(thread_count(threads), len(tops)))


def _joined_adler32(first: int, second: int, length: int) -> int:
    """Return the Adler-32 of two pieces, one after the other; ``length`` is the second's."""
    low, high = (first & 0xFFFF) - 1, first >> 16
    high += length * low + (second >> 16)
    low += second & 0xFFFF
    return (high % _ADLER) << 16 | low % _ADLER


def _choose_filter(scanlines: _Scanlines, level: int | None) -> tuple[int, int, int]:
    """Return the filter, level and strategy that compress a few trial rows best."""
    if level is None:
        if scanlines.pixels.shape[1] * scanlines.step * len(scanlines.pixels) < _TINY:
            return _UP, 1, zlib.Z_RLE
        level, strategies = 1, (zlib.Z_RLE, zlib.Z_FILTERED)
    else:
        strategies = (zlib.Z_FILTERED, zlib.Z_DEFAULT_STRATEGY)
    height = len(scanlines.pixels)
    stride = max(16, height // _TRIAL_ROWS)
    start = min(stride // 2, height - 1)  # the first row has nothing above for Up
    trials = [scanlines.lines(row, row + 1) for row in range(start, height, stride)]

    @cache
    def size(kind: int, strategy: int) -> int:
        compressor = _compressor(level, strategy, sum(lines.size for lines in trials))
        parts = [compressor.compress(_filtered(kind, lines, scanlines.step)) for lines in trials]
        return sum(map(len, parts)) + len(compressor.flush())

    kind = min((_NONE, _SUB, _UP), key=lambda kind: size(kind, strategies[0]))
    return kind, level, min(strategies, key=lambda strategy: size(kind, strategy))


def _compressor(level: int, strategy: int, size: int, *, raw: bool = False) -> "zlib._Compress":
    """Return a compressor for ``size`` bytes; its buffers are no larger than they need to be.

    Clearing the largest ones takes longer than compressing a small image. With ``raw``, it writes
    neither the head of a stream nor its end.
    """
    window_bits = min(max((size + 262).bit_length(), 9), zlib.MAX_WBITS)  # 262: zlib's lookahead
    head = -window_bits if raw else window_bits
    return zlib.compressobj(level, zlib.DEFLATED, head, window_bits - 6, strategy)


def _filtered(kind: int, lines: NDArray[np.uint8], step: int) -> memoryview:
    """Filter all lines but the first; each begins with the filter's number (section 9.2)."""
    above, lines = lines[:-1], lines[1:]
    out = np.empty((len(lines), 1 + lines.shape[1]), np.uint8)
    out[:, 0] = kind
    filtered = out[:, 1:]
    if kind == _UP:
        np.subtract(lines, above, out=filtered)
    else:
        filtered[...] = lines
    if kind == _SUB:
        filtered[:, step:] -= lines[:, :-step]
    return out.data


def write_chunk(file: BinaryIO, name: bytes, data: bytes) -> None:
    """Write length, name, contents and CRC (section 5.3)."""
    file.write(struct.pack(">I", len(data)) + name)
    file.write(data)
    file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))
