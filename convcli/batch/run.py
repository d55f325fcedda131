"""Run jobs in this process, in worker processes, or on a Dask cluster."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from convcli.atomic import clear_stale
from convcli.batch.job import Job, JobOptions
from convcli.batch.joblist import JobList
from convcli.batch.memory import check_fits, memory_limit
from convcli.batch.options import ExecutionOptions
from convcli.batch.run_job import run_serially
from convcli.core.threads import processors
from convcli.errors import UsageError

if TYPE_CHECKING:
    from convcli.batch.executors.ordered import JobResults

# No processes are possible: too few open files, no semaphores, no threads to serve them.
NO_PROCESSES = (OSError, RuntimeError, ImportError)
OPEN_FILES = 4  # that this process holds open for each worker
MAX_WORKERS = 1 << 10


def check_execution_options(execution: ExecutionOptions) -> None:
    """Raise UsageError if the options contradict each other."""
    if execution.timeout is not None and not math.isfinite(execution.timeout):
        raise UsageError("--timeout takes a number of seconds; leave it out for no limit")
    if execution.scheduler is None:
        return
    if execution.jobs is not None:
        raise UsageError("--jobs is for this machine; a cluster uses all its workers")
    if execution.max_memory != ExecutionOptions().max_memory:
        raise UsageError("--max-memory is for this machine; see `dask worker --memory-limit`")


def run_jobs(jobs: JobList, options: JobOptions, execution: ExecutionOptions) -> JobResults:
    """Run all jobs and yield their results in order; closing the generator ends the run.

    A single image is filtered in this process, with all threads. Several images are filtered in
    worker processes, each with one thread: a worker that crashes loses one image.

    Raises:
        UsageError: the cluster cannot be used.
    """
    pending = _with_stale_files_deleted(jobs.jobs())
    if execution.scheduler is not None:
        if jobs.reads_stdin:
            raise UsageError("a cluster reads files, not standard input; leave out --scheduler")
        from convcli.batch.executors.dask import Cluster
        from convcli.batch.executors.ordered import run_in_order

        cluster = Cluster(execution, options.single_threaded())
        ahead = _read_ahead(pending, jobs)
        return run_in_order(ahead, cluster, options, fail_fast=execution.fail_fast)
    memory = memory_limit(execution.max_memory)
    check = partial(check_fits, limit=memory)
    serially = partial(run_serially, pending, reserve_memory=check, fail_fast=execution.fail_fast)
    is_single = jobs.count == 1 and execution.timeout is None
    if options.outputs.show or jobs.reads_stdin or is_single:
        return serially(options)
    from convcli.batch.executors.ordered import run_in_order
    from convcli.batch.executors.process_pool import ProcessPool

    wanted = execution.jobs or processors()
    size = min(wanted, _max_workers(), wanted if jobs.count is None else jobs.count)
    if jobs.count != 1:
        options = options.single_threaded()
    try:
        pool = ProcessPool(max(size, 1), options, memory, execution.timeout)
    except NO_PROCESSES:
        return serially(options)
    ahead = _read_ahead(pending, jobs)  # by a thread, beside which nothing is forked
    return run_in_order(ahead, pool, options, fail_fast=execution.fail_fast)


def _read_ahead(pending: Iterator[Job], jobs: JobList) -> Iterator[Job]:
    """Read a list from a pipe by a thread, so that results need not wait for it."""
    if jobs.count is None:
        from convcli.batch.executors.ordered import Prefetch

        with suppress(RuntimeError):  # without threads, the list is read when its turn comes
            return Prefetch(pending)
    return pending


def _with_stale_files_deleted(jobs: Iterable[Job]) -> Iterator[Job]:
    """Delete stale temporary files from each output folder before the first job writes to it."""
    last: set[str] = set()
    for job in jobs:
        folders = {os.path.dirname(path) or "." for path in job.paths}
        for folder in folders - last:
            clear_stale(folder)
        last = folders
        yield job


def _max_workers() -> int:
    """Return the number of workers that the limit of open files allows."""
    with suppress(ImportError):  # some systems have no such limit
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit != resource.RLIM_INFINITY:
            return max((limit - 32) // OPEN_FILES, 1)
    return MAX_WORKERS
