"""Results as tiles of a contact sheet: their names, sizes, extremes and scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from convcli.choices import Scale
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.kernels.matrix_text import short_name
from convcli.plotting.contact_sheet import draw_sheet
from convcli.plotting.heatmap import kernel_heatmaps
from convcli.plotting.labels import (
    alpha_facts,
    combine_fact,
    common_bank,
    conv_facts,
    named_in_headings,
    peak_fact,
    result_title,
    without_bank,
)
from convcli.plotting.sample_scale import SAMPLE_NUMBERS, input_scale, result_scale
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.signal_plot import across_note, extent_text, signal_axis
from convcli.signals import SampleAxis

if TYPE_CHECKING:
    from convcli.filtering.filter import Filter
    from convcli.filtering.run import Filtered
    from convcli.images.image import ImageData


def draw_results(
    image: ImageData,
    results: Sequence[tuple[Filter, Filtered]],
    *,
    title: str = "",
    scale: Scale = "common",
    options: FigureOptions | None = None,
) -> Figure:
    """Draw the results of filtering one image as a contact sheet; see `draw_sheet`.

    Raises:
        UsageError: there are no results, or one has neither 1 nor 3 channels.
    """
    options = options or FigureOptions()
    filters = named_in_headings([image_filter for image_filter, _ in results])
    results = list(zip(filters, (filtered for _, filtered in results), strict=True))
    bank = common_bank([image_filter.label for image_filter in filters])
    combined = common_combine(filters)
    tiles = [
        result_tile(
            without_bank(image_filter.label, bank), image_filter, filtered, scale, image, options,
            is_named=bool(combined),
        )
        for image_filter, filtered in results
    ]  # fmt: skip
    tiles = input_tile(image, options) + tiles
    own = scale_facts(scale, [filtered for _, filtered in results], options)
    common = (
        [*combined, *conv_facts(filters[0]), *alpha_facts(image, filters[0].alpha)]
        if filters
        else []
    )
    is_stretched = any(each.range in ("rescale", "percentile") for each in filters)
    stretched = ["each tile stretched on its own"] * (is_stretched and len(filters) > 1)
    facts = ", ".join([*[bank] * bool(bank), *common, *stretched, *own])
    return draw_sheet(tiles, title=title, facts=facts, scale=scale, options=options)


def common_combine(filters: Sequence[Filter]) -> list[str]:
    """Return how the maps of all filters became one, if all say the same."""
    facts = {combine_fact(each) for each in filters}
    return [] if len(facts) > 1 else [fact for fact in facts if fact]


def scale_facts(scale: Scale, results: Sequence[Filtered], options: FigureOptions) -> list[str]:
    """Return the words for results that have colors of their own."""
    is_own = scale == "own" and options.limits is None
    is_own = is_own and any(filtered.image.channels == 1 for filtered in results)
    return ["each result has its own scale"] * (is_own and len(results) > 1)


def input_tile(image: ImageData, options: FigureOptions) -> list[SheetTile]:
    """Return the input as a tile, or no tile, as the option ``panels`` says."""
    if "input" not in (options.panels or ()):
        return []
    return [image_tile("input", image)]


def image_tile(title: str, image: ImageData) -> SheetTile:
    """Return an unfiltered image as a tile."""
    size, places = extent_text(image.shape), input_scale(image.axis).places
    return SheetTile(title, image.pixels, image.max_value, size, places=places, axis=image.axis)


def result_tile(
    title: str,
    image_filter: Filter,
    filtered: Filtered,
    scale: Scale,
    image: ImageData,
    options: FigureOptions,
    *,
    is_named: bool = False,
) -> SheetTile:
    """Return a result as a tile; its caption gives size, extremes and the share clipped.

    It says how several maps became one, unless the sheet does so for all (``is_named``).
    With the scale ``own``, the colors of a gray image run from its least to its greatest value.
    A sample of a signal stands below the middle of its window, or at its position.
    """
    result = filtered.image
    is_own = scale == "own" and result.channels == 1
    with_kernel = "kernel" in (options.panels or ())
    is_mapped = filtered.stats.ends not in (None, (0, result.max_value))
    kernels, operation = image_filter.kernels, image_filter.conv.operation
    axis = signal_axis(image.pixels)
    size = size_text(result.shape) if axis is None else extent_text(result.shape)
    note = across_note(kernels, axis)
    facts = [fact for fact in [combine_fact(image_filter)] if fact and not is_named]
    peak = filtered.stats.peak
    caption = result_title(filtered, [*facts, size])
    return SheetTile(
        short_name(title),
        result.reliable_pixels,
        None if is_own else result.max_value,
        "\n".join(filter(None, [caption, note, peak_fact(filtered.stats)])),
        unit="value" if result.max_value is None else "pixel",
        mapped=filtered.stats.ends if is_mapped and not is_own else None,
        kernels=kernel_heatmaps(kernels, most=9, operation=operation) if with_kernel else None,
        places=_sample_places(image, image_filter),
        axis=image.axis,
        mark=None if peak is None else peak.place,
        is_direction=image_filter.combine == "direction",
    )


def _sample_places(image: ImageData, image_filter: Filter) -> SampleAxis:
    """Return where the values of a filtered signal stand, below the middle of their windows.

    Those of a signal with positions stand at their own.
    """
    if signal_axis(image.pixels) is None:
        return SAMPLE_NUMBERS
    conv, kernel = image_filter.conv, image_filter.kernels[0]
    geometry = conv.geometry(image.shape, kernel.shape)
    return result_scale(image.axis, geometry, conv.operation, kernel.axis).places
