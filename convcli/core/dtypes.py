"""Number types: which types a convolution sums in, how accurate they are, and how it rounds.

Integer images with integer kernels are summed exactly in integers; everything else is summed in
floating point, and so are quotients whose sums no 64-bit integer may hold.
"""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray

from convcli.errors import KernelError, UsageError, short_repr, type_name

Bounds = tuple[int, int]
Bias = float | tuple[float, ...]  # one number, or one for each filter of a bank

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
MAX_EXACT_INT = {SINGLE: 2**24, DOUBLE: 2**53}  # every integer up to here is exact in the type
# Values this much smaller than others need a scale of their own: beside an outlier such as the
# nodata value -3.4e38, an FFT would lose them, and float32 sums that cancel would seem accurate.
OUTLIER = 2.0**-26
FEW_WEIGHTS = 64  # up to which Python counts and sums them in a third of numpy's time
FINITE_SUM = 2.0**1023  # float64 holds sums whose magnitudes add up to less, in any order
SINGLE_THREAD_DOT = 1 << 13  # values; BLAS multiplies so many on one thread


def as_numbers(
    values: ArrayLike, name: str, error: type[UsageError] = UsageError
) -> NDArray[np.generic]:
    """Return values as an array.

    Raises:
        UsageError: rows have unequal lengths, or a mask would be lost; ``error`` may replace it.

    >>> as_numbers([[1, 2], [3]], "image")
    Traceback (most recent call last):
    convcli.errors.UsageError: image must have rows of equal length that hold numbers only
    """
    if type(values) is np.ndarray and values.dtype.kind != "O":
        return values
    # Without numpy.ma nothing can be masked; another thread may be loading it, for itself.
    if isinstance(values, getattr(sys.modules.get("numpy.ma"), "MaskedArray", ())):
        raise error(
            f"{name} is a masked array, which only cross_correlate, convolve, explain, animate, "
            "plot and the calls of a Chain take as an image; fill it: array.filled(0)"
        )
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, OverflowError) as problem:
        message = f"{name} must have rows of equal length that hold numbers only"
        raise error(message) from problem
    if array.dtype.kind == "O" and any(
        isinstance(value, int) and value.bit_length() > 64 for value in array.flat
    ):
        raise error(f"{name} has integers beyond 64 bits; give them as floats")
    if isinstance(values, list | tuple) and array.dtype == DOUBLE and (abs(array) >= 2.0**63).any():
        return _large_integers(values, array, name, error)
    return array


def _large_integers(
    values: ArrayLike, array: NDArray[Any], name: str, error: type[UsageError]
) -> NDArray[np.generic]:
    """Return lists of integers in uint64: numpy makes floats of them if some exceed int64."""
    exact = np.asarray(values, object)
    if not all(isinstance(value, int | np.integer) for value in exact.flat):
        return array
    try:
        return exact.astype(np.uint64)
    except OverflowError as problem:
        message = f"{name} has integers that no type of 64 bits holds; give them as floats"
        raise error(message) from problem


def real_number(value: object, name: str, error: type[UsageError] = UsageError) -> float:
    """Return a number of any type as a Python number, a whole one of 64 bits as an int.

    Raises:
        UsageError: it is no real number, or beyond the range of floats; ``error`` may replace it.

    >>> real_number(np.float32(2), "bias"), real_number(0.5, "bias")
    (2, 0.5)
    """
    if type(value) is int and -(2**63) <= value < 2**64:
        return value
    single = isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "buif"
    if not single and not isinstance(value, Real | Decimal | np.bool):
        raise error(f"{name} must be a number, not {short_repr(value)}")
    try:
        return int_if_whole(value)  # type: ignore[arg-type]
    except OverflowError as problem:
        raise error(f"{name} exceeds the range of floating-point numbers") from problem
    except ValueError as problem:  # a Decimal that signals
        raise error(f"{name} must be a number, not {short_repr(value)}") from problem


def as_flag(value: Any, name: str) -> bool:
    """Return a truth value, or raise UsageError for anything else."""
    if not isinstance(value, bool | np.bool):
        raise UsageError(f"{name} must be True or False, not {type_name(value)}")
    return bool(value)


def with_channels(array: NDArray[Any]) -> NDArray[Any]:
    """Return a (H, W) array as (H, W, 1), and (H, W, C) unchanged."""
    return array if array.ndim == 3 else array[..., np.newaxis]


class SumTypes(NamedTuple):
    """The weights as they are summed, and the types from the sums to the result.

    Attributes:
        weights: int64 for exact sums, modulo 2**64; else float64 and divided by the divisor. Banks
            of float32 without a divisor are kept as they are: a copy takes as long as small maps.
        accumulator: type of the sums.
        block: type of a strip's finished values.
        result: type of the feature map unless the caller asks for one.
        divisor: the sums are divided by it.
        bias: added after the division; one number, or one for each filter of a bank.
        bounds: of exact sums.
        spread: whether some values may be outliers, ``OUTLIER`` and more apart.
    """

    weights: NDArray[np.generic]
    accumulator: np.dtype[np.generic]
    block: np.dtype[np.generic]
    result: np.dtype[np.generic]
    divisor: float
    bias: Bias
    bounds: Bounds = (0, 0)
    spread: bool = False

    @property
    def summed(self) -> bool:
        """Whether the kernel sums over channels, (N, C, kh, kw)."""
        return self.weights.ndim == 4

    @property
    def is_exact(self) -> bool:
        """Whether the sums are integers."""
        return self.accumulator.kind != "f"


class ImageInfo(NamedTuple):
    """What a plan needs to know about an image: its type and, for integers, its bounds."""

    dtype: np.dtype[Any]
    bounds: Bounds | None

    @classmethod
    def of(cls, image: NDArray[Any]) -> ImageInfo:
        """Bound the pixels by their type where it has at most 16 bits, else by their values."""
        dtype = image.dtype
        if dtype.kind in "fb" or dtype.itemsize <= 2:
            return cls.of_type(dtype)
        return cls(dtype, (int(image.min()), int(image.max())))

    @classmethod
    @lru_cache(maxsize=32)
    def of_type(cls, dtype: np.dtype[Any]) -> ImageInfo:
        """Bound unknown pixels by their type; 64-bit integers are taken to hold 32 bits."""
        if dtype.kind == "f":
            return cls(dtype, None)
        if dtype.kind == "b":
            return cls(dtype, (0, 1))
        values = 2 ** (8 * min(dtype.itemsize, 4))
        return cls(dtype, (0, values - 1) if dtype.kind == "u" else (-values // 2, values // 2 - 1))


def choose_types(
    image: ImageInfo,
    kernel: NDArray[np.generic],
    fill: float,
    divisor: float,
    bias: Bias,
    floats: np.dtype[Any] | None = SINGLE,
) -> SumTypes:
    """Choose the number types for one image and one kernel.

    Args:
        image: the image's type and bounds.
        kernel: (kh, kw) or (N, C, kh, kw).
        fill: the value in the padding.
        divisor: the sums are divided by it; an int if it is whole.
        bias: added after the division; one number, or one for each filter, ints if they are whole.
        floats: the narrowest floating-point type to use. None if results are rounded to integers:
            quotients of sums beyond 64 bits are then refused, since floats would not round exactly.

    Raises:
        KernelError: the weights are not finite.
        UsageError: the results are integers, and their sums exceed 64 bits.
    """
    result = np.result_type(image.dtype, floats or SINGLE)
    biases = bias if isinstance(bias, tuple) else (bias,)
    added = [each for each in biases if isinstance(each, int) and divisor == 1]
    whole = len(added) == len(biases)  # whether results are integers
    bounds = accumulator = None
    if image.bounds and isinstance(fill, int) and kernel.dtype.kind != "f":
        bounds = least, greatest = _sum_bounds(image.bounds, kernel, fill)
        lowest, highest = min(added, default=0), max(added, default=0)
        low = min(least, least + lowest, lowest)
        high = max(greatest, greatest + highest, highest)
        accumulator = (smallest_integer if whole or floats is None else _integer_type)((low, high))
    if bounds is None or accumulator is None:
        # Sums have the result's type; a method sums in float64 where float32 is too inaccurate.
        weights = kernel
        if kernel.ndim != 4 or kernel.dtype != SINGLE or divisor != 1:
            weights = kernel.astype(np.float64, copy=False)
            if divisor != 1:
                weights = np.divide(weights, float(divisor))
            if divisor != 1 or kernel.dtype.itemsize > DOUBLE.itemsize:
                check_finite(weights)
        spread = not image.bounds or max(map(abs, (*image.bounds, fill))) >= 1 / OUTLIER
        return SumTypes(weights, result, result, result, 1, bias, spread=spread)
    weights = kernel.astype(np.int64)
    if whole:
        narrowest = np.dtype(np.int64 if image.dtype.itemsize > 2 else np.int32)
        result = max(accumulator, narrowest, key=lambda kind: kind.itemsize)
        return SumTypes(weights, accumulator, accumulator, result, divisor, bias, bounds)
    # A quotient is a half or at least 1 / (2 * divisor) away from one. Rounding to float32 moves it
    # by at most 2**-24 of itself, which is less while the sums are small, so it still rounds to the
    # right integer. A bias could cancel most of the quotient, and then it would not.
    small = max(-least, greatest) < 2**23
    rounds_alike = not any(biases) and isinstance(divisor, int) and small
    block = result if rounds_alike else DOUBLE
    return SumTypes(weights, accumulator, block, result, divisor, bias, bounds)


def _sum_bounds(bounds: Bounds, kernel: NDArray[np.generic], fill: int) -> Bounds:
    """Bound the final sums; partial sums may exceed them, because integers wrap back."""
    low, high = min(bounds[0], fill), max(bounds[1], fill)
    filters = kernel.reshape(1 if kernel.ndim == 2 else len(kernel), -1)
    if filters.size <= FEW_WEIGHTS:
        lines = filters.tolist()
        up = max(sum(weight for weight in line if weight > 0) for line in lines)
        down = min(sum(weight for weight in line if weight < 0) for line in lines)
    else:
        largest = max(int(filters.max()), -int(filters.min()))
        # Python's integers where those of 64 bits might wrap.
        numbers = filters.astype(np.int64 if largest * filters.shape[1] < 2**63 else object)
        up = int(np.maximum(numbers, 0).sum(axis=1).max())
        down = int(np.minimum(numbers, 0).sum(axis=1).min())
    least, greatest = up * low + down * high, up * high + down * low
    # The padding's value has to fit too, even if every weight is 0.
    return min(least, fill), max(greatest, fill)


def value_bounds(types: SumTypes) -> Bounds:
    """Bound the values of a map of integers: its sums and their whole biases."""
    biases = [
        int(bias) for bias in (types.bias if isinstance(types.bias, tuple) else (types.bias,))
    ]
    return types.bounds[0] + min(biases), types.bounds[1] + max(biases)


def int_if_whole(number: float) -> float:
    """Return a whole number that fits in 64 bits as an int, which exact sums need."""
    whole = int(number) if float(number).is_integer() else None
    return float(number) if whole is None or not -(2**63) <= whole < 2**64 else whole


def float_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return the floating-point type for values computed from ``kind``: float32 or wider.

    >>> float_type(np.dtype(np.uint8)), float_type(np.dtype(np.int32))
    (dtype('float32'), dtype('float64'))
    """
    return np.result_type(kind, SINGLE)


def smallest_integer(bounds: Bounds) -> np.dtype[np.generic]:
    """Return the smallest of int16, int32 and int64 that holds both bounds, or else uint64.

    Raises:
        UsageError: none of them holds both.

    >>> smallest_integer((-2040, 2040)), smallest_integer((0, 2**64 - 1))
    (dtype('int16'), dtype('uint64'))
    """
    kind = _integer_type(bounds)
    if kind is None:
        low, high = map(float, bounds)
        raise UsageError(
            f"sums may lie between {low:.3g} and {high:.3g}, beyond 64-bit integers; "
            "give the weights or the image as floats"
        )
    return kind


def _integer_type(bounds: Bounds) -> np.dtype[np.generic] | None:
    for kind in (np.int16, np.int32, np.int64, np.uint64):
        if np.iinfo(kind).min <= bounds[0] and bounds[1] <= np.iinfo(kind).max:
            return np.dtype(kind)
    return None


def with_gaps(values: NDArray[Any]) -> NDArray[Any]:
    """Return rows that are apart in memory as one run, with what lies between them.

    That has to be the caller's, too: not the other channels of an image of one column.

    numpy takes 90 ns for each row of an array that is not contiguous, as long as for a thousand
    integers of 16 bits. Rows that have no such order are returned as they are.

    >>> with_gaps(np.arange(8).reshape(2, 4)[:, :3]).tolist()
    [0, 1, 2, 3, 4, 5, 6]
    """
    if values.ndim < 2 or not values.size or not values[0].flags.c_contiguous:
        return values
    pitch, rest = divmod(values.strides[0], values.itemsize)
    if rest or pitch < values[0].size:
        return values
    return as_strided(values, ((len(values) - 1) * pitch + values[0].size,), (values.itemsize,))


def check_image(image: NDArray[Any]) -> None:
    """Raise UsageError unless an array is an image of real numbers."""
    if image.ndim not in (2, 3) or image.dtype.kind not in "buif" or 0 in image.shape:
        raise UsageError(
            f"image must be (H, W) or (H, W, C) real numbers, not {image.shape} {image.dtype}"
        )


def have_finite_squares(values: NDArray[Any]) -> bool:
    """Tell of a few values that they and their squares are finite, by one call of BLAS.

    For 64 values it takes 0.5 us; to find the least and the greatest takes 2.
    """
    return values.size <= SINGLE_THREAD_DOT and math.isfinite(np.vdot(values, values))


def check_finite(weights: NDArray[np.generic]) -> None:
    """Raise KernelError unless all weights are finite."""
    if weights.dtype.kind != "f" or have_finite_squares(weights):
        return
    if not np.isfinite(weights).all():
        raise KernelError("kernel weights must be finite, also after division by the divisor")


def saturate(values: NDArray[Any], out: NDArray[Any], *, overwrite: bool = False) -> None:
    """Store numbers in another type without wrapping.

    A float becomes an integer by rounding half to even; a number beyond the integer type's range
    becomes the nearest end of it, and NaN becomes 0. Conversion to floats is numpy's own.

    Args:
        values: integers or floats of any shape.
        out: an array of the same shape and of any integer or floating-point type.
        overwrite: whether ``values`` may be changed, and what lies between their rows, which saves
            a copy.

    >>> pixels = np.empty(4, np.uint8)
    >>> saturate(np.array([-3.0, 2.5, 300.0, np.nan]), pixels)
    >>> pixels.tolist()
    [0, 2, 255, 0]
    """
    if out.dtype == values.dtype or np.can_cast(values.dtype, out.dtype):
        out[...] = values
    elif "f" in values.dtype.kind + out.dtype.kind:
        with np.errstate(all="ignore"):
            _store_floats(values, out, overwrite=overwrite)
    else:
        least, greatest = _common_range(values.dtype, out.dtype)
        # Two steps, since numpy converts the results of one in small pieces, which takes twice as
        # long.
        if overwrite:
            whole = with_gaps(values)
            whole.clip(least, greatest, out=whole)
        else:
            values = values.clip(least, greatest)
        out[...] = values


@lru_cache(maxsize=64)
def _common_range(one: np.dtype[Any], other: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the greatest number that both types of integers hold, in the first.

    To clip at arrays of the same type takes 3 us less than at Python's numbers.
    """
    ranges = np.iinfo(one), np.iinfo(other)
    least, greatest = max(each.min for each in ranges), min(each.max for each in ranges)
    return np.array(least, one), np.array(greatest, one)


def _store_floats(values: NDArray[Any], out: NDArray[Any], *, overwrite: bool) -> None:
    """Store floats as integers, or any numbers as floats."""
    if out.dtype.kind == "f":
        out[...] = values
        return
    bounds = np.iinfo(out.dtype)
    if values.dtype == np.float16:  # it cannot hold the ends of most integer ranges
        values = values.astype(np.float32)
    kind = values.dtype.type
    least, greatest = kind(bounds.min), kind(bounds.max)
    if int(greatest) > bounds.max:  # the nearest float may be outside the range
        greatest = np.nextafter(greatest, kind(0))
    rounded = values if overwrite else np.rint(values)
    whole = with_gaps(rounded)
    if overwrite:
        np.rint(whole, out=whole)
    if np.isnan(whole.min()):
        whole[np.isnan(whole)] = 0
    beyond = rounded > greatest if greatest < bounds.max else None
    np.clip(whole, least, greatest, out=whole)
    out[...] = rounded
    if beyond is not None:
        out[beyond] = bounds.max
