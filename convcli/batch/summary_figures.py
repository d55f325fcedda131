"""The figures of a job: original, kernels and feature maps; or a sheet of all its results."""

from collections.abc import Sequence
from typing import Any

from convcli.batch.options import JobOptions
from convcli.batch.outputs import base_name
from convcli.filtering import Filter, Filtered
from convcli.images.image import ImageData


def draw_figure(name: str, image: ImageData, made: Sequence[tuple[Filter, Filtered]]) -> Any:
    """Return the figure of one input's results.

    Raises:
        UsageError: the image has neither 1 nor 3 channels.
    """
    from convcli.plotting.filter_figure import draw_filtering
    from convcli.plotting.filter_row import PanelRow
    from convcli.plotting.result_tiles import HUES

    rows = [
        PanelRow(
            label=spec.label,
            kernels=spec.kernels,
            pixels=filtered.image.pixels,
            max_value=filtered.image.max_value,
            minimum=filtered.stats.minimum,
            maximum=filtered.stats.maximum,
            clipped=filtered.stats.clipped,
            combine=spec.combine,
            caption=HUES if spec.combine == "direction" else "",
            conv=spec.conv,
        )
        for spec, filtered in made
    ]
    title = base_name(name)
    return draw_filtering(image.pixels, rows, title=title, max_value=image.max_value)


def draw_grid(name: str, made: Sequence[tuple[Filter, Filtered]], work: JobOptions) -> Any:
    """Return a contact sheet of one input's results.

    Raises:
        UsageError: a result has neither 1 nor 3 channels.
    """
    from convcli.plotting.result_tiles import draw_results

    return draw_results(made, title=base_name(name), scale=work.scale)
