"""One value of a filtered signal as a figure: the signal with the window on it, and its sums."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.axes import finalize_layout
from convcli.plotting.labels import wrap
from convcli.plotting.sample_scale import set_sample_ticks
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import (
    SignalPadding,
    draw_padded_signal,
    draw_samples,
    hatch_samples,
    signal_axis,
)
from convcli.plotting.style import TITLE_POINTS, page
from convcli.plotting.window_marks import SignalWindowMark

# isort: split
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from convcli.teaching.explain.computation import Computation, Response
from convcli.teaching.explain.grid_figure import Term, grid_array, sum_text
from convcli.teaching.explain.text import heading, window_place

# In inches.
_SIGNAL_WIDTH, _PART_WIDTH, _SIGNAL_HEIGHT, _FRAME = 9.6, 2.7, 1.6, 0.8


def explained_axis(explanation: Computation, pixels: NDArray[np.generic]) -> int | None:
    """Return the axis of a signal if all kernels run along it, else None."""
    axis = signal_axis(pixels)
    if axis is None:
        return None
    responses = (response for output in explanation.outputs for response in output.responses)
    return axis if all(_places(response, 1 - axis) == (0,) for response in responses) else None


def draw_explained_signal(
    explanation: Computation,
    pixels: NDArray[np.generic],
    axis: int,
    terms: Sequence[Term],
    footer: Sequence[str],
) -> NotebookFigure:
    """Draw the signal with the window on it; below, for each sum, window, kernel and products."""
    height = (1 + len(terms)) * (_SIGNAL_HEIGHT + _FRAME)
    figure = NotebookFigure()
    page(_SIGNAL_WIDTH, height, _title(explanation), footer=footer, figure=figure)
    grid = figure.add_gridspec(1 + len(terms), 3)
    signal = figure.add_subplot(grid[0, :])
    windows = list(dict.fromkeys(_places(term.response, axis) for term in terms))
    before, after = explanation.pads[2 * axis : 2 * axis + 2]
    before = max(before, -min(places[0] for places in windows))
    after = max(after, max(places[-1] for places in windows) + 1 - max(pixels.shape[:2]))
    padding = SignalPadding(before, after, explanation.border, explanation.fill)
    padded = draw_padded_signal(signal, pixels, padding, inches=_SIGNAL_WIDTH - 1)
    for places in windows:
        SignalWindowMark(signal, padded, before, inches=_SIGNAL_WIDTH - 1).move(places)
    flipped = ", flipped" * (explanation.operation == "convolve")
    for number, term in enumerate(terms, 1):
        parts = [figure.add_subplot(grid[number, part]) for part in range(3)]
        titles = (
            term.channel or "window",
            f"{term.response.kernel}{flipped}",
            f"products, sum {sum_text(term.part.sum)}",
        )
        _draw_row(parts, term, titles, axis)
    finalize_layout(figure, [])
    return figure


def _title(explanation: Computation) -> str:
    """Say which value it is, and where the window of each kernel is."""
    places = {
        response.kernel: window_place(explanation, response).replace("in brackets", "hatched")
        for response in explanation.outputs[0].responses
    }
    lines = [heading(explanation)]
    if len(set(places.values())) == 1:
        lines += set(places.values())
    else:
        lines += [f"{kernel}, {place}" for kernel, place in places.items()]
    return "\n".join(lines)


def _draw_row(parts: Sequence[Axes], term: Term, titles: Sequence[str], axis: int) -> None:
    places, part = _places(term.response, axis), term.part
    grids = part.window, part.weights, part.products
    for axes, grid, title in zip(parts, grids, titles, strict=True):
        values = grid_array(grid).reshape(-1, 1)
        numbers = np.arange(len(values))
        draw_samples(axes, numbers, values.astype(np.float64), inches=_PART_WIDTH, exact=values)
        set_sample_ticks(axes, (-0.5, len(values) - 0.5), _PART_WIDTH)
        axes.set_title(wrap(title, _PART_WIDTH, TITLE_POINTS))
        ticks = [round(tick) for tick in axes.get_xticks() if 0 <= tick < len(places)]
        axes.set_xticks(ticks, labels=[str(places[tick]) for tick in ticks])
    for tap in np.flatnonzero(term.response.padding):
        hatch_samples(parts[0], tap - 0.5, tap + 0.5)


def _places(response: Response, axis: int) -> tuple[int, ...]:
    return response.columns if axis == 1 else response.rows
