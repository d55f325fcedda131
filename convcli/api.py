"""The Python interface: the public functions.

Modules that need numpy or Pillow are imported inside the functions, so that ``output_size`` loads
neither. Arguments that several functions share are documented once, in ``_SHARED``, and inserted
into their docstrings, as scipy.ndimage does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import cleandoc
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar, overload

from convcli.choices import (
    ActivationName,
    AnyBorder,
    AnyMethod,
    Combine,
    Operation,
    PaddingRule,
    Pooling,
    Range,
)
from convcli.geometry import (
    ConvOptions,
    IntOrPair,
    Pair,
    ReceptiveField,
    as_pair,
    conv_geometry,
    receptive_fields,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from convcli.kernels.kernel import Kernel
    from convcli.teaching.explain.explanation import Explanation
    from convcli.teaching.learn.result import LearnResult

PaddingLike = int | PaddingRule | Sequence[int]
F = TypeVar("F", bound=Callable[..., Any])

_SHARED = {
    "conv": """\
padding: pixels added around the image: one number for every side, (vertical, horizontal),
    (top, bottom, left, right), or a rule. ``valid`` adds none. ``same`` adds ``d(k-1)`` in
    total, so that stride 1 keeps the size; an even kernel has its extra pixel at the bottom
    and the right (``convolve``: top and left). ``full`` adds ``d(k-1)`` on every side.
border: what the padding holds: ``edge`` (aaa|abcd|ddd), ``zero``,
    ``reflect`` (dcb|abcd|cba), ``symmetric`` (cba|abcd|dcb), ``wrap`` (bcd|abcd|abc), or
    ``constant``, named as in ``numpy.pad``, but for ``zero``.
    scipy and scikit-image call ``symmetric`` reflect. Synonyms: replicate and nearest
    (``edge``), zeros, mirror (``reflect``), circular (``wrap``).
fill: the value of a constant border.
stride: step between windows, one number or (rows, columns).
dilation: distance between taps, one number or (rows, columns).""",
    "sums": """\
divisor: the sums are divided by it, after exact summation if they are integers.
bias: added after the division.
dtype: type of the result. An integer type rounds half to even and saturates; NaN becomes 0.
method: how to sum: ``auto`` (the cheapest), ``direct``, ``separable``, ``toeplitz``, ``fft``,
    or ``matrix`` (im2col, for filter banks). All give the same integers.
threads: use at most this many; None for ``CONVCLI_THREADS``, or one per processor. The result
    does not depend on it.""",
}


def _documented(function: F) -> F:
    """Insert the shared arguments into a docstring, at ``{their name}``."""
    doc = cleandoc(function.__doc__ or "")
    for name, text in _SHARED.items():
        doc = doc.replace(f"    {{{name}}}", indent(text, "    "))
    function.__doc__ = doc
    return function


@_documented
def cross_correlate(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: float = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    divisor: float = 1,
    bias: float = 0,
    dtype: DTypeLike | None = None,
    method: AnyMethod = "auto",
    threads: int | None = None,
) -> NDArray[Any]:
    """Cross-correlate an image with a kernel: slide the kernel unflipped, as a CNN layer does.

    ``out[r, c] = sum(kernel[i, j] * padded[r*s + i*d, c*s + j*d]) / divisor + bias``
    (Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016). Weights of
    0 are skipped, so NaN and infinity reach only the windows that weigh them.

    Args:
        image: (H, W) or (H, W, C) real numbers; never modified.
        kernel: (kh, kw), applied to each channel; (C, kh, kw), summed over the channels to one
            map; or a filter bank (N, C, kh, kw), as in torch and ONNX. A Kernel counts as
            ``matrix / divisor``; its bias is not added.
        {conv}
        {sums}

    Returns:
        (H', W'), (H', W', C) or, for a bank, (H', W', N). An integer image and kernel give exact
        int32 (int64 for images of 32 bits and more, or if the sums need it). With a divisor, a
        fractional bias or a floating-point kernel, the type that numpy promotes the image and
        float32 to: float32 for images of up to 16 bits and float32 ones, else float64. float32 is
        within 1e-5 of the largest output, float64 within 1e-12; with ``fft`` the error is relative
        to the largest pixel of a tile.

    Raises:
        GeometryError: no window fits into the padded image.
        KernelError: the kernel cannot be applied to this image.
        UsageError: another argument is out of range.

    >>> cross_correlate([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[0, 1], [0, 1]], padding="valid")
    array([[ 7,  9],
           [13, 15]])
    """
    from convcli.core.correlate import feature_map

    options = ConvOptions("correlate", padding, border, fill, stride, dilation)
    return feature_map(image, kernel, options, divisor, bias, dtype, method, threads)


@_documented
def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: float = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    divisor: float = 1,
    bias: float = 0,
    dtype: DTypeLike | None = None,
    method: AnyMethod = "auto",
    threads: int | None = None,
) -> NDArray[Any]:
    """Convolve an image with a kernel: cross-correlate with the kernel flipped on both axes.

    With a zero border, ``full``, ``same`` and ``valid`` equal ``scipy.signal.convolve2d`` and, on
    one row, ``numpy.convolve``; the anchor of an even kernel flips with it.

    Args:
        image: (H, W) or (H, W, C) real numbers; never modified.
        kernel: (kh, kw), (C, kh, kw) or (N, C, kh, kw), as for :func:`cross_correlate`.
        {conv}
        {sums}

    Returns:
        As :func:`cross_correlate`.

    Raises:
        ConvcliError: as :func:`cross_correlate`.

    >>> convolve([[1, 2, 3]], [[4, 5, 6]], padding="full", border="zero")
    array([[ 4, 13, 28, 27, 18]])
    """
    from convcli.core.correlate import feature_map

    options = ConvOptions("convolve", padding, border, fill, stride, dilation)
    return feature_map(image, kernel, options, divisor, bias, dtype, method, threads)


def pool(
    image: ArrayLike,
    size: IntOrPair,
    kind: Pooling = "max",
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    count_padding: bool = True,
    ceil: bool = False,
) -> NDArray[Any]:
    """Pool an image: take the maximum or the mean of each window, as ``torch.nn.functional`` does.

    Args:
        image: (H, W) or (H, W, C) real numbers, each channel on its own; never modified.
        size: of the window, one number or (rows, columns).
        kind: ``max``, or ``avg`` for the mean.
        stride: step between windows, one number or (rows, columns); None for ``size``.
        padding: pixels on every side, or (vertical, horizontal); at most half the window. They
            never win a maximum; in a mean they count as 0.
        count_padding: whether a mean divides by the whole window, or only by its image pixels.
        ceil: whether to keep a last window that is partly outside the padded image, if it starts
            within the image or before it. A mean ignores what is outside.

    Returns:
        (H', W') or (H', W', C), with ``floor((n + 2p - k)/s) + 1`` on each axis (``ceil`` rounds
        up). A maximum has the image's type. A mean is summed in float64, and is float32 for images
        of up to 16 bits and float32 ones, else float64. NaN reaches the windows that hold it.

    Raises:
        GeometryError: no window fits, or the padding exceeds half the window.
        UsageError: the image is not an image, or ``kind`` is unknown.

    >>> pool([[1, 2, 5, 6], [3, 4, 7, 8]], 2)
    array([[4, 8]])
    >>> pool([[1, 2], [3, 4]], 2, "avg", stride=1, padding=1, count_padding=False).tolist()
    [[1.0, 1.5, 2.0], [2.0, 2.5, 3.0], [3.0, 3.5, 4.0]]
    """
    from convcli.core.pooling import pool_windows

    return pool_windows(image, size, kind, stride, padding, count_padding, ceil)


def get_kernel(spec: str) -> Kernel:
    """Return the kernel that a SPEC describes.

    Args:
        spec: a name (``outline``), a name with arguments (``gaussian:5,sigma=1.2``), a rotation
            (``sobel-x@45``), a matrix (``0 -1 0; -1 5 -1; 0 -1 0``) or a file (``k.txt``).

    Returns:
        The kernel. Its ``source`` names the paper, book or library it comes from.

    Raises:
        KernelError: the SPEC describes no kernel, or several.

    >>> get_kernel("sharpen").matrix.tolist()
    [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    """
    from convcli.kernels.spec import get_kernel

    return get_kernel(spec)


@_documented
def explain(
    image: ArrayLike,
    kernel: ArrayLike | Kernel | str,
    at: Sequence[int],
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: float = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    divisor: float | None = None,
    bias: float | None = None,
    combine: Combine | None = None,
    activation: ActivationName = "none",
    range: Range = "clip",  # noqa: A002 - its name everywhere
) -> Explanation:
    """Explain one value of a feature map: window, kernel, products, sum and pixel.

    Args:
        image: (H, W) or (H, W, C). uint8 and uint16 are pixels, with a black and a white; other
            types are plain numbers.
        kernel: weights (kh, kw), or (C, kh, kw) summed over the channels; a Kernel; or a SPEC such
            as ``sobel-x``. A SPEC of a family, such as ``sobel``, explains every member and their
            combination.
        at: (row, column) in the feature map.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor: replaces the kernel's own.
        bias: replaces the kernel's own, in the image's units.
        combine: ``magnitude``, ``max``, ``sum`` or ``mean``; replaces the family's own.
        activation: ``none``, ``relu``, ``leaky-relu`` (slope 0.01), ``sigmoid`` or ``tanh``.
        range: how the value becomes a pixel: ``clip``, ``abs``, ``offset``, ``rescale``, ``raw``.

    Returns:
        An :class:`Explanation`. Its ``outputs`` has one item per channel of the feature map, each
        with the windows, weights and products of every kernel, and the ``value``, ``activated``
        and ``pixel`` that come of them.

    Raises:
        GeometryError: the position is outside the feature map, or no window fits.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: another argument is wrong.

    >>> explanation = explain([[1, 2, 3], [4, 5, 6]], [[1, -1]], (0, 1), padding="valid")
    >>> [output] = explanation.outputs
    >>> output.responses[0].sums[0].products, output.pixel
    (((2, -3),), -1)
    """
    from convcli.teaching.explain.arithmetic import explain_array

    options = ConvOptions(operation, padding, border, fill, stride, dilation)
    return explain_array(image, kernel, at, options, divisor, bias, combine, activation, range)


def learn_kernel(
    before: ArrayLike | Sequence[ArrayLike],
    after: ArrayLike | Sequence[ArrayLike],
    size: IntOrPair = 3,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike | None = None,
    border: AnyBorder | None = None,
    fill: float = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    bias: bool = True,
    ignore_clipped: bool = False,
    descent: bool = False,
    rate: float | None = None,
    epochs: int = 200,
    momentum: float = 0.9,
    seed: int = 0,
    threads: int | None = None,
) -> LearnResult:
    """Learn the kernel and the bias that turn one image into another.

    Solves ``after[r, c] = sum(kernel[i, j] * padded[r*s + i*d, c*s + j*d]) + bias`` by least
    squares over all windows, through the normal equations.

    Args:
        before: (H, W) or (H, W, C) real numbers; or a list of such images.
        after: the filtered image, or a list of them. With as many channels as ``before``, every
            channel has the same kernel; with one, a (C, kh, kw) kernel sums over the channels.
        size: of the kernel, one number or (rows, columns).
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        padding: as for :func:`cross_correlate`; None to infer ``same``, ``valid`` or ``full`` from
            the sizes.
        border: as for :func:`cross_correlate`; None to use only windows inside the image.
        fill, stride, dilation: as for :func:`cross_correlate`.
        bias: whether to fit a bias.
        ignore_clipped: whether to ignore black and white pixels of ``after`` (uint8, uint16).
        descent: whether to use gradient descent from random weights instead of least squares.
        rate: learning rate, for pixels scaled to variance 1 (without a bias: to mean square 1);
            None for one that converges.
        epochs: number of steps of descent.
        momentum: share of each step that is added to the next.
        seed: of the random start.
        threads: use at most this many; the result does not depend on it.

    Returns:
        The learned ``weights``, float64 (kh, kw) or (C, kh, kw), as ``operation`` takes them; the
        ``bias`` in the units of ``after`` (0 unless fitted); the standard errors of both; the
        ``residual`` in the same units; and ``match``, the nearest known kernel.

    Raises:
        GeometryError: no padding relates the sizes of the two images.
        UsageError: the images do not determine the kernel, or an argument is wrong.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> learned = learn_kernel(image, cross_correlate(image, [[1, 2, 1]]) + 5, (1, 3))
    >>> learned.weights.round(6).tolist(), round(learned.bias, 6)
    ([[1.0, 2.0, 1.0]], 5.0)
    """
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.fit import learn_from
    from convcli.teaching.learn.windows import Model, pair_arrays

    taps = as_pair(size, "kernel size", least=1)
    model = Model(taps, operation, padding, border, fill, stride, dilation, bias, ignore_clipped)
    settings = Descent(rate, epochs, momentum, seed) if descent else None
    return learn_from(pair_arrays(before, after), model, settings, threads)


@overload
def output_size(
    size: int, kernel: int, padding: int | PaddingRule = 0, stride: int = 1, dilation: int = 1
) -> int: ...


@overload
def output_size(
    size: Sequence[int],
    kernel: IntOrPair,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
) -> Pair: ...


def output_size(
    size: IntOrPair,
    kernel: IntOrPair,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
) -> int | Pair:
    """Return the size of a feature map, ``floor((n + 2p - d(k-1) - 1)/s) + 1`` on each axis.

    The formula is from Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*
    (2016), section 5.1.

    Args:
        size: of the input, one number or (rows, columns).
        kernel: size of the kernel, one number or (rows, columns).
        padding, stride, dilation: as for :func:`cross_correlate`.

    Returns:
        An integer for an integer ``size``, if both axes agree; else (rows, columns).

    Raises:
        GeometryError: a number is out of range, or the kernel exceeds the padded input.

    >>> output_size(5, 3)
    3
    >>> output_size((224, 448), 3, padding="same", stride=2)
    (112, 224)
    """
    shape = as_pair(size, "size", least=1)
    window = as_pair(kernel, "kernel size", least=1)
    rows, columns = conv_geometry(shape, window, padding, stride, dilation).output_shape
    return (rows, columns) if isinstance(size, Sequence) or rows != columns else rows


def receptive_field(layers: Iterable[Sequence[int]]) -> ReceptiveField:
    """Return the receptive field of a chain of layers, along one axis.

    The recurrence is from Araujo, Norris and Sim, *Computing receptive fields of convolutional
    neural networks* (Distill, 2019).

    Args:
        layers: first layer first, each as ``(kernel,)``, ``(kernel, stride)``,
            ``(kernel, stride, padding)`` or ``(kernel, stride, padding, dilation)``; the padding
            is that before the first pixel.

    Returns:
        ``size``, the pixels that one output sees; ``jump``, the distance between the fields of two
        neighbors; ``start``, the first pixel of the first field, negative in the padding.

    Raises:
        GeometryError: a kernel, stride or dilation is below 1, or a padding is negative.

    >>> receptive_field([(7, 2, 3), (3, 2, 1)])
    ReceptiveField(size=11, jump=4, start=-5)
    """
    return [ReceptiveField(), *receptive_fields(layers)][-1]
