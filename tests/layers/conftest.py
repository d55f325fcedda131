"""Layers as torch has them, and chains run to their end."""

import pytest

from convcli.core.options import ConvOptions
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.layers.conv import Conv
from convcli.layers.network import plan_network, run_network


def bank_layer(weights, bias=None, **layout):
    """A layer of a bank (N, C, kh, kw), as torch has it unless told otherwise."""
    sets = tuple(KernelSet(f"b-{n}", (Kernel(each),)) for n, each in enumerate(weights))
    rules = {"padding": 0, "border": "zero"} | layout
    return Conv(sets, "b", ConvOptions(**rules), bias)


@pytest.fixture(scope="session")
def bank():
    return bank_layer


def last_maps(layers, image):
    stages = plan_network(layers, image.shape)
    every = list(run_network(stages, image))
    for stage, maps in zip(stages, every, strict=True):
        assert maps.shape == stage.plan.shape
    return every[-1]


@pytest.fixture(scope="session")
def result():
    """Run a chain, and see that every layer's maps have the shape that was foretold."""
    return last_maps
