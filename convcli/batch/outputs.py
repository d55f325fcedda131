"""Where each result is written, in which format, and how it gets there."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

from convcli.atomic import atomic_write, is_stream
from convcli.batch.inputs import Source
from convcli.batch.job import STDOUT, Job, JobOptions, Output, SummaryFile
from convcli.batch.options import OutputOptions
from convcli.choices import NAME_TEMPLATE, SCALED_RANGES
from convcli.errors import UsageError, shown
from convcli.images.formats import Format, choose_format, default_suffix, named_format, suffix_of
from convcli.images.options import WriteOptions
from convcli.signals import named_after

FIELDS = ("stem", "kernel", "suffix", "index")
_UNNAMED_STDIN = "name the result of standard input: -o FILE, or -o - for standard output"
SUMMARY_ENDINGS = {"figure": ".png", "grid": "_grid.png", "stack": ".npy"}


def check_output_options(options: JobOptions, *, several: bool, stdin: bool) -> None:
    """Raise UsageError if the options contradict each other or the number of inputs."""
    outputs = options.outputs
    _check_template(outputs.name)
    if options.reading.frames == "all" and (summary_files(outputs) or outputs.show):
        raise UsageError(
            "--plot, --grid, --stack and --show take one frame; leave out --frames all"
        )
    if options.reading.frames == "all" and any(each.mark for each in options.filters):
        raise UsageError("--mark takes one frame; leave out --frames all")
    if outputs.scale is not None and outputs.grid is None:
        raise UsageError("--scale is for a contact sheet; name its file with --grid")
    if stdin and writes_images(outputs) and not (outputs.output or outputs.out_dir):
        raise UsageError(_UNNAMED_STDIN)
    _check_summary_folders(outputs, several=several)
    _check_spreadsheets(options)
    if outputs.output is None:
        return
    if outputs.out_dir is not None or outputs.name != NAME_TEMPLATE:
        raise UsageError("-o names a single result; --out-dir and --name are for several")
    if several:
        raise UsageError("-o names a single result, but there are several inputs; use --out-dir")
    if len(options.filters) > 1:
        advice = (
            "use --out-dir, --combine, --grid FILE for a sheet or --stack FILE.npy for one array"
        )
        count = len(options.filters)
        if all(each.kernels[0].matrix.shape[:-2] == (1,) for each in options.filters):
            advice += f"; weights of a depthwise layer are for convcli chain, with --groups {count}"
        raise UsageError(f"-o names a single result, but {count} kernels give one each; {advice}")


def path_beside(
    source: str, tag: str, requested: str | None, *, folder: str | None = None, raw: bool = False
) -> str:
    """Return the default file of an input's only result: ``{stem}_{tag}{suffix}`` beside it.

    Args:
        source: the name of the input, or ``-``.
        tag: what was done to it, in one word.
        requested: the format that the user has chosen.
        folder: in place of the input's.
        raw: whether values are written as they are.

    Raises:
        UsageError: the input is standard input, which has no name.

    >>> path_beside("photos/cat.jpg", "padded", None), path_beside("cat.jpg", "chain", "png")
    ('photos/cat_padded.jpg', 'cat_chain.png')
    """
    from pathlib import Path

    if source == STDOUT:
        raise UsageError(_UNNAMED_STDIN)
    path = Path(named_after(source))
    suffix = default_suffix(path.suffix, requested, raw=raw)
    return str(Path(path.parent if folder is None else folder) / f"{path.stem}_{tag}{suffix}")


def _check_summary_folders(outputs: OutputOptions, *, several: bool) -> None:
    """Check that summary files of several inputs go to folders."""
    for kind, path in summary_files(outputs):
        if several and suffix_of(path) and not is_folder(path):
            from pathlib import PurePath

            option = {"figure": "plot"}.get(kind, kind)
            raise UsageError(
                f"--{option} {shown(path)} names one file, but there are several inputs; name a "
                f"folder, with a slash at its end: {shown(PurePath(path).stem)}/"
            )


def _check_spreadsheets(options: JobOptions) -> None:
    """Check what can be known beforehand if --format, or the suffix of results, is .xlsx."""
    outputs = options.outputs
    named = options.writing.format or os.path.splitext(outputs.output or outputs.name)[1]
    if named.lower() not in ("xlsx", ".xlsx") or not writes_images(outputs):
        return
    if options.reading.frames == "all":
        raise UsageError(".xlsx holds a single frame; leave out --frames all")
    from convcli.plotting.spreadsheet import check_filter

    for each in options.filters:
        check_filter(each)


def _check_template(template: str) -> None:
    """Check that a template has known fields only; {index} may have a width, as in {index:04}."""
    from string import Formatter

    known = ", ".join(f"{{{field}}}" for field in FIELDS)
    try:
        parsed = [part for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise UsageError(f"--name {template!r}: {error}") from error
    if not parsed:
        raise UsageError(f"--name {template!r}: contains none of the fields {known}")
    for _, field, width, conversion in parsed:
        has_width = field == "index" and re.fullmatch("0?[0-9]d?", width or "")
        if field not in FIELDS or conversion or (width and not has_width):
            text = (field or "") + f"!{conversion}" * bool(conversion) + f":{width}" * bool(width)
            raise UsageError(f"--name: unknown field {{{text}}}; the fields are {known}")


def writes_images(outputs: OutputOptions) -> bool:
    """Tell whether images are written, and not summary files or figures alone."""
    if outputs.output or outputs.out_dir:
        return True
    return not (summary_files(outputs) or outputs.show)


def summary_files(outputs: OutputOptions) -> tuple[SummaryFile, ...]:
    """Return the summary files of each input, with the file or folder that the user named."""
    named = (("figure", outputs.plot), ("grid", outputs.grid), ("stack", outputs.stack))
    return tuple(SummaryFile(kind, path) for kind, path in named if path is not None)


def is_folder(path: str) -> bool:
    """Tell whether a path means a folder: it ends with a slash, or the folder exists."""
    return path.endswith(os.sep) or os.path.isdir(path)


def base_name(path: str) -> str:
    """Return a file's name without its folders, for the title of a figure."""
    return shown(os.path.basename(path))


def plan_output(
    path: str, requested: str | None, *, raw: bool = False, spreadsheets: bool = False
) -> Output:
    """Return an output with the format that --format (``requested``) or its suffix names.

    Raises:
        UsageError: no known format is named, or one that the command does not write
            (``spreadsheets``), or it does not hold plain numbers and ``raw`` is true.
    """
    named = partial(named_format, requested=requested, spreadsheets=spreadsheets)
    if path == STDOUT:
        return Output(path, named(None))
    if is_stream(path):  # the name of a device says nothing about the format
        return Output(path, named(path if suffix_of(path) else None))
    if is_folder(path):
        raise UsageError(f"{shown(path)}: is a folder; --out-dir puts results into folders")
    return Output(path, named(path, raw=raw))


class OutputPlanner:
    """Names the outputs of one input after another."""

    def __init__(self, options: JobOptions, *, several: bool) -> None:
        """Raise UsageError if the -o file has no known format, or is a folder."""
        self._several = several
        self._outputs, self._slug = options.outputs, options.slug
        requested, raw = options.writing.format, options.raw
        self._named_format = partial(named_format, requested=requested, raw=raw, spreadsheets=True)
        self._default_suffix = partial(
            default_suffix, requested=requested, raw=raw, spreadsheets=True
        )
        self._slugs = [each.slug for each in options.filters]
        self._is_default = self._outputs.name == NAME_TEMPLATE
        self._summaries = summary_files(self._outputs)
        self._single: tuple[Output, ...] | None = () if not writes_images(self._outputs) else None
        if self._outputs.output is not None:
            self._single = (
                plan_output(self._outputs.output, requested, raw=raw, spreadsheets=True),
            )
        # There may be a million names, so what depends only on the suffix or folder is cached.
        self._out_prefix = lru_cache(maxsize=1)(self._find_out_prefix)
        self._kept_suffix = cache(self._find_kept_suffix)

    def job(self, source: Source, index: int) -> Job:
        """Return the job of the ``index``-th input, counted from 1."""
        if source.error is not None:
            return Job(source)
        summaries = tuple([self._summary(each, source) for each in self._summaries])
        if self._single is not None:
            return Job(source, self._single, summaries)
        folder, base = os.path.split(source.named_after)
        stem, suffix = os.path.splitext(base)
        if self._outputs.out_dir is None:
            prefix = os.path.join(folder, "") if folder else ""
        else:
            prefix = self._out_prefix(source.below)
        kept, named = self._kept_suffix(suffix)
        if self._is_default:
            outputs = [Output(f"{prefix}{stem}_{slug}{kept}", named) for slug in self._slugs]
        else:
            fields = {"stem": stem, "suffix": kept, "index": index}
            outputs = [self._templated(prefix, kernel=slug, **fields) for slug in self._slugs]
        return Job(source, tuple(outputs), summaries)

    def _find_out_prefix(self, below: str) -> str:
        """Return the folder for results of inputs in the folder ``below``, with a final slash."""
        folder = os.path.normpath(os.path.join(self._outputs.out_dir or "", below))
        return "" if folder == "." else os.path.join(folder, "")

    def _find_kept_suffix(self, suffix: str) -> tuple[str, Format | None]:
        """Return suffix and format of results whose inputs have this suffix."""
        kept = self._default_suffix(suffix)
        return kept, self._named_format(f"x{kept}")

    def _templated(self, prefix: str, **fields: Any) -> Output:
        template = self._outputs.name
        name = template.format(**fields)
        named = self._named_format(name)
        path = prefix + name
        if self._outputs.out_dir is not None:
            if os.path.isabs(name) or os.path.normpath(name).startswith(os.pardir + os.sep):
                raise UsageError(f"--name {template!r}: leaves the folder of --out-dir")
            path = os.path.normpath(path)
        elif os.path.isabs(name):
            path = name
        return Output(path, named)

    def _summary(self, summary: SummaryFile, source: Source) -> SummaryFile:
        """Return the summary file of one input, in a folder if there are several inputs."""
        if not self._several and not is_folder(summary.path):
            return summary
        stem = os.path.splitext(os.path.basename(source.named_after))[0]
        name = f"{stem}_{self._slug}{SUMMARY_ENDINGS[summary.kind]}"
        path = os.path.normpath(os.path.join(summary.path, source.below, name))
        return SummaryFile(summary.kind, path)


class Target(NamedTuple):
    """An output with its final format and bits per pixel; depth is None for plain numbers."""

    path: str
    format: Format
    depth: int | None
    notes: tuple[str, ...]


def choose_target(
    output: Output,
    input_format: str,
    *,
    channels: int,
    depth: int | None,
    range: str,  # noqa: A002 - the option's name
    frames: bool = False,
) -> Target:
    """Choose format and depth of a result, once the image is read.

    Args:
        output: from :func:`plan_output` or :class:`OutputPlanner`.
        input_format: ``ImageData.format`` of the input.
        channels: number of the result's channels, without alpha.
        depth: 8 or 16 bits of the input; None for plain numbers.
        range: how values become pixels.
        frames: every frame is written.

    Raises:
        UsageError: the format that the user named cannot hold the result.
    """
    named, suffix = output.format, os.path.splitext(output.path)[1]
    notes: tuple[str, ...] = ()
    if named is None:
        is_matrix = channels == 1 and input_format in ("npy", "csv", "txt")
        if is_matrix and output.path == STDOUT:
            named = named_format(None, "txt")  # a matrix is printed
    elif suffix and suffix.lower() not in named.suffixes:
        notes = (f"is written as {named.name} although its name ends with {suffix}",)
    if range == "raw":
        depth = None
    elif depth is None and named is not None and not named.holds(channels, None):
        depth = 8
        if range not in SCALED_RANGES:
            notes += (
                "plain numbers were rounded and clipped to 8-bit pixels; --range rescale spreads "
                "them, and .npy, .csv and .tif keep them",
            )
    chosen = choose_format(named, input_format, channels=channels, depth=depth, frames=frames)
    return Target(output.path, chosen, depth, notes)


def write_result(
    target: Target, encode: Callable[..., tuple[str, ...]], writing: WriteOptions
) -> tuple[bytes | None, tuple[str, ...]]:
    """Write a result to its file, or encode it for standard output.

    ``encode`` is called with an open file, a format and ``writing``; it returns notes, as
    :func:`convcli.images.writing.write_image` does. Return the bytes for standard output (None for
    a file), and the notes.

    Raises:
        ConvcliError: the result cannot be encoded, or the file cannot be written.
    """
    if target.path == STDOUT:
        memory = io.BytesIO()
        notes = encode(memory, target.format, writing)
        return memory.getvalue(), notes
    with atomic_write(target.path, overwrite=writing.overwrite) as file:
        notes = encode(file, target.format, writing)
    return None, notes
