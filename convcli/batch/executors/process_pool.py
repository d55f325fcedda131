"""Worker processes, each an executor of its own: one that dies takes one image with it.

A process pool that loses a process fails every job it holds, and cannot tell which of them was to
blame. An executor with a single worker can: it was at the first of its jobs. The others are given
out again.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from convcli.atomic import clear_stale
from convcli.batch.executors import worker
from convcli.batch.executors.forkserver import child_environment, context
from convcli.batch.job import JobResult
from convcli.batch.options import JobOptions, Limits
from convcli.batch.outputs import Job
from convcli.errors import ImageError

QUEUE_DEPTH = 2  # jobs that a worker has: the one it is at, and the next
GRACE = 0.4  # seconds that workers have for clearing up when a run is broken off


class _Submitted(NamedTuple):
    number: int
    job: Job
    future: Future[JobResult]


class ProcessPool:
    """So many workers.

    ``submit`` gives out a job, ``finished`` waits and returns what became of some, by number.
    """

    def __init__(self, size: int, work: JobOptions, limits: Limits) -> None:
        self.size = size
        self._context = context()
        reserved_bytes = self._context.RawArray("q", size)
        self._members: list[_Worker] = []
        try:
            with child_environment():
                for slot in range(size):
                    initargs = work, limits, slot, reserved_bytes
                    self._members.append(_Worker(self._context, initargs))
        except BaseException:  # Ctrl-C, or no room for so many
            self.close()
            raise
        self._again: deque[tuple[int, Job]] = deque()
        self._timeout = limits.timeout
        # A worker that is killed for its time may by then be at its next job, if it has one.
        self._ahead = QUEUE_DEPTH if limits.timeout is None else 1

    @property
    def has_room(self) -> bool:
        """Whether another job can be given out."""
        return any(len(member.held) < self._ahead for member in self._members)

    def submit(self, number: int, job: Job) -> None:
        """Give a job to the worker that has the least to do."""
        min(self._members, key=lambda member: len(member.held)).take(number, job)

    def finished(self) -> dict[int, JobResult]:
        """Wait until something happens; return what became of the jobs that are done, if any."""
        heads = [member.held[0].future for member in self._members if member.held]
        wait(heads, timeout=self._wait_timeout(), return_when=FIRST_COMPLETED)
        done: dict[int, JobResult] = {}
        for member in self._members:
            if self._timeout is not None and member.spent() > self._timeout:
                member.stop(f"took longer than --timeout {self._timeout:g} seconds")
            done.update(member.finished(self._again))
        while self._again:
            self.submit(*self._again.popleft())
        return done

    def close(self) -> None:
        """End all workers, at once; what they are at is cleared up."""
        at_work = [member for member in self._members if member.held]
        for member in at_work:
            member.signal(signal.SIGTERM)
        wait([member.held[0].future for member in at_work], timeout=GRACE)
        for member in self._members:
            member.end()

    def _wait_timeout(self) -> float | None:
        """Return how long to wait before a worker has to be looked at."""
        if self._timeout is None:
            return None
        left = (self._timeout - member.spent() for member in self._members if member.held)
        return max(min(left, default=0), 0) + 0.01


class _Worker:
    """One worker process and the jobs it has, the first of which it is at."""

    def __init__(self, context: Any, initargs: tuple[Any, ...]) -> None:
        self._context, self._outfit = context, initargs
        self.held: deque[_Submitted] = deque()
        self._start()

    def _start(self) -> None:
        self._verdict: str | None = None
        self._executor = ProcessPoolExecutor(
            1, mp_context=self._context, initializer=worker.begin, initargs=self._outfit
        )
        self._pid = self._executor.submit(os.getpid)  # the first job starts the process
        self._since = time.monotonic()

    def take(self, number: int, job: Job) -> None:
        """Queue a job."""
        if not self.held:
            self._since = time.monotonic()
        try:
            future = self._executor.submit(worker.work_on, job)
        except BrokenProcessPool as death:
            if self.held:  # what it died at is told first, and this job given out again
                future = Future()
                future.set_exception(death)
            else:
                self._restart()
                future = self._executor.submit(worker.work_on, job)
        self.held.append(_Submitted(number, job, future))

    def spent(self) -> float:
        """Return for how many seconds it has been at its first job."""
        *_, slot, reserved_bytes = self._outfit
        if not self.held or not self._pid.done() or reserved_bytes[slot] == worker.WAITING:
            self._since = time.monotonic()
        return time.monotonic() - self._since

    def finished(self, again: deque[tuple[int, Job]]) -> Iterator[tuple[int, JobResult]]:
        """Yield what became of the jobs that are done; after a death, the rest goes ``again``."""
        dead = self._verdict is not None
        while self.held and self.held[0].future.done():
            number, job, future = self.held.popleft()
            self._since = time.monotonic()
            try:
                yield number, future.result()
            except BrokenProcessPool:
                dead = True
                clear_after(job)
                yield number, JobResult(job.source.path, error=self._crash_error(job))
            if dead:  # the others were not begun
                break
        if dead:
            again.extend((held.number, held.job) for held in self.held)
            self.held.clear()
            self._restart()

    def stop(self, kill_reason: str) -> None:
        """Kill the process for what its first job did."""
        self._verdict = kill_reason
        self.signal(signal.SIGKILL)
        wait([self.held[0].future])

    def signal(self, number: int) -> None:
        """Send the process a signal, if it is there."""
        if self._pid.done() and self._pid.exception() is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid.result(), number)

    def end(self) -> None:
        """End the process, by force if it is at work, and let go of it."""
        if self.held:
            self.signal(signal.SIGKILL)
        self._executor.shutdown(cancel_futures=True)
        for held in self.held:
            clear_after(held.job)

    def _crash_error(self, job: Job) -> ImageError:
        kill_reason = self._verdict or (
            "the process at work on it died; perhaps its decoder crashed, or memory ran out"
        )
        return ImageError(job.source.path, kill_reason)

    def _restart(self) -> None:
        *_, slot, reserved_bytes = self._outfit
        reserved_bytes[slot] = 0
        self._executor.shutdown()
        with child_environment():
            self._start()


def clear_after(job: Job) -> None:
    """Remove what a process that died may have left where the job's results go."""
    for folder in {os.path.dirname(target) or "." for target in job.targets}:
        clear_stale(Path(folder))
