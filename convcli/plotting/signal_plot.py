"""Signals as stems with numbers or as lines, and the figure of a filtered signal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convcli.core.padding import OUTSIDE, border_index
from convcli.core.plan import as_applied
from convcli.geometry import Geometry, border_name, conv_geometry
from convcli.plotting.axes import DrawnImage, finalize_layout, finite_extremes, widest_text
from convcli.plotting.heatmap import applied_title, draw_kernels, kernel_heatmaps, kernel_title
from convcli.plotting.labels import (
    bar_number,
    cell_texts,
    result_name,
    result_title,
    text_width,
    wrap,
)
from convcli.plotting.style import TICK_POINTS, TITLE_POINTS, page
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH, hatched_text

if TYPE_CHECKING:
    from convcli.filtering import Filter, Filtered

Samples = NDArray[np.float64]  # (n, C): n samples of 1 or 3 channels

KERNEL_INCHES, SIGNAL_INCHES = 2.6, 7.0  # widths of the two columns
PLOT_HEIGHT = 1.7  # inches
_TITLE_AND_TICKS = 0.9  # inches above and below a plot
_VALUE_TICKS = 0.7  # inches at the left of a plot
MAX_HEATMAPS = 16

_MAX_STEMS = 64
_MAX_NUMBERED = 40
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
    is_short, channels = len(samples) <= _MAX_STEMS, samples.shape[1]
    texts: list[str] = []
    room = _NUMBER_SHARE * inches / (len(samples) + 1)  # for each number
    if channels == 1 and len(samples) <= _MAX_NUMBERED:
        texts = cell_texts(samples if exact is None else exact)
    number_points = min(_LARGEST_NUMBER, room / (widest_text(texts) or 1.0))
    if number_points < _SMALLEST_NUMBER:
        texts = []
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
    numbers = zip(places, samples[:, 0], texts, strict=False)
    return artists + [_write_number(axes, *number, number_points) for number in numbers]


def hatch_samples(axes: Axes, low: float, high: float) -> None:
    """Hatch the axes from one x coordinate to another."""
    style: Any = {"edgecolor": PAD_COLOR, "linewidth": 0, "alpha": 0.5, "zorder": 0.2}
    axes.axvspan(low, high, fill=False, hatch=PAD_HATCH, **style)


def set_sample_ticks(axes: Axes, low: float, high: float, inches: float) -> None:
    """Set the limits of the x axis and number its samples, all of them where there is room."""
    axes.set_xlim(low, high)
    widest = text_width(f"-{round(high)}0", TICK_POINTS)
    if high - low <= _MAX_STEMS and (high - low) * widest <= inches:
        axes.set_xticks(range(int(np.ceil(low)), int(np.floor(high)) + 1))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(bar_number)


def _set_limits(axes: Axes, samples: Samples, *, with_numbers: bool, from_zero: bool) -> None:
    low, high = finite_extremes(samples)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    margin = _MARGIN_FOR_NUMBERS if with_numbers else _MARGIN
    margin_below = margin if low < 0 or not from_zero else _MARGIN_BELOW_ZERO
    span = high - low or 1.0
    axes.set_ylim(low - span * margin_below, high + span * margin)


def _write_number(axes: Axes, place: int, height: float, text: str, points: float) -> Artist:
    """Write a number beyond the end of its stem."""
    end = place, height if np.isfinite(height) else 0
    sign, va = (-1, "top") if height < 0 else (1, "bottom")
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": va}
    return axes.annotate(text, end, (0, 4 * sign), size=points, **style)


def draw_filtered_signal(
    original: NDArray[np.generic], results: Sequence[tuple[Filter, Filtered]], title: str
) -> Figure:
    """Draw a signal, (1, n) or (n, 1), and below it each result beside its kernel.

    Each value of a result stands below the middle of its window.
    """
    axis = signal_axis(original)
    assert axis is not None  # noqa: S101 - the caller has checked
    geometries = [_widest_geometry(original, image_filter, axis) for image_filter, _ in results]
    count = len(results)
    height = (1 + count) * (PLOT_HEIGHT + _TITLE_AND_TICKS)
    figure = page(KERNEL_INCHES + SIGNAL_INCHES + 2 * _VALUE_TICKS, height, title)
    grid = figure.add_gridspec(1 + count, 2, width_ratios=(KERNEL_INCHES, SIGNAL_INCHES))
    signal, *plots = (figure.add_subplot(grid[row, 1]) for row in range(1 + count))
    before, after = (max(windows.pads[2 * axis + end] for windows in geometries) for end in (0, 1))
    conv = results[0][0].conv
    border = border_name(conv.border)
    fill = conv.fill if border == "constant" else 0
    draw_padded_signal(signal, original, SignalPadding(before, after, border, fill))
    drawn: list[DrawnImage] = []
    for row, (axes, (image_filter, filtered), geometry) in enumerate(
        zip(plots, results, geometries, strict=True), 1
    ):
        place = grid[:, 0] if count == 1 else grid[row, 0]
        drawn += draw_taps(figure, place, image_filter, axis, geometry.dilation[axis])
        samples = signal_samples(filtered.image.pixels)
        exact = filtered.image.pixels.reshape(samples.shape)
        draw_samples(axes, range(len(samples)), samples, inches=SIGNAL_INCHES, exact=exact)
        align_result(axes, signal.get_xlim(), geometry, axis)
        facts = [result_name(image_filter), count_text(samples)]
        text = result_title(image_filter, filtered, facts)
        axes.set_title(wrap(text, SIGNAL_INCHES, TITLE_POINTS))
    finalize_layout(figure, drawn)
    return figure


def draw_padded_signal(
    axes: Axes,
    original: NDArray[np.generic],
    padding: SignalPadding,
    *,
    inches: float = SIGNAL_INCHES,
) -> Samples:
    """Draw a signal with its padding hatched, and return the padded samples, (n, C)."""
    samples = signal_samples(original)
    padded = padded_samples(samples, padding)
    places = np.arange(-padding.before, len(samples) + padding.after)
    exact = padded_samples(original.reshape(len(samples), -1), padding)
    draw_samples(axes, places, padded, inches=inches, exact=exact)
    for low, high in ((places[0], 0), (len(samples), places[-1] + 1)):
        if low < high:
            hatch_samples(axes, low - 0.5, high - 0.5)
    set_sample_ticks(axes, places[0] - 0.5, places[-1] + 0.5, inches)
    text = f"signal, {count_text(samples)}"
    if padding.before or padding.after:
        text += f"; {hatched_text((padding.before, padding.after), padding.border)}"
    axes.set_title(wrap(text, inches, TITLE_POINTS))
    return padded


def draw_taps(
    figure: Figure, place: SubplotSpec, image_filter: Filter, axis: int, dilation: int
) -> list[DrawnImage]:
    """Draw one kernel along the signal as stems, ``dilation`` apart; others as heat maps."""
    kernels, operation = image_filter.kernels, image_filter.conv.operation
    taps = signal_taps(kernels[0].matrix, axis, operation) if len(kernels) == 1 else None
    title = kernel_title(kernels[0]) if len(kernels) == 1 else ""
    if taps is None:
        group = kernel_heatmaps(kernels, most=MAX_HEATMAPS)
        inches = KERNEL_INCHES, PLOT_HEIGHT
        return draw_kernels(figure, place, group, inches, wrap(title, KERNEL_INCHES, TITLE_POINTS))
    axes = figure.add_subplot(place)
    axes.set_title(wrap(applied_title(title, operation), KERNEL_INCHES, TITLE_POINTS))
    places = dilation * np.arange(len(taps))
    draw_samples(axes, places, taps, inches=KERNEL_INCHES * len(taps) / (places[-1] + 1))
    set_sample_ticks(axes, -0.5, places[-1] + 0.5, KERNEL_INCHES)
    return []


def align_result(axes: Axes, limits: tuple[float, float], geometry: Geometry, axis: int) -> None:
    """Scale a result's x axis so that each value stands below the middle of its window.

    ``limits`` are those of the padded signal's x axis.
    """
    middle = (geometry.extent[axis] - 1) / 2 - geometry.pads[2 * axis]
    low, high = ((limit - middle) / geometry.stride[axis] for limit in limits)
    set_sample_ticks(axes, low, high, SIGNAL_INCHES)
    last = geometry.output_shape[axis] - 1
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= last])
    axes.set_xlim(low, high)


def count_text(samples: Samples) -> str:
    """Return the number of samples, and of NaN among their values."""
    nans = int(np.isnan(samples).sum())
    return f"{len(samples)} samples" + f", {nans} NaN left out" * bool(nans)


def _widest_geometry(original: NDArray[np.generic], image_filter: Filter, axis: int) -> Geometry:
    """Return the geometry of a filter's kernel that spans the most samples."""
    conv = image_filter.conv
    rules = conv.padding, conv.stride, conv.dilation, conv.operation
    widest = max(image_filter.kernels, key=lambda kernel: kernel.shape[axis])
    return conv_geometry(original.shape[:2], widest.shape, *rules)
