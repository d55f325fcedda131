"""A matrix as text, both ways: rows of integers, fractions and decimals."""

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from convcli.errors import KernelError, quoted
from convcli.kernels.kernel import INT64, LARGEST, Kernel, Number

# Digits match in one way only: otherwise a long run of them takes quadratic time.
NUMBER = re.compile(r"[+-]?(?:\d+/\d+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
INTEGER_OR_FRACTION = re.compile(r"[+-]?\d+(?:/\d+)?", re.ASCII)
MOST_DIGITS = 400  # of one number: more is no weight, and slow to read
MOST_DIVISOR = 2**31  # beyond it the integers of a common denominator would only grow unwieldy


def is_number(word: str) -> bool:
    """Tell whether ``word`` is written as a weight.

    >>> is_number("-1/16"), is_number("3x3.txt")
    (True, False)
    """
    return NUMBER.fullmatch(_plain(word)) is not None


def split_row(line: str) -> list[str]:
    """Split a row at commas, or at blanks.

    >>> split_row("1, 2 ,3"), split_row(" 1  2")
    (['1', '2', '3'], ['1', '2'])
    """
    return [cell.strip() for cell in re.split(r"\s*,\s*|\s+", line.strip())]


def parse_text(text: str, name: str = "custom") -> Kernel:
    """Return the kernel written in ``text``, a row to a line or set apart by semicolons.

    Weights are separated by blanks or commas; ``#`` starts a comment. Integers and fractions
    give int64 with their least common divisor; one decimal makes the whole matrix float64.

    Raises:
        KernelError: there is no row, rows differ in length, or a cell is no finite number.

    >>> kernel = parse_text("1/4 1/2 1/4")
    >>> kernel.matrix.tolist(), kernel.divisor
    ([[1, 2, 1]], 4)
    """
    rows = [split_row(line) for line in _lines(text)]
    if not rows:
        raise KernelError('the matrix is empty; write rows as in "0 -1 0; -1 5 -1; 0 -1 0"')
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise KernelError(
                f"row {number} has {_counted(len(row))} and row 1 has {_counted(len(rows[0]))}"
            )
    cells = [[_number(cell, number) for cell in row] for number, row in enumerate(rows, 1)]
    return _common_kernel(cells, name)


def number_text(number: Number) -> str:
    """Return a number in the fewest digits that read back to it.

    >>> number_text(0.1), number_text(1.0), number_text(-3)
    ('0.1', '1.0', '-3')
    """
    return repr(number)


def weight_rows(kernel: Kernel) -> list[list[str]]:
    """Return a 2-D kernel's exact weights: integers, fractions, or the fewest digits."""
    matrix: list[list[Any]] = kernel.matrix.tolist()
    if kernel.divisor == 1:
        return [[number_text(weight) for weight in row] for row in matrix]
    if isinstance(kernel.divisor, int) and kernel.matrix.dtype.kind == "i":
        return [[str(Fraction(weight, kernel.divisor)) for weight in row] for row in matrix]
    return [[number_text(weight) for weight in row] for row in kernel.weights.tolist()]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose columns are aligned on the right.

    >>> aligned([["1", "-10"], ["2", "3"]])
    ['1 -10', '2   3']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    ]


def _lines(text: str) -> list[str]:
    """Return the rows, without comments and blank ones."""
    lines = [line.partition("#")[0].strip().rstrip("; \t") for line in text.splitlines()]
    lines = [line for line in lines if line]
    if len(lines) == 1:
        return [row for row in lines[0].split(";") if row.strip()]
    for number, line in enumerate(lines, 1):
        if ";" in line:
            raise KernelError(f"row {number} holds ';'; separate weights by blanks or commas")
    return lines


def _plain(word: str) -> str:
    """Return ``word`` with a typographic minus sign made plain."""
    return word.replace("−", "-")


def _counted(count: int) -> str:
    return f"{count} weight{'' if count == 1 else 's'}"


def _number(cell: str, row: int) -> Fraction | float:
    """Read one weight; ``row`` is for the message."""
    word = _plain(cell)
    if not word:
        raise KernelError(f"row {row} has an empty cell")
    if len(word) > MOST_DIGITS or NUMBER.fullmatch(word) is None:
        raise KernelError(f"row {row}: {quoted(cell)} is not a finite number")
    number: Fraction | float
    try:
        number = Fraction(word) if INTEGER_OR_FRACTION.fullmatch(word) else float(word)
    except ZeroDivisionError:
        raise KernelError(f"row {row}: {quoted(cell)} divides by 0") from None
    if not -LARGEST <= number <= LARGEST:
        raise KernelError(
            f"row {row}: {quoted(cell)} is too large; weights lie within ±{LARGEST:g}"
        )
    return number


def _common_kernel(cells: list[list[Fraction | float]], name: str) -> Kernel:
    """Return integers over their least common divisor, or float64 where that would not do."""
    fractions = [[c for c in row if isinstance(c, Fraction)] for row in cells]
    divisor = 1
    for denominator in {fraction.denominator for row in fractions for fraction in row}:
        divisor = min(math.lcm(divisor, denominator), MOST_DIVISOR + 1)
    decimal = any(isinstance(cell, float) for row in cells for cell in row)
    if decimal or divisor > MOST_DIVISOR:
        return Kernel(np.array(cells, dtype=np.float64), name=name)
    whole = [[int(fraction * divisor) for fraction in row] for row in fractions]
    if any(abs(weight) > INT64.max for row in whole for weight in row):
        raise KernelError("an integer weight must fit in 64 bits")
    return Kernel(np.array(whole, dtype=np.int64), divisor=divisor, name=name)
