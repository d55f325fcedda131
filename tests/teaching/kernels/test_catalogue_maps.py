from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from convcli.errors import ImageError
from convcli.images.image import ImageData
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.spec import get_kernel
from convcli.teaching.kernels.catalogue_maps import built_in_image, catalogue_maps, reduced


@pytest.fixture(scope="module")
def maps():
    return {each.name: each for each in catalogue_maps(built_in_image())}


def responses(name):
    """The feature map by scipy: its edge is called nearest, an even kernel's anchor differs."""
    kernel = get_kernel(name)
    pixels = built_in_image().pixels.astype(float)
    rows, columns = kernel.shape
    origin = (rows % 2 - 1, columns % 2 - 1)
    return ndimage.correlate(pixels, kernel.weights, mode="nearest", origin=origin) + kernel.bias


def test_there_is_one_of_each_entry_in_its_order(maps):
    assert list(maps) == list(CATALOGUE)
    assert [each.group for each in maps.values()] == [e.group for e in CATALOGUE.values()]


@pytest.mark.parametrize("name", ["outline", "sobel-x", "roberts-y", "log", "gabor", "find-edges"])
def test_signed_maps_are_the_values_themselves(maps, name):
    assert maps[name].max_value is None
    assert maps[name].signed
    expected = responses(name)
    np.testing.assert_allclose(maps[name].values, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["blur", "gaussian", "sharpen", "emboss", "plus", "contour"])
def test_what_looks_like_a_image_is_one(maps, name):
    assert (maps[name].max_value, maps[name].values.dtype) == (255, np.uint8)
    expected = np.clip(responses(name), 0, 255)
    assert np.abs(maps[name].values - expected).max() <= 0.5 + 1e-3


def test_families_are_combined(maps):
    across, down = responses("sobel-x"), responses("sobel-y")
    np.testing.assert_allclose(maps["sobel"].values, np.hypot(across, down), rtol=1e-6)
    members = [responses(name) for name in CATALOGUE["kirsch"].members]
    assert np.array_equal(maps["kirsch"].values, np.max(members, axis=0))
    assert not maps["sobel"].signed
    assert (maps["sobel"].about, maps["kirsch"].about) == ("magnitude of 2", "max of 8")
    assert (maps["motion"].about, maps["sobel-x"].about) == ("9x1", "3x3")


def test_every_kernel_but_identity_changes_the_built_in_image(maps):
    same = [n for n, each in maps.items() if np.array_equal(each.values, maps["identity"].values)]
    assert same == ["identity"]


def test_plain_numbers_stay_plain():
    image = ImageData(np.array([[0.5, -1], [2, 3]]), None)
    assert {each.max_value for each in catalogue_maps(image)} == {None}


def test_a_large_image_is_reduced_by_block_means():
    pixels = np.random.default_rng(1).integers(0, 65536, (260, 401), np.uint16)
    found = reduced(ImageData(pixels, 16, alpha=pixels), "p")
    assert found.alpha is None
    assert found.pixels.shape == (65, 100)
    assert found.pixels.dtype == np.uint16
    assert found.pixels[64, 99] == np.rint(pixels[256:260, 396:400].mean())


def test_a_small_or_thin_image_keeps_what_it_has():
    small = ImageData(np.arange(6, dtype=np.uint8).reshape(2, 3), 8)
    assert np.array_equal(reduced(small, "p").pixels, small.pixels)
    thin = ImageData(np.arange(1000.0).reshape(1, 1000), None)
    assert reduced(thin, "p").pixels.shape == (1, 125)


def test_colors_become_gray_and_other_channels_are_refused():
    red = replace(built_in_image(), pixels=np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert reduced(red, "p").pixels.tolist() == [[76, 76], [76, 76]]
    with pytest.raises(ImageError, match="p: has 2 channels"):
        reduced(ImageData(np.zeros((2, 2, 2)), None), "p")
