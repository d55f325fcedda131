"""Write an animated WebP, one frame at a time.

Each frame is encoded as a WebP file of its own, whose image chunks become the frame's. A frame
after the first holds only the box of pixels that differ from the frame before. Sizes and flags at
the beginning are filled in at the end. Source: WebP Container Specification (RFC 9649, section 2).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from convcli.errors import ConvcliError
from convcli.images.frame_changes import Box, FrameClock, box_of, changed, crop, duration_of
from convcli.images.image import ImageData

_IMAGE_CHUNKS = (b"ALPH", b"VP8 ", b"VP8L")
_FLAGS = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}
_ALPHA, _ANIMATION = 0x10, 0x02
_REPLACE = 0x02  # the frame's pixels replace the canvas, they are not blended with it
_MAX_BYTES = 2**32 - 2


def write_animated_webp(
    file: BinaryIO,
    frames: Iterable[ImageData],
    plays: int,
    encode: Callable[[ImageData], bytes],
) -> list[str]:
    """Write frames of one size; see :func:`convcli.images.apng.write_apng`.

    Args:
        file: binary, open for writing, seekable.
        frames: at least one; taken one at a time.
        plays: how often the animation plays; 0 forever.
        encode: returns a WebP file of one image.

    Returns:
        A note if times had to be shortened.

    Raises:
        ConvcliError: the file would exceed 4 GiB.
    """
    start = file.tell()
    size, flags = (0, 0), _ANIMATION
    clock = FrameClock()
    before: ImageData | None = None
    metadata: dict[bytes, bytes] = {}
    for frame in frames:
        if before is None:
            box, size = Box(0, 0, *frame.shape), frame.shape
            chunks = dict(_chunks(encode(frame)))
            metadata = {name: chunks[name] for name in _FLAGS if name in chunks}
            file.write(_header(0, 0, size))
            if b"ICCP" in metadata:
                _write_chunk(file, b"ICCP", metadata[b"ICCP"])
            _write_chunk(file, b"ANIM", struct.pack("<IH", 0, min(plays, 65_535)))
        else:
            box = box_of(changed(before, frame), grid=2)
            chunks = dict(_chunks(encode(crop(frame, box))))
        parts = [(name, chunks[name]) for name in _IMAGE_CHUNKS if name in chunks]
        _write_frame(file, box, clock.ticks(duration_of(frame)), parts)
        if file.tell() - start > _MAX_BYTES:
            raise ConvcliError("the animation exceeds 4 GiB, the limit of .webp")
        flags |= 0 if frame.alpha is None else _ALPHA
        before = frame
    for name in metadata:
        flags |= _FLAGS[name]
        if name != b"ICCP":
            _write_chunk(file, name, metadata[name])
    end = file.tell()
    file.seek(start)
    file.write(_header(end - start - 8, flags, size))
    file.seek(end)
    return clock.notes(".webp")


def _chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and the contents of a WebP file's chunks."""
    place = 12
    while place + 8 <= len(webp):
        name, length = struct.unpack_from("<4sI", webp, place)
        yield name, webp[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _header(length: int, flags: int, shape: tuple[int, int]) -> bytes:
    """Return the file's header and the chunk VP8X, 30 bytes."""
    height, width = shape
    extended = struct.pack("<4sII", b"VP8X", 10, flags) + _triples(width - 1, height - 1)
    return struct.pack("<4sI4s", b"RIFF", length, b"WEBP") + extended


def _write_frame(file: BinaryIO, box: Box, duration: int, parts: list[tuple[bytes, bytes]]) -> None:
    sizes = box.right - box.left - 1, box.bottom - box.top - 1
    head = _triples(box.left // 2, box.top // 2, *sizes, duration) + bytes([_REPLACE])
    length = len(head) + sum(8 + len(data) + len(data) % 2 for _, data in parts)
    file.write(struct.pack("<4sI", b"ANMF", length) + head)
    for name, data in parts:
        _write_chunk(file, name, data)


def _write_chunk(file: BinaryIO, name: bytes, data: bytes) -> None:
    """Write name, length and contents, padded to an even number of bytes."""
    file.write(struct.pack("<4sI", name, len(data)))
    file.write(data)
    file.write(bytes(len(data) % 2))


def _triples(*numbers: int) -> bytes:
    """Return numbers of 24 bits each, the low byte first."""
    return b"".join(number.to_bytes(3, "little") for number in numbers)
