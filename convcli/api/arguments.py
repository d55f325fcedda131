"""What the functions accept as images, kernels and numbers.

Each function returns what the core takes, or raises a ConvcliError that names the argument.
Arrays, the common case, pay one type test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convcli.choices import BORDERS, CHANNELS, COMBINATIONS, NAN_RULES, PADDINGS, RANGES
from convcli.core.dtypes import as_flag, as_numbers, real_number
from convcli.errors import (
    ConvcliError,
    GeometryError,
    ImageError,
    KernelError,
    UsageError,
    short_repr,
)
from convcli.geometry import ConvOptions
from convcli.images.given import REAL, as_image, split_mask
from convcli.signals import SampleRange, parse_range

if TYPE_CHECKING:  # numbers need no more; these are loaded for kernels that have a name
    from convcli.core.missing import Missing
    from convcli.kernels.given import GivenKernels

Array = NDArray[Any]
_VALUES = "|".join({*COMBINATIONS, *RANGES, *PADDINGS, *BORDERS, *CHANNELS})
_OPTION = re.compile(
    rf"--(?P<name>[a-z]+(-[a-z]+)*)( (?P<value>{_VALUES})\b(?!-))?|\b(?P<input>BEFORE|AFTER)\b"
)
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


@contextmanager
def in_arguments() -> Iterator[None]:
    """Write the options and inputs of a command that an error of the block names as arguments.

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
    if option["input"]:
        return option["input"].lower()
    name, value = option["name"].replace("-", "_"), option["value"]
    return f"{name}='{value}'" if value else name


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
    image, own_mask = split_mask(image)
    if own_mask is not None and mask is not None:
        raise UsageError("image is a masked array and has a mask; give one of the two")
    mask = mask if own_mask is None else own_mask
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


def conv_options(
    operation: Any, padding: Any, border: Any, fill: Any, stride: Any, dilation: Any, anchor: Any
) -> ConvOptions:
    """Return the options of a convolution, whose fill is that of a constant border.

    Raises:
        UsageError: as :func:`fill_value`; the other arguments are checked where they are used.
    """
    value = fill_value(fill, border)
    return ConvOptions(operation, padding, border, value, stride, dilation, anchor)


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


def check_rows(matrices: Iterable[Array]) -> None:
    """Raise KernelError unless all kernels have one row, as a signal has."""
    for matrix in matrices:
        if matrix.ndim > 1 and matrix.shape[-2] != 1:
            raise KernelError(
                f"kernel has {matrix.shape[-2]} rows, but a signal takes a kernel of one row; "
                "write [signal] for an image of one row"
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
