"""The primitive: filter an image with a kernel, strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from convcli.core.combine import COMBINERS, combined_type
from convcli.core.division import divide_exactly, fits, floats_round_right
from convcli.core.dtypes import (
    DOUBLE,
    SINGLE,
    ImageInfo,
    SumTypes,
    as_numbers,
    have_finite_squares,
    saturate,
    with_channels,
    with_gaps,
)
from convcli.core.methods.base import Workspace
from convcli.core.padding import OverwrittenImage, PaddedImage
from convcli.core.plan import Plan, make_plan
from convcli.core.strip_sums import Strip, borrow_strip, give_back_strips
from convcli.core.threads import MIN_THREADED_SIZE, for_each, thread_count
from convcli.errors import UsageError, short_repr
from convcli.geometry import ConvOptions, size_text

# Nanoseconds of sums, estimated, below which threads wait for each other at each call of numpy for
# longer than they save: outline with stride 2 or 3 on 1000x800x3 takes half of the time on one.
MIN_THREADED_TIME = 5e5
MOST_SHARED = 0.25  # of a strip's rows, that it shares with the next if it is overwritten
Sink = Callable[[slice, list[NDArray[Any]]], None]


def feature_map(
    image: ArrayLike,
    kernel: ArrayLike,
    options: ConvOptions,
    divisor: float = 1,
    bias: float | Sequence[float] = 0,
    dtype: DTypeLike | None = None,
    method: str = "auto",
    threads: int | None = None,
    info: ImageInfo | None = None,
) -> NDArray[Any]:
    """Filter an image; :func:`convcli.cross_correlate` explains arguments, result and errors.

    ``bias`` may be a sequence, one number for each filter of a bank (N, C, kh, kw). ``info`` is
    what is known of the pixels, which decides on the result's type; None to look at them.
    """
    requested, floats = checked_dtype(dtype)
    pixels = as_numbers(image, "image")
    rounded = requested is not None and requested.kind in "ui"
    narrowest = None if rounded else floats
    plan = make_plan(pixels, kernel, options, divisor, bias, method, narrowest, info)
    out = empty_map(plan.shape, requested or plan.types.result)
    types = plan.types
    # Quotients of integers are rounded once, to integers.
    divided = types.is_exact and types.block.kind == "f" and out.dtype.kind in "ui"
    exact = divided and (
        fits(types) or not floats_round_right(types.bounds, types.divisor, types.bias)
    )
    if exact:
        plan = plan.undivided

    # Only floats of the result's type are put there; others leave strips where they are.
    place = out if out.dtype == plan.types.block and not types.is_exact else None

    def store(rows: slice, blocks: list[NDArray[Any]]) -> None:
        if exact:
            divide_exactly(blocks[0], types, out[rows])
        elif place is None or not np.may_share_memory(blocks[0], out):
            saturate(blocks[0], out[rows], overwrite=True)

    # One strip for each thread in place of two: a 3x3 kernel on 2.4 MB takes 4 to 28 % less on two
    # threads, since each call of numpy hands over the interpreter, which comes back late. Results
    # as wide as the sums take as long either way.
    long = types.is_exact and out.itemsize < types.accumulator.itemsize == 2
    run([plan], pixels, store, threads, place, long_strips=long)
    return out


class KernelNumbers(NamedTuple):
    """What a kernel computes with: weights, a divisor, and a bias in the image's units."""

    matrix: NDArray[Any]
    divisor: float = 1
    bias: float | Sequence[float] = 0


def combined_map(
    image: NDArray[Any],
    kernels: Sequence[KernelNumbers],
    combine: str,
    options: ConvOptions,
    dtype: DTypeLike | None = None,
    method: str = "auto",
    threads: int | None = None,
    info: ImageInfo | None = None,
) -> NDArray[Any]:
    """Filter an image with several kernels and combine their maps into one.

    Args:
        image: (H, W) or (H, W, C).
        kernels: two or more.
        combine: one of :data:`convcli.choices.VALUE_COMBINATIONS`.
        options, dtype, method, threads, info: as for :func:`feature_map`.

    Raises:
        UsageError: the maps differ in shape.
        ConvcliError: as :func:`feature_map`.
    """
    requested, floats = checked_dtype(dtype)
    plans = [
        make_plan(image, weights, options, divisor, bias, method, floats, info)
        for weights, divisor, bias in kernels
    ]
    check_equal_shapes(plan.shape for plan in plans)
    kind = combined_type([plan.types for plan in plans], combine)
    out = empty_map(plans[0].shape, requested or kind)

    def store(rows: slice, blocks: list[NDArray[Any]]) -> None:
        saturate(COMBINERS[combine](blocks), out[rows], overwrite=True)

    run(plans, image, store, threads)
    return out


def check_equal_shapes(shapes: Iterable[tuple[int, ...]]) -> None:
    """Raise UsageError unless the maps of several kernels, (H, W) or (H, W, C), have one shape."""
    different = set(shapes)
    sizes = sorted({shape[:2] for shape in different})
    if len(sizes) > 1:
        texts = " and ".join(map(size_text, sizes))
        raise UsageError(
            f"the kernels' maps differ in size: {texts}; padding same makes them equal"
        )
    if len(different) > 1:
        raise UsageError(
            "a map of one channel and one of several cannot be combined; give only kernels that "
            "sum over the channels, or none"
        )


def empty_map(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a new array, or raise UsageError if it exceeds every address."""
    try:
        return np.empty(shape, dtype)
    except ValueError as error:
        size = " x ".join(f"{side:,}" for side in shape)
        raise UsageError(f"a feature map of {size} values exceeds any memory") from error


def fits_in_place(plans: Sequence[Plan], image: NDArray[Any]) -> bool:
    """Return whether the sink of :func:`run` may overwrite the image's rows with those it gets.

    That takes a feature map of the image's shape, and strips that share few rows.
    """
    step = min(plan.strip_rows for plan in plans)
    return all(
        plan.shape == image.shape
        and plan.geometry.stride == (1, 1)
        and plan.windows == plan.geometry
        and (plan.geometry.extent[0] - 1 <= MOST_SHARED * step or len(image) <= step)
        for plan in plans
    )


def run(
    plans: Sequence[Plan],
    image: NDArray[Any],
    sink: Sink,
    threads: int | None = None,
    out: NDArray[Any] | None = None,
    *,
    in_place: bool = False,
    long_strips: bool = False,
) -> None:
    """Filter an image strip by strip and pass on each finished strip.

    Args:
        plans: one for each kernel; their feature maps have the same rows and columns.
        image: the (H, W) or (H, W, C) image that was planned for.
        sink: called with a slice of output rows and, for each plan, their finished values,
            (rows, W', ...) of type ``plan.types.block``, which it may overwrite. Several threads
            call it at the same time, in any order.
        threads: at most this many; None as :func:`convcli.core.threads.thread_count` says.
        out: the feature map of the only plan, where finished values may be put instead of into
            memory of their own.
        in_place: the sink overwrites these rows of the image, and no others; only if
            :func:`fits_in_place`.
        long_strips: where each thread has two strips, they are computed as one.
    """
    planes = with_channels(image)
    height = plans[0].geometry.output_shape[0]
    workers = 1 if threads is None else thread_count(threads)
    if plans[-1].small_method is not None and _run_small(plans, planes, sink):
        return
    step = min(plan.strip_rows for plan in plans)
    if step < height:
        filters = max(len(plan.types.weights) if plan.types.summed else 1 for plan in plans)
        workers = thread_count(threads) if planes.size * filters >= MIN_THREADED_SIZE else 1
        if sum(plan.nanoseconds for plan in plans) < MIN_THREADED_TIME:
            workers = 1
        if long_strips and -(-height // step) == 2 * workers > 2:
            step *= 2
    padded = [PaddedImage(planes, plan.padded_rows) for plan in plans]
    if in_place:
        reaches = [max(method.rows_needed(step) for method in plan.methods) for plan in plans]
        padded = [
            OverwrittenImage(planes, plan.padded_rows, step, reach)
            for plan, reach in zip(plans, reaches, strict=True)
        ]

    def work(first: int) -> None:
        rows = slice(first, min(first + step, height))
        result = None if out is None else out[rows]
        strips = [borrow_strip(plan, rows.stop - first, result) for plan in plans]
        blocks = [_finished(strip, view, first) for strip, view in zip(strips, padded, strict=True)]
        sink(rows, blocks)
        give_back_strips(strips)

    for_each(work, range(0, height, step), min(workers, -(-height // step)))


def _run_small(plans: Sequence[Plan], planes: NDArray[Any], sink: Sink) -> bool:
    """Filter a small image as one strip, in new memory.

    To set up a strip takes 20 us more for a kernel that is new, and 2 us for a known one.

    Returns:
        False where a plan needs strips: the image is not small, sums may overflow, or weights were
        added up and some values may not be finite.
    """
    blocks = []
    with np.errstate(all="ignore"):
        for plan in plans:
            windows, method = plan.windows, plan.small_method
            if method is None:
                return False
            height, (_, width) = windows.output_shape[0], windows.padded_shape
            strip = np.empty((windows.rows_needed(height), width, planes.shape[2]))
            plan.padded_rows.copy(planes, 0, strip)
            # Only strips know which of the weights that were added up were below 0: NaN times their
            # sum, which may be 0, is no answer.
            if plan.signs is not None and not have_finite_squares(strip):
                return False
            sums = method.sums(strip, height)
            if sums is None:
                return False
            blocks.append(_finish(plan.types, sums).reshape(plan.shape))
        sink(slice(0, len(blocks[0])), blocks)
    return True


def rows_of(plan: Plan, padded: PaddedImage, rows: slice) -> NDArray[Any]:
    """Return the finished values of some rows of a feature map, in memory of their own."""
    strip = borrow_strip(plan, rows.stop - rows.start, is_whole=False)
    values = _finished(strip, padded, rows.start).copy()
    give_back_strips([strip])
    return values


def _finished(strip: Strip, padded: PaddedImage, first: int) -> NDArray[Any]:
    """Return the finished values of the output rows from ``first`` on, in the strip's memory."""
    plan = strip.plan
    sums = strip.sum(padded, first * plan.windows.stride[0])
    values = _finish(plan.types, sums, strip.workspace)
    return values.reshape((len(values), *plan.shape[1:]))


def _finish(
    types: SumTypes, sums: NDArray[Any], workspace: Workspace | None = None
) -> NDArray[Any]:
    """Divide the sums and add the bias.

    A bias may cancel most of a sum, so it is added before the sums are rounded to float32.
    """
    values = sums
    bias: Any = types.bias
    biased = any(bias) if isinstance(bias, tuple) else bool(bias)
    if biased and types.block.kind != "f":  # modulo 2**64, as the sums
        bias = np.asarray(np.array(bias, object) % 2**64, np.uint64).astype(types.block)
    elif isinstance(bias, tuple):
        bias = np.array(bias)
    if biased and sums.dtype == DOUBLE and types.block == SINGLE:
        sums += bias
        biased = False
    if types.block != sums.dtype:
        if workspace is None:
            values = sums.astype(types.block)
        else:
            values = workspace.take("values", sums.shape, types.block)
            values[...] = sums
    if types.divisor != 1:
        np.true_divide(values, float(types.divisor), out=values)
    if biased:
        # Without gaps between rows, bytes with a bias take an eighth less.
        whole = values if isinstance(bias, np.ndarray) and bias.ndim else with_gaps(values)
        whole += bias
    return values


def checked_dtype(
    dtype: DTypeLike | None,
) -> tuple[np.dtype[np.generic] | None, np.dtype[Any]]:
    """Return the requested type, or None, and the narrowest floating-point type to sum in.

    Raises:
        UsageError: the type is not one of real numbers.
    """
    if dtype is None:
        return None, SINGLE
    try:
        requested = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError, DeprecationWarning) as error:
        raise UsageError(f"dtype must be a type of numbers, not {short_repr(dtype)}") from error
    if requested.kind not in "uif":
        raise UsageError(f"dtype must be an integer or floating-point type, not {requested}")
    wide = requested.kind == "f" and requested.itemsize >= DOUBLE.itemsize
    return requested, DOUBLE if wide else SINGLE
