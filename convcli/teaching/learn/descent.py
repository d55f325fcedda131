"""Gradient descent on the loss that least squares minimizes directly, to watch the learning.

The loss is the mean squared residual. Its gradient, ``2 (G w - c) / n``, needs only the sums of the
normal equations (G: gram, c: cross, n: count), so an epoch costs the same for any image. The pixels
are scaled to a mean square of 1 (about their means if a bias is fitted, which then follows from the
means), so that a learning rate means the same for every image; the weights do not change by that.

Along each eigenvector of G the descent is one of its own, of a single number: an epoch takes n
products where a gradient takes n^2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convcli.choices import THROUGH
from convcli.core.dtypes import real_number
from convcli.errors import UsageError, short_repr
from convcli.teaching.learn.estimate import Alternative, Floats, History
from convcli.teaching.learn.normal_equations import NormalEquations

_KEPT_EPOCHS = (0, 1, 5, 20, 100, 1000, 10_000)
_MOST_FRAMES = 80  # of an animation
_USUAL_MOMENTUM = 0.9  # of the descent to compare with one without momentum
_MAX_EPOCHS = 1_000_000


class Descent(NamedTuple):
    """The settings of a gradient descent, as for :func:`convcli.learn_kernel`."""

    rate: float | None = None  # None for the inverse of the largest curvature
    epochs: int = 200
    momentum: float = 0.0
    seed: int = 0
    through: str | None = None  # "relu": the loss is taken after ReLU

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
        known = isinstance(self.through, str) and self.through in THROUGH
        if self.through is not None and not known:
            raise UsageError(
                f"through must be one of {', '.join(THROUGH)}, not {short_repr(self.through)}"
            )


def descend(equations: NormalEquations, best: Floats, least: float, settings: Descent) -> History:
    """Descend from random weights with Polyak's momentum (heavy ball), all windows at each step.

    Without momentum, and at the rate that is used where none is given, the loss falls at every
    epoch.

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
    curvatures = 2 * equations.eigenvalues / scale
    limit = 2 * (1 + settings.momentum) / float(curvatures[-1])
    rate = 1 / float(curvatures[-1]) if settings.rate is None else settings.rate
    start_away = equations.eigenvectors.T @ (random_start(settings.seed, weights_count) - best)
    epochs, path = kept_epochs(settings.epochs), frame_epochs(settings.epochs)
    kept = {*epochs, *path}

    def losses_of(momentum: float) -> tuple[Floats, dict[int, Floats]]:
        """Return the loss after each epoch, and the kernels that are kept."""
        away, step = start_away, np.zeros(weights_count)  # from the best, along the eigenvectors
        losses, kernels = np.empty(settings.epochs + 1), {}
        with np.errstate(over="ignore", invalid="ignore"):
            for epoch in range(settings.epochs + 1):
                if epoch:
                    step = momentum * step - rate * (curvatures * away)
                    away = away + step
                losses[epoch] = least + away @ (equations.eigenvalues * away) / equations.count
                if epoch in kept:
                    kernels[epoch] = best + equations.eigenvectors @ away
        return losses, kernels

    losses, kernels = losses_of(settings.momentum)
    if not losses[-1] <= losses[0]:
        raise UsageError(
            f"the loss grows from {losses[0]:.4g} to {losses[-1]:.4g} in {settings.epochs} epochs; "
            f"the rate is {rate:.4g}, and only rates below {limit:.4g} converge"
        )
    other_momentum = 0.0 if settings.momentum else _USUAL_MOMENTUM
    other_losses, _ = losses_of(other_momentum)
    is_lower = other_losses[-1] < losses[-1]
    return History(
        losses,
        tuple(epochs),
        tuple(kernels[epoch] for epoch in epochs),
        rate,
        limit,
        settings.momentum,
        least,
        best,
        Alternative(other_momentum, other_losses) if is_lower else None,
        tuple((epoch, kernels[epoch]) for epoch in path),
    )


def random_start(seed: int, count: int) -> Floats:
    """Return the weights that a descent starts from, (n,)."""
    start: Floats = np.random.default_rng(seed).normal(size=count) / np.sqrt(count)
    return start


def kept_epochs(epochs: int) -> list[int]:
    """Return the epochs whose kernels are kept, the first and the last among them."""
    return [*(epoch for epoch in _KEPT_EPOCHS if epoch < epochs), epochs]


def frame_epochs(epochs: int) -> list[int]:
    """Return the epochs that an animation shows: close together at first, where most is learned.

    >>> frame_epochs(3), len(frame_epochs(10_000)) <= _MOST_FRAMES
    ([0, 1, 2, 3], True)
    """
    if epochs < _MOST_FRAMES:
        return list(range(epochs + 1))
    spread = np.rint(np.geomspace(1, epochs, _MOST_FRAMES - 1)).astype(int)
    return sorted({0, *spread.tolist()})
