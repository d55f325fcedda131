"""The frames of a window that slides along a signal."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.labels import conv_facts, format_short, text_width
from convcli.plotting.part import PartOf
from convcli.plotting.sample_scale import (
    input_scale,
    outer_limits,
    result_scale,
    set_sample_ticks,
    set_y_ticks,
)
from convcli.plotting.signal_plot import (
    CHANNEL_COLORS,
    MAX_STEMS,
    SignalPadding,
    axes_inches,
    draw_padded,
    draw_samples,
    mark_sample,
    padded_samples,
    padded_text,
    samples_text,
    signal_box,
    signal_part,
    signal_samples,
    widest_geometry,
)
from convcli.plotting.style import NAN_COLOR, figure_options, style_context, theme
from convcli.plotting.window_marks import WINDOW_COLOR

# isort: split
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from convcli.figure_options import FigureOptions
from convcli.geometry import Pair
from convcli.plotting.blit import BlitCanvas, Moving
from convcli.plotting.moving import DrawnParts, MovingText
from convcli.teaching.animate.captions import (
    captions,
    empty_note,
    explanations,
    fitting_digits,
    scene_title,
)
from convcli.teaching.animate.padded_input import SeenWindow
from convcli.teaching.animate.sliding import SlidingWindow
from convcli.teaching.animate.sums import ChannelSum, products_in, sums_of
from convcli.teaching.explain.signal_figure import (
    BAR_SHARE,
    KERNEL_COLOR,
    align_zeros,
    compose_rows,
    ends_from_zero,
    needs_own_axis,
    own_axis,
    seen_padding,
    seen_taps,
    sums_key,
)

_LINES, _SLIDE_LINES = 9, 1  # of a caption at most
_MAX_SUMS = 3
_STEM_INCHES = 0.06  # least distance of stems
_INSIDE = 0.012  # of the height and width of axes, which a cover leaves free at their edges
_CORNERS = np.array([(-1, 0), (-1, 1), (1, 1), (1, 0), (-1, 0)])  # of a bar
_CODES = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]


class SignalScene(BlitCanvas):
    """The frames of a kernel that moves over a signal, with products, and with the result below.

    Args:
        window: what slides.
        positions: in the result, in its order.
        title: the heading.
        axis: of the signal: 1 for a row, 0 for a column.
        options: how the frames look.
    """

    def __init__(
        self,
        window: SlidingWindow,
        positions: Sequence[Pair],
        title: str,
        axis: int,
        options: FigureOptions,
    ) -> None:
        if options.digits is None:
            options = options._replace(digits=fitting_digits(window, positions))
        self._window, self._axis, self._positions = window, axis, positions
        self._padded = window.padded()
        self._sums = sums_of(window)
        plan = window.plans[0]
        before, after = window.pads[2 * axis : 2 * axis + 2]
        self._padding = SignalPadding(before, after, plan.border, plan.fill)
        self._input = input_scale(window.image.axis)
        self._result = result_scale(
            window.image.axis,
            widest_geometry(window.image.pixels, window.filter),
            window.filter.conv.operation,
            window.filter.kernels[0].axis,
        )
        count, results = max(window.image.shape), max(window.output_shape)

        def limits(padding: SignalPadding) -> tuple[float, float]:
            before, after = padding[:2]
            padded = self._input.places.after(-before), before + count + after
            return outer_limits([padded, (self._result.places, results)])

        with style_context(options):
            self._is_short = self._has_stems(limits(self._padding))
            taps = [(self._seen_taps(part), part.weights.size) for part in self._sums]
            self._drawn = seen_padding(self._padding, taps, window.geometry.dilation[axis])
            self._limits = limits(self._drawn)
            self._texts = self._captions()
            self._parts = DrawnParts()
            self._artists: list[Artist] = []
            self._movers: list[Callable[[int], None]] = []
            figure = self._draw(scene_title(window, title))
            moving = [Moving(self._artists)]
            if "caption" in self._parts.by_name:  # a small page has no room for it
                caption = MovingText(self._parts.by_name["caption"], self._texts)
                self._movers.append(caption.move)
                moving.append(caption)
            self.move(0)
        super().__init__(figure, moving, len(positions), options)

    def move(self, number: int) -> None:
        """Move the window to one position, with everything that depends on it."""
        for mover in self._movers:
            mover(number)

    def _has_stems(self, limits: tuple[float, float]) -> bool:
        """Return whether kernels have stems: they are short, and their weights are far enough."""
        low, high = limits
        dilation = self._window.geometry.dilation[self._axis]
        distance = dilation * float(self._input.numbers.step) / (high - low) * signal_box(1.0)[0]
        longest = max(part.weights.size for part in self._sums)
        return longest <= MAX_STEMS and distance >= _STEM_INCHES

    def _captions(self) -> list[str]:
        window, digits = self._window, figure_options().digits or 0
        explained = explanations(window, self._positions, digits)
        most = _SLIDE_LINES if theme().is_fixed else _LINES
        name = self._result.label.partition(" ")[0]
        places = [
            f"{name} {format_short(self._result.numbers.at(max(at)), 10)}" for at in self._positions
        ]
        lines = captions(window, self._positions, explained, digits, most, places)
        return ["\n".join(each) for each in lines]

    def _draw(self, title: str) -> Figure:
        """Draw the page as it is at the first position."""
        sums = self._sums[:_MAX_SUMS]
        products = [self._all_products(each) for each in sums]
        self._is_apart = needs_own_axis(self._window.drawn.pixels, products)
        facts = conv_facts(self._window.filter)
        if len(self._window.filter.kernels) > 1:
            facts.append(
                f"{self._window.filter.combine} of {len(self._window.filter.kernels)} kernels"
            )
        if len(sums) < len(self._sums):
            facts.append(f"{len(sums)} of {len(self._sums)} sums")
        return compose_rows(
            signal_part(
                self._draw_input,
                "input",
                padded_text(self._window.drawn.pixels, self._padding, self._drawn),
                self._input,
                self._window.image.max_value,
            ),
            [self._sum_part(each) for each in sums],
            signal_part(
                self._draw_result,
                "result",
                f"{samples_text(signal_samples(self._window.pixels))}; {empty_note()}",
                self._result,
                self._window.max_value,
            ),
            title=title,
            facts=facts,
            key=sums_key(
                is_short=self._is_short,
                is_apart=self._is_apart,
                has_faint=any(len(self._seen_taps(each)) < each.weights.size for each in sums),
            ),
            below=[self._parts.caption("caption", self._texts)],
            multiple=2,
        )

    def _draw_input(self, axes: Axes) -> None:
        """Draw the padded signal, and what marks the windows on it."""
        samples = draw_padded(
            axes, self._window.drawn.pixels, self._drawn,
            inches=axes_inches(axes), scale=self._input, limits=self._limits,
        )  # fmt: skip
        for part in {each.kernel: each for each in self._sums}.values():
            self._add_band(axes, part)
            if not self._is_short:
                continue
            style: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.5}
            [rings] = axes.plot([], [], "o", color=WINDOW_COLOR, markersize=7.5, **style)

            def move(number: int, part: ChannelSum = part, rings: Any = rings) -> None:
                places = self._places(part, number)
                heights = samples[places + self._drawn.before]
                rings.set_data(np.repeat(self._x(places), heights.shape[1]), heights.ravel())

            self._add(move, rings)

    def _sum_part(self, part: ChannelSum) -> PartOf:
        """Return the row of a kernel over the input, with the products shaded."""
        kernel = self._window.filter.kernels[part.kernel]
        flipped = ", flipped" * (self._window.filter.conv.operation == "convolve")
        channel = f", {part.name}" * bool(part.name)
        title = f"{short_kernel(kernel.name)}{flipped}{channel}"
        is_filled = part.takes_anchor and self._padded.missing is not None
        caption = f"{NAN_COLOR}: missing, as the anchor" * is_filled
        max_value = self._window.image.max_value
        make = signal_part(
            partial(self._draw_sum, part=part), title, caption, self._input, max_value
        )
        room = text_width("-0.000", theme().text) + theme().line + 0.12
        return lambda scale: make(scale)._replace(right=room)

    def _draw_sum(self, axes: Axes, part: ChannelSum) -> None:
        weights = part.weights.ravel().astype(np.float64)
        is_short = self._is_short
        self._add_band(axes, part)
        axes.axhline(0, color="0.6", linewidth=0.6, zorder=0.5)
        products = PathPatch(
            Path(np.zeros((1, 2))), color=WINDOW_COLOR, alpha=0.55, linewidth=0, zorder=1
        )
        axes.add_patch(products)
        samples = padded_samples(signal_samples(self._window.drawn.pixels), self._drawn)
        heights = samples[:, part.channel if samples.shape[1] > 1 else 0]
        x = self._x(np.arange(len(heights)) - self._drawn.before)
        color = CHANNEL_COLORS[part.channel] if samples.shape[1] > 1 else "tab:blue"
        line = "o" if len(x) <= MAX_STEMS else "-"
        source = own_axis(axes) if self._is_apart else axes
        source.plot(x, heights, line, color=color, markersize=3.5, linewidth=1.0, alpha=0.8)
        [filled] = source.plot([], [], "s", color=NAN_COLOR, markersize=5)
        right = axes.twinx()
        style: dict[str, Any] = {"linewidth": 2.0}
        if is_short:
            style = {"linestyle": "none", "marker": "D", "markersize": 6.5}
            style |= {"markeredgecolor": theme().page}
        [dots] = right.plot([], [], color=KERNEL_COLOR, **style)
        [stems] = right.plot([], [], color=KERNEL_COLOR, linewidth=1.2)
        align_zeros([(axes, self._all_products(part)), (source, heights), (right, weights)])
        set_sample_ticks(axes, self._limits, axes_inches(axes), self._input.numbers)
        right.set_ylabel("weight")
        set_y_ticks(right, ends_from_zero(weights))
        half = BAR_SHARE * float(self._input.numbers.step) / 2

        def move(number: int) -> None:
            x, shown = self._x(self._places(part, number)), self._products(part, number)
            seen = self._seen(part, number)
            at = seen.filled.ravel()
            filled.set_data(x[at], seen.values.ravel()[at])
            products.set_path(_bars(x, shown, half) if is_short else _area(x, shown))
            dots.set_data(x, weights)
            if is_short:
                gap = np.full(len(x), np.nan)
                ends = np.stack([np.zeros(len(x)), weights, gap], axis=1)
                stems.set_data(np.repeat(x, 3), ends.ravel())

        self._add(move, products, filled, dots, stems)

    def _draw_result(self, axes: Axes) -> None:
        """Draw the whole result, what covers values that are not computed yet, and a mark."""
        window, numbers = self._window, self._result.numbers
        samples = signal_samples(window.pixels)
        exact = window.pixels.reshape(samples.shape)
        inches, (low, high) = axes_inches(axes), self._result.limits(self._limits)
        step, count = float(numbers.step), len(samples)
        room = inches * min(count * step / (high - low), 1.0)
        draw_samples(axes, numbers.positions(count), samples, inches=room, exact=exact)
        set_sample_ticks(axes, (low, high), inches, numbers, count)
        cover: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "linewidth": 0}
        cover |= {"facecolor": theme().empty, "zorder": 4}
        start = numbers.at(0) - step / 2
        end = min(numbers.at(count - 1) + step / 2, high - _INSIDE / 4 * (high - low))
        first = max(self._positions[0])
        bottom, height = _INSIDE, 1 - 2 * _INSIDE
        if first:  # a PDF shows a rectangle without a width as a thin line
            axes.add_patch(Rectangle((start, bottom), first * step, height, **cover))
        rest = Rectangle((start, bottom), 0, height, **cover)
        axes.add_patch(rest)
        marks = [mark_sample(axes, start, 0.0) for _ in range(samples.shape[1])]
        for line in (line for pair in marks for line in pair):
            line.set_zorder(5)

        def move(number: int) -> None:
            at = max(self._positions[number])
            edge = numbers.at(at) + step / 2
            rest.set_bounds(edge, bottom, max(end - edge, 0), height)
            rest.set_visible(end > edge)
            for (line, ring), value in zip(marks, samples[at].tolist(), strict=True):
                line.set_data([numbers.at(at)] * 2, [0, value])
                ring.set_data([numbers.at(at)], [value])

        self._add(move, rest, *(line for pair in marks for line in pair))

    def _add(self, move: Callable[[int], None], *artists: Artist) -> None:
        self._movers.append(move)
        self._artists += artists

    def _add_band(self, axes: Axes, part: ChannelSum) -> None:
        """Shade the window of a sum."""
        half = float(self._input.numbers.step) / 2
        band = axes.axvspan(0, 1, color=WINDOW_COLOR, alpha=0.15, zorder=0.3)

        def move(number: int) -> None:
            places, seen = self._places(part, number), self._seen_taps(part)
            first, last = self._x(places[[seen.start, seen.stop - 1]]).tolist()
            band.set_bounds(first - half, 0, last - first + 2 * half, 1)

        self._add(move, band)

    def _seen_taps(self, part: ChannelSum) -> range:
        """Return the taps of a kernel that can be seen, all of those with stems."""
        weights = part.weights.ravel().astype(np.float64)
        return range(len(weights)) if self._is_short else seen_taps(weights)

    def _places(self, part: ChannelSum, number: int) -> NDArray[np.intp]:
        """Return the samples under a window; those before the signal are negative."""
        taps, stride, before, step = self._window.plans[part.kernel].geometry.along(self._axis)
        return self._positions[number][self._axis] * stride - before + np.arange(taps) * step

    def _x(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return where samples of the padded input stand."""
        start, step = self._input.numbers
        return np.asarray(float(start) + float(step) * places)

    def _seen(self, part: ChannelSum, number: int) -> SeenWindow:
        """Return what lies under the window of a sum."""
        geometry, at = self._window.plans[part.kernel].geometry, self._positions[number]
        return self._padded.window(geometry, at, part.channel, takes_anchor=part.takes_anchor)

    def _all_products(self, part: ChannelSum) -> NDArray[np.float64]:
        """Return the products of all positions."""
        return np.concatenate([self._products(part, n) for n in range(len(self._positions))])

    def _products(self, part: ChannelSum, number: int) -> NDArray[np.float64]:
        products = products_in(self._seen(part, number), part.weights).astype(np.float64).ravel()
        return np.where(np.isfinite(products), products, 0.0)


def _bars(x: NDArray[np.float64], heights: NDArray[np.float64], half: float) -> Path:
    """Return a bar from zero for each height, twice ``half`` wide."""
    corners = _CORNERS * np.stack([np.full(len(x), half), heights], axis=1)[:, np.newaxis]
    corners[..., 0] += x[:, np.newaxis]
    return Path(corners.reshape(-1, 2), _CODES * len(x))


def _area(x: NDArray[np.float64], heights: NDArray[np.float64]) -> Path:
    """Return the area between zero and a line."""
    ends = [(x[0], 0.0)], np.stack([x, heights], axis=1), [(x[-1], 0.0)]
    return Path(np.concatenate([*ends, [(x[0], 0.0)]]), closed=True)
