"""Small images are summed by one product, over windows that are copied next to each other."""

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
    st.sampled_from([(1, 1), (2, 3), (4, 1), (3, 3), (3, 4, 2), (7, 1, 3), (90, 3, 3)]),
    st.sampled_from(["u1", "i2", "f4", "f8"]),
    OPTIONS,
    st.integers(0, 99),
)
def test_products_equal_sums_by_loops(by_loops, shape, sides, kind, options, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 99, shape).astype(kind)
    filters, channels = sides[:-2], shape[2:] or (1,)
    kernel = rng.integers(-9, 10, (*filters, *channels * bool(filters), *sides[-2:]))
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
@pytest.mark.parametrize("shape", [(2, 2), (2, 3, 2), (1, 2, 2, 2), (4, 2, 3, 2), (90, 2, 2, 2)])
def test_a_value_that_is_not_finite_reaches_only_windows_that_weigh_it(dilation, shape, by_loops):
    rng = np.random.default_rng(shape)
    image = rng.integers(1, 30, (5, 6, 2)).astype(float)
    kernel = rng.integers(-2, 3, shape) * 0.5
    for value in (np.nan, np.inf, -np.inf, np.inf):
        row, column, channel = rng.integers(image.shape)
        image[row, column, channel] = value
        options = {"padding": "full", "dilation": dilation, "border": "zero"}
        expected = by_loops(image, kernel, **options)
        found = cross_correlate(image, kernel, **options)
        np.testing.assert_array_equal(found, expected.astype(float))


def test_large_integers_and_large_floats_go_another_way():
    large = np.full((4, 4), 2**52 + 1)
    assert (cross_correlate(large, [[3, -2]]) == 2**52 + 1).all()
    image = np.full((4, 4), 1.5e308)
    assert (cross_correlate(image, [[1.0, 1.0, -1.0]]) == 1.5e308).all()
    image[0] *= -1  # so far apart that their difference is infinite
    assert (cross_correlate(image, [[1.0]]) == image).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("weights", [[[0.1, -0.1]], [[1e30], [-1e30]], [[-0.7, 0.3, 0.7, -0.3]]])
def test_weights_that_cancel_give_0_on_a_flat_image(weights, dtype):
    image = np.full((6, 7), 77.7).astype(dtype)
    assert not cross_correlate(image, weights).any()
