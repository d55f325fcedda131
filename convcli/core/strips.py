"""What a convolution copies of its input: padded strips, and the pixels under the anchors.

The padded image never exists as a whole. A *strip* is a band of its rows, copied into a small
buffer; on the way the numbers take another type and the border is filled in.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.geometry import Geometry

FILLED = ("zero", "constant")
OUTSIDE = -1


@lru_cache(maxsize=16)
def border_index(size: int, before: int, after: int, border: str) -> NDArray[np.intp]:
    """Return which pixel stands at each place of a padded axis.

    ``size`` pixels get ``before`` and ``after`` more, as ``numpy.pad`` fills them, however far
    they reach. A place that holds the fill value is ``OUTSIDE``. The array is not to be changed.

    >>> border_index(3, 2, 2, "reflect").tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    index = _border_index(np.arange(-before, size + after, dtype=np.intp), size, border)
    index.flags.writeable = False
    return index


def _border_index(place: NDArray[np.intp], size: int, border: str) -> NDArray[np.intp]:
    match border:
        case "edge":
            return place.clip(0, size - 1)
        case "wrap":
            return place % size
        case "symmetric":
            place %= 2 * size
            return np.minimum(place, 2 * size - 1 - place)
        case "reflect":
            period = max(2 * size - 2, 1)
            place %= period
            return np.minimum(place, period - place) if size > 1 else place
        case _:
            place[(place < 0) | (place >= size)] = OUTSIDE
            return place


@dataclass(frozen=True, eq=False)
class PaddedView:
    """The padded image, of which any band of rows can be copied out.

    ``image`` is (H, W, C); ``rows`` and ``columns`` say which of its pixels stands at each padded
    place, ``holds_fill`` whether the padding is ``fill`` instead of pixels.
    """

    image: NDArray[np.generic]
    geometry: Geometry
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    fill: float
    holds_fill: bool

    @classmethod
    def of(
        cls, image: NDArray[np.generic], geometry: Geometry, border: str, fill: float
    ) -> "PaddedView":
        """Lay ``geometry``'s padding around ``image``."""
        pads = geometry.pads
        rows = border_index(geometry.input_shape[0], pads.top, pads.bottom, border)
        columns = border_index(geometry.input_shape[1], pads.left, pads.right, border)
        return cls(image, geometry, rows, columns, fill, border in FILLED)

    @property
    def own_dtype(self) -> np.dtype[Any]:
        """The image's own type, or float64 where it does not hold the fill value."""
        dtype = self.image.dtype
        try:
            with np.errstate(over="ignore"):
                held = float(dtype.type(self.fill)) == self.fill
        except OverflowError:
            held = False
        return dtype if held else np.dtype(np.float64)

    def copy_rows(self, first: int, out: NDArray[np.generic]) -> None:
        """Copy padded rows from ``first`` on into ``out``, (rows, padded width, C)."""
        rows = self.rows[first : first + len(out)]
        width = self.geometry.input_shape[1]
        left = self.geometry.pads.left
        # Neighboring indices never rise by more than 1, so this holds only for unbroken runs.
        unbroken = rows[0] >= 0 and rows[-1] - rows[0] == len(rows) - 1
        source = self.image[rows[0] : rows[-1] + 1] if unbroken else self.image[rows]
        inside = out[:, left : left + width]
        inside[...] = source
        for border in (slice(0, left), slice(left + width, None)):
            columns = self.columns[border]
            if len(columns):
                out[:, border] = inside[:, columns]
                if self.holds_fill:
                    out[:, border][:, columns == OUTSIDE] = self.fill
        if self.holds_fill and not unbroken:
            out[rows == OUTSIDE] = self.fill


def sample_at_anchors(plane: NDArray[Any], geometry: Geometry, border: str) -> NDArray[Any]:
    """Return what lies under each window's anchor, (H', W'), of a (H, W) plane.

    Outside the plane it is what the border mode puts there; a border of a fill value counts 0.

    >>> from convcli.geometry import conv_geometry
    >>> geometry = conv_geometry((3, 3), (2, 2), padding="valid", stride=1)
    >>> sample_at_anchors(np.arange(9).reshape(3, 3), geometry, "edge").tolist()
    [[0, 1], [3, 4]]
    """
    pads = geometry.pads
    sides = ((pads.top, pads.bottom), (pads.left, pads.right))
    picked = []
    for axis, (before, after) in enumerate(sides):
        places = border_index(geometry.input_shape[axis], before, after, border)
        places = places[geometry.anchor[axis] :: geometry.stride[axis]]
        picked.append(places[: geometry.output_shape[axis]])
    rows, columns = picked
    under = plane[np.ix_(rows, columns)]
    under[rows == OUTSIDE] = 0
    under[:, columns == OUTSIDE] = 0
    return under


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
