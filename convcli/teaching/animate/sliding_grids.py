"""The arithmetic of windows that slide: window, kernel and products as grids that move."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.part import Part, PartOf
from convcli.plotting.style import figure_options, theme

# isort: split
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Geometry, Pair
from convcli.kernels.kernel import Kernel
from convcli.plotting.axes import MAX_TICKED, DrawnImage, finite_extremes, widest_text
from convcli.plotting.heatmap import Heatmap, HeatmapGroup, kernel_title, symmetric_limit
from convcli.plotting.labels import cell_texts
from convcli.plotting.moving import DrawnParts, MovingGrid
from convcli.teaching.animate.padded_input import PaddedInput, SeenWindow
from convcli.teaching.animate.sliding_scene import Mover, shortened
from convcli.teaching.animate.sums import ChannelSum, products_in, products_of
from convcli.teaching.explain.computation import Computation, Grid
from convcli.teaching.explain.grid_figure import (
    FILLED_NOTE,
    MISSING_NOTE,
    GridPicture,
    Kind,
    Places,
    Scales,
    grids_part,
    sum_text,
    terms_of,
)

_MAX_SUMS = 3  # more are drawn without their products
_GRID_SHARE = 0.19  # of the page's width; the side of a grid, unless its numbers need more
_SLIDE_GRID, _GRID_OF_SEVERAL = 1.7, 1.25  # inches; sides of grids
_MOST_GRID, _MOST_SLIDE_GRID = 4.0, 2.2  # inches; a grid whose numbers need more has none
_SAMPLES = 500  # numbers by which the widest is guessed
_TITLE = 7  # letters of a kernel's name in a line, where there are many kernels


class SlidingSums(NamedTuple):
    """Kernels that slide over an input, and the sums that they make.

    Attributes:
        kernels: the kernels.
        geometries: their windows.
        operation: ``correlate`` or ``convolve``.
        sums: those that are drawn.
        padded: the input.
        ends: the values at the ends of its colors.
        max_value: the pixel that is white; None for plain numbers.
    """

    kernels: Sequence[Kernel]
    geometries: Sequence[Geometry]
    operation: str
    sums: Sequence[ChannelSum]
    padded: PaddedInput
    ends: tuple[float, float]
    max_value: int | None

    def window(self, part: ChannelSum, at: Pair) -> SeenWindow:
        """Return what lies under the window of a sum."""
        geometry, takes_anchor = self.geometries[part.kernel], part.takes_anchor
        return self.padded.window(geometry, at, part.channel, takes_anchor=takes_anchor)


class SlidingGrids:
    """Windows, kernels and products of sums, as parts of a page that are moved afterwards.

    Args:
        sums: what is drawn.
        positions: in the feature map, one for each frame.
        explained: each position's explanation; None if there are too many products to write sums.
        parts: keeps what is drawn.

    Attributes:
        texts: the sum of each of the sums at each position.
    """

    def __init__(
        self,
        sums: SlidingSums,
        positions: Sequence[Pair],
        explained: Sequence[Computation] | None,
        parts: DrawnParts,
    ) -> None:
        self._of, self._positions, self._parts = sums, positions, parts
        self.texts: dict[str, list[str]] = {}
        if explained is not None:
            totals = [[sum_text(term.part.sum) for term in terms_of(each)] for each in explained]
            for number, texts in enumerate(zip(*totals, strict=True)):
                self.texts[f"sum {number}"] = [f"sum {text}" for text in texts]

    def details(self) -> list[tuple[tuple[Kind, ...], tuple[str, ...]]]:
        """Return what is drawn of each sum, less and less, with the names of what is left out."""
        if len(self._of.sums) <= _MAX_SUMS:
            return [
                (("window", "kernel", "products"), ()),
                (("window", "kernel"), ("products",)),
                (("kernel",), ("windows", "products")),
            ]
        details: list[tuple[tuple[Kind, ...], tuple[str, ...]]] = [
            (("kernel",), ("windows", "products"))
        ]
        if len(set(self._of.geometries)) == 1:
            details.insert(0, (("window", "kernel"), ("products",)))
        return details

    def equation(self, kinds: tuple[Kind, ...]) -> list[PartOf]:
        """Return windows, kernels and products."""
        if len(self._of.sums) == 1:
            return self._large_grids(kinds, self._scales(kinds))
        names = [shortened(short_kernel(kernel.name)) for kernel in self._of.kernels]
        line: list[PartOf] = []
        if len(self._of.sums) <= _MAX_SUMS:
            scales = self._scales(kinds)
            for number, each in enumerate(self._of.sums):
                both = [names[each.kernel], *filter(None, [each.name])]
                title = each.name if each.name and len(names) == 1 else ", ".join(both)
                part = self._grids(number, kinds, scales, title=title)
                line.append(self._with_sum(number, part))
            return line
        channels = {each.channel: number for number, each in enumerate(self._of.sums)}
        if "window" in kinds:
            scales = self._scales(("window",))
            line = [
                self._grids(
                    number, ("window",), scales, title=f"window {self._of.sums[number].name}"
                )
                for number in sorted(channels.values())
            ]
        scales = self._scales(("kernel",))
        for number, each in enumerate(self._of.sums):
            if each.channel == 0:
                part = self._grids(number, ("kernel",), scales, title=names[each.kernel])
                if len(channels) == 1:
                    part = self._with_sum(number, part)
                line.append(partial(_narrow, part))
        return line

    def _large_grids(self, kinds: tuple[Kind, ...], scales: Scales) -> list[PartOf]:
        """Return the grids of the only sum, each with a title of its own."""
        kernel = self._of.kernels[0]
        flipped = "flipped by convolve" * (self._of.operation == "convolve")
        parts = []
        for kind, sign in zip(kinds, ("", "×", "="), strict=False):
            title = shortened(kernel_title(kernel)) if kind == "kernel" else kind
            if kind == "window" and self._of.sums[0].name:
                title += f", {self._of.sums[0].name}"
            part = self._grids(
                0, (kind,), scales, title=title, caption=flipped * (kind == "kernel"),
                sign=sign * (len(kinds) > 1),
            )  # fmt: skip
            parts.append(self._with_sum(0, part) if kind == kinds[-1] else part)
        return parts

    def _grids(
        self,
        number: int,
        kinds: tuple[Kind, ...],
        scales: Scales,
        *,
        title: str,
        caption: str = "",
        sign: str = "",
    ) -> PartOf:
        """Return grids of one sum as they are at the first position."""
        part = self._of.sums[number]
        seen = self._of.window(part, self._positions[0])
        arrays: dict[Kind, NDArray[Any]] = {
            "window": seen.values,
            "kernel": part.weights,
            "products": products_in(seen, part.weights),
        }
        places = self._places(part)
        hue = part.name if self._of.max_value is not None else ""
        shown = [GridPicture(kind, kind, _as_grid(arrays[kind]), hue) for kind in kinds]
        notes = [caption, places.caption * ("kernel" in kinds), *self._notes(part, kinds)]
        caption = "\n".join(filter(None, notes))
        make = grids_part(
            shown,
            scales,
            places,
            title=title,
            caption=caption,
            sign=sign,
            longest=grid_side(len(self._of.sums)),
            most=most_of_a_grid(),
        )
        return self._parts.keep(" ".join([f"grids {number}", *kinds]), make)

    def _notes(self, part: ChannelSum, kinds: tuple[Kind, ...]) -> list[str]:
        """Return what marks missing values in the window of a sum."""
        if "window" not in kinds or self._of.padded.missing is None:
            return []
        return [MISSING_NOTE, *[FILLED_NOTE] * part.takes_anchor]

    def _with_sum(self, number: int, make: PartOf) -> PartOf:
        name = f"sum {number}"
        return self._parts.text_below(name, make, self.texts.get(name, []))

    def _places(self, part: ChannelSum) -> Places:
        geometry = self._of.geometries[part.kernel]
        return Places.moving(geometry.kernel, geometry.dilation)

    def _scales(self, kinds: tuple[Kind, ...]) -> Scales:
        """Return the colors of all grids and the width of their widest number, at all positions."""
        padded = self._of.padded.pixels
        weights = [part.weights for part in self._of.sums]
        finite = padded[np.isfinite(padded)]
        ends = np.array([finite.min(), finite.max()] if finite.size else [0, 0], padded.dtype)
        corners = [np.ravel(products_of(ends[:, np.newaxis], each.ravel())) for each in weights]
        lowest, highest = finite_extremes(np.concatenate(corners))
        widest = 0.0
        if max(max(each.shape) for each in weights) <= MAX_TICKED:
            sample = padded.ravel()[:: max(1, padded.size // _SAMPLES)]
            numbers = [ends, sample] * ("window" in kinds) + weights
            numbers += corners * ("products" in kinds)
            texts = [cell_texts(each, figure_options().digits) for each in numbers]
            widest = max(map(widest_text, texts))
        kernel = HeatmapGroup(
            tuple(Heatmap("", each, ()) for each in weights), max(map(symmetric_limit, weights)), 1
        )
        is_signed = lowest < 0 or kernel.ends[0] < 0  # 0 is white in both
        return Scales(
            window=self._of.ends,
            max_value=self._of.max_value,
            kernel=kernel,
            products=HeatmapGroup((), max(-lowest, highest) or 1.0, 1, is_signed),
            widest=widest,
            has_bars=len(weights) == 1 and figure_options().bars,
        )

    def moving(self, name: str, images: Sequence[DrawnImage]) -> list[Mover]:
        """Return the window and the products in the parts of this name, and what moves them."""
        _, place, *kinds = name.split()
        part = self._of.sums[int(place)]
        grids: list[Mover] = []
        for image, kind in zip(images, kinds, strict=True):
            if kind == "kernel":
                continue
            grid = MovingGrid(image, self._places(part).steps)
            grids.append((grid, partial(self._move_grid, grid, part, kind)))
        return grids

    def _move_grid(self, grid: MovingGrid, part: ChannelSum, kind: str, number: int) -> None:
        seen, is_window = self._of.window(part, self._positions[number]), kind == "window"
        shown = seen.values if is_window else products_in(seen, part.weights)
        is_small = max(shown.shape) <= MAX_TICKED
        texts = cell_texts(shown, figure_options().digits) if is_small else []
        if is_window:
            grid.move(shown, texts, seen.padding, seen.filled)
        else:
            grid.move(shown, texts)


def grid_side(count: int) -> float:
    """Return the longer side of each of some grids in inches, unless its numbers need more."""
    if count > 1:
        return _GRID_OF_SEVERAL
    return _SLIDE_GRID if theme().is_fixed else _GRID_SHARE * theme().width


def most_of_a_grid() -> float:
    """Return the longest side of a grid with numbers in inches."""
    return _MOST_SLIDE_GRID if theme().is_fixed else _MOST_GRID


def _narrow(make: PartOf, scale: float) -> Part:
    """Return a part with a narrow title."""
    return make(scale)._replace(letters=_TITLE)


def _as_grid(values: NDArray[Any]) -> Grid:
    return tuple(map(tuple, values.tolist()))
