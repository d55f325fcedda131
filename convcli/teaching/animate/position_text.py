"""What happens at one position, in a few lines that can stand below an image."""

from collections.abc import Iterator

from convcli.geometry import Pair
from convcli.teaching.animate.sliding import SlidingWindow
from convcli.teaching.decimals import Number, format_number, to_python
from convcli.teaching.explain.explanation import Explanation, Output, Response
from convcli.teaching.explain.steps import combination_lines, sum_lines, value_lines

_MOST_TERMS = 25  # products of a sum that are written out
_MOST_SUMS = 4  # sums that are


def position_lines(slide: SlidingWindow, at: Pair, *, brief: bool = False) -> list[str]:
    """Return the lines that say what the value at one position is.

    Short sums are written out, product by product; of longer ones, and of many, only the values
    are given, at every position alike. ``brief`` gives but the values of any.

    >>> import numpy as np
    >>> from convcli.filtering import Filter
    >>> from convcli.images.image import ImageData
    >>> from convcli.kernels.kernel import Kernel
    >>> from convcli.teaching.animate.sliding import slide_over
    >>> layer = Filter("step", (Kernel([[-1, 1]]),))
    >>> position_lines(slide_over(ImageData(np.array([[1, 3, 4]]), None), layer), (0, 1))
    ['row 0, column 1: (3*-1) + (4*1) = 1']
    """
    place = f"row {at[0]}, column {at[1]}"
    terms = max(weights.size for weights in slide.weights)
    count = len(slide.channels) * len(slide.maps)
    if brief or terms > _MOST_TERMS or count > _MOST_SUMS:
        return [f"{place}: {_values(slide, at)}"]
    lines = list(_worked(slide.explain(at)))
    return [f"{place}: {lines[0]}"] if len(lines) == 1 else [place, *lines]


def _values(slide: SlidingWindow, at: Pair) -> str:
    """Return the value of each channel, and the pixel where it is another number."""
    parts = []
    for channel, value, pixel in zip(
        slide.channels, slide.values[at], slide.pixels[at], strict=True
    ):
        name = channel or "value"
        parts.append(
            f"{name} {format_number(to_python(value))}{_pixel(to_python(value), to_python(pixel))}"
        )
    return "; ".join(parts)


def _worked(explanation: Explanation) -> Iterator[str]:
    """Yield a line for each sum, and one for what several are combined to."""
    for output in explanation.outputs:
        names = [output.channel] if output.channel else []
        several = len(output.responses) > 1
        for response in output.responses:
            name = ", ".join([*names, response.kernel] if several else names)
            end = "" if several else _pixel(output.value, output.pixel)
            yield f"{name}: {_sum(response)}{end}" if name else f"{_sum(response)}{end}"
        if several:
            yield ", ".join([*names, _combined(explanation, output)])


def _sum(response: Response) -> str:
    """Write the products of one kernel and what becomes of their sum."""
    sums = [_unlabeled(sum_lines(part)) for part in response.sums]
    return "; ".join([*sums, *map(_unlabeled, filter(None, [value_lines(response)]))])


def _combined(explanation: Explanation, output: Output) -> str:
    """Write how several kernels' values become one."""
    words = " ".join(combination_lines(explanation, output)).split()
    return f"{' '.join(words)}{_pixel(output.value, output.pixel)}"


def _unlabeled(lines: list[str]) -> str:
    """Join the lines of a step without its name."""
    return " ".join(" ".join(lines).split()[1:])


def _pixel(value: Number, pixel: Number) -> str:
    """Return what there is to say of a pixel that is not the value itself."""
    return "" if value == pixel or value != value else f"; pixel {format_number(pixel)}"
