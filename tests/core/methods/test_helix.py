"""Small images are summed by one call of numpy, over windows that are runs of the strip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli import cross_correlate, plan

OPTIONS = st.fixed_dictionaries(
    {
        "padding": st.sampled_from(["same", "full", (0, 3, 1, 2)]),
        "border": st.sampled_from(["edge", "zero", "reflect", "wrap"]),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "dilation": st.tuples(st.integers(1, 3), st.integers(1, 3)),
    }
)


@given(
    st.sampled_from([(5, 7), (4, 4, 3), (1, 12), (11, 1), (2, 3, 5)]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from(["u1", "i2", "f4", "f8"]),
    OPTIONS,
    st.integers(0, 99),
)
def test_runs_equal_sums_by_loops(by_loops, shape, sides, kind, options, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 99, shape).astype(kind)
    kernel = rng.integers(-9, 10, sides)
    expected = by_loops(image, kernel, **options)
    if expected is not None:
        found = cross_correlate(image, kernel, **options)
        np.testing.assert_array_equal(found, expected.astype(found.dtype))


def test_a_new_kernel_on_a_small_image_is_not_planned_at_length():
    chosen = plan((8, 8), "f4", np.ones((15, 15)))
    assert chosen.method == "direct"
    assert chosen.why.startswith("to choose among methods would take longer than these sums")
    assert "cheapest" in plan((64, 64), "f4", np.ones((15, 15))).why
    assert "cheapest" in plan((8, 8, 500), "f4", np.ones((3, 3))).why


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_value_that_is_not_finite_reaches_only_windows_that_weigh_it(dilation, by_loops):
    image = np.arange(1.0, 31.0).reshape(5, 6)
    image[2, 2], image[4, 5], image[0, 5] = np.nan, np.inf, -np.inf
    kernel = np.array([[0, 1.5], [-2, 0]])
    expected = by_loops(image, kernel, padding="full", dilation=dilation, border="zero")
    found = cross_correlate(image, kernel, padding="full", dilation=dilation, border="zero")
    np.testing.assert_array_equal(found, expected.astype(float))


def test_large_integers_and_large_floats_go_another_way():
    large = np.full((4, 4), 2**52 + 1)
    assert (cross_correlate(large, [[3, -2]]) == 2**52 + 1).all()
    image = np.full((4, 4), 1.5e308)
    assert (cross_correlate(image, [[1.0, 1.0, -1.0]]) == 1.5e308).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("weights", [[[0.1, -0.1]], [[1e30], [-1e30]], [[-0.7, 0.3, 0.7, -0.3]]])
def test_weights_that_cancel_give_0_on_a_flat_image(weights, dtype):
    image = np.full((6, 7), 77.7).astype(dtype)
    assert not cross_correlate(image, weights).any()
