"""An image or matrix drawn into axes: thinned if large, numbered if small, with a color bar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_rgb
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.geometry import Pair
from convcli.plotting.axes import (
    MAX_TICKED,
    WIDE,
    DrawnImage,
    add_colorbar,
    finite_extremes,
    round_ticks,
    set_ticks,
    widest_text,
)
from convcli.plotting.labels import cell_texts, text_width
from convcli.plotting.style import DIVERGING, DPI, NAN_COLOR, THINNEST, Box, fit_box

_MAX_NUMBERED_LINE = 32  # cells of a matrix of one row or one column
_CELL, _MIN_CELL = 0.6, 0.34  # inches; side of a numbered cell
_NUMBER_POINTS = 7.0  # a cell has room for its number at about this size
_STRIP_FACTOR = 1.4  # how much longer than other images a strip may be


@dataclass(frozen=True)
class ImagePanel:
    """An image to be drawn.

    Attributes:
        pixels: (H, W) gray or plain numbers, or (H, W, 3) RGB.
        max_value: the pixel value that is white, or None for plain numbers.
        centered: center the colors of plain numbers on zero even where none is negative.
        full_shape: rows and columns before thinning; axes and captions still show these.
    """

    pixels: NDArray[np.generic]
    max_value: int | None
    centered: bool = False
    full_shape: Pair | None = None

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

    def count(self, which: np.ufunc) -> int:
        """Count the values for which ``np.isnan`` or ``np.isinf`` is true, row by row."""
        if self.pixels.dtype.kind != "f":
            return 0
        return sum(int(which(row).sum()) for row in self.pixels)

    def thinned(self, inches: Box) -> "ImagePanel":
        """Return a copy with no more pixels than are drawn in a box of this width and height."""
        pixels, _ = block_means(self.pixels, inches)
        return replace(self, pixels=pixels, full_shape=self.shape)


def common_range(panels: Sequence[ImagePanel]) -> tuple[float, float]:
    """Return the ends of one color bar for panels with the same white and number of channels.

    Images run from 0 to white. Plain numbers run from the least to the greatest; where some of
    one channel are negative, the range is symmetric about 0.
    """
    first = panels[0]
    if first.max_value is not None:
        return 0.0, float(first.max_value)
    extremes = [finite_extremes(row) for panel in panels for row in panel.pixels]
    low, high = min(least for least, _ in extremes), max(greatest for _, greatest in extremes)
    if (low < 0 or first.centered) and first.pixels.ndim == 2:
        limit = max(-low, high) or 1.0
        return -limit, limit
    if low == high:
        return min(low, 0.0), max(high, 0.0) or 1.0
    return low, high


def panel_box(panel: ImagePanel, longest: float) -> Box:
    """Return the width and height in inches at which a panel is drawn.

    A numbered matrix gets cells that are large enough for its numbers, and a strip may be longer
    than ``longest``. Pixels are square unless one side would be too thin to see.
    """
    if max(panel.shape) >= WIDE * min(panel.shape):
        longest *= _STRIP_FACTOR
    if not panel.numbered:
        return fit_box(panel.shape, longest)
    widest = max(text_width(text, _NUMBER_POINTS) for text in cell_texts(panel.pixels))
    cell = min(_CELL, max(longest / max(panel.shape), _MIN_CELL, widest))
    rows, columns = panel.shape
    return max(columns * cell, THINNEST), max(rows * cell, THINNEST)


def display_notes(panels: Sequence[ImagePanel], inches: Box) -> list[str]:
    """Return caption lines on anything misleading in the display: stretched pixels, NaN, infinity.

    Args:
        panels: of equal shape.
        inches: width and height of the box of each.
    """
    (rows, columns), (width, height) = panels[0].shape, inches
    is_stretched = not 0.9 < (width / columns) / (height / rows) < 1.1
    lines = ["pixels stretched to be seen"] if is_stretched else []
    if nans := sum(panel.count(np.isnan) for panel in panels):
        lines.append(f"{nans} NaN in {NAN_COLOR}")
    if infinite := sum(panel.count(np.isinf) for panel in panels):
        lines.append(f"{infinite} infinite, in the color of the bar's end")
    return lines


def draw_panel(axes: Axes, panel: ImagePanel, inches: Box) -> DrawnImage:
    """Draw an image with its ticks and color bar into axes of the planned width and height.

    Gray runs from black (0) to white. Plain numbers run from the least to the greatest or, where
    some are negative, from blue through white (0) to red. NaN is magenta. An image with more
    pixels than the page is thinned by the means of equal blocks; a smaller one is magnified
    without interpolation.
    """
    width, height = inches
    ends = common_range([panel])
    drawn = draw_pixels(axes, panel, inches, ends)
    set_ticks(axes, *panel.shape, inches=inches)
    colors, label = bar_colors(panel, ends)
    add_colorbar(axes, colors, bar_ticks(panel, ends), label, below=width >= WIDE * height)
    return drawn


def draw_pixels(
    axes: Axes, panel: ImagePanel, inches: Box, ends: tuple[float, float]
) -> DrawnImage:
    """Draw an image between two values, as `draw_panel` does, without ticks or color bar."""
    (rows, columns), (width, height), (low, high) = panel.shape, inches, ends
    values, is_shrunk = block_means(panel.pixels, inches)
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
    texts = tuple(cell_texts(panel.pixels)) if panel.numbered else ()
    return DrawnImage(image, height / width, panel.shape, texts, widest_text(texts))


def value_colormap(low: float) -> Colormap:
    """Return gray, or blue through white to red if the least value is negative."""
    return colormaps[DIVERGING if low < 0 else "gray"].with_extremes(bad=NAN_COLOR)


def bar_colors(
    panel: ImagePanel, ends: tuple[float, float], unit: str = "value"
) -> tuple[ScalarMappable, str]:
    """Return the colors of a panel's color bar between two values, and the bar's label."""
    if panel.pixels.ndim == 3:
        return ScalarMappable(Normalize(*ends), "gray"), f"{unit} in each channel"
    return ScalarMappable(Normalize(*ends), value_colormap(ends[0])), unit


def bar_ticks(panel: ImagePanel, ends: tuple[float, float], most: int = 5) -> list[float]:
    """Return about ``most`` ticks for a panel's color bar, black and white among them."""
    if panel.max_value is None:
        return round_ticks(*ends, most=most)
    if most < 5:
        return [0, panel.max_value]
    return [panel.max_value * fifth / 5 for fifth in range(6)]  # whole numbers for 255 and 65535


def block_means(pixels: NDArray[np.generic], inches: Box) -> tuple[NDArray[np.float64], bool]:
    """Thin an image for a box of this width and height by the means of equal blocks.

    One row of blocks is computed at a time, to spare memory. NaN in a block makes its mean NaN.

    Returns:
        The means, fewer than two for each pixel of the page along both axes, and whether they are
        still more than the page has pixels.
    """
    most = [max(round(side * DPI), 1) for side in reversed(inches)]
    (rows, columns), channels = pixels.shape[:2], pixels.shape[2:]
    down, across = max(1, rows // most[0]), max(1, columns // most[1])
    if down == across == 1:
        return pixels.astype(np.float64), rows > most[0] or columns > most[1]
    starts = np.arange(0, columns, across)
    widths = np.diff(starts, append=columns).reshape(-1, *[1] * len(channels))
    strips = []
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, and is drawn as such
        for top in range(0, rows, down):
            strip = pixels[top : top + down]
            sums = np.add.reduceat(strip.sum(axis=0, dtype=np.float64), starts, axis=0)
            strips.append(sums / (widths * len(strip)))
    return np.stack(strips), len(strips) > most[0] or len(starts) > most[1]
