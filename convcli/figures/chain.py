"""The maps after each layer of a chain: a labelled block for each, a grid of its maps."""

# Before matplotlib, whose start it makes quiet:
from convcli.figures.style import DPI, HEADING_POINTS, NAN_COLOUR, TICK_POINTS, house_style

# isort: split
import math
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.figures.cells import (
    MOST_TICKED,
    Drawn,
    bar_number,
    draw_cell_lines,
    finite_extremes,
    round_ticks,
    write_numbers,
)
from convcli.figures.lettering import cell_texts, short, text_width, wrap
from convcli.figures.rasters import Raster, block_means, colours_from, displayable

MOST_BLOCKS = 100
MOST_MAPS = 64  # of a block; more are said to be left out

_WIDTH, _MARGIN, _BAR_ROOM, _BAR = 8.0, 0.3, 0.9, 0.12  # inches
_GAP, _NUMBER, _LINE, _BETWEEN = 0.07, 0.13, 0.17, 0.22
_MOST_ALONE, _MOST_TILE, _MOST_HEIGHT = 2.8, 1.5, 4.2  # a single map, one of several, a grid
_LEAST_TILE, _LEAST_HEIGHT = 0.2, 0.7  # what is thinner is stretched; a colour bar
_TITLE_POINTS, _NUMBER_POINTS = 9.0, 6.0


class Block(NamedTuple):
    """What comes out of one layer: its name, and its maps, (H, W, C)."""

    title: str
    maps: NDArray[np.generic]


class _Planned(NamedTuple):
    """A block before it is drawn; lengths are inches."""

    rasters: list[Raster]
    low: float
    high: float
    columns: int
    tile: tuple[float, float]  # width, height
    numbered: bool  # whether each map has its number above it
    text: str

    @property
    def pitch(self) -> float:
        """From one row of maps to the next."""
        return self.tile[1] + _GAP + (_NUMBER if self.numbered else 0)

    @property
    def grid(self) -> float:
        """The height of all rows."""
        return math.ceil(len(self.rasters) / self.columns) * self.pitch

    @property
    def heading(self) -> float:
        """The height of the lines above the grid."""
        return _LINE * (1 + self.text.count("\n")) + 0.05

    @property
    def height(self) -> float:
        """The height of it all."""
        return self.heading + max(self.grid, _LEAST_HEIGHT) + _BETWEEN


def draw_chain(blocks: Sequence[Block], *, title: str = "", white: int | None = None) -> Figure:
    """Draw the maps after each layer, the input first.

    A block has one scale for all its maps: from the least value to the greatest, or, where some
    are negative, from blue through white (0) to red. NaN is magenta. Small maps have their
    numbers in the cells. At most 64 maps of a layer are drawn.

    Args:
        blocks: the input and what comes out of each layer.
        title: a heading, such as the picture's name.
        white: what is white in the input, 255 or 65535, which is drawn as a picture then, colour
            in one; None for plain numbers.

    Raises:
        UsageError: there are no blocks, or more than a figure holds.

    >>> figure = draw_chain([Block("input", np.arange(4).reshape(2, 2, 1))])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '1', '2', '3']
    """
    if not 1 <= len(blocks) <= MOST_BLOCKS:
        raise UsageError(f"a figure shows 1 to {MOST_BLOCKS} layers, not {len(blocks)}")
    with house_style():
        planned = [_plan(blocks[0], white), *(_plan(block, None) for block in blocks[1:])]
        return _draw(planned, wrap(title, _WIDTH - 2 * _MARGIN, HEADING_POINTS))


def _plan(block: Block, white: int | None) -> _Planned:
    rows, columns, channels = block.maps.shape
    if white is not None and channels == 3:
        rasters = [Raster(block.maps, white)]
    else:
        count = min(channels, MOST_MAPS)
        rasters = [Raster(block.maps[..., channel], white) for channel in range(count)]
    least, greatest = finite_extremes(block.maps)
    low, high = (0.0, float(white)) if white is not None else _scale(least, greatest)
    across, tile = _arranged(len(rasters), rows, columns)
    facts = [f"{columns}x{rows}", f"{channels} map{'s' * (channels > 1)}"]
    facts += [f"min {short(least)}", f"max {short(greatest)}"]
    if channels > len(rasters) > 1:
        facts.append(f"the first {len(rasters)} are drawn")
    if nans := sum(raster.nans() for raster in rasters):
        facts.append(f"{nans} NaN in {NAN_COLOUR}")
    if not 0.9 < tile[0] / columns / (tile[1] / rows) < 1.1:
        facts.append("pixels stretched to be seen")
    text = wrap(f"{block.title}\n{', '.join(facts)}", _WIDTH - 2 * _MARGIN, _TITLE_POINTS)
    return _Planned(rasters, low, high, across, tile, len(rasters) > 1, text)


def _scale(least: float, greatest: float) -> tuple[float, float]:
    """Return the values of the colour bar's ends, symmetric where there are negative ones."""
    if least < 0:
        most = max(-least, greatest)
        return -most, most
    return (least, greatest) if least < greatest else (0.0, greatest or 1.0)


def _arranged(count: int, rows: int, columns: int) -> tuple[int, tuple[float, float]]:
    """Return how many maps stand side by side, and the largest width and height of each."""
    room = _WIDTH - 2 * _MARGIN - _BAR_ROOM
    most = _MOST_ALONE if count == 1 else _MOST_TILE
    best = (0.0, 1)
    for across in range(1, count + 1):
        down = math.ceil(count / across)
        width = (room - (across - 1) * _GAP) / across
        height = min(_MOST_HEIGHT / down - _GAP - _NUMBER, most)
        longest = room if count == 1 else most * 2
        best = max(best, (min(width / columns, height / rows, longest / columns), across))
    scale, across = best
    widest = (room - (across - 1) * _GAP) / across
    width, height = columns * scale, rows * scale
    return across, (min(max(width, _LEAST_TILE), widest), max(height, _LEAST_TILE))


def _draw(planned: Sequence[_Planned], heading: str) -> Figure:
    top = 0.25 + (0.22 * (1 + heading.count("\n")) if heading else 0)
    height = top + sum(block.height for block in planned)
    figure = Figure(figsize=(_WIDTH, height))
    if heading:
        figure.text(_MARGIN / _WIDTH, 1 - 0.15 / height, heading, va="top", size=HEADING_POINTS)
    for block in planned:
        figure.text(_MARGIN / _WIDTH, 1 - top / height, block.text, va="top", size=_TITLE_POINTS)
        _draw_block(figure, block, top + block.heading)
        top += block.height
    return figure


def _draw_block(figure: Figure, block: _Planned, top: float) -> None:
    """Draw the grid of one block, from ``top`` inches below the upper edge on."""
    width, height = block.tile
    texts = [cell_texts(raster.pixels) if raster.numbered else [] for raster in block.rasters]
    if texts[0]:  # digits alike in all maps
        every = iter(cell_texts(np.stack([raster.pixels for raster in block.rasters])))
        texts = [list(islice(every, raster.pixels.size)) for raster in block.rasters]
    widest = max((text_width(text, 1.0) for each in texts for text in each), default=0.0)
    for number, (raster, numbers) in enumerate(zip(block.rasters, texts, strict=True)):
        row, column = divmod(number, block.columns)
        left = _MARGIN + column * (width + _GAP)
        upper = top + row * block.pitch + (_NUMBER if block.numbered else 0)
        axes = _add_axes(figure, left, upper, width, height)
        axes.set(xticks=[], yticks=[])
        if block.numbered:
            axes.set_title(str(number + 1), fontsize=_NUMBER_POINTS, pad=1.5)
        _draw_map(axes, raster, block, tuple(numbers), widest)
    across = min(block.columns, len(block.rasters))
    right = _MARGIN + across * width + (across - 1) * _GAP
    _add_bar(figure, block, right + 0.12, top + (_NUMBER if block.numbered else 0))


def _draw_map(
    axes: Axes, raster: Raster, block: _Planned, texts: tuple[str, ...], widest: float
) -> None:
    width, height = block.tile
    most = max(round(height * DPI), 1), max(round(width * DPI), 1)
    samples = block_means(raster.pixels, *most)
    shrunk = samples.shape[0] > most[0] or samples.shape[1] > most[1]
    shown = np.clip(samples, block.low, block.high)  # so that infinity has the colour of its end
    image = axes.imshow(
        displayable(shown, block.low, block.high) if shown.ndim == 3 else shown,
        cmap=colours_from(block.low),
        vmin=block.low,
        vmax=block.high,
        aspect="auto",
        extent=(-0.5, raster.columns - 0.5, raster.rows - 0.5, -0.5),
        interpolation="hanning" if shrunk else "nearest",
    )
    if max(raster.rows, raster.columns) <= MOST_TICKED:
        draw_cell_lines(axes, raster.rows, raster.columns)
    if texts:
        write_numbers(
            axes, Drawn(image, height / width, (raster.rows, raster.columns), texts, widest)
        )


def _add_bar(figure: Figure, block: _Planned, left: float, top: float) -> None:
    """Add the colour bar of a block, with as many ticks as it has room for."""
    colour = block.rasters[0].pixels.ndim == 3
    colours = "gray" if colour else colours_from(block.low)
    height = min(max(block.grid - _GAP - _NUMBER, _LEAST_HEIGHT - _NUMBER), 2.5)
    axes = _add_axes(figure, left, top, _BAR, height)
    ticks = round_ticks(block.low, block.high)
    if height < len(ticks) * TICK_POINTS * 1.6 / 72:
        ticks = ticks[:: max(1, len(ticks) - 1)]
    figure.colorbar(
        ScalarMappable(Normalize(block.low, block.high), colours),
        cax=axes,
        ticks=ticks,
        format=bar_number,
    )


def _add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes by inches from the left and from the upper edge."""
    page_width, page = figure.get_size_inches()
    box = (left / page_width, 1 - (top + height) / page, width / page_width, height / page)
    return figure.add_axes(box)
