"""``convcli compare``: one image filtered in several ways, side by side."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from convcli.choices import BORDER_SYNONYMS, BORDERS, OPERATIONS, RANGES, SIZED_PADDINGS, Scale
from convcli.cli.command import Command
from convcli.cli.files import check_outputs, one_input, read_one, write_figure
from convcli.cli.kernel_args import KernelArgs, check_stdin, compare_kernel_options
from convcli.cli.missing_args import MissingArgs, missing_options
from convcli.cli.options import (
    DIGITS,
    MATRIX,
    MAX_MEMORY,
    OVERWRITE,
    SCALE,
    SHOW,
    as_conv_options,
    check_figure_options,
    check_sheet_panels,
    check_titles,
    comparison_option,
    conv_values,
    output_file_option,
    panel_options,
    read_one_options,
    report_option,
)
from convcli.cli.types import InputType, PaddingType, PairType, WordType, completion_items
from convcli.errors import GeometryError, prefix_errors
from convcli.figure_options import FigureOptions
from convcli.images.options import ReadOptions
from convcli.signals import named_after

if TYPE_CHECKING:
    from convcli.core.missing import Missing
    from convcli.filtering.filter import Filter
    from convcli.images.image import ImageData
    from convcli.teaching.compare.comparison import Choice, Compared

# What can vary besides the kernel: the type of its values, and the values tried by default.
VARIED: dict[str, tuple[click.ParamType[Any], tuple[str, ...]]] = {
    "border": (WordType(BORDERS, BORDER_SYNONYMS), BORDERS),
    "padding": (PaddingType(), SIZED_PADDINGS),
    "stride": (PairType(), ("1", "2", "3")),
    "dilation": (PairType(), ("1", "2", "3")),
    "operation": (WordType(OPERATIONS), OPERATIONS),
    "range": (WordType(RANGES), RANGES),
}


def complete_values(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Offer the values of the option that --vary names."""
    _, words = VARIED.get(ctx.params.get("vary") or "", (None, ()))
    return completion_items(word for word in words if word.startswith(incomplete))


class Variation(NamedTuple):
    """What differs between the results.

    Attributes:
        vary: a name in :data:`VARIED`, or ``kernel``.
        values: the texts of --values, kernels if they vary; empty for the default.
        conv: the values of the conv options.
        specs: the kernels as they were typed, if these vary.
    """

    vary: str
    values: tuple[str, ...]
    conv: dict[str, Any]
    specs: tuple[str, ...] = ()

    def filters(self, kernel_args: KernelArgs, missing: Missing | None) -> tuple[Filter, ...]:
        """Return the filters to compare if the kernel varies, else the one filter that is varied.

        Args:
            kernel_args: the kernel options.
            missing: which pixels are missing; None for none.

        Raises:
            ConvcliError: the kernel options or the conv options contradict each other.
            UsageError: there are too few kernels, or too many.
        """
        if self.vary == "kernel":
            more = tuple(v for v in dict.fromkeys(self.values) if v not in kernel_args.kernel)
            kernel_args = kernel_args._replace(kernel=kernel_args.kernel + more)
        elif not kernel_args.kernel:
            raise click.UsageError("Missing option '-k' / '--kernel'.")
        conv = self.conv | ({"fill": None} if self.vary == "border" else {})
        if self.vary == "range" and kernel_args.percentile is not None:
            kernel_args = kernel_args._replace(range="percentile")  # as one of those compared
        filters = kernel_args.filters(as_conv_options(**conv), missing=missing)
        count = len(filters)
        if self.vary == "kernel" and count < 2:
            if kernel_args.combine is not None and len(kernel_args.kernel) > 1:
                raise click.UsageError(
                    "--vary kernel compares the results of kernels, and --combine makes one of "
                    "them all: leave it out and give -k for each kernel"
                )
            raise click.UsageError(
                "--vary kernel needs two or more kernels: give -k for each, or name them with "
                '--values, e.g. --values "outline sobel-x"'
            )
        if self.vary != "kernel" and count > 1:
            raise click.UsageError(
                f"{count} kernels give {count} results: join them with --combine, or compare "
                "them with --vary kernel"
            )
        return filters

    def choices(self, filters: tuple[Filter, ...], image: ImageData) -> list[Choice]:
        """Return the ways to filter an image that are compared."""
        from convcli.teaching.compare.comparison import Choice

        if self.vary == "kernel":
            return [Choice(option.label, option.label, option) for option in filters]
        kind, _ = VARIED[self.vary]
        texts = self._texts(filters[0], has_pixels=image.max_value is not None)
        values = [kind.convert(text, None, None) for text in texts]
        return [
            Choice(text, f"{self.vary} {text}", self._varied(filters[0], value))
            for text, value in zip(texts, values, strict=True)
        ]

    def _varied(self, base: Filter, value: Any) -> Filter:
        if self.vary == "range":
            return base._replace(range=value)
        conv = self.conv | {self.vary: value}
        if self.vary == "border" and value != "constant":
            conv["fill"] = None
        return base._replace(conv=as_conv_options(**conv))

    def counts(self, filters: tuple[Filter, ...]) -> list[int]:
        """Return how many ways are compared; two numbers where this depends on the image."""
        if self.vary == "kernel":
            return [len(filters)]
        counts = {len(self._texts(filters[0], has_pixels=known)) for known in (True, False)}
        return sorted(counts)

    def _texts(self, base: Filter, *, has_pixels: bool) -> tuple[str, ...]:
        """Return the chosen values, or all except those that have no meaning for this image."""
        _, values = VARIED[self.vary]
        without = self._left_out(base, has_pixels=has_pixels)
        return self.values or tuple(value for value in values if value not in without)

    def left_out(self, base: Filter, image: ImageData) -> str:
        """Return which of the values that are tried by default have no meaning, and why."""
        has_pixels = image.max_value is not None
        without = {} if self.values else self._left_out(base, has_pixels=has_pixels)
        reasons: dict[str, list[str]] = {}
        for value, reason in without.items():
            reasons.setdefault(reason, []).append(value)
        return ", ".join(
            f"without {' and '.join(names)}, which {reason}" for reason, names in reasons.items()
        )

    def _left_out(self, base: Filter, *, has_pixels: bool) -> dict[str, str]:
        """Return the values that have no meaning for an image of pixels, or one of plain numbers.

        Each has a reason.
        """
        if self.vary == "border" and self.conv["fill"] is None:
            return {"constant": "needs --fill"}  # without a fill it equals zero
        if self.vary != "range":
            return {}
        without = {} if has_pixels else {"offset": "needs pixels"}
        if base.combine == "direction":
            without |= dict.fromkeys(("abs", "offset", "raw"), "is not for colors")
            if not has_pixels:
                without["clip"] = "needs pixels"
        return without


def read_variation(vary: str, values: str | None, conv: dict[str, Any]) -> Variation:
    """Read --vary and --values.

    Raises:
        UsageError: a value is invalid, or the option that varies is given too.
    """
    texts = tuple((values or "").split())
    if vary == "kernel":
        return Variation(vary, texts, conv)
    source = click.get_current_context().get_parameter_source(vary)
    kind, defaults = VARIED[vary]
    if source is not None and source.name == "COMMANDLINE":
        raise click.UsageError(
            f"--vary {vary} tries several values, and --{vary} sets one: name them all with "
            f'--values, e.g. --vary {vary} --values "{" ".join(defaults[:2])}"'
        )
    for text in texts:
        try:
            kind.convert(text, None, None)
        except click.BadParameter as error:
            raise click.UsageError(f"--values: {error.message}") from error
    if values is not None and len(texts) < 2:
        raise click.UsageError("--values needs two or more values, separated by spaces")
    if vary == "border" and conv["fill"] is not None and texts and "constant" not in texts:
        raise click.UsageError("--fill is the value of border constant; add it to --values")
    return Variation(vary, texts, conv)


@click.command(
    cls=Command,
    examples="""
    convcli compare -k outline --vary border photo.png
    convcli compare --vary kernel --values "outline sobel" photo.png -o k.png
    convcli compare -k blur --vary padding --values "same valid 2" photo.png
    """,
)
@comparison_option(
    "--vary",
    type=WordType(["kernel", *VARIED]),
    required=True,
    help="What differs from tile to tile.",
)
@comparison_option(
    "--values",
    metavar='"V V ..."',
    shell_complete=complete_values,
    show_default="all, or 1 2 3",
    help='Values or kernels to try, separated by spaces, e.g. "1 2 4".',
)
@compare_kernel_options
@conv_values
@read_one_options
@missing_options
@comparison_option(
    "--diff", is_flag=True, help="Add a map of each result's difference from the first."
)
@SCALE
@SHOW
@panel_options("result", others=("input", "kernel"))
@report_option(
    "--json",
    is_flag=True,
    help="Print a JSON line for each result; draw only if -o or --show is given.",
)
@output_file_option(
    show_default="{stem}_compare-{vary}.png",
    help="File of the figure; the default is in the current folder.",
)
@OVERWRITE
@DIGITS
@MATRIX
@MAX_MEMORY
@click.argument("source", metavar="INPUT", type=InputType(), required=False)
def compare(
    source: str | None,
    matrix: str | None,
    vary: str,
    values: str | None,
    kernel_args: KernelArgs,
    conv: dict[str, Any],
    reading: ReadOptions,
    missing_args: MissingArgs,
    diff: bool,
    scale: Scale | None,
    show: bool,
    figure: FigureOptions,
    digits: int | None,
    json: bool,
    output: str | None,
    overwrite: bool,
    max_memory: int | float,
) -> None:
    """Filter one image in several ways, and draw the results as one labeled sheet.

    --vary names the option that differs; every other option holds for all tiles. Each tile shows
    the size of its result, the minimum and maximum of its feature map, and the share of clipped
    pixels. INPUT is an image, a .npy, .csv or .txt matrix, a signal, or -. Prints the name of the
    figure; --show alone writes none.
    """
    from convcli.batch.memory import memory_check
    from convcli.batch.outputs import base_name
    from convcli.filtering.memory import filter_bytes
    from convcli.filtering.run import with_holes
    from convcli.teaching.compare.comparison import compare_choices

    check_sheet_panels(figure.panels)
    source = one_input(source, matrix)
    check_stdin((*kernel_args.kernel, *(values or "").split()), source)
    file = output if json or show else output or _default_name(source, vary)
    is_drawn = show or file is not None
    check_figure_options(figure, is_drawn=is_drawn, advice="-o FILE", show=show)
    check_outputs(None, file, overwrite=overwrite)
    variation = read_variation(vary, values, conv)
    varied = variation.values if vary == "kernel" else ()
    variation = variation._replace(specs=kernel_args.kernel + varied)
    kernel_args, reading = kernel_args.sampled(reading, [source], varied)
    filters = variation.filters(kernel_args, missing_args.missing(reading))
    counts = [
        count * (1 + diff) + ("input" in (figure.panels or ()) and not diff)
        for count in variation.counts(filters)
    ]
    check_titles(figure, *counts, one="each tile")
    check_memory = memory_check(max_memory)
    image, name = read_one(source, reading, check_memory, matrix)
    with prefix_errors(name):
        choices = variation.choices(filters, image)
        need = image.pixels.nbytes
        for choice in choices:
            with suppress(GeometryError):  # compare_choices names the choice
                need += filter_bytes(image, choice.filter, image.depth)
        check_memory(need)
        compared = compare_choices(image, choices)
    drawn: Any = None
    if is_drawn:
        from convcli.kernels.matrix_text import short_name, without_folders
        from convcli.teaching.compare.figure import draw_comparison

        kernels = [short_name(without_folders(spec)) for spec in variation.specs]
        drawn = draw_comparison(
            with_holes(image, filters[0]),
            compared,
            title=base_name(name) + (f": {' and '.join(kernels)}" if vary != "kernel" else ""),
            left_out=variation.left_out(filters[0], image) if vary != "kernel" else "",
            scale=scale or "common",
            diff=diff,
            options=figure._replace(digits=digits, reading=reading.facts),
        )
        write_figure(drawn, file, overwrite=overwrite, quiet=json)
    if json:
        _print_json(compared, source, vary, file)
    else:
        _print_marks(compared, name)
    if show:
        from convcli.plotting.save import show_figure

        show_figure([drawn], "-o FILE")


def _default_name(source: str, vary: str) -> str:
    """Return the name of a figure in the current folder, since folders of data are for data."""
    if source == "-":
        raise click.UsageError("give the figure of standard input a name: -o FILE")
    return f"{Path(named_after(source)).stem}_compare-{vary}.png"


def _print_marks(compared: list[Compared], name: str) -> None:
    """Print the place of each result's greatest value on stderr, if --mark asks for it."""
    from convcli.cli.report import mark_text

    for result in compared:
        peak = result.filtered.stats.shown_peak()
        if peak is not None:
            text = mark_text(peak, result.filtered.axes)
            click.echo(f"{name}: {result.choice.name}: {text}", err=True)


def _print_json(compared: list[Compared], source: str, vary: str, file: str | None) -> None:
    from convcli.cli.report import axes_record, finite, mark_record, print_json

    for result in compared:
        stats, (rows, columns) = result.filtered.stats, result.filtered.image.shape
        minimum, maximum = stats.shown()
        record = {
            "input": source,
            "vary": vary,
            "value": result.choice.value,
            "kernel": result.choice.filter.label,
            "rows": rows,
            "columns": columns,
            "min": finite(minimum),
            "max": finite(maximum),
            "clipped": round(stats.clipped, 6),
            "mean_difference": finite(result.mean_difference),
        }
        if result.choice.filter.missing is not None:
            record |= {"missing": result.filtered.missing, "invalid": stats.nans}
        axes = result.filtered.axes
        record |= axes_record(axes, max(rows, columns)) | mark_record(stats.shown_peak(), axes)
        print_json(record | ({"figure": file} if file is not None else {}))
