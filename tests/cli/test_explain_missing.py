"""Explanations of windows with missing pixels: the numbers of apply, and what is told of them."""

import json
from pathlib import Path

import numpy as np
import pytest

KERNELS = {
    "mean": "1 2 1; 2 4 2; 1 2 1",
    "edge": "-1 0 1; -2 0 2; -1 0 1",
    "even": "1 2; 3 4",
    "signed": "0.25 0.5 -0.1",
    "negative": "-1 -2 -1",
    "zero": "0 0",
    "sobel": "sobel",
    "gaussian": "gaussian:3",
}


@pytest.mark.parametrize("seed", range(24))
def test_every_value_is_that_of_apply(convcli, here, seed):
    rng = np.random.default_rng(seed)
    kind = ("u1", "f4", "i4")[seed % 3]
    channels = (3,) if seed % 8 == 7 else ()
    pixels = rng.integers(0, 90, (6, 7, *channels)).astype(kind)
    nodata = int(pixels.flat[0])
    pixels[rng.random(pixels.shape) < 0.3] = nodata
    np.save("in.npy", pixels)
    np.save("m.npy", rng.random((6, 7)) < 0.15)
    border = ["edge", "zero", "reflect", "wrap"][seed % 4]
    words = ["in.npy", "-k", list(KERNELS.values())[seed % len(KERNELS)], "--nodata", nodata]
    words += ["--border", border, "--min-valid", [0, 0.7][seed % 2], "--bias", [0, 2.5][seed % 2]]
    words += ["--padding", ["same", "full", "1"][seed % 3], "--mask", "m.npy"]
    words += ["--dilation", 1 + (seed % 5 == 0), "--operation", ["correlate", "convolve"][seed % 2]]
    words += ["--anchor", ["before", "after"][seed % 2]] * (seed % 3 == 0)
    words += ["--normalize"] * (seed % 8 in (0, 2))
    assert convcli("apply", *words, "--range", "raw", "-o", "raw.npy").code == 0
    assert convcli("apply", *words, "-o", "out.npy").code == 0
    raw, out = np.load("raw.npy"), np.load("out.npy")
    tolerance = 1e-5 if raw.dtype == np.float32 else 1e-9
    for row, column in rng.integers(0, raw.shape[:2], (6, 2)).tolist():
        ran = convcli("explain", *words, "--at", f"{row},{column}", "--json")
        for number, output in enumerate(json.loads(ran.out)["outputs"]):
            value, pixel = (each[row, column].ravel()[number] for each in (raw, out))
            if np.isnan(value):
                assert output["value"] is None
            else:
                assert output["value"] == pytest.approx(value, rel=tolerance, abs=tolerance)
            nothing = np.isnan(float(pixel))
            assert output["pixel"] == (None if nothing else pytest.approx(pixel, rel=tolerance))
            for response in output["responses"]:
                _check_steps(response)


def _check_steps(response):
    """See that each step follows from the step before it."""
    total, validity = response["sum"], response.get("validity")
    window, weights = (np.array(response["sums"][0][key], float) for key in ("window", "weights"))
    if validity is not None:
        lost = np.array(response["sums"][0]["missing"])
        assert lost.any()
        weight = np.abs(weights).sum()
        assert validity["weight"] == pytest.approx(weight, rel=1e-5)
        assert validity["valid"] == pytest.approx(np.abs(weights[~lost]).sum(), rel=1e-5)
        is_signed = weights.min() < 0 < weights.max()
        assert validity["rule"] == ("anchor" if is_signed else "scale")
        if response["value"] is None:
            return
        if is_signed:
            assert len(set(window[lost].tolist())) == 1
        else:
            assert np.isnan(window[lost]).all()
            if weight:
                total = total * weight / validity["valid"]
        assert validity["scaled"] == pytest.approx(total, rel=1e-5, abs=1e-5)
    products = np.where(weights == 0, 0, np.nan_to_num(window) * weights)
    assert response["sum"] == pytest.approx(products.sum(), rel=1e-5, abs=1e-5)
    value = total / response["divisor"] + response["bias"]
    assert response["value"] == pytest.approx(value, rel=1e-5, abs=1e-5)


def told(convcli, *arguments):
    ran = convcli("explain", *arguments)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out.decode()


def test_the_sum_is_scaled_by_the_weight_on_valid_pixels(convcli):
    words = ["-k", "1 2 1", "--normalize", "--bias", 2, "--matrix", "1 2 -9 8 9", "--nodata", -9]
    text = told(convcli, *words, "--at", "0,3")
    assert "input; -: missing\n" in text
    assert "0  - 8 9   1 2 1    - 16 9\n" in text
    assert text.endswith(
        "sum       (8*2) + (9*1) = 25\n"
        "scaled    25 * 4 / 3 ~ 33.3333333333333 (the weight: all / on valid pixels)\n"
        "value     33.3333333333333 / 4 + 2 ~ 10.3333333333333\n"
        "value     10.3333333333333\n"
    )
    assert "missing" not in told(convcli, *words, "--at", "0,0")


def test_a_missing_pixel_takes_the_value_at_the_anchor(convcli):
    words = ["-k", "-1 0 1", "--matrix", "1 2 -9 8 -9", "--nodata", -9]
    text = told(convcli, *words, "--at", "0,1")
    assert "in braces: missing, with the value at the anchor" in " ".join(text.split())
    assert "0  1 2 {2}   -1 0 1   -1 0 2\n" in text
    assert text.endswith("sum       (1*-1) + (2*0) + (2*1) = 1\nvalue     1\n")
    text = told(convcli, *words, "--at", "0,4")
    assert "0  8 - [-]   -1 0 1   -8 - -\n" in text
    assert text.endswith("invalid   the anchor is missing: no value\nvalue     nan\n")


def test_a_window_with_too_little_weight_has_no_value(convcli, here):
    words = ["-k", "1 2 1", "--matrix", "1 2 -9 -9 -9", "--nodata", -9, "--divisor", 4]
    text = told(convcli, *words, "--at", "0,3")
    assert "sum       0: no pixel is valid\n" in text
    assert text.endswith(
        "invalid   0 of a weight of 4 is on valid pixels: no value\nvalue     nan\n"
    )
    text = told(convcli, *words, "--at", "0,2", "--min-valid", 0.5)
    assert "invalid   1 of a weight of 4 is on valid pixels, less than 0.5 of it: no value" in text
    np.save("in.npy", np.array([[1, 2, 9, 9, 9]], np.uint8))
    for nodata, said in (("9", "nodata"), ("0", "black")):
        np.save("in.npy", np.array([[1, 2, nodata, nodata, nodata]], np.uint8))
        text = told(convcli, "-k", "1 2 1", "in.npy", "--nodata", nodata, "--at", "0,3")
        assert f"clip      nan -> {nodata} (not a number: {said})\npixel     {nodata}\n" in text


def test_of_a_large_kernel_the_largest_products_are_told(convcli, here):
    pixels = np.arange(40 * 40.0).reshape(40, 40)
    pixels[20, 20] = np.nan
    np.save("in.npy", pixels)
    np.save("k.npy", np.ones((33, 33)))
    text = told(convcli, "-k", "k.npy", "in.npy", "--nan", "ignore", "--at", "20,20")
    total = int(np.nansum(pixels[4:37, 4:37]))
    assert f"scaled    {total} * 1089 / 1088 = {total // 1088 * 1089} (the weight" in text


@pytest.mark.parametrize("kernel", ["1 2 1", "-1 0 1", "1 2 1; 2 4 2; 1 2 1", "sobel"])
@pytest.mark.parametrize("source", ["row.csv", "grid.csv", "grid.npy"])
def test_figures_name_what_is_missing(convcli, save, kernel, source):
    grid = np.arange(25).reshape(5, 5)
    grid[2, 1] = 99
    save("row.csv", grid[2:3])
    save("grid.csv", grid)
    save("grid.npy", grid.astype(np.uint8))
    at = "0,2" if source == "row.csv" else "2,2"
    ran = convcli("explain", "-k", kernel, source, "--nodata", 99, "--at", at, "-o", "f.svg")
    assert (ran.code, ran.err) == (0, "")
    drawn = Path("f.svg").read_text()
    is_anchored = kernel in ("-1 0 1", "sobel")
    assert ("as the anchor" in drawn) == is_anchored
    if source != "row.csv":
        assert (">magenta: missing<" in drawn) == (not is_anchored)


def test_what_cannot_be_explained_is_refused(convcli):
    words = ["--matrix", "1 2; 3 4", "--at", "0,0"]
    convcli("explain", "--layer", "relu", *words, "--nodata", 1).fails(
        2, "--layer explains values of all pixels; leave out --nodata"
    )
    convcli("explain", "-k", "blur", *words, "--nodata", 1, "-o", "f.xlsx").fails(
        2, "a spreadsheet shows no missing pixels"
    )
