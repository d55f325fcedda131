"""From layers and an input to what was asked for: a result, a summary, a figure, every map."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from convcli.atomic import atomic_write, check_target, is_stream
from convcli.batch.encoding import Target, target_for, write_result
from convcli.batch.outputs import STDOUT, base_name
from convcli.cli.files import check_outputs, read_one
from convcli.cli.report import check_terminal, finite, print_name, write_stdout
from convcli.errors import UsageError, prefix_errors, shown
from convcli.images.arrays import write_npy
from convcli.images.formats import PNG, default_suffix, named_format
from convcli.images.image import ImageData
from convcli.images.options import ReadOptions, WriteOptions
from convcli.images.value_range import ValueRange
from convcli.images.writing import write_image
from convcli.kernels.naming import safe_name
from convcli.layers.base import Layer, Maps
from convcli.layers.conv import Conv
from convcli.layers.network import Stage, plan_network, run_network
from convcli.teaching.chain.run import image_of, maps_of, squeeze_maps
from convcli.teaching.chain.summary import record, table

if TYPE_CHECKING:
    from convcli.choices import Range
    from convcli.teaching.chain.figure import PlannedBlock

MOST_LABEL = 60  # letters of a layer in a file's name


class ChainOutputs(NamedTuple):
    """What is to come of a chain, as it was asked for."""

    output: str | None
    range: "Range | None"
    summary: bool
    json: bool
    plot: str | None
    each_dir: str | None

    @property
    def result(self) -> bool:
        """Whether the last layer's values are written: unless only something else is asked for."""
        return self.output is not None or not (self.summary or self.plot or self.each_dir)

    @property
    def computed(self) -> bool:
        """Whether sizes are not enough."""
        return self.result or self.plot is not None or self.each_dir is not None

    def check(self, *, overwrite: bool) -> None:
        """Refuse what contradicts itself or cannot be written, before anything is read.

        Raises:
            UsageError: two things on standard output or in one file, or a figure of no known
                format.
            ImageError: a file exists and is not to be replaced.
        """
        if self.output == STDOUT and (self.summary or self.json):
            raise UsageError("--summary and --json print, and so does -o -; choose one")
        check_outputs(self.output, self.plot, overwrite=overwrite)


def run(
    source: str,
    wanted: ChainOutputs,
    reading: ReadOptions,
    writing: WriteOptions,
    layers: Sequence[Layer],
) -> None:
    """Send one input through the layers, and say what was made.

    Raises:
        ConvcliError: the input cannot be read, a layer does not suit what it is given, or a file
            cannot be written.
    """
    if wanted.result:
        wanted = wanted._replace(output=_output(source, wanted, writing))
    wanted.check(overwrite=writing.overwrite)
    image, name = read_one(source, reading)
    if image.alpha is not None:
        click.echo(f"{name}: its alpha is left out", err=True)
    with prefix_errors(name):
        _Run(image, source, name, wanted, writing).run(layers)


def _output(source: str, wanted: ChainOutputs, writing: WriteOptions) -> str:
    """Return where the result goes, once seen that its name says a format.

    Raises:
        UsageError: it does not, or standard input's result has no name.
    """
    raw = wanted.range == "raw"
    if wanted.output is None:
        if source == STDOUT:
            raise UsageError(
                "name the result of standard input: -o FILE, or -o - for standard output"
            )
        path = Path(source)
        suffix = default_suffix(path.suffix, writing.format, raw=raw)
        return str(path.parent / f"{path.stem}_chain{suffix}")
    if wanted.output != STDOUT and not is_stream(Path(wanted.output)):
        named_format(Path(wanted.output), writing.format, raw=raw)
    return wanted.output


class _Run:
    """One image on its way through the layers, and the names of the files made so far."""

    def __init__(
        self, image: ImageData, source: str, name: str, wanted: ChainOutputs, writing: WriteOptions
    ) -> None:
        self.image = image
        self.name = name
        self.wanted = wanted
        self.writing = writing
        self.names: list[str] = []
        self.told: dict[str, Any] = {"input": source}
        self.data: bytes | None = None

    def run(self, layers: Sequence[Layer]) -> None:
        """Check everything, then compute what was asked for, then tell of it."""
        maps = maps_of(self.image)
        rows, columns, channels = maps.shape
        stages = plan_network(_at_depth(layers, self.image.max_value), (rows, columns, channels))
        self.told |= record((rows, columns, channels), stages)
        if self.wanted.computed:
            self._compute(stages, maps)
        if self.data is not None:
            check_terminal(self.data)
            write_stdout(self.data)
        elif self.wanted.json:
            click.echo(dumps(self.told))
        else:
            lines = table((rows, columns, channels), stages) if self.wanted.summary else ()
            for line in lines:
                click.echo(line)
            for name in self.names:
                print_name(name)

    def _compute(self, stages: Sequence[Stage], given: Maps) -> None:
        target = self._target(stages[-1].plan.shape[2]) if self.wanted.result else None
        each = list(_each_paths(self.wanted.each_dir, stages))
        self._check(each)
        drawn = [] if self.wanted.plot is None else [_planned("input", given, self.image.max_value)]
        maps = given
        for number, maps in enumerate(run_network(stages, given)):
            if each:
                self._write_each(maps, *each[number])
            if self.wanted.plot is not None:
                stage = stages[number]
                drawn.append(_planned(f"{stage.number}  {stage.layer.label}", maps))
        if target is not None:
            self._write(maps, target)
        if self.wanted.plot is not None:
            self._draw(drawn, self.wanted.plot)

    def _target(self, channels: int) -> Target:
        """Choose format, depth and range of the result.

        Raises:
            UsageError: the format that was named cannot hold so many maps, or the range.
        """
        output, asked = self.wanted.output or "", self.wanted.range or "clip"
        target = target_for(
            self.image.format,
            output,
            self.writing.format,
            channels=channels,
            depth=self.image.depth,
            range=asked,
        )
        if self.wanted.range is None and target.format.is_matrix:
            return target._replace(depth=None)  # there is no white to cut at: all digits stay
        max_value = None if target.depth is None else 2**target.depth - 1
        ValueRange(asked, max_value)  # refuses what has no meaning at this depth
        return target

    def _check(self, each: Sequence[tuple[Path, Path | None]]) -> None:
        """See that nothing is there yet that would be written, and that nothing is twice.

        Raises:
            ImageError: a file is, and may not be replaced.
            UsageError: one would be written twice.
        """
        named = [self.wanted.plot, self.wanted.output if self.wanted.result else None]
        paths = [Path(name) for name in named if name not in (None, STDOUT)]
        paths += [path for pair in each for path in pair if path is not None]
        seen: set[Path] = set()
        for path in paths:
            if path.resolve() in seen and not is_stream(path):
                raise UsageError(f"two results go to {shown(str(path))}; name another file")
            seen.add(path.resolve())
            check_target(path, overwrite=self.writing.overwrite)

    def _write_each(self, maps: Maps, values: Path, pixels: Path | None) -> None:
        """Write one layer's values, and its image where it makes one."""
        overwrite = self.writing.overwrite
        with atomic_write(values, overwrite=overwrite) as file:
            write_npy(file, squeeze_maps(maps))
        self._tell("each", values)
        if pixels is not None:
            image, _ = image_of(maps, "rescale", 8, ImageData(self.image.pixels, 8))
            with atomic_write(pixels, overwrite=overwrite) as file:
                write_image(image, file, PNG)
            self._tell("each", pixels)

    def _write(self, maps: Maps, target: Target) -> None:
        """Make pixels of the last layer's values, and write them."""
        image, tally = image_of(maps, self.wanted.range or "clip", target.depth, self.image)
        self.data, notes = write_result(target, partial(write_image, image), self.writing)
        if tally.nans and image.depth is not None:
            notes += (f"{tally.nans} NaN values of the last layer became black",)
        for note in (*target.notes, *notes):
            click.echo(f"{self.name}: {note}", err=True)
        self.told |= {
            "min": finite(tally.minimum),
            "max": finite(tally.maximum),
            "clipped": round(tally.clipped, 6),
        }
        if self.data is None:
            self._tell("output", target.output)

    def _draw(self, drawn: "Sequence[PlannedBlock]", plot: str) -> None:
        from convcli.plotting.saving import save_figure
        from convcli.teaching.chain.figure import draw_blocks

        figure = draw_blocks(drawn, title=base_name(self.name))
        save_figure(figure, Path(plot), overwrite=self.writing.overwrite)
        self._tell("figure", plot)

    def _tell(self, what: str, path: str | Path) -> None:
        """Note the name of a file that was written."""
        self.names.append(str(path))
        if what == "each":
            self.told.setdefault(what, []).append(str(path))
        else:
            self.told[what] = str(path)


def _planned(title: str, maps: Maps, max_value: int | None = None) -> "PlannedBlock":
    """Keep what a figure shows of one layer's maps."""
    from convcli.teaching.chain.figure import Block, plan_block

    return plan_block(Block(title, maps), max_value)


def _at_depth(layers: Sequence[Layer], max_value: int | None) -> list[Layer]:
    """Let the kernels' own biases, in 8-bit levels, be those of the image's depth."""
    levels = max_value // 255 if max_value else 1
    return [replace(each, bias_scale=levels) if isinstance(each, Conv) else each for each in layers]


def _each_paths(folder: str | None, stages: Sequence[Stage]) -> Iterator[tuple[Path, Path | None]]:
    """Yield where the values of each layer go, and its image if it has 1 or 3 maps."""
    if folder is None:
        return
    digits = max(2, len(str(len(stages))))
    for stage in stages:
        label = safe_name(stage.layer.label)[:MOST_LABEL]
        path = Path(folder, f"{stage.number:0{digits}}_{label}.npy")
        visible = stage.plan.shape[2] in (1, 3)
        yield path, path.with_name(f"{path.name.removesuffix('.npy')}.png") if visible else None
