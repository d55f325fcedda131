"""The figure of a chain: legible at any size and number of maps, honest in its scales."""

import math

import numpy as np
import pytest
from matplotlib import colormaps

from convcli.errors import UsageError
from convcli.plotting.save import save_figure
from convcli.teaching.chain.figure import draw_chain, plan_block

RNG = np.random.default_rng(3)


def draw(blocks, *, title="", max_value=None):
    """Draw (title, maps) pairs, the first of which is an image if it has a ``max_value``."""
    planned = [
        plan_block(heading, maps, None if number else max_value)
        for number, (heading, maps) in enumerate(blocks)
    ]
    return draw_chain(planned, title=title)


def block(*shape, title="1  conv sobel-x", low=-1.0, high=1.0):
    return (title, RNG.uniform(low, high, shape))


def pixels(*shape):
    return ("input", RNG.integers(0, 256, shape).astype(np.uint8))


LONG = "12  conv " + "gaussian-5-sigma-1.2+" * 20
FIGURES = {
    "one-layer": ([pixels(40, 60, 1), block(40, 60, 1)], 255),
    "nine-layers": ([pixels(40, 60, 3), *(block(40, 60, 1) for _ in range(8))], 255),
    "color": ([pixels(64, 48, 3), block(64, 48, 3)], 255),
    "100-maps": ([pixels(30, 30, 1), block(30, 30, 100)], 255),
    "one-pixel": ([pixels(1, 1, 1), block(1, 1, 1), block(1, 1, 64), block(1, 1, 3)], 255),
    "numbers": ([block(6, 6, 1), block(4, 4, 1), block(4, 4, 2), block(2, 2, 1)], None),
    "wide-numbers": ([block(15, 15, 1, low=-1e9, high=1e9), block(15, 15, 2)], None),
    "signal": ([block(1, 20, 1), block(1, 20, 2), block(1, 300, 7), block(1, 300, 1)], None),
    "column": ([block(20, 1, 1), block(20, 1, 2), block(300, 1, 7), block(300, 1, 1)], None),
    "wide": ([pixels(20, 300, 3), block(20, 300, 5), block(20, 300, 1)], 255),
    "tall": ([pixels(300, 20, 3), block(300, 20, 5), block(300, 20, 1)], 255),
    "long-names": ([pixels(30, 30, 1), block(30, 30, 1, title=LONG), block(2, 2, 1, title=LONG)],
                   255),
    "tiny-values": ([block(9, 9, 1, low=1e-9, high=3e-9), block(30, 30, 4, low=-1e-9)], None),
    "matrix-of-color": ([block(9, 9, 3)], None),
}  # fmt: skip


SLOW = {"100-maps", "one-pixel"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in FIGURES]
)
def test_nothing_is_cut_or_overlaps(name, legible):
    blocks, max_value = FIGURES[name]
    legible(draw(blocks, title="/a/folder/of images/" * 12 + "$a$_b.png", max_value=max_value))


def images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images]


def text_of(figure):
    return "\n".join(text.get_text() for text in figure.texts).replace("\n", " ")


def test_the_input_is_an_image_and_later_maps_of_three_are_maps():
    figure = draw([pixels(8, 8, 3), block(8, 8, 3)], max_value=255)
    shown = images(figure)
    assert [image.get_array().ndim for image in shown] == [3, 2, 2, 2]


def test_maps_of_one_layer_share_a_scale_centered_on_zero():
    maps = np.stack([np.full((4, 4), -8.0), np.full((4, 4), 2.0)], axis=2)
    shown = images(draw([("1  conv", maps)]))
    assert {image.get_clim() for image in shown} == {(-8.0, 8.0)}
    assert {image.get_cmap().name for image in shown} == {"RdBu_r"}
    assert shown[0].get_cmap()(0.5) == colormaps["RdBu_r"](0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "clim"),
    [
        (np.arange(16.0), (0, 15)),
        (np.arange(16.0) + 5, (5, 20)),
        (np.full(16, 7.0), (0, 7)),
        (np.full(16, 7.0) + np.arange(16) * 1e-6, (0, 7 + 15e-6)),
        (np.zeros(16), (0, 1)),
        (np.full(16, np.nan), (0, 1)),
        (np.array([*np.arange(15.0), np.inf]), (0, 14)),
    ],
)
def test_scales(values, clim):
    [image] = images(draw([("x", values.reshape(4, 4, 1))]))
    assert image.get_clim() == pytest.approx(clim)


@pytest.mark.parametrize(("sign", "ends"), [(1, (0, 1)), (-1, (-1, 1))])
def test_a_few_values_far_out_do_not_wash_out_the_rest(sign, ends):
    values = np.linspace(0, 1, 10_000)
    values[77] = sign * 500
    [image] = images(draw([("x", values.reshape(100, 100, 1))]))
    assert image.get_clim() == pytest.approx(ends, abs=0.01)


def test_the_heading_says_what_is_not_drawn():
    planned = plan_block(*block(4, 4, 70))
    assert len(planned.panels) == 64
    assert "70 maps" in planned.heading
    assert "the first 64 are drawn" in planned.heading.replace("\n", " ")
    maps = np.ones((30, 30, 2))
    maps[0, 0, 1] = np.nan
    assert "1 NaN in magenta" in text_of(draw([("x", maps)]))


def test_small_maps_are_drawn_cell_by_cell_with_their_numbers():
    figure = draw([("x", np.arange(4).reshape(2, 2, 1))])
    [image] = images(figure)
    assert image.get_interpolation() == "nearest"
    assert [text.get_text() for text in image.axes.texts] == ["0", "1", "2", "3"]


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "max_value"), [((300, 250, 80), None), ((1200, 900, 3), 255)])
def test_of_large_maps_only_what_is_drawn_is_kept(shape, max_value):
    maps = RNG.random(shape).astype(np.float32)
    kept = [panel.pixels for panel in plan_block("x", maps, max_value).panels]
    assert not any(np.shares_memory(pixels, maps) for pixels in kept)
    assert sum(pixels.nbytes for pixels in kept) < maps.nbytes / 4
    rows, columns = shape[:2]
    extents = {tuple(image.get_extent()) for image in images(draw([("x", maps[..., :3])]))}
    assert extents == {(-0.5, columns - 0.5, rows - 0.5, -0.5)}


@pytest.mark.slow
def test_every_block_has_a_color_bar():
    figure = draw([pixels(8, 8, 3), block(8, 8, 5), block(1, 1, 5)], max_value=255)
    bars = [axes for axes in figure.axes if not axes.images]
    assert len(bars) == 3
    assert all(len(axes.get_yticks()) >= 2 for axes in bars)


@pytest.mark.parametrize("count", [0, 101])
def test_too_few_and_too_many_layers(count):
    with pytest.raises(UsageError, match="1 to 100 layers"):
        draw([block(1, 1, 1)] * count)


@pytest.mark.slow
def test_the_same_figure_gives_the_same_bytes(tmp_path):
    blocks = [pixels(20, 20, 3), block(20, 20, 4)]
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        save_figure(draw(blocks, title="t", max_value=255), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def ramp(*shape):
    return (np.arange(math.prod(shape)) * 7 % 256).reshape(shape)


CHAINS = {
    "image": ([("input", ramp(40, 60, 3).astype(np.uint8)), ("1  conv", ramp(40, 60, 1) - 99),
               ("2  relu", ramp(20, 30, 20))], 255),
    "numbers": ([("input", ramp(6, 6, 1)), ("1  conv", ramp(4, 4, 2) / 3)], None),
    "signal": ([("input", ramp(1, 20, 1)), ("1  conv", ramp(1, 300, 2) - 99)], None),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAINS)
def test_the_figure_is_laid_out_as_it_was(name, laid_out):
    blocks, max_value = CHAINS[name]
    laid_out(draw(blocks, title="t", max_value=max_value), f"chain-{name}")
