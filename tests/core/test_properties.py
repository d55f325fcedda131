"""What holds for every image, kernel and options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convcli import convolve, cross_correlate, output_size
from convcli.errors import GeometryError

BORDERS = st.sampled_from(["edge", "zero", "reflect", "symmetric", "wrap"])
PADS = st.tuples(*[st.integers(0, 6)] * 4)
STEPS = st.tuples(st.integers(1, 3), st.integers(1, 3))
SIDES = st.integers(1, 8)
WEIGHTS = st.integers(-9, 9)


def images(dtype=np.int16):
    bounds = st.integers(-1000, 1000) if np.dtype(dtype).kind == "i" else st.integers(0, 255)
    shape = st.one_of(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES, st.integers(1, 3)))
    return arrays(dtype, shape, elements=bounds)


def kernels(least=1, greatest=4):
    side = st.integers(least, greatest)
    return arrays(np.int64, st.tuples(side, side), elements=WEIGHTS)


OPTIONS = st.fixed_dictionaries(
    {"padding": PADS, "border": BORDERS, "stride": STEPS, "dilation": STEPS}
)


def filtered(image, kernel, options, operation=cross_correlate):
    """Filter where a window fits."""
    try:
        return operation(image, kernel, **options)
    except GeometryError:
        return None


@pytest.mark.slow
@settings(max_examples=100)
@given(images(), kernels(), OPTIONS, WEIGHTS, st.integers(0, 99))
def test_linear_in_the_image(image, kernel, options, factor, seed):
    other = np.random.default_rng(seed).integers(-99, 99, image.shape)
    whole = filtered(image + factor * other, kernel, options)
    if whole is not None:
        parts = [filtered(part, kernel, options).astype(object) for part in (image, other)]
        np.testing.assert_array_equal(whole, parts[0] + factor * parts[1])


@pytest.mark.slow
@settings(max_examples=100)
@given(images(), kernels(), OPTIONS, WEIGHTS)
def test_linear_in_the_kernel(image, kernel, options, factor):
    other = np.arange(kernel.size).reshape(kernel.shape)
    whole = filtered(image, kernel + factor * other, options)
    if whole is not None:
        parts = [filtered(image, part, options).astype(object) for part in (kernel, other)]
        np.testing.assert_array_equal(whole, parts[0] + factor * parts[1])


@pytest.mark.slow
@settings(max_examples=100)
@given(images(), kernels(), st.integers(-9, 9), st.integers(-9, 9), STEPS)
def test_shifts_commute_on_a_torus(image, kernel, down, right, dilation):
    options = {"border": "wrap", "dilation": dilation}
    shifted = cross_correlate(np.roll(image, (down, right), (0, 1)), kernel, **options)
    expected = np.roll(cross_correlate(image, kernel, **options), (down, right), (0, 1))
    np.testing.assert_array_equal(shifted, expected)


@given(images(), st.integers(1, 5), st.integers(1, 5), STEPS, BORDERS)
def test_one_at_the_anchor_is_the_identity(image, rows, columns, dilation, border):
    """Between the two middles of a dilated even kernel there is no weight to be the anchor."""
    dilation = tuple(d if k % 2 else 1 for d, k in zip(dilation, (rows, columns), strict=True))
    kernel = np.zeros((rows, columns), int)
    kernel[(rows - 1) // 2, (columns - 1) // 2] = 1
    for operation in (cross_correlate, convolve):
        same = operation(image, kernel, border=border, dilation=dilation)
        np.testing.assert_array_equal(same, image)


@given(images(), kernels(), OPTIONS)
def test_transposition(image, kernel, options):
    top, bottom, left, right = options["padding"]
    turned = {
        **options,
        "padding": (left, right, top, bottom),
        "stride": options["stride"][::-1],
        "dilation": options["dilation"][::-1],
    }
    plain = filtered(image, kernel, options)
    mirrored = filtered(image.swapaxes(0, 1), kernel.T, turned)
    if plain is None:
        assert mirrored is None
    else:
        np.testing.assert_array_equal(mirrored, plain.swapaxes(0, 1))


@given(images(), kernels(greatest=9), OPTIONS, st.sampled_from([None, "valid", "same", "full", 2]))
def test_sizes_equal_output_size(image, kernel, options, rule):
    options = options if rule is None else {**options, "padding": rule}
    arguments = kernel.shape, options["padding"], options["stride"], options["dilation"]
    result = filtered(image, kernel, options)
    if result is None:
        with pytest.raises(GeometryError):
            output_size(image.shape[:2], *arguments)
    else:
        assert result.shape == output_size(image.shape[:2], *arguments) + image.shape[2:]


@given(images(), kernels(), OPTIONS)
def test_convolving_is_correlating_with_the_kernel_flipped(image, kernel, options):
    one = filtered(image, kernel, options, convolve)
    other = filtered(image, kernel[::-1, ::-1], options)
    np.testing.assert_equal(one, other)


@given(arrays(np.int64, (5, 6), elements=WEIGHTS), kernels())
def test_full_convolution_commutes(image, kernel):
    options = {"padding": "full", "border": "zero"}
    np.testing.assert_array_equal(
        convolve(image, kernel, **options), convolve(kernel, image, **options)
    )


@given(arrays(np.int64, (4, 5), elements=WEIGHTS), kernels(), kernels())
def test_full_convolution_is_associative(image, one, other):
    options = {"padding": "full", "border": "zero"}
    np.testing.assert_array_equal(
        convolve(convolve(image, one, **options), other, **options),
        convolve(image, convolve(one, other, **options), **options),
    )


@pytest.mark.slow
@settings(max_examples=100)
@given(images(), kernels(), OPTIONS)
def test_channels_are_filtered_each_on_its_own(image, kernel, options):
    whole = filtered(image, kernel, options)
    if whole is not None and image.ndim == 3:
        for channel in range(image.shape[2]):
            alone = filtered(image[..., channel], kernel, options)
            np.testing.assert_array_equal(whole[..., channel], alone)


@pytest.mark.slow
@settings(max_examples=100)
@given(images(), kernels(), OPTIONS)
def test_a_stride_keeps_every_nth_window(image, kernel, options):
    dense = filtered(image, kernel, {**options, "stride": 1})
    if dense is not None:
        down, right = options["stride"]
        np.testing.assert_array_equal(filtered(image, kernel, options), dense[::down, ::right])


@given(images(), kernels(), OPTIONS)
def test_a_dilation_is_a_kernel_with_holes(image, kernel, options):
    down, right = options["dilation"]
    shape = [d * (k - 1) + 1 for d, k in zip((down, right), kernel.shape, strict=True)]
    holed = np.zeros(shape, int)
    holed[::down, ::right] = kernel
    expected = filtered(image, holed, {**options, "dilation": 1})
    np.testing.assert_equal(filtered(image, kernel, options), expected)


@given(images(np.uint8), kernels(), OPTIONS)
def test_pixels_are_the_exact_sums_clipped(image, kernel, options):
    exact = filtered(image, kernel, options)
    if exact is not None:
        narrow = filtered(image, kernel, {**options, "dtype": np.uint8})
        np.testing.assert_array_equal(narrow, exact.clip(0, 255).astype(np.uint8))


@given(images(), kernels(), OPTIONS)
def test_inputs_are_untouched_and_results_repeat(image, kernel, options):
    before = image.tobytes(), kernel.tobytes()
    first, second = (filtered(image, kernel, options) for _ in range(2))
    assert (image.tobytes(), kernel.tobytes()) == before
    if first is not None:
        assert first.tobytes() == second.tobytes()
        assert not np.shares_memory(first, image)
        assert first.flags.writeable
