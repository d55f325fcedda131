"""The maps after each layer of a chain: a row of labeled blocks, each a grid of its maps."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, TICK_POINTS, style_context

# isort: split
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.plotting.axes import (
    MOST_TICKED,
    add_axes,
    draw_cell_lines,
    finite_extremes,
    round_ticks,
    write_cells,
)
from convcli.plotting.image_panel import ImagePanel, colors_from, display_notes, draw_pixels
from convcli.plotting.text import cell_texts, format_short, text_width, wrap

MOST_BLOCKS = 100
MOST_MAPS = 64  # of a block; more are said to be left out

_WIDTH, _MARGIN, _BAR_ROOM, _BAR = 10.0, 0.3, 0.85, 0.12  # inches
_GAP, _NUMBER, _LINE, _BETWEEN = 0.07, 0.13, 0.17, 0.22
_MOST_ALONE, _MOST_TILE, _MOST_HEIGHT = 2.25, 1.25, 3.7  # a single map, one of several, a grid
_CELL, _LEAST_TILE, _LEAST_HEIGHT, _LEAST_WIDTH = 0.6, 0.2, 0.7, 2.3  # the last two of a block
_TITLE_POINTS, _NUMBER_POINTS = 9.0, 6.0
_EVEN = 1e-4  # values so alike, of their size, are one gray
_SHARE, _FAR = 99.5, 1.5  # per cent of values; a scale ends there if the last is so much farther
_SAMPLES = 1 << 20  # are enough to tell


class Block(NamedTuple):
    """What comes out of one layer: its name, and its maps, (H, W, C)."""

    title: str
    maps: NDArray[np.generic]


class _Scale(NamedTuple):
    """The values of the color bar's ends, and at which of them others lie beyond."""

    low: float
    high: float
    extend: Literal["neither", "both", "max"] = "neither"


class PlannedBlock(NamedTuple):
    """A block before it is drawn, of whose maps only what the page shows is kept.

    Lengths are inches. ``numbers`` are those in the cells of each map.
    """

    rasters: list[ImagePanel]
    numbers: list[list[str]]
    scale: _Scale
    columns: int
    tile: tuple[float, float]  # width, height
    text: str

    @property
    def number(self) -> float:
        """The height of the numbers above the maps, where there are several."""
        return _NUMBER if len(self.rasters) > 1 else 0.0

    @property
    def pitch(self) -> float:
        """From one row of maps to the next."""
        return self.tile[1] + _GAP + self.number

    @property
    def grid(self) -> tuple[float, float]:
        """The width and height of all maps with their numbers."""
        across, down = self.columns, math.ceil(len(self.rasters) / self.columns)
        return across * (self.tile[0] + _GAP) - _GAP, down * self.pitch - _GAP

    @property
    def width(self) -> float:
        """The width of it all."""
        return max(self.grid[0] + _BAR_ROOM, _LEAST_WIDTH)

    @property
    def heading(self) -> float:
        """The height of the lines above the grid."""
        return _LINE * (1 + self.text.count("\n")) + 0.05

    @property
    def height(self) -> float:
        """The height of it all."""
        return self.heading + max(self.grid[1], _LEAST_HEIGHT) + _BETWEEN


def draw_chain(blocks: Sequence[Block], *, title: str = "", max_value: int | None = None) -> Figure:
    """Draw the maps after each layer, the input first.

    A block has one scale for all its maps: from the least value to the greatest, or, where some
    are negative, from blue through white (0) to red. It ends before a few values that lie far
    out, and its bar is pointed there. NaN is magenta. Small maps have their numbers in the cells.
    At most 64 maps of a layer are drawn.

    Args:
        blocks: the input and what comes out of each layer.
        title: a heading, such as the image's name.
        white: what is white in the input, 255 or 65535, which is drawn as an image then, color
            in one; None for plain numbers.

    Raises:
        UsageError: there are no blocks, or more than a figure holds.

    >>> figure = draw_chain([Block("input", np.arange(4).reshape(2, 2, 1))])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '1', '2', '3']
    """
    planned = [
        plan_block(block, None if place else max_value) for place, block in enumerate(blocks)
    ]
    return draw_blocks(planned, title=title)


def draw_blocks(blocks: Sequence[PlannedBlock], *, title: str = "") -> Figure:
    """Draw what :func:`plan_block` kept of each layer, as :func:`draw_chain` does.

    Raises:
        UsageError: there are no blocks, or more than a figure holds.
    """
    if not 1 <= len(blocks) <= MOST_BLOCKS:
        raise UsageError(f"a figure shows 1 to {MOST_BLOCKS} layers, not {len(blocks)}")
    with style_context():
        return _draw(blocks, wrap(title, _WIDTH - 2 * _MARGIN, HEADING_POINTS))


def plan_block(block: Block, max_value: int | None = None) -> PlannedBlock:
    """Plan how a block is drawn; its maps are not needed after that.

    Args:
        block: what comes out of one layer.
        white: what is white, for an image; None for plain numbers.
    """
    with style_context():
        return _plan(block, max_value)


def _plan(block: Block, max_value: int | None) -> PlannedBlock:
    rows, columns, channels = block.maps.shape
    if max_value is not None and channels == 3:
        rasters = [ImagePanel(block.maps, max_value)]
    else:
        count = min(channels, MOST_MAPS)
        rasters = [ImagePanel(block.maps[..., channel], max_value) for channel in range(count)]
    least, greatest = finite_extremes(block.maps)
    scale = (
        _scale(block.maps, least, greatest) if max_value is None else _Scale(0.0, float(max_value))
    )
    across, tile = _arranged(len(rasters), rows, columns)
    planned = PlannedBlock(rasters, _texts(rasters), scale, across, tile, "")
    facts = [f"{columns}x{rows}", f"{channels} map{'s' * (channels > 1)}"]
    facts += [f"min {format_short(least)}", f"max {format_short(greatest)}"]
    if channels > len(rasters) > 1:
        facts.append(f"the first {len(rasters)} are drawn")
    facts += display_notes(rasters, tile)
    text = wrap(f"{block.title}\n{', '.join(facts)}", planned.width - 0.1, _TITLE_POINTS)
    return planned._replace(text=text, rasters=[raster.thinned(tile) for raster in rasters])


def _scale(maps: NDArray[np.generic], least: float, greatest: float) -> _Scale:
    """Return the ends of the scale, symmetric where there are negative values."""
    most = max(-least, greatest)
    sample = maps.reshape(-1)[:: -(-maps.size // _SAMPLES)]
    magnitudes = np.abs(sample[np.isfinite(sample)].astype(np.float64))
    usual = float(np.percentile(magnitudes, _SHARE)) if magnitudes.size else 0.0
    far = 0 < usual * _FAR < most
    if least < 0:
        end = usual if far else most
        return _Scale(-end, end, "both" if far else "neither")
    if far and usual > least:
        return _Scale(least, usual, "max")
    return _Scale(least if greatest - least > _EVEN * greatest else 0.0, greatest or 1.0)


def _arranged(count: int, rows: int, columns: int) -> tuple[int, tuple[float, float]]:
    """Return how many maps stand side by side, and the largest width and height of each."""
    room = _WIDTH - 2 * _MARGIN - _BAR_ROOM
    most = _MOST_ALONE if count == 1 else _MOST_TILE
    best = (0.0, 1)
    for across in range(1, count + 1):
        width = (room - (across - 1) * _GAP) / across
        height = min(_MOST_HEIGHT / math.ceil(count / across) - _GAP - _NUMBER, most)
        longest = room if count == 1 else most * 3
        scale = min(width / columns, height / rows, longest / columns, _CELL)
        best = max(best, (scale, across))
    scale, most_across = best
    across = math.ceil(count / math.ceil(count / most_across))  # rows of like length
    widest = (room - (across - 1) * _GAP) / across
    return across, (
        min(max(columns * scale, _LEAST_TILE), widest),
        max(rows * scale, _LEAST_TILE),
    )


def _rows(planned: Sequence[PlannedBlock]) -> list[list[PlannedBlock]]:
    """Set as many blocks beside each other as the page has room for."""
    rows: list[list[PlannedBlock]] = []
    left = 0.0
    for block in planned:
        if not rows or left < block.width:
            rows.append([])
            left = _WIDTH - 2 * _MARGIN
        rows[-1].append(block)
        left -= block.width
    return rows


def _draw(planned: Sequence[PlannedBlock], heading: str) -> Figure:
    rows = _rows(planned)
    heights = [max(block.height for block in row) for row in rows]
    top = 0.25 + (0.22 * (1 + heading.count("\n")) if heading else 0)
    page = top + sum(heights)
    figure = Figure(figsize=(_WIDTH, page))
    if heading:
        figure.text(_MARGIN / _WIDTH, 1 - 0.15 / page, heading, va="top", size=HEADING_POINTS)
    for row, height in zip(rows, heights, strict=True):
        left = _MARGIN
        for block in row:
            place = left / _WIDTH, 1 - top / page
            figure.text(*place, block.text, va="top", size=_TITLE_POINTS)
            _draw_block(figure, block, left, top + block.heading)
            left += block.width
        top += height
    return figure


def _draw_block(figure: Figure, block: PlannedBlock, left: float, top: float) -> None:
    """Draw the grid of one block, its corner so many inches from the page's left upper one."""
    width, height = block.tile
    widest = max((text_width(text, 1.0) for each in block.numbers for text in each), default=0.0)
    for number, (raster, texts) in enumerate(zip(block.rasters, block.numbers, strict=True)):
        row, column = divmod(number, block.columns)
        across, down = column * (width + _GAP), row * block.pitch + block.number
        axes = add_axes(figure, left + across, top + down, width, height)
        axes.set(xticks=[], yticks=[])
        if block.number:
            axes.set_title(str(number + 1), fontsize=_NUMBER_POINTS, pad=1.5)
        _draw_map(axes, raster, block, tuple(texts), widest)
    _add_bar(figure, block, left + block.grid[0] + 0.1, top + block.number)


def _texts(rasters: Sequence[ImagePanel]) -> list[list[str]]:
    """Return the numbers for the cells of each map, alike in their digits; none of an image."""
    if not rasters[0].numbered:
        return [[] for _ in rasters]
    every = iter(cell_texts(np.stack([raster.pixels for raster in rasters])))
    return [list(islice(every, raster.pixels.size)) for raster in rasters]


def _draw_map(
    axes: Axes, raster: ImagePanel, block: PlannedBlock, texts: tuple[str, ...], widest: float
) -> None:
    drawn = draw_pixels(axes, raster, block.tile, (block.scale.low, block.scale.high))
    if max(raster.rows, raster.columns) <= MOST_TICKED:
        draw_cell_lines(axes, raster.rows, raster.columns)
    if texts:
        write_cells(axes, replace(drawn, texts=texts, widest=widest))


def _add_bar(figure: Figure, block: PlannedBlock, left: float, top: float) -> None:
    """Add the color bar of a block, with as many ticks as it has room for."""
    low, high, extend = block.scale
    color = block.rasters[0].pixels.ndim == 3
    height = max(block.grid[1] - block.number, _LEAST_HEIGHT - block.number)
    axes = add_axes(figure, left, top, _BAR, height)
    ticks = round_ticks(low, high)
    if height < len(ticks) * TICK_POINTS * 1.6 / 72:
        ticks = ticks[:: max(1, len(ticks) - 1)]
    figure.colorbar(
        ScalarMappable(Normalize(low, high), "gray" if color else colors_from(low)),
        cax=axes,
        ticks=ticks,
        format=_bar_number,
        extend=extend,
    )


def _bar_number(value: float, _place: int | None = None) -> str:
    """Label a tick, briefly: another block may follow."""
    return format_short(value, digits=6)
