"""Split a strip into phases."""

from itertools import product
from typing import Any, NamedTuple

from numpy.typing import NDArray

from convcli.core.strips import Workspace
from convcli.geometry import Geometry


class Polyphase(NamedTuple):
    """A strip as flat planes, [channel][row phase][column phase], and how far apart its rows are.

    Only phases that a tap can meet are there; ``row_places`` and ``column_places`` say where.

    A plane holds ``samples`` interleaved channels: all of an image's, or 1 where a kernel sums
    over the channels and each has planes of its own.
    """

    planes: NDArray[Any]
    pitch: int
    samples: int
    row_places: dict[int, int]
    column_places: dict[int, int]

    @classmethod
    def of(
        cls, strip: NDArray[Any], geometry: Geometry, space: Workspace, *, summed: bool
    ) -> "Polyphase":
        """Split a strip, (rows, padded width, C), with a spare row of zeros at the end.

        One phase of all channels is the strip itself, and has none.
        """
        down, across = geometry.stride
        rows, width, channels = strip.shape
        apart, samples = (channels, 1) if summed else (1, channels)
        places = _places(geometry, 0), _places(geometry, 1)
        if (apart, down, across) == (1, 1, 1):
            return cls(strip.reshape(1, 1, 1, -1), width * samples, samples, *places)
        counts = len(places[0]), len(places[1])
        shape = (apart, *counts, -(-rows // down) + 1, -(-width // across), samples)
        planes = space.take("phases", shape, strip.dtype)
        # The spare row, and where a phase has a row or column less.
        planes[:, :, :, -2:], planes[..., -1, :] = 0, 0
        for channel, (i, row), (j, column) in product(
            range(apart), places[0].items(), places[1].items()
        ):
            chosen = slice(channel, channel + 1) if summed else slice(None)
            part = strip[i::down, j::across, chosen]
            planes[channel, row, column, : part.shape[0], : part.shape[1]] = part
        return cls(planes.reshape(*shape[:3], -1), shape[4] * samples, samples, *places)


def _places(geometry: Geometry, axis: int) -> dict[int, int]:
    """Number the phases that the taps of an axis fall into; there are no more than taps."""
    stride, dilation = geometry.stride[axis], geometry.dilation[axis]
    met = {tap * dilation % stride for tap in range(min(geometry.kernel[axis], stride))}
    return {phase: place for place, phase in enumerate(sorted(met))}
