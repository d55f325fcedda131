"""Impulse and frequency responses against scipy and the Fourier sum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import signal

from convcli.teaching.kernels.responses import frequency_response, gain_at_zero, impulse_responses

WHOLE = arrays(
    np.int64,
    array_shapes(min_dims=2, max_dims=2, max_side=7),
    elements=st.integers(-(2**40), 2**40),
)
REAL = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=7),
    elements=st.floats(-1e6, 1e6, width=32),
)


@pytest.mark.slow
@settings(max_examples=100)
@given(WHOLE | REAL)
def test_one_bright_pixel_gives_the_kernel_flipped_or_unchanged(weights):
    found = impulse_responses(weights)
    dot = np.zeros(found.correlated.shape, weights.dtype)
    dot[found.dot] = 1
    assert dot.shape[0] % 2 == dot.shape[1] % 2 == 1
    assert found.dot == (dot.shape[0] // 2, dot.shape[1] // 2)
    assert np.array_equal(found.convolved, signal.convolve2d(dot, weights, mode="same"))
    rows, columns = weights.shape
    top, left = (n // 2 - e // 2 for n, e in zip(dot.shape, weights.shape, strict=True))
    inside = np.s_[top : top + rows, left : left + columns]
    assert np.array_equal(found.correlated[inside], weights[::-1, ::-1])
    assert np.count_nonzero(found.correlated) == np.count_nonzero(weights)
    assert found.correlated.dtype.kind == weights.dtype.kind


def test_both_have_a_border_of_zeros():
    for shape in ((1, 1), (2, 3), (4, 4)):
        found = impulse_responses(np.ones(shape))
        for response in found[:2]:
            assert response[1:-1, 1:-1].sum() == response.sum() == np.prod(shape)


@pytest.mark.parametrize("shape", [(129, 131), (130, 128), (1, 20000)])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_a_kernel_too_large_to_sum(shape, dtype):
    weights = (np.random.default_rng(3).normal(size=shape) * 99).astype(dtype)
    found = impulse_responses(weights)
    dot = np.zeros(found.correlated.shape)
    dot[found.dot] = 1
    wanted = [signal.fftconvolve(dot, each, "same") for each in (weights, weights[::-1, ::-1])]
    # Correlation has its anchor at the other middle of an even side.
    wanted[1] = np.roll(wanted[1], [-1 + side % 2 for side in shape], (0, 1))
    np.testing.assert_allclose(found.convolved, wanted[0], atol=1e-9)
    np.testing.assert_allclose(found.correlated, wanted[1], atol=1e-9)
    assert found.correlated.dtype == weights.dtype


def direct_sum(weights, down, across):
    """The Fourier sum, term by term."""
    total = 0
    for (row, column), weight in np.ndenumerate(weights):
        total += weight * np.exp(-2j * np.pi * (down * row + across * column))
    return abs(total)


@pytest.mark.slow
@settings(max_examples=100)
@given(REAL)
def test_the_frequency_response_is_the_fourier_sum(weights):
    response = frequency_response(weights)
    scale = np.abs(weights).sum()
    for place in ((0, 0), (60, 60), (60, 120), (97, 13), (120, 0)):
        down, across = (n / 120 - 0.5 for n in place)
        expected = direct_sum(weights, down, across)
        assert response[place] == pytest.approx(expected, rel=1e-9, abs=1e-12 * scale + 1e-300)


def test_along_an_axis_it_is_that_of_scipy():
    taps = np.array([0.1, -0.5, 2.0, 0.7])
    frequencies, expected = signal.freqz(taps, worN=2 * np.pi * np.arange(61) / 120)
    assert frequencies[-1] == pytest.approx(np.pi)
    response = frequency_response(taps[np.newaxis])
    np.testing.assert_allclose(response[60, 60:], np.abs(expected), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(response[:, 60], taps.sum(), rtol=1e-12)


@pytest.mark.parametrize(("shape", "samples"), [((3, 3), 121), ((121, 2), 241), ((2, 240), 241)])
def test_the_samples_hold_the_whole_kernel(shape, samples):
    weights = np.arange(np.prod(shape)).reshape(shape)
    response = frequency_response(weights)
    assert response.shape == (samples, samples)
    assert response[samples // 2, samples // 2] == pytest.approx(weights.sum())
    assert np.allclose(response, response[::-1, ::-1])


def test_gain_at_zero_is_the_sum_without_noise():
    assert gain_at_zero(np.array([[1, 2, 3]]) / 6) == 1
    assert gain_at_zero(np.array([[0.1, 0.2, -0.3]])) == 0
    assert gain_at_zero(np.array([[1e-9, 0.0]])) == 1e-9
    assert gain_at_zero(np.zeros((2, 2))) == 0
