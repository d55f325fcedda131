"""Pooling against plain loops, scipy and torch; types, NaN, and what is refused."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from convcli import GeometryError, UsageError, cross_correlate, pool
from convcli.core.pooling import pool_geometry


def starts_of(n, k, s, pads, d, ceil):
    """Where windows start along one axis, as torch's documentation counts them."""
    count = (n + sum(pads) - d * (k - 1) - 1) / s
    count = int(np.ceil(count) if ceil else np.floor(count)) + 1
    count -= ceil and (count - 1) * s >= n + pads[0]
    return [number * s - pads[0] for number in range(count)]


def by_loops(image, size, kind, stride, padding, count_padding, ceil, dilation):
    """Pool one channel window by window; None if a window holds padding alone."""
    (height, width), sides = image.shape, (padding[:2], padding[2:])
    rules = zip(image.shape, size, stride, sides, dilation, strict=True)
    rows, columns = (starts_of(*rule, ceil) for rule in rules)
    out = np.empty((len(rows), len(columns)))
    for (i, top), (j, left) in product(enumerate(rows), enumerate(columns)):
        down = [top + dilation[0] * step for step in range(size[0])]
        across = [left + dilation[1] * step for step in range(size[1])]
        values = [image[y, x] for y in down for x in across if 0 <= y < height and 0 <= x < width]
        if not values:
            return None
        if kind == "avg":
            ends = height + padding[1], width + padding[3]
            inside = sum(y < ends[0] for y in down) * sum(x < ends[1] for x in across)
            out[i, j] = np.sum(values) / (inside if count_padding else len(values))
        else:
            out[i, j] = max(values) if kind == "max" else min(values)
    return out


@st.composite
def poolings(draw, most=3, *, sided=True):
    """An image's size and arguments, which need not fit it; dilations up to ``most``."""
    names = ("size", "stride", "dilation")
    numbers = [tuple(draw(st.integers(1, top)) for _ in "hw") for top in (5, 4, most)]
    shape = tuple(draw(st.integers(1, 13)) for _ in "hw")
    room = [d * (k - 1) + 1 if sided else k for k, _, d in zip(*numbers, strict=True)]
    before, after = ([draw(st.integers(0, n // 2)) for n in room] for _ in "ab")
    padding = (before[0], after[0], before[1], after[1]) if sided else tuple(before)
    flags = {"count_padding": draw(st.booleans()), "ceil": draw(st.booleans())}
    return shape, dict(zip(names, numbers, strict=True)) | {"padding": padding} | flags


@pytest.mark.slow
@given(poolings(), st.sampled_from(["max", "min", "avg"]), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_windows_one_by_one(pooling, kind, channels, seed):
    shape, arguments = pooling
    image = np.random.default_rng(seed).normal(size=(*shape, channels))
    before = image.copy()
    first = by_loops(image[..., 0], kind=kind, **arguments)
    if first is None or first.size == 0:
        with pytest.raises(GeometryError, match="exceeds the" if first is not None else "alone"):
            pool(image, kind=kind, **arguments)
        return
    pooled = pool(image, kind=kind, **arguments)
    expected = [
        by_loops(image[..., channel], kind=kind, **arguments) for channel in range(channels)
    ]
    np.testing.assert_allclose(pooled, np.stack(expected, axis=2), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(pool(image[..., 0], kind=kind, **arguments), pooled[..., 0])


@given(st.data(), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_torch(data, seed):
    """Its maxima have dilations, its means have none; both are padded alike on all sides."""
    functional = pytest.importorskip("torch.nn.functional")
    torch = pytest.importorskip("torch")
    kind = data.draw(st.sampled_from(["max", "min", "avg"]))
    shape, arguments = data.draw(poolings(1 if kind == "avg" else 3, sided=False))
    image = np.random.default_rng(seed).normal(size=(*shape, 2)).astype(np.float32)
    image[seed % shape[0], seed % shape[1], 0] = np.nan
    given = torch.tensor(image).permute(2, 0, 1)
    rules = arguments["size"], arguments["stride"], arguments["padding"]
    counted, ceil = arguments["count_padding"], arguments["ceil"]
    try:
        pooled = pool(image, kind=kind, **arguments)
    except GeometryError:
        return
    if kind == "avg":
        expected = functional.avg_pool2d(given, *rules, ceil_mode=ceil, count_include_pad=counted)
    else:
        sign, apart = (-1 if kind == "min" else 1), arguments["dilation"]
        expected = sign * functional.max_pool2d(sign * given, *rules, apart, ceil_mode=ceil)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected.permute(1, 2, 0).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(3, 3), (5, 1), (1, 7)])
@pytest.mark.parametrize("kind", ["max", "min", "avg"])
def test_scipy_on_many_strips(size, kind):
    """Large enough for several strips and threads; padding keeps the size, as scipy does."""
    image = np.random.default_rng(0).integers(0, 65536, (700, 900), np.uint16)
    padding = size[0] // 2, size[1] // 2
    pooled = pool(image, size, kind, 1, padding)
    if kind != "avg":
        one = ndimage.maximum_filter if kind == "max" else ndimage.minimum_filter
        expected = one(image, size, mode="constant", cval=0 if kind == "max" else 65535)
        np.testing.assert_array_equal(pooled, expected)
        assert pooled.dtype == np.uint16
    else:
        expected = ndimage.uniform_filter(image.astype(float), size, mode="constant")
        np.testing.assert_allclose(pooled, expected, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32, np.int64, np.uint64, np.float64])
@pytest.mark.parametrize("extreme", ["max", "min"])
def test_an_extreme_is_exact_and_padding_never_wins(kind, extreme):
    least = np.iinfo(kind).min if np.dtype(kind).kind != "f" else -1e308
    most = np.iinfo(kind).max if np.dtype(kind).kind != "f" else 1e308
    usual, other = (least, most) if extreme == "max" else (most, least)
    image = np.full((4, 4), usual, kind)
    image[1, 1] = other
    pooled = pool(image, 2, extreme, padding=1)
    assert pooled.dtype == kind
    assert pooled.tolist() == [
        [usual, usual, usual], [usual, image[1, 1], usual], [usual, usual, usual]
    ]  # fmt: skip


@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (5, 70), (90, 2)])
@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_dilated_windows_on_many_strips(stride, kind, dtype, channels):
    """Against the windows as numpy shows them; several strips and threads."""
    image = np.random.default_rng(0).integers(0, 256, (600, 700, channels)).astype(dtype)
    dilation, size = (20, 3), (4, 6)
    windows = sliding_window_view(image, (61, 16), (0, 1))[:: stride[0], :: stride[1]]
    windows = windows[..., :: dilation[0], :: dilation[1]]
    pooled = pool(image, size, kind, stride, dilation=dilation)
    if kind == "max":
        np.testing.assert_array_equal(pooled, windows.max((3, 4)))
    else:
        np.testing.assert_allclose(pooled, windows.mean((3, 4), dtype=float), rtol=1e-6)


@pytest.mark.parametrize("padding", ["same", "same-upper", "same-lower", "causal", "full", "valid"])
def test_rules_of_padding_are_those_of_a_convolution(padding):
    """A convolution with equal weights is a mean that counts its padding, which holds 0."""
    image = np.random.default_rng(0).normal(size=(9, 8))
    rules = {"padding": padding, "stride": (2, 1), "dilation": (1, 2)}
    expected = cross_correlate(image, np.full((4, 3), 1 / 12), border="zero", **rules)
    np.testing.assert_allclose(pool(image, (4, 3), "avg", **rules), expected, rtol=1e-12)


def test_pads_of_a_signal_before_and_after_it():
    assert pool([3, 1, 4, 1, 5], 2, stride=1, padding=(0, 1)).tolist() == [3, 4, 4, 5, 5]
    assert pool([3, 1, 4, 1, 5], 3, "min", 1, "causal", dilation=2).tolist() == [3, 1, 3, 1, 3]


@pytest.mark.parametrize(
    ("kind", "mean"),
    [
        (np.bool_, np.float32),
        (np.uint8, np.float32),
        (np.uint16, np.float32),
        (np.int32, np.float64),
        (np.float32, np.float32),
        (np.float64, np.float64),
    ],
)
def test_the_type_of_a_mean(kind, mean):
    assert pool(np.ones((2, 2), kind), 2, "avg").dtype == mean


def test_a_mean_of_large_numbers_does_not_wrap():
    assert pool(np.full((64, 64), 255, np.uint8), 64, "avg").tolist() == [[255]]


@pytest.mark.parametrize("kind", ["max", "min", "avg"])
def test_nan_and_infinity_reach_their_windows_alone(kind):
    image = np.zeros((6, 6))
    image[0, 0], image[5, 5], image[5, 0] = np.nan, np.inf, -np.inf
    pooled = pool(image, 2, kind)
    assert np.isnan(pooled[0, 0])
    assert np.isnan(pooled).sum() == 1
    assert pooled[2, 2] == (0 if kind == "min" else np.inf)
    assert pooled[2, 0] == (0 if kind == "max" else -np.inf)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"size": 7}, GeometryError, "window 7x7 exceeds the 6x5 input"),
        ({"size": (9, 2), "padding": (1, 0)}, GeometryError, "exceeds the padded 6x7 input"),
        (
            {"size": 2, "padding": 2},
            GeometryError,
            "the 2x2 window of row 0 holds padding alone; pad less than 2$",
        ),
        (
            {"size": (4, 2), "padding": (0, 0, 0, 2)},
            GeometryError,
            "the 2x4 window of column 3 holds padding alone; pad less than 0,0,0,2$",
        ),
        ({"size": 2, "padding": 3, "dilation": 9}, GeometryError, "window of row 0 holds padding"),
        (
            {"size": 3, "dilation": 3},
            GeometryError,
            r"window 3x3 \(dilation 3, extent 7x7\) exceeds the 6x5 input",
        ),
        ({"size": 2, "dilation": 0}, GeometryError, "dilation must be at least 1"),
        ({"size": 0}, GeometryError, "window size must be at least 1"),
        ({"size": 2, "stride": 0}, GeometryError, "stride must be at least 1"),
        ({"size": 2, "padding": -1}, GeometryError, "padding must be at least 0"),
        ({"size": 2, "padding": "some"}, GeometryError, "padding must be .*same"),
        ({"size": 1.5}, GeometryError, "whole number"),
        ({"size": 2, "kind": "mean"}, UsageError, "one of max, min, avg, not 'mean'"),
    ],
)
def test_refusals(arguments, error, said):
    with pytest.raises(error, match=said):
        pool(np.zeros((5, 6)), **arguments)


@pytest.mark.parametrize("image", [np.zeros(0), np.zeros((0, 2)), [[1j]], np.zeros((1, 1, 1, 1))])
def test_no_image(image):
    with pytest.raises(UsageError, match=r"image (must be|has 4 dimensions)"):
        pool(image, 1)


def test_a_window_larger_than_the_image_where_the_count_is_ceiled():
    assert pool_geometry((4, 4), 5, 4, ceil=True)[0].output_shape == (1, 1)
    with pytest.raises(GeometryError, match="exceeds"):
        pool_geometry((4, 4), 9, 4, ceil=True)
