"""Gradient descent on the squares that least squares solves at once: to watch it learn.

The loss is the mean squared residual. Its gradient, ``2 (G w - c) / n``, needs no pixel but the
sums of the normal equations. Rates mean the same for every image, because the pixels are scaled
to a mean square of 1 (about their means where a bias is fitted: the bias then follows from the
means); that leaves the weights as they are.
"""

from typing import NamedTuple

import numpy as np

from convcli.errors import UsageError
from convcli.teaching.learn.normal_equations import NormalEquations
from convcli.teaching.learn.result import Floats, History

_SHOWN = (0, 1, 5, 20, 100)
_MOST_EPOCHS = 1_000_000


class Descent(NamedTuple):
    """How to descend.

    Attributes:
        rate: the step; None for the inverse of the steepest curvature.
        epochs: how many steps.
        momentum: the share of each step that is kept for the next, from 0 to below 1.
        seed: of the random weights at the start.
    """

    rate: float | None = None
    epochs: int = 200
    momentum: float = 0.9
    seed: int = 0

    def check(self) -> None:
        """See that the numbers make sense.

        Raises:
            UsageError: they do not.
        """
        if self.rate is not None and not 0 < self.rate < np.inf:
            raise UsageError(f"rate must be a number above 0, not {self.rate:g}")
        if not 0 <= self.momentum < 1:
            raise UsageError(f"momentum must be from 0 to below 1, not {self.momentum:g}")
        if not _whole(self.epochs) or not 1 <= self.epochs <= _MOST_EPOCHS:
            raise UsageError(
                f"epochs must be a whole number from 1 to {_MOST_EPOCHS}, not {self.epochs}"
            )
        if not _whole(self.seed) or self.seed < 0:
            raise UsageError(f"seed must be a whole number, at least 0, not {self.seed}")


def descend(normal: NormalEquations, best: Floats, least: float, settings: Descent) -> History:
    """Descend from random weights, (taps,); heavy ball, all windows at every step.

    Args:
        normal: the equations.
        best: their solution.
        least: its loss.
        settings: how to descend.

    Raises:
        UsageError: the loss grows, since the rate is too large.
    """
    count, taps = normal.moments.count, len(best)
    scale = np.trace(normal.matrix) / taps  # the sum of the squares of one tap, on average
    hessian = 2 * normal.matrix / scale
    limit = 2 * (1 + settings.momentum) * scale / (2 * normal.greatest)
    rate = scale / (2 * normal.greatest) if settings.rate is None else settings.rate
    weights = np.random.default_rng(settings.seed).normal(size=taps) / np.sqrt(taps)
    shown = sorted({epoch for epoch in _SHOWN if epoch < settings.epochs} | {settings.epochs})
    kept, losses, step = [], np.empty(settings.epochs + 1), np.zeros(taps)
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(settings.epochs + 1):
            if epoch:
                step = settings.momentum * step - rate * (hessian @ (weights - best))
                weights = weights + step
            away = weights - best
            losses[epoch] = least + away @ normal.matrix @ away / count
            if epoch in shown:
                kept.append(weights)
    course = History(losses, tuple(shown), tuple(kept), rate, limit, settings.momentum, least)
    _check(course)
    return course


def _whole(number: object) -> bool:
    return isinstance(number, int | np.integer)


def _check(course: History) -> None:
    first, last = course.losses[0], course.losses[-1]
    if not last <= first:
        raise UsageError(
            f"the loss grows, from {first:.4g} to {last:.4g} in {len(course.losses) - 1} epochs: "
            f"a rate below {course.limit:.4g} converges, and this one is {course.rate:.4g}"
        )
