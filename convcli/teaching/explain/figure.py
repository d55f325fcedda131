"""One value of a feature map as a figure: from the window in the image to the pixel in the map."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.heatmap import divisor_text
from convcli.plotting.image_panel import ImagePanel, common_range, image_part, panel_box, value_bar
from convcli.plotting.labels import alpha_facts, conv_facts, format_short
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import Part, PartOf, blank
from convcli.plotting.rows import Rows, fits_line, in_lines, stacked
from convcli.plotting.style import figure_options, style_context, theme

# isort: split
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice, product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.plotting.axes import MAX_TICKED
from convcli.plotting.save import NotebookFigure
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.computation import Computation, DrawnComputation, FeatureMap
from convcli.teaching.explain.grid_figure import (
    GridPicture,
    Places,
    Scales,
    Term,
    grids_part,
    sum_text,
    terms_of,
)
from convcli.teaching.explain.place_figure import (
    SMALL,
    Corners,
    PaddedImage,
    marked,
    surroundings,
)
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.signal_figure import draw_explained_signal, is_signal
from convcli.teaching.explain.steps import computation_lines, step_lines

# Input and output too; window, kernel and products; these without the gaps of a dilation; likewise,
# each as narrow as its own numbers allow; products.
_Numbered = Literal["all", "grids", "close", "narrow", "products", "none"]

_MAX_SUMS = 24
_FOOTER_LINES, _PAGE_LINES, _SLIDE_LINES = 40, 12, 5  # below the parts, at most
_LEAST_IMAGE, _MOST_IMAGE = 1.4, 3.4  # inches; longer sides of input and output
_MAGNIFIED = 0.72  # of their sides
_LEAST_SCALE, _LEAST_ON_SLIDE = 0.5, 0.4  # before anything is left out
_MOST_ROWS = 4  # sums of other windows that stand below each other
_FEW_KERNELS = 2  # of several channels, whose kernels stand in the rows of the channels
_TABLE_CELL = 3.6  # sides of cells of a table of more kernels, in sizes of the smallest text
_TABLE_LETTERS = 8  # of a title in a narrow column
_LEAST_GRID, _STEP = 0.4, 0.9  # the scale of grids in one line, and the steps to it
_MOST_NAMES = 3  # of sums that are left out
_SHRINK_POWER = 1.74  # the power of a scale by which pages without numbers shrink, to 0.3
_SIGNIFICANT = 6  # digits of the largest number in the arithmetic
_FEWER_DIGITS = 3, 2  # of the largest number, where more do not fit
_AROUND_IMAGES = 0.43  # inches a point of the smallest text; ticks and bars of a line of images


def draw_explanation(
    explanation: DrawnComputation,
    pixels: NDArray[np.generic] | None = None,
    feature_map: FeatureMap | None = None,
    options: FigureOptions | None = None,
) -> NotebookFigure:
    """Draw where the window lies, window, kernel, products, the sum, and the pixel in the map.

    The window is outlined in the input and magnified where it is small on the page. Padding is
    hatched, and its row and column name those that it copies. A dilated kernel has its gaps.
    Several kernels share one window. At most 24 sums are drawn, and on a slide those of the first
    channel of a color image.

    Args:
        explanation: the explanation.
        pixels: the explained image, (H, W) or (H, W, C). If it is a signal of one row or column
            and the kernels run along it, the figure shows the kernel over it and the result.
        feature_map: the map with the explained value; without it only this value is shown.
        options: how the figure looks.

    Returns:
        A figure that pyplot does not manage.

    >>> from convcli import explain
    >>> figure = draw_explanation(explain([[1, 2], [3, 4]], [[1, 0, -1]], (0, 0)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '2']
    """
    options = options or FigureOptions()
    shown = as_shown(explanation, options.digits, significant=_SIGNIFICANT)
    explanation = _with_grids(shown, as_shown(explanation))
    with style_context(options):
        if pixels is not None and feature_map is not None and is_signal(explanation, pixels):
            terms = list(terms_of(explanation))
            footer, left_out = _footer(shown)
            facts = _facts(explanation)
            return draw_explained_signal(
                explanation, pixels, feature_map, terms, facts, footer, left_out
            )
        return _draw(explanation, shown, pixels, feature_map)


def _with_grids(shown: DrawnComputation, exact: DrawnComputation) -> DrawnComputation:
    """Return what is shown with the exact windows, weights and products, which set the colors."""
    outputs = []
    for output, exact_output in zip(shown.outputs, exact.outputs, strict=True):
        responses = []
        for response, exact_response in zip(output.responses, exact_output.responses, strict=True):
            sums = tuple(
                replace(part, window=own.window, weights=own.weights, products=own.products)
                for part, own in zip(response.sums, exact_response.sums, strict=True)
            )
            responses.append(replace(response, sums=sums))
        outputs.append(replace(output, responses=tuple(responses)))
    return replace(shown, outputs=tuple(outputs))


def _draw(
    explanation: DrawnComputation,
    shown: DrawnComputation,
    pixels: NDArray[np.generic] | None,
    feature_map: FeatureMap | None,
) -> NotebookFigure:
    """Draw an explanation whose arithmetic is written with the digits that are shown."""
    whole = explanation
    if theme().is_fixed:  # has room for the steps of one channel
        explanation, shown = (
            replace(each, outputs=each.outputs[:1]) for each in (explanation, shown)
        )
    others = [output.channel for output in whole.outputs[len(explanation.outputs) :]]
    terms = list(terms_of(explanation))
    drawn = terms[:_MAX_SUMS]
    before: list[PartOf] = []
    if pixels is not None:
        before = _place_parts(explanation, pixels, drawn)
    side = _image_side(len(drawn))
    after = [] if feature_map is None else [_output_part(whole, feature_map, side)]

    def rows_of(scales: Scales, numbered: _Numbered, sums: int, scale: float) -> Rows:
        shown = _largest(drawn, sums, explanation.combine)
        size = scale if numbered != "none" or scale > 1 else scale**_SHRINK_POWER
        side = max(scale, 1.0) if numbered == "all" else size
        shared, middle = _sum_parts(explanation, shown, scales, numbered)
        start, end = ([make(side) for make in parts] for parts in (before, after))
        common = [make(size) for make in shared]
        lines = (
            [_one_line(line, size) for line in middle]
            if len(shown) == 1
            else [[make(size) for make in line] for line in middle]
        )
        return _arranged(start, common, lines, end, is_single=len(shown) == 1)

    row, column = explanation.at
    footer, left_out = _footer(shown)
    left_out = [*others, *left_out, *["magnifier"] * (theme().is_fixed and len(before) > 1)]
    if theme().is_fixed:  # has few parts, and the window is one of them
        before = before[:1]
    scales, *fewer = _scales(explanation, drawn, pixels)
    has_numbered_image = pixels is not None and max(pixels.shape[:2]) <= MAX_TICKED
    has_gaps = theme().is_fixed and explanation.dilation != (1, 1)
    details = [
        (own, numbered, len(drawn), names)
        for own, numbered, names in _details(scales, fewer, image=has_numbered_image, gaps=has_gaps)
    ]
    if theme().is_fixed:
        details[-1:-1] = _slide_details([scales, *fewer], drawn, gaps=has_gaps)
    facts = [*_facts(explanation), *_sum_facts(drawn, scales)]
    facts += ["~: rounded"] * any("~" in line for line in footer)
    title = f"{short_kernel(explanation.kernel)}: the value at row {row}, column {column}"
    if others:
        title += f", {explanation.outputs[0].channel}"
    plans = [
        PagePlan(
            partial(rows_of, own, numbered, sums),
            [
                *left_out,
                *_missing(terms, _largest(drawn, sums, explanation.combine)),
                *names,
            ],
            "window × kernel = products" * (theme().is_fixed and sums > 1),  # grids have no names
        )
        for own, numbered, sums, names in details
    ]
    least = _LEAST_ON_SLIDE if theme().is_fixed else _LEAST_SCALE
    return compose(plans, title=title, facts=", ".join(facts), footer=footer, least=least)


def _sum_facts(drawn: Sequence[Term], scales: Scales) -> list[str]:
    """Return what several sums have in common: their divisor, and the ends of their colors."""
    if len(drawn) == 1:
        return []
    facts, divisors = [], {term.response.divisor for term in drawn} - {1}
    has_channel_titles = len({term.window for term in drawn}) == len(drawn)
    if has_channel_titles and len(divisors) == 1:  # which a kernel's title has
        facts.append(f"divisor {format_short(divisors.pop())}")
    weights, products = (format_short(g.limit, 4) for g in (scales.kernel, scales.products))
    return [*facts, f"colors: all kernels up to {weights}, all products up to {products}"]


def _missing(terms: Sequence[Term], shown: Sequence[Term]) -> list[str]:
    """Return the names of sums that are left out, or their count if these are many."""
    lacking = [term for term in terms if term not in shown]
    names = [term.channel or short_kernel(term.response.kernel) for term in lacking]
    if len(names) > _MOST_NAMES or len(set(names)) < len(names):
        return [f"{len(names)} of {len(terms)} sums"]
    return [f"the sum{'s' * (len(names) > 1)} of {' and '.join(names)}"] * bool(names)


def _arranged(
    start: list[Part],
    common: list[Part],
    lines: Sequence[Sequence[Part]],
    end: list[Part],
    *,
    is_single: bool,
) -> Rows:
    """Return the input, the window that all kernels share, lines of sums, and the output in rows.

    Sums that are one part stand beside the images where these fit in a line. On a slide, output
    stands below input where only so all is one line.
    """
    sums = list(chain.from_iterable(lines))
    together = in_lines([*start, *common, *sums, *end])
    is_stack = len(sums) == 1
    if len(together) == 1 and (is_single or is_stack or theme().is_fixed):
        return together
    if is_stack and len(start) > 1:
        line = [stacked([[part] for part in start]), *sums, *end]
        if fits_line(line):
            return [line]
    if theme().is_fixed and start and end:
        line = [stacked([[part] for part in start + end]), *common, *sums]
        if fits_line(line):
            return [line]
    if theme().is_fixed and not is_single:
        return together
    place = [*start, *common, *end]
    return [line for parts in (place, *lines) if parts for line in in_lines(parts)]


def _details(
    scales: Scales, fewer: Sequence[Scales], *, image: bool, gaps: bool
) -> list[tuple[Scales, _Numbered, list[str]]]:
    """Return the numbers that are shown, fewer and fewer, with the names of those left out.

    Args:
        scales: those of all digits.
        fewer: those of fewer and fewer digits.
        image: whether the input is small enough for numbers.
        gaps: whether the gaps of a dilation may be left out.
    """
    all_scales: list[tuple[Scales, list[str]]] = [
        (scales, []),
        *((each, ["further digits"]) for each in fewer),
    ]
    lack = [NO_ROOM_FOR_NUMBERS] * image
    details: list[tuple[Scales, _Numbered, list[str]]] = []
    details += ((each, "all", names) for each, names in all_scales if image)
    details += ((each, "grids", [*names, *lack]) for each, names in all_scales)
    close = ["gaps of the dilation"]
    details += ((each, "close", [*close, *names, *lack]) for each, names in all_scales if gaps)
    return [*details, (scales, "none", [NO_ROOM_FOR_NUMBERS] * bool(scales.widest))]


def _slide_details(
    scales: Sequence[Scales], drawn: Sequence[Term], *, gaps: bool
) -> Iterator[tuple[Scales, _Numbered, int, list[str]]]:
    """Yield fewer and fewer sums with numbers; of a single one, narrow grids, then the products."""
    lacks = [["further digits"] * (each is not scales[0]) for each in scales]
    for count in range(len(drawn) - 1, 0, -1):
        yield scales[-1], "grids", count, lacks[-1]
    if len(drawn) == 1 and scales[-1].widest:
        close = ["gaps of the dilation"] * gaps
        for each, lack in zip(scales, lacks, strict=True):
            yield each, "narrow", 1, [*close, *lack]
        names = ["numbers and color bars of window and kernel"]
        for each, lack in zip(scales, lacks, strict=True):
            products = each.of_grid(drawn[0].part.products)._replace(has_bars=False)
            yield products, "products", 1, [*names, *lack]


def _largest(terms: Sequence[Term], count: int, combine: str | None) -> list[Term]:
    """Return so many sums, in their order: those of the largest values, as they are combined."""

    def size(term: Term) -> float:
        value = float(term.response.value)
        return value if combine == "max" else abs(float(term.part.sum))

    kept = sorted(terms, key=size, reverse=True)[:count]
    return [term for term in terms if term in kept]


def _one_line(equation: Sequence[PartOf], size: float) -> list[Part]:
    """Return the parts of an equation, smaller where only so they stand in one line."""
    smaller = size
    while not fits_line(line := [make(smaller) for make in equation]) and smaller > _LEAST_GRID:
        smaller *= _STEP
    return line if fits_line(line) else [make(size) for make in equation]


def _scales(
    explanation: Computation, drawn: Sequence[Term], pixels: NDArray[np.generic] | None
) -> list[Scales]:
    """Return the scales of window, kernel and products, and those with fewer and fewer digits."""
    parts = [term.part for term in drawn]
    scales = [Scales.of(parts, explanation.max_value, pixels)]
    for digits in _FEWER_DIGITS if figure_options().digits is None else ():
        fewer = Scales.of(parts, explanation.max_value, pixels, digits)
        if fewer.widest < scales[-1].widest:
            scales.append(fewer)
    return scales


def _facts(explanation: DrawnComputation) -> list[str]:
    """Return the options that are not the default, as they were given."""
    source = explanation.source
    facts = conv_facts(source.filter._replace(bias=None))
    if bias := explanation.outputs[0].responses[0].bias:
        facts.append(f"bias {format_number(bias)}")
    if explanation.combine is not None:
        count = len(explanation.outputs[0].responses)
        facts.append(f"{explanation.combine} of {count} kernels")
    if explanation.activation != "none":
        facts.append(explanation.activation)
    return facts + alpha_facts(source.image, source.filter.alpha)


def _footer(explanation: Computation) -> tuple[list[str], list[str]]:
    """Return the lines below the parts, and the names of what is left out of them."""
    most = _SLIDE_LINES if theme().is_fixed else _FOOTER_LINES
    most = most if math.isinf(theme().height) else min(most, _PAGE_LINES)
    for with_terms in (True, False):
        lines = computation_lines(explanation, with_terms=with_terms)
        if len(lines) <= most:
            break
    else:
        named = (
            f"{output.channel} {format_number(output.pixel)}".strip()
            for output in explanation.outputs
        )
        return step_lines(explanation.unit, ", ".join(named)), ["steps"]
    is_short = not with_terms and lines != computation_lines(explanation, with_terms=True)
    return lines, ["terms of the sum"] * is_short


def _sum_parts(
    explanation: Computation, terms: Sequence[Term], scales: Scales, numbered: _Numbered
) -> tuple[list[PartOf], list[list[PartOf]]]:
    """Return the window that all kernels share, if they do, and lines of what else is summed."""
    few = numbered in ("none", "products")
    make = partial(grids_part, most=0.0 if few else math.inf, keeps_numbers=True)
    make_products = make if numbered == "none" else partial(make, most=math.inf)
    is_one_of_several = len(list(islice(terms_of(explanation), 2))) > len(terms)
    windows: dict[tuple[Any, ...], list[Term]] = {}
    for term in terms:
        windows.setdefault(term.window, []).append(term)
    lines: list[list[PartOf]] = []
    shared: list[PartOf] = []
    triples: list[PartOf] = []
    if not theme().is_fixed and _have_one_family(list(windows.values())):
        return [], [[_table(explanation, list(windows.values()), scales, make)]]
    for group in windows.values():
        places = Places.of(explanation, group[0])
        if numbered in ("close", "narrow"):
            places = places._replace(steps=(1, 1))
        hue = group[0].channel if explanation.max_value is not None else ""
        window = GridPicture("window", "window", group[0].part.window, hue)
        name = f"window, {group[0].channel}" if group[0].channel else "window"
        pairs = [_pictures(explanation, term) for term in group]
        if len(terms) == 1:
            [(kernel, products, title, caption)] = pairs
            size = size_text((len(kernel.values), len(kernel.values[0])))
            own = [
                scales.of_grid(grid.values) if numbered == "narrow" else scales
                for grid in (window, kernel, products)
            ]
            lines.append([
                make(
                    [window], own[0], places, title=name if is_one_of_several else "window",
                    caption=places.caption,
                ),
                make([kernel], own[1], places, title=title, caption=size, sign="×"),
                make_products(
                    [products], own[2], places, title="products", caption=caption, sign="="
                ),
            ])  # fmt: skip
        elif len(group) == 1:
            [(kernel, products, title, caption)] = pairs
            title = f"{group[0].channel or title}: {caption}"
            grids, is_added = [window, kernel, products], len(group[0].response.sums) > 1
            sign = "+" if is_added and triples else " "
            note = places.caption * (not triples)
            triple = make(grids, scales, places, title=title, caption=note, sign=sign)
            triples.append(partial(_with_small_title, triple))
        else:
            first = make([window], scales, places, title=name, caption=places.caption)
            others = [
                make(
                    [kernel, products],
                    scales,
                    places,
                    title=title,
                    caption=caption,
                    sign="" if theme().is_fixed else "×",
                )
                for kernel, products, title, caption in pairs
            ]
            if len(windows) == 1:
                shared.append(first)
                lines.append(others)
            else:
                lines.append([first, *others])
    if 1 < len(triples) <= _MOST_ROWS:
        return shared, [*lines, [partial(_stacked_column, triples)]]
    return shared, [*lines, triples] if triples else lines


def _with_small_title(make: PartOf, scale: float) -> Part:
    return make(scale)._replace(is_small=True)


def _stacked_column(parts: Sequence[PartOf], scale: float) -> Part:
    return stacked([[make(scale)] for make in parts])


def _have_one_family(groups: Sequence[Sequence[Term]]) -> bool:
    """Return whether several windows meet the same kernels, more than a few."""
    weights = [[term.part.weights for term in group] for group in groups]
    is_table = len(groups) > 1 and len(groups[0]) > _FEW_KERNELS
    return is_table and all(each == weights[0] for each in weights)


def _table(
    explanation: Computation,
    groups: Sequence[Sequence[Term]],
    scales: Scales,
    make: Callable[..., PartOf],
) -> PartOf:
    """Return windows by kernels: a column for each kernel, and in each row a window's products.

    The columns stand in blocks where a page has no room for all.
    """
    make = partial(make, cell=_TABLE_CELL)
    places = [Places.of(explanation, group[0]) for group in groups]
    hues = [g[0].channel if explanation.max_value is not None else "" for g in groups]
    windows = [
        make(
            [GridPicture("window", "window", group[0].part.window, hue)], scales, own,
            title=f"window, {group[0].channel}", caption=own.caption * (group is groups[0]),
        )
        for group, own, hue in zip(groups, places, hues, strict=True)
    ]  # fmt: skip
    members = [[_pictures(explanation, term) for term in group] for group in groups]
    kernels = [
        make([kernel], scales, places[0], title=title, caption="")
        for kernel, _, title, _ in members[0]
    ]
    products = [
        [make([own], scales, places[0], title="", caption=caption) for _, own, _, caption in row]
        for row in members
    ]

    def no_part(_scale: float) -> Part:
        return blank((0.0, 0.1))

    def part(scale: float) -> Part:
        first, *columns = (
            [each(scale)._replace(letters=_TABLE_LETTERS) for each in column]
            for column in ([no_part, *windows], *zip(kernels, *products, strict=True))
        )
        for across in range(len(columns), 0, -1):
            across = math.ceil(len(columns) / math.ceil(len(columns) / across))
            empty = [[no_part(scale)] * len(first)] * (-len(columns) % across)
            whole = [*columns, *empty]
            rows = [
                list(row)
                for start in range(0, len(whole), across)
                for row in zip(first, *whole[start : start + across], strict=True)
            ]
            if fits_line([table := stacked(rows)]):
                break
        return table

    return part


def _pictures(explanation: Computation, term: Term) -> tuple[GridPicture, GridPicture, str, str]:
    """Return kernel and products of a sum, the kernel's name and divisor, and the sum in words."""
    flipped = ", flipped" * (explanation.operation == "convolve")
    kernel = GridPicture("kernel", "kernel", term.part.weights)
    products = GridPicture("products", "products", term.part.products)
    divisor = divisor_text(term.response.divisor)
    title = f"{short_kernel(term.response.kernel)}{flipped}{divisor}"
    return kernel, products, title, f"sum {sum_text(term.part.sum)}"


def _place_parts(
    explanation: Computation, pixels: NDArray[np.generic], terms: Sequence[Term]
) -> list[PartOf]:
    """Return the input with the window in it and, if that is small, what surrounds it."""
    shown, note = pixels, ""
    if pixels.shape[2:] not in ((), (1,), (3,)):
        shown, note = pixels[..., 0], f", channel 1 of {pixels.shape[2]}"
    corners = _corners(terms)
    left, top, right, bottom = corners
    rows, columns = pixels.shape[:2]
    region = min(left, 0), min(top, 0), max(right, columns), max(bottom, rows)
    longest = _image_side(len(terms))
    panel = ImagePanel(shown, explanation.max_value)
    side = panel_box(panel, longest)[0] / columns * min(right - left, bottom - top)
    around = surroundings(corners, (rows, columns))
    # A magnifier that shows nearly the whole input would show nothing larger.
    is_near = max(around[2] - around[0], around[3] - around[1]) < _MAGNIFIED * max(rows, columns)
    is_small = is_near and side < SMALL
    padded = PaddedImage(panel, explanation.border, explanation.fill)
    pads = None
    if is_small:
        region = 0, 0, columns, rows
    else:
        panel, pads = padded.crop(region)
    bar = value_bar(panel, common_range([panel]))
    caption = f"{size_text((rows, columns))}{note}"
    whole = image_part(panel, longest, title="input", caption=caption, bar=bar, pads=pads)
    taps = _taps(explanation, terms)
    parts = [marked(whole, corners, taps * (not is_small), region)]
    if is_small:
        near, near_pads = padded.crop(around)
        ends = common_range([panel])
        magnified = image_part(
            near, _MAGNIFIED * longest, title="magnified", ends=ends, pads=near_pads
        )
        parts.append(marked(magnified, corners, taps, around, renumbered=True))
    return parts


def _corners(terms: Sequence[Term]) -> Corners:
    """Return the corners of the box around all windows."""
    responses = [term.response for term in terms]
    return (
        min(response.columns[0] for response in responses),
        min(response.rows[0] for response in responses),
        max(response.columns[-1] for response in responses) + 1,
        max(response.rows[-1] for response in responses) + 1,
    )


def _taps(explanation: Computation, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Return the rows and columns that are weighed, if dilation leaves gaps between them."""
    if explanation.dilation == (1, 1):
        return []
    places = (product(term.response.rows, term.response.columns) for term in terms)
    return sorted(set(chain.from_iterable(places)))


def _image_side(count: int) -> float:
    """Return the longer side of input and output beside this many sums."""
    room = theme().width - _AROUND_IMAGES * theme().text
    across = 3 if count == 1 or theme().is_fixed else 4
    return min(max(room / across, _LEAST_IMAGE), _MOST_IMAGE)


def _output_part(explanation: Computation, feature_map: FeatureMap, longest: float) -> PartOf:
    """Return the feature map with the explained value outlined."""
    pixels, note = feature_map.pixels, ""
    if pixels.shape[2:] not in ((), (1,), (3,)):
        pixels, note = pixels[..., 0], f", channel 1 of {pixels.shape[2]}"
    panel = ImagePanel(pixels, feature_map.max_value)
    ends = common_range([panel])
    values = ", ".join(sum_text(output.pixel) for output in explanation.outputs)
    caption = f"{size_text(explanation.output_shape)}{note}, {explanation.unit} {values}"
    bar = value_bar(panel, ends, mapped=feature_map.ends)
    mapped = feature_map.ends
    part = image_part(
        panel, longest, title="output", caption=caption, ends=ends, mapped=mapped, bar=bar
    )
    row, column = explanation.at
    rows, columns = panel.shape
    return marked(part, (column, row, column + 1, row + 1), [], (0, 0, columns, rows))
