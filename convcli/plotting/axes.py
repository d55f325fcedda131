"""What grids and images share: ticks, the numbers in the cells, a color bar of equal length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from convcli.plotting.style import TICK_POINTS
from convcli.plotting.text import format_short, text_width

WIDE = 2.5  # from this ratio of width to height on, a color bar stands below its image
MOST_TICKED = 16  # a grid of up to so many cells has a tick at each

_LARGEST_POINTS, _LEAST_POINTS = 11.0, 5.0
_ROOM = 0.8  # the share of a cell that its number may take
_LINE_HEIGHT = 1.4  # of a digit with the air around it, in font sizes
_BAR, _GAP, _GAP_BELOW = 0.12, 0.08, 0.32  # inches


@dataclass(frozen=True)
class DrawnImage:
    """An image in its axes, whose box gets its true shape once the figure is laid out."""

    image: AxesImage
    ratio: float  # of the box: height / width
    shape: tuple[int, int]  # rows, columns of cells
    texts: tuple[str, ...] = ()  # the numbers in the cells, row by row; none for an image
    widest: float = 0.0  # inches at 1 point, of the widest among all grids of one size


def add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes by inches from the left and from the upper edge."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def finalize_layout(figure: Figure, drawn: Sequence[DrawnImage]) -> None:
    """Lay the figure out, keep that layout, and write the numbers that fit their cells.

    Constrained layout cuts off the labels of axes that keep an aspect of their own. So every box
    fills its place in the layout, and only then shrinks to its true shape, labels and all.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for each in drawn:
        shape_box(_axes_of(each.image), each.ratio)
    write_numbers(drawn)


def write_numbers(drawn: Sequence[DrawnImage]) -> None:
    """Write the numbers that fit into their cells; every box has its place already."""
    for each in drawn:
        if each.texts:
            write_cells(_axes_of(each.image), each)


def shape_box(axes: Axes, ratio: float) -> None:
    """Shrink the box of settled axes to a ratio of height to width."""
    axes.set_box_aspect(ratio)
    axes.apply_aspect()


def write_cells(axes: Axes, grid: DrawnImage) -> None:
    """Write every number of one grid in one size, or none where they would not be legible."""
    rows, columns = grid.shape
    width, height = _inches(axes)
    by_width = width / columns * _ROOM / grid.widest
    by_height = height / rows * 72 / _LINE_HEIGHT
    points = min(by_width, by_height, _LARGEST_POINTS)
    if points < _LEAST_POINTS:
        return
    colors = _contrasting(grid.image)
    for place, text in enumerate(grid.texts):
        row, column = divmod(place, columns)
        color = colors[place]
        axes.text(column, row, text, size=points, color=color, ha="center", va="center_baseline")


def _inches(axes: Axes) -> tuple[float, float]:
    """Return the width and height of the box."""
    dpi = axes.figure.dpi
    return axes.bbox.width / dpi, axes.bbox.height / dpi


def _contrasting(image: AxesImage) -> list[str]:
    """Return black or white for each cell, whichever stands out from the cell's color."""
    rgb = image.to_rgba(np.ma.asarray(image.get_array()))[..., :3].reshape(-1, 3)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]  # relative luminance, WCAG 2
    return ["black" if light > 0.179 else "white" for light in luminance]


def set_ticks(axes: Axes, rows: int, columns: int, *, inches: tuple[float, float]) -> None:
    """Put a tick at each cell of a small grid and lines between, round numbers on a large one.

    ``inches`` is the planned width and height of the axes.
    """
    digits = text_width("0" * len(f"{columns}0"), TICK_POINTS)
    _set_axis_ticks(axes.xaxis, columns, inches[0] / digits)
    _set_axis_ticks(axes.yaxis, rows, inches[1] / (TICK_POINTS * 1.6 / 72))
    if max(rows, columns) <= MOST_TICKED:
        draw_cell_lines(axes, rows, columns)


def _set_axis_ticks(axis: Axis, cells: int, most_labels: float) -> None:
    if cells <= min(MOST_TICKED, most_labels):
        axis.set_ticks(range(cells))
    else:
        bins = int(min(5, max(1, most_labels - 1)))  # so many steps, and a label more
        axis.set_major_locator(MaxNLocator(bins, integer=True, steps=[1, 2, 5, 10]))


def draw_cell_lines(axes: Axes, rows: int, columns: int) -> None:
    """Part the cells by thin lines, so that equal neighbors can be counted."""
    axes.set_xticks(np.arange(1, columns) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="0.6", linewidth=0.4)


def add_colorbar(
    axes: Axes, colors: ScalarMappable, ticks: Sequence[float], label: str, *, below: bool
) -> None:
    """Add a color bar exactly as long as the box of the axes, at its right or below it."""
    bar = axes.inset_axes((1.0, 0.0, 0.1, 1.0))
    bar.set_axes_locator(_bar_locator(axes, below=below))
    axes.figure.colorbar(
        colors,
        cax=bar,
        orientation="horizontal" if below else "vertical",
        ticks=list(ticks),
        format=bar_number,
    )
    axis = bar.xaxis if below else bar.yaxis
    axis.set_label_text(label, fontsize=TICK_POINTS)


def bar_number(value: float, _place: float | None = None) -> str:
    """Label a tick of a color bar; its ticks are round, so ten digits only drop the noise."""
    return format_short(value, digits=10)


def _bar_locator(parent: Axes, *, below: bool) -> Callable[[Artist, RendererBase], Bbox]:
    """Return a locator that follows the parent's box, and is as thick in every figure."""

    def locate(_axes: Artist, _renderer: RendererBase) -> Bbox:
        box = parent.get_position()
        page, dpi = parent.figure.bbox, parent.figure.dpi
        if below:
            inch = dpi / page.height
            top = box.y0 - _GAP_BELOW * inch
            return Bbox.from_extents(box.x0, top - _BAR * inch, box.x1, top)
        inch = dpi / page.width
        left = box.x1 + _GAP * inch
        return Bbox.from_extents(left, box.y0, left + _BAR * inch, box.y1)

    return locate


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return about ``most`` round numbers from ``low`` to ``high``."""
    ticks = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def _axes_of(image: AxesImage) -> Axes:
    axes = image.axes
    assert isinstance(axes, Axes)  # noqa: S101 - an image is drawn into its axes from the start
    return axes


def finite_extremes(values: NDArray[np.generic]) -> tuple[float, float]:
    """Return the least and the greatest of the finite values, (0, 0) where there are none."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if finite.size == 0:
        return 0.0, 0.0
    return float(finite.min()), float(finite.max())
