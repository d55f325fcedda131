"""Kernels as heat maps with their numbers in the cells."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import DIVERGING, HEADING_POINTS, TICK_POINTS, style_context

# isort: split
import math
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from convcli.plotting.axes import (
    MOST_TICKED,
    WIDE,
    DrawnImage,
    add_colorbar,
    bar_number,
    draw_cell_lines,
    finalize_layout,
    finite_extremes,
    round_ticks,
    set_ticks,
)
from convcli.plotting.text import cell_texts, format_short, text_width, wrap

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel

_CELL, _LEAST, _MOST, _LONGEST = 0.62, 1.2, 6.4, 11.0  # inches: a cell, the sides of a heat map
_TILE, _LEAST_TILE = 2.6, 1.3  # of one among several
_MOST_TILES, _MOST_TICKED = 64, 16  # drawn at all; with numbered rows and columns


class Tile(NamedTuple):
    """One heat map: a kernel, or one channel of it."""

    title: str
    values: NDArray[np.generic]
    texts: tuple[str, ...]


class Tiles(NamedTuple):
    """Heat maps that share one color scale, -limit to limit."""

    tiles: tuple[Tile, ...]
    limit: float
    divisor: float  # that the numbers are still to be divided by

    @property
    def unit(self) -> str:
        """What the numbers are."""
        return "weight" if self.divisor == 1 else f"weight × {format_short(self.divisor)}"


def draw_kernel(kernel: "Kernel") -> Figure:
    """Draw a kernel as a heat map, white at zero, with its numbers in the cells.

    Cells are square. A kernel with a divisor shows its matrix, and the divisor in the title. A
    3-D or 4-D kernel has one heat map a channel, all on one color scale; at most the first 64.
    Cells too small for legible numbers have none: the color bar serves.

    Returns:
        A figure that no pyplot knows; `convcli.plotting.saving.save_figure` writes it.

    >>> from convcli.kernels.kernel import Kernel
    >>> figure = draw_kernel(Kernel(np.array([[1, 0, -1]]), name="difference"))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '0', '-1']
    """
    tiles = tiles_of((kernel,), most=_MOST_TILES)
    with style_context():
        if len(tiles.tiles) == 1:
            return _draw_single(kernel, tiles)
        return _draw_channels(kernel, tiles)


def _draw_single(kernel: "Kernel", tiles: Tiles) -> Figure:
    rows, columns = tiles.tiles[0].values.shape
    width, height = sides(rows, columns)
    below = columns >= WIDE * rows
    across = max(width, 3.0)
    title = wrap(kernel_title(kernel), across, HEADING_POINTS)
    more = 0.2 * title.count("\n") + (0.6 if below else 0.0)
    size = (across + 1.4, max(height, 0.4) + 0.8 + more)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    drawn = draw_tiles([axes], tiles, inches=(width, height), titles=False)
    ticks = round_ticks(-tiles.limit, tiles.limit)
    add_colorbar(axes, drawn[0].image, ticks, tiles.unit, below=below)
    figure.suptitle(title)
    finalize_layout(figure, drawn)
    return figure


def _draw_channels(kernel: "Kernel", tiles: Tiles) -> Figure:
    count = len(tiles.tiles)
    rows, columns = arrangement(count)
    width, height = _tile_sides(tiles, count)
    across = columns * (width + 0.35)
    channels = math.prod(kernel.matrix.shape[:-2])
    title = kernel_title(kernel)
    if channels > count:
        title += f", the first {count} of {channels} channels"
    title = wrap(title, max(across, 3.0), HEADING_POINTS)
    down = rows * (height + 0.5)
    size = (max(across, 3.0) + 1.1, max(down, 1.2) + 0.5 + 0.2 * title.count("\n"))
    figure = Figure(figsize=size, layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    drawn = draw_tiles(grid, tiles, inches=(width, height), ticks=count <= _MOST_TICKED)
    add_shared_bar(figure, grid, drawn[0].image, tiles.unit, inches=down)
    figure.suptitle(title)
    finalize_layout(figure, drawn)
    return figure


def add_shared_bar(
    figure: Figure, grid: Sequence[Axes], image: AxesImage, unit: str, *, inches: float
) -> None:
    """Add the one color bar of several heat maps, about ``inches`` high, at their right."""
    ticks = round_ticks(*image.get_clim())
    bar = figure.colorbar(
        image, ax=list(grid), ticks=ticks, format=bar_number, aspect=max(inches, 1.0) / 0.12
    )
    bar.set_label(unit, fontsize=TICK_POINTS)


def draw_kernels(
    figure: Figure, place: SubplotSpec, tiles: Tiles, inches: tuple[float, float], title: str
) -> list[DrawnImage]:
    """Draw one kernel, or the members of a family as small heat maps, into a part of a figure."""
    if len(tiles.tiles) == 1:
        axes = figure.add_subplot(place)
        axes.set_title(title)
        return [_draw_one_kernel(axes, tiles, inches)]
    count = len(tiles.tiles)
    columns = 1 if count == 2 else math.ceil(math.sqrt(count))
    down = math.ceil(count / columns)
    inner = place.subgridspec(down, columns)
    grid = [figure.add_subplot(inner[divmod(n, columns)]) for n in range(down * columns)]
    sides = inches[0] / columns - 0.1, inches[1] / down
    drawn = draw_tiles(grid, tiles, inches=sides, ticks=False)
    add_shared_bar(figure, grid, drawn[0].image, tiles.unit, inches=inches[1])
    return drawn


def _draw_one_kernel(axes: Axes, tiles: Tiles, inches: tuple[float, float]) -> DrawnImage:
    rows, columns = tiles.tiles[0].values.shape
    [drawn] = draw_tiles([axes], tiles, inches=inches, titles=False)
    ticks = round_ticks(-tiles.limit, tiles.limit)
    add_colorbar(axes, drawn.image, ticks, tiles.unit, below=columns >= WIDE * rows)
    return drawn


def draw_tiles(
    grid: Sequence[Axes],
    tiles: Tiles,
    *,
    inches: tuple[float, float],
    ticks: bool = True,
    titles: bool = True,
) -> list[DrawnImage]:
    """Draw heat maps into the given axes, one each; axes left over are emptied.

    ``inches`` is the planned width and height of each; titles wrap to that width. The numbers
    appear with `convcli.plotting.axes.finalize_layout`, in one size.
    """
    every = (text_width(text, 1.0) for tile in tiles.tiles for text in tile.texts)
    widest = max(every, default=0.0)
    drawn = []
    for axes, tile in zip(grid, tiles.tiles, strict=False):
        image = draw_weights(axes, tile.values, tiles.limit, inches=inches if ticks else None)
        if titles:
            axes.set_title(wrap(tile.title, inches[0], TICK_POINTS), fontsize=TICK_POINTS, pad=3)
        rows, columns = tile.values.shape
        drawn.append(DrawnImage(image, rows / columns, (rows, columns), tile.texts, widest))
    for axes in grid[len(tiles.tiles) :]:
        axes.set_axis_off()
    return drawn


def draw_weights(
    axes: Axes,
    values: NDArray[np.generic],
    limit: float,
    *,
    inches: tuple[float, float] | None,
) -> AxesImage:
    """Draw one matrix (rows, columns) into the given axes, in colors from -limit to limit.

    ``inches`` is the planned width and height; without it, no row or column is numbered.
    """
    rows, columns = values.shape
    image = axes.imshow(
        values.astype(np.float64),
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
        aspect="auto",
    )
    if inches is not None:
        set_ticks(axes, rows, columns, inches=inches)
        return image
    axes.set(xticks=[], yticks=[])
    if max(rows, columns) <= MOST_TICKED:
        draw_cell_lines(axes, rows, columns)
    return image


def tiles_of(kernels: Sequence["Kernel"], *, most: int) -> Tiles:
    """Return the heat maps of some kernels, at most the first ``most``, on one scale.

    Kernels of one divisor show their matrices; of several, their weights.
    """
    divisors = {kernel.divisor for kernel in kernels}
    divisor = divisors.pop() if len(divisors) == 1 else None
    alone = len(kernels) == 1
    parts = [
        part
        for kernel in kernels
        for part in _channels(kernel, kernel.weights if divisor is None else kernel.matrix, alone)
    ][:most]
    every = np.concatenate([values.ravel() for _, values in parts])
    texts = iter(cell_texts(every))
    tiles = tuple(Tile(name, values, tuple(islice(texts, values.size))) for name, values in parts)
    return Tiles(tiles, symmetric_limit(every), divisor or 1)


def symmetric_limit(values: NDArray[np.generic]) -> float:
    """Return how far from zero finite values go, 1 where all are zero: the colors' limit."""
    least, greatest = finite_extremes(values)
    return max(-least, greatest) or 1.0


def _channels(
    kernel: "Kernel", values: NDArray[np.generic], alone: bool
) -> list[tuple[str, NDArray[np.generic]]]:
    """Return the 2-D parts of a kernel in the order of its array, with their names."""
    if values.ndim == 2:
        return [(kernel.name, values)]
    names = [f"channel {channel}" for channel in range(values.shape[-3])]
    if values.ndim == 4:
        names = [f"filter {n}, {name}" for n in range(len(values)) for name in names]
    if not alone:
        names = [f"{kernel.name}, {name}" for name in names]
    return list(zip(names, values.reshape(-1, *values.shape[-2:]), strict=True))


def kernel_title(kernel: "Kernel") -> str:
    """Return the name, the size as width x height, and the divisor and bias if there are any."""
    rows, columns = kernel.shape
    return f"{kernel.name}, {columns}x{rows}{scale_text(kernel)}"


def applied_title(title: str, operation: str) -> str:
    """Add to a kernel's title that it is flipped, where it is."""
    return f"{title}\nflipped, as it is convolved" if operation == "convolve" else title


def scale_text(kernel: "Kernel") -> str:
    """Return what is done to the sums, as it follows a name: ``, × 1/16 + 128``, or nothing."""
    parts = []
    if kernel.divisor != 1:
        divisor = format_short(kernel.divisor)
        parts.append(f", × 1/{divisor}" if kernel.divisor > 0 else f", × 1/({divisor})")
    if kernel.bias:
        comma = "" if kernel.divisor != 1 else ","
        parts.append(f"{comma} {'+' if kernel.bias > 0 else '-'} {format_short(abs(kernel.bias))}")
    return "".join(parts)


def arrangement(count: int) -> tuple[int, int]:
    """Return the rows and columns of a grid that holds ``count`` heat maps."""
    columns = count if count <= 4 else math.ceil(math.sqrt(count))
    return math.ceil(count / columns), columns


def sides(rows: int, columns: int) -> tuple[float, float]:
    """Return the width and height in inches of a heat map of square cells, alone in a figure."""
    longest = _LONGEST if min(rows, columns) == 1 else _MOST
    cell = min(max(_CELL, _LEAST / max(rows, columns)), longest / max(rows, columns))
    return columns * cell, rows * cell


def _tile_sides(tiles: Tiles, count: int) -> tuple[float, float]:
    """Return the width and height planned for each of several heat maps."""
    rows, columns = tiles.tiles[0].values.shape
    most = _TILE if count <= 16 else _LEAST_TILE
    cell = min(_CELL, most / max(rows, columns))
    return max(columns * cell, _LEAST_TILE), rows * cell
