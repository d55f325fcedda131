"""The normal equations of least squares: sums over all windows, and what solves them.

A window's pixels are ``x``, the value that it became is ``y``, and ``y = weights . x + bias``.
Both are counted from an origin of their own, near their means: sums of squares then keep the
digits that tell the pixels apart.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from convcli.errors import UsageError

Floats = NDArray[np.float64]

_SINGULAR = 1e-12  # of the largest eigenvalue; less is rounding
_FLAT = 1e-24  # of the squares of the pixels themselves, likewise


class _Sum(Protocol):
    def __add__(self, other: Any, /) -> Any: ...


Sum = TypeVar("Sum", bound=_Sum)


def added(parts: Sequence[Sum]) -> Sum:
    """Add sums up, in their order."""
    first, *others = parts
    return reduce(operator.add, others, first)


class Origin(NamedTuple):
    """What the pixels of each image are counted from."""

    before: float = 0.0
    after: float = 0.0


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over windows.

    Attributes:
        gram: (taps, taps), the sums of ``x x'``.
        cross: (taps,), the sums of ``x y``.
        sums: (taps,), the sums of ``x``.
        total: the sum of ``y``.
        squares: the sum of ``y y``.
        count: how many windows.
    """

    gram: Floats
    cross: Floats
    sums: Floats
    total: float
    squares: float
    count: float

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.gram + other.gram,
            self.cross + other.cross,
            self.sums + other.sums,
            self.total + other.total,
            self.squares + other.squares,
            self.count + other.count,
        )

    @classmethod
    def of_products(cls, products: Floats) -> "Moments":
        """Take the products, each with each, of the rows x, 1, y."""
        gram = products[:-2, :-2]
        *cross, total, squares = products[-1].tolist()
        *sums, count, _ = products[-2].tolist()
        return cls(gram, np.array(cross), np.array(sums), total, squares, count)

    @property
    def spread(self) -> float:
        """The sum of the squared differences of ``y`` from its mean."""
        return max(self.squares - self.total**2 / self.count, 0.0)


@dataclass(frozen=True, eq=False)
class Residuals:
    """Sums over windows of what a kernel leaves unexplained, ``r = y - weights . x - bias``.

    Attributes:
        cross: (taps,), the sums of ``x r``.
        total: the sum of ``r``.
        squares: the sum of ``r r``.
    """

    cross: Floats
    total: float
    squares: float

    def __add__(self, other: "Residuals") -> "Residuals":
        return Residuals(
            self.cross + other.cross, self.total + other.total, self.squares + other.squares
        )


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """The normal equations, ready to be solved.

    Attributes:
        moments: the sums that they are made of.
        origin: what those count from.
        with_bias: whether a bias is fitted; the equations are about the means then.
    """

    moments: Moments
    origin: Origin
    with_bias: bool

    @cached_property
    def matrix(self) -> Floats:
        """The sums of ``x x'``, about the means where a bias is fitted."""
        m = self.moments
        return m.gram - np.outer(m.sums, m.sums) / m.count if self.with_bias else m.gram

    @cached_property
    def right(self) -> Floats:
        """The sums of ``x y``, likewise."""
        return self._about_means(self.moments.cross, self.moments.total)

    @cached_property
    def _eigen(self) -> tuple[Floats, Floats]:
        values, vectors = np.linalg.eigh(self.matrix)
        return values, vectors

    @property
    def greatest(self) -> float:
        """The largest eigenvalue."""
        return float(self._eigen[0][-1])

    @property
    def condition(self) -> float:
        """The largest over the least singular value of the matrix of all windows."""
        values = self._eigen[0]
        return math.sqrt(values[-1] / values[0])

    def check(self) -> None:
        """See that the equations have one solution.

        Raises:
            UsageError: they have many.
        """
        values = self._eigen[0]
        m = self.moments
        floor = max(_SINGULAR * values[-1], _FLAT * m.count * self.origin.before**2)
        rank = int((values > floor).sum())
        if rank == 0:
            raise UsageError(
                "BEFORE is flat and does not determine the kernel: kernels of one sum all make "
                "the same of it; take an image with detail"
            )
        if rank < len(values):
            raise UsageError(
                f"BEFORE does not determine the kernel: of {len(values)} weights, only {rank} "
                "combinations show in it; take an image with more detail, or a smaller kernel"
            )

    def solve(self, right: Floats) -> Floats:
        """Return the weights that make the right-hand side, (taps,)."""
        values, vectors = self._eigen
        solution: Floats = vectors @ ((vectors.T @ right) / values)
        return solution

    def unexplained(self, weights: Floats) -> float:
        """Return the sum of the squared residuals, up to rounding of what it is taken from."""
        whole = self.moments.spread if self.with_bias else self.moments.squares
        return float(whole - 2 * weights @ self.right + weights @ self.matrix @ weights)

    def correction(self, residuals: Residuals) -> Floats:
        """Return what to add to the weights that left these residuals."""
        return self.solve(self._about_means(residuals.cross, residuals.total))

    def bias(self, weights: Floats) -> float:
        """Return the best bias for some weights, between the two origins."""
        m = self.moments
        return float((m.total - weights @ m.sums) / m.count) if self.with_bias else 0.0

    def deviations(self, variance: float) -> Floats:
        """Return the standard error of each weight, where each ``y`` has this variance."""
        values, vectors = self._eigen
        errors: Floats = np.sqrt(variance * (vectors**2 / values).sum(axis=1))
        return errors

    def _about_means(self, cross: Floats, total: float) -> Floats:
        m = self.moments
        return cross - m.sums * (total / m.count) if self.with_bias else cross
