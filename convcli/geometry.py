"""How a kernel slides over an image: options, sizes, pads and receptive fields.

Pairs are always (rows, columns). In messages, ``AxB`` is width x height.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from math import gcd, prod
from operator import index
from typing import Any, NamedTuple, SupportsIndex

from convcli.choices import (
    ANCHORS,
    BORDER_SYNONYMS,
    BORDERS,
    MOST_COLORS,
    OPERATIONS,
    PADDING_FORMS,
    PADDINGS,
)
from convcli.errors import GeometryError, UsageError, count_text, short_repr

Pair = tuple[int, int]
# Numbers and sequences of numbers may be numpy's, which this module does not load.
Ints = Collection[SupportsIndex]
IntOrPair = SupportsIndex | Ints  # one number, or (rows, columns)
Padding = SupportsIndex | str | Ints
Anchor = str | IntOrPair

_MOST_OUTPUTS = 1000  # whose fields are compared
OWN_ANCHORS = ("same-upper", "same-lower", "causal")  # paddings that say where a window stands


class ConvOptions(NamedTuple):
    """How a kernel slides over an image; :func:`convcli.cross_correlate` explains each field."""

    operation: str = "correlate"
    padding: Padding = "same"
    border: str = "edge"
    fill: float = 0
    stride: IntOrPair = 1
    dilation: IntOrPair = 1
    anchor: Anchor = "before"

    def geometry(self, shape: tuple[int, ...], kernel: Pair) -> Geometry:
        """Return the windows of a kernel of this size; see :func:`conv_geometry`.

        The shape is that of an image, (H, W) or (H, W, C). Errors name more channels than colors
        have, since a volume looks the same.
        """
        size, rules = (shape[0], shape[1]), (self.padding, self.stride, self.dilation)
        try:
            return conv_geometry(size, kernel, *rules, self.operation, self.anchor)
        except GeometryError as error:
            if len(shape) == 2 or shape[2] <= MOST_COLORS:
                raise
            raise GeometryError(
                f"{error} (the last axis of its shape {shape} was read as {shape[2]} channels)"
            ) from error


def fill_value(fill: float | None, border: str | None) -> float:
    """Return the value of a border, which is 0 unless ``--fill`` gives one.

    Raises:
        UsageError: it is given, and the border is not constant.
    """
    if fill is not None and border != "constant":
        raise UsageError("--fill needs --border constant; give both")
    return fill or 0


def border_name(border: object) -> str:
    """Return numpy's name for a border mode or one of its synonyms.

    Raises:
        UsageError: no mode has that name.

    >>> border_name("replicate")
    'edge'
    """
    known = *BORDERS, *BORDER_SYNONYMS
    if not isinstance(border, str) or border not in known:  # arrays compare item by item
        raise UsageError(f"border must be one of {', '.join(known)}, not {short_repr(border)}")
    return BORDER_SYNONYMS.get(border, border)


class Pads(NamedTuple):
    """Pixels added on each side of the input."""

    top: int
    bottom: int
    left: int
    right: int


class _Windows(NamedTuple):
    """The fields of a geometry, which itself keeps what follows from them."""

    input_shape: Pair
    kernel: Pair
    pads: Pads
    stride: Pair
    dilation: Pair
    anchor: Pair


class Geometry(_Windows):
    """The windows of one kernel over one image. All pairs are (rows, columns).

    Attributes:
        input_shape: of the image without padding.
        kernel: rows and columns of the kernel.
        pads: pixels added on each side.
        stride: step between windows.
        dilation: distance between taps.
        anchor: the pixel of a window that its output stands for, counted from the window's first.
    """

    @cached_property
    def extent(self) -> Pair:
        """Rows and columns that the dilated kernel covers, ``d(k-1) + 1``."""
        return _extent(self.kernel, self.dilation)

    @cached_property
    def padded_shape(self) -> Pair:
        """Rows and columns of the padded image."""
        (height, width), pads = self.input_shape, self.pads
        return height + pads.top + pads.bottom, width + pads.left + pads.right

    @cached_property
    def output_shape(self) -> Pair:
        """Rows and columns of the feature map, ``floor((n + p - d(k-1) - 1)/s) + 1``."""
        return self._steps(0)[0] + 1, self._steps(1)[0] + 1

    @property
    def unused(self) -> Pair:
        """Rows at the bottom and columns at the right that no window reaches."""
        return self._steps(0)[1], self._steps(1)[1]

    def _steps(self, axis: int) -> Pair:
        """Return how many steps a window can take along an axis, and the pixels left over."""
        return divmod(self.padded_shape[axis] - self.extent[axis], self.stride[axis])

    def along(self, axis: int) -> tuple[int, int, int, int]:
        """Return (kernel, stride, padding before, dilation) of one axis."""
        before = self.pads.left if axis else self.pads.top
        return self.kernel[axis], self.stride[axis], before, self.dilation[axis]

    def reach(self, axis: int) -> Reach:
        """Return which places of the input the outputs read along an axis."""
        taps, stride, before, dilation = self.along(axis)
        return Reach(stride, before, dilation * (taps - 1) - before)

    def rows_needed(self, rows: int) -> int:
        """Return how many padded rows the windows of some output rows cover."""
        return (rows - 1) * self.stride[0] + self.extent[0]


def conv_geometry(
    shape: Pair,
    kernel: Pair,
    padding: Padding = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    operation: str = "correlate",
    anchor: Anchor = "before",
    name: str = "kernel",
) -> Geometry:
    """Compute the pads of a padding rule, and check that at least one window fits.

    Args:
        shape: rows and columns of the image.
        kernel: rows and columns of the kernel.
        padding: pixels on every side, (vertical, horizontal), (top, bottom, left, right), or one of
            ``valid`` (none), ``same`` (``d(k-1)`` in total around the anchor, so that stride 1
            keeps the size), ``full`` (``d(k-1)`` on every side), ``same-upper`` and ``same-lower``
            (as few as give ``ceil(n/s)`` outputs, an odd one after or before) and ``causal``
            (``d(k-1)`` before).
        stride: step between windows, one number or (rows, columns).
        dilation: distance between taps, one number or (rows, columns).
        operation: ``correlate``, or ``convolve``, which flips an even kernel's anchor with it.
        anchor: the place of a window that its output stands for: ``before``, the middle or, of an
            even side, the one before it, ``d(k-1)//2``; ``after``, the one after it; or the row and
            the column of a tap of the kernel as it is applied.
        name: of the kernel in messages.

    Raises:
        GeometryError: a number is out of range, or the kernel exceeds the padded image.

    >>> conv_geometry((224, 448), (3, 3)).output_shape
    (222, 446)
    """
    shape = as_pair(shape, "size", least=1)
    kernel = as_pair(kernel, f"{name} size", least=1)
    stride = as_pair(stride, "stride", least=1)
    dilation = as_pair(dilation, "dilation", least=1)
    if operation not in OPERATIONS:
        raise GeometryError(
            f"operation must be {' or '.join(OPERATIONS)}, not {short_repr(operation)}"
        )
    extent = _extent(kernel, dilation)
    place = _resolve_anchor(anchor, padding, kernel, dilation, operation)
    pads = _resolve_pads(padding, extent, place, shape, stride)
    geometry = Geometry(shape, kernel, pads, stride, dilation, place)
    padded = geometry.padded_shape
    if extent[0] > padded[0] or extent[1] > padded[1]:
        larger = extent[0] >= padded[0] and extent[1] >= padded[1]
        commutes = operation == "convolve" and dilation == (1, 1) and larger
        advice = "; convolution commutes: take the larger one as the input" if commutes else ""
        if name == "kernel" and _are_across(shape, kernel):
            line, mark = ("column", ";") if shape[1] == 1 else ("row", "spaces")
            advice = (
                f"; the input is a {line}: make the kernel one, with {mark} between its weights"
            )
        elif name == "window" and min(shape) == 1 < min(kernel):
            line, window = ("column", (kernel[0], 1)) if shape[1] == 1 else ("row", (1, kernel[1]))
            advice = f"; the input is a {line}: make the window {pair_text(window)}"
        text = f"{name} {size_text(kernel)}"
        if dilation != (1, 1):
            text += f" (dilation {pair_text(dilation)}, extent {size_text(extent)})"
        prefix = "padded " if any(pads) else ""
        raise GeometryError(f"{text} exceeds the {prefix}{size_text(padded)} input{advice}")
    return geometry


def pads_of(
    shape: Pair, padding: Padding, kernel: IntOrPair | None = None, name: str = "kernel_size"
) -> Pads:
    """Return the pixels that a padding adds on each side of an image.

    Args:
        shape: rows and columns of the image.
        padding: as for :func:`conv_geometry`.
        kernel: size of the kernel that a rule pads for, one number or (rows, columns).
        name: of this argument in errors.

    Raises:
        GeometryError: a number is out of range, or a rule has no kernel, or a kernel no rule.

    >>> pads_of((5, 5), "same", (2, 3))
    Pads(top=0, bottom=1, left=1, right=1)
    """
    is_rule = isinstance(padding, str)
    if kernel is None and is_rule and padding in PADDINGS and padding != "valid":
        raise GeometryError(
            f"padding {padding} depends on the size of a kernel: give {name}, or give padding as "
            "numbers of pixels"
        )
    if kernel is not None and not is_rule:
        raise GeometryError(
            f"padding in numbers does not depend on the size of a kernel: leave out {name}"
        )
    window = as_pair(1 if kernel is None else kernel, "kernel size", least=1)
    return conv_geometry(shape, window, padding).pads


class ReceptiveField(NamedTuple):
    """The input pixels that one output of a chain of layers sees, along one axis.

    Output ``i`` sees the pixels from ``start + i * jump`` to ``start + i * jump + size - 1``.

    Attributes:
        size: number of pixels.
        jump: distance between the fields of two neighboring outputs.
        start: first pixel of the first output's field; negative in the padding.
    """

    size: int = 1
    jump: int = 1
    start: int = 0

    def then(
        self,
        kernel: SupportsIndex,
        stride: SupportsIndex = 1,
        padding: SupportsIndex = 0,
        dilation: SupportsIndex = 1,
    ) -> ReceptiveField:
        """Return the receptive field after one more layer; only the padding before it counts.

        Raises:
            GeometryError: a kernel, stride or dilation is below 1, or the padding is negative.
        """
        taps, step = _whole(kernel, "kernel size", least=1), _whole(stride, "stride", least=1)
        before, apart = _whole(padding, "padding", least=0), _whole(dilation, "dilation", least=1)
        return ReceptiveField(
            self.size + apart * (taps - 1) * self.jump,
            self.jump * step,
            self.start - before * self.jump,
        )


class Reach(NamedTuple):
    """Which places of a layer's input each of its outputs reads, along one axis.

    Output ``i`` reads whole places from ``(i * step - before) / parts`` to
    ``(i * step + after) / parts``. A layer that enlarges maps has parts.
    """

    step: int
    before: int
    after: int
    parts: int = 1

    def outputs(self, place: int, count: int) -> range:
        """Return which of ``count`` outputs may read a place of the input."""
        if self.step == 0:  # of a single value
            return range(count)
        first = -((self.after - place * self.parts) // self.step)
        last = (place * self.parts + self.before) // self.step
        return range(max(first, 0), min(last + 1, count))


class LayerField(NamedTuple):
    """The input pixels that one output of a chain of layers sees, along one axis.

    As :class:`ReceptiveField`, but layers may enlarge maps.

    Attributes:
        size: number of pixels; the largest where outputs see more and fewer.
        start: first pixel of the first output's field; negative in the padding.
        step, parts: the distance between the fields of two neighboring outputs is their quotient.
    """

    size: int
    start: int
    step: int
    parts: int

    @property
    def jump(self) -> int | float:
        """The distance between the fields of two neighboring outputs."""
        return self.step / self.parts if self.step % self.parts else self.step // self.parts


def jump_text(jump: tuple[float, float]) -> str:
    """Write the jumps along rows and columns as one number, or as width x height.

    >>> jump_text((2, 2)), jump_text((1, 0.5)), jump_text((0.4961, 0.4961))
    ('2', '1/2x1', '0.496')
    """
    from fractions import Fraction

    texts = []
    for number in reversed(jump):
        short = Fraction(number).limit_denominator(16)
        texts.append(str(short) if float(short) == number else f"{number:.3g}")
    return "x".join(dict.fromkeys(texts))


def layer_fields(reaches: Iterable[Reach]) -> Iterator[LayerField]:
    """Yield the field after each layer of a chain, along one axis.

    >>> [field.size for field in layer_fields([Reach(2, 1, 1), Reach(1, 1, 0, 2), Reach(1, 1, 1)])]
    [3, 3, 5]
    """
    layers: list[Reach] = []
    for reach in reaches:
        layers.append(reach)
        step, parts = prod(layer.step for layer in layers), prod(layer.parts for layer in layers)
        # What outputs see repeats itself after as many outputs as there are parts.
        seen = [_seen(layers, output) for output in range(min(parts, _MOST_OUTPUTS))]
        common = gcd(step, parts)
        size = max(last - first for first, last in seen) + 1
        yield LayerField(size, seen[0][0], step // common, parts // common)


def _seen(layers: Sequence[Reach], output: int) -> Pair:
    """Return the first and the last place of the input that an output of some layers sees."""
    first = last = output
    for layer in reversed(layers):
        first = -((layer.before - first * layer.step) // layer.parts)
        last = (last * layer.step + layer.after) // layer.parts
    return first, last


def receptive_fields(layers: Iterable[Ints]) -> Iterator[ReceptiveField]:
    """Yield the receptive field after each layer of a chain, along one axis.

    Args:
        layers: as for :func:`convcli.receptive_field`.

    Raises:
        GeometryError: a layer has more numbers than that, or :meth:`ReceptiveField.then` raises.
    """
    try:
        remaining = iter(layers)
    except TypeError:
        raise GeometryError(
            f"layers must be a list such as [(3, 1), (3, 2)], not {short_repr(layers)}"
        ) from None
    field = ReceptiveField()
    for layer in remaining:
        numbers = _numbers(layer)
        if not 1 <= len(numbers) <= 4 or numbers[0] is layer:
            raise GeometryError(
                "a layer is (kernel,), (kernel, stride), (kernel, stride, padding) or "
                f"(kernel, stride, padding, dilation), not {short_repr(layer)}"
            )
        field = field.then(*numbers)
        yield field


def _whole(value: object, name: str, *, least: int) -> int:
    """Return ``value`` if it is a whole number of at least ``least``."""
    try:
        number = None if isinstance(value, bool) else index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None:
        raise GeometryError(f"{name} must be a whole number, not {short_repr(value)}")
    if number < least:
        raise GeometryError(f"{name} must be at least {least}, not {short_repr(number)}")
    if number.bit_length() > 1024:  # Python does not even write numbers of many digits
        raise GeometryError(f"{name} exceeds the range of floating-point numbers")
    return number


def as_pair(value: object, name: str, *, least: int) -> Pair:
    """Return one number, or (rows, columns), as a pair.

    Raises:
        GeometryError: the value is neither, or a number is below ``least``; ``name`` names it.
    """
    if type(value) is int:  # the common case
        number = _whole(value, name, least=least)
        return number, number
    numbers = _numbers(value)
    if len(numbers) == 1 and numbers[0] is value:
        numbers *= 2
    if len(numbers) != 2:
        raise GeometryError(f"{name} takes one number or rows,columns, not {len(numbers)} numbers")
    return _whole(numbers[0], name, least=least), _whole(numbers[1], name, least=least)


def as_count(value: object, name: str) -> int:
    """Return a whole number of at least 1.

    Raises:
        UsageError: it is anything else; ``name`` names it.
    """
    numbers = _numbers(value)
    if len(numbers) != 1 or numbers[0] is not value:
        raise UsageError(f"{name} must be a whole number, not {short_repr(value)}")
    return _whole(value, name, least=1)


def _numbers(value: Any) -> tuple[Any, ...]:
    """Return a sequence's items, numpy arrays included, and anything else as the only item."""
    if isinstance(value, str | bytes) or not hasattr(value, "__getitem__"):
        return (value,)
    try:
        return tuple(value)
    except TypeError:  # numpy's single numbers have the methods of sequences
        return (value,)


def size_text(shape: Sequence[int]) -> str:
    """Write rows and columns, the first two numbers of a shape, as width x height.

    >>> size_text((3, 5))
    '5x3'
    """
    return f"{shape[1]}x{shape[0]}"


def pair_text(pair: Pair) -> str:
    """Write rows and columns with a comma between, or one number for both.

    >>> pair_text((1, 2)), pair_text((2, 2))
    ('1,2', '2')
    """
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]},{pair[1]}"


def pads_text(pads: Sequence[int]) -> str:
    """Write pads as the option ``--padding`` takes them: one number, two or four.

    Those of the two ends of a signal are one number or two.

    >>> pads_text(Pads(1, 1, 1, 1)), pads_text(Pads(0, 0, 3, 3)), pads_text(Pads(0, 1, 0, 1))
    ('1', '0,3', '0,1,0,1')
    """
    if len(set(pads)) == 1:
        pads = pads[:1]
    elif len(pads) == len(Pads._fields) and pads[0] == pads[1] and pads[2] == pads[3]:
        pads = pads[::2]
    return ",".join(map(str, pads))


def _are_across(signal: Pair, kernel: Pair) -> bool:
    """Return whether one is a row, the other a column."""
    return any(
        signal[along] > 1 == signal[1 - along] and kernel[1 - along] > 1 == kernel[along]
        for along in (0, 1)
    )


def _extent(kernel: Pair, dilation: Pair) -> Pair:
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


def _resolve_anchor(
    anchor: Anchor, padding: Padding, kernel: Pair, dilation: Pair, operation: str
) -> Pair:
    """Return the place in a window that its output stands for."""
    down, across = (reach - 1 for reach in _extent(kernel, dilation))
    if isinstance(padding, str) and padding in OWN_ANCHORS:
        if anchor != "before":
            raise GeometryError(f"padding {padding} has an anchor of its own; leave out the anchor")
        if padding == "causal":
            return down, across
        lower = padding == "same-lower"
        return (down + lower) // 2, (across + lower) // 2
    if isinstance(anchor, str):
        if anchor not in ANCHORS:
            raise GeometryError(
                f"anchor must be before, after or ROW,COL, not {short_repr(anchor)}"
            )
        later = (anchor == "after") != (operation == "convolve")  # it is flipped with the kernel
        return (down + later) // 2, (across + later) // 2
    row, column = as_pair(anchor, "anchor", least=0)
    if row >= kernel[0] or column >= kernel[1]:
        raise GeometryError(
            f"anchor {row},{column} is outside of the kernel: rows are 0 to {kernel[0] - 1}, "
            f"columns 0 to {kernel[1] - 1}"
        )
    return row * dilation[0], column * dilation[1]


def _resolve_pads(padding: Padding, extent: Pair, anchor: Pair, shape: Pair, stride: Pair) -> Pads:
    down, across = extent[0] - 1, extent[1] - 1
    if isinstance(padding, str):
        match padding:
            case "valid":
                return Pads(0, 0, 0, 0)
            case "same":
                return Pads(anchor[0], down - anchor[0], anchor[1], across - anchor[1])
            case "full":
                return Pads(down, down, across, across)
            case "causal":
                return Pads(down, 0, across, 0)
            case "same-upper" | "same-lower":
                upper = padding == "same-upper"
                (top, bottom), (left, right) = (
                    _least_pads(*sides, upper=upper)
                    for sides in zip(shape, extent, stride, strict=True)
                )
                return Pads(top, bottom, left, right)
        raise GeometryError(
            f"padding must be {', '.join(PADDINGS)}, a number, (vertical, horizontal) or "
            f"(top, bottom, left, right), not {short_repr(padding)}"
        )
    sides = _numbers(padding)
    match tuple(_whole(side, "padding", least=0) for side in sides):
        case (side,):
            return Pads(side, side, side, side)
        case (vertical, horizontal):
            return Pads(vertical, vertical, horizontal, horizontal)
        case (top, bottom, left, right):
            return Pads(top, bottom, left, right)
    raise GeometryError(
        "padding takes a number, (vertical, horizontal) or (top, bottom, left, right), not "
        f"{count_text(len(sides), 'number')}"
    )


def _least_pads(side: int, reach: int, step: int, *, upper: bool) -> Pair:
    """Return the least padding before and after one axis that gives ``ceil(n/s)`` outputs.

    Source: ONNX, operator Conv, auto_pad; TensorFlow's SAME is SAME_UPPER.

    >>> _least_pads(8, 3, 2, upper=True)
    (0, 1)
    """
    total = max((-(-side // step) - 1) * step + reach - side, 0)
    fewer, more = total // 2, total - total // 2
    return (fewer, more) if upper else (more, fewer)


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
    """Read ``rows,columns`` or ``WIDTHxHEIGHT``, but not one number.

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


def parse_anchor(text: str) -> str | Pair:
    """Read ``before``, ``after`` or ``ROW,COL``.

    Raises:
        GeometryError: the text has another form.
    """
    if text in ANCHORS:
        return text
    try:
        return parse_position(text)
    except GeometryError:
        raise GeometryError(f"{text!r} is not before, after or ROW,COL such as 0,1") from None


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
        *words, last = PADDING_FORMS
        raise GeometryError(f"{text!r} is not one of {', '.join(words)} and {last}")
    return tuple(int(number) for number in text.split(","))
