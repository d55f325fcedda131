"""Images and matrices drawn into axes: thinned if huge, numbered if small, with a color bar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_rgb
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.plotting.axes import (
    MOST_TICKED,
    WIDE,
    DrawnImage,
    add_colorbar,
    finite_extremes,
    round_ticks,
    set_ticks,
)
from convcli.plotting.style import DIVERGING, DPI, NAN_COLOR
from convcli.plotting.text import cell_texts, text_width

_MOST_NUMBERED_LINE = 32  # cells of a matrix of one row or one column
_CELL, _LEAST_CELL = 0.6, 0.34  # inches, of a numbered matrix
_LEGIBLE = 7.0  # a cell has room for its number at about this many points
_LEAST_SIDE = 0.3  # inches; what is thinner is stretched
_LONG = 1.4  # how much longer a strip may be than the box


@dataclass(frozen=True)
class ImagePanel:
    """Something to draw: (H, W) gray or (H, W, 3) RGB, and its white, None for plain numbers.

    ``centered`` plain numbers have colors centered on zero even where none is negative. ``full`` is
    the rows and columns of what was thinned, which it is still drawn and told as.
    """

    pixels: NDArray[np.generic]
    max_value: int | None
    centered: bool = False
    full: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if len(shape) == 3 and shape[2] == 1:
            object.__setattr__(self, "pixels", self.pixels[..., 0])
        elif len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
            channels = shape[2] if len(shape) == 3 else f"{len(shape)} axes"
            raise UsageError(f"a figure shows images of 1 or 3 channels, not of {channels}")

    @property
    def rows(self) -> int:
        """The height in pixels."""
        return self.full[0] if self.full else int(self.pixels.shape[0])

    @property
    def columns(self) -> int:
        """The width in pixels."""
        return self.full[1] if self.full else int(self.pixels.shape[1])

    @property
    def size(self) -> str:
        """Width x height."""
        return f"{self.columns}x{self.rows}"

    @property
    def numbered(self) -> bool:
        """Whether it is small enough to be read cell by cell."""
        if self.pixels.ndim == 3:
            return False
        longest = max(self.rows, self.columns)
        line = min(self.rows, self.columns) == 1
        return longest <= (_MOST_NUMBERED_LINE if line else MOST_TICKED)

    def nans(self) -> int:
        """Count the samples that are not a number."""
        return self._count(np.isnan)

    def infinities(self) -> int:
        """Count the samples that are infinite."""
        return self._count(np.isinf)

    def _count(self, which: np.ufunc) -> int:
        """Count samples row by row, to spare memory."""
        if self.pixels.dtype.kind != "f":
            return 0
        return sum(int(which(row).sum()) for row in self.pixels)

    def thinned(self, inches: tuple[float, float]) -> "ImagePanel":
        """Return a copy with the pixels that are drawn in a box of these sides."""
        pixels = block_means(self.pixels, *_dots(inches))
        return replace(self, pixels=pixels, full=(self.rows, self.columns))

    def value_range(self) -> tuple[float, float]:
        """Return the values of the color bar's ends; symmetric where plain values go below 0."""
        return common_range([self])


def common_range(rasters: Sequence[ImagePanel]) -> tuple[float, float]:
    """Return the ends of the one color bar of rasters of one white and one number of channels.

    Images run from 0 to white. Plain numbers run from the least to the greatest of all, and
    where some of one channel are negative, equally far to both sides of 0.
    """
    first = rasters[0]
    if first.max_value is not None:
        return 0.0, float(first.max_value)
    rows = [finite_extremes(row) for raster in rasters for row in raster.pixels]
    low, high = min(least for least, _ in rows), max(greatest for _, greatest in rows)
    if (low < 0 or first.centered) and first.pixels.ndim == 2:
        most = max(-low, high) or 1.0
        return -most, most
    if low == high:
        return min(low, 0.0), max(high, 0.0) or 1.0
    return low, high


def box_sides(raster: ImagePanel, box: float) -> tuple[float, float]:
    """Return the width and height in inches that a raster is to have, within ``box``.

    A numbered matrix gets the cells that its numbers need, and a strip may be longer than the
    box. Pixels are square unless one side would be too thin to see.
    """
    rows, columns = raster.rows, raster.columns
    longest = max(rows, columns)
    scale = box / longest
    if longest >= WIDE * min(rows, columns):
        scale *= _LONG
    if raster.numbered:
        widest = max(text_width(text, _LEGIBLE) for text in cell_texts(raster.pixels))
        scale = min(_CELL, max(scale, _LEAST_CELL, widest))
    return max(columns * scale, _LEAST_SIDE), max(rows * scale, _LEAST_SIDE)


def is_stretched(raster: ImagePanel, inches: tuple[float, float]) -> bool:
    """Tell whether pixels in a box of these sides are clearly not square."""
    ratio = (inches[0] / raster.columns) / (inches[1] / raster.rows)
    return not 0.9 < ratio < 1.1


def display_notes(rasters: Sequence[ImagePanel], inches: tuple[float, float]) -> list[str]:
    """Return what the eye could be misled by in boxes of these sides, rasters of one size in them.

    A line each.
    """
    lines = ["pixels stretched to be seen"] if is_stretched(rasters[0], inches) else []
    if nans := sum(raster.nans() for raster in rasters):
        lines.append(f"{nans} NaN in {NAN_COLOR}")
    if infinite := sum(raster.infinities() for raster in rasters):
        lines.append(f"{infinite} infinite, in the color of the bar's end")
    return lines


def draw_raster(axes: Axes, raster: ImagePanel, inches: tuple[float, float]) -> DrawnImage:
    """Draw a raster with its color bar into axes of the planned width and height.

    Gray is black to white from 0 to the raster's white. Plain numbers go from their least to
    their greatest, or, where some are negative, from blue through white (0) to red. NaN is
    magenta. What has more pixels than the page is thinned first by the means of equal blocks, so
    the work after that needs little memory; what has fewer is magnified without interpolation.
    """
    width, height = inches
    ends = raster.value_range()
    drawn = draw_pixels(axes, raster, inches, ends)
    set_ticks(axes, raster.rows, raster.columns, inches=inches)
    colors, label = bar_colors(raster, ends)
    below = width >= WIDE * height
    add_colorbar(axes, colors, bar_ticks(raster, ends), label, below=below)
    return drawn


def _dots(inches: tuple[float, float]) -> tuple[int, int]:
    """Return the rows and columns of the page's pixels in a box of this width and height."""
    return max(round(inches[1] * DPI), 1), max(round(inches[0] * DPI), 1)


def draw_pixels(
    axes: Axes, raster: ImagePanel, inches: tuple[float, float], ends: tuple[float, float]
) -> DrawnImage:
    """Draw a raster on a given scale, as :func:`draw_raster` does, without ticks or bar."""
    width, height = inches
    low, high = ends
    most = _dots(inches)
    samples = block_means(raster.pixels, *most)
    shrunk = samples.shape[0] > most[0] or samples.shape[1] > most[1]
    shown = np.clip(samples, low, high)  # so that infinity has the color of its end
    if raster.pixels.ndim == 3:
        shown = displayable(shown, low, high)
    image = axes.imshow(
        shown,
        cmap=colors_from(low),
        vmin=low,
        vmax=high,
        aspect="auto",
        extent=(-0.5, raster.columns - 0.5, raster.rows - 0.5, -0.5),
        interpolation="hanning" if shrunk else "nearest",
    )
    texts = tuple(cell_texts(raster.pixels)) if raster.numbered else ()
    widest = max((text_width(text, 1.0) for text in texts), default=0.0)
    return DrawnImage(image, height / width, (raster.rows, raster.columns), texts, widest)


def colors_from(low: float) -> Colormap:
    """Return gray, or blue through white to red where there are values below 0."""
    return colormaps[DIVERGING if low < 0 else "gray"].with_extremes(bad=NAN_COLOR)


def bar_colors(raster: ImagePanel, ends: tuple[float, float]) -> tuple[ScalarMappable, str]:
    """Return what a raster's color bar shows between these ends, and what it is of."""
    if raster.pixels.ndim == 3:
        return ScalarMappable(Normalize(*ends), "gray"), "value in each channel"
    return ScalarMappable(Normalize(*ends), colors_from(ends[0])), "value"


def bar_ticks(raster: ImagePanel, ends: tuple[float, float], most: int = 5) -> list[float]:
    """Return about ``most`` numbers for a raster's color bar, black and white among them."""
    if raster.max_value is not None and most >= 5:
        return [raster.max_value * step / 5 for step in range(6)]  # whole numbers for 255 and 65535
    if raster.max_value is not None:
        return [0, raster.max_value]
    return round_ticks(*ends, most=most)


def block_means(
    pixels: NDArray[np.generic], most_rows: int, most_columns: int
) -> NDArray[np.float64]:
    """Return the means of equal blocks, about ``most_rows`` x ``most_columns`` to twice as many.

    One strip of blocks is in work at a time. NaN anywhere in a block makes its mean NaN.
    """
    down = max(1, pixels.shape[0] // most_rows)
    across = max(1, pixels.shape[1] // most_columns)
    if down == across == 1:
        return pixels.astype(np.float64)
    starts = np.arange(0, pixels.shape[1], across)
    widths = np.diff(starts, append=pixels.shape[1]).reshape(-1, *[1] * (pixels.ndim - 2))
    strips = []
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, and shown as such
        for top in range(0, pixels.shape[0], down):
            strip = pixels[top : top + down]
            sums = np.add.reduceat(strip.sum(axis=0, dtype=np.float64), starts, axis=0)
            strips.append(sums / (widths * len(strip)))
    return np.stack(strips)


def displayable(samples: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return RGB samples from 0 to 1, magenta where a channel is NaN."""
    shares = (samples - low) / (high - low)
    shares[np.isnan(shares).any(axis=2)] = to_rgb(NAN_COLOR)
    return shares
