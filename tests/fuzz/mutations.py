"""Mutations of a file: functions of the file and of a random generator.

The generator is a ``random.Random``: hypothesis provides one whose choices it can shrink, and the
guided search seeds one from libFuzzer.
"""

import io
import json
import struct
import zipfile
from random import Random

from anatomy import anatomy, numbers_in_text, with_checksums

EXTREMES = tuple(
    sorted({0, 1, 2, 3, *(2**n + d for n in (7, 8, 15, 16, 20, 31, 32) for d in (-1, 0, 1))})
)
NUMBERS = (
    *(b"0 1 -1 -0 00 2 7 255 256 65535 65536 1000000 2147483647 2147483648").split(),
    *(b"9223372036854775807 9223372036854775808 1e9 1e38 1e300 1e400 nan inf -inf 0x10").split(),
    *(b'1_0 3L 1,5 1.5.5 " \xc2\xbd \xd9\xa3 True None () -9223372036854775808 1/0 1/3').split(),
    b"9" * 30,
    b"9" * 500,
    b"",
)
LONG = (200, 5000, 140_000)  # bytes: over what a line, a header, a cell of a table may hold
MAX_BYTES = 2**18


def damaged(data: bytes, rng: Random, others: tuple[bytes, ...] = ()) -> bytes:
    """Return a file with one to three faults; ``others`` are what it may be spliced with."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice(MUTATIONS)(data, rng, others)[:MAX_BYTES]
    return with_checksums(data) if rng.random() < 0.8 else data


def damaged_inside(data: bytes, rng: Random, others: tuple[bytes, ...] = ()) -> bytes:
    """Damage one part of a network's file; checksums and lengths around it stay right."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            files = {name: zipped.read(name) for name in zipped.namelist()}
        name = rng.choice(list(files))
        files[name] = damaged(files[name], rng, others)
        with zipfile.ZipFile(file := io.BytesIO(), "w", rng.choice((0, 8, 12))) as zipped:
            for each, content in files.items():
                zipped.writestr(each, content)
        return file.getvalue()
    length = int.from_bytes(data[:8], "little")
    if length > len(data):  # a message of a graph, without a sum or a length of the whole
        head = damaged(data[:99], rng, others)
        return head + data[99:]
    header = damaged(data[8 : 8 + length], rng, (json.dumps({"a": [1, "F32"]}).encode(),))
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def truncated(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Cut the file at any byte."""
    return data[: rng.randint(0, len(data))]


def flipped(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Change a few bytes, most often near the beginning, where the headers are."""
    whole = bytearray(data)
    for _ in range(rng.randint(1, 4) if whole else 0):
        reach = rng.choice((16, 64, 256, len(whole)))
        place = rng.randrange(min(reach, len(whole)))
        whole[place] = rng.choice((0, 1, 127, 128, 255, whole[place] ^ 1 << rng.randrange(8)))
    return bytes(whole)


def overwritten(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Set a length or a dimension to an extreme value."""
    fields = anatomy(data).fields
    if not fields:
        return data
    offset, code = rng.choice(fields)
    size = struct.calcsize(code)
    order = "little" if code.startswith("<") else "big"
    value = rng.choice(EXTREMES) % 256**size
    return data[:offset] + value.to_bytes(size, order) + data[offset + size :]


def renumbered(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Replace a number in a text header or a matrix."""
    places = numbers_in_text(data)
    if not places:
        return data
    begin, end = rng.choice(places)
    return data[:begin] + rng.choice(NUMBERS) + data[end:]


def rearranged(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Double, drop or move a chunk, segment, directory entry or line."""
    pieces = anatomy(data).pieces
    if not pieces:
        return data
    begin, end = rng.choice(pieces)
    target = rng.choice(pieces)[rng.randrange(2)]
    piece = data[begin:end] * rng.choice((0, 1, 2, 9))
    if rng.random() < 0.5:
        return data[:target] + piece + data[target:]
    return data[:begin] + piece + data[end:]


def stretched(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Repeat one byte very often."""
    place = rng.randint(0, len(data))
    byte = data[place : place + 1] or rng.choice((b"0", b" ", b"\n", b"\xff"))
    return data[:place] + byte * rng.choice(LONG) + data[place:]


def spliced(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Continue with another file, from its beginning or its middle."""
    other = rng.choice(others or (data,))
    cut = rng.choice((len(data), rng.randint(0, len(data))))
    return data[:cut] + other[rng.choice((0, rng.randint(0, len(other)))) :]


MUTATIONS = (
    truncated,
    flipped,
    overwritten,
    overwritten,
    renumbered,
    rearranged,
    stretched,
    spliced,
)
