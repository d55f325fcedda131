"""--grid and --stack: all results of an input in one file."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

PAIR = ("-k", "sobel-x", "-k", "outline")


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


@pytest.fixture
def bank(save, rng):
    """Five filters over three channels, ``bank.npy``."""
    weights = rng.normal(size=(5, 3, 3, 3)).astype(np.float32)
    save("bank.npy", weights)
    return weights


def drawn(name):
    with Image.open(name) as image:
        image.load()
        return image.size


def maps(image, bank):
    """What torch's conv2d gives with replicated borders, in float64."""
    planes = [
        sum(
            ndimage.correlate(image[..., c].astype(float), kernel[c].astype(float), mode="nearest")
            for c in range(3)
        )
        for kernel in bank
    ]
    return np.stack(planes, axis=-1)


# The stack


def test_a_bank_becomes_one_array(apply, photo, bank, load, contents):
    before = set(contents())
    flags = ("-k", "bank.npy", "photo.png", "--range", "raw", "--stack", "s.npy")
    assert ok(apply(*flags)).names == ["s.npy"]
    assert set(contents()) - before == {b"s.npy"}
    stacked = load("s.npy")
    expected = maps(photo, bank)
    assert stacked.shape == (13, 17, 5)
    assert stacked.dtype == np.float32
    np.testing.assert_allclose(stacked, expected, atol=1e-5 * np.abs(expected).max())


def test_a_stack_holds_what_the_files_hold_in_their_order(apply, gray, load):
    ok(apply(*PAIR, "gray.png", "--stack", "s.npy", "--out-dir", "out"))
    stacked = load("s.npy")
    assert stacked.dtype == np.uint8
    for place, label in enumerate(("sobel-x", "outline")):
        assert np.array_equal(stacked[..., place], load(f"out/gray_{label}.png"))


def test_a_color_map_takes_three_places(apply, photo, load):
    ok(apply(*PAIR, "photo.png", "--stack", "s.npy", "--out-dir", "out"))
    stacked = load("s.npy")
    assert stacked.shape == (13, 17, 6)
    assert np.array_equal(stacked[..., 3:], load("out/photo_outline.png"))


def test_a_stack_can_be_filtered_on(apply, gray, save):
    ok(apply(*PAIR, "gray.png", "--stack", "s.npy", "--range", "raw"))
    save("k.npy", np.ones((2, 1, 1)))
    ok(apply("-k", "k.npy", "s.npy", "-o", "sum.npy"))


def test_one_kernel_makes_a_stack_of_one(apply, gray, load):
    ok(apply("-k", "blur", "gray.png", "--stack", "s.npy"))
    assert load("s.npy").shape == (11, 14, 1)


def test_a_stack_is_not_narrowed_with_the_images(apply, save, load, rng):
    values = rng.normal(size=(6, 7))
    save("in.npy", values)
    ok(apply("-k", "1", "in.npy", "--out-dir", "out", "--format", "png", "--stack", "s.npy"))
    np.testing.assert_allclose(load("s.npy")[..., 0], values)


def test_a_stack_changes_nothing_of_the_image_beside_it(apply, save, load, rng):
    pixels = rng.integers(20_000, 30_000, (300, 301), np.uint16)
    pixels[123, 45], pixels[201, 7] = 0, 65535  # rescale needs each value
    save("deep.png", pixels)
    options = ("-k", "identity", "--range", "rescale", "deep.png", "--format", "bmp")
    ok(apply(*options, "-o", "alone.bmp"))
    ok(apply(*options, "-o", "beside.bmp", "--stack", "s.npy"))
    np.testing.assert_array_equal(load("beside.bmp"), load("alone.bmp"))
    assert load("s.npy").max() == 65535


def test_16_bits_stay(apply, save, load):
    save("in.png", np.arange(200, 212, dtype=np.uint16).reshape(3, 4) * 257)
    ok(apply("-k", "1", "in.png", "--stack", "s.npy"))
    assert np.array_equal(load("s.npy")[..., 0], load("in.png"))


def test_a_note_says_that_alpha_is_left_out(apply, save):
    save("in.png", np.full((5, 5, 4), 99, np.uint8))
    ran = ok(apply("-k", "blur", "in.png", "--stack", "s.npy"))
    assert "alpha left out" in ran.err


def test_maps_of_different_sizes_are_refused(apply, gray, contents):
    before = contents()
    flags = ("-k", "box:3", "-k", "box:5", "--padding", "valid", "gray.png", "--stack", "s.npy")
    apply(*flags).fails(1, "gray.png: ", "12x9, 10x7", "--padding same")
    assert contents() == before


# The contact sheet


@pytest.mark.slow
def test_a_sheet_in_place_of_the_images(apply, photo, bank, contents):
    before = set(contents())
    assert ok(apply("-k", "bank.npy", "photo.png", "--grid", "g.png")).names == ["g.png"]
    assert set(contents()) - before == {b"g.png"}
    assert min(drawn("g.png")) > 400


@pytest.mark.slow
def test_sheet_stack_and_figure_beside_the_image(apply, gray, contents):
    extra = ("--plot", "p.png", "--grid", "g.pdf", "--stack", "s.npy")
    ran = ok(apply("-k", "outline", "gray.png", "-o", "o.png", *extra))
    assert ran.names == ["o.png", "p.png", "g.pdf", "s.npy"]
    assert set(contents()) == {b"gray.png", b"o.png", b"p.png", b"g.pdf", b"s.npy"}


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--range", "raw"]])
def test_scales_differ(apply, gray, here, more):
    for scale in ("common", "own"):
        ok(apply(*PAIR, "gray.png", "--grid", f"{scale}.png", "--scale", scale, *more))
    assert (here / "common.png").read_bytes() != (here / "own.png").read_bytes()


@pytest.mark.slow
def test_the_default_scale_is_common(apply, gray, here):
    """And the same sheet has the same bytes."""
    for number, scale in enumerate(([], ["--scale", "common"])):
        ok(apply(*PAIR, "gray.png", "--grid", f"{number}.png", "--range", "raw", *scale))
    assert (here / "0.png").read_bytes() == (here / "1.png").read_bytes()


@pytest.mark.slow
def test_sizes_may_differ_in_a_sheet(apply, gray):
    ok(apply("-k", "box:3", "-k", "box:5", "--padding", "valid", "gray.png", "--grid", "g.png"))


# Both, with many inputs


@pytest.mark.slow
def test_several_inputs_make_folders_whoever_works(apply, gray, photo, contents):
    for jobs in ("1", "2"):
        flags = ("--grid", f"g{jobs}", "--stack", f"s{jobs}", "-j", jobs)
        ran = ok(apply(*PAIR, "gray.png", "photo.png", *flags))
        assert ran.names == [
            name
            for stem in ("gray", "photo")
            for name in (
                f"g{jobs}/{stem}_sobel-x+outline_grid.png",
                f"s{jobs}/{stem}_sobel-x+outline.npy",
            )
        ]
        assert all(drawn(name) for name in ran.names if name.endswith(".png"))
    made = contents()
    for name in [name for name in made if name[1:2] == b"1"]:
        assert made[name] == made[name.replace(b"1/", b"2/", 1)]


@pytest.mark.slow
def test_a_figure_and_a_sheet_can_share_a_folder(apply, gray):
    ran = ok(apply("-k", "blur", "gray.png", "--grid", "g/", "--plot", "g/"))
    assert ran.names == ["g/gray_blur.png", "g/gray_blur_grid.png"]


def test_names_of_many_kernels_stay_short(apply, gray, photo, save, rng):
    save("many.npy", rng.normal(size=(64, 1, 3, 3)))
    ran = ok(apply("-k", "many.npy", "gray.png", "--stack", "s/"))
    assert ran.names == ["s/gray_many-1+63-more.npy"]


def test_a_fault_stays_with_its_input(apply, gray, here):
    (here / "broken.png").write_bytes(b"no image")
    ran = apply(*PAIR, "broken.png", "gray.png", "--stack", "s")
    assert ran.code == 1
    assert ran.names == ["s/gray_sobel-x+outline.npy"]
    assert len(ran.errors) == 1


@pytest.mark.slow
def test_results_that_are_kept_count_as_memory(apply, save, rng, contents):
    save("in.png", np.zeros((300, 300), np.uint8))
    save("many.npy", rng.normal(size=(64, 1, 3, 3)))
    before = contents()
    flags = ("-k", "many.npy", "in.png", "--max-memory", "100M")
    apply(*flags, "--range", "raw", "--stack", "s.npy").fails(
        1, "in.png: needs about", "limit of 100 MiB;"
    )
    assert contents() == before
    ok(apply(*flags, "--stack", "s.npy"))
    ok(apply(*flags, "--range", "raw", "--out-dir", "out"))


# Existing files, JSON, dry runs


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--grid", "g.png"], ["--stack", "g.npy"]])
def test_nothing_is_overwritten_unless_asked(apply, gray, here, flags):
    made = here / flags[1]
    made.write_bytes(b"mine")
    apply(*PAIR, "gray.png", *flags).fails(2, flags[1], "--overwrite")
    assert made.read_bytes() == b"mine"
    ok(apply(*PAIR, "gray.png", *flags, "--skip-existing"))
    assert made.read_bytes() == b"mine"
    ok(apply(*PAIR, "gray.png", *flags, "--overwrite"))
    assert made.read_bytes() != b"mine"


def test_what_is_missing_is_made_beside_what_exists(apply, gray, here, contents):
    (here / "g.png").write_bytes(b"mine")
    both = ("--grid", "g.png", "--stack", "s.npy", "--skip-existing")
    assert ok(apply(*PAIR, "gray.png", *both)).names == ["s.npy"]
    assert contents()[b"g.png"] == b"mine"


@pytest.mark.slow
def test_json_names_them(apply, gray):
    ran = ok(apply(*PAIR, "gray.png", "--grid", "g.png", "--stack", "s.npy", "--json"))
    for line, kernel in zip(ran.names, ("sobel-x", "outline"), strict=True):
        record = json.loads(line)
        assert (record["kernel"], record["output"]) == (kernel, None)
        assert (record["grid"], record["stack"]) == ("g.png", "s.npy")
        assert "figure" not in record


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_dry_run_names_them(apply, gray, contents, form):
    before = contents()
    ran = ok(apply(*PAIR, "gray.png", "--grid", "g.png", "--stack", "s.npy", "--dry-run", *form))
    assert contents() == before
    if form:
        assert {json.loads(line)["stack"] for line in ran.names} == {"s.npy"}
    else:
        assert ran.names == ["g.png", "s.npy"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--stack", "s.png"], ".npy"),
        (["--stack", "-"], ".npy"),
        (["--grid", "g.npy"], "must end with"),
        (["--scale", "own"], "--grid"),
        (["--scale", "own", "--plot", "p.png"], "--grid"),
        (["--grid", "g.png", "--frames", "all"], "--frames all"),
        (["--stack", "s.npy", "--frames", "all"], "--frames all"),
        (["--grid", "g.png", "--plot", "g.png"], "g.png"),
        (["--grid", "g.png", "--out-dir", ".", "--name", "g.png{kernel:0}"], "--name"),
    ],
)
def test_contradictions(apply, gray, contents, flags, said):
    before = contents()
    apply(*PAIR, "gray.png", *flags).fails(2, said)
    assert contents() == before


def test_the_input_is_not_replaced_by_its_stack(apply, save, contents):
    save("in.npy", np.ones((4, 4)))
    before = contents()
    apply(*PAIR, "in.npy", "--stack", "in.npy").fails(2, "in.npy: exists already")
    assert contents() == before


@pytest.mark.parametrize("dtype", [int, float])
def test_a_stack_of_narrowed_results_is_rescaled_from_the_maps_own_extremes(
    apply, load, save, dtype
):
    save("in.npy", np.array([[0, 1, 3, 7]] * 130, dtype))
    ok(apply("-k", "identity", "in.npy", "-o", "o.png", "--range", "rescale", "--stack", "s.npy"))
    assert load("o.png").tolist() == [[0, 36, 109, 255]] * 130
    assert np.load("s.npy")[129, :, 0] == pytest.approx(np.array([0, 1, 3, 7]) / 7)
