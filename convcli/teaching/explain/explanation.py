"""The explanation of one value of a feature map, as :func:`convcli.explain` returns it."""

from __future__ import annotations

from dataclasses import dataclass

from convcli.teaching.explain.computation import Computation
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.text import explanation_html, explanation_text


@dataclass(frozen=True, repr=False)
class Explanation(Computation):
    """How one value of a feature map is computed, with every number.

    The attributes are those of :class:`~convcli.teaching.explain.computation.Computation`.

    >>> from convcli import explain
    >>> explain([[3, 4]], [[1, 2]], (0, 1), border="zero")
    Explanation(kernel='1 2', at=(0, 1), pixels=(4,))
    """

    def __repr__(self) -> str:
        pixels = tuple(output.pixel for output in as_shown(self).outputs)
        return f"Explanation(kernel={self.kernel!r}, at={self.at}, pixels={pixels})"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return explanation_html(self)

    def text(self, digits: int | None = None) -> str:
        """Return the whole computation as ``convcli explain`` prints it, at most 80 letters wide.

        ``str(explanation)`` is the same with the reliable digits.

        Args:
            digits: decimals of every number; None for the reliable ones.

        >>> from convcli import explain
        >>> print(explain([[3, 4]], [[1, 2]], (0, 1), border="zero"))
        1 2 at row 0, column 1 of the 2x1 feature map (correlate: not flipped)
        window: row 0, columns 1 to 2 of the 2x1 input; in brackets: padding (zero)
        <BLANKLINE>
        window     kernel   pixel*weight
           1   2
        0  4 [0]   1 2      4 0
        <BLANKLINE>
        sum       (4*1) + (0*2) = 4
        pixel     4
        """
        return explanation_text(self, digits=digits)
