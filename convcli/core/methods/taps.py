"""A kernel as a schedule of passes over a strip, the fewer the better.

A pass adds, subtracts or multiplies whole strips. Two ideas save passes; both are exact in
integers:

- *Groups.* Taps of equal magnitude are added and subtracted first, then multiplied once.
- *Factors.* A separable kernel (rank 1) is a column times a row: ``kh + kw`` taps do the work of
  ``kh * kw``. A kernel that is a box except for a few taps (outline is ``9 * center - box``) is
  the box's column and row, and a rest.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.factors import rank_one_factors


class Tap(NamedTuple):
    """The place of a nonzero weight; ``channel`` is 0 unless the kernel sums over channels."""

    channel: int
    row: int
    column: int


class TapGroup(NamedTuple):
    """Taps of one magnitude: ``magnitude * (sum of plus - sum of minus)``."""

    magnitude: Any
    plus: tuple[Tap, ...]
    minus: tuple[Tap, ...]


class TapSchedule(NamedTuple):
    """The passes of one kernel: ``rest``, and ``column`` times ``row`` unless these are empty."""

    rest: tuple[TapGroup, ...]
    column: tuple[TapGroup, ...] = ()
    row: tuple[TapGroup, ...] = ()

    @property
    def cost(self) -> int:
        """Number of passes over a strip."""
        groups = self.rest + self.column + self.row
        return self.taps + sum(int(group.magnitude != 1) for group in groups)

    @property
    def taps(self) -> int:
        """Number of taps."""
        return sum(len(plus) + len(minus) for _, plus, minus in self.rest + self.column + self.row)

    @property
    def roundings(self) -> int:
        """Bound the roundings that a term takes part in: two products, and the sums of all taps."""
        return self.taps + 2

    @property
    def l1_norm(self) -> float:
        """Sum of the magnitudes of all terms, even if factors and rest cancel."""
        rest, column, row = (
            sum(abs(float(size)) * (len(plus) + len(minus)) for size, plus, minus in groups)
            for groups in self
        )
        return rest + column * row


def direct_schedule(kernel: NDArray[Any]) -> TapSchedule:
    """Return the taps of a (kh, kw) or (C, kh, kw) kernel, grouped by magnitude.

    >>> [(group.magnitude, len(group.plus), len(group.minus))
    ...     for group in direct_schedule(np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])).rest]
    [(2, 1, 1), (1, 2, 2)]
    """
    return TapSchedule(_grouped(kernel if kernel.ndim == 3 else kernel[np.newaxis]))


def separable_schedule(kernel: NDArray[Any]) -> TapSchedule | None:
    """Return a schedule of a (kh, kw) kernel that uses a column and a row, or None.

    >>> outline = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
    >>> separable_schedule(outline).rest
    (TapGroup(magnitude=9, plus=(Tap(channel=0, row=1, column=1),), minus=()),)
    """
    rest = np.zeros_like(kernel)
    factors = rank_one_factors(kernel)
    if factors is None:
        if kernel.dtype.kind != "i":
            return None  # as column * row + rest, a weight of 0 would weigh NaN
        common, _ = Counter(kernel.ravel().tolist()).most_common(1)[0]
        if not common:
            return None
        factors = np.full(kernel.shape[0], common), np.ones(kernel.shape[1], np.int64)
        rest = kernel - common
    column, row = factors
    return TapSchedule(
        _grouped(rest[np.newaxis]),
        _grouped(column.reshape(1, -1, 1)),
        _grouped(row.reshape(1, 1, -1)),
    )


def shortest_schedule(kernel: NDArray[Any]) -> TapSchedule:
    """Return the schedule of a kernel that takes fewer passes.

    >>> shortest_schedule(np.outer([1, 2, 1], [1, 2, 1])).taps
    6
    """
    direct = direct_schedule(kernel)
    separable = separable_schedule(kernel) if kernel.ndim == 2 else None
    return direct if separable is None or direct.cost <= separable.cost else separable


def _grouped(kernel: NDArray[Any]) -> tuple[TapGroup, ...]:
    """Group the taps of a (C, kh, kw) kernel by magnitude; 1 comes last, since it costs nothing."""
    groups: dict[Any, tuple[list[Tap], list[Tap]]] = {}
    places = np.argwhere(kernel)
    weights = kernel[tuple(places.T)].tolist()
    for place, weight in zip(places.tolist(), weights, strict=True):
        groups.setdefault(abs(weight), ([], []))[int(weight < 0)].append(Tap(*place))
    ordered = sorted(groups.items(), key=lambda group: group[0] == 1)
    return tuple(TapGroup(size, tuple(plus), tuple(minus)) for size, (plus, minus) in ordered)
