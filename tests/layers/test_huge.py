"""Numbers whose squares overflow."""

import numpy as np

from convcli.layers.pooling import Normalize


def test_huge_numbers_are_normalized():
    values = np.random.default_rng(0).normal(size=(6, 7, 2))
    expected = (values - values.mean(axis=(0, 1))) / values.std(axis=(0, 1))
    assert np.allclose(Normalize().apply(values * 1e300), expected)
