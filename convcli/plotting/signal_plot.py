"""Signals as stems with numbers or as lines, with their padding hatched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from numpy.typing import NDArray

from convcli.core.padding import OUTSIDE, border_index, promoted
from convcli.core.plan import as_applied
from convcli.errors import count_text
from convcli.geometry import Geometry, Pair, pads_text, size_text
from convcli.plotting.axes import finite_extremes, widest_text
from convcli.plotting.labels import (
    cell_texts,
)
from convcli.plotting.part import PartOf, plot_part
from convcli.plotting.sample_scale import SampleScale, outer_limits, set_sample_ticks, unit_label
from convcli.plotting.style import Box, figure_options, theme
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH, WINDOW_COLOR, hatched_text

if TYPE_CHECKING:
    from convcli.filtering.filter import Filter
    from convcli.kernels.kernel import Kernel

Samples = NDArray[np.float64]  # (n, C): n samples of 1 or 3 channels

MAX_HEATMAPS = 16
_ROW_WIDTH, _ROW_HEIGHT = 9.0, 1.6  # inches of a row at scale 1

MAX_STEMS = 64
_MAX_NUMBERED = 40
_NUMBER_SHARE = 0.9  # of the distance between samples that a number may take
CHANNEL_COLORS, _COLOR = ("tab:red", "tab:green", "tab:blue"), "tab:blue"
_MARGIN, _MARGIN_FOR_NUMBERS = 0.08, 0.2  # above and below, as shares of the range of values
_MARGIN_BELOW_ZERO = 0.04  # below stems that all point up
_MOST_FOR_NUMBERS = 0.36  # of a plot's height, for a number; else there are none
_FLAT = 1e-9  # a range of values below this, relative to them, is that of rounding errors
_DOT_POINTS, _RING_POINTS = 3.5, 7.5
_NARROWEST = 0.5  # inches; a row on a page that is refused since it is too narrow
_SIDE_MARGIN = 0.2  # inches a point of the smallest text, at the sides of a row


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


def across_note(kernels: Sequence[Kernel], axis: int | None) -> str:
    """Return a note on kernels that lie across a signal along ``axis``; empty if none does.

    >>> from convcli.kernels.kernel import Kernel
    >>> across_note([Kernel([[1, 2, 1]])], axis=0), across_note([Kernel([[1, 2, 1]])], axis=1)
    ('the kernel is a row, the signal a column', '')
    """
    if axis is None or not any(each.shape[axis] == 1 < each.shape[1 - axis] for each in kernels):
        return ""
    kernel, signal = ("row", "column") if axis == 0 else ("column", "row")
    return f"the kernel is a {kernel}, the signal a {signal}"


def padded_samples(samples: NDArray[Any], padding: SignalPadding) -> NDArray[Any]:
    """Return a signal, (n, C), with its padding."""
    index = border_index(len(samples), padding.before, padding.after, padding.border)
    padded = promoted(samples[index], padding.fill)
    padded[index == OUTSIDE] = padding.fill
    return padded


def draw_samples(
    axes: Axes,
    places: Sequence[float] | NDArray[np.integer | np.floating],
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
    is_short, channels = len(samples) <= MAX_STEMS, samples.shape[1]
    texts, number_points = sample_numbers(samples, inches, exact)
    if _number_share(axes) > _MOST_FOR_NUMBERS:
        texts = []
    _set_limits(axes, samples, with_numbers=bool(texts), from_zero=is_short)
    axes.axhline(0, color="0.6", linewidth=0.6, zorder=0.5)
    colors = CHANNEL_COLORS if channels > 1 else (_COLOR,)
    style: dict[str, Any] = {"marker": "o", "markersize": _DOT_POINTS} if is_short else {}
    has_stems = is_short and channels == 1
    artists: list[Artist] = []
    for channel, color in enumerate(colors):
        heights = samples[:, channel]
        width = 0.0 if has_stems else 1.0
        line = axes.plot(places, heights, color=color, linewidth=width, **style)
        line[0].set_solid_capstyle("butt")  # else the last sample reaches beyond what covers it
        artists += line
        if has_stems:
            artists.append(axes.vlines(places, 0, heights, color=color, linewidth=1.2))
    numbers = zip(places, samples[:, 0], texts, strict=False)
    return artists + [_write_number(axes, *number, number_points) for number in numbers]


def sample_numbers(
    samples: Samples, inches: float, exact: NDArray[np.generic] | None = None
) -> tuple[list[str], float]:
    """Return the numbers beyond the stems of a signal, and their size in points.

    There are none where they would touch. The arguments are those of `draw_samples`.
    """
    texts: list[str] = []
    room = _NUMBER_SHARE * inches / (len(samples) + 1)  # for each number
    if samples.shape[1] == 1 and len(samples) <= _MAX_NUMBERED:
        texts = cell_texts(samples if exact is None else exact, figure_options().digits)
    points = min(theme().text + 1, room / (widest_text(texts) or 1.0))
    return (texts, points) if points >= theme().number else ([], points)


def axes_inches(axes: Axes) -> float:
    """Return the width of axes."""
    return float(axes.bbox.width / axes.figure.dpi)


def row_box(width: float, height: float) -> Box:
    """Return the width and height in inches of a plot that is alone in its row of a page.

    It is as wide as a page that has to be filled, else ``width`` where this fits.
    """
    look = theme()
    room = max(look.width - _SIDE_MARGIN * look.text, _NARROWEST)
    fills = look.is_fixed or figure_options().width is not None
    return room if fills else min(room, width), height


def limit_heights(axes: Axes, limits: tuple[float, float]) -> None:
    """Set the ends of the y axis, and remove the numbers that would stand outside."""
    axes.set_ylim(*limits)
    for text in [text for text in axes.texts if isinstance(text, Annotation)]:
        box = text.get_window_extent()
        if box.y0 < axes.bbox.y0 or box.y1 > axes.bbox.y1:
            text.remove()


def keep_numbers_inside(axes: Axes) -> None:
    """Move the numbers that would reach beyond the left or the right end of the axes."""
    for text in axes.texts:
        if isinstance(text, Annotation):
            box = text.get_window_extent()
            beyond = max(axes.bbox.x0 - box.x0, 0) - max(box.x1 - axes.bbox.x1, 0)
            across, up = text.xyann
            text.xyann = across + beyond * 72 / axes.figure.dpi, up


def mark_sample(axes: Axes, place: float, height: float) -> list[Line2D]:
    """Mark a sample by a ring and a line from zero to it."""
    style: dict[str, Any] = {"color": WINDOW_COLOR, "zorder": 3}
    line = Line2D([place, place], [0, height], linewidth=1.0, linestyle=":", **style)
    ring = Line2D(
        [place], [height], linestyle="none", marker="o", markersize=_RING_POINTS,
        markerfacecolor="none", markeredgewidth=1.5, **style,
    )  # fmt: skip
    for artist in (line, ring):
        axes.add_artist(artist)
    return [line, ring]


def hatch_samples(axes: Axes, low: float, high: float) -> None:
    """Hatch the axes from one x coordinate to another."""
    style: Any = {"edgecolor": PAD_COLOR, "linewidth": 0, "alpha": 0.5, "zorder": 0.2}
    axes.axvspan(low, high, fill=False, hatch=PAD_HATCH, **style)


def _set_limits(axes: Axes, samples: Samples, *, with_numbers: bool, from_zero: bool) -> None:
    low, high = finite_extremes(samples)
    if from_zero or high - low <= _FLAT * max(abs(low), abs(high)):
        low, high = min(low, 0.0), max(high, 0.0)
    margin = _MARGIN
    if with_numbers:  # a number with the gap to its stem, as a share of the height
        share = _number_share(axes)
        margin = max(_MARGIN_FOR_NUMBERS, share / max(1 - 2 * share, 0.1))
    margin_below = margin if low < 0 or not from_zero else _MARGIN_BELOW_ZERO
    span = high - low or 1.0
    axes.set_ylim(low - span * margin_below, high + span * margin)


def _number_share(axes: Axes) -> float:
    """Return the share of a plot's height that a number takes with the gap to its stem."""
    return float((theme().text + 8) / 72 / (axes.bbox.height / axes.figure.dpi))


def _write_number(axes: Axes, place: float, height: float, text: str, points: float) -> Artist:
    """Write a number beyond the end of its stem."""
    end = place, height if np.isfinite(height) else 0
    sign, va = (-1, "top") if height < 0 else (1, "bottom")
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": va}
    return axes.annotate(text, end, (0, 4 * sign), size=points, **style)


def padded_text(
    original: NDArray[np.generic], padding: SignalPadding, drawn: SignalPadding | None = None
) -> str:
    """Return the number of samples of a signal, what its padding is, and how much is drawn of it.

    ``drawn`` is the part of the padding that is drawn, None for all.
    """
    text = samples_text(signal_samples(original))
    if padding.before or padding.after:
        text += f"; {hatched_text((padding.before, padding.after), padding.border)}"
    if drawn not in (None, padding):
        text += f", {pads_text((drawn.before, drawn.after))} drawn"
    return text


def draw_padded(
    axes: Axes,
    original: NDArray[np.generic],
    padding: SignalPadding,
    *,
    inches: float,
    scale: SampleScale,
    limits: tuple[float, float] | None = None,
) -> Samples:
    """Draw a signal with its padding hatched, and return the padded samples, (n, C).

    Args:
        axes: where to draw.
        original: the signal, (1, n) or (n, 1).
        padding: what is added before and after it.
        inches: the width of the axes.
        scale: where its samples lie.
        limits: of the x axis; None for those of the padded signal.
    """
    samples = signal_samples(original)
    count, positions = len(samples), scale.numbers
    padded = padded_samples(samples, padding)
    first = positions.after(-padding.before)
    exact = padded_samples(original.reshape(count, -1), padding)
    ends = outer_limits([(first, len(padded))])
    low, high = limits or ends
    room = inches * (ends[1] - ends[0]) / (high - low)
    draw_samples(axes, first.positions(len(padded)), padded, inches=room, exact=exact)
    inner = outer_limits([(positions, count)])
    for has_padding, span in (
        (padding.before, (ends[0], inner[0])),
        (padding.after, (inner[1], ends[1])),
    ):
        if has_padding:
            hatch_samples(axes, *span)
    set_sample_ticks(axes, (low, high), inches, positions)
    return padded


def signal_box(scale: float) -> Box:
    """Return the width and height of a row; only the height depends on the scale."""
    return row_box(_ROW_WIDTH, scale * _ROW_HEIGHT)


def signal_part(
    draw: Callable[[Axes], None],
    title: str,
    caption: str,
    scale: SampleScale,
    max_value: int | None,
) -> PartOf:
    """Return a function from a scale to a row with the plot of a signal.

    Args:
        draw: draws it.
        title, caption: above the plot.
        scale: where the samples lie.
        max_value: of the values, 255 or 65535; None for plain numbers.
    """
    return plot_part(
        draw, signal_box, title=title, caption=caption, xlabel=scale.label,
        ylabel=unit_label(max_value),
    )  # fmt: skip


def samples_text(samples: Samples) -> str:
    """Return the number of samples, and of NaN among their values."""
    nans = int(np.isnan(samples).sum())
    return count_text(len(samples), "sample") + f", {nans:,} NaN left out" * bool(nans)


def extent_text(shape: Pair) -> str:
    """Return the number of samples of a signal, or width x height of an image.

    >>> extent_text((1, 1001)), extent_text((3, 5))
    ('1,001 samples', '5x3')
    """
    return count_text(max(shape), "sample") if min(shape) == 1 < max(shape) else size_text(shape)


def widest_geometry(original: NDArray[np.generic], image_filter: Filter) -> Geometry:
    """Return the geometry of a filter's kernel that spans the most samples of a signal."""
    axis = signal_axis(original) or 0
    conv = image_filter.conv
    widest = max(image_filter.kernels, key=lambda kernel: kernel.shape[axis])
    return conv.geometry(original.shape[:2], widest.shape)
