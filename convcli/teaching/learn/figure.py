"""A learned kernel as a figure: beside the true kernel, or with the losses of its descent."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.axes import (
    MAX_TICKED,
    WIDE,
    DrawnImage,
    add_colorbar,
    finalize_layout,
    round_ticks,
    widest_text,
)
from convcli.plotting.heatmap import add_shared_colorbar, draw_weights, symmetric_limit
from convcli.plotting.labels import cell_texts, format_short, text_width, wrap
from convcli.plotting.style import TICK_POINTS, TITLE_POINTS, fit_box, page, style_context

# isort: split
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from convcli.geometry import Pair, size_text
from convcli.teaching.learn.estimate import Estimate, Floats, History
from convcli.teaching.learn.text import Truth, shown_weights, verdict_text

_MAX_CHANNELS, _MAX_HISTORY_CHANNELS = 8, 3
# Lengths in inches:
_CELL, _MIN_LONGEST, _LONGEST, _TILE, _THINNEST = 0.62, 1.3, 4.2, 2.2, 0.4  # of heat maps
_MIN_STRIP = 5.0  # the longest side of a long and thin kernel at least
_LOSS = 2.4  # the height of the loss curve
_TITLE_SPACE, _TITLE = 0.65, 0.4  # space for titles, with and without ticks
_BAR_SPACE, _BAR_BELOW = 1.15, 0.55  # space for color bars
_NEAR = 1e-3  # the loss of least squares is drawn if it is above this share of the least loss


class _Map(NamedTuple):
    """A column of heat maps: a kernel, with one map for each channel."""

    title: str
    weights: Floats  # (C, kh, kw)
    rounded: Floats  # the same, as the numbers in the cells
    limit: float  # of the colors

    @classmethod
    def of(cls, title: str, weights: Floats, rounded: Floats, limit: float, most: int) -> _Map:
        planes, numbers = (maps.reshape(-1, *maps.shape[-2:])[:most] for maps in (weights, rounded))
        return cls(title, planes, numbers, limit)


def draw_learned(learned: Estimate, truth: Truth | None = None) -> Figure:
    """Draw a learned kernel, white at zero, beside the true kernel and the difference.

    A kernel that was learned by descent is drawn after some epochs, the true kernel last, below the
    curve of the loss. There is a row for each channel, at most 8.

    Returns:
        A figure that pyplot does not manage.

    >>> from convcli import learn_kernel
    >>> image = np.arange(36).reshape(6, 6) ** 2 % 17
    >>> figure = draw_learned(learn_kernel(image, 2 * image, (1, 3)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '2', '0']
    """
    with style_context():
        if learned.history is None:
            return _draw_solution(learned, truth)
        return _draw_descent(learned, learned.history, truth)


def _draw_solution(learned: Estimate, truth: Truth | None) -> Figure:
    """Draw a column of heat maps for each kernel, each map with a color bar of its own."""
    rounded, decimals = shown_weights(learned)
    limit = symmetric_limit(np.array([learned.weights, *([truth.weights] if truth else [])]))
    maps = [_Map.of("learned", learned.weights, rounded, limit, _MAX_CHANNELS)]
    if truth is not None:
        true, difference = truth.weights, learned.weights - truth.weights
        shown = np.round(true, decimals + 2)
        maps += [
            _Map.of(truth.name, true, shown, limit, _MAX_CHANNELS),
            _Map.of(
                "difference", difference, difference, symmetric_limit(difference), _MAX_CHANNELS
            ),
        ]
    rows, columns = learned.weights.shape[-2:]
    inches = _box((rows, columns), _LONGEST if len(maps) == 1 else _LONGEST / 1.3)
    below = columns >= WIDE * rows
    count = len(maps[0].weights)
    width = max(len(maps) * (inches[0] + (0.4 if below else _BAR_SPACE)), 3.4)
    height = count * (inches[1] + _TITLE_SPACE + _BAR_BELOW * below)
    figure = page(width, height, _title(learned, truth))
    grid = figure.subplots(count, len(maps), squeeze=False)
    drawn = []
    for column, heat_map in enumerate(maps):
        for channel, axes in enumerate(grid[:, column]):
            drawing = _draw_map(axes, heat_map, channel, inches, ticks=True)
            ticks = round_ticks(-heat_map.limit, heat_map.limit)
            add_colorbar(axes, drawing.image, ticks, "weight", below=below)
            axes.set_title(_map_title(learned, heat_map, channel, inches[0] + 0.6))
            drawn.append(drawing)
    finalize_layout(figure, drawn)
    return figure


def _draw_descent(learned: Estimate, history: History, truth: Truth | None) -> Figure:
    """Draw the loss above, and heat maps on one color scale below."""
    kernels = [
        (f"epoch {epoch}", kernel)
        for epoch, kernel in zip(history.epochs, history.kernels, strict=True)
    ]
    widest = max(text_width(title, TITLE_POINTS) for title, _ in kernels)
    if truth is not None:
        kernels.append((truth.name, truth.weights))
    limit = symmetric_limit(np.array([kernel for _, kernel in kernels]))
    maps = [
        _Map.of(title, kernel, np.round(kernel, 3), limit, _MAX_HISTORY_CHANNELS)
        for title, kernel in kernels
    ]
    rows, columns = learned.weights.shape[-2:]
    inches = _box((rows, columns), _TILE)
    count = len(maps[0].weights)
    if columns >= WIDE * rows:
        across = min(len(maps), 2)
    else:
        across = len(maps) if len(maps) <= 4 else -(-len(maps) // 2)
    down = -(-len(maps) // across) * count
    width = max(across * (max(inches[0], widest) + 0.45) + 0.9, 5.0)
    height = inches[1] + _TITLE
    figure = page(width, _LOSS + down * height + 0.1, _title(learned, truth))
    grid = figure.add_gridspec(1 + down, across, height_ratios=[_LOSS, *[height] * down])
    _draw_loss(figure.add_subplot(grid[0, :]), history)
    below = [[figure.add_subplot(grid[1 + r, c]) for c in range(across)] for r in range(down)]
    drawn = []
    for number, heat_map in enumerate(maps):
        line, column = divmod(number, across)
        for channel in range(count):
            axes = below[line * count + channel][column]
            drawn.append(_draw_map(axes, heat_map, channel, inches, ticks=False))
            axes.set_title(_map_title(learned, heat_map, channel, inches[0] + 0.2))
    all_axes = [axes for line in below for axes in line]
    for axes in all_axes:
        if not axes.images:
            axes.set_axis_off()
    add_shared_colorbar(figure, all_axes, drawn[0].image, "weight", inches=down * height)
    finalize_layout(figure, drawn)
    return figure


def _box(shape: Pair, longest: float) -> tuple[float, float]:
    """Return the width and height in inches of a heat map; a long and thin one is larger."""
    if min(shape) * WIDE <= max(shape):
        longest = max(longest, _MIN_STRIP)
    return fit_box(shape, longest, cell=_CELL, shortest=_MIN_LONGEST, thinnest=_THINNEST)


def _title(learned: Estimate, truth: Truth | None) -> str:
    """Say what the kernel is and how well it fits."""
    *over, _, _ = learned.weights.shape
    channels = over[0] if over else 1
    most = _MAX_CHANNELS if learned.history is None else _MAX_HISTORY_CHANNELS
    some = f", the first {most} of {channels} channels" if channels > most else ""
    parts = [f"kernel {size_text(learned.weights.shape[-2:])}{some}"]
    if learned.has_bias:
        parts.append(f"bias {format_short(learned.bias, 4)}")
    parts.append(f"residual {learned.residual:.3g}")
    text = ", ".join(parts)
    return "\n".join(filter(None, [text, verdict_text(learned, truth)]))


def _map_title(learned: Estimate, heat_map: _Map, channel: int, inches: float) -> str:
    name = learned.channels[channel]
    return wrap(f"{heat_map.title}, {name}" if name else heat_map.title, inches, TITLE_POINTS)


def _draw_map(
    axes: Axes, heat_map: _Map, channel: int, inches: tuple[float, float], *, ticks: bool
) -> DrawnImage:
    """Draw one channel of a kernel; :func:`finalize_layout` writes its numbers."""
    weights = heat_map.weights[channel]
    image = draw_weights(axes, weights, heat_map.limit, inches=inches if ticks else None)
    small = max(weights.shape) <= MAX_TICKED
    texts = tuple(cell_texts(heat_map.rounded[channel])) if small else ()
    widest = widest_text(cell_texts(heat_map.rounded) if small else [])
    return DrawnImage(image, inches[1] / inches[0], weights.shape, texts, widest)


def _draw_loss(axes: Axes, history: History) -> None:
    """Draw the loss over the epochs, and the loss of least squares if it is near."""
    losses = history.losses
    axes.plot(np.arange(len(losses)), losses, linewidth=1.2, label=_momentum(history.momentum))
    if history.alternative is not None:
        label = f"{_momentum(history.alternative.momentum)} (kernels not shown)"
        axes.plot(history.alternative.losses, linewidth=1.2, color="C1", label=label)
    others = [] if history.alternative is None else history.alternative.losses.tolist()
    shown = [loss for loss in (*losses.tolist(), *others) if loss > 0]
    if history.least > _NEAR * min(shown, default=0.0):
        axes.axhline(
            history.least, color="0.4", linewidth=0.8, linestyle="--", label="least squares"
        )
        shown.append(history.least)
    if shown:
        axes.set_yscale("log")
        low, high = np.log10(min(shown)) - 0.05, np.log10(max(shown)) + 0.05
        axes.set_ylim(10.0 ** np.floor(low), 10.0 ** np.ceil(high))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_short(value, 3)))
    axes.set_xlabel("epoch", fontsize=TICK_POINTS)
    axes.set_ylabel("loss: mean squared residual", fontsize=TICK_POINTS)
    axes.set_xlim(0, len(losses) - 1)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.legend(fontsize=TICK_POINTS, loc="upper right")
    axes.set_title(
        f"rate {history.rate:.3g}, momentum {history.momentum:g}; "
        f"least squares has a loss of {history.least:.3g}"
    )


def _momentum(momentum: float) -> str:
    return f"momentum {momentum:g}"
