"""A filtered signal in one figure: the padded input, and below it each result beside its kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from convcli.geometry import Geometry, border_name
from convcli.plotting.heatmap import kernel_heatmaps, kernel_part, kernel_title
from convcli.plotting.labels import format_short, result_name, result_title
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import PartOf, blank, plot_part
from convcli.plotting.rows import Rows
from convcli.plotting.sample_scale import (
    SampleScale,
    input_scale,
    outer_limits,
    result_scale,
    set_sample_ticks,
    unit_label,
)
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import (
    MAX_HEATMAPS,
    Samples,
    SignalPadding,
    across_note,
    axes_inches,
    draw_padded,
    draw_samples,
    limit_heights,
    mark_sample,
    padded_text,
    samples_text,
    signal_axis,
    signal_samples,
    signal_taps,
    widest_geometry,
)
from convcli.plotting.style import Box, figure_options, theme
from convcli.signals import SampleAxis

if TYPE_CHECKING:
    from convcli.filtering.filter import Filter
    from convcli.filtering.run import Filtered
    from convcli.images.image import ImageData

_KERNEL_WIDTH, _SIGNAL_WIDTH, _PLOT_HEIGHT = 2.8, 8.0, 2.0  # inches at scale 1
_SMALLEST_SCALE = 0.7  # at which ticks do not touch
# Of the plots on a slide that has no room for usual ones: widths as shares of the page's.
_LOW_WIDTH, _LOW_KERNEL_WIDTH, _LOW_HEIGHT = 0.56, 0.165, 0.75
_HALF_WIDTH, _HALF_HEIGHT = 0.37, 0.85

BoxOf = Callable[[float], Box]  # the width and height of a plot at a scale


class SignalResult(NamedTuple):
    """A result, and where it and its kernel lie."""

    filter: Filter
    filtered: Filtered
    geometry: Geometry  # of the kernel that spans the most samples
    scale: SampleScale

    @property
    def samples(self) -> Samples:
        """The values, (n, C)."""
        return signal_samples(self.filtered.image.reliable_pixels)

    @property
    def peak_text(self) -> str:
        """What ``--mark`` has found, in words; empty without it."""
        peak = self.filtered.stats.peak
        if peak is None:
            return ""
        channel = f" of {peak.channel}" if peak.channel else ""
        place = format_short(self.scale.numbers.at(peak.sample), 10)
        name = self.scale.label.partition(" ")[0]
        return f"marked: {format_short(peak.value)}{channel} at {name} {place}{peak.tie_text}"

    def mark_peak(self, axes: Axes) -> None:
        """Mark the sample that ``--mark`` has found by a ring and a line."""
        peak = self.filtered.stats.peak
        if peak is not None:
            place = self.scale.numbers.at(peak.sample)
            height = float(self.samples[peak.sample, peak.place[2]])
            mark_sample(axes, place, height)


def signal_results(
    image: ImageData, results: Sequence[tuple[Filter, Filtered]]
) -> list[SignalResult]:
    """Return the results of filtering a signal with where they lie."""
    found = []
    for image_filter, filtered in results:
        geometry = widest_geometry(image.pixels, image_filter)
        kernel_axis, operation = image_filter.kernels[0].axis, image_filter.conv.operation
        scale = result_scale(image.axis, geometry, operation, kernel_axis)
        found.append(SignalResult(image_filter, filtered, geometry, scale))
    return found


def draw_filtered_signal(
    image: ImageData,
    results: Sequence[tuple[Filter, Filtered]],
    titles: Mapping[str, str],
    *,
    title: str,
    facts: str,
) -> NotebookFigure:
    """Draw a signal of one row or one column, and below it each result beside its kernel.

    Each value of a result stands at its position or, without positions, below the middle of its
    window.

    Args:
        image: the signal.
        results: each filter with its result.
        titles: the panels to draw, with the titles that the user has chosen; else empty.
        title: a heading.
        facts: a line below it.
    """
    original, signals = image.pixels, signal_results(image, results)
    axis = signal_axis(original)
    assert axis is not None  # noqa: S101 - the caller has checked
    before, after = (
        max(result.geometry.pads[2 * axis + end] for result in signals) for end in (0, 1)
    )
    conv = results[0][0].conv
    border = border_name(conv.border)
    padding = SignalPadding(before, after, border, conv.fill if border == "constant" else 0)
    scale = input_scale(image.axis)
    padded = scale.places.after(-before), before + max(original.shape[:2]) + after
    limits = outer_limits(
        [padded, *((result.scale.places, len(result.samples)) for result in signals)]
    )
    has_kernel = "kernel" in titles

    def input_plot(box: BoxOf, *, has_label: bool = True) -> PartOf:
        return plot_part(
            partial(_draw_input, original=original, padding=padding, scale=scale, limits=limits),
            box,
            title=titles.get("input") or "input",
            caption="" if titles.get("input") else padded_text(original, padding),
            xlabel=x_label(scale) * has_label,
            ylabel=unit_label(image.max_value),
        )

    def result_plot(result: SignalResult, box: BoxOf, *, has_label: bool = True) -> PartOf:
        return plot_part(
            partial(_draw_result, result=result, limits=limits),
            box,
            title=titles.get("result") or f"result of {result_name(result.filter)}",
            caption="" if titles.get("result") else _result_caption(result),
            xlabel=x_label(result.scale) * has_label,
            ylabel=unit_label(result.filtered.image.max_value),
        )

    def rows_of(size: float, *, is_low: bool = False) -> Rows:
        box, kernel_box = (_low_box, _low_kernel_box) if is_low else (_signal_box, _kernel_box)
        rows: list[list[PartOf]] = []
        if "input" in titles:
            plot = input_plot(box, has_label=not is_low)
            rows.append([lambda _: blank((0.0, 0.0))] * has_kernel + [plot])
        for result in signals:
            has_label = not is_low or result is signals[-1]
            kernel = _kernel(result, axis, titles, image.axis, kernel_box, has_label=has_label)
            row = [kernel] if has_kernel else []
            plot = result_plot(result, box, has_label=has_label)
            rows.append([*row, plot] if "result" in titles else row)
        parts = [[part(size) for part in row] for row in rows if row]
        if is_low:  # the first caption says what the padding is
            parts[1:] = [[part._replace(caption="") for part in row] for row in parts[1:]]
        return parts

    def pairs_of(size: float) -> Rows:
        plots = [input_plot(_half_box)] if "input" in titles else []
        parts = [part(size) for part in [*plots, *(result_plot(r, _half_box) for r in signals)]]
        return [parts[start : start + 2] for start in range(0, len(parts), 2)]

    plans = [PagePlan(rows_of)]
    if theme().is_fixed and "result" in titles:  # the plots become lower before any is left out
        plans.append(PagePlan(partial(rows_of, is_low=True), ["sizes", "extremes"]))
        plans.append(PagePlan(pairs_of, ["kernels"] * has_kernel))
    return compose(plans, title=title, facts=facts, unit="plots", least=_SMALLEST_SCALE)


def x_label(scale: SampleScale) -> str:
    """Return the label of an x axis, which the option ``--no-axes`` leaves out."""
    return scale.label if figure_options().axes else ""


def _result_caption(result: SignalResult) -> str:
    facts = [samples_text(result.samples)]
    text = result_title(result.filtered, facts)
    note = across_note(result.filter.kernels, signal_axis(result.filtered.image.pixels))
    return ", ".join(filter(None, [text, note, result.peak_text]))


def _signal_box(scale: float) -> Box:
    return scale * _SIGNAL_WIDTH, scale * _PLOT_HEIGHT


def _kernel_box(scale: float) -> Box:
    return scale * _KERNEL_WIDTH, scale * _PLOT_HEIGHT


def _low_box(scale: float) -> Box:
    return _LOW_WIDTH * theme().width, scale * _LOW_HEIGHT


def _low_kernel_box(scale: float) -> Box:
    return _LOW_KERNEL_WIDTH * theme().width, scale * _LOW_HEIGHT


def _half_box(scale: float) -> Box:
    return _HALF_WIDTH * theme().width, scale * _HALF_HEIGHT


def _draw_input(
    axes: Axes,
    original: NDArray[np.generic],
    padding: SignalPadding,
    scale: SampleScale,
    limits: tuple[float, float],
) -> None:
    inches = axes_inches(axes)
    draw_padded(axes, original, padding, inches=inches, scale=scale, limits=limits)
    _apply_limits(axes)


def _draw_result(axes: Axes, result: SignalResult, limits: tuple[float, float]) -> None:
    samples, numbers = result.samples, result.scale.numbers
    exact = result.filtered.image.reliable_pixels.reshape(samples.shape)
    low, high = result.scale.limits(limits)
    count, inches = len(samples), axes_inches(axes)
    room = inches * min(count * float(numbers.step) / (high - low), 1.0)
    draw_samples(axes, numbers.positions(count), samples, inches=room, exact=exact)
    set_sample_ticks(axes, (low, high), inches, numbers, count)
    result.mark_peak(axes)
    _apply_limits(axes)


def _apply_limits(axes: Axes) -> None:
    """Apply the option ``--limits``."""
    if limits := figure_options().limits:
        limit_heights(axes, limits)


def _kernel(
    result: SignalResult,
    axis: int,
    titles: Mapping[str, str],
    positions: SampleAxis | None,
    box: BoxOf,
    *,
    has_label: bool,
) -> PartOf:
    """Return one kernel along the signal as stems, ``dilation`` apart; others as heat maps."""
    kernels, operation = result.filter.kernels, result.filter.conv.operation
    taps = signal_taps(kernels[0].matrix, axis, operation) if len(kernels) == 1 else None
    own = kernel_title(kernels[0]) if len(kernels) == 1 else f"{len(kernels)} kernels"
    title = titles.get("kernel") or own
    caption = "flipped by convolve" if operation == "convolve" and not titles.get("kernel") else ""
    if taps is None:
        group = kernel_heatmaps(kernels, most=MAX_HEATMAPS, operation=operation)
        return kernel_part(group, _KERNEL_WIDTH, title=title, caption=caption)
    dilation = result.geometry.dilation[axis]
    scale = input_scale(kernels[0].axis if positions else None)
    numbers = scale.numbers
    if scale.label == "x" and operation == "convolve":
        numbers = numbers.flipped(len(taps))
    spread = SampleAxis(numbers.start * dilation, numbers.step * dilation)

    def draw(axes: Axes) -> None:
        inches, limits = axes_inches(axes), outer_limits([(spread, len(taps))])
        draw_samples(axes, spread.positions(len(taps)), taps, inches=inches)
        set_sample_ticks(axes, limits, inches, spread)

    return plot_part(
        draw,
        box,
        title=title,
        caption=caption,
        xlabel=x_label(scale) * has_label,
        ylabel="weight" if figure_options().axes else "",
    )
