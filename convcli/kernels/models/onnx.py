"""The ``.onnx`` format: the tensors of a network, and its convolutions."""

from __future__ import annotations

from typing import BinaryIO

from convcli.geometry import Pair, pads_text
from convcli.kernels.models.model import Convolution, Model, Tensor
from convcli.kernels.models.onnx_graph import Node, read_graph


def read_model(file: BinaryIO) -> Model:
    """Return the stored tensors and the convolutions of a network.

    Tensors are the graph's initializers and its Constant nodes. Nothing is computed.

    Args:
        file: seekable.

    Raises:
        KernelError: the file is damaged.
    """
    graph = read_graph(file)
    named = {tensor.name: tensor for tensor in reversed(graph.tensors)}
    makers = {output: node.operator for node in graph.nodes for output in node.outputs}
    convolutions = [
        _convolution(node, named, makers) for node in graph.nodes if node.operator == "Conv"
    ]
    return Model(graph.tensors, "torch", convolutions)


def _convolution(node: Node, named: dict[str, Tensor], makers: dict[str, str]) -> Convolution:
    """Return a Conv node with its weights, its second input."""
    source = node.inputs[1] if len(node.inputs) > 1 else ""
    weights = named.get(source)
    if weights is None:
        maker = makers.get(source, "an input of the network")
        problem = f"its weights are not stored, but computed by the network ({maker})"
        weights = Tensor(source, (), "", problem=problem)
    attributes = {
        name: node.attributes[name].integers()
        for name in ("strides", "pads", "dilations", "group")
        if name in node.attributes
    }
    rule = node.attributes["auto_pad"].text() if "auto_pad" in node.attributes else ""
    axes = len(weights.shape) - 2
    return Convolution(
        node.name or (node.outputs[0] if node.outputs else source),
        weights,
        stride=_pair(attributes.get("strides"), axes),
        padding=_padding(attributes.get("pads"), rule, axes),
        dilation=_pair(attributes.get("dilations"), axes),
        groups=(attributes.get("group") or [1])[0],
    )


def _pair(numbers: list[int] | None, axes: int) -> Pair | None:
    """Return steps in rows and columns; None for other than one or two axes."""
    numbers = numbers or [1] * axes
    if len(numbers) not in (1, 2):
        return None
    return (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _padding(pads: list[int] | None, rule: str, axes: int) -> str | None:
    """Return the padding in the words of ``--padding``."""
    words = {"SAME_UPPER": "same-upper", "SAME_LOWER": "same-lower", "VALID": "0"}
    if rule in words:
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
