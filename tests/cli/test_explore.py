"""``convcli explore``: what it writes, what it says, and what it refuses."""

import base64
import json
import re
import webbrowser
from pathlib import Path

import numpy as np
import pytest

TOY = np.array([[10, 10, 10, 0, 0, 0]] * 6)


@pytest.fixture
def explore(convcli, save):
    """Run ``convcli explore`` inside this process, on a toy that is there."""
    save("toy.csv", TOY)
    return lambda *arguments, **extra: convcli("explore", *arguments, **extra)


def state_of(name="a.html"):
    """The data of a page."""
    page = Path(name).read_text(encoding="utf-8")
    return json.loads(re.search(r"<script[^>]*data-convcli-state>(.*?)</script>", page)[1])


def given(state):
    """The kernels that a page was written with."""
    return [table for table in state["kernels"] if table["group"] == "of this page"]


def test_a_page_is_written_and_named(explore):
    ran = explore("-k", "sobel-x", "toy.csv", "-o", "a.html")
    assert (ran.code, ran.names, ran.err) == (0, ["a.html"], "")
    state = state_of()
    assert (state["input"]["name"], state["input"]["shape"]) == ("toy.csv", [6, 6, 1])
    assert (state["settings"]["kernel"], state["settings"]["at"]) == ("sobel-x", [3, 3])


def test_the_same_page_is_written_each_time_and_printed_for_a_dash(explore):
    assert explore("-k", "blur", "toy.csv", "-o", "a.html").code == 0
    assert explore("-k", "blur", "toy.csv", "-o", "-").out == Path("a.html").read_bytes()


def test_every_option_of_the_convolution_sets_the_start(explore):
    ran = explore(
        *("-k", "1 2; 3 4", "toy.csv", "-o", "a.html", "--at", "1,0", "--stride", "2"),
        *("--dilation", "1,2", "--padding", "1,2,0,3", "--border", "constant", "--fill", "9"),
        *("--operation", "convolve", "--range", "abs", "--bias", "2", "--divisor", "8"),
        *("--anchor", "0,1"),
    )
    assert ran.code == 0, ran
    state = state_of()
    assert state["settings"] == {
        "kernel": "1 2; 3 4", "operation": "convolve", "padding": [1, 2, 0, 3],
        "border": "constant", "fill": 9, "stride": [2, 2], "dilation": [1, 2], "range": "abs",
        "at": [1, 0], "bias": 2, "anchor": [0, 1],
    }  # fmt: skip
    [table] = given(state)
    assert table["scaling"] == ["--divisor", "8"]
    assert table["kernels"][0]["divisor"] == 8


def test_several_kernels_fill_the_list_or_are_combined(explore, save):
    bank = np.arange(24.0).reshape(3, 2, 2, 2)[:, 0:1]
    save("bank.npy", bank)
    assert explore("-k", "blur", "-k", "bank.npy", "toy.csv", "-o", "a.html").code == 0
    assert [(each["spec"], len(each["kernels"])) for each in given(state_of())] == [
        ("blur", 1),
        ("bank.npy", 3),
    ]
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "max"]
    assert explore(*words, "toy.csv", "-o", "b.html").code == 0
    [table] = given(state_of("b.html"))
    assert (table["spec"], table["combine"]) == ("sobel-x, sobel-y", "max")
    assert table["words"] == words


def test_layers_set_the_start_with_their_kernels(explore, save):
    save("bank.npy", np.ones((2, 1, 3, 3)))
    layers = ["relu", "conv -k bank.npy --stride 2", "conv -k '1 2' -k blur", "globalpool max"]
    words = [word for text in layers for word in ("--layer", text)]
    assert explore("-k", "sobel-x", *words, "toy.csv", "-o", "a.html").code == 0
    state = state_of()
    assert state["settings"]["layers"] == layers
    assert [table["spec"] for table in state["layerKernels"]] == ["bank.npy", "1 2"]
    assert [table["spec"] for table in given(state)] == ["sobel-x"]


def test_the_first_layer_can_be_the_convolution(explore):
    layers = ["relu", "maxpool 2"]
    words = [word for text in layers for word in ("--layer", text)]
    conv = ["--operation", "convolve", "--border", "constant", "--fill", "3", "--stride", "2"]
    kernel = ["-k", "blur", "-k", "outline", "--combine", "max", "--divisor", "3"]
    assert explore(*kernel, *conv, *words, "toy.csv", "-o", "a.html").code == 0
    first = " ".join(["conv", *kernel, *conv])
    assert explore("--layer", first, *words, "toy.csv", "-o", "b.html").code == 0
    assert Path("a.html").read_text() == Path("b.html").read_text()
    assert explore("--layer", "conv -k blur --bias 2", "toy.csv", "-o", "c.html").code == 0
    state = state_of("c.html")
    assert state["settings"]["bias"] == 2
    assert "layers" not in state["settings"]


def test_a_scaled_kernel_is_in_a_page_without_its_divisor_for_layers(explore):
    layer = ("--layer", "conv -k blur")
    assert explore("-k", "blur", "--divisor", "3", *layer, "toy.csv", "-o", "a.html").code == 0
    assert given(state_of())[0]["kernels"][0]["divisor"] == 3
    [table] = state_of()["layerKernels"]
    assert (table["spec"], table["kernels"][0].get("divisor", 1)) == ("blur", 16)


def test_the_kernel_of_a_layer_from_standard_input(explore):
    layer = ("--layer", "conv -k -")
    assert explore("-k", "blur", *layer, "toy.csv", "-o", "a.html", stdin="1 2 1\n").code == 0
    [table] = state_of()["layerKernels"]
    assert (table["spec"], table["kernels"][0]["planes"]) == ("standard input", [[1, 2, 1]])
    for words in (["-k", "-", "toy.csv"], ["-k", "blur", "-"]):
        explore(*words, *layer, "-o", "b.html", stdin="1 2 1\n").fails(2, "standard input")


def test_layers_are_sampled_with_the_input(explore):
    words = ("-k", "1", "--layer", "conv -k signal:normal", "--x", "-2:2:5", "signal:step")
    assert explore(*words, "-o", "a.html").code == 0
    [table] = state_of()["layerKernels"]
    assert table["kernels"][0]["shape"] == [1, 5]


def test_large_images_are_reduced_with_a_word(explore, save):
    save("photo.png", np.zeros((90, 600, 3), np.uint8))
    ran = explore("-k", "blur", "photo.png", "-o", "a.html")
    assert ran.err == "photo.png: reduced from 600x90 to 512x77; --max-side N keeps more\n"
    data = state_of()["input"]
    assert data["shape"] == [77, 512, 3]
    assert data["words"] == ["--resize", "512x77", "photo.png"]
    ran = explore("-k", "blur", "photo.png", "-o", "b.html", "--max-side", "600")
    assert (ran.err, state_of("b.html")["input"]["shape"]) == ("", [90, 600, 3])


def test_alpha_is_dropped_with_a_word(explore, convcli, save):
    """The page's command gives the page's pixels, which are weighted by alpha when reduced."""
    pixels = np.random.default_rng(1).integers(0, 256, (8, 12, 4), np.uint8)
    save("clear.png", pixels)
    ran = explore("-k", "1", "clear.png", "-o", "a.html", "--max-side", "6")
    assert ran.err.splitlines()[0] == "clear.png: alpha is dropped"
    data = state_of()["input"]
    assert data["words"] == ["--resize", "6x4", "--alpha", "drop", "clear.png"]
    assert convcli("apply", "-k", "1", *data["words"], "-o", "b.npy").code == 0
    assert np.load("b.npy").tobytes() == base64.b64decode(data["pixels"])


def test_signals_keep_all_samples(explore):
    assert explore("-k", "1 2 1", "signal:step", "-o", "a.html").code == 0
    assert state_of()["input"]["shape"] == [1, 1001, 1]
    words = ["--x", "0:9:10", "signal:step"]
    assert explore("-k", "1 2 1", *words, "-o", "b.html").code == 0
    assert state_of("b.html")["input"]["words"] == words


def test_a_matrix_and_standard_input(explore):
    assert explore("-k", "blur", "--matrix", "1 2; 3 4", "-o", "a.html").code == 0
    assert state_of()["input"]["words"] == ["--matrix", "1 2; 3 4"]
    assert explore("-k", "blur", "-", "-o", "b.html", stdin="1 2 3\n4 5 6\n").code == 0
    assert state_of("b.html")["input"]["shape"] == [2, 3, 1]


def test_a_kernel_from_standard_input(explore):
    assert explore("-k", "-", "toy.csv", "-o", "a.html", stdin="1 2 1\n").code == 0
    [table] = given(state_of())
    assert (table["spec"], table["words"]) == ("standard input", ["-k", "-"])
    assert table["kernels"][0]["planes"] == [[1, 2, 1]]


def test_files_are_named_without_the_folders_of_the_author(explore, tmp_path):
    """The command of the page is for another machine."""
    folder = tmp_path / "my files"
    (folder / "more").mkdir(parents=True)
    (folder / "-toy.csv").write_text("1 2\n3 4\n")
    for name in ("k.csv", "layer.csv", "more/k.csv"):
        (folder / name).write_text("1 2 1\n")
    words = ("-k", folder / "k.csv@90", "--layer", f"conv -k '{folder}/layer.csv'")
    assert explore(*words, folder / "-toy.csv", "-o", "a.html").code == 0
    state = state_of()
    assert str(tmp_path) not in Path("a.html").read_text()
    assert (state["input"]["name"], state["input"]["words"]) == ("-toy.csv", ["./-toy.csv"])
    [table], [layer] = given(state), state["layerKernels"]
    assert (table["spec"], "words" in table) == ("k.csv@90", False), "-k k.csv@90 is usual"
    assert (layer["spec"], state["settings"]["layers"]) == ("layer.csv", ["conv -k 'layer.csv'"])
    specs = [str(folder / name) for name in ("k.csv", "more/k.csv")]
    assert explore("-k", specs[0], "-k", specs[1], "toy.csv", "-o", "b.html").code == 0
    assert [table["spec"] for table in given(state_of("b.html"))] == specs, "both would be k.csv"


def test_open_opens_the_page(explore, monkeypatch):
    opened = []

    def opens(url):
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", opens)
    assert explore("-k", "blur", "toy.csv", "-o", "a.html", "--open").names == ["a.html"]
    assert opened == [Path("a.html").resolve().as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    ran = explore("-k", "blur", "toy.csv", "-o", "b.html", "--open")
    assert (ran.code, ran.err) == (0, "b.html: no browser was found; open the file by hand\n")


def test_nothing_is_replaced_unless_asked(explore):
    Path("a.html").write_text("mine")
    explore("-k", "blur", "toy.csv", "-o", "a.html").fails(2, "a.html", "--overwrite")
    assert Path("a.html").read_text() == "mine"
    assert explore("-k", "blur", "toy.csv", "-o", "a.html", "--overwrite").code == 0
    assert given(state_of())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-k", "blur", "toy.csv", "-o", "a.png"], 2, "-o a.png: a page is an .html file"),
        (["-k", "blur", "toy.csv", "-o", "-", "--open"], 2, "--open opens a file"),
        (["-k", "blur", "toy.csv"], 2, "Missing option '-o'"),
        (["toy.csv", "-o", "a.html"], 2, "Missing option '-k'"),
        (["-k", "blur", "-o", "a.html"], 2, "no INPUT"),
        (["-k", "blur", "none.png", "-o", "a.html"], 1, "none.png"),
        (["-k", "-", "-", "-o", "a.html"], 2, "standard input"),
        (["-k", "box:9", "--padding", "valid", "toy.csv", "-o", "a.html"], 1,
         "toy.csv: kernel 9x9 exceeds the 6x6 input"),
        (["-k", "blur", "-k", "box:9", "--padding", "0", "toy.csv", "-o", "a.html"], 1,
         "toy.csv: kernel 9x9 exceeds the 6x6 input"),
        (["-k", "blur", "--border", "constant", "--fill", "nan", "toy.csv", "-o", "a.html"], 1,
         "the fill of a page must be a finite number, not nan"),
        (["-k", "blur", "--percentile", "2,3", "toy.csv", "-o", "a.html"], 2, "--range percentile"),
        (["-k", "blur", "--divisor", "1/3", "toy.csv", "-o", "a.html"], 2,
         "'--divisor': '1/3' is not a valid number"),
        (["-k", "blur", "--at", "6,0", "toy.csv", "-o", "a.html"], 1, "position 6,0 is outside"),
        (["-k", "blur", "--range", "offset", "toy.csv", "-o", "a.html"], 1, "--range offset needs"),
        (["-k", "blur", "--max-memory", "1K", "toy.csv", "-o", "a.html"], 1, "--max-memory"),
        (["-k", "blur", "--combine", "direction", "toy.csv", "-o", "a.html"], 2, "direction"),
        (["--layer", "relu", "toy.csv", "-o", "a.html"], 2,
         "--layer 'relu': without -k, the first layer is the convolution of the page"),
        (["--layer", "conv -k blur", "--stride", "2", "toy.csv", "-o", "a.html"], 2,
         "--layer has its own kernels and options; leave out --stride"),
        (["--layer", "conv -k blur", "--bias", "2", "toy.csv", "-o", "a.html"], 2,
         "leave out --bias"),
        (["--layer", "conv -k blur -k box", "toy.csv", "-o", "a.html"], 2,
         "the convolution of a page has one -k"),
        (["--layer", "conv -k blur --groups 2", "toy.csv", "-o", "a.html"], 2,
         "the convolution of a page has no --groups; a later layer can have them"),
        (["--layer", "conv -k blur", "--layer", "pool", "toy.csv", "-o", "a.html"], 2,
         "No such layer 'pool'"),
        (["--layer", "conv -k blur", "--layer", "", "toy.csv", "-o", "a.html"], 2,
         "layer 2 is empty"),
        (["-k", "blur", "--layer", "maxpool 9", "toy.csv", "-o", "a.html"], 1,
         "toy.csv: layer 2 (maxpool 9x9): window 9x9 exceeds the 6x6 input"),
        (["-k", "blur", "--layer", "relu", "--layer", "upside-down", "toy.csv", "-o", "a.html"], 2,
         "No such layer 'upside-down'"),
        (["-k", "blur", "--layer", "conv -k 1 --groups 2", "toy.csv", "-o", "a.html"], 1,
         "toy.csv: layer 2 (conv 1 groups 2): --groups takes a bank (N, C/groups, kh, kw)"),
        (["-k", "blur", "--layer", "batchnorm --mean m.npy --var 1", "toy.csv", "-o", "a.html"], 2,
         "layer 2 (batchnorm): a page takes one number as --mean, not a file"),
        (["-k", "blur", "--layer", "convtranspose -k 1 --threads 2", "toy.csv", "-o", "a.html"], 2,
         "layer 2 (convtranspose): a page has no --threads; leave it out"),
        (["-k", "blur", "--layer", "conv -k 1 --method fft", "toy.csv", "-o", "a.html"], 2,
         "layer 2 (conv): a page has no --method"),
        (["-k", "blur", "--layer", "conv -k 1 --bias b.npy", "toy.csv", "-o", "a.html"], 2,
         "layer 2 (conv): a page takes one number as --bias"),
        (["-k", "1", "--layer", "conv -k 1 --border constant --fill inf", "toy.csv", "-o",
          "a.html"], 2, "layer 2 (conv): the fill of a page must be a finite number"),
        (["-k", "blur", "--layer", "relu", "--density", "--x", "0:1:6", "toy.csv", "-o", "a.html"],
         2, "leave out --density"),
        (["-k", "sobel", "--bias", "1", "--layer", "relu", "toy.csv", "-o", "a.html"], 1,
         "chain adds a bias after the kernels are combined"),
        (["-k", "1", "--layer", "conv -k 1 --padding 3000", "toy.csv", "-o", "a.html"], 1,
         "layer 2 (conv 1): an input padded to 6006x6006 with 1 map of 6006x6006 is too large"),
    ],
)  # fmt: skip
def test_what_is_refused(explore, arguments, code, said):
    explore(*arguments).fails(code, said)
    assert not Path("a.html").exists()


def test_a_page_that_cannot_be_written_leaves_nothing(explore, monkeypatch):
    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    monkeypatch.setattr("os.link", fail)
    explore("-k", "blur", "toy.csv", "-o", "a.html").fails(1, "a.html")
    assert [path.name for path in Path().iterdir()] == ["toy.csv"]
