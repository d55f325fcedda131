"""A program for another library that gives the pixels of ``convcli apply``.

The facts that the templates of this folder print are worked out here, from a filter alone: pads and
windows have the same sizes for every image. All programs compute in float64, where sums of integer
weights are exact, and round once, half to even.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.choices import BORDERS, CHANNELS, COMBINATIONS, RANGES
from convcli.core.plan import as_applied
from convcli.errors import UsageError
from convcli.filtering import Filter, filter_image
from convcli.geometry import Geometry, Pads, Pair, as_pair, border_name, conv_geometry
from convcli.images.image import image_of
from convcli.kernels.kernel import Kernel
from convcli.teaching.code.template import render

WHITE = 255  # a fill from 0 to this is a pixel of every depth
DFT_AREA = 50  # weights from which OpenCV sums float64 by Fourier transforms, which are not exact
NUMPY_MODES = {"zero": "constant"}  # other borders have NumPy's names
SCIPY_MODES = {"edge": "nearest", "zero": "constant", "reflect": "mirror", "symmetric": "reflect"}
OPENCV_BORDERS = {
    "edge": "BORDER_REPLICATE",
    "zero": "BORDER_CONSTANT",
    "reflect": "BORDER_REFLECT_101",
    "symmetric": "BORDER_REFLECT",
    "wrap": "BORDER_WRAP",
    "constant": "BORDER_CONSTANT",
}
TORCH_MODES = {"edge": "replicate", "zero": "constant", "wrap": "circular"}
PLANES = {"r": "red", "g": "green", "b": "blue"}


def write_program(
    library: str, image_filter: Filter, *, channels: str, command: str, snippet: bool = False
) -> str:
    """Return a program that reads IN, filters it with a library as ``apply`` does, and writes OUT.

    Args:
        library: one of :data:`convcli.choices.LIBRARIES`.
        image_filter: what the program does.
        channels: as ``--channels``.
        command: the command whose pixels the program gives, for its first lines.
        snippet: whether only the kernel and the call are printed.

    Raises:
        UsageError: the kernels cannot be combined, or no program has the pixels of ``apply``.
    """
    kernels = image_filter.kernels
    _check(image_filter)
    windows = _Windows.of(image_filter)
    facts = {"program": not snippet, "command": command}
    facts |= _channel_facts(channels)
    facts |= _kernel_facts(kernels, windows)
    facts |= _window_facts(windows)
    facts |= _border_facts(image_filter)
    facts |= _library_facts(facts)
    facts |= _value_facts(image_filter)
    facts["is_sum_by_dft"] = facts["is_integer"] and windows.weights[0].size >= DFT_AREA
    return render(library, facts)


def _check(image_filter: Filter) -> None:
    kernels = image_filter.kernels
    if image_filter.combine == "direction":
        raise UsageError("code writes no colors of directions; combine by magnitude instead")
    if any(kernel.matrix.ndim == 4 for kernel in kernels):
        raise UsageError("code writes one map: choose a kernel of the bank with --filter N")
    if len({kernel.matrix.shape[:-2] for kernel in kernels}) > 1:
        raise UsageError("code combines kernels that all sum over channels, or none that does")
    if len({kernel.shape for kernel in kernels}) > 1 and image_filter.conv.padding != "same":
        raise UsageError(
            "the kernels' maps have different sizes and cannot be combined; use --padding same"
        )


class _Windows(NamedTuple):
    """The weights of each kernel as they are applied, all of one size, and how windows lie.

    Attributes:
        weights: (kh, kw) or (C, kh, kw) of each kernel.
        geometry: for an image of one window.
        flipped: whether ``convolve`` has turned the weights.
    """

    weights: list[NDArray[Any]]
    geometry: Geometry
    flipped: bool

    @classmethod
    def of(cls, image_filter: Filter) -> _Windows:
        """Give kernels of different sizes the size of the largest, around the same anchor."""
        conv, kernels = image_filter.conv, image_filter.kernels
        matrices = [as_applied(kernel.matrix, conv.operation) for kernel in kernels]
        dilation = as_pair(conv.dilation, "dilation", least=1)
        if len({matrix.shape for matrix in matrices}) > 1:  # then their taps are set apart first
            matrices = [_spread(matrix, dilation) for matrix in matrices]
            dilation = (1, 1)
        rows, columns = (max(matrix.shape[axis] for matrix in matrices) for axis in (-2, -1))
        extent = dilation[0] * (rows - 1) + 1, dilation[1] * (columns - 1) + 1
        geometry = conv_geometry(
            extent, (rows, columns), conv.padding, conv.stride, dilation, conv.operation
        )
        flipped = conv.operation == "convolve"
        weights = [_embedded(matrix, (rows, columns), flipped) for matrix in matrices]
        return cls(weights, geometry, flipped)


def _spread(matrix: NDArray[Any], dilation: Pair) -> NDArray[Any]:
    """Return a kernel with zeros between its taps."""
    rows, columns = (
        d * (side - 1) + 1 for d, side in zip(dilation, matrix.shape[-2:], strict=True)
    )
    spread = np.zeros((*matrix.shape[:-2], rows, columns), matrix.dtype)
    spread[..., :: dilation[0], :: dilation[1]] = matrix
    return spread


def _embedded(matrix: NDArray[Any], shape: Pair, flipped: bool) -> NDArray[Any]:
    """Return a kernel with zeros around it, whose anchor is that of the larger size."""
    before = [
        (side + flipped - 1) // 2 - (own + flipped - 1) // 2
        for side, own in zip(shape, matrix.shape[-2:], strict=True)
    ]
    after = [
        side - own - first
        for side, own, first in zip(shape, matrix.shape[-2:], before, strict=True)
    ]
    outside = [(0, 0)] * (matrix.ndim - 2)
    return np.pad(matrix, [*outside, *zip(before, after, strict=True)])


def _channel_facts(channels: str) -> dict[str, Any]:
    facts: dict[str, Any] = {f"channels_{name}": name == channels for name in CHANNELS}
    plane = list(PLANES).index(channels) if channels in PLANES else 0
    return facts | {
        "is_plane": channels in PLANES,
        "plane": plane,
        "bgr_plane": 2 - plane,
        "plane_name": PLANES.get(channels, ""),
    }


def _kernel_facts(kernels: Sequence[Kernel], windows: _Windows) -> dict[str, Any]:
    """Return the weights as text, and what their sums are divided by."""
    weights = windows.weights
    divisors = [kernel.divisor for kernel in kernels]
    one_divisor = len(set(divisors)) == 1
    several = len(weights) > 1
    return {
        "several": several,
        "count": len(weights),
        "sums_channels": weights[0].ndim == 3,
        "is_integer": all(matrix.dtype.kind == "i" for matrix in weights),
        "is_flipped": windows.flipped,
        "weights": _literal(np.stack(weights) if several else weights[0]),
        "is_divided": divisors != [1] * len(divisors),
        "divisor": _number(divisors[0]) if one_divisor else _column(divisors),
    }


def _literal(weights: NDArray[Any], depth: int = 0) -> str:
    """Return nested lists with a row of the kernel in each line, columns aligned."""
    if weights.ndim == 2:
        cells = [[_number(weight) for weight in row] for row in weights.tolist()]
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


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def _column(values: Sequence[float]) -> str:
    """Return numbers, one for each map, as an array of as many axes as the maps have."""
    return f"np.reshape([{', '.join(map(_number, values))}], (-1, *[1] * (maps.ndim - 1)))"


def _window_facts(windows: _Windows) -> dict[str, Any]:
    geometry = windows.geometry
    pads, stride, dilation = geometry.pads, geometry.stride, geometry.dilation
    (rows, columns), (across, down) = geometry.extent, geometry.anchor[::-1]
    same = pads == Pads(down, rows - 1 - down, across, columns - 1 - across)
    sides = ("top", "bottom", "left", "right")
    return {
        **dict(zip(sides, pads, strict=True)),
        "is_padded": any(pads),
        "is_same": same,
        "rows": rows,
        "columns": columns,
        "below": rows - 1,
        "beside": columns - 1,
        "anchor_row": down,
        "anchor_column": across,
        # SciPy's window of an even side begins k // 2 pixels before its own place.
        "origin": f"({down - rows // 2}, {across - columns // 2}, 0)",
        "has_origin": (down, across) != (rows // 2, columns // 2),
        "is_even": rows % 2 == 0 or columns % 2 == 0,
        "is_strided": stride != (1, 1),
        "stride_rows": stride[0],
        "stride_columns": stride[1],
        "is_dilated": dilation != (1, 1),
        "dilation_rows": dilation[0],
        "dilation_columns": dilation[1],
    }


def _border_facts(image_filter: Filter) -> dict[str, Any]:
    conv = image_filter.conv
    border = border_name(conv.border)
    fill = conv.fill if border == "constant" else 0
    border = "zero" if border == "constant" and fill == 0 else border
    return {f"border_{name}": name == border for name in BORDERS} | {
        "border": border,
        "fill": _number(fill),
        "is_pixel": 0 <= fill <= WHITE and fill == int(fill),
    }


def _library_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Return borders and windows in the words of each library."""
    border, fill = facts["border"], facts["fill"]
    is_filled, origin = border == "constant", facts["has_origin"]
    nd_options = f', mode="{SCIPY_MODES.get(border, border)}"'
    nd_options += f", cval={fill}" * is_filled + f", origin={facts['origin']}" * origin
    # filter2D knows neither wrap nor a fill, and its output is as large as its input.
    crops = not facts["is_same"] or border in ("wrap", "constant")
    anchor = f", anchor=({facts['anchor_column']}, {facts['anchor_row']})" * origin
    cv_border = OPENCV_BORDERS[border]
    options = {
        name: (facts[f"{name}_rows"], facts[f"{name}_columns"])
        for name in ("stride", "dilation")
        if (facts[f"{name}_rows"], facts[f"{name}_columns"]) != (1, 1)
    }
    return {
        "np_mode": NUMPY_MODES.get(border, border),
        "np_fill": f", constant_values={fill}" * is_filled,
        "nd_options": nd_options,
        "cv_crops": crops,
        "cv_pads": crops and facts["is_padded"],
        "cv_border": cv_border,
        "cv_source": "padded" if crops and facts["is_padded"] else "image",
        "cv_options": ", anchor=(0, 0)" if crops else f"{anchor}, borderType=cv2.{cv_border}",
        "torch_mode": TORCH_MODES.get(border, border),
        "torch_fill": f", value={fill}" * is_filled,
        "torch_options": "".join(f", {name}={pair}" for name, pair in options.items()),
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
        "bias": _number(biases[0]) if one else _column(biases),
        "map_type": _map_type(image_filter),
        "low": _number(low),
        "high": _number(high),
    }


def _map_type(image_filter: Filter) -> str:
    """Return the type of the values that ``--range raw`` writes for an 8-bit image."""
    matrix = image_filter.kernels[0].matrix
    sides = [max(kernel.shape[axis] for kernel in image_filter.kernels) for axis in (0, 1)]
    image = image_of(np.zeros((*sides, *matrix.shape[:-2]), np.uint8))
    conv = image_filter.conv._replace(padding="same", stride=1, dilation=1)
    raw = image_filter._replace(conv=conv, range="raw")
    return str(filter_image(image, raw, image.depth).image.pixels.dtype)
