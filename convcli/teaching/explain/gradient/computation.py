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
    """The gradients of a loss of one convolution.

    The attributes are explained at :class:`convcli.GradientExplanation`, which adds text and
    figure.
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
