"""One palette for every frame of an animation, and the frames in its colors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frame = NDArray[np.uint8]

MOST_COLORS = 255  # one more index says: as it was
_EXACT = 64  # the colors that most pixels have come out to the bit
_BITS = 6  # of each channel, by which the nearest color is looked up
_CHUNK = 1 << 14
_NONE = np.empty((0, 3), np.uint8)


class Palette:
    """Up to 255 colors, and which of them each color becomes.

    The colors to keep and the most frequent ones of the samples are there as they are: page,
    letters and lines do not change. The others come from a median cut. Nothing is dithered, so
    that what stands still looks the same in every frame.

    Args:
        samples: frames that have, together, the colors of all.
        kept: (n, 3), at most 128 colors that matter however few pixels they have.

    >>> frame = np.array([[[255, 255, 255], [10, 20, 30]]], np.uint8)
    >>> palette = Palette([frame])
    >>> palette.colors[palette.mapped(frame)].tolist()
    [[[255, 255, 255], [10, 20, 30]]]
    """

    def __init__(self, samples: Sequence[Frame], kept: Frame = _NONE) -> None:
        pixels = np.concatenate([sample.reshape(-1, 3) for sample in samples])
        packed, counts = np.unique(_packed(pixels), return_counts=True)
        order = np.lexsort((packed, -counts))
        exact = list(dict.fromkeys([*_packed(kept).tolist(), *packed[order].tolist()]))
        if len(exact) > MOST_COLORS:
            exact = exact[: len(kept) + _EXACT]
            exact += _median_cut(pixels, MOST_COLORS - len(exact)).tolist()
        select_channels = np.array(exact, np.uint32)
        self.colors = _unpacked(select_channels)
        self._table = _nearest(self.colors)
        # Of two colors that share an entry, the more frequent one comes out to the bit.
        self._table[_entries(self.colors[::-1])] = np.arange(len(select_channels) - 1, -1, -1)

    def mapped(self, frame: Frame) -> NDArray[np.uint8]:
        """Return the numbers of a frame's colors, (H, W)."""
        indices: NDArray[np.uint8] = self._table[_entries(frame)]
        return indices


def _median_cut(pixels: Frame, count: int) -> NDArray[np.uint32]:
    image = Image.fromarray(pixels[np.newaxis])
    reduced = image.quantize(count, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colors = np.array(reduced.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return _packed(colors[:count])


def _nearest(colors: Frame) -> NDArray[np.uint8]:
    """Return, for every entry of the table, the color nearest to its middle."""
    levels = (np.arange(1 << _BITS, dtype=np.float32) + 0.5) * (256 >> _BITS)
    middles = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    ends = colors.astype(np.float32)
    table = np.empty(len(middles), np.uint8)
    for start in range(0, len(middles), _CHUNK):
        some = middles[start : start + _CHUNK]
        table[start : start + _CHUNK] = ((ends**2).sum(1) - 2 * some @ ends.T).argmin(1)
    return table


def _entries(colors: Frame) -> NDArray[np.intp]:
    red, green, blue = np.moveaxis(colors >> (8 - _BITS), -1, 0).astype(np.intp)
    entries: NDArray[np.intp] = (red << 2 * _BITS) | (green << _BITS) | blue
    return entries


def _packed(colors: Frame) -> NDArray[np.uint32]:
    red, green, blue = np.moveaxis(colors, -1, 0).astype(np.uint32)
    packed: NDArray[np.uint32] = (red << 16) | (green << 8) | blue
    return packed


def _unpacked(packed: NDArray[np.uint32]) -> Frame:
    channels = [packed >> 16, packed >> 8 & 255, packed & 255]
    return np.stack(channels, -1).astype(np.uint8)
