"""Decide, before any pixel is touched, how one image meets one kernel.

The plan holds the layout, the number types and the method; it can say in a line why.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.core.passes import Passes, direct_passes, fewest_passes, separable_passes
from convcli.core.windows import border_name
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.geometry import Geometry, Padding, Pair, lay_out

# The strip, its sums and the scratch are to stay in the second-level cache together.
STRIP_BYTES = 1 << 19

LONGEST = 2**31 - 1  # pixels on a side
METHODS = ("auto", "direct", "separable")
Bounds = tuple[int, int]


class Layout(NamedTuple):
    """How a kernel is laid over an image; see :func:`convcli.cross_correlate` for each field."""

    operation: str = "correlate"
    padding: Padding = "same"
    border: str = "edge"
    fill: float = 0
    stride: int | Pair = 1
    dilation: int | Pair = 1


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


@dataclass(frozen=True, eq=False)
class Plan:
    """How one image is filtered with one kernel.

    Attributes:
        passes: how the windows are summed; one for each map where the kernel sums over channels.
        summed: whether the kernel sums over the channels.
        geometry: pads, stride, dilation and sizes.
        border: numpy's name of what the padding holds.
        fill: the value of ``constant`` and ``zero`` borders.
        numbers: the types.
        shape: (H', W'), (H', W', C) or (H', W', N).
    """

    passes: list[Passes]
    summed: bool
    geometry: Geometry
    border: str
    fill: float
    numbers: Numbers
    shape: tuple[int, ...]

    @property
    def result(self) -> np.dtype[np.generic]:
        """Type of the feature map where none is asked for."""
        return self.numbers.result

    @property
    def block(self) -> np.dtype[np.generic]:
        """Type of the finished values of a strip."""
        return self.numbers.block

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time, so that a strip stays in the cache."""
        row = self.geometry.padded[1] * channels * self.numbers.accumulator.itemsize
        rows = STRIP_BYTES // row // self.geometry.stride[0]
        # Rows that two strips share are copied twice: a tall kernel asks for tall strips.
        return max(rows, self.geometry.extent[0] // self.geometry.stride[0], 1)

    def why(self) -> str:
        """Name the method, its cost, its number type and the reason, in one line."""
        taps = sum(passes.taps for passes in self.passes)
        cost = sum(passes.cost for passes in self.passes)
        accumulator = self.numbers.accumulator
        kind = "exact integers" if accumulator.kind == "i" else "floating point"
        method = self.passes[0].method
        return f"{method}: {taps} taps in {cost} passes over {accumulator} ({kind})"


def make_plan(
    image: NDArray[np.generic],
    kernel: NDArray[np.generic],
    layout: Layout,
    divisor: float = 1,
    bias: float = 0,
    method: str = "auto",
) -> Plan:
    """Lay a kernel over an image, choose the number types and the method.

    ``image`` is (H, W) or (H, W, C) and only its shape, type and, for integers of 32 bits and
    more, its extremes matter. ``kernel`` is as it is to be applied: a convolution's is already
    flipped, and the layout's operation only places the anchor. ``method`` is one of ``METHODS``.

    Raises:
        KernelError: a kernel that is empty, not of real finite numbers, whose channels are not
            the image's, or which the method cannot sum.
        GeometryError: no window fits.
        UsageError: another argument is wrong, or the sums exceed 64-bit integers.
    """
    _check_numbers(image, kernel, divisor, bias)
    bank = _as_bank(kernel, image)
    size, taps = (image.shape[0], image.shape[1]), (kernel.shape[-2], kernel.shape[-1])
    geometry = lay_out(size, taps, layout.padding, layout.stride, layout.dilation, layout.operation)
    if max(geometry.padded) > LONGEST:
        raise GeometryError(f"a padded side has {max(geometry.padded)} pixels; {LONGEST} is most")
    border = border_name(layout.border)
    fill = whole(layout.fill) if border == "constant" else 0
    if isinstance(fill, int) and {image.dtype.kind, kernel.dtype.kind} <= set("bui"):
        numbers = _exact_numbers(image, bank, fill, divisor, whole(bias))
    else:
        numbers = _float_numbers(image, bank, divisor, bias)
    shape = geometry.output + (image.shape[2:] if kernel.ndim == 2 else kernel.shape[:-3])
    weights = numbers.weights if bank.ndim == 4 else numbers.weights[np.newaxis]
    passes = [_passes(each, method) for each in weights]
    return Plan(passes, bank.ndim == 4, geometry, border, fill, numbers, shape)


def _passes(kernel: NDArray[np.generic], method: str) -> Passes:
    """Return the passes that sum one kernel by the method asked for."""
    if method not in METHODS:
        raise UsageError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if method == "auto":
        return fewest_passes(kernel)
    if method == "direct":
        return direct_passes(kernel)
    separable = separable_passes(kernel) if kernel.ndim == 2 else None
    if separable is None:
        raise KernelError(
            "the kernel is no column times a row, and cannot be summed by the method separable; "
            "the method auto finds another"
        )
    return separable


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
    _check_finite(weights)
    return Numbers(weights, floats, floats, _float_for(image), 1, bias)


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
    low, high = _image_bounds(image)
    low, high = min(low, fill), max(high, fill)
    banks = kernel.reshape(1 if kernel.ndim == 2 else len(kernel), -1).tolist()
    up = max(sum(w for w in bank if w > 0) for bank in banks)
    down = min(sum(w for w in bank if w < 0) for bank in banks)
    least, greatest = up * low + down * high, up * high + down * low
    return least + min(bias, 0), greatest + max(bias, 0)


def _image_bounds(image: NDArray[np.generic]) -> Bounds:
    """Return what an integer image can hold: by its type when narrow, else by its values."""
    if image.dtype.kind == "b":
        return 0, 1
    if image.dtype.itemsize <= 2:
        info = np.iinfo(image.dtype.type)  # type: ignore[type-var]
        return int(info.min), int(info.max)
    return int(image.min()), int(image.max())


def _as_bank(kernel: NDArray[np.generic], image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Give a kernel that sums over channels all four axes, once its channels are the image's."""
    if kernel.ndim == 2:
        return kernel
    channels = image.shape[2] if image.ndim == 3 else 1
    if kernel.shape[-3] != channels:
        raise KernelError(f"kernel sums over {kernel.shape[-3]} channels, the image has {channels}")
    return kernel if kernel.ndim == 4 else kernel[np.newaxis]


def _check_numbers(
    image: NDArray[np.generic], kernel: NDArray[np.generic], divisor: float, bias: float
) -> None:
    if image.ndim not in (2, 3) or image.dtype.kind not in "buif" or 0 in image.shape:
        raise UsageError(
            f"image must be (H, W) or (H, W, C) real numbers, not {image.shape} {image.dtype}"
        )
    if kernel.ndim not in (2, 3, 4) or kernel.dtype.kind not in "buif" or 0 in kernel.shape:
        raise KernelError(
            "kernel must be (kh, kw), (C, kh, kw) or (N, C, kh, kw) real numbers, "
            f"not {kernel.shape} {kernel.dtype}"
        )
    _check_finite(kernel)
    if not math.isfinite(divisor) or divisor == 0:
        raise KernelError(f"divisor must be a finite number other than 0, not {divisor:g}")
    if not math.isfinite(bias):
        raise KernelError(f"bias must be a finite number, not {bias:g}")


def _check_finite(weights: NDArray[np.generic]) -> None:
    if not np.isfinite(weights).all():
        raise KernelError("kernel weights must be finite, divided as well")


def _float_for(image: NDArray[np.generic]) -> np.dtype[np.generic]:
    """Return float32 where it holds the image's values, else float64, as numpy promotes them."""
    narrow = np.result_type(image.dtype, np.float32) == np.float32
    return np.dtype(np.float32 if narrow else np.float64)


def whole(number: float) -> float:
    """Return a whole number as an int, so that it takes part in exact arithmetic."""
    return int(number) if float(number).is_integer() else float(number)


def result_dtype(plan: Plan, dtype: DTypeLike | None) -> np.dtype[np.generic]:
    """Return the type of the feature map: the plan's own, or the one asked for.

    Raises:
        UsageError: the type asked for is not one of real numbers.
    """
    if dtype is None:
        return plan.result
    try:
        asked = np.dtype(dtype)
    except TypeError as error:
        raise UsageError(f"dtype {dtype!r} is no type of numbers") from error
    if asked.kind not in "uif":
        raise UsageError(f"dtype must be an integer or floating-point type, not {asked}")
    return asked
