"""Who does the jobs: this process, processes of this machine, or a cluster."""

import os

from convcli.batch.agenda import Agenda
from convcli.batch.memory import checked_need, memory_limit
from convcli.batch.order import Outcomes, in_order
from convcli.batch.settings import Effort, Limits, Work
from convcli.batch.task import run_jobs
from convcli.errors import UsageError


def outcomes(agenda: Agenda, work: Work, effort: Effort) -> Outcomes:
    """Do all jobs and yield what becomes of each, in order; to close it ends the run.

    One picture is done in this process, on as many threads as there are; of several each has a
    thread, in processes of their own, so that one that crashes takes no other with it.

    Raises:
        UsageError: the cluster cannot be used.
    """
    if effort.scheduler is not None:
        from convcli.batch.cluster import Cluster

        return in_order(agenda.jobs(), Cluster(effort, work.single_threaded()))
    limits = Limits(memory_limit(effort.max_memory), effort.timeout)
    if work.show or agenda.reads_stdin or (agenda.count == 1 and effort.timeout is None):
        return run_jobs(agenda.jobs(), work, lambda job: checked_need(job, work, limits.memory))
    from convcli.batch.crew import Crew

    size = min(effort.jobs or _processors(), agenda.count or _processors())
    if agenda.count != 1:
        work = work.single_threaded()
    return in_order(agenda.jobs(), Crew(max(size, 1), work, limits))


def check_effort(effort: Effort) -> None:
    """See that the options suit each other.

    Raises:
        UsageError: they do not.
    """
    if effort.scheduler is None:
        return
    if effort.jobs is not None:
        raise UsageError("--jobs is for this machine; a cluster has the workers it has")
    if effort.max_memory != Effort().max_memory:
        raise UsageError("--max-memory is for this machine; see `dask worker --memory-limit`")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
