"""The normal equations of least squares, from sums over all windows, and their solution.

``x`` is the vector of a window's n pixels and ``y`` is the value that the window gave, modeled as
``y = weights . x + bias``. Both count from an origin near their mean, so that the sums of squares
keep the digits in which pixels differ.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from convcli.errors import UsageError
from convcli.teaching.learn.estimate import Floats

_SINGULAR = 1e-12  # share of the largest eigenvalue; smaller ones are rounding errors
_FLAT = 1e-24  # the same, as a share of the squares of the pixels themselves


class Origin(NamedTuple):
    """The values that the pixels of each image count from."""

    before: float = 0.0
    after: float = 0.0


class NormalEquations:
    """The equations ``matrix @ weights = right_hand_side`` of least squares.

    Attributes:
        origin: what the sums count from.
        with_bias: whether a bias is fitted; the equations are then centered on the means.
        count: the number of windows.
        sums: (n,), the sums of ``x``.
        squares: the sum of ``y y``.
        spread: the sum of the squared differences of ``y`` from its mean.
        matrix: (n, n), the sums of ``x x'``.
        right_hand_side: (n,), the sums of ``x y``.
        eigenvalues: (n,), of the matrix, in ascending order.
        eigenvectors: (n, n), a column for each of them.
    """

    def __init__(self, products: Floats, origin: Origin, *, with_bias: bool) -> None:
        """Set up from the sums of products of every two of x, 1 and y, (n + 2, n + 2)."""
        self.origin, self.with_bias = origin, with_bias
        self.sums = products[-2, :-2]
        self.count, self._total, self.squares = products[[-2, -2, -1], [-2, -1, -1]].tolist()
        self.spread = max(self.squares - self._total**2 / self.count, 0.0)
        self.matrix, self.right_hand_side = products[:-2, :-2], self._centered(products[-1])
        if with_bias:
            self.matrix = self.matrix - np.outer(self.sums, self.sums) / self.count
        self.eigenvalues, self.eigenvectors = np.linalg.eigh(self.matrix)

    @property
    def condition(self) -> float:
        """The condition number of the matrix of all windows: its largest over least singular value.

        Singular values of that matrix are the square roots of the eigenvalues of this one.
        """
        return math.sqrt(self.eigenvalues[-1] / self.eigenvalues[0])

    def check(self) -> None:
        """Check that the equations have exactly one solution.

        Raises:
            UsageError: they have many.
        """
        values = self.eigenvalues
        floor = max(_SINGULAR * values[-1], _FLAT * self.count * self.origin.before**2)
        rank = int((values > floor).sum())
        if rank == 0:
            raise UsageError(
                "BEFORE is flat and does not determine the kernel: all kernels with the same sum "
                "give the same result; take an image with detail"
            )
        if rank < len(values):
            raise UsageError(
                f"BEFORE does not determine the kernel: of {len(values)} weights, only {rank} "
                "combinations show in it; take an image with more detail, or a smaller kernel"
            )

    def solve(self, right_hand_side: Floats) -> Floats:
        """Return the weights, (n,), that solve the equations for this right-hand side, (n,)."""
        vectors = self.eigenvectors
        solution: Floats = vectors @ ((vectors.T @ right_hand_side) / self.eigenvalues)
        return solution

    def unexplained(self, weights: Floats) -> float:
        """Return the sum of the squared residuals, up to rounding of the sums."""
        whole = self.spread if self.with_bias else self.squares
        right = self.right_hand_side
        return float(whole - 2 * weights @ right + weights @ self.matrix @ weights)

    def correction(self, residuals: Floats) -> Floats:
        """Return what to add to weights, (n,), from the sums of their residuals, (n + 2,)."""
        return self.solve(self._centered(residuals))

    def bias(self, weights: Floats) -> float:
        """Return the best bias for some weights, counted between the two origins."""
        return float(self._total - weights @ self.sums) / self.count if self.with_bias else 0.0

    def standard_errors(self, variance: float) -> Floats:
        """Return the standard error of each weight where every ``y`` has this variance.

        They are the roots of the diagonal of ``variance * inverse(matrix)``.
        """
        inverse = (self.eigenvectors**2 / self.eigenvalues).sum(axis=1)
        errors: Floats = np.sqrt(variance * inverse)
        return errors

    def _centered(self, products: Floats) -> Floats:
        """Return the sums of x times a value, centered if a bias is fitted."""
        cross, total = products[:-2], products[-2]
        return cross - self.sums * (total / self.count) if self.with_bias else cross
