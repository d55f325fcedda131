from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from convcli.errors import PictureError
from convcli.images.image import Picture
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.spec import get_kernel
from convcli.teaching.kernels.catalogue_maps import built_in_picture, catalogue_maps, reduced


@pytest.fixture(scope="module")
def maps():
    return {each.name: each for each in catalogue_maps(built_in_picture())}


def responses(name):
    """The feature map by scipy: its edge is called nearest, an even kernel's anchor differs."""
    kernel = get_kernel(name)
    pixels = built_in_picture().pixels.astype(float)
    rows, columns = kernel.size
    origin = (rows % 2 - 1, columns % 2 - 1)
    return ndimage.correlate(pixels, kernel.weights, mode="nearest", origin=origin) + kernel.bias


def test_there_is_one_of_each_entry_in_its_order(maps):
    assert list(maps) == list(CATALOGUE)
    assert [each.group for each in maps.values()] == [e.group for e in CATALOGUE.values()]


@pytest.mark.parametrize("name", ["outline", "sobel-x", "roberts-y", "log", "gabor", "find-edges"])
def test_signed_maps_are_the_values_themselves(maps, name):
    assert maps[name].white is None
    assert maps[name].signed
    expected = responses(name)
    np.testing.assert_allclose(maps[name].values, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["blur", "gaussian", "sharpen", "emboss", "plus", "contour"])
def test_what_looks_like_a_picture_is_one(maps, name):
    assert (maps[name].white, maps[name].values.dtype) == (255, np.uint8)
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


def test_every_kernel_but_identity_changes_the_built_in_picture(maps):
    same = [n for n, each in maps.items() if np.array_equal(each.values, maps["identity"].values)]
    assert same == ["identity"]


def test_plain_numbers_stay_plain():
    picture = Picture(np.array([[0.5, -1], [2, 3]]), None)
    assert {each.white for each in catalogue_maps(picture)} == {None}


def test_a_large_picture_is_reduced_by_block_means():
    pixels = np.random.default_rng(1).integers(0, 65536, (260, 401), np.uint16)
    found = reduced(Picture(pixels, 16, alpha=pixels), "p")
    assert found.alpha is None
    assert found.pixels.shape == (65, 100)
    assert found.pixels.dtype == np.uint16
    assert found.pixels[64, 99] == np.rint(pixels[256:260, 396:400].mean())


def test_a_small_or_thin_picture_keeps_what_it_has():
    small = Picture(np.arange(6, dtype=np.uint8).reshape(2, 3), 8)
    assert np.array_equal(reduced(small, "p").pixels, small.pixels)
    thin = Picture(np.arange(1000.0).reshape(1, 1000), None)
    assert reduced(thin, "p").pixels.shape == (1, 125)


def test_colours_become_grey_and_other_channels_are_refused():
    red = replace(built_in_picture(), pixels=np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert reduced(red, "p").pixels.tolist() == [[76, 76], [76, 76]]
    with pytest.raises(PictureError, match="p: has 2 channels"):
        reduced(Picture(np.zeros((2, 2, 2)), None), "p")
