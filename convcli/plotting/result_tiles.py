"""Results of filtering as tiles of a contact sheet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from convcli.plotting.contact_sheet import SheetTile, draw_sheet
from convcli.plotting.text import percent, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convcli.filtering import Filtered, FilterSpec

HUES = "brighter to the right red, up yellow-green, left cyan, down violet"
MOST_CAPTIONED = 16  # tiles with room for numbers


def draw_results(
    made: Sequence[tuple["FilterSpec", "Filtered"]],
    *,
    title: str = "",
    scale: Literal["common", "own"] = "common",
) -> "Figure":
    """Draw one picture's results as a contact sheet; see :func:`convcli.plotting.contact_sheet.draw_sheet`.

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
    spec: "FilterSpec",
    filtered: "Filtered",
    scale: Literal["common", "own"],
    *,
    captioned: bool = True,
) -> SheetTile:
    """Return a result as a tile, perhaps with its size, extremes and share clipped as caption.

    With a scale of its own, a grey picture is stretched as plain numbers are, beside its bar.
    """
    result = filtered.picture
    stretched = scale == "own" and result.channels == 1
    white = None if stretched else result.white
    caption = _caption(spec, filtered) if captioned else ""
    return SheetTile(title, result.pixels, white, caption)


def _caption(spec: "FilterSpec", filtered: "Filtered") -> str:
    (rows, columns), tally = filtered.picture.size, filtered.tally
    facts = [f"{columns}x{rows}", f"min {short(tally.minimum)}", f"max {short(tally.maximum)}"]
    if filtered.picture.white is not None:
        facts.append(f"{percent(tally.clipped)} clipped")
    return "\n".join([", ".join(facts), *[HUES] * (spec.combine == "direction")])
