"""The arithmetic of windows that slide: window, kernel and products as grids that move."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS
from convcli.plotting.part import Part, PartOf
from convcli.plotting.rows import stacked
from convcli.plotting.style import figure_options, theme

# isort: split
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Geometry, Pair
from convcli.kernels.kernel import Kernel
from convcli.plotting.axes import DrawnImage, finite_extremes
from convcli.plotting.heatmap import Heatmap, HeatmapGroup, kernel_title, symmetric_limit
from convcli.plotting.moving import DrawnParts, MovingGrid
from convcli.teaching.animate.grid_numbers import FEWER_DIGITS, GridNumbers, most_of_a_grid
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


class ShownGrids(NamedTuple):
    """What is drawn of each sum, and the digits of the largest number of a grid at most."""

    kinds: tuple[Kind, ...]
    significant: int | None = None


class SlidingGrids:
    """Windows, kernels and products of sums, as parts of a page that are moved afterwards.

    Args:
        sums: what is drawn.
        positions: in the feature map, one for each frame.
        explained: each position's explanation; None if there are too many products to write sums.
        parts: collects the drawn parts, which move later.
        digits: decimals that were asked for; None for those that fit.

    Attributes:
        texts: the sum of each of the sums at each position.
    """

    def __init__(
        self,
        sums: SlidingSums,
        positions: Sequence[Pair],
        explained: Sequence[Computation] | None,
        parts: DrawnParts,
        digits: int | None,
    ) -> None:
        self._of, self._positions, self._parts, self._digits = sums, positions, parts, digits
        self._written: dict[tuple[Kind, int | None], GridNumbers] = {}
        self.texts: dict[str, list[str]] = {}
        if explained is not None:
            totals = [[sum_text(term.part.sum) for term in terms_of(each)] for each in explained]
            for number, texts in enumerate(zip(*totals, strict=True)):
                self.texts[f"sum {number}"] = [f"sum {text}" for text in texts]

    def details(self) -> list[tuple[ShownGrids, tuple[str, ...]]]:
        """Return the levels of detail of a sum, most first, with the names of what each lacks."""
        if len(self._of.sums) <= _MAX_SUMS:
            kinds: list[tuple[tuple[Kind, ...], tuple[str, ...]]] = [
                (("window", "kernel", "products"), ()),
                (("window", "kernel"), ("products",)),
                (("kernel",), ("windows", "products")),
            ]
        else:
            kinds = [(("kernel",), ("windows", "products"))]
            if len(set(self._of.geometries)) == 1:
                kinds.insert(0, (("window", "kernel"), ("products",)))
        details = []
        for each, lack in kinds:
            for significant in (None, *FEWER_DIGITS) if self._digits is None else (None,):
                shown = ShownGrids(each, significant)
                numbers = [self._numbers(kind, significant) for kind in each]
                is_rounded = any(own.is_rounded for own in numbers)
                names = ["further digits"] * is_rounded
                if not all(own.fits(self._extent) for own in numbers):
                    names.append(NO_ROOM_FOR_NUMBERS)
                if significant is None or is_rounded:
                    details.append((shown, (*names, *lack)))
        return details

    def equation(self, kinds: ShownGrids) -> list[PartOf]:
        """Return windows, kernels and products; those of a few sums stand below each other."""
        shown, sums = kinds, self._of.sums
        if len(sums) == 1:
            return self._large_grids(shown)
        names = [shortened(short_kernel(kernel.name)) for kernel in self._of.kernels]
        if len(sums) > _MAX_SUMS:
            return self._many_grids(shown, names)
        windows = {(part.channel, part.takes_anchor, self._of.geometries[part.kernel])
                   for part in sums}  # fmt: skip
        is_shared = len(windows) == 1
        rows = []
        for number, each in enumerate(sums):
            both = [names[each.kernel], *filter(None, [each.name])]
            title = each.name if each.name and len(names) == 1 else ", ".join(both)
            is_added = number > 0 and self._of.kernels[each.kernel].matrix.ndim == 3
            own = tuple(kind for kind in shown.kinds if kind != "window" or not is_shared)
            rows.append(self._row(number, shown._replace(kinds=own), title, is_added=is_added))
        if shown.kinds == ("kernel",):
            return [part for row in rows for part in row]
        line = [self._grid(0, "window", shown, title="window")] if is_shared else []
        return [*line, lambda scale: stacked([[make(scale) for make in row] for row in rows])]

    def _row(self, number: int, shown: ShownGrids, title: str, *, is_added: bool) -> list[PartOf]:
        """Return the grids of one of several sums; its title stands above the first."""
        row: list[PartOf] = []
        for kind in shown.kinds:
            sign = {"window": "", "kernel": "×", "products": "="}[kind]
            if kind == shown.kinds[0]:
                own, sign = title, "+" if is_added else sign if kind != shown.kinds[-1] else ""
            else:
                own = kind if number == 0 else ""
            row.append(partial(_small, self._grid(number, kind, shown, title=own, sign=sign)))
        row[-1] = self._with_sum(number, row[-1])
        return row

    def _many_grids(self, shown: ShownGrids, names: Sequence[str]) -> list[PartOf]:
        """Return the windows and the kernels of many sums."""
        channels = {each.channel: number for number, each in enumerate(self._of.sums)}
        line: list[PartOf] = []
        if "window" in shown.kinds:
            line = [
                self._grid(number, "window", shown, title=f"window {self._of.sums[number].name}")
                for number in sorted(channels.values())
            ]
        for number, each in enumerate(self._of.sums):
            if each.channel == 0:
                part = self._grid(number, "kernel", shown, title=names[each.kernel])
                if len(channels) == 1:
                    part = self._with_sum(number, part)
                line.append(partial(_narrow, part))
        return line

    def _large_grids(self, shown: ShownGrids) -> list[PartOf]:
        """Return the grids of the only sum, each with a title of its own."""
        kernel, kinds = self._of.kernels[0], shown.kinds
        flipped = "flipped by convolve" * (self._of.operation == "convolve")
        parts = []
        for kind, sign in zip(kinds, ("", "×", "="), strict=False):
            title = shortened(kernel_title(kernel)) if kind == "kernel" else kind
            if kind == "window" and self._of.sums[0].name:
                title += f", {self._of.sums[0].name}"
            part = self._grid(
                0, kind, shown, title=title, caption=flipped * (kind == "kernel"),
                sign=sign * (len(kinds) > 1),
            )  # fmt: skip
            parts.append(self._with_sum(0, part) if kind == kinds[-1] else part)
        return parts

    def _grid(
        self,
        number: int,
        kind: Kind,
        shown: ShownGrids,
        *,
        title: str,
        caption: str = "",
        sign: str = "",
    ) -> PartOf:
        """Return a grid of one sum as it is at the first position."""
        part = self._of.sums[number]
        seen = self._of.window(part, self._positions[0])
        values = {
            "window": seen.values,
            "kernel": part.weights,
            "products": products_in(seen, part.weights),
        }[kind]
        places, numbers = self._places(part), self._numbers(kind, shown.significant)
        hue = part.name if self._of.max_value is not None else ""
        notes = [caption, places.caption * (kind == "kernel"), *self._notes(part, kind)]
        make = grids_part(
            [GridPicture(kind, kind, _as_grid(values), hue, tuple(numbers.texts(values)))],
            self._scales._replace(widest=self._widest(kind, shown)),
            places,
            title=title,
            caption="\n".join(filter(None, notes)),
            sign=sign,
            longest=grid_side(len(self._of.sums)),
            most=most_of_a_grid() if numbers.fits(self._extent) else 0.0,
        )
        digits = shown.significant or ""
        return self._parts.keep(f"grids {number} {kind} {digits}", make)

    def _widest(self, kind: Kind, shown: ShownGrids) -> float:
        """Return the width of the widest number of a grid or, if these fit, of all beside it."""
        own = self._numbers(kind, shown.significant)
        widest = [self._numbers(each, shown.significant).widest for each in shown.kinds]
        common = own._replace(widest=max(widest))
        is_single = len(self._of.sums) == 1 and not theme().is_fixed
        is_common = is_single and common.fits(self._extent)
        return common.widest if is_common else own.widest

    def _notes(self, part: ChannelSum, kind: Kind) -> list[str]:
        """Return what marks missing values in the window of a sum."""
        if kind != "window" or self._of.padded.missing is None:
            return []
        return [MISSING_NOTE, *[FILLED_NOTE] * part.takes_anchor]

    def _with_sum(self, number: int, make: PartOf) -> PartOf:
        name = f"sum {number}"
        return self._parts.text_below(name, make, self.texts.get(name, []))

    def _places(self, part: ChannelSum) -> Places:
        geometry = self._of.geometries[part.kernel]
        return Places.moving(geometry.kernel, geometry.dilation)

    @cached_property
    def _extent(self) -> Pair:
        """Rows and columns of the largest grid, with the gaps of a dilation."""
        shapes = [self._places(part).spread(part.weights)[0].shape for part in self._of.sums]
        return max(rows for rows, _ in shapes), max(columns for _, columns in shapes)

    @cached_property
    def _samples(self) -> dict[Kind, list[NDArray[Any]]]:
        """Numbers like those of all grids of a kind, at all positions."""
        padded, weights = self._of.padded.pixels, [part.weights for part in self._of.sums]
        finite = padded[np.isfinite(padded)]
        ends = np.array([finite.min(), finite.max()] if finite.size else [0, 0], padded.dtype)
        sample = padded.ravel()[:: max(1, padded.size // _SAMPLES)]
        values = np.concatenate([ends, sample])[:, np.newaxis]
        products = [np.ravel(products_of(values, each.ravel())) for each in weights]
        return {"window": [values], "kernel": weights, "products": products}

    def _numbers(self, kind: Kind, significant: int | None) -> GridNumbers:
        """Return how the numbers of all grids of a kind are written."""
        key = kind, significant
        if key not in self._written:
            self._written[key] = GridNumbers.of(
                self._samples[kind], self._extent, self._digits, significant
            )
        return self._written[key]

    @cached_property
    def _scales(self) -> Scales:
        """The colors of all grids, at all positions."""
        weights = self._samples["kernel"]
        lowest, highest = finite_extremes(np.concatenate(self._samples["products"]))
        kernel = HeatmapGroup(
            tuple(Heatmap("", each, ()) for each in weights), max(map(symmetric_limit, weights)), 1
        )
        is_signed = lowest < 0 or kernel.ends[0] < 0  # 0 is white in both
        return Scales(
            window=self._of.ends,
            max_value=self._of.max_value,
            kernel=kernel,
            products=HeatmapGroup((), max(-lowest, highest) or 1.0, 1, is_signed),
            widest=0.0,
            has_bars=len(weights) == 1 and figure_options().bars,
        )

    def moving(self, name: str, images: Sequence[DrawnImage]) -> list[Mover]:
        """Return the window or the products in the part of this name, and what moves them."""
        _, place, kind, digits = name.split(" ")
        if kind == "kernel":
            return []
        part, [image] = self._of.sums[int(place)], images
        numbers = self._numbers(cast(Kind, kind), int(digits) if digits else None)
        grid = MovingGrid(image, self._places(part).steps)
        is_window = kind == "window"
        return [(grid, partial(self._move_grid, grid, part, numbers, is_window=is_window))]

    def _move_grid(
        self,
        grid: MovingGrid,
        part: ChannelSum,
        numbers: GridNumbers,
        number: int,
        *,
        is_window: bool,
    ) -> None:
        seen = self._of.window(part, self._positions[number])
        if is_window:
            grid.move(seen.values, numbers.texts(seen.values), seen.padding, seen.filled)
        else:
            products = products_in(seen, part.weights)
            grid.move(products, numbers.texts(products))


def grid_side(count: int) -> float:
    """Return the longer side of each of some grids in inches, unless its numbers need more."""
    if count > 1:
        return _GRID_OF_SEVERAL
    return _SLIDE_GRID if theme().is_fixed else _GRID_SHARE * theme().width


def _narrow(make: PartOf, scale: float) -> Part:
    """Return a part with a narrow title."""
    return make(scale)._replace(letters=_TITLE)


def _small(make: PartOf, scale: float) -> Part:
    """Return a part with a title that is no larger than other text."""
    return make(scale)._replace(is_small=True, letters=_TITLE)


def _as_grid(values: NDArray[Any]) -> Grid:
    return tuple(map(tuple, values.tolist()))
