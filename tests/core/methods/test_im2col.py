"""Filter banks as matrix products: of every size, in the order of any weights, and accurate."""

from itertools import product

import numpy as np
import pytest

from convcli import convolve, cross_correlate
from convcli.core.methods.im2col import Im2colMethod, bound_partials


@pytest.fixture
def used(monkeypatch):
    """The types that sums were computed in."""
    types = []
    whole = Im2colMethod.bind

    def bind(self, strip, rows, space):
        multiply = whole(self, strip, rows, space)

        def noted():
            found = multiply()
            types.append(found.dtype.name)
            return found

        return noted

    monkeypatch.setattr(Im2colMethod, "bind", bind)
    return types


def in_float64(image, bank, stride=(1, 1), dilation=(1, 1)):
    """The sums over all windows that lie inside the image."""
    extent = [step * (side - 1) + 1 for step, side in zip(dilation, bank.shape[2:], strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(image.astype("f8"), extent, (0, 1))
    windows = windows[:: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return np.tensordot(windows, bank.astype("f8"), axes=([2, 3, 4], [1, 2, 3]))


def sums(image, bank, **options):
    return cross_correlate(image, bank, method="matrix", padding="valid", **options)


TAPS = [(1, 1, 1), (5, 3, 1), (97, 1, 1), (14, 3, 5), (47, 1, 4), (300, 3, 3)]


@pytest.mark.parametrize("filters", [1, 2, 63, 65, 131])
@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (1, 300), (31, 33)])
def test_blocks_of_every_size(filters, taps, shape, rng):
    shape = shape[0] + taps[1] - 1, shape[1] + taps[2] - 1
    image = rng.integers(-9, 10, (*shape, taps[0])).astype("f4")
    bank = rng.integers(-9, 10, (filters, *taps))
    expected = in_float64(image, bank)
    for kind in ("f4", "f8"):
        found = sums(image.astype(kind), bank.astype(kind))
        assert np.array_equal(found, expected)  # whole numbers are exact in floats


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1), (7, 5)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 2), (1, 4)])
def test_windows_with_stride_and_dilation(stride, dilation, rng):
    image = rng.random((23, 19, 4), np.float32)
    bank = rng.standard_normal((6, 4, 3, 2), np.float32)
    found = sums(image, bank, stride=stride, dilation=dilation)
    expected = in_float64(image, bank, stride, dilation)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", ["C", "F", "flipped", "float16", "big-endian", "every second"])
def test_weights_in_any_memory_order(layout, rng):
    image = rng.random((9, 8, 16), np.float32)
    bank = rng.standard_normal((70, 16, 3, 3)).astype("f2")
    given = {
        "C": bank.astype("f4"),
        "F": np.asfortranarray(bank, "f4"),
        "flipped": bank.astype("f4")[..., ::-1, ::-1].copy()[..., ::-1, ::-1],
        "float16": bank,
        "big-endian": bank.astype(">f4"),
        "every second": np.repeat(bank.astype("f4"), 2, axis=0)[::2],
    }[layout]
    found = sums(image, given)
    np.testing.assert_allclose(found, in_float64(image, bank), rtol=0, atol=1e-4)
    flipped = convolve(image, given, method="matrix", padding="valid")
    expected = in_float64(image, bank[..., ::-1, ::-1])
    np.testing.assert_allclose(flipped, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["noise", "normal", "rectified"])
@pytest.mark.parametrize("channels", [64, 512])
def test_deep_maps_are_summed_in_float32(kind, channels, used, rng):
    image = rng.standard_normal((14, 14, channels), np.float32)
    if kind == "noise":
        image = rng.random(image.shape, np.float32)
    elif kind == "rectified":
        image = np.maximum(image, 0)
    bank = rng.standard_normal((64, channels, 3, 3), np.float32)
    found = cross_correlate(image, bank, padding="valid")
    assert set(used) == {"float32"}
    expected = in_float64(image, bank)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def hard_image(kind, shape, rng):
    rows, columns, channels = shape
    image = rng.standard_normal(shape)
    if kind == "constant":
        image = np.full(shape, 1 / 3)
    elif kind == "constant channels":
        image = np.broadcast_to(rng.random(channels), shape)
    elif kind == "offset":
        image = image + 1e4
    elif kind == "spike":
        image[rows // 2, columns // 2] = 1e7
    elif kind == "one channel":
        image[..., channels // 2] *= 1e6
    elif kind == "tiny":
        image = image * 1e-25
    elif kind == "huge":
        image = image * 1e25
    return image.astype("f4")


def hard_bank(kind, shape, rng):
    bank = rng.standard_normal(shape)
    taps = bank[0].size
    if kind == "canceling":
        bank -= bank.mean(axis=(1, 2, 3), keepdims=True)
    elif kind == "equal":
        bank = np.full(shape, 0.1)
    elif kind == "halves":
        bank = np.full(shape, 0.1)
        bank.reshape(len(bank), -1)[:, taps // 2 :] *= -1
    elif kind == "differences":
        bank = np.zeros(shape)
        bank[:, :, 0, 0], bank[:, :, -1, -1] = 0.7, -0.7
    elif kind == "wild":
        bank *= 10.0 ** rng.integers(-9, 10, shape)
    elif kind == "one spike":
        bank[..., 0, 0, 0] = 1e6
    elif kind == "tiny":
        bank = bank * 1e-25
    elif kind == "huge":
        bank = bank * 1e25
    return bank.astype("f4")


IMAGES = [
    "normal",
    "constant",
    "constant channels",
    "offset",
    "spike",
    "one channel",
    "tiny",
    "huge",
]
BANKS = ["normal", "canceling", "equal", "halves", "differences", "wild", "one spike", "tiny"]


@pytest.mark.parametrize(
    ("image", "bank"),
    # Without sums of huge images with huge banks, which exceed float32.
    list(product(IMAGES, [*BANKS, "huge"]))[:-1],
)
@pytest.mark.parametrize("channels", [3, 40, 300])
def test_banks_keep_the_promise_where_float32_does_not(image, bank, channels, rng):
    pixels = hard_image(image, (8, 9, channels), rng)
    weights = hard_bank(bank, (5, channels, 3, 3), rng)
    found, exact = sums(pixels, weights), in_float64(pixels, weights)
    magnitudes = in_float64(np.abs(pixels), np.abs(weights)).max()
    # Sums in float64, and denormal numbers of float32, round as well.
    rounding = 1e-14 * magnitudes + 2e-45
    assert np.abs(found - exact).max() <= 1.01e-5 * np.abs(exact).max() + rounding


@pytest.mark.parametrize("scale", [1e-25, 1, 1e25])
@pytest.mark.parametrize("channels", [3, 50, 400])
def test_the_smaller_the_sums_the_sooner_float64_takes_over(channels, scale, used, rng):
    bank = hard_bank("canceling", (40, channels, 3, 3), rng) * np.float32(scale)
    noise = rng.standard_normal((9, 8, channels))
    for offset in 10 ** np.arange(-1, 7, 0.25):
        image = (offset + noise).astype("f4")
        found, exact = sums(image, bank), in_float64(image, bank)
        assert np.abs(found - exact).max() <= 1.01e-5 * np.abs(exact).max()
    assert scale != 1 or used[:2] == ["float32", "float32"]
    assert used[-1] == "float64"


def partial_sums(terms, block):
    """Add terms in order in each block, then neighboring blocks, and so on; return every sum."""
    blocks = [np.cumsum(terms[start : start + block]) for start in range(0, len(terms), block)]
    level, passed = [sums[-1] for sums in blocks], list(np.concatenate(blocks))
    while len(level) > 1:
        alone = level[-1:] if len(level) % 2 else []
        level = [sum(pair) for pair in zip(level[::2], level[1::2], strict=False)]
        passed += level
        level += alone
    return np.array(passed)


@pytest.mark.parametrize("bank", [*BANKS[:5], "one spike"])
@pytest.mark.parametrize(("channels", "block"), [(3, 32), (17, 80), (40, 64), (128, 64)])
def test_partial_sums_are_within_their_bound(bank, channels, block, rng):
    filters = hard_bank(bank, (3, channels, 3, 3), rng).reshape(3, -1)
    bound = bound_partials(filters, block)
    taps = filters.shape[1]
    windows = [np.ones(taps), *rng.choice([-1.0, 1.0], (20, taps))]  # of root mean square 1
    windows += [weights / np.sqrt(np.square(weights).mean()) for weights in filters]
    for weights in filters.astype("f8"):
        found = [partial_sums(weights * window, block) for window in windows]
        assert np.abs(found[0]).sum() <= bound.signed * 1.0001
        assert max(np.sqrt(np.square(sums).sum()) for sums in found) <= bound.walk * 1.0001
        assert max(abs(sums[-1]) for sums in found) <= bound.l1_norm * 1.0001
    assert bound.roundings >= block + np.log2(taps / block)


def test_a_term_that_absorbs_all_others():
    """One large product in each window, and thousands of small ones that float32 would lose."""
    image = np.full((6, 6, 500), 1.0, np.float32)
    image[..., 0] = 2.0**24
    bank = np.ones((4, 500, 3, 3), np.float32)
    found = sums(image, bank)
    exact = 9 * (2.0**24 + 499)
    assert np.abs(found - exact).max() <= 1e-5 * exact
    bank[:, 0] *= [[[1, -1, 0]], [[1, -1, 0]], [[1, 0, -1]], [[0, 1, -1]]]
    found = sums(image, bank)
    assert np.abs(found - 9 * 499).max() <= 1e-5 * 9 * 499


def test_plans_are_remembered_for_the_weights_as_they_were():
    image = np.ones((3, 3, 16), np.float32)
    bank = np.zeros((96, 16, 3, 3), np.float32)
    assert not cross_correlate(image, bank).any()
    bank[50, 3, 1, 1] = 2  # the same array, other weights
    assert cross_correlate(image, bank)[1, 1, 50] == 2
    bank[50, 3, 1, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        cross_correlate(image, bank)
    bank[50, 3, 1, 1] = 0
    assert not cross_correlate(image, bank).any()


@pytest.mark.parametrize("known", [1 << 15, 1 << 18])
def test_plans_of_large_weights_are_forgotten_one_by_one(known, monkeypatch):
    monkeypatch.setattr("convcli.core.plan.KNOWN_BYTES", known)
    image = np.ones((1, 2, 40))
    banks = [np.full((90, 40, 2, 2), number + 1.0) for number in range(4)]
    for number in (0, 1, 0, 2, 3, 1, 3, 0):
        found = cross_correlate(image, banks[number], padding=(1, 0))
        np.testing.assert_array_equal(found, np.full((2, 1, 90), 160 * (number + 1.0)))


@pytest.mark.parametrize("kind", ["u1", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5, 6, 3), (8, 8, 64), (1, 9, 2)])
@pytest.mark.parametrize("sides", [(1, 1), (3, 3)])
def test_a_map_does_not_depend_on_earlier_ones(sides, shape, kind, rng):
    bank = rng.integers(-9, 10, (5, shape[2], *sides))
    bank = bank if kind == "i4" else bank / 7
    for options in ({}, {"stride": 2, "border": "zero"}):
        for scale in (1, 90, 3, 0, 120):
            image = (rng.random(shape) * scale).astype(kind)
            if kind == "f4" and scale == 3:
                image[0, 0, 0] = np.inf
            found = cross_correlate(image, bank, **options)
            # A list is as good as a number, but such a plan is not kept.
            alone = options | {"stride": [options.get("stride", 1)] * 2}
            np.testing.assert_array_equal(found, cross_correlate(image, bank, **alone))
