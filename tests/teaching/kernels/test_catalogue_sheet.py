import numpy as np
import pytest

from convcli.images.image import ImageData
from convcli.kernels.catalogue import CATALOGUE, groups
from convcli.teaching.kernels.catalogue_maps import built_in_image, catalogue_maps
from convcli.teaching.kernels.catalogue_sheet import draw_poster


def poster(image):
    return draw_poster(image, catalogue_maps(image))


@pytest.fixture(scope="module")
def built_in():
    return poster(built_in_image())


def tiles(figure):
    return {axes.get_title().split("\n")[0]: axes for axes in figure.axes if axes.images}


def test_the_poster_is_legible(built_in, legible):
    legible(built_in)


def test_every_entry_has_a_tile_under_its_group(built_in):
    names = [name.replace("-\n", "-") for name in tiles(built_in)]
    assert names == ["the image", *CATALOGUE]
    headings = [text.get_text() for text in built_in.texts if text is not built_in._suptitle]
    assert headings == ["input", *groups()]


def test_signed_maps_are_centered_on_zero_and_have_a_bar(built_in):
    for name, axes in tiles(built_in).items():
        [image] = axes.images
        low, high = image.get_clim()
        if image.get_cmap().name == "RdBu_r":
            assert low == -high, name
        elif not axes.child_axes:
            assert (low, high) == (0, 255), name
        assert (len(axes.child_axes) == 1) == ((low, high) != (0, 255)), name


def test_signed_maps_are_so_on_any_image():
    ramp = np.arange(12.0).reshape(3, 4)
    maps = tiles(poster(ImageData(ramp, None)))
    for name in ("sobel-x", "left-sobel", "laplacian"):
        assert maps[name].images[0].get_cmap().name == "RdBu_r"
    for name in ("sobel", "kirsch", "blur"):
        assert maps[name].images[0].get_cmap().name == "gray"


def test_the_title_says_how_values_became_colors(built_in):
    assert built_in.get_suptitle().startswith(f"{len(CATALOGUE)} kernels applied to one image\n")
    assert "cut at black and white" in built_in.get_suptitle()
    plain = poster(ImageData(np.arange(-3.0, 3).reshape(2, 3), None))
    assert "black and white" not in plain.get_suptitle()


@pytest.mark.parametrize("shape", [(1, 128), (100, 128)])
def test_images_of_other_shapes_are_legible(shape, legible):
    pixels = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    legible(poster(ImageData(pixels, 8)))
