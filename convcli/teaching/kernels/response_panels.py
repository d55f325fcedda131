"""What a kernel does, panel by panel: contours, responses to a bright pixel and to waves."""

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.plotting.axes import (
    WIDE,
    DrawnImage,
    add_colorbar,
    finite_extremes,
    round_ticks,
)
from convcli.plotting.heatmap import Heatmap, HeatmapGroup, draw_heatmaps
from convcli.plotting.style import DIVERGING, SEQUENTIAL, TICK_POINTS, TITLE_POINTS
from convcli.plotting.text import bar_number, text_width, wrap

Sides = tuple[float, float]  # inches: width, height

_LEAST_TITLE = 2.4  # inches, beside a narrow kernel
_LEAST_CONTOURED = 9  # rows and columns
_ROUGHEST = 1.7  # a difference of Gaussians lies below, a streak above
_LEVELS = 14  # at most about so many bands
_FRAME = "tab:orange"
_LINES = (  # the wider below, so that lines which coincide are all seen
    ("-", "tab:blue", 3.2),
    ("--", "tab:orange", 2.4),
    ("-.", "tab:green", 1.6),
    (":", "black", 0.9),
)
_HEADROOM = 1.3  # over the highest gain, so that the legend hides no line


def contoured(weights: NDArray[np.generic]) -> bool:
    """Tell whether contours say something: the kernel is large, and smooth but not flat.

    Smooth is told by the squares of the differences between neighbors, over the squares of the
    weights: near 0 for a wide bell, 4 for independent weights.
    """
    values = weights.astype(np.float64)
    if min(values.shape) < _LEAST_CONTOURED or np.ptp(values) == 0:
        return False
    values /= np.abs(values).max()
    steps = sum(np.square(np.diff(values, axis=axis)).sum() for axis in (0, 1))
    return bool(steps < _ROUGHEST * np.square(values).sum())


def draw_contours(axes: Axes, weights: NDArray[np.generic], tiles: HeatmapGroup) -> None:
    """Draw contours at round levels, in the colors that the kernels ``tiles`` have."""
    low, high = finite_extremes(weights)
    levels = MaxNLocator(_LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    values = weights.astype(np.float64)
    bands = axes.contourf(values, levels, cmap=DIVERGING, vmin=-tiles.limit, vmax=tiles.limit)
    axes.contour(values, levels, colors="black", linewidths=0.5)
    axes.invert_yaxis()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    add_colorbar(axes, bands, round_ticks(levels[0], levels[-1]), tiles.unit, below=False)


def draw_impulse(
    axes: Axes, response: Heatmap, dot: Pair, tiles: HeatmapGroup, inches: Sides
) -> DrawnImage:
    """Draw what became of one bright pixel, in the kernels' colors, its place framed."""
    row, column = dot
    drawn = draw_signed(axes, response, tiles, inches)
    corner = column - 0.5, row - 0.5
    axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=_FRAME, linewidth=1.5))
    return drawn


def draw_signed(axes: Axes, tile: Heatmap, tiles: HeatmapGroup, inches: Sides) -> DrawnImage:
    """Draw a matrix as the kernels ``tiles`` are drawn, with its title and a color bar."""
    width, height = inches
    [drawn] = draw_heatmaps([axes], tiles._replace(maps=(tile,)), inches=inches, titles=False)
    ticks = round_ticks(-tiles.limit, tiles.limit)
    add_colorbar(axes, drawn.image, ticks, tiles.unit, below=width >= WIDE * height)
    axes.set_title(wrap(tile.title, max(width, _LEAST_TITLE), TITLE_POINTS))
    widest = max(text_width(text, 1.0) for each in tiles.maps for text in each.texts)
    return replace(drawn, ratio=height / width, widest=widest)


def draw_gains(axes: Axes, response: NDArray[np.float64]) -> None:
    """Draw a frequency response along four directions, from frequency zero outward."""
    middle = len(response) // 2
    out = np.arange(middle + 1)
    across, down, falling, rising = (
        response[middle + rows, middle + columns]
        for rows, columns in ((0 * out, out), (out, 0 * out), (out, out), (-out, out))
    )
    curves = {"→": across, "↓": down, "↘": falling, "↗": rising}
    for (name, gains), (style, color, width) in zip(curves.items(), _LINES, strict=True):
        axes.plot(out / len(response), gains, style, color=color, label=name, linewidth=width)
    greatest = float(response.max()) or 1.0
    axes.set_xlim(0, 0.5)
    axes.set_ylim(-0.04 * greatest, _HEADROOM * greatest)
    axes.set_xlabel("cycles per pixel, along each axis", fontsize=TICK_POINTS)
    axes.set_ylabel("gain", fontsize=TICK_POINTS)
    axes.legend(loc="upper center", ncol=4, fontsize=TICK_POINTS, frameon=False, handlelength=1.6)


def draw_frequencies(axes: Axes, response: NDArray[np.float64]) -> DrawnImage:
    """Draw a frequency response (n, n), frequency zero in the middle, as a map with its bar."""
    greatest = float(f"{response.max():.12g}") or 1.0  # 1, not 0.9999999999999999
    image = axes.imshow(
        response,
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=greatest,
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
    add_colorbar(axes, image, round_ticks(0, greatest), "gain", below=False)
    rows, columns = response.shape
    return DrawnImage(image, 1.0, (rows, columns))
