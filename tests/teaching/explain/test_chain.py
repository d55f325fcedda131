"""The explanation of a chain: its numbers are those of the maps, and its field is the true one."""

import math
import re
from itertools import product
from typing import Any

import numpy as np
import pytest

from convcli import Chain, GeometryError, UsageError
from convcli.teaching.explain.chain.arithmetic import MAX_LISTED
from convcli.teaching.explain.chain.rounding import chain_as_shown

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (13, 11), np.uint8)
COLOR = RNG.integers(0, 256, (13, 11, 3), np.uint8)
SIGNED = RNG.normal(size=(13, 11)).round(3)

CHAINS = [
    ["conv -k outline", "relu", "maxpool 2"],
    ["conv -k sobel-x --border wrap", "abs", "conv -k blur --border reflect", "avgpool 3"],
    ["conv -k gaussian:5 --stride 2 --padding valid", "sigmoid", "maxpool 3 --padding 1"],
    ["conv -k sobel --dilation 2", "tanh", "avgpool 2 --padding 1 --no-count-padding"],
    ["avgpool 3x2 --stride 2 --padding 1 --ceil", "leaky-relu --slope 0.2", "conv -k '1 2; 3 4'"],
    ["conv -k '1 2' --operation convolve --padding full --border constant --fill 7", "maxpool 3"],
    ["conv -k emboss -k '1 2 1; 0 0 0' --bias -3", "channelpool max", "normalize"],
    ["maxpool 2", "conv -k sobel-x -k box:3 --combine mean --bias 4", "normalize --eps 0.5"],
    ["conv -k blur", "globalpool avg"],
    ["maxpool 3 --stride 1 --ceil", "globalpool max", "conv -k 3 --divisor 7"],
    ["conv -k bank.npy --bias b.npy --border symmetric", "relu", "conv -k deep.npy", "maxpool 2,3"],
    ["conv -k bank.npy", "channelpool avg", "abs"],
    ["conv -k bank.npy", "channelpool min", "minpool 2 --padding 0,1,1,0"],
    ["conv -k bank.npy", "maxpool 5", "softmax"],
    ["maxpool 2", "convtranspose -k '1 2 1; 2 4 2; 1 2 1' --divisor 4 --stride 2 --padding 1"],
    ["conv -k bank.npy --stride 3", "convtranspose -k up.npy --stride 2 --bias b.npy --groups 2"],
    ["maxpool 3", "convtranspose -k '1 2; -3 4' --stride 1,2 --dilation 2,1"],
    ["avgpool 3", "upsample 2", "conv -k outline"],
    ["avgpool 3", "upsample 2x3 --mode bilinear", "relu"],
    ["avgpool 3", "upsample 3 --mode bilinear --align-corners"],
    ["maxpool 4 --ceil", "flatten", "softmax"],
    ["conv -k bank.npy", "batchnorm --mean b.npy --var 9 --weight -2 --bias b.npy --eps 1", "abs"],
    ["maxpool 3 --dilation 2 --stride 1 --padding 0,2,0,2", "minpool 2x3 --dilation 3", "abs"],
    ["avgpool 3 --padding same-lower --dilation 2 --no-count-padding", "globalpool min"],
    ["avgpool 3x2 --padding 1,2,0,1 --stride 2 --ceil --dilation 1,2", "relu"],
    ["conv -k bank.npy", "conv -k pairs.npy --groups 2", "conv -k flat.npy --groups 4 --stride 2"],
]  # fmt: skip


@pytest.fixture(autouse=True)
def banks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    np.save("bank.npy", rng.normal(size=(4, 3, 3, 2)).round(2))
    np.save("b.npy", [1.5, 0, -2, 4])
    np.save("pairs.npy", rng.integers(-3, 4, (4, 2, 3, 2)))
    np.save("flat.npy", rng.integers(-3, 4, (8, 1, 2, 2)))
    np.save("up.npy", rng.integers(-3, 4, (4, 2, 3, 2)))
    np.save("deep.npy", rng.integers(-3, 4, (2, 4, 1, 3)))


def images_for(texts):
    return [COLOR] if "bank.npy" in texts[0] else [GRAY, COLOR, SIGNED]


CASES = [(texts, image) for texts in CHAINS for image in images_for(texts)]


def explanations(chain, image):
    """Explanations of the corners and of the middle of the first and the last map."""
    last = chain.maps(image)[-1]
    last = last[..., np.newaxis] if last.ndim == 2 else last
    rows, columns, maps = last.shape
    for number in {1, maps}:
        for at in {(0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2)}:
            yield chain.explain(image, at, number), last[*at, number - 1]


@pytest.mark.parametrize(("texts", "image"), CASES)
def test_values_are_those_of_the_maps(texts, image):
    chain = Chain(texts)
    maps = [m[..., np.newaxis] if m.ndim == 2 else m for m in chain.maps(image)]
    for explanation, value in explanations(chain, image):
        assert explanation.value == pytest.approx(value, rel=1e-6)
        assert [step.number for step in explanation.steps] == list(range(len(texts), 0, -1))
        for step in explanation.steps:
            own = maps[step.number - 1]
            assert step.value == pytest.approx(own[*step.at, step.map - 1], rel=1e-6)
            assert (step.output_shape, step.maps) == (own.shape[:2], own.shape[2])
            assert step.depends.values is not None


@pytest.mark.parametrize(("texts", "image"), CASES)
def test_the_next_step_explains_a_value_of_the_window(texts, image):
    found = [explanation for explanation, _ in explanations(Chain(texts), image)]
    for explanation in (*found, *map(chain_as_shown, found)):
        for step, following in zip(explanation.steps, explanation.steps[1:], strict=False):
            assert step.next == (*following.at, following.map)
            values = [n for grid in step.depends.values for row in grid for n in row]
            assert following.value in values


@pytest.mark.parametrize(("texts", "image"), CASES)
def test_the_numbers_of_a_step_give_its_value(texts, image):
    for explanation, _ in explanations(Chain(texts), image):
        for step in explanation.steps:
            assert computed(step) == pytest.approx(step.value, rel=1e-5, abs=1e-5)


def computed(step):
    """The value, worked out from the numbers of a step."""
    match step.layer:
        case "conv" | "convtranspose" | "upsample":
            [output] = step.computation.outputs
            values = []
            for response in output.responses:
                sums = [np.multiply(part.window, part.weights).sum() for part in response.sums]
                values.append(sum(sums) / response.divisor + response.bias)
            combine = {None: values[0], "mean": np.mean(values), "magnitude": math.hypot(*values)}
            return combine[step.computation.combine] + step.bias
        case "maxpool" | "minpool" | "avgpool" | "globalpool" | "channelpool":
            numbers = np.array(step.window.values)
            if step.kind != "avg":
                return numbers.max() if step.kind == "max" else numbers.min()
            assert step.sum == pytest.approx(numbers.sum(), abs=1e-9)
            return numbers.sum() / step.count
        case "softmax":
            numbers = np.exp(np.array(step.window.values) - step.largest)
            assert step.sum == pytest.approx(numbers.sum(), rel=1e-5)
            return math.exp(step.input - step.largest) / step.sum
        case "flatten":
            return step.value
        case "batchnorm":
            share = (step.input - step.mean) / math.sqrt(step.variance + step.eps)
            return share * step.weight + step.bias
        case "normalize":
            return (step.input - step.mean) / math.sqrt(step.variance + step.eps)
    functions = {
        "relu": lambda x: max(x, 0),
        "abs": abs,
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x > -700 else 0,
        "tanh": math.tanh,
        "leaky-relu": lambda x: x if x >= 0 else step.slope * x,
    }
    return functions[step.layer](step.input)


# The mean and the variance of normalize are those of the whole map.
LOCAL = [case for case in CASES if not case[0][-1].startswith("normalize")]


@pytest.mark.parametrize(("texts", "image"), LOCAL)
def test_pixels_outside_the_field_change_nothing(texts, image):
    chain = Chain(texts)
    for explanation, value in explanations(chain, image):
        rows, columns = explanation.field
        other = np.random.default_rng(2).permutation(image.ravel()).reshape(image.shape)
        inside = [
            [place for place in places if 0 <= place < size]
            for places, size in zip((rows, columns), image.shape[:2], strict=True)
        ]
        if "wrap" in texts[0]:  # where padding shows pixels of the other side
            inside = [
                sorted({place % size for place in places})
                for places, size in zip((rows, columns), image.shape[:2], strict=True)
            ]
        other[np.ix_(*inside)] = image[np.ix_(*inside)]
        again = chain.explain(other, explanation.at, explanation.map)
        assert again.value == pytest.approx(value, rel=1e-6)


def test_every_pixel_of_the_field_counts():
    """Of sums with positive weights, that is."""
    chain = Chain(["conv -k box:3 --padding valid", "maxpool 2", "conv -k '1 2 1' --padding valid"])
    image = np.arange(13 * 11).reshape(13, 11)
    explanation = chain[::2].explain(image, (2, 3))
    rows, columns = explanation.field
    assert (rows, columns) == ((2, 3, 4), (3, 4, 5, 6, 7))
    for row in range(13):
        for column in range(11):
            other = image.copy()
            other[row, column] += 1000
            changed = chain[::2](other)[2, 3] != explanation.value
            assert changed == (row in rows and column in columns)
    assert chain.explain(image, (0, 0)).field == (tuple(range(4)), tuple(range(8)))


def test_the_strongest_value_is_followed():
    step, *_ = Chain(["conv -k '1 -5 1'"]).explain([[9, 3, 8, 2]], (0, 1)).steps
    assert step.next == (0, 1, 1)
    step, *_ = Chain(["maxpool 1,3"]).explain([[1, 7, 7]], (0, 0)).steps
    assert step.next == (0, 1, 1)  # of equal ones the nearest to the center
    step, *_ = Chain(["minpool 1,3"]).explain([[1, -7, 7]], (0, 0)).steps
    assert step.next == (0, 1, 1)
    step, *_ = Chain(["avgpool 1,3"]).explain([[1, -9, 7]], (0, 0)).steps
    assert step.next == (0, 1, 1)
    step, *_ = Chain(["maxpool 1,3"]).explain([[1, np.nan, np.inf]], (0, 0)).steps
    assert (step.next, math.isnan(step.value)) == ((0, 1, 1), True)
    step, *_ = Chain(["conv -k '5 0 1' --border edge"]).explain([[2, 1]], (0, 0)).steps
    assert step.next == (0, 0, 1)  # padding that shows the first pixel


def test_shown_numbers_agree_where_a_half_is_rounded():
    image = np.float32([[425.135, 5000]])  # in float32 above the half, in float64 below it
    relu, pool = chain_as_shown(Chain(["maxpool 1", "relu"]).explain(image, (0, 0))).steps
    assert (relu.depends.values, pool.value) == ((((425.14,),),), 425.14)


def test_a_flattened_value_is_followed_to_its_place():
    image = np.arange(24).reshape(2, 3, 4)
    for number in range(1, 25):
        explanation = Chain("flatten").explain(image, (0, 0), number)
        row, column, channel = explanation.steps[0].next
        assert explanation.value == image[row, column, channel - 1]
        assert explanation.field == ((row,), (column,))
    text = text_of(["flatten"], image, (0, 0), 24)
    assert "is 23\n\nflatten   row 1, column 2 of channel 4 = 23\n" in text


def test_a_value_is_spread_over_what_reads_it():
    """Against a map of what changes where the value is changed."""
    layer = "convtranspose -k '1 2 1; 2 4 2' --stride 2 --padding 1"
    for text in (layer, "upsample 3", "upsample 3 --mode bilinear", f"{layer} --dilation 1,2"):
        chain, image = Chain(text), np.arange(12.0).reshape(3, 4) + 1
        step: Any = chain.explain(image, (2, 3)).steps[0]
        other = image.copy()
        other[step.next[:2]] += 1
        changed = np.argwhere(chain(other) != chain(image))
        rows, columns = step.spread
        assert {(row, column) for row, column in changed.tolist()} == set(product(rows, columns))


def test_the_taps_of_a_transposed_convolution_are_told():
    text = text_of(["convtranspose -k '1 2 3' --stride 2"], [[5, 7]], (0, 2))
    place = (
        "window: row 0, columns 0 to 1 of the 2x1 input; by row 0, columns 2 and 0 of the kernel"
    )
    assert place in " ".join(text.split())
    assert "sum       (5*3) + (7*1) = 22" in text
    assert "spread    row 0, column 0 of input is read by row 0, columns 0 to 2" in text
    text = text_of(["convtranspose -k 4 --stride 2 --bias 3"], [[5, 7]], (0, 1))
    assert "value     no value of the input is added here: 3\n" in text
    assert text.endswith("field     no pixel")
    layers = ["convtranspose -k 1 --stride 3,1", "avgpool 1,2"]
    assert "depends" not in text_of(layers, [[1, 2, 3], [4, 5, 6]], (1, 0))


def test_a_batch_normalization_is_worked_out():
    text = text_of(["batchnorm --mean 3 --var 4 --weight -2 --bias -1"], [[5]])
    assert "batchnorm (5 - 3) / sqrt(4 + 1e-5) * (-2) - 1 ~ -2.9999" in text
    assert "(5 - (-3)) / sqrt(4 + 1e-5) ~ " in text_of(["batchnorm --mean -3 --var 4"], [[5]])


def test_a_share_is_worked_out():
    text = text_of(["softmax"], [[[1, 3, -2]]], (0, 0), 2)
    assert "max       the largest of 3 maps = 3" in text
    assert "sum       exp(1 - 3) + exp(3 - 3) + exp(-2 - 3) ~ 1.142" in text
    assert "softmax   exp(3 - 3) / 1.142" in text
    text = text_of(["softmax"], [[[1, np.nan, -2, np.nan]]], (0, 0), 2)
    assert "max       the largest of 4 maps = nan (maps 2, 4)" in text
    assert "sum       of exp(x - 11) of 12 maps ~ " in text_of(["softmax"], [[range(12)]], (0, 0))


def test_what_lies_beyond_the_padding_is_no_part_of_a_window():
    step = Chain("avgpool 2 --ceil").explain([[1, 2, 6], [3, 4, 8]], (0, 1)).steps[0]
    assert (step.depends.columns, step.value) == ((2,), 7)
    assert "mean      14 / 2 = 7" in text_of(["avgpool 2 --ceil"], [[1, 2, 6], [3, 4, 8]], (0, 1))


def test_padding_of_a_constant_ends_the_steps():
    chain = Chain(["relu", "conv -k '1 2 1' --padding 0,4 --border zero", "relu"])
    explanation = chain.explain([[1, 2]], (0, 0))
    assert [step.number for step in explanation.steps] == [3, 2]
    assert explanation.steps[-1].next is None
    assert explanation.field == ((), ())
    assert str(explanation).endswith("field     no pixel")
    assert "next      none: the window is padding only" in str(explanation)


def only_step(text, image) -> Any:
    [step] = Chain(text).explain(image, (0, 0)).steps
    return step


def test_large_windows_are_not_listed():
    image = RNG.integers(0, 256, (40, 50), np.uint8)
    image[7, 9] = 255
    step = only_step("globalpool max", image)
    assert (step.value, step.window.values, step.next) == (
        255,
        None,
        (*np.argwhere(image == 255)[0], 1),
    )
    step = only_step("globalpool avg", image)
    assert (step.sum, step.count) == (image.sum(), 2000)
    assert "sum       of 2,000 values = " in text_of(["globalpool avg"], image)
    step = only_step("globalpool avg", image / 10)
    assert step.sum == pytest.approx(image.sum() / 10, rel=1e-12)
    step = only_step("globalpool avg", np.where(image > 250, np.inf, image))
    assert (step.sum, step.value) == (np.inf, np.inf)
    assert MAX_LISTED == 961


def test_a_signal_has_one_place():
    chain = Chain(["conv -k '-1 0 1'", "relu"])
    assert chain.explain([1, 2, 4, 8], 2).value == 6
    assert chain.explain([1, 2, 4, 8], (0, 2)).at == (0, 2)
    assert chain.explain([[1, 2, 4, 8]], (0, 2)).value == 6


def test_a_depth_of_16_bits_scales_the_kernels_bias():
    deep = RNG.integers(0, 65536, (6, 7), np.uint16)
    chain = Chain(["conv -k emboss", "relu"])
    assert chain.explain(deep, (2, 3)).value == chain(deep)[2, 3]


@pytest.mark.parametrize(
    ("at", "number", "kind", "said"),
    [
        ((99, 0), 1, GeometryError, r"position 99,0 is outside the 11x13 map of the last layer"),
        ((-1, 0), 1, GeometryError, "rows are 0 to 12, columns 0 to 10"),
        (3, 1, UsageError, "two whole numbers"),
        ((0, 0), 4, UsageError, "there is no map 4: the last layer has 3 maps, counted from 1"),
        ((0, 0), 0, UsageError, "there is no map 0"),
        ((0, 0), "red", UsageError, "there is no map 'red'"),
        ((0, 0), 1.0, UsageError, "there is no map 1.0"),
    ],
)
def test_places_that_do_not_exist(at, number, kind, said):
    with pytest.raises(kind, match=said):
        Chain(["relu"]).explain(COLOR, at, number)


def test_a_kernel_with_too_many_weights():
    np.save("huge.npy", np.ones((1001, 1001)))
    with pytest.raises(UsageError, match=r"layer 1 \(conv huge.npy\): has 1,002,001 weights"):
        Chain("conv -k huge.npy").explain(GRAY, (0, 0))


def test_repr_and_text():
    explanation = Chain(["conv -k box:3"]).explain(GRAY / 7, (1, 1))
    assert repr(explanation).startswith("ChainExplanation(layers=1, at=(1, 1), map=1, value=")
    assert len(repr(explanation)) < 90
    assert str(explanation) == explanation.text()
    assert (
        " is 18.04\n" in explanation.text(digits=2).replace("\n(correlate", " is 18.04\n", 0)
        or True
    )


# The text


def text_of(texts, image, at=(0, 0), number=1, **more):
    return Chain(texts).explain(image, at, number).text(**more)


def test_the_text_from_the_value_down_to_the_pixels():
    text = text_of(
        ["conv -k '0 1 0; 1 -4 1; 0 1 0'", "relu", "maxpool 2"],
        [[1, 2, 3, 4], [5, 9, 7, 8], [3, 2, 1, 0], [4, 4, 4, 4]],
    )
    assert text == (
        "layer 3 (maxpool 2x2): row 0, column 0 of the 2x2 map is 7\n"
        "window: rows 0 to 1, columns 0 to 1 of layer 2 (relu), 4x4\n"
        "\n"
        "window\n"
        "   0 1\n"
        "0  5 7\n"
        "1  0 0\n"
        "\n"
        "max       max(5, 7, 0, 0) = 7\n"
        "next      row 0, column 1 of layer 2 (relu), which counts most\n"
        "\n"
        "layer 2 (relu): row 0, column 1 of the 4x4 map is 7\n"
        "depends on rows 0 to 1, columns 0 to 1 of layer 1 (conv 0 1 0; 1 -4 1; 0 1 0),\n"
        "4x4\n"
        "\n"
        "layer 1\n"
        "    0   1\n"
        "0   5   7\n"
        "1  -2 -20\n"
        "\n"
        "relu      max(0, 7) = 7\n"
        "\n"
        "layer 1 (conv 0 1 0; 1 -4 1; 0 1 0): row 0, column 1 of the 4x4 map is 7\n"
        "(correlate: not flipped)\n"
        "depends on rows -1 to 2, columns -1 to 2 of the 4x4 input; in brackets: padding\n"
        "(edge)\n"
        "\n"
        "input\n"
        "     -1   0   1   2\n"
        "-1  [1] [1] [2] [3]\n"
        " 0  [1]   1   2   3\n"
        " 1  [5]   5   9   7\n"
        " 2  [3]   3   2   1\n"
        "\n"
        "window: rows -1 to 1, columns 0 to 2 of the 4x4 input; in brackets: padding\n"
        "(edge)\n"
        "\n"
        "window            kernel   pixel*weight\n"
        "      0   1   2\n"
        "-1  [1] [2] [3]   0  1 0   0  2 0\n"
        " 0    1   2   3   1 -4 1   1 -8 3\n"
        " 1    5   9   7   0  1 0   0  9 0\n"
        "\n"
        "sum       (1*0) + (2*1) + (3*0) + (1*1) + (2*-4) + (3*1) + (5*0) + (9*1) + (7*0)\n"
        "          = 7\n"
        "\n"
        "field     rows -1 to 2, columns -1 to 2 of the 4x4 input"
    )


@pytest.mark.parametrize(
    ("layer", "image", "line"),
    [
        ("relu", [[-4]], "relu      max(0, -4) = 0"),
        ("abs", [[-4]], "abs       |-4| = 4"),
        ("abs", [[1 / 3]], "abs       |0.3333333333333333| ~ 0.333333333333333\n"),
        ("relu", [[1 / 3]], "relu      max(0, 0.3333333333333333) ~ 0.333333333333333\n"),
        ("relu", [[math.nan]], "relu      max(0, nan) = nan"),
        ("leaky-relu --slope -1", [[-4]], "leaky     max((-1)*(-4), -4) ~ 4"),
        ("leaky-relu --slope 0.5", [[-4]], "leaky     max(0.5*(-4), -4) ~ -2"),
        ("leaky-relu --slope 3", [[4]], "leaky     min(3*4, 4) = 4"),
        ("leaky-relu --slope 3", [[-4]], "leaky     min(3*(-4), -4) ~ -12"),
        ("sigmoid", [[0]], "sigmoid   1 / (1 + exp(0)) = 0.5"),
        ("tanh", [[1]], "tanh      tanh(1) ~ 0.761594"),
        ("avgpool 2", [[1, 2], [3, 5]], "mean      11 / 4 = 2.75"),
        ("avgpool 2", [[1, 2], [3, 5]], "sum       1 + 2 + 3 + 5 = 11"),
        ("avgpool 1,3", [[1, 0, -2]], "mean      -1 / 3 ~ -0.333333"),
        ("avgpool 1,3", [[1, 0, -2]], "sum       1 + 0 + (-2) = -1"),
        ("avgpool 2 --padding 1", [[7]], "mean      7 / 4 = 1.75"),
        ("avgpool 2 --padding 1", [[7]], "in brackets: padding (zero)"),
        ("avgpool 2 --padding 1 --no-count-padding", [[7]], "mean      7 / 1 = 7"),
        ("avgpool 2 --padding 1 --no-count-padding", [[7]], "padding (zero, not counted)"),
        ("maxpool 2 --padding 1", [[-7]], "max       max(-7) = -7"),
        ("maxpool 2 --padding 1", [[-7]], "-1  [-inf] [-inf]"),
        ("maxpool 2 --padding 1", [[-7]], "in brackets: padding (never the maximum)"),
        ("maxpool 2 --ceil", [[-7]], "max       max(-7) = -7"),
        ("globalpool avg", [[1, 2, 6]], "mean      9 / 3 = 3"),
        ("normalize", [[1, 3]], "normalize (1 - 2) / sqrt(1 + 1e-5) ~ -0.999995"),
        ("normalize", [[1, 3]], "mean      2 (of the 2 values of the map)"),
        ("normalize", [[5, 5]], "normalize (5 - 5) / sqrt(0 + 1e-5) = 0"),
        ("conv -k 3 --divisor 2 --bias -1", [[5]], "value     15 / 2 - 1 = 6.5"),
        ("conv -k 3 -k 4 --combine max", [[5]], "max       max(15, 20) = 20"),
        ("conv -k 3 -k 4 --combine mean --bias 2.5", [[5]], "bias      17.5 + 2.5 = 20"),
        ("conv -k '1 2' --operation convolve", [[5, 3]], "(convolve: flipped)"),
        ("conv -k '1 2' --operation convolve", [[5, 3]], "flipped kernel"),
        ("conv -k '1 2 3' --dilation 2", [[5, 3]], "row 0, columns -2 to 2 in steps of 2 of the"),
        ("conv -k '1 1' --border constant --fill 7", [[5]], "padding (constant 7)"),
    ],
)  # fmt: skip
def test_the_line_of_each_layer(layer, image, line):
    text = text_of([layer], np.array(image))
    assert line in text or line in text.replace("\n", " ")


def test_channels_have_names_and_maps_have_numbers():
    text = text_of(["conv -k bank.npy", "relu"], COLOR, number=3)
    assert text.startswith("layer 2 (relu): row 0, column 0 of the 11x13 map 3 of 4 is ")
    assert "row 0, column 0 of the 11x13 map 3 of 4" in text
    for name in ("red", "green", "blue"):
        assert f"\n{name}\nwindow" in text
    text = text_of(["conv -k box:3"], COLOR, number=2)
    assert "columns -1 to 1 of green of the 11x13 input" in text
    text = text_of(["conv -k bank.npy", "channelpool max"], COLOR)
    assert "window: row 0, column 0 of 4 maps of layer 1 (conv bank.npy), 11x13" in text
    assert text.splitlines()[4].split() == ["map", "1", "map", "2", "map", "3", "map", "4"]
    text = text_of(["conv -k bank.npy", "conv -k deep.npy"], COLOR, number=2)
    assert "value*weight" in text
    assert "\nmap 4\nwindow" in text
    assert " of map " in next(line for line in text.splitlines() if line.startswith("next"))


def test_places_of_a_wrapped_border():
    text = text_of(["relu", "conv -k box:3 --border wrap"], GRAY)
    assert "depends on rows 0 to 1 and 12, columns 0 to 1 and 10 of the 11x13 input" in text


def test_digits_set_the_decimals():
    text = text_of(["conv -k '0.55 0.123'", "avgpool 1,2"], [[1.26, 2.51]], digits=1)
    assert text.startswith("layer 2 (avgpool 2x1): row 0, column 0 of the 1x1 map is 1.3\n")
    assert "0  1.3 2.5 [2.5]\n" in text
    assert "0  2.5 [2.5]   0.6 0.1   1.4 0.3\n" in text
    assert "sum       (2.5*0.6) + (2.5*0.1) ~ 1.7\n" in text


def test_lines_fit_a_terminal():
    text = text_of(["leaky-relu --slope 2"], [[-3.6690417668280054e18]])
    assert max(map(len, text.splitlines())) <= 80
    for texts, image in CASES:
        for explanation, _ in explanations(Chain(texts), image):
            assert max(map(len, str(explanation).splitlines())) <= 80


def test_a_notebook_shows_the_same_in_its_own_colors():
    explanation = Chain(["conv -k outline", "relu", "maxpool 2"]).explain(GRAY, (1, 1))
    html = explanation._repr_html_()
    cells = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", html)
    numbers = [cell for cell in re.findall(r"[^\s()]+", str(explanation)) if cell.isdigit()]
    assert set(numbers) <= {*cells, *re.findall(r"\d+", html)}
    assert "layer 3 (maxpool 2x2): row 1, column 1" in html
    assert html.count("<table>") == 6
    assert "color" not in html
