"""``MODEL[:LAYER]``: the file of a network, and a layer or tensor in it."""

from __future__ import annotations

import re
from typing import NamedTuple

from convcli.kernels.reading import is_file

FORMATS = {  # suffix -> module
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".pt": "torch",
    ".pth": "torch",
    ".onnx": "onnx",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".keras": "hdf5",
}
SUFFIXES = ", ".join(FORMATS)
_SPEC = re.compile(
    rf"(.+?(?:{'|'.join(map(re.escape, FORMATS))}))(?::(.*))?", re.IGNORECASE | re.DOTALL
)


class ModelSpec(NamedTuple):
    """The name of a model's file, and of a layer or tensor in it: empty for the first."""

    path: str
    layer: str = ""

    @property
    def format(self) -> str:
        """The format of the file, by its suffix."""
        return FORMATS["." + self.path.lower().rpartition(".")[2]]


def parse_model(text: str) -> ModelSpec | None:
    """Split a SPEC that names a model; None where it names something else.

    The file's name ends at the first colon after a model's suffix. The rest may hold any
    characters. A file whose name is the whole text wins.

    >>> parse_model("nets/a.npz:conv1:0@3,x")
    ModelSpec(path='nets/a.npz', layer='conv1:0@3,x')
    >>> parse_model("gaussian:5")
    """
    match = _SPEC.fullmatch(text)
    if match is None:
        return None
    path, layer = match.groups(default="")
    if layer and is_file(text):
        return ModelSpec(text) if text.lower().endswith(tuple(FORMATS)) else None
    return ModelSpec(path, layer)
