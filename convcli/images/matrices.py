"""Matrices as text: ``.csv`` and ``.txt`` files, in and out."""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images.options import over_limit
from convcli.kernels.naming import quoted

_INTEGERS = re.compile(r"[\d\s,;+\-\"]*", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d*(?:[eE][+-]?\d+)?", re.ASCII)


class MatrixError(ValueError):
    """Text that is no matrix; the message says where and why."""


def parse_matrix(text: str, max_numbers: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    r"""Read a matrix as ``np.loadtxt`` would: a row a line, ``#`` begins a comment.

    Numbers are separated by blanks or tabs, by commas, or by semicolons, and may be quoted;
    between semicolons, and in quotes, a decimal comma is understood.

    Args:
        text: the file's text.
        max_numbers: more are refused before they are parsed.

    Returns:
        The matrix, (H, W): int64 when all numbers are written as integers, else float64; and
        notes for the user.

    Raises:
        MatrixError: there are no numbers, too many, or lines of different lengths; or one is
            no number, in which case line and word are named.

    >>> parse_matrix("1 2 3  # first\n4 5 6", 100)[0].tolist()
    [[1, 2, 3], [4, 5, 6]]
    >>> parse_matrix("1,5; 2\n3; 4,25", 100)[0].tolist()
    [[1.5, 2.0], [3.0, 4.25]]
    """
    lines = [
        (number, content)
        for number, line in enumerate(text.splitlines(), 1)
        if (content := line.partition("#")[0].strip())
    ]
    if not lines:
        raise MatrixError("holds no numbers")
    separator = _separator(content for _, content in lines)
    columns = len(_split(*lines[0], separator))
    if columns * len(lines) > max_numbers:
        raise MatrixError(over_limit(f"{columns}x{len(lines)}", max_numbers))
    whole = all(_INTEGERS.fullmatch(content) for _, content in lines)
    plain = separator != ";" and not any('"' in content for _, content in lines)
    if plain and (matrix := _fast([content for _, content in lines], separator, whole=whole)):
        return matrix[0], ()
    return _careful(lines, separator, columns, whole=whole)


def format_matrix(matrix: NDArray[Any]) -> str:
    """Return a matrix as text: right-aligned columns, two blanks between them.

    Every number has the fewest digits that give it back in its type.

    Args:
        matrix: (H, W), of any integer or floating-point type.

    >>> print(format_matrix(np.array([[0.8, -1], [28, 0.25]])), end="")
    0.8    -1
     28  0.25
    """
    return "".join(aligned_lines(matrix))


def aligned_lines(matrix: NDArray[Any]) -> Iterator[str]:
    """Yield the lines of :func:`format_matrix`, which hold more bytes together than the matrix."""
    width = [0] * matrix.shape[1]
    for row in matrix:
        width = [max(w, len(word)) for w, word in zip(width, _words(row), strict=True)]
    for row in matrix:
        cells = (word.rjust(w) for w, word in zip(width, _words(row), strict=True))
        yield "  ".join(cells) + "\n"


def comma_lines(matrix: NDArray[Any]) -> Iterator[str]:
    """Yield the lines of a ``.csv`` file."""
    for row in matrix:
        yield ",".join(_words(row)) + "\n"


def _words(row: NDArray[Any]) -> list[str]:
    """Write numbers; ``-0.0`` keeps its point, since an integer has no sign at zero."""
    words: list[str] = row.astype(str).tolist()
    return [word if word == "-0.0" else word.removesuffix(".0") for word in words]


def _separator(contents: Iterable[str]) -> str | None:
    """Return ``;`` where there is one, else ``,`` where there is one, else None for blanks."""
    found = None
    for content in contents:
        if ";" in content:
            return ";"
        if "," in content:
            found = ","
    return found


def _split(line: int, content: str, separator: str | None) -> list[str]:
    if separator is None:
        return [word.strip('"') for word in content.split()]
    try:
        cells = next(csv.reader([content], delimiter=separator, skipinitialspace=True))
    except csv.Error as error:  # its one limit
        raise MatrixError(
            f"line {line} has a cell of over {csv.field_size_limit()} characters; shorten it"
        ) from error
    return [cell.strip() for cell in cells]


def _fast(contents: list[str], separator: str | None, *, whole: bool) -> list[NDArray[Any]]:
    """Parse plain numbers in C; an empty list says that something needs a closer look."""
    try:
        dtype = np.int64 if whole else np.float64
        return [np.loadtxt(contents, dtype, comments=None, delimiter=separator, ndmin=2)]
    except (ValueError, OverflowError):
        return []


def _careful(
    lines: list[tuple[int, str]], separator: str | None, columns: int, *, whole: bool
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Parse word by word: spreadsheets' ways of writing, and the place of the first fault."""
    rows: list[list[str]] = []
    for number, content in lines:
        words = _split(number, content, separator)
        if len(words) != columns:
            raise MatrixError(
                f"line {number} has {len(words)} numbers, where the first row has {columns}"
            )
        rows.append(words)
        for word in words:
            _check(word, number)
    commas = any("," in word for row in rows for word in row)
    if commas and any("." in word for row in rows for word in row):
        raise MatrixError("mixes decimal points and decimal commas: write all of one kind")
    if whole and not commas:
        try:
            return np.array([[int(word) for word in row] for row in rows], np.int64), ()
        except (OverflowError, ValueError):
            return _floats(rows), ("integers beyond 64 bits were read as floats",)
    return _floats(rows), ()


def _floats(rows: list[list[str]]) -> NDArray[Any]:
    return np.array([[float(word.replace(",", ".")) for word in row] for row in rows])


def _check(word: str, line: int) -> None:
    """Refuse what is no number; Python's ``1_000`` and other scripts' digits are none here."""
    if not word:
        raise MatrixError(f"line {line} has an empty cell")
    if _DECIMAL_COMMA.fullmatch(word):
        word = word.replace(",", ".")
    try:
        number = word.isascii() and "_" not in word and float(word)
    except ValueError:
        number = False
    if number is False:
        raise MatrixError(f"line {line}: {quoted(word)} is no number")
