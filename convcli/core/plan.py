"""Decide, before any pixel is touched, how one image meets one kernel.

The plan holds the layout, the number types and the method; it can say in a line why.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.choices import METHOD_SYNONYMS, METHODS
from convcli.core.dtypes import (
    SINGLE,
    ImageInfo,
    SumTypes,
    check_finite,
    choose_types,
    int_if_whole,
)
from convcli.core.methods.choose import Problem, SumMethod, choose_methods
from convcli.core.options import ConvOptions, border_name
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.geometry import Geometry, Pair, conv_geometry

REMEMBERED = 1 << 15  # bytes of a kernel; what is made of a larger one takes too much memory
LONGEST = 2**31 - 1  # pixels on a side


@dataclass(frozen=True, eq=False)
class Plan:
    """How one image is filtered with one kernel.

    Attributes:
        methods: how the windows are summed; a strip that one cannot sum well goes to the next.
        geometry: pads, stride, dilation and sizes.
        border: numpy's name of what the padding holds.
        fill: the value of ``constant`` and ``zero`` borders.
        numbers: the types.
        shape: (H', W'), (H', W', C) or (H', W', N).
    """

    methods: list[SumMethod]
    geometry: Geometry
    border: str
    fill: float
    types: SumTypes
    shape: tuple[int, ...]

    @property
    def result(self) -> np.dtype[np.generic]:
        """Type of the feature map where none is asked for."""
        return self.types.result

    @property
    def block(self) -> np.dtype[np.generic]:
        """Type of the finished values of a strip."""
        return self.types.block

    @property
    def maps(self) -> int:
        """How many maps a kernel that sums over the channels makes; else 1."""
        return self.types.weights.shape[0] if self.types.weights.ndim == 4 else 1

    def describe(self) -> str:
        """Name the method, its cost, its number type and the reason, in one line."""
        exact = self.types.accumulator.kind == "i"
        return f"{self.methods[0].describe()} ({'exact integers' if exact else 'floating point'})"


def make_plan(
    image: NDArray[np.generic],
    kernel: NDArray[np.generic],
    layout: ConvOptions,
    divisor: float = 1,
    bias: float = 0,
    method: str = "auto",
    floats: np.dtype[np.generic] = SINGLE,
) -> Plan:
    """Lay a kernel over an image, choose the number types and the method.

    ``image`` is (H, W) or (H, W, C) and only its shape, type and, for integers of 32 bits and
    more, its extremes matter. ``kernel`` is as it is to be applied: a convolution's is already
    flipped, and the layout's operation only places the anchor. ``method`` is one of ``METHODS``;
    ``floats`` is the least type for values that are no integers.

    Raises:
        KernelError: a kernel that is empty, not of real finite numbers, whose channels are not
            the image's, or which the method cannot sum.
        GeometryError: no window fits.
        UsageError: another argument is wrong, or the sums exceed 64-bit integers.
    """
    _check_numbers(image, kernel, divisor, bias)
    bank = _as_bank(kernel, image)
    size, taps = (image.shape[0], image.shape[1]), (kernel.shape[-2], kernel.shape[-1])
    geometry = _geometry_of(size, taps, layout)
    if max(geometry.padded_shape) > LONGEST:
        raise GeometryError(
            f"a padded side has {max(geometry.padded_shape)} pixels; {LONGEST} is most"
        )
    border = border_name(layout.border)
    fill = int_if_whole(layout.fill) if border == "constant" else 0
    shape = geometry.output_shape + (image.shape[2:] if kernel.ndim == 2 else kernel.shape[:-3])
    method = METHOD_SYNONYMS.get(method, method)
    if method not in METHODS:
        raise UsageError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    samples = ImageInfo.of(image)
    choose = _choose if bank.nbytes <= REMEMBERED else _choose.__wrapped__
    content = bank.tobytes(), bank.shape, bank.dtype.str
    numbers, methods = choose(
        samples, content, geometry, fill, float(divisor), int_if_whole(bias), method, floats
    )
    return Plan(methods, geometry, border, fill, numbers, shape)


def _geometry_of(size: Pair, taps: Pair, layout: ConvOptions) -> Geometry:
    """Lay out once what can be remembered: words and whole numbers, which equal no other things."""
    rules = layout.padding, layout.stride, layout.dilation, layout.operation
    parts = [part for rule in rules for part in (rule if isinstance(rule, tuple) else (rule,))]
    plain = all(type(part) in (int, str) for part in parts)
    return (_remembered_layout if plain else conv_geometry)(size, taps, *rules)


_remembered_layout = lru_cache(maxsize=64)(conv_geometry)


@lru_cache(maxsize=16)
def _choose(
    samples: ImageInfo,
    content: tuple[bytes, tuple[int, ...], str],
    geometry: Geometry,
    fill: float,
    divisor: float,
    bias: float,
    method: str,
    floats: np.dtype[np.generic],
) -> tuple[SumTypes, list[SumMethod]]:
    """Choose the types and methods once for like images: it can take longer than small sums."""
    weights, shape, kind = content
    kernel = np.frombuffer(weights, kind).reshape(shape)
    numbers = choose_types(samples, kernel, fill, divisor, bias, floats)
    return numbers, choose_methods(Problem(samples, numbers, geometry, fill), method)


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
    if image.dtype.itemsize > 8:
        raise UsageError(f"image must be of at most 64 bits, not {image.dtype}; use float64")
    if kernel.ndim not in (2, 3, 4) or kernel.dtype.kind not in "buif" or 0 in kernel.shape:
        raise KernelError(
            "kernel must be (kh, kw), (C, kh, kw) or (N, C, kh, kw) real numbers, "
            f"not {kernel.shape} {kernel.dtype}"
        )
    check_finite(kernel)
    if not math.isfinite(divisor) or divisor == 0:
        raise KernelError(f"divisor must be a finite number other than 0, not {divisor:g}")
    if not math.isfinite(bias):
        raise KernelError(f"bias must be a finite number, not {bias:g}")


def asked_dtype(dtype: DTypeLike | None) -> np.dtype[np.generic] | None:
    """Return the type asked for, or None.

    Raises:
        UsageError: it is not one of real numbers.
    """
    if dtype is None:
        return None
    try:
        asked = np.dtype(dtype)
    except TypeError as error:
        raise UsageError(f"dtype {dtype!r} is no type of numbers") from error
    if asked.kind not in "uif":
        raise UsageError(f"dtype must be an integer or floating-point type, not {asked}")
    return asked
