"""``convcli explain --layer``: values as chain prints them, text, JSON, and what is refused."""

import json
from pathlib import Path

import pytest

from convcli import Chain

LAYERS = ["conv -k gaussian:3 --stride 2", "leaky-relu", "avgpool 2"]


@pytest.fixture
def explain(convcli):
    """Run ``convcli explain`` with a ``--layer`` for each text."""

    def run(texts, *arguments, **extra):
        options = [word for text in texts for word in ("--layer", text)]
        return convcli("explain", *options, *arguments, **extra)

    return run


def text_of(ran):
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out.decode()


def test_the_text_and_the_json_are_those_of_python(explain, photo, load):
    texts = ["conv -k outline --padding same", "relu", "maxpool 2"]
    ran = explain(texts, "--at", "1,2", "--map", "2", "photo.png")
    explanation = Chain(texts).explain(load("photo.png"), (1, 2), 2)
    assert text_of(ran) == f"{explanation}\n"
    ran = explain(texts, "--at", "1,2", "--map", "2", "photo.png", "--json")
    record = json.loads(text_of(ran))
    assert (record["input"], record["at"], record["map"]) == ("photo.png", [1, 2], 2)
    assert (record["value"], record["channels"]) == (explanation.value, 3)
    assert record["field"] == {"rows": [1, 2, 3, 4], "columns": [3, 4, 5, 6]}
    assert [layer["layer"] for layer in record["layers"]] == ["maxpool", "relu", "conv"]
    pool, relu, conv = record["layers"]
    [window] = pool["window"]["values"]
    assert max(map(max, window)) == pool["value"] == relu["value"]
    assert (relu["slope"], relu["next"]) == (None, [*conv["at"], conv["map"]])
    assert max(relu["input"], 0) == relu["value"]
    [response] = conv["responses"]
    assert sum(sum(row) for row in response["sums"][0]["products"]) == conv["value"]
    assert conv["pads"] == {"top": 1, "bottom": 1, "left": 1, "right": 1}
    assert conv["depends"]["channels"] == ["green"]
    assert "scale" not in conv


@pytest.mark.parametrize("digits", [[], ["--digits", "1"]])
@pytest.mark.parametrize("divisor", [1, 10])
def test_the_number_is_the_one_that_chain_prints(explain, convcli, save, rng, divisor, digits):
    save("m.txt", rng.integers(-99, 100, (8, 12)) / divisor)
    words = " ".join(LAYERS).split()
    printed = convcli("chain", "m.txt", *words, "-o", "-", *digits).out.decode()
    for row, line in enumerate(printed.splitlines()):
        for column, word in enumerate(line.split()):
            place = ["--at", f"{row},{column}", "m.txt", "--json", *digits]
            assert json.loads(text_of(explain(LAYERS, *place)))["value"] == float(word)


@pytest.mark.parametrize("density", [[], ["--density"]])
def test_signals_have_positions(explain, convcli, density):
    texts = ["conv -k signal:box,width=2 --border zero --stride 1,2", "maxpool 1,2 --stride 1"]
    flags = ["--x", "-2:2:9", *density, "signal:normal"]
    words = " ".join(texts).split()
    printed = convcli("chain", *flags, *words, "-o", "-").out.decode()
    for column, word in enumerate(printed.split()):
        record = json.loads(text_of(explain(texts, "--at", f"0,{column}", *flags, "--json")))
        assert record["value"] == float(word)
        field = record["field"]
        assert field["x"] == [-2 + place / 2 for place in field["columns"]]
        pooled, conv = record["layers"]
        assert (pooled["x"], pooled["window"]["x"]) == (column - 1.5, [column - 2, column - 1])
        assert conv["x"] in pooled["window"]["x"]
        assert conv["responses"][0]["x"][4] == conv["x"]
    text = text_of(explain(texts, "--at", "0,1", *flags))
    assert text.startswith("layer 2 (maxpool 2x1 stride 1): row 0, column 1 (x -0.5) of the 4x1")
    assert "field     row 0, columns " in text
    assert text.splitlines()[-1] == "field     row 0, columns -2 to 8 (x -3 to 2) of the 9x1 input"


def test_a_matrix_and_standard_input(explain, gray):
    ran = explain(["conv -k '1 2'", "relu"], "--at", "0,0", "--matrix", "3 4")
    assert "sum       (3*1) + (4*2) = 11\n" in text_of(ran)
    image = Path("gray.png").read_bytes()
    assert text_of(explain(["relu"], "--at", "0,0", "-", stdin=image)).startswith("layer 1 (relu)")
    ran = explain(["relu", "conv -k -"], "--at", "0,0", "--matrix", "3 4", stdin=b"5")
    assert "sum       3*5 = 15\n" in text_of(ran).replace("(3*5)", "3*5")
    said = "standard input ('-') can be used once only: as a kernel or as the image"
    explain(["conv -k -"], "--at", "0,0", "-", stdin=image).fails(2, f"layer 1 (conv): {said}")
    twice = ["conv -k -", "conv -k -"]
    explain(twice, "--at", "0,0", "gray.png", stdin=b"5").fails(2, f"layer 2 (conv): {said}")


def test_the_figure_has_the_options_of_figures(explain, photo, tmp_path):
    flags = "--at", "1,1", "--map", "2", "photo.png", "-o", "slide.svg"
    texts = ["conv -k outline --stride 2", "relu"]
    ran = explain(texts, *flags, "--theme", "slide", "--title", "One value", "--digits", "1")
    assert text_of(ran) == "slide.svg\n"
    drawing = (tmp_path / "slide.svg").read_text()
    for words in ("One value", "conv -k outline --stride 2", "relu", "of green"):
        assert words in drawing
    explain(texts, *flags).fails(2, "slide.svg", "--overwrite")
    text_of(explain(texts, *flags, "--overwrite"))
    ran = explain(texts, *flags, "--overwrite", "--cmap", "reds")
    ran.fails(2, "matplotlib has no colormap 'reds'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-k", "blur"], ["leave out -k", "--layer 'conv -k outline --stride 2'"]),
        (["--stride", "2"], ["leave out --stride"]),
        (["--padding", "same"], ["leave out --padding"]),
        (["--border", "zero"], ["leave out --border"]),
        (["--operation", "convolve"], ["leave out --operation"]),
        (["--filter", "1"], ["leave out --filter"]),
        (["--combine", "max"], ["leave out --combine"]),
        (["--normalize"], ["leave out --normalize"]),
        (["--divisor", "2"], ["leave out --divisor"]),
        (["--bias", "2"], ["leave out --bias"]),
        (["--activation", "relu"], ["--layer relu"]),
        (["--range", "clip"], ["values, not pixels", "leave out --range"]),
        (["--percentile", "1,99"], ["leave out --percentile"]),
        (["-o", "e.xlsx"], ["e.xlsx: a spreadsheet shows one kernel", "-o draws a figure"]),
        (["--json", "-o", "e.png"], ["--json prints, and -o draws"]),
        (["--map", "0"], ["--map"]),
    ],
)
def test_options_that_make_no_sense_with_layers(explain, gray, contents, arguments, words):
    before = contents()
    explain(["relu"], "--at", "0,0", *arguments, "gray.png").fails(2, *words)
    assert contents() == before


def test_of_several_maps_the_first_is_explained(explain, photo):
    """It is named, so that nobody takes it for the only one."""
    texts = ["conv -k outline --padding same", "relu", "maxpool 2"]
    first = explain(texts, "--at", "0,0", "photo.png").out
    assert first == explain(texts, "--at", "0,0", "--map", "1", "photo.png").out
    assert first != explain(texts, "--at", "0,0", "--map", "2", "photo.png").out
    assert b"1 of 3" in first


@pytest.mark.parametrize(
    ("texts", "arguments", "code", "words"),
    [
        ([], ["gray.png"], 2, ["Missing option '-k' / '--kernel', or '--layer'"]),
        ([], ["-k", "blur", "--map", "1", "gray.png"], 2, ["--map", "--layer"]),
        (["maxpol 2"], ["gray.png"], 2, ["did you mean maxpool?"]),
        (["relu", "maxpool"], ["gray.png"], 2, ["layer 2 (maxpool): Missing argument 'SIZE'"]),
        (["relu relu"], ["gray.png"], 2, ["layer 1: 'relu relu' is more than the layer relu"]),
        ([""], ["gray.png"], 2, ["layer 1 is empty"]),
        (["conv -k 'x"], ["gray.png"], 2, ["No closing quotation"]),
        (["relu"], [], 2, ["no INPUT"]),
        (["relu"], ["none.png"], 1, ["none.png"]),
        (["relu"], ["photo.png", "--map", "4"], 1, ["there is no map 4", "3 maps"]),
        (["maxpool 99"], ["gray.png"], 1, ["gray.png: layer 1 (maxpool 99x99): window 99x99"]),
        (["maxpool 9"], ["gray.png", "--at", "1,0"], 1, ["position 1,0 is outside the 1x1 map"]),
        (["relu"], ["gray.png", "--max-memory", "1k"], 1, ["gray.png"]),
    ],
)
def test_faults_are_one_line(explain, gray, photo, texts, arguments, code, words):
    place = [] if "--at" in arguments else ["--at", "0,0"]
    explain(texts, *place, *arguments).fails(code, *words)


def test_a_variable_may_hold_layers(convcli, gray):
    ran = convcli("explain", "--at", "0,0", "gray.png", CONVCLI_EXPLAIN_LAYER="relu\nmaxpool 2")
    assert text_of(ran).startswith("layer 2 (maxpool 2x2)")
    ran = convcli("explain", "--at", "0,0", "-k", "blur", "gray.png", CONVCLI_EXPLAIN_LAYER="relu")
    ran.fails(2, "leave out -k")


def test_names_of_layers_are_completed(convcli):
    from click.shell_completion import BashComplete

    from convcli.cli.main import root

    complete = BashComplete(root, {}, "convcli", "_CONVCLI_COMPLETE")
    items = complete.get_completions(["explain", "--layer"], "max")
    assert [item.value for item in items] == ["maxpool"]
