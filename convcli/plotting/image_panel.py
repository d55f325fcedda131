"""An image or matrix drawn into axes: thinned if large, numbered if small, with a color bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convcli.errors import UsageError, percent_text
from convcli.geometry import Pads, Pair
from convcli.plotting.axes import (
    BAR_THICKNESS,
    MAX_TICKED,
    WIDE,
    DrawnImage,
    finite_extremes,
    number_cell,
    number_texts,
    numbers_fit,
    round_ticks,
    set_padded_ticks,
    set_ticks,
    widest_text,
)
from convcli.plotting.labels import bar_number, format_short, text_width
from convcli.plotting.part import Part, PartOf, axes_at
from convcli.plotting.spread import Spread
from convcli.plotting.style import (
    NAN_COLOR,
    THINNEST,
    Box,
    figure_options,
    fit_box,
    gray_colormap,
    signed_colormap,
    theme,
)
from convcli.plotting.window_marks import hatch_padding, ring_cell

_MAX_NUMBERED_LINE = 32  # cells of a matrix of one row or one column
_CELL = 6.0  # side of a numbered cell at most, in sizes of the smallest text
MOST_FOR_NUMBERS = 1.6  # how much longer an image may be so that its numbers fit
_BAR_GAP, _TICK = 0.08, 0.08  # inches: from an image to its bar; a tick with its gap
_LEAST_DIGITS, _LEAST_EXPONENT = 4, 1e7  # of the ends of a bar
_MAX_DIGITS = 17  # significant ones, which tell any two doubles apart
_ALIKE = 3.0  # how much larger than another an image with cells of the same size may be
STRIP_FACTOR = 1.4  # how much longer than other images a strip may be

# Ends of a bar in matplotlib's words, by whether there are values below and above it:
_POINTED: dict[tuple[bool, bool], Literal["neither", "both", "min", "max"]] = {
    (False, False): "neither",
    (True, False): "min",
    (False, True): "max",
    (True, True): "both",
}


@dataclass(frozen=True)
class ImagePanel:
    """An image to be drawn.

    Attributes:
        pixels: (H, W) gray or plain numbers, or (H, W, 3) RGB.
        max_value: the pixel value that is white, or None for plain numbers.
        centered: center the colors of plain numbers on zero even where none is negative.
        full_shape: rows and columns before thinning; axes and captions still show these.
        significant: digits of the largest number in its cells at most; None for the usual ones.
    """

    pixels: NDArray[np.generic]
    max_value: int | None
    centered: bool = False
    full_shape: Pair | None = None
    significant: int | None = None

    def __post_init__(self) -> None:
        channels = self.pixels.shape[2:]
        if channels == (1,):
            object.__setattr__(self, "pixels", self.pixels[..., 0])
        elif channels not in ((), (3,)):
            raise UsageError(f"a figure shows images of 1 or 3 channels, not of {channels[0]}")

    @property
    def shape(self) -> Pair:
        """Rows and columns."""
        rows, columns = self.full_shape or self.pixels.shape[:2]
        return int(rows), int(columns)

    @property
    def numbered(self) -> bool:
        """Whether it is small enough for a number in each cell."""
        if self.pixels.ndim == 3:
            return False
        most = _MAX_NUMBERED_LINE if min(self.shape) == 1 else MAX_TICKED
        return max(self.shape) <= most

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The numbers in its cells, row by row; none for a large image or one of color."""
        return tuple(number_texts(self.pixels, self.significant)) if self.numbered else ()

    def count(self, which: np.ufunc) -> int:
        """Count the values for which ``np.isnan`` or ``np.isinf`` is true, row by row."""
        if self.pixels.dtype.kind != "f":
            return 0
        return sum(int(which(row).sum()) for row in self.pixels)

    def thinned(self, inches: Box, *, signed: bool = False) -> "ImagePanel":
        """Return a copy with no more pixels than are drawn in a box of this width and height.

        ``signed`` is for maps on a scale with negative numbers; see `thin`.
        """
        pixels, _ = thin(self.pixels, inches, signed=signed)
        return replace(self, pixels=pixels, full_shape=self.shape)


def common_range(panels: Sequence[ImagePanel]) -> tuple[float, float]:
    """Return the ends of one color bar for panels with the same white and number of channels.

    Images run from 0 to white. Plain numbers run from the least to the greatest; where some are
    negative, the range is symmetric about 0. In large maps it ends before a few
    values that are far out. The option ``limits`` replaces all this.
    """
    first = panels[0]
    if limits := figure_options().limits:
        largest = max(map(abs, limits))
        return (-largest, largest) if limits[0] < 0 else limits
    if first.max_value is not None:
        return 0.0, float(first.max_value)
    spread, *others = (Spread.of(panel.pixels) for panel in panels)
    spread = spread.with_others(others)
    low, high = spread.least, spread.greatest
    if spread.has_outliers:
        low, high = max(low, -spread.usual), min(high, spread.usual)
    if low < 0 or first.centered:
        limit = max(-low, high) or 1.0
        return -limit, limit
    if low == high:
        return min(low, 0.0), max(high, 0.0) or 1.0
    return low, high


def color_note(
    panel: ImagePanel, ends: tuple[float, float], mapped: tuple[float, float] | None = None
) -> str:
    """Return a line on what the colors of a map of three channels mean, unless it is a photograph.

    ``mapped`` are the values that became pixel 0 and white, where values were mapped to pixels.

    >>> color_note(ImagePanel(np.zeros((2, 2, 3)), None), (-9, 9))
    'each channel: black -9, mid-gray 0, white 9'
    >>> color_note(ImagePanel(np.zeros((2, 2, 3)), 255), (0, 255), (-40.5, 300))
    'each channel: black -40.5, white 300'
    """
    if panel.pixels.ndim == 2:
        return ""
    if panel.max_value is not None and mapped in (None, (0, panel.max_value)):
        return ""
    ends = mapped_ends(panel, ends, mapped)
    low, high = map(format_short, ends)
    middle = ", mid-gray 0" if ends[0] == -ends[1] else ""
    return f"each channel: black {low}{middle}, white {high}"


def mapped_ends(
    panel: ImagePanel, ends: tuple[float, float], mapped: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the values that have the colors of two ends, which may be pixels; see `color_note`."""
    if panel.max_value is None or mapped is None:
        return ends
    start, span = mapped[0], mapped[1] - mapped[0]
    first, last = (start + span * pixel / panel.max_value for pixel in ends)
    return first, last


def beyond_share(panel: ImagePanel, ends: tuple[float, float]) -> float:
    """Return the share of plain numbers beyond the ends of the colors, 0 if a user set these."""
    if panel.max_value is not None or figure_options().limits:
        return 0.0
    below, above, *_ = _count_beyond([panel], ends)
    return (below + above) / panel.pixels.size


def beyond_note(panel: ImagePanel, ends: tuple[float, float]) -> str:
    """Return a line on the finite plain numbers that lie beyond the ends of the colors, if any.

    Limits that the user has set need none: the ends of the bar are pointed. On a slide, the line
    is short.

    >>> beyond_note(ImagePanel(np.array([[-9.0, 0, 1, 2]]), None), (-2, 2))
    '25.0 % of values lie beyond the colors, from -9'
    """
    below, above, least, greatest = _count_beyond([panel], ends)
    if panel.max_value is not None or figure_options().limits or not below + above:
        return ""
    places = [f"from {format_short(least)}"] * (below > 0) + [f"to {format_short(greatest)}"] * (
        above > 0
    )
    share = percent_text((below + above) / panel.pixels.size)
    if theme().is_fixed:
        return f"{share} beyond colors"
    return f"{share} of values lie beyond the colors, {' '.join(places)}"


def _count_beyond(
    panels: Sequence[ImagePanel], ends: tuple[float, float]
) -> tuple[int, int, float, float]:
    """Return how many finite values lie below and above the ends, and the extremes."""
    below, above, least, greatest = 0, 0, *ends
    for panel in panels:
        pixels: NDArray[Any] = panel.pixels
        low, high = finite_extremes(pixels)
        if low < ends[0]:
            below += int(((pixels < ends[0]) & np.isfinite(pixels)).sum())
        if high > ends[1]:
            above += int(((pixels > ends[1]) & np.isfinite(pixels)).sum())
        least, greatest = min(least, low), max(greatest, high)
    return below, above, least, greatest


def panel_box(panel: ImagePanel, longest: float, scale: float = 1.0) -> Box:
    """Return the width and height in inches at which a panel is drawn.

    At scale 1 a numbered matrix gets cells that are large enough for its numbers, and a strip may
    be longer than ``longest``. Pixels are square unless one side would be too thin to see.
    """
    if max(panel.shape) >= WIDE * min(panel.shape):
        longest *= STRIP_FACTOR
    if not panel.numbered:
        return fit_box(panel.shape, scale * longest)
    points = theme().text
    usual = min(_CELL * points / 72, longest / max(panel.shape))
    needed = number_cell(widest_text(panel.texts), points)
    if needed * max(panel.shape) > MOST_FOR_NUMBERS * longest:
        return fit_box(panel.shape, scale * longest)
    cell = scale * max(usual, needed)
    rows, columns = panel.shape
    return max(columns * cell, THINNEST), max(rows * cell, THINNEST)


def common_cell(
    panels: Sequence[ImagePanel], longest: float, *, numbers: bool = True
) -> float | None:
    """Return the side of a cell in inches at scale 1 that all panels have in common.

    None if their sizes differ so much that the smaller ones would become stamps.

    Args:
        panels: at least one.
        longest: the longer side of each at scale 1, unless its cells have numbers.
        numbers: whether cells are to be large enough for their numbers, where these have room.
    """
    sides = [max(panel.shape) for panel in panels]
    if max(sides) > _ALIKE * min(sides):
        return None
    if all(max(panel.shape) >= WIDE * min(panel.shape) for panel in panels):
        longest *= STRIP_FACTOR
    texts = [text for panel in panels for text in panel.texts]
    if not texts:
        return longest / max(sides)
    points = theme().text
    usual = min(longest / max(sides), _CELL * points / 72)
    needed = number_cell(widest_text(texts), points) * numbers
    return max(usual, needed) if needed * max(sides) <= MOST_FOR_NUMBERS * longest else usual


def stretch_notes(shape: Pair, inches: Box) -> list[str]:
    """Return a caption line where the cells in a box of this width and height are not square."""
    (rows, columns), (width, height) = shape, inches
    is_square = 0.9 < (width / columns) / (height / rows) < 1.1
    return [] if is_square else ["pixels stretched to be seen"]


def number_notes(panels: Sequence[ImagePanel]) -> list[str]:
    """Return caption lines on values that have no place on a color bar: NaN and infinity."""
    lines = []
    if nans := sum(panel.count(np.isnan) for panel in panels):
        lines.append(f"{nans} NaN in {NAN_COLOR}")
    if infinite := sum(panel.count(np.isinf) for panel in panels):
        lines.append(f"{infinite} infinite, in the color of the bar's end")
    return lines


class Bar(NamedTuple):
    """A color bar: its colors, the places of its ticks with their labels, and its unit.

    The first and the last tick are its ends. ``extend`` is the end, or both, beyond which there are
    more values; it is pointed.
    """

    colors: ScalarMappable
    ticks: Sequence[float]
    labels: Sequence[str]
    unit: str
    extend: Literal["neither", "both", "min", "max"] = "neither"

    @classmethod
    def of(cls, ends: tuple[float, float], colormap: Colormap, unit: str) -> "Bar":
        """Return the bar of values between two ends, with round numbers between these.

        Ends below ten million have no exponent, as the round numbers have none.

        >>> Bar.of((-62854.5, 62854.5), gray_colormap(), "value").labels
        ['-62854', '-50000', '0', '50000', '62854']
        """
        low, high = ends
        largest = max(abs(low), abs(high))
        least = len(f"{largest:.0f}") if largest < _LEAST_EXPONENT else 0
        between = [tick for tick in round_ticks(low, high) if low < tick < high]
        most = (high - low) / 1000  # by which a label may be off
        digits = next(
            (
                n
                for n in range(max(least, _LEAST_DIGITS), _MAX_DIGITS)
                if all(abs(float(f"{end:.{n}g}") - end) <= most for end in ends)
            ),
            _MAX_DIGITS,
        )
        labels = [bar_number(tick, digits=max(10, digits + 1)) for tick in between]
        labels = [format_short(low, digits), *labels, format_short(high, digits)]
        return cls(
            ScalarMappable(Normalize(low, high), colormap), [low, *between, high], labels, unit
        )

    def space(self, *, below: bool) -> float:
        """Return the inches from the box of an image to the far edge of the bar's label."""
        points, line = theme().text, theme().line
        labels = line if below else max(text_width(label, points) for label in self.labels)
        return _BAR_GAP + BAR_THICKNESS + _TICK + labels + line

    @property
    def overhang(self) -> float:
        """The inches by which a label may reach beyond the end of a bar below an image."""
        return (
            max(text_width(label, theme().text) for label in (self.labels[0], self.labels[-1])) / 2
        )

    def note(self, box: Box) -> str:
        """Return a line for the caption if the bar of a box is too short for its unit or ends."""
        width, height = box
        length = width if width >= theme().bar_below * height else height
        if not self._shown(box):
            return f"bar: {self.unit} {self.labels[0]} to {self.labels[-1]}"
        return f"bar: {self.unit}" if text_width(self.unit, theme().text) > length else ""

    def draw(
        self,
        figure: Figure,
        left: float,
        top: float,
        box: Box,
        *,
        tick_lines: int = 1,
        is_alone: bool = False,
    ) -> None:
        """Draw it right of a box, or below a wide one and the lines of its tick labels, as long.

        A bar that is alone on its part of the page has room for a unit that is longer than it.
        """
        width, height = box
        is_below = width >= theme().bar_below * height
        place: tuple[float, float, Box] = (
            left + width + _BAR_GAP,
            top,
            (BAR_THICKNESS, height),
        )
        if is_below:
            tick_lines *= figure_options().axes
            tick_labels = tick_lines * theme().line + _TICK * bool(tick_lines)
            place = left, top + height + _BAR_GAP + tick_labels, (width, BAR_THICKNESS)
        bar = figure.colorbar(
            self.colors,
            cax=axes_at(figure, *place),
            orientation="horizontal" if is_below else "vertical",
            extend=self.extend,
        )
        shown = self._shown(box)
        bar.set_ticks([self.ticks[n] for n in shown], labels=[self.labels[n] for n in shown])
        if is_alone or not self.note(box):
            bar.set_label(self.unit)
        bar.outline.set_linewidth(0.5)

    def _shown(self, box: Box) -> list[int]:
        """Return which ticks have labels so that these do not touch: both ends, others evenly.

        There are none where the labels of the ends would touch.
        """
        width, height = box
        is_below = width >= theme().bar_below * height
        length, points = width if is_below else height, theme().text
        (low, high), last = self.colors.get_clim(), len(self.ticks) - 1
        places = [(tick - low) / (high - low) * length for tick in self.ticks]
        sizes = [
            text_width(f"{each}  ", points) if is_below else theme().line for each in self.labels
        ]

        def are_apart(numbers: Sequence[int]) -> bool:
            return all(
                places[b] - places[a] >= (sizes[a] + sizes[b]) / 2 for a, b in pairwise(numbers)
            )

        if not are_apart([0, last]):
            return []
        between = [n for n in range(1, last) if are_apart([0, n, last])]
        first = self.ticks.index(0.0) if 0.0 in self.ticks else 0
        for step in range(1, last):
            kept = [n for n in between if (n - first) % step == 0]
            if are_apart(kept):
                return [0, *kept, last]
        return [0, last]


def value_bar(
    panel: ImagePanel,
    ends: tuple[float, float],
    *,
    unit: str = "value",
    mapped: tuple[float, float] | None = None,
    sharing: Sequence[ImagePanel] = (),
) -> Bar | None:
    """Return the color bar of a panel of one channel; None for colors, which nobody can read off.

    Args:
        panel: what is drawn.
        ends: from `common_range`.
        unit: of plain numbers; pixels are called so.
        mapped: the values that became pixel 0 and white, where these are not the pixels
            themselves; the labels give both.
        sharing: all panels with this bar; ends beyond which there are more values are pointed.
    """
    if panel.pixels.ndim == 3:
        return None
    bar = Bar.of(ends, value_colormap(ends[0]), unit)
    if panel.max_value is None:
        below, above, *_ = _count_beyond(sharing or [panel], ends)
        return bar._replace(extend=_POINTED[below > 0, above > 0])
    ticks = [ends[0] + (ends[1] - ends[0]) * fifth / 5 for fifth in range(6)]  # whole for 255
    bar = bar._replace(ticks=ticks, labels=[bar_number(tick) for tick in ticks], unit="pixel")
    if mapped is None or mapped == ends:
        return bar
    white = panel.max_value
    low, high = mapped
    middle = (white + 1) // 2 if ends == (0.0, float(white)) else sum(ends) / 2
    ticks = [ends[0], float(middle), ends[1]]
    values = [low + (high - low) * tick / white for tick in ticks]
    if high - low == white:  # a shift, which is exact
        values[1] = round(values[1])
    labels = [
        f"{bar_number(tick)} = {format_short(value, 4)}"
        for tick, value in zip(ticks, values, strict=True)
    ]
    return bar._replace(ticks=ticks, labels=labels, unit="pixel = value")


def image_part(
    panel: ImagePanel,
    longest: float,
    *,
    title: str = "",
    caption: str = "",
    ends: tuple[float, float] | None = None,
    mapped: tuple[float, float] | None = None,
    bar: Bar | None = None,
    pads: Pads | None = None,
    ticks: bool = True,
    numbers: bool = True,
    meaning: bool = True,
    cell: float | None = None,
    mark: Pair | None = None,
) -> PartOf:
    """Return a function from a scale to an image as a part of a page, with ticks and color bar.

    Gray runs from black (0) to white. Plain numbers run from the least to the greatest or, where
    some are negative, from blue through white (0) to red. NaN is magenta. An image with more
    pixels than the page is thinned, see `thin`; a smaller one is magnified without interpolation.

    Args:
        panel: the image.
        longest: its longer side in inches at scale 1.
        title: above it.
        caption: more lines below the title; what is misleading in the display is added.
        ends: the values at the ends of its colors; None for its own.
        mapped: the values that became pixel 0 and white, if they are others.
        bar: its color bar; None for none.
        pads: the cells on each side that are padding, which is hatched; rows and columns are
            numbered as without it.
        ticks: whether rows and columns are numbered.
        numbers: whether the values of a small matrix are written.
        meaning: whether the caption says what colors mean that no bar explains, and which values
            are beyond them.
        cell: the side of a cell in inches at scale 1, in place of ``longest``; see `common_cell`.
        mark: the row and the column of a cell that is ringed.
    """
    low_high = common_range([panel]) if ends is None else ends
    colors = [color_note(panel, low_high, mapped), beyond_note(panel, low_high)]
    top, bottom, left, right = pads or (0, 0, 0, 0)
    rows, columns = panel.pixels.shape[:2]
    inner = replace(panel, pixels=panel.pixels[top : rows - bottom, left : columns - right])
    lines = [caption, *colors * meaning, *number_notes([inner])]
    notes = "\n".join(filter(None, lines))

    def part(scale: float) -> Part:
        if cell is not None:
            box = fit_box(panel.shape, scale * cell * max(panel.shape))
        elif not numbers and panel.numbered:
            most = scale * _CELL * theme().text / 72
            box = fit_box(panel.shape, scale * longest, cell=most)
        else:
            box = panel_box(panel, longest, scale)
        return boxed_image(
            panel, box, low_high, title=title, caption=notes, bar=bar, pads=pads, ticks=ticks,
            numbers=numbers, mark=mark,
        )  # fmt: skip

    return part


def boxed_image(
    panel: ImagePanel,
    box: Box,
    ends: tuple[float, float],
    *,
    title: str = "",
    caption: str = "",
    bar: Bar | None = None,
    pads: Pads | None = None,
    ticks: bool = True,
    numbers: bool = True,
    mark: Pair | None = None,
) -> Part:
    """Return an image in a box of this width and height as a part; see `image_part`.

    ``ticks`` numbers the rows and columns, ``numbers`` writes the values of a small matrix.
    """
    options, look = figure_options(), theme()
    own_bar = bar if options.bars else None
    is_ticked = ticks and options.axes
    is_below = box[0] >= look.bar_below * box[1]
    digits = text_width("-" * (pads is not None) + "0" * len(str(panel.shape[0])), look.text)
    beside = own_bar.space(below=is_below) if own_bar is not None else 0.0
    last_label = text_width("0" * len(str(panel.shape[1])), look.text) / 2
    label = own_bar.overhang if own_bar is not None and is_below else 0.0
    notes = [] if numbers and panel.numbered else stretch_notes(panel.shape, box)
    notes += [own_bar.note(box)] if own_bar is not None else []

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        axes = axes_at(figure, left, top, box)
        drawn = draw_pixels(axes, panel, box, ends)
        set_ticks(axes, *panel.shape, inches=box if ticks else None)
        if pads is not None:
            drawn = replace(
                drawn, hatched=_mark_padding(axes, panel.shape, pads, box if is_ticked else None)
            )
        if mark is not None:
            rows, columns = panel.shape
            ring_cell(axes, mark, min(box[0] / columns, box[1] / rows))
        if not options.axes:
            axes.set_frame_on(False)
        if own_bar is not None:
            own_bar.draw(figure, left, top, box, tick_lines=int(is_ticked))
        return [drawn if numbers else replace(drawn, texts=())]

    return Part(
        draw,
        box,
        title,
        "\n".join(filter(None, [caption, *notes])),
        left=max((digits + _TICK) * is_ticked, label),
        right=max(label if is_below else beside, last_label * is_ticked),
        below=(look.line + _TICK) * is_ticked + (beside if is_below else 0.0),
        numbers_fit=numbers_fit(box, panel.shape, widest_text(panel.texts) * numbers),
    )


def _mark_padding(axes: Axes, shape: Pair, pads: Pads, box: Box | None) -> NDArray[np.bool_]:
    """Hatch the padding of a padded image of this shape, and return which cells it is.

    With a box, its rows and columns are numbered as without the padding.
    """
    rows, columns = shape[0] - pads.top - pads.bottom, shape[1] - pads.left - pads.right
    hatch_padding(axes, (rows, columns), pads)
    if box is not None:
        set_padded_ticks(axes.xaxis, columns, pads.left, pads.right, box[0])
        set_padded_ticks(axes.yaxis, rows, pads.top, pads.bottom, box[1])
    is_padding = np.ones(shape, bool)
    is_padding[pads.top : pads.top + rows, pads.left : pads.left + columns] = False
    return is_padding


def draw_pixels(
    axes: Axes, panel: ImagePanel, inches: Box, ends: tuple[float, float]
) -> DrawnImage:
    """Draw an image between two values, as `image_part` does, without ticks or color bar."""
    (rows, columns), (_width, _height), (low, high) = panel.shape, inches, ends
    values, is_shrunk = thin(panel.pixels, inches, signed=low < 0)
    shown = np.clip(values, low, high)  # gives infinity the color of its end
    if panel.pixels.ndim == 3:
        has_nan = np.isnan(shown).any(axis=2)
        shown = (shown - low) / (high - low)
        shown[has_nan] = to_rgb(NAN_COLOR)
    image = axes.imshow(
        shown,
        cmap=value_colormap(low),
        vmin=low,
        vmax=high,
        aspect="auto",
        extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        interpolation="hanning" if is_shrunk else "nearest",
    )
    texts = panel.texts
    return DrawnImage(image, panel.shape, texts, widest_text(texts))


def value_colormap(low: float) -> Colormap:
    """Return gray, or blue through white to red if the least value is negative."""
    return signed_colormap() if low < 0 else gray_colormap()


def thin(
    pixels: NDArray[np.generic], inches: Box, *, signed: bool
) -> tuple[NDArray[np.float64], bool]:
    """Thin an image for a box of this width and height to one value for each of equal blocks.

    This is their mean or, where there are negative numbers (``signed``), the value farthest from 0:
    those at the two sides of an edge have a mean near 0. One row of blocks is computed at a time,
    to spare memory. NaN in a block makes its value NaN.

    Returns:
        The values, and whether they are still more than the page has pixels: of means there are
        fewer than two for each pixel of the page along both axes.
    """
    most = [max(round(side * figure_options().dpi), 1) for side in reversed(inches)]
    (rows, columns), channels = pixels.shape[:2], pixels.shape[2:]
    down, across = max(1, rows // most[0]), max(1, columns // most[1])
    if signed:
        down, across = math.ceil(rows / most[0]), math.ceil(columns / most[1])
    if down == across == 1:
        return pixels.astype(np.float64), rows > most[0] or columns > most[1]
    starts = np.arange(0, columns, across)
    widths = np.diff(starts, append=columns).reshape(-1, *[1] * len(channels))
    strips = []
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, and is drawn as such
        for top in range(0, rows, down):
            strip = pixels[top : top + down]
            if signed:
                high = np.maximum.reduceat(strip.max(axis=0).astype(np.float64), starts, axis=0)
                low = np.minimum.reduceat(strip.min(axis=0).astype(np.float64), starts, axis=0)
                strips.append(np.where(high < -low, low, high))
                continue
            sums = np.add.reduceat(strip.sum(axis=0, dtype=np.float64), starts, axis=0)
            strips.append(sums / (widths * len(strip)))
    return np.stack(strips), len(strips) > most[0] or len(starts) > most[1]
