"""Number types: exact integers where the image and the kernel are, else floating-point ones."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, UsageError

Bounds = tuple[int, int]

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def with_channels(array: NDArray[Any]) -> NDArray[Any]:
    """Return a (H, W) array as (H, W, 1), and (H, W, C) unchanged."""
    return array if array.ndim == 3 else array[..., np.newaxis]


class SumTypes(NamedTuple):
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


class ImageInfo(NamedTuple):
    """What a plan has to know of an image's numbers: their type, and integers' bounds."""

    dtype: np.dtype[Any]
    bounds: Bounds | None

    @classmethod
    def of(cls, image: NDArray[Any]) -> "ImageInfo":
        """Bound what an image holds: by its type where that is narrow, else by its values."""
        kind = image.dtype
        if kind.kind == "f":
            return cls(kind, None)
        if kind.kind == "b":
            return cls(kind, (0, 1))
        if kind.itemsize <= 2:
            info = np.iinfo(kind)
            return cls(kind, (int(info.min), int(info.max)))
        return cls(kind, (int(image.min()), int(image.max())))

    def largest(self) -> int:
        """Return the greatest magnitude of integers."""
        return max(-self.bounds[0], self.bounds[1]) if self.bounds else 0


def choose_types(
    samples: ImageInfo,
    kernel: NDArray[np.generic],
    fill: float,
    divisor: float,
    bias: float,
    floats: np.dtype[Any] = SINGLE,
) -> SumTypes:
    """Choose the types for an image, a kernel, what the padding may hold, and the least of floats.

    Raises:
        KernelError: the weights are not finite.
        UsageError: sums of integers exceed 64 bits.
    """
    if samples.bounds and isinstance(fill, int) and kernel.dtype.kind != "f":
        bounds = _sum_bounds(samples.bounds, kernel, fill)
        return _exact_numbers(samples.dtype, bounds, kernel, divisor, int_if_whole(bias), floats)
    return _float_numbers(kernel, divisor, bias, np.result_type(samples.dtype, floats))


def int_if_whole(number: float) -> float:
    """Return a whole number as an int, so that it takes part in exact arithmetic."""
    return int(number) if float(number).is_integer() else float(number)


def _exact_numbers(
    image: np.dtype[Any],
    bounds: Bounds,
    kernel: NDArray[np.generic],
    divisor: float,
    bias: float,
    floats: np.dtype[Any],
) -> SumTypes:
    """Choose types for sums of integers; a division or a fractional bias comes after the sum."""
    added = bias if isinstance(bias, int) else 0
    ends = (*bounds, bounds[0] + added, bounds[1] + added, added)
    accumulator = smallest_integer((min(ends), max(ends)))
    weights = kernel.astype(np.int64)
    if divisor == 1 and isinstance(bias, int):
        least_kind = np.dtype(np.int64 if image.itemsize > 2 else np.int32)
        result = max(least_kind, accumulator, key=lambda kind: kind.itemsize)
        return SumTypes(weights, accumulator, accumulator, result, divisor, bias)
    result = np.result_type(image, floats)
    block = result if _rounds_alike(bounds, divisor, bias) else DOUBLE
    return SumTypes(weights, accumulator, block, result, divisor, bias)


def _rounds_alike(bounds: Bounds, divisor: float, bias: float) -> bool:
    """Tell whether quotients in float32 round to the integers that the true ones round to.

    A quotient is a half or at least ``1 / (2 * divisor)`` away from one. Rounding moves it by at
    most ``2**-24`` of itself, which is less while the sums are small. A bias could cancel most of
    it.
    """
    return bias == 0 and float(divisor).is_integer() and max(-bounds[0], bounds[1]) < 2**23


def _float_numbers(
    kernel: NDArray[np.generic], divisor: float, bias: float, kind: np.dtype[Any]
) -> SumTypes:
    """Choose the result's type for the sums too; a method sums in float64 where float32 is poor."""
    with np.errstate(over="ignore"):
        weights = kernel.astype(np.float64) / divisor
    check_finite(weights)
    return SumTypes(weights, kind, kind, kind, 1, bias)


def float_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of fractions that are computed of values of a type: float32 or wider.

    >>> float_type(np.dtype(np.uint8)), float_type(np.dtype(np.int32))
    (dtype('float32'), dtype('float64'))
    """
    return np.result_type(kind, SINGLE)


def check_finite(weights: NDArray[np.generic]) -> None:
    """Refuse weights that are not finite.

    Raises:
        KernelError: some are not.
    """
    if not np.isfinite(weights).all():
        raise KernelError("kernel weights must be finite, divided as well")


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
    l1_norm = max(-bounds[0], bounds[1])
    raise UsageError(
        f"sums may reach {l1_norm:.3g}, beyond 64-bit integers; convert the image to float64"
    )


def _sum_bounds(bounds: Bounds, kernel: NDArray[np.generic], fill: int) -> Bounds:
    """Bound the sums; what is added up on the way may exceed them, as it wraps back."""
    low, high = min(bounds[0], fill), max(bounds[1], fill)
    banks = kernel.reshape(1 if kernel.ndim == 2 else len(kernel), -1).tolist()
    up = max(sum(w for w in bank if w > 0) for bank in banks)
    down = min(sum(w for w in bank if w < 0) for bank in banks)
    least, greatest = up * low + down * high, up * high + down * low
    # The padding's value has to fit as well, also where every weight is 0.
    return min(least, fill), max(greatest, fill)


def saturate(values: NDArray[Any], out: NDArray[Any], *, overwrite: bool = False) -> None:
    """Store ``values`` in ``out``, an array of the same shape and any integer or float type.

    Into an integer type, fractions are rounded half to even, what lies outside its range becomes
    its nearest end, and NaN becomes 0. Into a floating-point type it is a plain conversion. With
    ``overwrite``, ``values`` may be spoilt, which saves a copy.

    >>> pixels = np.empty(4, np.uint8)
    >>> saturate(np.array([-3.0, 2.5, 300.0, np.nan]), pixels)
    >>> pixels.tolist()
    [0, 2, 255, 0]
    """
    if out.dtype.kind == "f":
        out[...] = values
        return
    bounds = np.iinfo(out.dtype)
    if values.dtype == np.float16:  # holds few integers' ends
        values = values.astype(np.float32)
    if values.dtype.kind == "f":
        least, greatest = _float_bounds(bounds, values.dtype)
        whole = np.rint(values, out=values if overwrite else None)
        if np.isnan(whole.min()):
            whole[np.isnan(whole)] = 0
        np.clip(whole, least, greatest, out=out, casting="unsafe")
        if greatest < bounds.max:
            out[whole > greatest] = bounds.max
        return
    held = np.iinfo(values.dtype)
    if held.min >= bounds.min and held.max <= bounds.max:
        out[...] = values
        return
    np.clip(values, max(bounds.min, held.min), min(bounds.max, held.max), out=out, casting="unsafe")


def _float_bounds(bounds: Any, kind: np.dtype[Any]) -> tuple[float, float]:
    """Return the ends of an integer range, moved inwards to numbers that the float type holds."""
    ends = kind.type(bounds.min), kind.type(bounds.max)
    greatest = ends[1] if int(ends[1]) <= bounds.max else np.nextafter(ends[1], kind.type(0))
    return float(ends[0]), float(greatest)


# Each rounding moves a partial sum by up to ``u = 2**-24`` of itself, by 0.4 u in the root mean
# square, and no partial sum exceeds ``sum(|weight|) * max|pixel|``. The errors of ``n`` roundings
# that have nothing to do with each other add up to ``0.4 * sqrt(n)`` of that, and five standard
# deviations are ``2 * sqrt(n)``; those of an even image under even weights go one way while the sum
# grows, and come to ``n / 4`` (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition,
# chapter 4; Higham and Mary, *A New Approach to Probabilistic Rounding Error Analysis*, 2019). The
# greater of the two, set against the strip's largest sum, decides. Where weights cancel, as a
# Laplacian's on a bright, even sky, it is too much, and the strip is summed again in float64.

UNIT = 2.0**-24  # what rounding to float32 is off by at most, relatively
SMALLEST = 2.0**-126  # below it float32 loses digits
NEAR = 0.9e-5  # of the largest sum; results are promised to 1e-5
MAX_EXACT_INT = {SINGLE: 2**24, DOUBLE: 2**53}  # whole numbers up to it


class Precision(NamedTuple):
    """What sums can be off by.

    Attributes:
        roundings: how many a term takes part in at most, those of weight and bias not counted.
        l1_norm: the sum of the weights' magnitudes.
        bias: what is added to the sums afterwards; it may cancel most of them.
    """

    roundings: int
    l1_norm: float
    bias: float

    def is_accurate(self, strip: NDArray[Any], sums: NDArray[Any]) -> bool:
        """Tell whether a strip's sums are finite and, if in float32, near enough to the truth.

        >>> precision = Precision(roundings=9, l1_norm=9.0, bias=0)
        >>> precision.is_accurate(np.float32([9, 9]), np.float32([81]))
        True
        >>> precision.is_accurate(np.float32([9, 9]), np.float32([1e-3]))
        False
        """
        greatest, least = float(sums.max()), float(sums.min())
        if not math.isfinite(greatest - least):
            return False
        if sums.dtype != SINGLE:
            return True
        highest = max(float(strip.max()), -float(strip.min()))
        steps = self.roundings + 3
        error = max(2 * math.sqrt(steps), steps / 4) * (
            UNIT * self.l1_norm * highest + SMALLEST * (1 + self.l1_norm + highest)
        )
        largest = max(abs(greatest + self.bias), abs(least + self.bias))
        return error <= NEAR * largest or highest == 0
