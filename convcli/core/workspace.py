"""Memory that is used again for each strip: fresh pages can cost more than the sums on them."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Workspace:
    """The buffers of one thread, by name; each lasts until it is taken again.

    >>> workspace = Workspace()
    >>> first = workspace.take("sums", (2, 3), np.int16)
    >>> np.shares_memory(first, workspace.take("sums", (5,), np.uint8))
    True
    """

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.uint8]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return a contiguous array of whatever was last in the buffer ``name``."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < size:
            buffer = self._buffers[name] = np.empty(size, np.uint8)
        return buffer[:size].view(kind).reshape(shape)
