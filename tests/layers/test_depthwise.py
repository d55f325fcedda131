"""Depthwise convolutions, which are summed for all channels at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import GeometryError, convolve, cross_correlate


@st.composite
def depthwise_options(draw):
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    border = draw(st.sampled_from(["edge", "zero", "reflect", "wrap", "constant"]))
    return {
        "stride": draw(pair), "dilation": draw(pair), "border": border,
        "padding": draw(st.sampled_from([0, (1, 2), (0, 1, 2, 0), "same", "full", "causal"])),
        "operation": draw(st.sampled_from(["correlate", "convolve"])),
        "fill": draw(st.integers(0, 9)) if border == "constant" else 0,
    }  # fmt: skip


@given(depthwise_options(), st.sampled_from([np.uint8, np.int32, np.float32, np.float64]),
       st.booleans(), st.integers(1, 2), st.integers(0, 99))  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_a_depthwise_convolution_is_one_of_each_channel(
    bank, result, options, kind, whole, count, seed
):
    """Against each channel filtered by itself: exact for integers, with their type."""
    rng = np.random.default_rng(seed)
    image = (rng.random((7, 8, 3)) * 200).astype(kind)
    numbers = rng.integers(-9, 10, (3 * count, 1, 2, 3))
    numbers *= rng.random(numbers.shape) < 0.7
    weights = numbers if whole else numbers + 0.25
    biases = tuple(rng.integers(-9, 10, 3 * count).tolist())
    try:
        found = result([bank(weights, biases, groups=3, **options)], image)
    except GeometryError:
        return
    for number in range(3 * count):
        plane = np.ascontiguousarray(image[..., number // count])
        function = convolve if options["operation"] == "convolve" else cross_correlate
        rules = {name: rule for name, rule in options.items() if name != "operation"}
        alone = function(plane, weights[number, 0], **rules) + biases[number]
        assert found.dtype.kind == alone.dtype.kind
        np.testing.assert_allclose(found[..., number], alone, rtol=1e-6, atol=1e-3)
        if alone.dtype.kind == "i":
            assert found[..., number].tolist() == alone.tolist()


@pytest.mark.parametrize("values", ["noise", "bright", "outlier", "faint", "large"])
def test_depthwise_sums_are_accurate_where_float32_has_too_few_digits(bank, result, values):
    """Kernels of sum 0 on values that are nearly equal, and on noise, where float32 suffices."""
    rng = np.random.default_rng(3)
    image = rng.random((12, 12, 4)).astype(np.float32)
    if values != "noise":
        image += np.float32(9000)
    if values == "outlier":
        image[2, 3, 1] = 1e20
    elif values in ("faint", "large"):
        image *= np.float32(1e-34 if values == "faint" else 1e34)
    weights = rng.normal(size=(8, 1, 3, 3))
    weights -= weights.mean(axis=(2, 3), keepdims=True)
    found = result([bank(weights, groups=4)], image)
    for number in range(8):
        plane = image[..., number // 2].astype(np.float64)
        alone = cross_correlate(plane, weights[number, 0], padding="valid", method="direct")
        harmed = np.abs(alone) > 1e10 if values == "outlier" else np.zeros(alone.shape, bool)
        calm = 1e-5 * np.abs(alone[~harmed]).max()
        own = found[..., number]
        np.testing.assert_allclose(own[~harmed], alone[~harmed], rtol=0, atol=calm)
        np.testing.assert_allclose(own[harmed], alone[harmed], rtol=1e-5)


def test_a_depthwise_weight_of_0_hides_nan_and_infinity(bank, result):
    image = np.ones((1, 3, 2), np.float32)
    image[0, 0, 0], image[0, 2, 1] = np.nan, np.inf
    weights = np.array([[[[0, 1, 2]]], [[[1, 1, 0]]]])
    found = result([bank(weights, padding=(0, 1), groups=2)], image)
    assert np.isnan(found[..., 0]).tolist() == [[True, False, False]]
    assert found[0, :, 1].tolist() == [1, 2, np.inf]


def test_large_depthwise_sums_do_not_wrap(bank, result):
    image = np.full((2, 2, 2), 2**31 - 1, np.int32)
    found = result([bank(np.full((2, 1, 2, 2), 2), groups=2)], image)
    assert found.ravel().tolist() == [8 * (2**31 - 1)] * 2
