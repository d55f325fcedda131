"""NaN and infinities by every method, beside plain loops: only windows that weigh one change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import cross_correlate

SPOTS = {
    "nan": [np.nan],
    "infinity": [np.inf],
    "both signs": [np.inf, -np.inf],
    "all": [np.nan, np.inf, -np.inf],
}


def draw_kernel(rng, sides, form, channels):
    kernel = rng.standard_normal(sides)
    if form == "holes":
        kernel[rng.random(sides) < 0.4] = 0
    if form == "separable":
        kernel = np.outer(kernel[:, 0], kernel[0])
    if form == "bank":
        kernel = rng.standard_normal((3, channels, *sides))
    return kernel


@pytest.mark.slow
@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["f4", "f8"]),
    channels=st.sampled_from([1, 2]),
    share=st.sampled_from([0.002, 0.05, 0.5]),
    spots=st.sampled_from(sorted(SPOTS)),
    sides=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    form=st.sampled_from(["dense", "holes", "separable", "bank"]),
    options=st.fixed_dictionaries(
        {
            "padding": st.sampled_from(["same", "full", (3, 0, 1, 5)]),
            "border": st.sampled_from(["edge", "zero", "wrap"]),
            "stride": st.sampled_from([1, 2, (3, 1)]),
            "dilation": st.sampled_from([1, (1, 2)]),
        }
    ),
    method=st.sampled_from(["auto", "direct", "fft", "toeplitz", "matrix"]),
)
def test_windows_that_weigh_none_keep_their_values(
    seed, kind, channels, share, spots, sides, form, options, method, by_loops
):
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((13, 11, channels)).astype(kind)
    places = rng.random(image.shape) < share
    image[places] = rng.choice(SPOTS[spots], places.sum())
    kernel = draw_kernel(rng, sides, form, channels)
    if (method == "matrix") != (form == "bank"):
        method = "auto"
    found = cross_correlate(image, kernel, method=method, **options)
    with np.errstate(all="ignore"):
        expected = by_loops(image, kernel, **options).astype(float)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    finite = np.isfinite(expected)
    infinite = ~finite & ~np.isnan(expected)
    np.testing.assert_array_equal(found[infinite], expected[infinite])
    scale = max(np.abs(expected[finite]).max(initial=0), 1)
    assert np.abs(found[finite] - expected[finite]).max(initial=0) <= 1e-5 * scale


@pytest.mark.parametrize("side", [3, 40])
@pytest.mark.parametrize("place", [(0, 0), (700, 350)])
def test_one_spot_changes_its_own_windows_alone(side, place):
    """Strips and tiles are larger than the windows."""
    image = np.random.default_rng(0).random((1000, 600), np.float32)
    kernel = np.abs(np.random.default_rng(1).standard_normal((side, side)))
    clean = cross_correlate(image, kernel, border="zero", padding=side)
    image[place] = np.nan
    found = cross_correlate(image, kernel, border="zero", padding=side)
    spoiled = np.isnan(found)
    assert spoiled.sum() == side**2
    np.testing.assert_allclose(found[~spoiled], clean[~spoiled], rtol=1e-5)


@pytest.mark.parametrize("form", ["dense", "bank"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_windows_that_weigh_one_do_not_tell_how_accurate_others_are(kind, form):
    """On a constant image, sums of weights that cancel are small, but for those beside a NaN."""
    image = np.full((60, 70, 1), 0.7, kind)
    image[30, 40] = np.nan
    kernel = draw_kernel(np.random.default_rng(2), (5, 5), form, 1)
    kernel -= kernel.mean(axis=(-2, -1), keepdims=True)
    found = cross_correlate(image, kernel)
    whole = np.full_like(image, image[0, 0], "f8")
    expected = cross_correlate(whole, kernel, method="direct")
    clean = ~np.isnan(found)
    assert (~clean).sum() == 25 * found.shape[2]
    largest = np.abs(expected).max() + 1e-12 * np.abs(kernel).sum()
    assert np.abs(found - expected)[clean].max() <= 1e-5 * largest + 1e-15


@pytest.mark.parametrize("spots", sorted(SPOTS))
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_every_window_may_weigh_one(kind, spots, by_loops):
    rng = np.random.default_rng(4)
    image, kernel = rng.standard_normal((12, 13)).astype(kind), rng.standard_normal((6, 7))
    image[::3, ::4] = rng.choice(SPOTS[spots], image[::3, ::4].shape)
    found = cross_correlate(image, kernel, padding="valid", method="toeplitz")
    with np.errstate(all="ignore"):
        expected = by_loops(image, kernel, padding="valid").astype(kind)
    assert not np.isfinite(expected).any()
    np.testing.assert_array_equal(found, expected)
