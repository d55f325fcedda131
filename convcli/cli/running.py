"""Run the jobs of a command and say what becomes of each."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from convcli.batch.inputs import Missing
from convcli.batch.naming import STDOUT, Job
from convcli.batch.outcome import Outcome
from convcli.batch.settings import Work
from convcli.batch.task import run_jobs
from convcli.batch.todo import foretell
from convcli.cli.reporting import Reporter, Voice
from convcli.errors import UsageError

Jobs = Sequence[Job | Missing]


def run(jobs: Jobs, work: Work, voice: Voice) -> int:
    """Do all jobs; return 0, or 1 if some failed."""
    _check_figures(jobs, work)
    if voice.json and any(STDOUT in job.outputs for job in jobs if isinstance(job, Job)):
        raise UsageError("--json and -o - both write to standard output; choose one")
    progress = _shows_progress(jobs, voice)
    reporter = Reporter(voice, over_progress=progress)
    windows = []
    with click.progressbar(
        length=len(jobs),
        label="filtering",
        file=sys.stderr,
        hidden=not progress,
        show_pos=True,
    ) as bar:
        for outcome in run_jobs(jobs, work):
            reporter.tell(outcome)
            windows += [outcome.window] if outcome.window is not None else []
            bar.update(1)
    if windows:
        from convcli.figures.saving import show_figure

        show_figure(windows)
    return reporter.finish(len(jobs))


def dry_report(jobs: Jobs, work: Work, voice: Voice) -> int:
    """Name what would be written; return 1 if something is already known to fail."""
    _check_figures(jobs, work)
    reporter = Reporter(voice._replace(verbose=False))
    for job in jobs:
        if isinstance(job, Missing):
            reporter.tell(Outcome(job.path, error=job.error))
        else:
            reporter.tell(foretell(job, work))
    return reporter.finish(len(jobs))


def _check_figures(jobs: Jobs, work: Work) -> None:
    """Refuse figures that cannot be written or shown, before any work is done."""
    figures = [job.figure for job in jobs if isinstance(job, Job) and job.figure is not None]
    if figures or work.show:
        from convcli.figures.saving import check_display, check_suffix

        if work.show:
            check_display()
        for figure in figures:
            check_suffix(Path(figure))


def _shows_progress(jobs: Jobs, voice: Voice) -> bool:
    """Tell whether there is a terminal to show progress on, not itself scrolling with names."""
    several = len(jobs) > 1 and not (voice.quiet or voice.verbose)
    return several and sys.stderr.isatty() and not sys.stdout.isatty()
