"""Give jobs out as there is room, and tell of them in the order they came."""

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from queue import Queue
from threading import Thread
from typing import NoReturn, Protocol, TypeVar

from convcli.batch.inputs import Missing
from convcli.batch.job import JobResult
from convcli.batch.outputs import Job

Item = TypeVar("Item")
JobResults = Generator[JobResult, None, None]
RUN_AHEAD = 8  # jobs for each worker that may be done or under way before the first of them is told


class Executor(Protocol):
    """Workers somewhere: processes here, or a cluster."""

    @property
    def size(self) -> int:
        """How many jobs are worked on at a time."""

    @property
    def has_room(self) -> bool:
        """Whether another job can be given out."""

    def submit(self, number: int, job: Job) -> None:
        """Give out a job."""

    def finished(self) -> dict[int, JobResult]:
        """Wait until something happens; return what became of the jobs that are done, if any."""

    def close(self) -> None:
        """End at once whatever is still under way."""


class Prefetch(Iterator[Item]):
    """An iterator that is gone through on a thread of its own, a little ahead.

    ``is_ready`` tells whether the next item, or the end, is there already.
    """

    def __init__(self, items: Iterable[Item], most: int = 256) -> None:
        self._queue: Queue[Callable[[], Item]] = Queue(most)
        Thread(target=self._read, args=(items,), daemon=True).start()

    @property
    def is_ready(self) -> bool:
        """Whether ``next`` returns at once."""
        return not self._queue.empty()

    def __next__(self) -> Item:
        take = self._queue.get()
        try:
            return take()
        except BaseException:
            self._queue.put(take)  # the end stays the end
            raise

    def _read(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                self._queue.put(partial(_given, item))
            self._queue.put(partial(_raised, StopIteration()))
        except Exception as fault:  # noqa: BLE001 - raised to whoever asks for the next
            self._queue.put(partial(_raised, fault))


def _given(item: Item) -> Item:
    return item


def _raised(fault: BaseException) -> NoReturn:
    raise fault


def run_in_order(
    jobs: Iterator[Job | Missing], team: Executor, *, fail_fast: bool = False
) -> JobResults:
    """Yield what becomes of each job, in the jobs' order.

    The jobs are taken one by one as workers become free, and only so far ahead of the one to be
    told next; memory is the same however many there are. With ``fail_fast`` none is given out
    after a fault; those under way are finished.
    """
    known: dict[int, JobResult] = {}
    given = told = 0
    more = True
    try:
        while more or told < given:
            while more and team.has_room and given - told < RUN_AHEAD * team.size:
                if given - told > len(known) and isinstance(jobs, Prefetch) and not jobs.is_ready:
                    break  # what is under way comes first
                job = next(jobs, None)
                if isinstance(job, Missing):
                    known[given] = JobResult(job.path, error=job.error)
                elif job is not None:
                    team.submit(given, job)
                more = job is not None
                given += more
            if given - told > len(known):
                known.update(team.finished())
            while told in known:
                outcome = known.pop(told)
                yield outcome
                told += 1
                more = more and not (fail_fast and outcome.error is not None)
    finally:
        team.close()
