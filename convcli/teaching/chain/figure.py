"""The figure of a chain: the input and each layer's maps, with arrows between them."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.spread import Spread
from convcli.plotting.style import figure_options, style_context, theme

# isort: split
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from convcli.choices import Scale as ScaleName
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.images.image import ImageData
from convcli.kernels.matrix_text import short_layer
from convcli.layers.base import Maps
from convcli.layers.network import Stage
from convcli.plotting.axes import (
    NUMBER_LINE,
    NUMBER_SHARE,
    DrawnImage,
    set_ticks,
    widest_text,
)
from convcli.plotting.image_panel import (
    Bar,
    ImagePanel,
    draw_pixels,
    number_notes,
    stretch_notes,
)
from convcli.plotting.labels import alpha_facts, missing_facts, text_width
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import Part, axes_at
from convcli.plotting.rows import Rows
from convcli.plotting.sample_scale import (
    input_scale,
    outer_limits,
    set_sample_ticks,
    unit_label,
)
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import draw_samples, limit_heights, signal_samples
from convcli.plotting.style import Box, fit_box
from convcli.plotting.window_marks import WINDOW_COLOR
from convcli.signals import SampleAxis
from convcli.teaching.chain.arrow_figure import arrow_part, has_numbers, steps_in_lines
from convcli.teaching.chain.blocks import (
    Block,
    Scale,
    first_block,
    group_bar,
    group_scale,
    group_texts,
    most_varied,
    next_block,
    unit_groups,
)
from convcli.teaching.chain.maps import chain_axis, input_maps

if TYPE_CHECKING:
    from convcli.core.missing import Missing

MAX_LAYERS = 99
CHAIN_PANELS = "input", "kernel", "result"

# Lengths in inches.
_SINGLE, _GRID, _TILE = 2.6, 3.7, 1.5  # longer sides: of a single map, of several, of each of them
_SIGNAL, _SIGNAL_HEIGHT = 3.2, 1.0
_CELL, _LARGEST_CELL = 0.42, 0.8  # sides of numbered cells
_NUMBERED = 5.2  # longer side of a block with numbers at most
_LEAST_BESIDE_NUMBERS = 0.5  # of the width of the widest map with numbers, for a single map
_LEAST_TILE, _BETWEEN = 0.25, 0.07
_WINDOW_CELL = 0.11  # side of the smallest cell on which windows are drawn
_MARGIN, _NUMBER_MARGIN = 0.2, 0.45  # beyond a signal, as shares of its range
_LEAST_SCALE = 0.4  # before anything is left out
_TITLE_LETTERS = 21  # that a line of a title has room for, at least
_LONGEST_TEXT = 80  # letters of a layer
_MOST_WINDOWS = 256
_MOST_NAMED = 9  # maps of a layer whose numbers its caption lists


class _LevelOfDetail(NamedTuple):
    """What a page shows, before anything is left out of it.

    Attributes:
        numbered: rows or columns of the largest maps with numbers.
        weights: whether kernels have numbers.
        ticks: whether rows and columns are numbered.
        extremes: whether captions name the least and the greatest value.
        labels: whether maps have numbers above them.
        maps: of each layer, at most.
        blocks: the number of blocks.
    """

    numbered: int
    weights: bool
    ticks: bool
    extremes: bool
    labels: bool
    maps: int
    blocks: int


class _TileGrid(NamedTuple):
    """The maps of a block as tiles in rows; lengths are in inches.

    Attributes:
        maps: the places of those that are drawn.
        across: tiles side by side.
        tile: the width and height of each.
        labels: of the maps, drawn if there is room for them.
        above: room for a label above each tile.
        below: room for ticks below each.
    """

    maps: Sequence[int]
    across: int
    tile: Box
    labels: Sequence[str]
    above: float
    below: float

    @property
    def box(self) -> Box:
        """The width and height of all tiles."""
        down = math.ceil(len(self.maps) / self.across)
        return (
            self.across * (self.tile[0] + _BETWEEN) - _BETWEEN,
            down * self._step_down - _BETWEEN,
        )

    @property
    def _step_down(self) -> float:
        return self.tile[1] + self.above + _BETWEEN + self.below

    def corner(self, number: int, left: float, top: float) -> tuple[float, float]:
        """Return the upper left corner of a tile, counted from 0, in a grid at a place."""
        row, column = divmod(number, self.across)
        return left + column * (self.tile[0] + _BETWEEN), top + row * self._step_down + self.above


class ChainPlot:
    """The figure of a chain, which takes each layer's maps as they are computed.

    Args:
        image: the input of the first layer.
        stages: the layers.
        texts: of the layers, as they were typed; None for their labels.
        scale: ``common``: layers that keep units share one color scale; ``own``: each map has one.
        options: how the figure looks.
        missing: which pixels are missing; None for none. Plain numbers are drawn as NaN there.

    Raises:
        UsageError: there are more than 99 layers, or an option has no meaning.
    """

    def __init__(
        self,
        image: ImageData,
        stages: Sequence[Stage],
        *,
        texts: Sequence[str] | None = None,
        scale: ScaleName = "common",
        options: FigureOptions | None = None,
        missing: Missing | None = None,
    ) -> None:
        if len(stages) > MAX_LAYERS:
            raise UsageError(f"a figure shows 1 to {MAX_LAYERS} layers, not {len(stages)}")
        self._options = options or FigureOptions()
        check_options(self._options, len(stages))
        self._scale = scale
        self._axes = [chain_axis(stages[:number], image) for number in range(len(stages) + 1)]
        self._stages = stages
        self._texts = list(map(short_layer, texts or [stage.layer.label for stage in stages]))
        self._facts = [] if missing is None else missing_facts(missing)
        self._facts += alpha_facts(image, "drop")
        pixels = input_maps(image, missing if image.depth is None else None)
        with style_context(self._options):
            block = first_block(pixels, image.max_value)
            self._blocks = [block._replace(axis=self._axes[0])]

    def add(self, stage: Stage, maps: Maps, error_scale: float = 0.0) -> None:
        """Take the maps of the next layer, reduced to the page.

        Args:
            stage: the layer.
            maps: (H, W, C), which are not needed afterwards.
            error_scale: from :func:`convcli.teaching.chain.maps.error_scale`.
        """
        text = self._texts[stage.number - 1]
        text = text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
        title = f"{stage.number}  {text}"
        with style_context(self._options):
            block = next_block(
                self._blocks[-1], title, stage.layer, stage.plan.geometry, maps, error_scale
            )
            self._blocks.append(block._replace(axis=self._axes[stage.number]))

    def draw(self, title: str = "") -> NotebookFigure:
        """Draw what was taken, below a heading such as the image's name."""
        with style_context(self._options):
            blocks = self._blocks
            if self._options.titles is not None:
                named = zip(blocks, self._options.titles, strict=True)
                blocks = [block._replace(title=text, facts=None) for block, text in named]
            if self._options.panels is not None and "input" not in self._options.panels:
                blocks = blocks[1:]
            return _ChainPage(blocks, self._scale, title, self._facts).draw()


def check_options(options: FigureOptions, layers: int) -> None:
    """Raise UsageError if options have no meaning in the figure of this many layers."""
    if options.layout == "grid":
        raise UsageError("layout grid: the layers of a chain follow each other; row or column")
    for panel in options.panels or ():
        if panel not in CHAIN_PANELS:
            raise UsageError(
                f"panels: a chain has no panel {panel}; choose from {', '.join(CHAIN_PANELS)}"
            )
    if options.panels is not None and "result" not in options.panels:
        raise UsageError("panels: name result, the layers' maps, or there is nothing to draw")
    options.check_titles(layers + 1, one="the input and each layer")


class _ChainPage:
    """Blocks and arrows in rows, as a theme's page holds them."""

    def __init__(
        self, blocks: Sequence[Block], scale: ScaleName, title: str, facts: Sequence[str]
    ) -> None:
        self._blocks, self._title, self._facts = blocks, title, facts
        self._is_common = scale == "common"
        self._texts: list[list[tuple[str, ...]]] = []
        self._scales: list[Scale] = []
        self._bars: list[Bar | None] = []
        self._is_shared = False
        for group in unit_groups(blocks):
            self._texts += group_texts(group)
            scale_of_all = group_scale(group)
            self._scales += [scale_of_all] * len(group)
            self._bars += [group_bar(group, scale_of_all), *[None] * (len(group) - 1)]
            self._is_shared |= len(group) > 1
        self._orders = most_varied(blocks)
        self._widest = widest_text([t for texts in self._texts for each in texts for t in each])
        height = theme().number * NUMBER_LINE / 72 * 1.01
        self._cell = max(self._widest * theme().number / NUMBER_SHARE * 1.01, height)
        # Cells of numbers may be flat on a page that is wider than high.
        self._cell_height = height if theme().is_fixed else self._cell

    def draw(self) -> NotebookFigure:
        """Draw with as much detail as the page holds."""
        plans = [
            PagePlan(partial(self._rows, detail), self._left_out(detail))
            for detail in self._levels_of_detail()
        ]
        facts = [*self._facts]
        if figure_options().limits is None:
            facts += self._scale_facts()
        return compose(plans, title=self._title, facts=", ".join(facts), least=_LEAST_SCALE)

    def _scale_facts(self) -> Iterator[str]:
        """Yield words on which maps share a scale, and on the values beyond its ends."""
        is_pointed = any(scale.extend != "neither" for scale in self._scales)
        if not self._is_common:
            beyond = ", beyond which up to 4 % of its values may lie" * is_pointed
            yield f"each map has its own scale{beyond}"
            return
        if self._is_shared:
            yield "layers of one unit share a scale"
        if is_pointed:
            scale = "the pointed bar" if figure_options().bars else "a scale"
            yield f"up to 4 % of a layer's values lie beyond {scale}"

    def _levels_of_detail(self) -> Iterator[_LevelOfDetail]:
        """Yield less and less detail: without ticks, numbers, maps, at last without layers."""
        sizes = {max(block.size) for block in self._blocks if block.is_numbered}
        sizes |= {1} if any(block.is_signal for block in self._blocks) else set()
        too_large = min((size for size in sizes if not self._has_room(size)), default=math.inf)
        numbered = sorted((size for size in sizes if size < too_large), reverse=True)
        detail = _LevelOfDetail(
            next(iter(numbered), 0),
            True,
            figure_options().axes,
            True,
            True,
            max(len(block.panels) for block in self._blocks),
            len(self._blocks),
        )
        for size, weights in [*((size, True) for size in [*numbered, 0]), (0, False)]:
            detail = detail._replace(numbered=size, weights=weights)
            for ticks, extremes in ((figure_options().axes, True), (False, True), (False, False)):
                detail = detail._replace(ticks=ticks, extremes=extremes)
                yield detail
        detail = detail._replace(labels=False)
        yield detail
        for most in (36, 16, 9, 4, 1):
            if most < detail.maps:
                detail = detail._replace(maps=most)
                yield detail
        while detail.blocks > 1:
            detail = detail._replace(blocks=detail.blocks - 1)
            yield detail

    def _has_room(self, size: int) -> bool:
        """Return whether all maps of this many rows or columns are not too large with numbers."""
        counts = [len(block.panels) for block in self._blocks if max(block.size) == size]
        across = max((math.ceil(math.sqrt(count)) for count in counts), default=1)
        longest = across * size * self._cell
        return longest <= min(_NUMBERED * theme().number / 9, theme().width - 1)

    def _left_out(self, detail: _LevelOfDetail) -> list[str]:
        """Return the names of what is left out."""
        names = []
        sizes = {max(block.size) for block in self._blocks if block.is_numbered}
        if any(size > detail.numbered for size in sizes):
            size = f"{detail.numbered}x{detail.numbered}"
            names.append(f"numbers over {size}" if detail.numbered else NO_ROOM_FOR_NUMBERS)
        kernels = (block.kernels for block in self._blocks[1 : detail.blocks])
        if not detail.weights and not names and any(map(has_numbers, kernels)):
            names.append("numbers in kernels")
        if figure_options().axes and not detail.ticks:
            names.append("tick labels")
        if not detail.extremes and any(block.facts for block in self._blocks):
            names.append("extremes")
        shown = self._blocks[: detail.blocks]
        if any(len(block.panels) > detail.maps or block.channels for block in shown):
            names.append("maps that vary least")
        if (left_out := len(self._blocks) - detail.blocks) > 0:
            names.append(f"the last {left_out} of {len(self._blocks) - 1} layers")
        return names

    def _rows(self, detail: _LevelOfDetail, scale: float) -> Rows:
        """Return the blocks and arrows in lines that fit the page."""
        is_column = figure_options().layout == "column"
        panels = figure_options().panels
        steps: list[list[Part]] = []
        for number in range(detail.blocks):
            step = [self._block_part(number, detail, scale)]
            if number:
                block = self._blocks[number]
                kernels = block.kernels if panels is None or "kernel" in panels else ()
                step.insert(0, arrow_part(kernels, scale, numbered=detail.weights, down=is_column))
            steps.append(step)
        return [[part] for step in steps for part in step] if is_column else steps_in_lines(steps)

    def _tile(self, number: int, detail: _LevelOfDetail, scale: float) -> tuple[int, Box]:
        """Return how many maps of a block are side by side, and the width and height of each."""
        block = self._blocks[number]
        count = min(len(block.panels), detail.maps)
        if block.is_signal:
            least = (5 if detail.numbered else 2.5) * theme().line
            return 1, (_SIGNAL * max(scale, 0.7), max(_SIGNAL_HEIGHT * scale, least))
        across = 3 if count == 3 else math.ceil(math.sqrt(count))
        if block.size[1] > 2 * block.size[0]:
            across = max(across // 2, 1)
        if block.is_numbered and max(block.size) <= detail.numbered:
            side = min(_CELL * scale, _LARGEST_CELL)
            width, height = max(self._cell, side), max(self._cell_height, side)
            return across, (block.size[1] * width, block.size[0] * height)
        if len(block.panels) == 1:
            cell = math.inf if not block.is_numbered else _LARGEST_CELL * scale
            longest = max(_SINGLE * scale, _LEAST_BESIDE_NUMBERS * self._numbered_width(detail))
            return 1, fit_box(block.size, longest, cell=cell)
        longest = max(min(_GRID / across, _TILE) * scale - _BETWEEN, _LEAST_TILE)
        return across, fit_box(block.size, longest, thinnest=0.08)

    def _numbered_width(self, detail: _LevelOfDetail) -> float:
        """Return the least width of the widest map with numbers, 0 without."""
        columns = [
            b.size[1] for b in self._blocks if b.is_numbered and max(b.size) <= detail.numbered
        ]
        return max(columns, default=0) * self._cell

    def _block_part(self, number: int, detail: _LevelOfDetail, scale: float) -> Part:
        """Return one block as a part: its maps, with ticks or numbers, and its color bar."""
        block, look = self._blocks[number], theme()
        grid = self._tile_grid(number, detail, scale)
        count, box = len(grid.maps), grid.box
        ticks = detail.ticks and count == 1
        inner_left = text_width("-0.000", look.text) + look.line + 0.1 if block.is_signal else 0.0
        bar = self._bars[number] if self._is_common and not block.is_signal else None
        is_below = box[0] >= theme().bar_below * box[1]
        beside = bar.space(below=is_below) if bar is not None else 0.0
        digits = text_width("0" * len(str(block.size[0])), look.text) + 0.08
        overhang = bar.overhang if bar is not None and is_below else 0.0
        left = max(inner_left * detail.ticks, digits * ticks, overhang)
        last_label = text_width("0" * len(str(block.size[1])), look.text) / 2
        right = max(overhang if is_below else beside, last_label * ticks)
        notes = [block.caption(grid.maps, extremes=detail.extremes)]
        if block.facts is not None and count > 1 and not grid.above:
            names = ", ".join(block.names[place] for place in grid.maps)
            order = "red, green, blue" if block.has_colors else "counted row by row"
            if count > _MOST_NAMED:
                names = f"{block.names[grid.maps[0]]} to {block.names[grid.maps[-1]]}, in order"
            notes.append(f"maps {names}" if count < block.map_count else order)
        if not block.is_signal:
            is_numbered = block.is_numbered and max(block.size) <= detail.numbered
            notes += [] if is_numbered else stretch_notes(block.size, grid.tile)
            notes += number_notes(block.panels)
        if bar is not None:
            notes.append(bar.note(box))
        windows = self._windows(number, grid.tile, detail)
        if windows:
            layer = self._blocks[number + 1].title.partition("  ")[2]
            notes.append(f"green: {windows} of {layer}")
        return Part(
            partial(
                self._draw_block, number=number, grid=grid, detail=detail, ticks=ticks, bar=bar,
                has_windows=bool(windows),
            ),
            box,
            block.title,
            "\n".join(filter(None, notes)),
            left=left,
            right=right,
            below=(look.line + 0.08) * (ticks and not block.is_signal)
            + look.line * (detail.ticks and block.is_signal)
            + beside * is_below,
            letters=_TITLE_LETTERS,
        )  # fmt: skip

    def _tile_grid(self, number: int, detail: _LevelOfDetail, scale: float) -> _TileGrid:
        """Return the maps of a block that are drawn, side by side and in rows."""
        block, look = self._blocks[number], theme()
        maps = sorted(self._orders[number][: detail.maps])
        across, tile = self._tile(number, detail, scale)

        def fit(labels: Sequence[str]) -> bool:
            return max(text_width(label, look.text) for label in labels) <= tile[0] + 0.5 * _BETWEEN

        names, labels = [block.names[place] for place in maps], block.labels(maps)
        has_labels = detail.labels and len(maps) > 1 and fit(names) and tile[1] >= 1.5 * look.line
        below = (look.line + 0.08) * (block.is_signal and detail.ticks)
        above = look.line * has_labels
        return _TileGrid(maps, across, tile, labels if fit(labels) else names, above, below)

    def _windows(self, number: int, each: Box, detail: _LevelOfDetail) -> str:
        """Return a word for the windows of the next layer that are drawn on a block, if any."""
        if number + 1 >= detail.blocks or (geometry := self._blocks[number + 1].windows) is None:
            return ""
        block = self._blocks[number]
        if block.is_signal or min(each[0] / block.size[1], each[1] / block.size[0]) < _WINDOW_CELL:
            return ""
        overlaps = any(s < w for s, w in zip(geometry.stride, geometry.kernel, strict=True))
        return "the first two windows" if overlaps else "windows"

    def _draw_block(
        self,
        figure: Figure,
        left: float,
        top: float,
        *,
        number: int,
        grid: _TileGrid,
        detail: _LevelOfDetail,
        ticks: bool,
        bar: Bar | None,
        has_windows: bool,
    ) -> list[DrawnImage]:
        block, drawn = self._blocks[number], []
        scale = self._scales[number]
        numbered = block.is_numbered and max(block.size) <= detail.numbered
        for count, place in enumerate(grid.maps, 1):
            panel = block.panels[place]
            axes = axes_at(figure, *grid.corner(count - 1, left, top), grid.tile)
            if grid.above:
                axes.set_title(grid.labels[count - 1], fontsize=theme().text, pad=2)
            if block.is_signal:
                ends = (scale.low, scale.high) if self._is_common else None
                _draw_signal(axes, panel, grid.tile, ends, detail, block.axis)
                axes.set_ylabel(unit_label(block.white) * detail.ticks)
                if count < len(grid.maps):
                    axes.set_xlabel("")
                continue
            ends = scale.low, scale.high
            if not self._is_common and panel.pixels.ndim == 2 and not figure_options().limits:
                ends = Scale.of([Spread.of(panel.pixels)])[:2]
            image = draw_pixels(axes, panel, grid.tile, ends)
            set_ticks(axes, *panel.shape, inches=grid.tile if ticks else None)
            if not figure_options().axes:
                axes.set_frame_on(False)
            if has_windows:
                _outline_windows(axes, self._blocks[number + 1])
            texts = self._texts[number][place] if numbered else ()
            drawn.append(DrawnImage(image.image, panel.shape, texts, self._widest))
        if bar is not None:
            bar.draw(figure, left, top, grid.box, tick_lines=int(ticks))
        return drawn


def _draw_signal(
    axes: Axes,
    panel: ImagePanel,
    inches: Box,
    ends: tuple[float, float] | None,
    detail: _LevelOfDetail,
    axis: SampleAxis | None,
) -> None:
    """Draw a map of one row or one column as stems or as a line."""
    samples = signal_samples(panel.pixels)
    scale = input_scale(axis)
    draw_samples(axes, scale.numbers.positions(len(samples)), samples, inches=inches[0])
    ends_of_x = outer_limits([(scale.numbers, len(samples))])
    set_sample_ticks(axes, ends_of_x, inches[0], scale.numbers)
    if figure_options().axes:
        axes.set_xlabel(scale.label)
    for text in list(axes.texts):
        if not detail.numbered:
            text.remove()
    if limits := figure_options().limits:
        limit_heights(axes, limits)
    elif ends is not None:
        low, high = min(ends[0], 0.0), max(ends[1], 0.0)
        margin = (_NUMBER_MARGIN if axes.texts else _MARGIN) * (high - low)
        axes.set_ylim(low - margin, high + margin)
    if not detail.ticks:
        axes.set(xticks=[], yticks=[], xlabel="")


def _outline_windows(axes: Axes, pool: Block) -> None:
    """Outline the windows of a pool, or the first two where they overlap."""
    geometry = pool.windows
    assert geometry is not None  # noqa: S101 - the caller has checked
    (rows, columns), (down, right) = geometry.extent, geometry.stride
    top, left = geometry.pads.top, geometry.pads.left
    places = [
        (row * down - top, column * right - left)
        for row in range(geometry.output_shape[0])
        for column in range(geometry.output_shape[1])
    ]
    is_overlapping = down < rows or right < columns
    places = places[: 2 if is_overlapping else _MOST_WINDOWS]
    boxes = [Rectangle((x - 0.5, y - 0.5), columns, rows) for y, x in places]
    style: dict[str, Any] = {"facecolor": "none", "edgecolor": WINDOW_COLOR, "linewidth": 1.8}
    if is_overlapping:
        style["linestyle"] = ["solid", (0, (3, 2))]
    limits = axes.get_xlim(), axes.get_ylim()
    axes.add_collection(PatchCollection(boxes, zorder=3, **style))
    axes.set(xlim=limits[0], ylim=limits[1])
