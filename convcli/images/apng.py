"""Write an animated PNG, one frame at a time.

Each frame is encoded as a PNG file of its own, whose image data become the frame's. A frame after
the first holds only the box of pixels that differ from the frame before. The number of frames
stands near the beginning and is filled in at the end. Source: PNG specification, third edition (W3C
Recommendation, 2025), section 11.3.6 (acTL, fcTL, fdAT).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import count
from typing import BinaryIO

from convcli.images.frame_changes import (
    Box,
    box_of,
    changed,
    crop,
    duration_of,
    shortened_note,
)
from convcli.images.image import ImageData
from convcli.images.png import SIGNATURE, write_chunk

_MAX_DELAY = 65_535  # the greatest numerator and denominator of a delay in seconds


def write_apng(
    file: BinaryIO,
    frames: Iterable[ImageData],
    plays: int,
    encode: Callable[[ImageData], bytes],
) -> list[str]:
    """Write frames of one size and kind.

    Args:
        file: binary, open for writing, seekable.
        frames: at least one; taken one at a time.
        plays: how often the animation plays; 0 forever.
        encode: returns a PNG file of one image.

    Returns:
        A note if times had to be shortened.
    """
    numbers = count()  # fcTL and fdAT chunks are numbered together

    def control(box: Box, frame: ImageData) -> bytes:
        """Return the contents of fcTL: place, delay, keep the canvas, replace its pixels."""
        sizes = box.right - box.left, box.bottom - box.top, box.left, box.top
        return struct.pack(">5I2H2B", next(numbers), *sizes, *delay(duration_of(frame)), 0, 0)

    frames = iter(frames)
    before = next(frames)
    chunks = list(_chunks(encode(before)))
    first_data = [name for name, _ in chunks].index(b"IDAT")
    file.write(SIGNATURE)
    write_chunk(file, *chunks[0])
    count_place = file.tell()
    write_chunk(file, b"acTL", bytes(8))
    for name, data in chunks[1:first_data]:
        write_chunk(file, name, data)
    write_chunk(file, b"fcTL", control(Box(0, 0, *before.shape), before))
    for name, data in chunks[first_data:-1]:
        write_chunk(file, name, data)
    total, longest = 1, duration_of(before)
    for frame in frames:
        box = box_of(changed(before, frame))
        write_chunk(file, b"fcTL", control(box, frame))
        for name, data in _chunks(encode(crop(frame, box))):
            if name == b"IDAT":
                write_chunk(file, b"fdAT", struct.pack(">I", next(numbers)) + data)
        before = frame
        total, longest = total + 1, max(longest, duration_of(frame))
    write_chunk(file, b"IEND", b"")
    end = file.tell()
    file.seek(count_place)
    write_chunk(file, b"acTL", struct.pack(">2I", total, plays))
    file.seek(end)
    return [shortened_note(_MAX_DELAY, ".png")] if longest > 1000 * _MAX_DELAY else []


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and the contents of a PNG file's chunks."""
    file = io.BytesIO(png)
    file.seek(len(SIGNATURE))
    while head := file.read(8):
        length, name = struct.unpack(">I4s", head)
        yield name, file.read(length)
        file.seek(4, io.SEEK_CUR)  # the checksum


def delay(duration: float) -> tuple[int, int]:
    """Return milliseconds as a fraction of a second whose parts have 16 bits each.

    >>> delay(40), delay(100 / 3), delay(70_001)
    ((1, 25), (1, 30), (70, 1))
    """
    seconds = Fraction(duration) / 1000
    for most in (1000, 100, 10, 1):
        part = seconds.limit_denominator(most)
        if part.numerator <= _MAX_DELAY:
            return part.numerator, part.denominator
    return _MAX_DELAY, 1
