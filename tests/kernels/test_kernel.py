"""The Kernel: what it accepts and keeps, and the laws of its properties."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import convolve2d

from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5))
INTEGERS = arrays(np.int64, SHAPES, elements=st.integers(-9, 9))


def test_integers_become_int64_and_reals_float64():
    assert Kernel(np.array([[1, 2]], dtype=np.uint8)).matrix.dtype == np.int64
    assert Kernel(np.array([[1, 2]], dtype=np.float16)).matrix.dtype == np.float64
    assert Kernel([[1.0, 2.0]]).matrix.dtype == np.float64


def test_the_matrix_is_a_read_only_copy():
    given_matrix = np.ones((2, 2), dtype=np.int64)
    kernel = Kernel(given_matrix)
    given_matrix[0, 0] = 9
    assert kernel.matrix[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        kernel.matrix[0, 0] = 2
    assert not pickle.loads(pickle.dumps(kernel)).matrix.flags.writeable


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1j]], "not complex"),
        ([["1"]], "not str"),
        ([[None]], "not object"),
        ([[1, 2], [3]], "rows of equal length"),
        (1, "dimensions, not 0"),
        (np.ones((1, 1, 1, 1, 1)), "dimensions, not 5"),
        (np.ones((0, 3)), "at least one"),
        ([[np.nan]], "NaN or infinity"),
        ([[np.inf]], "NaN or infinity"),
        ([[1e31]], "within"),
        (np.array([[2**63]], dtype=np.uint64), "must lie within"),
        ([[-(2**63)]], "must lie within"),
        ([[2**70]], "integers beyond 64 bits"),
    ],
)
def test_a_matrix_that_is_no_kernel_is_refused(matrix, message):
    with pytest.raises(KernelError, match=message):
        Kernel(matrix)


@pytest.mark.parametrize("number", [np.nan, np.inf, 2**63, True, "1", None, 1e31])
@pytest.mark.parametrize("field", ["divisor", "bias"])
def test_a_divisor_or_bias_that_is_no_number_is_refused(field, number):
    with pytest.raises(KernelError, match=field):
        Kernel([[1]], **{field: number})


def test_a_divisor_of_0_is_refused():
    with pytest.raises(KernelError, match="cannot be 0"):
        Kernel([[1]], divisor=0)


def test_a_divisor_that_makes_weights_overflow_is_refused():
    with pytest.raises(KernelError):
        Kernel([[1e20]], divisor=1e-320)


def test_numpy_takes_a_kernel_for_its_weights():
    assert np.asarray(Kernel([[1, 2]])).dtype == np.int64
    assert np.array_equal(np.asarray(Kernel([[1, 2]], divisor=2)), [[0.5, 1.0]])
    assert np.array(Kernel([[1, 2]]), dtype=np.float32).dtype == np.float32
    assert np.asarray(Kernel([[1, 2]]), copy=True).flags.writeable
    with pytest.raises(ValueError, match="copy"):
        np.asarray(Kernel([[1, 2]]), dtype=np.float32, copy=False)


def test_the_slug_is_safe_in_a_file_name():
    assert Kernel([[1]], name="../../etc/passwd\n\0").slug == "etc-passwd"
    assert len(Kernel([[1]], name="ж" * 500).slug.encode()) <= 80
    assert Kernel([[1]], name="...").slug == Kernel([[1]]).slug == "custom"
    assert Kernel([[1]], name="a/b.npy", slug="b:2").slug == "b-2"


def test_the_name_is_kept_as_given():
    kernel = Kernel([[1, 2]], name="my/bank.npy", slug="bank").with_bias(1).rotated(90)
    assert (kernel.name, kernel.slug) == ("my/bank.npy@90", "bank-90deg")
    again = pickle.loads(pickle.dumps(kernel))
    assert (again.name, again.slug) == (kernel.name, kernel.slug)


def test_a_kernel_without_a_name_is_called_by_its_weights():
    assert Kernel([[1, 2], [-0.5, 1e-9]]).name == "1 2; -0.5 1e-09"
    assert Kernel([[1, 2]]).rotated(90).name == "2; 1"
    assert Kernel([[1, 2]]).flipped().name == "2 1"
    assert pickle.loads(pickle.dumps(Kernel([[1, 2]]))).divided().flipped().name == "2 1"
    for matrix in (np.ones((5, 5)), np.ones((2, 1, 1)), np.full((1, 8), 1 / 3)):
        assert Kernel(matrix).name == "kernel"


def test_the_sum_of_large_integers_is_exact():
    assert Kernel([[2**62, 2**62, 2**62, 1]]).sum == 3 * 2**62 + 1


def test_a_channel_kernel_has_a_shape_and_no_rank():
    kernel = Kernel(np.ones((3, 2, 5)))
    assert kernel.shape == (2, 5)
    assert kernel.rank is None
    assert kernel.separable is None


@given(INTEGERS, st.sampled_from([1, -3, 16, 0.5]), st.integers(-50, 300))
def test_the_output_range_is_reached_and_never_left(matrix, divisor, bias):
    kernel = Kernel(matrix, divisor=divisor, bias=bias)
    least, greatest = kernel.output_range()
    extremes = [np.where(sign * kernel.weights > 0, 255, 0) for sign in (-1, 1)]
    reached = [(kernel.weights * window).sum() + bias for window in extremes]
    assert reached == pytest.approx([least, greatest])


@given(INTEGERS)
def test_the_rank_is_numpys(matrix):
    assert Kernel(matrix).rank == np.linalg.matrix_rank(matrix)


@given(
    arrays(np.int64, st.integers(1, 6), elements=st.integers(-50, 50)),
    arrays(np.int64, st.integers(1, 6), elements=st.integers(-50, 50)),
)
def test_the_factors_of_an_outer_product_multiply_back_exactly(column, row):
    product = np.outer(column, row)
    factors = Kernel(product).separable
    if not product.any():
        assert factors is None
        return
    assert factors[0].dtype == np.int64
    assert np.array_equal(np.outer(*factors), product)
    reals = Kernel(product / 7).separable
    assert np.allclose(np.outer(*reals), product / 7, rtol=1e-12, atol=0)


def test_the_factors_of_sobel_are_those_of_the_textbook():
    column, row = Kernel([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]).separable
    assert (column.tolist(), row.tolist()) == ([-1, 0, 1], [1, 2, 1])


@given(INTEGERS)
def test_symmetry_tells_whether_convolving_differs(matrix):
    image = np.arange(49).reshape(7, 7) ** 2 % 31
    convolved = convolve2d(image, matrix, "full")
    correlated = convolve2d(image, matrix[::-1, ::-1], "full")
    word = Kernel(matrix).symmetry
    assert (word == "symmetric") == np.array_equal(convolved, correlated)
    if matrix.any():
        assert (word == "antisymmetric") == np.array_equal(convolved, -correlated)


def test_normalized_weights_sum_to_1():
    kernel = Kernel([[1, 2, 1]]).normalized()
    assert (kernel.divisor, kernel.sum, kernel.matrix.dtype) == (4, 1, np.int64)
    assert Kernel([[0.1, 0.7]]).normalized().sum == pytest.approx(1)
    with pytest.raises(KernelError, match="sum to 0"):
        Kernel([[-1, 0, 1]], name="difference").normalized()
    with pytest.raises(KernelError, match="sum to 0"):
        Kernel([[0.1, 0.2, -0.3]]).normalized()


def test_a_divisor_or_bias_is_replaced_in_a_new_kernel():
    kernel = Kernel([[4]], divisor=2, bias=1)
    assert (kernel.with_divisor(4).sum, kernel.with_bias(7).bias, kernel.sum) == (1, 7, 2)


@given(arrays(np.int64, (3, 3), elements=st.integers(-9, 9)), st.integers(-20, 20))
def test_eight_rotations_by_45_degrees_change_nothing(matrix, steps):
    rotated = Kernel(matrix)
    for _ in range(8):
        rotated = rotated.rotated(45)
    assert np.array_equal(rotated.matrix, matrix)
    there_and_back = Kernel(matrix).rotated(45 * steps).rotated(-45 * steps)
    assert np.array_equal(there_and_back.matrix, matrix)


@given(arrays(np.int64, (3, 3), elements=st.integers(-9, 9)))
def test_two_rotations_by_45_degrees_are_one_by_90(matrix):
    assert np.array_equal(Kernel(matrix).rotated(45).rotated(45).matrix, np.rot90(matrix))


@given(INTEGERS, st.integers(-9, 9))
def test_right_angles_rotate_any_shape(matrix, quarters):
    assert np.array_equal(Kernel(matrix).rotated(90 * quarters).matrix, np.rot90(matrix, quarters))


def test_every_channel_is_rotated():
    matrix = np.arange(18).reshape(2, 3, 3)
    for angle in (45, 90):
        rotated = Kernel(matrix).rotated(angle).matrix
        for channel in range(2):
            assert np.array_equal(rotated[channel], Kernel(matrix[channel]).rotated(angle).matrix)


@pytest.mark.parametrize(("shape", "angle"), [((3, 3), 30), ((5, 5), 45), ((1, 3), 45)])
def test_an_angle_that_needs_interpolation_is_refused(shape, angle):
    with pytest.raises(KernelError, match=r"rotated only by multiples of (45|90) degrees"):
        Kernel(np.ones(shape)).rotated(angle)


def test_a_1d_kernel_is_one_row_and_booleans_are_integers():
    assert Kernel([1, 2, 1]).matrix.tolist() == [[1, 2, 1]]
    kernel = Kernel([[True, False]])
    assert (kernel.matrix.tolist(), kernel.matrix.dtype) == ([[1, 0]], np.int64)


def test_a_kernel_that_sets_hold_never_changes():
    kernel = Kernel([[1, 2]])
    with pytest.raises(AttributeError):
        kernel.divisor = 2


def test_kernels_are_equal_by_their_numbers():
    kernel = Kernel([[1, 2]], divisor=2, bias=3, name="one")
    assert kernel == Kernel([[1.0, 2.0]], divisor=2.0, bias=3.0, name="other", source="a book")
    assert hash(kernel) == hash(Kernel([[1.0, 2.0]], divisor=2.0, bias=3.0))
    different = [
        Kernel([[1, 3]], divisor=2, bias=3),
        Kernel([[1, 2]], bias=3),
        Kernel([[1, 2]], divisor=2),
        Kernel([[[1, 2]]], divisor=2, bias=3),
        Kernel([[1], [2]], divisor=2, bias=3),
    ]
    assert all(kernel != other for other in different)
    assert len({kernel, *different, Kernel([[1, 2]], divisor=2, bias=3)}) == 6
    assert kernel != "sobel-x"
    assert kernel != [[1, 2]]


def test_a_small_kernel_is_shown_as_the_call_that_makes_it():
    for kernel in (Kernel([[1, 2]]), Kernel([[-0.5], [1e-9]], divisor=3, bias=-1, name="odd")):
        again = eval(repr(kernel), {"Kernel": Kernel})
        assert (again, again.name) == (kernel, kernel.name)
    assert repr(Kernel([[1, 2]])) == "Kernel([[1, 2]])"
    large = Kernel(np.full((31, 31), 0.1), divisor=2, name="large")
    assert repr(large) == "<Kernel 'large': (31, 31) float64, sum 48.05>"


@given(INTEGERS)
def test_flipping_twice_changes_nothing(matrix):
    kernel = Kernel(matrix, divisor=2, bias=1, name="some")
    flipped = kernel.flipped()
    assert np.array_equal(flipped.matrix, np.flip(matrix))
    assert (flipped.divisor, flipped.bias, flipped.name) == (2, 1, "some, flipped")
    assert (flipped.flipped(), flipped.flipped().name) == (kernel, "some")
    assert (flipped.slug, flipped.flipped().slug) == ("some-flipped", "some")


def test_every_channel_is_flipped_and_channels_keep_their_order():
    matrix = np.arange(12).reshape(2, 2, 3)
    assert np.array_equal(Kernel(matrix).flipped().matrix, matrix[:, ::-1, ::-1])


@pytest.mark.parametrize("field", ["name", "summary", "source"])
@pytest.mark.parametrize("value", [3, None, b"name", ["a"]])
def test_a_name_that_is_no_text_is_refused(field, value):
    with pytest.raises(KernelError, match=f"a kernel's {field} must be text"):
        Kernel([[1]], **{field: value})


@pytest.mark.parametrize("value", ["a", None, np.nan, np.inf, 10**400, [90], True])
def test_an_angle_or_an_input_that_is_no_number_is_refused(value):
    with pytest.raises(KernelError, match="angle"):
        Kernel([[1]]).rotated(value)
    with pytest.raises(KernelError, match="lowest input"):
        Kernel([[1]]).output_range(value)
    with pytest.raises(KernelError, match="highest input"):
        Kernel([[1]]).output_range(0, value)
    for change in (Kernel([[1]]).with_divisor, Kernel([[1]]).with_bias):
        with pytest.raises(KernelError, match=r"divisor|bias"):
            change(value)


def test_factors_of_reals_are_of_similar_magnitude():
    column, row = Kernel([[1e-6, 2e-6], [1, 2]]).separable
    assert np.abs(column).max() == pytest.approx(np.abs(row).max())
    assert Kernel([[1e-6, 2e-6], [1, 2.1]]).rank == 2
    assert Kernel(np.zeros((2, 2))).rank == 0
