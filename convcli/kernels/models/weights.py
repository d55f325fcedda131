"""Read the weights that ``MODEL[:LAYER]`` names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, count_text, prefix_errors, quoted, shown
from convcli.geometry import pair_text
from convcli.kernels.kernel import Kernel
from convcli.kernels.models.model import LONGEST_NAME, Model, Tensor, short_name
from convcli.kernels.models.spec import ModelSpec
from convcli.kernels.reading import open_file

_MOST_NAMED = 4  # tensors in a message
_MOST_COMPARED = 2000  # names that may be near


@contextmanager
def open_model(path: str, form: str) -> Iterator[Model]:
    """Open the file of a model; its tensors can be read in the block.

    Args:
        path: of the file.
        form: one of the values of :data:`convcli.kernels.models.spec.FORMATS`.

    Raises:
        KernelError: the file does not exist, cannot be read, or is damaged.
    """
    with prefix_errors(shown(path)), open_file(path) as file:
        yield import_module(f"convcli.kernels.models.{form}").read_model(file)


class LayerWeights(NamedTuple):
    """The weights of a layer as a kernel or a bank, and how the network applies them, in words."""

    kernel: Kernel
    note: str


def read_weights(spec: ModelSpec) -> LayerWeights:
    """Return the weights of a layer: a kernel, or a bank (N, C, kh, kw).

    Without a layer's name, these are the weights of the first convolution, or of the only tensor.

    Raises:
        KernelError: the file cannot be read, it has no such layer, or the layer no weights that a
            kernel may have.
    """
    with open_model(spec.path, spec.format) as model:
        tensor = find_tensor(model, spec.layer)
        with prefix_errors(short_name(tensor.name)):
            array = tensor.numbers()
            if model.layout == "torch" and array.ndim == 3:
                array = array[:, :, np.newaxis]
            stem = Path(spec.path).stem
            name = f"{stem}-{spec.layer}" if spec.layer else stem
            source = f"{shown(spec.path)}: {short_name(tensor.name)}"
            return LayerWeights(Kernel(array, name=name, source=source), _note(model, tensor))


def _note(model: Model, weights: Tensor) -> str:
    """Return the options of the convolution that weights belong to, if the file has a graph."""
    for each in model.graph or ():
        if each.weights is weights:
            facts = [f"stride {pair_text(each.stride)}"] if each.stride else []
            facts += [f"padding {each.padding}"] if each.padding else []
            facts += [f"dilation {pair_text(each.dilation)}"] if each.dilation else []
            facts += [f"groups {each.groups}"] if each.groups else []
            return f"in the network {', '.join(facts)}" if facts else ""
    return ""


def read_vector(spec: ModelSpec) -> NDArray[np.float64]:
    """Return the numbers of a tensor in one row of float64, such as the biases of a layer.

    Raises:
        KernelError: the file cannot be read, or has no such tensor.
    """
    with open_model(spec.path, spec.format) as model:
        if not spec.layer:
            raise KernelError(f"name one of its tensors after a colon: {_some(model)}")
        tensor = find_tensor(model, spec.layer)
        with prefix_errors(short_name(tensor.name)):
            return tensor.numbers().ravel().astype(np.float64)


def find_tensor(model: Model, layer: str) -> Tensor:
    """Return the tensor of a name, the n-th convolution's, or, without either, the first's.

    Raises:
        KernelError: there is none.
    """
    if not model.tensors and not model.convolutions:
        raise KernelError("holds no arrays")
    convolutions = model.convolutions
    if not layer:
        return _first(model)
    named: dict[str, Tensor] = {tensor.name: tensor for tensor in reversed(model.tensors)}
    named |= {each.name: each.weights for each in reversed(convolutions)}
    if layer in named:
        return named[layer]
    if layer.isascii() and layer.isdigit() and len(layer) < 10:
        if 0 < int(layer) <= len(convolutions):
            return convolutions[int(layer) - 1].weights
        raise KernelError(f"has {count_text(len(convolutions), 'convolution')}, no number {layer}")
    if f"{layer}.weight" in named:  # of a module of torch
        return named[f"{layer}.weight"]
    raise KernelError(f"has no tensor {quoted(layer)}; {_near(model, layer)}")


def _first(model: Model) -> Tensor:
    """Return the weights of the first convolution, or the only tensor."""
    if model.convolutions:
        return model.convolutions[0].weights
    if len(model.tensors) == 1:
        return model.tensors[0]
    raise KernelError(
        "holds no weights of a convolution, which have four dimensions; name one of its tensors "
        f"after a colon: {_some(model)}"
    )


def _names(model: Model) -> list[str]:
    """Return the names of tensors, and of nodes that have others."""
    nodes = [each.name for each in model.graph or ()]
    return list(dict.fromkeys([*nodes, *(tensor.name for tensor in model.tensors)]))


def _near(model: Model, layer: str) -> str:
    from difflib import get_close_matches

    names = {name[:LONGEST_NAME].lower(): name for name in _names(model)[:_MOST_COMPARED]}
    near = [names[name] for name in get_close_matches(layer[:LONGEST_NAME].lower(), names, n=3)]
    if near:
        return f"did you mean {' or '.join(map(short_name, near))}?"
    return f"it has {_some(model)}"


def _some(model: Model) -> str:
    """Return names for a message, the first of many."""
    names = _names(model)
    return ", ".join(map(short_name, names[:_MOST_NAMED])) + ", ..." * (len(names) > _MOST_NAMED)
