"""Every option against numpy.pad and plain loops with Python's own numbers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import convolve, cross_correlate
from convcli.core.correlate import run
from convcli.core.dtypes import ImageInfo
from convcli.core.methods import direct
from convcli.core.plan import make_plan
from convcli.errors import GeometryError
from convcli.geometry import ConvOptions

OPERATIONS = {"correlate": cross_correlate, "convolve": convolve}
BORDERS = ["edge", "zero", "reflect", "symmetric", "wrap", "constant"]
KERNELS = [(1, 1), (3, 3), (2, 2), (4, 1), (2, 5), (6, 7)]
PADDINGS = ["valid", "same", "full", 0, 2, (1, 3), (0, 4, 2, 1)]
STRIDES = [1, 2, (3, 1), (1, 6)]
DILATIONS = [1, 2, (3, 1)]
INTEGERS = ["?", "u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8", ">u2", ">i4"]
FLOATS = ["f2", "f4", "f8", ">f4"]


def with_fill_where_used(options):
    """Return options whose fill is 0 unless the border is constant, as it must be."""
    return options if options["border"] == "constant" else options | {"fill": 0}


OPTIONS = st.fixed_dictionaries(
    {
        "padding": st.sampled_from(PADDINGS),
        "border": st.sampled_from(BORDERS),
        "fill": st.sampled_from([0, 7, -300]),
        "stride": st.sampled_from(STRIDES),
        "dilation": st.sampled_from(DILATIONS),
    }
).map(with_fill_where_used)
SHAPES = st.sampled_from([(5, 4), (5, 4, 1), (1, 3, 2), (4, 6, 3), (3, 1, 5)])
SEEDS = st.integers(0, 1000)


def pixels(rng, dtype, shape):
    """Return pixels over the whole range of a type, extremes included, sums fitting 64 bits."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (rng.normal(size=shape) * 100).astype(kind)
    if kind.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    bounds = np.iinfo(kind)
    low, high = max(int(bounds.min), -(2**50)), min(int(bounds.max), 2**50)
    values = rng.integers(low, high, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.3, rng.choice([low, high], shape), values).astype(kind)


FORMS = {
    "C order": lambda a: a,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "every second pixel": lambda a: a.repeat(2, 0).repeat(2, 1)[::2, ::2],
    "transposed": lambda a: a.swapaxes(0, 1).copy().swapaxes(0, 1),
    "read-only": lambda a: (a.setflags(write=False), a)[1],
    "lists": lambda a: a.tolist(),
}


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", KERNELS, ids=str)
def test_the_whole_grid_equals_loops(operation, border, shape, by_loops, rng):
    image = rng.integers(0, 256, (5, 4)).astype(np.uint8)
    kernel = rng.integers(-9, 10, shape)
    for padding, stride, dilation in itertools.product(PADDINGS, STRIDES, DILATIONS):
        options = {
            "padding": padding,
            "border": border,
            "fill": -3 * (border == "constant"),
            "stride": stride,
            "dilation": dilation,
        }
        expected = by_loops(image, kernel, operation, **options)
        if expected is None:
            with pytest.raises(GeometryError, match="exceeds"):
                OPERATIONS[operation](image, kernel, **options)
            continue
        actual = OPERATIONS[operation](image, kernel, **options)
        assert actual.dtype == np.int32
        np.testing.assert_array_equal(actual, expected, err_msg=str(options))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", INTEGERS)
@settings(max_examples=15)
@given(options=OPTIONS, shape=SHAPES, size=st.sampled_from(KERNELS[:5]), seed=SEEDS)
def test_every_integer_type_and_memory_layout_is_exact(
    form, dtype, options, shape, size, seed, by_loops
):
    rng = np.random.default_rng(seed)
    plain, kernel = pixels(rng, dtype, shape), rng.integers(-9, 10, size)
    expected = by_loops(plain, kernel, "convolve", **options)
    image = FORMS[form](plain.copy())
    if expected is None:
        with pytest.raises(GeometryError, match="exceeds"):
            convolve(image, kernel, **options)
        return
    actual = convolve(image, kernel, **options)
    assert actual.dtype == (np.int64 if np.asarray(image).dtype.itemsize > 2 else np.int32)
    np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(image, plain)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", FLOATS)
@settings(max_examples=10)
@given(options=OPTIONS, shape=SHAPES, size=st.sampled_from(KERNELS[:5]), seed=SEEDS)
def test_every_float_type_and_memory_layout(
    form, dtype, options, shape, size, seed, by_loops, exactly
):
    rng = np.random.default_rng(seed)
    plain, kernel = pixels(rng, dtype, shape), rng.normal(size=size)
    expected = by_loops(exactly(plain), exactly(kernel), **options)
    image = FORMS[form](plain.copy())
    if expected is None:
        with pytest.raises(GeometryError, match="exceeds"):
            cross_correlate(image, kernel, **options)
        return
    actual = cross_correlate(image, kernel, **options)
    double = np.asarray(image).dtype.itemsize == 8
    assert actual.dtype == (np.float64 if double else np.float32)
    expected = expected.astype(float)
    error = np.abs(actual - expected).max()
    assert error <= (1e-12 if double else 1e-6) * np.abs(expected).max()


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", ">i2", "u8", "f4", ">f8"])
def test_kernels_may_have_any_type_and_layout(dtype, by_loops, rng):
    image = rng.integers(0, 256, (6, 5)).astype(np.uint8)
    kernel = rng.integers(0, 2, (3, 2)).astype(dtype)
    expected = by_loops(image, kernel.tolist(), "convolve")
    for form in FORMS.values():
        np.testing.assert_array_equal(convolve(image, form(kernel.copy())), expected)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kernels", [(), (1,), (4,)], ids=["one map", "bank of 1", "bank of 4"])
@settings(max_examples=25)
@given(options=OPTIONS, channels=st.sampled_from([1, 2, 3, 5]), seed=SEEDS)
def test_kernels_that_sum_over_channels(operation, kernels, options, channels, seed, by_loops):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 65536, (5, 6, channels)).astype(np.uint16)
    kernel = rng.integers(-9, 10, (*kernels, channels, 2, 3))
    expected = by_loops(image, kernel, operation, **options)
    if expected is None:
        with pytest.raises(GeometryError, match="exceeds"):
            OPERATIONS[operation](image, kernel, **options)
        return
    actual = OPERATIONS[operation](image, kernel, **options)
    assert actual.shape[2:] == kernels
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(("kernels", "tail"), [((), ()), ((2,), (2,))])
def test_a_gray_image_is_one_channel(kernels, tail, by_loops, rng):
    image, kernel = rng.integers(0, 9, (4, 5)), rng.integers(0, 9, (*kernels, 1, 3, 3))
    actual = cross_correlate(image, kernel)
    assert actual.shape == (4, 5, *tail)
    np.testing.assert_array_equal(actual, by_loops(image, kernel))


def test_a_kernel_of_zeros_gives_zeros(rng):
    image = rng.normal(size=(3, 4, 2))
    assert not cross_correlate(image, np.zeros((3, 3))).any()
    assert not cross_correlate(image, np.zeros((5, 2, 3, 3))).any()
    np.testing.assert_array_equal(cross_correlate(image, [[0]], bias=2), np.full((3, 4, 2), 2))


@pytest.mark.parametrize("strip_bytes", [1, 500, 1 << 19])
def test_several_kernels_run_side_by_side(strip_bytes, monkeypatch, rng):
    """Blocks arrive in order, cover every row once, and the sink may overwrite them."""
    monkeypatch.setattr(direct, "STRIP_BYTES", strip_bytes)
    image = rng.integers(0, 256, (13, 9, 3)).astype(np.uint8)
    kernels = [rng.integers(-9, 9, size) for size in ((3, 3), (1, 6), (7, 2), (1, 1))]
    options = ConvOptions("convolve", border="reflect", stride=(2, 1))
    plans = [
        make_plan(image, kernel, options, divisor=d, method="direct")
        for d, kernel in enumerate(kernels, 1)
    ]
    starts: list[tuple[int, int]] = []
    collected: list[list[np.ndarray]] = [[] for _ in plans]

    def sink(rows, blocks):
        starts.append((rows.start, rows.stop))
        for plan_, block, parts in zip(plans, blocks, collected, strict=True):
            assert block.dtype == plan_.types.block
            assert block.shape == (rows.stop - rows.start, *plan_.shape[1:])
            parts.append(block.copy())
            block[...] = 99

    run(plans, image, sink)
    assert [row for pair in starts for row in range(*pair)] == list(range(7))
    for d, (kernel, parts) in enumerate(zip(kernels, collected, strict=True), 1):
        expected = convolve(image, kernel, border="reflect", stride=(2, 1), divisor=d)
        np.testing.assert_array_equal(np.concatenate(parts).astype(expected.dtype), expected)


def test_a_plan_describes_itself_in_one_line():
    exact = make_plan(np.zeros((3, 3), np.uint8), [[1, 0, -1]], ConvOptions()).describe()
    assert "2 taps" in exact
    assert "exact integers" in exact
    floats = make_plan(np.zeros((3, 3)), [[0.5]], ConvOptions()).describe()
    assert "floating point" in floats
    assert "\n" not in exact + floats


def test_a_plan_says_what_it_costs_and_why():
    exact = make_plan(np.zeros((90, 90), np.uint8), [[1, 5, -1]], ConvOptions())
    assert (exact.method, exact.error_bound) == ("direct", 0)
    assert "the cheapest of direct" in exact.why
    assert exact.costs["direct"] == min(exact.costs.values())
    divided = make_plan(np.zeros((9, 9), np.uint8), [[1, 5, -1]], ConvOptions(), 3)
    assert divided.error_bound == 2.0**-23
    kernel = np.random.default_rng(0).standard_normal((9, 9))
    for kind, bound in (("f4", 1e-5), ("f8", 1e-12)):
        floats = make_plan(np.zeros((90, 90), kind), kernel, ConvOptions())
        assert (floats.method, floats.error_bound) == ("toeplitz", bound)
    assert (
        "where it is not accurate: toeplitz: "
        in make_plan(np.zeros((90, 90), "f4"), kernel, ConvOptions()).why
    )
    asked = make_plan(np.zeros((9, 9)), kernel, ConvOptions(), method="fft")
    assert asked.method == "fft"
    assert "method fft is asked for" in asked.why
    bank = make_plan(np.zeros((9, 9)), kernel.reshape(3, 1, 9, 3), ConvOptions(), method="im2col")
    assert bank.method == "matrix"
    assert set(bank.costs) == {"direct", "matrix"}


def test_a_plan_needs_no_pixels():
    for kind in ("?", "u1", "i2", "u4", "i8", "f2", "f8"):
        zeros = np.zeros((9, 8, 2), kind)
        info, options = ImageInfo.of_type(zeros.dtype), ConvOptions(stride=2)
        known = make_plan(zeros, np.ones((3, 3), int), options, info=info)
        found = make_plan(zeros, np.ones((3, 3), int), options)
        assert (known.shape, known.method) == (found.shape, found.method)
        assert known.types.result == found.types.result


def test_a_plan_tells_the_cost_of_the_method_and_of_its_number_type():
    normal = np.random.default_rng(0).standard_normal
    asked = make_plan(np.zeros((90, 90)), np.ones((3, 3)), ConvOptions(), method="fft")
    assert asked.costs["fft"] > 10 * asked.costs["separable"]
    assert "fft" not in make_plan(np.zeros((90, 90), int), np.ones((3, 3)), ConvOptions()).costs
    for image in (np.zeros((90, 90), "f4"), np.zeros((90, 90), "u1")):
        for shape in ((15, 15), (2, 1, 15, 15)):  # too many roundings for float32
            wide = make_plan(image, normal(shape), ConvOptions(), method="direct")
            double = make_plan(np.zeros((90, 90)), normal(shape), ConvOptions(), method="direct")
            assert "float64" in wide.describe()
            assert wide.costs["direct"] == double.costs["direct"]


def test_partial_sums_beyond_float32_do_not_matter_if_the_sum_is_within():
    image = np.float32([[3e38, 3e38, -3e38, -3e38]])
    assert cross_correlate(image, [[1, 1, 1.0]], padding="valid")[0, 0] == np.float32(3e38)


def test_padding_beyond_the_longest_side_is_refused():
    with pytest.raises(GeometryError, match="at most 2,147,483,647 are possible"):
        cross_correlate(np.zeros((3, 3), np.uint8), [[1]], padding=(2**31, 0), stride=2**30)
