"""Pooling against plain loops, scipy and torch; types, NaN, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from convcli import GeometryError, UsageError, pool
from convcli.core.pooling import pool_geometry


def by_loops(image, size, kind, stride, padding, count_padding, ceil):
    """Pool one channel window by window, as torch's documentation describes it."""
    counts = []
    for n, k, s, p in zip(image.shape, size, stride, padding, strict=True):
        count = (n + 2 * p - k) / s
        count = int(np.ceil(count) if ceil else np.floor(count)) + 1
        counts.append(count - (ceil and (count - 1) * s >= n + p))
    out = np.empty(counts)
    for r in range(counts[0]):
        for c in range(counts[1]):
            top, left = r * stride[0] - padding[0], c * stride[1] - padding[1]
            bottom = min(top + size[0], image.shape[0] + padding[0])
            right = min(left + size[1], image.shape[1] + padding[1])
            window = image[max(top, 0) : bottom, max(left, 0) : right]
            if kind == "max":
                out[r, c] = window.max()
            else:
                area = (bottom - top) * (right - left)
                out[r, c] = window.sum() / (area if count_padding else window.size)
    return out


@st.composite
def poolings(draw):
    """An image's size and arguments that fit it."""
    arguments: dict[str, list[int]] = {"size": [], "stride": [], "padding": []}
    shape = []
    for _ in range(2):
        size = draw(st.integers(1, 5))
        padding = draw(st.integers(0, size // 2))
        shape.append(draw(st.integers(max(1, size - 2 * padding), 13)))
        arguments["size"].append(size)
        arguments["padding"].append(padding)
        arguments["stride"].append(draw(st.integers(1, 4)))
    flags = {"count_padding": draw(st.booleans()), "ceil": draw(st.booleans())}
    return shape, {name: tuple(pair) for name, pair in arguments.items()} | flags


@pytest.mark.slow
@given(poolings(), st.sampled_from(["max", "avg"]), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_windows_one_by_one(pooling, kind, channels, seed):
    shape, arguments = pooling
    image = np.random.default_rng(seed).normal(size=(*shape, channels))
    before = image.copy()
    pooled = pool(image, kind=kind, **arguments)
    expected = [
        by_loops(image[..., channel], kind=kind, **arguments) for channel in range(channels)
    ]
    np.testing.assert_allclose(pooled, np.stack(expected, axis=2), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(pool(image[..., 0], kind=kind, **arguments), pooled[..., 0])


@given(poolings(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_torch(pooling, seed):
    functional = pytest.importorskip("torch.nn.functional")
    torch = pytest.importorskip("torch")
    shape, arguments = pooling
    image = np.random.default_rng(seed).normal(size=(*shape, 2)).astype(np.float32)
    image[seed % shape[0], seed % shape[1], 0] = np.nan
    given = torch.tensor(image).permute(2, 0, 1)
    rules = arguments["size"], arguments["stride"], arguments["padding"]
    counted, ceil = arguments["count_padding"], arguments["ceil"]
    most = functional.max_pool2d(given, *rules, ceil_mode=ceil)
    mean = functional.avg_pool2d(given, *rules, ceil_mode=ceil, count_include_pad=counted)
    for kind, expected in (("max", most), ("avg", mean)):
        pooled = pool(image, kind=kind, **arguments)
        assert pooled.dtype == np.float32
        np.testing.assert_allclose(pooled, expected.permute(1, 2, 0).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(3, 3), (5, 1), (1, 7)])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_scipy_on_many_strips(size, kind):
    """Large enough for several strips and threads; padding keeps the size, as scipy does."""
    image = np.random.default_rng(0).integers(0, 65536, (700, 900), np.uint16)
    padding = size[0] // 2, size[1] // 2
    pooled = pool(image, size, kind, 1, padding)
    if kind == "max":
        expected = ndimage.maximum_filter(image, size, mode="constant", cval=0)
        np.testing.assert_array_equal(pooled, expected)
        assert pooled.dtype == np.uint16
    else:
        expected = ndimage.uniform_filter(image.astype(float), size, mode="constant")
        np.testing.assert_allclose(pooled, expected, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32, np.int64, np.uint64, np.float64])
def test_a_maximum_is_exact_and_padding_never_wins(kind):
    least = np.iinfo(kind).min if np.dtype(kind).kind != "f" else -1e308
    image = np.full((4, 4), least, kind)
    image[1, 1] = np.iinfo(kind).max if np.dtype(kind).kind != "f" else 1e308
    pooled = pool(image, 2, padding=1)
    assert pooled.dtype == kind
    assert pooled.tolist() == [
        [least, least, least], [least, image[1, 1], least], [least, least, least]
    ]  # fmt: skip


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


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_nan_and_infinity_reach_their_windows_alone(kind):
    image = np.zeros((6, 6))
    image[0, 0], image[5, 5], image[5, 0] = np.nan, np.inf, -np.inf
    pooled = pool(image, 2, kind)
    assert np.isnan(pooled[0, 0])
    assert np.isnan(pooled).sum() == 1
    assert pooled[2, 2] == np.inf
    assert pooled[2, 0] == (0 if kind == "max" else -np.inf)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"size": 7}, GeometryError, "window 7x7 exceeds the 6x5 input"),
        ({"size": (9, 2), "padding": (1, 0)}, GeometryError, "exceeds the padded 6x7 input"),
        ({"size": 2, "padding": 2}, GeometryError, "padding 2 is more than half of the 2x2"),
        ({"size": (4, 2), "padding": (2, 2)}, GeometryError, "more than half of the 2x4 window"),
        ({"size": 0}, GeometryError, "window size must be at least 1"),
        ({"size": 2, "stride": 0}, GeometryError, "stride must be at least 1"),
        ({"size": 2, "padding": -1}, GeometryError, "padding must be at least 0"),
        ({"size": 2, "padding": "same"}, GeometryError, "padding must be a whole number"),
        ({"size": 1.5}, GeometryError, "whole number"),
        ({"size": 2, "kind": "mean"}, UsageError, "max or avg"),
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
    assert pool_geometry((4, 4), 5, 4, ceil=True).output_shape == (1, 1)
    with pytest.raises(GeometryError, match="exceeds"):
        pool_geometry((4, 4), 9, 4, ceil=True)
