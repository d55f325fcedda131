"""What every reader returns: the tensors of a model's file, whose numbers are read when asked for.

Files may be hostile. A reader checks each size against the size of the file before it asks for
memory, bounds each loop by that size, and raises a KernelError, without the file's name, for all
that is wrong.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, shown
from convcli.geometry import Pair
from convcli.kernels.reading import MAX_BYTES

MAX_DIMENSIONS = 64  # numpy's own limit
MAX_SIDE = 2**62
WEIGHT_AXES = 4  # of a convolution's weights: (N, C, kh, kw)
LONGEST_NAME = 80  # characters of a name that are shown
CHUNK = 2**20  # bytes that are read at a time: a size that lies costs no more memory

Layout = Literal["array", "torch"]


class Tensor(NamedTuple):
    """A named array of a file.

    Attributes:
        name: as in the file.
        shape: as in the file.
        dtype: numpy's name of the type, or the file's own where it is not read.
        read: returns the numbers, in the file's shape, as long as the file is open; None where
            they cannot be read.
        problem: why not.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], NDArray[Any]] | None = None
    problem: str = ""

    @property
    def fault(self) -> str:
        """Why a convolution cannot use it as weights; empty if nothing is known against it."""
        if not self.problem and len(self.shape) > WEIGHT_AXES:
            axes = len(self.shape)
            return f"its weights have {axes} axes, and those of images have {WEIGHT_AXES}"
        return self.problem

    def numbers(self) -> NDArray[Any]:
        """Return the numbers, in the file's shape.

        Raises:
            KernelError: they are no numbers, too many, or not all there.
        """
        if self.read is None:
            raise KernelError(self.problem)
        return self.read()


class Convolution(NamedTuple):
    """A convolution, and how the network applies it, as far as its file says.

    Attributes:
        name: of the node, or of the tensor where the file has no graph.
        weights: of four dimensions; without a shape where they are not stored.
        stride: (rows, columns).
        padding: in the words of ``--padding``: ``3``, ``1,2``, ``0,0,1,1`` or ``same-upper``.
        dilation: (rows, columns).
        groups: how many runs of channels have filters of their own.
        is_transposed: whether it is a transposed convolution, whose weights are (C, N/groups, kh,
            kw).
        output_padding: of a transposed convolution: rows and columns that are added.
        bias: the name of the tensor of its biases; empty where it has none, or the file says
            nothing.
    """

    name: str
    weights: Tensor
    stride: Pair | None = None
    padding: str | None = None
    dilation: Pair | None = None
    groups: int | None = None
    is_transposed: bool = False
    output_padding: Pair | None = None
    bias: str = ""


class Model(NamedTuple):
    """The tensors of a file, in the file's order.

    Attributes:
        tensors: all that the file names.
        layout: which axes tensors have: ``array``, those of a kernel in an ``.npy`` file; or
            ``torch``, (N, C, kh, kw), and (N, C, k) of one dimension.
        graph: the convolutions in the order of the nodes; None where the file has no graph.
    """

    tensors: Sequence[Tensor]
    layout: Layout = "array"
    graph: Sequence[Convolution] | None = None

    @property
    def convolutions(self) -> Sequence[Convolution]:
        """The convolutions: without a graph, all tensors of four dimensions."""
        if self.graph is not None:
            return self.graph
        return [
            Convolution(tensor.name, tensor) for tensor in self.tensors if len(tensor.shape) == 4
        ]


@contextmanager
def explained(
    faults: tuple[type[Exception], ...], words: str, *, with_reason: bool = False
) -> Iterator[None]:
    """Turn what a library raises for damaged files into a KernelError.

    Args:
        faults: what it raises.
        words: the message.
        with_reason: whether the library's own message follows.
    """
    try:
        yield
    except KernelError:
        raise
    except faults as error:
        reason = " ".join(ascii(str(error))[1:-1].split())[:100] or type(error).__name__
        raise KernelError(f"{words}: {reason}" if with_reason else words) from error


def pair_of_steps(steps: Sequence[int]) -> Pair | None:
    """Return steps in rows and columns; None for other than one or two axes."""
    if len(steps) not in (1, 2):
        return None
    return (1, steps[0]) if len(steps) == 1 else (steps[0], steps[1])


def check_shape(shape: Any) -> tuple[int, ...]:
    """Return a shape that a file gives as a list.

    Raises:
        KernelError: it is no list of sides that an array can have.
    """
    if not isinstance(shape, list | tuple) or len(shape) > MAX_DIMENSIONS:
        raise KernelError("is damaged: a tensor has no valid shape")
    for side in shape:
        if isinstance(side, bool) or not isinstance(side, int) or not 0 <= side <= MAX_SIDE:
            raise KernelError("is damaged: a tensor has no valid shape")
    return tuple(shape)


def byte_count(shape: Sequence[int], itemsize: int) -> int:
    """Return the bytes that a tensor takes, as a Python integer, which does not overflow."""
    return math.prod(shape) * itemsize


def size_of(file: BinaryIO) -> int:
    """Return the size of an open file in bytes."""
    return file.seek(0, os.SEEK_END)


def check_weights(count: int) -> None:
    """Raise KernelError where a tensor takes more bytes than the largest kernel may."""
    if count > MAX_BYTES:
        raise KernelError(
            f"its numbers take {count:,} bytes; a kernel has at most {MAX_BYTES >> 20} MiB"
        )


def read_numbers(stream: BinaryIO, shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read an array from where a stream is, chunk by chunk.

    Raises:
        KernelError: the array is empty or larger than a kernel may be, or the stream ends early.
    """
    count = byte_count(shape, dtype.itemsize)
    if not count:
        raise KernelError("holds no numbers")
    check_weights(count)
    content = bytearray()
    while len(content) < count:
        chunk = stream.read(min(CHUNK, count - len(content)))
        if not chunk:
            raise KernelError(
                f"is truncated: {count:,} bytes of numbers expected, {len(content):,} found"
            )
        content += chunk
    return np.frombuffer(content, dtype).reshape(shape)


def widen_bfloat16(halves: NDArray[Any]) -> NDArray[np.float32]:
    """Return bfloat16 numbers as float32: each is the upper half of one."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


def short_name(name: str) -> str:
    """Return the name of a tensor as it is printed, on one line; a file may hold any."""
    short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
    return shown(short) if short.strip() == short != "" else ascii(short)
