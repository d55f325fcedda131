"""Submit jobs as workers become free; yield their results in input order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from threading import Thread
from typing import Any, Protocol, TypeVar, cast

from convcli.batch.job import Job, JobOptions, JobResult, known_result

Item = TypeVar("Item")
JobResults = Generator[JobResult, None, None]
RUN_AHEAD = 32  # jobs per worker that may be submitted before the first of them is yielded
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
    """An iterator that a thread reads ahead; ``is_ready`` tells whether ``next`` need not wait.

    Raises:
        RuntimeError: the system has no threads.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        from queue import Queue

        self._queue: Queue[tuple[Any, Exception | None]] = Queue(PREFETCHED)
        Thread(target=self._read, args=(items,), daemon=True).start()

    @property
    def is_ready(self) -> bool:
        """Whether ``next`` returns, or ends, at once."""
        return not self._queue.empty()

    def __next__(self) -> Item:
        item, error = self._queue.get()
        if error is not None:
            self._queue.put((None, error))  # every later call raises the same
            raise error
        return cast("Item", item)

    def _read(self, items: Iterable[Item]) -> None:
        end: Exception = StopIteration()
        try:
            for item in items:
                self._queue.put((item, None))
        except Exception as error:  # noqa: BLE001 - raised again by __next__
            end = error
        self._queue.put((None, end))


def run_in_order(
    jobs: Iterator[Job], executor: Executor, options: JobOptions, *, fail_fast: bool = False
) -> JobResults:
    """Yield the result of each job, in the order of the jobs.

    Jobs that need not run are not submitted; see :func:`convcli.batch.job.known_result`.
    At most ``RUN_AHEAD`` jobs per worker are submitted before the next result to yield, so memory
    does not grow with their number. With ``fail_fast`` no job is submitted after an error, and
    none waits for a worker; the jobs that are running are finished.
    """
    known: dict[int, JobResult] = {}
    submitted = yielded = 0
    more = True
    try:
        while more or yielded < submitted:
            while more and executor.has_room and submitted - yielded < RUN_AHEAD * executor.size:
                running = submitted - yielded - len(known)
                if fail_fast and running >= executor.size:
                    break
                if running and isinstance(jobs, Prefetch) and not jobs.is_ready:
                    break  # do not wait for the list while there are results to yield
                job = next(jobs, None)
                more = job is not None
                if job is None:
                    break
                result = known_result(job, options)
                if result is not None:
                    known[submitted] = result
                    more = not (fail_fast and result.error is not None)
                else:
                    executor.submit(submitted, job)
                submitted += 1
            if submitted - yielded > len(known):
                finished = executor.finished()
                known.update(finished)
                if fail_fast and any(result.error is not None for result in finished.values()):
                    more = False
            while yielded in known:
                yield known.pop(yielded)
                yielded += 1
    finally:
        executor.close()
