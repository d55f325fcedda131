"""The gradients of a convolution as a figure: the forward pass, and below it the backward pass."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.axes import (
    MAX_TICKED,
    NUMBER_LINE,
    NUMBER_SHARE,
    number_texts,
    widest_text,
)
from convcli.plotting.heatmap import Heatmap, HeatmapGroup, kernel_part, symmetric_limit
from convcli.plotting.image_panel import (
    ImagePanel,
    boxed_image,
    common_range,
    value_bar,
)
from convcli.plotting.labels import format_short, option_facts
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import Part, plot_part
from convcli.plotting.rows import Rows
from convcli.plotting.sample_scale import (
    SAMPLE_NUMBERS,
    outer_limits,
    set_sample_ticks,
    unit_label,
)
from convcli.plotting.signal_plot import (
    axes_inches,
    draw_samples,
    extent_text,
    signal_axis,
    signal_samples,
)
from convcli.plotting.style import Box, figure_options, fit_box, style_context, theme

# isort: split
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.plotting.save import NotebookFigure
from convcli.teaching.explain.gradient.computation import Floats, GradientComputation
from convcli.teaching.explain.gradient.text import slope_name
from convcli.teaching.explain.grid_figure import LARGE_DIGITS

_MOST_PLANES = 8  # channels of a kernel
# Inches of a page's width: beside all images, and for the ticks and the bar of each.
_MARGIN, _BETWEEN = 1.0, 0.9
_BETWEEN_PLOTS = 0.12  # inches a point of the smallest text, for the y axis of a plot
_PLOT: Box = (1.0, 1.5)  # least width and usual height of a plot
_KERNEL = 0.8  # the longer side of a kernel, as a share of that of an image
_LEAST_SIDE = 0.2  # inches; of an image on a page that is refused since it is too narrow
_NAME = 0.4  # inches; the name of a channel of a kernel, with the space around it
_IN_ROW = 4  # channels of a kernel on a slide
_NARROW = 10.0  # width of a page with short captions, and without the error
_FEWER_DIGITS = 3, 2  # of the largest number, where more do not fit


class _Shown(NamedTuple):
    """Numbers of the forward or of the backward pass, as a title, an image and a caption.

    ``unit`` is the label of its color bar, or of the y axis of a signal.
    """

    title: str
    panel: ImagePanel
    caption: str
    unit: str


class _Kernel(NamedTuple):
    """The channels of a kernel or of its gradient, (planes, rows, columns); see `_Shown`."""

    title: str
    planes: Floats
    caption: str
    unit: str


class _Numbers(NamedTuple):
    """Which cells have numbers, and the digits of the largest number; None for the usual ones."""

    images: bool = True
    kernels: bool = True
    significant: int | None = None


def draw_gradient(
    gradient: GradientComputation, options: FigureOptions | None = None
) -> NotebookFigure:
    """Draw input, kernel and feature map, and below each of them the gradient of L by it.

    A signal is drawn as stems or as a line, with its kernel and its map if they run along it.

    A target has the error below it. Of several channels, maps or filters the first is drawn, except
    of an input in color; a kernel has at most 8 channels. Where numbers have no room, their digits
    are left out first, then those of the images, then all.

    Returns:
        A figure that pyplot does not manage.

    >>> from convcli import explain_gradient
    >>> figure = draw_gradient(explain_gradient([[1, 2, 4]], [[1, -1]], padding="valid"))
    >>> [[text.get_text() for text in axes.texts] for axes in figure.axes[:6:3]]
    [['1', '2', '4'], ['1', '0', '-1']]
    """
    with style_context(options or FigureOptions()):
        facts = [_loss_text(gradient)]
        if not _is_signal(gradient) and theme().signed == "RdBu_r":
            facts.append("gradients: red where L grows with the number, blue where it falls")
        if len(gradient.maps) > 1:
            facts.append(f"drawn: {gradient.maps[0]}, the first of {len(gradient.maps)} maps")
        facts += option_facts(gradient.conv)
        title = f"gradients of L: {short_kernel(gradient.kernel)}"
        left_out = ["target and error"] if gradient.target is not None and _is_small() else []
        plans = [
            PagePlan(partial(_rows, gradient, numbers=numbers), [*left_out, *lack])
            for numbers, lack in _details(gradient)
        ]
        return compose(plans, title=title, facts=" · ".join(facts))


def _details(gradient: GradientComputation) -> Iterator[tuple[_Numbers, list[str]]]:
    """Yield fewer and fewer numbers, with the names of what is left out."""
    usual = LARGE_DIGITS if theme().is_fixed else None
    if _is_signal(gradient):
        yield _Numbers(), []
        return
    for images in (True, False):
        lack = [] if images else [NO_ROOM_FOR_NUMBERS]
        yield _Numbers(images, significant=usual), lack
        for digits in _FEWER_DIGITS if figure_options().digits is None else ():
            yield _Numbers(images, significant=digits), ["further digits", *lack]
    yield _Numbers(images=False, kernels=False), [NO_ROOM_FOR_NUMBERS]


def _is_signal(gradient: GradientComputation) -> bool:
    """Whether the input is a signal, and the kernel runs along it."""
    axis = signal_axis(gradient.input)
    return axis is not None and gradient.weights.shape[-2:][1 - axis] == 1


def _is_small() -> bool:
    """Whether the page has no room for long captions."""
    return theme().is_fixed or theme().width < _NARROW


def _loss_text(gradient: GradientComputation) -> str:
    rule = "sum of y" if gradient.target is None else "mean of (y - t)²"
    return f"L = {rule} = {format_short(gradient.loss)}"


def _rows(gradient: GradientComputation, scale: float, *, numbers: _Numbers) -> Rows:
    """Return the forward pass above the backward pass; both parts of a column have one size."""
    slope, target = slope_name(gradient), gradient.target
    of_input = f"conv({slope}, w)" if _is_small() else f"full convolution of {slope} with w"
    of_output = "1 everywhere" if target is None else f"2 (y - t) / {gradient.output.size:,}"
    columns = [
        (
            _input(gradient),
            _gradient("dL/dx", gradient.grad_input, of_input, gradient),
        )
    ]
    if gradient.activation != "none":
        by_slope = f"dL/dy × slope of {gradient.activation}"
        columns.append(
            (
                _map("feature map z", gradient.values, gradient),
                _gradient("dL/dz", gradient.grad_values, by_slope, gradient),
            )
        )
    name = "feature map y" if gradient.activation == "none" else f"y = {gradient.activation}(z)"
    columns.append(
        (
            _map(name, gradient.output, gradient),
            _gradient("dL/dy", gradient.grad_output, of_output, gradient),
        )
    )
    if target is not None and not _is_small():
        error = _map("error y - t", gradient.output - target, gradient)
        columns.append((_map("target t", target, gradient), error))
    is_signal = _is_signal(gradient)
    between = _BETWEEN_PLOTS * theme().text if is_signal else _BETWEEN
    room = theme().width - _MARGIN - (len(columns) + 1) * between
    side = max(room / (len(columns) + _KERNEL), _LEAST_SIDE)
    make = _plots if is_signal else partial(_column, numbers=numbers)
    parts = [make(both, side, scale) for both in columns]
    parts.insert(1, _kernels(gradient, side, scale, numbers=numbers))
    return list(zip(*parts, strict=True))


def _column(
    both: tuple[_Shown, _Shown], side: float, scale: float, *, numbers: _Numbers
) -> tuple[Part, Part]:
    """Return two images of the same shape in boxes of the same size."""
    shape = both[0].panel.shape
    panels = [replace(each.panel, significant=numbers.significant) for each in both]
    texts = [text for panel in panels for text in panel.texts] if numbers.images else []
    box = fit_box(shape, scale * side)
    if texts:
        width, height = _numbered_cell(texts, scale * side / max(shape))
        box = shape[1] * width, shape[0] * height
    one, two = (
        _part(each._replace(panel=panel), box, numbers=numbers.images and panel.numbered)
        for each, panel in zip(both, panels, strict=True)
    )
    return one, two


def _numbered_cell(texts: Sequence[str], usual: float) -> Box:
    """Return width and height of cells with these numbers; ``usual`` is their side with room."""
    points = theme().number
    width, height = widest_text(texts) * points / NUMBER_SHARE, points * NUMBER_LINE / 72
    if not theme().is_fixed:  # cells are square where a page may become higher
        width = height = max(width, height)
    return max(width, usual), max(height, usual)


def _plots(both: tuple[_Shown, _Shown], side: float, scale: float) -> tuple[Part, Part]:
    """Return two signals as plots of the same size; only their height depends on the scale."""
    size = max(side, _PLOT[0]), max(scale * _PLOT[1], 5 * theme().line)
    one, two = (_plot(each, size) for each in both)
    return one, two


def _plot(shown: _Shown, size: Box) -> Part:
    samples = signal_samples(shown.panel.pixels)

    def draw(axes: Axes) -> None:
        inches = axes_inches(axes)
        draw_samples(axes, range(len(samples)), samples, inches=inches, exact=shown.panel.pixels)
        set_sample_ticks(axes, outer_limits([(SAMPLE_NUMBERS, len(samples))]), inches)

    make = plot_part(
        draw, lambda _: size, title=shown.title, caption=shown.caption,
        ylabel=shown.unit if figure_options().axes else "",
    )  # fmt: skip
    return make(1.0)


def _part(shown: _Shown, box: Box, *, numbers: bool) -> Part:
    panel = shown.panel
    ends = common_range([panel])
    is_read = numbers or panel.max_value is not None
    bar = None if is_read else value_bar(panel, ends, unit=shown.unit)
    return boxed_image(
        panel, box, ends, title=shown.title, caption=shown.caption, bar=bar,
        ticks=not (numbers and theme().is_fixed),  # a slide has room for one or the other
        numbers=numbers,
    )  # fmt: skip


def _input(gradient: GradientComputation) -> _Shown:
    """Return the input, in its own gray or colors where it is an image."""
    white, values = gradient.forward.max_value, gradient.input
    caption, unit = extent_text(gradient.forward.input_shape), unit_label(white)
    if white is not None and values.ndim == 3 and values.shape[2] == 3:
        return _Shown("input x", ImagePanel(_pixels(values, white), white), caption, unit)
    first, name = _first(values, gradient.channels)
    pixels = first if white is None else _pixels(first, white)
    captions = ", ".join(filter(None, [caption, name]))
    return _Shown("input x", ImagePanel(pixels, white), captions, unit)


def _pixels(values: Floats, white: int) -> NDArray[Any]:
    return values.astype(np.uint8 if white == 255 else np.uint16)


def _map(title: str, values: Floats, gradient: GradientComputation) -> _Shown:
    """Return the first of some maps in the shape of the output."""
    first, name = _first(values, gradient.maps)
    caption = ", ".join(filter(None, [extent_text(gradient.forward.output_shape), name]))
    return _Shown(title, ImagePanel(first, None), caption, unit_label(None))


def _gradient(title: str, values: Floats, caption: str, gradient: GradientComputation) -> _Shown:
    """Return a gradient, whose colors tell its sign."""
    names = gradient.channels if title == "dL/dx" else gradient.maps
    first, name = _first(values, names)
    captions = ", ".join(filter(None, [caption, name]))
    return _Shown(title, ImagePanel(first, None, centered=True), captions, "gradient")


def _first(values: Floats, names: Sequence[str]) -> tuple[Floats, str]:
    """Return the first channel of several, and its name."""
    return (values, "") if values.ndim == 2 else (values[..., 0], names[0])


def _kernels(
    gradient: GradientComputation, side: float, scale: float, *, numbers: _Numbers
) -> tuple[Part, Part]:
    """Return the first kernel and its gradient, beside images with this longer side."""
    divisor, weights, slopes = gradient.divisor, gradient.weights, gradient.grad_weights
    caption = size_text(weights.shape[-2:])
    caption += f", over {format_short(divisor)}" if divisor != 1 else ""
    if bias := gradient.forward.outputs[0].responses[0].bias:
        caption += f", bias {format_short(bias)}"
    if weights.ndim == 4:
        weights, slopes = weights[0], slopes[0]
    weights, slopes = (each.reshape(-1, *each.shape[-2:]) for each in (weights, slopes))
    if len(weights) > _MOST_PLANES:
        caption += f", {_MOST_PLANES} of {len(weights)} channels"
    slope = slope_name(gradient)
    by_weights = f"corr(x, {slope})" if _is_small() else f"x cross-correlated with {slope}"
    by_weights += f"\ndL/db = {format_short(gradient.grad_bias[0])}"
    both = (
        _Kernel("kernel w", weights[:_MOST_PLANES], caption, "weight"),
        _Kernel("dL/dw", slopes[:_MOST_PLANES], by_weights, "gradient"),
    )
    if _is_signal(gradient):
        one, two = (
            _Shown(each.title, ImagePanel(each.planes[0], None), each.caption, each.unit)
            for each in both
        )
        return _plots((one, two), side * _KERNEL, scale)
    return _heatmaps(gradient, both, side, scale, numbers=numbers)


def _heatmaps(
    gradient: GradientComputation,
    both: tuple[_Kernel, _Kernel],
    side: float,
    scale: float,
    *,
    numbers: _Numbers,
) -> tuple[Part, Part]:
    """Return a kernel and its gradient as heat maps of one size; gradients tell their sign."""
    planes, rows, columns = both[0].planes.shape
    has_numbers = numbers.kernels and max(rows, columns) <= MAX_TICKED
    texts = [number_texts(each.planes, numbers.significant) if has_numbers else [] for each in both]
    across = _across(both[0].planes.shape, side)
    down = math.ceil(planes / across)
    usual = side * _KERNEL / max(rows, columns)
    if planes > 1:
        usual = min(side / (across * columns), (side / down - _NAME) / rows)
    cell = scale * usual, scale * usual
    if has_numbers:
        cell = _numbered_cell([text for each in texts for text in each], scale * usual)
    size = rows * columns
    parts = []
    for each, own in zip(both, texts, strict=True):
        maps = tuple(
            Heatmap(name, plane, tuple(own[number * size : (number + 1) * size]))
            for number, (name, plane) in enumerate(
                zip(gradient.channels, each.planes, strict=False)
            )
        )
        group = HeatmapGroup(
            maps, symmetric_limit(each.planes), 1, each.unit == "gradient", each.unit
        )
        make = kernel_part(
            group, side, title=each.title, caption=each.caption, has_bar=not has_numbers,
            columns=across, cell=cell,
        )  # fmt: skip
        parts.append(make(1.0))
    return parts[0], parts[1]


def _across(shape: tuple[int, ...], side: float) -> int:
    """Return how many channels of a kernel stand in a row, beside images with this longer side."""
    planes, rows, columns = shape
    if theme().is_fixed:
        return planes if planes <= _IN_ROW else math.ceil(planes / 2)

    def room(across: int) -> float:
        return min(side / (across * columns), (side / math.ceil(planes / across) - _NAME) / rows)

    return max(range(planes, 0, -1), key=room)
