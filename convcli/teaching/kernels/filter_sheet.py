"""Many filters on one sheet, each a tile; filters over three channels are drawn as colors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.choices import Scale
from convcli.geometry import Pair
from convcli.plotting.axes import DrawnImage
from convcli.plotting.heatmap import symmetric_limit
from convcli.plotting.image_panel import Bar
from convcli.plotting.labels import format_short, text_width
from convcli.plotting.part import Part, axes_at
from convcli.plotting.style import Box, figure_options, signed_colormap, theme

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel

MAX_TILES = 512
_LONGEST, _LARGEST_TILE = 9.0, 1.1  # inches
_RATIO = 1.6  # of tiles across to tiles down
_DEAD = 1e-3  # of the largest weight: what a filter without larger ones adds cannot be seen
_CROSSED, _CROSS, _MOST_NAMED = (0.2, 0.8), "black", 8  # part of a tile; color; filters
_ZOOM = 12  # pixels of a tile's shorter side at least; the gaps are a twelfth of them


class TileNames(NamedTuple):
    """What kernels and their planes are called, and three planes that are drawn as colors."""

    member: str
    plane: str
    colors: str


CONVOLUTION = TileNames("filter", "channel", "weights of the three channels")
TRANSPOSED = TileNames("input map", "output map", "weights to the output maps 1, 2 and 3")


def tiles_part(
    kernels: Sequence[Kernel], names: TileNames, scale: Scale = "common"
) -> Callable[[float], Part]:
    """Return a function from a scale to one part with a tile for each filter.

    A filter over channels has a tile for each, unless three are drawn as colors. All tiles share
    one scale, or each filter has its ``own``, symmetric about 0: gray, or white, is 0. A filter
    whose weights are all 0, or nearly, is crossed out. Filters are counted from 1, row by row; the
    numbers of each row stand at its left. They are one image, since 512 axes would take seconds.
    """
    tiles = filter_tiles(kernels, _RATIO, scale)
    limit, (down, across) = tiles.limit, tiles.shape
    rows, columns = kernels[0].matrix.shape[-2:]
    is_color = kernels[0].matrix.ndim > 2 and kernels[0].matrix.shape[-3] == 3
    bar = Bar.of((-limit, limit), signed_colormap(), "weight")
    is_own = scale == "own"
    shown_bar = bar if figure_options().bars and not is_color and not is_own else None
    ends = f"dark -{format_short(limit)}, gray 0, bright {format_short(limit)}"
    ends = "dark negative, gray 0, bright positive" if is_own else ends
    caption = f"red, green and blue: the {names.colors}, {ends}"
    if not is_color:
        caption = tiles.caption(names)
    own = f"each {names.member} has its own scale, symmetric about 0" * is_own
    caption = "\n".join(filter(None, [caption, own, tiles.dead_text(names)]))
    labels = tiles.labels(names)

    def draw(figure: Figure, left: float, top: float, box: Box) -> list[DrawnImage]:
        axes = axes_at(figure, left, top, box)
        axes.imshow(
            tiles.image, interpolation="nearest", aspect="auto", extent=(0, across, down, 0)
        )
        axes.set_frame_on(False)
        axes.add_collection(LineCollection(tiles.crosses(), colors=_CROSS, linewidths=1.2))
        axes.set_xticks([])
        lines = math.ceil(down * theme().line / box[1])
        firsts = range(0, down, max(1, math.ceil(lines / tiles.lines) * tiles.lines * (lines > 1)))
        axes.set_yticks([row + 0.5 for row in firsts], [labels[row] for row in firsts])
        axes.tick_params(length=0)
        if not figure_options().axes:
            axes.set_yticks([])
        if shown_bar is not None:
            shown_bar.draw(figure, left, top, box)
        return []

    def part(scale: float) -> Part:
        side = scale * min(_LONGEST / across, _LARGEST_TILE)
        box = across * side, down * side * rows / columns
        return Part(
            partial(draw, box=box),
            box,
            tiles.order(names),
            caption,
            left=max(text_width(f"{label} ", theme().text) for label in labels)
            * figure_options().axes,
            right=shown_bar.space(below=False) if shown_bar is not None else 0.0,
        )

    return part


class FilterTiles(NamedTuple):
    """Filters as tiles of one image.

    Attributes:
        image: (H, W, 3).
        shape: its tiles down and across.
        limit: the weight that has the full color.
        filters: how many are drawn.
        channels: of each filter; 1 where a tile is a whole filter.
        drawn: how many of the channels are drawn.
        lines: rows of tiles that a filter takes; 1 where it takes less than one.
        dead: the filters whose weights are all 0 or nearly, counted from 0.
        places: of the tiles of each filter, counted row by row, (filters, drawn).
    """

    image: NDArray[np.float64]
    shape: Pair
    limit: float
    filters: int
    channels: int
    drawn: int
    lines: int
    dead: Sequence[int]
    places: NDArray[np.intp]

    def dead_text(self, names: TileNames) -> str:
        """Return which filters are crossed out, and why."""
        if not self.dead:
            return ""
        numbers = ", ".join(str(number + 1) for number in self.dead[:_MOST_NAMED])
        numbers += ", ..." * (len(self.dead) > _MOST_NAMED)
        name = f"{names.member}{'s' * (len(self.dead) > 1)}"
        return f"crossed out: {name} {numbers}, weights below 1/1000 of the largest"

    def crosses(self) -> list[list[tuple[float, float]]]:
        """Return the diagonals of the tiles that are crossed out."""
        corners = [divmod(int(n), self.shape[1]) for place in self.dead for n in self.places[place]]
        low, high = _CROSSED
        return [
            [(column + low, row + start), (column + high, row + low + high - start)]
            for row, column in corners
            for start in (low, high)
        ]

    def order(self, names: TileNames) -> str:
        """Return how to count the tiles."""
        if self.channels == 1:
            return f"{names.member}s counted row by row"
        return f"one tile for each of {self.channels} {names.plane}s"

    def caption(self, names: TileNames) -> str:
        """Return how many filters over channels stand in a row, where these are several."""
        each = self.shape[1] // self.drawn
        words = f"{each} {names.member}s in a row, {names.plane} by {names.plane}"
        return words * (self.channels > 1 and each > 1)

    def labels(self, names: TileNames) -> list[str]:
        """Return the numbers of the tiles of each row, or the name of the first of them."""
        down, across = self.shape
        if self.channels == 1:
            ends = [
                (row * across + 1, min((row + 1) * across, self.filters)) for row in range(down)
            ]
            return [str(first) if first == last else f"{first}-{last}" for first, last in ends]
        each = max(across // self.drawn, 1)
        return [
            f"{names.plane} {row % self.lines * across + 1}"
            if row % self.lines
            else f"{names.member} {row // self.lines * each + 1}"
            for row in range(down)
        ]


def filter_tiles(
    kernels: Sequence[Kernel], ratio: float = 1.0, scale: Scale = "common"
) -> FilterTiles:
    """Return one image with at most 512 tiles of filters of one size.

    A filter over channels other than three has a tile for each; it begins a row unless several
    filters fit into one.

    Args:
        kernels: all with two dimensions, or all with more.
        ratio: of tiles across to tiles down.
        scale: ``own`` gives the largest weight of each filter the full color.
    """
    planes = [_filters(kernel.weights) for kernel in kernels]
    channels = channel_tiles(kernels[0])
    weights = np.concatenate(planes)
    weights = weights.reshape(-1, channels, *weights.shape[1:])
    weights = weights[: max(MAX_TILES // channels, 1), :MAX_TILES].astype(np.float64)
    filters, drawn = weights.shape[:2]
    ideal = min(math.ceil(math.sqrt(filters * drawn * ratio)), filters * drawn)
    lines = max(round(drawn / ideal), 1)
    across = math.ceil(drawn / lines) if drawn > ideal else ideal // drawn * drawn
    each = across // drawn if lines == 1 else 1
    shape = math.ceil(filters / each) * lines, across
    numbers = np.arange(filters)[:, np.newaxis] * (lines * across if lines > 1 else drawn)
    places = numbers + np.arange(drawn)
    limit = symmetric_limit(weights)
    sizes = np.where(np.isfinite(weights), np.abs(weights), 0)
    largest = sizes.max(axis=tuple(range(1, weights.ndim)), keepdims=True)
    is_dead = largest <= _DEAD * limit
    limits = np.where(is_dead, limit, largest) if scale == "own" else limit
    shares = (weights / limits).reshape(-1, *weights.shape[2:])
    shades = np.clip(0.5 + shares / 2, 0, 1)
    shades = np.moveaxis(shades, 1, 3) if shades.ndim == 4 else signed_colormap()(shades)[..., :3]
    image = _joined(shades, places.ravel(), shape)
    dead = np.flatnonzero(is_dead).tolist()
    return FilterTiles(image, shape, limit, filters, channels, drawn, lines, dead, places)


def channel_tiles(kernel: Kernel) -> int:
    """Return how many tiles a filter has: one for each channel, unless three are colors."""
    channels = kernel.matrix.shape[-3] if kernel.matrix.ndim > 2 else 1
    return 1 if channels == 3 else channels


def _filters(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights as (N, kh, kw), or (N, 3, kh, kw) for filters over three channels."""
    if weights.ndim == 2:
        return weights[np.newaxis]
    if weights.ndim == 3 and len(weights) == 3:
        return weights[np.newaxis]
    if weights.ndim == 4 and weights.shape[1] == 3:
        return weights
    return weights.reshape(-1, *weights.shape[-2:])


def _joined(
    tiles: NDArray[np.float64], places: NDArray[np.intp], shape: Pair
) -> NDArray[np.float64]:
    """Join tiles (N, kh, kw, 3) to one image, with gaps of the page's color.

    ``places`` counts the places of all tiles row by row, and ``shape`` is in tiles.
    """
    _, rows, columns, _ = tiles.shape
    down, across = shape
    zoom = math.ceil(_ZOOM / min(rows, columns))
    large = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    gap = max(rows, columns) * zoom // 12 + 1
    page = np.array(to_rgb(theme().page))
    blocks = np.broadcast_to(
        page, (down * across, rows * zoom + gap, columns * zoom + gap, 3)
    ).copy()
    start = gap // 2
    blocks[places, start : start + rows * zoom, start : start + columns * zoom] = large
    grid = blocks.reshape(down, across, *blocks.shape[1:]).swapaxes(1, 2)
    return grid.reshape(down * blocks.shape[1], across * blocks.shape[2], 3)
