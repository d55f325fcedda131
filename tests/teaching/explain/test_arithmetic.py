"""The arithmetic of one value agrees with the filtering, and with loops that are not ours."""

import json
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convcli import GeometryError, KernelError, UsageError, convolve, cross_correlate, explain
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import read_spec
from convcli.teaching.explain.arithmetic import explain_image
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.text import explanation_data, explanation_text

RNG = np.random.default_rng(4)
GRAY = RNG.integers(0, 256, (9, 11), np.uint8)
COLOR = RNG.integers(0, 256, (7, 8, 3), np.uint8)
NUMPY_MODES = {"zero": "constant", "constant": "constant"}

small = st.integers(1, 4)
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
kernels = st.one_of(
    hnp.arrays(np.int64, st.tuples(small, small), elements=st.integers(-9, 9)),
    hnp.arrays(
        np.float64,
        st.tuples(small, small),
        elements=st.floats(-4, 4, width=16, allow_subnormal=False),
    ),
)
images = st.one_of(
    hnp.arrays(np.uint8, st.tuples(st.integers(4, 9), st.integers(4, 9))),
    hnp.arrays(np.uint8, st.tuples(st.integers(4, 6), st.integers(4, 6), st.just(3))),
    hnp.arrays(np.uint16, st.tuples(st.integers(4, 9), st.integers(4, 9))),
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(4, 9), st.integers(4, 9)),
        elements=st.floats(-100, 100, width=32),
    ),
)
conv_options = st.builds(
    ConvOptions,
    operation=st.sampled_from(["correlate", "convolve"]),
    padding=st.sampled_from(["same", "full", 3, (2, 5), (7, 0, 1, 12)]),
    border=st.sampled_from(["edge", "zero", "reflect", "symmetric", "wrap", "constant"]),
    fill=st.sampled_from([0, 7, 2.5]),
    stride=pairs,
    dilation=st.just((1, 1)) | pairs,
    anchor=st.sampled_from(["before", "after"]),
).map(lambda conv: conv if conv.border == "constant" else conv._replace(fill=0))


def position(draw_at, output):
    return int(draw_at[0] * output[0]), int(draw_at[1] * output[1])


@pytest.mark.slow
@settings(max_examples=60)
@given(
    image=images,
    kernel=kernels,
    conv=conv_options,
    divisor=st.sampled_from([1, 16, -3, 0.5]),
    bias=st.sampled_from([None, 0, 12, -0.75]),
    mapping=st.sampled_from(["clip", "abs", "offset", "rescale", "raw"]),
    share=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
)
def test_every_number_is_that_of_the_filtering(image, kernel, conv, divisor, bias, mapping, share):
    if mapping == "offset" and image.dtype == np.float32:
        mapping = "clip"
    function = convolve if conv.operation == "convolve" else cross_correlate
    options = conv._asdict()
    options.pop("operation")
    try:
        whole = function(image, kernel, divisor=divisor, bias=bias or 0, **options)
    except GeometryError:
        reject()  # the kernel is larger than the padded image
    at = position(share, whole.shape[:2])
    explained = explain(
        image, kernel, at, divisor=divisor, bias=bias, range=mapping, **conv._asdict()
    )

    depth = {"uint8": 8, "uint16": 16}.get(image.dtype.name)
    image_filter = Filter("k", (Kernel(kernel, divisor),), conv=conv, range=mapping, bias=bias)
    applied = filter_image(ImageData(image, depth), image_filter, depth).image.pixels
    values = np.atleast_1d(whole[at])
    pixels = np.atleast_1d(applied[at])
    assert explained.output_shape == whole.shape[:2]
    assert len(explained.outputs) == len(values)
    for output, value, pixel in zip(explained.outputs, values, pixels, strict=True):
        assert whole.dtype.type(output.value) == value
        assert applied.dtype.type(output.pixel) == pixel
        [response] = output.responses
        assert response.value == output.value == output.activated
        reach = sum(abs(w * p) for rows in zip(
            response.sums[0].window, response.sums[0].weights, strict=True
        ) for w, p in zip(*rows, strict=True))  # fmt: skip
        worked = response.sum / response.divisor + response.bias
        assert math.isclose(worked, value, rel_tol=1e-6, abs_tol=2e-5 * (reach + 1))


@pytest.mark.slow
@settings(max_examples=50)
@given(image=images, kernel=kernels, conv=conv_options, share=st.tuples(*[st.floats(0, 0.999)] * 2))
def test_the_window_is_what_numpy_pads(image, kernel, conv, share):
    """np.pad and plain indexing, and products one by one."""
    options = conv._asdict() | {"operation": "correlate"}
    output = cross_correlate(
        image, kernel, **{k: v for k, v in options.items() if k != "operation"}
    ).shape
    at = position(share, output)
    explained = explain(image, kernel, at, **options)
    pads = explained.pads
    around = [(pads.top, pads.bottom), (pads.left, pads.right)] + [(0, 0)] * (image.ndim - 2)
    fill = conv.fill if conv.border == "constant" else 0
    more = {"constant_values": fill} if conv.border in NUMPY_MODES else {}
    wide = image.astype(float)
    padded = np.pad(wide, around, NUMPY_MODES.get(conv.border, conv.border), **more)
    marks = np.pad(np.zeros(image.shape[:2], bool), around[:2], constant_values=True)
    window = np.ix_(*(
        at[axis] * conv.stride[axis] + np.arange(kernel.shape[axis]) * conv.dilation[axis]
        for axis in (0, 1)
    ))  # fmt: skip
    for channel, out in enumerate(explained.outputs):
        [response] = out.responses
        [part] = response.sums
        plane = padded if image.ndim == 2 else padded[..., channel]
        np.testing.assert_allclose(part.window, plane[window], rtol=1e-7)
        np.testing.assert_array_equal(response.padding, marks[window])
        np.testing.assert_array_equal(part.weights, kernel)
        np.testing.assert_allclose(
            part.products, np.multiply(part.window, kernel), rtol=1e-12, atol=1e-300
        )
        total = math.fsum(np.ravel(part.products).astype(float))
        assert math.isclose(part.sum, total, rel_tol=1e-9, abs_tol=1e-9 * np.abs(plane).max())


def test_integers_stay_integers():
    [output] = explain(GRAY, [[1, 2], [3, -4]], (2, 3)).outputs
    [part] = output.responses[0].sums
    numbers = [*np.ravel(np.array(part.products, object)), part.sum, output.value, output.pixel]
    assert {type(number) for number in numbers} == {int}


def test_sums_are_those_of_paper():
    [output] = explain([[0.1, 0.2], [3, 1]], [[1, 1], [0.1, 0.4]], (0, 0)).outputs
    [part] = output.responses[0].sums
    assert part.products == ((0.1, 0.2), (0.3, 0.4))
    assert part.sum == 1


def test_what_floats_cannot_hold_is_infinite():
    [output] = explain([[1e308, 1e308]], [[1, 1]], (0, 0)).outputs
    [part] = output.responses[0].sums
    assert part.products == ((1e308, 1e308),)
    assert type(part.products[0][0]) is float
    assert part.sum == output.pixel == math.inf


def test_a_convolution_shows_the_flipped_kernel():
    kernel = np.arange(6).reshape(2, 3)
    [output] = explain(GRAY, kernel, (4, 4), operation="convolve").outputs
    np.testing.assert_array_equal(output.responses[0].sums[0].weights, kernel[::-1, ::-1])


def test_taps_have_the_places_of_the_input():
    [output] = explain(GRAY, np.ones((2, 3)), (0, 2), stride=2, dilation=(3, 2)).outputs
    response = output.responses[0]
    assert (response.rows, response.columns) == ((-1, 2), (2, 4, 6))
    assert response.padding == ((True,) * 3, (False,) * 3)


def test_a_kernel_over_channels_has_a_sum_for_each_and_a_total():
    kernel = RNG.integers(-5, 5, (3, 2, 2))
    [output] = explain(COLOR, kernel, (3, 4), padding="valid").outputs
    [response] = output.responses
    assert [part.channel for part in response.sums] == ["red", "green", "blue"]
    parts = [int((COLOR[3:5, 4:6, c].astype(int) * kernel[c]).sum()) for c in range(3)]
    assert [part.sum for part in response.sums] == parts
    assert response.sum == response.value == sum(parts)


def test_channels_on_their_own_have_an_output_each():
    explained = explain(COLOR, [[1]], (3, 4))
    assert [output.channel for output in explained.outputs] == ["red", "green", "blue"]
    assert [output.pixel for output in explained.outputs] == COLOR[3, 4].tolist()
    plain = explain(COLOR.astype(float), [[1]], (3, 4))  # named like the channels of a kernel
    assert [output.channel for output in plain.outputs] == ["red", "green", "blue"]
    plain = explain(COLOR[..., :2], [[1]], (3, 4))
    assert [output.channel for output in plain.outputs] == ["channel 1", "channel 2"]


@pytest.mark.parametrize("spec", ["sobel", "kirsch", "prewitt"])
@pytest.mark.parametrize("mapping", ["clip", "rescale", "raw"])
def test_a_family_is_explained_member_by_member(spec, mapping):
    kernels = read_spec(spec)
    filtering = Filter(spec, kernels.kernels, kernels.combine, range=mapping)
    applied = filter_image(ImageData(GRAY, 8), filtering, None if mapping == "raw" else 8)
    for at in ((0, 0), (3, 7), (8, 10)):
        explained = explain(GRAY, spec, at, range=mapping)
        [output] = explained.outputs
        assert [r.kernel for r in output.responses] == [k.name for k in kernels.kernels]
        for response, kernel in zip(output.responses, kernels.kernels, strict=True):
            assert response.value == cross_correlate(GRAY, kernel.matrix)[at]
        values = [response.value for response in output.responses]
        expected = max(values) if kernels.combine == "max" else math.hypot(*values)
        assert output.value == pytest.approx(expected, rel=1e-12)
        pixels = applied.image.pixels
        assert pixels.dtype.type(output.pixel) == pixels[at]


COMBINED = {"sum": sum, "max": max, "mean": lambda values: sum(values) / len(values)}


@pytest.mark.parametrize("combine", COMBINED)
def test_a_family_can_be_combined_otherwise(combine):
    [output] = explain(GRAY, "sobel", (4, 4), combine=combine).outputs
    assert output.value == COMBINED[combine]([response.value for response in output.responses])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("leaky-relu", lambda x: x if x > 0 else 0.01 * x),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("tanh", math.tanh),
    ],
)
@pytest.mark.parametrize("weight", [-1, 0.25])
def test_activations_keep_their_fractions(activation, expected, weight):
    [output] = explain([[1, 2], [3, 4]], [[weight]], (1, 0), activation=activation).outputs
    assert output.activated == pytest.approx(expected(3 * weight), rel=1e-6)
    assert output.pixel == output.activated


def test_relu_comes_before_the_range():
    at = np.unravel_index(cross_correlate(GRAY, [[-1, 0, 1]]).argmin(), GRAY.shape)
    [output] = explain(GRAY, [[-1, 0, 1]], at, range="abs", activation="relu").outputs
    assert output.value < 0
    assert (output.activated, output.pixel) == (0, 0)
    low = explain(GRAY, [[-1, 0, 1]], at, range="rescale", activation="relu").extremes[0]
    assert low == 0


def test_a_kernel_keeps_its_divisor_and_its_bias_at_the_images_depth():
    emboss = Kernel([[1, 2, 1]], divisor=4, bias=128)
    eight = explain(GRAY, emboss, (2, 2)).outputs[0].responses[0]
    assert (eight.divisor, eight.bias) == (4, 128)
    sixteen = explain(GRAY.astype(np.uint16), emboss, (2, 2)).outputs[0].responses[0]
    assert sixteen.bias == 128 * 257
    own = explain(GRAY, emboss, (2, 2), divisor=2, bias=1).outputs[0].responses[0]
    assert (own.divisor, own.bias) == (2, 1)


def test_weights_of_zero_take_no_part_and_nan_reaches_the_sum():
    image = [[math.nan, 1.0], [2.0, math.inf]]
    [output] = explain(image, [[0, 1], [1, 0]], (0, 0), padding="valid").outputs
    assert output.pixel == 3
    assert output.responses[0].sums[0].products == ((0, 1), (2, 0))
    [output] = explain(image, [[1, 1], [1, 1]], (0, 0), padding="valid").outputs
    assert math.isnan(output.value)
    data = explanation_data(explain(image, [[1]], (0, 0)))
    assert data["outputs"][0]["pixel"] is None
    json.dumps(data, allow_nan=False)


def test_alpha_has_no_part():
    alpha = np.zeros_like(GRAY)
    image_filter = Filter("k", (Kernel([[1, 2, 1]], 4),), alpha="premultiply")
    explained = explain_image(ImageData(GRAY, 8, alpha), image_filter, (3, 3))
    assert explained.outputs == explain(GRAY, Kernel([[1, 2, 1]], 4), (3, 3)).outputs


def test_the_image_is_not_modified():
    before = GRAY.copy()
    explain(GRAY, "gaussian:5", (0, 0), range="rescale")
    np.testing.assert_array_equal(GRAY, before)


@pytest.mark.parametrize("at", [(9, 0), (0, 11), (-1, 0), (0, -1)])
def test_a_position_outside_says_what_there_is(at):
    with pytest.raises(GeometryError, match="rows are 0 to 8, columns 0 to 10"):
        explain(GRAY, "blur", at)
    with pytest.raises(GeometryError, match="5x4 feature map: rows are 0 to 3, columns 0 to 4"):
        explain(GRAY, "blur", at, padding="valid", stride=2)


@pytest.mark.parametrize("at", [3, (1,), (1, 2, 3), (1.0, 2), (True, 1), "3,4", None])
def test_what_is_no_position_is_refused(at):
    with pytest.raises(UsageError, match="row and column"):
        explain(GRAY, "blur", at)


def test_a_bank_is_refused():
    with pytest.raises(KernelError, match="bank"):
        explain(GRAY, np.ones((2, 1, 3, 3)), (0, 0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"activation": "softmax"}, "activation must be one of none, relu, leaky-relu"),
        ({"combine": "max"}, "combine needs two"),
        ({"range": "wide"}, "range"),
        ({"border": "wide"}, "border"),
        ({"operation": "wide"}, "operation"),
        ({"divisor": 0}, "divisor"),
    ],
)
def test_wrong_arguments_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        explain(GRAY, "blur", (0, 0), **options)


@pytest.mark.parametrize(
    ("pixel", "weight"),
    [
        (np.float16(65504), 6),
        (np.float32(123456792), 1),
        (np.float16(0.1), 1),
        (np.float32(0.1), 2),
    ],
)
def test_window_sum_and_value_are_those_of_the_map(pixel, weight):
    image = np.array([[pixel]])
    explained = explain(image, [[weight]], (0, 0))
    shown = as_shown(explained).outputs[0]
    [part] = shown.responses[0].sums
    exact = cross_correlate(image, [[weight]])[0, 0]
    assert np.float32(part.window[0][0]) == np.float32(pixel)
    assert part.sum == shown.value
    assert shown.value == pytest.approx(float(exact), rel=1e-6)
    if float(pixel).is_integer():
        assert part.window[0][0] * weight == part.sum == float(pixel) * weight


def test_a_value_has_the_type_of_the_map():
    image, kernel = np.full((1, 5), 255, np.uint8), [[30000] * 5]
    [output] = explain(image, kernel, (0, 2), divisor=7).outputs
    whole = cross_correlate(image, kernel, divisor=7)
    assert output.value == whole[0, 2] == 5464285.5
    assert output.responses[0].value == 5464285.5


def test_what_rounds_to_the_pixel_is_shown():
    """11560433 / 289 is below 40001.5, which float32 cannot tell from it."""
    image = np.full((17, 17), 40001, np.uint16)
    image.flat[:144] = 40002
    explained = explain(image, np.ones((17, 17), int), (0, 0), divisor=289, padding="valid")
    [output] = explained.outputs
    assert (output.value, output.pixel) == (40001.5, 40001)
    text = explained.text()
    assert "value     11560433 / 289 ~ 40001.4982698962\n" in text
    assert "clip      40001.4982698962 -> 40001 (rounded" in text


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, ["clip      220.497 -> 220 (rounded, halves to even)"]),
        ({"bias": 1}, ["value     220.497 + 1 = 221.497", "clip      221.497 -> 221 (rounded"]),
        ({"range": "raw"}, ["raw       the value itself", "value     220.497"]),
    ],
)
def test_no_number_is_written_in_two_ways(options, lines):
    """The sum is 220.4975 and a little, which float32 rounds to another last digit."""
    image = np.uint8([[222, 209, 214, 245, 208]])
    text = explain(image, "gaussian:5x1", (0, 2), **options).text()
    *_, total, steps = re.split(r"~ ([\d.]+)\n", text, maxsplit=1)
    assert total == "220.497"
    assert steps.startswith("\n".join(lines))


def test_a_short_repr_and_the_text_of_the_command():
    explained = explain(COLOR, "blur", (3, 4))
    assert repr(explained).startswith("Explanation(kernel='blur', at=(3, 4), pixels=(")
    assert len(repr(explained)) < 80
    assert explained.text() == explanation_text(explained)
    assert " 0.11 " in explain(COLOR / 1, np.full((3, 3), 1 / 9), (3, 4)).text(digits=2)


def test_computed_weights_show_the_digits_that_matter():
    text = explain(GRAY, "gaussian:3", (3, 4)).text()
    assert "0.057118259" in text
    assert max(len(word) for word in text.replace("*", " ").split()) <= 13


@pytest.mark.slow
@settings(max_examples=50)
@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        (2, 3),
        elements=st.floats(-1000, 1000, width=16),
    ),
    hnp.arrays(np.float64, (2, 3), elements=st.floats(-4, 4, width=16, allow_subnormal=False)),
)
def test_shown_numbers_add_up_to_the_map(image, kernel):
    """As a reader adds up what is shown: within a unit of the last decimal."""
    explained = explain(image, kernel, (0, 0), padding="valid")
    [output] = as_shown(explained).outputs
    [part] = output.responses[0].sums
    pixels, weights = (np.ravel(np.array(grid, object)) for grid in (part.window, part.weights))
    pairs = zip(pixels, weights, strict=True)
    terms = [Fraction(repr(pixel)) * Fraction(repr(weight)) for pixel, weight in pairs]
    single = image.dtype != np.float64
    unit = Fraction(8) * Fraction(2.0 ** (-23 if single else -52)) * sum(map(abs, terms)) * 10
    assert abs(sum(terms) - Fraction(repr(part.sum))) <= unit
    whole = cross_correlate(image, kernel, padding="valid")
    assert abs(Fraction(float(whole[0, 0])) - Fraction(repr(output.value))) <= unit
