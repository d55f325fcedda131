"""Decide, before any pixel is touched, how one image meets one kernel.

The plan holds the layout, the number types and the method; it can say in a line why.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.core.windows import border_name
from convcli.errors import KernelError, UsageError
from convcli.geometry import Geometry, Padding, Pair, lay_out

# The strip, its sums and the scratch are to stay in the second-level cache together.
STRIP_BYTES = 1 << 19

Bounds = tuple[int, int]


class Layout(NamedTuple):
    """How a kernel is laid over an image; see :func:`convcli.cross_correlate` for each field."""

    operation: str = "correlate"
    padding: Padding = "same"
    border: str = "edge"
    fill: float = 0
    stride: int | Pair = 1
    dilation: int | Pair = 1


@dataclass(frozen=True, eq=False)
class Plan:
    """How one image is filtered with one kernel.

    Attributes:
        kernel: the weights as they are applied, in the accumulator's type: (kh, kw), or
            (N, C, kh, kw) where channels are summed.
        geometry: pads, stride, dilation and sizes.
        border: numpy's name of what the padding holds.
        fill: the value of ``constant`` and ``zero`` borders.
        accumulator: type of the sums.
        divisor: the sums are divided by it; 1 where the weights hold it already.
        bias: added after the division.
        block: type of the finished values of a strip.
        result: type of the feature map where none is asked for.
        shape: (H', W'), (H', W', C) or (H', W', N).
    """

    kernel: NDArray[np.generic]
    geometry: Geometry
    border: str
    fill: float
    accumulator: np.dtype[np.generic]
    divisor: float
    bias: float
    block: np.dtype[np.generic]
    result: np.dtype[np.generic]
    shape: tuple[int, ...]

    @property
    def strip_rows(self) -> int:
        """Output rows computed at a time, so that a strip stays in the cache."""
        channels = self.kernel.shape[1] if self.kernel.ndim == 4 else math.prod(self.shape[2:])
        row = self.geometry.padded[1] * channels * self.accumulator.itemsize
        rows = STRIP_BYTES // row // self.geometry.stride[0]
        # Rows that two strips share are copied twice: a tall kernel asks for tall strips.
        return max(rows, self.geometry.extent[0] // self.geometry.stride[0], 1)

    def why(self) -> str:
        """Name the method, its number types and the reason, in one line."""
        taps = int(np.count_nonzero(self.kernel))
        kind = "exact integers" if self.accumulator.kind == "i" else "floating point"
        return f"direct: {taps} taps shifted and accumulated in {self.accumulator} ({kind})"


def make_plan(
    image: NDArray[np.generic],
    kernel: NDArray[np.generic],
    layout: Layout,
    divisor: float = 1,
    bias: float = 0,
) -> Plan:
    """Lay a kernel over an image and choose the number types.

    ``image`` is (H, W) or (H, W, C) and only its shape, type and, for integers of 32 bits and
    more, its extremes matter. ``kernel`` is as it is to be applied: a convolution's is already
    flipped, and the layout's operation only places the anchor.

    Raises:
        KernelError: a kernel that is empty, not of real finite numbers, or whose channels are
            not the image's.
        GeometryError: no window fits.
        UsageError: another argument is wrong, or the sums exceed 64-bit integers.
    """
    _check_numbers(image, kernel, divisor, bias)
    summed = _as_bank(kernel, image)
    size, taps = (image.shape[0], image.shape[1]), (kernel.shape[-2], kernel.shape[-1])
    geometry = lay_out(size, taps, layout.padding, layout.stride, layout.dilation, layout.operation)
    border = border_name(layout.border)
    fill = whole(layout.fill) if border == "constant" else 0
    shape = geometry.output + (image.shape[2:] if kernel.ndim == 2 else kernel.shape[:-3])
    laid = _Laid(image, summed, geometry, border, fill, shape)
    if isinstance(fill, int) and {image.dtype.kind, kernel.dtype.kind} <= set("bui"):
        return _exact_plan(laid, divisor, whole(bias))
    floats = np.dtype(np.float64)
    with np.errstate(over="ignore"):
        weights = summed.astype(floats) / divisor
    _check_finite(weights)
    return laid.plan(weights, floats, block=floats, result=_float_for(image), bias=bias)


@dataclass(frozen=True, eq=False)
class _Laid:
    """A kernel laid over an image, its number types still open."""

    image: NDArray[np.generic]
    kernel: NDArray[np.generic]
    geometry: Geometry
    border: str
    fill: float
    shape: tuple[int, ...]

    def plan(
        self,
        weights: NDArray[np.generic],
        accumulator: np.dtype[np.generic],
        *,
        block: np.dtype[np.generic],
        result: np.dtype[np.generic],
        divisor: float = 1,
        bias: float = 0,
    ) -> Plan:
        return Plan(
            kernel=weights.astype(accumulator),
            geometry=self.geometry,
            border=self.border,
            fill=self.fill,
            accumulator=accumulator,
            divisor=divisor,
            bias=bias,
            block=block,
            result=result,
            shape=self.shape,
        )


def _exact_plan(laid: _Laid, divisor: float, bias: float) -> Plan:
    """Plan sums of integers; a division or a fractional bias comes after the exact sum."""
    exact_bias = bias if isinstance(bias, int) else 0
    bounds = _sum_bounds(laid.image, laid.kernel, int(laid.fill), exact_bias)
    accumulator = smallest_integer(bounds)
    if divisor == 1 and isinstance(bias, int):
        least = np.dtype(np.int64 if laid.image.dtype.itemsize > 2 else np.int32)
        result = max(least, accumulator, key=lambda kind: kind.itemsize)
        return laid.plan(laid.kernel, accumulator, block=accumulator, result=result, bias=bias)
    floats = np.dtype(np.float64)  # float32 quotients, rounded again, would miss the nearest pixel
    return laid.plan(
        laid.kernel,
        accumulator,
        block=floats,
        result=_float_for(laid.image),
        divisor=divisor,
        bias=bias,
    )


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
    """Bound every product, partial sum and input of the accumulation."""
    low, high = _image_bounds(image)
    low, high = min(low, fill, 0), max(high, fill, 0)
    banks = kernel.reshape(1 if kernel.ndim == 2 else len(kernel), -1).tolist()
    up = max(sum(w for w in bank if w > 0) for bank in banks)
    down = min(sum(w for w in bank if w < 0) for bank in banks)
    least, greatest = up * low + down * high, up * high + down * low
    weights = [weight for bank in banks for weight in bank]
    return (
        min(least + min(bias, 0), low, *weights),
        max(greatest + max(bias, 0), high, *weights),
    )


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
