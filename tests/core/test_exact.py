"""Integers never wrap; what is divided is rounded once, half to even, and saturates."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import Kernel, KernelSet, cross_correlate
from convcli.core.dtypes import saturate
from convcli.errors import KernelError, UsageError

LIMIT = 2**63


def extremes(dtype):
    if dtype == "?":
        return [0, 1]
    bounds = np.iinfo(dtype)
    return [int(bounds.min), int(bounds.max)]


def nearest(value, dtype):
    """Round a Fraction half to even and saturate it."""
    low, high = extremes(dtype)
    return min(max(round(value), low), high)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "i4", "u4"])
def test_extremes_never_wrap(dtype, by_loops):
    image = np.array(extremes(dtype) * 8, dtype).reshape(4, 4)
    for weight in (1, -1, 127, 30_000, -128, 2**15, -(2**16) - 1, 2**24 + 1):
        for kernel in ([[weight] * 3] * 3, [[weight, -weight, 1]], [[0, weight], [-1, weight - 1]]):
            expected = by_loops(image, kernel)
            actual = cross_correlate(image, kernel)
            np.testing.assert_array_equal(actual, expected)
            fits = all(-(2**31) <= v < 2**31 for v in expected.flat)
            assert actual.dtype == np.int64 or (fits and np.dtype(dtype).itemsize <= 2)


def test_every_kernel_of_a_bank_counts_in_the_bound(by_loops):
    image = np.full((2, 2), 255, np.uint8)
    bank = np.array([1, 2**20, -(2**40), 0]).reshape(4, 1, 1, 1)
    np.testing.assert_array_equal(cross_correlate(image, bank), by_loops(image, bank))


@pytest.mark.parametrize(
    ("dtype", "kernel", "expected"),
    [
        ("?", [[1]], np.int32),
        ("u1", [[1]], np.int32),
        ("i2", [[65535]], np.int32),
        ("u2", [[32767]], np.int32),
        ("u2", [[65537]], np.int64),
        ("u1", [[2**31 - 1]], np.int64),
        ("i4", [[1]], np.int64),
        ("u4", [[1]], np.int64),
        ("u8", [[1]], np.int64),
    ],
)
def test_result_type_follows_the_bound_on_the_sums(dtype, kernel, expected):
    assert cross_correlate(np.zeros((2, 2), dtype), kernel).dtype == expected


@pytest.mark.parametrize(
    ("value", "dtype", "kernel"),
    [
        (LIMIT - 1, "i8", [[1]]),
        (-LIMIT, "i8", [[1]]),
        (LIMIT - 1, "i8", [[-1]]),
        (LIMIT - 1, "u8", [[1]]),
        (2**62, "u8", [[1, 0, -1]]),
        (2**62 - 1, "i8", [[1, 1]]),
        (-(2**62), "i8", [[1, 1]]),
        (2**32 - 1, "u4", [[2**31 - 1]]),
        (3, "i8", [[-(2**61), 2**60]]),
        (1, "u8", [[2**63 - 1]]),
        (255, "u1", [[2**53 + 1]]),
    ],
)
def test_sums_up_to_64_bits_are_exact(value, dtype, kernel, by_loops):
    image = np.full((2, 3), value, dtype)
    np.testing.assert_array_equal(cross_correlate(image, kernel), by_loops(image, kernel))


@pytest.mark.parametrize(
    ("value", "dtype", "kernel", "bias"),
    [
        (LIMIT, "u8", [[1]], 0),
        (2 * LIMIT - 1, "u8", [[1]], 0),
        (2 * LIMIT - 8, "u8", [[1]], 7),
        (-LIMIT, "i8", [[-1]], 0),
        (LIMIT - 1, "i8", [[1]], 1),
        (LIMIT - 1, "i8", [[1, 1]], 0),
        (2**32 - 1, "u4", [[2**32]], 0),
        (1, "u4", np.array([[2 * LIMIT - 1]], np.uint64), 0),
        (2**60, "u8", np.ones((5, 3), int), 0),
        (2**52, "u8", np.ones((65, 63), int), 0),
        (2**61, "u8", np.full((2, 1, 1, 1), 3), (2**61, 5)),
    ],
)
def test_sums_beyond_int64_that_are_never_negative_are_exact_in_uint64(
    value, dtype, kernel, bias, by_loops
):
    image = np.full((2, 3), value, dtype)
    expected = np.array(by_loops(image.astype(object), np.array(kernel, object))) + np.array(bias)
    actual = cross_correlate(image, kernel, bias=bias)
    assert actual.dtype == np.uint64
    assert actual.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("value", "dtype", "kernel", "bias"),
    [
        (-LIMIT, "i8", [[1, 1]], 0),
        (LIMIT, "u8", [[1, -1]], 0),
        (2 * LIMIT - 1, "u8", [[1, 1]], 0),
        (2 * LIMIT - 1, "u8", [[1]], 1),
        (2 * LIMIT - 1, "u8", [[1]], -1),
        (255, "u1", [[2**60]], 0),
        (-LIMIT, "i8", [[1]], -1),
    ],
)
def test_sums_beyond_64_bits_are_refused(value, dtype, kernel, bias):
    with pytest.raises(UsageError, match=r"beyond 64-bit integers; give the weights or the image"):
        cross_correlate(np.full((2, 3), value, dtype), kernel, bias=bias)


def test_the_refusal_tells_both_bounds_with_their_signs():
    with pytest.raises(UsageError, match=r"may lie between -1\.84e\+19 and 1\.84e\+19, beyond"):
        cross_correlate(np.array([[-LIMIT, LIMIT - 1]]), [[1, 1]], padding="valid", stride=9)


@pytest.mark.parametrize(("divisor", "bias"), [(16, 0), (1, 0.5), (1, 1e30), (1, -(2**64))])
def test_results_that_are_floats_are_summed_in_floats_beyond_64_bits(divisor, bias, by_loops):
    image = np.array([[LIMIT - 1, 1, -LIMIT], [3, 4, 5]])
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    sums = np.array(by_loops(image.astype(object), kernel.astype(object)))
    actual = cross_correlate(image, kernel, divisor=divisor, bias=bias)
    assert actual.dtype == np.float64
    expected = [[float(Fraction(n) / divisor + Fraction(bias)) for n in row] for row in sums]
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12 * 16 * 2.0**63)


def test_results_that_are_rounded_to_integers_are_exact_or_refused():
    image = np.array([[LIMIT - 1, 1]])
    exact = cross_correlate(image, [[1]], divisor=3, dtype=np.int64)
    assert exact.tolist() == [[(LIMIT - 1 + 1) // 3, 0]]
    with pytest.raises(UsageError, match="beyond 64-bit integers"):
        cross_correlate(image, [[2, -1]], divisor=3, dtype=np.int64)


@pytest.mark.parametrize("fill", [2**64 - 1, -(2**63)])
def test_a_fill_of_64_bits_stays_exact(fill):
    image = np.array([[7]], np.uint64 if fill > 0 else np.int64)
    actual = cross_correlate(image, [[1, 0]], padding=(0, 0, 1, 0), border="constant", fill=fill)
    assert actual.tolist() == [[fill]]
    assert actual.dtype == image.dtype


@pytest.mark.parametrize("method", ["fft", "toeplitz"])
def test_methods_that_sum_in_floats_refuse_what_only_uint64_holds(method):
    with pytest.raises(KernelError, match="too large for method"):
        cross_correlate(np.array([[1, 0]], "u4"), np.array([[2**64 - 1]], "u8"), method=method)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    dtype=st.sampled_from(["i4", "u4", "i8", "u8"]),
    weights=st.lists(st.integers(-(2**33), 2**33), min_size=4, max_size=4),
    shift=st.integers(0, 40),
    seed=st.integers(0, 999),
)
def test_wide_sums_are_exact_or_refused(dtype, weights, shift, seed, by_loops):
    low, high = extremes(dtype)
    rng = np.random.default_rng(seed)
    image = rng.choice(np.array([low >> shift, high >> shift, 0, 1], dtype), (3, 3))
    kernel = np.array(weights).reshape(2, 2)
    try:
        actual = cross_correlate(image, kernel)
    except UsageError:
        brightest = max(abs(int(v)) for v in image.flat)
        assert brightest * max(1, sum(abs(w) for w in weights)) >= LIMIT
    else:
        np.testing.assert_array_equal(actual, by_loops(image, kernel))


@pytest.mark.parametrize("bias", [0, 1, -7, 300, 100_000, -(2**40)])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4"])
def test_whole_biases_stay_exact(bias, dtype, by_loops, rng):
    image, kernel = rng.integers(0, 128, (4, 4)).astype(dtype), rng.integers(-9, 10, (3, 3))
    for given_bias in (bias, float(bias)):
        actual = cross_correlate(image, kernel, bias=given_bias)
        assert actual.dtype.kind == "i"
        np.testing.assert_array_equal(actual, by_loops(image, kernel) + bias)


def test_a_fractional_bias_or_fill_makes_floats(by_loops, exactly):
    image, kernel = np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((3, 3), int)
    biased = cross_correlate(image, kernel, bias=0.25)
    assert biased.dtype == np.float32
    np.testing.assert_array_equal(biased, by_loops(image, kernel) + 0.25)
    filled = cross_correlate(image, kernel, border="constant", fill=0.5)
    assert filled.dtype == np.float32
    expected = by_loops(exactly(image), kernel, border="constant", fill=Fraction(1, 2))
    np.testing.assert_array_equal(filled, expected.astype(float))


@pytest.mark.parametrize("fill", [300, -1, 65536, 2**40])
def test_a_fill_beyond_the_pixels_type_is_not_wrapped(fill, by_loops):
    image, kernel = np.array([[250, 3]], np.uint8), [[1, 2, -1]]
    options = {"border": "constant", "fill": fill}
    expected = by_loops(image, kernel, **options)
    np.testing.assert_array_equal(cross_correlate(image, kernel, **options), expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4"])
@pytest.mark.parametrize("divisor", [2, 3, 7, 9, 16, 255, 1001, 65537, -3, 0.5, 2.5, 0.375])
def test_quotients_are_rounded_once(dtype, divisor, by_loops, rng):
    image, kernel = rng.integers(0, 256, (6, 7)).astype(dtype), rng.integers(-9, 10, (3, 3))
    exact = by_loops(image, kernel) / Fraction(divisor)
    actual = cross_correlate(image, kernel, divisor=divisor)
    assert actual.dtype == (np.float64 if dtype == "i4" else np.float32)
    np.testing.assert_array_equal(actual, exact.astype(float).astype(actual.dtype))
    for target in ("u1", "i1", "u2", "i2", "i4"):
        rounded = cross_correlate(image, kernel, divisor=divisor, dtype=target)
        assert rounded.dtype == target
        expected = [nearest(v, target) for v in exact.flat]
        np.testing.assert_array_equal(rounded.ravel(), expected)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    pixel=st.integers(0, 255),
    weight=st.integers(-300, 300),
    divisor=st.integers(1, 5000),
    bias=st.integers(-(10**6), 10**6).map(lambda n: n / 2),
    dtype=st.sampled_from(["u1", "i2", "u2", "i4"]),
)
def test_a_quotient_with_a_bias_is_rounded_once(pixel, weight, divisor, bias, dtype):
    exact = Fraction(pixel * weight, divisor) + Fraction(bias)
    image = np.array([[pixel]], np.uint8)
    actual = cross_correlate(image, [[weight]], divisor=divisor, bias=bias, dtype=dtype)
    assert actual.tolist() == [[nearest(exact, dtype)]]


def test_a_bias_just_beside_a_half_is_rounded_once():
    image = np.array([[167]], np.uint8)  # 501/1001 is just above a half
    actual = cross_correlate(image, [[3]], divisor=1001, bias=50000, dtype=np.uint16)
    assert actual.tolist() == [[50001]]


def test_a_bias_that_cancels_leaves_the_quotient_accurate():
    actual = cross_correlate(np.array([[200]], np.uint8), [[5]], divisor=3, bias=-333)
    assert abs(float(actual[0, 0]) - 1 / 3) <= 1e-5 / 3


@pytest.mark.parametrize("source", ["u1", "i2", "i4", "i8", "f4", "f8"])
def test_asking_for_an_integer_type_saturates(source, by_loops, rng):
    if source.startswith("f"):
        image = (rng.integers(-(2**20), 2**20, (5, 6)) / 2).astype(source)
    else:
        low, high = (max(min(v, 2**55), -(2**55)) for v in extremes(source))
        image = rng.integers(low, high, (5, 6), endpoint=True).astype(source)
    kernel = np.array([[1, -2, 1], [0, 3, 1]])
    exact = by_loops(image, kernel)
    for dtype in ("u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8"):
        expected = [nearest(Fraction(v), dtype) for v in exact.flat]
        actual = cross_correlate(image, kernel, dtype=dtype)
        assert actual.dtype == dtype
        np.testing.assert_array_equal(actual.ravel(), np.array(expected, dtype))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8", ">u2"])
@pytest.mark.parametrize("source", [np.float32, np.float64])
def test_saturate_takes_every_float(dtype, source):
    low, high = extremes(dtype)
    values = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.5, 1.5, 2.5, -0.5], source)
    before, out = values.copy(), np.empty(len(values), dtype)
    saturate(values, out)
    assert out.tolist() == [0, high, low, high, low, 0, 2, 2, 0]
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("source", ["u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8"])
def test_saturate_takes_every_integer(source):
    low, high = extremes(source)
    values = np.array([low, high, 0, 1, low // 2, high // 2], source)
    for dtype in ("u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8", ">i2"):
        before, out = values.copy(), np.empty(len(values), dtype)
        saturate(values, out)
        assert out.tolist() == [nearest(v, dtype) for v in before.tolist()]
        np.testing.assert_array_equal(values, before)


def test_quotients_in_float64_have_its_accuracy():
    asked = cross_correlate(np.array([[1]], np.uint8), [[1]], divisor=3, dtype=np.float64)
    assert asked.tolist() == [[1 / 3]]
    wide = cross_correlate(np.array([[1]], np.int32), [[1]], divisor=3, bias=0.5)
    assert abs(wide[0, 0] - 5 / 6) <= 1e-12


def test_asking_for_floats_converts_exact_sums():
    image = np.array([[2**40 + 1]])
    assert cross_correlate(image, [[1]], dtype=np.float64).tolist() == [[2.0**40 + 1]]
    assert cross_correlate(image, [[1]], dtype="f4").tolist() == [[2.0**40]]
    assert np.isposinf(cross_correlate(image, [[1]], dtype=np.float16)).all()


def test_lists_of_integers_up_to_64_bits_stay_integers():
    """numpy makes floats of a list in which some integers exceed int64 and others do not."""
    actual = cross_correlate([[2**64 - 1, 1], [2**63 + 1, 0]], [[1]])
    assert actual.tolist() == [[2**64 - 1, 1], [2**63 + 1, 0]]
    actual = cross_correlate([[1, 0]], [[0, 2**63 + 1]], padding="valid")
    assert actual.tolist() == [[0]]
    assert cross_correlate([[2.0**63, 1]], [[1]]).dtype == np.float64
    with pytest.raises(UsageError, match="image must be real numbers or"):
        cross_correlate([[2**63, None]], [[1]])
    for image in ([[2**63, -1]], [[2**64, 1]]):
        with pytest.raises(UsageError, match=r"integers .*64 bits.*as floats"):
            cross_correlate(image, [[1]])


@pytest.mark.parametrize("combine", ["sum", "mean"])
@pytest.mark.parametrize("value", [2**62 - 1, -(2**62), 2**62, 2**63 - 1, -(2**63)])
def test_combined_maps_never_wrap(value, combine):
    twice = KernelSet("twice", (Kernel([[1]]), Kernel([[1]])), combine)
    image = np.array([[value, 1]])
    if combine == "mean":
        np.testing.assert_array_equal(cross_correlate(image, twice), image.astype(float))
    elif abs(value) < 2**62 or value == -(2**62):
        assert cross_correlate(image, twice).tolist() == [[2 * value, 2]]
    else:
        for dtype in (None, np.uint8):
            with pytest.raises(UsageError, match="beyond 64-bit integers"):
                cross_correlate(image, twice, dtype=dtype)


def test_the_maximum_of_signed_and_unsigned_maps_stays_exact():
    """The second map is below 0 here and above int64 there; numpy's common type is float64."""
    image = np.array([[2**63 + 1, 1, 5]], np.uint64)
    kernels = (Kernel([[1, 0]]), Kernel([[0, 0]], bias=-9))
    actual = cross_correlate(image, KernelSet("two", kernels, "max"), padding="valid")
    assert (actual.dtype, actual.tolist()) == (np.dtype("u8"), [[2**63 + 1, 1]])


def test_biases_count_in_the_sum_of_maps():
    kernels = (Kernel([[1]], bias=2**62), Kernel([[1]], bias=2**62))
    with pytest.raises(UsageError, match="beyond 64-bit integers"):
        cross_correlate(np.uint8([[0]]), KernelSet("biased", kernels, "sum"))
    kernels = (Kernel([[1]], bias=2**62), Kernel([[1]], bias=-(2**62)))
    actual = cross_correlate(np.uint8([[3]]), KernelSet("biased", kernels, "sum"))
    assert actual.tolist() == [[6]]


def test_lists_of_numpys_integers_stay_integers():
    assert cross_correlate([[np.uint64(2**64 - 1), 1]], [[1]]).tolist() == [[2**64 - 1, 1]]


def test_later_calls_leave_earlier_results_alone():
    """Sums go straight into the result; no later call may take its memory for other sums."""
    rng = np.random.default_rng(0)
    image, kernel = rng.random((1200, 900), np.float32), Kernel(rng.random((5, 5)))
    found = cross_correlate(image, kernel, threads=2)
    kept = found.copy()
    cross_correlate(1 - image, KernelSet("twice", (kernel, kernel), "sum"), threads=1)
    np.testing.assert_array_equal(found, kept)
