"""Work out one value of a feature map, number by number.

Values and pixels come from :mod:`convcli.filtering`, so they equal those of the feature map to the
last digit. The products and sums that lead to them are computed here, in decimal arithmetic.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from convcli.choices import SCALED_RANGES
from convcli.core.dtypes import with_channels
from convcli.core.padding import OUTSIDE, border_at
from convcli.core.plan import Plan, as_applied
from convcli.errors import UsageError, short_repr
from convcli.filtering.filter import Filter, result_axes, value_range_of
from convcli.filtering.run import (
    Probed,
    apply_range,
    filter_image,
    measure,
    probe_image,
    with_holes,
)
from convcli.geometry import Pair
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.images.value_range import ValueRange, ValueStats
from convcli.kernels.kernel import Kernel
from convcli.layers.activations import LeakyRelu, relu, sigmoid, tanh
from convcli.signals import OutputAxes, SampleAxis
from convcli.teaching.decimals import Number, exact_product, exact_sum, to_number, to_python
from convcli.teaching.explain.computation import (
    ExplainedImage,
    FeatureMap,
    Flags,
    Grid,
    OutputValue,
    Response,
    Sum,
)
from convcli.teaching.explain.explanation import Explanation
from convcli.teaching.explain.missing_window import MissingWindow, counted_values, needs_anchor

MAX_PRODUCTS = 1_000_000
# All of them are monotonic: the least and greatest values stay the least and greatest.
ACTIVATIONS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "none": lambda values: values,
    "relu": relu,
    "leaky-relu": LeakyRelu().apply,
    "sigmoid": sigmoid,
    "tanh": tanh,
}


@np.errstate(all="ignore")
def explain_image(
    image: ImageData, image_filter: Filter, at: Sequence[int], activation: str = "none"
) -> Explanation:
    """Explain one value of a filtered image.

    Args:
        image: the input; its alpha is ignored.
        image_filter: what is done to the image.
        at: row and column in the feature map.
        activation: a key of ``ACTIVATIONS``.

    Raises:
        ConvcliError: as :func:`convcli.explain`.
    """
    if activation not in ACTIVATIONS:
        raise UsageError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
    if image_filter.combine == "direction":
        raise UsageError(
            "direction gives a color, and explain explains one number; combine by magnitude, or "
            "explain one of the kernels"
        )
    products = sum(kernel.matrix.size for kernel in image_filter.kernels)
    if products > MAX_PRODUCTS:
        raise UsageError(
            f"{image_filter.label} has {products:,} weights; at most {MAX_PRODUCTS:,} are explained"
        )
    image_filter, position = image_filter._replace(alpha="drop"), as_position(at)
    probed = probe_image(image, image_filter, position)
    extremes = None
    if image_filter.range in SCALED_RANGES:
        ends = (
            np.array(end) for end in measure(image, image_filter)
        )  # together they may be floats
        low, high = (_activate(activation, end).item() for end in ends)
        extremes = low, high
    return explain_probed(image, image_filter, position, probed, activation, extremes)


def explain_probed(
    image: ImageData,
    image_filter: Filter,
    at: Pair,
    probed: Probed,
    activation: str = "none",
    extremes: tuple[Number, Number] | None = None,
) -> Explanation:
    """Explain a value that is computed already.

    Args:
        image, image_filter, at, activation: as for :func:`explain_image`.
        probed: the values at this position.
        extremes: the least and the greatest activated value of the map, for range ``rescale``.
    """
    activated = _activate(activation, probed.values)
    value_range = value_range_of(image_filter, image.depth, extremes)
    kind = probed.kind if probed.kind.kind == "f" else activated.dtype
    # A quotient is computed in float64 and is float32 in the map. It is shown as the latter, unless
    # that would round to another pixel.
    narrow = activated.astype(probed.kind) if probed.kind.kind == "f" else activated
    is_same = np.rint(narrow) == np.rint(activated)
    pixels = np.empty(activated.shape, value_range.dtype_for(kind))
    value_range.apply(activated, pixels)
    if extremes and activated.dtype.kind == "f":
        low, high = (to_python(activated.dtype.type(end)) for end in extremes)
        extremes = low, high
    names = channel_names(image.channels)
    windows = [window_of(image.pixels, plan, at, image.axis) for plan in probed.plans]
    losses: list[MissingWindow | None] = [None] * len(windows)
    types = [plan.types.result for plan in probed.plans]
    if probed.missing is not None and image_filter.missing is not None:
        where, missing = probed.missing, image_filter.missing
        losses = [MissingWindow.of(image.pixels, where, plan, at, missing) for plan in probed.plans]
        types = [np.result_type(each, np.float32) for each in types]
    outputs = []
    for channel, name in enumerate(names if len(pixels) > 1 else [""]):
        responses = tuple(
            response_of(
                kernel,
                window,
                plan.types.result,
                cast("float", plan.types.bias),  # several only for a bank, which is not explained
                as_applied(kernel.matrix, image_filter.conv.operation),
                list(enumerate(names)) if kernel.matrix.ndim > 2 else [(channel, "")],
                to_python(values[channel].astype(own)),
                lost,
            )
            for kernel, plan, window, lost, own, values in zip(
                image_filter.kernels,
                probed.plans,
                windows,
                losses,
                types,
                probed.maps,
                strict=True,
            )
        )
        value = probed.values[channel].astype(probed.kind)
        result = (narrow if is_same[channel] else activated)[channel]
        numbers = map(to_python, (value, result, pixels[channel]))
        outputs.append(OutputValue(name, responses, *numbers))
    plan = probed.plans[0]
    geometry = plan.geometry
    axes = OutputAxes()
    if image.axis is not None:
        axes = result_axes(image, image_filter, geometry)
    return Explanation(
        kernel=image_filter.label,
        at=at,
        input_shape=geometry.input_shape,
        output_shape=geometry.output_shape,
        operation=image_filter.conv.operation,
        pads=geometry.pads,
        border=plan.border,
        fill=plan.fill,
        stride=geometry.stride,
        dilation=geometry.dilation,
        anchor=geometry.anchor,
        combine=image_filter.combine,
        activation=activation,
        range=image_filter.range,
        max_value=image.max_value,
        extremes=extremes,
        outputs=tuple(outputs),
        dtype=kind.name,
        x=axes.positions and axes.positions.at(max(at)),
        lag=axes.lags and axes.lags.at(max(at)),
        source=ExplainedImage(
            with_holes(image, image_filter),
            image_filter,
            partial(explained_map, image, image_filter, activation),
        ),
    )


def explained_map(image: ImageData, image_filter: Filter, activation: str = "none") -> FeatureMap:
    """Return the whole map that an explained value belongs to.

    Args:
        image, image_filter, activation: as for :func:`explain_image`.
    """
    image_filter = image_filter._replace(alpha="drop")
    if activation == "none":
        filtered = filter_image(image, image_filter, image.depth)
    else:
        raw = filter_image(image, image_filter._replace(range="raw"), image.depth)
        values = _activate(activation, raw.image.pixels)
        stats = ValueStats(ValueRange("raw", None))
        stats.add(values)
        raw = raw._replace(image=raw.image._replace(pixels=values), stats=stats)
        depth = None if image_filter.range == "raw" else image.depth
        filtered = apply_range(raw, image_filter, depth)
    return FeatureMap(
        filtered.image.reliable_pixels,
        filtered.image.max_value,
        filtered.stats.ends,
        image.axis,
        image_filter.kernels[0].axis,
    )


def _activate(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Apply an activation; those that give fractions compute integers in float64."""
    if name not in ("none", "relu") and values.dtype.kind != "f":
        values = values.astype(float)
    return ACTIVATIONS[name](values)


def as_position(at: Any, name: str = "at") -> Pair:
    """Return a position as two integers, or raise UsageError."""
    try:
        row, column = map(operator.index, at)
        valid = max(abs(row), abs(column)) < 2**63 and not any(isinstance(n, bool) for n in at)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise UsageError(f"{name} must be two whole numbers, row and column, not {short_repr(at)}")
    return row, column


def response_of(
    kernel: Kernel,
    window: Window,
    dtype: np.dtype[Any],
    bias: float,
    applied: NDArray[Any],
    channels: Sequence[tuple[int, str]],
    value: Number,
    lost: MissingWindow | None = None,
) -> Response:
    """Work out the products and sums of one kernel.

    Args:
        kernel: the kernel.
        window: what lies under it.
        dtype: the type of the result.
        bias: added after the division.
        applied: its weights as they are applied.
        channels: the number and the name of each channel that it sums over.
        value: the result, rounded as in the map.
        lost: the missing pixels of the window; None if there are none.
    """
    if lost is not None and not lost.reaches([channel for channel, _ in channels]):
        lost = None
    takes_anchor = lost is not None and needs_anchor(applied)
    planes = applied.reshape(-1, *applied.shape[-2:])
    sums, totals, grids = [], [], []
    for plane, (channel, name) in zip(planes, channels, strict=True):
        values, flags = window.channels[channel], None
        if lost is not None:
            flags = lost.flags[channel]
            values = lost.filled(values, channel, takes_anchor=takes_anchor)
        weights = tuple(tuple(to_python(weight, dtype) for weight in row) for row in plane)
        counted = values if flags is None else counted_values(values, flags)
        exact = [list(map(exact_product, *rows)) for rows in zip(counted, weights, strict=True)]
        products = tuple(tuple(map(to_number, row)) for row in exact)
        totals.append(exact_sum(chain.from_iterable(exact)))
        sums.append(Sum(name, values, weights, products, to_number(totals[-1]), flags))
        grids.append((channel, weights))
    total = exact_sum(totals)
    return Response(
        kernel=kernel.name,
        rows=window.rows,
        columns=window.columns,
        padding=window.padding,
        sums=tuple(sums),
        sum=to_number(total),
        divisor=kernel.divisor,
        bias=bias,
        value=value,
        x=window.x,
        validity=lost and lost.validity(total, grids, takes_anchor=takes_anchor),
    )


class Window(NamedTuple):
    """Values of maps at all pairs of some rows and columns, padding included.

    Attributes:
        rows, columns: positions in the maps; outside them is padding.
        padding: which are padding, as rows of booleans.
        channels: the values, a grid for each channel.
        x: the positions along a signal; None without them.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    padding: Flags
    channels: tuple[Grid, ...]
    x: tuple[float, ...] | None


def window_of(pixels: NDArray[Any], plan: Plan, at: Pair, labels: SampleAxis | None) -> Window:
    """Read the window of one output value from an image, (H, W) or (H, W, C)."""
    places = [
        at[axis] * stride - before + np.arange(taps) * dilation
        for axis in (0, 1)
        for taps, stride, before, dilation in [plan.geometry.along(axis)]
    ]
    return read_window(pixels, places, plan.border, plan.fill, labels, plan.types.result)


def read_window(
    pixels: NDArray[Any],
    places: Sequence[NDArray[np.intp]],
    border: str,
    fill: Number,
    labels: SampleAxis | None,
    precision: np.dtype[Any] | None = None,
) -> Window:
    """Read the values at some rows and columns of an image, (H, W) or (H, W, C).

    Args:
        pixels: the image.
        places: the rows and the columns; those outside the image read the border.
        border: numpy's name of the border mode.
        fill: the value of a ``constant`` or ``zero`` border.
        labels: where the samples of a signal lie, if it is one that has positions.
        precision: as for :func:`convcli.teaching.decimals.to_python`.
    """
    planes = with_channels(pixels)
    sources, outside = [], []
    for axis in (0, 1):
        size = planes.shape[axis]
        sources.append(border_at(places[axis], size, border))
        outside.append((places[axis] < 0) | (places[axis] >= size))
    values = planes[np.ix_(*sources)]
    filled = np.logical_or.outer(sources[0] == OUTSIDE, sources[1] == OUTSIDE)
    channels = tuple(
        tuple(
            tuple(
                fill if out else to_python(value, precision)
                for value, out in zip(*row, strict=True)
            )
            for row in zip(values[..., channel], filled.tolist(), strict=True)
        )
        for channel in range(planes.shape[2])
    )
    rows, columns = (tuple(place.tolist()) for place in places)
    padding = tuple(map(tuple, np.logical_or.outer(*outside).tolist()))
    x = None
    if labels is not None:
        x = tuple(map(labels.at, columns if planes.shape[0] == 1 else rows))
    return Window(rows, columns, padding, channels, x)
