"""``convcli chain``: results, ranges, summary, figure, every layer's maps, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage


@pytest.fixture
def chain(convcli):
    """Run ``convcli chain`` inside this process."""
    return lambda *arguments, **extra: convcli("chain", *arguments, **extra)


@pytest.fixture
def bank(save, rng):
    """A bank of 4 kernels over 3 channels, ``bank.npy``, and its weights."""
    weights = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    save("bank.npy", weights)
    return weights


def printed(ran):
    """What a successful run printed."""
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out.decode()


def pooled(image):
    rows, columns = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    blocks = image[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2, *image.shape[2:])
    return blocks.max((1, 3))


@pytest.mark.parametrize("scene", ["gray", "photo"])
def test_a_chain_of_plain_kernels(chain, scene, request, by_scipy, to_pixels, load):
    image = request.getfixturevalue(scene)
    words = ["conv", "-k", "1 1 1; 1 1 1; 1 1 1", "--normalize", "relu", "maxpool", "2"]
    words += ["conv", "-k", "sobel-x", "abs"]
    assert printed(chain(f"{scene}.png", *words)) == f"{scene}_chain.png\n"
    maps = pooled(by_scipy(image, np.full((3, 3), 1 / 9)))
    expected = np.abs(by_scipy(maps, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    off = load(f"{scene}_chain.png") - to_pixels(expected)
    assert np.abs(off).max() <= 1  # a half is rounded either way by the oracle


def test_nothing_is_rounded_or_cut_between_layers(chain, save):
    save("m.csv", [[0, 10, 300]])
    text = printed(
        chain("m.csv", "conv", "-k", "-1", "conv", "-k", "1", "--divisor", "4", "-o", "-")
    )
    assert text == "0  -2.5  -75\n"


@pytest.mark.parametrize(
    ("range_", "pixels"),
    [
        ("clip", [0, 100, 255]),
        ("abs", [100, 100, 255]),
        ("offset", [28, 228, 255]),
        ("rescale", [0, 100, 255]),
        ("percentile --percentile 50,100", [0, 0, 255]),
    ],
)
def test_ranges(chain, save, load, range_, pixels):
    """The values are -100, 100 and 410."""
    save("g.png", np.array([[0, 100, 255]], np.uint8))
    words = ["g.png", "conv", "-k", "2", "--bias", "-100", "-o", "o.png"]
    printed(chain(*words, "--range", *range_.split()))
    assert load("o.png").ravel().tolist() == pixels
    if range_ == "clip":
        printed(chain(*words, "--overwrite"))
        assert load("o.png").ravel().tolist() == pixels


def test_values_in_npy_are_raw_by_default(chain, gray, load):
    printed(chain("gray.png", "conv", "-k", "outline", "-o", "raw.npy"))
    assert load("raw.npy").dtype == np.int32
    assert load("raw.npy").min() < 0
    printed(chain("gray.png", "conv", "-k", "outline", "--range", "clip", "-o", "cut.npy"))
    assert load("cut.npy").dtype == np.uint8
    np.testing.assert_array_equal(load("cut.npy"), load("raw.npy").clip(0, 255))


def test_sixteen_bits(chain, save, load, rng):
    image = rng.integers(0, 65536, (6, 6), np.uint16)
    save("deep.png", image)
    printed(chain("deep.png", "maxpool", "2", "-o", "o.png"))
    np.testing.assert_array_equal(load("o.png"), pooled(image))


def test_the_bias_of_a_kernel_is_at_the_depth_of_the_image(chain, apply, save, load, rng):
    for name, kind in (("a.png", np.uint8), ("b.png", np.uint16)):
        save(name, rng.integers(0, np.iinfo(kind).max, (6, 6), kind))
        printed(chain(name, "conv", "-k", "contour", "-o", f"chain-{name}"))
        printed(apply("-k", "contour", name, "-o", f"apply-{name}"))
        np.testing.assert_array_equal(load(f"chain-{name}"), load(f"apply-{name}"))
        assert load(f"chain-{name}").dtype == kind


def test_a_bank_agrees_with_torch(chain, photo, bank, save, load, rng):
    torch = pytest.importorskip("torch")
    bias = rng.normal(size=4).astype(np.float32)
    save("bias.npy", bias)
    flags = ["--bias", "bias.npy", "--padding", "1", "--border", "zero", "--stride", "2"]
    printed(chain("photo.png", "conv", "-k", "bank.npy", *flags, "relu", "-o", "o.npy"))
    given = torch.tensor(photo.astype(np.float32)).permute(2, 0, 1)[None]
    weights, added = torch.tensor(bank), torch.tensor(bias)
    maps = torch.nn.functional.conv2d(given, weights, added, padding=1, stride=2).relu()
    expected = maps[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(load("o.npy"), expected, rtol=0, atol=1e-5 * expected.max())


def test_biases_in_a_text_file(chain, save):
    save("m.csv", [[1, 2]])
    save("b.txt", [[10, 20]])
    words = ["m.csv", "conv", "-k", "1", "-k", "2", "--bias", "b.txt", "channelpool", "max"]
    assert printed(chain(*words, "-o", "-")) == "22  24\n"


def test_a_bias_and_a_file_of_it_are_alike_for_combined_kernels(chain, gray, save, load):
    save("b.txt", [[10]])
    for bias in ("0", "10", "b.txt"):
        printed(chain("gray.png", "conv", "-k", "sobel", "--bias", bias, "-o", f"{bias}.npy"))
    np.testing.assert_array_equal(load("10.npy"), load("b.txt.npy"))
    np.testing.assert_allclose(load("10.npy"), load("0.npy") + 10, rtol=1e-6)


def test_a_global_pool_of_a_color_image_is_one_pixel(chain, photo, load):
    printed(chain("photo.png", "globalpool", "max", "-o", "o.png"))
    assert load("o.png").tolist() == [[photo.max((0, 1)).tolist()]]
    printed(chain("photo.png", "globalpool", "avg", "-o", "o.npy"))
    np.testing.assert_allclose(load("o.npy")[0, 0], photo.mean((0, 1)), rtol=1e-6)


SUMMARY = """\
   layer          output  channels  parameters    field  jump  mult-adds
   input         448x224         3
1  conv bank.npy  446x222         4         112      3x3     1   10,693,296
2  relu          446x222         4           0      3x3     1          0
3  maxpool 2x2   223x111         4           0      4x4     2          0
4  conv sobel-x  223x111         4           9      8x8     2    891,108
5  globalpool …      1x1         4           0  452x228     2          0
   total                                   121            11,584,404
"""


def test_the_summary(chain, save, bank):
    save("wide.png", np.zeros((224, 448, 3), np.uint8))
    text = printed(
        chain("wide.png", "conv", "-k", "bank.npy", "--bias", "0", "--padding", "valid", "relu",
              "maxpool", "2", "conv", "-k", "sobel-x", "globalpool", "avg", "--summary")
    )  # fmt: skip
    assert text.split() == SUMMARY.replace("…", "avg").split()
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in (lines[0], *lines[2:])}) == 1
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["bank.npy", "wide.png"]


def test_the_summary_as_json(chain, save):
    save("wide.png", np.zeros((7, 9), np.uint8))
    words = ["maxpool", "3", "--stride", "2", "--padding", "1"]
    record = json.loads(printed(chain("wide.png", *words, "--summary", "--json")))
    assert (record["input"], record["size"]) == ("wide.png", {"rows": 7, "columns": 9})
    [layer] = record["layers"]
    assert layer["size"] == {"rows": 4, "columns": 5}
    assert layer["start"] == {"rows": -1, "columns": -1}
    assert layer["jump"] == {"rows": 2, "columns": 2}
    assert layer["receptive_field"] == {"rows": 3, "columns": 3}


def test_a_summary_with_long_names_fits_the_page(chain, gray):
    words = ["conv", *["-k", "gaussian:5,sigma=1.2"] * 9, "channelpool", "max"]
    text = printed(chain("gray.png", *words, "--summary"))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("gaussian:5,sigma=1.2") == 9  # on lines of their own


def test_summary_and_files(chain, gray):
    text = printed(chain("gray.png", "relu", "--summary", "-o", "o.png"))
    assert text.splitlines()[-1] == "o.png"
    record = json.loads(printed(chain("gray.png", "relu", "--json")))
    assert (record["output"], record["max"]) == ("gray_chain.png", int(gray.max()))


def test_every_layer_in_a_folder(chain, photo, bank, load):
    ran = chain("photo.png", "conv", "-k", "bank.npy", "channelpool", "max", "relu",
                "--each-dir", "each")  # fmt: skip
    names = printed(ran).splitlines()
    assert names == [
        "each/01_conv-bank.npy",
        "each/02_channelpool-max.npy",
        "each/02_channelpool-max.png",
        "each/03_relu.npy",
        "each/03_relu.png",
    ]
    maps = [load(name) for name in names if name.endswith(".npy")]
    assert maps[0].shape == (13, 17, 4)
    np.testing.assert_array_equal(maps[1], maps[0].max(2))
    np.testing.assert_array_equal(maps[2], np.maximum(maps[1], 0))
    low, high = maps[1].min(), maps[1].max()
    shown = load("each/02_channelpool-max.png")
    assert np.abs(shown - (maps[1] - low) / (high - low) * 255).max() < 0.51
    chain("photo.png", "conv", "-k", "bank.npy", "--each-dir", "each").fails(1, "exists already")


@pytest.mark.parametrize("option", ["-o", "--plot"])
@pytest.mark.parametrize("flags", [[], ["--overwrite"]])
def test_no_file_is_written_twice(chain, gray, here, contents, option, flags):
    (here / "each").mkdir()
    name = "each/../each/01_relu.png"
    before = contents()
    ran = chain("gray.png", "relu", option, name, "--each-dir", "each", *flags)
    ran.fails(1, "two results go to each/01_relu.png")
    assert contents() == before


@pytest.mark.slow
def test_a_figure(chain, photo, contents):
    words = ["photo.png", "conv", "-k", "sobel", "relu", "--plot", "p.png"]
    assert printed(chain(*words)) == "p.png\n"
    first = contents()[b"p.png"]
    with Image.open("p.png") as image:
        assert image.format == "PNG"
    printed(chain(*words, "--overwrite"))
    assert contents()[b"p.png"] == first
    printed(chain(Path("photo.png").resolve(), *words[1:], "--overwrite"))
    assert contents()[b"p.png"] == first  # its title is the bare name


def test_a_figure_has_the_layers_as_they_were_typed_and_the_options_of_figures(chain, photo):
    words = ["photo.png", "conv", "-k", "0 -1 0", "maxpool", "3", "--stride", "2"]
    look = ["--title", "My chain", "--theme", "dark", "--scale", "own"]
    printed(chain(*words, "--plot", "p.svg", *look))
    drawn = Path("p.svg").read_text(encoding="utf-8")
    texts = re.findall(r"<text[^>]*>([^<]*)", drawn)
    assert {"My chain", "1  conv -k '0 -1 0'", "2  maxpool 3 --stride 2"} <= set(texts)
    assert "each map has its own scale" in " ".join(" ".join(texts).split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--theme", "slide"], "--theme is for figures; draw one with --plot FILE"),
        (["--scale", "own"], "--scale is for figures; draw one with --plot FILE"),
        (["--plot", "p.png", "--layout", "grid"], "layout grid: the layers of a chain follow"),
        (["--plot", "p.png", "--panels", "padded"], "a chain has no panel padded"),
        (["--plot", "p.png", "--titles", "a,b,c"], "titles: 2 needed, one for the input"),
    ],
)
def test_options_of_figures_without_meaning_are_refused(chain, photo, contents, words, said):
    before = contents()
    chain("photo.png", "relu", *words).fails(2, said)
    assert contents() == before


def test_alpha_and_nan_are_reported(chain, save):
    save("a.png", np.full((4, 4, 4), 99, np.uint8))
    ran = chain("a.png", "relu")
    assert (ran.code, ran.err) == (0, "a.png: alpha is dropped\n")
    save("n.npy", np.array([[np.nan, 1.0]]))
    ran = chain("n.npy", "relu", "-o", "n.png")
    assert "1 NaN value of the last layer became black" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["no.png", "relu"], 1, "no.png: no such file"),
        ([".", "relu"], 1, ".: is a folder"),
        (["photo.png", "conv", "-k", "blur", "--bias", "m.csv"], 1, "2 numbers for 3 maps"),
        (["photo.png", "conv", "-k", "1", "--bias", "bad.txt"], 2, "--bias bad.txt: row 1: 'a'"),
        (["photo.png", "conv", "-k", "1", "--bias", "nan.npy"], 2, "nan.npy: must hold finite"),
        (["photo.png", "conv", "-k", "1", "--bias", "photo.png"], 2, "--bias photo.png: "),
        (["photo.png", "conv", "-k", "outline", "--bias", "big.txt"], 1,
         "photo.png: layer 1 (conv outline): sums may lie between"),
        (["photo.png", "relu", "--each-dir", "m.csv"], 1, "m.csv is a file"),
        (["photo.png", "conv", "-k", "bank.npy", "conv", "-k", "bank.npy"], 1,
         "photo.png: layer 2 (conv bank.npy): filter 1 of bank.npy sums over 3 channels, "
         "but the layer's input has 4 channels"),
        (["photo.png", "maxpool", "8", "maxpool", "3"], 1,
         "photo.png: layer 2 (maxpool 3x3): window 3x3 exceeds the 2x1 input"),
        (["photo.png", "conv", "-k", "bank.npy"], 1, "use .npy"),
        (["photo.png", "conv", "-k", "bank.npy", "-o", "o.png"], 1, "use .npy"),
        (["photo.png", "conv", "-k", "bank.npy", "-o", "o.txt"], 1, "use .npy"),
        (["photo.png", "relu", "-o", "photo.png"], 2, "exists already; --overwrite"),
        (["photo.png", "relu", "--plot", "photo.png"], 2, "exists already; --overwrite"),
        (["photo.png", "relu", "--plot", "p.txt"], 2, "a figure's file name must end with"),
        (["photo.png", "relu", "-o", "o.png", "--plot", "./o.png"], 2, "name the same file"),
        (["photo.png", "relu", "-o", "-", "--json"], 2, "choose one"),
        (["photo.png", "conv", "-k", "blur", "--method", "matrix"], 2, "needs a kernel that sums"),
        (["photo.png", "conv", "-k", "blur", "--padding", "200000"], 1, "photo.png: needs about"),
        (["photo.png", "relu", "-o", "o.xyz"], 2, "cannot write .xyz files"),
        (["photo.png", "relu", "--range", "raw", "-o", "o.png"], 2, "use .npy or .csv"),
        (["-", "relu"], 2, "name the result of standard input"),
        (["m.csv", "relu", "--range", "offset"], 1, "m.csv: --range offset needs"),
        (["photo.png", "conv", "-k", "blur", "--bias", "bank.npy"], 1, "108 numbers for 3 maps"),
    ],
)  # fmt: skip
def test_refusals(chain, photo, bank, save, contents, words, code, said):
    save("m.csv", [[1, 2]])
    save("nan.npy", np.array([np.nan]))
    Path("bad.txt").write_text("a b")
    Path("big.txt").write_text("1.844674407370955e19 0 0")
    before = contents()
    chain(*words).fails(code, said)
    assert contents() == before


@pytest.mark.processes
def test_as_a_process(process, photo):
    ran = process("chain", "photo.png", "conv", "-k", "outline", "relu", "-o", "o.png")
    assert (ran.code, ran.out, ran.err) == (0, b"o.png\n", "")
    ran = process("chain", "photo.png", "maxpool", "99")
    ran.fails(1, "window 99x99 exceeds the 17x13 input")


def test_scipy_on_a_real_image(chain, samples, load, here):
    camera = samples / "camera.png"
    words = ["conv", "-k", "gaussian:5", "maxpool", "3", "--stride", "1", "--padding", "1"]
    printed(chain(camera, *words, "-o", "o.npy"))
    from convcli import get_kernel

    image = load(camera).astype(float)
    blurred = ndimage.correlate(image, get_kernel("gaussian:5").weights, mode="nearest")
    expected = ndimage.maximum_filter(blurred, 3, mode="constant", cval=-np.inf)
    np.testing.assert_allclose(load("o.npy"), expected, rtol=1e-5)


@pytest.mark.parametrize("layer", ["sigmoid", "normalize"])
def test_a_nearly_black_result_is_told(chain, gray, layer):
    ran = chain("gray.png", layer, "-o", "o.png")
    assert ran.code == 0
    assert "gray.png: the result is nearly black" in ran.err
    assert "--range rescale" in ran.err
    assert chain("gray.png", layer, "-o", "r.png", "--range", "rescale").err == ""
    assert chain("gray.png", layer, "-o", "o.npy").err == ""
    assert chain("gray.png", "relu", "-o", "c.png").err == ""
