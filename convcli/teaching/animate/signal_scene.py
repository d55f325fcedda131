"""The scene of a signal: the window moves along it, and the result appears below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from convcli.geometry import Geometry, Pair
from convcli.plotting.axes import finalize_layout
from convcli.plotting.blit import EMPTY_COLOR, BlitCanvas, frame_page
from convcli.plotting.signal_figure import (
    KERNEL_INCHES,
    PLOT_HEIGHT,
    SIGNAL_INCHES,
    align_result,
    count_text,
    draw_padded_signal,
    draw_taps,
)
from convcli.plotting.signal_plot import (
    SignalPadding,
    are_signals,
    draw_samples,
    signal_axis,
    signal_samples,
    signal_taps,
)
from convcli.plotting.style import PAGE_PAD, TITLE_POINTS
from convcli.plotting.text import wrap
from convcli.plotting.window_marks import SignalWindowMark
from convcli.teaching.animate.captions import captions, line_count, scene_title
from convcli.teaching.animate.sliding import SlidingWindow

_TITLE_AND_TICKS = 0.8  # inches above and below a plot
_WIDTH = KERNEL_INCHES + SIGNAL_INCHES + 1.3  # inches


def slides_along(window: SlidingWindow) -> bool:
    """Return whether the input is a signal, its kernels run along it, and the result is one."""
    axis = signal_axis(window.image.pixels)
    if axis is None or not are_signals([window.image.pixels, window.pixels]):
        return False
    operation = window.filter.conv.operation
    matrices = (kernel.matrix for kernel in window.filter.kernels)
    return all(signal_taps(matrix, axis, operation) is not None for matrix in matrices)


class SignalScene(BlitCanvas):
    """The frames of a window that slides along a signal."""

    def __init__(self, window: SlidingWindow, positions: Sequence[Pair], title: str) -> None:
        axis = signal_axis(window.image.pixels)
        assert axis is not None  # noqa: S101 - see slides_along
        self._window, self._axis = window, axis
        self._places = [position[axis] for position in positions]
        self._revealed = self._places[0]
        self._captions = captions(window, positions, _WIDTH - 4 * PAGE_PAD)
        height = 2 * (PLOT_HEIGHT + _TITLE_AND_TICKS)
        lines = max(map(line_count, self._captions))
        figure, self._caption = frame_page(_WIDTH, height, scene_title(window, title), lines)
        grid = figure.add_gridspec(2, 2, width_ratios=(KERNEL_INCHES, SIGNAL_INCHES))
        signal, self._result = (figure.add_subplot(grid[row, 1]) for row in (0, 1))
        self._windows = self._draw_signal(signal)
        results = self._draw_result(signal.get_xlim())
        operation, dilation = window.filter.conv.operation, window.geometry.dilation[axis]
        kernels = window.filter.kernels
        drawn = draw_taps(figure, grid[:, 0], kernels, axis, operation, dilation)
        finalize_layout(figure, drawn)
        marks = [*self._windows.values(), self._newest]
        moving = chain.from_iterable(mark.artists for mark in marks)
        super().__init__(figure, results, [*moving, self._caption], len(positions))

    def move(self, number: int) -> None:
        """Mark the window at one position, and reveal the results up to it."""
        at, axis = self._places[number], self._axis
        for geometry, mark in self._windows.items():
            first = at * geometry.stride[axis] - geometry.pads[2 * axis]
            taps, dilation = geometry.kernel[axis], geometry.dilation[axis]
            mark.move(range(first, first + taps * dilation, dilation))
        self._newest.move([at])
        self._caption.set_text(self._captions[number])
        bottom, top = self._result.get_ylim()
        self.reveal(self._result, (self._revealed - 0.5, top, at + 0.5, bottom))
        self._revealed = at

    def _draw_signal(self, axes: Axes) -> dict[Geometry, SignalWindowMark]:
        """Draw the padded signal, and return a mark for the window of each kernel."""
        window, plan = self._window, self._window.plans[0]
        before, after = window.pads[2 * self._axis : 2 * self._axis + 2]
        padding = SignalPadding(before, after, plan.border, plan.fill)
        padded = draw_padded_signal(axes, window.image.pixels, padding)
        geometries = dict.fromkeys(plan.geometry for plan in window.plans)
        inches = SIGNAL_INCHES
        return {
            geometry: SignalWindowMark(axes, padded, before, inches=inches)
            for geometry in geometries
        }

    def _draw_result(self, limits: tuple[float, float]) -> list[Artist]:
        """Draw the whole result on the color of values that are not computed yet."""
        window, axes = self._window, self._result
        exact = window.pixels.reshape(-1, window.pixels.shape[2])
        samples = signal_samples(window.pixels)
        places = range(len(samples))
        artists = draw_samples(axes, places, samples, inches=SIGNAL_INCHES, exact=exact)
        align_result(axes, limits, window.geometry, self._axis)
        axes.set_title(wrap(f"result, {count_text(samples)}", SIGNAL_INCHES, TITLE_POINTS))
        ends = -0.5, len(samples) - 0.5
        axes.axvspan(*ends, facecolor=EMPTY_COLOR, linewidth=0, zorder=0.1)
        background = axes.axvspan(*ends, facecolor="white", linewidth=0, zorder=0.2)
        self._newest = SignalWindowMark(axes, samples, 0, inches=SIGNAL_INCHES)
        return [background, *artists]
