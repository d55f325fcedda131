"""Strips keep memory near input + output."""

import tracemalloc

import numpy as np
import pytest

from convcli import cross_correlate

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
