"""Integer results with a divisor or a bias are rounded once, to the ends of int64 and uint64."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli import cross_correlate

TYPES = ["u1", "i2", "u4", "i8", "u8"]
LARGE = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-1000, 1000),
    st.sampled_from([2**62 + 1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**52 + 1]),
)
DIVISORS = st.one_of(
    st.integers(1, 2**53).map(float),
    st.sampled_from([1, 2, 3, -1, -2, -7, 0.5, 2.5, 0.1, -1e-9, 1e30, 2**63, 2**64, 1e300]),
)
BIASES = st.one_of(
    st.sampled_from([0, 0.5, -0.5, 0.1, 1e-20, 2**62, -(2**63), 2.0**64, 1e300, -1e25]),
    st.integers(-(10**6), 10**6).map(lambda n: n / 2),
)


def nearest(value, dtype):
    bounds = np.iinfo(dtype)
    return min(max(round(value), int(bounds.min)), int(bounds.max))


@given(st.lists(LARGE, min_size=1, max_size=5), DIVISORS, BIASES, st.sampled_from(TYPES))
def test_every_quotient_is_rounded_once(sums, divisor, bias, dtype):
    if divisor == 1 and bias == int(bias):
        bias = 0.25  # a whole bias alone belongs to the sums, which 64 bits have to hold
    image = np.array([sums])
    actual = cross_correlate(image, [[1]], divisor=divisor, bias=bias, dtype=dtype)
    exact = [Fraction(number) / Fraction(divisor) + Fraction(bias) for number in sums]
    assert actual.tolist() == [[nearest(value, dtype) for value in exact]]


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5), DIVISORS, st.sampled_from(TYPES)
)
def test_quotients_of_sums_in_uint64_are_rounded_once(sums, divisor, dtype):
    image = np.array([sums], np.uint64)
    actual = cross_correlate(image, [[1]], divisor=divisor, bias=0.25, dtype=dtype)
    exact = [Fraction(number) / Fraction(divisor) + Fraction(1, 4) for number in sums]
    assert actual.tolist() == [[nearest(value, dtype) for value in exact]]


@pytest.mark.parametrize("dtype", ["i8", "u1"])
def test_each_filter_has_its_own_bias(dtype):
    image = np.array([[2**62 + 1, 5]])
    biases = [0.5, -(2**61), 0.1]
    actual = cross_correlate(image, np.ones((3, 1, 1, 1), int), divisor=3, bias=biases, dtype=dtype)
    for place, bias in enumerate(biases):
        exact = [Fraction(int(number), 3) + Fraction(bias) for number in image[0]]
        assert actual[0, :, place].tolist() == [nearest(value, dtype) for value in exact]


def test_the_filters_of_a_narrow_image_do_not_change_each_other():
    image = np.arange(10, 16, dtype=np.uint8)[:, np.newaxis]
    biases = [-7, -7, 0.5]
    actual = cross_correlate(image, np.ones((3, 1, 1, 1), int), bias=biases, dtype=np.uint8)
    for place, bias in enumerate(biases):
        assert actual[:, 0, place].tolist() == [round(value + bias) for value in range(10, 16)]


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("method", ["direct", "matrix"])
def test_a_bank_adds_the_biases_of_its_filters(kind, method, by_loops, rng):
    image, bank = rng.integers(0, 256, (7, 6, 2)), rng.integers(-9, 10, (3, 2, 2, 3)).astype(kind)
    expected = by_loops(image, bank)
    for biases in ([1, -2, 3], (0.5, 0, 2), np.array([0, 7, 2**40])):
        actual = cross_correlate(image, bank, bias=biases, method=method)
        np.testing.assert_array_equal(actual, expected + np.array(biases))
    single = cross_correlate(image, bank[:1], bias=[4])
    np.testing.assert_array_equal(single, expected[..., :1] + 4)


@given(
    st.sampled_from(["u1", "i1", "u2", "i2", "?", "u4"]),
    st.integers(1, 3),
    st.sampled_from([1, 2, 3, 4, 9, 16, 255, 256, 30_000, -2, -3, 0.5, 1.5, -0.75, 1e-300]),
    st.sampled_from([0, 0.5, -0.5, 7, -3, 127.5, 30_000]),
    st.sampled_from(TYPES),
    st.integers(0, 10**6),
)
def test_quotients_are_exact_in_narrow_types(kind, side, divisor, bias, dtype, seed):
    rng = np.random.default_rng(seed)
    bounds = (0, 1) if kind == "?" else (np.iinfo(kind).min, np.iinfo(kind).max)
    image = rng.integers(*bounds, (4, 5), endpoint=True).astype(kind)
    image[0, :2] = bounds
    kernel = rng.integers(-2, 6, (side, side))
    sums = cross_correlate(image, kernel).astype(object)
    actual = cross_correlate(image, kernel, divisor=divisor, bias=bias, dtype=dtype)
    exact = [
        [nearest(Fraction(number) / Fraction(divisor) + Fraction(bias), dtype) for number in row]
        for row in sums.tolist()
    ]
    assert actual.tolist() == exact


def test_a_kernel_of_zeros_is_divided_by_anything():
    actual = cross_correlate(np.ones((2, 2), np.uint8), [[0]], divisor=1e-300, dtype="u1")
    assert actual.tolist() == [[0, 0], [0, 0]]
