"""What a choice changes: one image filtered in several ways, each set against the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ConvcliError, UsageError
from convcli.filtering import Filter, Filtered, filter_image
from convcli.geometry import conv_geometry
from convcli.images.image import ImageData


class Choice(NamedTuple):
    """One of several ways to filter an image.

    Attributes:
        value: what is chosen, such as ``reflect``.
        name: what the choice is called, such as ``border reflect``.
        spec: what is done.
    """

    value: str
    name: str
    spec: Filter


@dataclass(frozen=True, eq=False)
class Compared:
    """What a choice gives, beside what the first gives.

    Attributes:
        choice: the choice.
        filtered: its result.
        difference: this result less the first's, (H, W) or (H, W, C), at the positions of the
            image that both have a value for; None where there are none.
        obstacle: why there is no difference; else empty.
    """

    choice: Choice
    filtered: Filtered
    difference: NDArray[Any] | None
    obstacle: str = ""

    @property
    def mean_difference(self) -> float | None:
        """The mean of the difference's magnitudes."""
        return None if self.difference is None else float(np.abs(self.difference).mean())


def compare_choices(image: ImageData, choices: Sequence[Choice]) -> list[Compared]:
    """Filter an image in each of the ways and subtract the first result from each.

    Results are aligned by what their values stand for: the position in the image under the
    kernel's anchor. So maps that differ in padding or stride are subtracted where they meet.

    Raises:
        ConvcliError: a choice does not suit the image; the message names the choice.

    >>> from convcli.core.options import ConvOptions
    >>> from convcli.kernels.spec import get_kernel
    >>> spec = Filter("box", (get_kernel("box"),))
    >>> image = ImageData(np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4), 8)
    >>> padded = [spec._replace(conv=ConvOptions(padding=way)) for way in ("same", "valid")]
    >>> same, valid = compare_choices(image, [Choice("", "", each) for each in padded])
    >>> valid.filtered.image.shape, valid.difference.tolist()
    ((2, 2), [[0, 0], [0, 0]])
    """
    compared: list[Compared] = []
    for choice in choices:
        filtered = _filtered(image, choice)
        first = compared[0] if compared else Compared(choice, filtered, None)
        difference, obstacle = _difference(image, first, choice, filtered)
        compared.append(Compared(choice, filtered, difference, obstacle))
    return compared


def _filtered(image: ImageData, choice: Choice) -> Filtered:
    try:
        return filter_image(image, choice.spec, image.depth)
    except ConvcliError as error:
        raise UsageError(f"{choice.name}: {error}") from error


def _difference(
    image: ImageData, first: Compared, choice: Choice, filtered: Filtered
) -> tuple[NDArray[Any] | None, str]:
    """Return the difference to the first, or why there is none."""
    minuend, subtrahend = filtered.image, first.filtered.image
    if minuend.channels != subtrahend.channels:
        return None, f"channels differ: {minuend.channels} and {subtrahend.channels}"
    own, others = [], []
    for ours, theirs in zip(
        _positions(image, choice.spec), _positions(image, first.choice.spec), strict=True
    ):
        _, here, there = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
        if not here.size:
            return None, "no two values stand for one position"
        own.append(here)
        others.append(there)
    kinds = minuend.pixels.dtype.kind + subtrahend.pixels.dtype.kind
    kind = np.float64 if "f" in kinds else np.int64
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, and shown as such
        difference = minuend.pixels[np.ix_(*own)].astype(kind)
        difference -= subtrahend.pixels[np.ix_(*others)].astype(kind)
    return difference, ""


def _positions(image: ImageData, spec: Filter) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the rows and the columns of the image that the result's values stand for."""
    rows, columns = spec.kernels[0].shape
    layout = spec.conv
    geometry = conv_geometry(
        image.shape,
        (rows, columns),
        layout.padding,
        layout.stride,
        layout.dilation,
        layout.operation,
    )
    (down, right), pads = geometry.stride, geometry.pads
    return (
        geometry.anchor[0] - pads.top + down * np.arange(geometry.output_shape[0]),
        geometry.anchor[1] - pads.left + right * np.arange(geometry.output_shape[1]),
    )
