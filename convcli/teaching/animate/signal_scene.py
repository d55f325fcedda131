"""The frames of a window that slides along a signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from convcli.geometry import Geometry, Pair
from convcli.plotting.axes import finalize_layout
from convcli.plotting.blit import BlitCanvas, Moving, frame_page
from convcli.plotting.labels import wrap
from convcli.plotting.signal_plot import (
    KERNEL_INCHES,
    PLOT_HEIGHT,
    SIGNAL_INCHES,
    SignalPadding,
    align_result,
    count_text,
    draw_padded_signal,
    draw_samples,
    draw_taps,
    signal_samples,
)
from convcli.plotting.style import TITLE_POINTS, theme
from convcli.plotting.window_marks import SignalWindowMark
from convcli.teaching.animate.captions import captions, explanations, fitting_digits, scene_title
from convcli.teaching.animate.sliding import SlidingWindow

# In inches.
_SIGNAL_TITLE_AND_TICKS = 0.8  # above and below a signal
_LINES = 9  # of a caption at most
_SIGNAL_PAGE = KERNEL_INCHES + SIGNAL_INCHES + 1.3  # width


class SignalScene(BlitCanvas):
    """The frames of a window that slides along a signal, with the result below."""

    def __init__(
        self, window: SlidingWindow, positions: Sequence[Pair], title: str, axis: int
    ) -> None:
        self._window, self._axis = window, axis
        self._places = [position[axis] for position in positions]
        digits = fitting_digits(window, positions)
        explained = explanations(window, positions, digits)
        lines = captions(window, positions, explained, digits, _LINES)
        self._texts = ["\n".join(each) for each in lines]
        height = 2 * (PLOT_HEIGHT + _SIGNAL_TITLE_AND_TICKS)
        figure, caption = frame_page(_SIGNAL_PAGE, height, scene_title(window, title), self._texts)
        self._caption = caption
        grid = figure.add_gridspec(2, 2, width_ratios=(KERNEL_INCHES, SIGNAL_INCHES))
        signal, self._result = (figure.add_subplot(grid[row, 1]) for row in (0, 1))
        self._windows = self._draw_signal(signal)
        self._draw_result(signal.get_xlim())
        dilation = window.geometry.dilation[axis]
        finalize_layout(figure, draw_taps(figure, grid[:, 0], window.filter, axis, dilation))
        marks = [*self._windows.values(), self._newest]
        moving = [self._cover, *(artist for mark in marks for artist in mark.artists), caption]
        super().__init__(figure, [Moving(moving)], len(positions), None)

    def move(self, number: int) -> None:
        """Mark the window at one position, and reveal the results up to it."""
        self._caption.set_text(self._texts[number])
        at, axis = self._places[number], self._axis
        for geometry, mark in self._windows.items():
            first = at * geometry.stride[axis] - geometry.pads[2 * axis]
            taps, dilation = geometry.kernel[axis], geometry.dilation[axis]
            mark.move(range(first, first + taps * dilation, dilation))
        self._newest.move([at])
        self._cover.set_x(at + 0.5)
        self._cover.set_width(self._window.output_shape[axis] - at - 1)

    def _draw_signal(self, axes: Axes) -> dict[Geometry, SignalWindowMark]:
        """Draw the padded signal, and return a mark for the window of each kernel."""
        window, plan = self._window, self._window.plans[0]
        before, after = window.pads[2 * self._axis : 2 * self._axis + 2]
        padding = SignalPadding(before, after, plan.border, plan.fill)
        padded = draw_padded_signal(axes, window.image.pixels, padding)
        return {
            geometry: SignalWindowMark(axes, padded, before, inches=SIGNAL_INCHES)
            for geometry in dict.fromkeys(plan.geometry for plan in window.plans)
        }

    def _draw_result(self, limits: tuple[float, float]) -> None:
        """Draw the whole result, and what covers the values that are not computed yet."""
        window, axes = self._window, self._result
        exact = window.pixels.reshape(-1, window.pixels.shape[2])
        samples = signal_samples(window.pixels)
        places = range(len(samples))
        draw_samples(axes, places, samples, inches=SIGNAL_INCHES, exact=exact)
        align_result(axes, limits, window.geometry, self._axis)
        axes.set_title(wrap(f"result, {count_text(samples)}", SIGNAL_INCHES, TITLE_POINTS))
        style: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "linewidth": 0}
        style |= {"facecolor": theme().empty, "zorder": 4}
        axes.add_patch(Rectangle((-0.5, 0), self._places[0], 1, **style))
        self._cover = Rectangle((0, 0), 0, 1, **style)
        axes.add_patch(self._cover)
        self._newest = SignalWindowMark(axes, samples, 0, inches=SIGNAL_INCHES)
        for artist in self._newest.artists:
            artist.set_zorder(5)
