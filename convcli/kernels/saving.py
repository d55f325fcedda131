"""Kernels to files that read back to the same weights."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from convcli.atomic import atomic_write
from convcli.errors import KernelError, UsageError, shown
from convcli.kernels.kernel import Kernel
from convcli.kernels.text import aligned, weight_rows


def save_kernel(kernel: Kernel, target: Path, *, overwrite: bool = False) -> None:
    """Write a kernel to ``.json``, ``.npy``, ``.txt`` or ``.csv``, whole or not at all.

    JSON keeps matrix, divisor, bias, name, summary and source. The others hold the weights: text
    as fractions where there is a divisor, ``.npy`` as float64 then.

    Raises:
        UsageError: the suffix is none of these.
        KernelError: the format cannot hold the kernel.
        ImageError: the target exists and ``overwrite`` is false, or cannot be written.
    """
    content = _content(kernel, target)
    with atomic_write(target, overwrite=overwrite) as file:
        file.write(content)


def matrix_text(kernel: Kernel) -> str:
    """Return the weights as an aligned text matrix that reads back to them.

    Raises:
        KernelError: rows cannot hold the kernel: it is over channels, or has a bias.

    >>> print(matrix_text(Kernel([[1, 2, 1]], divisor=4)), end="")
    1/4 1/2 1/4
    """
    return "".join(f"{line}\n" for line in aligned(_flat_rows(kernel)))


def kernel_fields(kernel: Kernel) -> dict[str, Any]:
    """Return what JSON keeps of a kernel."""
    return {
        "name": kernel.name,
        "summary": kernel.summary,
        "source": kernel.source,
        "matrix": kernel.matrix.tolist(),
        "divisor": kernel.divisor,
        "bias": kernel.bias,
    }


def _content(kernel: Kernel, target: Path) -> bytes:
    match target.suffix.lower():
        case ".json":
            return f"{json.dumps(kernel_fields(kernel))}\n".encode()
        case ".npy":
            _refuse_bias(kernel)
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(kernel), allow_pickle=False)
            return buffer.getvalue()
        case ".txt":
            return matrix_text(kernel).encode()
        case ".csv":
            return "".join(f"{','.join(row)}\n" for row in _flat_rows(kernel)).encode()
    raise UsageError(f"{shown(target)}: a kernel is written as .npy, .csv, .txt, .json or .png")


def _refuse_bias(kernel: Kernel) -> None:
    """Refuse to lose the bias in silence."""
    if kernel.bias:
        raise KernelError(f"{kernel.name} has a bias of {kernel.bias}, which only JSON can hold")


def _flat_rows(kernel: Kernel) -> list[list[str]]:
    if kernel.matrix.ndim > 2:
        raise KernelError(f"{kernel.name} is over channels, which only .npy and JSON can hold")
    _refuse_bias(kernel)
    return weight_rows(kernel)
