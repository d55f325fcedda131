"""Which method sums the windows: the one that costs least, or the one that is asked for."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from convcli.core.arithmetic import Numbers, image_bounds
from convcli.core.fourier import Spectra, integers_are_exact
from convcli.core.matrix import EXACT, Bank
from convcli.core.passes import Passes, direct_passes, fewest_passes, separable_passes
from convcli.errors import KernelError, UsageError
from convcli.geometry import Geometry

METHODS = ("auto", "direct", "separable", "fft", "matrix")
# Nanoseconds a sample, as tests/benchmarks/crossovers.py measures them: a pass over an
# accumulator of so many bytes, and a transform of a tile there or back.
PASS_COST = {2: 0.05, 4: 0.09, 8: 0.21}
TRANSFORM_COST = 7.5
# The same: a tap of a window copied, and multiplied for one filter.
WINDOW_COST, PRODUCT_COST = 1.0, 0.03


def choose_passes(kernel: NDArray[np.generic], method: str) -> Passes:
    """Return the passes that sum one (kh, kw) or (C, kh, kw) kernel.

    Raises:
        KernelError: the method separable is asked for, and the kernel is no column times a row.
        UsageError: there is no such method.
    """
    if method not in METHODS:
        raise UsageError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    return _passes_of(kernel.tobytes(), kernel.shape, kernel.dtype.str, method)


@lru_cache(maxsize=64)
def _passes_of(content: bytes, shape: tuple[int, ...], kind: str, method: str) -> Passes:
    """Find a kernel's passes once: for a small picture that takes longer than its sums."""
    kernel = np.frombuffer(content, kind).reshape(shape)
    if method == "direct":
        return direct_passes(kernel)
    if method != "separable":
        return fewest_passes(kernel)
    passes = separable_passes(kernel) if kernel.ndim == 2 else None
    if passes is None:
        raise KernelError("is no column times a row, as the method separable needs; auto sums it")
    return passes


def choose_spectra(
    image: NDArray[np.generic],
    numbers: Numbers,
    geometry: Geometry,
    fill: float,
    passes: Passes,
    method: str,
) -> Spectra | None:
    """Return the spectra of a (kh, kw) kernel where transforms are wanted or win, else None.

    Raises:
        KernelError: they are asked for, and integers would not come out exactly.
    """
    if method not in ("auto", "fft"):
        return None
    # Rounding relative to a tile's largest value is too much for what float64 is chosen for.
    if method == "auto" and (
        image.dtype.itemsize == 8 or not _transforms_win(passes, numbers, geometry)
    ):
        return None
    if numbers.accumulator.kind == "i" and not _comes_out_exactly(image, numbers, fill):
        if method == "auto":
            return None
        raise KernelError("sums too large for the method fft to be exact; auto sums it exactly")
    return Spectra(numbers.weights, geometry)


def choose_bank(
    image: NDArray[np.generic],
    numbers: Numbers,
    geometry: Geometry,
    fill: float,
    passes: list[Passes],
    method: str,
) -> Bank | None:
    """Return a (N, C, kh, kw) kernel as a bank where a matrix product is wanted or wins, else None.

    Raises:
        KernelError: it is asked for, and integers would not come out exactly.
    """
    if method not in ("auto", "matrix"):
        return None
    taps = numbers.weights[0].size
    direct = PASS_COST[numbers.accumulator.itemsize] * sum(each.cost for each in passes)
    if method == "auto" and direct < taps * (WINDOW_COST + PRODUCT_COST * len(passes)):
        return None
    if numbers.accumulator.kind == "i":
        low, high = image_bounds(image)
        reach = np.abs(numbers.weights.astype(np.float64)).sum(axis=(1, 2, 3)).max()
        if reach * max(-low, high, abs(fill)) >= EXACT:
            if method == "auto":
                return None
            raise KernelError("sums too large for the method matrix to be exact; auto is exact")
    return Bank(numbers.weights, geometry)


def _comes_out_exactly(image: NDArray[np.generic], numbers: Numbers, fill: float) -> bool:
    low, high = image_bounds(image)
    return integers_are_exact(numbers.weights, max(-low, high, abs(fill)))


def _transforms_win(passes: Passes, numbers: Numbers, geometry: Geometry) -> bool:
    """Compare the passes with one transform back and one there for each phase of the stride."""
    phases = geometry.stride[0] * geometry.stride[1]
    return PASS_COST[numbers.accumulator.itemsize] * passes.cost > TRANSFORM_COST * (1 + phases)
