"""The measures of a contact sheet: the colors, the size and the place of every tile."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from numpy.typing import NDArray

from convcli.plotting.axes import MOST_TICKED, WIDE, bar_number
from convcli.plotting.heatmap import arrangement
from convcli.plotting.image_panel import (
    ImagePanel,
    bar_colors,
    bar_ticks,
    common_range,
    display_notes,
)
from convcli.plotting.style import TICK_POINTS, TITLE_POINTS
from convcli.plotting.text import text_width, wrap

# All in inches.
AIR, EDGE = 0.14, 0.15  # between tiles, around the page
PAD = 0.08  # under a title
BAR = 0.12  # thickness of a bar

_PAGE, _LARGEST, _LEAST = 14.0, 5.0, 0.9  # the page's sides at most; a tile's at most, at least
_CELL, _THIN = 0.6, 0.3  # a cell at most, the short side of a tile at least
_TICK, _LABEL, _BESIDE, _BELOW = 0.12, 0.2, 0.08, 0.55  # a tick, a label; from tile to bar
_HEADING = 0.3  # the name of a group, and the air over it
_MOST_TICKED = 16  # tiles with numbered rows and columns


class SheetTile(NamedTuple):
    """One image of a sheet.

    Attributes:
        title: what stands over it, such as the kernel's name.
        pixels: (H, W) gray or plain numbers, or (H, W, 3) RGB; None leaves the place empty.
        white: 255 or 65535, or None for plain numbers.
        caption: what else is to be said of it, under the title.
        unit: what its numbers are, for the color bar.
        centered: plain numbers have colors centered on zero even where none is negative.
        group: tiles of one group, one after the other, stand under its name in rows of their own.
    """

    title: str
    pixels: NDArray[Any] | None
    max_value: int | None
    caption: str = ""
    unit: str = "value"
    centered: bool = False
    group: str = ""


class Heading(NamedTuple):
    """The name of a group, at so many inches from the sheet's top."""

    text: str
    top: float


@dataclass(frozen=True, eq=False)
class Scale:
    """The colors of a tile, or of several alike, which then share a bar."""

    raster: ImagePanel
    ends: tuple[float, float]
    unit: str
    shared: bool

    @property
    def has_bar(self) -> bool:
        """Colors that are the image's own need none."""
        return self.raster.pixels.ndim == 2 or self.raster.max_value is None

    def ticks(self, inches: float, *, below: bool) -> list[float]:
        """Return numbers for a bar so long, as many as have room."""
        for most in (5, 4, 3, 2, 1):
            ticks = bar_ticks(self.raster, self.ends, most)
            widths = [text_width(bar_number(tick), TICK_POINTS) for tick in ticks]
            room = sum(widths) + len(ticks) * 0.08 if below else len(ticks) * 0.14
            if room <= inches:
                break
        return ticks

    def colors(self) -> tuple[ScalarMappable, str]:
        """Return what the bar shows, and its label."""
        colors, label = bar_colors(self.raster, self.ends)
        return colors, label.replace("value", self.unit)

    def beside(self, *, labeled: bool) -> float:
        """Return the inches that a bar takes with its numbers and label."""
        ticks = bar_ticks(self.raster, self.ends)
        widest = max(text_width(bar_number(tick), TICK_POINTS) for tick in ticks)
        return _BESIDE + BAR + _TICK + widest + _LABEL * labeled


@dataclass(frozen=True, eq=False)
class Placed:
    """A tile in its place: inches from the sheet's left and top."""

    tile: SheetTile
    raster: ImagePanel
    scale: Scale
    title: str
    sides: tuple[float, float]
    left: float
    top: float


@dataclass(frozen=True, eq=False)
class Plan:
    """A sheet before it is drawn.

    Attributes:
        placed: the tiles.
        headings: the names of groups.
        bars: the scales whose bars stand at the right of all tiles.
        size: width and height in inches of all tiles, without bars.
        points: size of the titles' letters.
        ticked: whether rows and columns are numbered.
    """

    placed: list[Placed]
    headings: list[Heading]
    bars: list[Scale]
    size: tuple[float, float]
    points: float
    ticked: bool


class _Row(NamedTuple):
    """Tiles side by side, by their numbers, and the name of the group that they begin."""

    places: list[int]
    heading: str


def plan_sheet(
    tiles: Sequence[SheetTile], columns: int | None, *, common: bool, box: float | None = None
) -> Plan:
    """Lay out a sheet of so many tiles side by side; None for about as many as rows.

    ``box`` is a tile's longer side in inches; None for one that keeps the page small.

    Raises:
        UsageError: an image has neither 1 nor 3 channels.
    """
    rasters = [_raster(tile) for tile in tiles]
    scales = _scales(tiles, rasters, common=common)
    across = min(columns or _columns(rasters), len(tiles))
    ticked = len(tiles) <= _MOST_TICKED
    left, right = _margins(rasters, scales, ticked=ticked)
    rows = _rows(tiles, across)
    box = box or _box(len(rows), across, left + right)
    sides = [_sides(raster, box) for raster in rasters]
    width = max(*(w for w, _ in sides), _LEAST)
    points = TITLE_POINTS if across <= 4 else TICK_POINTS
    room = width + 2 * min(left, right) - AIR
    titles = [_title(*each, room, points) for each in zip(tiles, rasters, sides, strict=True)]
    over = [
        _title_height([titles[n] for n in row.places], points) + _HEADING * bool(row.heading)
        for row in rows
    ]
    under = _under(scales, sides, ticked=ticked)
    heights = [max(sides[n][1] for n in row.places) + under for row in rows]
    tops = list(accumulate(map(sum, zip(over, heights, strict=True)), initial=0.0))
    cell = left + width + right
    places = [
        (number * cell + left + (width - sides[n][0]) / 2, top + above)
        for row, top, above in zip(rows, tops[:-1], over, strict=True)
        for number, n in enumerate(row.places)
    ]
    parts = zip(tiles, rasters, scales, titles, sides, places, strict=True)
    placed = [Placed(*part, *place) for *part, place in parts]
    starts = zip(rows, tops[:-1], strict=True)
    headings = [Heading(row.heading, top) for row, top in starts if row.heading]
    bars = [scale for scale in dict.fromkeys(scales) if scale.shared and scale.has_bar]
    return Plan(placed, headings, bars, (across * cell, tops[-1]), points, ticked)


def _raster(tile: SheetTile) -> ImagePanel:
    """Return what a tile shows; an empty one counts as a white spot, which has no bar."""
    if tile.pixels is None:
        return ImagePanel(np.full((1, 1, 3), 255, np.uint8), 255)
    return ImagePanel(tile.pixels, tile.max_value, tile.centered)


def _rows(tiles: Sequence[SheetTile], across: int) -> list[_Row]:
    """Cut the tiles into rows; a new group begins a new one."""
    rows: list[_Row] = []
    before = None
    for n, tile in enumerate(tiles):
        begins = tile.group != before
        if begins or len(rows[-1].places) == across:
            rows.append(_Row([], tile.group if begins else ""))
        rows[-1].places.append(n)
        before = tile.group
    return rows


def _scales(
    tiles: Sequence[SheetTile], rasters: Sequence[ImagePanel], *, common: bool
) -> list[Scale]:
    """Return every tile's scale: the same one for all that are alike, where they share it."""
    keys: list[tuple[object, ...]] = []
    groups: dict[tuple[object, ...], list[ImagePanel]] = {}
    for place, (tile, raster) in enumerate(zip(tiles, rasters, strict=True)):
        shared = common or raster.max_value is not None
        kind = raster.max_value, raster.pixels.ndim, tile.unit, tile.centered
        keys.append(kind if shared else (place,))
        groups.setdefault(keys[-1], []).append(raster)
    scales = {
        key: Scale(groups[key][0], common_range(groups[key]), tile.unit, shared=len(key) > 1)
        for key, tile in zip(keys, tiles, strict=True)
    }
    return [scales[key] for key in keys]


def _columns(rasters: Sequence[ImagePanel]) -> int:
    """Return how many tiles stand side by side; wide ones are stacked."""
    count = len(rasters)
    if all(raster.columns >= WIDE * raster.rows for raster in rasters):
        return 1 if count <= 4 else math.ceil(math.sqrt(count / WIDE))
    return arrangement(count)[1]


def _margins(
    rasters: Sequence[ImagePanel], scales: Sequence[Scale], *, ticked: bool
) -> tuple[float, float]:
    """Return what ticks and bars take at the left and the right of a tile."""
    digits = "0" * max(len(str(raster.rows)) for raster in rasters)
    left = AIR + (_TICK + text_width(digits, TICK_POINTS)) * ticked
    own = [scale.beside(labeled=ticked) for scale in scales if not scale.shared]
    return left, AIR + max(own, default=0.0)


def _under(scales: Sequence[Scale], sides: Sequence[tuple[float, float]], *, ticked: bool) -> float:
    """Return what ticks and bars take under a tile, and the air to the next row."""
    below = any(
        width >= WIDE * height and not scale.shared
        for scale, (width, height) in zip(scales, sides, strict=True)
    )
    ticks = (_TICK + 0.12) * ticked
    return AIR + (_BELOW + _LABEL * ticked if below else ticks)


def _box(down: int, across: int, beside: float) -> float:
    """Return the inches of a tile's longer side, so that the page stays of bounded size."""
    return max(min(_PAGE / across - beside, 1.5 * _PAGE / down - 0.6, _LARGEST), _LEAST)


def _sides(raster: ImagePanel, box: float) -> tuple[float, float]:
    """Return the width and height in inches of a tile within a square box."""
    scale = box / max(raster.rows, raster.columns)
    if max(raster.rows, raster.columns) <= MOST_TICKED:
        scale = min(scale, _CELL)
    return max(raster.columns * scale, _THIN), max(raster.rows * scale, _THIN)


def _title(
    tile: SheetTile, raster: ImagePanel, sides: tuple[float, float], room: float, points: float
) -> str:
    """Return what stands over a tile, in lines that have room."""
    lines = [tile.title, tile.caption, *display_notes([raster], sides)]
    return wrap("\n".join(filter(None, lines)), room, points)


def _title_height(titles: Sequence[str], points: float) -> float:
    lines = max(1 + title.count("\n") for title in titles)
    return lines * points * 1.4 / 72 + PAD
