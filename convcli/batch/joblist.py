"""The jobs of a run. All outputs are checked for conflicts before anything is written.

The inputs are read twice: once for the check, which keeps one hash per path (about 65 MB for a
million paths), and once to run the jobs. A list from a pipe can be read only once: each of its
inputs is checked when its turn comes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache

from convcli.atomic import is_stream
from convcli.batch.inputs import STDIN, InputSearch
from convcli.batch.job import STDOUT, Job, JobOptions, SummaryFile
from convcli.batch.options import InputOptions
from convcli.batch.outputs import OutputPlanner, check_output_options, is_folder, summary_files
from convcli.errors import ImageError, UsageError, shown


class OutputConflicts:
    """The outputs, and with --overwrite the inputs, of the jobs seen so far, as hashes.

    With --overwrite, a path that is a symbolic link means the file that the link leads to. Without
    it no file is replaced, and a path means its folder and name.
    """

    def __init__(self, *, overwrite: bool) -> None:
        self._overwrite = overwrite
        self._outputs: set[int] = set()
        self._link_targets: set[int] = set()
        self._inputs: set[int] = set()
        self._real_folder = lru_cache(maxsize=256)(os.path.realpath)

    def claim(self, source: str, paths: Iterable[str]) -> str | None:
        """Add a job; return a path that conflicts with an earlier job, or None."""
        conflict, outputs = None, self._outputs
        if not self._overwrite:
            for path in paths:
                hashed = self._hash(path)
                if hashed in outputs:
                    conflict = conflict or path
                outputs.add(hashed)
            return conflict
        own = self._real_hash(source)
        if own in outputs or own in self._link_targets:
            conflict = source
        for path in paths:
            real = self._real_hash(path)
            is_output = real in outputs or real in self._link_targets
            if is_output or (real != own and real in self._inputs):
                conflict = conflict or path
            outputs.add(self._hash(path))
            if os.path.islink(path):
                self._link_targets.add(real)
        self._inputs.add(own)
        return conflict

    def writes(self, source: str, paths: Iterable[str]) -> bool:
        """Tell whether a job writes the file ``source``, other than its own job with ``paths``."""
        own = self._hash(source)
        return own in self._outputs and own not in map(self._hash, paths)

    def _hash(self, path: str) -> int:
        folder, name = os.path.split(path)
        return hash((self._real_folder(folder), name))

    def _real_hash(self, path: str) -> int:
        return self._hash(os.path.realpath(path) if os.path.islink(path) else path)


class JobList:
    """The jobs of a run.

    Attributes:
        count: the number of inputs; None if a list comes through a pipe.
        reads_stdin: whether standard input is one of the images.
        ignored: number of other files in the folders, whose names are not those of images.
        summaries: the summary files that the user named; empty where they are named by input.
    """

    def __init__(self, inputs: InputOptions, options: JobOptions) -> None:
        """Read all names and check all outputs.

        Raises:
            UsageError: the options do not fit the number of inputs, two results have the same
                path, or a result would replace another input.
        """
        self._options, self._search = options, InputSearch(inputs)
        self.reads_stdin = STDIN in inputs.names
        several = self._has_several(inputs)
        check_output_options(options, several=several, stdin=self.reads_stdin)
        summaries = () if several else summary_files(options.outputs)
        self.summaries: tuple[SummaryFile, ...] = tuple(
            each for each in summaries if not is_folder(each.path)
        )
        self._planner = OutputPlanner(options, several=several)
        self._conflicts = OutputConflicts(overwrite=options.writing.overwrite)
        self._seen, conflicts = 0, False
        for job in self._repeatable_jobs():
            self._seen += 1
            conflicts = self._claim(self._conflicts, job) is not None or conflicts
        self.ignored = self._search.ignored
        if conflicts:
            self._check_new_inputs()
        self.count = None if self._search.is_piped else self._seen

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs in order, without inputs that an earlier run of this command wrote.

        Raises:
            UsageError: a list cannot be read.
        """
        yield from self._new_jobs()
        if not self._search.is_piped:
            return
        for index, source in enumerate(self._search.piped(), self._seen + 1):
            job = self._planner.job(source, index)
            conflict = self._claim(self._conflicts, job)
            if conflict is not None:
                problem = (
                    f"output {shown(conflict)} is already taken by another input, "
                    "or is itself an input"
                )
                job = Job(source._replace(error=ImageError(source.path, problem)))
            yield job

    def _has_several(self, inputs: InputOptions) -> bool:
        """Tell whether there may be more than one input; it matters for single files only."""
        outputs = self._options.outputs
        if outputs.output is None and not summary_files(outputs):
            return True
        count = self._search.count_to_two()
        if count == 0 and outputs.output is not None:
            listed = shown(str(inputs.files_from))
            raise UsageError(f"--files-from {listed}: names no file, so -o would stay empty")
        return count > 1

    def _repeatable_jobs(self) -> Iterator[Job]:
        """Yield the jobs of all inputs that can be read more than once."""
        for index, source in enumerate(self._search.repeatable(), 1):
            yield self._planner.job(source, index)

    def _new_jobs(self) -> Iterator[Job]:
        """Yield those jobs whose input was not found in a folder as the output of another job."""
        for job in self._repeatable_jobs():
            if not (job.source.found and self._conflicts.writes(job.source.path, job.paths)):
                yield job

    def _claim(self, conflicts: OutputConflicts, job: Job) -> str | None:
        """Add a job to ``conflicts``; return the path that it conflicts with, if any."""
        if job.source.error is not None:
            return None
        return conflicts.claim(job.source.path, self._written(job))

    def _written(self, job: Job) -> tuple[str, ...]:
        """Return the files that a job writes; standard output and devices can be written twice."""
        writes_stream = self._options.outputs.output is not None
        if not (writes_stream or self._options.writing.overwrite):
            return job.paths
        return tuple(path for path in job.paths if path != STDOUT and not is_stream(path))

    def _check_new_inputs(self) -> None:
        """Check for conflicts again, without the inputs that an earlier run wrote."""
        conflicts = OutputConflicts(overwrite=self._options.writing.overwrite)
        for job in self._new_jobs():
            conflict = self._claim(conflicts, job)
            if conflict is not None:
                raise self._conflict_error(conflict)

    def _conflict_error(self, path: str) -> UsageError:
        """Return the error for a path that two inputs would be written to."""
        real, sources = os.path.realpath(path), []
        for job in self._new_jobs():
            paths = [os.path.realpath(each) for each in self._written(job)]
            sources += [shown(job.source.path)] * paths.count(real)
        if len(sources) == 1:
            return UsageError(
                f"{sources[0]}: its result would replace the input {shown(path)}; "
                "use --out-dir or --name to keep them apart"
            )
        first, second = (sources * 2)[:2] or ("an input", "another")
        what = f"{first}: two results" if first == second else f"{first} and {second}"
        return UsageError(
            f"{what} would both be written to {shown(path)}; "
            "use --out-dir, --name or --format to keep them apart"
        )
