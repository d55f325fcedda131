"""The graph of an ``.onnx`` file, and its tensors, read from protocol buffers.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto names the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, quoted
from convcli.kernels.models.model import (
    Tensor,
    byte_count,
    check_shape,
    check_weights,
    read_numbers,
    widen_bfloat16,
)
from convcli.kernels.models.protobuf import Reader, Span, Value

_BFLOAT16 = 16
TYPES = {  # the number of a data type -> its numpy type
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2",
    11: "<f8", 12: "<u4", 13: "<u8", _BFLOAT16: "<u2",
}  # fmt: skip
_NAMES = {8: "string", 14: "complex64", 15: "complex128"}
# Fields of a TensorProto that hold numbers of fixed width (raw_data, float_data, double_data), and
# of variable width (int32_data, int64_data, uint64_data).
_FIXED, _VARIABLE = (9, 4, 10), (5, 7, 11)
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_MOST_KEPT = 64  # inputs or outputs of a node, and fields of an attribute
_STANDARD = ("", "ai.onnx")  # the domain of ONNX's own operators


def shortest(number: np.number[Any]) -> float:
    """Return the number of fewest digits that becomes the same float32 or integer.

    >>> shortest(np.float32(0.1)), float(np.float32(0.1))
    (0.1, 0.10000000149011612)
    """
    return float(str(number))


class Attribute:
    """An attribute of a node, whose value is read when it is asked for."""

    def __init__(self, reader: Reader, fields: Sequence[tuple[int, Value]]) -> None:
        self._reader = reader
        self._fields = fields

    def _of(self, *numbers: int) -> list[Value]:
        return [field for number, field in self._fields if number in numbers]

    def integers(self) -> list[int]:
        """Return the integers: one, or a list."""
        return [number for field in self._of(3, 8) for number in self._reader.integers(field)]

    def floats(self) -> list[float]:
        """Return the floats: one, or a list."""
        spans = [field for field in self._of(2, 7) if isinstance(field, Span)]
        if any(span.size % 4 for span in spans):
            raise KernelError("is damaged: an attribute is not valid")
        content = b"".join(self._reader.read(span) for span in spans)
        return list(map(shortest, np.frombuffer(content, "<f4")))

    def text(self) -> str:
        """Return the text; an empty one if there is none."""
        return "".join(map(self._reader.text, self._of(4)[:1]))

    def tensor(self) -> Span | None:
        """Return the place of a tensor."""
        spans = [field for field in self._of(5) if isinstance(field, Span)]
        return spans[-1] if spans else None


class Node:
    """A node of a graph.

    Attributes:
        name: empty if it has none.
        operator: such as ``Conv``; with its domain if that is not ONNX's own.
        inputs, outputs: names of tensors.
    """

    def __init__(self, reader: Reader, value: Value) -> None:
        self._reader = reader
        self._attributes: list[Value] = []
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.name = self.operator = domain = ""
        for number, field in reader.message(value):
            if number == 1 and len(self.inputs) < _MOST_KEPT:
                self.inputs.append(reader.text(field))
            elif number == 2 and len(self.outputs) < _MOST_KEPT:
                self.outputs.append(reader.text(field))
            elif number == 3:
                self.name = reader.text(field)
            elif number == 4:
                self.operator = reader.text(field)
            elif number == 5:
                self._attributes.append(field)
            elif number == 7:
                domain = reader.text(field)
        if domain not in _STANDARD:
            self.operator = f"{domain}.{self.operator}"

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """The attributes by their names."""
        attributes = {}
        for value in self._attributes:
            name = ""
            fields: list[tuple[int, Value]] = []
            for number, field in self._reader.message(value):
                if number == 1:
                    name = self._reader.text(field)
                elif len(fields) < _MOST_KEPT:
                    fields.append((number, field))
            attributes[name] = Attribute(self._reader, fields)
        return attributes


class GraphInput(NamedTuple):
    """An input of a network: its name, and its sides; None for one of any length.

    The sides are None if the file does not say how many there are.
    """

    name: str
    sides: tuple[int | None, ...] | None


class Graph(NamedTuple):
    """The graph of a file.

    Attributes:
        nodes: in the file's order.
        tensors: those that are stored, initializers and Constant nodes, in the file's order.
        inputs: of the network, which are not stored.
        outputs: the names of what the network gives.
        opset: the version of ONNX's operators; 1 if the file has none.
    """

    nodes: list[Node]
    tensors: list[Tensor]
    inputs: list[GraphInput]
    outputs: list[str]
    opset: int


def read_graph(file: BinaryIO) -> Graph:
    """Return the graph of a network. Nothing is computed.

    Args:
        file: seekable.

    Raises:
        KernelError: the file is damaged.
    """
    reader = Reader(file)
    opset, graphs = 1, []
    for number, value in reader.fields(reader.whole):
        if number == 7:
            graphs.append(value)
        elif number == 8:
            opset = _version(reader, value) or opset
    if not graphs:
        raise KernelError("is no .onnx file: it holds no graph")
    graph = Graph([], [], [], [], opset)
    for message in graphs:
        for number, value in reader.message(message):
            _add_part(reader, graph, number, value)
    stored = {tensor.name for tensor in graph.tensors}
    return graph._replace(inputs=[each for each in graph.inputs if each.name not in stored])


def _add_part(reader: Reader, graph: Graph, number: int, value: Value) -> None:
    """Add what a field of a GraphProto holds to the lists of a graph."""
    if number == 1:
        node = Node(reader, value)
        graph.nodes.append(node)
        if node.operator == "Constant" and node.outputs:
            graph.tensors.extend(_constant(reader, node))
    elif number == 5:
        graph.tensors.append(_tensor(reader, value))
    elif number == 11:
        graph.inputs.append(_input(reader, value))
    elif number == 12:
        graph.outputs.append(_input(reader, value).name)


def _version(reader: Reader, value: Value) -> int | None:
    """Return the version of ONNX's own operators; None where it is that of others."""
    domain, version = "", None
    for number, field in reader.message(value):
        if number == 1:
            domain = reader.text(field)
        elif number == 2 and isinstance(field, int):
            version = field
    return version if domain in _STANDARD else None


def _input(reader: Reader, value: Value) -> GraphInput:
    """Return the name and the sides of a ValueInfoProto."""
    name, sides = "", None
    for number, field in reader.message(value):
        if number == 1:
            name = reader.text(field)
        elif number == 2:
            sides = _sides(reader, field)
    return GraphInput(name, sides)


def _sides(reader: Reader, value: Value) -> tuple[int | None, ...] | None:
    """Return the sides of a TypeProto of a tensor, which lie in messages in messages."""
    for number, kind in reader.message(value):
        if number != 1:
            continue
        for part, shape in reader.message(kind):
            if part == 2:
                sides = []
                for _, side in reader.message(shape):
                    lengths = [field for key, field in reader.message(side) if key == 1]
                    known = [
                        side for each in lengths[:1] for side in reader.integers(each) if side > 0
                    ]
                    sides.append(known[0] if known else None)  # some exporters write -1 for any
                    check_shape([side or 0 for side in sides])
                return tuple(sides)
    return None


def _constant(reader: Reader, node: Node) -> list[Tensor]:
    """Return the tensor of a Constant node; nothing for texts and sparse tensors."""
    [name, *_] = node.outputs
    for key, attribute in node.attributes.items():
        span = attribute.tensor()
        if key == "value" and span is not None:
            return [_tensor(reader, span, name)]
        if key.startswith(("value_float", "value_int")):
            return [_listed(name, attribute, is_float=key.startswith("value_float"))]
    return []


def _listed(name: str, attribute: Attribute, *, is_float: bool) -> Tensor:
    """Return a tensor of the numbers of an attribute, without axes for one number."""
    listed = attribute.floats() if is_float else attribute.integers()
    numbers = np.array(listed, np.float32 if is_float else np.int64)
    numbers = numbers.reshape(()) if numbers.size == 1 else numbers
    return Tensor(name, numbers.shape, numbers.dtype.name, lambda: numbers)


class _Stored(NamedTuple):
    """What a TensorProto says: its name, shape and type, and the fields that hold its numbers."""

    name: str
    shape: tuple[int, ...]
    kind: int
    fields: list[tuple[int, Value]]
    is_external: bool


def _stored(reader: Reader, value: Value) -> _Stored:
    sides: list[int] = []
    kind, name, is_external = 0, "", False
    fields: list[tuple[int, Value]] = []
    for number, field in reader.message(value):
        if number == 1:
            sides += reader.integers(field)
            check_shape(sides)
        elif number == 2 and isinstance(field, int):
            kind = field
        elif number == 8:
            name = reader.text(field)
        elif number in (*_FIXED, *_VARIABLE):
            fields.append((number, field))
        elif number == _EXTERNAL_DATA or (number == _DATA_LOCATION and field == 1):
            is_external = True
    return _Stored(name, check_shape(sides), kind, fields, is_external)


def _tensor(reader: Reader, value: Value, name: str = "") -> Tensor:
    """Return a tensor whose size is checked; a Constant's has the name of the node's output."""
    own, shape, kind, fields, is_external = _stored(reader, value)
    name = name or own
    if kind not in TYPES:
        label = _NAMES.get(kind, f"number {kind}")
        problem = f"its numbers are of the type {label}, which is not read"
        return Tensor(name, shape, label, problem=problem)
    dtype = np.dtype(TYPES[kind])
    label = "bfloat16" if kind == _BFLOAT16 else dtype.name
    if is_external:
        problem = "its numbers lie in another file, which is not read; save the model in one file"
        return Tensor(name, shape, label, problem=problem)
    if not fields:
        return Tensor(name, shape, label, problem="holds no numbers")
    is_fixed = fields[0][0] in _FIXED  # all numbers are in one field, which may be repeated
    values = [field for _, field in fields]
    found = sum(field.size for field in values if isinstance(field, Span))
    if is_fixed and found != byte_count(shape, dtype.itemsize):
        raise KernelError(
            f"is damaged: tensor {quoted(name)} has {found:,} bytes, which does not fit its shape "
            "and type"
        )
    read = partial(_read_fixed if is_fixed else _read_variable, reader, values, shape, dtype)
    if kind == _BFLOAT16:
        return Tensor(name, shape, label, lambda: widen_bfloat16(read()))
    return Tensor(name, shape, label, read)


def _read_fixed(
    reader: Reader, values: Sequence[Value], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return numbers of fixed width from their fields, whose sizes fit the shape."""
    check_weights(byte_count(shape, dtype.itemsize))
    content = b"".join(reader.read(field) for field in values if isinstance(field, Span))
    return read_numbers(BytesIO(content), shape, dtype)


def _read_variable(
    reader: Reader, values: Sequence[Value], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return numbers of variable width from their fields."""
    check_weights(byte_count(shape, dtype.itemsize))
    numbers = np.concatenate([reader.unsigned(field) for field in values])
    if len(numbers) != byte_count(shape, 1):
        raise KernelError(f"is damaged: {len(numbers):,} numbers do not fit its shape")
    return numbers.astype(f"u{dtype.itemsize}").view(dtype).reshape(shape)
