"""The figure of a job: original, kernels and feature maps."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convcli.batch.settings import Work
from convcli.errors import shown
from convcli.filtering import Filtered, FilterSpec
from convcli.images.picture import Picture


def draw_figure(
    name: str,
    picture: Picture,
    results: Sequence[tuple[FilterSpec, Filtered]],
    file: str | None,
    work: Work,
) -> Any:
    """Draw the results of one input, into a file too if one is named; return the figure.

    Raises:
        ConvcliError: the file cannot be written, or the picture not be drawn.
    """
    from convcli.figures.panels import PanelRow, draw_filtering
    from convcli.figures.saving import save_figure

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
            layout=spec.layout,
        )
        for spec, filtered in results
    ]
    title = shown(os.path.basename(name))
    figure = draw_filtering(picture.pixels, rows, title=title, white=picture.white)
    if file is not None:
        save_figure(figure, Path(file), overwrite=work.writing.overwrite)
    return figure
