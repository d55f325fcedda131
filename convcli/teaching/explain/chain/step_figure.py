"""The arithmetic of one layer of a chain, drawn as parts of a page."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.kernels.matrix_text import short_kernel
from convcli.plotting.part import PartOf, blank, plot_part
from convcli.plotting.style import theme

# isort: split
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from matplotlib.axes import Axes

from convcli.layers.base import Layer
from convcli.plotting.axes import MAX_TICKED
from convcli.teaching.chain.blocks import Block
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.chain.computation import (
    ActivationStep,
    ConvStep,
    NormalizeStep,
    PoolStep,
)
from convcli.teaching.explain.chain.curve_figure import CurvePoint, curve_box, draw_curve
from convcli.teaching.explain.chain.text import combined_lines, pool_lines
from convcli.teaching.explain.computation import Grid, Sum
from convcli.teaching.explain.grid_figure import (
    GridPicture,
    Places,
    Scales,
    Term,
    grids_part,
    sum_text,
    terms_of,
)
from convcli.teaching.explain.place_figure import marked
from convcli.teaching.explain.steps import LABEL, step_lines, value_lines

_CELL = 3.6  # sides of cells with numbers, in sizes of the smallest text
_UNNUMBERED = 0.6  # the scale of grids without numbers
MAX_SUMS = 3  # of a convolution, that are drawn
_MOST_WRITTEN = 9  # numbers of a maximum or a sum
_LETTERS, _SLIDE_LETTERS = 21, 18  # that a line of a title has room for, at least


def with_letters(make: PartOf) -> PartOf:
    """Return the same part with room for the captions of an explained chain."""
    letters = _SLIDE_LETTERS if theme().is_fixed else _LETTERS
    return lambda scale: make(scale)._replace(letters=letters)


def words_part(title: str, caption: str) -> PartOf:
    """Return a title and a caption without a drawing."""
    part = blank((0.0, 0.0), title, caption)
    return with_letters(lambda _: part)


def conv_parts(
    step: ConvStep,
    exact: ConvStep,
    ends: tuple[float, float],
    title: str,
    *,
    is_worked: bool,
    numbers: bool,
    digits: int | None,
    before: Block,
    most: int,
) -> list[PartOf]:
    """Return window, kernel and products of each sum; of more than ``most``, of the largest.

    Grids are those of the exact step, with these significant digits. If the maps ``before`` are
    those of a photo, windows have their color.
    """
    computation = exact.computation
    terms = list(terms_of(computation))
    if not terms:
        return [words_part(title, "no value is added here")]
    totals = [sum_text(term.part.sum) for term in terms_of(step.computation)]

    def named(channel: str, name: Callable[[int], str]) -> str:
        """Return what ``name`` makes of the number in ``map 2``; other channels stay."""
        number = channel.removeprefix("map ")
        return name(int(number)) if number.isdecimal() else channel

    result = joined_lines(_value_lines(step))
    if not is_worked:
        sums = f"sum {totals[0]}" if len(terms) == 1 else ""
        return [words_part(title, _lines(sums, result))]
    drawn, notes = terms, [""] * len(terms)
    column: Places | None = None
    if len(terms) > MAX_SUMS and len(terms[0].response.rows) == len(terms[0].response.columns) == 1:
        shown = _largest_terms(terms)
        drawn, column = [_column(shown)], _column_places(shown)
        totals = [""]  # the result adds up
        many = f"the {len(shown)} largest of {len(terms):,} products"
        notes = [many if len(shown) < len(terms) else ""]
    elif len(terms) > most:
        drawn = [max(terms, key=_strength)]
        totals = [totals[terms.index(drawn[0])]]
        notes = [f"1 of {len(terms)} sums, that of the largest product"]
    elif len(terms) > 1:
        channels = (named(term.channel, before.counted_name) for term in terms)
        kernels = (short_kernel(term.response.kernel) for term in terms)
        notes = [channel or kernel for channel, kernel in zip(channels, kernels, strict=True)]
    elif step.channel:
        notes = [f"of {named(step.channel, before.counted_name)}"]
    scales = Scales.of([term.part for term in drawn], None, None, digits)
    scales = scales._replace(window=ends, has_bars=False)
    kernel = "flipped kernel" if computation.operation == "convolve" else "kernel"
    parts = []
    for term, total, note in zip(drawn, totals, notes, strict=False):
        places = column or Places.of(computation, term)
        channel = term.channel or step.channel
        hue = named(channel, before.map_name) if before.white is not None else ""
        grids = [
            GridPicture("window", "window", term.part.window, hue),
            GridPicture("kernel", kernel, term.part.weights),
            GridPicture("products", "products", term.part.products),
        ]
        shown_sum = f"sum {total}" if total else ""
        lines = note, places.caption, shown_sum, result if term is drawn[-1] else ""
        caption = _lines(*lines)
        parts.append(_grids_part(grids, scales, places, title, caption, numbers=numbers))
    return parts


def _largest_terms(terms: Sequence[Term]) -> list[Term]:
    """Return the terms of the largest products, in the order of their maps."""
    places = sorted(range(len(terms)), key=lambda place: -_strength(terms[place]))
    return [terms[place] for place in sorted(places[:_MOST_WRITTEN])]


def _column(terms: Sequence[Term]) -> Term:
    """Return sums of one product each as one sum, whose numbers are one below the other."""
    response = terms[0].response
    parts = [term.part for term in terms]
    window, weights, products = (
        tuple(grid[0] for grid in grids)
        for grids in zip(*((p.window, p.weights, p.products) for p in parts), strict=True)
    )
    return Term(response, Sum("", window, weights, products, response.sum), "")


def _column_places(terms: Sequence[Term]) -> Places:
    """Return the places of such a sum, whose rows have the names of maps."""
    names = tuple(term.part.channel for term in terms)
    return Places(names, ("",), np.zeros((len(terms), 1), bool), (1, 1), "")


def _strength(term: Term) -> float:
    """Return the largest product of a sum as its kernel's value counts it."""
    products = chain.from_iterable(term.part.products)
    return max(abs(product / term.response.divisor) for product in products)


def _value_lines(step: ConvStep) -> Iterator[str]:
    """Yield the lines from the sums of a convolution to its value."""
    responses = step.computation.outputs[0].responses
    for response in responses:
        shown, count = response, len(response.sums)
        if len(responses) > 1:
            yield f"{short_kernel(response.kernel)}: {format_number(response.value)}"
            continue
        if count > _MOST_WRITTEN:
            yield from step_lines("total", f"of {count} sums: {format_number(response.sum)}")
            shown = replace(response, sums=response.sums[:1])
        yield from value_lines(shown)
    yield from combined_lines(step)


def short_pool_lines(step: PoolStep) -> Iterator[str]:
    """Return the lines of a pool, without its values if they are many."""
    values = step.window.values or ()
    count = sum(len(row) for grid in values for row in grid)
    if count > _MOST_WRITTEN:
        step = replace(step, window=replace(step.window, values=None))
    return pool_lines(step)


def pool_grid(step: PoolStep) -> Grid | None:
    """Return the window of a pool, unless it is one value, a whole map or too large."""
    window = step.window
    shape = len(window.rows), len(window.columns)
    if window.values is None or shape in ((1, 1), step.input_shape) or max(shape) > MAX_TICKED:
        return None
    return window.values[0]


def pool_part(
    step: PoolStep,
    grid: Grid,
    ends: tuple[float, float],
    title: str,
    caption: str,
    *,
    numbers: bool,
    hue: str,
) -> PartOf:
    """Return the window of a pool with the value outlined that counts most."""
    window = step.window
    padding = np.array(window.padding)
    note = f"hatched: padding ({step.border})" if padding.any() else ""
    places = Places.moving(padding.shape, step.dilation)._replace(
        rows=tuple(map(str, window.rows)), columns=tuple(map(str, window.columns)), padding=padding
    )
    note = _lines(note, places.caption)
    grids, scales = [GridPicture("window", "window", grid, hue)], Scales.of_window(grid, ends)
    part = _grids_part(grids, scales, places, title, _lines(note, caption), numbers=numbers)
    if step.next is not None and step.kind != "avg":
        row = window.rows.index(step.next[0]) * places.steps[0]
        column = window.columns.index(step.next[1]) * places.steps[1]
        part = marked(part, (column, row, column + 1, row + 1), [], (0, 0, 0, 0))
    return with_letters(part)


def curve_part(
    step: ActivationStep | NormalizeStep, layer: Layer, title: str, caption: str
) -> PartOf:
    """Return the curve of a function of one value, with the value on it."""

    def draw(axes: Axes) -> None:
        draw_curve(axes, step, layer, [step.input])
        CurvePoint(axes).move(step.input, step.value)

    before = "input" if step.number == 1 else f"after layer {step.number - 1}"
    make = plot_part(draw, curve_box, title=title, caption=caption, xlabel=before)
    return with_letters(make)


def _grids_part(
    grids: Sequence[GridPicture],
    scales: Scales,
    places: Places,
    title: str,
    caption: str,
    *,
    numbers: bool,
) -> PartOf:
    """Return grids that are large enough for their numbers at any scale, or small ones."""
    make = grids_part(
        grids, scales, places, title=title, caption=caption, cell=_CELL, keeps_numbers=numbers,
        most=math.inf if numbers else 0.0,
    )  # fmt: skip
    return make if numbers else lambda scale: make(_UNNUMBERED * min(scale, 1.0))


def _lines(*texts: str) -> str:
    return "\n".join(filter(None, texts))


def joined_lines(lines: Iterable[str]) -> str:
    """Return the lines of steps, one for each step; equations without the step's name."""
    steps: list[str] = []
    for line in lines:
        if line.startswith(" " * LABEL):
            steps[-1] += f" {line.strip()}"
        else:
            name, _, text = line.partition(" ")
            is_equation = ("=" in text or "~" in text) and not text.strip().startswith("of ")
            steps.append(text.strip() if is_equation else f"{name} {text.strip()}")
    return "\n".join(steps)
