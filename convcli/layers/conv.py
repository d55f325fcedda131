"""The convolutional layer, and the dense one, which is a convolution of maps of one value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.combine import COMBINERS, combined_type
from convcli.core.correlate import KernelNumbers, check_equal_shapes, run
from convcli.core.dtypes import DOUBLE, float_type, int_if_whole, smallest_integer, with_channels
from convcli.core.groups import sum_groups
from convcli.core.memory import MASKED_FACTOR, strip_bytes
from convcli.core.plan import Plan, as_applied, make_plan
from convcli.errors import KernelError, UsageError, count_text
from convcli.geometry import ConvOptions, Geometry, Pair, border_name
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.layers.base import LayerPlan, Maps, Shape

if TYPE_CHECKING:
    from convcli.core.missing import Missing


class ProbedMap(NamedTuple):
    """How the values of one map are computed.

    Attributes:
        group: the kernel, or the kernels whose values are combined.
        channels: the input's channels that the kernels read; they sum over several.
        plans: how each kernel is applied.
        maps: (H', W') of each kernel, or their values at one place, (1, 1). None
            if kernels are not combined: the map is that of the layer.
        bias: added to the value, or to the combination of several.
    """

    group: KernelSet
    channels: range
    plans: list[Plan]
    maps: list[NDArray[Any]]
    bias: float

    def at(self, at: Pair) -> ProbedMap:
        """Return the same with the kernels' values at one place of whole maps."""
        row, column = at
        return self._replace(maps=[own[row : row + 1, column : column + 1] for own in self.maps])


@dataclass(frozen=True, eq=False)
class Conv:
    """Filter the maps with kernels; values are not rounded or clipped.

    A 2-D kernel filters every channel on its own, a 3-D kernel sums over the channels to one map.
    The maps of several kernels follow each other in the kernels' order.

    With ``groups``, as torch and ONNX have it, channels and 3-D kernels are divided into as many
    runs of equal length, and the kernels of a run read its channels alone: a bank is
    (N, C / groups, kh, kw). With one channel in a run the convolution is called depthwise.

    Attributes:
        sets: one kernel, or several kernels that are combined, for each result.
        kernel_names: the SPECs of the kernels as typed.
        options: operation, padding, border, stride and dilation.
        bias: one number for all maps or one for each map, added after kernels are combined; None
            for the kernels' own biases, which are added before.
        bias_scale: what the kernels' own biases are multiplied by: 257 for 16-bit pixels, since
            kernels state them for 8-bit pixels.
        groups: the number of runs of channels.
        method: how the sums are computed, one of :data:`convcli.choices.METHODS`.
        threads: the largest number of threads; None for one per processor.
        slug: the layer in a file name.
        missing: how NaN is left out of the sums; None where sums that weigh NaN are NaN.
    """

    sets: tuple[KernelSet, ...]
    kernel_names: str
    options: ConvOptions
    bias: float | tuple[float, ...] | None = None
    bias_scale: int = 1
    groups: int = 1
    method: str = "auto"
    threads: int | None = None
    slug: str = "conv"
    missing: Missing | None = None

    name = "conv"

    @property
    def label(self) -> str:
        """The name, the kernels' names, and the number of groups if there are several."""
        groups = f" groups {self.groups}" if self.groups > 1 else ""
        return f"{self.name} {self.kernel_names}{groups}"

    @property
    def kernels(self) -> list[Kernel]:
        """Every kernel, in order."""
        return [kernel for group in self.sets for kernel in group.kernels]

    def plan(self, shape: Shape) -> LayerPlan:
        """Compute the output shape, the costs and the extent of the largest kernel.

        Raises:
            GeometryError: no window fits.
            KernelError: a kernel has another number of channels than the maps.
            UsageError: the output maps differ in size, or the biases in number from the maps; or
                channels or kernels cannot be divided into the groups.
        """
        self._check_groups(shape[2])
        sizes = {self.kernel_geometry(kernel, shape).output_shape for kernel in self.kernels}
        check_equal_shapes(sizes)
        channels = sum(_count_maps(group, shape) for group in self.sets)
        if isinstance(self.bias, tuple) and len(self.bias) != channels:
            numbers, maps = count_text(len(self.bias), "number"), count_text(channels, "map")
            raise UsageError(f"--bias has {numbers} for {maps}")
        [(rows, columns)] = sizes
        products = sum(
            kernel.matrix.size * (shape[2] if kernel.matrix.ndim == 2 else 1)
            for kernel in self.kernels
        )
        heights, widths = zip(*(kernel.shape for kernel in self.kernels), strict=True)
        own_biases = sum(kernel.bias != 0 for kernel in self.kernels)
        return LayerPlan(
            shape=(rows, columns, channels),
            geometry=self._geometry(shape, (max(heights), max(widths))),
            parameters=sum(kernel.matrix.size for kernel in self.kernels)
            + (own_biases if self.bias is None else channels),
            multiply_adds=products * rows * columns,
        )

    def apply(self, maps: Maps) -> Maps:
        """Compute the kernels' maps: exact integers for integers, otherwise floats.

        Raises:
            UsageError: the sums exceed 64-bit integers.
        """
        each, count = maps.shape[2] // self.groups, len(self.sets) // self.groups
        if self.groups > 1 and (every := self._all_groups(maps)) is not None:
            return every
        runs = (
            [(self.sets, maps)]
            if self.groups == 1
            else [
                (
                    self.sets[run * count : (run + 1) * count],
                    np.ascontiguousarray(maps[..., run * each : (run + 1) * each]),
                )
                for run in range(self.groups)
            ]
        )
        results = [
            self._apply_set(group, read) for sets, read in runs for group in self._merge_banks(sets)
        ]
        result = results[0] if len(results) == 1 else np.concatenate(results, axis=2)
        return add_biases(result, self.bias) if isinstance(self.bias, tuple) else result

    def _all_groups(self, maps: Maps) -> Maps | None:
        """Compute the maps of all groups at once; None if that is not possible or takes longer."""
        kernel, options, weights = self.sets[0].kernels[0], self.options, self._bank
        if weights is None or self.method != "auto" or self._leaves_out(maps) is not None:
            return None
        shape = maps.shape[0], maps.shape[1], maps.shape[2]
        geometry = self.kernel_geometry(kernel, shape)
        border = border_name(options.border)
        result = sum_groups(maps, weights, geometry, border, options.fill, self.threads)
        own = self._sum_bias(kernel, None)
        biases = self.bias if isinstance(self.bias, tuple) else (own,)
        return add_biases(result, biases) if result is not None and any(biases) else result

    @cached_property
    def _bank(self) -> NDArray[Any] | None:
        """The weights as applied, (groups, N / groups, C / groups, kh, kw), if they are a bank."""
        kernels = self.kernels
        shapes = {(kernel.matrix.shape, kernel.divisor, kernel.bias) for kernel in kernels}
        if len(shapes) > 1 or kernels[0].divisor != 1:
            return None
        applied = [as_applied(kernel.matrix, self.options.operation) for kernel in kernels]
        return np.stack(applied).reshape(self.groups, -1, *kernels[0].matrix.shape)

    def kernels_of(self, number: int, channels: int) -> tuple[KernelSet, range]:
        """Return the kernels that compute a map, and the channels that they read.

        Args:
            number: of the map, counted from 0.
            channels: of the input.

        Returns:
            The set, and one channel for 2-D kernels, or all those of a group for 3-D ones.
        """
        each = channels // self.groups
        if self.groups > 1:
            first = number // (len(self.sets) // self.groups) * each
            return self.sets[number], range(first, first + each)
        for group in self.sets:
            count = _count_maps(group, (0, 0, channels))
            if number < count:
                is_flat = group.kernels[0].matrix.ndim == 2
                return group, range(number, number + 1) if is_flat else range(channels)
            number -= count
        raise IndexError(number)

    def probe(self, maps: Maps, number: int, at: Pair | None = None) -> ProbedMap:
        """Compute one map, or one value of it, kernel by kernel; ``number`` counts from 0."""
        group, channels = self.kernels_of(number, maps.shape[2])
        maps = np.ascontiguousarray(maps[..., channels.start : channels.stop])
        plans = self._plans(group, maps)
        rows, columns = plans[0].geometry.output_shape
        row, column = at or (0, 0)
        own: list[NDArray[Any]] = []
        if group.combine is not None:
            shape = (rows, columns) if at is None else (1, 1)
            own = [np.empty(shape, plan.types.block) for plan in plans]

            def keep(strip: slice, blocks: list[NDArray[Any]]) -> None:
                for out, block in zip(own, blocks, strict=True):
                    values = block.reshape(len(block), columns)
                    if at is None:
                        out[strip] = values
                    elif strip.start <= row < strip.stop:
                        out[0, 0] = values[row - strip.start, column]

            run(plans, maps, keep, self.threads)
        bias = self.bias[number] if isinstance(self.bias, tuple) else self.bias or 0
        later = isinstance(self.bias, tuple) or group.combine is not None
        return ProbedMap(group, channels, plans, own, bias if later else 0)

    def strip_bytes(self, shape: Shape) -> int:
        """Bound the bytes of the strips for an input shape, whether kernels form a bank or not."""
        filters = sum(kernel.matrix.ndim == 3 for kernel in self.kernels)
        strips = [
            strip_bytes(
                self.kernel_geometry(kernel, shape),
                kernel.shape if kernel.matrix.ndim == 2 else (filters, *kernel.matrix.shape),
                shape[2],
                self.threads,
                self.method,
            )
            for kernel in self.kernels
        ]
        most = max(strips) * max(len(group.kernels) for group in self.sets)
        most *= 1 if self.missing is None else MASKED_FACTOR
        if self.groups > 1:  # the maps are padded as a whole
            padded = self.kernel_geometry(self.kernels[0], shape).padded_shape
            most += DOUBLE.itemsize * math.prod(padded) * shape[2]
        return most

    def kernel_geometry(self, kernel: Kernel, shape: Shape) -> Geometry:
        """Return the windows of one of the kernels over maps of this shape.

        Raises:
            GeometryError, KernelError: as :meth:`plan`.
        """
        channels = shape[2] // self.groups
        if kernel.matrix.ndim == 3 and len(kernel.matrix) != channels:
            raise KernelError(self._channels_error(kernel, shape[2]))
        return self._geometry(shape, kernel.shape)

    def _channels_error(self, kernel: Kernel, channels: int) -> str:
        """Say that a kernel does not fit the channels, and which number of groups would."""
        taken = len(kernel.matrix)
        text = f"{kernel.name} sums over {count_text(taken, 'channel')}, but the layer's input has "
        text += count_text(channels, "channel")
        if self.groups > 1:
            text += f", {channels // self.groups} in each of {self.groups} groups"
        groups, rest = divmod(channels, taken)
        is_bank = all(each.matrix.ndim == 3 for each in self.kernels)
        if is_bank and not rest and groups > 1 and len(self.sets) % groups == 0:
            text += f"; with --groups {groups} it fits"
        return text

    def _check_groups(self, channels: int) -> None:
        """Check that channels and kernels can be divided into the groups.

        Raises:
            UsageError: they cannot.
        """
        if self.groups == 1:
            return
        if any(group.combine or group.kernels[0].matrix.ndim == 2 for group in self.sets):
            raise UsageError(
                "--groups takes a bank (N, C/groups, kh, kw), whose kernels are not combined; "
                "a 2-D kernel filters every map on its own without it"
            )
        for number, noun in ((channels, "channel"), (len(self.sets), "kernel")):
            if number % self.groups:
                counted = count_text(number, noun)
                raise UsageError(f"{counted} cannot be divided into {self.groups} groups")

    def _geometry(self, shape: Shape, size: Pair) -> Geometry:
        return self.options.geometry(shape[:2], size)

    def _merge_banks(self, sets: tuple[KernelSet, ...]) -> Iterator[KernelSet]:
        """Yield the sets; neighboring 3-D kernels of one shape and bias become one bank."""

        def bank_key(group: KernelSet) -> Any:
            kernel = group.kernels[0]
            mergeable = group.combine is None and kernel.matrix.ndim == 3
            return (kernel.matrix.shape, kernel.bias) if mergeable else None

        for key, neighbors in groupby(sets, bank_key):
            groups = list(neighbors)
            if key is None or len(groups) == 1:
                yield from groups
            else:
                bank = stack_kernels([group.kernels[0] for group in groups])
                yield KernelSet(self.kernel_names, (bank,))

    def _apply_set(self, group: KernelSet, maps: Maps) -> Maps:
        """Filter with one kernel, or with several that are combined strip by strip."""
        if (missing := self._leaves_out(maps)) is not None:
            return self._apply_partial(group, maps, missing)
        plans = self._plans(group, maps)
        dtype = combined_type([plan.types for plan in plans], group.combine)
        out = np.empty(plans[0].shape, dtype)

        def store(rows: slice, blocks: list[NDArray[Any]]) -> None:
            out[rows] = COMBINERS[group.combine](blocks) if group.combine else blocks[0]

        run(plans, maps, store, self.threads)
        return self._with_bias(out, group)

    def _leaves_out(self, maps: Maps) -> Missing | None:
        """Return how NaN is left out of these maps; None if there is none, or it counts."""
        if self.missing is None or maps.dtype.kind != "f" or not np.isnan(maps).any():
            return None
        return self.missing

    def _apply_partial(self, group: KernelSet, maps: Maps, missing: Missing) -> Maps:
        """Filter maps with missing values."""
        from convcli.core.missing import partial_map

        terms = [
            KernelNumbers(kernel.matrix, kernel.divisor, self._sum_bias(kernel, group.combine))
            for kernel in group.kernels
        ]
        method, threads = self.method, self.threads
        out = partial_map(
            maps, missing, terms, group.combine, self.options, method=method, threads=threads
        )
        return self._with_bias(out, group)

    def _with_bias(self, out: NDArray[Any], group: KernelSet) -> Maps:
        """Return the map of a set with the bias that is added to combinations."""
        if group.combine and isinstance(self.bias, int | float):
            out = add_biases(out, (self.bias,))
        return with_channels(out)

    def _plans(self, group: KernelSet, maps: Maps) -> list[Plan]:
        """Plan how to apply each kernel of a set."""
        biases = [self._sum_bias(kernel, group.combine) for kernel in group.kernels]
        return [
            make_plan(maps, kernel.matrix, self.options, kernel.divisor, bias, self.method)
            for kernel, bias in zip(group.kernels, biases, strict=True)
        ]

    def _sum_bias(self, kernel: Kernel, combine: str | None) -> float:
        """Return the bias of one kernel's sums; biases of the output maps are added later."""
        if self.bias is None:
            return kernel.bias * self.bias_scale
        return 0 if combine or isinstance(self.bias, tuple) else self.bias


class Dense(Conv):
    """A convolution with one weight for each map: a bank (N, C, 1, 1) over maps of one value."""

    name = "dense"


def add_biases(maps: Maps, biases: tuple[float, ...]) -> Maps:
    """Add one bias to all maps, or one to each; whole biases keep integers exact."""
    whole = [number for number in map(int_if_whole, biases) if isinstance(number, int)]
    if maps.dtype.kind == "f" or len(whole) < len(biases):
        with np.errstate(all="ignore"):  # infinite where float32 overflows
            return np.asarray(maps + np.array(biases, float_type(maps.dtype)))
    least, most = min(whole), max(whole)
    bounds = least, most, int(maps.min()) + least, int(maps.max()) + most
    kind = smallest_integer((min(bounds), max(bounds)))
    if maps.dtype.kind == "i" and kind.itemsize < maps.dtype.itemsize:
        kind = maps.dtype
    return maps.astype(kind) + np.array(whole, kind)


def stack_kernels(kernels: list[Kernel]) -> Kernel:
    """Stack 3-D kernels into one 4-D kernel."""
    divisors = {kernel.divisor for kernel in kernels}
    divisor = divisors.pop() if len(divisors) == 1 else None
    matrices = [kernel.weights if divisor is None else kernel.matrix for kernel in kernels]
    return Kernel(np.stack(matrices), divisor or 1, kernels[0].bias)


def _count_maps(group: KernelSet, shape: Shape) -> int:
    """Count the output maps of a set."""
    dimensions = {kernel.matrix.ndim for kernel in group.kernels}
    if len(dimensions) > 1:
        raise UsageError("--combine takes 2-D kernels or 3-D kernels (C, kh, kw), not both")
    return shape[2] if dimensions == {2} else 1
