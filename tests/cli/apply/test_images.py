"""Images through ``apply``, against scipy and numpy: layouts, ranges, channels, sizes."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

KERNELS = {
    "outline": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "sobel-x": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "blur": np.outer([1, 2, 1], [1, 2, 1]) / 16,
    "3 -1 2 0 1; 0 0 4 -2 -5; 1 1 0 0 1": np.array(
        [[3, -1, 2, 0, 1], [0, 0, 4, -2, -5], [1, 1, 0, 0, 1]]
    ),
    "0.25 -1.5 2.75": np.array([[0.25, -1.5, 2.75]]),
}
BORDERS = ["edge", "zero", "reflect", "symmetric", "wrap"]


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("operation", ["correlate", "convolve"])
def test_color_equals_scipy_channel_by_channel(
    apply, photo, load, by_scipy, to_pixels, kernel, border, operation
):
    options = {"border": border, "operation": operation}
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    ok(apply("-k", kernel, *flags, "photo.png", "-o", "out.png"))
    expected = to_pixels(by_scipy(photo, KERNELS[kernel], **options))
    assert load("out.png").dtype == np.uint8
    assert np.array_equal(load("out.png"), expected)


@pytest.mark.parametrize(("stride", "dilation"), [(2, 1), (1, 2), (3, 2), (2, 3)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_stride_and_dilation_equal_scipy(
    apply, photo, load, by_scipy, to_pixels, kernel, stride, dilation
):
    ok(apply("-k", kernel, "--stride", stride, "--dilation", dilation, "photo.png", "-o", "o.png"))
    expected = by_scipy(photo, KERNELS[kernel], stride=stride, dilation=dilation)
    assert np.array_equal(load("o.png"), to_pixels(expected))


def test_stride_and_dilation_of_each_axis(apply, gray, load):
    ok(
        apply(
            *("-k", "1 2; 3 4", "--stride", "1,3", "--dilation", "2,1", "--padding", "valid"),
            *("--range", "raw", "gray.png", "-o", "o.npy"),
        )
    )
    wide = gray.astype(int)
    expected = wide[:-2, :-1] + 2 * wide[:-2, 1:] + 3 * wide[2:, :-1] + 4 * wide[2:, 1:]
    assert np.array_equal(load("o.npy"), expected[:, ::3])


@pytest.mark.parametrize("fill", ["0", "255", "-3", "0.5"])
def test_a_border_of_a_value(apply, gray, load, by_scipy, fill):
    flags = ("--border", "constant", "--fill", fill, "--range", "raw")
    ok(apply("-k", "sobel-x", *flags, "gray.png", "-o", "o.npy"))
    expected = by_scipy(gray, KERNELS["sobel-x"], border="constant", fill=float(fill))
    assert np.allclose(load("o.npy"), expected, rtol=0, atol=1e-5 * 255 * 4)


@pytest.mark.parametrize(
    ("synonym", "name"),
    [
        ("replicate", "edge"),
        ("nearest", "edge"),
        ("zeros", "zero"),
        ("mirror", "reflect"),
        ("circular", "wrap"),
    ],
)
def test_synonyms_of_borders(apply, gray, load, synonym, name):
    ok(apply("-k", "outline", "--border", synonym, "gray.png", "-o", "a.png"))
    ok(apply("-k", "outline", "--border", name, "gray.png", "-o", "b.png"))
    assert np.array_equal(load("a.png"), load("b.png"))


@pytest.mark.parametrize("padding", ["4", "0,20", "1,2,3,4", "full", "valid"])
@pytest.mark.parametrize("border", BORDERS)
def test_padding_is_that_of_numpy(apply, gray, load, padding, border):
    ok(
        apply(
            *("-k", "outline", "--padding", padding, "--border", border, "--range", "raw"),
            *("gray.png", "-o", "o.npy"),
        )
    )
    numbers = {"full": "2", "valid": "0"}.get(padding, padding).split(",")
    top, bottom, left, right = {
        1: lambda n: (n, n, n, n),
        2: lambda v, h: (v, v, h, h),
        4: lambda t, b, le, r: (t, b, le, r),
    }[len(numbers)](*map(int, numbers))
    mode = "constant" if border == "zero" else border
    padded = np.pad(gray.astype(int), ((top, bottom), (left, right)), mode=mode)
    inner = ndimage.correlate(padded, KERNELS["outline"])[1:-1, 1:-1]
    assert np.array_equal(load("o.npy"), inner)


def test_jpeg_in_and_out(apply, save, load, rng, by_scipy, to_pixels):
    save("in.jpg", rng.integers(0, 256, (16, 24, 3), np.uint8), quality=90)
    decoded = load("in.jpg")
    ok(apply("-k", "sharpen", "in.jpg", "-o", "out.png"))
    sharpen = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    expected = to_pixels(by_scipy(decoded, sharpen)).astype(np.uint8)
    assert np.array_equal(load("out.png"), expected)
    ok(apply("-k", "sharpen", "in.jpg", "-o", "out.jpg"))
    Image.fromarray(expected).save("pillow.jpg", quality=95)
    assert np.array_equal(load("out.jpg"), load("pillow.jpg"))


# Ranges


def mapped(values, name, max_value):
    """What --range does, in float64."""
    mid = max_value // 2 + 1
    low, high = values.min(), values.max()
    return {
        "clip": values,
        "abs": np.abs(values),
        "offset": values + mid,
        "rescale": (values - low) / (high - low) * max_value,
    }[name]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["clip", "abs", "offset", "rescale"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_ranges(apply, save, load, rng, by_scipy, kernel, name, dtype):
    max_value = np.iinfo(dtype).max
    pixels = rng.integers(0, max_value + 1, (9, 12), dtype)
    save("in.png", pixels)
    ran = ok(apply("-k", kernel, "--range", name, "--json", "in.png", "-o", "o.png"))
    values = by_scipy(pixels, KERNELS[kernel])
    expected = np.clip(mapped(values, name, max_value), 0, max_value)
    out = load("o.png")
    assert out.dtype == dtype
    # float32 at the core, so a half may round to either side
    assert np.abs(out - expected).max() <= 0.5 + 1e-5 * np.abs(values).max()
    if name == "rescale":
        assert (out.min(), out.max()) == (0, max_value)
    record = json.loads(ran.out)
    assert record["min"] == pytest.approx(values.min(), rel=1e-5, abs=1e-3)
    assert record["max"] == pytest.approx(values.max(), rel=1e-5, abs=1e-3)
    cut = np.rint(mapped(values, name, max_value))
    share = 0 if name == "rescale" else ((cut < 0) | (cut > max_value)).mean()
    assert record["clipped"] == pytest.approx(share, abs=1e-6)


def test_raw_keeps_exact_integers(apply, photo, load, by_scipy):
    ok(apply("-k", "outline", "--range", "raw", "photo.png", "-o", "o.npy"))
    out = load("o.npy")
    assert out.dtype.kind == "i"
    assert np.array_equal(out, by_scipy(photo, KERNELS["outline"]))


def test_raw_into_a_float_tiff(apply, gray, load, by_scipy):
    ok(apply("-k", "laplacian", "--range", "raw", "gray.png", "-o", "o.tif"))
    out = load("o.tif")
    assert out.dtype == np.float32
    assert np.array_equal(out, by_scipy(gray, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]))


def test_raw_without_an_output_name_is_an_array(apply, photo, here):
    assert ok(apply("-k", "outline", "--range", "raw", "photo.png")).names == ["photo_outline.npy"]


def test_raw_of_color_does_not_fit_a_tiff(apply, photo, here):
    apply("-k", "outline", "--range", "raw", "photo.png", "-o", "o.tif").fails(
        1, "photo.png", ".npy"
    )
    assert not (here / "o.tif").exists()


def test_white_stays_white_and_16_bit_sums_do_not_wrap(apply, save, load):
    save("in.png", np.full((5, 5), 65535, np.uint16))
    ok(apply("-k", "box:5", "in.png", "-o", "o.png"))
    assert (load("o.png") == 65535).all()
    ok(apply("-k", "box:5", "--divisor", "1", "--range", "raw", "in.png", "-o", "o.npy"))
    assert (load("o.npy") == 25 * 65535).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int16, np.int64])
def test_numbers_without_a_white_are_not_clipped(apply, save, load, rng, by_scipy, dtype):
    save("in.npy", (rng.normal(size=(6, 7)) * 1e4).astype(dtype))
    ok(apply("-k", "outline", "in.npy", "-o", "o.npy"))
    expected = by_scipy(load("in.npy"), KERNELS["outline"])
    out = load("o.npy")
    assert out.dtype.kind == np.dtype(dtype).kind
    assert np.allclose(out, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_a_matrix_becomes_an_image_by_its_suffix(apply, save, load):
    save("in.csv", np.array([[0, 100], [200, 300]]))
    ok(apply("-k", "identity", "in.csv", "-o", "o.png"))
    assert load("o.png").tolist() == [[0, 100], [200, 255]]
    ok(apply("-k", "identity", "--range", "rescale", "in.csv", "-o", "r.png"))
    assert load("r.png").tolist() == [[0, 85], [170, 255]]


# Channels and sizes


def test_channels(apply, photo, load):
    for index, name in enumerate("rgb"):
        ok(apply("-k", "identity", "--channels", name, "photo.png", "-o", f"{name}.png"))
        assert np.array_equal(load(f"{name}.png"), photo[..., index])
    ok(apply("-k", "identity", "--channels", "gray", "photo.png", "-o", "gray.png"))
    assert np.array_equal(load("gray.png"), np.asarray(Image.fromarray(photo).convert("L")))


def test_gray_as_rgb_and_the_channels_it_lacks(apply, gray, load):
    ok(apply("-k", "identity", "--channels", "rgb", "gray.png", "-o", "o.png"))
    assert np.array_equal(load("o.png"), np.stack([gray] * 3, axis=-1))
    apply("-k", "identity", "--channels", "r", "gray.png", "-o", "r.png").fails(1, "gray.png: ")


def test_resize_comes_before_the_kernel(apply, photo, load, by_scipy, to_pixels):
    ok(apply("-k", "outline", "--resize", "30x20", "photo.png", "-o", "o.png"))
    resized = np.asarray(Image.fromarray(photo).resize((30, 20)))
    assert resized.shape == (20, 30, 3)
    assert np.array_equal(load("o.png"), to_pixels(by_scipy(resized, KERNELS["outline"])))
    ok(apply("-k", "identity", "--resize", "20,30", "photo.png", "-o", "rows-columns.png"))
    assert load("rows-columns.png").shape == (20, 30, 3)


def test_a_kernel_larger_than_the_image_is_explained(apply, gray):
    ran = apply("-k", "box:15", "--padding", "valid", "gray.png", "-o", "o.png")
    ran.fails(1, "gray.png: kernel 15x15 exceeds the 14x11 input")


def test_images_of_one_pixel_row_and_column(apply, save, load):
    for shape in [(1, 1), (1, 9), (9, 1)]:
        save("in.png", np.full(shape, 7, np.uint8))
        ok(apply("-k", "gaussian:9,sigma=2", "in.png", "-o", "o.png", "--overwrite"))
        assert np.array_equal(load("o.png"), np.full(shape, 7))


# Promises


def test_two_runs_give_the_same_bytes(apply, photo, here):
    for suffix in ("png", "jpg", "tif", "webp", "npy", "gif"):
        for run in "ab":
            ok(apply("-k", "gaussian:7,sigma=1.5", "photo.png", "-o", f"{run}.{suffix}"))
        assert (here / f"a.{suffix}").read_bytes() == (here / f"b.{suffix}").read_bytes()


def test_inputs_are_not_touched(apply, photo, gray, contents, here):
    before = contents(), {path: path.stat().st_mtime_ns for path in here.iterdir()}
    ok(apply("-k", "outline", "-k", "blur", ".", "--out-dir", "out"))
    after = contents()
    assert {name: after[name] for name in before[0]} == before[0]
    assert {path: path.stat().st_mtime_ns for path in before[1]} == before[1]
    assert len(after) == 2 + 4


def test_percentile_spreads_what_lies_between(apply, gray, load, by_scipy):
    flags = ["-k", "outline", "--range", "percentile", "gray.png"]
    values = by_scipy(gray, KERNELS["outline"])
    for name, ends, more in (("a", (1, 99), []), ("b", (20, 60), ["--percentile", "20,60"])):
        ok(apply(*flags, *more, "-o", f"{name}.png"))
        low, high = np.percentile(values, ends)
        expected = np.clip((values - low) / (high - low), 0, 1) * 255
        assert np.abs(load(f"{name}.png") - expected).max() <= 0.5001


def test_percentiles_are_two_and_need_their_range(apply, gray):
    apply("-k", "outline", "--percentile", "1,99", "gray.png", "-o", "o.png").fails(
        2, "--percentile needs --range percentile"
    )
    for text in ("99,1", "1", "1,2,3", "-1,50", "50,101", "nan,99", "x,y", "5,5"):
        apply(
            *("-k", "outline", "--range", "percentile", "--percentile", text),
            *("gray.png", "-o", "o.png"),
        ).fails(2, "is not two percentiles from 0 to 100")


def test_the_magnitude_of_the_least_integer(apply):
    matrix = ["--matrix", "-9223372036854775808 1", "-k", "identity:1"]
    assert apply(*matrix, "--range", "abs").out.decode().split() == ["9223372036854775808", "1"]
