"""Padding in one figure: the image, the padded image, and which pixel each cell copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from convcli.choices import Panel
from convcli.core.padding import border_index
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import Pads, size_text
from convcli.images.image import ImageData
from convcli.plotting.axes import finalize_layout
from convcli.plotting.image_panel import ImagePanel, common_range, image_part, value_bar
from convcli.plotting.labels import format_short
from convcli.plotting.page import Rows, compose
from convcli.plotting.signal_plot import (
    PLOT_HEIGHT,
    SIGNAL_INCHES,
    SignalPadding,
    are_signals,
    draw_padded_signal,
    signal_axis,
)
from convcli.plotting.style import figure_options, page, style_context
from convcli.plotting.window_marks import hatched_text

_IMAGE = 4.0  # inches; the longer side
_SIGNAL_MARGINS = 1.0  # inches around a plot
_USUAL: tuple[Panel, ...] = ("input", "padded")


@dataclass(frozen=True)
class _CopiedPanel(ImagePanel):
    """A padded image with the row and column of the pixel that each cell shows."""

    labels: tuple[str, ...] = ()

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
) -> Figure:
    """Draw an image and its padded form, whose padding is hatched.

    Of a small matrix, a third panel gives for each cell the row and column of the pixel that it
    copies, unless the panels are chosen or the border holds a fill value. A signal of one row or
    one column is drawn as stems or lines.

    Args:
        image: the image; its alpha is not drawn.
        padded: the padded image.
        pads: the pixels that were added on each side.
        border: numpy's name of the border mode.
        fill: the value of a ``constant`` border.
        title: a heading, such as the image's name.
        options: how the figure looks.

    Raises:
        UsageError: the image has neither 1 nor 3 channels, or the options name panels that this
            figure does not have.
    """
    options = options or FigureOptions()
    if are_signals([image.pixels, padded.pixels]):
        with style_context():
            return _draw_signal(image, SignalPadding(*_along(image, pads), border, fill), title)
    with style_context(options):
        return _draw(image, padded, pads, border, fill, title)


def _draw(
    image: ImageData, padded: ImageData, pads: Pads, border: str, fill: float, title: str
) -> Figure:
    options = figure_options()
    names = options.panels or _USUAL
    for name in names:
        if name not in _USUAL:
            raise UsageError(f"--panels: pad draws no {name}; its panels are {', '.join(_USUAL)}")
    original = ImagePanel(image.pixels, image.max_value)
    result = ImagePanel(padded.pixels, padded.max_value)
    ends = common_range([original, result])
    bar = value_bar(original, ends)
    hatched = f"{size_text(result.shape)}, {hatched_text(pads, border)}"
    parts = {
        "input": image_part(
            original, _IMAGE, title="input", caption=size_text(original.shape), ends=ends, bar=bar
        ),
        "padded": image_part(
            result, _IMAGE, title="padded", caption=hatched, ends=ends, bar=bar, pads=pads
        ),
    }
    chosen = [parts[name] for name in names]
    copies = border not in ("zero", "constant")
    if options.panels is None and copies and result.numbered and any(pads):
        labels = _copied_places(image, pads, border)
        copied = _CopiedPanel(padded.pixels, padded.max_value, labels=labels)
        caption = "row,column of the pixel that each cell shows"
        chosen.append(
            image_part(copied, _IMAGE, title="copied from", caption=caption, ends=ends, pads=pads)
        )
    titles = options.titles
    if titles is not None and len(titles) != len(chosen):
        raise UsageError(
            f"--titles needs {len(chosen)}: one for each panel; {len(titles)} are given"
        )

    def plan(scale: float) -> Rows:
        row = [make(scale) for make in chosen]
        if titles is not None:
            row = [
                part._replace(title=text, caption="")
                for part, text in zip(row, titles, strict=True)
            ]
        if options.layout == "column":
            return [[part] for part in row]
        across = int(np.ceil(np.sqrt(len(row)))) if options.layout == "grid" else len(row)
        return [row[start : start + across] for start in range(0, len(row), across)]

    facts = f"border {border}" + (f" {format_short(fill)}" if border == "constant" else "")
    return compose(plan, title=title, facts=facts)


def _copied_places(image: ImageData, pads: Pads, border: str) -> tuple[str, ...]:
    """Return ``row,column`` of the pixel that each cell of the padded image shows."""
    (height, width), sides = image.shape, (pads[:2], pads[2:])
    rows, columns = (
        border_index(size, *before_after, border).tolist()
        for size, before_after in zip((height, width), sides, strict=True)
    )
    return tuple(f"{row},{column}" for row in rows for column in columns)


def _draw_signal(image: ImageData, padding: SignalPadding, title: str) -> Figure:
    width, height = SIGNAL_INCHES + 2 * _SIGNAL_MARGINS, PLOT_HEIGHT + 2 * _SIGNAL_MARGINS
    figure = page(width, height, title)
    draw_padded_signal(figure.add_subplot(), image.pixels, padding)
    finalize_layout(figure, [])
    return figure


def _along(image: ImageData, pads: Pads) -> tuple[int, int]:
    """Return the padding before and after the samples of a signal."""
    return (pads.left, pads.right) if signal_axis(image.pixels) else (pads.top, pads.bottom)
