"""The window on its way over a grid: its outline, its taps, and where it was before."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from convcli.geometry import Geometry, Pads, Pair

WINDOW_COLOR = "#00a651"
PAD_HATCH, PAD_COLOR = "////", "tab:orange"
_LEAST_PIXELS = 9.0  # on the page, of an outline
_LEAST_TAP = 4.0
_WIDE, _THIN = 2.0, 1.0  # points
_HALO = [withStroke(linewidth=3.6, foreground="white")]
_FAINT_HALO = [withStroke(linewidth=2.2, foreground="white")]

Box = tuple[float, float, float, float]  # left, top, right, bottom


class WindowMarks:
    """A kernel's window over padded cells, of which the first padded one is at 0, 0.

    ``pads`` are those that are drawn, which may be wider than the kernel's own.
    """

    def __init__(self, axes: Axes, geometry: Geometry, pads: Pads) -> None:
        self._axes, self._geometry = axes, geometry
        self._offset = pads.top - geometry.pads.top, pads.left - geometry.pads.left
        self._before = _outline(axes, _THIN, linestyle=(0, (3, 2)), path_effects=_FAINT_HALO)
        self._taps = _outline(axes, _THIN)
        self._window = _outline(axes, _WIDE, path_effects=_HALO)
        self._last: Box | None = None

    @property
    def artists(self) -> list[Artist]:
        """Return what moves, in the order of drawing."""
        return [self._before, self._window, self._taps]

    def move(self, at: Pair) -> None:
        """Lay the window of one output; with a stride, the one before stays as a dashed line."""
        geometry = self._geometry
        top, left = (
            start + place * step
            for start, place, step in zip(self._offset, at, geometry.stride, strict=True)
        )
        rows, columns = geometry.extent
        window = left - 0.5, top - 0.5, left + columns - 0.5, top + rows - 0.5
        if geometry.stride != (1, 1) and self._last is not None:
            self._before.set_data(*_path([self._visible(self._last)]))
        self._window.set_data(*_path([self._visible(window)]))
        self._taps.set_data(*_path(self._tap_boxes(top, left)))
        self._last = window

    def _visible(self, box: Box) -> Box:
        """Return a box that is large enough on the page to be seen."""
        return at_least(self._axes, box, _LEAST_PIXELS)

    def _tap_boxes(self, top: int, left: int) -> Sequence[Box]:
        """Return the cells under the taps where the dilation leaves holes between them."""
        down, right = self._geometry.dilation
        across, high = cell_pixels(self._axes)
        if (down, right) == (1, 1) or min(down * high, right * across) < 2 * _LEAST_TAP:
            return []
        rows, columns = self._geometry.kernel
        return [
            at_least(self._axes, (x - 0.38, y - 0.38, x + 0.38, y + 0.38), _LEAST_TAP)
            for y, x in product(
                range(top, top + rows * down, down), range(left, left + columns * right, right)
            )
        ]


class CellMark:
    """The cell of a feature map whose value has just come."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes
        self._line = _outline(axes, _WIDE, path_effects=_HALO)

    @property
    def artists(self) -> list[Artist]:
        """Return what moves."""
        return [self._line]

    def move(self, at: Pair) -> None:
        """Mark one cell."""
        row, column = at
        cell = column - 0.5, row - 0.5, column + 0.5, row + 0.5
        self._line.set_data(*_path([at_least(self._axes, cell, _LEAST_PIXELS / 2)]))


def hatch_padding(axes: Axes, size: Pair, pads: Pads) -> None:
    """Hatch what lies around the ``size`` cells of the input."""
    rows, columns = size
    height, width = rows + pads.top + pads.bottom, columns + pads.left + pads.right
    sides = (
        (0, 0, width, pads.top),
        (0, pads.top + rows, width, pads.bottom),
        (0, pads.top, pads.left, rows),
        (pads.left + columns, pads.top, pads.right, rows),
    )
    for x, y, across, down in sides:
        if across and down:
            axes.add_patch(
                Rectangle(
                    (x - 0.5, y - 0.5),
                    across,
                    down,
                    fill=False,
                    hatch=PAD_HATCH,
                    edgecolor=PAD_COLOR,
                    linewidth=0,
                )
            )
    if height > rows or width > columns:
        axes.add_patch(
            Rectangle(
                (pads.left - 0.5, pads.top - 0.5),
                columns,
                rows,
                fill=False,
                edgecolor=PAD_COLOR,
                linewidth=1.0,
            )
        )


def cell_pixels(axes: Axes) -> tuple[float, float]:
    """Return the width and height of a cell on the page."""
    origin, one = axes.transData.transform([(0, 0), (1, 1)])
    across, high = np.abs(one - origin)
    return float(across), float(high)


def at_least(axes: Axes, box: Box, pixels: float) -> Box:
    """Return a box about the same middle that is no smaller than so many pixels of the page."""
    left, top, right, bottom = box
    across, high = cell_pixels(axes)
    more = max(pixels / across - (right - left), 0) / 2, max(pixels / high - (bottom - top), 0) / 2
    return left - more[0], top - more[1], right + more[0], bottom + more[1]


def _outline(axes: Axes, width: float, **style: Any) -> Line2D:
    line = Line2D(
        [],
        [],
        color=WINDOW_COLOR,
        linewidth=width,
        solid_joinstyle="miter",
        clip_on=False,
        **style,
    )
    axes.add_artist(line)
    return line


def _path(boxes: Sequence[Box]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the line around some boxes, with gaps between them."""
    gap = np.nan
    xs = [x for left, _, right, _ in boxes for x in (left, right, right, left, left, gap)]
    ys = [y for _, top, _, bottom in boxes for y in (top, top, bottom, bottom, top, gap)]
    return np.array(xs, np.float64), np.array(ys, np.float64)


def hatched_text(sides: Sequence[int], border: str) -> str:
    """Say how wide padding is, by its sides or one number for all, and what it holds."""
    width = str(sides[0]) if len(set(sides)) == 1 else ",".join(map(str, sides))
    return f"hatched: padding {width} ({border})"
