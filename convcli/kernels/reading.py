"""Open the files that kernels and models are read from; every problem is a KernelError."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from convcli.errors import KernelError, shown

MAX_BYTES = 64 * 2**20


@contextmanager
def open_file(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading; what the system refuses, also in the block, becomes a KernelError.

    Raises:
        KernelError: the file does not exist, or cannot be read. The message has no name.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise KernelError("no such file") from None
    except (OSError, ValueError) as error:  # a name cannot hold a null character
        raise _unreadable(error) from error
    with file:
        try:
            yield file
        except OSError as error:
            raise _unreadable(error) from error


def _unreadable(error: OSError | ValueError) -> KernelError:
    reason = error.strerror if isinstance(error, OSError) else error
    return KernelError(f"cannot be read: {shown(reason)}")


def read_limited(stream: BinaryIO) -> bytes:
    """Return all that a stream holds, or raise a KernelError if that is too large for a kernel."""
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise KernelError(f"is too large: a kernel file has at most {MAX_BYTES >> 20} MiB")
    return content


def is_file(text: str) -> bool:
    """Tell whether a text is the name of a regular file."""
    try:
        return stat.S_ISREG(os.stat(text).st_mode)
    except (OSError, ValueError):  # also one too long for a name
        return False
