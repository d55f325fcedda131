"""Kernel files: text, CSV, JSON and ``.npy``, read and written; and files of biases."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from convcli.atomic import atomic_write
from convcli.errors import KernelError, UsageError, prefix_errors, quoted, shown
from convcli.kernels.kernel import MAX_WEIGHT, Kernel, check_integers
from convcli.kernels.matrix_text import (
    aligned,
    check_row_lengths,
    parse_text,
    unbracketed,
    weight_rows,
)
from convcli.kernels.models.spec import parse_model
from convcli.kernels.models.weights import read_vector
from convcli.kernels.reading import is_file, open_file, read_limited
from convcli.npy import MAGIC, ArrayError, read_array, read_header

if TYPE_CHECKING:
    from pathlib import Path

KERNEL_SUFFIXES = (".txt", ".csv", ".npy", ".json")
FIELDS = {"matrix", "divisor", "bias", "name", "summary", "source"}
# `kernels show --json` adds these to a kernel; they follow from the rest.
DERIVED_FIELDS = {"spec", "size", "sum", "symmetry", "rank", "separable", "least", "greatest"}


class NotJsonError(KernelError):
    """A text is not JSON."""


def looks_like_path(text: str) -> bool:
    """Tell whether a SPEC names a file: by its suffix, a separator, or because it exists."""
    has_separator = os.sep in text or (os.altsep is not None and os.altsep in text)
    return text.lower().endswith(KERNEL_SUFFIXES) or has_separator or is_file(text)


def read_kernel_file(path: str) -> Kernel:
    """Return the kernel in a file, named after the file's stem.

    Raises:
        KernelError: the file does not exist, cannot be read, or holds no kernel.
    """
    from pathlib import Path

    try:
        return read_content(_read_file(path), Path(path).suffix.lower(), Path(path).stem)
    except KernelError as error:
        raise KernelError(f"{shown(path)}: {error}") from error


def read_stream(stream: BinaryIO) -> Kernel:
    """Return the kernel that standard input holds, or raise a KernelError."""
    try:
        return read_content(read_limited(stream), "", "")
    except (KernelError, OSError) as error:
        raise KernelError(f"standard input: {error}") from error


def read_content(content: bytes, suffix: str, name: str) -> Kernel:
    """Return the kernel in the bytes of a file.

    Args:
        content: the whole file.
        suffix: ``.npy`` and ``.json`` decide the format; otherwise the first bytes do.
        name: the kernel's name, unless the file holds one.

    Raises:
        KernelError: the bytes are no kernel.
    """
    if suffix == ".npy" or content.startswith(MAGIC):
        return Kernel(_read_npy(content), name=name)
    text = _decode(content)
    if suffix == ".json" or text.lstrip()[:1] in ("[", "{"):
        try:
            return _read_json(text, name)
        except NotJsonError:
            if suffix == ".json" or unbracketed(text) == text:
                raise
    return parse_text(text, name)


def read_biases(path: str, option: str = "--bias") -> tuple[float, ...]:
    """Return numbers of a layer, one per map, from a ``.npy`` array, a model or a text file.

    The shape does not matter; the numbers are taken in the file's order. ``MODEL:NAME`` is a tensor
    of a model. Messages name the option.

    Raises:
        KernelError: the file does not exist, cannot be read, is empty, or holds something else
            than finite numbers.
    """
    try:
        numbers = _read_numbers(path)
        if not numbers.size or not (np.abs(numbers) <= MAX_WEIGHT).all():
            raise KernelError(f"{shown(path)}: must hold finite numbers, one for each map")
    except KernelError as error:
        raise KernelError(f"{option} {error}") from error
    return tuple(numbers.tolist())


def _read_numbers(path: str) -> np.ndarray[Any, Any]:
    """Return the numbers of a file, or of a tensor of a model, in one row."""
    if model := parse_model(path):
        return read_vector(model)
    with prefix_errors(shown(path)):
        content = _read_file(path)
        if path.lower().endswith(".npy"):
            return _read_npy(content).astype(np.float64).ravel()
        return parse_text(_decode(content)).weights.ravel()


def save_kernel(kernel: Kernel, target: Path, *, overwrite: bool = False) -> None:
    """Write a kernel to ``.json``, ``.npy``, ``.txt`` or ``.csv``; it reads back to its weights.

    JSON keeps the matrix, divisor, bias, name, summary and source. The other formats hold the
    weights alone. With a divisor, text holds fractions and ``.npy`` holds float64.

    Raises:
        UsageError: the suffix is none of these.
        KernelError: the format cannot hold the kernel.
        ImageError: the target exists and ``overwrite`` is false, or it cannot be written.
    """
    match target.suffix.lower():
        case ".json":
            from json import dumps

            content = f"{dumps(kernel_fields(kernel))}\n".encode()
        case ".npy":
            _refuse_bias(kernel)
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(kernel), allow_pickle=False)
            content = buffer.getvalue()
        case ".txt":
            content = matrix_text(kernel).encode()
        case ".csv":
            content = "".join(f"{','.join(row)}\n" for row in _flat_rows(kernel)).encode()
        case _:
            raise UsageError(
                f"{shown(target)}: cannot write a kernel in this format; "
                "use .npy, .csv, .txt, .json or .png"
            )
    with atomic_write(target, overwrite=overwrite) as file:
        file.write(content)


def matrix_text(kernel: Kernel) -> str:
    """Return the weights as an aligned text matrix that reads back to them.

    Raises:
        KernelError: the kernel is over channels or has a bias, which text cannot hold.

    >>> print(matrix_text(Kernel([[1, 2, 1]], divisor=4)), end="")
    1/4 1/2 1/4
    """
    return "".join(f"{line}\n" for line in aligned(_flat_rows(kernel)))


def kernel_fields(kernel: Kernel) -> dict[str, Any]:
    """Return a kernel as JSON holds it."""
    return {
        "name": kernel.slug,
        "summary": kernel.summary,
        "source": kernel.source,
        "matrix": kernel.matrix.tolist(),
        "divisor": kernel.divisor,
        "bias": kernel.bias,
    }


def _read_file(path: str) -> bytes:
    with open_file(path) as file:
        return read_limited(file)


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KernelError("is neither UTF-8 text nor an .npy file") from error


def _read_npy(content: bytes) -> np.ndarray[Any, Any]:
    file = io.BytesIO(content)
    try:
        return read_array(file, read_header(file))
    except ArrayError as error:
        raise KernelError(str(error)) from error


def _read_json(text: str, name: str) -> Kernel:
    """Read ``[[...], ...]`` or ``{"matrix": [[...], ...], "divisor": ..., ...}``."""
    from json import loads

    try:
        document = loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"is not valid JSON: {shown(error)}") from error
    if not isinstance(document, dict):
        return Kernel(_array(document), name=name)
    unknown = sorted(document.keys() - FIELDS - DERIVED_FIELDS)
    if unknown:
        known = "matrix, divisor, bias, name, summary and source"
        raise KernelError(f"has the unknown key {quoted(unknown[0])}; a kernel has {known}")
    if "matrix" not in document:
        raise KernelError('has no "matrix"')
    fields = {key: document[key] for key in FIELDS & document.keys()}
    for key in ("name", "summary", "source"):
        if not isinstance(fields.get(key, ""), str):
            raise KernelError(f'"{key}" must be text')
    return Kernel(**{"name": name, **fields, "matrix": _array(document["matrix"])})


def _array(value: Any) -> np.ndarray[Any, Any]:
    """Return nested JSON lists as an array of int64 or float64."""
    if not isinstance(value, list):
        raise KernelError("the matrix must be a list of rows")
    shape: tuple[int, ...] = (len(value),)
    cells = value
    while cells and len(shape) < 5 and all(isinstance(row, list) for row in cells):
        check_row_lengths(cells)
        shape = (*shape, len(cells[0]))
        cells = [cell for row in cells for cell in row]
    for cell in cells:
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            raise KernelError(f"{quoted(str(cell))} is not a number")
    integers = all(isinstance(cell, int) for cell in cells)
    check_integers(cell for cell in cells if isinstance(cell, int))
    return np.array(cells, dtype=np.int64 if integers else np.float64).reshape(shape)


def _flat_rows(kernel: Kernel) -> list[list[str]]:
    if kernel.matrix.ndim > 2:
        raise KernelError(f"{kernel.name} is over channels, which only .npy and JSON can hold")
    _refuse_bias(kernel)
    return weight_rows(kernel)


def _refuse_bias(kernel: Kernel) -> None:
    """Refuse a format that would lose the bias."""
    if kernel.bias:
        raise KernelError(f"{kernel.name} has a bias of {kernel.bias}, which only JSON can hold")
