"""A job on a worker of a Dask cluster: absolute paths, a timeout, and no input filtered twice."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from threading import Thread

from convcli.batch.executors.worker import Cancelled
from convcli.batch.job import STDOUT, Job, JobOptions, JobResult
from convcli.batch.run_job import run_job
from convcli.errors import ImageError

STOPPING = 0.5  # seconds in which a cancelled job deletes its temporary file
Stamp = tuple[int, int, int] | None


def work_on(job: Job, options: JobOptions, timeout: float | None, stamp: Stamp) -> JobResult:
    """Run one job, unless an earlier attempt has replaced its input already."""
    path = job.source.path
    if stamp != input_stamp(job):
        problem = "was replaced while its worker was lost; its result may be complete"
        return JobResult(path, error=ImageError(path, problem))
    if timeout is None:
        return run_job(job, options)
    attempt: Future[JobResult] = Future()
    thread = Thread(target=_attempt, args=(attempt, job, options), daemon=True)
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


def _attempt(attempt: Future[JobResult], job: Job, options: JobOptions) -> None:
    try:
        attempt.set_result(run_job(job, options))
    except BaseException as error:  # noqa: BLE001 - raised again by result()
        attempt.set_exception(error)


def input_stamp(job: Job) -> Stamp:
    """Return inode, size and time of an input that its own result replaces, else None."""
    source = os.path.realpath(job.source.path)
    if source not in map(os.path.realpath, job.paths):
        return None
    with suppress(OSError):
        found = os.stat(source)
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


def to_absolute(job: Job, here: str) -> Job:
    """Return a job with absolute paths, which are valid wherever a worker runs."""
    source = job.source._replace(path=os.path.join(here, job.source.path))
    outputs = (
        each if each.path == STDOUT else each._replace(path=os.path.join(here, each.path))
        for each in job.outputs
    )
    summaries = (each._replace(path=os.path.join(here, each.path)) for each in job.summaries)
    return Job(source, tuple(outputs), tuple(summaries))


def to_relative(result: JobResult, job: Job, here: str) -> JobResult:
    """Return a result with the paths as the user gave them."""
    names = {os.path.join(here, name): name for name in (job.source.path, *job.paths)}
    # The path of an error has been normalized by pathlib.
    plain = {str(Path(full)): str(Path(name)) for full, name in names.items()} | names
    below = os.path.join(here, "")
    error = result.error
    if isinstance(error, ImageError):
        path = str(error.path)
        error = ImageError(plain.get(path, path), error.problem.replace(below, ""))
    return result._replace(
        path=job.source.path,
        results=tuple(
            each._replace(output=each.output and names.get(each.output, each.output))
            for each in result.results
        ),
        summaries=tuple(each._replace(path=names[each.path]) for each in result.summaries),
        error=error,
    )
