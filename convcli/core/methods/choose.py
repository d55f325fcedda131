"""Choose how to sum the windows: the cheapest method, or the one asked for, and its fallbacks.

A method may refuse a strip, because float32 is too inaccurate, or because the strip holds NaN or
infinities, which :mod:`convcli.core.nonfinite` then takes out. What is refused goes to the next
method. The last, shift and accumulate in integers or float64, sums every strip.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from convcli.core.dtypes import (
    DOUBLE,
    MAX_EXACT_INT,
    SINGLE,
    ImageInfo,
    SumTypes,
    smallest_integer,
)
from convcli.core.factors import rank_one_factors
from convcli.core.methods.base import SumMethod
from convcli.core.methods.direct import ROUNDINGS, DirectMethod, rows_per_strip
from convcli.core.methods.fft import FftMethod, integers_are_exact, tile_overlap
from convcli.core.methods.im2col import Im2colMethod
from convcli.core.methods.separable import (
    TOLERANCES,
    Factors,
    SeparableMethod,
    count_multiplications,
    largest_product,
)
from convcli.core.methods.taps import (
    TapSchedule,
    count_bank,
    direct_schedule,
    separable_schedule,
    shortest_schedule,
)
from convcli.core.methods.toeplitz import (
    SINGLE_THREAD_GEMM,
    TILE_COLUMNS,
    ToeplitzMethod,
    band_rows,
    count_products,
)
from convcli.core.methods.turned import Layout, TurnedMethod, possible_axes
from convcli.core.precision import Partials, Precision
from convcli.errors import KernelError
from convcli.geometry import Geometry, Pair

# Costs in nanoseconds a pixel, by the bytes of a number; tests/benchmarks/crossovers.py measures
# them.
PASS_COST = {2: 0.05, 4: 0.10, 8: 0.21}  # a pass over a strip
MULTIPLY_COST = {4: 0.035, 8: 0.078}  # a multiplication of a banded product
TURN_COST = 1.5  # to turn a value of a strip, or a sum
TRANSFORM_COST = 7.0  # an FFT of a tile, forward or inverse
WINDOW_COST = {4: 0.8, 8: 0.95}  # im2col: to copy the pixels of one tap
PRODUCT_COST = {4: 0.024, 8: 0.055}  # im2col: to multiply one tap for one filter
# And in nanoseconds a call, whatever its size: those of numpy and Python for one of these steps,
# and of BLAS for each tile of a product.
CALLS = {"pass": 6e2, "product": 3e3, "transform": 3e4, "turn": 3e4, "tile": 1e2}

_NOT_SEPARABLE = "kernel is not separable (its rank is not 1); use method 'auto'"
_INEXACT = "sums are too large for method {!r} to be exact; use method 'auto'"


class Problem(NamedTuple):
    """What to sum: a kernel, (kh, kw) or (N, C, kh, kw), over an image."""

    image: ImageInfo
    types: SumTypes
    geometry: Geometry
    fill: float

    def largest(self) -> float:
        """Return the largest magnitude in an integer image or its padding."""
        low, high = self.image.bounds or (0, 0)
        return max(-low, high, abs(self.fill))

    def exact_float(self) -> np.dtype[Any] | None:
        """Return the smallest floating-point type that keeps the sums exact, or None.

        For floating-point sums that is their own type.
        """
        if not self.types.is_exact:
            return self.types.accumulator
        if max(map(abs, self.types.bounds)) >= MAX_EXACT_INT[DOUBLE]:
            return None
        weights = np.abs(self.types.weights.astype(np.float64))
        norms = weights.sum(axis=(-3, -2, -1) if self.types.summed else None)
        largest = norms.max() * self.largest()
        if largest < MAX_EXACT_INT[SINGLE]:
            return SINGLE
        return DOUBLE if largest < MAX_EXACT_INT[DOUBLE] else None

    def fft_is_exact(self) -> bool:
        """Tell whether the FFT keeps integer sums exact; floating-point sums need not be exact."""
        if not self.types.is_exact:
            return True
        return self.exact_float() is not None and integers_are_exact(
            self.types.weights, self.geometry, self.largest()
        )


Choice = tuple[list[SumMethod], dict[str, float]]  # methods to try, and what was considered
Cost = Callable[[Geometry], float]


def choose_methods(problem: Problem, method: str) -> Choice:
    """Return the method to sum with, followed by its fallbacks, and the costs that decided.

    Args:
        problem: the kernel and what is known of the image.
        method: one of :data:`convcli.choices.METHODS`.

    Returns:
        The methods; and nanoseconds a value, estimated, of each method that can sum this kernel.

    Raises:
        KernelError: the requested method cannot sum this kernel.
    """
    types = problem.types
    schedules = cache(partial(_schedules, types, method, problem.geometry.stride))
    if types.summed:
        taps, passes = count_bank(types.weights)
    else:
        [schedule] = schedules()
        taps, passes = schedule.taps, schedule.cost
    # Shift and accumulate comes last; after another method it does not try float32 again.
    last = types.accumulator if types.is_exact else DOUBLE
    direct = first = _direct_method(problem, schedules, passes, method, last)
    partials = Partials.any_order(taps + ROUNDINGS, 0)
    if types.accumulator == SINGLE and Precision(partials, 0).is_possible:
        first = _direct_method(problem, schedules, passes, method, SINGLE)
    sums = last if first is direct else SINGLE
    if types.summed:
        methods, costs = _bank_methods(problem, passes, method, sums)
    else:
        methods, costs = _plane_methods(problem, schedule, method, sums)
        if method == "separable" and schedule.column is None and not methods:
            raise KernelError(_NOT_SEPARABLE)
    if not methods and first is not direct:
        methods = [first]
    return [*methods, direct], costs


def _schedules(types: SumTypes, method: str, stride: Pair) -> list[TapSchedule]:
    """Return the passes that sum each (C, kh, kw) filter of a bank, or one (kh, kw) kernel."""
    weights = list(types.weights) if types.summed else [types.weights]
    if method == "direct":
        return [direct_schedule(kernel) for kernel in weights]
    if method == "separable" and not types.summed:  # if it is not, two products may be near enough
        return [separable_schedule(types.weights, stride) or direct_schedule(types.weights)]
    return [shortest_schedule(kernel, stride) for kernel in weights]


def _direct_method(
    problem: Problem,
    schedules: Callable[[], list[TapSchedule]],
    passes: int,
    method: str,
    dtype: np.dtype[Any],
) -> SumMethod:
    """Return shift and accumulate, over strips as they lie or turned, whichever is cheaper."""
    types, geometry = problem.types, problem.geometry
    axis = None if types.summed else _pass_cost(geometry, passes, dtype)[1]
    if axis is None:
        narrow = _column_type(problem, schedules()[0]) if types.is_exact and passes else None
        return DirectMethod(schedules, types, geometry, dtype, narrow)

    def make(types: SumTypes, geometry: Geometry) -> SumMethod:
        schedules = cache(partial(_schedules, types, method, geometry.stride))
        return DirectMethod(schedules, types, geometry, dtype)

    return TurnedMethod(axis, make, types, geometry, dtype)


def _column_type(problem: Problem, schedule: TapSchedule) -> np.dtype[Any] | None:
    """Return a narrower type for the sums of a column, if the kernel is only that times a row."""
    if schedule.column is None or schedule.rest.any():
        return None
    largest = int(np.abs(schedule.column).sum()) * int(problem.largest())
    kind = smallest_integer((-largest, largest))
    return kind if kind.itemsize < problem.types.accumulator.itemsize else None


def _banded_method(problem: Problem, axis: int | None, dtype: np.dtype[Any]) -> SumMethod:
    """Return banded products over strips as they lie, or turned along an axis."""
    if axis is None:
        return ToeplitzMethod(problem.types, problem.geometry, dtype)
    make = partial(ToeplitzMethod, dtype=dtype)
    return TurnedMethod(axis, make, problem.types, problem.geometry, dtype)


def _plane_methods(
    problem: Problem, schedule: TapSchedule, method: str, direct: np.dtype[Any]
) -> Choice:
    """Return the methods to try before shift and accumulate for a (kh, kw) kernel.

    ``direct`` is the type that shift and accumulate sums in where no other method comes first.
    """
    if method == "matrix":
        raise KernelError(
            "method 'matrix' needs a kernel that sums over channels, (C, kh, kw) or "
            "(N, C, kh, kw); use method 'auto'"
        )
    exact, types = problem.exact_float(), problem.types
    costs: dict[str, float] = {}
    tried: list[SumMethod] = []
    # What float32 cannot sum accurately is summed by the cheapest method in float64.
    for dtype in (exact, DOUBLE) if types.accumulator == SINGLE else (exact,):
        sums = DOUBLE if tried else direct
        factors = _product_factors(problem, schedule, dtype, sums)
        considered, axis = _plane_costs(problem, schedule, factors, dtype, sums, asked=method)
        costs = costs if tried else considered  # those that decided on the first method
        chosen = _cheapest(considered) if method == "auto" else method
        if chosen == "fft" and problem.fft_is_exact():
            tried.append(FftMethod(types, problem.geometry))
            if types.accumulator == DOUBLE:
                tried.append(_banded_method(problem, axis, DOUBLE))
            break
        product: SumMethod | None = None
        if chosen == "toeplitz" and dtype is not None:
            product = _banded_method(problem, axis, dtype)
        elif chosen == "separable" and dtype is not None and factors is not None:
            product = SeparableMethod(factors, types, problem.geometry, dtype)
        elif chosen in ("fft", "toeplitz"):
            raise KernelError(_INEXACT.format(chosen))
        elif not tried:
            break
        if product and product.is_possible:
            tried.append(product)
    return tried, costs


def _bank_methods(problem: Problem, passes: int, method: str, direct: np.dtype[Any]) -> Choice:
    """Return the methods to try before shift and accumulate for a (N, C, kh, kw) kernel."""
    if method == "separable":
        raise KernelError(_NOT_SEPARABLE)
    if method in ("fft", "toeplitz"):
        raise KernelError(f"method {method!r} cannot sum over channels; use method 'auto'")
    costs = {"direct": PASS_COST[direct.itemsize] * passes}
    dtype, taps = problem.exact_float(), problem.types.weights[0].size
    if dtype is not None:
        size, filters = dtype.itemsize, len(problem.types.weights)
        costs["matrix"] = taps * (WINDOW_COST[size] + PRODUCT_COST[size] * filters)
    if (_cheapest(costs) if method == "auto" else method) != "matrix":
        return [], costs
    if dtype is None:
        raise KernelError(_INEXACT.format(method))
    dtypes = [dtype, DOUBLE] if dtype == SINGLE and not problem.types.is_exact else [dtype]
    return [Im2colMethod(problem.types, problem.geometry, dtype) for dtype in dtypes], costs


def _product_factors(
    problem: Problem, schedule: TapSchedule, dtype: np.dtype[Any] | None, direct: np.dtype[Any]
) -> Factors | None:
    """Return a column and a row for two products, unless passes of the schedule cost less."""
    types, geometry = problem.types, problem.geometry
    if types.is_exact or dtype is None or geometry.stride != (1, 1) or 1 in geometry.kernel:
        return None
    if largest_product(geometry) > SINGLE_THREAD_GEMM:
        return None
    if schedule.column is not None:
        passes, _ = _pass_cost(geometry, schedule.cost, direct)
        if passes <= _products_cost(geometry, dtype.itemsize):
            return None
    return rank_one_factors(types.weights, TOLERANCES[dtype.itemsize])


def _products_cost(geometry: Geometry, size: int) -> float:
    """Return the nanoseconds a value of both products of a separable kernel."""
    calls = 2 * CALLS["product"] / math.prod(geometry.output_shape)
    return MULTIPLY_COST[size] * count_multiplications(geometry) + 4 * PASS_COST[size] + calls


def _plane_costs(
    problem: Problem,
    schedule: TapSchedule,
    factors: Factors | None,
    dtype: np.dtype[Any] | None,
    direct: np.dtype[Any],
    asked: str,
) -> tuple[dict[str, float], int | None]:
    """Return the nanoseconds a value of each method that can sum a (kh, kw) kernel.

    The second result is the axis that strips of banded matrices are turned along, or None.

    Args:
        problem: the kernel and what is known of the image.
        schedule: the passes of the direct method.
        factors: a column and a row for two products, or None.
        dtype: the floating-point type of the sums, None if no such type is exact.
        direct: the type that the direct method sums in.
        asked: the method that is asked for, or ``auto``.
    """
    name = "direct" if schedule.column is None else "separable"
    costs, axis = {name: _pass_cost(problem.geometry, schedule.cost, direct)[0]}, None
    if dtype is not None:
        costs["toeplitz"], axis = _cheapest_layout(
            problem.geometry, dtype, partial(_banded_cost, dtype.itemsize)
        )
    if dtype is not None and factors is not None:
        costs["separable"] = _products_cost(problem.geometry, dtype.itemsize)
    # Integers of 64 bits are seldom exact in floats.
    fine = problem.image.dtype.itemsize < 8 or problem.image.dtype.kind == "f" or asked == "fft"
    if fine and problem.fft_is_exact():
        transforms = 1 + problem.geometry.stride[0] * problem.geometry.stride[1]
        calls = CALLS["transform"] / math.prod(problem.geometry.output_shape)
        costs["fft"] = transforms * (TRANSFORM_COST * tile_overlap(problem.geometry) + calls)
    return costs, axis


def _pass_cost(geometry: Geometry, passes: int, dtype: np.dtype[Any]) -> tuple[float, int | None]:
    """Return the cost of passes over strips, as they lie or turned along an axis."""

    def cost(lying: Geometry) -> float:
        pitch = -(-lying.padded_shape[1] // lying.stride[1])
        height, width = lying.output_shape
        return passes * (PASS_COST[dtype.itemsize] * pitch + CALLS["pass"] / height) / width

    return _cheapest_layout(geometry, dtype, cost)


def _banded_cost(size: int, geometry: Geometry) -> float:
    """Return the cost of banded products of numbers of ``size`` bytes."""
    products, multiplications = count_products(geometry)
    height, width = geometry.output_shape
    tiles = -(-height // band_rows(geometry)) * -(-width // TILE_COLUMNS)
    calls = products * (CALLS["product"] + tiles * CALLS["tile"]) / (height * width)
    return MULTIPLY_COST[size] * multiplications + PASS_COST[size] * (products + 3) + calls


def _cheapest_layout(
    geometry: Geometry, dtype: np.dtype[Any], cost: Cost
) -> tuple[float, int | None]:
    """Return the lowest cost of a method, and the axis that its strips are turned along, if any."""
    layouts: list[tuple[float, int | None]] = [(cost(geometry), None)]
    rows = min(rows_per_strip(geometry, 1, dtype), geometry.output_shape[0])
    for axis in possible_axes(geometry):
        lying = Layout.of(geometry, axis, rows, 1).geometry
        read, sums = math.prod(lying.padded_shape), rows * geometry.output_shape[1]
        turning = (TURN_COST * (read + sums) + CALLS["turn"]) / sums
        layouts.append((cost(lying) + turning, axis))
    return min(layouts, key=lambda layout: layout[0])


def _cheapest(costs: dict[str, float]) -> str:
    return min(costs, key=lambda name: costs[name])
