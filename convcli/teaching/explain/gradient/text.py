"""The gradients of a convolution as text for a terminal of 80 columns, and as data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, product
from typing import Any

import numpy as np

from convcli.core.digits import round_number, round_values
from convcli.geometry import Pair, size_text
from convcli.teaching.decimals import (
    Number,
    as_fraction,
    exact_total,
    format_number,
    format_operand,
    to_number,
    to_python,
)
from convcli.teaching.explain.computation import Grid, Response, Sum
from convcli.teaching.explain.gradient.computation import Floats, GradientComputation
from convcli.teaching.explain.rounding import as_shown, rounded
from convcli.teaching.explain.steps import MAX_TERMS, activation_lines, step_lines, total_lines
from convcli.teaching.explain.text import (
    MAX_HTML_TAPS,
    parts_html,
    parts_lines,
    places_text,
    response_parts,
    sum_parts,
    window_place,
    without_nan,
)
from convcli.teaching.text_table import Cell, Paint, TextTable, unpainted, wrapped

_MAX_SHOWN = 3  # maps, filters or channels that are shown
_FIGURES = 6  # significant digits of the largest number of a table
# Of each activation, as a formula of its value z and its output y.
_SLOPES = {
    "relu": "1 where z > 0, else 0",
    "leaky-relu": "1 where z > 0, else 0.01",
    "sigmoid": "y * (1 - y)",
    "tanh": "1 - y**2",
}

Part = str | list[TextTable]


def gradient_text(
    gradient: GradientComputation, paint: Paint = unpainted, *, digits: int | None = None
) -> str:
    """Return the forward value, L and its gradients, and how one number of each is summed.

    Args:
        gradient: the gradients.
        paint: as for :func:`convcli.teaching.explain.text.explanation_text`.
        digits: decimals of every number; None for six significant digits.
    """
    lines = wrapped(heading(gradient).split(" "))
    return "\n".join([*lines, *parts_lines(_parts(gradient, paint, digits), paint)])


def gradient_html(gradient: GradientComputation) -> str:
    """Return the same for a notebook."""
    from convcli.html import html_block, html_line

    title = html_line(heading(gradient), bold=True)
    return html_block([title, *parts_html(_parts(gradient, unpainted, None))])


def gradient_data(gradient: GradientComputation, digits: int | None = None) -> dict[str, Any]:
    """Return every number as dictionaries and lists."""
    forward = gradient.forward
    arrays = {
        "target": gradient.target,
        "values": gradient.values,
        "output": gradient.output,
        "grad_output": gradient.grad_output,
        "grad_values": gradient.grad_values,
        "weights": gradient.weights,
        "grad_weights": gradient.grad_weights,
        "grad_bias": gradient.grad_bias,
        "grad_input": gradient.grad_input,
    }
    data: dict[str, Any] = without_nan(
        {
            "kernel": gradient.kernel,
            "at": forward.at,
            "input_size": forward.input_shape,
            "output_size": forward.output_shape,
            "operation": forward.operation,
            "pads": forward.pads._asdict(),
            "border": forward.border,
            "fill": forward.fill,
            "stride": forward.stride,
            "dilation": forward.dilation,
            "activation": gradient.activation,
            "divisor": gradient.divisor,
            "loss": gradient.loss if digits is None else round_number(gradient.loss, digits),
        }
    )
    for name, values in arrays.items():
        data[name] = (
            None if values is None else (round_values(values, digits) + 0).tolist()
        )  # no -0
    return data


def heading(gradient: GradientComputation) -> str:
    """Say what L is, and whether the kernel is flipped."""
    forward = gradient.forward
    flip = "flipped" if forward.operation == "convolve" else "not flipped"
    count, size = len(gradient.maps), size_text(forward.output_shape)
    maps = f"the {size} feature map" if count == 1 else f"the {count} feature maps {size}"
    rule = "the sum of" if gradient.target is None else "the mean of (y - t)**2 over"
    return f"gradients of L, {rule} {maps} of {gradient.kernel} ({forward.operation}: {flip})"


def _parts(gradient: GradientComputation, paint: Paint, digits: int | None) -> Iterator[Part]:
    """Yield the lines after the heading, and tables that are side by side."""
    yield from _forward_parts(gradient, paint, digits)
    yield from _output_parts(gradient, paint, digits)
    yield from _weight_parts(gradient, paint, digits)
    yield from _input_parts(gradient, paint, digits)


def _forward_parts(
    gradient: GradientComputation, paint: Paint, digits: int | None
) -> Iterator[Part]:
    """Yield how one value is computed, in the words of an explanation."""
    forward = as_shown(gradient.forward, digits)
    name = "z" if gradient.activation != "none" else "y"
    of = " of filter 1" * (gradient.grad_bias.size > 1)
    yield from ("", paint("heading", f"forward: {name}{of} at {_place(forward.at)}"))
    for number, output in enumerate(forward.outputs[:_MAX_SHOWN]):
        [response] = output.responses
        if output.channel:
            yield from ("", paint("heading", output.heading))
        place = "" if number else window_place(forward, response)
        yield from response_parts(forward, response, place, paint, MAX_HTML_TAPS)
        yield from step_lines(name, [paint("result", format_number(output.value))])
        if gradient.activation != "none":
            yield from activation_lines(gradient.activation, output.value, output.activated)
    yield from _more(len(forward.outputs), "channels")


def _output_parts(
    gradient: GradientComputation, paint: Paint, digits: int | None
) -> Iterator[Part]:
    """Yield the feature map, L, and its gradient with respect to the map."""
    activation, count = gradient.activation, gradient.output.size
    named = {"z": gradient.values} if activation != "none" else {}
    named["y"] = gradient.output
    if gradient.target is not None:
        named["t"] = gradient.target
    named["dL/dy"] = gradient.grad_output
    if activation != "none":
        named["dL/dz"] = gradient.grad_values
    yield from ("", paint("heading", "L, and its gradient at the output"))
    grids = [(name, _planes(values)) for name, values in named.items()]
    yield from _grids(grids, gradient.maps, "maps", digits)
    loss = paint("result", format_number(_shown(gradient.loss, digits)))
    values = f"{count:,} value{'s' * (count > 1)}"
    yield ""
    if gradient.target is None:
        yield from step_lines("L", f"the sum of {values} of y = {loss}")
        yield from step_lines("dL/dy", "1 everywhere: each value counts once in the sum")
    else:
        yield from step_lines("L", f"the mean of (y - t)**2 over {values} = {loss}")
        yield from step_lines("dL/dy", f"2 * (y - t) / {count:,}")
    if activation != "none":
        text = f"dL/dy times the slope of {activation}: {_SLOPES[activation]}"
        yield from step_lines("dL/dz", text)


def _weight_parts(
    gradient: GradientComputation, paint: Paint, digits: int | None
) -> Iterator[Part]:
    """Yield the gradient of the weights, and how that of one weight is summed."""
    slope, response = slope_name(gradient), gradient.weight
    yield from ("", paint("heading", "dL/dw: the gradient of each weight"))
    text = (
        "A weight multiplies one pixel of every window. Its gradient is the sum of these pixels, "
        f"each times {slope} of its window{_over_text(gradient)}: the padded input "
        f"cross-correlated with {slope}{_gaps(gradient, 'stride')}"
        f"{_gaps(gradient, 'dilation', ', in steps of')}."
    )
    yield from wrapped(text.split(" "))
    weights, slopes = (
        np.moveaxis(each.reshape(-1, *each.shape[-2:]), 0, -1)
        for each in (gradient.weights, gradient.grad_weights)
    )
    names = plane_names(gradient)
    yield from _grids([("w", weights), ("dL/dw", slopes)], names, "kernels", digits)
    which = ", ".join(filter(None, [_place(gradient.weight_place), names[0]]))
    value = float(slopes[(*gradient.weight_place, 0)])
    if response is None:
        count = f"{math.prod(gradient.forward.output_shape):,}"
        text = f"at {which}: the sum of {count} products = {format_number(_shown(value, digits))}"
        yield from ("", *step_lines("dL/dw", text))
    else:
        yield from ("", paint("heading", f"dL/dw at {which}"))
        yield from wrapped(window_place(gradient.forward, response).split(" "))
        headings = "input", slope, f"pixel*({slope})"
        yield from _sum_parts(response, headings, "channels", paint, digits)
        yield from _result("dL/dw", response.sum, gradient.divisor, value, paint, digits)
    biases = [format_number(_shown(number, digits)) for number in gradient.grad_bias.tolist()]
    text = f"the sum of {slope}, since b is added to every value = {', '.join(biases)}"
    yield from step_lines("dL/db", text)


def _input_parts(gradient: GradientComputation, paint: Paint, digits: int | None) -> Iterator[Part]:
    """Yield the gradient of the input, and how that of one pixel is summed."""
    slope, own, copies = slope_name(gradient), gradient.pixel.own, gradient.pixel.copies
    is_flipped = gradient.forward.operation != "convolve"
    yield from ("", paint("heading", "dL/dx: the gradient of each pixel"))
    gaps, dilated = _gaps(gradient, "stride"), _gaps(gradient, "dilation")
    gaps, dilated = (f"{text}," if text else "" for text in (gaps, dilated))
    text = (
        "A pixel is multiplied by one weight in each window that holds it. Its gradient is the sum "
        f"of these weights, each times {slope} of its window{_over_text(gradient)}: the full "
        f"convolution of {slope}{gaps} with the kernel{dilated or ','} which meets it "
        f"{'flipped' if is_flipped else 'as typed'}."
    )
    yield from wrapped(text.split(" "))
    named = [("x", _planes(gradient.input)), ("dL/dx", _planes(gradient.grad_input))]
    yield from _grids(named, gradient.channels, "channels", digits)
    which = ", ".join(filter(None, [_place(gradient.pixel_place), gradient.channels[0]]))
    yield from ("", paint("heading", f"dL/dx at {which}"))
    if own.rows and own.columns:
        place = places_text(own.rows, own.columns)
        yield from wrapped(f"windows that hold the pixel: {place} of {slope}".split(" "))
        headings = slope, "flipped kernel" if is_flipped else "kernel", f"({slope})*weight"
        yield from _sum_parts(own, headings, "filters", paint, digits)
    else:
        yield "no window holds the pixel at its own place"
    total = own.sum
    if copies:
        sums = [own.sum, *(number for _, number in copies)]
        total = to_number(exact_total(sums))
        places = [f"({row}, {column})" for (row, column), _ in copies[:MAX_TERMS]]
        text = (
            f"the padding ({gradient.forward.border}) copies the pixel to (row, column) "
            f"{', '.join(places)}{', ...' * (len(copies) > MAX_TERMS)}; what reaches a copy goes "
            "back to the pixel"
        )
        yield from ("", *wrapped(text.split(" ")))
        if len(copies) < MAX_TERMS:
            numbers = [_shown(number, digits) for number in sums]
            yield from total_lines("total", numbers, _shown(total, digits))
        else:
            text = f"of {len(sums)} sums = {format_number(_shown(total, digits))}"
            yield from step_lines("total", text)
    value = gradient.pixel.value
    yield from _result("dL/dx", total, gradient.divisor, value, paint, digits)


def _result(
    name: str, total: Number, divisor: float, value: Number, paint: Paint, digits: int | None
) -> list[str]:
    """Return the line of a gradient: its sum over the divisor."""
    shown = paint("result", format_number(_shown(value, digits)))
    if divisor == 1:
        return step_lines(name, [shown])
    start, own = format_number(_shown(total, digits)), format_operand(_plain(divisor))
    exact = as_fraction(_shown(total, digits)) / as_fraction(_plain(divisor))
    sign = "=" if exact == as_fraction(_shown(value, digits)) else "~"
    return step_lines(name, f"{start} / {own} {sign} {shown}")


def _sum_parts(
    response: Response,
    headings: tuple[str, str, str],
    of: str,
    paint: Paint,
    digits: int | None,
) -> Iterator[Part]:
    """Yield the first sums of a gradient, and the total of all."""

    def shown(part: Sum) -> Sum:
        window, weights, products = (
            _rounded(grid, digits) for grid in (part.window, part.weights, part.products)
        )
        return Sum(part.channel, window, weights, products, _shown(part.sum, digits))

    for part in response.sums[:_MAX_SHOWN]:
        yield from sum_parts(response, shown(part), paint, MAX_HTML_TAPS, headings)
    if len(response.sums) > 1:
        yield from _more(len(response.sums), of)
        sums = [_shown(part.sum, digits) for part in response.sums]
        yield from ("", *total_lines("total", sums, _shown(response.sum, digits)))


def _grids(
    named: Sequence[tuple[str, Floats]], names: Sequence[str], of: str, digits: int | None
) -> Iterator[Part]:
    """Yield the same grids of each map side by side, or their ends where they are large.

    Args:
        named: a name, and the numbers of all maps, (rows, columns, maps).
        names: of the maps.
        of: what the maps are, for the line on those that are left out.
        digits: as for :func:`gradient_text`.
    """
    rows, columns, count = named[0][1].shape
    if rows * columns > MAX_HTML_TAPS:
        yield ""
        for name, values in named:
            low, high = (format_number(_shown(n, digits)) for n in (values.min(), values.max()))
            yield from step_lines(name, f"{size_text((rows, columns))}, from {low} to {high}")
        return
    labels = [str(n) for n in range(columns)], [str(n) for n in range(rows)]
    for index, name in enumerate(names[:_MAX_SHOWN]):
        yield ""
        if name:
            yield name
        yield [
            TextTable(title, _cells(values[..., index], digits), *labels) for title, values in named
        ]
    yield from _more(count, of)


def _cells(values: Floats, digits: int | None) -> list[list[Cell]]:
    """Return the cells of a table, each number with the decimals of the largest."""
    grid = tuple(tuple(map(to_python, row)) for row in values)
    return [[Cell(format_number(number)) for number in row] for row in _rounded(grid, digits)]


def _rounded(grid: Grid, digits: int | None) -> Grid:
    """Round numbers to these decimals, or to six significant digits of the largest."""
    if digits is None:
        largest = max(map(abs, chain.from_iterable(grid)), default=0)
        digits = _decimals(largest)
    return rounded(grid, digits)


def _shown(number: float, digits: int | None) -> Number:
    """Round one number likewise."""
    number = _plain(number)
    return round_number(number, _decimals(number) if digits is None else digits)


def _plain(number: float) -> Number:
    return number if isinstance(number, int) else to_python(np.float64(number))


def _decimals(largest: float) -> int:
    """Return the decimals that give a number six significant digits.

    >>> _decimals(0.125), _decimals(1234.5), _decimals(0)
    (6, 2, 6)
    """
    magnitude = math.floor(math.log10(abs(largest))) + 1 if largest else 0
    return max(_FIGURES - magnitude, 0)


def _more(count: int, of: str) -> Iterator[str]:
    """Yield a line on what is left out, if anything."""
    if count > _MAX_SHOWN:
        yield from ("", f"({_MAX_SHOWN} of {count} {of} are shown; --json prints all)")


def _planes(image: Floats) -> Floats:
    return image if image.ndim == 3 else image[..., np.newaxis]


def _place(place: Pair) -> str:
    return f"row {place[0]}, column {place[1]}"


def slope_name(gradient: GradientComputation) -> str:
    """Return what the gradient of the feature map is called."""
    return "dL/dy" if gradient.activation == "none" else "dL/dz"


def _gaps(gradient: GradientComputation, name: str, words: str = ", spread by") -> str:
    """Say by which stride or dilation numbers lie apart; empty for 1."""
    down, across = getattr(gradient.forward, name)
    return "" if (down, across) == (1, 1) else f"{words} the {name} {down},{across}"


def _over_text(gradient: GradientComputation) -> str:
    divisor = _plain(gradient.divisor)
    return f" over the divisor {format_number(divisor)}" * (divisor != 1)


def plane_names(gradient: GradientComputation) -> list[str]:
    """Return the names of the kernel's planes: filters, channels, or both."""
    *filters, channels = gradient.weights.shape[:-2] or (1,)
    count = math.prod(filters)
    named = [f"filter {number}" for number in range(1, count + 1)] if count > 1 else [""]
    own = gradient.channels if channels > 1 else [""]
    return [", ".join(filter(None, names)) for names in product(named, own)]
