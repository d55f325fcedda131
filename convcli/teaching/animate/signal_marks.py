"""The window on a signal: a band as wide as the kernel, and rings around the samples it takes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from convcli.plotting.signal_plot import Values
from convcli.plotting.window_marks import WINDOW_COLOR

_LEAST_BAND, _LEAST_RING = 0.08, 0.06  # inches: a band's width, the distance between rings
_BAND_ALPHA = 0.18


class SignalMark:
    """A band and rings on the axes of a padded signal.

    Args:
        axes: with its limits set.
        padded: the samples (n, C), of which the first stands ``before`` places left of 0.
        inches: the width of the axes.
    """

    def __init__(self, axes: Axes, padded: Values, before: int, *, inches: float) -> None:
        self._padded, self._before = padded, before
        left, right = axes.get_xlim()
        self._cells = (right - left) / inches  # to the inch
        bottom, top = axes.get_ylim()
        self._band = Rectangle(
            (0, bottom), 0, top - bottom, color=WINDOW_COLOR, alpha=_BAND_ALPHA, zorder=0.4
        )
        self._rings = Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            markersize=7.0,
            markerfacecolor="none",
            markeredgecolor=WINDOW_COLOR,
            markeredgewidth=1.5,
        )
        axes.add_patch(self._band)
        axes.add_artist(self._rings)

    @property
    def artists(self) -> list[Artist]:
        """Return what moves, in the order of drawing."""
        return [self._band, self._rings]

    def move(self, places: Sequence[int]) -> None:
        """Lay the window; each of its taps lies on one of the places."""
        first, last = places[0], places[-1]
        more = max(_LEAST_BAND * self._cells - (last - first + 1), 0) / 2
        self._band.set_x(first - 0.5 - more)
        self._band.set_width(last - first + 1 + 2 * more)
        if len(places) > 1 and places[1] - first < _LEAST_RING * self._cells:
            return
        heights = self._padded[np.array(places) + self._before]
        across = np.repeat(np.array(places), heights.shape[1])
        self._rings.set_data(across, heights.ravel())
