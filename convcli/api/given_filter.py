"""An image and a filter as a caller gives them to a function that explains or draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.api.arguments import (
    as_missing,
    check_rows,
    check_word,
    is_single,
    optional_number,
    row_options,
)
from convcli.choices import COMBINATIONS, PERCENTILES
from convcli.core.dtypes import check_image
from convcli.core.plan import check_channels
from convcli.errors import UsageError
from convcli.filtering.filter import Filter
from convcli.geometry import ConvOptions
from convcli.images.given import as_image
from convcli.images.image import depth_of, image_of
from convcli.images.value_range import checked_percentiles

if TYPE_CHECKING:
    from convcli.images.image import ImageData
    from convcli.kernels.spec import KernelSet

Array = NDArray[Any]


class GivenFilter(NamedTuple):
    """An image and a filter as a caller gives them.

    Attributes:
        image: a signal is one row.
        kernels: with the caller's divisor and rule in place of their own.
        filter: of these kernels.
        is_signal: whether the image was given as (W,).
    """

    image: ImageData
    kernels: KernelSet
    filter: Filter
    is_signal: bool

    def place(self, at: Any) -> Any:
        """Return a position in the feature map; in that of a signal, it may be one number."""
        return (0, at) if self.is_signal and at is not None and is_single(at) else at


def given_filter(
    image: Any,
    kernels: KernelSet,
    conv: ConvOptions,
    divisor: Any,
    bias: Any,
    combine: Any,
    range_name: Any,
    *,
    missing: tuple[Any, Any, Any] | None = None,
    percentile: Any = PERCENTILES,
    several: bool = False,
) -> GivenFilter:
    """Return an image with its filter; :func:`convcli.explain` explains the arguments.

    ``missing`` is mask, nan and min_valid; None if all pixels are needed. ``several`` tells whether
    kernels may have a map each.

    Raises:
        ConvcliError: as :func:`convcli.explain`.
    """
    pixels, lost = (as_image(image), None) if missing is None else as_missing(image, *missing)
    _check_filter_words(pixels, conv.operation, combine, range_name)
    ends = checked_percentiles(percentile)
    if ends != PERCENTILES and range_name != "percentile":
        raise UsageError("percentile needs range='percentile'; give both")
    is_signal = pixels.ndim == 1
    if is_signal:
        check_rows(member.matrix for member in kernels.kernels)
        pixels, conv = pixels[np.newaxis], row_options(conv)
    check_image(pixels)
    divisor, bias = optional_number(divisor, "divisor"), optional_number(bias, "bias")
    members = kernels.kernels
    for member in members:
        check_channels(pixels.shape, member.matrix.shape)
    if combine is not None and (len(members) < 2 or combine not in COMBINATIONS):
        words = ", ".join(COMBINATIONS)
        raise UsageError(f"combine needs two or more kernels and must be one of {words}")
    if len(members) > 1 and not (several or combine or kernels.combine):
        raise UsageError(
            f"kernel is a list of {len(members)} kernels; pass one of them, or give combine, "
            "such as 'sum'"
        )
    if divisor is not None:
        members = tuple(member.with_divisor(divisor) for member in members)
    kernels = kernels._replace(kernels=members, combine=combine or kernels.combine)
    divided = "" if divisor is None else f"divisor {divisor:.10g}"
    image_filter = Filter(
        kernels.label,
        members,
        kernels.combine,
        conv,
        range=range_name,
        bias=bias,
        divided=divided,
        percentile=ends,
        missing=lost,
    )
    return GivenFilter(image_of(pixels), kernels, image_filter, is_signal)


def _check_filter_words(pixels: Array, operation: Any, combine: Any, range_name: Any) -> None:
    """Check the words that are looked up later.

    Raises:
        UsageError: one is no text, or the range needs pixels and the image has plain numbers.
    """
    words = {"operation": operation, "range": range_name}
    for name, word in (words | ({} if combine is None else {"combine": combine})).items():
        check_word(word, name)
    if range_name == "offset" and depth_of(pixels.dtype) is None:
        raise UsageError(
            "range 'offset' needs an image of uint8 or uint16; use 'clip', 'rescale' or 'raw'"
        )
