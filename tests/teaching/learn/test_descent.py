"""Gradient descent: against the same steps over the windows themselves, and what it says."""

import numpy as np
import pytest

from convcli import UsageError, cross_correlate, learn_kernel

RNG = np.random.default_rng(5)
GRAY = RNG.integers(0, 256, (20, 22), np.uint8)
KERNEL = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 2]])
AFTER = cross_correlate(GRAY.astype(float), KERNEL, bias=3)


def by_hand(rate, epochs, momentum, seed):
    """Descend over all windows, scaled to mean 0 and variance 1, by the textbook."""
    views = np.lib.stride_tricks.sliding_window_view(GRAY.astype(float), (3, 3)).reshape(-1, 9)
    centered = views - views.mean(axis=0)
    target = AFTER[1:-1, 1:-1].ravel()
    target = target - target.mean()
    sigma = np.sqrt((centered**2).mean())
    x, y = centered / sigma, target / sigma
    weights = np.random.default_rng(seed).normal(size=9) / 3
    step, losses = np.zeros(9), [((y - x @ weights) ** 2).mean() * sigma**2]
    for _ in range(epochs):
        gradient = -2 * x.T @ (y - x @ weights) / len(y)
        step = momentum * step - rate * gradient
        weights = weights + step
        losses.append(((y - x @ weights) ** 2).mean() * sigma**2)
    return weights, losses


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_steps_are_those_over_the_windows(momentum):
    learned = learn_kernel(
        GRAY, AFTER, descent=True, rate=0.05, epochs=30, momentum=momentum, seed=7
    )
    weights, losses = by_hand(0.05, 30, momentum, 7)
    np.testing.assert_allclose(learned.weights.ravel(), weights, rtol=1e-9)
    np.testing.assert_allclose(learned.history.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(learned.residual**2, losses[-1], rtol=1e-9)
    assert learned.history.epochs == (0, 1, 5, 20, 30)
    np.testing.assert_array_equal(learned.history.kernels[-1], learned.weights)


def test_it_comes_to_least_squares():
    best = learn_kernel(GRAY, AFTER)
    learned = learn_kernel(GRAY, AFTER, descent=True, epochs=3000)
    np.testing.assert_allclose(learned.weights, best.weights, atol=1e-9)
    np.testing.assert_allclose(learned.bias, 3, atol=1e-6)
    assert best.history is None


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_falls_at_every_epoch_by_default(seed):
    ramp = np.add.outer(np.arange(30.0), np.arange(31.0)) + RNG.normal(0, 1, (30, 31))
    learned = learn_kernel(ramp, cross_correlate(ramp, KERNEL), descent=True, seed=seed)
    assert learned.condition > 30
    assert (np.diff(learned.history.losses) < 0).all()


def test_without_a_bias_and_for_channels():
    color = RNG.integers(0, 256, (20, 20, 3), np.uint8)
    kernel = RNG.normal(size=(3, 2, 2))
    after = cross_correlate(color.astype(float), kernel)
    learned = learn_kernel(color, after, 2, bias=False, descent=True, epochs=4000)
    np.testing.assert_allclose(learned.weights, kernel, atol=1e-6)
    assert learned.bias == 0
    assert learned.history.kernels[0].shape == (3, 2, 2)


def test_a_convolution_is_turned_once():
    flipped = cross_correlate(GRAY.astype(float), KERNEL[::-1, ::-1])
    learned = learn_kernel(GRAY, flipped, operation="convolve", descent=True, epochs=3000)
    np.testing.assert_allclose(learned.weights, KERNEL, atol=1e-9)
    np.testing.assert_allclose(learned.history.kernels[-1], KERNEL, atol=1e-9)


@pytest.mark.parametrize("momentum", [0, 0.5, 0.9])
def test_the_limit_of_the_rate_is_true(momentum):
    options = {"descent": True, "momentum": momentum, "epochs": 3000}
    limit = learn_kernel(GRAY, AFTER, descent=True, momentum=momentum).history.limit
    assert learn_kernel(GRAY, AFTER, rate=0.98 * limit, **options).residual < 1
    with pytest.raises(UsageError, match=f"only rates below {limit:.4g} converge"):
        learn_kernel(GRAY, AFTER, rate=1.02 * limit, **options)
    with pytest.raises(UsageError, match="the loss grows"):
        learn_kernel(GRAY, AFTER, rate=1e9, **options)


def test_seeds_differ_and_repeat():
    one, again, other = (
        learn_kernel(GRAY, AFTER, descent=True, seed=seed, epochs=2) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.weights, again.weights)
    assert np.abs(one.weights - other.weights).max() > 0.01


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 0}, "rate must be"),
        ({"rate": float("nan")}, "rate must be"),
        ({"momentum": 1}, "momentum must be"),
        ({"momentum": -0.1}, "momentum must be"),
        ({"epochs": 0}, "epochs must be"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 0.5}, "seed must be a whole number"),
    ],
)
def test_numbers_that_make_no_sense(options, words):
    with pytest.raises(UsageError, match=words):
        learn_kernel(GRAY, AFTER, descent=True, **options)
