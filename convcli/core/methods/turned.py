"""Turned strips: what lies along rows is summed down columns, in pieces side by side.

Bands run down columns, and every pass covers the padding on the left and right. So a row kernel
takes a pass or a product for each of its weights, and a narrow image mostly sums what no output
needs. Convolution commutes with transposition: a turned strip, whose rows are the image's columns,
is summed with the turned kernel, and the sums are turned back, for about 1.5 ns a value each.

A kernel of one column (or, turned, of one row) sums every column on its own. A long strip of a few
columns is then cut into overlapping pieces, which lie side by side and make products wide enough.

Measured, 1x63 in float32: 1000x1000 takes half of the time, in color a fifth; one row of a million
values a tenth, and one column a fortieth. Small images too: a turned strip takes 30 us of calls.
Views of the turned strip are worked out once for calls that have the same plan: 1x63 on one row of
3000 takes 72 us in place of 135.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convcli.core.dtypes import SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.direct import rows_per_strip
from convcli.core.precision import Precision
from convcli.geometry import Geometry, Pads, Pair

BESIDE = 512  # columns that pieces may fill
MOST_PADDING = 1.25  # padded columns per column that is needed, beyond which strips may be turned


class Layout(NamedTuple):
    """How a strip lies when ``axis`` runs down.

    Attributes:
        axis: 1 for a turned strip, 0 for one that is only cut into pieces.
        pieces: that lie side by side; the last one may overlap the others.
        step: from each column that is read to the next; others are left out.
        geometry: of the windows as they lie, without padding.
    """

    axis: int
    pieces: int
    step: int
    geometry: Geometry

    @classmethod
    def of(cls, geometry: Geometry, axis: int, rows: int, channels: int) -> Layout:
        """Arrange a strip of some output rows."""
        outputs = rows, geometry.output_shape[1]
        down, across = outputs[axis], outputs[1 - axis]
        extent, stride = geometry.extent[axis], geometry.stride[axis]
        pieces, step, width = 1, 1, (across - 1) * geometry.stride[1 - axis]
        width += geometry.extent[1 - axis]
        if geometry.kernel[1 - axis] == 1:
            step, width = geometry.stride[1 - axis], across
            pieces = min(BESIDE // (width * channels), down * stride // (4 * extent))
        each = -(-down // max(pieces, 1))
        pieces = -(-down // each)

        def turned(pair: Pair) -> Pair:
            return pair[axis], pair[1 - axis]

        height = (each - 1) * stride + extent
        kernel, dilation = turned(geometry.kernel), turned(geometry.dilation)
        strides = stride, geometry.stride[1 - axis] // step
        windows = Geometry(
            (height, pieces * width), kernel, Pads(0, 0, 0, 0), strides, dilation, (0, 0)
        )
        return cls(axis, pieces, step, windows)


def possible_axes(geometry: Geometry) -> list[int]:
    """Return the axes that may run down with profit."""
    (rows, columns), width = geometry.kernel, geometry.output_shape[1]
    needed = MOST_PADDING * width * geometry.stride[1]
    return [0] * (columns == 1 and 2 * width <= BESIDE) + [1] * (
        columns > rows or geometry.padded_shape[1] > needed
    )


class TurnedMethod(SumMethod):
    """Sum the windows of turned strips by another method.

    Args:
        axis: that runs down in the strips.
        make: returns the other method for a (kh, kw) kernel's types and geometry.
        types: weights, accumulator and bias.
        geometry: pads, stride, dilation and sizes.
        dtype: the other method's.
    """

    dtype: np.dtype[Any]
    is_bound = can_move = True

    def __init__(
        self,
        axis: int,
        make: Callable[[SumTypes, Geometry], SumMethod],
        types: SumTypes,
        geometry: Geometry,
        dtype: np.dtype[Any],
    ) -> None:
        self.axis, self.make, self.geometry, self.dtype = axis, make, geometry, dtype
        self.types = types._replace(weights=types.weights.T) if axis else types
        self.method = cache(self._method)

    def _method(self, rows: int, channels: int) -> tuple[Layout, SumMethod]:
        layout = Layout.of(self.geometry, self.axis, rows, channels)
        return layout, self.make(self.types, layout.geometry)

    @property
    def name(self) -> str:
        """The other method's."""
        return self._usual_method.name

    @property
    def precision(self) -> Precision | None:
        """The other method's; it does not depend on how many rows a strip has."""
        return self._usual_method.precision

    @property
    def sums_all(self) -> bool:
        """The other method's."""
        return self._usual_method.sums_all

    @property
    def _usual_method(self) -> SumMethod:
        return self.method(min(self.strip_rows(1), self.geometry.output_shape[0]), 1)[1]

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        return rows_per_strip(self.geometry, channels, self.dtype)

    def cost_text(self) -> str:
        """Return the operations of the other method, and where it goes along."""
        how = "along rows" if self.axis else "in pieces side by side"
        return f"{self._usual_method.cost_text()}, {how}"

    def bind(
        self, strip: NDArray[Any], rows: int, workspace: Workspace
    ) -> Callable[[], NDArray[Any] | None]:
        """Return what sums the windows; None if the other method cannot."""
        layout, method = self.method(rows, strip.shape[2])
        axis, count, channels = self.axis, layout.pieces, strip.shape[2]
        (height, width), (each, _) = layout.geometry.input_shape, layout.geometry.output_shape
        stride, last = layout.geometry.stride[0], (rows, self.geometry.output_shape[1])[axis] - each
        shape = method.rows_needed(each), count, width // count, channels
        turned = workspace.take("turned", shape, self.dtype)
        down = strip.swapaxes(0, axis)[:, : shape[2] * layout.step : layout.step]
        pieces = np.moveaxis(sliding_window_view(down, height, axis=0), -1, 0)
        others = pieces[:, : (count - 1) * each * stride : each * stride]
        sum_turned = method.bind(turned.reshape(shape[0], -1, channels), each, workspace)
        lying = rows, self.geometry.output_shape[1], channels

        def sum_windows() -> NDArray[Any] | None:
            _copy(others, turned[:height, :-1])
            _copy(pieces[:, last * stride], turned[:height, -1])
            turned[height:] = 0
            sums = sum_turned()
            if sums is None:
                return None
            beside = sums.reshape(each, count, -1, channels).swapaxes(0, 1)
            out = workspace.take("turned sums", lying, sums.dtype)
            back = out.swapaxes(0, axis)
            _copy(beside[:-1], back[: (count - 1) * each].reshape(beside[:-1].shape))
            _copy(beside[-1], back[last:])
            return out

        return sum_windows


def _copy(source: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy channel by channel: numpy turns long runs of values faster than short pixels."""
    for channel in range(out.shape[-1]):
        out[..., channel] = source[..., channel]
