"""The arithmetic of one output value, number by number.

Values and pixels are those that :mod:`convcli.filtering` computes, to the last digit; the products
and sums that lead to them are worked out beside them.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.core.combine import COMBINERS
from convcli.core.dtypes import int_if_whole
from convcli.core.options import ConvOptions
from convcli.core.plan import Plan, as_applied
from convcli.errors import KernelError, UsageError
from convcli.filtering import Filter, Probed, measure, probe_image
from convcli.geometry import Pair
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.images.value_range import ValueRange
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.layers.activations import LeakyRelu, relu, sigmoid, tanh
from convcli.teaching.decimals import Number, plain, product, sum_of_products
from convcli.teaching.explain.explanation import Explanation, Grid, Output, Response, Sum
from convcli.teaching.explain.taps import Taps

# None of them ever falls, so that the least and the greatest value stay those.
ACTIVATIONS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "none": lambda values: values,
    "relu": relu,
    "leaky-relu": LeakyRelu().apply,
    "sigmoid": sigmoid,
    "tanh": tanh,
}


def explain_array(
    image: ArrayLike,
    kernel: ArrayLike | Kernel | str,
    at: Sequence[int],
    conv: ConvOptions,
    divisor: float | None,
    bias: float | None,
    combine: str | None,
    activation: str,
    range_name: str,
) -> Explanation:
    """Explain one value of an array's feature map; :func:`convcli.explain` explains arguments."""
    kernels = _kernels(kernel)
    if combine is not None and (len(kernels.kernels) < 2 or combine not in COMBINERS):
        raise UsageError(f"combine takes two kernels or more and is one of {', '.join(COMBINERS)}")
    members = kernels.kernels
    if divisor is not None:
        members = tuple(each.with_divisor(int_if_whole(divisor)) for each in members)
    together = combine or kernels.combine
    spec = Filter(kernels.label, members, together, conv, range=range_name, bias=bias)
    return explain_image(_image(np.asarray(image)), spec, at, activation)


def explain_image(
    image: ImageData, spec: Filter, at: Sequence[int], activation: str = "none"
) -> Explanation:
    """Explain one value of an image's feature map; see :func:`convcli.explain`.

    Raises:
        ConvcliError: as :func:`convcli.explain`.
    """
    if activation not in ACTIVATIONS:
        raise UsageError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
    if len(spec.kernels) > 1 and spec.combine is None:
        raise UsageError(
            f"{spec.label} is a bank of {len(spec.kernels)} kernels: explain one of them, or "
            "combine them"
        )
    if spec.combine == "direction":
        raise UsageError(
            "direction makes a color, and one value is explained: combine by magnitude, or "
            "explain one of the kernels"
        )
    spec, position = spec._replace(alpha="drop"), _position(at)
    probed = probe_image(image, spec, position)
    activate = _activation(activation)
    extremes = _extremes(image, spec, activate) if spec.range == "rescale" else None
    return explain_probed(image, spec, position, probed, activation, extremes)


def explain_probed(
    image: ImageData,
    spec: Filter,
    at: Pair,
    probed: Probed,
    activation: str = "none",
    extremes: tuple[Number, Number] | None = None,
) -> Explanation:
    """Explain a value that has been computed already; ``extremes`` are those of ``rescale``."""
    activated = _activation(activation)(probed.values)
    tone = ValueRange(
        spec.range, None if spec.range == "raw" else image.max_value, *(extremes or ())
    )
    plan = probed.plans[0]
    geometry = plan.geometry
    return Explanation(
        kernel=spec.label,
        at=at,
        input_size=geometry.input_shape,
        output_size=geometry.output_shape,
        operation=spec.conv.operation,
        pads=geometry.pads,
        border=plan.border,
        fill=plan.fill,
        stride=geometry.stride,
        dilation=geometry.dilation,
        combine=spec.combine,
        activation=activation,
        range=spec.range,
        max_value=image.max_value,
        extremes=extremes and _plain_ends(extremes, activated.dtype),
        outputs=tuple(_outputs(image, spec, at, probed, activated, tone)),
    )


def _activation(name: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return a function of values; fractions of integers are computed in float64."""
    function = ACTIVATIONS[name]
    if name in ("none", "relu"):
        return function
    return lambda values: function(values if values.dtype.kind == "f" else values.astype(float))


def _image(pixels: NDArray[Any]) -> ImageData:
    """Return an array as an image; unsigned integers of 8 and 16 bits have a white."""
    if pixels.dtype.kind == "b":
        return ImageData(pixels.astype(np.uint8), None)
    bits = 8 * pixels.dtype.itemsize
    return ImageData(pixels, bits if pixels.dtype.kind == "u" and bits <= 16 else None)


def _kernels(kernel: ArrayLike | Kernel | str) -> KernelSet:
    if isinstance(kernel, str):
        return read_spec(kernel)
    one = kernel if isinstance(kernel, Kernel) else Kernel(np.asarray(kernel))
    if one.matrix.ndim == 4:
        raise KernelError("a bank has several kernels: explain one of them, as kernel[0]")
    return KernelSet(one.name, (one,))


def _position(at: Any) -> Pair:
    """Return (row, column) as two plain integers."""
    try:
        row, column = at
        return operator.index(row), operator.index(column)
    except (TypeError, ValueError):
        raise UsageError(f"a position is two whole numbers, row and column, not {at!r}") from None


def _extremes(
    image: ImageData, spec: Filter, activate: Callable[[NDArray[Any]], NDArray[Any]]
) -> tuple[Number, Number]:
    """Return the least and the greatest activated value of the whole feature map."""
    low, high = activate(np.array(measure(image, spec))).tolist()
    return low, high


def _plain_ends(ends: tuple[Number, Number], kind: np.dtype[Any]) -> tuple[Number, Number]:
    low, high = (plain(kind.type(end)) for end in ends)
    return low, high


def _outputs(
    image: ImageData,
    spec: Filter,
    at: Pair,
    probed: Probed,
    activated: NDArray[Any],
    tone: ValueRange,
) -> Iterator[Output]:
    """Yield each channel of the feature map."""
    kind = probed.kind if probed.kind.kind == "f" else activated.dtype
    pixels = np.empty(activated.shape, tone.dtype_for(kind))
    tone.apply(activated, pixels)
    several = len(pixels) > 1
    names = channel_names(image.channels, image.depth)
    taps = [Taps.of(image.pixels, plan, at) for plan in probed.plans]
    for channel, name in enumerate(names if several else [""]):
        responses = []
        for kernel, plan, under, values in zip(
            spec.kernels, probed.plans, taps, probed.maps, strict=True
        ):
            over = list(range(len(names))) if kernel.matrix.ndim > 2 else [channel]
            sums = _sums(kernel, under, over, spec.conv.operation, names)
            responses.append(_response(kernel, under, sums, plan, plain(values[channel])))
        yield Output(
            channel=name,
            responses=tuple(responses),
            value=plain(probed.values[channel]),
            activated=plain(activated[channel]),
            pixel=plain(pixels[channel]),
        )


def _sums(
    kernel: Kernel, taps: Taps, channels: Iterable[int], operation: str, names: list[str]
) -> tuple[Sum, ...]:
    """Work out the products of each channel that a kernel sums over."""
    applied = as_applied(kernel.matrix, operation)
    planes = applied if applied.ndim > 2 else [applied]
    return tuple(
        _sum(names[channel] if applied.ndim > 2 else "", taps.windows[channel], plane)
        for channel, plane in zip(channels, planes, strict=True)
    )


def _sum(name: str, window: Grid, plane: NDArray[Any]) -> Sum:
    weights = tuple(tuple(plain(weight) for weight in row) for row in plane)
    products = tuple(tuple(map(product, *rows)) for rows in zip(window, weights, strict=True))
    return Sum(name, window, weights, products, sum_of_products(_pairs(window, weights)))


def _pairs(window: Grid, weights: Grid) -> Iterator[tuple[Number, Number]]:
    """Yield each number of a window with its weight, row by row."""
    return zip(chain.from_iterable(window), chain.from_iterable(weights), strict=True)


def _response(
    kernel: Kernel, taps: Taps, sums: tuple[Sum, ...], plan: Plan, value: Number
) -> Response:
    pairs = chain.from_iterable(_pairs(each.window, each.weights) for each in sums)
    return Response(
        kernel=kernel.name,
        rows=taps.rows,
        columns=taps.columns,
        padding=taps.padding,
        sums=sums,
        sum=sum_of_products(pairs),
        divisor=kernel.divisor,
        bias=plan.types.bias,
        value=value,
    )
