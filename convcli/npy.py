"""The ``.npy`` format, read safely: no pickles, and no memory reserved before the data are there.

numpy reads the header; the data are read here, once their size has been checked.
"""

import io
import math
import os
import re
import sys
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

MAGIC = npy_format.MAGIC_PREFIX
MAX_HEADER = 10_000  # bytes, numpy's own limit; the header of a plain array has about a hundred
MAX_DIMENSIONS = 64  # numpy's own limit
# Both make numpy or Python warn, and a warning cannot be silenced in one thread alone: the suffix
# of Python 2's long integers, as in (2L, 3L), and backslashes, which no array of numbers needs.
NOISY = rb"(?<=\d)L(?=\s*[,)])|\\"
NOT_NUMBERS = {
    "V": "records",
    "O": "Python objects",
    "S": "text",
    "U": "text",
    "c": "complex numbers",
    "M": "dates",
    "m": "time differences",
}


class ArrayError(ValueError):
    """The file holds no array of numbers, or one that cannot be used; the message says why."""


class Header(NamedTuple):
    """What an ``.npy`` file says about the numbers that follow."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool


def read_header(file: BinaryIO) -> Header:
    """Read the header of an array of booleans, integers or reals.

    Args:
        file: seekable, at its beginning; afterwards it is where the numbers begin.

    Raises:
        ArrayError: the header is damaged, or the array holds something else than numbers.

    >>> import io
    >>> np.save(file := io.BytesIO(), np.zeros((3, 4), np.uint8))
    >>> read_header(io.BytesIO(file.getvalue())).shape
    (3, 4)
    """
    start = re.sub(NOISY, b" ", file.read(len(MAGIC) + 6 + MAX_HEADER))
    if not start.startswith(MAGIC):
        raise ArrayError("is not an .npy file")
    stream = io.BytesIO(start)
    try:
        major, minor = npy_format.read_magic(stream)
        if (major, minor) not in ((1, 0), (2, 0), (3, 0)):
            raise ArrayError(f"has the unknown .npy version {major}.{minor}")
        # Version 3 differs from 2 in the names of fields alone, and records are refused.
        read = npy_format.read_array_header_2_0 if major > 1 else npy_format.read_array_header_1_0
        shape, fortran_order, dtype = read(stream, max_header_size=MAX_HEADER)
    except ArrayError:
        raise
    except Exception as error:  # numpy evaluates the text, so that any exception means damage
        raise ArrayError("is damaged: its header is not valid; save the array again") from error
    if dtype.kind not in "biuf":
        kind = NOT_NUMBERS.get(dtype.kind, "values of an unknown type")
        raise ArrayError(f"holds {kind}; only integers and real numbers are read")
    # numpy counts bytes as if no side were 0
    size = math.prod(max(side, 1) for side in shape) * dtype.itemsize
    if len(shape) > MAX_DIMENSIONS or size > sys.maxsize or min(shape, default=0) < 0:
        raise ArrayError("is damaged: its header gives an impossible shape; save the array again")
    file.seek(stream.tell() - len(start), os.SEEK_CUR)
    return Header(tuple(map(int, shape)), dtype, fortran_order)


def read_array(file: BinaryIO, header: Header) -> NDArray[Any]:
    """Read the numbers that follow a header.

    Args:
        file: seekable, where the numbers begin.
        header: from :func:`read_header`.

    Returns:
        The array, in the header's shape, dtype and memory order.

    Raises:
        ArrayError: the file ends too early.
    """
    begin = file.tell()
    needed = math.prod(header.shape) * header.dtype.itemsize
    available = file.seek(0, os.SEEK_END) - begin
    if available < needed:
        raise ArrayError(f"is truncated: {needed:,} bytes of numbers expected, {available:,} found")
    file.seek(begin)
    stored = np.empty(math.prod(header.shape), header.dtype)
    file.readinto(stored.view(np.uint8))  # type: ignore[attr-defined]
    return stored.reshape(header.shape, order="F" if header.fortran_order else "C")
