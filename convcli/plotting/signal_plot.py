"""Signals as stems with numbers or as lines, and the figure of a filtered signal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
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
from convcli.plotting.axes import DrawnImage, finite_extremes, widest_text
from convcli.plotting.heatmap import (
    applied_title,
    draw_kernels,
    kernel_heatmaps,
    kernel_part,
    kernel_title,
)
from convcli.plotting.labels import (
    bar_number,
    cell_texts,
    result_name,
    result_title,
    text_width,
    wrap,
)
from convcli.plotting.page import Part, Rows, compose, plot_part
from convcli.plotting.save import NotebookFigure
from convcli.plotting.style import TITLE_POINTS, Box, figure_options, theme
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH, hatched_text

if TYPE_CHECKING:
    from convcli.filtering import Filter, Filtered

Samples = NDArray[np.float64]  # (n, C): n samples of 1 or 3 channels

KERNEL_INCHES, SIGNAL_INCHES = 2.6, 7.0  # widths of the two columns
PLOT_HEIGHT = 1.7  # inches
_KERNEL_WIDTH, _SIGNAL_WIDTH, _PLOT_HEIGHT = 2.8, 8.0, 2.0  # inches at scale 1
_SMALLEST_SCALE = 0.7  # at which ticks do not touch
MAX_HEATMAPS = 16

_MAX_STEMS = 64
_MAX_NUMBERED = 40
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
    places: Sequence[int] | NDArray[np.integer | np.floating],
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
        texts = cell_texts(samples if exact is None else exact, figure_options().digits)
    number_points = min(theme().text + 1, room / (widest_text(texts) or 1.0))
    if number_points < theme().number:
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
    widest = text_width(f"-{round(high)}0", theme().text)
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
    margin = _MARGIN
    if with_numbers:  # a number with the gap to its stem, as a share of the height
        share = (theme().text + 8) / 72 / (axes.bbox.height / axes.figure.dpi)
        margin = max(_MARGIN_FOR_NUMBERS, share / max(1 - 2 * share, 0.1))
    margin_below = margin if low < 0 or not from_zero else _MARGIN_BELOW_ZERO
    span = high - low or 1.0
    axes.set_ylim(low - span * margin_below, high + span * margin)


def _write_number(axes: Axes, place: float, height: float, text: str, points: float) -> Artist:
    """Write a number beyond the end of its stem."""
    end = place, height if np.isfinite(height) else 0
    sign, va = (-1, "top") if height < 0 else (1, "bottom")
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": va}
    return axes.annotate(text, end, (0, 4 * sign), size=points, **style)


def draw_filtered_signal(
    original: NDArray[np.generic],
    results: Sequence[tuple[Filter, Filtered]],
    titles: Mapping[str, str],
    *,
    title: str,
    facts: str,
) -> NotebookFigure:
    """Draw a signal, (1, n) or (n, 1), and below it each result beside its kernel.

    Each value of a result stands below the middle of its window.

    Args:
        original: the signal.
        results: each filter with its result.
        titles: the panels to draw, with the titles that the user has chosen; else empty.
        title: a heading.
        facts: a line below it.
    """
    axis = signal_axis(original)
    assert axis is not None  # noqa: S101 - the caller has checked
    geometries = [_widest_geometry(original, image_filter, axis) for image_filter, _ in results]
    before, after = (max(windows.pads[2 * axis + end] for windows in geometries) for end in (0, 1))
    conv = results[0][0].conv
    border = border_name(conv.border)
    fill = conv.fill if border == "constant" else 0
    padding = SignalPadding(before, after, border, fill)
    signal = plot_part(
        lambda axes: _draw_signal(axes, original, padding),
        _signal_box,
        title=titles.get("input") or "input",
        caption="" if titles.get("input") else padded_text(original, padding),
    )
    has_kernel = "kernel" in titles
    rows: list[list[Callable[[float], Part]]] = []
    if "input" in titles:
        rows.append([lambda _: Part(lambda *_: (), (0.0, 0.0))] * has_kernel + [signal])
    limits = -before - 0.5, max(original.shape[:2]) + after - 0.5
    for (image_filter, filtered), geometry in zip(results, geometries, strict=True):
        draw = partial(_draw_result, filtered=filtered, limits=limits, geometry=geometry, axis=axis)
        samples = signal_samples(filtered.image.pixels)
        part = plot_part(
            draw,
            _signal_box,
            title=titles.get("result") or result_name(image_filter),
            caption=""
            if titles.get("result")
            else result_title(image_filter, filtered, [count_text(samples)]),
        )
        row = (
            [_taps_part(image_filter, axis, geometry.dilation[axis], titles)] if has_kernel else []
        )
        rows.append([*row, part] if "result" in titles else row)

    def plan(scale: float) -> Rows:
        return [[part(scale) for part in row] for row in rows if row]

    return compose(plan, title=title, facts=facts, unit="plots", least=_SMALLEST_SCALE)


def _signal_box(scale: float) -> Box:
    return scale * _SIGNAL_WIDTH, scale * _PLOT_HEIGHT


def _kernel_box(scale: float) -> Box:
    return scale * _KERNEL_WIDTH, scale * _PLOT_HEIGHT


def _inches(axes: Axes) -> float:
    """Return the width of axes."""
    return float(axes.bbox.width / axes.figure.dpi)


def _draw_signal(axes: Axes, original: NDArray[np.generic], padding: SignalPadding) -> None:
    _draw_padded(axes, original, padding, _inches(axes))
    _apply_options(axes)


def _draw_result(
    axes: Axes, filtered: Filtered, limits: tuple[float, float], geometry: Geometry, axis: int
) -> None:
    samples = signal_samples(filtered.image.pixels)
    exact = filtered.image.pixels.reshape(samples.shape)
    span = (limits[1] - limits[0]) / geometry.stride[axis]  # places on the axis
    inches = _inches(axes) * len(samples) / max(span, len(samples))
    draw_samples(axes, range(len(samples)), samples, inches=inches, exact=exact)
    align_result(axes, limits, geometry, axis, inches=_inches(axes))
    _apply_options(axes)


def _apply_options(axes: Axes) -> None:
    """Apply the options --limits and --no-axes."""
    options = figure_options()
    if options.limits is not None:
        axes.set_ylim(*options.limits)
    if not options.axes:
        axes.set(xticks=[], yticks=[])


def _taps_part(
    image_filter: Filter, axis: int, dilation: int, titles: Mapping[str, str]
) -> Callable[[float], Part]:
    """Return one kernel along the signal as stems, ``dilation`` apart; others as heat maps."""
    kernels, operation = image_filter.kernels, image_filter.conv.operation
    taps = signal_taps(kernels[0].matrix, axis, operation) if len(kernels) == 1 else None
    own = kernel_title(kernels[0]) if len(kernels) == 1 else f"{len(kernels)} kernels"
    title = titles.get("kernel") or own
    caption = "flipped by convolve" if operation == "convolve" and not titles.get("kernel") else ""
    if taps is None:
        group = kernel_heatmaps(kernels, most=MAX_HEATMAPS)
        return kernel_part(group, _KERNEL_WIDTH, title=title, caption=caption)
    places = dilation * np.arange(len(taps))

    def draw(axes: Axes) -> None:
        draw_samples(axes, places, taps, inches=_inches(axes) * len(taps) / (places[-1] + 1))
        set_sample_ticks(axes, -0.5, places[-1] + 0.5, _inches(axes))
        if not figure_options().axes:
            axes.set(xticks=[], yticks=[])

    return plot_part(draw, _kernel_box, title=title, caption=caption)


def draw_padded_signal(
    axes: Axes,
    original: NDArray[np.generic],
    padding: SignalPadding,
    *,
    inches: float = SIGNAL_INCHES,
) -> Samples:
    """Draw a signal with its padding hatched and a title; return the padded samples, (n, C)."""
    axes.set_title(wrap(f"signal, {padded_text(original, padding)}", inches, TITLE_POINTS))
    return _draw_padded(axes, original, padding, inches)


def padded_text(original: NDArray[np.generic], padding: SignalPadding) -> str:
    """Return the number of samples of a signal, and what its padding is."""
    text = count_text(signal_samples(original))
    if padding.before or padding.after:
        text += f"; {hatched_text((padding.before, padding.after), padding.border)}"
    return text


def _draw_padded(
    axes: Axes,
    original: NDArray[np.generic],
    padding: SignalPadding,
    inches: float,
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


def align_result(
    axes: Axes,
    limits: tuple[float, float],
    geometry: Geometry,
    axis: int,
    *,
    inches: float = SIGNAL_INCHES,
) -> None:
    """Scale a result's x axis so that each value stands below the middle of its window.

    ``limits`` are those of the padded signal's x axis.
    """
    middle = (geometry.extent[axis] - 1) / 2 - geometry.pads[2 * axis]
    low, high = ((limit - middle) / geometry.stride[axis] for limit in limits)
    set_sample_ticks(axes, low, high, inches)
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
