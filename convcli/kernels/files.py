"""Kernel files: text, CSV, JSON and .npy, told apart by suffix or by their first bytes."""

import io
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from convcli.errors import KernelError, quoted, shown
from convcli.kernels.kernel import Kernel
from convcli.kernels.npy import MAGIC, ArrayError, read_array, read_header
from convcli.kernels.text import parse_text

KERNEL_SUFFIXES = (".txt", ".csv", ".npy", ".json")
MOST_BYTES = 64 * 2**20
WRITTEN_BY_SHOW = {  # what `kernels show --json` adds to a kernel, and follows from the rest
    "size",
    "sum",
    "symmetry",
    "rank",
    "separable",
    "least",
    "greatest",
}
FIELDS = {"matrix", "divisor", "bias", "name", "summary", "source"}


def looks_like_path(text: str) -> bool:
    """Tell whether a SPEC names a file: by its suffix, by a separator, or because it is there."""
    has_separator = os.sep in text or (os.altsep is not None and os.altsep in text)
    return text.lower().endswith(KERNEL_SUFFIXES) or has_separator or _is_file(text)


def read_kernel_file(path: str) -> Kernel:
    """Return the kernel in a file, named after the file's stem.

    Raises:
        KernelError: the file is not there, cannot be read, or holds no kernel.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise KernelError(f"{shown(path)}: there is no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KernelError(f"{shown(path)}: cannot be read: {shown(reason)}") from error
    try:
        return read_content(content, Path(path).suffix.lower(), Path(path).stem)
    except KernelError as error:
        raise KernelError(f"{shown(path)}: {error}") from error


def read_stream(stream: BinaryIO) -> Kernel:
    """Return the kernel that standard input holds: text, JSON or .npy.

    Raises:
        KernelError: it holds none.
    """
    try:
        return read_content(stream.read(MOST_BYTES + 1), "", "custom")
    except (KernelError, OSError) as error:
        raise KernelError(f"standard input: {error}") from error


def read_content(content: bytes, suffix: str, name: str) -> Kernel:
    """Return the kernel in the bytes of a file.

    Args:
        content: the file, whole.
        suffix: ``.npy`` or ``.json`` hold what they say; the rest is told by the first bytes.
        name: the kernel's name, where the file gives none.

    Raises:
        KernelError: the bytes are no kernel.
    """
    if len(content) > MOST_BYTES:
        raise KernelError(f"a kernel file is at most {MOST_BYTES >> 20} MiB long")
    if suffix == ".npy" or content.startswith(MAGIC):
        return _read_npy(content, name)
    text = _decoded(content)
    if suffix == ".json" or text.lstrip()[:1] in ("[", "{"):
        return _read_json(text, name)
    return parse_text(text, name)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # too long for a name
        return False


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KernelError("is neither UTF-8 text nor an .npy file") from error


def _read_npy(content: bytes, name: str) -> Kernel:
    file = io.BytesIO(content)
    try:
        array = read_array(file, read_header(file))
    except ArrayError as error:
        raise KernelError(str(error)) from error
    return Kernel(array, name=name)


def _read_json(text: str, name: str) -> Kernel:
    """Read ``[[...], ...]`` or ``{"matrix": [[...], ...], "divisor": ..., ...}``."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KernelError(f"is not valid JSON: {shown(error)}") from error
    if not isinstance(document, dict):
        return Kernel(_array(document), name=name)
    unknown = sorted(document.keys() - FIELDS - WRITTEN_BY_SHOW)
    if unknown:
        known = "matrix, divisor, bias, name, summary and source"
        raise KernelError(f"{quoted(unknown[0])} is no part of a kernel; those are {known}")
    if "matrix" not in document:
        raise KernelError('has no "matrix"')
    fields = {key: document[key] for key in FIELDS & document.keys()}
    for key in ("name", "summary", "source"):
        if not isinstance(fields.get(key, ""), str):
            raise KernelError(f'"{key}" must be text')
    return Kernel(**{"name": name, **fields, "matrix": _array(document["matrix"])})


def _array(value: Any) -> np.ndarray[Any, Any]:
    """Return nested JSON lists as an array of int64 or float64."""
    shape = _shape(value)
    cells = value
    for _ in shape[1:]:
        cells = [cell for row in cells for cell in row]
    for cell in cells:
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            raise KernelError(f"{quoted(str(cell))} is not a number")
        if isinstance(cell, int) and cell.bit_length() > 63:
            raise KernelError("an integer weight must fit in 64 bits")
    whole = all(isinstance(cell, int) for cell in cells)
    return np.array(cells, dtype=np.int64 if whole else np.float64).reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of nested lists, and refuse ragged ones."""
    if not isinstance(value, list):
        raise KernelError("the matrix must be a list of rows")
    shape: tuple[int, ...] = ()
    level = value
    while level and len(shape) < 4 and all(isinstance(row, list) for row in level):
        for number, row in enumerate(level, 1):
            if len(row) != len(level[0]):
                raise KernelError(f"row {number} has {len(row)} weights and row 1 {len(level[0])}")
        shape = (*shape, len(level[0]))
        level = [cell for row in level for cell in row]
    return (len(value), *shape)
