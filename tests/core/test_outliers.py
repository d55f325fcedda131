"""One huge value harms no window that does not weigh it, by any method."""

import numpy as np
import pytest
from scipy import ndimage, signal

from convcli import cross_correlate

NODATA = -3.4028235e38


def kernel_of(side, rng):
    kernel = rng.standard_normal((side, side))
    kernel[side // 3, 1] = 0
    return kernel


def worst(found, image, kernel, weighed, **options):
    """Return the largest error of the windows that weigh no outlier, by their largest sum."""
    calm = np.where(np.abs(image) > 1e9 * np.abs(image).min(), 0, image).astype(np.float64)
    truth = cross_correlate(calm, kernel, method="direct", **options)
    return np.abs(found - truth)[~weighed].max() / np.abs(truth[~weighed]).max()


def windows_with(outliers, kernel, **options):
    places = (kernel != 0).astype(int)
    return cross_correlate(outliers.astype(np.uint8), places, border="zero", **options) > 0


@pytest.mark.parametrize("method", ["auto", "fft", "toeplitz", "direct"])
@pytest.mark.parametrize("outlier", [NODATA, 1e20, -1e13])
@pytest.mark.parametrize(("side", "stride"), [(31, 1), (9, 1), (19, 2)])
def test_one_nodata_pixel_leaves_its_tile_alone(method, outlier, side, stride, rng):
    image, kernel = rng.normal(500, 50, (90, 80)).astype("f4"), kernel_of(side, rng)
    image[40, 30] = outlier
    options = {"stride": stride, "padding": "valid"}
    found = cross_correlate(image, kernel, method=method, **options)
    weighed = windows_with(image == np.float32(outlier), kernel, **options)
    assert weighed.any()
    assert worst(found, image, kernel, weighed, **options) <= 1e-5


@pytest.mark.parametrize("nodata", [NODATA, -1e30])
@pytest.mark.parametrize("method", ["auto", "fft", "toeplitz", "direct"])
def test_nodata_does_not_hide_sums_that_cancel(method, nodata, rng):
    """Beside a large sum, float32 sums of a bright, even sky would seem accurate enough."""
    image = (1e5 + rng.standard_normal((60, 50))).astype("f4")
    image[:, :10] = nodata
    kernel = kernel_of(7, rng)
    kernel -= kernel.sum() / 48 * (kernel != 0)
    found = cross_correlate(image, kernel, method=method, padding="valid")
    weighed = windows_with(image < 0, kernel, padding="valid")
    assert worst(found, image, kernel, weighed, padding="valid") <= 1e-5


@pytest.mark.parametrize("method", ["auto", "direct", "toeplitz"])
def test_nodata_does_not_hide_another_outlier(method, rng):
    image = (1e5 + rng.standard_normal((60, 50))).astype("f4")
    image[:, :10], image[:, 40:] = -1e30, 1e15
    kernel = kernel_of(7, rng)
    kernel -= kernel.sum() / 48 * (kernel != 0)
    found = cross_correlate(image, kernel, method=method, padding="valid")[:, 10:34]
    exact = cross_correlate(image[:, 10:40].astype("f8"), kernel, padding="valid")
    assert np.abs(found - exact).max() <= 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("method", ["auto", "direct", "toeplitz"])
def test_windows_of_nothing_but_nodata_cancel(method, rng):
    """Only one window weighs another pixel, with little weight."""
    image, kernel = np.full((30, 30), 1e30, "f4"), kernel_of(5, rng).astype("f4")
    image[0, 0], kernel[0, 0], kernel[-1, -1] = 1, 1e-6, 0
    kernel[-1, -1] = -kernel.sum(dtype="f8")
    found = cross_correlate(image, kernel, method=method, padding="valid")
    exact = cross_correlate(image.astype("f8"), kernel, method="direct", padding="valid")
    assert np.abs(found - exact).max() <= 1e-5 * np.abs(exact).max()


def test_nodata_in_a_bank(rng):
    image, bank = rng.normal(1e5, 1, (30, 20, 3)).astype("f4"), rng.standard_normal((9, 3, 3, 3))
    bank -= bank.mean(axis=(1, 2, 3), keepdims=True)
    image[10, 10, 1] = NODATA
    found = cross_correlate(image, bank, method="matrix")
    truth = cross_correlate(np.delete(image, range(8, 13), 0).astype("f8"), bank)
    assert np.abs(found[:6] - truth[:6]).max() <= 1e-5 * np.abs(truth[:6]).max()


@pytest.mark.parametrize("hole", [np.nan, NODATA])
@pytest.mark.parametrize(
    ("form", "method"),
    [
        *[("plane", each) for each in ("auto", "direct", "toeplitz", "separable", "fft")],
        *[("bank", each) for each in ("auto", "direct", "matrix")],
        ("depthwise", "auto"), ("groups", "auto"), ("groups", "matrix"),
    ],
)  # fmt: skip
def test_windows_that_weigh_a_hole_do_not_hide_a_bias_that_cancels(form, method, hole, rng):
    image = (100 + 1e-3 * rng.standard_normal((90, 80))).astype("f4")
    kernel = np.outer([1, 2, 1], [1, 3, 1]) / 20
    exact = ndimage.correlate(image.astype("f8"), kernel, mode="nearest") - 100
    image[40, 30] = hole
    options, weights = {"bias": -100, "method": method}, kernel
    if form != "plane":
        image, each = image[..., np.newaxis].repeat(4, 2), {"bank": 4, "depthwise": 1}.get(form, 2)
        weights = np.tile(kernel / each, (4, each, 1, 1))
        options |= {"bias": [-100] * 4, "groups": 4 // each}
    found = cross_correlate(image, weights, **options)
    exact[39:42, 29:32] = np.nan
    error = np.abs(found.reshape(90, 80, -1) - exact[..., np.newaxis])
    assert np.nanmax(error) <= 1e-5 * np.nanmax(np.abs(exact))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_outliers_of_several_scales_and_regions_of_zeros(dtype, rng):
    image, kernel = rng.normal(1, 0.1, (150, 120)).astype(dtype), kernel_of(17, rng)
    image[:40], image[40:80], image[100:, 60:] = 1e-30, 1e30, 0
    found = cross_correlate(image, kernel, method="fft", padding="valid")
    exact = cross_correlate(image.astype("f8"), kernel, method="direct", padding="valid")
    for rows, columns in ((slice(0, 24), slice(None)), (slice(64, 84), slice(0, 40))):
        error = np.abs(found - exact)[rows, columns].max()
        assert error <= 1e-6 * np.abs(exact[rows, columns]).max()
    assert not found[100:, 60:].any()


@pytest.mark.parametrize("kind", ["i4", "u4", "i8"])
def test_integers_under_a_float_kernel(kind, rng):
    bounds = np.iinfo(kind)
    image = rng.integers(0, 9, (60, 50)).astype(kind)
    image[:20], image[30, 30] = bounds.min, bounds.max
    kernel = rng.standard_normal((9, 9))
    found = cross_correlate(image, kernel, method="fft", padding="valid")
    truth = cross_correlate(image, kernel, method="direct", padding="valid")
    assert np.abs(found - truth).max() <= 1e-12 * np.abs(truth).max()
    assert np.abs(found - truth)[40:].max() <= 1e-5 * np.abs(truth[40:]).max()


def test_a_large_term_absorbs_no_small_ones(rng):
    kernel = 5.9e-8 * (1 - np.arange(225) * 1e-7)
    kernel[0] = 1.001
    for shape, method in [
        ((25, 3, 3), "auto"), ((25, 3, 3), "direct"), ((25, 3, 3), "matrix"),
        ((15, 15), "auto"), ((15, 15), "direct"), ((15, 15), "toeplitz"), ((15, 15), "fft"),
    ]:  # fmt: skip
        for places in (kernel, kernel[::-1], rng.permutation(kernel)):
            weights = places.reshape(shape)
            channels = shape[0] if len(shape) == 3 else 1
            image = np.ones((20, 20, channels), "f4")
            found = cross_correlate(image, weights, padding="valid", method=method)
            assert np.abs(found / kernel.sum() - 1).max() <= 1e-5


@pytest.mark.parametrize("channels", [25, 27, 31])
@pytest.mark.parametrize("method", ["auto", "direct", "matrix"])
def test_a_bright_pixel_absorbs_no_faint_ones(channels, method):
    image = np.full((9, 9, channels), 5.9e-8, "f4")
    image[..., 0] = 1.001
    kernel = 1 - np.arange(channels * 9).reshape(channels, 3, 3) * 1e-7
    found = cross_correlate(image, kernel, padding="valid", method=method)
    exact = cross_correlate(image.astype("f8"), kernel, padding="valid")
    assert np.abs(found / exact - 1).max() <= 1e-5


@pytest.mark.parametrize("method", ["direct", "toeplitz"])
def test_faint_images_lose_no_more_than_their_own_type_does(method):
    rng = np.random.default_rng(5)
    image = (rng.random((30, 31)) * 1e-38).astype(np.float32)
    kernel = rng.random((3, 3)) * 1e-3
    expected = cross_correlate(image.astype(np.float64), kernel).astype(np.float32)
    apart = np.abs(cross_correlate(image, kernel, method=method) - expected)
    assert apart.max() <= np.finfo(np.float32).smallest_subnormal


@pytest.mark.parametrize("stride", [1, 2, 7, 50])
@pytest.mark.parametrize("method", ["auto", "toeplitz", "direct"])
def test_a_stride_adds_no_errors(stride, method):
    """With a stride, a Toeplitz sum takes more products, and each absorbs small terms."""
    rng = np.random.default_rng(5)
    kernel = np.full((31, 31), 2.9e-8)
    kernel[0, 0] = 1.001
    image = rng.integers(60_000, 65_536, (150, 260), np.uint16)
    options = {"padding": "valid", "stride": stride}
    actual = cross_correlate(image, kernel, **options, method=method)
    expected = signal.correlate2d(image.astype(float), kernel, "valid")[::stride, ::stride]
    assert np.abs(actual - expected).max() <= 1e-5 * expected.max()
