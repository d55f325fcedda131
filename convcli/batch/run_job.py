"""The work on one input: read it, filter it with each kernel, write what comes out."""

import io
import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from convcli.batch.encoding import Encode, Target, choose_target, write_result
from convcli.batch.inputs import Missing, Source
from convcli.batch.job import JobResult, OutputResult
from convcli.batch.options import JobOptions
from convcli.batch.outputs import Job, SummaryFile, joined
from convcli.batch.summary_figures import draw_figure
from convcli.batch.summary_files import memory_factor, write_summary
from convcli.batch.todo import Step, pending_outputs
from convcli.errors import ConvcliError, ExistingError, ImageError, internal_error
from convcli.filtering import Filter, Filtered, filter_image, measure
from convcli.images.image import ImageData
from convcli.images.pillow_reader import BASE_BYTES, ReserveMemory, unlimited_memory
from convcli.images.reading import read_frames, read_image
from convcli.images.writing import write_frames, write_image


def run_serially(
    jobs: Iterable[Job | Missing],
    work: JobOptions,
    admit: ReserveMemory = unlimited_memory,
    *,
    fail_fast: bool = False,
) -> Generator[JobResult, None, None]:
    """Do the jobs in order and yield what became of each; unless asked to, no fault ends it."""
    for job in jobs:
        if isinstance(job, Missing):
            outcome = JobResult(job.path, error=job.error)
        else:
            outcome = do_job(job, work, admit)
        yield outcome
        if fail_fast and outcome.error is not None:
            return


def do_job(job: Job, work: JobOptions, admit: ReserveMemory = unlimited_memory) -> JobResult:
    """Do the work on one input; what goes wrong is in the outcome.

    Args:
        job: what to read, and where the results go.
        work: what to make of it.
        admit: asked before an image is decoded; see :func:`convcli.images.reading.read_image`.
    """
    began = time.perf_counter()
    task = _Task(job, work, admit)
    error: ConvcliError | None = None
    try:
        task.run()
    except ImageError as fault:
        error = fault
    except ConvcliError as fault:
        error = ImageError(task.name, str(fault))
    except MemoryError:
        error = ImageError(task.name, "not enough memory for it and its result")
    except Exception as fault:  # whatever it is, the other images go on
        if os.environ.get("CONVCLI_DEBUG"):
            raise
        error = ImageError(task.name, internal_error(fault))
    return JobResult(
        path=job.source.path,
        results=tuple(task.results),
        joint=tuple(task.joint),
        window=task.window,
        notes=tuple(dict.fromkeys(task.notes)),
        error=error,
        seconds=time.perf_counter() - began,
    )


class _Task:
    """One job in progress: what has been made so far, whatever happens next."""

    def __init__(self, job: Job, work: JobOptions, admit: ReserveMemory) -> None:
        self.job = job
        self.work = work
        self.admit = admit
        self.kept = 0.0
        self.name = "standard input" if job.source.is_stdin else job.source.path
        self.source: Path | io.BytesIO = Path(job.source.path)
        self.results: list[OutputResult] = []
        self.notes: list[str] = []
        self.joint: list[SummaryFile] = []
        self.window: Any = None

    def run(self) -> None:
        """Make every result that is still to be made."""
        todo = pending_outputs(self.job, self.work)
        self.results += todo.skipped
        if not todo.steps:
            return
        self.source = _opened(self.job.source)
        if self.work.all_frames:
            for step in todo.steps:
                self._filter_frames(step)
        elif todo.joint or self.work.show:
            self.kept = memory_factor(todo.joint, len(todo.steps), raw=self.work.raw)
            self._filter_and_join(todo.steps, todo.joint)
        else:
            self._filter_image(todo.steps)

    def _filter_image(self, steps: list[Step]) -> None:
        images = [self._read()]
        for number, step in enumerate(steps, 1):
            target, filtered = self._filter(images[0], step)
            size = images[0].shape
            if number == len(steps):
                images.clear()  # the encoder needs the memory
            self._keep(step, target, filtered, size)

    def _filter_and_join(self, steps: list[Step], joint: list[SummaryFile]) -> None:
        image = self._read()
        made: list[tuple[Filter, Filtered]] = []
        for step in steps:
            target, filtered = self._filter(image, step)
            self._keep(step, target, filtered, image.shape)
            made.append((step.spec, filtered))
        if self.work.show:
            self.window = draw_figure(self.name, image, made)
        for each in joint:
            with self._unless_made(joined(self.work.labels), each.path):
                self.notes += write_summary(each, self.name, image, made, self.work)
                self.joint.append(each)

    def _filter_frames(self, step: Step) -> None:
        """Filter every frame into one file; ``rescale`` gives all of them one scale."""
        extremes = None
        if step.spec.range == "rescale":
            ends = [measure(frame, step.spec) for frame in self._frames()]
            extremes = min(low for low, _ in ends), max(high for _, high in ends)
        frames = self._frames()
        first = next(frames)
        target, total = self._filter(first, step, extremes)

        def filtered() -> Iterator[ImageData]:
            yield total.image
            for frame in frames:
                self.notes += frame.notes
                _, result = self._filter(frame, step, extremes)
                total.stats.merge(result.stats)
                yield result.image

        data = self._write(target, partial(write_frames, filtered()))
        self._add(step, data, total, first.shape)

    def _filter(
        self, image: ImageData, step: Step, extremes: tuple[float, float] | None = None
    ) -> tuple[Target | None, Filtered]:
        """Return what is made of an image, and where it goes by itself, or None."""
        if step.output is None:
            return None, filter_image(image, step.spec, image.depth, extremes)
        target = choose_target(image, step.spec, step.output, self.work)
        self.notes += target.notes
        return target, filter_image(image, step.spec, target.depth, extremes)

    def _keep(
        self, step: Step, target: Target | None, filtered: Filtered, size: tuple[int, int]
    ) -> None:
        """Write a result and record it; one that another run has made meanwhile may be skipped."""
        with self._unless_made(step.spec.label, step.output):
            data = self._write(target, partial(write_image, filtered.image))
            self._add(step, data, filtered, size)

    @contextmanager
    def _unless_made(self, label: str, output: str | None) -> Iterator[None]:
        """Leave a file that another run has made meanwhile, where files that exist are left."""
        try:
            yield
        except ExistingError:
            if not self.work.writing.skip_existing:
                raise
            self.results.append(OutputResult(label, output, skipped=True))

    def _write(self, target: Target | None, encode: Encode) -> bytes | None:
        if target is None:
            return None
        data, notes = write_result(target, encode, self.work.writing)
        self.notes += notes
        return data

    def _add(
        self, step: Step, data: bytes | None, filtered: Filtered, size: tuple[int, int]
    ) -> None:
        tally = filtered.stats
        self.results.append(
            OutputResult(
                kernel=step.spec.label,
                output=step.output,
                data=data,
                input_shape=size,
                shape=filtered.image.shape,
                method=filtered.method,
                minimum=tally.minimum,
                maximum=tally.maximum,
                clipped=tally.clipped,
            )
        )
        if tally.nans and filtered.image.depth is not None:
            self.notes.append(f"{tally.nans} NaN values of the feature map became black")

    def _admit(self, size: int) -> None:
        """Ask for the memory of an image, and for that of all results that are kept."""
        self.admit(size + int(self.kept * max(size - BASE_BYTES, 0)))

    def _read(self) -> ImageData:
        image = read_image(self.source, **self._reading)
        self.notes += image.notes
        return image

    def _frames(self) -> Iterator[ImageData]:
        """Read the frames from the beginning."""
        if isinstance(self.source, io.BytesIO):
            self.source.seek(0)
        return read_frames(self.source, **self._reading)

    @property
    def _reading(self) -> dict[str, Any]:
        return {"name": self.name, "options": self.work.reading, "reserve_memory": self._admit}


def _opened(source: Source) -> Path | io.BytesIO:
    """Return what to read from; a pipe is read whole, since decoders go back and forth."""
    if source.is_stdin:
        return io.BytesIO(sys.stdin.buffer.read())
    path = Path(source.path)
    try:
        return io.BytesIO(path.read_bytes()) if path.is_fifo() else path
    except OSError as error:
        raise ImageError(path, f"cannot be read: {error.strerror or error}") from error
