"""The curve of a function of one value, and a value on it: parts of figures and of animations."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.labels import format_short
from convcli.plotting.style import Box, theme
from convcli.plotting.window_marks import WINDOW_COLOR

# isort: split
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convcli.layers.base import Layer
from convcli.teaching.explain.chain.computation import ActivationStep, BatchNormStep, NormalizeStep

_CURVE: Box = (1.5, 1.1)  # inches


def curve_box(scale: float) -> Box:
    """Return the width and height of the curve of a function in inches."""
    factor = max(scale, 0.8) * theme().text / 9
    return _CURVE[0] * factor, _CURVE[1] * factor


def draw_curve(
    axes: Axes, step: ActivationStep | NormalizeStep, layer: Layer, inputs: Sequence[float]
) -> None:
    """Draw a layer's function of one value, far enough for these inputs."""
    middle, reach = 0.0, 4.0 if step.layer in ("sigmoid", "tanh") else 1.0
    if isinstance(step, NormalizeStep):
        middle, reach = float(step.mean), 3 * math.sqrt(step.variance + step.eps)
    distances = (abs(number - middle) for number in inputs if math.isfinite(number))
    reach = max(reach, *(1.3 * distance for distance in distances), 0.0)
    x = np.linspace(middle - reach, middle + reach, 201)
    y = _function(step, layer, x)
    axes.plot(x, y, color=theme().ink, linewidth=1.5)
    for line in (axes.axhline, axes.axvline):
        line(0, color=theme().faint, linewidth=0.8, zorder=0.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(lambda value, _: format_short(value, 3))
    axes.set_xlim(x[0], x[-1])


class CurvePoint:
    """A value on a curve, with a line from its input to it.

    Attributes:
        artists: what moves.
    """

    def __init__(self, axes: Axes) -> None:
        style: dict[str, Any] = {"color": WINDOW_COLOR, "zorder": 3}
        [line] = axes.plot([], [], linestyle="--", linewidth=1.2, **style)
        [dot] = axes.plot([], [], marker="o", markersize=7, **style)
        self.artists: list[Line2D] = [line, dot]

    def move(self, x: float, y: float) -> None:
        """Move it to an input and its value; one that is not finite has no place."""
        is_shown = math.isfinite(x) and math.isfinite(y)
        line, dot = self.artists
        line.set_data([x] * 2 * is_shown, [0, y] * is_shown)
        dot.set_data([x] * is_shown, [y] * is_shown)


def _function(
    step: ActivationStep | NormalizeStep, layer: Layer, x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a layer makes of single values."""
    if isinstance(step, NormalizeStep):
        y = (x - step.mean) / math.sqrt(step.variance + step.eps)
        return y * step.weight + step.bias if isinstance(step, BatchNormStep) else y
    return layer.apply(x.reshape(1, -1, 1)).ravel()
