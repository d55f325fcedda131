"""``convcli explain --gradient``: text, JSON, figure, and what is refused."""

import json

import numpy as np
import pytest

from convcli import explain_gradient


@pytest.fixture
def explain(convcli):
    """Run ``convcli explain --gradient`` inside this process."""
    return lambda *arguments, **extra: convcli("explain", "--gradient", *arguments, **extra)


def data_of(ran):
    assert (ran.code, ran.err) == (0, ""), ran
    return json.loads(ran.out)


def test_the_text_is_that_of_python(explain, here):
    image, target = np.array([[1, 2, 4], [0, 1, 3]]), np.array([[0, 1], [2, 2]])
    np.savetxt(here / "x.csv", image, "%d")
    np.savetxt(here / "t.csv", target, "%d")
    flags = "-k", "1 -1", "--padding", "valid", "--target", "t.csv", "--bias", "0.5", "x.csv"
    ran = explain(*flags)
    explained = explain_gradient(image, "1 -1", padding="valid", target=target, bias=0.5)
    assert (ran.code, ran.err, ran.out.decode()) == (0, "", f"{explained}\n")
    ran = explain(*flags, "--json")
    assert "-0.0," not in ran.out.decode()
    data = data_of(ran)
    assert data["input"] == "x.csv"
    assert data["grad_weights"] == explained.grad_weights.tolist()
    assert explain(*flags, "-o", "g.png").out == b"g.png\n"
    assert (here / "g.png").stat().st_size > 10_000


def test_a_bank_is_one_convolution_and_a_filter_of_it_another(explain, gray, here):
    bank = np.arange(18.0).reshape(2, 1, 3, 3) - 8
    np.save(here / "bank.npy", bank)
    whole = data_of(explain("-k", "bank.npy", "gray.png", "--json"))
    assert np.shape(whole["grad_weights"]) == bank.shape
    one = data_of(explain("-k", "bank.npy", "--filter", "2", "gray.png", "--json"))
    assert one["grad_weights"] == whole["grad_weights"][1]
    two = data_of(explain("-k", "sobel-x", "-k", "sobel-y", "gray.png", "--json"))
    assert (two["kernel"], len(two["grad_bias"])) == ("sobel-x, sobel-y", 2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-k", "sobel"], 1, "sobel combines 2 maps, and a gradient is that of one convolution"),
        (["-k", "sobel", "-k", "blur"], 1, "sobel combines 2 maps"),
        (["-k", "blur", "-k", "gaussian:5"], 1, "must have one shape"),
        (["-k", "blur", "-k", "box:3", "--combine", "sum"], 2, "leave out --combine"),
        (["-k", "blur", "--range", "clip"], 2, "leave out --range"),
        (["-k", "blur", "--percentile", "1,99"], 2, "leave out --percentile"),
        (["-k", "blur", "--nan", "ignore"], 2, "leave out --nan"),
        (["-k", "blur", "--mask", "m.png"], 2, "leave out --mask"),
        (["--layer", "relu"], 2, "leave out --layer"),
        (["-k", "blur", "--map", "2"], 2, "--layer and --map"),
        ([], 2, "-k"),
        (["-k", "blur", "-o", "a.xlsx"], 2, "with --gradient, -o draws a figure"),
        (["-k", "blur", "--target", "no.csv"], 1, "no.csv"),
        (["-k", "blur", "--target", "small.csv"], 1, "target has 1 map of 2x1"),
        (["-k", "blur", "--at", "99,0"], 1, "outside"),
        (["-k", "blur", "--json", "-o", "g.png"], 2, "choose one"),
        (["-k", "-", "--target", "-"], 2, "standard input"),
    ],
)
def test_what_makes_no_sense_is_refused(explain, save, gray, arguments, code, said):
    save("small.csv", np.array([[1, 2]]))
    explain(*arguments, "gray.png").fails(code, said)


def test_a_value_that_is_explained_alone_has_a_place_and_no_target(convcli, gray):
    convcli("explain", "-k", "blur", "gray.png").fails(2, "Missing option '--at'")
    flags = "-k", "blur", "--at", "0,0", "--target", "gray.png", "gray.png"
    convcli("explain", *flags).fails(2, "--target needs --gradient")


def test_raw_values_and_a_bias_have_gradients(explain, gray):
    flags = "-k", "blur", "--range", "raw", "--bias", "3", "gray.png", "--json"
    assert data_of(explain(*flags))["divisor"] == 16
