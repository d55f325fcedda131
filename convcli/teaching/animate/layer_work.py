"""The arithmetic of a layer in an animation: a window, or the curve of a function."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.part import PartOf, plot_part
from convcli.plotting.style import figure_options

# isort: split
from collections.abc import Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.plotting.axes import finite_extremes, widest_text
from convcli.plotting.blit import Moving
from convcli.plotting.heatmap import Heatmap, HeatmapGroup, symmetric_limit
from convcli.plotting.labels import cell_texts
from convcli.plotting.moving import DrawnParts, MovingGrid
from convcli.plotting.window_marks import BoxMarks
from convcli.teaching.animate.grid_numbers import GridNumbers, most_of_a_grid
from convcli.teaching.animate.layer_window import LayerWindow
from convcli.teaching.animate.padded_input import PaddedInput
from convcli.teaching.animate.sliding_grids import grid_side
from convcli.teaching.animate.sliding_scene import Mover
from convcli.teaching.animate.spread_sums import SpreadSums
from convcli.teaching.animate.sums import products_of
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.chain.computation import (
    ActivationStep,
    NormalizeStep,
    PoolStep,
    SoftmaxStep,
    SpreadStep,
)
from convcli.teaching.explain.chain.curve_figure import CurvePoint, curve_box, draw_curve
from convcli.teaching.explain.grid_figure import (
    GridPicture,
    Kind,
    Places,
    Scales,
    grid_array,
    grids_part,
)

_SAMPLES = 500  # numbers by which the widest is guessed


class LayerWork(Protocol):
    """The arithmetic of a layer as parts of a page that are moved afterwards.

    Attributes:
        texts: those that change, by the names of their parts: one for each frame.
    """

    texts: dict[str, list[str]]

    def details(self) -> Sequence[tuple[Any, tuple[str, ...]]]:
        """Return the levels of detail, most first, each with the names of what it leaves out."""

    def equation(self, kinds: Any) -> list[PartOf]:
        """Return the parts for one of the details."""

    def moving(self, name: str, drawn: Any) -> list[Mover]:
        """Return what moves in the part of this name."""


class NoWork:
    """Nothing: a caption says how values are computed."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}

    def details(self) -> Sequence[tuple[bool, tuple[str, ...]]]:
        """Return the only detail."""
        return [(False, ())]

    def equation(self, kinds: bool) -> list[PartOf]:
        """Return no parts."""
        return []

    def moving(self, name: str, drawn: Any) -> list[Mover]:
        """Return that nothing moves."""
        return []


class WindowWork:
    """The window of a pool or a softmax: its numbers, and the one outlined that counts.

    Args:
        window: the layer.
        positions: in its map, one for each frame.
        steps: how each value is computed.
        padded: what the layer reads.
        channels: of ``padded`` that the layer reads.
        ends: the values at the ends of its colors.
        max_value: the pixel that is white; None for plain numbers.
        title: above the window.
        parts: collects the drawn parts, which move later.
    """

    def __init__(
        self,
        window: LayerWindow,
        positions: Sequence[Pair],
        steps: Sequence[PoolStep | SoftmaxStep],
        padded: PaddedInput,
        channels: Sequence[int],
        *,
        ends: tuple[float, float],
        max_value: int | None,
        title: str,
        parts: DrawnParts,
    ) -> None:
        self._window, self._positions, self._steps = window, positions, steps
        self._padded, self._channels, self._parts = padded, channels, parts
        self._ends, self._max_value, self._title = ends, max_value, title
        self._nothing = PaddedInput(window.holds_nothing(), padded.pads)
        kind = steps[0].kind if isinstance(steps[0], PoolStep) else "share"
        name = "mean" if kind == "avg" else kind
        self._has_mark = kind != "avg"
        values = cell_texts(
            np.array([window.values[at] for at in positions]), figure_options().digits
        )
        self.texts = {"result": [f"{name} {value}" for value in values]}

    def details(self) -> Sequence[tuple[bool, tuple[str, ...]]]:
        """Return whether the window is drawn: it is left out where it does not fit."""
        return [(True, ()), (False, ("windows",))]

    def equation(self, kinds: bool) -> list[PartOf]:
        """Return the window."""
        if not kinds:
            return []
        values = self._values(self._positions[0])
        places = self._places()
        sample = self._padded.pixels.ravel()
        sample = sample[:: max(1, sample.size // _SAMPLES)]
        extremes = np.array(finite_extremes(self._padded.pixels)).astype(sample.dtype)
        digits = figure_options().digits
        none = HeatmapGroup((), 1.0, 1)
        widest = max(widest_text(cell_texts(each, digits)) for each in (sample, extremes))
        scales = Scales(self._ends, self._max_value, none, none, widest, has_bars=False)
        grid = tuple(map(tuple, values.tolist()))
        caption, number = "", self._window.stage.number
        names = [self._window.tracer.name_of(number, each) for each in self._window.channels]
        if self._is_over_channels:
            is_first = number == 1
            caption = ", ".join(names) if is_first else f"maps 1 to {len(self._channels)}"
        make = grids_part(
            [GridPicture("window", "window", grid, names[0] if self._shows_color else "")],
            scales,
            places,
            title=self._title,
            caption="\n".join(filter(None, [caption, places.caption])),
            longest=grid_side(1),
            most=most_of_a_grid(),
        )
        part = self._parts.keep("window", make)
        return [self._parts.text_below("result", part, self.texts["result"])]

    @property
    def _shows_color(self) -> bool:
        """Whether the window holds one channel of a photo."""
        return self._window.shows_colors and not self._is_over_channels

    def moving(self, name: str, drawn: Any) -> list[Mover]:
        """Return the window, and the outline of the largest number in it."""
        grid = MovingGrid(drawn[0], self._places().steps)
        movers: list[Mover] = [(grid, partial(self._move_grid, grid))]
        if self._has_mark:
            box = BoxMarks(drawn[0].axes)
            movers.append((Moving(box.artists), partial(self._move_box, box)))
        return movers

    @property
    def _is_over_channels(self) -> bool:
        return len(self._channels) > 1

    def _places(self) -> Places:
        geometry = self._window.stage.plan.geometry
        if self._is_over_channels:
            return Places.moving((1, len(self._channels)), (1, 1))
        return Places.moving(geometry.kernel, geometry.dilation)

    def _values(self, at: Pair) -> NDArray[Any]:
        """Return the numbers of a window; of a pool over the channels in one row."""
        geometry = self._window.stage.plan.geometry
        windows = [self._padded.window(geometry, at, channel).values for channel in self._channels]
        return windows[0] if len(windows) == 1 else np.concatenate(windows, axis=1)

    def _move_grid(self, grid: MovingGrid, number: int) -> None:
        at, geometry = self._positions[number], self._window.stage.plan.geometry
        values = self._values(at)
        texts = cell_texts(values, figure_options().digits)
        outside = None
        if not self._is_over_channels:
            outside = self._padded.window(geometry, at).padding
            nothing = self._nothing.window(geometry, at).values
            texts = np.where(nothing.ravel(), "", texts).tolist()
        grid.move(values, texts, outside)

    def _move_box(self, box: BoxMarks, number: int) -> None:
        """Outline the extreme that explain follows, of equal ones the nearest to the center."""
        step = self._steps[number]
        x, y = step.map - 1, 0
        if isinstance(step, PoolStep):
            if step.next is None:
                box.move([])
                return
            row, column, channel = step.next
            x = channel - 1
            if not self._is_over_channels:
                down, across = self._places().steps
                y = step.window.rows.index(row) * down
                x = step.window.columns.index(column) * across
        box.move([(x, y, x + 1, y + 1)])


class SpreadWork:
    """A kernel, and its products with the value that is spread.

    Args:
        window: the layer.
        spread: what its values add.
        positions: in what it reads, one for each frame.
        channel: of what it reads.
        parts: collects the drawn parts, which move later.
        digits: decimals that were asked for; None for those that fit.
    """

    def __init__(
        self,
        window: LayerWindow,
        spread: SpreadSums,
        positions: Sequence[Pair],
        channel: int,
        *,
        parts: DrawnParts,
        digits: int | None,
    ) -> None:
        self._spread, self._positions, self._channel = spread, positions, channel
        self._parts, self._plane = parts, window.source[..., channel]
        geometry, name = window.stage.plan.geometry, ""
        if len(window.channels) > 1:
            name = window.tracer.name_of(window.stage.number, channel)
        self._title = ", ".join(filter(None, ["kernel", name]))
        self._places = Places.moving(geometry.kernel, geometry.dilation)
        self._digits = digits
        values = np.array([self._plane[at] for at in positions])
        texts = cell_texts(values, figure_options().digits)
        self.texts = {"result": [f"{text} × kernel" for text in texts]}

    def details(self) -> Sequence[tuple[tuple[Kind, ...], tuple[str, ...]]]:
        """Return the levels of detail, most first, each with the names of what it leaves out."""
        return [
            (("kernel", "products"), ()),
            (("products",), ("kernel",)),
            ((), ("kernel", "products")),
        ]

    @cached_property
    def _numbers(self) -> dict[Kind, GridNumbers]:
        """How the numbers of both grids are written."""
        weights, positions = self._spread.weights(self._channel), self._positions
        products = [self._spread.products(at, self._channel) for at in positions]
        shape = self._places.spread(weights)[0].shape
        both: dict[Kind, list[NDArray[Any]]] = {"kernel": [weights], "products": products}
        return {kind: GridNumbers.of(each, shape, self._digits) for kind, each in both.items()}

    def equation(self, kinds: tuple[Kind, ...]) -> list[PartOf]:
        """Return the kernel and the products."""
        return [self._grid(kind, is_equation=len(kinds) > 1) for kind in kinds]

    def _grid(self, kind: Kind, *, is_equation: bool) -> PartOf:
        is_kernel, first = kind == "kernel", self._positions[0]
        values = self._spread.weights(self._channel)
        if not is_kernel:
            values = self._spread.products(first, self._channel)
        numbers = self._numbers[kind]
        grid = tuple(map(tuple, values.tolist()))
        make = grids_part(
            [GridPicture(kind, kind, grid, texts=tuple(numbers.texts(values)))],
            self._scales()._replace(widest=numbers.widest),
            self._places,
            title=self._title if is_kernel else "products",
            caption=self._places.caption,
            sign=("×" if is_kernel else "=") * is_equation,
            longest=grid_side(1),
            most=most_of_a_grid(),
        )
        part = self._parts.keep(kind, make)
        return part if is_kernel else self._parts.text_below("result", part, self.texts["result"])

    def _scales(self) -> Scales:
        """Return the colors of both grids in any frame."""
        weights = self._spread.weights(self._channel)
        ends = np.array(finite_extremes(self._plane)).astype(self._plane.dtype)
        corners = products_of(ends[:, np.newaxis], weights.reshape(1, -1))
        lowest, highest = finite_extremes(corners)
        kernel = HeatmapGroup((Heatmap("", weights, ()),), symmetric_limit(weights), 1)
        is_signed = lowest < 0 or kernel.ends[0] < 0  # 0 is white in both
        products = HeatmapGroup((), max(-lowest, highest) or 1.0, 1, is_signed)
        return Scales((0.0, 1.0), None, kernel, products, 0.0, has_bars=figure_options().bars)

    def moving(self, name: str, drawn: Any) -> list[Mover]:
        """Return the products, which change."""
        if name == "kernel":
            return []
        grid = MovingGrid(drawn[0], self._places.steps)

        def move(number: int) -> None:
            products = self._spread.products(self._positions[number], self._channel)
            grid.move(products, self._numbers["products"].texts(products))

        return [(grid, move)]


class ShareWork:
    """The values that an upsampled one lies between, their shares in it, and the products.

    Where a value has fewer neighbors than others, as at the edges, the cells of the rest are empty.

    Args:
        steps: how each value is computed.
        ends: the values at the ends of the colors of the window.
        max_value: the pixel that is white; None for plain numbers.
        hue: the channel of a photo that is upsampled: red, green or blue.
        parts: collects the drawn parts, which move later.
    """

    def __init__(
        self,
        steps: Sequence[SpreadStep],
        *,
        ends: tuple[float, float],
        max_value: int | None,
        hue: str,
        parts: DrawnParts,
    ) -> None:
        self._ends, self._max_value, self._hue, self._parts = ends, max_value, hue, parts
        sums = [step.computation.outputs[0].responses[0].sums[0] for step in steps]
        self._values: dict[Kind, list[NDArray[Any]]] = {
            "window": [grid_array(part.window) for part in sums],
            "kernel": [grid_array(part.weights) for part in sums],
            "products": [grid_array(part.products) for part in sums],
        }
        shapes = [values.shape for values in self._values["window"]]
        self._shape = max(rows for rows, _ in shapes), max(columns for _, columns in shapes)
        texts = cell_texts(np.array([step.value for step in steps]), figure_options().digits)
        self.texts = {"result": [f"sum {text}" for text in texts]}

    @property
    def is_shown(self) -> bool:
        """Whether values have several neighbors at all."""
        return self._shape != (1, 1)

    def details(self) -> Sequence[tuple[tuple[Kind, ...], tuple[str, ...]]]:
        """Return the levels of detail, most first, each with the names of what it leaves out."""
        return [
            (("window", "kernel", "products"), ()),
            (("window", "kernel"), ("products",)),
            ((), ("windows", "weights", "products")),
        ]

    def equation(self, kinds: tuple[Kind, ...]) -> list[PartOf]:
        """Return the window, its weights and the products."""
        return [self._grid(kind, kinds) for kind in kinds]

    def _grid(self, kind: Kind, kinds: tuple[Kind, ...]) -> PartOf:
        title = {"window": "neighbors", "kernel": "shares", "products": "products"}[kind]
        make = grids_part(
            [GridPicture(kind, title, tuple(map(tuple, self._whole(kind, 0).tolist())), self._hue)],
            self._scales(),
            Places.moving(self._shape, (1, 1)),
            title=title,
            caption="",
            sign={"window": "", "kernel": "×", "products": "="}[kind],
            longest=grid_side(1),
            most=most_of_a_grid(),
        )
        part = self._parts.keep(kind, make)
        is_last = kind == kinds[-1]
        return self._parts.text_below("result", part, self.texts["result"]) if is_last else part

    def _whole(self, kind: Kind, number: int) -> NDArray[Any]:
        """Return the numbers of a frame, with 0 in the cells that it has none for."""
        values = self._values[kind][number]
        pads = [(0, most - own) for most, own in zip(self._shape, values.shape, strict=True)]
        return np.pad(values, pads)

    def _scales(self) -> Scales:
        """Return the colors of all grids, and the width of the widest number in any frame."""
        digits = figure_options().digits
        every = chain.from_iterable(self._values.values())
        widest = max(widest_text(cell_texts(values, digits)) for values in every)
        products = np.concatenate([values.ravel() for values in self._values["products"]])
        limit, is_signed = symmetric_limit(products), finite_extremes(products)[0] < 0
        return Scales(
            self._ends,
            self._max_value,
            HeatmapGroup((), 1.0, 1),
            HeatmapGroup((), limit, 1, is_signed),
            widest,
            has_bars=False,
        )

    def moving(self, name: str, drawn: Any) -> list[Mover]:
        """Return the grid, whose numbers change."""
        kind = cast(Kind, name)
        grid = MovingGrid(drawn[0])

        def move(number: int) -> None:
            rows, columns = self._values[kind][number].shape
            written = np.full(self._shape, "", object)
            written[:rows, :columns] = np.reshape(
                cell_texts(self._values[kind][number], figure_options().digits), (rows, columns)
            )
            grid.move(self._whole(kind, number), written.ravel().tolist())

        return [(grid, move)]


class CurveWork:
    """The curve of a function of one value, on which the value moves.

    Args:
        window: the layer.
        steps: how each value is computed.
        title: above the curve.
        parts: collects the drawn parts, which move later.
    """

    def __init__(
        self,
        window: LayerWindow,
        steps: Sequence[ActivationStep | NormalizeStep],
        *,
        title: str,
        parts: DrawnParts,
    ) -> None:
        self._window, self._steps, self._title, self._parts = window, steps, title, parts
        self.texts = {
            "result": [f"{format_number(s.input)} → {format_number(s.value)}" for s in steps]
        }

    def details(self) -> Sequence[tuple[bool, tuple[str, ...]]]:
        """Return whether the curve is drawn: it is left out where it does not fit."""
        return [(True, ()), (False, ("curves",))]

    def equation(self, kinds: bool) -> list[PartOf]:
        """Return the curve."""
        if not kinds:
            return []
        step = self._steps[0]
        inputs = finite_extremes(self._window.source[..., self._window.channel])
        draw = partial(draw_curve, step=step, layer=self._window.layer, inputs=inputs)
        before = "input" if step.number == 1 else f"after layer {step.number - 1}"
        part = plot_part(
            self._parts.keep_axes("curve", draw), curve_box, title=self._title, xlabel=before
        )
        return [self._parts.text_below("result", part, self.texts["result"])]

    def moving(self, name: str, drawn: Any) -> list[Mover]:
        """Return the point on the curve."""
        point = CurvePoint(drawn)

        def move(number: int) -> None:
            step = self._steps[number]
            point.move(float(step.input), float(step.value))

        return [(Moving(point.artists), move)]
