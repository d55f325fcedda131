"""Where the samples of a signal stand in a figure, and what its x axis says."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from convcli.geometry import Geometry
from convcli.plotting.labels import bar_number, format_short, text_width
from convcli.plotting.style import figure_options, theme
from convcli.signals import SampleAxis, output_axes

SAMPLE_NUMBERS = SampleAxis(Fraction(0), Fraction(1))
_MOST_LABELED = 64  # samples that all have a tick
_MOST_TICKS = 9  # of others


class SampleScale(NamedTuple):
    """The x axis of one signal in a figure.

    Attributes:
        places: where its samples stand on the x axis of the input.
        numbers: what the tick labels say, and the x coordinates of what is drawn.
        label: what the numbers are.
    """

    places: SampleAxis
    numbers: SampleAxis
    label: str

    def limits(self, ends: tuple[float, float]) -> tuple[float, float]:
        """Return x coordinates that stand below these two places of the input's x axis."""
        (start, step), (first, each) = self.places, self.numbers
        low, high = (float(first + (Fraction(end) - start) / step * each) for end in ends)
        return low, high


def input_scale(axis: SampleAxis | None) -> SampleScale:
    """Return the scale of an input, with or without positions."""
    if axis is None:
        return SampleScale(SAMPLE_NUMBERS, SAMPLE_NUMBERS, "sample")
    return SampleScale(axis, axis, "x")


def result_scale(
    axis: SampleAxis | None,
    geometry: Geometry,
    operation: str,
    kernel_axis: SampleAxis | None = None,
) -> SampleScale:
    """Return the scale of a feature map.

    A value of an input with positions stands at its own position; see
    :func:`convcli.signals.output_axes`. Another stands below the middle of its window. Lags number
    a correlation with full padding, which has a value for every shift.

    >>> from convcli.geometry import conv_geometry
    >>> full = conv_geometry((1, 5), (1, 3), "full")
    >>> scale = result_scale(None, full, "correlate")
    >>> scale.label, scale.numbers.positions(3), scale.places.positions(3)
    ('lag', [-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0])
    """
    positions, lags = output_axes(axis, geometry, operation, kernel_axis)
    if positions is not None:
        label = "x"
        if lags is not None:
            shift = float(positions.start - lags.start)
            sign = "-" if shift > 0 else "+"
            label = f"x (lag = x {sign} {format_short(abs(shift), 10)})" if shift else "x = lag"
        return SampleScale(positions, positions, label)
    along = 1 if geometry.input_shape[0] == 1 else 0
    _, stride, before, _ = geometry.along(along)
    reach = geometry.extent[along] - 1
    places = SampleAxis(Fraction(reach, 2) - before, Fraction(stride))
    if lags is not None and reach and geometry.pads[2 * along : 2 * along + 2] == (reach, reach):
        return SampleScale(places, lags, "lag")
    return SampleScale(places, SAMPLE_NUMBERS, "sample")


def outer_limits(samples: Sequence[tuple[SampleAxis, int]]) -> tuple[float, float]:
    """Return the ends of an x axis for several signals, with half a step beyond each."""
    ends = [
        (axis.at(0) - float(axis.step) / 2, axis.at(count - 1) + float(axis.step) / 2)
        for axis, count in samples
    ]
    return min(low for low, _ in ends), max(high for _, high in ends)


def set_sample_ticks(
    axes: Axes,
    limits: tuple[float, float],
    inches: float,
    samples: SampleAxis = SAMPLE_NUMBERS,
    count: int | None = None,
) -> None:
    """Set the limits of the x axis, and number its samples, all of them where there is room.

    Args:
        axes: whose y axis gets ticks, too.
        limits: x coordinates.
        inches: the width of the axes.
        samples: where samples lie.
        count: how many there are; only these have ticks. None for all up to the limits.
    """
    low, high = limits
    points, (start, step) = theme().text, samples
    first, last = -int((start - Fraction(low)) // step), int((Fraction(high) - start) // step)
    if count is not None:
        first, last = max(first, 0), min(last, count - 1)
    ticks = [samples.at(index) for index in range(first, min(last, first + _MOST_LABELED) + 1)]
    widest = max((text_width(f"{bar_number(tick)}00", points) for tick in ticks), default=0.0)
    if last - first > _MOST_LABELED or widest > float(step) / (high - low) * inches:
        is_whole = start.denominator == step.denominator == 1
        most = max(1, min(_MOST_TICKS, int(inches / text_width("-0.00 ", points))))
        locator = MaxNLocator(most, integer=is_whole, steps=[1, 2, 5, 10])
        rounding = float(step) / 1e6
        ends = samples.at(first) - rounding, samples.at(last) + rounding
        ticks = [float(tick) for tick in locator.tick_values(low, high)]
        ticks = [tick for tick in ticks if ends[0] <= tick <= ends[1]]
    axes.set_xticks(ticks, labels=[bar_number(tick) for tick in ticks])
    axes.set_xlim(low, high)
    set_y_ticks(axes)
    if not figure_options().axes:
        axes.set(xticks=[], yticks=[], xlabel="")


def unit_label(white: int | None) -> str:
    """Return the label of a y axis, which the option ``--no-axes`` leaves out.

    ``white`` is the pixel that is white, None for plain numbers.
    """
    unit = "value" if white is None else "pixel"
    return unit if figure_options().axes else ""


def set_y_ticks(axes: Axes, ends: tuple[float, float] | None = None) -> None:
    """Number the y axis where there is room, from one value to another; None for all of it."""
    bottom, top = axes.get_ylim()
    low, high = ends or (bottom, top)
    height = (high - low) / (top - bottom) * axes.bbox.height / axes.figure.dpi
    most = max(1, min(5, int(height / theme().line / 1.6)))
    locator = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])
    axes.yaxis.set_major_locator(locator)
    if ends or most == 1:  # the locator keeps two or more, and three would touch
        ticks = [tick for tick in map(float, locator.tick_values(low, high)) if low <= tick <= high]
        axes.set_yticks(ticks if most > 1 else sorted({*ticks[:1], *ticks[-1:]}))
    axes.yaxis.set_major_formatter(bar_number)
