"""Gradient descent on the loss that least squares minimizes directly, to watch the learning.

The loss is the mean squared residual. Its gradient, ``2 (G w - c) / n``, needs only the sums of the
normal equations (G: gram, c: cross, n: count), so an epoch costs the same for any image. The pixels
are scaled to a mean square of 1 (about their means if a bias is fitted, which then follows from the
means), so that a learning rate means the same for every image; the weights do not change by that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convcli.core.dtypes import real_number
from convcli.errors import UsageError, short_repr
from convcli.teaching.learn.estimate import Floats, History
from convcli.teaching.learn.normal_equations import NormalEquations

_KEPT_EPOCHS = (0, 1, 5, 20, 100)
_MAX_EPOCHS = 1_000_000


class Descent(NamedTuple):
    """The settings of a gradient descent, as for :func:`convcli.learn_kernel`."""

    rate: float | None = None  # None for the inverse of the largest curvature
    epochs: int = 200
    momentum: float = 0.9
    seed: int = 0

    def check(self) -> None:
        """Check the values.

        Raises:
            UsageError: one of them is out of range.
        """
        if self.rate is not None and not 0 < real_number(self.rate, "rate") < np.inf:
            raise UsageError(f"rate must be a number above 0, not {self.rate:g}")
        if not 0 <= real_number(self.momentum, "momentum") < 1:
            raise UsageError(f"momentum must be from 0 to below 1, not {self.momentum:g}")
        whole: Any = int | np.integer
        if not isinstance(self.epochs, whole) or not 1 <= self.epochs <= _MAX_EPOCHS:
            raise UsageError(
                f"epochs must be a whole number from 1 to {_MAX_EPOCHS:,}, "
                f"not {short_repr(self.epochs)}"
            )
        if not isinstance(self.seed, whole) or self.seed < 0:
            raise UsageError(
                f"seed must be a whole number of at least 0, not {short_repr(self.seed)}"
            )


def descend(equations: NormalEquations, best: Floats, least: float, settings: Descent) -> History:
    """Descend from random weights with Polyak's momentum (heavy ball), all windows at each step.

    Args:
        equations: the normal equations.
        best: (n,), their solution.
        least: the loss of that solution.
        settings: of the descent.

    Raises:
        UsageError: the rate is too large, so the loss grows.
    """
    weights_count = len(best)
    scale = np.trace(equations.matrix) / weights_count  # the mean sum of squares of one pixel
    hessian = 2 * equations.matrix / scale
    curvature = 2 * float(equations.eigenvalues[-1])
    limit = 2 * (1 + settings.momentum) * scale / curvature
    rate = scale / curvature if settings.rate is None else settings.rate
    start = np.random.default_rng(settings.seed).normal(size=weights_count)
    weights = start / np.sqrt(weights_count)
    epochs = sorted({epoch for epoch in _KEPT_EPOCHS if epoch < settings.epochs})
    epochs.append(settings.epochs)
    kernels, losses, step = [], np.empty(settings.epochs + 1), np.zeros(weights_count)
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(settings.epochs + 1):
            if epoch:
                step = settings.momentum * step - rate * (hessian @ (weights - best))
                weights = weights + step
            away = weights - best
            losses[epoch] = least + away @ equations.matrix @ away / equations.count
            if epoch in epochs:
                kernels.append(weights)
    if not losses[-1] <= losses[0]:
        raise UsageError(
            f"the loss grows from {losses[0]:.4g} to {losses[-1]:.4g} in {settings.epochs} epochs; "
            f"the rate is {rate:.4g}, and only rates below {limit:.4g} converge"
        )
    return History(losses, tuple(epochs), tuple(kernels), rate, limit, settings.momentum, least)
