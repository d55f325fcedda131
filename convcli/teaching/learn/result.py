"""What is known of a kernel that was learned from images."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images.channels import channel_names
from convcli.kernels.kernel import Kernel

Floats = NDArray[np.float64]


class Match(NamedTuple):
    """A kernel with a name that a learned one is, or comes near.

    Attributes:
        spec: the kernel's SPEC.
        also: other names of the same weights.
        flipped: whether it is turned by half a turn, as a convolution does.
        scale: what its weights are to be multiplied by.
        difference: the largest, of any weight.
        certain: whether the difference is within what the images leave open.
    """

    spec: str
    also: tuple[str, ...]
    flipped: bool
    scale: float
    difference: float
    certain: bool


class Rational(NamedTuple):
    """Whole numbers over one divisor: weights as somebody wrote them down."""

    matrix: NDArray[np.int64]
    divisor: int


@dataclass(frozen=True, eq=False)
class History:
    """How gradient descent went.

    Attributes:
        losses: the mean squared residual before the first epoch and after each.
        epochs: some epochs, the first and the last among them.
        kernels: the weights after each of those.
        rate: the step, for pixels scaled to a mean square of 1 about what the bias takes off.
        limit: the rate from which on the loss grows.
        momentum: what is kept of each step for the next.
        least: the loss of least squares, below which no kernel gets.
    """

    losses: Floats
    epochs: tuple[int, ...]
    kernels: tuple[Floats, ...]
    rate: float
    limit: float
    momentum: float
    least: float


@dataclass(frozen=True, eq=False)
class LearnResult:
    """A kernel that turns one image into another, and how well it does.

    Attributes:
        weights: (kh, kw), or (C, kh, kw) where it makes one channel of all; as the operation
            takes it, so that a convolution's is flipped once more when it is applied.
        bias: what is added, in the units of the second image.
        errors: the standard error of each weight.
        bias_error: that of the bias, 0 where none was fitted.
        windows: how many values were compared.
        clipped: how many of them were black or white.
        residual: the root of the mean squared difference between the second image and the one
            that the kernel makes of the first.
        r_squared: the share of the second image's variance that it explains; None where that
            image is flat.
        condition: the largest over the least singular value of the matrix of all windows; by so
            much the images' noise may be magnified in the weights.
        match: the kernel with a name that it is or comes nearest to, None where none is near.
        rational: the same weights as whole numbers over a divisor, None where they are none.
        course: how descent went, None for least squares.
        depth: bits of the first image's pixels, None for plain numbers.
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
    course: History | None = None
    depth: int | None = None

    @property
    def kernel(self) -> Kernel:
        """The weights as a kernel, without the bias, whose unit is the image's."""
        return Kernel(self.weights, name="learned")

    @property
    def has_bias(self) -> bool:
        """Whether the bias is more than what noise makes of 0."""
        return abs(self.bias) > max(6 * self.bias_error, 1e-9)

    @property
    def level(self) -> int:
        """What an 8-bit level, the unit of a kernel's bias, is in the images' numbers."""
        return 1 if self.depth is None else (2**self.depth - 1) // 255

    @property
    def channels(self) -> list[str]:
        """The names of the kernel's channels: nothing for the one of a 2-D kernel."""
        if self.weights.ndim == 2:
            return [""]
        return channel_names(len(self.weights), self.depth)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the weights."""
        return np.array(self.weights, dtype=dtype, copy=copy)
