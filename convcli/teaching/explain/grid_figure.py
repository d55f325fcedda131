"""Window, kernel and products side by side, as a part of a page."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.axes import (
    MAX_TICKED,
    NUMBER_LINE,
    NUMBER_SHARE,
    DrawnImage,
    clear_cells,
    draw_cell_lines,
    number_points,
    number_texts,
    widest_text,
)
from convcli.plotting.heatmap import Heatmap, HeatmapGroup, draw_values, symmetric_limit
from convcli.plotting.image_panel import Bar, ImagePanel, common_range, draw_pixels, value_bar
from convcli.plotting.labels import format_short, text_width
from convcli.plotting.part import Part, PartOf, axes_at
from convcli.plotting.style import NAN_COLOR, THINNEST, Box, figure_options, fit_box, theme
from convcli.plotting.window_marks import PAD_COLOR, PAD_HATCH

# isort: split
import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convcli.core.padding import OUTSIDE, border_at
from convcli.geometry import Pair
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.computation import Computation, Grid, Response, Sum

Kind = Literal["window", "kernel", "products"]

MISSING_NOTE, FILLED_NOTE = f"{NAN_COLOR}: missing", f"{NAN_COLOR} outlines: missing, as the anchor"

_CELL, _CELL_OF_SEVERAL = 5.0, 3.6  # sides of cells with numbers, in sizes of the smallest text
_LONGEST = 2.6  # inches; of a grid without numbers
LARGE_DIGITS = 4  # of the largest number on a slide
_TICK, _SIGN_GAP = 0.08, 0.08  # inches: a tick with its gap; around a sign


class Term(NamedTuple):
    """One sum with what it is a part of."""

    response: Response
    part: Sum
    channel: str

    @property
    def window(self) -> tuple[Any, ...]:
        """What tells one window from another."""
        response, part = self.response, self.part
        return self.channel, response.rows, response.columns, part.missing, part.left_out


def terms_of(explanation: Computation) -> Iterator[Term]:
    """Yield the sums, channel by channel and kernel by kernel."""
    for output in explanation.outputs:
        for response in output.responses:
            for part in response.sums:
                yield Term(response, part, output.channel or part.channel)


def sum_text(total: float) -> str:
    """Write a sum in up to six digits, after ~ if there are more; a whole one in up to ten."""
    text = format_short(total, 10 if float(total).is_integer() else 6)
    return f"~ {text}" if math.isfinite(total) and float(text) != total else text


class GridPicture(NamedTuple):
    """A grid of numbers: what it is, its name, and the numbers.

    ``hue`` is the channel of a photo whose window it is: red, green or blue. ``texts`` are the
    numbers as they are written, row by row; None for the usual digits.
    """

    kind: Kind
    name: str
    values: Grid
    hue: str = ""
    texts: tuple[str, ...] | None = None


class Places(NamedTuple):
    """Where the numbers of a window stand in the input, and how they are drawn.

    Attributes:
        rows: the input's row under each row of the kernel, and what it copies, as tick labels.
        columns: likewise.
        padding: which numbers are padding.
        steps: rows and columns from one number to the next, for the gaps of a dilation.
        caption: what hatching, brackets and outlines mean.
        filled: which numbers stand for missing ones.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    padding: NDArray[np.bool_]
    steps: Pair
    caption: str
    filled: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, explanation: Computation, term: Term) -> Places:
        """Return the places of the window of a sum."""
        response, part = term.response, term.part
        rows, columns = (
            _labels(places, size, explanation.border, separator)
            for places, size, separator in zip(
                (response.rows, response.columns), explanation.input_shape, (" ", "\n"), strict=True
            )
        )
        padding = np.array(response.padding)
        steps, lack = _steps(padding.shape, explanation.dilation)
        notes = []
        if padding.any():
            fill = f" {format_number(explanation.fill)}" * (explanation.border == "constant")
            note = f"hatched: padding ({explanation.border}{fill})"
            if any("(" in label for label in (*rows, *columns)):
                note += ", a copy of (n)"
            notes.append(note)
        left_out, filled = np.array(part.left_out), np.array(part.filled)
        notes += [MISSING_NOTE] * bool(left_out.any())
        notes += [FILLED_NOTE] * bool(filled.any())
        notes += [lack] * bool(lack)
        return cls(rows, columns, padding, steps, "\n".join(notes), filled)

    @classmethod
    def moving(cls, shape: Pair, dilation: Pair) -> Places:
        """Return the places of a window that moves: without numbers of rows and columns."""
        padding = np.zeros(shape, bool)
        return cls((), (), padding, *_steps(shape, dilation))

    def spread(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return values with gaps between them, which hold 0, and which cells are gaps."""
        (down, right), (rows, columns) = self.steps, values.shape
        shape = (rows - 1) * down + 1, (columns - 1) * right + 1
        wide, gaps = np.zeros(shape, values.dtype), np.ones(shape, bool)
        wide[::down, ::right], gaps[::down, ::right] = values, False
        return wide, gaps


def _steps(shape: Pair, dilation: Pair) -> tuple[Pair, str]:
    """Return the steps from one number to the next, and a word if gaps are left out."""
    extents = [(taps - 1) * step + 1 for taps, step in zip(shape, dilation, strict=True)]
    if dilation == (1, 1) or max(extents) <= MAX_TICKED:
        return dilation, ""
    return (1, 1), "without the gaps of the dilation"


class Scales(NamedTuple):
    """The colors that all windows, all kernels and all products of a figure share.

    Attributes:
        window: the values at the ends.
        max_value: the pixel that is white; None for plain numbers.
        kernel: weights.
        products: pixels times weights.
        widest: inches at 1 point of the widest number in any of them.
        has_bars: whether grids without numbers have color bars.
        digits: significant digits of the largest number of a grid; None for the usual ones.
    """

    window: tuple[float, float]
    max_value: int | None
    kernel: HeatmapGroup
    products: HeatmapGroup
    widest: float
    has_bars: bool
    digits: int | None = None

    @classmethod
    def of(
        cls,
        parts: Sequence[Sum],
        max_value: int | None,
        pixels: NDArray[np.generic] | None,
        digits: int | None = None,
    ) -> Scales:
        """Return the scales of several sums; windows have the colors of the image, if given."""
        windows, weights, products = (
            [grid_array(grid) for grid in grids]
            for grids in zip(*((p.window, p.weights, p.products) for p in parts), strict=True)
        )
        planes = windows if pixels is None else [pixels.reshape(len(pixels), -1)]
        ends = common_range([ImagePanel(plane, max_value) for plane in planes])
        grids = chain(windows, weights, products)
        widest = max((widest_text(_texts(grid, digits)) for grid in grids), default=0.0)
        has_bars = len(parts) == 1 and figure_options().bars
        kernel = _group(weights)
        return cls(
            ends,
            max_value,
            kernel,
            _group(products, is_signed=kernel.ends[0] < 0),
            widest,
            has_bars,
            digits,
        )

    def of_grid(self, values: Grid) -> Scales:
        """Return the scales of a figure in which no number is wider than those of this grid."""
        return self._replace(widest=widest_text(_texts(grid_array(values), self.digits)))

    @classmethod
    def of_window(cls, values: Grid, ends: tuple[float, float]) -> Scales:
        """Return the scales of a figure that shows one window only."""
        none = HeatmapGroup((), 1.0, 1)
        widest = widest_text(_texts(grid_array(values), None))
        return cls(ends, None, none, none, widest, False, None)

    def bar(self, grid: GridPicture) -> Bar | None:
        """Return the color bar of a grid."""
        if not self.has_bars:
            return None
        if grid.kind == "window":
            panel = ImagePanel(grid_array(grid.values), self.max_value)
            bar = value_bar(panel, self.window)
            if bar is not None and (colormap := _hue_colormap(grid.hue)):
                bar.colors.set_cmap(colormap)
            return bar
        group = self.kernel if grid.kind == "kernel" else self.products
        unit = "weight" if grid.kind == "kernel" else "product"
        return Bar.of(group.ends, group.colormap, unit)


def grids_part(
    grids: Sequence[GridPicture],
    scales: Scales,
    places: Places,
    *,
    title: str,
    caption: str,
    sign: str = "",
    cell: float | None = None,
    longest: float = _LONGEST,
    most: float = math.inf,
    keeps_numbers: bool = False,
) -> PartOf:
    """Return a function from a scale to grids of one shape; with a window first, an equation.

    Cells have numbers where these fit; a single grid without numbers has a color bar. Rows and
    columns of a window are numbered as in the input.

    Args:
        grids: of one shape.
        scales: their colors.
        places: of the window.
        title: above them.
        caption: more lines below the title.
        sign: left of the grids.
        cell: the side of a cell at scale 1 in sizes of the smallest text, if it is large enough
            for its number; None for the usual one.
        longest: the longer side of a grid in inches, unless its numbers need more.
        most: a grid that would be longer than this for its numbers has none; 0 for one that is
            meant to have none.
        keeps_numbers: whether cells never become too small for their numbers.
    """
    arrays = [places.spread(grid_array(grid.values)) for grid in grids]
    shape: Pair = arrays[0][0].shape
    points = theme().text
    usual = _CELL if len(grids) == 1 else _CELL_OF_SEVERAL
    cell = min((usual if cell is None else cell) * points / 72, longest / max(shape))
    needed = _numbered_cell(scales.widest)
    longest_needed = max(side * count for side, count in zip(needed, shape[::-1], strict=True))
    has_numbers = max(shape) <= MAX_TICKED and longest_needed <= most
    cells = [max(cell, side * has_numbers) for side in needed]
    signs = [sign, *("×=" if grids[0].kind == "window" else "=")]
    bar = scales.bar(grids[0]) if len(grids) == 1 else None
    has_ticks = grids[0].kind == "window" and bool(places.rows) and figure_options().axes
    ticks, below = _tick_room(places) if has_ticks else (0.0, 0.0)
    names = [] if len(grids) == 1 or theme().is_fixed else [grid.name for grid in grids]
    above = (theme().line + 0.04) * bool(names)

    def draw(
        figure: Figure, left: float, top: float, each: Box, gap: float, bar: Bar | None
    ) -> Iterator[DrawnImage]:
        across, down = figure.get_size_inches()
        beside = ticks  # left of the first grid
        for grid, before, (values, gaps) in zip(grids, signs, arrays, strict=False):
            axes = axes_at(figure, left, top + above, each)
            if before.strip():
                middle = left - beside - gap / 2, top + above + each[1] / 2
                figure.text(
                    middle[0] / across, 1 - middle[1] / down, before, size=theme().title,
                    ha="center", va="center",
                )  # fmt: skip
            if names:
                place = (left + each[0] / 2) / across, 1 - (top + above - 0.04) / down
                style: dict[str, Any] = {"size": points, "color": theme().faint}
                figure.text(*place, grid.name, ha="center", va="bottom", **style)
            drawn = _draw_grid(axes, grid, values, gaps, scales, each)
            if grid.kind == "window":
                _hatch(axes, places, drawn)
                _outline_filled(axes, places)
            yield drawn
            _set_ticks(axes, places, each, has_ticks=has_ticks and grid.kind == "window")
            left, beside = left + each[0] + gap, 0.0
        if bar is not None:
            lines = _tick_lines(places) * has_ticks
            bar.draw(figure, left - each[0] - gap, top, each, tick_lines=lines)

    def part(scale: float) -> Part:
        rows, columns = shape
        width, height = (
            max(usual * scale, side * (has_numbers and keeps_numbers))
            for usual, side in zip(cells, needed, strict=True)
        )
        each = columns * width, rows * height
        is_numbered = has_numbers and number_points(each, shape, scales.widest) >= theme().number
        if not is_numbered:
            each = fit_box(shape, scale * min(_LONGEST, max(cells) * max(shape)), thinnest=THINNEST)
        gap = text_width("×", theme().title) + 2 * _SIGN_GAP
        if names:
            widest = max(text_width(name, points) for name in names)
            gap = max(gap, widest - each[0] + _SIGN_GAP)
        box = len(grids) * (each[0] + gap) - gap, each[1] + above
        is_apart = bool(sign) or (len(grids) == 2 and not theme().is_fixed)  # from other pairs
        own_bar = None if is_numbered else bar
        drawn = Part(
            partial(draw, each=each, gap=gap, bar=own_bar),
            box,
            title,
            caption,
            left=ticks + gap * is_apart,
            below=below,
            numbers_fit=is_numbered or max(shape) > MAX_TICKED or not most,
        )
        return drawn if own_bar is None else _with_room(drawn, own_bar, each)

    return part


def _with_room(part: Part, bar: Bar, box: Box) -> Part:
    """Return a part with room for the color bar of its grid."""
    is_below = part.box[0] >= theme().bar_below * part.box[1]
    space, overhang = bar.space(below=is_below), bar.overhang * is_below
    return part._replace(
        caption="\n".join(filter(None, [part.caption, bar.note(box)])),
        left=max(part.left, overhang),
        right=overhang if is_below else space,
        below=part.below + space * is_below,
    )


def _numbered_cell(widest: float) -> Box:
    """Return the least width and height of cells with numbers, of ``widest`` inches at 1 point."""
    points = theme().text
    width, height = widest * points / NUMBER_SHARE, points * NUMBER_LINE / 72
    width = max(width, height)
    # Cells are square where a page may become higher.
    return width, height if theme().is_fixed else width


def grid_array(grid: Grid) -> NDArray[Any]:
    """Return a grid as int64 if all numbers are integers that fit, else as float64."""
    fits = all(isinstance(n, int) and abs(n) < 2**62 for n in chain.from_iterable(grid))
    return np.array(grid, np.int64 if fits else np.float64)


def _texts(values: NDArray[Any], significant: int | None) -> list[str]:
    """Write the numbers of a small grid; large text has room for four digits, unless for fewer."""
    if max(values.shape) > MAX_TICKED:
        return []
    return number_texts(values, significant or (LARGE_DIGITS if theme().is_fixed else None))


def _group(grids: Sequence[NDArray[Any]], *, is_signed: bool = False) -> HeatmapGroup:
    """Return grids on one scale; products of signed weights are signed, so that 0 is white."""
    limit = max(map(symmetric_limit, grids)) if any(map(np.any, grids)) else 1.0
    return HeatmapGroup(tuple(Heatmap("", grid, ()) for grid in grids), limit, 1, is_signed)


def _draw_grid(
    axes: Axes,
    grid: GridPicture,
    values: NDArray[Any],
    gaps: NDArray[np.bool_],
    scales: Scales,
    inches: Box,
) -> DrawnImage:
    """Draw the numbers of a grid as colors; gaps have the color of the page."""
    rows, columns = shape = values.shape
    if grid.kind == "window":
        drawn = draw_pixels(axes, ImagePanel(values, scales.max_value), inches, scales.window)
        image = drawn.image
        if colormap := _hue_colormap(grid.hue):
            image.set_cmap(colormap)
    else:
        group = scales.kernel if grid.kind == "kernel" else scales.products
        image = draw_values(axes, values, group)
    numbers = _texts(values, scales.digits)
    if grid.texts is not None and numbers:
        written = np.full(shape, "", object)
        written[~gaps] = grid.texts
        numbers = written.ravel().tolist()
    texts = tuple(np.where(gaps.ravel(), "", numbers).tolist()) if numbers else ()
    if gaps.any():
        cover = np.zeros((*shape, 4))
        cover[..., :3], cover[..., 3] = to_rgb(theme().page), gaps
        axes.imshow(cover, aspect="auto", interpolation="nearest")
    if max(shape) <= MAX_TICKED:
        draw_cell_lines(axes, rows, columns)
    return DrawnImage(image, (rows, columns), texts, scales.widest)


def _hue_colormap(channel: str) -> Colormap | None:
    """Return black to a channel's color; None for others, a chosen colormap, and print in gray."""
    options = figure_options()
    if channel not in ("red", "green", "blue") or options.cmap or options.theme == "paper":
        return None
    bright = "lime" if channel == "green" else channel
    return LinearSegmentedColormap.from_list(channel, ["black", bright])


def _hatch(axes: Axes, places: Places, drawn: DrawnImage) -> None:
    """Hatch the padding of a window, but not where its numbers stand."""
    down, right = places.steps
    style: dict[str, Any] = {"hatch": PAD_HATCH, "edgecolor": PAD_COLOR, "linewidth": 0}
    for x, y, width, height in _boxes(places.padding, single=places.steps != (1, 1)):
        corner = x * right - 0.5, y * down - 0.5
        axes.add_patch(Rectangle(corner, width, height, fill=False, **style))
    if drawn.texts:
        clear_cells(axes, drawn.image, np.argwhere(places.padding) * places.steps)


def _outline_filled(axes: Axes, places: Places) -> None:
    """Outline the numbers that stand for missing ones."""
    if places.filled is None:
        return
    down, right = places.steps
    for row, column in np.argwhere(places.filled).tolist():
        corner = column * right - 0.42, row * down - 0.42
        axes.add_patch(Rectangle(corner, 0.84, 0.84, fill=False, color=NAN_COLOR, linewidth=2))


def _boxes(padding: NDArray[np.bool_], *, single: bool) -> Iterator[tuple[int, int, int, int]]:
    """Yield the left, top, width and height of boxes that cover padding; or of single cells."""
    if single:
        yield from ((int(x), int(y), 1, 1) for y, x in np.argwhere(padding))
        return
    rows, columns = (np.logical_and.reduce(padding, axis) for axis in (1, 0))
    for top, height in _runs(rows):
        yield 0, top, len(columns), height
    for top, height in _runs(~rows):
        for left, width in _runs(columns):
            yield left, top, width, height


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the start and the length of each run of set flags."""
    starts, ends = np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2).T
    return list(zip(starts.tolist(), (ends - starts).tolist(), strict=True))


def _labels(places: tuple[int, ...], size: int, border: str, separator: str) -> tuple[str, ...]:
    """Return the numbers of rows or columns, and in brackets those that padding copies."""
    sources = border_at(np.array(places), size, border).tolist()
    return tuple(
        str(place) if source in (place, OUTSIDE) else f"{place}{separator}({source})"
        for place, source in zip(places, sources, strict=True)
    )


def _tick_room(places: Places) -> tuple[float, float]:
    """Return the room that tick labels need at the left and below."""
    points = theme().text
    widest = max(text_width(label, points) for label in places.rows)
    return widest + _TICK, _tick_lines(places) * theme().line + _TICK


def _tick_lines(places: Places) -> int:
    """Return the lines of the labels of columns."""
    return max((label.count("\n") for label in places.columns), default=0) + 1


def _set_ticks(axes: Axes, places: Places, inches: Box, *, has_ticks: bool) -> None:
    """Label the rows and columns of a window, as many as there is room for."""
    if not has_ticks:
        axes.set(xticks=[], yticks=[])
        return
    points = theme().text
    lines = chain.from_iterable(label.split("\n") for label in places.columns)
    widest = max(text_width(f"{line} ", points) for line in lines)
    _label(axes.xaxis, places.columns, places.steps[1], inches[0], widest)
    _label(axes.yaxis, places.rows, places.steps[0], inches[1], theme().line)


def _label(axis: Axis, labels: Sequence[str], step: int, inches: float, room: float) -> None:
    """Label every cell, or every second, third, ... where ``room`` inches a label do not fit."""
    cells = (len(labels) - 1) * step + 1
    every = max(1, math.ceil(room / (step * inches / cells)))
    axis.set_ticks(range(0, cells, step * every), labels=list(labels[::every]))
