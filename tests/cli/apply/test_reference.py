"""The numbers that anyone can look up or work out by hand, from the command itself."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage


def rows(ran):
    """The matrix that a command printed."""
    assert ran.code == 0, ran
    return [[float(word) for word in line.split()] for line in ran.out.decode().splitlines()]


def test_the_3_3_example(apply):
    window = b"0.4 0.2 1.0\n0.7 0.1 0.2\n0.7 0.3 1.0\n"
    ran = apply("-k", "1 0 1; 0 2 0; 1 0 1", "--padding", "valid", "-", "-o", "-", stdin=window)
    assert rows(ran) == [[pytest.approx(3.3)]]


@pytest.mark.parametrize(
    ("signal", "kernel", "padding", "printed"),
    [
        ("1 2 3", "4 5 6", "full", b"4  13  28  27  18\n"),
        ("1 2 3", "4 5 6", "same", b"13  28  27\n"),
        ("1 2 3", "4 5 6", "valid", b"28\n"),
        (
            "0 0 0 1 2 3 2 1 0 0",
            "1 2 3 2 1",
            "full",
            b"0  0  0  1  4  10  16  19  16  10  4  1  0  0\n",
        ),
    ],
)
def test_convolution_in_one_dimension(apply, signal, kernel, padding, printed):
    ran = apply(
        *("-k", kernel, "--operation", "convolve", "--padding", padding, "--border", "zero"),
        *("-", "-o", "-"),
        stdin=signal.encode(),
    )
    assert (ran.code, ran.out, ran.err) == (0, printed, "")
    mine = [float(word) for word in ran.out.split()]
    numpys = np.convolve(*(np.array(text.split(), float) for text in (signal, kernel)), padding)
    assert mine == numpys.tolist()


def test_an_even_kernel_convolved(apply):
    ran = apply(
        *("-k", "1 0; 1 0", "--operation", "convolve", "--padding", "valid", "-", "-o", "-"),
        stdin=b"1 2 3\n4 5 6\n7 8 9\n",
    )
    assert ran.out == b" 7   9\n13  15\n"


@pytest.fixture
def letter(apply, samples):
    """Filter the letter H: same padding, zero border."""

    def run(kernel):
        return np.array(
            rows(apply("-k", kernel, "--border", "zero", samples / "letter-h.txt", "-o", "-"))
        )

    return run


def test_the_letter_h_is_as_described(letter):
    grid = np.zeros((16, 16))
    grid[7, 3:12] = 1
    grid[4:12, (3, 12)] = 1
    assert np.array_equal(letter("identity"), grid)


def test_the_letter_h_under_cross_blur(letter):
    blurred = letter("cross-blur")
    assert blurred[7, 3] == pytest.approx(0.8)
    assert blurred[7, 4] == pytest.approx(0.6)


def test_the_letter_h_under_lines(letter):
    vertical = letter("vertical-line")
    assert (vertical[7, 3], vertical[7, 4]) == (3, 1)
    assert letter("horizontal-line")[7].tolist() == [0, 0, 1, 2, *[3] * 8, 2, 1, 0, 0]


@pytest.mark.slow
def test_a_resized_gray_photograph_equals_plain_loops(apply, load, samples):
    camera = samples / "camera.png"
    options = ("--resize", "448x224", "--channels", "gray", "--padding", "0", "--range", "raw")
    assert apply("-k", "outline", *options, camera, "-o", "out.npy").code == 0
    assert apply("-k", "outline", *options[:-2], camera, "-o", "out.png").code == 0
    with Image.open(camera) as image:
        pixels = np.asarray(image.resize((448, 224), Image.Resampling.BICUBIC)).tolist()
    kernel = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    expected = [
        [
            sum(kernel[i][j] * pixels[r + i][c + j] for i in range(3) for j in range(3))
            for c in range(446)
        ]
        for r in range(222)
    ]
    out = load("out.npy")
    assert out.shape == (222, 446)
    assert np.array_equal(out, expected)
    assert np.array_equal(load("out.png"), np.clip(expected, 0, 255))


def test_a_correlated_gaussian_over_a_matrix_of_savetxt(apply, here, rng):
    matrix = rng.normal(size=(40, 37))
    np.savetxt("in.txt", matrix)
    spec = "gaussian:30,sigma=1,rho=0.5,start=-3,step=0.2,normalize=no"
    ran = apply("-k", spec, "--border", "zero", "in.txt", "-o", "out.txt")
    assert ran.code == 0, ran
    x = -3 + 0.2 * np.arange(30)
    column, row = x[:, np.newaxis], x[np.newaxis]
    form = (row**2 - row * column + column**2) / 0.75
    density = np.exp(-form / 2) / (2 * np.pi * np.sqrt(0.75))
    # an even kernel: the anchor is (30 - 1) // 2, and scipy's is 30 // 2
    expected = ndimage.correlate(matrix, density, mode="constant", origin=-1)
    out = np.loadtxt("out.txt")
    assert out.shape == matrix.shape
    assert np.allclose(out, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("padding", ["full", "same", "valid"])
@pytest.mark.parametrize("kernel", ["1 2", "1; 2; 5", "1 2; 3 5", "1 -2 3 4; 5 6 7 8"])
def test_convolution_equals_scipy_signal_even_kernels_included(apply, save, padding, kernel, rng):
    from scipy.signal import convolve2d

    matrix = rng.integers(-9, 9, (7, 8))
    save("in.txt", matrix)
    weights = [[int(word) for word in row.split()] for row in kernel.split(";")]
    ran = apply(
        *("-k", kernel, "--operation", "convolve", "--padding", padding, "--border", "zero"),
        *("in.txt", "-o", "-"),
    )
    assert rows(ran) == convolve2d(matrix, weights, padding).tolist()
