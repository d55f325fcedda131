"""A filtered signal: the signal with its padding, and below it each result with its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from numpy.typing import NDArray

from convcli.geometry import Geometry, border_name, conv_geometry
from convcli.plotting.axes import DrawnImage, finalize_layout
from convcli.plotting.heatmap import applied_title, draw_kernels, kernel_heatmaps, kernel_title
from convcli.plotting.signal_plot import (
    Samples,
    SignalPadding,
    draw_samples,
    hatch_signal_padding,
    padded_samples,
    set_sample_ticks,
    signal_axis,
    signal_samples,
    signal_taps,
)
from convcli.plotting.style import TITLE_POINTS, page
from convcli.plotting.text import result_name, result_title, wrap
from convcli.plotting.window_marks import hatched_text

if TYPE_CHECKING:
    from convcli.filtering import Filter, Filtered
    from convcli.kernels.kernel import Kernel

KERNEL_INCHES, SIGNAL_INCHES = 2.6, 7.0  # widths of the two columns
PLOT_HEIGHT = 1.7  # inches
TITLE_AND_TICKS = 0.9  # inches above and below a plot
VALUE_TICKS = 0.7  # inches at the left of a plot
MOST_HEATMAPS = 16


def draw_filtered_signal(
    original: NDArray[np.generic], results: Sequence[tuple[Filter, Filtered]], title: str
) -> Figure:
    """Draw a signal, (1, n) or (n, 1), and below it each result beside its kernel.

    Each value of a result stands below the middle of its window.
    """
    axis = signal_axis(original)
    assert axis is not None  # noqa: S101 - the caller has checked
    geometries = [_widest_geometry(original, image_filter, axis) for image_filter, _ in results]
    count = len(results)
    figure = page(
        KERNEL_INCHES + SIGNAL_INCHES + 2 * VALUE_TICKS,
        (1 + count) * (PLOT_HEIGHT + TITLE_AND_TICKS),
        title,
    )
    grid = figure.add_gridspec(1 + count, 2, width_ratios=(KERNEL_INCHES, SIGNAL_INCHES))
    signal, *plots = (figure.add_subplot(grid[row, 1]) for row in range(1 + count))
    draw_padded_signal(signal, original, _padding(results[0][0], geometries, axis))
    drawn: list[DrawnImage] = []
    for row, (axes, (image_filter, filtered), geometry) in enumerate(
        zip(plots, results, geometries, strict=True), 1
    ):
        place = grid[:, 0] if count == 1 else grid[row, 0]
        operation, dilation = image_filter.conv.operation, geometry.dilation[axis]
        drawn += draw_taps(figure, place, image_filter.kernels, axis, operation, dilation)
        samples = signal_samples(filtered.image.pixels)
        exact = filtered.image.pixels.reshape(samples.shape)
        draw_samples(axes, range(len(samples)), samples, inches=SIGNAL_INCHES, exact=exact)
        align_result(axes, signal.get_xlim(), geometry, axis)
        facts = [result_name(image_filter), count_text(samples)]
        axes.set_title(_wrapped(result_title(image_filter, filtered, facts), SIGNAL_INCHES))
    finalize_layout(figure, drawn)
    return figure


def draw_padded_signal(
    axes: Axes,
    original: NDArray[np.generic],
    padding: SignalPadding,
    *,
    inches: float = SIGNAL_INCHES,
) -> Samples:
    """Draw a signal with its padding hatched, and return the padded samples, (n, C)."""
    samples = signal_samples(original)
    padded = padded_samples(samples, padding)
    places = np.arange(-padding.before, len(samples) + padding.after)
    exact = padded_samples(original.reshape(len(samples), -1), padding)
    draw_samples(axes, places, padded, inches=inches, exact=exact)
    hatch_signal_padding(axes, len(samples), padding)
    set_sample_ticks(axes, places[0] - 0.5, places[-1] + 0.5, inches)
    text = f"signal, {count_text(samples)}"
    if padding.before or padding.after:
        text += f"; {hatched_text((padding.before, padding.after), padding.border)}"
    axes.set_title(_wrapped(text, inches))
    return padded


def draw_taps(
    figure: Figure,
    place: SubplotSpec,
    kernels: Sequence[Kernel],
    axis: int,
    operation: str,
    dilation: int = 1,
) -> list[DrawnImage]:
    """Draw one kernel along the signal as stems, ``dilation`` apart; others as heat maps."""
    taps = signal_taps(kernels[0].matrix, axis, operation) if len(kernels) == 1 else None
    title = kernel_title(kernels[0]) if len(kernels) == 1 else ""
    if taps is None:
        group = kernel_heatmaps(kernels, most=MOST_HEATMAPS)
        inches = KERNEL_INCHES, PLOT_HEIGHT
        return draw_kernels(figure, place, group, inches, _wrapped(title, KERNEL_INCHES))
    axes = figure.add_subplot(place)
    axes.set_title(_wrapped(applied_title(title, operation), KERNEL_INCHES))
    places = dilation * np.arange(len(taps))
    draw_samples(axes, places, taps, inches=KERNEL_INCHES * len(taps) / (places[-1] + 1))
    set_sample_ticks(axes, -0.5, places[-1] + 0.5, KERNEL_INCHES)
    return []


def align_result(axes: Axes, limits: tuple[float, float], geometry: Geometry, axis: int) -> None:
    """Scale a result's x axis so that each value stands below the middle of its window.

    ``limits`` are those of the padded signal's x axis.
    """
    middle = (geometry.extent[axis] - 1) / 2 - geometry.pads[2 * axis]
    low, high = ((limit - middle) / geometry.stride[axis] for limit in limits)
    set_sample_ticks(axes, low, high, SIGNAL_INCHES)
    last = geometry.output_shape[axis] - 1
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= last])
    axes.set_xlim(low, high)


def count_text(samples: Samples) -> str:
    """Return the number of samples, and of NaN among their values."""
    nans = int(np.isnan(samples).sum())
    return f"{len(samples)} samples" + f", {nans} NaN left out" * bool(nans)


def _widest_geometry(original: NDArray[np.generic], image_filter: Filter, axis: int) -> Geometry:
    """Return the geometry of a filter's kernel that spans the most samples."""
    conv = image_filter.conv
    rules = conv.padding, conv.stride, conv.dilation, conv.operation
    geometries = [
        conv_geometry(original.shape[:2], each.shape, *rules) for each in image_filter.kernels
    ]
    return max(geometries, key=lambda geometry: geometry.extent[axis])


def _padding(image_filter: Filter, geometries: Sequence[Geometry], axis: int) -> SignalPadding:
    """Return the widest padding, with the border of one filter."""
    before = max(geometry.pads[2 * axis] for geometry in geometries)
    after = max(geometry.pads[2 * axis + 1] for geometry in geometries)
    border = border_name(image_filter.conv.border)
    return SignalPadding(
        before, after, border, image_filter.conv.fill if border == "constant" else 0
    )


def _wrapped(text: str, inches: float) -> str:
    return wrap(text, inches, TITLE_POINTS)
