"""The frames of a window that slides over an image or a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from convcli.core.plan import as_applied
from convcli.geometry import Geometry, Pads, Pair, size_text
from convcli.plotting.axes import (
    MAX_TICKED,
    WIDE,
    DrawnImage,
    clear_numbers,
    draw_cell_lines,
    finalize_layout,
    set_padded_ticks,
    widest_text,
)
from convcli.plotting.blit import EMPTY_COLOR, TEXT_SHARE, BlitCanvas, frame_page
from convcli.plotting.heatmap import (
    HeatmapGroup,
    applied_title,
    draw_kernels,
    kernel_heatmaps,
    kernel_title,
)
from convcli.plotting.image_panel import ImagePanel, draw_panel
from convcli.plotting.labels import cell_texts, line_count, wrap
from convcli.plotting.signal_plot import MAX_HEATMAPS
from convcli.plotting.style import PAGE_PAD, TITLE_POINTS, Box, fit_box
from convcli.plotting.window_marks import CELL_PIXELS, WindowMarks, hatch_padding, hatched_text
from convcli.teaching.animate.captions import captions, scene_title
from convcli.teaching.animate.sliding import SlidingWindow

# All in inches.
_CELL = 0.46  # side of a numbered cell where there is room
_SHORTEST, _LONGEST_NUMBERED = 1.4, 5.4  # longer side of an image
_LONGEST, _LONGEST_STRIP = 3.8, 6.08  # without numbers
_LONGEST_OF_SEVERAL = 1.9  # one of several feature maps
_KERNEL, _SEVERAL_KERNELS = 2.0, 3.0
_MIN_COLUMN = 2.2
_TICKS_AND_BAR = 1.15  # at the sides of an image
_TICKS, _BAR_BELOW = 0.6, 0.5  # above and below
_TITLE_LINE = 0.17

_TITLE_PAD_POINTS = 9.0  # leaves room for the number at the end of a color bar
_CLEAR_POINTS = 0.6  # of background around a number on hatching
_MAX_NUMBERED = 2 * MAX_TICKED  # cells with the padding


class ImageScene(BlitCanvas):
    """The frames of a window that slides over an image: padded input | kernel | feature maps.

    Attributes:
        input: the axes of the padded input, whose first padded cell is at 0, 0.
        maps: the axes of the feature map's channels.
    """

    def __init__(self, window: SlidingWindow, positions: Sequence[Pair], title: str) -> None:
        self._window, self._positions = window, positions
        self._revealed = int(np.ravel_multi_index(positions[0], window.output_shape))
        padded = ImagePanel(window.padded(), window.image.max_value)
        panels = [ImagePanel(plane, window.max_value) for plane in np.moveaxis(window.pixels, 2, 0)]
        operation = window.filter.conv.operation
        kernels = [
            kernel._replace(matrix=as_applied(kernel.matrix, operation))
            for kernel in window.filter.kernels
        ]
        group = kernel_heatmaps(kernels, most=MAX_HEATMAPS)
        self._numbered = max(window.image.shape) <= MAX_TICKED
        boxes = self._boxes(padded, panels, group)
        widths = [max(width, _MIN_COLUMN) for width, _ in boxes]
        page_width = sum(widths) + 3 * _TICKS_AND_BAR
        titles = self._titles(widths)
        texts = captions(window, positions, page_width - 4 * PAGE_PAD)
        height = _height(boxes, titles, len(panels))
        figure, caption = frame_page(page_width, height, scene_title(window, title), texts)
        grid = figure.add_gridspec(len(panels), 3, width_ratios=widths)
        self.input = figure.add_subplot(grid[:, 0])
        self.maps = [figure.add_subplot(grid[row, 2]) for row in range(len(panels))]
        (rows, columns), pads = window.image.shape, window.pads
        drawn = [self._draw(self.input, padded, boxes[0], titles[0])]
        set_padded_ticks(self.input.xaxis, columns, pads.left, pads.right, boxes[0][0])
        set_padded_ticks(self.input.yaxis, rows, pads.top, pads.bottom, boxes[0][1])
        hatch_padding(self.input, (rows, columns), pads)
        drawn += draw_kernels(figure, grid[:, 1], group, boxes[1], titles[1])
        for axes, panel, map_title in zip(self.maps, panels, titles[2:], strict=True):
            axes.set_facecolor(EMPTY_COLOR)
            drawn.append(self._draw(axes, panel, boxes[2], map_title))
        finalize_layout(figure, drawn)
        is_padding = ~np.pad(np.ones((rows, columns), bool), (pads[:2], pads[2:]))
        clear_numbers(self.input, is_padding, pad=_CLEAR_POINTS)
        geometries = dict.fromkeys(plan.geometry for plan in window.plans)
        marks = [WindowMarks(self.input, geometry, pads) for geometry in geometries]
        cell = Geometry(window.output_shape, (1, 1), Pads(0, 0, 0, 0), (1, 1), (1, 1), (0, 0))
        marks += [WindowMarks(axes, cell, cell.pads, pixels=CELL_PIXELS) for axes in self.maps]
        self._marks = marks
        results = [artist for axes in self.maps for artist in (*axes.images, *axes.texts)]
        moving = [artist for mark in marks for artist in mark.artists]
        super().__init__(figure, results, moving, caption, texts)

    def move(self, number: int) -> None:
        """Mark the window at one position, and reveal the results up to it."""
        super().move(number)
        at, columns = self._positions[number], self._window.output_shape[1]
        for mark in self._marks:
            mark.move(at)
        end = at[0] * columns + at[1] + 1
        while self._revealed < end:  # by rectangles: several whole rows, or a part of one
            top, left = divmod(self._revealed, columns)
            rest = end - self._revealed
            right = min(left + rest, columns)
            rows = max(rest // columns, 1) if left == 0 else 1
            for axes in self.maps:
                self.reveal(axes, (left - 0.5, top - 0.5, right - 0.5, top + rows - 0.5))
            self._revealed += rows * (right - left)

    def _boxes(
        self, padded: ImagePanel, panels: Sequence[ImagePanel], group: HeatmapGroup
    ) -> tuple[Box, Box, Box]:
        """Return the width and height of input, kernel and each feature map, of equal cells."""
        is_strip = max(padded.shape) >= WIDE * min(padded.shape)
        longest = _LONGEST_STRIP if is_strip else _LONGEST
        cell, shortest = longest / max(padded.shape), 0.0
        if self._numbered:
            cell, longest, shortest = _CELL, _LONGEST_NUMBERED, _SHORTEST
        input_box = fit_box(padded.shape, longest, cell=cell, shortest=shortest)
        cell = max(input_box) / max(padded.shape)
        kernel_box = _SEVERAL_KERNELS, _SEVERAL_KERNELS
        if len(group.maps) == 1:
            shape = group.maps[0].values.shape
            kernel_box = fit_box(shape, _KERNEL, cell=cell, shortest=_SHORTEST)
        longest = _LONGEST_OF_SEVERAL if len(panels) > 1 else _LONGEST_NUMBERED
        map_box = fit_box(panels[0].shape, longest, cell=cell, shortest=_SHORTEST)
        return input_box, kernel_box, map_box

    def _titles(self, widths: Sequence[float]) -> list[str]:
        """Return the titles of input, kernel and each feature map, wrapped to the columns."""
        window, kernels = self._window, self._window.filter.kernels
        padding = "no padding"
        if any(window.pads):
            padding = hatched_text(window.pads, window.plans[0].border)
        title = f"{window.filter.combine} of {len(kernels)} kernels"
        if len(kernels) == 1:
            title = kernel_title(kernels[0])
        size = size_text(window.output_shape)
        first, *others = (", ".join(filter(None, [name, size])) for name in window.channels)
        titles = [
            f"input {size_text(window.image.shape)}\n{padding}",
            applied_title(title, window.filter.conv.operation),
            f"feature map {first}",
            *others,
        ]
        return [
            wrap(title, TEXT_SHARE * width, TITLE_POINTS)
            for title, width in zip(titles, [*widths, *[widths[2]] * len(others)], strict=True)
        ]

    def _draw(self, axes: Axes, panel: ImagePanel, box: Box, title: str) -> DrawnImage:
        """Draw an image, with numbers if the input without its padding is small."""
        axes.set_title(title, pad=_TITLE_PAD_POINTS)
        drawn = draw_panel(axes, panel, box)
        fits = max(panel.shape) <= _MAX_NUMBERED
        if not (self._numbered and fits) or panel.pixels.ndim == 3:
            return replace(drawn, texts=())
        draw_cell_lines(axes, *panel.shape)
        texts = tuple(cell_texts(panel.pixels))
        return replace(drawn, texts=texts, widest=widest_text(texts))


def _height(boxes: tuple[Box, Box, Box], titles: Sequence[str], maps: int) -> float:
    """Return the height of a frame without its title and caption."""
    has_bar_below = any(width >= WIDE * height for width, height in boxes)
    margins = _TICKS + _TITLE_LINE * max(map(line_count, titles)) + _BAR_BELOW * has_bar_below
    (_, input_height), (_, kernel_height), (_, map_height) = boxes
    return max(input_height + margins, kernel_height + margins, maps * (map_height + margins))
