"""A signal, its kernels and its results on one axis, with a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convcli.errors import UsageError
from convcli.kernels.matrix_text import short_name
from convcli.plotting.axes import DrawnImage, finite_extremes
from convcli.plotting.filtered_signal import SignalResult, signal_results, x_label
from convcli.plotting.labels import result_name, text_width, wrap
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import Part, plot_part
from convcli.plotting.rows import Rows
from convcli.plotting.sample_scale import (
    SAMPLE_NUMBERS,
    SampleScale,
    input_scale,
    outer_limits,
    set_sample_ticks,
    unit_label,
)
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import (
    CHANNEL_COLORS,
    MAX_STEMS,
    Samples,
    axes_inches,
    mark_sample,
    row_box,
    signal_axis,
    signal_samples,
    signal_taps,
)
from convcli.plotting.style import Box, figure_options, theme
from convcli.signals import SampleAxis, output_axes

if TYPE_CHECKING:
    from convcli.filtering.filter import Filter
    from convcli.filtering.run import Filtered
    from convcli.images.image import ImageData
    from convcli.kernels.kernel import Kernel

_WIDTH, _HEIGHT = 9.0, 4.2  # inches at scale 1
_SHAPE, _LOWEST = 0.6, 1.5  # height of the width at most; inches, at least
_SMALLEST_SCALE = 0.4
_SAMPLE, _GAP, _BETWEEN = 0.5, 0.08, 0.3  # inches in the legend: of a line; between entries
_SLACK = 1.08  # viewers of SVG may have a font with wider letters
_NARROWEST, _EDGES = 3.0, 0.35  # inches: of the legend, unless the page is narrower; beside it
_MARGIN = 0.08  # above and below, as a share of the range of values
# Lines differ in their dashes too, since a print may have no colors.
_COLORS = ("tab:blue", "tab:orange", "#00a651", "tab:red", "tab:purple", "tab:brown")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), "-", (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (3, 3)))
_POINTS = (1.2, 1.5, 2.4)  # line widths of input, kernel and result


class _Curve(NamedTuple):
    """One signal with its name in the legend, and its look.

    Attributes:
        name: in the legend.
        samples: (n, C).
        positions: where they lie.
        role: 0 for the input, 1 for a kernel, 2 for a result.
        number: of the curve in the legend.
        peak: the sample and the channel to mark; None for none.
    """

    name: str
    samples: Samples
    positions: SampleAxis
    role: int
    number: int
    peak: tuple[int, int] | None = None

    @property
    def style(self) -> dict[str, Any]:
        """The style of its line, but for its color."""
        dashes = _DASHES[self.number % len(_DASHES)]
        return {"linestyle": dashes, "linewidth": _POINTS[self.role] * theme().text / 9}

    @property
    def colors(self) -> tuple[str, ...]:
        """The color of each channel."""
        if self.samples.shape[1] > 1:
            return CHANNEL_COLORS
        return (_COLORS[self.number % len(_COLORS)],)


def draw_overlay(
    image: ImageData,
    results: Sequence[tuple[Filter, Filtered]],
    titles: Mapping[str, str],
    *,
    title: str,
    facts: str,
) -> NotebookFigure:
    """Draw a signal, each kernel along it, and each result as curves on one axis.

    A result lies at its positions. A kernel that is a sampled signal lies at its own, and another
    one has its anchor at 0, so that a result with padding ``same`` lies on its input. With full
    padding and without positions, input and kernel begin at sample 0, as in numpy and scipy, and
    the result of a correlation lies at its lags. Kernels are never flipped.

    Args:
        image: the signal, of one row or one column.
        results: each filter with its result.
        titles: what to draw of ``input``, ``kernel`` and ``result``, with the names that the user
            has chosen for the legend; else empty.
        title: a heading.
        facts: a line below it.
    """
    signals = signal_results(image, results)
    from_first = image.axis is None and all(_has_every_shift(result) for result in signals)
    if from_first:
        signals = [_from_first_samples(result) for result in signals]
    elif image.axis is None:
        signals = [_at_anchors(image, result) for result in signals]
    curves, notes = _curves(image, signals, titles, from_first=from_first)
    if not curves:
        raise UsageError(f"panels: nothing is left to draw; {notes[0]}")
    limits = outer_limits([(curve.positions, len(curve.samples)) for curve in curves])
    plot = plot_part(
        partial(_draw, curves=curves, limits=limits),
        _plot_box,
        xlabel=_x_label(signals[0].scale, curves),
        ylabel=_y_label(image, signals, curves),
    )

    def rows(scale: float) -> Rows:
        part = plot(scale)
        room = min(theme().width - _EDGES, _NARROWEST)  # on a narrow page, wider than the plot
        return [[_legend(curves, max(part.box[0], room))], [part]]

    marked = [result.peak_text for result in signals if result.peak_text]
    line = ", ".join(filter(None, [facts, *marked, *notes]))
    return compose([PagePlan(rows)], title=title, facts=line, least=_SMALLEST_SCALE)


def _x_label(scale: SampleScale, curves: Sequence[_Curve]) -> str:
    """Return the label of the x axis; inputs and kernels have no lags."""
    label = x_label(scale)
    is_shared = label == "lag" and any(curve.role < 2 for curve in curves)
    return "sample, or lag of a result" if is_shared else label


def _plot_box(scale: float) -> Box:
    """Return the width and height of the plot, whose shape is kept on a page that it fills."""
    width, height = row_box(_WIDTH * scale, _HEIGHT * scale)
    return width, max(min(height, _SHAPE * width), _LOWEST)


def _y_label(image: ImageData, signals: Sequence[SignalResult], curves: Sequence[_Curve]) -> str:
    """Return the units of all curves, which share the y axis."""
    roles = {curve.role for curve in curves}
    units = [
        unit_label(image.max_value) * (0 in roles),
        "weight" * (1 in roles and figure_options().axes),
        unit_label(signals[0].filtered.image.max_value) * (2 in roles),
    ]
    return ", ".join(dict.fromkeys(filter(None, units)))


def _curves(
    image: ImageData,
    signals: Sequence[SignalResult],
    titles: Mapping[str, str],
    *,
    from_first: bool,
) -> tuple[list[_Curve], list[str]]:
    """Return the curves in the order of the legend, and notes on what cannot be drawn."""
    axis = signal_axis(image.pixels) or 0
    positions = input_scale(image.axis).numbers
    curves: list[_Curve] = []
    notes: list[str] = []

    def add(name: str, samples: Samples, places: SampleAxis, role: int, peak: Any = None) -> None:
        curves.append(_Curve(name, samples, places, role, len(curves), peak))

    if "input" in titles:
        add(titles["input"] or "input", signal_samples(image.pixels), positions, 0)
    for kernel, result in _kernels(signals) if "kernel" in titles else ():
        weights = kernel.weights if kernel.axis is None else kernel.matrix
        taps = signal_taps(weights, axis, "correlate")
        if taps is None:
            notes.append(f"kernel {short_name(kernel.name)} does not run along the signal")
        else:
            places = _kernel_positions(image, kernel, result, positions, from_first=from_first)
            add(titles["kernel"] or f"kernel {short_name(kernel.name)}", taps, places, 1)
    for result in signals if "result" in titles else ():
        name = "result" if len(signals) == 1 else f"result of {result_name(result.filter)}"
        peak = result.filtered.stats.peak
        mark = None if peak is None else (peak.sample, peak.place[2])
        add(titles["result"] or name, result.samples, result.scale.places, 2, mark)
    return curves, notes


def _kernels(signals: Sequence[SignalResult]) -> list[tuple[Kernel, SignalResult]]:
    """Return each kernel once, with a result that it belongs to."""
    found = {kernel: result for result in signals for kernel in result.filter.kernels}
    return list(found.items())


def _kernel_positions(
    image: ImageData,
    kernel: Kernel,
    result: SignalResult,
    positions: SampleAxis,
    *,
    from_first: bool,
) -> SampleAxis:
    """Return where the weights of a kernel lie as they are given."""
    axis = signal_axis(image.pixels) or 0
    geometry = result.filter.conv.geometry(image.shape, kernel.shape)
    dilation = geometry.dilation[axis]
    if kernel.axis is not None and kernel.axis.step == positions.step:
        return SampleAxis(kernel.axis.start * dilation, kernel.axis.step * dilation)
    if from_first:
        return SampleAxis(Fraction(0), Fraction(dilation))
    before = geometry.anchor[axis]
    if result.filter.conv.operation == "convolve":
        before = geometry.extent[axis] - 1 - before
    return SampleAxis(-before * positions.step, dilation * positions.step)


def _has_every_shift(result: SignalResult) -> bool:
    """Return whether there is a value for every shift at which signal and kernel overlap."""
    geometry = result.geometry
    along = 1 if geometry.input_shape[0] == 1 else 0
    reach = geometry.extent[along] - 1
    return reach > 0 and geometry.pads[2 * along : 2 * along + 2] == (reach, reach)


def _at_anchors(image: ImageData, result: SignalResult) -> SignalResult:
    """Return a result whose values lie at the samples under the anchors of their windows."""
    places, _ = output_axes(SAMPLE_NUMBERS, result.geometry, result.filter.conv.operation)
    places = places or SAMPLE_NUMBERS  # a result of several rows, which no overlay has
    return result._replace(scale=SampleScale(places, places, "sample"))


def _from_first_samples(result: SignalResult) -> SignalResult:
    """Return a result where it lies if the first samples of input and kernel lie at 0."""
    geometry = result.geometry
    along = 1 if geometry.input_shape[0] == 1 else 0
    _, stride, before, _ = geometry.along(along)
    is_flipped = result.filter.conv.operation == "convolve"
    start = geometry.extent[along] - 1 - before if is_flipped else -before
    places = SampleAxis(Fraction(start), Fraction(stride))
    return result._replace(scale=SampleScale(places, places, "sample" if is_flipped else "lag"))


def _draw(axes: Axes, curves: Sequence[_Curve], limits: tuple[float, float]) -> None:
    low, high = map(
        lambda ends, which: which(ends),
        zip(*(finite_extremes(curve.samples) for curve in curves), strict=True),
        (min, max),
    )
    low, high = min(low, 0.0), max(high, 0.0)
    margin = _MARGIN * (high - low or 1.0)
    axes.set_ylim(*(figure_options().limits or (low - margin, high + margin)))
    axes.axhline(0, color="0.6", linewidth=0.6, zorder=0.5)
    for curve in curves:
        places = curve.positions.positions(len(curve.samples))
        marker = "o" if len(places) <= MAX_STEMS else None
        for heights, color in zip(curve.samples.T, curve.colors, strict=True):
            axes.plot(places, heights, color=color, marker=marker, markersize=4, **curve.style)
        if curve.peak is not None:
            mark_sample(axes, places[curve.peak[0]], float(curve.samples[curve.peak]))
    set_sample_ticks(axes, limits, axes_inches(axes), curves[0].positions)


def _legend(curves: Sequence[_Curve], width: float) -> Part:
    """Return lines with the names of the curves, in rows of this width."""
    look, entries, left, row = theme(), [], 0.0, 0
    tallest = 1  # entry of the row, in lines
    for curve in curves:
        name = wrap(curve.name, width - _SAMPLE - _GAP, look.text)
        lines = name.split("\n")
        wide = _SAMPLE + _GAP + max(_SLACK * text_width(line, look.text) for line in lines)
        if left and left + wide > width:
            left, row, tallest = 0.0, row + tallest, 1
        tallest = max(tallest, len(lines))
        entries.append((curve, name, left, row))
        left += wide + _BETWEEN
    height = (row + tallest) * look.line

    def draw(figure: Figure, start: float, top: float) -> list[DrawnImage]:
        across, down = figure.get_size_inches()
        for curve, name, left, row in entries:
            x, y = start + left, 1 - (top + (row + 0.5) * look.line) / down
            color = look.ink if curve.samples.shape[1] > 1 else curve.colors[0]
            ends = [x / across, (x + _SAMPLE) / across]
            figure.add_artist(Line2D(ends, [y, y], color=color, **curve.style))
            place = (x + _SAMPLE + _GAP) / across, 1 - (top + row * look.line) / down
            figure.text(*place, name, size=look.text, va="top")
        return []

    return Part(draw, (width, height))
