"""Run one job: read the input, filter it with each filter, write the results."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

from convcli.batch.inputs import open_source
from convcli.batch.job import (
    Job,
    JobOptions,
    JobResult,
    Output,
    OutputResult,
    SummaryFile,
    pending_outputs,
)
from convcli.batch.outputs import Target, choose_target, write_result
from convcli.choices import SCALED_RANGES
from convcli.core.padding import can_hold
from convcli.errors import ConvcliError, ExistingError, ImageError, UsageError, internal_error
from convcli.filtering.filter import Filter
from convcli.filtering.memory import result_bytes
from convcli.filtering.planned_filter import check_filters
from convcli.filtering.run import Filtered, apply_range, filter_image, with_holes
from convcli.frames import (
    FrameTotals,
    filter_frames,
    measure_frames,
    run_bytes,
    runs_of_alike,
)
from convcli.images.formats import SPREADSHEET
from convcli.images.image import ImageData
from convcli.images.notes import Detail, Notes, nan_note
from convcli.images.pillow_reader import BASE_BYTES, ReserveMemory, unlimited_memory
from convcli.images.reading import read_frames, read_image
from convcli.images.writing import write_frames, write_image
from convcli.signals import SignalSource


def run_serially(
    jobs: Iterable[Job],
    options: JobOptions,
    reserve_memory: ReserveMemory = unlimited_memory,
    *,
    fail_fast: bool = False,
) -> Generator[JobResult, None, None]:
    """Run the jobs in order in this process, and yield their results.

    With ``fail_fast`` the first error ends the run; otherwise no error does.
    """
    for job in jobs:
        result = run_job(job, options, reserve_memory)
        yield result
        if fail_fast and result.error is not None:
            return


def run_job(
    job: Job, options: JobOptions, reserve_memory: ReserveMemory = unlimited_memory
) -> JobResult:
    """Run one job; an error is part of its result.

    ``reserve_memory`` is called before decoding; see :func:`convcli.images.reading.read_image`.
    """
    if job.source.error is not None:
        return JobResult(job.source.path, error=job.source.error)
    began = time.perf_counter()
    runner = _JobRunner(job, options, reserve_memory)
    error: ConvcliError | None = None
    try:
        runner.run()
    except ImageError as raised:
        error = raised
    except ConvcliError as raised:
        error = ImageError(runner.name, str(raised))
    except MemoryError:
        error = ImageError(runner.name, "not enough memory for the image and its result")
    except Exception as raised:  # an error in convcli must not stop the other images
        if os.environ.get("CONVCLI_DEBUG"):
            raise
        error = ImageError(runner.name, internal_error(raised))
    return JobResult(
        path=job.source.path,
        results=tuple(runner.results),
        summaries=tuple(runner.summaries),
        figure=runner.figure,
        notes=tuple(runner.notes),
        error=error,
        seconds=time.perf_counter() - began,
    )


class _JobRunner:
    """Runs one job and collects its results, which are kept if an error follows."""

    def __init__(self, job: Job, options: JobOptions, reserve_memory: ReserveMemory) -> None:
        self.job = job
        self.options = options
        self.reserve_memory = reserve_memory
        self.reserved = 0  # bytes
        self.kept = 0  # bytes of all results that are kept for summary files
        self.name = job.source.name
        self.file: str | io.BytesIO | SignalSource
        self.results: list[OutputResult] = []
        self.notes = Notes()
        self.summaries: list[SummaryFile] = []
        self.figure: Any = None

    def run(self) -> None:
        """Write the pending outputs."""
        pending = pending_outputs(self.job, self.options)
        self.results += pending.skipped
        if not pending.outputs:
            return
        self.file = open_source(self.job.source)
        if self.options.reading.frames == "all":
            if len(pending.outputs) > 1:
                self._targets(next(self._frames()), pending.outputs)
            for each, output in pending.outputs:
                if output is not None:
                    self._filter_frames(each, output)
        elif pending.summaries or self.options.outputs.show:
            self._filter_with_summaries(pending.outputs, pending.summaries)
        else:
            self._filter_image(pending.outputs)

    def _filter_image(self, outputs: list[tuple[Filter, Output | None]]) -> None:
        images = [self._read(rgbx=True)]
        targets = self._targets(images[0], outputs)
        for number, ((each, _), target) in enumerate(zip(outputs, targets, strict=True), 1):
            self._reserve_filtering(images, each, target)
            is_last = number == len(outputs)
            depth = _depth(images[0], target)
            sheets = _spreadsheet(images[0], each, target)
            overwrite = is_last and sheets is None
            filtered = filter_image(images[0], each, depth, overwrite=overwrite)
            totals = FrameTotals.of(images[0], filtered)
            if is_last:
                images.clear()  # the encoder needs the memory
            self._write_image(each, target, filtered, totals, sheets)

    def _filter_with_summaries(
        self, outputs: list[tuple[Filter, Output | None]], summaries: list[SummaryFile]
    ) -> None:
        """Filter the image with each filter; write the results and the summary files."""
        from convcli.batch.summary_files import draw_figure, write_summary

        options = self.options
        has_stack = any(each.kind == "stack" for each in summaries)
        image = self._read()
        targets = self._targets(image, outputs)
        self.kept = (1 + has_stack) * sum(
            result_bytes(image, each, _depth(image, target))
            for (each, _), target in zip(outputs, targets, strict=True)
        )
        results: list[tuple[Filter, Filtered]] = []
        stacked: list[tuple[Filter, Filtered]] = []  # at the image's own depth
        for (each, _), target in zip(outputs, targets, strict=True):
            depth, sheets = _depth(image, target), _spreadsheet(image, each, target)
            self._reserve_filtering([image], each, target)
            narrowed = depth != image.depth and each.range != "raw" and each.combine != "direction"
            if has_stack and narrowed:
                raw = filter_image(image, each._replace(range="raw", counted=True), None)
                filtered = apply_range(raw, each, depth)
                stacked.append((each, apply_range(raw, each, image.depth)))
            else:
                filtered = filter_image(image, each, depth)
                stacked.append((each, filtered))
            totals = FrameTotals.of(image, filtered)
            self._write_image(each, target, filtered, totals, sheets)
            results.append((each, filtered))
        image = with_holes(image, outputs[0][0])
        if options.outputs.show:
            self.figure = draw_figure(self.name, image, results, options)
        for summary in summaries:
            chosen = stacked if summary.kind == "stack" else results
            with self._skip_if_made(options.label, summary.path):
                self.notes.add(*write_summary(summary, self.name, image, chosen, options))
                self.summaries.append(summary)

    def _filter_frames(self, chosen: Filter, output: Output) -> None:
        """Filter every frame into one file; a scaled range uses one scale for all frames."""
        extremes = None
        if chosen.range in SCALED_RANGES:
            extremes = measure_frames(self._runs(chosen), chosen)
        totals = FrameTotals()
        runs = self._filtered_runs(chosen, output, extremes, totals)
        target, first = next(runs)
        images = chain(first, chain.from_iterable(images for _, images in runs))
        self._write(chosen, target, partial(write_frames, images, threads=chosen.threads), totals)

    def _runs(self, chosen: Filter) -> Iterator[list[ImageData]]:
        """Read the frames, and reserve what it takes to measure each run of them."""
        for run in runs_of_alike(self._frames(), chosen):
            self._reserve_filtering(run, chosen, None)
            yield run

    def _filtered_runs(
        self,
        chosen: Filter,
        output: Output,
        extremes: tuple[float, float] | None,
        totals: FrameTotals,
    ) -> Iterator[tuple[Target | None, list[ImageData]]]:
        """Filter the frames, and add up their totals; yield targets and results."""
        for run in runs_of_alike(self._frames(), chosen):
            for frame in run:
                self.notes.add(*frame.notes)
            target = self._target(run[0], chosen, output)
            self._reserve_filtering(run, chosen, target)
            filtered = filter_frames(run, chosen, _depth(run[0], target), extremes)
            totals.add(run, filtered)
            yield target, filtered.images

    def _targets(
        self, image: ImageData, outputs: list[tuple[Filter, Output | None]]
    ) -> list[Target | None]:
        """Choose the targets of all results, and check all filters, before any is written."""
        if len(outputs) > 1:
            check_filters(image, [each for each, _ in outputs])
        return [self._target(image, each, output) for each, output in outputs]

    def _target(self, image: ImageData, chosen: Filter, output: Output | None) -> Target | None:
        """Choose format and depth of a result, which depend on the image's channels and depth."""
        if chosen.alpha == "premultiply" and image.alpha is None:
            self.notes.add(Detail("--alpha premultiply has no effect: the image has no alpha"))
        nodata = None if chosen.missing is None else chosen.missing.nodata
        if nodata is not None and not can_hold(image.pixels.dtype, nodata):
            held = f"{image.pixel_type} pixels do not hold it"
            self.notes.add(f"--nodata {nodata:.17g} marks no pixel as missing: {held}")
        if output is None:
            return None
        channels, depth = image.channels, image.depth
        if chosen.combine == "direction":
            if output.format is not None and not output.format.holds(3, 8):
                raise UsageError(
                    f"--combine direction makes a color image, which {output.format.suffix} cannot "
                    "hold; use --format png"
                )
            channels, depth = 3, 8
        elif chosen.kernels[0].matrix.ndim == 3:
            channels = 1
        target = choose_target(
            output,
            image.format,
            channels=channels,
            depth=depth,
            range=chosen.range,
            frames=self.options.reading.frames == "all",
        )
        self.notes.add(*target.notes)
        return target

    def _write_image(
        self,
        chosen: Filter,
        target: Target | None,
        filtered: Filtered,
        totals: FrameTotals,
        sheets: Any,
    ) -> None:
        """Write a result of one frame: an image, or the sheets of a spreadsheet."""
        encode = partial(write_image, filtered.image, threads=chosen.threads)
        self._write(chosen, target, encode if sheets is None else sheets.write, totals)

    def _write(
        self,
        chosen: Filter,
        target: Target | None,
        encode: Callable[..., tuple[str, ...]],
        totals: FrameTotals,
    ) -> None:
        """Write a result, unless it has no target, and record the totals of its frames."""
        path, data, stats = None if target is None else target.path, None, totals.stats
        with self._skip_if_made(chosen.label, path):
            if target is not None:
                data, notes = write_result(target, encode, self.options.writing)
                self.notes.add(*notes)
            minimum, maximum = stats.shown(self.options.writing.digits)
            self.results.append(
                OutputResult(
                    kernel=chosen.label,
                    output=path,
                    data=data,
                    frames=totals.frames,
                    sizes=tuple(totals.sizes),
                    types=tuple(totals.types),
                    methods=tuple(totals.methods),
                    has_others=totals.has_others,
                    minimum=minimum,
                    maximum=maximum,
                    clipped=stats.clipped,
                    missing=None if chosen.missing is None else (totals.missing, stats.nans),
                    axes=totals.axes,
                    peak=stats.shown_peak(self.options.writing.digits),
                )
            )
            if totals.black:
                maps = "the feature map" if totals.frames == 1 else "all feature maps"
                self.notes.add(nan_note(totals.black, maps))

    @contextmanager
    def _skip_if_made(self, label: str, path: str | None) -> Iterator[None]:
        """With --skip-existing, skip a file that another run has written meanwhile."""
        try:
            yield
        except ExistingError:
            if not self.options.writing.skip_existing:
                raise
            self.results.append(OutputResult(label, path, skipped=True))

    def _reserve_memory(self, size: int) -> None:
        """Reserve the bytes that reading an image takes."""
        self.reserved = size
        self.reserve_memory(size)

    def _reserve_filtering(
        self, run: list[ImageData], chosen: Filter, target: Target | None
    ) -> None:
        """Reserve more bytes if this filter takes more than was estimated from the header.

        Padding, stride and dilation make the result larger or smaller than the image.
        """
        need = BASE_BYTES + run_bytes(run, chosen, _depth(run[0], target)) + self.kept
        if need > self.reserved:
            self.reserved = need
            self.reserve_memory(need)

    def _read(self, *, rgbx: bool = False) -> ImageData:
        image = read_image(
            self.file,
            name=self.name,
            options=self.options.reading,
            reserve_memory=self._reserve_memory,
            rgbx=rgbx,
        )
        self.notes.add(*image.notes)
        return image

    def _frames(self) -> Iterator[ImageData]:
        """Read the frames from the first one on."""
        if isinstance(self.file, io.BytesIO):
            self.file.seek(0)
        return read_frames(
            self.file,
            name=self.name,
            options=self.options.reading,
            reserve_memory=self._reserve_memory,
        )


def _spreadsheet(image: ImageData, chosen: Filter, target: Target | None) -> Any:
    """Return the spreadsheet that a result is written as; None for an image."""
    if target is None or target.format != SPREADSHEET:
        return None
    from convcli.plotting.spreadsheet import Spreadsheet

    return Spreadsheet(image, chosen)


def _depth(image: ImageData, target: Target | None) -> int | None:
    """Return the bits per pixel of a result; a result without a file keeps the image's."""
    return image.depth if target is None else target.depth
