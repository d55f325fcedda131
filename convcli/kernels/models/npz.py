"""The ``.npz`` format of ``numpy.savez``: a zip file of ``.npy`` files."""

from __future__ import annotations

import zipfile
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, quoted
from convcli.kernels.models.archive import open_archive, open_member
from convcli.kernels.models.model import Model, Tensor, byte_count, read_numbers
from convcli.npy import ArrayError, Header, read_header

_SUFFIX = ".npy"


def read_model(file: BinaryIO) -> Model:
    """Return the arrays that a file names.

    Args:
        file: seekable.

    Raises:
        KernelError: the file is damaged.
    """
    archive = open_archive(file)
    members = (each for each in archive.infolist() if each.filename.endswith(_SUFFIX))
    return Model([_tensor(archive, member) for member in members])


def _tensor(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Tensor:
    name = member.filename.removesuffix(_SUFFIX)
    with open_member(archive, member) as stream:
        try:
            header = read_header(stream)
        except ArrayError as error:  # such as Python objects, which do not harm the other arrays
            return Tensor(name, (), "", problem=str(error))
        begin = stream.tell()
    needed, found = byte_count(header.shape, header.dtype.itemsize), member.file_size - begin
    if found < needed:
        raise KernelError(
            f"is damaged: array {quoted(name)} needs {needed:,} bytes of numbers, not {found:,}"
        )
    read = partial(_read, archive, member, begin, header)
    return Tensor(name, header.shape, header.dtype.name, read)


def _read(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, begin: int, header: Header
) -> NDArray[Any]:
    with open_member(archive, member) as stream:
        stream.seek(begin)
        shape = header.shape[::-1] if header.fortran_order else header.shape
        array = read_numbers(stream, shape, header.dtype)
    return np.asarray(array.T) if header.fortran_order else array
