"""Sizes, pads and receptive fields: the integer arithmetic of a convolution layer.

Pairs are always (rows, columns). In messages, ``AxB`` is width x height.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, overload

from convcli.choices import OPERATIONS, PADDINGS
from convcli.errors import GeometryError

Pair = tuple[int, int]
Padding = int | str | tuple[int, ...]


class Pads(NamedTuple):
    """Pixels added on each side of the input."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Geometry:
    """One layer laid over one input: which window makes which output.

    All pairs are (rows, columns). ``anchor`` is the position inside the window, in input pixels,
    that the output stands for: ``d(k-1)//2``, the left of the two middles of an even kernel, and
    the right one where a convolution flips the kernel.
    """

    input_shape: Pair
    kernel: Pair
    pads: Pads
    stride: Pair
    dilation: Pair
    anchor: Pair

    @cached_property
    def extent(self) -> Pair:
        """Rows and columns that the dilated kernel spans."""
        return _extents(self.kernel, self.dilation)

    @cached_property
    def padded_shape(self) -> Pair:
        """Size of the input with its padding."""
        pads = self.pads
        return self.input_shape[0] + pads.top + pads.bottom, self.input_shape[
            1
        ] + pads.left + pads.right

    @cached_property
    def output_shape(self) -> Pair:
        """Size of the feature map: ``floor((n + p - d(k-1) - 1)/s) + 1`` on each axis."""
        (height, width), (rows, columns), (down, right) = (
            self.padded_shape,
            self.extent,
            self.stride,
        )
        return (height - rows) // down + 1, (width - columns) // right + 1

    def along(self, axis: int) -> tuple[int, int, int, int]:
        """Return (kernel, stride, padding before, dilation) of an axis, for a receptive field."""
        before = self.pads.left if axis else self.pads.top
        return self.kernel[axis], self.stride[axis], before, self.dilation[axis]

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows so many output rows see."""
        return (rows - 1) * self.stride[0] + self.extent[0]

    @property
    def unused(self) -> Pair:
        """Rows at the bottom and columns at the right that no window reaches."""
        (height, width), (rows, columns), (down, right) = (
            self.padded_shape,
            self.extent,
            self.stride,
        )
        return (height - rows) % down, (width - columns) % right


def conv_geometry(
    size: Pair,
    kernel: Pair,
    padding: Padding = 0,
    stride: int | Pair = 1,
    dilation: int | Pair = 1,
    operation: str = "correlate",
) -> Geometry:
    """Resolve a padding rule into pads and check that at least one window fits.

    Args:
        size: rows and columns of the input.
        kernel: rows and columns of the kernel.
        padding: pixels on every side, (vertical, horizontal), (top, bottom, left, right), or one
            of ``valid`` (none), ``same`` (``d(k-1)`` in all, so that stride 1 keeps the size)
            and ``full`` (``d(k-1)`` on every side).
        stride: steps between windows, one for both axes or (rows, columns).
        dilation: distance between taps, one for both axes or (rows, columns).
        operation: ``correlate``, or ``convolve``, whose flip moves an even kernel's anchor.

    Raises:
        GeometryError: a number is out of range, or the kernel exceeds the padded input.

    >>> conv_geometry((224, 448), (3, 3)).output_shape
    (222, 446)
    """
    size = as_pair(size, "size", least=1)
    kernel = as_pair(kernel, "kernel size", least=1)
    stride = as_pair(stride, "stride", least=1)
    dilation = as_pair(dilation, "dilation", least=1)
    before = _anchor(kernel, dilation, operation)
    pads = _resolve_pads(padding, _extents(kernel, dilation), before)
    geometry = Geometry(size, kernel, pads, stride, dilation, before)
    if any(e > n for e, n in zip(geometry.extent, geometry.padded_shape, strict=True)):
        raise GeometryError(_exceeds(geometry))
    return geometry


@overload
def output_size(
    size: int, kernel: int, padding: Padding = 0, stride: int = 1, dilation: int = 1
) -> int: ...


@overload
def output_size(
    size: Pair,
    kernel: int | Pair,
    padding: Padding = 0,
    stride: int | Pair = 1,
    dilation: int | Pair = 1,
) -> Pair: ...


def output_size(
    size: int | Pair,
    kernel: int | Pair,
    padding: Padding = 0,
    stride: int | Pair = 1,
    dilation: int | Pair = 1,
) -> int | Pair:
    """Return the feature map's size, ``floor((n + 2p - d(k-1) - 1)/s) + 1`` on each axis.

    The formula is that of Dumoulin and Visin, "A guide to convolution arithmetic for deep
    learning" (2016), with the dilation of their section 5.1. An integer ``size`` gives an
    integer; a pair (rows, columns) gives a pair. For ``padding`` see :func:`conv_geometry`.

    Raises:
        GeometryError: a number is out of range, or the kernel exceeds the padded input.

    >>> output_size(5, 3)
    3
    >>> output_size((224, 448), 3, padding="same", stride=2)
    (112, 224)
    """
    both = as_pair(size, "size", least=1)
    taps = as_pair(kernel, "kernel size", least=1)
    rows, columns = conv_geometry(both, taps, padding, stride, dilation).output_shape
    pairs = isinstance(size, tuple | list) or rows != columns
    return (rows, columns) if pairs else rows


class ReceptiveField(NamedTuple):
    """What one output of a chain of layers sees, along one axis.

    Output ``i`` sees the input pixels from ``start + i * jump`` to ``start + i * jump + size - 1``.
    """

    size: int = 1
    jump: int = 1
    start: int = 0

    def then(
        self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> "ReceptiveField":
        """Return the receptive field after one more layer; the padding is that before the input.

        Raises:
            GeometryError: a kernel, stride or dilation below 1, or a negative padding.
        """
        for value, name in ((kernel, "kernel size"), (stride, "stride"), (dilation, "dilation")):
            _whole(value, name, least=1)
        return ReceptiveField(
            self.size + dilation * (kernel - 1) * self.jump,
            self.jump * stride,
            self.start - _whole(padding, "padding", least=0) * self.jump,
        )


def receptive_field(layers: Iterable[tuple[int, ...]]) -> ReceptiveField:
    """Return the receptive field of a chain of layers, along one axis, first layer first.

    Each layer is ``(kernel,)``, ``(kernel, stride)``, ``(kernel, stride, padding)`` or
    ``(kernel, stride, padding, dilation)``, the padding being that before the first pixel.
    The recurrence is that of Araujo, Norris and Sim, "Computing receptive fields of
    convolutional neural networks" (Distill, 2019).

    Raises:
        GeometryError: a kernel, stride or dilation below 1, or a negative padding.

    >>> receptive_field([(7, 2, 3), (3, 2, 1)])
    ReceptiveField(size=11, jump=4, start=-5)
    """
    field = ReceptiveField()
    for layer in layers:
        if not 1 <= len(layer) <= 4:
            raise GeometryError(
                f"a layer is (kernel, stride, padding, dilation), not {len(layer)} numbers"
            )
        field = field.then(*layer)
    return field


def _whole(value: object, name: str, *, least: int) -> int:
    """Return ``value`` when it is a whole number of at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise GeometryError(f"{name} must be a whole number, not {value!r}")
    number = int(value.__index__())
    if number < least:
        raise GeometryError(f"{name} must be at least {least}, not {number}")
    return number


def as_pair(value: object, name: str, *, least: int) -> Pair:
    """Read one number for both axes, or (rows, columns)."""
    if not isinstance(value, tuple | list):
        number = _whole(value, name, least=least)
        return number, number
    if len(value) != 2:
        raise GeometryError(f"{name} takes one number or rows,columns, not {len(value)} numbers")
    return _whole(value[0], name, least=least), _whole(value[1], name, least=least)


def size_text(size: Pair) -> str:
    """Write a size as width x height.

    >>> size_text((3, 5))
    '5x3'
    """
    return f"{size[1]}x{size[0]}"


def pair_text(pair: Pair) -> str:
    """Write rows and columns with a comma between, or one number for both.

    >>> pair_text((1, 2)), pair_text((2, 2))
    ('1,2', '2')
    """
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]},{pair[1]}"


def _extents(kernel: Pair, dilation: Pair) -> Pair:
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


def _anchor(kernel: Pair, dilation: Pair, operation: str) -> Pair:
    """Return how far into its window the anchor lies, which is also the padding before `same`."""
    if operation not in OPERATIONS:
        raise GeometryError(f"operation must be correlate or convolve, not {operation!r}")
    spans = [extent - 1 for extent in _extents(kernel, dilation)]
    if operation == "convolve":
        return spans[0] - spans[0] // 2, spans[1] - spans[1] // 2
    return spans[0] // 2, spans[1] // 2


def _resolve_pads(padding: Padding, extent: Pair, before: Pair) -> Pads:
    down, across = extent[0] - 1, extent[1] - 1
    if isinstance(padding, str):
        match padding:
            case "valid":
                return Pads(0, 0, 0, 0)
            case "same":
                return Pads(before[0], down - before[0], before[1], across - before[1])
            case "full":
                return Pads(down, down, across, across)
        raise GeometryError(
            f"padding must be valid, same, full, a number, V,H or T,B,L,R, not {padding!r}"
        )
    sides = padding if isinstance(padding, tuple | list) else (padding,)
    numbers = tuple(_whole(side, "padding", least=0) for side in sides)
    match numbers:
        case (every,):
            return Pads(every, every, every, every)
        case (vertical, horizontal):
            return Pads(vertical, vertical, horizontal, horizontal)
        case (top, bottom, left, right):
            return Pads(top, bottom, left, right)
    raise GeometryError(f"padding takes 1, 2 or 4 numbers (N, V,H or T,B,L,R), not {len(numbers)}")


def _exceeds(geometry: Geometry) -> str:
    """Say that no window fits, as widths x heights."""
    text = f"kernel {size_text(geometry.kernel)}"
    if geometry.dilation != (1, 1):
        dilation = pair_text(geometry.dilation)
        text += f" (dilation {dilation}, extent {size_text(geometry.extent)})"
    padded = "padded " if any(geometry.pads) else ""
    return f"{text} exceeds the {padded}{size_text(geometry.padded_shape)} input"


def parse_pair(text: str, *, least: int = 1) -> Pair:
    """Read ``N``, ``rows,columns`` or ``WIDTHxHEIGHT`` as (rows, columns).

    Raises:
        GeometryError: the text has another form, or a number is below ``least``.

    >>> parse_pair("3"), parse_pair("3,5"), parse_pair("5x3")
    ((3, 3), (3, 5), (3, 5))
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:([,xX×])\s*(\d+)\s*)?", text)
    if match is None:
        raise GeometryError(
            f"{text!r} is not a number N, rows,columns such as 3,5, or widthxheight such as 5x3"
        )
    first, second = int(match[1]), int(match[3] or match[1])
    if min(first, second) < least:
        raise GeometryError(f"{text!r}: numbers must be at least {least}")
    return (first, second) if match[2] in (None, ",") else (second, first)


def parse_size(text: str, *, least: int = 1) -> Pair:
    """Read ``rows,columns`` or ``WIDTHxHEIGHT``; one number is refused.

    Raises:
        GeometryError: the text has another form, or a number is below ``least``.
    """
    side = text.strip()
    if side.isdigit():
        raise GeometryError(f"{text!r} has one side; write {side}x{side} for a square")
    return parse_pair(text, least=least)


def parse_position(text: str) -> Pair:
    """Read ``ROW,COL``, both counted from 0.

    Raises:
        GeometryError: the text has another form.
    """
    match = re.fullmatch(r"\s*(\d{1,10})\s*,\s*(\d{1,10})\s*", text)
    if match is None:
        raise GeometryError(f"{text!r} is not ROW,COL, two whole numbers from 0 on")
    return int(match[1]), int(match[2])


def parse_padding(text: str) -> str | tuple[int, ...]:
    """Read ``same``, ``valid``, ``full``, ``N``, ``V,H`` or ``T,B,L,R``.

    Returns:
        The rule's name, or 1, 2 or 4 numbers of pixels, as :func:`conv_geometry` takes them.

    Raises:
        GeometryError: the text has another form.

    >>> parse_padding("same"), parse_padding("1,2")
    ('same', (1, 2))
    """
    if text in PADDINGS:
        return text
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*){0,3}", text) or text.count(",") == 2:
        raise GeometryError(f"{text!r} is not one of same, valid, full, N, V,H and T,B,L,R")
    return tuple(int(number) for number in text.split(","))
