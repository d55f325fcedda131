"""Run jobs in this process, in worker processes, or on a Dask cluster."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from convcli.atomic import clear_stale
from convcli.batch.executors.memory import check_fits, memory_limit
from convcli.batch.executors.ordered import JobResults, Prefetch, run_in_order
from convcli.batch.inputs import Missing
from convcli.batch.job import Job, JobOptions
from convcli.batch.joblist import JobList
from convcli.batch.options import ExecutionOptions
from convcli.batch.run_job import run_serially
from convcli.core.threads import processors
from convcli.errors import UsageError

OPEN_FILES = 10  # that this process holds open for each worker
MAX_WORKERS = 1 << 10


def check_execution_options(execution: ExecutionOptions) -> None:
    """Check that the options fit each other.

    Raises:
        UsageError: they do not.
    """
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
    if jobs.count is None:
        pending = Prefetch(pending)
    if execution.scheduler is not None:
        if jobs.reads_stdin:
            raise UsageError("a cluster reads files, not standard input; leave out --scheduler")
        from convcli.batch.executors.dask import Cluster

        cluster = Cluster(execution, options.single_threaded())
        return run_in_order(pending, cluster, fail_fast=execution.fail_fast)
    memory = memory_limit(execution.max_memory)
    serially = partial(
        run_serially,
        pending,
        reserve_memory=partial(check_fits, limit=memory),
        fail_fast=execution.fail_fast,
    )
    is_single = jobs.count == 1 and execution.timeout is None
    if options.outputs.show or jobs.reads_stdin or is_single:
        return serially(options)
    from convcli.batch.executors.process_pool import ProcessPool

    wanted = execution.jobs or processors()
    size = min(wanted, _max_workers(), wanted if jobs.count is None else jobs.count)
    if jobs.count != 1:
        options = options.single_threaded()
    try:
        pool = ProcessPool(max(size, 1), options, memory, execution.timeout)
    except OSError:  # no processes possible: a read-only system, or too few open files
        return serially(options)
    return run_in_order(pending, pool, fail_fast=execution.fail_fast)


def _with_stale_files_deleted(jobs: Iterable[Job | Missing]) -> Iterator[Job | Missing]:
    """Delete stale temporary files from each output folder before the first job writes to it."""
    last: frozenset[str] = frozenset()
    for job in jobs:
        if isinstance(job, Job):
            folders = frozenset(os.path.dirname(path) or "." for path in job.paths)
            for folder in folders - last:
                clear_stale(Path(folder))
            last = folders
        yield job


def _max_workers() -> int:
    """Return the number of workers that the limit of open files allows."""
    try:
        import resource
    except ImportError:  # this system has no such limit
        return MAX_WORKERS
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MAX_WORKERS
    return max((limit - 32) // OPEN_FILES, 1)
