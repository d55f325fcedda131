"""The page of an image's scene: padded input | kernel | feature maps, and room for a caption."""

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from convcli.plotting.axes import MOST_TICKED, WIDE, DrawnImage, draw_cell_lines, finalize_layout
from convcli.plotting.heatmap import draw_kernels, tiles_of
from convcli.plotting.image_panel import ImagePanel, draw_raster
from convcli.plotting.style import HEADING_POINTS, TICK_POINTS, TITLE_POINTS
from convcli.plotting.text import cell_texts, text_width, wrap
from convcli.plotting.window_marks import hatch_padding
from convcli.teaching.animate.captions import (
    HINTED,
    applied_kernels,
    heading,
    kernels_title,
    padding_text,
)
from convcli.teaching.animate.page import AIR, EMPTY_COLOR, empty_frame
from convcli.teaching.animate.sliding import SlidingWindow

_CELL, _BOX, _NUMBERED_BOX, _LEAST_BOX = 0.46, 3.8, 5.4, 1.4  # inches
_SEVERAL_BOX = 1.9  # of one map among several
_LONG = 1.6  # how much longer a strip may be than the box
_THIN, _KERNEL, _COLUMN = 0.3, 2.0, 2.2
_PAD = 9.0  # points below a title, for the numbers at a bar's end
_MOST_NUMBERED = 2 * MOST_TICKED  # cells with the padding
_MOST_TILES = 16
_TICKS, _BAR, _BAR_BELOW, _LINE, _AROUND = 0.4, 0.75, 0.5, 0.17, 0.2

Sides = tuple[float, float]  # inches: width, height


class ImagePage:
    """A figure in the making, and its parts.

    Attributes:
        input: the axes of the padded input; its first padded cell is at 0, 0.
        maps: the axes of the feature map's channels.
        text_inches: the room for a line of the caption.
    """

    def __init__(self, slide: SlidingWindow, title: str) -> None:
        self._slide = slide
        self._before = ImagePanel(slide.padded(), slide.image.max_value)
        self._after = [
            ImagePanel(slide.pixels[..., channel], slide.max_value)
            for channel in range(slide.pixels.shape[2])
        ]
        self._tiles = tiles_of(applied_kernels(slide), most=_MOST_TILES)
        self._numbered = max(slide.image.shape) <= MOST_TICKED
        self._plan()
        width = sum(self._widths) + 3 * (_TICKS + _BAR)
        self._heading = wrap(heading(slide, title), HINTED * width - 0.5, HEADING_POINTS)
        self._titles = self._written_titles()
        self._width = width
        self.text_inches = width - 4 * AIR
        self.input: Axes
        self.maps: list[Axes]

    def draw(self, lines: int) -> tuple[Figure, Text]:
        """Draw all that stays, with room for so many lines below; return also their text."""
        figure, caption = empty_frame(self._width, self._height(), lines)
        figure.suptitle(self._heading)
        count = len(self._after)
        grid = figure.add_gridspec(count, 3, width_ratios=self._widths)
        self.input = figure.add_subplot(grid[:, 0])
        self.maps = [figure.add_subplot(grid[row, 2]) for row in range(count)]
        drawn = [self._draw_input()]
        drawn += draw_kernels(figure, grid[:, 1], self._tiles, self._sides[1], self._titles[1])
        drawn += map(self._draw_map, self.maps, self._after, self._titles[2:])
        finalize_layout(figure, drawn)
        self._clear_numbers()
        return figure, caption

    def _plan(self) -> None:
        """Choose the inches of every box, and of the columns."""
        rows, columns = self._before.rows, self._before.columns
        longest = max(rows, columns)
        if self._numbered:
            cell = min(max(_CELL, _LEAST_BOX / longest), _NUMBERED_BOX / longest)
        else:
            strip = longest >= WIDE * min(rows, columns)
            cell = _BOX * (_LONG if strip else 1.0) / longest
        after = self._after[0]
        longest = max(after.rows, after.columns)
        most = _SEVERAL_BOX if len(self._after) > 1 else _NUMBERED_BOX
        small = min(max(cell, _LEAST_BOX / longest), most / longest)
        self._sides = _sides(self._before, cell), self._kernel_sides(cell), _sides(after, small)
        self._widths = [max(width, _COLUMN) for width, _ in self._sides]

    def _kernel_sides(self, cell: float) -> Sides:
        if len(self._tiles.tiles) > 1:
            return 1.5 * _KERNEL, 1.5 * _KERNEL
        rows, columns = self._tiles.tiles[0].values.shape
        cell = min(max(cell, _LEAST_BOX / max(rows, columns)), _KERNEL / max(rows, columns))
        return columns * cell, max(rows * cell, _THIN)

    def _written_titles(self) -> list[str]:
        """Return what stands over input, kernel and each map."""
        slide = self._slide
        rows, columns = slide.image.shape
        size = "x".join(map(str, slide.output[::-1]))
        maps = [", ".join(filter(None, [name, size])) for name in slide.channels]
        maps[0] = f"feature map {maps[0]}"
        titles = [f"input {columns}x{rows}\n{padding_text(slide)}", kernels_title(slide), *maps]
        widths = [*self._widths, *[self._widths[2]] * (len(maps) - 1)]
        return [
            wrap(title, HINTED * width, TITLE_POINTS)
            for title, width in zip(titles, widths, strict=True)
        ]

    def _height(self) -> float:
        """Return the inches of all but the caption."""
        lines = max(title.count("\n") + 1 for title in self._titles)
        bars = _BAR_BELOW * any(width >= WIDE * height for width, height in self._sides)
        around = _AROUND + _TICKS + _LINE * lines + bars
        maps = len(self._after) * (self._sides[2][1] + around)
        highest = max(self._sides[0][1] + around, self._sides[1][1] + around, maps)
        return highest + 0.2 * (2 + self._heading.count("\n"))

    def _draw_input(self) -> DrawnImage:
        axes, before, pads = self.input, self._before, self._slide.pads
        rows, columns = self._slide.image.shape
        axes.set_title(self._titles[0], pad=_PAD)
        drawn = draw_raster(axes, before, self._sides[0])
        _set_ticks(axes.xaxis, columns, (pads.left, pads.right), self._sides[0][0], along=True)
        _set_ticks(axes.yaxis, rows, (pads.top, pads.bottom), self._sides[0][1], along=False)
        hatch_padding(axes, (rows, columns), pads)
        return self._with_numbers(axes, before, drawn)

    def _draw_map(self, axes: Axes, after: ImagePanel, title: str) -> DrawnImage:
        axes.set_title(title, pad=_PAD)
        axes.set_facecolor(EMPTY_COLOR)
        return self._with_numbers(axes, after, draw_raster(axes, after, self._sides[2]))

    def _with_numbers(self, axes: Axes, raster: ImagePanel, drawn: DrawnImage) -> DrawnImage:
        """Have the cells numbered where the input is small, however wide its padding."""
        fits = max(raster.rows, raster.columns) <= _MOST_NUMBERED
        if not (self._numbered and fits) or raster.pixels.ndim == 3:
            return replace(drawn, texts=())
        draw_cell_lines(axes, raster.rows, raster.columns)
        texts = tuple(cell_texts(raster.pixels))
        return replace(drawn, texts=texts, widest=max(text_width(text, 1.0) for text in texts))

    def _clear_numbers(self) -> None:
        """Keep the hatching from crossing the numbers, each on the color of its cell."""
        image, pads = self.input.images[0], self._slide.pads
        rows, columns = self._slide.image.shape
        colors = image.to_rgba(np.ma.asarray(image.get_array()))
        for text in self.input.texts:
            column, row = map(round, text.get_position())
            if not (0 <= row - pads.top < rows and 0 <= column - pads.left < columns):
                color = colors[row, column]
                text.set_bbox({"facecolor": color, "edgecolor": "none", "pad": 0.6})


def _sides(raster: ImagePanel, cell: float) -> Sides:
    return max(raster.columns * cell, _THIN), max(raster.rows * cell, _THIN)


def _set_ticks(axis: Axis, size: int, pads: tuple[int, int], inches: float, *, along: bool) -> None:
    """Number the cells of a padded axis as those of the input, from 0 on."""
    before, after = pads
    cells = before + size + after
    widest = text_width(f"-{cells}0", TICK_POINTS) if along else TICK_POINTS * 1.6 / 72
    places = list(range(-before, size + after))
    if size > MOST_TICKED or cells * widest > inches:
        most = max(1, min(5, int((size - 1) / cells * inches / widest)))
        locator = MaxNLocator(most, integer=True, steps=[1, 2, 5, 10])
        ticks = [round(tick) for tick in locator.tick_values(0, size - 1)]
        places = [tick for tick in ticks if 0 <= tick < size]
    axis.set_ticks([place + before for place in places], labels=[str(each) for each in places])
