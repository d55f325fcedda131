"""Missing pixels in ``convcli chain``: convolutions leave them out, other layers pass NaN on."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convcli import Chain, UsageError, cross_correlate


@pytest.fixture
def holes(save, rng):
    """An image, ``in.npy``, a mask of some of its pixels, ``m.npy``; and a masked array of both."""
    pixels, mask = rng.integers(-50, 90, (9, 11, 3)), rng.random((9, 11)) < 0.3
    save("in.npy", pixels)
    save("m.npy", mask)
    return np.ma.array(pixels, mask=np.repeat(mask[..., None], 3, axis=2))


@pytest.fixture
def chain(convcli, load):
    def run(*layers):
        ran = convcli("chain", "in.npy", "--mask", "m.npy", *layers, "-o", "o.npy", "--overwrite")
        assert (ran.code, ran.err) == (0, ""), ran
        return load("o.npy")

    return run


def assert_equal(actual, expected):
    assert actual.shape == expected.shape
    assert_allclose(actual, expected, rtol=1e-5, atol=1e-3, equal_nan=True)


@pytest.mark.parametrize("kernel", ["blur", "sobel-x", "gaussian:4"])
@pytest.mark.parametrize("border", ["edge", "zero"])
def test_a_convolution_leaves_missing_pixels_out(chain, holes, kernel, border):
    expected = cross_correlate(holes, kernel, border=border, min_valid=0.4)
    actual = chain("conv", "-k", kernel, "--border", border, "--min-valid", "0.4")
    assert_equal(actual, expected)
    assert np.isnan(actual).any()


def test_banks_groups_and_combinations(chain, holes, save, rng):
    bank, flat = rng.normal(size=(4, 3, 3, 2)), rng.normal(size=(3, 1, 3, 3))
    save("bank.npy", bank)
    save("flat.npy", flat)
    biases = np.array([1.0, -2, 3, 0])
    save("bias.npy", biases)
    actual = chain("conv", "-k", "bank.npy", "--bias", "bias.npy", "--stride", "2")
    assert_equal(actual, cross_correlate(holes, bank, stride=2) + biases)
    each = [cross_correlate(holes[..., c], flat[c, 0], bias=7) for c in range(3)]
    assert_equal(chain("conv", "-k", "flat.npy", "--groups", "3", "--bias", "7"), np.dstack(each))
    pair = [cross_correlate(holes, f"sobel-{axis}") for axis in "xy"]
    assert_equal(chain("conv", "-k", "sobel"), np.hypot(*pair))


def test_the_next_convolution_leaves_invalid_values_out_and_other_layers_pass_them_on(chain, holes):
    first = cross_correlate(holes, "box:2", padding=0, min_valid=1)
    assert np.isnan(first).any()
    rest = "conv", "-k", "box:2", "--padding", "0", "--min-valid", "1"
    assert_array_equal(np.isnan(chain(*rest, "relu")), np.isnan(first))
    pooled = chain(*rest, "maxpool", "2")
    blocks = first[:8, :10].reshape(4, 2, 5, 2, 3).max(axis=(1, 3))
    assert_equal(pooled, blocks)
    second = cross_correlate(first, "-1 0 1", nan="ignore", min_valid=1)
    assert_equal(chain(*rest, "conv", "-k", "-1 0 1"), second)


def test_the_result_has_the_pixels_of_apply(convcli, save, load, rng):
    save("in.png", rng.integers(0, 256, (12, 13, 3), np.uint8))
    mask = rng.random((12, 13)) < 0.5
    save("m.png", mask.astype(np.uint8))
    shared = ["--mask", "m.png", "--nodata", "9", "--min-valid", "0.6"]
    assert convcli("apply", "in.png", *shared, "-k", "blur", "-o", "a.png").code == 0
    ran = convcli("chain", "in.png", *shared, "conv", "-k", "blur", "-o", "c.png", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert_array_equal(load("c.png"), load("a.png"))
    record = json.loads(ran.out)
    assert record["missing"] >= mask.sum()
    assert record["invalid"] > 0
    plain = convcli("chain", "in.png", "--mask", "m.png", "conv", "-k", "1", "-o", "p.png")
    assert plain.err == f"in.png: {3 * mask.sum()} NaN values of the last layer became black\n"


def test_the_figure_shows_missing_numbers_and_says_which(convcli, save):
    save("in.npy", np.array([[1, 2, -9], [3, 4, 5]]))
    ran = convcli("chain", "in.npy", "--nodata", "-9", "conv", "-k", "1 1", "--plot", "f.svg")
    assert ran.code == 0
    text = Path("f.svg").read_text(encoding="utf-8")
    assert "nodata -9" in text
    assert "1 NaN in magenta" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--min-valid", "1"], "--min-valid needs --nan ignore, --mask or --nodata"),
        (["--nodata", "0", "--resize", "9x9"], "--resize would mix missing pixels with valid ones"),
    ],
)
def test_what_has_no_meaning_is_refused(convcli, holes, words, message):
    ran = convcli("chain", "in.npy", "conv", "-k", "blur", *words, "-o", "o.npy")
    assert ran.code == 2
    assert message in ran.err


def test_a_chain_in_python_takes_masked_arrays(chain, holes):
    layers = "conv -k blur relu conv -k sobel-x --stride 2 maxpool 2"
    run = Chain(layers)
    assert_array_equal(run(holes), chain(*layers.split()))
    first, *_ = run.maps(holes)
    assert_equal(first, cross_correlate(holes, "blur"))
    assert "NaN in magenta" in "".join(text.get_text() for text in run.plot(holes).texts)
    row = np.ma.masked_equal([1, 2, 0, 4.0], 0)
    assert Chain("conv -k '1 1 1'")(row).tolist() == cross_correlate(row, [1, 1, 1]).tolist()
    whole = np.ma.array(holes.data)
    assert_array_equal(Chain("conv -k blur")(whole), Chain("conv -k blur")(holes.data))
    with pytest.raises(UsageError, match="image is a masked array"):
        run.explain(holes, (0, 0))
