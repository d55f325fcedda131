"""Inside a worker process: do one job at a time, with no more memory than there is."""

import os
import signal
import threading
import time
from collections.abc import MutableSequence
from multiprocessing import parent_process
from typing import Any, NoReturn

from convcli.batch.executors.memory import check_fits
from convcli.batch.job import JobResult
from convcli.batch.options import JobOptions, Limits
from convcli.batch.outputs import Job
from convcli.batch.run_job import do_job
from convcli.errors import ImageError

WAITING = -1
_own: dict[str, Any] = {}


class Cancelled(BaseException):
    """The run is broken off."""


def begin(
    work: JobOptions, limits: Limits, slot: int, reserved_bytes: MutableSequence[int]
) -> None:
    """Set a process up; ``reserved_bytes`` holds what memory each worker has taken, in bytes."""
    _own.update(work=work, limits=limits, slot=slot, reserved_bytes=reserved_bytes, busy=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears of it, and says what to do
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def work_on(job: Job) -> JobResult:
    """Do one job, its image as soon as there is memory for it."""
    try:
        _own["busy"] = True
        return do_job(job, _own["work"], _take_memory)
    except Cancelled:
        return JobResult(job.source.path, error=ImageError(job.source.path, "broken off"))
    finally:
        _own["busy"] = False
        _own["reserved_bytes"][_own["slot"]] = 0


def _take_memory(need: int) -> None:
    """Wait until an image fits beside those of the other workers.

    There is no lock that a dying process could keep: each worker writes down what it would take,
    then looks at what all would; if it is too much, it waits, a little longer than its neighbor.

    Raises:
        ConvcliError: it does not fit by itself.
    """
    limit, reserved_bytes, slot = _own["limits"].memory, _own["reserved_bytes"], _own["slot"]
    check_fits(need, limit)
    while True:
        reserved_bytes[slot] = need
        if sum(taken for taken in reserved_bytes if taken > 0) <= limit:
            return
        reserved_bytes[slot] = WAITING
        time.sleep(0.01 + 0.003 * slot)


def _stop(_signal: int, _frame: object) -> NoReturn:
    """Break off the job that is under way, so that its temporary goes; once is enough."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not _own["busy"]:
        os._exit(1)
    raise Cancelled


def _exit_with_parent() -> None:
    """End when the parent is gone, however it ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
