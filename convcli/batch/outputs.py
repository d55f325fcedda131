"""Where each result goes, decided before any pixel is touched."""

import os
import re
import string
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from convcli.atomic import is_stream
from convcli.batch.inputs import Group, Source
from convcli.batch.options import JobOptions
from convcli.errors import UsageError, shown
from convcli.images.formats import default_suffix, named_format

STDOUT = "-"
TEMPLATE = "{stem}_{kernel}{suffix}"
FIELDS = ("stem", "kernel", "suffix", "index")
LONGEST_LABELS = 80  # letters of several kernels' names in a file's name


class SummaryFile(NamedTuple):
    """A file made of all results of one input: their ``figure``, ``grid`` or ``stack``."""

    kind: str
    path: str


class OutputOptions(NamedTuple):
    """How results are named.

    Attributes:
        output: the one result's file, or ``-`` for standard output.
        out_dir: a folder in which the inputs' tree is repeated.
        name: a result's name, with {stem}, {kernel}, {suffix} and {index}.
        plot: the figure's file; for several inputs, or where it is a folder, the figures' folder.
        grid: the contact sheet's, likewise.
        stack: the array's, likewise.
        scale: ``common`` or ``own`` colors for the contact sheet's tiles; None for the default.
        show: figures are shown in a window.
    """

    output: str | None = None
    out_dir: str | None = None
    name: str = TEMPLATE
    plot: str | None = None
    grid: str | None = None
    stack: str | None = None
    scale: Literal["common", "own"] | None = None
    show: bool = False

    @property
    def joint(self) -> tuple[SummaryFile, ...]:
        """What is made of all results of an input, each with the file or the folder asked for."""
        asked = (("figure", self.plot), ("grid", self.grid), ("stack", self.stack))
        return tuple(SummaryFile(kind, path) for kind, path in asked if path is not None)

    @property
    def images(self) -> bool:
        """Whether images are written: always, unless joint files alone are asked for."""
        joint_only = (self.joint or self.show) and not (self.output or self.out_dir)
        return not joint_only


class Job(NamedTuple):
    """One input and where its results go: an output for each kernel, and files made of all.

    ``outputs`` is empty where only joint files are asked for.
    """

    source: Source
    outputs: tuple[str, ...]
    joint: tuple[SummaryFile, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Every file that is to be written."""
        return (*self.outputs, *(each.path for each in self.joint))


def output_paths(
    source: Source, index: int, work: JobOptions, naming: OutputOptions, *, several: bool
) -> Job:
    """Name every result of an input, the ``index``-th of perhaps ``several``.

    Raises:
        UsageError: no result can be written there, or in that format.
    """
    outputs: tuple[str, ...] = ()
    if naming.images:
        outputs = tuple(_output(source, label, index, work, naming) for label in work.labels)
    joint = (_placed(each, source, work.labels, several=several) for each in naming.joint)
    return Job(source, outputs, tuple(joint))


def exclusive_folder(group: Group, work: JobOptions, naming: OutputOptions) -> str | None:
    """Return the folder, with a separator at its end, that the results of a folder's files go to.

    None where that is not all there is to it: results in several folders, joint files, or two
    files whose results would have one name.
    """
    if not group.found or not group.folder or naming.name != TEMPLATE or not naming.out_dir:
        return None
    if naming.joint or not naming.images:
        return None
    endings = {name.rpartition(".")[2] for name in group.names}
    writing, raw = work.writing, work.raw
    kept = {_suffix(f".{end}", writing.format, raw=raw, frames=work.all_frames) for end in endings}
    if len(kept) < len(endings):
        return None
    return os.path.join(naming.out_dir, os.path.normpath(group.below), "")


def check_options(work: JobOptions, naming: OutputOptions, *, several: bool, stdin: bool) -> None:
    """See that the options suit each other and the number of inputs.

    Raises:
        UsageError: they do not.
    """
    _check_template(naming.name)
    if work.all_frames and (naming.joint or naming.show):
        raise UsageError(
            "--plot, --grid, --stack and --show take one frame; leave out --frames all"
        )
    if naming.scale is not None and naming.grid is None:
        raise UsageError("--scale is of a contact sheet; name its file with --grid")
    if naming.out_dir == "":
        raise UsageError("--out-dir is empty; name a folder, . for this one")
    if stdin and naming.images and not (naming.output or naming.out_dir):
        raise UsageError("name the result of standard input: -o FILE, or -o - for standard output")
    if naming.output is None:
        return
    if naming.out_dir is not None or naming.name != TEMPLATE:
        raise UsageError("-o names the one result; --out-dir and --name are for several")
    if several:
        raise UsageError("-o names one result, and there are several inputs: use --out-dir")
    if len(work.specs) > 1:
        raise UsageError(
            f"-o names one result, and {len(work.specs)} kernels give one each: "
            "use --out-dir, or --combine"
        )


def _check_template(template: str) -> None:
    """See that a template has fields that are known; {index} may be padded, as {index:04}."""
    known = ", ".join(f"{{{field}}}" for field in FIELDS)
    try:
        parsed = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise UsageError(f"--name {template!r}: {error}") from error
    if not parsed:
        raise UsageError(f"--name takes {known}; it has none")
    for _, field, width, conversion in parsed:
        padded = field == "index" and re.fullmatch("0?[0-9]d?", width or "")
        if field not in FIELDS or conversion or (width and not padded):
            shape = "".join(
                (field or "", f"!{conversion}" * bool(conversion), f":{width}" * bool(width))
            )
            raise UsageError(f"--name takes {known}; {{{shape}}} is none of them")


def _output(source: Source, label: str, index: int, work: JobOptions, naming: OutputOptions) -> str:
    if naming.output is not None:
        _check_output(naming.output, work)
        return naming.output
    folder, base = os.path.split(source.path)
    stem, suffix = os.path.splitext(base)
    kept = _suffix(suffix, work.writing.format, raw=work.raw, frames=work.all_frames)
    stem = "stdin" if source.is_stdin else stem
    if naming.name == TEMPLATE:
        name = f"{stem}_{label}{kept}"
    else:
        name = naming.name.format(stem=stem, kernel=label, index=index, suffix=kept)
        named_format(Path(name), work.writing.format, raw=work.raw)
    if naming.out_dir is None:
        return os.path.join(folder, name)
    if os.path.isabs(name) or os.path.normpath(name).startswith(os.pardir + os.sep):
        raise UsageError(f"--name {naming.name!r} leaves the folder that --out-dir names")
    return os.path.normpath(os.path.join(naming.out_dir, source.below, name))


@lru_cache(maxsize=64)
def _suffix(suffix: str, asked: str | None, *, raw: bool, frames: bool) -> str:
    """Return a result's suffix, once seen that such results can be written."""
    return default_suffix(suffix, asked, raw=raw)


def _check_output(output: str, work: JobOptions) -> None:
    """Refuse a result whose format cannot be told, or which holds no raw values."""
    if output == STDOUT or is_stream(Path(output)):
        return
    if output.endswith(os.sep) or os.path.isdir(output):
        raise UsageError(f"{shown(output)}: is a folder; --out-dir puts results into folders")
    named_format(Path(output), work.writing.format, raw=work.raw)


def names_folder(path: str) -> bool:
    """Tell whether what was asked for is a folder, by its end or as it stands."""
    return path.endswith(os.sep) or os.path.isdir(path)


def joined(labels: Sequence[str]) -> str:
    """Return one name for several kernels.

    >>> joined(["outline", "blur"]), joined([f"layer1-{n}" for n in range(1, 65)])
    ('outline+blur', 'layer1-1+63-more')
    """
    name = "+".join(labels)
    return name if len(name) <= LONGEST_LABELS else f"{labels[0]}+{len(labels) - 1}-more"


def base_name(path: str) -> str:
    """Return an input's name without its folders, as figures are titled.

    >>> base_name("holiday/photo.png"), base_name("standard input")
    ('photo.png', 'standard input')
    """
    return shown(os.path.basename(path))


def _placed(
    joint: SummaryFile, source: Source, labels: Sequence[str], *, several: bool
) -> SummaryFile:
    """Return a joint file of one input, in the folder that was asked for if it is one."""
    if not several and not names_folder(joint.path):
        return joint
    stem = "stdin" if source.is_stdin else os.path.splitext(os.path.basename(source.path))[0]
    ending = {"figure": ".png", "grid": "_grid.png", "stack": ".npy"}[joint.kind]
    name = f"{stem}_{joined(labels)}{ending}"
    return SummaryFile(joint.kind, os.path.normpath(os.path.join(joint.path, source.below, name)))
