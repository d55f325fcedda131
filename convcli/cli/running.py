"""Run the jobs of a command and say what becomes of each."""

import sys
from contextlib import closing
from pathlib import Path

from convcli.batch.inputs import Missing
from convcli.batch.job import JobResult
from convcli.batch.joblist import JobList
from convcli.batch.options import ExecutionOptions, JobOptions
from convcli.batch.outputs import STDOUT, OutputOptions
from convcli.batch.run import run_jobs
from convcli.batch.todo import dry_run
from convcli.cli.progress import Progress
from convcli.cli.report import MessageOptions, Reporter
from convcli.errors import UsageError, shown


def run(agenda: JobList, work: JobOptions, effort: ExecutionOptions, voice: MessageOptions) -> int:
    """Do all jobs; return 0, or 1 if some failed."""
    progress = Progress(agenda.count) if _shows_progress(agenda, voice) else None
    reporter = Reporter(voice, progress)
    windows = []
    with closing(run_jobs(agenda, work, effort)) as done:
        for outcome in done:
            reporter.tell(outcome)
            windows += [outcome.window] if outcome.window is not None else []
    code = reporter.finish(agenda.ignored)
    if windows:
        from convcli.plotting.saving import show_figure

        show_figure(windows)
    return code


def dry_report(agenda: JobList, work: JobOptions, voice: MessageOptions) -> int:
    """Name what would be written; return 1 if something is already known to fail."""
    reporter = Reporter(voice._replace(verbose=False))
    for job in agenda.jobs():
        if isinstance(job, Missing):
            reporter.tell(JobResult(job.path, error=job.error))
        else:
            reporter.tell(dry_run(job, work))
    return reporter.finish(agenda.ignored)


def check_output(
    agenda: JobList, work: JobOptions, naming: OutputOptions, voice: MessageOptions
) -> None:
    """Refuse what cannot be written or shown, before any work is done.

    Raises:
        UsageError: a figure of no known format, no display, or two things on standard output.
    """
    if voice.json and naming.output == STDOUT:
        raise UsageError("--json and -o - both write to standard output; choose one")
    for each in agenda.joint:
        if each.kind == "stack" and not each.path.lower().endswith(".npy"):
            raise UsageError(f"{shown(each.path)}: a stack's file name must end with .npy")
    figures = [each for each in agenda.joint if each.kind != "stack"]
    if work.show or figures:
        from convcli.plotting.saving import check_display, check_suffix

        if work.show:
            check_display()
        for each in figures:
            check_suffix(Path(each.path))


def _shows_progress(agenda: JobList, voice: MessageOptions) -> bool:
    """Tell whether there is a terminal to show progress on, and something to wait for."""
    return agenda.count != 1 and not (voice.quiet or voice.verbose) and sys.stderr.isatty()
