"""The frames of the last layer of a chain: its window slides, and its map fills in."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_layer
from convcli.plotting.image_panel import Bar, ImagePanel, boxed_image, image_part, panel_box
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import Part, PartOf
from convcli.plotting.style import figure_options, theme

# isort: split
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.core.digits import reliable_decimals
from convcli.core.dtypes import with_channels
from convcli.figure_options import FigureOptions
from convcli.geometry import Geometry, Pads, Pair, conv_geometry, size_text
from convcli.images.channels import channel_names
from convcli.plotting.blit import Moving
from convcli.plotting.labels import alpha_facts, cell_texts, fitting_decimals, text_width
from convcli.plotting.moving import FieldMagnifier, FillingMap, GrowingMap, Magnifier
from convcli.plotting.spread import Spread
from convcli.plotting.window_marks import BoxMarks, Corners, WindowMarks, hatched_text
from convcli.teaching.animate.captions import (
    WINDOW_BEFORE,
    empty_note,
    layer_captions,
    layer_steps,
    spread_captions,
)
from convcli.teaching.animate.layer_window import LayerWindow
from convcli.teaching.animate.layer_work import (
    CurveWork,
    LayerWork,
    NoWork,
    ShareWork,
    SpreadWork,
    WindowWork,
)
from convcli.teaching.animate.sliding_grids import SlidingGrids, SlidingSums
from convcli.teaching.animate.sliding_scene import (
    LEAST_SCALE,
    Mover,
    SlidingScene,
    image_side,
    input_parts,
    least_scale,
    rows_of_parts,
    shortened,
    without_numbers,
)
from convcli.teaching.animate.spread_sums import SpreadSums
from convcli.teaching.chain.blocks import group_bar, group_scale, single_map_blocks, unit_groups
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.chain.computation import (
    ActivationStep,
    ConvStep,
    LayerStep,
    NormalizeStep,
    PoolStep,
    SoftmaxStep,
    SpreadStep,
)

_MAGNIFIED = 0.72  # of the image's side
_SMALL = 0.2  # inches; a smaller field is magnified
_MAGNIFIED_FIELDS, _LEAST = 3, 17  # the magnifier shows so many fields, and at least so many pixels
_MOST_DECIMALS = 5  # unless asked for; cells write smaller numbers with an exponent
_SAMPLES = 2000  # of an array, from which its decimals are guessed


class LayerScene(SlidingScene):
    """The frames of a chain's last layer: its window slides, and one of its maps fills in.

    Args:
        window: the layer.
        positions: in its map, in reading order; in what it reads, if it spreads this.
        title: the heading.
        options: how the frames look.
    """

    def __init__(
        self,
        window: LayerWindow,
        positions: Sequence[Pair],
        title: str,
        options: FigureOptions,
    ) -> None:
        self._asked = options.digits
        if options.digits is None:
            options = options._replace(digits=_fitting_digits(window))
        names = [shortened(short_layer(name)) for name in window.names]
        self._window, self._names = window, names
        self._title = ", ".join(filter(None, [title, " → ".join(names)]))
        self._fields = [_corners(*window.field(at)) for at in positions]
        self._read = [_corners(*window.places(at)) for at in positions if window.enlarges]
        super().__init__(positions, options)

    def _draw(self) -> Figure:
        window, positions = self._window, self._positions
        digits = figure_options().digits or 0
        steps = None if window.spreads else layer_steps(window, positions, digits)
        self._choose_maps()
        self._work = self._work_of(steps)
        self._texts = dict(self._work.texts)
        if window.spreads:
            self._texts["caption"] = spread_captions(window, positions, self._shown, digits)
            shown = [self._parts.caption("caption", self._texts["caption"])]
        else:
            shown = self._captions(partial(layer_captions, window, positions, steps, digits))
        panels = [self._panel, self._map_panel]
        panels += [self._blocks[0].panels[0]] * (window.stage.number > 1)
        least = least_scale(panels)
        plans, details = [], self._details(is_numbered=least > 0)
        for magnified, kinds, numbered, left_out in details:
            fitting = shown if numbered == details[0][2] else shown[-1:]  # numbers before steps
            images = [*self._image(magnified=magnified, numbered=numbered)]
            images += [*self._source(numbered=numbered)]
            equation, maps = self._work.equation(kinds), [self._map(numbered=numbered)]
            arrange = partial(rows_of_parts, least=least if numbered else 0.0)
            for caption in fitting:
                rows = partial(arrange, images, equation, maps, caption)
                plans.append(PagePlan(rows, left_out))
        return compose(
            plans,
            title=self._title,
            facts=", ".join(
                filter(None, [*alpha_facts(self._window.image, "drop"), self._facts()])
            ),
            least=LEAST_SCALE,
            multiple=2,
        )

    def _choose_maps(self) -> None:
        """Choose which channels are read and drawn, and the colors of everything."""
        window, source = self._window, self._window.source
        read = list(window.channels)
        self._channels = list(range(source.shape[2])) if window.shows_colors else read
        self._padded = window.padded(self._channels)
        self._sums = window.sums(self._channels, self._positions)
        shown = self._sums[0].channel if self._sums else self._channels.index(read[0])
        pixels = self._padded.pixels
        if pixels.ndim == 3 and not window.shows_colors:
            pixels = pixels[..., shown]
        tracer, self._shown = window.tracer, self._channels[shown]
        self._chosen = window.drawn_channels(self._shown)
        blocks = single_map_blocks(
            window.image, tracer.stages, tracer.maps, self._chosen, tracer.scales
        )
        if window.spreads:
            self._spread = SpreadSums(window)
            widest, last = self._widest_sums(), blocks[-1]
            blocks[-1] = last._replace(
                panels=[ImagePanel(widest, last.white)],
                spread=last.spread.with_others([Spread.of(widest)]),
            )
        self._map_panel = blocks[-1].panels[0]
        self._blocks, self._scales, bars = blocks, list[tuple[float, float]](), list[Bar | None]()
        for group in unit_groups(blocks):
            scale = group_scale(group)
            if figure_options().limits is None:
                scale = scale._replace(low=min(scale.low, 0.0))
            self._scales += [scale[:2]] * len(group)
            bars += [group_bar(group, scale)] * len(group)
        self._bars = bars
        self._panel = ImagePanel(pixels, blocks[-2].white)

    def _widest_sums(self) -> NDArray[Any]:
        """Return the widest number of each cell of a map that grows, for which it needs room."""
        widest, _ = self._spread.after(self._positions[-1])
        if not ImagePanel(widest, None).numbered:
            return widest
        digits = figure_options().digits
        widths = [text_width(text, 1.0) for text in cell_texts(widest, digits)]
        for at in self._positions:
            sums, _ = self._spread.after(at)
            for cell, text in enumerate(cell_texts(sums, digits)):
                if (width := text_width(text, 1.0)) > widths[cell]:
                    widest.flat[cell], widths[cell] = sums.flat[cell], width
        return widest

    def _work_of(self, steps: Sequence[LayerStep] | None) -> LayerWork:
        """Return the arithmetic of the layer."""
        window, geometry = self._window, self._window.stage.plan.geometry
        title = f"{window.stage.number}  {self._names[-1]}"
        ends, white = self._scales[-2], self._blocks[-2].white
        if window.probed is not None:
            sums = SlidingSums(
                kernels=window.probed.group.kernels,
                geometries=window.geometries,
                operation=window.operation,
                sums=self._sums,
                padded=self._padded,
                ends=ends,
                max_value=white,
            )
            explained = None
            if steps is not None and len(window.channels) * len(sums.kernels) == len(self._sums):
                explained = [step.computation for step in steps if isinstance(step, ConvStep)]
            return SlidingGrids(sums, self._positions, explained, self._parts, self._asked)
        if window.spreads:
            return SpreadWork(
                window, self._spread, self._positions, self._shown, parts=self._parts,
                digits=self._asked,
            )  # fmt: skip
        pools = [step for step in steps or () if isinstance(step, PoolStep | SoftmaxStep)]
        if pools and window.shows_window(geometry):
            return WindowWork(
                window, self._positions, pools, self._padded,
                [self._channels.index(channel) for channel in window.channels],
                ends=ends, max_value=white, title=title, parts=self._parts,
            )  # fmt: skip
        upsampled = [step for step in steps or () if isinstance(step, SpreadStep)]
        if upsampled:
            hue = window.tracer.name_of(1, window.channels[0]) if window.shows_colors else ""
            shares = ShareWork(upsampled, ends=ends, max_value=white, hue=hue, parts=self._parts)
            return shares if shares.is_shown else NoWork()
        single = [s for s in steps or () if isinstance(s, ActivationStep | NormalizeStep)]
        if single:
            return CurveWork(window, single, title=title, parts=self._parts)
        return NoWork()

    def _details(self, *, is_numbered: bool) -> list[tuple[bool, Any, bool, tuple[str, ...]]]:
        """Return the levels of detail, most first.

        Each is whether the field is magnified, what is drawn of the layer's arithmetic, whether
        images are large enough for their numbers, and the names of what is left out.
        """
        details = [(False, *each) for each in self._work.details()]
        if self._is_field_small() and not theme().is_fixed:  # a slide has few parts
            full = details[0]
            lacks = [(*each[:2], ("magnifier", *each[2])) for each in details]
            details = [(True, *full[1:]), *lacks]
        numbered = [(*each[:2], True, each[2]) for each in details] * is_numbered
        if not theme().is_fixed:  # fewer numbers in images, before anything is left out
            numbered = numbered[:1]
        return numbered + [(*each[:2], False, each[2]) for each in details]

    def _facts(self) -> str:
        """Return which of many sums are drawn."""
        count = len(self._window.channels)
        if self._window.spreads and count > 1:
            name = self._window.tracer.name_of(self._window.stage.number, self._shown)
            return f"the products of {name} are drawn, 1 of {count} maps that are added"
        if not self._sums or len({part.channel for part in self._sums}) == count:
            return ""
        return f"1 of {count} sums is drawn: that of {self._sums[0].name}, the largest"

    def _image(self, *, magnified: bool, numbered: bool) -> list[PartOf]:
        """Return the image with the field of the value, unless the layer reads it itself."""
        if self._window.stage.number == 1:
            return []
        image, panel, ends = self._window.image, self._blocks[0].panels[0], self._scales[0]
        caption = size_text(image.shape)
        if image.channels > 1 and panel.pixels.ndim == 2:
            caption += f", {channel_names(image.channels)[self._chosen[0]]}"
        whole = image_part(
            panel,
            image_side(),
            title="input",
            caption=f"{caption}\noutlined: receptive field",
            ends=ends,
            bar=self._bar(0, numbered=numbered),
        )
        parts = [self._parts.keep("field", whole)]
        if magnified:
            near = self._near()

            def magnified_field(scale: float) -> Part:
                box = panel_box(near, _MAGNIFIED * image_side(), scale)
                return boxed_image(near, box, ends, title="magnified", ticks=False, numbers=False)

            parts.append(self._parts.keep("near", magnified_field))
        return parts

    def _field_side(self) -> int:
        """Return the longer side of the largest field."""
        boxes = [box for box in self._fields if box is not None]
        return max((int(max(b[2] - b[0], b[3] - b[1])) for b in boxes), default=1)

    def _is_field_small(self) -> bool:
        panel = self._blocks[0].panels[0]
        cell = panel_box(panel, image_side())[0] / panel.shape[1]
        return self._window.stage.number > 1 and cell * self._field_side() < _SMALL

    def _near(self) -> ImagePanel:
        """Return a part of the image that is large enough for the surroundings of any field."""
        side = max(_LEAST, _MAGNIFIED_FIELDS * self._field_side())
        return ImagePanel(self._image_pixels()[:side, :side], self._window.image.max_value)

    def _image_pixels(self) -> Any:
        pixels = with_channels(self._window.image.pixels)
        is_color = self._blocks[0].panels[0].pixels.ndim == 3
        return pixels if is_color else pixels[..., self._chosen[0]]

    def _source(self, *, numbered: bool) -> list[PartOf]:
        """Return what the layer reads, padded, and a magnifier where its window is small in it."""
        window, pads, number = self._window, self._padded.pads, self._window.stage.number
        count = window.source.shape[2]
        caption = size_text(self._padded.shape)
        if count > 1 and not window.shows_colors:
            names = channel_names(count) if number == 1 else None
            caption += f", {names[self._shown] if names else f'map {self._shown + 1} of {count}'}"
        if any(pads):
            caption += f"\n{hatched_text(pads, window.border)}"
        nothing = window.holds_nothing() if window.probed is None and any(pads) else None
        return input_parts(
            self._parts,
            self._padded,
            self._panel,
            window.geometries[0],
            ends=self._scales[-2],
            bar=self._bar(len(self._blocks) - 2, numbered=numbered),
            title=f"after layer {number - 1}" if number > 1 else "input",
            caption=caption,
            empty=nothing,
        )

    def _map(self, *, numbered: bool) -> PartOf:
        """Return the map that fills in."""
        window, place = self._window, len(self._blocks) - 1
        caption, count = size_text(window.output_shape), window.stage.plan.shape[2]
        pads = window.stage.plan.geometry.pads if window.spreads else None
        if count > 1:
            caption += f", map {window.channel + 1} of {count}"
        if window.probed is not None and window.probed.group.combine:
            group = window.probed.group
            caption += f"\n{group.combine} of {len(group.kernels)} kernels"
        if pads is not None:
            caption += f"\n{hatched_text(pads, 'cut off')}" * any(pads)
            if bias := self._spread.bias:
                caption += f"\nsums begin at the bias {format_number(bias)}"
            caption += f"\n{empty_note('nothing added yet')}\ngreen: the window"
            is_strided = window.stage.plan.geometry.stride != (1, 1) and len(self._positions) > 1
            caption += f"\n{WINDOW_BEFORE}" * is_strided
        else:
            caption += f"\n{empty_note()}"
        make = image_part(
            self._map_panel,
            image_side(),
            title=f"after layer {window.stage.number}",
            caption=caption,
            ends=self._scales[place],
            bar=self._bar(place, numbered=numbered),
            pads=pads,
        )
        if pads is not None:
            make = without_numbers(make, self._spread.cut)
        return self._parts.keep("map", make)

    def _bar(self, place: int, *, numbered: bool) -> Bar | None:
        """Return the color bar of the image or a map; the first drawn one with these colors has it.

        A slide has none where the numbers say as much.
        """
        drawn = [0, len(self._blocks) - 2, len(self._blocks) - 1]
        before = [self._bars[other] for other in drawn if other < place]
        bar = self._bars[place]
        if any(bar is other for other in before) or (numbered and theme().is_fixed):
            return None
        return bar

    def _movers(self, name: str, drawn: Any) -> list[Mover]:
        window, pads = self._window, self._padded.pads
        match name:
            case "field":
                mark = BoxMarks(drawn[0].axes)
                return [(Moving(mark.artists), self._to_box(mark.move, self._fields))]
            case "near":
                near = FieldMagnifier(drawn[0], self._image_pixels())
                return [(near, self._to_box(near.move, self._fields))]
            case "input" if window.enlarges:
                mark = BoxMarks(drawn[0].axes)
                return [(Moving(mark.artists), self._to_box(mark.move, self._read))]
            case "magnifier" if window.enlarges:
                near = FieldMagnifier(drawn[0], self._panel.pixels)
                return [(near, self._to_box(near.move, self._read))]
            case "input":
                marks = [
                    WindowMarks(drawn[0].axes, geometry, pads)
                    for geometry in dict.fromkeys(window.geometries)
                ]
                return [mover for mark in marks for mover in self._placed(mark)]
            case "magnifier":
                shown = Magnifier(drawn[0], self._panel.pixels, pads, window.geometries[0])
                return self._placed(shown)
            case "map" if window.spreads:
                grown = GrowingMap(drawn[0], self._spread.cut)
                tile = WindowMarks(drawn[0].axes, self._tiles(), Pads(0, 0, 0, 0))
                return [(grown, partial(self._grow, grown)), *self._placed(tile)]
            case "map":
                return self._placed(FillingMap(drawn[0], self._positions[0]))
        if name in self._texts:
            return super()._movers(name, drawn)
        return self._work.moving(name, drawn)

    def _tiles(self) -> Geometry:
        """Return the windows of the map over which values are spread, with what is cut off."""
        geometry = self._window.stage.plan.geometry
        return conv_geometry(
            self._spread.shape, geometry.kernel, stride=geometry.stride, dilation=geometry.dilation
        )

    def _grow(self, grown: GrowingMap, number: int) -> None:
        sums, reached = self._spread.after(self._positions[number])
        is_small = self._map_panel.numbered
        texts = cell_texts(sums, figure_options().digits) if is_small else []
        grown.move(sums, texts, reached)

    def _to_box(
        self, move: Callable[[Sequence[Corners]], None], boxes: Sequence[Corners | None]
    ) -> Callable[[int], None]:
        """Return what moves something to the box of a frame."""
        return lambda number: move([box for box in boxes[number : number + 1] if box is not None])


def _corners(rows: Sequence[int], columns: Sequence[int]) -> Corners | None:
    """Return the left, top, right and bottom of a box of cells; None for none."""
    if not rows or not columns:
        return None
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def _fitting_digits(window: LayerWindow) -> int:
    """Return the decimals that show the numbers of a layer: three digits, or all if fewer.

    They are reliable ones, to which the map that is drawn is rounded, too.
    """
    arrays = [window.image.pixels, window.source[..., list(window.channels)], window.values]
    samples = [np.ravel(each)[:: max(1, each.size // _SAMPLES)] for each in arrays]
    if window.probed is not None:
        samples += [kernel.matrix for kernel in window.probed.group.kernels]
    elif window.spreads:
        samples += map(SpreadSums(window).weights, window.channels)
    tracer, number = window.tracer, window.stage.number
    reliable = reliable_decimals(tracer.maps[number].dtype, tracer.scales[number])
    most = _MOST_DECIMALS if reliable is None else min(reliable, _MOST_DECIMALS)
    return min(max(map(fitting_decimals, samples)), most)
