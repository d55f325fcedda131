"""Write a GIF, still or animated, one frame at a time.

A GIF has up to 256 colors a frame and one of them may mean transparent. Frames without alpha hold
only the box of pixels that differ from the frame before. Frames with alpha hold every visible
pixel, and are cleared before the next one comes: otherwise it would show through. Source: GIF89a
specification (CompuServe, 1990), sections 18 to 26.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import UsageError
from convcli.images.frame_changes import Box, FrameClock, box_of, changed, crop, duration_of
from convcli.images.image import ImageData

MAX_COLORS = 256
_MAX_SIDE = _MAX_TICKS = 65_535
_TICK = 10  # milliseconds, the unit of durations
_KEEP, _CLEAR = 1, 2  # what happens to a frame before the next one
_CODE_BITS = 8
_GRAYS = np.arange(MAX_COLORS, dtype=np.uint8)[:, np.newaxis].repeat(3, axis=1)


class Indexed(NamedTuple):
    """A part of a frame as indices into colors.

    Attributes:
        indices: (H, W) uint8.
        colors: (n, 3) uint8, n at most 256.
        transparent: the index that means transparent, or None.
        is_exact: whether every visible pixel has its own color.
        is_cleared: whether the part is cleared before the next frame.
    """

    indices: NDArray[np.uint8]
    colors: NDArray[np.uint8]
    transparent: int | None
    is_exact: bool = True
    is_cleared: bool = False

    def hide(self, still: NDArray[np.bool_]) -> Indexed:
        """Return the part with transparent pixels where nothing changes: they compress well."""
        if self.transparent is None and len(self.colors) < MAX_COLORS:
            indices = np.where(still, np.uint8(len(self.colors)), self.indices)
            colors = np.concatenate([self.colors, np.zeros((1, 3), np.uint8)])
            return self._replace(indices=indices, colors=colors, transparent=len(self.colors))
        return self


def write_gif(
    file: BinaryIO, frames: Iterable[ImageData], plays: int, comment: bytes = b""
) -> list[str]:
    """Write 8-bit frames of one size and kind.

    Colors beyond 256 a frame are reduced by a median cut. Alpha below one half becomes transparent,
    other alpha opaque.

    Args:
        file: binary, open for writing; it need not be seekable.
        frames: at least one; taken one at a time.
        plays: how often an animation plays; 0 forever.
        comment: stored before the first frame.

    Returns:
        Notes on colors, alpha and times that were lost.

    Raises:
        UsageError: the frames are larger than a GIF can be.
    """
    frames = iter(frames)
    before = next(frames)
    box = Box(0, 0, *before.shape) if before.alpha is None else box_of(before.alpha >= 128)
    part = index_colors(crop(before, box))
    gif = GifFile(file, before.shape, part.colors, plays)
    if comment:
        gif.add_comment(comment)
    gif.add(box, part, duration_of(before))
    is_exact, is_partly_transparent = part.is_exact, _is_partly_transparent(before)
    for frame in frames:
        if frame.alpha is None:
            differs = changed(before, frame)
            box = box_of(differs)
            part = index_colors(crop(frame, box)).hide(~box.of(differs))
        else:
            box = box_of(frame.alpha >= 128)
            part = index_colors(crop(frame, box))
        gif.add(box, part, duration_of(frame))
        is_exact &= part.is_exact
        is_partly_transparent |= _is_partly_transparent(frame)
        before = frame
    gif.close()
    notes = gif.clock.notes(".gif")
    if not is_exact:
        notes.append(f"colors reduced to a palette of {MAX_COLORS}, the limit of .gif")
    if is_partly_transparent:
        notes.append(
            "partly transparent pixels became opaque or transparent, the limit of .gif; "
            ".png and .webp keep them"
        )
    return notes


def index_colors(image: ImageData) -> Indexed:
    """Return an 8-bit image as indices into its colors, or into similar ones if it has too many.

    Gray images without alpha are indices into all 256 grays.
    """
    if image.channels == 1 and image.alpha is None:
        return Indexed(image.pixels.reshape(image.shape), _GRAYS, None)
    visible = np.ones(image.shape, bool) if image.alpha is None else image.alpha >= 128
    pixels = np.broadcast_to(image.pixels.reshape(*image.shape, -1), (*image.shape, 3))[visible]
    most = MAX_COLORS - (image.alpha is not None)
    row = Image.fromarray(pixels[np.newaxis])
    is_exact = row.getcolors(most) is not None
    if is_exact:
        packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        distinct = np.unique(packed)
        colors = np.stack([distinct >> 16, distinct >> 8 & 255, distinct & 255], axis=1)
        found = np.searchsorted(distinct, packed)
    else:
        cut = row.quantize(most, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        colors = np.array(cut.getpalette("RGB"), np.uint8).reshape(-1, 3)[:most]
        found = np.asarray(cut)[0]
    # In falling order, the colors are never those of _GRAYS, which decoders take for gray.
    colors, found = colors[::-1].astype(np.uint8), len(colors) - 1 - found.astype(np.intp)
    transparent = None if image.alpha is None else len(colors)
    indices = np.full(image.shape, transparent or 0, np.uint8)
    indices[visible] = found
    if transparent is not None:
        colors = np.concatenate([colors, np.zeros((1, 3), np.uint8)])
    return Indexed(indices, colors, transparent, is_exact, transparent is not None)


class GifFile:
    """A GIF that is written frame by frame.

    Args:
        file: binary, open for writing; it need not be seekable.
        shape: rows and columns of the canvas.
        colors: (n, 3) uint8, stored once for all frames that have the same.
        plays: how often the animation plays; 0 forever.

    Attributes:
        clock: knows whether times had to be shortened.

    Raises:
        UsageError: the canvas is larger than a GIF can be.
    """

    def __init__(
        self, file: BinaryIO, shape: tuple[int, int], colors: NDArray[np.uint8], plays: int
    ) -> None:
        if max(shape) > _MAX_SIDE:
            raise UsageError(f".gif holds at most {_MAX_SIDE:,} rows and columns; use .png")
        self._file, self._colors = file, colors
        self.clock = FrameClock(_TICK, _MAX_TICKS)
        flags = 0xF0 | _table_bits(colors)
        file.write(b"GIF89a" + struct.pack("<2H3B", shape[1], shape[0], flags, 0, 0))
        file.write(_table(colors))
        if plays != 1:  # without this extension it plays once; 0 repeats forever
            repeats = min(max(plays - 1, 0), 65_535)
            file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeats) + b"\0")

    def add(self, box: Box, part: Indexed, duration: float) -> None:
        """Write what a box of the canvas shows for a time in milliseconds."""
        ticks = self.clock.ticks(duration)
        disposal = _CLEAR if part.is_cleared else _KEEP
        flags = disposal << 2 | (part.transparent is not None)
        control = struct.pack("<4BHBB", 0x21, 0xF9, 4, flags, ticks, part.transparent or 0, 0)
        sizes = box.left, box.top, box.right - box.left, box.bottom - box.top
        table = b"" if np.array_equal(part.colors, self._colors) else _table(part.colors)
        local = 0x80 | _table_bits(part.colors) if table else 0
        place = struct.pack("<B4HB", 0x2C, *sizes, local)
        codes = Image.fromarray(part.indices).tobytes("gif", "L", _CODE_BITS, 0)
        self._file.write(control + place + table + bytes([_CODE_BITS]) + codes + b"\0")

    def add_comment(self, comment: bytes) -> None:
        """Write a comment in blocks of up to 255 bytes."""
        blocks = (comment[place : place + 255] for place in range(0, len(comment), 255))
        self._file.write(b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks))
        self._file.write(b"\0")

    def close(self) -> None:
        """End the file, which stays open."""
        self._file.write(b";")


def _is_partly_transparent(frame: ImageData) -> bool:
    alpha = frame.alpha
    return alpha is not None and bool(((alpha > 0) & (alpha < 255)).any())


def _table_bits(colors: NDArray[np.uint8]) -> int:
    """Return the size of a table of colors as stored: the power of two, less one."""
    return max(1, (len(colors) - 1).bit_length()) - 1


def _table(colors: NDArray[np.uint8]) -> bytes:
    return colors.tobytes().ljust(3 * 2 ** (1 + _table_bits(colors)), b"\0")
