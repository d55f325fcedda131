"""Submit jobs as workers become free; yield their results in input order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from queue import Queue
from threading import Thread
from typing import NoReturn, Protocol, TypeVar

from convcli.batch.inputs import Missing
from convcli.batch.job import Job, JobResult

Item = TypeVar("Item")
JobResults = Generator[JobResult, None, None]
RUN_AHEAD = 8  # jobs per worker that may be submitted before the first of them is yielded
PREFETCHED = 256  # items


class Executor(Protocol):
    """Workers that run jobs: processes on this machine, or a cluster."""

    @property
    def size(self) -> int:
        """The number of jobs that run at a time."""

    @property
    def has_room(self) -> bool:
        """Whether another job can be submitted."""

    def submit(self, number: int, job: Job) -> None:
        """Submit a job under a number."""

    def finished(self) -> dict[int, JobResult]:
        """Wait for an event; return the results of the finished jobs by number, perhaps none."""

    def close(self) -> None:
        """Stop all jobs at once."""


class Prefetch(Iterator[Item]):
    """An iterator that a thread reads ahead; ``is_ready`` tells whether ``next`` need not wait."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._queue: Queue[Callable[[], Item]] = Queue(PREFETCHED)
        Thread(target=self._read, args=(items,), daemon=True).start()

    @property
    def is_ready(self) -> bool:
        """Whether ``next`` returns, or ends, at once."""
        return not self._queue.empty()

    def __next__(self) -> Item:
        get = self._queue.get()
        try:
            return get()
        except BaseException:
            self._queue.put(get)  # every later call raises the same
            raise

    def _read(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                self._queue.put(partial(_return, item))
            self._queue.put(partial(_raise, StopIteration()))
        except Exception as error:  # noqa: BLE001 - raised again by __next__
            self._queue.put(partial(_raise, error))


def _return(item: Item) -> Item:
    return item


def _raise(error: BaseException) -> NoReturn:
    raise error


def run_in_order(
    jobs: Iterator[Job | Missing], executor: Executor, *, fail_fast: bool = False
) -> JobResults:
    """Yield the result of each job, in the order of the jobs.

    Jobs are taken one by one as workers become free, at most ``RUN_AHEAD`` per worker before the
    next result to yield, so memory does not grow with their number. With ``fail_fast`` no job is
    submitted after an error; the jobs that are running are finished.
    """
    known: dict[int, JobResult] = {}
    submitted = yielded = 0
    more = True
    try:
        while more or yielded < submitted:
            while more and executor.has_room and submitted - yielded < RUN_AHEAD * executor.size:
                is_running = submitted - yielded > len(known)
                if is_running and isinstance(jobs, Prefetch) and not jobs.is_ready:
                    break  # do not wait for the list while there are results to yield
                job = next(jobs, None)
                if isinstance(job, Missing):
                    known[submitted] = JobResult(job.path, error=job.error)
                elif job is not None:
                    executor.submit(submitted, job)
                more = job is not None
                submitted += more
            if submitted - yielded > len(known):
                known.update(executor.finished())
            while yielded in known:
                result = known.pop(yielded)
                yield result
                yielded += 1
                more = more and not (fail_fast and result.error is not None)
    finally:
        executor.close()
