"""Convolutions in groups of several channels, which are summed for many groups at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import GeometryError, convolve, cross_correlate


@st.composite
def grouped_options(draw):
    pair = st.tuples(st.integers(1, 3), st.integers(1, 2))
    border = draw(st.sampled_from(["edge", "zero", "reflect", "wrap", "constant"]))
    return {
        "stride": draw(pair), "dilation": draw(pair), "border": border,
        "padding": draw(st.sampled_from([0, (1, 2), (0, 1, 2, 0), "same", "full", "causal"])),
        "operation": draw(st.sampled_from(["correlate", "convolve"])),
        "fill": draw(st.integers(0, 9)) if border == "constant" else 0,
    }  # fmt: skip


def apart(image, weights, groups, **options):
    """Return the maps of each group, filtered by itself in float64."""
    channels, count = image.shape[2] // groups, len(weights) // groups
    function = convolve if options.pop("operation", "correlate") == "convolve" else cross_correlate
    kind = np.int64 if image.dtype.kind in "iu" and weights.dtype.kind in "iu" else np.float64
    maps = [
        function(
            np.ascontiguousarray(image[..., each * channels : (each + 1) * channels], kind),
            weights[each * count : (each + 1) * count].astype(kind),
            **options,
        )
        for each in range(groups)
    ]
    return np.concatenate(maps, axis=2)


@given(
    grouped_options(),
    st.sampled_from([np.uint8, np.int32, np.float32, np.float64]),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([2, 5, 24]),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_groups_are_convolutions_of_their_channels(
    bank, result, options, kind, whole, count, channels, seed
):
    """Exact for integers; the filters of 24 channels are longer than one product."""
    rng = np.random.default_rng(seed)
    image = (rng.random((7, 8, 3 * channels)) * 200).astype(kind)
    numbers = rng.integers(-9, 10, (3 * count, channels, 2, 3))
    numbers *= rng.random(numbers.shape) < 0.7
    weights = numbers if whole else numbers + 0.25
    biases = tuple(rng.integers(-9, 10, 3 * count).tolist())
    try:
        found = result([bank(weights, biases, groups=3, **options)], image)
    except GeometryError:
        return
    expected = apart(image, weights, 3, **options) + biases
    if whole and np.dtype(kind).kind != "f":
        assert found.dtype.kind == "i"
        assert found.tolist() == expected.tolist()
    elif kind in (np.float32, np.float64):
        assert found.dtype == kind
    tolerance = 1e-12 if kind == np.float64 else 1e-5
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("values", ["bright", "outlier", "faint", "large"])
def test_sums_that_cancel_keep_their_digits(bank, result, values):
    """Kernels of sum 0 on values that are nearly equal; float32 alone has too few digits."""
    rng = np.random.default_rng(3)
    image = (9000 + rng.random((12, 12, 8))).astype(np.float32)
    if values == "outlier":
        image[2, 3, 1] = 1e20
    elif values != "bright":
        image *= np.float32(1e-34 if values == "faint" else 1e34)
    weights = rng.normal(size=(8, 4, 3, 3))
    weights -= weights.mean(axis=(1, 2, 3), keepdims=True)
    found = result([bank(weights, groups=2)], image)
    expected = apart(image, weights, 2, padding="valid")
    harmed = np.abs(expected) > 1e10 if values == "outlier" else np.zeros(expected.shape, bool)
    calm = np.abs(expected[~harmed]).max()
    np.testing.assert_allclose(found[~harmed], expected[~harmed], rtol=0, atol=1e-5 * calm)
    np.testing.assert_allclose(found[harmed], expected[harmed], rtol=1e-5)


def test_nan_and_infinity_stay_where_weights_are(bank, result):
    image = np.ones((1, 3, 4), np.float32)
    image[0, 0, 0], image[0, 2, 3] = np.nan, np.inf
    weights = np.zeros((2, 2, 1, 3))
    weights[0, 0], weights[1, 1] = (0, 1, 2), (1, 1, 0)
    found = result([bank(weights, padding=(0, 1), groups=2)], image)
    assert np.isnan(found[..., 0]).tolist() == [[True, False, False]]
    assert found[0, :, 1].tolist() == [1, 2, np.inf]


def test_large_sums_of_integers_do_not_wrap(bank, result):
    image = np.full((2, 2, 4), 2**31 - 1, np.int32)
    found = result([bank(np.full((2, 2, 2, 2), 2), groups=2)], image)
    assert found.ravel().tolist() == [16 * (2**31 - 1)] * 2


def test_the_number_of_threads_changes_no_digit(bank, result, monkeypatch):
    rng = np.random.default_rng(4)
    image = rng.normal(size=(60, 300, 32)).astype(np.float32)
    weights = rng.normal(size=(24, 4, 3, 3))
    maps = []
    for threads in "14":
        monkeypatch.setenv("CONVCLI_THREADS", threads)
        maps.append(result([bank(weights, groups=8, padding="same")], image))
    np.testing.assert_array_equal(*maps)
