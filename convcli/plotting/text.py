"""Text in figures: how wide it is, where it breaks, and how few digits say a number."""

import math
import re
from functools import lru_cache

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from convcli.errors import shown

_DIGITS = 3  # significant digits of the largest number, where no few digits are exact
_PLAIN = (1e-3, 1e6)  # outside, the largest number is written with an exponent
_LONG = 1e7  # from here on a whole number is, too
# A line may break after a blank or a joint of a name, but not inside a number.
_JOINT = r"(?:[\s_/,]|(?<!\d)\.|\.(?!\d)|(?<=\S)(?<!\de)-)"
_PIECE = re.compile(rf"(?:(?!{_JOINT}).)*{_JOINT}*")


@lru_cache(maxsize=4096)
def text_width(text: str, points: float) -> float:
    """Return the width in inches of one line of text."""
    font = FontProperties(family="DejaVu Sans", size=points)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def wrap(text: str, inches: float, points: float) -> str:
    r"""Break a text into lines no wider than ``inches``.

    Lines break after spaces and the joints of a file's name, else between any two letters.
    Control characters appear as escapes; a newline already there stays.

    >>> wrap("kirsch-north-west", 0.6, 9)
    'kirsch-\nnorth-\nwest'
    >>> wrap("min -0.73106", 0.7, 9)
    'min\n-0.73106'
    """
    return "\n".join(_wrap_line(shown(line), inches, points) for line in text.split("\n"))


def _wrap_line(text: str, inches: float, points: float) -> str:
    lines = [""]
    for piece in _pieces(text, inches, points):
        if lines[-1] and text_width((lines[-1] + piece).rstrip(), points) > inches:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _pieces(text: str, inches: float, points: float) -> list[str]:
    """Cut at the joints, and a piece too wide for a line into its letters."""
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        fits = text_width(piece.rstrip(), points) <= inches
        pieces.extend([piece] if fits else piece)
    return pieces


def format_short(number: float, digits: int = 5) -> str:
    """Return a number as people write it, to so many significant digits; whole ones are exact.

    >>> format_short(1020.0), format_short(0.30000000000000004), format_short(-2.5e7)
    ('1020', '0.3', '-2.5e7')
    """
    if float(number).is_integer() and abs(number) < _LONG:
        return str(int(number))
    return _exponent(f"{number:.{digits}g}")


def percent(share: float) -> str:
    """Return a share as per cent; only none is 0 and only all is 100.

    >>> percent(0.125), percent(0.99999)
    ('12.5 %', '> 99.9 %')
    """
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if not 0.0005 <= share < 0.9995:
        return "< 0.1 %" if share < 0.5 else "> 99.9 %"
    return f"{100 * share:.1f} %"


def cell_texts(values: NDArray[np.generic]) -> list[str]:
    """Return the numbers for the cells of a grid, row by row, with the fewest honest digits.

    All share one count of decimals: the fewest that are exact, or else enough for three digits
    of the largest. A number that these would turn into 0 keeps one digit and an exponent; a
    plain ``0`` is exact.

    >>> cell_texts(np.array([0.25, 0.125, 0])), cell_texts(np.array([1, 1e-7, 1 / 3]))
    (['0.250', '0.125', '0'], ['1.00', '1e-7', '0.33'])
    """
    numbers = [value.item() for value in values.ravel()]
    if values.dtype.kind in "biu" and all(abs(number) < _PLAIN[1] for number in numbers):
        return [str(int(number)) for number in numbers]
    finite = [abs(number) for number in numbers if math.isfinite(number)]
    largest = max(finite, default=0.0)
    if largest and not _PLAIN[0] <= largest < _PLAIN[1]:
        return [_exponent(f"{number:.{_DIGITS}g}") for number in numbers]
    noise = 4 * float(np.finfo(values.dtype.name).eps) if values.dtype.kind == "f" else 0.0
    decimals = _decimals(finite, largest, noise)
    return [_fixed(number, decimals) for number in numbers]


def _decimals(magnitudes: list[float], largest: float, noise: float) -> int:
    most = max(0, _DIGITS - 1 - math.floor(math.log10(largest))) if largest else 0
    for decimals in range(max(most, _DIGITS) + 2):
        if all(math.isclose(round(m, decimals), m, rel_tol=noise) for m in magnitudes):
            return decimals
    return most


def _fixed(number: float, decimals: int) -> str:
    if number == 0:
        return "0"
    text = f"{number:.{decimals}f}"
    return text if float(text) else _exponent(f"{number:.1g}")


def _exponent(text: str) -> str:
    """Shorten Python's exponent: 1e-07 becomes 1e-7."""
    return re.sub(r"e([+-])0*(\d)", lambda m: "e" + m[1].strip("+") + m[2], text)
