"""Numbers that are known beforehand: worked examples anyone can check by hand."""

import numpy as np
import pytest

from convcli import convolve, cross_correlate


@pytest.fixture
def letter_h():
    grid = np.zeros((16, 16), int)
    grid[7, 3:12] = 1
    grid[4:12, [3, 12]] = 1
    return grid


def test_one_window():
    window = [[0.4, 0.2, 1.0], [0.7, 0.1, 0.2], [0.7, 0.3, 1.0]]
    kernel = [[1, 0, 1], [0, 2, 0], [1, 0, 1]]
    assert cross_correlate(window, kernel, padding="valid") == pytest.approx(3.3, abs=1e-12)


@pytest.mark.parametrize(
    ("row", "kernel", "padding", "expected"),
    [
        ([1, 2, 3], [4, 5, 6], "full", [4, 13, 28, 27, 18]),
        ([1, 2, 3], [4, 5, 6], "same", [13, 28, 27]),
        ([1, 2, 3], [4, 5, 6], "valid", [28]),
        (
            [0, 0, 0, 1, 2, 3, 2, 1, 0, 0],
            [1, 2, 3, 2, 1],
            "full",
            [0, 0, 0, 1, 4, 10, 16, 19, 16, 10, 4, 1, 0, 0],
        ),
    ],
)
def test_one_dimension(row, kernel, padding, expected):
    actual = convolve([row], [kernel], padding=padding, border="zero")
    assert actual.tolist() == [expected]


def test_a_2x2_kernel():
    image = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    actual = convolve(image, [[1, 0], [1, 0]], padding="valid")
    assert actual.tolist() == [[7, 9], [13, 15]]


def test_letter_h_identity(letter_h):
    kernel = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(cross_correlate(letter_h, kernel, border="zero"), letter_h)


def test_letter_h_cross_blur(letter_h):
    plus = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    for kernel, divisor in ((plus, 5), (np.array(plus) * 0.2, 1)):
        actual = cross_correlate(letter_h, kernel, border="zero", divisor=divisor)
        assert actual[7, 3] == pytest.approx(0.8)
        assert actual[7, 4] == pytest.approx(0.6)


def test_letter_h_lines(letter_h):
    vertical = cross_correlate(letter_h, [[0, 1, 0]] * 3, border="zero")
    assert vertical[7, 3:5].tolist() == [3, 1]
    horizontal = cross_correlate(letter_h, [[0] * 3, [1] * 3, [0] * 3], border="zero")
    assert horizontal[7].tolist() == [0, 0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 2, 1, 0, 0]


@pytest.mark.parametrize("operation", [cross_correlate, convolve])
def test_a_correlated_gaussian(operation, by_loops, exactly, rng):
    """Thirty by thirty samples of a bivariate normal density of correlation 0.5."""
    x = -3 + 0.2 * np.arange(30)
    density = np.exp(-(x[:, None] ** 2 - x[:, None] * x + x**2) / 1.5)
    density /= 2 * np.pi * np.sqrt(0.75)
    matrix = np.rint(rng.random((9, 11)) * 100)
    name = {cross_correlate: "correlate", convolve: "convolve"}[operation]
    expected = by_loops(matrix, density, name, border="zero").astype(float)
    actual = operation(matrix, density, border="zero")
    assert actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12 * expected.max())


@pytest.mark.slow
def test_outline_without_padding_equals_a_double_loop(rng):
    image = rng.integers(0, 256, (224, 448)).astype(np.uint8)
    outline = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    actual = cross_correlate(image, outline, padding=0, dtype=np.uint8)
    assert actual.shape == (222, 446)
    rows = image.tolist()
    for r in range(222):
        for c in range(446):
            near = sum(rows[r + i][c + j] for i in range(3) for j in range(3))
            assert actual[r, c] == min(max(9 * rows[r + 1][c + 1] - near, 0), 255)
