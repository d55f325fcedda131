from functools import cache

import numpy as np
import pytest

from convcli.kernels.kernel import Kernel
from convcli.kernels.matrix_text import parse_text
from convcli.plotting.heatmap import draw_kernel

pytestmark = pytest.mark.slow

OUTLINE = Kernel([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], name="outline")
BLUR = Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16, name="blur")


def gaussian(rows, columns):
    down, across = (
        np.exp(-(((np.arange(n) - (n - 1) / 2) / (n / 5)) ** 2)) for n in (rows, columns)
    )
    weights = np.outer(down, across)
    return weights / weights.sum()


def random(*shape):
    return np.random.default_rng(7).normal(size=shape)


KERNELS = {
    "3x3": OUTLINE,
    "divisor": BLUR,
    "bias": Kernel([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]], bias=128, name="emboss"),
    "long-name": Kernel([[1, 0], [0, -1]], name="a-name-without-an-end_" * 9),
    "1x1": Kernel([[2]]),
    "3x1": Kernel([[1, 0, -1]], divisor=2),
    "1x5": Kernel([[1], [4], [6], [4], [1]], divisor=16),
    "63x1": Kernel(gaussian(1, 63)),
    "1x63": Kernel(gaussian(63, 1)),
    "20x2": Kernel(np.arange(40).reshape(2, 20) - 20),
    "11x11": Kernel(gaussian(11, 11)),
    "15x15": Kernel(-gaussian(15, 15)),
    "15x15-integers": Kernel(np.arange(-112, 113).reshape(15, 15)),
    "30x30": Kernel(gaussian(30, 30)),
    "63x63": Kernel(gaussian(63, 63)),
    "tiny-numbers": Kernel(random(5, 5) * 1e-9),
    "huge-numbers": Kernel(random(5, 5) * 1e12),
    "zeros": Kernel(np.zeros((3, 3), int)),
    "channels": Kernel(random(3, 3, 3), name="conv1-7"),
    "flat-channels": Kernel(random(2, 1, 7)),
    "bank": Kernel(random(2, 3, 5, 5)),
    "many-channels": Kernel(random(70, 1, 2), name="deep"),
}
MOST = 64  # maps of a figure


@pytest.fixture(scope="module")
def drawn():
    """The figure of a kernel of ``KERNELS``, which several tests look at."""
    return cache(lambda name: draw_kernel(KERNELS[name]))


@pytest.mark.parametrize("name", KERNELS)
def test_legible_centered_on_zero_and_of_square_cells(drawn, name, legible):
    figure = drawn(name)
    legible(figure)
    weights = KERNELS[name].matrix
    images = [image for axes in figure.axes for image in axes.images]
    assert len(images) == min(int(np.prod(weights.shape[:-2])), MOST)
    for image in images:
        low, high = image.get_clim()
        assert low == (-high if (weights[:MOST] < 0).any() else 0)
        assert high == (np.abs(weights[:MOST]).max() or 1)
        assert image.get_interpolation() == "nearest"
        rows, columns = image.get_array().shape
        box = image.axes.bbox
        assert box.width / columns == pytest.approx(box.height / rows, rel=1e-6)


def cells(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_numbers_are_the_matrix_row_by_row(drawn):
    assert cells(drawn("3x3")) == ["-1", "-1", "-1", "-1", "8", "-1", "-1", "-1", "-1"]


def test_numbers_stand_in_their_cells():
    axes, _ = draw_kernel(Kernel([[1, 2, 3], [4, 5, 6]])).axes
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert places["3"] == (2, 0)
    assert places["4"] == (0, 1)


def test_title_and_bar_give_the_divisor(drawn):
    figure = drawn("divisor")
    assert cells(figure) == ["1", "2", "1", "2", "4", "2", "1", "2", "1"]
    assert figure.get_suptitle() == "blur, 3x3, × 1/16"
    assert figure.axes[1].get_ylabel() == "weight × 16"


def test_the_title_gives_the_bias(drawn):
    assert drawn("bias").get_suptitle() == "emboss, 3x3, bias 128"
    kernel = Kernel([[1, 2]], divisor=-3, bias=-1.5, name="k")
    assert draw_kernel(kernel).get_suptitle() == "k, 2x1, × 1/(-3), bias -1.5"


def test_typed_fractions_are_not_named_beside_their_factor():
    kernel = parse_text("1/4 1/2 1/4", "1/4 1/2 1/4")
    assert draw_kernel(kernel).get_suptitle() == "kernel, 3x1, × 1/4"
    assert draw_kernel(Kernel([[1, 2]], name="1 2")).get_suptitle() == "1 2, 2x1"


def test_the_title_gives_width_then_height():
    assert draw_kernel(Kernel([[1, 0, -1]], name="d")).get_suptitle() == "d, 3x1"


def test_numbers_stand_out_from_their_cells():
    axes, _ = draw_kernel(Kernel([[9, 0, -9]])).axes
    assert [text.get_color() for text in axes.texts] == ["white", "black", "white"]


@pytest.mark.parametrize("name", ["30x30", "63x63"])
def test_numbers_too_small_to_read_are_left_out(drawn, name):
    assert cells(drawn(name)) == []


def test_15x15_integers_keep_their_numbers(drawn):
    assert cells(drawn("15x15-integers")) == [str(n) for n in range(-112, 113)]


def test_channels_have_a_heat_map_each_and_one_scale(drawn):
    figure = drawn("channels")
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in maps] == ["red", "green", "blue"]
    assert len({axes.images[0].get_clim() for axes in maps}) == 1
    assert figure.axes[-1].get_xlabel() == "weight"


def test_a_bank_names_filter_and_channel(drawn):
    titles = [axes.get_title() for axes in drawn("bank").axes if axes.images]
    assert titles[0] == "filter 1, red"
    assert titles[-1] == "filter 2, blue"


def test_more_channels_than_the_page_holds_are_counted(drawn):
    figure = drawn("many-channels")
    assert sum(bool(axes.images) for axes in figure.axes) == 64
    assert figure.get_suptitle() == "deep, 2x1"
    assert "the first 64 of 70 channels" in [text.get_text() for text in figure.texts]
