"""What is still to be made of a job, and what stands in the way: known before any work is done."""

import os
from pathlib import Path
from typing import NamedTuple

from convcli.atomic import is_stream, refuse_existing
from convcli.batch.job import JobResult, OutputResult
from convcli.batch.options import JobOptions
from convcli.batch.outputs import STDOUT, Job, SummaryFile, joined
from convcli.errors import ConvcliError, ImageError
from convcli.filtering import Filter


class Step(NamedTuple):
    """One feature map to make; ``output`` is None where it only goes into joint files."""

    spec: Filter
    output: str | None


class Pending(NamedTuple):
    """What is to be made, what is left as it is, and what is made of all results."""

    steps: list[Step]
    skipped: list[OutputResult]
    joint: list[SummaryFile]


def pending_outputs(job: Job, work: JobOptions) -> Pending:
    """Return what of a job is still to be made.

    Raises:
        ImageError: something exists that may neither be replaced nor left.
    """
    skipped: list[OutputResult] = []
    joint: list[SummaryFile] = []
    for each in job.joint:
        if _may_be_made(each.path, job, work):
            joint.append(each)
        else:
            skipped.append(OutputResult(joined(work.labels), each.path, skipped=True))
    steps = [Step(spec, None) for spec in work.specs]
    for place, output in enumerate(job.outputs):
        if _may_be_made(output, job, work):
            steps[place] = Step(work.specs[place], output)
        else:
            skipped.append(OutputResult(work.specs[place].label, output, skipped=True))
    if not joint and not work.show:
        steps = [step for step in steps if step.output is not None]
    return Pending(steps, skipped, joint)


def dry_run(job: Job, work: JobOptions) -> JobResult:
    """Return what a job would make, or why it cannot."""
    path = job.source.path
    try:
        if not (job.source.is_stdin or os.path.exists(path)):
            raise ImageError(path, "no such file")
        todo = pending_outputs(job, work)
    except ConvcliError as error:
        return JobResult(path, error=error)
    made = [OutputResult(step.spec.label, step.output) for step in todo.steps]
    return JobResult(path, (*todo.skipped, *made), tuple(todo.joint))


def _may_be_made(output: str, job: Job, work: JobOptions) -> bool:
    """Tell whether a file is to be written, or else left as it is."""
    if work.writing.overwrite or not _exists(output):
        return True
    if work.writing.skip_existing:
        return False
    source = job.source.path
    there = not job.source.is_stdin and os.path.exists(source) and os.path.exists(output)
    if there and os.path.samefile(output, source):
        raise ImageError(output, "is the input itself; --overwrite replaces it")
    raise refuse_existing(Path(output))


def _exists(output: str) -> bool:
    """Tell whether a file is there that would be replaced; a FIFO or a device never is."""
    return output != STDOUT and os.path.lexists(output) and not is_stream(Path(output))
