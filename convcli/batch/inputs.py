"""The inputs of a run: files, folders, patterns and lists, read as the run goes on."""

from __future__ import annotations

import glob
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from fnmatch import translate
from functools import lru_cache
from pathlib import Path, PurePath
from typing import NamedTuple, cast

from convcli.atomic import is_stream
from convcli.batch.options import InputOptions
from convcli.errors import ConvcliError, ImageError, UsageError, shown
from convcli.images.formats import image_suffixes

STDIN = "-"
CHUNK = 1 << 16  # bytes that are read from a list at a time
MAX_NAME = 1 << 16  # bytes of a name in a list

Matcher = Callable[[str, str], bool]  # of a file's name and its folder below the searched one


class Source(NamedTuple):
    """One input: a file, or standard input.

    Attributes:
        path: its name, as it was given or found.
        below: its folder below the searched folder, the pattern or the list; --out-dir mirrors it.
        found: whether it was found in a folder or by a pattern, not named.
        is_stdin: whether it is standard input.
    """

    path: str
    below: str = ""
    found: bool = False
    is_stdin: bool = False


class Missing(NamedTuple):
    """An input that does not exist or cannot be read; the others are still filtered."""

    path: str
    error: ConvcliError


class Group(NamedTuple):
    """The inputs in one folder, or a single input that was named.

    Attributes:
        folder: the folder, as it was given or found.
        names: the files' names in it.
        below, found, is_stdin: as in :class:`Source`.
        ignored: number of other files in the folder, whose names are not those of images.
    """

    folder: str
    names: list[str]
    below: str = ""
    found: bool = False
    is_stdin: bool = False
    ignored: int = 0

    def sources(self) -> Iterator[Source]:
        """Yield the inputs one by one."""
        prefix = os.path.join(self.folder, "") if self.folder else ""
        for name in self.names:
            yield Source(prefix + name, self.below, self.found, self.is_stdin)


def check_inputs(options: InputOptions, *, kernel_from_stdin: bool = False) -> None:
    """Check that there is an input, and that standard input is used once at most.

    Raises:
        UsageError: there is no input, or standard input is used twice.
    """
    if not options.names and options.files_from is None:
        raise UsageError("no INPUT: name files, folders or patterns, or use --files-from")
    uses = options.names.count(STDIN) + (options.files_from == STDIN) + kernel_from_stdin
    if uses > 1:
        raise UsageError(
            "standard input ('-') can be used once only: as an image, as the --files-from list, "
            "or as the kernel"
        )


def is_piped(options: InputOptions) -> bool:
    """Tell whether the list of inputs is a pipe, which can be read only once."""
    if options.files_from is None:
        return False
    return options.files_from == STDIN or is_stream(Path(options.files_from))


def find_all(options: InputOptions) -> Iterator[Group | Missing]:
    """Yield all inputs: those of :func:`find_named`, then those of :func:`find_listed`."""
    yield from find_named(options)
    yield from find_listed(options)


def find_named(options: InputOptions) -> Iterator[Group | Missing]:
    """Yield the inputs that are named, and those found in folders and by patterns.

    They come in the order given; those of a folder are sorted by name. In a folder only files with
    an image's suffix are inputs; a file that is named is one whatever its suffix. Each folder is
    read when its turn comes.
    """
    for name in options.names:
        if name == STDIN:
            yield Group("", [name], is_stdin=True)
        elif not name:
            yield Missing(name, ImageError("''", "is not a file name"))
        elif os.path.isdir(name):
            yield from _in_folder(name, options)
        elif os.path.lexists(name) or not glob.has_magic(name):
            yield Group("", [name])
        else:
            yield from _matching(name, options)


def find_listed(options: InputOptions) -> Iterator[Group]:
    """Yield the inputs named in the --files-from list as they arrive; names are bytes.

    Raises:
        UsageError: the list cannot be read.
    """
    if options.files_from is None:
        return
    end = b"\0" if options.null else b"\n"
    for name in _split(_chunks(options.files_from), end):
        path = os.fsdecode(name if options.null else name.removesuffix(b"\r"))
        if "\0" in path:
            raise UsageError(
                f"--files-from {shown(options.files_from)}: a name contains NUL; "
                "use -0 if NUL ends the names"
            )
        if path:
            folder = PurePath(os.path.normpath(os.path.dirname(path)))
            below = [part for part in folder.parts if part not in (folder.anchor, "..")]
            yield Group("", [path], os.path.join("", *below))


def _in_folder(top: str, options: InputOptions) -> Iterator[Group | Missing]:
    """Yield the images of a folder; links to folders are not followed, to avoid endless loops."""
    out_dir, excludes = _identity(options.out_dir), _matcher(options.exclude)
    unreadable: list[Missing] = []
    waiting, any_found, any_inside = [top], False, False
    while waiting:
        folder = waiting.pop()
        below = os.path.relpath(folder, top)
        try:
            stat = os.stat(folder)
            state = (stat.st_dev, stat.st_ino, stat.st_mtime_ns)
            group, inside = _scan(folder, below, options, state)
        except OSError as error:
            problem = f"cannot be read: {error.strerror or error}"
            unreadable.append(Missing(folder, ImageError(folder, problem)))
            continue
        inside = [
            name
            for name in inside
            if not (excludes and excludes(name, below))
            and (out_dir is None or _identity(os.path.join(folder, name)) != out_dir)
        ]
        if options.recursive:
            waiting += [os.path.join(folder, name) for name in sorted(inside, reverse=True)]
        any_inside = any_inside or bool(inside)
        any_found = any_found or bool(group.names)
        yield group
    yield from unreadable
    if not any_found and not unreadable:
        hint = "; use --recursive to search its folders" * (any_inside and not options.recursive)
        if options.include or options.exclude:
            hint = f" that matches --include and --exclude{hint}"
        yield Missing(top, ImageError(top, f"no image in this folder{hint}"))


@lru_cache(maxsize=1)
def _scan(
    folder: str, below: str, options: InputOptions, _state: tuple[int, int, int]
) -> tuple[Group, list[str]]:
    """Return the images in one folder, sorted, and the folders in it; hidden ones are left out.

    The last result is cached while the folder's state is the same: inputs are read twice, and
    often from one large folder.
    """
    suffixes = image_suffixes()
    includes, excludes = _matcher(options.include), _matcher(options.exclude)
    names, folders, ignored = [], [], 0
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
                continue
            if entry.is_symlink() and os.path.isdir(entry.path):
                continue
            if includes:
                is_wanted = includes(name, below)
            else:
                is_wanted = os.path.splitext(name)[1].lower() in suffixes
            if is_wanted and not (excludes and excludes(name, below)) and _is_file(entry):
                names.append(name)
            else:
                ignored += 1
    names.sort()
    return Group(folder, names, below, found=True, ignored=ignored), folders


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a file, or a broken link, which is reported as an error."""
    if entry.is_symlink():  # the entry's own methods raise if links form a circle
        return os.path.isfile(entry.path) or not os.path.exists(entry.path)
    return entry.is_file()


def _identity(path: str | None) -> tuple[int, int] | None:
    """Return device and inode of a file; None if it does not exist."""
    try:
        stat = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino


def _matching(pattern: str, options: InputOptions) -> Iterator[Group | Missing]:
    """Yield the files that match a pattern; ``**`` matches any number of folders."""
    parts = PurePath(pattern).parts
    first_wild = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    base = PurePath(*parts[:first_wild])
    includes, excludes = _matcher(options.include), _matcher(options.exclude)
    matches = sorted(path for path in glob.iglob(pattern, recursive=True) if os.path.isfile(path))
    if not matches:
        yield Missing(pattern, ImageError(pattern, "no such file, and no file matches it"))
    seen: set[str] = set()
    for path in matches:
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if real in seen:  # a link to a parent folder leads to the same file again
            continue
        seen.add(real)
        name, below = os.path.basename(path), os.path.relpath(os.path.dirname(path) or ".", base)
        if (excludes and excludes(name, below)) or (includes and not includes(name, below)):
            continue
        yield Group("", [path], below, found=True)


def _matcher(patterns: tuple[str, ...]) -> Matcher | None:
    """Return a function that matches a name; a pattern with a / matches the folder and the name."""
    if not patterns:
        return None
    names = _any_of(each for each in patterns if "/" not in each)
    paths = _any_of(each for each in patterns if "/" in each)

    def matches(name: str, below: str) -> bool:
        if names.match(name):
            return True
        path = name if below in ("", ".") else f"{below}/{name}"
        return paths.match(path.replace(os.sep, "/")) is not None

    return matches


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return an expression that matches any of the patterns, and nothing without patterns."""
    return re.compile("|".join(map(translate, patterns)) or "(?!)")


def _chunks(list_file: str) -> Iterator[bytes]:
    try:
        if list_file == STDIN:
            yield from iter(_read_stdin, b"")
            return
        with open(list_file, "rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--files-from {shown(list_file)}: {reason}") from error


def _read_stdin() -> bytes:
    """Read what is available, without the stream's lock, which a waiting thread would hold."""
    try:
        return os.read(sys.stdin.fileno(), CHUNK)
    except io.UnsupportedOperation:  # a stream in memory
        return cast(io.BufferedReader, sys.stdin.buffer).read1(CHUNK)


def _split(chunks: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    """Split a stream of bytes at each ``end``."""
    rest = b""
    for chunk in chunks:
        *names, rest = (rest + chunk).split(end)
        if len(rest) > MAX_NAME:
            raise UsageError(
                "--files-from: a name is longer than 64 KiB; "
                "end each name with a newline, or with NUL and -0"
            )
        yield from names
    yield rest
