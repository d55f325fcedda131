"""Floating point: accuracy against exact fractions, and where NaN and infinity go."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli import convolve, cross_correlate

LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]])
BORDERS = ["edge", "zero", "reflect", "symmetric", "wrap"]


def worst(actual, expected):
    """Return the greatest error, as a share of the largest output."""
    expected = expected.astype(float)
    return np.abs(actual - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize(
    ("dtype", "offset", "limit"),
    [("f4", 0, 1e-5), ("f4", 1e6, 1e-5), ("f8", 0, 1e-12), ("f8", 100, 1e-12), ("f2", 2000, 1e-5)],
)
@pytest.mark.parametrize("name", ["blur", "laplacian", "random"])
def test_accuracy_with_large_offsets(dtype, offset, limit, name, by_loops, exactly, rng):
    kernels = {
        "blur": np.full((5, 5), 1 / 25),
        "laplacian": LAPLACIAN,
        "random": rng.normal(size=(7, 4)),
    }
    image = (offset + rng.normal(size=(12, 10)) * max(1, offset / 1000)).astype(dtype)
    kernel = kernels[name]
    expected = by_loops(exactly(image), exactly(kernel), "convolve")
    actual = convolve(image, kernel)
    assert actual.dtype == (np.float64 if dtype == "f8" else np.float32)
    assert worst(actual, expected) <= limit


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "u4", "i8", "u8"])
def test_integers_under_a_fractional_kernel(dtype, by_loops, exactly, rng):
    image = rng.integers(0, np.iinfo(dtype).max, (8, 9), dtype=dtype)
    kernel = rng.random((3, 4))
    actual = cross_correlate(image, kernel, divisor=3, bias=0.5)
    expected = by_loops(exactly(image), exactly(kernel)) / 3 + 0.5
    double = np.dtype(dtype).itemsize > 2
    assert actual.dtype == (np.float64 if double else np.float32)
    assert worst(actual, expected) <= (1e-12 if double else 1e-5)


@pytest.mark.slow
def test_many_channels_and_a_large_kernel(by_loops, rng):
    image = (1000 + rng.normal(size=(40, 40, 8))).astype(np.float32)
    kernel = rng.normal(size=(2, 8, 31, 31))
    actual = cross_correlate(image, kernel, padding="valid", stride=3)
    windows = np.lib.stride_tricks.sliding_window_view(
        image.astype(np.longdouble), (31, 31), axis=(0, 1)
    )[::3, ::3]
    expected = np.einsum("rchij,nhij->rcn", windows, kernel.astype(np.longdouble))
    assert actual.dtype == np.float32
    assert worst(actual, expected) <= 1e-5


@pytest.mark.parametrize("spot", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_only_windows_that_weigh_a_spot_see_it(spot, border, dtype, by_loops, rng):
    kernel = np.array([[0, 2, 0, 0], [1, 0, 0, -1], [0, 0, 3, 0.5]])
    image = rng.normal(size=(7, 8)).astype(dtype)
    for place in [(0, 0), (3, 4), (6, 7), (0, 5)]:
        spotted, mask = image.copy(), np.zeros(image.shape, int)
        spotted[place], mask[place] = spot, 1
        image[place] = 0
        for dilation in (1, 2):
            options = {"border": border, "dilation": dilation}
            touched = by_loops(mask, kernel != 0, **options).astype(bool)
            actual = cross_correlate(spotted, kernel, **options)
            np.testing.assert_array_equal(~np.isfinite(actual), touched)
            clean = cross_correlate(image, kernel, **options)
            # What the spot sends to another method may be rounded otherwise.
            near = 1e-12 if dtype == "f8" else 1e-5
            np.testing.assert_allclose(actual[~touched], clean[~touched], rtol=0, atol=near)


@given(
    spots=st.lists(
        st.tuples(st.integers(0, 19), st.sampled_from([np.nan, np.inf, -np.inf])), max_size=4
    ),
    border=st.sampled_from(BORDERS),
    channels=st.booleans(),
)
def test_infinities_and_nan_add_as_floats_do(spots, border, channels, by_loops):
    image = np.arange(20.0)
    for place, spot in spots:
        image[place] = spot
    image = image.reshape((2, 5, 2) if channels else (4, 5))
    kernel = np.array([[[1, 0], [-2, 1]], [[0, 0.5], [0, -1]]]) if channels else LAPLACIAN
    with np.errstate(all="ignore"):
        expected = by_loops(image, kernel, border=border).astype(float)
    np.testing.assert_allclose(cross_correlate(image, kernel, border=border), expected, atol=1e-12)


@pytest.mark.parametrize("method", ["auto", "direct", "toeplitz", "fft", "separable"])
def test_a_weight_too_small_for_float32_spreads_nan_all_the_same(method):
    image = np.array([[1, np.nan, 2, np.inf, 3]], np.float32)
    actual = cross_correlate(image, [[1e-60, 2e-60]], method=method, padding="valid")
    np.testing.assert_array_equal(actual, [[np.nan, np.nan, np.inf, np.inf]])


def test_spots_become_pixels_without_a_warning():
    image = np.array([[np.nan, 1, np.inf, 1, -np.inf, 1, 1e300]])
    actual = cross_correlate(image, [[1]], dtype=np.uint8)
    assert actual.tolist() == [[0, 1, 255, 1, 0, 1, 255]]
    assert np.isposinf(cross_correlate(image, [[1]], dtype=np.float32)[0, [2, 6]]).all()


def test_a_zero_weight_ignores_the_border_too():
    fill = {"border": "constant", "padding": 1}
    for spot in (np.nan, np.inf):
        actual = cross_correlate([[5.0]], [[0, 0, 0], [0, 1, 0], [0, 0, 0]], fill=spot, **fill)
        assert actual.tolist() == [[5]]
    assert np.isnan(cross_correlate([[5]], [[1, 1, 1]], fill=np.nan, **fill)).all()


@pytest.mark.parametrize("value", [3e38, -3e38])
def test_overflow_is_infinity_without_a_warning(value):
    image = np.full((3, 3), value, np.float32)
    np.testing.assert_array_equal(
        cross_correlate(image, np.ones((3, 3))), np.full((3, 3), np.copysign(np.inf, value))
    )
    wide = cross_correlate(np.full((3, 3), 1e308), np.ones((3, 3)))
    assert np.isposinf(wide).all()


@pytest.mark.parametrize(("kernel", "divisor"), [([[1.0]], 1e-310), ([[1e308]], 0.1)])
def test_weights_that_overflow_do_not_warn(kernel, divisor):
    """Either an infinity or a refusal (a ValueError), never a stray RuntimeWarning."""
    try:
        actual = cross_correlate([[1.0]], kernel, divisor=divisor)
    except ValueError:
        return
    assert np.isposinf(actual).all()


def test_sums_in_float32_do_not_overflow_on_the_way():
    image = np.array([[3e38, 3e38, -3e38]], np.float32)
    actual = cross_correlate(image, [[1, 1, 1]], padding="valid")
    assert actual[0, 0] == np.float32(3e38)


@pytest.mark.parametrize("method", ["auto", "direct", "separable", "toeplitz", "fft"])
@pytest.mark.parametrize("kernel", ["separable", "equal", "dense"])
@pytest.mark.parametrize("largest", [1.5e308, 1e150, 1e-4])
def test_sums_in_float64_do_not_overflow_on_the_way(method, kernel, largest, exactly, by_loops):
    """Either the pixels are near the end of the range, or the weights, or only their products."""
    rng = np.random.default_rng(3)
    image = rng.uniform(0.9, 1, (6, 9)) * largest
    weights = {
        "separable": np.outer([1, 1, 1, -1], [1, -1, 0.25]),
        "equal": np.array([[1, 1], [1, -1], [-1, 0]]),
        "dense": rng.uniform(0.5, 1, (3, 4)) * [1, 1, -1, -1],
    }[kernel] * (1.5e308 / largest if largest > 1e-4 else 1.5e308)
    image[5, 8] = np.inf  # other windows are as before
    if method == "separable" and kernel != "separable":
        method = "auto"
    found = cross_correlate(image, weights, method=method, padding="valid")
    image[5, 8] = 0
    expected = by_loops(exactly(image), exactly(weights), padding="valid")
    expected = np.vectorize(float)(expected)[:3, :5]
    assert np.abs(found[:3, :5] - expected).max() <= 1e-12 * 9 * 1.5e308 * min(largest, 1)
