"""The scene of a signal: the window on its way along it, and the result that grows below."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import HEADING_POINTS, TITLE_POINTS

# isort: split
from collections.abc import Sequence
from itertools import chain

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from convcli.geometry import Geometry, Pair
from convcli.plotting.axes import finalize_layout
from convcli.plotting.blit import BlitCanvas
from convcli.plotting.signal_figure import (
    KERNEL_INCHES,
    PLOT_HEIGHT,
    SIGNAL_INCHES,
    align,
    count_text,
    draw_padded,
    draw_taps,
)
from convcli.plotting.signal_plot import (
    Padding,
    are_signals,
    draw_samples,
    samples_of,
    signal_axis,
    taps_of,
)
from convcli.plotting.text import wrap
from convcli.teaching.animate.captions import HINTED, captions, heading, line_count
from convcli.teaching.animate.page import AIR, EMPTY_COLOR, empty_frame
from convcli.teaching.animate.signal_marks import SignalMark
from convcli.teaching.animate.sliding import SlidingWindow

_FRAME = 0.8  # inches: titles and ticks above and below a plot
_WIDTH = KERNEL_INCHES + SIGNAL_INCHES + 1.3


def slides_along(slide: SlidingWindow) -> bool:
    """Tell whether a signal is filtered by kernels that run along it, to a signal."""
    axis = signal_axis(slide.image.pixels)
    if axis is None or not are_signals([slide.image.pixels, slide.pixels]):
        return False
    operation = slide.spec.conv.operation
    return all(taps_of(kernel.matrix, axis, operation) is not None for kernel in slide.spec.kernels)


class SignalScene:
    """A figure, drawn once, and what moves in it.

    Attributes:
        film: takes the frames.
    """

    def __init__(self, slide: SlidingWindow, stops: Sequence[Pair], title: str) -> None:
        axis = signal_axis(slide.image.pixels)
        assert axis is not None  # noqa: S101 - see slides_along
        self._slide, self._axis = slide, axis
        self._stops = [stop[axis] for stop in stops]
        self._done = self._stops[0]
        self._captions = captions(slide, stops, _WIDTH - 4 * AIR)
        text = wrap(heading(slide, title), HINTED * _WIDTH - 0.5, HEADING_POINTS)
        height = 2 * (PLOT_HEIGHT + _FRAME) + 0.2 * (1 + text.count("\n"))
        figure, self._caption = empty_frame(_WIDTH, height, max(map(line_count, self._captions)))
        figure.suptitle(text)
        grid = figure.add_gridspec(2, 2, width_ratios=(KERNEL_INCHES, SIGNAL_INCHES))
        signal, self._result = (figure.add_subplot(grid[row, 1]) for row in (0, 1))
        self._windows = self._draw_signal(signal)
        results = self._draw_result(signal.get_xlim())
        layout, dilation = slide.spec.conv, slide.geometry.dilation[axis]
        kernels = slide.spec.kernels
        drawn = draw_taps(figure, grid[:, 0], kernels, axis, layout.operation, dilation)
        finalize_layout(figure, drawn)
        marks = [*self._windows.values(), self._cell]
        moving = chain.from_iterable(mark.artists for mark in marks)
        self.film = BlitCanvas(figure, results, [*moving, self._caption])

    def move(self, stop: int) -> None:
        """Lay the window at one of the stops, and let the results up to it appear."""
        at, axis = self._stops[stop], self._axis
        for geometry, mark in self._windows.items():
            first = at * geometry.stride[axis] - geometry.pads[2 * axis]
            taps, step = geometry.kernel[axis], geometry.dilation[axis]
            mark.move(range(first, first + taps * step, step))
        self._cell.move([at])
        self._caption.set_text(self._captions[stop])
        bottom, top = self._result.get_ylim()
        self.film.reveal(self._result, (self._done - 0.5, top, at + 0.5, bottom))
        self._done = at

    def _draw_signal(self, axes: Axes) -> dict[Geometry, SignalMark]:
        """Draw the padded signal, with a mark for the window of each kernel."""
        slide, plan = self._slide, self._slide.plans[0]
        before, after = slide.pads[2 * self._axis : 2 * self._axis + 2]
        padding = Padding(before, after, plan.border, plan.fill)
        padded = draw_padded(axes, slide.image.pixels, padding)
        every = dict.fromkeys(plan.geometry for plan in slide.plans)
        return {
            geometry: SignalMark(axes, padded, before, inches=SIGNAL_INCHES) for geometry in every
        }

    def _draw_result(self, limits: tuple[float, float]) -> list[Artist]:
        """Draw the whole result, whose artists are returned, on the color of what is to come."""
        slide, axes = self._slide, self._result
        exact = slide.pixels.reshape(-1, slide.pixels.shape[2])
        values = samples_of(slide.pixels)
        artists = draw_samples(axes, range(len(values)), values, inches=SIGNAL_INCHES, exact=exact)
        align(axes, limits, slide.geometry, self._axis)
        axes.set_title(wrap(f"result, {count_text(values)}", SIGNAL_INCHES, TITLE_POINTS))
        ends = -0.5, len(values) - 0.5
        axes.axvspan(*ends, facecolor=EMPTY_COLOR, linewidth=0, zorder=0.1)
        page = axes.axvspan(*ends, facecolor="white", linewidth=0, zorder=0.2)
        self._cell = SignalMark(axes, values, 0, inches=SIGNAL_INCHES)
        return [page, *artists]
