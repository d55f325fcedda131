"""A kernel as the fewest passes over a strip: grouped taps, and two short kernels for a long one.

A pass adds, subtracts or multiplies whole strips. Two ideas save passes, both exact in integers:

- *Groups.* Taps of equal magnitude are added and subtracted first, and multiplied once.
- *Factors.* A kernel of rank 1 is a column times a row: ``kh + kw`` taps do the work of
  ``kh * kw``. A kernel that is a box but for a few taps (outline is ``9 * center - box``) is the
  box's column and row, and a rest.
"""

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.geometry import Pair

RANK_ONE = 1e-14  # what each weight of a factored float kernel may be off by, relatively


class Tap(NamedTuple):
    """Where a weight other than 0 stands; ``channel`` is 0 where channels are not summed."""

    channel: int
    row: int
    column: int


class Group(NamedTuple):
    """``magnitude`` times the sum of what is under ``plus`` less what is under ``minus``."""

    magnitude: Any
    plus: tuple[Tap, ...]
    minus: tuple[Tap, ...]


class TapSchedule(NamedTuple):
    """What is summed: ``rest`` and, if there are any, the taps of ``column`` times ``row``."""

    rest: tuple[Group, ...]
    column: tuple[Group, ...] = ()
    row: tuple[Group, ...] = ()

    @property
    def cost(self) -> int:
        """How many passes over a strip it takes."""
        groups = self.rest + self.column + self.row
        return self.taps + sum(int(group.magnitude != 1) for group in groups)

    @property
    def taps(self) -> int:
        """How many taps are looked at."""
        return sum(len(plus) + len(minus) for _, plus, minus in self.rest + self.column + self.row)

    @property
    def l1_norm(self) -> float:
        """Sum of the magnitudes that take part, those that cancel between factors and rest too."""
        rest, column, row = (
            sum(
                abs(float(group.magnitude)) * (len(group.plus) + len(group.minus)) for group in part
            )
            for part in (self.rest, self.column, self.row)
        )
        return rest + column * row

    @property
    def method(self) -> str:
        """``separable`` where factors do part of the work, else ``direct``."""
        return "separable" if self.column else "direct"


def direct_passes(kernel: NDArray[Any]) -> TapSchedule:
    """Return the taps of a (kh, kw) or (C, kh, kw) kernel as they are.

    >>> [(group.magnitude, len(group.plus), len(group.minus))
    ...     for group in direct_passes(np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])).rest]
    [(2, 1, 1), (1, 2, 2)]
    """
    return TapSchedule(_grouped(kernel if kernel.ndim == 3 else kernel[np.newaxis]))


def separable_passes(kernel: NDArray[Any]) -> TapSchedule | None:
    """Return a (kh, kw) kernel with a column and a row in place of most taps, or None.

    >>> outline = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
    >>> separable_passes(outline).rest
    (Group(magnitude=9, plus=(Tap(channel=0, row=1, column=1),), minus=()),)
    """
    factors = _integer_factors(kernel) if kernel.dtype.kind == "i" else _float_factors(kernel)
    if factors is not None:
        return _factored(kernel, *factors, rest=np.zeros_like(kernel))
    if kernel.dtype.kind != "i":
        return None  # a rest would bring back NaN from under weights that cancel to 0
    common, _ = Counter(kernel.ravel().tolist()).most_common(1)[0]
    column, row = np.full(kernel.shape[0], common), np.ones(kernel.shape[1], np.int64)
    return _factored(kernel, column, row, rest=kernel - common) if common else None


def fewest_passes(kernel: NDArray[Any]) -> TapSchedule:
    """Return whichever form of a kernel takes fewer passes.

    >>> fewest_passes(np.outer([1, 2, 1], [1, 2, 1])).method
    'separable'
    """
    direct = direct_passes(kernel)
    factored = separable_passes(kernel) if kernel.ndim == 2 else None
    return min((form for form in (direct, factored) if form is not None), key=lambda f: f.cost)


def _grouped(kernel: NDArray[Any]) -> tuple[Group, ...]:
    """Gather the taps of a (C, kh, kw) kernel by magnitude, 1 last: it is added without a pass."""
    groups: dict[Any, tuple[list[Tap], list[Tap]]] = {}
    places = np.argwhere(kernel)
    weights = kernel[tuple(places.T)].tolist()
    for place, weight in zip(places.tolist(), weights, strict=True):
        groups.setdefault(abs(weight), ([], []))[int(weight < 0)].append(Tap(*place))
    ordered = sorted(groups.items(), key=lambda group: group[0] == 1)
    return tuple(Group(size, tuple(plus), tuple(minus)) for size, (plus, minus) in ordered)


def _factored(
    kernel: NDArray[Any], column: NDArray[Any], row: NDArray[Any], rest: NDArray[Any]
) -> TapSchedule:
    down, across = column.reshape(1, -1, 1), row.reshape(1, 1, -1)
    return TapSchedule(_grouped(rest[np.newaxis]), _grouped(down), _grouped(across))


def _integer_factors(kernel: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return integers ``column`` and ``row`` whose outer product is the kernel, or None."""
    rows = [row for row in kernel.tolist() if any(row)]
    if not rows:
        return None
    divisor = math.gcd(*rows[0])
    row = np.array([weight // divisor for weight in rows[0]])
    place = int(np.argmax(row != 0))
    column = kernel[:, place] // row[place]
    return (column, row) if np.array_equal(np.outer(column, row), kernel) else None


def _float_factors(kernel: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return reals ``column`` and ``row`` whose outer product is the kernel, or None."""
    place: Pair = divmod(int(np.abs(kernel).argmax()), kernel.shape[1])
    pivot = kernel[place]
    if pivot == 0:
        return None
    column, row = kernel[:, place[1]], kernel[place[0]] / pivot
    product = np.outer(column, row)
    # A weight of 0 stays 0: what lies under it takes no part.
    same = np.abs(product - kernel) <= RANK_ONE * np.abs(kernel)
    return (column, row) if same.all() else None
