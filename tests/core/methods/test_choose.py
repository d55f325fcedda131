"""Every method gives the same sums, whatever the kernel, the numbers and the options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import KernelError, UsageError, convolve, cross_correlate, get_kernel
from convcli.core.correlate import run
from convcli.core.factors import rank_one_factors
from convcli.core.methods.base import Workspace
from convcli.core.methods.fft import TILE, fast_length
from convcli.core.methods.passes import Passes
from convcli.core.methods.polyphase import Polyphase
from convcli.core.methods.taps import (
    direct_schedule,
    separable_schedule,
    shortest_schedule,
)
from convcli.core.methods.toeplitz import ToeplitzMethod
from convcli.core.plan import make_plan
from convcli.geometry import ConvOptions, conv_geometry

OPTIONS = st.fixed_dictionaries(
    {
        "padding": st.sampled_from(["same", "full", (9, 3, 4, 9)]),
        "border": st.sampled_from(["edge", "zero", "reflect", "wrap"]),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "dilation": st.tuples(st.integers(1, 3), st.integers(1, 2)),
    }
)
SHAPES = st.sampled_from([(30, 23), (17, 40, 3), (9, 9, 1), (40, 21, 2)])
KINDS = ("u1", "i1", "u2", "i4", "?", "f4", "f8")


def random(shape, kind, seed):
    rng = np.random.default_rng(seed)
    if kind in ("f4", "f8"):
        return rng.standard_normal(shape).astype(kind)
    return rng.integers(0, 2 if kind == "?" else 120, shape).astype(kind)


def assert_equal_sums(found, direct):
    """Integers are equal; floats are as near as their type allows."""
    assert (found.dtype, found.shape) == (direct.dtype, direct.shape)
    if direct.dtype.kind == "i":
        assert np.array_equal(found, direct)
    else:
        tolerance = 1e-6 if direct.dtype == "f4" else 1e-12
        assert np.abs(found - direct).max() <= tolerance * (np.abs(direct).max() + 1)


@pytest.mark.slow
@settings(max_examples=100)
@given(SHAPES, st.sampled_from(KINDS), OPTIONS, st.integers(0, 99), st.booleans())
def test_fft_equals_direct(shape, kind, options, seed, whole):
    image = random(shape, kind, seed)
    rows, columns = 1 + seed % 4, 1 + seed % 3
    kernel = random((rows, columns), "i4" if whole else "f8", seed + 1) - 40 * whole
    direct = cross_correlate(image, kernel, method="direct", **options)
    fourier = cross_correlate(image, kernel, method="fft", **options)
    assert_equal_sums(fourier, direct)


@pytest.mark.slow
@settings(max_examples=100)
@given(SHAPES, st.sampled_from(KINDS), OPTIONS, st.integers(0, 99), st.booleans())
def test_toeplitz_equals_direct(shape, kind, options, seed, whole):
    image = random(shape, kind, seed)
    rows, columns = 1 + seed % 7, 1 + seed % 5
    kernel = random((rows, columns), "i4" if whole else "f8", seed + 1) - 40 * whole
    if seed % 3 == 0:
        kernel[:, 0] = 0
    direct = cross_correlate(image, kernel, method="direct", **options)
    banded = cross_correlate(image, kernel, method="toeplitz", **options)
    assert banded.dtype == direct.dtype
    if direct.dtype.kind == "i":
        assert np.array_equal(banded, direct)
    else:
        scale = np.abs(direct).max() + 1
        assert np.abs(banded - direct).max() <= (1e-5 if direct.dtype == "f4" else 1e-12) * scale


@pytest.mark.parametrize("width", [1, 1023, 1024, 1025, 3000])
@pytest.mark.parametrize("height", [1, 3, 4, 5, 9])
def test_bands_and_tiles_of_any_size_cover_the_image(width, height):
    image = random((height, width), "u1", 6)
    kernel = random((7, 6), "i4", 7)
    exact = cross_correlate(image, kernel, method="direct", padding="full")
    assert np.array_equal(cross_correlate(image, kernel, method="toeplitz", padding="full"), exact)


@pytest.mark.parametrize("height", [1, 13, 14, 15, 50, 61])
@pytest.mark.parametrize("rows", [1, 2, 5, 19])
@pytest.mark.parametrize("dilation", [(7, 1), (1, 7), (7, 3), (30, 1)])
def test_bands_of_rows_that_are_apart_cover_the_image(height, rows, dilation):
    """A strip may be less than what the products of its rows sum."""
    image, kernel = random((height, 40, 2), "u1", 6), random((rows, 3), "i4", 7)
    options = {"dilation": dilation, "border": "zero"}
    exact = cross_correlate(image, kernel, method="direct", **options)
    banded = cross_correlate(image, kernel, method="toeplitz", **options)
    assert np.array_equal(banded, exact)
    floats = cross_correlate(image / 256, kernel / 8, method="toeplitz", **options)
    np.testing.assert_allclose(floats * 2048, exact, atol=1e-9 * np.abs(exact).max())


def test_integers_go_to_bands_in_the_smallest_type_that_keeps_them_exact():
    kernel = np.arange(1, 50).reshape(7, 7)
    for kind, floats in (("u1", "float32"), ("u2", "float64")):
        top = np.full((60, 60), np.iinfo(kind).max, kind)
        assert floats in make_plan(top, kernel, ConvOptions(), method="toeplitz").describe()
        exact = cross_correlate(top, kernel, method="direct")
        assert np.array_equal(cross_correlate(top, kernel, method="toeplitz"), exact)
    with pytest.raises(KernelError, match="too large for method 'toeplitz'"):
        cross_correlate(np.full((9, 9), 2**50), kernel, method="toeplitz")


@pytest.mark.parametrize("sides", [(1, 5), (3, 3), (1, 40), (1, 63), (9, 9)])
@pytest.mark.parametrize("most", [1, 4, 9])
def test_what_float32_cannot_sum_goes_to_the_cheapest_method_in_float64(sides, most):
    kernel = np.random.default_rng(8).integers(-most, most, sides, endpoint=True)
    narrow, wide = (
        make_plan(np.zeros((512, 512), kind), kernel, ConvOptions(dilation=2))
        for kind in ("f4", "f8")
    )
    assert narrow.why.endswith(f"where it is not accurate: {wide.describe().split(' (')[0]}")


@given(SHAPES, st.sampled_from(KINDS), OPTIONS, st.integers(0, 99), st.booleans())
def test_matrix_equals_direct(shape, kind, options, seed, whole):
    image = random(shape, kind, seed)
    channels = shape[2] if len(shape) == 3 else 1
    size = (1 + seed % 5, channels, 1 + seed % 4, 1 + seed % 3)
    kernel = random(size, "i4" if whole else "f8", seed + 1) - 40 * whole
    direct = cross_correlate(image, kernel, method="direct", **options)
    product = cross_correlate(image, kernel, method="matrix", **options)
    assert_equal_sums(product, direct)


def test_a_bank_keeps_nan_where_it_is_weighed():
    image = np.ones((40, 30, 3), np.float32)
    image[20, 10, 1] = np.nan
    kernel = np.random.default_rng(2).standard_normal((40, 3, 3, 3))
    kernel[0, 1] = 0
    found = cross_correlate(image, kernel)
    assert np.isfinite(found[..., 0]).all()
    assert np.isnan(found[19:22, 9:12, 1:]).all()
    assert np.isnan(found).sum() == 9 * 39


def test_sums_that_float64_would_round_go_another_way():
    image = np.full((20, 20, 3), 2**40)
    kernel = np.full((30, 3, 3, 3), 2**10) + 1
    assert not make_plan(image, kernel, ConvOptions()).describe().startswith("matrix")
    with pytest.raises(KernelError, match="exact"):
        cross_correlate(image, kernel, method="matrix")
    small = np.zeros((20, 20, 3), np.uint8)
    assert (
        make_plan(small, kernel, ConvOptions())
        .describe()
        .startswith("matrix: windows of 27 taps times 30")
    )


@given(SHAPES, st.sampled_from(KINDS), OPTIONS, st.integers(0, 99), st.booleans())
def test_separable_equals_direct(shape, kind, options, seed, whole):
    image = random(shape, kind, seed)
    sides = [random(1 + seed % n, "i4" if whole else "f8", seed) - 60 * whole for n in (4, 3)]
    kernel = np.outer(*sides)
    if not kernel.any():
        return
    direct = cross_correlate(image, kernel, method="direct", **options)
    separable = cross_correlate(image, kernel, method="separable", **options)
    if direct.dtype.kind == "i":
        assert np.array_equal(separable, direct)
    else:
        scale = np.abs(direct).max() + 1
        assert np.abs(separable - direct).max() <= 1e-6 * scale


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("side", [3, 20, 70])
def test_the_largest_integers_are_exact_over_many_tiles(kind, side):
    rng = np.random.default_rng(side)
    top = np.iinfo(kind).max
    image = rng.choice(np.array([0, top], kind), (TILE[0] + 150, TILE[1] + 200))
    kernel = rng.integers(-100, 101, (side, side))
    exact = cross_correlate(image, kernel, method="direct", padding="valid")
    assert np.array_equal(cross_correlate(image, kernel, method="fft", padding="valid"), exact)


def test_sums_that_fft_would_round_are_refused_and_never_chosen():
    image = np.full((300, 300), 2**40)
    kernel = np.full((25, 25), 2**10) + np.eye(25, dtype=int)
    with pytest.raises(KernelError, match="exact"):
        cross_correlate(image, kernel, method="fft")
    assert not make_plan(image, kernel, ConvOptions()).describe().startswith("fft")


@pytest.mark.parametrize("spot", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_stay_where_they_are_seen(spot):
    rng = np.random.default_rng(5)
    image = rng.standard_normal((400, 300)).astype(np.float32)
    clean = cross_correlate(image, np.ones((9, 7)) + np.eye(9, 7), method="fft")
    image[350, 100] = spot
    kernel = np.ones((9, 7)) + np.eye(9, 7)
    found = cross_correlate(image, kernel, method="fft")
    touched = ~np.isfinite(found)
    assert touched[346:355, 97:104].all()
    assert touched.sum() == 63
    assert np.allclose(found[~touched], clean[~touched], rtol=1e-5, atol=1e-5)


def test_auto_chooses_by_cost():
    image = np.zeros((100, 100), np.uint8)
    rng = np.random.default_rng(1)
    chosen = {
        "direct": rng.integers(-9, 10, (3, 3)),
        "separable": np.outer([1, 2, 1], [1, 2, 1]),
        "toeplitz": rng.standard_normal((5, 5)),
        "fft": rng.standard_normal((31, 31)),
    }
    for method, kernel in chosen.items():
        assert make_plan(image, kernel, ConvOptions()).describe().startswith(f"{method}: ")
    assert make_plan(
        image, [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], ConvOptions()
    ).describe() == (
        "separable: a box and a rest, 7 taps in at most 8 passes over int16 (exact integers)"
    )


@pytest.mark.parametrize(
    ("kernel", "method", "error", "said"),
    [
        ([[1, 2], [3, 4]], "separable", KernelError, "not separable"),
        (np.ones((1, 3, 3)), "fft", KernelError, "cannot sum over channels"),
        (np.ones((1, 3, 3)), "toeplitz", KernelError, "cannot sum over channels"),
        ([[1]], "matrix", KernelError, "needs a kernel that sums over channels"),
        (
            [[1]],
            "magic",
            UsageError,
            "method must be one of auto, direct, toeplitz, separable, fft, matrix",
        ),
    ],
)
def test_what_a_method_cannot_do_is_refused(kernel, method, error, said):
    with pytest.raises(error, match=said):
        cross_correlate(np.zeros((9, 9)), kernel, method=method)


@given(st.integers(1, 5000))
def test_fast_lengths_are_the_next_products_of_2_3_and_5(least):
    length = fast_length(least)
    assert least <= length < 2 * least + 1

    def smooth(number):
        for factor in (2, 3, 5):
            while number % factor == 0:
                number //= factor
        return number == 1

    assert length == next(number for number in range(least, 2 * least + 1) if smooth(number))


def test_a_factored_float_kernel_keeps_its_zeros():
    kernel = np.outer([1.0, 0.0, 2.0], [3.0, 0.0, 1.0])
    assert separable_schedule(kernel) is not None
    kernel[1, 1] = 1e-30
    assert separable_schedule(kernel) is None
    assert shortest_schedule(kernel).column is None


@given(
    sides=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    weight=st.sampled_from([1, -1, 3, -0.5]),
    kind=st.sampled_from(["u1", "i4", "f4"]),
    options=OPTIONS,
    shape=SHAPES,
)
def test_boxes_of_any_size_are_summed_by_doubling(sides, weight, kind, options, shape):
    image = random(shape, kind, 3)
    kernel = np.full(sides, weight)
    options = options | {"padding": (60, 60, 40, 40)}
    found = cross_correlate(image, kernel, method="separable", **options)
    assert_equal_sums(found, cross_correlate(image, kernel, method="direct", **options))


@pytest.mark.parametrize(("side", "passes"), [(3, 6), (4, 4), (9, 8), (31, 16), (127, 24)])
def test_a_box_takes_passes_by_the_logarithm_of_its_side(side, passes):
    plan = make_plan(np.zeros((200, 200), np.uint8), np.ones((side, side), int), ConvOptions())
    assert f"in at most {passes} passes" in plan.describe()
    strided = make_plan(
        np.zeros((200, 200), np.uint8), np.ones((side, side), int), ConvOptions(stride=2),
        method="separable",
    )  # fmt: skip
    assert f"in at most {2 * side} passes" in strided.describe()


def count_passes_made(schedule, kernel):
    geometry = conv_geometry((20, 30), kernel, "valid")
    phases = Polyphase.of(np.empty((20, 30, 1)), geometry, Workspace(), summed=False)
    return len(
        Passes(schedule, phases, geometry, geometry.output_shape[0], phases.planes.dtype).passes
    )


@given(st.integers(0, 10**6))
def test_no_more_passes_are_made_than_counted(seed):
    """The methods are chosen by the count, and the passes are made later."""
    rng = np.random.default_rng(seed)
    kernel = rng.integers(-3, 4, rng.integers(1, 6, 2))
    if seed % 3 == 0:
        kernel = np.outer(kernel[0], kernel[:, 0])
    for schedule in (direct_schedule(kernel), shortest_schedule(kernel / 2)):
        assert count_passes_made(schedule, kernel.shape) <= schedule.cost


@pytest.mark.parametrize(
    ("name", "passes"),
    [("laplacian", 4), ("sharpen", 4), ("sobel-x", 3), ("outline", 6), ("binomial:5", 8)],
)
def test_equal_taps_are_added_once(name, passes):
    schedule = shortest_schedule(get_kernel(name).matrix)
    assert count_passes_made(schedule, get_kernel(name).shape) == passes


@pytest.mark.parametrize("method", ["direct", "toeplitz", "separable", "fft"])
@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_bytes_do_not_depend_on_the_threads(method, kind):
    image = random((1100, 1000), kind, 3)
    kernel = np.outer(random((5,), "f8", 1), random((7,), "f8", 2))
    results = [
        cross_correlate(image, kernel, method=method, threads=threads) for threads in (1, 2, 5)
    ]
    assert all(result.tobytes() == results[0].tobytes() for result in results)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("divisor", [1, 3])
@pytest.mark.parametrize("shape", [(1103, 1000), (401, 500, 3)])
def test_bytes_rounded_from_sums_do_not_depend_on_the_threads(shape, divisor, stride):
    """Two threads sum longer strips than one."""
    image, kernel = random(shape, "u1", 3), [[3, -1, 2], [0, 1, 0], [-1, 5, -7]]
    options = {"border": "reflect", "divisor": divisor, "bias": 9, "stride": stride}
    wide = cross_correlate(image, kernel, **options, dtype=np.float64, threads=1)
    for threads in (1, 2, 3, 4):
        found = cross_correlate(image, kernel, **options, dtype=np.uint8, threads=threads)
        np.testing.assert_array_equal(found, np.rint(wide).clip(0, 255))


def test_a_fault_on_a_thread_is_raised():
    image = np.zeros((1500, 1000), np.uint8)
    plan = make_plan(image, [[1]], ConvOptions())

    def sink(rows, _):
        if rows.start:
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        run([plan], image, sink, threads=3)


@pytest.mark.parametrize("text", ["0", "two", "-1", ""])
def test_a_variable_that_is_no_number_of_threads_is_refused(monkeypatch, text):
    monkeypatch.setenv("CONVCLI_THREADS", text)
    with pytest.raises(UsageError, match="CONVCLI_THREADS"):
        cross_correlate(np.zeros((1500, 1000)), [[1]])
    for number in "12":
        monkeypatch.setenv("CONVCLI_THREADS", number)
        cross_correlate(np.zeros((1500, 1000)), [[1]])


@pytest.mark.parametrize("method", ["direct", "toeplitz", "separable", "fft"])
def test_a_stride_far_beyond_the_image_costs_nothing(method):
    image = random((60, 50, 3), "u1", 4)
    kernel = np.ones((3, 3), int)
    for stride in (49, 1000, 10**9):
        found = cross_correlate(image, kernel, stride=stride, method=method)
        assert np.array_equal(found, cross_correlate(image, kernel)[::stride, ::stride])


def test_a_kernel_of_zeros_on_a_large_fill():
    image = np.zeros((4, 4), np.uint8)
    found = cross_correlate(image, [[0]], border="constant", fill=10**5, padding=1)
    assert np.array_equal(found, np.zeros((6, 6)))


def test_a_wide_bank_is_multiplied_piece_by_piece(monkeypatch):
    image = random((5, 300, 8), "u1", 4)
    kernel = random((20, 8, 3, 3), "i4", 5)
    whole = cross_correlate(image, kernel, method="matrix")
    monkeypatch.setattr("convcli.core.methods.im2col.STRIP_BYTES", 10_000)
    assert np.array_equal(cross_correlate(image, kernel, method="im2col"), whole)


@pytest.mark.parametrize("threads", [0, -1, 2.5])
def test_thread_counts_below_one_are_refused(threads):
    with pytest.raises(UsageError, match="threads must be a whole number of at least 1"):
        cross_correlate(np.zeros((3, 3)), [[1]], threads=threads)


def test_factors_whose_product_exceeds_64_bits_are_none():
    assert rank_one_factors(np.array([[1, 3], [2**62, -(2**62)]])) is None  # 3 * 2**62 wraps
    assert rank_one_factors(np.zeros((3, 3))) is None
    column, row = rank_one_factors(np.array([[0.5, 1], [-1, -2]]))
    assert np.array_equal(np.outer(column, row), [[0.5, 1], [-1, -2]])


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_factors_whatever_the_first_weights_are(scale):
    for column, row in [((0, 1, 2), (0, 3, 1)), ((1, -1, 7), (0, 0.3, 1)), ((1e-9, 1), (1, 1e9))]:
        kernel = scale * np.outer(column, row)
        assert np.allclose(np.outer(*rank_one_factors(kernel)), kernel, rtol=1e-13, atol=0)
        kernel[-1, -1] *= 1 + 1e-9
        assert rank_one_factors(kernel) is None


@pytest.mark.parametrize("kind", ["u1", "f4", "f8"])
@pytest.mark.parametrize("dilation", [1, (2, 1), (1, 2)])
@pytest.mark.parametrize("sides", [(11, 11), (15, 31), (40, 9)])
def test_two_products_equal_single_passes(sides, dilation, kind):
    """Also where blocks and bands do not divide the feature map, and in color."""
    column, row = random((sides[0],), "f8", 1), random((sides[1],), "f8", 2)
    kernel = np.outer(abs(column), abs(row))
    for shape in [(50, 101), (71, 40, 3), (5, 160)]:
        image = random(shape, kind, 5)
        options = {"padding": "full", "border": "reflect", "dilation": dilation}
        plan = make_plan(image, kernel, ConvOptions(**options))
        assert plan.describe().startswith("separable: products with bands of ")
        found = cross_correlate(image, kernel, **options)
        assert_equal_sums(found, cross_correlate(image, kernel, method="direct", **options))


def test_a_kernel_multiplied_in_float32_counts_as_separable_in_float32():
    kernel = np.outer(random((15,), "f4", 1), random((15,), "f4", 2)) + np.float32(0)
    assert rank_one_factors(kernel) is None
    plans = [make_plan(np.ones((99, 99), kind), kernel, ConvOptions()) for kind in ("f4", "f8")]
    assert [plan.method == "separable" for plan in plans] == [True, False]
    asked = make_plan(np.ones((99, 99), "f4"), kernel, ConvOptions(), method="separable")
    assert asked.describe() == plans[0].describe()
    for kind, stride in (("f8", 1), ("f4", 2)):
        with pytest.raises(KernelError, match="not separable"):
            make_plan(
                np.ones((99, 99), kind), kernel, ConvOptions(stride=stride), method="separable"
            )
    image = random((99, 99), "f4", 3)
    passes = cross_correlate(image.astype("f8"), kernel.astype("f8"), method="direct")
    found = cross_correlate(image, kernel)
    assert np.abs(found - passes).max() <= 1e-5 * np.abs(passes).max()


@pytest.mark.parametrize("width", [1023, 1024, 1025, 2101, 3000])
@pytest.mark.parametrize("method", ["toeplitz", "separable"])
@pytest.mark.parametrize("dtype", [None, "f8"])
def test_tiles_of_any_width(width, method, dtype):
    """The last tile of a row overlaps the one before, and sums go straight into the result."""
    image = random((11, width), "f4", 3)
    kernel = np.outer(random((5,), "f8", 1), random((7,), "f8", 2))
    found = cross_correlate(image, kernel, method=method, bias=0.5, dtype=dtype)
    assert_equal_sums(found, cross_correlate(image, kernel, method="direct", bias=0.5, dtype=dtype))


def test_an_interrupt_while_a_fallback_is_chosen_is_forgotten(monkeypatch):
    made = []

    def interrupted(*arguments):
        made.append(arguments)
        if len(made) == 2:
            raise KeyboardInterrupt
        return ToeplitzMethod(*arguments)

    monkeypatch.setattr("convcli.core.methods.choose.ToeplitzMethod", interrupted)
    # The second derivatives of a ramp are 0, which float32 cannot tell.
    image = np.add.outer(np.arange(80.0), np.arange(70.0)).astype(np.float32) / 7
    laplacian = get_kernel("laplacian").matrix
    kernel = convolve(random((3, 3), "f8", 1), laplacian, padding="full", border="zero")
    with pytest.raises(KeyboardInterrupt):
        cross_correlate(image, kernel, padding="valid")
    assert np.abs(cross_correlate(image, kernel, padding="valid")).max() < 1e-4
