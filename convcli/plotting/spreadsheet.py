"""Write a filtered image as a spreadsheet of live formulas.

The sheets are ``input``, ``padded``, ``kernel`` and ``output``; where there are several channels,
one for each. Only pixels, weights, divisor, bias and fill are numbers: the rest are formulas, so a
change of a cell shows all that depends on it. Every formula is stored with convcli's own result,
which is what a viewer shows that computes nothing.

The library XlsxWriter is an extra, and is imported here and nowhere else.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.choices import SCALED_RANGES
from convcli.core.dtypes import int_if_whole, with_channels
from convcli.core.padding import OUTSIDE, border_index
from convcli.core.plan import as_applied
from convcli.errors import UsageError, count_text, list_text
from convcli.filtering.filter import Filter
from convcli.filtering.planned_filter import plan_kernel
from convcli.filtering.run import filter_image
from convcli.geometry import Pair, pair_text, size_text
from convcli.images.channels import channel_names
from convcli.images.formats import SPREADSHEET, Format
from convcli.images.image import ImageData, max_value_of
from convcli.images.options import WriteOptions
from convcli.images.value_range import ValueRange
from convcli.images.writing import ignored_options

MAX_SIDE = 64  # rows and columns of the image
MAX_PADDED, MAX_CELLS = 1000, 250_000  # sides of the padded image; cells of all sheets
MAX_FORMULA = 8192  # characters, a limit of Excel
MAX_INTEGER = 2**53  # spreadsheets compute in float64

_BLACK, _WHITE, _HOLE = "#000000", "#FFFFFF", "#BFBFBF"
_NEGATIVE, _POSITIVE = "#6BAED6", "#F4876A"  # light enough for black digits
_IMAGE_EDGE, _MARK_EDGE = (1, "#808080"), (5, "#2CA02C")  # XlsxWriter's line style, and a color
_SIDES = {"top": (-1, 0), "bottom": (1, 0), "left": (0, -1), "right": (0, 1)}
_NARROWEST, _WIDEST = 5, 12  # characters of a column
# {0} is the value before the activation. None of them overflows, as EXP would.
_ACTIVATIONS = {
    "none": "{0}",
    "relu": "MAX(0,{0})",
    "leaky-relu": "MAX({0},0.01*({0}))",
    "sigmoid": "(1+TANH(({0})/2))/2",
    "tanh": "TANH({0})",
}
_EPOCH = datetime(1980, 1, 1)  # in every file, so that equal spreadsheets are equal files

Styles = Callable[..., Any]


def check_filter(image_filter: Filter) -> None:
    """Check that a spreadsheet can show a filter, and that XlsxWriter is installed.

    Raises:
        UsageError: it cannot, or it is not.
    """
    kernels = image_filter.kernels
    if len(kernels) > 1:
        names = list_text([kernel.name for kernel in kernels], 4)
        raise UsageError(
            f"a spreadsheet shows one kernel, and {image_filter.label} joins the maps of "
            f"{len(kernels)} ({names}): give one of these as the kernel; --filter chooses among "
            "results, and they make one"
        )
    if image_filter.missing is not None:
        raise UsageError(
            "a spreadsheet shows no missing pixels: leave out --nan, --mask and --nodata"
        )
    if image_filter.linear_light:
        raise UsageError("a spreadsheet shows no --linear-light: leave it out")
    if image_filter.range in SCALED_RANGES:
        raise UsageError(
            f"a spreadsheet shows no --range {image_filter.range}, whose black and white depend on "
            "the whole map; use clip, abs, offset or raw"
        )
    _xlsxwriter()


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter
    except ImportError as error:
        raise UsageError(".xlsx needs the extra: pip install 'convcli[xlsx]'") from error
    return xlsxwriter


class Spreadsheet:
    """One image, filtered with one kernel, as a spreadsheet.

    Args:
        image: at most 64x64; alpha is left out.
        image_filter: what is done to it.
        at: the output that is marked, and its window; None for none. It must be in the map.
        activation: one of :data:`convcli.choices.ACTIVATION_NAMES`, applied before the range.
        activate: its function of arrays.

    Raises:
        UsageError: the image, the filter or their numbers do not fit into a spreadsheet.
        ConvcliError: as :func:`convcli.filtering.run.filter_image`.
    """

    def __init__(
        self,
        image: ImageData,
        image_filter: Filter,
        at: Pair | None = None,
        activation: str = "none",
        activate: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray,
    ) -> None:
        check_filter(image_filter)
        if max(image.shape) > MAX_SIDE:
            raise UsageError(
                f"image has {size_text(image.shape)} pixels, and a spreadsheet shows at most "
                f"{MAX_SIDE}x{MAX_SIDE}; use --resize {MAX_SIDE}x{MAX_SIDE}"
            )
        self.has_alpha = image.alpha is not None and image_filter.alpha != "drop"
        if self.has_alpha and image_filter.alpha == "premultiply":
            raise UsageError("a spreadsheet shows no --alpha premultiply; use keep or drop")
        self.filter, self.kernel = image_filter, image_filter.kernels[0]
        self.plan = plan_kernel(image, image_filter, self.kernel)
        self.at, self.activation, self.depth = at, activation, image.depth
        self.pixels = with_channels(image.pixels)
        self.matrix = self.kernel.matrix.reshape(-1, *self.kernel.shape)
        # A kernel of two dimensions filters each channel; one of three sums over all of them.
        self.sums = self.kernel.matrix.ndim > 2
        # What distinguishes the sheets and the names of channels.
        self.channels = channel_names(image.channels) if image.channels > 1 else [""]
        self.max_value = None if image_filter.range == "raw" else image.max_value
        self._check_sizes()
        for numbers in (self.pixels, self.matrix, self.plan.fill):
            _check_numbers(np.asarray(numbers))
        self.outputs = with_channels(self._outputs(image, activate))
        if not np.isfinite(self.outputs).all():
            raise UsageError("values of the feature map exceed the range of floating-point numbers")

    def _check_sizes(self) -> None:
        """Raise UsageError if there are too many cells, or too long formulas."""
        geometry, channels = self.plan.geometry, len(self.channels)
        (height, width), (rows, columns) = geometry.padded_shape, geometry.output_shape
        cells = channels * (self.pixels.size // channels + height * width + rows * columns)
        if max(height, width) > MAX_PADDED or cells > MAX_CELLS:
            raise UsageError(
                f"padded image has {size_text((height, width))} pixels in "
                f"{count_text(channels, 'channel')}, and a spreadsheet shows at most "
                f"{MAX_CELLS:,} cells, on sheets of {MAX_PADDED:,} rows and columns"
            )
        last = len(self.formula(0, rows - 1, columns - 1))
        if last > MAX_FORMULA:
            raise UsageError(
                f"kernel sums over {channels} channels, which takes formulas of {last:,} "
                f"characters; a spreadsheet holds {MAX_FORMULA:,}"
            )

    def _outputs(
        self, image: ImageData, activate: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> NDArray[Any]:
        """Return the results: pixels as ``apply`` writes them, or values in float64."""
        source = image._replace(alpha=None)
        if self.max_value is None:  # as spreadsheets compute
            source = source._replace(pixels=image.pixels.astype(np.float64))
        raw = self.filter._replace(range="raw", alpha="drop", counted=False)
        with np.errstate(all="ignore"):
            values = activate(filter_image(source, raw, None).image.pixels)
            value_range = ValueRange(self.filter.range, self.max_value)
            outputs = np.empty(values.shape, value_range.dtype_for(values.dtype))
            value_range.apply(values, outputs)
        return outputs

    def formula(self, channel: int, row: int, column: int) -> str:
        """Return the formula of one output, without its equals sign."""
        geometry = self.plan.geometry
        first = row * geometry.stride[0], column * geometry.stride[1]
        window = _area(first, geometry.extent)
        summed = range(len(self.channels)) if self.sums else [channel]
        terms = [
            f"SUMPRODUCT({_reference('padded', self.channels[each])}{window},"
            f"{self._weights_name(each)})"
            for each in summed
        ]
        total = terms[0] if len(terms) == 1 else f"({'+'.join(terms)})"
        value = _ACTIVATIONS[self.activation].format(f"{total}/divisor+bias")
        if self.filter.range == "abs":
            value = f"ABS({value})"
        if self.max_value is None:
            return value
        if self.filter.range == "offset":
            value += f"+{self.max_value // 2 + 1}"
        # ROUND takes a half away from 0, which is one too much if the even number is below it.
        clipped = f"MEDIAN(0,{value},{self.max_value})"
        return f"ROUND({clipped},0)-(MOD({clipped},2)=0.5)"

    def _weights_name(self, channel: int) -> str:
        """Return the defined name of the weights that slide over a channel's padded sheet."""
        word = self.channels[channel].rpartition(" ")[2]
        return f"weights_{word}" if self.sums and word else "weights"

    def write(
        self,
        file: BinaryIO,
        form: Format = SPREADSHEET,
        options: WriteOptions = WriteOptions(),  # noqa: B008 - it cannot change
    ) -> tuple[str, ...]:
        """Write the file, and return notes for the user.

        Args:
            file: binary, open for writing.
            form: the format that messages name.
            options: ``digits`` is how many decimals a cell shows; None for as many as fit.
        """
        memory = io.BytesIO()  # a zip file takes a file in which it can seek
        book = _xlsxwriter().Workbook(memory, {"in_memory": True})
        book.set_properties({"created": _EPOCH})
        digits = options.digits
        shown = {} if digits is None else {"num_format": "0." + "0" * digits if digits else "0"}

        @cache
        def style(**properties: Any) -> Any:
            return book.add_format({"align": "center", **shown, **properties})

        for channel, name in enumerate(self.channels):
            self._write_input(book.add_worksheet(_title("input", name)), channel, style)
        for channel, name in enumerate(self.channels):
            self._write_padded(book.add_worksheet(_title("padded", name)), channel, style)
        for plane in range(len(self.matrix)):
            name = self.channels[plane] if self.sums else ""
            self._write_kernel(book, _title("kernel", name), plane, style)
        for channel in range(self.outputs.shape[2]):
            name = "" if self.sums else self.channels[channel]
            self._write_output(book.add_worksheet(_title("output", name)), channel, style)
        book.close()
        file.write(memory.getbuffer())
        alpha = [f"alpha left out: {form.suffix} holds none"] if self.has_alpha else []
        return (*ignored_options(form, options), *alpha)

    def _taps(self) -> list[Pair]:
        """Return the cells of the padded sheets that the marked output reads."""
        if self.at is None:
            return []
        rows, columns = (
            [at * step + tap * apart for tap in range(taps)]
            for at, (taps, step, _, apart) in zip(
                self.at, map(self.plan.geometry.along, (0, 1)), strict=True
            )
        )
        return [(row, column) for row in rows for column in columns]

    def _write_input(self, sheet: Any, channel: int, style: Styles) -> None:
        pads, values = self.plan.geometry.pads, self.pixels[..., channel].tolist()
        marked = {(row - pads.top, column - pads.left) for row, column in self._taps()}
        for row, numbers in enumerate(values):
            for column, number in enumerate(numbers):
                cell_style = style(**_edges((row, column), marked, _MARK_EDGE))
                sheet.write_number(row, column, number, cell_style)
        _color(sheet, (len(values), len(values[0])), style, max_value_of(self.depth))
        _fit(sheet, values)

    def _write_padded(self, sheet: Any, channel: int, style: Styles) -> None:
        """Write the padded image; each cell is that of the input, or the fill."""
        geometry, border = self.plan.geometry, self.plan.border
        (height, width), pads = geometry.input_shape, geometry.pads
        rows = border_index(height, pads.top, pads.bottom, border).tolist()
        columns = border_index(width, pads.left, pads.right, border).tolist()
        source = _reference("input", self.channels[channel])
        fill = "fill" if border == "constant" else "0"
        values = self.pixels[..., channel].tolist()
        marked = set(self._taps())
        inside = {
            (row, column)
            for row in range(pads.top, pads.top + height)
            for column in range(pads.left, pads.left + width)
        }
        outline = inside if any(pads) else set[Pair]()
        numbers: list[list[float]] = []
        for row, at_row in enumerate(rows):
            numbers.append([])
            for column, at_column in enumerate(columns):
                outside = OUTSIDE in (at_row, at_column)
                number = self.plan.fill if outside else values[at_row][at_column]
                formula = fill if outside else source + _cell(at_row, at_column)
                edges = _edges((row, column), outline, _IMAGE_EDGE)
                edges |= _edges((row, column), marked, _MARK_EDGE)
                cell_style = style(italic=(row, column) not in inside, **edges)
                sheet.write_formula(row, column, f"={formula}", cell_style, number)
                numbers[-1].append(number)
        _color(sheet, geometry.padded_shape, style, max_value_of(self.depth))
        _fit(sheet, numbers)
        if marked:
            last = max(marked)
            sheet.set_selection(*min(marked), *last)

    def _write_kernel(self, book: Any, title: str, plane: int, style: Styles) -> None:
        """Write the weights and, where they are flipped or spread, how they are applied."""
        sheet, matrix = book.add_worksheet(title), self.matrix[plane]
        for (row, column), weight in np.ndenumerate(matrix):
            sheet.write_number(row, column, weight.item(), style())
        _color(sheet, matrix.shape, style)
        first, extent = 0, self.plan.geometry.extent
        _fit(sheet, matrix.tolist(), extent[1])
        if self.filter.conv.operation == "convolve" or extent != matrix.shape:
            first = len(matrix) + 2
            sheet.write_string(first - 1, 0, "as applied:")
            self._write_applied(sheet, matrix, first, style)
            _color(sheet, extent, style, first=first)
        place = f"{_reference('kernel', title.partition(' ')[2])}{_area((first, 0), extent, '$')}"
        book.define_name(self._weights_name(plane), f"={place}")
        if plane == 0:
            self._write_settings(book, sheet, title, extent[1] + 1)

    def _write_applied(self, sheet: Any, matrix: NDArray[Any], first: int, style: Styles) -> None:
        """Write the kernel flipped and with its holes, from row ``first`` on, as formulas."""
        (down, across), extent = self.plan.geometry.dilation, self.plan.geometry.extent
        places = np.arange(matrix.size).reshape(matrix.shape)
        sources = np.full(extent, -1)
        sources[::down, ::across] = as_applied(places, self.filter.conv.operation)
        for (row, column), source in np.ndenumerate(sources):
            if source < 0:
                sheet.write_number(first + row, column, 0, style(font_color=_HOLE))
                continue
            place = divmod(int(source), matrix.shape[1])
            formula = f"={_cell(*place)}"
            sheet.write_formula(first + row, column, formula, style(), matrix[place].item())

    def _write_settings(self, book: Any, sheet: Any, title: str, column: int) -> None:
        """Write the numbers that formulas use, which have names, and the options in words."""
        conv, geometry = self.filter.conv, self.plan.geometry
        numbers = {"divisor": self.kernel.divisor, "bias": self.plan.types.bias}
        if self.plan.border == "constant":
            numbers["fill"] = self.plan.fill
        for row, (name, number) in enumerate(numbers.items()):
            sheet.write_string(row, column, name)
            sheet.write_number(row, column + 1, number)
            place = _area((row, column + 1), (1, 1), "$")
            book.define_name(name, f"={_reference('kernel', title.partition(' ')[2])}{place}")
        words = {
            "kernel": self.filter.label,
            "operation": f"{conv.operation}{': flipped' * (conv.operation == 'convolve')}",
            "padding": ", ".join(f"{side} {pad}" for side, pad in geometry.pads._asdict().items()),
            "border": self.plan.border,
            "stride": pair_text(geometry.stride),
            "dilation": pair_text(geometry.dilation),
            "activation": self.activation,
            "range": self.filter.range,
            "size": f"{size_text(geometry.input_shape)} to {size_text(geometry.output_shape)}",
        }
        if self.at is not None:
            words["marked"] = f"row {self.at[0]}, column {self.at[1]}"
        for row, (name, text) in enumerate(words.items(), len(numbers) + 1):
            sheet.write_string(row, column, name)
            sheet.write_string(row, column + 1, text)
        sheet.set_column(column, column + 1, _WIDEST)

    def _write_output(self, sheet: Any, channel: int, style: Styles) -> None:
        values = self.outputs[..., channel]
        marked = set() if self.at is None else {self.at}
        numbers = [[int_if_whole(number) for number in row] for row in values.tolist()]
        for row, line in enumerate(numbers):
            for column, number in enumerate(line):
                cell_style = style(**_edges((row, column), marked, _MARK_EDGE))
                formula = f"={self.formula(channel, row, column)}"
                sheet.write_formula(row, column, formula, cell_style, number)
        _color(sheet, values.shape, style, self.max_value)
        _fit(sheet, numbers)
        if self.at is not None:
            sheet.set_selection(*self.at, *self.at)
            if channel == 0:
                sheet.activate()


def _check_numbers(numbers: NDArray[Any]) -> None:
    """Raise UsageError unless a spreadsheet holds these numbers."""
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise UsageError("a spreadsheet holds neither NaN nor infinity")
    if numbers.dtype.kind in "iu" and max(int(numbers.max()), -int(numbers.min())) > MAX_INTEGER:
        raise UsageError("a spreadsheet holds no integer beyond 2**53")


def _title(sheet: str, channel: str) -> str:
    return f"{sheet} {channel}".rstrip()


def _reference(sheet: str, channel: str) -> str:
    """Return how formulas refer to a sheet.

    >>> _reference("input", ""), _reference("input", "red")
    ('input!', "'input red'!")
    """
    return f"'{sheet} {channel}'!" if channel else f"{sheet}!"


def _cell(row: int, column: int, dollar: str = "") -> str:
    """Return a cell's name.

    >>> _cell(0, 0), _cell(4, 26, "$")
    ('A1', '$AA$5')
    """
    letters, rest = "", column + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{dollar}{letters}{dollar}{row + 1}"


def _area(first: Pair, shape: Pair, dollar: str = "") -> str:
    """Return the name of a rectangle of cells.

    >>> _area((0, 1), (3, 3)), _area((0, 1), (1, 1))
    ('B1:D3', 'B1')
    """
    names = [_cell(*first, dollar), _cell(first[0] + shape[0] - 1, first[1] + shape[1] - 1, dollar)]
    return ":".join(dict.fromkeys(names))


def _edges(place: Pair, cells: set[Pair], line: tuple[int, str]) -> dict[str, Any]:
    """Return the borders of a cell: a line wherever its neighbor is not one of ``cells``."""
    edges: dict[str, Any] = {}
    for side, (down, across) in _SIDES.items():
        if place in cells and (place[0] + down, place[1] + across) not in cells:
            edges |= {side: line[0], f"{side}_color": line[1]}
    return edges


def _color(
    sheet: Any, shape: Pair, style: Styles, white: int | None = None, *, first: int = 0
) -> None:
    """Color cells by their numbers, also after a change.

    Args:
        sheet: where they are.
        shape: rows and columns, from ``first`` down and from the first column on.
        style: makes formats.
        white: the greatest pixel; None colors negative numbers blue and positive ones red.
        first: the first row.
    """
    place = (first, 0, first + shape[0] - 1, shape[1] - 1)
    if white is not None:
        scale = {"min_type": "num", "min_value": 0, "min_color": _BLACK}
        scale |= {"max_type": "num", "max_value": white, "max_color": _WHITE}
        sheet.conditional_format(*place, {"type": "2_color_scale", **scale})
        dark = {"type": "cell", "criteria": "<", "value": white // 2}
        sheet.conditional_format(*place, dark | {"format": style(font_color=_WHITE)})
        return
    area = _area((first, 0), shape, "$")
    limit = f"MAX(MAX({area}),-MIN({area}))"
    scale = {"min_type": "formula", "min_value": f"=-{limit}", "min_color": _NEGATIVE}
    scale |= {"mid_type": "num", "mid_value": 0, "mid_color": _WHITE}
    scale |= {"max_type": "formula", "max_value": f"={limit}", "max_color": _POSITIVE}
    sheet.conditional_format(*place, {"type": "3_color_scale", **scale})


def _fit(sheet: Any, numbers: Sequence[Sequence[float]], columns: int | None = None) -> None:
    """Make columns as wide as the longest number, within limits, and a print one page."""
    longest = max(len(f"{number:.6g}") for row in numbers for number in row)
    width = min(max(longest + 1, _NARROWEST), _WIDEST)
    sheet.set_column(0, (columns or len(numbers[0])) - 1, width)
    sheet.fit_to_pages(1, 1)
