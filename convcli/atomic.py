"""Write a file whole or not at all.

The bytes go to a temporary file in the target's folder, which is then renamed to the target in one
step. An error or a kill at any moment leaves the old file, or none, but never half a file. The
temporary file's name contains its machine and its process; by it, files that killed processes left
are recognized and removed.
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
from typing import BinaryIO

from convcli.errors import ExistingError, ImageError, StrPath, shown

_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
_TEMPORARY = re.compile(r"\.convcli-(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{16}\.tmp")


def refuse_existing(target: StrPath) -> ExistingError:
    """Return the error for a target that exists."""
    return ExistingError(_tidy(target), "exists already; --overwrite replaces it")


@contextmanager
def in_python() -> Iterator[None]:
    """Name the argument ``overwrite``, not the option, if the block may not replace a file."""
    try:
        yield
    except ExistingError as error:
        problem = error.problem.replace("--overwrite", "overwrite=True")
        raise ExistingError(error.path, problem) from None


def is_stream(target: StrPath) -> bool:
    """Return whether ``target`` is a FIFO, a device or a socket, which is never replaced.

    Names of open files, such as ``/dev/stdout``, count as devices wherever they lead.
    """
    path = os.fspath(target)
    if _is_stream_name(path):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _is_stream_name(path: str) -> bool:
    return path.startswith(("/dev/fd/", "/proc/self/fd/", "/dev/std"))


def check_target(target: StrPath, *, overwrite: bool = False) -> None:
    """Raise ImageError if ``target`` is a folder, an invalid name, or may not be replaced."""
    try:
        mode = os.stat(target).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not (overwrite or is_stream(target)):
            raise refuse_existing(target)
    except ValueError:  # a name that no file can have
        return
    except OSError as error:
        if error.errno not in _NOTHING_THERE:
            raise _write_error(_tidy(target), error) from error


@contextmanager
def atomic_write(target: StrPath, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open ``target`` for writing. It appears under its name only if the block succeeds.

    Missing folders are created. A symbolic link is kept, and the file it points to is replaced. A
    new file's permissions follow the umask; those of a replaced file are kept. FIFOs and devices
    are written to directly.

    Raises:
        ImageError: the target exists and ``overwrite`` is false, or the system refuses.
    """
    # Plain strings, and no question whose answer is known: a third of what pathlib takes, which
    # counts where thousands of small files are written.
    path = final = os.fspath(target)
    try:
        if _is_stream_name(path) or ((found := _entry(path)) and is_stream(path)):
            with open(path, "wb") as stream:
                yield stream
            return
        if found:
            check_target(path, overwrite=overwrite)
        if found or os.pardir in path:  # a folder that a path leads out of need not exist
            final = os.path.realpath(path)
        name = f".convcli-{_host()}-{os.getpid()}-{os.urandom(8).hex()}.tmp"
        temporary = os.path.join(os.path.dirname(final), name)
        try:
            with _created(temporary) as file:
                if found:
                    with suppress(OSError):  # a link to nothing, or a system without permissions
                        os.chmod(temporary, stat.S_IMODE(os.stat(final).st_mode))
                yield file
            if not overwrite:
                try:
                    os.link(temporary, final)
                    return
                except OSError as error:  # the file exists, or the system has no hard links
                    if isinstance(error, FileExistsError) or os.path.exists(final):
                        raise refuse_existing(path) from None
            os.replace(temporary, final)
        finally:
            with suppress(FileNotFoundError, NotADirectoryError):  # it was not created, or renamed
                os.unlink(temporary)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _write_error(target, error) from error


def _entry(path: str) -> os.stat_result | None:
    """Return what a folder says of a file or a link; None if there is neither."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _created(path: str) -> BinaryIO:
    """Create a file that must not exist, and the folders it is in."""
    try:
        return open(path, "xb")
    except (FileNotFoundError, NotADirectoryError):
        folder = os.path.dirname(path)
        try:
            os.makedirs(folder, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, f"{shown(folder)} is a file") from error
        return open(path, "xb")


def _write_error(target: StrPath, error: OSError) -> ImageError:
    return ImageError(target, f"cannot be written: {error.strerror or error}")


def _tidy(path: StrPath) -> StrPath:
    """Return a path as messages show it: ``a/b`` in place of ``./a//b``."""
    from pathlib import PurePath

    return PurePath(path)


def clear_stale(folder: StrPath) -> None:
    """Remove temporary files from a folder if the processes that wrote them are gone.

    Files of another machine, or whose process number now belongs to another process, are removed
    after a day: no process writes one file for so long.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if match := _TEMPORARY.fullmatch(entry.name):
                is_dead = match["host"] == _host() and not _is_running(int(match["process"]))
                with suppress(OSError):  # a running process may have removed its own meanwhile
                    written = entry.stat(follow_symlinks=False).st_mtime
                    if is_dead or time.time() - written > 24 * 3600:
                        os.unlink(entry.path)


def _is_running(process: int) -> bool:
    """Return whether a process of this machine is running; a zombie is not."""
    with suppress(OSError), open(f"/proc/{process}/stat") as status:
        return ") Z " not in status.read()
    if os.name == "nt":  # os.kill would send Ctrl-C; the file is removed after a day
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        pass
    return True


@cache
def _host() -> str:
    """Return eight hex digits that identify this machine and its process namespace (container)."""
    name = platform.node()
    with suppress(OSError):
        name += str(os.stat("/proc/self/ns/pid").st_ino)
    return f"{zlib.crc32(name.encode()):08x}"
