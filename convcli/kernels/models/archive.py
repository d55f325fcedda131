"""Zip files, which ``.npz`` files are, read without trust in what they say of themselves."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

from convcli.errors import KernelError
from convcli.kernels.models.model import CHUNK, explained, short_name

MAX_READ = 4 * 2**20  # bytes that zipfile may ask for at once, as for a directory
MAX_MEMBERS = 20_000  # files in a zip file; the arrays of a large network are a thousand
FAULTS = (  # what zipfile raises for damaged files
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError),
    *(ValueError, OverflowError, LookupError),
)


class _Cautious:
    """A file that gives little at once: a damaged directory may claim any length."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.seekable, self._read = (
            file.seek, file.tell, file.seekable, file.read
        )  # fmt: skip

    def read(self, size: int = -1) -> bytes:
        content = self._read(min(size, MAX_READ + 1) if size >= 0 else MAX_READ + 1)
        if len(content) > MAX_READ:
            raise KernelError("is damaged, or holds too many files: its directory is too large")
        return content


_damage = partial(explained, FAULTS, "is damaged, or no zip file", with_reason=True)


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip file.

    Args:
        file: seekable.

    Raises:
        KernelError: it is no zip file, or a damaged one.
    """
    with _damage():
        archive = zipfile.ZipFile(_Cautious(file))
    if len(archive.infolist()) > MAX_MEMBERS:
        raise KernelError(f"holds more than {MAX_MEMBERS:,} files")
    return archive


@contextmanager
def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """Open a file of a zip file; damage that shows in the block becomes a KernelError.

    Raises:
        KernelError: the file is damaged, encrypted, or compressed by another method than deflate,
            which alone unpacks no more at once than it is asked for.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise KernelError("is compressed in a way that is not read; save it uncompressed")
    with _damage(), archive.open(member) as stream:
        yield stream  # type: ignore[misc]


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """Return a small file of a zip file.

    Raises:
        KernelError: it has more bytes than ``most``, or is damaged.
    """
    content = bytearray()
    with open_member(archive, member) as stream:
        while len(content) <= most and (chunk := stream.read(CHUNK)):
            content += chunk
    if len(content) > most:
        name = member.filename.rpartition("/")[2]
        raise KernelError(f"has a {short_name(name)} of more than {most >> 20} MiB")
    return bytes(content)
