"""The computed kernels against OpenCV, scipy, MATLAB's definition and the formulas."""

import math
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from scipy.signal import windows
from scipy.stats import multivariate_normal

from convcli import convolve, cross_correlate
from convcli.errors import KernelError
from convcli.kernels.spec import get_kernel

ANGLES = st.integers(-400, 400)


def impulse_response(spec, extent=61):
    """Cross-correlate an image of one bright pixel in the center."""
    image = np.zeros((extent, extent))
    image[extent // 2, extent // 2] = 1
    return ndimage.correlate(image, get_kernel(spec).weights, mode="constant")


def test_the_correlated_gaussian_is_the_density_on_its_grid():
    kernel = get_kernel("gaussian:30,sigma=1,rho=0.5,start=-3,step=0.2,normalize=no")
    x, y = np.meshgrid(np.arange(-3, 3, 0.2), np.arange(-3, 3, 0.2))
    reference = multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]]).pdf(np.dstack((x, y)))
    assert kernel.shape == (30, 30)
    assert np.allclose(kernel.weights, reference, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("sigma_x", "sigma_y", "rho"), [(1.0, 2.0, 0.7), (3.0, 0.5, -0.4), (1.0, 1.0, 0)]
)
def test_unequal_sigmas_and_their_correlation_follow_the_density(sigma_x, sigma_y, rho):
    spec = f"gaussian:7x5,sigma-x={sigma_x},sigma-y={sigma_y},rho={rho},normalize=no"
    x, y = np.meshgrid(np.arange(7) - 3, np.arange(5) - 2)
    mixed = rho * sigma_x * sigma_y
    density = multivariate_normal([0, 0], [[sigma_x**2, mixed], [mixed, sigma_y**2]])
    assert np.allclose(get_kernel(spec).weights, density.pdf(np.dstack((x, y))))


@pytest.mark.parametrize("size", [3, 5, 9, 31])
@pytest.mark.parametrize("sigma", [0.4, 1.2, 5])
def test_gaussian_is_opencvs(size, sigma):
    line = cv2.getGaussianKernel(size, sigma, cv2.CV_64F)
    assert np.allclose(get_kernel(f"gaussian:{size},sigma={sigma}").weights, line @ line.T)


@pytest.mark.parametrize("size", [1, 2, 8, 21])
def test_a_gaussian_of_any_size_is_scipys_window(size):
    line = windows.gaussian(size, 1.2)
    expected = np.outer(line, line) / np.outer(line, line).sum()
    assert np.allclose(get_kernel(f"gaussian:{size},sigma=1.2").weights, expected)


@pytest.mark.parametrize("size", [11, 15, 31])
def test_the_sigma_that_a_size_implies_is_opencvs(size):
    line = cv2.getGaussianKernel(size, 0, cv2.CV_64F)
    assert np.allclose(get_kernel(f"gaussian:{size}").weights, line @ line.T)


def test_the_size_that_a_sigma_implies_reaches_three_sigma():
    assert get_kernel("gaussian:sigma=1.2").shape == (9, 9)
    image = np.random.default_rng(0).random((20, 20))
    ours = ndimage.correlate(image, get_kernel("gaussian:sigma=2").weights, mode="reflect")
    assert np.allclose(ours, ndimage.gaussian_filter(image, 2, radius=6, mode="reflect"))


def test_a_gaussian_rotated_by_90_degrees_swaps_its_sigmas():
    rotated = get_kernel("gaussian:9,sigma-x=3,sigma-y=1,angle=90").weights
    assert np.allclose(rotated, get_kernel("gaussian:9,sigma-x=1,sigma-y=3").weights)
    assert np.allclose(rotated, get_kernel("gaussian:9,sigma-x=3,sigma-y=1@90").weights)


def test_a_gaussian_rotated_by_45_degrees_points_to_the_upper_right():
    weights = get_kernel("gaussian:9,sigma-x=3,sigma-y=1@45").weights
    assert weights[0, 8] > 10 * weights[0, 0]


def test_binomial_is_pascals_triangle():
    kernel = get_kernel("binomial:5x3")
    assert kernel.matrix.tolist() == [[1, 4, 6, 4, 1], [2, 8, 12, 8, 2], [1, 4, 6, 4, 1]]
    assert kernel.divisor == 64
    assert np.array_equal(get_kernel("binomial").weights, get_kernel("blur").weights)


@pytest.mark.parametrize("size", [24, 25, 200])
def test_a_large_binomial_is_float(size):
    kernel = get_kernel(f"binomial:{size}")
    assert kernel.matrix.dtype == (np.int64 if size == 24 else np.float64)
    line = np.array([math.comb(size - 1, k) / 2 ** (size - 1) for k in range(size)])
    assert np.allclose(kernel.weights, np.outer(line, line))


def test_box_is_integers_with_a_divisor():
    kernel = get_kernel("box:3x5")
    assert kernel.shape == (5, 3)
    assert (kernel.matrix == 1).all()
    assert kernel.divisor == 15


@pytest.mark.parametrize("radius", [0.5, 1, 2.5, 7])
def test_disk_counts_the_pixels_within_its_radius(radius):
    inside = [(x, y) for x in range(-9, 10) for y in range(-9, 10) if math.hypot(x, y) <= radius]
    kernel = get_kernel(f"disk:{radius}")
    assert kernel.divisor == kernel.matrix.sum() == len(inside)
    assert kernel.shape == (2 * int(radius) + 1,) * 2


def test_motion_along_an_axis_is_a_mean_of_integers():
    kernel = get_kernel("motion:15")
    assert kernel.matrix.tolist() == [[1] * 15]
    assert kernel.divisor == 15
    assert get_kernel("motion:15@90").matrix.tolist() == [[1]] * 15
    assert np.array_equal(get_kernel("motion:15,angle=90").matrix, np.ones((15, 1)))


def test_motion_is_matlabs():
    # fspecial('motion', 5, 45), as MATLAB's documentation of the algorithm gives it
    half = (5 - 1) / 2
    reach = half / math.sqrt(2)
    expected = np.zeros((5, 5))
    for row, column in np.ndindex(5, 5):
        x, y = column - 2, 2 - row
        along = max(-reach, min(reach, (x + y) / 2))
        expected[row, column] = max(0, 1 - math.hypot(x - along, y - along))
    assert np.allclose(get_kernel("motion:5,45").weights, expected / expected.sum())


@given(ANGLES)
def test_motion_goes_along_its_angle(angle):
    weights = get_kernel(f"motion:21@{angle}").weights
    rows, columns = weights.shape
    x, y = np.meshgrid(np.arange(columns) - columns // 2, rows // 2 - np.arange(rows))
    direction = np.radians(angle)
    across = np.abs(np.sin(direction) * x - np.cos(direction) * y)
    assert weights.sum() == pytest.approx(1)
    assert (weights[across > 1.0001] == 0).all()
    assert rows % 2 == columns % 2 == 1


@pytest.mark.parametrize("angle", [0, 45, 90, 180, 270, 300])
def test_a_comets_tail_runs_toward_its_angle(angle):
    response = impulse_response(f"comet:15@{angle}")
    rows, columns = np.nonzero(response)
    masses = response[rows, columns]
    x, y = (masses * (columns - 30)).sum(), (masses * (30 - rows)).sum()
    assert math.degrees(math.atan2(y, x)) % 360 == pytest.approx(angle, abs=2)
    assert response[30, 30] == response.max()


def test_log_is_near_scipys():
    image = np.random.default_rng(5).random((40, 40))
    ours = ndimage.correlate(image, get_kernel("log:sigma=3").weights, mode="reflect")
    theirs = ndimage.gaussian_laplace(image, 3, mode="reflect")
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)


def test_dog_is_the_difference_of_two_gaussians():
    difference = get_kernel("dog:11,sigma=1,ratio=2").weights
    narrow, wide = (get_kernel(f"gaussian:11,sigma={sigma}").weights for sigma in (1, 2))
    assert np.allclose(difference, narrow - wide)


def test_unsharp_adds_the_difference_from_a_blur():
    image = np.random.default_rng(6).random((30, 30))
    blurred = ndimage.gaussian_filter(image, 2, radius=6, mode="nearest")
    ours = ndimage.correlate(
        image, get_kernel("unsharp:sigma=2,amount=0.8").weights, mode="nearest"
    )
    assert np.allclose(ours, image + 0.8 * (image - blurred))
    with pytest.raises(KernelError, match="odd"):
        get_kernel("unsharp:4")


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 135])
@pytest.mark.parametrize("phase", [0, 90])
def test_gabor_is_opencvs(angle, phase):
    ours = get_kernel(
        f"gabor:21,sigma=4,wavelength=9,aspect=0.6,phase={phase},angle={angle}"
    ).weights
    # OpenCV's angles run clockwise, and it mirrors the kernel through its middle
    theirs = cv2.getGaborKernel(
        (21, 21), 4, math.radians(-angle), 9, 0.6, math.radians(phase), cv2.CV_64F
    )[::-1, ::-1]
    assert np.allclose(ours, theirs)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("box:100000", "box: size must have sides from 1 to 2,047"),
        ("box:0", "from 1 to 2,047"),
        ("box:-3", "box: size must be a positive N or WxH"),
        ("box:3x", "N or WxH"),
        ("box:3.5", "N or WxH"),
        ("gaussian:sigma=0", "gaussian: sigma must be a number from"),
        ("gaussian:sigma=nan", "gaussian: sigma must be a number from"),
        ("gaussian:sigma=inf", "gaussian: sigma must be a number from"),
        ("gaussian:sigma=1e5", "the limit is 2,047"),
        ("gaussian:5,rho=1", "between -1 and 1"),
        ("gaussian:5,normalize=maybe", "yes or no"),
        ("gaussian:5,start=999999", "all weights are 0"),
        ("gaussian:5,sgima=2", "takes size, sigma, .* for example gaussian:5,sigma=1.2"),
        ("gaussian:5,size=3", "size is given twice"),
        ("gaussian:sigma=", "needs a value"),
        ("gaussian:sigma=1,5", "needs a name"),
        ("motion:1,2,3", "no argument '3'"),
        ("motion:5,,", "needs a value|no argument"),
        ("motion:1e300", "length must be a number from"),
        ("blur:3", "takes no arguments"),
    ],
)
def test_a_wrong_argument_is_explained(spec, message):
    with pytest.raises(KernelError, match=message):
        get_kernel(spec)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian", "motion", "comet", "gabor"])
@settings(max_examples=100)
@given(angle=ANGLES)
def test_a_right_angle_rotates_a_computed_kernel_exactly(name, angle):
    rotated = get_kernel(f"{name}@{90 * angle}")
    assert np.array_equal(rotated.matrix, np.rot90(get_kernel(name).matrix, angle))


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ("box", (3, 3)),
        ("binomial", (3, 3)),
        ("gaussian", (7, 7)),
        ("gaussian:sigma=2", (13, 13)),
        ("gaussian:sigma-x=2,sigma-y=1", (13, 13)),
        ("gaussian:sigma=1,step=0.5", (13, 13)),
        ("disk", (5, 5)),
        ("motion", (1, 9)),
        ("comet", (1, 17)),
        ("unsharp", (7, 7)),
        ("unsharp:sigma=2", (13, 13)),
        ("log", (13, 13)),
        ("log:sigma=1", (9, 9)),
        ("dog", (11, 11)),
        ("dog:sigma=1", (11, 11)),
        ("dog:ratio=0.5", (7, 7)),
        ("gabor:sigma=2", (25, 25)),
        ("gabor:sigma=2,aspect=0.5", (25, 25)),
        ("gabor:sigma=2,aspect=2", (13, 13)),
    ],
)
def test_a_default_size_holds_the_kernel(spec, shape):
    assert get_kernel(spec).shape == shape


@pytest.mark.parametrize(
    ("word", "normalized"),
    [("yes", 1), ("true", 1), ("1", 1), ("no", 0), ("false", 0), ("0", 0)],
)
def test_a_flag_has_three_words_for_each_answer(word, normalized):
    total = get_kernel(f"gaussian:5,sigma=0.2,normalize={word}").weights.sum()
    assert math.isclose(total, 1) == bool(normalized)


@pytest.mark.parametrize("seed", [0, 7, 999_999_999])
def test_random_weights_are_the_raw_numbers_of_pcg64(seed):
    raw = [int(number) for number in np.random.PCG64(seed).random_raw(12)]
    expected = [Fraction(number >> 11, 2**52) - 1 for number in raw]
    weights = get_kernel(f"random:4x3,seed={seed}").weights
    assert weights.shape == (3, 4)
    assert [Fraction(weight) for weight in weights.ravel().tolist()] == expected


def test_random_weights_never_change():
    # PCG64(0) begins with this number in every version of numpy.
    assert get_kernel("random:1").weights.item() == 0.2739233746429086
    many = get_kernel("random:99").weights
    assert -1 <= many.min() < -0.99 < 0.99 < many.max() < 1


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("random", "random-seed-0"),
        ("random:3", "random-3-seed-0"),
        ("random:size=3", "random-size-3-seed-0"),
        ("random:3,seed=0", "random-3-seed-0"),
        ("random:3,7", "random-3-7"),
        ("random:seed=7", "random-seed-7"),
    ],
)
def test_files_of_a_random_kernel_show_its_seed(spec, name):
    assert get_kernel(spec).slug == name


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "1000000000", "1e3"])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(KernelError, match="random: seed must be a whole number from 0 to"):
        get_kernel(f"random:3,seed={seed}")


@pytest.mark.parametrize("size", ["1", "2", "3", "5", "4x3"])
def test_identity_of_any_size_leaves_the_image_unchanged(size):
    image = np.arange(30).reshape(5, 6)
    assert np.array_equal(cross_correlate(image, get_kernel(f"identity:{size}")), image)
    assert np.array_equal(convolve(image, get_kernel(f"identity:{size}")), image)


def test_uniform_is_scipys():
    image = np.random.default_rng(4).integers(0, 256, (9, 11)).astype(float)
    ours = ndimage.correlate(image, get_kernel("uniform:5x3").weights)
    np.testing.assert_allclose(ours, ndimage.uniform_filter(image, (3, 5)), rtol=1e-12)


def test_luma_is_pillows_gray():
    image = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
    gray = cross_correlate(image, get_kernel("luma"), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(image).convert("L")).astype(int)
    assert gray.shape == (20, 30)
    assert np.abs(gray - theirs).max() <= 1


@pytest.mark.parametrize(("name", "channel"), [("red", 0), ("green", 1), ("blue", 2)])
def test_a_plane_of_a_color_image(name, channel):
    image = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
    plane = cross_correlate(image, get_kernel(name), dtype=np.uint8)
    np.testing.assert_array_equal(plane, image[..., channel])


def test_the_size_that_a_gabors_sigma_and_aspect_imply_holds_its_longer_axis():
    assert get_kernel("gabor:sigma=2,aspect=0.5").shape == (25, 25)
    assert get_kernel("gabor:sigma=2,aspect=3").shape == (13, 13)


def test_a_comets_sigma_is_a_third_of_its_length():
    assert np.array_equal(get_kernel("comet:9").weights, get_kernel("comet:9,sigma=3").weights)


def test_a_computed_side_may_be_the_longest():
    assert get_kernel("disk:1023").shape == (2047, 2047)
    with pytest.raises(KernelError):
        get_kernel("disk:1024")


def test_unsharp_takes_any_odd_sides():
    for size in ("3x5", "5x9", "9x3", "15x3"):
        columns, rows = map(int, size.split("x"))
        assert get_kernel(f"unsharp:{size}").shape == (rows, columns)
