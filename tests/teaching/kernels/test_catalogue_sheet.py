"""The sheet of the catalogue: its tiles, and its layout."""

import numpy as np
import pytest
from scipy import ndimage

from convcli.errors import ImageError
from convcli.figure_options import FigureOptions
from convcli.images.image import ImageData
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.spec import get_kernel
from convcli.teaching.kernels.catalogue_sheet import (
    catalogue_tiles,
    demo_image,
    draw_catalogue,
    reduce_image,
)


@pytest.fixture(scope="module")
def tiles():
    return {tile.title: tile for tile in catalogue_tiles(demo_image())}


@pytest.fixture(scope="module")
def sheet():
    return draw_catalogue(demo_image())


FLAT = [name for name, entry in CATALOGUE.items() if entry.group != "color"]


def responses(name):
    """The feature map by scipy, whose anchor of an even kernel differs."""
    kernel = get_kernel(name)
    pixels = demo_image().pixels.astype(float)
    rows, columns = kernel.shape
    origin = (rows % 2 - 1, columns % 2 - 1)
    return ndimage.correlate(pixels, kernel.weights, mode="nearest", origin=origin) + kernel.bias


def said(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_a_slide_of_few_kernels_has_their_numbers():
    figure = draw_catalogue(demo_image(), "random", FigureOptions(theme="slide"))
    assert "numbers that do not fit" not in said(figure)
    assert any(axes.texts for axes in figure.axes)


def test_there_is_one_tile_of_each_entry_in_the_catalogues_order(tiles):
    assert list(tiles) == FLAT
    found = [tile.caption.split(",")[0] for tile in tiles.values()]
    assert found == [CATALOGUE[name].group for name in FLAT]


def test_signed_maps_are_the_values_themselves(tiles):
    for name in ("outline", "sobel-x", "roberts-y", "log", "gabor", "find-edges"):
        assert tiles[name].max_value is None
        assert tiles[name].centered
        expected = responses(name)
        np.testing.assert_allclose(tiles[name].pixels, expected, atol=1e-5 * np.abs(expected).max())


def test_a_result_that_looks_like_an_image_is_one(tiles):
    for name in ("blur", "gaussian", "sharpen", "emboss", "plus", "contour"):
        assert (tiles[name].max_value, tiles[name].pixels.dtype) == (255, np.uint8)
        expected = np.clip(responses(name), 0, 255)
        assert np.abs(tiles[name].pixels - expected).max() <= 0.5 + 1e-3, name


def test_families_are_combined(tiles):
    across, down = responses("sobel-x"), responses("sobel-y")
    np.testing.assert_allclose(tiles["sobel"].pixels, np.hypot(across, down), rtol=1e-6)
    members = [responses(name) for name in CATALOGUE["kirsch"].members]
    assert np.array_equal(tiles["kirsch"].pixels, np.max(members, axis=0))
    assert not tiles["sobel"].centered
    assert (tiles["sobel"].caption, tiles["kirsch"].caption) == (
        "gradient, magnitude of 2",
        "compass, max of 8",
    )
    assert (tiles["motion"].caption, tiles["sobel-x"].caption) == (
        "smoothing, 9x1",
        "gradient, 3x3",
    )


def test_every_kernel_but_identity_changes_the_demo_image(tiles):
    same = [n for n, t in tiles.items() if np.array_equal(t.pixels, tiles["identity"].pixels)]
    assert same == ["identity"]


def test_plain_numbers_stay_plain():
    image = ImageData(np.array([[0.5, -1], [2, 3]]), None)
    assert {tile.max_value for tile in catalogue_tiles(image)} == {None}


def test_a_large_image_is_reduced_by_block_means():
    pixels = np.random.default_rng(1).integers(0, 65536, (260, 401), np.uint16)
    found = reduce_image(ImageData(pixels, 16, alpha=pixels), "p")
    assert found.alpha is None
    assert found.pixels.shape == (65, 100)
    assert found.pixels.dtype == np.uint16
    assert found.pixels[64, 99] == np.rint(pixels[256:260, 396:400].mean())


def test_a_small_or_thin_image_keeps_its_pixels():
    small = ImageData(np.arange(6, dtype=np.uint8).reshape(2, 3), 8)
    assert np.array_equal(reduce_image(small, "p").pixels, small.pixels)
    thin = ImageData(np.arange(1000.0).reshape(1, 1000), None)
    assert reduce_image(thin, "p").pixels.shape == (1, 125)


def test_colors_become_gray_and_other_channels_are_refused():
    red = demo_image()._replace(pixels=np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert reduce_image(red, "p").pixels.tolist() == [[76, 76], [76, 76]]
    with pytest.raises(ImageError, match="p: has 2 channels"):
        reduce_image(ImageData(np.zeros((2, 2, 2)), None), "p")


@pytest.mark.slow
def test_the_sheet_is_legible(sheet, legible):
    legible(sheet)


def shown(figure):
    return [axes for axes in figure.axes if axes.images]


@pytest.mark.slow
def test_every_entry_stands_beside_its_weights(sheet):
    texts = [text.get_text().replace("-\n", "-") for text in sheet.texts]
    assert [text for text in texts if text in FLAT] == FLAT
    kernel = [text.get_text() for text in shown(sheet)[2 * FLAT.index("emboss") + 1].texts]
    assert kernel == ["-2", "-1", "0", "-1", "1", "1", "0", "1", "2"]
    assert f"{len(FLAT)} kernels applied to one image" in said(sheet)


@pytest.mark.slow
def test_colors_of_signed_maps_are_centered_on_zero(sheet):
    for axes in shown(sheet):
        [image] = axes.images
        low, high = image.get_clim()
        if image.get_cmap().name == "RdBu_r":
            assert low == -high
    [bar] = [axes for axes in sheet.axes if not axes.images]
    assert (bar.get_ylabel(), bar.get_ylim()) == ("pixel", (0, 255))


@pytest.mark.slow
def test_plain_numbers_are_drawn_as_values_in_thin_tiles_too(legible):
    pixels = np.random.default_rng(2).integers(0, 256, (2, 128))
    figure = draw_catalogue(ImageData(pixels / 1.0, None))
    legible(figure)
    assert not [axes for axes in figure.axes if not axes.images]
    assert "pixels" not in said(figure).replace("pixels stretched", "")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])
def test_a_group_is_drawn_alone_in_every_theme(theme, fits_page):
    figure = draw_catalogue(demo_image(), "smoothing", FigureOptions(theme=theme))
    fits_page(figure, theme)
    names = [name for name in FLAT if CATALOGUE[name].group == "smoothing"]
    texts = [text.get_text().replace("-\n", "-") for text in figure.texts]
    assert [text for text in texts if text in FLAT] == names


@pytest.mark.slow
def test_a_slide_of_all_says_what_it_leaves_out(legible):
    figure = draw_catalogue(demo_image(), options=FigureOptions(theme="slide"))
    legible(figure)
    assert f"of {len(FLAT) + 1} tiles; --group NAME draws one group" in said(figure)
    assert "numbers that do not fit" in said(figure)
    assert not any(axes.texts for axes in figure.axes)


@pytest.mark.slow
def test_the_sheet_is_laid_out_as_it_was(sheet, laid_out):
    laid_out(sheet, "catalogue-sheet")


def test_the_built_in_image_shows_what_its_description_says():
    pixels = demo_image().pixels
    assert pixels[17, 17] == 200  # the disk
    assert np.bincount(pixels[10]).argmax() == 70
    edges = np.flatnonzero(np.diff((pixels[10] == 180).astype(int)))
    assert (edges[1::2] - edges[::2]).tolist() == [4, 3, 2, 1, 1, 1]
    assert pixels[40, 4:60].tolist() == np.linspace(0, 255, 56).astype(int).tolist()
    assert np.argwhere(pixels == 10).tolist()[-1] == [52, 52]
    assert (pixels[47:60, 36:49] == 160).sum() == 1  # a bright dot alone
    assert pixels[52, 42] == 160
