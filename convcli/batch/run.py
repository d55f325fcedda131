"""Who does the jobs: this process, processes of this machine, or a cluster."""

import math
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from convcli.atomic import clear_stale
from convcli.batch.executors.memory import check_fits, memory_limit
from convcli.batch.executors.ordered import JobResults, Prefetch, run_in_order
from convcli.batch.inputs import Missing
from convcli.batch.joblist import JobList
from convcli.batch.options import ExecutionOptions, JobOptions, Limits
from convcli.batch.outputs import Job
from convcli.batch.run_job import run_serially
from convcli.core.threads import processors
from convcli.errors import UsageError

FILES = 10  # that the parent holds open for a worker


def run_jobs(agenda: JobList, work: JobOptions, effort: ExecutionOptions) -> JobResults:
    """Do all jobs and yield what becomes of each, in order; to close it ends the run.

    One image is done in this process, on as many threads as there are; of several each has a
    thread, in processes of their own, so that one that crashes takes no other with it.

    Raises:
        UsageError: the cluster cannot be used.
    """
    jobs = _cleared(agenda.jobs())
    if agenda.count is None:
        jobs = Prefetch(jobs)
    if effort.scheduler is not None:
        if agenda.reads_stdin:
            raise UsageError("a cluster reads files, not standard input; leave out --scheduler")
        from convcli.batch.executors.dask import Cluster

        return run_in_order(
            jobs, Cluster(effort, work.single_threaded()), fail_fast=effort.fail_fast
        )
    limits = Limits(memory_limit(effort.max_memory), effort.timeout)
    admit = partial(check_fits, limit=limits.memory)
    if work.show or agenda.reads_stdin or (agenda.count == 1 and effort.timeout is None):
        return run_serially(jobs, work, admit, fail_fast=effort.fail_fast)
    from convcli.batch.executors.process_pool import ProcessPool

    asked = effort.jobs or processors()
    size = min(asked, _room(), asked if agenda.count is None else agenda.count)
    if agenda.count != 1:
        work = work.single_threaded()
    try:
        crew = ProcessPool(max(size, 1), work, limits)
    except OSError:  # no room for processes: a read-only system, or few files that may be open
        return run_serially(jobs, work, admit, fail_fast=effort.fail_fast)
    return run_in_order(jobs, crew, fail_fast=effort.fail_fast)


def _cleared(jobs: Iterable[Job | Missing]) -> Iterator[Job | Missing]:
    """Clear each folder that results go to of what a killed run left there, when it comes up."""
    last: frozenset[str] = frozenset()
    for job in jobs:
        if isinstance(job, Job):
            folders = frozenset(os.path.dirname(target) or "." for target in job.targets)
            for folder in folders - last:
                clear_stale(Path(folder))
            last = folders
        yield job


def _room() -> int:
    """Return how many processes can be held by the files that may be open."""
    try:
        import resource
    except ImportError:  # a system without such a limit
        return 1 << 10
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 10 if most == resource.RLIM_INFINITY else max((most - 32) // FILES, 1)


def check_effort(effort: ExecutionOptions) -> None:
    """See that the options suit each other.

    Raises:
        UsageError: they do not.
    """
    if effort.timeout is not None and not math.isfinite(effort.timeout):
        raise UsageError("--timeout takes a number of seconds; leave it out for no limit")
    if effort.scheduler is None:
        return
    if effort.jobs is not None:
        raise UsageError("--jobs is for this machine; a cluster has the workers it has")
    if effort.max_memory != ExecutionOptions().max_memory:
        raise UsageError("--max-memory is for this machine; see `dask worker --memory-limit`")
