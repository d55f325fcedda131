"""The result of learning a kernel, as :func:`convcli.learn_kernel` returns it."""

from __future__ import annotations

from dataclasses import dataclass

from convcli.geometry import size_text
from convcli.teaching.learn.estimate import Estimate
from convcli.teaching.learn.text import learned_html, learned_text


@dataclass(frozen=True, eq=False, repr=False)
class LearnResult(Estimate):
    """A kernel that turns one image into another, and how well it does.

    The attributes are those of :class:`~convcli.teaching.learn.estimate.Estimate`.

    >>> import numpy as np
    >>> from convcli import cross_correlate, learn_kernel
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> learn_kernel(image, cross_correlate(image, "plus"))  # doctest: +ELLIPSIS
    LearnResult(3x3, residual=..., match='plus')
    """

    def __repr__(self) -> str:
        size = size_text(self.weights.shape[-2:])
        match = self.match.spec if self.match else None
        return f"LearnResult({size}, residual={self.residual:.3g}, match={match!r})"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return learned_html(self)

    def text(self, digits: int | None = None) -> str:
        """Return the kernel and how well it fits, as ``convcli learn`` prints it.

        ``str(result)`` is the same with the digits that are worth showing.

        Args:
            digits: decimals of the weights; None for those worth showing.
        """
        return learned_text(self, digits=digits)
