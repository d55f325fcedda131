"""The sums of least squares, by both methods, against the matrix of all windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.teaching.learn.gram import (
    products_by_fft,
    products_by_matrix,
    residuals_by_fft,
    residuals_by_matrix,
    uses_fft,
)
from convcli.teaching.learn.normal_equations import Origin
from convcli.teaching.learn.windows import Windows

ORIGIN = Origin(100, 120)
RNG = np.random.default_rng(3)


def windows(shape, taps, dtype, stride=(1, 1), dilation=(1, 1), share=None):
    """Windows over random pixels; ``share`` of them count."""
    planes = RNG.integers(0, 256, shape).astype(dtype)
    size = [
        (side - step * (k - 1) - 1) // s + 1
        for side, k, step, s in zip(shape[1:], taps, dilation, stride, strict=True)
    ]
    target = RNG.integers(0, 256, size).astype(dtype)
    mask = None if share is None else RNG.random(size) < share
    return Windows(planes, target, mask, taps, stride, dilation)


def matrix_of(given):
    """Every window that counts as a row, and the values, by plain loops."""
    rows, values = [], []
    for y, x in np.ndindex(given.target.shape):
        if given.mask is None or given.mask[y, x]:
            at = [
                [place * s + tap * d for tap in range(k)]
                for place, s, d, k in zip(
                    (y, x), given.stride, given.dilation, given.kernel_shape, strict=True
                )
            ]
            window = given.planes[:, at[0]][:, :, at[1]]
            rows.append(window.ravel().astype(float) - ORIGIN.before)
            values.append(float(given.target[y, x]) - ORIGIN.after)
    return np.array(rows), np.array(values)


def near(found, expected):
    scale = np.abs(expected).max() or 1.0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


def agree(given, products, residuals):
    """See that all sums are those over the rows of the matrix."""
    x, y = matrix_of(given)
    everything = np.column_stack([x, np.ones(len(x)), y])
    expected = everything.T @ everything
    found = products(given, ORIGIN, 2)
    np.testing.assert_array_equal(found[-2:, :-2], found[:-2, -2:].T)
    near(found[:-2, :-2], expected[:-2, :-2])
    near(found[-1, :-2], expected[-1, :-2])
    near(found[-2, :-2], expected[-2, :-2])
    near(found[-2:, -2:], expected[-2:, -2:])
    weights = RNG.normal(size=x.shape[1])
    r = y - x @ weights - 3
    found = residuals(given, ORIGIN, weights, 3.0, 2)
    near(found[:-2], x.T @ r)
    near(found[-2:], [r.sum(), r @ r])


SHAPES = [
    ((1, 12, 13), (3, 3)),
    ((1, 20, 31), (4, 7)),
    ((3, 17, 9), (5, 1)),
    ((2, 9, 20), (1, 6)),
    ((1, 10, 10), (10, 10)),
    ((1, 40, 15), (15, 15)),
    ((1, 1, 30), (1, 2)),
    ((1, 6, 7), (1, 1)),
    ((2, 4, 60), (2, 40)),
    ((1, 5, 60), (1, 60)),
]


@pytest.mark.parametrize("dtype", [np.uint8, float])
@pytest.mark.parametrize(("shape", "taps"), SHAPES)
def test_both_methods_sum_over_all_windows(shape, taps, dtype):
    agree(windows(shape, taps, dtype), products_by_matrix, residuals_by_matrix)
    agree(windows(shape, taps, dtype), products_by_fft, residuals_by_fft)


@pytest.mark.parametrize("share", [None, 0.6])
@pytest.mark.parametrize(
    ("stride", "dilation"), [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (3, 2)), ((3, 1), (2, 2))]
)
def test_strides_dilations_and_choices_of_windows(stride, dilation, share):
    given = windows((2, 21, 24), (3, 4), np.uint8, stride, dilation, share)
    agree(given, products_by_matrix, residuals_by_matrix)


@pytest.mark.slow
def test_tiles_and_bands_add_up():
    """More windows than one tile holds, in both directions."""
    for taps in ((2, 2), (3, 5)):
        given = windows((1, 300, 520), taps, np.uint8)
        one, other = products_by_matrix(given, ORIGIN, 2), products_by_fft(given, ORIGIN, 2)
        np.testing.assert_array_equal(one, other)  # integers are exact


@pytest.mark.parametrize("products", [products_by_matrix, products_by_fft])
def test_threads_do_not_change_a_bit(products):
    given = windows((1, 400, 300), (3, 3), float)
    given.planes[...] /= 7
    np.testing.assert_array_equal(products(given, ORIGIN, 1), products(given, ORIGIN, 2))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 2),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_both_methods_agree_for_any_size(channels, taps, more):
    given = windows((channels, taps[0] + more[0], taps[1] + more[1]), taps, float)
    one, other = products_by_matrix(given, ORIGIN, 1), products_by_fft(given, ORIGIN, 1)
    near(other[:-2, :-2], one[:-2, :-2])
    near(other[-2:], one[-2:])


def test_fft_is_used_for_large_dense_windows():
    assert not uses_fft(windows((1, 20, 20), (3, 3), np.uint8))
    assert uses_fft(windows((1, 20, 20), (5, 5), np.uint8))
    assert not uses_fft(windows((1, 20, 20), (5, 5), np.uint8, stride=(2, 2)))
    assert not uses_fft(windows((1, 20, 20), (5, 5), np.uint8, dilation=(2, 2)))
    assert not uses_fft(windows((1, 20, 20), (5, 5), np.uint8, share=0.5))
    assert not uses_fft(windows((9, 20, 20), (5, 5), np.uint8))
