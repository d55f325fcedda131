"""The frames of a window that slides over an image or a matrix."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.image_panel import ImagePanel, image_part, value_bar
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import PartOf
from convcli.plotting.style import figure_options, theme

# isort: split
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

from convcli.figure_options import FigureOptions
from convcli.geometry import Pair, size_text
from convcli.plotting.axes import WIDE
from convcli.plotting.labels import alpha_facts, conv_facts
from convcli.plotting.moving import FillingMap, Magnifier
from convcli.plotting.window_marks import WindowMarks, hatched_text
from convcli.teaching.animate.captions import (
    captions,
    empty_note,
    explanations,
    fitting_digits,
    scene_title,
)
from convcli.teaching.animate.sliding import SlidingWindow
from convcli.teaching.animate.sliding_grids import ShownGrids, SlidingGrids, SlidingSums
from convcli.teaching.animate.sliding_scene import (
    LEAST_SCALE,
    Mover,
    SlidingScene,
    image_side,
    input_parts,
    least_scale,
    rows_of_parts,
    rows_with_large_grids,
    value_range,
)
from convcli.teaching.animate.sums import sums_of

# Of small images: in any case, where they fit, or never.
_Numbers = Literal["all", "fitting", "none"]

_OF_SEVERAL = 2.6  # inches; longer side of each of several maps


class ImageScene(SlidingScene):
    """The frames of a window that slides over an image, with its products and the feature maps.

    Args:
        window: what slides.
        positions: in the feature map, in reading order.
        title: the heading.
        options: how the frames look.
    """

    def __init__(
        self,
        window: SlidingWindow,
        positions: Sequence[Pair],
        title: str,
        options: FigureOptions,
    ) -> None:
        self._window, self._title = window, scene_title(window, title)
        self._padded = window.padded()
        super().__init__(positions, options)

    def _draw(self) -> Figure:
        window, positions = self._window, self._positions
        asked = figure_options().digits
        digits = fitting_digits(window, positions) if asked is None else asked
        explained = explanations(window, positions, digits)
        panel = ImagePanel(self._padded.pixels, window.image.max_value)
        sums = SlidingSums(
            kernels=window.filter.kernels,
            geometries=[plan.geometry for plan in window.plans],
            operation=window.filter.conv.operation,
            sums=sums_of(window),
            padded=self._padded,
            ends=value_range(panel),
            max_value=window.image.max_value,
        )
        self._grids = SlidingGrids(sums, positions, explained, self._parts, asked)
        self._texts = dict(self._grids.texts)

        def written(most: int) -> list[str]:
            return list(map("\n".join, captions(window, positions, explained, digits, most)))

        shown = self._captions(written)
        is_square = theme().is_fixed and max(panel.shape) < WIDE * min(panel.shape)
        plans = []
        for kinds, numbers, left_out in self._details():
            numbered = numbers == "all"
            fitting = shown if numbered else shown[-1:]  # numbers, and large grids, before steps
            images = self._images(panel, sums.ends, numbers)
            equation, maps = self._grids.equation(kinds), self._maps(numbers)
            is_large = is_square and not numbered and len(images) == len(maps) == 1
            for caption in fitting:
                if is_large:
                    large = partial(rows_with_large_grids, images, equation, maps, caption)
                    plans.append(PagePlan(large, left_out))
                arrange = partial(rows_of_parts, least=1.0 if numbered else 0.0)
                rows = partial(arrange, images, equation, maps, caption)
                plans.append(PagePlan(rows, left_out))
        return compose(
            plans,
            title=self._title,
            facts=", ".join(
                [*conv_facts(window.filter), *alpha_facts(window.image, window.filter.alpha)]
            ),
            least=LEAST_SCALE,
            multiple=2,
        )

    def _details(self) -> list[tuple[ShownGrids, _Numbers, tuple[str, ...]]]:
        """Return the levels of detail, most first.

        Each is what is drawn of a sum, whether small images have numbers, and the names of what is
        left out. On a slide, the numbers of images are left out before windows and products.
        """
        details: list[tuple[ShownGrids, _Numbers, tuple[str, ...]]] = [
            (shown, "fitting", left_out) for shown, left_out in self._grids.details()
        ]
        full = [each for each in details if each[0].kinds == details[0][0].kinds]
        shown = self._padded.pixels, self._window.pixels[..., 0]
        has_numbers = least_scale([ImagePanel(pixels, None) for pixels in shown]) > 0
        if not has_numbers:
            return details
        if theme().is_fixed:
            details = [(each, "none", (NO_ROOM_FOR_NUMBERS, *lack)) for each, _, lack in details]
        return [*((each, "all", lack) for each, _, lack in full), *details]

    def _images(
        self, panel: ImagePanel, ends: tuple[float, float], numbers: _Numbers
    ) -> list[PartOf]:
        """Return the padded input and, where the window is small in it, a magnifier."""
        window, pads = self._window, self._padded.pads
        caption = size_text(window.image.shape)
        if any(pads):
            caption += f"\n{hatched_text(pads, window.plans[0].border)}"
        bar = None if numbers == "all" and theme().is_fixed else value_bar(panel, ends)
        return input_parts(
            self._parts, self._padded, panel, window.geometry, ends=ends, bar=bar, title="input",
            caption=caption, numbers=numbers != "none",
        )  # fmt: skip

    def _maps(self, numbers: _Numbers) -> list[PartOf]:
        """Return the feature map of each channel; the last has the bar of all."""
        window, kernels = self._window, self._window.filter.kernels
        panels = [ImagePanel(plane, window.max_value) for plane in np.moveaxis(window.pixels, 2, 0)]
        ends = value_range(*panels)
        bar = value_bar(panels[0], ends, mapped=window.ends)
        if numbers == "all" and theme().is_fixed and window.ends is None:  # the numbers say as much
            bar = None
        caption = size_text(window.output_shape)
        if len(kernels) > 1:
            caption += f"\n{window.filter.combine} of {len(kernels)} kernels"
        return [
            self._parts.keep(
                f"map {number}",
                image_part(
                    panel,
                    image_side() if len(panels) == 1 else _OF_SEVERAL,
                    title=f"feature map {channel}".strip(),
                    caption=f"{caption}\n{empty_note()}",
                    ends=ends,
                    bar=bar if number == len(panels) - 1 else None,
                    numbers=numbers != "none",
                ),
            )
            for number, (panel, channel) in enumerate(zip(panels, window.channels, strict=True))
        ]

    def _movers(self, name: str, drawn: Any) -> list[Mover]:
        window, pads = self._window, self._padded.pads
        match name.split()[0]:
            case "magnifier":
                shown = self._padded.pixels
                return self._placed(Magnifier(drawn[0], shown, pads, window.geometry))
            case "map":
                return self._placed(FillingMap(drawn[0], self._positions[0]))
            case "input":
                geometries = dict.fromkeys(plan.geometry for plan in window.plans)
                marks = (WindowMarks(drawn[0].axes, geometry, pads) for geometry in geometries)
                return [mover for mark in marks for mover in self._placed(mark)]
            case "grids":
                return self._grids.moving(name, drawn)
        return super()._movers(name, drawn)
