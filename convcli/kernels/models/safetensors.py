"""The ``.safetensors`` format: the length of a header, the header in JSON, the numbers.

https://github.com/huggingface/safetensors describes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, quoted
from convcli.kernels.models.model import (
    Model,
    Tensor,
    byte_count,
    check_shape,
    read_numbers,
    size_of,
    widen_bfloat16,
)

MAX_HEADER = 8 * 2**20  # bytes; a thousand tensors take 100 kB
TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
    "BF16": "<u2",  # the upper half of a float32
}  # fmt: skip


def read_model(file: BinaryIO) -> Model:
    """Return the tensors that a file names.

    Args:
        file: seekable.

    Raises:
        KernelError: the file is damaged.
    """
    size = size_of(file)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= size - 8:
        raise KernelError("is no .safetensors file, or damaged: its header has no valid length")
    if length > MAX_HEADER:
        raise KernelError(f"has a header of {length:,} bytes; at most {MAX_HEADER:,} are read")
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise KernelError("is damaged: its header is not valid JSON") from error
    if not isinstance(header, dict):
        raise KernelError("is damaged: its header is not valid JSON")
    begin = 8 + length
    tensors = [
        _tensor(file, name, entry, begin, size)
        for name, entry in header.items()
        if name != "__metadata__"
    ]
    return Model(tensors, "torch")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice, which the format forbids."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _tensor(file: BinaryIO, name: str, entry: Any, begin: int, size: int) -> Tensor:
    try:
        code, shape = entry["dtype"], check_shape(entry["shape"])
        first, last = check_shape(entry["data_offsets"])  # which are sizes too
        is_sound = isinstance(code, str) and first <= last <= size - begin
    except (KeyError, TypeError, ValueError):
        is_sound = False
    if not is_sound:
        raise KernelError(f"is damaged: the entry of tensor {quoted(name)} is not valid")
    if code not in TYPES:
        problem = f"its numbers are of the type {quoted(code)}, which is not read"
        return Tensor(name, shape, code, problem=problem)
    dtype = np.dtype(TYPES[code])
    if last - first != byte_count(shape, dtype.itemsize):
        raise KernelError(
            f"is damaged: tensor {quoted(name)} has {last - first:,} bytes, which does not fit "
            "its shape and type"
        )
    read: Callable[[], NDArray[Any]] = partial(_read, file, begin + first, shape, dtype)
    if code != "BF16":
        return Tensor(name, shape, dtype.name, read)
    return Tensor(name, shape, "bfloat16", lambda: widen_bfloat16(read()))


def _read(file: BinaryIO, at: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    file.seek(at)
    return read_numbers(file, shape, dtype)
