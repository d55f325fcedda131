"""The figures of a job: original, kernels and feature maps; or a sheet of all its results."""

from collections.abc import Sequence
from typing import Any

from convcli.batch.options import Work
from convcli.batch.outputs import base_name
from convcli.filtering import Filtered, FilterSpec
from convcli.images.image import Picture


def draw_figure(name: str, picture: Picture, made: Sequence[tuple[FilterSpec, Filtered]]) -> Any:
    """Return the figure of one input's results.

    Raises:
        UsageError: the picture has neither 1 nor 3 channels.
    """
    from convcli.plotting.filter_figure import draw_filtering
    from convcli.plotting.filter_row import PanelRow
    from convcli.plotting.result_tiles import HUES

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
            layout=spec.layout,
        )
        for spec, filtered in made
    ]
    title = base_name(name)
    return draw_filtering(picture.pixels, rows, title=title, white=picture.white)


def draw_grid(name: str, made: Sequence[tuple[FilterSpec, Filtered]], work: Work) -> Any:
    """Return a contact sheet of one input's results.

    Raises:
        UsageError: a result has neither 1 nor 3 channels.
    """
    from convcli.plotting.result_tiles import draw_results

    return draw_results(made, title=base_name(name), scale=work.scale)
