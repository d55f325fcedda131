"""The data of a learned kernel: weights, errors, the nearest known kernel, and a descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images.channels import channel_names
from convcli.images.image import level_of
from convcli.kernels.kernel import Kernel

Floats = NDArray[np.float64]
CONVERGED = 0.01  # of the largest weight; closer weights are those of least squares


class Match(NamedTuple):
    """The known kernel nearest to a learned one.

    Attributes:
        spec: the known kernel's SPEC.
        also: other names for the same weights.
        flipped: whether the known kernel is flipped in both axes, as a convolution does.
        scale: the factor of its weights.
        difference: the largest difference of any weight.
        certain: whether the difference is small enough to be the images' noise.
    """

    spec: str
    also: tuple[str, ...]
    flipped: bool
    scale: float
    difference: float
    certain: bool


class Rational(NamedTuple):
    """Weights as integers, (kh, kw) or (C, kh, kw), over one divisor."""

    matrix: NDArray[np.int64]
    divisor: int


class Alternative(NamedTuple):
    """A descent from the same weights at the same rate with another momentum, and its losses."""

    momentum: float
    losses: Floats


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """The losses and kernels of a gradient descent.

    Attributes:
        losses: (epochs + 1,), the mean squared residual before the first epoch and after each.
        epochs: the epochs whose kernels are kept, among them the first and the last.
        kernels: the kernel after each of those epochs.
        rate: the learning rate, for pixels scaled to a mean square of 1.
        limit: the rate above which the loss grows.
        momentum: the share of each step that is added to the next.
        least: the loss of least squares, which is the smallest possible.
        best: the weights of least squares, in the shape of the kernels.
        alternative: a descent with another momentum that ends at a lower loss; None if the one
            that is usual (0.9, or 0 where ``momentum`` is not 0) does not.
        path: more epochs with their kernels, closer together at first: the frames of an animation.
        through: the function before the loss: ``relu``, or None for none.
        active: the share of windows whose value ReLU passes, at the end; 1 without ReLU.
        dead: the epoch from which on it passes no window; None while it passes some.

    Behind ReLU, ``best`` and ``least`` are those of least squares over the windows that it passes.
    """

    losses: Floats
    epochs: tuple[int, ...]
    kernels: tuple[Floats, ...]
    rate: float
    limit: float
    momentum: float
    least: float
    best: Floats
    alternative: Alternative | None = None
    path: tuple[tuple[int, Floats], ...] = ()
    through: str | None = None
    active: float = 1.0
    dead: int | None = None

    @property
    def distance(self) -> float:
        """The largest difference of any weight from that of least squares."""
        return float(np.abs(self.kernels[-1] - self.best).max())

    @property
    def converged(self) -> bool:
        """Whether that is at most 1 % of the largest weight of least squares; never if dead."""
        is_near = self.distance <= CONVERGED * float(np.abs(self.best).max())
        return self.dead is None and is_near

    def __repr__(self) -> str:
        first, last = self.losses[0], self.losses[-1]
        return f"History(epochs={len(self.losses) - 1}, loss={last:.6g}, from {first:.6g})"


@dataclass(frozen=True, eq=False)
class Estimate:
    """A kernel that turns one image into another, and how well it does.

    The attributes are explained at :class:`convcli.LearnResult`, which adds text and figure.
    """

    weights: Floats
    bias: float
    errors: Floats
    bias_error: float
    windows: int
    clipped: int
    residual: float
    r_squared: float | None
    condition: float
    match: Match | None
    rational: Rational | None
    history: History | None = None
    depth: int | None = None

    @property
    def kernel(self) -> Kernel:
        """The weights as a kernel, without the bias, which is in the units of the image."""
        return Kernel(self.weights, name="learned")

    @property
    def through(self) -> str | None:
        """The function between the sums and the second image: ``relu``, or None for none."""
        return None if self.history is None else self.history.through

    @property
    def has_bias(self) -> bool:
        """Whether the bias differs significantly from 0 (more than six standard errors)."""
        return abs(self.bias) > max(6 * self.bias_error, 1e-9)

    @property
    def level(self) -> int:
        """The size of an 8-bit level, the unit of a kernel's bias, in the images' units."""
        return level_of(self.depth)

    @property
    def channels(self) -> list[str]:
        """The names of the kernel's channels; one empty name for a 2-D kernel."""
        if self.weights.ndim == 2:
            return [""]
        return channel_names(len(self.weights))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the weights."""
        return np.array(self.weights, dtype=dtype, copy=copy)
