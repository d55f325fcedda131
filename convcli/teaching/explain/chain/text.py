"""The explanation of a chain as text for a terminal of 80 columns, and as data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import chain
from typing import Any

from convcli.errors import count_text
from convcli.geometry import size_text
from convcli.teaching.decimals import (
    as_fraction,
    exact_total,
    format_number,
    format_operand,
    to_number,
)
from convcli.teaching.explain.chain.computation import (
    ActivationStep,
    AddStep,
    BatchNormStep,
    ChainComputation,
    ConvStep,
    FlattenStep,
    InputWindow,
    LayerStep,
    NormalizeStep,
    PoolStep,
    PreprocessStep,
    SoftmaxStep,
    SpreadStep,
)
from convcli.teaching.explain.chain.rounding import chain_as_shown
from convcli.teaching.explain.computation import Response
from convcli.teaching.explain.steps import (
    MAX_TERMS,
    activation_lines,
    combination_lines,
    equals_text,
    response_lines,
    step_lines,
    total_lines,
    value_lines,
)
from convcli.teaching.explain.text import (
    MAX_HTML_TAPS,
    MAX_TAPS,
    parts_html,
    parts_lines,
    place_labels,
    places_text,
    response_parts,
    window_cells,
    window_place,
    without_nan,
)
from convcli.teaching.text_table import Paint, TextTable, table_lines, unpainted, wrapped

_MOST_EXPONENTIALS = 10  # that a sum lists
_MOST_TABLES = 3  # of maps that give one value each
_LARGEST = 20  # products of many
_NOTHING = "no value of the input is added here"

Part = str | list[TextTable]  # a line, or tables that are side by side


def chain_text(
    explanation: ChainComputation, paint: Paint = unpainted, *, digits: int | None = None
) -> str:
    """Return the computation of a chain's value, from the last layer back to the image.

    Args:
        explanation: the explanation.
        paint: as for :func:`convcli.teaching.explain.text.explanation_text`.
        digits: decimals of every number; None for the reliable ones.
    """
    parts = _parts(chain_as_shown(explanation, digits), paint, MAX_TAPS)
    return "\n".join(parts_lines(parts, paint))


def chain_html(explanation: ChainComputation) -> str:
    """Return the same for a notebook; of a large kernel, the largest products."""
    from convcli.html import html_block

    parts = _parts(chain_as_shown(explanation), unpainted, MAX_HTML_TAPS)
    return html_block(parts_html(parts))


def _parts(explanation: ChainComputation, paint: Paint, max_taps: int) -> Iterator[Part]:
    """Yield the lines and tables of an explanation."""
    for step in explanation.steps:
        yield from _step_parts(step, paint, max_taps)
        yield ""
    rows, columns = explanation.field
    field = "no pixel"
    if rows and columns:
        place = places_text(rows, columns, explanation.x)
        field = f"{place} of the {size_text(explanation.input_shape)} input"
    yield from step_lines("field", field)


def chain_data(explanation: ChainComputation, digits: int | None = None) -> dict[str, Any]:
    """Return an explanation as dictionaries and lists; NaN and infinity become None."""
    explanation = chain_as_shown(explanation, digits)
    rows, columns = explanation.field
    data = _without_missing_x(
        {
            "input_size": explanation.input_shape,
            "channels": explanation.channels,
            "at": explanation.at,
            "map": explanation.map,
            "value": explanation.value,
            "field": {"rows": rows, "columns": columns, "x": explanation.x},
            "layers": [_step_data(step) for step in explanation.steps],
        }
    )
    finite: dict[str, Any] = without_nan(data)
    return finite


def _without_missing_x(data: Any) -> Any:
    """Return data without the positions of what has none."""
    if isinstance(data, dict):
        kept = {key: item for key, item in data.items() if key != "x" or item is not None}
        return {key: _without_missing_x(item) for key, item in kept.items()}
    return [_without_missing_x(item) for item in data] if isinstance(data, list | tuple) else data


def _step_data(step: LayerStep) -> dict[str, Any]:
    """Return a step under its JSON names, without what only sets the digits."""
    data = asdict(step)
    for name in ("scale", "input_dtype", "input_scale"):
        del data[name]
    data["input_size"] = data.pop("input_shape")
    data["output_size"] = data.pop("output_shape")
    if isinstance(step, ConvStep):
        computation = data.pop("computation")
        [output] = computation["outputs"]
        names = ["kernel", "stride"]
        if not isinstance(step, SpreadStep):
            names += ["operation", "fill", "dilation", "combine"]
        data |= {name: computation[name] for name in names}
        data |= {"pads": step.computation.pads._asdict(), "responses": output["responses"]}
    return data


def _step_parts(step: LayerStep, paint: Paint, max_taps: int) -> Iterator[Part]:
    """Yield the computation of one layer's value."""
    row, column = step.at
    position = "" if step.x is None else f" (x {format_number(step.x)})"
    which = f" {step.map} of {step.maps}" if step.maps > 1 else ""
    title = (
        f"layer {step.number} ({step.label}): row {row}, column {column}{position} of the "
        f"{size_text(step.output_shape)} map{which} is {format_number(step.value)}"
    )
    words = title.split(" ")
    if isinstance(step, ConvStep) and not isinstance(step, SpreadStep):
        operation = step.computation.operation
        words.append(f"({operation}: {'flipped' if operation == 'convolve' else 'not flipped'})")
    for line in wrapped(words):
        yield paint("heading", line)
    if not _reads_all(step):
        place = places_text(step.depends.rows, step.depends.columns, step.depends.x)
        text = f"depends on {place} of {_source_text(step, step.depends.channels)}"
        yield from wrapped((text + _padding_text(step, step.depends)).split(" "))
        yield from _tables(step.depends, step.source.partition(" (")[0])
        if isinstance(step, ConvStep | PoolStep):
            yield ""
    yield from _work_parts(step, paint, max_taps)
    if step.number > 1 and isinstance(step, ConvStep | PoolStep):
        yield from step_lines("next", _next_text(step))
    if isinstance(step, SpreadStep) and step.next is not None:
        yield from step_lines("spread", spread_text(step))


def _work_parts(step: LayerStep, paint: Paint, max_taps: int) -> Iterator[Part]:
    """Yield the arithmetic of one layer's value."""
    match step:
        case ConvStep():
            yield from _conv_parts(step, paint, max_taps)
            return
        case PoolStep():
            yield from _pool_parts(step)
            return
    yield ""
    yield from layer_lines(step, with_terms=True)


def _conv_parts(step: ConvStep, paint: Paint, max_taps: int) -> Iterator[Part]:
    computation = step.computation
    [output] = computation.outputs
    source = _source_text(step, (step.channel,) if step.channel else ())
    if not output.responses[0].rows or not output.responses[0].columns:
        yield from step_lines("value", f"{_NOTHING}: {format_number(step.value)}")
        return
    product = "pixel*weight" if step.source == "input" else "value*weight"
    shown_places: set[str] = set()
    for response in output.responses:
        place = window_place(computation, response, source)
        if isinstance(step, SpreadStep) and any(step.taps):
            place += f"; by {places_text(*step.taps)} of the kernel"
        new = place not in shown_places
        shown_places.add(place)
        shown = place if new else ""
        if len(response.sums) > _MOST_TABLES and len(response.rows) == len(response.columns) == 1:
            yield from _one_value_parts(response, shown, product)
        else:
            yield from response_parts(computation, response, shown, paint, max_taps, product)
    if computation.combine:
        yield ""
    yield from combined_lines(step)


def _one_value_parts(response: Response, place: str, product: str) -> Iterator[Part]:
    """Yield one table of the values of many maps, of one each, and their sum.

    Of more than fit a page, the table holds the largest products.
    """
    if place:
        yield from wrapped(place.split(" "))
    parts = list(response.sums)
    if len(parts) > MAX_TERMS:
        parts.sort(key=lambda part: (math.isfinite(part.sum), -abs(part.sum)))
        parts = parts[:_LARGEST]
        yield ""
        yield f"the {_LARGEST} largest of {len(response.sums):,} products"
    yield ""
    rows: list[tuple[str, ...]] = [("", "value", "weight", product)]
    for part in parts:
        numbers = part.window[0][0], part.weights[0][0], part.products[0][0]
        rows.append((part.channel, *map(format_number, numbers)))
    yield from table_lines(rows, left=[0])
    yield ""
    products = [part.products[0][0] for part in parts]
    if rest := len(response.sums) - len(parts):
        others = to_number(exact_total([response.sum, *(-number for number in products)]))
        first, *more = map(format_operand, products)
        words = [first, *(f"+ {term}" for term in more)]
        words.append(f"+ {format_operand(others)} (the other {rest:,})")
        yield from step_lines("sum", [*words, f"= {format_number(response.sum)}"])
    else:
        yield from total_lines("sum", products, response.sum)
    yield from value_lines(replace(response, sums=response.sums[:1]))


def layer_lines(step: LayerStep, *, with_terms: bool) -> list[str]:
    """Return the lines from what a layer reads to its value.

    ``with_terms`` writes each product and each number of a pool out.
    """
    match step:
        case SpreadStep() if not step.computation.outputs[0].responses[0].sums:
            return step_lines("value", f"{_NOTHING}: {format_number(step.value)}")
        case ConvStep():
            [output] = step.computation.outputs
            return [*response_lines(output, with_terms=with_terms), *combined_lines(step)]
        case PoolStep():
            shown = step.window if with_terms else replace(step.window, values=None)
            return list(pool_lines(replace(step, window=shown)))
        case SoftmaxStep():
            shown = step.window if with_terms else replace(step.window, values=None)
            return list(softmax_lines(replace(step, window=shown)))
    return list(_value_lines(step))


def _value_lines(step: LayerStep) -> Iterator[str]:
    """Yield the lines of a layer that makes a value of one value."""
    match step:
        case ActivationStep():
            yield from activation_lines(step.layer, step.input, step.value, step.slope or 0)
        case FlattenStep():
            yield from flatten_lines(step)
        case BatchNormStep():
            yield from batchnorm_lines(step)
        case NormalizeStep():
            yield from normalize_lines(step)
        case AddStep():
            yield from add_lines(step)
        case PreprocessStep():
            yield from preprocess_lines(step)
        case _:
            raise TypeError(step)


def spread_text(step: SpreadStep) -> str:
    """Say where the map reads the value that counts most."""
    assert step.next is not None  # noqa: S101 - the caller has checked
    row, column, _ = step.next
    source = step.source.partition(" (")[0]
    return f"row {row}, column {column} of {source} is read by {places_text(*step.spread)}"


def combined_lines(step: ConvStep) -> Iterator[str]:
    """Yield the lines from the values of a convolution's kernels to its value."""
    [output] = step.computation.outputs
    yield from combination_lines(step.computation, output)
    if step.bias:
        sign = "+" if step.bias > 0 else "-"
        text = f"{format_number(output.value)} {sign} {format_number(abs(step.bias))}"
        exact = exact_total([output.value, step.bias])
        yield from step_lines("bias", f"{text} {equals_text(step.value, exact)}")


def _pool_parts(step: PoolStep) -> Iterator[Part]:
    window = step.window
    place = places_text(window.rows, window.columns, window.x)
    text = f"window: {place} of {_source_text(step, window.channels)}{_padding_text(step, window)}"
    yield from wrapped(text.split(" "))
    if window.values is not None:
        yield from _tables(window, "window")
        yield ""
    yield from pool_lines(step)


def pool_lines(step: PoolStep) -> Iterator[str]:
    """Yield the lines of a maximum or minimum, or of a sum and a mean."""
    window, value = step.window, step.value
    if window.values is None or window.padding is None:
        size = len(window.rows) * len(window.columns) * max(len(window.channels), 1)
        if step.kind != "avg":
            which = "largest" if step.kind == "max" else "smallest"
            text = f"the {which} of {size:,} values = {format_number(value)}"
            yield from step_lines(step.kind, text)
        elif step.sum is not None:
            yield from step_lines("sum", f"of {size:,} values = {format_number(step.sum)}")
    else:
        numbers = [
            number
            for grid in window.values
            for number, outside in zip(
                chain.from_iterable(grid), chain.from_iterable(window.padding), strict=True
            )
            if not outside
        ]
        if step.kind != "avg":
            text = ", ".join(map(format_number, numbers))
            equals = "=" if value in numbers or not math.isfinite(value) else "~"
            yield from step_lines(step.kind, f"{step.kind}({text}) {equals} {format_number(value)}")
        elif step.sum is not None:
            yield from total_lines("sum", numbers, step.sum)
    if step.sum is not None:
        exact: Fraction | float = value
        if math.isfinite(step.sum):
            exact = as_fraction(step.sum) / step.count
        text = f"{format_number(step.sum)} / {step.count} {equals_text(value, exact)}"
        yield from step_lines("mean", text)


def normalize_lines(step: NormalizeStep) -> Iterator[str]:
    """Yield the lines of a mean, a variance and a normalization."""
    rows, columns = step.input_shape
    mean, variance = format_number(step.mean), format_number(step.variance)
    count = f"of the {rows * columns:,} values of the map"
    yield from step_lines("mean", f"{mean} ({count})")
    yield from step_lines("variance", f"{variance} ({count})")
    text = (
        f"({format_number(step.input)} - {format_operand(step.mean)}) / "
        f"sqrt({variance} + {format_number(step.eps)})"
    )
    equals = "=" if step.value == 0 and step.input == step.mean else "~"
    yield from step_lines("normalize", f"{text} {equals} {format_number(step.value)}")


def softmax_lines(step: SoftmaxStep) -> Iterator[str]:
    """Yield the lines of a share: the largest value, a sum of exponentials and a quotient."""
    largest, total = format_operand(step.largest), format_number(step.sum)
    count = len(step.window.channels) or 1
    numbers = [grid[0][0] for grid in step.window.values or ()]
    nans = [str(place) for place, number in enumerate(numbers, 1) if math.isnan(number)]
    note = f" ({'map' if len(nans) == 1 else 'maps'} {', '.join(nans)})" * bool(nans)
    yield from step_lines("max", f"the largest of {count_text(count, 'map')} = {largest}{note}")
    if 0 < len(numbers) <= _MOST_EXPONENTIALS:
        first, *others = (f"exp({format_number(number)} - {largest})" for number in numbers)
        yield from step_lines("sum", [first, *(f"+ {text}" for text in others), f"~ {total}"])
    else:
        yield from step_lines("sum", f"of exp(x - {largest}) of {count:,} maps ~ {total}")
    text = f"exp({format_number(step.input)} - {largest}) / {total}"
    yield from step_lines("softmax", f"{text} ~ {format_number(step.value)}")


def flatten_lines(step: FlattenStep) -> Iterator[str]:
    """Yield the line that says which value became the map."""
    assert step.next is not None  # noqa: S101 - there is no padding
    row, column, _ = step.next
    of_map = f" of {step.channel}" if step.channel else ""
    text = f"row {row}, column {column}{of_map} = {format_number(step.value)}"
    yield from step_lines("flatten", text)


def batchnorm_lines(step: BatchNormStep) -> Iterator[str]:
    """Yield the lines of a normalization by given numbers."""
    text = (
        f"({format_number(step.input)} - {format_operand(step.mean)}) / "
        f"sqrt({format_number(step.variance)} + {format_number(step.eps)})"
    )
    if step.weight != 1:
        text += f" * {format_operand(step.weight)}"
    if step.bias:
        text += f" {'-' if step.bias < 0 else '+'} {format_number(abs(step.bias))}"
    yield from step_lines("batchnorm", f"{text} ~ {format_number(step.value)}")


def add_lines(step: AddStep) -> Iterator[str]:
    """Yield the line of an addition."""
    exact = exact_total([step.input, step.addend])
    sign = "-" if step.addend < 0 else "+"
    text = f"{format_number(step.input)} {sign} {format_number(abs(step.addend))}"
    yield from step_lines("add", f"{text} {equals_text(step.value, exact)}")


def preprocess_lines(step: PreprocessStep) -> Iterator[str]:
    """Yield the line that makes a number of a pixel."""
    text = format_number(step.input)
    if step.factor != 1:
        text += f" * {format_operand(step.factor)}"
    if step.mean:
        text += f" {'-' if step.mean > 0 else '+'} {format_number(abs(step.mean))}"
    if step.std != 1:
        text = f"({text}) / {format_operand(step.std)}" if step.mean else f"{text} / {step.std:g}"
    exact = as_fraction(step.input) * as_fraction(step.factor) - as_fraction(step.mean)
    equals = equals_text(step.value, exact / as_fraction(step.std))
    yield from step_lines("number", f"{text} {equals}")


def _reads_all(step: LayerStep) -> bool:
    """Tell whether the window of the value is all that the chain's output depends on."""
    depends = step.depends
    if not depends.rows or not depends.columns:
        return True  # of no values
    if isinstance(step, PoolStep | SoftmaxStep):
        window = step.window
        own = window.rows, window.columns, len(window.channels)
        return own == (depends.rows, depends.columns, len(depends.channels))
    if not isinstance(step, ConvStep):
        return len(depends.rows) == len(depends.columns) == 1
    responses = step.computation.outputs[0].responses
    rows, columns = (
        sorted(set(chain.from_iterable(places)))
        for places in zip(*((each.rows, each.columns) for each in responses), strict=True)
    )
    return (rows, columns) == (list(depends.rows), list(depends.columns))


def _source_text(step: LayerStep, channels: Sequence[str]) -> str:
    """Name what a layer reads: the input, or maps of the layer before."""
    size = size_text(step.input_shape)
    source = f"the {size} input" if step.number == 1 else f"{step.source}, {size}"
    if not channels:
        return source
    if len(channels) == 1:
        return f"{channels[0]} of {source}"
    return f"{count_text(len(channels), 'channel' if step.number == 1 else 'map')} of {source}"


def _padding_text(step: LayerStep, window: InputWindow) -> str:
    shows_padding = window.padding is not None and any(map(any, window.padding))
    return f"; in brackets: padding ({step.border})" if shows_padding else ""


def _tables(window: InputWindow, heading: str) -> Iterator[Part]:
    """Yield the values of a window, if they are listed, after an empty line."""
    if window.values is None or window.padding is None:
        return
    yield ""
    cells = [window_cells(grid, window.padding) for grid in window.values]
    rows, columns = place_labels(window.rows, window.columns, window.x)
    if len(cells) > 1 and len(rows) == len(columns) == 1:  # of a pool over the channels
        yield [TextTable(heading, [[grid[0][0] for grid in cells]], window.channels)]
        return
    headings = window.channels if len(cells) > 1 else [heading]
    yield [TextTable(name, grid, columns, rows) for name, grid in zip(headings, cells, strict=True)]


def _next_text(step: LayerStep) -> str:
    if step.next is None:
        return "none: the window is padding only"
    row, column, number = step.next
    which = f"map {number} of " if max(len(step.depends.channels), 1) > 1 else ""
    return f"row {row}, column {column} of {which}{step.source}, which counts most"
