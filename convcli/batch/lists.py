"""Inputs named in a list, read as it arrives, and all inputs together."""

import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import cast

from convcli.batch.inputs import STDIN, Group, InputOptions, Missing, find_named
from convcli.errors import UsageError, shown

LONGEST = 1 << 16  # bytes of a name


def find_all(search: InputOptions) -> Iterator[Group | Missing]:
    """Yield every input: those that are named or found, then those of the list."""
    yield from find_named(search)
    yield from find_listed(search)


def find_listed(search: InputOptions) -> Iterator[Group]:
    """Yield the inputs in the list as they arrive, byte for byte.

    Raises:
        UsageError: the list cannot be read.
    """
    if search.files_from is None:
        return
    end = b"\0" if search.null else b"\n"
    for name in _pieces(_chunks(search.files_from), end):
        path = os.fsdecode(name if search.null else name.removesuffix(b"\r"))
        if "\0" in path:
            raise UsageError(
                f"--files-from {shown(search.files_from)}: has NUL in a name; -0 reads it so"
            )
        if path:
            folder = PurePath(os.path.normpath(os.path.dirname(path)))
            inner = [part for part in folder.parts if part not in (folder.anchor, "..")]
            yield Group("", [path], os.path.join("", *inner))


def _chunks(list_file: str) -> Iterator[bytes]:
    try:
        if list_file == STDIN:
            yield from iter(_read_stdin, b"")
            return
        with open(list_file, "rb") as file:
            yield from iter(lambda: file.read(1 << 16), b"")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--files-from {shown(list_file)}: {reason}") from error


def _read_stdin() -> bytes:
    """Read what there is; without the stream's lock, which a thread that waits would keep."""
    try:
        return os.read(sys.stdin.fileno(), 1 << 16)
    except io.UnsupportedOperation:  # no real file
        return cast(io.BufferedReader, sys.stdin.buffer).read1(1 << 16)


def _pieces(chunks: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    """Cut a stream of bytes at each ``end``."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(end)
        if len(rest) > LONGEST:
            raise UsageError(
                "--files-from: has a name of over 64 KiB; newlines end names, or NUL with -0"
            )
        yield from whole
    yield rest
