"""The data of an explained gradient: what the backward pass of one convolution computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import ConvOptions, Pair
from convcli.teaching.decimals import Number
from convcli.teaching.explain.computation import Computation, Response

Floats = NDArray[np.float64]


class PixelGradient(NamedTuple):
    """How the gradient of one pixel of the input is summed.

    Attributes:
        own: the sum over the windows that hold the pixel at its own place.
        copies: where padding copies the pixel, as (row, column) counted from the input's first
            pixel, and the sum over the windows that hold the copy.
        value: all of these sums together, over the divisor.
    """

    own: Response
    copies: tuple[tuple[Pair, Number], ...]
    value: Number


@dataclass(frozen=True, eq=False)
class GradientComputation:
    """The gradients of a loss L of one convolution. All arrays are float64.

    Attributes:
        kernel: the name of the kernel or of the bank.
        conv: operation, padding, border, stride and dilation.
        forward: how one value of the first map is computed.
        input: the image, (H, W) or (H, W, C).
        weights: (kh, kw), (C, kh, kw) or (N, C, kh, kw), as given, before the division.
        divisor: divides the sums.
        target: what the output is compared with, in its shape; None where L is the sum.
        values: the feature map, (H', W'), or (H', W', M) for several channels or filters.
        output: the values after the activation; L is taken of them.
        loss: L: the sum of the output, or the mean of ``(output - target)**2``.
        grad_output: dL/d(output), in its shape.
        grad_values: dL/d(values): the same, times the slope of the activation.
        grad_weights: dL/dw, in the shape of the weights.
        grad_bias: dL/db, a number for each filter.
        grad_input: dL/dx, in the shape of the input.
        maps: the names of the output's maps; one empty name for one map.
        channels: the names of the input's channels; one empty name for one channel.
        weight_place: (row, column) of the weight whose gradient is worked out.
        weight: how it is summed, of the first filter and channel; None where the map is large.
        pixel_place: (row, column) of the pixel whose gradient is worked out.
        pixel: how it is summed, of the first channel.
        activation: the function between values and output.
    """

    kernel: str
    conv: ConvOptions
    forward: Computation
    input: Floats
    weights: Floats
    divisor: float
    target: Floats | None
    values: Floats
    output: Floats
    loss: float
    grad_output: Floats
    grad_values: Floats
    grad_weights: Floats
    grad_bias: Floats
    grad_input: Floats
    maps: tuple[str, ...]
    channels: tuple[str, ...]
    weight_place: Pair
    weight: Response | None
    pixel_place: Pair
    pixel: PixelGradient
    activation: str
