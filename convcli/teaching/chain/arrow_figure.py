"""The arrows of a chain's figure, and the kernels that are drawn small beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from matplotlib.figure import Figure

from convcli.kernels.kernel import Kernel
from convcli.plotting.axes import (
    MAX_TICKED,
    NUMBER_LINE,
    NUMBER_SHARE,
    DrawnImage,
    draw_cell_lines,
    widest_text,
)
from convcli.plotting.heatmap import Heatmap, draw_values, kernel_heatmaps, scale_text
from convcli.plotting.part import Part, axes_at
from convcli.plotting.rows import fits_line
from convcli.plotting.style import Box, fit_box, theme
from convcli.teaching.kernels.filter_sheet import filter_tiles

_ARROW, _KERNEL, _TILES = 0.42, 0.85, 1.3  # inches; longer sides
_BETWEEN = 0.07  # inches between kernels
_MOST_KERNELS = 4  # as heat maps of their own; more are tiles


def arrow_part(kernels: Sequence[Kernel], scale: float, *, numbered: bool, down: bool) -> Part:
    """Return an arrow to the next layer's maps, with the kernels of a convolution beside it.

    Args:
        kernels: of the layer; none for other layers.
        scale: of the page.
        numbered: whether kernels have numbers where they fit.
        down: whether the arrow points down and not right.
    """
    size, draw_kernels, drawn = _kernel_drawing(kernels, scale, numbered=numbered)
    gap = 0.08 * bool(kernels)
    caption = scale_text(kernels[0]).lstrip(", ") if len(kernels) == 1 else ""
    if drawn < (planes := sum(math.prod(kernel.matrix.shape[:-2]) for kernel in kernels)):
        caption = f"{drawn} of {planes} kernels"
    if down:
        box = _ARROW / 2 + 2 * (gap + size[0]), max(_ARROW, size[1])
    else:
        box = max(_ARROW, size[0]), _ARROW / 2 + 2 * (gap + size[1])

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        middle, center = left + box[0] / 2, top + box[1] / 2
        place = middle - _ARROW / 2, center - _ARROW / 2, (_ARROW, _ARROW)
        axes = axes_at(figure, *place)
        axes.set_axis_off()
        ends: Any = ((0.5, 1), (0.5, 0)) if down else ((0, 0.5), (1, 0.5))
        arrow = {"arrowstyle": "-|>", "color": theme().ink, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", ends[1], ends[0], arrowprops={**arrow, "mutation_scale": 14, "lw": 1.5})
        if not kernels:
            return []
        if down:
            return draw_kernels(figure, middle + _ARROW / 4 + gap, center - size[1] / 2)
        return draw_kernels(figure, middle - size[0] / 2, top)

    return Part(draw, box, caption=caption) if caption else Part(draw, box, letters=0)


def steps_in_lines(steps: Sequence[list[Part]]) -> list[list[Part]]:
    """Return steps in lines that fit the page, about as many in each where this fits, too."""
    lines: list[list[list[Part]]] = []
    for step in steps:
        if lines and fits_line(list(chain.from_iterable([*lines[-1], step]))):
            lines[-1].append(step)
        else:
            lines.append([step])
    each = math.ceil(len(steps) / len(lines))
    even = [steps[start : start + each] for start in range(0, len(steps), each)]
    joined = [list(chain.from_iterable(line)) for line in even]
    if all(map(fits_line, joined)):
        return joined
    return [list(chain.from_iterable(line)) for line in lines]


def has_numbers(kernels: Sequence[Kernel]) -> bool:
    """Return whether kernels are so few and so small that they can have numbers."""
    if not kernels or _are_tiles(kernels):
        return False
    maps = kernel_heatmaps(kernels, most=_MOST_KERNELS).maps
    longest = max(max(heatmap.values.shape) for heatmap in maps)
    most = _KERNEL * (1.3 if len(maps) <= 2 else 0.75)
    return bool(_numbered_cell(maps) * longest <= most * theme().number / 9)


def _are_tiles(kernels: Sequence[Kernel]) -> bool:
    """Return whether kernels are so many that they are drawn as tiles."""
    count = len(kernel_heatmaps(kernels, most=_MOST_KERNELS + 1).maps)
    is_alike = len({(kernel.shape, kernel.matrix.ndim > 2) for kernel in kernels}) == 1
    return count > _MOST_KERNELS and is_alike


def _numbered_cell(maps: Sequence[Heatmap]) -> float:
    """Return the side of a cell that its number fits into, in inches."""
    widest, number = _widest(maps), theme().number
    return max(widest * number / NUMBER_SHARE, number * NUMBER_LINE / 72) * 1.01


def _widest(maps: Sequence[Heatmap]) -> float:
    return widest_text([text for heatmap in maps for text in heatmap.texts])


def _kernel_drawing(
    kernels: Sequence[Kernel], scale: float, *, numbered: bool
) -> tuple[Box, Callable[[Figure, float, float], list[DrawnImage]], int]:
    """Return the width and height of a small drawing of kernels, what draws it, and of how many.

    A kernel over several channels counts once for each.
    """
    if not kernels:
        return (0.0, 0.0), lambda *_: [], 0
    factor = min(max(scale, 0.8), 1.6)
    if _are_tiles(kernels):
        tiles = filter_tiles(kernels)
        planes = math.prod(kernels[0].matrix.shape[-3:-2]) // tiles.channels * tiles.drawn
        sheet = tiles.image
        box = fit_box((sheet.shape[0], sheet.shape[1]), _TILES * factor, thinnest=0.1)

        def draw_tiles(figure: Figure, left: float, top: float) -> list[DrawnImage]:
            axes = axes_at(figure, left, top, box)
            axes.imshow(sheet, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
            return []

        return box, draw_tiles, tiles.filters * planes
    group = kernel_heatmaps(kernels, most=_MOST_KERNELS)
    maps, widest = group.maps, _widest(group.maps)
    longest = max(max(heatmap.values.shape) for heatmap in maps)
    most = _KERNEL * factor * (1.3 if len(maps) <= 2 else 0.75)
    numbered = numbered and has_numbers(kernels)
    side = _numbered_cell(maps) if numbered else most / (1.3 if len(maps) == 1 else 1.6) / longest
    shapes = [each.values.shape for each in maps]
    boxes = [(max(columns * side, 0.05), max(rows * side, 0.05)) for rows, columns in shapes]
    across = 1 if len(maps) == 1 else 2
    step = max(box[0] for box in boxes) + _BETWEEN, max(box[1] for box in boxes) + _BETWEEN
    size = across * step[0] - _BETWEEN, math.ceil(len(maps) / across) * step[1] - _BETWEEN

    def draw_maps(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        drawn = []
        for place, (heatmap, (width, height)) in enumerate(zip(maps, boxes, strict=True)):
            row, column = divmod(place, across)
            axes = axes_at(figure, left + column * step[0], top + row * step[1], (width, height))
            image = draw_values(axes, heatmap.values, group)
            axes.set(xticks=[], yticks=[])
            rows, columns = heatmap.values.shape
            if max(rows, columns) <= MAX_TICKED:
                draw_cell_lines(axes, rows, columns)
            texts = heatmap.texts if numbered else ()
            drawn.append(DrawnImage(image, (rows, columns), texts, widest))
        return drawn

    return size, draw_maps, len(maps)
