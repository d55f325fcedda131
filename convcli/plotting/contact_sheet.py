"""A contact sheet: many images or feature maps as equal tiles, each with its name."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, TICK_POINTS, style_context

# isort: split
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from matplotlib.figure import Figure

from convcli.errors import UsageError
from convcli.plotting.axes import (
    MOST_TICKED,
    WIDE,
    DrawnImage,
    add_axes,
    add_colorbar,
    bar_number,
    draw_cell_lines,
    set_ticks,
    write_numbers,
)
from convcli.plotting.image_panel import draw_pixels
from convcli.plotting.sheet_layout import (
    AIR,
    BAR,
    EDGE,
    PAD,
    Placed,
    Plan,
    Scale,
    SheetTile,
    plan_sheet,
)
from convcli.plotting.text import wrap

__all__ = ["SheetTile", "draw_sheet"]

_LEAST_WIDTH, _LEAST_BAR, _MOST_BAR = 3.0, 1.2, 4.0  # inches: of the page, of a shared bar's length
_LINE = HEADING_POINTS * 1.3 / 72


def draw_sheet(
    tiles: Sequence[SheetTile],
    *,
    title: str = "",
    columns: int | None = None,
    scale: Literal["common", "own"] = "own",
    box: float | None = None,
) -> Figure:
    """Draw a labeled grid of tiles: equal boxes, every image in its true shape.

    An image is black to white from 0 to its white, with one color bar for all gray ones. Plain
    numbers go from least to greatest, or where some are negative from blue through white (0) to
    red: of each tile by itself, with a bar beside it, or of all tiles with one unit together. Small
    grids are cells, with their numbers where these are legible; images larger than their box are
    thinned by block means. The more tiles, the smaller they are.

    Args:
        tiles: at least one; sizes and kinds may differ.
        title: a heading.
        columns: tiles side by side; None for about as many as rows.
        scale: ``own`` or ``common`` colors for plain numbers.
        box: inches of a tile's longer side; None for what makes a page of bounded size.

    Returns:
        A figure that no pyplot knows; `convcli.plotting.saving.save_figure` writes it.

    Raises:
        UsageError: there are no tiles, or an image has neither 1 nor 3 channels.

    >>> import numpy as np
    >>> figure = draw_sheet([SheetTile("ramp", np.array([[0, 128, 255]]), 255)])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '128', '255']
    """
    if not tiles:
        raise UsageError("a sheet needs at least one tile")
    if columns is not None and columns < 1:
        raise UsageError(f"a sheet has at least one column, not {columns}")
    if scale not in ("common", "own"):
        raise UsageError(f"scale must be common or own, not {scale!r}")
    with style_context():
        return _draw(plan_sheet(tiles, columns, common=scale == "common", box=box), title)


def _draw(plan: Plan, title: str) -> Figure:
    across = plan.size[0] + sum(AIR + bar.beside(labeled=True) for bar in plan.bars)
    width = max(across, _LEAST_WIDTH) + 2 * EDGE
    heading = wrap(title, width - 2 * EDGE, HEADING_POINTS)
    above = EDGE + _LINE * (heading.count("\n") + 1.5) * bool(heading)
    tall = max(plan.size[1], _LEAST_BAR + 2 * AIR) if plan.bars else plan.size[1]
    figure = Figure(figsize=(width, above + tall + EDGE))
    if heading:
        figure.suptitle(heading, y=1 - EDGE / figure.get_figheight(), va="top")
    left = EDGE + (width - 2 * EDGE - across) / 2
    drawn = [_draw_tile(figure, each, plan, left, above) for each in plan.placed]
    for text, top in plan.headings:
        _write_heading(figure, text, left + AIR, above + top + AIR)
    write_numbers(_alike([each for each in drawn if each is not None]))
    left += plan.size[0] + AIR
    long = min(max(tall - 4 * AIR, _LEAST_BAR), _MOST_BAR)
    for bar in plan.bars:
        _draw_bar(figure, bar, (left, above + 2 * AIR, BAR, long))
        left += bar.beside(labeled=True) + AIR
    return figure


def _draw_tile(
    figure: Figure, placed: Placed, plan: Plan, left: float, above: float
) -> DrawnImage | None:
    """Draw a tile with its title; return what its numbers can be written into, if there is any."""
    width, height = placed.sides
    axes = add_axes(figure, left + placed.left, above + placed.top, width, height)
    axes.set_title(placed.title, fontsize=plan.points, pad=PAD * 72)
    if placed.tile.pixels is None:
        axes.set_axis_off()
        return None
    raster, scale = placed.raster, placed.scale
    drawn = draw_pixels(axes, raster, placed.sides, scale.ends)
    if plan.ticked:
        set_ticks(axes, raster.rows, raster.columns, inches=placed.sides)
    else:
        axes.set(xticks=[], yticks=[])
        if max(raster.rows, raster.columns) <= MOST_TICKED:
            draw_cell_lines(axes, raster.rows, raster.columns)
    if not scale.shared:
        below = width >= WIDE * height
        colors, label = scale.colors()
        ticks = scale.ticks(width if below else height, below=below)
        add_colorbar(axes, colors, ticks, label if plan.ticked else "", below=below)
    return drawn


def _write_heading(figure: Figure, text: str, left: float, top: float) -> None:
    """Write the name of a group at inches from the left and from the top."""
    across, down = figure.get_size_inches()
    place = left / across, 1 - top / down
    figure.text(*place, text, size=HEADING_POINTS, weight="bold", ha="left", va="top")


def _alike(drawn: Sequence[DrawnImage]) -> list[DrawnImage]:
    """Let grids of one shape have numbers of one size, or none of them any."""
    widest: dict[tuple[int, int], float] = {}
    for each in drawn:
        widest[each.shape] = max(each.widest, widest.get(each.shape, 0.0))
    return [replace(each, widest=widest[each.shape]) for each in drawn]


def _draw_bar(figure: Figure, scale: Scale, place: tuple[float, float, float, float]) -> None:
    colors, label = scale.colors()
    ticks = scale.ticks(place[3], below=False)
    axes = add_axes(figure, *place)
    bar = figure.colorbar(colors, cax=axes, ticks=ticks, format=bar_number)
    bar.set_label(label, fontsize=TICK_POINTS)
