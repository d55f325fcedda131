"""The layers of a model as Keras describes it in JSON: their names, order and settings."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from convcli.errors import KernelError
from convcli.geometry import Pair
from convcli.kernels.models.model import pair_of_steps

MAX_CONFIG = 4 * 2**20  # bytes; a network of a thousand layers takes 1 MB
_MAX_DEPTH, _MAX_LAYERS = 8, 10_000
_PADDINGS = {"same": "same-upper", "valid": "0", "causal": "causal"}


class KerasLayer(NamedTuple):
    """A layer.

    Attributes:
        name: with the names of the models that it is in: ``stem``, ``encoder/conv1``.
        kind: its class, such as ``Conv2D``; the class within a wrapper.
        place: among all layers, from 0.
        settings: by the names of Keras; a file may hold anything here.
    """

    name: str
    kind: str
    place: int
    settings: dict[str, Any]

    @property
    def word(self) -> str:
        """Its class as Keras writes it in names, such as ``conv2d``."""
        return _snake_case(self.kind)

    @property
    def is_convolution(self) -> bool:
        """Whether its weights of three dimensions or more are those of a convolution."""
        return "conv" in self.word

    @property
    def is_model(self) -> bool:
        """Whether it is a model of layers."""
        return "layers" in self.settings

    @property
    def is_transposed(self) -> bool:
        """Whether it is a transposed convolution."""
        return self.word.endswith("transpose")

    @property
    def stride(self) -> Pair | None:
        """The stride as (rows, columns)."""
        return _pair(self.settings.get("strides"))

    @property
    def dilation(self) -> Pair | None:
        """The dilation as (rows, columns)."""
        return _pair(self.settings.get("dilation_rate"))

    @property
    def padding(self) -> str | None:
        """The padding in the words of ``--padding``."""
        word = self.settings.get("padding")
        return _PADDINGS.get(word) if isinstance(word, str) else None

    @property
    def groups(self) -> int | None:
        """The number of groups."""
        groups = self.settings.get("groups", 1)
        return groups if isinstance(groups, int) and 0 < groups < 2**31 else None


class KerasLayers:
    """The layers of a model, found by the paths of their arrays.

    Args:
        text: the JSON; None for a file without it.

    Raises:
        KernelError: it is not valid JSON, or too long.
    """

    def __init__(self, text: bytes | None) -> None:
        self._folders: dict[str, KerasLayer] = {}  # of Keras 3: layers/conv2d_1
        self._names: dict[str, KerasLayer] = {}  # of layers that are in no other model
        self._inner: dict[tuple[str, str], KerasLayer] = {}  # by the outermost model and the name
        self._count = 0
        if text is not None:
            self._add(_parsed(text), (), "", 0)

    def _add(self, model: dict[str, Any], models: tuple[str, ...], folder: str, depth: int) -> None:
        """Add the layers of a model, whose arrays lie in a folder."""
        counts: Counter[str] = Counter()
        for name, kind, settings in _described(model.get("layers")):
            if self._count >= _MAX_LAYERS:
                raise KernelError(f"describes more than {_MAX_LAYERS:,} layers")
            word = _snake_case(kind)
            path = f"{folder}layers/{word}" + (f"_{counts[word]}" if counts[word] else "")
            counts[word] += 1
            inside = f"{path}/"
            for _, inner_kind, inner_settings in _described([settings.get("layer")]):
                kind, settings, inside = inner_kind, inner_settings, f"{path}/layer/"
            layer = KerasLayer("/".join((*models, name)), kind, self._count, settings)
            self._count += 1
            for key in (path, inside[:-1]):
                self._folders.setdefault(key, layer)
            if models:
                self._inner.setdefault((models[0], name), layer)
            else:
                self._names.setdefault(name, layer)
            if depth < _MAX_DEPTH:
                self._add(settings, (*models, name), inside, depth + 1)

    def of(self, path: str) -> KerasLayer | None:
        """Return the layer that an array belongs to; None where it is not known.

        Args:
            path: as in a file of Keras 3, ``layers/conv2d_1/vars/0``, or one whose names are those
                of layers, ``model_weights/stem/stem/kernel:0``.
        """
        *folders, _ = path.split("/")
        if folders[-1:] == ["vars"]:
            return self._folders.get("/".join(folders[:-1]))
        outermost = outer_name(path, self._names)
        inner = self._inner.get((outermost, folders[-1])) if folders and outermost else None
        return inner or self._names.get(outermost or "")


def outer_name(path: str, names: Any) -> str | None:
    """Return the longest of some names that a path begins with; names may hold slashes.

    >>> outer_name("conv1/bn/conv1/bn/gamma:0", {"conv1": 0, "conv1/bn": 1})
    'conv1/bn'
    """
    folders = path.split("/")[:-1]
    prefixes = ("/".join(folders[:count]) for count in range(len(folders), 0, -1))
    return next((each for each in prefixes if each in names), None)


def _parsed(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_CONFIG:
        raise KernelError(f"describes its layers in more than {MAX_CONFIG >> 20} MiB")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KernelError("is damaged: what describes its layers is not valid JSON") from error
    return next((settings for _, _, settings in _described([value])), {})


def _described(entries: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, class and settings of each entry that describes a layer."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            kind, settings = entry.get("class_name"), entry.get("config")
            if isinstance(settings, list):  # a Sequential of early Keras
                settings = {"layers": settings}
            if isinstance(kind, str) and isinstance(settings, dict):
                name = settings.get("name", entry.get("name"))
                yield name if isinstance(name, str) else kind, kind, settings


def _snake_case(name: str) -> str:
    """Return the name of a class as Keras writes it in paths.

    >>> _snake_case("DepthwiseConv2D"), _snake_case("Conv2DTranspose"), _snake_case("ReLU")
    ('depthwise_conv2d', 'conv2d_transpose', 're_lu')
    """
    word = re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", re.sub(r"\W", "", name))
    return word.lower()


def _pair(value: Any) -> Pair | None:
    """Return steps that a setting gives, if it gives valid ones."""
    numbers = [value] if isinstance(value, int) else value
    if not isinstance(numbers, list) or not all(isinstance(each, int) for each in numbers):
        return None
    return pair_of_steps(numbers) if all(0 < each < 2**31 for each in numbers) else None
