"""Text in figures: its width, its line breaks, and numbers written with few digits."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from convcli.errors import percent_text, shown
from convcli.geometry import ConvOptions, Padding, as_pair, border_name
from convcli.kernels.matrix_text import short_name, without_folders

if TYPE_CHECKING:
    from convcli.core.missing import Missing
    from convcli.filtering.filter import Filter
    from convcli.filtering.run import Filtered
    from convcli.images.image import ImageData
    from convcli.images.value_range import ValueStats

DIRECTION_NOTE = "brighter to the: right = red, top = yellow-green, left = cyan, bottom = violet"
GRAY_PRINT_NOTE = "in gray print, directions look alike: only their strength is left"

_SIGNIFICANT_DIGITS = 3  # of the largest number, unless fewer decimals are exact
_MIN_FIXED, _MAX_FIXED = 1e-3, 1e6  # outside, the largest number is written with an exponent
_MAX_INTEGER = 1e7  # from here on a whole number has an exponent, too
# A line may break after a blank or a joint of a name, but not inside a number such as 1/256,
# > 99.9 % or 3,2,4,5, nor between ~ or × and it.
_JOINT = r"(?:_|(?<!\d)[,/]|[,/](?!\d)|(?<![%>~×])\s(?!%)|(?<!\d)\.|\.(?!\d)|(?<=[^\s(-])(?<!\de)-)"
_PIECE = re.compile(rf"(?:(?!{_JOINT}).)*{_JOINT}*")
_TIED = re.compile(rf"(?:min|max) {_PIECE.pattern}|{_PIECE.pattern}")  # keeps "min -3" on a line
_FACT = re.compile(r".+?(?:[,;] | · |$)")
_NARROWER = 5  # steps of the search for the width of even lines


@lru_cache(maxsize=4096)
def text_width(text: str, points: float, weight: str = "normal") -> float:
    """Return the width in inches of one line of text."""
    font = FontProperties(family="DejaVu Sans", size=points, weight=weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def line_count(text: str) -> int:
    """Return the number of lines of a text."""
    return 1 + text.count("\n")


@lru_cache(maxsize=4096)
def wrap(text: str, inches: float, points: float, weight: str = "normal") -> str:
    r"""Break a text into lines no wider than ``inches``.

    Lines break between facts, which commas divide, else after spaces and the joints of a file name,
    else between any two letters. They are about equally wide. Newlines stay; other control
    characters appear as escapes.

    >>> wrap("kirsch-north-west", 0.6, 9)
    'kirsch-\nnorth-\nwest'
    >>> wrap("min -0.73106", 0.7, 9)
    'min\n-0.73106'
    >>> wrap("2x2, min -0.73106", 0.9, 9)
    '2x2,\nmin -0.73106'
    >>> wrap("0.5 + (-0.1586)", 0.8, 9)
    '0.5 +\n(-0.1586)'
    >>> wrap("padding 3,2,4,5, stride 2, bias 10, range abs", 2.2, 9)
    'padding 3,2,4,5, stride 2,\nbias 10, range abs'
    """
    lines = (_even_lines(shown(line), inches, points, weight) for line in text.split("\n"))
    return "\n".join(chain.from_iterable(lines))


def _even_lines(text: str, inches: float, points: float, weight: str) -> list[str]:
    """Break a line into as few as possible, of about equal width, between facts where this fits."""
    widest = max(text_width(each.rstrip(), points, weight) for each in _TIED.findall(text))
    finest = _TIED if widest <= inches else _PIECE
    lines = _filled_lines(finest.findall(text), inches, points, weight)
    if len(lines) == 1:
        return lines
    for pattern in (_FACT, finest):
        pieces = pattern.findall(text)
        low = max(text_width(piece.rstrip(), points, weight) for piece in pieces)
        if low > inches or len(_filled_lines(pieces, inches, points, weight)) > len(lines):
            continue
        high = inches
        for _ in range(_NARROWER):
            middle = (low + high) / 2
            if len(_filled_lines(pieces, middle, points, weight)) > len(lines):
                low = middle
            else:
                high = middle
        even = _filled_lines(pieces, high, points, weight)
        return [line.removesuffix(" ·") for line in even]
    return lines


def _filled_lines(pieces: Sequence[str], inches: float, points: float, weight: str) -> list[str]:
    """Join pieces to lines as long as ``inches`` allow; one too wide breaks between its letters."""
    lines = [""]
    for piece in pieces:
        fits = text_width(piece.rstrip(), points, weight) <= inches
        for part in [piece] if fits else piece:
            if lines[-1] and text_width((lines[-1] + part).rstrip(), points, weight) > inches:
                lines.append("")
            lines[-1] += part
    return [line.rstrip() for line in lines]


def format_short(number: float, digits: int = 5) -> str:
    """Write a number with at most ``digits`` significant digits; whole numbers are exact.

    >>> format_short(1020.0), format_short(0.30000000000000004), format_short(-2.5e7)
    ('1020', '0.3', '-2.5e7')
    """
    if float(number).is_integer() and abs(number) < _MAX_INTEGER:
        return str(int(number))
    return _shorten_exponent(f"{number:.{digits}g}")


def bar_number(value: float, _position: float | None = None, *, digits: int = 10) -> str:
    """Label a tick of a color bar; ten digits hide the rounding errors of round numbers.

    >>> bar_number(0.30000000000000004), bar_number(25000), bar_number(1.5e9)
    ('0.3', '25000', '1.5e9')
    """
    short = f"{value:.4g}"
    is_large = abs(value) >= _MAX_INTEGER and float(short) == value
    return _shorten_exponent(short) if is_large else format_short(value, digits)


def cell_texts(values: NDArray[np.generic], digits: int | None = None) -> list[str]:
    """Write the numbers in the cells of a grid, row by row, with few digits.

    All have the same number of decimals: ``digits``, or the fewest that are exact, or else enough
    for three significant digits of the largest. Integers have none. Without ``digits``, a number
    that would be rounded to 0 is written with one digit and an exponent, so ``0`` is always exact.

    >>> cell_texts(np.array([0.25, 0.125, 0])), cell_texts(np.array([1, 1e-7, 1 / 3]))
    (['0.250', '0.125', '0'], ['1.00', '1e-7', '0.33'])
    >>> cell_texts(np.array([0.25, 1 / 3, -0.01]), digits=1)
    ['0.2', '0.3', '0.0']
    """
    numbers = [value.item() for value in values.ravel()]
    if values.dtype.kind in "biu" and all(abs(number) < _MAX_FIXED for number in numbers):
        return [str(int(number)) for number in numbers]
    if digits is not None:
        return [_rounded(number, digits) for number in numbers]
    finite = [abs(number) for number in numbers if math.isfinite(number)]
    largest = max(finite, default=0.0)
    if largest and not _MIN_FIXED <= largest < _MAX_FIXED:
        return [_shorten_exponent(f"{number:.{_SIGNIFICANT_DIGITS}g}") for number in numbers]
    noise = 4 * float(np.finfo(values.dtype.name).eps) if values.dtype.kind == "f" else 0.0
    decimals = _decimals(finite, largest, noise)
    return [_fixed(number, decimals) for number in numbers]


def fitting_decimals(values: NDArray[np.generic]) -> int:
    """Return how many decimals `cell_texts` writes; for tiny numbers, as many as show digits.

    >>> fitting_decimals(np.array([3.3, 0.30000000000000004])), fitting_decimals(np.array([1 / 3]))
    (1, 3)
    """
    if values.dtype.kind in "biu":
        return 0
    finite = np.abs(values[np.isfinite(values)]).tolist()
    noise = 4 * float(np.finfo(values.dtype.name).eps)
    return _decimals(finite, max(finite, default=0.0), noise)


def common_decimals(
    grids: Sequence[NDArray[np.generic]], significant: int | None = None
) -> int | None:
    """Return the decimals with which the numbers of several grids are written alike.

    None where these are so large or small that `cell_texts` writes exponents.

    Args:
        grids: at least one.
        significant: digits of the largest number at most; None for the usual ones.

    >>> common_decimals([np.array([0.25]), np.array([0.125, 3])]), common_decimals([np.array([9])])
    (3, 0)
    >>> common_decimals([np.array([0.25]), np.array([0.125, 3])], 2)
    1
    """
    finite = [abs(grid[np.isfinite(grid)].astype(np.float64)) for grid in grids]
    largest = max((float(each.max()) for each in finite if each.size), default=0.0)
    if largest and not _MIN_FIXED <= largest < _MAX_FIXED:
        return None
    decimals = max(map(fitting_decimals, grids))
    if significant and largest:
        return min(decimals, max(0, significant - 1 - math.floor(math.log10(largest))))
    return decimals


def _decimals(magnitudes: list[float], largest: float, noise: float) -> int:
    """Return the fewest decimals that are exact up to ``noise``, else enough for three digits."""
    enough = max(0, _SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(largest))) if largest else 0
    for decimals in range(max(enough, _SIGNIFICANT_DIGITS) + 2):
        if all(math.isclose(round(m, decimals), m, rel_tol=noise) for m in magnitudes):
            return decimals
    return enough


def _rounded(number: float, decimals: int) -> str:
    """Write a number with these decimals, an exact 0 without any."""
    text = f"{number:.{decimals}f}"
    return "0" if number == 0 else text if float(text) else text.lstrip("-")


def _fixed(number: float, decimals: int) -> str:
    if number == 0:
        return "0"
    text = f"{number:.{decimals}f}"
    return text if float(text) else _shorten_exponent(f"{number:.1g}")


def _shorten_exponent(text: str) -> str:
    """Turn 1e-07 into 1e-7."""
    return re.sub(r"e([+-])0*(\d)", lambda m: "e" + m[1].strip("+") + m[2], text)


def conv_facts(image_filter: Filter) -> list[str]:
    """Return every option of a filter that is not the default, in words.

    >>> from convcli.filtering.filter import Filter
    >>> from convcli.geometry import ConvOptions
    >>> from convcli.kernels.spec import read_spec
    >>> conv, kernels = ConvOptions(stride=2, padding=5, border="wrap"), read_spec("blur").kernels
    >>> conv_facts(Filter("blur", kernels, conv=conv, range="percentile", percentile=(5, 95)))
    ['padding 5', 'border wrap', 'stride 2', 'range percentile 5,95']
    """
    facts = option_facts(image_filter.conv)
    facts += [image_filter.divided] * bool(image_filter.divided)
    if image_filter.bias is not None:
        facts.append(f"bias {format_short(image_filter.bias)}")
    if image_filter.missing is not None:
        facts += missing_facts(image_filter.missing)
    facts += ["linear light"] * image_filter.linear_light
    if image_filter.range != "clip":
        ends = ",".join(map(format_short, image_filter.percentile))
        with_ends = image_filter.range == "percentile"
        facts.append(f"range {image_filter.range}" + f" {ends}" * with_ends)
    return facts


def combine_fact(image_filter: Filter) -> str:
    """Return how several maps became one, or nothing.

    >>> from convcli.filtering.filter import Filter
    >>> from convcli.kernels.spec import read_spec
    >>> combine_fact(Filter("sobel", read_spec("sobel").kernels, "magnitude"))
    'magnitude of 2 kernels'
    """
    kernels = image_filter.kernels
    return f"{image_filter.combine or 'one'} of {len(kernels)} kernels" if len(kernels) > 1 else ""


def alpha_facts(image: ImageData, alpha: str) -> list[str]:
    """Return how an input's alpha is treated, which no figure shows, in words."""
    words = {
        "keep": "alpha is not drawn",
        "premultiply": "alpha premultiply, not drawn",
        "drop": "alpha dropped",
    }
    return [] if image.alpha is None else [words[alpha]]


def peak_fact(stats: ValueStats) -> str:
    """Return the place that ``--mark`` has found in an image, in words; nothing without it."""
    if stats.peak is None:
        return ""
    peak, (_, greatest) = stats.peak, stats.shown()
    row, column, _ = peak.place
    channel = f" of {peak.channel}" if peak.channel else ""
    place = f"row {row}, column {column}{peak.tie_text}"
    return f"marked: {format_short(greatest)}{channel} at {place}"


def missing_facts(missing: Missing) -> list[str]:
    """Say which pixels are missing, in words."""
    facts = ["NaN ignored"] * missing.nan + ["mask"] * (missing.mask is not None)
    if missing.nodata is not None:
        facts.append(f"nodata {format_short(missing.nodata, digits=10)}")
    return facts + [f"min valid {format_short(missing.min_valid)}"] * (missing.min_valid > 0)


def option_facts(conv: ConvOptions) -> list[str]:
    """Return every option of a convolution that is not the default, in words.

    >>> option_facts(ConvOptions(border="wrap")), option_facts(ConvOptions("correlate", 0, "wrap"))
    (['border wrap'], ['padding 0'])
    """
    usual = ConvOptions()
    facts = ["convolve, kernel flipped"] * (conv.operation != usual.operation)
    if not isinstance(conv.padding, str) or conv.padding != usual.padding:
        facts.append(f"padding {_option_text(conv.padding)}")
    border = border_name(conv.border)
    if border != usual.border and _has_padding(conv.padding):
        facts.append(f"border {border}" + f" {format_short(conv.fill)}" * (border == "constant"))
    for name in ("stride", "dilation"):
        if (text := _option_text(getattr(conv, name))) != "1":
            facts.append(f"{name} {text}")
    if not isinstance(conv.anchor, str) or conv.anchor != usual.anchor:
        anchor = conv.anchor
        place = anchor if isinstance(anchor, str) else "{},{}".format(*as_pair(anchor, "", least=0))
        facts.append(f"anchor {place}")
    return facts


def _has_padding(padding: Padding) -> bool:
    return padding != "valid" if isinstance(padding, str) else bool(np.any(np.asarray(padding)))


def _option_text(value: object) -> str:
    """Write a word, an integer, or integers that are all alike as one."""
    if isinstance(value, str):
        return value
    numbers = [str(number) for number in np.ravel(np.asarray(value)).tolist()]
    return numbers[0] if len(set(numbers)) == 1 else ",".join(numbers)


def result_title(filtered: Filtered, facts: Sequence[str]) -> str:
    """Return the caption of a result: facts, least and greatest value, share of clipped values."""
    stats = filtered.stats
    least, greatest = stats.shown()
    values = [f"min {format_short(least)}", f"max {format_short(greatest)}"]
    if filtered.image.max_value is not None:
        values.append(f"{percent_text(stats.clipped)} clipped")
    return ", ".join([*facts, *values])


def named_in_headings(filters: Sequence[Filter]) -> list[Filter]:
    """Return filters whose kernels from files are named without folders, unless two become alike.

    >>> from convcli.filtering.filter import Filter
    >>> from convcli.kernels.kernel import Kernel
    >>> one = Filter("week-3/a.txt", (Kernel([[1]], name="week-3/a.txt"),))
    >>> [each.label for each in named_in_headings([one, one._replace(label="b.txt")])]
    ['a.txt', 'b.txt']
    >>> [each.label for each in named_in_headings([one, one._replace(label="week-4/a.txt")])]
    ['week-3/a.txt', 'week-4/a.txt']
    """
    labels = {each.label for each in filters}
    if len({without_folders(label) for label in labels}) < len(labels):
        return list(filters)
    return [
        each._replace(
            label=without_folders(each.label),
            kernels=tuple(
                kernel._replace(name=without_folders(kernel.name)) if "/" in kernel.name else kernel
                for kernel in each.kernels
            ),
        )
        for each in filters
    ]


def common_bank(labels: Sequence[str]) -> str:
    """Return the bank that several filters are of, which is named once for all; else nothing.

    >>> common_bank(["filter 1 of a.npy", "filter 2 of a.npy"])
    'a.npy'
    """
    banks = {label.partition(" of ")[2] for label in labels}
    return banks.pop() if len(labels) > 1 and len(banks) == 1 else ""


def without_bank(text: str, bank: str) -> str:
    """Return a text on a filter without the name of its bank.

    >>> without_bank("result of filter 1 of a.npy", "a.npy")
    'result of filter 1'
    """
    return text.replace(f" of {bank}", "", 1) if bank else text


def result_name(image_filter: Filter) -> str:
    """Return a filter's label, short, and, where several maps became one, how.

    >>> from convcli.filtering.filter import Filter
    >>> from convcli.kernels.spec import read_spec
    >>> result_name(Filter("sobel", read_spec("sobel").kernels, "magnitude"))
    'sobel: magnitude of 2 kernels'
    """
    kernels = image_filter.kernels
    first = kernels[0]
    bias = f", bias {format_short(first.bias)}" if first.bias else ""
    name = short_name(image_filter.label)
    if len(kernels) > 1:
        return f"{name}: {combine_fact(image_filter)}{bias}"
    if first.matrix.ndim > 2:
        channels = first.matrix.shape[-3]
        return f"{name}{f': sum over {channels} channels' * (channels > 1)}{bias}"
    return name
