"""--combine direction: a pair of derivatives as hue and brightness."""

import json

import numpy as np
import pytest
from matplotlib.colors import hsv_to_rgb
from PIL import Image
from scipy import ndimage

DIRECTION = ("--combine", "direction")


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


def by_hsv(image, low=0.0, high=255.0):
    """The image by scipy's Sobel and matplotlib's HSV, before it is rounded."""
    across = ndimage.sobel(image.astype(float), axis=1, mode="nearest")
    down = ndimage.sobel(image.astype(float), axis=0, mode="nearest")
    value = np.clip((np.hypot(across, down) - low) / (high - low), 0, 1)
    hue = np.arctan2(-down, across) / (2 * np.pi) % 1
    return 255 * hsv_to_rgb(np.stack([hue, np.ones_like(hue), value], axis=-1))


def near(pixels, expected):
    return pixels.dtype == np.uint8 and np.abs(pixels - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("pair", [["-k", "sobel"], ["-k", "sobel-x", "-k", "sobel-y"]])
def test_an_image_of_directions(apply, gray, load, pair):
    ok(apply(*pair, *DIRECTION, "gray.png", "-o", "o.png"))
    assert near(load("o.png"), by_hsv(gray))


def test_rescale_spreads_to_the_greatest(apply, gray, load):
    ok(apply("-k", "sobel", *DIRECTION, "--range", "rescale", "gray.png", "-o", "o.png"))
    strength = np.hypot(
        *(ndimage.sobel(gray.astype(float), axis=axis, mode="nearest") for axis in (0, 1))
    )
    assert near(load("o.png"), by_hsv(gray, strength.min(), strength.max()))


@pytest.mark.parametrize("family", ["prewitt", "scharr", "roberts"])
def test_other_pairs(apply, gray, load, family):
    ok(apply("-k", family, *DIRECTION, "gray.png", "-o", "o.png"))
    assert load("o.png").shape == (11, 14, 3)


def test_an_edge_to_the_right_is_red_and_one_upwards_yellow_green(apply, save, load):
    step = np.zeros((8, 8), np.uint8)
    step[:, 4:] = 60
    save("right.png", step)
    save("up.png", np.ascontiguousarray(np.rot90(step)))
    for name, color in (("right", [240, 0, 0]), ("up", [120, 240, 0])):
        ok(apply("-k", "sobel", *DIRECTION, f"{name}.png", "-o", f"{name}-o.png"))
        assert load(f"{name}-o.png")[4, 4].tolist() == color


def test_16_bits_become_8(apply, save, load):
    image = np.arange(0, 60000, 1000, dtype=np.uint16).reshape(6, 10)
    save("in.png", image)
    ok(apply("-k", "sobel", *DIRECTION, "in.png", "-o", "o.png"))
    assert near(load("o.png"), by_hsv(image, high=65535.0))


def test_a_matrix_needs_rescale(apply, save, load, rng):
    save("in.csv", rng.normal(size=(6, 7)))
    flags = ("-k", "sobel", *DIRECTION, "in.csv")
    apply(*flags).fails(1, "in.csv", "--range rescale")
    apply(*flags, "-o", "o.png").fails(1, "in.csv", "--range rescale")
    ok(apply("-k", "sobel", *DIRECTION, "in.csv", "--range", "rescale", "-o", "o.png"))
    assert load("o.png").shape == (6, 7, 3)


def test_a_color_image_is_refused_and_gray_of_it_is_not(apply, photo, contents):
    before = contents()
    apply("-k", "sobel", *DIRECTION, "photo.png").fails(1, "photo.png", "--channels gray")
    assert contents() == before
    ok(apply("-k", "sobel", *DIRECTION, "photo.png", "--channels", "gray"))


def test_kernels_that_sum_over_channels_do(apply, photo, save, load):
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    save("k.npy", np.stack([np.stack([kernel] * 3) for kernel in (across, across.T)]))
    ok(apply("-k", "k.npy", *DIRECTION, "photo.png", "-o", "o.png"))
    assert load("o.png").shape == photo.shape


def test_one_channel_with_an_axis_of_its_own(apply, save, load, gray):
    save("in.npy", gray[..., None])
    ok(apply("-k", "sobel", *DIRECTION, "in.npy", "-o", "o.npy"))
    assert near(load("o.npy"), by_hsv(gray))


def test_alpha_is_carried(apply, save, load, rng):
    pixels = rng.integers(0, 256, (6, 7, 2), np.uint8)
    Image.fromarray(pixels, "LA").save("in.png")
    ok(apply("-k", "sobel", *DIRECTION, "in.png", "-o", "o.png"))
    assert np.array_equal(load("o.png")[..., 3], pixels[..., 1])


def test_magnitudes_are_counted(apply, gray):
    ran = ok(apply("-k", "sobel", *DIRECTION, "gray.png", "--json"))
    record = json.loads(ran.out)
    strength = np.hypot(
        *(ndimage.sobel(gray.astype(float), axis=axis, mode="nearest") for axis in (0, 1))
    )
    assert record["min"] == pytest.approx(strength.min())
    assert record["max"] == pytest.approx(strength.max())
    assert record["clipped"] == pytest.approx((np.rint(strength) > 255).mean(), abs=1e-6)


@pytest.mark.slow
def test_figures_of_directions(apply, gray, contents):
    ok(apply("-k", "sobel", *DIRECTION, "gray.png", "--plot", "p.png", "--grid", "g.png"))
    assert {b"p.png", b"g.png"} < set(contents())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-k", "kirsch"], "two kernels"),
        (["-k", "sobel", "-k", "blur"], "got 3"),
        (["-k", "sobel", "--range", "raw"], "--range raw"),
        (["-k", "sobel", "--range", "offset"], "--range offset"),
    ],
)
def test_contradictions(apply, gray, contents, flags, said):
    before = contents()
    apply(*flags, *DIRECTION, "gray.png").fails(2, said)
    assert contents() == before


def test_a_color_is_not_explained(convcli, gray):
    flags = ("-k", "sobel", *DIRECTION, "--at", "1,1", "gray.png")
    convcli("explain", *flags).fails(2, "magnitude")


RAMP = np.broadcast_to(np.arange(0, 192, 3, dtype=np.uint8), (48, 64))


@pytest.mark.parametrize(
    "options",
    [
        ["-k", "sobel"],
        ["-k", "sobel", "--operation", "convolve"],
        ["-k", "sobel-y", "-k", "sobel-x"],
        ["-k", "roberts"],
        ["-k", "roberts", "--operation", "convolve"],
        ["-k", "farid"],
        ["-k", "frei-chen"],
        ["-k", "sobel@90"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(("turns", "hue"), [(0, (1, 0, 0)), (2, (0, 1, 1))])
def test_what_grows_to_the_right_is_red_whatever_the_pair(apply, save, load, options, turns, hue):
    save("ramp.png", np.rot90(RAMP, turns).copy())
    ok(apply(*options, *DIRECTION, "ramp.png", "-o", "d.png"))
    color = load("d.png")[20, 30]
    assert color.max() > 0
    assert np.array_equal(color > 0, np.array(hue) > 0)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["-k", "blur", "-k", "gaussian:3"], "two derivatives of equal strength at a right angle"),
        (["-k", "-0.001 0.001", "-k", "-0.002; 0.002"], "two derivatives of equal strength"),
        (["-k", "sobel-x", "-k", "sobel-x"], "two derivatives of equal strength at a right angle"),
        (
            ["-k", "sobel-x", "-k", "prewitt-y"],
            "two derivatives of equal strength at a right angle",
        ),
        (["-k", "sobel", "--bias", "5"], "takes no bias"),
    ],
)
def test_pairs_that_have_no_direction_are_refused(apply, save, options, problem):
    save("ramp.png", RAMP)
    apply(*options, *DIRECTION, "ramp.png", "-o", "d.png").fails(2, problem)
