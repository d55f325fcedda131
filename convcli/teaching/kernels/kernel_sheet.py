"""The sheet of a kernel: its weights, its response to one bright pixel, its profile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convcli.choices import Scale
from convcli.errors import UsageError, count_text
from convcli.figure_options import FigureOptions
from convcli.geometry import Pair, size_text
from convcli.kernels.matrix_text import short_name, without_folders
from convcli.kernels.spec import gaussian_axes
from convcli.plotting.axes import MAX_TICKED, DrawnImage, finite_extremes
from convcli.plotting.heatmap import (
    Heatmap,
    HeatmapGroup,
    arrangement,
    kernel_heatmaps,
    kernel_part,
    kernel_title,
    scale_text,
)
from convcli.plotting.labels import bar_number, format_short, text_width
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import Part, PartOf, plot_part
from convcli.plotting.rows import Rows
from convcli.plotting.sample_scale import SAMPLE_NUMBERS
from convcli.plotting.save import NotebookFigure
from convcli.plotting.style import (
    Box,
    figure_options,
    fit_box,
    signed_colormap,
    style_context,
    theme,
    unsigned_colormap,
)
from convcli.signals import SampleAxis
from convcli.teaching.kernels.filter_sheet import (
    CONVOLUTION,
    MAX_TILES,
    TRANSPOSED,
    channel_tiles,
    tiles_part,
)
from convcli.teaching.kernels.responses import frequency_response, gain_at_zero, impulse_responses

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel
    from convcli.kernels.spec import KernelSet


_MOST_MAPS = 16  # more kernels or channels are drawn as one sheet
_WEIGHTS, _SIDE, _FAMILY = 3.6, 2.7, 7.0  # inches; longer sides
_CURVE_HEIGHT = 0.72  # of a curve's width
_LINE_WIDTH = 8.0  # of the curve of a kernel of one row or column
_KERNELS_HIGH = 0.75  # of a slide's height, for several kernels
_COLUMN_WIDTH = 2.9  # of a part with its text, at least
_ACROSS, _FEW_PARTS = 4, 3  # parts in a row at most; those that a slide keeps
_LEAST, _LEAST_ON_SLIDE = 0.3, 0.5  # scales; a slide leaves out parts before they are smaller

_FINER = 8  # points of a contour for each weight
_MOST_FINE = 600  # samples along a side for contours, as many as the page has pixels
_MIN_CONTOURED = 9  # rows and columns of a kernel with contours
_MAX_ROUGHNESS = 1.7  # of a kernel with contours: a difference of Gaussians is below, a line above
_CONTOURS = 12  # about as many levels at most
_FRAME = "tab:orange"
_ROW, _COLUMN = "tab:blue", "tab:orange"  # of a profile
_TWO_AXES = "x or y"  # the label of a profile along two axes
_CURVES = (  # of gains: style, color and width; the wider lie below, so that equal curves all show
    ("-", "tab:blue", 3.2),
    ("--", "tab:orange", 2.4),
    ("-.", "tab:green", 1.6),
    (":", "tab:purple", 1.2),
)


def draw_kernel_sheet(
    kernels: KernelSet,
    *,
    frequency: bool = False,
    scale: Scale = "common",
    options: FigureOptions | None = None,
) -> NotebookFigure:
    """Draw the kernels of a SPEC, whose weights share one color scale unless each has its own.

    One kernel has its weights; one bright pixel, filtered by it, by both operations where these
    differ; and its profile, the middle row and column as curves. A large smooth kernel has
    contours, too. One that is sampled has the positions of its samples, and contours before the
    bright pixel. Several kernels, or the channels of one, are a table of weights. More than 16, or
    several filters over three channels, are a sheet of at most 512 tiles; three channels are drawn
    as colors.

    Args:
        kernels: from :func:`convcli.kernels.spec.read_spec`.
        frequency: add the gain along four directions and the frequency response.
        scale: ``own`` gives the largest weight of each kernel the full color.
        options: how the figure looks.

    Returns:
        A figure that pyplot does not manage.

    Raises:
        UsageError: ``frequency`` is asked for more than one kernel.

    >>> from convcli.kernels.spec import read_spec
    >>> figure = draw_kernel_sheet(read_spec("sobel-x"))
    >>> [text.get_text() for text in figure.axes[0].texts[:3]]
    ['-1', '0', '1']
    """
    members = kernels.kernels
    maps = len(members) * math.prod(members[0].matrix.shape[:-2])
    if frequency and maps > 1:
        raise UsageError(f"--frequency takes one kernel; {kernels.label} has {_count(members)}")
    with style_context(options):
        facts = ""
        plans: list[PagePlan]
        if maps > _MOST_MAPS or _are_color_filters(members):
            rows, facts = _sheet_rows(kernels, scale)
            plans = [_plan(rows)]
        elif maps > 1:
            group = kernel_heatmaps(members, most=_MOST_MAPS, planes=kernels.plane_names)
            is_own = scale == "own"
            facts = "each kernel has its own scale" * is_own
            part = kernel_part(group, _FAMILY, columns=_columns(group), is_own=is_own)
            plans = [_plan([[part]])]
        else:
            named = _parts_of_one(members[0], frequency=frequency)
            fewest = min(_FEW_PARTS, len(named)) if theme().is_fixed else len(named)
            # On a slide, a function is large rather than beside what it does to pixels.
            is_function = theme().is_fixed and gaussian_axes(members[0]) is not None
            most = fewest if is_function and not frequency else len(named)
            plans = [
                _plan(_in_rows(list(named.values())[:count]), list(named)[count:])
                for count in range(most, fewest - 1, -1)
            ]
        least = _LEAST_ON_SLIDE if len(plans) > 1 else _LEAST
        return compose(plans, title=_title(kernels), facts=facts, least=least)


def _plan(rows: Sequence[Sequence[PartOf]], left_out: Sequence[str] = ()) -> PagePlan:
    def rows_of(scale: float) -> Rows:
        return [[part(scale) for part in row] for row in rows]

    return PagePlan(rows_of, left_out)


def _count(members: Sequence[Kernel]) -> str:
    """Say how many kernels these are, and over how many channels."""
    of_bank, channels = math.prod(members[0].matrix.shape[:-3]), members[0].matrix.shape[-3:-2]
    kernels = count_text(len(members) * of_bank, "kernel")
    return kernels + "".join(f" over {count_text(each, 'channel')}" for each in channels)


def _columns(group: HeatmapGroup) -> int:
    """Return how many of several kernels stand in a row: on a slide, so that they are largest."""
    count, (rows, columns) = len(group.maps), group.maps[0].values.shape
    look = theme()
    if not look.is_fixed:
        return arrangement(count)[1]

    def cell(across: int) -> float:
        high = _KERNELS_HIGH * look.height / math.ceil(count / across) / rows
        return float(min(look.width / across / columns, high))

    return max(range(1, count + 1), key=cell)


def _in_rows(parts: Sequence[PartOf]) -> list[Sequence[PartOf]]:
    """Return the parts of one kernel's page in rows of about as many."""
    most = max(1, min(_ACROSS, int(theme().width / _COLUMN_WIDTH)))
    across = math.ceil(len(parts) / math.ceil(len(parts) / most))
    return [parts[start : start + across] for start in range(0, len(parts), across)]


def _are_color_filters(members: Sequence[Kernel]) -> bool:
    """Return whether these are several filters over three channels; a single one shows weights."""
    return len(members) > 1 and members[0].matrix.shape[:-2] in ((3,), (1, 3))


def _title(kernels: KernelSet) -> str:
    """Name the kernels, their size and scale, and how several are combined."""
    members = kernels.kernels
    first = members[0]
    channels = math.prod(first.matrix.shape[:-2])
    if len(members) == 1:
        planes = f"to {channels} maps" if kernels.transposed else f"sum over {channels} channels"
        return f"{kernel_title(first)}{f', {planes}' * (channels > 1)}"
    size = size_text(first.shape)
    name = f"{short_name(without_folders(kernels.label))}: {len(members)} kernels {size}"
    facts = [f"to {channels} maps"] * (kernels.transposed != "" and channels > 1)
    facts.append(kernels.results_text)
    if channels > 1 and not kernels.transposed:
        sums = f"each sums the products of {channels} channels"
        facts = [sums, kernels.results_text] if kernels.combine else [sums]
    return f"{name}{scale_text(first)}, {', '.join(facts)}"


def _sheet_rows(kernels: KernelSet, scale: Scale) -> tuple[list[list[PartOf]], str]:
    """Return all filters as one sheet, and words on what is left out."""
    members = kernels.kernels
    names = TRANSPOSED if kernels.transposed else CONVOLUTION
    count = len(members) * math.prod(members[0].matrix.shape[:-3])
    channels = channel_tiles(members[0])
    drawn = max(MAX_TILES // channels, 1)
    facts = [f"the first {drawn} of {count} {names.member}s"] * (count > drawn)
    facts += [f"the first {MAX_TILES} of {channels} {names.plane}s"] * (channels > MAX_TILES)
    return [[tiles_part(members, names, scale)]], ", ".join(facts)


def _parts_of_one(kernel: Kernel, *, frequency: bool) -> dict[str, PartOf]:
    """Return the parts of one kernel's page by name, the most important first."""
    group = kernel_heatmaps([kernel], most=1)
    heatmap = group.maps[0]
    values, where = heatmap.values, _Places.of(kernel)
    is_line = min(values.shape) == 1 and values.size > MAX_TICKED
    parts: dict[str, PartOf] = {}
    if is_line:
        parts["profile"] = _profile_part(values, group, _LINE_WIDTH, where)
    else:
        weights_part = kernel_part(group, _WEIGHTS, title="weights")
        parts["weights"] = partial(_at_positions, weights_part, where, values.shape)
    if frequency:
        weights = values.astype(np.float64) / group.divisor
        response = frequency_response(weights)
        parts["gain"] = _gain_part(response)
        parts["frequency response"] = _frequency_part(response, gain_at_zero(weights))
    profile = {} if is_line else {"profile": _profile_part(values, group, _SIDE, where)}
    impulses = {} if is_line else _impulse_parts(heatmap, group)
    contours: dict[str, PartOf] = {}
    if has_contours(values):
        contours["contours"] = _contour_part(values, group, gaussian_axes(kernel))
    if where.label == _TWO_AXES:  # a function of x and y, more than a filter
        return parts | contours | profile | impulses
    return parts | impulses | profile | contours


def _at_positions(part: PartOf, where: _Places, shape: Pair, scale: float) -> Part:
    """Return a map of weights whose rows and columns are at the positions of its samples."""
    planned = part(scale)
    if where.label != _TWO_AXES or not figure_options().axes:
        return planned

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        drawn = list(planned.draw(figure, left, top))
        axes = drawn[0].axes
        for axis, places, count in zip(
            (axes.yaxis, axes.xaxis), (where.rows, where.columns), shape, strict=True
        ):
            ends = places.at(0), places.at(count - 1)
            ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(*ends)
            ticks = [tick for tick in map(float, ticks) if ends[0] <= tick <= ends[1]]
            cells = [(tick - ends[0]) / float(places.step) for tick in ticks]
            axis.set_ticks(cells, labels=list(map(bar_number, ticks)))
        return drawn

    line = theme().line
    return planned._replace(
        draw=draw,
        left=max(planned.left, text_width("-0.0", theme().text) + 0.08),
        below=max(planned.below, line + 0.08),
    )


def _impulse_parts(heatmap: Heatmap, group: HeatmapGroup) -> dict[str, PartOf]:
    """Return one bright pixel, correlated and convolved; one part where both are alike."""
    impulses = impulse_responses(heatmap.values)
    alike = np.array_equal(impulses.correlated, impulses.convolved)
    flipped = np.array_equal(np.negative(impulses.correlated), impulses.convolved)
    what = {
        "correlate": "the kernel flipped" + ", which changes its sign" * flipped,
        "convolve": "the kernel as it is",
    }
    shown = {"correlate": impulses.correlated, "convolve": impulses.convolved}
    if alike:
        what, shown = {"": "flipped or not, the same"}, {"": impulses.correlated}
    parts: dict[str, PartOf] = {}
    for operation, values in shown.items():
        title = ", ".join(filter(None, ["one bright pixel", operation]))
        response = Heatmap(title, values, _texts(values, heatmap))
        one = group._replace(maps=(response,))
        part = kernel_part(one, _SIDE, title=title, caption=what[operation])
        parts[title] = partial(_framed, part, impulses.dot)
    return parts


def _framed(part: PartOf, dot: tuple[int, int], scale: float) -> Part:
    """Return a part whose bright pixel has a frame."""
    planned = part(scale)

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        drawn = list(planned.draw(figure, left, top))
        frame = Rectangle((dot[1] - 0.5, dot[0] - 0.5), 1, 1, fill=False, edgecolor=_FRAME)
        frame.set_linewidth(theme().text / 6)
        drawn[0].axes.add_patch(frame)
        return drawn

    return planned._replace(draw=draw)


def _texts(response: NDArray[np.generic], heatmap: Heatmap) -> tuple[str, ...]:
    """Return the numbers of a small response, each weight written as in the kernel."""
    if max(response.shape) > MAX_TICKED:
        return ()
    texts = {0: "0"} | dict(zip(heatmap.values.ravel().tolist(), heatmap.texts, strict=True))
    return tuple(texts[value] for value in response.ravel().tolist())


class _Places(NamedTuple):
    """Where the rows and the columns of a kernel stand, and what these numbers are."""

    rows: SampleAxis
    columns: SampleAxis
    label: str
    caption: str = ""

    @classmethod
    def of(cls, kernel: Kernel) -> _Places:
        """Return the positions of samples, else the offsets from the anchor."""
        if kernel.axis is not None:
            return cls(kernel.axis, kernel.axis, "x")
        if (samples := gaussian_axes(kernel)) is not None:
            return cls(*samples, _TWO_AXES)
        rows, columns = (SampleAxis(Fraction(-((n - 1) // 2)), Fraction(1)) for n in kernel.shape)
        return cls(rows, columns, "offset", "offset 0 is the anchor")


def _profile_part(
    values: NDArray[np.generic], group: HeatmapGroup, width: float, where: _Places
) -> PartOf:
    """Return the middle row and the middle column, this many inches wide at scale 1.

    Few weights are stems, for there is nothing between them; many are curves.
    """
    rows, columns = values.shape
    lines = []
    if columns > 1:
        places = where.columns.positions(columns)
        lines.append((f"row {rows // 2}", places, values[rows // 2], _ROW, "-", "o", _ROW))
    if rows > 1 or columns == 1:
        places, middle = where.rows.positions(rows), values[:, columns // 2]
        lines.append((f"column {columns // 2}", places, middle, _COLUMN, "--", "s", "none"))
    is_whole = all(axis.step.denominator == 1 for axis in (where.rows, where.columns))

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=theme().faint, linewidth=0.8, zorder=0.5)
        for name, places, weights, color, style, marker, inside in lines:
            heights = weights.astype(np.float64)
            if len(weights) > 2 * MAX_TICKED:
                axes.plot(places, heights, style, color=color, label=name)
                continue
            size = 4 if marker == "o" else 8  # the square is around the dot
            axes.vlines(places, 0, heights, color, linestyles="-" if marker == "o" else "--")
            axes.plot(
                places, heights, marker, color=color, label=name, markersize=size, mfc=inside,
                clip_on=False,
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=is_whole, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(bar_number)
        if values.size == 1:  # the only place
            axes.set(xlim=(-0.5, 0.5), xticks=[0])
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(bar_number)

    title = "profile through the middle" if len(lines) > 1 else "profile"
    box = partial(_curve_box, width)
    legend = [name for name, *_ in lines]
    return plot_part(
        draw, box, title=title, caption=where.caption, xlabel=where.label, ylabel=group.unit,
        legend=legend, is_below=True,
    )  # fmt: skip


def _curve_box(width: float, scale: float) -> Box:
    return scale * width, scale * _SIDE * _CURVE_HEIGHT


def has_contours(weights: NDArray[np.generic]) -> bool:
    """Tell whether contours are useful: the kernel is large, and smooth but not constant.

    Its roughness is the sum of the squared differences between neighbors, over the sum of the
    squared weights: near 0 for a wide Gaussian, 4 for independent weights.
    """
    values = weights.astype(np.float64)
    if min(values.shape) < _MIN_CONTOURED or np.ptp(values) == 0:
        return False
    values /= np.abs(values).max()
    steps = sum(np.square(np.diff(values, axis=axis)).sum() for axis in (0, 1))
    return bool(steps < _MAX_ROUGHNESS * np.square(values).sum())


def _contour_part(
    weights: NDArray[Any], group: HeatmapGroup, samples: tuple[SampleAxis, SampleAxis] | None
) -> PartOf:
    """Return contours at round levels, in the colors of the kernel.

    There is none at 0, where weights that are nearly 0 would have contours of rounding errors.
    ``samples`` are the positions of rows and columns where these have other ones than numbers.
    """
    low, high = finite_extremes(weights)
    ticks = MaxNLocator(_CONTOURS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    levels = [level for level in ticks if abs(level) > 1e-9 * group.limit]
    values = weights.astype(np.float64)
    down, across = (_cubic_weights(size) for size in values.shape)
    fine = down @ values @ across.T
    rows, columns = (
        np.linspace(axis.at(0), axis.at(size - 1), len(each))
        for axis, size, each in zip(
            samples or [SAMPLE_NUMBERS] * 2, values.shape, (down, across), strict=True
        )
    )
    colors = signed_colormap() if group.ends[0] < 0 else unsigned_colormap()

    def draw(axes: Axes) -> None:
        axes.contourf(
            columns, rows, fine, levels,
            cmap=colors, vmin=group.ends[0], vmax=group.ends[1], extend="both",
        )  # fmt: skip
        axes.contour(columns, rows, fine, levels, colors="black", linewidths=0.5)
        axes.invert_yaxis()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4, integer=not samples, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(bar_number)

    def box(scale: float) -> Box:
        rows, columns = values.shape
        return fit_box((rows, columns), scale * _SIDE)

    return plot_part(
        draw,
        box,
        title="contours",
        caption="interpolated between the weights",
        xlabel="x" * (samples is not None),
        ylabel="y" * (samples is not None),
    )


def _cubic_weights(size: int) -> NDArray[np.float64]:
    """Return a matrix that interpolates between ``size`` samples by cubic convolution.

    Keys, "Cubic convolution interpolation for digital image processing", 1981. Linear
    interpolation cuts a ring of few samples into pieces. The outermost samples are repeated.
    """
    finer = max(min(_FINER, _MOST_FINE // size), 1)
    places = np.linspace(0, size - 1, (size - 1) * finer + 1)
    weights = np.zeros((len(places), size))
    first = np.minimum(places.astype(int), size - 2)
    for tap in range(-1, 3):
        t = np.abs(places - first - tap)
        near, far = (1.5 * t - 2.5) * t * t + 1, ((2.5 - 0.5 * t) * t - 4) * t + 2
        source = np.clip(first + tap, 0, size - 1)
        np.add.at(weights, (np.arange(len(places)), source), np.where(t <= 1, near, far))
    return weights


def _gain_part(response: NDArray[np.float64]) -> PartOf:
    """Return a frequency response along four directions, from frequency zero outward."""
    center = len(response) // 2
    steps = np.arange(center + 1)
    directions = {"right": (0, 1), "down": (1, 0), "down right": (1, 1), "up right": (-1, 1)}
    highest = float(response.max()) or 1.0

    def draw(axes: Axes) -> None:
        for (name, (down, across)), (style, color, width) in zip(
            directions.items(), _CURVES, strict=True
        ):
            gains = response[center + down * steps, center + across * steps]
            frequencies = steps / (2 * center)
            axes.plot(frequencies, gains, style, color=color, label=name, linewidth=width)
        axes.set_xlim(0, 0.5)
        if axes.bbox.width / axes.figure.dpi < 3 * text_width("0.25 ", theme().text):
            axes.set_xticks([0, 0.5])
        axes.set_ylim(-0.04 * highest, highest)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))

    return plot_part(
        draw,
        partial(_curve_box, _SIDE),
        title="gain of waves",
        caption="by the direction they run in",
        xlabel="cycles per pixel",
        ylabel="gain",
        legend=list(directions),
        is_below=True,
    )


def _frequency_part(response: NDArray[np.float64], at_zero: float) -> PartOf:
    """Return a frequency response (n, n), with frequency zero in the center."""
    highest = float(f"{response.max():.12g}")  # 1, not 0.9999999999999999
    caption = "gain 0 at every frequency"
    if highest:
        caption = f"gain 0 (dark) to {format_short(highest)}; {format_short(at_zero)} in the middle"

    def draw(axes: Axes) -> None:
        axes.imshow(
            response,
            cmap=unsigned_colormap(),
            vmin=0,
            vmax=highest or 1,
            extent=(-0.5, 0.5, 0.5, -0.5),
            interpolation="nearest",
            aspect="auto",
        )
        ticks = (-0.25, 0, 0.25)
        axes.set(xticks=ticks, yticks=ticks)
        axes.xaxis.set_major_formatter(bar_number)
        axes.yaxis.set_major_formatter(bar_number)

    return plot_part(
        draw,
        lambda scale: (scale * _SIDE, scale * _SIDE),
        title="frequency response",
        caption=caption,
        xlabel="cycles per pixel, across",
        ylabel="cycles per pixel, down",
    )
