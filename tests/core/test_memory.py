"""Strips keep memory near input + output."""

import tracemalloc

import numpy as np
import pytest

from convcli import cross_correlate
from convcli.core.memory import estimated_bytes
from convcli.geometry import ConvOptions
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.layers.activations import Activation, Softmax
from convcli.layers.conv import Conv
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import network_bytes, plan_network, run_network
from convcli.layers.pooling import Normalize, Pool
from convcli.layers.upsample import Upsample

MIB = 1 << 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((6000, 8000), {}),
        ((6000, 2500, 3), {"border": "reflect", "padding": "full"}),
        ((6000, 8000), {"divisor": 9, "bias": 3}),
        ((6000, 8000), {"dilation": 3, "stride": 2}),
    ],
    ids=["gray", "color", "divided", "strided"],
)
def test_peak_is_output_and_a_few_mib(shape, options):
    image = np.zeros(shape, np.uint8)
    kernel = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    tracemalloc.start()
    try:
        out = cross_correlate(image, kernel, dtype=np.uint8, threads=2, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (
        out.nbytes <= peak <= out.nbytes + 48 * MIB
    )  # the strips of two threads; asked are at most 64


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_wide_types_are_not_copied_whole(dtype):
    image = np.zeros((5000, 2000), dtype)
    tracemalloc.start()
    try:
        out = cross_correlate(image, np.ones((15, 15)), dtype=np.uint8, threads=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= out.nbytes + 36 * MIB  # rows of tiles; a copy of the image would be 80


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "kind", "kernel", "options"),
    [
        ((500, 700, 3), "u1", (3, 3), {}),
        ((500, 700), "f4", (9, 9), {}),
        ((500, 700), "f8", (31, 31), {"stride": 2}),
        ((500, 700), "u2", (101, 1), {"padding": "full"}),
        ((500, 700), "i4", (15, 15), {"dilation": 9}),
        ((200, 200, 3), "f4", (16, 3, 3, 3), {}),
        ((200, 200, 8), "f4", (2, 8, 5, 5), {"stride": 2}),
        ((28, 28, 64), "f4", (96, 64, 3, 3), {}),
        ((300, 200, 64), "f4", (1, 64, 5, 5), {}),
        ((3, 20_000, 4), "f4", (50, 4, 3, 9), {"dilation": 2}),
        ((60, 90, 3), "u1", (3, 3), {"padding": 1000, "dilation": 300}),
        ((60, 90, 3), "u1", (3, 3), {"dilation": 10_000, "padding": (9000, 12_000, 12_000, 9000)}),
        ((20, 100_000), "f4", (3, 3), {}),
        ((500, 700, 3), "f4", (1, 101), {}),
        ((100_000, 2), "f4", (15, 15), {"stride": 2}),
        ((200_000, 1), "f4", (63, 1), {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("integers", [True, False])
def test_the_estimate_is_a_bound_and_no_guess(shape, kind, kernel, options, integers):
    image, rng = np.zeros(shape, kind), np.random.default_rng(0)
    weights = rng.integers(-9, 10, kernel) if integers else rng.standard_normal(kernel)
    tracemalloc.start()
    try:
        out = cross_correlate(image, weights, threads=2, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    estimate = estimated_bytes(shape, [kernel], ConvOptions(**options), out.dtype, 2)
    assert peak <= estimate <= 8 * peak + 120 * MIB


def test_the_estimate_follows_result_threads_and_kernels():
    shape, options = (1000, 1000, 3), ConvOptions()
    base = estimated_bytes(shape, [(3, 3)], options, "u1", 1)
    assert estimated_bytes(shape, [(3, 3)], options, "f4", 1) - base == 9_000_000
    assert estimated_bytes(shape, [(3, 3)], options, threads=1) - base == 21_000_000
    assert estimated_bytes(shape, [(3, 3)], options, "u1", 2) > base
    assert estimated_bytes(shape, [(3, 3)] * 2, options, "u1", 1) > base
    bank = estimated_bytes(shape, [(8, 3, 3, 3)], options, "u1", 1)
    assert bank > base + 5_000_000
    wide = ConvOptions(padding=50_000)
    assert estimated_bytes((10, 10), [(1, 1)], wide, "u1") > 10**10


def test_a_network_stays_below_its_estimate():
    shape = (300, 400, 3)
    image = np.random.default_rng(0).random(shape).astype("f4")
    sets = (read_spec("gaussian:9"), read_spec("sobel"))
    layers = [
        Conv(sets, "a", ConvOptions()),
        Activation("sigmoid"),
        Normalize(),
        Pool("max", (2, 2)),
    ]
    weights = np.random.default_rng(1).random((6, 4, 5, 5))
    bank = KernelSet("b", tuple(Kernel(each) for each in weights))
    layers += [ConvTranspose(bank, (2, 2)), Upsample((1, 2), "bilinear"), Softmax(), Flatten()]
    for depth in range(1, len(layers) + 1):
        stages = plan_network(layers[:depth], shape)
        tracemalloc.start()
        try:
            for _ in run_network(stages, image):
                pass
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= network_bytes(stages, shape, "f4") <= 8 * peak
