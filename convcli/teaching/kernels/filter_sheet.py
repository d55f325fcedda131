"""Many filters on one sheet, each a tile; filters over three channels are drawn as colors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.plotting.axes import DrawnImage, round_ticks
from convcli.plotting.heatmap import symmetric_limit
from convcli.plotting.image_panel import Bar
from convcli.plotting.labels import bar_number, format_short, text_width
from convcli.plotting.page import Part, axes_at
from convcli.plotting.style import Box, figure_options, signed_colormap, theme

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel

MAX_FILTERS = 512
_LONGEST, _LARGEST_TILE = 9.0, 1.1  # inches
_RATIO = 1.6  # of tiles across to tiles down
_ZOOM = 12  # pixels of a tile's shorter side at least; the gaps are a twelfth of them


def tiles_part(kernels: Sequence[Kernel]) -> Callable[[float], Part]:
    """Return a function from a scale to one part with a tile for each filter.

    All tiles share one scale, symmetric about 0: gray, or white, is 0. Tiles are counted from 1,
    row by row; the number of the first of each row stands at its left. They are one image, since
    512 axes would take seconds.
    """
    sheet, (down, across), limit, count = filter_tiles(kernels, _RATIO)
    rows, columns = kernels[0].matrix.shape[-2:]
    is_color = kernels[0].matrix.ndim > 2 and kernels[0].matrix.shape[-3] == 3
    ticks = round_ticks(-limit, limit)
    colors = ScalarMappable(Normalize(-limit, limit), signed_colormap())
    bar = Bar(colors, ticks, [bar_number(tick) for tick in ticks], "weight")
    shown_bar = bar if figure_options().bars and not is_color else None
    caption = f"colors: gray is 0, full ±{format_short(limit)}" if is_color else ""

    def draw(figure: Figure, left: float, top: float, box: Box) -> list[DrawnImage]:
        axes = axes_at(figure, left, top, box)
        axes.imshow(sheet, interpolation="nearest", aspect="auto", extent=(0, across, down, 0))
        axes.set_frame_on(False)
        axes.set_xticks([])
        step = max(1, math.ceil(down * theme().line / box[1]))
        firsts = range(0, down, step)
        axes.set_yticks([row + 0.5 for row in firsts], [str(row * across + 1) for row in firsts])
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
            f"{count} filters {columns}x{rows}, counted row by row",
            caption,
            left=text_width(f"{count} ", theme().text) * figure_options().axes,
            right=shown_bar.space(below=False) if shown_bar is not None else 0.0,
        )

    return part


def filter_tiles(
    kernels: Sequence[Kernel], ratio: float = 1.0
) -> tuple[NDArray[np.float64], Pair, float, int]:
    """Return one image (H, W, 3) with a tile for each of at most 512 filters of one size.

    Args:
        kernels: all with two dimensions, or all with more.
        ratio: of tiles across to tiles down.

    Returns:
        The image, its tiles down and across, the weight that has the full color, and the number
        of filters.
    """
    planes = [_filters(kernel.weights) for kernel in kernels]
    weights = np.concatenate(planes)[:MAX_FILTERS].astype(np.float64)
    limit = symmetric_limit(weights)
    shades = np.clip(0.5 + weights / (2 * limit), 0, 1)
    shades = np.moveaxis(shades, 1, 3) if weights.ndim == 4 else signed_colormap()(shades)[..., :3]
    count = len(shades)
    across = min(math.ceil(math.sqrt(count * ratio)), count)
    return _joined(shades, across), (math.ceil(count / across), across), limit, count


def _filters(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights as (N, kh, kw), or (N, 3, kh, kw) for filters over three channels."""
    if weights.ndim == 2:
        return weights[np.newaxis]
    if weights.ndim == 3 and len(weights) == 3:
        return weights[np.newaxis]
    if weights.ndim == 4 and weights.shape[1] == 3:
        return weights
    return weights.reshape(-1, *weights.shape[-2:])


def _joined(tiles: NDArray[np.float64], across: int) -> NDArray[np.float64]:
    """Join tiles (N, kh, kw, 3) to one image, row by row, with gaps of the page's color."""
    count, rows, columns, _ = tiles.shape
    zoom = math.ceil(_ZOOM / min(rows, columns))
    large = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    gap = max(rows, columns) * zoom // 12 + 1
    down = math.ceil(count / across)
    page = np.array(to_rgb(theme().page))
    blocks = np.broadcast_to(
        page, (down * across, rows * zoom + gap, columns * zoom + gap, 3)
    ).copy()
    start = gap // 2
    blocks[:count, start : start + rows * zoom, start : start + columns * zoom] = large
    grid = blocks.reshape(down, across, *blocks.shape[1:]).swapaxes(1, 2)
    return grid.reshape(down * blocks.shape[1], across * blocks.shape[2], 3)
