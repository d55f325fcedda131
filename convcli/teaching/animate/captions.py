"""The texts of a scene: its heading, and for each position the sums written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from convcli.core.digits import reliable_values, round_number
from convcli.geometry import Pair
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.axes import MAX_TICKED
from convcli.plotting.labels import fitting_decimals
from convcli.plotting.style import theme
from convcli.teaching.animate.layer_window import LayerWindow
from convcli.teaching.animate.sliding import SlidingWindow
from convcli.teaching.decimals import (
    as_decimal,
    exact_product,
    exact_sum,
    format_number,
    to_python,
)
from convcli.teaching.explain.chain.computation import ConvStep, LayerStep
from convcli.teaching.explain.chain.rounding import step_as_shown
from convcli.teaching.explain.chain.text import layer_lines
from convcli.teaching.explain.computation import Computation
from convcli.teaching.explain.explanation import Explanation
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.steps import MAX_TERMS, computation_lines
from convcli.teaching.explain.text import places_text

WINDOW_BEFORE = "dashed: the window before"

_MAX_SUMS = 24  # at one position
_MAX_PRODUCTS = 3 * MAX_TERMS  # of one kernel, written out
_SAMPLES = 2000  # of an image, from which its decimals are guessed


def empty_note(words: str = "not computed yet") -> str:
    """Return what the color of missing values means, for the caption of what fills in."""
    return f"{theme().empty_name}: {words}"


def scene_title(window: SlidingWindow, title: str) -> str:
    """Return the heading: the image's name and the kernel's."""
    return ", ".join(filter(None, [title, short_kernel(window.filter.label)]))


def fitting_digits(window: SlidingWindow, positions: Sequence[Pair]) -> int:
    """Return the decimals that show the numbers of a filtering: three digits, or all if fewer."""
    rows, columns = np.array(positions).T
    pixels = window.drawn.pixels.ravel()
    arrays = [pixels[:: max(1, pixels.size // _SAMPLES)]]
    arrays += [kernel.matrix for kernel in window.filter.kernels]
    arrays += [reliable_values(window.values[rows, columns], window.decimals)]
    arrays += [window.pixels[rows, columns]]
    return max(map(fitting_decimals, arrays))


def explanations(
    window: SlidingWindow, positions: Sequence[Pair], digits: int
) -> list[Explanation] | None:
    """Explain each position with this many decimals; None if there are too many products."""
    products = max(kernel.matrix[..., :, :].size for kernel in window.filter.kernels)
    sums = len(window.channels) * len(window.maps)
    if products > _MAX_PRODUCTS or sums > _MAX_SUMS:
        return None
    return [as_shown(window.explain(at), digits) for at in positions]


def layer_steps(
    window: LayerWindow, positions: Sequence[Pair], digits: int
) -> list[LayerStep] | None:
    """Explain each position of a layer's map; None if there are too many numbers to be written."""
    if window.probed is not None:
        kernels = window.probed.group.kernels
        products = max(kernel.matrix.size for kernel in kernels)
        is_long = products > _MAX_PRODUCTS or len(kernels) * len(window.channels) > _MAX_SUMS
    else:
        rows, columns = window.stage.plan.geometry.kernel
        numbers = rows * columns * len(window.channels)
        is_long = numbers > MAX_TICKED**2 and len(positions) > 1
    return None if is_long else [step_as_shown(window.explain(at), digits) for at in positions]


def layer_captions(
    window: LayerWindow,
    positions: Sequence[Pair],
    steps: Sequence[LayerStep] | None,
    digits: int,
    most: int,
) -> list[str]:
    """Return the lines of each position of a layer's map; see `captions`."""
    places = [f"row {row}, column {column}" for row, column in positions]
    fields = [""] * len(places)
    if window.stage.number > 1:
        fields = [f"; receptive field: {_field_text(window, at)}" for at in positions]
    computed = [step.computation for step in steps or () if isinstance(step, ConvStep)]
    for with_terms in (True, False):
        if steps is None or (with_terms and not all(_add_up(each, digits) for each in computed)):
            continue
        texts = [
            [f"{place}{field}", *layer_lines(step, with_terms=with_terms)]
            for place, field, step in zip(places, fields, steps, strict=True)
        ]
        if max(map(len, texts)) <= most:
            return ["\n".join(lines) for lines in texts]
    values = [round_number(to_python(window.values[at]), digits, window.values.dtype)
              for at in positions]  # fmt: skip
    return [
        f"{place}: {format_number(value)}{field}"
        for place, value, field in zip(places, values, fields, strict=True)
    ]


def spread_captions(
    window: LayerWindow, positions: Sequence[Pair], channel: int, digits: int
) -> list[str]:
    """Return two lines for each value that a layer spreads: it, and where its products are added.

    Args:
        window: the layer.
        positions: of the values.
        channel: of the source, counted from 0.
        digits: decimals of the values.
    """
    geometry, number = window.stage.plan.geometry, window.stage.number
    source = "of the input" if number == 1 else f"after layer {number - 1}"
    lines = []
    for at in positions:
        value = to_python(window.source[(*at, channel)])
        text = format_number(round_number(value, digits, window.source.dtype))
        field = ""
        if number > 1:
            field = f"; receptive field: {_field_text(window, at)}"
        starts = [
            place * step - before
            for place, step, before in zip(at, geometry.stride, geometry.pads[::2], strict=True)
        ]
        reached = [
            range(start, start + extent)
            for start, extent in zip(starts, geometry.extent, strict=True)
        ]
        rows, columns = (
            [place for place in places if 0 <= place < size]
            for places, size in zip(reached, window.output_shape, strict=True)
        )
        added = "is cut off by the padding"
        if rows and columns:
            added = f"is added to {places_text(rows, columns)} of the output"
            is_whole = len(rows) * len(columns) == math.prod(geometry.extent)
            added += "" if is_whole else "; the rest is cut off"
        place = f"row {at[0]}, column {at[1]} {source}: {text}"
        lines.append(f"{place}{field}\n{text} × kernel {added}")
    return lines


def _field_text(window: LayerWindow, at: Pair) -> str:
    rows, columns = window.field(at)
    if not rows or not columns:
        return "padding alone"
    return f"{places_text(rows, columns)} of the input"


def captions(
    window: SlidingWindow,
    positions: Sequence[Pair],
    explained: Sequence[Explanation] | None,
    digits: int,
    most: int,
    places: Sequence[str] | None = None,
) -> list[list[str]]:
    """Return the lines of each position: as detailed as fits ``most`` lines at every position.

    Products are written out where their rounded factors still give the sum that is shown.

    ``places`` names the positions in another way than by row and column.
    """
    places = places or [f"row {row}, column {column}" for row, column in positions]
    for with_terms in (True, False):
        if explained is None or (with_terms and not all(_add_up(e, digits) for e in explained)):
            continue
        texts = [
            [place, *computation_lines(explanation, with_terms=with_terms)]
            for place, explanation in zip(places, explained, strict=True)
        ]
        if max(map(len, texts)) <= most:
            return texts
    return [[f"{place}: {_values_text(window, at, digits)}"] for place, at in
            zip(places, positions, strict=True)]  # fmt: skip


def _add_up(explanation: Computation, digits: int) -> bool:
    """Return whether the products of the numbers as written give each sum as written."""
    half = Decimal(5).scaleb(-digits - 1)
    for part in (part for o in explanation.outputs for r in o.responses for part in r.sums):
        exact = exact_sum(exact_product(*pair) for pair in part.counted)
        is_finite = isinstance(exact, Decimal) and math.isfinite(part.sum)
        if is_finite and abs(as_decimal(part.sum) - Decimal(exact)) > half:
            return False
    return True


def _values_text(window: SlidingWindow, at: Pair, digits: int) -> str:
    """Write the value of each channel, and the pixel where it is another number.

    >>> from convcli.filtering.filter import Filter
    >>> from convcli.images.image import ImageData
    >>> from convcli.kernels.kernel import Kernel
    >>> from convcli.teaching.animate.sliding import slide_over
    >>> step = Filter("step", (Kernel([[-1, 1]]),))
    >>> _values_text(slide_over(ImageData(np.array([[1, 3, 4]]), None), step), (0, 1), 3)
    'value 1'
    """
    values, pixels = (
        [round_number(to_python(number), digits, numbers.dtype) for number in numbers[at]]
        for numbers in (window.values, window.pixels)
    )
    texts = []
    for channel, value, pixel in zip(window.channels, values, pixels, strict=True):
        text = f"{channel or 'value'} {format_number(value)}"
        is_same = value == pixel or value != value
        texts.append(text if is_same else f"{text}, pixel {format_number(pixel)}")
    return "; ".join(texts)
