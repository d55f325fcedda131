"""kn2row: a few filters over many channels, by one product and shifted sums (``matrix``).

im2col copies each pixel once for every tap, which takes longer than to multiply it where filters
are few. Here the channels of a strip, (C, pixels), are multiplied as they are by the weights of all
taps, (N * kh * kw, C): that is what each tap adds to some window, for every pixel. These products
are then added where they belong, shifted by the place of the tap.

A 64x7x7 kernel on a map of 64x64 takes 1.4 ms in float64 in place of 21 ms by single passes. So
there is no float32 with a bound on its error; float64 needs none.

Source: Vasudevan, Anderson and Gregg, *Parallel Multi Channel Convolution using General Matrix
Multiplication*, 2017.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import SumTypes
from convcli.core.methods.base import SumMethod, Workspace
from convcli.core.methods.im2col import BLOCK, SINGLE_THREAD_GEMV, STRIP_BYTES, cut
from convcli.core.methods.toeplitz import SINGLE_THREAD_GEMM
from convcli.errors import count_text
from convcli.geometry import Geometry

PRODUCT_BYTES = 1 << 21  # products of all taps at a time, which stay in the cache


class Kn2rowMethod(SumMethod):
    """Sum the windows of a few filters over many channels.

    A stride picks from the sums of all windows.

    Args:
        types: weights (N, C, kh, kw), accumulator and bias.
        geometry: pads, stride, dilation and sizes.
        dtype: the type to multiply in: float64, or one that holds all sums of integers.
    """

    name = "matrix"

    def __init__(self, types: SumTypes, geometry: Geometry, dtype: np.dtype[Any]) -> None:
        self.types, self.geometry, self.kind = types, geometry, dtype

    @cached_property
    def weights(self) -> NDArray[Any]:
        """The weights of each tap of each filter, (N * kh * kw, C)."""
        weights = self.types.weights.transpose(0, 2, 3, 1).astype(self.kind, order="C")
        return weights.reshape(-1, weights.shape[3])

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        return strip_rows(self.geometry, channels)

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        filters, taps = len(self.types.weights), self.types.weights[0].size
        size = f"{count_text(taps, 'tap')} times {count_text(filters, 'filter')}"
        return f"{size}, shifted, over {self.kind}"

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any]:
        """Sum the windows over the channels, for every filter."""
        (_, width, channels), (filters, _, *kernel) = strip.shape, self.types.weights.shape
        pixels = strip.reshape(-1, channels)
        if strip.dtype != self.kind:
            pixels = workspace.take("pixels", pixels.shape, self.kind)
            pixels[...] = strip.reshape(-1, channels)
        (down, across), dilation = self.geometry.stride, self.geometry.dilation
        last = (rows - 1) * down + 1, (self.geometry.output_shape[1] - 1) * across + 1
        wide = workspace.take("wide", (filters, last[0] * width), self.kind)
        wide[...] = 0
        step = pixels_at_a_time(len(self.weights), self.kind)
        for first in range(0, len(pixels), step):
            some = pixels[first : first + step]
            products = workspace.take("products", (len(self.weights), len(some)), self.kind)
            self._multiply(some, products)
            taps = products.reshape(filters, -1, len(some))
            for tap, (row, column) in enumerate(np.ndindex(*kernel)):
                # The first pixel is for the window whose first tap is that far before it.
                start = first - row * dilation[0] * width - column * dilation[1]
                low, high = max(start, 0), min(start + len(some), wide.shape[1])
                if low < high:
                    wide[:, low:high] += taps[:, tap, low - start : high - start]
        picked = wide.reshape(filters, last[0], width)[:, ::down, : last[1] : across]
        sums = picked.transpose(1, 2, 0)
        return sums.astype(self.types.accumulator) if self.types.is_exact else sums

    def _multiply(self, pixels: NDArray[Any], products: NDArray[Any]) -> None:
        """Store the product of the weights and some pixels, in blocks for one thread of BLAS."""
        taps, channels = self.weights.shape
        for places, count in cut(len(pixels), pixels_of_a_product(taps, channels)):
            right = pixels[places].reshape(-1, count, channels).swapaxes(1, 2)
            for some, height in cut(taps, BLOCK):
                left = self.weights[some].reshape(-1, 1, height, channels)
                out = products[some, places].reshape(len(left), height, -1, count)
                np.matmul(left, right, out=out.swapaxes(1, 2))


def strip_rows(geometry: Geometry, channels: int) -> int:
    """Return how many output rows to compute at a time."""
    row = geometry.padded_shape[1] * channels * np.dtype(np.float64).itemsize
    # Rows that two strips share are multiplied twice, so a tall kernel needs tall strips.
    rows = max(STRIP_BYTES // row, geometry.extent[0]) // geometry.stride[0]
    return min(max(rows, 1), geometry.output_shape[0])


def pixels_of_a_product(taps: int, channels: int) -> int:
    """Return how many pixels BLAS multiplies on one thread with the weights of so many taps."""
    return max(min(SINGLE_THREAD_GEMM // min(taps, BLOCK), SINGLE_THREAD_GEMV) // channels, 1)


def pixels_at_a_time(taps: int, dtype: np.dtype[Any]) -> int:
    """Return how many pixels to multiply with all taps of all filters at a time."""
    return max(PRODUCT_BYTES // (taps * dtype.itemsize), 1)
