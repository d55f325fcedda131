"""``--linear-light``: pixels are turned into light, filtered, and turned back."""

import json
import math

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2xyz
from skimage.color.colorconv import xyz_from_rgb

from convcli import cross_correlate
from convcli.images.linear_light import from_light, light_of, to_light

RNG = np.random.default_rng(6)
COLOR = RNG.integers(0, 256, (13, 15, 3), np.uint8)
GRAY = RNG.integers(0, 256, (12, 14), np.uint8)
DEEP = RNG.integers(0, 65536, (11, 12), np.uint16)
IMAGES = {"color": COLOR, "gray": GRAY, "deep": DEEP}


def decoded(level):
    """The formula of IEC 61966-2-1, for one share of white, odd."""
    share = abs(level)
    light = share / 12.92 if share <= 0.04045 else math.pow((share + 0.055) / 1.055, 2.4)
    return math.copysign(light, level)


def encoded(light):
    share = abs(light)
    level = share * 12.92 if share <= 0.0031308 else 1.055 * math.pow(share, 1 / 2.4) - 0.055
    return math.copysign(level, light)


def looped(pixels, kernel, *, bias=0, **options):
    """Filter in float64, number by number where the curve is concerned."""
    white = np.iinfo(pixels.dtype).max
    light = np.vectorize(decoded)(pixels / white)
    if "fill" in options:
        options["fill"] = decoded(options["fill"] / white)
    sums = cross_correlate(light, kernel, **options)
    return np.vectorize(encoded)(sums) * white + bias


@pytest.mark.parametrize("white", [255, 65535])
def test_the_curve_is_that_of_srgb_and_its_own_inverse(white):
    levels = np.arange(white + 1)
    light = to_light(levels.astype(np.uint16), white)
    expected = np.vectorize(decoded)(levels / white) * white
    np.testing.assert_allclose(light, expected, rtol=1e-6)
    np.testing.assert_array_equal(np.rint(from_light(light, white)), levels)
    wide = np.linspace(-3 * white, 3 * white, 1001)
    np.testing.assert_allclose(light_of(from_light(wide, white), white), wide, atol=1e-6 * white)


def test_the_light_is_that_of_scikit_image():
    light = rgb2xyz(COLOR) @ np.linalg.inv(xyz_from_rgb).T
    np.testing.assert_allclose(to_light(COLOR, 255) / 255, light, atol=1e-6)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize(
    ("kernel", "options"),
    [
        ("gaussian:5", {}),
        ("outline", {"border": "reflect", "bias": 7}),
        ("1 2; 3 -4", {"stride": 2, "border": "constant", "fill": 100}),
        ("sharpen", {"dilation": 2, "padding": "valid"}),
        ("sobel-x", {"padding": "full", "border": "zero", "divisor": 3}),
    ],
)
def test_values_are_those_of_a_loop(apply, save, name, kernel, options):
    pixels = IMAGES[name]
    save("in.png", pixels)
    words = [f"--{key}={value}" for key, value in options.items()]
    words += ["-k", kernel, "--linear-light", "in.png"]
    assert apply(*words, "-o", "raw.npy", "--range", "raw").code == 0
    values = looped(pixels, kernel, **options)
    largest = max(np.abs(values).max(), np.iinfo(pixels.dtype).max)
    np.testing.assert_allclose(np.load("raw.npy"), values, atol=3e-5 * largest)
    assert apply(*words, "-o", "out.png").code == 0
    out, white = np.asarray(Image.open("out.png")), np.iinfo(pixels.dtype).max
    expected = np.clip(np.rint(values), 0, white)
    near_tie = np.abs(values - np.floor(values) - 0.5) < 3e-5 * largest
    assert (out.astype(int) == expected)[~near_tie].all()


@pytest.mark.parametrize("name", IMAGES)
def test_the_identity_changes_no_pixel(apply, save, name):
    save("in.png", IMAGES[name])
    assert apply("-k", "identity", "--linear-light", "in.png", "-o", "out.png").code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("out.png")), IMAGES[name])


def test_maps_come_back_before_they_are_combined(apply, save):
    save("in.png", GRAY)
    words = ["-k", "sobel", "--linear-light", "--range", "raw", "in.png", "-o", "raw.npy"]
    assert apply(*words).code == 0
    expected = np.hypot(looped(GRAY, "sobel-x"), looped(GRAY, "sobel-y"))
    np.testing.assert_allclose(np.load("raw.npy"), expected, atol=0.02)


def test_premultiplied_colors_are_light_weighted_by_alpha(apply, save):
    alpha = RNG.integers(0, 256, (13, 15), np.uint8)
    save("in.png", np.dstack([COLOR, alpha]))
    words = ["-k", "gaussian:5", "--linear-light", "--alpha", "premultiply", "in.png"]
    assert apply(*words, "-o", "out.png").code == 0
    out = np.asarray(Image.open("out.png")).astype(float)
    light = np.vectorize(decoded)(COLOR / 255)
    weights = cross_correlate(alpha.astype(float), "gaussian:5")
    sums = cross_correlate(light * alpha[..., None], "gaussian:5")
    expected = 255 * np.vectorize(encoded)(sums / weights[..., None])
    assert np.abs(out[..., :3] - expected).max() < 0.501
    assert np.abs(out[..., 3] - weights).max() < 0.501


def test_missing_pixels_are_found_before_the_curve(apply, save):
    save("in.png", GRAY)
    nodata = int(GRAY[4, 4])
    words = ["-k", "box", "--linear-light", "--nodata", nodata, "--range", "raw", "in.png"]
    assert apply(*words, "-o", "raw.npy").code == 0
    light = np.vectorize(decoded)(GRAY / 255)
    means = cross_correlate(light, "box", mask=nodata == GRAY)
    np.testing.assert_allclose(np.load("raw.npy"), 255 * np.vectorize(encoded)(means), atol=0.01)


def test_frames_and_threads_do_not_change_it(apply, here):
    frames = [Image.fromarray(np.roll(GRAY, step)) for step in range(3)]
    frames[0].save("in.tif", save_all=True, append_images=frames[1:])
    words = ["-k", "gaussian:3", "--linear-light", "--frames", "all", "in.tif"]
    assert apply(*words, "-o", "all.tif").code == 0
    assert apply(*words, "-o", "one.tif", "--threads", 1).code == 0
    assert (here / "all.tif").read_bytes() == (here / "one.tif").read_bytes()
    for place, frame in enumerate(frames):
        frame.save(f"{place}.png")
        words = ["-k", "gaussian:3", "--linear-light", f"{place}.png", "-o", f"one-{place}.png"]
        assert apply(*words).code == 0
        with Image.open("all.tif") as result:
            result.seek(place)
            alone = np.asarray(Image.open(f"one-{place}.png"))
            np.testing.assert_array_equal(np.asarray(result), alone)


def test_verbose_json_and_captions_say_so(apply, save, here):
    save("in.png", GRAY)
    words = ["-k", "blur", "--linear-light", "in.png"]
    assert "; in linear light, " in apply(*words, "-v", "-o", "a.png").err
    record = json.loads(apply(*words, "--json", "-o", "b.png").out)
    assert record["method"].startswith("in linear light, ")
    assert apply(*words, "--plot", "plot.svg").code == 0
    assert "linear light" in (here / "plot.svg").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-k", "blur", "in.npy"], "--linear-light is for pixels of 8 or 16 bits"),
        (["-k", "blur", "--matrix", "1 2 3"], "and these are plain numbers"),
        (["-k", "sobel", "--combine", "direction", "in.png"], "it would change the directions"),
        (["-k", "blur", "in.png", "-o", "a.xlsx"], "a spreadsheet shows no --linear-light"),
    ],
)
def test_what_makes_no_sense_is_refused(apply, save, words, said):
    save("in.png", GRAY)
    save("in.npy", GRAY.astype(float))
    ran = apply("--linear-light", *words)
    assert (ran.code, said in ran.err, len(ran.errors)) in ((1, True, 1), (2, True, 1))
