"""Files made of all results of one input: the figure, the contact sheet, the stack."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from convcli.batch.encoding import Target, write_result
from convcli.batch.options import Work
from convcli.batch.outputs import Joint
from convcli.batch.summary_figures import draw_figure, draw_grid
from convcli.filtering import Filtered, FilterSpec, filter_picture
from convcli.images.channels import stack_channels
from convcli.images.formats import NPY
from convcli.images.image import Picture
from convcli.images.writing import write_picture

# What a result that is kept takes beside the other arrays of its picture, as a share of theirs.
_KEPT, _KEPT_RAW = 0.2, 0.9
Made = Sequence[tuple[FilterSpec, Filtered]]


def join(joint: Joint, name: str, picture: Picture, made: Made, work: Work) -> tuple[str, ...]:
    """Write one file of all results of an input; return what the user should know.

    Raises:
        ConvcliError: the file cannot be written, or the results not be joined.
    """
    if joint.kind == "stack":
        return _write_stack(joint.path, picture, made, work)
    from convcli.plotting.saving import save_figure

    if joint.kind == "grid":
        figure = draw_grid(name, made, work)
    else:
        figure = draw_figure(name, picture, made)
    save_figure(figure, Path(joint.path), overwrite=work.writing.overwrite)
    return ()


def kept_share(joint: Sequence[Joint], results: int, *, raw: bool) -> float:
    """Return what keeping all results takes, as a share of what a picture and one result take."""
    copies = 1 + any(each.kind == "stack" for each in joint)
    return results * copies * (_KEPT_RAW if raw else _KEPT)


def _write_stack(path: str, picture: Picture, made: Made, work: Work) -> tuple[str, ...]:
    stacked = stack_channels([_unnarrowed(picture, *each).picture for each in made])
    target = Target(path, NPY, stacked.depth, ())
    writing = work.writing._replace(quality=None, compress_level=None)  # of the pictures
    _, notes = write_result(target, partial(write_picture, stacked), writing)
    return notes


def _unnarrowed(picture: Picture, spec: FilterSpec, filtered: Filtered) -> Filtered:
    """Return a result in the picture's own depth, where its file holds less."""
    if spec.range == "raw" or filtered.picture.depth == picture.depth:
        return filtered
    return filter_picture(picture, spec, picture.depth)
