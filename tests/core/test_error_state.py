"""numpy's floating-point warnings and errors reach no user, and their settings stay."""

from typing import Any

import numpy as np
import pytest

from convcli import convolve, cross_correlate, explain, get_kernel, learn_kernel, pool
from convcli.geometry import ConvOptions
from convcli.kernels.spec import read_spec
from convcli.layers.activations import ACTIVATIONS, Activation, LeakyRelu
from convcli.layers.conv import Conv
from convcli.layers.pooling import ChannelPool, GlobalPool, Normalize

RNG = np.random.default_rng(3)
FAINT = (RNG.random((40, 40)) * 1e-41).astype("f4")
WIDE = RNG.standard_normal((40, 40)) * 10.0 ** RNG.integers(-300, 300, (40, 40))
SPOTS = np.where(RNG.random((40, 40)) < 0.1, np.nan, 1e38).astype("f4")
SPOTS[3, 3], SPOTS[4, 4] = np.inf, -np.inf
IMAGES = {"faint": FAINT, "wide": WIDE, "spots": SPOTS}


@pytest.mark.parametrize("setting", ["raise", "warn"])
@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("method", ["auto", "direct", "toeplitz", "fft"])
def test_filtering(setting, name, method):
    kernels = [np.full((3, 3), 1e-44), RNG.standard_normal((9, 9)) * 1e-5, [[1, 2, 1]]]
    for kernel in kernels:
        with np.errstate(all=setting):
            before = np.geterr()
            cross_correlate(IMAGES[name], kernel, method=method, threads=2)
            convolve(IMAGES[name], kernel, divisor=1e-300, dtype="u1", method=method)
            assert np.geterr() == before


def test_threads_have_an_error_state_of_their_own():
    large = np.tile(WIDE.astype("f8"), (20, 20))
    with np.errstate(all="raise"):
        cross_correlate(large, [[1e300, 1e-300, 0.5]], threads=2)
        pool(large, 3, "avg")


@pytest.mark.parametrize("name", IMAGES)
def test_banks_pools_and_layers(name):
    image = IMAGES[name]
    maps = np.stack([image, image], axis=2)
    bank = RNG.standard_normal((5, 2, 3, 3)) * 1e-4
    sets = (read_spec("1e-30 1e-40; 3 4"), read_spec("sobel"))
    layers: list[Any] = [
        Conv(sets, "a", ConvOptions()),
        GlobalPool("avg"),
        ChannelPool("max"),
        Normalize(),
    ]
    layers += [LeakyRelu(1e-30), *map(Activation, ACTIVATIONS)]
    with np.errstate(all="raise"):
        cross_correlate(maps, bank, threads=2)
        for kind in ("max", "avg"):
            pool(image, 2, kind)
        for layer in layers:
            layer.apply(maps)


def test_kernels_explanations_and_learning():
    with np.errstate(all="raise"):
        for spec in ("gaussian:63,sigma=1", "log:41,sigma=1", "1e-300 1e-300", "motion:5@30"):
            get_kernel(spec).weights.sum()
        explain(FAINT, [[1e-10, 1]], (3, 3), activation="sigmoid")
        learn_kernel(FAINT.astype("f8"), np.flip(FAINT).astype("f8"), 3)
