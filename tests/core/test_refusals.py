"""Arguments that make no sense are refused in one line that says why."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from convcli import convolve, cross_correlate
from convcli.errors import ConvcliError, GeometryError, KernelError, UsageError

ONE = [[1]]
IMAGE = np.ones((7, 3))


@pytest.mark.parametrize("operation", [cross_correlate, convolve])
@pytest.mark.parametrize(
    ("image", "kernel", "options", "kind", "message"),
    [
        (
            IMAGE,
            np.ones((7, 7)),
            {"padding": 1, "dilation": 2},
            GeometryError,
            "kernel 7x7 (dilation 2, extent 13x13) exceeds the padded 5x9 input",
        ),
        (
            IMAGE,
            np.ones((2, 4)),
            {"padding": "valid"},
            GeometryError,
            "kernel 4x2 exceeds the 3x7 input",
        ),
        (IMAGE, ONE, {"stride": 0}, GeometryError, "stride must be at least 1, not 0"),
        (IMAGE, ONE, {"stride": (1, -1)}, GeometryError, "stride must be at least 1, not -1"),
        (IMAGE, ONE, {"stride": 1.5}, GeometryError, "stride must be a whole number, not 1.5"),
        (IMAGE, ONE, {"dilation": 0}, GeometryError, "dilation must be at least 1, not 0"),
        (IMAGE, ONE, {"padding": -1}, GeometryError, "padding must be at least 0, not -1"),
        (
            IMAGE,
            ONE,
            {"padding": "Same"},
            GeometryError,
            "padding must be same, valid, full, same-upper, same-lower, causal, a number, "
            "(vertical, horizontal) or (top, bottom, left, right), not 'Same'",
        ),
        (
            IMAGE,
            ONE,
            {"padding": (1, 2, 3)},
            GeometryError,
            "padding takes a number, (vertical, horizontal) or (top, bottom, left, right), not 3",
        ),
        (IMAGE, ONE, {"border": "mirrored"}, UsageError, "not 'mirrored'"),
        (IMAGE * 1j, ONE, {}, UsageError, "image must be real numbers"),
        (np.ones((2, 2, 2, 2, 2)), ONE, {}, UsageError, "image has 5 dimensions"),
        (np.float64(3), ONE, {}, UsageError, "not () float64"),
        (np.ones((0, 3)), ONE, {}, UsageError, "not (0, 3) float64"),
        (np.ones((3, 0)), ONE, {}, UsageError, "not (3, 0) float64"),
        (np.ones((3, 3, 0)), ONE, {}, UsageError, "not (3, 3, 0) float64"),
        ([["a"]], ONE, {}, UsageError, "image must be real numbers"),
        ([[None]], ONE, {}, UsageError, "image must be real numbers"),
        (IMAGE, [[np.nan]], {}, KernelError, "kernel weights must be finite"),
        (IMAGE, [[-np.inf]], {}, KernelError, "kernel weights must be finite"),
        (IMAGE, 3, {}, KernelError, "kernel must be (kh, kw), (C, kh, kw) or"),
        (IMAGE, np.ones((1, 1, 1, 1, 1)), {}, KernelError, "not (1, 1, 1, 1, 1) float64"),
        (IMAGE, np.ones((0, 3)), {}, KernelError, "not (0, 3) float64"),
        (IMAGE, np.ones((0, 1, 3, 3)), {}, KernelError, "not (0, 1, 3, 3) float64"),
        (IMAGE, [[1j]], {}, KernelError, "kernel must be real numbers"),
        (IMAGE, [[2**70]], {}, KernelError, "integers beyond 64 bits"),
        (IMAGE, np.ones((3, 1, 1)), {}, KernelError, "sums over 3 channels, the image has 1"),
        (
            np.ones((4, 4, 3)),
            np.ones((5, 2, 1, 1)),
            {},
            KernelError,
            "kernel sums over 2 channels, the image has 3",
        ),
        (
            np.ones((4, 4, 6)),
            np.ones((6, 2, 1, 1)),
            {},
            KernelError,
            "with groups=3 it fits",
        ),
        (IMAGE, ONE, {"divisor": 0}, KernelError, "divisor must be a finite number other than 0"),
        (IMAGE, ONE, {"divisor": np.nan}, KernelError, "other than 0, not nan"),
        (IMAGE, ONE, {"divisor": np.inf}, KernelError, "other than 0, not inf"),
        (IMAGE, ONE, {"bias": np.nan}, KernelError, "bias must be a finite number, not nan"),
        (IMAGE, ONE, {"divisor": 10**400}, KernelError, "divisor exceeds the range of floating"),
        (IMAGE, ONE, {"divisor": "2"}, KernelError, "divisor must be a number, not '2'"),
        (IMAGE, ONE, {"bias": 10**400}, KernelError, "bias exceeds the range of floating"),
        (IMAGE, ONE, {"bias": 1j}, KernelError, "bias must be a number, not 1j"),
        (IMAGE, ONE, {"bias": [1, 2]}, KernelError, "one for each filter: 1, not 2"),
        (IMAGE, np.ones((2, 1, 1, 1)), {"bias": [1] * 3}, KernelError, "each filter: 2, not 3"),
        (
            IMAGE,
            np.ones((2, 1, 1, 1)),
            {"bias": [1, np.nan]},
            KernelError,
            "finite number, not nan",
        ),
        (IMAGE, ONE, {"border": "constant", "fill": "3"}, UsageError, "fill must be a number"),
        (IMAGE, ONE, {"border": "constant", "fill": [3]}, UsageError, "fill must be a number"),
        (IMAGE, ONE, {"border": "constant", "fill": 10**400}, UsageError, "fill exceeds the range"),
        (IMAGE, ONE, {"border": ["edge"]}, UsageError, "not ['edge']"),
        (IMAGE, ONE, {"method": ["fft"]}, UsageError, "not ['fft']"),
        (IMAGE, ONE, {"threads": "2"}, UsageError, "threads must be a whole number"),
        (IMAGE, ONE, {"stride": "2"}, GeometryError, "stride must be a whole number, not '2'"),
        (
            IMAGE,
            ONE,
            {"stride": np.array([1.5, 2])},
            GeometryError,
            "stride must be a whole number",
        ),
        (IMAGE, ONE, {"dilation": [1, 2, 3]}, GeometryError, "rows,columns, not 3 numbers"),
        (IMAGE, ONE, {"padding": 10**9}, UsageError, "exceeds any memory"),
        (
            IMAGE,
            ONE,
            {"padding": (0, 2**31, 0, 0), "stride": 2**32},
            GeometryError,
            "side of 2,147,483,655 pixels; at most 2,147,483,647",
        ),
        ([[1, 2], [3]], ONE, {}, UsageError, "image must have rows of equal length"),
        ([[1, 10**400]], ONE, {}, UsageError, "image has integers beyond 64 bits"),
        (IMAGE, [[1, 10**400]], {}, KernelError, "kernel has integers beyond 64 bits"),
        (IMAGE, [[1], [2, 3]], {}, KernelError, "kernel must have rows of equal length"),
        (IMAGE, ONE, {"dtype": "(2,"}, UsageError, "dtype must be a type of numbers"),
        (IMAGE, ONE, {"dtype": bool}, UsageError, "integer or floating-point type, not bool"),
        (IMAGE, ONE, {"dtype": complex}, UsageError, "floating-point type, not complex128"),
    ],
)
def test_refusals(operation, image, kernel, options, kind, message):
    with pytest.raises(ConvcliError) as caught:
        operation(image, kernel, **options)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_padding_always_fits():
    assert cross_correlate([[1]], np.ones((9, 8)), dilation=5).shape == (1, 1)


def test_a_type_that_numpy_does_not_know_is_refused():
    with pytest.raises(UsageError, match="dtype"):
        cross_correlate([[1]], [[1]], dtype="nonsense")


def test_numbers_of_any_type_are_numbers():
    options = {"stride": np.array([2, 1]), "dilation": [1, np.uint8(1)], "padding": np.array(1)}
    found = cross_correlate(IMAGE, ONE, divisor=np.float32(2), bias=np.array(1), **options)
    expected = cross_correlate(IMAGE, ONE, divisor=2, bias=1, stride=(2, 1), padding=1)
    np.testing.assert_array_equal(found, expected)
    for fill in (Fraction(1, 2), Decimal("0.5"), np.float64(0.5)):
        assert cross_correlate([[1.0]], [[1, 0, 0]], border="constant", fill=fill) == 0.5
    filled = cross_correlate([[1]], [[1, 0, 0]], border="constant", fill=np.True_)
    assert filled.tolist() == [[1]]


@pytest.mark.parametrize("fill", [10**300, 2**64, -1e300])
def test_a_fill_beyond_integers_makes_floats(fill):
    image = np.array([[3]], np.uint8)
    found = cross_correlate(image, [[1, 2]], border="constant", fill=fill, dtype=np.float64)
    assert found.tolist() == [[3 + 2 * float(fill)]]
