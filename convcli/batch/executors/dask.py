"""A Dask cluster as a team: the same image function, on workers that share the files.

``distributed`` decides who does what, and gives a lost worker's images to others. What it does
not know of is a file: an image that comes up again may have been written by the worker that was
lost. Such a result is told from others' by not having been there when the job was given out.
"""

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
from convcli.batch.job import JobResult
from convcli.batch.options import ExecutionOptions, JobOptions
from convcli.batch.outputs import STDOUT, Job
from convcli.errors import ConvcliError, ImageError, UsageError, internal_error, shown

QUEUE_DEPTH = 2  # jobs for each thread: the one it is at, and the next
CONNECTING = 5.0  # seconds until a scheduler, or its first worker, counts as not there
NO_WORKER_TIMEOUT = 30.0  # seconds without any worker that end a run
CHECK_INTERVAL = 0.5  # seconds between looks at who is there
CLOSING = 0.5  # seconds for taking leave; the scheduler drops a client's jobs when it is gone
NOISY_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")


class _Submitted(NamedTuple):
    """A job that was given out.

    ``fresh`` are the results that were not there then, ``losses`` how many times workers had been
    lost by then; ``alone`` tells that no other job was under way.
    """

    number: int
    job: Job
    fresh: tuple[str, ...]
    losses: int
    alone: bool


class Cluster:
    """The workers of a Dask scheduler.

    An image counts for its time on the worker, not for its wait. One that takes longer than
    ``effort.timeout`` is given up there and then, and its result is not counted. No thread can be
    killed: it ends when the decoder or the sum that it is at returns, and writes nothing then.
    What workers are at when a run is broken off they finish; what they have not begun they drop.

    Raises:
        UsageError: ``distributed`` is missing here, the scheduler or any worker there, or they
            have other versions than we.
    """

    def __init__(self, effort: ExecutionOptions, work: JobOptions) -> None:
        if work.show:
            raise UsageError("--show opens a window on this machine; leave out --scheduler")
        self._address = shown(effort.scheduler)
        self._work, self._timeout = work, effort.timeout
        self._here = os.getcwd()
        self._held: dict[Future[JobResult], _Submitted] = {}
        self._ended: SimpleQueue[Future[JobResult]] = SimpleQueue()
        self._suspects: list[_Submitted] = []
        self._littered: set[str] = set()
        self._losses, self._looked = 0, float("-inf")
        self._client = _connected(str(effort.scheduler))
        try:
            _check_versions(self._client)
            self._executor = self._client.get_executor(pure=False)
            self._threads: dict[str, int] = {}
            self._peopled = time.monotonic()
            self._look()
        except OSError as error:
            self.close()
            raise self._gone() from error
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many threads the workers have; it changes as they come and go."""
        return max(sum(self._threads.values()), 1)

    @property
    def has_room(self) -> bool:
        """Whether another job can be given out."""
        if self._suspects or any(held.alone for held in self._held.values()):
            return False
        return len(self._held) < QUEUE_DEPTH * self.size

    def submit(self, number: int, job: Job) -> None:
        """Give a job to the scheduler.

        Raises:
            UsageError: it is bound to this machine.
        """
        if job.source.is_stdin:
            raise UsageError("a cluster reads files, not standard input; leave out --scheduler")
        files = [target for target in job.targets if target != STDOUT]
        fresh = tuple(target for target in files if not os.path.lexists(target))
        for target in set(files).difference(fresh):
            if is_stream(Path(target)):
                raise UsageError(f"{shown(target)}: no worker of a cluster can write to this")
        self._give_out(_Submitted(number, job, fresh, self._losses, alone=False))

    def finished(self) -> dict[int, JobResult]:
        """Wait until something happens; return what became of the jobs that are done, if any.

        Raises:
            ConvcliError: the scheduler is gone, or all workers are.
        """
        if self._suspects and not self._held:
            self._give_out(self._suspects.pop()._replace(alone=True))
        if time.monotonic() > self._looked + CHECK_INTERVAL:
            self._look()
        done: dict[int, JobResult] = {}
        for future in self._newly_ended():
            held = self._held.pop(future)
            outcome = self._outcome(held, future)
            if outcome is not None:
                done[held.number] = outcome
        return done

    def close(self) -> None:
        """Drop what has not begun, and leave the cluster."""
        with suppress(OSError, TimeoutError, AssertionError, RuntimeError):
            self._client.close(timeout=CLOSING)
        for folder in self._littered:
            clear_stale(Path(folder))

    def _give_out(self, held: _Submitted) -> None:
        if self._client.status != "running":
            raise self._gone()
        job = to_absolute(held.job, self._here)
        task = partial(work_on, job, self._work, self._timeout, input_stamp(job))
        future = self._executor.submit(task)
        self._held[future] = held
        future.add_done_callback(self._ended.put)

    def _newly_ended(self) -> Iterator[Future[JobResult]]:
        """Yield the jobs that have ended; wait a moment for the first."""
        with suppress(Empty):
            yield self._ended.get(timeout=CHECK_INTERVAL)
            while True:
                yield self._ended.get_nowait()

    def _outcome(self, held: _Submitted, future: Future[JobResult]) -> JobResult | None:
        """Return what became of a job, or None where it is given out again."""
        from distributed import KilledWorker

        path = held.job.source.path
        if future.cancelled():
            raise self._gone()
        fault = future.exception()
        if isinstance(fault, KilledWorker):
            if not held.alone:  # whatever its workers were at has come under suspicion
                self._suspects.append(held)
                return None
            problem = (
                "worker after worker died at it; perhaps its decoder crashed, or memory ran out"
            )
            return JobResult(path, error=ImageError(path, problem))
        if isinstance(fault, Exception):
            return JobResult(path, error=ImageError(path, internal_error(fault)))
        outcome = to_relative(future.result(), held.job, self._here)
        if held.fresh and _is_done_before(outcome, held.fresh):
            self._look()
            if self._losses > held.losses:
                for target in held.fresh:
                    Path(target).unlink(missing_ok=True)
                self._give_out(held._replace(losses=self._losses))
                return None
        return outcome

    def _look(self) -> None:
        """See who is there.

        Raises:
            ConvcliError: the scheduler is gone, or there has been no worker for long.
        """
        before = set(self._threads)
        try:
            if self._client.status != "running":
                raise self._gone()
            self._threads = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=CONNECTING
            )
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        self._looked = time.monotonic()
        if before - set(self._threads):
            self._losses += 1
            targets = (target for held in self._held.values() for target in held.job.targets)
            self._littered.update(os.path.dirname(target) or "." for target in targets)
        if self._threads:
            self._peopled = self._looked
        elif self._looked > self._peopled + NO_WORKER_TIMEOUT:
            raise ConvcliError(f"{self._address}: its workers are gone; --skip-existing goes on")

    def _gone(self) -> ConvcliError:
        return ConvcliError(f"{self._address}: the scheduler is gone; --skip-existing goes on")


def _connected(address: str) -> Any:
    """Return a client of the scheduler.

    Raises:
        UsageError: there is none, or no worker.
    """
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
        reason = " ".join(str(error).split()) or "what answers there is no scheduler"
        raise UsageError(f"--scheduler {shown(address)}: cannot be reached: {reason}") from error
    try:
        client.wait_for_workers(1, timeout=CONNECTING)
    except TimeoutError as error:
        client.close(timeout=CLOSING)
        raise UsageError(
            f"{shown(address)}: has no worker; start one: dask worker {shown(address)}"
        ) from error
    return client


async def _check_reachable(address: str) -> None:
    """See that there is a server; a client would wait for ever for one that does not speak Dask."""
    from distributed.comm import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    reached = connect(address, timeout=CONNECTING, **arguments)
    comm = await asyncio.wait_for(reached, CONNECTING + CHECK_INTERVAL)
    await comm.close()


def _check_versions(client: Any) -> None:
    """See that scheduler and workers have our versions, so that results are the same everywhere.

    Raises:
        UsageError: one has another, and which.
    """
    found = client.get_versions(packages=["pillow"])
    ours = _versions(found["client"], __version__)
    # The scheduler unpickles jobs as well. Fetched by its name, since ours may not be there.
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
    """Return the versions that matter; of Python's only the first two numbers do."""
    packages = found["packages"]
    python = ".".join(packages["python"].split(".")[:2])
    names = ("distributed", "numpy", "pillow")
    known = {"convcli": convcli if isinstance(convcli, str) else None, "python": python}
    return known | {name: packages.get(name) for name in names}


def _is_done_before(outcome: JobResult, fresh: tuple[str, ...]) -> bool:
    """Tell whether a result stood in the way that was not there when the job was given out."""
    there = [result.output for result in outcome.results if result.skipped and result.output]
    error = outcome.error
    if isinstance(error, ImageError) and error.problem == refuse_existing(Path()).problem:
        there.append(str(error.path))
    return not {*map(os.path.realpath, there)}.isdisjoint(map(os.path.realpath, fresh))
