"""The .npy format, read without trusting its header: no pickles, no allocation before the data."""

import io
import math
import tokenize
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from convcli.errors import KernelError

HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def read_npy(content: bytes) -> NDArray[Any]:
    """Return the array in the bytes of an .npy file.

    Raises:
        KernelError: the bytes are no .npy file of numbers, or fewer than its header promises.
    """
    file = io.BytesIO(content)
    shape, fortran_order, dtype = _read_header(file)
    if dtype.kind not in "iuf":
        raise KernelError(f"holds {dtype.name}; a kernel's weights are integers or reals")
    needed = math.prod(shape) * dtype.itemsize
    data = file.read(needed)
    if len(data) < needed:
        raise KernelError(f"is cut short: {needed} bytes of weights promised, {len(data)} there")
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran_order else "C")


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy_format.read_magic(file)
        return HEADER_READERS[version](file)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise KernelError("is not an .npy file of numbers") from error
    except tokenize.TokenError as error:
        raise KernelError("is not an .npy file of numbers") from error
