"""The ``.onnx`` format: a graph of nodes, and tensors, as protocol buffers.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto names the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, quoted
from convcli.geometry import Pair, pads_text
from convcli.kernels.models.model import (
    Convolution,
    Model,
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
_INTEGERS = ("strides", "pads", "dilations", "group")  # attributes of a Conv node
_MOST_KEPT = 64  # inputs or outputs of a node, and integers of an attribute


class _Node(NamedTuple):
    """A node of the graph, with the attributes that matter to a convolution."""

    name: str
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, list[int] | str]
    value: Span | None  # of a Constant


def read_model(file: BinaryIO) -> Model:
    """Return the stored tensors and the convolutions of a network.

    Tensors are the graph's initializers and its Constant nodes. Nothing is computed.

    Args:
        file: seekable.

    Raises:
        KernelError: the file is damaged.
    """
    reader = Reader(file)
    graphs = [value for number, value in reader.fields(reader.whole) if number == 7]
    if not graphs:
        raise KernelError("is no .onnx file: it holds no graph")
    tensors: list[Tensor] = []
    nodes: list[_Node] = []
    for graph in graphs:
        for number, value in reader.message(graph):
            if number == 1:
                node = _node(reader, value)
                nodes.append(node)
                if node.value is not None:
                    tensors.append(_tensor(reader, node.value, node.outputs[0]))
            elif number == 5:
                tensors.append(_tensor(reader, value))
    named = {tensor.name: tensor for tensor in reversed(tensors)}
    makers = {output: node.operator for node in nodes for output in node.outputs}
    convolutions = [_convolution(node, named, makers) for node in nodes if node.operator == "Conv"]
    return Model(tensors, "torch", convolutions)


def _node(reader: Reader, value: Value) -> _Node:
    inputs: list[str] = []
    outputs: list[str] = []
    name = operator = ""
    attributes: dict[str, list[int] | str] = {}
    constant = None
    for number, field in reader.message(value):
        if number == 1 and len(inputs) < _MOST_KEPT:
            inputs.append(reader.text(field))
        elif number == 2 and len(outputs) < _MOST_KEPT:
            outputs.append(reader.text(field))
        elif number == 3:
            name = reader.text(field)
        elif number == 4:
            operator = reader.text(field)
        elif number == 5 and operator in ("Conv", "Constant", ""):
            key, content = _attribute(reader, field)
            if isinstance(content, list | str):
                attributes[key] = content
            elif key == "value":
                constant = content
    is_constant = operator == "Constant" and bool(outputs)
    return _Node(name, operator, inputs, outputs, attributes, constant if is_constant else None)


def _attribute(reader: Reader, value: Value) -> tuple[str, list[int] | str | Span | None]:
    """Return the name of an attribute, and its integers, its text, or the place of its tensor."""
    name, text, tensor = "", None, None
    numbers: list[Value] = []
    for number, field in reader.message(value):
        if number == 1:
            name = reader.text(field)
        elif number == 4:
            text = field
        elif number == 5 and isinstance(field, Span):
            tensor = field
        elif number in (3, 8) and len(numbers) < _MOST_KEPT:
            numbers.append(field)
    if name == "auto_pad" and text is not None:
        return name, reader.text(text)
    if name in _INTEGERS:
        return name, [number for field in numbers for number in reader.integers(field)]
    return name, tensor


def _convolution(node: _Node, named: dict[str, Tensor], makers: dict[str, str]) -> Convolution:
    """Return a Conv node with its weights, its second input."""
    source = node.inputs[1] if len(node.inputs) > 1 else ""
    weights = named.get(source)
    if weights is None:
        maker = makers.get(source, "an input of the network")
        problem = f"its weights are not stored, but computed by the network ({maker})"
        weights = Tensor(source, (), "", problem=problem)
    attributes = {name: each for name, each in node.attributes.items() if isinstance(each, list)}
    axes = len(weights.shape) - 2
    return Convolution(
        node.name or (node.outputs[0] if node.outputs else source),
        weights,
        stride=_pair(attributes.get("strides"), axes),
        padding=_padding(attributes.get("pads"), node.attributes.get("auto_pad"), axes),
        dilation=_pair(attributes.get("dilations"), axes),
        groups=(attributes.get("group") or [1])[0],
    )


def _pair(numbers: list[int] | None, axes: int) -> Pair | None:
    """Return steps in rows and columns; None for other than one or two axes."""
    numbers = numbers or [1] * axes
    if len(numbers) not in (1, 2):
        return None
    return (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _padding(pads: list[int] | None, rule: object, axes: int) -> str | None:
    """Return the padding in the words of ``--padding``."""
    words = {"SAME_UPPER": "same-upper", "SAME_LOWER": "same-lower", "VALID": "0"}
    if isinstance(rule, str) and rule in words:
        return words[rule]
    pads = pads or [0] * 2 * axes
    if len(pads) == 2:
        return pads_text((0, 0, *pads))
    if len(pads) != 4:
        return None
    top, left, bottom, right = pads
    if (top, left) == (bottom, right):
        return pads_text((top, left))
    return pads_text((top, bottom, left, right))


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
