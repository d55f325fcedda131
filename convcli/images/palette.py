"""One palette for all frames of an animation, and frames as indices into it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frame = NDArray[np.uint8]

MAX_COLORS = 255  # the last index means transparent: unchanged since the frame before
_MAX_EXACT_COLORS = 48  # the most frequent colors that are kept exactly
_BITS = 6  # of each channel, which the table of nearest colors distinguishes
_CHUNK = 1 << 14  # table entries that are computed at once
_NONE = np.empty((0, 3), np.uint8)


class Palette:
    """Up to 255 colors, and a map from any color to the nearest of them.

    The colors to keep and the most frequent ones of the samples are in it exactly: background,
    letters and lines do not change. The others come from a median cut. Nothing is dithered: what
    does not move looks the same in every frame.

    Args:
        samples: (H, W, 3) frames that together contain the colors of all frames.
        kept: (n, 3), at most 160 colors to keep exactly, even if few pixels have them.

    >>> frame = np.array([[[255, 255, 255], [10, 20, 30]]], np.uint8)
    >>> palette = Palette([frame])
    >>> palette.colors[palette.indices(frame)].tolist()
    [[[255, 255, 255], [10, 20, 30]]]
    """

    def __init__(self, samples: Sequence[Frame], kept: Frame = _NONE) -> None:
        pixels = np.concatenate([sample.reshape(-1, 3) for sample in samples])
        packed, counts = np.unique(_packed(pixels), return_counts=True)
        order = np.lexsort((packed, -counts))
        exact = list(dict.fromkeys([*_packed(kept).tolist(), *packed[order].tolist()]))
        if len(exact) > MAX_COLORS:
            exact = exact[: len(kept) + _MAX_EXACT_COLORS]
            image = Image.fromarray(pixels[np.newaxis])
            count = MAX_COLORS - len(exact)
            image = image.quantize(count, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            cut = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)[:count]
            exact += _packed(cut).tolist()
        packed = np.array(exact, np.uint32)
        self.colors = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], -1).astype(np.uint8)
        self._table = _nearest(self.colors)
        # If two colors share an entry, the more frequent one is kept exactly.
        self._table[_entries(self.colors[::-1])] = np.arange(len(exact) - 1, -1, -1)

    def indices(self, frame: Frame) -> NDArray[np.uint8]:
        """Return the indices, (H, W), of the colors of an (H, W, 3) frame."""
        indices: NDArray[np.uint8] = self._table.take(_entries(frame))
        return indices


def _nearest(colors: Frame) -> NDArray[np.uint8]:
    """Return for every entry of the table the index of the color nearest to its center."""
    levels = (np.arange(1 << _BITS, dtype=np.float32) + 0.5) * (256 >> _BITS)
    centers = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    targets = colors.astype(np.float32)
    table = np.empty(len(centers), np.uint8)
    for start in range(0, len(centers), _CHUNK):
        chunk = centers[start : start + _CHUNK]
        table[start : start + _CHUNK] = ((targets**2).sum(1) - 2 * chunk @ targets.T).argmin(1)
    return table


def _entries(colors: Frame) -> NDArray[np.intp]:
    """Return the table entries of (..., 3) colors."""
    kept = colors >> (8 - _BITS)
    entries = kept[..., 0].astype(np.intp)
    for channel in (1, 2):
        entries <<= _BITS
        entries |= kept[..., channel]
    return entries


def _packed(colors: Frame) -> NDArray[np.uint32]:
    red, green, blue = np.moveaxis(colors, -1, 0).astype(np.uint32)
    packed: NDArray[np.uint32] = (red << 16) | (green << 8) | blue
    return packed
