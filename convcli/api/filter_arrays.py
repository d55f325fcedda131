"""One array through one kernel, and what that would take; each as the caller gives it."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convcli.api.arguments import check_rows, check_word, row_options
from convcli.choices import SIZED_PADDINGS
from convcli.core.correlate import KernelNumbers, combined_map, feature_map
from convcli.core.dtypes import (
    ImageInfo,
    as_numbers,
    check_finite,
    saturate,
    with_channels,
)
from convcli.core.padding import border_index
from convcli.core.plan import make_plan
from convcli.core.plan_summary import PlanSummary, summarize
from convcli.errors import KernelError, UsageError, short_repr
from convcli.geometry import ConvOptions, as_pair, border_name, conv_geometry
from convcli.images.given import REAL
from convcli.images.image import depth_of, level_of

if TYPE_CHECKING:  # numbers need no more; these are loaded for kernels that have a name
    from convcli.core.missing import Missing
    from convcli.kernels.given import GivenKernels

Array = NDArray[Any]


def filter_pixels(
    pixels: Array,
    kernel: Array | GivenKernels,
    conv: ConvOptions,
    divisor: Any = None,
    bias: Any = None,
    dtype: Any = None,
    method: str = "auto",
    threads: Any = None,
    groups: int = 1,
    *,
    missing: Missing | None = None,
    info: ImageInfo | None = None,
) -> Array:
    """Filter an image, a signal or a batch; :func:`convcli.cross_correlate` explains the arguments.

    ``divisor`` and ``bias`` replace those of the kernels, unless they are None. ``missing`` says
    which pixels are missing, and ``info`` what is known of them; None to look at them.
    """
    check_word(method, "method")
    if pixels.ndim == 4:
        numbers = divisor, bias, dtype, method, threads, groups
        return _filter_batch(pixels, missing, kernel, conv, *numbers)
    if pixels.ndim == 1:
        conv = row_options(conv)
    image = pixels[np.newaxis] if pixels.ndim == 1 else pixels
    terms, combine = _numbers(kernel, image, divisor, bias, groups)
    if pixels.ndim == 1:
        check_rows(term.matrix for term in terms)
    if groups > 1:
        from convcli.core.groups import group_map

        if combine is not None:
            raise KernelError("groups takes a bank (N, C / groups, kh, kw), not a family")
        [term] = terms
        image = with_channels(image)
        result = group_map(image, term, groups, conv, dtype, method, threads, info, missing)
    elif missing is not None:
        from convcli.core.missing import partial_map

        result = partial_map(image, missing, terms, combine, conv, dtype, method, threads)
    elif combine is None:
        [term] = terms
        result = feature_map(image, term.matrix, conv, *term[1:], dtype, method, threads, info)
    else:
        result = combined_map(image, terms, combine, conv, dtype, method, threads, info)
    return result[0] if pixels.ndim == 1 else result


def _filter_batch(images: Array, missing: Missing | None, *arguments: Any) -> Array:
    """Filter each image of a batch; the maps have one type, whatever the values of each image."""
    if 0 in images.shape:
        raise UsageError(f"image is a batch without pixels, of shape {images.shape}")
    info = ImageInfo.of(images)
    masks = repeat(None) if missing is None or missing.mask is None else missing.mask
    return np.stack(
        [
            filter_pixels(
                image,
                *arguments,
                missing=None if missing is None else missing._replace(mask=mask),
                info=info,
            )
            for image, mask in zip(images, masks, strict=False)
        ]
    )


def plan_shape(
    shape: Any,
    dtype: Any,
    kernel: Array | GivenKernels,
    conv: ConvOptions,
    divisor: Any,
    bias: Any,
    method: Any,
) -> PlanSummary:
    """Plan for an image of this shape and type; :func:`convcli.plan` explains the arguments."""
    check_word(method, "method")
    pixels = _empty_image(shape, dtype)
    if pixels.ndim == 1:
        conv = row_options(conv)
    image = pixels[np.newaxis] if pixels.ndim == 1 else pixels
    terms, combine = _numbers(kernel, image, divisor, bias)
    if combine is not None:
        raise KernelError("plan takes one kernel or a bank, not a family; plan each of its kernels")
    [term] = terms
    if pixels.ndim == 1:
        check_rows([term.matrix])
    info = ImageInfo.of_type(image.dtype)
    plan = make_plan(image, term.matrix, conv, *term[1:], method, info=info)
    return summarize(plan, pixels.shape, pixels.dtype, term.matrix.shape)


def _empty_image(shape: Any, dtype: Any) -> Array:
    """Return an array of this shape and type that takes no memory."""
    sides = as_numbers(shape, "image_shape")
    whole = sides.ndim == 1 and 1 <= len(sides) <= 3 and sides.dtype.kind in "iu"
    if not whole or not 1 <= int(sides.min()) <= int(sides.max()) < 2**31:
        raise UsageError(f"image_shape must be (H, W), (H, W, C) or (W,), not {short_repr(shape)}")
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError, DeprecationWarning) as error:
        raise UsageError(f"dtype must be a type of numbers, not {short_repr(dtype)}") from error
    if dtype is None or kind.kind not in REAL:
        raise UsageError(f"dtype must be a type of real numbers, not {short_repr(dtype)}")
    try:
        return np.broadcast_to(np.zeros((), kind), tuple(sides.tolist()))
    except ValueError as error:
        raise UsageError(f"image_shape {short_repr(shape)} exceeds any memory") from error


def _numbers(
    kernel: Array | GivenKernels, image: Array, divisor: Any, bias: Any, groups: int = 1
) -> tuple[list[KernelNumbers], str | None]:
    """Return what each kernel computes with, and how their maps combine."""
    combine = None
    if isinstance(kernel, np.ndarray):
        terms = [KernelNumbers(kernel[np.newaxis] if kernel.ndim == 1 else kernel)]
    else:
        level, channels = level_of(depth_of(image.dtype)), with_channels(image).shape[-1]
        terms, combine = kernel.numbers(level, channels // groups), kernel.kernel_set.combine
    if divisor is not None:
        terms = [term._replace(divisor=divisor) for term in terms]
    if bias is not None:
        terms = [term._replace(bias=bias) for term in terms]
    return terms, combine


def convolve_pixels(
    pixels: Array,
    kernel: Array | GivenKernels,
    conv: ConvOptions,
    *rest: Any,
    missing: Missing | None = None,
) -> Array:
    """Filter; swap a signal and a kernel that is longer, as numpy.convolve does.

    Padding in numbers is that of the image, and dilation that of the kernel: with these nothing is
    swapped.
    """
    if pixels.ndim == 1 and isinstance(kernel, np.ndarray) and kernel.ndim == 1:
        dilation = as_pair(conv.dilation, "dilation", least=1)[1]
        words = isinstance(conv.padding, str) and isinstance(conv.anchor, str)
        usual = words and conv.padding in SIZED_PADDINGS and conv.anchor == "before"
        commutes = usual and dilation == 1
        if commutes and 0 < len(pixels) < len(kernel):
            if missing is not None:
                raise UsageError(
                    "a signal with missing samples must not be shorter than its kernel; "
                    "use cross_correlate, or write [signal] for an image of one row"
                )
            return _convolve_swapped(pixels, kernel, conv, *rest)
    return filter_pixels(pixels, kernel, conv, *rest, missing=missing)


@np.errstate(all="ignore")
def _convolve_swapped(
    signal: Array, kernel: Array, conv: ConvOptions, divisor: Any, *rest: Any
) -> Array:
    """Convolve a signal with a longer kernel: take the kernel for the image.

    The border, if it is not zero, continues the kernel. NaN and infinities of the signal cannot be
    weights: the sums have 0 in their place, and each is then added to the outputs that weigh it.

    Args:
        signal: (W,).
        kernel: a longer one, (kw,).
        conv: with a rule for the padding, and dilation 1.
        divisor: as for :func:`filter_pixels`.
        *rest: its arguments from ``bias`` on.
    """
    if kernel.dtype.itemsize > 8:  # a long double, which is summed in float64
        kernel = kernel.astype(np.float64)
    check_finite(kernel)
    if signal.dtype.kind != "f":
        return filter_pixels(kernel, signal, conv, divisor, *rest)
    finite = np.isfinite(signal)
    image = kernel.astype(np.result_type(signal, kernel))  # the result has the type of both
    result = filter_pixels(image, np.where(finite, signal, 0), conv, divisor, *rest)
    if finite.all():
        return result
    shapes = (1, len(kernel)), (1, len(signal))
    geometry = conv_geometry(*shapes, conv.padding, conv.stride, operation="convolve")
    pads, step = geometry.pads, geometry.stride[1]
    index = border_index(len(kernel), pads.left, pads.right, border_name(conv.border))
    weights = np.append(kernel, conv.fill)[index]  # OUTSIDE is the index of the last one
    added = np.zeros(len(result))
    for place in np.flatnonzero(~finite).tolist():
        first = len(signal) - 1 - place
        weighing = weights[first : first + (len(result) - 1) * step + 1 : step]
        added += np.where(weighing == 0, 0, signal[place] * weighing)
    reached = ~np.isfinite(added)
    sums = result[reached] + added[reached] / float(1 if divisor is None else divisor)
    values = np.empty(len(sums), result.dtype)
    saturate(sums, values, overwrite=True)
    result[reached] = values
    return result
