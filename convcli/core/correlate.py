"""The primitive: cross-correlation of an image with a kernel, strip by strip.

``convolve`` is the same with the kernel flipped; the flip is in :func:`as_applied`, nowhere else.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from convcli.core.dtypes import DOUBLE, SINGLE, SumTypes, saturate
from convcli.core.methods.choose import SumMethod
from convcli.core.methods.direct import WORTH_THREADS
from convcli.core.options import ConvOptions
from convcli.core.plan import Plan, asked_dtype, make_plan
from convcli.core.strips import PaddedView, Workspace, borrow, give_back
from convcli.core.threads import for_each, thread_count
from convcli.geometry import Padding, Pair

Sink = Callable[[slice, list[NDArray[Any]]], None]


def cross_correlate(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    padding: Padding = "same",
    border: str = "edge",
    fill: float = 0,
    stride: int | Pair = 1,
    dilation: int | Pair = 1,
    divisor: float = 1,
    bias: float = 0,
    dtype: DTypeLike | None = None,
    method: str = "auto",
    threads: int | None = None,
) -> NDArray[Any]:
    """Slide a kernel over an image, unflipped, as a layer of a CNN does.

    ``out[r, c] = sum(kernel[i, j] * padded[r*s + i*d, c*s + j*d]) / divisor + bias``. Weights of
    zero take no part, so NaN and infinity reach just the windows that weigh them.

    Args:
        image: (H, W) or (H, W, C); never modified.
        kernel: (kh, kw), applied to every channel on its own; (C, kh, kw), summed over the
            channels to one map; or (N, C, kh, kw), a bank of N such kernels, laid out as torch
            and ONNX have it.
        padding: pixels on every side, (vertical, horizontal), (top, bottom, left, right),
            ``valid``, ``same`` or ``full``; see :func:`convcli.geometry.conv_geometry`.
        border: what the padding holds: ``edge``, ``zero``, ``reflect``, ``symmetric``, ``wrap``
            (as ``numpy.pad`` has them) or ``constant``, which is ``fill``.
        fill: the constant border's value.
        stride: step between windows, one number or (rows, columns).
        dilation: distance between taps, one number or (rows, columns).
        divisor: the sums are divided by it, after exact summation where the sums are integers.
        bias: added after the division.
        dtype: type of the result. An integer type rounds half to even and saturates; NaN
            becomes 0.
        method: how the sums are computed: ``direct``, ``toeplitz``, ``separable``, ``fft``,
            ``matrix`` (banks), or ``auto`` for whichever costs least. Integers come out the same
            to the bit.
        threads: how many at most; None for ``CONVCLI_THREADS``, or one a processor. The result
            does not depend on it.

    Returns:
        (H', W'), (H', W', C) or, for a bank, (H', W', N). An integer image and kernel give exact
        int32 (int64 for images of 32 bits and more, and where the sums need it). With a divisor,
        a fractional bias or a floating-point kernel, what numpy promotes the image and float32
        to: float32 for images of up to 16 bits and float32 ones, else float64. Floats are within
        1e-5 of the largest output, float64 within 1e-12; by ``fft`` the error is relative to the
        largest pixel of a tile.

    Raises:
        GeometryError: no window fits into the padded image.
        KernelError: a kernel that cannot be applied to this image.
        UsageError: another argument is out of its range.

    >>> cross_correlate([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[0, 1], [0, 1]], padding="valid")
    array([[ 7,  9],
           [13, 15]])
    """
    layout = ConvOptions("correlate", padding, border, fill, stride, dilation)
    return feature_map(np.asarray(image), kernel, layout, divisor, bias, dtype, method, threads)


def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    padding: Padding = "same",
    border: str = "edge",
    fill: float = 0,
    stride: int | Pair = 1,
    dilation: int | Pair = 1,
    divisor: float = 1,
    bias: float = 0,
    dtype: DTypeLike | None = None,
    method: str = "auto",
    threads: int | None = None,
) -> NDArray[Any]:
    """Convolve an image with a kernel: cross-correlate with the kernel flipped in both axes.

    Arguments, result and errors are those of :func:`cross_correlate`. With a zero border,
    ``full``, ``same`` and ``valid`` equal ``scipy.signal.convolve2d`` and, on one row,
    ``numpy.convolve``; the anchor of an even kernel flips with it.

    >>> convolve([[1, 2, 3]], [[4, 5, 6]], padding="full", border="zero")
    array([[ 4, 13, 28, 27, 18]])
    """
    layout = ConvOptions("convolve", padding, border, fill, stride, dilation)
    return feature_map(np.asarray(image), kernel, layout, divisor, bias, dtype, method, threads)


def feature_map(
    image: NDArray[Any],
    kernel: ArrayLike,
    layout: ConvOptions,
    divisor: float = 1,
    bias: float = 0,
    dtype: DTypeLike | None = None,
    method: str = "auto",
    threads: int | None = None,
) -> NDArray[Any]:
    """Filter an image: :func:`cross_correlate` and :func:`convolve` with their layout in one.

    Raises:
        ConvcliError: as they say.
    """
    asked = asked_dtype(dtype)
    wide = asked is not None and asked.kind == "f" and asked.itemsize >= DOUBLE.itemsize
    floats = DOUBLE if wide else SINGLE
    plan = prepare(image, kernel, layout, divisor, bias, method, floats)
    out = np.empty(plan.shape, asked or plan.result)
    run([plan], image, lambda rows, blocks: saturate(blocks[0], out[rows], overwrite=True), threads)
    return out


def prepare(
    image: NDArray[Any],
    kernel: ArrayLike,
    layout: ConvOptions,
    divisor: float = 1,
    bias: float = 0,
    method: str = "auto",
    floats: np.dtype[Any] = SINGLE,
) -> Plan:
    """Plan a filtering.

    Raises:
        ConvcliError: as :func:`convcli.core.plan.make_plan` says.
    """
    weights = as_applied(kernel, layout.operation)
    return make_plan(image, weights, layout, divisor, bias, method, floats)


def as_applied(kernel: ArrayLike, operation: str) -> NDArray[Any]:
    """Return a kernel as it slides; here, and only here, a convolution's is flipped.

    >>> as_applied([[1, 2, 3]], "convolve").tolist()
    [[3, 2, 1]]
    """
    weights = np.asarray(kernel)
    if operation == "convolve" and weights.ndim > 1:
        return weights[..., ::-1, ::-1]
    return weights


def run(plans: Sequence[Plan], image: NDArray[Any], sink: Sink, threads: int | None = None) -> None:
    """Filter an image strip by strip and hand each finished strip on.

    Args:
        plans: one for each kernel; their outputs have one size.
        image: (H, W) or (H, W, C), the one that was planned for.
        sink: called with a slice of output rows and, for each plan, their finished values, of
            type ``plan.block`` and shape (rows, W', ...), which it may overwrite; on several
            threads at once, and in any order.
        threads: how many at most; None as :func:`convcli.core.threads.thread_count` says.
    """
    planes = image if image.ndim == 3 else image[..., np.newaxis]
    padded = [PaddedView.of(planes, plan.geometry, plan.border, plan.fill) for plan in plans]
    height = plans[0].geometry.output_shape[0]
    step = min(plan.methods[0].strip_rows(planes.shape[2]) for plan in plans)

    def work(first: int) -> None:
        rows = slice(first, min(first + step, height))
        spaces = [borrow() for _ in plans]
        with np.errstate(invalid="ignore", over="ignore"):  # infinity minus infinity is NaN
            blocks = [
                _filter_strip(plan, view, rows, space)
                for plan, view, space in zip(plans, padded, spaces, strict=True)
            ]
            sink(rows, blocks)
        for space in spaces:
            give_back(space)

    count = thread_count(threads)
    work_load = planes.size * max(plan.maps for plan in plans)
    worth = count if work_load >= WORTH_THREADS else 1
    for_each(work, range(0, height, step), min(worth, -(-height // step)))


def _filter_strip(plan: Plan, padded: PaddedView, rows: slice, space: Workspace) -> NDArray[Any]:
    """Return the finished values of some output rows, in the workspace's memory."""
    count = rows.stop - rows.start
    found = (
        method.sums(_strip(method, padded, rows, space), count, space) for method in plan.methods
    )
    sums = next(sums for sums in found if sums is not None)
    return _finish(plan.types, sums, space).reshape((count, *plan.shape[1:]))


def _strip(method: SumMethod, padded: PaddedView, rows: slice, space: Workspace) -> NDArray[Any]:
    """Copy the padded rows that a method sees for some output rows; 0 where there are no more."""
    first = rows.start * padded.geometry.stride[0]
    height, width = padded.geometry.padded_shape
    shape = (method.rows_needed(rows.stop - rows.start), width, padded.image.shape[2])
    strip = space.take("strip", shape, method.dtype or padded.own_dtype)
    padded.copy_rows(first, strip[: height - first])
    strip[height - first :] = 0
    return strip


def _finish(types: SumTypes, sums: NDArray[Any], space: Workspace) -> NDArray[Any]:
    """Divide the sums and add the bias.

    A bias may cancel most of the sums: where they are finer than the block, it is added first.
    """
    values, bias = sums, types.bias
    if bias and sums.dtype == DOUBLE and types.block == SINGLE:
        sums += bias
        bias = 0
    if types.block != sums.dtype:
        values = space.take("values", sums.shape, types.block)
        values[...] = sums
    if types.divisor != 1:
        np.true_divide(values, types.divisor, out=values)
    if bias:
        values += bias
    return values
