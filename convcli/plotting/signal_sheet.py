"""Signals of a contact sheet: stems or lines below each other, along one axis."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

from matplotlib.figure import Figure

from convcli.plotting.axes import DrawnImage, finite_extremes
from convcli.plotting.heatmap import kernel_part
from convcli.plotting.labels import text_width
from convcli.plotting.part import Part, PartOf, axes_at, blank
from convcli.plotting.rows import Rows, RowsOf, beside, flow
from convcli.plotting.sample_scale import SAMPLE_NUMBERS, set_sample_ticks
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.signal_plot import (
    Samples,
    draw_samples,
    keep_numbers_inside,
    mark_sample,
    sample_numbers,
    signal_samples,
)
from convcli.plotting.style import Box, figure_options, theme

# All in inches.
_WIDTH, _HEIGHT, _LEAST_HEIGHT = 7.0, 1.4, 0.8
_KERNEL = 1.6  # width of the kernel at the left of its result
_SIDES = 0.7  # of the page, beside a plot and its ticks
_MOST_ROWS = 3  # of a slide
_MARGIN = 0.08  # beyond the values, as a share of their range
_FOR_NUMBERS = 0.6  # of a plot's height, at most, that numbers beyond the stems may take


def signal_rows(tiles: Sequence[SheetTile], together: int, *, common: bool) -> RowsOf:
    """Return the plan of a page of signals, all along the same x axis.

    They stand below each other; neighbors that belong together, and many on a slide, stand side by
    side.

    Args:
        tiles: whose pixels are (1, n) or (n, 1), with 1 or 3 channels, or None.
        together: how many neighbors stand in one row.
        common: whether signals of one unit have the same y axis.
    """
    columns = together
    if theme().is_fixed and len(tiles) > _MOST_ROWS:
        columns = max(columns, 2)
    columns = 1 if figure_options().layout == "column" else columns
    scales = [tile.unit if common else number for number, tile in enumerate(tiles)]
    parts = signal_parts(tiles, scales, columns)

    def rows_of(scale: float) -> Rows:
        return flow([part(scale) for part in parts], most=columns)

    return rows_of


def signal_parts(
    tiles: Sequence[SheetTile], scales: Sequence[Hashable], columns: int
) -> list[PartOf]:
    """Return a function from a scale to a plot for each tile, all along the same x axis.

    Only the height of the plots depends on the scale, up to 1; beyond, and on a slide, they fill
    the page's width.

    Args:
        tiles: whose pixels are (1, n) or (n, 1), with 1 or 3 channels, or None.
        scales: of each tile; those of equal scales have the same y axis.
        columns: how many plots the page has room for side by side.
    """
    samples = [None if tile.pixels is None else signal_samples(tile.pixels) for tile in tiles]
    ends = [
        (tile.places.at(0), tile.places.at(len(values) - 1))
        for tile, values in zip(tiles, samples, strict=True)
        if values is not None
    ]
    half = float(min(tile.places.step for tile in tiles)) / 2
    across = min(first for first, _ in ends) - half, max(last for _, last in ends) + half
    look, axes = theme(), figure_options().axes
    left = (text_width("-0.0000", look.text) + 0.12 + look.line) * axes
    has_kernels = any(tile.kernels for tile in tiles)
    room = look.width / columns - left - _SIDES - _KERNEL * has_kernels

    def plot(
        tile: SheetTile, values: Samples | None, same: Sequence[SheetTile], scale: float
    ) -> Part:
        width = room if scale > 1 or look.is_fixed else min(_WIDTH, room)
        box = width, max(_HEIGHT * scale, _LEAST_HEIGHT)
        if values is None:
            return blank(box, tile.title, tile.caption)
        limits, has_room = _limits(same, box, across)
        part = Part(
            partial(_draw, values, tile, across, limits, box=box, has_room=has_room),
            box, tile.title, tile.caption,
            left=left,
            right=text_width("00", look.text) / 2,
            below=(look.line * 2 + 0.1) * axes,
            numbers_fit=has_room,
        )  # fmt: skip
        if tile.kernels is not None:
            kernel = kernel_part(tile.kernels, min(_KERNEL, 2 * box[1]), is_bare=True)(1.0)
            part = beside([kernel, part], part.title, part.caption)
        return part

    plots: list[PartOf] = []
    for tile, values, scale in zip(tiles, samples, scales, strict=True):
        pairs = zip(tiles, scales, strict=True)
        same = [each for each, its in pairs if its == scale and each.pixels is not None]
        plots.append(partial(plot, tile, values, same))
    return plots


def _limits(
    same: Sequence[SheetTile], box: Box, across: tuple[float, float]
) -> tuple[tuple[float, float], bool]:
    """Return the ends of the y axis of signals, and whether it is high enough for their numbers."""
    samples = [signal_samples(tile.pixels) for tile in same if tile.pixels is not None]
    extremes = [finite_extremes(each) for each in samples]
    low = min(0.0, *(least for least, _ in extremes))
    high = max(0.0, *(greatest for _, greatest in extremes)) or (low == 0.0) * 1.0
    margin, ends = (high - low) * _MARGIN, 1 + (low < 0)
    has_room = True
    inches = [
        _length(tile, len(each), box, across) for tile, each in zip(same, samples, strict=True)
    ]
    if any(sample_numbers(*each)[0] for each in zip(samples, inches, strict=True)):
        for_number = 2.2 * theme().number / 72  # inches beyond the end of a stem
        has_room = ends * for_number <= _FOR_NUMBERS * box[1]
        if has_room:
            margin = (high - low) * for_number / (box[1] - ends * for_number)
    return (low - margin * (low < 0), high + margin), has_room


def _length(tile: SheetTile, count: int, box: Box, across: tuple[float, float]) -> float:
    """Return the inches that the samples of a signal take along an axis of all signals."""
    return box[0] * float(tile.places.step) * count / (across[1] - across[0])


def _draw(
    values: Samples,
    tile: SheetTile,
    across: tuple[float, float],
    limits: tuple[float, float],
    figure: Figure,
    left: float,
    top: float,
    *,
    box: Box,
    has_room: bool,
) -> list[DrawnImage]:
    """Draw one signal into a box of this width and height, with numbers if they have room."""
    assert tile.pixels is not None  # noqa: S101 - a tile without pixels has no samples
    axes = axes_at(figure, left, top, box)
    length = _length(tile, len(values), box, across) if has_room else 0.0
    places, exact = tile.places.positions(len(values)), tile.pixels.reshape(values.shape)
    draw_samples(axes, places, values, inches=length, exact=exact)
    axes.set_ylim(*limits)
    axes.set_xlabel("sample" if tile.axis is None else "x")
    axes.set_ylabel(tile.unit if tile.max_value is None else "pixel")
    if tile.mark is not None:
        sample, channel = max(tile.mark[:2]), tile.mark[2]
        mark_sample(axes, places[sample], float(values[sample, channel]))
    set_sample_ticks(axes, across, box[0], tile.axis or SAMPLE_NUMBERS)
    keep_numbers_inside(axes)  # samples far apart leave room for numbers wider than the margin
    if not figure_options().axes:
        axes.set(xlabel="", ylabel="")
    return []
