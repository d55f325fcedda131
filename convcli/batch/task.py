"""The work on one input: read it, filter it with each kernel, write what comes out."""

import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from convcli.atomic import atomic_write, is_stream, refuse_existing
from convcli.batch.inputs import Missing, Source
from convcli.batch.naming import STDOUT, Job
from convcli.batch.outcome import Outcome, Result
from convcli.batch.settings import Work
from convcli.errors import ConvcliError, PictureError, shown, unforeseen
from convcli.filtering import Filtered, FilterSpec, filter_picture, measure
from convcli.images.formats import Format, choose_format, named_format
from convcli.images.picture import Picture
from convcli.images.reading import read_frames, read_picture
from convcli.images.writing import write_frames, write_picture

Step = tuple[FilterSpec, str | None]
Encode = Callable[..., tuple[str, ...]]
MATRICES = ("npy", "csv", "txt")


def run_jobs(jobs: Iterable[Job | Missing], work: Work) -> Iterator[Outcome]:
    """Do the jobs in order and yield what became of each; a fault does not stop the next."""
    for job in jobs:
        yield Outcome(job.path, error=job.error) if isinstance(job, Missing) else do_job(job, work)


def do_job(job: Job, work: Work) -> Outcome:
    """Do the work on one input; what goes wrong is in the outcome."""
    began = time.perf_counter()
    task = _Task(job, work)
    error: ConvcliError | None = None
    try:
        task.run()
    except PictureError as fault:
        error = fault
    except ConvcliError as fault:
        error = PictureError(task.name, str(fault))
    except MemoryError:
        error = PictureError(task.name, "not enough memory; --max-pixels refuses it early")
    except BrokenPipeError:
        raise
    except Exception as fault:  # whatever it is, the other pictures go on
        if os.environ.get("CONVCLI_DEBUG"):
            raise
        error = PictureError(task.name, unforeseen(fault))
    return Outcome(
        path=job.source.path,
        results=tuple(task.results),
        figure=task.figure,
        window=task.window,
        notes=tuple(dict.fromkeys(task.notes)),
        error=error,
        seconds=time.perf_counter() - began,
    )


class _Task:
    """One job in progress: what has been made so far, whatever happens next."""

    def __init__(self, job: Job, work: Work) -> None:
        self.job = job
        self.work = work
        self.name = "standard input" if job.source.is_stdin else job.source.path
        self.results: list[Result] = []
        self.notes: list[str] = []
        self.figure: str | None = None
        self.window: Any = None
        self.source: Path | io.BytesIO = Path(job.source.path)

    @property
    def draws(self) -> bool:
        """Whether a figure is made, as a file or in a window."""
        return self.job.figure is not None or self.work.show

    def run(self) -> None:
        """Make every result that is still to be made."""
        steps = self._steps()
        if not steps:
            return
        self.source = _opened(self.job.source)
        if self.work.all_frames:
            for step in steps:
                self._filter_frames(*step)
        else:
            self._filter_picture(steps)

    def _steps(self) -> list[Step]:
        """Return what is to be made; what exists is skipped, or refused before any work."""
        if self.job.figure is not None:
            self._refuse_existing(self.job.figure)
        if not self.job.outputs:
            return [(spec, None) for spec in self.work.specs]
        steps: list[Step] = []
        for spec, output in zip(self.work.specs, self.job.outputs, strict=True):
            if self.work.writing.skip_existing and _exists(output):
                self.results.append(Result(spec.label, output, skipped=True))
            else:
                self._refuse_existing(output)
                steps.append((spec, output))
        return steps

    def _refuse_existing(self, output: str) -> None:
        if self.work.writing.overwrite or not _exists(output):
            return
        source = self.job.source
        there = not source.is_stdin and os.path.exists(source.path) and os.path.exists(output)
        if there and os.path.samefile(output, source.path):
            raise PictureError(output, "is the input itself; --overwrite replaces it")
        raise refuse_existing(Path(output))

    @property
    def _reading(self) -> dict[str, Any]:
        reading = self.work.reading
        size = reading.resize
        return {
            "name": self.name,
            "max_pixels": reading.max_pixels,
            "channels": reading.channels,
            "resize": None if size is None else (size[1], size[0]),
        }

    def _filter_picture(self, steps: list[Step]) -> None:
        pictures = [read_picture(self.source, **self._reading)]
        self.notes += pictures[0].notes
        drawn: list[tuple[FilterSpec, Filtered]] = []
        for number, (spec, output) in enumerate(steps, 1):
            target = self._target(pictures[0], spec, output)
            filtered = filter_picture(pictures[0], spec, _depth(pictures[0], spec, target))
            size = pictures[0].size
            if self.draws:
                drawn.append((spec, filtered))
            elif number == len(steps):
                pictures.clear()  # the encoder needs the memory
            data = None
            if target is not None:
                encode = partial(write_picture, filtered.picture)
                data = self._write(output, target, encode)
            self._add(spec, output, data, size, filtered)
        if self.draws:
            self._draw(pictures[0], drawn)

    def _filter_frames(self, spec: FilterSpec, output: str | None) -> None:
        """Filter every frame into one file; ``rescale`` gives all of them one scale."""
        extremes = None
        if spec.range == "rescale":
            ends = [measure(frame, spec) for frame in self._frames()]
            extremes = min(low for low, _ in ends), max(high for _, high in ends)
        frames = self._frames()
        first = next(frames)
        target = self._target(first, spec, output)
        done: list[Filtered] = []

        def filtered() -> Iterator[Picture]:
            for frame in chain([first], frames):
                self.notes += frame.notes
                result = filter_picture(frame, spec, _depth(frame, spec, target), extremes)
                if done:
                    done[0].tally.merge(result.tally)
                else:
                    done.append(result)
                yield result.picture

        data = None
        if target is not None:
            data = self._write(output, target, partial(write_frames, filtered()))
        self._add(spec, output, data, first.size, done[0])

    def _frames(self) -> Iterator[Picture]:
        """Read the frames from the beginning."""
        if isinstance(self.source, io.BytesIO):
            self.source.seek(0)
        return read_frames(self.source, **self._reading)

    def _target(self, picture: Picture, spec: FilterSpec, output: str | None) -> Format | None:
        """Choose the format of a result; None where no file is asked for."""
        if output is None:
            return None
        path = None if output == STDOUT else Path(output)
        requested, channels = self.work.writing.format, _channels(picture, spec)
        if path is None and requested is None and channels == 1 and picture.format in MATRICES:
            requested = "txt"  # a matrix is printed
        named = named_format(path, requested)
        depth = picture.depth
        if spec.range == "raw":
            depth = None
        elif depth is None and named is not None and not named.holds(channels, None):
            depth = 8
        return choose_format(
            path,
            requested,
            picture.format,
            channels=channels,
            depth=depth,
            frames=self.work.all_frames,
        )

    def _write(self, output: str | None, target: Format, encode: Encode) -> bytes | None:
        """Encode a result into its file, or return its bytes for standard output."""
        writing = self.work.writing
        options = {"quality": writing.quality, "compress_level": writing.compress_level}
        if output is None or output == STDOUT:
            memory = io.BytesIO()
            self.notes += encode(memory, target, **options)
            return memory.getvalue()
        with atomic_write(Path(output), overwrite=writing.overwrite) as file:
            self.notes += encode(file, target, **options)
        return None

    def _add(
        self,
        spec: FilterSpec,
        output: str | None,
        data: bytes | None,
        input_size: tuple[int, int],
        filtered: Filtered,
    ) -> None:
        tally = filtered.tally
        self.results.append(
            Result(
                kernel=spec.label,
                output=output,
                data=data,
                input_size=input_size,
                size=filtered.picture.size,
                method=filtered.method,
                minimum=tally.minimum,
                maximum=tally.maximum,
                clipped=tally.clipped,
            )
        )
        if tally.nans and filtered.picture.depth is not None:
            self.notes.append(f"{tally.nans} NaN values of the feature map became black")

    def _draw(self, picture: Picture, drawn: list[tuple[FilterSpec, Filtered]]) -> None:
        """Draw the figure, into its file, a window, or both."""
        from convcli.figures.panels import PanelRow, draw_filtering
        from convcli.figures.saving import save_figure

        rows = [
            PanelRow(
                label=spec.label,
                kernels=spec.kernels,
                pixels=filtered.picture.pixels,
                white=filtered.picture.white,
                minimum=filtered.tally.minimum,
                maximum=filtered.tally.maximum,
                clipped=filtered.tally.clipped,
                combine=spec.combine,
            )
            for spec, filtered in drawn
        ]
        title = shown(os.path.basename(self.name))
        figure = draw_filtering(picture.pixels, rows, title=title, white=picture.white)
        if self.job.figure is not None:
            save_figure(figure, Path(self.job.figure), overwrite=self.work.writing.overwrite)
            self.figure = self.job.figure
        if self.work.show:
            self.window = figure


def _channels(picture: Picture, spec: FilterSpec) -> int:
    """Return the channels of a result: a kernel over the channels leaves one."""
    return 1 if spec.kernels[0].matrix.ndim == 3 else picture.channels


def _depth(picture: Picture, spec: FilterSpec, target: Format | None) -> int | None:
    """Return the depth of a result: the picture's own, or 8 where plain numbers need a white."""
    if spec.range == "raw" or picture.depth is not None or target is None:
        return None if spec.range == "raw" else picture.depth
    return None if target.holds(_channels(picture, spec), None) else 8


def _exists(output: str) -> bool:
    """Tell whether a file is there that would be replaced; a FIFO or a device never is."""
    return output != STDOUT and os.path.lexists(output) and not is_stream(Path(output))


def _opened(source: Source) -> Path | io.BytesIO:
    """Return what to read from; a pipe is read whole, since decoders go back and forth."""
    if source.is_stdin:
        return io.BytesIO(sys.stdin.buffer.read())
    path = Path(source.path)
    try:
        return io.BytesIO(path.read_bytes()) if path.is_fifo() else path
    except OSError as error:
        raise PictureError(path, f"cannot be read: {error.strerror or error}") from error
