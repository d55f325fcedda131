"""The errors that convcli reports, with their exit codes, and how file names appear in them.

A message is one line: the name, what is wrong, and what to do about it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

# A name or a Path. What apply loads for every image imports no pathlib, which takes 3 ms.
StrPath = str | os.PathLike[str]


class ExitCode(IntEnum):
    """What the command line returns to the shell."""

    DONE = 0
    FAILED = 1  # at least one INPUT could not be read, filtered or written
    USAGE = 2  # the command line is wrong
    HUNG_UP = 129  # 128 + SIGHUP: the terminal was closed
    INTERRUPTED = 130  # by Ctrl-C, 128 + SIGINT
    PIPE_CLOSED = 141  # the reader of standard output left, 128 + SIGPIPE
    TERMINATED = 143  # 128 + SIGTERM


class ConvcliError(Exception):
    """The base class: catch it to catch every error that convcli reports.

    ``exit_code`` is the command line's exit code when the error ends the program.
    """

    exit_code = ExitCode.FAILED


class UsageError(ConvcliError, ValueError):
    """Arguments are wrong in themselves or contradict each other."""

    exit_code = ExitCode.USAGE


class GeometryError(UsageError):
    """Sizes, padding, stride and dilation leave no output, or are invalid."""


class KernelError(UsageError):
    """A kernel SPEC, file or matrix cannot be understood or used."""


class ImageError(ConvcliError):
    """A file cannot be read, processed or written. The message begins with its name."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(f"{shown(path)}: {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type["ImageError"], tuple[object, str]]:
        """Pickle both arguments, to travel between processes."""
        return type(self), (self.path, self.problem)


PictureError = ImageError  # a second name, for programs that catch it


class ExistingError(ImageError):
    """A file exists and may not be replaced."""


@contextmanager
def prefix_errors(name: str) -> Iterator[None]:
    """Put the name of an input or a layer before the message of any error in the block.

    An :class:`ImageError` is left unchanged, since its message begins with a name already. An
    empty name adds nothing.

    >>> with prefix_errors("photo.png"):
    ...     raise UsageError("is too small")
    Traceback (most recent call last):
    convcli.errors.UsageError: photo.png: is too small
    """
    try:
        yield
    except ConvcliError as error:
        if not name or isinstance(error, ImageError):
            raise
        raise type(error)(f"{name}: {error}") from error


def shown(path: object) -> str:
    r"""Return a file name that is safe to print on one line.

    Control characters and bytes that are not UTF-8 appear as escapes.

    >>> shown("two\nlines.png")
    'two\\nlines.png'
    """
    text = str(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def quoted(text: str) -> str:
    """Return a user's text in quotes, on one line, at most 60 characters of it.

    >>> quoted("x" * 100)[-10:]
    "xxxxxx...'"
    """
    return repr(text if len(text) <= 60 else text[:57] + "...")


def short_repr(value: object) -> str:
    """Return any value's ``repr`` on one line, at most 60 characters of it, for a message.

    >>> short_repr([1, "a"]), len(short_repr(list(range(1000))))
    ("[1, 'a']", 60)
    """
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def type_name(value: object) -> str:
    """Return the type of a value, for a message.

    >>> type_name(3), type_name(None)
    ('int', 'None')
    """
    return "None" if value is None else type(value).__name__


def count_text(count: int, noun: str) -> str:
    """Return a number of things in words.

    >>> count_text(1, "channel"), count_text(1234, "pass")
    ('1 channel', '1,234 passes')
    """
    plural = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{plural}"


def list_text(texts: Sequence[str], most: int) -> str:
    """Join texts by commas; those after the first ``most`` become an ellipsis.

    >>> list_text(["a", "b"], 2), list_text(["a", "b", "c"], 2)
    ('a, b', 'a, b, ...')
    """
    return ", ".join(texts[:most]) + ", ..." * (len(texts) > most)


def percent_text(share: float) -> str:
    """Write a share of 1 as a percentage; only 0 is written ``0 %`` and only 1 ``100 %``.

    >>> percent_text(0.125), percent_text(0.99999)
    ('12.5 %', '> 99.9 %')
    """
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if not 0.0005 <= share < 0.9995:
        return "< 0.1 %" if share < 0.5 else "> 99.9 %"
    return f"{100 * share:.1f} %"


def internal_error(error: Exception) -> str:
    """Return the one-line message for an exception that is a bug in convcli.

    >>> internal_error(ZeroDivisionError("division by zero"))
    'internal error: ZeroDivisionError: division by zero (CONVCLI_DEBUG=1 shows the traceback)'
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error: {text} (CONVCLI_DEBUG=1 shows the traceback)"
