"""Layers as torch has them, and chains run to their end."""

import pytest

from convcli.geometry import ConvOptions
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.layers.conv import Conv
from convcli.layers.network import plan_network, run_network


def bank_layer(weights, bias=None, groups=1, **options):
    """A layer of a bank (N, C, kh, kw), with the defaults of torch."""
    sets = tuple(KernelSet(f"b-{n}", (Kernel(each),)) for n, each in enumerate(weights))
    rules = {"padding": 0, "border": "zero"} | options
    return Conv(sets, "b", ConvOptions(**rules), bias, groups=groups)


@pytest.fixture(scope="session")
def bank():
    return bank_layer


def last_maps(layers, image):
    stages = plan_network(layers, image.shape)
    outputs = list(run_network(stages, image))
    for stage, maps in zip(stages, outputs, strict=True):
        assert maps.shape == stage.plan.shape
    return outputs[-1]


@pytest.fixture(scope="session")
def result():
    """Run a chain, and check that every layer's maps have the planned shape."""
    return last_maps
