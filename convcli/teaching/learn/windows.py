"""Which windows of one image made which pixels of the other."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.options import border_name
from convcli.core.strips import PaddedView
from convcli.errors import GeometryError, UsageError
from convcli.geometry import (
    Geometry,
    Padding,
    Pair,
    Steps,
    as_pair,
    conv_geometry,
    pair_text,
    size_text,
)

GUESSES = ("same", "valid", "full")
_MOST_STRIDE = 16  # that an error tries


class Model(NamedTuple):
    """What is known of how one image was made from the other.

    Attributes:
        size: rows and columns of the kernel.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        padding: as for :func:`convcli.cross_correlate`; None to go by the sizes.
        border: what the padding held; None to use only windows that touch no padding.
        fill: the value of a constant border.
        stride: step between windows.
        dilation: distance between taps.
        with_bias: whether something may have been added to every value.
        ignore_clipped: whether pixels of the result at black or at white tell nothing.
    """

    size: Pair = (3, 3)
    operation: str = "correlate"
    padding: Padding | None = None
    border: str | None = None
    fill: float = 0
    stride: Steps = 1
    dilation: Steps = 1
    with_bias: bool = True
    ignore_clipped: bool = False

    def check(self) -> None:
        """See that the border holds a number.

        Raises:
            UsageError: it does not.
        """
        if not math.isfinite(self.fill):
            raise UsageError(f"fill must be a finite number, not {self.fill:g}")


class Example(NamedTuple):
    """Two images.

    Attributes:
        before, after: (H, W) or (H, W, C).
        white: of the second; None for plain numbers.
        depth: bits of the first image's pixels; None for plain numbers.
        name: what messages begin with, where there are several pairs.
    """

    before: NDArray[Any]
    after: NDArray[Any]
    max_value: int | None
    depth: int | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows, and the value that each became.

    Attributes:
        planes: (C, H, W), every pixel of them in some window.
        target: (H', W'), what the windows became.
        kept: (H', W'), which of them count; None for all.
        taps: rows and columns of a window.
        stride, dilation: as pairs.
    """

    planes: NDArray[Any]
    target: NDArray[Any]
    kept: NDArray[np.bool_] | None
    taps: Pair
    stride: Pair
    dilation: Pair

    @property
    def count(self) -> int:
        """How many numbers a window holds."""
        return len(self.planes) * self.taps[0] * self.taps[1]

    def part(self, rows: slice, columns: slice) -> "Windows":
        """Return the windows of some rows and columns of the target."""
        seen = [
            slice(part.start * step, (part.stop - 1) * step + distance * (taps - 1) + 1)
            for part, step, distance, taps in zip(
                (rows, columns), self.stride, self.dilation, self.taps, strict=True
            )
        ]
        kept = None if self.kept is None else self.kept[rows, columns]
        planes, target = self.planes[:, seen[0], seen[1]], self.target[rows, columns]
        return Windows(planes, target, kept, self.taps, self.stride, self.dilation)


def windows_of(example: Example, model: Model) -> list[Windows]:
    """Return the windows of a pair: those of each channel, or of all channels together.

    Raises:
        GeometryError: no padding makes the one size of the other, or no window is left.
        UsageError: the channels do not suit each other, or there is no white to ignore.
    """
    before, after = (_planes(image) for image in example[:2])
    geometry = _related(before.shape, after.shape, model)
    if model.border is None:
        before, after = _inside(before, after, geometry)
    else:
        before = _padded(before, geometry, border_name(model.border), model.fill)
    kept = _kept(after, example.max_value) if model.ignore_clipped else None
    channels, results = before.shape[2], after.shape[2]
    if results not in (1, channels):
        raise UsageError(
            f"BEFORE has {channels} channel{'s' * (channels > 1)} and AFTER {results}: they are "
            "to have equally many, or AFTER one; or make both gray (--channels gray)"
        )
    groups = [slice(None)] if results == 1 else [slice(n, n + 1) for n in range(channels)]
    return [
        Windows(
            np.moveaxis(before[..., group], -1, 0),
            after[..., number],
            None if kept is None else kept[..., number],
            geometry.kernel,
            geometry.stride,
            geometry.dilation,
        )
        for number, group in enumerate(groups)
    ]


def _planes(image: NDArray[Any]) -> NDArray[Any]:
    return image if image.ndim == 3 else image[..., np.newaxis]


def _related(before: tuple[int, ...], after: tuple[int, ...], model: Model) -> Geometry:
    """Lay the kernel over BEFORE so that the result has AFTER's size."""
    size, wanted = (before[0], before[1]), (after[0], after[1])
    guesses: tuple[Padding, ...] = GUESSES if model.padding is None else (model.padding,)
    found: dict[str, Geometry] = {}
    fault = None
    for guess in guesses:
        try:
            geometry = conv_geometry(
                size, model.size, guess, model.stride, model.dilation, model.operation
            )
        except GeometryError as error:
            fault = error
            continue
        if geometry.output_shape == wanted:
            return geometry
        found[guess if isinstance(guess, str) else "with this padding"] = geometry
    if fault and not found:
        raise fault
    raise GeometryError(_unrelated(size, wanted, model, found))


def _unrelated(size: Pair, wanted: Pair, model: Model, found: dict[str, Geometry]) -> str:
    """Say both sizes, what would do, and a padding or a stride that fits."""
    stride = as_pair(model.stride, "stride", least=1)
    step = pair_text(stride)
    sizes = [f"{size_text(geometry.output_shape)} ({name})" for name, geometry in found.items()]
    paddings = [guess for guess in GUESSES if _gives(size, wanted, model, guess, stride)]
    strides = [
        step
        for step in range(1, _MOST_STRIDE + 1)
        for guess in GUESSES
        if _gives(size, wanted, model, guess, (step, step))
    ]
    hint = ""
    if paddings:
        hint = f"; padding={paddings[0]} (--padding {paddings[0]}) would do"
    elif strides:
        hint = f"; stride={strides[0]} (--stride {strides[0]}) would do"
    return (
        f"BEFORE is {size_text(size)} and AFTER {size_text(wanted)}: "
        f"a kernel {size_text(model.size)} at stride {step} would make it "
        f"{' or '.join(sizes)}{hint}"
    )


def _gives(size: Pair, wanted: Pair, model: Model, guess: str, stride: Pair) -> bool:
    try:
        return conv_geometry(size, model.size, guess, stride, model.dilation).output_shape == wanted
    except GeometryError:
        return False


def _inside(
    before: NDArray[Any], after: NDArray[Any], geometry: Geometry
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Leave out the windows that touch padding, and the pixels that no other sees."""
    pixels, values = [], []
    for axis, pad in enumerate((geometry.pads.top, geometry.pads.left)):
        step, extent = geometry.stride[axis], geometry.extent[axis]
        first = math.ceil(pad / step)
        last = min(
            (geometry.input_shape[axis] + pad - extent) // step, geometry.output_shape[axis] - 1
        )
        if last < first:
            raise GeometryError(
                f"every window of a kernel {size_text(geometry.kernel)} on "
                f"{size_text(geometry.input_shape)} pixels touches the padding; "
                "border= (--border) says what that held"
            )
        values.append(slice(first, last + 1))
        pixels.append(slice(first * step - pad, last * step - pad + extent))
    return before[tuple(pixels)], after[tuple(values)]


def _padded(image: NDArray[Any], geometry: Geometry, border: str, fill: float) -> NDArray[Any]:
    view = PaddedView.of(image, geometry, border, fill if border == "constant" else 0)
    padded = np.empty((*geometry.padded_shape, image.shape[2]), view.own_dtype)
    view.copy_rows(0, padded)
    rows, columns = geometry.output_shape
    seen = (columns - 1) * geometry.stride[1] + geometry.extent[1]
    return padded[: geometry.rows_needed(rows), :seen]


def _kept(after: NDArray[Any], max_value: int | None) -> NDArray[np.bool_]:
    if max_value is None:
        raise UsageError(
            "black and white are to be left out (--ignore-clipped), and plain numbers have no "
            "white: AFTER is to be an 8-bit or 16-bit image"
        )
    kept = (after > 0) & (after < max_value)
    if not kept.any():
        raise UsageError(
            "every pixel of AFTER is black or white: leaving those out (--ignore-clipped) leaves "
            "none"
        )
    return kept


def pair_arrays(before: Any, after: Any) -> list[Example]:
    """Pair arrays, or lists of arrays, whose first is not a row of numbers."""
    befores, afters = (
        [np.asarray(each) for each in given] if _several(given) else [np.asarray(given)]
        for given in (before, after)
    )
    if len(befores) != len(afters):
        raise UsageError(f"{len(befores)} images before, and {len(afters)} after")
    for image in (*befores, *afters):
        if image.ndim not in (2, 3) or image.dtype.kind not in "buif" or 0 in image.shape:
            raise UsageError(
                f"an image must be (H, W) or (H, W, C) real numbers, not {image.shape} "
                f"{image.dtype}"
            )
    depths = {"uint8": 8, "uint16": 16}
    max_values = {"uint8": 255, "uint16": 65535}
    return [
        Example(one, two, max_values.get(two.dtype.name), depths.get(one.dtype.name))
        for one, two in zip(befores, afters, strict=True)
    ]


def _several(given: Any) -> bool:
    """Tell a list of images from one image written as lists."""
    return isinstance(given, list | tuple) and (not given or np.ndim(given[0]) > 1)
