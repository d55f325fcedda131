"""A job on a machine far away: names that hold there, a clock, and no work done twice in place."""

import ctypes
import os
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from threading import Thread

from convcli.batch.executors.worker import Cancelled
from convcli.batch.job import JobResult
from convcli.batch.options import JobOptions
from convcli.batch.outputs import STDOUT, Job
from convcli.batch.run_job import do_job
from convcli.errors import ImageError

STOPPING = 0.5  # seconds for clearing up when an image is given up
Stamp = tuple[int, int, int] | None


def work_on(job: Job, work: JobOptions, timeout: float | None, stamp: Stamp) -> JobResult:
    """Do one job on a worker, unless an earlier attempt has replaced its input already."""
    path = job.source.path
    if stamp != input_stamp(job):
        problem = "was replaced while its worker was lost; it may be done"
        return JobResult(path, error=ImageError(path, problem))
    if timeout is None:
        return do_job(job, work)
    attempt: Future[JobResult] = Future()
    thread = Thread(target=_attempt, args=(attempt, job, work), daemon=True)
    thread.start()
    if not wait([attempt], timeout).done:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Cancelled)
        )
        wait([attempt], STOPPING)
    if attempt.done() and not isinstance(attempt.exception(), Cancelled):
        return attempt.result()
    problem = f"took longer than --timeout {timeout:g} seconds"
    return JobResult(path, error=ImageError(path, problem))


def _attempt(attempt: Future[JobResult], job: Job, work: JobOptions) -> None:
    try:
        attempt.set_result(do_job(job, work))
    except BaseException as fault:  # noqa: BLE001 - raised to whoever waits
        attempt.set_exception(fault)


def input_stamp(job: Job) -> Stamp:
    """Return what tells an input from its successor, where a result takes its place."""
    source = os.path.realpath(job.source.path)
    if source not in map(os.path.realpath, job.targets):
        return None
    with suppress(OSError):
        found = os.stat(source)
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


def to_absolute(job: Job, here: str) -> Job:
    """Return a job with names that are the same wherever a worker runs."""
    source = job.source._replace(path=os.path.join(here, job.source.path))
    outputs = (name if name == STDOUT else os.path.join(here, name) for name in job.outputs)
    joint = (each._replace(path=os.path.join(here, each.path)) for each in job.joint)
    return Job(source, tuple(outputs), tuple(joint))


def to_relative(outcome: JobResult, job: Job, here: str) -> JobResult:
    """Return an outcome with the names as they were given."""
    names = {os.path.join(here, name): name for name in (job.source.path, *job.targets)}
    # A path in an error has been through pathlib, which leaves out what means nothing.
    plain = {str(Path(to_absolute)): str(Path(name)) for to_absolute, name in names.items()} | names
    below = os.path.join(here, "")
    error = outcome.error
    if isinstance(error, ImageError):
        path = str(error.path)
        error = ImageError(plain.get(path, path), error.problem.replace(below, ""))
    return outcome._replace(
        path=job.source.path,
        results=tuple(
            result._replace(output=result.output and names.get(result.output, result.output))
            for result in outcome.results
        ),
        joint=tuple(each._replace(path=names[each.path]) for each in outcome.joint),
        error=error,
    )
