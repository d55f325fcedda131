"""Floats are within 1e-5 of the largest output by every method, also where weights cancel."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convcli import GeometryError, KernelError, UsageError, cross_correlate, get_kernel
from convcli.core.methods.direct import DirectMethod
from convcli.core.methods.im2col import Im2colMethod
from convcli.core.methods.toeplitz import ToeplitzMethod
from convcli.core.plan import make_plan
from convcli.core.precision import Partials, Precision
from convcli.geometry import ConvOptions

SINGLE = np.dtype(np.float32)


def images(kind, offset, spread, seed, shape=(60, 50)):
    rng = np.random.default_rng(seed)
    values = offset + spread * rng.standard_normal(shape)
    if kind == "f4":
        return values.astype("f4")
    return values.clip(0, np.iinfo(kind).max).astype(kind)


def kernels(form, side, seed):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((side, side))
    if form == "canceling":
        return noise - noise.mean()
    if form == "positive":
        return np.abs(noise)
    if form == "wild":
        return noise * 10.0 ** rng.integers(-6, 7, noise.shape)
    return np.outer(noise[0], noise[-1])


def error(found, image, kernel, **options):
    """The largest deviation from sums in float64, relative to the largest of them."""
    truth = cross_correlate(
        image.astype(np.float64), kernel.astype(np.float64), method="direct", **options
    )
    rounding = 1e-9 * np.abs(kernel).sum() * np.abs(image.astype(float)).max()  # the truth's own
    return np.abs(found - truth).max() / max(np.abs(truth).max(), rounding, 1e-300)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    method=st.sampled_from(["auto", "direct", "toeplitz"]),
    kind=st.sampled_from(["u1", "u2", "f4"]),
    offset=st.sampled_from([0, 100, 3e4, 1e6, -1e6]),
    spread=st.sampled_from([0, 1e-3, 1, 50, 1e4]),
    form=st.sampled_from(["canceling", "positive", "wild", "rank one"]),
    side=st.sampled_from([1, 2, 3, 5, 8, 15, 24]),
    bias=st.sampled_from([0, 0.5, -1000]),
    seed=st.integers(0, 9),
)
@example("toeplitz", "f4", 1e6, 1, "canceling", 15, 0, 0)
@example("direct", "u2", 3e4, 1e-3, "canceling", 24, -1000, 0)
def test_floats_are_near_enough(method, kind, offset, spread, form, side, bias, seed):
    image, kernel = images(kind, offset, spread, seed), kernels(form, side, seed)
    found = cross_correlate(image, kernel, method=method, bias=bias, padding="valid")
    assert found.dtype == SINGLE
    rounding = 2**-24  # of the result itself
    assert error(found, image, kernel, bias=bias, padding="valid") <= 1e-5 + rounding


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("offset", [0, 200, 5e4])
@pytest.mark.parametrize("form", ["canceling", "positive", "wild"])
def test_banks_are_near_enough(kind, offset, form):
    image = images(kind, offset, 10, 1, (40, 30, 3))
    planes = [kernels(form, 5, seed) for seed in range(36)]
    bank = np.array(planes).reshape(12, 3, 5, 5)
    found = cross_correlate(image, bank, method="matrix")
    assert error(found, image, bank) <= 1.1e-5


def test_strips_that_cancel_are_summed_again(monkeypatch):
    """A bright, even image is too much for float32, unless its strips are centered first."""
    used = []
    for method in (ToeplitzMethod, DirectMethod, Im2colMethod):
        whole = method.bind

        def bind(self, strip, rows, space, whole=whole):
            used.append((type(self).__name__, self.precision is not None))
            return whole(self, strip, rows, space)

        monkeypatch.setattr(method, "bind", bind)
    kernel = kernels("canceling", 7, 0)
    even = np.full((50, 50), 250, np.uint8)
    busy = images("u1", 100, 60, 0)
    cross_correlate(busy, kernel)
    assert used == [("ToeplitzMethod", True)]
    used.clear()
    cross_correlate(even, kernel)
    assert used == [("ToeplitzMethod", True)]
    used.clear()
    cross_correlate(even, kernel[np.newaxis], method="matrix")
    assert used == [("Im2colMethod", True), ("Im2colMethod", False)]


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("ground", [-150, 0, 90, 200])
@pytest.mark.parametrize("method", ["toeplitz", "direct"])
def test_even_images_keep_their_digits_and_black_stays_black(kind, stride, ground, method):
    image = images(kind, ground, 1, 0) if ground >= 0 or kind == "f4" else images(kind, 90, 1, 0)
    if ground == 0:
        image[20:40, 20:40] = 0
    kernel = kernels("canceling", 5, 3)
    found = cross_correlate(image, kernel, stride=stride, method=method)
    assert error(found, image, kernel, stride=stride) <= 1e-5
    if ground == 0 and stride == 1:
        assert not found[22:38, 22:38].any()


@pytest.mark.parametrize("hole", [0.8, np.nan, np.inf])
def test_opposite_weights_find_nothing_in_a_flat_image(hole):
    image = np.full((90, 300), 0.8, "f4")
    image[50, 7] = hole
    for weights in ([0.1, 0.2, -0.2, -0.1], [0.1, 0.7, -0.6, -0.1, 0.6, -0.7], [1, -2, 1]):
        found = cross_correlate(image, np.array([weights]) / 1.0)
        assert np.count_nonzero(found) == (0 if hole == 0.8 else len(weights))


@pytest.mark.parametrize("method", ["auto", "direct", "toeplitz", "separable", "fft"])
@pytest.mark.parametrize(("kind", "offset"), [("f4", 1e6), ("u2", 40000)])
def test_a_bias_that_cancels_costs_no_digits(method, kind, offset, by_loops):
    image = images(kind, offset, 1, 0, (9, 8))
    kernel = np.full((3, 3), 0.125)
    found = cross_correlate(image, kernel, method=method, bias=-offset * 1.125, padding="valid")
    exact = by_loops(image.astype(float), kernel, padding="valid") - offset * 1.125
    assert np.abs(found - exact).max() <= 1e-5 * np.abs(exact).max()


def test_weights_of_any_size_are_factored_truly():
    kernel = np.array([[1, 1e-10], [1e-10, 1e-15]])
    image = np.array([[1, 1], [1, 1e30]])
    with pytest.raises(KernelError, match="not separable"):
        cross_correlate(image, kernel, padding="valid", method="separable")
    assert np.isclose(cross_correlate(image, kernel, padding="valid")[0, 0], 1e15)


@pytest.mark.parametrize("method", ["auto", "separable", "toeplitz", "fft"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("sides", [(5, 7), (1, 9), (9, 1)])
def test_channels_do_not_mix(method, kind, channels, sides):
    """Rows that fill whole bands, so that the sums could take the result's memory."""
    rng = np.random.default_rng(6)
    image = rng.random((32 + sides[0] - 1, 64 + sides[1] - 1, channels)).astype(kind)
    kernel = np.outer(rng.random(sides[0]), rng.random(sides[1]))
    found = cross_correlate(image, kernel, method=method, padding="valid")
    planes = [
        cross_correlate(plane.astype("f8"), kernel, method="direct", padding="valid")
        for plane in np.moveaxis(image, 2, 0)
    ]
    np.testing.assert_allclose(found, np.stack(planes, 2), rtol=1e-5 if kind == "f4" else 1e-12)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("image", "kernel"),
    [
        ("(400, 1500), 'f4'", "rng.random((61, 3))"),
        ("(400, 1500, 3), 'f4'", "rng.random((16, 3, 5, 5))"),
        ("(40, 41, 130), 'f4'", "rng.random((131, 130, 3, 3))"),
        ("(40, 41, 130), 'f4'", "rng.random((1, 130, 3, 3))"),
        ("(1510, 120), 'f8'", "np.outer(rng.random(1501), rng.random(21))"),
    ],
    ids=["tall", "bank", "deep bank", "one filter", "rank one"],
)
def test_bytes_do_not_depend_on_the_threads_of_blas(image, kernel):
    """Workers have one each; an image by itself has as many as there are."""
    code = (
        "import numpy as np, hashlib; from convcli import cross_correlate\n"
        "rng = np.random.default_rng(0)\n"
        f"image, kernel = rng.random({image}), {kernel}\n"
        "found = cross_correlate(image, kernel, padding='valid')\n"
        "print(hashlib.md5(found.tobytes()).hexdigest())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for threads in ("1", "2", "4")
    }  # fmt: skip
    assert len(printed) == 1


@pytest.mark.parametrize("fill", [0.1, 1e20, 1e39])
@pytest.mark.parametrize("kind", ["u1", "?", "f2", "f4"])
@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
def test_fills_that_the_image_cannot_hold(fill, kind, method):
    image = np.ones((8, 8), kind)
    kernel = kernels("positive", 3, 0)
    found = cross_correlate(image, kernel, border="constant", fill=fill, method=method, dtype="f8")
    padded = np.pad(image.astype(float), 1, constant_values=fill)
    expected = cross_correlate(padded, kernel, padding="valid", method="direct")
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_what_would_break_the_types_is_refused_or_fits():
    image = np.array([[100, 110]], np.int32)
    found = cross_correlate(image, [[1]], border="constant", fill=100, bias=-32800)
    assert found.tolist() == [[-32700, -32690]]
    with pytest.raises(UsageError, match="64 bits"):
        cross_correlate(np.ones((3, 3), np.longdouble), [[1]])
    ramp = np.arange(25, dtype="f4").reshape(5, 5)
    kernel = kernels("canceling", 3, 0)
    asked = [cross_correlate(ramp, kernel, dtype=kind).astype("f8") for kind in ("f8", ">f8")]
    np.testing.assert_array_equal(*asked)


def test_true_is_no_number_however_often_1_was():
    image = np.zeros((5, 5))
    cross_correlate(image, [[1]], stride=(1, 1))
    with pytest.raises(GeometryError, match="whole number"):
        cross_correlate(image, [[1]], stride=(True, 1))


def test_float64_is_kept_where_it_is_asked_for():
    image = np.full((9, 9), 200, np.uint8)
    found = cross_correlate(image, get_kernel("gaussian:5").matrix, dtype=np.float64)
    assert found.dtype == np.float64
    assert np.abs(found - 200).max() <= 200e-12


@pytest.mark.parametrize("spread", [1e-30, 1e30])
def test_what_float32_cannot_hold_on_the_way(spread):
    image = (spread * np.random.default_rng(0).standard_normal((30, 30))).astype("f4")
    kernel = kernels("positive", 5, 0) / spread
    assert error(cross_correlate(image, kernel), image, kernel) <= 1e-5


@pytest.mark.parametrize(
    ("shape", "weights", "options"),
    [
        *[((120, 120), (3, 3), {"method": each}) for each in ("auto", "direct", "separable")],
        ((120, 120), (3, 3), {"method": "toeplitz"}),
        ((20, 20, 4), (1, 4, 3, 3), {"method": "direct"}),
        ((60, 60, 4), (8, 4, 3, 3), {"method": "matrix"}),
        ((3, 3, 4), (4, 1, 1, 2), {"groups": 4}),
        ((30, 30, 4), (4, 2, 3, 3), {"groups": 2}),
    ],
)
def test_weights_beyond_float32_are_not_rounded_to_it(shape, weights, options):
    image, kernel = np.full(shape, 1e-30, "f4"), np.full(weights, 1e39)
    found = cross_correlate(image, kernel, **options)
    exact = image.max().astype("f8") * kernel.sum() / (len(kernel) if kernel.ndim == 4 else 1)
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_black_is_black_without_a_second_sum():
    black = np.zeros((4, 4, 1), np.float32)
    precision = Precision(Partials.any_order(9, 5.0), 0)
    assert precision.is_accurate(black, highest=0)
    assert not precision.is_accurate(black * np.float32(np.nan), highest=1)


@pytest.mark.parametrize("form", ["canceling", "positive"])
@pytest.mark.parametrize("image", ["noise", "offset", "spike", "two halves", "black"])
def test_large_kernels_on_float64_are_as_accurate_as_single_passes(image, form):
    """Transforms are tried first; where one value stands out, they are refused."""
    pixels = np.random.default_rng(0).random((90, 80))
    if image == "offset":
        pixels += 1e4
    elif image == "spike":
        pixels[40, 30] = 1e9
    elif image == "two halves":
        pixels[:, 40:] *= 1e9
    elif image == "black":
        pixels[...] = 0
    kernel = kernels(form, 31, 1)
    assert make_plan(pixels, kernel, ConvOptions()).method == "fft"
    found = cross_correlate(pixels, kernel)
    passes = cross_correlate(pixels, kernel, method="direct")
    magnitudes = cross_correlate(pixels, np.abs(kernel), method="direct")
    assert np.abs(found - passes).max() <= 1e-12 * magnitudes.max()
    far = np.s_[:, :24]  # no window of these columns weighs the spike or the brighter half
    assert np.abs(found - passes)[far].max() <= 1e-6 * magnitudes[far].max()


@pytest.mark.parametrize("method", ["auto", "fft"])
def test_one_pixel_among_zeros_is_transformed_and_shows_the_kernel(method):
    kernel = kernels("canceling", 151, 1)
    found = cross_correlate(np.array([[2.0]]), kernel, method=method, border="zero", padding="full")
    np.testing.assert_allclose(found, 2 * kernel[::-1, ::-1], rtol=0, atol=2e-12 * kernel.max())
