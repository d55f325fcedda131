"""Borders and padding: which pixel lies at each place of the padded image.

To filter, the padded image never exists as a whole. A *strip* is a band of its rows, copied into a
small buffer; the copy converts the number type and adds the border.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import GeometryError, UsageError
from convcli.geometry import Geometry, Pads, conv_geometry

CACHED_PLACES = 1 << 16  # longer axes are indexed strip by strip
MAX_GATHERED_VALUES = 1 << 14  # values of a padded image; fewer are gathered at once
LONGEST_SIDE = 2**31 - 1  # pixels of a padded image
FEW_COLUMNS = 16  # of a border, that are copied as they are
OUTSIDE = -1  # the index of a place that holds the fill value


def border_at(positions: NDArray[np.intp], size: int, border: str) -> NDArray[np.intp]:
    """Return the index of the pixel that each position of an axis shows.

    Args:
        positions: counted from the first pixel; negative, or ``size`` and more, in the padding.
        size: pixels along the axis.
        border: numpy's name of the border mode.

    Returns:
        An array of the same shape; ``OUTSIDE`` where the border holds a fill value.

    >>> border_at(np.arange(-2, 5), 3, "reflect").tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    match border:
        case "edge":
            return positions.clip(0, size - 1)
        case "wrap":
            return positions % size
        case "symmetric":
            index = positions % (2 * size)
            return np.minimum(index, 2 * size - 1 - index)
        case "reflect":
            index = positions % max(2 * size - 2, 1)
            return np.minimum(index, abs(2 * size - 2 - index))
    return np.where((positions < 0) | (positions >= size), OUTSIDE, positions)


@lru_cache(maxsize=16)
def border_index(size: int, before: int, after: int, border: str) -> NDArray[np.intp]:
    """Return, for each place of a padded axis, the index of the pixel that it shows.

    Args:
        size: pixels along the axis.
        before: places of padding before the first pixel; may exceed ``size``, as in ``numpy.pad``.
        after: places of padding after the last pixel.
        border: numpy's name of the border mode.

    Returns:
        (before + size + after,), read-only; ``OUTSIDE`` where the border holds a fill value.

    >>> border_index(3, 2, 2, "reflect").tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    index = border_at(np.arange(-before, size + after, dtype=np.intp), size, border)
    index.flags.writeable = False
    return index


def check_sides(geometry: Geometry) -> None:
    """Raise GeometryError if the padded image is too long or too wide."""
    longest = max(geometry.padded_shape)
    if longest > LONGEST_SIDE:
        raise GeometryError(
            f"padded image has a side of {longest:,} pixels; at most {LONGEST_SIDE:,} are possible"
        )


class PaddedRows:
    """The rows of padded images of one size, which are copied out a strip at a time.

    Args:
        geometry: pads and sizes.
        border: numpy's name of the border mode.
        fill: the value of ``constant`` and ``zero`` borders.
        windows: the same windows over only the rows and columns that taps read, from
            :func:`convcli.core.strips.without_gaps`; None for every row and column.
    """

    def __init__(
        self, geometry: Geometry, border: str, fill: float, windows: Geometry | None = None
    ) -> None:
        self.geometry, self.border, self.fill = geometry, border, fill
        self.has_fill = border in ("zero", "constant")
        self.gapless = tuple(
            windows is not None and windows.along(axis) != geometry.along(axis) for axis in (0, 1)
        )
        self.inside = slice(geometry.pads.left, geometry.pads.left + geometry.input_shape[1])

    @cached_property
    def rows(self) -> NDArray[np.intp] | None:
        """The index of the image's row that each row shows, unless there are too many to keep."""
        height, pads = self.geometry.input_shape[0], self.geometry.pads
        if self.gapless[0] or self.geometry.padded_shape[0] > CACHED_PLACES:
            return None
        return border_index(height, pads.top, pads.bottom, self.border)

    @cached_property
    def columns(self) -> NDArray[np.intp]:
        """The index of the image's column that each column shows."""
        geometry, (_, width) = self.geometry, self.geometry.input_shape
        if self.gapless[1]:
            taps = _tap_positions(geometry, 1, 0, geometry.output_shape[1] * geometry.kernel[1])
            return border_at(taps, width, self.border)
        return border_index(width, geometry.pads.left, geometry.pads.right, self.border)

    @cached_property
    def sides(self) -> list[tuple[slice, NDArray[np.intp]]]:
        """The columns of the border, and which columns between them each copies.

        Those of an edge are all the same: one is copied to all of them.
        """
        columns, is_edge = self.columns, self.border == "edge"
        return [
            (side, columns[side][:1] if is_edge else columns[side])
            for side in (slice(0, self.inside.start), slice(self.inside.stop, None))
            if len(columns[side])
        ]

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type of a padded image: its own, or float64 if that cannot hold the fill."""
        holds = not self.fill or can_hold(dtype, self.fill, exactly=True)
        return dtype if holds else np.dtype(np.float64)

    def copy(self, image: NDArray[np.generic], first: int, out: NDArray[np.generic]) -> None:
        """Copy rows of the padded image, from row ``first`` on.

        Rows and columns are counted without the gaps that ``windows`` leaves out.

        Args:
            image: (H, W, C).
            first: the first row.
            out: (rows, padded width, C).
        """
        if out.size < MAX_GATHERED_VALUES and first == 0 and self.pixels is not None:
            # One call of numpy and 0.6 us for an image of 8x8, where all steps below take 6.
            index = self.pixels[: len(out)]
            out[...] = image.reshape(-1, image.shape[2]).take(index, axis=0)
            if self.has_fill:
                outside = self.outside[: self.outside.searchsorted(index.size)]
                out.reshape(-1, out.shape[2])[outside] = self.fill
            return
        # Rows that follow each other in the image are read where they lie; to gather all rows of a
        # strip first takes as long again.
        begin = end = 0
        if not self.gapless[0]:
            top, height = self.geometry.pads.top, self.geometry.input_shape[0]
            begin, end = (min(max(place - first, 0), len(out)) for place in (top, top + height))
        if begin < end:
            self.copy_columns(image[first + begin - top : first + end - top], out[begin:end])
        for start, stop in ((0, begin), (end, len(out))):
            if start < stop:
                index = self.index(first + start, stop - start)
                self.copy_columns(image[index], out[start:stop])
                if self.has_fill:
                    out[start:stop][index == OUTSIDE] = self.fill

    @cached_property
    def pixels(self) -> NDArray[np.intp] | None:
        """The index of the pixel that each place of a small image shows, or None for others."""
        rows = self.geometry.padded_shape[0]
        if self.gapless[0]:
            rows = self.geometry.output_shape[0] * self.geometry.kernel[0]
        if rows * len(self.columns) > MAX_GATHERED_VALUES:
            return None
        lines = self.index(0, rows)[:, np.newaxis]
        places = lines * self.geometry.input_shape[1] + self.columns
        return np.where((lines == OUTSIDE) | (self.columns == OUTSIDE), OUTSIDE, places)

    @cached_property
    def outside(self) -> NDArray[np.intp]:
        """Which places of a small padded image hold the fill value.

        To look for them at each call takes a fifth of a 3x3 kernel's time on 64x64 pixels.
        """
        return np.flatnonzero(self.pixels == OUTSIDE)

    def copy_columns(self, source: NDArray[np.generic], out: NDArray[np.generic]) -> None:
        """Copy whole rows of an image, and the border on their left and right."""
        if self.gapless[1]:
            # A third of the time of an index, in color; mode "clip" stands for OUTSIDE, too.
            out[...] = source.take(self.columns, axis=1, mode="clip")
            if self.has_fill:
                out[:, self.columns == OUTSIDE] = self.fill
            return
        inside = out[:, self.inside]
        inside[...] = source
        for side, columns in self.sides:
            if self.has_fill:
                out[:, side] = self.fill
            elif len(columns) > 1:
                out[:, side] = inside.take(columns, axis=1, mode="clip")
            else:
                repeat(inside[:, columns], out[:, side])

    def index(self, first: int, count: int) -> NDArray[np.intp]:
        """Return the index of the image's row that each row of a strip shows."""
        if self.rows is not None:
            return self.rows[first : first + count]
        if self.gapless[0]:
            positions = _tap_positions(self.geometry, 0, first, count)
        else:
            positions = np.arange(first, first + count) - self.geometry.pads.top
        return border_at(positions, self.geometry.input_shape[0], self.border)


class PaddedImage:
    """An image and the rows of its padded form.

    Args:
        image: (H, W, C).
        rows: of padded images of its size.
    """

    def __init__(self, image: NDArray[np.generic], rows: PaddedRows) -> None:
        self.image, self.rows = image, rows

    @property
    def dtype(self) -> np.dtype[Any]:
        """The image's type, or float64 if that cannot hold the fill."""
        return self.rows.dtype_of(self.image.dtype)

    def copy(self, first: int, out: NDArray[np.generic]) -> None:
        """Copy padded rows, from row ``first`` of a strip on, into (rows, padded width, C)."""
        self.rows.copy(self.image, first, out)


class OverwrittenImage(PaddedImage):
    """An image whose rows are overwritten strip by strip with results of the same shape.

    A strip is a copy, so its result may take the place of its own rows of the image, unless other
    strips read them, too. These rows, and those that the border repeats, are copied beforehand: 2
    rows of 43 for a 3x3 kernel on rows of 6000 RGBX pixels. Then no result of the image's size is
    allocated, which is half of the memory and, for 24 megapixels, 40 ms of page faults.

    Args:
        image: (H, W, C).
        rows: of the padded image; at stride 1, the feature map has the image's rows.
        step: rows of a strip, except the last.
        reach: padded rows that a strip reads at most.
    """

    def __init__(self, image: NDArray[np.generic], rows: PaddedRows, step: int, reach: int) -> None:
        super().__init__(image, rows)
        self.step = step
        height, padded = len(image), rows.geometry.padded_shape[0]
        read = np.zeros(height, np.bool)
        for first in range(0, height, step):
            index, inside = self._split(first, min(reach, padded - first))
            read[index[: inside.start]] = read[index[inside.stop :]] = True
        self.kept = image[read]
        self.places = np.cumsum(read) - 1

    def _split(self, first: int, count: int) -> tuple[NDArray[np.intp], slice]:
        """Return which row of the image each row of a strip shows, and which it overwrites.

        Those that show the fill value stand for the image's last row.
        """
        top = self.rows.geometry.pads.top
        own = min(self.step, len(self.image) - first)
        return self.rows.index(first, count), slice(top, top + own)

    def copy(self, first: int, out: NDArray[np.generic]) -> None:
        """Copy padded rows, from row ``first`` of a strip on, into (rows, padded width, C)."""
        index, inside = self._split(first, len(out))
        self.rows.copy_columns(self.image[first : first + self.step], out[inside])
        for outside in (slice(inside.start), slice(inside.stop, None)):
            self.rows.copy_columns(self.kept[self.places[index[outside]]], out[outside])
        if self.rows.has_fill:
            out[index == OUTSIDE] = self.rows.fill


def repeat(column: NDArray[Any], out: NDArray[Any]) -> None:
    """Store a column, (rows, 1, C), in all columns of an array, by doubling.

    numpy copies the values of one pixel at a time: 100 columns in color take two fifths of the
    time.
    """
    done = out.shape[1] if out.shape[2] == 1 else min(FEW_COLUMNS, out.shape[1])
    out[:, :done] = column
    while done < out.shape[1]:
        more = min(done, out.shape[1] - done)
        out[:, done : done + more] = out[:, :more]
        done += more


def pad_array(
    image: NDArray[Any],
    pads: Pads,
    border: str,
    fill: float = 0,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a padded copy of an image, of the same type, as ``numpy.pad`` does.

    Args:
        image: (H, W) or (H, W, C).
        pads: pixels to add on each side.
        border: numpy's name of the border mode.
        fill: the value of a ``constant`` border.
        out: memory for the copy, contiguous; None for new memory.

    Raises:
        GeometryError: a side is too long.
        UsageError: the image's type does not hold the fill value.

    >>> pad_array(np.array([[1, 2, 3]]), Pads(0, 1, 2, 2), "reflect").tolist()
    [[3, 2, 1, 2, 3, 2, 1], [3, 2, 1, 2, 3, 2, 1]]
    """
    if not can_hold(image.dtype, fill):
        raise UsageError(
            f"fill {fill:.15g} is no number of type {image.dtype}, which the image has"
        )
    geometry = conv_geometry((image.shape[0], image.shape[1]), (1, 1), pads)
    check_sides(geometry)
    shape = (*geometry.padded_shape, *image.shape[2:])
    padded = np.empty(shape, image.dtype) if out is None else out
    planes = image if image.ndim == 3 else image[..., np.newaxis]
    PaddedRows(geometry, border, fill).copy(planes, 0, padded.reshape(*shape[:2], -1))
    return padded


def can_hold(dtype: np.dtype[Any], number: float, *, exactly: bool = False) -> bool:
    """Tell whether a type of real numbers holds a number; floats may round it, unless ``exactly``.

    >>> can_hold(np.dtype("u1"), 255), can_hold(np.dtype("u1"), 0.5), can_hold(np.dtype("f4"), 0.1)
    (True, False, True)
    >>> can_hold(np.dtype("f4"), 0.1, exactly=True)
    False
    """
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            held = float(dtype.type(number))
        return held == number if exactly else math.isfinite(held) or not math.isfinite(number)
    if dtype.kind == "b":
        return number in (0, 1)
    limits = np.iinfo(dtype)
    return math.isfinite(number) and number == int(number) and limits.min <= number <= limits.max


def promoted(values: NDArray[Any], number: float) -> NDArray[Any]:
    """Return an array as it is, or as float64 where its type does not hold a number.

    >>> promoted(np.array([1, 2]), 3).dtype, promoted(np.array([1, 2]), 0.5).dtype
    (dtype('int64'), dtype('float64'))
    """
    return values if can_hold(values.dtype, number) else values.astype(np.float64)


def _tap_positions(geometry: Geometry, axis: int, first: int, count: int) -> NDArray[np.intp]:
    """Return which position of an axis each tap of each window reads, window by window."""
    taps, stride, before, dilation = geometry.along(axis)
    window, tap = np.divmod(np.arange(first, first + count), taps)
    return np.asarray(window * stride + tap * dilation - before)


def sample_at_anchors(
    plane: NDArray[Any],
    geometry: Geometry,
    border: str,
    fill: float = 0,
    rows: slice = slice(None),
) -> NDArray[Any]:
    """Sample a (H, W) plane, or (H, W, C), at every window's anchor, giving (H', W') of its type.

    Anchors in the padding read the border; borders with a fill value read ``fill``. ``rows`` are
    those of the result.

    >>> from convcli.geometry import conv_geometry
    >>> geometry = conv_geometry((3, 3), (2, 2), padding="valid", stride=1)
    >>> sample_at_anchors(np.arange(9).reshape(3, 3), geometry, "edge").tolist()
    [[0, 1], [3, 4]]
    """
    shapes = geometry.input_shape, geometry.output_shape
    lines, columns = (
        border_at(np.arange(count)[part] * step + anchor - before, size, border)
        for size, count, before, anchor, step, part in zip(
            *shapes,
            geometry.pads[::2],
            geometry.anchor,
            geometry.stride,
            (rows, slice(None)),
            strict=True,
        )
    )
    samples = plane[np.ix_(lines, columns)]
    samples[lines == OUTSIDE] = fill
    samples[:, columns == OUTSIDE] = fill
    return samples
