"""Measure what a pass and a transform cost, for the table in ``convcli/core/methods.py``.

Run ``python tests/benchmarks/crossovers.py``; it prints nanoseconds a sample on this machine: for
each size of accumulator the cost of a pass (the slope over kernels of more and more taps), and
the cost of one transform of a tile (half of what a large kernel takes at stride 1).
"""

import time

import numpy as np

from convcli import cross_correlate
from convcli.core.correlate import prepare
from convcli.core.plan import Layout

SHAPE = (1500, 2000)


def seconds(image, kernel, method):
    """The best of several runs."""
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        cross_correlate(image, kernel, method=method)
        best = min(best, time.perf_counter() - start)
    return best


def pass_cost(image, kernels):
    """Nanoseconds a sample and pass: the slope between a small kernel and a larger one."""
    spent = [seconds(image, kernel, "direct") for kernel in kernels]
    passes = [
        prepare(image, kernel, Layout(), method="direct").passes[0].cost for kernel in kernels
    ]
    return 1e9 * (spent[1] - spent[0]) / (passes[1] - passes[0]) / image.size


def main():
    rng = np.random.default_rng(0)
    images = {
        2: rng.integers(0, 256, SHAPE, np.uint8),
        4: rng.integers(0, 65536, SHAPE, np.uint16),
        8: rng.standard_normal(SHAPE).astype(np.float32),
    }
    for size, image in images.items():
        sides = (3, 7)
        if size == 8:
            kernels = [rng.standard_normal((side, side)) for side in sides]
        else:
            kernels = [rng.choice([-2, -1, 1, 2], (side, side)) for side in sides]
        print(f"a pass over {size} bytes: {pass_cost(image, kernels):.3f} ns a sample")
    spent = seconds(images[8], rng.standard_normal((31, 31)), "fft")
    print(f"a transform: {1e9 * spent / images[8].size / 2:.2f} ns a sample")


if __name__ == "__main__":
    main()
