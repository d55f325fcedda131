"""NaN and infinities: find the windows that weigh one, and sum the other values without them.

Most methods would spread NaN over a whole tile or product. So a strip that holds one is summed with
0 in its place, and which windows weigh it is a correlation too: of a map of 0 and 1 with the places
of the weights, in exact integers, by whatever method is cheapest. A window that weighs NaN is NaN,
and infinities give infinity with the sign of their products, or NaN where both signs meet.

A 63x63 kernel on an image with scattered NaN took 1,090 ms where all passes were direct; it takes
23 ms this way.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import ImageInfo, SumTypes, smallest_integer
from convcli.core.methods.base import Workspace
from convcli.core.methods.choose import Problem, choose_methods
from convcli.geometry import Geometry

BITS = ImageInfo(np.dtype(np.uint8), (0, 1))


class Reach:
    """Which windows weigh some places of a strip.

    Args:
        weights: (kh, kw) or (N, C, kh, kw); those other than 0 weigh.
        geometry: pads, stride, dilation and sizes.

    Attributes:
        methods: one of them counts the places in each window.
    """

    def __init__(self, weights: NDArray[Any], geometry: Geometry) -> None:
        support = (weights != 0).astype(np.int64)
        most = int(support.sum(axis=(-3, -2, -1) if support.ndim == 4 else None).max())
        kind = smallest_integer((0, most))
        types = SumTypes(support, kind, kind, kind, 1, 0, (0, most))
        self.methods, _ = choose_methods(Problem(BITS, types, geometry, 0), "auto")

    def of(self, places: NDArray[np.bool], rows: int, workspace: Workspace) -> NDArray[np.bool]:
        """Return which windows of some output rows weigh a place.

        Args:
            places: (padded rows, padded width, C).
            rows: number of output rows.
            workspace: holds the strip and the counts.

        Returns:
            (rows, W', C), or (rows, W', N) for a kernel that sums over channels.
        """
        for method in self.methods:
            shape = method.rows_needed(rows), *places.shape[1:]
            strip = workspace.take("strip", shape, method.dtype or BITS.dtype)
            known = places[: len(strip)]
            strip[: len(known)], strip[len(known) :] = known, 0
            counts = method.sums(strip, rows, workspace)
            if counts is not None:
                return np.asarray(counts > 0)
        raise AssertionError("the last method sums every strip")


class NonFinite:
    """The windows that weigh NaN or infinities, for one kernel.

    Args:
        types: the weights, divided by the divisor.
        geometry: of the strips.
    """

    def __init__(self, types: SumTypes, geometry: Geometry) -> None:
        self.weights, self.geometry = types.weights, geometry

    @cached_property
    def _any(self) -> Reach:
        return Reach(self.weights, self.geometry)

    @cached_property
    def _signs(self) -> tuple[Reach, Reach]:
        signs = np.sign(self.weights.astype(np.float64))
        return Reach(signs > 0, self.geometry), Reach(signs < 0, self.geometry)

    def results(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any]:
        """Return NaN, or an infinity, for each window that weighs such a value, and else 0.

        Args:
            strip: all values that the windows read, (padded rows, padded width, C).
            rows: number of output rows.
            workspace: not that of the sums.

        Returns:
            (rows, W', C) or (rows, W', N), float32.
        """
        undefined = self._any.of(np.isnan(strip), rows, workspace)
        found = np.zeros(undefined.shape, np.float32)
        high, low = np.isposinf(strip), np.isneginf(strip)
        if high.any() or low.any():
            positive, negative = self._signs
            up, down = (
                positive.of(one, rows, workspace) | negative.of(other, rows, workspace)
                for one, other in ((high, low), (low, high))
            )
            undefined |= up & down
            found[up], found[down] = np.inf, -np.inf
        found[undefined] = np.nan
        return found
