import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import percent_text
from convcli.plotting.labels import cell_texts, format_short, text_width, wrap
from convcli.plotting.style import style_context


@given(st.lists(st.integers(-999_999, 999_999), min_size=1, max_size=30))
def test_integers_are_exact(numbers):
    assert [int(text) for text in cell_texts(np.array(numbers))] == numbers


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(st.floats(-1e40, 1e40), min_size=1, max_size=30))
def test_floats_are_within_their_last_digit_and_zero_means_zero(numbers):
    texts = cell_texts(np.array(numbers))
    largest = max(abs(number) for number in numbers)
    for text, number in zip(texts, numbers, strict=True):
        assert (float(text) == 0) == (number == 0)
        assert abs(float(text) - number) <= max(0.006 * largest, 0.5 * abs(number))
        assert not text.startswith("-0.0") or float(text) != 0


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([0.2, 0, -0.2], ["0.2", "0", "-0.2"]),
        ([0.0625, 0.125], ["0.0625", "0.1250"]),
        ([1 / 3, 2 / 3], ["0.333", "0.667"]),
        ([1.0, 2.0], ["1", "2"]),
        ([255.0, 0.5], ["255.0", "0.5"]),
        ([1.0, 0.0001], ["1.0000", "0.0001"]),
        ([1 / 3, 1e-9], ["0.333", "1e-9"]),
        ([1 / 3, 200 / 3], ["0.3", "66.7"]),
        ([1.5e-7, 3e20], ["1.5e-7", "3e20"]),
        ([math.nan, math.inf, 1.0], ["nan", "inf", "1"]),
    ],
)
def test_digits(numbers, texts):
    assert cell_texts(np.array(numbers)) == texts


def test_booleans_and_small_types():
    assert cell_texts(np.array([True, False])) == ["1", "0"]
    assert cell_texts(np.array([255], np.uint8)) == ["255"]
    assert cell_texts(np.array([0.1], np.float32)) == ["0.1"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(-765, "-765"), (930.1123, "930.11"), (374449.0, "374449"), (1e9, "1e9"), (-0.0, "0")],
)
def test_short(number, text):
    assert format_short(number) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.0004, "< 0.1 %"), (0.0005, "0.1 %"), (0.9994, "99.9 %"), (0.9995, "> 99.9 %"),
     (1, "100 %")],
)  # fmt: skip
def test_only_all_is_100_percent_and_only_none_is_0(share, text):
    assert percent_text(share) == text


@pytest.mark.slow
@settings(max_examples=100)
@given(st.text(min_size=1, max_size=80), st.floats(0.5, 5))
def test_wrapped_lines_fit_and_lose_no_letter(text, inches):
    with style_context():
        lines = wrap(text, inches, 9).split("\n")
        assert all(text_width(line, 9) <= inches for line in lines)
    kept = "".join("".join(lines).split())
    assert all(letter in kept for letter in text if letter.isalnum())


def test_control_characters_are_escaped():
    assert wrap("a\x1bb", 5, 9) == "a\\x1bb"


@pytest.mark.parametrize("whole", ["× 1/256", "> 99.9 %", "2.5 %", "~ 3.92", "3,2,4,5"])
def test_no_line_breaks_inside_a_number(whole):
    least = 1.1 * text_width(f"{whole} clipped,", 9)
    for inches in np.linspace(least, 3 * least, 60):
        lines = wrap(f"a/b, 5x5, {whole} clipped, 160x120", inches, 9).split("\n")
        assert any(whole in line for line in lines)
