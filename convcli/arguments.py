"""What the Python functions accept: kernels and numbers of many kinds, and what they do with them.

Each function returns what the core takes, or raises a ConvcliError that names the argument.
Arrays, the common case, pay one type test.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.choices import (
    BORDERS,
    CHANNELS,
    COMBINATIONS,
    NAN_RULES,
    PADDINGS,
    RANGES,
    SIZED_PADDINGS,
)
from convcli.core.combine import COMBINERS
from convcli.core.correlate import KernelNumbers, combined_map, feature_map
from convcli.core.dtypes import (
    ImageInfo,
    as_flag,
    as_numbers,
    check_finite,
    check_image,
    real_number,
    saturate,
    with_channels,
)
from convcli.core.padding import border_index, pad_array
from convcli.core.plan import make_plan
from convcli.core.plan_summary import PlanSummary, summarize
from convcli.errors import (
    ConvcliError,
    GeometryError,
    ImageError,
    KernelError,
    UsageError,
    short_repr,
)
from convcli.geometry import ConvOptions, as_count, as_pair, border_name, conv_geometry, pads_of
from convcli.images.given import REAL, as_image, file_name
from convcli.images.image import depth_of, level_of
from convcli.signals import SampleRange, SignalSource, is_signal, parse_range

if TYPE_CHECKING:  # numbers need no more; these are loaded for kernels that have a name
    from convcli.core.missing import Missing
    from convcli.filtering import Filter
    from convcli.images.image import ImageData
    from convcli.kernels.given import GivenKernels
    from convcli.kernels.spec import KernelSet
    from convcli.teaching.explore.array_page import PageSettings
    from convcli.teaching.explore.page import PageSetup

Array = NDArray[Any]
_VALUES = "|".join({*COMBINATIONS, *RANGES, *PADDINGS, *BORDERS, *CHANNELS})
_OPTION = re.compile(rf"--(?P<name>[a-z]+(-[a-z]+)*)( (?P<value>{_VALUES})\b(?!-))?")
# A list that holds only these is a matrix.
ROWS_AND_NUMBERS = (list, tuple, int, float, np.ndarray, np.generic)


def as_range(x: Any) -> SampleRange | None:
    """Return where signals are sampled: (start, stop, count), or text as for ``--x``.

    Raises:
        UsageError: it is neither, nor None.
    """
    if x is None:
        return None
    if not isinstance(x, str | tuple | list):
        raise UsageError(f"x must be (start, stop, count), not {short_repr(x)}")
    try:
        return parse_range(x if isinstance(x, str) else ":".join(map(short_repr, x)))
    except UsageError as error:
        raise UsageError(f"x: {error}") from error


def read_pixels(
    path: Any, channels: Any, max_pixels: Any, x: Any = None
) -> tuple[Array, list[str]]:
    """Read an image file, and return its pixels and what there is to say about them.

    Messages about options of the command line name the arguments instead.

    Args:
        path: of a file, ``@NAME`` of a sample, or a signal.
        channels: one of :data:`convcli.choices.CHANNELS`.
        max_pixels: larger images are refused.
        x: where a signal is sampled; see :func:`as_range`.

    Raises:
        ImageError: the file cannot be read as an image.
        UsageError: there is no such sample or signal, or an argument is wrong.
    """
    from convcli.images.notes import visible
    from convcli.images.options import ReadOptions
    from convcli.images.reading import FRAMES_ADVICE, read_image
    from convcli.samples import file_of

    file_name(path)
    check_word(channels, "channels")
    options = ReadOptions(channels, max_pixels=as_count(max_pixels, "max_pixels"))
    file: Path | SignalSource
    if isinstance(path, str) and is_signal(path):
        options, file = options._replace(x=as_range(x)), SignalSource(path)
    elif x is not None:
        raise UsageError("x is for signals, such as 'signal:normal'")
    else:
        file = Path(file_of(path) if isinstance(path, str) else path)
    with in_arguments():
        image = read_image(file, name=str(path), options=options)
    return image.pixels, [note.removesuffix(FRAMES_ADVICE) for note in visible(image.notes)]


@contextmanager
def in_arguments() -> Iterator[None]:
    """Write the options that an error of the block names as arguments.

    >>> with in_arguments():
    ...     raise UsageError("--combine direction needs --range rescale")
    Traceback (most recent call last):
    convcli.errors.UsageError: combine='direction' needs range='rescale'
    """
    try:
        yield
    except ImageError as error:
        problem = _OPTION.sub(_as_argument, error.problem)
        if problem == error.problem:
            raise
        raise type(error)(error.path, problem) from error
    except ConvcliError as error:
        problem = _OPTION.sub(_as_argument, str(error))
        if problem == str(error):
            raise
        raise type(error)(problem) from error


def _as_argument(option: re.Match[str]) -> str:
    name, value = option["name"].replace("-", "_"), option["value"]
    return f"{name}='{value}'" if value else name


def pad_pixels(pixels: Array, padding: Any, border: Any, fill: float, kernel: Any) -> Array:
    """Pad an image or a signal; :func:`convcli.pad` explains the arguments."""
    signal = pixels.ndim == 1
    if signal:
        pixels, padding = pixels[np.newaxis], row_padding(padding)
        kernel = None if kernel is None else row_size(kernel)
    check_image(pixels)
    pads = pads_of((pixels.shape[0], pixels.shape[1]), padding, kernel)
    padded = pad_array(pixels, pads, border_name(border), fill)
    return padded[0] if signal else padded


def as_missing(
    image: Any, mask: Any, nan: Any, min_valid: Any, *, batch: bool = False
) -> tuple[Array, Missing | None]:
    """Return an image as an array, and which of its pixels are missing; None if it has them all.

    Args:
        image: as :func:`convcli.images.given.as_image` takes it, or a masked array.
        mask, nan, min_valid: as for :func:`convcli.cross_correlate`.
        batch: whether several images, (N, H, W, C), are taken too.

    Raises:
        UsageError: an argument is wrong, or ``min_valid`` has nothing to count.
    """
    # Without numpy.ma nothing is masked.
    masked = isinstance(image, getattr(sys.modules.get("numpy.ma"), "MaskedArray", ()))
    if masked and mask is not None:
        raise UsageError("image is a masked array and has a mask; give one of the two")
    if masked:
        image, mask = image.data, np.ma.getmaskarray(image)
    pixels = as_image(image, batch=batch)
    if not isinstance(nan, str) or nan not in NAN_RULES:
        raise UsageError(f"nan must be 'propagate' or 'ignore', not {short_repr(nan)}")
    least = real_number(min_valid, "min_valid")
    if not 0 <= least <= 1:
        raise UsageError(f"min_valid must be from 0 to 1, not {short_repr(min_valid)}")
    if mask is None and nan == "propagate":
        if least:
            raise UsageError("min_valid needs mask, nan='ignore' or a masked array; give one")
        return pixels, None
    from convcli.core.missing import Missing

    if mask is not None:
        mask = as_image(mask, "mask", batch=batch)
        if pixels.ndim == 4:
            fits = mask.ndim > 2 and len(mask) == len(pixels)
        else:
            fits = mask.ndim < 4 and min(mask.ndim, 2) == min(pixels.ndim, 2)
        if not fits:
            shapes = [pixels.shape] if pixels.ndim < 3 else [pixels.shape[:-1], pixels.shape]
            wanted = " or ".join(map(str, shapes))
            raise UsageError(f"mask must have the shape {wanted} of the image, not {mask.shape}")
        mask = mask[np.newaxis] if mask.ndim == 1 else mask
    return pixels, Missing(nan == "ignore", mask, least)


def as_kernel(kernel: Any) -> Array | GivenKernels:
    """Return a kernel as an array of weights, or as Kernels with their divisors and biases.

    Raises:
        KernelError: it is no kernel.
    """
    is_matrix = isinstance(kernel, np.ndarray) or (
        isinstance(kernel, list | tuple)
        and all(isinstance(item, ROWS_AND_NUMBERS) for item in kernel)
    )
    if not is_matrix:
        from convcli.kernels.given import as_kernels

        given = as_kernels(kernel)
        if given is not None:
            return given
    weights = as_numbers(kernel, "kernel", KernelError)
    if weights.dtype.kind not in REAL:
        raise KernelError(
            f"kernel must be real numbers, a Kernel or the text of a SPEC, not {short_repr(kernel)}"
        )
    return weights


def check_word(value: Any, name: str) -> None:
    """Raise UsageError unless a value is text. Whether it is one of the words is checked later."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a word, not {short_repr(value)}")


def fill_value(fill: Any, border: Any) -> float:
    """Return the value of a constant border.

    Raises:
        UsageError: it is no number, or not 0 though the border is not constant.
    """
    value = real_number(fill, "fill")
    if value != 0 and not (isinstance(border, str) and border == "constant"):
        raise UsageError("fill needs border='constant'; give both")
    return value


def row_padding(padding: Any) -> Any:
    """Return the padding of a signal, one number or (before, after), as (0, 0, before, after)."""
    if isinstance(padding, str):
        return padding
    sides = np.atleast_1d(as_numbers(padding, "padding", GeometryError)).tolist()
    if not 1 <= len(sides) <= 2:
        raise GeometryError(
            f"padding of a signal takes one number or (before, after), not {len(sides)} numbers"
        )
    return 0, 0, sides[0], sides[-1]


def row_options(conv: ConvOptions) -> ConvOptions:
    """Return the options of a signal as those of an image of one row."""
    anchor: Any = conv.anchor
    anchor = anchor if isinstance(anchor, str) or not is_single(anchor) else (0, anchor)
    return conv._replace(padding=row_padding(conv.padding), anchor=anchor)


def row_size(size: Any) -> Any:
    """Return the size of a signal's kernel or window, one number, as (1, number)."""
    return (1, size) if is_single(size) else size


def is_single(value: Any) -> bool:
    """Tell whether a value is one number, not a sequence of numbers."""
    return value.ndim == 0 if isinstance(value, np.ndarray) else not isinstance(value, Iterable)


def filter_pixels(
    pixels: Array,
    kernel: Array | GivenKernels,
    conv: ConvOptions,
    divisor: Any = None,
    bias: Any = None,
    dtype: Any = None,
    method: str = "auto",
    threads: Any = None,
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
        numbers = divisor, bias, dtype, method, threads
        return _filter_batch(pixels, missing, kernel, conv, *numbers)
    if pixels.ndim == 1:
        conv = row_options(conv)
    image = pixels[np.newaxis] if pixels.ndim == 1 else pixels
    terms, combine = _numbers(kernel, image, divisor, bias)
    if pixels.ndim == 1:
        check_rows(term.matrix for term in terms)
    if missing is not None:
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
    kernel: Array | GivenKernels, image: Array, divisor: Any, bias: Any
) -> tuple[list[KernelNumbers], str | None]:
    """Return what each kernel computes with, and how their maps combine."""
    combine = None
    if isinstance(kernel, np.ndarray):
        terms = [KernelNumbers(kernel[np.newaxis] if kernel.ndim == 1 else kernel)]
    else:
        level, channels = level_of(depth_of(image.dtype)), with_channels(image).shape[-1]
        terms, combine = kernel.numbers(level, channels), kernel.kernel_set.combine
    if divisor is not None:
        terms = [term._replace(divisor=divisor) for term in terms]
    if bias is not None:
        terms = [term._replace(bias=bias) for term in terms]
    return terms, combine


def check_rows(matrices: Iterable[Array]) -> None:
    """Raise KernelError unless all kernels have one row, as a signal has."""
    for matrix in matrices:
        if matrix.ndim > 1 and matrix.shape[-2] != 1:
            raise KernelError(
                f"kernel has {matrix.shape[-2]} rows, but a signal takes a kernel of one row; "
                "write [signal] for an image of one row"
            )


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


class GivenFilter(NamedTuple):
    """An image and a filter as a caller gives them.

    Attributes:
        image: a signal is one row.
        kernels: with the caller's divisor and rule in place of their own.
        filter: of these kernels.
        is_signal: whether the image was given as (W,).
    """

    image: ImageData
    kernels: KernelSet
    filter: Filter
    is_signal: bool

    def place(self, at: Any) -> Any:
        """Return a position in the feature map; in that of a signal, it may be one number."""
        return (0, at) if self.is_signal and at is not None and is_single(at) else at


def given_filter(
    image: Any,
    kernels: KernelSet,
    conv: ConvOptions,
    divisor: Any,
    bias: Any,
    combine: Any,
    range_name: Any,
    *,
    rules: Sequence[str] = tuple(COMBINERS),
    missing: tuple[Any, Any, Any] | None = None,
) -> GivenFilter:
    """Return an image with its filter; :func:`convcli.explain` explains the arguments.

    ``rules`` are those by which maps may be combined. ``missing`` is mask, nan and min_valid; None
    if all pixels are needed.

    Raises:
        ConvcliError: as :func:`convcli.explain`.
    """
    from convcli.filtering import Filter
    from convcli.images.image import image_of

    pixels, lost = (as_image(image), None) if missing is None else as_missing(image, *missing)
    _check_filter_words(pixels, conv.operation, combine, range_name)
    is_signal = pixels.ndim == 1
    if is_signal:
        check_rows(member.matrix for member in kernels.kernels)
        pixels, conv = pixels[np.newaxis], row_options(conv)
    check_image(pixels)
    divisor, bias = optional_number(divisor, "divisor"), optional_number(bias, "bias")
    members = kernels.kernels
    if combine is not None and (len(members) < 2 or combine not in rules):
        raise UsageError(f"combine needs two or more kernels and must be one of {', '.join(rules)}")
    if divisor is not None:
        members = tuple(member.with_divisor(divisor) for member in members)
    kernels = kernels._replace(kernels=members, combine=combine or kernels.combine)
    divided = "" if divisor is None else f"divisor {divisor:.10g}"
    image_filter = Filter(
        kernels.label,
        members,
        kernels.combine,
        conv,
        range=range_name,
        bias=bias,
        divided=divided,
        missing=lost,
    )
    return GivenFilter(image_of(pixels), kernels, image_filter, is_signal)


def page_setup(image: Any, kernel: Any, settings: PageSettings, at: Any) -> PageSetup:
    """Return what a page begins with; :func:`convcli.explore` explains the arguments.

    Raises:
        ConvcliError: as :func:`convcli.explore`.
    """
    from convcli.kernels.given import as_filters
    from convcli.teaching.explore.array_page import array_setup

    conv = ConvOptions(*settings[: len(ConvOptions._fields)])
    conv = conv._replace(fill=fill_value(settings.fill, settings.border))
    numbers = settings.divisor, settings.bias, settings.combine, settings.range
    with in_arguments():
        given = given_filter(image, as_filters(kernel), conv, *numbers)
    spec = kernel if isinstance(kernel, str) else None
    return array_setup(given.image, given.kernels, spec, given.filter, settings, given.place(at))


def _check_filter_words(pixels: Array, operation: Any, combine: Any, range_name: Any) -> None:
    """Check the words that are looked up later.

    Raises:
        UsageError: one is no text, or the range needs pixels and the image has plain numbers.
    """
    words = {"operation": operation, "range": range_name}
    for name, word in (words | ({} if combine is None else {"combine": combine})).items():
        check_word(word, name)
    if range_name == "offset" and depth_of(pixels.dtype) is None:
        raise UsageError(
            "range 'offset' needs an image of uint8 or uint16; use 'clip', 'rescale' or 'raw'"
        )


def optional_number(value: Any, name: str) -> float | None:
    """Return a number, or None for None."""
    return None if value is None else real_number(value, name, KernelError)


def flag_of_two_names(value: Any, synonym: Any, names: tuple[str, str], default: bool) -> bool:
    """Return the truth value that is given under one of two names, or the default."""
    if value is not None and synonym is not None:
        raise UsageError(f"{names[0]} and {names[1]} are one argument; give one of them")
    if synonym is not None:
        return as_flag(synonym, names[1])
    return default if value is None else as_flag(value, names[0])
