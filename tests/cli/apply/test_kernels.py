"""What the kernel options do: combinations, families, scale and bias, channels and banks."""

import numpy as np
import pytest
from scipy import ndimage

OUTLINE = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


# Several kernels


SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SOBEL_Y = SOBEL_X.T


def maps(by_scipy, image, *kernels):
    return [by_scipy(image, kernel) for kernel in kernels]


@pytest.mark.parametrize(
    ("combine", "formula"),
    [
        ("magnitude", lambda a, b: np.hypot(a, b)),
        ("max", np.maximum),
        ("sum", np.add),
        ("mean", lambda a, b: (a + b) / 2),
    ],
)
def test_combine(apply, photo, load, by_scipy, to_pixels, combine, formula):
    flags = ("-k", "sobel-x", "-k", "sobel-y", "--combine", combine)
    ok(apply(*flags, "photo.png", "-o", "o.png"))
    values = formula(*maps(by_scipy, photo, SOBEL_X, SOBEL_Y))
    assert np.array_equal(load("o.png"), to_pixels(values))
    ok(apply(*flags, "--range", "raw", "photo.png", "-o", "o.npy"))
    assert np.allclose(load("o.npy"), values, rtol=1e-6)


def test_a_pair_is_its_magnitude(apply, photo, load, by_scipy, to_pixels):
    ok(apply("-k", "sobel", "photo.png", "-o", "o.png"))
    expected = np.hypot(*maps(by_scipy, photo, SOBEL_X, SOBEL_Y))
    assert np.array_equal(load("o.png"), to_pixels(expected))


def test_a_compass_set_is_its_maximum(apply, gray, load, by_scipy):
    ring = [5, 5, 5, -3, -3, -3, -3, -3]
    places = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    turned = np.zeros((8, 3, 3))
    for turn in range(8):
        for place, weight in zip(places, np.roll(ring, turn), strict=True):
            turned[(turn, *place)] = weight
    expected = np.max(maps(by_scipy, gray, *turned), axis=0)
    ok(apply("-k", "kirsch", "--range", "raw", "gray.png", "-o", "o.npy"))
    assert np.array_equal(load("o.npy"), expected)


def test_combine_overrules_a_familys_own(apply, gray, load, by_scipy):
    ok(apply("-k", "sobel", "--combine", "sum", "--range", "raw", "gray.png", "-o", "o.npy"))
    assert np.array_equal(load("o.npy"), sum(maps(by_scipy, gray, SOBEL_X, SOBEL_Y)))


def test_maps_of_different_sizes_cannot_be_combined(apply, gray):
    flags = ("-k", "box:3", "-k", "box:5", "--combine", "sum", "--padding", "valid")
    apply(*flags, "gray.png", "-o", "o.png").fails(1, "gray.png: ", "differ in size: ")


def test_a_gray_map_and_a_color_map_cannot_be_combined(apply, photo, save):
    save("k.npy", np.ones((3, 3, 3)))
    flags = ("-k", "k.npy", "-k", "outline", "--combine", "sum")
    apply(*flags, "photo.png", "-o", "o.png").fails(1, "photo.png: ")


# Scale and bias


def test_normalize_divisor_and_bias(apply, gray, load, by_scipy, to_pixels):
    kernel = np.array([[1, 2, 1], [0, 3, 0]])
    values = ndimage.correlate(gray.astype(float), kernel, mode="nearest", origin=(-1, 0))
    for flags, expected in [
        (["--normalize"], values / 7),
        (["--divisor", "4"], values / 4),
        (["--divisor", "2.5", "--bias", "-20"], values / 2.5 - 20),
        (["--normalize", "--bias", "3"], values / 7 + 3),
        (["--divisor", "-7", "--bias", "255"], 255 - values / 7),
    ]:
        ok(apply("-k", "1 2 1; 0 3 0", *flags, "gray.png", "-o", "o.png", "--overwrite"))
        assert np.array_equal(load("o.png"), to_pixels(expected)), flags


@pytest.mark.parametrize(("dtype", "bias"), [(np.uint8, 255), (np.uint16, 65535)])
def test_the_bias_of_contour_is_white_at_any_depth(apply, save, load, rng, by_scipy, dtype, bias):
    pixels = rng.integers(0, bias + 1, (8, 9), dtype)
    save("in.png", pixels)
    ok(apply("-k", "contour", "in.png", "-o", "o.png"))
    expected = np.clip(by_scipy(pixels, -1 + 9 * np.pad([[1]], 1)) + bias, 0, bias)
    assert np.array_equal(load("o.png"), expected)
    ok(apply("-k", "contour", "--bias", "0", "in.png", "-o", "p.png"))
    assert np.array_equal(load("p.png"), np.clip(by_scipy(pixels, OUTLINE), 0, bias))


def test_divisor_and_bias_apply_to_each_kernel_before_they_are_combined(
    apply, gray, load, by_scipy
):
    flags = ("-k", "sobel", "--combine", "mean", "--divisor", "8", "--bias", "100")
    ok(apply(*flags, "--range", "raw", "gray.png", "-o", "o.npy"))
    expected = sum(maps(by_scipy, gray, SOBEL_X, SOBEL_Y)) / 16 + 100
    assert np.allclose(load("o.npy"), expected, rtol=1e-6)


def test_a_kernel_that_sums_to_zero_cannot_be_normalized(apply, gray):
    apply("-k", "sobel-x", "--normalize", "gray.png", "-o", "o.png").fails(2, "sum")


# Kernels with channels, and banks


def test_a_kernel_over_the_channels_gives_one_gray_map(apply, photo, save, load, by_scipy):
    kernel = np.arange(-13, 14).reshape(3, 3, 3)
    save("k.npy", kernel)
    ok(apply("-k", "k.npy", "--range", "raw", "photo.png", "-o", "o.npy"))
    expected = sum(by_scipy(photo[..., c], kernel[c]) for c in range(3))
    assert np.array_equal(load("o.npy"), expected)
    ok(apply("-k", "k.npy", "photo.png", "-o", "o.png"))
    assert np.array_equal(load("o.png"), np.clip(expected, 0, 255))


def test_a_kernel_over_other_channels_is_refused(apply, gray, photo, save):
    save("k.npy", np.ones((3, 3, 3)))
    apply("-k", "k.npy", "gray.png", "-o", "o.png").fails(1, "gray.png: ", "3 channels")
    save("k4.npy", np.ones((4, 3, 3)))
    apply("-k", "k4.npy", "photo.png", "-o", "o.png").fails(1, "photo.png: ", "4 channels")


def test_a_bank_gives_a_file_for_each_filter(apply, photo, save, load, by_scipy, rng):
    bank = rng.integers(-4, 5, (4, 3, 3, 3))
    save("bank.npy", bank)
    ran = ok(apply("-k", "bank.npy", "--range", "raw", "photo.png"))
    assert ran.names == [f"photo_bank-{number}.npy" for number in range(1, 5)]
    for kernel, name in zip(bank, ran.names, strict=True):
        expected = sum(by_scipy(photo[..., c], kernel[c]) for c in range(3))
        assert np.array_equal(load(name), expected)
    apply("-k", "bank.npy", "photo.png", "-o", "o.png").fails(2, "-o", "4 kernels")


def test_an_array_of_many_channels(apply, save, load, rng, by_scipy):
    pixels = rng.integers(0, 9, (6, 7, 5))
    save("in.npy", pixels)
    ok(apply("-k", "outline", "in.npy", "-o", "o.npy"))
    assert np.array_equal(load("o.npy"), by_scipy(pixels, OUTLINE))
    apply("-k", "outline", "in.npy", "-o", "o.png").fails(1, "in.npy: ", "5 channels")
