"""The report of a learned kernel: its digits, its sentences, its lines, its data."""

import json

import numpy as np
import pytest

from convcli import UsageError, cross_correlate, get_kernel, learn_kernel
from convcli.kernels.kernel import Kernel
from convcli.teaching.learn.text import (
    Truth,
    learned_data,
    learned_text,
    match_text,
    shown_weights,
)

GRAY = np.random.default_rng(7).integers(0, 256, (60, 70), np.uint8)
COLOR = np.random.default_rng(8).integers(0, 256, (30, 31, 3), np.uint8)


@pytest.fixture
def rng():
    return np.random.default_rng(9)


def learned_from(kernel, image=GRAY, noise=0.0, **options):
    kernel = np.asarray(kernel, float)
    after = cross_correlate(image.astype(float), kernel, bias=options.pop("add", 0))
    after = after + np.random.default_rng(10).normal(0, noise, after.shape) if noise else after
    return learn_kernel(image, after, kernel.shape[-2:], **options)


def test_the_whole_report():
    text = learned_text(learned_from(get_kernel("blur").weights, noise=0.3, add=5))
    lines = text.splitlines()
    assert lines[0] == "kernel 3x3             times 16"
    assert [line.split()[-3:] for line in lines[1:4]] == [
        ["1", "2", "1"],
        ["2", "4", "2"],
        ["1", "2", "1"],
    ]
    facts = {line[:11].strip(): line[11:] for line in lines[5:-1]}
    assert list(facts) == ["bias", "windows", "residual", "R squared", "condition"]
    assert facts["windows"] == "3,944"
    assert float(facts["bias"]) == pytest.approx(5, abs=0.2)
    residual, meaning = facts["residual"].split(" ", 1)
    assert float(residual) == pytest.approx(0.3, rel=0.05)
    assert meaning == "(root mean square)"
    assert lines[-1] == "this is blur (also called binomial:3)"


def test_whole_weights_have_no_decimals_and_others_as_many_as_are_known(rng):
    text = learned_text(learned_from([[-1, 0], [2, 30]]))
    assert text.startswith("kernel 2x2\n-1  0\n 2 30\n")
    rounded, decimals = shown_weights(learned_from(rng.normal(size=(3, 3)), noise=1))
    assert decimals == 3  # errors are about 1 / (74 * sqrt(4000))
    np.testing.assert_array_equal(rounded, rounded.round(3))
    assert shown_weights(learned_from(np.full((2, 2), 0.25)))[1] == 2


def test_more_noise_leaves_fewer_decimals(rng):
    kernel = rng.normal(size=(3, 3))
    shown = [shown_weights(learned_from(kernel, noise=noise))[1] for noise in (0, 1, 100)]
    assert shown[0] == 6
    assert shown[1:] == [3, 2]


def test_a_kernel_that_fits_badly_is_not_rounded_to_another():
    learned = learned_from([[-0.62, 0.39, 0.79]], noise=20)
    rounded, _ = shown_weights(learned)
    assert (np.abs(rounded - learned.weights) < learned.errors).all()


def test_a_bias_that_is_noise_is_0():
    assert "bias       0\n" in learned_text(learned_from([[1, 2]], noise=0.1))
    assert "bias       7\n" in learned_text(learned_from([[1, 2]], add=7))
    assert "bias       0\n" in learned_text(learned_from([[1, 2]], bias=False))


@pytest.mark.parametrize(
    ("kernel", "sentence"),
    [
        (get_kernel("sobel-x").weights, "this is sobel-x (also called right-sobel, robinson-e)"),
        (2.5 * get_kernel("emboss").weights, "this is 2.5 times emboss"),
        (
            get_kernel("emboss").weights[::-1, ::-1],
            "this is emboss, flipped (as --operation convolve flips it)",
        ),
        (-1 * get_kernel("blur").weights, "this is the negative of blur"),
        (
            get_kernel("sobel-x").weights + 0.1 * np.eye(3),
            "this is near sobel-x: the largest difference is 0.1",
        ),
        ([[1, 5, -7]], "no known kernel matches"),
    ],
)
def test_match_texts(kernel, sentence):
    assert match_text(learned_from(kernel)).startswith(sentence)


def test_a_truth_stands_beside_and_its_difference_is_printed():
    learned = learned_from([[1, 2, 1]], noise=0.5)
    truth = Truth.of(Kernel([[2]], name="two"), (1, 3))
    np.testing.assert_array_equal(truth.weights, [[0, 2, 0]])
    assert truth.difference(learned) == np.abs(learned.weights - [[0, 2, 0]]).max()
    text = learned_text(learned, truth)
    assert "two" in text.splitlines()[0]
    assert "truth      two, largest difference 1" in text


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (
            Kernel(np.ones((5, 3))),
            "3x5, larger than the learned kernel; learn one of at least 3x5",
        ),
        (Kernel(np.ones((2, 3, 3))), "has 2 channels, but the learned kernel has none"),
    ],
)
def test_a_truth_of_another_shape(truth, words):
    with pytest.raises(UsageError, match=words):
        Truth.of(truth, (3, 3))


def test_channels_have_their_colors(rng):
    text = learned_text(learned_from(rng.normal(size=(3, 2, 2)), COLOR))
    for name in ("red", "green", "blue"):
        assert f"kernel 2x2 {name}" in text
    assert "this is" not in text
    plain = learned_text(learned_from(rng.normal(size=(3, 2, 2)), COLOR / 255))
    assert "kernel 2x2 red" in plain
    many = rng.normal(size=(20, 20, 4))
    assert "channel 4" in learned_text(learned_from(rng.normal(size=(4, 1, 2)), many))


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (9, 11), (1, 40), (40, 1)])
@pytest.mark.parametrize("descent", [False, True])
def test_lines_fit_the_terminal(rows, columns, descent, rng):
    learned = learned_from(rng.normal(size=(rows, columns)), noise=0.1, descent=descent)
    truth = Truth.of(Kernel(np.ones((1, 1)), name="a" * 60), (rows, columns))
    for line in learned_text(learned, truth).splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()


def test_descent_tells_its_losses():
    learned = learned_from([[1, 2, 1]], noise=1, descent=True, epochs=30)
    lines = learned_text(learned).splitlines()
    assert lines[0] == "epoch  loss (mean squared residual)"
    table = {int(epoch): float(loss) for epoch, loss in map(str.split, lines[1:8])}
    assert list(table) == [0, 1, 2, 5, 10, 20, 30]
    for epoch, loss in table.items():
        assert loss == pytest.approx(learned.history.losses[epoch], rel=1e-5)
    rest = " ".join(lines[8:])
    assert "converges), momentum 0; least squares has a loss of" in rest


def test_a_descent_that_is_not_at_its_end_has_not_converged():
    learned = learned_from(get_kernel("blur").weights, descent=True, epochs=1)
    assert not learned.history.converged
    for truth in (None, Truth.of(get_kernel("blur"), (3, 3))):
        last = " ".join(learned_text(learned, truth).splitlines()[-2:])
        assert "not converged: up to " in last
        assert last.endswith(" % of the largest weight off least squares (converged: 1 %)")
        assert "this is" not in last
    learned = learned_from(get_kernel("blur").weights, descent=True)
    assert learned.history.converged
    assert learned.history.distance <= 0.01 * 0.25
    assert learned_text(learned).splitlines()[-1].startswith("this is blur")
    assert learned_data(learned)["descent"]["converged"] is True


def test_the_truth_alone_is_compared_with():
    learned = learned_from(get_kernel("blur").weights)
    near = Truth.of(Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1.01]], 16, name="near"), (3, 3))
    assert learned_text(learned, near).endswith(
        "\nthis is near: weights differ by up to 0.25 % of its largest"
    )
    outline = Truth.of(get_kernel("outline"), (3, 3))
    last = learned_text(learned, outline).splitlines()[-1]
    assert last == "this is not outline: weights differ by up to 97 % of its largest"


def test_the_text_says_whose_kernel_it_is_where_another_momentum_ends_lower():
    uneven = np.cumsum(GRAY.astype(float), axis=1)
    learned = learned_from([[1, 2, 1]], uneven, descent=True)
    assert learned.history.momentum == 0
    momentum, losses = learned.history.alternative
    assert momentum == 0.9
    assert losses[-1] < learned.history.losses[-1]
    text = " ".join(learned_text(learned).split())
    assert "the kernel is that of momentum 0; momentum 0.9 would end at a lower loss of " in text
    assert "rises" not in text
    fast = learned_from([[1, 2, 1]], uneven, descent=True, momentum=0.9)
    assert fast.history.alternative is None
    assert "the loss rises at times" in learned_text(fast)
    np.testing.assert_array_equal(fast.history.losses, losses)


def test_data_is_json_with_every_number():
    learned = learned_from(get_kernel("sobel-x").weights, descent=True, epochs=3)
    truth = Truth.of(get_kernel("sobel-x"), (3, 3))
    data = json.loads(json.dumps(learned_data(learned, truth), allow_nan=False))
    assert data["kernel"] == learned.weights.tolist()
    assert len(data["descent"]["losses"]) == 4
    assert data["truth"]["difference"] == truth.difference(learned)
    exact = learned_data(learned_from(get_kernel("blur").weights))
    assert exact["rational"] == {"matrix": [[1, 2, 1], [2, 4, 2], [1, 2, 1]], "divisor": 16}
    assert exact["match"]["spec"] == "blur"
    assert exact["descent"] is exact["truth"] is None
    json.dumps(learned_data(learn_kernel(GRAY, np.ones(GRAY.shape))), allow_nan=False)


def test_a_flat_result_is_said():
    text = learned_text(learn_kernel(GRAY, np.ones(GRAY.shape)))
    assert "R squared  none: AFTER is flat" in text
    assert "no known kernel matches" in text
