"""Filtering in one figure: input | kernel with its weights | result, a row for each result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from convcli.choices import Panel
from convcli.core.padding import pad_array, promoted
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import Pads, Pair, border_name, size_text
from convcli.kernels.matrix_text import short_name
from convcli.plotting.axes import MAX_TICKED, WIDE, number_cell, widest_text
from convcli.plotting.color_wheel import with_color_wheel
from convcli.plotting.filtered_signal import draw_filtered_signal
from convcli.plotting.heatmap import kernel_heatmaps, kernel_part, kernel_title
from convcli.plotting.image_panel import (
    STRIP_FACTOR,
    ImagePanel,
    common_cell,
    common_range,
    image_part,
    panel_box,
    value_bar,
)
from convcli.plotting.labels import (
    alpha_facts,
    common_bank,
    conv_facts,
    named_in_headings,
    peak_fact,
    result_name,
    result_title,
    without_bank,
)
from convcli.plotting.overlay_figure import draw_overlay
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import Part, PartOf, blank
from convcli.plotting.rows import Rows, flow, in_lines
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import MAX_HEATMAPS, are_signals
from convcli.plotting.style import figure_options, style_context, theme
from convcli.plotting.window_marks import hatched_text

if TYPE_CHECKING:
    from convcli.filtering.filter import Filter
    from convcli.filtering.run import Filtered
    from convcli.images.image import ImageData


_Numbered = Literal["all", "kernels", "none"]  # which cells have numbers

_MOST_ROWS = 4  # of results with the input in each; more stand below one input
_MOST_NUMBERED_ROWS = 2  # of small matrices on a slide
_KEPT_TILE = 0.4  # of its size, that an image keeps on a slide of several
_BARE_LETTERS = 9  # of its title in a line, at least
_BARE = 0.7  # how much smaller it may be with its name alone
_KEPT_SCALE = 0.2  # down to which a kernel is large enough for its numbers
_IMAGE, _KERNEL, _SEVERAL_KERNELS = 4.0, 2.2, 3.2  # inches; longer sides
_STRIP, _STRIP_KERNEL = 9.5, 1.2  # the same of images that stand below each other
_USUAL: tuple[Panel, ...] = ("input", "kernel", "result")


def draw_filtering(
    image: ImageData,
    results: Sequence[tuple[Filter, Filtered]],
    *,
    title: str = "",
    options: FigureOptions | None = None,
) -> NotebookFigure:
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
    original = _panel(image)
    options = options or FigureOptions()
    filters = named_in_headings([image_filter for image_filter, _ in results])
    results = list(zip(filters, (filtered for _, filtered in results), strict=True))
    if are_signals([image.pixels, *(filtered.image.pixels for _, filtered in results)]):
        with style_context(options):
            return _draw_signal(image, results, title)
    if options.overlay:
        raise UsageError(
            "overlay draws signals, of one row or one column; this input or its result is an image"
        )
    with style_context(options):
        return _draw(image, original, results, title)


def draw_filtered_array(
    image: ImageData, image_filter: Filter, options: FigureOptions
) -> NotebookFigure:
    """Filter the image of an array and draw the result, as :func:`convcli.plot` does."""
    from convcli.filtering.run import filter_image, with_holes

    filtered = filter_image(image, image_filter, image.depth)
    drawn = with_holes(image, image_filter)
    return draw_filtering(drawn, [(image_filter, filtered)], options=options)


def _draw(
    image: ImageData,
    original: ImagePanel,
    results: Sequence[tuple[Filter, Filtered]],
    title: str,
) -> NotebookFigure:
    options = figure_options()
    panels = options.panels or _USUAL
    _refuse_products(panels)
    titles = _titles(panels, len(results))
    drawn = [original, *(_panel(filtered.image) for _, filtered in results)]
    is_numbered = any(panel.numbered for panel in drawn)
    alike = _alike(image, drawn, results, panels)
    makers: dict[str, Callable[[Filter, Filtered, _Numbered], PartOf]] = {
        "input": lambda _, __, numbered: _input(original, numbered, alike["input"]),
        "padded": lambda each, _, numbered: _padded(image, each, numbered, alike["input"]),
        "kernel": lambda each, _, numbered: _kernel(each, numbered, is_small=are_strips),
        "result": lambda each, made, numbered: _result(each, made, numbered, alike["result"]),
    }
    bank = common_bank([image_filter.label for image_filter, _ in results])
    first = results[0][0]
    facts = [*[bank] * bool(bank), *conv_facts(first), *alpha_facts(image, first.alpha)]
    texts: dict[str, Any] = {"title": title, "facts": ", ".join(facts)}
    is_plain = options.layout is None and not titles
    are_strips = options.layout is None and all(_is_strip(panel) for panel in drawn)
    if is_plain and not are_strips and _are_tiles(panels, len(results), is_numbered=is_numbered):
        return _draw_tiles(drawn, alike, results, texts, bank, has_kernels="kernel" in panels)
    is_once = is_plain and not are_strips and len(results) > _MOST_ROWS and "input" in panels

    def rows_of(parts: Sequence[Sequence[PartOf]], scale: float) -> Rows:
        rows = [[_unbanked(make(scale), bank) for make in row] for row in parts]
        if is_once:
            return _below_input(rows, panels)
        if titles:
            rows = [
                [part._replace(title=text) for part, text in zip(row, texts, strict=True)]
                for row, texts in zip(rows, titles, strict=True)
            ]
        if are_strips:
            return _below_each_other(rows, panels)
        if options.layout == "column":
            return [list(column) for column in zip(*rows, strict=True)]
        if options.layout == "grid":
            return _as_grid(rows, panels)
        return rows

    stages: list[_Numbered] = ["all", "kernels"] if is_numbered else ["kernels"]
    shapes = [kernel.shape for image_filter, _ in results for kernel in image_filter.kernels]
    if "kernel" in panels and min(map(max, shapes)) <= MAX_TICKED:
        stages.append("none")
    plans = []
    for stage in stages:
        parts = [[makers[panel](*each, stage) for panel in panels] for each in results]
        left_out = [NO_ROOM_FOR_NUMBERS] * (is_numbered and stage != "all")  # of the images
        plans.append(PagePlan(partial(rows_of, parts), left_out))
    by_part = is_once or are_strips
    unit = "panels" if by_part else "results"
    return compose(plans, least=_KEPT_SCALE, unit=unit, by_part=by_part, **texts)


def _alike(
    image: ImageData,
    drawn: Sequence[ImagePanel],
    results: Sequence[tuple[Filter, Filtered]],
    panels: Sequence[Panel],
) -> dict[str, list[ImagePanel]]:
    """Return the images whose cells are as large as those of the input, and of the results.

    These are all images, unless a stride makes the results so small that their cells become tiny.
    """
    inputs = [drawn[0]]
    if "padded" in panels:
        inputs += [_padded_panel(image, image_filter)[0] for image_filter, _ in results]
    if np.all(np.asarray(results[0][0].conv.stride) == 1):
        return {name: [*inputs, *drawn[1:]] for name in ("input", "result")}
    return {"input": inputs, "result": [*drawn[1:]]}


def _are_tiles(panels: Sequence[Panel], results: int, *, is_numbered: bool) -> bool:
    """Return whether a slide has no room for rows with the input and a kernel in each."""
    fewest = _MOST_NUMBERED_ROWS if is_numbered else 1
    return theme().is_fixed and results > fewest and {"input", "result"} <= {*panels}


def _unbanked(part: Part, bank: str) -> Part:
    """Return a part whose title does not name the bank, which the page names once."""
    return part._replace(title=without_bank(part.title, bank))


def _below_input(rows: Sequence[Sequence[Part]], panels: Sequence[Panel]) -> Rows:
    """Return the input, which all results share, and the other panels of each, in even rows.

    The input stands in the column of the results, at the place of the first.
    """
    place, together = panels.index("input"), len(panels) - 1
    if not together:
        return [[rows[0][place]]]
    others = [part for row in rows for n, part in enumerate(row) if n != place]
    first = [*[blank((0.0, 0.1))] * (together - 1), rows[0][place]]
    return flow([*first, *others], most=len(others), together=together)


def _is_strip(panel: ImagePanel) -> bool:
    """Return whether an image is so wide that others stand below it."""
    rows, columns = panel.shape
    return columns >= WIDE * rows and not panel.numbered


def _below_each_other(rows: Sequence[Sequence[Part]], panels: Sequence[Panel]) -> Rows:
    """Return strips below each other, the input once and each result beside its kernel."""
    has_kernel = "kernel" in panels
    lines: list[list[Part]] = []
    for number, row in enumerate(rows):
        parts = dict(zip(panels, row, strict=True))
        wide = [parts[name] for name in panels if name in ("input", "padded")]
        above = wide if number == 0 else [parts["padded"]] * ("padded" in parts)
        lines += [[*[blank((0.0, 0.1))] * has_kernel, part] for part in above]
        last = [parts[name] for name in ("kernel", "result") if name in parts]
        lines += [last] * bool(last)
    return lines


def _draw_tiles(
    images: Sequence[ImagePanel],
    alike: Mapping[str, Sequence[ImagePanel]],
    results: Sequence[tuple[Filter, Filtered]],
    texts: dict[str, Any],
    bank: str,
    *,
    has_kernels: bool,
) -> NotebookFigure:
    """Draw the input, which is the first of the images, and the results beside it.

    They are as large as a slide allows; rows with the input and a kernel in each would make stamps
    of all images. Small matrices have their numbers if there is room for all.
    """
    original, *_ = images
    left_out = ["kernels"] * has_kernels

    def tiles(numbered: _Numbered) -> list[PartOf]:
        others = [_result(*each, numbered, alike["result"]) for each in results]
        return [_input(original, numbered, alike["input"]), *others]

    def rows_of(makers: Sequence[PartOf], factor: float, scale: float) -> Rows:
        return in_lines([_unbanked(make(factor * scale), bank) for make in makers])

    plans = []
    if any(panel.numbered for panel in images):
        plans.append(PagePlan(partial(rows_of, tiles("all"), 1.0), left_out))
        left_out = [*left_out, NO_ROOM_FOR_NUMBERS]
    names = [short_name(each.label) for each, _ in results]
    captions = [result_title(made, [size_text(made.image.shape)]) for _, made in results]

    def bare(captions: Sequence[str]) -> list[PartOf]:
        parts = [_bare(original, "input", captions[0])]
        for (_, made), name, text in zip(results, names, captions[1:], strict=True):
            parts.append(_bare(_panel(made.image), name, text, _mark(made)))
        return parts

    has_own = any(_has_own_scale(made) for _, made in results)
    note = "each result on a scale of its own" * (has_own and not figure_options().limits)
    bare_captions = [size_text(original.shape), *captions]
    left_out_bars = [*left_out, "tick labels", "color bars"]
    plans += [
        PagePlan(partial(rows_of, tiles("none"), 1.0), left_out),
        PagePlan(partial(rows_of, bare(bare_captions), _BARE), left_out_bars, note),
        PagePlan(
            partial(rows_of, bare([""] * len(images)), _BARE),
            [*left_out, "tick labels", "sizes and extremes", "color bars"],
            note,
        ),
    ]
    return compose(plans, by_part=True, least=_KEPT_TILE, unit="images", **texts)


def _has_own_scale(filtered: Filtered) -> bool:
    """Return whether its colors stand for other values than those of other results."""
    white, ends = filtered.image.max_value, filtered.stats.ends
    return filtered.image.channels == 1 and (white is None or ends not in (None, (0, white)))


def _bare(panel: ImagePanel, title: str, caption: str = "", mark: Pair | None = None) -> PartOf:
    """Return an image without ticks and bar, and with small letters."""
    part = image_part(
        panel, _IMAGE, title=title, caption=caption, ends=common_range([panel]), ticks=False,
        numbers=False, meaning=False, mark=mark,
    )  # fmt: skip
    return lambda scale: part(scale)._replace(is_small=True, letters=_BARE_LETTERS)


def _draw_signal(
    image: ImageData,
    results: Sequence[tuple[Filter, Filtered]],
    title: str,
) -> NotebookFigure:
    """Draw a signal; unless curves share one axis, its input is drawn with its padding."""
    options = figure_options()
    panels: tuple[Panel, ...] = tuple(
        dict.fromkeys("input" if each == "padded" else each for each in options.panels or _USUAL)
    )
    _refuse_products(panels)
    if options.layout is not None:
        raise UsageError("layout arranges images; the plots of a signal stand in one column")
    options.check_titles(len(panels), one="each panel of a signal")
    titles = options.titles or ("",) * len(panels)
    facts = ", ".join(conv_facts(results[0][0]))
    named: dict[str, str] = dict(zip(panels, titles, strict=True))
    draw = draw_overlay if options.overlay else draw_filtered_signal
    return draw(image, results, named, title=title, facts=facts)


def _refuse_products(panels: Sequence[Panel]) -> None:
    if "products" in panels:
        raise UsageError(
            "panels: products are those of one window; explain(image, kernel, at).plot() draws them"
        )


def _titles(panels: Sequence[Panel], count: int) -> list[list[str]]:
    """Return the user's titles of the panels of each result; none without the option."""
    titles, across = figure_options().titles, len(panels)
    if titles is None:
        return []
    figure_options().check_titles(across, across * count, one="each panel, or each of all results")
    if len(titles) == across:
        titles *= count
    return [list(titles[start : start + across]) for start in range(0, len(titles), across)]


def _as_grid(rows: Sequence[Sequence[Part]], panels: Sequence[Panel]) -> Rows:
    """Return all panels in a nearly square grid, with the input once."""
    first, *others = rows
    parts = [*first, *(p for row in others for p, name in zip(row, panels, strict=True)
                       if name != "input")]  # fmt: skip
    across = int(np.ceil(np.sqrt(len(parts))))
    return [parts[start : start + across] for start in range(0, len(parts), across)]


def _panel(image: ImageData) -> ImagePanel:
    return ImagePanel(image.reliable_pixels, image.max_value)


def _image(
    panel: ImagePanel,
    numbered: _Numbered,
    like: Sequence[ImagePanel],
    *,
    caption: str,
    **options: Any,
) -> PartOf:
    """Return an image; one with numbers in its cells does not become too small for them.

    Its cells are as large as those of the images ``like`` it. The user's titles take the place of
    captions, but not of what colors mean.
    """
    caption = "" if figure_options().titles else caption
    is_alone = figure_options().layout is None and all(map(_is_strip, like))
    longest = _STRIP / STRIP_FACTOR if is_alone else _IMAGE
    cell = common_cell([panel, *like], longest, numbers=numbered == "all")
    make = image_part(
        panel, longest, caption=caption, numbers=numbered == "all", cell=cell, **options
    )
    alike = [each for each in ([panel] if cell is None else [panel, *like]) if each.numbered]
    if numbered != "all" or not alike:
        return make
    boxes = [
        panel_box(each, longest) if cell is None else (each.shape[1] * cell, each.shape[0] * cell)
        for each in alike
    ]
    needed = max(
        number_cell(widest_text(each.texts), theme().number)
        / min(box[0] / each.shape[1], box[1] / each.shape[0])
        for box, each in zip(boxes, alike, strict=True)
    )
    least = min(needed * 1.001, 1.0)
    return lambda scale: make(max(scale, least))


def _input(original: ImagePanel, numbered: _Numbered, like: Sequence[ImagePanel]) -> PartOf:
    bar = value_bar(original, common_range([original]))
    caption = size_text(original.shape)
    return _image(original, numbered, like, title="input", caption=caption, bar=bar)


def _padded_panel(image: ImageData, image_filter: Filter) -> tuple[ImagePanel, Pads]:
    """Return the input with the widest padding that a kernel of the filter has."""
    conv = image_filter.conv
    shapes = [kernel.shape for kernel in image_filter.kernels]
    pads = [conv.geometry(image.shape, shape).pads for shape in shapes]
    widest = Pads(*map(max, zip(*pads, strict=True)))
    border = border_name(conv.border)
    fill = conv.fill if border == "constant" else 0
    pixels = pad_array(promoted(image.pixels, fill), widest, border, fill)
    return ImagePanel(pixels, image.max_value), widest


def _padded(
    image: ImageData, image_filter: Filter, numbered: _Numbered, like: Sequence[ImagePanel]
) -> PartOf:
    """Return the input with its padding, which is hatched and numbered as outside the input."""
    panel, widest = _padded_panel(image, image_filter)
    border = border_name(image_filter.conv.border)
    bar = value_bar(panel, common_range([panel]))
    caption = f"{size_text(panel.shape)}, {hatched_text(widest, border)}"
    return _image(panel, numbered, like, title="padded", caption=caption, bar=bar, pads=widest)


def _kernel(image_filter: Filter, numbered: _Numbered, *, is_small: bool) -> PartOf:
    kernels = image_filter.kernels
    operation = image_filter.conv.operation
    group = kernel_heatmaps(kernels, most=MAX_HEATMAPS, operation=operation)
    several = len(group.maps) > 1
    title = kernel_title(kernels[0]) if len(kernels) == 1 else f"{len(kernels)} kernels"
    caption = "flipped by convolve" if operation == "convolve" else ""
    side = _STRIP_KERNEL if is_small else _SEVERAL_KERNELS if several else _KERNEL
    kept = 1.0 if numbered == "none" else _KEPT_SCALE
    return kernel_part(group, side, title=title, caption=caption, kept=kept)


def _mark(filtered: Filtered) -> Pair | None:
    """Return the row and the column that ``--mark`` has found."""
    peak = filtered.stats.peak
    return None if peak is None else peak.place[:2]


def _result(
    image_filter: Filter,
    filtered: Filtered,
    numbered: _Numbered,
    like: Sequence[ImagePanel],
) -> PartOf:
    panel = _panel(filtered.image)
    ends = common_range([panel])
    bar = value_bar(panel, ends, mapped=filtered.stats.ends)
    caption = result_title(filtered, [size_text(panel.shape)])
    caption = "\n".join(filter(None, [caption, peak_fact(filtered.stats)]))
    title = f"result of {result_name(image_filter)}"
    part = _image(
        panel, numbered, like, title=title, caption=caption, ends=ends, mapped=filtered.stats.ends,
        bar=bar, mark=_mark(filtered),
    )  # fmt: skip
    if image_filter.combine == "direction":
        return lambda scale: with_color_wheel(part(scale))
    return part
