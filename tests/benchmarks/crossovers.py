"""Measure the costs of the methods, for the constants in ``convcli/core/methods``.

Those of a product for a small image are in ``small.py``, all others in ``choose.py``.

Run ``python tests/benchmarks/crossovers.py``; it prints nanoseconds a sample on this machine, on
one thread. A cost is a slope: the time that a larger kernel takes beyond a smaller one, over what
it has to do beyond it. A transform is half of what a large kernel takes at stride 1.
"""

import time

import numpy as np

from convcli import cross_correlate
from convcli.core.methods.base import Workspace
from convcli.core.methods.small import SmallMethod
from convcli.core.methods.taps import direct_schedule
from convcli.core.methods.toeplitz import count_products
from convcli.core.plan import make_plan
from convcli.geometry import ConvOptions

SHAPE = (1500, 2000)
SMALL = (300, 400, 3)
FLOATS = {4: np.float32, 8: np.float64}
CALLS = 50  # of a few microseconds, which are timed together


def seconds(image, kernel, method):
    """The best of several runs on one thread."""
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        cross_correlate(image, kernel, method=method, threads=1)
        best = min(best, time.perf_counter() - start)
    return best


def slope(image, kernels, method, work):
    """Nanoseconds a pixel of the first channel and unit of work, between two kernels."""
    spent = [seconds(image, kernel, method) for kernel in kernels]
    done = [work(kernel) for kernel in kernels]
    return 1e9 * (spent[1] - spent[0]) / (done[1] - done[0]) / (image.shape[0] * image.shape[1])


def multiplications(kernel):
    """Multiplications a sample of a kernel's bands."""
    return count_products(make_plan(np.zeros(SHAPE, np.uint8), kernel, ConvOptions()).geometry)[1]


def one_product(side, shape):
    """Nanoseconds of all sums of a square image with a bank by one product."""
    rng = np.random.default_rng(0)
    image, bank = rng.random((side, side, shape[1])), rng.standard_normal(shape)
    plan = make_plan(image, bank, ConvOptions(), method="direct")
    strip = rng.random((*plan.windows.padded_shape, shape[1]))
    call = SmallMethod(plan.types, plan.windows).bind(strip, side, Workspace())
    best = np.inf
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, time.perf_counter() - start)
    return 1e9 * best / CALLS


def main():
    rng = np.random.default_rng(0)
    images = {
        2: rng.integers(0, 256, SHAPE, np.uint8),
        4: rng.integers(0, 65536, SHAPE, np.uint16),
        8: rng.random(SHAPE),
    }
    for size, image in images.items():
        kernels = [rng.choice([-2, -1, 1, 2], (side, side)) for side in (3, 7)]
        cost = slope(image, kernels, "direct", lambda kernel: direct_schedule(kernel).cost)
        print(f"a pass over {size} bytes: {cost:.3f} ns")
    for size, kind in FLOATS.items():
        image, bands = images[8].astype(kind), [np.ones((side, side)) / 9 for side in (7, 15)]
        cost = slope(image, bands, "toeplitz", multiplications)
        print(f"a multiplication in {size} bytes: {cost:.3f} ns")
    spent = seconds(images[8].astype(np.float32), rng.standard_normal((31, 31)), "fft")
    print(f"a transform: {1e9 * spent / images[8].size / 2:.2f} ns")
    for size, kind in FLOATS.items():
        image = rng.random(SMALL).astype(kind)
        banks = [np.abs(rng.standard_normal((count, 3, 5, 5))) for count in (8, 64)]
        filters = slope(image, banks, "matrix", lambda bank: bank.size)
        few = 1e9 * seconds(image, banks[0], "matrix") / (SMALL[0] * SMALL[1])
        window = few / banks[0][0].size - filters * len(banks[0])
        print(f"a tap of a window in {size} bytes: {window:.3f} ns, times a filter {filters:.4f}")
    least = one_product(1, (1, 1, 1, 1))
    few, many = (one_product(16, (count, 4, 3, 3)) / (16 * 16 * 36) for count in (2, 34))
    product = (many - few) / 32
    window = few - 2 * product - least / (16 * 16 * 36)
    print(f"a small image: {least:.0f} ns, a tap of a window {window:.3f}, times {product:.4f}")


if __name__ == "__main__":
    main()
