"""Every fault of a decoder in friendly words, and Pillow's process-wide settings meanwhile."""

import errno
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

# What decoders have been seen to raise on damaged files, by their common base classes.
DECODER_FAULTS = (
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

_BY_ERRNO = {
    errno.ENOENT: "no such file",
    errno.EISDIR: "is a folder, not an image",
    errno.EACCES: "permission denied",
}


@contextmanager
def translate_errors(name: str, max_pixels: int) -> Iterator[None]:
    """Turn any fault of the block into a :class:`ImageError` of ``name``."""
    try:
        yield
    except ConvcliError:
        raise
    except DECODER_FAULTS as fault:
        raise ImageError(name, _problem(fault, max_pixels)) from fault


@contextmanager
def pillow(name: str, max_pixels: int, notes: list[str]) -> Iterator[None]:
    """Run a block inside Pillow: faults explained, its warnings added to ``notes``.

    Pillow's own limit is ``max_pixels`` meanwhile. It holds for files inside files as well, but
    Pillow only warns up to twice its limit: there the caller is to look at the size.
    """
    _settings.enter(max_pixels)
    _heard.notes = notes
    try:
        with translate_errors(name, max_pixels):
            yield
    finally:
        _heard.notes = None
        _settings.leave()


def too_large(name: str, width: int, height: int, max_pixels: int) -> ImageError:
    """Return the error for an image over the limit."""
    return ImageError(name, f"is of {width}x{height} pixels, {_over(max_pixels)}")


def _over(max_pixels: int) -> str:
    return f"over the limit of {max_pixels}; --max-pixels N raises it"


def _problem(fault: BaseException, max_pixels: int) -> str:
    if isinstance(fault, Image.DecompressionBombError):
        pixels = re.search(r"\d+", str(fault))  # Pillow's message alone knows the number
        return f"is of {pixels[0] if pixels else 'many'} pixels, {_over(max_pixels)}"
    if isinstance(fault, UnidentifiedImageError):
        return "is not an image that can be read"
    if isinstance(fault, MemoryError):
        return "does not fit into memory"
    if isinstance(fault, OSError) and fault.errno is not None:
        return _BY_ERRNO.get(fault.errno, f"cannot be read: {fault.strerror}")
    detail = " ".join(str(fault).split())
    return f"is truncated or damaged ({detail})" if detail else "is truncated or damaged"


class _Settings:
    """Pillow's and Python's global settings, changed while any thread is inside Pillow.

    The first thread in changes them and the last one out puts them back, whatever the order.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._undo = ExitStack()

    def enter(self, max_pixels: int) -> None:
        with self._lock:
            if not self._threads:
                self._undo = _changed()
            self._threads += 1
            Image.MAX_IMAGE_PIXELS = max_pixels

    def leave(self) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._undo.close()


def _changed() -> ExitStack:
    with ExitStack() as stack:
        stack.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _collect_warning
        return stack.pop_all()


def _collect_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    notes = getattr(_heard, "notes", None)
    if notes is not None:
        notes.append(" ".join(str(message).split()))


_settings = _Settings()
_heard = threading.local()
