"""``convcli explain``: text, JSON and figure, agreement with apply, and what is refused."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def explain(convcli):
    """Run ``convcli explain`` inside this process."""
    return lambda *arguments, **extra: convcli("explain", *arguments, **extra)


def text_of(ran):
    """The text of a run that went well."""
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out.decode()


def pixels_of(ran):
    return [output["pixel"] for output in json.loads(text_of(ran))["outputs"]]


def test_the_text_of_one_value(explain, save):
    save("m.csv", np.arange(1, 10).reshape(3, 3))
    text = text_of(explain("-k", "1 0; 0 2", "--at", "1,1", "m.csv"))
    assert "sum       (5*1) + (6*0) + (8*0) + (9*2) = 23\n" in text
    assert text.endswith("value     23\n")
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "flags",
    [
        ["-k", "outline"],
        ["-k", "sobel"],
        ["-k", "kirsch", "--range", "rescale"],
        ["-k", "outline", "--range", "percentile", "--percentile", "20,70"],
        ["-k", "gaussian:5", "--operation", "convolve", "--border", "reflect"],
        ["-k", "emboss", "--range", "offset", "--stride", "2,3"],
        ["-k", "prewitt-x", "-k", "prewitt-y", "--combine", "sum", "--range", "abs"],
        ["-k", "blur", "-k", "gaussian:5", "--combine", "mean"],
        ["-k", "1 2 1", "--normalize", "--dilation", "2", "--border", "constant", "--fill", "9"],
        ["-k", "blur", "--divisor", "7", "--bias", "-20.5", "--padding", "2,0,1,3"],
        ["-k", "blur", "--channels", "gray", "--padding", "valid"],
        ["-k", "blur", "--channels", "g", "--resize", "9x7", "--padding", "full"],
    ],
)
def test_the_pixel_is_the_one_that_apply_writes(explain, apply, photo, load, flags):
    assert apply(*flags, "photo.png", "-o", "out.png").code == 0
    applied = load("out.png")
    rows, columns = applied.shape[:2]
    for at in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 3)):
        ran = explain(*flags, "--at", f"{at[0]},{at[1]}", "photo.png", "--json")
        assert pixels_of(ran) == np.atleast_1d(applied[at]).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--range", "rescale"], ["--range", "raw"]])
def test_the_number_is_the_one_that_apply_prints(explain, apply, save, rng, flags):
    save("m.txt", rng.normal(size=(6, 7)))
    printed = apply("-k", "gaussian:3", *flags, "m.txt", "-o", "-").out.decode()
    for row, line in enumerate(printed.splitlines()):
        for column, word in enumerate(line.split()):
            text = text_of(explain("-k", "gaussian:3", *flags, "--at", f"{row},{column}", "m.txt"))
            value = float(text.split("value ")[-1])  # beyond its last digit are rounding errors
            assert value == pytest.approx(float(word), abs=1e-13)


def test_sixteen_bits(explain, apply, save, load, rng):
    save("deep.png", rng.integers(0, 65536, (5, 6), np.uint16))
    assert apply("-k", "emboss", "deep.png", "-o", "out.png").code == 0
    ran = explain("-k", "emboss", "--at", "2,3", "deep.png", "--json")
    assert pixels_of(ran) == [load("out.png")[2, 3]]
    assert json.loads(ran.out)["white"] == 65535


def test_json_has_every_number(explain, save):
    save("m.csv", [[1, 2], [3, 4]])
    ran = explain("-k", "1 2", "--at", "0,1", "--border", "zero", "m.csv", "--json")
    record = json.loads(text_of(ran))
    assert record["input"] == "m.csv"
    assert record["at"] == [0, 1]
    assert record["pads"] == {"top": 0, "bottom": 0, "left": 0, "right": 1}
    [response] = record["outputs"][0]["responses"]
    assert (response["rows"], response["columns"]) == ([0], [1, 2])
    assert response["padding"] == [[False, True]]
    [part] = response["sums"]
    assert (part["window"], part["weights"], part["products"]) == ([[2, 0]], [[1, 2]], [[2, 0]])
    assert record["outputs"][0]["pixel"] == part["sum"] == 2


@pytest.mark.slow
def test_a_figure(explain, gray, contents):
    ran = explain("-k", "sobel-x", "--at", "0,0", "gray.png", "-o", "e.png")
    assert text_of(ran) == "e.png\n"
    with Image.open("e.png") as image:
        assert image.format == "PNG"
        assert image.width > 500
    first = contents()[b"e.png"]
    assert explain("-k", "sobel-x", "--at", "0,0", "gray.png", "-o", "again.png").code == 0
    assert contents()[b"again.png"] == first
    explain("-k", "sobel-x", "--at", "0,0", "gray.png", "-o", "e.png").fails(2, "--overwrite")
    again = explain("-k", "blur", "--at", "0,0", "gray.png", "-o", "e.png", "--overwrite")
    assert text_of(again) == "e.png\n"
    assert contents()[b"e.png"] != first


def test_standard_input(explain, save):
    png = save("p.png", np.uint8([[1, 2], [3, 4]])).read_bytes()
    assert "pixel     4\n" in text_of(explain("-k", "1", "--at", "1,1", "-", stdin=png))
    text = text_of(explain("-k", "-", "--at", "0,0", "p.png", stdin=b"5"))
    assert text.endswith("pixel     5\n")
    explain("-k", "-", "--at", "0,0", "-", stdin=b"5").fails(2, "standard input")


def test_notes_are_printed(explain, save):
    frames = [Image.fromarray(np.full((4, 4), n, np.uint8)) for n in (10, 90)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    ran = explain("-k", "blur", "--at", "1,1", "a.gif")
    assert ran.code == 0
    assert "a.gif: " in ran.err


def on_a_terminal(command, **env):
    """Run a command with a pseudo-terminal for stdout and return what it wrote there."""
    ours, theirs = os.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | env
    with subprocess.Popen(command, stdout=theirs, env=environment) as child:
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 4096):
                written += piece
        except OSError:  # the other end was closed
            pass
        assert child.wait(60) == 0
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


@pytest.mark.slow
def test_colors_are_for_terminals_that_want_them(program, save):
    save("m.csv", [[1, 2], [3, 4]])
    command = [*program, "explain", "-k", "blur", "--at", "0,0", "m.csv"]
    colored = on_a_terminal(command)
    plain = on_a_terminal(command, NO_COLOR="1")
    assert "\x1b[33m" in colored
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain
    assert "\x1b" in on_a_terminal(command, NO_COLOR="")


@pytest.mark.parametrize("at", ["11,0", "0,14", "99999,99999"])
def test_outside_says_the_valid_range(explain, gray, at):
    ran = explain("-k", "blur", "--at", at, "gray.png")
    ran.fails(1, "gray.png", at, "14x11 feature map", "rows are 0 to 10, columns 0 to 13")


@pytest.mark.parametrize("at", ["1", "1x2", "1,2,3", "-1,2", "a,b", "", "1.5,2"])
def test_what_is_no_position_is_refused(explain, gray, at):
    ran = explain("-k", "blur", "--at", at, "gray.png")
    ran.fails(2, "--at", "ROW,COL")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-k", "nonsense", "gray.png"], 2, ["nonsense"]),
        (["-k", "blur", "none.png"], 1, ["none.png"]),
        (["-k", "blur", "-k", "outline", "gray.png"], 2, ["2 kernels", "--combine"]),
        (["-k", "blur", "--combine", "max", "gray.png"], 2, ["--combine"]),
        (["-k", "blur", "--json", "-o", "e.png", "gray.png"], 2, ["--json", "-o"]),
        (["-k", "blur", "-o", "e.xyz", "gray.png"], 2, ["e.xyz", ".png"]),
        (["-k", "blur", "-o", "e.xyz", "none.png"], 2, ["e.xyz", ".png"]),
        (["-k", "blur", "--max-pixels", "3", "gray.png"], 1, ["gray.png", "--max-pixels"]),
        (["-k", "ones.npy", "gray.png"], 1, ["gray.png", "ones", "2 channels"]),
        (["-k", "1" + " 1" * 20, "--padding", "valid", "gray.png"], 1, ["gray.png", "21x1"]),
    ],
)
def test_faults_are_one_line(explain, gray, save, contents, arguments, code, words):
    save("ones.npy", np.ones((2, 3, 3)))
    before = contents()
    explain("--at", "0,0", *arguments).fails(code, *words)
    assert contents() == before


def test_of_a_bank_one_is_explained_or_all_are_combined(explain, gray, save):
    bank = np.stack([np.ones((1, 3, 3), int), np.zeros((1, 3, 3), int)])
    save("bank.npy", bank)
    flags = ["-k", "bank.npy", "--at", "4,5", "gray.png", "--range", "raw"]
    explain(*flags).fails(
        2, "filter 1 of bank.npy, filter 2 of bank.npy", "--filter N", "--combine"
    )
    explain(*flags, "--filter", "3").fails(2, "--filter 3", "2 results")
    one = ["-k", "1", "--at", "4,5", "gray.png", "--filter", "2"]
    explain(*one).fails(2, "--filter 2: there is only 1 result")
    total = int(gray[3:6, 4:7].astype(int).sum())
    for more, value in ((["--filter", "1"], total), (["--filter", "2"], 0)):
        assert text_of(explain(*flags, *more)).endswith(f"value     {value}\n")
    assert text_of(explain(*flags, "--combine", "mean")).endswith(f"value     {total / 2:g}\n")


@pytest.mark.slow
def test_kernels_of_different_sizes_have_windows_of_their_own(explain, gray):
    flags = ["-k", "blur", "-k", "gaussian:5", "--combine", "sum", "--at", "0,0", "gray.png"]
    text = text_of(explain(*flags))
    assert "window: rows -1 to 1" in text
    assert "window: rows -2 to 2" in text
    assert text_of(explain(*flags, "-o", "e.png")) == "e.png\n"


def test_relu(explain, save):
    save("m.csv", [[1, 2]])
    text = text_of(explain("-k", "-1", "--at", "0,0", "--activation", "relu", "m.csv"))
    assert text.endswith("relu      max(0, -1) = 0\nvalue     0\n")


def test_apply_and_explain_share_their_options(explain, apply, gray):
    """Loaded into one process, and in either order, both keep all of theirs."""
    for _ in range(2):
        assert apply("-k", "blur", "gray.png", "--overwrite", "--stride", "2").code == 0
        assert text_of(explain("-k", "blur", "--at", "0,0", "gray.png", "--stride", "2"))


def test_the_environment_sets_options(explain, save):
    save("m.csv", [[1, 2]])
    text = text_of(explain("m.csv", CONVCLI_EXPLAIN_KERNEL="3", CONVCLI_EXPLAIN_AT="0,1"))
    assert text.endswith("value     6\n")


@pytest.mark.slow
def test_a_signal_is_drawn_with_its_window(explain, save):
    save("row.csv", [[0, 1, 3, 2, 5]])
    for kernel, count in (("1 2 1", 1), ("outline", 0)):  # along the signal, and across it too
        ran = explain("-k", kernel, "--at", "0,1", "row.csv", "-o", "e.svg", "--overwrite")
        assert text_of(ran) == "e.svg\n"
        assert Path("e.svg").read_text().count("1 2 1: sum of products 5") == count


def test_no_digits_beyond_those_that_hold(explain, save):
    save("m.csv", [[0.8, 1.0, 3.4]])
    text = text_of(explain("-k", "1 1 1", "--at", "0,1", "m.csv"))
    assert text.endswith("value     5.2\n")
    assert pixels_of(explain("-k", "1 1 1", "--at", "0,1", "m.csv", "--json")) == [5.2]
    third = text_of(explain("-k", "1/3", "--at", "0,1", "m.csv", "--digits", "3"))
    assert third.endswith("value     0.333\n")


def test_a_large_kernel_shows_its_largest_products(explain, save, rng):
    image = rng.integers(0, 256, (60, 50))
    save("m.csv", image)
    kernel = rng.integers(-9, 10, (33, 40))
    save("k.txt", kernel)
    text = text_of(explain("-k", "k.txt", "--at", "20,10", "--padding", "valid", "m.csv"))
    products = (image[20:53, 10:50] * kernel).ravel()
    assert "the 20 largest of 1,320 products" in text
    assert text.endswith(f"(the other 1,300) = {products.sum()}\nvalue     {products.sum()}\n")
    shown = [int(line.split()[-1]) for line in text.split("pixel*weight\n")[1].splitlines()[:20]]
    assert sorted(map(abs, shown)) == sorted(abs(products))[-20:]
    rest = int(text.split("(the other")[0].split()[-1].strip("()"))
    assert sum(shown) + rest == products.sum()
    assert max(map(len, text.splitlines())) <= 80


def test_a_wide_dilation_takes_no_memory(explain, save):
    save("m.csv", [[1, 2], [3, 4]])
    ran = explain("-k", "box:3", "--at", "0,0", "--dilation", "100000000", "m.csv")
    assert "columns -100000000 to 100000000 in steps of" in " ".join(text_of(ran).split())
    assert ran.out.endswith(b"value     2\n")


def test_kernels_too_large_to_explain(explain, gray):
    ran = explain("-k", "box:1001", "--at", "0,0", "gray.png")
    ran.fails(ran.code, "1,002,001 weights; at most 1,000,000 are explained")


def test_direction_is_no_way_to_combine(explain, gray):
    ran = explain("-k", "sobel", "--combine", "direction", "--at", "0,0", "gray.png")
    ran.fails(2, "not one of")


def test_the_options_of_a_figure(explain, photo, tmp_path):
    flags = "-k", "blur", "--at", "1,1", "photo.png"
    ran = explain(*flags, "-o", "slide.png", "--theme", "slide", "--dpi", "48", "--title", "")
    assert ran.out == b"slide.png\n"
    with Image.open(tmp_path / "slide.png") as slide:
        assert slide.size == (640, 360)
    for output in ((), ("-o", "lesson.xlsx")):
        ran = explain(*flags, "--theme", "dark", *output)
        assert ran.code == 2
        assert "--theme is for figures; draw one with -o FILE" in ran.err
    ran = explain("--layer", "relu", "--at", "1,1", "--theme", "dark", "photo.png")
    assert ran.code == 2
    assert "--theme is for figures; draw one with -o FILE" in ran.err
