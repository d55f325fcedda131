"""What the Python functions accept as the options of a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, cast

import numpy as np

from convcli.choices import LAYOUTS, PANELS, THEMES, Panel
from convcli.core.dtypes import as_flag, as_numbers
from convcli.errors import UsageError, short_repr
from convcli.figure_options import FigureOptions
from convcli.geometry import as_pair
from convcli.images.given import REAL
from convcli.plotting.style import check_cmap

MOST_DIGITS = 17  # more than float64 has


def checked_figure_options(given: FigureOptions, panels: Sequence[str] = PANELS) -> FigureOptions:
    """Return the options of a figure, whose fields may hold anything, in their own types.

    Args:
        given: the options.
        panels: those that the figure draws, which an error names. Its own errors say where others
            are drawn.

    Raises:
        UsageError: one is wrong.
    """
    check_choice(given.theme, THEMES, "theme")
    if given.layout is not None:
        check_choice(given.layout, LAYOUTS, "layout")
    chosen = _texts(given.panels, "panels")
    if chosen is not None and not set(chosen) <= set(PANELS):
        raise UsageError(f"panels must be of {', '.join(panels)}, not {short_repr(given.panels)}")
    for name, text in (("title", given.title), ("cmap", given.cmap)):
        if not isinstance(text, str | None):
            raise UsageError(f"{name} must be text, not {short_repr(text)}")
    if given.cmap is not None:
        check_cmap(given.cmap)
    ends = None if given.limits is None else _figure_numbers(given.limits, "limits")
    if ends is not None and not (len(ends) == 2 and ends[0] < ends[1]):
        raise UsageError(
            f"limits must be two numbers in rising order, not {short_repr(given.limits)}"
        )
    digits = given.digits
    if digits is not None:
        [digits, _] = as_pair(digits, "digits", least=0)
        if digits > MOST_DIGITS:
            raise UsageError(f"digits must be from 0 to {MOST_DIGITS}, not {digits}")
    return given._replace(
        digits=digits,
        dpi=_figure_size(given.dpi, "dpi", 20, 1200),
        width=None if given.width is None else _figure_size(given.width, "width", 2, 60),
        panels=cast("tuple[Panel, ...] | None", chosen),
        titles=_texts(given.titles, "titles"),
        axes=as_flag(given.axes, "axes"),
        bars=as_flag(given.bars, "bars"),
        overlay=as_flag(given.overlay, "overlay"),
        limits=None if ends is None else (ends[0], ends[1]),
    )


def check_unused(function: Callable[..., Any], given: Mapping[str, Any], reason: str) -> None:
    """Raise UsageError if an argument that would be ignored is not the function's default.

    Args:
        function: what was called.
        given: these arguments by name.
        reason: follows the name of the first that is not its default.
    """
    parameters = signature(function).parameters
    for name, value in given.items():
        default = parameters[name].default
        is_plain = value is None or isinstance(value, str | int | float)
        if value is not default and not (is_plain and value == default):
            raise UsageError(f"{name}: {reason}")


def check_choice(word: Any, known: Sequence[str], name: str) -> None:
    """Raise UsageError unless a value is one of the known words."""
    if not isinstance(word, str) or word not in known:
        raise UsageError(f"{name} must be one of {', '.join(known)}, not {short_repr(word)}")


def _figure_size(value: Any, name: str, least: float, most: float) -> float:
    """Return a number within limits."""
    [number] = _figure_numbers([value], name)
    if not least <= number <= most:
        raise UsageError(f"{name} must be from {least} to {most}, not {short_repr(value)}")
    return number


def _texts(value: Any, name: str) -> tuple[str, ...] | None:
    """Return a sequence of texts as a tuple, None for None."""
    if value is None:
        return None
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise UsageError(f"{name} must be a list of texts, not {short_repr(value)}")


def _figure_numbers(value: Any, name: str) -> list[float]:
    """Return finite numbers as floats."""
    numbers = as_numbers(value, name)
    if numbers.ndim != 1 or numbers.dtype.kind not in REAL or not np.isfinite(numbers).all():
        raise UsageError(f"{name} must be finite numbers, not {short_repr(value)}")
    return [float(number) for number in numbers.tolist()]
