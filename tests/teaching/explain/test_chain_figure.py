"""The figure of a chain's value: legible in every theme, and what it shows is what is computed."""

import re
import shutil
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from convcli import Chain
from convcli.figure_options import FigureOptions
from convcli.images.image import ImageData, depth_of
from convcli.plotting.save import save_figure
from convcli.signals import SampleRange
from convcli.teaching.chain.maps import plan_chain
from convcli.teaching.chain.parser import build_layers, parse_layer_texts
from convcli.teaching.explain.chain.arithmetic import explain_chain
from convcli.teaching.explain.chain.computation import ConvStep
from convcli.teaching.explain.chain.figure import draw_chain_explanation
from convcli.teaching.explain.chain.text import chain_text
from convcli.teaching.explain.chain.trace import run_chain

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(3)
GRAY = RNG.integers(0, 256, (28, 28), np.uint8)
PHOTO = RNG.integers(0, 256, (120, 160, 3), np.uint8)
SMALL = np.arange(36).reshape(6, 6) % 7
SIGNAL = np.array([[0, 0, 1, 3, 5, 5, 2, 0, 0, 4, 1, 7]])
CONV, CONVS = (
    "conv -k outline",
    ["conv -k gaussian:5", "conv -k sobel-x", "conv -k blur --stride 2"],
)


@pytest.fixture
def bank(tmp_path):
    """A layer with 12 kernels over 3 channels, and one with 2 over these 12."""
    texts = []
    for name, shape in (("one", (12, 3, 3, 3)), ("two", (2, 12, 3, 3))):
        np.save(tmp_path / f"{name}.npy", RNG.normal(size=shape))
        texts.append(f"conv -k {tmp_path / name}.npy")
    return texts


def explained(pixels, texts, at, number=1, axis=None):
    """The image, its layers, their maps and the explanation."""
    image = ImageData(pixels, depth_of(pixels.dtype), axis=axis)
    stages = plan_chain(build_layers(parse_layer_texts(texts)), image)
    maps = run_chain(image, stages)
    return image, stages, maps, explain_chain(image, stages, at, number, maps=maps)


def draw(pixels, texts, at, number=1, *, axis=None, **options):
    image, stages, maps, explanation = explained(pixels, texts, at, number, axis)
    look = FigureOptions(**options)
    return draw_chain_explanation(explanation, image, stages, maps, texts=texts, options=look)


CASES = {
    "conv, relu, pool": (GRAY, [CONV, "relu", "maxpool 2"], (4, 5)),
    "one layer": (GRAY, [CONV], (4, 5)),
    "three convs": (GRAY, CONVS, (4, 5)),
    "photo": (PHOTO, ["conv -k sobel", "relu", "maxpool 2"], (20, 30), 2),
    "pool": (SMALL, ["maxpool 3 --padding 1"], (0, 0)),
    "dilated pool": (SMALL, ["minpool 3 --dilation 2 --padding 0,3,0,2 --stride 1"], (4, 3)),
    "dense": (SMALL, ["maxpool 2", "flatten", "softmax"], (0, 0), 4),
    "batchnorm": (SMALL, [CONV, "batchnorm --mean 2 --var 9 --weight -1 --bias 4"], (3, 3)),
    "transposed": (SMALL, ["maxpool 2", "convtranspose -k blur --stride 2"], (3, 3)),
    "nothing added": (SMALL, ["convtranspose -k 3 --stride 2"], (3, 3)),
    "upsampled": (SMALL, ["upsample 2 --mode bilinear", CONV], (3, 3)),
    "activation": (SMALL, ["sigmoid"], (1, 2)),
    "normalize": (GRAY, [CONV, "normalize"], (1, 2)),
    "large kernel": (GRAY, ["conv -k gaussian:9"], (5, 5)),
    "dilated": (SMALL, ["conv -k blur --dilation 2 --border zero", "avgpool 2"], (0, 0)),
    "signal": (SIGNAL, ["conv -k '1 2 1' --border zero", "relu", "maxpool 1,2"], (0, 0)),
    "deep": (GRAY, [CONV, "tanh", "conv -k blur", "globalpool avg", "abs"], (0, 0)),
}


@pytest.mark.parametrize(
    ("name", "theme"),
    # Dark pages are those of screen in other colors.
    [
        (name, theme)
        for n, name in enumerate(CASES)
        for theme in ("slide", ("screen", "paper")[n % 2])
    ],
)
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    fits_page(draw(*CASES[name], theme=theme), theme)


@pytest.mark.parametrize("theme", ["screen", "slide"])
def test_a_bank_keeps_the_page(bank, theme, fits_page):
    texts = [bank[0], "relu", "maxpool 2", bank[1], "relu", "globalpool avg"]
    fits_page(draw(PHOTO, texts, (0, 0), 2, theme=theme), theme)


@pytest.fixture
def network(tmp_path, monkeypatch):
    """The text of a network in a file, with numbers made of pixels before it."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(Path(__file__).parents[2] / "golden" / "net.onnx", "net.onnx")
    return "net.onnx:scores --input-scale 1/255 --mean .5 --channel-order bgr"


@pytest.mark.parametrize("theme", ["paper", "slide"])
def test_a_network_keeps_the_page(network, theme, fits_page):
    fits_page(Chain(network).explain(PHOTO, (0, 0), 2).plot(theme=theme), theme)


def test_the_values_of_many_maps_stand_below_each_other(network):
    explanation = Chain(network).explain(PHOTO, (0, 0), 2)
    figure = explanation.plot()
    step = explanation.steps[0]
    assert isinstance(step, ConvStep)
    [response] = step.computation.outputs[0].responses
    [window, kernel, products] = [
        a for a in images(figure) if a.images[0].get_array().shape == (4, 1)
    ]
    for axes, name in ((kernel, "weights"), (products, "products")):
        wanted = [getattr(part, name)[0][0] for part in response.sums]
        np.testing.assert_allclose([float(text) for text in cells(axes)], wanted, atol=6e-3)
    assert [label.get_text() for label in window.get_yticklabels()] == [
        f"map {n}" for n in range(1, 5)
    ]


def test_a_layer_with_groups_reads_maps_of_a_layer_before(tmp_path):
    np.save(tmp_path / "g.npy", RNG.normal(size=(12, 1, 3, 3)))
    np.save(tmp_path / "one.npy", RNG.normal(size=(12, 3, 3, 3)))
    texts = [f"conv -k {tmp_path}/one.npy", f"conv -k {tmp_path}/g.npy --groups 12"]
    assert "of map 5" in "\n".join(texts_of(draw(PHOTO, texts, (3, 3), 5)))


def texts_of(figure):
    return [text.get_text() for text in figure.texts]


def images(figure):
    return [axes for axes in figure.axes if axes.images]


def cells(axes):
    return [text.get_text() for text in axes.texts]


def outline(axes, line=-1):
    """Left, top, right and bottom of an outline in axes."""
    x, y = axes.lines[line].get_data()
    return [np.nanmin(x), np.nanmin(y), np.nanmax(x), np.nanmax(y)]


def test_the_input_and_every_map_show_what_the_next_layer_reads():
    texts = ["conv -k outline --padding valid", "maxpool 2"]
    *_, explanation = explained(SMALL, texts, (0, 1))
    pool, conv = explanation.steps
    figure = draw(SMALL, texts, (0, 1))
    source, *grids, middle, window, last = images(figure)
    rows, columns = (getattr(conv.computation.outputs[0].responses[0], name)
                     for name in ("rows", "columns"))  # fmt: skip
    edges = [columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5]
    assert outline(source) == pytest.approx(edges, abs=0.01)
    assert outline(source, 1) == pytest.approx([1.5, -0.5, 5.5, 3.5], abs=0.01)  # the field
    row, column, _ = conv.next
    left, top, right, bottom = outline(source, 0)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((column, row))
    assert outline(middle) == pytest.approx([1.5, -0.5, 3.5, 1.5], abs=0.01)
    assert outline(last) == pytest.approx([0.5, -0.5, 1.5, 0.5], abs=0.01)
    [part] = conv.computation.outputs[0].responses[0].sums
    for axes, grid in zip(grids, (part.window, part.weights, part.products), strict=True):
        assert cells(axes) == [str(number) for number in chain.from_iterable(grid)]
    numbers = list(chain.from_iterable(pool.window.values[0]))
    assert cells(window) == list(map(str, numbers))
    place = numbers.index(pool.value)
    x, y = place % 2, place // 2
    assert outline(window) == pytest.approx([x - 0.5, y - 0.5, x + 0.5, y + 0.5], abs=0.01)
    shown = " ".join(texts_of(figure))
    assert f"sum {part.sum}" in shown
    assert f") = {pool.value}" in shown
    assert f"row 0, column 1: {explanation.value}" in shown


def test_the_caption_says_what_the_value_depends_on_and_which_map_it_is():
    figure = draw(PHOTO, ["conv -k outline", "maxpool 2"], (3, 4), 2)
    shown = texts_of(figure)
    assert shown[0] == "How row 3, column 4 of map 2 (green) of layer 2 is computed"
    assert "160x120\nfield: rows 5 to 8, columns 7 to 10" in shown
    assert any(text.startswith("160x120, map 2 of 3 (green)\nrow ") for text in shown)
    assert "dashed: all that the value depends on" in " ".join(shown)
    assert "dashed" not in " ".join(texts_of(draw(GRAY, [CONV], (3, 4))))


def test_maps_that_are_colors_of_a_photo_are_counted_as_in_the_text_and_have_their_colors():
    figure = draw(PHOTO, ["conv -k blur", "maxpool 2", "conv -k sobel-x"], (3, 4), 3)
    shown = texts_of(figure)
    assert "of map 3 (blue)" in " ".join(shown)
    *_, explanation = explained(PHOTO, ["conv -k blur", "maxpool 2", "conv -k sobel-x"], (3, 4), 3)
    assert "columns 3 to 5 of map 3 of layer 2" in chain_text(explanation)
    images = [axes.images[0] for axes in figure.axes if axes.images]
    photos = [image for image in images if image.get_array().shape == PHOTO.shape]
    assert len(photos) >= 2  # the input, and the map that is still a photo
    windows = [image for image in images if image.get_cmap().name == "blue"]
    assert len(windows) == 3
    assert all(window.cmap(1.0)[:3] == (0, 0, 1) for window in windows)
    arrows = [axes for axes in figure.axes if axes.texts and not axes.axison]
    assert len(arrows) == 6


def test_a_convolution_of_many_channels_shows_the_sum_with_the_largest_product(bank):
    texts = [bank[0], bank[1]]
    *_, explanation = explained(PHOTO, texts, (5, 5), 1)
    step = explanation.steps[0]
    sums = step.computation.outputs[0].responses[0].sums
    largest = max(sums, key=lambda part: max(map(abs, chain.from_iterable(part.products))))
    figure = draw(PHOTO, texts, (5, 5), 1, digits=2)
    text = " ".join(" ".join(texts_of(figure)).split())
    assert "1 of 12 sums, that of the largest product" in text
    assert f"sum {largest.sum:.2f}".rstrip("0") in text
    assert f"of 12 sums: {step.value:.2f}".rstrip("0") in text
    shown = [part for axes in images(figure) for part in [cells(axes)]]
    assert [f"{w:.2f}" for row in largest.weights for w in row] in shown


def test_the_curve_of_a_function_goes_through_the_value():
    figure = draw(SMALL - 3, ["leaky-relu --slope 0.5"], (0, 1))
    [curve] = [axes for axes in figure.axes if any(line.get_marker() == "o" for line in axes.lines)]
    x, y = curve.lines[0].get_data()
    np.testing.assert_allclose(y, np.where(x < 0, x / 2, x), rtol=1e-12)
    [dot] = [line.get_data() for line in curve.lines if line.get_marker() == "o"]
    assert np.ravel(dot).tolist() == [-2, -1]


def test_layers_of_one_unit_share_a_scale_and_windows_have_it():
    figure = draw(GRAY, [CONV, "relu", "maxpool 2"], (4, 5))
    limits = [axes.images[0].get_clim() for axes in images(figure)]
    source, magnified, window, kernel, products, *after = limits
    assert source == magnified == window == (0, 255)
    assert kernel == (-8, 8)
    assert products[0] == -products[1]
    assert len(after) == 4
    assert len(set(after)) == 1


def test_a_window_of_padding_ends_the_trace():
    texts = ["relu", "conv -k outline --padding 4 --border zero"]
    figure = draw(SMALL, texts, (0, 0))
    assert "6x6\nfield: no pixel" in texts_of(figure)
    source, middle, *_ = images(figure)
    assert not source.lines
    assert outline(middle) == pytest.approx(
        [-0.5, -0.5, 2.5, 2.5], abs=0.01
    )  # its padding is drawn
    assert cells(middle)[:3] == ["0", "0", "0"]


def test_a_slide_leaves_out_digits_before_numbers():
    texts = ["conv -k gaussian:3", "relu", "maxpool 2"]
    figure = draw(SMALL, texts, (1, 1), theme="slide")
    numbers = list(chain.from_iterable(cells(axes) for axes in images(figure)))
    assert "0.27" in numbers
    [facts] = [" ".join(text.split()) for text in texts_of(figure) if "left out" in text]
    assert "further digits" in facts
    full = draw(SMALL, texts, (1, 1))
    assert "0.272" in list(chain.from_iterable(cells(axes) for axes in images(full)))
    assert "left out" not in " ".join(texts_of(full))


def test_maps_have_fewer_digits_in_their_cells_or_no_numbers_and_the_page_says_so():
    pixels = RNG.random((6, 6)).round(4)
    figure = draw(pixels, ["convtranspose -k blur --stride 2"], (3, 3), theme="slide")
    numbers, *_, last = [cells(axes) for axes in images(figure)]
    assert numbers == [f"{number:.2f}" for number in pixels.ravel()]
    assert last == []
    text = " ".join(" ".join(texts_of(figure)).split())
    assert "left out: further digits, numbers that do not fit" in text


def test_a_full_page_leaves_out_layers_and_says_so():
    texts = [CONV, *["relu"] * 14, "maxpool 2"]
    shown = texts_of(draw(GRAY, texts, (0, 0), theme="slide"))
    [facts] = [" ".join(text.split()) for text in shown if "left out:" in text]
    assert "curves" in facts
    assert "layers 1 to" in facts
    assert any(text.startswith("16  maxpool 2") for text in shown)
    assert "input" in shown
    assert "…" in shown
    assert re.search(r"layers 1 to \d+ left out", " ".join(" ".join(shown).split()))


def test_samples_have_positions():
    axis = SampleRange(Fraction(-1), Fraction(1)).axis(12)
    figure = draw(SIGNAL, ["conv -k '1 1'", "relu"], (0, 3), axis=axis)
    signals = [axes for axes in figure.axes if axes.get_xlabel() == "x"]
    assert len(signals) == 3
    [band] = [patch for patch in signals[0].patches if patch.get_alpha() == 0.2]
    step = 2 / 11
    assert band.get_x() == pytest.approx(-1 + 2.5 * step)
    assert band.get_width() == pytest.approx(2 * step)
    assert any(text.startswith("12 samples\nfield: x -0.45") for text in texts_of(figure))


def test_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        save_figure(draw(*CASES["pool"]), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
