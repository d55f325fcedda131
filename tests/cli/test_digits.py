"""The decimals of printed numbers, and hints about clipped ones."""

import itertools
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli.cli.main import root


@pytest.fixture
def tenths(here):
    (here / "a.txt").write_text("0.1 0.7 5.3\n1.2 2.3 0.4\n")


WEIGHTS = "0.1 0.2 0.7"  # 0.1 * 0.7 + 0.2 * 5.3 + 0.7 * 5.3 is 4.839999999999999 in float64
SHOWN = "0.52  3.86  4.84\n1.97  0.86  0.59\n"


@pytest.mark.usefixtures("tenths")
def test_text_csv_and_json_hold_no_digits_of_rounding(convcli, apply, here):
    assert apply("-k", WEIGHTS, "a.txt", "-o", "-").out.decode() == SHOWN
    assert convcli("chain", "a.txt", "conv", "-k", WEIGHTS, "-o", "-").out.decode() == SHOWN
    for command in (["apply", "-k", WEIGHTS, "a.txt"], ["chain", "a.txt", "conv", "-k", WEIGHTS]):
        record = json.loads(convcli(*command, "-o", "o.csv", "--json", "--overwrite").out)
        assert (record["min"], record["max"]) == (0.52, 4.84)
        assert (here / "o.csv").read_text() == SHOWN.replace("  ", ",")


@pytest.mark.usefixtures("tenths")
def test_digits_sets_the_decimals(convcli, apply):
    shown = "0.5  3.9  4.8\n2    0.9  0.6\n".replace("2  ", "  2")
    assert apply("-k", WEIGHTS, "--digits", "1", "a.txt", "-o", "-").out.decode() == shown
    chain = convcli("chain", "a.txt", "conv", "-k", WEIGHTS, "-o", "-", "--digits", "1")
    assert chain.out.decode() == shown
    record = json.loads(apply("-k", WEIGHTS, "--digits=1", "a.txt", "-o", "o.txt", "--json").out)
    assert (record["min"], record["max"]) == (0.5, 4.8)


@pytest.mark.usefixtures("tenths")
def test_npy_keeps_every_digit(apply, here):
    apply("-k", WEIGHTS, "--digits", "1", "a.txt", "-o", "o.npy")
    values = np.load(here / "o.npy")
    assert values.dtype == np.float64
    assert np.abs(values * 10 - np.rint(values * 10)).max() > 0.1


def test_json_of_pixels_has_no_digits_of_rounding(apply, gray):
    record = json.loads(apply("-k", "0.1 0.2 0.3", "gray.png", "-o", "o.png", "--json").out)
    assert record["max"] == round(record["max"], 3)


def test_rescaled_numbers_and_layers_without_weights(convcli, apply, here):
    (here / "a.txt").write_text("1 2 4\n")
    ran = apply("-k", "identity", "--range", "rescale", "a.txt", "-o", "-")
    numbers = [float(word) for word in ran.out.split()]
    np.testing.assert_allclose(numbers, [0, 1 / 3, 1], atol=1e-6)
    ran = convcli("chain", "a.txt", "avgpool", "1,3", "-o", "-")
    assert float(ran.out) == pytest.approx(7 / 3, abs=1e-5)
    assert len(ran.out.strip()) < 18


def test_numbers_of_a_global_pool_are_printed(convcli, save):
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    save("photo.png", pixels)
    ran = convcli("chain", "photo.png", "globalpool", "max", "-o", "-")
    assert (ran.code, ran.out, ran.err) == (0, b"57  58  59\n", "")
    ran = convcli("chain", "photo.png", "globalpool", "avg", "-o", "-")
    assert ran.out == b"28.5  29.5  30.5\n"
    ran = convcli("chain", "photo.png", "globalpool", "max", "-o", "-", "--format", "png")
    assert ran.out.startswith(b"\x89PNG")


def test_csv_of_colors_has_columns(apply, convcli, save, here):
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    save("photo.png", pixels)
    lines = ["row,column,r,g,b", "0,0,0,1,2", "0,1,3,4,5", "1,0,6,7,8", "1,1,9,10,11"]
    assert apply("-k", "identity", "photo.png", "-o", "-", "--format", "csv").names == lines
    convcli("chain", "photo.png", "conv", "-k", "identity", "-o", "a.csv")
    assert (here / "a.csv").read_text().splitlines() == lines


def test_csv_of_colors_is_read_back(apply, save, load):
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    save("photo.png", pixels)
    assert apply("-k", "identity", "photo.png", "-o", "a.csv").code == 0
    assert apply("-k", "identity", "a.csv", "-o", "a.png").code == 0
    assert (load("a.png") == pixels).all()
    text = Path("a.csv").read_bytes()
    assert apply("-k", "identity", "a.csv", "-o", "-").out == text
    assert apply("-k", "identity", "-", "-o", "-", stdin=text).out == text
    Path("a.csv").write_bytes(text.replace(b"1,1,", b"1,2,"))
    apply("-k", "identity", "a.csv").fails(1, "a.csv: must have one line for each pixel")


def test_a_hint_says_once_that_nearly_all_pixels_are_clipped(apply, convcli, save):
    hint = "bright.png: 100 % of the pixels are clipped: --range rescale shows all values\n"
    for name in ("bright.png", "other.png"):
        save(name, np.full((200, 9), 100, np.uint8))
    names = ["bright.png", "other.png"]
    ran = apply("-k", "9", *names, "--out-dir", "o", "-j1")
    assert (ran.code, ran.err) == (0, hint)
    assert apply("-k", "9", *names, "--out-dir", "p", "-j1", "-q").err == ""
    assert apply("-k", "9", *names, "--out-dir", "r", "-j1", "--range", "rescale").err == ""
    assert convcli("chain", "bright.png", "conv", "-k", "9", "-o", "c.png").err == hint


@pytest.mark.parametrize(("rows", "hinted"), [(100, False), (185, True), (200, True)])
def test_clipping_is_estimated_from_rows_everywhere(apply, save, rows, hinted):
    pixels = np.full((200, 9), 20, np.uint8)
    pixels[:rows] = 100
    save("part.png", pixels)
    assert ("clipped" in apply("-k", "9", "part.png", "-o", "o.png").err) == hinted


@pytest.mark.parametrize("line", ["apply -k blur toy.csv", "chain toy.csv relu"])
def test_a_matrix_written_to_a_file_says_how_to_print_it(convcli, here, line):
    (here / "toy.csv").write_text("1,2\n3,4\n")
    command = line.split()
    ran = convcli(*command)
    assert ran.err == f"{ran.names[0]}: -o - prints the numbers instead\n"
    assert convcli(*command, "-o", "named.csv").err == ""
    assert convcli(*command, "-o", "-").err == ""


def test_a_map_that_copies_its_input_prints_it_as_it_was_read(apply, here):
    (here / "a.txt").write_text("1e-300 123456.789012345678\n")
    assert apply("-k", "identity", "a.txt", "-o", "-").out == b"1e-300  123456.78901234567\n"


def test_one_nodata_value_costs_the_other_windows_no_digits(apply, here):
    elevations = np.array([[500.25, 501.5, 499.75, 500.125, -3.4028235e38]], np.float32)
    np.save(here / "dem.npy", elevations)
    ran = apply("-k", "1/4 1/2 1/4", "dem.npy", "-o", "-", "--format", "txt")
    *numbers, beside, itself = ran.out.split()
    assert numbers == [b"500.562", b"500.75", b"500.281"]
    assert float(beside) == pytest.approx(-3.4028235e38 / 4)
    assert float(itself) == pytest.approx(-3.4028235e38 * 3 / 4)
    assert len(beside) < 50


def test_extremes_of_float32_are_shown_as_float32(apply, here):
    np.save(here / "a.npy", np.array([[0.1, 0.3]], np.float32))
    ran = apply("-k", "identity", "a.npy", "-o", "b.npy", "--json", "-v")
    record = json.loads(ran.out)
    assert (record["min"], record["max"]) == (0.1, 0.3)
    assert "min 0.1, max 0.3," in ran.err


@pytest.mark.slow
@pytest.mark.usefixtures("tenths")
def test_compare_prints_no_digits_of_rounding(convcli):
    options = ["--vary", "border", "--values", "edge zero", "-k", WEIGHTS, "-o", "c.png"]
    records = [
        json.loads(line)
        for line in convcli("compare", "a.txt", *options, "--json").out.splitlines()
    ]
    assert (records[0]["min"], records[0]["max"]) == (0.52, 4.84)
    assert records[1]["mean_difference"] == 0.68666666666667
    assert records[1]["max"] == 3.86


IMAGES = st.lists(
    st.lists(st.integers(-(10**5), 10**5).map(lambda n: n / 1000), min_size=4, max_size=4),
    min_size=3,
    max_size=3,
)
KERNELS = st.lists(
    st.lists(st.integers(-999, 999).map(lambda n: n / 100), min_size=3, max_size=3),
    min_size=1,
    max_size=2,
)


@pytest.mark.slow
@settings(max_examples=8)
@given(IMAGES, KERNELS)
def test_every_command_prints_the_same_number_near_the_true_one(image, kernel):
    """The true one is the sum of the decimals themselves."""
    rows, columns = len(kernel), len(kernel[0])
    matrix = "; ".join(" ".join(map(str, row)) for row in image)
    spec = "; ".join(" ".join(map(str, row)) for row in kernel)
    options = ["--matrix", matrix, "-k", spec, "--padding", "valid"]
    printed = [run_text("apply", *options), run_text("chain", *options[:2], "conv", *options[2:])]
    assert printed[0] == printed[1]
    shown = [line.split() for line in printed[0].splitlines()]
    places = {len(word.partition(".")[2]) for line in shown for word in line}
    largest = max(abs(number) for row in image for number in row)
    bound = largest * sum(abs(weight) for row in kernel for weight in row)
    most = math.floor(-math.log10(8 * 2.0**-52 * bound)) if bound else 0
    assert max(places) <= most
    for row, column in itertools.product(range(3 - rows + 1), range(4 - columns + 1)):
        true = sum(
            Fraction(str(kernel[i][j])) * Fraction(str(image[row + i][column + j]))
            for i, j in itertools.product(range(rows), range(columns))
        )
        word = shown[row][column]
        assert abs(Fraction(word) - true) < Fraction(1, 10**most)
        explained = run_text("explain", *options, "--at", f"{row},{column}", "--json")
        assert json.loads(explained)["outputs"][0]["value"] == float(word)


def run_text(*arguments):
    ran = CliRunner().invoke(root, arguments)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_one_nodata_value_costs_no_other_window_its_digits(apply, convcli, here):
    pixels = np.full((1, 5), 500.123, np.float32)
    pixels[0, 4] = np.finfo(np.float32).min
    np.save(here / "a.npy", pixels)
    shown = "500.123  500.123  500.123  -1.7014117e+38  -1.7014117e+38\n"
    options = ["-k", "0.5 0 0.5", "a.npy"]
    assert apply(*options, "-o", "-", "--format", "txt").out.decode() == shown
    chain = convcli("chain", "a.npy", "conv", *options[:2], "-o", "-", "--format", "txt")
    assert chain.out.decode() == shown
    record = json.loads(apply(*options, "-o", "o.txt", "--json").out)
    assert (record["min"], record["max"]) == (-1.7014117e38, 500.123)


def test_frames_share_the_fewest_decimals(apply, here):
    dim, bright = (Image.fromarray(np.full((3, 3), level, np.uint8)) for level in (1, 231))
    dim.save(here / "a.tif", save_all=True, append_images=[bright])
    options = ["--frames", "all", "-o", "o.tif", "--json"]
    record = json.loads(apply("-k", "0.1 0.2 0.333", "a.tif", *options).out)
    assert (record["min"], record["max"]) == (0.633, 146.223)


def test_verbose_prints_whole_values_whole(apply, save):
    save("a.png", np.full((3, 3), 65535, np.uint16))
    assert "max 65535000," in apply("-k", "1000", "a.png", "-o", "o.png", "-v").err


@pytest.mark.usefixtures("tenths")
def test_comparisons_and_kernels_hold_no_digits_of_rounding(convcli):
    lines = convcli("compare", "-k", WEIGHTS, "--vary", "border", "a.txt", "--json").names
    first, second = map(json.loads, lines[:2])
    assert (first["min"], first["max"]) == (0.52, 4.84)
    assert len(str(second["mean_difference"])) < 17
    record = json.loads(convcli("kernels", "show", "0.1 0.2", "--json").out)
    assert (record["sum"], record["greatest"]) == (0.3, 76.5)
    assert record["separable"] == [[0.447213595499958], [0.223606797749979, 0.447213595499958]]


def test_explain_knows_that_a_magnitude_of_float32_maps_is_float32(convcli, here):
    np.save(here / "a.npy", np.array([[8.5, 6.3, 5.1], [0.7, 0.1, 1.7], [5, 6, 9.7]], np.float32))
    ran = convcli("explain", "-k", "sobel", "--at", "1,1", "a.npy")
    assert ran.names[-1].split() == ["value", "3.3377"]
