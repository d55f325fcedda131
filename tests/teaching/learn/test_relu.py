"""Descent on the loss after ReLU, against torch and against steps written out with numpy."""

import json
import re

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from convcli import UsageError, convolve, cross_correlate, learn_bank, learn_kernel
from convcli.layers.activations import relu
from convcli.teaching.learn.images import images_of
from convcli.teaching.learn.text import learned_data

RNG = np.random.default_rng(11)
GRAY = RNG.integers(0, 256, (24, 27), np.uint8)
COLOR = RNG.integers(0, 256, (16, 17, 3), np.uint8)
SETTINGS = {"descent": True, "through": "relu"}


def windows_of(image, size):
    """The windows inside an image as rows, (windows, C * kh * kw), the channels first."""
    planes = np.moveaxis(np.atleast_3d(image).astype(float), -1, 0)
    views = sliding_window_view(planes, size, axis=(1, 2))
    return np.moveaxis(views, 0, 2).reshape(-1, planes.shape[0] * size[0] * size[1])


def scaled(image, size, *, with_bias):
    """The windows of scaled pixels, with what was taken away, and the factor of the weights."""
    windows = windows_of(image, size)
    means = windows.mean(axis=0) if with_bias else np.zeros(windows.shape[1])
    factor = np.sqrt(((windows - means) ** 2).mean())
    return (windows - means) / factor, means, factor


def start_of(seed, count):
    return np.random.default_rng(seed).normal(size=count) / np.sqrt(count)


CASES = [
    pytest.param(GRAY, (3, 3), True, 0.0, id="3x3"),
    pytest.param(GRAY, (2, 3), False, 0.0, id="no bias"),
    pytest.param(COLOR, (3, 2), True, 0.9, id="channels, momentum"),
]


def target_of(image, size):
    channels = image.shape[2:]
    weights = np.random.default_rng(5).normal(size=(*channels, *size))
    return relu(cross_correlate(image.astype(float), weights, padding="valid", bias=-20))


@pytest.mark.parametrize(("image", "size", "with_bias", "momentum"), CASES)
def test_every_step_is_that_of_torch(image, size, with_bias, momentum):
    torch = pytest.importorskip("torch")
    after = target_of(image, size)
    learned = learn_kernel(
        image, after, size, bias=with_bias, epochs=25, momentum=momentum, rate=0.02, seed=3,
        **SETTINGS,
    )  # fmt: skip
    pixels, means, factor = scaled(image, size, with_bias=with_bias)
    start = start_of(3, pixels.shape[1])
    weights = torch.tensor(start * factor, requires_grad=True)
    bias = torch.tensor(start @ means, requires_grad=True)
    descent = torch.optim.SGD([weights, *[bias] * with_bias], lr=0.02, momentum=momentum)
    losses = []
    for _ in range(26):
        found = (weights.detach().numpy() / factor, bias.item())
        values = torch.tensor(pixels) @ weights + bias * with_bias
        loss = ((torch.relu(values) - torch.tensor(after.ravel())) ** 2).mean()
        losses.append(loss.item())
        descent.zero_grad()
        loss.backward()
        descent.step()
    np.testing.assert_allclose(learned.history.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(learned.weights.ravel(), found[0], rtol=1e-9, atol=1e-12)
    expected = found[1] - found[0] @ means if with_bias else 0
    assert learned.bias == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("image", "size", "with_bias", "momentum"), CASES)
def test_a_step_is_down_the_slope_of_the_loss(image, size, with_bias, momentum):
    """The slopes of one step, found by differences of the loss that the history tells."""
    after = target_of(image, size)
    pixels, means, factor = scaled(image, size, with_bias=with_bias)
    start = start_of(0, pixels.shape[1])

    def loss(weights, bias):
        return ((relu(pixels @ (weights * factor) + bias) - after.ravel()) ** 2).mean()

    bias = start @ means
    learned = learn_kernel(
        image, after, size, bias=with_bias, epochs=1, momentum=momentum, rate=1e-3, **SETTINGS
    )
    assert learned.history.losses[0] == pytest.approx(loss(start, bias))
    for tap in range(0, len(start), 3):
        change = np.eye(len(start))[tap] * 1e-6 / factor
        slope = (loss(start + change, bias) - loss(start - change, bias)) / 2e-6
        step = (learned.weights.ravel() - start)[tap] * factor
        assert step == pytest.approx(-1e-3 * slope, rel=1e-3, abs=1e-6)


def test_what_relu_hid_is_found_where_the_linear_fit_is_misled():
    kernel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    after = relu(cross_correlate(GRAY.astype(float), kernel))
    linear = learn_kernel(GRAY, after)
    learned = learn_kernel(GRAY, after, epochs=3000, seed=1, **SETTINGS)
    assert learned.history.converged
    np.testing.assert_allclose(learned.weights, kernel, atol=0.02)
    assert learned.residual < 0.01 * linear.residual
    assert learned.match.spec == "sobel-x"
    assert 0.3 < learned.history.active < 0.7
    assert np.abs(linear.weights - kernel).max() > 0.2
    made = images_of(learned, *learned.source).made
    assert made.min() == 0
    flipped = learn_kernel(
        GRAY, relu(convolve(GRAY.astype(float), kernel)), operation="convolve", epochs=3000,
        seed=1, **SETTINGS,
    )  # fmt: skip
    np.testing.assert_allclose(flipped.weights, kernel, atol=0.05)


def test_few_steps_have_not_converged():
    after = relu(cross_correlate(GRAY.astype(float), "sobel-x"))
    learned = learn_kernel(GRAY, after, epochs=5, seed=1, **SETTINGS)
    text = " ".join(str(learned).split())
    assert not learned.history.converged
    assert re.search(r"loss after ReLU, which passes [\d.]+ % of the windows; rate ", text)
    assert "not converged: up to" in text
    assert "off least squares where ReLU passes (converged: 1 %)" in text


def test_a_dead_filter_is_named_and_stays_as_it_started():
    seed = next(seed for seed in range(9) if start_of(seed, 1)[0] < 0)
    after = GRAY.astype(float)
    learned = learn_kernel(GRAY + np.uint8(1), after, 1, bias=False, seed=seed, **SETTINGS)
    assert learned.history.dead == 0
    assert learned.history.active == 0
    assert not learned.history.converged
    assert learned.weights.ravel() == start_of(seed, 1)
    assert "dead from the start: no window has a value above 0" in " ".join(str(learned).split())
    assert learned_data(learned)["errors"] is None
    json.dumps(learned_data(learned), allow_nan=False)
    below = np.full(GRAY.shape, -500.0)
    large = learn_kernel(GRAY, below, rate=0.7, seed=1, epochs=9, **SETTINGS)
    assert large.history.dead
    assert "dead from epoch " in str(large)


def test_a_bank_learns_through_relu_filter_by_filter():
    maps = relu(cross_correlate(COLOR.astype(float), RNG.normal(size=(2, 3, 2, 2)), bias=90))
    learned = learn_bank(COLOR, maps, 2, epochs=40, **SETTINGS)
    alone = learn_kernel(COLOR, maps[..., 1], 2, epochs=40, seed=1, **SETTINGS)
    np.testing.assert_array_equal(learned[1].weights, alone.weights)
    assert [each.has_bias for each in learned] == [False, True]
    captions = [text.get_text() for text in learned.plot().texts]
    assert sum(text.startswith("bias ") for text in captions) == 1


def test_what_relu_does_not_go_with_is_refused():
    with pytest.raises(UsageError, match="through needs descent=True"):
        learn_kernel(GRAY, GRAY, through="relu")
    with pytest.raises(UsageError, match="through must be one of relu"):
        learn_kernel(GRAY, GRAY, descent=True, through="tanh")
    with pytest.raises(UsageError, match="cannot be ignored behind ReLU"):
        learn_kernel(GRAY, GRAY, ignore_clipped=True, **SETTINGS)
    with pytest.raises(UsageError, match="the loss grows"):
        learn_kernel(GRAY, GRAY, rate=9, seed=1, **SETTINGS)


@pytest.mark.slow
def test_the_figure_says_what_passes(legible, fits_page):
    after = relu(cross_correlate(GRAY.astype(float), "sobel-x"))
    figure = learn_kernel(GRAY, after, epochs=60, seed=1, **SETTINGS).plot()
    legible(figure)
    fits_page(figure, "screen")
    said = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert "through ReLU" in said
    assert "% of the windows" in said
