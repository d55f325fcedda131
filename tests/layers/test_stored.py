"""What torch 2 computes, written down, for those who have no torch."""

import numpy as np
import pytest

from convcli import pool
from convcli.layers.activations import Activation, LeakyRelu
from convcli.layers.pooling import Normalize, Pool

IMAGE = np.arange(20.0).reshape(4, 5, 1) - 7


def assert_gives(layer, maps, expected):
    np.testing.assert_allclose(layer.apply(maps)[..., 0], expected, atol=5e-5)
    assert layer.plan(maps.shape).shape[:2] == np.shape(expected)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (
            ("avg", (2, 2), (1, 1), (1, 1)),
            [
                [-1.75, -3.25, -2.75, -2.25, -1.75, -0.75],
                [-2.25, -4.0, -3.0, -2.0, -1.0, -0.25],
                [0.25, 1.0, 2.0, 3.0, 4.0, 2.25],
                [2.75, 6.0, 7.0, 8.0, 9.0, 4.75],
                [2.0, 4.25, 4.75, 5.25, 5.75, 3.0],
            ],
        ),
        (("avg", (3, 2), (2, 2), (1, 0)), [[-2.6667, -1.3333], [3.5, 5.5]]),
        (("avg", (2, 3), None, (0, 1)), [[-2.6667, -1.5], [4.0, 8.5]]),
        (
            ("avg", (3, 2), (2, 2), (1, 0), True, True),
            [[-2.6667, -1.3333, -0.3333], [3.5, 5.5, 7.0], [4.25, 5.25, 6.0]],
        ),
        (
            ("avg", (3, 2), (2, 2), (1, 0), False, True),
            [[-4.0, -2.0, -0.5], [3.5, 5.5, 7.0], [8.5, 10.5, 12.0]],
        ),
        (("max", (3, 2), (2, 2), (1, 0)), [[-1, 1], [9, 11]]),
        (("max", (3, 2), (2, 2), (1, 0), True, True), [[-1, 1, 2], [9, 11, 12], [9, 11, 12]]),
        (("max", (2, 3), None, (0, 1)), [[-1, 2], [9, 12]]),
    ],
    ids=str,
)
def test_pools(window, expected):
    assert_gives(Pool(*window), IMAGE, expected)
    kind, size, *rest = window
    np.testing.assert_allclose(pool(IMAGE[..., 0], size, kind, *rest), expected, atol=5e-5)


def test_a_mean_counts_the_padding_unless_it_is_told_not_to():
    ones = np.ones((3, 3, 1))
    corners = Pool("avg", (2, 2), (1, 1), (1, 1)).apply(ones)[[0, 0, 1], [0, 1, 1], 0]
    assert corners.tolist() == [0.25, 0.5, 1]
    assert (Pool("avg", (2, 2), (1, 1), (1, 1), count_padding=False).apply(ones) == 1).all()


def test_functions_of_single_values():
    row = IMAGE[:1]
    assert_gives(LeakyRelu(), row, [[-0.07, -0.06, -0.05, -0.04, -0.03]])
    assert_gives(LeakyRelu(0.5), row, [[-3.5, -3, -2.5, -2, -1.5]])
    assert_gives(Activation("sigmoid"), row / 4, [[0.148, 0.1824, 0.2227, 0.2689, 0.3208]])
    assert_gives(Activation("tanh"), IMAGE[1:2] / 4, [[-0.4621, -0.2449, 0, 0.2449, 0.4621]])
    assert_gives(Activation("relu"), IMAGE[1:2], [[0, 0, 0, 1, 2]])
    assert_gives(Activation("abs"), IMAGE[1:2], [[2, 1, 0, 1, 2]])


def test_instance_normalization_of_a_faint_map():
    """The default eps, 1e-5, matters here: without it these would be -1.46 and so on."""
    faint = IMAGE[:2, :3] / 1000
    expected = [[-0.8510, -0.6078, -0.3647], [0.3647, 0.6078, 0.8510]]
    assert_gives(Normalize(), faint, expected)
    whole = [[-1.3307, -0.9505, -0.5703], [0.5703, 0.9505, 1.3307]]
    assert_gives(Normalize(), IMAGE[:2, :3] / 10, whole)
