"""The convolutional layer: kernels over maps, in full numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.combine import COMBINERS, combined_type
from convcli.core.correlate import run
from convcli.core.dtypes import float_type, int_if_whole, smallest_integer
from convcli.core.options import ConvOptions
from convcli.core.plan import make_plan
from convcli.errors import KernelError, UsageError
from convcli.geometry import Geometry, conv_geometry
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.layers.base import LayerPlan, Maps, Shape


@dataclass(frozen=True, eq=False)
class Conv:
    """Kernels laid over the maps, unflipped unless the layout says otherwise.

    A 2-D kernel makes as many maps as there are, each of one; a 3-D kernel makes one map of all.
    The maps of several kernels follow each other in the kernels' order, unless a set combines
    them.

    Attributes:
        sets: what each result is made by: one kernel, or several that are combined.
        spec: the kernels' name.
        layout: operation, padding, border, stride and dilation.
        bias: added to every map, or a number for each, once kernels are combined; None for the
            kernels' own, which are added before.
        levels: what one of 256 levels is among the values; the kernels' own biases are in those.
        method: how the sums are computed; one of :data:`convcli.choices.METHODS`.
        threads: how many at most; None for one a processor.
    """

    sets: tuple[KernelSet, ...]
    spec: str
    layout: ConvOptions
    bias: float | tuple[float, ...] | None = None
    levels: int = 1
    method: str = "auto"
    threads: int | None = None

    name = "conv"

    @property
    def label(self) -> str:
        """Its name and the kernels'."""
        return f"{self.name} {self.spec}"

    @property
    def kernels(self) -> list[Kernel]:
        """Every kernel, in order."""
        return [kernel for group in self.sets for kernel in group.kernels]

    def plan(self, shape: Shape) -> LayerPlan:
        """Lay every kernel over the maps.

        Raises:
            GeometryError: no window fits.
            KernelError: a kernel's channels are not the maps'.
            UsageError: the maps differ in size, or there are not as many biases as maps.
        """
        plan = [self._laid(kernel, shape) for kernel in self.kernels]
        sizes = {each.output_shape for each in plan}
        if len(sizes) > 1:
            texts = " and ".join(f"{columns}x{rows}" for rows, columns in sorted(sizes))
            raise UsageError(
                f"the kernels' maps differ in size, {texts}: --padding same makes them alike"
            )
        channels = sum(_maps(group, shape) for group in self.sets)
        if isinstance(self.bias, tuple) and len(self.bias) != channels:
            raise UsageError(f"--bias has {len(self.bias)} numbers for {channels} maps")
        (rows, columns), [size] = (_widest(plan, axis) for axis in (0, 1)), sizes
        products = sum(
            kernel.matrix.size * (shape[2] if kernel.matrix.ndim == 2 else 1)
            for kernel in self.kernels
        )
        weights = sum(kernel.matrix.size for kernel in self.kernels)
        parameters = weights + self._count_biases(channels)
        return LayerPlan((*size, channels), rows, columns, parameters, products * size[0] * size[1])

    def apply(self, maps: Maps) -> Maps:
        """Return the kernels' maps; exact integers of integers, else floats.

        Raises:
            UsageError: the sums exceed 64-bit integers.
        """
        results = [self._apply_set(group, maps) for group in self._banked()]
        result = results[0] if len(results) == 1 else np.concatenate(results, axis=2)
        return _added(result, self.bias) if isinstance(self.bias, tuple) else result

    def _laid(self, kernel: Kernel, shape: Shape) -> Geometry:
        if kernel.matrix.ndim == 3 and len(kernel.matrix) != shape[2]:
            raise KernelError(
                f"kernel {kernel.name} sums over {_channels(len(kernel.matrix))}, "
                f"and the layer is given {_channels(shape[2])}"
            )
        rules = self.layout
        return conv_geometry(
            shape[:2], kernel.shape, rules.padding, rules.stride, rules.dilation, rules.operation
        )

    def _count_biases(self, channels: int) -> int:
        if self.bias is not None:
            return channels
        return sum(kernel.bias != 0 for kernel in self.kernels)

    def _banked(self) -> Iterator[KernelSet]:
        """Yield the sets, with neighbors that can be summed as one bank made one."""

        def alike(group: KernelSet) -> Any:
            kernel = group.kernels[0]
            bank = group.combine is None and kernel.matrix.ndim == 3
            return (kernel.matrix.shape, kernel.bias) if bank else None

        for key, found in groupby(self.sets, alike):
            groups = list(found)
            if key is None or len(groups) == 1:
                yield from groups
            else:
                yield KernelSet(self.spec, (_bank([each.kernels[0] for each in groups]),))

    def _apply_set(self, group: KernelSet, maps: Maps) -> Maps:
        """Filter with one kernel, or with several that are combined strip by strip."""
        biases = [self._bias(kernel, group.combine) for kernel in group.kernels]
        plans = [
            make_plan(maps, kernel.matrix, self.layout, kernel.divisor, bias, self.method)
            for kernel, bias in zip(group.kernels, biases, strict=True)
        ]
        kinds = [plan.result for plan in plans]
        out = np.empty(plans[0].shape, combined_type(kinds, group.combine))

        def keep(rows: slice, blocks: list[NDArray[Any]]) -> None:
            out[rows] = COMBINERS[group.combine](blocks) if group.combine else blocks[0]

        run(plans, maps, keep, self.threads)
        if group.combine and isinstance(self.bias, int | float):
            out = _added(out, (self.bias,))
        return out if out.ndim == 3 else out[..., np.newaxis]

    def _bias(self, kernel: Kernel, combine: str | None) -> float:
        """Return what is added to a kernel's sums; biases of the finished maps come later."""
        if self.bias is None:
            return kernel.bias * self.levels
        return 0 if combine or isinstance(self.bias, tuple) else self.bias


def _added(maps: Maps, biases: tuple[float, ...]) -> Maps:
    """Add a number to every map, or one to each; integers stay exact.

    Raises:
        UsageError: they would exceed 64 bits.
    """
    numbers = [number for number in map(int_if_whole, biases) if isinstance(number, int)]
    if maps.dtype.kind == "f" or len(numbers) < len(biases):
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 lies infinity
            return np.asarray(maps + np.array(biases, float_type(maps.dtype)))
    least, most = min(numbers), max(numbers)
    ends = least, most, int(maps.min()) + least, int(maps.max()) + most
    return np.asarray(maps + np.array(numbers, smallest_integer((min(ends), max(ends)))))


def _bank(kernels: list[Kernel]) -> Kernel:
    """Return kernels over channels as one 4-D kernel."""
    divisors = {kernel.divisor for kernel in kernels}
    divisor = divisors.pop() if len(divisors) == 1 else None
    matrices = [kernel.weights if divisor is None else kernel.matrix for kernel in kernels]
    return Kernel(np.stack(matrices), divisor or 1, kernels[0].bias)


def _maps(group: KernelSet, shape: Shape) -> int:
    """Return how many maps a set makes.

    Raises:
        UsageError: those of its kernels cannot be combined.
    """
    counts = {shape[2] if kernel.matrix.ndim == 2 else 1 for kernel in group.kernels}
    if len(counts) > 1:
        raise UsageError("--combine takes kernels over one channel or kernels over all, not both")
    return counts.pop()


def _widest(geometries: list[Geometry], axis: int) -> tuple[int, int, int, int]:
    """Return the kernel that sees most along an axis."""
    return max(geometries, key=lambda geometry: geometry.extent[axis]).along(axis)


def _channels(count: int) -> str:
    return f"{count} channel{'' if count == 1 else 's'}"
