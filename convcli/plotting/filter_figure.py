"""Filtering in one figure: original | kernel with its weights | feature map, a row per result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from convcli.errors import UsageError
from convcli.geometry import size_text
from convcli.plotting.axes import WIDE, DrawnImage, finalize_layout
from convcli.plotting.heatmap import HeatmapGroup, draw_kernels, kernel_heatmaps, kernel_title
from convcli.plotting.image_panel import ImagePanel, display_notes, draw_panel, panel_box
from convcli.plotting.labels import line_count, result_name, result_title, wrap
from convcli.plotting.signal_plot import MAX_HEATMAPS, are_signals, draw_filtered_signal
from convcli.plotting.style import TITLE_POINTS, Box, fit_box, page, style_context

if TYPE_CHECKING:
    from convcli.filtering import Filter, Filtered
    from convcli.images.image import ImageData

# All in inches.
_IMAGE_SIDES = ((4, 4.0), (8, 3.2))  # (rows at most, longer side of an image)
_IMAGE_SIDE_OF_MANY = 2.2
_KERNEL_WIDTH, _SEVERAL_KERNELS_WIDTH = 2.4, 3.6
_MIN_COLUMN = 2.4  # leaves room for a caption
_TICKS_AND_BAR = 1.25  # at the sides of an image
_TICKS, _BAR_BELOW = 0.5, 0.55  # above and below
_TITLE_LINE = 0.17


class _ResultRow(NamedTuple):
    """One result before it is drawn: its parts, their titles, and the box of each."""

    result: ImagePanel
    kernels: HeatmapGroup
    titles: tuple[str, str, str]
    boxes: tuple[Box, Box, Box]

    @property
    def height(self) -> float:
        """Inches of the highest box."""
        return max(height for _, height in self.boxes)

    @property
    def page_height(self) -> float:
        """Inches with titles, ticks and color bars."""
        has_bar_below = any(width >= WIDE * height for width, height in self.boxes)
        titles = _TITLE_LINE * max(map(line_count, self.titles))
        return self.height + _TICKS + titles + _BAR_BELOW * has_bar_below


def draw_filtering(
    image: ImageData, results: Sequence[tuple[Filter, Filtered]], *, title: str = ""
) -> Figure:
    """Draw the results of filtering one image: original | kernel | feature map, a row for each.

    Above each feature map stand its size as width x height, its extremes before the range mapping
    and the share of values that were clipped. Small matrices have their numbers in the cells. A
    signal of one row or one column, and its results, are drawn as stems or lines.

    Args:
        image: the original; its alpha is not drawn.
        results: each filter with its result, at least one.
        title: a heading, such as the image's name.

    Raises:
        UsageError: there are no results, or an image has neither 1 nor 3 channels.
    """
    if not results:
        raise UsageError("a figure needs at least one result")
    original = ImagePanel(image.pixels, image.max_value)
    with style_context():
        if are_signals([image.pixels, *(filtered.image.pixels for _, filtered in results)]):
            return draw_filtered_signal(image.pixels, results, title)
        return _draw(original, results, title)


def _draw(original: ImagePanel, results: Sequence[tuple[Filter, Filtered]], title: str) -> Figure:
    side = next((side for most, side in _IMAGE_SIDES if len(results) <= most), _IMAGE_SIDE_OF_MANY)
    kernels = [image_filter.kernels for image_filter, _ in results]
    several = any(len(members) > 1 or members[0].matrix.ndim > 2 for members in kernels)
    panels = [ImagePanel(made.image.pixels, made.image.max_value) for _, made in results]
    widths = (
        max(_MIN_COLUMN, panel_box(original, side)[0]),
        _SEVERAL_KERNELS_WIDTH if several else _KERNEL_WIDTH,
        max(_MIN_COLUMN, *(panel_box(panel, side)[0] for panel in panels)),
    )
    rows = [
        _plan_row(original, panel, side, widths, *result)
        for panel, result in zip(panels, results, strict=True)
    ]
    figure = page(sum(widths) + 3 * _TICKS_AND_BAR, sum(row.page_height for row in rows), title)
    heights = [row.height for row in rows]
    grid = figure.add_gridspec(len(rows), 3, width_ratios=widths, height_ratios=heights)
    drawn: list[DrawnImage] = []
    for number, row in enumerate(rows):
        first, second, third = row.titles
        drawn.append(_draw_image(figure, grid[number, 0], original, row.boxes[0], first))
        drawn += draw_kernels(figure, grid[number, 1], row.kernels, (widths[1], row.height), second)
        drawn.append(_draw_image(figure, grid[number, 2], row.result, row.boxes[2], third))
    finalize_layout(figure, drawn)
    return figure


def _plan_row(
    original: ImagePanel,
    panel: ImagePanel,
    side: float,
    widths: tuple[float, float, float],
    image_filter: Filter,
    filtered: Filtered,
) -> _ResultRow:
    """Choose the boxes of a row and wrap its titles to the widths of the columns."""
    group = kernel_heatmaps(image_filter.kernels, most=MAX_HEATMAPS)
    kernel_box = _SEVERAL_KERNELS_WIDTH, _SEVERAL_KERNELS_WIDTH
    if len(group.maps) == 1:
        kernel_box = fit_box(group.maps[0].values.shape, _KERNEL_WIDTH)
    boxes = panel_box(original, side), kernel_box, panel_box(panel, side)
    named = [kernel_title(image_filter.kernels[0])] * (len(image_filter.kernels) == 1)
    flipped = ["flipped (convolve)"] * (image_filter.conv.operation == "convolve")
    caption = result_title(image_filter, filtered, [size_text(panel.shape)])
    titles = (
        ["original", size_text(original.shape), *display_notes([original], boxes[0])],
        [*named, *flipped],
        [result_name(image_filter), caption, *display_notes([panel], boxes[2])],
    )
    first, second, third = (
        wrap("\n".join(lines), width, TITLE_POINTS)
        for lines, width in zip(titles, widths, strict=True)
    )
    return _ResultRow(panel, group, (first, second, third), boxes)


def _draw_image(
    figure: Figure, place: SubplotSpec, panel: ImagePanel, box: Box, title: str
) -> DrawnImage:
    axes = figure.add_subplot(place)
    axes.set_title(title)
    return draw_panel(axes, panel, box)
