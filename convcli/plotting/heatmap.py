"""Kernels as heat maps, white at zero, with their weights in the cells."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from convcli.core.plan import as_applied
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.kernels.matrix_text import short_name, without_folders
from convcli.kernels.planes import plane_names
from convcli.plotting.axes import (
    MAX_TICKED,
    DrawnImage,
    finite_extremes,
    number_cell,
    numbers_fit,
    set_ticks,
    widest_text,
)
from convcli.plotting.image_panel import MOST_FOR_NUMBERS, Bar
from convcli.plotting.labels import (
    cell_texts,
    common_bank,
    format_short,
    line_count,
    text_width,
    without_bank,
    wrap,
)
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import Part, PartOf, axes_at
from convcli.plotting.style import (
    Box,
    figure_options,
    fit_box,
    signed_colormap,
    style_context,
    theme,
    unsigned_colormap,
)

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel

# All in inches.
_CELL = 0.62  # side of a cell where there is room
_KEPT_SCALE = 0.6  # down to which a kernel is large enough for its numbers
_LONGEST = 8.0  # longer side of a kernel on a page of its own
_BETWEEN = 0.12  # heat maps of one part

_MAX_MAPS = 64


class Heatmap(NamedTuple):
    """A kernel or one channel of it, (rows, columns), with its weights as they are written.

    There may be no texts where it is too large for numbers in its cells.
    """

    title: str
    values: NDArray[np.generic]
    texts: tuple[str, ...]


class HeatmapGroup(NamedTuple):
    """Heat maps with the same colors, from ``-limit`` to ``limit``.

    The values are weights times ``divisor``. The colors are those of numbers of both signs where
    some are negative or ``is_signed``, which groups on one scale have in common. ``name`` is that
    of the numbers. ``is_rgb`` says that the maps are the three channels of one kernel.
    """

    maps: tuple[Heatmap, ...]
    limit: float
    divisor: float
    is_signed: bool = False
    name: str = "weight"
    is_rgb: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """The numbers at the ends of the color bar, from 0 on where none is negative."""
        is_signed = self.is_signed or any(
            finite_extremes(heatmap.values)[0] < 0 for heatmap in self.maps
        )
        return -self.limit if is_signed else 0.0, self.limit

    @property
    def colormap(self) -> Colormap:
        """The colors of the numbers: white at 0 where some are negative."""
        return signed_colormap() if self.ends[0] < 0 else unsigned_colormap()

    @property
    def unit(self) -> str:
        """The label of the color bar."""
        return self.name if self.divisor == 1 else f"{self.name} × {format_short(self.divisor)}"


def draw_kernel(kernel: Kernel, options: FigureOptions | None = None) -> Figure:
    """Draw a kernel as a heat map of square cells, with its weights in the cells.

    A kernel with a divisor shows its matrix, and the divisor in the title. A 3-D or 4-D kernel
    has one heat map per channel, 64 at most, all with the same colors. Weights that would be too
    small to read are left out.

    >>> from convcli.kernels.kernel import Kernel
    >>> figure = draw_kernel(Kernel(np.array([[1, 0, -1]]), name="difference"))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '0', '-1']
    """
    with style_context(options or FigureOptions()):
        group = kernel_heatmaps([kernel], most=_MAX_MAPS)
        count, channels = len(group.maps), math.prod(kernel.matrix.shape[:-2])
        facts = f"the first {count} of {channels} channels" if channels > count else ""
        part = kernel_part(group, _LONGEST)
        plan = PagePlan(lambda scale: [[part(scale)]])
        return compose([plan], title=kernel_title(kernel), facts=facts)


def kernel_part(
    group: HeatmapGroup,
    longest: float,
    *,
    title: str = "",
    caption: str = "",
    is_bare: bool = False,
    has_bar: bool = True,
    kept: float = _KEPT_SCALE,
    columns: int | None = None,
    is_own: bool = False,
    cell: Box | None = None,
) -> PartOf:
    """Return a function from a scale to one kernel as a part of a page, or several as a grid.

    Args:
        group: one or more heat maps.
        longest: the longer side in inches at scale 1, of the kernel or of the grid.
        title: above it.
        caption: more lines below the title.
        is_bare: whether there are neither ticks, names nor a bar, and numbers only where they are
            legible at this size.
        has_bar: whether it has a color bar of its own, where it is not bare.
        kept: the scale down to which a single kernel is large enough for its numbers.
        columns: how many heat maps stand in a row; None for a grid that is nearly square.
        is_own: whether the largest weight of each has the full color; then there is no bar.
        cell: width and height of a cell in inches at scale 1, in place of ``longest``.
    """
    options = figure_options()
    has_bar = has_bar and options.bars and not is_bare and not is_own
    bar = Bar.of(group.ends, group.colormap, group.unit) if has_bar else None
    widest = widest_text([text for heatmap in group.maps for text in heatmap.texts])
    count = len(group.maps)
    across = columns or arrangement(count)[1]
    down = math.ceil(count / across)
    is_ticked = options.axes and count == 1 and not is_bare

    def cell_box(scale: float) -> Box:
        """Return the width and height of one heat map."""
        shape = group.maps[0].values.shape
        if cell is not None:
            return scale * shape[1] * cell[0], scale * shape[0] * cell[1]
        needed = number_cell(widest, theme().text)
        has_numbers = bool(group.maps[0].texts) and max(shape) <= MAX_TICKED
        has_numbers &= needed * max(shape) <= MOST_FOR_NUMBERS * longest
        if not has_numbers or count > 1 or is_bare:
            return fit_box(shape, scale * longest / max(across, down), thinnest=0.1)
        side = scale * max(needed, min(longest / max(shape), _CELL))
        if scale >= kept:
            side = max(side, needed)
        return shape[1] * side, shape[0] * side

    def draw(figure: Figure, left: float, top: float, box: Box, each: Box) -> list[DrawnImage]:
        drawn = []
        above = 0.0 if is_bare else _name_height(group, each[0])
        for number, heatmap in enumerate(group.maps):
            row, column = divmod(number, across)
            x, y = left + column * (each[0] + _BETWEEN), top + row * (each[1] + above + _BETWEEN)
            axes = axes_at(figure, x, y + above, each)
            colors = group._replace(limit=symmetric_limit(heatmap.values)) if is_own else group
            image = draw_values(axes, heatmap.values, colors)
            set_ticks(axes, *heatmap.values.shape, inches=each if is_ticked else None)
            if count > 1 and not is_bare:
                name = _name_lines(heatmap.title, each[0])
                axes.set_title(name, fontsize=theme().text, pad=2)
            rows, columns = heatmap.values.shape
            texts = _texts_in(heatmap)
            drawn.append(DrawnImage(image, (rows, columns), texts, widest))
        if bar is not None:
            bar.draw(figure, left, top, box, tick_lines=int(count == 1))
        return drawn

    def part(scale: float) -> Part:
        each = cell_box(scale)
        above = 0.0 if is_bare else _name_height(group, each[0])
        box = (
            across * (each[0] + _BETWEEN) - _BETWEEN,
            down * (each[1] + above + _BETWEEN) - _BETWEEN,
        )
        is_below = box[0] >= theme().bar_below * box[1]
        digits = text_width(str(group.maps[0].values.shape[0]), theme().text)
        beside = bar.space(below=is_below) if bar is not None else 0.0
        overhang = bar.overhang if bar is not None and is_below else 0.0
        return Part(
            partial(draw, box=box, each=each),
            box,
            title,
            "\n".join(filter(None, [caption, bar.note(box) if bar is not None else ""])),
            left=max((digits + 0.08) * is_ticked, overhang),
            right=overhang if is_below else beside,
            below=(theme().line + 0.08) * is_ticked + beside * is_below,
            numbers_fit=all(
                numbers_fit(each, heatmap.values.shape, widest)
                for heatmap in group.maps
                if _texts_in(heatmap)
            ),
        )

    return part


def color_kernel_part(group: HeatmapGroup, longest: float) -> Part:
    """Return a kernel over three channels as one image without ticks.

    Its weights for a channel are the red, the green or the blue of a color; gray is 0.
    """
    weights = np.stack([heatmap.values for heatmap in group.maps], axis=-1)
    colors = np.clip(0.5 + 0.5 * weights.astype(np.float64) / group.limit, 0, 1)
    box = fit_box((colors.shape[0], colors.shape[1]), longest, thinnest=0.1)

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        axes = axes_at(figure, left, top, box)
        axes.imshow(colors, interpolation="nearest", aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        return []

    return Part(draw, box)


def legible_length(group: HeatmapGroup) -> float:
    """Return the longer side in inches of bare heat maps whose weights are legible, 0 without."""
    widest = widest_text([text for heatmap in group.maps for text in _texts_in(heatmap)])
    longest: int = max(max(heatmap.values.shape) for heatmap in group.maps)
    cell = number_cell(widest, theme().number * 1.001) if widest else 0.0
    return cell * longest * max(arrangement(len(group.maps)))


def _texts_in(heatmap: Heatmap) -> tuple[str, ...]:
    """Return the numbers in the cells of a heat map, none where these are too many."""
    return () if max(heatmap.values.shape) > MAX_TICKED else heatmap.texts


def _name_height(group: HeatmapGroup, inches: float) -> float:
    """Return the room that the names above several heat maps of this width need."""
    if len(group.maps) == 1:
        return 0.0
    names = [_name_lines(heatmap.title, inches) for heatmap in group.maps]
    return max(map(line_count, names)) * theme().line + 0.05


def _name_lines(name: str, inches: float) -> str:
    """Wrap the name of one of several heat maps."""
    return wrap(name, inches + 0.8 * _BETWEEN, theme().text)


def draw_values(axes: Axes, values: NDArray[np.generic], group: HeatmapGroup) -> AxesImage:
    """Draw a matrix into axes in the colors of its group, without numbers."""
    low, high = group.ends
    return axes.imshow(
        values.astype(np.float64),
        cmap=group.colormap,
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="auto",
    )


def kernel_heatmaps(
    kernels: Sequence[Kernel],
    *,
    most: int,
    operation: str = "correlate",
    planes: Sequence[str] | None = None,
) -> HeatmapGroup:
    """Return at most ``most`` heat maps, one per kernel and channel, with the same colors.

    Kernels that share a divisor show their matrices; others show their weights. Those of
    ``convolve`` are flipped, as they are applied. Names leave out the bank that all are of.
    ``planes`` are the names of the channels.
    """
    divisors = {kernel.divisor for kernel in kernels}
    divisor = divisors.pop() if len(divisors) == 1 else None
    bank = common_bank([kernel.name for kernel in kernels])
    named_values = []
    for kernel in kernels:
        values = kernel.weights if divisor is None else kernel.matrix
        name = short_name(without_bank(kernel.name, bank))
        applied = as_applied(values, operation)
        named_values += _channels(name, applied, planes, with_kernel=len(kernels) > 1)
    del named_values[most:]
    numbers = np.concatenate([values.ravel() for _, values in named_values])
    has_numbers = min(max(values.shape) for _, values in named_values) <= MAX_TICKED
    texts = iter(cell_texts(numbers, figure_options().digits) if has_numbers else ())
    maps = tuple(
        Heatmap(name, values, tuple(islice(texts, values.size))) for name, values in named_values
    )
    is_rgb = len(kernels) == 1 and len(maps) == kernels[0].matrix.size // maps[0].values.size == 3
    return HeatmapGroup(maps, symmetric_limit(numbers), divisor or 1, is_rgb=is_rgb)


def symmetric_limit(values: NDArray[np.generic]) -> float:
    """Return the greatest finite magnitude, 1 where all are zero: the limit of the colors."""
    least, greatest = finite_extremes(values)
    return max(-least, greatest) or 1.0


def _channels(
    kernel: str,
    values: NDArray[np.generic],
    names: Sequence[str] | None,
    *,
    with_kernel: bool,
) -> list[tuple[str, NDArray[np.generic]]]:
    """Return the names and 2-D parts of a kernel of this name, in the order of its array."""
    planes = values.reshape(-1, *values.shape[-2:])
    if values.ndim == 2 or (with_kernel and len(planes) == 1):
        return [(kernel, planes[0])]
    names = names or plane_names(values.shape[:-2])
    if with_kernel:
        names = [f"{kernel}, {name}" for name in names]
    return list(zip(names, planes, strict=True))


def kernel_title(kernel: Kernel) -> str:
    """Return a kernel's name, its size as width x height, and its divisor and bias if any.

    Fractions that were typed are drawn as integers and one factor; beside it they are not named.
    """
    is_fractions = re.fullmatch(r"[-+./\d\s,;]*/[-+./\d\s,;]*", kernel.name)
    name = "kernel" if is_fractions else short_name(without_folders(kernel.name))
    return f"{name}, {size_text(kernel.shape)}{scale_text(kernel)}"


def scale_text(kernel: Kernel) -> str:
    """Return divisor and bias in the form that follows a name, or nothing.

    >>> from convcli.kernels.kernel import Kernel
    >>> scale_text(Kernel([[1, 2]], divisor=16, bias=128))
    ', × 1/16, bias 128'
    """
    text = divisor_text(kernel.divisor)
    return f"{text}, bias {format_short(kernel.bias)}" if kernel.bias else text


def divisor_text(divisor: float) -> str:
    """Return a divisor other than 1 as the factor that follows a name or a size.

    >>> divisor_text(16), divisor_text(-3), divisor_text(1)
    (', × 1/16', ', × 1/(-3)', '')
    """
    if divisor == 1:
        return ""
    text = format_short(divisor)
    return f", × 1/{text}" if divisor > 0 else f", × 1/({text})"


def arrangement(count: int) -> tuple[int, int]:
    """Return the rows and columns of a grid with ``count`` places."""
    columns = count if count <= 4 else math.ceil(math.sqrt(count))
    return math.ceil(count / columns), columns
