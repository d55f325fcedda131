"""The ``.onnx`` format: the tensors of a network, and its convolutions."""

from __future__ import annotations

from typing import BinaryIO

from convcli.geometry import Pair, pads_text
from convcli.kernels.models.model import Convolution, Model, Tensor, pair_of_steps
from convcli.kernels.models.onnx_graph import Node, read_graph

# Which input of a node is its weights.
_WEIGHTS = {"Conv": 1, "ConvTranspose": 1, "ConvInteger": 1, "QLinearConv": 3}
_WITH_BIAS = ("Conv", "ConvTranspose")  # as their third input
_MOST_COPIES = 16


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
    makers = {output: node for node in graph.nodes for output in node.outputs}
    convolutions = [
        _convolution(node, named, makers) for node in graph.nodes if node.operator in _WEIGHTS
    ]
    return Model(graph.tensors, "torch", convolutions)


def _convolution(node: Node, named: dict[str, Tensor], makers: dict[str, Node]) -> Convolution:
    """Return a node that convolves, with its weights."""
    place = _WEIGHTS[node.operator]
    source = node.inputs[place] if len(node.inputs) > place else ""
    for _ in range(_MOST_COPIES):  # weights that layers share are copied by some exporters
        if source in named or source not in makers or makers[source].operator != "Identity":
            break
        source = (makers[source].inputs or [""])[0]
    weights = named.get(source)
    if weights is None:
        maker = makers[source].operator if source in makers else "an input of the network"
        advice = (
            "before it was quantized" if "quant" in maker.lower() else "with its constants folded"
        )
        problem = f"its weights are not stored, but computed by the network ({maker}); "
        weights = Tensor(source, (), "", problem=f"{problem}export it {advice}")
    elif node.operator in ("ConvInteger", "QLinearConv"):
        problem = f"its weights are quantized ({node.operator}); export the network before that"
        weights = weights._replace(read=None, problem=problem)
    attributes = {
        name: node.attributes[name].integers()
        for name in ("strides", "pads", "dilations", "group", "output_padding")
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
        is_transposed=node.operator == "ConvTranspose",
        output_padding=pair_of_steps(attributes.get("output_padding", [])),
        bias=node.inputs[2] if node.operator in _WITH_BIAS and len(node.inputs) > 2 else "",
    )


def _pair(numbers: list[int] | None, axes: int) -> Pair | None:
    """Return steps in rows and columns; None for other than one or two axes."""
    return pair_of_steps(numbers or [1] * axes)


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
