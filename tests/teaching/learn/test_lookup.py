"""Known kernels are seen in learned ones: as they stand, flipped, turned, scaled, centered."""

import numpy as np
import pytest

from convcli import cross_correlate, get_kernel, learn_kernel
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.entries import FixedKernel
from convcli.teaching.learn.lookup import centered, rational, recognize

FIXED = [
    name
    for name, entry in CATALOGUE.items()
    if isinstance(entry, FixedKernel) and entry.group != "color"  # over channels: none is looked up
]


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def seen(weights, bias=0.0, error=0.0):
    return recognize(np.asarray(weights, float), bias, error)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIXED)
def test_every_fixed_kernel_is_recognized_by_one_of_its_names(name):
    kernel = get_kernel(name)
    match = seen(kernel.weights, kernel.bias)
    assert match.certain
    assert (match.flipped, match.scale, match.difference) == (False, 1, 0)
    assert name in (match.spec, *match.also)
    for other in (match.spec, *match.also):
        np.testing.assert_allclose(
            centered(get_kernel(other).weights, kernel.shape), kernel.weights, atol=1e-12
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("box:5", "box:5"),
        ("binomial:4", "binomial:4"),
        ("gaussian:7,sigma=1.3", "gaussian:7,sigma=1.3"),
        ("gaussian:3,sigma=0.7", "gaussian:3,sigma=0.7"),
        ("gaussian:5x9,sigma=2", "gaussian:5x9,sigma=2"),
        ("disk:radius=3", "disk:radius=3"),
        ("sobel-x@45", "sobel-x@45"),
    ],
)
def test_computed_and_rotated_kernels(spec, name):
    match = seen(get_kernel(spec).weights)
    assert match.certain
    assert match.spec == name or np.allclose(get_kernel(match.spec), get_kernel(spec))


def test_flipped_negated_and_scaled():
    emboss = get_kernel("emboss").weights
    assert seen(emboss[::-1, ::-1])[:4] == ("emboss", (), True, 1.0)
    assert seen(-emboss)[:4] in (("emboss", (), False, -1.0), ("emboss", (), True, -1.0))
    assert seen(2.5 * emboss)[:4] == ("emboss", (), False, 2.5)
    assert seen(-1 * get_kernel("sobel-x").weights).spec == "left-sobel"


@pytest.mark.slow
def test_a_small_kernel_in_a_large_frame_and_a_large_one_cut():
    assert seen(centered(get_kernel("sobel-y").weights, (7, 5))).spec == "sobel-y"
    assert seen(centered(get_kernel("gaussian:5,sigma=1.2").weights, (9, 9))).spec == (
        "gaussian:5,sigma=1.2"
    )
    assert seen([[1]]).spec == "identity"
    assert seen([[3]])[2:4] == (False, 3.0)
    assert seen([[1], [1], [1]]).spec == "vertical-line"


def test_biases_tell_kernels_of_the_same_weights_apart():
    weights = get_kernel("contour").weights
    assert seen(weights, 255).spec == "contour"
    assert seen(weights, 0).spec != "contour"
    assert "contour" not in seen(weights, 0).also


def test_noise_is_allowed_for_as_far_as_it_explains():
    sobel = get_kernel("sobel-x").weights
    off = sobel + 0.01 * np.eye(3)
    assert not seen(off).certain
    assert seen(off).difference == pytest.approx(0.01, rel=0.2)
    assert seen(off, error=0.002).certain
    assert not seen(sobel + 0.1 * np.eye(3), error=10).certain  # nothing explains so much


def test_what_no_kernel_is_near(rng):
    assert seen(rng.normal(size=(5, 5))) is None
    assert seen(np.zeros((3, 3))) is None


@pytest.mark.parametrize("divisor", [1, 3, 9, 16, 273])
def test_whole_numbers_over_a_divisor(divisor, rng):
    matrix = rng.integers(-20, 20, (3, 3))
    matrix[0, 0] = 1  # no common factor
    found = rational(matrix / divisor + rng.normal(0, 1e-7, (3, 3)), 1e-7)
    assert found.divisor == divisor
    np.testing.assert_array_equal(found.matrix, matrix)


def test_what_is_no_fraction(rng):
    assert rational(rng.normal(size=(3, 3)), 1e-9) is None
    assert rational(np.zeros((3, 3)), 0.0) is None
    assert rational(np.array([[0.26, 0.49]]), 0.02) is None  # any divisor would do


def test_what_explains_little_of_the_image_is_not_certain():
    before = np.random.default_rng(0).integers(0, 256, (60, 70)).astype(float)
    after = cross_correlate(before, get_kernel("outline").weights, padding="valid")
    assert learn_kernel(before, after).match.certain
    found = learn_kernel(before, np.clip(after, 0, 255))
    assert found.r_squared < 0.9
    assert found.match is None or not found.match.certain


@pytest.mark.parametrize("angle", [45, 90, 135, 225, 270, 315])
@pytest.mark.parametrize("name", ["emboss", "kirsch-n"])
def test_a_turned_kernel_is_named_with_its_angle(name, angle):
    weights = get_kernel(f"{name}@{angle}").weights
    match = seen(weights)
    assert match.certain
    found = get_kernel(match.spec).weights * match.scale
    np.testing.assert_allclose(found[::-1, ::-1] if match.flipped else found, weights)
    if name == "emboss":
        assert f"{name}@{angle}" in (match.spec, *match.also)
