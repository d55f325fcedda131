"""The arguments of computed kernels and of signals, read from the text of a SPEC."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from convcli.errors import KernelError, quoted
from convcli.kernels.entries import ComputedKernel, Signal
from convcli.kernels.formulas import MAX_SIDE

SIZE = r"(?a)(\d{1,9})(?:x(\d{1,9}))?"
SEED = r"(?a)\d{1,9}"
FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
MIN_POSITIVE, MAX_NUMBER = 1e-6, 10**6  # ample for pixels and degrees, and squares stay finite


def bind_arguments(entry: ComputedKernel | Signal, text: str) -> dict[str, Any]:
    """Return all arguments of a computed kernel or a signal, by its function's parameters.

    Args:
        entry: the computed kernel or the signal.
        text: values in the order of its parameters, then ``name=value``, separated by commas.

    Raises:
        KernelError: an argument is unknown, given twice, or out of range.
    """
    names = [parameter.name for parameter in entry.parameters]
    usage = usage_text(entry)
    texts: dict[str, str] = {}
    for position, argument in enumerate(text.split(",") if text.strip() else ()):
        name, equals, value = (part.strip() for part in argument.partition("="))
        if not equals:
            name, value = names[position] if position < len(names) else argument, name
            if any("=" in earlier for earlier in text.split(",")[:position]):
                raise KernelError(f"{entry.name}: {quoted(value)} needs a name; {usage}")
        if name not in names:
            raise KernelError(f"{entry.name} has no argument {quoted(name)}; {usage}")
        if name in texts:
            raise KernelError(f"{entry.name}: {name} is given twice")
        if not value:
            raise KernelError(f"{entry.name}: {name} needs a value; {usage}")
        texts[name] = value
    values: dict[str, Any] = {}
    for parameter in entry.parameters:
        word = texts.get(parameter.name, parameter.default)
        keyword = parameter.name.replace("-", "_")
        try:
            values[keyword] = CONVERTERS[parameter.kind](word) if word else None
        except KernelError as error:
            raise KernelError(f"{entry.name}: {parameter.name} {error}") from None
    return values


def usage_text(entry: ComputedKernel | Signal) -> str:
    """Return what errors say of the arguments: their names, and an example."""
    names = ", ".join(parameter.name for parameter in entry.parameters)
    return f"{entry.name} takes {names}; for example {entry.example}"


def _size(word: str) -> tuple[int, int]:
    """Read ``N`` or ``WxH`` as (rows, columns)."""
    match = re.fullmatch(SIZE, word)
    if match is None:
        raise KernelError(f"must be a positive N or WxH (e.g. 5 or 7x3), not {quoted(word)}")
    rows, columns = int(match[2] or match[1]), int(match[1])
    if not 1 <= min(rows, columns) <= max(rows, columns) <= MAX_SIDE:
        raise KernelError(f"must have sides from 1 to {MAX_SIDE:,}, not {quoted(word)}")
    return rows, columns


def _seed(word: str) -> int:
    if re.fullmatch(SEED, word) is None:
        raise KernelError(f"must be a whole number from 0 to 999,999,999, not {quoted(word)}")
    return int(word)


def _number(word: str, low: float = -MAX_NUMBER, high: float = MAX_NUMBER) -> float:
    number = read_float(word)
    if not low <= number <= high:
        raise KernelError(f"must be a number from {low:,} to {high:,}, not {quoted(word)}")
    return number


def _correlation(word: str) -> float:
    number = read_float(word)
    if not abs(number) < 1:
        raise KernelError(f"is a correlation: it must lie between -1 and 1, not {quoted(word)}")
    return number


def _flag(word: str) -> bool:
    if word not in FLAGS:
        raise KernelError(f"must be yes or no, not {quoted(word)}")
    return FLAGS[word]


def read_float(word: str) -> float:
    """Read a number; NaN, which is in no range, where there is none."""
    try:
        return float(word)
    except ValueError:
        return math.nan


CONVERTERS: dict[str, Callable[[str], Any]] = {
    "size": _size,
    "seed": _seed,
    "number": _number,
    "positive": partial(_number, low=MIN_POSITIVE),
    "share": partial(_number, low=0, high=1),
    "correlation": _correlation,
    "flag": _flag,
}
