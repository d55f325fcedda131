"""A kernel as a schedule of passes over a strip, the fewer the better.

A pass adds, subtracts or multiplies whole strips. Three ideas save passes; all are exact in
integers:

- *Groups.* Taps of equal magnitude are added and subtracted first, then multiplied once.
- *Factors.* A separable kernel (rank 1) is a column times a row: ``kh + kw`` taps do the work of
  ``kh * kw``. A kernel that is a box except for a few taps (outline is ``9 * center - box``) is
  the box's column and row, and a rest.
- *Doubling.* Sums of n neighbors come from those of n/2: a column or row of n equal weights takes
  about ``log2(n)`` passes. A box of 127x127 takes 24 instead of 252.
"""

from collections import Counter
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import FEW_WEIGHTS
from convcli.core.factors import rank_one_factors
from convcli.geometry import Pair

COUNTED_WEIGHTS = 1 << 15  # of a bank
FEWEST_DOUBLED = 4  # taps; fewer save no pass


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


TapGroups = tuple[TapGroup, ...]


class TapSchedule:
    """The passes of one kernel: ``rest``, and ``column`` times ``row`` unless these are None.

    Passes are only counted here. :mod:`convcli.core.methods.passes` writes them out when a strip is
    summed; for a large kernel that takes longer than to sum a small image by another method.

    Attributes:
        rest: (C, kh, kw) weights.
        column: (1, kh, 1) weights.
        row: (1, 1, kw) weights.
        doubles: whether the column, and the row, are equal weights that are summed by doubling.
    """

    def __init__(
        self,
        rest: NDArray[Any],
        column: NDArray[Any] | None = None,
        row: NDArray[Any] | None = None,
        doubles: tuple[bool, bool] = (False, False),
    ) -> None:
        self.rest = rest
        self.column = column
        self.row = row
        self.doubles = doubles

    @cached_property
    def cost(self) -> int:
        """Number of passes over a strip, at most."""
        saved = (
            part.size - count_doublings(part.size)
            for part, doubled in zip((self.column, self.row), self.doubles, strict=True)
            if part is not None and doubled
        )
        return sum(map(count_passes, self._parts)) - sum(saved)

    @cached_property
    def taps(self) -> int:
        """Number of taps."""
        return sum(int(np.count_nonzero(part)) for part in self._parts)

    @property
    def l1_norm(self) -> float:
        """Sum of the magnitudes of all terms, even if factors and rest cancel."""
        rest, *factors = (float(np.abs(part, dtype=np.float64).sum()) for part in self._parts)
        return rest + (factors[0] * factors[1] if factors else 0)

    @property
    def _parts(self) -> list[NDArray[Any]]:
        return [part for part in (self.rest, self.column, self.row) if part is not None]


def direct_schedule(kernel: NDArray[Any]) -> TapSchedule:
    """Return the schedule of a (kh, kw) or (C, kh, kw) kernel that adds tap by tap."""
    return TapSchedule(kernel if kernel.ndim == 3 else kernel[np.newaxis])


def separable_schedule(kernel: NDArray[Any], stride: Pair = (1, 1)) -> TapSchedule | None:
    """Return a schedule of a (kh, kw) kernel that uses a column and a row, or None.

    With a stride, neighboring taps read different phases, which doubling cannot add.

    >>> outline = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
    >>> separable_schedule(outline).rest.tolist()
    [[[0, 0, 0], [0, 9, 0], [0, 0, 0]]]
    """
    factors = rank_one_factors(kernel)
    rest = np.zeros((1, 1, 1), kernel.dtype)
    if factors is None:
        if kernel.dtype.kind != "i":
            return None  # as column * row + rest, a weight of 0 would weigh NaN
        common = _most_common(kernel)
        if not common:
            return None
        factors = np.full(kernel.shape[0], common), np.ones(kernel.shape[1], np.int64)
        rest = (kernel - common)[np.newaxis]
    column, row = factors
    doubled, across = (
        step == 1 and len(part) >= FEWEST_DOUBLED and bool((part == part[0]).all())
        for part, step in zip(factors, stride, strict=True)
    )
    return TapSchedule(rest, column.reshape(1, -1, 1), row.reshape(1, 1, -1), (doubled, across))


def _most_common(kernel: NDArray[Any]) -> Any:
    """Return the weight that occurs most often, the least of several."""
    if kernel.size <= FEW_WEIGHTS:
        counts = Counter(kernel.ravel().tolist())
        return min(counts, key=lambda weight: (-counts[weight], weight))
    values, numbers = np.unique(kernel, return_counts=True)
    return values[numbers.argmax()]


def count_doublings(length: int) -> int:
    """Return the passes that sum ``length`` neighbors by doubling.

    >>> [count_doublings(length) for length in (2, 3, 8, 127)]
    [1, 2, 3, 12]
    """
    return length.bit_length() + length.bit_count() - 2


def shortest_schedule(kernel: NDArray[Any], stride: Pair = (1, 1)) -> TapSchedule:
    """Return the schedule of a kernel that takes fewer passes.

    >>> shortest_schedule(np.outer([1, 2, 1], [1, 2, 1])).taps
    6
    """
    direct = direct_schedule(kernel)
    separable = separable_schedule(kernel, stride) if kernel.ndim == 2 else None
    # Taps are counted in a fraction of the time that it takes to count their magnitudes.
    if separable is not None and separable.cost < direct.taps:
        return separable
    return direct if separable is None or direct.cost <= separable.cost else separable


def count_bank(bank: NDArray[Any]) -> tuple[int, int]:
    """Return the most taps of a filter, and about how many passes a (N, C, kh, kw) bank takes.

    Filters are not searched for equal magnitudes, which would take longer than most sums of banks:
    each weight other than 0 and 1 is a multiplication. Of a large bank, only some filters count.
    """
    some = bank[:: max(bank.size // COUNTED_WEIGHTS, 1)]
    taps = np.count_nonzero(some.reshape(len(some), -1), axis=1)
    ones = int(np.count_nonzero(np.abs(some) == 1))
    return int(taps.max()), (2 * int(taps.sum()) - ones) * len(bank) // len(some)


def count_passes(weights: NDArray[Any]) -> int:
    """Return the passes that a kernel takes at most: a tap each, and one for each magnitude.

    >>> count_passes(np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    7
    """
    if weights.size <= FEW_WEIGHTS:
        each = weights.ravel().tolist()
        return len(each) - each.count(0) + len({*map(abs, each), 0, 1}) - 2
    # Sorted, since np.unique takes three times as long.
    magnitudes = np.sort(np.abs(weights), axis=None)
    distinct = 1 + int(np.count_nonzero(magnitudes[1:] != magnitudes[:-1]))
    free = sum(number in magnitudes for number in (0, 1))
    return int(np.count_nonzero(weights)) + distinct - free


def group_taps(kernel: NDArray[Any]) -> TapGroups:
    """Group the taps of a (C, kh, kw) kernel by magnitude; 1 comes last, since it costs nothing.

    >>> sobel = np.array([[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]])
    >>> [(group.magnitude, len(group.plus), len(group.minus)) for group in group_taps(sobel)]
    [(2, 1, 1), (1, 2, 2)]
    """
    groups: dict[Any, tuple[list[Tap], list[Tap]]] = {}
    for channel, plane in enumerate(kernel.tolist()):
        for row, weights in enumerate(plane):
            for column, weight in enumerate(weights):
                if weight:
                    tap = Tap(channel, row, column)
                    groups.setdefault(abs(weight), ([], []))[int(weight < 0)].append(tap)
    ordered = sorted(groups.items(), key=lambda group: group[0] == 1)
    return tuple(TapGroup(size, tuple(plus), tuple(minus)) for size, (plus, minus) in ordered)
