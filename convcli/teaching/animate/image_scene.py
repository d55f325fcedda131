"""The frames of a window that slides over an image or a matrix."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_name
from convcli.plotting.image_panel import (
    ImagePanel,
    boxed_image,
    common_range,
    image_part,
    panel_box,
    value_bar,
)
from convcli.plotting.page import Part, Rows, Simpler, compose, fits_line, in_lines
from convcli.plotting.style import figure_options, style_context, theme

# isort: split
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.figure_options import FigureOptions
from convcli.geometry import Pair, size_text
from convcli.plotting.axes import MAX_TICKED, DrawnImage, finite_extremes, widest_text
from convcli.plotting.blit import BlitCanvas, Moving
from convcli.plotting.heatmap import Heatmap, HeatmapGroup, kernel_title, symmetric_limit
from convcli.plotting.labels import cell_texts, conv_facts
from convcli.plotting.moving import (
    DrawnParts,
    FillingMap,
    Magnifier,
    MovingGrid,
    MovingText,
    PartOf,
)
from convcli.plotting.window_marks import WindowMarks, hatched_text
from convcli.teaching.animate.captions import captions, explanations, fitting_digits, scene_title
from convcli.teaching.animate.sliding import SlidingWindow
from convcli.teaching.animate.sums import ChannelSum, products_of, sums_of, window_at
from convcli.teaching.explain.computation import Grid
from convcli.teaching.explain.grid_figure import (
    GridPicture,
    Kind,
    Places,
    Scales,
    grids_part,
    sum_text,
    terms_of,
)

_IMAGE, _SLIDE_IMAGE = 3.2, 2.6  # inches; longer side of the input and of a single map
_MAGNIFIED = 0.72  # of the input's side
_OF_SEVERAL = 2.6  # inches; longer side of each of several maps
_SMALL = 0.2  # inches; a smaller window is magnified
_AROUND, _LEAST = 4, 17  # a magnifier shows so many windows, and at least so many pixels
_MAX_SUMS = 3  # more are drawn without their products
_LINES, _SLIDE_LINES = 14, 1  # of a caption at most
_LEAST_SCALE = 0.5  # before anything is left out
_SIZES = 1.0, 0.9, 0.8, 0.7  # of images; the first that fits all in one line counts
_GRID_SHARE = 0.19  # of the page's width; the side of a grid, unless its numbers need more
_SLIDE_GRID, _GRID_OF_SEVERAL = 1.7, 1.25  # inches; sides of grids
_MOST_GRID, _MOST_SLIDE_GRID = 4.0, 2.2  # inches; a grid whose numbers need more has none
_SAMPLES = 500  # numbers by which the widest is guessed
_TITLE = 7  # letters of a kernel's name in a line, where there are many kernels
_LONGEST_TITLE = 60  # letters of a kernel's name


class ImageScene(BlitCanvas):
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
        if options.digits is None:
            options = options._replace(digits=fitting_digits(window, positions))
        self._window, self._positions = window, positions
        self._padded, self._sums = window.padded(), sums_of(window)
        self._parts = DrawnParts()
        with style_context(options):
            figure = self._draw(scene_title(window, title))
            moving: list[Moving] = []
            self._movers = self._movers_of(figure, moving)
            self.move(0)
        super().__init__(figure, moving, len(positions), options)

    def move(self, number: int) -> None:
        """Move the window to one position, with everything that depends on it."""
        for mover in self._movers:
            mover(number)

    def _draw(self, title: str) -> Figure:
        """Draw the page as it is at the first position."""
        window, positions = self._window, self._positions
        digits = figure_options().digits or 0
        explained = explanations(window, positions, digits)
        most = _SLIDE_LINES if theme().is_fixed else _LINES
        lines = captions(window, positions, explained, digits, most)
        self._texts = {"caption": ["\n".join(each) for each in lines]}
        if explained is not None:
            totals = [[sum_text(term.part.sum) for term in terms_of(each)] for each in explained]
            for number, texts in enumerate(zip(*totals, strict=True)):
                self._texts[f"sum {number}"] = [f"sum {text}" for text in texts]
        caption = self._parts.caption("caption", self._texts["caption"])
        plans = []
        for kinds, numbered, left_out in self._details():
            images, maps = self._images(numbered=numbered), self._maps(numbered=numbered)
            arrange = partial(_rows, numbered=numbered) if numbered else _rows
            plan = partial(arrange, images, self._equation(kinds), maps, caption)
            plans.append(Simpler(plan, left_out))
        first, *simpler = plans
        return compose(
            first.plan,
            title=title,
            facts=", ".join(conv_facts(window.filter)),
            left_out=first.left_out,
            simpler=simpler,
            least=_LEAST_SCALE,
            multiple=2,
        )

    def _details(self) -> list[tuple[tuple[Kind, ...], bool, tuple[str, ...]]]:
        """Return what is drawn, less and less.

        This is what is drawn of each sum, whether small images have numbers in any case, and
        the names of what is left out.
        """
        details: list[tuple[tuple[Kind, ...], bool, tuple[str, ...]]] = [
            (("window", "kernel", "products"), False, ()),
            (("window", "kernel"), False, ("products",)),
            (("kernel",), False, ("windows", "products")),
        ]
        if len(self._sums) > _MAX_SUMS:
            has_one_window = len({plan.geometry for plan in self._window.plans}) == 1
            details = [(("kernel",), False, ("windows",))]
            if has_one_window:
                details.insert(0, (("window", "kernel"), False, ()))
        shown = self._padded, self._window.pixels[..., 0]
        has_numbers = any(ImagePanel(pixels, None).numbered for pixels in shown)
        return [(details[0][0], True, ())] * has_numbers + details

    def _images(self, *, numbered: bool) -> list[PartOf]:
        """Return the padded input and, where the window is small in it, a magnifier."""
        window, pads, longest = self._window, self._window.pads, _image_side()
        panel = ImagePanel(self._padded, window.image.max_value)
        ends = value_range(panel)
        caption = size_text(window.image.shape)
        if any(pads):
            caption += f"\n{hatched_text(pads, window.plans[0].border)}"
        whole = image_part(
            panel,
            longest,
            title="input",
            caption=caption,
            ends=ends,
            bar=None if numbered and theme().is_fixed else value_bar(panel, ends),
            pads=pads if any(pads) else None,
        )
        parts = [self._parts.keep("input", whole)]
        cell = panel_box(panel, longest)[0] / panel.shape[1]
        if cell * min(window.geometry.extent) < _SMALL:
            side = max(_LEAST, *(_AROUND * extent for extent in window.geometry.extent))
            near = ImagePanel(self._padded[:side, :side], window.image.max_value)

            def magnified(scale: float) -> Part:
                box = panel_box(near, _MAGNIFIED * longest, scale)
                return boxed_image(near, box, ends, title="magnified", ticks=False, numbers=False)

            parts.append(self._parts.keep("magnifier", magnified))
        return parts

    def _maps(self, *, numbered: bool) -> list[PartOf]:
        """Return the feature map of each channel; the last has the bar of all."""
        window, kernels = self._window, self._window.filter.kernels
        panels = [ImagePanel(plane, window.max_value) for plane in np.moveaxis(window.pixels, 2, 0)]
        ends = value_range(*panels)
        bar = value_bar(panels[0], ends, mapped=window.ends)
        if numbered and theme().is_fixed and window.ends is None:  # the numbers say as much
            bar = None
        caption = size_text(window.output_shape)
        if len(kernels) > 1:
            caption += f"\n{window.filter.combine} of {len(kernels)} kernels"
        return [
            self._parts.keep(
                f"map {number}",
                image_part(
                    panel,
                    _image_side() if len(panels) == 1 else _OF_SEVERAL,
                    title=f"feature map {channel}".strip(),
                    caption=caption,
                    ends=ends,
                    bar=bar if number == len(panels) - 1 else None,
                ),
            )
            for number, (panel, channel) in enumerate(zip(panels, window.channels, strict=True))
        ]

    def _equation(self, kinds: tuple[Kind, ...]) -> list[PartOf]:
        """Return windows, kernels and products."""
        if len(self._sums) == 1:
            return self._large_grids(kinds, self._scales(kinds))
        names = [_shortened(short_name(kernel.name)) for kernel in self._window.filter.kernels]
        line: list[PartOf] = []
        if len(self._sums) <= _MAX_SUMS:
            scales = self._scales(kinds)
            for number, each in enumerate(self._sums):
                both = [names[each.kernel], *filter(None, [each.name])]
                title = each.name if each.name and len(names) == 1 else ", ".join(both)
                part = self._grids(number, kinds, scales, title=title)
                line.append(self._with_sum(number, part))
            return line
        channels = {each.channel: number for number, each in enumerate(self._sums)}
        if "window" in kinds:
            scales = self._scales(("window",))
            line = [
                self._grids(number, ("window",), scales, title=f"window {self._sums[number].name}")
                for number in sorted(channels.values())
            ]
        scales = self._scales(("kernel",))
        for number, each in enumerate(self._sums):
            if each.channel == 0:
                part = self._grids(number, ("kernel",), scales, title=names[each.kernel])
                if len(channels) == 1:
                    part = self._with_sum(number, part)
                line.append(partial(_narrow, part))
        return line

    def _large_grids(self, kinds: tuple[Kind, ...], scales: Scales) -> list[PartOf]:
        """Return the grids of the only sum, each with a title of its own."""
        kernel = self._window.filter.kernels[0]
        flipped = "flipped by convolve" * (self._window.filter.conv.operation == "convolve")
        parts = []
        for kind, sign in zip(kinds, ("", "×", "="), strict=False):
            title = _shortened(kernel_title(kernel)) if kind == "kernel" else kind
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
        part = self._sums[number]
        values, _ = window_at(self._window, self._padded, part, self._positions[0])
        arrays: dict[Kind, NDArray[Any]] = {
            "window": values,
            "kernel": part.weights,
            "products": products_of(values, part.weights),
        }
        places = self._places(part)
        shown = [GridPicture(kind, kind, _as_grid(arrays[kind])) for kind in kinds]
        caption = "\n".join(filter(None, [caption, places.caption * ("kernel" in kinds)]))
        make = grids_part(
            shown,
            scales,
            places,
            title=title,
            caption=caption,
            sign=sign,
            longest=self._grid_side(),
            most=_MOST_SLIDE_GRID if theme().is_fixed else _MOST_GRID,
        )
        return self._parts.keep(" ".join([f"grids {number}", *kinds]), make)

    def _grid_side(self) -> float:
        """Return the longer side of a grid in inches, unless its numbers need more."""
        if len(self._sums) > 1:
            return _GRID_OF_SEVERAL
        return _SLIDE_GRID if theme().is_fixed else _GRID_SHARE * theme().width

    def _with_sum(self, number: int, make: PartOf) -> PartOf:
        name = f"sum {number}"
        return self._parts.text_below(name, make, self._texts.get(name, []))

    def _places(self, part: ChannelSum) -> Places:
        geometry = self._window.plans[part.kernel].geometry
        return Places.moving(geometry.kernel, geometry.dilation)

    def _scales(self, kinds: tuple[Kind, ...]) -> Scales:
        """Return the colors of all grids and the width of their widest number, at all positions."""
        panel = ImagePanel(self._padded, self._window.image.max_value)
        weights = [part.weights for part in self._sums]
        ends = np.array(finite_extremes(self._padded)).astype(self._padded.dtype)
        corners = [np.ravel(products_of(ends[:, np.newaxis], each.ravel())) for each in weights]
        lowest, highest = finite_extremes(np.concatenate(corners))
        widest = 0.0
        if max(max(each.shape) for each in weights) <= MAX_TICKED:
            sample = self._padded.ravel()[:: max(1, self._padded.size // _SAMPLES)]
            numbers = [ends, sample] * ("window" in kinds) + weights
            numbers += corners * ("products" in kinds)
            texts = [cell_texts(each, figure_options().digits) for each in numbers]
            widest = max(map(widest_text, texts))
        return Scales(
            window=value_range(panel),
            max_value=panel.max_value,
            kernel=HeatmapGroup(
                tuple(Heatmap("", each, ()) for each in weights),
                max(map(symmetric_limit, weights)),
                1,
            ),
            products=HeatmapGroup((), max(-lowest, highest) or 1.0, 1, is_signed=lowest < 0),
            widest=widest,
            has_bars=len(weights) == 1 and figure_options().bars,
        )

    def _movers_of(self, figure: Figure, moving: list[Moving]) -> list[Callable[[int], None]]:
        """Return what moves everything to the position of a frame, and collect what moves."""
        window, drawn = self._window, self._parts.of(figure)
        movers: list[Callable[[int], None]] = []

        def add(mover: Magnifier | FillingMap | WindowMarks) -> None:
            moving.append(mover if isinstance(mover, Moving) else Moving(mover.artists))
            movers.append(lambda number: mover.move(self._positions[number]))

        for name, what in drawn.items():
            kind, *words = name.split()
            if kind == "magnifier":
                add(Magnifier(what[0], self._padded, window.pads, window.geometry))
            elif kind == "map":
                add(FillingMap(what[0], self._positions[0]))
            elif kind == "input":
                for geometry in dict.fromkeys(plan.geometry for plan in window.plans):
                    add(WindowMarks(what[0].axes, geometry, window.pads))
            elif kind == "grids":
                grids = self._moving_grids(self._sums[int(words[0])], what, words[1:])
                moving += [grid for grid, _ in grids]
                movers += [mover for _, mover in grids]
            else:
                text = MovingText(what, self._texts[name])
                moving.append(text)
                movers.append(text.move)
        return movers

    def _moving_grids(
        self, part: ChannelSum, images: Sequence[DrawnImage], kinds: Sequence[str]
    ) -> list[tuple[MovingGrid, Callable[[int], None]]]:
        """Return the window and the products of one sum, and what moves them."""
        grids: list[tuple[MovingGrid, Callable[[int], None]]] = []
        for image, kind in zip(images, kinds, strict=True):
            if kind == "kernel":
                continue
            grid = MovingGrid(image, self._places(part).steps)
            grids.append((grid, partial(self._move_grid, grid, part, kind)))
        return grids

    def _move_grid(self, grid: MovingGrid, part: ChannelSum, kind: str, number: int) -> None:
        values, outside = window_at(self._window, self._padded, part, self._positions[number])
        shown = values if kind == "window" else products_of(values, part.weights)
        is_small = max(values.shape) <= MAX_TICKED
        texts = cell_texts(shown, figure_options().digits) if is_small else []
        grid.move(shown, texts, outside if kind == "window" else None)


def _rows(
    images: Sequence[PartOf],
    equation: Sequence[PartOf],
    maps: Sequence[PartOf],
    caption: PartOf,
    scale: float,
    *,
    numbered: bool = False,
) -> Rows:
    """Return the parts in lines that fit the page; grids stay as large as their numbers need.

    Images become a little smaller where all of them fit one line then, unless they are numbered.
    """
    middle = [make(max(scale, 1.0)) for make in equation]
    sizes = (1.0,) if numbered or theme().is_fixed else _SIZES
    if numbered:
        scale = max(scale, 1.0)
    for size in sizes:
        first, last = ([make(size * scale) for make in parts] for parts in (images, maps))
        whole = [*first, *middle, *last]
        if fits_line(whole):
            return [whole, [caption(scale)]]
    for size in sizes:
        line = [make(size * scale) for make in (*images, *maps)]
        if fits_line(line):
            return [line, *in_lines(middle), [caption(scale)]]
    first, last = ([make(scale) for make in parts] for parts in (images, maps))
    return [*in_lines(first), *in_lines(middle), *in_lines(last), [caption(scale)]]


def _image_side() -> float:
    """Return the longer side of the input and of a single map in inches."""
    return _SLIDE_IMAGE if theme().is_fixed else _IMAGE


def _shortened(name: str) -> str:
    """Return a kernel's name, or its beginning."""
    return name if len(name) <= _LONGEST_TITLE else f"{name[: _LONGEST_TITLE - 3]}..."


def _narrow(make: PartOf, scale: float) -> Part:
    """Return a part with a narrow title."""
    return make(scale)._replace(letters=_TITLE)


def value_range(*panels: ImagePanel) -> tuple[float, float]:
    """Return the ends of the colors: as in other figures, but from 0 on where none is negative."""
    low, high = common_range(panels)
    return (0.0, high) if low > 0 and figure_options().limits is None else (low, high)


def _as_grid(values: NDArray[Any]) -> Grid:
    return tuple(map(tuple, values.tolist()))
