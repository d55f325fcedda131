"""Run a chain of layers on one image and write the requested outputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from convcli.atomic import atomic_write, check_target, is_stream
from convcli.batch.job import STDOUT
from convcli.batch.memory import memory_check
from convcli.batch.outputs import (
    Target,
    base_name,
    choose_target,
    path_beside,
    plan_output,
    write_result,
)
from convcli.choices import PERCENTILES, Range, Scale
from convcli.cli.files import check_outputs, read_one, write_figure
from convcli.cli.report import (
    axes_record,
    check_terminal,
    clipping_hint,
    finite,
    hint_at_numbers,
    mark_record,
    mark_text,
    print_name,
    write_stdout,
)
from convcli.errors import UsageError, prefix_errors, shown
from convcli.figure_options import FigureOptions
from convcli.images.arrays import write_npy
from convcli.images.formats import PNG, named_format
from convcli.images.image import ImageData, max_value_of
from convcli.images.notes import nan_note, visible
from convcli.images.options import ReadOptions, WriteOptions
from convcli.images.value_range import ValueRange, ValueStats
from convcli.images.writing import write_image
from convcli.kernels.kernel import safe_name
from convcli.layers.base import Layer, Maps
from convcli.layers.conv import Conv
from convcli.layers.network import Stage, network_bytes, run_network
from convcli.layers.network_input import NetworkInput
from convcli.signals import OutputAxes
from convcli.teaching.chain.maps import (
    as_network_takes,
    chain_axis,
    error_scale,
    input_maps,
    integrate,
    maps_to_image,
    plan_chain,
    squeeze_maps,
)
from convcli.teaching.chain.summary import ChainSummary

if TYPE_CHECKING:
    from convcli.core.missing import Missing
    from convcli.plotting.save import NotebookFigure

_FAINT = 0.02  # share of white up to which an image looks black
MAX_SLUG = 60  # letters of a layer in a file name


class ChainOutputs(NamedTuple):
    """What a chain writes and prints: the values of the options."""

    output: str | None
    range: Range | None
    percentile: tuple[float, float] | None
    density: bool
    mark: str | None
    summary: bool
    json: bool
    plot: str | None
    show: bool
    each_dir: str | None
    figure: FigureOptions
    scale: Scale
    texts: Sequence[str]  # of the layers, as they were typed

    @property
    def has_result(self) -> bool:
        """Whether the last layer's maps are written; without -o, other outputs replace them."""
        return self.output is not None or not (self.summary or self.is_drawn or self.each_dir)

    @property
    def is_drawn(self) -> bool:
        """Whether there is a figure."""
        return self.show or self.plot is not None

    @property
    def needs_maps(self) -> bool:
        """Whether any maps are needed; otherwise shapes suffice."""
        return self.has_result or self.is_drawn or self.each_dir is not None


def run(
    source: str,
    outputs: ChainOutputs,
    reading: ReadOptions,
    writing: WriteOptions,
    layers: Sequence[Layer],
    max_memory: int | float,
    matrix: str | None = None,
    missing: Missing | None = None,
) -> None:
    """Run the layers on one input, write the outputs, and print their names or the summary.

    The text of a ``matrix`` is read instead of the source, and its result is printed by default.
    ``missing`` says which pixels are missing; None for none.

    Raises:
        ConvcliError: the input cannot be read, a layer does not fit its input, or a file cannot
            be written.
    """
    if matrix is not None and outputs.has_result and outputs.output is None:
        if outputs.json:
            raise UsageError("--matrix and --json both print; name a file with -o")
        outputs = outputs._replace(output=STDOUT)
    unnamed = outputs.has_result and outputs.output is None
    if outputs.has_result:
        outputs = outputs._replace(output=_output_path(source, outputs, writing))
    _check_options(outputs)
    check_outputs(outputs.output, outputs.plot, overwrite=writing.overwrite)
    check_memory = memory_check(max_memory)
    image, name = read_one(source, reading, check_memory, matrix)
    if image.alpha is not None:
        click.echo(f"{name}: alpha is dropped", err=True)
    models = dict.fromkeys(each.model for each in layers if isinstance(each, NetworkInput))
    title = ", ".join(map(base_name, (name, *models)))
    with prefix_errors(name):
        image = as_network_takes(image, layers)
        if outputs.density and reading.x is not None:
            axis = image.axis or reading.x.axis(reading.x.samples)
            layers = integrate(layers, image, axis.step)
        stages = plan_chain(layers, image, missing)
        writer = _ChainWriter(image, name, title, outputs, writing, stages, missing)
        if outputs.needs_maps:
            shape = (*image.shape, image.channels)
            check_memory(image.pixels.nbytes + network_bytes(stages, shape, image.pixels.dtype))
            writer.write()
        _print(source, image, stages, writer)
    if unnamed:
        hint_at_numbers(writer.paths[-1])
    if outputs.show and writer.figure is not None:
        from convcli.plotting.save import show_figure

        show_figure([writer.figure])


def _check_options(outputs: ChainOutputs) -> None:
    """Raise UsageError if options contradict each other."""
    if outputs.mark is not None and not outputs.has_result:
        raise UsageError("--mark is about the result; write it with -o")
    if outputs.percentile is not None and outputs.range != "percentile":
        raise UsageError("--percentile needs --range percentile")
    if outputs.output == STDOUT and (outputs.summary or outputs.json):
        raise UsageError("--summary and --json print, and so does -o -; choose one")
    if outputs.is_drawn:
        from convcli.teaching.chain.figure import check_options

        check_options(outputs.figure, len(outputs.texts))


def _output_path(source: str, outputs: ChainOutputs, writing: WriteOptions) -> str:
    """Return the file of the result."""
    raw = outputs.range == "raw"
    if outputs.output is None:
        return path_beside(source, "chain", writing.format, raw=raw)
    if outputs.output != STDOUT and not is_stream(outputs.output):
        named_format(Path(outputs.output), writing.format, raw=raw)
    return outputs.output


def _print(source: str, image: ImageData, stages: list[Stage], writer: _ChainWriter) -> None:
    """Print the result, or the summary and the names of the written files."""
    shape = (*image.shape, image.channels)
    if writer.data is not None:
        check_terminal(writer.data)
        write_stdout(writer.data)
    elif writer.outputs.json:
        record = ChainSummary.of(shape, stages).as_record()
        click.echo(dumps({"input": source} | record | writer.record))
    else:
        if writer.outputs.summary:
            click.echo(ChainSummary.of(shape, stages))
        for path in writer.paths:
            print_name(path)


class _ChainWriter:
    """Compute the layers of one image, and write the requested outputs.

    :meth:`write` sets ``paths`` (the written files in order), ``record`` (their names and the
    result's statistics under their JSON names), ``data`` (the bytes for standard output) and
    ``figure``.
    """

    def __init__(
        self,
        image: ImageData,
        name: str,
        title: str,
        outputs: ChainOutputs,
        writing: WriteOptions,
        stages: Sequence[Stage],
        missing: Missing | None = None,
    ) -> None:
        self.missing = missing
        self.image = image
        self.name = name
        self.title = title
        self.outputs = outputs
        self.writing = writing
        self.stages = stages
        self.paths: list[str] = []
        self.record: dict[str, Any] = {}
        self.data: bytes | None = None
        self.figure: NotebookFigure | None = None

    def write(self) -> None:
        """Check every output before the first layer is computed; then compute and write."""
        outputs = self.outputs
        target = self._choose_target() if outputs.has_result else None
        layer_paths = [] if outputs.each_dir is None else self._layer_paths(outputs.each_dir)
        self._check_paths(layer_paths)
        planes = maps = input_maps(self.image, self.missing)
        prints = outputs.json or (target is not None and target.format.is_matrix)
        scale = 0.0
        plot = None
        if outputs.is_drawn:
            from convcli.teaching.chain.figure import ChainPlot

            plot = ChainPlot(
                self.image,
                self.stages,
                texts=outputs.texts,
                scale=outputs.scale,
                options=outputs.figure,
                missing=self.missing,
            )
        for stage, after in zip(self.stages, run_network(self.stages, planes), strict=True):
            if (prints or plot is not None) and after.dtype.kind == "f":
                scale = error_scale(stage.layer, maps, after, scale)
            maps = after
            if layer_paths:
                self._write_layer(maps, *layer_paths[stage.number - 1])
            if plot is not None:
                plot.add(stage, maps, scale)
        if target is not None:
            self._write_result(maps, target, scale)
        if plot is not None:
            self.figure = plot.draw(self.title)
            write_figure(self.figure, outputs.plot, overwrite=self.writing.overwrite, quiet=True)
        if outputs.plot is not None:
            self._note("figure", outputs.plot)

    def _choose_target(self) -> Target:
        """Choose the format and depth of the result."""
        value_range = self.outputs.range or "clip"
        output = plan_output(self.outputs.output or "", self.writing.format)
        rows, columns, channels = self.stages[-1].plan.shape
        if output.format is None and output.path == STDOUT and rows * columns == 1:
            output = output._replace(format=named_format(None, "txt"))
        numbers = rows * columns == 1 and output.format is not None and output.format.name == "txt"
        target = choose_target(
            output,
            self.image.format,
            channels=1 if numbers else channels,
            depth=self.image.depth,
            range=value_range,
        )
        if self.outputs.range is None and target.format.is_matrix:
            return target._replace(depth=None)  # text and .npy keep all digits
        ValueRange(value_range, max_value_of(target.depth))  # raises if it has no such range
        return target

    def _layer_paths(self, folder: str) -> list[tuple[Path, Path | None]]:
        """Return each layer's .npy file, and its .png file if it has 1 or 3 maps."""
        digits = max(2, len(str(len(self.stages))))
        paths: list[tuple[Path, Path | None]] = []
        for stage in self.stages:
            layer = stage.layer
            slug = layer.slug if isinstance(layer, Conv) else safe_name(layer.label)
            stem = f"{stage.number:0{digits}}_{slug[:MAX_SLUG]}"
            pixels = Path(folder, f"{stem}.png") if stage.plan.shape[2] in (1, 3) else None
            paths.append((Path(folder, f"{stem}.npy"), pixels))
        return paths

    def _check_paths(self, layer_paths: Sequence[tuple[Path, Path | None]]) -> None:
        """Check that no output exists, and that no two outputs are one file."""
        named = [self.outputs.plot, self.outputs.output if self.outputs.has_result else None]
        paths = [Path(name) for name in named if name not in (None, STDOUT)]
        paths += [path for pair in layer_paths for path in pair if path is not None]
        used: set[Path] = set()
        for path in paths:
            if path.resolve() in used and not is_stream(path):
                raise UsageError(f"two results go to {shown(str(path))}; name another file")
            used.add(path.resolve())
            check_target(path, overwrite=self.writing.overwrite)

    def _write_layer(self, maps: Maps, values: Path, pixels: Path | None) -> None:
        """Write one layer's maps, and their image if there is one."""
        overwrite = self.writing.overwrite
        with atomic_write(values, overwrite=overwrite) as file:
            write_npy(file, squeeze_maps(maps))
        self._note("each", str(values))
        if pixels is not None:
            image, _ = maps_to_image(maps, "rescale", 8, ImageData(self.image.pixels, 8))
            with atomic_write(pixels, overwrite=overwrite) as file:
                write_image(image, file, PNG)
            self._note("each", str(pixels))

    def _write_result(self, maps: Maps, target: Target, scale: float) -> None:
        """Turn the last layer's maps into pixels, and write them; see :func:`error_scale`."""
        image, stats = maps_to_image(
            maps,
            self.outputs.range or "clip",
            target.depth,
            self.image,
            self.outputs.percentile or PERCENTILES,
            scale,
            None if self.missing is None else self.missing.nodata,
        )
        axes = OutputAxes(chain_axis(self.stages, self.image))
        image = image._replace(axis=axes.positions)
        if target.format.name == "txt":  # one position of all maps, as one line
            image = image._replace(pixels=image.pixels.reshape(image.shape[0], -1))
        self.data, notes = write_result(target, partial(write_image, image), self.writing)
        if stats.nans and image.depth is not None and stats.nodata is None:
            notes += (nan_note(stats.nans, "the last layer"),)
        if (
            image.max_value is not None
            and self.outputs.range is None
            and stats.minimum < stats.maximum <= _FAINT * image.max_value
        ):
            notes += (
                f"the result is nearly black: its largest value is {stats.maximum:.3g}; "
                "--range rescale shows it",
            )
        if hint := clipping_hint(stats.clipped):
            notes += (hint,)
        for note in visible((*target.notes, *notes)):
            click.echo(f"{self.name}: {note}", err=True)
        minimum, maximum = stats.shown(self.writing.digits)
        self.record |= {
            "min": finite(minimum),
            "max": finite(maximum),
            "clipped": round(stats.clipped, 6),
        }
        if self.missing is not None:
            from convcli.core.missing import count_missing

            count = count_missing(self.missing.of(self.image.pixels))
            self.record |= {"missing": count, "invalid": stats.nans}
        self._record_places(stats, axes, maps)
        if self.data is None:
            self._note("output", target.path)

    def _record_places(self, stats: ValueStats, axes: OutputAxes, maps: Maps) -> None:
        """Record where the samples of a signal lie, and with --mark the greatest value."""
        self.record |= axes_record(axes, max(maps.shape[:2]))
        if self.outputs.mark is None:
            return
        stats.find_peak(maps, slice(0, len(maps)))
        peak = stats.shown_peak(self.writing.digits)
        if peak is None:
            return
        if maps.shape[2] > 1:
            peak = peak._replace(channel=f"map {peak.place[2] + 1}")
        self.record |= mark_record(peak, axes)
        if not self.outputs.json:
            click.echo(f"{self.name}: {mark_text(peak, axes)}", err=True)

    def _note(self, kind: str, path: str) -> None:
        """Note the name of a file that was written."""
        self.paths.append(path)
        if kind == "each":
            self.record.setdefault(kind, []).append(path)
        else:
            self.record[kind] = path
