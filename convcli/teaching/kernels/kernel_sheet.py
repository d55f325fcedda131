"""The sheet of a kernel: its weights, and its responses to one bright pixel and to waves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convcli.geometry import size_text
from convcli.plotting.axes import (
    MAX_TICKED,
    DrawnImage,
    add_colorbar,
    finalize_layout,
    finite_extremes,
    round_ticks,
    shape_box,
    widest_text,
)
from convcli.plotting.heatmap import (
    Heatmap,
    HeatmapGroup,
    draw_with_bar,
    kernel_heatmaps,
    kernel_title,
    scale_text,
)
from convcli.plotting.labels import bar_number, format_short, wrap
from convcli.plotting.style import (
    DIVERGING,
    SEQUENTIAL,
    TICK_POINTS,
    TITLE_POINTS,
    Box,
    fit_box,
    page,
    style_context,
)
from convcli.teaching.kernels.responses import frequency_response, gain_at_zero, impulse_responses

if TYPE_CHECKING:
    from convcli.kernels.spec import KernelSet

_MAX_ROWS = 8  # kernels, or channels of a kernel
# All in inches.
_LONGEST_WEIGHTS, _LONGEST, _LONGEST_OF_MANY = 5.4, 2.3, 1.8  # longer side of a panel
_CELL, _THINNEST, _MIN_TITLE = 0.62, 0.4, 2.4
_BAR, _TITLES, _LINE = 1.35, 0.75, 0.17  # bars and labels; titles and ticks; one line of text

_MIN_CONTOURED = 9  # rows and columns of a kernel with contours
_MAX_ROUGHNESS = 1.7  # of a kernel with contours: a difference of Gaussians is below, a line above
_CONTOURS = 14  # about as many levels at most
_FRAME = "tab:orange"
_CURVES = (  # style, color and width; the wider ones lie below, so that equal curves all show
    ("-", "tab:blue", 3.2),
    ("--", "tab:orange", 2.4),
    ("-.", "tab:green", 1.6),
    (":", "black", 0.9),
)
_HEADROOM = 1.3  # height of the axes over the highest gain; the legend stands in it


class _Panels(NamedTuple):
    """The axes of one kernel."""

    weights: Axes
    correlated: Axes
    convolved: Axes
    curves: Axes  # contours or gains
    frequencies: Axes


def draw_kernel_sheet(kernels: KernelSet) -> Figure:
    """Draw the kernels of a SPEC: their weights and their responses.

    Each kernel has five panels: its weights; one bright pixel, correlated (the kernel flipped)
    and convolved (the kernel unchanged); the contours of a large smooth kernel, else its gain in
    four directions; and its frequency response. A family has one row per kernel, a kernel over
    channels one per channel, 8 at most. All weights share one color scale.

    Returns:
        A figure that pyplot does not manage; ``convcli.plotting.save.save_figure`` writes it.

    >>> from convcli.kernels.spec import read_spec
    >>> figure = draw_kernel_sheet(read_spec("sobel-x"))
    >>> [text.get_text() for text in figure.axes[0].texts[:3]]
    ['-1', '0', '1']
    """
    group = kernel_heatmaps(kernels.kernels, most=_MAX_ROWS)
    title = _title(kernels, len(group.maps))
    with style_context():
        return _draw_one(group, title) if len(group.maps) == 1 else _draw_rows(group, title)


def _title(kernels: KernelSet, drawn: int) -> str:
    members = kernels.kernels
    first = members[0]
    channels = math.prod(first.matrix.shape[:-2])
    over = f", sum over {channels} channels" if channels > 1 else ""
    if len(members) == 1:
        title = f"{kernel_title(first)}{over}"
    else:
        combined = f"combined by {kernels.combine}" if kernels.combine else "one result each"
        size = size_text(first.shape)
        title = (
            f"{kernels.label}: {len(members)} kernels {size}{over}{scale_text(first)}, {combined}"
        )
    count, noun = channels * len(members), "channels" if channels > 1 else "kernels"
    return title if drawn == count else f"{title}\nthe first {drawn} of {count} {noun}"


def _draw_one(group: HeatmapGroup, title: str) -> Figure:
    """Draw large weights, and the other panels in a square at their right."""
    heatmap = group.maps[0]._replace(title="weights")
    large, _ = _box(heatmap.values.shape, _LONGEST_WEIGHTS)
    widths = [max(large, _LONGEST) + _BAR, _LONGEST + _BAR, _LONGEST + _BAR]
    figure = page(sum(widths), 2 * (_LONGEST + _TITLES + 3 * _LINE), title)
    grid = figure.add_gridspec(2, 3, width_ratios=widths)
    places = (grid[:, 0], grid[0, 1], grid[0, 2], grid[1, 1], grid[1, 2])
    panels = _Panels(*map(figure.add_subplot, places))
    drawn = _draw_panels(panels, heatmap, group, _LONGEST_WEIGHTS, _LONGEST)
    _finalize(figure, drawn, [panels])
    return figure


def _draw_rows(group: HeatmapGroup, title: str) -> Figure:
    """Draw one row of panels per kernel or channel."""
    count = len(group.maps)
    longest = _LONGEST if count <= 4 else _LONGEST_OF_MANY
    width = len(_Panels._fields) * (longest + _BAR)
    figure = page(width, count * (longest + _TITLES + 3 * _LINE), title)
    axes = figure.subplots(count, len(_Panels._fields), squeeze=False)
    rows = [_Panels(*row) for row in axes]
    drawn = []
    for panels, heatmap in zip(rows, group.maps, strict=True):
        drawn += _draw_panels(panels, heatmap, group, longest, longest)
    _finalize(figure, drawn, rows)
    return figure


def _finalize(figure: Figure, drawn: Sequence[DrawnImage], rows: Sequence[_Panels]) -> None:
    """Compute the layout; contours get the shape of the weights, and gains a square."""
    finalize_layout(figure, drawn)
    for panels in rows:
        image = panels.weights.images[0].get_array()
        contours = bool(panels.curves.collections)
        ratio = image.shape[0] / image.shape[1] if contours and image is not None else 1.0
        shape_box(panels.curves, ratio)


def _draw_panels(
    panels: _Panels, heatmap: Heatmap, group: HeatmapGroup, weights_side: float, side: float
) -> list[DrawnImage]:
    """Draw one kernel; the sides are the longer ones of its weights and of the other panels."""
    weights = heatmap.values.astype(np.float64) / group.divisor
    response = frequency_response(weights)
    if has_contours(heatmap.values):
        _draw_contours(panels.curves, heatmap.values, group)
    else:
        _draw_gains(panels.curves, response)
    impulses = impulse_responses(heatmap.values)
    box = _box(impulses.correlated.shape, side)
    drawn = [_draw_matrix(panels.weights, heatmap, group, _box(heatmap.values.shape, weights_side))]
    for axes, operation, flip, values in zip(
        (panels.correlated, panels.convolved),
        ("correlated", "convolved"),
        _flip_words(heatmap.values),
        impulses[:2],
        strict=True,
    ):
        title = f"one bright pixel, {operation}:\n{flip}"
        impulse = Heatmap(title, values, _texts(values, heatmap))
        drawn.append(_draw_matrix(axes, impulse, group, box))
        corner = impulses.dot[1] - 0.5, impulses.dot[0] - 0.5
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=_FRAME, linewidth=1.5))
    return [*drawn, _draw_frequencies(panels.frequencies, response, gain_at_zero(weights))]


def _draw_matrix(axes: Axes, heatmap: Heatmap, group: HeatmapGroup, inches: Box) -> DrawnImage:
    """Draw a matrix in the colors of the kernels, with its title and a color bar."""
    width, height = inches
    title = wrap(heatmap.title, max(width, _MIN_TITLE), TITLE_POINTS)
    drawn = draw_with_bar(axes, group._replace(maps=(heatmap,)), inches, title)
    widest = widest_text([text for kernel in group.maps for text in kernel.texts])
    return replace(drawn, ratio=height / width, widest=widest)


def _box(shape: Sequence[int], longest: float) -> Box:
    rows, columns = shape
    return fit_box((rows, columns), longest, cell=_CELL, shortest=_LONGEST, thinnest=_THINNEST)


def _texts(response: NDArray[np.generic], heatmap: Heatmap) -> tuple[str, ...]:
    """Return the numbers of a small response, each weight written as in the kernel."""
    if max(response.shape) > MAX_TICKED + 2:
        return ()
    texts = {0: "0"} | dict(zip(heatmap.values.ravel().tolist(), heatmap.texts, strict=True))
    return tuple(texts[value] for value in response.ravel().tolist())


def _flip_words(values: NDArray[Any]) -> tuple[str, str]:
    """Say what the flip of correlation, and its absence in convolution, do with this kernel."""
    flipped = values[::-1, ::-1]
    if np.array_equal(values, flipped):
        odd = all(extent % 2 for extent in values.shape)
        same = "same result" if odd else "same, shifted by one pixel"
        return "flipped, which changes nothing", f"not flipped, {same}"
    if np.array_equal(values, -flipped):
        return "flipped, which changes the sign", "the kernel unchanged"
    return "the kernel flipped", "the kernel unchanged"


def has_contours(weights: NDArray[np.generic]) -> bool:
    """Tell whether contours are useful: the kernel is large, and smooth but not constant.

    Its roughness is the sum of the squared differences between neighbors, over the sum of the
    squared weights: near 0 for a wide Gaussian, 4 for independent weights.
    """
    values = weights.astype(np.float64)
    if min(values.shape) < _MIN_CONTOURED or np.ptp(values) == 0:
        return False
    values /= np.abs(values).max()
    steps = sum(np.square(np.diff(values, axis=axis)).sum() for axis in (0, 1))
    return bool(steps < _MAX_ROUGHNESS * np.square(values).sum())


def _draw_contours(axes: Axes, weights: NDArray[np.generic], group: HeatmapGroup) -> None:
    """Draw contours at round levels, in the colors of the kernels."""
    low, high = finite_extremes(weights)
    levels = MaxNLocator(_CONTOURS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    values = weights.astype(np.float64)
    bands = axes.contourf(values, levels, cmap=DIVERGING, vmin=-group.limit, vmax=group.limit)
    axes.contour(values, levels, colors="black", linewidths=0.5)
    axes.invert_yaxis()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    add_colorbar(axes, bands, round_ticks(levels[0], levels[-1]), group.unit, below=False)
    axes.set_title("contours, interpolated\nbetween the weights")


def _draw_gains(axes: Axes, response: NDArray[np.float64]) -> None:
    """Draw a frequency response along four directions, from frequency zero outward."""
    center = len(response) // 2
    steps = np.arange(center + 1)
    directions = {"→": (0, 1), "↓": (1, 0), "↘": (1, 1), "↗": (-1, 1)}  # down, across
    for (name, (down, across)), (style, color, width) in zip(
        directions.items(), _CURVES, strict=True
    ):
        gains = response[center + down * steps, center + across * steps]
        axes.plot(steps / len(response), gains, style, color=color, label=name, linewidth=width)
    highest = float(response.max()) or 1.0
    axes.set_xlim(0, 0.5)
    axes.set_ylim(-0.04 * highest, _HEADROOM * highest)
    axes.set_xlabel("cycles per pixel, along each axis", fontsize=TICK_POINTS)
    axes.set_ylabel("gain", fontsize=TICK_POINTS)
    axes.legend(loc="upper center", ncol=4, fontsize=TICK_POINTS, frameon=False, handlelength=1.6)
    axes.set_title("gain along four directions")


def _draw_frequencies(axes: Axes, response: NDArray[np.float64], at_zero: float) -> DrawnImage:
    """Draw a frequency response (n, n), with frequency zero in the center, and its color bar."""
    highest = float(f"{response.max():.12g}") or 1.0  # 1, not 0.9999999999999999
    image = axes.imshow(
        response,
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=highest,
        extent=(-0.5, 0.5, 0.5, -0.5),
        interpolation="nearest",
        aspect="auto",
    )
    ticks = (-0.5, -0.25, 0, 0.25, 0.5)
    axes.set(xticks=ticks, yticks=ticks)
    axes.xaxis.set_major_formatter(bar_number)
    axes.yaxis.set_major_formatter(bar_number)
    axes.set_xlabel("cycles per pixel, across", fontsize=TICK_POINTS)
    axes.set_ylabel("cycles per pixel, down", fontsize=TICK_POINTS)
    add_colorbar(axes, image, round_ticks(0, highest), "gain", below=False)
    axes.set_title(
        f"frequency response, magnitude\ngain at frequency zero: {format_short(at_zero)}"
    )
    rows, columns = response.shape
    return DrawnImage(image, 1.0, (rows, columns))
