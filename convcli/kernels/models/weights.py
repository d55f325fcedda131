"""Read the weights that ``MODEL[:LAYER]`` names."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, count_text, list_text, prefix_errors, quoted, shown
from convcli.geometry import pads_text, pair_text
from convcli.kernels.kernel import Kernel
from convcli.kernels.models.model import (
    LONGEST_NAME,
    WEIGHT_AXES,
    Convolution,
    Model,
    Tensor,
    short_name,
)
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
    """The weights of a layer as a kernel or a bank.

    Attributes:
        kernel: the weights.
        note: how the network applies them, in words.
        transposed: the layer of ``convcli chain`` that applies those of a transposed convolution.
        grouped: the same for those of a convolution in groups, as far as the file says.
    """

    kernel: Kernel
    note: str = ""
    transposed: str = ""
    grouped: str = ""


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
            if model.layout == "torch" and len(tensor.shape) == 1:
                raise KernelError(f"has one axis, as biases have; {_weights_text(model)}")
            array = tensor.numbers()
            if model.layout == "torch" and array.ndim == 3:
                array = array[:, :, np.newaxis]
            stem = Path(spec.path).stem
            name = f"{stem}-{spec.layer}" if spec.layer else stem
            source = f"{shown(spec.path)}: {short_name(tensor.name)}"
            kernel = Kernel(array, name=name, source=source)
            own = next((each for each in model.graph or () if each.weights is tensor), None)
            if own is None:
                return LayerWeights(kernel)
            text = f"{spec.path}:{spec.layer or own.name}"
            transposed = transposed_layer(text, own) if own.is_transposed else ""
            grouped = ""
            if (own.groups or 1) > 1:
                grouped = transposed or f"conv -k {shlex.quote(text)} --groups {own.groups}"
            return LayerWeights(kernel, _note(own), transposed, grouped)


def _note(convolution: Convolution) -> str:
    """Return how the network applies a convolution, as far as the file says."""
    facts = {
        "stride": convolution.stride and pair_text(convolution.stride),
        "padding": convolution.padding,
        "dilation": convolution.dilation and pair_text(convolution.dilation),
        "groups": convolution.groups,
        "bias": convolution.bias and short_name(convolution.bias),
    }
    known = ", ".join(f"{name} {fact}" for name, fact in facts.items() if fact)
    kind = "transposed, " if known and convolution.is_transposed else ""
    return f"in the network {kind}{known}" if known else ""


def transposed_layer(spec: str, convolution: Convolution) -> str:
    """Return the layer of ``convcli chain`` that applies a transposed convolution.

    Args:
        spec: ``MODEL:LAYER``.
        convolution: with the settings that the file knows.
    """
    stride, dilation = convolution.stride or (1, 1), convolution.dilation or (1, 1)
    options = {"stride": pair_text(stride), "dilation": pair_text(dilation)}
    options["groups"] = str(convolution.groups or 1)
    options = {name: text for name, text in options.items() if text != "1"}
    if convolution.output_padding:
        options["output-padding"] = pair_text(convolution.output_padding)
    if convolution.padding in ("same-upper", "same-lower"):
        # The pads of the convolution that makes n values of n*stride, divided as TensorFlow does.
        sides = (1, *convolution.weights.shape[2:])[-2:]
        excess = [d * (k - 1) + 1 - s for k, s, d in zip(sides, stride, dilation, strict=True)]
        halves = [(max(each, 0) // 2, (max(each, 0) + 1) // 2) for each in excess]
        turn = 1 if convolution.padding == "same-upper" else -1
        options["padding"] = pads_text([half for pair in halves for half in pair[::turn]])
        options["output-padding"] = pair_text((max(-excess[0], 0), max(-excess[1], 0)))
    elif convolution.padding is not None:
        options["padding"] = convolution.padding
    given = [f"--{name} {text}" for name, text in options.items() if text != "0"]
    return " ".join(["convtranspose -k", shlex.quote(spec), *given])


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
        plain = (each for each in model.convolutions if not each.is_transposed)
        return next(plain, model.convolutions[0]).weights
    if len(model.tensors) == 1:
        return model.tensors[0]
    words = "holds no weights of a convolution, which have four dimensions"
    if any(len(tensor.shape) == WEIGHT_AXES + 1 for tensor in model.tensors):
        words += "; those of five are of a convolution of volumes"
    least = 2 if model.layout == "torch" else 1
    usable = [
        tensor.name
        for tensor in model.tensors
        if not tensor.problem and least <= len(tensor.shape) <= WEIGHT_AXES
    ]
    raise KernelError(
        f"{words}; name one of its tensors after a colon: {_listed(usable)}" if usable else words
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


def _weights_text(model: Model) -> str:
    """Return a sentence on the weights of convolutions that a file has."""
    names = [each.name for each in model.convolutions]
    return f"weights of convolutions are {_listed(names)}" if names else f"it has {_some(model)}"


def _some(model: Model) -> str:
    """Return names for a message, the first of many."""
    return _listed(_names(model))


def _listed(names: Sequence[str]) -> str:
    return list_text([*map(short_name, names)], _MOST_NAMED)
