"""What a choice changes: one picture filtered in several ways, each set against the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ConvcliError, UsageError
from convcli.filtering import Filtered, FilterSpec, filter_picture
from convcli.geometry import lay_out
from convcli.images.image import Picture


class Choice(NamedTuple):
    """One of several ways to filter a picture.

    Attributes:
        value: what is chosen, such as ``reflect``.
        name: what the choice is called, such as ``border reflect``.
        spec: what is done.
    """

    value: str
    name: str
    spec: FilterSpec


@dataclass(frozen=True, eq=False)
class Compared:
    """What a choice gives, beside what the first gives.

    Attributes:
        choice: the choice.
        filtered: its result.
        difference: this result less the first's, (H, W) or (H, W, C), at the positions of the
            picture that both have a value for; None where there are none.
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


def compare_choices(picture: Picture, choices: Sequence[Choice]) -> list[Compared]:
    """Filter a picture in each of the ways and subtract the first result from each.

    Results are aligned by what their values stand for: the position in the picture under the
    kernel's anchor. So maps that differ in padding or stride are subtracted where they meet.

    Raises:
        ConvcliError: a choice does not suit the picture; the message names the choice.

    >>> from convcli.core.plan import Layout
    >>> from convcli.kernels.spec import get_kernel
    >>> spec = FilterSpec("box", (get_kernel("box"),))
    >>> picture = Picture(np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4), 8)
    >>> padded = [spec._replace(layout=Layout(padding=way)) for way in ("same", "valid")]
    >>> same, valid = compare_choices(picture, [Choice("", "", each) for each in padded])
    >>> valid.filtered.picture.size, valid.difference.tolist()
    ((2, 2), [[0, 0], [0, 0]])
    """
    compared: list[Compared] = []
    for choice in choices:
        filtered = _filtered(picture, choice)
        first = compared[0] if compared else Compared(choice, filtered, None)
        difference, obstacle = _difference(picture, first, choice, filtered)
        compared.append(Compared(choice, filtered, difference, obstacle))
    return compared


def _filtered(picture: Picture, choice: Choice) -> Filtered:
    try:
        return filter_picture(picture, choice.spec, picture.depth)
    except ConvcliError as error:
        raise UsageError(f"{choice.name}: {error}") from error


def _difference(
    picture: Picture, first: Compared, choice: Choice, filtered: Filtered
) -> tuple[NDArray[Any] | None, str]:
    """Return the difference to the first, or why there is none."""
    minuend, subtrahend = filtered.picture, first.filtered.picture
    if minuend.channels != subtrahend.channels:
        return None, f"channels differ: {minuend.channels} and {subtrahend.channels}"
    own, others = [], []
    for ours, theirs in zip(
        _positions(picture, choice.spec), _positions(picture, first.choice.spec), strict=True
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


def _positions(picture: Picture, spec: FilterSpec) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the rows and the columns of the picture that the result's values stand for."""
    rows, columns = spec.kernels[0].size
    layout = spec.layout
    geometry = lay_out(
        picture.size,
        (rows, columns),
        layout.padding,
        layout.stride,
        layout.dilation,
        layout.operation,
    )
    (down, right), pads = geometry.stride, geometry.pads
    return (
        geometry.anchor[0] - pads.top + down * np.arange(geometry.output[0]),
        geometry.anchor[1] - pads.left + right * np.arange(geometry.output[1]),
    )
