"""One value of a chain of layers as a figure: from its field in the image to the last map."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_layer
from convcli.plotting.image_panel import Bar, ImagePanel, image_part, panel_box
from convcli.plotting.labels import alpha_facts, format_short
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import Part, PartOf, plot_part
from convcli.plotting.rows import Rows
from convcli.plotting.style import Box, figure_options, style_context, theme
from convcli.plotting.window_marks import WINDOW_COLOR

# isort: split
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from convcli.core.dtypes import with_channels
from convcli.figure_options import FigureOptions
from convcli.geometry import Pair, size_text
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.layers.base import Maps
from convcli.layers.network import Stage
from convcli.plotting.axes import number_points, widest_text
from convcli.plotting.sample_scale import input_scale
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import (
    SignalPadding,
    axes_inches,
    draw_padded,
    extent_text,
    signal_axis,
)
from convcli.signals import SampleAxis
from convcli.teaching.chain.arrow_figure import arrow_part, steps_in_lines
from convcli.teaching.chain.blocks import (
    Block,
    Scale,
    group_bar,
    group_scale,
    single_map_blocks,
    unit_groups,
)
from convcli.teaching.chain.maps import chain_axis
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.chain.computation import (
    ActivationStep,
    ChainComputation,
    ConvStep,
    FlattenStep,
    LayerStep,
    NormalizeStep,
    PoolStep,
    SpreadStep,
)
from convcli.teaching.explain.chain.rounding import chain_as_shown
from convcli.teaching.explain.chain.step_figure import (
    MAX_SUMS,
    conv_parts,
    curve_part,
    joined_lines,
    pool_grid,
    pool_part,
    short_pool_lines,
    with_letters,
    words_part,
)
from convcli.teaching.explain.chain.text import layer_lines
from convcli.teaching.explain.grid_figure import terms_of
from convcli.teaching.explain.place_figure import (
    SMALL,
    Corners,
    PaddedImage,
    marked,
    surroundings,
)
from convcli.teaching.explain.text import places_text

# Lengths in inches.
_IMAGE, _MAGNIFIED = 2.6, 2.0  # longer sides of maps, and of the magnifier
_SIGNAL: Box = (3.4, 1.0)
_LEAST_SCALE = 0.4  # before anything is left out
_MARGIN, _NUMBER_MARGIN = 0.1, 0.45  # beyond a signal, as shares of its range
_FEWER_IN_CELLS = 3, 2  # significant digits in the cells of a map, where more do not fit
_IN_TEXT = 6  # significant digits of the arithmetic
_FEW_DIGITS, _FEW_IN_TEXT = 2, 4  # significant, where there is no room for more
_MOST_DECIMALS = 9
_LONGEST_TEXT = 80  # letters of a layer


class _LevelOfDetail(NamedTuple):
    """What a page shows, before anything is left out of it.

    Attributes:
        digits: whether numbers have all of theirs.
        magnifier: whether the input's window is magnified if it is small.
        bars: whether there are color bars.
        map_numbers: whether small maps have numbers.
        curves: whether functions of one value are drawn.
        ticks: whether rows and columns are numbered.
        sums: of a convolution, at most; of more, that of the largest product is drawn.
        numbered: the first layer whose window, kernel and products have numbers.
        worked: the first layer whose arithmetic is drawn.
        first: the first layer that is shown.
    """

    digits: bool
    magnifier: bool
    bars: bool
    map_numbers: bool
    curves: bool
    ticks: bool
    sums: int
    numbered: int
    worked: int
    first: int


class _Marks(NamedTuple):
    """What is outlined in the input or in a map.

    Attributes:
        window: that the next layer reads for the value that it is explained at.
        cells: rows and columns of cells to mark in it.
        is_dilated: whether these are all that are read, and not the one that counts most.
        field: all that the chain's value depends on; None if it is the window.
    """

    window: Corners
    cells: Sequence[Pair]
    is_dilated: bool
    field: Corners | None


class _SignalMarks(NamedTuple):
    """What is marked in a signal: samples ``first`` to ``end``, dashed lines around others."""

    first: int
    end: int
    field: Pair | None

    @classmethod
    def of(cls, marks: _Marks | None, pixels: NDArray[np.generic]) -> _SignalMarks:
        """Return the marks along a signal; an empty range for none."""
        if marks is None:
            return cls(0, 0, None)
        start = 0 if signal_axis(pixels) == 1 else 1
        window, field = marks.window, marks.field
        return cls(window[start], window[start + 2], field and (field[start], field[start + 2]))

    def draw(self, axes: Axes, samples: SampleAxis) -> None:
        """Shade the samples of a signal whose samples lie at these positions."""

        def before(place: int) -> float:
            return samples.at(place) - float(samples.step) / 2

        style: Any = {"color": WINDOW_COLOR, "zorder": 0.3}
        if self.first < self.end:
            axes.axvspan(before(self.first), before(self.end), alpha=0.2, **style)
        for place in self.field or ():
            axes.axvline(before(place), linestyle="--", linewidth=1, **style)


def draw_chain_explanation(
    explanation: ChainComputation,
    image: ImageData,
    stages: Sequence[Stage],
    maps: Sequence[Maps],
    *,
    texts: Sequence[str] | None = None,
    options: FigureOptions | None = None,
) -> NotebookFigure:
    """Draw one value of a chain and where it comes from, from the image to the last layer's map.

    Between the input and the maps stands the arithmetic of each layer: window, kernel and products
    of a convolution, the window of a pool, the curve of an activation. In the input and in each map
    the window is outlined that the next layer reads.

    Args:
        explanation: of the value.
        image: the input.
        stages: the layers.
        maps: from :func:`convcli.teaching.explain.chain.trace.run_chain`.
        texts: of the layers, as they were typed; None for their labels.
        options: how the figure looks.
    """
    options = options or FigureOptions()
    with style_context(options):
        names = [short_layer(text) for text in texts or [stage.layer.label for stage in stages]]
        return _ExplanationPage(explanation, image, stages, maps, names).draw()


class _ExplanationPage:
    """Maps and the arithmetic between them, as a theme's page holds them."""

    def __init__(
        self,
        explanation: ChainComputation,
        image: ImageData,
        stages: Sequence[Stage],
        maps: Sequence[Maps],
        names: Sequence[str],
    ) -> None:
        digits = figure_options().digits
        decimals = _decimals(explanation, _IN_TEXT) if digits is None else digits
        self._explanation = chain_as_shown(explanation, decimals)
        self._image, self._stages = image, stages
        self._names = [
            name if len(name) <= _LONGEST_TEXT else f"{name[: _LONGEST_TEXT - 1]}…"
            for name in names
        ]
        self._steps = {step.number: step for step in self._explanation.steps}
        self._exact_steps = {step.number: step for step in chain_as_shown(explanation).steps}
        self._short_steps = self._steps
        if digits is None:
            short = chain_as_shown(explanation, _decimals(explanation, _FEW_IN_TEXT))
            self._short_steps = {step.number: step for step in short.steps}
        self._first = min(self._steps)
        self._blocks = [_with_fitting_digits(block) for block in self._drawn_blocks(maps)]
        self._scales: list[Scale] = []
        self._bars: list[Bar | None] = []
        for group in unit_groups(self._blocks):
            scale = group_scale(group)
            self._scales += [scale] * len(group)
            self._bars += [group_bar(group, scale), *[None] * (len(group) - 1)]

    def _drawn_blocks(self, maps: Sequence[Maps]) -> list[Block]:
        """Return the input and of each layer one map, the one that is explained."""
        following = self._steps[1].next if 1 in self._steps else None
        self._channel = following[2] if following is not None else 1
        steps = [self._steps.get(stage.number) for stage in self._stages]
        channels = [step.map - 1 if step else 0 for step in steps]
        scales = [step.scale if step else 0.0 for step in steps]
        return single_map_blocks(
            self._image, self._stages, maps, [self._channel - 1, *channels], [0.0, *scales],
            photos=True,
        )  # fmt: skip

    def draw(self) -> NotebookFigure:
        """Draw with as much detail as the page holds."""
        plans = [
            PagePlan(partial(self._rows, detail), self._left_out(detail))
            for detail in self._levels_of_detail()
        ]
        at, last = self._explanation.at, self._explanation.steps[0]
        which = f"{self._blocks[last.number].counted_name(last.map)} of " * (last.maps > 1)
        title = f"How row {at[0]}, column {at[1]} of {which}layer {last.number} is computed"
        facts = ", ".join([*alpha_facts(self._image, "drop"), self._key()])
        return compose(plans, title=title, facts=facts, least=_LEAST_SCALE)

    def _key(self) -> str:
        """Return what the outlines mean."""
        drawn = list(filter(None, map(self._marks, range(len(self._blocks)))))
        key = ["green: what the next layer reads"]
        if not self._blocks[0].is_signal and any(e.cells and not e.is_dilated for e in drawn):
            key.append("thin: what counts most in it")
        last = self._steps[max(self._steps)]
        is_spread = isinstance(last, SpreadStep) and last.next is not None
        if any(each.field for each in drawn[: len(drawn) - is_spread]):
            key.append("dashed: all that the value depends on")
        if is_spread:
            key.append("dashed in the last map: where the value that counts most is spread")
        return ", ".join(key)

    def _levels_of_detail(self) -> Iterator[_LevelOfDetail]:
        """Yield less and less detail: no bars, no numbers, no arithmetic, at last no layers."""
        last = max(self._steps)
        options = figure_options()
        is_magnified = self._is_magnified() and not theme().is_fixed  # a slide has few parts
        detail = _LevelOfDetail(
            True, is_magnified, options.bars, True, True, options.axes, MAX_SUMS, self._first,
            self._first, self._first,
        )  # fmt: skip
        yield detail
        for name in ("digits", "magnifier", "bars", "map_numbers", "curves", "ticks"):
            detail = detail._replace(**{name: False})
            yield detail
        if self._sum_counts():
            detail = detail._replace(sums=1)
            yield detail
        for number in range(self._first + 1, last + 2):
            detail = detail._replace(numbered=number)
            yield detail
        for number in range(self._first + 1, last + 1):
            detail = detail._replace(worked=number)
            yield detail
        for number in range(self._first + 1, last + 1):
            detail = detail._replace(first=number)
            yield detail

    def _left_out(self, detail: _LevelOfDetail) -> list[str]:
        """Return the names of what is left out."""
        options, blocks, steps = figure_options(), self._blocks, self._steps.values()
        could_be = {
            "digits": self._short_steps != self._steps,
            "magnifier": self._is_magnified() and not theme().is_fixed,
            "bars": options.bars,
            "map_numbers": any(map(_has_numbers, blocks)),
            "curves": any(map(_has_curve, steps)),
            "ticks": options.axes,
        }
        words = {
            "digits": "further digits", "magnifier": "magnifier", "bars": "color bars",
            "map_numbers": NO_ROOM_FOR_NUMBERS, "curves": "curves", "ticks": "tick labels",
        }  # fmt: skip
        names = [words[key] for key in words if could_be[key] and not getattr(detail, key)]
        drawn = [block for block in blocks if not block.is_signal]
        names += ["further digits"] * any(block.panels[0].significant for block in drawn)
        lacking = any(block.is_numbered and not _has_numbers(block) for block in drawn)
        names += [NO_ROOM_FOR_NUMBERS] * lacking
        first = max(self._first, detail.first)
        for number, count in self._sum_counts().items():
            if detail.sums < count and number >= max(first, detail.worked):
                names.append(f"{count - 1} of {count} sums of layer {number}")
        last = max(self._steps)
        unnumbered = [n for n in range(max(first, detail.worked), last + 1) if n < detail.numbered]
        unnumbered = [n for n in unnumbered if isinstance(self._steps[n], ConvStep | PoolStep)]
        if unnumbered:
            names.append(f"numbers of {_layers(unnumbered[0], unnumbered[-1] + 1)}")
        unworked = [*range(first, detail.worked)]
        unworked = [n for n in unworked if isinstance(self._steps[n], ConvStep | PoolStep)]
        if unworked:
            names.append(f"windows of {_layers(unworked[0], unworked[-1] + 1)}")
        if detail.first > self._first:
            names.append(_layers(self._first, detail.first))
        return names

    def _sum_counts(self) -> dict[int, int]:
        """Return how many sums a convolution has, by its layer, where there are several, drawn."""
        counts = {
            number: len(list(terms_of(step.computation)))
            for number, step in self._steps.items()
            if isinstance(step, ConvStep)
        }
        return {number: count for number, count in counts.items() if 1 < count <= MAX_SUMS}

    def _rows(self, detail: _LevelOfDetail, scale: float) -> Rows:
        """Return the parts, with arrows from each to the next, in lines that fit the page."""
        first = [self._map_part(0, detail)(scale)]
        if detail.magnifier:
            first.append(self._magnifier()(scale))
        steps = [first]
        if self._first > 1:  # its window is padding only
            steps.append([self._map_part(self._first - 1, detail)(scale)])
        if detail.first > self._first:
            left_out = words_part("…", f"{_layers(self._first, detail.first)} left out")
            steps.append([self._arrow(), left_out(scale)])
        for number in sorted(self._steps):
            if number >= detail.first:
                work = [part(scale) for part in self._work_parts(number, detail)]
                steps += [[self._arrow(), *work[:1]], *([part] for part in work[1:])]
                steps.append([self._arrow(), self._map_part(number, detail)(scale)])
        return steps_in_lines(steps)

    def _arrow(self) -> Part:
        return arrow_part((), 1.0, numbered=False, down=False)

    def _marks(self, number: int) -> _Marks | None:
        """Return what is outlined in the input or a map; None where nothing is read."""
        if number == max(self._steps):
            last = self._steps[number]
            row, column = last.at
            spread = _corners(*last.spread) if isinstance(last, SpreadStep) and last.next else None
            return _Marks((column, row, column + 1, row + 1), [], False, spread)
        step = self._steps.get(number + 1)
        if step is None:
            return None
        rows, columns = _places(step)
        if not rows or not columns:
            return None
        window = _corners(rows, columns)
        field = _corners(step.depends.rows, step.depends.columns)
        cells: list[Pair] = []
        dilation = (1, 1)
        if isinstance(step, ConvStep | PoolStep):
            dilation = step.dilation if isinstance(step, PoolStep) else step.computation.dilation
        is_dilated = dilation != (1, 1)
        if is_dilated:
            cells = list(product(rows, columns))
        elif step.next is not None and len(rows) * len(columns) > 1:
            cells = [step.next[:2]]
        return _Marks(window, cells, is_dilated, field if field != window else None)

    def _is_small(self, number: int) -> bool:
        """Return whether the window in the input or a map is too small to see what it holds."""
        block, marks = self._blocks[number], self._marks(number)
        if marks is None or _has_numbers(block):
            return False
        panel = block.panels[0]
        left, top, right, bottom = marks.window
        return (
            panel_box(panel, _IMAGE)[0] / panel.shape[1] * min(right - left, bottom - top) < SMALL
        )

    def _map_part(self, number: int, detail: _LevelOfDetail) -> PartOf:
        """Return the input or a layer's map, with the window that the next layer reads."""
        block, marks = self._blocks[number], self._marks(number)
        if block.is_signal:
            return self._signal_part(number, detail)
        step = self._steps.get(number + 1)
        panel, pads = block.panels[0], None
        region = 0, 0, panel.shape[1], panel.shape[0]
        if marks is not None and isinstance(step, ConvStep) and not self._is_small(number):
            region = _hull(marks.window, region)
            panel, pads = _padded(step, panel).crop(region)
        has_numbers = detail.map_numbers and _has_numbers(block)
        part = image_part(
            panel,
            _IMAGE,
            title=_title(number),
            caption=self._caption(number, detail),
            ends=self._scales[number][:2],
            bar=self._bars[number] if detail.bars else None,
            pads=pads,
            ticks=detail.ticks,
            numbers=has_numbers,
            meaning=detail.bars or not figure_options().bars,
        )
        if marks is None:
            return _map_at(part, numbers=has_numbers)
        left, top, right, bottom = region
        cells = [
            (row, column)
            for row, column in marks.cells
            # The padding of a pool is not drawn.
            if not self._is_small(number) and top <= row < bottom and left <= column < right
        ]
        field = marks.field and _inside(marks.field, region)
        part = marked(part, _inside(marks.window, region), cells, region, field=field)
        return _map_at(part, numbers=has_numbers)

    def _magnifier(self) -> PartOf:
        """Return what surrounds the window in the input, magnified."""
        marks, step = self._marks(0), self._steps[1]
        assert marks is not None  # noqa: S101 - layer 1 is explained
        pixels = with_channels(self._image.pixels)
        if self._blocks[0].panels[0].pixels.ndim == 2:
            pixels = pixels[..., self._channel - 1]
        panel = ImagePanel(pixels, self._image.max_value)
        around = surroundings(marks.window, panel.shape)
        near, pads = _padded(step, panel).crop(around)
        ends = self._scales[0][:2]
        part = image_part(near, _MAGNIFIED, title="magnified", ends=ends, pads=pads)
        field = marks.field and _inside(marks.field, around)
        return marked(part, marks.window, marks.cells, around, renumbered=True, field=field)

    def _is_magnified(self) -> bool:
        return 1 in self._steps and not self._blocks[0].is_signal and self._is_small(0)

    def _signal_part(self, number: int, detail: _LevelOfDetail) -> PartOf:
        """Return a signal with the samples marked that the next layer reads."""
        scale = self._scales[number]
        pixels, step = self._blocks[number].panels[0].pixels, self._steps.get(number + 1)
        marks = _SignalMarks.of(self._marks(number), pixels)
        samples = input_scale(chain_axis(self._stages[:number], self._image))
        padding = SignalPadding(0, 0, "edge", 0)
        if isinstance(step, ConvStep):
            before, after = max(-marks.first, 0), max(marks.end - max(pixels.shape[:2]), 0)
            padding = SignalPadding(before, after, step.computation.border, step.computation.fill)

        def draw(axes: Axes) -> None:
            draw_padded(axes, pixels, padding, inches=axes_inches(axes), scale=samples)
            if not detail.map_numbers:
                for text in list(axes.texts):
                    text.remove()
            low, high = min(scale.low, 0.0), max(scale.high, 0.0)
            margin = (_NUMBER_MARGIN if axes.texts else _MARGIN) * (high - low)
            axes.set_ylim(low - (margin if low < 0 else 0.1 * margin), high + margin)
            marks.draw(axes, samples.numbers)
            if not detail.ticks:
                axes.set(xticks=[], yticks=[], xlabel="")

        def box(scale: float) -> Box:
            return _SIGNAL[0] * max(scale, 0.7), max(_SIGNAL[1] * scale, 5 * theme().line)

        return plot_part(
            draw, box, title=_title(number), caption=self._caption(number, detail),
            xlabel=samples.label,
        )  # fmt: skip

    def _caption(self, number: int, detail: _LevelOfDetail) -> str:
        """Return the size of the input or a map, which map it is, and the explained value."""
        explanation, block = self._explanation, self._blocks[number]
        size = extent_text(block.size) if block.is_signal else size_text(block.size)
        if (step := self._steps_as(detail).get(number)) is not None:
            block = self._blocks[number]
            which = f", {block.counted_name(step.map, f' of {step.maps}')}" * (step.maps > 1)
            row, column = step.at
            place = f"row {row}, column {column}" if step.x is None else f"x {format_short(step.x)}"
            return f"{size}{which}\n{place}: {format_number(step.value)}"
        if number:
            return size
        count, (rows, columns) = explanation.channels, explanation.field
        if count > 1 and self._blocks[0].panels[0].pixels.ndim == 2:
            size += f", {channel_names(count)[self._channel - 1]}"
        field = places_text(rows, columns) if rows else "no pixel"
        if explanation.x is not None:
            field = " to ".join(
                f"x {format_short(x)}" for x in (explanation.x[0], explanation.x[-1])
            )
        return f"{size}\nfield: {field}"

    def _steps_as(self, detail: _LevelOfDetail) -> dict[int, LayerStep]:
        """Return the steps with all digits, or with few."""
        return self._steps if detail.digits else self._short_steps

    def _work_parts(self, number: int, detail: _LevelOfDetail) -> list[PartOf]:
        """Return the arithmetic of a layer, or its results in words only."""
        step, title = self._steps_as(detail)[number], f"{number}  {self._names[number - 1]}"
        ends, numbers = self._scales[number - 1][:2], number >= detail.numbered
        before, exact = self._blocks[number - 1], self._exact_steps[number]
        is_worked = number >= detail.worked
        match step:
            case ConvStep():
                assert isinstance(exact, ConvStep)  # noqa: S101 - the same step
                return conv_parts(
                    step, exact, ends, title, is_worked=is_worked, numbers=numbers,
                    before=before, most=detail.sums,
                    digits=None if detail.digits else _FEW_DIGITS,
                )  # fmt: skip
            case PoolStep():
                caption = joined_lines(short_pool_lines(step))
                assert isinstance(exact, PoolStep)  # noqa: S101 - the same step
                if is_worked and (grid := pool_grid(exact)) is not None:
                    is_color = before.has_colors and before.white is not None
                    hue = before.map_name(step.map) if is_color else ""
                    return [pool_part(step, grid, ends, title, caption, numbers=numbers, hue=hue)]
            case _:
                caption = joined_lines(layer_lines(step, with_terms=False))
        if is_worked and detail.curves and _has_curve(step):
            return [curve_part(step, self._stages[number - 1].layer, title, caption)]
        return [words_part(title, caption)]


def _decimals(explanation: ChainComputation, significant: int) -> int:
    """Return decimals that give the least value of a layer, apart from 0, so many digits."""
    values = [abs(step.value) for step in explanation.steps]
    least = min((value for value in values if value and math.isfinite(value)), default=1.0)
    return min(max(significant - 1 - math.floor(math.log10(least)), 0), _MOST_DECIMALS)


def _has_curve(step: LayerStep) -> TypeGuard[ActivationStep | NormalizeStep]:
    return isinstance(step, ActivationStep | NormalizeStep)


def _has_numbers(block: Block) -> bool:
    """Return whether there is room for the numbers in the cells of a map."""
    panel = block.panels[0]
    box, widest = panel_box(panel, _IMAGE), widest_text(panel.texts)
    return block.is_numbered and number_points(box, panel.shape, widest) >= theme().number


def _with_fitting_digits(block: Block) -> Block:
    """Return a block whose map has fewer digits in its cells if only these fit."""
    if block.is_signal or not block.is_numbered or _has_numbers(block):
        return block
    for digits in _FEWER_IN_CELLS:
        panel = replace(block.panels[0], significant=digits)
        if _has_numbers(shorter := block._replace(panels=[panel])):
            return shorter
    return block


def _map_at(make: PartOf, *, numbers: bool) -> PartOf:
    """Return a map that is large enough for its numbers at any scale, with room for a caption."""
    return with_letters(lambda scale: make(max(scale, 1.0) if numbers else scale))


def _title(number: int) -> str:
    return f"after layer {number}" if number else "input"


def _layers(first: int, end: int) -> str:
    return f"layer {first}" if end == first + 1 else f"layers {first} to {end - 1}"


def _places(step: LayerStep) -> tuple[Sequence[int], Sequence[int]]:
    """Return the rows and columns of its input that the layer reads for its value."""
    match step:
        case ConvStep():
            responses = step.computation.outputs[0].responses
            rows = {row for response in responses for row in response.rows}
            columns = {column for response in responses for column in response.columns}
            return sorted(rows), sorted(columns)
        case PoolStep():
            return step.window.rows, step.window.columns
        case FlattenStep(next=place) if place is not None:
            return (place[0],), (place[1],)
    return (step.at[0],), (step.at[1],)


def _corners(rows: Sequence[int], columns: Sequence[int]) -> Corners:
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def _hull(one: Corners, two: Corners) -> Corners:
    """Return the corners of the box around two boxes."""
    return min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])


def _inside(one: Corners, two: Corners) -> Corners:
    """Return the corners of what two boxes have in common."""
    return max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])


def _padded(step: LayerStep, panel: ImagePanel) -> PaddedImage:
    """Return an image with the padding of a convolution; that of a pool holds nothing."""
    if isinstance(step, ConvStep):
        return PaddedImage(panel, step.computation.border, step.computation.fill)
    return PaddedImage(panel, "zero", 0)
