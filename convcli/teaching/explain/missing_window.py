"""The missing pixels of a window: which they are, and what they make of the sum.

The rules are those of :mod:`convcli.core.missing`, in decimal arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import with_channels
from convcli.core.padding import OUTSIDE, border_at
from convcli.core.plan import Plan
from convcli.geometry import Pair
from convcli.teaching.decimals import Number, exact_total, to_number, to_python
from convcli.teaching.explain.computation import Flags, Grid, Validity

if TYPE_CHECKING:
    from convcli.core.missing import Missing


class MissingWindow(NamedTuple):
    """What of a window is missing.

    Attributes:
        flags: which pixels are, for each channel.
        anchors: the value at the anchor in each channel; None where that is missing.
        min_valid: the least share of the weight on valid pixels.
    """

    flags: tuple[Flags, ...]
    anchors: tuple[Number | None, ...]
    min_valid: float

    @classmethod
    def of(
        cls,
        pixels: NDArray[Any],
        where: NDArray[np.bool],
        plan: Plan,
        at: Pair,
        missing: Missing,
    ) -> MissingWindow | None:
        """Return what is missing of the window of one output; None if nothing is.

        Args:
            pixels: the image, (H, W) or (H, W, C).
            where: which of them are missing, (H, W) or (H, W, C).
            plan: how the kernel is applied.
            at: the position in the feature map.
            missing: what says so.
        """
        planes = with_channels(pixels)
        lost = np.broadcast_to(with_channels(where), planes.shape)
        geometry, sources, anchor = plan.geometry, [], []
        for axis in (0, 1):
            taps, stride, before, dilation = geometry.along(axis)
            first, size = at[axis] * stride - before, planes.shape[axis]
            places = [*(first + np.arange(taps) * dilation), first + geometry.anchor[axis]]
            *window, place = border_at(np.array(places), size, plan.border).tolist()
            sources.append(window)
            anchor.append(place)
        outside = np.logical_or.outer(*(np.array(source) == OUTSIDE for source in sources))
        flags = lost[np.ix_(*sources)] & ~outside[..., np.newaxis]
        if not flags.any():
            return None
        is_filled = OUTSIDE in anchor
        values: list[Number | None] = []
        for channel in range(planes.shape[2]):
            place = anchor[0], anchor[1], channel
            if is_filled:
                values.append(plan.fill)
            else:
                value = to_python(planes[place], plan.types.result)
                values.append(None if lost[place] else value)
        grids = (tuple(map(tuple, flags[..., each].tolist())) for each in range(flags.shape[2]))
        return cls(tuple(grids), tuple(values), missing.min_valid)

    def reaches(self, channels: Sequence[int]) -> bool:
        """Tell whether pixels of any of these channels are missing."""
        return any(any(map(any, self.flags[channel])) for channel in channels)

    def filled(self, values: Grid, channel: int, *, takes_anchor: bool) -> Grid:
        """Return a window's values with NaN, or the anchor's, in place of missing ones."""
        anchor = self.anchors[channel] if takes_anchor else None
        return _with(values, self.flags[channel], math.nan if anchor is None else anchor)

    def validity(
        self, total: Decimal | float, weights: Sequence[tuple[int, Grid]], *, takes_anchor: bool
    ) -> Validity:
        """Return what the missing pixels make of a sum.

        Args:
            total: the sum.
            weights: of each channel, with its number.
            takes_anchor: whether missing pixels take the value at the anchor.
        """
        every: list[Number] = []
        valid: list[Number] = []
        known = True
        for channel, grid in weights:
            magnitudes = [abs(weight) for weight in chain.from_iterable(grid)]
            flags = chain.from_iterable(self.flags[channel])
            every += magnitudes
            valid += [each for each, lost in zip(magnitudes, flags, strict=True) if not lost]
            known = known and (self.anchors[channel] is not None or not any(magnitudes))
        weight, counted = exact_total(every), exact_total(valid)
        scaled: Decimal | float = total
        if not takes_anchor and isinstance(total, Decimal) and counted:
            share = Fraction(total) * Fraction(weight) / Fraction(counted)
            scaled = Decimal(int(share)) if share.denominator == 1 else float(share)
        return Validity(
            rule="anchor" if takes_anchor else "scale",
            weight=to_number(weight),
            valid=to_number(counted),
            min_valid=self.min_valid,
            is_anchor_valid=known,
            scaled=to_number(scaled),
        )


def needs_anchor(weights: NDArray[Any]) -> bool:
    """Tell whether missing pixels under these weights take the value at the anchor."""
    return bool((weights > 0).any() and (weights < 0).any())


def counted_values(values: Grid, missing: Flags) -> Grid:
    """Return the values of a window with 0 in place of missing ones that take no other value."""
    is_nan = tuple(
        tuple(lost and math.isnan(value) for value, lost in zip(*row, strict=True))
        for row in zip(values, missing, strict=True)
    )
    return _with(values, is_nan, 0)


def _with(values: Grid, flags: Flags, other: Number) -> Grid:
    return tuple(
        tuple(other if flag else value for value, flag in zip(*row, strict=True))
        for row in zip(values, flags, strict=True)
    )
