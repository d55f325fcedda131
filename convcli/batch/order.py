"""Give jobs out as there is room, and tell of them in the order they came."""

from collections.abc import Generator, Iterable
from typing import Protocol

from convcli.batch.inputs import Missing
from convcli.batch.naming import Job
from convcli.batch.outcome import Outcome

Outcomes = Generator[Outcome, None, None]
WINDOW = 8  # jobs for each worker that may be done or under way before the first of them is told


class Team(Protocol):
    """Workers somewhere: processes here, or a cluster."""

    @property
    def size(self) -> int:
        """How many jobs are worked on at a time."""

    @property
    def has_room(self) -> bool:
        """Whether another job can be given out."""

    def submit(self, number: int, job: Job) -> None:
        """Give out a job."""

    def finished(self) -> dict[int, Outcome]:
        """Wait until something happens; return what became of the jobs that are done, if any."""

    def close(self) -> None:
        """End at once whatever is still under way."""


def in_order(jobs: Iterable[Job | Missing], team: Team) -> Outcomes:
    """Yield what becomes of each job, in the jobs' order.

    The jobs are taken one by one as workers become free, and only so far ahead of the one to be
    told next; memory is the same however many there are.
    """
    waiting = iter(jobs)
    known: dict[int, Outcome] = {}
    given = told = 0
    exhausted = False
    try:
        while not exhausted or told < given:
            while not exhausted and team.has_room and given - told < WINDOW * team.size:
                job = next(waiting, None)
                if job is None:
                    exhausted = True
                elif isinstance(job, Missing):
                    known[given] = Outcome(job.path, error=job.error)
                    given += 1
                else:
                    team.submit(given, job)
                    given += 1
            while told in known:
                yield known.pop(told)
                told += 1
            if given - told > len(known):
                known.update(team.finished())
    finally:
        team.close()
