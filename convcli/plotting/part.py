"""A part of a page: a box in which something is drawn, and the room that text around it takes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convcli.plotting.axes import DrawnImage
from convcli.plotting.labels import text_width
from convcli.plotting.style import Box, theme

GAP = 0.16  # inches between parts, and between a title and its box
SLACK = 1.08  # viewers of SVG may have a font with wider letters
_LETTERS = 13  # of a title that a narrow part has room for in a line
_NUMBER = re.compile(r"-?\d[\d.]*(?:e-?\d+)?")  # which is never broken between its digits


class Part(NamedTuple):
    """A box on a page, and the text around it. Lengths are in inches.

    Attributes:
        draw: draws into a figure, given the box's distance from the left and the upper edge;
            returns the images whose cells have numbers.
        box: width and height.
        title: above the box; it wraps to the width of the part.
        caption: smaller lines below the title.
        left: room for ticks at the left of the box.
        right: room for a color bar at its right.
        below: room for ticks and a bar below it.
        letters: of its title that a narrow part has room for in a line.
        is_small: whether its title is no larger than other text.
        numbers_fit: whether all numbers of its cells have room in them.
        titled: the start and the width of what is titled in the box; None for the whole box.
    """

    draw: Callable[[Figure, float, float], Iterable[DrawnImage]]
    box: Box
    title: str = ""
    caption: str = ""
    left: float = 0.0
    right: float = 0.0
    below: float = 0.0
    letters: int = _LETTERS
    is_small: bool = False
    numbers_fit: bool = True
    titled: tuple[float, float] | None = None

    @property
    def text_room(self) -> float:
        """The width of its title: centered above the box, without what stands at its sides."""
        start, width = self.titled or (0.0, self.box[0])
        end = self.box[0] - start - width
        letters = self.letters * theme().title_room * text_width("n", theme().text)
        numbers = (
            text_width(number, points) * SLACK
            for text, points in ((self.title, self.title_points), (self.caption, theme().text))
            for number in _NUMBER.findall(text)
        )
        return max(width + 2 * min(self.left + start, self.right + end), letters, *numbers)

    @property
    def off_center(self) -> float:
        """How far right of the box's center the title is centered."""
        start, width = self.titled or (0.0, self.box[0])
        return start + (width - self.box[0]) / 2

    @property
    def width(self) -> float:
        """The width that it takes on a page."""
        box = self.box[0]
        beside = (self.text_room - box) / 2 + self.off_center
        return self.box_left + box + max(self.right, beside)

    @property
    def sides(self) -> tuple[float, float]:
        """The widths at the left of the box's center, and at its right."""
        left = self.box_left + self.box[0] / 2
        return left, self.width - left

    @property
    def title_points(self) -> float:
        """The size of its title."""
        return theme().text if self.is_small else theme().title

    @property
    def box_left(self) -> float:
        """The distance of the box from the part's left edge."""
        return max(self.left, (self.text_room - self.box[0]) / 2 - self.off_center)


PartOf = Callable[[float], Part]  # a part for a scale of its box


def blank(box: Box, title: str = "", caption: str = "") -> Part:
    """Return a part of this width and height that shows no more than a title and a caption."""
    part = Part(lambda *_: (), box, title, caption)
    return part if title or caption else part._replace(letters=0)


def axes_at(figure: Figure, left: float, top: float, box: Box) -> Axes:
    """Add axes of this box at inches from the left and the upper edge of the page."""
    across, down = figure.get_size_inches()
    width, height = box
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def plot_part(
    draw: Callable[[Axes], None],
    box: Callable[[float], Box],
    *,
    title: str = "",
    caption: str = "",
    xlabel: str = "",
    ylabel: str = "",
    legend: Sequence[str] = (),
    is_below: bool = False,
) -> PartOf:
    """Return a function from a scale to a part with curves, or with anything that has two axes.

    Args:
        draw: draws into axes; their tick labels have at most six letters.
        box: the width and height in inches at a scale.
        title: above it.
        caption: more lines below the title.
        xlabel: below the x axis.
        ylabel: at the left of the y axis.
        legend: the labels of what `draw` draws, if they are to stand in a legend. It is outside the
            axes, where it covers no curve: below them or, if there are several on a page that is
            wider than high, at their right.
        is_below: whether the legend is below them on all pages.
    """
    beside = len(legend) > 1 and theme().is_fixed and not is_below
    key = 3.6 * theme().text / 72  # inches; the line before an entry, and the space around it
    entries = [text_width(label, theme().text) * SLACK + key for label in legend]

    def draw_axes(figure: Figure, left: float, top: float, size: Box) -> list[DrawnImage]:
        axes = axes_at(figure, left, top, size)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        draw(axes)
        if legend:
            width, height = size
            place = (1 + GAP / width, 0.5) if beside else (0.5, -below_axes() / height)
            axes.legend(
                loc="center left" if beside else "upper center", bbox_to_anchor=place,
                ncols=legend_columns(width), frameon=False, handlelength=1.6, columnspacing=1.2,
                borderpad=0, borderaxespad=0, labelspacing=0.3,
            )  # fmt: skip
        return []

    def below_axes() -> float:
        return theme().line * (1 + bool(xlabel)) + 0.1

    def legend_columns(width: float) -> int:
        room = width + text_width("00000", theme().text)  # as wide as the title's
        return 1 if beside else max(min(int(room / max(entries)), len(entries)), 1)

    def part(scale: float) -> Part:
        look, size = theme(), box(scale)
        labels = text_width("-0.000", look.text) + 0.12
        right = text_width("00000", look.text) / 2
        below = below_axes()
        if beside:
            right = GAP + max(entries)
        elif legend:
            below += math.ceil(len(entries) / legend_columns(size[0])) * look.line
        return Part(
            partial(draw_axes, size=size),
            size,
            title,
            caption,
            left=labels + look.line * bool(ylabel),
            right=right,
            below=below,
        )

    return part
