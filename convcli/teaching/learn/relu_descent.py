"""Gradient descent on the loss after ReLU, ``mean((relu(w . x + b) - y)**2)``.

This loss has no closed form: each epoch goes through all windows. Those whose value is not above 0
have no slope; a filter all of whose windows are there is dead, and learns no more (Glorot, Bordes
and Bengio, *Deep sparse rectifier neural networks*, 2011).

As in the descent without ReLU, pixels are scaled to a mean square of 1, about their means if a bias
is fitted. Where ReLU passes, the loss is quadratic, and its minimum there says how far the descent
has come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from convcli.errors import UsageError
from convcli.teaching.learn.descent import Descent, frame_epochs, kept_epochs, random_start
from convcli.teaching.learn.estimate import Floats, History
from convcli.teaching.learn.normal_equations import NormalEquations

_MOST_KEPT = 1 << 27  # bytes of tiles that are kept; more are made again in each epoch

Tiles = Callable[[], Iterable[Floats]]  # (n + 2, positions): pixels, ones and values


class ReluFit(NamedTuple):
    """A filter in front of ReLU.

    Attributes:
        history: losses and weights, (n,).
        bias: counted between the images themselves.
        errors: the standard error of each weight, (n,), over the windows that pass; NaN if none do.
        bias_error: that of the bias; 0 if none is fitted.
    """

    history: History
    bias: float
    errors: Floats
    bias_error: float


class _Sums(NamedTuple):
    """Sums over all windows for some weights."""

    loss: float
    slope: Floats  # of the loss by the weights, (n,)
    bias_slope: float
    active: int  # windows whose value is above 0


def descend_through_relu(equations: NormalEquations, tiles: Tiles, settings: Descent) -> ReluFit:
    """Descend from random weights, all windows at each step.

    Args:
        equations: the normal equations of all windows.
        tiles: returns the windows, counted from the origin of the equations.
        settings: of the descent.

    Raises:
        UsageError: the rate is too large, so the loss grows.
    """
    model = _Model(equations, _kept(tiles))
    count = len(equations.sums)
    squares = float(np.trace(equations.matrix))
    scale = squares / count / equations.count  # the mean square of one pixel
    curvature = 2 * float(equations.eigenvalues[-1]) / equations.count / scale
    limit = 2 * (1 + settings.momentum) / curvature
    rate = 1 / curvature if settings.rate is None else settings.rate
    weights = random_start(settings.seed, count)
    bias = float(weights @ model.means)  # about the means: 0 between the images themselves
    step, bias_step = np.zeros(count), 0.0
    epochs, path = kept_epochs(settings.epochs), frame_epochs(settings.epochs)
    kept, losses, kernels = {*epochs, *path}, np.empty(settings.epochs + 1), {}
    dead: int | None = None
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(settings.epochs + 1):
            sums = model.sums(weights, bias)
            losses[epoch] = sums.loss
            if epoch in kept:
                kernels[epoch] = weights
            dead = None if sums.active else epoch if dead is None else dead
            if epoch == settings.epochs:
                break
            step = settings.momentum * step - rate * sums.slope / scale
            weights = weights + step
            if equations.with_bias:
                bias_step = settings.momentum * bias_step - rate * sums.bias_slope
                bias += bias_step
    if not losses[-1] <= losses[0]:
        raise UsageError(
            f"the loss grows from {losses[0]:.4g} to {losses[-1]:.4g} in {settings.epochs} epochs; "
            f"the rate is {rate:.4g}; rates below {limit:.4g} are safer"
        )
    best, least, errors, bias_error = weights, float(losses[-1]), np.full(count, np.nan), 0.0
    if dead is None:
        best, best_bias, errors, bias_error = model.best(weights, bias, sums)
        least = model.sums(best, best_bias).loss
    history = History(
        losses, tuple(epochs), tuple(kernels[epoch] for epoch in epochs), rate, limit,
        settings.momentum, least, best, None, tuple((epoch, kernels[epoch]) for epoch in path),
        "relu", sums.active / equations.count, dead,
    )  # fmt: skip
    return ReluFit(history, bias - float(weights @ model.means), errors, bias_error)


def _kept(tiles: Tiles) -> Tiles:
    """Return the same tiles from memory, if they are not too many."""
    kept, size = [], 0
    for tile in tiles():
        size += tile.nbytes
        if size > _MOST_KEPT:
            return tiles
        kept.append(tile.copy())
    return lambda: kept


class _Model:
    """The windows, and the sums over them.

    Attributes:
        means: of the pixels, (n,), about which they count; 0 without a bias.
    """

    def __init__(self, equations: NormalEquations, tiles: Tiles) -> None:
        self.equations, self.tiles = equations, tiles
        centers = equations.sums / equations.count  # from the origin
        self.centers = centers if equations.with_bias else np.zeros_like(centers)
        self.means = self.centers + equations.origin.before  # which is 0 without a bias

    def values(self, weights: Floats, bias: float) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Yield tiles, with the value of each window and what it ought to be; 0 where masked."""
        shift, after = bias - float(weights @ self.centers), self.equations.origin.after
        for tile in self.tiles():
            pixels, ones, target = tile[:-2], tile[-2], tile[-1]
            yield tile, weights @ pixels + shift * ones, target + after * ones

    def sums(self, weights: Floats, bias: float) -> _Sums:
        """Return the loss, its slopes, and how many windows pass."""
        squares, slope, total, active = 0.0, np.zeros(len(weights)), 0.0, 0
        for tile, values, target in self.values(weights, bias):
            passes = values > 0
            error = np.where(passes, values, 0.0) - target
            squares += float(error @ error)
            error[~passes] = 0.0
            slope += tile[:-2] @ error
            total += float(error.sum())
            active += int(np.count_nonzero(passes))
        slope -= self.centers * total
        factor = 2 / self.equations.count
        return _Sums(squares / self.equations.count, factor * slope, factor * total, active)

    def best(
        self, weights: Floats, bias: float, sums: _Sums
    ) -> tuple[Floats, float, Floats, float]:
        """Return the least squares solution over the windows that pass, and its errors.

        Returns:
            The weights, the bias about the means, and the standard errors of both.
        """
        terms = len(weights) + 1
        gram, squares = np.zeros((terms, terms)), 0.0
        for tile, values, target in self.values(weights, bias):
            passes = values > 0
            matrix = np.vstack([tile[:-2] - np.outer(self.centers, tile[-2]), tile[-2]])[:, passes]
            gram += matrix @ matrix.T
            squares += float(((values - target)[passes] ** 2).sum())
        slope = np.append(sums.slope, sums.bias_slope) * self.equations.count / 2
        if not self.equations.with_bias:
            gram[-1], gram[:, -1], slope[-1] = 0.0, 0.0, 0.0
        inverse = np.linalg.pinv(gram, hermitian=True)
        change = inverse @ slope
        variance = squares / max(sums.active - terms, 1)
        errors = np.sqrt(variance * np.diag(inverse).clip(0))
        means = np.append(-self.means, 1.0)
        bias_error = math.sqrt(max(variance * float(means @ inverse @ means), 0.0))
        best_bias = bias - float(change[-1])
        return weights - change[:-1], best_bias, errors[:-1], bias_error
