"""One value of a filtered signal: the window on the signal, and the products as stems."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, TITLE_POINTS

# isort: split
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from convcli.plotting.axes import finalize_layout
from convcli.plotting.signal_figure import draw_padded_signal
from convcli.plotting.signal_plot import (
    SignalPadding,
    draw_samples,
    hatch_samples,
    set_sample_ticks,
    signal_axis,
)
from convcli.plotting.text import wrap
from convcli.plotting.window_marks import SignalWindowMark
from convcli.teaching.explain.figure_rows import (
    MOST_ROWS,
    SumRow,
    explanation_title,
    result_text_lines,
    sum_rows,
)

if TYPE_CHECKING:
    from convcli.teaching.explain.explanation import Explanation, Response

_WIDTH, _PART = 9.6, 2.7  # inches: of the signal, of each of the three parts of a sum
_HEIGHT, _FRAME = 1.6, 0.8
_TEXT_POINTS, _LINE = 8.0, 0.15


def explained_axis(explanation: "Explanation", pixels: NDArray[np.generic]) -> int | None:
    """Return the axis of a signal whose kernels all run along it; None if it is none of these."""
    axis = signal_axis(pixels)
    if axis is None:
        return None
    responses = (response for output in explanation.outputs for response in output.responses)
    flat = all(_places(response, 1 - axis) == (0,) for response in responses)
    return axis if flat else None


def draw_signal_explanation(
    explanation: "Explanation", pixels: NDArray[np.generic], axis: int
) -> Figure:
    """Draw the signal with the window on it; below, for each sum, window, kernel and products."""
    every = list(sum_rows(explanation))
    rows = every[:MOST_ROWS]
    below = result_text_lines(explanation, rows)
    title = explanation_title(explanation, len(rows), len(every))
    title = wrap(title, _WIDTH - 0.5, HEADING_POINTS)
    lines = 1.5 * (1 + title.count("\n")) + len(below) + 1
    height = (1 + len(rows)) * (_HEIGHT + _FRAME) + _LINE * lines
    engine = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(_WIDTH, height), layout=engine)
    figure.suptitle(title)
    figure.supxlabel(
        "\n".join(below), x=0.5, ha="center", size=_TEXT_POINTS, family="monospace", ma="left"
    )
    grid = figure.add_gridspec(1 + len(rows), 3)
    _draw_signal(figure.add_subplot(grid[0, :]), explanation, pixels, rows, axis)
    for number, row in enumerate(rows, 1):
        parts = [figure.add_subplot(grid[number, column]) for column in range(3)]
        _draw_sum(parts, row, axis)
    finalize_layout(figure, [])
    return figure


def _draw_signal(
    axes: Axes,
    explanation: "Explanation",
    pixels: NDArray[np.generic],
    rows: Sequence[SumRow],
    axis: int,
) -> None:
    size = max(pixels.shape[:2])
    windows = list(dict.fromkeys(_places(row.response, axis) for row in rows))
    before, after = explanation.pads[2 * axis : 2 * axis + 2]
    before = max(before, -min(places[0] for places in windows))
    after = max(after, max(places[-1] for places in windows) + 1 - size)
    padding = SignalPadding(before, after, explanation.border, explanation.fill)
    padded = draw_padded_signal(axes, pixels, padding, inches=_WIDTH - 1)
    for places in windows:
        SignalWindowMark(axes, padded, before, inches=_WIDTH - 1).move(places)


def _draw_sum(parts: Sequence[Axes], row: SumRow, axis: int) -> None:
    places = _places(row.response, axis)
    outside = np.ravel(row.response.padding)
    for axes, grid, title in zip(
        parts, (row.window, row.weights, row.products), row.titles, strict=True
    ):
        values = grid.reshape(-1, 1)
        numbers = np.arange(len(values))
        draw_samples(axes, numbers, values.astype(np.float64), inches=_PART, exact=values)
        set_sample_ticks(axes, -0.5, len(values) - 0.5, _PART)
        axes.set_title(wrap(title, _PART, TITLE_POINTS))
        _number(axes, places)
    for tap in np.flatnonzero(outside):
        hatch_samples(parts[0], tap - 0.5, tap + 0.5)


def _number(axes: Axes, places: Sequence[int]) -> None:
    """Label the taps with the samples that they lie on."""
    ticks = [round(tick) for tick in axes.get_xticks() if 0 <= tick < len(places)]
    axes.set_xticks(ticks, labels=[str(places[tick]) for tick in ticks])


def _places(response: "Response", axis: int) -> tuple[int, ...]:
    return response.columns if axis == 1 else response.rows
