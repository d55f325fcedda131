"""Anchors, and the paddings of ONNX and TensorFlow and of causal filters."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from convcli import convolve, cross_correlate, explain, output_size
from convcli.errors import GeometryError
from convcli.geometry import conv_geometry

SIDE = st.integers(1, 5)
RNG = np.random.default_rng(3)
IMAGE = RNG.integers(-9, 9, (11, 13))


def weights(rows, columns):
    return RNG.integers(-3, 4, (rows, columns))


@given(rows=SIDE, columns=SIDE)
def test_after_is_the_anchor_of_opencv_and_scipy(rows, columns):
    kernel, image = weights(rows, columns), IMAGE.astype(np.float64)
    ours = cross_correlate(IMAGE, kernel, border="zero", anchor="after")
    theirs = cv2.filter2D(image, -1, kernel.astype(float), borderType=cv2.BORDER_CONSTANT)
    assert np.array_equal(ours, theirs)
    assert np.array_equal(ours, ndimage.correlate(IMAGE, kernel, mode="constant"))
    flipped = convolve(IMAGE, kernel, border="zero", anchor="after")
    # Both leave the place of a convolution's value one before that of a correlation.
    origin = [-(side % 2 == 0) for side in (rows, columns)]
    turned = ndimage.correlate(IMAGE, kernel[::-1, ::-1], mode="constant", origin=origin)
    assert np.array_equal(flipped, turned)


@given(rows=SIDE, columns=SIDE, data=st.data())
def test_an_anchor_is_a_tap_of_the_kernel(rows, columns, data):
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    kernel, image = weights(rows, columns), IMAGE.astype(np.float64)
    ours = cross_correlate(IMAGE, kernel, border="reflect", anchor=(row, column))
    theirs = cv2.filter2D(image, -1, kernel.astype(float), anchor=(column, row))
    assert np.array_equal(ours, theirs)


@given(rows=SIDE, columns=SIDE, stride=st.integers(1, 3), dilation=st.integers(1, 3))
@pytest.mark.parametrize("rule", ["SAME_LOWER", "SAME_UPPER"])
def test_same_upper_and_same_lower_are_those_of_onnx(rule, rows, columns, stride, dilation):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    kernel = weights(rows, columns)
    options = {"strides": [stride] * 2, "dilations": [dilation] * 2, "auto_pad": rule}
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], **options)
    values = {"x": IMAGE[None, None].astype(float), "w": kernel[None, None].astype(float)}
    kinds = {
        name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None)
        for name in ("x", "w", "y")
    }
    graph = onnx.helper.make_graph([node], "g", [kinds["x"], kinds["w"]], [kinds["y"]])
    [theirs] = reference.ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, values)
    padding = rule.lower().replace("_", "-")
    ours = cross_correlate(
        IMAGE, kernel, padding=padding, border="zero", stride=stride, dilation=dilation
    )
    assert np.array_equal(ours, theirs[0, 0])


def test_same_upper_is_same_of_tensorflow():
    """n = 8, k = 3, s = 2 pads nothing before and one after; torch's padding=1 pads both."""
    geometry = conv_geometry((8, 8), (3, 3), "same-upper", 2)
    assert geometry.pads == (0, 1, 0, 1)
    assert geometry.output_shape == (4, 4)
    assert output_size(8, 3, padding="same-upper", stride=2) == 4


@given(taps=SIDE, dilation=st.integers(1, 3))
def test_causal_filters_see_no_later_sample(taps, dilation):
    signal, kernel = RNG.integers(-9, 9, 12), RNG.integers(-3, 4, taps)
    spread = np.zeros(dilation * (taps - 1) + 1, int)
    spread[::dilation] = kernel
    options = {"padding": "causal", "border": "zero", "dilation": (1, dilation)}
    assert np.array_equal(convolve(signal, kernel, **options), np.convolve(signal, spread)[:12])
    late = signal.copy()
    late[7:] += 5
    first = cross_correlate(signal, kernel, **options)[:7]
    assert np.array_equal(cross_correlate(late, kernel, **options)[:7], first)


def test_alpha_and_explanations_follow_the_anchor():
    kernel = np.ones((2, 2))
    before = explain([[1, 2], [3, 4]], kernel, (0, 0))
    after = explain([[1, 2], [3, 4]], kernel, (0, 0), anchor="after")
    assert (before.outputs[0].responses[0].rows, before.anchor) == ((0, 1), (0, 0))
    assert (after.outputs[0].responses[0].rows, after.anchor) == ((-1, 0), (1, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"anchor": "middle"}, "anchor must be before, after or ROW,COL, not 'middle'"),
        ({"anchor": (2, 0)}, "anchor 2,0 is outside of the kernel: rows are 0 to 1"),
        ({"anchor": (0, -1)}, "anchor must be at least 0, not -1"),
        ({"anchor": "after", "padding": "causal"}, "padding causal has an anchor of its own"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(GeometryError, match=message):
        cross_correlate(IMAGE, np.ones((2, 3)), **options)


def test_the_anchor_of_a_signal_is_one_number():
    assert cross_correlate([1, 2, 3], [1, 0], border="zero", anchor=1).tolist() == [0, 1, 2]
    assert cross_correlate([1, 2, 3], [1, 0], border="zero", anchor="after").tolist() == [0, 1, 2]
