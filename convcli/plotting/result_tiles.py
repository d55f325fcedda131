"""Results of filtering as tiles of a contact sheet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from convcli.plotting.contact_sheet import SheetTile, draw_sheet
from convcli.plotting.text import format_short, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convcli.filtering import Filter, Filtered

HUES = "brighter to the right red, up yellow-green, left cyan, down violet"
MOST_CAPTIONED = 16  # tiles with room for numbers


def draw_results(
    made: Sequence[tuple["Filter", "Filtered"]],
    *,
    title: str = "",
    scale: Literal["common", "own"] = "common",
) -> "Figure":
    """Draw one image's results as a contact sheet, as ``contact_sheet.draw_sheet`` does.

    Raises:
        UsageError: there are no results, or one has neither 1 nor 3 channels.
    """
    captioned = len(made) <= MOST_CAPTIONED
    tiles = [
        result_tile(spec.label, spec, filtered, scale, captioned=captioned)
        for spec, filtered in made
    ]
    return draw_sheet(tiles, title=title, scale=scale)


def result_tile(
    title: str,
    spec: "Filter",
    filtered: "Filtered",
    scale: Literal["common", "own"],
    *,
    captioned: bool = True,
) -> SheetTile:
    """Return a result as a tile, perhaps with its size, extremes and share clipped as caption.

    With a scale of its own, a gray image is stretched as plain numbers are, beside its bar.
    """
    result = filtered.image
    is_stretched = scale == "own" and result.channels == 1
    max_value = None if is_stretched else result.max_value
    caption = _caption(spec, filtered) if captioned else ""
    return SheetTile(title, result.pixels, max_value, caption)


def _caption(spec: "Filter", filtered: "Filtered") -> str:
    (rows, columns), tally = filtered.image.shape, filtered.stats
    facts = [
        f"{columns}x{rows}",
        f"min {format_short(tally.minimum)}",
        f"max {format_short(tally.maximum)}",
    ]
    if filtered.image.max_value is not None:
        facts.append(f"{percent(tally.clipped)} clipped")
    return "\n".join([", ".join(facts), *[HUES] * (spec.combine == "direction")])
