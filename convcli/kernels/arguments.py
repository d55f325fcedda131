"""The arguments of a recipe: ``5,sigma=1.2`` to the values that its function takes."""

import math
import re
from collections.abc import Callable
from typing import Any

from convcli.errors import KernelError, quoted
from convcli.kernels.entries import ComputedKernel, Parameter
from convcli.kernels.formulas import check_extent

LEAST_POSITIVE, MOST = 1e-6, 1e6  # sane in pixels and degrees, and squares stay finite
SIZE = re.compile(r"(\d{1,9})(?:x(\d{1,9}))?", re.ASCII)
FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def bind_arguments(recipe: ComputedKernel, text: str) -> dict[str, Any]:
    """Return every argument of ``recipe`` by the name of its function's parameter.

    Args:
        recipe: which arguments there are.
        text: values in the recipe's order, then ``name=value``, with commas between.

    Raises:
        KernelError: an argument is unknown, given twice, or out of range.
    """
    typed = _assign(recipe, text)
    values = {}
    for parameter in recipe.parameters:
        word = typed.get(parameter.name, parameter.default)
        values[parameter.name.replace("-", "_")] = _convert(parameter, word) if word else None
    return values


def _assign(recipe: ComputedKernel, text: str) -> dict[str, str]:
    """Give each typed value to the parameter it is meant for."""
    names = [parameter.name for parameter in recipe.parameters]
    typed: dict[str, str] = {}
    for position, piece in enumerate(text.split(",") if text.strip() else ()):
        name, equals, value = (part.strip() for part in piece.partition("="))
        if not equals:
            name, value = names[position] if position < len(names) else piece, name
            if any("=" in earlier for earlier in text.split(",")[:position]):
                raise KernelError(f"{quoted(value)} needs its name; {_usage(recipe)}")
        if name not in names:
            raise KernelError(f"{recipe.name} has no argument {quoted(name)}; {_usage(recipe)}")
        if name in typed:
            raise KernelError(f"{recipe.name} is given {name} twice")
        if not value:
            raise KernelError(f"{name} needs a value; {_usage(recipe)}")
        typed[name] = value
    return typed


def _usage(recipe: ComputedKernel) -> str:
    names = ", ".join(parameter.name for parameter in recipe.parameters)
    return f"{recipe.name} takes {names}; for example {recipe.example}"


def _convert(parameter: Parameter, word: str) -> Any:
    """Read one value as its kind asks."""
    return CONVERTERS[parameter.kind](parameter.name, word)


def _size(name: str, word: str) -> tuple[int, int]:
    """Read ``N`` or ``WxH`` as (rows, columns)."""
    match = SIZE.fullmatch(word)
    if match is None:
        raise KernelError(
            f"{name} is N or WxH (width x height), as in 5 or 7x3, not {quoted(word)}"
        )
    columns = int(match[1])
    rows = int(match[2]) if match[2] else columns
    check_extent(columns)
    check_extent(rows)
    return rows, columns


def _number(name: str, word: str) -> float:
    number = _read_float(word)
    if not abs(number) <= MOST:
        raise KernelError(f"{name} is a number from -{MOST:.0f} to {MOST:.0f}, not {quoted(word)}")
    return number


def _positive(name: str, word: str) -> float:
    number = _read_float(word)
    if not LEAST_POSITIVE <= number <= MOST:
        raise KernelError(
            f"{name} is a number from {LEAST_POSITIVE:f} to {MOST:.0f}, not {quoted(word)}"
        )
    return number


def _correlation(name: str, word: str) -> float:
    number = _read_float(word)
    if not abs(number) < 1:
        raise KernelError(f"{name} is a correlation, between -1 and 1, not {quoted(word)}")
    return number


def _read_float(word: str) -> float:
    """Read a number; NaN, which is in no range, where there is none."""
    try:
        return float(word)
    except ValueError:
        return math.nan


def _flag(name: str, word: str) -> bool:
    if word not in FLAGS:
        raise KernelError(f"{name} is yes or no, not {quoted(word)}")
    return FLAGS[word]


CONVERTERS: dict[str, Callable[[str, str], Any]] = {
    "size": _size,
    "number": _number,
    "positive": _positive,
    "correlation": _correlation,
    "flag": _flag,
}
