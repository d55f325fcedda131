"""A job on a machine far away: names that hold there, a clock, and no work done twice in place."""

import ctypes
import os
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from threading import Thread

from convcli.batch.executors.worker import Stopped
from convcli.batch.job import Outcome
from convcli.batch.options import Work
from convcli.batch.outputs import STDOUT, Job
from convcli.batch.run_job import do_job
from convcli.errors import PictureError

STOPPING = 0.5  # seconds for clearing up when a picture is given up
Stamp = tuple[int, int, int] | None


def work_on(job: Job, work: Work, timeout: float | None, stamp: Stamp) -> Outcome:
    """Do one job on a worker, unless an earlier attempt has replaced its input already."""
    path = job.source.path
    if stamp != stamp_of(job):
        problem = "was replaced while its worker was lost; it may be done"
        return Outcome(path, error=PictureError(path, problem))
    if timeout is None:
        return do_job(job, work)
    attempt: Future[Outcome] = Future()
    thread = Thread(target=_attempt, args=(attempt, job, work), daemon=True)
    thread.start()
    if not wait([attempt], timeout).done:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stopped)
        )
        wait([attempt], STOPPING)
    if attempt.done() and not isinstance(attempt.exception(), Stopped):
        return attempt.result()
    problem = f"took longer than --timeout {timeout:g} seconds"
    return Outcome(path, error=PictureError(path, problem))


def _attempt(attempt: Future[Outcome], job: Job, work: Work) -> None:
    try:
        attempt.set_result(do_job(job, work))
    except BaseException as fault:  # noqa: BLE001 - raised to whoever waits
        attempt.set_exception(fault)


def stamp_of(job: Job) -> Stamp:
    """Return what tells an input from its successor, where a result takes its place."""
    source = os.path.realpath(job.source.path)
    if source not in map(os.path.realpath, job.targets):
        return None
    with suppress(OSError):
        found = os.stat(source)
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


def placed(job: Job, here: str) -> Job:
    """Return a job with names that are the same wherever a worker runs."""
    source = job.source._replace(path=os.path.join(here, job.source.path))
    outputs = (name if name == STDOUT else os.path.join(here, name) for name in job.outputs)
    joint = (each._replace(path=os.path.join(here, each.path)) for each in job.joint)
    return Job(source, tuple(outputs), tuple(joint))


def as_given(outcome: Outcome, job: Job, here: str) -> Outcome:
    """Return an outcome with the names as they were given."""
    names = {os.path.join(here, name): name for name in (job.source.path, *job.targets)}
    # A path in an error has been through pathlib, which leaves out what means nothing.
    plain = {str(Path(placed)): str(Path(name)) for placed, name in names.items()} | names
    below = os.path.join(here, "")
    error = outcome.error
    if isinstance(error, PictureError):
        path = str(error.path)
        error = PictureError(plain.get(path, path), error.problem.replace(below, ""))
    return outcome._replace(
        path=job.source.path,
        results=tuple(
            result._replace(output=result.output and names.get(result.output, result.output))
            for result in outcome.results
        ),
        joint=tuple(each._replace(path=names[each.path]) for each in outcome.joint),
        error=error,
    )
