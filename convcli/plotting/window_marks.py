"""The marks of a sliding window: its outline and taps, the previous window, hatched padding."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from convcli.geometry import Geometry, Pads, Pair, pads_text
from convcli.plotting.style import theme

WINDOW_COLOR = "#00a651"
_RING_POINTS = 12.0  # at least
PAD_HATCH, PAD_COLOR = "////", "tab:orange"

CELL_PIXELS = 4.5  # on the page; a smaller mark of one cell is not seen
_WINDOW_PIXELS, _TAP_PIXELS = 9.0, 4.0  # on the page; smaller is not seen
_TAP_SHARE = 0.76  # of a cell's side
_WINDOW_POINTS, _THIN_POINTS = 2.0, 1.0  # line widths
_HALO = [withStroke(linewidth=3.6, foreground="white")]
_FAINT_HALO = [withStroke(linewidth=2.2, foreground="white")]
_DASHES: Any = (0, (3, 2))

Corners = tuple[float, float, float, float]  # left, top, right, bottom, in cells


class WindowMarks:
    """A kernel's window over the cells of a padded input; the first cell is at 0, 0.

    Args:
        axes: of the padded input.
        geometry: of the kernel.
        pads: the padding that is drawn, at least as wide as the kernel's own.
        pixels: the least side of the window's outline, in pixels of the page.

    Attributes:
        artists: what moves, in the order of drawing.
    """

    def __init__(
        self, axes: Axes, geometry: Geometry, pads: Pads, *, pixels: float = _WINDOW_PIXELS
    ) -> None:
        self._axes, self._geometry, self._pixels = axes, geometry, pixels
        self._offset = pads.top - geometry.pads.top, pads.left - geometry.pads.left
        self._previous = _outline(axes, _THIN_POINTS, linestyle=_DASHES, path_effects=_FAINT_HALO)
        self._taps = _outline(axes, _THIN_POINTS)
        self._window = _outline(axes, _WINDOW_POINTS, path_effects=_HALO)
        self.artists: list[Line2D] = [self._previous, self._window, self._taps]
        self._last: tuple[Pair, Corners] | None = None

    def move(self, at: Pair, origin: Pair = (0, 0)) -> None:
        """Outline the window of one output; with a stride, the previous window stays, dashed.

        Positions come in reading order; one that does not follow the last one begins anew.
        ``origin`` is the padded input's cell that is drawn at 0, 0.
        """
        geometry = self._geometry
        top, left = (
            start + place * step - shift
            for start, place, step, shift in zip(
                self._offset, at, geometry.stride, origin, strict=True
            )
        )
        rows, columns = geometry.extent
        corners = left - 0.5, top - 0.5, left + columns - 0.5, top + rows - 0.5
        visible = _enlarged(self._axes, corners, self._pixels)
        if geometry.stride != (1, 1):
            before = [self._last[1]] if self._last is not None and self._last[0] < at else []
            self._previous.set_data(*_path(before))
        self._window.set_data(*_path([visible]))
        self._taps.set_data(*_path(self._tap_corners(top, left)))
        self._last = at, visible

    def _tap_corners(self, top: int, left: int) -> Sequence[Corners]:
        """Return the cells of the taps, if dilation leaves gaps between them that can be seen."""
        (down, right), (rows, columns) = self._geometry.dilation, self._geometry.kernel
        width, height = _cell_pixels(self._axes)
        if (down, right) == (1, 1) or min(down * height, right * width) < 2 * _TAP_PIXELS:
            return []
        half = _TAP_SHARE / 2
        return [
            _enlarged(self._axes, (x - half, y - half, x + half, y + half), _TAP_PIXELS)
            for y, x in product(
                range(top, top + rows * down, down), range(left, left + columns * right, right)
            )
        ]


class BoxMarks:
    """The outlines of boxes that move.

    Args:
        axes: of an image.
        pixels: the least side of an outline, in pixels of the page.

    Attributes:
        artists: what moves.
    """

    def __init__(self, axes: Axes, *, pixels: float = _WINDOW_PIXELS) -> None:
        self._axes, self._pixels = axes, pixels
        self.artists: list[Line2D] = [_outline(axes, _WINDOW_POINTS, path_effects=_HALO)]

    def move(self, boxes: Sequence[Corners]) -> None:
        """Outline the cells from ``left`` to ``right`` and ``top`` to ``bottom`` of each box."""
        edges = [
            _enlarged(self._axes, (left - 0.5, top - 0.5, right - 0.5, bottom - 0.5), self._pixels)
            for left, top, right, bottom in boxes
        ]
        self.artists[0].set_data(*_path(edges))


def outline_window(
    axes: Axes,
    corners: Corners,
    taps: Sequence[Pair] = (),
    *,
    pixels: float = _WINDOW_PIXELS,
    field: Corners | None = None,
) -> None:
    """Outline a window that stays where it is, and its taps where dilation parts them.

    Args:
        axes: with their limits set.
        corners: of the window.
        taps: rows and columns of the cells that the kernel weighs; none to mark none.
        pixels: the least side of the outline, in pixels of the page.
        field: the corners of a box around it, dashed; None for none.
    """
    half = _TAP_SHARE / 2
    cells = [
        _enlarged(axes, (x - half, y - half, x + half, y + half), _TAP_PIXELS) for y, x in taps
    ]
    _outline(axes, _THIN_POINTS).set_data(*_path(cells))
    if field is not None:
        dashed = _outline(axes, _THIN_POINTS, linestyle=_DASHES, path_effects=_FAINT_HALO)
        dashed.set_data(*_path([_enlarged(axes, field, pixels)]))
    outline = _outline(axes, _WINDOW_POINTS, path_effects=_HALO)
    outline.set_data(*_path([_enlarged(axes, corners, pixels)]))


def hatch_padding(axes: Axes, shape: Pair, pads: Pads) -> None:
    """Hatch the padding around an input of ``shape`` cells, and outline the input."""
    rows, columns = shape
    width = columns + pads.left + pads.right
    strips = (
        (0, 0, width, pads.top),
        (0, pads.top + rows, width, pads.bottom),
        (0, pads.top, pads.left, rows),
        (pads.left + columns, pads.top, pads.right, rows),
    )
    style: dict[str, Any] = {"fill": False, "edgecolor": PAD_COLOR}
    for x, y, across, down in strips:
        if across and down:
            corner = x - 0.5, y - 0.5
            axes.add_patch(Rectangle(corner, across, down, hatch=PAD_HATCH, linewidth=0, **style))
    if any(pads):
        corner = pads.left - 0.5, pads.top - 0.5
        axes.add_patch(Rectangle(corner, columns, rows, linewidth=1.0, **style))


def _cell_pixels(axes: Axes) -> tuple[float, float]:
    """Return the width and height of a cell in pixels of the page."""
    origin, one = axes.transData.transform([(0, 0), (1, 1)])
    width, height = np.abs(one - origin).tolist()
    return width, height


def _enlarged(axes: Axes, corners: Corners, pixels: float) -> Corners:
    """Return a rectangle about the same center, with sides of at least ``pixels`` page pixels."""
    left, top, right, bottom = corners
    width, height = _cell_pixels(axes)
    across = max(pixels / width - (right - left), 0) / 2
    down = max(pixels / height - (bottom - top), 0) / 2
    return left - across, top - down, right + across, bottom + down


def _outline(axes: Axes, points: float, **style: Any) -> Line2D:
    """Add an empty line that is ``points`` wide."""
    style |= {"linewidth": points, "solid_joinstyle": "miter", "clip_on": False}
    line = Line2D([], [], color=WINDOW_COLOR, **style)
    axes.add_artist(line)
    return line


def _path(rectangles: Sequence[Corners]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the x and y of one line around several rectangles; NaN separates them."""
    left, top, right, bottom = np.array(rectangles, np.float64).reshape(-1, 4).T
    gap = np.full(len(rectangles), np.nan)
    x, y = (left, right, right, left, left, gap), (top, top, bottom, bottom, top, gap)
    return np.stack(x, axis=1).ravel(), np.stack(y, axis=1).ravel()


def hatched_text(pads: Sequence[int], border: str) -> str:
    """Return the caption of hatched padding: its widths as ``--padding`` takes them, its border.

    >>> hatched_text((3, 3, 3, 3), "edge"), hatched_text((0, 0, 3, 3), "edge")
    ('hatched: padding 3 (edge)', 'hatched: padding 0,3 (edge)')
    >>> hatched_text((1, 2, 3, 3), "wrap"), hatched_text((0, 0, 0, 0), "wrap")
    ('hatched: padding 1,2,3,3 (wrap)', 'padding 0')
    """
    if not any(pads):
        return "padding 0"
    return f"hatched: padding {pads_text(pads)} ({border})"


def ring_cell(axes: Axes, place: Pair, inches: float) -> None:
    """Ring one cell of an image; ``inches`` are the shorter side of its cells."""
    row, column = place
    axes.plot(
        [column], [row], linestyle="none", marker="o", markerfacecolor="none", zorder=4,
        markersize=max(_RING_POINTS, 0.95 * 72 * inches), markeredgecolor=WINDOW_COLOR,
        markeredgewidth=max(0.15 * theme().text, 1.5), clip_on=False, scalex=False, scaley=False,
    )  # fmt: skip
