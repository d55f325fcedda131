"""Run the jobs of a command and report their results."""

import sys
from contextlib import closing
from pathlib import Path

from convcli.batch.inputs import Missing
from convcli.batch.job import STDOUT, JobOptions, JobResult, dry_run
from convcli.batch.joblist import JobList
from convcli.batch.options import ExecutionOptions
from convcli.batch.run import run_jobs
from convcli.cli.progress import Progress
from convcli.cli.report import MessageOptions, Reporter
from convcli.errors import UsageError, shown


def run(
    jobs: JobList, options: JobOptions, execution: ExecutionOptions, voice: MessageOptions
) -> int:
    """Run all jobs; return 0, or 1 if some failed."""
    progress = Progress(jobs.count) if _shows_progress(jobs, voice) else None
    reporter = Reporter(voice, progress)
    figures = []
    with closing(run_jobs(jobs, options, execution)) as results:
        for result in results:
            reporter.tell(result)
            figures += [result.figure] if result.figure is not None else []
    code = reporter.finish(jobs.ignored)
    if figures:
        from convcli.plotting.save import show_figure

        show_figure(figures)
    return code


def dry_report(jobs: JobList, options: JobOptions, voice: MessageOptions) -> int:
    """Print the files that would be written; return 1 if an error is already known."""
    reporter = Reporter(voice._replace(verbose=False))
    for job in jobs.jobs():
        if isinstance(job, Missing):
            reporter.tell(JobResult(job.path, error=job.error))
        else:
            reporter.tell(dry_run(job, options))
    return reporter.finish(jobs.ignored)


def check_output(jobs: JobList, options: JobOptions, voice: MessageOptions) -> None:
    """Check that everything can be written and shown, before any work is done.

    Raises:
        UsageError: a figure's format is unknown, there is no display, or two results would go to
            standard output.
    """
    if voice.json and options.outputs.output == STDOUT:
        raise UsageError("--json and -o - both write to standard output; choose one")
    for each in jobs.summaries:
        if each.kind == "stack" and not each.path.lower().endswith(".npy"):
            raise UsageError(f"{shown(each.path)}: a stack's file name must end with .npy")
    figures = [each for each in jobs.summaries if each.kind != "stack"]
    if options.outputs.show or figures:
        from convcli.plotting.save import check_display, check_suffix

        if options.outputs.show:
            check_display()
        for each in figures:
            check_suffix(Path(each.path))


def _shows_progress(jobs: JobList, voice: MessageOptions) -> bool:
    """Tell whether stderr is a terminal and there is more than one image."""
    return jobs.count != 1 and not (voice.quiet or voice.verbose) and sys.stderr.isatty()
