"""What is to be done: every input with its results' names, checked first, then one by one.

The inputs are gone through twice: once to see that no two results share a name, before anything is
written, and once to do the work. Of each name an eight-byte fingerprint is kept, so a million take
16 MB at most. A list that comes through a pipe can be read but once: its inputs are checked against
those before them, each when its turn comes, and the second of two is refused.
"""

import os
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from convcli.atomic import is_stream
from convcli.batch.inputs import STDIN, Group, InputOptions, Missing, Source, find_named
from convcli.batch.lists import find_all, find_listed
from convcli.batch.options import JobOptions
from convcli.batch.outputs import (
    STDOUT,
    Job,
    OutputOptions,
    SummaryFile,
    check_options,
    exclusive_folder,
    names_folder,
    output_paths,
)
from convcli.errors import ImageError, UsageError, shown


class Fingerprints:
    """A set of eight-byte marks in an array with open addressing, at most half full.

    >>> marks = Fingerprints()
    >>> marks.add(5), marks.add(5), 5 in marks, 6 in marks
    (True, False, True, False)
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 << 10))
        self._used = 0

    def add(self, mark: int) -> bool:
        """Add a mark; return whether it is new."""
        if 2 * self._used >= len(self._slots):
            self._grow()
        place = self._place(mark)
        if self._slots[place]:
            return False
        self._slots[place] = mark
        self._used += 1
        return True

    def __iter__(self) -> Iterator[int]:
        return (mark for mark in self._slots if mark)

    def __contains__(self, mark: int) -> bool:
        return bool(self._slots[self._place(mark)])

    def _place(self, mark: int) -> int:
        """Return where a mark is, or where it belongs."""
        slots, last = self._slots, len(self._slots) - 1
        place = mark & last
        while slots[place] not in (0, mark):
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for mark in old:
            if mark:
                self._slots[self._place(mark)] = mark


class OutputConflicts:
    """Which files results have been promised, and which are inputs, of the jobs seen so far."""

    def __init__(self, *, overwrite: bool) -> None:
        self._overwrite = overwrite
        self._targets, self._inputs = Fingerprints(), Fingerprints()
        self._fingerprint = fingerprinter()

    def lay(self, source: str, files: tuple[str, ...]) -> str | None:
        """Promise an input its files; return the one that is another's, or another's input."""
        own = self._mark(source)
        if self._overwrite and own in self._targets:
            return source
        for target in files:
            mark = self._mark(target)
            if mark != own and self._overwrite and mark in self._inputs:
                return target
            if not self._targets.add(mark):
                return target
        if self._overwrite:
            self._inputs.add(own)
        return None

    def _mark(self, path: str) -> int:
        # Only what is replaced can be replaced through a link.
        return self._fingerprint(os.path.realpath(path) if self._overwrite else path)


def fingerprinter() -> Callable[[str], int]:
    """Return what makes eight bytes of a file's name in its real folder, never 0."""
    real = lru_cache(maxsize=256)(os.path.realpath)

    def fingerprint(path: str) -> int:
        folder, name = os.path.split(path)
        return hash((real(folder), name)) & 0xFFFF_FFFF_FFFF_FFFF or 1

    return fingerprint


class JobList:
    """The jobs of a run.

    Attributes:
        count: how many inputs there are; None where a list comes through a pipe.
        reads_stdin: whether standard input is one of the images.
        strangers: how many files in folders are passed over, being no images by their names.
    """

    def __init__(self, search: InputOptions, work: JobOptions, naming: OutputOptions) -> None:
        """Look at every name there is, before anything is written.

        Raises:
            UsageError: the options do not suit the number of results; or two results would be one
                file; or, where files are overwritten, a result would replace another input.
        """
        self._search, self._work, self._naming = search, work, naming
        self.reads_stdin = STDIN in search.names
        self._several = self._has_several()
        check_options(work, naming, several=self._several, stdin=self.reads_stdin)
        self._results, self._fingerprint = Fingerprints(), fingerprinter()
        self._seen = self.ignored = 0
        if not self._folders_are_apart() and not self._files_are_apart():
            self._check_exactly()
        self.count = None if search.streams else self._seen

    def jobs(self) -> Iterator[Job | Missing]:
        """Yield what is to be done, in order; what was found but is a result of ours is left out.

        Raises:
            UsageError: a list cannot be read.
        """
        for item in self._all():
            if isinstance(item, Missing) or not self._is_result(item):
                yield item
        if self._search.streams:
            yield from self._streamed()

    @property
    def joint(self) -> tuple[SummaryFile, ...]:
        """The joint files that were named; in a folder they have names of their own."""
        joint = () if self._several else self._naming.joint
        return tuple(each for each in joint if not names_folder(each.path))

    def _has_several(self) -> bool:
        """Tell whether there may be more than one input; it matters for single files only."""
        if not (self._naming.output or self._naming.joint):
            return True
        total = 2 * self._search.streams
        for group in self._groups():
            total += len(group.names) if isinstance(group, Group) else 1
            if total > 1:
                break
        return total > 1

    def _folders_are_apart(self) -> bool:
        """Count the inputs; tell whether each folder's results have a folder for themselves.

        Then no two can clash, none is an input, and no name has to be looked at more closely.
        """
        sources, targets = Fingerprints(), Fingerprints()
        naming, apart = self._naming, not self._work.writing.overwrite
        for group in self._groups():
            self._seen += len(group.names) if isinstance(group, Group) else 1
            self.ignored += group.ignored if isinstance(group, Group) else 0
            if not apart or isinstance(group, Missing):
                continue
            into = exclusive_folder(group, self._work, naming)
            apart = into is not None and targets.add(self._fingerprint(into))
            sources.add(self._fingerprint(os.path.join(group.folder, "")))
        return apart and not any(mark in targets for mark in sources)

    def _files_are_apart(self) -> bool:
        """Remember every result; tell whether none is another's, where none may be replaced."""
        apart = not self._work.writing.overwrite
        for item in self._all():
            for target in self._files(item):
                apart &= self._results.add(self._fingerprint(target))
        return apart

    def _groups(self) -> Iterator[Group | Missing]:
        """Yield all inputs that can be gone through more than once."""
        return find_named(self._search) if self._search.streams else find_all(self._search)

    def _all(self) -> Iterator[Job | Missing]:
        """Yield the jobs of these inputs, results of ours among them."""
        index = 0
        for group in self._groups():
            if isinstance(group, Missing):
                index += 1
                yield group
                continue
            for source in group.sources():
                index += 1
                yield self._job(source, index)

    def _job(self, source: Source, index: int) -> Job:
        return output_paths(source, index, self._work, self._naming, several=self._several)

    def _is_result(self, job: Job) -> bool:
        """Tell whether an input was found, but made of another when this command last ran."""
        if not job.source.found:
            return False
        mark = self._fingerprint(job.source.path)
        # What would be replaced by its own result was not made of another's.
        return mark in self._results and mark not in map(self._fingerprint, job.targets)

    def _streamed(self) -> Iterator[Job | Missing]:
        """Yield the jobs of a list in a pipe; one whose result is another's is refused."""
        claims = OutputConflicts(overwrite=self._work.writing.overwrite)
        for item in self._all():
            if isinstance(item, Job):
                claims.lay(item.source.path, self._files(item))
        for index, group in enumerate(find_listed(self._search), self._seen + 1):
            for source in group.sources():
                job = self._job(source, index)
                claimed = claims.lay(source.path, self._files(job))
                if claimed is None:
                    yield job
                else:
                    problem = f"its result {shown(claimed)} is another input's, or another input"
                    yield Missing(source.path, ImageError(source.path, problem))

    def _check_exactly(self) -> None:
        """See that no two results are one file, and none replaces another input.

        Raises:
            UsageError: it is so.
        """
        claims = OutputConflicts(overwrite=self._work.writing.overwrite)
        for job in self._all():
            if isinstance(job, Job) and not self._is_result(job):
                claimed = claims.lay(job.source.path, self._files(job))
                if claimed is not None:
                    raise self._clash(claimed)

    def _clash(self, claimed: str) -> UsageError:
        """Return the error for a file that two inputs lay claim to."""
        real, makers = os.path.realpath(claimed), []
        for job in self._all():
            if isinstance(job, Job) and not self._is_result(job):
                made = [os.path.realpath(file) for file in self._files(job)]
                makers += [shown(job.source.path)] * made.count(real)
        if len(makers) == 1:
            return UsageError(
                f"{shown(claimed)}: is an input, and would be replaced by the result of "
                f"{makers[0]}; --out-dir or --name can part them"
            )
        first, second = (makers * 2)[:2] or ("an input", "another")
        both = f"of {first}" if first == second else f"of {first} and of {second}"
        return UsageError(
            f"{shown(claimed)}: two results, {both}, would be this one file; "
            "--out-dir, --name or --format can part them"
        )

    def _files(self, item: Job | Missing) -> tuple[str, ...]:
        """Return the files that a job makes; standard output and pipes hold any number."""
        if isinstance(item, Missing):
            return ()
        if self._naming.output is None and not self._work.writing.overwrite:
            return item.targets
        return tuple(
            target
            for target in item.targets
            if target != STDOUT and not is_stream(Path(os.path.realpath(target)))
        )
