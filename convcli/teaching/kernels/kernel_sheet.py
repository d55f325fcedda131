"""The portrait of a kernel: its weights, and what it does to a bright pixel and to waves."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, style_context

# isort: split
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from convcli.plotting.axes import MOST_TICKED, DrawnImage, finalize_layout, shape_box
from convcli.plotting.heatmap import (
    Heatmap,
    HeatmapGroup,
    kernel_heatmaps,
    kernel_title,
    scale_text,
)
from convcli.plotting.text import format_short, wrap
from convcli.teaching.kernels.response_panels import (
    contoured,
    draw_contours,
    draw_frequencies,
    draw_gains,
    draw_impulse,
    draw_signed,
)
from convcli.teaching.kernels.responses import frequency_response, gain_at_zero, impulse_responses

if TYPE_CHECKING:
    from convcli.kernels.spec import KernelSet

_MOST = 8  # kernels, or channels of kernels
_LARGE, _BOX, _SMALL_BOX = 5.4, 2.3, 1.8  # inches: the weights of a single kernel; other panels
_CELL, _THIN = 0.62, 0.4  # a cell at most; the thinnest box
_BESIDE, _AROUND, _LINE = 1.35, 0.75, 0.17  # inches: bars and labels; titles and ticks


class _Panels(NamedTuple):
    """The axes of one kernel."""

    weights: Axes
    correlated: Axes
    convolved: Axes
    curves: Axes  # contours, or gains
    frequencies: Axes


def draw_portrait(kernels: "KernelSet") -> Figure:
    """Draw what a SPEC names: each kernel's weights, and what it does.

    Beside the weights stand the maps of one bright pixel, correlated (the kernel flipped) and
    convolved (the kernel as it stands); the contours of a large smooth kernel, else its gain
    along four directions; and the frequency response, the magnitude of the Fourier transform. A
    family has a row for each kernel, a kernel over channels one for each channel; at most 8. All
    weights are on one color scale.

    Returns:
        A figure that no pyplot knows; `convcli.plotting.save.save_figure` writes it.

    >>> from convcli.kernels.spec import read_spec
    >>> figure = draw_portrait(read_spec("sobel-x"))
    >>> [text.get_text() for text in figure.axes[0].texts[:3]]
    ['-1', '0', '1']
    """
    tiles = kernel_heatmaps(kernels.kernels, most=_MOST)
    with style_context():
        return _draw_one(kernels, tiles) if len(tiles.maps) == 1 else _draw_rows(kernels, tiles)


def _draw_one(kernels: "KernelSet", tiles: HeatmapGroup) -> Figure:
    """Draw the weights large, and the other panels in a square beside them."""
    tile = tiles.maps[0]._replace(title="weights")
    large, _ = _sides(tile.values.shape, _LARGE)
    widths = [max(large, _BOX) + _BESIDE, _BOX + _BESIDE, _BOX + _BESIDE]
    figure = _page(_title(kernels, tiles), sum(widths), 2 * (_BOX + _AROUND + 3 * _LINE))
    grid = figure.add_gridspec(2, 3, width_ratios=widths)
    places = (grid[:, 0], grid[0, 1], grid[0, 2], grid[1, 1], grid[1, 2])
    panels = _Panels(*map(figure.add_subplot, places))
    drawn = _draw_panels(panels, tile, tiles, (_LARGE, _BOX))
    _settle(figure, drawn, [panels])
    return figure


def _draw_rows(kernels: "KernelSet", tiles: HeatmapGroup) -> Figure:
    """Draw a row for each kernel or channel."""
    count = len(tiles.maps)
    box = _BOX if count <= 4 else _SMALL_BOX
    across = len(_Panels._fields) * (box + _BESIDE)
    figure = _page(_title(kernels, tiles), across, count * (box + _AROUND + 3 * _LINE))
    axes = figure.subplots(count, len(_Panels._fields), squeeze=False)
    rows = [_Panels(*row) for row in axes]
    drawn = [
        each
        for panels, tile in zip(rows, tiles.maps, strict=True)
        for each in _draw_panels(panels, tile, tiles, (box, box))
    ]
    _settle(figure, drawn, rows)
    return figure


def _page(title: str, width: float, height: float) -> Figure:
    heading = wrap(title, width - 1, HEADING_POINTS)
    height += 0.2 * (2 + heading.count("\n"))
    engine = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(width, height), layout=engine)
    figure.suptitle(heading)
    return figure


def _title(kernels: "KernelSet", tiles: HeatmapGroup) -> str:
    """Say what is drawn, and how much of it."""
    members = kernels.kernels
    first = members[0]
    channels = math.prod(first.matrix.shape[:-2])
    over = f", sum over {channels} channels" if channels > 1 else ""
    if len(members) == 1:
        title = f"{kernel_title(first)}{over}"
    else:
        rows, columns = first.shape
        how = f"combined by {kernels.combine}" if kernels.combine else "one result each"
        what = f"{len(members)} kernels {columns}x{rows}{over}{scale_text(first)}"
        title = f"{kernels.label}: {what}, {how}"
    count, drawn = channels * len(members), len(tiles.maps)
    what = "channels" if channels > 1 else "kernels"
    return title if drawn == count else f"{title}\nthe first {drawn} of {count} {what}"


def _draw_panels(
    panels: _Panels, tile: Heatmap, tiles: HeatmapGroup, boxes: tuple[float, float]
) -> list[DrawnImage]:
    """Draw one kernel; ``boxes`` are the inches of its weights and of the other panels."""
    weights = tile.values.astype(np.float64) / tiles.divisor
    response = frequency_response(weights)
    if contoured(tile.values):
        draw_contours(panels.curves, tile.values, tiles)
        curves = "contours, interpolated\nbetween the weights"
    else:
        draw_gains(panels.curves, response)
        curves = "gain along four directions"
    gain = format_short(gain_at_zero(weights))
    panels.curves.set_title(curves)
    panels.frequencies.set_title(f"frequency response, magnitude\ngain at frequency zero: {gain}")
    return [
        draw_signed(panels.weights, tile, tiles, _sides(tile.values.shape, boxes[0])),
        *_draw_impulses(panels, tile, tiles, boxes[1]),
        draw_frequencies(panels.frequencies, response),
    ]


def _draw_impulses(
    panels: _Panels, tile: Heatmap, tiles: HeatmapGroup, box: float
) -> list[DrawnImage]:
    """Draw one bright pixel as correlation and as convolution leave it."""
    responses = impulse_responses(tile.values)
    inches = _sides(responses.correlated.shape, box)
    operations = ("correlated", "convolved")
    titles = [
        f"one bright pixel, {operation}:\n{found}"
        for operation, found in zip(operations, _flip_words(tile.values), strict=True)
    ]
    return [
        draw_impulse(
            axes, Heatmap(title, response, _texts(response, tile)), responses.dot, tiles, inches
        )
        for axes, title, response in zip(
            (panels.correlated, panels.convolved), titles, responses[:2], strict=True
        )
    ]


def _texts(response: NDArray[np.generic], tile: Heatmap) -> tuple[str, ...]:
    """Return the numbers of a small response, each weight written as in the kernel."""
    if max(response.shape) > MOST_TICKED + 2:
        return ()
    words = {0: "0"} | dict(zip(tile.values.ravel().tolist(), tile.texts, strict=True))
    return tuple(words[value] for value in response.ravel().tolist())


def _flip_words(values: NDArray[Any]) -> tuple[str, str]:
    """Say what the flip does to this kernel."""
    flipped = values[::-1, ::-1]
    if np.array_equal(values, flipped):
        odd = all(extent % 2 for extent in values.shape)
        alike = "alike" if odd else "alike but a pixel on"
        return "flipped, which changes nothing", f"as it stands, {alike}"
    if np.array_equal(values, -flipped):
        return "flipped, which turns its sign", "the kernel as it stands"
    return "the kernel flipped", "the kernel as it stands"


def _sides(shape: Sequence[int], longest: float) -> tuple[float, float]:
    """Return the width and height in inches of a matrix of square cells, or a thin strip."""
    rows, columns = shape
    cell = min(longest / max(rows, columns), max(_CELL, _BOX / max(rows, columns)))
    return max(columns * cell, _THIN), max(rows * cell, _THIN)


def _settle(figure: Figure, drawn: Sequence[DrawnImage], rows: Sequence[_Panels]) -> None:
    """Lay the figure out; boxes without an image are square, contours as the matrix is."""
    finalize_layout(figure, drawn)
    for panels in rows:
        image = panels.weights.images[0].get_array()
        contours = bool(panels.curves.collections)
        ratio = image.shape[0] / image.shape[1] if contours and image is not None else 1.0
        shape_box(panels.curves, ratio)
