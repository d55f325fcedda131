"""The figure of a chain: legible at any size and number of maps, honest in its scales."""

from fractions import Fraction

import numpy as np
import pytest
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex

from convcli.core.dtypes import with_channels
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.images.image import ImageData, depth_of
from convcli.layers.network import run_network
from convcli.plotting.save import save_figure
from convcli.plotting.spread import Spread
from convcli.plotting.style import THEMES, style_context
from convcli.plotting.window_marks import WINDOW_COLOR
from convcli.signals import SampleAxis
from convcli.teaching.chain.blocks import Scale, first_block
from convcli.teaching.chain.figure import ChainPlot
from convcli.teaching.chain.maps import error_scale, plan_chain
from convcli.teaching.chain.parser import build_layers, split_chain

RNG = np.random.default_rng(3)


def draw(pixels, text, *, title="t.png", scale="common", axis=None, **options):
    """Draw the chain of a text on an image."""
    image = ImageData(pixels, depth_of(pixels.dtype), axis=axis)
    layers = split_chain(text)
    stages = plan_chain(build_layers(layers), image)
    texts = [layer.text for layer in layers]
    look = FigureOptions(**options)
    plot = ChainPlot(image, stages, texts=texts, scale=scale, options=look)
    maps, error = with_channels(pixels), 0.0
    for stage, after in zip(stages, run_network(stages, maps), strict=True):
        error = error_scale(stage.layer, maps, after, error) if after.dtype.kind == "f" else 0.0
        maps = after
        plot.add(stage, maps, error)
    return plot.draw(title)


def photo(*shape):
    return RNG.integers(0, 256, shape).astype(np.uint8)


def bank(tmp_path, *shape):
    path = tmp_path / "bank.npy"
    np.save(path, RNG.normal(size=shape))
    return str(path)


NUMBERS = np.arange(36).reshape(6, 6) * 7 % 10
EDGES = "conv -k outline --padding valid relu maxpool 2"
LONG = "conv " + "-k gaussian:5,sigma=1.2 " * 12
CHAINS = {
    "numbers": (NUMBERS, EDGES),
    "photo": (photo(40, 60), "conv -k gaussian:5 maxpool 4 conv -k sobel-x -k sobel-y relu"),
    "color": (photo(64, 48, 3), "conv -k sharpen maxpool 8 normalize globalpool avg"),
    "many-maps": (photo(30, 30), "conv " + "-k sobel-x -k blur " * 36 + "relu"),
    "sizes": (NUMBERS.repeat(3, 0).repeat(3, 1)[:16, :16] * 25, "conv -k outline maxpool 3"),
    "one-pixel": (photo(1, 1), "relu conv -k 1 -k 2 -k 3 sigmoid globalpool max"),
    "wide": (photo(20, 300, 3), "conv -k sobel-x -k sobel-y relu"),
    "tall": (photo(300, 20, 3), "channelpool max conv -k sobel-x -k sobel-y"),
    "long-names": (photo(30, 30), LONG),
    "signal": (RNG.integers(0, 9, (1, 20)), "conv -k '-1 0 1' relu maxpool 1,2 globalpool max"),
    "many-layers": (photo(20, 20), "relu " * 20),
    "values": (RNG.uniform(-1e9, 1e9, (9, 9)), "relu avgpool 2 tanh"),
}
QUICK = {("numbers", "screen"), ("color", "slide"), ("photo", "paper"), ("signal", "paper")}


@pytest.mark.parametrize(
    ("name", "look"),
    [
        pytest.param(name, look, marks=[pytest.mark.slow] * ((name, look) not in QUICK))
        for n, name in enumerate(CHAINS)
        for look in ("slide", ("screen", "paper")[n % 2])  # dark is screen in other colors
    ],
)
def test_every_theme_keeps_its_page_and_its_text(name, look, fits_page):
    fits_page(draw(*CHAINS[name], theme=look), look)


def shown(figure):
    """Return the axes of maps; those of kernels and bars are smaller or have no image."""
    return [axes for axes in figure.axes if axes.images and axes.axison]


def maps_of(figure):
    kernels = {"RdBu_r": 3, "viridis": 3}
    return [
        axes
        for axes in shown(figure)
        if axes.images[0].get_array().shape[0] != kernels.get(axes.images[0].get_cmap().name)
    ]


def text_of(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def cells(axes):
    return [text.get_text() for text in axes.texts]


def bars(figure):
    return [axes for axes in figure.axes if not axes.images and axes.axison]


def test_conv_relu_and_pool_share_a_scale_and_the_input_has_its_own():
    original, conv, relu, pool = maps_of(draw(NUMBERS, EDGES))
    scales = {axes.images[0].get_clim() for axes in (conv, relu, pool)}
    [(low, high)] = scales
    assert low == -high
    assert original.images[0].get_clim() == (0, 9)
    assert "share a scale" in text_of(draw(NUMBERS, EDGES))


def test_a_pool_shares_the_scale_of_its_input():
    original, pooled = maps_of(draw(NUMBERS, "maxpool 2"))
    assert original.images[0].get_clim() == pooled.images[0].get_clim()


def test_a_function_of_other_units_has_its_own_scale():
    _, conv, sigmoid = maps_of(draw(NUMBERS, "conv -k outline sigmoid"))
    assert conv.images[0].get_clim() != sigmoid.images[0].get_clim()


def test_each_map_has_its_own_scale_on_demand():
    figure = draw(photo(20, 20), "conv -k sobel-x -k 'outline' relu", scale="own")
    scales = [axes.images[0].get_clim() for axes in maps_of(figure)]
    assert len(set(scales[1:])) == 4
    assert not bars(figure)
    assert "each map has its own scale" in text_of(figure)


def test_there_is_one_bar_for_each_scale():
    assert len(bars(draw(NUMBERS, EDGES + " sigmoid"))) == 3
    assert not bars(draw(NUMBERS, EDGES, bars=False))


def test_a_photo_stays_one_while_its_maps_are_channels_of_color():
    text = "conv -k gaussian:3 avgpool 2 relu normalize"
    axes = [a for a in shown(draw(photo(40, 40, 3), text)) if len(a.images[0].get_array()) > 3]
    assert [a.images[0].get_array().ndim for a in axes] == [3, 3, 3, 3, 2, 2, 2]
    assert [a.get_title() for a in axes[-3:]] == ["red", "green", "blue"]


def test_pixels_beyond_white_are_clipped_and_the_caption_says_so():
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:, 10:] = 255
    assert "clipped" in text_of(draw(pixels, "conv -k sharpen"))


def test_rounding_errors_are_0():
    figure = draw(photo(30, 30), "normalize globalpool avg")
    assert cells(maps_of(figure)[-1]) == ["0"]
    assert "e-" not in text_of(figure)


def test_numbers_of_one_unit_have_as_many_decimals():
    figure = draw(NUMBERS + 0.3 * (NUMBERS == 3), "conv -k outline --padding valid relu maxpool 2")
    numbers = [text for axes in maps_of(figure)[1:] for text in cells(axes) if text != "0"]
    assert {len(number.partition(".")[2]) for number in numbers} == {1}


def test_maps_of_one_size_all_have_numbers_or_none_has():
    figure = draw(NUMBERS.repeat(3, 0).repeat(3, 1)[:16, :16] * 25, "conv -k blur -k outline")
    counts = {len(cells(axes)) for axes in maps_of(figure)}
    assert len(counts) == 1
    assert "numbers that do not fit" in text_of(figure) or counts == {256}


def green_boxes(axes):
    [boxes] = [each for each in axes.collections if isinstance(each, PatchCollection)]
    assert to_hex(boxes.get_edgecolor()[0]) == WINDOW_COLOR
    return [path.get_extents().extents for path in boxes.get_paths()]


def test_the_windows_of_a_pool_are_outlined_on_its_input():
    _, _, relu, _ = maps_of(draw(NUMBERS, EDGES))
    assert [list(box) for box in green_boxes(relu)] == [
        [x - 0.5, y - 0.5, x + 1.5, y + 1.5] for y in (0, 2) for x in (0, 2)
    ]


def test_of_windows_that_overlap_the_first_two_are_outlined():
    figure = draw(NUMBERS, "maxpool 3 --stride 1")
    first, second = green_boxes(maps_of(figure)[0])
    assert list(second - first) == [1, 0, 1, 0]
    assert "green: the first two windows of maxpool 3 --stride 1" in text_of(figure)


def test_windows_of_cells_that_are_too_small_are_left_out():
    assert "green" not in text_of(draw(photo(200, 200), "maxpool 2"))


def test_the_kernel_stands_beside_the_arrow_with_its_weights():
    figure = draw(photo(30, 30), "conv -k outline")
    _, kernel, _ = shown(figure)
    assert cells(kernel) == ["-1"] * 4 + ["8"] + ["-1"] * 4
    assert len(shown(draw(photo(30, 30), "conv -k outline", panels=("input", "result")))) == 2


def test_a_convolved_kernel_stands_there_flipped():
    _, kernel, _ = shown(draw(photo(30, 30), "conv -k sobel-x --operation convolve"))
    assert cells(kernel) == ["1", "0", "-1", "2", "0", "-2", "1", "0", "-1"]


def test_many_kernels_are_tiles(tmp_path):
    figure = draw(photo(30, 30, 3), f"conv -k {bank(tmp_path, 16, 3, 5, 5)}")
    assert len([axes for axes in figure.axes if axes.images]) == 1 + 1 + 16


def test_kernels_that_are_left_out_are_counted():
    text = "conv -k blur -k outline -k gaussian:5 -k gaussian:7 -k sobel-x"
    assert "4 of 5 kernels" in text_of(draw(photo(30, 30), text))


def test_maps_that_would_be_too_large_with_numbers_have_none():
    figure = draw(NUMBERS, "conv " + "-k outline " * 40 + "globalpool max")
    assert {len(cells(axes)) for axes in maps_of(figure)} == {0, 1}
    assert "left out: numbers over 1x1" in text_of(figure)


def test_arrows_lead_to_every_layer():
    figure = draw(NUMBERS, EDGES)
    arrows = [t for axes in figure.axes for t in axes.texts if getattr(t, "arrow_patch", None)]
    assert len(arrows) == 3


def test_layers_have_the_names_that_were_typed():
    assert "1 conv -k outline --padding valid" in text_of(draw(NUMBERS, EDGES))


def test_a_column_stands_upright_and_a_result_stands_alone():
    first, second = maps_of(draw(NUMBERS, "relu", layout="column"))
    assert first.get_position().y0 > second.get_position().y1
    assert len(maps_of(draw(NUMBERS, "relu", panels=("result",)))) == 1


def test_a_slide_of_a_small_matrix_has_numbers_in_all_maps():
    toy = np.array([[10] * 3 + [0] * 3] * 6)
    figure = draw(toy, "conv -k outline relu maxpool 2", theme="slide")
    assert "left out" not in text_of(figure)
    assert [len(axes.texts) for axes in maps_of(figure)] == [36, 36, 36]
    assert "stretched" not in text_of(figure)


def test_a_slide_of_photos_has_its_bars_below_where_so_maps_are_larger():
    figure = draw(photo(64, 64), "conv -k outline relu", theme="slide")
    boxes = [axes.get_position() for axes in maps_of(figure)]
    assert min(box.width * figure.get_figwidth() for box in boxes) > 3
    bars = [axes.get_position() for axes in figure.axes if axes.get_xlabel() in ("pixel", "value")]
    assert [bar.y1 < boxes[0].y0 for bar in bars] == [True, True]


def test_titles_replace_those_of_the_layers():
    figure = draw(NUMBERS, "relu", titles=("before", "after"), title="", axes=False)
    assert text_of(figure).endswith("before after")


def test_a_full_page_leaves_out_maps_then_layers_and_says_so():
    maps = text_of(draw(*CHAINS["many-maps"], theme="slide"))
    assert "of 72 maps" in maps
    layers = text_of(draw(*CHAINS["many-layers"], theme="slide"))
    assert "the last" in layers
    assert "of 20 layers" in layers


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        (np.arange(16.0), (0, 15)),
        (np.arange(16.0) + 5, (5, 20)),
        (np.full(16, 7.0), (0, 7)),
        (np.full(16, 7.0) + np.arange(16) * 1e-6, (0, 7 + 15e-6)),
        (np.zeros(16), (0, 1)),
        (np.full(16, np.nan), (0, 1)),
        (np.array([*np.arange(15.0), np.inf]), (0, 14)),
        (np.arange(16.0) - 20, (-20, 20)),
    ],
)
def test_scales(values, ends):
    scale = Scale.of([Spread.of(values.reshape(4, 4, 1))])
    assert (scale.low, scale.high) == pytest.approx(ends, rel=0.01)


@pytest.mark.parametrize(("sign", "ends"), [(1, (0, 1)), (-1, (-1, 1))])
def test_a_few_values_far_out_do_not_wash_out_the_rest(sign, ends):
    values = np.linspace(0, 1, 10_000)
    values[77] = sign * 500
    scale = Scale.of([Spread.of(values)])
    assert (scale.low, scale.high) == pytest.approx(ends, abs=0.03)
    assert scale.extend == ("max" if sign > 0 else "both")


def test_nan_is_counted():
    values = np.ones((30, 30))
    values[0, 0] = np.nan
    assert "1 NaN in magenta" in text_of(draw(values, "relu"))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(600, 500, 80), (3000, 3000, 3)])
def test_of_large_maps_only_what_is_drawn_is_kept(shape):
    maps = RNG.random(shape).astype(np.float32)
    with style_context(FigureOptions()):
        kept = [panel.pixels for panel in first_block(maps, 1 if shape[2] == 3 else None).panels]
    assert not any(np.shares_memory(pixels, maps) for pixels in kept)
    assert sum(pixels.nbytes for pixels in kept) < maps.nbytes


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"layout": "grid"}, "row or column"),
        ({"panels": ("padded", "result")}, "no panel padded"),
        ({"panels": ("input",)}, "name result"),
        ({"titles": ("one",)}, "titles: 2 needed"),
    ],
)
def test_options_without_meaning_are_refused(options, problem):
    with pytest.raises(UsageError, match=problem):
        draw(NUMBERS, "relu", **options)


def test_too_many_layers_are_refused():
    with pytest.raises(UsageError, match="1 to 99 layers"):
        draw(photo(1, 1), "relu " * 100)


def test_the_user_sets_colors_digits_limits_and_the_width():
    figure = draw(NUMBERS / 3 + 1, "relu", cmap="magma", digits=0, limits=(0, 10), width=11)
    for axes in maps_of(figure):
        assert axes.images[0].get_cmap().name == "magma"
        assert axes.images[0].get_clim() == (0, 10)
        assert not any("." in text for text in cells(axes))
    assert figure.get_figwidth() == 11


def test_limits_are_those_of_the_plots_of_signals(legible):
    figure = draw(ramp(1, 12) % 9, "conv -k '1 2 1' relu", limits=(0, 3))
    legible(figure)
    plots = [axes for axes in figure.axes if axes.get_ylabel() == "value"]
    assert len(plots) == 3
    assert {axes.get_ylim() for axes in plots} == {(0, 3)}
    assert {text.get_text() for axes in plots for text in axes.texts} <= {"0", "1", "2"}


@pytest.mark.slow
def test_the_same_figure_gives_the_same_bytes(tmp_path):
    pixels = photo(20, 20, 3)
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        save_figure(draw(pixels, "conv -k sobel-x relu"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def ramp(*shape):
    return (np.arange(np.prod(shape)) * 7 % 256).reshape(shape)


LAID_OUT = {
    "image": (ramp(40, 60, 3).astype(np.uint8), "conv -k sobel-x -k sobel-y relu channelpool max"),
    "numbers": (ramp(6, 6), "conv -k sobel-x -k outline --padding valid maxpool 2"),
    "signal": (ramp(1, 20), "conv -k '-1 0 1' relu"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAID_OUT)
def test_the_figure_is_laid_out_as_it_was(name, laid_out):
    laid_out(draw(*LAID_OUT[name]), f"chain-{name}")


def test_of_more_than_64_maps_those_that_vary_most_are_kept(tmp_path, monkeypatch):
    weights = np.zeros((100, 1, 3, 3))
    weights[30:94, :, 1, 1] = np.arange(64, 0, -1)[:, None]
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", weights)
    figure = draw(photo(12, 9), "conv -k bank.npy relu")
    names = [axes.get_title() for axes in shown(figure) if axes.get_title()]
    assert names == [str(number) for number in range(31, 95)] * 2
    assert "64 of 100 maps" in text_of(figure)
    assert "maps that vary least" in text_of(figure)


def test_a_full_page_shows_the_maps_that_vary_most_and_says_so(tmp_path, monkeypatch):
    weights = np.zeros((32, 3, 3, 3))
    weights[:, :, 1, 1] = -1  # ReLU leaves nothing of these
    weights[19, :, 1, 1] = 1
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", weights)
    text = "conv -k bank.npy relu maxpool 2 conv -k sobel relu conv -k sobel relu"
    figure = draw(photo(64, 96, 3), text, theme="slide")
    facts = text_of(figure)
    assert facts.count("map 20 of 32") == 5
    assert "maps that vary least" in facts
    assert "numbers in kernels" in facts
    assert "numbers in kernels" not in text_of(draw(photo(64, 96, 3), "conv -k sobel"))


def test_samples_of_a_chain_have_their_positions():
    axis = SampleAxis(Fraction(-1), Fraction(1, 4))
    figure = draw(RNG.integers(0, 9, (1, 8)), "conv -k '1 2 1' maxpool 1,2", axis=axis)
    original, conv, pool = [axes for axes in figure.axes if axes.get_xlabel() == "x"]
    assert original.get_xlim() == conv.get_xlim() == (-1.125, 0.875)
    assert pool.get_xlim() == (-1.125, 0.875)
    [dots] = [line for line in pool.lines if line.get_marker() == "o"]
    assert dots.get_xdata().tolist() == [-0.875, -0.375, 0.125, 0.625]


@pytest.mark.parametrize("theme", THEMES)
def test_maps_of_groups_say_what_they_are_made_from(tmp_path, theme, fits_page):
    first, second = tmp_path / "first.npy", tmp_path / "second.npy"
    np.save(first, RNG.normal(size=(6, 1, 3, 3)))
    np.save(second, RNG.normal(size=(2, 3, 3, 3)))
    text = f"conv -k {first} --groups 3 relu conv -k {second} --groups 2"
    figure = draw(photo(40, 60, 3), text, theme=theme)
    fits_page(figure, theme)
    shown = [axes.get_title() for axes in figure.axes]
    if theme == "screen":  # where there is room
        assert {"1 from red", "2 from red", "3 from green", "6 from blue"} <= set(shown)
        assert shown.count("1") == 1  # of relu
        assert {"1 from 1 to 3", "2 from 4 to 6"} <= set(shown)
