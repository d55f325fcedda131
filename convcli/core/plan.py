"""Plan a convolution before any pixel is read: geometry, number types and methods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.choices import METHOD_SYNONYMS, METHODS, MOST_COLORS
from convcli.core.dtypes import (
    DOUBLE,
    SINGLE,
    Bias,
    ImageInfo,
    SumTypes,
    as_numbers,
    check_finite,
    check_image,
    choose_types,
    real_number,
)
from convcli.core.folding import Folding, Signs
from convcli.core.methods.base import SumMethod
from convcli.core.methods.choose import Problem, choose_methods
from convcli.core.methods.small import SmallMethod
from convcli.core.methods.small import cost as small_cost
from convcli.core.nonfinite import NonFinite
from convcli.core.padding import PaddedRows, check_sides
from convcli.core.strips import without_gaps
from convcli.errors import KernelError, UsageError, count_text
from convcli.geometry import ConvOptions, Geometry, Pair, border_name

HASHED_KERNEL_BYTES = 1 << 15  # larger kernels are compared with those of a few earlier plans
KNOWN_BYTES = 1 << 24  # of these kernels; their plans may hold a second copy
# Nanoseconds of all sums, that are not worth to make fewer taps. With more, one product may not sum
# them: box:31 over bytes of 6x6x4, every third window, took 240 us, and takes 30 with fewer taps.
FEW_SUMS = 8e3
KEPT_VALUES = 1 << 13  # of a strip with its padding; a plan keeps smaller strips
ERRORS = {SINGLE: 1e-5, DOUBLE: 1e-12}  # what convcli promises
_EPSILON = {SINGLE: 2.0**-23, DOUBLE: 2.0**-52}


class Plan:
    """How to filter one image with one kernel.

    Attributes:
        methods: the method that sums the windows, and its fallbacks.
        geometry: pads, stride, dilation and sizes.
        padded_rows: the rows of the padded image.
        types: weights and number types.
        channels: of the image.
        shape: of the feature map, (H', W'), (H', W', C) or (H', W', N).
        windows: the geometry of the strips, which may leave out what no tap reads, and taps that
            read what others do.
        costs: estimated nanoseconds a value of each method that was considered, by name, with that
            of ``method``, which is the cheapest unless another one was asked for.
        requested: the method asked for, or ``auto``.
        signs: where ``types.weights`` stand for a weight above 0, and for one below; None if they
            tell that themselves.
    """

    def __init__(
        self,
        methods: Sequence[SumMethod],
        geometry: Geometry,
        padded_rows: PaddedRows,
        types: SumTypes,
        channels: int,
        shape: tuple[int, ...],
        windows: Geometry,
        costs: dict[str, float],
        requested: str,
        signs: Signs | None = None,
    ) -> None:
        self.methods = methods
        self.geometry = geometry
        self.padded_rows = padded_rows
        self.types = types
        self.channels = channels
        self.shape = shape
        self.windows = windows
        self.costs = costs
        self.requested = requested
        self.signs = signs

    @property
    def method(self) -> str:
        """The name of the method that sums the windows."""
        return self.methods[0].name

    @property
    def nanoseconds(self) -> float:
        """How long all sums take by estimate; infinite if there is none."""
        return self.costs.get(self.method, math.inf) * math.prod(self.shape)

    @property
    def border(self) -> str:
        """Numpy's name of the border mode."""
        return self.padded_rows.border

    @property
    def fill(self) -> float:
        """The value of ``constant`` and ``zero`` borders."""
        return self.padded_rows.fill

    @cached_property
    def undivided(self) -> Plan:
        """The plan of the same sums, which are then divided exactly."""
        types = self.types._replace(block=self.types.accumulator, divisor=1, bias=0)
        return Plan(
            self.methods,
            self.geometry,
            self.padded_rows,
            types,
            self.channels,
            self.shape,
            self.windows,
            self.costs,
            self.requested,
            self.signs,
        )

    @cached_property
    def strip_rows(self) -> int:
        """How many output rows are computed at a time."""
        return self.methods[0].strip_rows(self.channels)

    @cached_property
    def small_method(self) -> SmallMethod | None:
        """The method, if it sums a small image at once."""
        method = self.methods[0]
        return method if isinstance(method, SmallMethod) else None

    @cached_property
    def keeps_strips(self) -> bool:
        """Whether the image is one strip, so small that the plan may keep it."""
        values = math.prod(self.windows.padded_shape) * self.channels
        whole = self.strip_rows >= self.geometry.output_shape[0]
        return whole and values <= KEPT_VALUES and self.methods[0].is_bound

    @cached_property
    def binds_strips(self) -> bool:
        """Whether a strip may be kept with its workspace, since that takes little more memory.

        If the next call has the same plan, outline takes 67 us on 256x256 bytes in place of 86.
        """
        return self.methods[0].is_bound and self.types.weights.nbytes <= HASHED_KERNEL_BYTES

    @cached_property
    def strips(self) -> list[Any]:
        """Strips of :mod:`convcli.core.strip_sums` that are not in use.

        All that depends on their memory is worked out once: a 3x3 kernel on an image of 8x8 takes
        29 us in place of 44.
        """
        return []

    @cached_property
    def uses(self) -> Iterator[int]:
        """Numbers how often the plan is used."""
        return count()

    @cached_property
    def nonfinite(self) -> NonFinite:
        """The windows that weigh NaN, infinities or outliers."""
        return NonFinite(self.types, self.windows, self.channels, self.signs)

    @property
    def error_bound(self) -> float:
        """A bound on the rounding error, relative to the largest output; 0 for exact integers.

        That of sums in float64 is relative to the largest sum of magnitudes.
        """
        if self.types.is_exact:
            return 0.0 if self.types.result.kind != "f" else _EPSILON[self.types.result]
        return ERRORS[self.types.result]

    @property
    def why(self) -> str:
        """Why this method was chosen, and what happens where it is not accurate."""
        if self.requested != "auto":
            reason = f"method {self.requested} is asked for"
        elif isinstance(self.methods[0], SmallMethod):
            reason = "to choose among methods would take longer than these sums"
        elif len(self.costs) == 1:
            reason = f"{self.method} is the only method for these numbers"
        else:
            names = sorted(self.costs, key=lambda name: self.costs[name])
            costs = ", ".join(f"{name} {self.costs[name]:.3g}" for name in names)
            reason = f"the cheapest of {costs} (ns a value, estimated)"
        if len(self.methods) == 1:
            return reason
        return f"{reason}; where it is not accurate: {self.methods[1].describe()}"

    def describe(self) -> str:
        """Return one line with the method, its number of operations and its number type."""
        return self._description

    @cached_property
    def _description(self) -> str:
        kind = "exact integers" if self.types.is_exact else "floating point"
        return f"{self.methods[0].describe()} ({kind})"


def as_applied(kernel: ArrayLike, operation: str) -> NDArray[Any]:
    """Return a kernel as it slides over the image: flipped on both axes for ``convolve``.

    This is the only place where a kernel is flipped.

    >>> as_applied([[1, 2, 3]], "convolve").tolist()
    [[3, 2, 1]]
    """
    weights = as_numbers(kernel, "kernel", KernelError)
    if operation == "convolve" and weights.ndim > 1:
        return weights[..., ::-1, ::-1]
    return weights


def make_plan(
    image: NDArray[Any],
    kernel: ArrayLike,
    options: ConvOptions,
    divisor: float = 1,
    bias: float | Sequence[float] = 0,
    method: str = "auto",
    floats: np.dtype[Any] | None = SINGLE,
    info: ImageInfo | None = None,
) -> Plan:
    """Plan how to filter one image with one kernel.

    Args:
        image: (H, W) or (H, W, C). Its shape and type matter and, for integers of 32 bits and more,
            its extremes.
        kernel: (kh, kw), (C, kh, kw) or (N, C, kh, kw), not flipped.
        options: operation, padding, border, stride and dilation.
        divisor: the sums are divided by it.
        bias: added after the division; one number, or one for each filter of a bank.
        method: one of :data:`convcli.choices.METHODS`, or a synonym.
        floats: the narrowest type for values that are not integers; None if the results are rounded
            to integers.
        info: what is known of the pixels; None to look at them.

    Raises:
        KernelError: the kernel is empty, not real or not finite, its channels are not the image's,
            or the method cannot sum it.
        GeometryError: no window fits.
        UsageError: another argument is wrong, or the sums exceed 64-bit integers.
    """
    weights = as_numbers(kernel, "kernel", KernelError)
    _check_arrays(image, weights)
    divisor = real_number(divisor, "divisor", KernelError)
    if not math.isfinite(divisor) or divisor == 0:
        raise KernelError(f"divisor must be a finite number other than 0, not {divisor}")
    biases = _checked_bias(bias, weights.shape)
    if method not in (*METHODS, *METHOD_SYNONYMS):
        names = ", ".join((*METHODS, *METHOD_SYNONYMS))
        raise UsageError(f"method must be one of {names}, not {method!r}")
    method = METHOD_SYNONYMS.get(method, method)
    arguments = image.shape, info or ImageInfo.of(image), options, divisor, biases, method, floats
    if weights.nbytes > KNOWN_BYTES or not _is_plain(options):
        return _plan(weights, *arguments)
    if weights.nbytes > HASHED_KERNEL_BYTES:
        return _remembered_large(weights, *arguments)
    return _remembered(weights.tobytes(), weights.shape, weights.dtype, *arguments)


def _is_plain(options: ConvOptions) -> bool:
    """Tell whether the options are words and integers, which can be compared with earlier ones.

    Other numbers, such as True or 1.0, may be equal to an integer and yet be refused.
    """
    for option in (options.padding, options.stride, options.dilation, options.anchor):
        for part in option if type(option) is tuple else (option,):
            if type(part) is not int and type(part) is not str:
                return False
    return type(options.border) is str and type(options.fill) in (int, float)


@lru_cache(maxsize=16)
def _remembered(
    weights: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], *arguments: Any
) -> Plan:
    """Plan once for images that are alike: it can take longer than a small sum."""
    return _plan(np.frombuffer(weights, dtype).reshape(shape), *arguments)


class _Known(NamedTuple):
    """Plans of large weights, the latest last, with copies of these, since owners may change them.

    A key has the weights' shape and type, a few of them, in which most others differ, and all
    arguments.
    """

    size: int  # bytes of all weights
    plans: dict[tuple[Any, ...], tuple[NDArray[Any], Plan]]


_known = _Known(0, {})  # replaced as a whole, for other threads


def _remembered_large(weights: NDArray[Any], *arguments: Any) -> Plan:
    """Plan once for large weights: to compare them takes a tenth of the time to hash them.

    To bound the error of 256 filters of 256x3x3 takes a fourth as long as to sum a map of 14x14.
    """
    global _known
    few = weights.reshape(-1)[:: weights.size // 64].tobytes()
    key = weights.shape, weights.dtype, few, arguments
    size, plans = _known.size, _known.plans.copy()
    found = plans.pop(key, None)
    if found is None or not np.array_equal(found[0], weights):
        size += weights.nbytes if found is None else 0
        copy = weights.copy()
        found = copy, _plan(copy, *arguments)
    plans[key] = found
    while size > KNOWN_BYTES:
        oldest, _ = plans.pop(next(iter(plans)))
        size -= oldest.nbytes
    _known = _Known(size, plans)
    return found[1]


@np.errstate(all="ignore")
def _plan(
    kernel: NDArray[Any],
    shape: tuple[int, ...],
    image: ImageInfo,
    options: ConvOptions,
    divisor: float,
    bias: Bias,
    method: str,
    floats: np.dtype[np.generic] | None,
    *,
    fewer_taps: bool = True,
) -> Plan:
    """Choose geometry, types and methods; the arguments but for the weights are checked."""
    check_finite(kernel)
    weights = as_applied(kernel, options.operation)
    sizes = _sizes if _is_plain(options) else _sizes.__wrapped__
    geometry, folding, windows, padded_rows = sizes(
        shape, weights.shape[-2:], options, fewer_taps=fewer_taps and method == "auto"
    )
    channels = shape[2] if len(shape) == 3 else 1
    map_shape = geometry.output_shape + (shape[2:] if weights.ndim == 2 else weights.shape[:-3])
    bank = weights[np.newaxis] if weights.ndim == 3 else weights
    fill = padded_rows.fill
    types = choose_types(image, bank, fill, divisor, bias, floats)
    signs = None
    if folding is not None:
        whole: NDArray[Any] = types.weights
        if folding.adds and not types.is_exact:
            whole = whole.astype(DOUBLE, copy=False)
            signs = folding.signs(whole)
        types = types._replace(weights=folding.weights(whole))
        if not (types.is_exact or np.isfinite(types.weights).all()):
            arguments = shape, image, options, divisor, bias, method, floats
            return _plan(kernel, *arguments, fewer_taps=False)
    methods, costs = choose_methods(Problem(image, types, windows, fill, channels), method)
    return Plan(
        methods, geometry, padded_rows, types, channels, map_shape, windows, costs, method, signs
    )


@lru_cache(maxsize=8)
def _sizes(
    shape: tuple[int, ...], kernel: Pair, options: ConvOptions, *, fewer_taps: bool
) -> tuple[Geometry, Folding | None, Geometry, PaddedRows]:
    """Return what depends on sizes alone: a kernel that is new seldom has a new size.

    Returns:
        The geometry; which taps become fewer, if ``fewer_taps`` allows it and some do; the geometry
        of strips without gaps; and the rows of the padded image.
    """
    geometry = options.geometry(shape, kernel)
    check_sides(geometry)
    border = border_name(options.border)
    fill = real_number(options.fill, "fill") if border == "constant" else 0
    read, folding = geometry, Folding.of(geometry, border, fill) if fewer_taps else None
    channels = shape[2] if len(shape) == 3 else 1
    if folding is not None:
        read = folding.windows(geometry)
        # To add weights up, and to tell which ones were, takes longer than few sums.
        few = folding.adds and small_cost(without_gaps(geometry, channels), channels) <= FEW_SUMS
        if few or read == geometry:
            read, folding = geometry, None
    windows = without_gaps(read, channels)
    return geometry, folding, windows, PaddedRows(read, border, fill, windows)


def _checked_bias(bias: Any, kernel: tuple[int, ...]) -> Bias:
    """Return a finite bias, or one for each filter, for a kernel of this shape."""
    if type(bias) is int:  # the common case
        return real_number(bias, "bias", KernelError)
    several = isinstance(bias, list | tuple) or (isinstance(bias, np.ndarray) and bias.ndim > 0)
    numbers = [real_number(number, "bias", KernelError) for number in (bias if several else [bias])]
    for number in numbers:
        if not math.isfinite(number):
            raise KernelError(f"bias must be a finite number, not {number}")
    if not several:
        return numbers[0]
    filters = kernel[0] if len(kernel) == 4 else 1
    if len(numbers) != filters:
        raise KernelError(
            f"bias must be one number, or one for each filter: {filters}, not {len(numbers)}"
        )
    return tuple(numbers) if filters > 1 else numbers[0]


def _check_arrays(image: NDArray[np.generic], kernel: NDArray[np.generic]) -> None:
    check_image(image)
    if image.dtype.itemsize > 8:
        raise UsageError(f"image must have at most 64 bits, not {image.dtype}; use float64")
    if kernel.ndim not in (2, 3, 4) or kernel.dtype.kind not in "buif" or 0 in kernel.shape:
        raise KernelError(
            "kernel must be (kh, kw), (C, kh, kw) or (N, C, kh, kw) real numbers, "
            f"not {kernel.shape} {kernel.dtype}"
        )
    check_channels(image.shape, kernel.shape)


def check_channels(image: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    """Raise KernelError if a kernel of this shape sums over other channels than an image has."""
    channels = image[2] if len(image) == 3 else 1
    if len(kernel) > 2 and kernel[-3] != channels:
        taken = kernel[-3]
        groups, rest = divmod(channels, taken)
        fits = len(kernel) == 4 and not rest and kernel[0] % groups == 0
        hint = f"; with groups={groups} it fits" if fits else ""
        # A volume, whose last axis is no channels, looks the same.
        of_array = f", the last axis of its shape {image}" if channels > MOST_COLORS else ""
        raise KernelError(
            f"kernel sums over {count_text(taken, 'channel')}, the image has {channels}{of_array}"
            f"{hint}"
        )
