"""Choose how to sum the windows: the cheapest method, or the one asked for, and its fallbacks.

Where sums in float32 are not accurate enough, :mod:`convcli.core.strip_sums` tries the next method.
The last, shift and accumulate in integers or float64, sums every strip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import (
    DOUBLE,
    MAX_EXACT_INT,
    SINGLE,
    ImageInfo,
    SumTypes,
    smallest_integer,
)
from convcli.core.factors import rank_one_factors
from convcli.core.methods import kn2row, small
from convcli.core.methods.base import SumMethod
from convcli.core.methods.direct import ROUNDINGS, DirectMethod, rows_per_strip
from convcli.core.methods.fft import FftMethod, integers_are_exact, tile_overlap
from convcli.core.methods.im2col import BLOCK, Im2colMethod
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
    rows_apart,
)
from convcli.core.methods.turned import Layout, TurnedMethod, possible_axes
from convcli.core.precision import Partials, Precision
from convcli.errors import KernelError
from convcli.geometry import Geometry, Pair

# Costs in nanoseconds a pixel, by the bytes of a number; tests/benchmarks/crossovers.py measures
# them. They depend on the geometry, and a new kernel seldom has a new one: so most are remembered.
PASS_COST = {1: 0.03, 2: 0.05, 4: 0.10, 8: 0.21}  # a pass over a strip
MULTIPLY_COST = {4: 0.035, 8: 0.078}  # a multiplication of a banded product
TURN_COST = 1.5  # to turn a value of a strip, or a sum
TRANSFORM_COST = 7.0  # an FFT of a tile, forward or inverse
WINDOW_COST = {4: 0.22, 8: 0.45}  # im2col: to copy the pixels of one tap
PRODUCT_COST = {4: 0.024, 8: 0.055}  # im2col: to multiply one tap for one filter
CHANNEL_COST = 0.5  # to put a channel's values next to each other
MAP_COST = 3.0  # to put the passes' sums for each filter next to each other
WINDOW_CALLS = 3  # im2col: to copy windows takes as long as so many products, whatever their size
MANY_TAPS, FEW_FILTERS = 1000, 8  # im2col: beyond, float64 is likely to follow float32
FEWEST_PIXELS = 8  # kn2row: in one product; fewer take too many calls
MOST_TAPS = 1 << 16  # weights of a bank that single passes are considered for: 500 bytes each
# Nanoseconds of numpy and Python for each of these steps, and of BLAS for each tile of a product,
# whatever their size; a pass of a bank ("tap") is written out anew for each strip.
CALLS = {"pass": 6e2, "tap": 2e3, "product": 3e3, "transform": 3e4, "turn": 3e4, "tile": 1e2}

# Nanoseconds of all sums by one product, up to which no method is chosen: to choose one takes 100
# to 200 us where the kernel is new. Where it is known, passes over integers and products of bands
# take less time beyond, two thirds at twice as much.
SMALL_COST, SMALL_EXACT_COST, SMALL_BANK_COST = 3e4, 9e3, 7e4
_FEW_PRODUCTS = 125_000  # of weights and pixels; a pixel counts as 8 products more
_NOT_SEPARABLE = "kernel is not separable (its rank is not 1); use method 'auto'"
_INEXACT = "sums are too large for method {!r} to be exact; use method 'auto'"


class Problem(NamedTuple):
    """What to sum: a kernel, (kh, kw) or (N, C, kh, kw), over an image of C channels."""

    image: ImageInfo
    types: SumTypes
    geometry: Geometry
    fill: float
    channels: int

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


Choice = tuple[Sequence[SumMethod], dict[str, float]]  # methods to try, and what was considered
Considered = tuple[SumMethod, dict[str, float]]
Cost = Callable[[Geometry], float]
Schedules = Callable[[], list[TapSchedule]]


class Candidate(NamedTuple):
    """A method that can sum a kernel: nanoseconds a value, estimated, and how to make it."""

    cost: float
    make: Callable[[], SumMethod]


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
    schedules = _Schedules(problem.types, method, problem.geometry.stride)
    if method == "auto" and (cost := _small_cost(problem)) is not None:
        choose = partial(_small_methods, problem, schedules, cost)
    elif problem.types.summed:
        return _bank_methods(problem, schedules, method)
    else:
        choose = partial(_plane_methods, problem, schedules, method)
    first, costs = next(choose())
    return _AsNeeded(first, choose), costs


class _AsNeeded(Sequence[SumMethod]):
    """Methods that are chosen when they are asked for.

    Few strips need another method than the first. To choose one takes as long as a small sum.

    Args:
        first: the first method.
        choose: yields all of them, each time anew, with what was considered.
    """

    def __init__(self, first: SumMethod, choose: Callable[[], Iterator[Considered]]) -> None:
        self._chosen, self._choose = [first], choose

    def __getitem__(self, place: Any) -> Any:
        if place >= len(self._chosen):
            # A list of its own: an interrupt or another thread leaves the one that is known.
            more = islice(self._choose(), len(self._chosen), place + 1)
            self._chosen = [*self._chosen, *(method for method, _ in more)]
        return self._chosen[place]

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Schedules:
    """The passes that sum each (C, kh, kw) filter of a bank, or one (kh, kw) kernel."""

    def __init__(self, types: SumTypes, method: str, stride: Pair) -> None:
        self.types, self.method, self.stride = types, method, stride

    def __call__(self) -> list[TapSchedule]:
        """Return the passes, which are planned once."""
        return self._planned

    @cached_property
    def _planned(self) -> list[TapSchedule]:
        weights = list(self.types.weights) if self.types.summed else [self.types.weights]
        if self.method == "direct":
            return [direct_schedule(kernel) for kernel in weights]
        if self.method == "separable" and not self.types.summed:
            # If it is not, two products may be near enough.
            kernel = self.types.weights
            return [separable_schedule(kernel, self.stride) or direct_schedule(kernel)]
        return [shortest_schedule(kernel, self.stride) for kernel in weights]


def _plane_methods(problem: Problem, schedules: Schedules, method: str) -> Iterator[Considered]:
    """Choose for a (kh, kw) kernel: in float32, then in float64 where that is too inaccurate.

    Yields:
        A method, and the costs of those that were considered.
    """
    if method == "matrix":
        raise KernelError(
            "method 'matrix' needs a kernel that sums over channels, (C, kh, kw) or "
            "(N, C, kh, kw); use method 'auto'"
        )
    accumulator = problem.types.accumulator
    last: SumMethod | None = None
    dtypes: tuple[np.dtype[Any], ...] = (accumulator,)
    if accumulator == SINGLE:
        dtypes = (DOUBLE,) if _has_few_products(problem) else (SINGLE, DOUBLE)
    for dtype in dtypes:
        candidates = _plane_candidates(problem, schedules, method, dtype)
        considered = {name: candidate.cost for name, candidate in candidates.items()}
        name = _cheapest(considered) if method == "auto" else method
        if name not in candidates:
            break
        chosen = candidates[name].make()
        if not chosen.is_possible:
            continue
        last = chosen
        yield last, considered
        if name == "fft":  # which sums in float64
            if accumulator == DOUBLE:
                last = candidates["toeplitz"].make()
                yield last, considered
            break
    if last is None:
        raise KernelError(_NOT_SEPARABLE if method == "separable" else _INEXACT.format(method))
    if not last.sums_all:
        yield _last_method(problem, schedules, method), {}


def _small_cost(problem: Problem) -> float | None:
    """Return what all sums take by one product, or None if it pays to choose a method.

    BLAS adds products that it has not rounded. Where equal weights of a plane cancel, as -0.1 and
    0.1 do, a flat image would give the rounding errors of the other products in place of 0.
    """
    types, geometry = problem.types, problem.geometry
    filters = len(types.weights) if types.summed else 1
    if types.weights.size > small.MOST_TAPS * filters:
        return None
    cost = small.cost(geometry, problem.channels, filters)
    most = SMALL_EXACT_COST if types.is_exact else SMALL_COST
    if cost > (SMALL_BANK_COST if types.summed else most) or problem.exact_float() is None:
        return None
    is_plane = not (types.is_exact or types.summed)
    return None if is_plane and _cancels(types.weights) else cost


def _cancels(weights: NDArray[Any]) -> bool:
    """Tell whether the weights of a plane add up to 0, and some of them have equal magnitudes."""
    if float(weights.sum()) != 0:
        return False
    taps = [abs(weight) for weight in weights.ravel().tolist() if weight]
    return len(set(taps)) < len(taps)


def _small_methods(problem: Problem, schedules: Schedules, cost: float) -> Iterator[Considered]:
    """Yield one product for a small image, and passes where its sums may overflow."""
    maps = len(problem.types.weights) if problem.types.summed else problem.channels
    values = math.prod(problem.geometry.output_shape) * maps
    method = small.SmallMethod(problem.types, problem.geometry)
    yield method, {method.name: cost / values}
    yield _last_method(problem, schedules, "auto"), {}


def _last_method(problem: Problem, schedules: Schedules, method: str) -> SumMethod:
    """Return passes that sum every strip."""
    accumulator = problem.types.accumulator
    whole = DOUBLE if accumulator.kind == "f" else accumulator
    if problem.types.summed:
        return DirectMethod(schedules, problem.types, problem.geometry, whole)
    return _direct_candidate(problem, schedules, method, whole).make()


def _has_few_products(problem: Problem) -> bool:
    """Tell whether sums in float64 cost less than to know how accurate float32 would be.

    A known 11x11 kernel takes a tenth less on 24x24 pixels, a new one a quarter, since the bound on
    its error takes 20 us or more.
    """
    rows, columns = problem.geometry.output_shape
    values = rows * columns * problem.channels
    return values * (problem.types.weights.size + 8) <= _FEW_PRODUCTS


def _plane_candidates(
    problem: Problem, schedules: Schedules, method: str, dtype: np.dtype[Any]
) -> dict[str, Candidate]:
    """Return the methods that can sum a (kh, kw) kernel, by name.

    Args:
        problem: the kernel and what is known of the image.
        schedules: return the passes of the direct method.
        method: the one asked for, or ``auto``.
        dtype: of the sums.
    """
    types, geometry = problem.types, problem.geometry
    [schedule] = schedules()
    wide = dtype == SINGLE and not _is_possible_in_float32(schedule.taps)
    passes = _direct_candidate(problem, schedules, method, DOUBLE if wide else dtype)
    candidates = {"direct" if schedule.column is None else "separable": passes}
    floats = problem.exact_float() if types.is_exact else dtype
    if floats is not None:  # products are those of floats
        cost, axis = _banded_choice(geometry, problem.channels, floats)
        candidates["toeplitz"] = Candidate(cost, partial(_banded_method, problem, axis, floats))
        cost = _products_cost(geometry, floats.itemsize)
        if schedule.column is None or cost < passes.cost:
            factors = _product_factors(problem, floats)
            if factors is not None:
                make = partial(SeparableMethod, factors, types, geometry, floats)
                candidates["separable"] = Candidate(cost, make)
    # Integers of 64 bits are seldom exact in floats.
    fine = problem.image.dtype.itemsize < 8 or problem.image.dtype.kind == "f" or method == "fft"
    if fine and problem.fft_is_exact():
        candidates["fft"] = Candidate(_fft_cost(geometry), partial(FftMethod, types, geometry))
    return candidates


def _is_possible_in_float32(taps: int) -> bool:
    """Tell whether single passes can be accurate enough at all."""
    return Precision(Partials.any_order(taps + ROUNDINGS, 0), 0).is_possible


def _direct_candidate(
    problem: Problem, schedules: Schedules, method: str, dtype: np.dtype[Any]
) -> Candidate:
    """Return shift and accumulate, over strips as they lie or turned, whichever is cheaper."""
    types, geometry = problem.types, problem.geometry
    [schedule] = schedules()
    cost, axis = _pass_cost(geometry, problem.channels, schedule.cost, dtype)
    if axis is None:
        narrow = _column_type(problem, schedule) if types.is_exact and schedule.cost else None
        return Candidate(cost, partial(DirectMethod, schedules, types, geometry, dtype, narrow))

    def make(types: SumTypes, geometry: Geometry) -> SumMethod:
        schedules = _Schedules(types, method, geometry.stride)
        return DirectMethod(schedules, types, geometry, dtype)

    return Candidate(cost, partial(TurnedMethod, axis, make, types, geometry, dtype))


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


def _bank_methods(problem: Problem, schedules: Schedules, method: str) -> Choice:
    """Choose for a (N, C, kh, kw) kernel."""
    if method == "separable":
        raise KernelError(_NOT_SEPARABLE)
    if method in ("fft", "toeplitz"):
        raise KernelError(f"method {method!r} cannot sum over channels; use method 'auto'")
    types, geometry = problem.types, problem.geometry
    taps, passes = count_bank(types.weights)
    positions = math.prod(geometry.output_shape)
    last = DirectMethod(schedules, types, geometry, types.accumulator if types.is_exact else DOUBLE)
    first = last
    # Passes over more taps are possible in float32, but seldom seem accurate enough.
    if types.accumulator == SINGLE and taps <= BLOCK:
        first = DirectMethod(schedules, types, geometry, SINGLE)
    dtype, costs = problem.exact_float(), dict[str, float]()
    if dtype is None or types.weights.size <= MOST_TAPS:
        filters, channels = types.weights.shape[:2]
        strips = -(-geometry.output_shape[0] // rows_per_strip(geometry, channels, first.dtype))
        each = PASS_COST[first.dtype.itemsize] + CALLS["tap"] * strips / positions
        others = _channels_cost(geometry, channels) + MAP_COST * filters
        costs["direct"] = passes * each + others if passes else 0
    products: list[SumMethod] = []
    if dtype is not None:
        products, costs["matrix"] = _bank_products(problem, dtype)
    if (_cheapest(costs) if method == "auto" else method) != "matrix":
        return [first] if first is last else [first, last], costs
    if not products:
        raise KernelError(_INEXACT.format(method))
    return [*products, last], costs


def _bank_products(problem: Problem, dtype: np.dtype[Any]) -> tuple[list[SumMethod], float]:
    """Return the methods that sum a bank by matrix products, and what they cost."""
    types, geometry = problem.types, problem.geometry
    filters, channels = types.weights.shape[:2]
    positions, size = math.prod(geometry.output_shape), types.weights[0].size
    dtypes = [dtype, DOUBLE] if dtype == SINGLE and not types.is_exact else [dtype]
    # Few sums are seldom so large that thousands of taps are accurate in float32.
    tried = dtypes if size > MANY_TAPS and filters < FEW_FILTERS else dtypes[:1]
    cost = _channels_cost(geometry, channels)
    cost += CALLS["product"] * (WINDOW_CALLS + size / BLOCK) / positions
    for each in tried:
        cost += size * (WINDOW_COST[each.itemsize] + PRODUCT_COST[each.itemsize] * filters)
    methods: list[SumMethod] = [Im2colMethod(types, geometry, each) for each in dtypes]
    taps = filters * math.prod(geometry.kernel)
    if kn2row.pixels_of_a_product(taps, channels) >= FEWEST_PIXELS:
        shifted = _shifted_cost(geometry, filters, channels, dtypes[-1])
        if shifted < cost:
            return [kn2row.Kn2rowMethod(types, geometry, dtypes[-1])], shifted
    return methods, cost


def _channels_cost(geometry: Geometry, channels: int) -> float:
    """Return the cost of setting the channels apart, also of pixels that a stride skips."""
    pixels = math.prod(geometry.padded_shape) / math.prod(geometry.output_shape)
    return CHANNEL_COST * channels * pixels


def _shifted_cost(geometry: Geometry, filters: int, channels: int, dtype: np.dtype[Any]) -> float:
    """Return the cost of products of the channels, which are then shifted and added."""
    taps, rows = filters * math.prod(geometry.kernel), kn2row.strip_rows(geometry, channels)
    pixels = geometry.rows_needed(rows) * geometry.padded_shape[1]
    # A product is stored and added.
    tap = channels * PRODUCT_COST[dtype.itemsize] + 2 * PASS_COST[dtype.itemsize]
    tap += 2 * CALLS["pass"] / min(kn2row.pixels_at_a_time(taps, dtype), pixels)
    sums = PASS_COST[dtype.itemsize] * channels + taps * tap
    return sums * pixels / (rows * geometry.output_shape[1]) + TURN_COST * filters


def _product_factors(problem: Problem, dtype: np.dtype[Any]) -> Factors | None:
    """Return a column and a row for two products, if these can sum the kernel."""
    types, geometry = problem.types, problem.geometry
    if types.is_exact or geometry.stride != (1, 1) or 1 in geometry.kernel:
        return None
    if largest_product(geometry) > SINGLE_THREAD_GEMM:
        return None
    return rank_one_factors(types.weights, TOLERANCES[dtype.itemsize])


@lru_cache(maxsize=32)
def _fft_cost(geometry: Geometry) -> float:
    """Return the nanoseconds a value of the transforms of tiles."""
    transforms = 1 + geometry.stride[0] * geometry.stride[1]
    calls = CALLS["transform"] / math.prod(geometry.output_shape)
    return transforms * (TRANSFORM_COST * tile_overlap(geometry) + calls)


@lru_cache(maxsize=32)
def _products_cost(geometry: Geometry, size: int) -> float:
    """Return the nanoseconds a value of both products of a separable kernel."""
    calls = 2 * CALLS["product"] / math.prod(geometry.output_shape)
    return MULTIPLY_COST[size] * count_multiplications(geometry) + 4 * PASS_COST[size] + calls


@lru_cache(maxsize=32)
def _pass_cost(
    geometry: Geometry, channels: int, passes: int, dtype: np.dtype[Any]
) -> tuple[float, int | None]:
    """Return the cost of passes over strips, as they lie or turned along an axis."""

    def cost(lying: Geometry) -> float:
        pitch = -(-lying.padded_shape[1] // lying.stride[1])
        height, width = lying.output_shape
        calls = CALLS["pass"] / (height * channels)
        return passes * (PASS_COST[dtype.itemsize] * pitch + calls) / width

    return _cheapest_layout(geometry, dtype, cost)


@lru_cache(maxsize=32)
def _banded_choice(
    geometry: Geometry, channels: int, dtype: np.dtype[Any]
) -> tuple[float, int | None]:
    """Return the cost of banded products, with strips as they lie or turned along an axis."""
    return _cheapest_layout(geometry, dtype, partial(_banded_cost, dtype.itemsize, channels))


def _banded_cost(size: int, channels: int, geometry: Geometry) -> float:
    """Return the cost of banded products of numbers of ``size`` bytes, side by side by channels."""
    products, multiplications = count_products(geometry)
    height, width = geometry.output_shape
    group = band_rows(geometry) * rows_apart(geometry)
    groups = -(-height // group)
    tiles = groups * rows_apart(geometry) * -(-width * channels // TILE_COLUMNS)
    calls = products * (CALLS["product"] + tiles * CALLS["tile"]) / (height * width * channels)
    cost = MULTIPLY_COST[size] * multiplications + PASS_COST[size] * (products + 3)
    return cost * groups * group / height + calls


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
