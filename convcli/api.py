"""The Python interface: the public functions.

Modules that need numpy or Pillow are imported inside the functions, so that ``output_size`` loads
neither. Arguments that several functions share are documented once, in ``_SHARED``, and inserted
into their docstrings, as scipy.ndimage does. ``convcli/arguments.py`` knows what they accept.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from inspect import cleandoc
from os import PathLike
from textwrap import indent
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    SupportsFloat,
    SupportsIndex,
    TypeVar,
    cast,
    overload,
)

from convcli.choices import (
    MAX_PIXELS,
    PERCENTILES,
    ActivationName,
    AnchorRule,
    AnyBorder,
    AnyMethod,
    ChannelOrder,
    Channels,
    Combine,
    Layout,
    NanRule,
    Operation,
    PaddingRule,
    Panel,
    Pooling,
    Range,
    ThemeName,
    ThroughName,
)
from convcli.errors import KernelError, UsageError, shown, type_name
from convcli.geometry import (
    ConvOptions,
    IntOrPair,
    Ints,
    Padding,
    Pair,
    ReceptiveField,
    as_pair,
    conv_geometry,
    receptive_fields,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy import integer
    from numpy.typing import DTypeLike, NDArray

    from convcli.core.plan_summary import PlanSummary
    from convcli.images.given import Image
    from convcli.kernels.given import KernelLike
    from convcli.kernels.kernel import Kernel
    from convcli.kernels.spec import KernelSet
    from convcli.plotting.save import NotebookFigure
    from convcli.teaching.explain.explanation import Explanation
    from convcli.teaching.explain.gradient_explanation import GradientExplanation
    from convcli.teaching.explore.array_page import ExplorePage
    from convcli.teaching.explore.widget import ExploreWidget
    from convcli.teaching.learn.bank import BankResult
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.result import LearnResult
    from convcli.teaching.learn.windows import Model

    PaddingLike = SupportsIndex | PaddingRule | Ints
    AnyAnchor = AnchorRule | SupportsIndex | Ints
    Number = float | SupportsFloat
    SampledAt = Sequence[float] | str | None
    Biases = Number | Sequence[Number] | NDArray[Any]

F = TypeVar("F", bound=Callable[..., Any])

_SHARED = {
    "image": """\
image: (H, W) or (H, W, C) real numbers, never modified: an array, nested lists, or a PIL image
    without alpha (a palette becomes RGB). A signal (W,) is one row, and its result has one
    dimension too.""",
    "kernel": """\
kernel: weights, a :class:`Kernel`, or the text of a SPEC. Weights are (kh, kw), applied to each
    channel; (C, kh, kw), summed over the channels to one map; or a filter bank (N, C, kh, kw), as
    in torch and ONNX. (kw,) is one row. A Kernel or SPEC brings its divisor and bias; a family
    such as ``sobel`` gives its combined map. A list of Kernels of one shape is a bank.""",
    "conv": """\
padding: pixels added around the image: one number for every side, (vertical, horizontal),
    (top, bottom, left, right), or a rule. ``valid`` adds none. ``same`` adds ``d(k-1)`` in
    total, so that stride 1 keeps the size; an even kernel has its extra pixel at the bottom
    and the right (``convolve``: top and left) unless ``anchor`` moves it. ``full`` adds ``d(k-1)``
    on every side. ``same-upper`` and ``same-lower`` add as little as ``ceil(n/s)`` outputs take,
    an odd pixel after or before, as ONNX has them and TensorFlow's ``SAME``; ``causal`` adds
    ``d(k-1)`` before the image only. For a signal a pair is (before, after).
border: what the padding holds: ``edge`` (aaa|abcd|ddd), ``zero``,
    ``reflect`` (dcb|abcd|cba), ``symmetric`` (cba|abcd|dcb), ``wrap`` (bcd|abcd|abc), or
    ``constant``, named as in ``numpy.pad``, but for ``zero``.
    scipy and scikit-image call ``symmetric`` reflect; OpenCV calls it BORDER_REFLECT, and
    ``reflect`` BORDER_REFLECT_101. Synonyms: replicate and nearest (``edge``), zeros, mirror
    (``reflect``), circular (``wrap``).
fill: the value of a ``constant`` border.
stride: step between windows, one number or (rows, columns).
dilation: distance between taps, one number or (rows, columns).
anchor: the place of a window that its output stands for: ``before``, the middle or, of an even
    side, the one before it, as in torch; ``after``, the one after it, as in scipy.ndimage and
    OpenCV; or the (row, column) of a tap of the kernel as it is applied. ``convolve`` flips the
    first two with the kernel. The anchor moves the padding of ``same``, and carries alpha.""",
    "sums": """\
divisor: the sums are divided by it, after exact summation if they are integers; None for the
    kernel's own, which is 1 for weights.
bias: added after the division, one number or one for each filter of a bank; None for the kernel's
    own, which is 0 for weights. A Kernel's bias is in 8-bit levels: for uint16 images it is
    multiplied by 257.
dtype: type of the result. An integer type rounds half to even and saturates; NaN becomes 0.
    float64 and wider are also summed in float64.
method: how to sum: ``auto`` (the cheapest), ``direct``, ``separable``, ``toeplitz``, ``fft``,
    or ``matrix`` (im2col, for filter banks). All give the same integers.
threads: use at most this many; None for ``CONVCLI_THREADS``, or one per processor. The result
    does not depend on it.""",
    "missing": """\
mask: pixels to leave out, (H, W) or (H, W, C): all but 0 and False mark MISSING ones, as in
    numpy.ma and astropy; OpenCV and GDAL mean the inverse. ``image`` may be a masked array
    instead. With weights of one sign a sum is scaled by sum(w) / sum(valid w), as astropy's
    convolve does; with both, a missing pixel takes the value at the anchor, and where that is
    missing, so is the result. Padding that repeats a missing pixel is missing, a fill is valid.
nan: ``propagate`` gives NaN to all windows that weigh NaN; ``ignore`` takes it as missing.
min_valid: the least share of sum(abs(w)), 0 to 1, that must lie on valid pixels for a value; 0 for
    any that is more than 0.""",
    "defaults": """\
The defaults are padding ``same`` and border ``edge``. torch's are no padding, and zeros where it
pads; scipy.ndimage's and scikit-image's are ``same`` and ``symmetric``; OpenCV's are ``same`` and
``reflect``; those of numpy.convolve and scipy.signal.convolve2d are ``full`` and zeros.""",
}


def _documented(function: F) -> F:
    """Insert the shared arguments into a docstring, at ``{their name}``."""
    doc = cleandoc(function.__doc__ or "")
    for name, text in _SHARED.items():
        doc = doc.replace(f"    {{{name}}}", indent(text, "    "))
        doc = doc.replace(f"{{{name}}}", text)
    function.__doc__ = doc
    return function


@_documented
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
    >>> cross_correlate([1, 2, 4, 8], "-1 0 1")
    array([1, 3, 6, 4])
    >>> cross_correlate([1, 2, 90, 8], "1/3 1/3 1/3", mask=[0, 0, 1, 0]).tolist()
    [1.3333333333333333, 1.5, 5.0, 8.0]
    >>> cross_correlate([[0, 0, 3], [0, 0, 3], [0, 0, 3]], "sobel")
    array([[ 0., 12., 12.],
           [ 0., 12., 12.],
           [ 0., 12., 12.]])
    """
    from convcli.arguments import as_kernel, as_missing, fill_value, filter_pixels

    value = fill_value(fill, border)
    options = ConvOptions("correlate", padding, border, value, stride, dilation, anchor)
    pixels, missing = as_missing(image, mask, nan, min_valid, batch=True)
    numbers = divisor, bias, dtype, method, threads
    return filter_pixels(pixels, as_kernel(kernel), options, *numbers, missing=missing)


@_documented
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
    from convcli.arguments import as_kernel, as_missing, convolve_pixels, fill_value

    value = fill_value(fill, border)
    options = ConvOptions("convolve", padding, border, value, stride, dilation, anchor)
    pixels, missing = as_missing(image, mask, nan, min_valid, batch=True)
    numbers = divisor, bias, dtype, method, threads
    return convolve_pixels(pixels, as_kernel(kernel), options, *numbers, missing=missing)


@_documented
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
    from convcli.arguments import as_kernel, check_word, fill_value, plan_shape

    check_word(operation, "operation")
    value = fill_value(fill, border)
    options = ConvOptions(operation, padding, border, value, stride, dilation, anchor)
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
    from convcli.arguments import check_word, flag_of_two_names, row_padding, row_size
    from convcli.core.pooling import pool_windows
    from convcli.images.given import as_image

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


def get_kernel(spec: str, *, x: SampledAt = None, channel_order: ChannelOrder = "rgb") -> Kernel:
    """Return the kernel that a SPEC describes.

    Args:
        spec: a name (``outline``), a name with arguments (``gaussian:5,sigma=1.2``), a rotation
            (``sobel-x@45``), a matrix (``0 -1 0; -1 5 -1; 0 -1 0``), a file (``k.txt``), a layer
            of a network (``net.npz:conv1``) or a signal (``signal:normal,sd=2``).
        x: where a signal is sampled: (start, stop, count); by default 1,001 times from -10 to 10.
        channel_order: ``"bgr"`` if the three channels of the kernel are blue, green and red, as in
            models of Caffe; they are turned to red, green and blue, the order of images.

    Returns:
        The kernel. Its ``source`` names the paper, book or library it comes from.

    Raises:
        KernelError: the SPEC describes no kernel, or several, as the name of a family does:
            :func:`get_filter` returns these.

    >>> get_kernel("sharpen").matrix.tolist()
    [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    >>> get_kernel("signal:triangle", x=(-1, 1, 5)).matrix.tolist()
    [[0.0, 0.5, 1.0, 0.5, 0.0]]
    """
    kernel_set = get_filter(spec, x=x, channel_order=channel_order)
    if len(kernel_set.kernels) > 1:
        names = ", ".join(kernel.name for kernel in kernel_set.kernels[:8])
        more = ", ..." if len(kernel_set.kernels) > 8 else ""
        raise KernelError(
            f"{kernel_set.label} names {len(kernel_set.kernels)} kernels: {names}{more}; "
            "get_filter returns all of them"
        )
    return kernel_set.kernels[0]


def get_filter(spec: str, *, x: SampledAt = None, channel_order: ChannelOrder = "rgb") -> KernelSet:
    """Return the kernels that a SPEC describes, one or several, and how their maps combine.

    Args:
        spec: as for :func:`get_kernel`, or the name of a family, such as ``sobel``.
        x: as for :func:`get_kernel`.
        channel_order: as for :func:`get_kernel`.

    Returns:
        A :class:`KernelSet`. Its ``kernels`` are a tuple, and ``combine`` is ``magnitude`` for a
        pair of derivatives, ``max`` for a compass set, or None. :func:`cross_correlate`,
        :func:`convolve` and :func:`explain` take it as a kernel.

    Raises:
        KernelError: the SPEC describes no kernel.
        UsageError: ``x`` is no range, or the kernel no signal.

    >>> sobel = get_filter("sobel")
    >>> [kernel.name for kernel in sobel.kernels], sobel.combine
    (['sobel-x', 'sobel-y'], 'magnitude')
    """
    from convcli.arguments import as_range, check_word
    from convcli.kernels.spec import read_specs

    check_word(channel_order, "channel_order")
    if not isinstance(spec, str):
        raise KernelError(
            f"spec must be text such as 'sobel-x', not {type_name(spec)}; "
            "Kernel(matrix) makes a kernel from an array"
        )
    [kernels] = read_specs([spec], x=as_range(x), channel_order=channel_order)
    if x is not None and kernels.kernels[0].axis is None:
        raise UsageError("x is for signals, such as 'signal:normal'")
    return kernels


def list_kernels() -> dict[str, str]:
    """Return the names of all kernels and families that :func:`get_filter` knows.

    Returns:
        Each name with its group, in the order of ``convcli kernels list``; numpy is not loaded.

    >>> list(list_kernels())[:3]
    ['identity', 'plus', 'vertical-line']
    >>> [name for name, group in list_kernels().items() if group == "sharpening"]
    ['sharpen', 'unsharp']
    """
    from convcli.kernels.catalogue import CATALOGUE

    return {name: entry.group for name, entry in CATALOGUE.items()}


def read_image(
    path: str | PathLike[str],
    channels: Channels = "auto",
    *,
    max_pixels: int = MAX_PIXELS,
    x: SampledAt = None,
) -> NDArray[Any]:
    """Read an image file, a ``.npy`` array or a text matrix as the array that convcli filters.

    EXIF orientation is applied. Palettes and CMYK become RGB. Alpha, which is not filtered, is
    left out. Of an animation, the first frame is read. A warning names what was lost, such as the
    lower part of a damaged file.

    Args:
        path: name of a file, ``@NAME`` of a sample that comes with convcli, or a signal such as
            ``signal:normal,sd=2``, which becomes one row.
        channels: ``auto`` keeps gray as gray and color as RGB; ``gray`` and ``rgb`` convert;
            ``r``, ``g`` and ``b`` take one channel of RGB.
        max_pixels: refuse images with more pixels before decoding them.
        x: where a signal is sampled, as for :func:`get_kernel`.

    Returns:
        (H, W), or (H, W, C) for RGB and arrays of several channels. uint8 and uint16 are pixels of
        these depths; other types are plain numbers.

    Raises:
        ImageError: the file cannot be read as an image, or has no such channels.
        UsageError: there is no such sample, or an argument is wrong.

    >>> image = read_image("@rocket")
    >>> image.shape, image.dtype, read_image("@rocket", "gray").shape
    ((427, 640, 3), dtype('uint8'), (427, 640))
    """
    from convcli.arguments import read_pixels

    pixels, notes = read_pixels(path, channels, max_pixels, x)
    for note in notes:
        warnings.warn(f"{shown(path)}: {note}", stacklevel=2)
    return pixels


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
    from convcli.arguments import fill_value, pad_pixels
    from convcli.images.given import as_image

    return pad_pixels(as_image(image), padding, border, fill_value(fill, border), kernel_size)


@_documented
def explain(
    image: Image,
    kernel: KernelLike,
    at: IntOrPair,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    activation: ActivationName = "none",
    range: Range = "clip",  # noqa: A002 - its name everywhere
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
) -> Explanation:
    """Explain one value of a feature map: window, kernel, products, sum and pixel.

    Args:
        image: (H, W) or (H, W, C), or a signal (W,): an array, nested lists, or a PIL image
            without alpha. uint8 and uint16 are pixels, with a black and a white; other types are
            plain numbers.
        kernel: weights (kh, kw), or (C, kh, kw) summed over the channels; a Kernel; or a SPEC such
            as ``sobel-x``. A SPEC of a family, such as ``sobel``, explains every member and their
            combination.
        at: (row, column) in the feature map; of a signal, the place in it.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor: replaces the kernel's own.
        bias: replaces the kernel's own, in the image's units.
        combine: ``magnitude``, ``max``, ``sum`` or ``mean``; replaces the family's own.
        activation: ``none``, ``relu``, ``leaky-relu`` (slope 0.01), ``sigmoid`` or ``tanh``.
        range: how the value becomes a pixel: ``clip``, ``abs``, ``offset``, ``rescale``,
            ``percentile`` (1 to 99) or ``raw``.
        {missing}

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
    from convcli.arguments import check_word, fill_value, given_filter, in_arguments
    from convcli.kernels.given import as_kernel_set
    from convcli.teaching.explain.arithmetic import explain_image

    check_word(activation, "activation")
    conv = ConvOptions(
        operation, padding, border, fill_value(fill, border), stride, dilation, anchor
    )
    missing = mask, nan, min_valid
    numbers = divisor, bias, combine, range
    with in_arguments():
        given = given_filter(image, as_kernel_set(kernel), conv, *numbers, missing=missing)
        return explain_image(given.image, given.filter, given.place(at), activation)


@_documented
def explain_gradient(
    image: Image,
    kernel: KernelLike,
    *,
    target: Image | None = None,
    at: IntOrPair | None = None,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    activation: ActivationName = "none",
) -> GradientExplanation:
    """Explain the gradients of a loss of one convolution, as ``loss.backward()`` computes them.

    With ``y`` the feature map and ``g = dL/dy / divisor``, dL/dw is the cross-correlation of the
    padded image with g, and dL/dx the full convolution of g with the kernel; padding that copies a
    pixel adds to the gradient of this pixel (Goodfellow, Bengio and Courville, *Deep Learning*,
    2016, section 9.5).

    Args:
        image: (H, W) or (H, W, C), or a signal (W,), as for :func:`explain`; finite numbers.
        kernel: weights (kh, kw), (C, kh, kw), or a bank (N, C, kh, kw); a Kernel; a SPEC such as
            ``sobel-x``; or a list of these of one shape, which is a bank. No family that combines
            its maps.
        target: what the output ought to be, in its shape: the loss is the mean of
            ``(output - target)**2``. None for the sum of the output.
        at: (row, column) of the forward value that is worked out; None for the middle of the map.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor, bias, activation: as for :func:`explain`.

    Returns:
        A :class:`GradientExplanation`, in float64. Its ``output`` is (H', W'), or (H', W', M) for
        several filters or channels; ``loss`` is a float; ``grad_input``, ``grad_weights`` and
        ``grad_output`` have the shapes of what they belong to; ``grad_bias`` is (N,). ``print``
        shows how one number of each is summed.

    Raises:
        GeometryError: the position is outside the feature map, or no window fits.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: the kernels' maps are combined, the target has another shape, or another
            argument is wrong.

    >>> explained = explain_gradient([[1, 2, 4]], [[1, -1]], padding="valid", target=[[0, 0]])
    >>> explained.output.tolist(), explained.loss, explained.grad_output.tolist()
    ([[-1.0, -2.0]], 2.5, [[-1.0, -2.0]])
    >>> explained.grad_weights.tolist(), explained.grad_input.tolist()
    ([[-5.0, -10.0]], [[-1.0, -1.0, 2.0]])
    """
    import numpy as np

    from convcli.arguments import check_word, fill_value, given_filter, in_arguments
    from convcli.images.given import as_image
    from convcli.kernels.given import as_filters, as_kernels
    from convcli.kernels.kernel import Kernel
    from convcli.teaching.explain.gradient_arithmetic import explain_gradient as explain_filters

    check_word(activation, "activation")
    conv = ConvOptions(
        operation, padding, border, fill_value(fill, border), stride, dilation, anchor
    )
    filters = as_filters(kernel)
    is_array = isinstance(kernel, Kernel) or as_kernels(kernel) is None
    is_bank = is_array and np.ndim(cast("Any", kernel)) == 4
    with in_arguments():
        given = given_filter(image, filters, conv, divisor, bias, None, "raw")
        wanted = None if target is None else as_image(target, "target")
        if wanted is not None and given.is_signal:
            wanted = wanted[None]
        place = given.place(at)
        return explain_filters(
            given.image, given.filter, place, wanted, activation, is_bank=is_bank
        )


@overload
def explore(
    image: Image,
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
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: Literal[False] = False,
) -> ExplorePage: ...


@overload
def explore(
    image: Image,
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
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: Literal[True],
) -> ExploreWidget: ...


@overload
def explore(
    image: Image,
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
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: bool,
) -> ExplorePage | ExploreWidget: ...


@_documented
def explore(
    image: Image,
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
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",  # noqa: A002 - its name everywhere
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: bool = False,
) -> ExplorePage | ExploreWidget:
    """Make a page that shows a convolution live, as ``convcli explore`` does.

    Args:
        image: (H, W) or (H, W, C), or a signal (W,): an array, nested lists, or a PIL image
            without alpha. uint8 and uint16 are pixels, other types plain numbers.
        kernel: weights (kh, kw), (C, kh, kw) summed over the channels, or (N, C, kh, kw), a bank;
            a Kernel; or a SPEC such as ``sobel-x``. The maps of a family are combined to one.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor: replaces the kernel's own.
        bias: replaces the kernel's own, in the image's units.
        combine: ``magnitude``, ``max``, ``sum`` or ``mean``; replaces the family's own.
        range: how values become pixels; as for :func:`explain`.
        percentile: what range ``percentile`` maps to black and white.
        at: (row, column) in the feature map that is explained first; None for its middle.
        layers: those that follow the convolution, each a text as after ``convcli chain``, such as
            ``relu`` or ``maxpool 2``; or one text with all of them.
        widget: return a widget, whose ``image``, ``kernel``, ``settings`` and pinned position
            ``at`` follow the page, and the page them; needs ``pip install 'convcli[jupyter]'``.

    Returns:
        An :class:`ExplorePage`: a notebook shows it by itself, and ``save(path)`` writes it; or an
        :class:`ExploreWidget <convcli.teaching.explore.widget.ExploreWidget>`.

    Raises:
        GeometryError: no window fits, or the position is outside the feature map.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: another argument is wrong, a layer does not fit, the image is too large for a
            page, or the extra is not installed.

    >>> page = explore([[1, 2], [3, 4]], "outline", border="zero", layers=["relu", "maxpool 2"])
    >>> page.html[:15]
    '<!doctype html>'
    >>> lesson = explore([[1, 2], [3, 4]], "sobel-x", stride=2, widget=True)
    >>> lesson.settings["stride"], lesson.at
    (2, None)
    >>> lesson.set(kernel=[[1, 2, 1]], divisor=4, at=(0, 0))
    >>> cross_correlate(lesson.image, lesson.kernel, divisor=lesson.settings["divisor"])
    array([[1.25, 1.75],
           [3.25, 3.75]])
    """
    from convcli.arguments import page_setup
    from convcli.teaching.explore.array_page import ExplorePage, PageSettings
    from convcli.teaching.explore.page import explore_page

    settings = PageSettings(
        operation, padding, border, fill, stride, dilation, anchor, divisor, bias, combine, range,
        percentile, layers,
    )  # fmt: skip
    setup = page_setup(image, kernel, settings, at)
    if not widget:
        return ExplorePage(explore_page(setup))
    from convcli.teaching.explore.widget import ExploreWidget

    return ExploreWidget(image, kernel, settings, at, page_setup)


@_documented
def plot(
    image: Image | KernelLike,
    kernel: KernelLike | None = None,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",  # noqa: A002 - its name everywhere
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
    theme: ThemeName = "screen",
    title: str | None = None,
    panels: Sequence[Panel] | None = None,
    titles: Sequence[str] | None = None,
    layout: Layout | None = None,
    axes: bool = True,
    bars: bool = True,
    limits: tuple[float, float] | None = None,
    cmap: str | None = None,
    digits: int | None = None,
    dpi: float = 150,
    width: float | None = None,
    overlay: bool = False,
) -> NotebookFigure:
    """Draw an image, a kernel and the filtered image, as ``apply --plot`` does; or a kernel.

    Args:
        image: (H, W) or (H, W, C), or a signal (W,): an array, nested lists, or a PIL image
            without alpha. uint8 and uint16 are pixels, other types plain numbers. Without
            ``kernel``, the kernel to draw, as ``kernels show --plot`` does.
        kernel: weights (kh, kw), or (C, kh, kw) summed over the channels; a Kernel; or a SPEC such
            as ``sobel-x``. The maps of a family are combined to one.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor: replaces the kernel's own.
        bias: replaces the kernel's own, in the image's units.
        combine: ``magnitude``, ``max``, ``sum``, ``mean`` or ``direction``; replaces the family's
            own.
        range: how values become pixels; as for :func:`explain`.
        {missing}
        theme: ``screen``, ``slide`` (16:9, large text), ``paper`` (prints in gray) or ``dark``.
        title: a heading; None for the figure's own, "" for none.
        panels: what is drawn, of ``input``, ``padded``, ``kernel`` and ``result``.
        titles: one for each panel.
        layout: ``row``, ``column`` or ``grid``.
        axes: whether rows and columns are numbered.
        bars: whether there are color bars.
        limits: the values at the ends of all color scales but the kernel's.
        cmap: a colormap of matplotlib for everything with one channel.
        digits: decimals of the numbers; None for as many as are needed.
        dpi: pixels per inch.
        width: of the page in inches; None for the theme's.
        overlay: draw a signal, its kernel and its result as curves on one axis; ``titles`` name
            them in the legend.

    Returns:
        A ``matplotlib.figure.Figure`` that a notebook shows by itself, and whose ``save(path)``
        writes it. pyplot does not manage it.

    Raises:
        GeometryError: no window fits.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: another argument is wrong.

    >>> figure = plot([[1, 2], [3, 4]], "outline", panels=["input", "result"], theme="slide")
    >>> figure.get_size_inches().round(2).tolist()
    [13.33, 7.5]
    """
    from convcli.arguments import fill_value, given_filter, in_arguments
    from convcli.choices import COMBINATIONS
    from convcli.figure_options import FigureOptions
    from convcli.kernels.given import as_kernel_set
    from convcli.plotting.arguments import check_unused, checked_figure_options

    listed: Any = {"panels": panels, "titles": titles}
    options = checked_figure_options(
        FigureOptions(
            theme=theme,
            title=title,
            cmap=cmap,
            digits=digits,
            dpi=dpi,
            width=width,
            layout=layout,
            axes=axes,
            bars=bars,
            limits=limits,
            overlay=overlay,
            **listed,
        )
    )
    if kernel is None:
        of_results: dict[str, Any] = {
            "operation": operation, "padding": padding, "border": border, "fill": fill,
            "stride": stride, "dilation": dilation, "anchor": anchor, "divisor": divisor,
            "bias": bias, "combine": combine, "range": range, "panels": panels, "titles": titles,
            "layout": layout, "limits": limits, "overlay": overlay, "mask": mask, "nan": nan,
            "min_valid": min_valid,
        }  # fmt: skip
        check_unused(plot, of_results, "for filtered images; plot(kernel) draws the kernel alone")
        from convcli.teaching.kernels.kernel_sheet import draw_kernel_sheet

        drawn: Any = image
        return draw_kernel_sheet(as_kernel_set(drawn), options=options)
    from convcli.plotting.filter_figure import draw_filtered_array

    conv = ConvOptions(
        operation, padding, border, fill_value(fill, border), stride, dilation, anchor
    )
    missing = mask, nan, min_valid
    numbers = divisor, bias, combine, range
    with in_arguments():
        given = given_filter(
            image, as_kernel_set(kernel), conv, *numbers, rules=COMBINATIONS, missing=missing
        )
        return draw_filtered_array(given.image, given.filter, options)


@_documented
def animate(
    image: Image,
    kernel: KernelLike,
    path: str | PathLike[str],
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",  # noqa: A002 - its name everywhere
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
    first: IntOrPair | None = None,
    last: IntOrPair | None = None,
    step: SupportsIndex | None = None,
    fps: Number | None = None,
    theme: ThemeName = "screen",
    title: str | None = None,
    cmap: str | None = None,
    digits: int | None = None,
    dpi: float = 100,
    width: float | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write an animation of the window that slides over an image, as ``convcli animate`` does.

    Args:
        image: as for :func:`explain`.
        kernel: as for :func:`explain`.
        path: the name of a ``.gif``, ``.webp``, ``.mp4`` (needs ffmpeg) or ``.pdf`` file, or of a
            folder for ``frame-0001.png`` and so on.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor, bias, combine, range: as for :func:`explain`.
        {missing}
        first, last: positions in the feature map, (row, column) or, of a signal, the place in it;
            None for its first and its last. The window moves row by row.
        step: show every ``step``-th position, and the last; None for all, or for 200 evenly spaced.
        fps: frames per second; None for 5, 10 or 20, by the number of frames.
        theme, title, cmap, digits, dpi, width: as for :func:`plot`.
        overwrite: whether an existing file may be replaced.

    Returns:
        The names of the files written: one, or all frames of a folder.

    Raises:
        ImageError: the file exists and ``overwrite`` is false, or it cannot be written.
        ConvcliError: as :func:`explain`, or no animation has such a name.

    >>> animate([[1, 2], [3, 4]], "outline", "outline.gif")  # doctest: +SKIP
    [PosixPath('outline.gif')]
    """
    from convcli.arguments import fill_value, given_filter, in_arguments
    from convcli.figure_options import FigureOptions
    from convcli.kernels.given import as_kernel_set
    from convcli.plotting.arguments import checked_figure_options
    from convcli.teaching.animate.sliding import slide_over
    from convcli.teaching.animate.write import write_window

    options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
    conv = ConvOptions(
        operation, padding, border, fill_value(fill, border), stride, dilation, anchor
    )
    missing, numbers = (mask, nan, min_valid), (divisor, bias, combine, range)
    with in_arguments():
        given = given_filter(image, as_kernel_set(kernel), conv, *numbers, missing=missing)
        start, end = (None if place is None else given.place(place) for place in (first, last))
        return write_window(
            lambda: slide_over(given.image, given.filter),
            path,
            first=start,
            last=end,
            step=step,
            fps=fps,
            options=options,
            overwrite=overwrite,
        )


def learn_kernel(
    before: Image | Sequence[Image],
    after: Image | Sequence[Image],
    size: IntOrPair = 3,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike | None = None,
    border: AnyBorder | None = None,
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    bias: bool = True,
    ignore_clipped: bool = False,
    descent: bool = False,
    rate: float | None = None,
    epochs: int = 200,
    momentum: float = 0.0,
    seed: int = 0,
    through: ThroughName | None = None,
    threads: int | None = None,
) -> LearnResult:
    """Learn the kernel and the bias that turn one image into another.

    Solves ``after[r, c] = sum(kernel[i, j] * padded[r*s + i*d, c*s + j*d]) + bias`` by least
    squares over all windows, through the normal equations.

    Args:
        before: (H, W) or (H, W, C) real numbers: an array, nested lists, or a PIL image without
            alpha; or a list of such images; or a signal (W,), for which the kernel has one row.
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
            None for one that converges. This and the next four need ``descent``.
        epochs: number of steps of descent.
        momentum: share of each step that is added to the next. With 0, and no ``rate``, the loss
            falls at every epoch; with 0.9 it rises at times and often ends lower.
        seed: of the random start.
        through: ``relu`` to take the loss after ReLU, ``mean((relu(sum) - after)**2)``, where
            ``after`` is what ReLU left of a map; None for none. A filter that ReLU passes nowhere
            is dead and learns nothing: ``history.dead`` is the epoch from which on it is.
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
    from convcli.images.given import as_images
    from convcli.teaching.learn.fit import learn_from
    from convcli.teaching.learn.windows import pair_arrays

    before_images, after_images = as_images(before, "before"), as_images(after, "after")
    if all(image.ndim == 1 for image in (*before_images, *after_images)):
        before_images, after_images = (
            [image[None] for image in images] for images in (before_images, after_images)
        )
        size, padding = _of_signal(size, padding)
    model, settings = _learning(
        size, operation, padding, border, fill, stride, dilation, bias, ignore_clipped, descent,
        (rate, epochs, momentum, seed, through),
    )  # fmt: skip
    return learn_from(pair_arrays(before_images, after_images), model, settings, threads)


def learn_bank(
    before: Image | Sequence[Image],
    after: Image | Sequence[Image],
    size: IntOrPair = 3,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike | None = None,
    border: AnyBorder | None = None,
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    bias: bool = True,
    ignore_clipped: bool = False,
    descent: bool = False,
    rate: float | None = None,
    epochs: int = 200,
    momentum: float = 0.0,
    seed: int = 0,
    through: ThroughName | None = None,
    threads: int | None = None,
) -> BankResult:
    """Learn a filter bank: one kernel and one bias for each map that an image was turned into.

    Each filter is learned on its own, as :func:`learn_kernel` learns a kernel.

    Args:
        before: (H, W) or (H, W, C), as for :func:`learn_kernel`; or a list of such images; or a
            signal (W,), for which the kernels have one row.
        after: (H', W', N), the maps of ``before``, or a list with those of each image; (W', N) for
            a signal. For one image also a list of its maps, with one channel or with as many as
            the image.
        size, operation, padding, border, fill, stride, dilation, bias, ignore_clipped: as for
            :func:`learn_kernel`.
        descent, rate, epochs, momentum: likewise.
        seed: of the random start of the first filter; that of each further one is higher by 1.
        through: as for :func:`learn_kernel`.
        threads: use at most this many; the result does not depend on it.

    Returns:
        A :class:`BankResult`: the ``weights``, float64 (N, C, kh, kw) as torch and ONNX have them,
        the ``bias`` (N,), and ``filters``, which has a :class:`LearnResult` for each.

    Raises:
        GeometryError: no padding relates the sizes of the images.
        UsageError: the images do not determine the kernels, or an argument is wrong.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> bank = np.array([[[[1, 2, 1]]], [[[0, 0, -3]]]])
    >>> learned = learn_bank(image, cross_correlate(image, bank), (1, 3))
    >>> (learned.weights.round(6) + 0.0).tolist()
    [[[[1.0, 2.0, 1.0]]], [[[0.0, 0.0, -3.0]]]]
    """
    from convcli.images.given import as_images
    from convcli.teaching.learn.bank import learn_each, split_maps
    from convcli.teaching.learn.windows import pair_arrays

    before_images, after_images = as_images(before, "before"), as_images(after, "after")
    if all(image.ndim == 1 for image in before_images):
        before_images, after_images = (
            [image[None] for image in images] for images in (before_images, after_images)
        )
        size, padding = _of_signal(size, padding)
    model, settings = _learning(
        size, operation, padding, border, fill, stride, dilation, bias, ignore_clipped, descent,
        (rate, epochs, momentum, seed, through),
    )  # fmt: skip
    if len(before_images) == 1 < len(after_images):
        each: list[Any] = [pair_arrays(before_images, [image]) for image in after_images]
    else:
        each = split_maps(pair_arrays(before_images, after_images))
    return learn_each(each, model, settings, threads)


def _of_signal(size: Any, padding: Any) -> tuple[Any, Any]:
    """Return the size of a signal's kernel and its padding as those of an image of one row."""
    from convcli.arguments import row_padding, row_size

    return row_size(size), None if padding is None else row_padding(padding)


def _learning(
    size: Any,
    operation: Any,
    padding: Any,
    border: Any,
    fill: Any,
    stride: Any,
    dilation: Any,
    bias: Any,
    ignore_clipped: Any,
    descent: Any,
    steps: tuple[Any, Any, Any, Any, Any],
) -> tuple[Model, Descent | None]:
    """Return how the second image was made, and the settings of a descent.

    Raises:
        UsageError: an argument is wrong.
    """
    from convcli.arguments import check_word, fill_value
    from convcli.core.dtypes import as_flag
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.windows import Model

    check_word(operation, "operation")
    fill = fill_value(fill, "none" if border is None else border)
    taps = as_pair(size, "kernel size", least=1)
    with_bias, unclipped = as_flag(bias, "bias"), as_flag(ignore_clipped, "ignore_clipped")
    model = Model(taps, operation, padding, border, fill, stride, dilation, with_bias, unclipped)
    settings = Descent(*steps)
    settings.check()
    wanted = as_flag(descent, "descent")
    if not wanted and settings != Descent():
        changed = (n for n in Descent._fields if getattr(settings, n) != getattr(Descent(), n))
        raise UsageError(f"{next(changed)} needs descent=True; give both")
    return model, settings if wanted else None


@overload
def output_size(
    size: int | integer[Any],
    kernel: SupportsIndex,
    padding: SupportsIndex | PaddingRule = 0,
    stride: SupportsIndex = 1,
    dilation: SupportsIndex = 1,
) -> int: ...


@overload
def output_size(
    size: Ints,
    kernel: IntOrPair,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
) -> Pair: ...


@overload
def output_size(
    size: int | integer[Any],
    kernel: IntOrPair,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
) -> int | Pair: ...


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
    return (rows, columns) if hasattr(size, "__len__") or rows != columns else rows


def receptive_field(layers: Iterable[Ints]) -> ReceptiveField:
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
