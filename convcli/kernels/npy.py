"""The ``.npy`` format, read without trust: no evaluation, no pickles, no memory before the data.

The header is Python's text of a dictionary. numpy evaluates it, and warns of what Python 2 wrote;
warnings cannot be silenced in one thread alone, so that here the text is matched instead.
"""

import math
import os
import re
import sys
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
MOST_HEADER = 10_000  # bytes, as in numpy; that of a plain array has about a hundred
MOST_DIMENSIONS = 64  # numpy's own limit
LENGTH_BYTES = {  # of the header's length, by version
    b"\x01\x00": 2,
    b"\x02\x00": 4,
    b"\x03\x00": 4,  # differs in the names of fields, which are refused
}
HEADER = re.compile(
    r"""\s*\{(?:
        \s*(?:
            ['"]descr['"]\s*:\s*(?P<descr>'[^']*'|"[^"]*"|\[(?>.*\]))
            |['"]fortran_order['"]\s*:\s*(?P<order>True|False)
            |['"]shape['"]\s*:\s*\((?P<shape>(?:\s*\d{1,19}L?\s*,)*(?:\s*\d{1,19}L?)?)\s*\)
        )\s*(?:,|(?=\}))
    ){3}\s*\}\s*""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
NUMBERS = re.compile(r"[<>=|]?(?:\?|b1|[iuf]\d{1,2})", re.ASCII)
OTHERS = {
    "[": "records",
    "V": "records",
    "O": "Python objects",
    "S": "text",
    "U": "text",
    "a": "text",
    "c": "complex numbers",
    "M": "dates",
    "m": "spans of time",
}


class ArrayError(ValueError):
    """A file that holds no array of numbers, or not the one wanted; the message says why."""


class Header(NamedTuple):
    """What an ``.npy`` file says of the numbers that follow."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool


def read_header(file: BinaryIO) -> Header:
    """Read what comes before the numbers, of booleans, integers or reals.

    Args:
        file: at its beginning; it is left where the numbers begin.

    Raises:
        ArrayError: it is no header, or one of other things than numbers.

    >>> import io
    >>> np.save(file := io.BytesIO(), np.zeros((3, 4), np.uint8))
    >>> read_header(io.BytesIO(file.getvalue())).shape
    (3, 4)
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise ArrayError("is not an .npy file")
    version = file.read(2)
    if len(version) == 2 and version not in LENGTH_BYTES:
        raise ArrayError(f"is of .npy version {version[0]}.{version[1]}, which is unknown")
    length = int.from_bytes(file.read(LENGTH_BYTES.get(version, 0)), "little")
    text = file.read(length) if length <= MOST_HEADER else b""
    match = HEADER.fullmatch(text.decode("latin-1"))
    if match is None or None in match.groups():
        raise ArrayError("is damaged: its header is not that of an array of numbers; save it again")
    dtype = _dtype(match["descr"])
    return Header(_shape(match["shape"], dtype), dtype, match["order"] == "True")


def read_array(file: BinaryIO, header: Header) -> NDArray[Any]:
    """Read the numbers that a header promises.

    Args:
        file: seekable, where the numbers begin.
        header: from :func:`read_header`.

    Returns:
        The array, of the header's shape, type and order.

    Raises:
        ArrayError: the file ends before them.
    """
    begin = file.tell()
    promised = math.prod(header.shape) * header.dtype.itemsize
    there = file.seek(0, os.SEEK_END) - begin
    if there < promised:
        raise ArrayError(f"is truncated: {promised} bytes of numbers promised, {there} there")
    file.seek(begin)
    stored = np.empty(math.prod(header.shape), header.dtype)
    file.readinto(stored.view(np.uint8))  # type: ignore[attr-defined]
    return stored.reshape(header.shape, order="F" if header.fortran_order else "C")


def _dtype(descr: str) -> np.dtype[Any]:
    """Return the type that a header names; others than numbers are refused by name."""
    code = descr.strip("'\"")
    try:
        if NUMBERS.fullmatch(code):
            return np.dtype(code)
    except TypeError:  # a size that this machine has no type of
        pass
    what = OTHERS.get(code.lstrip("<>=|")[:1], "values of an unknown type")
    raise ArrayError(f"holds {what}; only integers and real numbers are read")


def _shape(sides: str, dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the shape that a header gives; numpy counts the bytes as if no side were 0."""
    shape = tuple(int(side) for side in re.findall(r"\d+", sides))
    size = math.prod(max(side, 1) for side in shape) * dtype.itemsize
    if len(shape) > MOST_DIMENSIONS or size > sys.maxsize:
        raise ArrayError("is damaged: its header gives a shape that no array has; save it again")
    return shape
