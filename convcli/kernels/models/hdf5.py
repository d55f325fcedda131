"""The ``.h5`` and ``.keras`` files of Keras: weights in HDF5, read by h5py, the extra ``h5``.

h5py is imported here alone. Links to other files are not followed. Weights are turned from Keras'
(kh, kw, C, N) to (N, C, kh, kw); those of depthwise layers from (kh, kw, C, M) to (C M, 1, kh, kw).
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, UsageError
from convcli.kernels.models.archive import open_archive
from convcli.kernels.models.model import Convolution, Model, Tensor, byte_count, check_weights

MAX_OBJECTS, _MAX_DEPTH = 20_000, 16
_MAX_NAMES = 2**20  # bytes of the attribute that names the layers in their order
_WEIGHTS = "model.weights.h5"  # in a .keras file
_FAULTS = (OSError, RuntimeError, ValueError, TypeError, LookupError, OverflowError, AttributeError)


class _Part(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, file: BinaryIO, begin: int, size: int) -> None:
        self.file, self.begin, self.size, self.at = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: Any) -> int:
        self.file.seek(self.begin + self.at)
        content = self.file.read(max(0, min(len(buffer), self.size - self.at)))
        buffer[: len(content)] = content
        self.at += len(content)
        return len(content)


def read_model(file: BinaryIO) -> Model:
    """Return the tensors of a file of Keras.

    Args:
        file: seekable; HDF5, or a zip file with ``model.weights.h5``.

    Raises:
        KernelError: the file is damaged.
        UsageError: the extra ``h5`` is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise UsageError("needs the extra: pip install 'convcli[h5]'") from error
    file.seek(0)
    source: Any = _stored_weights(file) if file.read(2) == b"PK" else file
    with _explained():
        root = h5py.File(source, "r")
        datasets = list(_datasets(h5py, root))
        order = _layer_order(root)
    tensors, convolutions = [], []
    for path, dataset in sorted(datasets, key=lambda item: _sort_key(item[0], order)):
        with _explained():
            tensor = _tensor(path, dataset)
        tensors.append(tensor)
        if len(tensor.shape) == 4:
            convolutions.append(Convolution(_layer(path), tensor))
    return Model(tensors, "torch", convolutions)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what h5py raises for damaged files into a KernelError."""
    try:
        yield
    except KernelError:
        raise
    except _FAULTS as error:
        raise KernelError("is damaged, or no HDF5 file; save the weights again") from error


def _stored_weights(file: BinaryIO) -> _Part:
    """Return the HDF5 file in a .keras file, which Keras does not compress."""
    archive = open_archive(file)
    if _WEIGHTS not in archive.namelist():
        raise KernelError(f"holds no {_WEIGHTS}")
    member = archive.getinfo(_WEIGHTS)
    if member.compress_type != zipfile.ZIP_STORED:
        raise KernelError(f"its {_WEIGHTS} is compressed; Keras writes it uncompressed")
    file.seek(member.header_offset)
    head = file.read(30)
    names = sum(int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
    return _Part(file, member.header_offset + 30 + names, member.file_size)


def _datasets(h5py: Any, root: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a file with their paths; groups may hold each other."""
    seen: set[int] = set()
    groups = [("", root)]
    while groups:
        path, group = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue  # soft links name again what is found anyway; others name other files
            child = group[name]
            address = h5py.h5o.get_info(child.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise KernelError(f"has more than {MAX_OBJECTS:,} groups and arrays")
            if isinstance(child, h5py.Dataset):
                yield f"{path}{name}", child
            elif isinstance(child, h5py.Group) and path.count("/") < _MAX_DEPTH:
                groups.append((f"{path}{name}/", child))


def _layer_order(root: Any) -> dict[str, int]:
    """Return the places of the layers that Keras 2 lists in an attribute."""
    for group in (root.get("model_weights", root), root):
        if "layer_names" in group.attrs:
            attribute = group.attrs.get_id("layer_names")
            if (
                attribute.get_storage_size() > _MAX_NAMES
                or math.prod(attribute.shape) > MAX_OBJECTS
            ):
                return {}
            names = [
                name.decode(errors="replace") if isinstance(name, bytes) else str(name)
                for name in np.ravel(group.attrs["layer_names"]).tolist()
            ]
            return {name: place for place, name in enumerate(names)}
    return {}


def _sort_key(path: str, order: dict[str, int]) -> tuple[Any, ...]:
    """Sort by the listed order, and names with numbers by these: conv2d_2 before conv2d_10."""
    parts = path.removeprefix("model_weights/")
    words = [
        (int(word), "") if word.isdecimal() and len(word) < 10 else (-1, word)
        for word in re.split(r"(\d+)", parts)
    ]
    return order.get(parts.partition("/")[0], len(order)), words


def _layer(path: str) -> str:
    """Return the name of the layer that an array belongs to.

    >>> _layer("model_weights/conv2d/conv2d/kernel:0"), _layer("block1/layers/conv2d/vars/0")
    ('conv2d', 'block1/layers/conv2d')
    """
    parts = path.removeprefix("model_weights/").split("/")
    if parts[-2:-1] == ["vars"]:
        return "/".join(parts[:-2])
    return parts[0]


def _is_depthwise(path: str) -> bool:
    *folders, leaf = path.split("/")
    if folders[-1:] == ["vars"] and leaf == "0":
        return folders[-2:-1] != [] and folders[-2].startswith(("depthwise_conv", "separable_conv"))
    return leaf.startswith("depthwise_kernel")


def _tensor(path: str, dataset: Any) -> Tensor:
    shape = tuple(int(side) for side in dataset.shape or ())
    dtype = np.dtype(dataset.dtype)
    problem = ""
    if dataset.shape is None or dtype.kind not in "biuf":
        problem = "holds no numbers that can be read"
    elif dataset.is_virtual or dataset.external:
        problem = "its numbers lie in another file, which is not read"
    turned = _turned_shape(shape, is_depthwise=_is_depthwise(path))
    if problem:
        return Tensor(path, turned, dtype.name, problem=problem)
    read: Callable[[], NDArray[Any]] = partial(_read, path, dataset, shape, dtype)
    return Tensor(path, turned, dtype.name, read)


def _turned_shape(shape: tuple[int, ...], *, is_depthwise: bool) -> tuple[int, ...]:
    if is_depthwise and len(shape) >= 3:
        return (shape[-2] * shape[-1], 1, *shape[:-2])
    return (*shape[:-3:-1], *shape[:-2]) if len(shape) in (3, 4) else shape


def _read(path: str, dataset: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the numbers, turned if they are weights of a convolution."""
    check_weights(byte_count(shape, dtype.itemsize))
    if dataset.chunks is not None:  # which are unpacked whole
        check_weights(byte_count(dataset.chunks, dtype.itemsize))
    if 0 in shape:
        raise KernelError("holds no numbers")
    with _explained():
        array = np.asarray(dataset[()])
    turned = _turned_shape(shape, is_depthwise=_is_depthwise(path))
    if turned == shape or array.ndim < 3:
        return array
    axes = range(array.ndim - 2)
    if turned[1] == 1 and _is_depthwise(path):
        return array.transpose(array.ndim - 2, array.ndim - 1, *axes).reshape(turned)
    return array.transpose(array.ndim - 1, array.ndim - 2, *axes)
