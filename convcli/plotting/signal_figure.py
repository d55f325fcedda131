"""A signal filtered: the signal with its padding, and for each result the kernel and the result."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, TITLE_POINTS

# isort: split
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from convcli.core.options import border_name
from convcli.geometry import Geometry, conv_geometry
from convcli.plotting.axes import DrawnImage, finalize_layout
from convcli.plotting.filter_row import PanelRow
from convcli.plotting.heatmap import applied_title, draw_kernels, kernel_title, tiles_of
from convcli.plotting.signal_plot import (
    Padding,
    Values,
    draw_samples,
    hatch_ends,
    padded_samples,
    samples_of,
    set_places,
    signal_axis,
    taps_of,
)
from convcli.plotting.text import format_short, percent, wrap
from convcli.plotting.window_marks import hatched_text

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel

KERNEL_INCHES, SIGNAL_INCHES, PLOT_HEIGHT = 2.6, 7.0, 1.7
_FRAME = 0.9  # inches: titles and ticks above and below a plot
_SIDE = 0.7  # inches: ticks at the left
_MOST_TILES = 16


def draw_signal_filtering(
    original: NDArray[np.generic], rows: Sequence[PanelRow], title: str
) -> Figure:
    """Draw results of filtering a signal, (1, n) or (n, 1), each below it with its kernel.

    Each result is laid out so that a value stands below the middle of its window, numbered by its
    own places.
    """
    axis = signal_axis(original)
    assert axis is not None  # noqa: S101 - who calls it has seen to that
    along = [_laid_out(original, row, axis) for row in rows]
    padding = _widest(rows[0], along, axis)
    figure, plots, places = _page(len(rows), title)
    draw_padded(plots[0], original, padding)
    low, high = plots[0].get_xlim()
    drawn: list[DrawnImage] = []
    for axes, place, row, geometry in zip(plots[1:], places, rows, along, strict=True):
        dilation = geometry.dilation[axis]
        drawn += draw_taps(figure, place, row.kernels, axis, row.conv.operation, dilation)
        values = samples_of(row.pixels)
        exact = row.pixels.reshape(values.shape)
        draw_samples(axes, range(len(values)), values, inches=SIGNAL_INCHES, exact=exact)
        align(axes, (low, high), geometry, axis)
        axes.set_title(_wrapped(_result_title(row, values), SIGNAL_INCHES))
    finalize_layout(figure, drawn)
    return figure


def draw_padded(
    axes: Axes,
    original: NDArray[np.generic],
    padding: Padding,
    *,
    inches: float = SIGNAL_INCHES,
) -> Values:
    """Draw a signal with its padding hatched, and return the padded samples."""
    values = samples_of(original)
    padded = padded_samples(values, padding)
    places = np.arange(-padding.before, len(values) + padding.after)
    exact = padded_samples(original.reshape(len(values), -1), padding)
    draw_samples(axes, places, padded, inches=inches, exact=exact)
    hatch_ends(axes, len(values), padding)
    set_places(axes, places[0] - 0.5, places[-1] + 0.5, inches)
    text = f"signal, {count_text(values)}"
    if padding.before or padding.after:
        text += f"; {hatched_text((padding.before, padding.after), padding.border)}"
    axes.set_title(_wrapped(text, inches))
    return padded


def draw_taps(
    figure: Figure,
    place: SubplotSpec,
    kernels: Sequence["Kernel"],
    axis: int,
    operation: str,
    dilation: int = 1,
) -> list[DrawnImage]:
    """Draw one kernel along the signal as stems, ``dilation`` apart; others as heat maps."""
    taps = taps_of(kernels[0].matrix, axis, operation) if len(kernels) == 1 else None
    title = kernel_title(kernels[0]) if len(kernels) == 1 else ""
    if taps is None:
        tiles = tiles_of(kernels, most=_MOST_TILES)
        inches = KERNEL_INCHES, PLOT_HEIGHT
        return draw_kernels(figure, place, tiles, inches, _wrapped(title, KERNEL_INCHES))
    axes = figure.add_subplot(place)
    axes.set_title(_wrapped(applied_title(title, operation), KERNEL_INCHES))
    places = dilation * np.arange(len(taps))
    draw_samples(axes, places, taps, inches=KERNEL_INCHES * len(taps) / (places[-1] + 1))
    set_places(axes, -0.5, places[-1] + 0.5, KERNEL_INCHES)
    return []


def align(axes: Axes, limits: tuple[float, float], geometry: Geometry, axis: int) -> None:
    """Number a result's places so that each stands below the middle of its window."""
    middle = (geometry.extent[axis] - 1) / 2 - geometry.pads[2 * axis]
    low, high = ((limit - middle) / geometry.stride[axis] for limit in limits)
    set_places(axes, low, high, SIGNAL_INCHES)
    last = geometry.output_shape[axis] - 1
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= last])
    axes.set_xlim(low, high)


def count_text(values: Values) -> str:
    """Say how many samples there are, and how many of their values are not a number."""
    nans = int(np.isnan(values).sum())
    return f"{len(values)} samples" + f", {nans} NaN left out" * bool(nans)


def _laid_out(original: NDArray[np.generic], row: PanelRow, axis: int) -> Geometry:
    layout = row.conv
    rules = layout.padding, layout.stride, layout.dilation, layout.operation
    every = [
        conv_geometry(original.shape[:2], kernel.matrix.shape[-2:], *rules)
        for kernel in row.kernels
    ]
    return max(every, key=lambda geometry: geometry.extent[axis])


def _widest(row: PanelRow, along: Sequence[Geometry], axis: int) -> Padding:
    before, after = (max(each.pads[2 * axis + side] for each in along) for side in (0, 1))
    border = border_name(row.conv.border)
    return Padding(before, after, border, row.conv.fill if border == "constant" else 0)


def _page(count: int, title: str) -> tuple[Figure, list[Axes], list[SubplotSpec]]:
    """Return a figure, the axes of the signal and of each result, and the kernels' places."""
    width = KERNEL_INCHES + SIGNAL_INCHES + 2 * _SIDE
    heading = wrap(title, width - 1, HEADING_POINTS)
    height = (1 + count) * (PLOT_HEIGHT + _FRAME) + 0.2 * (1 + heading.count("\n"))
    engine = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(width, height), layout=engine)
    if heading:
        figure.suptitle(heading)
    ratios = KERNEL_INCHES, SIGNAL_INCHES
    grid = figure.add_gridspec(1 + count, 2, width_ratios=ratios)
    plots = [figure.add_subplot(grid[row, 1]) for row in range(1 + count)]
    places = [grid[:, 0]] if count == 1 else [grid[row, 0] for row in range(1, 1 + count)]
    return figure, plots, places


def _result_title(row: PanelRow, values: Values) -> str:
    facts = [row.heading, count_text(values)]
    facts += [f"min {format_short(row.minimum)}", f"max {format_short(row.maximum)}"]
    facts += [f"{percent(row.clipped)} clipped"] * (row.max_value is not None)
    return "\n".join([", ".join(facts), *filter(None, [row.caption])])


def _wrapped(text: str, inches: float) -> str:
    return wrap(text, inches, TITLE_POINTS)
