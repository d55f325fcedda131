"""A matrix of weights as text, both ways: rows of integers, fractions and decimals."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from convcli.errors import KernelError, quoted
from convcli.kernels.kernel import MAX_WEIGHT, Kernel, check_integers

# Only one way to match a run of digits: otherwise a long run takes quadratic time.
# Patterns are compiled, and kept by `re`, when they are used.
NUMBER = r"(?a)[+-]?(?:\d+/\d+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
INTEGER_OR_FRACTION = r"(?a)[+-]?\d+(?:/\d+)?"
MAX_DIGITS = 400  # of one number; a longer one is no weight, and slow to read
MAX_SHOWN = 40  # characters of a typed matrix in a title
SHOWN = 28  # characters of a longer one, at most
MAX_DIVISOR = 2**31  # a larger common denominator makes unwieldy integers


BRACKETED = r"\s*(?:(?:np|numpy)\.)?(?:array\(\s*)?(?=\[)"
AFTER_BRACKETS = r"(?:,\s*dtype=[\w.]+)?\s*\)?\s*"


def unbracketed(text: str) -> str:
    r"""Return the rows of a Python list, a printed array or ``[1 2; 3 4]`` as lines.

    Other text is unchanged.

    >>> unbracketed("[[255, 0], [0, 255]]")
    '255,0\n0,255'
    >>> unbracketed("array([[1. 0.]\n [0. 1.]])")
    '1.,0.\n0.,1.'
    >>> unbracketed("[1 2; 3 4]")  # as Octave and MATLAB have it
    '1,2\n3,4'
    """
    start, end = re.match(BRACKETED, text), text.rfind("]")
    if start is None or re.fullmatch(AFTER_BRACKETS, text[end + 1 :]) is None:
        return text
    inner = "\n".join(line for _, line in content_lines(text[start.end() : end + 1]))
    if inner.count("[") > 1:
        inner = inner[1:-1]  # the list of rows
    rows = re.findall(r"\[([^\[\]]*)\]", inner)
    if re.sub(r"\[[^\[\]]*\]", "", inner).strip(", \t\n"):
        return text
    rows = [part for row in rows for part in row.strip().rstrip(";").split(";")]
    return "\n".join(",".join(split_row(row.strip().removesuffix(","))) for row in rows)


def is_number(word: str) -> bool:
    """Tell whether ``word`` is a weight: an integer, a fraction or a decimal.

    >>> is_number("-1/16"), is_number("3x3.txt")
    (True, False)
    """
    return re.fullmatch(NUMBER, _ascii_minus(word)) is not None


def split_row(line: str) -> list[str]:
    """Split a row at commas or spaces.

    >>> split_row("1, 2 ,3"), split_row(" 1  2")
    (['1', '2', '3'], ['1', '2'])
    """
    return [cell.strip() for cell in re.split(r"\s*,\s*|\s+", line.strip())]


def content_lines(text: str) -> list[tuple[int, str]]:
    r"""Return the lines of a text and their numbers, without comments (``#``) and empty lines.

    >>> content_lines("1 2  # first\n\n3 4")
    [(1, '1 2'), (3, '3 4')]
    """
    lines = enumerate((line.partition("#")[0].strip() for line in text.splitlines()), 1)
    return [(number, line) for number, line in lines if line]


def short_name(name: str) -> str:
    """Return what a title calls a kernel: its name, or the first weights of a long matrix.

    >>> short_name("gaussian:600,sigma=1,rho=0.5,start=-3,step=0.01,normalize=no")
    'gaussian:600,sigma=1,rho=0.5,start=-3,step=0.01,normalize=no'
    >>> short_name("1 4 6 4 1; 4 16 24 16 4; 6 24 36 24 6; 4 16 24 16 4; 1 4 6 4 1")
    '1 4 6 4 1; 4 16 24 16 4; 6 ...'
    """

    def shortened(matrix: re.Match[str]) -> str:
        return re.split(r"[^\s,;]*$", matrix[0][:SHOWN])[0] + "..."

    # A matrix ends the name, or stands in quotes in the text of a layer.
    return re.sub(rf"[-+\d.\[][-+./\d\s,;\[\]eE]{{{MAX_SHOWN},}}(?=$|[\"'])", shortened, name)


def without_folders(name: str) -> str:
    """Return the name of a kernel from a file without the file's folders; any other name as it is.

    >>> without_folders("filter 2 of week 3/bank.npy"), without_folders("../nets/a.onnx:/conv/w.0")
    ('filter 2 of bank.npy', 'a.onnx:/conv/w.0')
    >>> without_folders("1/4 1/2 1/4"), without_folders("gaussian:5,sigma=1/2.5,normalize=no")
    ('1/4 1/2 1/4', 'gaussian:5,sigma=1/2.5,normalize=no')
    """
    return re.sub(r"^(filter \d+ of )?(?:[^/:]*/)+(?=[^/:]*\.[A-Za-z])", r"\1", name)


def short_kernel(name: str) -> str:
    """Return what a title calls a kernel: its short name, of a file without folders."""
    return short_name(without_folders(name))


def short_layer(text: str) -> str:
    """Return what a title calls a layer: its text, with short matrices and files without folders.

    >>> short_layer("conv -k 'week-3/edge.txt' --bias 1/2")
    "conv -k 'edge.txt' --bias 1/2"
    """
    return short_name(re.sub(r"[^\s'\"]*/[^\s'\"]*", lambda word: without_folders(word[0]), text))


def parse_text(text: str, name: str = "") -> Kernel:
    """Return the kernel that is written in ``text``, one row per line or between semicolons.

    It may also be a Python list of rows, or an array as numpy prints it. Weights are separated by
    spaces or commas; ``#`` starts a comment. Integers and fractions give int64 with their least
    common divisor; one decimal makes the whole matrix float64.

    Raises:
        KernelError: there is no row, rows differ in length, or a cell is not a finite number.

    >>> kernel = parse_text("1/4 1/2 1/4")
    >>> kernel.matrix.tolist(), kernel.divisor
    ([[1, 2, 1]], 4)
    """
    rows = [split_row(line) for line in _lines(unbracketed(text))]
    if not rows:
        raise KernelError('the matrix is empty; write rows as in "0 -1 0; -1 5 -1; 0 -1 0"')
    check_row_lengths(rows)
    cells = [[_number(cell, number) for cell in row] for number, row in enumerate(rows, 1)]
    return _common_kernel(cells, name)


def check_row_lengths(rows: Sequence[Sequence[Any]]) -> None:
    """Raise a KernelError if a row is longer or shorter than the first one."""
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise KernelError(
                f"rows differ in length: row 1 has {len(rows[0])}, row {number} has {len(row)}"
            )


def weight_rows(kernel: Kernel) -> list[list[str]]:
    """Return a 2-D kernel's exact weights: integers, fractions, or decimals of fewest digits."""
    fractions = isinstance(kernel.divisor, int) or kernel.divisor == 1
    if fractions and kernel.matrix.dtype.kind == "i":
        matrix: list[list[int]] = kernel.matrix.tolist()
        return [[str(Fraction(weight, int(kernel.divisor))) for weight in row] for row in matrix]
    return [[repr(weight) for weight in row] for row in kernel.weights.tolist()]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with right-aligned columns.

    >>> aligned([["1", "-10"], ["2", "3"]])
    ['1 -10', '2   3']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    ]


def _lines(text: str) -> list[str]:
    """Return the rows; a text of one line may hold several, with semicolons between them."""
    lines = [row for _, line in content_lines(text) if (row := line.rstrip("; \t"))]
    if len(lines) == 1:
        return [row for row in lines[0].split(";") if row.strip()]
    for number, line in enumerate(lines, 1):
        if ";" in line:
            raise KernelError(f"row {number} holds ';'; separate weights by spaces or commas")
    return lines


def _ascii_minus(word: str) -> str:
    """Replace the typographic minus sign, which copied text may hold."""
    return word.replace("−", "-")


def _number(cell: str, row: int) -> Fraction | float:
    """Read one weight; ``row`` is for the message."""
    word = _ascii_minus(cell)
    if not word:
        raise KernelError(f"row {row} has an empty cell")
    if len(word) > MAX_DIGITS or re.fullmatch(NUMBER, word) is None:
        raise KernelError(f"row {row}: {quoted(cell)} is not a finite number")
    number: Fraction | float
    try:
        number = Fraction(word) if re.fullmatch(INTEGER_OR_FRACTION, word) else float(word)
    except ZeroDivisionError:
        raise KernelError(f"row {row}: {quoted(cell)} divides by 0") from None
    if not -MAX_WEIGHT <= number <= MAX_WEIGHT:
        raise KernelError(
            f"row {row}: {quoted(cell)} is too large; weights must lie within ±{MAX_WEIGHT:g}"
        )
    return number


def _common_kernel(cells: list[list[Fraction | float]], name: str) -> Kernel:
    """Return integers over their least common divisor, or float64 where there is none."""
    fractions = [[cell for cell in row if isinstance(cell, Fraction)] for row in cells]
    divisor = 1
    for denominator in {fraction.denominator for row in fractions for fraction in row}:
        divisor = min(math.lcm(divisor, denominator), MAX_DIVISOR + 1)
    decimal = any(isinstance(cell, float) for row in cells for cell in row)
    if decimal or divisor > MAX_DIVISOR:
        return Kernel(np.array(cells, dtype=np.float64), name=name)
    integers = [[int(fraction * divisor) for fraction in row] for row in fractions]
    check_integers(weight for row in integers for weight in row)
    return Kernel(np.array(integers, dtype=np.int64), divisor=divisor, name=name)
