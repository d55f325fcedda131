"""A layer of ours for each node of an ONNX network.

https://onnx.ai/onnx/operators defines the operators. A signal is an image of one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, UsageError, prefix_errors, quoted
from convcli.geometry import ConvOptions, Padding, Pads, Pair, pair_text
from convcli.kernels.kernel import MAX_WEIGHT, Kernel, safe_name
from convcli.kernels.models.model import Tensor, short_name
from convcli.kernels.models.onnx_graph import GraphInput, Node, shortest
from convcli.kernels.spec import MAX_FILTERS, KernelSet
from convcli.layers.activations import Activation, LeakyRelu, Softmax
from convcli.layers.add import Add
from convcli.layers.base import Layer
from convcli.layers.batchnorm import BatchNorm
from convcli.layers.conv import Conv, Dense
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.pooling import GlobalPool, Pool

MAX_NUMBERS = 2**26  # weights of all layers together: 512 MiB as float64
_MOST_STEP = 2**16  # of a stride, a dilation, a padding and a window
_SAME = {"SAME_UPPER": "same-upper", "SAME_LOWER": "same-lower"}
_BATCH_AXIS, _MAP_AXIS = 0, 1


def node_name(node: Node) -> str:
    """Return what a node is called: its name, or that of its first output."""
    return node.name or next(iter(node.outputs), "")


class _Windows(NamedTuple):
    """How the windows of a node slide: (rows, columns), and a rule or the pads of each side."""

    stride: Pair
    dilation: Pair
    padding: Padding


class LayerBuilder:
    """Builds layers from nodes; each node reads the output of the one before.

    Args:
        given: the input of the network.
        constant: returns a stored tensor, or None.
        opset: the version of the operators.

    Attributes:
        layers: those that are built.
        input_channels: what the network takes; None for any number.
        input_size: rows and columns; None for any number.
    """

    def __init__(
        self, given: GraphInput, constant: Callable[[str], Tensor | None], opset: int
    ) -> None:
        self._constant, self._opset = constant, opset
        self._left = MAX_NUMBERS
        sides = given.sides or (None,) * 4
        if len(sides) not in (3, 4):
            raise UsageError(
                f"has an input of {len(sides)} axes; a chain takes images (1, channels, rows, "
                "columns) and signals (1, channels, samples)"
            )
        self._axes = len(sides) - 2
        self._is_flat = False
        self.layers: list[Layer] = []
        self.input_channels = sides[1]
        rows, columns = (1, sides[2]) if len(sides) == 3 else sides[2:]
        self.input_size = rows, columns
        # Of the maps before the next node, as far as they are known.
        self._channels = sides[1]
        self._size = None if rows is None or columns is None else (rows, columns)

    def add(self, node: Node) -> None:
        """Add the layer of a node whose operator is one of :data:`OPERATORS`.

        Raises:
            ConvcliError: there is no such layer, or its numbers cannot be read.
        """
        layer = OPERATORS[node.operator](self, node)
        if layer is None:
            return
        self.layers.append(layer)
        if self._channels is not None and self._size is not None:
            rows, columns, self._channels = layer.plan((*self._size, self._channels)).shape
            self._size = rows, columns
            return
        match layer:
            case Dense():
                self._channels = len(layer.sets)
            case Conv():
                self._size, self._channels = None, len(layer.sets)
            case ConvTranspose():
                self._size, self._channels = None, layer.bank.matrix.shape[1] * layer.groups
            case Pool():
                self._size = None
            case GlobalPool():
                self._size = 1, 1
            case Flatten():
                self._size, self._channels = (1, 1), None

    def conv(self, node: Node) -> Layer:
        """Return the layer of a Conv node."""
        weights = self._weights(node)
        windows = self._windows(node)
        groups = self._group(node)
        if len(weights) > MAX_FILTERS:
            raise UsageError(f"it has {len(weights):,} filters; at most {MAX_FILTERS:,} are read")
        self._expect_channels(weights.shape[1] * groups)
        return Conv(
            **_bank(node, weights),
            options=ConvOptions(
                padding=windows.padding,
                border="zero",
                stride=windows.stride,
                dilation=windows.dilation,
            ),
            bias=self._vector(node, 2),
            groups=groups,
        )

    def conv_transpose(self, node: Node) -> Layer:
        """Return the layer of a ConvTranspose node."""
        weights = self._weights(node)
        stride, dilation, padding = self._windows(node)
        more = self._pair(node, "output_padding", 0, least=0)
        groups = self._group(node)
        self._expect_channels(len(weights))
        name = short_name(node_name(node))
        kernels = tuple(Kernel(each, name=name) for each in weights)
        if isinstance(padding, tuple) and "output_shape" not in node.attributes:
            pads = Pads(*padding)
        else:
            extent = [d * (k - 1) + 1 for d, k in zip(dilation, weights.shape[2:], strict=True)]
            totals = self._totals(node, extent, stride, more)
            more = more[0] + max(-totals[0], 0), more[1] + max(-totals[1], 0)
            pads = _halves(totals, is_upper=padding == "same-upper")
        return ConvTranspose(
            KernelSet(name, kernels),
            stride,
            pads,
            more,
            dilation,
            self._vector(node, 2),
            groups=groups,
            slug=f"convtranspose-{safe_name(name)}",
        )

    def _totals(self, node: Node, extent: Sequence[int], stride: Pair, more: Pair) -> Pair:
        """Return the pads, of both sides together, that give a transposed convolution its size.

        They are negative where the size is larger than the values reach; runtimes enlarge the
        output at its end then. Without a size of its own it is that of the input by the stride.
        """
        target = self._integers(node, "output_shape", None)
        rows, columns = (e + m - s for e, m, s in zip(extent, more, stride, strict=True))
        if target is None:
            if min(rows, columns) < 0:
                rule = node.attributes["auto_pad"].text()
                raise UsageError(
                    f"its auto_pad {rule} needs a kernel, with its gaps and output_padding, of at "
                    f"least the stride {pair_text(stride)}; where it is smaller, runtimes differ"
                )
            return rows, columns
        if self._size is None:
            raise UsageError("its output_shape needs an input of fixed size")
        wanted = self._lifted(target[-self._axes :], "output_shape", 1, least=1)
        height, width = (n * s - w for n, s, w in zip(self._size, stride, wanted, strict=True))
        return rows + height, columns + width

    def pool(self, node: Node) -> Layer:
        """Return the layer of a MaxPool or AveragePool node."""
        kernel = self._integers(node, "kernel_shape", None)
        if kernel is None:
            raise KernelError("damaged: it has no kernel_shape")
        window = self._lifted(kernel, "kernel_shape", 1, least=1)
        windows = self._windows(node)
        is_mean = node.operator == "AveragePool"
        return Pool(
            "avg" if is_mean else "max",
            window,
            windows.stride,
            windows.padding,
            count_padding=bool(self._integer(node, "count_include_pad", 0)),
            ceil=bool(self._integer(node, "ceil_mode", 0)),
            dilation=windows.dilation,
        )

    def global_pool(self, node: Node) -> Layer:
        """Return the layer of a GlobalAveragePool or GlobalMaxPool node."""
        return GlobalPool("avg" if node.operator == "GlobalAveragePool" else "max")

    def activation(self, node: Node) -> Layer:
        """Return the layer of a function that both name alike."""
        return Activation(node.operator.lower())

    def leaky_relu(self, node: Node) -> Layer:
        """Return the layer of a LeakyRelu node."""
        return LeakyRelu(self._number(node, "alpha", 0.01))

    def batch_norm(self, node: Node) -> Layer:
        """Return the layer of a BatchNormalization node."""
        if self._integer(node, "training_mode", 0) or not self._integer(node, "spatial", 1):
            raise UsageError("it normalizes by the values themselves, as in training")
        weight, bias, mean, var = (self._vector(node, place) for place in range(1, 5))
        if mean is None or var is None:
            raise KernelError("damaged: an input is missing")
        if min(var) < 0:
            raise UsageError("its variance is negative")
        self._expect_channels(len(mean))
        return BatchNorm(mean, var, weight, bias, self._number(node, "epsilon", 1e-5))

    def add_numbers(self, node: Node) -> Layer:
        """Return the layer of an Add node, one of whose inputs is stored."""
        stored = [each for each in map(self._constant, node.inputs) if each is not None]
        if len(stored) != 1:
            raise KernelError("damaged: it has not two inputs")
        numbers = self._read(stored[0])
        rank = 2 if self._is_flat else self._axes + 2
        if numbers.ndim > rank or (numbers.ndim == rank and len(numbers) != 1):
            raise UsageError(f"its numbers have the shape {numbers.shape}, not that of one image")
        maps = numbers.reshape((1,) * (rank - numbers.ndim) + numbers.shape)[0]
        while maps.ndim < 3:  # one value of a map, or a row
            maps = maps[:, np.newaxis]
        return Add(np.moveaxis(maps, 0, 2), short_name(node_name(node)))

    def flatten(self, node: Node) -> Layer | None:
        """Return the layer of a Flatten node; None where maps have one value already."""
        rank = 2 if self._is_flat else self._axes + 2
        axis = self._integer(node, "axis", 1)
        if axis + rank * (axis < 0) not in (_BATCH_AXIS, _MAP_AXIS):
            raise UsageError(f"axis {axis} is not supported, only 1")
        was_flat, self._is_flat = self._is_flat, True
        return None if was_flat else Flatten()

    def dense(self, node: Node) -> Layer:
        """Return the layer of a Gemm node: a convolution with a bank of one weight a map."""
        if not self._is_flat:
            raise UsageError("it reads maps; a Flatten node must come before it")
        if self._integer(node, "transA", 0):
            raise UsageError("transA is not supported")
        weights = self._stored(node, 1)
        if weights.ndim != 2:
            raise KernelError(f"its weights have {weights.ndim} axes, not 2")
        weights = weights if self._integer(node, "transB", 0) else weights.T
        weights = weights * np.float64(self._number(node, "alpha", 1))
        if len(weights) > MAX_FILTERS:
            raise UsageError(f"it has {len(weights):,} outputs; at most {MAX_FILTERS:,} are read")
        bias = self._vector(node, 2)
        self._expect_channels(weights.shape[1])
        if bias is not None:
            beta = self._number(node, "beta", 1)
            bias = tuple(beta * number for number in bias)
            bias = bias * len(weights) if len(bias) == 1 else bias
        return Dense(
            **_bank(node, weights[:, :, np.newaxis, np.newaxis]),
            options=ConvOptions(padding=0, border="zero"),
            bias=bias,
        )

    def softmax(self, node: Node) -> Layer:
        """Return the layer of a Softmax node over the maps."""
        rank = 2 if self._is_flat else self._axes + 2
        axis = self._integer(node, "axis", 1 if self._opset < 13 else -1)
        if axis + rank * (axis < 0) != _MAP_AXIS:
            raise UsageError(f"axis {axis} is not supported, only the maps, axis 1")
        if self._opset < 13 and not self._is_flat and self._size != (1, 1):
            raise UsageError(
                "it includes rows and columns; only a softmax over the maps is supported"
            )
        return Softmax()

    def unchanged(self, node: Node) -> None:
        """Add no layer for an Identity or Dropout node, which keeps values."""
        if len(node.inputs) > 2 and node.inputs[2] and self._stored(node, 2).any():
            raise UsageError("it is in training mode")

    def _expect_channels(self, channels: int) -> None:
        """Note how many maps a node reads, which the network's input may not say."""
        if self._channels is None:
            self._channels = channels
            if not self._is_flat:
                self.input_channels = channels

    def _stored(self, node: Node, place: int) -> NDArray[Any]:
        """Return the numbers of an input of a node."""
        name = node.inputs[place] if place < len(node.inputs) else ""
        tensor = self._constant(name) if name else None
        if tensor is None:
            raise KernelError(f"damaged: it has no input {place + 1}")
        return self._read(tensor)

    def _read(self, tensor: Tensor) -> NDArray[Any]:
        """Return the numbers of a tensor.

        Raises:
            KernelError: they cannot be read, are not finite, or all layers have too many.
        """
        with prefix_errors(short_name(tensor.name)):
            self._left -= math.prod(tensor.shape)
            if self._left < 0:
                raise KernelError(f"its layers have more than {MAX_NUMBERS:,} numbers")
            numbers = tensor.numbers()
            if not (np.abs(numbers) <= MAX_WEIGHT).all():
                raise KernelError(f"holds numbers that are not finite, or beyond {MAX_WEIGHT:g}")
            return numbers

    def _vector(self, node: Node, place: int) -> tuple[float, ...] | None:
        """Return the numbers of an input, one for each map; None if it is left out."""
        if place >= len(node.inputs) or not node.inputs[place]:
            return None
        return tuple(map(shortest, self._stored(node, place).ravel()))

    def _weights(self, node: Node) -> NDArray[Any]:
        """Return the weights of a convolution, of four axes."""
        weights = self._stored(node, 1)
        if weights.ndim != self._axes + 2:
            raise UsageError(f"its weights have {weights.ndim} axes, not {self._axes + 2}")
        given = self._integers(node, "kernel_shape", None)
        if given is not None and tuple(given) != weights.shape[2:]:
            raise KernelError("damaged: its kernel_shape is not that of its weights")
        return weights if self._axes == 2 else weights[:, :, np.newaxis]

    def _windows(self, node: Node) -> _Windows:
        """Return how windows slide."""
        stride = self._pair(node, "strides", 1)
        dilation = self._pair(node, "dilations", 1)
        rule = node.attributes["auto_pad"].text() if "auto_pad" in node.attributes else "NOTSET"
        if rule in _SAME:
            return _Windows(stride, dilation, _SAME[rule])
        if rule not in ("NOTSET", "VALID", ""):
            raise UsageError(f"its auto_pad {quoted(rule)} is unknown")
        pads = self._integers(node, "pads", None) if rule != "VALID" else None
        pads = pads or [0] * 2 * self._axes
        if len(pads) != 2 * self._axes:
            raise KernelError("damaged: its pads do not fit its axes")
        before = self._lifted(pads[: self._axes], "pads", 0, least=0)
        after = self._lifted(pads[self._axes :], "pads", 0, least=0)
        return _Windows(stride, dilation, (before[0], after[0], before[1], after[1]))

    def _group(self, node: Node) -> int:
        groups = self._integer(node, "group", 1)
        if not 1 <= groups <= _MOST_STEP:
            raise KernelError(f"damaged: its group is {groups}")
        return groups

    def _pair(self, node: Node, name: str, usual: int, least: int = 1) -> Pair:
        """Return an attribute of one number for each axis."""
        numbers = self._integers(node, name, None) or [usual] * self._axes
        return self._lifted(numbers, name, usual, least=least)

    def _lifted(self, numbers: Sequence[int], name: str, first: int, *, least: int) -> Pair:
        """Return numbers of rows and columns; those of one axis are numbers of columns."""
        if len(numbers) != self._axes:
            raise KernelError(f"damaged: its {name} do not fit its axes")
        rows, columns = (first, *numbers) if len(numbers) == 1 else numbers
        if min(rows, columns) < least or max(rows, columns) > _MOST_STEP:
            raise UsageError(f"its {name}, {pair_text((rows, columns))}, are not supported")
        return rows, columns

    def _integers(self, node: Node, name: str, usual: list[int] | None) -> list[int] | None:
        if name not in node.attributes:
            return usual
        return node.attributes[name].integers() or usual

    def _integer(self, node: Node, name: str, usual: int) -> int:
        return (self._integers(node, name, None) or [usual])[0]

    def _number(self, node: Node, name: str, usual: float) -> float:
        numbers = node.attributes[name].floats() if name in node.attributes else []
        if numbers and not abs(numbers[0]) <= MAX_WEIGHT:
            raise UsageError(f"its {name} is not finite")
        return numbers[0] if numbers else usual


def _halves(totals: Pair, *, is_upper: bool) -> Pads:
    """Divide pads between both sides; of an odd number, ``is_upper`` puts one more at the end."""
    sides = []
    for total in (max(each, 0) for each in totals):
        less, more = total // 2, total - total // 2
        sides += [less, more] if is_upper else [more, less]
    return Pads(*sides)


def _bank(node: Node, weights: NDArray[Any]) -> dict[str, Any]:
    """Return what names and holds the kernels of a convolution (N, C, kh, kw)."""
    name = short_name(node_name(node))
    kernels = (
        Kernel(each, name=f"filter {number} of {name}", slug=f"{name}-{number}")
        for number, each in enumerate(weights, 1)
    )
    return {
        "sets": tuple(KernelSet(kernel.name, (kernel,), slug=kernel.slug) for kernel in kernels),
        "kernel_names": name,
        "slug": f"conv-{safe_name(name)}",
    }


OPERATORS: dict[str, Callable[[LayerBuilder, Node], Layer | None]] = {
    "Conv": LayerBuilder.conv,
    "ConvTranspose": LayerBuilder.conv_transpose,
    "MaxPool": LayerBuilder.pool,
    "AveragePool": LayerBuilder.pool,
    "GlobalAveragePool": LayerBuilder.global_pool,
    "GlobalMaxPool": LayerBuilder.global_pool,
    "Relu": LayerBuilder.activation,
    "LeakyRelu": LayerBuilder.leaky_relu,
    "Sigmoid": LayerBuilder.activation,
    "Tanh": LayerBuilder.activation,
    "Abs": LayerBuilder.activation,
    "BatchNormalization": LayerBuilder.batch_norm,
    "Add": LayerBuilder.add_numbers,
    "Flatten": LayerBuilder.flatten,
    "Gemm": LayerBuilder.dense,
    "Softmax": LayerBuilder.softmax,
    "Identity": LayerBuilder.unchanged,
    "Dropout": LayerBuilder.unchanged,
}
