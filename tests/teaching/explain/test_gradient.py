"""Gradients against finite differences, scipy and torch; and their text, data and figure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve2d

from convcli import (
    GeometryError,
    Kernel,
    KernelError,
    UsageError,
    convolve,
    cross_correlate,
    explain_gradient,
    pad,
)
from convcli.teaching.explain.gradient.text import gradient_data

RNG = np.random.default_rng(17)
TORCH_BORDERS = {"zero": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}
SLIDES = {"correlate": cross_correlate, "convolve": convolve}


def central_differences(loss, values, step):
    """The slope of a loss by each number; exact, up to rounding, of a loss of degree 2."""
    slopes = np.empty(values.shape)
    for place in np.ndindex(values.shape):
        up, down = values.copy(), values.copy()
        up[place] += step
        down[place] -= step
        slopes[place] = (loss(up) - loss(down)) / (2 * step)
    return slopes


@st.composite
def convolutions(draw):
    """An image, weights, and the options of a convolution; all of them fit each other."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    channels, filters = draw(st.sampled_from([(0, 0), (2, 0), (2, 1), (3, 2)]))
    shape = draw(st.tuples(st.integers(3, 5), st.integers(3, 6)))
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    image = rng.integers(-9, 10, (*shape, channels) if channels else shape).astype(float)
    summed = channels and draw(st.booleans() if filters < 2 else st.just(True))
    weights = rng.integers(-4, 5, (*([filters] * (filters > 1)), *[channels] * summed, *size))
    conv = {
        "padding": draw(st.sampled_from(["same", "full", (2, 2), (0, 3, 4, 1)])),
        "border": draw(
            st.sampled_from(["edge", "zero", "reflect", "symmetric", "wrap", "constant"])
        ),
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "anchor": draw(st.sampled_from(["before", "after"])),
        "divisor": draw(st.sampled_from([1, 4, -0.5])),
        "bias": draw(st.sampled_from([0, 2.5])),
    }
    if conv["border"] == "constant":
        conv["fill"] = draw(st.sampled_from([0, 3.5]))
    operation = draw(st.sampled_from(["correlate", "convolve"]))
    return rng, image, weights.astype(float), operation, conv, draw(st.booleans())


@given(convolutions())
def test_gradients_are_the_slopes_of_the_loss(case):
    rng, image, weights, operation, conv, has_target = case
    slide = SLIDES[operation]

    def output(x, w, b=0.0):
        return slide(x, w, **conv | {"bias": conv["bias"] + b}, dtype=float)

    y = output(image, weights)
    target = rng.integers(-50, 50, y.shape).astype(float) if has_target else None

    def loss(values):
        return values.sum() if target is None else ((values - target) ** 2).mean()

    explained = explain_gradient(image, weights, operation=operation, target=target, **conv)
    assert explained.output == pytest.approx(y, abs=1e-12 * max(1, np.abs(y).max()))
    assert explained.loss == pytest.approx(loss(y))
    near = {"rel": 1e-9, "abs": 1e-7}
    by_weights = central_differences(lambda w: loss(output(image, w)), weights, 1.0)
    assert explained.grad_weights == pytest.approx(by_weights, **near)
    by_image = central_differences(lambda x: loss(output(x, weights)), image, 1.0)
    assert explained.grad_input == pytest.approx(by_image, **near)
    by_bias = (loss(output(image, weights, 1.0)) - loss(output(image, weights, -1.0))) / 2
    assert explained.grad_bias.sum() == pytest.approx(by_bias, **near)
    # The sums that are worked out are those of the arrays.
    first = explained.grad_weights.reshape(-1, *weights.shape[-2:])[0]
    assert explained.weight.value == pytest.approx(first[explained.weight_place], **near)
    pixel = np.atleast_3d(explained.grad_input)[(*explained.pixel_place, 0)]
    assert explained.pixel.value == pytest.approx(pixel, **near)
    assert str(explained)


@pytest.mark.parametrize("border", TORCH_BORDERS)
@pytest.mark.parametrize("activation", ["none", "relu", "leaky-relu", "sigmoid", "tanh"])
def test_gradients_are_those_of_torch(border, activation):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    image, weights = RNG.normal(size=(9, 8, 3)), RNG.normal(size=(4, 3, 3, 2))
    stride, dilation = (2, 1), (1, 2)
    pads = (0, 1, 1, 1)  # left, right, top, bottom
    x, w, b = (
        torch.tensor(each, requires_grad=True)
        for each in (image.transpose(2, 0, 1)[None], weights, np.full(4, 0.25))
    )
    padded = functional.pad(x, pads, TORCH_BORDERS[border])
    z = functional.conv2d(padded, w, b, stride=stride, dilation=dilation)
    rules = {
        "none": lambda z: z,
        "relu": torch.relu,
        "leaky-relu": functional.leaky_relu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
    }
    y = rules[activation](z)
    target = RNG.normal(size=tuple(y.shape))
    loss = ((y - torch.tensor(target)) ** 2).mean()
    loss.backward()
    explained = explain_gradient(
        image, weights, target=target[0].transpose(1, 2, 0), activation=activation, bias=0.25,
        padding=(1, 1, 0, 1), border=border, stride=stride, dilation=dilation,
    )  # fmt: skip
    assert explained.loss == pytest.approx(loss.item())
    assert explained.grad_weights == pytest.approx(w.grad.numpy(), abs=1e-12)
    assert explained.grad_bias == pytest.approx(b.grad.numpy(), abs=1e-12)
    assert explained.grad_input == pytest.approx(x.grad[0].permute(1, 2, 0).numpy(), abs=1e-12)


def test_they_are_convolutions_themselves():
    """What the text says: dL/dw is a cross-correlation, and dL/dx a full convolution."""
    image, weights, target = (RNG.normal(size=size) for size in ((8, 9), (3, 2), (4, 8)))
    explained = explain_gradient(
        image, weights, stride=(2, 1), border="zero", padding=(1, 0), target=target
    )
    slopes = explained.grad_values
    padded = pad(image, (1, 0), "zero")
    by_weights = cross_correlate(padded, slopes, padding="valid", dilation=(2, 1), stride=1)
    assert explained.grad_weights == pytest.approx(by_weights[:3, :2])
    spread = np.zeros((7, 8))
    spread[::2] = slopes
    assert explained.grad_input == pytest.approx(convolve2d(spread, weights)[1:9])


def test_the_shapes_are_those_of_what_was_given():
    image, color = RNG.normal(size=(6, 7)), RNG.normal(size=(6, 7, 3))
    bank = RNG.normal(size=(1, 3, 2, 2))
    assert explain_gradient(color, bank).grad_weights.shape == bank.shape
    assert explain_gradient(color, bank[0]).grad_weights.shape == bank.shape[1:]
    of_each = explain_gradient(color, bank[0, 0])
    assert (of_each.output.shape, of_each.grad_weights.shape) == ((6, 7, 3), (2, 2))
    two = explain_gradient(image, ["sobel-x", Kernel([[1, 2, 1], [0, 0, 0], [0, 0, 1]], 4)])
    assert (two.output.shape, two.grad_weights.shape) == ((6, 7, 2), (2, 1, 3, 3))
    assert two.divisor == 1  # their own differ
    assert two.grad_bias.tolist() == [42, 42]
    signal = explain_gradient([1, 2, 4], [1, -1], padding="valid", target=[0, 0], at=1)
    assert (signal.forward.at, signal.grad_input.tolist()) == ((0, 1), [[-1, -1, 2]])


def test_whole_numbers_stay_whole():
    image = RNG.integers(0, 256, (30, 40), np.uint8)
    explained = explain_gradient(image, "outline")
    for name in ("output", "grad_weights", "grad_input"):
        values = getattr(explained, name)
        assert (values == np.rint(values)).all(), name
    np.testing.assert_array_equal(explained.output, cross_correlate(image, "outline"))
    kept = image.copy()
    explain_gradient(image, "outline")
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"kernel": "sobel"}, UsageError, "sobel combines 2 maps"),
        ({"kernel": ["blur", "gaussian:5"]}, KernelError, "must have one shape"),
        (
            {"target": np.zeros((2, 2))},
            UsageError,
            "target has 1 map of 2x2, but the output has 1 map of 4x3",
        ),
        ({"target": np.zeros((3, 4, 2))}, UsageError, "target has 2 maps of 4x3"),
        ({"target": np.full((3, 4), np.nan)}, UsageError, "target holds NaN"),
        ({"target": np.zeros(4)}, UsageError, "target has the shape"),
        ({"image": np.full((3, 4), np.inf)}, UsageError, "input holds NaN or infinity"),
        ({"at": (9, 0)}, GeometryError, "outside the 4x3 feature map"),
        ({"at": "a"}, UsageError, "two whole numbers"),
        ({"activation": "gelu"}, UsageError, "activation must be one of none, relu"),
        ({"kernel": np.zeros((2, 3, 2, 2))}, KernelError, "channels"),
    ],
)
def test_what_has_no_gradient_is_refused(arguments, error, said):
    given_arguments = {"image": np.zeros((3, 4)), "kernel": "blur"} | arguments
    with pytest.raises(error, match=said):
        explain_gradient(
            given_arguments.pop("image"), given_arguments.pop("kernel"), **given_arguments
        )


def test_the_text():
    text = str(explain_gradient([[1, 2, 4], [0, 1, 3]], [[1, -1]], padding="valid", at=(0, 1)))
    assert (
        text
        == """\
gradients of L, the sum of the 2x2 feature map of 1 -1 (correlate: not flipped)

forward: y at row 0, column 1
window: row 0, columns 1 to 2 of the 3x2 input

window   kernel   pixel*weight
   1 2
0  2 4   1 -1     2 -4

sum       (2*1) + (4*-1) = -2
y         -2

L, and its gradient at the output

y          dL/dy
    0  1
0  -1 -2   1 1
1  -1 -2   1 1

L         the sum of 4 values of y = -6
dL/dy     1 everywhere: each value counts once in the sum

dL/dw: the gradient of each weight
A weight multiplies one pixel of every window. Its gradient is the sum of these
pixels, each times dL/dy of its window: the padded input cross-correlated with
dL/dy.

w         dL/dw
   0  1
0  1 -1   4 10

dL/dw at row 0, column 0
window: rows 0 to 1, columns 0 to 1 of the 3x2 input

input    dL/dy   pixel*(dL/dy)
   0 1
0  1 2   1 1     1 2
1  0 1   1 1     0 1

sum       (1*1) + (2*1) + (0*1) + (1*1) = 4
dL/dw     4
dL/db     the sum of dL/dy, since b is added to every value = 4

dL/dx: the gradient of each pixel
A pixel is multiplied by one weight in each window that holds it. Its gradient
is the sum of these weights, each times dL/dy of its window: the full
convolution of dL/dy with the kernel, which meets it flipped.

x          dL/dx
   0 1 2
0  1 2 4   1 0 -1
1  0 1 3   1 0 -1

dL/dx at row 0, column 1
windows that hold the pixel: row 0, columns 0 to 1 of dL/dy

dL/dy    flipped kernel   (dL/dy)*weight
   0 1
0  1 1   -1 1             -1 1

sum       (1*-1) + (1*1) = 0
dL/dx     0"""
    )


def test_the_text_of_padding_a_divisor_and_an_activation():
    image = [[1, 2, 0], [4, 5, 6], [7, 8, 9]]
    explained = explain_gradient(image, "blur", at=(0, 0), activation="relu", stride=2)
    text = str(explained)
    assert "forward: z at row 0, column 0" in text
    assert "dL/dz     dL/dy times the slope of relu: 1 where z > 0, else 0" in text
    # The corner lies in the window at its own place, and at three places of the padding.
    assert "the padding (edge) copies the pixel to (row, column) (-1, -1), (-1, 0), (0, -1)" in text
    assert "total     4 + 1 + 2 + 2 = 9\ndL/dx     9 / 16 = 0.5625" in text
    assert "1.5" in explained.text(digits=1)


def test_large_maps_are_named_by_their_ends():
    image = RNG.integers(0, 256, (150, 120), np.uint8)
    text = explain_gradient(image, "prewitt-x").text()
    assert "dL/dx     120x150, from " in text
    assert "at row 1, column 1: the sum of 18,000 products = " in text
    assert len(text.splitlines()) < 60


def test_of_many_filters_the_first_are_shown():
    text = explain_gradient(RNG.normal(size=(4, 5, 6)), RNG.normal(size=(9, 6, 2, 2))).text(3)
    for name, count in (("maps", 9), ("kernels", 54), ("channels", 6), ("filters", 9)):
        assert f"(3 of {count} {name} are shown; --json prints all)" in text, name
    assert "dL/dw at row 0, column 0, filter 1, channel 1" in text


def test_the_data_hold_every_number():
    target = np.array([[0.5, 1.0]])
    explained = explain_gradient([[1, 2, 4]], [[1, -1]], padding="valid", target=target)
    data = gradient_data(explained)
    assert data["target"] == [[0.5, 1.0]]
    assert data["grad_weights"] == explained.grad_weights.tolist()
    assert data["grad_input"] == explained.grad_input.tolist()
    assert (data["loss"], data["at"], data["input_size"]) == (explained.loss, [0, 0], [1, 3])
    assert gradient_data(explained, 1)["loss"] == round(explained.loss, 1)


def texts_of(figure):
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


def test_the_figure_has_the_gradient_below_what_it_belongs_to():
    explained = explain_gradient([[1, 2], [3, 5]], [[1, -1]], padding="valid", target=[[0], [1]])
    figure = explained.plot()
    titles = [text.get_text() for text in figure.texts]
    forward = ["input x", "kernel w", "feature map y", "target t"]
    backward = ["dL/dx", "dL/dw", "dL/dy", "error y - t"]
    assert [title for title in titles if title in forward + backward] == forward + backward
    numbers = texts_of(figure)
    assert numbers[0] == ["1", "2", "3", "5"]
    assert numbers[5] == ["-10", "-17"]
    assert figure.axes[4].get_window_extent().width == figure.axes[0].get_window_extent().width


def test_a_slide_has_fewer_digits_before_it_lacks_numbers(legible, fits_page):
    image, kernel = RNG.random((6, 6)), [[1, 2], [3, 4]]
    figure = explain_gradient(image, kernel, bias=3, activation="relu").plot(theme="slide")
    legible(figure)
    fits_page(figure, "slide")
    assert [len(numbers) for numbers in texts_of(figure)] == [36, 4, 36, 36] * 2
    shown = "\n".join(text.get_text() for text in figure.texts)
    assert "2x2, bias 3" in shown
    assert "dL/db = 36" in shown
    assert "blue where it falls" in shown
    assert "left out: numbers" not in shown


def test_a_kernel_without_negative_weights_has_a_scale_from_zero():
    figure = explain_gradient(RNG.random((20, 20)), np.ones((17, 17))).plot()
    ends = {bar.get_ylabel(): bar.get_ylim() for bar in figure.axes if bar.get_ylabel()}
    assert ends["weight"] == (0, 1)
    low, high = ends["gradient"]
    assert low == -high


@pytest.mark.parametrize("theme", ["screen", "slide"])
def test_gradients_of_a_signal_are_stems(theme, legible, fits_page):
    figure = explain_gradient([[3, 1, 4, 1, 5]], [[1, 2, 1]], border="zero").plot(theme=theme)
    legible(figure)
    fits_page(figure, theme)
    assert not any(axes.images for axes in figure.axes)
    units = [axes.get_ylabel() for axes in figure.axes]
    assert units == ["value", "weight", "value", "gradient", "gradient", "gradient"]
    heights = [axes.lines[-1].get_ydata().tolist() for axes in figure.axes]
    assert heights[0] == [3, 1, 4, 1, 5]
    assert heights[2] == [7, 9, 10, 11, 11]
    assert heights[3] == [3, 4, 4, 4, 3]


def test_a_constant_line_has_its_zero():
    figure = explain_gradient(np.ones((1, 80)), [[1, 2, 1]]).plot()
    assert [axes.get_ylim()[0] <= 0 for axes in figure.axes] == [True] * 6


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["slide", "paper"])
def test_every_theme_has_both_passes(theme, legible, fits_page):
    color = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    figure = explain_gradient(color, RNG.normal(size=(2, 3, 3, 3)), activation="relu").plot(
        theme=theme
    )
    legible(figure)
    fits_page(figure, theme)
    titles = {text.get_text() for text in figure.texts}
    assert {"input x", "dL/dx", "dL/dw", "y = relu(z)", "dL/dz", "dL/dy"} <= titles
    assert any(
        "drawn: filter 1, the first of 2 maps" in title.replace("\n", " ") for title in titles
    )
