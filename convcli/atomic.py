"""Write a file whole or not at all.

The bytes go to a temporary file in the target's own folder, which then takes the target's name
in one step; a fault or a kill at any moment leaves the old file, or none, never half of one. The
temporary's name tells which process of which machine is writing it, so that what a killed one
left behind can be told and cleared.
"""

import errno
import os
import platform
import re
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from convcli.errors import ExistingError, ImageError, shown

TEMPORARY_PREFIX = ".convcli-"
_TEMPORARY = re.compile(r"\.convcli-(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{16}\.tmp")
_LONG_AGO = 24 * 3600  # seconds, after which no machine is still writing a file


def refuse_existing(target: Path) -> ExistingError:
    """Return the error for a target that is there already."""
    return ExistingError(target, "exists already; --overwrite replaces it")


def is_stream(target: Path) -> bool:
    """Tell whether ``target`` is a FIFO, a device or a socket: written to, never replaced."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def check_target(target: Path, *, overwrite: bool = False) -> None:
    """See that ``target`` is free, or may be replaced; cheap enough to ask before any work.

    Raises:
        ImageError: it is a folder, a file that is to stay, or nothing that the system can name.
    """
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not (overwrite or is_stream(target)):
            raise refuse_existing(target)
    except OSError as error:
        raise _refused(target, error) from error


@contextmanager
def atomic_write(target: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open ``target`` for writing; it appears under its name only when the block ends well.

    Missing folders are made. A symbolic link stays, and the file it names is replaced. A new
    file's permissions follow the umask, a replaced file's are kept. A FIFO or a device is
    written to as it is.

    Raises:
        ImageError: the target exists and ``overwrite`` is false, or the system refuses.
    """
    try:
        if is_stream(target):
            with target.open("wb") as stream:
                yield stream
            return
        final = Path(os.path.realpath(target))
        check_target(target, overwrite=overwrite)
        _make_folder(final.parent)
        handle, temporary = _open_temporary(final)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            _publish(temporary, final, target, overwrite=overwrite)
        finally:
            temporary.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refused(target, error) from error


def _refused(target: Path, error: OSError) -> ImageError:
    return ImageError(target, f"cannot be written: {error.strerror or error}")


def clear_stale(folder: Path) -> None:
    """Remove the temporaries in a folder whose processes are gone.

    Those of another machine, or of a process number that has come to be another's, go after a day.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found is not None and _is_stale(entry, found["host"], int(found["process"])):
                with suppress(OSError):
                    Path(entry.path).unlink()


def _is_stale(entry: os.DirEntry[str], host: str, process: int) -> bool:
    if host == _host() and not _is_running(process):
        return True
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _LONG_AGO


def _is_running(process: int) -> bool:
    """Tell whether a process of this machine is there, and not just its exit code."""
    with suppress(OSError):
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        pass
    return True


@cache
def _host() -> str:
    """Return eight digits that stand for this machine, and the container whose processes we see."""
    name = platform.node()
    with suppress(OSError):
        name += str(Path("/proc/self/ns/pid").stat().st_ino)
    return f"{zlib.crc32(name.encode()):08x}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, f"{shown(folder)} is a file") from error


def _open_temporary(final: Path) -> tuple[int, Path]:
    """Make the temporary file beside ``final``, with the permissions that ``final`` is to have."""
    mark = f"{_host()}-{os.getpid()}-{os.urandom(8).hex()}"
    temporary = final.parent / f"{TEMPORARY_PREFIX}{mark}.tmp"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with suppress(OSError):  # nothing to keep the permissions of, or nowhere to keep them
        temporary.chmod(stat.S_IMODE(final.stat().st_mode))
    return handle, temporary


def _publish(temporary: Path, final: Path, target: Path, *, overwrite: bool) -> None:
    """Give the finished file its name; without ``overwrite``, never over a file made meanwhile."""
    if overwrite:
        temporary.replace(final)
        return
    try:
        os.link(temporary, final)
    except FileExistsError:
        raise refuse_existing(target) from None
    except OSError:  # a file system without hard links
        if final.exists():
            raise refuse_existing(target) from None
        temporary.replace(final)
