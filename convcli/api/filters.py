"""Filters of arrays: ``cross_correlate``, ``convolve``, ``plan``, ``pool`` and ``pad``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from convcli.api.arguments import (
    as_kernel,
    as_missing,
    check_word,
    conv_options,
    fill_value,
    flag_of_two_names,
    row_padding,
    row_size,
)
from convcli.api.filter_arrays import convolve_pixels, filter_pixels, plan_shape
from convcli.api.parameters import documented
from convcli.choices import AnyBorder, AnyMethod, NanRule, Operation, Pooling
from convcli.core.dtypes import check_image
from convcli.core.padding import pad_array
from convcli.core.pooling import pool_windows
from convcli.geometry import (
    IntOrPair,
    Ints,
    Padding,
    as_count,
    border_name,
    pads_of,
)
from convcli.images.given import as_image

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from convcli.api.parameters import AnyAnchor, Biases, Number, PaddingLike
    from convcli.core.plan_summary import PlanSummary
    from convcli.images.given import Image
    from convcli.kernels.given import KernelLike


@documented
def cross_correlate(
    image: Image,
    kernel: KernelLike,
    *,
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    groups: SupportsIndex = 1,
    divisor: Number | None = None,
    bias: Biases | None = None,
    dtype: DTypeLike | None = None,
    method: AnyMethod = "auto",
    threads: int | None = None,
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
) -> NDArray[Any]:
    """Cross-correlate an image with a kernel: slide the kernel unflipped, as a CNN layer does.

    ``out[r, c] = sum(kernel[i, j] * padded[r*s + i*d, c*s + j*d]) / divisor + bias``
    (Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016). Weights of
    0 are skipped, so NaN and infinity reach only the windows that weigh them.

    A batch of images, (N, H, W, C), is filtered image by image, and N comes first in the result and
    in a ``mask`` too.

    {defaults}

    Args:
        {image}
        {kernel}
        {conv}
        groups: the number of runs that channels and filters are divided into, as in torch and
            ONNX: the filters of a run read its channels alone, and a bank is
            (N, C / groups, kh, kw). With as many as channels the convolution is depthwise.
        {sums}
        {missing}

    Returns:
        (H', W'), (H', W', C) or, for a bank, (H', W', N); one dimension less for a signal. An
        integer image and kernel give exact int32 (int64 for images of 32 bits and more, or if the
        sums need it; uint64 for sums that exceed it and are never negative). With a divisor, a
        fractional bias or a floating-point kernel, even of whole numbers, the type that numpy
        promotes the image and float32 to: float32 for images of up to 16 bits and float32 ones,
        else float64. float64 is within 1e-12 of the largest sum of magnitudes, and float32 within
        1e-5 of the largest output or as float64, whichever is wider. float16 overflows to infinity;
        a longdouble ``dtype`` is summed in float64. With missing pixels, floating-point numbers, in
        which integers stay exact; NaN marks a value whose window has too few valid pixels.

    Raises:
        GeometryError: no window fits into the padded image.
        KernelError: the kernel cannot be applied to this image.
        UsageError: another argument is out of range.

    >>> cross_correlate([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[0, 1], [0, 1]], padding="valid")
    array([[ 7,  9],
           [13, 15]])
    >>> cross_correlate([[[1, 2]]], [[[[3]]], [[[5]]]], groups=2)
    array([[[ 3, 10]]])
    >>> cross_correlate([1, 2, 4, 8], "-1 0 1")
    array([1, 3, 6, 4])
    >>> cross_correlate([1, 2, 90, 8], "1/3 1/3 1/3", mask=[0, 0, 1, 0]).tolist()
    [1.3333333333333333, 1.5, 5.0, 8.0]
    >>> cross_correlate([[0, 0, 3], [0, 0, 3], [0, 0, 3]], "sobel")
    array([[ 0., 12., 12.],
           [ 0., 12., 12.],
           [ 0., 12., 12.]])
    """
    options = conv_options("correlate", padding, border, fill, stride, dilation, anchor)
    pixels, missing = as_missing(image, mask, nan, min_valid, batch=True)
    numbers = divisor, bias, dtype, method, threads, as_count(groups, "groups")
    return filter_pixels(pixels, as_kernel(kernel), options, *numbers, missing=missing)


@documented
def convolve(
    image: Image,
    kernel: KernelLike,
    *,
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    groups: SupportsIndex = 1,
    divisor: Number | None = None,
    bias: Biases | None = None,
    dtype: DTypeLike | None = None,
    method: AnyMethod = "auto",
    threads: int | None = None,
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
) -> NDArray[Any]:
    """Convolve an image with a kernel: cross-correlate with the kernel flipped on both axes.

    The defaults, ``same`` with border ``edge``, are not numpy's. With ``border="zero"``,
    ``padding="full"``, ``"same"`` and ``"valid"`` equal ``scipy.signal.convolve2d`` and, for two
    1-D arrays, ``numpy.convolve``; the anchor of an even kernel flips with it. Where both are 1-D
    and the kernel is the longer, the two are swapped, as numpy does, since convolution commutes:
    ``same`` has the length of the longer one, the border continues that one, and it counts as the
    image in the type of the result. The signal may hold NaN and infinities either way. Batches are
    filtered as by :func:`cross_correlate`.

    Args:
        {image}
        kernel: as for :func:`cross_correlate`.
        {conv}
        groups: as for :func:`cross_correlate`.
        {sums}
        {missing}

    Returns:
        As :func:`cross_correlate`.

    Raises:
        ConvcliError: as :func:`cross_correlate`.

    >>> convolve([1, 2, 3], [4, 5, 6, 7], padding="valid")
    array([28, 34])
    >>> convolve([[1, 2, 3]], [[4, 5, 6]], padding="full", border="zero")
    array([[ 4, 13, 28, 27, 18]])
    """
    options = conv_options("convolve", padding, border, fill, stride, dilation, anchor)
    pixels, missing = as_missing(image, mask, nan, min_valid, batch=True)
    numbers = divisor, bias, dtype, method, threads, as_count(groups, "groups")
    return convolve_pixels(pixels, as_kernel(kernel), options, *numbers, missing=missing)


@documented
def plan(
    image_shape: Ints,
    dtype: DTypeLike,
    kernel: KernelLike,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Biases | None = None,
    method: AnyMethod = "auto",
) -> PlanSummary:
    """Plan a convolution without an image: sizes, types, method, cost, rounding error, and why.

    Args:
        image_shape: (H, W), (H, W, C), or (W,) for a signal.
        dtype: type of the image. Integers of 64 bits are taken to need no more than 32.
        kernel: as for :func:`cross_correlate`, but no family.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor, bias, method: as for :func:`cross_correlate`.

    Returns:
        A :class:`PlanSummary`. ``print`` shows it as a table.

    Raises:
        ConvcliError: as :func:`cross_correlate`.

    >>> planned = plan((512, 512), "uint8", "gaussian:5")
    >>> planned.output_shape, planned.output_dtype, planned.error_bound
    ((512, 512), dtype('float32'), 1e-05)
    """
    check_word(operation, "operation")
    options = conv_options(operation, padding, border, fill, stride, dilation, anchor)
    return plan_shape(image_shape, dtype, as_kernel(kernel), options, divisor, bias, method)


def pool(
    image: Image,
    size: IntOrPair,
    kind: Pooling = "max",
    stride: IntOrPair | None = None,
    padding: Padding = 0,
    count_padding: bool | None = None,
    ceil: bool | None = None,
    *,
    dilation: IntOrPair = 1,
    threads: int | None = None,
    count_include_pad: bool | None = None,
    ceil_mode: bool | None = None,
) -> NDArray[Any]:
    """Pool an image: reduce each window to one value, as ``torch.nn.functional`` does.

    Args:
        image: (H, W) or (H, W, C) real numbers, each channel on its own; an array, nested lists, or
            a PIL image; never modified. A signal (W,) is pooled along its one axis.
        size: of the window, one number or (rows, columns).
        kind: ``max``, ``min``, or ``avg`` for the mean.
        stride: step between windows, one number or (rows, columns); None for ``size``.
        padding: pixels on every side, (vertical, horizontal), (top, bottom, left, right), or a rule
            as for :func:`cross_correlate`; (before, after) for a signal. A maximum and a minimum
            ignore them; in a mean they count as 0. Each window must hold a pixel of the image.
        count_padding: whether a mean divides by the whole window (None: yes), or only by its image
            pixels.
        ceil: whether to keep a last window that is partly outside the padded image (None: no), if
            it starts within the image or before it. A mean ignores what is outside.
        dilation: distance between the pixels of a window, one number or (rows, columns).
        threads: use at most this many; the result does not depend on it.
        count_include_pad, ceil_mode: torch's names of ``count_padding`` and ``ceil``.

    Returns:
        (H', W') or (H', W', C), with ``floor((n + p - d(k-1) - 1)/s) + 1`` on each axis (``ceil``
        rounds up). A maximum or minimum has the image's type. A mean is summed exactly from
        integers whose sums fit in 64 bits, and in float64 from others; it is float32 for images of
        up to 16 bits and float32 ones, else float64. NaN reaches the windows that hold it.

    Raises:
        GeometryError: no window fits, or one holds padding alone.
        UsageError: the image is not an image, or another argument is wrong.

    >>> pool([[1, 2, 5, 6], [3, 4, 7, 8]], 2)
    array([[4, 8]])
    >>> pool([[1, 2], [3, 4]], 2, "avg", stride=1, padding=1, count_padding=False).tolist()
    [[1.0, 1.5, 2.0], [2.0, 2.5, 3.0], [3.0, 3.5, 4.0]]
    >>> pool([1, 5, 2, 4], 2)
    array([5, 4])
    >>> pool([1, 5, 2, 4], 2, "min", stride=1, dilation=2, padding=(1, 0))
    array([5, 1, 4])
    """
    check_word(kind, "kind")
    names = ("count_padding", "count_include_pad")
    counted = flag_of_two_names(count_padding, count_include_pad, names, default=True)
    upwards = flag_of_two_names(ceil, ceil_mode, ("ceil", "ceil_mode"), default=False)
    pixels = as_image(image)
    signal = pixels.ndim == 1
    if signal:
        pixels, size, padding = pixels[None], row_size(size), row_padding(padding)
    rules = size, kind, stride, padding, counted, upwards, threads, dilation
    pooled = pool_windows(pixels, *rules)
    return cast("NDArray[Any]", pooled[0]) if signal else pooled


def pad(
    image: Image,
    padding: PaddingLike,
    border: AnyBorder = "edge",
    *,
    fill: Number = 0,
    kernel_size: IntOrPair | None = None,
) -> NDArray[Any]:
    """Pad an image: add pixels around it, as ``numpy.pad`` does.

    The result is the padded image that :func:`cross_correlate` slides its window over.

    Args:
        image: (H, W) or (H, W, C) real numbers, each channel on its own; an array, nested lists, or
            a PIL image without alpha; never modified. A signal (W,) is padded along its one axis.
        padding: pixels to add: one number for every side, (vertical, horizontal), or
            (top, bottom, left, right); (before, after) for a signal. Or a rule for a kernel of
            ``kernel_size``: ``same``, ``full`` or ``valid``.
        border: what the padding holds, as for :func:`cross_correlate`.
        fill: the value of a ``constant`` border.
        kernel_size: of the kernel that ``same`` and ``full`` pad for, one number or
            (rows, columns). That of a dilated kernel is its extent, ``d(k-1) + 1``.

    Returns:
        A new array of the image's type.

    Raises:
        GeometryError: a number is out of range, or a rule has no kernel.
        UsageError: the image's type does not hold ``fill``, or another argument is wrong.

    >>> pad([[1, 2, 3], [4, 5, 6]], (0, 2), "reflect")
    array([[3, 2, 1, 2, 3, 2, 1],
           [6, 5, 4, 5, 6, 5, 4]])
    >>> pad([1, 2, 3], "same", "zero", kernel_size=3)
    array([0, 1, 2, 3, 0])
    """
    pixels, value = as_image(image), fill_value(fill, border)
    signal = pixels.ndim == 1
    if signal:
        pixels, padding = pixels[None], row_padding(padding)
        kernel_size = None if kernel_size is None else row_size(kernel_size)
    check_image(pixels)
    pads = pads_of((pixels.shape[0], pixels.shape[1]), padding, kernel_size)
    padded = pad_array(pixels, pads, border_name(border), value)
    return padded[0] if signal else padded
