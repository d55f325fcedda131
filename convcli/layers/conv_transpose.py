"""The transposed convolution: every input value adds the kernel, times the value, to the output."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import gcd
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from convcli.core.correlate import feature_map
from convcli.core.dtypes import smallest_integer
from convcli.core.memory import strip_bytes
from convcli.errors import GeometryError, KernelError, UsageError, count_text
from convcli.geometry import (
    ConvOptions,
    Geometry,
    Pads,
    Pair,
    Reach,
    conv_geometry,
    pair_text,
    size_text,
)
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.layers.base import AddedValues, LayerPlan, Maps, Shape
from convcli.layers.conv import add_biases, stack_kernels

_NO_PADS = Pads(0, 0, 0, 0)
_OPTIONS = ConvOptions(padding=0, border="zero")


class TransposedGeometry(Geometry):
    """Where the values of maps are added to: value ``i`` and tap ``t`` to ``i*s - p + d*t``.

    All pairs are (rows, columns).

    Attributes:
        input_shape: of the maps.
        kernel: rows and columns of the kernel.
        pads: pixels that are cut off on each side of the output.
        stride: step from the places of one value to those of the next.
        dilation: distance between taps.
        output_padding: rows and columns added at the bottom and at the right.
    """

    output_padding: Pair

    def __new__(
        cls,
        input_shape: Pair,
        kernel: Pair,
        pads: Pads,
        stride: Pair,
        dilation: Pair = (1, 1),
        output_padding: Pair = (0, 0),
    ) -> Self:
        """Return a geometry, whose anchor has no meaning."""
        geometry = super().__new__(cls, input_shape, kernel, pads, stride, dilation, (0, 0))
        geometry.output_padding = output_padding
        return geometry

    @cached_property
    def padded_shape(self) -> Pair:
        """That of the input, around which nothing is added."""
        return self.input_shape

    @cached_property
    def output_shape(self) -> Pair:
        """Rows and columns of the output, ``(n - 1)s - p + d(k - 1) + output padding + 1``."""
        rows, columns = (
            (n - 1) * s + extent + more
            for n, s, extent, more in zip(
                self.input_shape, self.stride, self.extent, self.output_padding, strict=True
            )
        )
        pads = self.pads
        return rows - pads.top - pads.bottom, columns - pads.left - pads.right

    def reach(self, axis: int) -> Reach:
        """Return which places of the input the outputs read along an axis."""
        before = self.pads[2 * axis]
        extent = self.dilation[axis] * (self.kernel[axis] - 1)
        return Reach(1, extent - before, before, self.stride[axis])

    def sources(self, axis: int, output: int) -> list[Pair]:
        """Return the places of the input that an output reads along an axis, each with its tap."""
        before, stride, dilation = self.pads[2 * axis], self.stride[axis], self.dilation[axis]
        taps = range(self.kernel[axis])
        places = ((divmod(output + before - dilation * tap, stride), tap) for tap in taps)
        inside = range(self.input_shape[axis])
        return sorted((place, tap) for (place, rest), tap in places if not rest and place in inside)


class _Phase(NamedTuple):
    """The outputs along an axis that read the same taps: a convolution of the input with these.

    Attributes:
        outputs: every stride-th place.
        size: how many.
        taps: in the order of the places that they read.
        dilation: distance between these places.
        start: the first place of the input that the first output reads.
    """

    outputs: slice
    size: int
    taps: list[int]
    dilation: int
    start: int

    def read(self, maps: Maps, axis: int) -> Maps:
        """Return what the outputs read along an axis of the maps, with zeros around these."""
        end, needed = maps.shape[axis], self.size + (len(self.taps) - 1) * self.dilation
        first, last = (min(max(place, 0), end) for place in (self.start, self.start + needed))
        part = maps[first:last] if axis == 0 else maps[:, first:last]
        before = min(max(-self.start, 0), needed)
        around = [(0, 0)] * 3
        around[axis] = before, needed - before - (last - first)
        return np.pad(part, around) if any(around[axis]) else part


def _phases(geometry: TransposedGeometry, axis: int) -> Iterator[_Phase]:
    """Yield the phases of an axis: of the places of a stride, those that taps reach."""
    stride, dilation = geometry.stride[axis], geometry.dilation[axis]
    before, size = geometry.pads[2 * axis], geometry.output_shape[axis]
    taps_of: dict[int, list[int]] = {}
    for tap in reversed(range(geometry.kernel[axis])):
        taps_of.setdefault((dilation * tap - before) % stride, []).append(tap)
    for first, taps in sorted(taps_of.items()):
        if first >= size:
            break
        start = (first + before - dilation * taps[0]) // stride
        outputs = slice(first, None, stride)
        count = len(range(first, size, stride))
        yield _Phase(outputs, count, taps, dilation // gcd(dilation, stride), start)


@dataclass(frozen=True, eq=False)
class ConvTranspose:
    """The transpose of a convolution, as torch and ONNX have it; values are not rounded or clipped.

    The maps are enlarged by the stride. Dumoulin and Visin, "A guide to convolution arithmetic for
    deep learning" (2016), chapter 4.

    A 2-D kernel enlarges every map on its own. A bank has the layout (C, N / groups, kh, kw): every
    of its kernels (N / groups, kh, kw) belongs to one input map.

    Attributes:
        kernel_set: the kernel, or those of the bank.
        stride, dilation, output_padding: rows and columns; see :class:`TransposedGeometry`.
        padding: pixels cut off on each side of the output.
        bias: one number for all maps or one for each map; None for the kernel's own.
        bias_scale: what the kernel's own bias is multiplied by, as for
            :class:`convcli.layers.conv.Conv`.
        groups: the number of runs of maps.
        threads: the largest number of threads; None for one per processor.
        slug: the layer in a file name.
    """

    kernel_set: KernelSet
    stride: Pair = (1, 1)
    padding: Pads = _NO_PADS
    output_padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    bias: float | tuple[float, ...] | None = None
    bias_scale: int = 1
    groups: int = 1
    threads: int | None = None
    slug: str = "convtranspose"

    name = "convtranspose"

    @property
    def label(self) -> str:
        """The name, the kernel's name, the stride and the number of groups if they are not 1."""
        step = "" if self.stride == (1, 1) else f" stride {pair_text(self.stride)}"
        groups = f" groups {self.groups}" if self.groups > 1 else ""
        return f"{self.name} {self.kernel_set.label}{step}{groups}"

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernel, or those of the bank, one for each input map."""
        return self.kernel_set.kernels

    @cached_property
    def bank(self) -> Kernel:
        """The kernel, or the bank as one kernel of 4 dimensions."""
        is_flat = self.kernels[0].matrix.ndim == 2
        return self.kernels[0] if is_flat else stack_kernels(list(self.kernels))

    @property
    def own_bias(self) -> float:
        """What is added to every map, unless each has its own bias."""
        if self.bias is None:
            return self.kernels[0].bias * self.bias_scale
        return 0 if isinstance(self.bias, tuple) else self.bias

    def geometry(self, shape: Shape) -> TransposedGeometry:
        """Return where the values of maps of this shape are added to.

        Raises:
            GeometryError: the output padding is too large, or nothing is left of the output.
        """
        for more, step, apart in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if more >= max(step, apart):
                raise GeometryError(
                    f"output padding {pair_text(self.output_padding)} must be less than the stride "
                    f"{pair_text(self.stride)} or the dilation {pair_text(self.dilation)}"
                )
        geometry = TransposedGeometry(
            shape[:2], self.kernels[0].shape, self.padding, self.stride, self.dilation,
            self.output_padding,
        )  # fmt: skip
        if min(geometry.output_shape) < 1:
            raise GeometryError(
                f"nothing is left of the {size_text(shape)} input: the padding cuts off more than "
                "there is"
            )
        return geometry

    def plan(self, shape: Shape) -> LayerPlan:
        """Compute the output shape and the costs.

        Raises:
            GeometryError: as :meth:`geometry`.
            KernelError: the bank has another number of kernels than there are maps.
            UsageError: the maps cannot be divided into the groups, or the biases differ in number
                from the output's maps.
        """
        rows, columns, channels = shape
        weights = self.bank.matrix
        if weights.ndim == 2:
            if self.groups > 1:
                raise UsageError(
                    "--groups takes a bank (C, N/groups, kh, kw); a 2-D kernel enlarges every map "
                    "on its own without it"
                )
            maps, products = channels, weights.size * channels
        else:
            if len(weights) != channels:
                raise KernelError(
                    f"{self.kernel_set.label} has kernels for {count_text(len(weights), 'map')}, "
                    f"but the layer's input has {channels}; a bank is (C, N/groups, kh, kw)"
                )
            if channels % self.groups:
                counted = count_text(channels, "channel")
                raise UsageError(f"{counted} cannot be divided into {self.groups} groups")
            maps, products = weights.shape[1] * self.groups, weights.size
        if isinstance(self.bias, tuple) and len(self.bias) != maps:
            numbers = count_text(len(self.bias), "number")
            raise UsageError(f"--bias has {numbers} for {count_text(maps, 'map')}")
        geometry = self.geometry(shape)
        biases = maps if self.bias is not None else int(self.own_bias != 0)
        return LayerPlan(
            (*geometry.output_shape, maps),
            geometry,
            weights.size + biases,
            products * rows * columns,
        )

    def map_weights(self, number: int, channels: int) -> tuple[NDArray[Any], range]:
        """Return the weights (C', kh, kw) of an output map, and the input's maps that they read.

        Args:
            number: of the map, counted from 0.
            channels: of the input.
        """
        weights = self.bank.matrix
        if weights.ndim == 2:
            return weights[np.newaxis], range(number, number + 1)
        each = channels // self.groups
        group, within = divmod(number, weights.shape[1])
        read = range(group * each, (group + 1) * each)
        return weights[read.start : read.stop, within], read

    def places(self, shape: Shape, axis: int, outputs: Iterable[int]) -> list[int]:
        """Return the places of the input that some outputs read along an axis."""
        geometry = self.geometry(shape)
        return sorted({place for one in outputs for place, _ in geometry.sources(axis, one)})

    def added(self, shape: Shape, number: int, at: Pair) -> AddedValues:
        """Return the values of the input that add to one output.

        Args:
            shape: of the input.
            number: of the output's map, counted from 0.
            at: row and column.
        """
        geometry = self.geometry(shape)
        down, across = (geometry.sources(axis, at[axis]) for axis in (0, 1))
        taps = tuple(tap for _, tap in down), tuple(tap for _, tap in across)
        weights, channels = self.map_weights(number, shape[2])
        return AddedValues(
            tuple(row for row, _ in down),
            tuple(column for column, _ in across),
            channels,
            weights[:, list(taps[0])][:, :, list(taps[1])],
            taps,
        )

    def apply(self, maps: Maps) -> Maps:
        """Compute the output: exact integers for integers, otherwise floats.

        Outputs that read the same taps are a convolution of the input with these alone. There are
        at most as many of these as a stride has places; outputs at other places read nothing.

        Raises:
            UsageError: the sums exceed 64-bit integers.
        """
        geometry = self.geometry((maps.shape[0], maps.shape[1], maps.shape[2]))
        parts = [
            ((down.outputs, across.outputs), self._part(maps, down, across))
            for down, across in product(_phases(geometry, 0), _phases(geometry, 1))
        ]
        dtypes = [part.dtype for _, part in parts]
        weights = self.bank.matrix
        count = maps.shape[2] if weights.ndim == 2 else weights.shape[1] * self.groups
        shape = (*geometry.output_shape, count)
        places = zip(geometry.stride, geometry.output_shape, strict=True)
        if len(parts) < math.prod(min(stride, size) for stride, size in places):
            kind = maps.dtype if maps.dtype.kind == "f" else smallest_integer((0, 0))
            rest = add_biases(np.zeros((1, 1, 1), kind), (self.own_bias,))
            out = np.full(shape, rest, np.result_type(rest.dtype, *dtypes))
        else:
            out = np.empty(shape, np.result_type(*dtypes))
        for place, part in parts:
            out[place] = part
        return add_biases(out, self.bias) if isinstance(self.bias, tuple) else out

    def _part(self, maps: Maps, down: _Phase, across: _Phase) -> Maps:
        """Compute the outputs of a phase of the rows and one of the columns."""
        bank = self.bank
        weights = bank.matrix[..., down.taps, :][..., across.taps]
        read = np.ascontiguousarray(across.read(down.read(maps, 0), 1))
        options = _OPTIONS._replace(dilation=(down.dilation, across.dilation))
        rules: Any = options, bank.divisor, self.own_bias, None, "auto", self.threads
        if weights.ndim == 2:
            return feature_map(read, weights, *rules)
        runs = zip(np.split(read, self.groups, axis=2), np.split(weights, self.groups), strict=True)
        results = [
            feature_map(np.ascontiguousarray(own), np.moveaxis(each, 1, 0), *rules)
            for own, each in runs
        ]
        return np.concatenate(results, axis=2)

    def strip_bytes(self, shape: Shape) -> int:
        """Bound the bytes that a phase takes for an input shape, beside its result."""
        geometry = self.geometry(shape)
        most = 0
        for down, across in product(_phases(geometry, 0), _phases(geometry, 1)):
            sides = [p.size + (len(p.taps) - 1) * p.dilation for p in (down, across)]
            taps = len(down.taps), len(across.taps)
            windows = conv_geometry(
                (sides[0], sides[1]), taps, dilation=(down.dilation, across.dilation)
            )
            kernel = (
                taps
                if self.bank.matrix.ndim == 2
                else (self.bank.matrix.shape[1], shape[2] // self.groups, *taps)
            )
            own = strip_bytes(windows, kernel, shape[2], self.threads)
            most = max(most, own + 2 * 8 * math.prod(sides) * shape[2])
        return most
