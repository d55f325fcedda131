"""``convcli pad``: the padded image, by numpy.pad, in a file of its input's kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli.choices import BORDER_SYNONYMS, BORDERS

FILLS = {"zero": 0, "constant": 9, "zeros": 0}


def padded(image, pads, border):
    top, bottom, left, right = pads
    widths = [(top, bottom), (left, right), (0, 0)][: image.ndim]
    if border in FILLS:
        return np.pad(image, widths, constant_values=FILLS[border])
    return np.pad(image, widths, mode=BORDER_SYNONYMS.get(border, border))


@pytest.mark.parametrize("border", [*BORDERS, *BORDER_SYNONYMS])
def test_every_border(convcli, photo, load, border):
    fill = ["--fill", 9] if border == "constant" else []
    ran = convcli("pad", "--padding", "1,20,3,30", "--border", border, *fill, "photo.png")
    assert (ran.code, ran.names, ran.err) == (0, ["photo_padded.png"], "")
    np.testing.assert_array_equal(load("photo_padded.png"), padded(photo, (1, 20, 3, 30), border))


@pytest.mark.parametrize(
    ("options", "pads"),
    [
        (["--p", "2"], (2, 2, 2, 2)),
        (["--padding", "1,2"], (1, 1, 2, 2)),
        (["--padding", "same", "--k", "4x3"], (1, 1, 1, 2)),
        (["--padding", "full", "--kernel", "2,3"], (1, 1, 2, 2)),
        (["--padding", "valid"], (0, 0, 0, 0)),
        (["--padding", "valid", "--k", "3"], (0, 0, 0, 0)),
    ],
)
def test_every_form_of_padding(convcli, gray, load, options, pads):
    assert convcli("pad", *options, "gray.png").code == 0
    np.testing.assert_array_equal(load("gray_padded.png"), padded(gray, pads, "edge"))


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_an_array_keeps_its_type(convcli, save, load, rng, dtype):
    array = rng.integers(0, 100, (4, 5, 2)).astype(dtype)
    save("a.npy", array)
    ran = convcli("pad", "--p", "2", "--border", "wrap", "a.npy")
    assert (ran.names, ran.err) == (["a_padded.npy"], "")
    found = load("a_padded.npy")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, padded(array, (2, 2, 2, 2), "wrap"))


def test_sixteen_bits_and_floats_stay(convcli, save, load, rng):
    deep = rng.integers(0, 65536, (4, 5)).astype(np.uint16)
    save("deep.png", deep)
    single = rng.normal(size=(4, 5)).astype(np.float32)
    save("single.tif", single)
    for name, array in (("deep.png", deep), ("single.tif", single)):
        [written] = convcli("pad", "--p", "1", name).names
        found = load(written)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, padded(array, (1, 1, 1, 1), "edge"))


def test_metadata_stays(convcli, gray):
    exif = Image.Exif()
    exif[0x010E] = "a title"
    Image.fromarray(gray).save("a.jpg", dpi=(72, 96), exif=exif)
    assert convcli("pad", "--p", "1", "a.jpg").code == 0
    with Image.open("a_padded.jpg") as image:
        assert image.size == (16, 13)
        assert image.info["dpi"] == (72, 96)
        assert image.getexif()[0x010E] == "a title"


@pytest.mark.parametrize(
    ("border", "edge"), [("edge", 7), ("reflect", 9), ("zero", 0), ("constant", 255)]
)
def test_alpha_is_padded(convcli, save, load, border, edge):
    pixels = np.full((2, 2, 4), 100, np.uint8)
    pixels[..., 3] = [[7, 9], [7, 9]]
    save("a.png", pixels)
    assert convcli("pad", "--p", "0,1", "--border", border, "a.png").code == 0
    found = load("a_padded.png")
    assert found[0, :, 3].tolist()[:3] == [edge, 7, 9]
    assert found[0, 0, 0] == (0 if border in ("zero", "constant") else 100)


def test_matrices_are_printed(convcli, here):
    assert convcli("pad", "--p", "1", "--border", "zero", "--matrix", "1 2; 3 4").out == (
        b"0  0  0  0\n0  1  2  0\n0  3  4  0\n0  0  0  0\n"
    )
    half = ["--p", "0,1", "--border", "constant", "--fill", "0.5"]
    assert convcli("pad", *half, "--matrix", "1 2").out == b"0.5  1  2  0.5\n"
    Path("m.csv").write_text("1,2\n3,4.123456\n")
    assert convcli("pad", "--p", "0", "m.csv", "-o", "-", "--digits", "2").out == (
        b"1     2\n3  4.12\n"
    )
    ran = convcli("pad", "--p", "0,1", "m.csv")
    assert (ran.names, ran.err) == (
        ["m_padded.csv"],
        "m_padded.csv: -o - prints the numbers instead\n",
    )
    assert np.loadtxt("m_padded.csv", delimiter=",").tolist() == [
        [1, 1, 2, 2],
        [3, 3, 4.123456, 4.123456],
    ]
    assert convcli("pad", "--p", "1", "-", "-o", "-", stdin=b"5").out == b"5  5  5\n" * 3


def test_where_the_result_goes(convcli, save, gray, load):
    save("in/a.png", gray)
    assert convcli("pad", "--p", "1", "in/a.png").names == ["in/a_padded.png"]
    assert convcli("pad", "--p", "1", "in/a.png", "--out-dir", "o").names == ["o/a_padded.png"]
    assert convcli("pad", "--p", "1", "in/a.png", "-o", "b.tif").names == ["b.tif"]
    assert convcli("pad", "--p", "1", "in/a.png", "--format", "bmp").names == ["in/a_padded.bmp"]
    assert convcli("pad", "--p", "1", "@camera").names == ["camera_padded.png"]
    for name in ("o/a_padded.png", "b.tif", "in/a_padded.bmp"):
        np.testing.assert_array_equal(load(name), padded(gray, (1, 1, 1, 1), "edge"))
    convcli("pad", "--p", "1", "in/a.png").fails(2, "in/a_padded.png: exists already")
    assert convcli("pad", "--p", "2", "in/a.png", "--overwrite").code == 0
    assert load("in/a_padded.png").shape == (15, 18)


def test_json(convcli, gray):
    ran = convcli("pad", "--padding", "1,2,3,4", "--border", "mirror", "gray.png", "--json")
    assert json.loads(ran.out) == {
        "input": "gray.png",
        "output": "gray_padded.png",
        "padding": [1, 2, 3, 4],
        "border": "reflect",
        "fill": None,
        "input_rows": 11,
        "input_columns": 14,
        "rows": 14,
        "columns": 21,
        "type": "8-bit gray",
    }
    more = ["--border", "constant", "--fill", "7", "--json", "--overwrite"]
    assert json.loads(convcli("pad", "--p", "1", "gray.png", *more).out)["fill"] == 7


def test_a_figure_takes_the_place_of_the_image_or_goes_beside_it(convcli, gray, load):
    plot = ["--p", "2", "--border", "reflect", "gray.png", "--plot", "p.png"]
    assert convcli("pad", *plot).names == ["p.png"]
    assert not Path("gray_padded.png").exists()
    assert load("p.png").ndim == 3
    ran = convcli("pad", *plot, "--overwrite", "--out-dir", ".", "--theme", "slide", "--json")
    record = json.loads(ran.out)
    assert (record["output"], record["figure"]) == ("gray_padded.png", "p.png")
    np.testing.assert_array_equal(load("gray_padded.png"), padded(gray, (2, 2, 2, 2), "reflect"))
    assert load("p.png").shape[:2] == (1125, 2000)
    ran = convcli(
        "pad", "--p", "1", "--matrix", "1 2; 3 4", "--plot", "m.svg", "--panels", "padded"
    )
    assert ran.names == ["m.svg"]
    assert Path("m.svg").read_text().count("<text") > 16


def test_a_window_shows_the_figure(convcli, gray, monkeypatch):
    shown: list[Any] = []
    monkeypatch.setattr("convcli.plotting.save.show_figure", shown.extend)
    monkeypatch.setenv("DISPLAY", ":0")
    ran = convcli("pad", "--p", "2", "gray.png", "--show", "--title", "Two pixels")
    assert (ran.code, ran.names, Path("gray_padded.png").exists()) == (0, [], False)
    [figure] = shown
    assert "Two pixels" in [text.get_text() for text in figure.texts]


def test_there_is_no_window_without_a_display(convcli, gray, monkeypatch, contents):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    before = contents()
    convcli("pad", "--p", "2", "gray.png", "--show", "-o", "o.png").fails(2, "display", "--plot")
    assert contents() == before


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["gray.png"], 2, "--padding"),
        (["--p", "same", "gray.png"], 2, "size of a kernel: give --k, or"),
        (["--p", "2", "--k", "3", "gray.png"], 2, "padding in numbers does not depend"),
        (["--p", "2", "--fill", "3", "gray.png"], 2, "--fill needs --border constant"),
        (["--p", "2"], 2, "no INPUT"),
        (["--p", "2", "gray.png", "-o", "a.png", "--out-dir", "b"], 2, "choose one"),
        (["--p", "2", "gray.png", "-o", "-", "--json"], 2, "--json prints, and so does -o -"),
        (["--p", "2", "--matrix", "1 2", "--json"], 2, "--json prints, and so does -o -"),
        (["--p", "2", "gray.png", "-o", "a.xyz"], 2, "cannot write .xyz files"),
        (["--p", "2", "-"], 2, "name the result of standard input"),
        (["--p", "2", "gray.png", "--theme", "dark"], 2, "draw one with --plot FILE"),
        (["--p", "2", "gray.png", "--plot", "a.xyz"], 2, "a.xyz"),
        (["--p", "2", "gray.png", "--plot", "a.png", "-o", "a.png"], 2, "the same file"),
        (["--p", "2", "gray.png", "--plot", "a.png", "-o", "b.png", "--panels", "result"], 2,
         "--panels: pad draws no result; its panels are input, padded"),
        (["--p", "2", "none.png", "--plot", "a.png", "--titles", "a"], 2,
         "--titles: 2 or 3 needed, one for each panel, and 1 given"),
        (["--p", "2", "none.png", "--plot", "a.png", "--titles", "a,b,c", "--border", "zero"], 2,
         "--titles: 2 needed, one for each panel, and 3 given"),
        (["--p", "2", "none.png", "--plot", "a.png", "--titles", "a,b", "--panels", "padded"], 2,
         "--titles: 1 needed, one for each panel, and 2 given"),
        (["--p", "2", "none.png"], 1, "none.png: no such file"),
        (["--p", "1", "--border", "constant", "--fill", "300", "gray.png"], 1,
         "gray.png: fill 300 is no number of type uint8"),
        (["--p", "1", "--matrix", "1 2", "-o", "a.png"], 1, ".png cannot hold plain numbers"),
        (["--p", "99999", "gray.png", "--max-memory", "100M"], 1, "gray.png: needs about"),
        (["--p", "9999999999", "gray.png"], 1, "gray.png:"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(convcli, gray, contents, options, code, said):
    before = contents()
    convcli("pad", *options).fails(code, said)
    assert contents() == before
