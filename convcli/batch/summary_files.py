"""Files made of all results of one input: the figure, the contact sheet, the stack."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from convcli.batch.encoding import Target, write_result
from convcli.batch.options import JobOptions
from convcli.batch.outputs import SummaryFile
from convcli.batch.summary_figures import draw_figure, draw_grid
from convcli.filtering import Filter, Filtered, filter_image
from convcli.images.channels import stack_channels
from convcli.images.formats import NPY
from convcli.images.image import ImageData
from convcli.images.writing import write_image

# What a result that is kept takes beside the other arrays of its image, as a share of theirs.
_KEPT, _KEPT_RAW = 0.2, 0.9
Made = Sequence[tuple[Filter, Filtered]]


def write_summary(
    joint: SummaryFile, name: str, image: ImageData, made: Made, work: JobOptions
) -> tuple[str, ...]:
    """Write one file of all results of an input; return what the user should know.

    Raises:
        ConvcliError: the file cannot be written, or the results not be joined.
    """
    if joint.kind == "stack":
        return _write_stack(joint.path, image, made, work)
    from convcli.plotting.saving import save_figure

    figure = draw_grid(name, made, work) if joint.kind == "grid" else draw_figure(name, image, made)
    save_figure(figure, Path(joint.path), overwrite=work.writing.overwrite)
    return ()


def memory_factor(joint: Sequence[SummaryFile], results: int, *, raw: bool) -> float:
    """Return what keeping all results takes, as a share of what an image and one result take."""
    copies = 1 + any(each.kind == "stack" for each in joint)
    return results * copies * (_KEPT_RAW if raw else _KEPT)


def _write_stack(path: str, image: ImageData, made: Made, work: JobOptions) -> tuple[str, ...]:
    stacked = stack_channels([_at_source_depth(image, *each).image for each in made])
    target = Target(path, NPY, stacked.depth, ())
    writing = work.writing._replace(quality=None, compress_level=None)  # of the images
    _, notes = write_result(target, partial(write_image, stacked), writing)
    return notes


def _at_source_depth(image: ImageData, spec: Filter, filtered: Filtered) -> Filtered:
    """Return a result in the image's own depth, where its file holds less."""
    if spec.range == "raw" or filtered.image.depth == image.depth:
        return filtered
    return filter_image(image, spec, image.depth)
