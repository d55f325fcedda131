"""Where a window lies in an image: its outline, and what surrounds it, magnified."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.image_panel import ImagePanel
from convcli.plotting.labels import text_width
from convcli.plotting.part import Part, PartOf
from convcli.plotting.style import figure_options, theme
from convcli.plotting.window_marks import outline_window

# isort: split
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure

from convcli.core.padding import OUTSIDE, border_at, promoted
from convcli.geometry import Pads, Pair
from convcli.plotting.axes import DrawnImage
from convcli.teaching.decimals import Number

Corners = tuple[int, int, int, int]  # left, top, and one beyond right and bottom

SMALL = 0.55  # inches; a smaller window is magnified
_MARK = 0.1  # inches; least side of the window's outline
_MAGNIFIED_WINDOWS, _LEAST = 4, 17  # a magnifier shows so many windows, and at least so many pixels


class PaddedImage(NamedTuple):
    """An image, and what its padding holds."""

    panel: ImagePanel
    border: str
    fill: Number

    def crop(self, corners: Corners) -> tuple[ImagePanel, Pads | None]:
        """Return a part of the padded image, and which of its sides are padding, if any is."""
        left, top, right, bottom = corners
        pixels = self.panel.pixels
        rows, columns = pixels.shape[:2]
        pads = Pads(max(-top, 0), max(bottom - rows, 0), max(-left, 0), max(right - columns, 0))
        if not any(pads):
            return replace(self.panel, pixels=pixels[top:bottom, left:right], full_shape=None), None
        sources = [
            border_at(np.arange(start, end), size, self.border)
            for start, end, size in ((top, bottom, rows), (left, right, columns))
        ]
        part = promoted(pixels[np.ix_(*sources)], self.fill)
        outside = np.logical_or.outer(*(source == OUTSIDE for source in sources))
        part[outside] = self.fill
        return replace(self.panel, pixels=part, full_shape=None), pads


def surroundings(corners: Corners, shape: Pair) -> Corners:
    """Return the corners of what a magnifier shows of a window's surroundings.

    They leave an image of this shape only where the window does.
    """
    left, top, right, bottom = corners
    side = max(_LEAST, _MAGNIFIED_WINDOWS * (right - left), _MAGNIFIED_WINDOWS * (bottom - top))
    ends = []
    for first, end, size in ((left, right, shape[1]), (top, bottom, shape[0])):
        low, high = min(first, 0), max(end, size)
        start = max(min((first + end - side) // 2, high - side), low)
        ends.append((start, min(start + side, high)))
    (start_x, end_x), (start_y, end_y) = ends
    return start_x, start_y, end_x, end_y


def marked(
    make: PartOf,
    corners: Corners,
    taps: Sequence[Pair],
    region: Corners,
    *,
    renumbered: bool = False,
    field: Corners | None = None,
) -> PartOf:
    """Return the same part with a window outlined in it.

    Args:
        make: the part, an image.
        corners: of the window, in the input.
        taps: rows and columns to mark.
        region: the corners of what the image shows.
        renumbered: number rows and columns as those of the input.
        field: the corners of a box to outline with dashes; None for none.
    """
    x, y = region[:2]

    def edges_of(corners: Corners) -> tuple[float, float, float, float]:
        left, top, right, bottom = corners
        return left - x - 0.5, top - y - 0.5, right - x - 0.5, bottom - y - 0.5

    edges, dashed = edges_of(corners), field and edges_of(field)
    cells = [(row - y, column - x) for row, column in taps]

    def part(scale: float) -> Part:
        plain = make(scale)

        def draw(figure: Figure, from_left: float, from_top: float) -> list[DrawnImage]:
            drawn = list(plain.draw(figure, from_left, from_top))
            axes = drawn[0].axes
            least = _MARK * figure_options().dpi
            outline_window(axes, edges, cells, pixels=least, field=dashed)
            if renumbered and figure_options().axes:
                _number(axes.xaxis, x, region[2], plain.box[0])
                _number(axes.yaxis, y, region[3], plain.box[1])
            return drawn

        room = (
            max(text_width(str(place), theme().text) for place in _near_ends(y, region[3])) + 0.08
        )
        return plain._replace(draw=draw, left=max(plain.left, room) if renumbered else plain.left)

    return part


def _number(axis: Axis, first: int, end: int, inches: float) -> None:
    """Number cells near both ends of an axis, or near its start where two labels would touch."""
    start, last = _near_ends(first, end)
    is_across = isinstance(axis, XAxis)
    room = text_width(f"{last} ", theme().text) if is_across else theme().line
    are_apart = (last - start) / (end - first) * inches >= room
    places = [start, last] if are_apart else [start]
    axis.set_ticks([place - first for place in places], labels=list(map(str, places)))


def _near_ends(first: int, end: int) -> list[int]:
    """Return the numbers of a row or column near each end, far enough from it for their labels."""
    inward = (end - first) // 6
    return [first + inward, end - 1 - inward]
