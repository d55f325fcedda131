"""The scene of an image: the window moves over the padded input, and the feature maps appear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.ticker import MaxNLocator

from convcli.geometry import Pair, size_text
from convcli.plotting.axes import (
    MOST_TICKED,
    TICK_LINE,
    WIDE,
    DrawnImage,
    clear_numbers,
    draw_cell_lines,
    finalize_layout,
    widest_text,
)
from convcli.plotting.blit import EMPTY_COLOR, TEXT_SHARE, BlitCanvas, frame_page
from convcli.plotting.heatmap import HeatmapGroup, draw_kernels, kernel_heatmaps
from convcli.plotting.image_panel import ImagePanel, draw_panel
from convcli.plotting.style import PAGE_PAD, TICK_POINTS, TITLE_POINTS, Box, fit_box
from convcli.plotting.text import cell_texts, text_width, wrap
from convcli.plotting.window_marks import CellMark, WindowMarks, hatch_padding
from convcli.teaching.animate.captions import (
    applied_kernels,
    captions,
    kernels_title,
    line_count,
    padding_text,
    scene_title,
)
from convcli.teaching.animate.sliding import SlidingWindow

# All in inches.
_CELL = 0.46  # side of a numbered cell where there is room
_SHORTEST, _LONGEST_NUMBERED = 1.4, 5.4  # longer side of an image
_LONGEST, _LONGEST_STRIP = 3.8, 6.08  # without numbers
_LONGEST_OF_SEVERAL = 1.9  # one of several feature maps
_KERNEL, _SEVERAL_KERNELS = 2.0, 3.0
_LEAST_COLUMN = 2.2
_TICKS_AND_BAR = 1.15  # at the sides of an image
_TICKS, _BAR_BELOW = 0.6, 0.5  # above and below
_TITLE_LINE = 0.17

_TITLE_PAD_POINTS = 9.0  # leaves room for the number at the end of a color bar
_CLEAR_POINTS = 0.6  # of background around a number on hatching
_MOST_NUMBERED = 2 * MOST_TICKED  # cells with the padding
_MOST_HEATMAPS = 16


class ImageScene(BlitCanvas):
    """The frames of a window that slides over an image: padded input | kernel | feature maps.

    Attributes:
        input: the axes of the padded input, whose first padded cell is at 0, 0.
        maps: the axes of the feature map's channels.
    """

    def __init__(self, window: SlidingWindow, positions: Sequence[Pair], title: str) -> None:
        self._window, self._positions = window, positions
        self._revealed = self._number_of(positions[0])
        padded = ImagePanel(window.padded(), window.image.max_value)
        panels = [ImagePanel(plane, window.max_value) for plane in np.moveaxis(window.pixels, 2, 0)]
        group = kernel_heatmaps(applied_kernels(window), most=_MOST_HEATMAPS)
        self._numbered = max(window.image.shape) <= MOST_TICKED
        boxes = self._boxes(padded, panels, group)
        widths = [max(width, _LEAST_COLUMN) for width, _ in boxes]
        page_width = sum(widths) + 3 * _TICKS_AND_BAR
        titles = self._titles(widths)
        self._captions = captions(window, positions, page_width - 4 * PAGE_PAD)
        figure, self._caption = frame_page(
            page_width,
            _height(boxes, titles, len(panels)),
            scene_title(window, title),
            max(map(line_count, self._captions)),
        )
        grid = figure.add_gridspec(len(panels), 3, width_ratios=widths)
        self.input = figure.add_subplot(grid[:, 0])
        self.maps = [figure.add_subplot(grid[row, 2]) for row in range(len(panels))]
        drawn = [self._draw_input(padded, boxes[0], titles[0])]
        drawn += draw_kernels(figure, grid[:, 1], group, boxes[1], titles[1])
        for axes, panel, map_title in zip(self.maps, panels, titles[2:], strict=True):
            axes.set_title(map_title, pad=_TITLE_PAD_POINTS)
            axes.set_facecolor(EMPTY_COLOR)
            drawn.append(self._with_numbers(axes, panel, draw_panel(axes, panel, boxes[2])))
        finalize_layout(figure, drawn)
        is_input = np.ones(window.image.shape, bool)
        pads = window.pads
        is_padding = ~np.pad(is_input, (pads[:2], pads[2:]))
        clear_numbers(self.input, is_padding, pad=_CLEAR_POINTS)
        geometries = dict.fromkeys(plan.geometry for plan in window.plans)
        marks = [WindowMarks(self.input, geometry, pads) for geometry in geometries]
        self._marks: list[WindowMarks | CellMark] = [*marks, *map(CellMark, self.maps)]
        results = [artist for axes in self.maps for artist in (*axes.images, *axes.texts)]
        moving = chain.from_iterable(mark.artists for mark in self._marks)
        super().__init__(figure, results, [*moving, self._caption], len(positions))

    def move(self, number: int) -> None:
        """Mark the window at one position, and reveal the results up to it."""
        at = self._positions[number]
        for mark in self._marks:
            mark.move(at)
        self._caption.set_text(self._captions[number])
        end = self._number_of(at) + 1
        for top, left, bottom, right in _rectangles(
            self._revealed, end, self._window.output_shape[1]
        ):
            for axes in self.maps:
                self.reveal(axes, (left - 0.5, top - 0.5, right - 0.5, bottom - 0.5))
        self._revealed = end

    def _number_of(self, at: Pair) -> int:
        """Return a position's number in reading order."""
        return at[0] * self._window.output_shape[1] + at[1]

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
        if len(group.maps) > 1:
            kernel_box = _SEVERAL_KERNELS, _SEVERAL_KERNELS
        else:
            shape = group.maps[0].values.shape
            kernel_box = fit_box(shape, _KERNEL, cell=cell, shortest=_SHORTEST)
        longest = _LONGEST_OF_SEVERAL if len(panels) > 1 else _LONGEST_NUMBERED
        map_box = fit_box(panels[0].shape, longest, cell=cell, shortest=_SHORTEST)
        return input_box, kernel_box, map_box

    def _titles(self, widths: Sequence[float]) -> list[str]:
        """Return the titles of input, kernel and each feature map, wrapped to the columns."""
        window = self._window
        size = size_text(window.output_shape)
        maps = [", ".join(filter(None, [name, size])) for name in window.channels]
        maps[0] = f"feature map {maps[0]}"
        input_title = f"input {size_text(window.image.shape)}\n{padding_text(window)}"
        titles = [input_title, kernels_title(window), *maps]
        column_widths = [*widths[:2], *[widths[2]] * len(maps)]
        return [
            wrap(title, TEXT_SHARE * width, TITLE_POINTS)
            for title, width in zip(titles, column_widths, strict=True)
        ]

    def _draw_input(self, padded: ImagePanel, box: Box, title: str) -> DrawnImage:
        axes, pads, shape = self.input, self._window.pads, self._window.image.shape
        axes.set_title(title, pad=_TITLE_PAD_POINTS)
        drawn = draw_panel(axes, padded, box)
        _set_ticks(axes.xaxis, shape[1], pads.left, pads.right, box[0])
        _set_ticks(axes.yaxis, shape[0], pads.top, pads.bottom, box[1])
        hatch_padding(axes, shape, pads)
        return self._with_numbers(axes, padded, drawn)

    def _with_numbers(self, axes: Axes, panel: ImagePanel, drawn: DrawnImage) -> DrawnImage:
        """Number the cells if the input without its padding is small, however wide the padding."""
        fits = max(panel.shape) <= _MOST_NUMBERED
        if not (self._numbered and fits) or panel.pixels.ndim == 3:
            return replace(drawn, texts=())
        draw_cell_lines(axes, *panel.shape)
        texts = tuple(cell_texts(panel.pixels))
        return replace(drawn, texts=texts, widest=widest_text(texts))


def _height(boxes: tuple[Box, Box, Box], titles: Sequence[str], maps: int) -> float:
    """Return the height of a frame without its title and caption."""
    has_bar_below = any(width >= WIDE * height for width, height in boxes)
    around = _TICKS + _TITLE_LINE * max(map(line_count, titles)) + _BAR_BELOW * has_bar_below
    (_, input_height), (_, kernel_height), (_, map_height) = boxes
    return max(input_height + around, kernel_height + around, maps * (map_height + around))


def _set_ticks(axis: Axis, size: int, before: int, after: int, inches: float) -> None:
    """Number the cells of a padded axis as those of the input, from 0 on."""
    cells = before + size + after
    is_x = isinstance(axis, XAxis)
    widest = text_width(f"-{cells}0", TICK_POINTS) if is_x else TICK_LINE
    places = list(range(-before, size + after))
    if size > MOST_TICKED or cells * widest > inches:
        steps = max(1, min(5, int((size - 1) / cells * inches / widest)))
        locator = MaxNLocator(steps, integer=True, steps=[1, 2, 5, 10])
        ticks = [round(tick) for tick in locator.tick_values(0, size - 1)]
        places = [tick for tick in ticks if 0 <= tick < size]
    axis.set_ticks([place + before for place in places], labels=[str(place) for place in places])


def _rectangles(start: int, stop: int, columns: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield rectangles (top, left, bottom, right) that cover cells ``start`` to ``stop``.

    >>> list(_rectangles(1, 8, 3))
    [(0, 1, 1, 3), (1, 0, 2, 3), (2, 0, 3, 2)]
    """
    while start < stop:
        row, left = divmod(start, columns)
        rows = (stop - start) // columns if left == 0 else 0
        if rows:
            yield row, 0, row + rows, columns
            start += rows * columns
        else:
            right = min(columns, left + stop - start)
            yield row, left, row + 1, right
            start += right - left
