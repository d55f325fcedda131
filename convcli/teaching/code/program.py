"""A program for another library that gives the pixels of ``convcli apply``.

The facts that the templates of this folder print are worked out here, from a filter alone: pads and
windows have the same sizes for every image, but for the pads of ``same-upper`` and ``same-lower``
with a stride, which the program computes from the image's size. All programs compute in float64,
where sums of integer weights are exact, and round once, half to even.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.choices import BORDERS, CHANNELS, COMBINATIONS, RANGES, SCALED_RANGES
from convcli.errors import UsageError
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import Geometry, Pads, border_name
from convcli.images.image import image_of
from convcli.kernels.kernel import Kernel
from convcli.teaching.code.libraries import library_facts, number_text, sum_text
from convcli.teaching.code.template import render
from convcli.teaching.code.windows import Windows, depends_on_size

ALIGNED = ("same", "same-upper", "same-lower", "causal")  # give kernels of all sizes maps of one
WHITE = 255  # a fill from 0 to this is a pixel of every depth
# Libraries whose programs move kernels of different sizes to where their own padding begins.
MOVING = ("numpy", "scipy", "opencv", "torch", "keras", "skimage")
GROUPED = ("torch", "onnx")  # libraries whose programs have --groups
PLANES = {"r": "red", "g": "green", "b": "blue"}


def write_program(
    library: str,
    image_filter: Filter,
    *,
    channels: str,
    command: str,
    snippet: bool = False,
    groups: int = 1,
) -> str:
    """Return a program that reads IN, filters it with a library as ``apply`` does, and writes OUT.

    Args:
        library: one of :data:`convcli.choices.LIBRARIES`.
        image_filter: what the program does.
        channels: as ``--channels``.
        command: the command whose pixels the program gives, for its first lines.
        snippet: whether only the kernel and the call are printed.
        groups: runs of channels; with several, the kernels of the filter are not combined, but a
            bank (N, C/groups, kh, kw) that makes N maps.

    Raises:
        UsageError: the kernels cannot be combined, or no program has the pixels of ``apply``.
    """
    kernels = image_filter.kernels
    if groups > 1:
        _check_groups(library, image_filter, groups, snippet=snippet)
    _check(library, image_filter)
    windows = Windows.of(image_filter)
    # For comments, and for the docstring of a program in Python.
    quoted = command.replace("\\", r"\\").replace('"""', r"\"\"\"")
    facts = {"program": not snippet, "command": command, "quoted_command": quoted}
    facts |= _channel_facts(channels)
    facts |= _kernel_facts(kernels, windows, groups)
    facts |= _window_facts(image_filter, windows)
    facts |= _border_facts(image_filter)
    facts |= _value_facts(image_filter)
    # apply divides in float32 where it does not round at once, and sums a fraction of --fill in it.
    rounds = image_filter.range in ("clip", "abs", "offset") and not facts["several"]
    is_whole = facts["is_integer"] and facts["is_whole_fill"]
    facts["is_exact"] = is_whole and (rounds or not facts["is_divided"])
    facts["uses_white"] = library != "pillow" and (
        not facts["range_raw"] or facts["is_bias_in_levels"]
    )
    facts["writes_colors"] = not facts["range_raw"] and (groups > 1 or not facts["sums_channels"])
    facts |= _size_facts(facts)
    facts |= library_facts(library, image_filter, windows, facts)
    return render(library, facts)


def _check(library: str, image_filter: Filter) -> None:
    kernels = image_filter.kernels
    if image_filter.combine == "direction":
        raise UsageError("code writes no colors of directions; combine by magnitude instead")
    if any(kernel.matrix.ndim == 4 for kernel in kernels):
        raise UsageError("code writes one map: choose a kernel of the bank with --filter N")
    if len({kernel.matrix.shape[:-2] for kernel in kernels}) > 1:
        raise UsageError("code combines kernels that all sum over channels, or none that does")
    conv = image_filter.conv
    if border_name(conv.border) == "constant" and not math.isfinite(conv.fill):
        raise UsageError(f"code writes no border of {conv.fill:g}; give --fill a finite number")
    if len({kernel.shape for kernel in kernels}) > 1:
        if conv.padding not in ALIGNED:
            raise UsageError(
                "code combines kernels of different sizes with --padding same, same-upper, "
                "same-lower or causal"
            )
        if depends_on_size(conv) and library not in MOVING:
            raise UsageError(
                f"--for {library} does not combine kernels of different sizes with padding "
                f"{conv.padding} and a stride; --for numpy writes this filter"
            )


def _check_groups(library: str, image_filter: Filter, groups: int, *, snippet: bool) -> None:
    """Raise UsageError where kernels cannot be grouped, or a program not hold or write the maps."""
    kernels = image_filter.kernels
    if library not in GROUPED:
        raise UsageError(f"--groups is written for {' and '.join(GROUPED)}")
    if any(kernel.matrix.ndim != 3 for kernel in kernels) or len(kernels) % groups:
        raise UsageError(
            f"--groups {groups} takes a bank (N, C/groups, kh, kw), N a multiple of {groups}"
        )
    if len({(kernel.matrix.shape, kernel.divisor, kernel.bias) for kernel in kernels}) > 1:
        raise UsageError("--groups takes kernels of one size and one divisor")
    channels = groups * len(kernels[0].matrix)
    if not snippet and channels != 3:
        raise UsageError(
            f"this bank is over {channels} channels, which no image has; --snippet takes any number"
        )
    if not snippet and len(kernels) != 3 and image_filter.range != "raw":
        raise UsageError(
            f"{len(kernels)} maps are no image; write them with --range raw, or use --snippet"
        )


def _channel_facts(channels: str) -> dict[str, Any]:
    facts: dict[str, Any] = {f"channels_{name}": name == channels for name in CHANNELS}
    plane = list(PLANES).index(channels) if channels in PLANES else 0
    return facts | {
        "channels": channels,
        "is_plane": channels in PLANES,
        "plane": plane,
        "bgr_plane": 2 - plane,
        "plane_name": PLANES.get(channels, ""),
    }


def _kernel_facts(kernels: Sequence[Kernel], windows: Windows, groups: int) -> dict[str, Any]:
    """Return the weights as text, and what their sums are divided by."""
    weights = windows.weights
    divisors = [kernel.divisor for kernel in kernels]
    one_divisor = len(set(divisors)) == 1
    several = len(weights) > 1 and groups == 1
    return {
        "several": several,
        "groups": groups,
        "is_grouped": groups > 1,
        "count": len(weights),
        "sums_channels": weights[0].ndim == 3,
        "is_integer": all(matrix.dtype.kind == "i" for matrix in weights),
        "is_flipped": windows.flipped,
        "weights": _literal(np.stack(weights) if len(weights) > 1 else weights[0]),
        "is_divided": divisors != [1] * len(divisors),
        "divisor": number_text(divisors[0]) if one_divisor else _column(divisors),
        "divisors": ", ".join(map(number_text, divisors)),
        "planes": weights[0].shape[0] * groups if weights[0].ndim == 3 else 1,
        "kernel_rows": weights[0].shape[-2],
        "kernel_columns": weights[0].shape[-1],
        # Of every kernel, plane, row and column, also where there is one.
        "nested_weights": _literal(
            np.stack([matrix.reshape(-1, *matrix.shape[-2:]) for matrix in weights])
        ),
    }


def _literal(weights: NDArray[Any], depth: int = 0) -> str:
    """Return nested lists with a row of the kernel in each line, columns aligned."""
    if weights.ndim == 2:
        cells = [[number_text(weight) for weight in row] for row in weights.tolist()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            ", ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in cells
        ]
        parts = [f"[{line}]" for line in lines]
    else:
        parts = [_literal(matrix, depth + 1) for matrix in weights]
    inner = "    " * (depth + 1)
    return "[\n" + "".join(f"{inner}{part},\n" for part in parts) + "    " * depth + "]"


def _column(values: Sequence[float]) -> str:
    """Return numbers, one for each map, as an array of as many axes as the maps have."""
    return f"np.reshape([{', '.join(map(number_text, values))}], (-1, *[1] * (maps.ndim - 1)))"


def _window_facts(image_filter: Filter, windows: Windows) -> dict[str, Any]:
    conv, geometry = image_filter.conv, windows.geometry
    pads, stride, dilation = geometry.pads, geometry.stride, geometry.dilation
    (rows, columns), (across, down) = geometry.extent, geometry.anchor[::-1]
    same = pads == Pads(down, rows - 1 - down, across, columns - 1 - across)
    fitted = depends_on_size(conv) and (rows, columns) != (1, 1)
    axes = np.stack(windows.weights).shape[len(windows.weights) == 1 : -2]
    return {
        # Where they depend on the image, they are names of the program's variables.
        **{side: side if fitted else pad for side, pad in pads._asdict().items()},
        "is_fitted": fitted,
        "is_moved": bool(windows.moves),
        "moved_sizes": ", ".join(map(str, windows.moves)),
        "is_upper": conv.padding == "same-upper",
        "is_padded": fitted or any(pads),
        "is_same": same and not fitted,
        "rows": rows,
        "columns": columns,
        "spread_shape": ", ".join(map(str, (*axes, rows, columns))),
        "below": rows - 1,
        "beside": columns - 1,
        "anchor_row": down,
        "anchor_column": across,
        # Whether windows begin elsewhere than k // 2 pixels before their place.
        "is_shifted": (down, across) != (rows // 2, columns // 2),
        "is_strided": stride != (1, 1),
        "stride_rows": stride[0],
        "stride_columns": stride[1],
        "is_dilated": dilation != (1, 1),
        "dilation_rows": dilation[0],
        "dilation_columns": dilation[1],
    } | _place_facts(geometry, fitted=fitted)


def _place_facts(geometry: Geometry, *, fitted: bool) -> dict[str, Any]:
    """Return sizes and places as C, JavaScript, Octave and the shell write them, worked out."""
    facts: dict[str, Any] = {}
    top, bottom, left, right = geometry.pads
    axes = (
        ("rows", "height", "down", "top", top, top + bottom),
        ("columns", "width", "across", "left", left, left + right),
    )
    for axis, (name, size, total, side, before, both) in enumerate(axes):
        stride, dilation = geometry.stride[axis], geometry.dilation[axis]
        # Fitted pads give ceil(size / stride) windows.
        shrinks = 1 if fitted else geometry.extent[axis] - both
        steps = sum_text(size, -shrinks)
        steps = f"({steps})" if " " in steps else steps
        facts |= {
            f"padded_{size}": f"{size} + {total}" if fitted else sum_text(size, both),
            f"map_{name}": f"{steps} / {stride} + 1" if stride > 1 else sum_text(size, 1 - shrinks),
            f"is_strided_{total}": stride > 1,
            f"times_stride_{name}": f" * {stride}" if stride > 1 else "",
            f"times_dilation_{name}": f" * {dilation}" if dilation > 1 else "",
            f"minus_{side}": f" - {side}" if fitted else f" - {before}" if before else "",
        }
    return facts


def _size_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the size of the smallest image that has a window; fitted pads make one for all."""
    if facts["is_fitted"]:
        return {"checks_size": False, "may_be_empty": False}
    rows = facts["rows"] - facts["top"] - facts["bottom"]
    columns = facts["columns"] - facts["left"] - facts["right"]
    may_be_empty = max(rows, columns) > 1
    return {
        "may_be_empty": may_be_empty,
        "checks_size": facts["program"] and may_be_empty,
        "least_rows": rows,
        "least_columns": columns,
    }


def _border_facts(image_filter: Filter) -> dict[str, Any]:
    conv = image_filter.conv
    border = border_name(conv.border)
    fill = conv.fill if border == "constant" else 0
    border = "zero" if border == "constant" and fill == 0 else border
    return {f"border_{name}": name == border for name in BORDERS} | {
        "border": border,
        "fill": number_text(fill),
        "is_whole_fill": fill == int(fill),
        "is_pixel": 0 <= fill <= WHITE and fill == int(fill),
    }


def _value_facts(image_filter: Filter) -> dict[str, Any]:
    """Return how sums become values and pixels: bias, combination and range."""
    own = [kernel.bias for kernel in image_filter.kernels]
    given = image_filter.bias
    biases = own if given is None else [given] * len(own)
    in_levels = given is None and any(own)
    one = len(set(biases)) == 1
    combine = image_filter.combine if len(own) > 1 else None
    low, high = image_filter.percentile
    facts: dict[str, Any] = {f"range_{name}": name == image_filter.range for name in RANGES}
    facts |= {f"combine_{name}": name == combine for name in COMBINATIONS}
    return facts | {
        "is_biased": any(biases),
        "is_bias_in_levels": in_levels,
        "bias": number_text(biases[0]) if one else _column(biases),
        "biases": ", ".join(map(number_text, biases)),
        "is_stretched": image_filter.range in SCALED_RANGES,
        "map_type": _map_type(image_filter),
        "low": number_text(low),
        "high": number_text(high),
    }


def _map_type(image_filter: Filter) -> str:
    """Return the type of the values that ``--range raw`` writes for an 8-bit image."""
    matrix = image_filter.kernels[0].matrix
    sides = [max(kernel.shape[axis] for kernel in image_filter.kernels) for axis in (0, 1)]
    image = image_of(np.zeros((*sides, *matrix.shape[:-2]), np.uint8))
    conv = image_filter.conv._replace(padding="same", stride=1, dilation=1)
    kernels = image_filter.kernels if image_filter.combine else image_filter.kernels[:1]
    raw = image_filter._replace(conv=conv, range="raw", kernels=kernels)
    return str(filter_image(image, raw, image.depth).image.pixels.dtype)
