"""Padding in one figure: the image, the padded image, and which pixel each cell copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from convcli.choices import Panel
from convcli.core.padding import OUTSIDE, border_index
from convcli.errors import UsageError, count_text
from convcli.figure_options import FigureOptions
from convcli.geometry import Pads, size_text
from convcli.images.image import ImageData
from convcli.plotting.axes import MAX_TICKED, number_points, widest_text
from convcli.plotting.filtered_signal import x_label
from convcli.plotting.image_panel import (
    ImagePanel,
    common_cell,
    common_range,
    image_part,
    value_bar,
)
from convcli.plotting.labels import format_short, text_width
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import Part, plot_part
from convcli.plotting.rows import Rows, in_lines
from convcli.plotting.sample_scale import (
    input_scale,
    outer_limits,
    set_sample_ticks,
    unit_label,
)
from convcli.plotting.save import NotebookFigure
from convcli.plotting.signal_plot import (
    SignalPadding,
    are_signals,
    axes_inches,
    draw_padded,
    limit_heights,
    row_box,
    signal_axis,
)
from convcli.plotting.style import Box, figure_options, style_context, theme
from convcli.plotting.window_marks import hatched_text
from convcli.signals import SampleAxis

_IMAGE = 4.0  # inches; the longer side
_SIGNAL_WIDTH, _SIGNAL_HEIGHT = 8.0, 1.8
_USUAL: tuple[Panel, ...] = ("input", "padded")
_COPIED = "copied from"


@dataclass(frozen=True)
class _CopiedPanel(ImagePanel):
    """A padded image with the row and column of the pixel that each cell shows."""

    labels: tuple[str, ...] = ()

    @property
    def numbered(self) -> bool:
        """Return whether its cells have labels, which they have in colors, too."""
        return True

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the labels of its cells."""
        return self.labels


def draw_padding(
    image: ImageData,
    padded: ImageData,
    pads: Pads,
    border: str,
    fill: float = 0,
    *,
    title: str = "",
    options: FigureOptions | None = None,
) -> NotebookFigure:
    """Draw an image and its padded form, whose padding is hatched.

    Of a small image, a third panel gives for each cell the row and column of the pixel that it
    copies, unless the panels are chosen or the border holds a fill value; where a page has no room
    for all numbers, the input is left out. A signal of one row or
    one column is drawn as stems or lines; below the padding stands the sample that it copies.

    Args:
        image: the image; its alpha is not drawn.
        padded: the padded image.
        pads: the pixels that were added on each side.
        border: numpy's name of the border mode.
        fill: the value of a ``constant`` border.
        title: a heading, such as the image's name.
        options: how the figure looks.

    Raises:
        UsageError: the image has neither 1 nor 3 channels, or there are titles for more or fewer
            panels.
    """
    options = options or FigureOptions()
    names = options.panels or _USUAL
    facts = f"border {border}" + f" {format_short(fill)}" * (border == "constant")
    facts *= any(pads)
    with style_context(options):
        if are_signals([image.pixels, padded.pixels]):
            padding = SignalPadding(*_along(image, pads), border, fill)
            plans = [_signal_plan(image, padding, names)]
        else:
            plans = _image_plans(image, padded, pads, border, names)
        return compose(plans, title=title, facts=facts)


def _image_plans(
    image: ImageData, padded: ImageData, pads: Pads, border: str, names: Sequence[str]
) -> list[PagePlan]:
    """Return plans of the panels of an image, with fewer and fewer panels.

    A page without room for all numbers lacks the input first, whose numbers are also in the middle
    of the padded image.
    """
    options = figure_options()
    original = ImagePanel(image.pixels, image.max_value)
    result = ImagePanel(padded.pixels, padded.max_value)
    ends = common_range([original, result])
    bar = value_bar(original, ends)
    cell = common_cell([original, result], _IMAGE)
    hatched = f"{size_text(result.shape)}, {hatched_text(pads, border)}"
    parts = {
        "input": image_part(
            original,
            _IMAGE,
            title="input",
            caption=size_text(original.shape),
            ends=ends,
            bar=bar,
            cell=cell,
        ),
        "padded": image_part(
            result,
            _IMAGE,
            title="padded",
            caption=hatched,
            ends=ends,
            bar=bar,
            pads=pads,
            cell=cell,
        ),
    }
    panels = {"input": original, "padded": result}
    is_chosen = options.panels is not None or len(options.titles or ()) == len(_USUAL)
    lack = [NO_ROOM_FOR_NUMBERS] * (original.numbered and not result.numbered)
    is_small = max(original.shape) <= MAX_TICKED
    if not is_chosen and _copies(border) and is_small and any(pads):
        labels = _copied_places(image, pads, border)
        copied = _CopiedPanel(padded.pixels, padded.max_value, labels=labels)
        caption = "row,column of the pixel that each cell shows"
        part = image_part(copied, _IMAGE, title=_COPIED, caption=caption, ends=ends, pads=pads)
        if _numbers_scale(part(1.0), copied):  # it is nothing without its numbers
            parts[_COPIED], panels[_COPIED] = part, copied
            names = [*names, _COPIED]
        else:
            lack.append(_COPIED)
    chosen = {name: parts[name] for name in names}
    least = {name: _numbers_scale(chosen[name](1.0), panels[name]) for name in chosen}
    if cell is not None:  # cells of one size have numbers together
        shared = {name: least[name] for name in _USUAL if name in chosen}
        least |= dict.fromkeys(shared, max(shared.values(), default=0.0))
    titles = dict(zip(chosen, _titles(len(chosen)), strict=True))

    def rows_of(names: Sequence[str], scale: float, *, numbers: bool) -> Rows:
        row = [
            _retitled(chosen[name](max(scale, least[name] * numbers)), titles[name])
            for name in names
        ]
        if options.layout == "column":
            return [[part] for part in row]
        if options.layout is None and numbers:
            return in_lines(row)
        across = int(np.ceil(np.sqrt(len(row)))) if options.layout == "grid" else len(row)
        return [row[start : start + across] for start in range(0, len(row), across)]

    if not any(least.values()):
        return [PagePlan(partial(rows_of, list(chosen), numbers=False), lack)]
    has_copied = _COPIED in chosen
    simpler = [
        PagePlan(
            partial(rows_of, [each for each in chosen if each != name], numbers=True),
            [*lack, name],
        )
        for name in ["input", _COPIED] * has_copied
    ]
    bare = [name for name in chosen if name != _COPIED]
    return [
        PagePlan(partial(rows_of, list(chosen), numbers=True), lack),
        *simpler,
        PagePlan(
            partial(rows_of, bare, numbers=False),
            [NO_ROOM_FOR_NUMBERS, *lack, *[_COPIED] * has_copied],
        ),
    ]


def title_counts(panels: Sequence[Panel] | None, border: str) -> list[int]:
    """Return how many titles the figure of an image may have: one for each panel.

    Without a choice of panels, a small matrix has a third one if its padding copies pixels.
    """
    if panels is not None:
        return [len(panels)]
    return [len(_USUAL), len(_USUAL) + 1][: 1 + _copies(border)]


def _copies(border: str) -> bool:
    """Return whether padding holds copies of pixels."""
    return border not in ("zero", "constant")


def _numbers_scale(part: Part, panel: ImagePanel) -> float:
    """Return the scale from which on the cells of a panel have room for their numbers.

    It is 0 for a panel without numbers. ``part`` shows it at scale 1.
    """
    if not (texts := panel.texts):
        return 0.0
    points = number_points(part.box, panel.shape, widest_text(texts))
    return theme().number / points if points >= theme().number else 0.0


def _titles(count: int) -> Sequence[str | None]:
    """Return the titles of this many panels that the user has chosen; None for none."""
    options = figure_options()
    options.check_titles(count)
    return [None] * count if options.titles is None else options.titles


def _retitled(part: Part, title: str | None) -> Part:
    return part if title is None else part._replace(title=title, caption="")


def _copied_places(image: ImageData, pads: Pads, border: str) -> tuple[str, ...]:
    """Return ``row,column`` of the pixel that each cell of the padded image shows."""
    (height, width), sides = image.shape, (pads[:2], pads[2:])
    rows, columns = (
        border_index(size, *before_after, border).tolist()
        for size, before_after in zip((height, width), sides, strict=True)
    )
    return tuple(f"{row},{column}" for row in rows for column in columns)


def _signal_plan(image: ImageData, padding: SignalPadding, names: Sequence[Panel]) -> PagePlan:
    """Return the plan of a page with the signal and the padded signal, on one x axis."""
    if figure_options().layout is not None:
        raise UsageError("layout arranges images; the plots of a signal stand in one column")
    scale, count = input_scale(image.axis), max(image.shape)
    padded = scale.places.after(-padding.before), padding.before + count + padding.after
    limits = outer_limits([padded])

    def draw(axes: Axes, padding: SignalPadding) -> None:
        inches = axes_inches(axes)
        draw_padded(axes, image.pixels, padding, inches=inches, scale=scale, limits=limits)
        if ends := figure_options().limits:
            limit_heights(axes, ends)

    def draw_input(axes: Axes) -> None:
        draw(axes, padding._replace(before=0, after=0))
        set_sample_ticks(axes, limits, axes_inches(axes), scale.numbers, count)

    def draw_with_padding(axes: Axes) -> None:
        draw(axes, padding)
        _name_copied(axes, padding, scale.numbers, count)

    copies = padding.before + padding.after > 0 and _copies(padding.border)
    note = "; below it in brackets: what it copies" * (copies and figure_options().axes)
    parts = {
        "input": plot_part(
            draw_input,
            _signal_box,
            title="input",
            caption=count_text(count, "sample"),
            xlabel=x_label(scale),
            ylabel=unit_label(image.max_value),
        ),
        "padded": plot_part(
            draw_with_padding,
            _signal_box,
            title="padded",
            caption=f"{count_text(padded[1], 'sample')}; "
            f"{hatched_text((padding.before, padding.after), padding.border)}{note}",
            xlabel=x_label(scale),
            ylabel=unit_label(image.max_value),
        ),
    }
    titles = _titles(len(names))

    def rows_of(scale: float) -> Rows:
        rows = [
            _retitled(parts[name](scale), text) for name, text in zip(names, titles, strict=True)
        ]
        return [[row._replace(below=row.below + theme().line * copies)] for row in rows]

    return PagePlan(rows_of)


def _signal_box(scale: float) -> Box:
    return row_box(_SIGNAL_WIDTH, scale * _SIGNAL_HEIGHT)


def _name_copied(axes: Axes, padding: SignalPadding, samples: SampleAxis, count: int) -> None:
    """Add to the tick labels of padding, in brackets, the sample that it copies.

    The outermost samples of the padding have a tick.
    """
    if not figure_options().axes:
        return
    sources = border_index(count, padding.before, padding.after, padding.border)
    low, high = axes.get_xlim()
    near = text_width("-0.0000", theme().text) * (high - low) / axes_inches(axes)
    ticks = axes.get_xticks().tolist()
    if len(ticks) < len(sources):
        outermost = [samples.at(-padding.before)] * (padding.before > 0)
        outermost += [samples.at(count + padding.after - 1)] * (padding.after > 0)
        others = (tick for tick in ticks if all(abs(tick - end) > near for end in outermost))
        ticks = sorted([*others, *outermost])
    labels = []
    for tick in ticks:
        place = (tick - float(samples.start)) / float(samples.step)
        source = int(sources[round(place) + padding.before])
        is_copy = source not in (round(place), OUTSIDE) and math.isclose(place, round(place))
        copied = f"\n({format_short(samples.at(source), 3)})" * is_copy
        labels.append(f"{format_short(tick, 3)}{copied}")
    axes.set_xticks(ticks, labels=labels)


def _along(image: ImageData, pads: Pads) -> tuple[int, int]:
    """Return the padding before and after the samples of a signal."""
    return (pads.left, pads.right) if signal_axis(image.pixels) else (pads.top, pads.bottom)
