"""Signals drawn into axes: a few samples as stems with their numbers, many as a line."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from convcli.core.plan import as_applied
from convcli.core.strips import OUTSIDE, border_index
from convcli.plotting.axes import finite_extremes, widest_text
from convcli.plotting.style import TICK_POINTS
from convcli.plotting.text import bar_number, cell_texts, text_width
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH

Samples = NDArray[np.float64]  # (n, C): n samples of 1 or 3 channels

MOST_STEMS = 64
_MOST_NUMBERED = 40
_LARGEST_NUMBER, _SMALLEST_NUMBER = 8.0, 5.0  # points
_NUMBER_SHARE = 0.9  # of the distance between samples that a number may take
_CHANNEL_COLORS, _COLOR = ("tab:red", "tab:green", "tab:blue"), "tab:blue"
_MARGIN, _MARGIN_FOR_NUMBERS = 0.08, 0.2  # above and below, as shares of the range of values
_MARGIN_BELOW_ZERO = 0.04  # below stems that all point up
_DOT_POINTS = 3.5


class SignalPadding(NamedTuple):
    """Samples added before and after a signal, and what they hold."""

    before: int
    after: int
    border: str
    fill: float


def signal_axis(pixels: NDArray[np.generic]) -> int | None:
    """Return the axis that a signal runs along: 1 for a row, 0 for a column, None for an image.

    >>> signal_axis(np.zeros((1, 9))), signal_axis(np.zeros((9, 1))), signal_axis(np.zeros((9, 9)))
    (1, 0, None)
    """
    rows, columns = pixels.shape[:2]
    if min(rows, columns) > 1 or max(rows, columns) < 2:
        return None
    return 1 if rows == 1 else 0


def are_signals(images: Iterable[NDArray[np.generic]]) -> bool:
    """Return whether all images are signals along the same axis."""
    axes = {signal_axis(pixels) for pixels in images}
    return len(axes) == 1 and None not in axes


def signal_samples(pixels: NDArray[np.generic]) -> Samples:
    """Return the samples of a row or column as (n, C) floats."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    return pixels.astype(np.float64).reshape(-1, channels)


def signal_taps(matrix: NDArray[np.generic], axis: int, operation: str) -> Samples | None:
    """Return a kernel's weights along a signal's axis as they are applied, (k, C).

    None for a filter bank, or for a kernel that is larger than 1 across the signal.
    """
    applied = as_applied(matrix, operation)
    planes = applied if applied.ndim > 2 else applied[np.newaxis]
    if planes.ndim > 3 or planes.shape[2 - axis] != 1 or len(planes) not in (1, 3):
        return None
    return planes.reshape(len(planes), -1).T.astype(np.float64)


def padded_samples(samples: NDArray[Any], padding: SignalPadding) -> NDArray[Any]:
    """Return a signal, (n, C), with its padding."""
    index = border_index(len(samples), padding.before, padding.after, padding.border)
    padded = samples[index]
    padded[index == OUTSIDE] = padding.fill
    return padded


def draw_samples(
    axes: Axes,
    places: Sequence[int] | NDArray[np.intp],
    samples: Samples,
    *,
    inches: float,
    exact: NDArray[np.generic] | None = None,
) -> list[Artist]:
    """Draw a signal as stems from zero with their numbers, or as a line; NaN leaves a gap.

    Args:
        axes: where to draw.
        places: the x coordinate of each sample.
        samples: (n, C).
        inches: the width of the axes.
        exact: the same samples in their own number type, for the numbers.
    """
    is_short, channels = len(samples) <= MOST_STEMS, samples.shape[1]
    texts = _numbers(samples if exact is None else exact, inches) if channels == 1 else []
    _set_limits(axes, samples, with_numbers=bool(texts), from_zero=is_short)
    axes.axhline(0, color="0.6", linewidth=0.6, zorder=0.5)
    colors = _CHANNEL_COLORS if channels > 1 else (_COLOR,)
    style: dict[str, Any] = {"marker": "o", "markersize": _DOT_POINTS} if is_short else {}
    has_stems = is_short and channels == 1
    artists: list[Artist] = []
    for channel, color in enumerate(colors):
        heights = samples[:, channel]
        width = 0.0 if has_stems else 1.0
        artists += axes.plot(places, heights, color=color, linewidth=width, **style)
        if has_stems:
            artists.append(axes.vlines(places, 0, heights, color=color, linewidth=1.2))
    return artists + _write_numbers(axes, places, samples[:, 0], texts, inches)


def hatch_signal_padding(axes: Axes, size: int, padding: SignalPadding) -> None:
    """Hatch the padding before and after a signal of ``size`` samples."""
    for low, high in ((-padding.before, 0), (size, size + padding.after)):
        if low < high:
            hatch_samples(axes, low - 0.5, high - 0.5)


def hatch_samples(axes: Axes, low: float, high: float) -> None:
    """Hatch the axes from one x coordinate to another."""
    style: Any = {"edgecolor": PAD_COLOR, "linewidth": 0, "alpha": 0.5, "zorder": 0.2}
    axes.axvspan(low, high, fill=False, hatch=PAD_HATCH, **style)


def set_sample_ticks(axes: Axes, low: float, high: float, inches: float) -> None:
    """Set the limits of the x axis and number its samples, all of them where there is room."""
    axes.set_xlim(low, high)
    widest = text_width(f"-{round(high)}0", TICK_POINTS)
    if high - low <= MOST_STEMS and (high - low) * widest <= inches:
        axes.set_xticks(range(int(np.ceil(low)), int(np.floor(high)) + 1))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(bar_number))


def _set_limits(axes: Axes, samples: Samples, *, with_numbers: bool, from_zero: bool) -> None:
    low, high = finite_extremes(samples)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    margin = _MARGIN_FOR_NUMBERS if with_numbers else _MARGIN
    margin_below = margin if low < 0 or not from_zero else _MARGIN_BELOW_ZERO
    span = high - low or 1.0
    axes.set_ylim(low - span * margin_below, high + span * margin)


def _numbers(values: NDArray[np.generic], inches: float) -> list[str]:
    """Return the numbers of a short signal, none if they do not fit beside each other."""
    if len(values) > _MOST_NUMBERED:
        return []
    texts = cell_texts(values)
    room = _NUMBER_SHARE * inches / (len(values) + 1)
    return texts if max(text_width(text, _SMALLEST_NUMBER) for text in texts) <= room else []


def _write_numbers(
    axes: Axes,
    places: Sequence[int] | NDArray[np.intp],
    heights: NDArray[np.float64],
    texts: Sequence[str],
    inches: float,
) -> list[Artist]:
    """Write each number beyond the end of its stem."""
    if not texts:
        return []
    room = _NUMBER_SHARE * inches / (len(texts) + 1)
    points = min(_LARGEST_NUMBER, room / widest_text(texts))
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
