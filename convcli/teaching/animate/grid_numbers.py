"""How the numbers of a grid are written: with the same decimals in every frame."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.axes import MAX_TICKED, NUMBER_LINE, NUMBER_SHARE, widest_text
from convcli.plotting.labels import cell_texts, common_decimals
from convcli.plotting.style import theme

# isort: split
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Pair
from convcli.teaching.explain.grid_figure import LARGE_DIGITS

FEWER_DIGITS = 3, 2  # of the largest number, where more do not fit
_MOST_GRID, _MOST_SLIDE_GRID = 4.0, 3.4  # inches; a grid whose numbers need more has none


class GridNumbers(NamedTuple):
    """The numbers of a grid as they are written in all frames.

    Attributes:
        decimals: of all; None where they are so large or small that each has an exponent.
        widest: inches at 1 point of the widest number.
        is_rounded: whether digits are left out that have no room.
    """

    decimals: int | None
    widest: float
    is_rounded: bool = False

    @classmethod
    def of(
        cls,
        grids: Sequence[NDArray[Any]],
        shape: Pair,
        digits: int | None,
        significant: int | None = None,
    ) -> GridNumbers:
        """Return the numbers of grids with as many digits as fit into the largest grid.

        Args:
            grids: of some frames, or numbers like those of all frames.
            shape: rows and columns of a grid, with the gaps of a dilation.
            digits: decimals that were asked for; None for the usual ones.
            significant: digits of the largest number at most; None for the usual ones.
        """
        if max(shape) > MAX_TICKED:
            return cls(digits, 0.0)
        usual = LARGE_DIGITS if theme().is_fixed else None
        made: list[GridNumbers] = []
        for level in (usual, *FEWER_DIGITS) if digits is None else [None]:
            decimals = common_decimals(grids, level) if digits is None else digits
            widest = max(widest_text(cell_texts(each, decimals)) for each in grids)
            made.append(cls(decimals, widest, bool(made) and widest < made[0].widest))
            if len(made) > 1 and _vanish(grids, decimals):
                made.pop()
                break
            is_short = significant is None or (level or LARGE_DIGITS) <= significant
            if is_short and made[-1].fits(shape):
                return made[-1]
        return made[0]

    def fits(self, shape: Pair) -> bool:
        """Return whether a grid of this shape has room for its numbers."""
        points = theme().text
        width, height = self.widest * points / NUMBER_SHARE, points * NUMBER_LINE / 72
        if not theme().is_fixed:  # cells are square where a page may become higher
            width = height = max(width, height)
        return max(width * shape[1], height * shape[0]) <= most_of_a_grid()

    def texts(self, values: NDArray[Any]) -> list[str]:
        """Write the numbers of one frame, row by row; none of a large grid."""
        return cell_texts(values, self.decimals) if max(values.shape) <= MAX_TICKED else []


def most_of_a_grid() -> float:
    """Return the longest side of a grid with numbers in inches."""
    return _MOST_SLIDE_GRID if theme().is_fixed else _MOST_GRID


def _vanish(grids: Sequence[NDArray[Any]], decimals: int | None) -> bool:
    """Return whether more than a tenth of the numbers that are not 0 are written as 0."""
    numbers = np.concatenate([np.ravel(grid) for grid in grids])
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    written = np.array([float(text) for text in cell_texts(numbers, decimals)])
    return 10 * int((written == 0).sum()) > len(numbers)
