"""Explanations as text: aligned, at most 80 columns, every number exact."""

import re

import numpy as np
import pytest

from convcli import explain
from convcli.teaching.explain.text import explanation_text

RNG = np.random.default_rng(6)
GRAY = RNG.integers(0, 256, (40, 40), np.uint8)
COLOR = RNG.integers(0, 256, (40, 40, 3), np.uint8)
CASES = {
    "3x3": (GRAY, "sobel-x", (0, 0), {}),
    "pair": (GRAY, "sobel", (3, 3), {"range": "rescale"}),
    "compass": (GRAY, "kirsch", (3, 3), {}),
    "color": (COLOR, "blur", (0, 39), {"bias": 3}),
    "channels": (COLOR, RNG.integers(-9, 9, (3, 2, 2)), (0, 3), {"dilation": 3}),
    "floats": (GRAY / 7, "gaussian:5", (0, 0), {"range": "rescale"}),
    "15x15": (GRAY, RNG.integers(-9, 9, (15, 15)), (9, 9), {"operation": "convolve"}),
    "30x30": (GRAY, RNG.normal(size=(30, 30)), (0, 0), {"range": "offset"}),
    "row": (GRAY[:1], [[1, 2, 1]], (0, 0), {"divisor": 3, "activation": "relu"}),
    "large": (np.full((3, 3), 10**15), [[10**3] * 3] * 3, (0, 0), {}),
}


def text(name, **more):
    image, kernel, at, options = CASES[name]
    return explanation_text(explain(image, kernel, at, **options | more))


@pytest.mark.parametrize("name", CASES)
def test_lines_have_at_most_80_columns_and_no_blanks_at_the_end(name):
    lines = text(name).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("name", ["3x3", "color", "15x15", "30x30", "channels", "floats"])
def test_the_sums_written_are_right(name):
    """Read the additions back and do them."""
    page = text(name)
    found = re.findall(r"^sum +(.*?) [=~] (\S+)$", page, re.M | re.S)
    assert found
    for terms, total in found:
        products = re.findall(r"\((\S+)\*(\S+)\)", terms)
        unit = 10.0 ** -len(total.partition(".")[2])  # the last decimal of the total
        added = sum(float(a) * float(b) for a, b in products)
        assert added == pytest.approx(float(total), abs=unit)
    image, kernel, at, options = CASES[name]
    outputs = explain(image, kernel, at, **options).outputs
    taps = sum(np.size(part.window) for o in outputs for r in o.responses for part in r.sums)
    assert len(re.findall(r"\(\S+\*\S+\)", page)) == taps


@pytest.mark.parametrize("name", CASES)
def test_the_last_line_is_the_pixel(name):
    image, kernel, at, options = CASES[name]
    explained = explain(image, kernel, at, **options)
    pixels = [output.pixel for output in explained.outputs]
    last = text(name).splitlines()[-1]
    assert [float(n) for n in last.removeprefix(explained.unit).split(",")] == pixels
    is_pixel = explained.max_value is not None and explained.range != "raw"
    assert explained.unit == ("pixel" if is_pixel else "value")


def test_a_page():
    page = explanation_text(
        explain(
            [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [-1, 0.5]], (0, 2), border="zero", bias=-1
        )
    )
    assert (
        page
        == """\
1 0; -1 0.5 at row 0, column 2 of the 3x3 feature map (correlate: not flipped)
window: rows 0 to 1, columns 2 to 3 of the 3x3 input; in brackets: padding
(zero)

window     kernel   pixel*weight
   2   3
0  3 [0]    1   0    3 0
1  6 [0]   -1 0.5   -6 0

sum       (3*1) + (0*0) + (6*-1) + (0*0.5) = -3
value     -3 - 1 = -4
value     -4"""
    )


@pytest.mark.parametrize(
    ("image", "weight", "options", "line"),
    [
        (100, 1, {}, "clip      100 -> 100"),
        (100, 3, {}, "clip      300 -> 255 (clipped to 0..255)"),
        (100, -1, {}, "clip      -100 -> 0 (clipped to 0..255)"),
        (0, 1, {"bias": 255.5}, "clip      255.5 -> 255 (clipped to 0..255)"),
        (0, 1, {"bias": -0.5}, "clip      -0.5 -> 0 (rounded, halves to even)"),
        (5, 1, {"divisor": 2}, "clip      2.5 -> 2 (rounded, halves to even)"),
        (5, -1, {"range": "abs"}, "abs       |-5| = 5 -> 5"),
        (5, -1, {"range": "offset"}, "offset    -5 + 128 -> 123"),
        (5, -1, {"range": "raw"}, "raw       the value itself"),
        (5, -1, {"range": "rescale"}, "rescale   a constant map becomes black -> 0"),
        (5, -1, {"activation": "leaky-relu"}, "leaky     max(0.01*(-5), -5) ~ -0.05"),
        (0, -1, {"activation": "sigmoid"}, "sigmoid   1 / (1 + exp(0)) = 0.5"),
        (0, 1, {"activation": "tanh"}, "tanh      tanh(0) = 0"),
        (5, -1, {"activation": "relu"}, "relu      max(0, -5) = 0"),
        (5, 1, {"divisor": -3}, "value     5 / (-3) ~ -1.66667"),
        (255, 13, {"divisor": 16}, "value     3315 / 16 = 207.1875"),
        (255, 13, {"divisor": -16, "bias": 0.25}, "value     3315 / (-16) + 0.25 = -206.9375"),
        (255, 13, {"divisor": 64}, "value     3315 / 64 ~ 51.7969"),
        (255, 130, {"divisor": 9}, "value     33150 / 9 ~ 3683.33"),
        (6, 1, {"divisor": 3, "bias": 0.5}, "value     6 / 3 + 0.5 = 2.5"),
    ],
)
def test_every_step_has_its_line(image, weight, options, line):
    page = explanation_text(explain(np.uint8([[image]]), [[weight]], (0, 0), **options))
    assert line in page.splitlines()


@pytest.mark.parametrize(
    ("combine", "line"),
    [
        ("magnitude", "magnitude sqrt(3^2 + (-4)^2) = 5"),
        ("sum", "sum       3 + (-4) = -1"),
        ("max", "max       max(3, -4) = 3"),
        ("mean", "mean      (3 + (-4)) / 2 = -0.5"),
    ],
)
def test_combinations_have_their_line(combine, line):
    page = explanation_text(explain([[0, 4], [0, 3]], "roberts", (0, 0), combine=combine))
    assert line in page.splitlines()


def test_what_was_rounded_is_told_from_what_is_exact():
    page = explanation_text(explain([[0.1, 3]], [[1 / 3, 0.2]], (0, 0)))
    assert "sum       (0.1*0.333333333333333) + (3*0.2) ~ 0.63333333333333" in page
    page = explanation_text(explain([[0.1, 3]], [[0.3, 0.2]], (0, 0)))
    assert "sum       (0.1*0.3) + (3*0.2) = 0.63" in page


def test_the_flip_is_said_and_padding_is_told_once():
    assert "(convolve: flipped)" in text("3x3", operation="convolve")
    assert "flipped kernel" in text("3x3", operation="convolve")
    assert text("color").count("in brackets: padding") == 1
    assert text("compass").count("window: rows") == 1
    assert "padding" not in explanation_text(explain(GRAY, "blur", (5, 5)))


def test_paint_does_not_move_anything():
    def paint(role, text):
        return f"<{role}|{text}>" if role else text

    image, kernel, at, options = CASES["3x3"]
    painted = explanation_text(explain(image, kernel, at, **options), paint)
    plain = re.sub(r"<\w+\|(.*?)>", r"\1", painted)
    assert plain == text("3x3")
    assert "<padding|" in painted
    assert "<result|" in painted


def test_channels_are_added_up():
    explained = explain(np.array([[[1, 2, -4]]]), [[[1]], [[1]], [[2]]], (0, 0))
    assert "\n\ntotal     1 + 2 + (-8) = -5\nvalue     -5" in explained.text()
    explained = explain(np.array([[[1, 2]]]), [[[1]], [[1]]], (0, 0))
    assert "\n\ntotal     1 + 2 = 3\n" in explained.text()


def test_plain_numbers_are_rescaled_to_0_to_1():
    page = explanation_text(explain(np.array([[1.0, 3, 5]]), [[1]], (0, 1), range="rescale"))
    assert "rescale   (3 - 1) / (5 - 1) -> 0.5" in page.splitlines()


def test_extremes_of_64_bits_are_shown_whole():
    image = np.array([[2**64 - 1, 1]], np.uint64)
    page = explanation_text(explain(image, [[1]], (0, 0), range="rescale"))
    most = 2**64 - 1
    assert f"rescale   ({most} - 1) / ({most} - 1) -> 1" in page.splitlines()


def test_percentiles_of_integers_are_no_integers():
    page = explanation_text(explain([[0, 10]], [[1]], (0, 1), range="percentile"))
    assert "percentile (10 - 0.1) / (9.9 - 0.1) -> 1" in " ".join(page.split())


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e300])
def test_one_odd_value_leaves_the_other_products_their_digits(odd):
    explanation = explain([[1.5, odd, 0.25]], [[1, -2, 3]], (0, 1))
    grid = explanation_text(explanation).split("pixel*weight")[1].split("sum")[0]
    products = [float(number) for number in grid.splitlines()[2].split()[-3:]]
    assert np.array_equal(products, [1.5, -2 * odd, 0.75], equal_nan=True)


def test_kernels_that_share_a_window_show_it_once_in_a_notebook():
    page = explain(np.arange(36).reshape(6, 6), "kirsch", (2, 3))._repr_html_()
    assert [page.count(f">{name}<") for name in ("window", "kernel", "pixel*weight")] == [1, 8, 8]
    color = np.arange(108).reshape(6, 6, 3)
    page = explain(color, "sobel", (2, 3))._repr_html_()
    assert [page.count(f">{name}<") for name in ("window", "kernel")] == [3, 6]
