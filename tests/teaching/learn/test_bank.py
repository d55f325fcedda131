"""Banks of learned filters: their weights are those of the bank that made the maps."""

import numpy as np
import pytest
from scipy.signal import correlate2d

from convcli import UsageError, cross_correlate, learn_bank, learn_kernel

RNG = np.random.default_rng(7)
GRAY = RNG.integers(0, 256, (30, 35), np.uint8)
COLOR = RNG.integers(0, 256, (25, 28, 3), np.uint8)


@pytest.mark.parametrize("image", [GRAY, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": "valid"}])
def test_the_bank_that_made_the_maps_is_found(image, options):
    channels = 1 if image.ndim == 2 else 3
    bank, bias = RNG.normal(size=(4, channels, 3, 2)), RNG.normal(size=4)
    maps = cross_correlate(image.astype(float), bank, bias=bias.tolist(), **options)
    learned = learn_bank(image, maps, (3, 2), **options)
    np.testing.assert_allclose(learned.weights, bank, atol=1e-9)
    np.testing.assert_allclose(learned.bias, bias, atol=1e-6)
    assert len(learned) == 4
    assert [each.residual < 1e-6 for each in learned] == [True] * 4


def test_a_filter_is_the_kernel_of_its_map():
    """As many maps as channels are a bank here, and one kernel for ``learn_kernel``."""
    maps = RNG.integers(0, 256, (30, 35, 2))
    learned = learn_bank(GRAY, maps, descent=True, epochs=30, seed=5)
    for number, each in enumerate(learned):
        alone = learn_kernel(GRAY, maps[..., number], descent=True, epochs=30, seed=5 + number)
        np.testing.assert_array_equal(each.weights, alone.weights)
    whole = learn_bank(COLOR, COLOR[..., ::-1].copy(), 1)
    expected = np.eye(3)[::-1].reshape(3, 3, 1, 1)
    np.testing.assert_allclose(whole.weights, expected, atol=1e-9)


def test_maps_may_be_a_list_and_images_several():
    kernels = [RNG.normal(size=(3, 3)) for _ in range(2)]
    maps = [correlate2d(GRAY, kernel, mode="valid") for kernel in kernels]
    learned = learn_bank(GRAY, maps)
    np.testing.assert_allclose(learned.weights[:, 0], kernels, atol=1e-9)
    images = [GRAY[:, :20], GRAY[:, 10:]]
    pairs = [np.stack([correlate2d(i, k, mode="valid") for k in kernels], -1) for i in images]
    np.testing.assert_allclose(learn_bank(images, pairs).weights, learned.weights, atol=1e-9)
    signal = RNG.normal(size=80)
    of_signal = np.stack([np.correlate(signal, k, "valid") for k in ([1, 2], [0, -3])], -1)
    found = learn_bank(signal, of_signal, 2).weights
    np.testing.assert_allclose(found[:, 0, 0], [[1, 2], [0, -3]], atol=1e-9)


def test_of_color_kernels_each_is_that_of_all_channels():
    maps = [cross_correlate(COLOR, name) for name in ("sobel-x", "outline")]
    learned = learn_bank(COLOR, maps)
    assert learned.weights.shape == (2, 1, 3, 3)
    assert [each.match.spec for each in learned] == ["sobel-x", "outline"]
    assert repr(learned) == "BankResult(2 filters 3x3: sobel-x, outline)"


def test_what_makes_no_bank_is_refused():
    with pytest.raises(UsageError, match="one shape"):
        learn_bank(COLOR, [COLOR, COLOR[..., 0]])
    with pytest.raises(UsageError, match="all pairs must have as many"):
        learn_bank([GRAY, GRAY], [np.dstack([GRAY] * 2), GRAY])
    with pytest.raises(UsageError, match="2 images before, but 3 after"):
        learn_bank([GRAY, GRAY], [GRAY] * 3)
    learned = learn_bank(GRAY, np.dstack([GRAY, GRAY]), 1)
    with pytest.raises(UsageError, match="truth has 1 kernel, but 2 filters are learned"):
        learned.plot("blur")


def test_the_text_names_every_filter_and_shows_some():
    maps = np.stack([cross_correlate(GRAY, name) for name in ["plus", "outline"] * 5], -1)
    text = learn_bank(GRAY, maps).text()
    assert text.startswith("10 filters 3x3, 924 windows\n")
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[3].split()[0:4] == ["filter", "1", "0", lines[3].split()[3]]
    assert "(the weights of 8 of 10 filters; --json prints all)" in text
    assert " ".join(text.split()).count("outline (also called") == 5


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "count"), [("screen", 3), ("slide", 2)])
def test_the_figure_has_a_row_for_each_filter(theme, count, legible, fits_page):
    bank = RNG.normal(size=(count, 1, 3, 3))
    learned = learn_bank(GRAY, cross_correlate(GRAY, bank))
    figure = learned.plot(theme=theme)
    legible(figure)
    fits_page(figure, theme)
    titles = [text.get_text().replace("\n", " ") for text in figure.texts]
    assert "AFTER: filter 1" in titles
    assert titles.count("filter 2") == 1
    assert ("BEFORE" in titles) == (theme == "screen")


@pytest.mark.slow
def test_a_slide_has_a_tile_for_each_of_many_filters_and_the_losses(fits_page):
    maps = cross_correlate(GRAY, RNG.normal(size=(8, 1, 3, 3)))
    figure = learn_bank(GRAY, maps, descent=True, epochs=9).plot(theme="slide")
    fits_page(figure, "slide")
    titles = [text.get_text() for text in figure.texts]
    assert {"BEFORE", "losses", *(f"filter {number}" for number in range(1, 9))} <= set(titles)
    [losses] = [axes for axes in figure.axes if axes.get_xlabel() == "epoch"]
    assert len(losses.lines) == 8


def test_a_slide_numbers_channels_beside_each_other(fits_page):
    bank = RNG.normal(size=(2, 2, 3, 3))
    learned = learn_bank(
        COLOR[..., :2].astype(float), cross_correlate(COLOR[..., :2].astype(float), bank)
    )
    figure = learned.plot(theme="slide")
    fits_page(figure, "slide")
    assert any("2 filters 3x3 over 2 channels" in text.get_text() for text in figure.texts)
    kernels = [axes for axes in figure.axes if axes.get_title() in ("1", "2")]
    assert len(kernels) == 4
    heights = {round(axes.get_position().height, 6) for axes in kernels}
    images = [axes for axes in figure.axes if axes.images and axes not in kernels]
    assert heights.pop() > 0.6 * max(axes.get_position().height for axes in images)
