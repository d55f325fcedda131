"""What each library calls a border and a window, and what it cannot do.

Sources: the documentation of the libraries, and tests that run the programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convcli.conventions import BORDER_NAMES
from convcli.errors import UsageError
from convcli.filtering.filter import Filter
from convcli.geometry import size_text
from convcli.teaching.code.windows import Windows, spread

Facts = Mapping[str, Any]

VIPS_EXTENDS = {"edge": "copy", "zero": "black", "symmetric": "mirror", "wrap": "repeat"}
FFMPEG_BORDERS = {"edge": "smear", "symmetric": "mirror", "reflect": "reflect", "wrap": "wrap"}
MAGICK_PIXELS = {"edge": "Edge", "zero": "Black", "symmetric": "Mirror", "wrap": "Tile"}

FFMPEG_SIDE = 7  # of the largest kernel of FFmpeg
FFMPEG_DIVISOR = 49  # the largest whose quotients of 16 bits float32 rounds as they are
FFMPEG_WEIGHT = 2**15  # of magnitudes; sums of 16 bits stay below 2**31
DFT_AREA = 50  # of a window; OpenCV sums larger ones by Fourier transforms, which are not exact
SCIPY_REACH = 8  # pixels before an image of 2 from which on SciPy 1.17.1 reflects wrongly
PILLOW_SIDE = 5  # of the largest kernel of Pillow
PILLOW_SUM = 255  # of magnitudes; Pillow sums in float32, exact up to 2**24, pixels of 16 bits


def number_text(value: float) -> str:
    """Return a number as all these languages read it, without a needless decimal point."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def library_facts(
    library: str, image_filter: Filter, windows: Windows, facts: Facts
) -> dict[str, Any]:
    """Return what a library's template needs beyond the facts of the filter.

    Raises:
        UsageError: the library cannot give the pixels of ``apply``; the message names one that can.
    """
    border, fill = facts["border"], facts["fill"]
    numpy = {
        "np_mode": BORDER_NAMES["numpy"][border],
        "np_fill": f", constant_values={fill}" * (border == "constant"),
    }
    own = _FACTS_OF.get(library)
    return numpy | own(image_filter, windows, facts) if own else numpy


def _scipy_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    border = facts["border"]
    options = f', mode="{BORDER_NAMES["scipy"][border]}"'
    options += f", cval={facts['fill']}" * (border == "constant")
    # The window of an even side begins k // 2 pixels before its own place, unless it is shifted.
    origin = (
        facts["anchor_row"] - facts["rows"] // 2,
        facts["anchor_column"] - facts["columns"] // 2,
    )
    options += f", origin={(*origin, 0)}" * facts["is_shifted"]
    reaches = max(facts["anchor_row"], facts["anchor_column"]) >= SCIPY_REACH
    is_wrong = facts["is_same"] and border == "symmetric" and reaches
    return {
        "nd_filters": facts["is_same"] and not is_wrong,
        "nd_reaches_far": is_wrong,
        "nd_options": options,
        "source": "planes",
    }


def _opencv_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    border = facts["border"]
    # filter2D knows neither wrap nor a fill, and its output is as large as its input.
    crops = not facts["is_same"] or border in ("wrap", "constant")
    options = f", anchor=({facts['anchor_column']}, {facts['anchor_row']})" * facts["is_shifted"]
    options += f", borderType=cv2.{BORDER_NAMES['opencv'][border]}"
    pads = crops and facts["is_padded"]
    return {
        "cv_crops": crops,
        "cv_pads": pads,
        "cv_border": BORDER_NAMES["opencv"][border],
        "source": "padded" if pads else "image",
        "cv_options": ", anchor=(0, 0)" if crops else options,
        "is_sum_by_dft": facts["is_integer"] and facts["rows"] * facts["columns"] >= DFT_AREA,
    }


def _torch_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    pairs = {
        "stride": (facts["stride_rows"], facts["stride_columns"]),
        "dilation": (facts["dilation_rows"], facts["dilation_columns"]),
    }
    border = facts["border"]
    # F.pad reflects and wraps each pixel once: pads must not exceed the image.
    repeats = border in ("reflect", "symmetric", "wrap")
    return {
        "torch_pads_first": facts["is_padded"] and repeats,
        "torch_source": "padded" if facts["is_padded"] and repeats else "np.atleast_3d(image)",
        "torch_pads": facts["is_padded"] and not repeats,
        "torch_mode": BORDER_NAMES["torch"].get(border, border),
        "torch_fill": f", value={facts['fill']}" * (border == "constant"),
        "torch_options": "".join(
            f", {name}={pair}" for name, pair in pairs.items() if pair != (1, 1)
        )
        + f", groups={facts['groups']}" * facts["is_grouped"],
    }


def _keras_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    stride = facts["stride_rows"], facts["stride_columns"]
    dilation = facts["dilation_rows"], facts["dilation_columns"]
    # TensorFlow has not both; zeros between the taps are the dilation.
    options = f", strides={stride}" if facts["is_strided"] else ""
    options += f", dilation_rate={dilation}" * (facts["is_dilated"] and not facts["is_strided"])
    own = facts["is_fitted"] and facts["is_upper"] and facts["border"] == "zero"
    own = own and not facts["is_moved"]
    return {
        "keras_pads": facts["is_padded"] and not own,
        "keras_padding": "same" if own else "valid",
        "keras_options": options,
    }


def _onnx_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    border, is_filled = facts["border"], facts["border_constant"]
    if border == "symmetric" and facts["is_padded"]:
        raise UsageError("ONNX has no border 'symmetric'; --for torch writes it out")
    own = border == "zero" and facts["is_padded"]
    pads = ", ".join(str(facts[side]) for side in ("top", "left", "bottom", "right"))
    stride = facts["stride_rows"], facts["stride_columns"]
    dilation = facts["dilation_rows"], facts["dilation_columns"]
    # ONNX Runtime takes no auto_pad with dilations.
    fits = own and facts["is_fitted"] and not facts["is_dilated"]
    options = {
        "auto_pad": f'"SAME_{"UPPER" if facts["is_upper"] else "LOWER"}"' * fits,
        "pads": f"[{pads}]" * (own and not fits),
        "strides": str([*stride]) * facts["is_strided"],
        "dilations": str([*dilation]) * facts["is_dilated"],
    }
    return {
        "onnx_pads": facts["is_padded"] and not own,
        "onnx_fits": own and not fits,
        "onnx_mode": "constant" if is_filled else border,
        "onnx_fill_input": ', "fill"' * is_filled,
        "onnx_fill_constant": f', "fill": np.array({float(facts["fill"])})' * is_filled,
        "onnx_options": "".join(f", {name}={value}" for name, value in options.items() if value)
        + f", group={facts['groups']}" * facts["is_grouped"],
    }


def _pillow_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    """Return the kernel as ``ImageFilter.Kernel`` takes it: 3x3 or 5x5, the last row first."""
    (rows, columns), (down, across) = windows.geometry.extent, windows.geometry.anchor
    ring = max(down, rows - 1 - down, across, columns - 1 - across, 1)
    _check_one_kernel("Pillow", image_filter, facts, ("clip",))
    kernel, bias, problem = image_filter.kernels[0], float(facts["bias"]), ""
    if max(rows, columns) > PILLOW_SIDE:
        problem = f"Pillow has kernels up to 5x5, not {size_text((rows, columns))}"
    elif ring > PILLOW_SIDE // 2:
        problem = (
            "Pillow has the anchor in the middle of a 5x5 kernel, and this one reaches "
            f"{ring} pixels from its anchor"
        )
    elif facts["is_integer"] and kernel.divisor % 2 != 1:
        problem = (
            f"Pillow rounds half up, not to even, and sums divided by {facts['divisor']} have "
            "halves"
        )
    elif bias % 1:
        problem = f"Pillow rounds half up, not to even, and a bias of {facts['bias']} gives halves"
    elif not facts["is_pixel"]:
        problem = f"Pillow holds no border of {facts['fill']}"
    if problem:
        raise _refusal(problem)
    matrix = spread(windows.weights[0], windows.geometry.dilation)
    around = [
        (ring - before, ring - (side - 1 - before))
        for side, before in ((rows, down), (columns, across))
    ]
    sides = ("top", "bottom"), ("left", "right")
    pads = [
        ", ".join(sum_text(facts[side], more) for side, more in zip(pair, own, strict=True))
        for pair, own in zip(sides, around, strict=True)
    ]
    is_exact = facts["is_integer"] and kernel.divisor == 1 and np.abs(matrix).sum() <= PILLOW_SUM
    return {
        "pillow_side": 2 * ring + 1,
        "pillow_weights": _indented(np.pad(matrix, around)[::-1]),
        "pillow_offset": f", offset={facts['bias']}" * bool(bias),
        "pillow_pads": ", ".join(f"({pair})" for pair in pads),
        "pillow_ring": ring,
        "pillow_is_deep": is_exact and not facts["is_bias_in_levels"],
    }


def _magick_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    kernel, geometry = image_filter.kernels[0], windows.geometry
    (rows, columns), (down, across) = geometry.extent, geometry.anchor
    _check_one_kernel("ImageMagick", image_filter, facts, ("clip",))
    problem = ""
    chopped = [
        same - pad
        for same, pad in zip(
            (down, rows - 1 - down, across, columns - 1 - across), geometry.pads, strict=True
        )
    ]
    if facts["is_biased"]:
        problem = "add no bias"
    elif not facts["is_integer"] or kernel.divisor != 1:
        problem = "take integer weights without a divisor, since other sums would be rounded twice"
    elif facts["border"] not in MAGICK_PIXELS:
        problem = f"have no border {facts['border']!r}"
    elif min(chopped) < 0:
        problem = "pad no more than the kernel reaches"
    elif facts["is_strided"]:
        problem = "have no stride"
    elif not facts["channels_auto"]:
        problem = f"have no --channels {facts['channels']}"
    if problem:
        raise _refusal(f"programs for ImageMagick {problem}")
    matrix = spread(windows.weights[0], geometry.dilation)
    gravities = ("North", "South", "West", "East")
    sizes = [f"0x{side}" if place < 2 else f"{side}x0" for place, side in enumerate(chopped)]
    return {
        "magick_border": MAGICK_PIXELS[facts["border"]],
        "magick_kernel": f"{columns}x{rows}+{across}+{down}",
        "magick_weights": "\n".join(
            "    " + ",".join(map(number_text, row)) for row in matrix.tolist()
        ),
        "magick_lower": chopped[0] + chopped[1],
        "magick_narrower": chopped[2] + chopped[3],
        "magick_chops": "".join(
            f" \\\n    -gravity {gravity} -chop {size}"
            for gravity, size, side in zip(gravities, sizes, chopped, strict=True)
            if side
        ),
    }


def _vips_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    _check_one_kernel("vips", image_filter, facts, ("clip", "abs"))
    problem = ""
    if facts["border"] not in VIPS_EXTENDS:
        problem = f"have no border {facts['border']!r}"
    elif facts["channels_gray"] or facts["channels_rgb"]:
        problem = f"have no --channels {facts['channels']}"
    elif facts["is_bias_in_levels"]:
        problem = "add the same bias to images of 8 and of 16 bits"
    if problem:
        raise _refusal(f"programs for vips {problem}")
    matrix, stride = spread(windows.weights[0], windows.geometry.dilation), windows.geometry.stride
    # conv repeats the edge itself, and its map is as large as the image.
    crops = (
        not facts["is_same"]
        or facts["is_shifted"]
        or facts["is_strided"]
        or (facts["is_padded"] and not facts["border_edge"])
    )
    pads = crops and (facts["is_padded"] or facts["is_strided"])
    names = ("kernel", "image", "padded", "sums", "map", "picked", "values")
    files = {name: f"{name}.{'mat' if name == 'kernel' else 'v'}" for name in names}
    if facts["program"]:  # its files are in a folder of their own
        files = {name: f'"$work/{file}"' for name, file in files.items()}
        if not facts["is_plane"]:
            files["image"] = '"$1"'
    result = "picked" if facts["is_strided"] else "map" if crops else "sums"
    sizes: dict[str, str] = {}
    for axis, (size, count) in enumerate((("height", "rows"), ("width", "columns"))):
        more = stride[axis] if stride[axis] > 1 else 0
        padded = facts[f"padded_{size}"]
        if not facts["is_fitted"]:
            more += sum(windows.geometry.pads[2 * axis : 2 * axis + 2])
            padded = size
        sizes |= {
            f"vips_{size}": sum_text(padded, more),
            f"vips_map_{count}": facts[f"map_{count}"],
            f"vips_cropped_{count}": count + facts[f"times_stride_{count}"],
        }
    return {
        **{f"{name}_file": file for name, file in files.items()},
        **{name: _shell_text(text) for name, text in sizes.items()},
        "vips_crops": crops,
        "vips_pads": pads,
        "vips_needs_size": crops or facts["checks_size"],
        "conv_source": files["padded" if pads else "image"],
        "rounded_source": files["values" if facts["range_abs"] else result],
        "result_file": files[result],
        "vips_extend": VIPS_EXTENDS[facts["border"]],
        "vips_weights": "\n".join(" ".join(map(number_text, row)) for row in matrix.tolist()),
        "vips_row": facts["rows"] // 2,
        "vips_column": facts["columns"] // 2,
        **{side: f"${side}" for side in windows.geometry.pads._fields if facts["is_fitted"]},
    }


def _shell_text(text: str) -> str:
    """Return the value of a variable or of a sum in a shell."""
    return f"$(({text}))" if " " in text else f"${text}"


def _ffmpeg_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    """Return the kernel in the middle of a square of odd sides, as FFmpeg takes it."""
    kernel, geometry = image_filter.kernels[0], windows.geometry
    (rows, columns), matrix = geometry.extent, spread(windows.weights[0], geometry.dilation)
    _check_one_kernel("FFmpeg", image_filter, facts, ("clip",))
    bias, problem = float(facts["bias"]), ""
    if max(rows, columns) > FFMPEG_SIDE:
        problem = f"have kernels up to 7x7, not {size_text((rows, columns))}"
    elif not facts["is_integer"] or np.abs(matrix).sum() >= FFMPEG_WEIGHT:
        problem = f"take integers as weights, whose magnitudes sum to less than {FFMPEG_WEIGHT:,}"
    elif kernel.divisor != (matrix.sum() or 1):
        problem = "divide by the sum of the weights"
    elif kernel.divisor % 2 != 1 or bias % 1 or kernel.divisor > FFMPEG_DIVISOR:
        problem = f"round half up, not to even, and divide by {FFMPEG_DIVISOR} at most"
    elif bias < 0 or facts["is_bias_in_levels"]:
        problem = "add no bias below 0, and the same to images of 8 and of 16 bits"
    elif facts["is_padded"] and facts["border"] not in FFMPEG_BORDERS:
        problem = f"have no border {facts['border']!r}"
    elif facts["is_strided"]:
        problem = "have no stride"
    elif not facts["channels_auto"]:
        problem = f"have no --channels {facts['channels']}"
    if problem:
        raise _refusal(f"programs for FFmpeg {problem}")
    side = max(3, rows + 1 - rows % 2, columns + 1 - columns % 2)
    above, before = (side - rows) // 2, (side - columns) // 2
    square = np.pad(matrix, ((above, side - rows - above), (before, side - columns - before)))
    sides = ("top", "bottom", "left", "right")
    return {
        "ffmpeg_weights": "\n".join(
            "    " + " ".join(map(number_text, row)) for row in square.tolist()
        ),
        "ffmpeg_wider": facts["left"] + facts["right"],
        "ffmpeg_higher": facts["top"] + facts["bottom"],
        "ffmpeg_repeats": facts["is_padded"] and facts["border"] != "edge",
        "ffmpeg_least_width": max(facts["left"], facts["right"]) + facts["border_reflect"],
        "ffmpeg_least_height": max(facts["top"], facts["bottom"]) + facts["border_reflect"],
        "ffmpeg_border": ":".join(f"{name}={facts[name]}" for name in sides if facts[name])
        + f":mode={FFMPEG_BORDERS.get(facts['border'])}",
        "ffmpeg_bias": "".join(f":{plane}bias={facts['bias']}" for plane in range(3) if bias),
        "ffmpeg_crop": f"iw-{columns - 1}:ih-{rows - 1}:{side // 2 - before}:{side // 2 - above}",
    }


def _octave_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    if facts["range_raw"]:
        raise UsageError("Octave writes no .npy of --range raw; --for numpy writes this filter")
    assignments = []
    for number, matrix in enumerate(windows.weights, start=1):
        name = f"kernels{{{number}}}" if facts["several"] else "kernel"
        if matrix.ndim == 2:
            assignments.append(f"{name} = [\n{_indented(matrix)}\n];")
        else:
            assignments += [
                f"{name}(:, :, {channel}) = [\n{_indented(plane)}\n];"
                for channel, plane in enumerate(matrix, start=1)
            ]
    return {
        "octave_kernels": "\n".join(assignments),
        "octave_plane": facts["plane"] + 1,
        **_octave_ranges(windows, facts),
        "has_outside": facts["border"] in ("zero", "constant"),
    }


def _octave_ranges(windows: Windows, facts: Facts) -> dict[str, str]:
    """Return the rows and columns of padded images, maps and dilated kernels as ranges."""
    ranges: dict[str, str] = {}
    axes = (("rows", "height", "top", "bottom"), ("columns", "width", "left", "right"))
    for axis, (name, size, before, after) in enumerate(axes):
        low, high = facts[before], facts[after]
        first = str(1 - low) if isinstance(low, int) else f"(1 - {low})"
        last = sum_text(size, high) if isinstance(high, int) else f"{size} + {high}"
        ranges |= {
            f"octave_{name}": f"{first}:{f'({last})' if ' ' in last else last}",
            f"octave_inner_{name}": f"{low} + (1:{size})" if low else f"1:{size}",
        }
        for kind in ("stride", "dilation"):
            step = getattr(windows.geometry, kind)[axis]
            ranges[f"octave_{kind}_{name}"] = f"1:{step}:end" if step > 1 else ":"
    return ranges


def _netpbm_facts(image_filter: Filter, windows: Windows, facts: Facts) -> dict[str, Any]:
    """Return what programs need that depend on no library, and read PGM and PPM."""
    if facts["range_raw"]:
        raise UsageError("PGM and PPM hold no --range raw; --for numpy writes this filter")
    return {
        # JavaScript divides integers to fractions.
        **{
            f"js_{name}": f"Math.floor({facts[f'map_{name}'].removesuffix(' + 1')}) + 1"
            if facts[f"times_stride_{name}"]
            else facts[f"map_{name}"]
            for name in ("rows", "columns")
        },
        "c_weights": facts["nested_weights"].translate(str.maketrans("[]", "{}")),
        "has_outside": facts["border"] in ("zero", "constant"),
    }


def sum_text(size: int | str, more: int) -> str:
    """Return a number of pixels, or the variable that holds it, and some more or fewer."""
    if isinstance(size, int):
        return str(size + more)
    return f"{size} {'+' if more > 0 else '-'} {abs(more)}" if more else size


def _check_one_kernel(
    library: str, image_filter: Filter, facts: Facts, ranges: tuple[str, ...]
) -> None:
    """Raise UsageError for what a library that filters with one kernel cannot do."""
    if facts["several"]:
        raise _refusal(f"programs for {library} do not combine kernels")
    if facts["sums_channels"]:
        raise _refusal(f"programs for {library} do not sum over channels")
    if image_filter.range not in ranges:
        raise _refusal(f"programs for {library} have no --range {image_filter.range}")


def _refusal(problem: str) -> UsageError:
    return UsageError(f"{problem}; --for numpy writes this filter")


def _indented(matrix: Any) -> str:
    cells = [[number_text(weight) for weight in row] for row in matrix.tolist()]
    width = max(len(cell) for row in cells for cell in row)
    return "\n".join("    " + " ".join(f"{cell.rjust(width)}," for cell in row) for row in cells)


_FACTS_OF: dict[str, Callable[[Filter, Windows, Facts], dict[str, Any]]] = {
    "scipy": _scipy_facts,
    "opencv": _opencv_facts,
    "torch": _torch_facts,
    "keras": _keras_facts,
    "pillow": _pillow_facts,
    "onnx": _onnx_facts,
    "imagemagick": _magick_facts,
    "vips": _vips_facts,
    "ffmpeg": _ffmpeg_facts,
    "octave": _octave_facts,
    "c": _netpbm_facts,
    "javascript": _netpbm_facts,
}
