"""How many decimals are reliable, against sums that are exact."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.core.correlate import feature_map
from convcli.core.digits import (
    largest_magnitude,
    reliable_decimals,
    round_number,
    round_values,
    sum_bound,
)
from convcli.geometry import ConvOptions

TENTHS = st.integers(-99, 99).map(lambda number: number / 10)


@given(st.lists(TENTHS, min_size=3, max_size=9), st.lists(TENTHS, min_size=2, max_size=3))
def test_sums_of_decimals_are_those_of_exact_fractions(values, weights):
    image, kernel = np.array([values]), np.array([weights])
    sums = feature_map(image, kernel, ConvOptions(padding="valid"))
    decimals = reliable_decimals(sums.dtype, sum_bound(kernel, largest_magnitude(image)))
    exact = [
        sum(
            Fraction(str(value)) * Fraction(str(weight))
            for value, weight in zip(values[start:], weights, strict=False)
        )
        for start in range(len(values) - len(weights) + 1)
    ]
    assert round_values(sums, decimals).tolist() == [[float(each) for each in exact]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decimals", [0, 3, 13, 30])
def test_arrays_round_as_numbers_do(dtype, decimals):
    values = np.array([[5.2, -1e-20, np.nan], [np.inf, 1e20, 3]], dtype)
    expected = [[dtype(round_number(float(n), decimals)) for n in row] for row in values]
    rounded = round_values(values, decimals)
    assert rounded.dtype == dtype
    np.testing.assert_array_equal(rounded, expected)
    assert not np.signbit(rounded[~np.isnan(rounded)]).any() or decimals > 19


def test_integers_and_all_decimals_are_left_alone():
    for values, decimals in ((np.array([7]), 0), (np.array([5.199999999999999]), None)):
        assert round_values(values, decimals) is values


def test_what_is_not_finite_sets_no_decimals():
    assert largest_magnitude(np.array([np.nan, -np.inf, 2.5, -4])) == 4
    assert largest_magnitude(np.array([np.nan])) == largest_magnitude(np.empty(0)) == 0
    assert largest_magnitude(np.array([-128], np.int8)) == 128


def test_values_beyond_all_decimals_count_only_if_there_are_no_others():
    nodata = np.finfo(np.float32).min
    assert largest_magnitude(np.array([nodata, 2.5], np.float32), np.float32) == 2.5
    assert largest_magnitude(np.array([nodata], np.float32), np.float32) == -nodata
    assert largest_magnitude(np.array([-(2**63), 5]), np.float64) == 5  # np.abs would be negative
    assert largest_magnitude(np.array([2.0**20, 2.5]), np.float64) == 2**20
