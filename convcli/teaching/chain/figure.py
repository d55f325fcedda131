"""The figure of a chain: a block for the input and for each layer, with a grid of its maps."""

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.errors import count_text
from convcli.plotting.style import HEADING_POINTS, TICK_POINTS, style_context

# isort: split
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.geometry import size_text
from convcli.plotting.axes import (
    MAX_TICKED,
    add_axes,
    draw_cell_lines,
    finite_extremes,
    round_ticks,
    write_numbers,
)
from convcli.plotting.image_panel import ImagePanel, display_notes, draw_pixels, value_colormap
from convcli.plotting.labels import cell_texts, format_short, text_width, wrap

MAX_BLOCKS = 100
MAX_MAPS = 64  # of a block; its heading says how many are drawn

# Lengths in inches:
_PAGE, _MARGIN, _BAR_ROOM, _BAR = 10.0, 0.3, 0.85, 0.12  # widths; _BAR_ROOM includes tick labels
_GAP, _NUMBER, _LINE, _BETWEEN = 0.07, 0.13, 0.17, 0.22  # heights, and the gap between maps
_MAX_SINGLE, _MAX_TILE, _MAX_GRID = 2.25, 1.25, 3.7  # heights: a single map, one of several, all
_MAX_CELL, _MIN_TILE, _MIN_BLOCK_HEIGHT, _MIN_BLOCK_WIDTH = 0.6, 0.2, 0.7, 2.3
_TITLE_POINTS, _NUMBER_POINTS = 9.0, 6.0

_FLAT = 1e-4  # a relative range of values below this is drawn as one gray
_PERCENTILE, _OUTLIER = 99.5, 1.5  # the scale ends at the percentile if the maximum is 1.5 x that
_SAMPLES = 1 << 20  # values that the percentile is estimated from


class _Scale(NamedTuple):
    """The values at the color bar's ends, and the ends beyond which there are more values."""

    low: float
    high: float
    extend: Literal["neither", "both", "max"] = "neither"


class Block(NamedTuple):
    """One layer's maps as the figure shows them, reduced to the resolution of the page.

    Attributes:
        panels: the maps that are drawn.
        texts: the numbers in the cells of each map.
        scale: the color scale of all maps.
        columns: the number of maps side by side.
        tile: the width and height of a map in inches.
        heading: the lines above the maps.
    """

    panels: list[ImagePanel]
    texts: list[list[str]]
    scale: _Scale
    columns: int
    tile: tuple[float, float]
    heading: str = ""

    @property
    def number_height(self) -> float:
        """The height of a map's number, which is above it if there are several maps."""
        return _NUMBER if len(self.panels) > 1 else 0.0

    @property
    def pitch(self) -> float:
        """The distance from one row of maps to the next."""
        return self.tile[1] + _GAP + self.number_height

    @property
    def grid(self) -> tuple[float, float]:
        """The width and height of all maps with their numbers."""
        rows = math.ceil(len(self.panels) / self.columns)
        return self.columns * (self.tile[0] + _GAP) - _GAP, rows * self.pitch - _GAP

    @property
    def width(self) -> float:
        """The width with the color bar."""
        return max(self.grid[0] + _BAR_ROOM, _MIN_BLOCK_WIDTH)

    @property
    def heading_height(self) -> float:
        """The height of the heading."""
        return _LINE * (1 + self.heading.count("\n")) + 0.05

    @property
    def height(self) -> float:
        """The height with the heading."""
        return self.heading_height + max(self.grid[1], _MIN_BLOCK_HEIGHT) + _BETWEEN


def plan_block(title: str, maps: NDArray[np.generic], max_value: int | None = None) -> Block:
    """Reduce one layer's maps to what the figure shows.

    All maps of a block share one scale: from the minimum to the maximum, or, if there are
    negative values, from blue through white (0) to red. The scale ends before a few outliers, and
    its bar is then pointed. NaN is magenta. Small maps show their numbers.

    Args:
        title: the layer's number and label.
        maps: (H, W, C), which is not needed afterwards; the first 64 maps are drawn.
        max_value: 255 or 65535 for an image, which is drawn in gray or in its colors; None for
            maps.

    >>> plan_block("input", np.arange(4).reshape(2, 2, 1)).texts
    [['0', '1', '2', '3']]
    """
    rows, columns, channels = maps.shape
    least, greatest = finite_extremes(maps)
    if max_value is not None and channels == 3:
        panels = [ImagePanel(maps, max_value)]
    else:
        panels = [ImagePanel(maps[..., c], max_value) for c in range(min(channels, MAX_MAPS))]
    if max_value is None:
        scale = _choose_scale(maps, least, greatest)
    else:
        scale = _Scale(0.0, float(max_value))
    with style_context():
        across, tile = _fit_tiles(len(panels), rows, columns)
        block = Block(panels, _cell_texts(panels), scale, across, tile)
        facts = [size_text((rows, columns)), count_text(channels, "map")]
        facts += [f"min {format_short(least)}", f"max {format_short(greatest)}"]
        if channels > len(panels) > 1:
            facts.append(f"the first {len(panels)} are drawn")
        facts += display_notes(panels, tile)
        heading = wrap(f"{title}\n{', '.join(facts)}", block.width - 0.1, _TITLE_POINTS)
        return block._replace(heading=heading, panels=[panel.thinned(tile) for panel in panels])


def draw_chain(blocks: Sequence[Block], *, title: str = "") -> Figure:
    """Draw the input and each layer's maps.

    Args:
        blocks: from :func:`plan_block`, the input first.
        title: a heading, such as the image's name.

    Raises:
        UsageError: there are no blocks, or more than 100.

    >>> figure = draw_chain([plan_block("input", np.arange(4).reshape(2, 2, 1))])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '1', '2', '3']
    """
    if not 1 <= len(blocks) <= MAX_BLOCKS:
        raise UsageError(f"a figure shows 1 to {MAX_BLOCKS} layers, not {len(blocks)}")
    with style_context():
        heading = wrap(title, _PAGE - 2 * _MARGIN, HEADING_POINTS)
        lines = _break_lines(blocks)
        top = 0.25 + (0.22 * (1 + heading.count("\n")) if heading else 0)
        page = top + sum(max(block.height for block in line) for line in lines)
        figure = Figure(figsize=(_PAGE, page))
        if heading:
            figure.text(_MARGIN / _PAGE, 1 - 0.15 / page, heading, va="top", size=HEADING_POINTS)
        for line in lines:
            left = _MARGIN
            for block in line:
                place = left / _PAGE, 1 - top / page
                figure.text(*place, block.heading, va="top", size=_TITLE_POINTS)
                _draw_block(figure, block, left, top + block.heading_height)
                left += block.width
            top += max(block.height for block in line)
        return figure


def _choose_scale(maps: NDArray[np.generic], least: float, greatest: float) -> _Scale:
    """Return the color scale of maps, which is symmetric if there are negative values."""
    largest = max(-least, greatest)
    sample = maps.reshape(-1)[:: -(-maps.size // _SAMPLES)]
    magnitudes = np.abs(sample[np.isfinite(sample)].astype(np.float64))
    usual = float(np.percentile(magnitudes, _PERCENTILE)) if magnitudes.size else 0.0
    has_outliers = 0 < usual * _OUTLIER < largest
    if least < 0:
        end = usual if has_outliers else largest
        return _Scale(-end, end, "both" if has_outliers else "neither")
    if has_outliers and usual > least:
        return _Scale(least, usual, "max")
    return _Scale(least if greatest - least > _FLAT * greatest else 0.0, greatest or 1.0)


def _fit_tiles(count: int, rows: int, columns: int) -> tuple[int, tuple[float, float]]:
    """Return how many maps are side by side, and the largest width and height of a map."""
    room = _PAGE - 2 * _MARGIN - _BAR_ROOM
    highest = _MAX_SINGLE if count == 1 else _MAX_TILE
    longest = room if count == 1 else highest * 3
    best = (0.0, 1)
    for across in range(1, count + 1):
        width = (room - (across - 1) * _GAP) / across
        height = min(_MAX_GRID / math.ceil(count / across) - _GAP - _NUMBER, highest)
        cell = min(width / columns, height / rows, longest / columns, _MAX_CELL)
        best = max(best, (cell, across))
    cell, most_across = best
    across = math.ceil(count / math.ceil(count / most_across))  # rows of similar length
    widest = (room - (across - 1) * _GAP) / across
    return across, (min(max(columns * cell, _MIN_TILE), widest), max(rows * cell, _MIN_TILE))


def _cell_texts(panels: list[ImagePanel]) -> list[list[str]]:
    """Return the numbers in the cells of each map, with the same digits in all of them."""
    if not panels[0].numbered:
        return [[] for _ in panels]
    texts = iter(cell_texts(np.stack([panel.pixels for panel in panels])))
    return [list(islice(texts, panel.pixels.size)) for panel in panels]


def _break_lines(blocks: Sequence[Block]) -> list[list[Block]]:
    """Group the blocks into lines that fit the page's width."""
    lines: list[list[Block]] = []
    room = 0.0
    for block in blocks:
        if not lines or room < block.width:
            lines.append([])
            room = _PAGE - 2 * _MARGIN
        lines[-1].append(block)
        room -= block.width
    return lines


def _draw_block(figure: Figure, block: Block, left: float, top: float) -> None:
    """Draw the maps and the color bar of a block, at inches from the page's upper left corner."""
    width, height = block.tile
    low, high, _ = block.scale
    widest = max((text_width(text, 1.0) for texts in block.texts for text in texts), default=0.0)
    for index, (panel, texts) in enumerate(zip(block.panels, block.texts, strict=True)):
        row, column = divmod(index, block.columns)
        across, down = column * (width + _GAP), row * block.pitch + block.number_height
        axes = add_axes(figure, left + across, top + down, width, height)
        axes.set(xticks=[], yticks=[])
        if block.number_height:
            axes.set_title(str(index + 1), fontsize=_NUMBER_POINTS, pad=1.5)
        drawn = draw_pixels(axes, panel, block.tile, (low, high))
        if max(panel.shape) <= MAX_TICKED:
            draw_cell_lines(axes, *panel.shape)
        if texts:
            write_numbers([replace(drawn, texts=tuple(texts), widest=widest)])
    _add_bar(figure, block, left + block.grid[0] + 0.1, top + block.number_height)


def _add_bar(figure: Figure, block: Block, left: float, top: float) -> None:
    """Add the color bar of a block, with as many ticks as fit."""
    low, high, extend = block.scale
    height = max(block.grid[1], _MIN_BLOCK_HEIGHT) - block.number_height
    ticks = round_ticks(low, high)
    if height < len(ticks) * TICK_POINTS * 1.6 / 72:
        ticks = ticks[:: max(1, len(ticks) - 1)]
    in_color = block.panels[0].pixels.ndim == 3
    figure.colorbar(
        ScalarMappable(Normalize(low, high), "gray" if in_color else value_colormap(low)),
        cax=add_axes(figure, left, top, _BAR, height),
        ticks=ticks,
        format=lambda value, _place: format_short(value, digits=6),  # short: a block may follow
        extend=extend,
    )
