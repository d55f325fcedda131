"""A bank of learned filters as a figure: a row for each filter, from the image to its error."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.heatmap import HeatmapGroup, arrangement, kernel_part, symmetric_limit
from convcli.plotting.labels import format_short
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import Part, PartOf, blank, plot_part
from convcli.plotting.rows import Rows, beside, flow
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import are_signals
from convcli.plotting.signal_sheet import signal_parts
from convcli.plotting.style import figure_options, style_context, theme

# isort: split
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from convcli.errors import count_text
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.teaching.learn.estimate import Floats
from convcli.teaching.learn.figure import (
    MAX_CHANNELS,
    NARROW,
    channels_fact,
    error_part,
    heatmap_group,
    image_part_of,
    largest_error,
    model_facts,
    most_decimals,
    result_on_scale,
    scale_losses,
    shape_of,
    signal_tiles,
)
from convcli.teaching.learn.images import images_of
from convcli.teaching.learn.result import LearnResult
from convcli.teaching.learn.text import Truth, match_text, round_weights

_MOST_ROWS = 32  # filters that are drawn
_MARGIN, _BETWEEN = 0.8, 0.75  # inches of a page's width: beside all parts, and for each its ticks
_KEPT = 0.3  # the scale down to which kernels are large enough for their numbers
_TILE = 1.2  # inches; the longer side in a tile of a slide
_LOSSES = 1.5  # width of the losses, for each inch of their height
_MOST_TILES = 4  # in a row
_LEAST_ON_SLIDE = 0.3  # before rows become tiles
_KERNEL = 0.8  # the longer side of a kernel, as a share of that of an image


def draw_bank(
    filters: Sequence[LearnResult],
    names: Sequence[str],
    truths: Sequence[Truth] | None = None,
    *,
    title: str = "",
    options: FigureOptions | None = None,
) -> NotebookFigure:
    """Draw a row for each filter: BEFORE, its AFTER, its kernel, its result and its error.

    Where there are true kernels, each stands beside the learned one. Kernels have one color scale.
    A slide without room for all rows has a tile for each filter, and one plot of the losses.

    Returns:
        A figure that pyplot does not manage.

    >>> from convcli import learn_bank
    >>> image = np.arange(36).reshape(6, 6) ** 2 % 17
    >>> learned = learn_bank(image, np.stack([image, 2 * image], axis=-1), (1, 3))
    >>> figure = draw_bank(learned.filters, learned.names)
    >>> [text.get_text() for text in figure.axes[4].texts]
    ['0', '1', '0']
    """
    with style_context(options or FigureOptions()):
        true = [None] * len(filters) if truths is None else truths
        first = filters[0]
        count = count_text(len(filters), "filter")
        over = f" over {len(first.channels)} channels" if first.weights.ndim > 2 else ""
        facts = [f"{count} {size_text(first.weights.shape[-2:])}{over}", *channels_fact(first)]
        images = images_of(first, *first.source)
        facts += model_facts(images.model)
        more = [f"{len(filters) - _MOST_ROWS} filters"] * (len(filters) > _MOST_ROWS)
        if are_signals([images.before, images.after]):
            plans = _signal_plans(filters[:_MOST_ROWS], names, truths, more)
            return compose(plans, title=title, facts=", ".join(facts), unit="plots", by_part=True)
        rows = [
            _filter_row(learned, name, truth, _limit(filters, truths), is_first=not number)
            for number, (learned, name, truth) in enumerate(
                zip(filters[:_MOST_ROWS], names, true, strict=False)
            )
        ]

        def rows_of(scale: float) -> Rows:
            return [[part(scale) for part in row] for row in rows]

        if not theme().is_fixed:
            if first.history is not None:  # below the learned kernels
                losses = _losses_part(filters, 0.6 * _side(1 + (truths is not None)))
                rows.append([losses if at == 2 else _empty for at in range(len(rows[0]))])
            plans = [PagePlan(rows_of, more)]
            return compose(plans, title=title, facts=", ".join(facts), unit="filters")
        plans = [
            PagePlan(rows_of, ["BEFORE", *["losses"] * (first.history is not None), *more]),
            _tile_plan(filters, names, truths, more),
        ]
        return compose(
            plans, title=title, facts=", ".join(facts), unit="tiles", by_part=True,
            least=_LEAST_ON_SLIDE,
        )  # fmt: skip


def _empty(_: float) -> Part:
    return blank((0.0, 0.0))


def _side(kernels: int) -> float:
    """Return the longer side of images beside this many kernels in inches at scale 1."""
    columns = 4 - theme().is_fixed + _KERNEL * kernels
    return (theme().width - _MARGIN - _BETWEEN * columns) / columns


def _tile_plan(
    filters: Sequence[LearnResult],
    names: Sequence[str],
    truths: Sequence[Truth] | None,
    left_out: Sequence[str],
) -> PagePlan:
    """Return the plan of a slide with BEFORE, the losses, and one tile for each filter."""
    limit = _limit(filters, truths)
    images = images_of(filters[0], *filters[0].source)
    parts = [image_part_of("BEFORE", images.before, images.before_max, _TILE, ticks=False)]
    true = [None] * len(filters) if truths is None else truths
    for learned, name, truth in zip(filters[:_MOST_ROWS], names, true, strict=False):
        parts.append(_filter_tile(learned, name, truth, limit))
    if filters[0].history is not None:
        parts.append(_losses_part(filters, _TILE))
    shown = ["AFTER", "learned kernel", *["true kernel"] * (truths is not None), "result"]
    note = f"each filter: {', '.join(shown)}; {_ends_text(limit)}"

    def rows_of(scale: float) -> Rows:
        return flow([part(scale) for part in parts], most=_MOST_TILES)

    return PagePlan(rows_of, left_out, note)


def _ends_text(limit: float) -> str:
    return f"weights from {format_short(-limit, 3)} to {format_short(limit, 3)}"


def _signal_plans(
    filters: Sequence[LearnResult],
    names: Sequence[str],
    truths: Sequence[Truth] | None,
    left_out: Sequence[str],
) -> list[PagePlan]:
    """Return the plans of a page of signals: BEFORE and the losses, then AFTER and each result.

    At their left are the true kernel and the learned one; on a narrow page these are above them.
    Without room for all, there is no AFTER.
    """
    limit, is_narrow = _limit(filters, truths), theme().width < NARROW
    true = [None] * len(filters) if truths is None else truths
    before, *_ = signal_tiles(images_of(filters[0], *filters[0].source), shape_of(filters[0]))
    pairs = []
    for learned, name, truth in zip(filters, names, true, strict=False):
        images = images_of(learned, *learned.source)
        _, after, result, _ = signal_tiles(images, shape_of(learned))
        groups = _kernel_groups(learned, truth, limit)
        error = f"error {largest_error(images.error)}"
        caption = ", ".join(filter(None, [_found_text(learned, truth), error]))
        caption *= not theme().is_fixed
        pairs.append(
            (
                after._replace(title=f"AFTER: {name}", kernels=dict(enumerate(groups)).get(1)),
                result._replace(title=f"result: {name}", caption=caption, kernels=groups[0]),
            )
        )
    losses = [] if filters[0].history is None else [_losses_part(filters, _TILE)]
    where = "above" if is_narrow else "at the left of"

    def plan(first: int, left_out: Sequence[str]) -> PagePlan:
        numbered = [(number, tile) for number, pair in enumerate(pairs) for tile in pair[first:]]
        tiles = [tile._replace(kernels=None) if is_narrow else tile for _, tile in numbered]
        scales = [number for number, _ in numbered]
        head, *plots = signal_parts([before, *tiles], ["BEFORE", *scales], 2 - is_narrow)
        rows = [[head, *losses]]
        if is_narrow:
            rows = [[head]]
            for plot, (_, tile) in zip(plots, numbered, strict=True):
                if tile.kernels is not None:
                    rows.append([_kernel_above(tile.kernels)])
                rows.append([plot])
            rows += [[part] for part in losses]
        else:
            rows += [plots[start : start + 2] for start in range(0, len(plots), 2)]
        kernels = f"{where} results: learned kernels"
        kernels += f", {where} AFTER: true kernels" * (truths is not None and not first)
        note = f"{kernels}; {_ends_text(limit)}"
        return PagePlan(
            lambda scale: [[part(scale) for part in row] for row in rows], left_out, note
        )

    left_out = [*["errors"] * theme().is_fixed, *left_out]
    return [
        plan(0, left_out),
        plan(1, ["AFTER", *["true kernels"] * (truths is not None), *left_out]),
    ]


def _kernel_above(group: HeatmapGroup) -> PartOf:
    """Return a kernel above a signal, which keeps its numbers where the signal gets low."""
    part = kernel_part(group, _TILE, has_bar=False)
    return lambda scale: part(max(scale, 1.0))


def _kernel_groups(learned: LearnResult, truth: Truth | None, limit: float) -> list[HeatmapGroup]:
    """Return the learned kernel and, where there is one, the true one, with equal decimals."""
    decimals = figure_options().digits
    decimals = most_decimals() if decimals is None else decimals
    weights = [learned.weights, *([] if truth is None else [truth.weights])]
    alike = [round_weights(each, decimals) for each in weights]
    return [heatmap_group(learned, each, limit, MAX_CHANNELS, alike=alike) for each in alike]


def _found_text(learned: LearnResult, truth: Truth | None) -> str:
    """Return the name of a known kernel that was learned; none beside a true kernel."""
    found = "" if truth is not None or learned.weights.ndim > 2 else match_text(learned)
    return found.removeprefix("this is ").partition(" (also")[0]


def _filter_tile(learned: LearnResult, name: str, truth: Truth | None, limit: float) -> PartOf:
    """Return AFTER, the kernels and the result of one filter side by side, without ticks."""
    images = images_of(learned, *learned.source)
    made, ends = result_on_scale(images)
    after = image_part_of(
        "", images.after, images.after_max, _TILE, ends=ends, ticks=False, has_bar=False
    )
    result = image_part_of("", made, images.after_max, _TILE, ends=ends, ticks=False, has_bar=False)
    groups = _kernel_groups(learned, truth, limit)
    down, across = arrangement(len(groups[0].maps))
    longest = _TILE * max(down, across) / down
    kernels = [kernel_part(group, longest, is_bare=True) for group in groups]
    scale_text = "" if ends is None else " to ".join(format_short(end, 4) for end in ends)
    caption = "\n".join(filter(None, [scale_text, f"error {largest_error(images.error)}"]))

    def part(scale: float) -> Part:
        row = [after(scale), *(kernel(scale) for kernel in kernels), result(scale)]
        return beside(row, name, caption)

    return part


def _losses_part(filters: Sequence[LearnResult], side: float) -> PartOf:
    """Return the losses of all filters in one plot."""

    def draw(axes: Axes) -> None:
        histories = [each.history for each in filters if each.history is not None]
        for history in histories:
            axes.plot(history.losses, linewidth=1.6)
        scale_losses(axes, [history.losses for history in histories])

    return plot_part(
        draw, lambda scale: (_LOSSES * side * scale, side * scale), title="losses", xlabel="epoch"
    )


def _limit(filters: Sequence[LearnResult], truths: Sequence[Truth] | None) -> float:
    """Return the largest magnitude of any weight."""
    weights = [each.weights for each in filters] + [each.weights for each in truths or ()]
    return symmetric_limit(np.array(weights))


def _filter_row(
    learned: LearnResult, name: str, truth: Truth | None, limit: float, *, is_first: bool
) -> list[PartOf]:
    """Return the parts of one filter; those of the first are named by columns, too."""
    images = images_of(learned, *learned.source)
    is_slide = theme().is_fixed
    side = _side(1 if truth is None else 2)
    decimals = figure_options().digits
    decimals = most_decimals() if decimals is None else decimals
    kernels = [("learned", learned.weights)]
    if truth is not None:
        kernels.append((truth.name, truth.weights))
    alike = [round_weights(weights, decimals) for _, weights in kernels]
    bias = f"bias {format_short(learned.bias, 4)}" * learned.has_bias
    captions = [", ".join(filter(None, [_found_text(learned, truth), bias])), ""]
    # The rows fill a slide's height, and its width has room for channels side by side.
    down, across = arrangement(min(len(learned.channels), MAX_CHANNELS)) if is_slide else (1, 1)

    def group(weights: Floats) -> HeatmapGroup:
        whole = heatmap_group(learned, weights, limit, MAX_CHANNELS, alike=alike)
        if not is_slide:
            return whole
        numbered = (each._replace(title=each.title.removeprefix("channel ")) for each in whole.maps)
        return whole._replace(maps=tuple(numbered))

    parts = [
        kernel_part(
            group(weights),
            side * _KERNEL * max(down, across) / down,
            title=heading,
            caption=caption,
            has_bar=False,
            kept=_KEPT,
        )
        for (heading, _), weights, caption in zip(kernels, alike, captions, strict=False)
    ]
    before, after = ("BEFORE", f"AFTER: {name}") if is_first else ("", name)
    made, ends = result_on_scale(images)
    row = [
        image_part_of(before, images.before, images.before_max, side),
        image_part_of(after, images.after, images.after_max, side, ends=ends),
        *parts,
        image_part_of("result" * is_first, made, images.after_max, side, ends=ends),
        error_part(images.error, side),
    ]
    return [partial(_shortened, part, is_first=is_first) for part in row[1:]] if is_slide else row


def _shortened(part: PartOf, scale: float, *, is_first: bool) -> Part:
    """Return a part of a slide: without its caption, and without what the row above names."""
    whole = part(scale)
    title = whole.title if is_first or whole.title not in ("learned", "error") else ""
    kept = whole.caption.split("\n") if whole.title == "learned" else []
    units = [line for line in whole.caption.split("\n") if line.startswith("bar: ")]
    return whole._replace(title=title, caption="\n".join(kept or units))
