"""Strips leave out what no tap reads: memory and time follow the taps, not the gaps."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import GeometryError, cross_correlate, pool
from convcli.core import strips
from convcli.core.memory import estimated_bytes
from convcli.core.padding import border_at, border_index
from convcli.core.strips import without_gaps
from convcli.geometry import ConvOptions, conv_geometry

MIB = 1 << 20
BORDERS = ["edge", "zero", "reflect", "symmetric", "wrap", "constant"]


def with_fill_where_used(options):
    """Return options whose fill is 0 unless the border is constant, as it must be."""
    return options if options["border"] == "constant" else options | {"fill": 0}


OPTIONS = st.fixed_dictionaries(
    {
        "padding": st.sampled_from(["same", 0, 300, (0, 7, 90, 1)]),
        "border": st.sampled_from(BORDERS),
        "fill": st.sampled_from([-300, 0.5]),
        "stride": st.tuples(*[st.sampled_from([1, 2, 5, 40, 1000])] * 2),
        "dilation": st.tuples(*[st.sampled_from([1, 2, 30, 200])] * 2),
    }
).map(with_fill_where_used)


def by_places(image, kernel, padding, border, fill, stride, dilation):
    """Filter tap by tap with the whole padded image in memory."""
    spans = [d * (k - 1) for d, k in zip(dilation, kernel.shape[-2:], strict=True)]
    sides = padding
    if padding == "same":
        sides = [side for span in spans for side in (span // 2, span - span // 2)]
    elif isinstance(padding, int):
        sides = [padding] * 4
    mode = "constant" if border in ("zero", "constant") else border
    values = {"constant_values": fill if border == "constant" else 0} if mode == "constant" else {}
    pads = (sides[:2], sides[2:], (0, 0))
    padded = np.pad(image.astype(float), pads, mode=mode, **values)
    height, width = (
        (size - span - 1) // step + 1
        for size, span, step in zip(padded.shape, spans, stride, strict=False)
    )
    total = np.zeros((max(height, 0), max(width, 0), image.shape[2]))
    for (row, column), weight in np.ndenumerate(kernel):
        top, left = row * dilation[0], column * dilation[1]
        part = padded[top :: stride[0], left :: stride[1]][:height, :width]
        total += weight * part
    return total


@pytest.mark.parametrize("large", [0, 1 << 60], ids=["always", "where sparse"])
@settings(max_examples=40)
@given(
    OPTIONS,
    st.sampled_from(["u1", "f4"]),
    st.sampled_from(["auto", "direct", "toeplitz", "fft"]),
    st.integers(0, 9),
)
def test_sums_are_the_same_without_gaps(large, options, kind, method, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 200, (7, 9, 2)).astype(kind)
    kernel = rng.integers(-9, 10, (1 + seed % 4, 1 + seed % 3)).astype("i4" if seed % 2 else "f8")
    expected = by_places(image, kernel, **options)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(strips, "LARGE_STRIP", large)
        if not expected.size:
            with pytest.raises(GeometryError, match="exceeds"):
                cross_correlate(image, kernel, method=method, **options)
            return
        found = cross_correlate(image, kernel, method=method, **options)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("bank", ["direct", "matrix"])
def test_banks_without_gaps(bank, rng):
    image, kernel = rng.integers(0, 200, (7, 9, 2)), rng.integers(-9, 10, (3, 2, 3, 3))
    options = {"padding": "same", "border": "wrap", "fill": 0, "stride": (3, 1)}
    found = cross_correlate(image, kernel, dilation=(300, 5000), method=bank, **options)
    for place, planes in enumerate(kernel):
        parts = [
            by_places(image[..., [c]], plane, dilation=(300, 5000), **options)[..., 0]
            for c, plane in enumerate(planes)
        ]
        np.testing.assert_array_equal(found[..., place], sum(parts))


@pytest.mark.parametrize(
    "options",
    [
        {"dilation": 10_000},
        {"dilation": 10**9},
        {"padding": 10**8, "stride": 10**8},
        {"padding": (10**8, 0, 0, 10**8), "stride": 10**7},
        {"dilation": 10**6, "padding": 10**9, "stride": (10**8, 10**9)},
    ],
    ids=str,
)
@pytest.mark.parametrize("border", ["edge", "constant", "reflect"])
def test_gaps_take_neither_memory_nor_time(options, border):
    image, kernel = np.ones((61, 97, 3), np.uint8), np.ones((3, 3), int)
    fill = int(border == "constant")
    for method in ("auto", "toeplitz", "fft"):
        tracemalloc.start()
        found = cross_correlate(image, kernel, border=border, fill=fill, method=method, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (found == 9).all()
        limit = estimated_bytes(image.shape, [(3, 3)], ConvOptions(**options), method=method)
        assert peak <= limit <= 20 * MIB


def test_only_the_axis_with_gaps_loses_them():
    for kernel, dilation, shape in [
        ((1, 3), 10**6, (97, 183)),
        ((3, 1), 10**6, (291, 61)),
        ((3, 3), (10**6, 1), (291, 63)),
        ((3, 3), (1, 10**6), (99, 183)),
        ((3, 3), 2, (101, 65)),
    ]:
        geometry = conv_geometry((97, 61), kernel, "same", dilation=dilation)
        windows = without_gaps(geometry, 3)
        assert windows.padded_shape == shape
        assert windows.output_shape == geometry.output_shape
    apart = conv_geometry((97, 61), (3, 3), 0, (13, 1))
    assert without_gaps(apart, 3).padded_shape == (3 * 8, 61)
    assert without_gaps(conv_geometry((97, 61), (3, 3), 0, (11, 11)), 3).padded_shape == (97, 61)
    # Pixels of many channels that a stride skips are not copied, either.
    for channels, shape in [(15, (97, 61)), (16, (49, 61))]:
        picked = conv_geometry((97, 61), (1, 3), "same", 2)
        assert without_gaps(picked, channels).padded_shape == (shape[0], 63)
    # The taps of all windows read 3 rows of 33, out of 697.
    tall = conv_geometry((97, 61), (3, 3), "same", (3, 1), dilation=(300, 1))
    assert without_gaps(tall, 3).padded_shape == (99, 63)


SMALL = st.tuples(*[st.integers(1, 6)] * 2)
PADS = st.sampled_from(["same", "full", 0, 40, (0, 7, 30, 1)])


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_border_far_away_is_the_border_nearby(border, size):
    whole = border_index(size, 40, 50, border)
    places = np.array([[-40, 0, size], [size + 49, -7, size - 1]])
    np.testing.assert_array_equal(border_at(places, size, border), whole[places + 40])
    period = 10**9 * 2 * size * max(size - 1, 1)
    if border in ("wrap", "reflect", "symmetric"):
        np.testing.assert_array_equal(border_at(places + period, size, border), whole[places + 40])


def test_strips_that_are_used_again_hold_nothing_of_earlier_images(rng):
    kernel = rng.integers(-9, 10, (3, 3))
    images = rng.integers(0, 256, (4, 150, 100), np.uint8)
    found = []
    for image in images:
        found.append(cross_correlate(image, kernel))
        pool(image, 3, stride=1)  # which uses the same memory
        cross_correlate(images[0], kernel * 0.3, dtype=np.uint8)
    for image, values in zip(images, found, strict=True):
        np.testing.assert_array_equal(values, cross_correlate(image, kernel, method="toeplitz"))
