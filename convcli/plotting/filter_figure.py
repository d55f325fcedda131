"""A filtering in one figure: original | kernel with its numbers | feature map, a row per result."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, TITLE_POINTS, style_context

# isort: split
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.plotting.axes import WIDE, DrawnImage, finalize_layout
from convcli.plotting.filter_row import PanelRow
from convcli.plotting.heatmap import Tiles, draw_kernels, kernel_title, tiles_of
from convcli.plotting.image_panel import ImagePanel, box_sides, display_notes, draw_raster
from convcli.plotting.signal_figure import draw_signal_filtering
from convcli.plotting.signal_plot import are_signals
from convcli.plotting.text import format_short, percent, wrap

if TYPE_CHECKING:
    pass

_BOXES, _LEAST_BOX = ((4, 4.0), (8, 3.2)), 2.2  # up to so many rows, images of so many inches
_KERNEL, _FAMILY = 2.4, 3.6  # inches across: one kernel, several
_LEAST_COLUMN = 2.4  # inches, so that a caption has room
_MOST_TILES = 16
_MAX_VALUES = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_TICKS, _BAR, _BAR_BELOW, _LINE, _AROUND, _AIR = 0.4, 0.85, 0.55, 0.17, 0.5, 0.08  # inches


class _Layout(NamedTuple):
    """The planned inches of the three columns and of the box of an image."""

    box: float
    widths: tuple[float, float, float]


class _Planned(NamedTuple):
    """A row before it is drawn: its parts, their titles, and the inches (width, height) of each."""

    after: ImagePanel
    tiles: Tiles
    titles: tuple[str, str, str]
    boxes: tuple[tuple[float, float], ...]

    @property
    def height(self) -> float:
        """Of the tallest of its boxes."""
        return max(height for _, height in self.boxes)

    @property
    def around(self) -> float:
        """What titles, ticks and color bars take above and below."""
        lines = 1 + max(title.count("\n") for title in self.titles)
        wide = any(width >= WIDE * height for width, height in self.boxes)
        return _AROUND + _LINE * lines + (_BAR_BELOW if wide else 0)


def draw_filtering(
    original: NDArray[np.generic],
    rows: Sequence[PanelRow],
    *,
    title: str = "",
    max_value: int | Literal["by dtype"] | None = "by dtype",
) -> Figure:
    """Draw results of filtering one image: original | kernel | feature map, a row for each.

    Over each feature map stand its size as width x height, its extremes before the range mapping
    and the share of it that was clipped. Small matrices have their numbers in the cells.
    Images larger than the page are thinned by block means, strip by strip. A signal of one row
    or one column is drawn as stems or a line, its padding hatched, and so are its results.

    Args:
        original: (H, W) gray or (H, W, 3) RGB, without alpha.
        rows: the results, at least one.
        title: a heading for the figure, such as the image's name.
        white: what is white in ``original``, None where it holds plain numbers. By dtype it is
            255 for uint8, 65535 for uint16, and None for any other.

    Raises:
        UsageError: there are no rows, or an image has neither 1 nor 3 channels.
    """
    if not rows:
        raise UsageError("a figure needs at least one result")
    known_white = _MAX_VALUES.get(original.dtype) if max_value == "by dtype" else max_value
    before = ImagePanel(original, known_white)
    with style_context():
        if are_signals([original, *(row.pixels for row in rows)]):
            return draw_signal_filtering(original, rows, title)
        return _draw(before, rows, title)


def _draw(before: ImagePanel, rows: Sequence[PanelRow], title: str) -> Figure:
    maps = [ImagePanel(row.pixels, row.max_value) for row in rows]
    layout = _plan(before, maps, rows)
    planned = [_plan_row(layout, before, *each) for each in zip(maps, rows, strict=True)]
    figure = _page(layout, planned, title)
    heights = [row.height for row in planned]
    grid = figure.add_gridspec(len(rows), 3, width_ratios=layout.widths, height_ratios=heights)
    drawn: list[DrawnImage] = []
    for place, row in enumerate(planned):
        first, second, third = row.titles
        inches = layout.widths[1], row.height
        drawn += _draw_image(figure, grid[place, 0], before, layout.box, first)
        drawn += draw_kernels(figure, grid[place, 1], row.tiles, inches, second)
        drawn += _draw_image(figure, grid[place, 2], row.after, layout.box, third)
    finalize_layout(figure, drawn)
    return figure


def _page(layout: _Layout, planned: Sequence[_Planned], title: str) -> Figure:
    """Return an empty figure that has room for the rows, with its heading."""
    width = sum(layout.widths) + 3 * (_TICKS + _BAR)
    height = sum(row.height + row.around for row in planned)
    heading = wrap(title, width - 1, HEADING_POINTS)
    if heading:
        height += 0.2 * (2 + heading.count("\n"))
    engine = ConstrainedLayoutEngine(h_pad=_AIR, w_pad=_AIR)
    figure = Figure(figsize=(width, height), layout=engine)
    if heading:
        figure.suptitle(heading)
    return figure


def _plan(before: ImagePanel, maps: Sequence[ImagePanel], rows: Sequence[PanelRow]) -> _Layout:
    box = next((inches for most, inches in _BOXES if len(rows) <= most), _LEAST_BOX)
    several = any(len(row.kernels) > 1 or row.kernels[0].matrix.ndim > 2 for row in rows)
    return _Layout(
        box,
        (
            max(_LEAST_COLUMN, box_sides(before, box)[0]),
            _FAMILY if several else _KERNEL,
            max(_LEAST_COLUMN, *(box_sides(after, box)[0] for after in maps)),
        ),
    )


def _plan_row(layout: _Layout, before: ImagePanel, after: ImagePanel, row: PanelRow) -> _Planned:
    tiles = tiles_of(row.kernels, most=_MOST_TILES)
    boxes = box_sides(before, layout.box), _kernel_sides(tiles), box_sides(after, layout.box)
    return _Planned(after, tiles, _titles(layout, before, after, row), boxes)


def _kernel_sides(tiles: Tiles) -> tuple[float, float]:
    """Return the width and height in inches that a row's kernels ask for."""
    if len(tiles.tiles) > 1:
        return _FAMILY, _FAMILY
    rows, columns = tiles.tiles[0].values.shape
    cell = _KERNEL / max(rows, columns)
    return columns * cell, max(rows * cell, 0.3)


def _titles(
    layout: _Layout, before: ImagePanel, after: ImagePanel, row: PanelRow
) -> tuple[str, str, str]:
    """Return what stands over the original, the kernel and the feature map."""
    original = "\n".join(["original", *_facts(before, layout.box, [before.size])])
    flipped = ["flipped before it is applied"] * (row.conv.operation == "convolve")
    named = [kernel_title(row.kernels[0])] if len(row.kernels) == 1 else []
    kernel = "\n".join(named + flipped)
    facts = [after.size, f"min {format_short(row.minimum)}", f"max {format_short(row.maximum)}"]
    if row.max_value is not None:
        facts.append(f"{percent(row.clipped)} clipped")
    result = "\n".join(
        [row.heading, *_facts(after, layout.box, facts), *filter(None, [row.caption])]
    )
    texts = (original, kernel, result)
    first, second, third = (
        wrap(text, inches, TITLE_POINTS) for text, inches in zip(texts, layout.widths, strict=True)
    )
    return first, second, third


def _facts(raster: ImagePanel, box: float, facts: list[str]) -> list[str]:
    """Return the lines under an image's name: the facts, and what the eye could be misled by."""
    return [", ".join(facts), *display_notes([raster], box_sides(raster, box))]


def _draw_image(
    figure: Figure, place: SubplotSpec, raster: ImagePanel, box: float, title: str
) -> list[DrawnImage]:
    axes = figure.add_subplot(place)
    axes.set_title(title)
    return [draw_raster(axes, raster, box_sides(raster, box))]
