"""Which files: names, folders and patterns, looked up as the work goes on."""

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import translate
from functools import lru_cache
from pathlib import Path, PurePath
from typing import NamedTuple

from convcli.atomic import is_stream
from convcli.errors import ConvcliError, ImageError, UsageError
from convcli.images.formats import image_suffixes

STDIN = "-"


class Source(NamedTuple):
    """One input: a file, or standard input.

    Attributes:
        path: its name, as it was given or found.
        below: where it lies below the folder, the pattern or the list that it was found in; an
            output folder repeats it.
        found: whether it was found in a folder or by a pattern, not named.
        is_stdin: whether it is standard input.
    """

    path: str
    below: str = ""
    found: bool = False
    is_stdin: bool = False


class Missing(NamedTuple):
    """An input that cannot be taken up, and why; its neighbors go on."""

    path: str
    error: ConvcliError


class Group(NamedTuple):
    """Inputs that lie in one folder: all that was found there, or one that was named.

    Attributes:
        folder: the folder, as it was given or found.
        below, found, is_stdin: as in :class:`Source`.
        names: the files' names inside it.
        strangers: how many other files it has, which are no images by their names.
    """

    folder: str
    names: list[str]
    below: str = ""
    found: bool = False
    is_stdin: bool = False
    ignored: int = 0

    def sources(self) -> Iterator[Source]:
        """Yield the inputs one by one."""
        for name in self.names:
            path = os.path.join(self.folder, name)
            yield Source(path, self.below, self.found, self.is_stdin)


class InputOptions(NamedTuple):
    """What to look for.

    Attributes:
        names: files, folders, patterns, or ``-`` for standard input.
        files_from: a file of names, or ``-`` for standard input; None for no list.
        null: the list's names end in NUL instead of a newline.
        recursive: descend into the folders inside a folder.
        include: patterns of which a found file matches one, instead of an image's suffixes.
        exclude: patterns of which a found file or folder matches none.
        output: a folder that is never searched: the results of this run or the last.
    """

    names: tuple[str, ...] = ()
    files_from: str | None = None
    null: bool = False
    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
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
                "- (standard input) can be one image, the --files-from list or the kernel, once"
            )

    @property
    def streams(self) -> bool:
        """Whether the list comes through a pipe, so that it can be read but once."""
        if self.files_from is None:
            return False
        return self.files_from == STDIN or is_stream(Path(self.files_from))

    def wanted(self) -> Callable[[str, str], bool]:
        """Return what tells, by its name and its folder, whether a found file is taken."""
        suffixes = image_suffixes()
        includes, excludes = _pattern(self.include), _pattern(self.exclude)

        def is_wanted(name: str, below: str) -> bool:
            if excludes and excludes(name, below):
                return False
            if includes:
                return includes(name, below)
            return os.path.splitext(name)[1].lower() in suffixes

        return is_wanted


def find_named(search: InputOptions) -> Iterator[Group | Missing]:
    """Yield the inputs that are named, and those found in folders and by patterns.

    They come in the order given, a folder's sorted by name. Inside a folder only files with a
    image's suffix count; what is named outright is taken whatever it is. Folders are read when
    their turn comes.
    """
    for name in search.names:
        if name == STDIN:
            yield Group("", [name], is_stdin=True)
        elif not name:
            yield Missing(name, ImageError("''", "is no file's name"))
        elif os.path.isdir(name):
            yield from _in_folder(name, search)
        elif os.path.lexists(name) or not glob.has_magic(name):
            yield Group("", [name])
        else:
            yield from _matching(name, search)


def _in_folder(top: str, search: InputOptions) -> Iterator[Group | Missing]:
    """Yield the images of a folder; links to folders are not followed, so no loop is entered."""
    output, excludes = _identity(search.output), _pattern(search.exclude)
    problems: list[Missing] = []
    waiting, any_found, descends = [top], False, False
    while waiting:
        folder = waiting.pop()
        below = os.path.relpath(folder, top)
        try:
            found = os.stat(folder)
            state = (found.st_dev, found.st_ino, found.st_mtime_ns)
            group, inside = _scanned(folder, below, search, state)
        except OSError as error:
            problems.append(Missing(folder, _refused(folder, error)))
            continue
        inside = [
            name
            for name in inside
            if not (excludes and excludes(name, below))
            and (output is None or _identity(os.path.join(folder, name)) != output)
        ]
        if search.recursive:
            waiting += [os.path.join(folder, name) for name in sorted(inside, reverse=True)]
        descends = descends or bool(inside)
        any_found = any_found or bool(group.names)
        yield group
    yield from problems
    if not any_found and not problems:
        hint = "; --recursive descends into its folders" if descends > search.recursive else ""
        if search.include or search.exclude:
            hint = f" that --include and --exclude let through{hint}"
        yield Missing(top, ImageError(top, f"no image in this folder{hint}"))


@lru_cache(maxsize=1)
def _scanned(
    folder: str, below: str, search: InputOptions, _state: tuple[int, int, int]
) -> tuple[Group, list[str]]:
    """Return the images in one folder, sorted, and the folders inside it; none is hidden.

    Inputs are gone through twice, and a large folder is often the only one: it is remembered while
    its state is the same.
    """
    is_wanted = search.wanted()
    names, folders, ignored = [], [], 0
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif entry.is_symlink() and os.path.isdir(entry.path):
                continue
            elif is_wanted(name, below) and _is_file(entry):
                names.append(name)
            else:
                ignored += 1
    names.sort()
    return Group(folder, names, below, found=True, ignored=ignored), folders


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell whether a name is a file's, or a link's to nowhere, which is worth an error."""
    if entry.is_symlink():  # whose own methods raise where it leads in a circle
        return os.path.isfile(entry.path) or not os.path.exists(entry.path)
    return entry.is_file()


def _identity(path: str | None) -> tuple[int, int] | None:
    """Return what tells a file from all others, or None where there is none."""
    try:
        found = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _matching(pattern: str, search: InputOptions) -> Iterator[Group | Missing]:
    """Yield the files that a pattern matches; ``**`` stands for any number of folders."""
    fixed = PurePath(pattern).parts
    wild = next(index for index, part in enumerate(fixed) if glob.has_magic(part))
    base = PurePath(*fixed[:wild])
    excludes, includes = _pattern(search.exclude), _pattern(search.include)
    matches = sorted(path for path in glob.iglob(pattern, recursive=True) if os.path.isfile(path))
    if not matches:
        yield Missing(pattern, ImageError(pattern, "no such file, and no file matches it"))
    seen: set[str] = set()
    for path in matches:
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if real in seen:  # through a link to a folder above
            continue
        seen.add(real)
        name, below = os.path.basename(path), os.path.relpath(os.path.dirname(path) or ".", base)
        if (excludes and excludes(name, below)) or (includes and not includes(name, below)):
            continue
        yield Group("", [path], below, found=True)


def _pattern(patterns: tuple[str, ...]) -> Callable[[str, str], bool] | None:
    """Return what tells whether a name, or with its folder where a pattern has a /, matches one."""
    if not patterns:
        return None
    names = _either(each for each in patterns if "/" not in each)
    paths = _either(each for each in patterns if "/" in each)

    def matches(name: str, below: str) -> bool:
        if names.match(name):
            return True
        path = name if below in ("", ".") else f"{below}/{name}"
        return paths.match(path.replace(os.sep, "/")) is not None

    return matches


def _either(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return what matches any of the patterns; nothing where there are none."""
    return re.compile("|".join(map(translate, patterns)) or "(?!)")


def _refused(path: str, error: OSError) -> ImageError:
    return ImageError(path, f"cannot be read: {error.strerror or error}")
