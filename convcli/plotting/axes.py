"""Layout, ticks, color bars and numbers in cells, for grids and images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.plotting.labels import cell_texts, text_width
from convcli.plotting.style import Box, figure_options, theme

WIDE = 2.5  # least ratio of width to height of a strip, whose color bar is below it
MAX_TICKED = 16  # rows or columns of a grid with a tick at each
BAR_THICKNESS = 0.12  # inches

NUMBER_SHARE = 0.8  # of a cell's width that its number may take
NUMBER_LINE = 1.4  # height of a cell's number with the space around it, in font sizes
_CLEAR = 0.86, 0.6  # of a hatched cell's sides, without hatching


@dataclass(frozen=True)
class DrawnImage:
    """An image in its axes, with the numbers of its cells."""

    image: AxesImage
    shape: Pair  # rows, columns
    texts: tuple[str, ...] = ()  # the numbers in the cells, row by row; none for an image
    widest: float = 0.0  # inches at 1 point of the widest number in all grids of one font size
    hatched: NDArray[np.bool_] | None = None  # cells whose numbers stand on hatching

    @property
    def axes(self) -> Axes:
        """The axes that it is drawn into."""
        axes = self.image.axes
        assert isinstance(axes, Axes)  # noqa: S101 - imshow sets them
        return axes


def widest_text(texts: Sequence[str]) -> float:
    """Return the width in inches of the widest text at 1 point, 0 for none."""
    return max((text_width(text, 1.0) for text in texts), default=0.0)


def number_texts(values: NDArray[Any], significant: int | None) -> list[str]:
    """Write the numbers of a grid, row by row, with few digits.

    Args:
        values: the numbers.
        significant: digits of the largest number at most, unless the option ``digits`` is given;
            None for the usual ones.
    """
    digits = figure_options().digits
    texts = cell_texts(values, digits)
    if digits is None and significant and (largest := max(map(abs, finite_extremes(values)))):
        short = cell_texts(values, max(0, significant - 1 - math.floor(math.log10(largest))))
        return min(texts, short, key=widest_text)
    return texts


def write_numbers(drawn: Sequence[DrawnImage]) -> None:
    """Write the numbers of each grid in one size, or none where they would not be legible."""
    for grid in drawn:
        if not grid.texts:
            continue
        axes, columns = grid.axes, grid.shape[1]
        inches = axes.bbox.width / axes.figure.dpi, axes.bbox.height / axes.figure.dpi
        if not numbers_fit(inches, grid.shape, grid.widest):
            continue
        points = number_points(inches, grid.shape, grid.widest)
        style: dict[str, Any] = {"size": points, "ha": "center", "va": "center_baseline"}
        cells = zip(grid.texts, contrasting_colors(cell_colors(grid.image)), strict=True)
        for cell, (text, color) in enumerate(cells):
            axes.text(cell % columns, cell // columns, text, color=color, **style)
        if grid.hatched is not None:
            clear_cells(axes, grid.image, np.argwhere(grid.hatched))


def numbers_fit(inches: Box, shape: Pair, widest: float) -> bool:
    """Return whether a grid has no numbers, or room for them in a legible size.

    The arguments are those of `number_points`; ``widest`` is 0 if there are no numbers.
    """
    return not widest or number_points(inches, shape, widest) >= theme().number


def number_cell(widest: float, points: float) -> float:
    """Return the side in inches of a cell for numbers of this size; see `number_points`."""
    return max(widest * points / NUMBER_SHARE, points * NUMBER_LINE / 72)


def number_points(inches: Box, shape: Pair, widest: float) -> float:
    """Return the size in points of numbers that fit into the cells of a grid.

    Args:
        inches: width and height of the grid.
        shape: its rows and columns.
        widest: inches at 1 point of the widest number.
    """
    (width, height), (rows, columns) = inches, shape
    by_width = width / columns * NUMBER_SHARE / widest
    return round(min(by_width, height / rows * 72 / NUMBER_LINE, theme().heading), 6)


def contrasting_colors(colors: NDArray[np.uint8]) -> list[str]:
    """Return black or white for each of (..., 4) colors, whichever stands out from it."""
    rgb = colors[..., :3].reshape(-1, 3) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]  # relative luminance, WCAG 2
    return ["black" if light > 0.179 else "white" for light in luminance]


def cell_colors(image: AxesImage) -> NDArray[np.uint8]:
    """Return the color of each cell, (rows, columns, 4)."""
    colors: NDArray[np.uint8] = image.to_rgba(np.ma.asarray(image.get_array()), bytes=True)
    return colors


def clear_cells(axes: Axes, image: AxesImage, cells: NDArray[np.intp]) -> None:
    """Clear the middle of hatched cells, so that the hatching frames their numbers.

    ``cells`` are rows and columns, (n, 2).
    """
    colors = image.to_rgba(np.ma.asarray(image.get_array()))
    width, height = _CLEAR
    for row, column in cells.tolist():
        corner = column - width / 2, row - height / 2
        axes.add_patch(Rectangle(corner, width, height, color=colors[row, column], linewidth=0))


def set_ticks(axes: Axes, rows: int, columns: int, *, inches: Box | None) -> None:
    """Tick every cell of a small grid and part the cells by lines; tick a large one roundly.

    ``inches`` are the planned width and height of the axes; with None, there are no ticks.
    """
    if max(rows, columns) <= MAX_TICKED:
        draw_cell_lines(axes, rows, columns)
    if inches is None or not figure_options().axes:
        axes.set(xticks=[], yticks=[])
        return
    points = theme().text
    digits = text_width("0" * len(f"{columns}0"), points)
    line = points * 1.6 / 72  # height of a label of the vertical axis
    room = (axes.xaxis, columns, inches[0] / digits), (axes.yaxis, rows, inches[1] / line)
    for axis, cells, most_labels in room:
        if cells <= min(MAX_TICKED, most_labels):
            axis.set_ticks(range(cells))
        elif most_labels < 2.5:
            axis.set_ticks([0])
        else:
            steps = int(min(5, max(1, most_labels - 1)))  # one fewer than labels
            axis.set_major_locator(MaxNLocator(steps, integer=True, steps=[1, 2, 5, 10]))


def set_padded_ticks(axis: Axis, size: int, before: int, after: int, inches: float) -> None:
    """Number the cells of a padded axis as those of the input, from 0 on.

    Args:
        axis: whose first padded cell is at 0.
        size: cells of the input.
        before: cells of padding before them.
        after: cells of padding after them.
        inches: the length of the axis.
    """
    cells, points = before + size + after, theme().text
    widest = text_width(f"-{cells}0", points) if isinstance(axis, XAxis) else points * 1.6 / 72
    places = list(range(-before, size + after))
    if size > MAX_TICKED or cells * widest > inches:
        steps = max(1, min(5, int((size - 1) / cells * inches / widest)))
        locator = MaxNLocator(steps, integer=True, steps=[1, 2, 5, 10])
        ticks = dict.fromkeys(round(tick) for tick in locator.tick_values(0, size - 1))
        places = [tick for tick in ticks if 0 <= tick < size]
        while len(places) > 1 and (places[1] - places[0]) / cells * inches < widest:
            places = places[::2]
    axis.set_ticks([place + before for place in places], labels=[str(place) for place in places])


def draw_cell_lines(axes: Axes, rows: int, columns: int) -> None:
    """Draw thin lines between the cells, so that equal neighbors can be counted."""
    axes.set_xticks(np.arange(1, columns) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="0.6", linewidth=0.4)


def round_ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers from ``low`` to ``high``."""
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def finite_extremes(values: NDArray[np.generic]) -> tuple[float, float]:
    """Return the least and the greatest of the finite values, (0, 0) if there are none."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if finite.size == 0:
        return 0.0, 0.0
    return float(finite.min()), float(finite.max())
