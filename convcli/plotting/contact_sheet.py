"""A contact sheet: many images or feature maps as tiles in a grid, each with its name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.choices import Scale
from convcli.errors import UsageError
from convcli.geometry import Pair, size_text
from convcli.plotting.axes import (
    BAR_THICKNESS,
    MAX_TICKED,
    WIDE,
    DrawnImage,
    add_axes,
    add_colorbar,
    set_ticks,
    write_numbers,
)
from convcli.plotting.heatmap import arrangement
from convcli.plotting.image_panel import (
    ImagePanel,
    bar_colors,
    bar_ticks,
    common_range,
    display_notes,
    draw_pixels,
)
from convcli.plotting.labels import bar_number, line_count, result_title, text_width, wrap
from convcli.plotting.style import (
    HEADING_POINTS,
    TICK_POINTS,
    TITLE_POINTS,
    Box,
    fit_box,
    style_context,
)

if TYPE_CHECKING:
    from convcli.filtering import Filter, Filtered

MAX_CAPTIONED = 16  # more tiles have no room for captions
_MAX_TICKED_TILES = 16  # more tiles have no numbered rows and columns

# All in inches.
_GAP, _EDGE = 0.14, 0.15  # between tiles, around the page
_LONGEST_PAGE, _MIN_WIDTH = 14.0, 3.0
_LONGEST_TILE, _SHORTEST_TILE = 5.0, 0.9  # longer side of a tile
_LARGEST_CELL = 0.6
_TITLE_PAD = 0.08  # between a title and its tile
_HEADING_LINE = HEADING_POINTS * 1.3 / 72
_GROUP_HEADING = 0.3  # height of a group's name and the space above it
_TICK, _TICK_LABEL = 0.12, 0.12  # a tick with its gap; height of its label
_BAR_LABEL, _BAR_GAP, _BAR_BELOW = 0.2, 0.08, 0.55  # label; gap to the tile; bar below with ticks
_SHORTEST_BAR, _LONGEST_BAR = 1.2, 4.0  # of a bar that tiles share


class SheetTile(NamedTuple):
    """One image of a sheet.

    Attributes:
        title: the line above it, such as the kernel's name.
        pixels: (H, W) gray or plain numbers, or (H, W, 3) RGB; None leaves the place empty.
        max_value: the pixel value that is white, or None for plain numbers.
        caption: more lines under the title.
        unit: the label of its color bar.
        centered: center the colors of plain numbers on zero even where none is negative.
        group: consecutive tiles of one group start a new row, under the group's name.
    """

    title: str
    pixels: NDArray[Any] | None
    max_value: int | None
    caption: str = ""
    unit: str = "value"
    centered: bool = False
    group: str = ""


def draw_sheet(
    tiles: Sequence[SheetTile],
    *,
    title: str = "",
    columns: int | None = None,
    scale: Scale = "own",
    box: float | None = None,
) -> Figure:
    """Draw a grid of tiles in boxes of equal size, each image in its true shape.

    Images run from black (0) to white, with one color bar for all gray ones. Plain numbers run
    from the least to the greatest or, where some are negative, from blue through white (0) to
    red: each tile on its own, with a bar beside it, or all tiles of one unit together. Small
    matrices have their numbers in the cells if these are legible.

    Args:
        tiles: at least one, of any shapes and kinds.
        title: a heading.
        columns: tiles side by side; None for about as many as rows.
        scale: ``own`` or ``common`` colors for plain numbers.
        box: the longer side of a tile in inches; None for the largest that keeps the page small.

    Raises:
        UsageError: there are no tiles, or an image has neither 1 nor 3 channels.

    >>> import numpy as np
    >>> figure = draw_sheet([SheetTile("ramp", np.array([[0, 128, 255]]), 255)])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '128', '255']
    """
    if not tiles:
        raise UsageError("a sheet needs at least one tile")
    with style_context():
        return _draw(_plan_sheet(tiles, columns, common=scale == "common", longest=box), title)


def draw_results(
    results: Sequence[tuple[Filter, Filtered]], *, title: str = "", scale: Scale = "common"
) -> Figure:
    """Draw the results of filtering one image as a contact sheet; see `draw_sheet`.

    Raises:
        UsageError: there are no results, or one has neither 1 nor 3 channels.
    """
    captioned = len(results) <= MAX_CAPTIONED
    tiles = [
        result_tile(image_filter.label, image_filter, filtered, scale, captioned=captioned)
        for image_filter, filtered in results
    ]
    return draw_sheet(tiles, title=title, scale=scale)


def result_tile(
    title: str, image_filter: Filter, filtered: Filtered, scale: Scale, *, captioned: bool = True
) -> SheetTile:
    """Return a result as a tile; its caption gives size, extremes and the share clipped.

    With the scale ``own``, the colors of a gray image run from its least to its greatest value.
    """
    image = filtered.image
    is_stretched = scale == "own" and image.channels == 1
    caption = result_title(image_filter, filtered, [size_text(image.shape)]) if captioned else ""
    return SheetTile(title, image.pixels, None if is_stretched else image.max_value, caption)


@dataclass(frozen=True, eq=False)
class _Colors:
    """The colors of one tile, or of several that share a color bar."""

    panel: ImagePanel  # one of the tiles
    ends: tuple[float, float]
    unit: str
    shared: bool

    def ticks(self, inches: float, *, below: bool) -> list[float]:
        """Return as many ticks as fit a bar of this length."""
        for most in (5, 4, 3, 2, 1):
            ticks = bar_ticks(self.panel, self.ends, most)
            widths = [text_width(bar_number(tick), TICK_POINTS) for tick in ticks]
            needed = sum(widths) + len(ticks) * 0.08 if below else len(ticks) * 0.14
            if needed <= inches:
                break
        return ticks

    def bar_width(self, *, labeled: bool) -> float:
        """Return the inches that a bar beside a tile takes, with its ticks and label."""
        ticks = bar_ticks(self.panel, self.ends)
        widest = max(text_width(bar_number(tick), TICK_POINTS) for tick in ticks)
        return _BAR_GAP + BAR_THICKNESS + _TICK + widest + _BAR_LABEL * labeled


class _PlacedTile(NamedTuple):
    """A tile with its wrapped title, at inches from the left and the top of the grid."""

    is_empty: bool
    panel: ImagePanel
    colors: _Colors
    title: str
    box: Box
    left: float
    top: float


class _Sheet(NamedTuple):
    """A planned sheet; lengths are inches.

    Attributes:
        tiles: in their places.
        headings: the names of groups, with their distances from the top of the grid.
        bars: the colors whose bars stand at the right of all tiles.
        size: width and height of the grid, without these bars.
        points: font size of the titles.
        ticked: whether rows and columns are numbered.
    """

    tiles: list[_PlacedTile]
    headings: list[tuple[str, float]]
    bars: list[_Colors]
    size: Box
    points: float
    ticked: bool


def _plan_sheet(
    tiles: Sequence[SheetTile], columns: int | None, *, common: bool, longest: float | None
) -> _Sheet:
    """Choose the place, the size and the colors of every tile."""
    white = np.full((1, 1, 3), 255, np.uint8)  # an empty tile counts as this, which has no bar
    panels = [
        ImagePanel(white, 255)
        if tile.pixels is None
        else ImagePanel(tile.pixels, tile.max_value, tile.centered)
        for tile in tiles
    ]
    colors = _choose_colors(tiles, panels, common=common)
    across = min(columns or _columns(panels), len(tiles))
    ticked = len(tiles) <= _MAX_TICKED_TILES
    digits = "0" * max(len(str(panel.shape[0])) for panel in panels)
    left = _GAP + (_TICK + text_width(digits, TICK_POINTS)) * ticked
    own_bars = [scale.bar_width(labeled=ticked) for scale in colors if not scale.shared]
    right = _GAP + max(own_bars, default=0.0)
    rows = list(_rows(tiles, across))
    if longest is None:  # as long as the page allows
        by_width = _LONGEST_PAGE / across - left - right
        by_height = 1.5 * _LONGEST_PAGE / len(rows) - 0.6
        longest = max(min(by_width, by_height, _LONGEST_TILE), _SHORTEST_TILE)
    cells = [_LARGEST_CELL if max(panel.shape) <= MAX_TICKED else math.inf for panel in panels]
    boxes = [
        fit_box(panel.shape, longest, cell=cell) for panel, cell in zip(panels, cells, strict=True)
    ]
    width = max(*(box[0] for box in boxes), _SHORTEST_TILE)
    points = TITLE_POINTS if across <= 4 else TICK_POINTS
    title_width = width + 2 * min(left, right) - _GAP
    titles = []
    for tile, panel, box in zip(tiles, panels, boxes, strict=True):
        lines = [tile.title, tile.caption, *display_notes([panel], box)]
        titles.append(wrap("\n".join(filter(None, lines)), title_width, points))
    below = _space_below(colors, boxes, ticked=ticked)
    pitch = left + width + right
    placed: list[_PlacedTile] = []
    headings: list[tuple[str, float]] = []
    top = 0.0
    for group, row in rows:
        if group:
            headings.append((group, top))
            top += _GROUP_HEADING
        top += max(line_count(titles[n]) for n in row) * points * 1.4 / 72 + _TITLE_PAD
        for place, n in enumerate(row):
            start = place * pitch + left + (width - boxes[n][0]) / 2
            is_empty = tiles[n].pixels is None
            placed.append(
                _PlacedTile(is_empty, panels[n], colors[n], titles[n], boxes[n], start, top)
            )
        top += max(boxes[n][1] for n in row) + below
    shared = dict.fromkeys(scale for scale in colors if scale.shared)
    bars = [scale for scale in shared if scale.panel.pixels.ndim == 2 or not scale.panel.max_value]
    return _Sheet(placed, headings, bars, (across * pitch, top), points, ticked)


def _rows(tiles: Sequence[SheetTile], across: int) -> Iterator[tuple[str, list[int]]]:
    """Yield the tiles of each row, with the name of the group that they start, if any."""
    for group, members in groupby(range(len(tiles)), lambda n: tiles[n].group):
        numbers = list(members)
        for first in range(0, len(numbers), across):
            yield "" if first else group, numbers[first : first + across]


def _choose_colors(
    tiles: Sequence[SheetTile], panels: Sequence[ImagePanel], *, common: bool
) -> list[_Colors]:
    """Return the colors of every tile; tiles that share colors have the same object."""
    keys: list[tuple[object, ...]] = []
    sharing: dict[tuple[object, ...], list[ImagePanel]] = {}
    for n, (tile, panel) in enumerate(zip(tiles, panels, strict=True)):
        kind = panel.max_value, panel.pixels.ndim, tile.unit, tile.centered
        keys.append(kind if common or panel.max_value is not None else (n,))
        sharing.setdefault(keys[-1], []).append(panel)
    colors = {
        key: _Colors(sharing[key][0], common_range(sharing[key]), tile.unit, shared=len(key) > 1)
        for key, tile in zip(keys, tiles, strict=True)
    }
    return [colors[key] for key in keys]


def _columns(panels: Sequence[ImagePanel]) -> int:
    """Return how many tiles stand side by side; wide tiles are stacked."""
    count = len(panels)
    if all(columns >= WIDE * rows for rows, columns in (panel.shape for panel in panels)):
        return 1 if count <= 4 else math.ceil(math.sqrt(count / WIDE))
    return arrangement(count)[1]


def _space_below(colors: Sequence[_Colors], boxes: Sequence[Box], *, ticked: bool) -> float:
    """Return the inches that ticks, bars and the gap to the next row take below a tile."""
    has_bar_below = any(
        width >= WIDE * height and not each.shared
        for each, (width, height) in zip(colors, boxes, strict=True)
    )
    if has_bar_below:
        return _GAP + _BAR_BELOW + _BAR_LABEL * ticked
    return _GAP + (_TICK + _TICK_LABEL) * ticked


def _draw(sheet: _Sheet, title: str) -> Figure:
    width = sheet.size[0] + sum(_GAP + bar.bar_width(labeled=True) for bar in sheet.bars)
    height = max(sheet.size[1], _SHORTEST_BAR + 2 * _GAP) if sheet.bars else sheet.size[1]
    page_width = max(width, _MIN_WIDTH) + 2 * _EDGE
    heading = wrap(title, page_width - 2 * _EDGE, HEADING_POINTS)
    above = _EDGE + _HEADING_LINE * (line_count(heading) + 0.5) * bool(heading)
    page_height = above + height + _EDGE
    figure = Figure(figsize=(page_width, page_height))
    if heading:
        figure.suptitle(heading, y=1 - _EDGE / page_height, va="top")
    left = (page_width - width) / 2
    drawn = []
    for tile in sheet.tiles:
        drawn += _draw_tile(figure, tile, sheet, left, above)
    for text, top in sheet.headings:
        place = (left + _GAP) / page_width, 1 - (above + top + _GAP) / page_height
        figure.text(*place, text, size=HEADING_POINTS, weight="bold", ha="left", va="top")
    widest: dict[Pair, float] = {}  # grids of one shape have numbers of one size, or none
    for grid in drawn:
        widest[grid.shape] = max(grid.widest, widest.get(grid.shape, 0.0))
    write_numbers([replace(grid, widest=widest[grid.shape]) for grid in drawn])
    left += sheet.size[0] + _GAP
    length = min(max(height - 4 * _GAP, _SHORTEST_BAR), _LONGEST_BAR)
    for colors in sheet.bars:
        mappable, label = bar_colors(colors.panel, colors.ends, colors.unit)
        axes = add_axes(figure, left, above + 2 * _GAP, BAR_THICKNESS, length)
        ticks = colors.ticks(length, below=False)
        bar = figure.colorbar(mappable, cax=axes, ticks=ticks, format=bar_number)
        bar.set_label(label, fontsize=TICK_POINTS)
        left += colors.bar_width(labeled=True) + _GAP
    return figure


def _draw_tile(
    figure: Figure, tile: _PlacedTile, sheet: _Sheet, left: float, above: float
) -> list[DrawnImage]:
    """Draw a tile and its title; return nothing where the place is empty."""
    width, height = tile.box
    axes = add_axes(figure, left + tile.left, above + tile.top, width, height)
    axes.set_title(tile.title, fontsize=sheet.points, pad=_TITLE_PAD * 72)
    if tile.is_empty:
        axes.set_axis_off()
        return []
    drawn = draw_pixels(axes, tile.panel, tile.box, tile.colors.ends)
    set_ticks(axes, *tile.panel.shape, inches=tile.box if sheet.ticked else None)
    colors = tile.colors
    if not colors.shared:
        below = width >= WIDE * height
        mappable, label = bar_colors(colors.panel, colors.ends, colors.unit)
        ticks = colors.ticks(width if below else height, below=below)
        add_colorbar(axes, mappable, ticks, label if sheet.ticked else "", below=below)
    return [drawn]
