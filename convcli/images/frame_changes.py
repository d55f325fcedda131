"""What changes from one frame of an animation to the next, and how long each is shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images.image import ImageData, Metadata

DEFAULT_DURATION = 100.0  # milliseconds, for pages and other frames without a time of their own


class Box(NamedTuple):
    """A rectangle of pixels: rows ``top`` to ``bottom``, columns ``left`` to ``right``."""

    top: int
    left: int
    bottom: int
    right: int

    def of(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a view of this part of a (H, W) or (H, W, C) plane."""
        return plane[self.top : self.bottom, self.left : self.right]


def box_of(mask: NDArray[np.bool_], *, grid: int = 1) -> Box:
    """Return the smallest box around the true pixels of a (H, W) mask; one pixel if none is.

    ``top`` and ``left`` are multiples of ``grid``.

    >>> box_of(np.array([[0, 0, 0], [0, 1, 1]], bool))
    Box(top=1, left=1, bottom=2, right=3)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Box(0, 0, 1, 1)
    top, left = int(rows[0]) // grid * grid, int(columns[0]) // grid * grid
    return Box(top, left, int(rows[-1]) + 1, int(columns[-1]) + 1)


def changed(before: ImageData, after: ImageData) -> NDArray[np.bool_]:
    """Return a (H, W) mask of the pixels that differ; frames of different kinds differ all over."""
    if before.pixels.shape != after.pixels.shape or (before.alpha is None) != (after.alpha is None):
        return np.ones(after.shape, bool)
    differs = np.asarray(before.pixels != after.pixels)
    if differs.ndim == 3:
        differs = np.logical_or.reduce(differs, axis=2)
    if before.alpha is not None:
        differs |= before.alpha != after.alpha
    return differs


def crop(image: ImageData, box: Box) -> ImageData:
    """Return a part of an image, without the metadata that the first frame alone carries."""
    pixels = np.ascontiguousarray(box.of(image.pixels))
    alpha = None if image.alpha is None else np.ascontiguousarray(box.of(image.alpha))
    metadata = Metadata(duration=image.metadata.duration)
    return image._replace(pixels=pixels, alpha=alpha, metadata=metadata)


class FrameClock:
    """Rounds the times of frames so that the animation keeps its length.

    Args:
        tick: the format's unit of time, in milliseconds.
        most: the greatest number of ticks that a frame can have; a WebP's by default.

    >>> clock = FrameClock()
    >>> [clock.ticks(100 / 3) for _ in range(4)]
    [33, 34, 33, 33]
    """

    def __init__(self, tick: int = 1, most: int = 2**24 - 1) -> None:
        self._tick, self._most = tick, most
        self._elapsed, self._counted = 0.0, 0
        self._is_shortened = False

    def ticks(self, duration: float) -> int:
        """Return the ticks of the next frame, which is shown for so many milliseconds."""
        self._elapsed += duration
        ticks = round(self._elapsed / self._tick) - self._counted
        self._counted += ticks
        self._is_shortened |= ticks > self._most
        return min(ticks, self._most)  # what a frame cannot have is not passed on to the next

    def notes(self, suffix: str) -> list[str]:
        """Return a note if a frame's time was more than files with this suffix hold."""
        return [shortened_note(self._most * self._tick / 1000, suffix)] * self._is_shortened


def shortened_note(seconds: float, suffix: str) -> str:
    """Return a note on frames whose time was cut to the most that a format holds.

    >>> shortened_note(655.35, ".gif")
    'frames were shortened to 655.35 s, the limit of .gif'
    """
    most = f"{seconds:,}".removesuffix(".0")
    return f"frames were shortened to {most} s, the limit of {suffix}"


def duration_of(image: ImageData) -> float:
    """Return how long a frame is shown, in milliseconds."""
    duration = image.metadata.duration
    return DEFAULT_DURATION if duration is None else max(0.0, duration)
