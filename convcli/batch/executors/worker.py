"""Inside a worker process: do one job at a time, with no more memory than there is."""

import os
import signal
import threading
import time
from collections.abc import MutableSequence
from multiprocessing import parent_process
from typing import Any, NoReturn

from convcli.batch.executors.memory import check_fits
from convcli.batch.job import Outcome
from convcli.batch.options import Limits, Work
from convcli.batch.outputs import Job
from convcli.batch.run_job import do_job
from convcli.errors import PictureError

WAITING = -1
_own: dict[str, Any] = {}


class Stopped(BaseException):
    """The run is broken off."""


def begin(work: Work, limits: Limits, slot: int, ledger: MutableSequence[int]) -> None:
    """Set a process up; ``ledger`` holds what memory each worker has taken, in bytes."""
    _own.update(work=work, limits=limits, slot=slot, ledger=ledger, busy=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears of it, and says what to do
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def work_on(job: Job) -> Outcome:
    """Do one job, its picture as soon as there is memory for it."""
    try:
        _own["busy"] = True
        return do_job(job, _own["work"], _take_memory)
    except Stopped:
        return Outcome(job.source.path, error=PictureError(job.source.path, "broken off"))
    finally:
        _own["busy"] = False
        _own["ledger"][_own["slot"]] = 0


def _take_memory(need: int) -> None:
    """Wait until a picture fits beside those of the other workers.

    There is no lock that a dying process could keep: each worker writes down what it would take,
    then looks at what all would; if it is too much, it waits, a little longer than its neighbour.

    Raises:
        ConvcliError: it does not fit by itself.
    """
    limit, ledger, slot = _own["limits"].memory, _own["ledger"], _own["slot"]
    check_fits(need, limit)
    while True:
        ledger[slot] = need
        if sum(taken for taken in ledger if taken > 0) <= limit:
            return
        ledger[slot] = WAITING
        time.sleep(0.01 + 0.003 * slot)


def _stop(_signal: int, _frame: object) -> NoReturn:
    """Break off the job that is under way, so that its temporary goes; once is enough."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not _own["busy"]:
        os._exit(1)
    raise Stopped


def _outlive_nobody() -> None:
    """End when the parent is gone, however it ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
