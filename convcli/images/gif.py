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
from convcli.images.frame_changes import Box, box_of, changed, crop, duration_of
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
    """

    indices: NDArray[np.uint8]
    colors: NDArray[np.uint8]
    transparent: int | None
    is_exact: bool


def write_gif(file: BinaryIO, frames: Iterable[ImageData], plays: int) -> list[str]:
    """Write 8-bit frames of one size and kind.

    Colors beyond 256 a frame are reduced by a median cut. Alpha below one half becomes transparent,
    other alpha opaque.

    Args:
        file: binary, open for writing; it need not be seekable.
        frames: at least one; taken one at a time.
        plays: how often an animation plays; 0 forever.

    Returns:
        Notes on colors and alpha that were lost.

    Raises:
        UsageError: the frames are larger than a GIF can be.
    """
    before: ImageData | None = None
    common = _GRAYS
    is_exact, is_partly_transparent = True, False
    elapsed, ticks = 0.0, 0
    for frame in frames:
        if frame.alpha is not None:
            box = box_of(frame.alpha >= 128)
            is_partly_transparent |= bool(((frame.alpha > 0) & (frame.alpha < 255)).any())
        else:
            box = Box(0, 0, *frame.shape) if before is None else box_of(changed(before, frame))
        part = index_colors(crop(frame, box))
        is_exact &= part.is_exact
        if before is None:
            common = part.colors
            file.write(_header(frame.shape, common))
            file.write(_loop(plays))
        # Rounding the time since the start keeps the animation's length.
        elapsed += duration_of(frame)
        shown = min(round(elapsed / _TICK) - ticks, _MAX_TICKS)
        ticks += shown
        file.write(_frame(box, part, shown, common))
        before = frame
    file.write(b";")
    notes = []
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
        return Indexed(image.pixels.reshape(image.shape), _GRAYS, None, is_exact=True)
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
    return Indexed(indices, colors, transparent, is_exact)


def _header(shape: tuple[int, int], colors: NDArray[np.uint8]) -> bytes:
    """Return the signature, the canvas's size and the colors that frames share."""
    height, width = shape
    if max(shape) > _MAX_SIDE:
        raise UsageError(f".gif holds at most {_MAX_SIDE:,} rows and columns; use .png")
    bits = _table_bits(colors)
    return b"GIF89a" + struct.pack("<2H3B", width, height, 0xF0 | bits, 0, 0) + _table(colors)


def _loop(plays: int) -> bytes:
    """Return the extension that repeats the animation; without it, it plays once."""
    if plays == 1:
        return b""
    repeats = min(max(plays - 1, 0), 65_535)  # 0 repeats forever
    return b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeats) + b"\0"


def _frame(box: Box, part: Indexed, ticks: int, common: NDArray[np.uint8]) -> bytes:
    """Return the control block, the place, the colors unless they are common, and the pixels."""
    disposal = _KEEP if part.transparent is None else _CLEAR
    flags = disposal << 2 | (part.transparent is not None)
    control = struct.pack("<4BHBB", 0x21, 0xF9, 4, flags, ticks, part.transparent or 0, 0)
    sizes = box.left, box.top, box.right - box.left, box.bottom - box.top
    table = b"" if np.array_equal(part.colors, common) else _table(part.colors)
    local = 0x80 | _table_bits(part.colors) if table else 0
    place = struct.pack("<B4HB", 0x2C, *sizes, local)
    codes = Image.fromarray(part.indices).tobytes("gif", "L", _CODE_BITS, 0)
    return control + place + table + bytes([_CODE_BITS]) + codes + b"\0"


def _table_bits(colors: NDArray[np.uint8]) -> int:
    """Return the size of a table of colors as stored: the power of two, less one."""
    return max(1, (len(colors) - 1).bit_length()) - 1


def _table(colors: NDArray[np.uint8]) -> bytes:
    return colors.tobytes().ljust(3 * 2 ** (1 + _table_bits(colors)), b"\0")
