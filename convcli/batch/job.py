"""One input as a job: its outputs, what of them must still be made, and the result."""

import os
from itertools import zip_longest
from typing import Any, NamedTuple

from convcli.atomic import is_stream, refuse_existing
from convcli.batch.inputs import Source
from convcli.batch.options import OutputOptions
from convcli.errors import ConvcliError, ImageError
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.geometry import Pair
from convcli.images.formats import Format
from convcli.images.options import ReadOptions, WriteOptions
from convcli.images.value_range import Peak
from convcli.signals import OutputAxes

STDOUT = "-"
MAX_SLUG = 80  # characters of several kernels' names in one file name


class JobOptions(NamedTuple):
    """What every job of a run shares: the filters, and how images are read and written."""

    filters: tuple[Filter, ...]
    reading: ReadOptions = ReadOptions()
    writing: WriteOptions = WriteOptions()
    outputs: OutputOptions = OutputOptions()
    figure: FigureOptions = FigureOptions()

    def single_threaded(self) -> "JobOptions":
        """Return options that filter with one thread, unless a number of threads was given."""
        filters = (each._replace(threads=each.threads or 1) for each in self.filters)
        return self._replace(filters=tuple(filters))

    @property
    def raw(self) -> bool:
        """Whether values are written without mapping them to pixels."""
        return any(each.range == "raw" for each in self.filters)

    @property
    def label(self) -> str:
        """What texts call all kernels together."""
        return ", ".join(each.label for each in self.filters)

    @property
    def slug(self) -> str:
        """One name for all kernels, short enough for a file name."""
        first, *others = (each.slug for each in self.filters)
        name = "+".join((first, *others))
        return name if len(name) <= MAX_SLUG else f"{first}+{len(others)}-more"


class Output(NamedTuple):
    """One file to write, ``-`` for standard output."""

    path: str
    format: Format | None  # the one that --format or the path's suffix names, if any


class SummaryFile(NamedTuple):
    """One file made from all results of an input: its ``figure``, ``grid`` or ``stack``."""

    kind: str
    path: str


class Job(NamedTuple):
    """One input with an output for each filter; no outputs if only summary files are written."""

    source: Source
    outputs: tuple[Output, ...] = ()
    summaries: tuple[SummaryFile, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of every file that the job writes."""
        return tuple([each.path for each in self.outputs] + [each.path for each in self.summaries])


class OutputResult(NamedTuple):
    """The result of one filter on one input."""

    kernel: str  # the label of the filter's kernels
    output: str | None  # the path, ``-`` for standard output; None if only summary files hold it
    data: bytes | None = None  # the encoded bytes, for standard output only
    skipped: bool = False  # the file exists and was left; all fields below are then empty
    frames: int = 1
    # The sizes, types and methods of frames; see :class:`convcli.frames.FrameTotals`.
    sizes: tuple[tuple[Pair, Pair], ...] = ()
    types: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    has_others: bool = False
    minimum: float = 0  # of the feature map, before the range
    maximum: float = 0
    clipped: float = 0  # share of the values that the range clipped, 0 to 1
    # How many pixels are missing, and how many values are NaN; None if no pixel may be missing.
    missing: tuple[int, int] | None = None
    axes: OutputAxes = OutputAxes()  # where the values of a signal's map lie
    peak: Peak | None = None  # of the feature map, if it was looked for

    @property
    def input_shape(self) -> Pair:
        """Rows and columns of the image, or of the first frame."""
        return self.sizes[0][0]

    @property
    def shape(self) -> Pair:
        """Rows and columns of its result."""
        return self.sizes[0][1]


class JobResult(NamedTuple):
    """The result of a job."""

    path: str  # the input
    results: tuple[OutputResult, ...] = ()  # one for each filter; fewer after an error
    summaries: tuple[SummaryFile, ...] = ()  # those that were written
    figure: Any = None  # to show in a window
    notes: tuple[str, ...] = ()  # messages for the user
    error: ConvcliError | None = None  # the error that ended the job
    seconds: float = 0.0  # wall time


class Pending(NamedTuple):
    """The outputs of a job that must be written, and results for existing files that are kept."""

    outputs: list[tuple[Filter, Output | None]]  # None if only summary files need the result
    summaries: list[SummaryFile]
    skipped: list[OutputResult]


def pending_outputs(job: Job, options: JobOptions) -> Pending:
    """Return the pending outputs of a job; raise if an existing file may not be replaced."""
    pending = Pending([], [], [])
    for summary in job.summaries:
        if _is_pending(summary.path, job, options.writing):
            pending.summaries.append(summary)
        else:
            pending.skipped.append(OutputResult(options.label, summary.path, skipped=True))
    for chosen, output in zip_longest(options.filters, job.outputs):
        if output is not None and _is_pending(output.path, job, options.writing):
            pending.outputs.append((chosen, output))
            continue
        if output is not None:
            pending.skipped.append(OutputResult(chosen.label, output.path, skipped=True))
        if pending.summaries or options.outputs.show:
            pending.outputs.append((chosen, None))
    return pending


def known_result(job: Job, options: JobOptions) -> JobResult | None:
    """Return the result of a job that need not run: its input is at fault, or its outputs exist."""
    if job.source.error is not None:
        return JobResult(job.source.path, error=job.source.error)
    if not options.writing.skip_existing:
        return None
    pending = pending_outputs(job, options)
    return None if pending.outputs else JobResult(job.source.path, tuple(pending.skipped))


def dry_run(job: Job, options: JobOptions) -> JobResult:
    """Return the result that a job would have, with the errors that are known beforehand."""
    path = job.source.path
    try:
        if job.source.error is not None:
            raise job.source.error
        if job.source.file is not None and not os.path.exists(job.source.file):
            raise ImageError(path, "no such file")
        pending = pending_outputs(job, options)
    except ConvcliError as error:
        return JobResult(path, error=error)
    made = [OutputResult(each.label, output and output.path) for each, output in pending.outputs]
    return JobResult(path, (*pending.skipped, *made), tuple(pending.summaries))


def _is_pending(path: str, job: Job, writing: WriteOptions) -> bool:
    """Tell whether a file must be written (True) or exists and is left (False)."""
    exists = path != STDOUT and os.path.lexists(path) and not is_stream(path)
    if writing.overwrite or not exists:
        return True
    if writing.skip_existing:
        return False
    source = job.source.file
    if (
        source
        and os.path.exists(source)
        and os.path.exists(path)
        and os.path.samefile(path, source)
    ):
        raise ImageError(path, "is the input itself; --overwrite replaces it")
    raise refuse_existing(path)
