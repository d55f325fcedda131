"""Signals of a contact sheet: stems or lines below each other, along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from convcli.plotting.axes import DrawnImage, finite_extremes
from convcli.plotting.heatmap import kernel_part
from convcli.plotting.labels import text_width
from convcli.plotting.page import Part, Rows, RowsOf, axes_at, beside, blank, flow
from convcli.plotting.sample_scale import SAMPLE_NUMBERS, set_sample_ticks
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.signal_plot import Samples, draw_samples, signal_samples
from convcli.plotting.style import Box, figure_options, theme

# All in inches.
_WIDTH, _HEIGHT, _LEAST_HEIGHT = 7.0, 1.4, 0.8
_KERNEL = 1.6  # width of the kernel at the left of its result
_SIDES = 1.6  # of the page, beside a plot: ticks and edges
_MOST_ROWS = 3  # of a slide


def signal_rows(tiles: Sequence[SheetTile], together: int, *, common: bool) -> RowsOf:
    """Return the plan of a page of signals, all along the same x axis.

    They stand below each other; neighbors that belong together, and many on a slide, stand side by
    side.

    Args:
        tiles: whose pixels are (1, n) or (n, 1), with 1 or 3 channels, or None.
        together: how many neighbors stand in one row.
        common: whether signals of one unit have the same y axis.
    """
    samples = [None if tile.pixels is None else signal_samples(tile.pixels) for tile in tiles]
    ends = [
        (tile.places.at(0), tile.places.at(len(values) - 1))
        for tile, values in zip(tiles, samples, strict=True)
        if values is not None
    ]
    half = float(min(tile.places.step for tile in tiles)) / 2
    across = min(first for first, _ in ends) - half, max(last for _, last in ends) + half
    has_label = figure_options().axes and tiles[0].axis is not None
    drawn = []
    for tile, values in zip(tiles, samples, strict=True):
        same = [
            other
            for other, each in zip(samples, tiles, strict=True)
            if other is not None and (other is values or (common and each.unit == tile.unit))
        ]
        drawn.append(None if values is None else partial(_draw, values, tile, across, same))
    columns = together
    if theme().is_fixed and len(tiles) > _MOST_ROWS:
        columns = max(columns, 2)
    columns = 1 if figure_options().layout == "column" else columns

    def rows_of(scale: float) -> Rows:
        look, axes = theme(), figure_options().axes
        sides = _SIDES + _KERNEL * any(tile.kernels for tile in tiles)
        room = look.width / columns - sides
        box = room if scale > 1 else min(_WIDTH, room), max(_HEIGHT * scale, _LEAST_HEIGHT)
        parts = []
        for tile, draw in zip(tiles, drawn, strict=True):
            if draw is None:
                parts.append(blank(box, tile.title, tile.caption))
                continue
            part = Part(
                partial(draw, box=box), box, tile.title, tile.caption,
                left=(text_width("-0.0000", look.text) + 0.12) * axes,
                right=text_width("00", look.text) / 2,
                below=(look.line * (1 + has_label) + 0.1) * axes,
            )  # fmt: skip
            if tile.kernels is not None:
                kernel = kernel_part(tile.kernels, min(_KERNEL, 2 * box[1]), is_bare=True)(1.0)
                part = beside([kernel, part], part.title, part.caption)
            parts.append(part)
        return flow(parts, most=columns)

    return rows_of


def _draw(
    values: Samples,
    tile: SheetTile,
    across: tuple[float, float],
    same: Sequence[Samples],
    figure: Figure,
    left: float,
    top: float,
    *,
    box: Box,
) -> list[DrawnImage]:
    """Draw one signal into a box of this width and height; ``same`` have the same y axis."""
    assert tile.pixels is not None  # noqa: S101 - a tile without pixels has no samples
    axes = axes_at(figure, left, top, box)
    length = box[0] * (float(tile.places.step) * len(values)) / (across[1] - across[0])
    places, exact = tile.places.positions(len(values)), tile.pixels.reshape(values.shape)
    draw_samples(axes, places, values, inches=length, exact=exact)
    set_sample_ticks(axes, across, box[0], tile.axis or SAMPLE_NUMBERS)
    if tile.axis is not None:
        axes.set_xlabel("x")
    extremes = [finite_extremes(other) for other in same]
    low = min(0.0, *(least for least, _ in extremes))
    high = max(0.0, *(greatest for _, greatest in extremes)) or (low == 0.0) * 1.0
    for_number = 2.2 * theme().number / 72  # inches beyond the end of a stem
    room = (high - low) * for_number / (box[1] - (1 + (low < 0)) * for_number)
    axes.set_ylim(low - room * (low < 0), high + room)
    most = max(1, min(5, int(box[1] / (1.6 * theme().line))))
    axes.yaxis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    if not figure_options().axes:
        axes.set(xticks=[], yticks=[], xlabel="")
    return []
