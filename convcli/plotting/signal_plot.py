"""Signals drawn into axes: stems with their numbers where they are few, else a line."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from convcli.core.plan import as_applied
from convcli.core.strips import OUTSIDE, border_index
from convcli.plotting.axes import bar_number, finite_extremes
from convcli.plotting.style import TICK_POINTS
from convcli.plotting.text import cell_texts, text_width
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH

Values = NDArray[np.float64]  # (n, C): n samples of 1 or 3 channels

MOST_STEMS = 64
_MOST_NUMBERS = 40
_LARGEST_POINTS, _LEAST_POINTS = 8.0, 5.0
_COLORS = ("tab:red", "tab:green", "tab:blue")
_ONE_COLOR = "tab:blue"
_AIR, _AIR_FOR_NUMBERS = 0.08, 0.2  # of the values' range, above and below
_FOOT = 0.04  # the same below stems that all stand on zero
_DOT = 3.5  # points


class Padding(NamedTuple):
    """Samples added before and after a signal, and what they hold."""

    before: int
    after: int
    border: str
    fill: float


def signal_axis(pixels: NDArray[np.generic]) -> int | None:
    """Return along which axis a signal runs: 1 for one row, 0 for one column; None for an image.

    >>> signal_axis(np.zeros((1, 9))), signal_axis(np.zeros((9, 1))), signal_axis(np.zeros((9, 9)))
    (1, 0, None)
    """
    rows, columns = pixels.shape[:2]
    if min(rows, columns) > 1 or max(rows, columns) < 2:
        return None
    return 1 if rows == 1 else 0


def are_signals(images: Iterable[NDArray[np.generic]]) -> bool:
    """Tell whether all are signals that run the same way."""
    axes = {signal_axis(pixels) for pixels in images}
    return len(axes) == 1 and None not in axes


def samples_of(pixels: NDArray[np.generic]) -> Values:
    """Return the samples of a signal, row or column, as (n, C) floats."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    return pixels.astype(np.float64).reshape(-1, channels)


def taps_of(matrix: NDArray[np.generic], axis: int, operation: str) -> Values | None:
    """Return a kernel's weights along a signal's axis as they are applied, (k, C).

    None for a kernel that also runs across the signal, or that is a bank.
    """
    applied = as_applied(matrix, operation)
    planes = applied if applied.ndim > 2 else applied[np.newaxis]
    if planes.ndim > 3 or planes.shape[2 - axis] != 1 or len(planes) not in (1, 3):
        return None
    return planes.reshape(len(planes), -1).T.astype(np.float64)


def padded_samples(values: NDArray[Any], padding: Padding) -> NDArray[Any]:
    """Return a signal with its padding."""
    index = border_index(len(values), padding.before, padding.after, padding.border)
    padded = values[index]
    padded[index == OUTSIDE] = padding.fill
    return padded


def draw_samples(
    axes: Axes,
    places: Sequence[int] | NDArray[np.intp],
    values: Values,
    *,
    inches: float,
    exact: NDArray[np.generic] | None = None,
) -> list[Artist]:
    """Draw a signal at some places of the x axis, which is ``inches`` wide.

    Few samples are stems from zero, with their numbers where these fit; many are a line. NaN
    leaves a gap. ``exact`` is the same signal in its own number type, for the numbers.
    """
    artists: list[Artist] = []
    few = len(values) <= MOST_STEMS
    texts = _numbers(values if exact is None else exact, inches) if values.shape[1] == 1 else []
    _set_limits(axes, values, with_numbers=bool(texts), from_zero=few)
    colors = _COLORS if values.shape[1] > 1 else (_ONE_COLOR,)
    axes.axhline(0, color="0.6", linewidth=0.6, zorder=0.5)
    for channel, color in enumerate(colors):
        heights = values[:, channel]
        style: dict[str, Any] = {"marker": "o", "markersize": _DOT} if few else {}
        width = 0.0 if few and len(colors) == 1 else 1.0
        artists += axes.plot(places, heights, color=color, linewidth=width, **style)
        if few and len(colors) == 1:
            artists.append(axes.vlines(places, 0, heights, color=color, linewidth=1.2))
    return artists + _write(axes, places, values[:, 0], texts, inches)


def hatch_ends(axes: Axes, size: int, padding: Padding) -> None:
    """Hatch where the padding of a signal of ``size`` samples lies."""
    for low, high in ((-padding.before, 0), (size, size + padding.after)):
        if low < high:
            hatch_span(axes, low - 0.5, high - 0.5)


def hatch_span(axes: Axes, low: float, high: float) -> None:
    """Hatch the axes from one place to another."""
    axes.axvspan(
        low,
        high,
        fill=False,
        hatch=PAD_HATCH,
        edgecolor=PAD_COLOR,
        linewidth=0,
        alpha=0.5,
        zorder=0.2,
    )


def set_places(axes: Axes, low: float, high: float, inches: float) -> None:
    """Number the samples from ``low`` to ``high``, each where there is room."""
    axes.set_xlim(low, high)
    cells = high - low
    widest = text_width(f"-{round(high)}0", TICK_POINTS)
    if cells <= MOST_STEMS and cells * widest <= inches:
        axes.set_xticks(range(int(np.ceil(low)), int(np.floor(high)) + 1))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for each in (axes.xaxis, axes.yaxis):
        each.set_major_formatter(FuncFormatter(bar_number))


def _set_limits(axes: Axes, values: Values, *, with_numbers: bool, from_zero: bool) -> None:
    low, high = finite_extremes(values)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    air = _AIR_FOR_NUMBERS if with_numbers else _AIR
    span = high - low or 1.0
    below = air if low < 0 or not from_zero else _FOOT
    axes.set_ylim(low - span * below, high + span * air)


def _numbers(values: NDArray[np.generic], inches: float) -> list[str]:
    """Return the numbers of a short signal, none where they do not fit beside each other."""
    if len(values) > _MOST_NUMBERS:
        return []
    texts = cell_texts(values)
    room = inches / (len(values) + 1)
    return texts if max(text_width(text, _LEAST_POINTS) for text in texts) <= 0.9 * room else []


def _write(
    axes: Axes,
    places: Sequence[int] | NDArray[np.intp],
    heights: NDArray[np.float64],
    texts: Sequence[str],
    inches: float,
) -> list[Artist]:
    """Write each number beyond the end of its stem."""
    if not texts:
        return []
    widest = max(text_width(text, 1.0) for text in texts)
    points = min(_LARGEST_POINTS, 0.9 * inches / (len(texts) + 1) / widest)
    return [
        axes.annotate(
            text,
            (place, height if np.isfinite(height) else 0),
            (0, 4 if not height < 0 else -4),
            textcoords="offset points",
            ha="center",
            va="bottom" if not height < 0 else "top",
            size=points,
        )
        for place, height, text in zip(places, heights, texts, strict=True)
    ]
