"""The output of a transposed convolution, to which the values of its input are added one by one."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.layers.conv_transpose import ConvTranspose
from convcli.teaching.animate.layer_window import LayerWindow
from convcli.teaching.animate.sums import products_of


class SpreadSums:
    """The sums of a transposed convolution's map after each value of its input.

    Each value adds its product with the kernel from row ``stride * row`` on, and from such a
    column, of the output with the rows and columns that the padding cuts off. Dumoulin and Visin,
    "A guide to convolution arithmetic for deep learning" (2016), chapter 4.

    Args:
        window: the layer.

    Attributes:
        shape: rows and columns of the output with what is cut off.
        cut: which of these cells are cut off.
        bias: at which the sums begin.
    """

    def __init__(self, window: LayerWindow) -> None:
        layer = window.layer
        assert isinstance(layer, ConvTranspose)  # noqa: S101 - no other spreads
        self._window, self._geometry = window, window.stage.plan.geometry
        self._divisor = layer.bank.divisor
        own = layer.bias
        self.bias = own[window.channel] if isinstance(own, tuple) else layer.own_bias
        count = window.source.shape[2]
        self._weights, self._channels = layer.map_weights(window.channel, count)
        (rows, columns), pads = window.output_shape, self._geometry.pads
        self.shape: Pair = rows + pads.top + pads.bottom, columns + pads.left + pads.right
        self._inside = slice(pads.top, pads.top + rows), slice(pads.left, pads.left + columns)
        self.cut = np.ones(self.shape, bool)
        self.cut[self._inside] = False
        self._begin()

    def _begin(self) -> None:
        source = self._window.source
        ends = np.array([source.min(), source.max()], source.dtype)
        kind = products_of(ends[:, np.newaxis], self._weights.reshape(1, -1)).dtype
        self._added, self._sums = 0, np.zeros(self.shape, kind)
        self._reached = np.zeros(self.shape, bool)

    def weights(self, channel: int) -> NDArray[Any]:
        """Return the kernel of one map of the input, (kh, kw)."""
        weights: NDArray[Any] = self._weights[self._channels.index(channel)]
        return weights if self._divisor == 1 else weights / self._divisor

    def products(self, at: Pair, channel: int) -> NDArray[Any]:
        """Return the kernel times the value at a position of one map of the input."""
        value = self._window.source[at[0], at[1], [channel]]
        return products_of(value[:, np.newaxis], self.weights(channel))

    def after(self, at: Pair) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the sums once all values up to a position are added, row by row.

        Returns:
            The sums, and which cells anything is added to, both of ``shape``; what is cut off
            holds 0. After the last position the sums are the values of the layer, without a gap.
        """
        rows, columns = self._window.source.shape[:2]
        end = at[0] * columns + at[1] + 1
        if end < self._added:
            self._begin()
        self._add(self._added, end)
        self._added = end
        sums = self._sums if self._divisor == 1 else self._sums / self._divisor
        sums, reached = sums + self.bias, self._reached.copy()
        if end == rows * columns:
            values = self._window.values
            sums = sums.astype(np.result_type(sums, values))
            sums[self._inside], reached[self._inside] = values, True
        sums[self.cut] = 0
        return sums, reached

    def _add(self, start: int, end: int) -> None:
        """Add the values from one number in reading order up to another."""
        source, (down, across) = self._window.source, self._geometry.stride
        columns = source.shape[1]
        rows = slice(start // columns, -(-end // columns))
        numbers = np.arange(rows.start * columns, rows.stop * columns).reshape(-1, columns)
        is_new, part = (start <= numbers) & (numbers < end), source[rows]
        for tap in product(*map(range, self._geometry.kernel)):
            top, left = (
                place * step for place, step in zip(tap, self._geometry.dilation, strict=True)
            )
            top += rows.start * down
            place = (
                slice(top, top + (len(part) - 1) * down + 1, down),
                slice(left, left + (columns - 1) * across + 1, across),
            )
            self._reached[place] |= is_new
            for weights, channel in zip(self._weights, self._channels, strict=True):
                weight = weights[tap].reshape(1, 1)
                self._sums[place] += np.where(is_new, products_of(part[..., channel], weight), 0)
