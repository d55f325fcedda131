"""The ``.h5`` and ``.keras`` files of Keras: weights in HDF5, read by h5py, the extra ``h5``.

h5py is imported here alone. Links to other files are not followed. Weights are turned from Keras'
(kh, kw, C, N) to (N, C, kh, kw), those of transposed layers from (kh, kw, N, C) to (C, N, kh, kw),
and those of depthwise layers from (kh, kw, C, M) to (C M, 1, kh, kw).
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, UsageError
from convcli.geometry import Pair
from convcli.kernels.models.archive import open_archive, read_member
from convcli.kernels.models.keras_config import MAX_CONFIG, KerasLayer, KerasLayers, outer_name
from convcli.kernels.models.model import (
    Convolution,
    Model,
    Tensor,
    byte_count,
    check_weights,
    explained,
)

MAX_OBJECTS = 10_000  # groups and arrays; a network of a thousand layers has 5,000
_MAX_DEPTH, _MAX_PATH = 16, 1000
_MAX_NAMES = 2**20  # bytes of the attribute that names the layers in their order
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"  # in a .keras file
_MODEL, _LAYER_NAMES = "model_config", "layer_names"  # attributes of an .h5 file
_FAULTS = (OSError, RuntimeError, ValueError, TypeError, LookupError, OverflowError, AttributeError)
_damage = partial(explained, _FAULTS, "is damaged, or no HDF5 file; save the weights again")


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
    """Return the tensors of a file of Keras, and its convolutions.

    Layers have the order, the names and the settings that the file gives them; a file of weights
    alone gives none.

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
    source, config = _stored(file) if file.read(2) == b"PK" else (file, None)
    with _damage():
        root = h5py.File(source, "r")
        config = config or _model_config(root)
    layers = KerasLayers(config)
    with _damage():
        order = _layer_order(root)
        arrays = [
            _Array(path, dataset.shape, np.dtype(dataset.dtype), layers.of(_own(path)))
            for path, dataset in _datasets(h5py, root)
        ]
    arrays.sort(key=lambda array: array.sort_key(order))
    tensors = [_tensor(root, array) for array in arrays]
    return Model(tensors, "torch", _convolutions(list(zip(arrays, tensors, strict=True))))


def _stored(file: BinaryIO) -> tuple[_Part, bytes | None]:
    """Return the HDF5 file in a .keras file, which Keras does not compress, and its JSON."""
    archive = open_archive(file)
    if _WEIGHTS not in archive.namelist():
        raise KernelError(f"holds no {_WEIGHTS}")
    member = archive.getinfo(_WEIGHTS)
    if member.compress_type != zipfile.ZIP_STORED:
        raise KernelError(f"its {_WEIGHTS} is compressed; Keras writes it uncompressed")
    config = None
    if _CONFIG in archive.namelist():
        config = read_member(archive, archive.getinfo(_CONFIG), MAX_CONFIG)
    file.seek(member.header_offset)
    head = file.read(30)
    names = sum(int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
    return _Part(file, member.header_offset + 30 + names, member.file_size), config


def _model_config(root: Any) -> bytes | None:
    """Return the JSON in an attribute that Keras writes into .h5 files of whole models."""
    if _MODEL not in root.attrs:
        return None
    if root.attrs.get_id(_MODEL).get_storage_size() > MAX_CONFIG:
        raise KernelError(f"describes its layers in more than {MAX_CONFIG >> 20} MiB")
    text = root.attrs[_MODEL]
    return text.encode() if isinstance(text, str) else bytes(text)


def _datasets(h5py: Any, root: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a file with their paths; groups may hold each other.

    Objects are opened once each, and closed soon: every open one makes the next take longer.
    """
    seen: set[int] = set()
    groups = [("", root.id)]
    while groups:
        path, group = groups.pop()
        if group.get_num_objs() > MAX_OBJECTS:  # which would be sorted first
            raise KernelError(f"has more than {MAX_OBJECTS:,} groups and arrays")
        for name in group:
            link = group.links.get_info(name)
            if link.type != h5py.h5l.TYPE_HARD or link.u in seen:
                continue  # soft links name again what is found anyway; others name other files
            seen.add(link.u)
            if len(seen) > MAX_OBJECTS:
                raise KernelError(f"has more than {MAX_OBJECTS:,} groups and arrays")
            child, inside = h5py.h5o.open(group, name), f"{path}{name.decode(errors='replace')}"
            if len(inside) > _MAX_PATH:
                raise KernelError("is damaged: the name of an array is too long")
            if isinstance(child, h5py.h5d.DatasetID):
                yield inside, child
            elif isinstance(child, h5py.h5g.GroupID) and path.count("/") < _MAX_DEPTH:
                groups.append((f"{inside}/", child))


def _own(path: str) -> str:
    """Return a path without the group that files of whole models have around their weights."""
    return path.removeprefix("model_weights/")


def _layer_order(root: Any) -> dict[str, int]:
    """Return the places of the layers that Keras lists in an attribute of .h5 files."""
    for group in (root.get("model_weights", root), root):
        if _LAYER_NAMES in group.attrs:
            attribute = group.attrs.get_id(_LAYER_NAMES)
            if (
                attribute.get_storage_size() > _MAX_NAMES
                or math.prod(attribute.shape) > MAX_OBJECTS
            ):
                return {}
            names = [
                name.decode(errors="replace") if isinstance(name, bytes) else str(name)
                for name in np.ravel(group.attrs[_LAYER_NAMES]).tolist()
            ]
            return {name: place for place, name in enumerate(names)}
    return {}


class _Array(NamedTuple):
    """An array of the file: its path, shape (None for none) and type, and the layer it is of."""

    path: str
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any]
    layer: KerasLayer | None

    @property
    def leaf(self) -> str:
        """The array's own name; early Keras adds ``:0``."""
        return self.path.rpartition("/")[2].removesuffix(":0")

    @property
    def layer_name(self) -> str:
        """The name of the layer; where the file tells of no layers, the path to it.

        >>> _Array("block1/layers/conv2d/vars/0", (3, 3, 1, 1), np.dtype("f4"), None).layer_name
        'block1/layers/conv2d'
        """
        if self.layer is not None:
            return self.layer.name
        first, *folders = _own(self.path).split("/")
        return "/".join((first, *folders[:-2])) if folders[-2:-1] == ["vars"] else first

    @property
    def part(self) -> str:
        """Which weights of a separable layer these are, as Keras names them."""
        return {"0": "depthwise_kernel", "1": "pointwise_kernel"}.get(self.leaf, self.leaf)

    @property
    def is_depthwise(self) -> bool:
        """Whether these are weights (kh, kw, C, M) of a depthwise layer."""
        folders = self.path.split("/")[:-1]
        owner = folders[-2:-1] if folders[-1:] == ["vars"] else folders[-1:]
        word = self.layer.word if self.layer is not None else "".join(owner)
        if self.leaf == "0":
            return word.startswith(("depthwise_conv", "separable_conv"))
        is_only = self.leaf == "kernel" and word.startswith("depthwise_conv")
        return is_only or self.leaf == "depthwise_kernel"

    @property
    def is_turned(self) -> bool:
        """Whether these are weights of a convolution, as far as is known."""
        if len(self.shape or ()) not in (3, 4):
            return False
        return self.layer is None or self.layer.is_convolution or self.layer.is_model

    @property
    def turned_shape(self) -> tuple[int, ...]:
        """The shape with filters and channels first."""
        shape = self.shape or ()
        if not self.is_turned:
            return shape
        if self.is_depthwise:
            return (shape[-2] * shape[-1], 1, *shape[:-2])
        return (*shape[:-3:-1], *shape[:-2])

    def turned(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers with filters and channels first."""
        if not self.is_turned:
            return array
        filters, axes = (-2, -1) if self.is_depthwise else (-1, -2), range(array.ndim - 2)
        ends = [array.ndim + axis for axis in filters]
        return array.transpose(*ends, *axes).reshape(self.turned_shape)

    def sort_key(self, order: dict[str, int]) -> tuple[Any, ...]:
        """Sort by the file's order, and names with numbers by these: conv2d_2 before conv2d_10."""
        words = [
            (int(word), "") if word.isdecimal() and len(word) < 10 else (-1, word)
            for word in re.split(r"(\d+)", self.path)
        ]
        if self.layer is not None:
            return self.layer.place, words
        return order.get(outer_name(_own(self.path), order) or "", MAX_OBJECTS), words


def _tensor(root: Any, array: _Array) -> Tensor:
    shape, dtype = array.turned_shape, array.dtype
    if array.shape is None or dtype.kind not in "biuf":
        problem = "holds no numbers that can be read"
        return Tensor(array.path, shape, dtype.name, problem=problem)
    read: Callable[[], NDArray[Any]] = partial(_read, root, array)
    return Tensor(array.path, shape, dtype.name, read)


def _read(root: Any, array: _Array) -> NDArray[Any]:
    """Return the numbers, turned if they are weights of a convolution."""
    check_weights(byte_count(array.turned_shape, array.dtype.itemsize))
    with _damage():
        dataset = root[array.path]
        if dataset.is_virtual or dataset.external:
            raise KernelError("its numbers lie in another file, which is not read")
        if dataset.chunks is not None:  # which are unpacked whole
            check_weights(byte_count(dataset.chunks, array.dtype.itemsize))
        if 0 in array.turned_shape:
            raise KernelError("holds no numbers")
        return array.turned(np.asarray(dataset[()]))


def _convolutions(arrays: list[tuple[_Array, Tensor]]) -> list[Convolution]:
    """Return the convolutions; each has a name of its own, also the two of a separable layer."""
    found = [
        (array, tensor)
        for array, tensor in arrays
        if array.is_turned
        and (len(tensor.shape) == 4 or (array.layer is not None and array.layer.is_convolution))
    ]
    counts = Counter(array.layer_name for array, _ in found)
    return [
        _convolution(
            array,
            tensor,
            array.layer_name + (f"/{array.part}" if counts[array.layer_name] > 1 else ""),
        )
        for array, tensor in found
    ]


def _convolution(array: _Array, tensor: Tensor, name: str) -> Convolution:
    """Return a convolution with the settings of its layer, if they are known."""
    layer = array.layer
    if layer is None or not layer.is_convolution:
        return Convolution(name, tensor)
    if array.part == "pointwise_kernel" and layer.word.startswith("separable"):
        return Convolution(name, tensor, (1, 1), "0", (1, 1), 1)
    return Convolution(
        name,
        tensor,
        layer.stride,
        layer.padding,
        layer.dilation,
        array.shape[-2] if array.is_depthwise and array.shape else layer.groups,
        layer.is_transposed,
        _output_padding(layer, tensor.shape),
    )


def _output_padding(layer: KerasLayer, shape: tuple[int, ...]) -> Pair | None:
    """Return what Keras adds where a kernel of a transposed layer is smaller than its stride."""
    if not layer.is_transposed or layer.padding != "0" or layer.stride is None:
        return None
    sides = (1, *shape[2:])[-2:]
    extents = (d * (k - 1) + 1 for k, d in zip(sides, layer.dilation or (1, 1), strict=True))
    rows, columns = (max(s - e, 0) for s, e in zip(layer.stride, extents, strict=True))
    return rows, columns
