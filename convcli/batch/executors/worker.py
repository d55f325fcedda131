"""Inside a worker process: run one job at a time, and wait until there is memory for it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, MutableSequence, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pickle import dumps
from typing import NoReturn

from convcli.batch.job import Job, JobOptions, JobResult
from convcli.batch.memory import check_fits
from convcli.batch.run_job import run_job
from convcli.images.pillow_errors import global_settings

WAITING = -1  # in reserved_bytes: the worker waits for memory and holds none


@dataclass
class _Worker:
    """This process; see :func:`serve`."""

    options: JobOptions
    memory: int
    index: int
    reserved_bytes: MutableSequence[int]
    busy: bool = False


_worker: _Worker


class Cancelled(BaseException):
    """The run is cancelled; the job that is running must end."""


def serve(
    connection: Connection,
    inherited: Iterable[Connection],
    options: JobOptions,
    memory: int,
    worker_index: int,
    reserved_bytes: MutableSequence[int],
) -> None:
    """Run the jobs that come on a connection, and send their results, until the parent closes it.

    Args:
        connection: to the parent. Lists of jobs come, and results go, one at a time; None, which
            goes first, says that the process has started.
        inherited: what a forked process must close.
        options: the run's options.
        memory: bytes that all workers may take together.
        worker_index: this worker's place in ``reserved_bytes``.
        reserved_bytes: shared memory with what each worker has reserved; see :func:`may_take`.
    """
    global _worker
    _worker = _Worker(options, memory, worker_index, reserved_bytes)
    for each in inherited:
        each.close()
    _take_signals()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with suppress(Cancelled, EOFError, ConnectionError), global_settings():
        connection.send(None)
        while True:
            for job in connection.recv():
                connection.send_bytes(dumps(_work_on(job)))  # faster than multiprocessing's pickle
    os._exit(0)  # without what the parent would do at its end


def _take_signals() -> None:
    """Replace the parent's handlers: it handles the signals of a terminal, and cancels workers."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _cancel)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _work_on(job: Job) -> JobResult:
    """Run one job; its image is read as soon as there is memory for it."""
    try:
        _worker.busy = True
        return run_job(job, _worker.options, _reserve_memory)
    finally:
        _worker.busy = False
        _worker.reserved_bytes[_worker.index] = 0


def may_take(need: int, reserved_bytes: Sequence[int], worker_index: int, memory: int) -> bool:
    """Tell whether a worker may go on with ``need`` bytes in all.

    It may if they fit beside what the others have reserved, also those that wait for more. If all
    workers that hold something wait, none of them would end. The first of them then goes on, and
    the limit is exceeded by what the others hold.

    Args:
        need: bytes, with those that the worker holds.
        reserved_bytes: of each worker: what it uses; or, below 0, what it holds while it waits, and
            ``WAITING`` if that is nothing.
        worker_index: the worker's place in ``reserved_bytes``.
        memory: bytes that all workers may take together.

    >>> [may_take(60, reserved, 0, 100) for reserved in ([0, 50], [0, -50], [-30, -50])]
    [False, False, True]
    """
    held = [0 if taken == WAITING else taken for taken in reserved_bytes]
    others = held[:worker_index] + held[worker_index + 1 :]
    if need + sum(map(abs, others)) <= memory:
        return True
    all_wait = all(taken <= 0 for taken in others)
    return all_wait and held[worker_index] < 0 and not any(held[:worker_index])


def _reserve_memory(need: int) -> None:
    """Wait until an image fits beside those of the other workers.

    A dying process could keep a lock, so there is none: each worker writes what it would take and
    then looks at all entries. If it may not take it, it waits, each worker a little longer than the
    one before it. An image that does not fit even alone is an error.
    """
    index, reserved_bytes = _worker.index, _worker.reserved_bytes
    check_fits(need, _worker.memory)
    waiting = -reserved_bytes[index] or WAITING
    while True:
        reserved_bytes[index] = need
        seen = list(reserved_bytes)
        seen[index] = waiting
        if may_take(need, seen, index, _worker.memory):
            return
        reserved_bytes[index] = waiting
        time.sleep(0.01 + 0.003 * index)


def _cancel(_signal: int, _frame: object) -> NoReturn:
    """Cancel the running job once, so that its temporary file is deleted."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not _worker.busy:
        os._exit(1)
    raise Cancelled


def _exit_with_parent() -> None:
    """Exit as soon as the parent process dies."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
