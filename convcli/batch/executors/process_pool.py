"""A pool of worker processes in which a worker that dies loses one image only.

Python's pool cannot tell which job killed a worker, and fails all of them. Here each worker has a
connection of its own for jobs and results: the first job without a result is the one that was
running, and the others are submitted again. This takes no thread, so that the workers can be forked
from this process; see :mod:`convcli.batch.executors.start_method`.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from pickle import dumps
from typing import Any, NamedTuple

from convcli.atomic import clear_stale
from convcli.batch.executors.start_method import start_process
from convcli.batch.executors.worker import serve
from convcli.batch.job import Job, JobOptions, JobResult
from convcli.errors import ConvcliError, ImageError

QUEUE_DEPTH = 2  # jobs per worker: the one that runs, and the next
# Images of small files go several in a message: a worker then has up to SMALL_DEPTH jobs, and gets
# more when half of them are done. This saves 5 % of the time that images of 16x16 take.
SMALL_DEPTH = 8
SMALL_BYTES = 1 << 15  # of all files in a queue of more than QUEUE_DEPTH jobs
SHORT_MESSAGE = 1 << 12  # bytes that can be sent while a worker does not read
GRACE = 0.4  # seconds in which cancelled workers delete their temporary files


class _QueuedJob(NamedTuple):
    number: int
    job: Job
    size: int  # bytes of its file


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
        self._timeout = timeout
        self._workers: list[_Worker] = []
        reserved_bytes = RawArray("q", size)
        try:
            for worker_index in range(size):
                initargs = options, memory, worker_index, reserved_bytes
                # A worker killed by the timeout may already have started its next job.
                worker = _Worker(self._workers, initargs, has_queue=timeout is None)
                self._workers.append(worker)
        except BaseException:  # Ctrl-C, or not enough resources for so many processes
            self.close()
            raise

    @property
    def has_room(self) -> bool:
        """Whether another job can be submitted."""
        return any(each.has_room for each in self._workers)

    def submit(self, number: int, job: Job) -> None:
        """Queue a job for the worker that has the fewest."""
        workers = [each for each in self._workers if each.has_room] or self._workers
        min(workers, key=lambda each: len(each.jobs)).submit(number, job)

    def finished(self) -> dict[int, JobResult]:
        """Wait for an event; return the results of the finished jobs by number, perhaps none."""
        busy = [each for each in self._workers if each.jobs]
        for each in busy:
            each.send()
        ready = wait([each.connection for each in busy], self._wait_timeout())
        done: dict[int, JobResult] = {}
        lost: list[_QueuedJob] = []
        for each in busy:
            if each.connection in ready:
                done.update(each.finished(lost))
            if self._timeout is not None and each.elapsed() > self._timeout:
                each.kill(f"took longer than --timeout {self._timeout:g} seconds")
        for number, job, _ in lost:
            self.submit(number, job)
        return done

    def close(self) -> None:
        """Stop all workers at once; running jobs delete their temporary files."""
        running = [each for each in self._workers if each.jobs]
        for each in running:
            each.process.terminate()
        deadline = time.monotonic() + GRACE
        for each in running:
            each.process.join(max(deadline - time.monotonic(), 0))
        for each in self._workers:
            each.close()
        for each in self._workers:
            each.join()

    def _wait_timeout(self) -> float | None:
        """Return the seconds until the first running job exceeds the timeout."""
        if self._timeout is None:
            return None
        left = (self._timeout - each.elapsed() for each in self._workers if each.jobs)
        return max(min(left, default=0), 0) + 0.01


class _Worker:
    """One worker process and its jobs; the first job is running."""

    process: Any
    connection: Connection

    def __init__(self, pool: list[_Worker], initargs: tuple[Any, ...], *, has_queue: bool) -> None:
        self._pool, self._initargs, self._has_queue = pool, initargs, has_queue
        self.jobs: deque[_QueuedJob] = deque()
        self._unsent: list[Job] = []  # the last of the jobs
        self._start()

    def _start(self) -> None:
        self._kill_reason: str | None = None
        self._is_ready = False
        others = [each.connection for each in self._pool if each is not self]
        self.process, self.connection = start_process(serve, self._initargs, others)
        self._since = time.monotonic()

    @property
    def has_room(self) -> bool:
        """Whether another job can be queued."""
        count = len(self.jobs)
        if count < QUEUE_DEPTH:
            return count == 0 or self._has_queue
        is_short = count < (SMALL_DEPTH if self._unsent else SMALL_DEPTH // 2)
        return self._has_queue and is_short and sum(each.size for each in self.jobs) < SMALL_BYTES

    def submit(self, number: int, job: Job) -> None:
        """Queue a job; :meth:`send` sends it."""
        size = 0
        with suppress(OSError):
            size = os.stat(job.source.file or "").st_size
        self.jobs.append(_QueuedJob(number, job, size or SMALL_BYTES))  # a FIFO has no size
        self._unsent.append(job)

    def send(self) -> None:
        """Send the new jobs in one message, unless it is so long that the worker must be idle."""
        is_idle = len(self.jobs) == len(self._unsent)
        message = dumps(self._unsent) if self._unsent else b""
        if not message or not (is_idle or len(message) < SHORT_MESSAGE):
            return
        if is_idle:
            self._since = time.monotonic()
        try:
            self.connection.send_bytes(message)
        except OSError:  # the process has died, without a job if it was idle
            if is_idle:
                self._restart()
                with suppress(OSError):  # if the next one has died as well, its first job fails
                    self.connection.send_bytes(message)
        self._unsent.clear()

    def elapsed(self) -> float:
        """Return the seconds that the first job has been running."""
        *_, worker_index, reserved_bytes = self._initargs
        is_waiting = reserved_bytes[worker_index] < 0
        if not self.jobs or not self._is_ready or is_waiting:
            self._since = time.monotonic()
        return time.monotonic() - self._since

    def finished(self, lost: list[_QueuedJob]) -> Iterator[tuple[int, JobResult]]:
        """Yield the result that has come; if the process died, add the other jobs to ``lost``."""
        self._since = time.monotonic()
        try:
            result = self.connection.recv()
        except (EOFError, OSError):
            number, job, _ = self.jobs.popleft()
            died = "the worker process died on this image (decoder crash or out of memory)"
            path, problem = job.source.path, self._kill_reason or died
            lost.extend(self.jobs)  # they have not begun
            self.jobs.clear()
            self._unsent.clear()
            self._restart()
            delete_temporary_files(job)
            yield number, JobResult(path, error=ImageError(path, problem))
            return
        if result is None:
            self._is_ready = True
            return
        yield self.jobs.popleft().number, result
        if self._kill_reason is not None:  # it was killed just when it had finished
            self._restart()

    def kill(self, kill_reason: str) -> None:
        """Kill the process because of its first job."""
        self._kill_reason = kill_reason
        self.process.kill()

    def close(self) -> None:
        """Have the process end, by force if it runs a job."""
        if self.jobs:
            self.process.kill()
        self.connection.close()

    def join(self) -> None:
        """Wait until the process has ended, and delete its temporary files."""
        self.process.join()  # until then they count as in use
        for each in self.jobs:
            delete_temporary_files(each.job)

    def _restart(self) -> None:
        """Start another process in place of one that has died.

        Raises:
            ConvcliError: the system starts none, or kills it at once.
        """
        *_, worker_index, reserved_bytes = self._initargs
        self.connection.close()
        self.process.join()  # until the process is gone, its files count as in use
        reserved_bytes[worker_index] = 0
        try:
            self._start()
        except (OSError, EOFError, RuntimeError) as error:
            raise ConvcliError(
                f"a worker process has died, and no other can be started ({error}); "
                "continue with --skip-existing"
            ) from error


def delete_temporary_files(job: Job) -> None:
    """Delete what a dead process may have left in the folders of a job's outputs."""
    for folder in {os.path.dirname(path) or "." for path in job.paths}:
        clear_stale(Path(folder))
