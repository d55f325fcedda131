"""Which files: names, folders, patterns and lists, to pictures one by one."""

import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import NamedTuple, cast

from convcli.errors import ConvcliError, PictureError, UsageError, shown
from convcli.images.formats import picture_suffixes

STDIN = "-"


class Source(NamedTuple):
    """One input: a file, or standard input.

    Attributes:
        path: its name, as it was given or found.
        folder: where it lies below the folder, the pattern or the list that it was found in; an
            output folder repeats it.
        found: whether it was found in a folder or by a pattern, not named.
        is_stdin: whether it is standard input.
    """

    path: str
    folder: str = ""
    found: bool = False
    is_stdin: bool = False


class Missing(NamedTuple):
    """An input that cannot be taken up, and why; its neighbours go on."""

    path: str
    error: ConvcliError


class Search(NamedTuple):
    """What to look for.

    Attributes:
        names: files, folders, patterns, or ``-`` for standard input.
        files_from: a file of names, or ``-`` for standard input; None for no list.
        null: the list's names end in NUL instead of a newline.
        recursive: descend into the folders inside a folder.
        output: a folder that is never searched: the results of this run or the last.
    """

    names: tuple[str, ...] = ()
    files_from: str | None = None
    null: bool = False
    recursive: bool = False
    output: str | None = None

    def check(self, *, kernel_from_stdin: bool = False) -> None:
        """See that something is named, and that standard input is one thing at most.

        Raises:
            UsageError: it is not so.
        """
        if not self.names and self.files_from is None:
            raise UsageError("no INPUT: name files, folders or patterns, or use --files-from")
        readers = self.names.count(STDIN) + (self.files_from == STDIN) + kernel_from_stdin
        if readers > 1:
            raise UsageError(
                "- (standard input) can be one picture, the --files-from list or the kernel, once"
            )


def find_sources(search: Search) -> Iterator[Source | Missing]:
    """Yield the inputs in the order given, a folder's sorted by name.

    Inside a folder only files with a picture's suffix count; what is named outright is taken
    whatever it is.

    Raises:
        UsageError: the list cannot be read.
    """
    for name in search.names:
        yield from _expand(name, search)
    if search.files_from is not None:
        yield from _listed(search.files_from, null=search.null)


def _expand(name: str, search: Search) -> Iterator[Source | Missing]:
    if name == STDIN:
        yield Source(name, is_stdin=True)
    elif not name:
        yield Missing(name, PictureError("''", "is no file's name"))
    elif os.path.isdir(name):
        yield from _in_folder(name, search)
    elif os.path.lexists(name) or not glob.has_magic(name):
        yield Source(name)
    else:
        yield from _matching(name)


def _in_folder(top: str, search: Search) -> Iterator[Source | Missing]:
    """Yield the pictures of a folder; links to folders are not followed, so no loop is entered."""
    suffixes = picture_suffixes()
    problems: list[Missing] = []

    def note(error: OSError) -> None:
        problems.append(Missing(str(error.filename), _refused(str(error.filename), error)))

    found = descends = False
    for folder, inside, files in os.walk(top, onerror=note):
        inside[:] = sorted(name for name in inside if _is_searched(folder, name, search.output))
        files = [name for name in files if not name.startswith(".")]
        if not search.recursive:
            descends = bool(inside)
            inside.clear()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.splitext(name)[1].lower() in suffixes and _is_file(path):
                found = True
                yield Source(path, os.path.relpath(folder, top), found=True)
    yield from problems
    if not found and not problems:
        hint = "; --recursive descends into its folders" if descends else ""
        yield Missing(top, PictureError(top, f"no picture in this folder{hint}"))


def _is_searched(folder: str, name: str, output: str | None) -> bool:
    """Leave out hidden folders, and the one that results go to."""
    if name.startswith(".") or output is None or not os.path.exists(output):
        return not name.startswith(".")
    path = os.path.join(folder, name)
    return not (os.path.exists(path) and os.path.samefile(path, output))


def _is_file(path: str) -> bool:
    """Tell whether a name is a file's, or a link's to nowhere, which is worth an error."""
    return os.path.isfile(path) or not os.path.exists(path)


def _matching(pattern: str) -> Iterator[Source | Missing]:
    """Yield the files that a pattern matches; ``**`` stands for any number of folders."""
    fixed = PurePath(pattern).parts
    wild = next(index for index, part in enumerate(fixed) if glob.has_magic(part))
    base = PurePath(*fixed[:wild])
    matches = sorted(path for path in glob.iglob(pattern, recursive=True) if os.path.isfile(path))
    if not matches:
        yield Missing(pattern, PictureError(pattern, "no such file, and no file matches it"))
    for path in matches:
        folder = os.path.relpath(os.path.dirname(path) or ".", base)
        yield Source(path, folder, found=True)


def _listed(list_file: str, *, null: bool) -> Iterator[Source]:
    """Yield the names in a list as they arrive, byte for byte."""
    end = b"\0" if null else b"\n"
    for name in _pieces(_chunks(list_file), end):
        path = os.fsdecode(name if null else name.removesuffix(b"\r"))
        if "\0" in path:
            raise UsageError(f"--files-from {shown(list_file)}: has NUL in a name; -0 reads it so")
        if path:
            folder = PurePath(os.path.normpath(os.path.dirname(path)))
            inner = [part for part in folder.parts if part not in (folder.anchor, "..")]
            yield Source(path, os.path.join("", *inner))


def _chunks(list_file: str) -> Iterator[bytes]:
    try:
        if list_file == STDIN:
            stdin = cast(io.BufferedReader, sys.stdin.buffer)
            yield from iter(lambda: stdin.read1(1 << 16), b"")
            return
        with open(list_file, "rb") as file:
            yield from iter(lambda: file.read(1 << 16), b"")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--files-from {shown(list_file)}: {reason}") from error


def _pieces(chunks: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    """Cut a stream of bytes at each ``end``."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(end)
        yield from whole
    yield rest


def _refused(path: str, error: OSError) -> PictureError:
    return PictureError(path, f"cannot be read: {error.strerror or error}")
