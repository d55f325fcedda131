"""Read and write files of bare numbers: ``.npy`` arrays, and ``.csv`` and ``.txt`` matrices."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from convcli.core.digits import round_values
from convcli.errors import count_text, quoted
from convcli.images.image import depth_of
from convcli.images.options import over_limit
from convcli.kernels.matrix_text import content_lines, unbracketed
from convcli.npy import ArrayError, read_array, read_header

_PLACE = "row,column,"  # the first titles of a table of pixels
_INTEGERS = re.compile(r"[\d\s,;+\-\"]*", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+[.,]?\d*|[.,]\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE
)


def read_npy(file: BinaryIO, max_pixels: int) -> tuple[NDArray[Any], int | None]:
    """Read an array as an image.

    A 1-D array becomes one row; a single channel becomes a gray image. Booleans become 0 and 1
    (uint8), float16 becomes float32, and long doubles become float64.

    Args:
        file: seekable, at its beginning.
        max_pixels: larger images are refused before they are read.

    Returns:
        The array, (H, W) or (H, W, C), C-contiguous and in native byte order; and its depth as an
        image: 8 for uint8, 16 for uint16, else None.

    Raises:
        ArrayError: the file is not an array of real numbers with 1, 2 or 3 dimensions; or is
            empty, too large, damaged or cut short; or holds numbers beyond float64's range.
    """
    header = read_header(file)
    shape = header.shape
    if not 1 <= len(shape) <= 3:
        raise ArrayError(
            f"holds an array of {len(shape)} dimensions; an image has 2, or 3 with its channels"
        )
    if 0 in shape:
        raise ArrayError(f"holds an empty array, of shape {shape}")
    rows, columns = (1, shape[0]) if len(shape) == 1 else shape[:2]
    if rows * columns > max_pixels:
        raise ArrayError(over_limit(f"{columns}x{rows}", max_pixels))
    array = read_array(file, header)
    try:
        with np.errstate(over="raise", invalid="ignore"):
            array = np.ascontiguousarray(array, _image_dtype(array.dtype))
    except FloatingPointError as error:
        raise ArrayError("holds numbers beyond float64's range; scale them down first") from error
    if array.ndim == 1:
        array = array[np.newaxis]
    elif array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return array, depth_of(header.dtype)


def _image_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the native dtype, of those that can be filtered, for an array of ``dtype``."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    return dtype.newbyteorder("=")


def write_npy(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array; unlike ``np.save``, also to pipes."""
    array = np.ascontiguousarray(array)
    npy_format.write_array_header_1_0(file, npy_format.header_data_from_array_1_0(array))
    file.write(array.reshape(-1).view(np.uint8).data)


def parse_matrix(text: str, max_numbers: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    r"""Parse a matrix as ``np.loadtxt`` does: one row per line; ``#`` begins a comment.

    Numbers are separated by blanks or tabs, by commas, or by semicolons, and may be quoted.
    Between semicolons and in quotes, a comma is a decimal point. A Python list of rows, an array
    as numpy prints it, and a table of pixels (see :func:`pixel_lines`) are read too.

    Args:
        text: the file's text.
        max_numbers: matrices with more numbers, and tables with more pixels, are refused before
            they are parsed.

    Returns:
        The matrix, (H, W), or the pixels of a table, (H, W, C): int64 or uint64 if all numbers
        are written as integers, else float64; and notes for the user.

    Raises:
        ArrayError: there are no numbers, too many, or rows of different lengths; a word is not a
            number; or a table's pixels are not in order.

    >>> parse_matrix("1 2 3  # first\n4 5 6", 100)[0].tolist()
    [[1, 2, 3], [4, 5, 6]]
    >>> parse_matrix("1,5; 2\n3; 4,25", 100)[0].tolist()
    [[1.5, 2.0], [3.0, 4.25]]
    """
    lines = content_lines(unbracketed(text))
    if lines and lines[0][1].startswith(_PLACE):
        return _parse_pixels(lines, max_numbers)
    return _parse_lines(lines, max_numbers)


def _parse_pixels(
    lines: list[tuple[int, str]], max_pixels: int
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Parse the lines of a table of pixels, the titles first."""
    width = len(lines[0][1].split(","))
    if len(lines) - 1 > max_pixels:
        raise ArrayError(over_limit(f"{len(lines) - 1:,}", max_pixels))
    table, notes = _parse_lines(lines[1:], sys.maxsize)
    if table.shape[1] != width:
        raise ArrayError(
            f"has {count_text(width, 'title')}, but {table.shape[1]} in a line of numbers"
        )
    columns = int(np.argmax(table[:, 0] != 0)) or len(table)  # up to the first line of row 1
    rows = len(table) // columns
    places = np.indices((rows, columns)).reshape(2, -1).T
    if not np.array_equal(table[:, :2], places):
        raise ArrayError("must have one line for each pixel, row by row, counted from 0,0")
    pixels = np.ascontiguousarray(table[:, 2:]).reshape(rows, columns, -1)
    return (pixels[..., 0] if pixels.shape[2] == 1 else pixels), notes


def _parse_lines(
    lines: list[tuple[int, str]], max_numbers: int
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Parse the numbered lines of a matrix."""
    if not lines:
        raise ArrayError("holds no numbers")
    separators = (mark for mark in ";," if any(mark in content for _, content in lines))
    separator = next(separators, None)  # None stands for blanks
    columns = len(_split(*lines[0], separator))
    if columns * len(lines) > max_numbers:
        raise ArrayError(over_limit(f"{columns}x{len(lines)}", max_numbers))
    integers = all(_INTEGERS.fullmatch(content) for _, content in lines)
    if separator != ";" and not any('"' in content for _, content in lines):
        dtype = np.int64 if integers else np.float64
        contents = [content for _, content in lines]
        try:  # in C, which is fast; the slow way handles the rest and finds the errors
            return np.loadtxt(contents, dtype, comments=None, delimiter=separator, ndmin=2), ()
        except (ValueError, OverflowError):
            pass
    return _parse_words(lines, separator, columns, integers=integers)


def _split(line: int, content: str, separator: str | None) -> list[str]:
    if separator is None:
        return [word.strip('"') for word in content.split()]
    import csv

    try:
        cells = next(csv.reader([content], delimiter=separator, skipinitialspace=True))
    except csv.Error as error:  # the csv module's only limit
        raise ArrayError(
            f"line {line} has a cell of over {csv.field_size_limit()} characters; shorten it"
        ) from error
    return [cell.strip() for cell in cells]


def _parse_words(
    lines: list[tuple[int, str]], separator: str | None, columns: int, *, integers: bool
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Parse word by word: quotes and decimal commas, and the place of the first error."""
    rows: list[list[str]] = []
    for number, content in lines:
        words = _split(number, content, separator)
        if len(words) != columns:
            raise ArrayError(
                f"rows differ in length: the first has {columns}, line {number} has {len(words)}"
            )
        rows.append(words)
        for word in words:
            if not _NUMBER.fullmatch(word):
                problem = f": {quoted(word)} is not a number" if word else " has an empty cell"
                raise ArrayError(f"line {number}{problem}")
    commas = any("," in word for row in rows for word in row)
    if commas and any("." in word for row in rows for word in row):
        raise ArrayError("mixes decimal points and decimal commas; use one of them")
    notes: tuple[str, ...] = ()
    if integers and not commas:
        for dtype in (np.int64, np.uint64):
            try:
                return np.array([[int(word) for word in row] for row in rows], dtype), ()
            except (OverflowError, ValueError):
                continue
        notes = ("integers beyond 64 bits were read as floats",)
    return np.array([[float(word.replace(",", ".")) for word in row] for row in rows]), notes


def aligned_lines(matrix: NDArray[Any], decimals: int | None = None) -> Iterator[str]:
    """Yield a matrix as lines of right-aligned columns, two blanks between them.

    Every number has the fewest digits that read back as the same value of its dtype. Lines are
    yielded one by one, since the text is larger than the matrix.

    Args:
        matrix: (H, W) integers or floats.
        decimals: floats have at most this many; None for all that tell them apart.

    >>> print("".join(aligned_lines(np.array([[0.8, -1], [28, 0.25]]))), end="")
    0.8    -1
     28  0.25
    """
    widths = [0] * matrix.shape[1]
    for row in matrix:
        widths = [max(w, len(word)) for w, word in zip(widths, _words(row, decimals), strict=True)]
    for row in matrix:
        words = _words(row, decimals)
        cells = (word.rjust(w) for w, word in zip(widths, words, strict=True))
        yield "  ".join(cells) + "\n"


def comma_lines(matrix: NDArray[Any], decimals: int | None = None) -> Iterator[str]:
    """Yield the lines of a ``.csv`` file; see :func:`aligned_lines`."""
    for row in matrix:
        yield ",".join(_words(row, decimals)) + "\n"


def pixel_lines(pixels: NDArray[Any], decimals: int | None = None) -> Iterator[str]:
    """Yield the lines of a ``.csv`` table of (H, W, C) pixels, one pixel a line, with titles.

    >>> print("".join(pixel_lines(np.array([[[9, 8, 7], [6, 5, 4]]]))), end="")
    row,column,r,g,b
    0,0,9,8,7
    0,1,6,5,4
    """
    channels = pixels.shape[2]
    names = "r,g,b" if channels == 3 else ",".join(f"map{n}" for n in range(1, channels + 1))
    yield f"{_PLACE}{names}\n"
    for number, row in enumerate(pixels):
        for column, line in enumerate(comma_lines(row, decimals)):
            yield f"{number},{column},{line}"


def _words(row: NDArray[Any], decimals: int | None) -> list[str]:
    """Write numbers. ``-0.0`` keeps its point, since an integer zero has no sign."""
    words: list[str] = round_values(row, decimals).astype(str).tolist()
    return [word if word == "-0.0" else word.removesuffix(".0") for word in words]
