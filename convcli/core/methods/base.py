"""What every method of summing has: strips in, sums out, and buffers that are used again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.core.precision import Precision
from convcli.geometry import Geometry

# One call of numpy: ``function(left, right, out)``. Functions of one input ignore ``right``.
Call = tuple[Callable[..., Any], NDArray[Any], NDArray[Any], NDArray[Any]]

KEPT_BYTES = 1 << 24  # most memory that one workspace keeps between calls


class Workspace(dict[str, NDArray[np.uint8]]):
    """The named buffers of one thread, used again for each strip.

    Fresh memory pages can cost more time than the sums on them.

    >>> workspace = Workspace()
    >>> first = workspace.take("sums", (2, 3), np.int16)
    >>> np.shares_memory(first, workspace.take("sums", (5,), np.uint8))
    True

    Attributes:
        result: where the finished values of the strip will be, (rows, W', ...), if they have a
            type that sums can have.
        user: what its buffers were bound to last, which may use them again as they are.
    """

    result: NDArray[Any] | None = None
    user: Any = None

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return buffer ``name`` as a contiguous array, valid until the buffer is taken again.

        The array holds whatever the buffer held before.
        """
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        buffer = self.get(name)
        if buffer is None or buffer.nbytes < size:
            buffer = self[name] = np.empty(size, np.uint8)
        return buffer[:size].view(kind).reshape(shape)

    def take_sums(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return memory for sums, in the order of the result: that of the result if they fit.

        To copy sums costs 0.2 ns a value, as much as a tenth of a float32 sum by a 3x3 kernel.
        """
        result = self._fitting_result(shape, dtype)
        return self.take("sums", shape, dtype) if result is None else result

    def place_of(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Return where sums are to be stored: the result's memory if they fit, or their own."""
        result = self._fitting_result(sums.shape, sums.dtype)
        return sums if result is None else result

    def _fitting_result(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any] | None:
        result = self.result
        if result is not None and result.dtype == dtype and result.size == math.prod(shape):
            return result.reshape(shape)
        return None


_free: list[Workspace] = []


def borrow() -> Workspace:
    """Return a workspace from an earlier call, or a new one if none is free."""
    try:
        return _free.pop()
    except IndexError:
        return Workspace()


def give_back(workspace: Workspace, user: Any = None) -> None:
    """Keep a workspace for later calls, unless it is large, and let go of the result.

    ``user`` is kept with it, until something else has used its buffers.
    """
    small = sum(buffer.nbytes for buffer in workspace.values()) <= KEPT_BYTES
    workspace.result, workspace.user = None, user if small else None
    if small:
        _free.append(workspace)


def run_calls(calls: Iterable[Call]) -> None:
    """Compute call by call."""
    for function, left, right, out in calls:
        function(left, right, out)


def store(values: NDArray[Any], _: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy values, in another type or from a single one, as a :data:`Call`."""
    out[...] = values


class SumMethod:
    """One way to sum the windows of a strip.

    A method defines :meth:`sums`, or :meth:`bind` if some of its work depends on the memory alone.

    Attributes:
        geometry: pads, stride, dilation and sizes.
        dtype: type of the strips; None for the image's.
        is_bound: whether :meth:`bind` works something out, and in little memory.
        can_move: whether what it returns stores the sums where the result is when it is called, or
            in memory of their own; else they stay where the result was when it was bound.
    """

    geometry: Geometry
    dtype: np.dtype[Any] | None = None
    is_bound: bool = False
    can_move: bool = False

    @property
    def name(self) -> str:
        """The method, as :data:`convcli.choices.METHODS` has it."""
        raise NotImplementedError

    @property
    def sums_all(self) -> bool:
        """Whether the sums of every strip are accurate, also of one that holds NaN."""
        return False

    @property
    def precision(self) -> Precision | None:
        """A bound on the error of sums in float32; None for other sums."""
        return None

    @property
    def is_possible(self) -> bool:
        """Whether sums can be accurate enough at all."""
        return self.precision is None or self.precision.is_possible

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        raise NotImplementedError

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows the windows of some output rows cover."""
        return self.geometry.rows_needed(rows)

    def sums(self, strip: NDArray[Any], rows: int, workspace: Workspace) -> NDArray[Any] | None:
        """Sum the windows of one strip.

        Args:
            strip: (``rows_needed(rows)``, padded width, C) of type ``dtype``; rows beyond the
                padded image are 0.
            rows: number of output rows.
            workspace: holds the sums until they are computed again.

        Returns:
            (rows, W', C), or (rows, W', N) for a kernel that sums over channels. Integer sums have
            the accumulator's type. None for a strip that this method cannot sum.
        """
        return self.bind(strip, rows, workspace)()

    def bind(
        self, strip: NDArray[Any], rows: int, workspace: Workspace
    ) -> Callable[[], NDArray[Any] | None]:
        """Return what sums the windows of the values that a strip holds whenever it is called.

        Args:
            strip, rows: as for :meth:`sums`.
            workspace: the function uses some of its buffers whenever it is called.
        """
        return partial(self.sums, strip, rows, workspace)

    def magnitude(self, strip: NDArray[Any], rows: int, highest: float) -> float:
        """Return a smaller magnitude of a strip's values that bounds the error as well.

        It is asked for where ``highest``, the largest one, does not suffice.
        """
        return highest

    def is_accurate(self, strip: NDArray[Any], sums: NDArray[Any]) -> bool:
        """Tell whether sums in float64 are as accurate as promised, if they are finite."""
        return True

    def describe(self) -> str:
        """Return the method's name and its cost."""
        return f"{self.name}: {self.cost_text()}"

    def cost_text(self) -> str:
        """Return the operations of a sum, and their number type, in words."""
        raise NotImplementedError
