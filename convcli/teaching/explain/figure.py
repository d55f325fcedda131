"""One value of a feature map as a figure: window, kernel, products and the steps to the pixel."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.axes import (
    MAX_TICKED,
    WIDE,
    DrawnImage,
    add_colorbar,
    clear_numbers,
    finalize_layout,
    round_ticks,
    widest_text,
)
from convcli.plotting.heatmap import draw_weights, symmetric_limit
from convcli.plotting.image_panel import ImagePanel, draw_panel
from convcli.plotting.labels import cell_texts, format_short, text_width, wrap
from convcli.plotting.signal_plot import (
    SignalPadding,
    draw_padded_signal,
    draw_samples,
    hatch_samples,
    set_sample_ticks,
    signal_axis,
)
from convcli.plotting.style import (
    DIVERGING,
    NAN_COLOR,
    TICK_POINTS,
    TITLE_POINTS,
    fit_box,
    page,
    style_context,
)
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH

# isort: split
import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convcli.plotting.window_marks import SignalWindowMark
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.computation import Grid, Response
from convcli.teaching.explain.explanation import Explanation
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.steps import result_lines, value_lines
from convcli.teaching.explain.text import heading, window_place

_MAX_ROWS = 12
# Lengths in inches:
_CELL, _MIN_CELL, _MAX_SIDE, _MIN_SIDE = 0.6, 0.34, 5.0, 1.6  # of grids with numbers
_IMAGE = 3.0  # the longer side of a window that is too large for numbers
_THINNEST = 0.4  # of a window of one row or column
_TITLES, _BAR, _BAR_BELOW = 0.75, 1.35, 0.55  # space for titles and ticks; for color bars
_SIGNAL_WIDTH, _PART_WIDTH, _SIGNAL_HEIGHT, _FRAME = 9.6, 2.7, 1.6, 0.8
_MIN_POINTS = 7.0  # points


class _SumRow(NamedTuple):
    """One sum: the window, kernel and products of one channel."""

    response: Response
    window: NDArray[Any]
    weights: NDArray[Any]
    products: NDArray[Any]
    titles: tuple[str, str, str]


def draw_explanation(
    explanation: Explanation,
    pixels: NDArray[np.generic] | None = None,
    *,
    digits: int | None = None,
) -> Figure:
    """Draw window, kernel and products, a row for each sum, and the steps to the pixel below.

    Padding is hatched; weights and products are white at zero. Small windows have their numbers in
    the cells. At most 12 sums are drawn.

    Args:
        explanation: the explanation.
        pixels: the explained image, (H, W) or (H, W, C). If it is a signal of one row or column
            and the kernels run along it, the figure shows the signal with the window on it.
        digits: decimals of every number; None for the reliable ones.

    Returns:
        A figure that pyplot does not manage.

    >>> from convcli import explain
    >>> figure = draw_explanation(explain([[1, 2], [3, 4]], [[1, 0, -1]], (0, 0)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '2']
    """
    explanation = as_shown(explanation, digits)
    all_rows = list(_rows(explanation))
    rows = all_rows[:_MAX_ROWS]
    title = _title(explanation, len(rows), len(all_rows))
    axis = None if pixels is None else _signal_axis(explanation, pixels)
    with style_context():
        if pixels is None or axis is None:
            return _draw_images(explanation, rows, title)
        return _draw_signal(explanation, rows, title, pixels, axis)


def _signal_axis(explanation: Explanation, pixels: NDArray[np.generic]) -> int | None:
    """Return the axis of a signal if all kernels run along it, else None."""
    axis = signal_axis(pixels)
    if axis is None:
        return None
    responses = (response for output in explanation.outputs for response in output.responses)
    return axis if all(_places(response, 1 - axis) == (0,) for response in responses) else None


def _rows(explanation: Explanation) -> Iterator[_SumRow]:
    """Yield a row for each sum, channel by channel and kernel by kernel."""
    flipped = ", flipped" if explanation.operation == "convolve" else ""
    for output in explanation.outputs:
        for response in output.responses:
            for part in response.sums:
                titles = (
                    output.channel or part.channel or "window",
                    f"{response.kernel}{flipped}",
                    f"products, sum {_sum_text(part.sum)}",
                )
                window, weights, products = map(_array, (part.window, part.weights, part.products))
                yield _SumRow(response, window, weights, products, titles)


def _sum_text(total: float) -> str:
    """Write a sum in up to ten digits, after ~ if there are more."""
    text = format_short(total, 10)
    return f"~ {text}" if math.isfinite(total) and float(text) != total else text


def _array(grid: Grid) -> NDArray[Any]:
    """Return a grid as int64 if all numbers are integers that fit, else as float64."""
    fits = all(isinstance(n, int) and abs(n) < 2**62 for n in chain.from_iterable(grid))
    return np.array(grid, np.int64 if fits else np.float64)


def _title(explanation: Explanation, drawn: int, count: int) -> str:
    """Say which value it is, where its window is, and how many of the sums are drawn."""
    lines = [heading(explanation)]
    places = {
        response.kernel: window_place(explanation, response).replace("in brackets", "hatched")
        for response in explanation.outputs[0].responses
    }
    if len(set(places.values())) == 1:
        lines += set(places.values())
    else:
        lines += [f"{kernel}, {place}" for kernel, place in places.items()]
    if drawn < count:
        lines.append(f"{drawn} of {count} sums")
    return "\n".join(lines)


def _footer(explanation: Explanation, rows: Sequence[_SumRow]) -> list[str]:
    """Return the lines from the sums to the pixels, for the outputs that are drawn."""
    drawn = {id(row.response) for row in rows}
    lines: list[str] = []
    for output in explanation.outputs:
        if not any(id(response) in drawn for response in output.responses):
            continue
        if output.channel:
            lines += [""] * bool(lines) + [output.heading]
        for response in output.responses:
            steps = value_lines(response)
            if len(output.responses) > 1:
                lines += [f"{response.kernel}:", *steps] if steps else []
            else:
                lines += steps or [f"{'sum':<10}{format_number(response.sum)}"]
        lines += result_lines(explanation, output)
    return lines


def _draw_images(explanation: Explanation, rows: Sequence[_SumRow], title: str) -> Figure:
    boxes = [_box(row) for row in rows]
    width = max(3 * (max(box[0] for box in boxes) + _BAR), 7.0)
    heights = [
        height + _TITLES + _BAR_BELOW * (across >= WIDE * height) for across, height in boxes
    ]
    figure = page(width, sum(heights), title, footer=_footer(explanation, rows))
    grid = figure.subplots(len(rows), 3, squeeze=False, height_ratios=heights)
    drawn = [
        image
        for axes, row, box in zip(grid, rows, boxes, strict=True)
        for image in _draw_row(list(axes), row, box, explanation.max_value)
    ]
    finalize_layout(figure, drawn)
    for axes, row in zip(grid[:, 0], rows, strict=True):
        clear_numbers(axes, np.array(row.response.padding))
    return figure


def _box(row: _SumRow) -> tuple[float, float]:
    """Return the width and height in inches of each of a row's three grids."""
    if max(row.window.shape) > MAX_TICKED:
        return fit_box(row.window.shape, _IMAGE, thinnest=_THINNEST)
    texts = chain(*map(cell_texts, (row.window, row.weights, row.products)))
    widest = max(text_width(text, _MIN_POINTS) for text in texts)
    cell = max(_MIN_CELL, min(widest / 0.75, _CELL))
    shape = row.window.shape
    return fit_box(shape, _MAX_SIDE, cell=cell, shortest=_MIN_SIDE, thinnest=_THINNEST)


def _draw_row(
    axes: Sequence[Axes], row: _SumRow, inches: tuple[float, float], max_value: int | None
) -> list[DrawnImage]:
    drawn = [
        draw_panel(axes[0], ImagePanel(row.window, max_value), inches),
        _draw_signed(axes[1], row.weights, "weight", inches),
        _draw_signed(axes[2], row.products, "pixel × weight", inches),
    ]
    for each, title in zip(axes, row.titles, strict=True):
        each.set_title(wrap(title, inches[0] + 0.9, TITLE_POINTS))
        _label_places(each.xaxis, row.response.columns, inches[0], along=True)
        _label_places(each.yaxis, row.response.rows, inches[1], along=False)
    style: dict[str, Any] = {"hatch": PAD_HATCH, "edgecolor": PAD_COLOR, "linewidth": 0}
    for x, y, width, height in _padding_boxes(np.array(row.response.padding)):
        axes[0].add_patch(Rectangle((x - 0.5, y - 0.5), width, height, fill=False, **style))
    return drawn


def _padding_boxes(padding: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the left, top, width and height of boxes that cover the padding of a window."""
    rows, columns = (np.logical_and.reduce(padding, axis) for axis in (1, 0))
    for top, height in _runs(rows):
        yield 0, top, len(columns), height
    for top, height in _runs(~rows):
        for left, width in _runs(columns):
            yield left, top, width, height


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the start and the length of each run of set flags."""
    starts, ends = np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2).T
    return list(zip(starts.tolist(), (ends - starts).tolist(), strict=True))


def _draw_signed(
    axes: Axes, values: NDArray[Any], unit: str, inches: tuple[float, float]
) -> DrawnImage:
    """Draw a grid in colors centered on zero, with a color bar."""
    width, height = inches
    limit = symmetric_limit(values)
    image = draw_weights(axes, values, limit, inches=inches)
    image.set_cmap(colormaps[DIVERGING].with_extremes(bad=NAN_COLOR))
    add_colorbar(axes, image, round_ticks(-limit, limit), unit, below=width >= WIDE * height)
    texts = tuple(cell_texts(values)) if max(values.shape) <= MAX_TICKED else ()
    return DrawnImage(image, height / width, values.shape, texts, widest_text(texts))


def _label_places(axis: Axis, places: tuple[int, ...], inches: float, *, along: bool) -> None:
    """Label the cells with their rows or columns in the input, as many as there is room for."""
    widest = max(text_width(f"{place} ", TICK_POINTS) for place in places)
    step = math.ceil(len(places) * (widest if along else TICK_POINTS * 1.6 / 72) / (0.8 * inches))
    axis.set_ticks(range(0, len(places), step), labels=[str(place) for place in places[::step]])


def _draw_signal(
    explanation: Explanation,
    rows: Sequence[_SumRow],
    title: str,
    pixels: NDArray[np.generic],
    axis: int,
) -> Figure:
    """Draw the signal with the window on it; below, for each sum, window, kernel and products."""
    height = (1 + len(rows)) * (_SIGNAL_HEIGHT + _FRAME)
    figure = page(_SIGNAL_WIDTH, height, title, footer=_footer(explanation, rows))
    grid = figure.add_gridspec(1 + len(rows), 3)
    signal = figure.add_subplot(grid[0, :])
    windows = list(dict.fromkeys(_places(row.response, axis) for row in rows))
    before, after = explanation.pads[2 * axis : 2 * axis + 2]
    before = max(before, -min(places[0] for places in windows))
    after = max(after, max(places[-1] for places in windows) + 1 - max(pixels.shape[:2]))
    padding = SignalPadding(before, after, explanation.border, explanation.fill)
    padded = draw_padded_signal(signal, pixels, padding, inches=_SIGNAL_WIDTH - 1)
    for places in windows:
        SignalWindowMark(signal, padded, before, inches=_SIGNAL_WIDTH - 1).move(places)
    for number, row in enumerate(rows, 1):
        _draw_signal_row([figure.add_subplot(grid[number, part]) for part in range(3)], row, axis)
    finalize_layout(figure, [])
    return figure


def _draw_signal_row(parts: Sequence[Axes], row: _SumRow, axis: int) -> None:
    places = _places(row.response, axis)
    for axes, grid, title in zip(
        parts, (row.window, row.weights, row.products), row.titles, strict=True
    ):
        values = grid.reshape(-1, 1)
        numbers = np.arange(len(values))
        draw_samples(axes, numbers, values.astype(np.float64), inches=_PART_WIDTH, exact=values)
        set_sample_ticks(axes, -0.5, len(values) - 0.5, _PART_WIDTH)
        axes.set_title(wrap(title, _PART_WIDTH, TITLE_POINTS))
        ticks = [round(tick) for tick in axes.get_xticks() if 0 <= tick < len(places)]
        axes.set_xticks(ticks, labels=[str(places[tick]) for tick in ticks])
    for tap in np.flatnonzero(row.response.padding):
        hatch_samples(parts[0], tap - 0.5, tap + 0.5)


def _places(response: Response, axis: int) -> tuple[int, ...]:
    return response.columns if axis == 1 else response.rows
