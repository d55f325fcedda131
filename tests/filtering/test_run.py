"""One image through one filter."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from convcli.choices import BORDERS
from convcli.core.digits import round_values
from convcli.core.methods import direct
from convcli.core.missing import Missing
from convcli.errors import ConvcliError, KernelError, UsageError
from convcli.filtering import planned_filter
from convcli.filtering.filter import Filter
from convcli.filtering.memory import filter_bytes
from convcli.filtering.run import apply_range, filter_image, measure
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData, Metadata, rgbx_of
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import get_kernel, read_spec


def make_filter(*names, **options):
    return Filter("test", tuple(map(get_kernel, names)), **options)


def gray(*shape, depth=8):
    rng = np.random.default_rng(4)
    return ImageData(rng.integers(0, 2**depth, shape, f"uint{depth}"), depth)


def through(image, image_filter):
    return filter_image(image, image_filter, image.depth)


bytes_ = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9))


@given(bytes_)
def test_identity_gives_the_image_back(pixels):
    for range_ in ("clip", "abs", "raw"):
        done = through(ImageData(pixels, 8), make_filter("identity", range=range_))
        assert np.array_equal(done.image.pixels, pixels)


@given(bytes_, st.sampled_from(["edge", "reflect", "symmetric", "wrap"]))
def test_a_kernel_that_sums_to_zero_makes_a_constant_image_black(pixels, border):
    flat = np.full_like(pixels, 77)
    done = through(ImageData(flat, 8), make_filter("outline", conv=ConvOptions(border=border)))
    assert not done.image.pixels.any()


@given(bytes_)
def test_the_transposed_kernel_filters_the_transposed_image(pixels):
    across = through(ImageData(pixels, 8), make_filter("sobel-x")).image.pixels
    down = through(
        ImageData(np.ascontiguousarray(pixels.T), 8), make_filter("sobel-y")
    ).image.pixels
    assert np.array_equal(across, down.T)


@given(bytes_)
def test_the_input_is_never_modified(pixels):
    before = pixels.copy()
    alpha = pixels // 2
    image = ImageData(pixels, 8, alpha)
    for image_filter in (
        make_filter("blur"),
        make_filter("blur", alpha="premultiply"),
        make_filter("sobel-x", range="abs"),
    ):
        through(image, image_filter)
    assert np.array_equal(pixels, before)
    assert np.array_equal(alpha, before // 2)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("shape", [(1, 1), (2, 70), (70, 2), (65, 33), (40, 20, 3)])
def test_values_and_counts_do_not_depend_on_the_strips(shape, depth):
    image = gray(*shape, depth=depth)
    done = through(image, make_filter("laplacian", range="offset"))
    wide = image.pixels.astype(int).reshape(*shape[:2], -1)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    values = ndimage.correlate(wide, kernel[..., np.newaxis], mode="nearest").reshape(shape)
    mid = 2 ** (depth - 1)
    assert np.array_equal(done.image.pixels, np.clip(values + mid, 0, 2 * mid - 1))
    assert (done.stats.minimum, done.stats.maximum) == (values.min(), values.max())
    outside = (values < -mid) | (values >= mid)
    assert done.stats.clipped == pytest.approx(outside.mean())
    assert measure(image, make_filter("laplacian")) == (values.min(), values.max())


def test_extremes_replace_the_maps_own():
    image = ImageData(np.array([[10, 20]], np.uint8), 8)
    image_filter = make_filter("identity", range="rescale")
    assert filter_image(image, image_filter, 8).image.pixels.tolist() == [[0, 255]]
    assert filter_image(image, image_filter, 8, (0, 20)).image.pixels.tolist() == [[128, 255]]


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("ends", [(1, 99), (0, 100), (10.5, 60)])
def test_percentile_maps_numpys_percentiles_of_all_channels_to_black_and_white(dtype, ends):
    rng = np.random.default_rng(8)
    pixels = rng.integers(0, 256, (40, 30, 3)).astype(dtype)
    image_filter = make_filter("outline", range="percentile", percentile=ends)
    depth = 8 if dtype is np.uint8 else None
    done = filter_image(ImageData(pixels, depth), image_filter, depth)
    raw = filter_image(ImageData(pixels, depth), make_filter("outline", range="raw"), None)
    values = raw.image.pixels.astype(float)
    low, high = (float(np.percentile(values, end)) for end in ends)
    white = 255 if depth else 1
    expected = np.clip((values - low) / (high - low), 0, 1) * white
    np.testing.assert_allclose(done.image.pixels, expected, atol=0.5001 if depth else 1e-6)
    assert done.stats.clipped == ((values < low) | (values > high)).mean()
    low_high = measure(ImageData(pixels, depth), image_filter)
    assert low_high == pytest.approx((low, high))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_the_memory_that_percentiles_take_is_counted(dtype):
    image = ImageData(np.random.default_rng(3).integers(0, 256, (500, 400)).astype(dtype), None)
    box = Filter("box", (get_kernel("box:3"),), range="percentile", threads=1)
    tracemalloc.start()
    measure(image, box)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= filter_bytes(image, box, None) <= 3 * peak


@pytest.mark.parametrize("names", [["sobel-x"], ["gaussian:5"], ["sobel-x", "sobel-y"]])
@pytest.mark.parametrize("border", ["edge", "constant"])
def test_the_bytes_of_missing_pixels_are_bounded(names, border):
    image, rng = gray(700, 800, 3), np.random.default_rng(5)
    conv = ConvOptions(border=border, fill=3 if border == "constant" else 0)
    missing = Missing(mask=rng.random(image.pixels.shape) < 0.3)
    combine = "magnitude" if len(names) > 1 else None
    masked = make_filter(*names, conv=conv, combine=combine, missing=missing, threads=2)
    tracemalloc.start()
    through(image, masked)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= filter_bytes(image, masked, 8) <= 12 * peak


def test_percentiles_are_those_of_finite_values():
    pixels = np.array([[np.nan, np.inf, 0, 1, 2, 3, 4, -np.inf]])
    image_filter = make_filter("1", range="percentile", percentile=(25, 75))
    assert measure(ImageData(pixels, None), image_filter) == (1, 3)
    done = filter_image(ImageData(pixels, None), image_filter, None).image.pixels
    np.testing.assert_array_equal(done, [[np.nan, 1, 0, 0, 0.5, 1, 1, 0]])
    empty = ImageData(np.full((2, 2), np.nan), None)
    assert np.isnan(filter_image(empty, image_filter, None).image.pixels).all()


def test_a_raw_result_gets_the_percentiles_later():
    image = gray(20, 20)
    base = make_filter("outline", range="percentile", percentile=(5, 90))
    raw = filter_image(image, base._replace(range="raw"), None)
    later = apply_range(raw, base, 8)
    at_once = filter_image(image, base, 8)
    assert np.array_equal(later.image.pixels, at_once.image.pixels)
    assert later.stats.clipped == at_once.stats.clipped


QUOTIENTS = [get_kernel("blur"), Kernel([[1, 2, 1]], -5), Kernel([[1, -1], [2, 1]], 0.5, 0.125)]


@given(bytes_, st.sampled_from(QUOTIENTS))
def test_quotients_that_end_are_written_whole(pixels, kernel):
    divided, sums = (
        through(ImageData(pixels, 8), Filter("test", (each,), range="raw")).image
        for each in (kernel, Kernel(kernel.matrix))
    )
    shown = round_values(divided.pixels, divided.decimals).astype(str)
    exact = sums.pixels / kernel.divisor + kernel.bias
    assert np.array_equal(shown.astype(float), exact)


def test_metadata_and_format_go_with_the_image_and_notes_do_not():
    metadata = Metadata(dpi=(72.0, 72.0), duration=40.0)
    image = ImageData(np.zeros((3, 3), np.uint8), 8, None, "JPEG", metadata, ("noted already",))
    done = through(image, make_filter("blur")).image
    assert (done.metadata, done.format, done.notes) == (metadata, "JPEG", ())


def test_nan_is_counted_and_stays_local():
    pixels = np.zeros((9, 9))
    pixels[4, 4] = np.nan
    done = filter_image(ImageData(pixels, None), make_filter("box:3"), None)
    assert done.stats.nans == 9
    assert np.isnan(done.image.pixels[3:6, 3:6]).all()
    assert np.isfinite(done.image.pixels).sum() == 72


@pytest.mark.parametrize(
    "options", [ConvOptions(), ConvOptions(padding="full"), ConvOptions(stride=(2, 3))]
)
def test_alpha_has_the_size_of_the_pixels(options):
    pixels = np.zeros((7, 8, 3), np.uint8)
    image = ImageData(pixels, 8, np.full((7, 8), 255, np.uint8))
    for alpha in ("keep", "premultiply"):
        done = through(image, make_filter("blur", conv=options, alpha=alpha)).image
        assert done.alpha.shape == done.pixels.shape[:2]
        assert (done.alpha == 255).all()
    assert through(image, make_filter("blur", alpha="drop")).image.alpha is None


def test_premultiply_at_16_bits_does_not_wrap():
    white = np.full((40, 40, 3), 65535, np.uint16)
    image = ImageData(white, 16, np.full((40, 40), 65535, np.uint16))
    done = through(image, make_filter("box:31", alpha="premultiply")).image
    assert (done.pixels == 65535).all()
    assert (done.alpha == 65535).all()


@pytest.mark.parametrize(
    "image_filter", [make_filter("outline"), make_filter("blur", "box", combine="max")]
)
def test_premultiply_needs_one_kernel_that_sums_to_something(image_filter):
    image = ImageData(np.zeros((4, 4), np.uint8), 8, np.zeros((4, 4), np.uint8))
    image_filter = Filter("test", image_filter.kernels, image_filter.combine, alpha="premultiply")
    with pytest.raises(UsageError, match="premultiply"):
        through(image, image_filter)


def test_a_kernel_over_the_channels_makes_gray():
    image = gray(5, 6, 3)
    kernel = Kernel(np.arange(12).reshape(3, 2, 2))
    done = through(image, Filter("test", (kernel,), range="raw")).image
    assert (done.pixels.shape, done.depth) == ((5, 6), None)
    with pytest.raises(KernelError, match="3 channels"):
        through(gray(5, 6), Filter("test", (kernel,)))


@pytest.mark.parametrize("names", [("blur", "flat"), ("flat", "blur")])
def test_maps_of_gray_and_of_color_do_not_combine(names):
    flat = Kernel(np.ones((3, 3, 3)))
    kernels = tuple(flat if name == "flat" else get_kernel(name) for name in names)
    for shape in [(5, 6, 3), (5, 3, 3), (3, 3, 3)]:
        with pytest.raises(ConvcliError):
            through(gray(*shape), Filter("test", kernels, "sum"))


@pytest.mark.parametrize(("depth", "max_value"), [(8, 255), (16, 65535)])
def test_a_kernels_own_bias_is_in_the_images_depth(depth, max_value):
    flat = ImageData(np.full((3, 3), max_value // 3, f"uint{depth}"), depth)
    assert (through(flat, make_filter("contour")).image.pixels == max_value).all()
    assert (through(flat, make_filter("contour", bias=7)).image.pixels == 7).all()


def test_families_combine_as_they_say():
    image = gray(8, 9)
    for name in ("sobel", "kirsch"):
        family = read_spec(name)
        image_filter = Filter(name, family.kernels, family.combine, range="raw")
        values = through(image, image_filter).image.pixels
        maps = [
            ndimage.correlate(image.pixels.astype(int), kernel.matrix, mode="nearest")
            for kernel in family.kernels
        ]
        expected = np.hypot(*maps) if family.combine == "magnitude" else np.max(maps, axis=0)
        assert np.allclose(values, expected)


def test_a_bias_is_added_after_the_weighting_with_alpha():
    pixels = np.full((5, 5), 100, np.uint8)
    image = ImageData(pixels, 8, np.full((5, 5), 51, np.uint8))
    done = through(image, make_filter("blur", alpha="premultiply", bias=7)).image
    assert (done.pixels == 107).all()
    assert (done.alpha == 51).all()


def test_a_sum_of_maps_may_be_beyond_their_own_type():
    kernels = (Kernel(np.array([[8_000_000]])),) * 3
    image = ImageData(np.array([[255]], np.uint8), None)
    summed = filter_image(image, Filter("k", kernels, "sum", range="raw"), None).image
    assert summed.pixels.item() == 3 * 255 * 8_000_000


OVERWRITTEN = {
    "one kernel": make_filter("outline"),
    "floats": make_filter("gaussian:3"),
    "an even kernel": make_filter("box:2x4"),
    "two kernels": make_filter("sobel-x", "sobel-y", combine="magnitude"),
    "a range of two passes": make_filter("outline", range="rescale"),
    "below only": make_filter("outline", conv=ConvOptions(padding=(0, 2, 1, 1))),
    "above only": make_filter("outline", conv=ConvOptions(padding=(2, 0, 1, 1))),
    "dilation": make_filter("sharpen", conv=ConvOptions(dilation=3)),
    "no neighbors": make_filter("1"),
}


@pytest.mark.parametrize("strip_bytes", [1, 4000])
@pytest.mark.parametrize("name", OVERWRITTEN)
def test_overwriting_the_image_changes_no_result(strip_bytes, name, monkeypatch):
    monkeypatch.setattr(direct, "STRIP_BYTES", strip_bytes)
    monkeypatch.setattr(planned_filter, "MIN_OVERWRITTEN_BYTES", 0)
    rng, in_place = np.random.default_rng(8), []
    for shape, kind in [((200, 31), "u1"), ((60, 9, 3), "u1"), ((70, 13), "u2"), ((900, 9), "f4")]:
        for border in BORDERS:
            pixels, chosen = rng.integers(0, 256, shape).astype(kind), OVERWRITTEN[name]
            depth = None if kind == "f4" else 8 * pixels.itemsize
            conv = chosen.conv._replace(border=border, fill=7 * (border == "constant"))
            kind_of_range = "raw" if depth is None else chosen.range
            chosen = chosen._replace(conv=conv, range=kind_of_range, method="direct")
            expected = filter_image(ImageData(pixels, depth), chosen, depth)
            image = ImageData(pixels.copy(), depth)
            done = filter_image(image, chosen, depth, overwrite=True)
            np.testing.assert_array_equal(done.image.pixels, expected.image.pixels)
            assert done.image.decimals == expected.image.decimals
            assert repr(vars(done.stats)) == repr(vars(expected.stats))
            in_place.append(np.shares_memory(done.image.pixels, image.pixels))
    assert set(in_place) == {strip_bytes > 1 or name == "no neighbors"}


@pytest.mark.parametrize("depth", [8, 16])
def test_the_image_stays_if_it_cannot_be_overwritten(depth, monkeypatch):
    monkeypatch.setattr(planned_filter, "MIN_OVERWRITTEN_BYTES", 0)
    for options in ({"stride": 2}, {"padding": "valid"}, {"padding": "full"}, {"dilation": 10_000}):
        image = gray(20, 30, depth=depth)
        before = image.pixels.copy()
        image_filter = make_filter("outline", conv=ConvOptions(**options))
        done = filter_image(image, image_filter, depth, overwrite=True)
        assert not np.shares_memory(done.image.pixels, image.pixels)
        np.testing.assert_array_equal(image.pixels, before)
    read_only = gray(20, 30, depth=depth)
    read_only.pixels.flags.writeable = False
    filter_image(read_only, make_filter("outline"), depth, overwrite=True)


def test_only_large_images_are_overwritten():
    for side, large in ((100, False), (600, True)):
        image = gray(side, side)
        done = filter_image(image, make_filter("outline"), 8, overwrite=True)
        assert np.shares_memory(done.image.pixels, image.pixels) == large


RGBX = np.random.default_rng(6).integers(0, 256, (70, 40, 4), np.uint8)


@pytest.mark.parametrize(
    ("image_filter", "shares"),
    [
        (make_filter("outline"), True),
        (make_filter("outline", range="abs"), True),
        (make_filter("blur", range="offset"), True),
        (make_filter("sobel-x", "sobel-y", combine="magnitude"), True),
        (make_filter("outline", conv=ConvOptions(stride=2)), True),
        (make_filter("gaussian:5,sigma=1.3"), False),
        (make_filter("outline", range="rescale"), False),
        (make_filter("outline", range="percentile"), False),
        (make_filter("outline", range="raw"), False),
        (Filter("sum", (Kernel(np.array([[[1]], [[-2]], [[1]]])),)), False),
    ],
)
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("overwrite", [True, False])
def test_color_in_four_bytes_gives_the_same_result(image_filter, shares, counted, overwrite):
    image_filter = image_filter._replace(counted=counted)
    packed, before = ImageData(RGBX[..., :3].copy(), 8), RGBX.copy()
    depth = None if image_filter.range == "raw" else 8
    expected = filter_image(packed, image_filter, depth)
    image = ImageData(before[..., :3], 8)
    done = filter_image(image, image_filter, depth, overwrite=overwrite)
    np.testing.assert_array_equal(done.image.pixels, expected.image.pixels)
    assert (rgbx_of(done.image.pixels) is not None) == (shares and not counted)
    assert vars(done.stats) == vars(expected.stats)
    assert overwrite or np.array_equal(before, RGBX)
