"""Inside a worker process: run one job at a time, and wait until there is memory for it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import MutableSequence
from multiprocessing import parent_process
from typing import Any, NoReturn

from convcli.batch.job import Job, JobOptions, JobResult
from convcli.batch.run_job import check_fits, run_job
from convcli.errors import ImageError

WAITING = -1  # in reserved_bytes: the worker waits for memory
_state: dict[str, Any] = {}


class Cancelled(BaseException):
    """The run is cancelled; the job that is running must end."""


def begin(
    options: JobOptions, memory: int, worker_index: int, reserved_bytes: MutableSequence[int]
) -> None:
    """Set up a worker process.

    Args:
        options: the run's options.
        memory: bytes that all workers may take together.
        worker_index: this worker's place in ``reserved_bytes``.
        reserved_bytes: shared memory with the bytes that each worker has reserved.
    """
    _state.update(options=options, memory=memory, busy=False)
    _state.update(worker_index=worker_index, reserved_bytes=reserved_bytes)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it and signals the workers
    signal.signal(signal.SIGTERM, _cancel)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def work_on(job: Job) -> JobResult:
    """Run one job; its image is read as soon as there is memory for it."""
    try:
        _state["busy"] = True
        return run_job(job, _state["options"], _reserve_memory)
    except Cancelled:
        return JobResult(job.source.path, error=ImageError(job.source.path, "cancelled"))
    finally:
        _state["busy"] = False
        _state["reserved_bytes"][_state["worker_index"]] = 0


def _reserve_memory(need: int) -> None:
    """Wait until an image fits beside those of the other workers.

    A dying process could keep a lock, so there is none: each worker writes what it would take and
    then adds up all entries. If the sum is too large it waits, each worker a little longer than the
    one before it. An image that does not fit even alone is an error.
    """
    memory, reserved_bytes = _state["memory"], _state["reserved_bytes"]
    worker_index = _state["worker_index"]
    check_fits(need, memory)
    while True:
        reserved_bytes[worker_index] = need
        if sum(taken for taken in reserved_bytes if taken > 0) <= memory:
            return
        reserved_bytes[worker_index] = WAITING
        time.sleep(0.01 + 0.003 * worker_index)


def _cancel(_signal: int, _frame: object) -> NoReturn:
    """Cancel the running job once, so that its temporary file is deleted."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not _state["busy"]:
        os._exit(1)
    raise Cancelled


def _exit_with_parent() -> None:
    """Exit as soon as the parent process dies."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
