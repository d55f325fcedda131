"""The layers of a network in an ``.onnx`` file, as far as it is a straight line.

https://onnx.ai/onnx/operators defines the operators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, NoReturn

from convcli.errors import ConvcliError, KernelError, UsageError, count_text, quoted, shown
from convcli.kernels.models.model import LONGEST_NAME, Tensor, short_name
from convcli.kernels.models.onnx_graph import Graph, GraphInput, Node, read_graph
from convcli.kernels.models.spec import ModelSpec
from convcli.kernels.reading import open_file
from convcli.kernels.spec import read_spec
from convcli.layers.base import Layer
from convcli.layers.onnx_layers import OPERATORS, LayerBuilder, node_name

MAX_LAYERS = 1000  # to plan more takes seconds
_MOST_COMPARED = 2000  # names that may be near


class NetworkLayers(NamedTuple):
    """The layers of a network, and the input that it takes.

    Attributes:
        layers: in order, at least one.
        channels: of the input; None for any number.
        size: rows and columns of the input; None for any number.
    """

    layers: list[Layer]
    channels: int | None
    size: tuple[int | None, int | None]


def read_network(spec: ModelSpec) -> NetworkLayers:
    """Return the layers of a network up to one of its nodes, or all of them.

    Args:
        spec: the file, and the last node: its name, that of its output, or the number of its layer,
            counted from 1; nothing for all.

    Raises:
        KernelError: the file cannot be read or is damaged, or it has no such node.
        UsageError: the network branches, or has a node that is no layer of ours; the message names
            the last node that can be shown.
    """
    path = shown(spec.path)
    if spec.format != "onnx":
        raise UsageError(
            "a chain runs networks of .onnx files; of other files conv takes the weights: conv -k "
            f"{path}:LAYER"
        )
    with open_file(spec.path) as file:
        return _Line(spec, read_graph(file)).read()


class _Line:
    """The nodes from the input of a network to one of its tensors, one after the other."""

    def __init__(self, spec: ModelSpec, graph: Graph) -> None:
        self._file, self._path, self._graph = spec.path, shown(spec.path), graph
        self._last = ""  # the last node that can be shown
        self._stored: dict[str, Tensor] = {
            tensor.name: tensor for tensor in reversed(graph.tensors)
        }
        self._names = Counter(node.name for node in graph.nodes)
        self._makers: dict[str, Node] = {}
        self._readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for output in filter(None, node.outputs):
                if output in self._makers:
                    raise KernelError(f"is damaged: two nodes make {quoted(output)}")
                self._makers[output] = node
            for name in dict.fromkeys(node.inputs):
                self._readers.setdefault(name, []).append(node)
        self._most = 0  # layers; 0 for all
        self._target = self._find_target(spec.layer) if spec.layer else None
        self._led = self._needed([self._target] if self._target else graph.outputs)
        self._refuse_loops()
        self._input = self._find_input()

    def read(self) -> NetworkLayers:
        """Return the layers up to the target."""
        target = self._target
        builder = LayerBuilder(self._input, self._constant, self._graph.opset)
        fed = self._fed()
        tensor = self._input.name
        while tensor != target and not (self._most and len(builder.layers) >= self._most):
            readers = [each for each in self._readers.get(tensor, ()) if id(each) in self._led]
            if not readers:
                break
            if len(readers) > 1:
                self._refuse_branches(readers)
            [node] = readers
            if len(builder.layers) == MAX_LAYERS:
                raise UsageError(
                    f"has more than {MAX_LAYERS:,} layers; name the last after a colon, as in "
                    f"{self._path}:10"
                )
            self._add(builder, node, tensor, fed)
            tensor, self._last = node.outputs[0], self._shown_name(node)
        self._check_end(tensor, builder)
        return NetworkLayers(builder.layers, builder.input_channels, builder.input_size)

    def _check_end(self, tensor: str, builder: LayerBuilder) -> None:
        """Check that the line ends where it should."""
        count = len(builder.layers)
        if self._most > count:
            raise UsageError(f"has {count_text(count, 'layer')}, and no number {self._most}")
        if self._target not in (None, tensor) or (
            self._target is None and not self._most and tensor not in self._graph.outputs
        ):
            self._refuse("what follows does not read its first output", after=True)
        if not count:
            place = " up to there" if self._target else ""
            raise UsageError(f"has no layer{place}: its nodes keep values as they are")

    def _add(self, builder: LayerBuilder, node: Node, tensor: str, fed: set[str]) -> None:
        """Add the layer of a node that reads a tensor."""
        label = f"node {short_name(node_name(node))} ({shown(node.operator)})"
        if node.operator not in OPERATORS:
            self._refuse(f"{label} is no layer of chain")
        others = [name for name in node.inputs if name and self._constant(name) is None]
        others.remove(tensor)
        if any(name in fed for name in others):
            self._refuse(f"{label} joins branches")
        for name in others:
            maker = self._makers.get(name)
            source = f"computed ({shown(maker.operator)})" if maker else "not in the file"
            if name in (each.name for each in self._graph.inputs):
                source = "another input"
            self._refuse(f"{label} reads {short_name(name)}, which is {source}")
        if not node.outputs:
            raise KernelError("is damaged: a node has no output")
        try:
            builder.add(node)
        except ConvcliError as error:
            self._refuse(f"{label}: {error}", error)

    def _refuse(
        self, problem: str, error: Exception | None = None, *, after: bool = False
    ) -> NoReturn:
        last = f"{self._path}:{short_name(self._last)}" if self._last else ""
        if after and last:
            raise UsageError(f"{last} is the last node that can be shown: {problem}") from error
        if not last:
            problem += "; no node before it can be shown"
            if self._is_first_applied():
                problem += (
                    f", but weights can: 'convcli kernels list {self._path}' lists those of its "
                    f"convolutions, and -k {self._path} takes the first"
                )
            raise UsageError(problem) from error
        raise UsageError(f"{problem}; {last} is the last node that can be shown") from error

    def _is_first_applied(self) -> bool:
        """Return whether ``-k FILE`` applies weights of the file, those of a Conv node."""
        if not any(node.operator == "Conv" for node in self._graph.nodes):
            return False
        try:
            kernel_set = read_spec(self._file)
        except KernelError:
            return False
        return not (kernel_set.transposed or kernel_set.grouped)

    def _refuse_loops(self) -> None:
        """Refuse nodes that read, maybe through others, what they give."""
        nodes = {id(node): node for node in self._graph.nodes if id(node) in self._led}
        read = {
            key: [id(self._makers[name]) for name in node.inputs if name in self._makers]
            for key, node in nodes.items()
        }
        try:
            TopologicalSorter(read).prepare()
        except CycleError as error:
            name = short_name(node_name(nodes[error.args[1][0]]))
            raise KernelError(
                f"is damaged: its graph is a loop, as node {name} reads what is computed from its "
                "own output"
            ) from error

    def _refuse_branches(self, readers: list[Node]) -> NoReturn:
        names = " and ".join(short_name(node_name(each)) for each in readers[:2])
        place = "the network branches at its input"
        if self._last:
            last = f"{self._path}:{short_name(self._last)}"
            place = f"{last} is the last node before the network branches"
        hint = ""
        for node in readers:
            computed = [name for name in node.inputs if name and self._constant(name) is None]
            if len(computed) == 1 and node.operator in OPERATORS:
                hint = f"; {self._path}:{short_name(self._shown_name(node))} follows one branch"
                break
        raise UsageError(f"{place}, into {names}{hint}")

    def _shown_name(self, node: Node) -> str:
        """Return a name that finds a node: its own if no other has it, or its output's."""
        is_unique = node.name and self._names[node.name] == 1
        return node.name if is_unique else node.outputs[0]

    def _constant(self, name: str) -> Tensor | None:
        """Return a stored tensor, also one that Identity nodes pass on; None if it is computed."""
        passed = [name]
        while name not in self._stored and len(passed) <= len(self._makers):
            node = self._makers.get(name)
            if node is None or node.operator != "Identity" or len(node.inputs) != 1:
                return None
            [name] = node.inputs
            passed.append(name)
        tensor = self._stored.get(name)
        if tensor is not None:
            self._stored |= dict.fromkeys(passed, tensor)
        return tensor

    def _find_target(self, until: str) -> str | None:
        """Return the tensor where the layers end; None, and set the number of layers, for one."""
        for node in self._graph.nodes:
            if node.name == until and node.outputs:
                return node.outputs[0]
        if until in self._makers:
            return until
        if until.isascii() and until.isdigit() and 0 < len(until) < 10 and int(until):
            self._most = int(until)
            return None
        names = {}
        for node in self._graph.nodes:
            name = node_name(node)
            names[name[:LONGEST_NAME].lower()] = name
        near = get_close_matches(until[:LONGEST_NAME].lower(), list(names)[:_MOST_COMPARED], n=3)
        hint = f"; did you mean {' or '.join(short_name(names[each]) for each in near)}?"
        raise KernelError(f"has no node {quoted(until)}{hint if near else ''}")

    def _find_input(self) -> GraphInput:
        """Return the input that the target is computed from."""
        inputs = self._graph.inputs
        if self._target is not None:
            read = {name for n in self._graph.nodes if id(n) in self._led for name in n.inputs}
            inputs = [each for each in inputs if each.name in read]
        if not inputs:
            raise UsageError("computes nothing from an input there")
        return inputs[0]

    def _needed(self, tensors: Iterable[str]) -> set[int]:
        """Return the nodes that lead to some tensors, by their identity."""
        needed: set[int] = set()
        left = list(tensors)
        while left:
            node = self._makers.get(left.pop())
            if node is not None and id(node) not in needed:
                needed.add(id(node))
                left += node.inputs
        return needed

    def _fed(self) -> set[str]:
        """Return the tensors that depend on the input."""
        fed: set[str] = set()
        left = [self._input.name]
        while left:
            name = left.pop()
            if name not in fed:
                fed.add(name)
                left += [output for node in self._readers.get(name, ()) for output in node.outputs]
        return fed - {""}
