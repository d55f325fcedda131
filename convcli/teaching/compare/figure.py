"""A comparison as a contact sheet: the result of each choice, and its difference from the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convcli.core.digits import reliable_values
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.kernels.matrix_text import short_name
from convcli.plotting.contact_sheet import draw_sheet
from convcli.plotting.labels import alpha_facts, conv_facts, format_short, named_in_headings
from convcli.plotting.result_tiles import (
    common_combine,
    image_tile,
    input_tile,
    result_tile,
    scale_facts,
)
from convcli.plotting.sheet_tile import Corner, SheetTile
from convcli.plotting.signal_plot import extent_text
from convcli.signals import SampleAxis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convcli.choices import Scale
    from convcli.images.image import ImageData
    from convcli.teaching.compare.comparison import Compared

_UNITS = {  # of plain numbers after a range
    "abs": "|value|",
    "rescale": "value, rescaled",
    "percentile": "value, rescaled",
}
_MAX_BLOCKS = 128  # along the longer side of a difference
_MIN_MAGNIFIED_SIDE = 48  # pixels; in a larger image, a line at its edge is too thin to be seen
_HATCHED = "hatched: only one of both has a value"
_CORNER = 12  # pixels of a magnified corner at least


def draw_comparison(
    image: ImageData,
    compared: Sequence[Compared],
    *,
    title: str = "",
    left_out: str = "",
    scale: Scale = "common",
    diff: bool = False,
    options: FigureOptions | None = None,
) -> Figure:
    """Draw the results of all choices, with their names, sizes and extremes.

    Where the kernel varies, each stands small beside its result. Where large results differ at
    the edges only, as those of several borders do, a corner of each is drawn magnified.

    Args:
        image: what was filtered.
        compared: from :func:`convcli.teaching.compare.comparison.compare_choices`.
        title: a heading.
        left_out: what was not compared, and why.
        scale: the colors; see :func:`convcli.plotting.contact_sheet.draw_sheet`.
        diff: whether the figure also shows the input beside the first result, and the
            difference from the first beside each other one.
        options: how the figure looks.

    Raises:
        UsageError: there is nothing to compare, an image has neither 1 nor 3 channels, or the
            options have more or fewer titles than there are tiles.
    """
    options = options or FigureOptions()
    compared = _without_folders(compared)
    kernels = {item.choice.filter.kernels for item in compared}
    if options.panels is None and len(kernels) > 1:
        options = options._replace(panels=("kernel", "result"))
    corner = _corner(image, compared)
    combined = common_combine([item.choice.filter for item in compared])
    results = [
        _result(item, compared[:n], scale, image, options, is_named=bool(combined))._replace(
            corner=corner
        )
        for n, item in enumerate(compared)
    ]
    if len({item.choice.filter.range for item in compared}) > 1:  # colors mean different things
        results = [
            tile._replace(unit=_UNITS.get(item.choice.filter.range, "value"))
            if item.filtered.image.max_value is None
            else tile
            for tile, item in zip(results, compared, strict=True)
        ]
    own = scale_facts(scale, [item.filtered for item in compared], options)
    framed = "the framed corner is magnified" if corner is not None else ""
    facts = ", ".join([*combined, *_common_facts(image, compared), *own])
    facts = "; ".join(filter(None, [facts, framed, left_out]))
    if diff:
        partners = [_input(image, results[0])]
        partners += [
            _difference(*item)._replace(corner=corner)
            for item in zip(compared[1:], results[1:], repeat((compared[0], results[0])))
        ]
        tiles = [tile for pair in zip(results, partners, strict=True) for tile in pair]
    else:
        tiles = [*input_tile(image, options), *results]
    return draw_sheet(
        tiles,
        title=title,
        facts=facts,
        scale=scale,
        unit="tiles",
        together=1 + diff,
        options=options,
    )


def _without_folders(compared: Sequence[Compared]) -> list[Compared]:
    """Name kernels from files without folders, unless two become alike."""
    filters = named_in_headings([item.choice.filter for item in compared])
    return [
        replace(
            item,
            choice=item.choice._replace(
                name=item.choice.name.replace(item.choice.filter.label, named.label),
                filter=named,
            ),
        )
        for item, named in zip(compared, filters, strict=True)
    ]


def _common_facts(image: ImageData, compared: Sequence[Compared]) -> list[str]:
    """Return the options that are not the default and hold for all choices, in words."""
    filters = [item.choice.filter for item in compared]
    first, *others = ([*conv_facts(each), *alpha_facts(image, each.alpha)] for each in filters)
    return [fact for fact in first if all(fact in facts for facts in others)]


def _result(
    item: Compared,
    earlier: Sequence[Compared],
    scale: Scale,
    image: ImageData,
    options: FigureOptions,
    *,
    is_named: bool,
) -> SheetTile:
    """Return a result as a tile, and name an earlier one that is the same."""
    tile = result_tile(
        item.choice.name,
        item.choice.filter,
        item.filtered,
        scale,
        image,
        options,
        is_named=is_named,
    )
    pixels = item.filtered.image.pixels
    for other in earlier:
        if np.array_equal(pixels, other.filtered.image.pixels, equal_nan=pixels.dtype.kind == "f"):
            return tile._replace(
                caption=f"{tile.caption}\nthe same as {short_name(other.choice.name)}"
            )
    return tile


def _input(image: ImageData, first: SheetTile) -> SheetTile:
    """Return the input as the partner of the first result, if they differ."""
    if first.pixels is not None and np.array_equal(image.pixels, first.pixels):
        return SheetTile(f"input = {first.title}", None, None)
    return image_tile("input", image)


def _corner(image: ImageData, compared: Sequence[Compared]) -> Corner | None:
    """Return where large results differ most, if they differ in no more than their outer eighth."""
    shapes = {item.filtered.image.pixels.shape for item in compared}
    if len(shapes) > 1 or min(image.shape) < _MIN_MAGNIFIED_SIDE:
        return None
    rows, columns = compared[0].filtered.image.shape
    apart = np.zeros((rows, columns))
    for item in compared[1:]:
        if item.difference is not None and item.difference.shape[:2] == (rows, columns):
            apart += np.abs(_greatest(item.difference))
    places = np.nonzero(apart)
    if not places[0].size:
        return None
    ends = rows - 1, columns - 1
    to_edges = [np.minimum(index, end - index) for index, end in zip(places, ends, strict=True)]
    reach = int(np.minimum(*to_edges).max()) + 1
    if reach > min(rows, columns) // 8:
        return None
    side = min(max(_CORNER, 3 * reach), rows, columns)
    corners = [(top, left) for top in (0, rows - side) for left in (0, columns - side)]
    sums = [np.nansum(apart[top : top + side, left : left + side]) for top, left in corners]
    return Corner(*corners[int(np.argmax(sums))], side)


def _difference(
    compared: Compared, tile: SheetTile, reference: tuple[Compared, SheetTile]
) -> SheetTile:
    """Return the difference as a tile; in a large one, the largest of each block is drawn."""
    first, first_tile = reference
    # A number without the name of its option could be taken for what is subtracted.
    subtracted = first.choice.value if first.choice.value.isalpha() else first.choice.name
    title = f"{short_name(compared.choice.name)} - {short_name(subtracted)}"
    difference, mean = compared.difference, compared.mean_difference
    if difference is None or mean is None:
        return SheetTile(title, None, None, compared.obstacle)
    difference = reliable_values(difference, compared.decimals)
    rows, columns = difference.shape[:2]
    block = math.ceil(max(rows, columns) / _MAX_BLOCKS)
    facts = [f"{extent_text((rows, columns))}, {_mean_text(mean)}"]
    cells = [f"{size_text((min(block, rows), min(block, columns)))} pixels"] * (block > 1)
    cells += ["3 channels"] * (difference.ndim > 2)
    if min(rows, columns) == 1:
        return SheetTile(
            title,
            _greatest(difference),
            None,
            "; ".join(facts),
            "difference",
            places=_common_places(tile, first_tile),
            axis=tile.axis,
        )
    if cells and mean:
        facts.append(f"each cell is the largest of {' and '.join(cells)}")
    fine = _greatest(difference)
    pixels = _block_greatest(fine, block)
    outside = compared.outside
    if any(outside):
        pixels = np.pad(pixels, (outside[:2], outside[2:]))
        facts.append(_HATCHED)
    return SheetTile(
        title, pixels, None, "; ".join(facts), "difference", centered=True,
        fine=fine, pads=outside if any(outside) else None,
        legend=(_HATCHED,) * any(outside), short=_mean_text(mean) * (mean == 0),
    )  # fmt: skip


def _mean_text(mean: float) -> str:
    """Write the mean magnitude of a difference.

    >>> _mean_text(0.0), _mean_text(0.6735), _mean_text(0.00123)
    ('no difference', 'mean |difference| 0.67', 'mean |difference| 0.0012')
    """
    if mean == 0:
        return "no difference"
    text = format_short(mean, 2) if abs(mean) < 0.1 else format_short(round(mean, 2), 10)
    return f"mean |difference| {text}"


def _common_places(one: SheetTile, two: SheetTile) -> SampleAxis:
    """Return where the samples of the difference of two signals stand."""
    places = [
        {tile.places.start + place * tile.places.step for place in range(max(tile.pixels.shape))}
        for tile in (one, two)
        if tile.pixels is not None
    ]
    common = sorted(places[0] & places[-1])
    if not common:  # kernels whose middles differ by half a sample
        return one.places
    return SampleAxis(common[0], common[1] - common[0] if len(common) > 1 else one.places.step)


def _greatest(difference: NDArray[Any]) -> NDArray[Any]:
    """Return the value of greatest magnitude along the last of three axes; NaN wins."""
    if difference.ndim == 2:
        return difference
    place = np.abs(difference).argmax(axis=2)[..., np.newaxis]
    greatest: NDArray[Any] = np.take_along_axis(difference, place, axis=2)
    return greatest[..., 0]


def _block_greatest(difference: NDArray[Any], block: int) -> NDArray[Any]:
    """Fill each block with its value of greatest magnitude, so that thin lines stay visible."""
    if block == 1:
        return difference
    rows, columns = difference.shape
    padded = np.pad(difference, ((0, -rows % block), (0, -columns % block)))
    blocks = sliding_window_view(padded, (block, block))[::block, ::block]
    greatest = _greatest(blocks.reshape(*blocks.shape[:2], -1))
    return greatest.repeat(block, axis=0).repeat(block, axis=1)[:rows, :columns]
