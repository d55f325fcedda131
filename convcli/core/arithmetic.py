"""Number types: exact integers where the image and the kernel are, else float64."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, UsageError

Bounds = tuple[int, int]


class Numbers(NamedTuple):
    """The weights as they are summed, and the types on the way from sums to results.

    Attributes:
        weights: int64 for exact sums, else float64 with the divisor in them.
        accumulator: type of the sums.
        block: type of the finished values of a strip.
        result: type of the feature map where none is asked for.
        divisor: the sums are divided by it.
        bias: added after the division.
    """

    weights: NDArray[np.generic]
    accumulator: np.dtype[np.generic]
    block: np.dtype[np.generic]
    result: np.dtype[np.generic]
    divisor: float
    bias: float


def choose_numbers(
    image: NDArray[np.generic],
    kernel: NDArray[np.generic],
    fill: float,
    divisor: float,
    bias: float,
) -> Numbers:
    """Choose the types for an image, a kernel and what the padding may hold.

    Raises:
        KernelError: the weights are not finite.
        UsageError: sums of integers exceed 64 bits.
    """
    if isinstance(fill, int) and {image.dtype.kind, kernel.dtype.kind} <= set("bui"):
        return _exact_numbers(image, kernel, fill, divisor, whole(bias))
    return _float_numbers(image, kernel, divisor, bias)


def whole(number: float) -> float:
    """Return a whole number as an int, so that it takes part in exact arithmetic."""
    return int(number) if float(number).is_integer() else float(number)


def _exact_numbers(
    image: NDArray[np.generic],
    kernel: NDArray[np.generic],
    fill: int,
    divisor: float,
    bias: float,
) -> Numbers:
    """Choose types for sums of integers; a division or a fractional bias comes after the sum."""
    exact_bias = bias if isinstance(bias, int) else 0
    accumulator = smallest_integer(_sum_bounds(image, kernel, fill, exact_bias))
    weights = kernel.astype(np.int64)
    if divisor == 1 and isinstance(bias, int):
        least = np.dtype(np.int64 if image.dtype.itemsize > 2 else np.int32)
        result = max(least, accumulator, key=lambda kind: kind.itemsize)
        return Numbers(weights, accumulator, accumulator, result, divisor, bias)
    # Quotients in float64: from float32, rounded once more, the nearest pixel could be missed.
    floats = np.dtype(np.float64)
    return Numbers(weights, accumulator, floats, _float_for(image), divisor, bias)


def _float_numbers(
    image: NDArray[np.generic], kernel: NDArray[np.generic], divisor: float, bias: float
) -> Numbers:
    """Choose float64 for all but the result: float32 sums of float32 pixels can lose too much."""
    floats = np.dtype(np.float64)
    with np.errstate(over="ignore"):
        weights = kernel.astype(floats) / divisor
    check_finite(weights)
    return Numbers(weights, floats, floats, _float_for(image), 1, bias)


def check_finite(weights: NDArray[np.generic]) -> None:
    """Refuse weights that are not finite.

    Raises:
        KernelError: some are not.
    """
    if not np.isfinite(weights).all():
        raise KernelError("kernel weights must be finite, divided as well")


def _float_for(image: NDArray[np.generic]) -> np.dtype[np.generic]:
    """Return float32 where it holds the image's values, else float64, as numpy promotes them."""
    narrow = np.result_type(image.dtype, np.float32) == np.float32
    return np.dtype(np.float32 if narrow else np.float64)


def smallest_integer(bounds: Bounds) -> np.dtype[np.generic]:
    """Return the smallest of int16, int32 and int64 that holds both bounds.

    Raises:
        UsageError: none does.

    >>> smallest_integer((-2040, 2040))
    dtype('int16')
    """
    for kind in (np.int16, np.int32, np.int64):
        if np.iinfo(kind).min <= bounds[0] and bounds[1] <= np.iinfo(kind).max:
            return np.dtype(kind)
    reach = max(-bounds[0], bounds[1])
    raise UsageError(
        f"sums may reach {reach:.3g}, beyond 64-bit integers; convert the image to float64"
    )


def _sum_bounds(
    image: NDArray[np.generic], kernel: NDArray[np.generic], fill: int, bias: int
) -> Bounds:
    """Bound the sums; what is added up on the way may exceed them, as it wraps back."""
    low, high = image_bounds(image)
    low, high = min(low, fill), max(high, fill)
    banks = kernel.reshape(1 if kernel.ndim == 2 else len(kernel), -1).tolist()
    up = max(sum(w for w in bank if w > 0) for bank in banks)
    down = min(sum(w for w in bank if w < 0) for bank in banks)
    least, greatest = up * low + down * high, up * high + down * low
    # The padding's value has to fit as well, also where every weight is 0.
    return min(least + min(bias, 0), fill), max(greatest + max(bias, 0), fill)


def image_bounds(image: NDArray[np.generic]) -> Bounds:
    """Return what an integer image can hold: by its type when narrow, else by its values."""
    if image.dtype.kind == "b":
        return 0, 1
    if image.dtype.itemsize <= 2:
        info = np.iinfo(image.dtype.type)  # type: ignore[type-var]
        return int(info.min), int(info.max)
    return int(image.min()), int(image.max())
