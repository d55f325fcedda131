"""Files made from all results of one input: the figure, the contact sheet, the stack."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from convcli.batch.job import JobOptions, SummaryFile
from convcli.batch.outputs import Target, base_name, write_result
from convcli.filtering.filter import Filter
from convcli.filtering.run import Filtered
from convcli.images.channels import stack_channels
from convcli.images.formats import NPY
from convcli.images.image import ImageData
from convcli.images.writing import write_image

Results = Sequence[tuple[Filter, Filtered]]


def write_summary(
    summary: SummaryFile, name: str, image: ImageData, results: Results, options: JobOptions
) -> tuple[str, ...]:
    """Write one summary file of an input, and return notes for the user.

    A stack takes the results at the input's own depth; ``name`` is the title of a figure.
    """
    if summary.kind == "stack":
        stack = stack_channels([filtered.image for _, filtered in results])
        target = Target(summary.path, NPY, stack.depth, ())
        writing = options.writing._replace(quality=None, compress_level=None)  # not for .npy
        _, notes = write_result(target, partial(write_image, stack), writing)
        return notes
    from pathlib import Path

    from convcli.plotting.result_tiles import draw_results
    from convcli.plotting.save import save_figure

    if summary.kind == "grid":
        scale = options.outputs.scale or "common"
        figure = draw_results(
            image, results, title=base_name(name), scale=scale, options=options.figure
        )
    else:
        figure = draw_figure(name, image, results, options)
    return save_figure(figure, Path(summary.path), overwrite=options.writing.overwrite)


def draw_figure(name: str, image: ImageData, results: Results, options: JobOptions) -> Any:
    """Return the figure of one input: the image, and each filter's kernels and feature map."""
    from convcli.plotting.filter_figure import draw_filtering

    return draw_filtering(image, results, title=base_name(name), options=options.figure)
