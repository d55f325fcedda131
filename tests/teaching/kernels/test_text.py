"""The page and the JSON of `kernels show`."""

import json

import numpy as np
import pytest

from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, find_computed, read_spec
from convcli.teaching.kernels.text import set_json, set_text


def page(spec):
    return set_text(read_spec(spec), find_computed(spec))


def properties(spec):
    """The lines under a matrix, as a dictionary."""
    lines = (line.split(maxsplit=1) for line in page(spec).splitlines() if line[:1].isalpha())
    return {line[0]: line[1] for line in lines if len(line) == 2}


def test_the_page_has_the_matrix_and_its_properties():
    assert "  -1 -2 -1\n   0  0  0\n   1  2  1\n" in page("sobel-y")
    found = properties("sobel-y")
    assert found["size"] == "3x3 (width x height)"
    assert found["sum"] == "0"
    assert found["symmetry"].startswith("antisymmetric")
    assert found["separable"].startswith("yes (rank 1)")
    assert (found["column"], found["row"]) == ("-1 0 1", "1 2 1")
    assert found["output"].startswith("-1020 to 1020")
    assert "Sobel" in found["source"]


def test_the_output_includes_divisor_and_bias():
    assert properties("cross-blur")["output"].startswith("0 to 255 ")
    assert properties("contour")["output"].startswith("-1785 to 2295 ")
    assert properties("outline")["separable"] == "no (rank 2)"


def test_a_rounding_error_is_shown_as_0():
    assert properties("log:9")["sum"] == "0"


def test_a_family_has_each_member():
    assert page("kirsch").startswith("kirsch: 8 kernels, combined by max")
    assert all(f"\n{name}: " in page("kirsch") for name in CATALOGUE["kirsch"].members)
    data = json.loads(set_json(read_spec("kirsch")))
    assert (data["label"], data["combine"], len(data["kernels"])) == ("kirsch", "max", 8)


def test_the_parameters_of_a_computed_kernel_are_explained():
    text = page("gaussian:5,sigma=1.2")
    assert all(f"\n  {p.name} " in text for p in CATALOGUE["gaussian"].parameters)


def test_a_channel_kernel_has_a_matrix_per_channel():
    text = set_text(KernelSet("k", (Kernel(np.arange(12).reshape(3, 2, 2)),)))
    assert "blue\n   8  9\n  10 11" in text
    assert "separable" not in text
    assert "channel 2\n  1" in set_text(KernelSet("k", (Kernel(np.arange(2).reshape(2, 1, 1)),)))


def test_json_has_the_kernel_and_its_properties():
    data = json.loads(set_json(read_spec("blur")))
    assert (data["sum"], data["rank"], data["separable"]) == (1, 1, [[1, 2, 1], [1, 2, 1]])
    assert (data["least"], data["greatest"], data["size"]) == (0, 255, "3x3")


def shown_matrix(text):
    lines = text.split("\n\n")[1].splitlines()
    return [line.split() for line in lines if line[:2] == "  " and line[2] != "("]


def test_weights_have_six_digits():
    text = set_text(read_spec("gaussian:5"))
    weights = read_spec("gaussian:5").kernels[0].weights
    np.testing.assert_allclose(np.array(shown_matrix(text), float), weights, atol=5e-7)
    assert max(len(word) for row in shown_matrix(text) for word in row) <= 8
    assert "(rounded; -o - prints all weights with all digits)" in text
    assert "rounded" not in set_text(KernelSet("k", (Kernel([[0.25, -0.125]]),)))


@pytest.mark.parametrize(
    ("spec", "digits"), [("gaussian:7", 6), ("gaussian:9", 4), ("gaussian:11", 3)]
)
def test_weights_have_as_many_digits_as_fit_a_line(spec, digits):
    text = set_text(read_spec(spec))
    [kernel] = read_spec(spec).kernels
    shown = np.array(shown_matrix(text), float)
    unit = 10.0 ** (np.floor(np.log10(np.abs(kernel.weights).max())) + 1 - digits)
    np.testing.assert_allclose(shown, kernel.weights, rtol=0, atol=unit / 2 + 1e-15)
    assert np.abs(shown - kernel.weights).max() > unit / 20  # and no more
    assert max(map(len, text.split("\n\n")[1].splitlines())) <= 80


def test_a_wide_kernel_shows_its_middle():
    text = set_text(read_spec("gaussian:30,sigma=1,rho=0.5,start=-3,step=0.2,normalize=no"))
    assert max(len(line) for line in text.splitlines() if line[:2] == "  ") <= 100
    assert "(the middle 7x7 of 30x30, rounded; -o - prints all weights with all digits)" in text
    whole = set_text(KernelSet("k", (Kernel(np.ones((30, 30), int)),)))
    assert shown_matrix(whole) == [["1"] * 30] * 30
    text = set_text(KernelSet("k", (Kernel([np.linspace(0, 1, 12)]),)), digits=12)
    assert "the middle 7x1 of 12x1" in text


@pytest.mark.parametrize("spec", ["gabor", "gaussian:33x31", "log:151"])
def test_a_large_kernel_shows_its_middle(spec):
    text = set_text(read_spec(spec))
    [kernel] = read_spec(spec).kernels
    rows, columns = (side // 2 for side in kernel.shape)
    middle = kernel.weights[rows - 3 : rows + 4, columns - 3 : columns + 4]
    np.testing.assert_allclose(np.array(shown_matrix(text), float), middle, atol=1e-5)
    assert "the middle 7x7 of" in text
    assert max(len(line) for line in text.splitlines() if line[:2] == "  ") <= 80
