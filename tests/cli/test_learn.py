"""``convcli learn``: the round trip through apply, its files, its messages, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from convcli import learn_kernel
from convcli.images.reading import read_image


@pytest.fixture
def learn(convcli):
    """Run ``convcli learn`` inside this process."""
    return lambda *arguments, **extra: convcli("learn", *arguments, **extra)


@pytest.fixture
def noise(save, rng):
    """A color image, ``noise.png``, large enough to learn from."""
    pixels = rng.integers(0, 256, (40, 50, 3), np.uint8)
    save("noise.png", pixels)
    return pixels


def data_of(ran):
    assert ran.code == 0, ran
    return json.loads(ran.out)


def text_of(ran):
    """The text of a run that went well."""
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out.decode()


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--operation", "convolve"],
        ["--stride", "2", "--dilation", "1,2"],
        ["--padding", "valid"],
        ["--padding", "2,1", "--border", "wrap"],
        ["--border", "constant", "--fill", "9"],
        ["--channels", "gray"],
    ],
    ids=" ".join,
)
def test_what_apply_does_learn_finds(learn, apply, noise, flags):
    kernel = "1 2 0.5; -1 0.25 3"
    apply("-k", kernel, "--bias", "4", *flags, "noise.png", "-o", "after.npy", "--range", "raw")
    more = [flag for flag in flags if flag not in ("--channels", "gray")]
    if "--channels" in flags:
        more += ["--channels", "gray"]
        before = Image.open("noise.png").convert("L")
        before.save("gray.png")
        found = data_of(learn("gray.png", "after.npy", "--size", "3x2", *more, "--json"))
    else:
        found = data_of(learn("noise.png", "after.npy", "--size", "3x2", *more, "--json"))
    np.testing.assert_allclose(found["kernel"], [[1, 2, 0.5], [-1, 0.25, 3]], atol=1e-6)
    assert found["bias"] == pytest.approx(4, abs=1e-3)


def test_the_report(learn, apply, noise):
    apply("-k", "blur", "noise.png", "-o", "after.png")
    text = text_of(learn("noise.png", "after.png", "--truth", "blur"))
    assert text.startswith("kernel 3x3")
    assert "windows    5,472\n" in text
    assert "truth      blur, largest difference" in text
    assert re.search(r"\nthis is blur: weights differ by up to 0\.\d+ % of its largest\n$", text)
    text = text_of(learn("noise.png", "after.png"))
    assert text.endswith("this is blur (also called binomial:3)\n")
    text = text_of(learn("noise.png", "after.png", "--truth", "gaussian:3,sigma=2"))
    assert "this is not gaussian:3,sigma=2: weights differ by up to " in " ".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["npy", "txt", "csv", "json"])
def test_the_file_is_for_apply(learn, apply, noise, load, suffix):
    apply("-k", "gaussian:5", "noise.png", "-o", "after.npy", "--range", "raw")
    name = f"kernel.{suffix}"
    ran = learn("noise.png", "after.npy", "--size", "5", "-o", name)
    assert text_of(ran).endswith(
        f"this is gaussian:5 (also called gaussian:5,sigma=1.1)\nwritten    {name}\n"
    )
    assert apply("-k", name, "noise.png", "-o", "again.npy", "--range", "raw").code == 0
    np.testing.assert_allclose(load("again.npy"), load("after.npy"), atol=1e-3)
    learn("noise.png", "after.npy", "-o", name).fails(2, name, "--overwrite")
    assert learn("noise.png", "after.npy", "-o", name, "--overwrite").code == 0


def test_a_bias_is_in_json_and_noted_for_other_formats(learn, apply, save, load, rng):
    deep = rng.integers(20000, 40000, (30, 30), np.uint16)
    save("deep.png", deep)
    apply("-k", "blur", "--bias", "1000", "deep.png", "-o", "after.png")
    ran = learn("deep.png", "after.png", "-o", "kernel.json")
    assert (ran.code, ran.err) == (0, "")
    apply("-k", "kernel.json", "deep.png", "-o", "again.png")
    assert np.abs(load("again.png").astype(int) - load("after.png")).max() <= 1
    ran = learn("deep.png", "after.png", "-o", "kernel.npy")
    assert "kernel.npy holds no bias; apply it with --bias 1000" in ran.err


def test_a_kernel_over_channels(learn, noise, save, apply, load, rng):
    kernel = rng.normal(size=(3, 3, 3))
    save("k.npy", kernel)
    apply("-k", "k.npy", "noise.png", "-o", "after.npy", "--range", "raw")
    text = text_of(learn("noise.png", "after.npy", "-o", "learned.npy", "--truth", "k.npy"))
    assert "kernel 3x3 red" in text
    np.testing.assert_allclose(load("learned.npy"), kernel, atol=1e-5)
    learn("noise.png", "after.npy", "-o", "learned.txt").fails(1, "only .npy and JSON")
    learn("noise.png", "after.npy", "--truth", "blur").fails(1, "blur has no channels")


def test_descent_tells_its_losses(learn, apply, noise):
    apply("-k", "sobel-x", "noise.png", "-o", "after.npy", "--range", "raw")
    text = text_of(learn("noise.png", "after.npy", "--descent", "--epochs", "50", "--seed", "3"))
    assert text.startswith("epoch  loss (mean squared residual)\n    0  ")
    assert "\n   50  " in text
    found = data_of(learn("noise.png", "after.npy", "--descent", "--rate", "0.1", "--json"))
    assert found["descent"]["rate"] == 0.1
    assert len(found["descent"]["losses"]) == 201
    ran = learn("noise.png", "after.npy", "--descent", "--rate", "50")
    ran.fails(1, "the loss grows", "only rates below", "converge")


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--descent"], ["--truth", "blur", "--descent"]])
def test_a_figure(learn, apply, noise, contents, flags):
    apply("-k", "blur", "noise.png", "-o", "after.png")
    for name in ("a.png", "b.png"):
        ran = learn("noise.png", "after.png", "--plot", name, *flags, "--json")
        assert (data_of(ran)["figure"], data_of(ran)["output"]) == (name, None)
        assert data_of(ran)["pairs"] == [{"before": "noise.png", "after": "after.png"}]
    made = contents()
    assert made[b"a.png"] == made[b"b.png"]
    with Image.open("a.png") as image:
        assert image.format == "PNG"
    learn("noise.png", "after.png", "--plot", "a.png").fails(2, "a.png", "--overwrite")


def test_clipped_pixels_are_reported_and_ignored(learn, apply, noise):
    apply("-k", "sobel-x", "noise.png", "-o", "after.png")
    ran = learn("noise.png", "after.png")
    assert re.search(r"^[1-9]\d*\.\d % of AFTER's", ran.err)
    assert (
        " % of AFTER's pixels are black or white; if they were clipped, --ignore-clipped" in ran.err
    )
    assert "this is sobel-x" not in ran.out.decode()
    text = text_of(learn("noise.png", "after.png", "--ignore-clipped"))
    assert "this is sobel-x (also called" in text


def test_folders_are_paired_by_name(learn, apply, save, rng):
    for name in ("a", "a_b", "c"):
        save(f"in/{name}.png", rng.integers(0, 256, (12, 13), np.uint8))
    apply("-k", "blur", "in", "--out-dir", "out")
    assert {path.name for path in Path("out").iterdir()} == {
        "a_b_blur.png",
        "a_blur.png",
        "c_blur.png",
    }
    found = data_of(learn("in", "out", "--json"))
    assert found["windows"] == 3 * 10 * 11
    assert found["match"]["spec"] == "blur"
    Path("out/c_blur.png").rename("out/d.png")
    Path("in/notes.md").touch()
    ran = learn("in", "out", "--json")
    assert data_of(ran)["windows"] == 2 * 10 * 11
    assert ran.err == "2 without a pair ignored: c.png, d.png\n"


def test_one_folder_holds_images_and_their_results(learn, apply, save, rng):
    for name in ("a", "b_c"):
        save(f"in/{name}.png", rng.integers(0, 256, (12, 13), np.uint8))
    learn("in", "in").fails(2, "in: no image is named like another one followed by _KERNEL")
    apply("-k", "blur", "in")
    assert len(list(Path("in").iterdir())) == 4
    for after in ("in", "./in/../in"):
        found = data_of(learn("in", after, "--json"))
        assert found["match"]["spec"] == "blur"
        assert [Path(pair["before"]).name for pair in found["pairs"]] == ["a.png", "b_c.png"]
        assert [Path(pair["after"]).name for pair in found["pairs"]] == [
            "a_blur.png",
            "b_c_blur.png",
        ]
    Path("in/b_c_blur.png").unlink()
    ran = learn("in", "in", "--json")
    assert data_of(ran)["windows"] == 10 * 11
    assert ran.err == "1 without a pair ignored: b_c.png\n"
    save("in/a_x.png", rng.integers(0, 256, (12, 13), np.uint8))
    learn("in", "in").fails(2, "a.png has several results: a_blur.png, a_x.png; remove some")


def test_folders_whose_pairs_are_unclear(learn, save, gray, here):
    save("in/a.png", gray)
    (here / "out").mkdir()
    learn("in", "out").fails(2, "out: no image is named like one in in")
    learn("in", "gray.png").fails(2, "two files or two folders")
    for name in ("a_x", "a_y"):
        save(f"out/{name}.png", gray)
    learn("in", "out").fails(2, "a.png has several results: a_x.png, a_y.png")
    save("out/a.npy", gray)
    assert learn("in", "out").code == 0  # the very name goes first
    save("in/a.csv", gray)
    learn("in", "out").fails(2, "two images before are named a")
    Path("in/a.csv").unlink()
    save("in/b.png", gray)
    save("out/b.png", gray[:5])
    ran = learn("in", "out")
    assert ran.code == 1
    assert (
        "Error: in/b.png and out/b.png: sizes do not match: BEFORE is 14x11, AFTER is 14x5"
        in ran.err
    )


@pytest.mark.slow
def test_standard_input(learn, save, rng):
    gray = rng.integers(0, 256, (20, 21), np.uint8)
    png = save("p.png", gray).read_bytes()
    assert "this is identity" in text_of(learn("-", "p.png", stdin=png))
    assert "this is identity" in text_of(learn("p.png", "-", stdin=png))
    learn("-", "-", stdin=png).fails(2, "standard input")
    learn("-", "p.png", "--truth", "-", stdin=png).fails(2, "standard input")
    text = text_of(learn("p.png", "p.png", "--truth", "-", stdin=b"0 1 0"))
    assert "truth      standard input, largest difference " in text


def test_alpha_and_depth_are_reported(learn, save, rng):
    pixels = rng.integers(0, 256, (20, 21, 4), np.uint8)
    save("a.png", pixels)
    save("b.png", pixels[..., :3])
    ran = learn("a.png", "b.png")
    assert (ran.code, ran.err) == (0, "a.png: alpha is ignored\n")
    save("gray.png", pixels[..., 0])
    save("deep.png", pixels[..., 0].astype(np.uint16) * 257)
    ran = learn("gray.png", "deep.png")
    assert ran.err.startswith("deep.png: has 16 bits, but the image before has 8;")
    assert "this is 257 times identity" in ran.out.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["noise.png", "none.png"], 1, ["none.png"]),
        (["none.png", "noise.png"], 1, ["none.png"]),
        (["noise.png", "gray.png"], 1, ["BEFORE is 50x40, AFTER is 14x11", "50x40 (same)"]),
        (["flat.png", "gray.png"], 1, ["BEFORE is flat"]),
        (["gray.png", "two.npy", "-o", "k.csv"], 1, ["a bank of filters is written as .npy"]),
        (["gray.png", "two.npy", "--truth", "blur"], 1, ["truth has 1 kernel, but 2 filters"]),
        (["gray.png", "gray.png", "--ignore-clipped", "--size", "9"], 1, ["windows cannot"]),
        (["gray.csv", "gray.csv", "--ignore-clipped"], 1, ["8-bit or 16-bit"]),
        (["gray.png", "nan.npy"], 1, ["AFTER holds NaN"]),
        (["gray.png", "gray.png", "--size", "0"], 2, ["--size", "at least 1"]),
        (["gray.png", "gray.png", "--size", "x"], 2, ["--size"]),
        (["gray.png", "gray.png", "-o", "k.png"], 2, ["k.png", ".npy"]),
        (["none.png", "none.png", "-o", "k.xyz"], 2, ["k.xyz", ".npy"]),
        (["none.png", "none.png", "--plot", "k.xyz"], 2, ["k.xyz", ".png"]),
        (["none.png", "none.png", "--truth", "nonsense"], 2, ["nonsense"]),
        (["gray.png", "gray.png", "--truth", "gaussian:5"], 1, ["learn one of at least 5x5"]),
        (["gray.png", "gray.png", "--rate", "1"], 2, ["--rate needs --descent"]),
        (["gray.png", "gray.png", "--seed", "0"], 2, ["--seed needs --descent"]),
        (["gray.png", "gray.png", "--descent", "--epochs", "0"], 2, ["epochs"]),
        (["gray.png", "gray.png", "--descent", "--momentum", "1"], 2, ["momentum"]),
        (["gray.png", "gray.png", "--fill", "3"], 2, ["--border constant"]),
        (["gray.png", "gray.png", "--border", "constant", "--fill", "nan"], 2, ["finite"]),
        (["gray.png", "gray.png", "--border", "constant", "--fill", "inf"], 2, ["finite"]),
        (["gray.png", "gray.png", "--max-pixels", "3"], 1, ["gray.png", "--max-pixels"]),
        (["gray.png", "gray.png", "-o", "gray.csv/k.npy"], 1, ["gray.csv"]),
    ],
)
def test_faults_are_one_line(learn, gray, noise, save, contents, arguments, code, words):
    save("flat.png", np.full((11, 14), 7, np.uint8))
    save("gray.csv", gray)
    save("two.npy", np.stack([gray, gray], axis=-1))
    save("nan.npy", np.where(gray > 9, gray, np.nan))
    before = contents()
    learn(*arguments).fails(code, *words)
    assert contents() == before


@pytest.mark.parametrize("distance", ["100000000", "20000000,1"])
def test_gaps_beyond_memory_are_refused_in_words(learn, gray, contents, distance):
    before = contents()
    learn(
        "gray.png", "gray.png", "--dilation", distance, "--border", "zero", "--size", "1001"
    ).fails(1, "gray.png: needs about ", "the dilation smaller")
    assert contents() == before


def test_details_are_not_shown(learn, here, rng):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = rng.integers(0, 256, (20, 21), np.uint8)
    Image.fromarray(pixels).save(here / "a.png", icc_profile=profile)  # of colors, for gray
    assert read_image(here / "a.png", name="a.png").notes
    text_of(learn("a.png", "a.png"))


@pytest.mark.slow
def test_as_a_process(process, noise, apply):
    apply("-k", "emboss", "noise.png", "-o", "after.npy", "--range", "raw")
    ran = process("learn", "noise.png", "after.npy")
    assert text_of(ran).endswith("this is emboss\n")
    assert process("learn", "noise.png", "none.png").code == 1
    assert process("learn", "noise.png").code == 2


def test_the_environment_sets_options(learn, gray):
    text = text_of(
        learn("gray.png", "gray.png", CONVCLI_LEARN_SIZE="2x1", CONVCLI_LEARN_NO_BIAS="1")
    )
    assert text.startswith("kernel 2x1\n1 0\n\nbias       0\n")


def test_the_function_descends_as_the_command_does(learn, apply, noise):
    assert apply("-k", "sobel-x", "--range", "raw", "noise.png", "-o", "after.npy").code == 0
    found = data_of(learn("noise.png", "after.npy", "--descent", "--json"))
    learned = learn_kernel(noise, np.load("after.npy"), descent=True)
    assert found["kernel"] == learned.weights.tolist()
    assert found["descent"]["losses"] == learned.history.losses.tolist()
    explicit = learn_kernel(
        noise, np.load("after.npy"), descent=True, epochs=200, momentum=0, seed=0
    )
    np.testing.assert_array_equal(explicit.weights, learned.weights)


def test_as_many_decimals_as_asked_for(learn, apply, noise):
    assert (
        apply("-k", "0.1234 2/3 0.25", "--range", "raw", "noise.png", "-o", "after.npy").code == 0
    )
    text = text_of(learn("noise.png", "after.npy", "--size", "3x1", "--digits", "3"))
    assert text.splitlines()[1] == "0.123 0.667 0.250"


def test_a_descent_is_animated(learn, gray, save, contents):
    save("after.png", np.clip(gray // 2 + 9, 0, 255).astype(np.uint8))
    arguments = ["gray.png", "after.png", "--descent", "--epochs", "30"]
    ran = learn(*arguments, "--animate", "a.gif", "--dpi", "40", "--theme", "dark")
    assert ran.code == 0
    assert ran.names[-1] == "written    a.gif"
    with Image.open("a.gif") as image:
        assert image.width < 500
        image.seek(30)
        with pytest.raises(EOFError):
            image.seek(31)
    assert (
        json.loads(learn(*arguments, "--animate", "b.gif", "--dpi", "40", "--json").out)[
            "animation"
        ]
        == "b.gif"
    )
    learn(*arguments, "--animate", "a.gif").fails(2, "a.gif", "--overwrite")
    assert learn(*arguments[:-1], "3", "--animate", "frames/", "--plot", "p.png").code == 0
    assert sorted(name.name for name in Path("frames").iterdir()) == [
        f"frame-000{number}.png" for number in range(1, 5)
    ]
    assert Path("p.png").exists()


def test_an_animation_of_a_descent_may_be_a_pdf(learn, gray):
    learn("gray.png", "gray.png", "--descent", "--epochs", "4", "--animate", "a.pdf")
    assert len(re.findall(rb"/Type /Page\b", Path("a.pdf").read_bytes())) == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--animate", "a.gif"], "--animate shows the steps of a descent; add --descent"),
        (["--descent", "--animate", "a.jpg"], "a.jpg: an animation's name must end with"),
        (["--descent", "--animate", "a.webp", "--plot", "a.webp"], "name the same file"),
    ],
)
def test_what_cannot_be_animated(learn, gray, options, said, contents):
    before = contents()
    learn("gray.png", "gray.png", *options).fails(2, said)
    assert contents() == before


def test_maps_make_a_bank(learn, apply, noise, here, load):
    bank = np.random.default_rng(3).integers(-3, 4, (4, 3, 3, 3)).astype(float)
    np.save("bank.npy", bank)
    apply("-k", "bank.npy", "noise.png", "--stack", "maps.npy", "--range", "raw")
    ran = learn("noise.png", "maps.npy", "-o", "found.npy", "--plot", "f.png")
    text = text_of(ran)
    assert text.startswith("4 filters 3x3 over 3 channels, ")
    assert text.endswith("written    found.npy\nwritten    f.png\n")
    np.testing.assert_allclose(np.load("found.npy"), bank, atol=1e-9)
    data = data_of(learn("noise.png", "maps.npy", "--truth", "bank.npy", "--json"))
    assert [each["name"] for each in data["filters"]] == [f"filter {n}" for n in (1, 2, 3, 4)]
    np.testing.assert_allclose([each["kernel"] for each in data["filters"]], bank, atol=1e-9)
    assert max(each["truth"]["difference"] for each in data["filters"]) < 1e-9


def test_several_results_make_a_bank_and_so_do_channels(learn, apply, noise):
    apply("-k", "blur", "-k", "sobel-x", "noise.png", "--range", "raw", "--out-dir", ".")
    names = sorted(str(path) for path in Path().glob("noise_*"))
    ran = learn("noise.png", *names, "--plot", "f.png", "-o", "found.npy")
    assert ran.code == 0, ran
    assert ran.err == (
        "found.npy: its filters are for one channel; apply it with --channels gray\n"
    )
    text = ran.out.decode()
    assert text.startswith("2 filters 3x3, ")
    assert re.search(r"noise_sobel-x\S* .*sobel-x \(also called", text)
    assert np.load("found.npy").shape == (2, 1, 3, 3)
    whole = data_of(learn("noise.png", names[0], "--bank", "--json"))
    assert np.shape(whole["filters"][2]["kernel"]) == (3, 3, 3)
    learn("noise.png", *names, "-o", "k.json").fails(1, "k.json: a bank of filters is written as")
    flags = "--descent", "--animate", "a.gif"
    learn("noise.png", *names, *flags).fails(1, "--animate shows one kernel")


def test_a_loss_after_relu(learn, apply, save, rng):
    save("in.png", rng.integers(0, 256, (30, 30), np.uint8))
    apply("-k", "sobel-x", "in.png", "-o", "out.png")  # black where the map is below 0
    flags = "in.png", "out.png", "--descent", "--through", "relu", "--epochs", "9", "--seed", "1"
    ran = learn(*flags, "--plot", "f.png")
    assert (ran.code, ran.err) == (0, ""), ran
    assert "loss after ReLU, which passes " in ran.out.decode()
    found = data_of(learn(*flags, "--json"))["descent"]
    assert (found["through"], found["dead"]) == ("relu", None)
    learn(*flags, "--ignore-clipped").fails(2, "cannot be ignored behind ReLU")
    learn("in.png", "out.png", "--through", "relu").fails(2, "--through needs --descent")
