"""A kernel's weights and properties as data and as text, as ``kernels show`` prints them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.digits import reliable_decimals, round_number, round_values, sum_bound
from convcli.core.plan import make_plan
from convcli.errors import UsageError, count_text, list_text
from convcli.geometry import ConvOptions, size_text
from convcli.kernels.entries import ComputedKernel, Signal
from convcli.kernels.files import kernel_fields
from convcli.kernels.kernel import Kernel, Number
from convcli.kernels.matrix_text import aligned
from convcli.kernels.spec import KernelSet
from convcli.teaching.decimals import format_number
from convcli.teaching.text_table import WIDTH, table_lines, wrapped

_MAX_SHOWN = 31 * 31  # weights of a matrix that is shown whole if its lines fit
_LABEL = 11  # width of a property's name and the space after it
_MIDDLE = 7  # rows and columns of a larger one
_MAX_PLANNED = 1 << 14  # weights; the plan and the rank of larger kernels take seconds
_MAX_FACTOR = 31  # weights of a column or row that is shown
_MAX_PLANES = 48  # of several kernels that are shown with all weights
_DEAD = 0.02  # of the median norm: a filter below it does nothing
_MAX_LISTED = 12  # numbers of filters in a line
_DIGITS, _LEAST_DIGITS = 6, 3  # significant digits of the largest weight; fewer where they fit

_OF_CONVOLUTION = ("symmetry", "output", "method")  # which a transposed convolution has not

_SYMMETRIES = {
    "symmetric": "symmetric (correlation and convolution agree)",
    "antisymmetric": "antisymmetric (convolution changes the sign)",
    "none": "none (correlation and convolution differ)",
}


def kernel_data(kernel: Kernel) -> dict[str, Any]:
    """Return a kernel and its properties for JSON; kernel files may hold the properties too."""
    factors = kernel.separable
    ends = kernel.output_range()
    total = sum_bound(kernel.weights, 1, kernel.bias)
    sum_decimals, end_decimals = (reliable_decimals("float64", total * n) for n in (1, 255))
    least, greatest = (round_number(end, end_decimals) for end in ends)
    return {
        "spec": kernel.name,
        **kernel_fields(kernel),
        "size": size_text(kernel.shape),
        "sum": round_number(kernel.sum, sum_decimals),
        "symmetry": kernel.symmetry,
        "rank": kernel.rank,
        "separable": factors and [_without_errors(factor).tolist() for factor in factors],
        "least": least,
        "greatest": greatest,
    }


def _without_errors(factor: NDArray[Any]) -> NDArray[Any]:
    """Round a computed column or row to its reliable decimals."""
    return round_values(factor, reliable_decimals(factor.dtype, float(np.abs(factor).max())))


def set_json(kernels: KernelSet) -> str:
    """Return one kernel's data as JSON, or a family's with its members under ``kernels``."""
    members = [kernel_data(kernel) for kernel in kernels.kernels]
    if kernels.transposed:  # several kernels add to a value
        members = [member | {"least": None, "greatest": None} for member in members]
    if len(members) == 1:
        return json.dumps(members[0])
    return json.dumps({"label": kernels.label, "combine": kernels.combine, "kernels": members})


def set_text(
    kernels: KernelSet, computed: ComputedKernel | Signal | None = None, digits: int | None = None
) -> str:
    """Return the page of a SPEC; the parameters of a computed kernel or a signal come last.

    ``digits`` are the decimals of all numbers; None for weights whose largest has six digits.
    Several kernels of many planes in all are a table of one line each.
    """
    planes = len(kernels.kernels) * math.prod(kernels.kernels[0].matrix.shape[:-2])
    if len(kernels.kernels) > 1 and planes > _MAX_PLANES:
        return _table_text(kernels, digits)
    parts = [_kernel_text(kernel, kernels, digits) for kernel in kernels.kernels]
    if kernels.note:
        parts.append("\n".join(wrapped(kernels.note.split())))
    if len(kernels.kernels) > 1:
        parts.insert(0, f"{kernels.label}: {len(kernels.kernels)} kernels, {kernels.results_text}")
    if computed is not None:
        parts.append(_parameters_text(computed))
    return "\n\n".join(parts)


def _table_text(kernels: KernelSet, digits: int | None) -> str:
    """Return a line for each filter of a bank, and which of them do nothing."""
    first = kernels.kernels[0]
    weights = [kernel.weights for kernel in kernels.kernels]
    norms = [float(np.linalg.norm(each)) for each in weights]
    member = "input map" if kernels.transposed else "filter"
    headings = (member, "sum", "smallest", "largest", "norm")
    rows = [headings] + [
        (
            str(number),
            *(_cell(value, digits) for value in (each.sum(), each.min(), each.max(), norm)),
        )
        for number, (each, norm) in enumerate(zip(weights, norms, strict=True), 1)
    ]
    channels = math.prod(first.matrix.shape[:-2])
    planes = f"to {count_text(channels, 'map')}" if kernels.transposed else ""
    planes = planes or f"over {count_text(channels, 'channel')}"
    size = f"{size_text(first.shape)} {planes}" if first.matrix.ndim > 2 else size_text(first.shape)
    heading = f"{kernels.label}: {len(weights)} kernels {size}, {kernels.results_text}"
    notes = ["norm: the root of the sum of the squared weights; --json and --plot show all weights"]
    least = _DEAD * float(np.median(norms))
    if dead := [str(number) for number, norm in enumerate(norms, 1) if norm < least]:
        listed = list_text(dead, _MAX_LISTED)
        notes.append(f"all but zero, with a norm under {_DEAD:.0%} of the median: {listed}")
    notes += wrapped(kernels.note.split())
    notes += wrapped(f"source: {first.source}".split()) if first.source else []
    heading += f"\n{first.summary}" if first.summary else ""
    return "\n\n".join((heading, "\n".join(table_lines(rows)), "\n".join(notes)))


def _cell(value: float, digits: int | None) -> str:
    """Return a number for a table, with this many decimals or with five digits."""
    return f"{value:.5g}" if digits is None else f"{value:.{digits}f}"


def _kernel_text(kernel: Kernel, kernels: KernelSet, digits: int | None) -> str:
    heading = f"{kernel.name}: {kernel.summary}" if kernel.summary else kernel.name
    planes = kernel.matrix.reshape(-1, *kernel.shape)
    rows, columns = kernel.shape
    notes = []
    fitting = _fitting(planes, digits) if rows * columns <= _MAX_SHOWN else None
    if fitting is None:
        top, left = max(rows - _MIDDLE, 0) // 2, max(columns - _MIDDLE, 0) // 2
        planes = planes[:, top : top + _MIDDLE, left : left + _MIDDLE]
        notes.append(f"the middle {size_text(planes.shape[1:])} of {size_text(kernel.shape)}")
        fitting = _rounded(planes, digits, _DIGITS)
    if not np.array_equal(fitting, planes):
        notes.append("rounded")
    blocks = ["\n".join(_lines(plane)) for plane in fitting]
    if len(blocks) > 1:
        blocks = [
            f"{name}\n{block}" for name, block in zip(kernels.plane_names, blocks, strict=True)
        ]
    if notes:
        blocks.append(f"  ({', '.join(notes)}; -o - prints all weights with all digits)")
    matrix = "\n".join(blocks)
    properties = "\n".join(
        line
        for label, text in _properties(kernel, digits)
        if not (kernels.transposed and label in _OF_CONVOLUTION)
        for line in _property(label, text)
    )
    return f"{heading}\n\n{matrix}\n\n{properties}"


def _property(label: str, text: str) -> list[str]:
    """Return the lines of a property; the weights of a long column or row take several."""
    if label not in ("column", "row"):
        return [f"{label:<{_LABEL}}{text}"]
    first, *others = wrapped(text.split(" "), " " * _LABEL)
    return [f"{label:<{_LABEL}}{first[_LABEL:]}", *others]


def _fitting(planes: NDArray[Any], decimals: int | None) -> NDArray[Any] | None:
    """Round weights so that their lines fit a terminal; None if three digits are too many."""
    for digits in range(_DIGITS, _LEAST_DIGITS - 1, -1):
        rounded = _rounded(planes, decimals, digits)
        if max(len(line) for plane in rounded for line in _lines(plane)) <= WIDTH:
            return rounded
        if decimals is not None or planes.dtype.kind != "f":
            break
    return None


def _lines(plane: NDArray[Any]) -> list[str]:
    """Return the lines of a matrix."""
    rows = [[format_number(weight) for weight in row] for row in plane.tolist()]
    return [f"  {line}" for line in aligned(rows)]


def _rounded(planes: NDArray[Any], decimals: int | None, digits: int) -> NDArray[Any]:
    """Round weights, by default so that the largest has this many digits; keep integers."""
    largest = float(np.abs(planes).max())
    if planes.dtype.kind != "f" or not largest:
        return planes
    if decimals is None:
        decimals = max(digits - 1 - math.floor(math.log10(largest)), 0)
    return np.asarray(planes.round(decimals) + 0.0)  # no -0


def _factor_text(factor: NDArray[Any], digits: int | None) -> str:
    if len(factor) > _MAX_FACTOR:
        return f"{len(factor)} weights"
    return " ".join(_short(weight, digits) for weight in factor.tolist())


def _properties(kernel: Kernel, digits: int | None) -> list[tuple[str, str]]:
    rounding = 1e-12 * float(np.abs(kernel.weights).sum())
    least, greatest = kernel.output_range()
    properties = [
        ("size", f"{size_text(kernel.shape)} (width x height)"),
        *_axis_properties(kernel, digits),
        ("divisor", format_number(kernel.divisor)),
        ("bias", format_number(kernel.bias)),
        ("sum", "0" if abs(kernel.sum) <= rounding else _short(kernel.sum, digits)),
        ("symmetry", _SYMMETRIES[kernel.symmetry]),
    ]
    if kernel.separable is not None:
        column, row = (_factor_text(factor, digits) for factor in kernel.separable)
        properties += [
            ("separable", "yes (rank 1): column by row"),
            ("column", column),
            ("row", row),
        ]
    elif kernel.matrix.ndim == 2:
        rank = f" (rank {kernel.rank})" if kernel.matrix.size <= _MAX_PLANNED else ""
        properties.append(("separable", f"no{rank}"))
    ends = f"{_short(least, digits)} to {_short(greatest, digits)}"
    properties.append(("output", f"{ends} for input from 0 to 255"))
    if kernel.matrix.size <= _MAX_PLANNED:
        properties.append(("method", _method(kernel)))
    return [*properties, ("source", kernel.source)] if kernel.source else properties


def _axis_properties(kernel: Kernel, digits: int | None) -> list[tuple[str, str]]:
    """Return where the samples of a signal lie, and its integral."""
    if kernel.axis is None:
        return []
    ends = (format_number(kernel.axis.at(index)) for index in (0, max(kernel.shape) - 1))
    step = float(kernel.axis.step)
    return [
        ("x", f"{' to '.join(ends)} in steps of {format_number(step)}"),
        ("integral", f"{_short(kernel.sum * step, digits)} (the sum times the step)"),
    ]


def _method(kernel: Kernel) -> str:
    """Describe how an image of 1024x1024 pixels would be filtered."""
    shape = (1024, 1024, *kernel.matrix.shape[:-2][-1:])
    image = np.broadcast_to(np.uint8(0), shape)
    try:
        plan = make_plan(image, kernel.matrix, ConvOptions(), kernel.divisor)
    except UsageError:
        return "none for 8-bit images: sums exceed 64-bit integers"
    return f"{plan.describe()}, for 8-bit images"


def _short(number: Number, digits: int | None) -> str:
    """Return an integer exactly, and a float with this many decimals, or with ten digits."""
    if digits is not None:
        return format_number(round_number(number, digits))
    return format_number(number if isinstance(number, int) else float(f"{number:.10g}"))


def _parameters_text(computed: ComputedKernel | Signal) -> str:
    width = max(len(parameter.name) for parameter in computed.parameters)
    lines = [f"arguments of {computed.name}, for example {computed.example}:"]
    for parameter in computed.parameters:
        unit = f" [{parameter.unit}]" if parameter.unit else ""
        default = f" (default {parameter.default})" if parameter.default else ""
        lines.append(f"  {parameter.name:<{width}}  {parameter.meaning}{unit}{default}")
    return "\n".join(lines)
