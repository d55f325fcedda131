"""Upsampling: maps are enlarged by a factor, with copies of their values or with values between."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convcli.choices import Upsampling
from convcli.core.dtypes import float_type
from convcli.errors import UsageError
from convcli.geometry import Pads, Pair, Reach, pair_text
from convcli.layers.base import AddedValues, LayerPlan, Maps, Shape
from convcli.layers.conv_transpose import TransposedGeometry


class _AlignedGeometry(TransposedGeometry):
    """The windows of upsampling whose first and last outputs lie on the first and last values."""

    def reach(self, axis: int) -> Reach:
        """Return which places of the input the outputs read along an axis."""
        values, outputs = self.input_shape[axis], self.output_shape[axis]
        parts = max(outputs - 1, 1)
        return Reach(values - 1, parts - 1, parts - 1, parts)


@dataclass(frozen=True)
class Upsample:
    """Enlarge maps by whole factors, as ``torch.nn.functional.interpolate`` does.

    ``nearest`` repeats every value. ``bilinear`` takes values between the two nearest rows and
    columns: output ``i`` stands at ``(i + 0.5) / factor - 0.5``, or with ``align_corners`` at
    ``i * (n - 1) / (n * factor - 1)``, so that corners fall on corners; beyond the outer values
    these are repeated.

    Attributes:
        factor: of rows and columns.
        mode: ``nearest`` or ``bilinear``.
        align_corners: for bilinear only.
    """

    factor: Pair
    mode: Upsampling = "nearest"
    align_corners: bool = False

    name = "upsample"

    def __post_init__(self) -> None:
        if self.align_corners and self.mode == "nearest":
            raise UsageError("--align-corners needs --mode bilinear; nearest repeats values")

    @property
    def label(self) -> str:
        """The name, the factor and the mode."""
        aligned = " align-corners" if self.align_corners else ""
        return f"{self.name} {pair_text(self.factor)} {self.mode}{aligned}"

    def plan(self, shape: Shape) -> LayerPlan:
        """Multiply rows and columns by the factor.

        Either mode is a transposed convolution: nearest with a kernel of ones, bilinear with one of
        ``2f - f % 2`` weights that fall to both sides. Long, Shelhamer and Darrell, "Fully
        convolutional networks for semantic segmentation" (2015).
        """
        down, across = self.factor
        kernel, pads = self.factor, Pads(0, 0, 0, 0)
        if self.mode == "bilinear":
            kernel = 2 * down - down % 2, 2 * across - across % 2
            pads = Pads(down // 2, down // 2, across // 2, across // 2)
        kind = _AlignedGeometry if self.align_corners else TransposedGeometry
        geometry = kind(shape[:2], kernel, pads, self.factor)
        return LayerPlan((*geometry.output_shape, shape[2]), geometry)

    def apply(self, maps: Maps) -> Maps:
        """Enlarge each map: nearest in its type, bilinear in floats."""
        if self.mode == "nearest":
            return maps.repeat(self.factor[0], axis=0).repeat(self.factor[1], axis=1)
        values: Maps = maps.astype(float_type(maps.dtype), copy=False)
        for axis in (0, 1):
            low, shares = self.between(axis, maps.shape[axis])
            lower = values.take(low, axis)
            between = np.flatnonzero(shares)  # a share of 0 adds nothing, not even NaN
            share = shares[between].astype(values.dtype)
            share = share[:, np.newaxis, np.newaxis] if axis == 0 else share[:, np.newaxis]
            own = (between, slice(None)) if axis == 0 else (slice(None), between)
            with np.errstate(all="ignore"):
                upper = values.take(low[between] + 1, axis) * share
                lower[own] = lower[own] * (1 - share) + upper
            values = lower
        return values

    def between(self, axis: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return where the outputs of an axis stand between the values of the input.

        Args:
            axis: 0 for rows, 1 for columns.
            size: values along it.

        Returns:
            The place before each output, and the share of the value after it.
        """
        factor = self.factor[axis]
        outputs = np.arange(size * factor)
        if self.mode == "nearest":
            return outputs // factor, np.zeros(len(outputs))
        if self.align_corners:
            parts = max(size * factor - 1, 1)
            low, rest = np.divmod(outputs * (size - 1), parts)
        else:
            parts = 2 * factor
            low, rest = np.divmod(2 * outputs + 1 - factor, parts)
            rest[(low < 0) | (low >= size - 1)] = 0
            low = np.clip(low, 0, size - 1)
        return low, rest / parts

    def places(self, shape: Shape, axis: int, outputs: Sequence[int]) -> list[int]:
        """Return the places of the input that some outputs read along an axis."""
        low, shares = (each[list(outputs)] for each in self.between(axis, shape[axis]))
        return sorted({*low.tolist(), *(low[shares > 0] + 1).tolist()})

    def added(self, shape: Shape, number: int, at: Pair) -> AddedValues:
        """Return the values of the input that add to one output.

        Args:
            shape: of the input.
            number: of the output's map, counted from 0.
            at: row and column.
        """
        (down, rows), (across, columns) = (self._shares(shape, axis, at[axis]) for axis in (0, 1))
        weights = np.outer(rows, columns)[np.newaxis]
        return AddedValues(down, across, range(number, number + 1), weights)

    def _shares(
        self, shape: Shape, axis: int, output: int
    ) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Return the places that an output stands between along an axis, and their shares."""
        low, shares = self.between(axis, shape[axis])
        first, share = int(low[output]), float(shares[output])
        return ((first, first + 1), (1 - share, share)) if share else ((first,), (1.0,))
