"""The ``.pt`` and ``.pth`` files of ``torch.save``: a zip file of a pickle and of numbers."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.errors import KernelError, quoted, shown
from convcli.kernels.models.archive import open_archive, open_member, read_member
from convcli.kernels.models.model import (
    Model,
    Tensor,
    byte_count,
    check_shape,
    check_weights,
    read_numbers,
    short_name,
    widen_bfloat16,
)
from convcli.kernels.models.pickled import Named, Opaque, Storage, Unread, View, read_pickle

MAX_PICKLE = 16 * 2**20  # bytes; that of a thousand tensors has 100 kB
_MAX_DEPTH, _MAX_NAME, _MAX_TENSORS = 8, 500, 65_536
_PICKLE = "data.pkl"
TYPES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?",
    "BFloat16Storage": "u2",  # the upper half of a float32
}  # fmt: skip
_ADVICE = "save the weights alone: torch.save(model.state_dict(), FILE)"


def read_model(file: BinaryIO) -> Model:
    """Return the tensors of a file, also those of dictionaries in dictionaries.

    Args:
        file: seekable.

    Raises:
        KernelError: the file is damaged, in torch's old format, or holds a whole module.
    """
    file.seek(0)
    if file.read(1) == b"\x80":  # the first opcode of a pickle
        raise KernelError("is in torch's old format; load it in torch and save it again")
    archive = open_archive(file)
    files = {member.filename: member for member in archive.infolist()}
    pickles = [name for name in files if name == _PICKLE or name.endswith(f"/{_PICKLE}")]
    if not pickles:
        raise KernelError(f"holds no tensors of torch; {_ADVICE}")
    folder = pickles[0].removesuffix(_PICKLE)
    value = read_pickle(read_member(archive, files[pickles[0]], MAX_PICKLE))
    if isinstance(value, Opaque | Named):
        raise KernelError(f"holds an object ({short_name(value.name)}), no tensors; {_ADVICE}")
    order = "<"
    if f"{folder}byteorder" in files:
        word = read_member(archive, files[f"{folder}byteorder"], MAX_PICKLE)
        order = ">" if word == b"big" else "<"
    stored = _Stored(archive, files, f"{folder}data/", order)
    return Model([stored.tensor(name, view) for name, view in _views(value)], "torch")


def _views(value: Any) -> list[tuple[str, View | Unread]]:
    """Return the tensors in a value with their names, such as ``model.conv1.weight``.

    Each dictionary is searched once, however often it occurs: pickles may hold circles.
    """
    found: list[tuple[str, View | Unread]] = []
    seen: set[int] = set()

    def search(name: str, value: Any, depth: int) -> None:
        if isinstance(value, View | Unread):
            found.append((name or "tensor", value))
            if len(found) > _MAX_TENSORS:
                raise KernelError(f"has more than {_MAX_TENSORS:,} tensors")
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            for key, item in _items(value) if depth < _MAX_DEPTH else ():
                if isinstance(item, View | Unread | dict | list | tuple):
                    if len(name) + len(key) > _MAX_NAME:
                        raise KernelError(f"is damaged: the name {quoted(key)} is too long")
                    search(f"{name}.{key}" if name else key, item, depth + 1)

    search("", value, 0)
    return found


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return ((key if isinstance(key, str) else f"{key:d}", item) for key, item in pairs)


class _Stored:
    """The numbers in an archive."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        files: dict[str, zipfile.ZipInfo],
        folder: str,
        order: str,
    ) -> None:
        self.archive, self.files, self.folder, self.order = archive, files, folder, order

    def tensor(self, name: str, view: View | Unread) -> Tensor:
        """Return a tensor whose place in its storage is checked.

        Raises:
            KernelError: the storage is missing, or the tensor does not lie in it.
        """
        if isinstance(view, Unread):
            kind = short_name(view.kind)
            problem = f"is a {kind} tensor, which is not read; save tensor.{view.advice}"
            return Tensor(name, check_shape(view.shape), kind, problem=problem)
        storage = view.storage
        shape, strides = check_shape(view.shape), check_shape(view.strides)
        (offset,) = check_shape([view.offset])
        if not isinstance(storage, Storage) or len(shape) != len(strides):
            raise KernelError(f"is damaged: tensor {quoted(name)} is not valid")
        kind = storage.kind.removeprefix("torch.")
        if kind not in TYPES:
            problem = f"its numbers are of the type {shown(kind)[:40]}, which is not read"
            return Tensor(name, shape, kind, problem=problem)
        dtype = np.dtype(f"{self.order}{TYPES[kind]}")
        member = self.files.get(f"{self.folder}{storage.key}")
        if member is None or member.compress_type != zipfile.ZIP_STORED:
            raise KernelError(f"is damaged: the numbers of tensor {quoted(name)} are not there")
        span = 1 + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
        count = span if 0 not in shape else 0
        needed, found = (offset + count) * dtype.itemsize, member.file_size
        if needed > found:
            raise KernelError(
                f"is damaged: tensor {quoted(name)} ends at byte {needed:,} of {found:,}"
            )
        read = partial(self._read, member, offset, shape, strides, count, dtype)
        if kind != "BFloat16Storage":
            return Tensor(name, shape, dtype.name, read)
        return Tensor(name, shape, "bfloat16", lambda: widen_bfloat16(read()))

    def _read(
        self,
        member: zipfile.ZipInfo,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        count: int,
        dtype: np.dtype[Any],
    ) -> NDArray[Any]:
        """Read the numbers from the first to the last of a tensor, and view them by its strides."""
        check_weights(byte_count(shape, dtype.itemsize))  # strides of 0 repeat numbers
        with open_member(self.archive, member) as stream:
            stream.seek(offset * dtype.itemsize)
            numbers = read_numbers(stream, (count,), dtype)
        steps = [step * dtype.itemsize for step in strides]
        return as_strided(numbers, shape, steps, writeable=False).copy()
