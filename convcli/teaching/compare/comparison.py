"""One image filtered in several ways, and the difference of each result from the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.digits import largest_magnitude, reliable_decimals, round_number
from convcli.errors import ConvcliError, UsageError
from convcli.filtering.filter import Filter
from convcli.filtering.run import Filtered, filter_image
from convcli.geometry import Pads
from convcli.images.image import ImageData

_NONE = Pads(0, 0, 0, 0)


class Choice(NamedTuple):
    """One of several ways to filter an image.

    Attributes:
        value: what varies, such as ``reflect``.
        name: the value with the name of its option, such as ``border reflect``.
        filter: the whole filter.
    """

    value: str
    name: str
    filter: Filter


@dataclass(frozen=True, eq=False)
class Compared:
    """The result of one choice, and its difference from the result of the first.

    Attributes:
        choice: the choice.
        filtered: its result.
        difference: this result minus the first, (H, W) or (H, W, C), at the positions of the image
            for which both have a value; None if there are none.
        obstacle: why there is no difference; else empty.
        decimals: how many decimals of the difference are reliable.
        outside: rows and columns on each side of the difference at which only one of both results
            has a value.
    """

    choice: Choice
    filtered: Filtered
    difference: NDArray[Any] | None
    obstacle: str = ""
    decimals: int | None = None
    outside: Pads = _NONE

    @property
    def mean_difference(self) -> float | None:
        """The mean magnitude of the difference, in reliable decimals.

        Positions where either result is NaN have none; without others, it is NaN.
        """
        if self.difference is None:
            return None
        known = np.abs(self.difference[~np.isnan(self.difference)])
        return round_number(float(known.mean()) if known.size else math.nan, self.decimals)


def compare_choices(image: ImageData, choices: Sequence[Choice]) -> list[Compared]:
    """Filter an image in several ways, and subtract the first result from each.

    A value belongs to the position in the image under the kernel's anchor. Results with different
    padding or stride are subtracted at the positions that they have in common.

    Raises:
        ConvcliError: a choice does not suit the image; the message names the choice.

    >>> from convcli.geometry import ConvOptions
    >>> from convcli.kernels.spec import get_kernel
    >>> box = Filter("box", (get_kernel("box"),))
    >>> image = ImageData(np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4), 8)
    >>> filters = [box._replace(conv=ConvOptions(padding=rule)) for rule in ("same", "valid")]
    >>> same, valid = compare_choices(image, [Choice("", "", option) for option in filters])
    >>> valid.filtered.image.shape, valid.difference.tolist()
    ((2, 2), [[0, 0], [0, 0]])
    """
    compared: list[Compared] = []
    for choice in choices:
        try:
            filtered = filter_image(image, choice.filter, image.depth)
        except ConvcliError as error:
            raise UsageError(f"{choice.name}: {error}") from error
        first = compared[0] if compared else Compared(choice, filtered, None)
        difference, obstacle, outside = _difference(image, first, choice, filtered)
        decimals = _decimals(difference, first.filtered.image, filtered.image)
        compared.append(Compared(choice, filtered, difference, obstacle, decimals, outside))
    return compared


def _decimals(difference: NDArray[Any] | None, first: ImageData, second: ImageData) -> int | None:
    """Return how many decimals of a difference of two results are reliable."""
    if difference is None:
        return None
    dtype = np.result_type(first.pixels, second.pixels)
    largest = largest_magnitude(difference) or 1
    own = reliable_decimals(dtype if dtype.kind == "f" else np.float64, largest)
    return min(n for n in (own, first.decimals, second.decimals) if n is not None)


def _difference(
    image: ImageData, first: Compared, choice: Choice, filtered: Filtered
) -> tuple[NDArray[Any] | None, str, Pads]:
    """Return the difference from the first, or None and the reason, and what lies around it."""
    minuend, subtrahend = filtered.image, first.filtered.image
    if minuend.channels != subtrahend.channels:
        return None, f"channels differ: {minuend.channels} and {subtrahend.channels}", _NONE
    here, there = [], []  # for each axis, the indices of common positions in both results
    around: list[int] = []
    for own, other in zip(
        _positions(image, choice.filter), _positions(image, first.choice.filter), strict=True
    ):
        common, own_index, other_index = np.intersect1d(
            own, other, assume_unique=True, return_indices=True
        )
        if not own_index.size:
            return None, "no position has a value in both results", _NONE
        every = np.union1d(own, other)
        around += [int((every < common[0]).sum()), int((every > common[-1]).sum())]
        if every.size - sum(around[-2:]) > common.size:  # the strides differ
            around[-2:] = 0, 0
        here.append(own_index)
        there.append(other_index)
    is_float = "f" in minuend.pixels.dtype.kind + subtrahend.pixels.dtype.kind
    dtype = np.float64 if is_float else np.int64
    with np.errstate(invalid="ignore"):  # inf - inf is NaN
        difference = minuend.pixels[np.ix_(*here)].astype(dtype)
        difference -= subtrahend.pixels[np.ix_(*there)].astype(dtype)
    return difference, "", Pads(*around)


def _positions(image: ImageData, image_filter: Filter) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the rows and the columns of the image that a result's values belong to."""
    conv = image_filter.conv
    geometry = conv.geometry(image.shape, image_filter.kernels[0].shape)
    rows, columns = (
        geometry.anchor[axis] - geometry.pads[2 * axis] + geometry.stride[axis] * np.arange(count)
        for axis, count in enumerate(geometry.output_shape)
    )
    return rows, columns
