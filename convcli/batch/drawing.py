"""The figures of a job: original, kernels and feature maps; or a sheet of all its results."""

import os
from collections.abc import Sequence
from typing import Any, Literal

from convcli.errors import shown
from convcli.filtering import Filtered, FilterSpec
from convcli.images.picture import Picture

MOST_CAPTIONED = 16  # tiles of a sheet with room for numbers
HUES = "brighter to the right red, up yellow-green, left cyan, down violet"


def draw_figure(name: str, picture: Picture, made: Sequence[tuple[FilterSpec, Filtered]]) -> Any:
    """Return the figure of one input's results.

    Raises:
        UsageError: the picture has neither 1 nor 3 channels.
    """
    from convcli.figures.panels import PanelRow, draw_filtering

    rows = [
        PanelRow(
            label=spec.label,
            kernels=spec.kernels,
            pixels=filtered.picture.pixels,
            white=filtered.picture.white,
            minimum=filtered.tally.minimum,
            maximum=filtered.tally.maximum,
            clipped=filtered.tally.clipped,
            combine=spec.combine,
            caption=HUES if spec.combine == "direction" else "",
        )
        for spec, filtered in made
    ]
    title = shown(os.path.basename(name))
    return draw_filtering(picture.pixels, rows, title=title, white=picture.white)


def draw_grid(
    name: str, made: Sequence[tuple[FilterSpec, Filtered]], scale: Literal["common", "own"]
) -> Any:
    """Return a contact sheet of one input's results.

    With scales of their own, grey pictures are stretched as plain numbers are, each beside its bar.

    Raises:
        UsageError: a result has neither 1 nor 3 channels.
    """
    from convcli.figures.sheet import SheetTile, draw_sheet

    tiles = []
    for spec, filtered in made:
        result = filtered.picture
        stretched = scale == "own" and result.channels == 1
        white = None if stretched else result.white
        caption = caption_of(spec, filtered) if len(made) <= MOST_CAPTIONED else ""
        tiles.append(SheetTile(spec.label, result.pixels, white, caption))
    return draw_sheet(tiles, title=shown(os.path.basename(name)), scale=scale)


def caption_of(spec: FilterSpec, filtered: Filtered) -> str:
    """Return the size, the extremes before the range mapping, and what else is to be known."""
    from convcli.figures.lettering import percent, short

    (rows, columns), tally = filtered.picture.size, filtered.tally
    facts = [f"{columns}x{rows}", f"min {short(tally.minimum)}", f"max {short(tally.maximum)}"]
    if filtered.picture.white is not None:
        facts.append(f"{percent(tally.clipped)} clipped")
    return "\n".join([", ".join(facts), *[HUES] * (spec.combine == "direction")])
