"""The addition of stored numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import float_type
from convcli.errors import UsageError, count_text
from convcli.geometry import size_text
from convcli.layers.base import LayerPlan, Maps, Shape, pointwise


@dataclass(frozen=True, eq=False)
class Add:
    """Add numbers to the maps, as numpy broadcasts them.

    Attributes:
        numbers: (H, W, C); one row, column or map holds for all of them.
        source: where they come from, such as the name of a node.
    """

    numbers: NDArray[Any]
    source: str

    name = "add"

    @property
    def label(self) -> str:
        """The name, and where the numbers come from."""
        return f"{self.name} {self.source}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Keep the shape; the numbers are parameters.

        Raises:
            UsageError: the numbers do not fit the maps.
        """
        if any(own not in (1, side) for own, side in zip(self.numbers.shape, shape, strict=True)):
            own, maps = (
                f"{size_text(each[:2])} in {count_text(each[2], 'map')}"
                for each in (self.numbers.shape, shape)
            )
            raise UsageError(f"numbers of {own} cannot be added to {maps}")
        return pointwise(shape)._replace(parameters=self.numbers.size)

    def number(self, row: int, column: int, channel: int) -> Any:
        """Return what is added at a place."""
        place = zip((row, column, channel), self.numbers.shape, strict=True)
        return self.numbers[tuple(at if side > 1 else 0 for at, side in place)]

    def apply(self, maps: Maps) -> Maps:
        """Add the numbers; the result is floating point."""
        kind = float_type(maps.dtype)
        with np.errstate(all="ignore"):
            return np.asarray(maps + self.numbers.astype(kind), kind)
