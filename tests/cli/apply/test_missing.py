"""Missing pixels on the command line: NaN, nodata and masks, against the functions of Python."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli import cross_correlate

MEAN = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])
EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
KERNELS = (MEAN, EDGE, np.array([[1, 2], [3, 4]]), np.array([[0.25, 0.5, -0.1]]), -MEAN[:1])


def text(kernel):
    return "; ".join(" ".join(map(str, row)) for row in kernel.tolist())


@pytest.mark.parametrize("seed", range(30))
def test_files_have_the_values_of_python(apply, save, seed):
    rng = np.random.default_rng(seed)
    kind = ("u1", "u2", "f4", "f8")[seed % 4]
    shape = (*rng.integers(7, 30, 2).tolist(), 3)[: 2 + (seed % 8 == 0)]
    pixels = rng.integers(0, 200, shape).astype(kind)
    mask = rng.random(shape[:2]) < 0.2
    nodata = pixels.flat[int(rng.integers(pixels.size))]
    lost = (mask if len(shape) == 2 else mask[..., None]) | (pixels == nodata)
    if kind[0] == "f":
        holes = rng.random(shape) < 0.1
        pixels[holes], lost = np.nan, lost | holes
    save("in.npy", pixels)
    name = ("m.png", "m.npy", "m.csv")[seed % 3]
    save(name, mask * np.uint8(7) if name == "m.png" else mask * -0.5)
    options = {
        "padding": ["same", "valid", "full", 2, "same-lower"][seed % 5],
        "border": ["edge", "zero", "reflect", "symmetric", "wrap", "constant"][seed % 6],
        "stride": int(rng.integers(1, 3)),
        "dilation": int(rng.integers(1, 3)),
        "min_valid": [0, 0.6, 1][seed % 3],
        "bias": [0, 2.5][seed % 2],
    }
    options |= {"fill": 3} if options["border"] == "constant" else {}
    kernel = KERNELS[seed % len(KERNELS)]
    values = cross_correlate(pixels, kernel, mask=lost, **options)
    words = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    words += ["-k", text(kernel), "--mask", name, "--nodata", nodata, "--nan", "ignore", "in.npy"]

    assert apply(*words, "-o", "raw.npy", "--range", "raw").err == ""
    raw = np.load("raw.npy")
    assert raw.dtype == values.dtype
    np.testing.assert_array_equal(raw, values)
    if kind[0] == "u":
        assert apply(*words, "-o", "pixels.npy").code == 0
        pixels = cross_correlate(pixels, kernel, mask=lost, dtype=kind, **options)
        pixels[np.isnan(values)] = nodata
        np.testing.assert_array_equal(np.load("pixels.npy"), pixels)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 999),
    name=st.sampled_from(["in.png", "in.npy", "in.csv", "in.tif"]),
    mask=st.sampled_from(["m.png", "m.npy", "m.txt"]),
    kernel=st.sampled_from(["blur", "sobel", "outline", "gaussian:5", "box:3", "emboss"]),
    how=st.sampled_from(["clip", "abs", "rescale", "percentile", "raw"]),
    stride=st.integers(1, 2),
    border=st.sampled_from(["edge", "zero", "wrap"]),
)
def test_a_mask_of_zeros_changes_no_byte(
    apply, save, seed, name, mask, kernel, how, stride, border
):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 11)).astype(np.uint8)
    save(name, pixels.astype("f4") if name == "in.tif" else pixels)
    save(mask, np.zeros((9, 11), np.uint8))
    words = ["-k", kernel, name, "--range", how, "--stride", stride, "--border", border]
    words += ["--overwrite", "--format", "npy", "-o", "out.npy"]
    assert apply(*words).code == 0
    before = Path("out.npy").read_bytes()
    ran = apply(*words, "--mask", mask, "--nan", "ignore", "--nodata", 1e5, "--min-valid", 1)
    assert ran.code == 0
    assert Path("out.npy").read_bytes() == before


def test_invalid_pixels_become_nodata_where_the_type_holds_it(apply, save, load):
    pixels = np.full((8, 8), 99, np.uint8)
    save("in.png", pixels)
    save("m.png", np.tri(8, dtype=np.uint8))
    words = ["-k", text(EDGE), "in.png", "--mask", "m.png", "--bias", 9, "--overwrite"]
    below = np.tri(8, dtype=bool)
    for nodata, pixel in {"255": 255, "0": 0, "7.0": 7}.items():
        ran = apply(*words, "--nodata", nodata, "-o", "o.png")
        assert ran.err == ""
        np.testing.assert_array_equal(load("o.png"), np.where(below, pixel, 9))
    for nodata in ("256", "-1", "0.5", "nan", "inf"):
        ran = apply(*words, "--nodata", nodata, "-o", "o.png")
        assert "36 NaN values of the feature map became black" in ran.err
        assert "8-bit gray pixels do not hold it" in ran.err
        np.testing.assert_array_equal(load("o.png"), np.where(below, 0, 9))
    ran = apply(*words, "-o", "o.png")
    assert ran.err == "in.png: 36 NaN values of the feature map became black\n"
    ran = apply(*words, "--nodata", 1, "--range", "raw", "-o", "o.npy")
    np.testing.assert_array_equal(load("o.npy"), np.where(below, np.nan, 9))
    ran = apply(*words, "--nodata", 1, "--range", "raw", "-o", "o.tif")
    np.testing.assert_array_equal(load("o.tif"), np.where(below, np.nan, 9))


def test_nodata_is_compared_in_the_type_of_the_pixels(apply, save, load):
    least = np.finfo(np.float32).min
    save("in.tif", np.array([[1, least, 3]], np.float32))
    for nodata in ("-3.4028235e38", "-3.40282346638528859812e+38"):
        assert apply("-k", "1 1 1", "in.tif", "--nodata", nodata, "-o", "-").code == 0
        apply("-k", "1 1 1", "in.tif", "--nodata", nodata, "--overwrite", "-o", "o.npy")
        np.testing.assert_array_equal(load("o.npy"), [[3, 6, 9]])
    huge = 2**63 - 1
    save("in.npy", np.array([[1, huge, huge - 1]]))
    apply("-k", "1", "in.npy", "--nodata", huge, "--overwrite", "-o", "o.npy")
    assert np.isnan(load("o.npy")).tolist() == [[False, True, False]]


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1" + 400 * "0"])
def test_a_nodata_that_no_number_type_holds_is_refused(apply, number):
    ran = apply("-k", "1 1 1", "--matrix", "1 2 3", "--nodata", number)
    assert ran.code == 2
    assert "is larger than any pixel; 'inf' is infinity" in ran.err
    assert apply("-k", "1 0", "--matrix", "1 2 inf 4", "--nodata", "inf").out == b"1  2  nan  4\n"


def test_a_mask_may_be_a_sample_but_not_standard_input(apply):
    ran = apply("-k", "1", "--mask", "@toy-6x6", "--matrix", "; ".join(["1 2 3 4 5 6"] * 6))
    assert ran.out == b"nan  nan  nan  4  5  6\n" * 6
    ran = apply("-k", "1", "--mask", "-", "--matrix", "1")
    said = "Error: --mask reads a file, not standard input; name one\n"
    assert (ran.code, ran.err) == (2, said)


PAGE = "a page has all pixels; convcli explain and animate leave missing ones out"
PROGRAM = "a program filters all pixels; convcli apply leaves missing ones out"


@pytest.mark.parametrize("option", ["--mask m.png", "--nan ignore", "--nodata 0", "--min-valid 1"])
def test_pages_and_programs_refuse_missing_pixels_in_words(convcli, option):
    flag, value = option.split()
    ran = convcli("explore", "-k", "blur", "--matrix", "1 2", "-o", "x.html", flag, value)
    assert (ran.code, ran.err) == (2, f"Error: {flag}: {PAGE}\n")
    ran = convcli("code", "-k", "blur", "--for", "numpy", flag, value)
    assert (ran.code, ran.err) == (2, f"Error: {flag}: {PROGRAM}\n")


def test_channels_are_missing_one_by_one_by_nodata_and_together_by_a_mask(apply, save, load):
    pixels = np.random.default_rng(4).integers(0, 9, (12, 14, 3)).astype(np.uint8)
    save("in.png", pixels)
    words = ["-k", text(MEAN), "in.png", "--range", "raw", "--overwrite", "-o", "o.npy"]
    apply(*words, "--nodata", 3)
    np.testing.assert_array_equal(load("o.npy"), cross_correlate(pixels, MEAN, mask=pixels == 3))
    mask = np.random.default_rng(5).random((12, 14)) < 0.4
    save("rgb.png", np.repeat(mask[..., None] * np.uint8(255), 3, 2))  # gray, as a painter saves it
    apply(*words, "--mask", "rgb.png")
    expected = cross_correlate(pixels, MEAN, mask=mask)
    np.testing.assert_array_equal(load("o.npy"), expected)
    apply(*words, "--mask", "rgb.png", "--channels", "g")
    np.testing.assert_array_equal(load("o.npy"), expected[..., 1])
    save("each.png", (pixels == 3).astype(np.uint8))
    apply(*words, "--mask", "each.png")
    np.testing.assert_array_equal(load("o.npy"), cross_correlate(pixels, MEAN, mask=pixels == 3))
    ran = apply(*words, "--mask", "each.png", "--channels", "gray")
    ran.fails(1, "in.png: the mask has 3 channels, but the image has 1; give a mask of one channel")


def test_families_banks_and_kernels_over_channels(apply, save, load, rng):
    pixels, mask = rng.random((15, 16, 3)), rng.random((15, 16)) < 0.3
    save("in.npy", pixels)
    save("m.npy", mask)
    bank = rng.integers(-2, 5, (4, 3, 3, 3))
    save("bank.npy", bank)
    save("deep.npy", bank[0])
    words = ["in.npy", "--mask", "m.npy", "--overwrite"]
    apply(*words, "-k", "deep.npy", "-o", "o.npy")
    expected = cross_correlate(pixels, bank, mask=mask)
    np.testing.assert_allclose(load("o.npy"), expected[..., 0])
    apply(*words, "-k", "bank.npy", "--stack", "s.npy")
    np.testing.assert_allclose(load("s.npy"), expected)
    for combine in ("magnitude", "max", "sum", "mean"):
        apply(*words, "-k", "sobel-x", "-k", "sobel-y", "--combine", combine, "-o", "o.npy")
        parts = [cross_correlate(pixels, name, mask=mask) for name in ("sobel-x", "sobel-y")]
        together = {
            "magnitude": lambda x, y: np.hypot(x, y),
            "max": np.maximum,
            "sum": np.add,
            "mean": lambda x, y: (x + y) / 2,
        }[combine](*parts)
        np.testing.assert_allclose(load("o.npy"), together)
    save("in.png", (pixels[..., 0] * 255).astype(np.uint8))
    ran = apply("in.png", *words[1:], "-k", "sobel", "--combine", "direction", "-o", "o.png")
    assert f"{mask.sum()} NaN values of the feature map became black" in ran.err
    assert load("o.png")[mask].max() == 0


def test_results_do_not_depend_on_threads_or_processes(apply, save, rng):
    pixels, mask = rng.integers(0, 256, (3, 600, 700)).astype(np.uint8), rng.random((600, 700))
    for number, page in enumerate(pixels):
        save(f"in/{number}.png", page)
    save("m.npy", mask < 0.2)
    words = ["-k", "sobel-x", "-k", "gaussian:7", "in", "--mask", "m.npy", "--nodata", "200"]
    for folder, *more in (("a", "--threads", 1, "-j", 1), ("b", "--threads", 2), ("c", "-j", 2)):
        assert apply(*words, "--out-dir", folder, *more).code == 0
    written = [
        {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        for folder in map(Path, "abc")
    ]
    assert len(written[0]) == 6
    assert written[0] == written[1] == written[2]
    lost = (mask < 0.2) | (pixels[1] == 200)
    for kernel in ("gaussian:7", "sobel-x"):
        values = cross_correlate(pixels[1], kernel, mask=lost)
        expected = cross_correlate(pixels[1], kernel, mask=lost, dtype=np.uint8)
        with Image.open(f"a/1_{kernel.replace(':', '-')}.png") as image:
            np.testing.assert_array_equal(image, np.where(np.isnan(values), 200, expected))


def test_a_result_in_the_image_s_memory_leaves_the_anchors_of_other_strips(apply, save, load, rng):
    pixels = rng.integers(0, 256, (1500, 1300)).astype(np.uint8)
    save("in.npy", pixels)
    apply(
        *("-k", "sobel-x", "in.npy", "--nodata", 200, "--padding", 1, "--anchor", "0,0"),
        *("-o", "o.npy", "--threads", 1),
    )
    options = {"mask": pixels == 200, "padding": 1, "anchor": (0, 0)}
    values = cross_correlate(pixels, "sobel-x", **options)
    expected = cross_correlate(pixels, "sobel-x", dtype=np.uint8, **options)
    np.testing.assert_array_equal(load("o.npy"), np.where(np.isnan(values), 200, expected))


def test_frames_are_each_filtered_with_their_own_missing_pixels(apply, here, rng):
    frames = rng.integers(0, 5, (6, 20, 30)).astype(np.uint8)
    frames[3] += 1  # none is missing
    first, *others = map(Image.fromarray, frames)
    first.save("in.tif", save_all=True, append_images=others)
    for kernel in (MEAN, EDGE):
        ran = apply(
            *("-k", text(kernel), "--divisor", 4, "in.tif", "--frames", "all", "--nodata", 0),
            *("-o", "o.tif", "--json", "--overwrite"),
        )
        record = json.loads(ran.out)
        values = [
            cross_correlate(page, kernel, divisor=4, mask=page == 0).astype(float)
            for page in frames
        ]
        assert record["missing"] == (frames == 0).sum()
        assert record["invalid"] == np.isnan(values).sum()
        with Image.open("o.tif") as image:
            for page, value in enumerate(values):
                image.seek(page)
                pixels = np.rint(np.nan_to_num(value)).clip(0, 255)
                np.testing.assert_array_equal(np.asarray(image), pixels)
    ran = apply(
        *("-k", text(EDGE), "in.tif", "--frames", "all", "--nodata", 0, "--range", "rescale"),
        *("-o", "o.tif", "--json", "--overwrite"),
    )
    values = [cross_correlate(page, EDGE, mask=page == 0) for page in frames]
    record = json.loads(ran.out)
    assert (record["min"], record["max"]) == (np.nanmin(values), np.nanmax(values))


def test_a_matrix_as_an_image_and_its_stack_have_each_their_own_nodata(apply, save, load):
    pixels = np.full((6, 6), 60)
    pixels[0, :4] = 200
    save("in.csv", pixels)
    words = ["-k", text(EDGE), "in.csv", "--stack", "s.npy", "--out-dir", "out", "--overwrite"]
    assert "NaN" not in apply(*words, "--format", "png", "--nodata", 200).err
    np.testing.assert_array_equal(load("out/in_custom.png"), np.where(pixels == 200, 200, 0))
    np.testing.assert_array_equal(load("s.npy")[..., 0], np.where(pixels == 200, np.nan, 0))
    save("in.csv", np.where(pixels == 200, -9999, 60))
    ran = apply(*words, "--format", "png", "--nodata", -9999)
    assert "4 NaN values of the feature map became black" in ran.err


def test_alpha_is_carried_and_premultiplied_alpha_refused(apply, save, load, rng):
    pixels = rng.integers(0, 256, (9, 10, 4)).astype(np.uint8)
    save("in.png", pixels)
    apply("-k", "blur", "in.png", "--nodata", 9, "-o", "o.png")
    np.testing.assert_array_equal(load("o.png")[..., 3], pixels[..., 3])
    apply("-k", "blur", "in.png", "--nodata", 9, "--alpha", "premultiply").fails(
        2, "--alpha premultiply takes no missing pixels; mark transparent ones with --mask"
    )


@pytest.mark.parametrize("image", [[[1, 2, 90, 8]], [[1], [2], [90], [8]]])
@pytest.mark.parametrize("mask", [[[0, 0, 1, 0]], [[0], [0], [1], [0]]])
def test_signals_take_masks_that_are_rows_or_columns(apply, save, load, image, mask):
    save("in.csv", image)
    save("m.txt", mask)
    kernel = "1 1 1" if len(image) == 1 else "1; 1; 1"
    apply("-k", kernel, "in.csv", "--mask", "m.txt", "-o", "o.csv")
    assert load("o.csv").ravel().tolist() == [4, 4.5, 15, 24]


def test_counts_are_told_with_v_and_json(apply, save):
    save("in.csv", [[1, 2, -9, -9, -9, 8]])
    words = ["-k", "1 1 1", "in.csv", "--nodata", -9, "--overwrite"]
    assert "3 missing pixels, 1 invalid value; " in apply(*words, "-v").err
    record = json.loads(apply(*words, "--json").out)
    assert (record["missing"], record["invalid"]) == (3, 1)
    assert (record["min"], record["max"]) == (4, 24)
    assert "missing" not in json.loads(apply("-k", "1 1 1", "in.csv", "--json", "--overwrite").out)


def test_digits_follow_the_valid_pixels(apply, save):
    save("in.csv", [[0.125, -3e300, 0.25, 0.5]])
    ran = apply("-k", "1 1 1", "in.csv", "--nodata", -3e300, "-o", "-")
    assert ran.out.split() == [b"0.375", b"0.5625", b"1.125", b"1.25"]


def test_one_input_of_another_size_fails_alone(apply, save):
    save("a.png", np.ones((5, 5), np.uint8))
    save("b.png", np.ones((5, 6), np.uint8))
    save("m.png", np.ones((5, 5), np.uint8))
    ran = apply("-k", "blur", "a.png", "b.png", "--mask", "m.png", "-j", 1, "--out-dir", "out")
    assert ran.code == 1
    assert ran.errors == ["Error: b.png: the mask is 5x5, but the image is 6x5; make them equal"]
    assert ran.names == ["out/a_blur.png"]


def test_wrong_options_are_refused(apply, save):
    save("in.png", np.ones((5, 5), np.uint8))
    save("clear.png", np.full((5, 5, 4), 128, np.uint8))
    save("opaque.png", np.full((5, 5, 4), 255, np.uint8))
    words = ["-k", "blur", "in.png", "-o", "o.png"]
    apply(*words, "--min-valid", 0.5).fails(2, "--min-valid needs --nan ignore, --mask or --nodata")
    apply(*words, "--min-valid", 2, "--nodata", 0).fails(2, "'--min-valid'")
    apply(*words, "--min-valid", "nan", "--nodata", 0).fails(2, "'--min-valid'")
    apply(*words, "--nodata", "x").fails(2, "'x' is not a number")
    apply(*words, "--nan", "omit").fails(2, "'--nan'")
    apply(*words, "--mask", "none.png").fails(2, "none.png: no such file")
    apply(*words, "--mask", "clear.png").fails(2, "clear.png: has transparent pixels")
    apply(*words, "--mask", "opaque.png", "--resize", "4x4").fails(2, "--resize would mix")
    apply(*words[:-1], "o.xlsx", "--nodata", 1).fails(2, "a spreadsheet shows no missing pixels")
    assert apply(*words, "--mask", "opaque.png").code == 0


def test_figures_show_missing_numbers_as_nan(apply, save):
    save("in.csv", [[1, 2, -9999, 8], [1, 2, 3, 4]])
    ran = apply("-k", "blur", "in.csv", "--nodata", -9999, "--plot", "f.svg")
    assert ran.names == ["f.svg"]
    drawn = Path("f.svg").read_text()
    assert "nodata -9999" in drawn
    assert "1 NaN" in drawn


def test_missing_pixels_are_left_out_of_linear_light_too(apply, save, load, rng):
    mask = rng.random((20, 30)) < 0.3
    pixels = np.where(mask, rng.integers(0, 256, mask.shape), 100).astype(np.uint8)
    save("in.png", pixels)
    save("m.png", mask.astype(np.uint8))
    words = ["in.png", "--mask", "m.png", "--linear-light", "--overwrite", "-o", "o.png"]
    assert apply("-k", "box:7", *words).err == ""
    assert (load("o.png") == 100).all()
    apply("-k", text(EDGE), *words)
    assert not load("o.png").any()
    assert apply("-k", "box:7", *words, "--nodata", 100).code == 0
    assert (load("o.png") == 100).all()  # no pixel is valid
