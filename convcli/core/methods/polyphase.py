"""Polyphase decomposition: split a strided convolution into convolutions of stride 1.

A stride of ``s`` splits the strip into ``s`` phases on each axis: every s-th row (or column), from
each start. Within a phase, the pixels of neighboring windows are neighbors, so that nothing is
computed for windows that the stride skips. Each tap belongs to one phase.

Source: Vaidyanathan, *Multirate Systems and Filter Banks*, 1993, chapter 4.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from numpy.typing import NDArray

from convcli.core.methods.base import Workspace
from convcli.geometry import Geometry


class Polyphase(NamedTuple):
    """A strip as flat planes, one for each phase.

    Attributes:
        planes: (channels, row phases, column phases, values of a plane).
        pitch: values from one row of a plane to the next.
        interleaved: channels in a plane: all of the image's, or 1 if the kernel sums over
            channels, which then have planes of their own.
        row_index: where each row phase is in ``planes``; phases that no tap needs are left out.
        column_index: the same for column phases.
        copies: parts of the planes, and the values that :meth:`fill` copies there.
    """

    planes: NDArray[Any]
    pitch: int
    interleaved: int
    row_index: dict[int, int]
    column_index: dict[int, int]
    copies: list[tuple[NDArray[Any], Any]]

    @classmethod
    def of(
        cls, strip: NDArray[Any], geometry: Geometry, workspace: Workspace, *, summed: bool
    ) -> Polyphase:
        """Allocate the planes of a (rows, padded width, C) strip; :meth:`fill` copies the values.

        With stride 1 and interleaved channels, the only plane is the strip itself; otherwise each
        plane is a copy that ends with a spare row of zeros. ``summed`` says whether the kernel
        sums over channels.
        """
        down, across = geometry.stride
        rows, width, channels = strip.shape
        apart, interleaved = (channels, 1) if summed else (1, channels)
        index = _phase_index(*geometry.along(0)), _phase_index(*geometry.along(1))
        if (apart, down, across) == (1, 1, 1):
            return cls(strip.reshape(1, 1, 1, -1), width * interleaved, interleaved, *index, [])
        counts = len(index[0]), len(index[1])
        shape = (apart, *counts, -(-rows // down) + 1, -(-width // across), interleaved)
        planes = workspace.take("phases", shape, strip.dtype)
        # The spare row, and the end of a phase that has a row or column less.
        spare, ends = planes[:, :, :, -2:], planes[..., -1, :]
        copies: list[tuple[NDArray[Any], Any]] = [(spare, 0), (ends, 0)]
        # One channel at a time: numpy copies long runs of single values faster than short pixels.
        for channel, (i, row), (j, column) in product(
            range(channels), index[0].items(), index[1].items()
        ):
            plane, lane = (channel, 0) if summed else (0, channel)
            part = strip[i::down, j::across, channel]
            whole = planes[plane, row, column, ..., lane]
            copies.append((whole[: part.shape[0], : part.shape[1]], part))
        flat = planes.reshape(*shape[:3], -1)
        return cls(flat, shape[4] * interleaved, interleaved, *index, copies)

    def fill(self) -> None:
        """Copy the values that the strip holds now."""
        for plane, part in self.copies:
            plane[...] = part


@lru_cache(maxsize=64)
def _phase_index(kernel: int, stride: int, _: int, dilation: int) -> dict[int, int]:
    """Number the phases that the taps of one axis need; see :meth:`Geometry.along`."""
    needed = {tap * dilation % stride for tap in range(min(kernel, stride))}
    return {phase: place for place, phase in enumerate(sorted(needed))}
