"""A learned kernel as a figure: beside the true one, and as descent came to it."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, TICK_POINTS, TITLE_POINTS, style_context

# isort: split
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from convcli.plotting.axes import (
    MOST_TICKED,
    WIDE,
    DrawnImage,
    add_colorbar,
    finalize_layout,
    round_ticks,
)
from convcli.plotting.heatmap import add_shared_colorbar, draw_weights, symmetric_limit
from convcli.plotting.text import cell_texts, format_short, text_width, wrap
from convcli.teaching.learn.text import shown_weights, verdict

if TYPE_CHECKING:
    from convcli.teaching.learn.result import History, LearnResult
    from convcli.teaching.learn.text import Truth

_MOST_CHANNELS, _MOST_COURSE_CHANNELS = 8, 3
_CELL, _LEAST, _MOST, _TILE, _LONG = 0.62, 1.3, 4.2, 2.2, 5.0  # inches: sides of heat maps
_THIN = 0.4  # of one row or column
_LOSS = 2.4  # inches, the height of the loss's curve
_AROUND, _TITLED = 0.65, 0.4  # titles, with ticks and without
_BESIDE, _BELOW = 1.15, 0.55  # bars
_FAR = 1e-3  # of the least loss; a floor below that is told, and not drawn


class _Map(NamedTuple):
    """One column of heat maps: a kernel, with a map for each channel."""

    title: str
    weights: NDArray[np.float64]  # (C, kh, kw)
    texts: NDArray[np.float64]  # the same, with the digits that are shown
    limit: float  # of the colors


def draw_learned(learned: "LearnResult", truth: "Truth | None" = None) -> Figure:
    """Draw a learned kernel, white at zero, with the true one and the difference beside it.

    For a kernel learned by descent: the loss, and the kernel at some epochs, the true one last.
    At most 8 channels are drawn, a row for each.

    Returns:
        A figure that no pyplot knows; `convcli.plotting.save.save_figure` writes it.

    >>> from convcli import learn_kernel
    >>> image = np.arange(36).reshape(6, 6) ** 2 % 17
    >>> figure = draw_learned(learn_kernel(image, 2 * image, (1, 3)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '2', '0']
    """
    with style_context():
        if learned.history is None:
            return _draw_solution(learned, truth)
        return _draw_course(learned, learned.history, truth)


def _draw_solution(learned: "LearnResult", truth: "Truth | None") -> Figure:
    """Draw heat maps in a row for each channel, each with a bar of its own."""
    maps = _solution_maps(learned, truth)
    rows, columns = learned.weights.shape[-2:]
    inches = _sides(rows, columns, _MOST if len(maps) == 1 else _MOST / 1.3)
    below = columns >= WIDE * rows
    count = len(maps[0].weights)
    width = max(len(maps) * (inches[0] + (0.4 if below else _BESIDE)), 3.4)
    title = wrap(_title(learned), width - 0.3, HEADING_POINTS)
    height = count * (inches[1] + _AROUND + _BELOW * below) + 0.25 + 0.2 * (1 + title.count("\n"))
    figure = _page(width, height, title)
    grid = figure.subplots(count, len(maps), squeeze=False)
    drawn = []
    for column, each in enumerate(maps):
        for channel, axes in enumerate(grid[:, column]):
            drawing = _draw_map(axes, each, channel, inches, ticks=True)
            ticks = round_ticks(-each.limit, each.limit)
            add_colorbar(axes, drawing.image, ticks, "weight", below=below)
            axes.set_title(_map_title(learned, each, channel, inches[0] + 0.6))
            drawn.append(drawing)
    finalize_layout(figure, drawn)
    return figure


def _draw_course(learned: "LearnResult", course: "History", truth: "Truth | None") -> Figure:
    """Draw the loss above, and heat maps of one scale below."""
    maps = [
        each._replace(
            weights=each.weights[:_MOST_COURSE_CHANNELS], texts=each.texts[:_MOST_COURSE_CHANNELS]
        )
        for each in _course_maps(course, truth)
    ]
    rows, columns = learned.weights.shape[-2:]
    inches = _sides(rows, columns, _TILE)
    count = len(maps[0].weights)
    across = _columns(len(maps), columns >= WIDE * rows)
    down = -(-len(maps) // across) * count
    named = max(text_width(each.title, TITLE_POINTS) for each in maps if each.title[:5] == "epoch")
    width = max(across * (max(inches[0], named) + 0.45) + 0.9, 5.0)
    title = wrap(_title(learned), width - 0.3, HEADING_POINTS)
    tall = inches[1] + _TITLED
    height = _LOSS + down * tall + 0.35 + 0.2 * (1 + title.count("\n"))
    figure = _page(width, height, title)
    grid = figure.add_gridspec(1 + down, across, height_ratios=[_LOSS, *[tall] * down])
    _draw_loss(figure.add_subplot(grid[0, :]), course)
    below = [[figure.add_subplot(grid[1 + r, c]) for c in range(across)] for r in range(down)]
    drawn, used = [], []
    for number, each in enumerate(maps):
        line, column = divmod(number, across)
        for channel in range(count):
            axes = below[line * count + channel][column]
            drawn.append(_draw_map(axes, each, channel, inches, ticks=False))
            axes.set_title(_map_title(learned, each, channel, inches[0] + 0.2))
            used.append(axes)
    every = [axes for line in below for axes in line]
    for axes in every:
        if axes not in used:
            axes.set_axis_off()
    add_shared_colorbar(figure, every, drawn[0].image, "weight", inches=down * tall)
    finalize_layout(figure, drawn)
    return figure


def _page(width: float, height: float, title: str) -> Figure:
    engine = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(width, height), layout=engine)
    figure.suptitle(title)
    return figure


def _title(learned: "LearnResult") -> str:
    """Say what the kernel is and how well it explains the image."""
    rows, columns = learned.weights.shape[-2:]
    channels, most = len(_planes(learned.weights)), _MOST_CHANNELS
    if learned.history is not None:
        most = _MOST_COURSE_CHANNELS
    some = f", the first {most} of {channels} channels" if channels > most else ""
    parts = [f"kernel {columns}x{rows}{some}"]
    if learned.has_bias:
        parts.append(f"bias {format_short(learned.bias, 4)}")
    parts.append(f"residual {learned.residual:.3g}")
    lines = ", ".join(parts)
    return f"{lines}\n{verdict(learned)}" if learned.weights.ndim == 2 else lines


def _solution_maps(learned: "LearnResult", truth: "Truth | None") -> list[_Map]:
    rounded, decimals = shown_weights(learned)
    limit = _limit(learned.weights, *([] if truth is None else [truth.weights]))
    maps = [_map("learned", learned.weights, rounded, limit)]
    if truth is not None:
        difference = learned.weights - truth.weights
        maps.append(_map(truth.name, truth.weights, np.round(truth.weights, decimals + 2), limit))
        maps.append(_map("difference", difference, difference, _limit(difference)))
    return maps


def _course_maps(course: "History", truth: "Truth | None") -> list[_Map]:
    kernels = [
        (f"epoch {epoch}", kernel)
        for epoch, kernel in zip(course.epochs, course.kernels, strict=True)
    ]
    if truth is not None:
        kernels.append((truth.name, truth.weights))
    limit = _limit(*(kernel for _, kernel in kernels))
    return [_map(title, kernel, np.round(kernel, 3), limit) for title, kernel in kernels]


def _map(
    title: str, weights: NDArray[np.float64], texts: NDArray[np.float64], limit: float
) -> _Map:
    return _Map(title, _planes(weights)[:_MOST_CHANNELS], _planes(texts)[:_MOST_CHANNELS], limit)


def _planes(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return weights.reshape(-1, *weights.shape[-2:])


def _limit(*weights: NDArray[np.float64]) -> float:
    return symmetric_limit(np.concatenate([each.ravel() for each in weights]))


def _map_title(learned: "LearnResult", each: _Map, channel: int, inches: float) -> str:
    name = learned.channels[channel]
    return wrap(f"{each.title}, {name}" if name else each.title, inches, TITLE_POINTS)


def _draw_map(
    axes: Axes, each: _Map, channel: int, inches: tuple[float, float], *, ticks: bool
) -> DrawnImage:
    """Draw one channel of a kernel; its numbers come when the figure is settled."""
    weights = each.weights[channel]
    image = draw_weights(axes, weights, each.limit, inches=inches if ticks else None)
    small = max(weights.shape) <= MOST_TICKED
    texts = tuple(cell_texts(each.texts[channel])) if small else ()
    every = cell_texts(each.texts) if small else []
    widest = max((text_width(text, 1.0) for text in every), default=0.0)
    return DrawnImage(image, inches[1] / inches[0], weights.shape, texts, widest)


def _draw_loss(axes: Axes, course: "History") -> None:
    """Draw the loss over the epochs, and that of least squares where it is near."""
    losses = course.losses
    axes.plot(np.arange(len(losses)), losses, linewidth=1.2, label="gradient descent")
    shown = losses[losses > 0].tolist()
    if course.least > _FAR * min(shown, default=0.0):
        axes.axhline(
            course.least, color="0.4", linewidth=0.8, linestyle="--", label="least squares"
        )
        shown.append(course.least)
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
        f"rate {course.rate:.3g}, momentum {course.momentum:g}; "
        f"least squares has a loss of {course.least:.3g}"
    )


def _sides(rows: int, columns: int, most: float) -> tuple[float, float]:
    """Return the width and height in inches of a heat map, its cells square or thickened."""
    longest = max(rows, columns)
    most = max(most, _LONG) if min(rows, columns) * WIDE <= longest else most
    cell = min(max(_CELL, _LEAST / longest), most / longest)
    return max(columns * cell, _THIN), max(rows * cell, _THIN)


def _columns(count: int, wide: bool) -> int:
    """Return how many maps stand beside each other."""
    if wide:
        return 2 if count > 1 else 1
    return count if count <= 4 else -(-count // 2)
