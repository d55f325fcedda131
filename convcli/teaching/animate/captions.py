"""The texts of a scene: its title, and a caption for each position with the sums written out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from convcli.core.digits import round_number
from convcli.geometry import Pair, pair_text
from convcli.plotting.blit import CAPTION_LETTER, TEXT_SHARE
from convcli.plotting.labels import line_count
from convcli.teaching.animate.sliding import SlidingWindow
from convcli.teaching.decimals import Number, format_number, to_python
from convcli.teaching.explain.explanation import Explanation
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.steps import combination_lines, sum_lines, value_lines

_MAX_LINES = 9  # of a caption
_MAX_PRODUCTS = 25  # of one sum that is written out
_MAX_SUMS = 4  # written out at one position


def captions(window: SlidingWindow, positions: Sequence[Pair], inches: float) -> list[str]:
    """Return the caption of each position, wrapped to a width, brief if the sums are too long."""
    width = max(int(TEXT_SHARE * inches / CAPTION_LETTER), 20)
    wrapper = textwrap.TextWrapper(width, subsequent_indent="    ", break_on_hyphens=False)
    for brief in (False, True):
        texts = [
            "\n".join(
                part
                for line in position_lines(window, at, brief=brief)
                for part in wrapper.wrap(line)
            )
            for at in positions
        ]
        if max(map(line_count, texts)) <= _MAX_LINES:
            break
    return texts


def scene_title(window: SlidingWindow, title: str) -> str:
    """Return the title with kernel and operation, and with every option that is not the default."""
    operation, geometry = window.filter.conv.operation, window.geometry
    parts = [", ".join(filter(None, [title, window.filter.label]))]
    parts.append(operation + " (kernel flipped)" * (operation == "convolve"))
    parts += [f"stride {pair_text(geometry.stride)}"] * (geometry.stride != (1, 1))
    parts += [f"dilation {pair_text(geometry.dilation)}"] * (geometry.dilation != (1, 1))
    parts += [f"range {window.filter.range}"] * (window.filter.range != "clip")
    return ", ".join(parts)


def position_lines(window: SlidingWindow, at: Pair, *, brief: bool = False) -> list[str]:
    """Return the lines that explain the value at one position.

    A few short sums are written out product by product; for many or long sums, or with ``brief``,
    the lines give only the values.

    >>> import numpy as np
    >>> from convcli.filtering import Filter
    >>> from convcli.images.image import ImageData
    >>> from convcli.kernels.kernel import Kernel
    >>> from convcli.teaching.animate.sliding import slide_over
    >>> step = Filter("step", (Kernel([[-1, 1]]),))
    >>> position_lines(slide_over(ImageData(np.array([[1, 3, 4]]), None), step), (0, 1))
    ['row 0, column 1: (3*-1) + (4*1) = 1']
    """
    place = f"row {at[0]}, column {at[1]}"
    products = max(kernel.matrix.size for kernel in window.filter.kernels)
    sums = len(window.channels) * len(window.maps)
    if not brief and products <= _MAX_PRODUCTS and sums <= _MAX_SUMS:
        lines = list(_sum_texts(as_shown(window.explain(at))))
        return [f"{place}: {lines[0]}"] if len(lines) == 1 else [place, *lines]
    shown = [
        [round_number(to_python(number), decimals, numbers.dtype) for number in numbers[at]]
        for numbers, decimals in zip((window.values, window.pixels), window.decimals, strict=True)
    ]
    values = [
        f"{channel or 'value'} {format_number(value)}{_pixel_text(value, pixel)}"
        for channel, value, pixel in zip(window.channels, *shown, strict=True)
    ]
    return [f"{place}: {'; '.join(values)}"]


def _sum_texts(explanation: Explanation) -> Iterator[str]:
    """Yield a line for each sum, and one for the value that several are combined to."""
    for output in explanation.outputs:
        names = [output.channel] if output.channel else []
        several = len(output.responses) > 1
        pixel = _pixel_text(output.value, output.pixel)
        for response in output.responses:
            name = ", ".join([*names, response.kernel] if several else names)
            steps = [*map(sum_lines, response.sums), value_lines(response)]
            text = "; ".join(_without_label(lines) for lines in steps if lines)
            yield f"{name}: " * bool(name) + text + pixel * (not several)
        if several:
            combined = " ".join(" ".join(combination_lines(explanation, output)).split())
            yield ", ".join([*names, combined + pixel])


def _without_label(lines: list[str]) -> str:
    """Join the lines of a step without its first word."""
    return " ".join(" ".join(lines).split()[1:])


def _pixel_text(value: Number, pixel: Number) -> str:
    """Return the pixel where it differs from the value."""
    return "" if value == pixel or value != value else f"; pixel {format_number(pixel)}"
