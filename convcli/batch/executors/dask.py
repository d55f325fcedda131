"""A Dask cluster as an executor: its workers run the same jobs and share the files.

``distributed`` schedules the jobs and runs those of a lost worker again. It does not know about
files: the lost worker may have written the output already, and the second attempt then finds it. An
output that exists now but did not when its job was submitted is such a case.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from convcli import __version__
from convcli.atomic import clear_stale, is_stream, refuse_existing
from convcli.batch.executors.dask_worker import input_stamp, to_absolute, to_relative, work_on
from convcli.batch.job import STDOUT, Job, JobOptions, JobResult
from convcli.batch.options import ExecutionOptions
from convcli.errors import ConvcliError, ImageError, UsageError, internal_error, shown

QUEUE_DEPTH = 2  # jobs per thread: the one that runs, and the next
CONNECTING = 5.0  # seconds to wait for a scheduler, and for its first worker
NO_WORKER_TIMEOUT = 30.0  # seconds without a worker after which a run ends
CHECK_INTERVAL = 0.5  # seconds between checks of the workers
CLOSING = 0.5  # seconds; the scheduler drops a client's jobs in any case
NOISY_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")


class _ClusterJob(NamedTuple):
    """A job that was submitted, with what was known at that time."""

    number: int
    job: Job
    fresh: tuple[str, ...]  # the outputs that did not exist
    losses: int  # how many times workers had been lost
    alone: bool  # whether no other job was running


class Cluster:
    """An :class:`Executor` of the workers of a Dask scheduler.

    The timeout counts the time on the worker, not the wait for one. A thread cannot be killed: a
    job that takes too long fails at once, its thread ends when the decoder or the sum returns, and
    it writes nothing. When a run is cancelled, workers finish the jobs that are running and drop
    the others.
    """

    def __init__(self, execution: ExecutionOptions, options: JobOptions) -> None:
        """Connect to the scheduler.

        Raises:
            UsageError: ``distributed`` is not installed, there is no scheduler or no worker, or
                their versions differ from ours.
        """
        if options.outputs.show:
            raise UsageError("--show opens a window on this machine; leave out --scheduler")
        self._address = shown(execution.scheduler)
        self._options, self._timeout = options, execution.timeout
        self._here = os.getcwd()
        self._submitted: dict[Future[JobResult], _ClusterJob] = {}
        self._done: SimpleQueue[Future[JobResult]] = SimpleQueue()
        self._suspects: list[_ClusterJob] = []
        self._dirty_folders: set[str] = set()
        self._losses, self._last_check = 0, float("-inf")
        self._client = _connected(str(execution.scheduler))
        try:
            _check_versions(self._client)
            self._executor = self._client.get_executor(pure=False)
            self._threads: dict[str, int] = {}
            self._last_worker_seen = time.monotonic()
            self._check_workers()
        except OSError as error:
            self.close()
            raise self._gone() from error
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """The number of the workers' threads; it changes as workers come and go."""
        return max(sum(self._threads.values()), 1)

    @property
    def has_room(self) -> bool:
        """Whether another job can be submitted."""
        if self._suspects or any(each.alone for each in self._submitted.values()):
            return False
        return len(self._submitted) < QUEUE_DEPTH * self.size

    def submit(self, number: int, job: Job) -> None:
        """Submit a job to the scheduler.

        Raises:
            UsageError: it reads or writes a stream of this machine.
        """
        if job.source.is_stdin:
            raise UsageError("a cluster reads files, not standard input; leave out --scheduler")
        paths = [path for path in job.paths if path != STDOUT]
        fresh = tuple(path for path in paths if not os.path.lexists(path))
        for path in set(paths).difference(fresh):
            if is_stream(path):
                raise UsageError(f"{shown(path)}: a cluster's workers cannot write to a stream")
        self._submit(_ClusterJob(number, job, fresh, self._losses, alone=False))

    def finished(self) -> dict[int, JobResult]:
        """Wait for an event; return the results of the finished jobs by number, perhaps none.

        Raises:
            ConvcliError: the scheduler or all workers have gone.
        """
        if self._suspects and not self._submitted:
            self._submit(self._suspects.pop()._replace(alone=True))
        if time.monotonic() > self._last_check + CHECK_INTERVAL:
            self._check_workers()
        done: dict[int, JobResult] = {}
        for future in self._newly_done():
            submitted = self._submitted.pop(future)
            result = self._result(submitted, future)
            if result is not None:
                done[submitted.number] = result
        return done

    def close(self) -> None:
        """Drop the jobs that have not begun, and disconnect."""
        with suppress(OSError, TimeoutError, AssertionError, RuntimeError):
            self._client.close(timeout=CLOSING)
        for folder in self._dirty_folders:
            clear_stale(Path(folder))

    def _submit(self, submitted: _ClusterJob) -> None:
        if self._client.status != "running":
            raise self._gone()
        job = to_absolute(submitted.job, self._here)
        task = partial(work_on, job, self._options, self._timeout, input_stamp(job))
        future = self._executor.submit(task)
        self._submitted[future] = submitted
        future.add_done_callback(self._done.put)

    def _newly_done(self) -> Iterator[Future[JobResult]]:
        """Yield the jobs that are done; wait up to ``CHECK_INTERVAL`` for the first."""
        with suppress(Empty):
            yield self._done.get(timeout=CHECK_INTERVAL)
            while True:
                yield self._done.get_nowait()

    def _result(self, submitted: _ClusterJob, future: Future[JobResult]) -> JobResult | None:
        """Return the result of a job, or None if it is submitted again."""
        from distributed import KilledWorker

        path = submitted.job.source.path
        if future.cancelled():
            raise self._gone()
        error = future.exception()
        if isinstance(error, KilledWorker):
            if not submitted.alone:  # another job on the same workers may be the cause
                self._suspects.append(submitted)
                return None
            problem = "several workers died on this image (decoder crash or out of memory)"
            return JobResult(path, error=ImageError(path, problem))
        if isinstance(error, Exception):
            return JobResult(path, error=ImageError(path, internal_error(error)))
        result = to_relative(future.result(), submitted.job, self._here)
        if submitted.fresh and _found_fresh_output(result, submitted.fresh):
            self._check_workers()
            if self._losses > submitted.losses:
                for output in submitted.fresh:
                    Path(output).unlink(missing_ok=True)
                self._submit(submitted._replace(losses=self._losses))
                return None
        return result

    def _check_workers(self) -> None:
        """Count the workers; raise if the scheduler or, for some time, all workers have gone."""
        before = set(self._threads)
        try:
            if self._client.status != "running":
                raise self._gone()
            self._threads = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=CONNECTING
            )
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        self._last_check = time.monotonic()
        if before - set(self._threads):
            self._losses += 1
            paths = (path for each in self._submitted.values() for path in each.job.paths)
            self._dirty_folders.update(os.path.dirname(path) or "." for path in paths)
        if self._threads:
            self._last_worker_seen = self._last_check
        elif self._last_check > self._last_worker_seen + NO_WORKER_TIMEOUT:
            raise ConvcliError(
                f"{self._address}: all workers have gone; continue with --skip-existing"
            )

    def _gone(self) -> ConvcliError:
        return ConvcliError(
            f"{self._address}: the scheduler has gone; continue with --skip-existing"
        )


def _connected(address: str) -> Any:
    """Return a client of the scheduler."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError("--scheduler needs the extra: pip install 'convcli[dask]'") from error
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module="distributed")
    try:
        asyncio.run(_check_reachable(address))
        client = Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
        reason = " ".join(str(error).split()) or "the server there is not a Dask scheduler"
        raise UsageError(f"--scheduler {shown(address)}: cannot be reached: {reason}") from error
    try:
        client.wait_for_workers(1, timeout=CONNECTING)
    except TimeoutError as error:
        client.close(timeout=CLOSING)
        raise UsageError(
            f"{shown(address)}: has no worker; start one with: dask worker {shown(address)}"
        ) from error
    return client


async def _check_reachable(address: str) -> None:
    """Connect once; a client would wait forever for a server that does not speak Dask."""
    from distributed.comm import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    reached = connect(address, timeout=CONNECTING, **arguments)
    comm = await asyncio.wait_for(reached, CONNECTING + CHECK_INTERVAL)
    await comm.close()


def _check_versions(client: Any) -> None:
    """Check that scheduler and workers have our versions, since others may give other results."""
    found = client.get_versions(packages=["pillow"])
    ours = _versions(found["client"], __version__)
    # The scheduler unpickles jobs as well. The version is fetched by name: it may not be installed.
    asked = resolve_name, "convcli:__version__"
    try:
        served: object = client.run_on_scheduler(*asked)
    except (ImportError, AttributeError) as error:
        served = error
    theirs = {f"the scheduler {client.scheduler.address}": (found["scheduler"], served)}
    for worker, answer in client.run(*asked, on_error="return").items():
        if worker in found["workers"]:
            theirs[f"the worker {worker}"] = found["workers"][worker], answer
    for who, (packages, answer) in theirs.items():
        have = _versions(packages, answer)
        for name, version in ours.items():
            if have[name] != version:
                has = f"{name} {have[name]}" if have[name] else f"no {name}"
                raise UsageError(f"{who} has {has}; here it is {name} {version}")


def _versions(found: Any, convcli: object) -> dict[str, str | None]:
    """Return the versions to compare; Python's without its third number."""
    packages = found["packages"]
    python = ".".join(packages["python"].split(".")[:2])
    names = ("distributed", "numpy", "pillow")
    known = {"convcli": convcli if isinstance(convcli, str) else None, "python": python}
    return known | {name: packages.get(name) for name in names}


def _found_fresh_output(result: JobResult, fresh: tuple[str, ...]) -> bool:
    """Tell whether a job found an output that did not exist when it was submitted."""
    found = [each.output for each in result.results if each.skipped and each.output]
    error = result.error
    if isinstance(error, ImageError) and error.problem == refuse_existing(Path()).problem:
        found.append(str(error.path))
    return not {*map(os.path.realpath, found)}.isdisjoint(map(os.path.realpath, fresh))
