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

    @property
    def nbytes(self) -> int:
        """How much memory all buffers take."""
        return sum(buffer.nbytes for buffer in self._buffers.values())

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return a contiguous array of whatever was last in the buffer ``name``."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < size:
            buffer = self._buffers[name] = np.empty(size, np.uint8)
        return buffer[:size].view(kind).reshape(shape)


KEPT_BYTES = 1 << 23  # what one workspace may hold on to between calls
_kept: list[Workspace] = []


def borrow() -> Workspace:
    """Return a workspace that an earlier call has used, with its memory, if one is free."""
    try:
        return _kept.pop()
    except IndexError:
        return Workspace()


def give_back(space: Workspace) -> None:
    """Keep a workspace for later; there are never more than were in use at one time."""
    if space.nbytes <= KEPT_BYTES:
        _kept.append(space)
