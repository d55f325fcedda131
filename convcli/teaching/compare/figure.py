"""A comparison as a contact sheet: the result of each choice, and its difference from the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convcli.geometry import size_text
from convcli.plotting.axes import WIDE
from convcli.plotting.contact_sheet import MAX_CAPTIONED, SheetTile, draw_sheet, result_tile
from convcli.plotting.labels import format_short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convcli.choices import Scale
    from convcli.images.image import ImageData
    from convcli.teaching.compare.comparison import Compared

_PAIRS_ACROSS = ((3, 1), (8, 2), (18, 3), (32, 4))  # (choices at most, pairs in a row)
_MAX_PAIRS_ACROSS = 6
_UNITS = {  # of plain numbers after a range
    "abs": "|value|",
    "rescale": "value, rescaled",
    "percentile": "value, rescaled",
}
_MAX_BLOCKS = 128  # along the longer side of a difference


def draw_comparison(
    compared: Sequence[Compared],
    *,
    title: str = "",
    scale: Scale = "common",
    original: ImageData | None = None,
) -> Figure:
    """Draw the results of all choices, with their names, sizes and extremes.

    Args:
        compared: from :func:`convcli.teaching.compare.comparison.compare_choices`.
        title: a heading.
        scale: the colors; see :func:`convcli.plotting.contact_sheet.draw_sheet`.
        original: the image that was filtered. With it, the figure also shows the original beside
            the first result, and the difference from the first beside each other one.

    Raises:
        UsageError: there is nothing to compare, or an image has neither 1 nor 3 channels.
    """
    captioned = len(compared) <= MAX_CAPTIONED
    results = [
        result_tile(item.choice.name, item.choice.filter, item.filtered, scale, captioned=captioned)
        for item in compared
    ]
    if len({item.choice.filter.range for item in compared}) > 1:  # colors mean different things
        results = [
            tile._replace(unit="pixel")
            if tile.max_value is not None
            else tile._replace(unit=_UNITS.get(item.choice.filter.range, "value"))
            for tile, item in zip(results, compared, strict=True)
        ]
    if original is None:
        return draw_sheet(results, title=title, scale=scale)
    size = size_text(original.shape)
    partners = [SheetTile("original", original.pixels, original.max_value, size)]
    partners += [_difference(other, compared[0], captioned=captioned) for other in compared[1:]]
    tiles = [tile for pair in zip(results, partners, strict=True) for tile in pair]
    across = next((n for most, n in _PAIRS_ACROSS if len(results) <= most), _MAX_PAIRS_ACROSS)
    rows, columns = original.shape
    if columns >= WIDE * rows:
        across = math.ceil(across / 2)
    return draw_sheet(tiles, title=title, columns=2 * across, scale=scale)


def _difference(compared: Compared, first: Compared, *, captioned: bool) -> SheetTile:
    """Return the difference as a tile; in a large one, the greatest of each block is drawn."""
    title = f"{compared.choice.name} - {first.choice.name}"
    difference, mean = compared.difference, compared.mean_difference
    if difference is None or mean is None:
        return SheetTile(title, None, None, compared.obstacle)
    rows, columns = difference.shape[:2]
    facts = [size_text((rows, columns)), f"mean |difference| {format_short(mean, 4)}"]
    block = math.ceil(max(rows, columns) / _MAX_BLOCKS)
    reduced = [f"{size_text((min(block, rows), min(block, columns)))} pixels"] * (block > 1)
    reduced += ["3 channels"] * (difference.ndim > 2)
    if reduced:
        facts.append(f"the greatest of {' and '.join(reduced)}")
    pixels = _block_greatest(_greatest(difference), block)
    caption = ", ".join(facts) if captioned else ""
    return SheetTile(title, pixels, None, caption, "difference", centered=True)


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
