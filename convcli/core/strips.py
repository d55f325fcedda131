"""Strips without gaps: only the rows and columns that taps read.

A wide dilation or stride leaves rows and columns unread between the taps. Where most of a strip
would be such gaps, the strip holds the ``k`` rows (or columns) of each window next to each other
instead. Its windows are then ``k`` apart and without dilation, which is the same for every method.
"""

from __future__ import annotations

from convcli.geometry import Geometry, Pads, Pair

COLUMN_GAPS = 5  # padded columns per column that is read, beyond which the gaps are left out
ROW_GAPS = 4  # padded rows per row that is read, beyond which the gaps are left out
WIDE_PIXEL = 16  # channels, from which on the pixels that a stride skips are not copied, either
LARGE_STRIP = 1 << 25  # bytes; beyond, both factors are 2
ITEM = 8  # bytes of a number at most


def without_gaps(geometry: Geometry, channels: int) -> Geometry:
    """Return the windows as they lie in strips without gaps, or ``geometry`` if these do not pay.

    Args:
        geometry: of the padded image.
        channels: of the image.

    >>> from convcli.geometry import conv_geometry
    >>> wide = conv_geometry((97, 61), (3, 3), "same", dilation=10_000)
    >>> strips = without_gaps(wide, 3)
    >>> strips.padded_shape, strips.stride, strips.output_shape
    ((291, 183), (3, 3), (97, 61))
    """
    (_, width), (rows, columns) = geometry.padded_shape, geometry.kernel
    tall = 2 * geometry.extent[0] * channels * ITEM  # bytes of a strip's column
    factor = 2 if tall * width > LARGE_STRIP else COLUMN_GAPS
    read = columns * geometry.output_shape[1]
    if across := width > factor * read:
        width = read
    down = geometry.padded_shape[0] > ROW_GAPS * rows * geometry.output_shape[0]
    down = down or (tall * width > LARGE_STRIP and geometry.extent[0] > 2 * rows)
    if channels >= WIDE_PIXEL:  # 128 filters of 256x1x1, stride 2 on 56x56: 1.1 ms in place of 1.4
        down, across = (
            gapless or (size == 1 and stride > 1)
            for gapless, size, stride in zip(
                (down, across), geometry.kernel, geometry.stride, strict=True
            )
        )
    return _gapless(geometry, (down, across)) if down or across else geometry


def _gapless(geometry: Geometry, axes: tuple[bool, bool]) -> Geometry:
    """Leave the gaps out of some axes."""
    shape, stride, dilation = geometry.input_shape, geometry.stride, geometry.dilation
    anchor, pads = geometry.anchor, geometry.pads

    def pair(dense: Pair, gapless: Pair) -> Pair:
        rows, columns = (two[gap] for *two, gap in zip(dense, gapless, axes, strict=True))
        return rows, columns

    taps, windows = geometry.kernel, geometry.output_shape
    return Geometry(
        input_shape=pair(shape, (taps[0] * windows[0], taps[1] * windows[1])),
        kernel=taps,
        pads=Pads(*(0 if axes[side // 2] else pad for side, pad in enumerate(pads))),
        stride=pair(stride, taps),
        dilation=pair(dilation, (1, 1)),
        anchor=pair(anchor, (0, 0)),
    )
