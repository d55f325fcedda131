"""The structure of a file: its parts, and the fields that hold lengths and dimensions.

Damage to these reaches deeper into a decoder than random damage. In a file that is damaged already
the structure may be wrong, which does no harm.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

PNG = b"\x89PNG\r\n\x1a\n"
BOXES = {b"meta", b"iprp", b"ipco", b"iinf", b"jp2h", b"moov", b"trak"}  # that hold boxes
HEADERS = {  # of formats without chunks: the numbers that begin the file, as struct has them
    b"BM": "<2xIHHIIiiHHIIiiII",
    b"GIF8": "<6xHHBBB",
    b"\0\0\1\0": "<HHHBBBBHHIIIiiHH",
    b"\0\0\2\0": "<HHHBBBBHHIIIiiHH",
    b"8BPS": ">4xH6xHIIHHIII",
    b"DDS ": "<31I",
    b"BLP": "<4xIBBBBII32I",
    b"qoif": ">4xIIBB",
    b"\x01\xda": ">HBBHHHHIII",
    b"\n": "<BBBBHHHHHH48xBBHHHH",
    b"DanM": "<16H",
    b"LinS": "<16H",
    b"\x59\xa6\x6a\x95": ">8I",
    b"\0\0\2": "<BBBHHBHHHHBB",
    b"(": "<IiiHHIIiiII",
}
DIGITS = re.compile(rb"-?\d+")
TEXT = 4096  # bytes: how far headers that are text are searched for numbers


class Field(NamedTuple):
    """A number in a file: its offset and its ``struct`` format."""

    offset: int
    code: str


class Anatomy(NamedTuple):
    """The parts of a file as (begin, end), and its fields."""

    pieces: list[tuple[int, int]]
    fields: list[Field]


def anatomy(data: bytes) -> Anatomy:
    """Return the structure of a file; a guess where the format is unknown."""
    if data.startswith(PNG):
        found = Anatomy(*_sections(_png_chunks(data)))
    elif data.startswith(b"\xff\xd8"):
        found = Anatomy(*_sections(_jpeg_segments(data)))
    elif data.startswith(b"RIFF"):
        found = Anatomy(*_sections(_riff_chunks(data)))
    elif data[4:8] in (b"ftyp", b"jP  "):
        found = Anatomy(*_sections(_boxes(data, 0, len(data))))
    elif data[:4] in (b"II*\0", b"MM\0*"):
        found = Anatomy(*_sections(_tiff_entries(data)))
    else:
        found = _by_header(data)
    return found if found.pieces and found.fields else _guessed(data)


def numbers_in_text(data: bytes) -> list[tuple[int, int]]:
    """Return the places of decimal numbers near the beginning of a file."""
    return [match.span() for match in DIGITS.finditer(data[:TEXT])]


def with_checksums(data: bytes) -> bytes:
    """Return a PNG with correct chunk checksums; return other files unchanged."""
    if not data.startswith(PNG):
        return data
    whole = bytearray(data)
    for begin, end, _ in _png_chunks(data):
        if end - begin >= 12:
            whole[end - 4 : end] = zlib.crc32(whole[begin + 4 : end - 4]).to_bytes(4)
    return bytes(whole)


Section = tuple[int, int, list[Field]]


def _sections(sections: Iterator[Section]) -> tuple[list[tuple[int, int]], list[Field]]:
    pieces, fields = [], []
    for begin, end, inside in sections:
        pieces.append((begin, end))
        fields += inside
    return pieces, fields


def _fields(code: str, begin: int, end: int) -> list[Field]:
    """Return the fields of a structure that lie within the file."""
    order, fields, offset = code[0], [], begin
    for count, kind in re.findall(r"(\d*)([a-zA-Z])", code[1:]):
        for _ in range(int(count or 1)):
            if kind != "x" and offset + struct.calcsize(order + kind) <= end:
                fields.append(Field(offset, order + kind))
            offset += struct.calcsize(order + kind)
    return fields


def _png_chunks(data: bytes) -> Iterator[Section]:
    at = len(PNG)
    inside = {b"IHDR": ">IIBBBBB", b"acTL": ">II", b"fcTL": ">IIIIIHHBB", b"pHYs": ">IIB"}
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = min(at + 12 + length, len(data))
        yield at, end, [Field(at, ">I"), *_fields(inside.get(kind, ">B"), at + 8, end)]
        at = end


def _jpeg_segments(data: bytes) -> Iterator[Section]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = struct.unpack_from(">BH", data, at + 1)
        end = min(at + 2 + length, len(data))
        frame = 0xC0 <= marker <= 0xCF
        yield at, end, _fields(">xBHBHHB" if frame else ">xBHBBBB", at, end)
        at = end


def _riff_chunks(data: bytes) -> Iterator[Section]:
    yield 4, min(12, len(data)), _fields("<I", 4, len(data))
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = min(at + 8 + length + length % 2, len(data))
        yield at, end, _fields("<4xI12H", at, end)
        at = end


def _boxes(data: bytes, at: int, stop: int) -> Iterator[Section]:
    """Walk the boxes of JPEG 2000 and AVIF, nested ones included."""
    while at + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = min(at + length, stop) if length >= 8 else stop
        if kind == b"jp2c":
            yield at, end, _fields(">I4x2xHHH8I4B", at, end)  # begins with SOC and SIZ
        else:
            yield at, end, _fields(">I4xIIHH", at, end)
        if kind in BOXES:
            yield from _boxes(data, at + (12 if kind == b"meta" else 8), end)
        at = end


def _tiff_entries(data: bytes) -> Iterator[Section]:
    order = "<" if data.startswith(b"II") else ">"
    seen: set[int] = set()
    at = _number(data, 4, order + "I")
    while at not in seen and at + 2 <= len(data):
        seen.add(at)
        count = _number(data, at, order + "H")
        yield at, at + 2, _fields(order + "H", at, len(data))
        at += 2
        while count and at + 12 <= len(data):
            yield at, at + 12, _fields(order + "HHII", at, at + 12)
            at, count = at + 12, count - 1
        at = _number(data, at, order + "I")


def _number(data: bytes, at: int, code: str) -> int:
    """Read a number; beyond the end of the file, return an offset outside it."""
    if at + struct.calcsize(code) > len(data):
        return len(data)
    value: int = struct.unpack_from(code, data, at)[0]
    return value


def _by_header(data: bytes) -> Anatomy:
    """Look the header up among those known."""
    code = next((code for magic, code in HEADERS.items() if data.startswith(magic)), "<x")
    return Anatomy(_guessed(data).pieces, _fields(code, 0, len(data)))


def _guessed(data: bytes) -> Anatomy:
    """Split a file of unknown format into lines of text, or into words of four bytes."""
    ends = [match.end() for match in re.finditer(rb"\n", data)]
    if len(ends) < 2:
        ends = list(range(16, len(data), 16))
    bounds = [0, *ends, len(data)]
    pieces = [(a, b) for a, b in pairwise(bounds) if a < b]
    reach = min(len(data), 64)
    fields = [Field(at, code) for code in ("<I", ">I", "<H", "B") for at in range(0, reach - 3, 2)]
    return Anatomy(pieces, fields)
