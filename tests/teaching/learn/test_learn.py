"""Learned kernels against least squares on the full matrix, and against the kernels applied."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli import (
    GeometryError,
    UsageError,
    convolve,
    cross_correlate,
    get_kernel,
    learn_kernel,
    output_size,
)

SAMPLES = Path(__file__).parents[3] / "sample_images"
RNG = np.random.default_rng(4)
GRAY = RNG.integers(0, 256, (31, 40), np.uint8)
COLOR = RNG.integers(0, 256, (26, 29, 3), np.uint8)


def sample(name):
    with Image.open(SAMPLES / name) as image:
        return np.array(image)


def by_lstsq(before, after, taps, *, bias=True):
    """Solve for the valid windows of one channel by numpy, on the matrix of all windows."""
    views = np.lib.stride_tricks.sliding_window_view(before.astype(float), taps)
    matrix = views.reshape(-1, taps[0] * taps[1])
    if bias:
        matrix = np.column_stack([matrix, np.ones(len(matrix))])
    target = after.astype(float).ravel()
    solution, *_ = np.linalg.lstsq(matrix, target)
    left = target - matrix @ solution
    share = 1 - left @ left / ((target - target.mean()) ** 2).sum()
    weights = solution[: taps[0] * taps[1]].reshape(taps)
    return weights, solution[-1] if bias else 0.0, np.sqrt((left**2).mean()), share


@pytest.mark.slow
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("taps", [(3, 3), (1, 1), (2, 4), (5, 5), (1, 7)])
def test_least_squares_of_unrelated_images(taps, bias):
    after = RNG.normal(40, 9, [n - k + 1 for n, k in zip(GRAY.shape, taps, strict=True)])
    learned = learn_kernel(GRAY, after, taps, padding="valid", bias=bias)
    weights, offset, residual, share = by_lstsq(GRAY, after, taps, bias=bias)
    np.testing.assert_allclose(learned.weights, weights, atol=1e-12)
    np.testing.assert_allclose(learned.bias, offset, atol=1e-9)
    np.testing.assert_allclose([learned.residual, learned.r_squared], [residual, share], rtol=1e-9)


def test_condition_and_errors_are_those_of_the_windows():
    after = RNG.normal(size=(29, 38))
    learned = learn_kernel(GRAY, after, 3, padding="valid")
    views = np.lib.stride_tricks.sliding_window_view(GRAY.astype(float), (3, 3)).reshape(-1, 9)
    centered = views - views.mean(axis=0)
    singular = np.linalg.svd(centered, compute_uv=False)
    np.testing.assert_allclose(learned.condition, singular[0] / singular[-1], rtol=1e-9)
    full = np.column_stack([views, np.ones(len(views))])
    left = after.ravel() - full @ np.append(learned.weights, learned.bias)
    spread = left @ left / (len(full) - 10)
    errors = np.sqrt(spread * np.diag(np.linalg.inv(full.T @ full)))
    np.testing.assert_allclose(learned.errors.ravel(), errors[:9], rtol=1e-8)
    np.testing.assert_allclose(learned.bias_error, errors[9], rtol=1e-8)


MODELS = [
    {},
    {"operation": "convolve"},
    {"stride": 2},
    {"stride": (1, 3), "dilation": 2},
    {"dilation": (2, 1), "operation": "convolve"},
    {"padding": "valid"},
    {"padding": "full"},
    {"padding": (2, 0, 1, 3)},
    {"border": "zero"},
    {"border": "constant", "fill": 300},
    {"border": "reflect", "stride": 2},
    {"border": "wrap", "padding": "full", "operation": "convolve"},
]


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize(
    ("image", "taps"),
    [(GRAY, (2, 4)), (COLOR, (3, 3)), pytest.param(GRAY, (5, 5), marks=pytest.mark.slow)],
    ids=["gray", "color", "gray, large"],
)
def test_what_was_applied_is_learned(image, model, taps):
    kernel = RNG.normal(size=taps)
    options = {"padding": "same", **model}
    function = convolve if options.pop("operation", "") == "convolve" else cross_correlate
    after = function(image.astype(float), kernel, bias=7, **options)
    learned = learn_kernel(image, after, taps, **model)
    np.testing.assert_allclose(learned.weights, kernel, atol=1e-11)
    np.testing.assert_allclose(learned.bias, 7, atol=1e-9)
    rows, columns = after.shape[:2]
    assert (learned.windows == rows * columns * image[0, 0].size) == (
        "border" in model or model.get("padding") == "valid"
    )


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_random_layer_is_recovered(data):
    taps = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    dilation = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = data.draw(st.sampled_from(["same", "valid", "full", 1]))
    operation = data.draw(st.sampled_from(["correlate", "convolve"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    image, kernel = rng.normal(size=(24, 25)), rng.normal(size=taps)
    function = convolve if operation == "convolve" else cross_correlate
    layout = {"padding": padding, "stride": stride, "dilation": dilation}
    after = function(image, kernel, bias=0.5, **layout)
    learned = learn_kernel(image, after, taps, operation=operation, **layout)
    np.testing.assert_allclose(learned.weights, kernel, atol=1e-9)
    np.testing.assert_allclose(learned.bias, 0.5, atol=1e-9)


@pytest.mark.parametrize("operation", ["correlate", "convolve"])
@pytest.mark.parametrize("size", [3, 5])
def test_colors_to_one_channel_make_a_kernel_of_channels(operation, size):
    kernel = RNG.normal(size=(3, size, size))
    function = convolve if operation == "convolve" else cross_correlate
    after = function(COLOR, kernel)
    learned = learn_kernel(COLOR, after, size, operation=operation)
    assert learned.weights.shape == kernel.shape
    np.testing.assert_allclose(learned.weights, kernel, atol=1e-5)
    assert learned.match is None


def check_photograph(image, size):
    """Learn to 1e-6 from float32 output and to 1e-3 from output rounded to 8 bits."""
    kernel = np.random.default_rng(1).normal(size=(size, size))
    kernel /= np.abs(kernel).sum()
    exact = cross_correlate(image, kernel, bias=100)
    assert exact.dtype == np.float32
    learned = learn_kernel(image, exact, size)
    assert np.abs(learned.weights - kernel).max() < 1e-6
    rounded = cross_correlate(image, kernel, bias=100, dtype=np.uint8)
    learned = learn_kernel(image, rounded, size, ignore_clipped=True)
    assert np.abs(learned.weights - kernel).max() < 1e-3


@pytest.mark.slow
def test_5x5_from_a_photograph():
    check_photograph(sample("astronaut.png")[:160, 100:260], 5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["camera.png", "chelsea.png"])
def test_15x15_from_photographs(name):
    """One whole, and a part of one: with fewer pixels, less of the rounding averages out."""
    whole = sample(name)
    check_photograph(whole if name == "camera.png" else whole[20:276, 90:346], 15)


@pytest.mark.parametrize("size", [3, 5])
def test_what_the_residuals_show_makes_up_for_a_smooth_image(size):
    """Its condition number, squared by the normal equations, would leave 5 digits."""
    rows, columns = np.mgrid[:80, :90]
    smooth = 100 * np.sin(columns / 17) + 60 * np.cos(rows / 11 + columns / 30)
    rng = np.random.default_rng(0)
    image = smooth + 1e-3 * rng.normal(size=smooth.shape)
    kernel = rng.normal(size=(size, size))
    after = cross_correlate(image, kernel, padding="valid", method="direct")
    learned = learn_kernel(image, after, size)
    assert learned.condition > 1e5
    assert np.abs(learned.weights - kernel).max() < 2e-11


def test_clipped_values_spoil_the_kernel_unless_ignored():
    image, kernel = sample("camera.png"), get_kernel("sobel-x").matrix
    cut = cross_correlate(image, kernel, dtype=np.uint8)
    spoiled = learn_kernel(image, cut)
    assert np.abs(spoiled.weights - kernel).max() > 0.5
    inside = ((cut > 0) & (cut < 255))[1:-1, 1:-1].sum()
    assert spoiled.clipped == cut[1:-1, 1:-1].size - inside
    learned = learn_kernel(image, cut, ignore_clipped=True)
    np.testing.assert_allclose(learned.weights, kernel, atol=1e-12)
    assert (learned.windows, learned.clipped) == (inside, 0)
    deep = image.astype(np.uint16) * 257
    cut = cross_correlate(deep, kernel, dtype=np.uint16)
    learned = learn_kernel(deep, cut, ignore_clipped=True)
    np.testing.assert_allclose(learned.weights, kernel, atol=1e-12)


SMOOTHING = ["gaussian:3", "gaussian:7", "blur", "box:5", "unsharp:5"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "spec", "size"),
    [
        *itertools.product(["camera.png", "rocket.jpg"], SMOOTHING, [160]),
        *itertools.product(["camera.png"], SMOOTHING[:3], [None]),
        *itertools.product(["rocket.jpg"], SMOOTHING[3:], [None]),
    ],
)
def test_rounding_does_not_hide_a_name(name, spec, size):
    """Not even where a smooth image repeats what was rounded away."""
    image, kernel = sample(name), get_kernel(spec)
    if size is not None:
        image = image[100 : 100 + size, 200 : 200 + size]
    rounded = cross_correlate(image, kernel.matrix, divisor=kernel.divisor, dtype=np.uint8)
    learned = learn_kernel(image, rounded, kernel.shape, ignore_clipped=True)
    assert learned.match.certain
    assert spec in (learned.match.spec, *learned.match.also)
    assert learned.match.scale == 1


@pytest.mark.parametrize("name", ["contour", "outline", "emboss"])
def test_a_bias_of_16_bit_images_tells_kernels_apart_in_levels(name):
    kernel = get_kernel(name)
    bias = 257 * kernel.bias
    deep = GRAY.astype(np.uint16) * 257
    after = cross_correlate(deep.astype(float), kernel.weights, bias=bias)
    learned = learn_kernel(deep, after)
    assert name in (learned.match.spec, *learned.match.also)
    assert learned.bias == pytest.approx(bias, abs=1e-3)  # as the image has it


def test_several_pairs_are_learned_from_together():
    kernel = RNG.normal(size=(2, 2))
    small = [RNG.normal(size=(3, 4)) for _ in range(3)]
    results = [cross_correlate(each, kernel, padding="valid") for each in small]
    together = learn_kernel(small, results, 2)
    assert together.windows == 3 * 2 * 3
    np.testing.assert_allclose(together.weights, kernel, atol=1e-9)
    with pytest.raises(UsageError, match="3 images before, but 2 after"):
        learn_kernel(small, results[:2], 2)
    with pytest.raises(UsageError, match="same channels"):
        learn_kernel([GRAY, COLOR], [GRAY, COLOR[..., 0]])
    with pytest.raises(UsageError, match="no pair"):
        learn_kernel([], [])


def test_large_offsets_lose_no_digits():
    kernel = np.array([[1.0, -2.0, 0.5]])
    image = RNG.normal(size=(30, 30)) + 1e6
    after = cross_correlate(image, kernel, padding="valid")
    learned = learn_kernel(image, after, (1, 3))
    np.testing.assert_allclose(learned.weights, kernel, atol=1e-8)


def test_inputs_are_not_modified():
    before, after = GRAY.copy(), GRAY.copy()
    learn_kernel(before, after, ignore_clipped=True)
    np.testing.assert_array_equal(before, GRAY)
    np.testing.assert_array_equal(after, GRAY)


@pytest.mark.slow
def test_the_same_whatever_the_threads():
    image = sample("camera.png")
    after = cross_correlate(image, get_kernel("gaussian:5").weights)
    one, two = (learn_kernel(image, after, 5, threads=count) for count in (1, 2))
    np.testing.assert_array_equal(one.weights, two.weights)
    assert (one.bias, one.residual) == (two.bias, two.residual)


def test_a_flat_result_has_no_share_of_variance():
    learned = learn_kernel(GRAY, np.full(GRAY.shape, 9))
    assert learned.r_squared is None
    np.testing.assert_allclose(learned.weights, 0, atol=1e-12)
    np.testing.assert_allclose(learned.bias, 9)
    assert learned.match is None


@pytest.mark.parametrize(
    ("before", "after", "options", "words"),
    [
        (
            GRAY,
            GRAY[:20],
            {},
            ["before is 40x31", "after is 40x20", "40x31 (same), 38x29 (valid) or 42x33 (full)"],
        ),
        (GRAY, GRAY[::2, ::2], {}, ["20x16", "stride 2 would fit"]),
        (GRAY, GRAY, {"padding": 3}, ["40x31", "44x35 (with this padding)"]),
        (GRAY[:2], GRAY[:2], {"padding": "valid"}, ["kernel 3x3 exceeds"]),
        (GRAY[:2], GRAY[:2], {}, ["touches the padding", "name the border"]),
    ],
)
def test_sizes_that_do_not_suit_each_other(before, after, options, words):
    with pytest.raises(GeometryError) as raised:
        learn_kernel(before, after, **options)
    for text in words:
        assert text in str(raised.value)


def test_the_stride_that_is_advised_does():
    after = GRAY[::3, ::3]
    assert output_size(GRAY.shape, 3, "same", 3) == after.shape
    with pytest.raises(GeometryError, match="stride 3 would fit"):
        learn_kernel(GRAY, after)
    assert learn_kernel(GRAY, after, stride=3).match.spec == "identity"


STRIPES = np.tile(np.uint8([0, 200]), (20, 10))


@pytest.mark.parametrize(
    ("before", "after", "options", "words"),
    [
        (np.full((9, 9), 7), GRAY[:9, :9], {}, "before is flat"),
        (np.full((9, 9), 0.1), GRAY[:9, :9], {}, "before is flat"),
        (STRIPES, STRIPES, {}, "of 9 weights, only 1 combinations"),
        (GRAY[:4, :4], GRAY[:4, :4], {}, "4 windows cannot determine 9 weights and a bias"),
        (GRAY[:4, :4], GRAY[:4, :4], {"bias": False}, "4 windows cannot determine 9 weights;"),
        (COLOR, COLOR[..., :2], {}, "3 channels and after has 2"),
        (GRAY, COLOR[..., :2][:26, :29], {}, "40x31"),
        (GRAY[:26, :29], COLOR, {}, "1 channel and after has 3"),
        (GRAY, GRAY / 255, {"ignore_clipped": True}, "8-bit or 16-bit"),
        (GRAY, np.uint8(255 * (GRAY > 9)), {"ignore_clipped": True}, "no pixel is left"),
        (GRAY / np.where(GRAY > 3, 1, np.nan), GRAY, {}, "before holds NaN"),
        (GRAY, GRAY / np.where(GRAY > 3, 1, np.nan), {}, "after holds NaN"),
        (np.zeros((51, 51)), np.zeros((51, 51)), {"size": 51, "padding": 25}, "2,601 weights"),
        (
            np.zeros((9, 9, 999)),
            np.zeros((9, 9)),
            {},
            "3x3 kernel over 999 channels has 8,991 weights",
        ),
        (np.array([[np.inf, -np.inf]]), np.zeros((1, 2)), {"size": 1}, "before holds NaN"),
        (GRAY, GRAY, {"size": 0}, "kernel size must be at least 1"),
        (GRAY[0], GRAY, {}, "must be"),
        (GRAY, GRAY + 1j, {}, "real numbers"),
        (GRAY, GRAY, {"border": "odd"}, "border must be"),
        (GRAY, GRAY, {"border": "constant", "fill": np.nan}, "fill must be a finite number"),
        (GRAY, GRAY, {"border": "constant", "fill": -np.inf}, "fill must be a finite number"),
        (GRAY, GRAY, {"operation": "odd"}, "operation must be"),
        (GRAY, GRAY, {"threads": 0}, "threads"),
    ],
)
def test_what_determines_no_kernel(before, after, options, words):
    with pytest.raises(UsageError, match=words) as raised:
        learn_kernel(before, after, **options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("which", [0, 1])
def test_numbers_whose_squares_overflow_are_refused(which):
    images = [np.random.default_rng(0).normal(size=(9, 9)) for _ in range(2)]
    images[which] *= 1e300
    with pytest.raises(UsageError, match="scale both images down"):
        learn_kernel(*images)
