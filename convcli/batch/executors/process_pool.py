"""A pool of worker processes in which a worker that dies loses one image only.

Python's pool cannot tell which job killed a worker, and fails all of them. Here each worker is a
pool of one process: the first of its jobs is the one that was running, and the others are submitted
again.
"""

from __future__ import annotations

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
from convcli.batch.job import Job, JobOptions, JobResult
from convcli.errors import ImageError

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows SIGTERM ends a process by force
QUEUE_DEPTH = 2  # jobs per worker: the one that runs, and the next
GRACE = 0.4  # seconds in which cancelled workers delete their temporary files


class _QueuedJob(NamedTuple):
    number: int
    job: Job
    future: Future[JobResult]


class ProcessPool:
    """An :class:`Executor` of worker processes on this machine."""

    def __init__(
        self, size: int, options: JobOptions, memory: int, timeout: float | None = None
    ) -> None:
        """Start the workers.

        Args:
            size: the number of workers.
            options: the run's options.
            memory: bytes that all workers may take together.
            timeout: seconds that an image may take; None for no limit.
        """
        self.size = size
        self._context = context()
        reserved_bytes = self._context.RawArray("q", size)
        self._workers: list[_Worker] = []
        try:
            with child_environment():
                for worker_index in range(size):
                    initargs = options, memory, worker_index, reserved_bytes
                    self._workers.append(_Worker(self._context, initargs))
        except BaseException:  # Ctrl-C, or not enough resources for so many processes
            self.close()
            raise
        self._lost: deque[tuple[int, Job]] = deque()  # jobs to submit again
        self._timeout = timeout
        # A worker killed by the timeout may already have started its next job.
        self._queue_depth = QUEUE_DEPTH if timeout is None else 1

    @property
    def has_room(self) -> bool:
        """Whether another job can be submitted."""
        return any(len(each.submitted) < self._queue_depth for each in self._workers)

    def submit(self, number: int, job: Job) -> None:
        """Submit a job to the worker that has the fewest."""
        min(self._workers, key=lambda each: len(each.submitted)).submit(number, job)

    def finished(self) -> dict[int, JobResult]:
        """Wait for an event; return the results of the finished jobs by number, perhaps none."""
        running = [each.submitted[0].future for each in self._workers if each.submitted]
        wait(running, timeout=self._wait_timeout(), return_when=FIRST_COMPLETED)
        done: dict[int, JobResult] = {}
        for each in self._workers:
            if self._timeout is not None and each.elapsed() > self._timeout:
                each.kill(f"took longer than --timeout {self._timeout:g} seconds")
            done.update(each.finished(self._lost))
        while self._lost:
            self.submit(*self._lost.popleft())
        return done

    def close(self) -> None:
        """Stop all workers at once; running jobs delete their temporary files."""
        running = [each for each in self._workers if each.submitted]
        for each in running:
            each.signal(signal.SIGTERM)
        wait([each.submitted[0].future for each in running], timeout=GRACE)
        for each in self._workers:
            each.close()

    def _wait_timeout(self) -> float | None:
        """Return the seconds until the first running job exceeds the timeout."""
        if self._timeout is None:
            return None
        left = (self._timeout - each.elapsed() for each in self._workers if each.submitted)
        return max(min(left, default=0), 0) + 0.01


class _Worker:
    """One worker process and its jobs; the first job is running."""

    def __init__(self, context: Any, initargs: tuple[Any, ...]) -> None:
        self._context, self._initargs = context, initargs
        self.submitted: deque[_QueuedJob] = deque()
        self._start()

    def _start(self) -> None:
        self._kill_reason: str | None = None
        self._executor = ProcessPoolExecutor(
            1, mp_context=self._context, initializer=worker.begin, initargs=self._initargs
        )
        self._pid = self._executor.submit(os.getpid)  # the first task starts the process
        self._since = time.monotonic()

    def submit(self, number: int, job: Job) -> None:
        """Queue a job."""
        if not self.submitted:
            self._since = time.monotonic()
        try:
            future = self._executor.submit(worker.work_on, job)
        except BrokenProcessPool as death:
            if self.submitted:  # the running job fails first; then this one is submitted again
                future = Future()
                future.set_exception(death)
            else:
                self._restart()
                future = self._executor.submit(worker.work_on, job)
        self.submitted.append(_QueuedJob(number, job, future))

    def elapsed(self) -> float:
        """Return the seconds that the first job has been running."""
        *_, worker_index, reserved_bytes = self._initargs
        is_waiting = reserved_bytes[worker_index] < 0
        if not self.submitted or not self._pid.done() or is_waiting:
            self._since = time.monotonic()
        return time.monotonic() - self._since

    def finished(self, lost: deque[tuple[int, Job]]) -> Iterator[tuple[int, JobResult]]:
        """Yield the results of finished jobs; if the process died, add the others to ``lost``."""
        dead = self._kill_reason is not None
        while self.submitted and self.submitted[0].future.done():
            number, job, future = self.submitted.popleft()
            self._since = time.monotonic()
            try:
                yield number, future.result()
            except BrokenProcessPool:
                dead = True
                self._executor.shutdown()  # until the process is gone, its files count as in use
                delete_temporary_files(job)
                problem = self._kill_reason or (
                    "the worker process died on this image (decoder crash or out of memory)"
                )
                path = job.source.path
                yield number, JobResult(path, error=ImageError(path, problem))
            if dead:  # the other jobs have not begun
                break
        if dead:
            lost.extend((each.number, each.job) for each in self.submitted)
            self.submitted.clear()
            self._restart()

    def kill(self, kill_reason: str) -> None:
        """Kill the process because of its first job."""
        self._kill_reason = kill_reason
        self.signal(KILL)
        wait([self.submitted[0].future])

    def signal(self, number: int) -> None:
        """Send the process a signal, if it exists."""
        if self._pid.done() and self._pid.exception() is None:
            with suppress(OSError):  # it has ended
                os.kill(self._pid.result(), number)

    def close(self) -> None:
        """End the process, by force if it runs a job."""
        if self.submitted:
            self.signal(KILL)
        self._executor.shutdown(cancel_futures=True)
        for each in self.submitted:
            delete_temporary_files(each.job)

    def _restart(self) -> None:
        *_, worker_index, reserved_bytes = self._initargs
        reserved_bytes[worker_index] = 0
        self._executor.shutdown()
        with child_environment():
            self._start()


def delete_temporary_files(job: Job) -> None:
    """Delete what a dead process may have left in the folders of a job's outputs."""
    for folder in {os.path.dirname(path) or "." for path in job.paths}:
        clear_stale(Path(folder))
