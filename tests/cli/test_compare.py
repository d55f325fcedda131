"""``convcli compare``: what is tried, what is drawn and printed, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import cross_correlate

OUTLINE = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]


@pytest.fixture
def compare(convcli):
    """Run ``convcli compare`` inside this process."""
    return lambda *arguments, **extra: convcli("compare", *arguments, **extra)


def ok(ran):
    assert (ran.code, ran.err) == (0, ""), ran
    return ran


def records(ran):
    return [json.loads(line) for line in ok(ran).out.decode().splitlines()]


def drawn(name):
    with Image.open(name) as image:
        image.load()
        return image.size


DEFAULTS = {
    "border": ["edge", "zero", "reflect", "symmetric", "wrap"],
    "padding": ["same", "valid", "full"],
    "stride": ["1", "2", "3"],
    "dilation": ["1", "2", "3"],
    "operation": ["correlate", "convolve"],
    "range": ["clip", "abs", "offset", "rescale", "percentile", "raw"],
}


@pytest.mark.slow
def test_a_figure_in_the_current_folder(compare, gray, contents):
    before = contents()
    ran = ok(compare("-k", "sobel-x", "--vary", "padding", "gray.png"))
    name = "gray_compare-padding.png"
    assert ran.names == [name]
    assert set(contents()) - set(before) == {name.encode()}
    assert min(drawn(name)) > 300


@pytest.mark.slow
def test_no_figure_goes_to_a_folder_of_data(compare, save, gray):
    save("sub.d/no suffix.png", gray)
    ran = ok(compare("-k", "blur", "--vary", "operation", "sub.d/no suffix.png"))
    assert ran.names == ["no suffix_compare-operation.png"]
    assert min(drawn("no suffix_compare-operation.png")) > 300


@pytest.mark.parametrize(("vary", "values"), DEFAULTS.items())
def test_what_is_tried_where_nothing_is_named(compare, gray, contents, vary, values):
    before = contents()
    found = records(compare("-k", "sobel-x", "--vary", vary, "gray.png", "--json"))
    assert [each["value"] for each in found] == values
    assert {(each["vary"], each["kernel"], each["input"]) for each in found} == {
        (vary, "sobel-x", "gray.png")
    }
    assert found[0]["mean_difference"] == 0
    assert contents() == before


@pytest.mark.parametrize("border", DEFAULTS["border"])
def test_numbers_are_those_of_apply_and_scipy(compare, apply, gray, by_scipy, to_pixels, border):
    values = f"edge {border}"
    flags = ("-k", "outline", "--vary", "border", "--values", values, "gray.png", "--json")
    _, other = records(compare(*flags))
    ran = apply("-k", "outline", "--border", border, "gray.png", "-o", "o.png", "--json")
    applied = json.loads(ran.out)
    for key in ("min", "max", "clipped", "rows", "columns"):
        assert other[key] == applied[key]
    one, two = (to_pixels(by_scipy(gray, OUTLINE, border=each)) for each in ("edge", border))
    assert other["mean_difference"] == pytest.approx(np.abs(two - one).mean())


@pytest.mark.slow
def test_kernels(compare, photo):
    flags = ("-k", "outline", "-k", "sobel", "-k", "outline", "--vary", "kernel", "photo.png")
    assert ok(compare(*flags, "--diff", "-o", "k.pdf")).names == ["k.pdf"]
    found = records(compare(*flags, "--json"))
    assert [each["value"] for each in found] == ["outline", "sobel", "outline"]
    assert found[2]["mean_difference"] == 0 < found[1]["mean_difference"]


def test_a_bank_is_several_kernels(compare, photo, save, rng):
    save("bank.npy", rng.normal(size=(4, 3, 3, 3)))
    found = records(compare("-k", "bank.npy", "--vary", "kernel", "photo.png", "--json"))
    assert [each["value"] for each in found] == [f"filter {n} of bank.npy" for n in (1, 2, 3, 4)]


@pytest.mark.slow
def test_sizes_that_meet_nowhere_have_no_difference(compare, gray):
    flags = ("-k", "outline", "--vary", "padding", "--values", "0 1 2", "--stride", "2", "gray.png")
    found = records(compare(*flags, "--json"))
    assert [each["mean_difference"] for each in found] == [0, None, 0]
    ok(compare(*flags, "--diff"))


def test_pairs_keep_their_comma(compare, gray):
    flags = ("-k", "blur", "--vary", "stride", "--values", "1 2,3 3x2", "gray.png", "--json")
    assert [(each["rows"], each["columns"]) for each in records(compare(*flags))] == [
        (11, 14),
        (6, 5),
        (6, 5),
    ]


def test_other_options_hold_for_all(compare, photo):
    flags = ("-k", "blur", "--vary", "border", "--padding", "valid", "--channels", "r")
    found = records(compare(*flags, "--resize", "9x8", "photo.png", "--json"))
    assert {(each["rows"], each["columns"], each["mean_difference"]) for each in found} == {
        (6, 7, 0.0)
    }


def test_a_fill_adds_the_border_that_it_is_for(compare, gray):
    flags = ("-k", "blur", "--vary", "border", "--fill", "200", "gray.png", "--json")
    found = records(compare(*flags))
    assert [each["value"] for each in found] == [*DEFAULTS["border"], "constant"]
    flags = ("-k", "blur", "--vary", "border", "--values", "zero constant", "gray.png", "--json")
    assert records(compare(*flags))[1]["mean_difference"] == 0
    assert records(compare(*flags, "--fill", "200"))[1]["mean_difference"] > 0


@pytest.mark.slow
def test_plain_numbers_have_no_offset(compare, save, rng):
    save("m.csv", rng.normal(size=(5, 6)))
    found = records(compare("-k", "sobel-x", "--vary", "range", "m.csv", "--json"))
    assert [each["value"] for each in found] == ["clip", "abs", "rescale", "percentile", "raw"]
    flags = ("-k", "sobel-x", "--vary", "range", "--values", "abs raw", "--diff", "m.csv")
    ok(compare(*flags, "--scale", "own"))


@pytest.mark.slow
def test_directions_have_the_ranges_of_colors(compare, gray):
    flags = ("-k", "sobel", "--combine", "direction", "--vary", "range", "gray.png")
    assert [each["value"] for each in records(compare(*flags, "--json"))] == [
        "clip",
        "rescale",
        "percentile",
    ]
    ok(compare(*flags, "--diff"))


def test_numbers_that_json_has_not_are_null(compare, save):
    save("nan.npy", np.full((3, 3), np.nan))
    first, second = records(compare("-k", "1", "--vary", "border", "--values", "edge zero",
                                    "nan.npy", "--json"))  # fmt: skip
    assert (first["min"], second["mean_difference"]) == (None, None)


@pytest.mark.slow
def test_json_draws_where_a_file_is_named(compare, gray):
    found = records(compare("-k", "blur", "--vary", "border", "gray.png", "--values", "edge wrap",
                          "--json", "-o", "c.png"))  # fmt: skip
    assert {each["figure"] for each in found} == {"c.png"}
    assert drawn("c.png")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "scale"),
    [("gray.png", "own"), ("photo.png", "common"), ("m.csv", "common"), ("signal.txt", "own")],
)
def test_any_input(compare, gray, photo, save, rng, source, scale):
    save("m.csv", rng.integers(-9, 9, (6, 6)))
    save("signal.txt", rng.normal(size=(1, 30)))
    flags = ("-k", "box:3", "--vary", "border", "--values", "edge wrap", "--diff", source)
    ok(compare(*flags, "--scale", scale, "-o", "c.png"))
    assert max(drawn("c.png")) < 4000


@pytest.mark.slow
def test_standard_input(compare, gray, here):
    data = (here / "gray.png").read_bytes()
    flags = ("-k", "outline", "--vary", "border", "--values", "edge wrap", "-")
    assert ok(compare(*flags, "-o", "c.png", stdin=data)).names == ["c.png"]
    compare(*flags, stdin=data).fails(2, "-o FILE")
    ran = compare("-k", "-", "--vary", "stride", "gray.png", "--json", stdin=b"1 0; 0 1")
    assert len(records(ran)) == 3


@pytest.mark.slow
def test_the_same_bytes_each_time(compare, photo, here):
    for name in ("a.png", "b.png"):
        flags = ("-k", "outline", "--vary", "border", "--values", "edge wrap", "--diff")
        ok(compare(*flags, "photo.png", "-o", name))
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


@pytest.mark.slow
def test_a_figure_is_not_overwritten_unless_asked(compare, gray, here):
    (here / "c.png").write_bytes(b"mine")
    flags = ("-k", "blur", "--vary", "stride", "--values", "1 2", "gray.png", "-o", "c.png")
    compare(*flags).fails(2, "c.png", "--overwrite")
    assert (here / "c.png").read_bytes() == b"mine"
    ok(compare(*flags, "--overwrite"))
    assert drawn("c.png")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--vary", "kernel"], "-k for each"),
        (["--vary", "kernel", "-k", "blur", "--values", "a b"], "'a'"),
        (["--vary", "border", "-k", "blur"], "2 kernels give 2 results"),
        (["--vary", "border", "--border", "zero"], "--values"),
        (["--vary", "stride", "--stride", "2"], "--values"),
        (["--vary", "border", "--values", "edge"], "two or more"),
        (["--vary", "border", "--values", ""], "two or more"),
        (["--vary", "border", "--values", "edge around"], "'around'"),
        (["--vary", "stride", "--values", "1 0"], "--values: '0'"),
        (["--vary", "padding", "--values", "same lots"], "'lots'"),
        (["--vary", "border", "--values", "edge zero", "--fill", "3"], "--fill"),
        (["--vary", "stride", "--fill", "3"], "--border constant"),
        (["--vary", "color"], "color"),
        ([], "--vary"),
        (["--vary", "border", "-o", "c.npy"], "c.npy"),
        (["--vary", "border", "-o", "-"], "must end with"),
        (["--vary", "kernel", "-k", "blur", "--combine", "sum"], "-k for each"),
        (["--vary", "border", "--panels", "padded,result"], "apply --plot draws it"),
        (["--vary", "border", "--panels", "products"], "explain --at draws"),
        (["--vary", "border", "--panels", "kernel"], "add result"),
        (["--vary", "border", "--json", "--theme", "dark"], "-o FILE"),
        (["--vary", "border", "--cmap", "grey-ish"], "no colormap"),
    ],
)
def test_contradictions(compare, gray, contents, flags, said):
    before = contents()
    compare("-k", "outline", *flags, "gray.png").fails(2, said)
    assert contents() == before


def test_files_that_cannot_be_read(compare, here):
    (here / "broken.png").write_bytes(b"no image")
    flags = ("-k", "outline", "--vary", "border")
    compare(*flags, "broken.png").fails(1, "broken.png")
    compare(*flags, "nothing.png").fails(1, "nothing.png: no such file")
    for folder in (".", "..", "/", ""):
        compare(*flags, folder).fails(1)


def test_a_choice_that_does_not_fit_is_named_with_the_input(compare, save):
    save("tiny.png", np.zeros((4, 4), np.uint8))
    flags = ("-k", "box:3", "--vary", "dilation", "--padding", "valid", "tiny.png")
    compare(*flags).fails(1, "tiny.png: dilation 2: kernel 3x3")


def test_five_channels_can_be_compared_but_not_drawn(compare, save):
    save("five.npy", np.zeros((6, 6, 5)))
    flags = ("-k", "blur", "--vary", "border", "five.npy")
    assert len(records(compare(*flags, "--json"))) == 5
    compare(*flags).fails(1, "1 or 3 channels")


@pytest.mark.slow
def test_as_a_program(process, gray):
    ran = process("compare", "-k", "1", "--vary", "operation", "gray.png")
    assert (ran.code, ran.err) == (0, "")
    process("compare", "-k", "outline", "--vary", "border", "gone.png").fails(1, "gone.png")


def test_kernels_named_by_values(compare, gray):
    flags = ("--vary", "kernel", "gray.png", "--json")
    found = records(compare(*flags, "--values", "outline gaussian:5"))
    assert [each["value"] for each in found] == ["outline", "gaussian:5"]
    both = records(compare(*flags, "-k", "blur", "--values", "outline gaussian:5"))
    assert [each["value"] for each in both] == ["blur", "outline", "gaussian:5"]
    once = records(compare(*flags, "-k", "blur", "--values", "outline blur outline"))
    assert [each["value"] for each in once] == ["blur", "outline"]
    compare("--vary", "border", "gray.png").fails(2, "Missing option '-k' / '--kernel'")


@pytest.mark.slow
def test_all_results_together_are_to_fit_into_memory(compare, gray, contents, monkeypatch):
    before = contents()
    monkeypatch.setattr("convcli.batch.memory.available_memory", lambda: 64 << 20)
    command = ["-k", "blur", "--padding", "1500", "--json", "gray.png", "--vary", "border"]
    assert compare(*command, "--values", "zero edge").code == 0
    compare(*command).fails(1, "gray.png: needs about ")
    assert contents() == before


@pytest.mark.slow
def test_a_figure_is_set_by_options(compare, gray, here):
    flags = ("-k", "outline", "--vary", "border", "--values", "edge wrap", "gray.png", "--no-axes")
    more = ("--theme", "slide", "--titles", "A,B", "--title", "T", "--panels", "kernel,result")
    ok(compare(*flags, *more, "-o", "c.svg", "--no-bars"))
    text = (here / "c.svg").read_text()
    words = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert {"A", "B", "T", "8", "-1"} <= set(words)
    assert "pixel" not in words


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (("--vary", "border"), "5"),
        (("--vary", "border", "--fill", "1", "--panels", "input,result"), "7"),
        (("--vary", "stride", "--values", "1 2 3 4", "--diff"), "8"),
        (("--vary", "range"), "5 or 6"),
        (("--vary", "kernel", "-k", "blur", "--panels", "input,result"), "3"),
    ],
)
def test_titles_are_as_many_as_tiles_before_the_input_is_read(compare, here, options, needed):
    compare("-k", "outline", *options, "--titles", "a,b", "absent.png", "-o", "c.png").fails(
        2, f"--titles: {needed} needed, one for each tile, and 2 given"
    )


@pytest.mark.slow
def test_values_without_meaning_are_named_in_the_figure(compare, save, here):
    save("m.csv", np.arange(12).reshape(3, 4))
    for vary, said in (
        ("range", "without offset, which needs pixels"),
        ("border", "without constant, which needs --fill"),
    ):
        ok(compare("-k", "1 2 1", "--vary", vary, "m.csv", "-o", f"{vary}.svg"))
        text = (here / f"{vary}.svg").read_text()
        assert said in text
        assert ">m.csv: 1 2 1<" in text  # the kernel as it was typed


def test_missing_pixels_are_left_out_of_results_and_differences(compare, save):
    save("in.csv", [[1, 2, -9, 8], [3, 4, 5, -9], [3, -9, -9, -9]])
    save("m.csv", [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    words = ["--vary", "kernel", "-k", "1 1 1", "-k", "-1 0 1", "in.csv", "--nodata", -9]
    found = records(compare(*words, "--mask", "m.csv", "--json"))
    image = np.ma.masked_equal([[-9, 2, -9, 8], [3, 4, 5, -9], [3, -9, -9, -9]], -9)
    first, second = (cross_correlate(image, [row]) for row in ([1, 1, 1], [-1, 0, 1]))
    assert [each["missing"] for each in found] == [6, 6]
    assert [each["invalid"] for each in found] == [np.isnan(first).sum(), np.isnan(second).sum()]
    mean = np.nanmean(np.abs(second - first))
    assert found[1]["mean_difference"] == pytest.approx(mean)
    assert "missing" not in records(compare(*words[:7], "--json"))[0]
    compare(*words, "--min-valid", 2).fails(2, "'--min-valid'")
    compare(*words[:7], "--min-valid", 1).fails(2, "--min-valid needs")
    ran = ok(compare(*words, "-o", "f.svg", "--panels", "input,result"))
    assert ran.names == ["f.svg"]
    text = Path("f.svg").read_text()
    assert "nodata -9" in text
    assert "5 NaN in magenta" in text
