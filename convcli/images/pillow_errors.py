"""Translate Pillow's exceptions and warnings, and manage its global settings while decoding."""

import errno
import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from PIL import Image, UnidentifiedImageError

from convcli.errors import ConvcliError, ImageError
from convcli.images.options import over_limit

# What decoders have been seen to raise on damaged files, by their common base classes.
DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

# What Pillow logs tells no more than its exceptions; without a handler, Python would print it.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_users = 0  # threads that are inside of global_settings
_undo = ExitStack()  # restores the global settings
_collected = threading.local()

_BY_ERRNO = {
    errno.ENOENT: "no such file",
    errno.EISDIR: "is a folder, not an image",
    errno.EACCES: "permission denied",
}


@contextmanager
def translate_errors(name: str, max_pixels: int) -> Iterator[None]:
    """Turn any decoder's exception in the block into an :class:`ImageError` of ``name``."""
    try:
        yield
    except ConvcliError:
        raise
    except DECODER_ERRORS as error:
        raise ImageError(name, _problem(error, max_pixels)) from error


@contextmanager
def global_settings() -> Iterator[None]:
    """Prepare this process for decoding: warnings go to the notes of the thread that decodes.

    The first thread that enters changes the global settings; the last one that leaves restores
    them. A process that does nothing but decode stays inside, which saves 50 us an image.
    """
    global _users
    with _lock:
        if not _users:
            _undo.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
            _undo.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _collect_warning
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _undo.close()


@contextmanager
def decoding(name: str, max_pixels: int, notes: list[str]) -> Iterator[None]:
    """Run a block inside Pillow: translate its exceptions, and add its warnings to ``notes``.

    Meanwhile Pillow's own limit is ``max_pixels``, which also covers files inside files. Pillow
    only warns up to twice its limit: the caller must check the size as well.
    """
    with global_settings(), translate_errors(name, max_pixels):
        Image.MAX_IMAGE_PIXELS = max_pixels
        _collected.notes = notes
        try:
            yield
        finally:
            _collected.notes = None


@contextmanager
def encoding(format_name: str) -> Iterator[None]:
    """Turn an encoder's exception in the block into a :class:`ConvcliError` of one line.

    Errors of the file system and of memory pass through.
    """
    try:
        yield
    except (ConvcliError, MemoryError):
        raise
    except DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ConvcliError(f"cannot be encoded as {format_name}: {error}") from error


def _problem(error: BaseException, max_pixels: int) -> str:
    if isinstance(error, Image.DecompressionBombError):
        pixels = re.search(r"\d+", str(error))  # only Pillow's message holds the number
        return over_limit(f"{int(pixels[0]):,}" if pixels else "too many", max_pixels)
    if isinstance(error, UnidentifiedImageError):
        return "is not an image that can be read"
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    if isinstance(error, OSError) and error.errno is not None:
        return _BY_ERRNO.get(error.errno, f"cannot be read: {error.strerror}")
    detail = " ".join(str(error).split())
    if "MAX_TEXT" in detail:
        return "holds compressed text or a profile above 1 MiB, or text above 64 MiB: remove it"
    return f"is truncated or damaged ({detail})" if detail else "is truncated or damaged"


def _collect_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    notes = getattr(_collected, "notes", None)
    if notes is not None:
        notes.append(" ".join(str(message).split()))
