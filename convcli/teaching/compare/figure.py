"""A comparison as a contact sheet: the result of every choice, and what sets it off the first."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convcli.plotting.axes import WIDE
from convcli.plotting.contact_sheet import SheetTile, draw_sheet
from convcli.plotting.result_tiles import MOST_CAPTIONED, result_tile
from convcli.plotting.text import format_short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convcli.images.image import ImageData
    from convcli.teaching.compare.comparison import Compared

_PAIRS = ((3, 1), (8, 2), (18, 3), (32, 4))  # up to so many choices, so many pairs side by side
_MOST_PAIRS = 6
_MOST_CELLS = 128  # of a difference's longer side, that are told apart


def draw_comparison(
    compared: Sequence["Compared"],
    *,
    title: str = "",
    scale: Literal["common", "own"] = "common",
    original: "ImageData | None" = None,
) -> "Figure":
    """Draw the results of all choices, with their names, sizes and extremes.

    Args:
        compared: from :func:`convcli.teaching.compare.comparison.compare_choices`.
        title: a heading.
        scale: the colors; see :func:`convcli.plotting.contact_sheet.draw_sheet`.
        original: the image that was filtered. With it, differences are drawn too: it stands
            beside the first result, and the difference to the first beside each other one.

    Raises:
        UsageError: there is nothing to compare, or an image has neither 1 nor 3 channels.
    """
    captioned = len(compared) <= MOST_CAPTIONED
    tiles = [
        result_tile(each.choice.name, each.choice.spec, each.filtered, scale, captioned=captioned)
        for each in compared
    ]
    if original is None:
        return draw_sheet(tiles, title=title, scale=scale)
    rows, columns = original.shape
    size = f"{columns}x{rows}"
    beside = [SheetTile("original", original.pixels, original.max_value, size)]
    beside += [_difference(each, compared[0], captioned=captioned) for each in compared[1:]]
    paired = [tile for pair in zip(tiles, beside, strict=True) for tile in pair]
    pairs = next((pairs for most, pairs in _PAIRS if len(tiles) <= most), _MOST_PAIRS)
    if columns >= WIDE * rows:
        pairs = math.ceil(pairs / 2)
    return draw_sheet(paired, title=title, columns=2 * pairs, scale=scale)


def _difference(each: "Compared", first: "Compared", *, captioned: bool) -> SheetTile:
    title = f"{each.choice.name} - {first.choice.name}"
    if each.difference is None or each.mean_difference is None:
        return SheetTile(title, None, None, each.obstacle)
    rows, columns = each.difference.shape[:2]
    facts = [f"{columns}x{rows}", f"mean |difference| {format_short(each.mean_difference, 4)}"]
    block = math.ceil(max(rows, columns) / _MOST_CELLS)
    across = [f"{min(block, columns)}x{min(block, rows)} pixels"] * (block > 1)
    across += ["3 channels"] * (each.difference.ndim > 2)
    if across:
        facts.append(f"the greatest of {' and '.join(across)}")
    pixels = _spread(_greatest(each.difference), block)
    caption = ", ".join(facts) if captioned else ""
    return SheetTile(title, pixels, None, caption, "difference", centered=True)


def _greatest(difference: NDArray[Any]) -> NDArray[Any]:
    """Return of each pixel the channel of the greatest magnitude, NaN before all."""
    if difference.ndim == 2:
        return difference
    place = np.abs(difference).argmax(axis=2)[..., np.newaxis]
    greatest: NDArray[Any] = np.take_along_axis(difference, place, axis=2)
    return greatest[..., 0]


def _spread(difference: NDArray[Any], block: int) -> NDArray[Any]:
    """Let each block have its value of greatest magnitude, so that a thin line can be seen."""
    if block == 1:
        return difference
    rows, columns = difference.shape
    padded = np.pad(difference, ((0, -rows % block), (0, -columns % block)))
    blocks = sliding_window_view(padded, (block, block))[::block, ::block]
    flat = blocks.reshape(*blocks.shape[:2], -1)
    greatest = _greatest(flat)
    return greatest.repeat(block, axis=0).repeat(block, axis=1)[:rows, :columns]
