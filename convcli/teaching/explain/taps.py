"""Where the taps of one window lie, and what is under them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.plan import Plan
from convcli.core.strips import OUTSIDE, border_index
from convcli.geometry import Pair
from convcli.teaching.decimals import Number, plain
from convcli.teaching.explain.explanation import Grid


@dataclass(frozen=True)
class Taps:
    """The taps of one window.

    Attributes:
        rows: which row of the input each row of taps lies on; padding has rows outside it.
        columns: which column each column of taps lies on.
        padding: which taps lie on padding, as a grid.
        windows: the numbers under them, one grid for each channel of the input.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    padding: tuple[tuple[bool, ...], ...]
    windows: tuple[Grid, ...]

    @classmethod
    def of(cls, pixels: NDArray[Any], plan: Plan, at: Pair) -> "Taps":
        """Lay the window of one output over an image, (H, W) or (H, W, C)."""
        axes = [_along(plan, axis, at[axis]) for axis in (0, 1)]
        places, sources, outside = zip(*axes, strict=True)
        planes = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
        under = planes[np.ix_(sources[0], sources[1])]
        filled = (sources[0] == OUTSIDE)[:, np.newaxis] | (sources[1] == OUTSIDE)
        windows = tuple(
            _grid(under[..., channel], filled, plan.fill) for channel in range(planes.shape[2])
        )
        padding = tuple(map(tuple, np.logical_or.outer(*outside).tolist()))
        rows, columns = (tuple(each.tolist()) for each in places)
        return cls(rows, columns, padding, windows)


def _along(
    plan: Plan, axis: int, position: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return, on one axis, the taps' places, the pixels that stand there, and what is padding."""
    geometry = plan.geometry
    before, after = geometry.pads[2 * axis : 2 * axis + 2]
    size, taps = geometry.input_shape[axis], np.arange(geometry.kernel[axis])
    padded = position * geometry.stride[axis] + taps * geometry.dilation[axis]
    places = padded - before
    sources = border_index(size, before, after, plan.border)[padded]
    return places, sources, (places < 0) | (places >= size)


def _grid(values: NDArray[Any], filled: NDArray[np.bool_], fill: Number) -> Grid:
    return tuple(
        tuple(fill if out else plain(value) for value, out in zip(row, outs, strict=True))
        for row, outs in zip(values, filled.tolist(), strict=True)
    )
