"""Which methods sum the windows: the one that costs least, or the one asked for, and its reserves.

A method may find that it cannot sum a strip well: NaN would spread, or float32 is not near enough.
The strip then goes to the next in line. The last, shift and accumulate in integers or float64,
sums everything.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import DOUBLE, MAX_EXACT_INT, SINGLE, ImageInfo, SumTypes
from convcli.core.methods.direct import DirectMethod
from convcli.core.methods.fft import FftMethod, integers_are_exact
from convcli.core.methods.im2col import Im2colMethod
from convcli.core.methods.taps import TapSchedule, direct_passes, fewest_passes, separable_passes
from convcli.core.methods.toeplitz import ToeplitzMethod, products
from convcli.core.strips import Workspace
from convcli.errors import KernelError
from convcli.geometry import Geometry

# Nanoseconds a sample, as tests/benchmarks/crossovers.py measures them, by the bytes of a number:
# a pass over a strip, and a multiplication of a banded product.
PASS_COST = {2: 0.05, 4: 0.10, 8: 0.21}
MULTIPLY_COST = {4: 0.035, 8: 0.078}
# The same: a transform of a tile there or back; a tap of a window copied, and multiplied for one
# filter.
TRANSFORM_COST = 7.0
WINDOW_COST, PRODUCT_COST = {4: 0.8, 8: 0.95}, {4: 0.024, 8: 0.055}


class SumMethod(Protocol):
    """One way to sum the windows of a strip; ``dtype`` is the strip's, None for the image's own."""

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """Type of the strips."""

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows some output rows see."""

    def sums(self, strip: NDArray[Any], rows: int, space: Workspace) -> NDArray[Any] | None:
        """Sum the windows, or return None for a strip that it cannot sum well."""

    def describe(self) -> str:
        """Name the method and its cost."""


class Problem(NamedTuple):
    """What is to be summed: a kernel, (kh, kw) or (N, C, kh, kw), laid over an image."""

    samples: ImageInfo
    types: SumTypes
    geometry: Geometry
    fill: float

    @property
    def summed(self) -> bool:
        """Whether the kernel sums over the channels."""
        return self.types.weights.ndim == 4

    @property
    def is_exact(self) -> bool:
        """Whether the sums are of integers."""
        return self.types.accumulator.kind == "i"

    def largest(self) -> float:
        """Return the magnitude that an integer image or its padding may hold."""
        return max(self.samples.largest(), abs(self.fill))


def choose_methods(task: Problem, method: str) -> list[SumMethod]:
    """Return the method to sum with, and after it those for strips that it cannot sum well.

    Raises:
        KernelError: the method asked for cannot sum this kernel.
    """
    kernels = list(task.types.weights) if task.summed else [task.types.weights]
    passes = [_passes_of(kernel, method) for kernel in kernels]
    choose = _for_banks if task.summed else _for_planes
    first = choose(task, passes, method)
    return [*first, *_plain(task, passes, again=bool(first))]


def _passes_of(kernel: NDArray[np.generic], method: str) -> TapSchedule:
    """Return the passes that sum one (kh, kw) or (C, kh, kw) kernel."""
    if method == "direct":
        return direct_passes(kernel)
    if method != "separable":
        return fewest_passes(kernel)
    passes = separable_passes(kernel) if kernel.ndim == 2 else None
    if passes is None:
        raise KernelError("is no column times a row, as the method separable needs; auto sums it")
    return passes


def _plain(task: Problem, passes: list[TapSchedule], *, again: bool) -> list[SumMethod]:
    """Return shift and accumulate; float64 comes after float32, in which it is not tried again."""
    own, bias = task.types.accumulator, task.types.bias
    kinds = [own] if task.is_exact or own == DOUBLE else [DOUBLE] if again else [own, DOUBLE]
    return [
        DirectMethod(passes, task.geometry, kind, summed=task.summed, bias=bias) for kind in kinds
    ]


def _for_planes(task: Problem, passes: list[TapSchedule], method: str) -> list[SumMethod]:
    """Return what goes before the passes for a (kh, kw) kernel."""
    if method == "matrix":
        raise KernelError("sums over no channels, as the method matrix does; auto sums it")
    if method == "auto":
        method = _cheapest(task, passes[0])
    if method == "toeplitz":
        kind = _exact_floats(task, "toeplitz")
        return [ToeplitzMethod(task.types, task.geometry, kind)]
    if method == "fft":
        if not _transforms_are_exact(task):
            raise KernelError("sums too large for the method fft to be exact; auto sums it exactly")
        return [FftMethod(task.types.weights, task.geometry, task.types.accumulator)]
    return []


def _for_banks(task: Problem, passes: list[TapSchedule], method: str) -> list[SumMethod]:
    """Return what goes before the passes for a (N, C, kh, kw) kernel."""
    if method in ("fft", "toeplitz"):
        raise KernelError(f"sums over channels, which the method {method} does not; auto sums it")
    if method not in ("auto", "matrix"):
        return []
    if method == "auto":
        found = _floats_for(task)
        if found is None or not _products_win(task, passes, found):
            return []
    kind = _exact_floats(task, "matrix")
    kinds = [kind, DOUBLE] if kind == SINGLE and not task.is_exact else [kind]
    return [Im2colMethod(task.types, task.geometry, each) for each in kinds]


def _cheapest(task: Problem, passes: TapSchedule) -> str:
    """Compare what the methods cost; those that integers would not come out of are left out."""
    size = task.types.accumulator.itemsize
    costs = {"direct": PASS_COST[size] * passes.cost}
    if (kind := _floats_for(task)) is not None:
        count, multiplications = products(task.geometry)
        costs["toeplitz"] = MULTIPLY_COST[kind.itemsize] * multiplications + PASS_COST[
            kind.itemsize
        ] * (count + 3)
    # Rounding relative to a tile's largest value is too much for what float64 is chosen for.
    if task.samples.dtype.itemsize < 8 and _transforms_are_exact(task):
        phases = task.geometry.stride[0] * task.geometry.stride[1]
        costs["fft"] = TRANSFORM_COST * (1 + phases)
    return min(costs, key=lambda name: costs[name])


def _products_win(task: Problem, passes: list[TapSchedule], kind: np.dtype[Any]) -> bool:
    """Compare the passes of a bank with one product for all its filters."""
    taps, size = task.types.weights[0].size, kind.itemsize
    direct = PASS_COST[task.types.accumulator.itemsize] * sum(each.cost for each in passes)
    product: float = taps * (WINDOW_COST[size] + PRODUCT_COST[size] * len(passes))
    return direct > product


def _floats_for(task: Problem) -> np.dtype[Any] | None:
    """Return the smallest type to multiply in that keeps integers exact, or None."""
    if not task.is_exact:
        return task.types.accumulator
    weights = np.abs(task.types.weights.astype(np.float64))
    l1_norm = weights.sum(axis=(-3, -2, -1) if task.summed else None).max() * task.largest()
    if l1_norm < MAX_EXACT_INT[SINGLE]:
        return SINGLE
    return DOUBLE if l1_norm < MAX_EXACT_INT[DOUBLE] else None


def _exact_floats(task: Problem, method: str) -> np.dtype[Any]:
    kind = _floats_for(task)
    if kind is None:
        raise KernelError(f"sums too large for the method {method} to be exact; auto is exact")
    return kind


def _transforms_are_exact(task: Problem) -> bool:
    return not task.is_exact or integers_are_exact(task.types.weights, task.largest())
