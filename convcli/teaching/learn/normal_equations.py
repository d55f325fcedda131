"""The normal equations of least squares: sums over all windows, and their solution.

``x`` is the vector of a window's pixels and ``y`` is the value that the window gave, modeled as
``y = weights . x + bias``. Both count from an origin near their mean, so that the sums of squares
keep the digits in which pixels differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from convcli.errors import UsageError

Floats = NDArray[np.float64]

_SINGULAR = 1e-12  # share of the largest eigenvalue; smaller ones are rounding errors
_FLAT = 1e-24  # the same, as a share of the squares of the pixels themselves


class Origin(NamedTuple):
    """The values that the pixels of each image count from."""

    before: float = 0.0
    after: float = 0.0


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over some windows, which can be added to those over other windows."""

    def __add__(self, other: Self) -> Self:
        names = (field.name for field in fields(self))
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, eq=False)
class Moments(Sums):
    """The sums that the normal equations consist of; n is the number of weights.

    Attributes:
        gram: (n, n), the sums of ``x x'``.
        cross: (n,), the sums of ``x y``.
        sums: (n,), the sums of ``x``.
        total: the sum of ``y``.
        squares: the sum of ``y y``.
        count: the number of windows.
    """

    gram: Floats
    cross: Floats
    sums: Floats
    total: float
    squares: float
    count: float

    @classmethod
    def of_products(cls, products: Floats) -> Moments:
        """Take the sums from the products of every two of x, 1 and y, (n + 2, n + 2)."""
        gram = products[:-2, :-2]
        *cross, total, squares = products[-1].tolist()
        *sums, count, _ = products[-2].tolist()
        return cls(gram, np.array(cross), np.array(sums), total, squares, count)

    @property
    def spread(self) -> float:
        """The sum of the squared differences of ``y`` from its mean."""
        return max(self.squares - self.total**2 / self.count, 0.0)


@dataclass(frozen=True, eq=False)
class Residuals(Sums):
    """Sums of the residuals of a kernel, ``r = y - weights . x - bias``.

    Attributes:
        cross: (n,), the sums of ``x r``.
        total: the sum of ``r``.
        squares: the sum of ``r r``.
    """

    cross: Floats
    total: float
    squares: float


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """The normal equations and their solution.

    Attributes:
        moments: the sums that they consist of.
        origin: what the sums count from.
        with_bias: whether a bias is fitted; the equations are then centered on the means.
    """

    moments: Moments
    origin: Origin
    with_bias: bool

    @cached_property
    def matrix(self) -> Floats:
        """The left-hand side: the sums of ``x x'``, centered on the means if a bias is fitted."""
        m = self.moments
        return m.gram - np.outer(m.sums, m.sums) / m.count if self.with_bias else m.gram

    @cached_property
    def right_hand_side(self) -> Floats:
        """The right-hand side: the sums of ``x y``, centered likewise."""
        return self._centered(self.moments.cross, self.moments.total)

    @cached_property
    def _eigen(self) -> tuple[Floats, Floats]:
        values, vectors = np.linalg.eigh(self.matrix)
        return values, vectors

    @property
    def largest_eigenvalue(self) -> float:
        """The largest eigenvalue of the matrix."""
        return float(self._eigen[0][-1])

    @property
    def condition(self) -> float:
        """The condition number of the matrix of all windows: its largest over least singular value.

        Singular values of that matrix are the square roots of the eigenvalues of this one.
        """
        values = self._eigen[0]
        return math.sqrt(values[-1] / values[0])

    def check(self) -> None:
        """Check that the equations have exactly one solution.

        Raises:
            UsageError: they have many.
        """
        values = self._eigen[0]
        m = self.moments
        floor = max(_SINGULAR * values[-1], _FLAT * m.count * self.origin.before**2)
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
        values, vectors = self._eigen
        solution: Floats = vectors @ ((vectors.T @ right_hand_side) / values)
        return solution

    def unexplained(self, weights: Floats) -> float:
        """Return the sum of the squared residuals, up to rounding of the sums."""
        whole = self.moments.spread if self.with_bias else self.moments.squares
        right = self.right_hand_side
        return float(whole - 2 * weights @ right + weights @ self.matrix @ weights)

    def correction(self, residuals: Residuals) -> Floats:
        """Return what to add to the weights that left these residuals."""
        return self.solve(self._centered(residuals.cross, residuals.total))

    def bias(self, weights: Floats) -> float:
        """Return the best bias for some weights, counted between the two origins."""
        m = self.moments
        return float((m.total - weights @ m.sums) / m.count) if self.with_bias else 0.0

    def standard_errors(self, variance: float) -> Floats:
        """Return the standard error of each weight where every ``y`` has this variance.

        They are the roots of the diagonal of ``variance * inverse(matrix)``.
        """
        values, vectors = self._eigen
        errors: Floats = np.sqrt(variance * (vectors**2 / values).sum(axis=1))
        return errors

    def _centered(self, cross: Floats, total: float) -> Floats:
        m = self.moments
        return cross - m.sums * (total / m.count) if self.with_bias else cross
