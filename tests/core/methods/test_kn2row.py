"""Few filters over many channels: one product, whose parts are shifted and added."""

import numpy as np
import pytest

from convcli import cross_correlate
from convcli.core.methods.kn2row import Kn2rowMethod
from convcli.core.plan import make_plan
from convcli.geometry import ConvOptions


@pytest.fixture
def used(monkeypatch):
    """The number of rows of each strip that was summed this way."""
    strips = []
    whole = Kn2rowMethod.sums

    def sums(self, strip, rows, space):
        strips.append(rows)
        return whole(self, strip, rows, space)

    monkeypatch.setattr(Kn2rowMethod, "sums", sums)
    return strips


def test_few_filters_over_many_channels_are_shifted():
    image = np.zeros((64, 64, 64), np.float32)
    for shape, shifted in {
        (64, 7, 7): True,
        (2, 64, 3, 3): True,
        (64, 64, 3, 3): False,
        (1, 64, 60, 60): False,
    }.items():
        plan = make_plan(image, np.ones(shape, np.float32) / 3, ConvOptions())
        assert plan.method == "matrix"
        assert ("shifted" in plan.describe()) == shifted
    strided = make_plan(image, np.ones((64, 7, 7)) / 3, ConvOptions(stride=2))
    assert "shifted" in strided.describe()
    far_apart = make_plan(image, np.ones((64, 3, 3)) / 3, ConvOptions(stride=12))
    assert "shifted" not in far_apart.describe()


@pytest.mark.parametrize("strip", [1 << 22, 1 << 15])
@pytest.mark.parametrize("products", [1 << 21, 5000, 1])
@pytest.mark.parametrize("kernel", [(1, 40, 1, 1), (1, 40, 5, 3), (2, 90, 2, 4), (40, 4, 4)])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, (2, 3)), ((2, 3), 1), ((3, 2), 2)])
def test_every_size_of_strips_and_products(
    strip, products, kernel, stride, dilation, used, monkeypatch
):
    rng = np.random.default_rng((strip, products))  # a new plan for each
    monkeypatch.setattr("convcli.core.methods.kn2row.STRIP_BYTES", strip)
    monkeypatch.setattr("convcli.core.methods.choose.WINDOW_COST", {4: 99.0, 8: 99.0})
    image = rng.integers(-9, 10, (70, 17, kernel[-3])).astype("f4")
    bank = rng.integers(-9, 10, kernel).astype("f4")
    options = {"dilation": dilation, "border": "reflect", "padding": "full", "stride": stride}
    expected = cross_correlate(image, bank, method="direct", dtype="f8", **options)
    plan = make_plan(image, bank, ConvOptions(**options), method="matrix")
    monkeypatch.setattr("convcli.core.methods.kn2row.PRODUCT_BYTES", products)
    assert np.array_equal(cross_correlate(image, bank, method="matrix", **options), expected)
    assert "shifted" in plan.describe()
    assert used
    assert (len(used) > 1) == (strip < 1 << 22)


@pytest.mark.parametrize("kind", ["u1", "i2", "?"])
def test_integers_are_exact(kind, used, rng):
    image = rng.integers(0, 2 if kind == "?" else 200, (20, 30, 90)).astype(kind)
    bank = rng.integers(-99, 100, (1, 90, 3, 3))
    found = cross_correlate(image, bank, method="matrix")
    assert used
    assert found.dtype.kind == "i"
    assert np.array_equal(found, cross_correlate(image, bank, method="direct"))


def test_what_is_not_finite_stays_where_it_is_weighed(used, rng):
    image = rng.random((42, 43, 64), np.float32)
    image[3, 4, 5], image[9, 9, 9], image[9, 9, 60] = np.nan, np.inf, -np.inf
    bank = rng.standard_normal((2, 64, 3, 3))
    bank[0, 60] = 0
    found = cross_correlate(image, bank)
    expected = cross_correlate(image, bank, method="direct")
    assert used
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.isinf(found[..., 0]).sum() == np.isnan(found[..., 0]).sum() == 9


def test_sums_that_cancel_keep_their_digits(used, rng):
    image = (1e6 + rng.standard_normal((30, 20, 128))).astype("f4")
    bank = rng.standard_normal((128, 3, 3))
    bank -= bank.mean()
    found = cross_correlate(image, bank)
    expected = cross_correlate(image.astype("f8"), bank, method="direct")
    assert used
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
