"""Write a TIFF of several pages, one page at a time.

Each page is encoded as a TIFF file of its own. Its bytes are appended with every offset in its
directories moved, and the directory before it is linked to it. No earlier page is read again:
Pillow's own writer walks through all of them at each page. Source: TIFF, revision 6.0 (Adobe,
1992), section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from convcli.errors import ConvcliError

_HEADER_BYTES = 8
# The bytes of one value of each type, from 1 (BYTE) to 13 (IFD).
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)
_DATA_OFFSETS = (273, 324)  # of strips and of tiles
_DIRECTORY_OFFSETS = (330, 34665, 34853, 40965)  # SubIFDs, EXIF, GPS, interoperability
_LONG_TYPES = (4, 13)
_SAMPLE_FORMAT, _UNSIGNED = 339, 1
_MAX_BYTES = 2**32 - 1


class _Entry(NamedTuple):
    """An entry of a directory: its tag, the type and number of its values, and where they are."""

    tag: int
    kind: int
    values: int
    place: int  # of the value, or of the offset of the values
    offset: int | None  # of the values, if they do not fit into the entry


def write_pages(file: BinaryIO, pages: Iterable[bytes]) -> None:
    """Write TIFF files of one page each as the pages of one file.

    Args:
        file: binary, open for writing at its beginning, seekable.
        pages: classic TIFF files, all of one byte order; taken one at a time.

    Raises:
        ConvcliError: the file would exceed 4 GiB.
    """
    link: int | None = None  # where the last directory's link to the next one is
    for page in pages:
        data = bytearray(page)
        order = "<" if data[:2] == b"II" else ">"
        (directory,) = struct.unpack_from(f"{order}I", data, 4)
        if link is None:
            file.write(data)
            link = _link_place(data, order, directory)
            continue
        file.write(bytes(file.tell() % 2))
        end = file.tell()
        move = end - _HEADER_BYTES
        if move + len(data) > _MAX_BYTES:
            raise ConvcliError("the pages exceed 4 GiB, the limit of .tif")
        _move_directory(data, order, directory, move)
        file.seek(link)
        file.write(struct.pack(f"{order}I", directory + move))
        file.seek(end)
        file.write(memoryview(data)[_HEADER_BYTES:])
        link = _link_place(data, order, directory) + move


def with_tags(page: bytes | bytearray, tags: bytes) -> bytearray:
    """Return a TIFF file of one page with the tags of another one that it lacks.

    The other's bytes are appended, and a directory of both follows them. Both are classic files of
    one byte order.
    """
    merged, further = bytearray(page), bytearray(tags)
    order = "<" if page[:2] == b"II" else ">"
    merged += bytes(len(merged) % 2)
    own_directory, directory = (
        struct.unpack_from(f"{order}I", data, 4)[0] for data in (merged, further)
    )
    _move_directory(further, order, directory, len(merged))
    entries = {
        entry.tag: data[entry.place - 8 : entry.place + 4]
        for data, place in ((further, directory), (merged, own_directory))
        for entry in _entries(data, order, place)
    }
    merged += further
    merged += bytes(len(merged) % 2)
    struct.pack_into(f"{order}I", merged, 4, len(merged))
    merged += struct.pack(f"{order}H", len(entries))
    merged += b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return merged


def as_unsigned(page: bytes | bytearray) -> bytearray:
    """Return a TIFF file of one page with its signed integers declared as unsigned ones.

    Pillow writes 32-bit integers as signed.
    """
    data = bytearray(page)
    order = "<" if data[:2] == b"II" else ">"
    for entry in _entries(data, order, *struct.unpack_from(f"{order}I", data, 4)):
        if entry.tag == _SAMPLE_FORMAT:
            struct.pack_into(f"{order}H", data, entry.place, _UNSIGNED)
    return data


def _link_place(data: bytearray, order: str, directory: int) -> int:
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    return directory + 2 + 12 * int(count)


def _move_directory(data: bytearray, order: str, directory: int, move: int) -> None:
    """Add ``move`` to every offset of a directory, and of the directories that it points to."""
    for entry in _entries(data, order, directory):
        if entry.tag in _DATA_OFFSETS or entry.tag in _DIRECTORY_OFFSETS:
            if entry.kind not in _LONG_TYPES:
                raise ConvcliError(
                    f"cannot be encoded as TIFF: tag {entry.tag} is not of type LONG"
                )
            place = entry.place if entry.offset is None else entry.offset
            values = struct.unpack_from(f"{order}{entry.values}I", data, place)
            if entry.tag in _DIRECTORY_OFFSETS:
                for value in values:
                    _move_directory(data, order, value, move)
            moved = (value + move for value in values)
            struct.pack_into(f"{order}{entry.values}I", data, place, *moved)
        if entry.offset is not None:
            struct.pack_into(f"{order}I", data, entry.place, entry.offset + move)


def _entries(data: bytearray, order: str, directory: int) -> Iterator[_Entry]:
    for place in range(directory + 2, _link_place(data, order, directory), 12):
        tag, kind, count, offset = struct.unpack_from(f"{order}2H2I", data, place)
        is_inside = _TYPE_BYTES[kind] * count <= 4
        yield _Entry(tag, kind, count, place + 8, None if is_inside else offset)
