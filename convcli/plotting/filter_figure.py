"""Filtering in one figure: input | kernel with its weights | result, a row for each result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from convcli.choices import Panel
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import Pads, border_name, conv_geometry, size_text
from convcli.plotting.heatmap import kernel_heatmaps, kernel_part, kernel_title
from convcli.plotting.image_panel import ImagePanel, common_range, image_part, value_bar
from convcli.plotting.labels import conv_facts, result_name, result_title
from convcli.plotting.page import Part, Rows, compose
from convcli.plotting.signal_plot import MAX_HEATMAPS, are_signals, draw_filtered_signal
from convcli.plotting.style import figure_options, style_context
from convcli.plotting.window_marks import hatched_text

if TYPE_CHECKING:
    from convcli.filtering import Filter, Filtered
    from convcli.images.image import ImageData

PartOf = Callable[[float], Part]  # a part of a page at a scale

_IMAGE, _KERNEL, _SEVERAL_KERNELS = 4.0, 2.2, 3.2  # inches; longer sides
_USUAL: tuple[Panel, ...] = ("input", "kernel", "result")


def draw_filtering(
    image: ImageData,
    results: Sequence[tuple[Filter, Filtered]],
    *,
    title: str = "",
    options: FigureOptions | None = None,
) -> Figure:
    """Draw the results of filtering one image: input | kernel | result, a row for each.

    Above each result stand its size as width x height, its extremes before the range mapping and
    the share of values that were clipped. Small matrices have their numbers in the cells. A signal
    of one row or one column, and its results, are drawn as stems or lines.

    Args:
        image: the input; its alpha is not drawn.
        results: each filter with its result, at least one.
        title: a heading, such as the image's name.
        options: how the figure looks.

    Raises:
        UsageError: there are no results, an image has neither 1 nor 3 channels, or the options
            name panels that this figure does not have.
    """
    if not results:
        raise UsageError("a figure needs at least one result")
    original = ImagePanel(image.pixels, image.max_value)
    options = options or FigureOptions()
    if are_signals([image.pixels, *(filtered.image.pixels for _, filtered in results)]):
        with style_context():
            return draw_filtered_signal(image.pixels, results, title)
    with style_context(options):
        return _draw(image, original, results, title)


def _draw(
    image: ImageData,
    original: ImagePanel,
    results: Sequence[tuple[Filter, Filtered]],
    title: str,
) -> Figure:
    options = figure_options()
    panels = options.panels or _USUAL
    if "products" in panels:
        raise UsageError(
            "--panels: products are those of one window; convcli explain --at draws them"
        )
    titles = _titles(panels, len(results))
    makers: dict[str, Callable[[Filter, Filtered], PartOf]] = {
        "input": lambda *_: _input(original),
        "padded": lambda image_filter, _: _padded(image, image_filter),
        "kernel": lambda image_filter, _: _kernel(image_filter),
        "result": _result,
    }
    parts = [[makers[panel](*result) for panel in panels] for result in results]
    facts = [*conv_facts(results[0][0])]

    def plan(scale: float) -> Rows:
        rows = [[make(scale) for make in row] for row in parts]
        if titles:
            rows = [
                [
                    part._replace(title=text, caption="")
                    for part, text in zip(row, texts, strict=True)
                ]
                for row, texts in zip(rows, titles, strict=True)
            ]
        if options.layout == "column":
            return [list(column) for column in zip(*rows, strict=True)]
        if options.layout == "grid":
            return _as_grid(rows, panels)
        return rows

    return compose(plan, title=title, facts=", ".join(facts), unit="results")


def _titles(panels: Sequence[Panel], count: int) -> list[list[str]]:
    """Return the user's titles of the panels of each result; none without the option."""
    titles, across = figure_options().titles, len(panels)
    if titles is None:
        return []
    if len(titles) == across:
        titles *= count
    if len(titles) != across * count:
        needed = f"{across}" if count == 1 else f"{across}, or {across * count} for all results"
        raise UsageError(f"--titles needs {needed}: one for each panel; {len(titles)} are given")
    return [list(titles[start : start + across]) for start in range(0, len(titles), across)]


def _as_grid(rows: Sequence[Sequence[Part]], panels: Sequence[Panel]) -> Rows:
    """Return all panels in a nearly square grid, with the input once."""
    first, *others = rows
    parts = [*first, *(p for row in others for p, name in zip(row, panels, strict=True)
                       if name != "input")]  # fmt: skip
    across = int(np.ceil(np.sqrt(len(parts))))
    return [parts[start : start + across] for start in range(0, len(parts), across)]


def _input(original: ImagePanel) -> PartOf:
    bar = value_bar(original, common_range([original]))
    return image_part(original, _IMAGE, title="input", caption=size_text(original.shape), bar=bar)


def _padded(image: ImageData, image_filter: Filter) -> PartOf:
    """Return the input with its padding, which is hatched and numbered as outside the input."""
    conv = image_filter.conv
    rules = conv.padding, conv.stride, conv.dilation, conv.operation
    shapes = [kernel.shape for kernel in image_filter.kernels]
    pads = [conv_geometry(image.shape, shape, *rules).pads for shape in shapes]
    widest = Pads(*map(max, zip(*pads, strict=True)))
    border = border_name(conv.border)
    fill = conv.fill if border == "constant" else 0
    sides = (widest[:2], widest[2:], (0, 0))[: image.pixels.ndim]
    how: dict[str, Any] = {"mode": border}
    if border in ("zero", "constant"):
        how = {"mode": "constant", "constant_values": fill}
    panel = ImagePanel(np.pad(image.pixels, sides, **how), image.max_value)
    bar = value_bar(panel, common_range([panel]))
    caption = f"{size_text(panel.shape)}, {hatched_text(widest, border)}"
    return image_part(panel, _IMAGE, title="padded", caption=caption, bar=bar, pads=widest)


def _kernel(image_filter: Filter) -> PartOf:
    kernels = image_filter.kernels
    group = kernel_heatmaps(kernels, most=MAX_HEATMAPS)
    several = len(group.maps) > 1
    title = kernel_title(kernels[0]) if len(kernels) == 1 else f"{len(kernels)} kernels"
    caption = "flipped by convolve" if image_filter.conv.operation == "convolve" else ""
    side = _SEVERAL_KERNELS if several else _KERNEL
    return kernel_part(group, side, title=title, caption=caption)


def _result(image_filter: Filter, filtered: Filtered) -> PartOf:
    panel = ImagePanel(filtered.image.pixels, filtered.image.max_value)
    ends = common_range([panel])
    bar = value_bar(panel, ends, mapped=filtered.stats.ends)
    caption = result_title(image_filter, filtered, [size_text(panel.shape)])
    return image_part(
        panel, _IMAGE, title=result_name(image_filter), caption=caption, ends=ends, bar=bar
    )
