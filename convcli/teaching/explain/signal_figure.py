"""One value of a filtered signal as a figure: input, kernel over it with products, and result."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.labels import format_short, text_width
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import Part, PartOf
from convcli.plotting.rows import Rows
from convcli.plotting.sample_scale import (
    SampleScale,
    input_scale,
    outer_limits,
    result_scale,
    set_sample_ticks,
    set_y_ticks,
)
from convcli.plotting.save import NotebookFigure
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
    signal_axis,
    signal_part,
    signal_samples,
)
from convcli.plotting.style import NAN_COLOR, theme
from convcli.plotting.window_marks import WINDOW_COLOR

# isort: split
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.geometry import Geometry, conv_geometry
from convcli.plotting.axes import DrawnImage, finite_extremes
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.computation import Computation, FeatureMap, Grid, Response
from convcli.teaching.explain.grid_figure import Term, grid_array, sum_text

_SMALLEST_SCALE = 0.45
KERNEL_COLOR = "tab:orange"
BAR_SHARE = 0.8  # of the distance between samples
_ROOM = 0.1  # above and below what is drawn, as a share of it
_FAINT = 1e-3  # of the largest weight; a smaller one cannot be seen
_FLATTEST = 3.0  # times as high as the input may its products be that share its axis


class _RowDetail(NamedTuple):
    """What the rows show, and the names of what they lack."""

    ticks: bool  # below all rows, and not only below the last one
    captions: bool
    left_out: tuple[str, ...] = ()


_LEVELS_OF_DETAIL = (
    _RowDetail(True, True),
    _RowDetail(False, True),
    _RowDetail(False, False, ("captions",)),
)


def is_signal(explanation: Computation, pixels: NDArray[np.generic]) -> bool:
    """Return whether an image is a signal, and all kernels run along it."""
    axis = signal_axis(pixels)
    responses = (response for output in explanation.outputs for response in output.responses)
    return axis is not None and all(_places(each, 1 - axis) == (0,) for each in responses)


def draw_explained_signal(
    explanation: Computation,
    pixels: NDArray[np.generic],
    feature_map: FeatureMap,
    terms: Sequence[Term],
    facts: Sequence[str],
    footer: Sequence[str],
    left_out: Sequence[str],
) -> NotebookFigure:
    """Draw a signal, each kernel over it with the products, and the result, on one x axis.

    Args:
        explanation: of a value.
        pixels: the signal.
        feature_map: the map of the value.
        terms: its sums.
        facts: the options that are not the default.
        footer: lines below.
        left_out: the names of what they lack.
    """
    rows = _SignalRows(explanation, pixels, feature_map, terms)
    name = rows.result.label.partition(" ")[0]
    place = format_short(rows.result.numbers.at(max(explanation.at)), 10)
    return compose_rows(
        rows.input_part(),
        [rows.sum_part(term) for term in terms],
        rows.result_part(),
        title=f"{short_kernel(explanation.kernel)}: the value at {name} {place}",
        facts=facts,
        key=rows.key(),
        footer=footer,
        left_out=left_out,
    )


def compose_rows(
    first: PartOf,
    sums: Sequence[PartOf],
    last: PartOf,
    *,
    title: str,
    facts: Sequence[str],
    key: str,
    footer: Sequence[str] = (),
    left_out: Sequence[str] = (),
    below: Sequence[PartOf] = (),
    multiple: int = 1,
) -> NotebookFigure:
    """Return a page of rows with one x axis, as many of the sums as fit.

    Args:
        first: the input.
        sums: kernels over the input, with products.
        last: the result.
        title: the heading.
        facts: the options that are not the default.
        key: what the lines, dots and colors of the sums are; see `sums_key`.
        footer: lines at the bottom.
        left_out: the names of what they lack.
        below: more parts, each in a row of its own.
        multiple: the page's pixels are a multiple of it along both sides.
    """

    def rows_of(count: int, detail: _RowDetail, scale: float) -> Rows:
        rows = [part(scale) for part in (first, *sums[:count], last)]
        if not detail.captions:
            rows = [row._replace(caption="") for row in rows]
        if not detail.ticks:
            rows[:-1] = [_without_ticks(row) for row in rows[:-1]]
        return [[row] for row in (*rows, *(part(scale) for part in below))]

    def fewer(count: int) -> list[str]:
        return [f"{len(sums) - count} of {len(sums)} sums"] if count < len(sums) else []

    details = [(len(sums), detail) for detail in _LEVELS_OF_DETAIL]
    details += [(count, _LEVELS_OF_DETAIL[-1]) for count in range(len(sums) - 1, 0, -1)]
    plans = [
        PagePlan(partial(rows_of, count, detail), [*left_out, *detail.left_out, *fewer(count)])
        for count, detail in details
    ]
    return compose(
        plans,
        title=title,
        facts=" · ".join(filter(None, [", ".join(facts), key])),
        footer=footer,
        least=_SMALLEST_SCALE,
        multiple=multiple,
    )


class _SignalRows:
    """The rows of the figure, whose x axes stand below each other."""

    def __init__(
        self,
        explanation: Computation,
        pixels: NDArray[np.generic],
        feature_map: FeatureMap,
        terms: Sequence[Term],
    ) -> None:
        self._explanation, self._pixels, self._map = explanation, pixels, feature_map
        self._terms = terms
        self._axis = signal_axis(pixels) or 0
        responses = [each for output in explanation.outputs for each in output.responses]
        windows = [_places(response, self._axis) for response in responses]
        count = max(pixels.shape[:2])
        before, after = explanation.pads[2 * self._axis : 2 * self._axis + 2]
        self._padding = SignalPadding(
            max(before, -min(places[0] for places in windows)),
            max(after, max(places[-1] for places in windows) + 1 - count),
            explanation.border,
            explanation.fill,
        )
        taps = [(self._seen_taps(term), _taps(term.response)) for term in terms]
        self._drawn = seen_padding(self._padding, taps, explanation.dilation[self._axis])
        self._is_apart = needs_own_axis(pixels, [_finite(term.part.products) for term in terms])
        self._input = input_scale(feature_map.axis)
        geometry = _geometry(explanation, max(responses, key=_taps))
        self.result: SampleScale = result_scale(
            feature_map.axis, geometry, explanation.operation, feature_map.kernel_axis
        )
        results = max(explanation.output_shape)
        padded = self._input.places.after(-self._drawn.before)
        self._limits = outer_limits(
            [
                (padded, self._drawn.before + count + self._drawn.after),
                (self.result.places, results),
            ]
        )

    def key(self) -> str:
        """Return what the lines, dots and colors of the sums are."""
        return sums_key(
            is_short=all(_is_short(term) for term in self._terms),
            is_apart=self._is_apart,
            has_faint=any(
                len(self._seen_taps(term)) < _taps(term.response) for term in self._terms
            ),
        )

    def input_part(self) -> Callable[[float], Part]:
        """Return the padded signal with the windows marked."""

        def draw(axes: Axes) -> None:
            inches = axes_inches(axes)
            samples = draw_padded(
                axes,
                self._pixels,
                self._drawn,
                inches=inches,
                scale=self._input,
                limits=self._limits,
            )
            for places, is_short in dict.fromkeys(
                (self._seen_places(term), _is_short(term)) for term in self._terms
            ):
                self._shade(axes, places)
                if is_short:
                    heights = samples[np.array(places) + self._drawn.before]
                    x = np.repeat(self._x(places), heights.shape[1])
                    style: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.5}
                    axes.plot(x, heights.ravel(), "o", color=WINDOW_COLOR, markersize=7.5, **style)

        caption = padded_text(self._pixels, self._padding, self._drawn)
        return signal_part(draw, "input", caption, self._input, self._explanation.max_value)

    def sum_part(self, term: Term) -> Callable[[float], Part]:
        """Return the kernel of a sum over the input, with the products shaded."""
        places = _places(term.response, self._axis)
        x, is_short = self._x(places), _is_short(term)
        window, weights, products = (
            _finite(grid) for grid in (term.part.window, term.part.weights, term.part.products)
        )

        filled = np.array(term.part.filled).ravel()

        def draw(axes: Axes) -> None:
            step = float(self._input.numbers.step)
            self._shade(axes, self._seen_places(term))
            axes.axhline(0, color="0.6", linewidth=0.6, zorder=0.5)
            style: dict[str, Any] = {"color": WINDOW_COLOR, "alpha": 0.55, "linewidth": 0}
            if is_short:
                axes.bar(x, products, BAR_SHARE * step, **style)
            else:
                axes.fill_between(x, 0, products, **style)
            source = own_axis(axes) if self._is_apart else axes
            self._draw_input(source, term, x, window)
            source.plot(x[filled], window[filled], "s", color=NAN_COLOR, markersize=5)
            right = axes.twinx()
            line: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 6.5}
            line |= {"markeredgecolor": theme().page}
            axes_style = line if is_short else {"linewidth": 2.0}
            right.plot(x, weights, color=KERNEL_COLOR, **axes_style)
            if is_short:
                right.vlines(x, 0, weights, color=KERNEL_COLOR, linewidth=1.2)
            align_zeros([(axes, products), (source, _data(source)), (right, weights)])
            set_sample_ticks(axes, self._limits, axes_inches(axes), self._input.numbers)
            right.set_ylabel("weight")
            set_y_ticks(right, ends_from_zero(weights))

        flipped = ", flipped" * (self._explanation.operation == "convolve")
        channel = f", {term.channel}" * bool(term.channel)
        total = sum_text(term.part.sum)
        title = f"{short_kernel(term.response.kernel)}{flipped}{channel}: sum of products {total}"
        caption = f"{NAN_COLOR}: missing, as the anchor" if filled.any() else ""
        make = signal_part(draw, title, caption, self._input, self._explanation.max_value)
        look = theme()
        room = text_width("-0.000", look.text) + look.line + 0.12
        return lambda scale: make(scale)._replace(right=room)

    def result_part(self) -> Callable[[float], Part]:
        """Return the whole result with the explained value marked."""
        samples, numbers = signal_samples(self._map.pixels), self.result.numbers
        exact = self._map.pixels.reshape(samples.shape)
        at = max(self._explanation.at)

        def draw(axes: Axes) -> None:
            inches, (low, high) = axes_inches(axes), self.result.limits(self._limits)
            room = inches * min(len(samples) * float(numbers.step) / (high - low), 1.0)
            positions = numbers.positions(len(samples))
            draw_samples(axes, positions, samples, inches=room, exact=exact)
            set_sample_ticks(axes, (low, high), inches, numbers, len(samples))
            for height in samples[at]:
                mark_sample(axes, numbers.at(at), float(height))

        values = ", ".join(
            f"{output.channel} {format_number(output.pixel)}".strip()
            for output in self._explanation.outputs
        )
        caption = f"{samples_text(samples)}; ringed: the value, {values}"
        return signal_part(draw, "result", caption, self.result, self._map.max_value)

    def _seen_taps(self, term: Term) -> range:
        """Return the taps of a kernel that can be seen, all of those with stems."""
        return (
            range(_taps(term.response))
            if _is_short(term)
            else seen_taps(_finite(term.part.weights))
        )

    def _seen_places(self, term: Term) -> tuple[int, ...]:
        """Return the samples below the taps of a kernel that can be seen."""
        places, seen = _places(term.response, self._axis), self._seen_taps(term)
        return places[seen.start : seen.stop]

    def _x(self, places: Sequence[int]) -> NDArray[np.float64]:
        """Return where samples of the padded input stand."""
        return np.array([self._input.numbers.at(place) for place in places])

    def _shade(self, axes: Axes, places: Sequence[int]) -> None:
        """Shade the window."""
        half = float(self._input.numbers.step) / 2
        x = self._x((places[0], places[-1]))
        axes.axvspan(x[0] - half, x[1] + half, color=WINDOW_COLOR, alpha=0.15, zorder=0.3)

    def _draw_input(
        self, axes: Axes, term: Term, x: NDArray[np.float64], window: NDArray[np.float64]
    ) -> None:
        """Draw the input faintly: all of it, or what is in the window if there are channels."""
        samples, color = signal_samples(self._pixels), "tab:blue"
        if samples.shape[1] > 1:
            names = ("red", "green", "blue")
            color = CHANNEL_COLORS[names.index(term.channel)] if term.channel in names else color
        else:
            padded = padded_samples(samples, self._drawn)[:, 0]
            x = self._x(range(-self._drawn.before, len(padded) - self._drawn.before))
            window = padded
        style = "o" if len(x) <= MAX_STEMS else "-"
        axes.plot(x, window, style, color=color, markersize=3.5, linewidth=1.0, alpha=0.8)


def _without_ticks(row: Part) -> Part:
    """Return a row whose x axis has no labels, since those below it have them."""

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        others = set(figure.axes)
        drawn = list(row.draw(figure, left, top))
        for axes in figure.axes:
            if axes not in others:
                axes.tick_params(labelbottom=False)
                axes.set_xlabel("")
        return drawn

    return row._replace(draw=draw, below=0.0)


def _places(response: Response, axis: int) -> tuple[int, ...]:
    return response.columns if axis == 1 else response.rows


def _taps(response: Response) -> int:
    return len(response.rows) * len(response.columns)


def _is_short(term: Term) -> bool:
    """Return whether a kernel has stems."""
    return _taps(term.response) <= MAX_STEMS


def _geometry(explanation: Computation, response: Response) -> Geometry:
    """Return the geometry of a kernel, with the padding of the explained one."""
    shape = len(response.rows), len(response.columns)
    rules = explanation.stride, explanation.dilation, explanation.operation
    geometry = conv_geometry(explanation.input_shape, shape, explanation.pads, *rules)
    return geometry._replace(anchor=explanation.anchor)


def _finite(grid: Grid) -> NDArray[np.float64]:
    """Return the numbers of a window, with NaN for what cannot be drawn."""
    values = grid_array(grid).astype(np.float64).ravel()
    return np.where(np.isfinite(values), values, np.nan)


def _data(axes: Axes) -> NDArray[np.float64]:
    """Return the heights of the lines that are drawn into axes."""
    return np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])


def seen_taps(weights: NDArray[np.float64]) -> range:
    """Return the taps of a kernel without those at its ends that are 0, or too small to be seen.

    >>> seen_taps(np.array([0, 0, 1, 0, -2, 0.001]))
    range(2, 5)
    """
    sizes = np.abs(weights)
    seen = np.flatnonzero(sizes > _FAINT * sizes.max(initial=0))
    return range(int(seen[0]), int(seen[-1]) + 1) if len(seen) else range(len(weights))


def seen_padding(
    padding: SignalPadding, seen: Sequence[tuple[range, int]], dilation: int
) -> SignalPadding:
    """Return the padding that taps reach that can be seen.

    Args:
        padding: all of it.
        seen: the taps of each kernel that can be seen, and how many it has.
        dilation: samples from one tap to the next.
    """
    before = min(taps.start for taps, _ in seen) * dilation
    after = min(count - taps.stop for taps, count in seen) * dilation
    return padding._replace(
        before=max(padding.before - before, 0), after=max(padding.after - after, 0)
    )


def needs_own_axis(values: NDArray[np.generic], products: Sequence[NDArray[np.float64]]) -> bool:
    """Return whether an input would be flat on the axis of its products."""
    return max(map(_largest, products)) > _FLATTEST * _largest(values)


def own_axis(axes: Axes) -> Axes:
    """Add an axis without numbers for the input, and leave the other to the products."""
    source = axes.twinx()
    source.yaxis.set_visible(False)
    axes.set_ylabel("product")
    return source


def sums_key(*, is_short: bool, is_apart: bool, has_faint: bool) -> str:
    """Return what the lines, dots and colors of sums are.

    Args:
        is_short: whether all kernels have stems.
        is_apart: whether the input has an axis of its own, that of the row above.
        has_faint: whether kernels end with weights that cannot be seen.
    """
    source, kernel = ("dots", "diamonds") if is_short else ("thin line", "thick line")
    above, faint = " (scale above)" * is_apart, ", light: weights over 0.1 % of the largest"
    return f"{source}: input{above}, {kernel}: kernel (right axis), shaded: products" + (
        faint * has_faint
    )


def align_zeros(drawn: Sequence[tuple[Axes, NDArray[np.float64]]]) -> None:
    """Set the limits of y axes so that their zeros are at one height, and their values fit.

    ``drawn`` are axes with what they show; those that come twice show both.
    """
    values: dict[Axes, list[NDArray[np.float64]]] = {}
    for axes, numbers in drawn:
        values.setdefault(axes, []).append(numbers)
    joined = {axes: np.concatenate(several) for axes, several in values.items()}
    sizes = {axes: _largest(numbers) or 1.0 for axes, numbers in joined.items()}
    ends = [ends_from_zero(numbers / sizes[axes]) for axes, numbers in joined.items()]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    room = _ROOM * (high - low or 1.0)
    for axes, size in sizes.items():
        axes.set_ylim((low - room * (low < 0)) * size, (high + room) * size)


def ends_from_zero(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the greatest finite value, or 0 where it is beyond them."""
    low, high = finite_extremes(values)
    return min(low, 0.0), max(high, 0.0)


def _largest(values: NDArray[np.generic]) -> float:
    """Return the largest magnitude of finite values."""
    return max(map(abs, finite_extremes(values)))
