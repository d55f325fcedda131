"""The inputs of a run: files, folders, patterns and lists, read as the run goes on."""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

from convcli.atomic import is_stream
from convcli.batch.options import InputOptions
from convcli.errors import ConvcliError, ImageError, UsageError, shown
from convcli.images.formats import image_suffixes
from convcli.samples import file_of, is_sample, local_name
from convcli.signals import SignalSource, file_name, is_signal

STDIN = "-"
WILD = set("*?[")  # the characters that make a name a pattern
MATRIX = "matrix"  # the name of a typed matrix
CHUNK = 1 << 16  # bytes that are read from a list at a time
MAX_NAME = 1 << 16  # bytes of a name in a list

Matcher = Callable[[str, str], bool]  # of a file's name and its folder below the searched one


class Source(NamedTuple):
    """One input: a file, or standard input."""

    path: str  # as it was given or found
    below: str = ""  # its folder below the searched one, the pattern or the list, for --out-dir
    found: bool = False  # it was found in a folder or by a pattern, not named
    is_stdin: bool = False
    text: str | None = None  # a matrix that was typed; the path is only its name then
    sample: str | None = None  # the @NAME of a sample; each machine has its own file of it
    signal: str | None = None  # signal:NAME,..., which is no file
    error: ConvcliError | None = None  # why it cannot be filtered, if that is known already

    @property
    def file(self) -> str | None:
        """The file that is read; None for standard input, a typed matrix and a signal."""
        if self.is_stdin or self.text is not None or self.signal is not None:
            return None
        return self.path if self.sample is None else file_of(self.sample)

    @property
    def name(self) -> str:
        """What messages call it."""
        return "standard input" if self.is_stdin else self.path

    @property
    def identity(self) -> str:
        """What two mentions of the same input have in common."""
        return self.sample or self.signal or os.path.abspath(self.path)

    @property
    def named_after(self) -> str:
        """The path that the names of results are made from."""
        if self.is_stdin:
            return "stdin"
        if self.sample is not None:
            return local_name(self.sample)
        if self.signal is not None:
            return file_name(self.signal)
        return self.path if self.text is None else f"{MATRIX}.txt"


def check_inputs(options: InputOptions, *, kernel_from_stdin: bool = False) -> None:
    """Raise UsageError if there is no input, no such sample, or two uses of standard input."""
    if options.matrix is not None:
        check_matrix(options.names or options.files_from is not None)
    elif not options.names and options.files_from is None:
        raise UsageError(
            "no INPUT: name files, folders or patterns, or give --files-from or --matrix"
        )
    for name in options.names:
        check_name(name)
    uses = options.names.count(STDIN) + (options.files_from == STDIN) + kernel_from_stdin
    if uses > 1:
        raise UsageError(
            "standard input ('-') can be used once only: as an image, as the --files-from list, "
            "or as the kernel"
        )


def check_name(name: str) -> None:
    """Raise UsageError if a name is that of a sample or a signal which does not exist."""
    if is_signal(name):
        from convcli.kernels.signals import check_signal

        check_signal(name)
    else:
        file_of(name)


def check_matrix(other_input: object) -> None:
    """Raise UsageError if --matrix is not the only input."""
    if other_input:
        raise UsageError("--matrix stands for INPUT; leave one of them out")


def _rows(matrix: str) -> str:
    """Return a typed matrix as a file has it.

    Semicolons end rows; in several lines, as copied from a file, they separate cells.
    """
    from convcli.kernels.matrix_text import unbracketed  # it loads numpy

    text = unbracketed(matrix).strip()
    if "\n" in text:
        return re.sub(r"(?m);[ \t]*$", "", text)
    return text.replace(";", "\n")


def open_source(source: Source) -> str | io.BytesIO | SignalSource:
    """Return what to read an input from; a pipe is read whole, because decoders seek.

    Raises:
        ImageError: a pipe cannot be read, e.g. because standard input is a folder.
        UsageError: this machine has no such sample.
    """
    if source.text is not None:
        return io.BytesIO(_rows(source.text).encode("utf-8", "surrogateescape"))
    if source.signal is not None:
        return SignalSource(source.signal)
    path = source.file or "."
    try:
        if source.is_stdin:
            return io.BytesIO(sys.stdin.buffer.read())
        if is_stream(path) and _is_fifo(path):
            with open(path, "rb") as file:
                return io.BytesIO(file.read())
        return path
    except OSError as error:
        raise ImageError(source.name, f"cannot be read: {error.strerror or error}") from error


class InputSearch:
    """Finds the inputs. Folders and lists are read as the iteration goes on.

    Attributes:
        is_piped: whether the list of inputs is a pipe, which can be read only once.
        ignored: number of the files that the search found in folders and left out, because
            their names are not those of images.
    """

    def __init__(self, options: InputOptions) -> None:
        self._options = options
        self._includes, self._excludes = _matcher(options.include), _matcher(options.exclude)
        # Inputs are read twice, and often from one large folder.
        self._scan_cached = lru_cache(maxsize=1)(self._scan)
        listed = options.files_from
        self.is_piped = listed is not None and (listed == STDIN or is_stream(listed))
        self.ignored = 0
        self._mentioned: set[int] = set()
        self._pipe: Iterator[Source] = self._listed() if self.is_piped else iter(())

    def repeatable(self) -> Iterator[Source]:
        """Yield the inputs that can be read more than once: all, or all but those of a pipe."""
        self._mentioned.clear()
        yield from self._once(self._named())
        if not self.is_piped:
            yield from self._once(self._listed())

    def piped(self) -> Iterator[Source]:
        """Yield the inputs of a list from a pipe as they arrive, once :meth:`repeatable` ended."""
        yield from self._once(self._pipe)

    def count_to_two(self) -> int:
        """Return the number of inputs, 2 if there are more; those from a pipe stay to be read."""
        paths, ahead = {each.identity for each in islice(self.repeatable(), 2)}, []
        while len(paths) < 2 and (source := next(self._pipe, None)) is not None:
            paths.add(source.identity)
            ahead.append(source)
        self._pipe = chain(ahead, self._pipe)
        return len(paths)

    def _once(self, sources: Iterable[Source]) -> Iterator[Source]:
        """Leave out inputs that were mentioned before: the same absolute path."""
        one_folder = len(self._options.names) == 1 and self._options.files_from is None
        for source in sources:
            if not (one_folder or source.is_stdin):
                identity = hash(source.identity)
                if identity in self._mentioned:
                    continue
                self._mentioned.add(identity)
            yield source

    def _named(self) -> Iterator[Source]:
        """Yield the inputs that are named, and those found in folders and by patterns.

        They come in the order given; those of a folder are sorted by name. In a folder only files
        with an image's suffix are inputs; a file that is named is one whatever its suffix.
        """
        self.ignored = 0
        if self._options.matrix is not None:
            yield Source(MATRIX, text=self._options.matrix)
        for name in self._options.names:
            if name == STDIN:
                yield Source(name, is_stdin=True)
            elif is_sample(name):
                yield _sample(name)
            elif is_signal(name):
                yield Source(name, signal=name)
            elif not name:
                yield Source(name, error=ImageError("''", "is not a file name"))
            elif os.path.isdir(name):
                yield from self._in_folder(name)
            elif os.path.lexists(name) or not set(name) & WILD:
                yield Source(name)
            else:
                yield from self._matching(name)

    def _listed(self) -> Iterator[Source]:
        """Yield the inputs named in the --files-from list as they arrive; names are bytes."""
        list_file, null = self._options.files_from, self._options.null
        if list_file is None:
            return
        for name in _split(_chunks(list_file), b"\0" if null else b"\n"):
            path = os.fsdecode(name if null else name.removesuffix(b"\r"))
            if "\0" in path:
                raise UsageError(
                    f"--files-from {shown(list_file)}: a name contains NUL; "
                    "use -0 if NUL ends the names"
                )
            if is_sample(path):
                yield _sample(path)
            elif is_signal(path):
                yield _signal(path)
            elif path:
                from pathlib import PurePath

                folder = PurePath(os.path.normpath(os.path.dirname(path)))
                below = [part for part in folder.parts if part not in (folder.anchor, "..")]
                yield Source(path, os.path.join("", *below))

    def _in_folder(self, top: str) -> Iterator[Source]:
        """Yield the images of a folder; links to folders are not followed, as they may loop."""
        out_dir, recursive = _identity(self._options.out_dir), self._options.recursive
        unreadable: list[Source] = []
        waiting, any_found, any_inside = [top], False, False
        while waiting:
            folder = waiting.pop()
            below = os.path.relpath(folder, top)
            try:
                stat = os.stat(folder)
                state = stat.st_dev, stat.st_ino, stat.st_mtime_ns
                names, inside, ignored = self._scan_cached(folder, below, state)
            except OSError as error:
                problem = f"cannot be read: {error.strerror or error}"
                unreadable.append(Source(folder, error=ImageError(folder, problem)))
                continue
            inside = [path for path in inside if out_dir is None or _identity(path) != out_dir]
            waiting += inside if recursive else ()
            any_inside = any_inside or bool(inside)
            any_found = any_found or bool(names)
            self.ignored += ignored
            prefix = os.path.join(folder, "")
            for name in names:
                yield Source(prefix + name, below, found=True)
        yield from unreadable
        if not any_found and not unreadable:
            hint = "; use --recursive to search its folders" * (any_inside and not recursive)
            if self._includes or self._excludes:
                hint = f" that matches --include and --exclude{hint}"
            yield Source(top, error=ImageError(top, f"no image in this folder{hint}"))

    def _scan(
        self, folder: str, below: str, _state: tuple[int, int, int]
    ) -> tuple[list[str], list[str], int]:
        """Return a folder's images, its folders (last first), and the number of other files.

        Hidden files and folders are left out. The result is cached while the state is the same.
        """
        suffixes = image_suffixes()
        names, folders, ignored = [], [], 0
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                is_excluded = self._excludes is not None and self._excludes(name, below)
                if entry.is_dir(follow_symlinks=False):
                    folders += [] if is_excluded else [entry.path]
                    continue
                if entry.is_symlink() and os.path.isdir(entry.path):
                    continue
                if self._includes:
                    is_wanted = self._includes(name, below)
                else:
                    is_wanted = os.path.splitext(name)[1].lower() in suffixes
                if is_wanted and not is_excluded and _is_file(entry):
                    names.append(name)
                else:
                    ignored += 1
        return sorted(names), sorted(folders, reverse=True), ignored

    def _matching(self, pattern: str) -> Iterator[Source]:
        """Yield the files that match a pattern; ``**`` matches any number of folders."""
        import glob
        from pathlib import PurePath

        parts = PurePath(pattern).parts
        first_wild = next(index for index, part in enumerate(parts) if set(part) & WILD)
        base = PurePath(*parts[:first_wild])
        matches = sorted(filter(os.path.isfile, glob.iglob(pattern, recursive=True)))
        if not matches:
            error = ImageError(pattern, "no such file, and no file matches it")
            yield Source(pattern, error=error)
        seen: set[str] = set()
        for path in matches:
            folder, name = os.path.split(path)
            real = os.path.join(os.path.realpath(folder), name)
            if real in seen:  # a link to a parent folder leads to the same file again
                continue
            seen.add(real)
            below = os.path.relpath(folder or ".", base)
            is_excluded = self._excludes is not None and self._excludes(name, below)
            if not is_excluded and (self._includes is None or self._includes(name, below)):
                yield Source(path, below, found=True)


def _sample(name: str) -> Source:
    try:
        file_of(name)
    except UsageError as error:
        return Source(name, sample=name, error=error)
    return Source(name, sample=name)


def _signal(name: str) -> Source:
    try:
        check_name(name)
    except UsageError as error:
        return Source(name, signal=name, error=error)
    return Source(name, signal=name)


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except FileNotFoundError:  # the name of a descriptor that is not open
        return False


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


def _matcher(patterns: tuple[str, ...]) -> Matcher | None:
    """Return a function that matches a name; a pattern with a / matches the folder and the name."""
    if not patterns:
        return None
    from fnmatch import translate

    # An expression of no patterns matches nothing.
    names, paths = (
        re.compile(
            "|".join(translate(each) for each in patterns if ("/" in each) == slash) or "(?!)",
            re.IGNORECASE,  # as suffixes are found in folders
        )
        for slash in (False, True)
    )

    def matches(name: str, below: str) -> bool:
        if names.match(name):
            return True
        path = name if below in ("", ".") else f"{below}/{name}"
        return paths.match(path.replace(os.sep, "/")) is not None

    return matches


def _chunks(list_file: str) -> Iterator[bytes]:
    try:
        file_or_number = sys.stdin.fileno() if list_file == STDIN else list_file
    except io.UnsupportedOperation:  # a stream in memory
        yield sys.stdin.buffer.read()
        return
    try:
        # Without a buffer names arrive at once, and a waiting thread holds no lock of a stream.
        with open(file_or_number, "rb", buffering=0, closefd=list_file != STDIN) as file:
            yield from iter(lambda: file.read(CHUNK), b"")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--files-from {shown(list_file)}: {reason}") from error


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
