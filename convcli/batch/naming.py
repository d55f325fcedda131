"""Where each result goes, decided and checked before any pixel is touched."""

import os
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convcli.atomic import is_stream
from convcli.batch.inputs import Missing, Source
from convcli.batch.settings import Work
from convcli.errors import UsageError, shown
from convcli.images.formats import check_suffix, default_suffix

STDOUT = "-"
TEMPLATE = "{stem}_{kernel}{suffix}"
FIELDS = ("stem", "kernel", "suffix", "index")


class Naming(NamedTuple):
    """How results are named.

    Attributes:
        output: the one result's file, or ``-`` for standard output.
        out_dir: a folder in which the inputs' tree is repeated.
        name: a result's name, with {stem}, {kernel}, {suffix} and {index}.
        plot: the figure's file; for several inputs, or where it is a folder, the figures' folder.
        show: figures are shown in a window.
    """

    output: str | None = None
    out_dir: str | None = None
    name: str = TEMPLATE
    plot: str | None = None
    show: bool = False

    @property
    def pictures(self) -> bool:
        """Whether pictures are written: always, unless figures alone are asked for."""
        figures_only = (self.plot is not None or self.show) and not (self.output or self.out_dir)
        return not figures_only


class Job(NamedTuple):
    """One input and where its results go: an output for each kernel, and a figure.

    ``outputs`` is empty where only a figure is asked for.
    """

    source: Source
    outputs: tuple[str, ...]
    figure: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """Every file that is to be written."""
        return (*self.outputs, *([self.figure] if self.figure else []))


def plan_jobs(
    sources: Sequence[Source | Missing], work: Work, naming: Naming
) -> list[Job | Missing]:
    """Name every result of every input, and see that no two share a name.

    Raises:
        UsageError: the options do not suit the number of results; or two results would be one
            file; or, where files are overwritten, a result would replace another input.
    """
    _check_options(sources, work, naming)
    jobs: list[Job | Missing] = []
    for index, source in enumerate(sources, 1):
        if isinstance(source, Missing):
            jobs.append(source)
            continue
        outputs: list[str] = []
        if naming.pictures:
            outputs = [_output(source, label, index, work, naming) for label in work.labels]
        figure = _figure(source, work.labels, naming, several=len(sources) > 1)
        jobs.append(Job(source, tuple(outputs), figure))
    jobs = _without_own_results(jobs)
    named = [job for job in jobs if isinstance(job, Job)]
    _check_clashes(named, overwrite=work.writing.overwrite)
    return jobs


def _without_own_results(jobs: list[Job | Missing]) -> list[Job | Missing]:
    """Leave out what was found but is a result of this very command, from when it last ran."""
    targets = {
        os.path.realpath(target) for job in jobs if isinstance(job, Job) for target in job.targets
    }
    return [
        job
        for job in jobs
        if isinstance(job, Missing)
        or not (job.source.found and os.path.realpath(job.source.path) in targets)
    ]


def _check_options(sources: Sequence[Source | Missing], work: Work, naming: Naming) -> None:
    _check_template(naming.name)
    if work.all_frames and (naming.plot or naming.show):
        raise UsageError("--plot and --show draw one frame; leave out --frames all")
    stdin = any(isinstance(source, Source) and source.is_stdin for source in sources)
    if stdin and naming.pictures and not (naming.output or naming.out_dir):
        raise UsageError("name the result of standard input: -o FILE, or -o - for standard output")
    if naming.output is None:
        return
    if naming.out_dir is not None or naming.name != TEMPLATE:
        raise UsageError("-o names the one result; --out-dir and --name are for several")
    if len(sources) > 1:
        raise UsageError(f"-o names one result, and there are {len(sources)} inputs: use --out-dir")
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


def _output(source: Source, label: str, index: int, work: Work, naming: Naming) -> str:
    if naming.output is not None:
        _check_output(naming.output, work)
        return naming.output
    stem, suffix = os.path.splitext(os.path.basename(source.path))
    name = naming.name.format(
        stem="stdin" if source.is_stdin else stem,
        kernel=label,
        index=index,
        suffix=default_suffix(suffix, work.writing.format, raw=work.raw, frames=work.all_frames),
    )
    _check_output(name, work)
    if naming.out_dir is None:
        return os.path.join(os.path.dirname(source.path), name)
    if os.path.isabs(name):
        raise UsageError(f"--name {naming.name!r} is absolute; with --out-dir it must not be")
    return os.path.normpath(os.path.join(naming.out_dir, source.folder, name))


def _check_output(output: str, work: Work) -> None:
    """Refuse a result whose format cannot be told, or which holds no raw values."""
    if output == STDOUT or is_stream(Path(output)):
        return
    if output.endswith(os.sep) or os.path.isdir(output):
        raise UsageError(f"{shown(output)}: is a folder; --out-dir puts results into folders")
    check_suffix(output, work.writing.format, raw=work.raw)


def _figure(source: Source, labels: Sequence[str], naming: Naming, *, several: bool) -> str | None:
    if naming.plot is None:
        return None
    if not several and not naming.plot.endswith(os.sep) and not os.path.isdir(naming.plot):
        return naming.plot
    stem = "stdin" if source.is_stdin else os.path.splitext(os.path.basename(source.path))[0]
    name = f"{stem}_{'+'.join(labels)}.png"
    return os.path.normpath(os.path.join(naming.plot, source.folder, name))


def _check_clashes(jobs: Sequence[Job], *, overwrite: bool) -> None:
    inputs = {os.path.realpath(job.source.path): job for job in jobs if overwrite}
    taken: dict[str, Job] = {}
    for job in jobs:
        for target in job.targets:
            real = os.path.realpath(target)
            if target == STDOUT or is_stream(Path(real)):
                continue
            name, own = shown(target), shown(job.source.path)
            if real in taken:
                other = shown(taken[real].source.path)
                both = f"of {own}" if own == other else f"of {other} and of {own}"
                raise UsageError(
                    f"{name}: two results, {both}, would be this one file; "
                    "--out-dir, --name or --format can part them"
                )
            if inputs.get(real, job) is not job:
                raise UsageError(
                    f"{name}: is an input, and would be replaced by the result of {own}; "
                    "--out-dir or --name can part them"
                )
            taken[real] = job
