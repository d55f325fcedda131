"""One output value as a figure: window, kernel and products, and what becomes of their sum."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import (
    DIVERGING,
    HEADING_POINTS,
    NAN_COLOR,
    TICK_POINTS,
    TITLE_POINTS,
    style_context,
)

# isort: split
import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convcli.plotting.axes import (
    MOST_TICKED,
    WIDE,
    DrawnImage,
    add_colorbar,
    finalize_layout,
    round_ticks,
)
from convcli.plotting.heatmap import draw_weights, symmetric_limit
from convcli.plotting.image_panel import ImagePanel, draw_panel
from convcli.plotting.text import cell_texts, text_width, wrap
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH
from convcli.teaching.explain.figure_rows import (
    MOST_ROWS,
    SumRow,
    explanation_title,
    result_text_lines,
    sum_rows,
)
from convcli.teaching.explain.signal_figure import draw_signal_explanation, explained_axis

if TYPE_CHECKING:
    from convcli.teaching.explain.explanation import Explanation, Response

_CELL, _LEAST_CELL, _BOX, _LEAST_BOX = 0.6, 0.34, 5.0, 1.6  # inches
_IMAGE = 3.0  # inches, of a window too large for numbers
_THIN = 0.4  # inches; a window of one row or column is at least so thick
_LEGIBLE = 7.0  # points
_AROUND, _BESIDE, _BELOW = 0.75, 1.35, 0.55  # inches: titles and ticks; bars
_TEXT_POINTS, _LINE = 8.0, 0.15


def draw_explanation(
    explanation: "Explanation", pixels: NDArray[np.generic] | None = None
) -> Figure:
    """Draw how one output value comes about: window, kernel and products, a row for each sum.

    Padding is hatched; kernel and products are white at zero. Small windows have their numbers in
    the cells. Below stands what becomes of the sums, up to the pixel. At most 12 rows are drawn.

    Args:
        explanation: of one value.
        pixels: what it is a value of; a signal of one row or one column under kernels that run
            along it is drawn as such, with the window on it.

    Returns:
        A figure that no pyplot knows; `convcli.plotting.save.save_figure` writes it.

    >>> from convcli import explain
    >>> figure = draw_explanation(explain([[1, 2], [3, 4]], [[1, 0, -1]], (0, 0)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '2']
    """
    with style_context():
        axis = None if pixels is None else explained_axis(explanation, pixels)
        if pixels is None or axis is None:
            return _draw(explanation)
        return draw_signal_explanation(explanation, pixels, axis)


def _draw(explanation: "Explanation") -> Figure:
    every = list(sum_rows(explanation))
    rows = every[:MOST_ROWS]
    boxes = [_box(row) for row in rows]
    width = max(3 * (max(box[0] for box in boxes) + _BESIDE), 7.0)
    title = wrap(explanation_title(explanation, len(rows), len(every)), width - 0.5, HEADING_POINTS)
    below = result_text_lines(explanation, rows)
    heights = [height + _AROUND + _BELOW * (across >= WIDE * height) for across, height in boxes]
    lines = 1.5 * (1 + title.count("\n")) + len(below) + 1
    engine = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(width, sum(heights) + _LINE * lines), layout=engine)
    figure.suptitle(title)
    figure.supxlabel(
        "\n".join(below), x=0.5, ha="center", size=_TEXT_POINTS, family="monospace", ma="left"
    )
    grid = figure.subplots(len(rows), 3, squeeze=False, height_ratios=heights)
    drawn = [
        each
        for axes, row, box in zip(grid, rows, boxes, strict=True)
        for each in _draw_row(list(axes), row, box, explanation.max_value)
    ]
    finalize_layout(figure, drawn)
    _clear_numbers(list(grid[:, 0]), rows)
    return figure


def _box(row: SumRow) -> tuple[float, float]:
    """Return the width and height in inches of each of a row's three grids."""
    rows, columns = row.window.shape
    if max(rows, columns) > MOST_TICKED:
        cell = _IMAGE / max(rows, columns)
    else:
        texts = chain(*map(cell_texts, (row.window, row.weights, row.products)))
        widest = max(text_width(text, _LEGIBLE) for text in texts)
        cell = max(_LEAST_CELL, min(widest / 0.75, _CELL))
        cell = min(max(cell, _LEAST_BOX / max(rows, columns)), _BOX / max(rows, columns))
    return max(columns * cell, _THIN), max(rows * cell, _THIN)


def _draw_row(
    axes: Sequence[Axes],
    row: SumRow,
    inches: tuple[float, float],
    max_value: int | None,
) -> list[DrawnImage]:
    drawn = [
        draw_panel(axes[0], ImagePanel(row.window, max_value), inches),
        _draw_signed(axes[1], row.weights, "weight", inches),
        _draw_signed(axes[2], row.products, "pixel × weight", inches),
    ]
    for each, title in zip(axes, row.titles, strict=True):
        each.set_title(wrap(title, inches[0] + 0.9, TITLE_POINTS))
        _number(each.xaxis, row.response.columns, inches[0], along=True)
        _number(each.yaxis, row.response.rows, inches[1], along=False)
    _hatch(axes[0], row.response)
    return drawn


def _draw_signed(
    axes: Axes, values: NDArray[Any], unit: str, inches: tuple[float, float]
) -> DrawnImage:
    """Draw a grid in colors centered on zero, with its bar."""
    width, height = inches
    limit = symmetric_limit(values)
    image = draw_weights(axes, values, limit, inches=inches)
    image.set_cmap(colormaps[DIVERGING].with_extremes(bad=NAN_COLOR))
    add_colorbar(axes, image, round_ticks(-limit, limit), unit, below=width >= WIDE * height)
    rows, columns = values.shape
    texts = tuple(cell_texts(values)) if max(rows, columns) <= MOST_TICKED else ()
    widest = max((text_width(text, 1.0) for text in texts), default=0.0)
    return DrawnImage(image, height / width, (rows, columns), texts, widest)


def _number(axis: Axis, places: tuple[int, ...], inches: float, *, along: bool) -> None:
    """Label taps with the rows or columns of the input that they lie on, as many as have room."""
    widest = max(text_width(f"{place} ", TICK_POINTS) for place in places)
    step = math.ceil(len(places) * (widest if along else TICK_POINTS * 1.6 / 72) / (0.8 * inches))
    axis.set_ticks(range(0, len(places), step), labels=[str(place) for place in places[::step]])


def _hatch(axes: Axes, response: "Response") -> None:
    """Hatch the cells that lie on padding."""
    for row, line in enumerate(response.padding):
        for column in np.flatnonzero(line):
            corner = column - 0.5, row - 0.5
            axes.add_patch(
                Rectangle(
                    corner, 1, 1, fill=False, hatch=PAD_HATCH, edgecolor=PAD_COLOR, linewidth=0
                )
            )


def _clear_numbers(axes: Sequence[Axes], rows: Sequence[SumRow]) -> None:
    """Keep the hatching from crossing the numbers, each on the color of its cell."""
    for each, row in zip(axes, rows, strict=True):
        image = each.images[0]
        colors = image.to_rgba(np.ma.asarray(image.get_array())).reshape(-1, 4)
        padded = chain.from_iterable(row.response.padding)
        for text, color, outside in zip(each.texts, colors, padded, strict=False):
            if outside:
                text.set_bbox({"facecolor": color, "edgecolor": "none", "pad": 1.0})
