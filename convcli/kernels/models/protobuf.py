"""Protocol buffer messages, read field by field; a span of bytes is read only when asked for.

https://protobuf.dev/programming-guides/encoding describes the wire format.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError

MAX_FIELDS = 300_000  # of a file: a network of a thousand layers has 50,000
MAX_TEXT = 1000  # bytes of a name
MAX_PACKED = 16 * 2**20  # bytes of numbers of variable length
_LONGEST = 10  # bytes of a number
_DAMAGED = "is no .onnx file, or damaged"


class Span(NamedTuple):
    """Where a field's bytes lie in the file."""

    begin: int
    end: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.end - self.begin


Value = int | Span


class Reader:
    """The messages of one file, of at most 300,000 fields together, and 16 MiB of packed numbers.

    Args:
        file: seekable.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.whole = Span(0, file.seek(0, os.SEEK_END))
        self._left = MAX_FIELDS

    def fields(self, message: Span) -> Iterator[tuple[int, Value]]:
        """Yield the number of each field, and its value: a number, or the place of its bytes.

        Numbers of fixed width are given as the place of their bytes.

        Raises:
            KernelError: the message is damaged, or the file has too many fields.
        """
        at, end = message
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise KernelError(f"has more than {MAX_FIELDS:,} fields, and is not read further")
            head = self.read(Span(at, min(at + 2 * _LONGEST, end)))
            key, width = _number(head, 0)
            number, kind = key >> 3, key & 7
            if kind == 0:
                value, length = _number(head, width)
                at += width + length
                yield number, value
                continue
            length = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                length, more = _number(head, width)
                width += more
            elif not length:
                raise KernelError(_DAMAGED)
            span = Span(at + width, at + width + length)
            if span.end > end:
                raise KernelError(f"{_DAMAGED}: a field reaches beyond the end of its message")
            at = span.end
            yield number, span

    def read(self, span: Span) -> bytes:
        """Return the bytes of a span."""
        self.file.seek(span.begin)
        return self.file.read(span.size)

    def text(self, value: Value) -> str:
        """Return a text, such as a name."""
        if not isinstance(value, Span) or value.size > MAX_TEXT:
            raise KernelError(f"{_DAMAGED}: a name is not valid")
        return self.read(value).decode(errors="replace")

    def message(self, value: Value) -> Iterator[tuple[int, Value]]:
        """Yield the fields of a field that is a message."""
        if not isinstance(value, Span):
            raise KernelError(f"{_DAMAGED}: a message is not valid")
        return self.fields(value)

    def integers(self, value: Value) -> list[int]:
        """Return the signed integers of a repeated field, or of a part of it."""
        if isinstance(value, Span) and value.size > MAX_TEXT:
            raise KernelError(f"{_DAMAGED}: a list of numbers is too long")
        return [int(number) for number in self.unsigned(value).astype(np.int64)]

    def unsigned(self, value: Value) -> NDArray[np.uint64]:
        """Return one number, or those of a packed field of numbers of variable length.

        Raises:
            KernelError: there are too many, or the last does not end.
        """
        if isinstance(value, int):
            return np.array([value], np.uint64)
        if value.size > MAX_PACKED:
            raise KernelError(f"{value.size:,} bytes of packed numbers are more than are read")
        septets = np.frombuffer(self.read(value), np.uint8)
        ends = np.flatnonzero(septets < 0x80)
        if not septets.size:
            return np.zeros(0, np.uint64)
        starts = np.concatenate(([0], ends[:-1] + 1)) if ends.size else np.zeros(1, np.intp)
        lengths = np.diff(starts, append=septets.size)
        if not ends.size or ends[-1] != septets.size - 1 or lengths.max() > _LONGEST:
            raise KernelError(f"{_DAMAGED}: a number does not end")
        places = np.arange(septets.size) - np.repeat(starts, lengths)
        parts = (septets & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
        return np.add.reduceat(parts, starts)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, at most 64 bits of it, and its length in bytes."""
    value = 0
    for length, byte in enumerate(data[at : at + _LONGEST]):
        value |= (byte & 0x7F) << (7 * length)
        if byte < 0x80:
            return value & (2**64 - 1), length + 1
    raise KernelError(f"{_DAMAGED}: a number does not end")
