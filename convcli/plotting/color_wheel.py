"""A color wheel: what the colors of a direction image mean."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from convcli.images.value_range import DirectionColors
from convcli.plotting.axes import DrawnImage
from convcli.plotting.labels import DIRECTION_NOTE, GRAY_PRINT_NOTE, text_width
from convcli.plotting.part import Part, axes_at
from convcli.plotting.style import Box, figure_options, theme

_DIAMETER = 7.0  # of the wheel, in font sizes
_GAP = 0.08  # inches between the image and the wheel, and between the wheel and its words
_WIDE_PAGE = 10.0  # inches
_PIXELS = 200  # side of the wheel's image


def with_color_wheel(part: Part) -> Part:
    """Add a wheel to a direction image: at its right or, on a narrow page, below it.

    Its hues are those of the sides that are brighter, and its brightness grows with the magnitude.
    Without color bars, the caption names the colors. On paper it says what gray print loses.
    """
    look = theme()
    if figure_options().theme == "paper":
        part = part._replace(caption=f"{part.caption}\n{GRAY_PRINT_NOTE}")
    if not figure_options().bars:
        return part._replace(caption=f"{part.caption}\n{DIRECTION_NOTE}")
    diameter = _DIAMETER * look.text / 72
    height = diameter + 3 * look.line
    left, right = (
        diameter / 2 + text_width(word, look.text) + 2 * _GAP for word in ("left", "right")
    )
    across, down = part.box
    if look.width >= _WIDE_PAGE and down >= height:
        middle = across + part.right + left, down / 2 + look.line / 2
        return part._replace(
            draw=partial(_draw_with_wheel, part, middle, diameter),
            right=part.right + left + right,
        )
    middle = across / 2, down + part.below + _GAP + 2 * look.line + diameter / 2
    return part._replace(
        draw=partial(_draw_with_wheel, part, middle, diameter),
        left=max(part.left, left - across / 2),
        right=max(part.right, right - across / 2),
        below=part.below + _GAP + height,
    )


def wheel_part() -> Part:
    """Return a wheel that stands by itself, for all direction images of a page."""
    look = theme()
    diameter = _DIAMETER * look.text / 72
    return Part(
        lambda figure, left, top: _draw_wheel(figure, left, top + 2 * look.line, diameter),
        (diameter, diameter + 3 * look.line),
        left=text_width("left", look.text) + _GAP,
        right=text_width("right", look.text) + _GAP,
        letters=0,
    )


def _draw_with_wheel(
    part: Part, middle: Box, diameter: float, figure: Figure, left: float, top: float
) -> Iterable[DrawnImage]:
    """Draw the part and the wheel, whose middle is at inches from the part's box."""
    drawn = part.draw(figure, left, top)
    _draw_wheel(figure, left + middle[0] - diameter / 2, top + middle[1] - diameter / 2, diameter)
    return drawn


def _draw_wheel(figure: Figure, left: float, top: float, diameter: float) -> list[DrawnImage]:
    """Draw a wheel at inches from the left and the upper edge of the page, with its words."""
    place = left, top
    axes = axes_at(figure, *place, (diameter, diameter))
    axes.set_axis_off()
    axes.imshow(_wheel(), extent=(-1, 1, -1, 1), interpolation="bilinear")
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    gap = 1 + 2 * _GAP / diameter
    for word, x, y, across_to, up_to in (
        ("right", gap, 0, "left", "center"),
        ("top", 0, gap, "center", "bottom"),
        ("left", -gap, 0, "right", "center"),
        ("bottom", 0, -gap, "center", "top"),
        ("brighter at the", 0, gap + 2 * theme().line / diameter, "center", "bottom"),
    ):
        axes.text(x, y, word, ha=across_to, va=up_to, fontsize=theme().text, color=theme().ink)
    return []


def _wheel() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the colors of gradients in the unit disk, (n, n, 4), transparent outside."""
    x = (np.arange(_PIXELS) + 0.5) * 2 / _PIXELS - 1
    gradients = x - 1j * x[:, np.newaxis]  # rows go down
    colors = np.empty((_PIXELS, _PIXELS, 4), np.uint8)
    DirectionColors("clip", 255).apply(255 * gradients, colors[..., :3])
    colors[..., 3] = np.where(np.abs(gradients) <= 1, 255, 0)
    return colors
